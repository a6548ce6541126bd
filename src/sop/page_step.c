/* page_step.c: the fields of a step block. */
#include "base/buf.h"
#include "base/instant.h"
#include "sop/page_parts.h"

#include <stdlib.h>
#include <string.h>

static char *what_of(struct reading *r, const struct draft *d, const char *field)
{
    return arena_printf(r->a, "step %s: %s", d->s.id, field);
}

static void read_id(struct reading *r, struct draft *d, const struct yaml *y)
{
    const char *id = page_scalar(r, y, "id");
    if (id == NULL)
        return;
    d->place = y;
    if (!page_id_valid(id))
        FAULT(r, SB_PARSE, y,
              "id \"%s\": small letters, digits and dashes are expected, beginning with a letter", id);
    for (int i = 0; i < r->n_drafts; i++)
        if (str_eq(r->drafts[i].s.id, id))
            FAULT(r, SB_CONFLICT, y, "id \"%s\" stands twice: first on line %d", id,
                  r->drafts[i].place->line);
    d->s.id = id;
}

static const char *const type_names[] = {
    "a text", "a number", "true or false", "a list", "a map", "a duration such as 5m", "a value"};

/* What a page may write for an argument; a whole {{ expression }} may give anything. */
static bool fits(enum verb_arg_type type, const struct yaml *y)
{
    if (y->kind == YAML_SCALAR && expr_whole(y->text))
        return true;
    json_t *j = yaml_to_json(y);
    int64_t ms;
    bool ok = true;
    switch (type) {
    case ARG_TEXT:
        ok = json_is_string(j);
        break;
    case ARG_NUMBER:
        ok = json_is_number(j);
        break;
    case ARG_FLAG:
        ok = json_is_boolean(j);
        break;
    case ARG_LIST:
        ok = json_is_array(j);
        break;
    case ARG_MAP:
        ok = json_is_object(j);
        break;
    case ARG_DURATION:
        ok = json_is_string(j) && (strstr(y->text, "{{") != NULL || duration_parse(y->text, &ms, NULL));
        break;
    case ARG_ANY:
        break;
    }
    json_decref(j);
    return ok;
}

static const struct verb_arg *find_arg(const struct verb *verb, const char *name)
{
    for (const struct verb_arg *arg = verb->args; arg < verb->args + VERB_ARGS_MAX && arg->name != NULL;
         arg++)
        if (strcmp(arg->name, name) == 0)
            return arg;
    return NULL;
}

/* Strings at any depth are templates. */
static void add_templates(struct reading *r, const struct yaml *y, const char *what)
{
    if (y->kind == YAML_SCALAR)
        page_text_add(r, y, TEXT_TEMPLATE, what);
    for (int i = 0; i < y->n; i++)
        add_templates(r, y->items[i], what);
}

static void unknown_arg(struct reading *r, const struct yaml *key, const struct verb *verb, const char *what)
{
    const char *names[VERB_ARGS_MAX + 1] = {NULL};
    for (int i = 0; i < VERB_ARGS_MAX && verb->args[i].name != NULL; i++)
        names[i] = verb->args[i].name;
    page_unknown(r, key, arena_printf(r->a, "%s: argument of %s", what, verb->name), key->text, names);
}

static void check_args(struct reading *r, const struct verb *verb, const struct yaml *with,
                       const struct yaml *verb_place, const char *what)
{
    for (int i = 0; with != NULL && i < with->n; i++) {
        const struct yaml *key = with->keys[i], *value = with->items[i];
        const struct verb_arg *arg = find_arg(verb, key->text);
        if (arg == NULL)
            unknown_arg(r, key, verb, what);
        else if (!fits(arg->type, value))
            FAULT(r, SB_PARSE, value, "%s: %s: %s is expected (%s)", what, arg->name, type_names[arg->type],
                  arg->says);
    }
    for (int i = 0; i < VERB_ARGS_MAX && verb->args[i].name != NULL; i++)
        if (verb->args[i].required && yaml_get(with, verb->args[i].name) == NULL)
            FAULT(r, SB_MISSING, with != NULL ? with : verb_place, "%s: %s needs \"%s\" (%s)", what,
                  verb->name, verb->args[i].name, verb->args[i].says);
}

