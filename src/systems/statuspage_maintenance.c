/* statuspage_maintenance.c: the Scheduled Maintenance.
 *
 * Every update with a status or a text becomes a line that customers read, so an update is written only when
 * the maintenance is not yet where the update wants it. That reading is also how an update is found again.
 * The maintenance is never completed by Statuspage's clock: completing is a step of its own, after the
 * verification. */
#include "base/buf.h"
#include "base/instant.h"
#include "systems/statuspage_driver.h"
#include <stdlib.h>
#include <string.h>

enum { INCIDENTS_A_PAGE = 100, PAGES_MAX = 5 };

static const char *arg(const struct page_flow *t, const char *name)
{
    return json_str(t->f.effect.args, name, "");
}

static json_t *moment(int64_t ms)
{
    char text[32];
    instant_rfc3339(ms, text);
    return json_string(text);
}

/* --- schedule
 * ------------------------------------------------------------------------------------------------------- */

static void scheduled(struct page_flow *t, const json_t *incident)
{
    flow_done(&t->f, json_pack("{s:s, s:s}", "id", json_str(incident, "id", ""), "url",
                               json_str(incident, "shortlink", "")));
}

static void on_scheduled(struct flow *f, const struct http_reply *reply)
{
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *incident = http_json(f->peer, &f->request, reply, &err);
    if (*json_str(incident, "id", ""))
        scheduled((struct page_flow *)f, incident);
    else
        flow_failed_send(f, reply);
}

static json_t *maintenance_of(const struct page_flow *t)
{
    const json_t *args = t->f.effect.args;
    json_t *incident =
        json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:b, s:O, s:{s:{s:s, s:s}}}", "name", arg(t, "name"),
                  "status", MAINTENANCE_SCHEDULED, "body", arg(t, "body"), "scheduled_remind_prior", 1,
                  "scheduled_auto_in_progress", 0, "scheduled_auto_completed", 0,
                  "auto_transition_to_operational_state", 0, "deliver_notifications",
                  json_flag(args, "notify", true), "component_ids", t->ids, "metadata", "signalbox", "key",
                  t->f.effect.key, "change", t->f.effect.change);
    json_object_set_new(incident, "auto_transition_to_maintenance_state", json_false());
    json_object_set_new(incident, "scheduled_for", moment(json_int(args, "from", 0)));
    json_object_set_new(incident, "scheduled_until", moment(json_int(args, "to", 0)));
    return incident;
}

static void send_schedule(struct page_flow *t)
{
    _cleanup_json_ json_t *body = json_pack("{s:o}", "incident", maintenance_of(t));
    flow_json(&t->f, "POST", "schedule the maintenance", page_path(t, "/incidents"), body, false,
              on_scheduled);
}

struct task *statuspage_schedule(struct system *system, const struct effect *e, outcome_fn *done,
                                 UNUSED progress_fn *progress, void *ctx)
{
    struct page_flow *t = page_flow_new(sizeof *t, system, e, done, ctx);
    page_learn_components(t, false, send_schedule);
    return &t->f.task;
}

/* Where a maintenance may be by now, in the order in which it moves: looked through in this order, none is
 * missed on its way. The last holds all, and so also one that a person completed meanwhile. */
static const char *const lists[] = {"/scheduled", "/active_maintenance", "/unresolved", ""};

struct search {
    struct page_flow t; /* first */
    size_t list;
    int page, pass;
};

static void look_in_list(struct search *s);

static void next_pass(struct flow *f)
{
    look_in_list((struct search *)f);
}

static void list_ends(struct search *s)
{
    struct flow *f = &s->t.f;
    s->page = 1;
    if (++s->list < COUNT_OF(lists)) {
        look_in_list(s);
        return;
    }
    s->list = 0;
    if (s->pass++ == 0)
        flow_wait(f, flow_pause(f, SECONDS(5), SECONDS(1)), next_pass);
    else
        flow_ends(f, OUTCOME_NOT_FOUND, SB_UNKNOWN, "the status page has no maintenance with the key %s",
                  f->effect.key);
}

