/* access.h: what stands between the network and the API: tokens, sessions, and the guard that slows down who guesses.
 *
 * Tokens and sessions are documents of the store, kept in memory while in use: read at the first look, and again when
 * the copy is a few seconds old or does not have what is asked for, so that several nodes on one database agree. Secrets
 * are 256 random bits, so that their SHA-256 is as good as a slow hash; only that is kept. */
#ifndef SB_API_ACCESS_H
#define SB_API_ACCESS_H

#include "api/inside.h"
#include "api/session.h"
#include "base/hash.h"

enum {
    SECRET_BYTES = 32,
    SECRET_TEXT = 43, /* of it in base64url */
    CREDENTIAL_ID = 12,
};

/* A fresh id and secret, as text. */
void fresh_id(char out[CREDENTIAL_ID + 1]);
void fresh_secret(char out[SECRET_TEXT + 1]);
/* Is `hash` that of the secret? Constant time. */
bool secret_fits(const char *secret, const char *hash);

/* --- tokens.c ------------------------------------------------------------------------------------------------ */

struct tokens;
struct tokens *tokens_new(struct api *a);
void tokens_free(struct tokens *t);
/* The token that this text is, as its document {id, name, owner, scopes, for, expires ...}: borrowed, until the next
 * call. NULL with SB_DENIED: there is none, or it is over. */
const json_t *tokens_find(struct tokens *t, const char *text, struct error *err);
bool tokens_have(struct tokens *t, const char *id);

/* --- sessions.c ---------------------------------------------------------------------------------------------- */

/* Who signed in, and how. */
struct signed_in {
    const char *by, *name;
    const json_t *only; /* bounds of the token that was signed in with; or NULL */
    const char *token;  /* its id: when it is over, the session is; or NULL */
};

struct session {
    char id[CREDENTIAL_ID + 1];
    char hash[SHA256_HEX + 1],
        old_hash[SHA256_HEX + 1]; /* of the cookie's secret; of the one before, or "" */
    char csrf[SECRET_TEXT + 1];
    char *by, *name;
    char *token;                             /* or NULL */
    json_t *only;                            /* or NULL */
    int64_t began, seen, rotated, confirmed; /* confirmed: the new secret came back; 0 = not yet */
    int64_t saved;                           /* `seen` as the store has it */
    bool ended;
};

struct sessions;
struct sessions *sessions_new(struct api *a);
void sessions_free(struct sessions *s);
enum { COOKIE_MAX = CREDENTIAL_ID + SECRET_TEXT + 1 };
/* `cookie` is what the browser is to keep. `done` when it is durable. */
struct session *sessions_begin(struct sessions *s, const struct signed_in *who, char cookie[COOKIE_MAX],
                               store_doc_fn *done, void *ctx);
/* NULL = none, or over. `fresh` is filled when the browser is to keep another cookie from now on, else "". */
struct session *sessions_find(struct sessions *s, const char *cookie, char fresh[COOKIE_MAX]);
void sessions_end(struct sessions *s, struct session *one);
bool sessions_have(struct sessions *s, const char *id);

/* --- guard.c ------------------------------------------------------------------------------------------------- */

/* Who fails too often from one address waits: 30 s after the fifth time, then twice as long each time. */
struct guard;
struct guard *guard_new(void);
void guard_free(struct guard *g);
/* Seconds that this address still has to wait; 0 = none. */
int guard_wait(const struct guard *g, const char *address, int64_t now);
void guard_failed(struct guard *g, const char *address, int64_t now);
void guard_passed(struct guard *g, const char *address);

/* --- signin.c ------------------------------------------------------------------------------------------------ */

/* Answers the exchange when it is one of signing in or out. */
bool signin_serve(struct api *a, struct exchange *x);
/* Gives a session and sends the browser to `next` (or "/"); later, when it is durable. */
void signin_enter(struct api *a, struct exchange *x, const struct signed_in *who, const char *next);
/* The API ends: whoever waits gets no answer. */
void signin_drop_all(struct api *a);
/* Tells that it did not work: a script in JSON, a browser by sending it to /sign-in?why=. */
void signin_refuse(struct exchange *x, int status, const char *why, const char *detail, const char *next);
/* Where the request comes from: the peer, or what the proxy in front of us says. In the exchange's arena. */
const char *client_address(const struct api *a, struct exchange *x);
/* Cookies of this kind of connection: "__Host-signalbox" over TLS. */
const char *cookie_name(const struct api *a);
void cookie_set(const struct api *a, struct exchange *x, const char *value, int64_t lasts_ms);
const char *cookie_get(const struct api *a, struct exchange *x);

/* --- caller.c ------------------------------------------------------------------------------------------------ */

/* visitor_of, with the memory in `arena`. */
MUST_USE bool visitor_read(struct api *a, struct exchange *x, struct arena *arena, struct visitor *v,
                           int *status, struct error *err);
void visitor_copy(const struct visitor *v, struct arena *arena, struct visitor *out);
/* May the page that asks do so: is it ours? */
bool same_origin(const struct api *a, const struct exchange *x, struct error *err);

#endif
