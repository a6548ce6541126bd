#include "change/control.h"
#include "base/buf.h"
#include "change/planted.h"
#include <string.h>

static bool in_table(enum step_status from, enum event_type event, enum step_status to)
{
    for (int i = 0; i < n_transitions; i++)
        if (transitions[i].from == from && transitions[i].event == event && transitions[i].to == to)
            return true;
    return false;
}

void control_init(struct control *c, const struct procedure *p)
{
    memset(c, 0, sizeof *c);
    c->trouble_step = -1;
    for (int i = 0; i < p->n_steps; i++) {
        c->steps[i].status = p->steps[i].spawned ? STEP_DORMANT : STEP_WAITING;
        c->steps[i].run = 1;
    }
}

/* --- one step
 * ----------------------------------------------------------------------------------------------------- */

static void put(struct control *c, int step, enum step_status to, int64_t at)
{
    c->steps[step].status = (uint8_t)to;
    c->steps[step].since = at;
}

/* Has it to be carried out anew. What is in flight settles first: an effect is never forgotten. */
static void reset(struct control *c, const struct procedure *p, int step, int64_t at)
{
    struct control_step *k = &c->steps[step];
    if (step_in_flight((enum step_status)k->status) && !PLANTED("reset-forgets-flight")) {
        k->reset = 1;
        return;
    }
    uint16_t run = (uint16_t)(k->began ? k->run + 1 : k->run);
    enum step_status to = p->steps[step].spawned ? STEP_DORMANT : STEP_WAITING;
    *k = (struct control_step){.status = (uint8_t)to, .run = run, .since = at};
}

static void reset_branch(struct control *c, const struct procedure *p, enum branch branch, int64_t at)
{
    for (int i = 0; i < p->n_steps; i++)
        if (p->steps[i].branch == branch)
            reset(c, p, i, at);
}

/* Resets `from` and every main step that comes after it, directly or not. */
static void reset_from(struct control *c, const struct procedure *p, int from, int64_t at)
{
    bool hit[STEPS_MAX] = {false};
    hit[from] = true;
    for (bool more = !PLANTED("redo-one-step"); more;) {
        more = false;
        for (int i = 0; i < p->n_steps; i++) {
            const struct step *s = &p->steps[i];
            if (hit[i] || s->branch != BRANCH_MAIN)
                continue;
            bool follows = s->of >= 0 && hit[s->of];
            for (int k = 0; k < s->n_after && !follows; k++)
                follows = hit[s->after[k]];
            if (follows)
                hit[i] = more = true;
        }
    }
    for (int i = 0; i < p->n_steps; i++)
        if (hit[i])
            reset(c, p, i, at);
}

static void close_gate(struct control *c, const struct procedure *p, int watch, int64_t at);

/* Lets go of what is not in flight: nobody will look at it or answer it any more. */
static void let_go(struct control *c, const struct procedure *p, enum branch branch, bool waiting_too,
                   int64_t at)
{
    for (int i = 0; i < p->n_steps; i++) {
        enum step_status s = c->steps[i].status;
        bool open = s == STEP_ASKING || s == STEP_OBSERVING || s == STEP_PAUSED;
        bool waits = s == STEP_WAITING || s == STEP_READY;
        if (p->steps[i].branch != branch || !(open || (waiting_too && waits)))
            continue;
        put(c, i, STEP_SKIPPED, at);
        if (s == STEP_OBSERVING)
            close_gate(c, p, i, at);
    }
}

/* Moments are settled against the window: when it moves, they are settled anew. */
static void unsettle_moments(struct control *c, const struct procedure *p, int64_t at)
{
    for (int i = 0; i < p->n_steps; i++)
        if (c->steps[i].status == STEP_READY && !c->steps[i].asked)
            put(c, i, STEP_WAITING, at);
}

/* What was timed, asked or agreed for the old window is for nothing: it is carried out anew for the new one. What has
 * been done stays done: the branch for it says what becomes of that. */
