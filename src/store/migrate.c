#include "store/migrate.h"

#include <inttypes.h>
#include <stdio.h>

/* In the file's header, so that file(1) and other programs can tell it from any other database: "SBox". */
enum { APPLICATION_ID = 0x53426f78 };

/* An event's row number is its place in the order of all commits. There is no index by change and number:
 * with many changes each event would touch a page of its own in it, and the cost of a step would grow with
 * the record. Instead a change knows its first and its last event, and each event the one before it. */
static const char *const steps[] = {
    "CREATE TABLE changes (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    "  first INTEGER REFERENCES events, last INTEGER REFERENCES events, ended INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX changes_open ON changes (n) WHERE ended = 0;"
    "CREATE TABLE events (n INTEGER PRIMARY KEY, change INTEGER NOT NULL REFERENCES changes,"
    "  seq INTEGER NOT NULL, before INTEGER REFERENCES events, entry INTEGER NOT NULL REFERENCES ledger,"
    "  body TEXT NOT NULL, hash TEXT NOT NULL);"
    "CREATE TABLE ledger (n INTEGER PRIMARY KEY, body TEXT NOT NULL, hash TEXT NOT NULL);"
    "CREATE TABLE numbers (name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE pages (hash TEXT PRIMARY KEY, name TEXT NOT NULL, text TEXT NOT NULL);"
    "CREATE TABLE snapshots (change INTEGER PRIMARY KEY REFERENCES changes, seq INTEGER NOT NULL,"
    "  version TEXT NOT NULL, state TEXT NOT NULL);"
    "CREATE TABLE docs (n INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL,"
    "  body TEXT NOT NULL, UNIQUE (kind, id));"
    "CREATE INDEX docs_by_kind ON docs (kind);",
};

enum { NEWEST = COUNT_OF(steps) };

struct found {
    int64_t version, application, tables;
};

static bool look(struct conn *c, struct found *f, struct error *err)
{
    if (!conn_number(c, "PRAGMA user_version", &f->version, err) ||
        !conn_number(c, "PRAGMA application_id", &f->application, err) ||
        !conn_number(c, "SELECT count(*) FROM sqlite_schema", &f->tables, err))
        return false;
    if (f->application != APPLICATION_ID && f->tables > 0)
        return error_set(err, SB_PARSE,
                         "%s is an SQLite database, but not one of Signalbox: name another file", c->path);
    if (f->version < 0)
        return error_set(err, SB_CORRUPT, "%s: its tables cannot have version %" PRId64 ": restore a backup",
                         c->path, f->version);
    if (f->version > NEWEST)
        return error_set(err, SB_STATE,
                         "%s was written by a newer Signalbox (its tables have version %" PRId64
                         ", this program knows %d): "
                         "run that version or a later one; nothing was touched",
                         c->path, f->version, (int)NEWEST);
    return true;
}

static bool take_step(struct conn *c, size_t from, struct error *err)
{
    char mark[100];
    snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %zu", (int)APPLICATION_ID,
             from + 1);
    return conn_exec(c, steps[from], err) && conn_exec(c, mark, err);
}

bool migrate(struct conn *c, struct error *err)
{
    struct found f;
    if (!look(c, &f, err))
        return false;
    if (f.version == NEWEST)
        return true;
    bool ok = conn_exec(c, "BEGIN IMMEDIATE", err);
    for (size_t from = (size_t)f.version; ok && from < COUNT_OF(steps); from++)
        ok = take_step(c, from, err);
    ok = ok && conn_exec(c, "COMMIT", err);
    if (!ok && sqlite3_get_autocommit(c->db) == 0)
        sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
    return ok;
}

bool migrate_check(struct conn *c, struct error *err)
{
    struct found f;
    if (!look(c, &f, err))
        return false;
    if (f.version < NEWEST)
        return error_set(err, SB_STATE,
                         "%s has tables of version %" PRId64
                         " and this program reads %d: open it for writing once, with "
                         "signalbox serve, and it is brought up to date",
                         c->path, f.version, (int)NEWEST);
    return true;
}
