/* checks.h: putting together what doctor is told of a system. */
#ifndef SB_SYSTEMS_CHECKS_H
#define SB_SYSTEMS_CHECKS_H

#include "systems/flow.h"

enum { CHECKS_MAX = 32 };

struct checks {
    struct flow f; /* first: the checks are a flow (flow_visit) */
    struct check items[CHECKS_MAX];
    int n;
};

/* `size` is that of the driver's own struct, which begins with `struct checks`. */
void *checks_new(size_t size, struct system *s, struct http_peer *peer, check_fn *done, void *ctx);
/* `what` and the text are kept in the flow's arena. Beyond CHECKS_MAX they are dropped. */
void checks_add(struct checks *c, enum check_state state, const char *what, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* A look that failed, in the system's words. */
void checks_failed(struct checks *c, enum check_state state, const char *what,
                   const struct http_reply *reply);
/* Is the system's clock ours? By the Date header; says nothing without one. */
void checks_clock(struct checks *c, const struct http_reply *reply);
/* Tells what was found and frees. */
void checks_end(struct checks *c);

#endif
