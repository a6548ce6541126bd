/* prove_moves.c: what can happen next. What the core wants is asked of the core; what the world and people do
 * of their own accord is listed here. */
#include "change/prove_parts.h"
#include <string.h>

static const char somebody[] = "a person";

void world_copy(const struct view *v, struct world *to, const struct world *from)
{
    control_copy(&to->c, &from->c, v->p.n_steps);
    to->stale = from->stale;
    to->atoms = from->atoms;
}

void world_begin(const struct view *v, struct world *w)
{
    struct event planned = {.seq = 1, .at = PROVE_NOW, .type = EV_PLANNED, .step = -1};
    control_init(&w->c, &v->p);
    w->stale = 0;
    w->atoms = 0;
    if (!control_apply(&w->c, &v->p, &planned, NULL))
        w->c.status = CHANGE_NEW;
}

/* --- making moves
 * -------------------------------------------------------------------------------------------------------------
 */

struct listing {
    const struct view *v;
    const struct world *w;
    json_t *later;
    struct moves *out;
};

static struct move *add(struct listing *l, enum event_type type, int step, int flags)
{
    struct moves *out = l->out;
    if (out->n == MOVES_MAX) {
        out->too_many = true;
        return &out->list[MOVES_MAX - 1];
    }
    struct move *m = &out->list[out->n++];
    *m = (struct move){.e = {.seq = l->w->c.seq + 1,
                             .at = PROVE_NOW,
                             .type = type,
                             .step = step,
                             .run = step >= 0 ? l->w->c.steps[step].run : 0,
                             .by = ""},
                       .atoms = l->w->atoms,
                       .flags = flags};
    return m;
}

static void add_by_person(struct listing *l, enum event_type type, int step, int choice, int flags)
{
    struct move *m = add(l, type, step, flags);
    m->e.by = somebody;
    m->e.choice = choice;
}

#define WELL  (MOVE_WELL | MOVE_PLAIN | MOVE_EXIT)
#define PLAIN (MOVE_PLAIN | MOVE_EXIT)

/* Does the step take part in it, in this view? */
static bool takes(const struct listing *l, int step, enum part part)
{
    return l->v->policy == EVERYTHING && l->v->part[step] >= part;
}

/* Failing without consequence is one of the ways in which all goes well. */
static void add_failure(struct listing *l, int step, int flags)
{
    bool optional = l->v->p.steps[step].optional;
    if (l->v->policy == ALL_WELL && !optional)
        return;
    if (optional && !l->v->read[step])
        return; /* it settles, and how makes no difference */
    add(l, EV_FAILED, step, (optional ? WELL : PLAIN) | flags);
}

/* --- a step begins: as change_begin has it
 * ------------------------------------------------------------------------------------ */

static void add_left_out(struct listing *l, int step, enum left_out why, uint32_t atoms)
{
    struct move *m = add(l, EV_SKIPPED, step, WELL | MOVE_WANTED | MOVE_ADVANCES);
    m->e.choice = (int)why;
    m->atoms = atoms;
}

static void add_act(struct listing *l, int step, uint32_t atoms)
{
    const struct step *s = &l->v->p.steps[step];
    enum event_type type = s->verb == NULL                 ? EV_SKIPPED
                           : s->verb->kind == VERB_OBSERVE ? EV_OBSERVING
                                                           : EV_INTENDED;
    add(l, type, step, WELL | MOVE_WANTED | MOVE_ADVANCES)->atoms = atoms;
}

static void add_start(struct listing *l, int step, uint32_t atoms)
{
    if (l->v->p.steps[step].has_ask)
        add(l, EV_ASKED, step, WELL | MOVE_WANTED | MOVE_ADVANCES)->atoms = atoms;
    else
        add_act(l, step, atoms);
}

