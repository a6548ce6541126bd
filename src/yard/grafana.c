/* Grafana: queries of its data source, alert rules with their state, annotations, one dashboard whose panels can
 * be drawn, and the Alertmanager inside it. */
#include "base/buf.h"
#include "base/hash.h"
#include "base/instant.h"
#include "base/json.h"
#include "yard/measures.h"
#include "yard/silences.h"
#include <stdlib.h>
#include <string.h>

#define DATASOURCE "yard-prometheus"
#define DASHBOARD  "services"

enum { TAGS_BYTES_MAX = 500, ANNOTATIONS_USUAL = 100 };

static void refuse(struct call *c, int status, const char *message)
{
    call_answer(c, status, json_pack("{s:s}", "message", message));
}

static json_t *world_new(const json_t *scenario, int64_t now)
{
    (void)now;
    const json_t *renderer = json_path(scenario, "grafana.renderer");
    return json_pack("{s:[], s:[], s:i, s:b}", "annotations", "silences", "next", 1124, "renderer",
                     !json_is_false(renderer));
}

/* --- organization, dashboard, data source ------------------------------------------------------------ */

static void health(struct call *c)
{
    call_answer(c, 200,
                json_pack("{s:s, s:s, s:s}", "database", "ok", "version", "11.3.0", "commit", "0000000"));
}

static void org(struct call *c)
{
    call_answer(c, 200,
                json_pack("{s:i, s:s, s:{s:s, s:s, s:s, s:s, s:s, s:s}}", "id", 1, "name", "Retail",
                          "address", "address1", "", "address2", "", "city", "", "zipCode", "", "state", "",
                          "country", ""));
}

static void settings(struct call *c)
{
    call_answer(c, 200,
                json_pack("{s:b, s:{s:s}}", "rendererAvailable", json_flag(c->world, "renderer", true),
                          "buildInfo", "version", "11.3.0"));
}

static void dashboard(struct call *c)
{
    if (!str_eq(c->part[0], DASHBOARD)) {
        refuse(c, 404, "Dashboard not found");
        return;
    }
    call_answer(c, 200,
                json_pack("{s:{s:i, s:s, s:s, s:i, s:[{s:i, s:s, s:s}, {s:i, s:s, s:s}]}, s:{s:s, s:s, s:b}}",
                          "dashboard", "id", 1, "uid", DASHBOARD, "title", "Services", "version", 7, "panels",
                          "id", 4, "title", "Error rate", "type", "timeseries", "id", 5, "title", "Latency",
                          "type", "timeseries", "meta", "url", "/d/" DASHBOARD "/services", "slug",
                          "services", "canSave", 0));
}

static void datasource(struct call *c)
{
    if (str_eq(c->part[0], DATASOURCE))
        call_answer(c, 200,
                    json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:b}", "id", 1, "uid", DATASOURCE, "name",
                              "Prometheus", "type", "prometheus", "access", "proxy", "url",
                              yard_url(c->y, "prometheus"), "isDefault", 1));
    else
        refuse(c, 404, "Data source not found");
}

/* --- queries ----------------------------------------------------------------------------------------- */

/* One frame a series: values come by column, "NaN" is null with its place told beside it. */
static json_t *frame_of(const json_t *sample, const char *ref)
{
    const char *text = json_string_value(json_array_get(json_object_get(sample, "value"), 1));
    double seconds = json_number_value(json_array_get(json_object_get(sample, "value"), 0));
    bool nan = str_eq(text, "NaN");
    json_t *data = json_pack("{s:[[I], [o]]}", "values", (json_int_t)(seconds * 1000),
                             nan ? json_null() : json_real(strtod(text, NULL)));
    if (nan)
        json_object_set_new(data, "entities", json_pack("[n, {s:[i]}]", "NaN", 0));
    return json_pack("{s:{s:s, s:[{s:s, s:s}, {s:s, s:s, s:O}]}, s:o}", "schema", "refId", ref, "fields",
                     "name", "Time", "type", "time", "name", "Value", "type", "number", "labels",
                     json_object_get(sample, "metric"), "data", data);
}

static json_t *failed_query(int status, const char *error)
{
    return json_pack("{s:s, s:i, s:[]}", "error", error, "status", status, "frames");
}

static json_t *result_of(struct call *c, const json_t *query)
{
    const char *expr = json_str(query, "expr", ""), *ref = json_str(query, "refId", "A");
    if (!str_eq(json_str(query, "datasource.uid", ""), DATASOURCE))
        return failed_query(404, "Data source not found");
    if (!*expr || !yard_measures_query_is_whole(expr))
        return failed_query(400,
                            "bad_data: invalid parameter \"query\": parse error: unexpected end of input");
    _cleanup_json_ json_t *samples = yard_measures_query(c->y, expr, c->now, c->a);
    json_t *frames = json_array(), *sample;
    size_t i;
    json_array_foreach(samples, i, sample)
        json_array_append_new(frames, frame_of(sample, ref));
    return json_pack("{s:i, s:o}", "status", 200, "frames", frames);
}

