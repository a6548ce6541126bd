/* bench_store: durable steps a second, beside what the disk and SQLite do in the same run. See README.md. */
#include "base/hash.h"
#include "net/loop.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BODY_BYTES = 300, SAMPLES_MAX = 1 << 20, ROWS_OF_RESTART = 1000000, CHANGES_OF_RESTART = 10000 };

static double seconds_a_row = 2;
static char folder[200];
static char body[BODY_BYTES + 1];

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_store: %s: %s\n", what, why);
    exit(1);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static const char *in_folder(const char *name)
{
    static char path[sizeof folder + 300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void empty_folder(void)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.')
            unlink(in_folder(e->d_name));
    if (d != NULL)
        closedir(d);
}

/* --- samples of how long one thing took -------------------------------------------------------- */

struct samples {
    double *s;
    size_t n;
};

static void sample(struct samples *x, double s)
{
    if (x->s == NULL && (x->s = calloc(SAMPLES_MAX, sizeof(double))) == NULL)
        die("memory", strerror(errno));
    if (x->n < SAMPLES_MAX)
        x->s[x->n++] = s;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* In microseconds. */
static double quantile_us(struct samples *x, double q)
{
    if (x->n == 0)
        return 0;
    qsort(x->s, x->n, sizeof(double), by_value);
    return x->s[(size_t)(q * (double)(x->n - 1))] * 1e6;
}

/* --- the disk alone ---------------------------------------------------------------------------- */

/* One page is appended and synced, again and again. */
static struct samples measure_disk(void)
{
    struct samples x = {0};
    static char page[4096];
    int fd = open(in_folder("disk"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0)
        die(folder, strerror(errno));
    off_t at = 0;
    for (double end = now_s() + seconds_a_row, began; (began = now_s()) < end; at += (off_t)sizeof page) {
        if (pwrite(fd, page, sizeof page, at) != (ssize_t)sizeof page || fdatasync(fd) != 0)
            die(folder, strerror(errno));
        sample(&x, now_s() - began);
    }
    close(fd);
    empty_folder();
    return x;
}

/* --- SQLite alone ------------------------------------------------------------------------------ */

struct result {
    double rate, batch, cpu_us, p50_us, p99_us;
};

static void sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        die(text, sqlite3_errmsg(db));
}

/* Rows of the same size into one plain table, `batch` in each transaction, with the same promise: WAL, full
 * sync. */
static struct result measure_sqlite(int batch)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    char hash[SHA256_HEX + 1];
    sha256_hex("", 0, hash);
    if (sqlite3_open(in_folder("peer.db"), &db) != SQLITE_OK)
        die(folder, sqlite3_errmsg(db));
    sql(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE rows (n INTEGER PRIMARY KEY, change INTEGER, seq INTEGER, body TEXT, hash TEXT)");
    if (sqlite3_prepare_v2(db, "INSERT INTO rows (change, seq, body, hash) VALUES (?, ?, ?, ?)", -1, &st,
                           NULL) != SQLITE_OK)
        die("prepare", sqlite3_errmsg(db));
    int64_t rows = 0;
    double cpu = cpu_s(), began = now_s(), end = began + seconds_a_row;
    while (now_s() < end) {
        sql(db, "BEGIN IMMEDIATE");
        for (int i = 0; i < batch; i++, rows++) {
            sqlite3_bind_int(st, 1, i);
            sqlite3_bind_int64(st, 2, rows);
            sqlite3_bind_text(st, 3, body, BODY_BYTES, SQLITE_STATIC);
            sqlite3_bind_text(st, 4, hash, SHA256_HEX, SQLITE_STATIC);
            if (sqlite3_step(st) != SQLITE_DONE || sqlite3_reset(st) != SQLITE_OK)
                die("insert", sqlite3_errmsg(db));
        }
        sql(db, "COMMIT");
    }
    struct result r = {.rate = (double)rows / (now_s() - began),
                       .cpu_us = (cpu_s() - cpu) * 1e6 / (double)rows};
    sqlite3_finalize(st);
    sqlite3_close(db);
    empty_folder();
    return r;
}

/* --- the store --------------------------------------------------------------------------------- */

struct run {
    struct store *store;
    struct samples steps;
    int64_t done;
    double end;
    int open; /* riders that have not stopped */
};

struct rider {
    struct run *run;
    char id[24];
    int64_t n;
    double began;
};

static void on_step(void *ctx, const struct error *err);

static void step(struct rider *r)
{
    const char *bodies[] = {body};
    r->began = now_s();
    store_append(r->run->store, r->id, ++r->n, bodies, 1, on_step, r);
}

static void on_step(void *ctx, const struct error *err)
{
    struct rider *r = ctx;
    if (err != NULL)
        die("append", err->text);
    double now = now_s();
    r->run->done++;
    sample(&r->run->steps, now - r->began);
    if (now < r->run->end)
        step(r);
    else
        r->run->open--;
}

static struct store *open_store(struct loop *l)
{
    struct error err;
    struct store *s = store_open(&(struct store_options){.path = in_folder("s.db"), .loop = l}, &err);
    if (s == NULL)
        die("store_open", err.text);
    return s;
}

/* Each change has its next step as soon as the last one is durable. */
static struct result measure_store(int changes)
{
    struct loop *l = loop_new();
    struct run run = {.store = open_store(l), .open = changes};
    struct rider *riders = calloc((size_t)changes, sizeof *riders);
    if (riders == NULL)
        die("memory", strerror(errno));
    double began = now_s(), cpu = cpu_s();
    run.end = began + seconds_a_row;
    for (int i = 0; i < changes; i++) {
        riders[i].run = &run;
        snprintf(riders[i].id, sizeof riders[i].id, "HF-%d", i + 1);
        step(&riders[i]);
    }
    while (run.open > 0)
        loop_once(l, true);
    double took = now_s() - began;
    struct result r = {.rate = (double)run.done / took,
                       .batch = store_stats(run.store).batch_mean,
                       .cpu_us = (cpu_s() - cpu) * 1e6 / (double)run.done,
                       .p50_us = quantile_us(&run.steps, 0.5),
                       .p99_us = quantile_us(&run.steps, 0.99)};
    store_close(run.store);
    loop_free(l);
    free(run.steps.s);
    free(riders);
    empty_folder();
    return r;
}

static void count_done(void *ctx, const struct error *err)
{
    if (err != NULL)
        die("append", err->text);
    --*(int *)ctx;
}

/* Many changes with many events, by a process that then ends without closing. */
static void fill(void)
{
    enum { EACH = ROWS_OF_RESTART / CHANGES_OF_RESTART };
    const char *bodies[EACH];
    for (int i = 0; i < EACH; i++)
        bodies[i] = body;
    struct loop *l = loop_new();
    struct store *s = open_store(l);
    int waiting = CHANGES_OF_RESTART;
    for (int i = 0; i < CHANGES_OF_RESTART; i++) {
        char id[24];
        snprintf(id, sizeof id, "HF-%d", i + 1);
        store_append(s, id, 1, bodies, EACH, count_done, &waiting);
        if (i % 500 == 499) /* what is queued is memory */
            store_flush(s);
    }
    while (waiting > 0)
        loop_once(l, true);
    _exit(0);
}

static bool see_event(void *ctx, const struct store_event *e)
{
    *(int64_t *)ctx += e->seq;
    return true;
}

struct restart {
    struct store *store;
    int64_t sum;
};

/* As the engine does with a change that has a snapshot: a few events after it. */
static bool see_change(void *ctx, const struct store_head *h)
{
    struct restart *r = ctx;
    if (!store_read(r->store, h->change, h->seq - 3, see_event, &r->sum, NULL))
        die("read", h->change);
    return true;
}

static double restart_s(void)
{
    struct loop *l = loop_new();
    double began = now_s();
    struct restart r = {.store = open_store(l)};
    if (!store_changes(r.store, true, see_change, &r, NULL))
        die("store_changes", "failed");
    double took = now_s() - began;
    store_close(r.store);
    loop_free(l);
    return took;
}

static double verify_s(void)
{
    struct error err;
    struct verdict v;
    double began = now_s();
    struct store *s = store_open(&(struct store_options){.path = in_folder("s.db"), .read_only = true}, &err);
    if (s == NULL || !store_verify(s, NULL, &v, &err) || !v.good)
        die("verify", s == NULL ? err.text : v.text);
    store_close(s);
    return now_s() - began;
}

/* --- the tables -------------------------------------------------------------------------------- */

static void row_of_steps(int changes)
{
    struct samples disk = measure_disk();
    struct result r = measure_store(changes);
    struct result peer = measure_sqlite(r.batch < 1.5 ? 1 : (int)(r.batch + 0.5));
    double syncs = (double)disk.n / seconds_a_row, sync_us = quantile_us(&disk, 0.5);
    printf("%8d %10.0f %8.1f %8.1f %9.0f %9.0f | %10.0f %8.1f %6.2f | %8.0f %8.2f\n", changes, r.rate,
           r.batch, r.cpu_us, r.p50_us, r.p99_us, peer.rate, peer.cpu_us, r.rate / peer.rate, syncs,
           r.rate / syncs);
    if (changes == 1)
        printf("%8s one step alone: one sync (p50 %.0f us) and %.0f us\n", "", sync_us, r.p50_us - sync_us);
    fflush(stdout);
    free(disk.s);
}

static void table_of_steps(int only)
{
    static const int changes[] = {1, 10, 100, 1000, 10000};
    printf("\nDurable steps, each change having one under way at a time (%d-byte events)\n", BODY_BYTES);
    printf("%8s %10s %8s %8s %9s %9s | %10s %8s %6s | %8s %8s\n", "changes", "steps/s", "a sync", "us cpu",
           "p50 us", "p99 us", "SQLite/s", "us cpu", "ratio", "syncs/s", "ratio");
    for (size_t i = 0; i < COUNT_OF(changes); i++)
        if (only == 0 || only == changes[i])
            row_of_steps(changes[i]);
}

static void table_of_restarts(void)
{
    pid_t child = fork();
    if (child == 0)
        fill();
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        die("fill", "failed");
    printf("\n%d events of %d open changes\n", ROWS_OF_RESTART, CHANGES_OF_RESTART);
    printf("  opened and the end of each change read, after a crash   %8.3f s\n", restart_s());
    printf("  the same, after a clean end                             %8.3f s\n", restart_s());
    printf("  the whole record verified                               %8.3f s\n", verify_s());
    empty_folder();
}

int main(int argc, char **argv)
{
    if (argc > 4 || (argc > 1 && argv[1][0] == '-')) {
        puts("usage: bench_store [FOLDER [SECONDS [CHANGES]]]\n"
             "  FOLDER   on the disk to be measured (default: .)\n"
             "  SECONDS  a measurement (default: 2)\n"
             "  CHANGES  only the row of so many (default: all rows, and restarts)");
        return argc > 4 ? 2 : 0;
    }
    int only = argc > 3 ? atoi(argv[3]) : 0;
    if (argc > 2)
        seconds_a_row = strtod(argv[2], NULL);
    snprintf(folder, sizeof folder, "%s/bench-store-XXXXXX", argc > 1 ? argv[1] : ".");
    if (mkdtemp(folder) == NULL)
        die(folder, strerror(errno));
    memset(body, 'x', BODY_BYTES);
    table_of_steps(only);
    if (only == 0)
        table_of_restarts();
    rmdir(folder);
    return 0;
}
