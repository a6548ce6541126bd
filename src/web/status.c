/* status.c: the public status page, for customers: its own plain look, no names, no sign-in; and its Atom feed. It shows
 * what the built-in status page keeps. */
#include "systems/documents.h"
#include "systems/statuspage.h"
#include "web/inside.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { COMPONENTS_MOST = 500, MAINTENANCES_MOST = 50, DAYS_SHOWN = 14 };

struct status {
    json_t *components, *maintenances;
    bool feed;
};

static void drop(void *p)
{
    struct status *s = p;
    json_decref(s->components);
    json_decref(s->maintenances);
}

static const char *component_word(const char *status)
{
    static const struct {
        const char *status, *word;
    } words[] = {{"operational", "Operational"},
                 {"under_maintenance", "Under maintenance"},
                 {"degraded_performance", "Degraded"},
                 {"partial_outage", "Partial outage"},
                 {"major_outage", "Major outage"}};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (str_eq(words[i].status, status))
            return words[i].word;
    return "Not known";
}

static const char *maintenance_word(const json_t *m)
{
    const char *status = json_str(m, "status", "");
    if (json_flag(m, "cancelled", false))
        return "Does not take place";
    return str_eq(status, MAINTENANCE_SCHEDULED)     ? "Scheduled"
           : str_eq(status, MAINTENANCE_IN_PROGRESS) ? "In progress"
           : str_eq(status, MAINTENANCE_VERIFYING)   ? "Being verified"
                                                     : "Completed";
}

static bool is_over(const json_t *m)
{
    return str_eq(json_str(m, "status", ""), MAINTENANCE_COMPLETED);
}

static int64_t updated(const json_t *m)
{
    int64_t last = json_int(m, "created", 0);
    const char *key;
    json_t *u;
    json_object_foreach(json_object_get(m, "updates"), key, u)
        if (json_int(u, "at", 0) > last)
            last = json_int(u, "at", 0);
    return last;
}

/* Its updates, newest first. */
static int by_time(const void *a, const void *b)
{
    int64_t x = json_int(*(json_t *const *)a, "at", 0), y = json_int(*(json_t *const *)b, "at", 0);
    return x > y ? -1 : x < y;
}

static size_t updates_of(struct visit *v, const json_t *m, json_t ***out)
{
    json_t *all = json_object_get(m, "updates"), *u;
    const char *key;
    size_t n = 0;
    *out = ARENA_ARRAY(&v->arena, json_object_size(all) + 1, json_t *);
    json_object_foreach(all, key, u)
        (*out)[n++] = u;
    qsort(*out, n, sizeof **out, by_time);
    return n;
}

/* --- the page ---------------------------------------------------------------------------------- */

static void maintenance(struct visit *v, const json_t *m)
{
    struct html *h = &v->html;
    const char *zone = json_str(m, "zone", engine_config(v->web->engine)->zone);
    json_t **updates;
    size_t n = updates_of(v, m, &updates), i;
    json_t *c;
    html_put(h, "<article><h3>%s</h3><p><b>%s</b> · ", json_str(m, "name", "Maintenance"),
             maintenance_word(m));
    part_moment(v, json_int(m, "from", 0), zone);
    html_put(h, " to ");
    part_moment(v, json_int(m, "to", 0), zone);
    html_put(h, "</p><p class='muted'>Concerns");
    json_array_foreach(json_object_get(m, "components"), i, c)
        html_put(h, "%s %s", i ? "," : "", json_string_value(c) ? json_string_value(c) : "");
    html_put(h, "</p><ol class='updates'>");
    for (i = 0; i < n; i++) {
        html_put(h, "<li>");
        part_moment(v, json_int(updates[i], "at", 0), zone);
        html_put(h, "<br>%s</li>", json_str(updates[i], "body", ""));
    }
    html_put(h, "</ol></article>");
}

static size_t maintenances(struct visit *v, const struct status *s, bool over)
{
    size_t i, n = 0;
    json_t *m;
    json_array_foreach(s->maintenances, i, m)
        if (is_over(m) == over && (!over || json_int(m, "to", 0) > v->now - DAYS(DAYS_SHOWN))) {
            maintenance(v, m);
            n++;
        }
    return n;
}

static bool is_listed(const struct status *s, const char *name)
{
    size_t i;
    json_t *c;
    json_array_foreach(s->components, i, c)
        if (strcasecmp(json_str(c, "name", ""), name) == 0)
            return true;
    return false;
}

/* One that nothing was ever done to is operational. */
static void add_configured(struct visit *v, struct status *s)
{
    const struct config *config = engine_config(v->web->engine);
    for (int i = 0; i < config->n_clients; i++) {
        size_t k;
        json_t *name;
        json_array_foreach(json_object_get(config->clients[i].facts, "components"), k, name)
            if (json_is_string(name) && !is_listed(s, json_string_value(name)))
                json_array_append_new(s->components,
                                      json_pack("{s:O, s:s}", "name", name, "status", "operational"));
    }
}

static void components(struct visit *v, const struct status *s)
{
    struct html *h = &v->html;
    size_t i;
    json_t *c;
    bool all_well = true;
    json_array_foreach(s->components, i, c)
        all_well = all_well && str_eq(json_str(c, "status", ""), "operational");
    html_put(h, "<p class='overall %s' role='status'>%s</p><ul class='components'>",
             all_well ? "well" : "not-well",
             all_well ? "All systems are operational" : "Some systems are being worked on");
    json_array_foreach(s->components, i, c)
        html_put(h, "<li><span>%s</span> <b class='c-%s'>%s</b></li>", json_str(c, "name", "?"),
                 json_str(c, "status", "operational"), component_word(json_str(c, "status", "operational")));
    html_put(h, "</ul>");
}

