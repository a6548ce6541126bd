/* questions.c: what is asked about a plan before it becomes a change. */
#include "engine/advice.h"
#include "engine/inside.h"

static void add(json_t *list, const char *about, const char *says, const char *offer)
{
    json_array_append_new(list, json_pack("{s:s, s:s, s:s?}", "about", about, "says", says, "offer", offer));
}

/* "2024-02-12 09:00-10:30 America/New_York": as a plan takes it. */
static const char *window_input(const struct window *w, struct arena *a)
{
    struct civil from, to;
    if (!instant_to_civil(w->from, w->zone, &from, NULL) || !instant_to_civil(w->to, w->zone, &to, NULL))
        return NULL;
    return arena_printf(a, "%04d-%02d-%02d %02d:%02d-%02d:%02d %s", from.year, from.month, from.day,
                        from.hour, from.minute, to.hour, to.minute, w->zone);
}

static void about_window(const struct engine *e, const json_t *facts, json_t *list)
{
    _cleanup_arena_ struct arena a = arena_make();
    const char *week = json_str(facts, "client.work_week", "mon-fri"),
               *hours = json_str(facts, "client.hours", "08:00-18:00");
    struct window better, w = {json_int(facts, "window.from", 0), json_int(facts, "window.to", 0),
                               json_str(facts, "window.zone", "UTC")};
    if (!w.from)
        return;
    /* How long checks and builds take before anything can be deployed, as the page or the configuration says.
     */
    int64_t earliest = engine_now(e) + MINUTES(json_int(facts, "settings.checks_minutes", 0));
    const char *says = advice_window(week, hours, &w, &a);
    if (w.to <= engine_now(e))
        says = "the window is over already";
    else if (w.from < earliest && json_int(facts, "settings.checks_minutes", 0) > 0)
        says = arena_printf(
            &a, "checks and builds take about %lld min, and the window begins before they can be done",
            (long long)json_int(facts, "settings.checks_minutes", 0));
    /* Severity 1 does not wait for office hours. */
    if (!says || (json_int(facts, "change.severity", 0) == 1 && w.to > engine_now(e) && w.from >= earliest))
        return;
    bool found = advice_better(week, hours, &w, earliest, &better);
    add(list, "window", says, found ? window_input(&better, &a) : NULL);
}

static void about_others(const struct engine *e, const json_t *facts, json_t *list)
{
    _cleanup_arena_ struct arena a = arena_make();
    const char *client = json_str(facts, "change.client", ""), *env = json_str(facts, "change.env", "");
    for (const struct ride *r = e->rides_first; r; r = r->next) {
        const json_t *f = r->c->facts;
        if (r->ended || str_eq(r->id, json_str(facts, "change.id", "")) ||
            !str_eq(json_str(f, "change.client", ""), client) || !str_eq(json_str(f, "change.env", ""), env))
            continue;
        add(list, "queue",
            arena_printf(&a, "%s is open for %s %s as well (%s): one goes on when the other has ended", r->id,
                         client, env, json_str(f, "window.text", "no window")),
            NULL);
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
