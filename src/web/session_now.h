/* session_now.h: who a browser is, before there is a sign-in: whoever comes from this machine may look. */
#ifndef SB_WEB_SESSION_NOW_H
#define SB_WEB_SESSION_NOW_H

#include "api/api.h"

struct asker {
    const char *name;
};

struct visitor {
    struct asker asker;
    const char *how;
    bool known, may_read;
    const char *name, *csrf;
};

MUST_USE bool visitor_of(struct api *a, struct exchange *x, struct visitor *v, int *status,
                         struct error *err);
bool visitor_csrf(const struct visitor *v, const char *given);
void api_call_for(struct api *a, const struct visitor *v, const char *method, const char *path,
                  const json_t *body, void (*done)(void *ctx, int status, const json_t *body), void *ctx);

#endif
