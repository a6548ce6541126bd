/* times.c: see times.h. */
#include "engine/times.h"
#include "base/buf.h"
#include "base/json.h"
#include <stdio.h>
#include <string.h>

#define PUT(slot, text) put((slot), sizeof(slot), (text))

static void put(char *slot, size_t n, const char *text)
{
    size_t len = 0;
    for (; len + 1 < n && text[len]; len++)
        slot[len] = text[len];
    slot[len] = '\0';
}

/* The place of a step; a page has no more of them than there is room for. */
static int step_named(struct times_reading *r, const char *id)
{
    for (int i = 0; i < r->n_steps; i++)
        if (str_eq(r->steps[i].id, id))
            return i;
    if (r->n_steps == STEPS_MAX || !*id)
        return -1;
    PUT(r->steps[r->n_steps].id, id);
    return r->n_steps++;
}

/* --- the change
 * ------------------------------------------------------------------------------------------------------- */

static void take_plan(struct times_reading *r, const json_t *event, int64_t at)
{
    const json_t *facts = json_path(event, "data.facts");
    size_t i;
    json_t *s;
    r->t.planned = at;
    PUT(r->t.client, json_str(facts, "change.client", ""));
    PUT(r->t.env, json_str(facts, "change.env", ""));
    r->t.severity = (int)json_int(facts, "change.severity", 0);
    r->t.incident = json_int(facts, "incident", 0);
    json_array_foreach(json_object_get(facts, "services"), i, s)
        if (r->t.n_services < (int)COUNT_OF(r->t.services)) {
            PUT(r->t.services[r->t.n_services], json_str(s, "service", "?"));
            r->t.n_services++;
        }
}

static struct times_trouble *last_trouble(struct times_reading *r)
{
    return r->t.n_troubles > 0 ? &r->t.troubles[r->t.n_troubles - 1] : NULL;
}

static void close_decision(struct times_reading *r, int64_t at, bool good)
{
    struct times_decision *d = r->t.n_decisions > 0 ? &r->t.decisions[r->t.n_decisions - 1] : NULL;
    if (!d || d->until)
        return;
    d->until = at;
    d->good = good;
}

static void enter_trouble(struct times_reading *r, int step, int64_t since, int64_t at)
{
    r->t.rounds++;
    r->in_trouble = true;
    r->verified = 0;
    close_decision(r, at, false);
    if (r->t.n_troubles == TIMES_TROUBLES)
        return;
    struct times_trouble *trouble = &r->t.troubles[r->t.n_troubles++];
    trouble->began = at;
    trouble->looked = since;
    PUT(trouble->step, step >= 0 ? r->steps[step].id : "");
}

/* --- a step
 * ----------------------------------------------------------------------------------------------------------- */

static void add_wait(struct times_reading *r, int step, const char *whom, bool person, int64_t at)
{
    int64_t since = r->steps[step].since;
    r->steps[step].since = 0;
    if (!since || r->n_waits == TIMES_WAITS || str_eq(whom, "change"))
        return;
    struct times_wait *w = &r->waits[r->n_waits++];
    PUT(w->step, r->steps[step].id);
    PUT(w->whom, whom);
    w->person = person;
    w->ms = at - since;
}

static void take_answer(struct times_reading *r, int step, const json_t *event, int64_t at)
{
    const char *by = json_str(event, "by", "");
    add_wait(r, step, *by ? by : "nobody (its time was up)", true, at);
    if (!r->steps[step].decision || !r->in_trouble)
        return;
    const char *choice = json_str(event, "data.choice", "");
    close_decision(r, at, false);
    if (r->t.n_decisions < TIMES_DECISIONS) {
        struct times_decision *d = &r->t.decisions[r->t.n_decisions++];
        d->at = at;
        PUT(d->choice, choice);
    }
    struct times_trouble *trouble = last_trouble(r);
    if (str_eq(choice, "extend") || !trouble)
        return;
    r->in_trouble = false;
    trouble->decided = at;
    PUT(trouble->choice, choice);
    PUT(trouble->by, by);
}

static bool verifies(const char *does)
{
    return str_eq(does, "pipeline.watch") || str_eq(does, "health.watch") || str_eq(does, "cluster.verify");
}

