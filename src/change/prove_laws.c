/* prove_laws.c: what must hold whatever happens, asked of every event that is explored. Written from the
 * page's rules and from what DESIGN.md promises; shares nothing with next.c, rules.c and control.c, so that a
 * fault there is seen here. */
#include "change/prove_parts.h"

const struct law law_dead_end = {"dead-end", "From everywhere a change can still come to its end."};
const struct law law_stands = {"comes-to-a-stand", "While all goes well, a change does not come to a stand."};
const struct law law_can_run = {"can-run", "Every step of a page can run."};
const struct law law_agrees = {"may-do-what-it-wants",
                               "What Signalbox wants to do next, it may do, and it leads on."};
const struct law law_size = {"size", "A page is small enough to be proven."};

static const struct law law_lost = {
    "never-lost", "What was intended is recorded, or a person is asked about it, before it is let go."};
static const struct law law_twice = {"never-twice",
                                     "What may have taken place is looked up before it is performed again, "
                                     "and what runs again has a key of its own."};
static const struct law law_trouble = {
    "trouble", "When a step has failed for good, the change is in trouble until a person has decided."};
static const struct law law_order = {
    "order", "A step acts only while its branch is carried out and when the steps before it are settled."};
static const struct law law_undo = {
    "undo", "Only what is known to have taken place is taken back, and only when a change is cancelled."};
static const struct law law_cancel = {"cancel",
                                      "A change is cancelled only before its deployment has begun."};
static const struct law law_redo = {
    "redo", "When the deployment runs again, everything that comes after it runs again."};
static const struct law law_moved = {
    "moved",
    "When the window moves, what was timed by it or asked about it is carried out anew; it moves only before the "
    "deployment has begun."};
static const struct law law_idle = {"asked-in-vain",
                                    "Nobody is asked, and nothing looked at, that no longer matters."};
static const struct law law_rollback = {
    "rollback-decided",
    "Tags go back only when a person has decided so, and nothing is deployed in trouble before a decision."};

/* One event under the laws. */
struct trial {
    const struct view *v;
    const struct world *before, *after;
    const struct move *m;
    struct breach *out;
};

static bool breaks(const struct trial *t, const struct law *law, int step, const char *says)
{
    *t->out = (struct breach){.law = law, .step = step, .says = says};
    return true;
}

static bool flies(int status)
{
    return status == STEP_INTENDED || status == STEP_IN_DOUBT || status == STEP_UNSURE;
}

static bool rests(int status)
{
    return status == STEP_DONE || status == STEP_SKIPPED || status == STEP_FAILED;
}

static bool wrong(int change_status)
{
    return change_status == CHANGE_TROUBLE || change_status == CHANGE_REPAIRING ||
           change_status == CHANGE_STOPPING;
}

/* Does the event make `step` act: ask, look, or be performed now? What was in doubt and is performed again
 * acts as well. */
static bool acts(const struct trial *t, int step)
{
    const struct event *e = &t->m->e;
    if (e->step != step)
        return false;
    int to = t->after->c.steps[step].status;
    return event_acts(e->type) || (to == STEP_INTENDED && t->before->c.steps[step].status != STEP_INTENDED);
}

/* --- the page's rules
 * -------------------------------------------------------------------------------------------------------------
 */

/* Is what the rule needs there, in the state before the event? */
static const char *missing(const struct trial *t, const struct check *c)
{
    const struct control_step *k = &t->before->c.steps[c->need];
    if (k->status == STEP_SKIPPED)
        return c->rule->skipped_ok ? NULL : "what it needs has been skipped";
    if (k->status != STEP_DONE)
        return "what it needs is not done";
    if (c->rule->kind == RULE_ANSWERED && k->choice != c->choice + 1)
        return "the answer was another";
    if (c->fresh && (t->before->stale >> c->need) & 1)
        return "what it needs was done before the deployment last began, and says nothing of what runs now";
    return NULL;
}

static bool breaks_rule(const struct trial *t, const struct check *c, const char *says)
{
    *t->out = (struct breach){.rule = c->rule, .step = c->step, .says = says};
    return true;
}

/* The answer that a rule asks for is a person's. */
static bool check_answer(const struct trial *t, const struct check *c)
{
    const struct event *e = &t->m->e;
    return c->rule->kind == RULE_ANSWERED && e->type == EV_ANSWERED && e->step == c->need &&
           e->choice == c->choice && e->by[0] == '\0' &&
           breaks_rule(t, c, "the answer that it needs is given by nobody");
}

