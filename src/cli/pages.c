#include "cli/pages.h"
#include "web/web.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* A socket that systemd holds for us, so that nobody is refused while one process ends and the next begins; -1 = none. */
static int given_socket(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    bool ours = pid && fds && atol(pid) == (long)getpid() && atoi(fds) >= 1;
    unsetenv("LISTEN_PID"); /* not our children's */
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return ours ? 3 : -1;
}

struct pages *pages_open(struct session *s, const char *address, const char *const *players,
                         struct error *err)
{
    const struct config_access *access = &engine_config(session_engine(s))->access;
    int given = address ? -1 : given_socket();
    if (!address && given < 0)
        address = access->listen ? access->listen : "127.0.0.1:7440";
    const struct server_options so = {.address = address,
                                      .listen_fd = given,
                                      .tls_cert_file = access->tls_cert,
                                      .tls_key_file = access->tls_key};
    struct pages *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    p->api = session_api(s);
    const struct web_options wo = {.api = p->api, .engine = session_engine(s), .players = players};
    p->web = web_new(&wo);
    p->server = server_new(session_loop(s), &so, on_exchange, p, err);
    if (!p->server) {
        pages_close(p);
        return NULL;
    }
    const char *colon = address ? strrchr(address, ':') : NULL;
    snprintf(p->url, sizeof p->url, "http%s://%.*s:%d", access->tls_cert ? "s" : "",
             colon ? (int)(colon - address) : 9, colon ? address : "localhost", server_port(p->server));
    return p;
}

void pages_close(struct pages *p)
{
    if (!p)
        return;
    server_free(p->server);
    web_free(p->web);
    free(p);
}

const char *pages_url(const struct pages *p)
{
    return p->url;
}
