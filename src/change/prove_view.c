/* prove_view.c: the page as seen by one question: a procedure of the steps that play a part in it. */
#include "change/prove_parts.h"
#include <string.h>

static const struct verb stand_verb = {.name = "branch.steps", .kind = VERB_LOCAL, .says = "", .result = ""};

const struct condition **view_conditions(const struct procedure *page, struct arena *a)
{
    const struct condition **whens = ARENA_ARRAY(a, (size_t)page->n_steps, const struct condition *);
    for (int i = 0; i < page->n_steps; i++)
        whens[i] = page->steps[i].when == NULL ? NULL : condition_read(page, page->steps[i].when, a);
    return whens;
}

int view_step(const struct view *v, int of_page)
{
    for (int i = 0; i < v->p.n_steps; i++)
        if (v->of_page[i] == of_page)
            return i;
    return -1;
}

bool comes_after(const struct procedure *p, int step, int other)
{
    bool before[STEPS_MAX] = {false};
    before[step] = true;
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < p->n_steps; i++)
            for (int k = 0; before[i] && k < p->steps[i].n_after; k++)
                if (!before[p->steps[i].after[k]])
                    before[p->steps[i].after[k]] = more = true;
    }
    return step != other && before[other];
}

/* --- deeds
 * ------------------------------------------------------------------------------------------------------------------
 */

/* Deeds that say how things stand: two steps that do the same one to the same thing are one deed, whatever
 * they say about it. */
static const struct {
    const char *verb;
    const char *same[3];
} deeds[] = {
    {"statuspage.complete", {"maintenance"}},
    {"statuspage.component", {"components", "status"}},
    {"tickets.transition", {"ticket", "to"}},
};

bool same_deed(const struct step *a, const struct step *b)
{
    if (a->verb == NULL || a->verb != b->verb)
        return false;
    if (str_eq(a->verb->name, "pipeline.start"))
        return json_equal((json_t *)a->with, (json_t *)b->with);
    for (size_t i = 0; i < COUNT_OF(deeds); i++) {
        if (!str_eq(deeds[i].verb, a->verb->name))
            continue;
        for (int k = 0; k < 3 && deeds[i].same[k] != NULL; k++) {
            json_t *of_a = json_object_get(a->with, deeds[i].same[k]),
                   *of_b = json_object_get(b->with, deeds[i].same[k]);
            if (!json_equal(of_a, of_b))
                return false;
        }
        return true;
    }
    return false;
}

/* --- which steps
 * ------------------------------------------------------------------------------------------------------------
 */

static void keep(struct selection *s, int step, enum part part)
{
    if (s->part[step] < part)
        s->part[step] = (uint8_t)part;
}

static int how_many(const struct procedure *p, const struct selection *s)
{
    int n = 0;
    for (int i = 0; i < p->n_steps; i++)
        n += s->part[i] != LEFT_OUT;
    return n;
}

/* What a kept step cannot be without: what it was made for, the other half of a gate, where it runs again
 * from. */
static void keep_companions(const struct procedure *p, struct selection *s)
{
    for (bool more = true; more;) {
        int before = how_many(p, s);
        for (int i = 0; i < p->n_steps; i++) {
            const struct step *step = &p->steps[i];
            if (s->part[i] == LEFT_OUT)
                continue;
            if (step->of >= 0)
                keep(s, step->of, step->unless_done ? AROUND : s->part[i]);
            for (int k = 0; step->spawned && k < p->n_steps; k++)
                if (p->steps[k].spawned && p->steps[k].of == step->of)
                    keep(s, k, AROUND);
            if (s->part[i] != AROUND && step->of < 0 && step->branch == BRANCH_MAIN && !step->optional)
                keep(s, step->again, AROUND);
        }
        more = how_many(p, s) > before;
    }
}

static void keep_pivots(const struct procedure *p, struct selection *s)
{
    if (p->redo_from >= 0)
        keep(s, p->redo_from, AROUND);
    for (int i = 0; i < p->n_steps && s->policy != ALL_WELL; i++)
        if (p->steps[i].ask.decision)
            keep(s, i, AROUND);
}

/* --- making it
 * -------------------------------------------------------------------------------------------------------------
 */

struct making {
    const struct procedure *page;
    const struct condition *const *whens;
    const struct selection *s;
    struct arena *a;
    struct view *v;
    int place[STEPS_MAX]; /* of a page's step in the view; -1 = left out */
};

