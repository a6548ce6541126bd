/* web.c: the pages' life, and where an HTTP exchange becomes a visit. */
#include "net/alloc.h"
#include "web/inside.h"
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the table of pages ----------------------------------------------------------------------- */

const struct web_route web_routes[] = {
    {"GET", "/", false, board_page},
    {"POST", "/alerts/ack", false, board_acknowledge},
    {"GET", "/changes/{id}", false, change_page},
    {"GET", "/changes/{id}/page", false, change_sop_page},
    {"GET", "/changes/{id}/messages", false, change_messages_page},
    {"GET", "/changes/{id}/record", false, change_record_page},
    {"GET", "/changes/{id}/report", false, change_report_page},
    {"GET", "/changes/{id}/replay", false, change_replay_page},
    {"POST", "/changes/{id}/{act}", false, change_post},
    {"GET", "/plan", false, plan_page},
    {"POST", "/plan", false, plan_post},
    {"GET", "/calendar", false, calendar_page},
    {"GET", "/versions", false, versions_page},
    {"GET", "/figures", false, figures_page},
    {"GET", "/pages", false, sops_page},
    {"GET", "/pages/{name}", false, sop_page},
    {"GET", "/record", false, record_page},
    {"POST", "/record", false, record_post},
    {"GET", "/drills", false, drills_page},
    {"POST", "/play", false, who_plays},
    {"GET", "/sign-in", true, sign_in_page},
    {"GET", "/status", true, status_page},
    {"GET", "/status.atom", true, status_feed},
    {NULL, NULL, false, NULL},
};

static bool matches(struct visit *v, const char *pattern, const char *path)
{
    int n = 0;
    while (*pattern && *path) {
        size_t want = strcspn(pattern + 1, "/") + 1, have = strcspn(path + 1, "/") + 1;
        if (pattern[1] == '{') {
            const char *value = have > 1 ? path_decode(&v->arena, path + 1, have - 1) : NULL;
            if (!value || n == VISIT_ARGS_MAX)
                return false;
            v->args[n++] = value;
        } else if (want != have || memcmp(pattern, path, want) != 0) {
            return false;
        }
        pattern += want;
        path += have;
    }
    return *pattern == '\0' && *path == '\0';
}

static bool is_method(const struct web_route *r, const char *method)
{
    return str_eq(r->method, method) || (str_eq(method, "HEAD") && str_eq(r->method, "GET"));
}

/* The route; NULL with `other` = the path has one of another method. */
static const struct web_route *find(struct visit *v, const struct server_request *r, bool *other)
{
    for (const struct web_route *route = web_routes; route->method; route++) {
        if (!matches(v, route->path, r->raw_path))
            continue;
        if (is_method(route, r->method))
            return route;
        *other = true;
    }
    return NULL;
}

/* --- a visit's life --------------------------------------------------------------------------- */

static void client_left(void *ctx)
{
    struct visit *v = ctx;
    v->x = NULL;
}

static struct visit *visit_new(struct web *w, struct exchange *x)
{
    const struct server_request *r = exchange_request(x);
    struct visit *v = NET_NEW(struct visit);
    v->web = w;
    v->x = x;
    v->arena = arena_make();
    v->html.arena = &v->arena;
    v->html.icons = asset_path(v, "icons.svg");
    v->now = engine_now(w->engine);
    v->path = *r->raw_query ? arena_printf(&v->arena, "%s?%s", r->raw_path, r->raw_query)
                            : arena_strdup(&v->arena, r->raw_path);
    v->next = w->visits;
    if (v->next)
        v->next->prev = v;
    w->visits = v;
    exchange_on_end(x, client_left, v);
    return v;
}

/* Neither the exchange nor the web knows of it any more. */
static void visit_leaves(struct visit *v)
{
    if (v->x)
        exchange_on_end(v->x, NULL, NULL);
    v->x = NULL;
    if (!v->web)
        return;
    if (v->prev)
        v->prev->next = v->next;
    else
        v->web->visits = v->next;
    if (v->next)
        v->next->prev = v->prev;
    v->web = NULL;
}

static void visit_free(struct visit *v)
{
    visit_leaves(v);
    buf_free(&v->html.out);
    arena_free(&v->arena);
    free(v);
}

