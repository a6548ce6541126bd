/* next.c: what a change wants now. Decides; performs nothing. */
#include "change/control.h"
#include "change/planted.h"

/* An observation that says nothing of its own time gives up after this long. */
#define OBSERVE_DEFAULT_MS (60 * 60 * 1000)

bool step_settled(enum step_status s)
{
    return s == STEP_DONE || s == STEP_SKIPPED || s == STEP_FAILED;
}

bool step_in_flight(enum step_status s)
{
    return s == STEP_INTENDED || s == STEP_IN_DOUBT || s == STEP_UNSURE;
}

/* A deadline's helper is alive as long as its change is carried out: a notice is due in trouble as well. A
 * pipeline's gate is alive as long as the pipeline is looked at. */
static bool made_step_active(const struct control *c, const struct step *s)
{
    bool under_way =
        c->status == CHANGE_RUNNING || c->status == CHANGE_TROUBLE || c->status == CHANGE_REPAIRING;
    if (s->unless_done)
        return under_way;
    return under_way && c->steps[s->of].status == STEP_OBSERVING;
}

bool control_active(const struct control *c, const struct procedure *p, int step)
{
    const struct step *s = &p->steps[step];
    if (s->of >= 0 && (s->unless_done || s->spawned))
        return made_step_active(c, s);
    switch (s->branch) {
    case BRANCH_MAIN: /* a deadline does not wait until the trouble is over */
        return c->status == CHANGE_RUNNING ||
               (s->pressing && (c->status == CHANGE_TROUBLE || c->status == CHANGE_REPAIRING));
    case BRANCH_TROUBLE:
        return c->status == CHANGE_TROUBLE;
    case BRANCH_EXTEND:
        return c->status == CHANGE_TROUBLE && c->aside == BRANCH_EXTEND;
    case BRANCH_ROLLBACK:
    case BRANCH_PATCH:
        return c->status == CHANGE_REPAIRING && c->aside == s->branch;
    case BRANCH_STOP:
        return c->status == CHANGE_STOPPING;
    case BRANCH_MOVE:
        return c->status == CHANGE_RUNNING && c->moving;
    case BRANCH_UNDO:
        return c->status == CHANGE_CANCELLING;
    case BRANCH_COUNT:
        break;
    }
    return false;
}

/* `known`: steps that were looked at already, since many ways lead back to the same step. */
static bool passed(const struct control *c, const struct procedure *p, int step, bool *known)
{
    enum step_status status = (enum step_status)c->steps[step].status;
    if (status != STEP_SKIPPED)
        return step_settled(status);
    if (known[step])
        return true;
    known[step] = true;
    for (int i = 0; i < p->steps[step].n_after; i++)
        if (!passed(c, p, p->steps[step].after[i], known))
            return false;
    return true;
}

bool control_passed(const struct control *c, const struct procedure *p, int step)
{
    if (c->steps[step].status != STEP_SKIPPED)
        return step_settled((enum step_status)c->steps[step].status);
    bool known[STEPS_MAX] = {false};
    return passed(c, p, step, known);
}

static bool control_in_flight(const struct control *c, const struct procedure *p)
{
    for (int i = 0; i < p->n_steps; i++)
        if (p->steps[i].branch == BRANCH_MAIN && step_in_flight((enum step_status)c->steps[i].status))
            return true;
    return false;
}

bool control_held_by_move(const struct control *c, const struct procedure *p, const struct step *s)
{
    if (s->branch == BRANCH_MOVE)
        return control_in_flight(c, p);
    return s->branch == BRANCH_MAIN && s->of < 0 && c->moving;
}

/* Are the steps before it settled? */
static bool turn_has_come(const struct control *c, const struct procedure *p, const struct step *s)
{
    for (int i = 0; i < s->n_after; i++)
        if (!control_passed(c, p, s->after[i]))
            return false;
    if (control_held_by_move(c, p, s))
        return false;
    /* What is undone must be known to have taken place, or not to. */
    return s->branch != BRANCH_UNDO || !step_in_flight((enum step_status)c->steps[s->of].status) ||
           PLANTED("undo-in-flight");
}

bool control_deploying(const struct control *c, const struct procedure *p)
{
    if (p->redo_from < 0)
        return false;
    const struct control_step *s = &c->steps[p->redo_from];
    return s->run > 1 || (s->began != 0 && s->status != STEP_SKIPPED);
}

static void want(struct wants *out, enum want_kind kind, int step)
{
    out->list[out->n++] = (struct want){kind, step};
}

static void wake_at(struct wants *out, int64_t at)
{
    if (out->wake == 0 || at < out->wake)
        out->wake = at;
}

/* Wants `kind` once `at` has come. */
static void want_at(struct wants *out, enum want_kind kind, int step, int64_t at, int64_t now)
{
    if (at <= now)
        want(out, kind, step);
    else
        wake_at(out, at);
}