void page_action_read(struct reading *r, struct draft *d, const struct yaml *map, const char *what)
{
    const struct yaml *verb = yaml_get(map, "do"), *with = yaml_get(map, "with");
    if (with != NULL && with->kind != YAML_MAP) {
        FAULT(r, SB_PARSE, with, "%s: with: a map of arguments is expected", what);
        return;
    }
    if (with != NULL) {
        add_templates(r, with, arena_printf(r->a, "%s: with", what));
        d->s.with = page_keep(r, yaml_to_json(with));
    }
    if (verb == NULL)
        return;
    const char *name = page_scalar(r, verb, arena_printf(r->a, "%s: do", what));
    if (name == NULL)
        return;
    d->s.verb = verb_find(name);
    if (d->s.verb != NULL)
        check_args(r, d->s.verb, with, verb, what);
    else
        page_unknown(r, verb, arena_printf(r->a, "%s: do", what), name, verb_names());
}

static void read_when(struct reading *r, struct draft *d, const struct yaml *y)
{
    const char *what = what_of(r, d, "when");
    d->s.when = page_scalar(r, y, what);
    if (d->s.when != NULL)
        page_text_add(r, y, TEXT_EXPR, what);
}

static void read_after(struct reading *r, struct draft *d, const struct yaml *y)
{
    d->after = y;
    if (y->kind == YAML_MAP)
        FAULT(r, SB_PARSE, y, "step %s: after: the id of a step or a list of ids is expected", d->s.id);
}

/* Does a moment begin with this name? */
static bool moment_is_of(const char *moment, const char *name)
{
    size_t n = strspn(moment, " "), len = strlen(name);
    return strncmp(moment + n, name, len) == 0 &&
           strspn(moment + n + len, "abcdefghijklmnopqrstuvwxyz_") == 0;
}

static void read_at(struct reading *r, struct draft *d, const struct yaml *y)
{
    const char *what = what_of(r, d, "at");
    d->s.at = page_scalar(r, y, what);
    if (d->s.at != NULL)
        page_text_add(r, y, TEXT_MOMENT, what);
    d->s.of_window = d->s.at != NULL && (moment_is_of(d->s.at, "from") || moment_is_of(d->s.at, "to"));
}

static void read_moved(struct reading *r, struct draft *d, const struct yaml *y)
{
    static const char *const names[] = {"again", NULL};
    d->s.moved = page_one_of(r, y, what_of(r, d, "moved"), names) == 0;
}

static void read_late(struct reading *r, struct draft *d, const struct yaml *y)
{
    static const char *const names[] = {"send", "skip", NULL};
    d->s.late = page_one_of(r, y, what_of(r, d, "late"), names) == 1 ? LATE_SKIP : LATE_SEND;
}

static void read_due(struct reading *r, struct draft *d, const struct yaml *y)
{
    static const char *const known[] = {"by", "nag", "escalate", NULL};
    const char *what = what_of(r, d, "due");
    const struct yaml *by = y;
    if (y->kind != YAML_SCALAR) {
        if (!page_only(r, y, what, known))
            return;
        d->due = y;
        by = yaml_get(y, "by");
        if (by == NULL) {
            FAULT(r, SB_MISSING, y, "%s: \"by\" is missing: the moment, as in incident + 24h", what);
            return;
        }
    }
    d->s.due = page_scalar(r, by, what);
    d->s.pressing = d->s.due != NULL;
    if (d->s.due != NULL)
        page_text_add(r, by, TEXT_MOMENT, what);
}

static void read_again(struct reading *r, struct draft *d, const struct yaml *y)
{
    (void)r;
    d->again = y;
}

static void read_gate(struct reading *r, struct draft *d, const struct yaml *y)
{
    (void)r;
    d->gate = y;
}

static void read_undo(struct reading *r, struct draft *d, const struct yaml *y)
{
    (void)r;
    d->undo = y;
}

static void read_tries(struct reading *r, struct draft *d, const struct yaml *y)
{
    enum { TRIES_MAX = 20 };
    const char *text = page_scalar(r, y, what_of(r, d, "retry"));
    if (text == NULL)
        return;
    char *end;
    long n = strtol(text, &end, 10);
    if (*end != '\0' || n < 1 || n > TRIES_MAX)
        FAULT(r, SB_RANGE, y, "step %s: retry: a number of tries from 1 to %d is expected", d->s.id,
              TRIES_MAX);
    else
        d->s.tries = (int)n;
}

static void read_retry(struct reading *r, struct draft *d, const struct yaml *y)
{
    static const char *const known[] = {"tries", "pause", NULL};
    if (y->kind == YAML_SCALAR) {
        read_tries(r, d, y);
        return;
    }
    if (!page_only(r, y, what_of(r, d, "retry"), known))
        return;
    if (yaml_get(y, "tries") != NULL)
        read_tries(r, d, yaml_get(y, "tries"));
    if (yaml_get(y, "pause") != NULL)
        d->s.retry_ms = page_duration(r, yaml_get(y, "pause"), what_of(r, d, "retry: pause"));
}

