#include "yard/opsgenie_alerts.h"

#include "base/instant.h"
#include "base/json.h"
#include <stdio.h>
#include <string.h>

enum { PROCESSED_AFTER_MS = 400, MESSAGE_MAX = 130, ALIAS_MAX = 512 };

json_t *opsgenie_alerts_world(const json_t *scenario)
{
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

const char *opsgenie_alerts_schedule_id(struct arena *a, const char *name)
{
    return stable_id(a, 32, "%s", name);
}

const char *opsgenie_alerts_team_id(struct arena *a, const char *name)
{
    return stable_id(a, 32, "team %s", name);
}

/* --- finding ----------------------------------------------------------------------------------------- */

static bool is_open(const json_t *alert)
{
    return str_eq(json_str(alert, "status", ""), "open");
}

static json_t *by_alias(const json_t *world, const char *alias)
{
    json_t *found = NULL, *alert;
    size_t i;
    json_array_foreach(json_object_get(world, "alerts"), i, alert)
        if (str_eq(json_str(alert, "alias", ""), alias)) {
            found = alert;
            if (is_open(alert))
                return alert;
        }
    return found;
}

json_t *opsgenie_alerts_find(const json_t *world, const char *type, const char *identifier)
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

const json_t *opsgenie_alerts_request(const json_t *world, const char *id)
{
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(world, "requests"), i, r)
        if (str_eq(json_str(r, "id", ""), id) && json_object_get(r, "processed"))
            return r;
    return NULL;
}

static bool query_fits(const char *query, const json_t *alert)
{
    const char *alias = query ? strstr(query, "alias:") : NULL, *mine = json_str(alert, "alias", "");
    if (query && strstr(query, "status:open") && !is_open(alert))
        return false;
    if (query && strstr(query, "status:closed") && is_open(alert))
        return false;
    if (!alias)
        return true;
    alias += strlen("alias:");
    bool quoted = *alias == '"';
    alias += quoted;
    size_t n = strcspn(alias, quoted ? "\"" : " ");
    return strlen(mine) == n && memcmp(mine, alias, n) == 0;
}

json_t *opsgenie_alerts_list(const json_t *world, const char *query, size_t offset, size_t most)
{
    json_t *all = json_array();
    const json_t *alerts = json_object_get(world, "alerts");
    for (size_t i = json_array_size(alerts); i-- > 0 && json_array_size(all) < most;) {
        json_t *alert = json_array_get(alerts, i);
        if (!query_fits(query, alert))
            continue;
        if (offset > 0)
            offset--;
        else
            json_array_append(all, alert);
    }
    return all;
}

/* --- what happens by itself -------------------------------------------------------------------------- */

static void set_time(json_t *object, const char *name, int64_t ms)
{
    char text[32];
    instant_rfc3339(ms, text);
    json_object_set_new(object, name, json_string(text));
}

/* Whoever was named is told by id as well. */
static void add_ids(json_t *responders)
{
    _cleanup_arena_ struct arena a = arena_make();
    size_t i;
    json_t *r;
    json_array_foreach(responders, i, r) {
        const char *name = json_str(r, "name", "");
        bool team = str_eq(json_str(r, "type", ""), "team");
        if (!json_object_get(r, "id"))
            json_object_set_new(r, "id",
                                json_string(team ? opsgenie_alerts_team_id(&a, name)
                                                 : opsgenie_alerts_schedule_id(&a, name)));
    }
}

/* An alias that is open already only counts up. */
static const char *make_alert(json_t *world, const json_t *asked, int64_t at, const char *id)
{
    const char *alias = json_str(asked, "alias", id);
    json_t *known = by_alias(world, alias);
    if (known && is_open(known)) {
        json_object_set_new(known, "count", json_integer(json_int(known, "count", 1) + 1));
        set_time(known, "lastOccurredAt", at);
        return json_str(known, "id", "");
    }
    json_t *alert = json_deep_copy(asked);
    char tiny[16];
    snprintf(tiny, sizeof tiny, "%zu", json_array_size(json_object_get(world, "alerts")) + 1);
    json_t *own =
        json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:i, s:I}", "id", id, "alias", alias, "tinyId", tiny,
                  "status", "open", "acknowledged", 0, "owner", "", "count", 1, "at", (json_int_t)at);
    json_object_update(alert, own);
    add_ids(json_object_get(alert, "responders"));
    json_decref(own);
    if (!json_object_get(alert, "priority"))
        json_object_set_new(alert, "priority", json_string("P3"));
    set_time(alert, "createdAt", at);
    set_time(alert, "updatedAt", at);
    json_array_append_new(json_object_get(world, "alerts"), alert);
    return id;
}

