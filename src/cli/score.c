/* score.c: see score.h. */
#include "cli/score.h"
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "engine/times.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Longer is too long, when the scenario does not say: people are told within a minute, and decide within ten. */
enum { TELL_S = 60, DECIDE_S = 600 };

struct scoring {
    const struct score_of *o;
    const struct times *t;
    json_t *checks, *missed;
    int points, of;
};

static void check(struct scoring *s, bool ok, const char *what, const char *says)
{
    json_array_append_new(s->checks,
                          json_pack("{s:s, s:b, s:s?}", "what", what, "ok", ok, "says", ok ? NULL : says));
    s->of++;
    s->points += ok;
    if (!ok)
        json_array_append_new(s->missed, json_string(says));
}

static int64_t expected(const struct scoring *s, const char *key, int64_t fallback)
{
    const json_t *expect = json_path(s->o->scenario, "drill.expect");
    return json_int(expect, key, fallback);
}

/* --- what happened to the change
 * ---------------------------------------------------------------------------------------------- */

static void check_outcome(struct scoring *s, struct arena *a)
{
    const char *wanted = json_str(s->o->scenario, "drill.expect.outcome", "done");
    const char *outcome = *s->t->outcome ? s->t->outcome : "open";
    check(s, str_eq(outcome, wanted), "outcome",
          arena_printf(a, "it ended \"%s\"; it should have ended \"%s\"", outcome, wanted));
    bool trouble = json_flag(s->o->scenario, "drill.expect.trouble", s->t->rounds > 0);
    check(s, trouble == (s->t->rounds > 0), "noticed",
          trouble ? "what went wrong was not noticed"
                  : "it came into trouble although nothing was wrong for good");
}

static void check_troubles(struct scoring *s, struct arena *a)
{
    int64_t tell = expected(s, "tell_within", TELL_S), decide = expected(s, "decide_within", DECIDE_S);
    for (int i = 0; i < s->t->n_troubles; i++) {
        const struct times_trouble *m = &s->t->troubles[i];
        int64_t told = m->told ? m->told - m->began : -1, took = m->decided ? m->decided - m->began : -1;
        check(s, told >= 0 && told <= SECONDS(tell), "told",
              told < 0 ? "nobody was told of the trouble"
                       : arena_printf(a, "people were told after %s only", duration_text(told, a)));
        check(s, took >= 0 && took <= SECONDS(decide), "decided",
              took < 0 ? "nothing was decided"
                       : arena_printf(a, "it took %s to decide", duration_text(took, a)));
    }
    if (s->t->n_troubles > 0 && !str_eq(s->t->outcome, "stopped"))
        check(s, s->t->restored != 0, "repaired", "it was not repaired");
}

static const char *status_of(const struct scoring *s, const char *step)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(s->o->change, "steps"), i, one)
        if (str_eq(json_str(one, "id", ""), step))
            return json_str(one, "status", "");
    return "not on the page";
}

/* Did this ever happen to the step? Later rounds of trouble reset what stands in the change. */
static bool ever(const struct scoring *s, const char *type, const char *step)
{
    size_t i;
    json_t *e;
    json_array_foreach((json_t *)s->o->events, i, e)
        if (str_eq(json_str(e, "type", ""), type) && str_eq(json_str(e, "step", ""), step))
            return true;
    return false;
}

static void check_people(struct scoring *s)
{
    if (ever(s, "step.done", "page-owner"))
        check(s, ever(s, "step.done", "page-answer") || ever(s, "step.done", "page-escalate"), "escalated",
              "the owners did not answer, and nobody else was called");
    if (s->t->n_troubles > 0)
        check(s, !ever(s, "step.done", "decide.escalate"), "in time",
              "nothing was decided before a rollback no longer fitted the window");
}

static void check_steps(struct scoring *s, struct arena *a)
{
    const char *step;
    json_t *wanted;
    json_object_foreach((json_t *)json_path(s->o->scenario, "drill.expect.steps"), step, wanted) {
        const char *type = arena_printf(a, "step.%s", json_string_value(wanted));
        check(s, ever(s, type, step), step,
              arena_printf(a, "%s was never \"%s\" (it is %s)", step, json_string_value(wanted),
                           status_of(s, step)));
    }
    int64_t refused = expected(s, "refused", 0);
    check(s, (int64_t)json_array_size(s->o->refused) >= refused, "refused",
          "a decision that should have been refused was taken");
}

/* --- the world outside
 * -------------------------------------------------------------------------------------------------------- */

static bool same_deed(const json_t *a, const json_t *b)
{
    return *json_str(a, "key", "") && str_eq(json_str(a, "key", ""), json_str(b, "key", "")) &&
           str_eq(json_str(a, "system", ""), json_str(b, "system", "")) &&
           str_eq(json_str(a, "what", ""), json_str(b, "what", ""));
}

