#include "store/writer.h"

#include "base/log.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

/* A transaction's bounds, for the sake of memory and of those who wait behind it. */
enum { BATCH_JOBS = 20000, BATCH_BYTES = 32 << 20 };

enum { IDLE_MS = 1000 }; /* before housekeeping */

enum { TRIES = 4 }; /* of a transaction whose connection is lost each time */

struct writer {
    pthread_t thread;
    struct answers *answers;

    pthread_mutex_t mutex; /* guards what follows, up to the line */
    pthread_cond_t wanted, done;
    struct job *first, **last;
    uint64_t put, finished; /* jobs so far */
    bool stopping;
    struct store_stats stats;

    /* The thread's own. */
    struct writing writing;
    struct job **batch;
    struct error damage; /* once set, nothing is written any more */
};

/* --- one batch --------------------------------------------------------------------------------- */

static bool apply_all(struct writing *w, struct job *const *jobs, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        job_forgive(jobs[i]); /* an attempt before */
        if (!jobs[i]->apply(jobs[i], w, err))
            return false;
    }
    return true;
}

static bool transaction(struct writer *w, struct job *const *jobs, size_t n, struct error *err)
{
    if (w->damage.code != SB_OK) {
        *err = w->damage;
        return false;
    }
    struct store_stats sum = {.commits = 1}; /* of attempts, kept when it is durable */
    bool ok = writing_begin(&w->writing, err) && apply_all(&w->writing, jobs, n, err);
    sum.events = (uint64_t)w->writing.entry.events;
    sum.bytes = (uint64_t)w->writing.bytes;
    ok = ok && writing_commit(&w->writing, err);
    if (!ok) {
        writing_rollback(&w->writing);
        if (err->code == SB_CORRUPT)
            w->damage = *err;
        return false;
    }
    pthread_mutex_lock(&w->mutex);
    w->stats.commits += sum.commits;
    w->stats.events += sum.events;
    w->stats.bytes += sum.bytes;
    pthread_mutex_unlock(&w->mutex);
    return true;
}

/* A lost connection to the database has taken the transaction with it: it is made once more, on another. */
static bool transaction_again(struct writer *w, struct job *const *jobs, size_t n, struct error *err)
{
    for (int tries = 0; tries < TRIES; tries++) {
        if (transaction(w, jobs, n, err))
            return true;
        if (err->code != SB_NET)
            return false;
    }
    err->code = SB_IO;
    return false;
}

/* The disk's and the database's own failures are everybody's. Any other is one job's, and the rest is not to
 * suffer from it: then each has a transaction of its own. */
static void carry_out(struct writer *w, struct job *const *jobs, size_t n)
{
    struct error err;
    if (transaction_again(w, jobs, n, &err))
        return;
    bool together = n == 1 || err.code == SB_IO || err.code == SB_CORRUPT;
    for (size_t i = 0; i < n; i++)
        if (together || !transaction_again(w, &jobs[i], 1, &err))
            job_refuse(jobs[i], &err);
}

/* What nobody waits for ends here. */
static void drop(struct job *j)
{
    if (j->error != NULL)
        log_warn("store", "a note could not be kept: %s", j->error->text);
    job_free(j);
}

static void wake(struct writer *w, struct job *j)
{
    pthread_mutex_lock(&w->mutex);
    j->finished = true;
    pthread_cond_broadcast(&w->done);
    pthread_mutex_unlock(&w->mutex);
}

/* Callbacks are on their way before anybody who flushes wakes up. */
static void finish(struct writer *w, struct job *const *jobs, size_t n)
{
    struct job *answers = NULL, **last = &answers;
    for (size_t i = 0; i < n; i++) {
        struct job *j = jobs[i];
        if (j->answer != NULL) {
            *last = j;
            last = &j->next;
        } else if (j->waited_for) {
            wake(w, j);
        } else {
            drop(j);
        }
    }
    *last = NULL;
    answers_give(w->answers, answers);
    pthread_mutex_lock(&w->mutex);
    w->finished += n;
    pthread_cond_broadcast(&w->done);
    pthread_mutex_unlock(&w->mutex);
}

/* --- the thread -------------------------------------------------------------------------------- */

/* Milliseconds until there is something to do that nobody asks for; -1 = never. */
static int64_t own_wait(const struct writer *w, bool untidy)
{
    int64_t seal = w->damage.code == SB_OK ? sealing_wait(&w->writing.sealing) : -1;
    return untidy && (seal < 0 || seal > IDLE_MS) ? IDLE_MS : seal;
}

