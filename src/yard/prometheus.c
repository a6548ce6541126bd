/* Prometheus: measures of the services as a function of what runs in the stand-in cluster. It understands of
 * a query what a health check asks: which metric, which services, client and env, and whether one number or
 * one a service is wanted. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "yard/cluster.h"
#include "yard/route.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS_MAX = 11000, ALERT_FOR_S = 5 };

/* --- measures ---------------------------------------------------------------------------------------- */

struct measure {
    double error_ratio, p95, per_second;
    int up, pods, restarts;
};

static json_t *world_new(const json_t *scenario, int64_t now)
{
    (void)now;
    const json_t *rule = json_path(scenario, "prometheus.degrade");
    json_t *rules = json_is_array(rule) ? json_deep_copy(rule) : json_array();
    if (json_is_object(rule))
        json_array_append_new(rules, json_deep_copy(rule));
    return json_pack("{s:o}", "degrade", rules);
}

/* A patch may give one rule instead of a list, or null to heal. */
static void settle(struct yard *y, json_t *world, int64_t now)
{
    (void)y;
    json_t *rules = json_object_get(world, "degrade"), *rule;
    if (!json_is_array(rules)) {
        json_t *list = json_array();
        if (json_is_object(rules))
            json_array_append(list, rules);
        json_object_set_new(world, "degrade", list);
        rules = list;
    }
    size_t i;
    json_array_foreach(rules, i, rule)
        if (json_is_object(rule) && !json_object_get(rule, "since"))
            json_object_set_new(rule, "since", json_integer(now));
}

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

static json_t *sample(struct arena *a, const char *service, int64_t t, double v)
{
    const char *text = isnan(v) ? "NaN" : arena_printf(a, "%.6g", v);
    json_t *metric = json_object();
    if (service)
        json_object_set_new(metric, "service", json_string(service));
    return json_pack("{s:o, s:[f, s]}", "metric", metric, "value", (double)t / 1000, text);
}

/* The measures of a query at a time, one a service or one for all. New reference. */
static json_t *evaluate(const struct yard *y, const struct query *q, int64_t t, struct arena *a)
{
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
            json_array_append_new(out, sample(a, service, t, value_of(q->metric, m)));
        join(&all, m);
    }
    if (!q->by_service && all.pods > 0)
        json_array_append_new(out, sample(a, NULL, t, value_of(q->metric, all)));
    if (json_array_size(out) == 0 && q->or_zero)
        json_array_append_new(out, sample(a, NULL, t, 0));
    json_decref(services);
    return out;
}

/* --- answers ----------------------------------------------------------------------------------------- */

static void success(struct call *c, json_t *data)
{
    call_answer(c, 200, json_pack("{s:s, s:o}", "status", "success", "data", data));
}

static void bad_data(struct call *c, const char *error)
{
    call_answer(c, 400,
                json_pack("{s:s, s:s, s:s}", "status", "error", "errorType", "bad_data", "error", error));
}

static bool balanced(const char *text)
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

static bool read_time(const char *text, int64_t *out)
{
    char *end;
    double seconds = strtod(text, &end);
    if (*text && !*end && seconds > 0 && seconds < 1e11) {
        *out = llround(seconds * 1000);
        return true;
    }
    return instant_parse_rfc3339(text, out, NULL);
}

static bool read_query(struct call *c, const char **text)
{
    *text = call_arg(c, "query");
    if (!*text || !**text)
        bad_data(c,
                 "invalid parameter \"query\": unknown position: parse error: no expression found in input");
    else if (!balanced(*text))
        bad_data(c, "invalid parameter \"query\": parse error: unclosed left parenthesis or string");
    else
        return true;
    return false;
}

/* "1" and "vector(1)" need no metric. */
static bool constant(const char *text, double *v, bool *vector)
{
    char *end;
    *vector = str_starts(text, "vector(");
    *v = strtod(*vector ? text + 7 : text, &end);
    return end != text && (*vector ? *end == ')' : *end == '\0');
}

static void instant(struct call *c)
{
    const char *text, *time = call_arg(c, "time");
    int64_t t = c->now;
    if (!read_query(c, &text))
        return;
    if (time && !read_time(time, &t)) {
        bad_data(c, "invalid parameter \"time\": cannot parse to a valid timestamp");
        return;
    }
    double v;
    bool vector;
    if (constant(text, &v, &vector)) {
        if (vector)
            success(c, json_pack("{s:s, s:[o]}", "resultType", "vector", "result", sample(c->a, NULL, t, v)));
        else
            success(c, json_pack("{s:s, s:[f, s]}", "resultType", "scalar", "result", (double)t / 1000,
                                 arena_printf(c->a, "%g", v)));
        return;
    }
    struct query q = understand(c->a, text);
    success(c, json_pack("{s:s, s:o}", "resultType", "vector", "result", evaluate(c->y, &q, t, c->a)));
}