/* A question's answer may come after its web has gone with all visits: the API drops its calls first then. */
static void told(void *ctx, int status, const json_t *body)
{
    struct visit *v = ctx;
    if (v->x)
        v->then(v, status, body);
    else
        visit_free(v);
}

void visit_over(struct visit *v)
{
    visit_free(v);
}

void visit_ask(struct visit *v, const char *method, const char *path, const json_t *body,
               void (*then)(struct visit *v, int status, const json_t *body))
{
    v->then = then;
    api_call_for(v->web->api, &v->who, method, path, body, told, v);
}

/* --- answers ---------------------------------------------------------------------------------- */

/* Nothing runs in our pages but our own modules, nothing is framed, and no form leads elsewhere. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

void visit_headers(struct exchange *x)
{
    answer_header(x, "Content-Security-Policy", policy);
    answer_header(x, "X-Content-Type-Options", "nosniff");
    answer_header(x, "Referrer-Policy", "same-origin");
    answer_header(x, "Cross-Origin-Opener-Policy", "same-origin");
}

void visit_bytes(struct visit *v, int status, const char *type, const char *bytes, size_t n)
{
    visit_headers(v->x);
    answer_header(v->x, "Cache-Control", "no-store"); /* what is true of a change now is not in a minute */
    exchange_on_end(v->x, NULL, NULL);
    answer_bytes(v->x, status, type, bytes, n);
    v->x = NULL;
    visit_free(v);
}

void visit_page(struct visit *v)
{
    visit_bytes(v, v->status ? v->status : 200, "text/html; charset=utf-8", buf_str(&v->html.out),
                v->html.out.len);
}

void visit_lead(struct visit *v, const char *path)
{
    answer_header(v->x, "Location", path);
    visit_bytes(v, 303, "text/plain; charset=utf-8", "", 0);
}

void visit_fail(struct visit *v, int status, const char *title, const char *detail)
{
    const struct page p = {.title = title};
    buf_clear(&v->html.out);
    v->status = status;
    page_begin(v, &p);
    html_put(&v->html,
             "<article class='notice bad' id='problem'><h1>%s</h1><p>%s</p>"
             "<p><a href='/'>To the board</a></p></article>",
             title, detail);
    page_end(v);
    visit_page(v);
}

void visit_problem(struct visit *v, int status, const json_t *problem)
{
    _cleanup_json_ json_t *kept = json_incref((json_t *)(uintptr_t)problem);
    visit_fail(v, status, json_str(kept, "title", "It did not work"),
               json_str(kept, "detail", "The reason is not known."));
}

const char *visit_query(struct visit *v, const char *name)
{
    const char *value = v->x ? request_query(v->x, name) : NULL;
    return value && strlen(value) <= WEB_FIELD_MAX ? value : "";
}

const char *visit_field(struct visit *v, const char *name)
{
    const char *value = v->x ? request_form(v->x, name) : NULL;
    return value && strlen(value) <= WEB_FIELD_MAX ? value : "";
}

/* --- the pages' life -------------------------------------------------------------------------- */

struct web *web_new(const struct web_options *o)
{
    struct web *w = NET_NEW(struct web);
    unsigned char random[32];
    w->api = o->api;
    w->engine = o->engine;
    w->players = o->players;
    if (RAND_bytes(random, sizeof random) != 1)
        abort();
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(w->csrf + 2 * i, 3, "%02x", random[i]);
    assets_version(w->assets);
    return w;
}

void web_free(struct web *w)
{
    if (!w)
        return;
    for (struct visit *v = w->visits, *next; v; v = next) {
        next = v->next;
        visit_leaves(v);
        if (!v->in_store)
            visit_free(v);
    }
    looks_free(w);
    free(w);
}

bool web_serve(struct web *w, struct exchange *x)
{
    const struct server_request *r = exchange_request(x);
    bool other = false;
    if (assets_serve(w, x))
        return true;
    struct visit *v = visit_new(w, x);
    v->route = find(v, r, &other);
    if (!v->route && !other) {
        visit_free(v);
        return false;
    }
    if (!who_asks(v))
        return true;
    if (!v->route)
        visit_fail(v, 405, "Not possible here", "This page is only looked at.");
    else if (str_eq(v->route->method, "POST") && !who_sent_it(v))
        visit_fail(
            v, 403, "This form is not from here, or it is old",
            "Open the page anew and send the form again: what you typed is still in the form before this page.");
    else
        v->route->handle(v);
    return true;
}
