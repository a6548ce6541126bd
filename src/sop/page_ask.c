/* page_ask.c: the question of a step, or of a pipeline's gate. */
#include "base/buf.h"
#include "sop/page_parts.h"

#include <string.h>

/* Words for the choices that most pages use; any other is its id with spaces. */
static const struct {
    const char *id, *label;
} labels[] = {
    {"yes", "Yes"},
    {"no", "No"},
    {"proceed", "Proceed"},
    {"abort", "Abort"},
    {"retry", "Try again"},
    {"patch", "Patch forward"},
    {"extend", "Extend the window"},
    {"rollback", "Roll back"},
    {"stop", "Stop here"},
};

static const char *label_of(const char *id, struct arena *a)
{
    for (size_t i = 0; i < COUNT_OF(labels); i++)
        if (strcmp(labels[i].id, id) == 0)
            return labels[i].label;
    char *label = arena_strdup(a, id);
    for (char *s = label; *s != '\0'; s++)
        if (*s == '-')
            *s = ' ';
    if (label[0] >= 'a' && label[0] <= 'z')
        label[0] = (char)(label[0] - 'a' + 'A');
    return label;
}

static struct choice *add_choice(struct reading *r, struct ask *ask, const char *id)
{
    struct choice *c = &ask->choices[ask->n_choices++];
    *c = (struct choice){.id = id, .label = label_of(id, r->a)};
    return c;
}

static void read_choice(struct reading *r, struct ask *ask, const struct yaml *y, const char *what)
{
    static const char *const known[] = {"id", "label", "fails", "ends", NULL};
    const struct yaml *id = y;
    if (y->kind == YAML_MAP) {
        page_only(r, y, what, known);
        id = yaml_get(y, "id");
    }
    if (id == NULL) {
        FAULT(r, SB_MISSING, y, "%s: \"id\" is missing", what);
        return;
    }
    const char *text = page_scalar(r, id, what);
    if (text == NULL)
        return;
    if (!page_id_valid(text))
        FAULT(r, SB_PARSE, id, "%s \"%s\": small letters, digits and dashes are expected", what, text);
    for (int i = 0; i < ask->n_choices; i++)
        if (strcmp(ask->choices[i].id, text) == 0)
            FAULT(r, SB_CONFLICT, id, "%s \"%s\" stands twice", what, text);
    struct choice *c = add_choice(r, ask, text);
    if (y->kind != YAML_MAP)
        return;
    if (yaml_get(y, "label") != NULL)
        c->label = page_scalar(r, yaml_get(y, "label"), what);
    if (yaml_get(y, "fails") != NULL)
        c->fails = page_flag(r, yaml_get(y, "fails"), arena_printf(r->a, "%s: fails", what));
    if (yaml_get(y, "ends") != NULL)
        c->ends = page_flag(r, yaml_get(y, "ends"), arena_printf(r->a, "%s: ends", what));
    if (c->fails && c->ends)
        FAULT(r, SB_CONFLICT, y, "%s \"%s\": an answer either fails or ends, not both", what, text);
}

static void read_choices(struct reading *r, struct ask *ask, const struct yaml *y, const char *what)
{
    if (y->kind != YAML_LIST || y->n == 0) {
        FAULT(r, SB_PARSE, y, "%s: a list of choices is expected, as in [yes, no]", what);
        return;
    }
    if (y->n > CHOICES_MAX)
        FAULT(r, SB_LIMIT, y, "%s: at most %d choices", what, CHOICES_MAX);
    for (int i = 0; i < y->n && i < CHOICES_MAX; i++)
        read_choice(r, ask, y->items[i], what);
}

/* Without choices of its own: a decision offers all there are; another question is a yes or a no, and a no on
 * the main way ends the change, since going on against it would be wrong. Elsewhere a no is only an answer.
 */
static void default_choices(struct reading *r, struct ask *ask, enum branch branch)
{
    if (ask->decision) {
        for (int i = DECISION_RETRY; decision_names[i] != NULL; i++)
            add_choice(r, ask, decision_names[i]);
        return;
    }
    add_choice(r, ask, "yes");
    add_choice(r, ask, "no")->ends = branch == BRANCH_MAIN;
}

