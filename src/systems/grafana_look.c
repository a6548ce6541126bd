/* grafana_look.c: measures of a data source, and the state of alert rules.
 *
 * A query's answer comes by column: one frame a series, its numbers in a column of their own. A rule whose
 * evaluation fails stays "inactive" with an unhealthy `health`: that is unknown, not good. */
#include "base/buf.h"
#include "base/json.h"
#include "systems/grafana_driver.h"
#include <string.h>

/* --- asking ----------------------------------------------------------------------------------- */

static void plan(struct health_look *l)
{
    const struct grafana *g = (const struct grafana *)l->flow.system;
    for (int i = 0; i < g->n_queries + g->n_rules; i++) {
        const struct grafana_ask *a = &g->asks[i];
        health_look_add(l, a, a->query ? a->query->name : a->rule->name,
                        a->query ? a->query->query : a->rule->match, fill_quoted);
    }
}

static struct http_call *send_query(struct health_ask *q, const struct health_query *m)
{
    const struct grafana *g = (const struct grafana *)q->look->flow.system;
    json_t *body =
        json_pack("{s:s, s:s, s:[{s:s, s:{s:s}, s:s, s:b, s:b, s:i, s:i}]}", "from", "now-5m", "to", "now",
                  "queries", "refId", "A", "datasource", "uid", m->datasource ? m->datasource : g->datasource,
                  "expr", q->text, "instant", 1, "range", 0, "intervalMs", 15000, "maxDataPoints", 200);
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    const struct http_request r = {.method = "POST",
                                   .path = "/api/ds/query",
                                   .what = "query",
                                   .headers = g->headers,
                                   .content_type = "application/json",
                                   .body = text,
                                   .body_len = text ? strlen(text) : 0,
                                   .repeatable = true}; /* it has no effect */
    struct http_call *call = http_send(g->peer, &r, health_look_answered, q);
    free(text);
    return call;
}

static struct http_call *ask_grafana(struct health_ask *q)
{
    const struct grafana *g = (const struct grafana *)q->look->flow.system;
    const struct grafana_ask *a = q->what;
    if (a->query)
        return send_query(q, a->query);
    const struct http_request r = {.method = "GET",
                                   .path = "/api/prometheus/grafana/api/v1/rules",
                                   .what = "read the alert rules",
                                   .headers = g->headers,
                                   .repeatable = true};
    return http_send(g->peer, &r, health_look_answered, q);
}

/* --- numbers of frames ------------------------------------------------------------------------ */

struct found {
    bool any, low_is_bad;
    double value;
    const char *why; /* set when a number is missing */
};

/* The last number of a column. */
static void take_column(struct found *f, const json_t *values)
{
    const json_t *last = json_array_get(values, json_array_size(values) - 1);
    if (!json_is_number(last)) {
        f->why = "a series has no number";
        return;
    }
    double v = json_number_value(last);
    if (!f->any || (f->low_is_bad ? v < f->value : v > f->value))
        f->value = v;
    f->any = true;
}

static void take_frame(struct found *f, const json_t *frame)
{
    const json_t *fields = json_path(frame, "schema.fields"), *columns = json_path(frame, "data.values");
    for (size_t i = 0; i < json_array_size(fields); i++)
        if (str_eq(json_str(json_array_get(fields, i), "type", ""), "number") &&
            json_array_size(json_array_get(columns, i)) > 0)
            take_column(f, json_array_get(columns, i));
}

static json_t *judge_query(const struct health_ask *q, const struct health_query *m, const json_t *answer)
{
    const json_t *result = json_path(answer, "results.A"), *frames = json_object_get(result, "frames");
    struct found f = {.low_is_bad = isnan(m->limits.max) && !isnan(m->limits.min)};
    const char *error = json_str(result, "error", NULL);
    for (size_t i = 0; i < json_array_size(frames); i++)
        take_frame(&f, json_array_get(frames, i));
    const char *why = error ? error : f.why ? f.why : "the query gives no series";
    return health_measure(q->name, !error && !f.why && f.any, f.value, &m->limits, why);
}

/* --- alert rules ------------------------------------------------------------------------------ */

/* One line `label="value"`, as fill_quoted has written the value. Moves `*at` past it; false at the end. */
static bool next_label(const char **at, struct arena *a, const char **name, const char **value)
{
    const char *eq = strchr(*at, '=');
    if (!eq || eq[1] != '"')
        return false;
    *name = arena_strndup(a, *at, (size_t)(eq - *at));
    _cleanup_buf_ struct buf text = {0};
    const char *p = eq + 2;
    for (; *p && *p != '"'; p++)
        if (*p == '\\' && p[1])
            buf_addc(&text, *++p == 'n' ? '\n' : *p);
        else
            buf_addc(&text, *p);
    *value = arena_strdup(a, buf_str(&text));
    *at = p + strspn(p, "\"\n");
    return true;
}

