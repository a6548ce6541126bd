/* page_refs.c: what refers to steps: their order, and the rules. */
#include "base/buf.h"
#include "sop/page_parts.h"

#include <string.h>

int page_step_ref(struct reading *r, const struct yaml *y, const char *what)
{
    const char *id = page_scalar(r, y, what);
    if (id == NULL)
        return -1;
    for (int i = 0; i < r->n_drafts; i++)
        if (strcmp(r->ids[i], id) == 0)
            return i;
    page_unknown(r, y, arena_printf(r->a, "%s: step", what), id, r->ids);
    return -1;
}

static void add_after(struct draft *d, int step)
{
    for (int i = 0; i < d->s.n_after; i++)
        if (d->s.after[i] == step)
            return;
    d->s.after[d->s.n_after++] = step;
}

static void read_after(struct reading *r, struct draft *d)
{
    const struct yaml *list = d->after;
    const char *what = arena_printf(r->a, "step %s: after", d->s.id);
    int n = list->kind == YAML_SCALAR ? 1 : list->kind == YAML_LIST ? list->n : 0;
    d->s.after = ARENA_ARRAY(r->a, (size_t)n, int);
    for (int i = 0; i < n; i++) {
        const struct yaml *y = list->kind == YAML_SCALAR ? list : list->items[i];
        int step = page_step_ref(r, y, what);
        if (step < 0)
            continue;
        const struct draft *other = &r->drafts[step];
        if (other->s.branch != d->s.branch)
            FAULT(r, SB_RANGE, y,
                  "%s: \"%s\" is in branch %s, this step is in branch %s: an order holds within one branch",
                  what, other->s.id, branch_names[other->s.branch], branch_names[d->s.branch]);
        else if (other->of != NULL)
            FAULT(r, SB_RANGE, y, "%s: \"%s\" may never come up: name \"%s\"", what, other->s.id,
                  other->of->s.id);
        else
            add_after(d, step);
    }
}

static void after_one(struct reading *r, struct draft *d, int step)
{
    d->s.after = ARENA_ARRAY(r->a, 1, int);
    if (step >= 0)
        add_after(d, step);
}

/* Written steps follow each other within their branch, and so do the undo steps; nags wait for nothing but
 * their moment. */
static void read_orders(struct reading *r)
{
    int last[BRANCH_COUNT];
    memset(last, -1, sizeof last); /* all bits set is -1 */
    for (int i = 0; i < r->n_drafts; i++) {
        struct draft *d = &r->drafts[i];
        bool chained = d->of == NULL || d->s.branch == BRANCH_UNDO;
        if (d->after != NULL)
            read_after(r, d);
        else if (chained)
            after_one(r, d, last[d->s.branch]);
        else
            after_one(r, d,
                      d->s.spawned && d->s.verb != NULL ? i - 1
                                                        : -1); /* the answer comes after the question */
        if (chained)
            last[d->s.branch] = i;
    }
}

enum colour { NEW, OPEN, CLOSED };

struct walk {
    struct reading *r;
    enum colour colour[STEPS_MAX];
    int path[STEPS_MAX];
    int depth;
};

static void report_circle(struct walk *w, int step)
{
    _cleanup_buf_ struct buf path = {0};
    int from = 0;
    while (w->path[from] != step)
        from++;
    for (int i = from; i < w->depth; i++)
        buf_printf(&path, "%s after ", w->r->drafts[w->path[i]].s.id);
    const struct draft *d = &w->r->drafts[step];
    FAULT(w->r, SB_CONFLICT, d->after != NULL ? d->after : d->place, "these steps wait for each other: %s%s",
          buf_str(&path), d->s.id);
}

static void visit(struct walk *w, int step)
{
    const struct step *s = &w->r->drafts[step].s;
    w->colour[step] = OPEN;
    w->path[w->depth++] = step;
    for (int i = 0; i < s->n_after; i++) {
        if (w->colour[s->after[i]] == OPEN)
            report_circle(w, s->after[i]);
        else if (w->colour[s->after[i]] == NEW)
            visit(w, s->after[i]);
    }
    w->depth--;
    w->colour[step] = CLOSED;
}

static void check_circles(struct reading *r)
{
    struct walk w = {.r = r};
    for (int i = 0; i < r->n_drafts; i++)
        if (w.colour[i] == NEW)
            visit(&w, i);
}

