/* roster.c: the pager of a team that has none: who is on call stands in the configuration, alerts are
 * documents that people answer on Signalbox's pages or command line. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "systems/drivers.h"
#include "systems/kept.h"
#include "systems/pager.h"
#include <string.h>

enum { PEOPLE_MAX = 1000, SCHEDULES_MAX = 500, TURNS_MAX = 200 };

struct person {
    const char *id, *name, *mail, *phone;
};

/* People who take turns of `every` days from `from` on, each turn beginning at that time of day; or all of
 * them always (days 0). */
struct schedule {
    const char *name, *zone;
    const struct person **people;
    int n;
    int64_t from;
    int64_t days;
};

struct roster {
    struct kept_system kept; /* first */
    struct person *people;
    int n_people;
    struct schedule *schedules;
    int n_schedules;
    int64_t answer_ms; /* drills: whoever is on call answers by itself after so long; 0 = people must */
};

/* --- whose turn is it ------------------------------------------------------------------------- */

/* Days since 1970 of a civil date (proleptic Gregorian). */
static int64_t day_number(const struct civil *c)
{
    int64_t y = c->month > 2 ? c->year : c->year - 1;
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (c->month + (c->month > 2 ? -3 : 9)) + 2) / 5 + c->day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int seconds_of_day(const struct civil *c)
{
    return c->hour * 3600 + c->minute * 60 + c->second;
}

/* The number of the turn at `now`, and when it ends. Turns are counted in civil days: a handover at 09:00
 * stays at 09:00 when the clocks change. */
static bool turn_at(const struct schedule *s, int64_t now, int64_t *turn, int64_t *until)
{
    struct civil first, here;
    if (!instant_to_civil(s->from, s->zone, &first, NULL) || !instant_to_civil(now, s->zone, &here, NULL))
        return false;
    int64_t days =
        day_number(&here) - day_number(&first) - (seconds_of_day(&here) < seconds_of_day(&first) ? 1 : 0);
    *turn = days >= 0 ? days / s->days : (days - s->days + 1) / s->days;
    /* The handover's moment, within an hour or so; then exactly, through the civil time of that day. */
    int64_t about = s->from + DAYS((*turn + 1) * s->days);
    struct civil then;
    *until = about;
    if (instant_to_civil(about, s->zone, &then, NULL)) {
        then.hour = first.hour;
        then.minute = first.minute;
        then.second = first.second;
        if (!instant_from_civil(&then, s->zone, false, until, NULL))
            *until = about;
    }
    return true;
}

static json_t *person_json(const struct person *p, int64_t until)
{
    return json_pack("{s:s, s:s, s:s, s:I}", "name", p->name, "mail", p->mail, "phone", p->phone, "until",
                     (json_int_t)until);
}

static json_t *on_call(const struct schedule *s, int64_t now)
{
    json_t *people = json_array();
    int64_t turn, until;
    if (s->days == 0) {
        for (int i = 0; i < s->n; i++)
            json_array_append_new(people, person_json(s->people[i], 0));
    } else if (s->n > 0 && turn_at(s, now, &turn, &until)) {
        int64_t whose = turn % s->n;
        json_array_append_new(people, person_json(s->people[whose < 0 ? whose + s->n : whose], until));
    }
    return people;
}

static const struct schedule *schedule_named(const struct roster *r, const char *name)
{
    for (int i = 0; i < r->n_schedules; i++)
        if (str_eq(r->schedules[i].name, name))
            return &r->schedules[i];
    return NULL;
}