/* Have these labels all that the line wants? */
static bool labels_fit(const char *match, const json_t *labels)
{
    _cleanup_arena_ struct arena a = arena_make();
    const char *name, *value;
    while (next_label(&match, &a, &name, &value))
        if (!str_eq(json_string_value(json_object_get(labels, name)), value))
            return false;
    return true;
}

static bool is_meant(const struct grafana_rule *want, const json_t *group, const json_t *rule)
{
    return (!want->folder || str_eq(want->folder, json_str(group, "file", ""))) &&
           (!want->group || str_eq(want->group, json_str(group, "name", ""))) &&
           (!want->rule || str_eq(want->rule, json_str(rule, "name", "")));
}

struct firing {
    const struct health_ask *q;
    const struct grafana_rule *want;
    int n;
    struct buf names;  /* of what fires */
    const char *sick;  /* a rule that cannot be evaluated */
    const char *error; /* and why */
};

/* "Alerting", with a reason in brackets at times; a data source's own rules say "firing". */
static bool is_firing(const char *state)
{
    return str_starts(state, "Alerting") || str_starts(state, "firing");
}

static void take_rule(struct firing *f, const json_t *rule)
{
    const json_t *alerts = json_object_get(rule, "alerts");
    const char *name = json_str(rule, "name", "?"), *health = json_str(rule, "health", "ok");
    bool narrow = f->want->rule || f->want->group || f->want->folder;
    bool sick = !str_eq(health, "ok") && !str_eq(health, "unknown");
    for (size_t i = 0; i < json_array_size(alerts); i++) {
        const json_t *alert = json_array_get(alerts, i);
        if (!labels_fit(f->q->text, json_object_get(alert, "labels")) ||
            !is_firing(json_str(alert, "state", "")))
            continue;
        if (f->n++ < 3)
            buf_printf(&f->names, "%s%.80s", f->n > 1 ? ", " : "", name);
    }
    if (sick && (narrow || labels_fit(f->q->text, json_object_get(rule, "labels")))) {
        f->sick = name;
        f->error = json_str(rule, "lastError", health);
    }
}

static json_t *judge_rules(const struct health_ask *q, const struct grafana_rule *want, const json_t *answer)
{
    struct firing f = {.q = q, .want = want};
    struct health_limits limits = HEALTH_NO_LIMITS;
    limits.max = 0;
    limits.unit = "firing";
    const json_t *groups = json_path(answer, "data.groups");
    for (size_t i = 0; i < json_array_size(groups); i++) {
        const json_t *group = json_array_get(groups, i), *rules = json_object_get(group, "rules");
        for (size_t k = 0; k < json_array_size(rules); k++)
            if (is_meant(want, group, json_array_get(rules, k)))
                take_rule(&f, json_array_get(rules, k));
    }
    char why[256];
    (void)snprintf(why, sizeof why, "the rule %.80s cannot be evaluated: %.120s", f.sick ? f.sick : "",
                   f.error ? f.error : "");
    json_t *m = health_measure(q->name, f.n > 0 || !f.sick, f.n, &limits, why);
    if (f.n > 0)
        json_object_set_new(m, "says",
                            json_string(arena_printf(&q->look->flow.arena, "%s %s", buf_str(&f.names),
                                                     f.n == 1 ? "fires" : "fire")));
    buf_free(&f.names);
    return m;
}

/* --- answers ---------------------------------------------------------------------------------- */

/* A query that failed has status 400 (207 of older servers), with the reason in its own result. */
static json_t *judge(struct health_ask *q, const struct http_reply *reply, struct outcome *broken)
{
    const struct grafana *g = (const struct grafana *)q->look->flow.system;
    const struct grafana_ask *a = q->what;
    struct http_request r = {.method = a->query ? "POST" : "GET",
                             .path = a->query ? "/api/ds/query" : "/api/prometheus/grafana/api/v1/rules",
                             .what = a->query ? "query" : "read the alert rules"};
    struct error ignored = ERROR_NONE;
    bool answered = reply->error.code == SB_OK &&
                    (reply->status == 200 || (a->query && (reply->status == 207 || reply->status == 400)));
    _cleanup_json_ json_t *answer = answered ? json_read(reply->body ? reply->body : "", reply->body_len,
                                                         JSON_MAX_BYTES, "answer of grafana", &ignored)
                                             : NULL;
    if (a->query && json_is_object(json_path(answer, "results.A")))
        return judge_query(q, a->query, answer);
    if (a->rule && json_is_array(json_path(answer, "data.groups")))
        return judge_rules(q, a->rule, answer);
    *broken = outcome_of_failed_look(g->peer, &r, reply);
    return NULL;
}

const struct health_look_ops grafana_look_ops = {
    .plan = plan,
    .send = ask_grafana,
    .judge = judge,
    .nothing = "neither measures nor rules are configured: nothing was measured",
};
