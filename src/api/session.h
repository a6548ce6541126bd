/* session.h: who asks over an exchange, for the rooms that answer with pages, and signing in and out.
 *
 * A browser's visitor signs in with a token (POST /sign-in, fields `token` and `next`), and has a session from then on: a cookie whose secret is kept as a hash, changed now and
 * then, and ended by POST /sign-out (field `csrf`), by idleness or by age. These paths are the API's (api_serve
 * answers them); the page at GET /sign-in is not: it is told why in `?why=` ("token", "locked", "refused", "failed") and
 * gets `next` back.
 *
 * Everything a form or a script changes with a session must bring its CSRF token: the field `csrf`, checked with
 * visitor_csrf, or the header X-CSRF-Token, which the API checks itself. */
#ifndef SB_API_SESSION_H
#define SB_API_SESSION_H

#include "api/api.h"
#include "engine/asker.h"

struct visitor {
    struct asker asker;
    const char
        *how;      /* "socket", "session", "token", "loopback"; "nobody": over the network without sign-in */
    bool known;    /* asker.name is somebody */
    bool may_read; /* or may look without sign-in, because it comes from this machine */
    const char *name;       /* as people call it, or asker.name */
    const char *csrf;       /* of the session; "" when there is none */
    const char *credential; /* of the token or session, for visitor_is_current; "" = none */
};

/* Whom the exchange comes from. Texts live as long as the exchange; may set a cookie, so before answering. False for
 * what must be refused outright: a page of another site, a token that is not (or no longer) one; `status` is 403, 401
 * or 429. A session that has ended is nobody. */
MUST_USE bool visitor_of(struct api *a, struct exchange *x, struct visitor *v, int *status,
                         struct error *err);
/* May the visitor see changes of this client and env (NULL = of any)? */
bool visitor_sees(const struct api *a, const struct visitor *v, const char *client, const char *env);
/* Does the visitor have a role ("deploy", "approve", "administer")? */
bool visitor_may(const struct api *a, const struct visitor *v, const char *role, const char *client,
                 const char *env);
/* Is that what the visitor's forms were given? Constant time. True for who needs none: a token or the socket, which no
 * browser sends by itself. */
bool visitor_csrf(const struct visitor *v, const char *given);
/* Is the token or session still one? For streams, which outlive a request. */
bool visitor_is_current(struct api *a, const char *credential);

/* As api_call, with the rights of a visitor: for a form whose `csrf` was checked. `v` is borrowed until it returns. */
void api_call_for(struct api *a, const struct visitor *v, const char *method, const char *path,
                  const json_t *body, void (*done)(void *ctx, int status, const json_t *body), void *ctx);

#endif
