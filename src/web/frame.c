/* frame.c: what surrounds every page, and the files that all pages share. */
#include "base/embedded.h"
#include "base/hash.h"
#include "web/inside.h"
#include <string.h>

extern const struct embedded web_assets[];

/* --- assets ----------------------------------------------------------------------------------- */

/* All assets have one version, so that modules find each other by name and a browser keeps them for ever. */
void assets_version(char out[17])
{
    _cleanup_buf_ struct buf all = {0};
    char hash[SHA256_HEX + 1];
    for (const struct embedded *e = web_assets; e->name; e++) {
        buf_adds(&all, e->name);
        buf_add(&all, e->data, e->size);
    }
    sha256_hex(buf_str(&all), all.len, hash);
    memcpy(out, hash, 16);
    out[16] = '\0';
}

const char *asset_path(struct visit *v, const char *name)
{
    return arena_printf(&v->arena, "/assets/%s/%s", v->web->assets, name);
}

static const char *type_of(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {{".css", "text/css; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".svg", "image/svg+xml"}};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (str_ends(name, types[i].ending))
            return types[i].type;
    return "application/octet-stream";
}

static const struct embedded *asset_named(const char *name)
{
    for (const struct embedded *e = web_assets; e->name; e++)
        if (str_eq(e->name, name))
            return e;
    return NULL;
}

bool assets_serve(struct web *w, struct exchange *x)
{
    static const char prefix[] = "/assets/";
    const struct server_request *r = exchange_request(x);
    if (!str_starts(r->raw_path, prefix))
        return false;
    const char *version = r->raw_path + sizeof prefix - 1, *slash = strchr(version, '/');
    const struct embedded *e = slash ? asset_named(slash + 1) : NULL;
    if (!e) {
        answer_text(x, 404, "There is no such file.\n");
        return true;
    }
    /* A page of the version before, still open, gets the file as it is now, but must not keep it. */
    bool current = strlen(w->assets) == (size_t)(slash - version) &&
                   strncmp(version, w->assets, (size_t)(slash - version)) == 0;
    const char *tag = arena_printf(r->arena, "\"%s\"", w->assets);
    const char *known = request_header(x, "If-None-Match");
    visit_headers(x);
    answer_header(x, "ETag", tag);
    answer_header(x, "Cache-Control", current ? "public, max-age=31536000, immutable" : "no-cache");
    if (known && str_eq(known, tag))
        answer_bytes(x, 304, type_of(e->name), "", 0);
    else
        answer_bytes(x, 200, type_of(e->name), e->data, e->size);
    return true;
}

/* --- the frame -------------------------------------------------------------------------------- */

static const struct {
    const char *place, *path, *name;
} places[] = {
    {"board", "/", "Board"},
    {"plan", "/plan", "Plan"},
    {"calendar", "/calendar", "Calendar"},
    {"versions", "/versions", "Versions"},
    {"figures", "/figures", "Figures"},
    {"pages", "/pages", "SOP"},
    {"record", "/record", "Record"},
    {"drills", "/drills", "Drills"},
};

static void navigation(struct visit *v, const char *place)
{
    html_put(&v->html, "<nav class='places' aria-label='Main'><ul>");
    for (size_t i = 0; i < COUNT_OF(places); i++)
        html_put(&v->html,
                 str_eq(place, places[i].place) ? "<li><a href='%s' aria-current='page'>%s</a></li>"
                                                : "<li><a href='%s'>%s</a></li>",
                 places[i].path, places[i].name);
    html_put(&v->html, "</ul></nav>");
}

void form_token(struct visit *v)
{
    html_put(&v->html, "<input type='hidden' name='csrf' value='%s'>", v->who.csrf);
}

/* In a drill one person plays several: the requester and the one who agrees, for instance. */
static void player(struct visit *v)
{
    struct html *h = &v->html;
    const struct config *c = engine_config(v->web->engine);
    html_put(h, "<form class='who' method='post' action='/play'>");
    form_token(v);
    html_put(h,
             "<input type='hidden' name='back' value='%s'>"
             "<label for='player'>You play</label> <select id='player' name='as' data-submit>",
             str_eq(exchange_request(v->x)->method, "GET") ? v->path : "/");
    for (size_t i = 0; v->web->players[i]; i++) {
        const char *id = v->web->players[i];
        const struct config_person *p = config_person(c, id);
        html_put(h,
                 str_eq(id, v->who.asker.name) ? "<option value='%s' selected>%s</option>"
                                               : "<option value='%s'>%s</option>",
                 id, p && p->name ? p->name : id);
    }
    html_put(h, "</select> <button class='quiet' data-plain>Change</button></form>");
}

static void person(struct visit *v)
{
    struct html *h = &v->html;
    if (v->web->players) {
        player(v);
    } else if (v->who.known && *v->who.csrf) {
        html_put(h, "<form class='who' method='post' action='/sign-out'>");
        form_token(v);
        html_put(h, "<span>%s</span> <button class='quiet'>Sign out</button></form>", v->who.name);
    } else if (v->who.known) {
        html_put(h, "<p class='who'>%s</p>", v->who.name);
    } else {
        html_put(
            h,
            "<p class='who'><span class='muted'>Looking only</span> <a href='/sign-in?next=%s'>Sign in</a></p>",
            html_part(h, v->path));
    }
}

void page_begin(struct visit *v, const struct page *p)
{
    struct html *h = &v->html;
    html_put(h,
             "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
             "<meta name='viewport' content='width=device-width, initial-scale=1'>"
             "<meta name='color-scheme' content='dark light'>"
             "<title>%s · Signalbox</title><link rel='stylesheet' href='%s'><link rel='icon' href='%s'>"
             "<script type='module' src='%s'></script>",
             p->title, asset_path(v, "app.css"), asset_path(v, "signal.svg"), asset_path(v, "live.js"));
    if (p->script)
        html_put(h, "<script type='module' src='%s'></script>", asset_path(v, p->script));
    html_put(h, "</head>\n<body data-now='%lld'", (long long)v->now);
    if (p->events)
        html_put(h, " data-events='%s'", p->events);
    html_put(
        h,
        ">\n<a class='skip' href='#main'>To the content</a>\n<header class='top'><a class='mark' href='/'>"
        "<svg aria-hidden='true' viewBox='0 0 16 16' width='22' height='22'><use href='%s#signal'/></svg>"
        "<span>Signalbox</span></a>",
        h->icons);
    if (v->web->players)
        html_put(h, "<strong class='drill'>Drill</strong>");
    navigation(v, p->place);
    person(v);
    html_put(h,
             "</header>\n<p id='lost' class='lost' role='status' hidden></p>\n<main id='main' class='%s'>\n",
             p->wide ? "wide" : "plain");
}

void page_end(struct visit *v)
{
    html_put(&v->html, "</main>\n<footer class='foot'><p>Signalbox " SB_VERSION
                       " · <a href='/status'>Status page</a> · <a href='/api/v1'>API</a> · "
                       "<span id='live' class='live'></span></p></footer>\n</body></html>\n");
}
