/* opsgenie_alert.c: alerts in Opsgenie and JSM Operations.
 *
 * The effect's key is the alert's alias. While an alert with that alias is open, another request only counts
 * it up; when it is closed, the same request opens a new one and calls people again. So an alert is looked
 * for before it is sent a second time, among closed ones as well: the way by alias knows open ones only.
 * Requests are taken now and carried out later: what became of one is asked for until it is known. */
#include "base/buf.h"
#include "base/instant.h"
#include "systems/opsgenie_driver.h"
#include <string.h>

enum { MESSAGE_MAX = 130, DESCRIPTION_MAX = 15000, LOOKS_MAX = 20 };

static const char *arg(const struct flow *f, const char *name)
{
    return json_str(f->effect.args, name, "");
}

static const struct opsgenie_dialect *dialect_of(const struct flow *f)
{
    return ((const struct opsgenie_flow *)f)->o->dialect;
}

static char *alert_path(struct flow *f, const char *action)
{
    return opsgenie_path(f, "%s", dialect_of(f)->by_id(f, opsgenie_encoded(f, arg(f, "alert")), action));
}

static void alerted(struct flow *f, const char *id)
{
    flow_done(f, json_pack("{s:s}", "alert", id));
}

/* A pause until a request may have been carried out. */
static void soon(struct flow *f, void (*then)(struct flow *))
{
    flow_wait(f, flow_pause(f, SECONDS(1), 50), then);
}

/* --- find
 * ------------------------------------------------------------------------------------------------------ */

static void look_by_alias(struct flow *f);