static void query(struct call *c)
{
    _cleanup_json_ json_t *body = call_json(c);
    json_t *results = json_object(), *q;
    bool good = true;
    size_t i;
    json_array_foreach(json_object_get(body, "queries"), i, q) {
        json_t *result = result_of(c, q);
        good = good && !json_object_get(result, "error");
        json_object_set_new(results, json_str(q, "refId", "A"), result);
    }
    if (i == 0) {
        json_decref(results);
        refuse(c, 400, "No queries found");
        return;
    }
    call_answer(c, good ? 200 : 400, json_pack("{s:o}", "results", results));
}

/* --- alert rules ------------------------------------------------------------------------------------- */

/* The alerts that Prometheus would have, in Grafana's own words for their states. */
static json_t *instances_of(struct call *c, int rule, const char **state)
{
    json_t *alerts = yard_measures_alerts(c->y, rule, c->now, c->a), *alert;
    size_t i;
    *state = "inactive";
    json_array_foreach(alerts, i, alert) {
        bool firing = str_eq(json_str(alert, "state", ""), "firing");
        if (!str_eq(*state, "firing"))
            *state = firing ? "firing" : "pending";
        json_object_set_new(alert, "state", json_string(firing ? "Alerting" : "Pending"));
    }
    return alerts;
}

static void rules(struct call *c)
{
    char now[32];
    instant_rfc3339(c->now, now);
    json_t *all = json_array();
    const json_t *ill = json_object_get(c->world, "ill"); /* a rule's name -> "error" or "nodata" */
    for (int i = 0; yard_measures_rules[i].name; i++) {
        const char *state, *name = yard_measures_rules[i].name, *health = json_str(ill, name, "ok");
        json_t *alerts = instances_of(c, i, &state);
        json_array_append_new(
            all,
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:{s:s}, s:{}, s:s, s:f, s:s, s:o}", "name", name,
                      "query", yard_measures_rules[i].query, "state", state, "health", health, "lastError",
                      str_eq(health, "ok") ? "" : "failed to execute query A: data source is not there",
                      "duration", (double)MEASURES_ALERT_FOR_S, "labels", "severity", "critical",
                      "annotations", "lastEvaluation", now, "evaluationTime", 0.01, "type", "alerting",
                      "alerts", alerts));
    }
    call_answer(c, 200,
                json_pack("{s:s, s:{s:[{s:s, s:s, s:i, s:s, s:f, s:o}]}}", "status", "success", "data",
                          "groups", "name", "services", "file", "Operations", "interval", 60,
                          "lastEvaluation", now, "evaluationTime", 0.02, "rules", all));
}

/* --- annotations ------------------------------------------------------------------------------------- */

static json_t *by_id(struct call *c)
{
    size_t i;
    json_t *a;
    json_array_foreach(json_object_get(c->world, "annotations"), i, a)
        if (json_int(a, "id", 0) == strtoll(c->part[0], NULL, 10))
            return a;
    refuse(c, 404, "Annotation not found");
    return NULL;
}

static bool tags_fit(const json_t *tags)
{
    size_t i, n = 0;
    json_t *tag;
    json_array_foreach(tags, i, tag)
        n += json_string_length(tag);
    return n <= TAGS_BYTES_MAX;
}

/* The first tag of ours, for the yard's book. */
static const char *key_of(const json_t *tags)
{
    size_t i;
    json_t *tag;
    json_array_foreach(tags, i, tag)
        if (json_is_string(tag) && str_starts(json_string_value(tag), "signalbox:"))
            return json_string_value(tag) + strlen("signalbox:");
    return "";
}

static void annotate(struct call *c)
{
    _cleanup_json_ json_t *body = call_json(c);
    const json_t *tags = json_object_get(body, "tags");
    if (!*json_str(body, "text", "")) {
        refuse(c, 400, "Failed to save annotation: text field should not be empty");
        return;
    }
    if (!tags_fit(tags)) {
        refuse(c, 400, "Failed to save annotation: tags length exceeds the maximum allowed");
        return;
    }
    int64_t n = json_int(c->world, "next", 1), time = json_int(body, "time", c->now);
    json_object_set_new(c->world, "next", json_integer(n + 1));
    json_t *kept = json_pack("{s:I, s:s, s:i, s:I, s:I, s:s, s:O?, s:I, s:I, s:s, s:{}}", "id", (json_int_t)n,
                             "dashboardUID", json_str(body, "dashboardUID", ""), "panelId",
                             (int)json_int(body, "panelId", 0), "time", (json_int_t)time, "timeEnd",
                             (json_int_t)json_int(body, "timeEnd", time), "text", json_str(body, "text", ""),
                             "tags", tags, "created", (json_int_t)c->now, "updated", (json_int_t)c->now,
                             "login", "sa-signalbox", "data");
    if (!tags)
        json_object_set_new(kept, "tags", json_array());
    json_array_append_new(json_object_get(c->world, "annotations"), kept);
    yard_deed(c->y, "grafana", "annotate", key_of(tags));
    call_answer(c, 200, json_pack("{s:s, s:I}", "message", "Annotation added", "id", (json_int_t)n));
}

