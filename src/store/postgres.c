/* postgres.c: the back end over a PostgreSQL database: opening it, and what the writer's thread does with it. */
#include "store/postgres.h"

#include "base/buf.h"
#include "base/log.h"
#include "net/loop.h"
#include "store/ledger.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A server that restarts is back within a while; one that is gone is not waited for by each batch again. */
enum { CONNECT_S = 3, RECONNECT_MS = 4000, SETTLE_MS = 20000, PAUSE_US = 100000 };

static struct postgres *self(struct backend *b)
{
    return (struct postgres *)b;
}

/* --- the connection ---------------------------------------------------------------------------- */

/* Tries for so long, once at least. */
static bool connect_within(struct postgres *s, int64_t ms, struct error *err)
{
    int64_t until = loop_mono_ms() + ms;
    for (;;) {
        if (pg_open(&s->pg, true, CONNECT_S, err))
            return true;
        /* Another password, another role: time does not mend it. */
        if ((err->code != SB_NET && err->code != SB_IO) || loop_mono_ms() >= until)
            return false;
        usleep(PAUSE_US);
    }
}

static bool is_connected(struct postgres *s, struct error *err)
{
    if (pg_is_open(&s->pg))
        return true;
    bool ok = connect_within(s, s->unreachable ? 0 : RECONNECT_MS, err);
    if (ok && s->unreachable)
        log_info("store", "%s: answers again", s->target.where);
    s->unreachable = !ok;
    if (!ok && err->code == SB_NET) /* no use in trying again at once */
        err->code = SB_IO;
    return ok;
}

/* --- transactions ------------------------------------------------------------------------------ */

static bool begin(struct backend *b, struct error *err)
{
    struct postgres *s = self(b);
    s->entry.n = 0;
    return is_connected(s, err) && pg_put(&s->pg, PG_BEGIN, NULL, err) && pg_put(&s->pg, PG_LOCK, NULL, err);
}

/* The session that was lost may still be at work in the server. It is ended, and then waited for: it holds the
 * writers' lock until its transaction has come to its end, whichever that is. */
static bool wait_for_lost(struct postgres *s, int lost, struct error *err)
{
    struct pg_args a = {0};
    pg_number(&a, lost);
    pg_text(&a, s->target.name);
    PGresult *ended = pg_ask(&s->pg, PG_SESSION_END, &a, err);
    PGresult *locked = ended != NULL ? pg_ask(&s->pg, PG_LOCK_WAIT, NULL, err) : NULL;
    PGresult *left = locked != NULL ? pg_ask(&s->pg, PG_LOCK_LEAVE, NULL, err) : NULL;
    bool ok = left != NULL;
    PQclear(ended);
    PQclear(locked);
    PQclear(left);
    return ok && pg_finish(&s->pg, err);
}

static bool find_entry(struct postgres *s, bool *there, struct error *err)
{
    struct pg_args a = {0};
    pg_number(&a, s->entry.n);
    PGresult *r = pg_ask(&s->pg, PG_ENTRY_HASH, &a, err);
    if (r == NULL)
        return false;
    *there = PQntuples(r) == 1 && str_eq(pg_str(r, 0, 0), s->entry.hash);
    PQclear(r);
    return pg_finish(&s->pg, err);
}

/* The connection went away between "commit" and the answer. Whoever looks, after the lost session has ended,
 * knows: the entry is there, with its number and hash, or it will never be. What has no entry (documents,
 * pages, numbers) may be done twice without harm, and so is done again. */
static bool settle(struct postgres *s, int lost, struct error *err)
{
    int64_t until = loop_mono_ms() + SETTLE_MS;
    bool there = false, known = false;
    for (;;) {
        known = pg_open(&s->pg, true, CONNECT_S, err) && wait_for_lost(s, lost, err) &&
                (s->entry.n == 0 || find_entry(s, &there, err));
        if (known || loop_mono_ms() >= until)
            break;
        usleep(PAUSE_US);
    }
    if (!known) {
        pg_close(&s->pg);
        return error_set(err, SB_IO,
                         "%s: the connection was lost while this was committed, and nobody can be asked "
                         "whether it was kept: look again when the database answers",
                         s->target.where);
    }
    log_info("store", "%s: the connection was lost during a commit, which %s", s->target.where,
             there ? "was kept" : "is made again");
    return there ||
           error_set(err, SB_NET, "%s: the connection was lost; nothing of this was kept", s->target.where);
}

static bool notify(struct postgres *s, struct error *err)
{
    struct pg_args a = {0};
    pg_number(&a, s->entry.n);
    return s->entry.n == 0 || pg_put(&s->pg, PG_NOTIFY, &a, err);
}

