#include "store/recover.h"

#include "base/buf.h"
#include "base/json.h"
#include "store/heads.h"
#include "store/ledger.h"
#include "store/migrate.h"
#include "store/sqlite_conn.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_."

enum { DAMAGE_LINES = 20, GAP_MAX = 10000000 };

struct recovering {
    struct conn from, to;
    json_t *report;
};

/* --- copying around what is damaged ------------------------------------------------------------- */

/* Snapshots are only a cache, and are left behind. */
static const struct table {
    const char *name, *key, *columns;
    int n_columns;
} tables[] = {
    {"changes", "n", "n, id, first, last, ended", 5},
    {"events", "n", "n, change, seq, before, entry, body, hash", 7},
    {"ledger", "n", "n, body, hash", 3},
    {"pages", "rowid", "rowid, hash, name, text", 4},
    {"docs", "n", "n, kind, id, body", 4},
};

struct copying {
    struct recovering *r;
    const struct table *table;
    sqlite3_stmt *into;
    int64_t rows;
};

/* "INSERT OR IGNORE": a row that is met from both sides is the same row. */
static bool prepare_into(struct copying *c, struct error *err)
{
    _cleanup_buf_ struct buf sql = {0};
    buf_printf(&sql, "INSERT OR IGNORE INTO %s (%s) VALUES (?", c->table->name, c->table->columns);
    for (int i = 1; i < c->table->n_columns; i++)
        buf_adds(&sql, ", ?");
    buf_addc(&sql, ')');
    int code = sqlite3_prepare_v2(c->r->to.db, sql.data, -1, &c->into, NULL);
    return code == SQLITE_OK || conn_fail(&c->r->to, code, err);
}

static bool copy_row(struct copying *c, sqlite3_stmt *row, struct error *err)
{
    for (int i = 0; i < c->table->n_columns; i++)
        sqlite3_bind_value(c->into, i + 1, sqlite3_column_value(row, i));
    int code = sqlite3_step(c->into);
    sqlite3_reset(c->into);
    if (code == SQLITE_DONE)
        c->rows += sqlite3_changes(c->r->to.db);
    /* Garbage that breaks a rule of the tables is no row of ours. */
    return code == SQLITE_DONE || (code & 0xff) == SQLITE_CONSTRAINT || conn_fail(&c->r->to, code, err);
}

/* From `at` on in one direction until the end or damage. *at becomes the key of the last row; *damaged says why it
 * stopped. False: the new file cannot be written. */
static bool copy_run(struct copying *c, bool forward, int64_t *at, int64_t limit, bool *damaged,
                     struct error *err)
{
    const struct table *t = c->table;
    _cleanup_buf_ struct buf sql = {0};
    sqlite3_stmt *st = NULL;
    buf_printf(&sql, "SELECT %s FROM %s NOT INDEXED WHERE %s %s ?1 AND %s %s ?2 ORDER BY %s%s", t->columns,
               t->name, t->key, forward ? ">" : "<", t->key, forward ? "<=" : ">=", t->key,
               forward ? "" : " DESC");
    int code = sqlite3_prepare_v2(c->r->from.db, sql.data, -1, &st, NULL);
    bool ok = true;
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(st, 1, *at);
        sqlite3_bind_int64(st, 2, limit);
        while (ok && (code = sqlite3_step(st)) == SQLITE_ROW) {
            ok = copy_row(c, st, err);
            *at = sqlite3_column_int64(st, 0);
        }
    }
    *damaged = code != SQLITE_DONE;
    sqlite3_finalize(st);
    return ok;
}

static void note_gap(json_t *gaps, int64_t from, int64_t to)
{
    json_t *last = json_array_get(gaps, json_array_size(gaps) - 1);
    if (last && json_int(last, "1", 0) + 1 == from)
        json_array_set_new(last, 1, json_integer(to));
    else
        json_array_append_new(gaps, json_pack("[I, I]", (json_int_t)from, (json_int_t)to));
}

/* Both ways led to damage: what lies between is asked for number by number. */
static bool copy_gap(struct copying *c, int64_t from, int64_t to, json_t *gaps, struct error *err)
{
    bool damaged;
    if (to - from > GAP_MAX) {
        note_gap(gaps, from, to);
        return true;
    }
    for (int64_t n = from; n <= to; n++) {
        int64_t at = n - 1;
        if (!copy_run(c, true, &at, n, &damaged, err))
            return false;
        if (damaged)
            note_gap(gaps, n, n);
    }
    return true;
}