static void on_search(struct flow *f, const struct http_reply *reply)
{
    struct opsgenie_flow *t = (struct opsgenie_flow *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *alerts = opsgenie_many(t->o, answer);
    if (!json_is_array(alerts)) {
        flow_failed_find(f, reply);
        return;
    }
    for (size_t i = 0; i < json_array_size(alerts); i++) {
        const json_t *a = json_array_get(alerts, i);
        if (str_eq(json_str(a, "alias", ""), f->effect.key) && *json_str(a, "id", "")) {
            alerted(f, json_str(a, "id", ""));
            return;
        }
    }
    if (t->pass++ == 0)
        flow_wait(f, flow_pause(f, SECONDS(5), SECONDS(1)), look_by_alias);
    else
        flow_ends(f, OUTCOME_NOT_FOUND, SB_UNKNOWN, "%s has no alert with the alias %s", dialect_of(f)->says,
                  f->effect.key);
}

static void on_by_alias(struct flow *f, const struct http_reply *reply)
{
    struct opsgenie_flow *t = (struct opsgenie_flow *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *alert = opsgenie_one(t->o, answer);
    if (*json_str(alert, "id", "")) {
        alerted(f, json_str(alert, "id", ""));
        return;
    }
    if (reply->status != 404) {
        flow_failed_find(f, reply);
        return;
    }
    char *query = arena_printf(&f->arena, "alias:\"%s\"", f->effect.key);
    flow_get(f, "look for the alert",
             opsgenie_path(f, "/alerts?query=%s&%s=100", opsgenie_encoded(f, query), t->o->dialect->limit),
             on_search);
}

static void look_by_alias(struct flow *f)
{
    flow_get(f, "read the alert by its alias",
             opsgenie_path(f, "%s", dialect_of(f)->by_alias(f, opsgenie_encoded(f, f->effect.key))),
             on_by_alias);
}

struct task *opsgenie_find_alert(struct system *s, const struct effect *e, outcome_fn *done,
                                 UNUSED progress_fn *progress, void *ctx)
{
    struct opsgenie_flow *t = opsgenie_flow_new(sizeof *t, s, e, done, NULL, ctx);
    look_by_alias(&t->f);
    return &t->f.task;
}

/* --- alert
 * ----------------------------------------------------------------------------------------------------- */

static void ask_for_request(struct flow *f);

/* It was accepted; only what became of it is not known. */
static void not_known_yet(struct opsgenie_flow *t)
{
    if (t->looks++ < LOOKS_MAX)
        soon(&t->f, ask_for_request);
    else
        flow_ends(&t->f, OUTCOME_UNKNOWN, SB_REMOTE,
                  "%s accepted the alert, but does not say what became of it", t->o->dialect->says);
}

static void on_request(struct flow *f, const struct http_reply *reply)
{
    struct opsgenie_flow *t = (struct opsgenie_flow *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *request = opsgenie_one(t->o, answer);
    const json_t *success = json_object_get(request, "success");
    if (!success)
        success = json_object_get(request, "isSuccess");
    const char *id = json_str(request, "alertId", "");
    if (json_is_true(success) && *id)
        alerted(f, id);
    else if (json_is_false(success))
        flow_ends(f, OUTCOME_FAILED, SB_REMOTE, "%s did not open the alert: %.300s", t->o->dialect->says,
                  json_str(request, "status", "no reason is given"));
    else
        not_known_yet(t);
}

static void ask_for_request(struct flow *f)
{
    struct opsgenie_flow *t = (struct opsgenie_flow *)f;
    flow_get(f, "ask what became of the alert", opsgenie_path(f, "/alerts/requests/%s", t->request),
             on_request);
}

static void on_accepted(struct flow *f, const struct http_reply *reply)
{
    struct opsgenie_flow *t = (struct opsgenie_flow *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const char *request = json_str(answer, "requestId", "");
    if (!*request) {
        flow_failed_send(f, reply);
        return;
    }
    t->request = opsgenie_encoded(f, request);
    soon(f, ask_for_request);
}

/* At most `max` characters; true when there were more. */
static bool cut(char *text, int max)
{
    int n = 0;
    for (char *p = text; *p; p++)
        if (((unsigned char)*p & 0xc0) != 0x80 && ++n > max) {
            *p = '\0';
            return true;
        }
    return false;
}

static json_t *alert_of(struct opsgenie_flow *t)
{
    struct flow *f = &t->f;
    char *message = arena_strdup(&f->arena, arg(f, "summary"));
    char *details = arena_strdup(&f->arena, arg(f, "details"));
    if (cut(message, MESSAGE_MAX)) /* nobody should have to guess the end of the sentence */
        details = arena_printf(&f->arena, "%s\n\n%s", arg(f, "summary"), details);
    (void)cut(details, DESCRIPTION_MAX);
    json_t *alert =
        json_pack("{s:s, s:s, s:[O], s:s, s:[s], s:{s:s}, s:s}", "message", message, "alias", f->effect.key,
                  "responders", t->responder, "priority", json_str(f->effect.args, "priority", "P1"), "tags",
                  "signalbox", t->o->dialect->one ? "details" : "extraProperties", "change", f->effect.change,
                  "source", "signalbox");
    if (*details)
        json_object_set_new(alert, "description", json_string(details));
    return alert;
}

static void send_alert(struct opsgenie_flow *t)
{
    _cleanup_json_ json_t *body = alert_of(t);
    flow_json(&t->f, "POST", "open an alert", opsgenie_path(&t->f, "/alerts"), body, false, on_accepted);
}

struct task *opsgenie_act_alert(struct system *s, const struct effect *e, outcome_fn *done,
                                UNUSED progress_fn *progress, void *ctx)
{
    const char *priority = json_str(e->args, "priority", "P1");
    if (priority[0] != 'P' || priority[1] < '1' || priority[1] > '5' || priority[2])
        return task_ends(s, done, ctx, OUTCOME_FAILED, "an alert's priority is P1 to P5, not \"%s\"",
                         priority);
    struct opsgenie_flow *t = opsgenie_flow_new(sizeof *t, s, e, done, NULL, ctx);
    t->o->dialect->find_responder(t, send_alert);
    return &t->f.task;
}

/* --- acknowledged
 * ---------------------------------------------------------------------------------------------- */

/* Reports count milliseconds since the alert was made. */
static int64_t answered_ms(const struct flow *f, const json_t *alert, const char *after)
{
    int64_t at, created;
    int64_t took = json_int(alert, after, -1);
    if (took >= 0 && instant_parse_rfc3339(json_str(alert, "createdAt", ""), &created, NULL))
        return created + took;
    if (instant_parse_rfc3339(json_str(alert, "updatedAt", ""), &at, NULL))
        return at;
    return f->system->around->now(f->system->around->now_ctx);
}

static void look_whether_acknowledged(struct flow *f);

static void on_alert(struct flow *f, const struct http_reply *reply)
{
    struct opsgenie_flow *t = (struct opsgenie_flow *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *alert = opsgenie_one(t->o, answer);
    const char *status = json_str(alert, "status", NULL);
    if (!status) {
        flow_failed_look(f, reply);
        return;
    }
    bool closed = str_eq(status, "closed");
    if (closed || json_flag(alert, "acknowledged", false)) {
        bool first = json_flag(alert, "acknowledged", false) || *json_str(alert, "report.acknowledgedBy", "");
        const char *by = json_str(alert, first ? "report.acknowledgedBy" : "report.closedBy",
                                  json_str(alert, "owner", ""));
        int64_t at = answered_ms(f, alert, first ? "report.ackTime" : "report.closeTime");
        flow_done(f, json_pack("{s:s, s:I}", "by", by, "at", (json_int_t)at));
        return;
    }
    _cleanup_json_ json_t *view = json_pack("{s:s}", "status", "open");
    if (flow_tell(f, view))
        flow_wait(f, flow_pause(f, f->system->around->poll_ms, 50), look_whether_acknowledged);
}

static void look_whether_acknowledged(struct flow *f)
{
    flow_get(f, "read the alert", alert_path(f, ""), on_alert);
}

struct task *opsgenie_look_acknowledged(struct system *s, const struct effect *e, outcome_fn *done,
                                        progress_fn *progress, void *ctx)
{
    struct opsgenie_flow *t = opsgenie_flow_new(sizeof *t, s, e, done, progress, ctx);
    look_whether_acknowledged(&t->f);
    return &t->f.task;
}

/* --- close
 * ----------------------------------------------------------------------------------------------------- */

static void look_whether_closed(struct flow *f);

static void on_noted(struct flow *f, UNUSED const struct http_reply *reply)
{
    alerted(f, arg(f, "alert")); /* it is closed; a note that was refused does not open it again */
}

/* The note comes after the closing: should we die between the two, it is missing rather than there twice. */
static void closed(struct opsgenie_flow *t, bool by_us)
{
    struct flow *f = &t->f;
    if (!by_us || t->o->dialect->closes_with_note || !*arg(f, "note")) {
        alerted(f, arg(f, "alert"));
        return;
    }
    _cleanup_json_ json_t *body = json_pack("{s:s}", "note", arg(f, "note"));
    flow_json(f, "POST", "note why the alert is closed", alert_path(f, "/notes"), body, false, on_noted);
}

static void on_closing(struct flow *f, const struct http_reply *reply)
{
    if (reply->error.code == SB_OK && reply->status >= 200 && reply->status < 300)
        soon(f, look_whether_closed);
    else
        flow_failed_send(f, reply);
}

static void send_close(struct opsgenie_flow *t)
{
    struct flow *f = &t->f;
    _cleanup_json_ json_t *body = json_object();
    if (t->o->dialect->closes_with_note) {
        json_object_set_new(body, "source", json_string("signalbox"));
        if (*arg(f, "note"))
            json_object_set_new(body, "note", json_string(arg(f, "note")));
    }
    flow_json(f, "POST", "close the alert", alert_path(f, "/close"), body, false, on_closing);
}

static void on_whether_closed(struct flow *f, const struct http_reply *reply)
{
    struct opsgenie_flow *t = (struct opsgenie_flow *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const char *status = json_str(opsgenie_one(t->o, answer), "status", NULL);
    int looks = t->looks++;
    if (!status)
        flow_failed_look(f, reply);
    else if (str_eq(status, "closed"))
        closed(t, looks > 0);
    else if (looks == 0)
        send_close(t);
    else if (looks < LOOKS_MAX)
        soon(f, look_whether_closed);
    else
        flow_ends(f, OUTCOME_UNKNOWN, SB_REMOTE, "%s accepted the closing of the alert, but it is still %s",
                  t->o->dialect->says, status);
}

static void look_whether_closed(struct flow *f)
{
    flow_get(f, "read the alert", alert_path(f, ""), on_whether_closed);
}

struct task *opsgenie_act_close(struct system *s, const struct effect *e, outcome_fn *done,
                                UNUSED progress_fn *progress, void *ctx)
{
    struct opsgenie_flow *t = opsgenie_flow_new(sizeof *t, s, e, done, NULL, ctx);
    look_whether_closed(&t->f);
    return &t->f.task;
}