static bool commit(struct backend *b, struct error *err)
{
    struct postgres *s = self(b);
    int session = PQbackendPID(s->pg.c);
    if (!notify(s, err))
        return false;
    /* Once the order is given, only the server knows. */
    if (pg_put(&s->pg, PG_COMMIT, NULL, err) && pg_finish(&s->pg, err))
        return true;
    return err->code == SB_NET && settle(s, session, err);
}

static void rollback(struct backend *b)
{
    struct postgres *s = self(b);
    if (pg_is_open(&s->pg))
        pg_rollback(&s->pg);
}

static bool tidy(struct backend *b, bool idle)
{
    (void)b, (void)idle;
    return false; /* the server's own business */
}

/* --- the writer's statements ------------------------------------------------------------------- */

static bool take_hash(const PGresult *r, int column, char out[SHA256_HEX + 1])
{
    const char *hash = pg_str(r, 0, column);
    if (strlen(hash) != SHA256_HEX)
        return false;
    memcpy(out, hash, SHA256_HEX + 1);
    return true;
}

static bool change_find(struct backend *b, const char *id, struct change_row *out, struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, id);
    _cleanup_pg_ PGresult *r = pg_ask(&self(b)->pg, PG_CHANGE_FIND, &a, err);
    if (r == NULL)
        return false;
    *out = (struct change_row){.head = chain_begin(id)};
    if (PQntuples(r) == 0)
        return true;
    out->no = pg_int(r, 0, 0);
    out->ended = *pg_str(r, 0, 1) == 't';
    out->head.n = pg_int(r, 0, 2);
    return (out->head.n > 0 && take_hash(r, 3, out->head.hash)) ||
           error_set(err, SB_CONFLICT,
                     "%s: its last event is not in order: the record was edited. signalbox audit verify "
                     "tells what is whole",
                     id);
}

static bool change_add(struct backend *b, const char *id, int64_t *no, struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, id);
    _cleanup_pg_ PGresult *r = pg_ask(&self(b)->pg, PG_CHANGE_ADD, &a, err);
    if (r != NULL)
        *no = pg_int(r, 0, 0);
    return r != NULL;
}

static bool change_end(struct backend *b, int64_t no, struct error *err)
{
    struct pg_args a = {0};
    pg_number(&a, no);
    return pg_put(&self(b)->pg, PG_CHANGE_END, &a, err);
}

/* Events are found by their numbers. */
static bool change_move(struct backend *b, int64_t no, int64_t first, int64_t last, struct error *err)
{
    (void)b, (void)no, (void)first, (void)last, (void)err;
    return true;
}

static bool event_add(struct backend *b, const struct event_row *e, int64_t *place, struct error *err)
{
    struct pg_args a = {0};
    pg_number(&a, e->change);
    pg_number(&a, e->seq);
    pg_number(&a, e->entry);
    pg_text(&a, e->body);
    pg_text(&a, e->hash);
    *place = 0;
    return pg_put(&self(b)->pg, PG_EVENT_ADD, &a, err);
}

static bool entry_last(struct backend *b, struct chain *out, struct error *err)
{
    struct postgres *s = self(b);
    _cleanup_pg_ PGresult *r = pg_ask(&s->pg, PG_ENTRY_LAST, NULL, err);
    if (r == NULL)
        return false;
    *out = chain_begin(LEDGER_NAME);
    if (PQntuples(r) == 0)
        return true;
    out->n = pg_int(r, 0, 0);
    return take_hash(r, 1, out->hash) ||
           error_set(err, SB_CORRUPT,
                     "%s: the ledger's last entry has no proper hash: somebody edited it. Restore a backup; "
                     "signalbox audit verify tells what is whole",
                     s->target.where);
}

static bool entry_add(struct backend *b, int64_t n, const char *body, const char *hash, struct error *err)
{
    struct postgres *s = self(b);
    struct pg_args a = {0};
    pg_number(&a, n);
    pg_text(&a, body);
    pg_text(&a, hash);
    s->entry.n = n;
    memcpy(s->entry.hash, hash, sizeof s->entry.hash);
    return pg_put(&s->pg, PG_ENTRY_ADD, &a, err);
}

static bool number_next(struct backend *b, int64_t *out, struct error *err)
{
    _cleanup_pg_ PGresult *r = pg_ask(&self(b)->pg, PG_NUMBER_NEXT, NULL, err);
    if (r != NULL)
        *out = pg_int(r, 0, 0);
    return r != NULL;
}

