/* jsm.c: the pager driver for JSM Operations (Jira Service Management), Opsgenie's successor: its dialect,
 * schedules and teams, configuration, doctor.
 *
 * Where Opsgenie takes names, JSM takes ids: names are looked up in its lists of schedules and teams. Of the
 * people on call it tells account ids only; Jira itself knows their names, when a site is configured. */
#include "base/buf.h"
#include "base/instant.h"
#include "systems/drivers.h"
#include "systems/opsgenie_driver.h"
#include <stdlib.h>
#include <string.h>

static const char *const keys[] = {CONFIG_PEER_KEYS, "cloud_id", "site", NULL};

enum { A_PAGE = 100, PAGES_MAX = 10 };

static const char *wanted(const struct opsgenie_flow *t)
{
    return json_str(t->f.effect.args, t->is_alert ? "to" : "schedule", "");
}

/* The first in a list whose `field` is the text. */
static const json_t *with(const json_t *list, const char *field, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (str_eq(json_str(json_array_get(list, i), field, ""), text))
            return json_array_get(list, i);
    return NULL;
}

/* --- who is on call
 * -------------------------------------------------------------------------------------------- */

static void name_next(struct opsgenie_flow *t);

static void on_user(struct flow *f, const struct http_reply *reply)
{
    struct opsgenie_flow *t = (struct opsgenie_flow *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *user = http_json(t->o->site, &f->request, reply, &err);
    const char *id = json_string_value(json_array_get(t->ids, t->next++));
    opsgenie_add_person(t, json_str(user, "displayName", id), json_str(user, "emailAddress", ""));
    name_next(t);
}

static void name_next(struct opsgenie_flow *t)
{
    struct flow *f = &t->f;
    while (t->next < json_array_size(t->ids)) {
        const char *id = json_string_value(json_array_get(t->ids, t->next));
        if (t->o->site) {
            f->peer = t->o->site;
            flow_get(f, "ask who that is",
                     arena_printf(&f->arena, "/rest/api/3/user?accountId=%s", opsgenie_encoded(f, id)),
                     on_user);
            return;
        }
        opsgenie_add_person(t, id, "");
        t->next++;
    }
    opsgenie_tell_people(t);
}

/* Ids, or participants with one: only people can be told. */
static void note_people(struct opsgenie_flow *t, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *who = json_array_get(list, i);
        const char *id = json_is_string(who) ? json_string_value(who) : json_str(who, "id", "");
        if (*id && str_eq(json_str(who, "type", "user"), "user"))
            json_array_append_new(t->ids, json_string(id));
    }
}