/* Adds the kept steps that come before `step`, looking through those that are left out. */
static void collect_before(const struct making *m, int step, bool seen[STEPS_MAX], int *after, int *n)
{
    const struct step *s = &m->page->steps[step];
    for (int i = 0; i < s->n_after; i++) {
        int other = s->after[i];
        if (seen[other])
            continue;
        seen[other] = true;
        if (m->place[other] >= 0)
            after[(*n)++] = m->place[other];
        else
            collect_before(m, other, seen, after, n);
    }
}

static void put_step(struct making *m, int i)
{
    struct view *v = m->v;
    bool seen[STEPS_MAX] = {false};
    int k = m->place[i];
    struct step *s = &v->p.steps[k];
    *s = m->page->steps[i];
    s->index = k;
    s->after = ARENA_ARRAY(m->a, (size_t)v->p.n_steps, int);
    s->n_after = 0;
    collect_before(m, i, seen, s->after, &s->n_after);
    s->of = s->of >= 0 ? m->place[s->of] : -1;
    s->again = m->place[s->again] >= 0 ? m->place[s->again] : k;
    v->of_page[k] = i;
    v->part[k] = m->s->part[i];
    v->when[k] = m->whens[i];
    /* What only takes its time needs no moment, no condition and no question for that. */
    if (v->part[k] == AROUND && !s->spawned && !s->ask.decision && i != m->page->redo_from) {
        s->verb = &stand_verb;
        s->has_ask = false;
        s->at = s->due = NULL;
        v->when[k] = NULL;
    }
    if (s->ask.decision)
        v->decision = k;
}

/* One step that stands for a branch of the page. */
static void put_stand(struct making *m, enum branch b, int k, bool optional)
{
    static const char *const titles[BRANCH_COUNT] = {
        [BRANCH_EXTEND] = "What is done when the window is extended",
        [BRANCH_ROLLBACK] = "What is done before the deployment is rolled back",
        [BRANCH_PATCH] = "What is done before the deployment is patched",
        [BRANCH_STOP] = "What is done when the change is stopped",
        [BRANCH_MOVE] = "What is done when the window moves",
        [BRANCH_UNDO] = "What is taken back when the change is cancelled",
    };
    struct view *v = m->v;
    v->p.steps[k] = (struct step){.index = k,
                                  .id = branch_names[b],
                                  .title = titles[b],
                                  .section = "",
                                  .prose = "",
                                  .row = "",
                                  .branch = b,
                                  .verb = &stand_verb,
                                  .again = k,
                                  .optional = optional,
                                  .of = -1};
    /* What is taken back must be something. */
    if (b == BRANCH_UNDO)
        v->p.steps[k].of = v->p.redo_from >= 0 ? v->p.redo_from : 0;
    v->of_page[k] = -1;
    v->part[k] = AROUND;
}

/* The rule as far as it speaks of kept steps. False when nothing is left of it. */
static bool put_rule(struct making *m, const struct interlock *rule, struct interlock *out)
{
    *out = *rule;
    if (rule->step >= 0 && (out->step = m->place[rule->step]) < 0)
        return false;
    out->needs = ARENA_ARRAY(m->a, (size_t)rule->n_needs, int);
    out->n_needs = 0;
    for (int i = 0; i < rule->n_needs; i++)
        if (m->place[rule->needs[i]] >= 0)
            out->needs[out->n_needs++] = m->place[rule->needs[i]];
    return out->n_needs > 0 || rule->n_needs == 0;
}

static int choice_of(const struct ask *ask, const char *id)
{
    for (int i = 0; i < ask->n_choices; i++)
        if (str_eq(ask->choices[i].id, id))
            return i;
    return -1;
}

/* What a look or an answer said of a system is worth nothing once something else was deployed, when it may
 * have been said before. */
static bool must_be_fresh(const struct procedure *p, int step, int need)
{
    const struct step *n = &p->steps[need];
    bool looks = n->verb == NULL || n->verb->kind == VERB_OBSERVE;
    return p->redo_from >= 0 && need != p->redo_from && looks && comes_after(p, step, p->redo_from) &&
           !comes_after(p, p->redo_from, need);
}

static void put_checks(struct making *m, const struct interlock *rule, int step, bool always)
{
    struct view *v = m->v;
    struct check c = {.rule = rule, .step = step < 0 ? -1 : m->place[step], .need = -1, .choice = -1};
    bool needs = rule->kind == RULE_NEEDS || rule->kind == RULE_ANSWERED || rule->kind == RULE_END_NEEDS;
    if (!needs && (always || rule->kind == RULE_NOT_TROUBLE) && v->n_checks < VIEW_CHECKS)
        v->checks[v->n_checks++] = c;
    for (int i = 0; needs && i < rule->n_needs && v->n_checks < VIEW_CHECKS; i++) {
        c.need = m->place[rule->needs[i]];
        if (c.need < 0)
            continue;
        if (rule->kind == RULE_ANSWERED)
            c.choice = choice_of(&m->page->steps[rule->needs[i]].ask, rule->choice);
        c.fresh = rule->kind != RULE_END_NEEDS && must_be_fresh(m->page, step, rule->needs[i]);
        v->checks[v->n_checks++] = c;
    }
}

