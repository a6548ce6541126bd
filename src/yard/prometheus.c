/* Prometheus: queries, rules and alerts over the measures of what runs in the stand-in cluster (measures.h). */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "yard/measures.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS_MAX = 11000 };

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
    else if (!yard_measures_query_is_whole(*text))
        bad_data(c, "invalid parameter \"query\": parse error: unclosed left parenthesis or string");
    else
        return true;
    return false;
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
    if (yard_measures_constant(text, &v, &vector)) {
        if (vector)
            success(c, json_pack("{s:s, s:[o]}", "resultType", "vector", "result",
                                 yard_measures_sample(c->a, NULL, t, v)));
        else
            success(c, json_pack("{s:s, s:[f, s]}", "resultType", "scalar", "result", (double)t / 1000,
                                 arena_printf(c->a, "%g", v)));
        return;
    }
    success(c, json_pack("{s:s, s:o}", "resultType", "vector", "result",
                         yard_measures_query(c->y, text, t, c->a)));
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
    json_t *series = json_object(), *lines = json_array(), *line, *point;
    for (int64_t t = from; t <= to; t += step) {
        _cleanup_arena_ struct arena a = arena_make();
        _cleanup_json_ json_t *points = yard_measures_query(c->y, text, t, &a);
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

static void alerts(struct call *c)
{
    json_t *all = json_array();
    for (int i = 0; yard_measures_rules[i].name; i++) {
        _cleanup_json_ json_t *of_rule = yard_measures_alerts(c->y, i, c->now, c->a);
        json_array_extend(all, of_rule);
    }
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

static void rules(struct call *c)
{
    char now[32];
    instant_rfc3339(c->now, now);
    json_t *all = json_array();
    for (int i = 0; yard_measures_rules[i].name; i++) {
        json_t *active = yard_measures_alerts(c->y, i, c->now, c->a);
        json_array_append_new(
            all, json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:i, s:{s:s}, s:{}, s:s, s:f, s:s, s:o}", "name",
                           yard_measures_rules[i].name, "query", yard_measures_rules[i].query, "state",
                           state_of(active), "health", "ok", "lastError", "", "duration",
                           (double)MEASURES_ALERT_FOR_S, "keepFiringFor", 0, "labels", "severity", "critical",
                           "annotations", "lastEvaluation", now, "evaluationTime", 0.0004, "type", "alerting",
                           "alerts", active));
    }
    success(c, json_pack("{s:[{s:s, s:s, s:i, s:i, s:f, s:s, s:o}]}", "groups", "name", "services", "file",
                         "/etc/prometheus/services.yml", "interval", 15, "limit", 0, "evaluationTime", 0.001,
                         "lastEvaluation", now, "rules", all));
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
    buf_printf(out,
               "    driver: prometheus\n    url: %s\n    measures:\n"
               "      - name: error rate\n"
               "        query: 'sum(rate(http_requests_total{service=\"{service}\",code=~\"5..\"}[1m])) / "
               "sum(rate(http_requests_total{service=\"{service}\"}[1m]))'\n"
               "        max: 0.05\n        unit: ratio\n"
               "      - name: latency p95\n"
               "        query: 'histogram_quantile(0.95, sum by (le) "
               "(rate(http_request_duration_seconds_bucket{service=\"{service}\"}[1m])))'\n"
               "        max: 1.0\n        unit: s\n"
               "    silences:\n      url: %s\n      token: \"file:%s/alertmanager\"\n"
               "      match: {service: \"{services}\", client: \"{client}\", namespace: \"{env}\"}\n",
               url, yard_url(y, "alertmanager"), secrets_dir);
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
