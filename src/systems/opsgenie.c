/* opsgenie.c: the pager driver for Opsgenie: who is on call, to whom an alert goes, configuration, doctor;
 * and what it shares with JSM Operations. */
#include "base/buf.h"
#include "base/instant.h"
#include "systems/drivers.h"
#include "systems/opsgenie_driver.h"
#include <stdlib.h>
#include <string.h>

static const char *const keys[] = {CONFIG_PEER_KEYS, NULL};

/* --- shared
 * ---------------------------------------------------------------------------------------------------- */

static void opsgenie_flow_free(struct flow *f)
{
    struct opsgenie_flow *t = (struct opsgenie_flow *)f;
    json_decref(t->responder);
    json_decref(t->people);
    json_decref(t->list);
    json_decref(t->ids);
}

void *opsgenie_flow_new(size_t size, struct system *s, const struct effect *e, outcome_fn *done,
                        progress_fn *progress, void *ctx)
{
    struct opsgenie *o = (struct opsgenie *)s;
    struct opsgenie_flow *t = flow_new(size, s, o->peer, e, done, progress, ctx);
    t->o = o;
    t->people = json_array();
    t->f.on_free = opsgenie_flow_free;
    return t;
}

char *opsgenie_path(struct flow *f, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *rest = arena_vprintf(&f->arena, fmt, ap);
    va_end(ap);
    return arena_printf(&f->arena, "%s%s", ((struct opsgenie *)f->system)->prefix, rest);
}

char *opsgenie_encoded(struct flow *f, const char *text)
{
    _cleanup_buf_ struct buf b = {0};
    buf_add_url(&b, text);
    return arena_strdup(&f->arena, buf_str(&b));
}

const json_t *opsgenie_one(const struct opsgenie *o, const json_t *answer)
{
    return o->dialect->one ? json_object_get(answer, o->dialect->one) : answer;
}

const json_t *opsgenie_many(const struct opsgenie *o, const json_t *answer)
{
    return json_object_get(answer, o->dialect->many);
}

void opsgenie_add_person(struct opsgenie_flow *t, const char *name, const char *mail)
{
    json_array_append_new(
        t->people, json_pack("{s:s, s:s, s:s, s:i}", "name", name, "mail", mail, "phone", "", "until", 0));
}

void opsgenie_tell_people(struct opsgenie_flow *t)
{
    flow_done(&t->f, json_pack("{s:O, s:s}", "people", t->people, "schedule", t->schedule));
}

