/* Statuspage: one page with a component a client, scheduled maintenances and their updates. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "yard/route.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE "kctbh9vrtdwd"

enum { NAME_MAX_CHARACTERS = 255, PER_PAGE_USUAL = 100, PER_PAGE_MOST = 100, CALLS_A_MINUTE = 60 };

static const char *const component_states[] = {"operational", "under_maintenance", "degraded_performance",
                                               "partial_outage", "major_outage"};
static const char *const maintenance_states[] = {"scheduled", "in_progress", "verifying", "completed"};
static const char *const incident_states[] = {"investigating", "identified", "monitoring", "resolved"};

static int index_of(const char *const *words, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(words[i], word))
            return (int)i;
    return -1;
}

static json_t *moment(int64_t ms)
{
    char text[32];
    instant_rfc3339(ms, text);
    return json_string(text);
}

/* --- world ------------------------------------------------------------------------------------------- */

static json_t *world_new(const json_t *scenario, int64_t now)
{
    json_t *components = json_array(), *client;
    const char *id;
    int n = 0;
    json_object_foreach(json_object_get(scenario, "clients"), id, client) {
        char own[32];
        n++;
        snprintf(own, sizeof own, "kct%09dz", n);
        json_t *c =
            json_pack("{s:s, s:s, s:s, s:s, s:n, s:i, s:s, s:b, s:n, s:b, s:b, s:s}", "id", own, "page_id",
                      PAGE, "name", json_str(client, "component", id), "status", "operational", "description",
                      "position", n, "start_date", "2024-01-01", "group", 0, "group_id", "showcase", 1,
                      "only_show_if_degraded", 0, "automation_email", "");
        json_object_set_new(c, "created_at", moment(now - DAYS(200)));
        json_object_set_new(c, "updated_at", moment(now - DAYS(2)));
        json_array_append_new(components, c);
    }
    return json_pack("{s:o, s:[], s:i, s:[]}", "components", components, "incidents", "next", 1, "calls");
}

static json_t *by_id(const json_t *list, const char *id)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
        if (str_eq(json_str(item, "id", ""), id))
            return item;
    return NULL;
}

static void set_component(json_t *component, const char *status, int64_t now)
{
    json_object_set_new(component, "status", json_string(status));
    json_object_set_new(component, "updated_at", moment(now));
}

/* --- refusing ---------------------------------------------------------------------------------------- */

static void refuse(struct call *c, int status, const char *error)
{
    if (status == 422)
        call_answer(c, status, json_pack("{s:[s]}", "error", error));
    else
        call_answer(c, status, json_pack("{s:s}", "error", error));
}

static bool is_page(struct call *c)
{
    if (str_eq(c->part[0], PAGE))
        return true;
    refuse(c, 404, "Not found");
    return false;
}

/* One call a second, measured over a minute. */
static bool too_many(struct call *c)
{
    json_t *calls = json_object_get(c->world, "calls");
    int64_t since = c->now - yard_pace(c->y, 60);
    while (json_array_size(calls) > 0 && json_integer_value(json_array_get(calls, 0)) <= since)
        json_array_remove(calls, 0);
    if (json_array_size(calls) < CALLS_A_MINUTE) {
        json_array_append_new(calls, json_integer(c->now));
        return false;
    }
    refuse(c, 429,
           "Too many requests. Your API token is limited to 1 request per second, measured over 60 seconds.");
    return true;
}

/* --- incidents --------------------------------------------------------------------------------------- */

static bool is_maintenance(const json_t *i)
{
    return index_of(maintenance_states, COUNT_OF(maintenance_states), json_str(i, "status", "")) >= 0;
}

static json_t *new_id(struct call *c, const char *prefix)
{
    int64_t n = json_int(c->world, "next", 1);
    json_object_set_new(c->world, "next", json_integer(n + 1));
    return json_string(
        arena_printf(c->a, "%s%s", prefix, stable_id(c->a, 10, "%s%lld", prefix, (long long)n)));
}

/* What is stored, with its components as they are now. */
static json_t *incident_view(const json_t *world, const json_t *incident)
{
    json_t *v = json_deep_copy(incident), *components = json_array(), *id;
    size_t i;
    json_array_foreach(json_object_get(incident, "component_ids"), i, id) {
        json_t *component = by_id(json_object_get(world, "components"), json_string_value(id));
        if (component)
            json_array_append(components, component);
    }
    json_object_del(v, "component_ids");
    json_object_set_new(v, "components", components);
    return v;
}

