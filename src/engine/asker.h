/* asker.h: who asks for something, and what that one may do.
 *
 * A name has the roles that the configuration gives it. A token narrows them and adds none: it never may what its
 * owner may not. Pure. */
#ifndef SB_ENGINE_ASKER_H
#define SB_ENGINE_ASKER_H

#include "engine/config.h"

struct asker {
    const char *name;   /* goes into the record; "" = nobody in particular */
    const json_t *only; /* a token's bounds {scopes: [...], for: [{client, env?}]}; NULL = none */
    const char *via;    /* for the record when it was not the person: "token ci"; or NULL */
};

/* The scopes a token can have: a role each, and "act" = whatever its owner may, but administer. Ends with
 * NULL. */
extern const char *const asker_scopes[];

/* client, env NULL = any. */
bool asker_may(const struct config *c, const struct asker *a, const char *role, const char *client,
               const char *env);
/* Do the token's bounds allow it? True for whoever has none. */
bool asker_within(const struct asker *a, const char *role, const char *client, const char *env);

#endif
