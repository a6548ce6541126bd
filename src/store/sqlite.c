/* sqlite.c: the back end over one SQLite file: opening it, and what the writer's thread does with it. */
#include "store/sqlite.h"

#include "base/buf.h"
#include "base/log.h"
#include "store/bad_disk.h"
#include "store/ledger.h"
#include "store/migrate.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Pages of the write-ahead log after which it is copied into the file: when nobody waits, and when it must
 * be. The longer it waits, the fewer pages are written twice; a restart after a crash reads all of it. */
enum { TIDY_PAGES = 1000, TIDY_PAGES_OVERDUE = 8000 };

/* A file up to this size is checked before it is used; a larger one while it is. */
enum { CHECK_AT_ONCE = 64 << 20 };

static struct sqlite *self(struct backend *b)
{
    return (struct sqlite *)b;
}

/* --- the writer's statements ------------------------------------------------------------------- */

/* A file that was removed or replaced behind our back would take what we write with it. */
static bool is_in_place(const struct sqlite *s, struct error *err)
{
    struct stat now;
    if (stat(s->path, &now) != 0)
        return error_errno(err, errno, "%s is gone while it is in use: put it back, or restart", s->path);
    if (now.st_dev != s->file.st_dev || now.st_ino != s->file.st_ino)
        return error_set(err, SB_IO, "%s was replaced while it is in use: restart to work with the new file",
                         s->path);
    return true;
}

static bool run_plain(struct sqlite *s, enum statement what, struct error *err)
{
    sqlite3_stmt *st = conn_take(&s->conn, what, err);
    return st != NULL && conn_run(&s->conn, what, st, err);
}

static bool begin(struct backend *b, struct error *err)
{
    struct sqlite *s = self(b);
    return check_so_far(s->check, err) && is_in_place(s, err) && run_plain(s, SQL_BEGIN, err);
}

static bool commit(struct backend *b, struct error *err)
{
    return run_plain(self(b), SQL_COMMIT, err);
}

static void rollback(struct backend *b)
{
    struct sqlite *s = self(b);
    /* Some errors have rolled back already. */
    if (sqlite3_get_autocommit(s->conn.db) == 0)
        sqlite3_exec(s->conn.db, "ROLLBACK", NULL, NULL, NULL);
}

static int on_wal(void *ctx, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct sqlite *)ctx)->wal_pages = pages;
    return SQLITE_OK;
}

