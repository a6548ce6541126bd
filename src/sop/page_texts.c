/* page_texts.c: every expression, template and moment of a page, checked once all names are known: does it
 * compile, and is there such a fact? */
#include "base/buf.h"
#include "base/window.h"
#include "sop/page_parts.h"

#include <stdlib.h>
#include <string.h>

/* What an expression may mention. NULL members: too many to list, or the team's own. */
static const char *const change_facts[] = {"id",     "client",       "env",    "severity", "risk",  "outcome",
                                           "status", "requested_by", "reason", "url",      "title", NULL};
static const char *const window_facts[] = {"from", "to", "zone", "text", NULL};
static const char *const trouble_facts[] = {"step", "title", "reason",       "round",
                                            "now",  "at",    "decide_until", NULL};
static const char *const env_facts[] = {"name", "production", NULL};

static const struct {
    const char *root;
    const char *const *members;
} facts[] = {
    {"change", change_facts},   {"client", NULL},         {"env", env_facts},   {"services", NULL},
    {"inputs", NULL},           {"window", window_facts}, {"lead_hours", NULL}, {"incident", NULL},
    {"channels", NULL},         {"oncall", NULL},         {"people", NULL},     {"steps", NULL},
    {"trouble", trouble_facts}, {"decision", NULL},       {"settings", NULL},   {"systems", NULL},
    {"overruled", NULL},        {"moved", NULL},          {"now", NULL},        {"_ENV", NULL},
};

/* Names that differ from page to page. */
struct known {
    const char *const *roots, *const *inputs, *const *settings;
};

/* The text being checked, for the place of a fault. */
struct check {
    struct reading *r;
    const struct known *known;
    const struct page_text *t;
    size_t offset; /* of the expression within the text */
    bool failed;
};

static const char *line_at(const char *source, int line)
{
    for (; line > 1 && source != NULL; line--) {
        source = strchr(source, '\n');
        source = source == NULL ? NULL : source + 1;
    }
    return source;
}

static int columns(const char *from, const char *to)
{
    int n = 1;
    for (; from < to; from++)
        n += ((unsigned char)*from & 0xC0) != 0x80;
    return n;
}

/* Looks for a piece of the text in the page, from the scalar on: YAML folds and indents, so the place in the
 * text is not the place in the page. */
static bool find_in_page(const struct reading *r, const struct yaml *y, const char *piece, size_t n,
                         int *line, int *column)
{
    enum { LINES = 60 };
    const char *s = line_at(r->p->source, y->line);
    for (int i = 0; s != NULL && *s != '\0' && i < LINES; i++) {
        size_t length = strcspn(s, "\n");
        size_t skip = i == 0 && (size_t)(y->column - 1) < length ? (size_t)(y->column - 1) : 0;
        const char *at = memmem(s + skip, length - skip, piece, n);
        if (at != NULL) {
            *line = y->line + i;
            *column = columns(s, at);
            return true;
        }
        s += length;
        s += *s == '\n';
    }
    return false;
}

static void fault_at(struct reading *r, const struct page_text *t, size_t offset, enum error_code code,
                     const char *says)
{
    const struct yaml *y = t->y;
    int line = y->line, column = y->column;
    const char *piece = y->text + (offset < strlen(y->text) ? offset : 0);
    size_t n = strcspn(piece, " \n\"'\\");
    /* From the fault to the end of its word; a word that YAML wrote otherwise is not found, and then the
     * scalar's place serves. */
    if (n > 0 && offset > 0)
        find_in_page(r, y, piece, n, &line, &column);
    else if (y->quoted)
        column++;
    page_fault(r, code, line, column, "%s: %s", t->what, says);
}

/* Offset in the text from the line and column that an error names. */
static size_t offset_of(const char *text, int line, int column)
{
    const char *s = line_at(text, line < 1 ? 1 : line);
    if (s == NULL)
        return 0;
    for (; column > 1 && *s != '\0'; s++)
        if (((unsigned char)s[1] & 0xC0) != 0x80)
            column--;
    return (size_t)(s - text);
}

static const char *const *root_names(struct arena *a)
{
    const char *const *functions = expr_functions(a);
    size_t n = 0;
    while (functions[n] != NULL)
        n++;
    const char **names = ARENA_ARRAY(a, n + COUNT_OF(facts) + 1, const char *);
    memcpy(names, functions, n * sizeof *names);
    for (size_t i = 0; i < COUNT_OF(facts); i++)
        names[n + i] = facts[i].root;
    return names;
}

