/* prove.c: which views a page is looked at through, and the verdict. */
#include "change/prove.h"
#include "change/prove_parts.h"
#include <stdlib.h>

const char prove_bound[] =
    "any number of failures, tries, crashes, rounds of trouble and interventions, in every order";

enum { SEEN_MAX = 1024, STATES_TOTAL = 600000 };

/* A view that was explored, and whether its subject began. */
struct seen {
    char *print;
    size_t n;
    bool ran;
};

struct proving {
    const struct procedure *p;
    const struct condition **whens;
    struct search *search;
    struct arena *a;
    struct proof *out;
    struct seen seen[SEEN_MAX];
    int n_seen;
};

/* --- the verdict
 * ------------------------------------------------------------------------------------------------------------------
 */

static int line_of(const struct view *v, const struct breach *b)
{
    if (b->rule != NULL)
        return b->rule->line;
    return b->step >= 0 ? v->p.steps[b->step].line : 0;
}

static bool refuse(struct proving *g, const struct view *v, const struct found *f)
{
    const struct breach *b = &f->breach;
    struct proof *out = g->out;
    out->holds = false;
    out->rule = b->rule != NULL ? b->rule->id : b->law->name;
    out->because = b->rule != NULL ? b->rule->because : b->law->because;
    out->line = line_of(v, b);
    out->says = b->step >= 0 ? arena_printf(g->a, "%s: %s", story_step(v, b->step, g->a), b->says) : b->says;
    out->story = story_tell(v, f, g->a, &out->n_story);
    return false;
}

/* --- one view
 * ---------------------------------------------------------------------------------------------------------------------
 */

static struct selection select_none(enum policy policy)
{
    return (struct selection){.policy = policy, .subject = -1, .deed = -1};
}

static void take(struct selection *s, int step, enum part part)
{
    if (s->part[step] < part)
        s->part[step] = (uint8_t)part;
}

static struct seen *seen_before(struct proving *g, const struct buf *print)
{
    for (int i = 0; i < g->n_seen; i++)
        if (g->seen[i].n == print->len && memcmp(g->seen[i].print, print->data, print->len) == 0)
            return &g->seen[i];
    return NULL;
}

/* Explores the view of this selection. False when something is broken, and the verdict is given. */
static bool look(struct proving *g, struct selection *s, bool *ran)
{
    struct view v;
    struct found f;
    _cleanup_buf_ struct buf print = {0};
    if (!view_make(g->p, (const struct condition *const *)g->whens, s, g->a, &v)) {
        f = (struct found){
            .breach = {.law = &law_size, .step = -1, .says = "a rule speaks of too many steps at once"}};
        v = (struct view){.page = g->p, .p = *g->p};
        return refuse(g, &v, &f);
    }
    view_fingerprint(&v, &print);
    struct seen *seen = seen_before(g, &print);
    if (seen != NULL) {
        *ran = seen->ran;
        return true;
    }
    search_run(g->search, &v, g->a, &f);
    g->out->views++;
    g->out->states += f.states;
    g->out->events += f.events;
    if (f.broken)
        return refuse(g, &v, &f);
    if (g->out->states > STATES_TOTAL) {
        f.breach =
            (struct breach){.law = &law_size, .step = -1, .says = "it has too many states to visit them all"};
        return refuse(g, &v, &f);
    }
    *ran = f.ran;
    if (g->n_seen < SEEN_MAX) {
        struct seen *new = &g->seen[g->n_seen++];
        *new = (struct seen){.n = print.len, .ran = f.ran};
        new->print = buf_steal(&print);
    }
    return true;
}

/* --- the rules
 * -----------------------------------------------------------------------------------------------------------------------
 */

/* Everything that can happen to the rule's step and one of its needs. */
static bool look_at_need(struct proving *g, const struct interlock *rule, int step, int need)
{
    struct selection s = select_none(EVERYTHING);
    bool ran;
    s.rule = rule;
    if (step >= 0)
        take(&s, step, WHOLE);
    if (need >= 0)
        take(&s, need, NEEDED);
    s.deed = step != rule->step ? step : -1;
    return look(g, &s, &ran);
}

