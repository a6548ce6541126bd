/* postgres_read.c: reading the PostgreSQL database, beside whoever writes it.
 *
 * Lists are read in pieces, so that no answer is large and a read may be made from inside another. */
#include "store/postgres.h"

#include "base/buf.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Reads are made on the loop's thread: a server that does not answer must not keep it for long. */
enum { CONNECT_S = 2, AWAY_MS = 1000 };

enum { EVENTS_A_PIECE = 500, ROWS_A_FETCH = 500 };

struct postgres_reader {
    struct reader base;
    struct pg pg;
    bool within;  /* between begin and end */
    int64_t away; /* when it last could not be reached */
    int cursors;  /* opened so far: their names */
};

static struct postgres_reader *self(struct reader *r)
{
    return (struct postgres_reader *)r;
}

static void close_reader(struct reader *r)
{
    pg_close(&self(r)->pg);
    free(r);
}

/* --- asking ------------------------------------------------------------------------------------ */

static bool connect_again(struct postgres_reader *r, struct error *err)
{
    if (pg_is_open(&r->pg))
        return true;
    if (r->away != 0 && loop_mono_ms() < r->away + AWAY_MS)
        return error_set(err, SB_IO, "%s does not answer", r->pg.target->where);
    if (pg_open(&r->pg, false, CONNECT_S, err))
        return true;
    r->away = loop_mono_ms();
    return false;
}

/* A reading is made once more when the connection was lost since the last one. */
static PGresult *ask(struct postgres_reader *r, enum pg_statement what, const struct pg_args *a,
                     struct error *err)
{
    struct error why = ERROR_NONE;
    PGresult *got = NULL;
    for (int tries = 0; got == NULL && tries < 2; tries++) {
        if (!r->within && !connect_again(r, &why))
            break;
        got = pg_ask(&r->pg, what, a, &why);
        if (got != NULL || why.code != SB_NET || r->within)
            break;
        pg_close(&r->pg);
    }
    if (got != NULL)
        return got;
    if (why.code == SB_NET)
        why.code = SB_IO;
    if (err != NULL)
        *err = why;
    return NULL;
}

static bool begin(struct reader *reader, struct error *err)
{
    struct postgres_reader *r = self(reader);
    for (int tries = 0; tries < 2; tries++) {
        if (!connect_again(r, err))
            return false;
        if (pg_exec(&r->pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err)) {
            r->within = true;
            return true;
        }
        pg_close(&r->pg);
    }
    return false;
}

static void end(struct reader *reader)
{
    struct postgres_reader *r = self(reader);
    r->within = false;
    if (pg_is_open(&r->pg) && !pg_exec(&r->pg, "COMMIT", NULL))
        pg_close(&r->pg);
}

/* --- lists ------------------------------------------------------------------------------------- */

static bool one_piece(struct postgres_reader *r, const char *change, int64_t *next, int limit, bool *more,
                      bool (*each)(void *ctx, const struct store_event *e), void *ctx, struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, change);
    pg_number(&a, *next);
    pg_number(&a, limit);
    _cleanup_pg_ PGresult *rows = ask(r, PG_EVENTS, &a, err);
    if (rows == NULL)
        return false;
    int n = PQntuples(rows);
    *more = n == limit;
    for (int i = 0; i < n; i++, (*next)++) {
        struct store_event e = {pg_int(rows, i, 0), pg_str(rows, i, 1), pg_str(rows, i, 2)};
        if (e.seq != *next)
            return error_set(err, SB_CORRUPT,
                             "%s: event %" PRId64 " cannot be found: the record was edited. "
                             "signalbox audit verify tells what is whole",
                             change, *next);
        if (!each(ctx, &e)) {
            *more = false;
            return true;
        }
    }
    return true;
}

/* Most who read a change from its beginning want its first event alone, or first. */
static bool events(struct reader *r, const char *change, int64_t from,
                   bool (*each)(void *ctx, const struct store_event *e), void *ctx, struct error *err)
{
    int64_t next = from > 1 ? from : 1;
    bool more = true, ok = true;
    for (int limit = next == 1 ? 1 : EVENTS_A_PIECE; ok && more; limit = EVENTS_A_PIECE)
        ok = one_piece(self(r), change, &next, limit, &more, each, ctx, err);
    return ok;
}

static bool changes(struct reader *reader, bool open_only,
                    bool (*each)(void *ctx, const struct store_head *h), void *ctx, struct error *err)
{
    int64_t after = 0;
    for (;;) {
        struct pg_args a = {0};
        pg_number(&a, after);
        _cleanup_pg_ PGresult *rows = ask(self(reader), open_only ? PG_CHANGES_OPEN : PG_CHANGES, &a, err);
        if (rows == NULL)
            return false;
        int n = PQntuples(rows);
        for (int i = 0; i < n; i++) {
            struct store_head h = {pg_str(rows, i, 0), pg_int(rows, i, 1), pg_str(rows, i, 2),
                                   *pg_str(rows, i, 3) == 't'};
            if (!each(ctx, &h))
                return true;
            after = pg_int(rows, i, 4);
        }
        if (n == 0)
            return true;
    }
}

