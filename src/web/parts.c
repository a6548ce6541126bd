/* parts.c: what several pages show: states, moments, prose. */
#include "web/inside.h"
#include <ctype.h>
#include <string.h>

/* --- states ----------------------------------------------------------------------------------- */

static const struct {
    const char *state, *word, *icon;
} states[] = {
    {"done", "done", "done"},
    {"running", "running", "running"},
    {"asks", "waits for you", "asks"},
    {"waiting", "to come", "waiting"},
    {"ready", "at its hour", "clock"},
    {"paused", "tries again", "again"},
    {"doubt", "being looked up", "doubt"},
    {"unsure", "nobody knows", "doubt"},
    {"skipped", "left out", "skipped"},
    {"failed", "failed", "failed"},
    {"trouble", "in trouble", "failed"},
    {"planned", "planned", "clock"},
    {"cancelled", "cancelled", "skipped"},
    {"rolled-back", "rolled back", "back"},
    {"stopped", "stopped", "failed"},
    {"not-yet", "not yet", "doubt"},
    {"behind", "waits for another", "clock"},
    {"unstable", "unstable", "doubt"},
    {"aborted", "aborted", "skipped"},
    {"dormant", "if it pauses", "waiting"},
    {"repairing", "being repaired", "running"},
    {"stopping", "stopping", "running"},
    {"cancelling", "being undone", "running"},
};

static size_t state_at(const char *state)
{
    for (size_t i = 0; i < COUNT_OF(states); i++)
        if (str_eq(states[i].state, state))
            return i;
    return 3;
}

const char *state_word(const char *state)
{
    return states[state_at(state)].word;
}

void part_icon(struct html *h, const char *name)
{
    html_put(h, "<svg class='icon' aria-hidden='true' viewBox='0 0 16 16'><use href='%s#%s'/></svg>",
             h->icons, name);
}

void part_state(struct html *h, const char *state)
{
    size_t i = state_at(state);
    html_put(h, "<span class='state s-%s'>", states[i].state);
    part_icon(h, states[i].icon);
    html_put(h, "%s</span>", states[i].word);
}

const char *state_of_step(const char *status)
{
    static const struct {
        const char *status, *state;
    } map[] = {
        {"done", "done"},        {"skipped", "skipped"},   {"failed", "failed"},   {"asking", "asks"},
        {"intended", "running"}, {"observing", "running"}, {"paused", "paused"},   {"in-doubt", "doubt"},
        {"unsure", "unsure"},    {"ready", "ready"},       {"dormant", "dormant"},
    };
    for (size_t i = 0; i < COUNT_OF(map); i++)
        if (str_eq(map[i].status, status))
            return map[i].state;
    return "waiting";
}

const char *state_of_stage(const char *status, bool paused)
{
    static const struct {
        const char *status, *state;
    } map[] = {
        {"SUCCESS", "done"},      {"IN_PROGRESS", "running"}, {"PAUSED_PENDING_INPUT", "asks"},
        {"UNSTABLE", "unstable"}, {"FAILED", "failed"},       {"ABORTED", "aborted"},
        {"QUEUED", "ready"},
    };
    if (paused)
        return "asks";
    for (size_t i = 0; i < COUNT_OF(map); i++)
        if (str_eq(map[i].status, status))
            return map[i].state;
    return "waiting";
}

void part_change_state(struct html *h, const json_t *change)
{
    const char *status = json_str(change, "status", ""), *outcome = json_str(change, "outcome", "");
    bool behind = json_object_get(change, "queue_behind") != NULL;
    if (!str_eq(status, "ended"))
        part_state(h, behind && str_eq(status, "running") ? "behind" : status);
    else
        part_state(h, outcome);
}

/* --- moments ---------------------------------------------------------------------------------- */

static void time_tag(struct html *h, const char *class, int64_t ms, const char *text)
{
    char iso[32];
    instant_rfc3339(ms, iso);
    html_put(h, "<time class='%s' datetime='%s' data-at='%lld'>%s</time>", class, iso, (long long)ms, text);
}

