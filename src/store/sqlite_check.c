#include "store/sqlite_check.h"

#include "base/log.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct check {
    pthread_t thread;
    struct conn conn;
    pthread_mutex_t mutex; /* guards `found` */
    struct error found;
};

bool check_now(struct conn *c, struct error *err)
{
    sqlite3_stmt *st = NULL;
    int code = sqlite3_prepare_v2(c->db, "PRAGMA quick_check(1)", -1, &st, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(st);
    bool ok = code == SQLITE_ROW || conn_fail(c, code, err);
    const char *says = ok ? column_text(st, 0) : "", *rest = strchr(says, '\n');
    if (ok && strcmp(says, "ok") != 0) /* the first line is a heading */
        ok = conn_damaged(c, rest != NULL ? rest + 1 : says, err);
    sqlite3_finalize(st);
    return ok;
}

/* What is no damage (interrupted, a disk that does not read now) is met again by whoever works with the file.
 */
static void *run(void *ctx)
{
    struct check *k = ctx;
    struct error err;
    if (check_now(&k->conn, &err) || err.code != SB_CORRUPT)
        return NULL;
    log_error("store", "%s", err.text);
    pthread_mutex_lock(&k->mutex);
    k->found = err;
    pthread_mutex_unlock(&k->mutex);
    return NULL;
}

struct check *check_start(const char *path)
{
    struct check *k = calloc(1, sizeof *k);
    if (k == NULL)
        abort();
    if (!conn_open(&k->conn, path, CONN_READ, NULL)) {
        free(k);
        return NULL;
    }
    pthread_mutex_init(&k->mutex, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&k->thread, NULL, run, k) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_setname_np(k->thread, "store check");
    return k;
}

bool check_so_far(struct check *k, struct error *err)
{
    if (k == NULL)
        return true;
    pthread_mutex_lock(&k->mutex);
    bool ok = k->found.code == SB_OK;
    if (!ok && err != NULL)
        *err = k->found;
    pthread_mutex_unlock(&k->mutex);
    return ok;
}

void check_end(struct check *k, bool interrupt)
{
    if (k == NULL)
        return;
    if (interrupt)
        sqlite3_interrupt(k->conn.db);
    pthread_join(k->thread, NULL);
    conn_close(&k->conn);
    pthread_mutex_destroy(&k->mutex);
    free(k);
}