static bool copy_table(struct recovering *r, const struct table *t, struct error *err)
{
    struct copying c = {.r = r, .table = t};
    json_t *gaps = json_array();
    int64_t low = 0, high = INT64_MAX;
    bool damaged = false, end_damaged = false;
    bool ok = prepare_into(&c, err) && copy_run(&c, true, &low, INT64_MAX, &damaged, err);
    if (ok && damaged) {
        ok = copy_run(&c, false, &high, low + 1, &end_damaged, err);
        /* When the last rows are damaged, nobody knows how many there were. */
        if (ok && high == INT64_MAX)
            note_gap(gaps, low + 1, INT64_MAX);
        else if (ok && end_damaged)
            ok = copy_gap(&c, low + 1, high - 1, gaps, err);
    }
    sqlite3_finalize(c.into);
    json_array_append_new(
        json_object_get(r->report, "tables"),
        json_pack("{s:s, s:I, s:o}", "name", t->name, "rows", (json_int_t)c.rows, "unreadable", gaps));
    return ok;
}

/* The number of the next change. When it cannot be read it is well behind the numbers that ids
 * end with: a number that is
 * given twice would be two changes in one. */
static bool copy_numbers(struct recovering *r, struct error *err)
{
    int64_t last = 0;
    bool guessed = !conn_number(&r->from, "SELECT coalesce(max(last), 0) FROM numbers", &last, NULL);
    if (guessed &&
        !conn_number(&r->to,
                     "SELECT 1000 + coalesce(max(CAST(ltrim(id, '" LETTERS "') AS INTEGER)), 0) FROM changes",
                     &last, err))
        return false;
    json_object_set_new(r->report, "numbers_guessed", json_boolean(guessed));
    char sql[120];
    (void)snprintf(sql, sizeof sql, "INSERT INTO numbers (name, last) VALUES ('change', %" PRId64 ")", last);
    return last == 0 || conn_exec(&r->to, sql, err);
}

/* --- what is missing ----------------------------------------------------------------------------- */

/* What the ledger and the changes' own rows know of each change: `place` has the number of its last event. */
struct knowing {
    struct heads heads;
    struct chain ledger;
    int64_t entries_lost;
};

static struct head *known(struct heads *all, const char *id)
{
    struct head *h = heads_find(all, id);
    if (h == NULL) {
        h = heads_add(all, id);
        h->chain = chain_begin(id);
    }
    return h;
}

static void know_entry(struct knowing *k, sqlite3_stmt *st)
{
    struct error why;
    int64_t n = sqlite3_column_int64(st, 0);
    const char *body = column_text(st, 1);
    size_t size = (size_t)sqlite3_column_bytes(st, 1), i;
    json_t *item;
    if (n > k->ledger.n + 1)
        k->entries_lost += n - k->ledger.n - 1;
    struct chain before = k->ledger;
    if (n == k->ledger.n + 1 && !chain_take(&before, "entry", n, body, size, column_text(st, 2), &why))
        k->entries_lost++;
    k->ledger.n = n;
    (void)snprintf(k->ledger.hash, sizeof k->ledger.hash, "%s", column_text(st, 2));
    _cleanup_json_ json_t *entry = entry_read(body, size, &why);
    json_array_foreach(json_object_get(entry, "appends"), i, item) {
        struct entry_append a;
        if (!entry_append_read(item, &a))
            continue;
        struct head *h = known(&k->heads, a.change);
        if (a.first + a.n - 1 > h->place)
            h->place = a.first + a.n - 1;
    }
}

static void know_event(struct knowing *k, sqlite3_stmt *st)
{
    struct head *h = known(&k->heads, column_text(st, 0));
    int64_t seq = sqlite3_column_int64(st, 1);
    if (seq > h->place)
        h->place = seq;
    if (seq == h->chain.n + 1)
        (void)!chain_take(&h->chain, "event", seq, column_text(st, 2), (size_t)sqlite3_column_bytes(st, 2),
                          column_text(st, 3), NULL);
}

static void know_change(struct knowing *k, sqlite3_stmt *st)
{
    struct head *h = known(&k->heads, column_text(st, 0));
    h->no = 1; /* its row is there */
    if (sqlite3_column_type(st, 1) == SQLITE_NULL)
        h->no = 2; /* and leads nowhere */
}

static bool each_row(struct conn *c, const char *sql, struct knowing *k,
                     void (*each)(struct knowing *k, sqlite3_stmt *st), struct error *err)
{
    sqlite3_stmt *st = NULL;
    int code = sqlite3_prepare_v2(c->db, sql, -1, &st, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(st);
        if (code == SQLITE_ROW)
            each(k, st);
    }
    sqlite3_finalize(st);
    return code == SQLITE_DONE || conn_fail(c, code, err);
}

/* The seals know of entries that the ledger has lost at its end. */
static void know_seal(struct knowing *k, sqlite3_stmt *st)
{
    _cleanup_json_ json_t *doc = json_loads(column_text(st, 0), 0, NULL);
    const char *line = strstr(json_str(doc, "text", ""), "\nledger ");
    int64_t n = line != NULL ? strtoll(line + 8, NULL, 10) : 0;
    if (n > k->ledger.n) {
        k->entries_lost += n - k->ledger.n;
        k->ledger.n = n;
    }
}

