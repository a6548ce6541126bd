/* questions.c: what is asked about a plan: from facts and what the systems told to change/questions.h and back;
 * and which questions stand after somebody has overruled some. */
#include "base/instant.h"
#include "base/window.h"
#include "engine/inside.h"

enum { BUSY_MAX = 400, SERVICES_MAX = 100, OTHERS_MAX = 50 };

/* --- what is known
 * ------------------------------------------------------------------------------------------------------------ */

static const json_t *row_of(const json_t *rows, const char *service)
{
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)rows, i, row)
        if (str_eq(json_str(row, "service", ""), service))
            return row;
    return NULL;
}

static struct plan_service service_of(const struct engine *e, const json_t *service,
                                      const struct known_plan *known, struct arena *a)
{
    const char *name = json_str(service, "service", "?");
    const json_t *row = row_of(json_object_get(known->releases, "services"), name);
    const json_t *problem = row_of(json_object_get(known->releases, "problems"), name);
    const json_t *before = json_object_get(known->versions, name);
    return (struct plan_service){
        .service = name,
        .tag = json_str(service, "tag", "?"),
        .before = json_is_string(before) ? json_string_value(before) : json_str(service, "before", NULL),
        .exists = json_flag(row, "exists", false) ? KNOWN_YES
                  : problem                       ? KNOWN_NO
                                                  : NOT_KNOWN,
        .problem = problem ? json_str(problem, "says", "it cannot be deployed") : NULL,
        .checks = row ? json_str(row, "checks", "") : "",
        .ready = json_int(row, "ready", 0),
        .took = history_of(e, arena_printf(a, "checks %s", name)),
    };
}

static int services_of(const struct engine *e, const json_t *facts, const struct known_plan *known,
                       struct arena *a, struct plan_service *out)
{
    int n = 0;
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(facts, "services"), i, s)
        if (n < SERVICES_MAX)
            out[n++] = service_of(e, s, known, a);
    return n;
}

/* Open changes of the same client are on the calendar; those that are planned and not started are on none yet. */
static int add_planned(const struct engine *e, const json_t *facts, const char *own, struct arena *a,
                       struct plan_busy *out, int n)
{
    const char *client = json_str(facts, "change.client", "");
    for (const struct ride *r = e->rides_first; r && n < BUSY_MAX; r = r->next) {
        if (r->ended || r->started || str_eq(r->id, own))
            continue;
        _cleanup_json_ json_t *other = ride_summary(r);
        if (!str_eq(json_str(other, "client", ""), client) || !json_int(other, "window.from", 0))
            continue;
        out[n++] = (struct plan_busy){
            .from = json_int(other, "window.from", 0),
            .to = json_int(other, "window.to", 0),
            .title = arena_printf(a, "%s, which is planned for %s", r->id, json_str(other, "env", "?"))};
    }
    return n;
}

/* Freezes of the configuration count whether or not a calendar answers. */
static int add_freezes(const struct engine *e, const json_t *facts, struct arena *a, struct plan_busy *out)
{
    enum { MET_MAX = 200 };
    int64_t from = json_int(facts, "window.from", 0), to = json_int(facts, "window.to", 0);
    struct freeze_met *met = ARENA_ARRAY(a, MET_MAX, struct freeze_met);
    if (!from)
        return 0;
    int n = config_freezes(e->config, json_str(facts, "change.client", ""), json_str(facts, "change.env", ""),
                           from - PLAN_REACH, to + PLAN_REACH, met, MET_MAX);
    for (int i = 0; i < n; i++)
        out[i] = (struct plan_busy){met[i].from, met[i].to, true, met[i].freeze->title};
    return n;
}

static bool has(const struct plan_busy *list, int n, const struct plan_busy *one)
{
    for (int i = 0; i < n; i++)
        if (list[i].from == one->from && list[i].to == one->to && list[i].freeze == one->freeze)
            return true;
    return false;
}

static int busy_of(const struct engine *e, const json_t *facts, const struct known_plan *known,
                   const char *own, struct arena *a, struct plan_busy *out)
{
    int n = add_freezes(e, facts, a, out);
    size_t i;
    json_t *c;
    json_array_foreach(known->calendar, i, c) {
        const struct plan_busy one = {.from = json_int(c, "from", 0),
                                      .to = json_int(c, "to", 0),
                                      .freeze = json_flag(c, "freeze", false),
                                      .title = json_str(c, "title", "something without a title")};
        if (n < BUSY_MAX &&
            !has(out, n, &one)) /* the calendar tells of the configuration's freezes as well */
            out[n++] = one;
    }
    return add_planned(e, facts, own, a, out, n);
}