/* Its moment has passed, or has not come; or it is a deadline that is known now. */
static void add_moments(struct listing *l, int step, uint32_t atoms)
{
    const struct step *s = &l->v->p.steps[step];
    if (s->at != NULL) {
        struct move *m = add(l, EV_READY, step, WELL | MOVE_WANTED | MOVE_ADVANCES);
        m->e.data = l->later;
        m->atoms = atoms;
    }
    if (s->at != NULL && (s->late == LATE_SKIP || s->unless_done))
        add_left_out(l, step, LEFT_LATE, atoms);
    if (s->due != NULL)
        add(l, EV_READY, step, WELL | MOVE_WANTED | MOVE_ADVANCES)->atoms = atoms;
    else
        add_start(l, step, atoms);
}

/* A step that stands for a branch takes its time where it waits. */
static void add_stand(struct listing *l, int step)
{
    bool optional = l->v->p.steps[step].optional;
    add(l, EV_SKIPPED, step, WELL | MOVE_WANTED | MOVE_ADVANCES);
    if (!optional)
        add(l, EV_FAILED, step, PLAIN | MOVE_WANTED);
}

static void add_begin(struct listing *l, int step)
{
    const struct step *s = &l->v->p.steps[step];
    const struct control *c = &l->w->c;
    const struct control_step *k = &c->steps[step];
    struct truth truths[64];
    if (l->v->of_page[step] < 0) {
        add_stand(l, step);
        return;
    }
    bool moot = (s->branch == BRANCH_UNDO && c->steps[s->of].status != STEP_DONE) ||
                (s->unless_done && step_settled((enum step_status)c->steps[s->of].status));
    if (moot) {
        add_left_out(l, step, LEFT_NO_NEED, l->w->atoms);
        return;
    }
    if (takes(l, step, WHOLE))
        add(l, EV_FAILED, step, PLAIN | MOVE_WANTED); /* its text cannot be worked out */
    if (k->status == STEP_PAUSED || k->asked) {
        add_act(l, step, l->w->atoms);
        return;
    }
    int n = condition_truths(l->v, l->v->when[step], l->w, truths, COUNT_OF(truths));
    for (int i = 0; i < n; i++) {
        if (!truths[i].holds)
            add_left_out(l, step, LEFT_CONDITION, truths[i].atoms);
        else if (k->status == STEP_WAITING && (s->at != NULL || s->due != NULL))
            add_moments(l, step, truths[i].atoms);
        else
            add_start(l, step, truths[i].atoms);
    }
}

/* --- what the core wants
 * -------------------------------------------------------------------------------------------------------- */

static bool has_gate(const struct procedure *p, int step)
{
    for (int i = 0; i < p->n_steps; i++)
        if (p->steps[i].spawned && p->steps[i].of == step)
            return true;
    return false;
}

static void add_outcomes(struct listing *l, int step, bool looks)
{
    add(l, EV_DONE, step, WELL | MOVE_WANTED);
    add_failure(l, step, MOVE_WANTED);
    if (takes(l, step, WHOLE)) {
        add(l, EV_RETRY, step, PLAIN | MOVE_WANTED);
        if (!looks)
            add(l, EV_DOUBT, step, PLAIN | MOVE_WANTED);
    }
    if (looks && has_gate(&l->v->p, step)) {
        add(l, EV_GATE, step, WELL); /* refused while the pause before is not settled */
        add(l, EV_GATE_GONE, step, WELL | MOVE_WANTED);
    }
}

static void add_found(struct listing *l, int step)
{
    add(l, EV_FOUND, step, PLAIN | MOVE_WANTED);
    if (!takes(l, step, WHOLE))
        return;
    add(l, EV_NOT_FOUND, step, PLAIN | MOVE_WANTED);
    add(l, EV_UNSURE, step, PLAIN | MOVE_WANTED);
    add(l, EV_DONE, step, PLAIN | MOVE_WANTED); /* the answer came late */
}

static void add_otherwise(struct listing *l, int step)
{
    const struct ask *ask = &l->v->p.steps[step].ask;
    int choice = 0;
    for (int i = 0; i < ask->n_choices; i++)
        if (str_eq(ask->choices[i].id, ask->otherwise))
            choice = i;
    int flags = ask->choices[choice].fails ? PLAIN : WELL;
    add(l, EV_ANSWERED, step, flags | MOVE_WANTED | MOVE_ADVANCES)->e.choice = choice;
}

