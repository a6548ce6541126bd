/* checks.c: see checks.h. */
#include "systems/checks.h"
#include "base/instant.h"
#include <stdlib.h>

void *checks_new(size_t size, struct system *s, struct http_peer *peer, check_fn *done, void *ctx)
{
    return flow_visit(size, s, peer, done, ctx);
}

void checks_add(struct checks *c, enum check_state state, const char *what, const char *fmt, ...)
{
    if (c->n == CHECKS_MAX)
        return;
    va_list ap;
    va_start(ap, fmt);
    c->items[c->n++] = (struct check){
        .state = state,
        .what = arena_strdup(&c->f.arena, what),
        .says = arena_vprintf(&c->f.arena, fmt, ap),
    };
    va_end(ap);
}

void checks_failed(struct checks *c, enum check_state state, const char *what, const struct http_reply *reply)
{
    struct outcome o = outcome_of_failed_look(c->f.peer, &c->f.request, reply);
    checks_add(c, state, what, "%s", o.error.text);
}

void checks_clock(struct checks *c, const struct http_reply *reply)
{
    enum { TOLERATED_S = 30 };
    if (!reply->server_date_ms)
        return;
    int64_t off = (reply->server_date_ms - loop_wall_ms()) / 1000;
    bool right = llabs(off) <= TOLERATED_S;
    checks_add(c, right ? CHECK_OK : CHECK_WARN, "clock",
               right ? "agrees with ours to %lld s" : "is %lld s off ours: let both follow a time server",
               (long long)off);
}

void checks_end(struct checks *c)
{
    flow_checked(&c->f, c->items, c->n);
}