static void add_update(struct call *c, json_t *incident, const char *body, json_t *affected, bool notify)
{
    json_t *u = json_pack("{s:o, s:O, s:O, s:s, s:O, s:b}", "id", new_id(c, "u"), "incident_id",
                          json_object_get(incident, "id"), "status", json_object_get(incident, "status"),
                          "body", body, "affected_components", affected, "deliver_notifications", notify);
    static const char *const times[] = {"created_at", "updated_at", "display_at"};
    for (size_t i = 0; i < COUNT_OF(times); i++)
        json_object_set_new(u, times[i], moment(c->now));
    json_array_insert_new(json_object_get(incident, "incident_updates"), 0, u); /* newest first */
}

/* Checks the fields of a request against the incident as it would be. NULL when they are well. */
static const char *fields_fault(struct call *c, const json_t *asked, bool maintenance, bool fresh)
{
    const json_t *world = c->world, *metadata = json_object_get(asked, "metadata"),
                 *components = json_object_get(asked, "components");
    const char *status = json_str(asked, "status", NULL), *name = json_str(asked, "name", NULL), *key;
    json_t *value;
    size_t i;
    if (fresh && (!name || !*name))
        return "Name can't be blank";
    if (name && strlen(name) > NAME_MAX_CHARACTERS)
        return "Name is too long (maximum is 255 characters)";
    if (status && (maintenance ? index_of(maintenance_states, COUNT_OF(maintenance_states), status)
                               : index_of(incident_states, COUNT_OF(incident_states), status)) < 0)
        return "Status is not included in the list";
    json_object_foreach((json_t *)(uintptr_t)metadata, key, value)
        if (!json_is_object(value))
            return "Metadata top level values must be objects";
    json_object_foreach((json_t *)(uintptr_t)components, key, value) {
        if (!by_id(json_object_get(world, "components"), key))
            return "Component ids are invalid";
        if (index_of(component_states, COUNT_OF(component_states), json_string_value(value)) < 0)
            return "Component status is not included in the list";
    }
    json_array_foreach(json_object_get(asked, "component_ids"), i, value)
        if (!by_id(json_object_get(world, "components"), json_string_value(value)))
            return "Component ids are invalid";
    return NULL;
}

static const char *times_fault(struct call *c, const json_t *asked, const json_t *incident, bool fresh)
{
    static const char *const names[] = {"scheduled_for", "scheduled_until"};
    int64_t at[2] = {0, 0};
    for (size_t i = 0; i < 2; i++) {
        const char *text = json_str(asked, names[i], incident ? json_str(incident, names[i], NULL) : NULL);
        if (!text)
            return i == 0 ? "Scheduled for can't be blank" : "Scheduled until can't be blank";
        if (!instant_parse_rfc3339(text, &at[i], NULL))
            return i == 0 ? "Scheduled for is invalid" : "Scheduled until is invalid";
    }
    if ((fresh || json_object_get(asked, "scheduled_for")) && at[0] <= c->now &&
        !(incident && !str_eq(json_str(incident, "status", ""), "scheduled")))
        return "Scheduled for must be in the future";
    return at[1] <= at[0] ? "Scheduled until must be after scheduled for" : NULL;
}

/* Sets the components' statuses that the request names. New reference: what was changed, for the update. */
static json_t *set_components(struct call *c, const json_t *incident, const json_t *asked)
{
    json_t *affected = json_array(), *value, *id;
    const char *key;
    size_t i;
    json_object_foreach(json_object_get(asked, "components"), key, value) {
        json_t *component = by_id(json_object_get(c->world, "components"), key);
        json_array_append_new(affected, json_pack("{s:s, s:O, s:O, s:O}", "code", key, "name",
                                                  json_object_get(component, "name"), "old_status",
                                                  json_object_get(component, "status"), "new_status", value));
        set_component(component, json_string_value(value), c->now);
        bool known = false;
        json_array_foreach(json_object_get(incident, "component_ids"), i, id)
            known = known || str_eq(json_string_value(id), key);
        if (!known)
            json_array_append_new(json_object_get(incident, "component_ids"), json_string(key));
    }
    return affected;
}

static const char *const copied[] = {"name",
                                     "status",
                                     "impact_override",
                                     "scheduled_for",
                                     "scheduled_until",
                                     "scheduled_remind_prior",
                                     "scheduled_auto_in_progress",
                                     "scheduled_auto_completed",
                                     "auto_transition_to_maintenance_state",
                                     "auto_transition_to_operational_state",
                                     "auto_transition_deliver_notifications_at_start",
                                     "auto_transition_deliver_notifications_at_end",
                                     "metadata",
                                     "component_ids"};