static const char *deed_twice(const json_t *deeds, struct arena *a)
{
    size_t n = json_array_size(deeds);
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++)
            if (same_deed(json_array_get(deeds, i), json_array_get(deeds, k)))
                return arena_printf(a, "twice: %s: %s", json_str(json_array_get(deeds, i), "system", "?"),
                                    json_str(json_array_get(deeds, i), "what", "?"));
    return NULL;
}

static const char *not_operational(const json_t *page)
{
    const json_t *components = json_object_get(page, "components");
    size_t i;
    json_t *c;
    const char *key;
    json_array_foreach((json_t *)components, i, c)
        if (!str_eq(json_str(c, "status", "operational"), "operational"))
            return json_str(c, "name", "a component");
    if (json_is_object(components))
        json_object_foreach((json_t *)components, key, c)
            if (!str_eq(json_str(c, "status", "operational"), "operational"))
                return json_str(c, "name", key);
    return NULL;
}

static void check_world(struct scoring *s, struct arena *a)
{
    const char *twice = deed_twice(s->o->deeds, a);
    if (s->o->deeds)
        check(s, !twice, "once", twice ? twice : "nothing was done twice");
    bool whole = str_eq(s->t->outcome, "done") || str_eq(s->t->outcome, "rolled-back");
    if (s->o->page && whole) {
        const char *left = not_operational(s->o->page);
        check(s, !left, "all clear",
              left ? arena_printf(a, "%s was not set back to operational", left)
                   : "all components are operational");
    }
    check(s, s->o->record_good, "record", "the record does not verify");
}

/* --- together
 * ------------------------------------------------------------------------------------------------------------- */

static void put_first_trouble(json_t *score, const json_t *times)
{
    static const char *const keys[] = {"notice_ms", "tell_ms", "decide_ms", "repair_ms",
                                       "choice",    "by",      "step"};
    const json_t *first = json_array_get(json_object_get(times, "troubles"), 0);
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        if (json_object_get(first, keys[i]))
            json_object_set(score, keys[i], json_object_get(first, keys[i]));
    if (json_object_get(times, "restore_ms"))
        json_object_set(score, "restore_ms", json_object_get(times, "restore_ms"));
}

json_t *drill_score(const struct score_of *o)
{
    _cleanup_arena_ struct arena a = arena_make();
    struct times_reading *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    size_t i;
    json_t *event;
    json_array_foreach((json_t *)o->events, i, event)
        times_take(r, event);
    times_end(r);
    struct scoring s = {.o = o, .t = &r->t, .checks = json_array(), .missed = json_array()};
    check_outcome(&s, &a);
    check_troubles(&s, &a);
    check_people(&s);
    check_steps(&s, &a);
    check_world(&s, &a);
    json_t *score = json_pack("{s:s, s:s, s:s, s:o, s:o, s:i, s:i, s:i}", "scenario",
                              json_str(o->scenario, "name", "all goes well"), "outcome",
                              *r->t.outcome ? r->t.outcome : "open", "expected",
                              json_str(o->scenario, "drill.expect.outcome", "done"), "checks", s.checks,
                              "missed", s.missed, "rounds", r->t.rounds, "points", s.points, "of", s.of);
    if (o->refused)
        json_object_set_new(score, "refused", json_deep_copy(o->refused));
    _cleanup_json_ json_t *times = times_json(&r->t);
    put_first_trouble(score, times);
    free(r);
    return score;
}

static void print_span(const json_t *score, const char *key, const char *says, struct arena *a)
{
    if (json_object_get(score, key))
        printf("  %-9s %s\n", says, duration_text(json_int(score, key, 0), a));
}

void drill_score_print(const json_t *score, struct arena *a)
{
    size_t i;
    json_t *one;
    printf("\nscore: %" PRId64 " of %" PRId64 " (%s)\n", json_int(score, "points", 0),
           json_int(score, "of", 0), json_str(score, "scenario", ""));
    print_span(score, "notice_ms", "noticed", a);
    print_span(score, "tell_ms", "told", a);
    if (json_object_get(score, "decide_ms"))
        printf("  %-9s %s: %s, by %s\n", "decided", duration_text(json_int(score, "decide_ms", 0), a),
               json_str(score, "choice", "?"), json_str(score, "by", "?"));
    print_span(score, "repair_ms", "repaired", a);
    json_array_foreach(json_object_get(score, "refused"), i, one)
        printf("  refused   %.150s\n", json_string_value(one));
    json_array_foreach(json_object_get(score, "missed"), i, one)
        printf("  missed    %s\n", json_string_value(one));
}