static void check_decisions(struct reading *r, const struct ask *ask, const struct yaml *y, const char *what)
{
    for (int i = 0; i < ask->n_choices; i++) {
        const char *const *name = decision_names + 1;
        while (*name != NULL && strcmp(*name, ask->choices[i].id) != 0)
            name++;
        if (*name == NULL)
            page_unknown(r, y, arena_printf(r->a, "%s: decision", what), ask->choices[i].id,
                         decision_names + 1);
    }
}

static void read_limit(struct reading *r, struct ask *ask, const struct yaml *y, const char *what)
{
    const struct yaml *limit = yaml_get(y, "limit"), *otherwise = yaml_get(y, "otherwise");
    if (limit != NULL)
        ask->limit_ms = page_duration(r, limit, arena_printf(r->a, "%s: limit", what));
    if (otherwise != NULL) {
        const char *known[CHOICES_MAX + 1] = {NULL};
        for (int i = 0; i < ask->n_choices; i++)
            known[i] = ask->choices[i].id;
        int i = page_one_of(r, otherwise, arena_printf(r->a, "%s: otherwise", what), known);
        ask->otherwise = i < 0 ? NULL : known[i];
    }
    if ((limit == NULL) != (otherwise == NULL))
        FAULT(r, SB_MISSING, limit != NULL ? limit : otherwise,
              "%s: \"limit\" and \"otherwise\" go together: how long to wait, and which choice is taken then",
              what);
    if (ask->decision && otherwise != NULL)
        FAULT(r, SB_PARSE, otherwise, "%s: a decision is a person's: it cannot be taken by waiting", what);
}

static void read_map(struct reading *r, struct draft *d, const struct yaml *y, const char *what)
{
    static const char *const known[] = {"question", "choices", "role",      "other", "reason",
                                        "decision", "limit",   "otherwise", NULL};
    struct ask *ask = &d->s.ask;
    if (!page_only(r, y, what, known))
        return;
    const struct yaml *question = yaml_get(y, "question"), *choices = yaml_get(y, "choices"),
                      *role = yaml_get(y, "role");
    if (question == NULL)
        FAULT(r, SB_MISSING, y, "%s: \"question\" is missing", what);
    else if ((ask->question = page_scalar(r, question, what)) != NULL)
        page_text_add(r, question, TEXT_TEMPLATE, what);
    if (yaml_get(y, "decision") != NULL)
        ask->decision = page_flag(r, yaml_get(y, "decision"), arena_printf(r->a, "%s: decision", what));
    if (yaml_get(y, "other") != NULL)
        ask->other = page_flag(r, yaml_get(y, "other"), arena_printf(r->a, "%s: other", what));
    if (yaml_get(y, "reason") != NULL)
        ask->reason = page_flag(r, yaml_get(y, "reason"), arena_printf(r->a, "%s: reason", what));
    if (role != NULL && page_one_of(r, role, arena_printf(r->a, "%s: role", what), ask_roles) >= 0)
        ask->role = role->text;
    if (choices != NULL)
        read_choices(r, ask, choices, arena_printf(r->a, "%s: choice", what));
    if (ask->n_choices == 0)
        default_choices(r, ask, d->s.branch);
    if (ask->decision)
        check_decisions(r, ask, choices != NULL ? choices : y, what);
    read_limit(r, ask, y, what);
}

void page_ask_read(struct reading *r, struct draft *d, const struct yaml *y)
{
    const char *what = arena_printf(r->a, "step %s: ask", d->s.id);
    d->s.has_ask = true;
    d->s.ask.question = "";
    if (y->kind != YAML_SCALAR) {
        read_map(r, d, y, what);
        return;
    }
    if (page_scalar(r, y, what) != NULL) {
        d->s.ask.question = y->text;
        page_text_add(r, y, TEXT_TEMPLATE, what);
    }
    default_choices(r, &d->s.ask, d->s.branch);
}
