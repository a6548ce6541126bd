/* PagerDuty: events that become incidents a moment later, a service and a schedule for each team, and people
 * who answer. Events come in by a routing key, all else by the REST API's own token; one port serves both. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "yard/route.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MADE_AFTER_MS = 600, SUMMARY_MAX = 1024, DEDUP_MAX = 255, A_PAGE = 25, A_PAGE_MOST = 100 };

/* --- world ------------------------------------------------------------------------------------------- */

/* A team NAME for each of the scenario's people with "on-call.NAME" for a mail name. */
static json_t *world_new(const json_t *scenario, int64_t now)
{
    (void)now;
    json_t *teams = json_object(), *person;
    const char *mail;
    json_object_foreach(json_object_get(scenario, "people"), mail, person) {
        char name[64];
        if (!str_starts(mail, "on-call."))
            continue;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(mail + 8, "@"), mail + 8);
        json_t *team = json_pack("{s:s, s:s}", "mail", mail, "person", json_str(person, "name", mail));
        const json_t *alert = json_path(person, "answers.alert");
        if (alert)
            json_object_set_new(team, "answers_after", json_real(json_num(alert, "after", 0)));
        json_object_set_new(teams, name, team);
    }
    return json_pack("{s:o, s:[], s:[]}", "teams", teams, "events", "incidents");
}

static const char *routing_key(const struct yard *y, struct arena *a, const char *team)
{
    return stable_id(a, 32, "routing %s %s", yard_secret(y, "pagerduty"), team);
}

/* "PABC123" */
static const char *short_id(struct arena *a, const char *what, const char *name)
{
    char *id = arena_printf(a, "P%s", stable_id(a, 6, "%s %s", what, name));
    for (char *p = id; *p; p++)
        if (*p >= 'a' && *p <= 'f')
            *p = (char)(*p - 'a' + 'A');
    return id;
}

static json_t *reference(struct call *c, const char *kind, const char *name)
{
    const char *id = short_id(c->a, kind, name);
    return json_pack("{s:s, s:s, s:s, s:s, s:n}", "id", id, "type", arena_printf(c->a, "%s_reference", kind),
                     "summary", name, "self",
                     arena_printf(c->a, "%s/%ss/%s", yard_url(c->y, "pagerduty"), kind, id), "html_url");
}

static json_t *moment(int64_t ms)
{
    char text[32];
    instant_rfc3339(ms / 1000 * 1000, text);
    return json_string(text);
}

/* The open incident of a key, or NULL. */
static json_t *open_incident(const json_t *world, const char *key)
{
    size_t i;
    json_t *incident;
    json_array_foreach(json_object_get(world, "incidents"), i, incident)
        if (str_eq(json_str(incident, "key", ""), key) &&
            !str_eq(json_str(incident, "status", ""), "resolved"))
            return incident;
    return NULL;
}

static void set_status(json_t *incident, const char *status, const char *by, int64_t at)
{
    json_t *change = json_pack("{s:s, s:s, s:I}", "status", status, "by", by, "changed", (json_int_t)at);
    json_object_update(incident, change);
    json_decref(change);
    if (str_eq(status, "acknowledged"))
        json_object_set_new(incident, "acknowledged",
                            json_pack("{s:s, s:I}", "by", by, "at", (json_int_t)at));
}

static void take_event(json_t *world, const json_t *event, int64_t at)
{
    const char *action = json_str(event, "action", ""), *key = json_str(event, "key", "");
    json_t *incident = open_incident(world, key), *all = json_object_get(world, "incidents");
    if (incident && str_eq(action, "resolve")) {
        set_status(incident, "resolved", json_str(event, "team", ""), at);
    } else if (incident && str_eq(action, "acknowledge")) {
        set_status(incident, "acknowledged", json_str(event, "team", ""), at);
    } else if (!incident && str_eq(action, "trigger")) {
        incident =
            json_pack("{s:s, s:s, s:O, s:s, s:I, s:i, s:[]}", "key", key, "team", json_str(event, "team", ""),
                      "title", json_object_get(event, "summary"), "severity", json_str(event, "severity", ""),
                      "at", (json_int_t)at, "number", (int)json_array_size(all) + 1, "notes");
        set_status(incident, "triggered", json_str(event, "team", ""), at);
        json_array_append_new(all, incident);
    }
}