static bool tidy(struct backend *b, bool idle)
{
    struct sqlite *s = self(b);
    if (s->wal_pages < (idle ? TIDY_PAGES : TIDY_PAGES_OVERDUE))
        return s->wal_pages >= TIDY_PAGES;
    /* What is in the log is safe there: a failure only lets it grow. */
    int code = sqlite3_wal_checkpoint_v2(s->conn.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    bool failed = code != SQLITE_OK && code != SQLITE_BUSY;
    if (failed && !s->tidy_failed)
        log_warn("store", "%s: the write-ahead log cannot be copied into the file and grows: %s", s->path,
                 sqlite3_errmsg(s->conn.db));
    s->tidy_failed = failed;
    s->wal_pages = 0; /* until the next commit says */
    return false;
}

static bool change_find(struct backend *b, const char *id, struct change_row *out, struct error *err)
{
    struct conn *c = &self(b)->conn;
    sqlite3_stmt *st = conn_take(c, SQL_CHANGE_FIND, err);
    bool row = false;
    if (st == NULL)
        return false;
    bind_text(st, 1, id);
    bool ok = conn_step(c, st, &row, err);
    *out = (struct change_row){.head = chain_begin(id)};
    if (ok && row) {
        out->no = sqlite3_column_int64(st, 0);
        out->ended = sqlite3_column_int(st, 1) != 0;
        out->place = sqlite3_column_int64(st, 2);
        out->head.n = sqlite3_column_int64(st, 3);
        const char *hash = column_text(st, 4);
        if (out->head.n > 0 && strlen(hash) == SHA256_HEX)
            memcpy(out->head.hash, hash, sizeof out->head.hash);
        else
            ok = error_set(err, SB_CONFLICT,
                           "%s: its last event is not in order: the record was edited. "
                           "signalbox audit verify tells what is whole",
                           id);
    }
    conn_give(c, SQL_CHANGE_FIND, st);
    return ok;
}

static bool change_add(struct backend *b, const char *id, int64_t *no, struct error *err)
{
    struct conn *c = &self(b)->conn;
    sqlite3_stmt *st = conn_take(c, SQL_CHANGE_ADD, err);
    if (st == NULL)
        return false;
    bind_text(st, 1, id);
    if (!conn_run(c, SQL_CHANGE_ADD, st, err))
        return false;
    *no = sqlite3_last_insert_rowid(c->db);
    return true;
}

static bool change_end(struct backend *b, int64_t no, struct error *err)
{
    struct conn *c = &self(b)->conn;
    sqlite3_stmt *st = conn_take(c, SQL_CHANGE_END, err);
    if (st == NULL)
        return false;
    sqlite3_bind_int64(st, 1, no);
    return conn_run(c, SQL_CHANGE_END, st, err);
}

static bool change_move(struct backend *b, int64_t no, int64_t first, int64_t last, struct error *err)
{
    struct conn *c = &self(b)->conn;
    sqlite3_stmt *st = conn_take(c, SQL_CHANGE_MOVE, err);
    if (st == NULL)
        return false;
    sqlite3_bind_int64(st, 1, no);
    sqlite3_bind_int64(st, 2, first);
    sqlite3_bind_int64(st, 3, last);
    return conn_run(c, SQL_CHANGE_MOVE, st, err);
}

static bool event_add(struct backend *b, const struct event_row *e, int64_t *place, struct error *err)
{
    struct conn *c = &self(b)->conn;
    sqlite3_stmt *st = conn_take(c, SQL_EVENT_ADD, err);
    if (st == NULL)
        return false;
    sqlite3_bind_int64(st, 1, e->change);
    sqlite3_bind_int64(st, 2, e->seq);
    if (e->before != 0)
        sqlite3_bind_int64(st, 3, e->before);
    sqlite3_bind_int64(st, 4, e->entry);
    sqlite3_bind_text64(st, 5, e->body, e->size, SQLITE_STATIC, SQLITE_UTF8);
    bind_text(st, 6, e->hash);
    if (!conn_run(c, SQL_EVENT_ADD, st, err))
        return false;
    *place = sqlite3_last_insert_rowid(c->db);
    return true;
}

static bool entry_last(struct backend *b, struct chain *out, struct error *err)
{
    struct conn *c = &self(b)->conn;
    sqlite3_stmt *st = conn_take(c, SQL_ENTRY_LAST, err);
    bool row = false;
    if (st == NULL)
        return false;
    bool ok = conn_step(c, st, &row, err);
    *out = chain_begin(LEDGER_NAME);
    if (ok && row) {
        const char *hash = column_text(st, 1);
        out->n = sqlite3_column_int64(st, 0);
        if (strlen(hash) == SHA256_HEX)
            memcpy(out->hash, hash, sizeof out->hash);
        else
            ok = error_set(err, SB_CORRUPT,
                           "%s: the ledger's last entry has no proper hash: somebody edited it. Restore a "
                           "backup; signalbox audit verify tells what is whole",
                           c->path);
    }
    conn_give(c, SQL_ENTRY_LAST, st);
    return ok;
}

static bool entry_add(struct backend *b, int64_t n, const char *body, const char *hash, struct error *err)
{
    struct conn *c = &self(b)->conn;
    sqlite3_stmt *st = conn_take(c, SQL_ENTRY_ADD, err);
    if (st == NULL)
        return false;
    sqlite3_bind_int64(st, 1, n);
    bind_text(st, 2, body);
    bind_text(st, 3, hash);
    return conn_run(c, SQL_ENTRY_ADD, st, err);
}

static bool number_next(struct backend *b, int64_t *out, struct error *err)
{
    struct conn *c = &self(b)->conn;
    sqlite3_stmt *st = conn_take(c, SQL_NUMBER_NEXT, err);
    bool row = false;
    if (st == NULL)
        return false;
    bool ok = conn_step(c, st, &row, err);
    if (ok && row)
        *out = sqlite3_column_int64(st, 0);
    conn_give(c, SQL_NUMBER_NEXT, st);
    return ok;
}

static bool number_set(struct backend *b, const char *name, const char *last, struct error *err)
{
    struct conn *c = &self(b)->conn;
    sqlite3_stmt *st = conn_take(c, SQL_NUMBER_SET, err);
    if (st == NULL)
        return false;
    bind_text(st, 1, name);
    sqlite3_bind_int64(st, 2, strtoll(last, NULL, 10));
    return conn_run(c, SQL_NUMBER_SET, st, err);
}

static bool page_put(struct backend *b, const char *hash, const char *name, const char *text,
                     struct error *err)
{
    struct conn *c = &self(b)->conn;
    sqlite3_stmt *st = conn_take(c, SQL_PAGE_PUT, err);
    if (st == NULL)
        return false;
    bind_text(st, 1, hash);
    bind_text(st, 2, name);
    bind_text(st, 3, text);
    return conn_run(c, SQL_PAGE_PUT, st, err);
}

static bool snapshot_put(struct backend *b, int64_t change, int64_t seq, const char *version,
                         const char *state, struct error *err)
{
    struct conn *c = &self(b)->conn;
    sqlite3_stmt *st = conn_take(c, SQL_SNAPSHOT_PUT, err);
    if (st == NULL)
        return false;
    sqlite3_bind_int64(st, 1, change);
    sqlite3_bind_int64(st, 2, seq);
    bind_text(st, 3, version);
    bind_text(st, 4, state);
    return conn_run(c, SQL_SNAPSHOT_PUT, st, err);
}

static bool doc_write(struct sqlite *s, enum statement what, const char *kind, const char *id,
                      const char *body, struct error *err)
{
    sqlite3_stmt *st = conn_take(&s->conn, what, err);
    if (st == NULL)
        return false;
    bind_text(st, 1, kind);
    bind_text(st, 2, id);
    bind_text(st, 3, body);
    return conn_run(&s->conn, what, st, err);
}

static bool doc_add(struct backend *b, const char *kind, const char *id, const char *body, struct error *err)
{
    return doc_write(self(b), SQL_DOC_ADD, kind, id, body, err);
}

static bool doc_change(struct backend *b, const char *kind, const char *id, const char *body,
                       struct error *err)
{
    return doc_write(self(b), SQL_DOC_CHANGE, kind, id, body, err);
}

static bool doc_get(struct backend *b, const char *kind, const char *id, doc_each_fn *each, void *ctx,
                    struct error *err)
{
    return sqlite_doc_get(&self(b)->conn, kind, id, each, ctx, err);
}

static bool doc_list(struct backend *b, const char *kind, int limit, doc_each_fn *each, void *ctx,
                     struct error *err)
{
    return sqlite_doc_list(&self(b)->conn, kind, limit, each, ctx, err);
}

/* --- opening ----------------------------------------------------------------------------------- */

static bool sync_folder(const char *folder, struct error *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "%s", folder);
    bool ok = fsync(fd) == 0 || errno == EINVAL || error_errno(err, errno, "sync %s", folder);
    close(fd);
    return ok;
}

