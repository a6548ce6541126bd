#include "store/writer.h"

#include "base/log.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* A transaction's bounds, for the sake of memory and of those who wait behind it. */
enum { BATCH_JOBS = 20000, BATCH_BYTES = 32 << 20 };

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

/* --- one batch
 * ------------------------------------------------------------------------------------------------------ */

static bool apply_all(struct writing *w, struct job *const *jobs, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        jobs[i]->error = NULL; /* of an attempt before */
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

/* The disk's and the database's own failures are everybody's. Any other is one job's, and the rest is not to
 * suffer from it: then each has a transaction of its own. */
static void carry_out(struct writer *w, struct job *const *jobs, size_t n)
{
    struct error err;
    if (transaction(w, jobs, n, &err))
        return;
    bool together = n == 1 || err.code == SB_IO || err.code == SB_CORRUPT;
    for (size_t i = 0; i < n; i++)
        if (together || !transaction(w, &jobs[i], 1, &err))
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

/* --- the thread
 * ----------------------------------------------------------------------------------------------------- */

/* All that waits, within bounds. 0: it is time to stop, and nothing waits. */
static size_t take(struct writer *w)
{
    size_t n = 0, bytes = 0;
    pthread_mutex_lock(&w->mutex);
    while (w->first == NULL && !w->stopping)
        pthread_cond_wait(&w->wanted, &w->mutex);
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

static bool is_idle(struct writer *w)
{
    pthread_mutex_lock(&w->mutex);
    bool idle = w->first == NULL;
    pthread_mutex_unlock(&w->mutex);
    return idle;
}

static void *run(void *ctx)
{
    struct writer *w = ctx;
    size_t n;
    while ((n = take(w)) > 0) {
        carry_out(w, w->batch, n);
        finish(w, w->batch, n);
        if (w->damage.code == SB_OK)
            w->writing.backend->ops->tidy(w->writing.backend, !is_idle(w));
    }
    return NULL;
}

/* --- the callers' side
 * ------------------------------------------------------------------------------------------------ */

struct writer *writer_start(struct backend *b, struct answers *a)
{
    struct writer *w = calloc(1, sizeof *w);
    struct job **batch = calloc(BATCH_JOBS, sizeof *batch);
    if (w == NULL || batch == NULL)
        abort();
    *w = (struct writer){.answers = a, .writing.backend = b, .batch = batch};
    w->last = &w->first;
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->wanted, NULL);
    pthread_cond_init(&w->done, NULL);
    /* Signals are the loop's. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&w->thread, NULL, run, w) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
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