static bool pages(struct reader *reader,
                  bool (*each)(void *ctx, const char *hash, const char *text, size_t size), void *ctx,
                  struct error *err)
{
    char after[SHA256_HEX + 1] = "";
    for (;;) {
        struct pg_args a = {0};
        pg_text(&a, after);
        _cleanup_pg_ PGresult *rows = ask(self(reader), PG_PAGES, &a, err);
        if (rows == NULL)
            return false;
        int n = PQntuples(rows);
        for (int i = 0; i < n; i++)
            if (!each(ctx, pg_str(rows, i, 0), pg_str(rows, i, 1), (size_t)PQgetlength(rows, i, 1)))
                return true;
        if (n == 0)
            return true;
        snprintf(after, sizeof after, "%s", pg_str(rows, n - 1, 0));
    }
}

bool postgres_docs(const PGresult *r, doc_each_fn *each, void *ctx)
{
    for (int i = 0; i < PQntuples(r); i++) {
        struct doc_row d = {pg_str(r, i, 0), (size_t)PQgetlength(r, i, 0)};
        if (!each(ctx, &d))
            break;
    }
    return true;
}

static bool doc_get(struct reader *r, const char *kind, const char *id, doc_each_fn *each, void *ctx,
                    struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, kind);
    pg_text(&a, id);
    _cleanup_pg_ PGresult *rows = ask(self(r), PG_DOC_GET, &a, err);
    return rows != NULL && postgres_docs(rows, each, ctx);
}

static bool doc_list(struct reader *r, const char *kind, int limit, doc_each_fn *each, void *ctx,
                     struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, kind);
    pg_number(&a, limit);
    _cleanup_pg_ PGresult *rows = ask(self(r), PG_DOC_LIST, &a, err);
    return rows != NULL && postgres_docs(rows, each, ctx);
}

/* --- single texts ------------------------------------------------------------------------------ */

static char *copy(const PGresult *rows, int column)
{
    char *text = strdup(pg_str(rows, 0, column));
    if (text == NULL)
        abort();
    return text;
}

static bool page_get(struct reader *r, const char *hash, char **out, struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, hash);
    _cleanup_pg_ PGresult *rows = ask(self(r), PG_PAGE_GET, &a, err);
    *out = rows != NULL && PQntuples(rows) > 0 ? copy(rows, 0) : NULL;
    return rows != NULL;
}

static bool snapshot_get(struct reader *r, const char *change, const char *version, int64_t *seq,
                         char **state, struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, change);
    pg_text(&a, version);
    _cleanup_pg_ PGresult *rows = ask(self(r), PG_SNAPSHOT_GET, &a, err);
    *state = rows != NULL && PQntuples(rows) > 0 ? copy(rows, 1) : NULL;
    if (*state != NULL)
        *seq = pg_int(rows, 0, 0);
    return rows != NULL;
}

/* --- the record, row by row -------------------------------------------------------------------- */

/* A cursor of the server's: it holds the list while we hold a piece. */
struct cursor {
    struct postgres_reader *reader;
    char name[16];
    PGresult *rows;
    int at;
};

#define RECORD \
    "SELECT c.id, e.seq, e.entry, e.body, e.hash FROM events e LEFT JOIN changes c ON c.n = e.change "

static struct cursor *cursor_open(struct postgres_reader *r, const char *query, const char *value,
                                  struct error *err)
{
    struct cursor *cur = calloc(1, sizeof *cur);
    if (cur == NULL)
        abort();
    *cur = (struct cursor){.reader = r};
    snprintf(cur->name, sizeof cur->name, "list%d", r->cursors++ & 0xffff);
    _cleanup_buf_ struct buf sql = {0};
    buf_printf(&sql, "DECLARE %s NO SCROLL CURSOR FOR %s", cur->name, query);
    PGresult *made = pg_is_open(&r->pg) ? PQexecParams(r->pg.c, buf_str(&sql), value != NULL ? 1 : 0, NULL,
                                                       &value, NULL, NULL, 0)
                                        : NULL;
    bool ok = PQresultStatus(made) == PGRES_COMMAND_OK;
    if (!ok)
        error_set(err, SB_IO, "%s: the record cannot be read: %s", r->pg.target->where,
                  PQresultErrorMessage(made));
    PQclear(made);
    if (ok)
        return cur;
    free(cur);
    return NULL;
}

static void cursor_close(struct cursor *cur)
{
    if (cur == NULL)
        return;
    char sql[32];
    snprintf(sql, sizeof sql, "CLOSE %s", cur->name);
    PQclear(cur->rows);
    if (pg_is_open(&cur->reader->pg) && !pg_exec(&cur->reader->pg, sql, NULL))
        pg_close(&cur->reader->pg);
    free(cur);
}

