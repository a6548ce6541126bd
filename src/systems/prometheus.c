/* prometheus.c: the role "health" by queries: each measure is one PromQL expression with its limits. An empty
 * answer is unknown, never zero. */
#include "base/buf.h"
#include "base/json.h"
#include "systems/checks.h"
#include "systems/drivers.h"
#include "systems/health_look.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEASURES_MAX = 200 };

struct measure {
    const char *name, *query;
    struct health_limits limits;
};

struct prometheus {
    struct system system;
    struct arena arena;
    struct http_peer *peer;
    struct measure *measures;
    int n;
};

/* --- asking ----------------------------------------------------------------------------------- */

static void plan(struct health_look *l)
{
    struct prometheus *p = (struct prometheus *)l->flow.system;
    for (int i = 0; i < p->n; i++)
        health_look_add(l, &p->measures[i], p->measures[i].name, p->measures[i].query, fill_quoted);
}

/* By POST, because queries can be longer than an address may be; it has no effect and may be repeated. */
static struct http_request query_request(const char *query, struct buf *body)
{
    buf_adds(body, "query=");
    buf_add_url(body, query);
    return (struct http_request){.method = "POST",
                                 .path = "/api/v1/query",
                                 .what = "query",
                                 .content_type = "application/x-www-form-urlencoded",
                                 .body = buf_str(body),
                                 .body_len = body->len,
                                 .repeatable = true};
}

static struct http_call *send_query(struct health_ask *q)
{
    struct prometheus *p = (struct prometheus *)q->look->flow.system;
    _cleanup_buf_ struct buf body = {0};
    struct http_request r = query_request(q->text, &body);
    return http_send(p->peer, &r, health_look_answered, q);
}

/* --- answers ---------------------------------------------------------------------------------- */

/* Samples are texts: "0.42", "NaN", "+Inf". */
static bool sample(const json_t *pair, double *out)
{
    const json_t *text = json_array_get(pair, 1);
    char *end = NULL;
    if (!json_is_string(text) || !*json_string_value(text))
        return false;
    *out = strtod(json_string_value(text), &end);
    return *end == '\0' && isfinite(*out);
}

/* Of several series the worst counts. */
static bool worst(const json_t *result, const struct health_limits *l, double *out, const char **why)
{
    bool low_is_bad = isnan(l->max) && !isnan(l->min), any = false;
    size_t i;
    json_t *series;
    json_array_foreach((json_t *)result, i, series) {
        double value;
        if (!sample(json_object_get(series, "value"), &value)) {
            *why = "a series has no number";
            return false;
        }
        if (!any || (low_is_bad ? value < *out : value > *out))
            *out = value;
        any = true;
    }
    *why = "the query gives no series";
    return any;
}

static json_t *measure_of(const struct health_ask *q, const json_t *answer)
{
    const struct measure *m = q->what;
    const char *type = json_str(answer, "data.resultType", ""), *why = NULL;
    const json_t *result = json_path(answer, "data.result");
    double value = 0;
    bool known = false;
    if (str_eq(type, "vector"))
        known = worst(result, &m->limits, &value, &why);
    else if (str_eq(type, "scalar"))
        known = sample(result, &value);
    else
        why = "the query gives neither a vector nor a scalar";
    json_t *measure = health_measure(q->name, known, value, &m->limits, why);
    if (json_array_size(json_object_get(answer, "warnings")) > 0)
        json_object_set(measure, "warnings", json_object_get(answer, "warnings"));
    return measure;
}

static json_t *judge(struct health_ask *q, const struct http_reply *reply, struct outcome *broken)
{
    struct prometheus *p = (struct prometheus *)q->look->flow.system;
    const struct measure *m = q->what;
    struct http_request r = {.method = "POST", .path = "/api/v1/query", .what = "query"};
    struct error ignored = ERROR_NONE;
    bool answered = reply->status == 200 || reply->status == 400 || reply->status == 422;
    _cleanup_json_ json_t *answer = answered ? json_read(reply->body ? reply->body : "", reply->body_len,
                                                         JSON_MAX_BYTES, "answer of prometheus", &ignored)
                                             : NULL;
    if (str_eq(json_str(answer, "status", NULL), "success"))
        return measure_of(q, answer);
    /* A query that it does not understand is a measure that nobody knows. */
    if (str_eq(json_str(answer, "status", NULL), "error"))
        return health_measure(q->name, false, 0, &m->limits,
                              json_str(answer, "error", "the query was refused"));
    *broken = outcome_of_failed_look(p->peer, &r, reply);
    return NULL;
}

static const struct health_look_ops ops = {
    .plan = plan,
    .send = send_query,
    .judge = judge,
    .nothing = "no measures are configured: nothing was measured",
};

/* --- verbs ------------------------------------------------------------------------------------ */

static struct task *snapshot(struct system *s, const struct effect *e, outcome_fn *done,
                             progress_fn *progress, void *ctx)
{
    return health_look_snapshot(s, &ops, e, done, progress, ctx);
}

static struct task *watch(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                          void *ctx)
{
    return health_look_watch(s, &ops, e, done, progress, ctx);
}

static struct task *mark(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                         void *ctx)
{
    (void)e;
    (void)progress;
    return task_done(s, done, ctx,
                     json_pack("{s:s, s:s}", "id", "", "says", "Prometheus has no dashboards to mark"));
}