/* Sleeps until there is something to do. */
static void sleep_until_wanted(struct writer *w, int64_t most_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(most_ms / 1000);
    until.tv_nsec += (long)(most_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    int code = 0;
    while (w->first == NULL && !w->stopping && code == 0)
        code = most_ms >= 0 ? pthread_cond_timedwait(&w->wanted, &w->mutex, &until)
                            : pthread_cond_wait(&w->wanted, &w->mutex);
}

/* All that waits, within bounds. 0: nothing came for a while, or it is time to stop. */
static size_t take(struct writer *w, bool untidy, bool *stop)
{
    size_t n = 0, bytes = 0;
    pthread_mutex_lock(&w->mutex);
    sleep_until_wanted(w, own_wait(w, untidy));
    *stop = w->stopping;
    while (w->first != NULL && n < BATCH_JOBS && bytes < BATCH_BYTES) {
        struct job *j = w->first;
        w->first = j->next;
        bytes += j->size;
        w->batch[n++] = j;
    }
    if (w->first == NULL)
        w->last = &w->first;
    pthread_mutex_unlock(&w->mutex);
    return n;
}

/* Seals what is not sealed yet, when nothing else is written. */
static void seal(struct writer *w)
{
    struct error err;
    w->writing.sealing.whole = true;
    if (!transaction(w, NULL, 0, &err))
        log_warn("store", "the record is not sealed to its end: %s", err.text);
}

static void *run(void *ctx)
{
    struct writer *w = ctx;
    struct backend *b = w->writing.backend;
    bool untidy = false, stop = false;
    for (;;) {
        size_t n = take(w, untidy, &stop);
        if (n == 0 && (stop ? w->writing.sealing.due != 0 : sealing_is_due(&w->writing.sealing)))
            seal(w);
        if (n == 0 && stop)
            return NULL;
        if (n > 0) {
            carry_out(w, w->batch, n);
            finish(w, w->batch, n);
        }
        untidy = w->damage.code == SB_OK && b->ops->tidy(b, n == 0);
    }
}

/* --- the callers' side ------------------------------------------------------------------------- */

struct writer *writer_start(struct backend *b, struct answers *a, const struct seal_key *key, int64_t seal_ms)
{
    struct writer *w = calloc(1, sizeof *w);
    struct job **batch = calloc(BATCH_JOBS, sizeof(struct job *));
    if (w == NULL || batch == NULL)
        abort();
    *w = (struct writer){.answers = a, .writing.backend = b, .batch = batch};
    w->last = &w->first;
    sealing_start(&w->writing.sealing, key, seal_ms);
    pthread_mutex_init(&w->mutex, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wanted, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&w->done, NULL);
    /* Signals are the loop's. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&w->thread, NULL, run, w) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_setname_np(w->thread, "store writer");
    return w;
}

void writer_stop(struct writer *w)
{
    pthread_mutex_lock(&w->mutex);
    w->stopping = true;
    pthread_cond_signal(&w->wanted);
    pthread_mutex_unlock(&w->mutex);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->wanted);
    pthread_cond_destroy(&w->done);
    pthread_mutex_destroy(&w->mutex);
    writing_free(&w->writing);
    free(w->batch);
    free(w);
}

void writer_put(struct writer *w, struct job *j)
{
    j->next = NULL;
    pthread_mutex_lock(&w->mutex);
    *w->last = j;
    w->last = &j->next;
    w->put++;
    pthread_cond_signal(&w->wanted);
    pthread_mutex_unlock(&w->mutex);
}

void writer_put_and_wait(struct writer *w, struct job *j)
{
    j->waited_for = true;
    writer_put(w, j);
    pthread_mutex_lock(&w->mutex);
    while (!j->finished)
        pthread_cond_wait(&w->done, &w->mutex);
    pthread_mutex_unlock(&w->mutex);
}

void writer_flush(struct writer *w)
{
    pthread_mutex_lock(&w->mutex);
    uint64_t mine = w->put;
    while (w->finished < mine)
        pthread_cond_wait(&w->done, &w->mutex);
    pthread_mutex_unlock(&w->mutex);
}

struct store_stats writer_stats(struct writer *w)
{
    pthread_mutex_lock(&w->mutex);
    struct store_stats s = w->stats;
    pthread_mutex_unlock(&w->mutex);
    s.batch_mean = s.commits > 0 ? (double)s.events / (double)s.commits : 0;
    return s;
}
