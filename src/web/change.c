/* change.c: the pages of one change: the one to follow it on, and those beside it. */
#include "sop/page.h"
#include "web/inside.h"
#include <inttypes.h>
#include <string.h>

enum { TIMELINE_SHOWN = 40, EVENTS_READ = 400 };

/* --- looking through a change ----------------------------------------------------------------- */

const json_t *step_named(const json_t *change, const char *id)
{
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(change, "steps"), i, s)
        if (str_eq(json_str(s, "id", ""), id))
            return s;
    return NULL;
}

const char *short_title(struct visit *v, const json_t *step)
{
    const char *title = json_str(step, "title", json_str(step, "id", ""));
    size_t n = strcspn(title, ",:;");
    return n >= 6 && title[n] ? arena_strndup(&v->arena, title, n) : title;
}

const json_t *step_doing(const json_t *change, const char *verb)
{
    const json_t *found = NULL;
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(change, "steps"), i, s)
        if (str_eq(json_str(s, "does", ""), verb) && json_object_get(s, "began") &&
            json_int(s, "since", 0) >= json_int(found, "since", 0))
            found = s;
    return found;
}

static const char *api_of(struct visit *v, const char *rest)
{
    return arena_printf(&v->arena, "/api/v1/changes/%s%s", html_part(&v->html, v->args[0]), rest);
}

/* --- the head of all its pages ---------------------------------------------------------------- */

static void tabs(struct visit *v, const char *id, const char *tab)
{
    static const struct {
        const char *tab, *name;
    } all[] = {
        {"", "Now"}, {"page", "SOP"}, {"messages", "Messages"}, {"record", "Record"}, {"replay", "Replay"}};
    struct html *h = &v->html;
    html_put(h, "<nav class='tabs' aria-label='Of this change'><ul>");
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        html_put(h, "<li><a href='/changes/%s%s%s'", html_part(h, id), *all[i].tab ? "/" : "", all[i].tab);
        html_put(h, str_eq(all[i].tab, tab) ? " aria-current='page'>%s</a></li>" : ">%s</a></li>",
                 all[i].name);
    }
    html_put(h, "</ul></nav>");
}

static void clock_of(struct visit *v, const json_t *c)
{
    struct html *h = &v->html;
    const char *zone = json_str(c, "zone", "UTC");
    int64_t from = json_int(c, "window.from", 0), to = json_int(c, "window.to", 0),
            end = json_int(c, "ended", 0);
    if (!to)
        return;
    html_put(h, "<dl class='clocks'>");
    if (end) {
        html_put(h, "<div><dt>Ended</dt><dd>");
        part_moment(v, end, zone);
    } else if (v->now < from) {
        html_put(h, "<div><dt>Window opens in</dt><dd class='big'>");
        part_until(v, from);
    } else if (v->now < to) {
        html_put(h, "<div><dt>Window ends in</dt><dd class='big'>");
        part_until(v, to);
    } else {
        html_put(h, "<div class='late'><dt>Window over for</dt><dd class='big'>");
        part_since(v, to);
    }
    html_put(h, "</dd></div>");
    if (json_is_integer(json_object_get(c, "incident"))) {
        html_put(h, "<div><dt>%s</dt><dd>", end ? "Incident to end" : "Since the incident");
        if (end)
            html_put(h, "%s", visit_duration(v, end - json_int(c, "incident", 0)));
        else
            part_since(v, json_int(c, "incident", 0));
        html_put(h, "</dd></div>");
    }
    html_put(h, "</dl>");
}

void change_head(struct visit *v, const json_t *c, const char *tab)
{
    struct html *h = &v->html;
    html_put(
        h,
        "<div id='head' class='head' data-live><div class='headline'><h1><span class='id'>%s</span> %s <b>%s</b></h1>",
        json_str(c, "id", "?"), json_str(c, "facts.client.name", json_str(c, "client", "")),
        json_str(c, "env", ""));
    part_change_state(h, c);
    html_put(h, "</div><p class='reason'>%s</p>", json_str(c, "reason", ""));
    clock_of(v, c);
    html_put(h, "</div>");
    tabs(v, json_str(c, "id", ""), tab);
}

/* --- beside the steps ------------------------------------------------------------------------- */

