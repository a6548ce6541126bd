#include "cli/pages.h"
#include "web/web.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pages {
    struct api *api;
    struct web *web;
    struct server *server;
    char url[320];
};

static void on_exchange(void *ctx, struct exchange *x)
{
    const struct pages *p = ctx;
    if (!api_serve(p->api, x) && !web_serve(p->web, x))
        answer_text(x, 404, "Not here. The pages begin at /, the API at /api/v1.\n");
}

struct pages *pages_open(struct session *s, const char *address, const char *const *players,
                         struct error *err)
{
    const struct server_options so = {.address = address, .listen_fd = -1};
    struct pages *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    p->api = api_new(session_engine(s));
    const struct web_options wo = {.api = p->api, .engine = session_engine(s), .players = players};
    p->web = web_new(&wo);
    p->server = server_new(session_loop(s), &so, on_exchange, p, err);
    if (!p->server) {
        pages_close(p);
        return NULL;
    }
    const char *colon = strrchr(address, ':');
    snprintf(p->url, sizeof p->url, "http://%.*s:%d", (int)(colon ? colon - address : 0), address,
             server_port(p->server));
    return p;
}

void pages_close(struct pages *p)
{
    if (!p)
        return;
    server_free(p->server);
    web_free(p->web);
    api_free(p->api);
    free(p);
}

const char *pages_url(const struct pages *p)
{
    return p->url;
}
