/* verify_seals.h: the seals of a record, held against each other, against keys, and against where the record
 * stood when each was made. Says what is wrong as a text; SB_OK errors are "nothing wrong". */
#ifndef SB_STORE_VERIFY_SEALS_H
#define SB_STORE_VERIFY_SEALS_H

#include "store/backend.h"
#include "store/heads.h"
#include "store/seal.h"

struct seal_found {
    char *text; /* parsed lives in it */
    struct seal seal;
};

struct seals {
    struct seal_found *rows; /* oldest first */
    size_t n, room, next;    /* next: the first that the record has not been held against */
    struct error wrong;      /* what is wrong with them; the first that was found */
};

/* All of them. False when they cannot be read. */
MUST_USE bool seals_read(struct seals *s, struct reader *r, const struct store_evidence *e,
                         struct error *err);
void seals_free(struct seals *s);

/* The record has been read up to the ledger's entry `n`, and stands as `heads` and `ledger` say (`ledger` NULL:
 * it was not computed). Holds the seals of up to there against it. False: s->wrong says why. */
MUST_USE bool seals_reach(struct seals *s, int64_t n, const struct chain *ledger, const struct heads *heads,
                          const char *only);
/* A change ends in entry `n`. False: no seal says so, though one must. */
MUST_USE bool seals_have_end(struct seals *s, const char *change, int64_t n, bool must_exist);

#endif
