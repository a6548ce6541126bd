/* pagerduty_alert.c: alerts in PagerDuty.
 *
 * An alert is an event with the effect's key as its deduplication key, and it is spoken of by that key from
 * then on: the incident that comes of it is made a little later. While the incident is open, an event with
 * its key changes nothing; once it is resolved, the same event opens a new one and calls people again. So an
 * alert in doubt is looked for before it is sent a second time. */
#include "base/buf.h"
#include "base/instant.h"
#include "systems/pagerduty_driver.h"
#include <stdlib.h>
#include <string.h>

enum { SUMMARY_MAX = 1024, LOOKS_MAX = 15 };

static const char *arg(const struct flow *f, const char *name)
{
    return json_str(f->effect.args, name, "");
}

static void alerted(struct flow *f, const char *key)
{
    flow_done(f, json_pack("{s:s}", "alert", key));
}

/* --- alert
 * ----------------------------------------------------------------------------------------------------- */

static void on_enqueued(struct flow *f, const struct http_reply *reply)
{
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    if (str_eq(json_str(answer, "status", ""), "success"))
        alerted(f, f->effect.key);
    else
        flow_failed_send(f, reply);
}

static const char *severity_of(const char *priority)
{
    static const char *const severities[] = {"critical", "error", "warning", "info", "info"};
    bool known = priority[0] == 'P' && priority[1] >= '1' && priority[1] <= '5' && !priority[2];
    return known ? severities[priority[1] - '1'] : NULL;
}

static char *summary_of(struct flow *f)
{
    char *text = arena_strdup(&f->arena, arg(f, "summary"));
    int n = 0;
    for (char *p = text; *p; p++)
        if (((unsigned char)*p & 0xc0) != 0x80 && ++n > SUMMARY_MAX) {
            *p = '\0';
            break;
        }
    return text;
}

static json_t *event_of(struct flow *f, const char *routing_key)
{
    const char *priority = json_str(f->effect.args, "priority", "P1");
    json_t *details =
        json_pack("{s:s, s:s, s:s}", "change", f->effect.change, "to", arg(f, "to"), "priority", priority);
    if (*arg(f, "details"))
        json_object_set_new(details, "details", json_string(arg(f, "details")));
    return json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:s, s:o}}", "routing_key", routing_key, "event_action",
                     "trigger", "dedup_key", f->effect.key, "payload", "summary", summary_of(f), "source",
                     "signalbox", "severity", severity_of(priority), "custom_details", details);
}

static const struct secret *route_to(const struct pagerduty *p, const char *to)
{
    for (int i = 0; i < p->n_routes; i++)
        if (str_eq(p->routes[i].name, to))
            return &p->routes[i].key;
    return p->fallback.ref ? &p->fallback : NULL;
}