static void read_timeout(struct reading *r, struct draft *d, const struct yaml *y)
{
    d->s.timeout_ms = page_duration(r, y, what_of(r, d, "timeout"));
}

static void read_on_failure(struct reading *r, struct draft *d, const struct yaml *y)
{
    static const char *const names[] = {"trouble", "continue", NULL};
    d->s.optional = page_one_of(r, y, what_of(r, d, "on_failure"), names) == 1;
}

static void read_rows(struct reading *r, struct draft *d, const struct yaml *y)
{
    _cleanup_buf_ struct buf out = {0};
    const char *what = what_of(r, d, "rows");
    if (y->kind == YAML_SCALAR) {
        const char *row = page_scalar(r, y, what);
        d->s.row = row == NULL ? "" : row;
        return;
    }
    if (y->kind == YAML_MAP) {
        FAULT(r, SB_PARSE, y, "%s: a list is expected, as in [L7, D3]", what);
        return;
    }
    for (int i = 0; i < y->n; i++) {
        const char *row = page_scalar(r, y->items[i], what);
        buf_printf(&out, "%s%s", i == 0 ? "" : ", ", row == NULL ? "" : row);
    }
    d->s.row = arena_strdup(r->a, buf_str(&out));
}

const struct step_field step_fields[] = {
    {"id", read_id, "the step's name, unique on the page"},
    {"do", NULL, "what it does: one of the verbs"},
    {"with", NULL, "the verb's arguments; their texts are templates"},
    {"ask", page_ask_read, "a question to a person, before the verb or alone"},
    {"when", read_when, "an expression: the step is skipped unless it is true"},
    {"after", read_after, "the steps it comes after; default: the one before it on the page"},
    {"at", read_at, "the moment before which it does not begin"},
    {"moved", read_moved,
     "again: when the window moves it is carried out anew; an effect that has taken place stays"},
    {"late", read_late, "what to do when that moment has passed already: send or skip"},
    {"due", read_due, "a deadline, and what happens when it draws near or has passed"},
    {"gate", read_gate, "how a person answers when the pipeline pauses"},
    {"undo", read_undo, "what takes the step back when the change is cancelled"},
    {"retry", read_retry, "how often to try, and how long to pause"},
    {"timeout", read_timeout, "how long the step may take as a whole"},
    {"again", read_again,
     "the step from which it is tried again when that is decided in trouble; default: itself, or for "
     "pipeline.watch the pipeline.start before it"},
    {"on_failure", read_on_failure, "trouble, or continue"},
    {"rows", read_rows, "the rows of the process it carries"},
    {NULL, NULL, NULL},
};

static const char *const *field_names(struct arena *a)
{
    const char **names = ARENA_ARRAY(a, COUNT_OF(step_fields), const char *);
    for (int i = 0; step_fields[i].name != NULL; i++)
        names[i] = step_fields[i].name;
    return names;
}

/* Verbs whose failure is a verdict (the build failed, the pods are not ready), not a hiccup of the line: to
 * do them again by oneself would hide it or do it twice. */
static bool once_only(const struct verb *verb)
{
    static const char *const names[] = {"pipeline.start",
                                        "pipeline.watch",
                                        "pipeline.answer",
                                        "pipeline.stop",
                                        "health.watch",
                                        "cluster.verify",
                                        "pager.acknowledged",
                                        "statuspage.confirm",
                                        "releases.check",
                                        "change.evidence",
                                        NULL};
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(verb->name, names[i]) == 0)
            return true;
    return false;
}

static void fill_defaults(struct draft *d)
{
    if (d->s.tries == 0)
        d->s.tries = d->s.verb == NULL || once_only(d->s.verb) ? 1 : 3;
    if (d->s.retry_ms == 0)
        d->s.retry_ms = SECONDS(2);
}

