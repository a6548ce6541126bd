/* sift.h: takes a stream of JSON apart as it comes and keeps only what is asked for, so that a list of any
 * length passes in constant memory: one item at a time is put together, of its named paths only, and handed
 * over.
 *
 * Hostile input is bounded: depth, size of an item as kept, length of a string, number of items, length of a
 * token. */
#ifndef SB_SYSTEMS_SIFT_H
#define SB_SYSTEMS_SIFT_H

#include "base/error.h"
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct sift;

struct sift_options {
    const char *what;  /* for errors: "list of pods" */
    const char *items; /* the root's member whose elements are the items ("items"); NULL = every root value is
                          an item (watches) */
    const char *const
        *keep; /* paths in an item, NULL-terminated: "metadata.name", "spec.containers.*.image" (`*` = any
                * element or member). A path that ends at an object or array keeps all of it */
    const char *const *keep_root;             /* with `items`: paths of the root to keep besides; or NULL */
    void (*on_item)(void *ctx, json_t *item); /* borrowed. Items that are no objects are passed over */
    void *ctx;
    size_t string_max; /* longer strings are cut there, at a character; 0 = 32 KiB */
    int64_t items_max; /* 0 = 1,000,000 */
};

/* Copies the paths; `what` must outlive it. */
struct sift *sift_new(const struct sift_options *o);
void sift_free(struct sift *s); /* NULL is fine */

/* SB_PARSE, SB_LIMIT. After an error every further feed fails. */
bool sift_feed(struct sift *s, const char *bytes, size_t n, struct error *err);
/* The input is over: SB_PARSE when it ends in the middle. */
bool sift_end(struct sift *s, struct error *err);
/* With `items`: what was kept of the root so far; NULL when the root is no object. Borrowed. */
const json_t *sift_root(const struct sift *s);
int64_t sift_items(const struct sift *s);

#endif
