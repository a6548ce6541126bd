/* sqlite_read.c: reading the SQLite file, beside whoever writes it. */
#include "store/sqlite.h"

#include "base/buf.h"
#include "store/migrate.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct sqlite_reader {
    struct reader base;
    struct conn conn;
};

static struct conn *conn_of(struct reader *r)
{
    return &((struct sqlite_reader *)r)->conn;
}

static void close_reader(struct reader *r)
{
    conn_close(conn_of(r));
    free(r);
}

static bool begin(struct reader *r, struct error *err)
{
    struct conn *c = conn_of(r);
    sqlite3_stmt *st = conn_take(c, SQL_BEGIN_READ, err);
    return st != NULL && conn_run(c, SQL_BEGIN_READ, st, err);
}

static void end(struct reader *r)
{
    sqlite3_exec(conn_of(r)->db, "COMMIT", NULL, NULL, NULL);
}

/* --- lists ------------------------------------------------------------------------------------- */

static struct store_event event_of(sqlite3_stmt *st)
{
    return (struct store_event){sqlite3_column_int64(st, 0), column_text(st, 1), column_text(st, 2)};
}

/* Most who read a change from its beginning want its first event alone, or first: it is had without the
 * others. *more = whether they are wanted as well. */
static bool first_event(struct conn *c, const char *change,
                        bool (*each)(void *ctx, const struct store_event *e), void *ctx, bool *more,
                        struct error *err)
{
    sqlite3_stmt *st = conn_take(c, SQL_EVENT_FIRST, err);
    if (st == NULL)
        return false;
    bind_text(st, 1, change);
    bool ok = conn_step(c, st, more, err);
    if (ok && *more) {
        struct store_event e = event_of(st);
        *more = each(ctx, &e);
    }
    conn_give(c, SQL_EVENT_FIRST, st);
    return ok;
}

static bool later_events(struct conn *c, const char *change, int64_t next,
                         bool (*each)(void *ctx, const struct store_event *e), void *ctx, struct error *err)
{
    sqlite3_stmt *st = conn_take(c, SQL_EVENTS, err);
    bool row = true, ok = st != NULL;
    if (!ok)
        return false;
    bind_text(st, 1, change);
    sqlite3_bind_int64(st, 2, next);
    for (; ok; next++) {
        ok = conn_step(c, st, &row, err);
        if (!ok || !row)
            break;
        struct store_event e = event_of(st);
        if (e.seq != next)
            ok = error_set(err, SB_CORRUPT,
                           "%s: event %" PRId64 " cannot be found: the record was edited. "
                           "signalbox audit verify tells what is whole",
                           change, next);
        else if (!each(ctx, &e))
            break;
    }
    conn_give(c, SQL_EVENTS, st);
    return ok;
}

static bool events(struct reader *r, const char *change, int64_t from,
                   bool (*each)(void *ctx, const struct store_event *e), void *ctx, struct error *err)
{
    struct conn *c = conn_of(r);
    bool more = true;
    if (from <= 1 && !first_event(c, change, each, ctx, &more, err))
        return false;
    return !more || later_events(c, change, from > 1 ? from : 2, each, ctx, err);
}

static bool changes(struct reader *r, bool open_only, bool (*each)(void *ctx, const struct store_head *h),
                    void *ctx, struct error *err)
{
    struct conn *c = conn_of(r);
    enum statement what = open_only ? SQL_CHANGES_OPEN : SQL_CHANGES;
    sqlite3_stmt *st = conn_take(c, what, err);
    bool row = true, ok = st != NULL;
    while (ok && row) {
        ok = conn_step(c, st, &row, err);
        if (!ok || !row)
            break;
        struct store_head h = {column_text(st, 0), sqlite3_column_int64(st, 1), column_text(st, 2),
                               sqlite3_column_int(st, 3) != 0};
        if (!each(ctx, &h))
            break;
    }
    conn_give(c, what, st);
    return ok;
}