static bool number_set(struct backend *b, const char *name, const char *last, struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, name);
    pg_text(&a, last);
    return pg_put(&self(b)->pg, PG_NUMBER_SET, &a, err);
}

static bool page_put(struct backend *b, const char *hash, const char *name, const char *text,
                     struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, hash);
    pg_text(&a, name);
    pg_text(&a, text);
    return pg_put(&self(b)->pg, PG_PAGE_PUT, &a, err);
}

static bool snapshot_put(struct backend *b, int64_t change, int64_t seq, const char *version,
                         const char *state, struct error *err)
{
    struct pg_args a = {0};
    pg_number(&a, change);
    pg_number(&a, seq);
    pg_text(&a, version);
    pg_text(&a, state);
    return pg_put(&self(b)->pg, PG_SNAPSHOT_PUT, &a, err);
}

static bool doc_write(struct backend *b, enum pg_statement what, const char *kind, const char *id,
                      const char *body, struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, kind);
    pg_text(&a, id);
    pg_text(&a, body);
    return pg_put(&self(b)->pg, what, &a, err);
}

static bool doc_add(struct backend *b, const char *kind, const char *id, const char *body, struct error *err)
{
    return doc_write(b, PG_DOC_ADD, kind, id, body, err);
}

static bool doc_change(struct backend *b, const char *kind, const char *id, const char *body,
                       struct error *err)
{
    return doc_write(b, PG_DOC_CHANGE, kind, id, body, err);
}

static bool doc_get(struct backend *b, const char *kind, const char *id, doc_each_fn *each, void *ctx,
                    struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, kind);
    pg_text(&a, id);
    _cleanup_pg_ PGresult *r = pg_ask(&self(b)->pg, PG_DOC_GET, &a, err);
    return r != NULL && postgres_docs(r, each, ctx);
}

static bool doc_list(struct backend *b, const char *kind, int limit, doc_each_fn *each, void *ctx,
                     struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, kind);
    pg_number(&a, limit);
    _cleanup_pg_ PGresult *r = pg_ask(&self(b)->pg, PG_DOC_LIST, &a, err);
    return r != NULL && postgres_docs(r, each, ctx);
}

static bool lease_check(struct backend *b, const char *lease, int64_t token, bool *newest, struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, lease);
    pg_number(&a, token);
    _cleanup_pg_ PGresult *r = pg_ask(&self(b)->pg, PG_LEASE_CHECK, &a, err);
    *newest = r != NULL && PQntuples(r) == 1;
    return r != NULL;
}

static const struct pg_target *target(const struct backend *b)
{
    return &((const struct postgres *)b)->target;
}

/* --- opening ----------------------------------------------------------------------------------- */

static void close_all(struct backend *b)
{
    struct postgres *s = self(b);
    pg_close(&s->pg);
    lock_release(s->lock);
    pg_target_free(&s->target);
    free(s);
}

static const struct backend_ops postgres_ops = {
    .close = close_all,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .tidy = tidy,
    .change_find = change_find,
    .change_add = change_add,
    .change_move = change_move,
    .change_end = change_end,
    .event_add = event_add,
    .entry_last = entry_last,
    .entry_add = entry_add,
    .number_next = number_next,
    .number_set = number_set,
    .page_put = page_put,
    .snapshot_put = snapshot_put,
    .doc_get = doc_get,
    .doc_add = doc_add,
    .doc_change = doc_change,
    .doc_list = doc_list,
    .reader_open = postgres_reader_open,
    .target = target,
    .lease_check = lease_check,
};

/* The tables are made on a plain connection: statements in a pipeline are prepared, and so need them. */
static bool make_tables(struct postgres *s, struct error *err)
{
    struct pg plain = {.target = &s->target};
    bool ok = pg_open(&plain, false, CONNECT_S, err) && pg_schema(&plain, false, err);
    pg_close(&plain);
    return ok;
}

struct backend *postgres_open(const struct store_options *o, struct error *err)
{
    struct postgres *s = calloc(1, sizeof *s);
    if (s == NULL)
        abort();
    s->base.ops = &postgres_ops;
    s->pg.target = &s->target;
    bool alone =
        o->read_only || o->path == NULL || (s->lock = lock_take(o->path, o->socket_path, err)) != NULL;
    if (alone && pg_target_make(&s->target, o->url, o->password, err) &&
        (o->read_only || (make_tables(s, err) && pg_open(&s->pg, true, CONNECT_S, err))))
        return &s->base;
    if (err != NULL && err->code == SB_NET)
        err->code = SB_IO;
    close_all(&s->base);
    return NULL;
}