static struct task *no_such_schedule(struct system *s, outcome_fn *done, void *ctx, const char *name)
{
    const struct roster *r = (const struct roster *)s;
    const char *names[SCHEDULES_MAX + 1] = {NULL};
    for (int i = 0; i < r->n_schedules; i++)
        names[i] = r->schedules[i].name;
    const char *near = str_near(name, names);
    return task_ends(s, done, ctx, OUTCOME_FAILED, "the roster has no schedule \"%s\"%s%s%s", name,
                     near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int64_t now_of(const struct system *s)
{
    return s->around->now(s->around->now_ctx);
}

static struct task *oncall(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                           void *ctx)
{
    (void)progress;
    const char *name = json_str(e->args, "schedule", "");
    const struct schedule *its = schedule_named((struct roster *)s, name);
    if (!its && ((struct roster *)s)->n_schedules > 0)
        return no_such_schedule(s, done, ctx, name);
    if (!its)
        return task_done(s, done, ctx,
                         json_pack("{s:[], s:s, s:s}", "people", "schedule", name, "says",
                                   "no roster is configured: nobody is known to be on call"));
    return task_done(s, done, ctx,
                     json_pack("{s:o, s:s}", "people", on_call(its, now_of(s)), "schedule", name));
}

/* --- alerts ----------------------------------------------------------------------------------- */

static json_t *alert_id(const struct effect *e, const json_t *doc)
{
    return json_pack("{s:s}", "alert", json_str(doc, "id", json_str(e->args, "alert", e->key)));
}

/* An alert to a schedule nobody configured is kept all the same: better an alert without a name than none. */
static struct task *alert(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                          void *ctx)
{
    static const char *const args[] = {"to", "summary", "details", "priority", NULL};
    (void)progress;
    json_t *doc = kept_doc(s, e, args);
    const struct schedule *its = schedule_named((struct roster *)s, json_str(e->args, "to", ""));
    if (!json_object_get(doc, "priority"))
        json_object_set_new(doc, "priority", json_string("P1"));
    json_object_set_new(doc, "status", json_string("open"));
    json_object_set_new(doc, "people", its ? on_call(its, now_of(s)) : json_array());
    return kept_put_effect(s, e, done, ctx, KEPT_ALERT, doc, alert_id);
}

static void look_again(struct flow *f);

/* In a drill nobody carries the pager: the roster plays the one who does. */
static bool answered_in_practice(const struct kept *k, const json_t *doc)
{
    const struct roster *r = (const struct roster *)k->flow.system;
    int64_t due = json_int(doc, "created", 0) + r->answer_ms;
    return r->answer_ms > 0 && str_eq(json_str(doc, "status", ""), "open") && now_of(k->flow.system) >= due;
}

static void alert_read(struct kept *k, json_t *doc, const struct error *err)
{
    if (!doc) {
        kept_failed(k, KEPT_ALERT, json_str(k->flow.effect.args, "alert", ""), err);
        return;
    }
    const char *status = json_str(doc, "status", "open");
    if (!str_eq(status, "open")) {
        flow_done(&k->flow, json_pack("{s:s, s:I}", "by", json_str(doc, "by", ""), "at",
                                      (json_int_t)json_int(doc, "at", 0)));
        return;
    }
    if (answered_in_practice(k, doc)) {
        flow_done(&k->flow, json_pack("{s:s, s:I}", "by",
                                      json_str(doc, "people.0.mail", json_str(doc, "people.0", "practice")),
                                      "at", (json_int_t)now_of(k->flow.system)));
        return;
    }
    _cleanup_json_ json_t *view = json_pack("{s:s}", "status", status);
    if (flow_tell(&k->flow, view))
        flow_wait(&k->flow, flow_pause(&k->flow, k->flow.system->around->poll_ms, 50), look_again);
}

static void look_again(struct flow *f)
{
    kept_get((struct kept *)f, KEPT_ALERT, json_str(f->effect.args, "alert", ""), alert_read);
}

static struct task *acknowledged(struct system *s, const struct effect *e, outcome_fn *done,
                                 progress_fn *progress, void *ctx)
{
    struct kept *k = kept_new(sizeof *k, s, e, done, progress, ctx);
    look_again(&k->flow);
    return &k->flow.task;
}

static struct task *close_alert(struct system *s, const struct effect *e, outcome_fn *done,
                                progress_fn *progress, void *ctx)
{
    (void)progress;
    json_t *patch = json_pack("{s:s}", "status", "closed");
    json_t *note = json_object_get(e->args, "note");
    if (note)
        json_object_set(patch, "note", note);
    return kept_patch_effect(s, e, done, ctx, KEPT_ALERT, json_str(e->args, "alert", ""), patch, alert_id);
}

/* --- configuration ---------------------------------------------------------------------------- */

static const struct person *person_by_id(const struct roster *r, const char *id)
{
    for (int i = 0; i < r->n_people; i++)
        if (str_eq(r->people[i].id, id))
            return &r->people[i];
    return NULL;
}

static bool read_people(struct roster *r, const struct yaml *map, const char *file, struct error *err)
{
    static const char *const allowed[] = {"name", "mail", "phone", NULL};
    if (!map)
        return true;
    if (map->kind != YAML_MAP || map->n > PEOPLE_MAX)
        return error_at(err, SB_PARSE, file, map->line, map->column,
                        "people: expected a map of at most %d people", PEOPLE_MAX);
    struct arena *a = &r->kept.arena;
    r->people = ARENA_ARRAY(a, (size_t)map->n, struct person);
    for (int i = 0; i < map->n; i++) {
        const struct yaml *y = map->items[i];
        const char *id = map->keys[i]->text;
        if (y->kind != YAML_MAP)
            return error_at(err, SB_PARSE, file, y->line, y->column, "people: %s: expected name, mail, phone",
                            id);
        if (!yaml_only(y, file, "a person", allowed, err))
            return false;
        r->people[r->n_people++] = (struct person){
            arena_strdup(a, id), arena_strdup(a, config_str(y, "name", id)),
            arena_strdup(a, config_str(y, "mail", "")), arena_strdup(a, config_str(y, "phone", ""))};
    }
    return true;
}

/* Names of `people`; a mail address that is nobody's id stands for itself. */
static bool read_turns(struct roster *r, const struct yaml *list, const char *file, struct schedule *s,
                       struct error *err)
{
    struct arena *a = &r->kept.arena;
    if (list->kind != YAML_LIST || list->n > TURNS_MAX)
        return error_at(err, SB_PARSE, file, list->line, list->column, "%s: expected a list of people",
                        s->name);
    s->people = ARENA_ARRAY(a, (size_t)list->n, const struct person *);
    for (int i = 0; i < list->n; i++) {
        const struct yaml *y = list->items[i];
        const struct person *p = y->kind == YAML_SCALAR ? person_by_id(r, y->text) : NULL;
        if (!p && y->kind == YAML_SCALAR && strchr(y->text, '@')) {
            struct person *stranger = ARENA_NEW(a, struct person);
            char *mail = arena_strdup(a, y->text);
            *stranger = (struct person){mail, mail, mail, ""};
            p = stranger;
        }
        if (!p)
            return error_at(err, SB_UNKNOWN, file, y->line, y->column, "%s: \"%s\" is not among the people",
                            s->name, y->kind == YAML_SCALAR ? y->text : "(a list or map)");
        s->people[s->n++] = p;
    }
    return true;
}

static bool read_rotation(struct roster *r, const struct yaml *y, const char *file, struct schedule *s,
                          struct error *err)
{
    struct surroundings *around = r->kept.system.around;
    int64_t every;
    struct error why = ERROR_NONE;
    if (!config_duration(y, file, "every", DAYS(7), &every, err))
        return false;
    if (every < DAYS(1) || every % DAYS(1) != 0)
        return error_at(err, SB_RANGE, file, y->line, y->column,
                        "%s: every: turns are whole days, such as 7d", s->name);
    const char *from =
        config_need(y, file, "from", "when the first turn begins, as in 2024-01-01 09:00", err);
    if (!from)
        return false;
    if (!instant_parse(from, around->now(around->now_ctx), s->zone, &s->from, &why))
        return error_at(err, why.code, file, y->line, y->column, "%s: from: %s", s->name, why.text);
    s->days = every / DAYS(1);
    return true;
}

static bool read_schedule(struct roster *r, const char *name, const struct yaml *y, const char *file,
                          struct schedule *s, struct error *err)
{
    static const char *const allowed[] = {"people", "rotation", "every", "from", "zone", NULL};
    struct error why = ERROR_NONE;
    s->name = arena_strdup(&r->kept.arena, name);
    if (y->kind == YAML_LIST)
        return read_turns(r, y, file, s, err);
    if (y->kind != YAML_MAP)
        return error_at(err, SB_PARSE, file, y->line, y->column,
                        "%s: expected a list of people, or rotation, every, from", name);
    if (!yaml_only(y, file, "a schedule", allowed, err))
        return false;
    s->zone = arena_strdup(&r->kept.arena, config_str(y, "zone", "UTC"));
    if (!zone_check(s->zone, &why))
        return error_at(err, why.code, file, y->line, y->column, "%s: zone: %s", name, why.text);
    const struct yaml *rotation = yaml_get(y, "rotation"), *people = yaml_get(y, "people");
    if (!rotation == !people)
        return error_at(err, SB_MISSING, file, y->line, y->column,
                        "%s: either \"people\" (all of them, always) or \"rotation\" (in turns)", name);
    return read_turns(r, rotation ? rotation : people, file, s, err) &&
           (!rotation || read_rotation(r, y, file, s, err));
}

static bool read_schedules(struct roster *r, const struct yaml *map, const char *file, struct error *err)
{
    if (!map)
        return true;
    if (map->kind != YAML_MAP || map->n > SCHEDULES_MAX)
        return error_at(err, SB_PARSE, file, map->line, map->column,
                        "schedules: expected a map of at most %d", SCHEDULES_MAX);
    r->schedules = ARENA_ARRAY(&r->kept.arena, (size_t)map->n, struct schedule);
    for (; r->n_schedules < map->n; r->n_schedules++)
        if (!read_schedule(r, map->keys[r->n_schedules]->text, map->items[r->n_schedules], file,
                           &r->schedules[r->n_schedules], err))
            return false;
    return true;
}

static struct system *open_system(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    struct roster *r = kept_open(sizeof *r, d, config, around, err);
    if (!r)
        return NULL;
    if (config_duration(config, file, "practice_answer", 0, &r->answer_ms, err) &&
        read_people(r, yaml_get(config, "people"), file, err) &&
        read_schedules(r, yaml_get(config, "schedules"), file, err))
        return &r->kept.system;
    kept_close(&r->kept.system);
    return NULL;
}

static const char *const keys[] = {"url", "people", "schedules", "practice_answer", NULL};

const struct driver roster_driver = {
    .role = ROLE_PAGER,
    .name = "roster",
    .says = "knows who is on call from the configuration, and keeps alerts until somebody answers",
    .keys = keys,
    .open = open_system,
    .close = kept_close,
    .check = kept_check,
    .verbs =
        {
            {"oncall", oncall, NULL, false},
            {"alert", alert, NULL, true},
            {"acknowledged", acknowledged, NULL, false},
            {"close", close_alert, NULL, true},
        },
};
