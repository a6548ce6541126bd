/* figures_sum.c: what the rows come to. */
#include "base/instant.h"
#include "engine/figures_inside.h"

enum { LISTED = 30, SAMPLES_MOST = FIGURES_CHANGES * 8 };

/* --- spans of time
 * ------------------------------------------------------------------------------------------------------ */

struct samples {
    int64_t *ms;
    int n, room;
};

static void sample(struct samples *s, int64_t from, int64_t to)
{
    if (from <= 0 || to < from || s->n == SAMPLES_MOST)
        return;
    if (s->n == s->room) {
        s->room = s->room ? s->room * 2 : 64;
        s->ms = realloc(s->ms, sizeof *s->ms * (size_t)s->room);
        if (!s->ms)
            abort();
    }
    s->ms[s->n++] = to - from;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Ends the samples. */
static struct figures_span span_of(struct samples *s)
{
    struct figures_span out = {.n = s->n};
    if (s->n > 0) {
        qsort(s->ms, (size_t)s->n, sizeof *s->ms, by_size);
        out.median = s->ms[(s->n - 1) / 2];
        out.low = s->ms[(s->n - 1) / 10];
        out.high = s->ms[(s->n - 1) - (s->n - 1) / 10];
    }
    free(s->ms);
    *s = (struct samples){0};
    return out;
}

static json_t *span_json(struct figures_span s)
{
    if (s.n == 0)
        return json_pack("{s:i}", "n", 0);
    return json_pack("{s:i, s:I, s:I, s:I}", "n", s.n, "median_ms", (json_int_t)s.median, "low_ms",
                     (json_int_t)s.low, "high_ms", (json_int_t)s.high);
}

/* --- which rows
 * ----------------------------------------------------------------------------------------------------------- */

static bool has_service(const struct times *t, const char *service)
{
    for (int i = 0; i < t->n_services; i++)
        if (str_eq(t->services[i], service))
            return true;
    return false;
}

static bool counts(const struct figures_row *r, const struct figures_scope *s)
{
    return r->t.started && r->t.planned >= s->since && (!s->client || str_eq(r->t.client, s->client)) &&
           (!s->service || has_service(&r->t, s->service)) &&
           (!s->sees || s->sees(s->ctx, r->t.client, r->t.env));
}

/* It did not go as planned: somebody had to decide, or it did not reach its end. */
static bool failed(const struct times *t)
{
    return t->rounds > 0 || str_eq(t->outcome, "rolled-back") || str_eq(t->outcome, "stopped");
}

/* --- the four figures, over all and by client and service
 * ---------------------------------------------------------------------- */

struct sum {
    int changes, open, deployments, failed;
    struct samples restore, lead;
};

static void add_change(struct sum *sum, const struct times *t)
{
    sum->changes++;
    sum->open += t->ended == 0;
    sum->deployments += t->deployments;
    sum->failed += failed(t);
    sample(&sum->restore, t->incident, t->restored);
    sample(&sum->lead, t->planned, t->restored);
}

static json_t *sum_json(struct sum *s)
{
    json_t *o = json_pack("{s:i, s:i, s:i, s:i, s:o, s:o}", "changes", s->changes, "open", s->open,
                          "deployments", s->deployments, "failed", s->failed, "restore",
                          span_json(span_of(&s->restore)), "lead", span_json(span_of(&s->lead)));
    if (s->changes > 0)
        json_object_set_new(o, "failure_rate", json_real((double)s->failed / (double)s->changes));
    return o;
}

struct group {
    char name[TIMES_NAME];
    struct sum sum;
};

struct groups {
    struct group *list;
    int n, room;
};

static struct sum *group_named(struct groups *g, const char *name)
{
    for (int i = 0; i < g->n; i++)
        if (str_eq(g->list[i].name, name))
            return &g->list[i].sum;
    if (g->n == g->room) {
        g->room = g->room ? g->room * 2 : 16;
        g->list = realloc(g->list, sizeof *g->list * (size_t)g->room);
        if (!g->list)
            abort();
    }
    g->list[g->n] = (struct group){0};
    (void)snprintf(g->list[g->n].name, TIMES_NAME, "%s", name);
    return &g->list[g->n++].sum;
}

static int by_changes(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    int more = y->sum.changes - x->sum.changes;
    return more ? more : strcmp(x->name, y->name);
}

/* Ends the groups. */
static json_t *groups_json(struct groups *g, const char *key)
{
    json_t *list = json_array();
    if (g->n > 0)
        qsort(g->list, (size_t)g->n, sizeof *g->list, by_changes);
    for (int i = 0; i < g->n; i++) {
        json_t *o = sum_json(&g->list[i].sum);
        json_object_set_new(o, key, json_string(g->list[i].name));
        json_array_append_new(list, o);
    }
    free(g->list);
    return list;
}

/* --- trouble
 * -------------------------------------------------------------------------------------------------------------- */

static void put_troubles(json_t *o, const struct figures *f, const struct figures_scope *scope)
{
    struct samples notice = {0}, tell = {0}, decide = {0}, repair = {0};
    for (int i = 0; i < f->n; i++) {
        const struct times *t = &f->rows[i]->t;
        for (int k = 0; counts(f->rows[i], scope) && k < t->n_troubles; k++) {
            const struct times_trouble *m = &t->troubles[k];
            sample(&notice, m->looked, m->began);
            sample(&tell, m->began, m->told);
            sample(&decide, m->began, m->decided);
            sample(&repair, m->decided, m->repaired);
        }
    }
    json_object_set_new(o, "notice", span_json(span_of(&notice)));
    json_object_set_new(o, "tell", span_json(span_of(&tell)));
    json_object_set_new(o, "decide", span_json(span_of(&decide)));
    json_object_set_new(o, "repair", span_json(span_of(&repair)));
}

static json_t *decisions_json(const struct figures *f, const struct figures_scope *scope)
{
    json_t *all = json_object();
    for (int d = DECISION_RETRY; d <= DECISION_STOP; d++) {
        struct samples took = {0};
        int n = 0, good = 0;
        for (int i = 0; i < f->n; i++) {
            const struct times *t = &f->rows[i]->t;
            for (int k = 0; counts(f->rows[i], scope) && k < t->n_decisions; k++) {
                if (!str_eq(t->decisions[k].choice, decision_names[d]))
                    continue;
                n++;
                good += t->decisions[k].good;
                sample(&took, t->decisions[k].at, t->decisions[k].until);
            }
        }
        json_object_set_new(
            all, decision_names[d],
            json_pack("{s:i, s:i, s:o}", "times", n, "good", good, "took", span_json(span_of(&took))));
    }
    return all;
}

/* --- where the time went
 * --------------------------------------------------------------------------------------------------- */

struct wait_sum {
    int n, persons;
    int64_t total, longest;
};

struct named_sum {
    const char *name;
    struct wait_sum sum;
};

static int by_total(const void *a, const void *b)
{
    const struct named_sum *x = a, *y = b;
    return (y->sum.total > x->sum.total) - (y->sum.total < x->sum.total);
}

static json_t *waits_json(const struct figures *f, const struct wait_sum *sums, const char *key)
{
    struct named_sum *list = net_alloc(sizeof *list * FIGURES_NAMES);
    size_t n = 0;
    for (int i = 0; i < f->n_names; i++)
        if (sums[i].n > 0)
            list[n++] = (struct named_sum){f->names[i], sums[i]};
    qsort(list, n, sizeof *list, by_total);
    json_t *out = json_array();
    for (size_t i = 0; i < n && i < LISTED; i++)
        json_array_append_new(out,
                              json_pack("{s:s, s:i, s:I, s:I, s:I, s:b}", key, list[i].name, "n",
                                        list[i].sum.n, "total_ms", (json_int_t)list[i].sum.total, "mean_ms",
                                        (json_int_t)(list[i].sum.total / list[i].sum.n), "longest_ms",
                                        (json_int_t)list[i].sum.longest, "person", list[i].sum.persons > 0));
    free(list);
    return out;
}

static void add_wait(struct wait_sum *s, const struct figures_wait *w)
{
    s->n++;
    s->persons += w->person;
    s->total += w->ms;
    if (w->ms > s->longest)
        s->longest = w->ms;
}

static void put_waits(json_t *o, const struct figures *f, const struct figures_scope *scope)
{
    struct wait_sum *steps = net_alloc(sizeof *steps * FIGURES_NAMES),
                    *whom = net_alloc(sizeof *whom * FIGURES_NAMES);
    for (int i = 0; i < f->n; i++)
        for (int k = 0; counts(f->rows[i], scope) && k < f->rows[i]->n_waits; k++) {
            add_wait(&steps[f->rows[i]->waits[k].step], &f->rows[i]->waits[k]);
            add_wait(&whom[f->rows[i]->waits[k].whom], &f->rows[i]->waits[k]);
        }
    json_object_set_new(o, "steps", waits_json(f, steps, "step"));
    json_object_set_new(o, "whom", waits_json(f, whom, "whom"));
    free(steps);
    free(whom);
}

/* --- together
 * ------------------------------------------------------------------------------------------------------------- */

json_t *figures_json(struct engine *e, const struct figures_scope *scope)
{
    const struct figures *f = figures_of(e);
    struct sum all = {0};
    struct groups clients = {0}, services = {0};
    for (int i = 0; i < f->n; i++) {
        const struct times *t = &f->rows[i]->t;
        if (!counts(f->rows[i], scope))
            continue;
        add_change(&all, t);
        add_change(group_named(&clients, t->client), t);
        for (int k = 0; k < t->n_services; k++)
            add_change(group_named(&services, t->services[k]), t);
    }
    json_t *o = sum_json(&all);
    put_troubles(o, f, scope);
    json_object_set_new(o, "decisions", decisions_json(f, scope));
    json_object_set_new(o, "clients", groups_json(&clients, "client"));
    json_object_set_new(o, "services", groups_json(&services, "service"));
    put_waits(o, f, scope);
    return o;
}

struct figures_span figures_usual(struct engine *e, const struct change *c, const char *choice, bool *here)
{
    enum { ENOUGH = 3 };
    const struct figures *f = figures_of(e);
    struct samples own = {0}, all = {0};
    const char *client = json_str(c->facts, "change.client", ""), *env = json_str(c->facts, "change.env", "");
    for (int i = 0; i < f->n; i++) {
        const struct times *t = &f->rows[i]->t;
        for (int k = 0; k < t->n_decisions; k++) {
            const struct times_decision *d = &t->decisions[k];
            if (!d->good || !str_eq(d->choice, choice))
                continue;
            sample(&all, d->at, d->until);
            if (str_eq(t->client, client) && str_eq(t->env, env))
                sample(&own, d->at, d->until);
        }
    }
    struct figures_span mine = span_of(&own), others = span_of(&all);
    *here = mine.n >= ENOUGH;
    return *here ? mine : others;
}