static bool has_tag(const json_t *annotation, const char *wanted)
{
    size_t i;
    json_t *tag;
    json_array_foreach(json_object_get(annotation, "tags"), i, tag)
        if (str_eq(json_string_value(tag), wanted))
            return true;
    return false;
}

static void annotations(struct call *c)
{
    const char *tag = request_query(c->x, "tags"), *limit = request_query(c->x, "limit");
    size_t most = limit ? strtoul(limit, NULL, 10) : ANNOTATIONS_USUAL;
    const json_t *all = json_object_get(c->world, "annotations");
    json_t *shown = json_array();
    for (size_t i = json_array_size(all); i-- > 0 && json_array_size(shown) < most;)
        if (!tag || has_tag(json_array_get(all, i), tag))
            json_array_append(shown, json_array_get(all, i));
    call_answer(c, 200, shown);
}

static void show_annotation(struct call *c)
{
    json_t *a = by_id(c);
    if (a)
        call_answer(c, 200, json_incref(a));
}

static void patch_annotation(struct call *c)
{
    _cleanup_json_ json_t *body = call_json(c);
    json_t *a = by_id(c);
    if (!a)
        return;
    if (json_int(body, "timeEnd", 0))
        json_object_set(a, "timeEnd", json_object_get(body, "timeEnd"));
    if (json_is_array(json_object_get(body, "tags")))
        json_object_set(a, "tags", json_object_get(body, "tags"));
    if (*json_str(body, "text", ""))
        json_object_set(a, "text", json_object_get(body, "text"));
    json_object_set_new(a, "updated", json_integer(c->now));
    yard_deed(c->y, "grafana", "change annotation", "");
    call_answer(c, 200, json_pack("{s:s}", "message", "Annotation patched"));
}

/* --- pictures ---------------------------------------------------------------------------------------- */

/* Without a renderer there is a picture all the same: one that says so. Both are the smallest PNG there is. */
static void render(struct call *c)
{
    static const char png[] =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
        "gg==";
    size_t n = 0;
    uint8_t *bytes = base64_decode(png, strlen(png), false, &n);
    if (bytes && str_eq(c->part[0], DASHBOARD))
        yard_answer_bytes(c->y, c->x, 200, "image/png", bytes, n);
    else
        refuse(c, 404, "Not found");
    free(bytes);
}

/* --- the wire ---------------------------------------------------------------------------------------- */

static void post_silence(struct call *c)
{
    yard_silences_post(c, "grafana", 202);
}

static void lift_silence(struct call *c)
{
    yard_silences_delete(c, "grafana");
}

#define SILENCES "/api/alertmanager/grafana/api/v2/silence"

static const struct route routes[] = {
    {"GET", "/api/org", org},
    {"GET", "/api/frontend/settings", settings},
    {"GET", "/api/dashboards/uid/*", dashboard},
    {"GET", "/api/datasources/uid/*", datasource},
    {"POST", "/api/ds/query", query},
    {"GET", "/api/prometheus/grafana/api/v1/rules", rules},
    {"GET", "/api/annotations", annotations},
    {"POST", "/api/annotations", annotate},
    {"GET", "/api/annotations/*", show_annotation},
    {"PATCH", "/api/annotations/*", patch_annotation},
    {"GET", "/render/d-solo/*/*", render},
    {"GET", SILENCES "s", yard_silences_list},
    {"POST", SILENCES "s", post_silence},
    {"GET", SILENCES "/*", yard_silences_show},
    {"DELETE", SILENCES "/*", lift_silence},
    {NULL, NULL, NULL},
};

static void serve(struct yard *y, json_t *world, struct exchange *x)
{
    struct call c = call_of(y, world, x);
    if (route_fits(&c, "/api/health"))
        health(&c);
    else if (!call_signed_in(&c, "Bearer", yard_secret(y, "grafana")))
        refuse(&c, 401, "Invalid API key");
    else if (route_serve(routes, &c) != ROUTE_SERVED)
        refuse(&c, 404, "Not found");
}

static void configure(const struct yard *y, const char *url, const char *secrets_dir, struct buf *out)
{
    (void)y;
    buf_printf(
        out,
        "    driver: grafana\n    url: %s\n    token: \"file:%s/grafana\"\n    datasource: " DATASOURCE
        "\n    dashboard: " DASHBOARD "\n    panels: [4]\n    measures:\n"
        "      - name: error rate\n"
        "        query: 'sum(rate(http_requests_total{service=\"{service}\",code=~\"5..\"}[1m])) / "
        "sum(rate(http_requests_total{service=\"{service}\"}[1m]))'\n"
        "        max: 0.05\n        unit: ratio\n"
        "    rules:\n      - name: alarms of {service}\n"
        "        match: {service: \"{service}\", client: \"{client}\"}\n"
        "    silences:\n      match: {service: \"{services}\", client: \"{client}\", namespace: \"{env}\"}\n",
        url, secrets_dir);
}

const struct stand_in grafana_stand_in = {
    .name = "grafana",
    .imitates = "Grafana 11: queries, alerting, annotations, pictures of panels",
    .role = "health",
    .world = world_new,
    .serve = serve,
    .configure = configure,
};