static void add_want(struct listing *l, const struct want *w)
{
    switch (w->kind) {
    case WANT_BEGIN:
        add_begin(l, w->step);
        break;
    case WANT_PERFORM:
    case WANT_OBSERVE:
        add_outcomes(l, w->step, w->kind == WANT_OBSERVE);
        break;
    case WANT_FIND:
        add_found(l, w->step);
        break;
    case WANT_OTHERWISE:
        add_otherwise(l, w->step);
        break;
    case WANT_TIMEOUT:
        add_failure(l, w->step, MOVE_WANTED | MOVE_ADVANCES);
        break;
    case WANT_TROUBLE:
        l->out->stands = true;
        add(l, EV_TROUBLE, -1, PLAIN | MOVE_WANTED | MOVE_ADVANCES);
        break;
    case WANT_END:
        add(l, EV_ENDED, -1, WELL | MOVE_WANTED | MOVE_ADVANCES);
        break;
    }
}

static bool wanted_before(const struct wants *w, const struct want *x)
{
    for (int i = 0; i < w->n; i++)
        if (w->list[i].kind == x->kind && w->list[i].step == x->step)
            return true;
    return false;
}

/* --- what people do
 * ---------------------------------------------------------------------------------------------------------------
 */

static void add_answers(struct listing *l, int step)
{
    const struct ask *ask = &l->v->p.steps[step].ask;
    for (int i = 0; i < ask->n_choices; i++) {
        bool well = !ask->choices[i].fails && !ask->decision;
        if (well || l->v->policy != ALL_WELL)
            add_by_person(l, EV_ANSWERED, step, i, well ? WELL : PLAIN);
    }
}

static bool may_be_skipped(const struct control *c, int step)
{
    switch ((enum step_status)c->steps[step].status) {
    case STEP_WAITING:
    case STEP_READY:
    case STEP_ASKING:
    case STEP_OBSERVING:
    case STEP_PAUSED:
    case STEP_FAILED:
        return true;
    default:
        return false;
    }
}

/* In the last branch of a change, what failed waits for a person: that is a way on, not an intervention. */
static bool holds_up_the_end(const struct view *v, const struct control *c, int step)
{
    enum branch b = v->p.steps[step].branch;
    bool failed = c->steps[step].status == STEP_FAILED;
    return failed && ((c->status == CHANGE_STOPPING && b == BRANCH_STOP) ||
                      (c->status == CHANGE_CANCELLING && b == BRANCH_UNDO) ||
                      (c->status == CHANGE_TROUBLE && v->p.steps[step].ask.decision));
}

static void add_interventions(struct listing *l, int step)
{
    const struct control *c = &l->w->c;
    enum step_status s = c->steps[step].status;
    if (s == STEP_ASKING)
        add_answers(l, step);
    if (s == STEP_UNSURE) {
        add_by_person(l, EV_RESOLVED, step, 1, PLAIN);
        add_by_person(l, EV_RESOLVED, step, 0, PLAIN);
    }
    bool must = holds_up_the_end(l->v, c, step);
    if (must && l->v->policy != ALL_WELL) {
        add_by_person(l, EV_AGAIN, step, 0, PLAIN);
        if (!l->v->p.steps[step].ask.decision)
            add_by_person(l, EV_SKIPPED, step, 0, PLAIN);
    } else if (takes(l, step, NEEDED) && may_be_skipped(c, step) && !l->v->p.steps[step].ask.decision) {
        add_by_person(l, EV_SKIPPED, step, 0, 0);
    }
    if (!must && takes(l, step, NEEDED) && (s == STEP_SKIPPED || s == STEP_FAILED))
        add_by_person(l, EV_AGAIN, step, 0, 0);
}