static const char *carry_out(json_t *world, json_t *request, int64_t at)
{
    const char *action = json_str(request, "action", ""), *id = json_str(request, "alert", "");
    if (str_eq(action, "create"))
        return make_alert(world, json_object_get(request, "asked"), at, json_str(request, "id", ""));
    json_t *alert = opsgenie_alerts_find(world, json_str(request, "type", "id"), id);
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
        const char *alert = carry_out(world, r, due);
        set_time(r, "processed", due);
        json_object_set_new(r, "alertId", alert ? json_string(alert) : json_null());
    }
}

/* How the scenario's person answers for this responder, named or by the id of schedule or team. */
static const json_t *answer_for(const json_t *world, const json_t *responder)
{
    const char *name = json_str(responder, "name", NULL), *id = json_str(responder, "id", ""), *known;
    json_t *answers = json_object_get(world, "answers"), *answer;
    if (name)
        return json_object_get(answers, name);
    _cleanup_arena_ struct arena a = arena_make();
    json_object_foreach(answers, known, answer)
        if (str_eq(id, opsgenie_alerts_schedule_id(&a, known)) ||
            str_eq(id, opsgenie_alerts_team_id(&a, known)))
            return answer;
    return NULL;
}

/* The scenario's people on call acknowledge what concerns them. */
static void people_answer(struct yard *y, json_t *world, int64_t now)
{
    size_t i, k;
    json_t *alert, *responder;
    json_array_foreach(json_object_get(world, "alerts"), i, alert) {
        if (!is_open(alert) || json_flag(alert, "acknowledged", false))
            continue;
        json_array_foreach(json_object_get(alert, "responders"), k, responder) {
            const json_t *answer = answer_for(world, responder);
            if (!answer || json_int(alert, "at", 0) + yard_pace(y, json_num(answer, "after", 0)) > now)
                continue;
            json_object_set_new(alert, "acknowledged", json_true());
            json_object_set(alert, "owner", json_object_get(answer, "by"));
        }
    }
}

void opsgenie_alerts_settle(struct yard *y, json_t *world, int64_t now)
{
    process_due(world, now);
    people_answer(y, world, now);
}

/* --- requests ---------------------------------------------------------------------------------------- */

const char *opsgenie_alerts_fault(const json_t *asked)
{
    const char *message = json_str(asked, "message", ""), *alias = json_str(asked, "alias", ""),
               *priority = json_str(asked, "priority", "P3");
    if (!*message)
        return "message: may not be empty";
    if (strlen(message) > MESSAGE_MAX)
        return "message: length must be between 1 and 130";
    if (strlen(alias) > ALIAS_MAX)
        return "alias: length must be at most 512";
    if (priority[0] != 'P' || priority[1] < '1' || priority[1] > '5' || priority[2])
        return "priority: must be one of [P1, P2, P3, P4, P5]";
    return NULL;
}

static const char *next_id(struct call *c)
{
    int64_t n = json_int(c->world, "next", 1);
    json_object_set_new(c->world, "next", json_integer(n + 1));
    const char *h = stable_id(c->a, 32, "request %lld", (long long)n);
    return arena_printf(c->a, "%.8s-%.4s-4%.3s-8%.3s-%.12s", h, h + 8, h + 13, h + 17, h + 20);
}

static const char *take(struct call *c, const char *system, json_t *request, const char *what,
                        const char *key)
{
    const char *id = next_id(c);
    json_object_set_new(request, "id", json_string(id));
    json_object_set_new(request, "due",
                        json_integer(c->now + yard_pace(c->y, (double)PROCESSED_AFTER_MS / 1000)));
    json_array_append_new(json_object_get(c->world, "requests"), request);
    yard_deed(c->y, system, what, key);
    return id;
}

const char *opsgenie_alerts_take_create(struct call *c, const char *system, json_t *asked)
{
    return take(c, system, json_pack("{s:s, s:O}", "action", "create", "asked", asked),
                arena_printf(c->a, "alert %s", json_str(asked, "message", "")), json_str(asked, "alias", ""));
}

const char *opsgenie_alerts_take_action(struct call *c, const char *system, const char *action,
                                        const char *alert, const char *type)
{
    _cleanup_json_ json_t *body = call_json(c);
    return take(c, system,
                json_pack("{s:s, s:s, s:s, s:s}", "action", action, "alert", alert, "type", type, "user",
                          json_str(body, "user", "signalbox")),
                arena_printf(c->a, "%s alert", action), "");
}