static struct task *no_route(struct system *s, outcome_fn *done, void *ctx, const char *to)
{
    const struct pagerduty *p = (const struct pagerduty *)s;
    _cleanup_arena_ struct arena a = arena_make();
    const char **names = ARENA_ARRAY(&a, (size_t)p->n_routes + 1, const char *);
    for (int i = 0; i < p->n_routes; i++)
        names[i] = p->routes[i].name;
    const char *near = str_near(to, names);
    return task_ends(s, done, ctx, OUTCOME_FAILED,
                     "the configuration has no routing key for \"%s\" (pagerduty: services)%s%s%s", to,
                     near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

struct task *pagerduty_act_alert(struct system *s, const struct effect *e, outcome_fn *done,
                                 UNUSED progress_fn *progress, void *ctx)
{
    struct pagerduty *p = (struct pagerduty *)s;
    const char *priority = json_str(e->args, "priority", "P1");
    if (!severity_of(priority))
        return task_ends(s, done, ctx, OUTCOME_FAILED, "an alert's priority is P1 to P5, not \"%s\"",
                         priority);
    const char *to = json_str(e->args, "to", "");
    const struct secret *route = route_to(p, to);
    if (!route)
        return no_route(s, done, ctx, to);
    struct error err = ERROR_NONE;
    _cleanup_secret_ char *key = secret_read(route, &err);
    if (!key)
        return task_ends(s, done, ctx, OUTCOME_FAILED, "routing key of \"%s\": %s", to, err.text);
    struct pagerduty_flow *t = pagerduty_flow_new(sizeof *t, s, p->events, e, done, NULL, ctx);
    _cleanup_json_ json_t *body = event_of(&t->f, key);
    flow_json(&t->f, "POST", "send the alert", "/v2/enqueue", body, false, on_enqueued);
    return &t->f.task;
}

/* --- incidents
 * ------------------------------------------------------------------------------------------------- */

static void read_incident(struct flow *f, const char *key,
                          void (*then)(struct flow *, const struct http_reply *))
{
    pagerduty_get(f, "look for the incident",
                  arena_printf(&f->arena, "/incidents?incident_key=%s", pagerduty_encoded(f, key)), then);
}

/* Of the incidents in an answer the open one, else the first. NULL: none, or no list at all (`*is_list`). */
static const json_t *incident_in(const json_t *answer, bool *is_list)
{
    const json_t *list = json_object_get(answer, "incidents");
    *is_list = json_is_array(list);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!str_eq(json_str(json_array_get(list, i), "status", ""), "resolved"))
            return json_array_get(list, i);
    return json_array_get(list, 0);
}

static void look_again(struct flow *f);

static void on_found(struct flow *f, const struct http_reply *reply)
{
    struct pagerduty_flow *t = (struct pagerduty_flow *)f;
    struct error err = ERROR_NONE;
    bool is_list;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    if (incident_in(answer, &is_list))
        alerted(f, f->effect.key);
    else if (!is_list)
        flow_failed_find(f, reply);
    else if (t->looks++ == 0)
        flow_wait(f, flow_pause(f, SECONDS(10), SECONDS(1)), look_again);
    else
        flow_ends(f, OUTCOME_NOT_FOUND, SB_UNKNOWN, "PagerDuty has no incident with the key %s",
                  f->effect.key);
}

static void look_again(struct flow *f)
{
    read_incident(f, f->effect.key, on_found);
}

struct task *pagerduty_find_alert(struct system *s, const struct effect *e, outcome_fn *done,
                                  UNUSED progress_fn *progress, void *ctx)
{
    struct pagerduty_flow *t =
        pagerduty_flow_new(sizeof *t, s, ((struct pagerduty *)s)->peer, e, done, NULL, ctx);
    look_again(&t->f);
    return &t->f.task;
}

/* --- acknowledged
 * ---------------------------------------------------------------------------------------------- */

static void look_whether_acknowledged(struct flow *f);

static void answered(struct flow *f, const char *by, const char *at)
{
    int64_t ms;
    if (!instant_parse_rfc3339(at, &ms, NULL))
        ms = f->system->around->now(f->system->around->now_ctx);
    flow_done(f, json_pack("{s:s, s:I}", "by", by, "at", (json_int_t)ms));
}

static void on_whether_acknowledged(struct flow *f, const struct http_reply *reply)
{
    struct error err = ERROR_NONE;
    bool is_list;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *incident = incident_in(answer, &is_list);
    const char *status = json_str(incident, "status", "triggered");
    if (!is_list) {
        flow_failed_look(f, reply);
    } else if (json_path(incident, "acknowledgements.0")) {
        answered(f, json_str(incident, "acknowledgements.0.acknowledger.summary", ""),
                 json_str(incident, "acknowledgements.0.at", ""));
    } else if (!str_eq(status, "triggered")) {
        answered(f, json_str(incident, "last_status_change_by.summary", ""),
                 json_str(incident, "last_status_change_at", ""));
    } else {
        _cleanup_json_ json_t *view = json_pack("{s:s}", "status", "open");
        if (flow_tell(f, view))
            flow_wait(f, flow_pause(f, f->system->around->poll_ms, 50), look_whether_acknowledged);
    }
}

static void look_whether_acknowledged(struct flow *f)
{
    read_incident(f, arg(f, "alert"), on_whether_acknowledged);
}

struct task *pagerduty_look_acknowledged(struct system *s, const struct effect *e, outcome_fn *done,
                                         progress_fn *progress, void *ctx)
{
    struct pagerduty_flow *t =
        pagerduty_flow_new(sizeof *t, s, ((struct pagerduty *)s)->peer, e, done, progress, ctx);
    look_whether_acknowledged(&t->f);
    return &t->f.task;
}

/* --- close
 * ----------------------------------------------------------------------------------------------------- */

struct closing {
    struct pagerduty_flow t; /* first */
    const char *incident;    /* its id, encoded */
};

static void send_write(struct flow *f, const char *method, const char *what, const char *path,
                       const json_t *body, void (*then)(struct flow *, const struct http_reply *))
{
    char *text = json_dumps(body, JSON_COMPACT);
    struct http_request r = {.method = method,
                             .what = what,
                             .path = path,
                             .content_type = "application/json",
                             .headers = ((struct pagerduty_flow *)f)->p->write_headers,
                             .body = text,
                             .body_len = text ? strlen(text) : 0};
    flow_send(f, &r, then);
    free(text);
}

static void on_noted(struct flow *f, UNUSED const struct http_reply *reply)
{
    alerted(f, arg(f, "alert")); /* it is resolved; a note that was refused does not open it again */
}

static void on_resolved(struct flow *f, const struct http_reply *reply)
{
    struct closing *c = (struct closing *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    if (!str_eq(json_str(answer, "incident.status", ""), "resolved")) {
        flow_failed_send(f, reply);
        return;
    }
    if (!*arg(f, "note")) {
        alerted(f, arg(f, "alert"));
        return;
    }
    _cleanup_json_ json_t *body = json_pack("{s:{s:s}}", "note", "content", arg(f, "note"));
    send_write(f, "POST", "note why the alert is closed",
               arena_printf(&f->arena, "/incidents/%s/notes", c->incident), body, on_noted);
}

static void look_whether_closed(struct flow *f);

static void on_whether_closed(struct flow *f, const struct http_reply *reply)
{
    struct closing *c = (struct closing *)f;
    struct error err = ERROR_NONE;
    bool is_list;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *incident = incident_in(answer, &is_list);
    if (!is_list) {
        flow_failed_look(f, reply);
    } else if (!incident && c->t.looks++ < LOOKS_MAX) { /* it is made a little after its event */
        flow_wait(f, flow_pause(f, SECONDS(1), 50), look_whether_closed);
    } else if (!incident) {
        flow_ends(f, OUTCOME_FAILED, SB_UNKNOWN, "PagerDuty has no incident with the key %s",
                  arg(f, "alert"));
    } else if (str_eq(json_str(incident, "status", ""), "resolved")) {
        alerted(f, arg(f, "alert"));
    } else {
        c->incident = pagerduty_encoded(f, json_str(incident, "id", ""));
        _cleanup_json_ json_t *body =
            json_pack("{s:{s:s, s:s}}", "incident", "type", "incident_reference", "status", "resolved");
        send_write(f, "PUT", "resolve the incident", arena_printf(&f->arena, "/incidents/%s", c->incident),
                   body, on_resolved);
    }
}

static void look_whether_closed(struct flow *f)
{
    read_incident(f, arg(f, "alert"), on_whether_closed);
}

struct task *pagerduty_act_close(struct system *s, const struct effect *e, outcome_fn *done,
                                 UNUSED progress_fn *progress, void *ctx)
{
    struct closing *c = pagerduty_flow_new(sizeof *c, s, ((struct pagerduty *)s)->peer, e, done, NULL, ctx);
    look_whether_closed(&c->t.f);
    return &c->t.f.task;
}