static int others_of(const struct engine *e, const json_t *facts, const char *own, struct arena *a,
                     struct plan_other *out)
{
    int n = 0;
    const struct ride *r =
        lane_first(e, json_str(facts, "change.client", ""), json_str(facts, "change.env", ""));
    for (; r && n < OTHERS_MAX; r = r->lane_next) {
        if (str_eq(r->id, own))
            continue;
        _cleanup_json_ json_t *other = ride_summary(r);
        out[n++] = (struct plan_other){r->id, arena_strdup(a, json_str(other, "window.text", "no window"))};
    }
    return n;
}

static enum known is_there(bool yes)
{
    return yes ? KNOWN_YES : KNOWN_NO;
}

/* --- as JSON
 * ----------------------------------------------------------------------------------------------------------------------- */

static json_t *better_json(const struct question *q, const char *zone, int64_t now, struct arena *a)
{
    struct civil c;
    struct window w = {q->better_from, q->better_to, zone};
    if (!q->better_from || !instant_to_civil(q->better_from, zone, &c, NULL))
        return NULL;
    return json_pack("{s:I, s:I, s:s, s:s}", "from", (json_int_t)w.from, "to", (json_int_t)w.to, "text",
                     window_text(&w, now, a), "window",
                     arena_printf(a, "%04d-%02d-%02d %02d:%02d for %lldm %s", c.year, c.month, c.day, c.hour,
                                  c.minute, (long long)((w.to - w.from) / MINUTES(1)), zone));
}

static json_t *question_json(const struct engine *e, const struct question *q, const char *zone,
                             struct arena *a)
{
    const struct config_question *rule = &e->config->questions[q->about];
    json_t *o = json_pack("{s:s, s:s, s:b, s:s}", "about", about_names[q->about], "says", q->says, "blocks",
                          rule->blocks, "overrule", rule->overrule);
    if (q->proposal)
        json_object_set_new(o, "proposal", json_string(q->proposal));
    json_t *better = better_json(q, zone, engine_now(e), a);
    if (better)
        json_object_set_new(o, "better", better);
    if (q->took.n > 0)
        json_object_set_new(o, "took",
                            json_pack("{s:i, s:I, s:I}", "n", q->took.n, "median_ms",
                                      (json_int_t)q->took.median, "p90_ms", (json_int_t)q->took.p90));
    return o;
}

static bool page_asks_way_back(const json_t *facts)
{
    return json_object_get(json_object_get(facts, "inputs"), "rollback") != NULL;
}

json_t *plan_questions(const struct engine *e, const json_t *facts, const struct known_plan *known)
{
    _cleanup_arena_ struct arena a = arena_make();
    const char *own = json_str(facts, "change.id", ""), *zone = json_str(facts, "client.zone", "UTC");
    struct plan_busy *busy = ARENA_ARRAY(&a, BUSY_MAX, struct plan_busy);
    struct plan_service *services = ARENA_ARRAY(&a, SERVICES_MAX, struct plan_service);
    struct plan_other *others = ARENA_ARRAY(&a, OTHERS_MAX, struct plan_other);
    struct question *asked = ARENA_ARRAY(&a, QUESTIONS_MAX, struct question);
    struct staffing hours;
    bool staffed = staffing_parse(json_str(facts, "client.work_week", "mon-fri"),
                                  json_str(facts, "client.hours", "08:00-18:00"), &hours, NULL);
    struct plan_known k = {
        .now = engine_now(e),
        .from = json_int(facts, "window.from", 0),
        .to = json_int(facts, "window.to", 0),
        .zone = zone,
        .hours = staffed ? &hours : NULL,
        .severity = (int)json_int(facts, "change.severity", 0),
        .client = json_str(facts, "client.id", "?"),
        .busy = busy,
        .n_busy = busy_of(e, facts, known, own, &a, busy),
        .services = services,
        .n_services = services_of(e, facts, known, &a, services),
        .checks_ms = MINUTES(json_int(facts, "settings.checks_minutes", 0)),
        .deployment =
            history_of(e, arena_printf(&a, "pipeline.watch %s/%s", json_str(facts, "change.client", "?"),
                                       json_str(facts, "change.env", "?"))),
        .oncall = json_str(facts, "oncall", ""),
        .on_call = known->oncall ? is_there(json_array_size(known->oncall) > 0) : NOT_KNOWN,
        .tam = is_there(*json_str(facts, "client.tam.mail", "") != '\0'),
        .high_risk = str_eq(json_str(facts, "change.risk", ""), "high"),
        .way_back =
            page_asks_way_back(facts) ? is_there(*json_str(facts, "inputs.rollback", "") != '\0') : NOT_KNOWN,
        .others = others,
        .n_others = others_of(e, facts, own, &a, others),
    };
    json_t *list = json_array();
    int n = plan_asks(&k, &a, asked);
    for (int i = 0; i < n; i++)
        json_array_append_new(list, question_json(e, &asked[i], zone, &a));
    return list;
}

