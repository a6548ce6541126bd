/* metrics.c: numbers for Prometheus, in its text format.
 *
 * What happened to changes is counted as events become durable; the rest is read when somebody asks. The lag of the loop
 * is measured only while somebody does: a server that nobody scrapes wakes up for nothing. */
#include "api/access.h"
#include "base/instant.h"
#include "engine/names.h"
#include "net/alloc.h"
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    LAG_EVERY_MS = 250,
    LAG_FOR_MS = 60000, /* after a look at it */
    SERIES_MAX = 2000,  /* of one table: pages name their verbs, and a table must not grow without end */
};

static const double bounds[] = {0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200};

struct series {
    char *labels;
    uint64_t n, buckets[COUNT_OF(bounds)];
    double sum;
};

struct metrics {
    struct api *api;
    struct names outcomes, steps; /* by labels -> struct series */
    uint64_t answers[6];          /* of the API, by status / 100 */
    int64_t began_ms;
    struct timer *lag_timer;
    int64_t lag_due, lag_until;
    double lag_worst; /* seconds, since the last look */
};

struct metrics *metrics_new(struct api *a)
{
    struct metrics *m = NET_NEW(struct metrics);
    m->api = a;
    m->began_ms = loop_wall_ms();
    return m;
}

static void free_series(void *value)
{
    struct series *s = value;
    free(s->labels);
    free(s);
}

void metrics_free(struct metrics *m)
{
    timer_cancel(m->lag_timer);
    names_each(&m->outcomes, free_series);
    names_each(&m->steps, free_series);
    names_free(&m->outcomes);
    names_free(&m->steps);
    free(m);
}

/* --- what happens ------------------------------------------------------------------------------- */

static struct series *series_of(struct names *table, const char *labels)
{
    struct series *s = names_get(table, labels);
    if (s || table->n >= SERIES_MAX)
        return s;
    s = NET_NEW(struct series);
    s->labels = net_strdup(labels);
    names_put(table, labels, s);
    return s;
}

static void observe(struct series *s, double seconds)
{
    s->n++;
    s->sum += seconds;
    for (size_t i = 0; i < COUNT_OF(bounds); i++)
        s->buckets[i] += seconds <= bounds[i];
}

