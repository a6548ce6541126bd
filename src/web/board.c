/* board.c: what runs, what waits for whom and how long, which environment is held, which windows come next. */
#include "web/inside.h"
#include <string.h>

enum { ENDED_SHOWN = 8, WINDOWS_SHOWN = 8, WAITS_SHOWN = 4 };

static bool is_open(const json_t *c)
{
    return !str_eq(json_str(c, "status", ""), "ended") && json_object_get(c, "id");
}

static bool is_started(const json_t *c)
{
    return is_open(c) && !str_eq(json_str(c, "status", ""), "planned");
}

static bool is_for_a_person(const json_t *wait)
{
    const char *status = json_str(wait, "status", "");
    return str_eq(status, "asking") || str_eq(status, "unsure");
}

static void change_link(struct visit *v, const json_t *c)
{
    html_put(&v->html, "<a class='id' href='/changes/%s'>%s</a> <span class='target'>%s <b>%s</b></span>",
             html_part(&v->html, json_str(c, "id", "")), json_str(c, "id", "?"), json_str(c, "client", ""),
             json_str(c, "env", ""));
}

/* --- waits for a person ----------------------------------------------------------------------- */

static void put_question(struct visit *v, const json_t *c, const json_t *wait)
{
    struct html *h = &v->html;
    html_put(h, "<li class='ask'>");
    part_icon(h, "asks");
    html_put(h, "<div><p class='title'><a href='/changes/%s#ask-%s'>%s</a></p><p class='muted'>",
             html_part(h, json_str(c, "id", "")), json_str(wait, "step", ""), json_str(wait, "title", "?"));
    html_put(h, "%s · %s %s · for ", json_str(c, "id", ""), json_str(c, "client", ""),
             json_str(c, "env", ""));
    part_since(v, json_int(wait, "since", 0));
    html_put(h, "</p></div></li>");
}

static void questions(struct visit *v, const json_t *changes)
{
    struct html *h = &v->html;
    size_t i, k, n = 0;
    json_t *c, *wait;
    json_array_foreach((json_t *)changes, i, c)
        json_array_foreach(json_object_get(c, "waits"), k, wait)
            n += is_open(c) && is_for_a_person(wait);
    html_put(h, "<section id='board-asks' data-live aria-live='polite'>");
    if (n > 0) {
        html_put(h, "<h2>Waits for a person</h2><ul class='asks'>");
        json_array_foreach((json_t *)changes, i, c)
            json_array_foreach(json_object_get(c, "waits"), k, wait)
                if (is_open(c) && is_for_a_person(wait))
                    put_question(v, c, wait);
        html_put(h, "</ul>");
    }
    html_put(h, "</section>");
}

/* --- under way -------------------------------------------------------------------------------- */

/* What lies hours ahead is only told when nothing else is waited for. */
static size_t put_waits_of(struct visit *v, const json_t *c, bool moments)
{
    struct html *h = &v->html;
    size_t i, n = 0;
    json_t *wait;
    json_array_foreach(json_object_get(c, "waits"), i, wait) {
        const char *title = json_str(wait, "title", "");
        if (str_eq(json_str(wait, "status", ""), "ready") != moments || n++ >= WAITS_SHOWN)
            continue;
        html_put(h, "<li><span>%s</span> <span class='muted'>waits for %s</span></li>", *title ? title : "It",
                 json_str(wait, "what", ""));
    }
    return n;
}

static void put_waits(struct visit *v, const json_t *c)
{
    html_put(&v->html, "<ul class='waits'>");
    if (put_waits_of(v, c, false) == 0)
        put_waits_of(v, c, true);
    html_put(&v->html, "</ul>");
}

static void put_services(struct visit *v, const json_t *c)
{
    struct html *h = &v->html;
    size_t i;
    json_t *s;
    html_put(h, "<ul class='tags'>");
    json_array_foreach(json_object_get(c, "services"), i, s)
        html_put(h, "<li>%s <code>%s</code></li>", json_str(s, "service", "?"), json_str(s, "tag", "?"));
    html_put(h, "</ul>");
}

static void put_running(struct visit *v, const json_t *c)
{
    struct html *h = &v->html;
    const char *zone = json_str(c, "window.zone", "UTC");
    int64_t from = json_int(c, "window.from", 0), to = json_int(c, "window.to", 0);
    html_put(h, "<li class='card change s-edge-%s'><div class='row'><h3>",
             str_eq(json_str(c, "status", ""), "trouble") ? "failed" : "running");
    change_link(v, c);
    html_put(h, "</h3>");
    part_change_state(h, c);
    html_put(h, "</div><p class='reason'>%s</p>", json_str(c, "reason", ""));
    if (from && v->now < from) {
        html_put(h, "<p class='clock'>Window ");
        part_moment(v, from, zone);
        html_put(h, ", in ");
        part_until(v, from);
    } else if (to) {
        html_put(h, v->now < to ? "<p class='clock'>Window ends " : "<p class='clock late'>Window ended ");
        part_moment(v, to, zone);
        html_put(h, v->now < to ? ", in " : ", over for ");
        if (v->now < to)
            part_until(v, to);
        else
            part_since(v, to);
    }
    if (to)
        html_put(h, "</p>");
    put_services(v, c);
    put_waits(v, c);
    html_put(h, "</li>");
}