static void read_redo(struct reading *r)
{
    const struct yaml *y = yaml_get(r->front, "redo_from");
    if (y == NULL)
        return;
    int step = page_step_ref(r, y, "redo_from");
    if (step >= 0 && (r->drafts[step].s.branch != BRANCH_MAIN || r->drafts[step].of != NULL))
        FAULT(r, SB_RANGE, y, "redo_from: \"%s\" is not a written step of the main branch",
              r->drafts[step].s.id);
    r->p->redo_from = step;
}

static bool is_verb(const struct draft *d, const char *name)
{
    return d->s.verb != NULL && strcmp(d->s.verb->name, name) == 0;
}

/* A build that failed is not watched again but started again. */
static int again_by_default(const struct reading *r, int step)
{
    const struct draft *d = &r->drafts[step];
    if (is_verb(d, "pipeline.watch"))
        for (int i = step - 1; i >= 0; i--)
            if (r->drafts[i].s.branch == d->s.branch && is_verb(&r->drafts[i], "pipeline.start"))
                return i;
    return step;
}

static void read_agains(struct reading *r)
{
    for (int i = 0; i < r->n_drafts; i++) {
        struct draft *d = &r->drafts[i];
        d->s.again = again_by_default(r, i);
        if (d->again == NULL)
            continue;
        const char *what = arena_printf(r->a, "step %s: again", d->s.id);
        int step = page_step_ref(r, d->again, what);
        if (step < 0)
            continue;
        if (r->drafts[step].s.branch != d->s.branch || r->drafts[step].of != NULL)
            FAULT(r, SB_RANGE, d->again, "%s: \"%s\" is not a written step of the same branch", what,
                  r->drafts[step].s.id);
        else
            d->s.again = step;
    }
}

/* Somebody must be asked, exactly once, what becomes of a change in trouble. */
static void check_decision(struct reading *r)
{
    const struct draft *first = NULL;
    for (int i = 0; i < r->n_drafts; i++) {
        const struct draft *d = &r->drafts[i];
        if (!d->s.ask.decision)
            continue;
        if (first != NULL)
            FAULT(r, SB_CONFLICT, d->place, "step %s: the decision is asked in step %s already", d->s.id,
                  first->s.id);
        first = first == NULL ? d : first;
    }
    const struct yaml *place = r->slug_places[BRANCH_TROUBLE];
    if (place != NULL && first == NULL)
        FAULT(r, SB_MISSING, place,
              "branch trouble: no step of its section asks for the decision (ask: {decision: true, ...})");
}

void page_refs_check(struct reading *r)
{
    read_orders(r);
    check_circles(r);
    read_redo(r);
    read_agains(r);
    check_decision(r);
}

static void read_needs(struct reading *r, struct interlock *lock, const struct yaml *y, const char *what)
{
    int n = y->kind == YAML_LIST ? y->n : 1;
    lock->needs = ARENA_ARRAY(r->a, (size_t)n, int);
    if (y->kind == YAML_MAP || n == 0) {
        FAULT(r, SB_PARSE, y, "%s: a list of steps is expected", what);
        return;
    }
    for (int i = 0; i < n; i++) {
        int step = page_step_ref(r, y->kind == YAML_LIST ? y->items[i] : y, what);
        if (step >= 0)
            lock->needs[lock->n_needs++] = step;
    }
}

static void read_answered(struct reading *r, struct interlock *lock, const struct yaml *y, const char *what)
{
    if (y->kind != YAML_MAP || y->n != 1) {
        FAULT(r, SB_PARSE, y, "%s: answered: one gate and its choice are expected, as in {approve: yes}",
              what);
        return;
    }
    int step = page_step_ref(r, y->keys[0], what);
    lock->needs = ARENA_ARRAY(r->a, 1, int);
    if (step < 0)
        return;
    lock->needs[lock->n_needs++] = step;
    const struct ask *ask = &r->drafts[step].s.ask;
    const char *choices[CHOICES_MAX + 1] = {NULL};
    for (int i = 0; i < ask->n_choices; i++)
        choices[i] = ask->choices[i].id;
    if (!r->drafts[step].s.has_ask)
        FAULT(r, SB_RANGE, y->keys[0], "%s: answered: step \"%s\" asks nothing", what, r->drafts[step].s.id);
    else if (page_one_of(r, y->items[0], arena_printf(r->a, "%s: choice of %s", what, r->drafts[step].s.id),
                         choices) >= 0)
        lock->choice = y->items[0]->text;
}

static void expect_word(struct reading *r, const struct yaml *y, const char *what, const char *word)
{
    const char *known[] = {word, NULL};
    page_one_of(r, y, what, known);
}

