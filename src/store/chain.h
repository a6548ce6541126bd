/* chain.h: a list of texts that nobody can edit without it showing: each one's hash covers the one before it.
 * Pure: no database, no clock.
 *
 * hash(n) = SHA-256(hash(n-1) || text n), hash(0) = SHA-256(the chain's name), hashes as hexadecimal digits.
 */
#ifndef SB_STORE_CHAIN_H
#define SB_STORE_CHAIN_H

#include "base/error.h"
#include "base/hash.h"
#include <stdint.h>

/* Where a chain has got to. */
struct chain {
    int64_t n; /* texts so far */
    char hash[SHA256_HEX + 1];
};

struct chain chain_begin(const char *name);
void chain_add(struct chain *c, const void *text, size_t size);

/* A link as it was found: takes it when it is number c->n + 1 and its hash follows. Otherwise SB_CORRUPT,
 * said with `what` ("event", "entry"): "event 12: hash does not follow from event 11 ...". */
MUST_USE bool chain_take(struct chain *c, const char *what, int64_t n, const void *text, size_t size,
                         const char *hash, struct error *err);

#endif