static bool among(const char *name, const char *const *names)
{
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* As facts answer: `_` may stand for `-`. */
static bool same_key(const char *written, const char *key)
{
    size_t i = 0;
    for (; written[i] != '\0' && key[i] != '\0'; i++)
        if (written[i] != key[i] && !(written[i] == '_' && key[i] == '-'))
            return false;
    return written[i] == key[i];
}

static const char *const *input_names(const struct reading *r)
{
    const char **names = ARENA_ARRAY(r->a, (size_t)r->p->n_inputs + 1, const char *);
    for (int i = 0; i < r->p->n_inputs; i++)
        names[i] = r->p->inputs[i].name;
    return names;
}

static const char *const *setting_names(const struct reading *r)
{
    const char **names = ARENA_ARRAY(r->a, json_object_size(r->p->settings) + 1, const char *), *key;
    json_t *settings = (json_t *)(uintptr_t)r->p->settings, *value; /* iterating changes nothing */
    size_t n = 0;
    json_object_foreach(settings, key, value)
        names[n++] = key;
    return names;
}

/* NULL: any name may be a member. */
static const char *const *members_of(const struct check *c, const char *root)
{
    if (strcmp(root, "steps") == 0)
        return c->r->ids;
    if (strcmp(root, "inputs") == 0)
        return c->known->inputs;
    if (strcmp(root, "settings") == 0)
        return c->known->settings;
    for (size_t i = 0; i < COUNT_OF(facts); i++)
        if (strcmp(facts[i].root, root) == 0)
            return facts[i].members;
    return NULL;
}

static void unknown_name(struct check *c, const struct expr_name *name, bool member, const char *const *known)
{
    const char *word = member ? name->member : name->root, *near = str_near(word, known);
    const char *dot = member ? "." : "", *root = member ? name->root : "";
    _cleanup_buf_ struct buf says = {0};
    buf_printf(&says, "there is no %s%s%s", root, dot, word);
    if (near != NULL)
        buf_printf(&says, "; did you mean %s%s%s?", root, dot, near);
    else if (!member)
        buf_adds(&says, ": neither a fact nor a function");
    fault_at(c->r, c->t, c->offset + name->offset, SB_UNKNOWN, buf_str(&says));
    c->failed = true;
}

static void check_name(void *ctx, const struct expr_name *name)
{
    struct check *c = ctx;
    if (c->failed)
        return;
    if (!among(name->root, c->known->roots)) {
        unknown_name(c, name, false, c->known->roots);
        return;
    }
    const char *const *members = name->member[0] == '\0' ? NULL : members_of(c, name->root);
    if (members == NULL)
        return;
    for (int i = 0; members[i] != NULL; i++)
        if (same_key(name->member, members[i]))
            return;
    unknown_name(c, name, true, members);
}

static void check_names(void *ctx, const char *expr, size_t n, size_t offset)
{
    struct check *c = ctx;
    c->offset = offset;
    if (!c->failed)
        expr_names(expr, n, check_name, c);
}

static void check_expression(struct reading *r, const struct page_text *t, const struct known *known)
{
    struct check c = {.r = r, .t = t, .known = known};
    struct error e;
    const char *text = t->y->text;
    bool ok = t->kind == TEXT_EXPR ? expr_check(r->x, text, &e) : expr_fill_check(r->x, text, &e);
    if (!ok)
        fault_at(r, t, offset_of(text, e.line, e.column), e.code, e.text);
    else if (t->kind == TEXT_EXPR)
        check_names(&c, text, strlen(text), 0);
    else
        expr_each(text, check_names, &c);
}

static void check_moment(struct reading *r, const struct page_text *t, const json_t *names)
{
    int64_t moment;
    struct error e;
    if (!moment_parse(t->y->text, names, &moment, &e))
        fault_at(r, t, offset_of(t->y->text, 1, e.column), e.code, e.text);
}

void page_texts_check(struct reading *r)
{
    const struct known known = {root_names(r->a), input_names(r), setting_names(r)};
    json_t *names = json_object();
    for (int i = 0; moment_names[i] != NULL; i++)
        json_object_set_new(names, moment_names[i], json_integer(0));
    for (const struct page_text *t = r->texts; t != NULL; t = t->next) {
        bool template = strstr(t->y->text, "{{") != NULL;
        if (t->kind == TEXT_MOMENT && !template)
            check_moment(r, t, names);
        else
            check_expression(r, t, &known);
    }
    json_decref(names);
}
