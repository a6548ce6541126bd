/* sop_body.c: the page that a change follows, as HTML, with how each step stands where its block is. */
#include "sop/page.h"
#include "web/inside.h"
#include <stdlib.h>
#include <string.h>

static const json_t *step_of(const json_t *steps, const char *id, size_t n)
{
    size_t i;
    json_t *s;
    json_array_foreach((json_t *)(uintptr_t)steps, i, s) {
        const char *is = json_str(s, "id", "");
        if (strlen(is) == n && strncmp(is, id, n) == 0)
            return s;
    }
    return NULL;
}

static bool is_due(const char *status)
{
    return str_eq(status, "asking") || str_eq(status, "unsure") || str_eq(status, "intended") ||
           str_eq(status, "observing") || str_eq(status, "paused") || str_eq(status, "in-doubt");
}

static void of_a_change(struct visit *v, const json_t *s, const char *zone)
{
    struct html *h = &v->html;
    const char *status = json_str(s, "status", "");
    part_state(h, state_of_step(status));
    if (is_due(status))
        html_put(h, " <strong class='due'>Now due</strong>");
    if (json_object_get(s, "ended")) {
        html_put(h, " <span class='muted'>");
        part_hour(v, json_int(s, "ended", 0), zone);
        html_put(h, "%s%s</span>", *json_str(s, "by", "") ? " by " : "", json_str(s, "by", ""));
    } else if (*json_str(s, "waits", "")) {
        html_put(h, " <span class='muted'>waits for %s</span>", json_str(s, "waits", ""));
    }
    if (*json_str(s, "because", "") && !str_eq(status, "done"))
        html_put(h, "<span class='because'>%s</span>", json_str(s, "because", ""));
    if (*json_str(s, "held_by.because", ""))
        html_put(h, "<span class='because'>Held by the rule %s: %s</span>", json_str(s, "held_by.rule", ""),
                 json_str(s, "held_by.because", ""));
}

static void of_the_page(struct visit *v, const json_t *s)
{
    struct html *h = &v->html;
    const char *verb = json_str(s, "verb", "");
    part_icon(h, *verb ? "gear" : "asks");
    html_put(h, *verb ? "<code>%s</code>" : "<span>asks whoever may <b>%s</b></span>",
             *verb ? verb : json_str(s, "answered_by", "a person"));
    if (*json_str(s, "at", ""))
        html_put(h, " <span class='muted'>at %s</span>", json_str(s, "at", ""));
    if (*json_str(s, "due", ""))
        html_put(h, " <span class='muted'>due %s</span>", json_str(s, "due", ""));
    if (*json_str(s, "when", ""))
        html_put(h, " <span class='muted'>only when <code>%s</code></span>", json_str(s, "when", ""));
}

static void fill(struct visit *v, const json_t *steps, const char *id, size_t n, const char *zone)
{
    struct html *h = &v->html;
    const json_t *s = step_of(steps, id, n);
    const char *status = json_str(s, "status", "");
    html_put(h, "<div class='step%s' id='step-%.*s'>", is_due(status) ? " is-due" : "", (int)n, id);
    if (s && *status)
        of_a_change(v, s, zone);
    else if (s)
        of_the_page(v, s);
    html_put(h, "</div>");
}

void sop_body(struct visit *v, const char *source, const json_t *steps, const char *zone)
{
    /* As page_html writes it, which escapes everything that could look like it. */
    static const char mark[] = "<div class=\"step\" id=\"step-", end[] = "\"></div>";
    char *html = page_html(source, strlen(source));
    const char *s = html ? html : "";
    for (const char *at; (at = strstr(s, mark)) != NULL;) {
        const char *id = at + sizeof mark - 1, *close = strstr(id, end);
        if (!close)
            break;
        html_put_safe(&v->html, (struct html_safe){s}, (size_t)(at - s));
        fill(v, steps, id, (size_t)(close - id), zone);
        s = close + sizeof end - 1;
    }
    html_put_safe(&v->html, (struct html_safe){s}, strlen(s));
    free(html);
}