static bool any(const struct listing *l, enum step_status s, enum part part)
{
    for (int i = 0; i < l->v->p.n_steps; i++)
        if (l->w->c.steps[i].status == s && l->v->part[i] >= part)
            return true;
    return false;
}

/* Would it make a difference when the window moved now? */
static bool may_move(const struct listing *l)
{
    if (control_deploying(&l->w->c, &l->v->p))
        return false;
    for (int i = 0; i < l->v->p.n_steps; i++) {
        const struct step *s = &l->v->p.steps[i];
        if (s->branch == BRANCH_MOVE ||
            ((s->of_window || s->moved) && l->w->c.steps[i].status != STEP_WAITING))
            return true;
    }
    return false;
}

static void add_of_the_change(struct listing *l)
{
    enum change_status s = (enum change_status)l->w->c.status;
    if (s == CHANGE_PLANNED)
        add_by_person(l, EV_STARTED, -1, 0, WELL);
    if (l->v->policy == ALL_WELL)
        return;
    if (s == CHANGE_RUNNING || s == CHANGE_REPAIRING)
        add_by_person(l, EV_TROUBLE, -1, 0, PLAIN);
    if (s == CHANGE_PLANNED || s == CHANGE_RUNNING || s == CHANGE_TROUBLE)
        add_by_person(l, EV_CANCELLED, -1, 0, PLAIN);
    if (s == CHANGE_RUNNING && may_move(l))
        add_by_person(l, EV_MOVED, -1, 0, MOVE_PLAIN); /* nobody is counted on to do so */
    if (l->v->policy != EVERYTHING)
        return;
    if (any(l, STEP_INTENDED, WHOLE))
        add(l, EV_RESTARTED, -1, PLAIN | MOVE_WANTED);
    if (any(l, STEP_READY, AROUND) || l->w->atoms != 0)
        add_by_person(l, EV_AMENDED, -1, 0, 0);
}

void moves_of(const struct view *v, const struct world *w, json_t *later, struct moves *out)
{
    struct listing l = {v, w, later, out};
    struct wants now, late;
    out->n = 0;
    out->stands = out->too_many = false;
    if (w->c.status == CHANGE_ENDED || w->c.status == CHANGE_NEW)
        return;
    control_next(&w->c, &v->p, PROVE_NOW, &now);
    control_next(&w->c, &v->p, PROVE_LATE, &late);
    for (int i = 0; i < now.n; i++)
        add_want(&l, &now.list[i]);
    for (int i = 0; i < late.n; i++)
        if (!wanted_before(&now, &late.list[i]))
            add_want(&l, &late.list[i]);
    for (int i = 0; i < v->p.n_steps; i++)
        add_interventions(&l, i);
    add_of_the_change(&l);
}

/* --- what is remembered beside the core
 * ------------------------------------------------------------------------------------------- */

bool event_acts(enum event_type t)
{
    return t == EV_ASKED || t == EV_INTENDED || t == EV_OBSERVING;
}

/* Facts may be others now. */
static bool facts_move(const struct view *v, const struct world *before, const struct move *m,
                       const struct world *after)
{
    return m->e.type == EV_AMENDED || m->e.type == EV_MOVED || m->e.type == EV_AGAIN ||
           before->c.status != after->c.status ||
           (m->e.type == EV_ANSWERED && v->p.steps[m->e.step].ask.decision);
}

void world_follow(const struct view *v, const struct world *before, const struct move *m, struct world *after)
{
    after->atoms = facts_move(v, before, m, after) ? 0 : m->atoms;
    if (m->e.step < 0 || !event_acts(m->e.type))
        return;
    after->stale &= ~(UINT64_C(1) << m->e.step);
    if (m->e.step != v->p.redo_from)
        return;
    for (int i = 0; i < v->n_checks; i++) {
        const struct check *c = &v->checks[i];
        if (c->fresh && (step_settled(after->c.steps[c->need].status) || after->c.steps[c->need].began != 0))
            after->stale |= UINT64_C(1) << c->need;
    }
}