void part_moment(struct visit *v, int64_t ms, const char *zone)
{
    if (ms)
        time_tag(&v->html, "moment", ms, instant_text(ms, zone ? zone : "UTC", v->now, &v->arena));
}

void part_hour(struct visit *v, int64_t ms, const char *zone)
{
    struct civil c;
    if (ms && instant_to_civil(ms, zone ? zone : "UTC", &c, NULL))
        time_tag(&v->html, "hour", ms, arena_printf(&v->arena, "%02d:%02d:%02d", c.hour, c.minute, c.second));
}

const char *visit_duration(struct visit *v, int64_t ms)
{
    return duration_text(ms < 0 ? 0 : ms, &v->arena);
}

void part_since(struct visit *v, int64_t ms)
{
    if (ms)
        time_tag(&v->html, "since", ms, visit_duration(v, (v->now - ms) / 1000 * 1000));
}

void part_until(struct visit *v, int64_t ms)
{
    if (ms)
        time_tag(&v->html, "until", ms, visit_duration(v, (ms - v->now) / 1000 * 1000));
}

const char *plural(struct visit *v, size_t n, const char *one, const char *many)
{
    return arena_printf(&v->arena, "%zu %s", n, n == 1 ? one : many);
}

/* --- prose ------------------------------------------------------------------------------------ */

/* The length of an address at `s`, without the full stop that ends its sentence. */
static size_t address_at(const char *s)
{
    if (!str_starts(s, "https://") && !str_starts(s, "http://"))
        return 0;
    size_t n = strcspn(s, " \t\r\n<>\"'`");
    while (n > 0 && strchr(".,;:!?)", s[n - 1]))
        n--;
    return n;
}

/* What is put between two marks of the same kind on one line; 0 = nothing is. */
static size_t marked(const char *s, const char *mark)
{
    size_t m = strlen(mark);
    if (strncmp(s, mark, m) != 0 || isspace((unsigned char)s[m]))
        return 0;
    const char *end = strstr(s + m, mark), *line = strchr(s, '\n');
    return end && end > s + m && (!line || end < line) ? (size_t)(end - s) - m : 0;
}

static void put_line(struct html *h, const char *s, const char *end)
{
    while (s < end) {
        size_t n;
        if ((n = marked(s, "**")) > 0 && s + n + 4 <= end) {
            html_put(h, "<strong>%.*s</strong>", (int)n, s + 2);
            s += n + 4;
        } else if ((n = marked(s, "`")) > 0 && s + n + 2 <= end) {
            html_put(h, "<code>%.*s</code>", (int)n, s + 1);
            s += n + 2;
        } else if ((n = address_at(s)) > 0) {
            const char *url = arena_strndup(h->arena, s, n);
            html_put(h, "<a href='%s' rel='noreferrer'>%s</a>", html_link(url), url);
            s += n;
        } else {
            /* Escapes of Markdown are for its readers, not for people. */
            if (*s == '\\' && s + 1 < end && ispunct((unsigned char)s[1]))
                s++;
            size_t run = 1;
            while (s + run < end && !strchr("*`\\h", s[run]))
                run++;
            html_put(h, "%.*s", (int)run, s);
            s += run;
        }
    }
}

void part_prose(struct html *h, const char *text)
{
    bool open = false, list = false;
    for (const char *s = text ? text : ""; *s;) {
        size_t n = strcspn(s, "\n");
        const char *line = s + strspn(s, " \t"), *end = s + n;
        bool empty = line >= end, item = str_starts(line, "- ");
        if (list && !item) {
            html_put(h, "</ul>");
            list = false;
        }
        if (open && (empty || item)) {
            html_put(h, "</p>");
            open = false;
        }
        if (item) {
            if (!list)
                html_put(h, "<ul>");
            list = true;
            html_put(h, "<li>");
            put_line(h, line + 2, end);
            html_put(h, "</li>");
        } else if (!empty) {
            html_put(h, open ? "<br>" : "<p>");
            open = true;
            put_line(h, line, end);
        }
        s = *end ? end + 1 : end;
    }
    if (list)
        html_put(h, "</ul>");
    if (open)
        html_put(h, "</p>");
}
