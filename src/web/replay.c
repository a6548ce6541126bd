/* replay.c: a change dragged through its time: each event, and everything as it was right after it. */
#include "web/inside.h"
#include <inttypes.h>
#include <stdlib.h>

struct replay {
    json_t *now, *then;
    int64_t at, last;
};

static void drop(void *p)
{
    struct replay *r = p;
    json_decref(r->now);
    json_decref(r->then);
}

static void step_link(struct visit *v, const char *rel, const char *name, int64_t at)
{
    html_put(&v->html, "<a class='button' rel='%s' href='?at=%" PRId64 "'>%s</a> ", rel, at, name);
}

static void controls(struct visit *v, const struct replay *r, const json_t *event)
{
    struct html *h = &v->html;
    html_put(
        h,
        "<form id='replay' class='card replay' method='get' data-replay><p><label for='at'>Event <output id='at-number'>%" PRId64
        "</output> of %" PRId64 "</label><input type='range' id='at' name='at' min='1' max='%" PRId64
        "' value='%" PRId64 "'></p><p class='choices'>",
        r->at, r->last, r->last, r->at);
    if (r->at > 1)
        step_link(v, "prev", "One back", r->at - 1);
    if (r->at < r->last)
        step_link(v, "next", "One on", r->at + 1);
    html_put(h,
             "<button type='button' id='play' hidden>Play</button><button data-plain>Show</button></p></form>"
             "<p id='past-event' data-live class='event' aria-live='polite'>");
    part_moment(v, json_int(event, "at", 0), json_str(r->then, "zone", "UTC"));
    html_put(h, " <span class='hour'></span>%s</p>", json_str(event, "text", ""));
}

static void told_event(struct visit *v, int status, const json_t *body)
{
    struct replay *r = v->data;
    struct html *h = &v->html;
    if (status != 200) {
        visit_problem(v, status, body);
        return;
    }
    const struct page p = {.title = arena_printf(&v->arena, "Replay of %s", json_str(r->now, "id", "")),
                           .place = "board",
                           .script = "replay.js",
                           .wide = true,
                           .still = true};
    v->now = json_int(r->then, "now", v->now); /* durations are those of that time */
    page_begin(v, &p);
    change_head(v, r->then, "replay");
    controls(v, r, json_array_get(json_object_get(body, "events"), 0));
    html_put(h, "<div class='columns'><div class='main'>");
    change_now(v, r->then, CHANGE_PAST);
    change_stages(v, r->then);
    change_log(v, r->then);
    change_line(v, r->then);
    html_put(h, "</div><div class='side'>");
    change_versions(v, r->then);
    change_health(v, r->then);
    change_facts_part(v, r->then);
    html_put(h, "</div></div>");
    page_end(v);
    visit_page(v);
}

/* Whether the visitor may see the change was settled by the call before. */
static void told_change(struct visit *v, int status, const json_t *body)
{
    struct error err = ERROR_NONE;
    if (status != 200) {
        visit_problem(v, status, body);
        return;
    }
    struct replay *r = v->data = ARENA_NEW(&v->arena, struct replay);
    const char *at = visit_query(v, "at");
    arena_on_free(&v->arena, drop, r);
    r->now = json_incref((json_t *)(uintptr_t)body);
    r->last = json_int(body, "seq", 1);
    r->at = *at ? strtoll(at, NULL, 10) : r->last;
    r->at = r->at < 1 ? 1 : r->at > r->last ? r->last : r->at;
    r->then = engine_change_at(v->web->engine, json_str(body, "id", ""), r->at, &err);
    if (!r->then) {
        visit_fail(v, 500, "It cannot be replayed", err.text);
        return;
    }
    visit_ask(v, "GET",
              arena_printf(&v->arena, "/api/v1/changes/%s/events?from=%" PRId64 "&limit=1",
                           html_part(&v->html, v->args[0]), r->at),
              NULL, told_event);
}

void change_replay_page(struct visit *v)
{
    visit_ask(v, "GET", arena_printf(&v->arena, "/api/v1/changes/%s", html_part(&v->html, v->args[0])), NULL,
              told_change);
}