static void copy_fields(json_t *incident, const json_t *asked)
{
    for (size_t i = 0; i < COUNT_OF(copied); i++) {
        json_t *v = json_object_get(asked, copied[i]);
        if (v)
            json_object_set_new(incident, copied[i], json_deep_copy(v));
    }
}

static void create(struct call *c)
{
    if (!is_page(c))
        return;
    _cleanup_json_ json_t *body = call_json(c);
    const json_t *asked = json_object_get(body, "incident");
    if (!json_is_object(asked)) {
        refuse(c, 400, "incident is missing");
        return;
    }
    bool maintenance =
        str_eq(json_str(asked, "status", ""), "scheduled") || json_object_get(asked, "scheduled_for");
    const char *fault = fields_fault(c, asked, maintenance, true);
    fault = fault || !maintenance ? fault : times_fault(c, asked, NULL, true);
    if (fault) {
        refuse(c, 422, fault);
        return;
    }
    json_t *incident =
        json_pack("{s:o, s:s, s:s, s:s, s:[], s:[], s:n, s:n, s:n, s:{}, s:b, s:b, s:b, s:b, s:b}", "id",
                  new_id(c, "p"), "page_id", PAGE, "status", maintenance ? "scheduled" : "investigating",
                  "impact", maintenance ? "maintenance" : "none", "component_ids", "incident_updates",
                  "resolved_at", "monitoring_at", "impact_override", "metadata", "scheduled_remind_prior", 0,
                  "scheduled_auto_in_progress", 0, "scheduled_auto_completed", 0,
                  "auto_transition_to_maintenance_state", 0, "auto_transition_to_operational_state", 0);
    copy_fields(incident, asked);
    json_object_set_new(incident, "created_at", moment(c->now));
    json_object_set_new(incident, "updated_at", moment(c->now));
    json_object_set_new(
        incident, "shortlink",
        json_string(arena_printf(c->a, "https://stspg.example/%s", json_str(incident, "id", ""))));
    json_t *affected = set_components(c, incident, asked);
    add_update(c, incident, json_str(asked, "body", ""), affected,
               json_flag(asked, "deliver_notifications", true));
    json_decref(affected);
    json_array_insert_new(json_object_get(c->world, "incidents"), 0, incident); /* newest first */
    yard_deed(c->y, "statuspage", arena_printf(c->a, "create %s", json_str(incident, "name", "")),
              json_str(incident, "metadata.signalbox.key", ""));
    call_answer(c, 201, incident_view(c->world, incident));
}

static json_t *find_incident(struct call *c)
{
    json_t *incident = is_page(c) ? by_id(json_object_get(c->world, "incidents"), c->part[1]) : NULL;
    if (!incident && str_eq(c->part[0], PAGE))
        refuse(c, 404, "Not found");
    return incident;
}

static void show(struct call *c)
{
    const json_t *incident = find_incident(c);
    if (incident)
        call_answer(c, 200, incident_view(c->world, incident));
}

static void change(struct call *c)
{
    json_t *incident = find_incident(c);
    _cleanup_json_ json_t *body = call_json(c);
    const json_t *asked = json_object_get(body, "incident");
    if (!incident)
        return;
    if (!json_is_object(asked)) {
        refuse(c, 400, "incident is missing");
        return;
    }
    bool maintenance = is_maintenance(incident);
    const char *fault = fields_fault(c, asked, maintenance, false);
    if (!fault && (json_object_get(asked, "scheduled_for") || json_object_get(asked, "scheduled_until")))
        fault = times_fault(c, asked, incident, false);
    if (fault) {
        refuse(c, 422, fault);
        return;
    }
    copy_fields(incident, asked);
    json_object_set_new(incident, "updated_at", moment(c->now));
    const char *status = json_str(incident, "status", "");
    if (str_eq(status, "completed") || str_eq(status, "resolved"))
        json_object_set_new(incident, "resolved_at", moment(c->now));
    json_t *affected = set_components(c, incident, asked);
    if (json_object_get(asked, "status") || json_object_get(asked, "body"))
        add_update(c, incident, json_str(asked, "body", ""), affected,
                   json_flag(asked, "deliver_notifications", true));
    json_decref(affected);
    yard_deed(c->y, "statuspage",
              arena_printf(c->a, "%s %s", json_str(asked, "status", "change"), json_str(incident, "id", "")),
              "");
    call_answer(c, 200, incident_view(c->world, incident));
}

