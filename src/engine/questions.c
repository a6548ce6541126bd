/* questions.c: what is asked about a plan before it becomes a change. */
#include "base/instant.h"
#include "engine/inside.h"
#include "sop/staffing.h"

static void add(json_t *list, const char *about, const char *says)
{
    json_array_append_new(list, json_pack("{s:s, s:s}", "about", about, "says", says));
}

/* What speaks against the hour, with the nearest better one in the sentence; NULL = nothing. */
static const char *about_hours(const struct engine *e, const json_t *facts, struct arena *a)
{
    struct staffing hours;
    if (!staffing_parse(json_str(facts, "client.work_week", "mon-fri"),
                        json_str(facts, "client.hours", "08:00-18:00"), &hours, NULL))
        return NULL;
    const char *says =
        staffing_question(&hours, json_int(facts, "window.from", 0), json_int(facts, "window.to", 0),
                          json_str(facts, "window.zone", "UTC"), engine_now(e), a, NULL);
    return says && *says ? says : NULL;
}

static void about_window(const struct engine *e, const json_t *facts, json_t *list)
{
    _cleanup_arena_ struct arena a = arena_make();
    int64_t from = json_int(facts, "window.from", 0), to = json_int(facts, "window.to", 0),
            now = engine_now(e);
    /* How long checks and builds take before anything can be deployed, as the page or the configuration says.
     */
    int64_t checks = json_int(facts, "settings.checks_minutes", 0);
    const char *says = NULL;
    if (!from)
        return;
    if (to <= now)
        says = "the window is over already";
    else if (checks > 0 && from < now + MINUTES(checks))
        says = arena_printf(
            &a, "checks and builds take about %lld min, and the window begins before they can be done",
            (long long)checks);
    else if (json_int(facts, "change.severity", 0) != 1) /* which does not wait for office hours */
        says = about_hours(e, facts, &a);
    if (says)
        add(list, "window", says);
}

static void about_others(const struct engine *e, const json_t *facts, json_t *list)
{
    _cleanup_arena_ struct arena a = arena_make();
    const char *client = json_str(facts, "change.client", ""), *env = json_str(facts, "change.env", "");
    for (const struct ride *r = lane_first(e, client, env); r; r = r->lane_next) {
        if (str_eq(r->id, json_str(facts, "change.id", "")))
            continue;
        _cleanup_json_ json_t *other = ride_summary(r);
        add(list, "queue",
            arena_printf(&a, "%s is open for %s %s as well (%s): one goes on when the other has ended", r->id,
                         client, env, json_str(other, "window.text", "no window")));
    }
}

json_t *plan_questions(const struct engine *e, const json_t *facts)
{
    json_t *list = json_array();
    about_window(e, facts, list);
    about_others(e, facts, list);
    return list;
}

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
