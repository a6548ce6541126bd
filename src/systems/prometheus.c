/* prometheus.c: the role "health" by queries: each measure is one PromQL expression with its limits. An empty
 * answer is unknown, never zero. Silences go to the Alertmanager beside it. */
#include "base/buf.h"
#include "base/json.h"
#include "systems/checks.h"
#include "systems/drivers.h"
#include "systems/health_look.h"
#include "systems/health_query.h"
#include "systems/silences.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct prometheus {
    struct system system;
    struct arena arena;
    struct http_peer *peer;
    struct health_query *measures;
    int n;
    struct http_peer *alertmanager; /* NULL = no silences */
    struct silences silences;
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
    const struct health_query *m = q->what;
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
    const struct health_query *m = q->what;
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

static struct task *silence(struct system *s, const struct effect *e, outcome_fn *done,
                            UNUSED progress_fn *progress, void *ctx)
{
    return silences_act(s, &((struct prometheus *)s)->silences, e, done, ctx);
}

static struct task *find_silence(struct system *s, const struct effect *e, outcome_fn *done,
                                 UNUSED progress_fn *progress, void *ctx)
{
    return silences_find(s, &((struct prometheus *)s)->silences, e, done, ctx);
}

static struct task *unsilence(struct system *s, const struct effect *e, outcome_fn *done,
                              UNUSED progress_fn *progress, void *ctx)
{
    return silences_lift(s, &((struct prometheus *)s)->silences, e, done, ctx);
}

static bool can(const struct system *s, const char *verb)
{
    return ((const struct prometheus *)s)->alertmanager || !strstr(verb, "silence");
}

/* --- doctor ----------------------------------------------------------------------------------- */

static void asked_silences(struct flow *f, const struct http_reply *reply)
{
    struct checks *c = (struct checks *)f;
    silences_told(c, reply);
    checks_clock(c, reply);
    checks_end(c);
}

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
    if (p->alertmanager)
        silences_ask(c, &p->silences, asked_silences);
    else
        checks_end(c);
}

static void check(struct system *s, check_fn *done, void *ctx)
{
    struct checks *c = checks_new(sizeof *c, s, ((struct prometheus *)s)->peer, done, ctx);
    flow_get(&c->f, "build information", "/api/v1/status/buildinfo", asked_buildinfo);
}

/* --- configuration ---------------------------------------------------------------------------- */

static bool read_silences(struct prometheus *p, const struct yaml *config, const char *file,
                          struct error *err)
{
    static const char *const allowed[] = {CONFIG_PEER_KEYS, "match", NULL};
    const struct yaml *map = yaml_get(config, "silences");
    struct http_peer_options defaults = {.name = "alertmanager", .total_ms = 20000}, o;
    if (!map)
        return true;
    if (map->kind != YAML_MAP)
        return error_at(err, SB_PARSE, file, map->line, map->column,
                        "silences: expected url, match, ... of the Alertmanager");
    if (!yaml_only(map, file, "silences", allowed, err) ||
        !config_peer(map, file, &defaults, &p->arena, &o, err) ||
        !silences_read(&p->silences, map, file, &p->arena, err))
        return false;
    p->alertmanager = p->silences.peer = http_peer_new(p->system.around->http, &o, err);
    return p->alertmanager != NULL;
}

static bool read_config(struct prometheus *p, const struct yaml *config, const char *file, struct error *err)
{
    struct http_peer_options defaults = {.name = "prometheus", .total_ms = 30000}, o;
    p->silences.prefix = "/api/v2";
    p->silences.says = "Alertmanager";
    if (!config_peer(config, file, &defaults, &p->arena, &o, err) ||
        !(p->peer = http_peer_new(p->system.around->http, &o, err)))
        return false;
    if (!yaml_get(config, "measures"))
        return error_at(err, SB_MISSING, file, config->line, config->column,
                        "measures: expected a list of {name, query, max, min, worse_by, unit}");
    return health_queries_read(config, file, false, &p->arena, &p->measures, &p->n, err) &&
           read_silences(p, config, file, err);
}

static void close_system(struct system *s)
{
    struct prometheus *p = (struct prometheus *)s;
    tasks_cancel(s);
    if (p->peer)
        http_peer_free(p->peer);
    if (p->alertmanager)
        http_peer_free(p->alertmanager);
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

static const char *const keys[] = {CONFIG_PEER_KEYS, "measures", "silences", NULL};

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
            {"silence", silence, find_silence, false},
            {"unsilence", unsilence, NULL, true},
        },
    .can = can,
};
