#include "store/chain.h"

#include <inttypes.h>
#include <string.h>

struct chain chain_begin(const char *name)
{
    struct chain c = {.n = 0};
    sha256_hex(name, strlen(name), c.hash);
    return c;
}

void chain_add(struct chain *c, const void *text, size_t size)
{
    char next[SHA256_HEX + 1];
    sha256_hex2(c->hash, SHA256_HEX, text, size, next);
    memcpy(c->hash, next, sizeof next);
    c->n++;
}

bool chain_take(struct chain *c, const char *what, int64_t n, const void *text, size_t size, const char *hash,
                struct error *err)
{
    if (n <= c->n)
        return error_set(err, SB_CORRUPT,
                         "%s %" PRId64 " stands where %s %" PRId64 " should: it was moved or repeated", what,
                         n, what, c->n + 1);
    if (n > c->n + 1)
        return error_set(err, SB_CORRUPT, "%s %" PRId64 " is missing", what, c->n + 1);
    struct chain next = *c;
    chain_add(&next, text, size);
    if (strcmp(next.hash, hash) != 0 && c->n == 0)
        return error_set(err, SB_CORRUPT,
                         "%s 1: hash does not follow from its beginning: its text or hash was edited", what);
    if (strcmp(next.hash, hash) != 0)
        return error_set(err, SB_CORRUPT,
                         "%s %" PRId64 ": hash does not follow from %s %" PRId64
                         ": its text or hash was edited",
                         what, n, what, c->n);
    *c = next;
    return true;
}