static void move(struct control *c, const struct procedure *p, int64_t at)
{
    unsettle_moments(c, p, at);
    for (int i = 0; i < p->n_steps && !PLANTED("move-forgets"); i++) {
        const struct step *s = &p->steps[i];
        enum step_status status = (enum step_status)c->steps[i].status;
        bool stays =
            s->verb && s->verb->kind == VERB_EFFECT && (status == STEP_DONE || step_in_flight(status));
        if (s->branch != BRANCH_MAIN || s->of >= 0)
            continue;
        if (s->of_window && status != STEP_WAITING)
            reset_from(c, p, i, at);
        else if (s->moved && status != STEP_WAITING && !stays)
            reset(c, p, i, at);
    }
    if (c->status != CHANGE_RUNNING || !p->has_branch[BRANCH_MOVE])
        return;
    c->moving = 1;
    reset_branch(c, p, BRANCH_MOVE, at);
}

/* --- the change
 * --------------------------------------------------------------------------------------------------- */

static void enter_trouble(struct control *c, const struct procedure *p, int step, int64_t at)
{
    /* What was done to repair it is given up. */
    if (c->status == CHANGE_REPAIRING)
        let_go(c, p, (enum branch)c->aside, true, at);
    c->status = CHANGE_TROUBLE;
    c->aside = BRANCH_MAIN;
    c->trouble_step = (int16_t)step;
    if (c->round < UINT8_MAX)
        c->round++;
    reset_branch(c, p, BRANCH_TROUBLE, at);
}

static void cancel(struct control *c, const struct procedure *p, int64_t at)
{
    c->status = CHANGE_CANCELLING;
    c->aside = BRANCH_MAIN;
    let_go(c, p, BRANCH_MAIN, false, at);
    let_go(c, p, BRANCH_TROUBLE, false, at);
    let_go(c, p, BRANCH_EXTEND, false, at);
    let_go(c, p, BRANCH_MOVE, false, at);
}

static enum decision decision_of(const struct step *s, int choice)
{
    for (int d = DECISION_RETRY; d <= DECISION_STOP; d++)
        if (str_eq(s->ask.choices[choice].id, decision_names[d]))
            return (enum decision)d;
    return DECISION_NONE;
}

/* Everything that failed runs again from where its step says. */
static void reset_failed(struct control *c, const struct procedure *p, int64_t at)
{
    for (int i = 0; i < p->n_steps; i++)
        if (p->steps[i].branch == BRANCH_MAIN && c->steps[i].status == STEP_FAILED && !p->steps[i].optional)
            reset_from(c, p, p->steps[i].again, at);
        else if (p->steps[i].branch == BRANCH_MOVE && c->steps[i].status == STEP_FAILED &&
                 !p->steps[i].optional)
            reset(c, p, i, at);
}

static void decide(struct control *c, const struct procedure *p, enum decision d, int64_t at)
{
    if (d == DECISION_EXTEND) {
        c->aside = BRANCH_EXTEND;
        reset_branch(c, p, BRANCH_EXTEND, at);
        unsettle_moments(c, p, at);
        return;
    }
    let_go(c, p, BRANCH_TROUBLE, true, at);
    let_go(c, p, BRANCH_EXTEND, true, at);
    c->aside = BRANCH_MAIN;
    switch (d) {
    case DECISION_RETRY:
        c->status = CHANGE_RUNNING;
        reset_failed(c, p, at);
        break;
    case DECISION_PATCH:
    case DECISION_ROLLBACK:
        c->status = CHANGE_REPAIRING;
        c->aside = d == DECISION_PATCH ? BRANCH_PATCH : BRANCH_ROLLBACK;
        c->outcome = d == DECISION_PATCH ? OUTCOME_CARRIED_OUT : OUTCOME_ROLLED_BACK;
        reset_branch(c, p, (enum branch)c->aside, at);
        break;
    case DECISION_STOP:
        c->status = CHANGE_STOPPING;
        let_go(c, p, BRANCH_MAIN, false, at);
        let_go(c, p, BRANCH_MOVE, false, at);
        break;
    case DECISION_EXTEND:
    case DECISION_NONE:
        break;
    }
}

static bool branch_settled(const struct control *c, const struct procedure *p, enum branch b, int *failed)
{
    *failed = -1;
    for (int i = 0; i < p->n_steps; i++) {
        if (p->steps[i].branch != b)
            continue;
        if (!step_settled((enum step_status)c->steps[i].status))
            return false;
        if (c->steps[i].status == STEP_FAILED && !p->steps[i].optional && *failed < 0)
            *failed = i;
    }
    return true;
}

static bool is_decision(const struct step *s)
{
    return s->branch == BRANCH_TROUBLE && s->has_ask && s->ask.decision;
}

