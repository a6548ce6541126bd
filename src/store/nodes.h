/* nodes.h: several processes on one database: who carries what, what the others did, what they ask of us.
 *
 * A lease is a name with a holder and a token. The token grows whenever the lease changes hands, and an append
 * under an older one is refused in its own transaction (store_append_held): a node that was stopped for long
 * cannot write what it no longer carries. A node is heard of every quarter of the lease's time; one that was
 * not heard of for the whole of it is expelled: its sessions are ended, and what it held is free.
 *
 * A thread of its own talks to the database; all calls and all callbacks are on the loop's thread. */
#ifndef SB_STORE_NODES_H
#define SB_STORE_NODES_H

#include "store/store.h"

struct nodes;

struct nodes_fns {
    /* We hold it from now on. Whatever was written under older tokens is durable, and has been told as news. */
    void (*gained)(void *ctx, const char *lease, int64_t token);
    void (*lost)(void *ctx, const char *lease);
    /* False: the database has not heard of us for so long that what we hold may be taken: see nodes_sure. */
    void (*sure)(void *ctx, bool sure);
    /* Up to its event `last` a change has become durable, by whichever node. */
    void (*news)(void *ctx, const char *change, int64_t last);
    /* Another node asks for something under a lease that we hold. Answered once, with nodes_answer. */
    void (*asked)(void *ctx, int64_t request, const json_t *body);
};

struct nodes_options {
    struct loop *loop;
    int64_t lease_ms;
    bool greedy; /* takes every lease that is free, not only those it asks for */
    const struct nodes_fns *fns;
    void *ctx;
};

/* NULL without an error: the store is a file, and we are alone. What becomes durable after this call is told. */
struct nodes *nodes_open(struct store *s, const struct nodes_options *o, struct error *err);
/* Gives all leases up. Before store_close; what was appended must be durable (store_flush). NULL is fine. */
void nodes_close(struct nodes *n);

/* May something be done that no other node must do as well? True while nobody can have taken our leases, with
 * time left for a call. To be asked right before. */
bool nodes_sure(const struct nodes *n);
/* Calls `sure(false)` now, when it is so and was not told yet. */
void nodes_look(struct nodes *n);

/* Takes a lease when it is free or ours: `done` gets its token (after `gained`), 0 when another node holds it,
 * or an error. */
typedef void nodes_taken_fn(void *ctx, int64_t token, const struct error *err);
void nodes_take(struct nodes *n, const char *lease, nodes_taken_fn *done, void *ctx);

/* Asks the node that holds the lease, or will. SB_NET when nobody answered: then it may have been done or not,
 * SB_CONFLICT when it certainly was not. */
typedef void nodes_answer_fn(void *ctx, json_t *answer, const struct error *err);
void nodes_ask(struct nodes *n, const char *lease, const json_t *body, nodes_answer_fn *done, void *ctx);
void nodes_answer(struct nodes *n, int64_t request, const json_t *answer);

#endif