static void take_done(struct times_reading *r, int step, int64_t at)
{
    const char *does = r->steps[step].does;
    struct times_trouble *trouble = last_trouble(r);
    if (str_eq(does, "pipeline.start"))
        r->t.deployments++;
    if (!r->in_trouble && verifies(does))
        r->verified = at;
    if (trouble && !trouble->told && str_eq(does, "chat.post"))
        trouble->told = at;
}

static void close_step(struct times_reading *r, int step, int64_t at)
{
    char role[sizeof r->steps[0].does];
    put(role, sizeof role, r->steps[step].does);
    role[strcspn(role, ".")] = '\0';
    add_wait(r, step, role, false, at);
}

static void take_of_step(struct times_reading *r, int step, const char *what, const json_t *event, int64_t at)
{
    int64_t since = r->steps[step].since;
    if (str_eq(what, "asked")) {
        r->steps[step].since = at;
        r->steps[step].decision = json_flag(event, "data.decision", false);
    } else if (str_eq(what, "answered")) {
        take_answer(r, step, event, at);
    } else if (str_eq(what, "intended") || str_eq(what, "observing")) {
        if (!since)
            r->steps[step].since = at;
        PUT(r->steps[step].does, json_str(event, "data.does", "?"));
        if (str_eq(r->steps[step].does, "pipeline.start"))
            r->verified = 0;
    } else if (str_eq(what, "done") || str_eq(what, "found") ||
               (str_eq(what, "resolved") && json_flag(event, "data.took_place", false))) {
        take_done(r, step, at);
        close_step(r, step, at);
    } else if (str_eq(what, "failed") || str_eq(what, "skipped")) {
        close_step(r, step, at);
    }
    if (json_int(event, "round", 0) > 0)
        enter_trouble(r, step, since, at);
}

void times_take(struct times_reading *r, const json_t *event)
{
    const char *type = json_str(event, "type", ""), *dot = strchr(type, '.');
    const char *what = dot ? dot + 1 : "";
    int64_t at = json_int(event, "at", 0);
    if (str_starts(type, "step.")) {
        int step = step_named(r, json_str(event, "step", ""));
        if (step >= 0)
            take_of_step(r, step, what, event, at);
        return;
    }
    if (json_int(event, "round", 0) > 0)
        enter_trouble(r, -1, 0, at);
    if (str_eq(what, "planned")) {
        take_plan(r, event, at);
    } else if (str_eq(what, "started")) {
        r->t.started = at;
    } else if (str_eq(what, "ended")) {
        r->t.ended = at;
        PUT(r->t.outcome, json_str(event, "data.outcome", ""));
    }
}

void times_end(struct times_reading *r)
{
    bool carried = str_eq(r->t.outcome, "done") || str_eq(r->t.outcome, "rolled-back");
    if (carried && r->t.deployments > 0)
        r->t.restored = r->verified ? r->verified : r->t.ended;
    else if (!r->t.ended && !r->in_trouble && r->t.deployments > 0)
        r->t.restored = 0; /* not yet: more may be looked at */
    struct times_trouble *trouble = last_trouble(r);
    if (trouble && trouble->decided && r->t.restored)
        trouble->repaired = r->t.restored;
    close_decision(r, r->t.restored ? r->t.restored : r->t.ended, r->t.restored != 0);
}

/* --- as JSON
 * ----------------------------------------------------------------------------------------------------------- */

static void put_span(json_t *o, const char *key, int64_t from, int64_t to)
{
    if (from > 0 && to >= from)
        json_object_set_new(o, key, json_integer(to - from));
}

json_t *times_json(const struct times *t)
{
    json_t *troubles = json_array();
    for (int i = 0; i < t->n_troubles; i++) {
        const struct times_trouble *m = &t->troubles[i];
        json_t *o = json_pack("{s:s, s:I, s:s, s:s}", "step", m->step, "began", (json_int_t)m->began,
                              "choice", m->choice, "by", m->by);
        put_span(o, "notice_ms", m->looked, m->began);
        put_span(o, "tell_ms", m->began, m->told);
        put_span(o, "decide_ms", m->began, m->decided);
        put_span(o, "repair_ms", m->decided, m->repaired);
        json_array_append_new(troubles, o);
    }
    json_t *out = json_pack("{s:o, s:i, s:i}", "troubles", troubles, "rounds", t->rounds, "deployments",
                            t->deployments);
    put_span(out, "restore_ms", t->incident, t->restored);
    put_span(out, "lead_ms", t->planned, t->restored);
    return out;
}
