/* nodes_thread.h: the thread of nodes: it alone talks to the database about leases, news and requests. */
#ifndef SB_STORE_NODES_THREAD_H
#define SB_STORE_NODES_THREAD_H

#include "store/nodes_inbox.h"
#include "store/pg.h"
#include <stdatomic.h>

struct nodes_thread {
    pthread_t thread;
    struct pg pg;
    const char *id; /* of this node: what its sessions are called */
    int64_t lease_ms;
    bool greedy;

    struct inbox orders; /* from the loop; `wake` is written to after each */
    int wake[2];
    _Atomic bool stop;
    _Atomic int64_t sure_until;              /* on a clock that goes on while the machine sleeps */
    void (*post)(void *ctx, struct note *n); /* any thread; takes the note */
    void *ctx;

    /* The thread's own. */
    int64_t seen;    /* the last entry of the ledger that was told */
    int64_t tick_at; /* monotonic */
    bool held_told;
    struct asking *asking; /* requests of ours that are not answered */
    bool silent;           /* the database does not answer: said once */
};

/* Connects, and joins the others. */
MUST_USE bool nodes_thread_start(struct nodes_thread *t, struct error *err);
void nodes_thread_wake(struct nodes_thread *t);
/* Gives all up and waits for the thread's end. */
void nodes_thread_stop(struct nodes_thread *t);
/* Milliseconds since the machine started, with the time in which it slept. */
int64_t nodes_clock(void);

#endif