static void running(struct visit *v, const json_t *changes)
{
    struct html *h = &v->html;
    size_t i, n = 0;
    json_t *c;
    html_put(h, "<section id='board-running' data-live><h2>Under way</h2><ul class='cards'>");
    json_array_foreach((json_t *)changes, i, c)
        if (is_started(c)) {
            put_running(v, c);
            n++;
        }
    html_put(h, "</ul>");
    if (n == 0)
        html_put(h, "<p class='empty'>Nothing is under way. <a href='/plan'>Plan a hotfix</a></p>");
    html_put(h, "</section>");
}

/* --- planned ---------------------------------------------------------------------------------- */

static void planned(struct visit *v, const json_t *changes)
{
    struct html *h = &v->html;
    size_t i, n = 0;
    json_t *c;
    html_put(h, "<section id='board-planned' data-live>");
    json_array_foreach((json_t *)changes, i, c) {
        if (!str_eq(json_str(c, "status", ""), "planned"))
            continue;
        html_put(
            h, n++ ? "<li class='card'><div class='row'><h3>"
                   : "<h2>Planned, not started</h2><ul class='cards'><li class='card'><div class='row'><h3>");
        change_link(v, c);
        html_put(h, "</h3>");
        part_moment(v, json_int(c, "window.from", 0), json_str(c, "window.zone", "UTC"));
        html_put(h, "</div><p class='reason'>%s</p></li>", json_str(c, "reason", ""));
    }
    html_put(h, n ? "</ul></section>" : "</section>");
}

/* --- which environment is held ---------------------------------------------------------------- */

static bool same_lane(const json_t *a, const json_t *b)
{
    return str_eq(json_str(a, "client", ""), json_str(b, "client", "")) &&
           str_eq(json_str(a, "env", ""), json_str(b, "env", ""));
}

static void locks(struct visit *v, const json_t *changes)
{
    struct html *h = &v->html;
    size_t i, k, n = 0;
    json_t *c, *other;
    html_put(h, "<section id='board-locks' data-live><h2>Environments</h2><ul class='locks'>");
    json_array_foreach((json_t *)changes, i, c) {
        if (!is_started(c) || json_object_get(c, "queue_behind"))
            continue;
        html_put(h, "<li>");
        part_icon(h, "lock");
        html_put(h, "<span>%s <b>%s</b> is held by <a href='/changes/%s'>%s</a>", json_str(c, "client", ""),
                 json_str(c, "env", ""), html_part(h, json_str(c, "id", "")), json_str(c, "id", ""));
        json_array_foreach((json_t *)changes, k, other)
            if (other != c && is_open(other) && same_lane(c, other))
                html_put(h, ", then <a href='/changes/%s'>%s</a>", html_part(h, json_str(other, "id", "")),
                         json_str(other, "id", ""));
        html_put(h, "</span></li>");
        n++;
    }
    html_put(h, "</ul>");
    if (n == 0)
        html_put(h, "<p class='empty'>All are free.</p>");
    html_put(h, "</section>");
}

/* --- what comes next, what was ---------------------------------------------------------------- */

static const json_t *next_window(const json_t *changes, int64_t after, const char *last)
{
    const json_t *best = NULL;
    size_t i;
    json_t *c;
    json_array_foreach((json_t *)changes, i, c) {
        int64_t from = json_int(c, "window.from", 0);
        bool later = from > after || (from == after && strcmp(json_str(c, "id", ""), last) > 0);
        bool sooner = !best || from < json_int(best, "window.from", 0) ||
                      (from == json_int(best, "window.from", 0) &&
                       strcmp(json_str(c, "id", ""), json_str(best, "id", "")) < 0);
        if (is_open(c) && from && later && sooner)
            best = c;
    }
    return best;
}

static void windows(struct visit *v, const json_t *changes)
{
    struct html *h = &v->html;
    int n = 0;
    html_put(h, "<section id='board-windows' data-live><h2>Next windows</h2><ul class='windows'>");
    for (const json_t *c = next_window(changes, v->now - 1, ""); c && n < WINDOWS_SHOWN; n++) {
        html_put(h, "<li>");
        part_moment(v, json_int(c, "window.from", 0), json_str(c, "window.zone", "UTC"));
        html_put(h, " ");
        change_link(v, c);
        html_put(h, "</li>");
        c = next_window(changes, json_int(c, "window.from", 0), json_str(c, "id", ""));
    }
    html_put(h, "</ul>");
    if (n == 0)
        html_put(h, "<p class='empty'>None is planned.</p>");
    html_put(h, "</section>");
}

