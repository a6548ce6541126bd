/* sealing.h: which commits are sealed, and with what: the end of a change with it, everything else that moved
 * after a while, and at a stop in good order. The writer's thread alone. */
#ifndef SB_STORE_SEALING_H
#define SB_STORE_SEALING_H

#include "store/backend.h"
#include "store/heads.h"
#include "store/seal_key.h"

struct sealing {
    const struct seal_key *key; /* NULL: nothing is ever sealed */
    int64_t every_ms;
    int64_t due;        /* on the monotonic clock: then what is not sealed must be; 0 = nothing is unsealed */
    bool whole;         /* this transaction is to be sealed with all that moved */
    bool ends;          /* this transaction ends changes */
    struct heads moved; /* durable, and named by no seal */
    bool others;        /* another process has written since: what moved may have moved on */
    struct heads fresh; /* moved in this transaction */
};

/* Nobody knows yet whether the record that was found is sealed to its end: it is looked at when that is due. */
void sealing_start(struct sealing *s, const struct seal_key *key, int64_t every_ms);
void sealing_free(struct sealing *s);

/* A change has moved to where `h` stands, or has ended there. */
void sealing_note(struct sealing *s, const struct head *h, bool ended);
/* Milliseconds until there is something to seal though nothing else is written; -1 = never. */
int64_t sealing_wait(const struct sealing *s);
bool sealing_is_due(const struct sealing *s);

/* Before the commit, when the ledger stands at `ledger`: adds the seal that it needs, if any. */
MUST_USE bool sealing_add(struct sealing *s, struct backend *b, const struct chain *ledger,
                          struct error *err);
void sealing_committed(struct sealing *s);
void sealing_rolled_back(struct sealing *s);

#endif
