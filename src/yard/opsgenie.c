/* Opsgenie: alerts, which are processed a moment after they were taken, and who is on call. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "yard/route.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROCESSED_AFTER_MS = 400, MESSAGE_MAX = 130, ALIAS_MAX = 512 };

/* --- world ------------------------------------------------------------------------------------------- */

/* Whoever of the scenario's people has "on-call.SCHEDULE" for a mail name is on call there, and answers its
 * alerts when told so. */
static json_t *world_new(const json_t *scenario, int64_t now)
{
    (void)now;
    json_t *schedules = json_object(), *answers = json_object(), *person;
    const char *mail;
    json_object_foreach(json_object_get(scenario, "people"), mail, person) {
        char schedule[64];
        if (!str_starts(mail, "on-call."))
            continue;
        snprintf(schedule, sizeof schedule, "%.*s", (int)strcspn(mail + 8, "@"), mail + 8);
        json_object_set_new(schedules, schedule, json_pack("[s]", mail));
        const json_t *alert = json_path(person, "answers.alert");
        if (alert)
            json_object_set_new(answers, schedule,
                                json_pack("{s:s, s:f}", "by", mail, "after", json_num(alert, "after", 0)));
    }
    return json_pack("{s:o, s:o, s:[], s:[], s:i}", "schedules", schedules, "answers", answers, "alerts",
                     "requests", "next", 1);
}

/* The open alert of an alias, or else the last closed one. */
static json_t *by_alias(const json_t *world, const char *alias)
{
    json_t *found = NULL, *alert;
    size_t i;
    json_array_foreach(json_object_get(world, "alerts"), i, alert)
        if (str_eq(json_str(alert, "alias", ""), alias)) {
            found = alert;
            if (str_eq(json_str(alert, "status", ""), "open"))
                return alert;
        }
    return found;
}

static json_t *by_identifier(const json_t *world, const char *type, const char *identifier)
{
    size_t i;
    json_t *alert;
    if (type && str_eq(type, "alias"))
        return by_alias(world, identifier);
    json_array_foreach(json_object_get(world, "alerts"), i, alert)
        if (str_eq(json_str(alert, type && str_eq(type, "tiny") ? "tinyId" : "id", ""), identifier))
            return alert;
    return NULL;
}

/* --- what happens by itself -------------------------------------------------------------------------- */

static void set_time(json_t *object, const char *name, int64_t ms)
{
    char text[32];
    instant_rfc3339(ms, text);
    json_object_set_new(object, name, json_string(text));
}

/* An alias that is open already only counts up. */
static const char *take_alert(json_t *world, const json_t *asked, int64_t at, const char *id)
{
    const char *alias = json_str(asked, "alias", id);
    json_t *known = by_alias(world, alias);
    if (known && str_eq(json_str(known, "status", ""), "open")) {
        json_object_set_new(known, "count", json_integer(json_int(known, "count", 1) + 1));
        set_time(known, "lastOccurredAt", at);
        return json_str(known, "id", "");
    }
    json_t *alert = json_deep_copy(asked);
    json_object_set_new(alert, "id", json_string(id));
    json_object_set_new(alert, "alias", json_string(alias));
    char tiny[16];
    snprintf(tiny, sizeof tiny, "%zu", json_array_size(json_object_get(world, "alerts")) + 1);
    json_object_set_new(alert, "tinyId", json_string(tiny));
    json_object_set_new(alert, "status", json_string("open"));
    json_object_set_new(alert, "acknowledged", json_false());
    json_object_set_new(alert, "owner", json_string(""));
    json_object_set_new(alert, "count", json_integer(1));
    json_object_set_new(alert, "at", json_integer(at));
    if (!json_object_get(alert, "priority"))
        json_object_set_new(alert, "priority", json_string("P3"));
    set_time(alert, "createdAt", at);
    set_time(alert, "updatedAt", at);
    json_array_append_new(json_object_get(world, "alerts"), alert);
    return id;
}

static const char *apply(json_t *world, json_t *request, int64_t at)
{
    const char *action = json_str(request, "action", ""), *id = json_str(request, "alert", "");
    if (str_eq(action, "create"))
        return take_alert(world, json_object_get(request, "asked"), at, json_str(request, "id", ""));
    json_t *alert = by_identifier(world, json_str(request, "type", "id"), id);
    if (!alert)
        return NULL;
    if (str_eq(action, "acknowledge")) {
        json_object_set_new(alert, "acknowledged", json_true());
        json_object_set_new(alert, "owner", json_string(json_str(request, "user", "signalbox")));
    }
    if (str_eq(action, "close"))
        json_object_set_new(alert, "status", json_string("closed"));
    set_time(alert, "updatedAt", at);
    return json_str(alert, "id", "");
}

static void process_due(json_t *world, int64_t now)
{
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(world, "requests"), i, r) {
        int64_t due = json_int(r, "due", 0);
        if (due > now || json_object_get(r, "processed"))
            continue;
        const char *alert = apply(world, r, due);
        set_time(r, "processed", due);
        json_object_set_new(r, "alertId", alert ? json_string(alert) : json_null());
    }
}