static void ended(struct visit *v, const json_t *changes)
{
    struct html *h = &v->html;
    size_t i;
    int n = 0;
    json_t *c;
    html_put(h, "<section id='board-ended' data-live><h2>Lately ended</h2><ul class='ended'>");
    json_array_foreach((json_t *)changes, i, c) {
        if (!str_eq(json_str(c, "status", ""), "ended"))
            continue;
        if (n++ == ENDED_SHOWN)
            break;
        html_put(h, "<li>");
        change_link(v, c);
        part_change_state(h, c);
        part_moment(v, json_int(c, "ended", 0), json_str(c, "window.zone", "UTC"));
        html_put(h, "</li>");
    }
    html_put(h, "</ul>");
    if (n == 0)
        html_put(h, "<p class='empty'>None yet.</p>");
    html_put(h, "</section>");
}

/* --- alerts of the built-in pager --------------------------------------------------------------- */

static void put_alert(struct visit *v, const json_t *alert)
{
    struct html *h = &v->html;
    html_put(h, "<li class='ask alert'>");
    part_icon(h, "failed");
    html_put(h, "<div><p class='title'>%s</p><p class='muted'>%s · %s called · for ",
             json_str(alert, "summary", ""), json_str(alert, "priority", ""), json_str(alert, "to", ""));
    part_since(v, json_int(alert, "created", 0));
    html_put(h, "</p>");
    part_prose(h, json_str(alert, "details", ""));
    if (who_acts(v)) {
        html_put(h, "<form method='post' action='/alerts/ack' data-act>");
        form_token(v);
        html_put(
            h,
            "<input type='hidden' name='alert' value='%s'><p class='choices'><button class='go'>I have it</button></p></form>",
            json_str(alert, "id", ""));
    }
    html_put(h, "</div></li>");
}

static void alerts(struct visit *v, const json_t *list)
{
    struct html *h = &v->html;
    size_t i, n = 0;
    json_t *alert;
    html_put(h, "<section id='board-alerts' data-live aria-live='assertive'>");
    json_array_foreach((json_t *)(uintptr_t)list, i, alert) {
        if (!str_eq(json_str(alert, "status", ""), "open"))
            continue;
        if (n++ == 0)
            html_put(h, "<h2>Somebody is called</h2><ul class='asks'>");
        put_alert(v, alert);
    }
    html_put(h, n ? "</ul></section>" : "</section>");
}

static void acknowledged(struct visit *v, int status, const json_t *body)
{
    if (status == 200)
        visit_lead(v, "/");
    else
        visit_problem(v, status, body);
}

void board_acknowledge(struct visit *v)
{
    json_t *alert = json_string(visit_field(v, "alert"));
    _cleanup_json_ json_t *body = json_pack("{s:o}", "alert", alert ? alert : json_string(""));
    visit_ask(v, "POST", "/api/v1/alerts/ack", body, acknowledged);
}

/* --- the page ---------------------------------------------------------------------------------- */

static void drop(void *p)
{
    json_decref(p);
}

/* Another pager keeps its alerts to itself: then there are none to show. */
static void told_alerts(struct visit *v, int status, const json_t *body)
{
    static const struct page p = {
        .title = "Board", .place = "board", .events = "/api/v1/events", .wide = true};
    const json_t *changes = v->data;
    struct html *h = &v->html;
    page_begin(v, &p);
    html_put(h, "<div class='row'><h1>Board</h1><a class='button go' href='/plan'>Plan a hotfix</a></div>");
    html_put(h, "<div class='columns'><div class='main'>");
    alerts(v, status == 200 ? json_object_get(body, "alerts") : NULL);
    questions(v, changes);
    running(v, changes);
    planned(v, changes);
    html_put(h, "</div><div class='side'>");
    locks(v, changes);
    windows(v, changes);
    ended(v, changes);
    html_put(h, "</div></div>");
    page_end(v);
    visit_page(v);
}

static void told(struct visit *v, int status, const json_t *body)
{
    if (status != 200) {
        visit_problem(v, status, body);
        return;
    }
    v->data = json_incref(json_object_get(body, "changes"));
    arena_on_free(&v->arena, drop, v->data);
    visit_ask(v, "GET", "/api/v1/alerts", NULL, told_alerts);
}

void board_page(struct visit *v)
{
    visit_ask(v, "GET", "/api/v1/changes", NULL, told);
}
