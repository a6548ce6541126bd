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

enum {
    BODY_BYTES = 300,
    TURNS = 8,
    SAMPLES_MAX = 1 << 20,
    ROWS_OF_RESTART = 1000000,
    CHANGES_OF_RESTART = 10000
};

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

/* What was done in how much time; the three that are compared take turns, for a disk that others use as well
 * is fast now and slow then. */
struct tally {
    double count, seconds, cpu;
};

static double rate(const struct tally *t)
{
    return t->count / t->seconds;
}

static double cpu_us(const struct tally *t)
{
    return t->cpu * 1e6 / t->count;
}

struct turn {
    double began, cpu;
};

static struct turn turn_begin(void)
{
    return (struct turn){now_s(), cpu_s()};
}

static bool turn_is_over(const struct turn *t)
{
    return now_s() - t->began >= seconds_a_row / TURNS;
}

static void turn_end(const struct turn *t, double count, struct tally *sum)
{
    sum->count += count;
    sum->seconds += now_s() - t->began;
    sum->cpu += cpu_s() - t->cpu;
}

/* --- the disk alone ---------------------------------------------------------------------------- */

struct disk {
    int fd;
    off_t at;
    struct samples syncs;
    struct tally tally;
};

static void disk_open(struct disk *d)
{
    d->fd = open(in_folder("disk"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (d->fd < 0)
        die(folder, strerror(errno));
}

/* One page is appended and synced, again and again. */
static void disk_turn(struct disk *d)
{
    static char page[4096];
    struct turn t = turn_begin();
    int n = 0;
    for (; !turn_is_over(&t); n++, d->at += (off_t)sizeof page) {
        double began = now_s();
        if (pwrite(d->fd, page, sizeof page, d->at) != (ssize_t)sizeof page || fdatasync(d->fd) != 0)
            die(folder, strerror(errno));
        sample(&d->syncs, now_s() - began);
    }
    turn_end(&t, n, &d->tally);
}

/* --- SQLite alone ------------------------------------------------------------------------------ */

struct peer {
    sqlite3 *db;
    sqlite3_stmt *insert;
    char hash[SHA256_HEX + 1];
    int64_t rows;
    struct tally tally;
};

static void sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        die(text, sqlite3_errmsg(db));
}

/* One plain table, with the same promise: WAL, full sync. */
static void peer_open(struct peer *p)
{
    sha256_hex("", 0, p->hash);
    if (sqlite3_open(in_folder("peer.db"), &p->db) != SQLITE_OK)
        die(folder, sqlite3_errmsg(p->db));
    sql(p->db,
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE rows (n INTEGER PRIMARY KEY, change INTEGER, seq INTEGER, body TEXT, hash TEXT)");
    if (sqlite3_prepare_v2(p->db, "INSERT INTO rows (change, seq, body, hash) VALUES (?, ?, ?, ?)", -1,
                           &p->insert, NULL) != SQLITE_OK)
        die("prepare", sqlite3_errmsg(p->db));
}

/* Rows of the same size, `batch` in each transaction. */
static void peer_turn(struct peer *p, int batch)
{
    struct turn t = turn_begin();
    int64_t before = p->rows;
    while (!turn_is_over(&t)) {
        sql(p->db, "BEGIN IMMEDIATE");
        for (int i = 0; i < batch; i++, p->rows++) {
            sqlite3_bind_int(p->insert, 1, i);
            sqlite3_bind_int64(p->insert, 2, p->rows);
            sqlite3_bind_text(p->insert, 3, body, BODY_BYTES, SQLITE_STATIC);
            sqlite3_bind_text(p->insert, 4, p->hash, SHA256_HEX, SQLITE_STATIC);
            if (sqlite3_step(p->insert) != SQLITE_DONE || sqlite3_reset(p->insert) != SQLITE_OK)
                die("insert", sqlite3_errmsg(p->db));
        }
        sql(p->db, "COMMIT");
    }
    turn_end(&t, (double)(p->rows - before), &p->tally);
}

static void peer_close(struct peer *p)
{
    sqlite3_finalize(p->insert);
    sqlite3_close(p->db);
}

/* --- the store --------------------------------------------------------------------------------- */

struct rider;

struct run {
    struct loop *loop;
    struct store *store;
    struct rider *riders;
    int n_riders, under_way;
    struct turn turn;
    int64_t done;
    struct samples steps;
    struct tally tally;
};

struct rider {
    struct run *run;
    char id[24];
    int64_t n;
    double began;
};

static struct store *open_store(struct loop *l)
{
    struct error err;
    struct store *s = store_open(&(struct store_options){.path = in_folder("s.db"), .loop = l}, &err);
    if (s == NULL)
        die("store_open", err.text);
    return s;
}

static void run_open(struct run *r, int changes)
{
    r->loop = loop_new();
    r->store = open_store(r->loop);
    r->n_riders = changes;
    r->riders = calloc((size_t)changes, sizeof *r->riders);
    if (r->riders == NULL)
        die("memory", strerror(errno));
    for (int i = 0; i < changes; i++) {
        r->riders[i].run = r;
        snprintf(r->riders[i].id, sizeof r->riders[i].id, "HF-%d", i + 1);
    }
}

static void on_step(void *ctx, const struct error *err);

static void step(struct rider *r)
{
    const char *bodies[] = {body};
    r->began = now_s();
    store_append(r->run->store, r->id, ++r->n, bodies, 1, on_step, r);
}

/* Each change has its next step as soon as the last one is durable. */
static void on_step(void *ctx, const struct error *err)
{
    struct rider *r = ctx;
    if (err != NULL)
        die("append", err->text);
    r->run->done++;
    sample(&r->run->steps, now_s() - r->began);
    if (turn_is_over(&r->run->turn))
        r->run->under_way--;
    else
        step(r);
}

static void run_turn(struct run *r)
{
    int64_t before = r->done;
    r->under_way = r->n_riders;
    r->turn = turn_begin();
    for (int i = 0; i < r->n_riders; i++)
        step(&r->riders[i]);
    while (r->under_way > 0)
        loop_once(r->loop, true);
    turn_end(&r->turn, (double)(r->done - before), &r->tally);
}

static void run_close(struct run *r)
{
    store_close(r->store);
    loop_free(r->loop);
    free(r->riders);
    free(r->steps.s);
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
    struct disk disk = {0};
    struct peer peer = {0};
    struct run run = {0};
    disk_open(&disk);
    peer_open(&peer);
    run_open(&run, changes);
    for (int i = 0; i < TURNS; i++) {
        run_turn(&run);
        double batch = store_stats(run.store).batch_mean;
        peer_turn(&peer, batch < 1.5 ? 1 : (int)(batch + 0.5));
        disk_turn(&disk);
    }
    double ours = rate(&run.tally), p50 = quantile_us(&run.steps, 0.5), sync = quantile_us(&disk.syncs, 0.5);
    printf("%8d %10.0f %8.1f %8.1f %9.0f %9.0f | %10.0f %8.1f %6.2f | %8.0f %8.2f\n", changes, ours,
           store_stats(run.store).batch_mean, cpu_us(&run.tally), p50, quantile_us(&run.steps, 0.99),
           rate(&peer.tally), cpu_us(&peer.tally), ours / rate(&peer.tally), rate(&disk.tally),
           ours / rate(&disk.tally));
    if (changes == 1)
        printf("%8s one step alone: one sync (p50 %.0f us) and %.0f us\n", "", sync, p50 - sync);
    fflush(stdout);
    run_close(&run);
    peer_close(&peer);
    close(disk.fd);
    free(disk.syncs.s);
    empty_folder();
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