/* The scenario's people on call acknowledge what concerns them. */
static void people_answer(struct yard *y, json_t *world, int64_t now)
{
    size_t i, k;
    json_t *alert, *responder;
    json_array_foreach(json_object_get(world, "alerts"), i, alert) {
        if (!str_eq(json_str(alert, "status", ""), "open") || json_flag(alert, "acknowledged", false))
            continue;
        json_array_foreach(json_object_get(alert, "responders"), k, responder) {
            const json_t *answer =
                json_object_get(json_object_get(world, "answers"), json_str(responder, "name", ""));
            if (!answer || json_int(alert, "at", 0) + yard_pace(y, json_num(answer, "after", 0)) > now)
                continue;
            json_object_set_new(alert, "acknowledged", json_true());
            json_object_set(alert, "owner", json_object_get(answer, "by"));
        }
    }
}

static void settle(struct yard *y, json_t *world, int64_t now)
{
    process_due(world, now);
    people_answer(y, world, now);
}

/* --- answers ----------------------------------------------------------------------------------------- */

static const char *request_id(struct call *c)
{
    int64_t n = json_int(c->world, "next", 1);
    json_object_set_new(c->world, "next", json_integer(n + 1));
    const char *h = stable_id(c->a, 32, "request %lld", (long long)n);
    return arena_printf(c->a, "%.8s-%.4s-4%.3s-8%.3s-%.12s", h, h + 8, h + 13, h + 17, h + 20);
}

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
static void take(struct call *c, json_t *request, const char *what, const char *key)
{
    const char *id = json_str(request, "id", "");
    json_object_set_new(request, "due",
                        json_integer(c->now + yard_pace(c->y, (double)PROCESSED_AFTER_MS / 1000)));
    json_array_append_new(json_object_get(c->world, "requests"), request);
    yard_deed(c->y, "opsgenie", what, key);
    call_answer(
        c, 202,
        json_pack("{s:s, s:f, s:s}", "result", "Request will be processed", "took", 0.01, "requestId", id));
}

/* --- alerts ------------------------------------------------------------------------------------------ */

static void create(struct call *c)
{
    _cleanup_json_ json_t *body = call_json(c);
    const char *message = json_str(body, "message", ""), *alias = json_str(body, "alias", ""),
               *priority = json_str(body, "priority", "P3");
    if (!*message)
        refuse(c, 422, "Request body is not processable. Please check the errors: message: may not be empty");
    else if (strlen(message) > MESSAGE_MAX)
        refuse(c, 422,
               "Request body is not processable. Please check the errors: message: length must be between 1 "
               "and 130");
    else if (strlen(alias) > ALIAS_MAX)
        refuse(c, 422,
               "Request body is not processable. Please check the errors: alias: length must be at most 512");
    else if (priority[0] != 'P' || priority[1] < '1' || priority[1] > '5' || priority[2])
        refuse(c, 422,
               "Request body is not processable. Please check the errors: priority: must be one of [P1, P2, "
               "P3, P4, P5]");
    else
        take(c, json_pack("{s:s, s:s, s:O}", "id", request_id(c), "action", "create", "asked", body),
             arena_printf(c->a, "alert %s", message), alias);
}

static void act(struct call *c, const char *action)
{
    _cleanup_json_ json_t *body = call_json(c);
    const char *type = request_query(c->x, "identifierType");
    take(c,
         json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", request_id(c), "action", action, "alert", c->part[0],
                   "type", type ? type : "id", "user", json_str(body, "user", "signalbox")),
         arena_printf(c->a, "%s alert", action), "");
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
    const json_t *alert = by_identifier(c->world, request_query(c->x, "identifierType"), c->part[0]);
    if (alert)
        success(c, json_deep_copy(alert));
    else
        refuse(c, 404, "Alert does not exist with the requested identifier");
}

static void request_status(struct call *c)
{
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(c->world, "requests"), i, r)
        if (str_eq(json_str(r, "id", ""), c->part[0]) && json_object_get(r, "processed")) {
            const char *alert = json_str(r, "alertId", NULL), *action = json_str(r, "action", "");
            const json_t *it = alert ? by_identifier(c->world, "id", alert) : NULL;
            const char *status = !alert                     ? "Alert does not exist"
                                 : str_eq(action, "create") ? "Created alert"
                                                            : "Processed";
            success(c, json_pack("{s:b, s:s, s:s, s:s, s:s, s:b, s:s}", "success", alert != NULL, "action",
                                 action, "processedAt", json_str(r, "processed", ""), "status", status,
                                 "alertId", alert ? alert : "", "isSuccess", alert != NULL, "alias",
                                 json_str(it, "alias", "")));
            return;
        }
    refuse(c, 404, "Request not found. It might not be processed, yet.");
}

static void list(struct call *c)
{
    json_t *all = json_array(), *alert;
    const char *query = request_query(c->x, "query"), *limit = request_query(c->x, "limit");
    size_t i, most = limit ? strtoul(limit, NULL, 10) : 20;
    json_array_foreach(json_object_get(c->world, "alerts"), i, alert) {
        bool open = str_eq(json_str(alert, "status", ""), "open");
        if (json_array_size(all) < most && (!query || (strstr(query, "open") ? open : true)))
            json_array_insert(all, 0, alert);
    }
    success(c, all);
}

/* --- schedules --------------------------------------------------------------------------------------- */

static void schedules(struct call *c)
{
    json_t *all = json_array(), *people;
    const char *name;
    json_object_foreach(json_object_get(c->world, "schedules"), name, people)
        json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:b}", "id", stable_id(c->a, 32, "%s", name),
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
        if (!str_eq(by_name ? name : stable_id(c->a, 32, "%s", name), c->part[0]))
            continue;
        json_t *parent = json_pack("{s:s, s:s, s:b}", "id", stable_id(c->a, 32, "%s", name), "name", name,
                                   "enabled", 1),
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
    .settle = settle,
};