static int64_t patience(const struct step *s)
{
    if (s->timeout_ms > 0)
        return s->timeout_ms;
    return s->verb && s->verb->kind == VERB_OBSERVE ? OBSERVE_DEFAULT_MS : 0;
}

static void next_of_step(const struct control *c, const struct procedure *p, int i, int64_t now,
                         struct wants *out)
{
    const struct step *s = &p->steps[i];
    const struct control_step *k = &c->steps[i];
    bool active = control_active(c, p, i);
    bool moot = s->unless_done && step_settled(c->steps[s->of].status);
    switch ((enum step_status)k->status) {
    case STEP_WAITING:
        if (active && turn_has_come(c, p, s) &&
            (moot || !control_forbids(c, p, i) || PLANTED("wants-forbidden")))
            want(out, WANT_BEGIN, i);
        break;
    case STEP_READY:
        if (!active || !turn_has_come(c, p, s) || (!moot && control_forbids(c, p, i)))
            break;
        want_at(out, WANT_BEGIN, i, moot ? now : k->at, now);
        break;
    case STEP_ASKING:
        if (s->ask.limit_ms > 0 && s->ask.otherwise)
            want_at(out, WANT_OTHERWISE, i, k->since + s->ask.limit_ms, now);
        break;
    case STEP_INTENDED:
        want(out, WANT_PERFORM, i);
        break;
    case STEP_OBSERVING:
        if (patience(s) > 0 && k->began + patience(s) <= now)
            want(out, WANT_TIMEOUT, i);
        else
            want(out, WANT_OBSERVE, i);
        if (patience(s) > 0 && k->began + patience(s) > now)
            wake_at(out, k->began + patience(s));
        break;
    case STEP_PAUSED:
        if ((!active || !turn_has_come(c, p, s) || control_forbids(c, p, i)) && !PLANTED("retry-unchecked"))
            break;
        if (patience(s) > 0 && k->began + patience(s) <= now)
            want(out, WANT_TIMEOUT, i);
        else
            want_at(out, WANT_BEGIN, i, k->at, now);
        break;
    case STEP_IN_DOUBT:
        want_at(out, WANT_FIND, i, k->at, now);
        break;
    case STEP_DORMANT:
    case STEP_UNSURE:
    case STEP_DONE:
    case STEP_SKIPPED:
    case STEP_FAILED:
    case STEP_STATUSES:
        break;
    }
}

/* Is everything settled that must be before the change can end? In the last branch of a change a failed step
 * is not: a person has it tried again or leaves it with a reason. */
static bool all_settled(const struct control *c, const struct procedure *p)
{
    for (int i = 0; i < p->n_steps; i++) {
        const struct step *s = &p->steps[i];
        enum step_status status = c->steps[i].status;
        if (step_in_flight(status) && !PLANTED("end-in-flight"))
            return false;
        bool counts = (c->status == CHANGE_RUNNING && s->branch == BRANCH_MAIN && !s->spawned) ||
                      (c->status == CHANGE_RUNNING && s->branch == BRANCH_MOVE && c->moving) ||
                      (c->status == CHANGE_REPAIRING && s->branch == c->aside) ||
                      (c->status == CHANGE_STOPPING && s->branch == BRANCH_STOP) ||
                      (c->status == CHANGE_CANCELLING && s->branch == BRANCH_UNDO);
        if (!counts)
            continue;
        if (!step_settled(status) || (status == STEP_FAILED && c->status != CHANGE_RUNNING && !s->optional))
            return false;
    }
    return true;
}

/* Does anything go on, or wait for somebody? A paused step that will be tried again has its moment, or is wanted; one
 * that has neither is held, or belongs to a branch that is over. */
static bool something_waits(const struct control *c, const struct procedure *p)
{
    for (int i = 0; i < p->n_steps; i++) {
        enum step_status s = c->steps[i].status;
        if (step_in_flight(s) || s == STEP_ASKING || s == STEP_OBSERVING)
            return true;
    }
    return false;
}

void control_next(const struct control *c, const struct procedure *p, int64_t now, struct wants *out)
{
    out->n = 0;
    out->wake = 0;
    if (c->status == CHANGE_NEW || c->status == CHANGE_PLANNED || c->status == CHANGE_ENDED)
        return;
    for (int i = 0; i < p->n_steps; i++)
        next_of_step(c, p, i, now, out);
    if (c->status == CHANGE_TROUBLE)
        return;
    if (out->n == 0 && all_settled(c, p)) {
        bool end =
            c->status != CHANGE_REPAIRING && (c->status != CHANGE_RUNNING || !control_forbids_end(c, p));
        want(out, end ? WANT_END : WANT_TROUBLE, -1);
        return;
    }
    /* A rule can stand against the only way on, after a person has skipped what it needs: then a person must
     * decide. */
    bool may_be_troubled = c->status == CHANGE_RUNNING || c->status == CHANGE_REPAIRING;
    if (may_be_troubled && out->n == 0 && out->wake == 0 && !something_waits(c, p))
        want(out, WANT_TROUBLE, -1);
}