static void settle(struct yard *y, json_t *world, int64_t now)
{
    size_t i;
    json_t *event, *incident;
    json_array_foreach(json_object_get(world, "events"), i, event) {
        int64_t due = json_int(event, "due", 0);
        if (due > now || json_object_get(event, "taken"))
            continue;
        take_event(world, event, due);
        json_object_set_new(event, "taken", json_true());
    }
    json_array_foreach(json_object_get(world, "incidents"), i, incident) {
        const json_t *team = json_object_get(json_object_get(world, "teams"), json_str(incident, "team", ""));
        const json_t *after = json_object_get(team, "answers_after");
        int64_t at = json_int(incident, "at", 0) + yard_pace(y, json_number_value(after));
        if (after && str_eq(json_str(incident, "status", ""), "triggered") && at <= now)
            set_status(incident, "acknowledged", json_str(team, "person", ""), at);
    }
}

/* --- events ------------------------------------------------------------------------------------------ */

static void invalid_event(struct call *c, const char *error)
{
    call_answer(c, 400,
                json_pack("{s:s, s:s, s:[s]}", "status", "invalid event", "message",
                          "Event object is invalid", "errors", error));
}

static const char *event_fault(const json_t *event)
{
    static const char *const severities[] = {"critical", "error", "warning", "info"};
    const char *action = json_str(event, "event_action", ""),
               *severity = json_str(event, "payload.severity", "");
    bool trigger = str_eq(action, "trigger"), known = false;
    for (size_t i = 0; i < COUNT_OF(severities); i++)
        known = known || str_eq(severities[i], severity);
    if (!trigger && !str_eq(action, "acknowledge") && !str_eq(action, "resolve"))
        return "'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge' or 'resolve')";
    if (!trigger)
        return *json_str(event, "dedup_key", "") ? NULL : "'dedup_key' is missing or blank";
    if (strlen(json_str(event, "dedup_key", "")) > DEDUP_MAX)
        return "Length of 'dedup_key' is incorrect (should be at most 255 characters)";
    if (!*json_str(event, "payload.summary", ""))
        return "'payload.summary' is missing or blank";
    if (strlen(json_str(event, "payload.summary", "")) > SUMMARY_MAX)
        return "Length of 'payload.summary' is incorrect (should be at most 1024 characters)";
    if (!*json_str(event, "payload.source", ""))
        return "'payload.source' is missing or blank";
    return known ? NULL
                 : "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', "
                   "'error' or 'info')";
}

static const char *team_of_key(struct call *c, const char *key)
{
    const char *name;
    json_t *team;
    json_object_foreach(json_object_get(c->world, "teams"), name, team)
        if (str_eq(routing_key(c->y, c->a, name), key))
            return name;
    return NULL;
}

static void enqueue(struct call *c)
{
    _cleanup_json_ json_t *event = call_json(c);
    const char *route = json_str(event, "routing_key", ""), *team = team_of_key(c, route),
               *fault = strlen(route) != 32 ? "Length of 'routing_key' is incorrect (should be 32 characters)"
                        : team              ? event_fault(event)
                                            : "Invalid routing key";
    if (fault) {
        invalid_event(c, fault);
        return;
    }
    const char *action = json_str(event, "event_action", ""),
               *key = json_str(event, "dedup_key", stable_id(c->a, 32, "%lld", (long long)c->now));
    json_array_append_new(json_object_get(c->world, "events"),
                          json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "action", action, "key", key, "team",
                                    team, "summary", json_str(event, "payload.summary", ""), "severity",
                                    json_str(event, "payload.severity", ""), "due",
                                    (json_int_t)(c->now + yard_pace(c->y, (double)MADE_AFTER_MS / 1000))));
    yard_deed(c->y, "pagerduty", arena_printf(c->a, "%s %s", action, json_str(event, "payload.summary", "")),
              key);
    call_answer(
        c, 202,
        json_pack("{s:s, s:s, s:s}", "status", "success", "message", "Event processed", "dedup_key", key));
}