static const char *outcome_of(const char *type)
{
    static const struct {
        const char *type, *outcome;
    } rows[] = {
        {"step.done", "done"},      {"step.failed", "failed"},     {"step.retry", "retry"},
        {"step.doubt", "in_doubt"}, {"step.found", "found"},       {"step.not-found", "not_found"},
        {"step.unsure", "unsure"},  {"step.resolved", "resolved"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (str_eq(rows[i].type, type))
            return rows[i].outcome;
    return NULL;
}

void metrics_event(struct metrics *m, const char *change, const json_t *event)
{
    const char *outcome = outcome_of(json_str(event, "type", "")), *id = json_str(event, "step", NULL);
    const struct change *c = outcome && id ? engine_fold(m->api->engine, change, NULL) : NULL;
    int step = c ? procedure_step(c->sop, id) : -1;
    const struct verb *verb = step >= 0 ? c->sop->steps[step].verb : NULL;
    if (!verb)
        return;
    _cleanup_arena_ struct arena a = arena_make();
    struct series *s =
        series_of(&m->outcomes, arena_printf(&a, "verb=\"%s\",outcome=\"%s\"", verb->name, outcome));
    if (s)
        s->n++;
    int64_t began = c->control.steps[step].began;
    s = str_eq(outcome, "done") || str_eq(outcome, "failed")
            ? series_of(&m->steps, arena_printf(&a, "verb=\"%s\"", verb->name))
            : NULL;
    if (s && began > 0)
        observe(s, (double)(json_int(event, "at", began) - began) / 1000);
}

void metrics_answer(struct metrics *m, int status)
{
    if (status >= 100 && status < 600)
        m->answers[status / 100]++;
}

/* --- the loop's lag --------------------------------------------------------------------------------- */

static void lag_look(void *ctx);

static void lag_wait(struct metrics *m)
{
    m->lag_due = loop_mono_ms() + LAG_EVERY_MS;
    m->lag_timer = timer_start(engine_loop(m->api->engine), LAG_EVERY_MS, lag_look, m);
}

static void lag_look(void *ctx)
{
    struct metrics *m = ctx;
    double late = (double)(loop_mono_ms() - m->lag_due) / 1000;
    m->lag_timer = NULL;
    if (late > m->lag_worst)
        m->lag_worst = late;
    if (loop_mono_ms() < m->lag_until)
        lag_wait(m);
}

/* --- text --------------------------------------------------------------------------------------------- */

static void head(struct buf *b, const char *name, const char *type, const char *says)
{
    buf_printf(b, "# HELP signalbox_%s %s\n# TYPE signalbox_%s %s\n", name, says, name, type);
}

static void one(struct buf *b, const char *name, const char *type, const char *says, double value)
{
    head(b, name, type, says);
    buf_printf(b, "signalbox_%s %.17g\n", name, value);
}

static int by_labels(const void *a, const void *b)
{
    return strcmp((*(struct series *const *)a)->labels, (*(struct series *const *)b)->labels);
}

static size_t sorted(const struct names *table, struct series ***out, struct arena *a)
{
    *out = ARENA_ARRAY(a, table->n + 1, struct series *);
    size_t n = names_values(table, (void **)*out);
    qsort(*out, n, sizeof **out, by_labels);
    return n;
}

static void write_outcomes(struct buf *b, const struct metrics *m, struct arena *a)
{
    struct series **all;
    size_t n = sorted(&m->outcomes, &all, a);
    head(b, "effects_total", "counter", "Ends of effects and observations, by verb and outcome.");
    for (size_t i = 0; i < n; i++)
        buf_printf(b, "signalbox_effects_total{%s} %" PRIu64 "\n", all[i]->labels, all[i]->n);
}

static void write_steps(struct buf *b, const struct metrics *m, struct arena *a)
{
    struct series **all;
    size_t n = sorted(&m->steps, &all, a);
    head(b, "step_seconds", "histogram", "How long steps took, by verb.");
    for (size_t i = 0; i < n; i++) {
        const struct series *s = all[i];
        for (size_t k = 0; k < COUNT_OF(bounds); k++)
            buf_printf(b, "signalbox_step_seconds_bucket{%s,le=\"%g\"} %" PRIu64 "\n", s->labels, bounds[k],
                       s->buckets[k]);
        buf_printf(b, "signalbox_step_seconds_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", s->labels, s->n);
        buf_printf(b, "signalbox_step_seconds_sum{%s} %.3f\nsignalbox_step_seconds_count{%s} %" PRIu64 "\n",
                   s->labels, s->sum, s->labels, s->n);
    }
}

static void write_engine(struct buf *b, struct engine *e)
{
    struct engine_stats s;
    engine_stats(e, &s);
    head(b, "changes", "gauge", "Open changes, by status.");
    for (int i = 0; i < CHANGE_STATUSES; i++)
        if (i != CHANGE_ENDED)
            buf_printf(b, "signalbox_changes{status=\"%s\"} %d\n", change_status_names[i], s.changes[i]);
    one(b, "changes_stuck", "gauge", "Changes that a fault of Signalbox keeps.", s.stuck);
    one(b, "changes_unwritable", "gauge", "Changes whose record cannot be written now.", s.store_broken);
    one(b, "calls_under_way", "gauge", "Calls to outside systems that have not ended.", s.calls);
    one(b, "store_commits_total", "counter", "Commits of the store.", (double)s.store.commits);
    one(b, "store_events_total", "counter", "Events that the store has taken.", (double)s.store.events);
    one(b, "store_bytes_total", "counter", "Their bytes.", (double)s.store.bytes);
}

/* One metric for all systems has to stand together: a row a column. */
struct systems {
    struct arena *a;
    struct row {
        const char *name;
        struct http_stats s;
        struct row *next;
    } *first, **end;
};

static void note_system(void *ctx, const char *name, const struct http_stats *s)
{
    struct systems *all = ctx;
    for (struct row *r = all->first; r; r = r->next)
        if (str_eq(r->name, name)) { /* a system with several peers */
            r->s.sent += s->sent;
            r->s.retried += s->retried;
            r->s.failed += s->failed;
            r->s.bytes_in += s->bytes_in;
            r->s.took_ms += s->took_ms;
            r->s.in_flight += s->in_flight;
            r->s.queued += s->queued;
            return;
        }
    struct row *r = ARENA_NEW(all->a, struct row);
    *r = (struct row){arena_strdup(all->a, name), *s, NULL};
    *all->end = r;
    all->end = &r->next;
}

static double sent(const struct http_stats *s)
{
    return (double)s->sent;
}

static double failed(const struct http_stats *s)
{
    return (double)s->failed;
}

static double retried(const struct http_stats *s)
{
    return (double)s->retried;
}

static double seconds(const struct http_stats *s)
{
    return (double)s->took_ms / 1000;
}

static double waiting(const struct http_stats *s)
{
    return s->in_flight + s->queued;
}

static void write_systems(struct buf *b, struct engine *e, struct arena *a)
{
    static const struct {
        const char *name, *type, *says;
        double (*of)(const struct http_stats *s);
    } columns[] = {
        {"http_requests_total", "counter", "Requests sent to an outside system.", sent},
        {"http_failures_total", "counter", "Those without a usable answer.", failed},
        {"http_retries_total", "counter", "Those that were sent again.", retried},
        {"http_seconds_total", "counter", "Time until their ends, with all waiting.", seconds},
        {"http_waiting", "gauge", "Those under way or waiting for their turn.", waiting},
    };
    struct systems all = {.a = a};
    all.end = &all.first;
    engine_each_peer(e, note_system, &all);
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        head(b, columns[i].name, columns[i].type, columns[i].says);
        for (const struct row *r = all.first; r; r = r->next)
            buf_printf(b, "signalbox_%s{system=\"%s\"} %.17g\n", columns[i].name, r->name,
                       columns[i].of(&r->s));
    }
}

static int open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n > 3 ? n - 3 : 0; /* ".", "..", and the folder itself */
}