static bool check_begin(const struct trial *t, const struct check *c)
{
    if (c->step < 0 || !acts(t, c->step))
        return false;
    if (c->rule->kind == RULE_NOT_TROUBLE)
        return wrong(t->before->c.status) && breaks_rule(t, c, "it begins while the change is in trouble");
    const char *says = c->need >= 0 ? missing(t, c) : NULL;
    return says != NULL && breaks_rule(t, c, says);
}

static bool check_end(const struct trial *t, const struct check *c)
{
    bool carried_out = t->m->e.type == EV_ENDED && (t->after->c.outcome == OUTCOME_CARRIED_OUT ||
                                                    t->after->c.outcome == OUTCOME_ROLLED_BACK);
    const char *says = carried_out && c->rule->kind == RULE_END_NEEDS ? missing(t, c) : NULL;
    return says != NULL && breaks_rule(t, c, says);
}

/* The first ones to deploy are steps that start a pipeline; whoever does so in trouble has not been told to.
 */
static bool check_rollback(const struct trial *t, const struct check *c)
{
    const struct event *e = &t->m->e;
    if (c->rule->kind != RULE_ROLLBACK_DECIDED)
        return false;
    bool turned = t->before->c.outcome != OUTCOME_ROLLED_BACK && t->after->c.outcome == OUTCOME_ROLLED_BACK;
    bool decided = e->type == EV_ANSWERED && e->by[0] != '\0' && t->v->p.steps[e->step].ask.decision &&
                   str_eq(t->v->p.steps[e->step].ask.choices[e->choice].id, "rollback");
    if (turned && !decided)
        return breaks_rule(t, c, "the change is turned back and nobody has decided it");
    const struct verb *verb = e->step >= 0 ? t->v->p.steps[e->step].verb : NULL;
    int s = t->before->c.status;
    if (verb == NULL || !str_eq(verb->name, "pipeline.start") || !acts(t, e->step) || s == CHANGE_RUNNING ||
        s == CHANGE_REPAIRING)
        return false;
    struct breach b = {.rule = c->rule,
                       .step = e->step,
                       .says = "it deploys while the change is in trouble, and nobody has decided it"};
    *t->out = b;
    return true;
}

static bool check_rules(const struct trial *t)
{
    for (int i = 0; i < t->v->n_checks; i++) {
        const struct check *c = &t->v->checks[i];
        if (check_begin(t, c) || check_answer(t, c) || check_end(t, c) || check_rollback(t, c))
            return true;
    }
    return false;
}

/* --- effects
 * ----------------------------------------------------------------------------------------------------------------------
 */

static bool tells_what_became(enum event_type e)
{
    return e == EV_DONE || e == EV_FAILED || e == EV_RETRY || e == EV_FOUND || e == EV_NOT_FOUND ||
           e == EV_RESOLVED;
}

static bool check_effect(const struct trial *t, int i)
{
    const struct control_step *was = &t->before->c.steps[i], *is = &t->after->c.steps[i];
    const struct event *e = &t->m->e;
    bool own = e->step == i;
    if (flies(was->status) && !flies(is->status) && is->status == STEP_DONE && e->type != EV_DONE &&
        e->type != EV_FOUND && !(e->type == EV_RESOLVED && e->choice == 1))
        return breaks(t, &law_lost, i, "it counts as done, and nobody knows whether it took place");
    if (flies(was->status) && !flies(is->status) && !(own && tells_what_became(e->type)))
        return breaks(t, &law_lost, i, "it may have reached its system, and is let go without a word");
    if (is->status == STEP_INTENDED && e->type == EV_RESTARTED)
        return breaks(t, &law_twice, i, "after the crash it is performed again without being looked up");
    if (is->status == STEP_INTENDED && was->status != STEP_INTENDED && !own)
        return breaks(t, &law_twice, i, "it is performed because of something that happened elsewhere");
    if (was->began != 0 && is->began == 0 && is->run == was->run)
        return breaks(t, &law_twice, i, "it runs again under the key of the run before");
    /* The deployment is to run anew: what of the old one was not performed yet is not performed any more. */
    if (was->reset && acts(t, i))
        return breaks(t, &law_twice, i, "it is performed once more for a run that has been given up");
    return false;
}

/* --- order
 * -------------------------------------------------------------------------------------------------------------------------
 */

