/* figures.c: time to restore, lead time, failure rate, where time went; from the record, as tables that charts are
 * drawn of. */
#include "web/inside.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CHANGES_SHOWN = 12, VALUES_MOST = 2000 };

/* --- numbers ----------------------------------------------------------------------------------- */

struct series {
    int64_t values[VALUES_MOST];
    size_t n;
};

static void take(struct series *s, int64_t from, int64_t to)
{
    if (from > 0 && to > from && s->n < VALUES_MOST)
        s->values[s->n++] = to - from;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int64_t median(struct series *s)
{
    if (s->n == 0)
        return 0;
    qsort(s->values, s->n, sizeof *s->values, ascending);
    return s->n % 2 ? s->values[s->n / 2] : (s->values[s->n / 2 - 1] + s->values[s->n / 2]) / 2;
}

static bool counts(const json_t *c)
{
    return str_eq(json_str(c, "status", ""), "ended") && !str_eq(json_str(c, "outcome", ""), "cancelled");
}

static void figure(struct visit *v, const char *name, const char *value, const char *says)
{
    html_put(&v->html, "<div><dt>%s</dt><dd class='big'>%s</dd><dd class='muted'>%s</dd></div>", name, value,
             says);
}

static void summary(struct visit *v, const json_t *changes)
{
    struct series *restore = ARENA_NEW(&v->arena, struct series), *lead = ARENA_NEW(&v->arena, struct series);
    size_t i, n = 0, bad = 0;
    json_t *c;
    json_array_foreach((json_t *)(uintptr_t)changes, i, c) {
        if (!counts(c))
            continue;
        n++;
        bad += json_int(c, "rounds", 0) > 0 || !str_eq(json_str(c, "outcome", ""), "done");
        take(restore, json_int(c, "incident", 0), json_int(c, "ended", 0));
        take(lead, json_int(c, "planned", 0), json_int(c, "ended", 0));
    }
    html_put(&v->html, "<dl class='figures'>");
    figure(v, "Changes", arena_printf(&v->arena, "%zu", n), "ended, and not called off before");
    figure(v, "Time to restore", restore->n ? visit_duration(v, median(restore)) : "–",
           "median, from incident to end");
    figure(v, "Lead time", lead->n ? visit_duration(v, median(lead)) : "–", "median, from plan to end");
    figure(v, "Change failure rate", n ? arena_printf(&v->arena, "%zu %%", bad * 100 / n) : "–",
           "had trouble, or ended otherwise than planned");
    html_put(&v->html, "</dl>");
}

/* --- where time went --------------------------------------------------------------------------- */

enum spent { SPENT_PEOPLE, SPENT_PIPELINE, SPENT_VERIFYING, SPENT_OTHER, SPENT_KINDS };
static const char *const spent_names[SPENT_KINDS] = {"People", "Pipeline", "Verifying", "Other systems"};

static enum spent kind_of(const json_t *step)
{
    const char *does = json_str(step, "does", "");
    if (!*does || json_object_get(step, "question"))
        return SPENT_PEOPLE;
    if (str_starts(does, "pipeline."))
        return SPENT_PIPELINE;
    return str_starts(does, "health.") || str_starts(does, "cluster.") ? SPENT_VERIFYING : SPENT_OTHER;
}

static void time_spent(const json_t *change, int64_t spent[SPENT_KINDS])
{
    size_t i;
    json_t *s;
    memset(spent, 0, SPENT_KINDS * sizeof *spent);
    json_array_foreach(json_object_get(change, "steps"), i, s) {
        int64_t began = json_int(s, "began", 0), ended = json_int(s, "ended", 0);
        if (began && ended > began)
            spent[kind_of(s)] += ended - began;
    }
}

static void minutes(struct visit *v, int64_t ms)
{
    html_put(&v->html, "<td data-value='%.2f'>%s</td>", (double)ms / 60000, ms ? visit_duration(v, ms) : "–");
}

static void where_time_went(struct visit *v, const json_t *changes)
{
    struct html *h = &v->html;
    size_t i, shown = 0;
    json_t *c;
    html_put(
        h,
        "<section class='card'><h2>Where time went</h2><p class='muted'>Minutes in steps; those that ran at once count each.</p>"
        "<table data-chart='stacked' data-unit='min'><thead><tr><th scope='col'>Change</th>");
    for (size_t k = 0; k < SPENT_KINDS; k++)
        html_put(h, "<th scope='col'>%s</th>", spent_names[k]);
    html_put(h, "</tr></thead><tbody>");
    json_array_foreach((json_t *)(uintptr_t)changes, i, c) {
        int64_t spent[SPENT_KINDS];
        if (!counts(c) || shown++ >= CHANGES_SHOWN)
            continue;
        _cleanup_json_ json_t *whole = engine_change(v->web->engine, json_str(c, "id", ""), NULL);
        time_spent(whole, spent);
        html_put(h, "<tr><th scope='row'><a href='/changes/%s'>%s</a></th>",
                 html_part(h, json_str(c, "id", "")), json_str(c, "id", ""));
        for (size_t k = 0; k < SPENT_KINDS; k++)
            minutes(v, spent[k]);
        html_put(h, "</tr>");
    }
    html_put(h, "</tbody></table></section>");
}

static void times(struct visit *v, const json_t *changes)
{
    struct html *h = &v->html;
    size_t i, shown = 0;
    json_t *c;
    html_put(
        h,
        "<section class='card'><h2>Time to restore, and lead time</h2><table data-chart='bars' data-unit='min'><thead><tr>"
        "<th scope='col'>Change</th><th scope='col'>Time to restore</th><th scope='col'>Lead time</th></tr></thead><tbody>");
    json_array_foreach((json_t *)(uintptr_t)changes, i, c) {
        int64_t incident = json_int(c, "incident", 0), end = json_int(c, "ended", 0);
        if (!counts(c) || shown++ >= CHANGES_SHOWN)
            continue;
        html_put(h, "<tr><th scope='row'><a href='/changes/%s'>%s</a></th>",
                 html_part(h, json_str(c, "id", "")), json_str(c, "id", ""));
        minutes(v, incident ? end - incident : 0);
        minutes(v, end - json_int(c, "planned", end));
        html_put(h, "</tr>");
    }
    html_put(h, "</tbody></table></section>");
}

static void told(struct visit *v, int status, const json_t *body)
{
    static const struct page p = {
        .title = "Figures", .place = "figures", .script = "charts.js", .wide = true};
    const json_t *changes = json_object_get(body, "changes");
    size_t i, n = 0;
    json_t *c;
    if (status != 200) {
        visit_problem(v, status, body);
        return;
    }
    page_begin(v, &p);
    html_put(&v->html, "<h1>Figures</h1>");
    json_array_foreach((json_t *)(uintptr_t)changes, i, c)
        n += counts(c);
    if (n == 0) {
        html_put(&v->html, "<p class='empty'>No change has ended yet. <a href='/plan'>Plan a hotfix</a></p>");
    } else {
        summary(v, changes);
        html_put(&v->html, "<div class='columns even'><div class='main'>");
        times(v, changes);
        html_put(&v->html, "</div><div class='side'>");
        where_time_went(v, changes);
        html_put(&v->html, "</div></div>");
    }
    page_end(v);
    visit_page(v);
}

void figures_page(struct visit *v)
{
    visit_ask(v, "GET", "/api/v1/changes", NULL, told);
}