static double resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long all = 0, resident = 0;
    if (f && fscanf(f, "%ld %ld", &all, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

/* By the names that every process has in Prometheus. */
static void write_process(struct buf *b, const struct metrics *m)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    double cpu = (double)r.ru_utime.tv_sec + (double)r.ru_stime.tv_sec +
                 (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
    buf_printf(b,
               "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total %.3f\n"
               "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %.0f\n"
               "# TYPE process_open_fds gauge\nprocess_open_fds %d\n"
               "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds %.3f\n",
               cpu, resident_bytes(), open_files(), (double)m->began_ms / 1000);
}

void metrics_show(struct call *c)
{
    struct metrics *m = c->api->metrics;
    struct engine *e = c->api->engine;
    _cleanup_buf_ struct buf b = {0};
    head(&b, "build_info", "gauge", "Which Signalbox this is.");
    buf_printf(&b, "signalbox_build_info{version=\"%s\"} 1\n", SB_VERSION);
    write_engine(&b, e);
    write_outcomes(&b, m, &c->arena);
    write_steps(&b, m, &c->arena);
    write_systems(&b, e, &c->arena);
    one(&b, "loop_lag_seconds", "gauge",
        "How late the loop was at worst since the last look, or for a minute.", m->lag_worst);
    one(&b, "watchers", "gauge", "Streams of events that are open.", c->api->n_subscribers);
    head(&b, "api_answers_total", "counter", "Answers of the API, by the hundred of their status.");
    for (int i = 2; i < 6; i++)
        buf_printf(&b, "signalbox_api_answers_total{status=\"%dxx\"} %" PRIu64 "\n", i, m->answers[i]);
    write_process(&b, m);
    m->lag_worst = 0;
    m->lag_until = loop_mono_ms() + LAG_FOR_MS;
    if (!m->lag_timer)
        lag_wait(m);
    respond_text(c, "text/plain; version=0.0.4; charset=utf-8", buf_str(&b), b.len);
}