static void put_rules(struct making *m)
{
    struct view *v = m->v;
    const struct procedure *page = m->page;
    v->p.interlocks = ARENA_ARRAY(m->a, (size_t)page->n_interlocks, struct interlock);
    for (int i = 0; i < page->n_interlocks; i++) {
        const struct interlock *rule = &page->interlocks[i];
        if (!put_rule(m, rule, &v->p.interlocks[v->p.n_interlocks]))
            continue;
        v->p.n_interlocks++;
        put_checks(m, rule, rule->step, true);
    }
    if (m->s->deed >= 0)
        put_checks(m, m->s->rule, m->s->deed, false);
}

/* --- what matters in it
 * --------------------------------------------------------------------------------------------------- */

static void note_read(void *ctx, int step, bool answer)
{
    struct view *v = ctx;
    int k = view_step(v, step);
    if (k < 0)
        return;
    v->read[k] = true;
    v->chosen[k] = v->chosen[k] || answer;
}

struct sharing {
    struct view *v;
    const char *seen[VIEW_STEPS * 4];
    int n;
};

/* A lasting unknown that comes up a second time is worth remembering. */
static void note_unknown(void *ctx, const struct condition *leaf)
{
    struct sharing *s = ctx;
    bool again = false;
    if (!leaf->lasting)
        return;
    for (int i = 0; i < s->v->n_atoms; i++)
        if (str_eq(s->v->atoms[i], leaf->text))
            return;
    for (int i = 0; i < s->n; i++)
        again = again || str_eq(s->seen[i], leaf->text);
    if (again && s->v->n_atoms < ATOMS_MAX)
        s->v->atoms[s->v->n_atoms++] = leaf->text;
    else if (!again && s->n < VIEW_STEPS * 4)
        s->seen[s->n++] = leaf->text;
}

static bool reads_outcome(const struct condition *c)
{
    return c != NULL && (c->kind == ROLLED_BACK || reads_outcome(c->left) || reads_outcome(c->right));
}

/* Going back and patching differ in nothing but their name and the tags, unless the view looks at that. */
static bool repairs_alike(const struct view *v)
{
    int kinds[2] = {0, 0};
    for (int i = 0; i < v->p.n_steps; i++) {
        const struct step *s = &v->p.steps[i];
        if (s->branch == BRANCH_PATCH || s->branch == BRANCH_ROLLBACK)
            kinds[s->branch == BRANCH_PATCH] += v->of_page[i] < 0 ? 1 + s->optional : 100;
    }
    return !v->outcome_read && kinds[0] == kinds[1] && kinds[0] < 100;
}

static void note_what_matters(struct view *v)
{
    struct sharing shared = {.v = v};
    for (int i = 0; i < v->p.n_steps; i++) {
        const struct step *s = &v->p.steps[i];
        v->read[i] = v->read[i] || v->part[i] != AROUND;
        condition_steps(v->when[i], note_read, v);
        condition_unknowns(v->when[i], note_unknown, &shared);
        v->outcome_read = v->outcome_read || reads_outcome(v->when[i]);
        if (s->branch == BRANCH_UNDO)
            v->read[s->of] = true;
    }
    if (v->p.redo_from >= 0)
        v->read[v->p.redo_from] = true;
    for (int i = 0; i < v->n_checks; i++) {
        if (v->checks[i].need < 0)
            continue;
        v->read[v->checks[i].need] = true;
        v->chosen[v->checks[i].need] = v->chosen[v->checks[i].need] || v->checks[i].choice >= 0;
    }
    v->repairs_alike = repairs_alike(v);
}

static bool branch_on_page(const struct procedure *p, enum branch b, bool *optional)
{
    bool any = false;
    *optional = true;
    for (int i = 0; i < p->n_steps; i++) {
        any = any || p->steps[i].branch == b;
        *optional = *optional && (p->steps[i].branch != b || p->steps[i].optional);
    }
    return any;
}

