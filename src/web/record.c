/* record.c: the record, event by event with its hashes, and its verification. */
#include "web/inside.h"
#include <inttypes.h>
#include <stdlib.h>

enum { EVENTS_A_PAGE = 200 };

/* --- of one change ------------------------------------------------------------------------------ */

struct reading {
    const json_t *change;
    int64_t from;
};

static void drop(void *p)
{
    json_decref(p);
}

static void put_event(struct visit *v, const json_t *e, const char *zone)
{
    struct html *h = &v->html;
    char *data = json_dumps(json_object_get(e, "data"), JSON_INDENT(2) | JSON_SORT_KEYS);
    html_put(h, "<tr id='event-%lld'><td>%lld</td><td>", (long long)json_int(e, "n", 0),
             (long long)json_int(e, "n", 0));
    part_hour(v, json_int(e, "at", 0), zone);
    html_put(h, "</td><td>%s<br><span class='muted'>%s%s%s</span>", json_str(e, "text", ""),
             json_str(e, "type", ""), *json_str(e, "by", "") ? " by " : "", json_str(e, "by", ""));
    if (data)
        html_put(h, "<details><summary>Data</summary><pre>%s</pre></details>", data);
    html_put(h, "</td><td><code title='%s'>%.12s</code></td></tr>", json_str(e, "hash", ""),
             json_str(e, "hash", ""));
    free(data);
}

static void told_events(struct visit *v, int status, const json_t *body)
{
    const struct reading *r = v->data;
    struct html *h = &v->html;
    const char *id = json_str(r->change, "id", "");
    size_t i;
    json_t *e;
    if (status != 200) {
        visit_problem(v, status, body);
        return;
    }
    const struct page p = {
        .title = arena_printf(&v->arena, "Record of %s", id), .place = "board", .wide = true};
    page_begin(v, &p);
    change_head(v, r->change, "record");
    html_put(
        h,
        "<div class='row'><h2>Every event, each with the hash of all before it</h2><form method='post' action='/record'>");
    form_token(v);
    html_put(
        h,
        "<input type='hidden' name='change' value='%s'><button>Verify</button></form></div>"
        "<div class='scroll' tabindex='0' role='region' aria-label='Events'><table class='record'><thead><tr><th scope='col'>No.</th>"
        "<th scope='col'>Time</th><th scope='col'>What</th><th scope='col'>Hash</th></tr></thead><tbody>",
        id);
    json_array_foreach(json_object_get(body, "events"), i, e)
        put_event(v, e, json_str(r->change, "zone", "UTC"));
    html_put(h, "</tbody></table></div><nav class='pager' aria-label='Events'>");
    if (r->from > 1)
        html_put(h, "<a rel='prev' href='/changes/%s/record?from=%" PRId64 "'>Earlier</a> ", html_part(h, id),
                 r->from > EVENTS_A_PAGE ? r->from - EVENTS_A_PAGE : 1);
    if (json_int(r->change, "seq", 0) >= r->from + EVENTS_A_PAGE)
        html_put(h, "<a rel='next' href='/changes/%s/record?from=%" PRId64 "'>Later</a>", html_part(h, id),
                 r->from + EVENTS_A_PAGE);
    html_put(h, "</nav>");
    page_end(v);
    visit_page(v);
}

static void told_change(struct visit *v, int status, const json_t *body)
{
    if (status != 200) {
        visit_problem(v, status, body);
        return;
    }
    struct reading *r = ARENA_NEW(&v->arena, struct reading);
    r->change = json_incref((json_t *)(uintptr_t)body);
    arena_on_free(&v->arena, drop, (void *)(uintptr_t)r->change);
    r->from = strtoll(visit_query(v, "from"), NULL, 10);
    r->from = r->from > 0 && r->from <= json_int(body, "seq", 0) ? r->from : 1;
    v->data = r;
    visit_ask(v, "GET",
              arena_printf(&v->arena, "/api/v1/changes/%s/events?from=%" PRId64 "&limit=%d",
                           html_part(&v->html, v->args[0]), r->from, EVENTS_A_PAGE),
              NULL, told_events);
}

void change_record_page(struct visit *v)
{
    visit_ask(v, "GET", arena_printf(&v->arena, "/api/v1/changes/%s", html_part(&v->html, v->args[0])), NULL,
              told_change);
}

/* --- of all ------------------------------------------------------------------------------------- */

static void show(struct visit *v, const json_t *verdict)
{
    static const struct page p = {.title = "Record", .place = "record"};
    struct html *h = &v->html;
    page_begin(v, &p);
    html_put(
        h,
        "<h1>Record</h1><p>Everything that ever happened to a change is an event, appended and never edited. Each carries "
        "the hash of the one before it: whoever changes one breaks all that come after.</p>");
    if (verdict) {
        bool good = json_flag(verdict, "good", false);
        html_put(h, "<div class='notice %s' role='status' id='verdict'><h2>", good ? "good" : "bad");
        part_icon(h, good ? "done" : "failed");
        html_put(h, good ? "Verified" : "It has been changed");
        html_put(h, "</h2><p>%" PRId64 " events of %" PRId64 " changes were computed again. %s</p></div>",
                 json_int(verdict, "events", 0), json_int(verdict, "changes", 0),
                 json_str(verdict, "text", ""));
    }
    html_put(h, "<form method='post' action='/record' class='card'>");
    form_token(v);
    html_put(
        h,
        "<p><label for='change'>Change <span class='says'>empty: all of them</span></label>"
        "<input id='change' name='change' value='%s' placeholder='HF-7'></p><p class='choices'><button class='go'>Verify</button></p></form>"
        "<p class='muted'>The same, offline and without trusting this program: <code>signalbox audit verify</code></p>",
        visit_field(v, "change"));
    page_end(v);
    visit_page(v);
}

void record_page(struct visit *v)
{
    show(v, NULL);
}

static void told_verdict(struct visit *v, int status, const json_t *body)
{
    if (status == 200)
        show(v, body);
    else
        visit_problem(v, status, body);
}

void record_post(struct visit *v)
{
    const char *change = visit_field(v, "change");
    _cleanup_json_ json_t *body = json_object();
    if (*change)
        json_object_set_new(body, "change", json_string(change));
    visit_ask(v, "POST", "/api/v1/verify", body, told_verdict);
}