static void delete_incident(struct call *c)
{
    json_t *incident = find_incident(c), *all = json_object_get(c->world, "incidents");
    if (!incident)
        return;
    json_t *view = incident_view(c->world, incident);
    for (size_t i = 0; i < json_array_size(all); i++)
        if (json_array_get(all, i) == incident) {
            json_array_remove(all, i);
            break;
        }
    yard_deed(c->y, "statuspage", "delete incident", "");
    call_answer(c, 200, view);
}

/* --- lists ------------------------------------------------------------------------------------------- */

static void answer_page(struct call *c, json_t *all, long usual)
{
    const char *page = request_query(c->x, "page"), *per = request_query(c->x, "per_page"),
               *limit = request_query(c->x, "limit");
    long number = page ? strtol(page, NULL, 10) : 1, size = per     ? strtol(per, NULL, 10)
                                                            : limit ? strtol(limit, NULL, 10)
                                                                    : usual;
    size = size < 1 ? usual : size > PER_PAGE_MOST ? PER_PAGE_MOST : size;
    size_t from = number > 1 ? (size_t)(number - 1) * (size_t)size : 0;
    json_t *shown = json_array(), *item;
    size_t i;
    json_array_foreach(all, i, item)
        if (i >= from && i < from + (size_t)size)
            json_array_append(shown, item);
    json_decref(all);
    call_answer(c, 200, shown);
}

static bool any(const struct call *c, const json_t *i)
{
    (void)c;
    return i != NULL;
}

static bool unresolved(const struct call *c, const json_t *i)
{
    (void)c;
    return !is_maintenance(i) && !str_eq(json_str(i, "status", ""), "resolved");
}

/* Scheduled means: not over yet. */
static bool scheduled(const struct call *c, const json_t *i)
{
    (void)c;
    return is_maintenance(i) && !str_eq(json_str(i, "status", ""), "completed");
}

static bool upcoming(const struct call *c, const json_t *i)
{
    (void)c;
    return str_eq(json_str(i, "status", ""), "scheduled");
}

static bool active(const struct call *c, const json_t *i)
{
    return scheduled(c, i) && !upcoming(c, i);
}

static void list(struct call *c, bool (*fits)(const struct call *c, const json_t *incident))
{
    if (!is_page(c))
        return;
    json_t *all = json_array(), *incident;
    const char *q = request_query(c->x, "q");
    size_t i;
    json_array_foreach(json_object_get(c->world, "incidents"), i, incident) {
        if (fits(c, incident) && (!q || strstr(json_str(incident, "name", ""), q)))
            json_array_append_new(all, incident_view(c->world, incident));
    }
    answer_page(c, all, PER_PAGE_USUAL);
}

static void list_any(struct call *c)
{
    list(c, any);
}

static void list_unresolved(struct call *c)
{
    list(c, unresolved);
}

static void list_scheduled(struct call *c)
{
    list(c, scheduled);
}

static void list_upcoming(struct call *c)
{
    list(c, upcoming);
}

static void list_active(struct call *c)
{
    list(c, active);
}

/* --- page and components ----------------------------------------------------------------------------- */

static json_t *page_view(void)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s}", "id", PAGE, "name", "Retail", "subdomain",
                     "retail", "url", "https://status.example.com", "time_zone", "UTC",
                     "allow_incident_subscribers", 1, "support_url", "");
}

static void pages(struct call *c)
{
    call_answer(c, 200, json_pack("[o]", page_view()));
}

static void page(struct call *c)
{
    if (is_page(c))
        call_answer(c, 200, page_view());
}

static void components(struct call *c)
{
    if (is_page(c))
        answer_page(c, json_incref(json_object_get(c->world, "components")), PER_PAGE_USUAL);
}

static json_t *find_component(struct call *c)
{
    json_t *component = is_page(c) ? by_id(json_object_get(c->world, "components"), c->part[1]) : NULL;
    if (!component && str_eq(c->part[0], PAGE))
        refuse(c, 404, "Not found");
    return component;
}

static void component(struct call *c)
{
    json_t *found = find_component(c);
    if (found)
        call_answer(c, 200, json_incref(found));
}

static void change_component(struct call *c)
{
    json_t *found = find_component(c);
    _cleanup_json_ json_t *body = call_json(c);
    const char *status = json_str(body, "component.status", NULL),
               *description = json_str(body, "component.description", NULL);
    if (!found)
        return;
    if (!json_is_object(json_object_get(body, "component"))) {
        refuse(c, 400, "component is missing");
        return;
    }
    if (status && index_of(component_states, COUNT_OF(component_states), status) < 0) {
        refuse(c, 422, "Status is not included in the list");
        return;
    }
    if (status)
        set_component(found, status, c->now);
    if (description)
        json_object_set_new(found, "description", json_string(description));
    yard_deed(c->y, "statuspage",
              arena_printf(c->a, "component %s %s", json_str(found, "name", ""), status ? status : "changed"),
              "");
    call_answer(c, 200, json_incref(found));
}