static void fact(struct visit *v, const char *name, const char *value)
{
    if (value && *value)
        html_put(&v->html, "<div><dt>%s</dt><dd>%s</dd></div>", name, value);
}

void change_facts_part(struct visit *v, const json_t *c)
{
    struct html *h = &v->html;
    const json_t *ticket = step_doing(c, "tickets.create"), *build = step_doing(c, "pipeline.start");
    const char *bridge = json_str(c, "facts.inputs.bridge", "");
    html_put(h, "<section id='facts' data-live class='card'><h2>The change</h2><dl class='facts'>");
    fact(v, "Window", json_str(c, "window.text", ""));
    if (json_is_integer(json_object_get(c, "severity")))
        fact(v, "Severity", arena_printf(&v->arena, "%" PRId64, json_int(c, "severity", 0)));
    fact(v, "Risk", json_str(c, "risk", ""));
    fact(v, "Requested by", json_str(c, "requested_by", ""));
    fact(v, "TAM", json_str(c, "facts.client.tam.name", json_str(c, "facts.client.tam.mail", "")));
    fact(v, "Page", json_str(c, "page.title", ""));
    if (ticket && *json_str(ticket, "result.url", ""))
        html_put(h, "<div><dt>Ticket</dt><dd><a href='%s' rel='noreferrer'>%s</a></dd></div>",
                 html_link(json_str(ticket, "result.url", "")),
                 json_str(ticket, "result.key", json_str(ticket, "result.id", "open")));
    if (build && *json_str(build, "result.url", ""))
        html_put(h, "<div><dt>Build</dt><dd><a href='%s' rel='noreferrer'>%s</a></dd></div>",
                 html_link(json_str(build, "result.url", "")), json_str(build, "result.build", "open"));
    if (*bridge)
        html_put(h, "<div><dt>Bridge</dt><dd><a href='%s' rel='noreferrer'>Join the call</a></dd></div>",
                 html_link(bridge));
    html_put(h, "</dl></section>");
}

/* --- the page to follow it on ----------------------------------------------------------------- */

struct following {
    json_t *change;
};

static void drop_change(void *p)
{
    json_decref(p);
}

/* Kept for the time of the visit. */
static const json_t *keep(struct visit *v, const json_t *body)
{
    json_t *kept = json_incref((json_t *)(uintptr_t)body);
    arena_on_free(&v->arena, drop_change, kept);
    return kept;
}

static void begin(struct visit *v, const json_t *c, const char *tab, const char *script)
{
    const char *id = json_str(c, "id", "");
    const char *what = *tab ? arena_printf(&v->arena, "%s: %s", id, tab) : id;
    const struct page p = {
        .title = arena_printf(&v->arena, "%s %s %s", what, json_str(c, "client", ""), json_str(c, "env", "")),
        .place = "board",
        .events = str_eq(json_str(c, "status", ""), "ended") || str_eq(tab, "replay")
                      ? NULL
                      : arena_printf(&v->arena, "/api/v1/changes/%s/events?from=%" PRId64,
                                     html_part(&v->html, id), json_int(c, "seq", 0) + 1),
        .script = script,
        .wide = true};
    page_begin(v, &p);
    change_head(v, c, tab);
}

static void told_events(struct visit *v, int status, const json_t *body)
{
    const json_t *c = v->data;
    const json_t *events = status == 200 ? json_object_get(body, "events") : NULL;
    struct html *h = &v->html;
    begin(v, c, "", "charts.js");
    html_put(h, "<div class='columns'><div class='main'>");
    change_now(v, c, CHANGE_LIVE);
    change_stages(v, c);
    change_log(v, c);
    change_line(v, c);
    change_timeline(v, c, events, TIMELINE_SHOWN);
    html_put(h, "</div><div class='side'>");
    change_versions(v, c);
    change_health(v, c);
    change_health_graph(v, c, events);
    change_facts_part(v, c);
    html_put(h, "</div></div>");
    page_end(v);
    visit_page(v);
}

static void told_change(struct visit *v, int status, const json_t *body)
{
    if (status != 200) {
        visit_problem(v, status, body);
        return;
    }
    const json_t *c = v->data = (void *)(uintptr_t)keep(v, body);
    int64_t seq = json_int(c, "seq", 0), from = seq > EVENTS_READ ? seq - EVENTS_READ : 1;
    visit_ask(v, "GET",
              api_of(v, arena_printf(&v->arena, "/events?from=%" PRId64 "&limit=%d", from, EVENTS_READ + 1)),
              NULL, told_events);
}