/* --- doctor ----------------------------------------------------------------------------------- */

static void asked_buildinfo(struct flow *f, const struct http_reply *reply)
{
    struct checks *c = (struct checks *)f;
    struct prometheus *p = (struct prometheus *)f->system;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *j = http_json(f->peer, &f->request, reply, &err);
    if (j)
        checks_add(c, CHECK_OK, "answers", "Prometheus %s",
                   json_str(j, "data.version", "of unknown version"));
    else
        checks_failed(c, CHECK_FAIL, "answers", reply);
    checks_clock(c, reply);
    checks_add(c, p->n ? CHECK_OK : CHECK_WARN, "measures", "%d configured", p->n);
    checks_end(c);
}

static void check(struct system *s, check_fn *done, void *ctx)
{
    struct checks *c = checks_new(sizeof *c, s, ((struct prometheus *)s)->peer, done, ctx);
    flow_get(&c->f, "build information", "/api/v1/status/buildinfo", asked_buildinfo);
}

/* --- configuration ---------------------------------------------------------------------------- */

static bool read_limit(const struct yaml *y, const char *file, const char *key, double *out,
                       struct error *err)
{
    const struct yaml *at = yaml_get(y, key);
    char *end = NULL;
    *out = NAN;
    if (!at)
        return true;
    if (at->kind == YAML_SCALAR && *at->text)
        *out = strtod(at->text, &end);
    if (end && !*end && isfinite(*out))
        return true;
    return error_at(err, SB_PARSE, file, at->line, at->column, "%s: expected a number", key);
}

static bool read_measure(struct prometheus *p, const struct yaml *y, const char *file, struct measure *m,
                         struct error *err)
{
    static const char *const allowed[] = {"name", "query", "max", "min", "worse_by", "unit", NULL};
    if (y->kind != YAML_MAP)
        return error_at(err, SB_PARSE, file, y->line, y->column,
                        "measures: expected name, query, ... of each");
    if (!yaml_only(y, file, "a measure", allowed, err))
        return false;
    const char *name = config_need(y, file, "name", "the measure's name", err);
    const char *query = name ? config_need(y, file, "query", "its PromQL expression", err) : NULL;
    if (!query || !read_limit(y, file, "max", &m->limits.max, err) ||
        !read_limit(y, file, "min", &m->limits.min, err) ||
        !read_limit(y, file, "worse_by", &m->limits.worse_by, err))
        return false;
    if (isnan(m->limits.max) && isnan(m->limits.min) && isnan(m->limits.worse_by))
        return error_at(err, SB_MISSING, file, y->line, y->column,
                        "%s: what is healthy? Give max, min or worse_by", name);
    if (!isnan(m->limits.worse_by) && m->limits.worse_by < 1)
        return error_at(err, SB_RANGE, file, y->line, y->column,
                        "%s: worse_by is a factor of at least 1 (1.5: half as much again)", name);
    m->name = arena_strdup(&p->arena, name);
    m->query = arena_strdup(&p->arena, query);
    m->limits.unit = arena_strdup(&p->arena, config_str(y, "unit", NULL));
    return true;
}

static bool read_config(struct prometheus *p, const struct yaml *config, const char *file, struct error *err)
{
    struct http_peer_options defaults = {.name = "prometheus", .total_ms = 30000}, o;
    const struct yaml *list = yaml_get(config, "measures");
    if (!config_peer(config, file, &defaults, &p->arena, &o, err) ||
        !(p->peer = http_peer_new(p->system.around->http, &o, err)))
        return false;
    if (!list || list->kind != YAML_LIST || list->n > MEASURES_MAX)
        return error_at(err, SB_MISSING, file, list ? list->line : config->line,
                        list ? list->column : config->column,
                        "measures: expected a list of at most %d of {name, query, max, min, worse_by, unit}",
                        MEASURES_MAX);
    p->measures = ARENA_ARRAY(&p->arena, (size_t)list->n, struct measure);
    for (; p->n < list->n; p->n++)
        if (!read_measure(p, list->items[p->n], file, &p->measures[p->n], err))
            return false;
    return true;
}

static void close_system(struct system *s)
{
    struct prometheus *p = (struct prometheus *)s;
    tasks_cancel(s);
    if (p->peer)
        http_peer_free(p->peer);
    arena_free(&p->arena);
    free(p);
}

static struct system *open_system(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    struct prometheus *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    p->system = (struct system){.driver = d, .name = d->name, .around = around};
    if (config && read_config(p, config, file, err))
        return &p->system;
    if (!config)
        (void)error_set(err, SB_MISSING, "prometheus: \"url\" and \"measures\" are missing");
    close_system(&p->system);
    return NULL;
}

static const char *const keys[] = {CONFIG_PEER_KEYS, "measures", NULL};

const struct driver prometheus_driver = {
    .role = ROLE_HEALTH,
    .name = "prometheus",
    .says = "asks Prometheus for measures and compares them with their limits and with before",
    .keys = keys,
    .open = open_system,
    .close = close_system,
    .check = check,
    .verbs =
        {
            {"snapshot", snapshot, NULL, false},
            {"watch", watch, NULL, false},
            {"mark", mark, NULL, true},
        },
};
