#include "yard/measures.h"

#include "base/instant.h"
#include "base/json.h"
#include "yard/cluster.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- measures ---------------------------------------------------------------------------------------- */

struct measure {
    double error_ratio, p95, per_second;
    int up, pods, restarts;
};

/* Small unrest that is the same for the same minute. */
static double unrest(struct arena *a, const struct app *app, int64_t t, const char *what)
{
    const char *h = stable_id(a, 4, "%s/%s/%s/%lld", app->target, app->service, what, (long long)(t / 60000));
    return (double)strtol(h, NULL, 16) / 65535.0;
}

/* Since when a rule makes a pod ill: `always` from the moment it was told, else as soon as a version that is
 * not the first one (or just the one that the rule names) serves. */
static int64_t ill_from(const struct yard *y, const json_t *rule, const struct app *app, const struct pod *p)
{
    const char *service = json_str(rule, "service", NULL), *tag = json_str(rule, "tag", NULL),
               *target = json_str(rule, "target", NULL);
    bool fits =
        (!service || str_eq(service, app->service)) && (!target || str_eq(target, app->target)) &&
        (tag ? str_eq(tag, p->tag) : json_flag(rule, "always", false) || !str_eq(p->tag, app->sets[0].tag));
    int64_t since = json_int(rule, "since", 0);
    if (!fits || p->ready == NEVER)
        return NEVER;
    return (p->ready > since ? p->ready : since) + yard_pace(y, json_num(rule, "after", 0));
}

static struct measure measure_app(const struct yard *y, const struct app *app, int64_t t, struct arena *a,
                                  int64_t *ill_since)
{
    struct cluster cl = {yard_world(y, "kubernetes"), yard_speed(y)};
    struct measure m = {.error_ratio = 0.001 + 0.002 * unrest(a, app, t, "errors"),
                        .p95 = 0.15 + 0.06 * unrest(a, app, t, "p95")};
    double bad_errors = 0, bad_p95 = 0;
    int64_t since = NEVER;
    for (int i = 0; i < app->n_pods; i++) {
        const struct pod *p = &app->pods[i];
        struct pod_state s = pod_at(&cl, p, t);
        m.pods += s.phase != POD_ABSENT && !s.deleting;
        m.restarts += s.restarts;
        if (s.phase != POD_READY || s.deleting)
            continue;
        m.up++;
        size_t k;
        json_t *rule;
        json_array_foreach(json_object_get(yard_world(y, "prometheus"), "degrade"), k, rule) {
            int64_t from = ill_from(y, rule, app, p);
            if (t < from)
                continue;
            bad_errors += json_num(rule, "error_rate", 0.25);
            bad_p95 = fmax(bad_p95, json_num(rule, "latency", 2.4));
            since = from < since ? from : since;
        }
    }
    m.per_second = 12.0 * m.up;
    if (m.up > 0)
        m.error_ratio += bad_errors / m.up;
    m.p95 = fmax(m.p95, bad_p95);
    if (ill_since)
        *ill_since = since;
    return m;
}

/* --- queries ----------------------------------------------------------------------------------------- */

enum metric {
    METRIC_NONE,
    METRIC_ERROR_RATIO,
    METRIC_ERRORS,
    METRIC_REQUESTS,
    METRIC_P95,
    METRIC_UP,
    METRIC_RESTARTS
};

struct query {
    enum metric metric;
    const char *service, *client, *env; /* as matched, alternatives with '|'; NULL = all */
    bool by_service, or_zero;
};

/* The value of the matcher `name="..."` or `name=~"..."`, or NULL. */
static const char *matcher(struct arena *a, const char *text, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = text; (at = strstr(at, name)) != NULL; at += n) {
        bool begins = at == text || at[-1] == '{' || at[-1] == ',' || at[-1] == ' ';
        const char *v = at + n;
        v += *v == '=' ? 1 : 0;
        v += *v == '~' ? 1 : 0;
        if (begins && v > at + n && (*v == '"' || *v == '\''))
            return arena_strndup(a, v + 1, strcspn(v + 1, "\"'"));
    }
    return NULL;
}

static bool one_of(const char *alternatives, const char *word)
{
    size_t len = strlen(word);
    for (const char *s = alternatives; s; s = strchr(s, '|') ? strchr(s, '|') + 1 : NULL)
        if (strcspn(s, "|") == len && memcmp(s, word, len) == 0)
            return true;
    return alternatives == NULL || str_eq(alternatives, ".*") || str_eq(alternatives, ".+");
}

static struct query understand(struct arena *a, const char *text)
{
    struct query q = {.service = matcher(a, text, "service"),
                      .client = matcher(a, text, "client"),
                      .env = matcher(a, text, "env")};
    if (!q.env)
        q.env = matcher(a, text, "namespace");
    bool five = strstr(text, "\"5") != NULL;
    if (strstr(text, "histogram_quantile") || strstr(text, "duration"))
        q.metric = METRIC_P95;
    else if (strstr(text, "http_requests_total") && five)
        q.metric = strchr(text, '/') ? METRIC_ERROR_RATIO : METRIC_ERRORS;
    else if (strstr(text, "http_requests_total"))
        q.metric = METRIC_REQUESTS;
    else if (strstr(text, "restarts_total"))
        q.metric = METRIC_RESTARTS;
    else if (strstr(text, "up{") || str_eq(text, "up") || strstr(text, "(up"))
        q.metric = METRIC_UP;
    q.by_service = strstr(text, "by (service") || strstr(text, "by(service") || q.metric == METRIC_UP;
    q.or_zero = strstr(text, "or vector(0)") != NULL;
    return q;
}