/* --- overruled
 * --------------------------------------------------------------------------------------------------------------------- */

void overrule_rights(const struct engine *e, const char *by, const json_t *facts, bool out[ABOUT_COUNT])
{
    for (int i = 0; i < ABOUT_COUNT; i++) {
        const char *role = e->config->questions[i].overrule;
        out[i] = !str_eq(role, "nobody") &&
                 may_at(e, by, role, json_str(facts, "change.client", ""), json_str(facts, "change.env", ""));
    }
}

static int about_named(const char *name)
{
    int i = 0;
    while (i < ABOUT_COUNT && !str_eq(about_names[i], name))
        i++;
    return i;
}

bool overrules_check(const json_t *overrules, struct error *err)
{
    const char *about;
    json_t *reason;
    if (overrules && !json_is_object(overrules))
        return error_set(
            err, SB_PARSE,
            "overrule: expected a map of questions to reasons, such as {hours: \"the client asked for it\"}");
    json_object_foreach((json_t *)overrules, about, reason) {
        const char *near = about_named(about) == ABOUT_COUNT ? str_near(about, about_names) : NULL;
        if (about_named(about) == ABOUT_COUNT)
            return error_set(err, SB_UNKNOWN, "there is no question called \"%.64s\"%s%s%s", about,
                             near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        if (!json_is_string(reason) || !*json_string_value(reason))
            return error_set(err, SB_MISSING, "overrule %s: say why; it goes into the record", about);
    }
    return true;
}

/* One sentence that says what to do about it. */
static void add_standing(struct buf *b, const json_t *q, bool may)
{
    const char *about = json_str(q, "about", "?"), *role = json_str(q, "overrule", "nobody");
    const char *proposal = json_str(q, "proposal", "");
    buf_printf(b, "%s%s%s%s", b->len ? " " : "", json_str(q, "says", ""), *proposal ? " " : "", proposal);
    if (str_eq(role, "nobody"))
        buf_adds(b, " Nobody may overrule this.");
    else
        buf_printf(b, " %s overrule it: %s=REASON.", may ? "You may" : "Who has the role may", about);
    if (!may && !str_eq(role, "nobody"))
        buf_printf(b, " (role %s)", role);
}

bool questions_settle(json_t *questions, const json_t *overrules, const bool may[ABOUT_COUNT],
                      struct error *err)
{
    _cleanup_buf_ struct buf standing = {0};
    size_t i;
    json_t *q;
    bool denied = false;
    json_array_foreach(questions, i, q) {
        const char *about = json_str(q, "about", "");
        int which = about_named(about);
        const json_t *reason = json_object_get(overrules, about);
        bool allowed = which < ABOUT_COUNT && may[which];
        if (reason && allowed) {
            json_object_set(q, "overruled", (json_t *)reason);
            continue;
        }
        denied = denied || reason;
        if (json_flag(q, "blocks", false))
            add_standing(&standing, q, allowed);
    }
    if (standing.len == 0)
        return true;
    return error_set(err, denied ? SB_DENIED : SB_STATE, "%s", buf_str(&standing));
}

/* --- systems that are missing
 * ------------------------------------------------------------------------------------------------------ */

/* Roles that steps of the page need and that no system fills. */
json_t *plan_problems(const struct engine *e, const struct procedure *p)
{
    json_t *list = json_array();
    for (int i = 0; i < p->n_steps; i++) {
        struct error err = ERROR_NONE;
        struct system *system;
        const struct step *s = &p->steps[i];
        if (s->verb && s->verb->kind != VERB_LOCAL && !verb_entry_of(e, s->verb, &system, &err))
            json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "step", s->id, "says", err.text,
                                                  "conditional", s->when != NULL));
    }
    return list;
}