/* --- what happens by itself -------------------------------------------------------------------------- */

static void transition(json_t *world, json_t *incident, const char *status, const char *component_status,
                       int64_t at)
{
    json_t *id;
    size_t i;
    json_object_set_new(incident, "status", json_string(status));
    json_object_set_new(incident, "updated_at", moment(at));
    json_t *u = json_pack(
        "{s:s, s:O, s:s, s:s, s:[], s:b}", "id", status, "incident_id", json_object_get(incident, "id"),
        "status", status, "body",
        str_eq(status, "completed")
            ? "The scheduled maintenance has been completed."
            : "Scheduled maintenance is currently in progress. We will provide updates as necessary.",
        "affected_components", "deliver_notifications", 1);
    json_object_set_new(u, "created_at", moment(at));
    json_array_insert_new(json_object_get(incident, "incident_updates"), 0, u);
    if (component_status)
        json_array_foreach(json_object_get(incident, "component_ids"), i, id) {
            json_t *component = by_id(json_object_get(world, "components"), json_string_value(id));
            if (component)
                set_component(component, component_status, at);
        }
}

static void settle(struct yard *y, json_t *world, int64_t now)
{
    (void)y;
    size_t i;
    json_t *incident;
    json_array_foreach(json_object_get(world, "incidents"), i, incident) {
        int64_t from = 0, until = 0;
        if (!instant_parse_rfc3339(json_str(incident, "scheduled_for", ""), &from, NULL) ||
            !instant_parse_rfc3339(json_str(incident, "scheduled_until", ""), &until, NULL))
            continue;
        if (upcoming(NULL, incident) && json_flag(incident, "scheduled_auto_in_progress", false) &&
            from <= now)
            transition(world, incident, "in_progress",
                       json_flag(incident, "auto_transition_to_maintenance_state", false)
                           ? "under_maintenance"
                           : NULL,
                       from);
        if (active(NULL, incident) && json_flag(incident, "scheduled_auto_completed", false) && until <= now)
            transition(world, incident, "completed",
                       json_flag(incident, "auto_transition_to_operational_state", false) ? "operational"
                                                                                          : NULL,
                       until);
    }
}

static const struct route routes[] = {
    {"GET", "/v1/pages", pages},
    {"GET", "/v1/pages/*", page},
    {"GET", "/v1/pages/*/components", components},
    {"GET", "/v1/pages/*/components/*", component},
    {"PATCH", "/v1/pages/*/components/*", change_component},
    {"PUT", "/v1/pages/*/components/*", change_component},
    {"GET", "/v1/pages/*/incidents", list_any},
    {"POST", "/v1/pages/*/incidents", create},
    {"GET", "/v1/pages/*/incidents/unresolved", list_unresolved},
    {"GET", "/v1/pages/*/incidents/scheduled", list_scheduled},
    {"GET", "/v1/pages/*/incidents/upcoming", list_upcoming},
    {"GET", "/v1/pages/*/incidents/active_maintenance", list_active},
    {"GET", "/v1/pages/*/incidents/*", show},
    {"PATCH", "/v1/pages/*/incidents/*", change},
    {"PUT", "/v1/pages/*/incidents/*", change},
    {"DELETE", "/v1/pages/*/incidents/*", delete_incident},
    {NULL, NULL, NULL},
};

static void serve(struct yard *y, json_t *world, struct exchange *x)
{
    struct call c = call_of(y, world, x);
    if (!call_signed_in(&c, "OAuth", yard_secret(y, "statuspage"))) {
        refuse(&c, 401, "Could not authenticate");
        return;
    }
    if (too_many(&c))
        return;
    switch (route_serve(routes, &c)) {
    case ROUTE_SERVED:
        break;
    case ROUTE_OTHER_METHOD:
    case ROUTE_NO_PATH:
        refuse(&c, 404, "Not found");
        break;
    }
}

static void configure(const struct yard *y, const char *url, const char *secrets_dir, struct buf *out)
{
    (void)y;
    buf_printf(out,
               "    driver: statuspage\n    url: %s/v1\n    page: " PAGE
               "\n    token: \"file:%s/statuspage\"\n",
               url, secrets_dir);
}

const struct stand_in statuspage_stand_in = {
    .name = "statuspage",
    .imitates = "Statuspage's API v1",
    .role = "statuspage",
    .world = world_new,
    .serve = serve,
    .configure = configure,
    .settle = settle,
};