/* Steps on which a kept step's condition depends, and those on which these depend. */
static void add_step(void *ctx, int step, bool answer)
{
    (void)answer;
    ((bool *)ctx)[step] = true;
}

static void add_what_is_read(struct proving *g, struct selection *s)
{
    for (bool more = true; more;) {
        bool read[STEPS_MAX] = {false};
        more = false;
        for (int i = 0; i < g->p->n_steps; i++)
            if (s->part[i] != LEFT_OUT)
                condition_steps(g->whens[i], add_step, read);
        for (int i = 0; i < g->p->n_steps; i++)
            if (read[i] && s->part[i] == LEFT_OUT) {
                take(s, i, WHOLE);
                more = true;
            }
    }
}

/* While all goes well: does the rule let its step run? */
static bool look_at_rule_when_well(struct proving *g, const struct interlock *rule)
{
    struct selection s = select_none(ALL_WELL);
    bool ran;
    for (int i = 0; i < rule->n_needs; i++)
        take(&s, rule->needs[i], WHOLE);
    if (rule->step >= 0)
        take(&s, rule->step, WHOLE);
    add_what_is_read(g, &s);
    return look(g, &s, &ran);
}

static bool look_at_rule(struct proving *g, const struct interlock *rule)
{
    for (int i = 0; i < rule->n_needs; i++)
        if (!look_at_need(g, rule, rule->step, rule->needs[i]))
            return false;
    if (rule->n_needs == 0 && rule->step >= 0 && !look_at_need(g, rule, rule->step, -1))
        return false;
    for (int i = 0; rule->step >= 0 && i < g->p->n_steps; i++) {
        const struct step *s = &g->p->steps[i];
        if (i == rule->step || s->branch == BRANCH_UNDO || !same_deed(s, &g->p->steps[rule->step]))
            continue;
        for (int k = 0; k < rule->n_needs; k++)
            if (!look_at_need(g, rule, i, rule->needs[k]))
                return false;
        if (rule->n_needs == 0 && !look_at_need(g, rule, i, -1))
            return false;
    }
    return rule->n_needs == 0 || look_at_rule_when_well(g, rule);
}

/* --- the steps
 * -------------------------------------------------------------------------------------------------------------------------
 */

static bool cannot_run(struct proving *g, int step)
{
    struct selection s = select_none(NORMAL);
    struct view v;
    struct found f = {.breach = {.law = &law_can_run}};
    const struct step *on_page = &g->p->steps[step];
    const char *rule = NULL;
    bool ran;
    take(&s, step, WHOLE);
    if (!view_make(g->p, (const struct condition *const *)g->whens, &s, g->a, &v))
        return look(g, &s, &ran);
    for (int i = 0; i < g->p->n_interlocks; i++)
        if (g->p->interlocks[i].step == step)
            rule = g->p->interlocks[i].id;
    f.breach.step = view_step(&v, step);
    f.breach.says = "there is no history in which it runs";
    if (rule != NULL)
        f.breach.says = arena_printf(g->a, "%s; a rule for it is %s", f.breach.says, rule);
    else if (on_page->when != NULL)
        f.breach.says = arena_printf(g->a, "%s; its condition is %s", f.breach.says, on_page->when);
    else if (on_page->branch != BRANCH_MAIN)
        f.breach.says =
            arena_printf(g->a, "%s; its branch is \"%s\"", f.breach.says, branch_names[on_page->branch]);
    refuse(g, &v, &f);
    g->out->n_story = 0;
    return false;
}

/* With its rules, and with the steps on which it depends. */
static bool runs_with_what_it_needs(struct proving *g, int step, enum policy policy, bool *ran)
{
    struct selection s = select_none(policy);
    s.subject = step;
    take(&s, step, WHOLE);
    for (int i = 0; i < g->p->n_interlocks; i++)
        for (int k = 0; g->p->interlocks[i].step == step && k < g->p->interlocks[i].n_needs; k++)
            take(&s, g->p->interlocks[i].needs[k], WHOLE);
    add_what_is_read(g, &s);
    return look(g, &s, ran);
}

static void note_any(void *ctx, int step, bool answer)
{
    (void)step;
    (void)answer;
    *(bool *)ctx = true;
}