static void on_on_calls(struct flow *f, const struct http_reply *reply)
{
    static const char *const lists[] = {"onCallUsers", "onCallRecipients", "onCallParticipants"};
    struct opsgenie_flow *t = (struct opsgenie_flow *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *list = NULL;
    for (size_t i = 0; i < COUNT_OF(lists) && !list; i++)
        list = json_object_get(answer, lists[i]);
    if (!json_is_array(list)) {
        flow_failed_look(f, reply);
        return;
    }
    t->ids = json_array();
    note_people(t, list);
    name_next(t);
}

static void ask_on_calls(struct opsgenie_flow *t, const json_t *schedule)
{
    struct flow *f = &t->f;
    t->schedule = arena_strdup(&f->arena, json_str(schedule, "name", ""));
    flow_get(f, "ask who is on call",
             opsgenie_path(f, "/schedules/%s/on-calls?flat=true",
                           opsgenie_encoded(f, json_str(schedule, "id", ""))),
             on_on_calls);
}

/* --- names to ids
 * ---------------------------------------------------------------------------------------------- */

static void respond(struct opsgenie_flow *t, const char *type, const char *id)
{
    t->responder = json_pack("{s:s, s:s}", "type", type, "id", id);
    t->then(t);
}

static void no_such_name(struct opsgenie_flow *t, const json_t *teams)
{
    size_t n = json_array_size(teams), k = 0;
    const char **names = ARENA_ARRAY(&t->f.arena, n + json_array_size(t->list) + 1, const char *);
    for (size_t i = 0; i < n; i++)
        names[k++] = json_str(json_array_get(teams, i), "teamName", "");
    for (size_t i = 0; i < json_array_size(t->list); i++)
        names[k++] = json_str(json_array_get(t->list, i), "name", "");
    const char *near = str_near(wanted(t), names);
    flow_ends(&t->f, OUTCOME_FAILED, SB_UNKNOWN, "JSM Operations has no %s \"%s\"%s%s%s",
              t->is_alert ? "schedule and no team" : "schedule, and no team with a schedule,", wanted(t),
              near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static void on_teams(struct flow *f, const struct http_reply *reply)
{
    struct opsgenie_flow *t = (struct opsgenie_flow *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *teams = json_object_get(answer, "platformTeams");
    if (!json_is_array(teams)) {
        flow_failed_look(f, reply);
        return;
    }
    const char *team = json_str(with(teams, "teamName", wanted(t)), "teamId", NULL);
    const json_t *schedule = team ? with(t->list, "teamId", team) : NULL;
    if (team && t->is_alert)
        respond(t, "team", team);
    else if (schedule)
        ask_on_calls(t, schedule);
    else
        no_such_name(t, teams);
}

static void read_schedules(struct opsgenie_flow *t);

static void on_schedules(struct flow *f, const struct http_reply *reply)
{
    struct opsgenie_flow *t = (struct opsgenie_flow *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *schedules = json_object_get(answer, "values");
    if (!json_is_array(schedules)) {
        flow_failed_look(f, reply);
        return;
    }
    json_array_extend(t->list, (json_t *)schedules);
    if (json_array_size(schedules) >= A_PAGE && ++t->page < PAGES_MAX) {
        read_schedules(t);
        return;
    }
    const json_t *schedule = with(t->list, "name", wanted(t));
    if (!schedule)
        flow_get(f, "list the teams", opsgenie_path(f, "/teams"), on_teams);
    else if (t->is_alert)
        respond(t, "schedule", json_str(schedule, "id", ""));
    else
        ask_on_calls(t, schedule);
}

static void read_schedules(struct opsgenie_flow *t)
{
    struct flow *f = &t->f;
    flow_get(f, "list the schedules",
             opsgenie_path(f, "/schedules?size=%d&offset=%d", A_PAGE, t->page * A_PAGE), on_schedules);
}

static void find_responder(struct opsgenie_flow *t, opsgenie_next *then)
{
    t->then = then;
    t->is_alert = true;
    t->list = json_array();
    read_schedules(t);
}

static struct task *oncall(struct system *s, const struct effect *e, outcome_fn *done,
                           UNUSED progress_fn *progress, void *ctx)
{
    struct opsgenie_flow *t = opsgenie_flow_new(sizeof *t, s, e, done, NULL, ctx);
    t->list = json_array();
    read_schedules(t);
    return &t->f.task;
}

/* --- JSM's dialect
 * --------------------------------------------------------------------------------------------- */

static char *by_alias(struct flow *f, const char *encoded)
{
    return arena_printf(&f->arena, "/alerts/alias?alias=%s", encoded);
}

static char *by_id(struct flow *f, const char *encoded, const char *action)
{
    return arena_printf(&f->arena, "/alerts/%s%s", encoded, action);
}

static const struct opsgenie_dialect dialect = {
    .says = "JSM Operations",
    .one = NULL,
    .many = "values",
    .limit = "size",
    .by_alias = by_alias,
    .by_id = by_id,
    .closes_with_note = false,
    .find_responder = find_responder,
};

/* --- doctor
 * ---------------------------------------------------------------------------------------------------- */

static void on_alerts(struct flow *f, const struct http_reply *reply)
{
    struct checks *c = (struct checks *)f;
    struct error err = ERROR_NONE;
    if (http_ok(f->peer, &f->request, reply, &err))
        checks_add(c, CHECK_OK, "may read alerts",
                   "yes; whether the account may open them shows at the first alert");
    else
        checks_failed(c, CHECK_FAIL, "may read alerts", reply);
    if (!((struct opsgenie *)f->system)->site)
        checks_add(c, CHECK_WARN, "names", "no \"site\" is configured: people on call are told by ids only");
    checks_end(c);
}

static void on_schedule_list(struct flow *f, const struct http_reply *reply)
{
    struct checks *c = (struct checks *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *list = json_object_get(answer, "values");
    if (json_is_array(list))
        checks_add(c, json_array_size(list) ? CHECK_OK : CHECK_WARN, "may read schedules",
                   json_array_size(list) ? "yes"
                                         : "the account sees none: nobody will be known to be on call");
    else
        checks_failed(c, CHECK_FAIL, "may read schedules", reply);
    checks_clock(c, reply);
    flow_get(f, "read the alerts", opsgenie_path(f, "/alerts?size=1"), on_alerts);
}

static void check(struct system *system, check_fn *done, void *ctx)
{
    struct checks *c = checks_new(sizeof *c, system, ((struct opsgenie *)system)->peer, done, ctx);
    flow_get(&c->f, "list the schedules", opsgenie_path(&c->f, "/schedules?size=1"), on_schedule_list);
}

/* --- configuration
 * --------------------------------------------------------------------------------------------- */

static bool configure(struct opsgenie *o, const struct yaml *config, const char *file, struct error *err)
{
    struct http_peer_options options;
    struct http_peer_options defaults = {
        .name = "jsm",
        .base_url = "https://api.atlassian.com/jsm/ops/api",
        .auth = HTTP_AUTH_BASIC,
        .per_second = 3,
        .burst = 5,
        .total_ms = (int)SECONDS(20),
    };
    if (!config_peer(config, file, &defaults, &o->arena, &options, err))
        return false;
    const char *cloud =
        config_need(config, file, "cloud_id", "the site's id: see https://SITE/_edge/tenant_info", err);
    if (!cloud)
        return false;
    _cleanup_buf_ struct buf prefix = {0};
    buf_addc(&prefix, '/');
    buf_add_url(&prefix, cloud);
    buf_adds(&prefix, "/v1");
    o->prefix = arena_strdup(&o->arena, buf_str(&prefix));
    o->peer = http_peer_new(o->system.around->http, &options, err);
    options.base_url = config_str(config, "site", NULL);
    if (o->peer && options.base_url)
        o->site = http_peer_new(o->system.around->http, &options, err);
    return o->peer && (o->site || !options.base_url);
}

static struct system *jsm_open(const struct driver *d, const struct yaml *config, const char *file,
                               struct surroundings *around, struct error *err)
{
    struct opsgenie *o = calloc(1, sizeof *o);
    if (!o)
        abort();
    o->system = (struct system){.driver = d, .name = d->name, .around = around};
    o->arena = arena_make();
    o->dialect = &dialect;
    if (configure(o, config, file, err))
        return &o->system;
    opsgenie_close_system(&o->system);
    return NULL;
}

const struct driver jsm_driver = {
    .role = ROLE_PAGER,
    .name = "jsm",
    .says = "knows who is on call, and alerts teams and schedules, in Jira Service Management",
    .keys = keys,
    .open = jsm_open,
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
