/* pg.h: one connection to a PostgreSQL database: opened as we want it, statements prepared once, its errors
 * said as ours. One thread at a time.
 *
 * A connection works in one of two ways: a writer's puts statements into a pipeline and waits only for those
 * whose answer it needs; every other asks and waits. Errors: SB_NET when the connection is lost or the server
 * gave the transaction up, and trying again at once may help; SB_IO when the server cannot do it now;
 * SB_CORRUPT when its files are damaged; SB_CONFLICT when a row does not fit; SB_DENIED when the role lacks a
 * right. */
#ifndef SB_STORE_PG_H
#define SB_STORE_PG_H

#include "base/error.h"
#include "store/pg_sql.h"
#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

/* Where to, and as whom. Shared by all connections of a store. */
struct pg_target {
    char *url;
    char *where;    /* for people: "database signalbox on db.example", never with a password */
    char *password; /* a reference (base/secret.h), or NULL: libpq finds it by itself */
    char *name;     /* of this store among all that have the database open; in the server's own lists */
};

/* Checks the URL's form. A password in it is refused: it would end in logs and lists of processes. */
MUST_USE bool pg_target_make(struct pg_target *t, const char *url, const char *password, struct error *err);
void pg_target_free(struct pg_target *t);

struct pg {
    const struct pg_target *target;
    PGconn *c; /* NULL while there is no connection */
    bool pipeline;
    bool prepared[PG_SQL_COUNT];
    int waiting;         /* results of the pipeline that were not looked at yet */
    struct error failed; /* the first failure among them */
};

/* The values of a statement. Texts are borrowed. */
struct pg_args {
    int n;
    const char *values[8];
    char numbers[8][24];
};
void pg_text(struct pg_args *a, const char *text);
void pg_number(struct pg_args *a, int64_t number);

/* Connects, within `seconds`. The connection before it is given up. */
MUST_USE bool pg_open(struct pg *p, bool pipeline, int seconds, struct error *err);
void pg_close(struct pg *p);
bool pg_is_open(const struct pg *p);

/* Runs a statement and gives what it says; PQclear it. NULL on error. */
PGresult *pg_ask(struct pg *p, enum pg_statement what, const struct pg_args *a, struct error *err);
/* Puts a statement into the pipeline. Its failure may be told by a later call. */
MUST_USE bool pg_put(struct pg *p, enum pg_statement what, const struct pg_args *a, struct error *err);
/* Waits for the whole pipeline. False with the first failure. */
MUST_USE bool pg_finish(struct pg *p, struct error *err);
/* Ends a transaction that failed. */
void pg_rollback(struct pg *p);
/* Plain SQL without values; not in a pipeline. */
MUST_USE bool pg_exec(struct pg *p, const char *sql, struct error *err);

int64_t pg_int(const PGresult *r, int row, int column);
const char *pg_str(const PGresult *r, int row, int column); /* "" for NULL */

void pg_clear(PGresult **r);
#define _cleanup_pg_ CLEANUP(pg_clear)

#endif
