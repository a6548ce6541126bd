/* heads.h: the heads of many changes by id: the writer's cache of them, and what a verification has seen.
 * Memory: the heap, owned by the struct. One thread. */
#ifndef SB_STORE_HEADS_H
#define SB_STORE_HEADS_H

#include "store/chain.h"

struct head {
    struct head *next; /* of its bucket */
    int64_t no;        /* of its row, 0 when it has none yet */
    int64_t place;     /* of its last event's row */
    struct chain chain;
    bool ended;
    char id[];
};

struct heads {
    struct head **buckets;
    size_t n, n_buckets;
};

struct head *heads_find(const struct heads *h, const char *id);
/* New, zeroed; there must be none of that id. The pointer stays valid until it is dropped. */
struct head *heads_add(struct heads *h, const char *id);
void heads_drop(struct heads *h, const char *id);
void heads_free(struct heads *h); /* empty afterwards, and usable */
#define _cleanup_heads_ CLEANUP(heads_free)

#endif
