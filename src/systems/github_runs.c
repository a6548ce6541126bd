/* github_runs.c: what check runs and statuses say together. GitHub keeps two kinds of verdict on a commit:
 * check runs (of apps and Actions) and statuses (of everything older). Both count. Pure. */
#include "base/instant.h"
#include "systems/github_driver.h"
#include <string.h>

static bool is_completed(const json_t *run)
{
    return str_eq(json_str(run, "status", ""), "completed");
}

static bool has_passed(const json_t *run)
{
    const char *conclusion = json_str(run, "conclusion", "");
    return str_eq(conclusion, "success") || str_eq(conclusion, "neutral") || str_eq(conclusion, "skipped");
}

static void add_name(struct buf *names, const char *name)
{
    enum { NAMES_MAX = 300 };
    if (names->len < NAMES_MAX)
        buf_printf(names, "%s%.80s", names->len ? ", " : "", name);
}

/* Names of runs and statuses that failed, or of those under way. */
static int add_names(const json_t *runs, const json_t *status, bool failed, struct buf *names)
{
    int n = 0;
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        if (failed ? is_completed(run) && !has_passed(run) : !is_completed(run)) {
            add_name(names, json_str(run, "name", "?"));
            n++;
        }
    }
    const json_t *statuses = json_object_get(status, "statuses");
    for (size_t i = 0; i < json_array_size(statuses); i++) {
        const json_t *s = json_array_get(statuses, i);
        const char *state = json_str(s, "state", "");
        bool wanted = failed ? str_eq(state, "failure") || str_eq(state, "error") : str_eq(state, "pending");
        if (wanted) {
            add_name(names, json_str(s, "context", "?"));
            n++;
        }
    }
    return n;
}

const char *github_verdict(const json_t *runs, const json_t *status, struct buf *names)
{
    /* Without any status the combined state is "pending": the count tells. */
    bool has_status = json_int(status, "total_count", 0) > 0;
    const char *state = has_status ? json_str(status, "state", "") : "";
    if (json_array_size(runs) == 0 && !has_status)
        return "none";
    if (add_names(runs, status, true, names) > 0 || str_eq(state, "failure") || str_eq(state, "error"))
        return "failed";
    if (add_names(runs, status, false, names) > 0 || str_eq(state, "pending"))
        return "pending";
    return "passed";
}

json_t *github_durations(const json_t *runs)
{
    json_t *out = json_object();
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        int64_t from, to;
        if (is_completed(run) && instant_parse_rfc3339(json_str(run, "started_at", ""), &from, NULL) &&
            instant_parse_rfc3339(json_str(run, "completed_at", ""), &to, NULL) && to >= from)
            json_object_set_new(out, json_str(run, "name", ""), json_integer(to - from));
    }
    return out;
}

int64_t github_took(const json_t *runs)
{
    int64_t first = 0, last = 0;
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        int64_t from, to;
        if (!is_completed(run) || !instant_parse_rfc3339(json_str(run, "started_at", ""), &from, NULL) ||
            !instant_parse_rfc3339(json_str(run, "completed_at", ""), &to, NULL))
            continue;
        first = first == 0 || from < first ? from : first;
        last = to > last ? to : last;
    }
    return last > first ? last - first : 0;
}

int64_t github_ready_at(const json_t *runs, const json_t *durations)
{
    int64_t ready = 0;
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        const json_t *took = json_object_get(durations, json_str(run, "name", ""));
        int64_t from;
        if (is_completed(run))
            continue;
        if (!took)
            return 0; /* one that nobody has seen yet may take any time */
        if (!instant_parse_rfc3339(json_str(run, "started_at", ""), &from, NULL))
            return 0;
        int64_t end = from + json_integer_value(took);
        ready = end > ready ? end : ready;
    }
    return ready;
}