/* --- REST -------------------------------------------------------------------------------------------- */

static void refuse(struct call *c, int status, int code, const char *message, const char *error)
{
    json_t *errors = json_array();
    if (error)
        json_array_append_new(errors, json_string(error));
    call_answer(
        c, status,
        json_pack("{s:{s:s, s:i, s:o}}", "error", "message", message, "code", code, "errors", errors));
}

/* A page of a list, by offset. Takes `all`. */
static void answer_page(struct call *c, const char *name, json_t *all)
{
    const char *limit_text = request_query(c->x, "limit"), *offset_text = request_query(c->x, "offset");
    size_t limit = limit_text ? strtoul(limit_text, NULL, 10) : A_PAGE,
           offset = offset_text ? strtoul(offset_text, NULL, 10) : 0, n = json_array_size(all);
    json_t *shown = json_array();
    limit = limit > A_PAGE_MOST ? A_PAGE_MOST : limit;
    for (size_t i = offset; i < n && i < offset + limit; i++)
        json_array_append(shown, json_array_get(all, i));
    json_decref(all);
    call_answer(c, 200,
                json_pack("{s:o, s:i, s:i, s:b, s:n}", name, shown, "limit", (int)limit, "offset",
                          (int)offset, "more", n > offset + limit, "total"));
}

static json_t *incident_view(struct call *c, const json_t *incident)
{
    const char *number = arena_printf(c->a, "%lld", (long long)json_int(incident, "number", 0)),
               *id = short_id(c->a, "incident", number), *title = json_str(incident, "title", ""),
               *team = json_str(incident, "team", "");
    json_t *who = json_array(), *assigned = json_array();
    const json_t *acknowledged = json_object_get(incident, "acknowledged");
    if (acknowledged && str_eq(json_str(incident, "status", ""), "acknowledged"))
        json_array_append_new(who, json_pack("{s:o, s:o}", "at", moment(json_int(acknowledged, "at", 0)),
                                             "acknowledger",
                                             reference(c, "user", json_str(acknowledged, "by", ""))));
    if (!str_eq(json_str(incident, "status", ""), "resolved"))
        json_array_append_new(
            assigned, json_pack("{s:o, s:o}", "at", moment(json_int(incident, "at", 0)), "assignee",
                                reference(c, "user",
                                          json_str(json_object_get(json_object_get(c->world, "teams"), team),
                                                   "person", ""))));
    return json_pack("{s:s, s:s, s:s, s:s, s:O, s:s, s:o, s:O, s:O, s:o, s:o, s:o, s:o, s:o, s:s, s:s}", "id",
                     id, "type", "incident", "summary", arena_printf(c->a, "[#%s] %s", number, title),
                     "title", title, "incident_number", json_object_get(incident, "number"), "self",
                     arena_printf(c->a, "%s/incidents/%s", yard_url(c->y, "pagerduty"), id), "created_at",
                     moment(json_int(incident, "at", 0)), "status", json_object_get(incident, "status"),
                     "incident_key", json_object_get(incident, "key"), "service",
                     reference(c, "service", team), "assignments", assigned, "acknowledgements", who,
                     "last_status_change_at", moment(json_int(incident, "changed", 0)),
                     "last_status_change_by", reference(c, "user", json_str(incident, "by", "")), "urgency",
                     "high", "html_url", arena_printf(c->a, "https://retail.example.com/incidents/%s", id));
}