/* The decision stands to be taken again after a window was extended, and with it what reminds of it. */
static void ask_again(struct control *c, const struct procedure *p, int64_t at)
{
    for (int i = 0; i < p->n_steps; i++) {
        const struct step *s = &p->steps[i];
        if (is_decision(s) || (s->unless_done && s->of >= 0 && is_decision(&p->steps[s->of])))
            reset(c, p, i, at);
    }
}

/* What follows of itself from the state an event has led to. */
static void follow(struct control *c, const struct procedure *p, int64_t at)
{
    int failed;
    if (c->status == CHANGE_TROUBLE && c->aside == BRANCH_EXTEND &&
        branch_settled(c, p, BRANCH_EXTEND, &failed)) {
        c->aside = BRANCH_MAIN;
        ask_again(c, p, at);
    }
    if (c->status == CHANGE_REPAIRING && branch_settled(c, p, (enum branch)c->aside, &failed)) {
        if (failed >= 0) {
            enter_trouble(c, p, failed, at);
            return;
        }
        c->status = CHANGE_RUNNING;
        c->aside = BRANCH_MAIN;
        reset_failed(c, p, at);
        reset_from(c, p, p->redo_from, at);
    }
    if (c->status == CHANGE_RUNNING && c->moving && branch_settled(c, p, BRANCH_MOVE, &failed) && failed < 0)
        c->moving = 0;
}

/* A step has failed for good. What that means depends on where it stands. */
static void failed(struct control *c, const struct procedure *p, int step, int64_t at)
{
    const struct step *s = &p->steps[step];
    bool of_main = (s->branch == BRANCH_MAIN || s->branch == BRANCH_MOVE) && !s->unless_done;
    if (of_main && !s->optional && c->status == CHANGE_RUNNING && !PLANTED("trouble-not-entered"))
        enter_trouble(c, p, step, at);
}

/* --- events
 * ------------------------------------------------------------------------------------------------------- */

static bool wrong_state(const struct event *e, const struct control *c, const struct procedure *p,
                        struct error *err)
{
    if (e->step < 0)
        return error_set(err, SB_STATE, "%s: not possible while the change is %s", event_names[e->type],
                         change_status_names[c->status]);
    return error_set(err, SB_STATE, "%s: step %s is %s", event_names[e->type], p->steps[e->step].id,
                     step_status_names[c->steps[e->step].status]);
}

static bool may_begin(const struct control *c, const struct procedure *p, const struct event *e,
                      struct error *err)
{
    const struct step *s = &p->steps[e->step];
    if (!control_active(c, p, e->step))
        return error_set(err, SB_STATE, "step %s is not to be carried out while the change is %s", s->id,
                         change_status_names[c->status]);
    for (int i = 0; i < s->n_after; i++)
        if (!control_passed(c, p, s->after[i]))
            return error_set(err, SB_STATE, "step %s comes after %s, which is %s%s", s->id,
                             p->steps[s->after[i]].id, step_status_names[c->steps[s->after[i]].status],
                             c->steps[s->after[i]].status == STEP_SKIPPED ? " before its turn" : "");
    if (s->branch == BRANCH_UNDO && step_in_flight((enum step_status)c->steps[s->of].status) &&
        !PLANTED("undo-in-flight"))
        return error_set(err, SB_STATE, "step %s waits until it is known whether %s took place", s->id,
                         p->steps[s->of].id);
    if (control_held_by_move(c, p, s))
        return error_set(err, SB_STATE,
                         "step %s waits until what was set up for the former window has followed", s->id);
    bool acts = e->type == EV_ASKED || e->type == EV_INTENDED || e->type == EV_OBSERVING;
    const struct interlock *rule = acts ? control_forbids(c, p, e->step) : NULL;
    if (rule)
        return error_set(err, SB_INTERLOCK, "step %s may not begin: rule \"%s\" of the page (line %d): %s",
                         s->id, rule->id, rule->line, rule->because);
    return true;
}