static void no_schedule(struct opsgenie_flow *t, const json_t *schedules)
{
    const char *wanted = json_str(t->f.effect.args, "schedule", "");
    size_t n = json_array_size(schedules);
    const char **names = ARENA_ARRAY(&t->f.arena, 2 * n + 1, const char *);
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *s = json_array_get(schedules, i);
        names[k++] = json_str(s, "name", "");
        const char *team = json_str(s, "ownerTeam.name", NULL);
        if (team)
            names[k++] = team;
    }
    const char *near = str_near(wanted, names);
    flow_ends(&t->f, OUTCOME_FAILED, SB_UNKNOWN,
              "%s has no schedule, and no team with a schedule, \"%s\"%s%s%s", t->o->dialect->says, wanted,
              near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

void opsgenie_close_system(struct system *system)
{
    struct opsgenie *o = (struct opsgenie *)system;
    tasks_cancel(system);
    if (o->peer)
        http_peer_free(o->peer);
    if (o->site)
        http_peer_free(o->site);
    arena_free(&o->arena);
    free(o);
}

/* --- Opsgenie's dialect
 * ---------------------------------------------------------------------------------------- */

static char *by_alias(struct flow *f, const char *encoded)
{
    return arena_printf(&f->arena, "/alerts/%s?identifierType=alias", encoded);
}

static char *by_id(struct flow *f, const char *encoded, const char *action)
{
    return arena_printf(&f->arena, "/alerts/%s%s?identifierType=id", encoded, action);
}

static char *on_calls_path(struct flow *f, const char *schedule, const char *by)
{
    return opsgenie_path(f, "/schedules/%s/on-calls?scheduleIdentifierType=%s&flat=true",
                         opsgenie_encoded(f, schedule), by);
}

/* A name is a schedule's when there is one; else it is taken for a team's. A key that may not read schedules
 * must be able to alert all the same. */
static void on_is_schedule(struct flow *f, const struct http_reply *reply)
{
    struct opsgenie_flow *t = (struct opsgenie_flow *)f;
    struct error err = ERROR_NONE;
    bool is = http_ok(f->peer, &f->request, reply, &err);
    struct outcome o = is ? (struct outcome){0} : outcome_of_failed_look(f->peer, &f->request, reply);
    if (o.kind == OUTCOME_RETRY) { /* a schedule taken for a team would call nobody */
        flow_end(f, &o);
        return;
    }
    t->responder =
        json_pack("{s:s, s:s}", "type", is ? "schedule" : "team", "name", json_str(f->effect.args, "to", ""));
    t->then(t);
}

static void find_responder(struct opsgenie_flow *t, opsgenie_next *then)
{
    t->then = then;
    flow_get(&t->f, "ask whether it is a schedule",
             on_calls_path(&t->f, json_str(t->f.effect.args, "to", ""), "name"), on_is_schedule);
}

static const struct opsgenie_dialect dialect = {
    .says = "Opsgenie",
    .one = "data",
    .many = "data",
    .limit = "limit",
    .by_alias = by_alias,
    .by_id = by_id,
    .closes_with_note = true,
    .find_responder = find_responder,
};

/* --- who is on call
 * -------------------------------------------------------------------------------------------- */

static void tell_recipients(struct opsgenie_flow *t, const json_t *recipients)
{
    for (size_t i = 0; i < json_array_size(recipients); i++) {
        const char *mail = json_string_value(json_array_get(recipients, i));
        if (mail)
            opsgenie_add_person(t, mail, mail);
    }
    opsgenie_tell_people(t);
}

static void on_team_on_calls(struct flow *f, const struct http_reply *reply)
{
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    if (answer)
        tell_recipients((struct opsgenie_flow *)f, json_path(answer, "data.onCallRecipients"));
    else
        flow_failed_look(f, reply);
}

/* By the team that owns it. */
static const json_t *schedule_of_team(const json_t *schedules, const char *team)
{
    for (size_t i = 0; i < json_array_size(schedules); i++) {
        const json_t *s = json_array_get(schedules, i);
        if (str_eq(json_str(s, "ownerTeam.name", ""), team) && json_flag(s, "enabled", true))
            return s;
    }
    return NULL;
}

static void on_schedules(struct flow *f, const struct http_reply *reply)
{
    struct opsgenie_flow *t = (struct opsgenie_flow *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *schedules = opsgenie_many(t->o, answer);
    if (!json_is_array(schedules)) {
        flow_failed_look(f, reply);
        return;
    }
    const json_t *s = schedule_of_team(schedules, json_str(f->effect.args, "schedule", ""));
    if (!s) {
        no_schedule(t, schedules);
        return;
    }
    t->schedule = arena_strdup(&f->arena, json_str(s, "name", ""));
    flow_get(f, "ask who is on call", on_calls_path(f, json_str(s, "id", ""), "id"), on_team_on_calls);
}

static void on_on_calls(struct flow *f, const struct http_reply *reply)
{
    struct opsgenie_flow *t = (struct opsgenie_flow *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    if (json_is_object(json_object_get(answer, "data")))
        tell_recipients(t, json_path(answer, "data.onCallRecipients"));
    else if (reply->status == 404)
        flow_get(f, "list the schedules", opsgenie_path(f, "/schedules"), on_schedules);
    else
        flow_failed_look(f, reply);
}

static struct task *oncall(struct system *s, const struct effect *e, outcome_fn *done,
                           UNUSED progress_fn *progress, void *ctx)
{
    struct opsgenie_flow *t = opsgenie_flow_new(sizeof *t, s, e, done, NULL, ctx);
    t->schedule = arena_strdup(&t->f.arena, json_str(e->args, "schedule", ""));
    flow_get(&t->f, "ask who is on call", on_calls_path(&t->f, t->schedule, "name"), on_on_calls);
    return &t->f.task;
}

/* --- doctor
 * ---------------------------------------------------------------------------------------------------- */

static void on_alerts(struct flow *f, const struct http_reply *reply)
{
    struct checks *c = (struct checks *)f;
    struct error err = ERROR_NONE;
    if (http_ok(f->peer, &f->request, reply, &err))
        checks_add(c, CHECK_OK, "may read alerts",
                   "yes; whether the key may open them shows at the first alert");
    else
        checks_failed(c, CHECK_FAIL, "may read alerts", reply);
    checks_end(c);
}

static void on_schedule_list(struct flow *f, const struct http_reply *reply)
{
    struct checks *c = (struct checks *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *schedules = json_object_get(answer, "data");
    if (json_array_size(schedules))
        checks_add(c, CHECK_OK, "may read schedules", "%zu can be read", json_array_size(schedules));
    else if (json_is_array(schedules))
        checks_add(c, CHECK_WARN, "may read schedules", "there is none: nobody will be known to be on call");
    else
        checks_failed(c, CHECK_FAIL, "may read schedules", reply);
    checks_clock(c, reply);
    flow_get(f, "read the alerts", opsgenie_path(f, "/alerts?limit=1"), on_alerts);
}

static void check(struct system *system, check_fn *done, void *ctx)
{
    struct checks *c = checks_new(sizeof *c, system, ((struct opsgenie *)system)->peer, done, ctx);
    flow_get(&c->f, "list the schedules", opsgenie_path(&c->f, "/schedules"), on_schedule_list);
}

/* --- configuration
 * --------------------------------------------------------------------------------------------- */

static bool configure(struct opsgenie *o, const struct yaml *config, const char *file, struct error *err)
{
    struct http_peer_options options;
    struct http_peer_options defaults = {
        .name = "opsgenie",
        .base_url = "https://api.opsgenie.com",
        .auth = HTTP_AUTH_HEADER,
        .auth_prefix = "GenieKey ",
        .per_second = 3,
        .burst = 5,
        .total_ms = (int)SECONDS(20),
    };
    if (!config_peer(config, file, &defaults, &o->arena, &options, err))
        return false;
    o->peer = http_peer_new(o->system.around->http, &options, err);
    return o->peer != NULL;
}

static struct system *opsgenie_open(const struct driver *d, const struct yaml *config, const char *file,
                                    struct surroundings *around, struct error *err)
{
    struct opsgenie *o = calloc(1, sizeof *o);
    if (!o)
        abort();
    o->system = (struct system){.driver = d, .name = d->name, .around = around};
    o->arena = arena_make();
    o->dialect = &dialect;
    o->prefix = "/v2";
    if (configure(o, config, file, err))
        return &o->system;
    opsgenie_close_system(&o->system);
    return NULL;
}

const struct driver opsgenie_driver = {
    .role = ROLE_PAGER,
    .name = "opsgenie",
    .says = "knows who is on call, and alerts teams and schedules, in Opsgenie",
    .keys = keys,
    .open = opsgenie_open,
    .close = opsgenie_close_system,
    .check = check,
    .verbs =
        {
            {.verb = "oncall", .perform = oncall},
            {.verb = "alert", .perform = opsgenie_act_alert, .find = opsgenie_find_alert},
            {.verb = "acknowledged", .perform = opsgenie_look_acknowledged},
            {.verb = "close", .perform = opsgenie_act_close, .repeatable = true},
            {.verb = NULL},
        },
};
