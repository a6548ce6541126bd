/* api.c: the API's life, and where an HTTP exchange becomes a call. */
#include "api/api.h"
#include "api/inside.h"
#include "net/alloc.h"
#include <stdlib.h>

struct api *api_new(struct engine *e)
{
    struct api *a = NET_NEW(struct api);
    a->engine = e;
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
    if (!router_owns(r->raw_path))
        return false;
    struct call *c = call_new(a);
    c->x = x;
    c->raw_query = arena_strdup(&c->arena, r->raw_query);
    exchange_on_end(x, on_end, c);
    bool open = str_eq(r->raw_path, "/healthz") || str_eq(r->raw_path, "/readyz");
    if (!open && !caller_of(c, &err))
        call_fail(c, &err);
    else
        router_dispatch(c, r->method, r->raw_path);
    return true;
}