static bool depends(const struct proving *g, int step)
{
    bool any = false;
    condition_steps(g->whens[step], note_any, &any);
    for (int i = 0; i < g->p->n_interlocks; i++)
        any = any || g->p->interlocks[i].step == step;
    return any;
}

/* A step by itself: everything that can happen to it at any time; and that it can run at all. */
static bool look_at_step(struct proving *g, int step)
{
    struct selection s = select_none(EVERYTHING);
    bool ran = false;
    s.subject = step;
    take(&s, step, WHOLE);
    if (!look(g, &s, &ran))
        return false;
    if (ran && !depends(g, step))
        return true;
    if (ran && g->p->steps[step].branch == BRANCH_MAIN && !runs_with_what_it_needs(g, step, ALL_WELL, &ran))
        return false;
    if (ran && g->p->steps[step].branch == BRANCH_MAIN)
        return true;
    if (!runs_with_what_it_needs(g, step, NORMAL, &ran))
        return false;
    return ran || cannot_run(g, step);
}

/* --- waiting in a circle
 * -----------------------------------------------------------------------------------------------------------------
 */

/* Steps that wait for each other, by order and by rules: explored together, they show where they stand still.
 */
static bool look_at_circles(struct proving *g)
{
    static const int far = STEPS_MAX;
    bool(*waits)[STEPS_MAX] = calloc((size_t)far, sizeof *waits);
    bool good = true, done[STEPS_MAX] = {false};
    if (waits == NULL)
        abort();
    int n = g->p->n_steps;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < g->p->steps[i].n_after; k++)
            waits[i][g->p->steps[i].after[k]] = true;
    for (int i = 0; i < g->p->n_interlocks; i++) {
        const struct interlock *r = &g->p->interlocks[i];
        for (int k = 0; r->step >= 0 && k < r->n_needs; k++)
            if (g->p->steps[r->needs[k]].branch == g->p->steps[r->step].branch)
                waits[r->step][r->needs[k]] = true;
    }
    for (int m = 0; m < n; m++)
        for (int i = 0; i < n; i++)
            for (int k = 0; waits[i][m] && k < n; k++)
                waits[i][k] = waits[i][k] || waits[m][k];
    for (int i = 0; i < n && good; i++) {
        struct selection s = select_none(ALL_WELL);
        bool ran;
        if (!waits[i][i] || done[i])
            continue;
        for (int k = 0; k < n; k++)
            if (waits[i][k] && waits[k][i]) {
                take(&s, k, WHOLE);
                done[k] = true;
            }
        add_what_is_read(g, &s);
        good = look(g, &s, &ran);
    }
    free(waits);
    return good;
}

bool prove(const struct procedure *p, struct arena *a, struct proof *out)
{
    struct proving *g = calloc(1, sizeof *g);
    if (g == NULL)
        abort();
    *out = (struct proof){.holds = true, .rules = p->n_interlocks};
    *g = (struct proving){.p = p, .whens = view_conditions(p, a), .search = search_new(), .a = a, .out = out};
    bool good = look_at_circles(g);
    /* What must never be comes first: where several rules are broken at once, it tells most. */
    for (int i = 0; i < p->n_interlocks && good; i++)
        if (p->interlocks[i].n_needs == 0)
            good = look_at_rule(g, &p->interlocks[i]);
    for (int i = 0; i < p->n_interlocks && good; i++)
        if (p->interlocks[i].n_needs > 0)
            good = look_at_rule(g, &p->interlocks[i]);
    for (int i = 0; i < p->n_steps && good; i++)
        good = look_at_step(g, i);
    for (int i = 0; i < g->n_seen; i++)
        free(g->seen[i].print);
    search_free(g->search);
    free(g);
    return out->holds;
}

void prove_error(const struct procedure *p, const struct proof *proof, struct error *err)
{
    _cleanup_buf_ struct buf b = {0};
    buf_printf(&b, "rule %s does not hold: %s %s", proof->rule, proof->because, proof->says);
    for (int i = 0; i < proof->n_story; i++)
        buf_printf(&b, "\n  %d. %s", i + 1, proof->story[i]);
    error_at(err, SB_INTERLOCK, p->file, proof->line, 0, "%s", buf_str(&b));
}