/* Where an answer leads. */
static bool answer_target(const struct control *c, const struct procedure *p, const struct event *e,
                          enum step_status *to, struct error *err)
{
    const struct step *s = &p->steps[e->step];
    if (e->choice < 0 || e->choice >= s->ask.n_choices)
        return error_set(err, SB_RANGE, "step %s has no choice number %d", s->id, e->choice);
    const struct choice *choice = &s->ask.choices[e->choice];
    if (choice->ends && control_deploying(c, p))
        return error_set(err, SB_STATE,
                         "the deployment has begun: the change can no longer be cancelled; say that it "
                         "is in trouble and decide there");
    if (s->ask.decision) {
        enum decision d = decision_of(s, e->choice);
        if (c->status != CHANGE_TROUBLE)
            return error_set(err, SB_STATE, "there is nothing to decide while the change is %s",
                             change_status_names[c->status]);
        if (d == DECISION_ROLLBACK && !control_deploying(c, p))
            return error_set(err, SB_STATE,
                             "nothing has been deployed yet, so there is nothing to roll back: stop, or "
                             "cancel the change");
        if ((d == DECISION_PATCH || d == DECISION_ROLLBACK) && p->redo_from < 0)
            return error_set(err, SB_STATE,
                             "%s does not say (redo_from) from which step a deployment runs again", p->file);
    }
    if (choice->fails)
        *to = STEP_FAILED;
    else
        *to = s->verb && !choice->ends ? STEP_READY : STEP_DONE;
    return true;
}

/* What certainly did not take place is performed at once only when it might begin now: since it was intended,
 * the change may have come into trouble, or a decision may want it anew. */
static enum step_status not_performed(const struct control *c, const struct procedure *p, int step)
{
    const struct event begins = {.type = EV_INTENDED, .step = step};
    bool now = !c->steps[step].reset && may_begin(c, p, &begins, NULL);
    return now || PLANTED("not-found-performs") ? STEP_INTENDED : STEP_PAUSED;
}

/* The status that `e` leads its step to. */
static bool target(const struct control *c, const struct procedure *p, const struct event *e,
                   enum step_status *to, struct error *err)
{
    static const enum step_status plain[EV_TYPES] = {
        [EV_READY] = STEP_READY,       [EV_SKIPPED] = STEP_SKIPPED,     [EV_ASKED] = STEP_ASKING,
        [EV_INTENDED] = STEP_INTENDED, [EV_OBSERVING] = STEP_OBSERVING, [EV_PROGRESS] = STEP_OBSERVING,
        [EV_DONE] = STEP_DONE,         [EV_RETRY] = STEP_PAUSED,        [EV_FAILED] = STEP_FAILED,
        [EV_DOUBT] = STEP_IN_DOUBT,    [EV_FOUND] = STEP_DONE,          [EV_UNSURE] = STEP_UNSURE,
        [EV_GATE] = STEP_OBSERVING,    [EV_GATE_GONE] = STEP_OBSERVING, [EV_AGAIN] = STEP_WAITING,
    };
    if (e->type == EV_ANSWERED) {
        if (!answer_target(c, p, e, to, err))
            return false;
    } else if (e->type == EV_RESOLVED) {
        *to = e->choice ? STEP_DONE : not_performed(c, p, e->step);
    } else if (e->type == EV_NOT_FOUND) {
        *to = not_performed(c, p, e->step);
    } else {
        *to = plain[e->type];
    }
    if (PLANTED("doubt-is-done") && e->type == EV_DOUBT) {
        *to = STEP_DONE;
        return true;
    }
    if (!in_table((enum step_status)c->steps[e->step].status, e->type, *to))
        return wrong_state(e, c, p, err);
    return true;
}

/* The step made for a pipeline's pauses: its question, or what sends the answer. */
static int gate_step(const struct procedure *p, int watch, bool question)
{
    for (int i = 0; i < p->n_steps; i++)
        if (p->steps[i].of == watch && p->steps[i].spawned && p->steps[i].has_ask == question)
            return i;
    return -1;
}

/* The pause is over: an unanswered question is withdrawn; an answer that was not yet sent is not sent. */
static void close_gate(struct control *c, const struct procedure *p, int watch, int64_t at)
{
    for (int question = PLANTED("gate-stays") ? 2 : 0; question <= 1; question++) {
        int i = gate_step(p, watch, question);
        if (i < 0)
            continue;
        enum step_status s = c->steps[i].status;
        if (s == STEP_WAITING || s == STEP_READY || s == STEP_ASKING || s == STEP_PAUSED)
            put(c, i, STEP_SKIPPED, at);
    }
}

