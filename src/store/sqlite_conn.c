#include "store/sqlite_conn.h"

#include "base/buf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    BUSY_MS = 10000, /* somebody's sqlite3 shell may hold the file for a moment */
    WRITER_CACHE_KB = 16384,
    READER_CACHE_KB = 4096,
};

bool conn_damaged(const struct conn *c, const char *found, struct error *err)
{
    return error_set(
        err, SB_CORRUPT,
        "%s: the database is damaged (%s). Stop Signalbox, keep a copy of the file and those beside it, "
        "then restore a backup. signalbox recover %s tells what can still be read, and saves it",
        c->path, found, c->path);
}

bool conn_fail(const struct conn *c, int code, struct error *err)
{
    const char *says = c->db != NULL ? sqlite3_errmsg(c->db) : sqlite3_errstr(code);
    int reason = c->db != NULL ? sqlite3_system_errno(c->db) : 0;
    switch (code & 0xff) {
    case SQLITE_FULL:
        return error_set(err, SB_IO,
                         "%s: the disk is full: nothing of this was kept. Make space; Signalbox then goes on "
                         "by itself",
                         c->path);
    case SQLITE_IOERR:
        if (reason != 0)
            return error_errno(err, reason, "%s: %s: nothing of this was kept", c->path,
                               sqlite3_errstr(code));
        return error_set(err, SB_IO, "%s: %s: nothing of this was kept", c->path, says);
    case SQLITE_CORRUPT:
        return conn_damaged(c, says, err);
    case SQLITE_NOTADB:
        return error_set(err, SB_CORRUPT,
                         "%s is not a database, or its beginning is overwritten: restore a backup, or name "
                         "another file",
                         c->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_set(err, SB_IO,
                         "%s: another program keeps the database locked (a sqlite3 shell with an open "
                         "transaction?): end that one",
                         c->path);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        if (reason != 0)
            return error_errno(err, reason, "%s: %s", c->path, says);
        return error_set(err, SB_IO, "%s: %s", c->path, says);
    case SQLITE_CONSTRAINT:
        return error_set(err, SB_CONFLICT, "%s: %s", c->path, says);
    case SQLITE_TOOBIG:
        return error_set(err, SB_LIMIT, "%s: %s", c->path, says);
    default:
        return error_set(err, SB_INTERNAL, "%s: %s (%d)", c->path, says, code);
    }
}

bool conn_exec(struct conn *c, const char *text, struct error *err)
{
    int code = sqlite3_exec(c->db, text, NULL, NULL, NULL);
    return code == SQLITE_OK || conn_fail(c, code, err);
}

bool conn_number(struct conn *c, const char *text, int64_t *out, struct error *err)
{
    sqlite3_stmt *st = NULL;
    int code = sqlite3_prepare_v2(c->db, text, -1, &st, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(st);
    if (code == SQLITE_ROW)
        *out = sqlite3_column_int64(st, 0);
    bool ok = code == SQLITE_ROW || conn_fail(c, code, err);
    sqlite3_finalize(st);
    return ok;
}

/* A copy of the file alone, in a folder where we may not write, has no room for the index of a write-ahead
 * log. Without a log there is nothing in it to miss. */
static bool open_unchanging(struct conn *c)
{
    _cleanup_buf_ struct buf name = {0};
    struct stat st;
    buf_printf(&name, "%s-wal", c->path);
    if (stat(buf_str(&name), &st) == 0 && st.st_size > 0)
        return false;
    buf_clear(&name);
    buf_adds(&name, "file:");
    for (const char *p = c->path; *p != '\0'; p++)
        if (strchr("%?#", *p) != NULL)
            buf_printf(&name, "%%%02X", (unsigned char)*p);
        else
            buf_addc(&name, *p);
    buf_adds(&name, "?immutable=1");
    sqlite3_close(c->db);
    c->db = NULL;
    return sqlite3_open_v2(buf_str(&name), &c->db,
                           SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL) == SQLITE_OK;
}

/* A file from elsewhere may hold triggers and views; ours has none, so none are run. */
static bool harden(struct conn *c, struct error *err)
{
    sqlite3_extended_result_codes(c->db, 1);
    sqlite3_busy_timeout(c->db, BUSY_MS);
    sqlite3_limit(c->db, SQLITE_LIMIT_LENGTH, 128 << 20);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return conn_exec(
        c, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY", err);
}

static bool open_to_write(struct conn *c, struct error *err)
{
    int code = sqlite3_open_v2(c->path, &c->db,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return conn_fail(c, code, err);
    char cache[64];
    snprintf(cache, sizeof cache, "PRAGMA cache_size = -%d", WRITER_CACHE_KB);
    /* Checkpoints are ours to time: after a commit that nobody waits behind (sqlite.c). */
    return harden(c, err) && conn_exec(c, "PRAGMA journal_mode = WAL", err) &&
           conn_exec(c, "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0", err) &&
           conn_exec(c, cache, err);
}

static bool open_to_read(struct conn *c, struct error *err)
{
    int code = sqlite3_open_v2(c->path, &c->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    int64_t version;
    if (code != SQLITE_OK)
        return conn_fail(c, code, err);
    if (!harden(c, err))
        return false;
    struct error first;
    if (!conn_number(c, "PRAGMA user_version", &version, &first)) {
        code = sqlite3_errcode(c->db) & 0xff;
        if ((code != SQLITE_CANTOPEN && code != SQLITE_READONLY) || !open_unchanging(c))
            return error_wrap(&first, err, "open for reading");
        if (!harden(c, err))
            return false;
    }
    char cache[64];
    snprintf(cache, sizeof cache, "PRAGMA cache_size = -%d", READER_CACHE_KB);
    return conn_exec(c, cache, err);
}

bool conn_open(struct conn *c, const char *path, enum conn_mode mode, struct error *err)
{
    *c = (struct conn){.path = strdup(path)};
    if (c->path == NULL)
        abort();
    if (mode == CONN_WRITE ? open_to_write(c, err) : open_to_read(c, err))
        return true;
    conn_close(c);
    return false;
}

void conn_close(struct conn *c)
{
    for (int i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(c->kept[i]);
    sqlite3_close(c->db);
    free(c->path);
    *c = (struct conn){0};
}

sqlite3_stmt *conn_take(struct conn *c, enum statement what, struct error *err)
{
    sqlite3_stmt *st = c->kept[what];
    c->kept[what] = NULL;
    if (st != NULL)
        return st;
    int code = sqlite3_prepare_v3(c->db, sqlite_sql[what], -1, SQLITE_PREPARE_PERSISTENT, &st, NULL);
    if (code != SQLITE_OK)
        conn_fail(c, code, err);
    return st;
}

void conn_give(struct conn *c, enum statement what, sqlite3_stmt *st)
{
    if (st == NULL)
        return;
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    if (c->kept[what] == NULL)
        c->kept[what] = st;
    else
        sqlite3_finalize(st);
}

bool conn_step(struct conn *c, sqlite3_stmt *st, bool *row, struct error *err)
{
    int code = sqlite3_step(st);
    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE || conn_fail(c, code, err);
}

bool conn_run(struct conn *c, enum statement what, sqlite3_stmt *st, struct error *err)
{
    bool row;
    bool ok = conn_step(c, st, &row, err);
    conn_give(c, what, st);
    return ok;
}

void bind_text(sqlite3_stmt *st, int at, const char *text)
{
    sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
}

const char *column_text(sqlite3_stmt *st, int at)
{
    const unsigned char *text = sqlite3_column_text(st, at);
    return text != NULL ? (const char *)text : "";
}