static void tell_changes(struct recovering *r, const struct knowing *k)
{
    json_t *lost = json_array();
    for (size_t i = 0; i < k->heads.n_buckets; i++)
        for (const struct head *h = k->heads.buckets[i]; h != NULL; h = h->next)
            if (h->chain.n < h->place || h->chain.n == 0 || h->no != 1)
                json_array_append_new(lost,
                                      json_pack("{s:s, s:I, s:I}", "change", h->id, "whole_to",
                                                (json_int_t)h->chain.n, "known_to", (json_int_t)h->place));
    json_object_set_new(r->report, "changes", json_integer((json_int_t)k->heads.n));
    json_object_set_new(r->report, "lost", lost);
    json_object_set_new(r->report, "entries_lost", json_integer(k->entries_lost));
}

static bool any_gap(const json_t *report)
{
    size_t i;
    const json_t *t;
    json_array_foreach(json_path(report, "tables"), i, t)
        if (json_array_size(json_object_get(t, "unreadable")) > 0)
            return true;
    return false;
}

static bool look_for_losses(struct recovering *r, struct error *err)
{
    struct knowing k = {.ledger = chain_begin(LEDGER_NAME)};
    int64_t of_nobody = 0;
    bool ok =
        each_row(&r->to, "SELECT n, body, hash FROM ledger ORDER BY n", &k, know_entry, err) &&
        each_row(
            &r->to,
            "SELECT c.id, e.seq, e.body, e.hash FROM events e JOIN changes c ON c.n = e.change ORDER BY e.n",
            &k, know_event, err) &&
        each_row(&r->to, "SELECT c.id, e.n FROM changes c LEFT JOIN events e ON e.n = c.last", &k,
                 know_change, err) &&
        each_row(&r->to, "SELECT body FROM docs WHERE kind = 'seal'", &k, know_seal, err) &&
        conn_number(&r->to, "SELECT count(*) FROM events WHERE change NOT IN (SELECT n FROM changes)",
                    &of_nobody, err);
    if (ok) {
        tell_changes(r, &k);
        json_object_set_new(r->report, "events_of_nobody", json_integer(of_nobody));
        json_object_set_new(r->report, "whole",
                            json_boolean(!any_gap(r->report) && of_nobody == 0 && k.entries_lost == 0 &&
                                         json_array_size(json_object_get(r->report, "lost")) == 0));
    }
    heads_free(&k.heads);
    return ok;
}

/* --- the file ------------------------------------------------------------------------------------ */

static void ask_sqlite(struct recovering *r)
{
    json_t *damage = json_object_get(r->report, "damage");
    sqlite3_stmt *st = NULL;
    int code = sqlite3_prepare_v2(r->from.db, "PRAGMA integrity_check(20)", -1, &st, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(st);
        const char *says = code == SQLITE_ROW ? column_text(st, 0) : "ok";
        if (strcmp(says, "ok") != 0 && json_array_size(damage) < DAMAGE_LINES)
            json_array_append_new(damage, json_string(says));
    }
    if (code != SQLITE_DONE)
        json_array_append_new(damage, json_string(sqlite3_errmsg(r->from.db)));
    sqlite3_finalize(st);
}

static bool open_new(struct recovering *r, const char *to, struct error *err)
{
    if (to != NULL) {
        int fd = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno == EEXIST)
            return error_set(err, SB_CONFLICT, "%s is there already: name a file that is not", to);
        if (fd < 0)
            return error_errno(err, errno, "%s", to);
        close(fd);
    }
    /* Without a name SQLite keeps it in a file that vanishes with it. */
    return conn_open(&r->to, to != NULL ? to : "", CONN_WRITE, err) && migrate(&r->to, err) &&
           conn_exec(&r->to, "PRAGMA foreign_keys = OFF; BEGIN", err);
}

static bool recover(struct recovering *r, const char *to, struct error *err)
{
    ask_sqlite(r);
    if (!open_new(r, to, err))
        return false;
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        if (!copy_table(r, &tables[i], err))
            return false;
    return copy_numbers(r, err) && look_for_losses(r, err) && conn_exec(&r->to, "COMMIT", err);
}

json_t *store_recover(const char *path, const char *to, struct error *err)
{
    struct recovering r = {.report = json_pack("{s:[], s:[]}", "damage", "tables")};
    struct error why;
    bool made = false, ok = conn_open(&r.from, path, CONN_READ, &why) && migrate_check(&r.from, &why);
    if (ok) {
        made = to != NULL && access(to, F_OK) != 0;
        ok = recover(&r, to, &why);
        if (r.to.db != NULL)
            conn_close(&r.to);
    }
    if (r.from.db != NULL)
        conn_close(&r.from);
    if (ok)
        return r.report;
    if (made)
        unlink(to);
    json_decref(r.report);
    error_wrap(&why, err, "recover");
    return NULL;
}
