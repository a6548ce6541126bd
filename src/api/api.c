/* api.c: the API's life, and where an HTTP exchange becomes a call. */
#include "api/api.h"
#include "api/access.h"
#include "net/alloc.h"
#include <stdlib.h>

struct api *api_new(struct engine *e)
{
    struct api *a = NET_NEW(struct api);
    a->engine = e;
    a->tokens = tokens_new(a);
    a->sessions = sessions_new(a);
    a->guard = guard_new();
    a->metrics = metrics_new(a);
    events_open(a);
    return a;
}

void api_free(struct api *a)
{
    if (!a)
        return;
    events_close(a);
    while (a->calls)
        call_drop(a->calls);
    signin_drop_all(a);
    metrics_free(a->metrics);
    guard_free(a->guard);
    sessions_free(a->sessions);
    tokens_free(a->tokens);
    free(a);
}

/* The client has gone; what it asked for goes on, for it may be recorded already. */
static void on_end(void *ctx)
{
    struct call *c = ctx;
    c->x = NULL;
}

bool api_serve(struct api *a, struct exchange *x)
{
    const struct server_request *r = exchange_request(x);
    struct error err = ERROR_NONE;
    int status;
    if (signin_serve(a, x))
        return true;
    if (!router_owns(r->raw_path))
        return false;
    struct call *c = call_new(a);
    c->x = x;
    c->raw_query = arena_strdup(&c->arena, r->raw_query);
    exchange_on_end(x, on_end, c);
    if (!visitor_read(a, x, &c->arena, &c->visitor, &status, &err) && !router_is_open(r->raw_path)) {
        call_problem(c, status, "denied", err.text);
        return true;
    }
    c->by = c->visitor.asker.name;
    router_dispatch(c, r->method, r->raw_path);
    return true;
}