static bool read_step(const char *text, int64_t *ms)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end != text && !*end) {
        *ms = llround(seconds * 1000);
        return *ms > 0;
    }
    return duration_parse(text, ms, NULL) && *ms > 0;
}

static void add_point(json_t *series, const json_t *point)
{
    const char *service = json_str(point, "metric.service", "");
    json_t *line = json_object_get(series, service);
    if (!line) {
        line = json_pack("{s:O, s:[]}", "metric", json_object_get(point, "metric"), "values");
        json_object_set_new(series, service, line);
    }
    json_array_append(json_object_get(line, "values"), json_object_get(point, "value"));
}

static void range(struct call *c)
{
    const char *text, *start = call_arg(c, "start"), *end = call_arg(c, "end"), *every = call_arg(c, "step");
    int64_t from, to, step;
    if (!read_query(c, &text))
        return;
    if (!start || !end || !every || !read_time(start, &from) || !read_time(end, &to) ||
        !read_step(every, &step) || to < from) {
        bad_data(c, "invalid parameter \"start\", \"end\" or \"step\"");
        return;
    }
    if ((to - from) / step > POINTS_MAX) {
        bad_data(c, "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
                    "resolution (?step=XX)");
        return;
    }
    struct query q = understand(c->a, text);
    json_t *series = json_object(), *lines = json_array(), *line, *point;
    for (int64_t t = from; t <= to; t += step) {
        _cleanup_arena_ struct arena a = arena_make();
        _cleanup_json_ json_t *points = evaluate(c->y, &q, t, &a);
        size_t i;
        json_array_foreach(points, i, point)
            add_point(series, point);
    }
    const char *service;
    json_object_foreach(series, service, line)
        json_array_append(lines, line);
    json_decref(series);
    success(c, json_pack("{s:s, s:o}", "resultType", "matrix", "result", lines));
}

/* --- alerts ------------------------------------------------------------------------------------------ */

static void add_alert(struct call *c, const struct app *app, const char *name, double v, int64_t since,
                      json_t *out)
{
    char at[32];
    instant_rfc3339(since, at);
    bool firing = c->now - since >= yard_pace(c->y, ALERT_FOR_S);
    size_t n = strcspn(app->target, "/");
    json_array_append_new(
        out, json_pack("{s:{s:s, s:s, s:s, s:s, s:s}, s:{s:s}, s:s, s:s, s:s}", "labels", "alertname", name,
                       "service", app->service, "client", arena_strndup(c->a, app->target, n), "namespace",
                       app->target + n + 1, "severity", "critical", "annotations", "summary",
                       arena_printf(c->a, "%s of %s in %s", name, app->service, app->target), "state",
                       firing ? "firing" : "pending", "activeAt", at, "value", arena_printf(c->a, "%e", v)));
}

/* The alerts of one rule now. New reference. */
static json_t *alerts_of(struct call *c, bool latency)
{
    struct cluster cl = {yard_world(c->y, "kubernetes"), yard_speed(c->y)};
    json_t *out = json_array(), *where, *known;
    const char *target, *service;
    json_object_foreach(json_object_get(cl.world, "targets"), target, where)
        json_object_foreach(json_object_get(where, "services"), service, known) {
            struct app app;
            int64_t since;
            if (!cluster_app(&cl, target, service, c->now, c->a, &app))
                continue;
            struct measure m = measure_app(c->y, &app, c->now, c->a, &since);
            if (since != NEVER && (latency ? m.p95 > 1 : m.error_ratio > 0.05))
                add_alert(c, &app, latency ? "HighLatency" : "HighErrorRate", latency ? m.p95 : m.error_ratio,
                          since, out);
        }
    return out;
}

static void alerts(struct call *c)
{
    json_t *all = alerts_of(c, false), *slow = alerts_of(c, true);
    json_array_extend(all, slow);
    json_decref(slow);
    success(c, json_pack("{s:o}", "alerts", all));
}

static const char *state_of(const json_t *active)
{
    const char *state = "inactive";
    size_t i;
    json_t *alert;
    json_array_foreach(active, i, alert)
        if (!str_eq(state, "firing"))
            state = json_str(alert, "state", state);
    return state;
}

