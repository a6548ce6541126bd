/* figures: all changes together: how long, how often, and where the time went. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "cli/ask.h"
#include <inttypes.h>
#include <stdio.h>

static const char *span(const struct args *a, const json_t *s)
{
    if (json_int(s, "n", 0) == 0)
        return "-";
    return duration_text(json_int(s, "median_ms", 0), a->arena);
}

static void line(const struct args *a, const char *name, const json_t *s)
{
    int64_t n = json_int(s, "n", 0);
    if (n == 0)
        printf("%-22s -\n", name);
    else
        printf("%-22s %s  (most between %s and %s; %" PRId64 " times)\n", name, span(a, s),
               duration_text(json_int(s, "low_ms", 0), a->arena),
               duration_text(json_int(s, "high_ms", 0), a->arena), n);
}

static const char *percent(const struct args *a, const json_t *o)
{
    return json_int(o, "changes", 0) ? arena_printf(a->arena, "%.0f %%", 100 * json_num(o, "failure_rate", 0))
                                     : "-";
}

static void groups(const struct args *a, const char *title, const json_t *list, const char *key)
{
    const char *const head[] = {title, "CHANGES", "DEPLOYMENTS", "FAILED", "RESTORE", "LEAD"};
    struct table t = {head, 6, ARENA_ARRAY(a->arena, json_array_size(list) * 6 + 1, const char *), 0};
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)list, i, one) {
        const char **row = t.cells + t.rows++ * 6;
        row[0] = json_str(one, key, "?");
        row[1] = arena_printf(a->arena, "%" PRId64, json_int(one, "changes", 0));
        row[2] = arena_printf(a->arena, "%" PRId64, json_int(one, "deployments", 0));
        row[3] = percent(a, one);
        row[4] = span(a, json_object_get(one, "restore"));
        row[5] = span(a, json_object_get(one, "lead"));
    }
    if (t.rows == 0)
        return;
    puts("");
    table_print(&t);
}

static void waits(const struct args *a, const char *title, const json_t *list, const char *key)
{
    enum { SHOWN = 8 };
    const char *const head[] = {title, "TIMES", "TOTAL", "MEAN", "LONGEST"};
    struct table t = {head, 5, ARENA_ARRAY(a->arena, SHOWN * 5, const char *), 0};
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)list, i, one) {
        if (t.rows == SHOWN)
            break;
        const char **row = t.cells + t.rows++ * 5;
        row[0] = json_str(one, key, "?");
        row[1] = arena_printf(a->arena, "%" PRId64, json_int(one, "n", 0));
        row[2] = duration_text(json_int(one, "total_ms", 0), a->arena);
        row[3] = duration_text(json_int(one, "mean_ms", 0), a->arena);
        row[4] = duration_text(json_int(one, "longest_ms", 0), a->arena);
    }
    if (t.rows == 0)
        return;
    puts("");
    table_print(&t);
}

static int print(const struct args *a, const json_t *f)
{
    printf("%-22s %" PRId64 " (%" PRId64 " open)\n", "changes", json_int(f, "changes", 0),
           json_int(f, "open", 0));
    printf("%-22s %" PRId64 "\n", "deployments", json_int(f, "deployments", 0));
    printf("%-22s %s\n", "failed", percent(a, f));
    line(a, "time to restore", json_object_get(f, "restore"));
    line(a, "lead time", json_object_get(f, "lead"));
    line(a, "trouble: to notice", json_object_get(f, "notice"));
    line(a, "trouble: to tell", json_object_get(f, "tell"));
    line(a, "trouble: to decide", json_object_get(f, "decide"));
    line(a, "trouble: to repair", json_object_get(f, "repair"));
    groups(a, "CLIENT", json_object_get(f, "clients"), "client");
    groups(a, "SERVICE", json_object_get(f, "services"), "service");
    waits(a, "WHERE THE TIME WENT", json_object_get(f, "steps"), "step");
    waits(a, "WHO WAS WAITED FOR", json_object_get(f, "whom"), "whom");
    return EXIT_DONE;
}

static void add(struct buf *b, const char *key, const char *value)
{
    if (!value)
        return;
    buf_printf(b, "%c%s=", b->len ? '&' : '?', key);
    buf_add_url(b, value);
}

static int run(struct args *a)
{
    _cleanup_buf_ struct buf query = {0};
    add(&query, "days", opt(a, "days"));
    add(&query, "client", opt(a, "client"));
    add(&query, "service", opt(a, "service"));
    return ask_and_print(a, "GET", arena_printf(a->arena, "/api/v1/figures%s", buf_str(&query)), NULL, print);
}

const struct command cmd_figures = {
    .name = "figures",
    .usage = "",
    .says = "all changes together: time to restore, lead time, failures, and where the time went",
    .more =
        "Computed from the record of the newest 2,000 changes. Time to restore counts from the incident to the moment "
        "at which what was deployed had been verified; lead time counts from the plan. A change has failed when it came "
        "into trouble, was rolled back or stopped.",
    .examples = "signalbox figures --days 90\tthe last quarter\n"
                "signalbox figures --client tangerine --json\tfor other programs\n",
    .group = 2,
    .words_min = 0,
    .words_max = 0,
    .options = {{"days", 0, OPTION_VALUE, "N", "only changes planned in the last N days (default: all)",
                 NULL},
                {"client", 0, OPTION_VALUE, "CLIENT", "only this client (default: all)", "clients"},
                {"service", 's', OPTION_VALUE, "SERVICE", "only changes of this service (default: all)",
                 "services"}},
    .run = run,
};