static void page(struct visit *v, const struct status *s)
{
    struct html *h = &v->html;
    html_put(
        h,
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><meta name='viewport' "
        "content='width=device-width, initial-scale=1'><meta name='color-scheme' content='light dark'>"
        "<title>Status</title><link rel='stylesheet' href='%s'><link rel='icon' href='%s'><link rel='alternate' type='application/atom+xml' "
        "href='/status.atom' title='Maintenances'></head><body><main><h1>Status</h1>",
        asset_path(v, "status.css"), asset_path(v, "signal.svg"));
    components(v, s);
    html_put(h, "<section><h2>Maintenances</h2>");
    if (maintenances(v, s, false) == 0)
        html_put(h, "<p>None is planned.</p>");
    html_put(h, "</section><section><h2>Past %d days</h2>", DAYS_SHOWN);
    if (maintenances(v, s, true) == 0)
        html_put(h, "<p>None.</p>");
    html_put(h,
             "</section><footer><p><a href='/status.atom'>Atom feed</a></p></footer></main></body></html>\n");
    visit_page(v);
}

/* --- the feed (RFC 4287) ------------------------------------------------------------------------ */

/* The escapes of HTML's text are XML's as well; what XML cannot hold at all is left out. */
static const char *xml_text(struct visit *v, const char *text)
{
    char *copy = arena_strdup(&v->arena, text), *w = copy;
    for (const char *r = copy; *r; r++)
        if ((unsigned char)*r >= 0x20 || *r == '\n' || *r == '\t')
            *w++ = *r;
    *w = '\0';
    return copy;
}

static void feed(struct visit *v, const struct status *s)
{
    struct html *h = &v->html;
    char when[32];
    int64_t last = 0;
    size_t i, k;
    json_t *m;
    const char *host = request_header(v->x, "Host");
    json_array_foreach(s->maintenances, i, m)
        last = updated(m) > last ? updated(m) : last;
    instant_rfc3339(last, when);
    html_put(
        h,
        "<?xml version='1.0' encoding='utf-8'?>\n<feed xmlns='http://www.w3.org/2005/Atom'><title>Maintenances</title>"
        "<id>urn:signalbox:status</id><updated>%s</updated><author><name>Status</name></author>"
        "<link rel='alternate' href='http://%s/status'/>\n",
        when, xml_text(v, host ? host : "localhost"));
    json_array_foreach(s->maintenances, i, m) {
        json_t **updates;
        size_t n = updates_of(v, m, &updates);
        instant_rfc3339(updated(m), when);
        html_put(h,
                 "<entry><title>%s: %s</title><id>urn:signalbox:maintenance:%s</id><updated>%s</updated>"
                 "<content type='text'>",
                 xml_text(v, json_str(m, "name", "")), maintenance_word(m),
                 html_part(h, json_str(m, "id", "")), when);
        for (k = 0; k < n; k++)
            html_put(h, "%s\n", xml_text(v, json_str(updates[k], "body", "")));
        html_put(h, "</content></entry>\n");
    }
    html_put(h, "</feed>\n");
    visit_bytes(v, 200, "application/atom+xml; charset=utf-8", buf_str(&h->out), h->out.len);
}

/* --- what it stands on -------------------------------------------------------------------------- */

static bool gone(struct visit *v)
{
    if (v->x)
        return false;
    visit_over(v);
    return true;
}

static void maintenances_read(void *ctx, json_t *docs, const struct error *err)
{
    struct visit *v = ctx;
    struct status *s = v->data;
    if (gone(v))
        return;
    v->in_store = false;
    s->maintenances = json_deep_copy(docs);
    if (err)
        visit_fail(v, 503, "The status is not known now", "Come back in a minute.");
    else if (s->feed)
        feed(v, s);
    else
        page(v, s);
}

static void components_read(void *ctx, json_t *docs, const struct error *err)
{
    struct visit *v = ctx;
    struct status *s = v->data;
    (void)err;
    if (gone(v))
        return;
    s->components = docs ? json_deep_copy(docs) : json_array();
    add_configured(v, s);
    store_doc_list(engine_store(v->web->engine), KEPT_MAINTENANCE, MAINTENANCES_MOST, maintenances_read, v);
}

static void begin(struct visit *v, bool as_feed)
{
    const char *driver = engine_config(v->web->engine)->systems[ROLE_STATUSPAGE].driver;
    if (driver && !str_eq(driver, "builtin")) {
        visit_fail(v, 404, "The status page is elsewhere",
                   "Another system keeps it here; this one would only tell half of it.");
        return;
    }
    struct status *s = ARENA_NEW(&v->arena, struct status);
    arena_on_free(&v->arena, drop, s);
    s->feed = as_feed;
    v->data = s;
    v->in_store = true;
    store_doc_list(engine_store(v->web->engine), KEPT_COMPONENT, COMPONENTS_MOST, components_read, v);
}

void status_page(struct visit *v)
{
    begin(v, false);
}

void status_feed(struct visit *v)
{
    begin(v, true);
}