/* The next row's number in cur->rows; *more = false at the end. */
static bool next_row(struct cursor *cur, bool *more, struct error *err)
{
    if (cur->rows != NULL && ++cur->at < PQntuples(cur->rows)) {
        *more = true;
        return true;
    }
    char sql[48];
    snprintf(sql, sizeof sql, "FETCH %d FROM %s", (int)ROWS_A_FETCH, cur->name);
    PQclear(cur->rows);
    cur->at = 0;
    cur->rows = pg_is_open(&cur->reader->pg) ? PQexec(cur->reader->pg.c, sql) : NULL;
    if (PQresultStatus(cur->rows) != PGRES_TUPLES_OK)
        return error_set(err, SB_IO, "%s: the record cannot be read to its end: %s",
                         cur->reader->pg.target->where, PQresultErrorMessage(cur->rows));
    *more = PQntuples(cur->rows) > 0;
    return true;
}

static struct cursor *record(struct reader *r, const char *change, struct error *err)
{
    return cursor_open(
        self(r), change != NULL ? RECORD "WHERE c.id = $1 ORDER BY e.n" : RECORD "ORDER BY e.n", change, err);
}

static struct cursor *ledger(struct reader *r, const char *change, struct error *err)
{
    if (change == NULL)
        return cursor_open(self(r), "SELECT n, body, hash FROM ledger ORDER BY n", NULL, err);
    /* As it stands in an entry's text: ["HF-7",11,2]. */
    _cleanup_buf_ struct buf wanted = {0};
    buf_addc(&wanted, '[');
    buf_add_json(&wanted, change);
    buf_addc(&wanted, ',');
    return cursor_open(self(r), "SELECT n, body, hash FROM ledger WHERE strpos(body, $1) > 0 ORDER BY n",
                       buf_str(&wanted), err);
}

static bool record_next(struct cursor *cur, struct record_row *out, bool *more, struct error *err)
{
    if (!next_row(cur, more, err))
        return false;
    const PGresult *r = cur->rows;
    int at = cur->at;
    if (*more)
        *out = (struct record_row){.change = PQgetisnull(r, at, 0) ? NULL : pg_str(r, at, 0),
                                   .seq = pg_int(r, at, 1),
                                   .entry = pg_int(r, at, 2),
                                   .body = pg_str(r, at, 3),
                                   .hash = pg_str(r, at, 4),
                                   .size = (size_t)PQgetlength(r, at, 3),
                                   .is_first = pg_int(r, at, 1) == 1};
    return true;
}

static bool ledger_next(struct cursor *cur, struct entry_row *out, bool *more, struct error *err)
{
    if (!next_row(cur, more, err))
        return false;
    const PGresult *r = cur->rows;
    if (*more)
        *out = (struct entry_row){.n = pg_int(r, cur->at, 0),
                                  .body = pg_str(r, cur->at, 1),
                                  .hash = pg_str(r, cur->at, 2),
                                  .size = (size_t)PQgetlength(r, cur->at, 1)};
    return true;
}

static bool rest(struct reader *r, bool (*each)(void *ctx, const struct rest_row *row), void *ctx,
                 struct error *err)
{
    struct cursor *cur = cursor_open(self(r),
                                     "SELECT 0 AS k, 0::bigint AS n, hash, name, text FROM pages UNION ALL "
                                     "SELECT 1, n, kind, id, body FROM docs UNION ALL "
                                     "SELECT 2, 0, name, '', last::text FROM numbers ORDER BY k, n",
                                     NULL, err);
    bool more = true, ok = cur != NULL;
    while (ok && more) {
        ok = next_row(cur, &more, err);
        if (!ok || !more)
            break;
        const struct rest_row one = {(enum rest_kind)pg_int(cur->rows, cur->at, 0),
                                     pg_str(cur->rows, cur->at, 2), pg_str(cur->rows, cur->at, 3),
                                     pg_str(cur->rows, cur->at, 4)};
        if (!each(ctx, &one))
            break;
    }
    cursor_close(cur);
    return ok;
}

static const struct reader_ops reader_ops = {
    .close = close_reader,
    .begin = begin,
    .end = end,
    .events = events,
    .changes = changes,
    .pages = pages,
    .page_get = page_get,
    .snapshot_get = snapshot_get,
    .doc_get = doc_get,
    .doc_list = doc_list,
    .rest = rest,
    .record = record,
    .ledger = ledger,
    .record_next = record_next,
    .ledger_next = ledger_next,
    .cursor_close = cursor_close,
};

struct reader *postgres_reader_open(struct backend *b, struct error *err)
{
    struct postgres *s = (struct postgres *)b;
    struct postgres_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        abort();
    r->base.ops = &reader_ops;
    r->pg.target = &s->target;
    if (pg_open(&r->pg, false, CONNECT_S, err) && pg_schema(&r->pg, true, err))
        return &r->base;
    if (err != NULL && err->code == SB_NET)
        err->code = SB_IO;
    close_reader(&r->base);
    return NULL;
}
