/* prove_when.c: what a page's condition can come to. Read as far as `and`, `or`, `not` and the states of
 * steps go; whatever else it says is unknown. */
#include "change/prove_parts.h"
#include "sop/expr.h"
#include <string.h>

enum { DEPTH_MAX = 40, UNKNOWNS_MAX = 10 };

struct range {
    const char *s, *end;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static struct range trimmed(struct range r)
{
    while (r.s < r.end && is_space(*r.s))
        r.s++;
    while (r.end > r.s && is_space(r.end[-1]))
        r.end--;
    return r;
}

static const char *past_text(const char *s, const char *end)
{
    char quote = *s++;
    for (; s < end && *s != quote; s++)
        if (*s == '\\' && s + 1 < end)
            s++;
    return s < end ? s + 1 : end;
}

/* Walks over `r` outside of texts and brackets; `at` is asked about every place. Where it first says yes, or
 * NULL. */
static const char *find_outside(struct range r, bool (*at)(const char *s, struct range r))
{
    int depth = 0;
    for (const char *s = r.s; s < r.end;) {
        if (*s == '"' || *s == '\'') {
            s = past_text(s, r.end);
            continue;
        }
        if (*s == '(' || *s == '[' || *s == '{')
            depth++;
        else if (*s == ')' || *s == ']' || *s == '}')
            depth--;
        else if (depth == 0 && at(s, r))
            return s;
        s++;
    }
    return NULL;
}

static bool word_at(const char *s, struct range r, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(r.end - s) >= n && memcmp(s, word, n) == 0 &&
           (s == r.s || (!is_word(s[-1]) && s[-1] != '.')) && (s + n == r.end || !is_word(s[n]));
}

static bool or_at(const char *s, struct range r)
{
    return word_at(s, r, "or");
}

static bool and_at(const char *s, struct range r)
{
    return word_at(s, r, "and");
}

static bool comparison_at(const char *s, struct range r)
{
    return *s == '<' || *s == '>' || *s == '=' || (*s == '~' && s + 1 < r.end && s[1] == '=');
}

/* Is the whole of it within one pair of parentheses? */
static bool enclosed(struct range r)
{
    if (r.end - r.s < 2 || *r.s != '(' || r.end[-1] != ')')
        return false;
    int depth = 0;
    for (const char *s = r.s; s < r.end;) {
        if (*s == '"' || *s == '\'') {
            s = past_text(s, r.end);
            continue;
        }
        depth += *s == '(';
        depth -= *s == ')';
        s++;
        if (depth == 0)
            return s == r.end;
    }
    return false;
}

/* --- the smallest parts
 * --------------------------------------------------------------------------------------------------- */

/* A step by its name in an expression, where dashes are underscores. */
static int step_named(const struct procedure *p, struct range name)
{
    for (int i = 0; i < p->n_steps; i++) {
        const char *id = p->steps[i].id;
        size_t n = strlen(id), k = 0;
        if (n != (size_t)(name.end - name.s))
            continue;
        while (k < n && (id[k] == name.s[k] || (id[k] == '-' && name.s[k] == '_')))
            k++;
        if (k == n)
            return i;
    }
    return -1;
}

static struct range take_word(const char **s, const char *end)
{
    struct range r = {*s, *s};
    while (r.end < end && is_word(*r.end))
        r.end++;
    *s = r.end;
    return r;
}

static bool take(const char **s, const char *end, const char *text)
{
    size_t n = strlen(text);
    while (*s < end && is_space(**s))
        ++*s;
    if ((size_t)(end - *s) < n || memcmp(*s, text, n) != 0)
        return false;
    *s += n;
    return true;
}

static bool same(struct range r, const char *text)
{
    return (size_t)(r.end - r.s) == strlen(text) && memcmp(r.s, text, (size_t)(r.end - r.s)) == 0;
}

/* The right side: == or ~= and a text, and then nothing. */
static bool take_comparison(const char *s, const char *end, bool *equal, struct range *text)
{
    *equal = take(&s, end, "==");
    if (!*equal && !take(&s, end, "~="))
        return false;
    while (s < end && is_space(*s))
        s++;
    if (s == end || (*s != '"' && *s != '\''))
        return false;
    const char *past = past_text(s, end);
    *text = (struct range){s + 1, past - 1};
    return past == end;
}

static const struct condition *constant(bool truth, struct arena *a)
{
    struct condition *c = ARENA_NEW(a, struct condition);
    c->kind = truth ? IS_TRUE : IS_FALSE;
    return c;
}

static const struct condition *negated(const struct condition *c, struct arena *a)
{
    struct condition *n = ARENA_NEW(a, struct condition);
    n->kind = NOT;
    n->left = c;
    return n;
}

static const struct condition *of_state(struct range text, int step, struct arena *a)
{
    struct condition *c = ARENA_NEW(a, struct condition);
    c->kind = STATE_IS;
    c->step = step;
    for (c->value = 0; c->value < STEP_STATUSES; c->value++)
        if (same(text, step_status_names[c->value]))
            return c;
    return constant(false, a);
}

static const struct condition *of_answer(const struct procedure *p, struct range text, int step,
                                         struct arena *a)
{
    struct condition *c = ARENA_NEW(a, struct condition);
    const struct ask *ask = &p->steps[step].ask;
    c->kind = ANSWER_IS;
    c->step = step;
    for (c->value = 0; c->value < ask->n_choices; c->value++)
        if (same(text, ask->choices[c->value].id))
            return c;
    return constant(false, a);
}

/* `steps.NAME.state == "done"`, `steps.NAME.answer ~= "yes"`, `change.outcome == "rolled-back"`; NULL when it
 * is none. */
static const struct condition *read_known(const struct procedure *p, struct range r, struct arena *a)
{
    const char *s = r.s;
    const struct condition *c = NULL;
    struct range text, root = take_word(&s, r.end), name, field;
    bool equal;
    if (!take(&s, r.end, "."))
        return NULL;
    name = take_word(&s, r.end);
    if (same(root, "change") && same(name, "outcome")) {
        if (!take_comparison(s, r.end, &equal, &text) ||
            !same(text, change_outcome_names[OUTCOME_ROLLED_BACK]))
            return NULL;
        struct condition *of_outcome = ARENA_NEW(a, struct condition);
        of_outcome->kind = ROLLED_BACK;
        return equal ? of_outcome : negated(of_outcome, a);
    }
    int step = same(root, "steps") ? step_named(p, name) : -1;
    if (step < 0 || !take(&s, r.end, "."))
        return NULL;
    field = take_word(&s, r.end);
    if (!take_comparison(s, r.end, &equal, &text))
        return NULL;
    if (same(field, "state"))
        c = of_state(text, step, a);
    else if (same(field, "answer") && p->steps[step].has_ask)
        c = of_answer(p, text, step, a);
    return c == NULL || equal ? c : negated(c, a);
}

static void note_root(void *ctx, const struct expr_name *name)
{
    static const char *const moving[] = {"now", "steps", "trouble", "decision", "ago", "services"};
    int *fixed = ctx;
    if (*fixed == 0)
        *fixed = 1;
    for (size_t i = 0; i < COUNT_OF(moving); i++)
        if (str_eq(name->root, moving[i]))
            *fixed = -1;
}

static const struct condition *read_unknown(struct range r, struct arena *a)
{
    struct condition *c = ARENA_NEW(a, struct condition);
    char *text = arena_strndup(a, r.s, (size_t)(r.end - r.s)), *to = text;
    for (const char *s = text; *s != '\0'; s++)
        if (!is_space(*s) || (to > text && to[-1] != ' '))
            *to++ = is_space(*s) ? ' ' : *s;
    *to = '\0';
    int fixed = 0;
    expr_names(text, strlen(text), note_root, &fixed);
    c->kind = UNKNOWN;
    c->text = text;
    c->lasting = fixed > 0;
    return c;
}

static const struct condition *read_any(const struct procedure *p, struct range r, int depth,
                                        struct arena *a);

static const struct condition *joined(enum condition_kind kind, const struct procedure *p, struct range r,
                                      const char *at, size_t word, int depth, struct arena *a)
{
    struct condition *c = ARENA_NEW(a, struct condition);
    c->kind = kind;
    c->left = read_any(p, (struct range){r.s, at}, depth + 1, a);
    c->right = read_any(p, (struct range){at + word, r.end}, depth + 1, a);
    return c;
}

static const struct condition *read_any(const struct procedure *p, struct range r, int depth, struct arena *a)
{
    r = trimmed(r);
    if (depth > DEPTH_MAX)
        return read_unknown(r, a);
    const char *at = find_outside(r, or_at);
    if (at != NULL)
        return joined(EITHER, p, r, at, 2, depth, a);
    if ((at = find_outside(r, and_at)) != NULL)
        return joined(BOTH, p, r, at, 3, depth, a);
    /* In Lua `not x == y` is `(not x) == y`. */
    if (r.s < r.end && word_at(r.s, r, "not") && find_outside(r, comparison_at) == NULL)
        return negated(read_any(p, (struct range){r.s + 3, r.end}, depth + 1, a), a);
    if (enclosed(r))
        return read_any(p, (struct range){r.s + 1, r.end - 1}, depth + 1, a);
    if (same(r, "true") || same(r, "false"))
        return constant(same(r, "true"), a);
    const struct condition *known = read_known(p, r, a);
    return known != NULL ? known : read_unknown(r, a);
}

const struct condition *condition_read(const struct procedure *p, const char *text, struct arena *a)
{
    struct range r = {text, text + strlen(text)};
    /* With statements, comments and long texts it is Lua's to read, not ours. */
    if (strstr(text, "function") || strstr(text, "--") || strstr(text, "[["))
        return read_unknown(trimmed(r), a);
    return read_any(p, r, 0, a);
}

void condition_steps(const struct condition *c, void (*seen)(void *ctx, int step, bool answer), void *ctx)
{
    if (c == NULL)
        return;
    if (c->kind == STATE_IS || c->kind == ANSWER_IS)
        seen(ctx, c->step, c->kind == ANSWER_IS);
    condition_steps(c->left, seen, ctx);
    condition_steps(c->right, seen, ctx);
}

void condition_unknowns(const struct condition *c, void (*seen)(void *ctx, const struct condition *leaf),
                        void *ctx)
{
    if (c == NULL)
        return;
    if (c->kind == UNKNOWN)
        seen(ctx, c);
    condition_unknowns(c->left, seen, ctx);
    condition_unknowns(c->right, seen, ctx);
}

/* --- what it comes to
 * ---------------------------------------------------------------------------------------------------- */

/* One evaluation: what is unknown has the truth of its bit. */
struct evaluation {
    const struct view *v;
    const struct world *w;
    const struct condition *leaf[UNKNOWNS_MAX];
    int atom[UNKNOWNS_MAX]; /* among the view's, or -1 */
    int n;
    bool too_many;
    uint32_t bits;
};

static bool left_out(const struct view *v, const struct condition *c)
{
    return (c->kind == STATE_IS || c->kind == ANSWER_IS) && view_step(v, c->step) < 0;
}

static bool is_unknown(const struct view *v, const struct condition *c)
{
    return c->kind == UNKNOWN || left_out(v, c);
}

static int place_of(const struct evaluation *e, const struct condition *c)
{
    for (int i = 0; i < e->n; i++)
        if (e->leaf[i] == c || (c->kind == UNKNOWN && c->lasting && str_eq(e->leaf[i]->text, c->text)))
            return i;
    return -1;
}

static int atom_of(const struct view *v, const struct condition *c)
{
    for (int i = 0; c->kind == UNKNOWN && c->lasting && i < v->n_atoms; i++)
        if (str_eq(v->atoms[i], c->text))
            return i;
    return -1;
}

static void collect(struct evaluation *e, const struct condition *c)
{
    if (c == NULL)
        return;
    if (is_unknown(e->v, c) && place_of(e, c) < 0) {
        if (e->n == UNKNOWNS_MAX) {
            e->too_many = true;
            return;
        }
        e->atom[e->n] = atom_of(e->v, c);
        e->leaf[e->n++] = c;
    }
    collect(e, c->left);
    collect(e, c->right);
}

static bool come_to(const struct evaluation *e, const struct condition *c)
{
    if (is_unknown(e->v, c)) {
        int place = place_of(e, c);
        return place >= 0 && ((e->bits >> place) & 1);
    }
    const struct control_step *k;
    switch (c->kind) {
    case IS_TRUE:
        return true;
    case EITHER:
        return come_to(e, c->left) || come_to(e, c->right);
    case BOTH:
        return come_to(e, c->left) && come_to(e, c->right);
    case NOT:
        return !come_to(e, c->left);
    case STATE_IS:
        return e->w->c.steps[view_step(e->v, c->step)].status == c->value;
    case ANSWER_IS:
        k = &e->w->c.steps[view_step(e->v, c->step)];
        return k->choice == c->value + 1;
    case ROLLED_BACK:
        return e->w->c.outcome == OUTCOME_ROLLED_BACK;
    case IS_FALSE:
    case UNKNOWN:
        break;
    }
    return false;
}

/* Does this assignment agree with what is known already? And what is known after it? */
static bool agrees(const struct evaluation *e, uint32_t *atoms)
{
    *atoms = e->w->atoms;
    for (int i = 0; i < e->n; i++) {
        if (e->atom[i] < 0)
            continue;
        uint32_t truth = (e->bits >> i) & 1 ? 2 : 1, known = (*atoms >> (2 * e->atom[i])) & 3;
        if (known != 0 && known != truth)
            return false;
        *atoms |= truth << (2 * e->atom[i]);
    }
    return true;
}

static int add_truth(struct truth *out, int n, int room, struct truth t)
{
    for (int i = 0; i < n; i++)
        if (out[i].holds == t.holds && out[i].atoms == t.atoms)
            return n;
    if (n < room)
        out[n++] = t;
    return n;
}

int condition_truths(const struct view *v, const struct condition *c, const struct world *w,
                     struct truth *out, int room)
{
    struct evaluation e = {.v = v, .w = w};
    int n = 0;
    if (c == NULL) {
        out[0] = (struct truth){true, w->atoms};
        return 1;
    }
    collect(&e, c);
    if (e.too_many) {
        out[0] = (struct truth){true, w->atoms};
        out[1] = (struct truth){false, w->atoms};
        return 2;
    }
    for (e.bits = 0; e.bits < 1u << e.n; e.bits++) {
        struct truth t;
        if (!agrees(&e, &t.atoms))
            continue;
        t.holds = come_to(&e, c);
        n = add_truth(out, n, room, t);
    }
    return n;
}