/* The folder of the file, and those above it. */
static bool make_folders(char *folder, struct error *err)
{
    for (char *p = folder + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char end = *p;
        *p = '\0';
        bool ok = mkdir(folder, 0700) == 0 || errno == EEXIST ||
                  error_errno(err, errno, "make the folder %s", folder);
        *p = end;
        if (!ok || end == '\0')
            return ok;
    }
}

/* SQLite gives the files beside it the same mode. */
static bool make_file(const char *path, const char *folder, struct error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST || error_errno(err, errno, "%s", path);
    close(fd);
    return sync_folder(folder, err);
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (folder == NULL)
        abort();
    return folder;
}

/* A clean end removes the log. */
static bool was_left_open(const char *path)
{
    _cleanup_buf_ struct buf log = {0};
    struct stat st;
    buf_printf(&log, "%s-wal", path);
    return stat(buf_str(&log), &st) == 0 && st.st_size > 0;
}

/* After an unclean end. */
static bool check_file(struct sqlite *s, struct error *err)
{
    struct stat st;
    if (stat(s->path, &st) == 0 && st.st_size <= CHECK_AT_ONCE)
        return check_now(&s->conn, err);
    s->check = check_start(s->path);
    return true;
}

static bool open_file(struct sqlite *s, const struct store_options *o, struct error *err)
{
    char *folder = folder_of(s->path);
    bool ok = make_folders(folder, err) && (s->lock = lock_take(s->path, o->socket_path, err)) != NULL;
    bool left_open = ok && was_left_open(s->path);
    ok = ok && make_file(s->path, folder, err) && conn_open(&s->conn, s->path, CONN_WRITE, err) &&
         (!left_open || check_file(s, err)) && migrate(&s->conn, err);
    free(folder);
    if (!ok)
        return false;
    if (stat(s->path, &s->file) != 0)
        return error_errno(err, errno, "%s", s->path);
    sqlite3_wal_hook(s->conn.db, on_wal, s);
    return true;
}

static void close_all(struct backend *b)
{
    struct sqlite *s = self(b);
    check_end(s->check, true);
    if (s->conn.db != NULL)
        conn_close(&s->conn);
    lock_release(s->lock);
    free(s->path);
    free(s);
}

static const struct backend_ops sqlite_ops = {
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
    .reader_open = sqlite_reader_open,
};

/* SQLite's statistics of memory take a lock at each allocation, and nobody reads them. */
static void configure(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    bad_disk_setup();
}

static pthread_once_t configured = PTHREAD_ONCE_INIT;

struct backend *sqlite_open(const struct store_options *o, struct error *err)
{
    pthread_once(&configured, configure);
    /* A limit on the size of files is an error like a full disk, not the end of the process. */
    signal(SIGXFSZ, SIG_IGN);
    struct sqlite *s = calloc(1, sizeof *s);
    /* By its own name, so that two names of one file are one lock. */
    if (s == NULL || ((s->path = realpath(o->path, NULL)) == NULL && (s->path = strdup(o->path)) == NULL))
        abort();
    s->base.ops = &sqlite_ops;
    if (!o->read_only && !open_file(s, o, err)) {
        close_all(&s->base);
        return NULL;
    }
    return &s->base;
}