static bool branch_runs(const struct control *c, const struct step *s)
{
    bool under_way =
        c->status == CHANGE_RUNNING || c->status == CHANGE_TROUBLE || c->status == CHANGE_REPAIRING;
    if (s->of >= 0 && s->unless_done)
        return under_way;
    if (s->of >= 0 && s->spawned)
        return under_way && c->steps[s->of].status == STEP_OBSERVING;
    switch (s->branch) {
    case BRANCH_MAIN:
        return s->pressing ? under_way : c->status == CHANGE_RUNNING;
    case BRANCH_TROUBLE:
        return c->status == CHANGE_TROUBLE;
    case BRANCH_EXTEND:
        return c->status == CHANGE_TROUBLE && c->aside == BRANCH_EXTEND;
    case BRANCH_PATCH:
    case BRANCH_ROLLBACK:
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

static bool check_order(const struct trial *t)
{
    int i = t->m->e.step;
    if (i < 0 || !acts(t, i))
        return false;
    const struct control *c = &t->before->c;
    const struct step *s = &t->v->p.steps[i];
    if (!branch_runs(c, s))
        return breaks(t, &law_order, i, "it acts although its part of the page is not being carried out");
    for (int k = 0; k < s->n_after; k++)
        if (!rests(c->steps[s->after[k]].status))
            return breaks(t, &law_order, i, "it acts although a step before it is not settled");
    for (int k = 0; k < t->v->p.n_steps && s->branch == BRANCH_MOVE; k++)
        if (t->v->p.steps[k].branch == BRANCH_MAIN && flies(c->steps[k].status))
            return breaks(t, &law_order, i, "it acts before it is known what took place for the old window");
    if (s->branch == BRANCH_UNDO && c->steps[s->of].status != STEP_DONE)
        return breaks(t, &law_undo, i, "what it takes back is not known to have taken place");
    return false;
}

/* An undo step that skips itself says that there is nothing to take back. */
static bool check_undo(const struct trial *t)
{
    const struct event *e = &t->m->e;
    if (e->step < 0 || e->type != EV_SKIPPED || e->by[0] != '\0')
        return false;
    const struct step *s = &t->v->p.steps[e->step];
    if (s->branch == BRANCH_UNDO && flies(t->before->c.steps[s->of].status))
        return breaks(t, &law_undo, e->step,
                      "it is left out before it is known whether there is something to take back");
    return false;
}

/* --- trouble
 * -----------------------------------------------------------------------------------------------------------------------
 */

static bool deploys(const struct trial *t)
{
    if (t->v->p.redo_from < 0)
        return false;
    const struct control_step *k = &t->before->c.steps[t->v->p.redo_from];
    return k->run > 1 || flies(k->status) || k->status == STEP_DONE || k->status == STEP_OBSERVING ||
           k->status == STEP_PAUSED || (k->status == STEP_FAILED && k->began != 0);
}

static bool check_trouble(const struct trial *t)
{
    const struct event *e = &t->m->e;
    int was = t->before->c.status, is = t->after->c.status;
    bool decision = e->type == EV_ANSWERED && t->v->p.steps[e->step].ask.decision;
    for (int i = 0; i < t->v->p.n_steps && is == CHANGE_RUNNING; i++) {
        const struct step *s = &t->v->p.steps[i];
        if ((s->branch == BRANCH_MAIN || s->branch == BRANCH_MOVE) && !s->optional && !s->unless_done &&
            t->after->c.steps[i].status == STEP_FAILED)
            return breaks(t, &law_trouble, i, "it has failed, and the change goes on");
    }
    if (was == CHANGE_TROUBLE && is != CHANGE_TROUBLE && is != CHANGE_CANCELLING &&
        !(decision && e->by[0] != '\0'))
        return breaks(t, &law_trouble, e->step, "the change is out of trouble, and nobody has decided");
    if (was != is && is == CHANGE_CANCELLING && deploys(t))
        return breaks(t, &law_cancel, -1, "the change is cancelled although its deployment has begun");
    return false;
}

static bool follows_deployment(const struct view *v, int step)
{
    const struct step *s = &v->p.steps[step];
    int of = s->of >= 0 && s->branch == BRANCH_MAIN ? s->of : step;
    return of == v->p.redo_from || comes_after(&v->p, of, v->p.redo_from);
}

static bool check_redo(const struct trial *t)
{
    if (t->before->c.status != CHANGE_REPAIRING || t->after->c.status != CHANGE_RUNNING ||
        t->v->p.redo_from < 0)
        return false;
    for (int i = 0; i < t->v->p.n_steps; i++) {
        const struct control_step *k = &t->after->c.steps[i];
        bool anew = k->status == STEP_WAITING || k->status == STEP_DORMANT || (flies(k->status) && k->reset);
        if (t->v->p.steps[i].branch == BRANCH_MAIN && follows_deployment(t->v, i) && !anew)
            return breaks(t, &law_redo, i, "it is not carried out again");
    }
    return false;
}

/* What was timed by the old window, or asked about it, is not taken to be settled for the new one. */
static bool check_moved(const struct trial *t)
{
    if (t->m->e.type != EV_MOVED)
        return false;
    if (deploys(t))
        return breaks(t, &law_moved, -1, "the window moves although the deployment has begun");
    for (int i = 0; i < t->v->p.n_steps; i++) {
        const struct step *s = &t->v->p.steps[i];
        const struct control_step *k = &t->after->c.steps[i];
        bool effect = s->verb != NULL && s->verb->kind == VERB_EFFECT && !s->of_window;
        if (s->branch != BRANCH_MAIN || s->of >= 0 || !(s->of_window || s->moved))
            continue;
        if (k->status == STEP_WAITING || (flies(k->status) && (k->reset || effect)) ||
            (effect && k->status == STEP_DONE))
            continue;
        return breaks(t, &law_moved, i, "it is not carried out again");
    }
    return false;
}

/* --- the end, and what is asked
 * ----------------------------------------------------------------------------------------------------- */

static bool check_idle(const struct trial *t, int i)
{
    const struct control *c = &t->after->c;
    const struct step *s = &t->v->p.steps[i];
    int status = c->steps[i].status;
    bool asks = status == STEP_ASKING || status == STEP_OBSERVING;
    if (c->status == CHANGE_ENDED && flies(status))
        return breaks(t, &law_lost, i, "the change ends and it is not known what became of it");
    if (c->status == CHANGE_ENDED && asks)
        return breaks(t, &law_idle, i, "the change has ended, and it is still waited for");
    bool main = (s->branch == BRANCH_MAIN || s->branch == BRANCH_MOVE) &&
                (c->status == CHANGE_TROUBLE || c->status == CHANGE_REPAIRING);
    if (asks && !main && !branch_runs(c, s))
        return breaks(t, &law_idle, i,
                      "it is waited for although its part of the page is not being carried out");
    if (s->spawned && status == STEP_ASKING && c->steps[s->of].status != STEP_OBSERVING)
        return breaks(t, &law_idle, i, "it is asked although nobody looks at the pipeline any more");
    return false;
}

/* Without the page's rule a rollback is a decision all the same. */
static bool check_outcome(const struct trial *t)
{
    const struct event *e = &t->m->e;
    bool turned = t->before->c.outcome != OUTCOME_ROLLED_BACK && t->after->c.outcome == OUTCOME_ROLLED_BACK;
    return turned && !(e->type == EV_ANSWERED && e->by[0] != '\0') &&
           breaks(t, &law_rollback, e->step, "the change is turned back and nobody has decided it");
}

bool laws_broken(const struct view *v, const struct world *before, const struct move *m,
                 const struct world *after, struct breach *out)
{
    const struct trial t = {v, before, after, m, out};
    if (check_rules(&t) || check_order(&t) || check_undo(&t) || check_trouble(&t) || check_redo(&t) ||
        check_moved(&t) || check_outcome(&t))
        return true;
    for (int i = 0; i < v->p.n_steps; i++)
        if (check_effect(&t, i) || check_idle(&t, i))
            return true;
    return false;
}

/* --- why nothing goes on
 * --------------------------------------------------------------------------------------------------------------
 */

static bool turn_has_come(const struct view *v, const struct control *c, int i)
{
    const struct step *s = &v->p.steps[i];
    int status = c->steps[i].status;
    if ((status != STEP_WAITING && status != STEP_READY && status != STEP_PAUSED) || !branch_runs(c, s))
        return false;
    for (int k = 0; k < s->n_after; k++)
        if (!rests(c->steps[s->after[k]].status))
            return false;
    return true;
}

bool laws_obstacle(const struct view *v, const struct world *w, struct breach *out)
{
    struct breach found;
    const struct trial t = {v, w, w, NULL, &found};
    for (int end = 0; end <= 1; end++)
        for (int i = 0; i < v->n_checks; i++) {
            const struct check *c = &v->checks[i];
            if (c->need < 0 || (c->step < 0) != end || (c->step >= 0 && !turn_has_come(v, &w->c, c->step)))
                continue;
            const char *says = missing(&t, c);
            if (says == NULL)
                continue;
            *out = (struct breach){.rule = c->rule, .step = c->step, .says = says};
            return true;
        }
    return false;
}