static json_t *incident_of_id(struct call *c)
{
    size_t i;
    json_t *incident;
    json_array_foreach(json_object_get(c->world, "incidents"), i, incident)
        if (str_eq(short_id(c->a, "incident",
                            arena_printf(c->a, "%lld", (long long)json_int(incident, "number", 0))),
                   c->part[0]))
            return incident;
    refuse(c, 404, 2100, "Not Found", NULL);
    return NULL;
}

static void incidents(struct call *c)
{
    const char *key = request_query(c->x, "incident_key"), *status = request_query(c->x, "statuses[]");
    json_t *all = json_array(), *incident;
    size_t i;
    json_array_foreach(json_object_get(c->world, "incidents"), i, incident)
        if ((!key || str_eq(key, json_str(incident, "key", ""))) &&
            (!status || str_eq(status, json_str(incident, "status", ""))))
            json_array_append_new(all, incident_view(c, incident));
    answer_page(c, "incidents", all);
}

static void incident(struct call *c)
{
    const json_t *found = incident_of_id(c);
    if (found)
        call_answer(c, 200, json_pack("{s:o}", "incident", incident_view(c, found)));
}

/* Writes name the user on whose behalf they are, by mail address. */
static const char *from(struct call *c)
{
    const char *mail = request_header(c->x, "From");
    const json_t *people = json_object_get(yard_scenario(c->y), "people");
    if (mail && json_object_get(people, mail))
        return json_str(json_object_get(people, mail), "name", mail);
    refuse(c, 400, 2001, "Requester User Not Found", NULL);
    return NULL;
}

static void change_incident(struct call *c)
{
    _cleanup_json_ json_t *body = call_json(c);
    const char *status = json_str(body, "incident.status", ""), *by = from(c);
    json_t *found = by ? incident_of_id(c) : NULL;
    if (!found)
        return;
    if (!str_eq(status, "resolved") && !str_eq(status, "acknowledged")) {
        refuse(c, 400, 2001, "Invalid Input Provided", "Status is invalid");
        return;
    }
    if (str_eq(json_str(found, "status", ""), "resolved")) {
        refuse(c, 400, 2001, "Invalid Input Provided", "Incident Already Resolved");
        return;
    }
    set_status(found, status, by, c->now);
    yard_deed(c->y, "pagerduty", arena_printf(c->a, "%s %s", status, json_str(found, "title", "")),
              json_str(found, "key", ""));
    call_answer(c, 200, json_pack("{s:o}", "incident", incident_view(c, found)));
}

static void note(struct call *c)
{
    _cleanup_json_ json_t *body = call_json(c);
    const char *text = json_str(body, "note.content", ""), *by = from(c);
    json_t *found = by ? incident_of_id(c) : NULL;
    if (!found)
        return;
    if (!*text) {
        refuse(c, 400, 2001, "Invalid Input Provided", "Content cannot be empty.");
        return;
    }
    json_array_append_new(json_object_get(found, "notes"), json_string(text));
    yard_deed(c->y, "pagerduty", arena_printf(c->a, "note %s", text), "");
    call_answer(c, 201,
                json_pack("{s:{s:s, s:o, s:s, s:o}}", "note", "id", short_id(c->a, "note", text), "user",
                          reference(c, "user", by), "content", text, "created_at", moment(c->now)));
}

static void schedules(struct call *c)
{
    const char *query = request_query(c->x, "query"), *name;
    json_t *all = json_array(), *team;
    json_object_foreach(json_object_get(c->world, "teams"), name, team) {
        if (query && !strstr(name, query))
            continue;
        json_t *s = reference(c, "schedule", name);
        json_t *more = json_pack("{s:s, s:s, s:s, s:s, s:[o], s:[]}", "type", "schedule", "name", name,
                                 "time_zone", "Etc/UTC", "description", "", "users",
                                 reference(c, "user", json_str(team, "person", "")), "escalation_policies");
        json_object_update(s, more);
        json_decref(more);
        json_array_append_new(all, s);
    }
    answer_page(c, "schedules", all);
}

