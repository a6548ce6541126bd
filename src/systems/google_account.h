/* google_account.h: signing in at Google as a service account: a JWT signed with the account's key (RS256, RFC
 * 7523) is exchanged for a token that holds for an hour.
 *
 * The account's file is a secret and read anew for every sign-in; the token stays in memory only and goes to the
 * one peer that it is for. Loop's thread. */
#ifndef SB_SYSTEMS_GOOGLE_ACCOUNT_H
#define SB_SYSTEMS_GOOGLE_ACCOUNT_H

#include "systems/flow.h"

struct google_account;

struct google_account_options {
    struct secret key;   /* the account's JSON file */
    const char *subject; /* the person in whose name it acts (domain-wide delegation), or NULL */
    const char *scope;
    const char *ca_file, *proxy; /* as of the peer, or NULL */
};

/* Strings of the options must outlive it. */
struct google_account *google_account_new(struct surroundings *around, struct http_peer *api,
                                          const struct google_account_options *o);
void google_account_free(struct google_account *a); /* NULL is fine */

typedef void google_next(struct flow *f);
typedef void google_refused(struct flow *f,
                            const struct outcome *o); /* as of a failed look: RETRY or FAILED */
/* Goes on with `then` once the flow's peer (which must be `api`) is signed in: at once when it is, else after a
 * request. */
void google_sign_in(struct flow *f, struct google_account *a, google_next *then, google_refused *refused);
/* The token was refused: the next sign-in fetches another. */
void google_forget_token(struct google_account *a);

/* For tests: the assertion, signed. Heap. NULL on error. */
char *google_assertion(const char *key_file, size_t n, const char *subject, const char *scope, int64_t now_ms,
                       struct error *err);

#endif