static json_t *rule(struct call *c, const char *name, const char *query, bool latency)
{
    char now[32];
    instant_rfc3339(c->now, now);
    json_t *active = alerts_of(c, latency);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:i, s:{s:s}, s:{}, s:s, s:f, s:s, s:o}", "name", name,
                     "query", query, "state", state_of(active), "health", "ok", "lastError", "", "duration",
                     (double)ALERT_FOR_S, "keepFiringFor", 0, "labels", "severity", "critical", "annotations",
                     "lastEvaluation", now, "evaluationTime", 0.0004, "type", "alerting", "alerts", active);
}

static void rules(struct call *c)
{
    char now[32];
    instant_rfc3339(c->now, now);
    success(c, json_pack("{s:[{s:s, s:s, s:i, s:i, s:f, s:s, s:[o,o]}]}", "groups", "name", "services",
                         "file", "/etc/prometheus/services.yml", "interval", 15, "limit", 0, "evaluationTime",
                         0.001, "lastEvaluation", now, "rules",
                         rule(c, "HighErrorRate",
                              "sum by (service) (rate(http_requests_total{code=~\"5..\"}[1m])) / sum by "
                              "(service) (rate(http_requests_total[1m])) > 0.05",
                              false),
                         rule(c, "HighLatency",
                              "histogram_quantile(0.95, sum by (le, service) "
                              "(rate(http_request_duration_seconds_bucket[1m]))) > 1",
                              true)));
}

static void build_info(struct call *c)
{
    success(c,
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "version", "2.55.1", "revision", "0000000", "branch",
                      "HEAD", "buildUser", "", "buildDate", "20241104-00:00:00", "goVersion", "go1.23.2"));
}

static void alertmanagers(struct call *c)
{
    success(c, json_pack("{s:[], s:[]}", "activeAlertmanagers", "droppedAlertmanagers"));
}

static void service_names(struct call *c)
{
    json_t *out = json_array(), *known;
    const char *service;
    json_object_foreach(json_object_get(yard_scenario(c->y), "services"), service, known)
        json_array_append_new(out, json_string(service));
    success(c, out);
}

static void healthy(struct call *c)
{
    call_answer_text(c, 200, "text/plain; charset=utf-8", "Prometheus Server is Healthy.\n");
}

static const struct route routes[] = {
    {"GET", "/api/v1/query", instant},
    {"POST", "/api/v1/query", instant},
    {"GET", "/api/v1/query_range", range},
    {"POST", "/api/v1/query_range", range},
    {"GET", "/api/v1/alerts", alerts},
    {"GET", "/api/v1/rules", rules},
    {"GET", "/api/v1/alertmanagers", alertmanagers},
    {"GET", "/api/v1/status/buildinfo", build_info},
    {"GET", "/api/v1/label/service/values", service_names},
    {"GET", "/-/healthy", healthy},
    {"GET", "/-/ready", healthy},
    {NULL, NULL, NULL},
};

static void serve(struct yard *y, json_t *world, struct exchange *x)
{
    struct call c = call_of(y, world, x);
    switch (route_serve(routes, &c)) {
    case ROUTE_SERVED:
        break;
    case ROUTE_OTHER_METHOD:
        call_answer_text(&c, 405, "text/plain; charset=utf-8", "Method Not Allowed\n");
        break;
    case ROUTE_NO_PATH:
        call_answer_text(&c, 404, "text/plain; charset=utf-8", "404 page not found\n");
        break;
    }
}

static void configure(const struct yard *y, const char *url, const char *secrets_dir, struct buf *out)
{
    (void)y;
    (void)secrets_dir;
    buf_printf(out,
               "    driver: prometheus\n    url: %s\n    measures:\n"
               "      - name: error rate\n"
               "        query: 'sum(rate(http_requests_total{service=\"{service}\",code=~\"5..\"}[1m])) / "
               "sum(rate(http_requests_total{service=\"{service}\"}[1m]))'\n"
               "        max: 0.05\n        unit: ratio\n"
               "      - name: latency p95\n"
               "        query: 'histogram_quantile(0.95, sum by (le) "
               "(rate(http_request_duration_seconds_bucket{service=\"{service}\"}[1m])))'\n"
               "        max: 1.0\n        unit: s\n",
               url);
}

const struct stand_in prometheus_stand_in = {
    .name = "prometheus",
    .imitates = "Prometheus 2.55: queries, rules and alerts",
    .role = "health",
    .world = world_new,
    .serve = serve,
    .configure = configure,
    .settle = settle,
};