static bool pages(struct reader *r, bool (*each)(void *ctx, const char *hash, const char *text, size_t size),
                  void *ctx, struct error *err)
{
    struct conn *c = conn_of(r);
    sqlite3_stmt *st = conn_take(c, SQL_PAGES, err);
    bool row = true, ok = st != NULL;
    while (ok && row) {
        ok = conn_step(c, st, &row, err);
        if (!ok || !row)
            break;
        const char *text = column_text(st, 1);
        if (!each(ctx, column_text(st, 0), text, (size_t)sqlite3_column_bytes(st, 1)))
            break;
    }
    conn_give(c, SQL_PAGES, st);
    return ok;
}

/* Steps a bound statement of documents to its end. */
static bool each_doc(struct conn *c, enum statement what, sqlite3_stmt *st, doc_each_fn *each, void *ctx,
                     struct error *err)
{
    bool row = true, ok = true;
    while (ok && row) {
        ok = conn_step(c, st, &row, err);
        if (!ok || !row)
            break;
        const char *body = column_text(st, 0);
        struct doc_row d = {body, (size_t)sqlite3_column_bytes(st, 0)};
        if (!each(ctx, &d))
            break;
    }
    conn_give(c, what, st);
    return ok;
}

bool sqlite_doc_get(struct conn *c, const char *kind, const char *id, doc_each_fn *each, void *ctx,
                    struct error *err)
{
    sqlite3_stmt *st = conn_take(c, SQL_DOC_GET, err);
    if (st == NULL)
        return false;
    bind_text(st, 1, kind);
    bind_text(st, 2, id);
    return each_doc(c, SQL_DOC_GET, st, each, ctx, err);
}

bool sqlite_doc_list(struct conn *c, const char *kind, int limit, doc_each_fn *each, void *ctx,
                     struct error *err)
{
    sqlite3_stmt *st = conn_take(c, SQL_DOC_LIST, err);
    if (st == NULL)
        return false;
    bind_text(st, 1, kind);
    sqlite3_bind_int(st, 2, limit);
    return each_doc(c, SQL_DOC_LIST, st, each, ctx, err);
}

static bool doc_get(struct reader *r, const char *kind, const char *id, doc_each_fn *each, void *ctx,
                    struct error *err)
{
    return sqlite_doc_get(conn_of(r), kind, id, each, ctx, err);
}

static bool doc_list(struct reader *r, const char *kind, int limit, doc_each_fn *each, void *ctx,
                     struct error *err)
{
    return sqlite_doc_list(conn_of(r), kind, limit, each, ctx, err);
}

/* --- single texts ------------------------------------------------------------------------------ */

static char *copy(sqlite3_stmt *st, int at)
{
    char *text = strdup(column_text(st, at));
    if (text == NULL)
        abort();
    return text;
}

static bool page_get(struct reader *r, const char *hash, char **out, struct error *err)
{
    struct conn *c = conn_of(r);
    sqlite3_stmt *st = conn_take(c, SQL_PAGE_GET, err);
    bool row = false;
    if (st == NULL)
        return false;
    bind_text(st, 1, hash);
    bool ok = conn_step(c, st, &row, err);
    *out = ok && row ? copy(st, 0) : NULL;
    conn_give(c, SQL_PAGE_GET, st);
    return ok;
}

static bool snapshot_get(struct reader *r, const char *change, const char *version, int64_t *seq,
                         char **state, struct error *err)
{
    struct conn *c = conn_of(r);
    sqlite3_stmt *st = conn_take(c, SQL_SNAPSHOT_GET, err);
    bool row = false;
    if (st == NULL)
        return false;
    bind_text(st, 1, change);
    bind_text(st, 2, version);
    bool ok = conn_step(c, st, &row, err);
    *state = ok && row ? copy(st, 1) : NULL;
    if (*state != NULL)
        *seq = sqlite3_column_int64(st, 0);
    conn_give(c, SQL_SNAPSHOT_GET, st);
    return ok;
}

