/* change_health.c: how well the system is: before, now, and while it was watched. */
#include "web/inside.h"
#include <stdlib.h>

static const json_t *measure_named(const json_t *measures, const char *name)
{
    size_t i;
    json_t *m;
    json_array_foreach((json_t *)(uintptr_t)measures, i, m)
        if (str_eq(json_str(m, "name", ""), name))
            return m;
    return NULL;
}

static void number(struct html *h, const json_t *m)
{
    if (json_is_number(json_object_get(m, "value")))
        html_put(h, "<td data-value='%.6f'>%.4f <span class='muted'>%s</span></td>", json_num(m, "value", 0),
                 json_num(m, "value", 0), json_str(m, "unit", ""));
    else
        html_put(h, "<td class='muted'>not known</td>");
}

static const json_t *first_snapshot(const json_t *c)
{
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(c, "steps"), i, s)
        if (str_eq(json_str(s, "does", ""), "health.snapshot"))
            return s;
    return NULL;
}

/* What was measured last: by watching, or by the snapshot that is taken in trouble. */
static const json_t *measures_now(const json_t *c)
{
    const json_t *watch = step_doing(c, "health.watch"), *look = step_doing(c, "health.snapshot");
    bool later = look != first_snapshot(c) && json_int(look, "since", 0) > json_int(watch, "since", 0);
    const json_t *step = later ? look : watch;
    return json_path(step, json_object_get(step, "result") ? "result.measures" : "view.measures");
}

void change_health(struct visit *v, const json_t *c)
{
    const json_t *first = json_path(first_snapshot(c), "result.measures"), *now = measures_now(c);
    const json_t *list = now ? now : first;
    struct html *h = &v->html;
    size_t i;
    json_t *m;
    html_put(h, "<section id='health' data-live class='card'><h2>Health</h2>");
    if (json_array_size(list) == 0) {
        html_put(h, "<p class='empty'>Not measured yet.</p></section>");
        return;
    }
    html_put(h, "<table data-bars><thead><tr><th scope='col'>Measure</th><th scope='col'>Before</th>"
                "<th scope='col'>Now</th><th scope='col'>Verdict</th></tr></thead><tbody>");
    json_array_foreach((json_t *)(uintptr_t)list, i, m) {
        html_put(h, "<tr><th scope='row'>%s</th>", json_str(m, "name", "?"));
        number(h, measure_named(first, json_str(m, "name", "")));
        number(h, now ? m : NULL);
        html_put(h, "<td>");
        if (now) {
            part_icon(h, json_flag(m, "ok", false) ? "done" : "failed");
            html_put(h, json_flag(m, "ok", false) ? " good" : " bad");
        }
        html_put(h, "</td></tr>");
    }
    html_put(h, "</tbody></table></section>");
}

/* --- while it was watched --------------------------------------------------------------------- */

enum { LOOKS_SHOWN = 60 };

struct look {
    int64_t at;
    const json_t *measures;
};

/* The looks at the system's health among the events, oldest first. */
static size_t looks_of(const json_t *events, struct look looks[LOOKS_SHOWN])
{
    size_t n = 0;
    for (size_t i = json_array_size(events); i-- > 0 && n < LOOKS_SHOWN;) {
        const json_t *e = json_array_get(events, i), *list = json_path(e, "data.view.measures");
        list = list ? list : json_path(e, "data.result.measures");
        if (json_array_size(list) > 0)
            looks[n++] = (struct look){json_int(e, "at", 0), list};
    }
    for (size_t i = 0; i < n / 2; i++) {
        struct look swap = looks[i];
        looks[i] = looks[n - 1 - i];
        looks[n - 1 - i] = swap;
    }
    return n;
}

/* Measures of different units share one picture as parts of what each is allowed to be. */
static void share(struct html *h, const json_t *m)
{
    double most = json_num(m, "max", 0);
    if (most > 0 && json_is_number(json_object_get(m, "value")))
        html_put(h, "<td data-value='%.3f'>%.1f %%</td>", json_num(m, "value", 0) / most * 100,
                 json_num(m, "value", 0) / most * 100);
    else
        html_put(h, "<td class='muted'>–</td>");
}

void change_health_graph(struct visit *v, const json_t *c, const json_t *events)
{
    struct html *h = &v->html;
    struct look looks[LOOKS_SHOWN];
    size_t n = looks_of(events, looks), i;
    json_t *m;
    html_put(h, "<section id='health-graph' class='card'%s>", n < 2 ? " hidden" : "");
    if (n >= 2) {
        html_put(
            h,
            "<h2>Health, look by look</h2><p class='muted'>In percent of what each measure may be.</p>"
            "<details><summary>The numbers</summary><div class='scroll' tabindex='0' role='region' "
            "aria-label='Health in numbers'><table data-chart='lines' data-unit='%%' data-before='details'>"
            "<thead><tr><th scope='col'>Time</th>");
        json_array_foreach((json_t *)(uintptr_t)looks[0].measures, i, m)
            html_put(h, "<th scope='col'>%s</th>", json_str(m, "name", "?"));
        html_put(h, "</tr></thead><tbody>");
        for (size_t k = 0; k < n; k++) {
            html_put(h, "<tr><th scope='row'>");
            part_hour(v, looks[k].at, json_str(c, "zone", "UTC"));
            html_put(h, "</th>");
            json_array_foreach((json_t *)(uintptr_t)looks[0].measures, i, m)
                share(h, measure_named(looks[k].measures, json_str(m, "name", "")));
            html_put(h, "</tr>");
        }
        html_put(h, "</tbody></table></div></details>");
    }
    html_put(h, "</section>");
}
