/* Opsgenie: alerts, which are processed a moment after they were taken, and who is on call. */
#include "base/buf.h"
#include "base/json.h"
#include "yard/opsgenie_alerts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- answers ----------------------------------------------------------------------------------------- */

static void refuse(struct call *c, int status, const char *message)
{
    call_answer(c, status,
                json_pack("{s:s, s:f, s:s}", "message", message, "took", 0.01, "requestId",
                          stable_id(c->a, 32, "%lld", (long long)c->now)));
}

static void success(struct call *c, json_t *data)
{
    call_answer(c, 200,
                json_pack("{s:o, s:f, s:s}", "data", data, "took", 0.01, "requestId",
                          stable_id(c->a, 32, "%lld", (long long)c->now)));
}

/* Taken; whether it will succeed is told later by GET /v2/alerts/requests/ID. */
static void taken(struct call *c, const char *id)
{
    call_answer(
        c, 202,
        json_pack("{s:s, s:f, s:s}", "result", "Request will be processed", "took", 0.01, "requestId", id));
}

/* --- alerts ------------------------------------------------------------------------------------------ */

static void create(struct call *c)
{
    _cleanup_json_ json_t *body = call_json(c);
    const char *fault = opsgenie_alerts_fault(body);
    if (fault)
        refuse(c, 422,
               arena_printf(c->a, "Request body is not processable. Please check the errors: %s", fault));
    else
        taken(c, opsgenie_alerts_take_create(c, "opsgenie", body));
}

static void act(struct call *c, const char *action)
{
    const char *type = request_query(c->x, "identifierType");
    taken(c, opsgenie_alerts_take_action(c, "opsgenie", action, c->part[0], type ? type : "id"));
}

static void acknowledge(struct call *c)
{
    act(c, "acknowledge");
}

static void close_alert(struct call *c)
{
    act(c, "close");
}

static void note(struct call *c)
{
    act(c, "note");
}

static void escalate(struct call *c)
{
    act(c, "escalate");
}

static void show(struct call *c)
{
    const json_t *alert = opsgenie_alerts_find(c->world, request_query(c->x, "identifierType"), c->part[0]);
    if (alert)
        success(c, json_deep_copy(alert));
    else
        refuse(c, 404, "Alert does not exist with the requested identifier");
}

static void request_status(struct call *c)
{
    const json_t *r = opsgenie_alerts_request(c->world, c->part[0]);
    if (!r) {
        refuse(c, 404, "Request not found. It might not be processed, yet.");
        return;
    }
    const char *alert = json_str(r, "alertId", NULL), *action = json_str(r, "action", "");
    const json_t *it = alert ? opsgenie_alerts_find(c->world, "id", alert) : NULL;
    const char *status = !alert                     ? "Alert does not exist"
                         : str_eq(action, "create") ? "Created alert"
                                                    : "Processed";
    success(c, json_pack("{s:b, s:s, s:s, s:s, s:s, s:b, s:s}", "success", alert != NULL, "action", action,
                         "processedAt", json_str(r, "processed", ""), "status", status, "alertId",
                         alert ? alert : "", "isSuccess", alert != NULL, "alias", json_str(it, "alias", "")));
}

static void list(struct call *c)
{
    const char *limit = request_query(c->x, "limit"), *offset = request_query(c->x, "offset");
    success(c, opsgenie_alerts_list(c->world, request_query(c->x, "query"),
                                    offset ? strtoul(offset, NULL, 10) : 0,
                                    limit ? strtoul(limit, NULL, 10) : 20));
}

/* --- schedules --------------------------------------------------------------------------------------- */

static void schedules(struct call *c)
{
    json_t *all = json_array(), *people;
    const char *name;
    json_object_foreach(json_object_get(c->world, "schedules"), name, people)
        json_array_append_new(all,
                              json_pack("{s:s, s:s, s:s, s:b}", "id", opsgenie_alerts_schedule_id(c->a, name),
                                        "name", name, "timezone", "Etc/UTC", "enabled", 1));
    success(c, all);
}

static void on_calls(struct call *c)
{
    const char *name, *flat = request_query(c->x, "flat"),
                      *type = request_query(c->x, "scheduleIdentifierType");
    bool by_name = type && str_eq(type, "name");
    json_t *people, *mail;
    size_t i;
    json_object_foreach(json_object_get(c->world, "schedules"), name, people) {
        if (!str_eq(by_name ? name : opsgenie_alerts_schedule_id(c->a, name), c->part[0]))
            continue;
        json_t *parent = json_pack("{s:s, s:s, s:b}", "id", opsgenie_alerts_schedule_id(c->a, name), "name",
                                   name, "enabled", 1),
               *full = json_array();
        json_array_foreach(people, i, mail)
            json_array_append_new(full, json_pack("{s:s, s:O, s:s}", "id",
                                                  stable_id(c->a, 32, "%s", json_string_value(mail)), "name",
                                                  mail, "type", "user"));
        if (flat && str_eq(flat, "true"))
            success(c, json_pack("{s:o, s:O}", "_parent", parent, "onCallRecipients", people));
        else
            success(c, json_pack("{s:o, s:O}", "_parent", parent, "onCallParticipants", full));
        json_decref(full);
        return;
    }
    refuse(c, 404, arena_printf(c->a, "Schedule with identifier [%s] not found", c->part[0]));
}

static void account(struct call *c)
{
    success(c, json_pack("{s:s, s:i}", "name", "retail", "userCount", 13));
}

static const struct route routes[] = {
    {"POST", "/v2/alerts", create},
    {"GET", "/v2/alerts", list},
    {"GET", "/v2/alerts/requests/*", request_status},
    {"GET", "/v2/alerts/*", show},
    {"POST", "/v2/alerts/*/acknowledge", acknowledge},
    {"POST", "/v2/alerts/*/close", close_alert},
    {"POST", "/v2/alerts/*/notes", note},
    {"POST", "/v2/alerts/*/escalate", escalate},
    {"GET", "/v2/schedules", schedules},
    {"GET", "/v2/schedules/*/on-calls", on_calls},
    {"GET", "/v2/account", account},
    {NULL, NULL, NULL},
};

static void serve(struct yard *y, json_t *world, struct exchange *x)
{
    struct call c = call_of(y, world, x);
    yard_answer_header(y, x, "X-RateLimit-State", "OK");
    if (!call_signed_in(&c, "GenieKey", yard_secret(y, "opsgenie"))) {
        refuse(&c, 401, "Could not authenticate");
        return;
    }
    switch (route_serve(routes, &c)) {
    case ROUTE_SERVED:
        break;
    case ROUTE_OTHER_METHOD:
        refuse(&c, 405, "Method Not Allowed");
        break;
    case ROUTE_NO_PATH:
        refuse(&c, 404, "No such path");
        break;
    }
}

static json_t *world_new(const json_t *scenario, int64_t now)
{
    (void)now;
    return opsgenie_alerts_world(scenario);
}

static void configure(const struct yard *y, const char *url, const char *secrets_dir, struct buf *out)
{
    (void)y;
    buf_printf(out, "    driver: opsgenie\n    url: %s\n    token: \"file:%s/opsgenie\"\n", url, secrets_dir);
}

const struct stand_in opsgenie_stand_in = {
    .name = "opsgenie",
    .imitates = "Opsgenie's REST API v2",
    .role = "pager",
    .world = world_new,
    .serve = serve,
    .configure = configure,
    .settle = opsgenie_alerts_settle,
};
