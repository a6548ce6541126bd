/* JSM Operations: the alerts and schedules of Opsgenie's successor, with a site that knows people's names.
 * Where Opsgenie takes names it takes ids, and of people it tells account ids. */
#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "yard/opsgenie_alerts.h"
#include <stdlib.h>
#include <string.h>

#define MAIL  "signalbox@example.com"
#define CLOUD "11223344-a1b2-3b33-c444-def123456789"
#define BASE  "/jsm/ops/api/" CLOUD "/v1"

enum { A_PAGE = 20, A_PAGE_MOST = 100 };

static void refuse(struct call *c, int status, const char *message)
{
    call_answer(c, status,
                json_pack("{s:s, s:f, s:s}", "message", message, "took", 0.01, "requestId",
                          stable_id(c->a, 32, "%lld", (long long)c->now)));
}

static size_t number(struct call *c, const char *name, size_t usual, size_t most)
{
    const char *text = request_query(c->x, name);
    size_t n = text ? strtoul(text, NULL, 10) : usual;
    return n > most ? most : n;
}

/* A page of a list, with where the next one is. Takes `all`. */
static void answer_page(struct call *c, json_t *all, size_t offset, size_t size)
{
    json_t *shown = json_array(), *links = json_object();
    for (size_t i = offset; i < json_array_size(all) && i < offset + size; i++)
        json_array_append(shown, json_array_get(all, i));
    if (json_array_size(all) > offset + size)
        json_object_set_new(links, "next",
                            json_string(arena_printf(c->a, "%s%s?offset=%zu&size=%zu", yard_url(c->y, "jsm"),
                                                     c->r->path, offset + size, size)));
    json_decref(all);
    call_answer(c, 200, json_pack("{s:o, s:o}", "values", shown, "links", links));
}

/* --- alerts ------------------------------------------------------------------------------------------ */

static void taken(struct call *c, const char *id)
{
    call_answer(
        c, 202,
        json_pack("{s:s, s:s, s:f}", "result", "Request will be processed", "requestId", id, "took", 0.01));
}

/* Its responders are ids, and it takes `extraProperties` where Opsgenie took `details`. */
static const char *fault_of(const json_t *asked)
{
    size_t i;
    json_t *responder;
    json_array_foreach(json_object_get(asked, "responders"), i, responder)
        if (!json_str(responder, "id", NULL) || !json_str(responder, "type", NULL))
            return "responders: each must have a type and an id";
    if (json_object_get(asked, "details"))
        return "details: unknown property";
    return opsgenie_alerts_fault(asked);
}

static void create(struct call *c)
{
    _cleanup_json_ json_t *body = call_json(c);
    const char *fault = fault_of(body);
    if (fault)
        refuse(c, 400, fault);
    else
        taken(c, opsgenie_alerts_take_create(c, "jsm", body));
}

static void acknowledge(struct call *c)
{
    taken(c, opsgenie_alerts_take_action(c, "jsm", "acknowledge", c->part[0], "id"));
}

static void close_alert(struct call *c)
{
    taken(c, opsgenie_alerts_take_action(c, "jsm", "close", c->part[0], "id"));
}

/* A note is there at once. */
static void note(struct call *c)
{
    _cleanup_json_ json_t *body = call_json(c);
    json_t *alert = opsgenie_alerts_find(c->world, "id", c->part[0]);
    const char *text = json_str(body, "note", "");
    if (!alert) {
        refuse(c, 404, "Alert not found");
        return;
    }
    if (!*text) {
        refuse(c, 400, "note: may not be empty");
        return;
    }
    if (!json_object_get(alert, "notes"))
        json_object_set_new(alert, "notes", json_array());
    json_array_append_new(json_object_get(alert, "notes"), json_string(text));
    yard_deed(c->y, "jsm", "note alert", "");
    call_answer(c, 201, json_pack("{s:s, s:s}", "id", stable_id(c->a, 16, "%s", text), "note", text));
}

static void show(struct call *c)
{
    const json_t *alert = opsgenie_alerts_find(c->world, "id", c->part[0]);
    if (alert)
        call_answer(c, 200, json_deep_copy(alert));
    else
        refuse(c, 404, "Alert not found");
}

/* This way knows open alerts only. */
static void by_alias(struct call *c)
{
    const char *alias = request_query(c->x, "alias");
    const json_t *alert = alias ? opsgenie_alerts_find(c->world, "alias", alias) : NULL;
    if (alert && str_eq(json_str(alert, "status", ""), "open"))
        call_answer(c, 200, json_deep_copy(alert));
    else
        refuse(c, 404, "Alert not found");
}

static void request_status(struct call *c)
{
    const json_t *r = opsgenie_alerts_request(c->world, c->part[0]);
    if (!r) {
        refuse(c, 404, "Request not found. It might not be processed, yet.");
        return;
    }
    const char *alert = json_str(r, "alertId", NULL);
    call_answer(c, 200,
                json_pack("{s:b, s:s, s:s, s:s, s:s}", "isSuccess", alert != NULL, "action",
                          json_str(r, "action", ""), "processedAt", json_str(r, "processed", ""), "status",
                          alert ? "Processed" : "Alert does not exist", "alertId", alert ? alert : ""));
}