static double value_of(enum metric metric, struct measure m)
{
    switch (metric) {
    case METRIC_ERROR_RATIO:
        return m.up > 0 ? m.error_ratio : NAN;
    case METRIC_ERRORS:
        return m.error_ratio * m.per_second;
    case METRIC_REQUESTS:
        return m.per_second;
    case METRIC_P95:
        return m.up > 0 ? m.p95 : NAN;
    case METRIC_UP:
        return m.pods > 0 && m.up == m.pods;
    case METRIC_RESTARTS:
        return m.restarts;
    case METRIC_NONE:
        break;
    }
    return NAN;
}

/* Over clients and envs: counts add up, of the rest the worst shows. */
static void join(struct measure *all, struct measure m)
{
    all->error_ratio = fmax(all->error_ratio, m.error_ratio);
    all->p95 = fmax(all->p95, m.p95);
    all->per_second += m.per_second;
    all->up += m.up;
    all->pods += m.pods;
    all->restarts += m.restarts;
}

json_t *yard_measures_sample(struct arena *a, const char *service, int64_t t, double v)
{
    const char *text = isnan(v) ? "NaN" : arena_printf(a, "%.6g", v);
    json_t *metric = json_object();
    if (service)
        json_object_set_new(metric, "service", json_string(service));
    return json_pack("{s:o, s:[f, s]}", "metric", metric, "value", (double)t / 1000, text);
}

/* One sample a service, or one for all. */
json_t *yard_measures_query(const struct yard *y, const char *query, int64_t t, struct arena *a)
{
    const struct query understood = understand(a, query), *q = &understood;
    struct cluster cl = {yard_world(y, "kubernetes"), yard_speed(y)};
    json_t *targets = json_object_get(cl.world, "targets"), *where, *known, *services = json_object(),
           *out = json_array();
    const char *target, *service;
    struct measure all = {0};
    json_object_foreach(targets, target, where)
        json_object_update(services, json_object_get(where, "services"));
    json_object_foreach(services, service, known) {
        struct measure m = {0};
        if (q->metric == METRIC_NONE || !one_of(q->service, service))
            continue;
        json_object_foreach(targets, target, where) {
            struct app app;
            size_t n = strcspn(target, "/");
            if (!one_of(q->client, arena_strndup(a, target, n)) ||
                !one_of(q->env ? q->env : "prod", target + n + 1) ||
                !cluster_app(&cl, target, service, t, a, &app))
                continue;
            join(&m, measure_app(y, &app, t, a, NULL));
        }
        if (q->by_service)
            json_array_append_new(out, yard_measures_sample(a, service, t, value_of(q->metric, m)));
        join(&all, m);
    }
    if (!q->by_service && all.pods > 0)
        json_array_append_new(out, yard_measures_sample(a, NULL, t, value_of(q->metric, all)));
    if (json_array_size(out) == 0 && q->or_zero)
        json_array_append_new(out, yard_measures_sample(a, NULL, t, 0));
    json_decref(services);
    return out;
}

bool yard_measures_query_is_whole(const char *text)
{
    int depth = 0;
    bool quoted = false;
    for (; *text; text++) {
        quoted = *text == '"' ? !quoted : quoted;
        if (!quoted)
            depth += (strchr("([{", *text) != NULL) - (strchr(")]}", *text) != NULL);
        if (depth < 0)
            return false;
    }
    return depth == 0 && !quoted;
}

bool yard_measures_constant(const char *text, double *v, bool *vector)
{
    char *end;
    *vector = str_starts(text, "vector(");
    *v = strtod(*vector ? text + 7 : text, &end);
    return end != text && (*vector ? *end == ')' : *end == '\0');
}

/* --- alerts ------------------------------------------------------------------------------------------ */

const struct yard_measures_rule yard_measures_rules[] = {
    {"HighErrorRate", "sum by (service) (rate(http_requests_total{code=~\"5..\"}[1m])) / sum by (service) "
                      "(rate(http_requests_total[1m])) > 0.05"},
    {"HighLatency", "histogram_quantile(0.95, sum by (le, service) "
                    "(rate(http_request_duration_seconds_bucket[1m]))) > 1"},
    {NULL, NULL},
};

static void add_alert(const struct yard *y, const struct app *app, const char *name, double v, int64_t since,
                      int64_t now, struct arena *a, json_t *out)
{
    char at[32];
    instant_rfc3339(since, at);
    bool firing = now - since >= yard_pace(y, MEASURES_ALERT_FOR_S);
    size_t n = strcspn(app->target, "/");
    json_array_append_new(
        out, json_pack("{s:{s:s, s:s, s:s, s:s, s:s}, s:{s:s}, s:s, s:s, s:s}", "labels", "alertname", name,
                       "service", app->service, "client", arena_strndup(a, app->target, n), "namespace",
                       app->target + n + 1, "severity", "critical", "annotations", "summary",
                       arena_printf(a, "%s of %s in %s", name, app->service, app->target), "state",
                       firing ? "firing" : "pending", "activeAt", at, "value", arena_printf(a, "%e", v)));
}

json_t *yard_measures_alerts(const struct yard *y, int rule, int64_t now, struct arena *a)
{
    struct cluster cl = {yard_world(y, "kubernetes"), yard_speed(y)};
    json_t *out = json_array(), *where, *known;
    const char *target, *service;
    bool latency = rule == 1;
    json_object_foreach(json_object_get(cl.world, "targets"), target, where)
        json_object_foreach(json_object_get(where, "services"), service, known) {
            struct app app;
            int64_t since;
            if (!cluster_app(&cl, target, service, now, a, &app))
                continue;
            struct measure m = measure_app(y, &app, now, a, &since);
            double v = latency ? m.p95 : m.error_ratio;
            if (since != NEVER && v > (latency ? 1 : 0.05))
                add_alert(y, &app, yard_measures_rules[rule].name, v, since, now, a, out);
        }
    return out;
}