/* Exactly one of the kinds; `step` with those that are about a step. */
static bool read_kind(struct reading *r, struct interlock *lock, const struct yaml *y, const char *what)
{
    static const struct {
        const char *key;
        enum rule_kind kind;
        bool of_step;
    } kinds[] = {
        {"needs", RULE_NEEDS, true},
        {"never_in", RULE_NOT_TROUBLE, true},
        {"answered", RULE_ANSWERED, true},
        {"end_needs", RULE_END_NEEDS, false},
        {"rollback", RULE_ROLLBACK_DECIDED, false},
    };
    int found = -1, n = 0;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (yaml_get(y, kinds[i].key) != NULL) {
            found = (int)i;
            n++;
        }
    if (n != 1) {
        FAULT(r, SB_PARSE, y, "%s: exactly one of needs, never_in, answered, end_needs, rollback is expected",
              what);
        return false;
    }
    lock->kind = kinds[found].kind;
    const struct yaml *step = yaml_get(y, "step"), *rule = yaml_get(y, kinds[found].key);
    if (kinds[found].of_step != (step != NULL)) {
        FAULT(r, SB_MISSING, step != NULL ? step : y, "%s: \"step\" %s \"%s\"", what,
              step != NULL ? "does not go with" : "is missing beside", kinds[found].key);
        return false;
    }
    if (step != NULL)
        lock->step = page_step_ref(r, step, what);
    if (lock->kind == RULE_NEEDS || lock->kind == RULE_END_NEEDS)
        read_needs(r, lock, rule, what);
    else if (lock->kind == RULE_ANSWERED)
        read_answered(r, lock, rule, what);
    else
        expect_word(r, rule, arena_printf(r->a, "%s: %s", what, kinds[found].key),
                    lock->kind == RULE_NOT_TROUBLE ? "trouble" : "decided");
    const struct yaml *skipped = yaml_get(y, "skipped");
    lock->skipped_ok = skipped != NULL;
    if (skipped != NULL)
        expect_word(r, skipped, arena_printf(r->a, "%s: skipped", what), "ok");
    if (skipped != NULL && (lock->kind == RULE_NOT_TROUBLE || lock->kind == RULE_ROLLBACK_DECIDED))
        FAULT(r, SB_PARSE, skipped, "%s: \"skipped\" goes with needs, answered and end_needs", what);
    return true;
}

static void read_interlock(struct reading *r, const struct yaml *y)
{
    static const char *const known[] = {"id",       "because",   "step",     "needs",   "never_in",
                                        "answered", "end_needs", "rollback", "skipped", NULL};
    struct interlock *lock = &r->p->interlocks[r->p->n_interlocks];
    const struct yaml *id = yaml_get(y, "id"), *because = yaml_get(y, "because");
    const char *what =
        arena_printf(r->a, "interlock %s", id != NULL && id->kind == YAML_SCALAR ? id->text : "?");
    *lock = (struct interlock){.id = "?", .because = "", .step = -1, .line = y->line};
    if (!page_only(r, y, what, known))
        return;
    if (id == NULL)
        FAULT(r, SB_MISSING, y, "%s: \"id\" is missing", what);
    else if ((lock->id = page_scalar(r, id, what)) != NULL && !page_id_valid(lock->id))
        FAULT(r, SB_PARSE, id, "%s: small letters, digits and dashes are expected", what);
    for (int i = 0; id != NULL && i < r->p->n_interlocks; i++)
        if (str_eq(r->p->interlocks[i].id, lock->id))
            FAULT(r, SB_CONFLICT, id, "%s stands twice", what);
    if (because == NULL)
        FAULT(r, SB_MISSING, y,
              "%s: \"because\" is missing: the sentence a person reads when the rule stops something", what);
    else
        lock->because = page_scalar(r, because, what);
    if (read_kind(r, lock, y, what))
        r->p->n_interlocks++;
}

void page_interlocks_read(struct reading *r)
{
    const struct yaml *y = yaml_get(r->front, "interlocks");
    if (y == NULL)
        return;
    if (y->kind != YAML_LIST) {
        FAULT(r, SB_PARSE, y, "interlocks: a list is expected");
        return;
    }
    r->p->interlocks = ARENA_ARRAY(r->a, INTERLOCKS_MAX, struct interlock);
    for (int i = 0; i < y->n && r->p->n_interlocks < INTERLOCKS_MAX; i++)
        read_interlock(r, y->items[i]);
    if (y->n > INTERLOCKS_MAX)
        FAULT(r, SB_LIMIT, y, "a page has at most %d interlocks", INTERLOCKS_MAX);
}