bool view_make(const struct procedure *page, const struct condition *const *whens, struct selection *s,
               struct arena *a, struct view *out)
{
    static const enum branch stood_for[] = {BRANCH_EXTEND, BRANCH_ROLLBACK, BRANCH_PATCH,
                                            BRANCH_STOP,   BRANCH_MOVE,     BRANCH_UNDO};
    struct making m = {.page = page, .whens = whens, .s = s, .a = a, .v = out};
    keep_pivots(page, s);
    keep_companions(page, s);
    *out = (struct view){.page = page, .p = *page, .policy = s->policy, .decision = -1, .subject = -1};
    int n = 0;
    for (int i = 0; i < page->n_steps; i++)
        m.place[i] = s->part[i] != LEFT_OUT ? n++ : -1;
    if (n + (int)COUNT_OF(stood_for) > VIEW_STEPS)
        return false;
    out->p.steps = ARENA_ARRAY(a, VIEW_STEPS, struct step);
    out->p.n_steps = n;
    out->p.n_interlocks = 0;
    out->p.redo_from = page->redo_from >= 0 ? m.place[page->redo_from] : -1;
    out->subject = s->subject >= 0 ? m.place[s->subject] : -1;
    for (int i = 0; i < page->n_steps; i++)
        if (m.place[i] >= 0)
            put_step(&m, i);
    for (size_t i = 0; i < COUNT_OF(stood_for) && s->policy != ALL_WELL; i++) {
        bool optional;
        if (branch_on_page(page, stood_for[i], &optional))
            put_stand(&m, stood_for[i], out->p.n_steps++, optional);
    }
    put_rules(&m);
    note_what_matters(out);
    return true;
}

/* --- the same but for names
 * ------------------------------------------------------------------------------------------------ */

static void print_condition(const struct view *v, const struct condition *c, struct buf *out)
{
    if (c == NULL)
        return;
    int step = c->kind == STATE_IS || c->kind == ANSWER_IS ? view_step(v, c->step) : -2;
    int atom = -1;
    for (int i = 0; c->kind == UNKNOWN && c->lasting && i < v->n_atoms; i++)
        if (str_eq(v->atoms[i], c->text))
            atom = i;
    buf_printf(out, "(%d %d %d %d", (int)c->kind, step, step >= 0 ? c->value : 0, atom);
    print_condition(v, c->left, out);
    print_condition(v, c->right, out);
    buf_addc(out, ')');
}

static void print_ask(const struct ask *ask, struct buf *out)
{
    buf_printf(out, " ask %d %d:", ask->decision, ask->limit_ms > 0 ? choice_of(ask, ask->otherwise) : -1);
    for (int i = 0; i < ask->n_choices; i++)
        buf_printf(out, " %d%d%s", ask->choices[i].fails, ask->choices[i].ends,
                   ask->decision ? ask->choices[i].id : "");
}

static void print_step(const struct view *v, int i, struct buf *out)
{
    const struct step *s = &v->p.steps[i];
    buf_printf(out, "%d %d %d %d %d%d%d%d%d%d%d%d %d %d", v->of_page[i] < 0, (int)s->branch,
               s->verb ? (int)s->verb->kind : -1, s->again, s->at != NULL, s->due != NULL,
               s->at != NULL && s->late == LATE_SKIP, s->timeout_ms > 0, s->optional, s->unless_done,
               s->spawned, v->part[i], s->of, s->has_ask);
    buf_printf(out, " %d%d%d", s->of_window, s->moved, s->pressing);
    /* Starting the pipeline is looked at by a law of its own. */
    buf_printf(out, " %d after", s->verb != NULL && str_eq(s->verb->name, "pipeline.start"));
    for (int k = 0; k < s->n_after; k++)
        buf_printf(out, " %d", s->after[k]);
    if (s->has_ask)
        print_ask(&s->ask, out);
    print_condition(v, v->when[i], out);
    buf_addc(out, '\n');
}

void view_fingerprint(const struct view *v, struct buf *out)
{
    buf_printf(out, "%d %d %d\n", (int)v->policy, v->subject, v->p.redo_from);
    for (int i = 0; i < v->p.n_steps; i++)
        print_step(v, i, out);
    for (int i = 0; i < v->p.n_interlocks; i++) {
        const struct interlock *r = &v->p.interlocks[i];
        buf_printf(out, "rule %d %d %d %d", (int)r->kind, r->step, r->skipped_ok,
                   r->kind == RULE_ANSWERED ? choice_of(&v->p.steps[r->needs[0]].ask, r->choice) : -1);
        for (int k = 0; k < r->n_needs; k++)
            buf_printf(out, " %d", r->needs[k]);
        buf_addc(out, '\n');
    }
    for (int i = 0; i < v->n_checks; i++) {
        const struct check *c = &v->checks[i];
        buf_printf(out, "check %d %d %d %d %d %d\n", (int)c->rule->kind, c->step, c->need, c->choice,
                   c->fresh, c->rule->skipped_ok);
    }
}
