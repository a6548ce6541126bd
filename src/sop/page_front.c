/* page_front.c: the front matter: what stands under `signalbox:`, but for the interlocks, which need the
 * steps. */
#include "base/buf.h"
#include "sop/page_parts.h"

#include <string.h>

static const char *const type_names[] = {"text",    "choice", "number",   "flag",
                                         "instant", "window", "services", NULL};

static bool input_name_valid(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return name[0] >= 'a' && name[0] <= 'z' && name[n] == '\0' && n <= 64;
}

static void read_choices(struct reading *r, struct input *in, const struct yaml *y, const char *what)
{
    if (y->kind != YAML_LIST || y->n == 0) {
        FAULT(r, SB_PARSE, y, "%s: choices: a list is expected", what);
        return;
    }
    const char **choices = ARENA_ARRAY(r->a, (size_t)y->n + 1, const char *);
    int n = 0;
    for (int i = 0; i < y->n; i++) {
        const char *choice = page_scalar(r, y->items[i], arena_printf(r->a, "%s: choices", what));
        if (choice != NULL)
            choices[n++] = choice;
    }
    in->choices = choices;
}

static bool default_fits(const struct input *in, const json_t *value, const struct yaml *y)
{
    switch (in->type) {
    case INPUT_NUMBER:
        return json_is_number(value);
    case INPUT_FLAG:
        return json_is_boolean(value);
    case INPUT_SERVICES:
        return json_is_array(value);
    case INPUT_CHOICE: /* compared as written, so that 1 is the choice 1 */
        for (int i = 0; y->kind == YAML_SCALAR && in->choices != NULL && in->choices[i] != NULL; i++)
            if (strcmp(in->choices[i], y->text) == 0)
                return true;
        return false;
    case INPUT_TEXT:
    case INPUT_INSTANT:
    case INPUT_WINDOW:
        return json_is_string(value);
    }
    return false;
}

static void read_input(struct reading *r, const char *name, const struct yaml *place, const struct yaml *y)
{
    static const char *const known[] = {"name", "says", "type", "required", "choices", "default", NULL};
    struct procedure *p = r->p;
    const char *what = arena_printf(r->a, "input %s", name);
    if (!page_only(r, y, what, known))
        return;
    if (!input_name_valid(name))
        FAULT(r, SB_PARSE, place,
              "%s: small letters, digits and underscores are expected, beginning with a letter", what);
    for (int i = 0; i < p->n_inputs; i++)
        if (strcmp(p->inputs[i].name, name) == 0)
            FAULT(r, SB_CONFLICT, place, "%s stands twice: first on line %d", what, p->inputs[i].line);
    if (p->n_inputs == INPUTS_MAX) {
        FAULT(r, SB_LIMIT, place, "a page has at most %d inputs", INPUTS_MAX);
        return;
    }
    struct input *in = &p->inputs[p->n_inputs++];
    *in = (struct input){.name = name, .says = "", .line = place->line};
    const struct yaml *says = yaml_get(y, "says"), *type = yaml_get(y, "type"),
                      *choices = yaml_get(y, "choices"), *required = yaml_get(y, "required"),
                      *fallback = yaml_get(y, "default");
    if (says != NULL && page_scalar(r, says, what) != NULL)
        in->says = says->text;
    int t =
        type == NULL ? INPUT_TEXT : page_one_of(r, type, arena_printf(r->a, "%s: type", what), type_names);
    in->type = t < 0 ? INPUT_TEXT : (enum input_type)t;
    if (choices != NULL)
        read_choices(r, in, choices, what);
    if ((in->type == INPUT_CHOICE) != (choices != NULL) && t >= 0)
        FAULT(r, SB_MISSING, choices != NULL ? choices : place, "%s: \"choices\" and type choice go together",
              what);
    if (required != NULL)
        in->required = page_flag(r, required, arena_printf(r->a, "%s: required", what));
    if (fallback == NULL)
        return;
    in->fallback = page_keep(r, yaml_to_json(fallback));
    if (!default_fits(in, in->fallback, fallback))
        FAULT(r, SB_RANGE, fallback, "%s: default: this is no value of type %s", what, type_names[in->type]);
}

static void read_inputs(struct reading *r, const struct yaml *y)
{
    r->p->inputs = ARENA_ARRAY(r->a, INPUTS_MAX, struct input);
    if (y->kind == YAML_SCALAR)
        FAULT(r, SB_PARSE, y, "inputs: a list of inputs is expected, or a map of their names");
    for (int i = 0; i < y->n; i++) {
        const struct yaml *in = y->items[i];
        const struct yaml *name = y->kind == YAML_MAP ? y->keys[i] : yaml_get(in, "name");
        if (name == NULL)
            FAULT(r, SB_MISSING, in, "input: \"name\" is missing");
        else if (page_scalar(r, name, "input: name") != NULL)
            read_input(r, name->text, name, in);
    }
}

static void read_branches(struct reading *r, const struct yaml *y)
{
    static const char *const known[] = {"trouble", "extend", "rollback", "patch", "stop", "move", NULL};
    if (!page_only(r, y, "branches", known))
        return;
    const char **slugs = ARENA_ARRAY(r->a, (size_t)r->md.n_headings + 1, const char *);
    for (int i = 0; i < r->md.n_headings; i++)
        slugs[i] = r->md.headings[i].slug;
    for (int branch = BRANCH_TROUBLE; branch <= BRANCH_MOVE; branch++) {
        const struct yaml *section = yaml_get(y, branch_names[branch]);
        if (section == NULL)
            continue;
        const char *what = arena_printf(r->a, "branch %s: section", branch_names[branch]);
        if (page_one_of(r, section, what, slugs) < 0)
            continue;
        for (int other = 0; other < branch; other++)
            if (str_eq(r->slugs[other], section->text))
                FAULT(r, SB_CONFLICT, section, "%s: \"%s\" is branch %s already", what, section->text,
                      branch_names[other]);
        r->slugs[branch] = section->text;
        r->slug_places[branch] = section;
    }
}

void page_front_read(struct reading *r, const struct yaml *front)
{
    static const char *const known[] = {"inputs", "branches", "redo_from", "interlocks", "settings", NULL};
    const struct yaml *ours = yaml_get(front, "signalbox");
    const char *title = yaml_str(front, "title");
    if (title != NULL && title[0] != '\0')
        r->p->title = title;
    if (ours == NULL || !page_only(r, ours, "signalbox", known))
        return;
    r->front = ours;
    if (yaml_get(ours, "inputs") != NULL)
        read_inputs(r, yaml_get(ours, "inputs"));
    if (yaml_get(ours, "branches") != NULL)
        read_branches(r, yaml_get(ours, "branches"));
    const struct yaml *settings = yaml_get(ours, "settings");
    if (settings != NULL && settings->kind != YAML_MAP)
        FAULT(r, SB_PARSE, settings, "settings: a map is expected (maintenance_lead_hours: 4)");
    else if (settings != NULL)
        r->p->settings = page_keep(r, yaml_to_json(settings));
}