static void on_list(struct flow *f, const struct http_reply *reply)
{
    struct search *s = (struct search *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *list = http_json(f->peer, &f->request, reply, &err);
    if (!json_is_array(list)) {
        page_look_failed(&s->t, reply);
        return;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *incident = json_array_get(list, i);
        if (str_eq(json_str(incident, "metadata.signalbox.key", ""), f->effect.key)) {
            scheduled(&s->t, incident);
            return;
        }
    }
    if (json_array_size(list) >= INCIDENTS_A_PAGE && ++s->page <= PAGES_MAX)
        look_in_list(s);
    else
        list_ends(s);
}

static void look_in_list(struct search *s)
{
    char *path =
        page_path(&s->t, "/incidents%s?per_page=%d&page=%d", lists[s->list], INCIDENTS_A_PAGE, s->page);
    flow_get(&s->t.f, "look for the maintenance", path, on_list);
}

struct task *statuspage_schedule_find(struct system *system, const struct effect *e, outcome_fn *done,
                                      UNUSED progress_fn *progress, void *ctx)
{
    struct search *s = page_flow_new(sizeof *s, system, e, done, ctx);
    s->t.finding = true;
    s->page = 1;
    look_in_list(s);
    return &s->t.f.task;
}

/* --- updates
 * ------------------------------------------------------------------------------------------------------------
 */

struct update {
    struct page_flow t; /* first */
    const char *wanted; /* status, or NULL: another end */
    int64_t end;        /* the end wanted, UTC ms */
    int looks;
};

static char *incident_path(struct page_flow *t)
{
    return page_path(t, "/incidents/%s", page_encoded(t, arg(t, "maintenance")));
}

static void update_done(struct update *u, const char *status)
{
    flow_done(&u->t.f, u->wanted ? json_pack("{s:s}", "status", status)
                                 : json_pack("{s:I}", "to", (json_int_t)u->end));
}

/* To the minute: a status page shows no seconds, and may not keep them. */
static bool ends_there(const struct update *u, const json_t *incident)
{
    int64_t until;
    return instant_parse_rfc3339(json_str(incident, "scheduled_until", ""), &until, NULL) &&
           llabs(until - u->end) < MINUTES(1);
}

static enum maintenance_step step_of(const struct update *u, const json_t *incident)
{
    const char *status = json_str(incident, "status", "");
    if (u->wanted)
        return maintenance_step(status, u->wanted);
    if (str_eq(status, MAINTENANCE_COMPLETED))
        return MAINTENANCE_PAST;
    return ends_there(u, incident) ? MAINTENANCE_THERE : MAINTENANCE_WRITE;
}

static void on_written(struct flow *f, const struct http_reply *reply)
{
    struct update *u = (struct update *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *incident = http_json(f->peer, &f->request, reply, &err);
    if (incident && step_of(u, incident) == MAINTENANCE_THERE)
        update_done(u, json_str(incident, "status", ""));
    else
        flow_failed_send(f, reply);
}

static void write_update(struct page_flow *t)
{
    struct update *u = (struct update *)t;
    json_t *incident = json_pack("{s:s, s:b}", "body", arg(t, "body"), "deliver_notifications", 1);
    if (u->wanted)
        json_object_set_new(incident, "status", json_string(u->wanted));
    else
        json_object_set_new(incident, "scheduled_until", moment(u->end));
    if (!u->wanted && json_int(t->f.effect.args, "from", 0))
        json_object_set_new(incident, "scheduled_for", moment(json_int(t->f.effect.args, "from", 0)));
    if (json_array_size(t->ids)) {
        json_t *components = json_object();
        for (size_t i = 0; i < json_array_size(t->ids); i++)
            json_object_set_new(components, json_string_value(json_array_get(t->ids, i)),
                                json_string("under_maintenance"));
        json_object_set_new(incident, "components", components);
        json_object_set(incident, "component_ids", t->ids);
    }
    _cleanup_json_ json_t *body = json_pack("{s:o}", "incident", incident);
    flow_json(&t->f, "PATCH", arena_printf(&t->f.arena, "%s the maintenance", t->f.effect.verb),
              incident_path(t), body, false, on_written);
}

static void components_are_set(struct page_flow *t)
{
    update_done((struct update *)t, ((struct update *)t)->wanted);
}

static bool names_components(const struct page_flow *t)
{
    return json_array_size(json_object_get(t->f.effect.args, "components")) > 0;
}

static void on_incident(struct flow *f, const struct http_reply *reply)
{
    struct update *u = (struct update *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *incident = http_json(f->peer, &f->request, reply, &err);
    const char *status = json_str(incident, "status", NULL);
    if (!status) {
        page_look_failed(&u->t, reply);
        return;
    }
    switch (step_of(u, incident)) {
    case MAINTENANCE_PAST:
        flow_ends(f, OUTCOME_FAILED, SB_STATE,
                  "the maintenance %s is completed already: it cannot %s any more", arg(&u->t, "maintenance"),
                  f->effect.verb);
        break;
    case MAINTENANCE_THERE:
        /* Somebody may have begun it by hand, without its components. */
        if (names_components(&u->t))
            page_set_components(&u->t, "under_maintenance", components_are_set);
        else
            update_done(u, status);
        break;
    case MAINTENANCE_WRITE:
        if (names_components(&u->t))
            page_learn_components(&u->t, false, write_update);
        else
            write_update(&u->t);
        break;
    }
}

static void look_again(struct flow *f);

static void on_found(struct flow *f, const struct http_reply *reply)
{
    struct update *u = (struct update *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *incident = http_json(f->peer, &f->request, reply, &err);
    const char *status = json_str(incident, "status", NULL);
    if (!status)
        page_look_failed(&u->t, reply);
    else if (step_of(u, incident) == MAINTENANCE_THERE)
        update_done(u, status);
    else if (u->looks++ == 0)
        flow_wait(f, flow_pause(f, SECONDS(5), SECONDS(1)), look_again);
    else
        flow_ends(f, OUTCOME_NOT_FOUND, SB_UNKNOWN, "the maintenance %s is %s", arg(&u->t, "maintenance"),
                  status);
}

static void look_again(struct flow *f)
{
    flow_get(f, "read the maintenance", incident_path((struct page_flow *)f), on_found);
}

static const char *status_of_verb(const char *verb)
{
    if (str_eq(verb, "begin"))
        return MAINTENANCE_IN_PROGRESS;
    if (str_eq(verb, "verify"))
        return MAINTENANCE_VERIFYING;
    return MAINTENANCE_COMPLETED; /* complete, cancel */
}

static struct task *update_new(struct system *system, const struct effect *e, outcome_fn *done, void *ctx,
                               bool finding)
{
    struct update *u = page_flow_new(sizeof *u, system, e, done, ctx);
    u->t.finding = finding;
    u->end = json_int(e->args, "to", 0);
    u->wanted = str_eq(e->verb, "extend") ? NULL : status_of_verb(e->verb);
    flow_get(&u->t.f, "read the maintenance", incident_path(&u->t), finding ? on_found : on_incident);
    return &u->t.f.task;
}

struct task *statuspage_update(struct system *system, const struct effect *e, outcome_fn *done,
                               UNUSED progress_fn *progress, void *ctx)
{
    return update_new(system, e, done, ctx, false);
}

struct task *statuspage_update_find(struct system *system, const struct effect *e, outcome_fn *done,
                                    UNUSED progress_fn *progress, void *ctx)
{
    return update_new(system, e, done, ctx, true);
}