static bool open_gate(struct control *c, const struct procedure *p, const struct event *e, struct error *err)
{
    int ask = gate_step(p, e->step, true), answer = gate_step(p, e->step, false);
    if (ask < 0 || answer < 0)
        return error_set(err, SB_STATE,
                         "step %s has no gate on the page (%s:%d): add `gate:` to it, so that a pause "
                         "can be answered",
                         p->steps[e->step].id, p->file, p->steps[e->step].line);
    for (int k = 0; k < 2; k++) {
        int i = k ? answer : ask;
        enum step_status s = c->steps[i].status;
        if (s != STEP_DORMANT && !step_settled(s))
            return wrong_state(e, c, p, err);
    }
    for (int k = 0; k < 2; k++) {
        int i = k ? answer : ask;
        reset(c, p, i, e->at);
        put(c, i, STEP_WAITING, e->at);
    }
    return true;
}

static bool apply_to_step(struct control *c, const struct procedure *p, const struct event *e,
                          struct error *err)
{
    if (e->step >= p->n_steps)
        return error_set(err, SB_INTERNAL, "%s: there is no step %d", event_names[e->type], e->step);
    struct control_step *k = &c->steps[e->step];
    if (e->run != k->run)
        return error_set(err, SB_STATE, "%s: step %s is in run %d by now, not %d", event_names[e->type],
                         p->steps[e->step].id, k->run, e->run);
    enum step_status from = (enum step_status)k->status, to = from;
    if (!target(c, p, e, &to, err))
        return false;
    bool by_person = e->by && *e->by;
    if (e->type == EV_SKIPPED && by_person && p->steps[e->step].ask.decision)
        return error_set(err, SB_STATE,
                         "step %s is the decision: without it the change stays in trouble; decide",
                         p->steps[e->step].id);
    /* A try again is bound by the rules as the first was. */
    bool begins = from == STEP_WAITING || from == STEP_READY ||
                  (from == STEP_PAUSED && (e->type == EV_INTENDED || e->type == EV_OBSERVING) &&
                   !PLANTED("retry-unchecked"));
    if (begins && !(e->type == EV_SKIPPED && by_person) && !may_begin(c, p, e, err))
        return false;
    if (e->type == EV_GATE && !open_gate(c, p, e, err))
        return false;
    if (e->type == EV_AGAIN) {
        if (c->status == CHANGE_ENDED || c->status == CHANGE_PLANNED)
            return wrong_state(e, c, p, err);
        reset(c, p, e->step, e->at);
        return true;
    }

    if (to != from || e->type == EV_DOUBT)
        put(c, e->step, to, e->at);
    switch (e->type) {
    case EV_READY:
        k->at = json_int(e->data, "at", 0);
        break;
    case EV_ASKED:
    case EV_INTENDED:
    case EV_OBSERVING:
        if (!k->began)
            k->began = e->at > 0 ? e->at : 1;
        if (e->type != EV_ASKED && k->attempt < UINT16_MAX)
            k->attempt++;
        break;
    case EV_RETRY:
    case EV_DOUBT:
        k->at = json_int(e->data, "not_before", 0);
        break;
    case EV_ANSWERED:
        k->choice = (uint8_t)(e->choice + 1);
        k->asked = 1;
        k->at = 0;
        break;
    case EV_NOT_FOUND:
    case EV_RESOLVED:
        k->at = 0;
        break;
    case EV_GATE_GONE:
        close_gate(c, p, e->step, e->at);
        break;
    default:
        break;
    }
    if (from == STEP_OBSERVING && to != STEP_OBSERVING)
        close_gate(c, p, e->step, e->at);
    if (k->reset && !step_in_flight(to)) {
        reset(c, p, e->step, e->at);
        return true;
    }
    if (e->type == EV_ANSWERED) {
        const struct step *s = &p->steps[e->step];
        if (s->ask.choices[e->choice].ends)
            cancel(c, p, e->at);
        else if (s->ask.decision)
            decide(c, p, decision_of(s, e->choice), e->at);
    }
    if (to == STEP_FAILED)
        failed(c, p, e->step, e->at);
    return true;
}

static bool end(struct control *c, const struct procedure *p, const struct event *e, struct error *err)
{
    struct wants w;
    control_next(c, p, e->at, &w);
    const struct interlock *rule = c->status == CHANGE_RUNNING ? control_forbids_end(c, p) : NULL;
    if (rule)
        return error_set(err, SB_INTERLOCK, "the change may not end: rule \"%s\" of the page (line %d): %s",
                         rule->id, rule->line, rule->because);
    if (w.n != 1 || w.list[0].kind != WANT_END)
        return wrong_state(e, c, p, err);
    if (c->status == CHANGE_STOPPING)
        c->outcome = OUTCOME_STOPPED;
    else if (c->status == CHANGE_CANCELLING)
        c->outcome = OUTCOME_CANCELLED;
    c->status = CHANGE_ENDED;
    return true;
}

