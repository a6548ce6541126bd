/* router.c: from a path to its handler. */
#include "api/inside.h"
#include <string.h>

/* --- matching --------------------------------------------------------------------------------- */

bool router_is_open(const char *path)
{
    return str_eq(path, "/healthz") || str_eq(path, "/readyz");
}

bool router_owns(const char *path)
{
    return router_is_open(path) || str_eq(path, FEED_PATH) || str_eq(path, "/metrics") ||
           str_eq(path, "/api/v1") || str_starts(path, "/api/v1/");
}

/* Does the path have the pattern's form? The values of its {names} go to `args`, decoded piece by piece, so
 * that an escaped slash is part of a name. */
static bool matches(const char *pattern, const char *path, struct arena *a, const char *args[API_ARGS_MAX])
{
    int n = 0;
    while (*pattern && *path) {
        size_t want = strcspn(pattern + 1, "/") + 1, have = strcspn(path + 1, "/") + 1;
        if (pattern[1] == '{') {
            const char *value = have > 1 ? path_decode(a, path + 1, have - 1) : NULL;
            if (!value || n == API_ARGS_MAX)
                return false;
            args[n++] = value;
        } else if (want != have || memcmp(pattern, path, want) != 0) {
            return false;
        }
        pattern += want;
        path += have;
    }
    return *pattern == '\0' && *path == '\0';
}

/* HEAD is GET without the body, which the server leaves out. */
static bool is_method(const struct api_route *r, const char *method)
{
    return str_eq(r->method, method) || (str_eq(method, "HEAD") && str_eq(r->method, "GET"));
}

/* The route of path and method; NULL: `allowed` names the methods that the path has ("" = it is no path of
 * ours). */
static const struct api_route *find(struct call *c, const char *method, const char *path, struct buf *allowed)
{
    for (const struct api_route *r = api_routes; r->method; r++) {
        if (!matches(r->path, path, &c->arena, c->args))
            continue;
        if (is_method(r, method))
            return r;
        buf_printf(allowed, "%s%s", allowed->len ? ", " : "", r->method);
    }
    return NULL;
}

static void no_route(struct call *c, const char *method, const char *allowed)
{
    if (*allowed == '\0') {
        call_problem(c, 404, "unknown", "the API has no such path; GET /api/v1 lists all");
        return;
    }
    if (c->x)
        answer_header(c->x, "Allow", allowed);
    call_problem(c, 405, "method",
                 arena_printf(&c->arena, "%.16s is not possible here, only %s", method, allowed));
}

void router_handle(struct call *c)
{
    struct engine *e = c->api->engine;
    const struct asker asker = c->visitor.asker;
    engine_asker(e, &asker);
    c->route->handle(c);
    engine_asker(e, NULL);
}

void router_dispatch(struct call *c, const char *method, const char *raw_path)
{
    _cleanup_buf_ struct buf allowed = {0};
    struct error err = ERROR_NONE;
    c->route = find(c, method, raw_path, &allowed);
    if (!c->route) {
        no_route(c, method, buf_str(&allowed));
        return;
    }
    if (!caller_may_call(c))
        return;
    if (c->x && !body_read(c))
        return;
    if (!c->body)
        c->body = json_object();
    if (!body_check(c->body, c->route->fields, &err)) {
        call_fail(c, &err);
        return;
    }
    if (!idempotency_begin(c))
        router_handle(c);
}