/* People in full only when they are asked for. */
static json_t *user_view(struct call *c, const json_t *team)
{
    const char *name = json_str(team, "person", ""), *mail = json_str(team, "mail", "");
    json_t *user = reference(c, "user", name);
    if (str_eq(request_query(c->x, "include[]") ? request_query(c->x, "include[]") : "", "users")) {
        json_t *more = json_pack("{s:s, s:s, s:s, s:s}", "type", "user", "name", name, "email", mail,
                                 "time_zone", "Etc/UTC");
        json_object_update(user, more);
        json_decref(more);
    }
    return user;
}

static void on_calls(struct call *c)
{
    const char *wanted = request_query(c->x, "schedule_ids[]"), *name;
    json_t *all = json_array(), *team;
    json_object_foreach(json_object_get(c->world, "teams"), name, team)
        if (!wanted || str_eq(wanted, short_id(c->a, "schedule", name)))
            json_array_append_new(all, json_pack("{s:o, s:o, s:o, s:i, s:o, s:o}", "escalation_policy",
                                                 reference(c, "escalation_policy", name), "schedule",
                                                 reference(c, "schedule", name), "user", user_view(c, team),
                                                 "escalation_level", 1, "start", moment(c->now - DAYS(1)),
                                                 "end", moment(c->now + DAYS(1))));
    answer_page(c, "oncalls", all);
}

static void abilities(struct call *c)
{
    call_answer(c, 200, json_pack("{s:[s, s]}", "abilities", "teams", "urgencies"));
}

/* --- the wire ---------------------------------------------------------------------------------------- */

static const struct route routes[] = {
    {"GET", "/abilities", abilities},     {"GET", "/incidents", incidents},
    {"GET", "/incidents/*", incident},    {"PUT", "/incidents/*", change_incident},
    {"POST", "/incidents/*/notes", note}, {"GET", "/oncalls", on_calls},
    {"GET", "/schedules", schedules},     {NULL, NULL, NULL},
};

static bool signed_in(struct call *c)
{
    return call_signed_in(c, "Token", arena_printf(c->a, "token=%s", yard_secret(c->y, "pagerduty"))) ||
           call_signed_in(c, "Bearer", yard_secret(c->y, "pagerduty"));
}

static void serve(struct yard *y, json_t *world, struct exchange *x)
{
    struct call c = call_of(y, world, x);
    if (route_fits(&c, "/v2/enqueue") && str_eq(c.r->method, "POST"))
        enqueue(&c);
    else if (!signed_in(&c))
        refuse(&c, 401, 2006, "Unauthorized", NULL);
    else if (route_serve(routes, &c) != ROUTE_SERVED)
        refuse(&c, 404, 2100, "Not Found", NULL);
}

/* --- configuration ----------------------------------------------------------------------------------- */

static void secrets(struct yard *y, const json_t *world, json_t *files)
{
    _cleanup_arena_ struct arena a = arena_make();
    const char *name;
    json_t *team;
    json_object_foreach(json_object_get(world, "teams"), name, team)
        json_object_set_new(files, arena_printf(&a, "pagerduty-%s", name),
                            json_string(routing_key(y, &a, name)));
}

static void configure(const struct yard *y, const char *url, const char *secrets_dir, struct buf *out)
{
    const char *name;
    json_t *team;
    buf_printf(out,
               "    driver: pagerduty\n    url: %s\n    events_url: %s\n    token: \"file:%s/pagerduty\"\n"
               "    from: release.engineer@example.com\n    services:\n",
               url, url, secrets_dir);
    json_object_foreach(json_object_get(yard_world(y, "pagerduty"), "teams"), name, team)
        buf_printf(out, "      %s: \"file:%s/pagerduty-%s\"\n", name, secrets_dir, name);
}

const struct stand_in pagerduty_stand_in = {
    .name = "pagerduty",
    .imitates = "PagerDuty's REST API v2 and Events API v2",
    .role = "pager",
    .world = world_new,
    .serve = serve,
    .configure = configure,
    .settle = settle,
    .secrets = secrets,
};
