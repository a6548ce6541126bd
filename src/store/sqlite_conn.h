/* sqlite_conn.h: one connection to the SQLite file: opened as we want it, statements prepared once, SQLite's
 * results said as errors. One thread at a time. */
#ifndef SB_STORE_SQLITE_CONN_H
#define SB_STORE_SQLITE_CONN_H

#include "base/error.h"
#include <sqlite3.h>
#include <stdint.h>

enum statement {
    SQL_BEGIN,
    SQL_BEGIN_READ,
    SQL_COMMIT,
    SQL_CHANGE_FIND,
    SQL_CHANGE_ADD,
    SQL_CHANGE_MOVE,
    SQL_CHANGE_END,
    SQL_CHANGES,
    SQL_CHANGES_OPEN,
    SQL_EVENT_ADD,
    SQL_EVENT_FIRST,
    SQL_EVENTS,
    SQL_ENTRY_LAST,
    SQL_ENTRY_ADD,
    SQL_NUMBER_NEXT,
    SQL_NUMBER_SET,
    SQL_REST,
    SQL_PAGE_PUT,
    SQL_PAGE_GET,
    SQL_PAGES,
    SQL_SNAPSHOT_PUT,
    SQL_SNAPSHOT_GET,
    SQL_DOC_GET,
    SQL_DOC_ADD,
    SQL_DOC_CHANGE,
    SQL_DOC_LIST,
    SQL_RECORD,
    SQL_RECORD_OF,
    SQL_LEDGER,
    SQL_LEDGER_OF,
    SQL_COUNT,
};
extern const char *const sqlite_sql[SQL_COUNT]; /* sqlite_sql.c */

struct conn {
    sqlite3 *db;
    char *path;
    sqlite3_stmt *kept[SQL_COUNT]; /* NULL while not prepared, or in use */
};

enum conn_mode { CONN_WRITE, CONN_READ };

MUST_USE bool conn_open(struct conn *c, const char *path, enum conn_mode mode, struct error *err);
void conn_close(struct conn *c);

/* A statement to bind and step. NULL on error. Each one taken is given back, which resets it. Several of one
 * kind may be in use: a read may be made from inside another. */
sqlite3_stmt *conn_take(struct conn *c, enum statement what, struct error *err);
void conn_give(struct conn *c, enum statement what, sqlite3_stmt *st);

/* Steps a statement that is taken: true = a row or the end, as *row says. */
MUST_USE bool conn_step(struct conn *c, sqlite3_stmt *st, bool *row, struct error *err);
/* Steps one that has no rows, and gives it back. */
MUST_USE bool conn_run(struct conn *c, enum statement what, sqlite3_stmt *st, struct error *err);
/* Runs plain SQL without results. */
MUST_USE bool conn_exec(struct conn *c, const char *sql, struct error *err);
/* The one number that a query gives. */
MUST_USE bool conn_number(struct conn *c, const char *sql, int64_t *out, struct error *err);

/* Says what SQLite's result code means, and what to do. Returns false. */
bool conn_fail(const struct conn *c, int code, struct error *err);
/* SB_CORRUPT, with what was found. Returns false. */
bool conn_damaged(const struct conn *c, const char *found, struct error *err);

void bind_text(sqlite3_stmt *st, int at, const char *text); /* borrowed until the statement is given back */
const char *column_text(sqlite3_stmt *st, int at);          /* "" for NULL */

#endif