void change_page(struct visit *v)
{
    visit_ask(v, "GET", api_of(v, ""), NULL, told_change);
}

/* --- the SOP page as it stands ---------------------------------------------------------------- */

static void told_sop(struct visit *v, int status, const json_t *body)
{
    struct error err = ERROR_NONE;
    const struct change *change = status == 200 ? engine_fold(v->web->engine, v->args[0], &err) : NULL;
    if (status != 200 || !change) {
        visit_problem(v, status == 200 ? 500 : status, body);
        return;
    }
    begin(v, body, "page", NULL);
    html_put(&v->html, "<article class='sop' id='sop' data-live>");
    sop_body(v, change->sop->source, json_object_get(body, "steps"), json_str(body, "zone", "UTC"));
    html_put(&v->html, "</article>");
    page_end(v);
    visit_page(v);
}

void change_sop_page(struct visit *v)
{
    visit_ask(v, "GET", api_of(v, ""), NULL, told_sop);
}

/* --- the report ------------------------------------------------------------------------------- */

static void told_report(struct visit *v, int status, const json_t *body)
{
    if (status != 200) {
        visit_problem(v, status, body);
        return;
    }
    const struct page p = {.title = arena_printf(&v->arena, "Report of %s", v->args[0]), .place = "board"};
    page_begin(v, &p);
    html_put(&v->html, "<p><a href='/changes/%s'>%s</a></p><h1>Report of %s</h1><pre class='report'>%s</pre>",
             html_part(&v->html, v->args[0]), v->args[0], v->args[0], json_str(body, "text", ""));
    page_end(v);
    visit_page(v);
}

void change_report_page(struct visit *v)
{
    visit_ask(v, "GET", api_of(v, "/report?format=md"), NULL, told_report);
}

/* --- its messages ----------------------------------------------------------------------------- */

static void told_messages(struct visit *v, int status, const json_t *body)
{
    struct html *h = &v->html;
    size_t i, n = 0;
    json_t *s;
    if (status != 200) {
        visit_problem(v, status, body);
        return;
    }
    const char *zone = json_str(body, "zone", "UTC");
    begin(v, body, "messages", NULL);
    html_put(h,
             "<section id='messages' data-live><h2>What was sent, word for word</h2><ol class='messages'>");
    json_array_foreach(json_object_get(body, "steps"), i, s) {
        bool sent =
            str_eq(json_str(s, "status", ""), "done") || str_eq(json_str(s, "status", ""), "intended");
        const char *does = json_str(s, "does", "");
        if (!sent || !json_object_get(s, "args") || str_starts(does, "health.") ||
            str_starts(does, "cluster.") || str_starts(does, "releases.") || str_starts(does, "owners.") ||
            str_starts(does, "change."))
            continue;
        _cleanup_buf_ struct buf before = {0};
        size_t at = h->out.len;
        message_parts(v, json_object_get(s, "args"), does);
        if (h->out.len == at)
            continue;
        buf_adds(&before, buf_str(&h->out) + at);
        h->out.len = at;
        h->out.data[at] = '\0';
        n++;
        html_put(h, "<li class='card message' id='message-%s'><h3>%s</h3><p class='muted'>",
                 json_str(s, "id", ""), json_str(s, "title", json_str(s, "id", "")));
        part_moment(v, json_int(s, "ended", json_int(s, "began", 0)), zone);
        html_put(h, " · %s", does);
        const char *url = json_str(s, "result.posts.0.url", json_str(s, "result.url", ""));
        if (*url)
            html_put(h, " · <a href='%s' rel='noreferrer'>there</a>", html_link(url));
        html_put(h, "</p>");
        message_parts(v, json_object_get(s, "args"), does);
        html_put(h, "</li>");
    }
    html_put(h, "</ol>");
    if (n == 0)
        html_put(h, "<p class='empty'>Nothing yet.</p>");
    html_put(h, "</section>");
    page_end(v);
    visit_page(v);
}

void change_messages_page(struct visit *v)
{
    visit_ask(v, "GET", api_of(v, ""), NULL, told_messages);
}
