/* postgres.h: what the parts of the PostgreSQL back end know of each other.
 *
 * Many processes may write at once. One transaction writes at a time, by an advisory lock that it takes first
 * and that ends with it: so the ledger is one chain, and what the writer before has committed is seen. */
#ifndef SB_STORE_POSTGRES_H
#define SB_STORE_POSTGRES_H

#include "store/backend.h"
#include "store/lock.h"
#include "store/pg.h"

struct postgres {
    struct backend base;
    struct pg_target target;
    struct lock *lock;  /* of the state folder: one process has its socket */
    struct pg pg;       /* the writer's */
    bool unreachable;   /* the last try to connect failed: the next one is a short one */
    struct chain entry; /* what this transaction adds to the ledger; n = 0: nothing */
};

/* pg_schema.c. SB_STATE when a newer program made the tables, SB_PARSE when the database is of something else;
 * with `look`, also when they are older, or not there. */
MUST_USE bool pg_schema(struct pg *p, bool look, struct error *err);

/* postgres_read.c */
struct reader *postgres_reader_open(struct backend *b, struct error *err);
bool postgres_docs(const PGresult *r, doc_each_fn *each, void *ctx);

#endif
