/* rules.c: the interlocks, asked before anything begins and before the end. */
#include "base/buf.h"
#include "change/control.h"
#include "change/planted.h"

static bool in_trouble(const struct control *c)
{
    return c->status == CHANGE_TROUBLE || c->status == CHANGE_REPAIRING || c->status == CHANGE_STOPPING;
}

static bool all_done(const struct control *c, const struct interlock *rule)
{
    for (int i = 0; i < rule->n_needs; i++) {
        enum step_status s = c->steps[rule->needs[i]].status;
        bool skipped_ok = rule->skipped_ok || PLANTED("skipped-is-done");
        if (s != STEP_DONE && !(skipped_ok && s == STEP_SKIPPED))
            return false;
    }
    return true;
}

/* Was the gate answered with the rule's choice, in the round that counts now? */
static bool answered(const struct control *c, const struct procedure *p, const struct interlock *rule)
{
    const struct step *gate = &p->steps[rule->needs[0]];
    const struct control_step *s = &c->steps[rule->needs[0]];
    if (s->status != STEP_DONE || s->choice == 0 || s->choice > gate->ask.n_choices)
        return rule->skipped_ok && s->status == STEP_SKIPPED;
    return str_eq(gate->ask.choices[s->choice - 1].id, rule->choice) || PLANTED("any-answer");
}

const struct interlock *control_forbids(const struct control *c, const struct procedure *p, int step)
{
    for (int i = 0; i < p->n_interlocks; i++) {
        const struct interlock *rule = &p->interlocks[i];
        if (rule->step != step)
            continue;
        bool holds = true;
        if (rule->kind == RULE_NEEDS)
            holds = all_done(c, rule) || PLANTED("rule-ignored");
        else if (rule->kind == RULE_NOT_TROUBLE)
            holds = !in_trouble(c) || PLANTED("trouble-rule-ignored");
        else if (rule->kind == RULE_ANSWERED)
            holds = answered(c, p, rule);
        if (!holds)
            return rule;
    }
    return NULL;
}

const struct interlock *control_forbids_end(const struct control *c, const struct procedure *p)
{
    for (int i = 0; i < p->n_interlocks && !PLANTED("end-rule-ignored"); i++)
        if (p->interlocks[i].kind == RULE_END_NEEDS && !all_done(c, &p->interlocks[i]))
            return &p->interlocks[i];
    return NULL;
}