static bool rest(struct reader *r, bool (*each)(void *ctx, const struct rest_row *row), void *ctx,
                 struct error *err)
{
    struct conn *c = conn_of(r);
    sqlite3_stmt *st = conn_take(c, SQL_REST, err);
    bool row = true, ok = st != NULL;
    while (ok && row) {
        ok = conn_step(c, st, &row, err);
        if (!ok || !row)
            break;
        const struct rest_row one = {(enum rest_kind)sqlite3_column_int(st, 0), column_text(st, 2),
                                     column_text(st, 3), column_text(st, 4)};
        if (!each(ctx, &one))
            break;
    }
    conn_give(c, SQL_REST, st);
    return ok;
}

/* --- the record, row by row -------------------------------------------------------------------- */

struct cursor {
    struct conn *conn;
    enum statement what;
    sqlite3_stmt *st;
    char *change;
};

static struct cursor *cursor_open(struct reader *r, enum statement what, char *change, struct error *err)
{
    struct conn *c = conn_of(r);
    sqlite3_stmt *st = conn_take(c, what, err);
    if (st == NULL) {
        free(change);
        return NULL;
    }
    struct cursor *cur = calloc(1, sizeof *cur);
    if (cur == NULL)
        abort();
    *cur = (struct cursor){c, what, st, change};
    if (change != NULL)
        bind_text(st, 1, change);
    return cur;
}

static void cursor_close(struct cursor *cur)
{
    if (cur == NULL)
        return;
    conn_give(cur->conn, cur->what, cur->st);
    free(cur->change);
    free(cur);
}

static struct cursor *record(struct reader *r, const char *change, struct error *err)
{
    char *id = change != NULL ? strdup(change) : NULL;
    return cursor_open(r, change != NULL ? SQL_RECORD_OF : SQL_RECORD, id, err);
}

static struct cursor *ledger(struct reader *r, const char *change, struct error *err)
{
    if (change == NULL)
        return cursor_open(r, SQL_LEDGER, NULL, err);
    /* As it stands in an entry's text: ["HF-7",11,2]. */
    struct buf wanted = {0};
    buf_addc(&wanted, '[');
    buf_add_json(&wanted, change);
    buf_addc(&wanted, ',');
    return cursor_open(r, SQL_LEDGER_OF, buf_steal(&wanted), err);
}

static bool record_next(struct cursor *cur, struct record_row *out, bool *more, struct error *err)
{
    if (!conn_step(cur->conn, cur->st, more, err))
        return false;
    sqlite3_stmt *st = cur->st;
    if (*more)
        *out = (struct record_row){.change = (const char *)sqlite3_column_text(st, 0),
                                   .seq = sqlite3_column_int64(st, 1),
                                   .entry = sqlite3_column_int64(st, 2),
                                   .body = column_text(st, 3),
                                   .hash = column_text(st, 4),
                                   .size = (size_t)sqlite3_column_bytes(st, 3),
                                   .place = sqlite3_column_int64(st, 5),
                                   .before = sqlite3_column_int64(st, 6),
                                   .is_first = sqlite3_column_int(st, 7) != 0};
    return true;
}

static bool ledger_next(struct cursor *cur, struct entry_row *out, bool *more, struct error *err)
{
    if (!conn_step(cur->conn, cur->st, more, err))
        return false;
    sqlite3_stmt *st = cur->st;
    if (*more)
        *out = (struct entry_row){.n = sqlite3_column_int64(st, 0),
                                  .body = column_text(st, 1),
                                  .hash = column_text(st, 2),
                                  .size = (size_t)sqlite3_column_bytes(st, 1)};
    return true;
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

struct reader *sqlite_reader_open(struct backend *b, struct error *err)
{
    struct sqlite *s = (struct sqlite *)b;
    struct sqlite_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        abort();
    r->base.ops = &reader_ops;
    if (conn_open(&r->conn, s->path, CONN_READ, err)) {
        if (migrate_check(&r->conn, err))
            return &r->base;
        conn_close(&r->conn);
    }
    free(r);
    return NULL;
}