static void list(struct call *c)
{
    answer_page(c, opsgenie_alerts_list(c->world, request_query(c->x, "query"), 0, SIZE_MAX),
                number(c, "offset", 0, SIZE_MAX), number(c, "size", A_PAGE, A_PAGE_MOST));
}

/* --- schedules, teams, people ------------------------------------------------------------------------ */

static void schedules(struct call *c)
{
    json_t *all = json_array(), *people;
    const char *name;
    json_object_foreach(json_object_get(c->world, "schedules"), name, people)
        json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:b, s:s}", "id",
                                             opsgenie_alerts_schedule_id(c->a, name), "name", name,
                                             "timezone", "Etc/UTC", "enabled", 1, "teamId",
                                             opsgenie_alerts_team_id(c->a, name)));
    answer_page(c, all, number(c, "offset", 0, SIZE_MAX), number(c, "size", A_PAGE, A_PAGE_MOST));
}

static void teams(struct call *c)
{
    json_t *all = json_array(), *people;
    const char *name;
    json_object_foreach(json_object_get(c->world, "schedules"), name, people)
        json_array_append_new(
            all, json_pack("{s:s, s:s}", "teamId", opsgenie_alerts_team_id(c->a, name), "teamName", name));
    call_answer(c, 200, json_pack("{s:o}", "platformTeams", all));
}

static const char *account_id(struct arena *a, const char *mail)
{
    return arena_printf(a, "5b10%s", stable_id(a, 20, "%s", mail));
}

static void on_calls(struct call *c)
{
    const char *name, *flat = request_query(c->x, "flat");
    json_t *people, *mail;
    size_t i;
    json_object_foreach(json_object_get(c->world, "schedules"), name, people) {
        if (!str_eq(opsgenie_alerts_schedule_id(c->a, name), c->part[0]))
            continue;
        json_t *ids = json_array(), *full = json_array();
        json_array_foreach(people, i, mail) {
            const char *id = account_id(c->a, json_string_value(mail));
            json_array_append_new(ids, json_string(id));
            json_array_append_new(full, json_pack("{s:s, s:s}", "id", id, "type", "user"));
        }
        bool is_flat = flat && str_eq(flat, "true");
        call_answer(c, 200,
                    json_pack("{s:O}", is_flat ? "onCallUsers" : "onCallParticipants", is_flat ? ids : full));
        json_decref(ids);
        json_decref(full);
        return;
    }
    refuse(c, 404, "Schedule not found");
}

static void user(struct call *c)
{
    const char *wanted = request_query(c->x, "accountId"), *mail;
    json_t *person;
    json_object_foreach(json_object_get(yard_scenario(c->y), "people"), mail, person)
        if (wanted && str_eq(account_id(c->a, mail), wanted)) {
            call_answer(c, 200,
                        json_pack("{s:s, s:s, s:s, s:b}", "accountId", wanted, "displayName",
                                  json_str(person, "name", mail), "emailAddress", mail, "active", 1));
            return;
        }
    call_answer(c, 404,
                json_pack("{s:[s], s:{}}", "errorMessages",
                          "Specified user does not exist or you do not "
                          "have required permissions",
                          "errors"));
}

/* --- the wire ---------------------------------------------------------------------------------------- */

static const struct route routes[] = {
    {"POST", BASE "/alerts", create},
    {"GET", BASE "/alerts", list},
    {"GET", BASE "/alerts/alias", by_alias},
    {"GET", BASE "/alerts/requests/*", request_status},
    {"GET", BASE "/alerts/*", show},
    {"POST", BASE "/alerts/*/acknowledge", acknowledge},
    {"POST", BASE "/alerts/*/close", close_alert},
    {"POST", BASE "/alerts/*/notes", note},
    {"GET", BASE "/schedules", schedules},
    {"GET", BASE "/schedules/*/on-calls", on_calls},
    {"GET", BASE "/teams", teams},
    {"GET", "/rest/api/3/user", user},
    {NULL, NULL, NULL},
};

static bool signed_in(struct call *c)
{
    const char *pair = arena_printf(c->a, MAIL ":%s", yard_secret(c->y, "jsm"));
    char *coded = base64_encode(pair, strlen(pair), false);
    bool in = call_signed_in(c, "Basic", coded);
    free(coded);
    if (!in)
        call_answer(c, 401, json_pack("{s:i, s:s}", "code", 401, "message", "Unauthorized"));
    return in;
}

static void serve(struct yard *y, json_t *world, struct exchange *x)
{
    struct call c = call_of(y, world, x);
    if (!signed_in(&c))
        return;
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
    buf_printf(out,
               "    driver: jsm\n    url: %s/jsm/ops/api\n    site: %s\n    cloud_id: " CLOUD
               "\n    user: " MAIL "\n    token: \"file:%s/jsm\"\n",
               url, url, secrets_dir);
}

const struct stand_in jsm_stand_in = {
    .name = "jsm",
    .imitates = "JSM Operations, REST API v1",
    .role = "pager",
    .world = world_new,
    .serve = serve,
    .configure = configure,
    .settle = opsgenie_alerts_settle,
};