static void check_together(struct reading *r, struct draft *d, const struct yaml *y)
{
    const struct yaml *verb = yaml_get(y, "do");
    if (verb == NULL && !d->s.has_ask)
        FAULT(r, SB_MISSING, d->place,
              "step %s: it does nothing and asks nothing: \"do\" or \"ask\" is expected", d->s.id);
    if (verb == NULL && yaml_get(y, "with") != NULL)
        FAULT(r, SB_MISSING, yaml_get(y, "with"), "step %s: \"with\" stands without \"do\"", d->s.id);
    if (yaml_get(y, "late") != NULL && d->s.at == NULL)
        FAULT(r, SB_MISSING, yaml_get(y, "late"), "step %s: \"late\" stands without \"at\"", d->s.id);
    if (d->gate != NULL && (d->s.verb == NULL || strcmp(d->s.verb->name, "pipeline.watch") != 0))
        FAULT(r, SB_PARSE, d->gate, "step %s: a gate belongs to pipeline.watch, which is what pauses",
              d->s.id);
    if (d->s.moved && d->s.branch != BRANCH_MAIN)
        FAULT(r, SB_PARSE, yaml_get(y, "moved"),
              "step %s: moved belongs to a step of the main branch, this one is in branch %s", d->s.id,
              branch_names[d->s.branch]);
    if (d->undo != NULL && d->s.branch != BRANCH_MAIN)
        FAULT(r, SB_PARSE, d->undo,
              "step %s: undo belongs to a step of the main branch, this one is in branch %s", d->s.id,
              branch_names[d->s.branch]);
    for (int i = 0; i < d->s.ask.n_choices; i++)
        if (d->s.ask.choices[i].ends && d->s.branch != BRANCH_MAIN)
            FAULT(r, SB_PARSE, yaml_get(y, "ask"),
                  "step %s: an answer that ends the change belongs to the main branch", d->s.id);
    if (d->s.ask.decision && d->s.branch != BRANCH_TROUBLE)
        FAULT(r, SB_PARSE, yaml_get(y, "ask"), "step %s: a decision belongs to the section for trouble",
              d->s.id);
}

/* The innermost section that a branch is named after. */
static enum branch branch_of(const struct reading *r, const struct md_block *b)
{
    for (int i = b->n_within - 1; i >= 0; i--)
        for (int branch = 0; branch < BRANCH_COUNT; branch++)
            if (str_eq(r->slugs[branch], r->md.headings[b->within[i]].slug))
                return (enum branch)branch;
    return BRANCH_MAIN;
}

static bool read_block(struct reading *r, const struct md_block *b, struct draft *d)
{
    struct error e;
    if (!str_eq(b->info, "step")) {
        page_fault(r, SB_UNKNOWN, b->line, b->column + 1, "a block of \"%s\"; did you mean \"step\"?",
                   b->info);
        return false;
    }
    const struct yaml *y = yaml_parse(b->yaml, b->n, r->p->file, b->line + 1, b->column, r->a, &e);
    if (y == NULL) {
        page_fault_error(r, &e);
        return false;
    }
    *d = (struct draft){.place = y};
    d->s = (struct step){
        .id = "?", .title = b->title, .section = b->section, .prose = b->prose, .row = "", .line = b->line};
    d->s.branch = branch_of(r, b);
    if (!page_only(r, y, "step", field_names(r->a)))
        return false;
    const struct yaml *id = yaml_get(y, "id");
    if (id == NULL)
        page_fault(r, SB_MISSING, b->line, b->column + 1, "step: \"id\" is missing");
    for (int i = 0; step_fields[i].name != NULL; i++)
        if (step_fields[i].read != NULL && yaml_get(y, step_fields[i].name) != NULL)
            step_fields[i].read(r, d, yaml_get(y, step_fields[i].name));
    page_action_read(r, d, y, arena_printf(r->a, "step %s", d->s.id));
    fill_defaults(d);
    check_together(r, d, y);
    return true;
}

void page_steps_read(struct reading *r)
{
    struct draft *drafts = ARENA_ARRAY(r->a, STEPS_MAX, struct draft);
    struct draft made[4];
    r->drafts = drafts;
    for (int i = 0; i < r->md.n_blocks; i++) {
        struct draft d;
        if (!read_block(r, &r->md.blocks[i], &d))
            continue;
        if (r->n_drafts == STEPS_MAX)
            break;
        struct draft *kept = &drafts[r->n_drafts++];
        *kept = d;
        int n = page_made(r, kept, made, (int)COUNT_OF(made));
        for (int m = 0; m < n && r->n_drafts < STEPS_MAX; m++)
            drafts[r->n_drafts++] = made[m];
        if (n > 0 && r->n_drafts == STEPS_MAX)
            break;
    }
    int written = r->n_drafts;
    for (int i = written - 1; i >= 0; i--)
        if (page_made_undo(r, &drafts[i], &made[0]) && r->n_drafts < STEPS_MAX)
            drafts[r->n_drafts++] = made[0];
    if (r->n_drafts == STEPS_MAX)
        page_fault(r, SB_LIMIT, 0, 0, "a page has fewer than %d steps, those it makes counted", STEPS_MAX);
}