/* What was being performed is in doubt. Who waited to look again looks at once: its moment may have been by the clock of
 * another machine, hours ahead of ours. */
static void restarted(struct control *c, const struct procedure *p, int64_t at)
{
    for (int i = 0; i < p->n_steps; i++) {
        struct control_step *k = &c->steps[i];
        const struct verb *v = p->steps[i].verb;
        if (k->status == STEP_INTENDED && !PLANTED("restart-forgets")) {
            put(c, i, STEP_IN_DOUBT, at);
            k->at = 0;
        } else if (k->status == STEP_PAUSED && v && v->kind == VERB_OBSERVE) {
            k->at = 0;
        }
    }
}

static bool apply_to_change(struct control *c, const struct procedure *p, const struct event *e,
                            struct error *err)
{
    enum change_status s = (enum change_status)c->status;
    bool open = s != CHANGE_NEW && s != CHANGE_ENDED;
    switch (e->type) {
    case EV_PLANNED:
        if (s != CHANGE_NEW)
            return wrong_state(e, c, p, err);
        c->status = CHANGE_PLANNED;
        c->outcome = OUTCOME_OPEN;
        return true;
    case EV_STARTED:
        if (s != CHANGE_PLANNED)
            return wrong_state(e, c, p, err);
        c->status = CHANGE_RUNNING;
        c->outcome = OUTCOME_CARRIED_OUT;
        return true;
    case EV_AMENDED:
        if (!open)
            return wrong_state(e, c, p, err);
        unsettle_moments(c, p, e->at);
        return true;
    case EV_MOVED:
        if (s != CHANGE_PLANNED && s != CHANGE_RUNNING)
            return wrong_state(e, c, p, err);
        if (control_deploying(c, p))
            return error_set(
                err, SB_STATE,
                "the deployment has begun: the window can no longer move; say that the change is in trouble "
                "and extend it there");
        move(c, p, e->at);
        return true;
    case EV_NOTED:
    case EV_OVERRULED:
        return s != CHANGE_NEW ? true : wrong_state(e, c, p, err);
    case EV_RESTARTED:
        if (!open)
            return wrong_state(e, c, p, err);
        restarted(c, p, e->at);
        return true;
    case EV_TROUBLE:
        if (s != CHANGE_RUNNING && s != CHANGE_REPAIRING)
            return wrong_state(e, c, p, err);
        enter_trouble(c, p, -1, e->at);
        return true;
    case EV_CANCELLED:
        if (s != CHANGE_PLANNED && s != CHANGE_RUNNING && s != CHANGE_TROUBLE)
            return wrong_state(e, c, p, err);
        if (control_deploying(c, p) && !PLANTED("cancel-while-deploying"))
            return error_set(err, SB_STATE,
                             "the deployment has begun: the change can no longer be cancelled; say that "
                             "it is in trouble and decide there");
        cancel(c, p, e->at);
        return true;
    case EV_ENDED:
        return end(c, p, e, err);
    default:
        return error_set(err, SB_INTERNAL, "%s: says no step", event_names[e->type]);
    }
}

bool control_apply(struct control *c, const struct procedure *p, const struct event *e, struct error *err)
{
    if (e->seq != c->seq + 1)
        return error_set(err, SB_CONFLICT, "event %lld follows event %lld", (long long)e->seq,
                         (long long)c->seq);
    if (e->type < 0 || e->type >= EV_TYPES)
        return error_set(err, SB_INTERNAL, "there is no event type %d", (int)e->type);
    bool open = c->status != CHANGE_NEW && c->status != CHANGE_PLANNED && c->status != CHANGE_ENDED;
    struct control after;
    control_copy(&after, c, p->n_steps);
    if (e->step >= 0 && !open)
        return wrong_state(&(struct event){.type = e->type, .step = -1}, c, p, err);
    if (!(e->step >= 0 ? apply_to_step(&after, p, e, err) : apply_to_change(&after, p, e, err)))
        return false;
    follow(&after, p, e->at);
    after.seq = e->seq;
    after.at = e->at;
    control_copy(c, &after, p->n_steps);
    return true;
}
