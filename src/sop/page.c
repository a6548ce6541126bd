/* page.c: the passes over a page, and how a mistake is reported. */
#include "sop/page.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/instant.h"
#include "sop/page_parts.h"
#include <stdlib.h>
#include <string.h>

static int by_place(const void *a, const void *b)
{
    const struct error *x = a, *y = b;
    return x->line != y->line ? (x->line > y->line) - (x->line < y->line)
                              : (x->column > y->column) - (x->column < y->column);
}

void page_fault_error(struct reading *r, const struct error *e)
{
    struct page_errors *errors = r->errors;
    errors->total++;
    if (errors->n < PAGE_ERRORS_MAX)
        errors->list[errors->n++] = *e;
}

void page_fault(struct reading *r, enum error_code code, int line, int column, const char *fmt, ...)
{
    struct error text, e;
    va_list ap;
    va_start(ap, fmt);
    error_vset(&text, code, fmt, ap);
    va_end(ap);
    error_at(&e, code, r->p->file, line, column, "%s", text.text);
    page_fault_error(r, &e);
}

void page_unknown(struct reading *r, const struct yaml *y, const char *what, const char *name,
                  const char *const *known)
{
    const char *near = str_near(name, known);
    if (near != NULL) {
        FAULT(r, SB_UNKNOWN, y, "%s: unknown \"%s\"; did you mean \"%s\"?", what, name, near);
        return;
    }
    _cleanup_buf_ struct buf list = {0};
    for (int i = 0; known[i] != NULL; i++)
        buf_printf(&list, "%s%s", i == 0 ? "" : ", ", known[i]);
    FAULT(r, SB_UNKNOWN, y, "%s: unknown \"%s\"; known are: %s", what, name,
          list.len > 0 ? buf_str(&list) : "none");
}

bool page_id_valid(const char *id)
{
    enum { ID_MAX = 64 };
    size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return id[0] >= 'a' && id[0] <= 'z' && id[n] == '\0' && n <= ID_MAX;
}

const char *page_scalar(struct reading *r, const struct yaml *y, const char *what)
{
    if (y->kind == YAML_SCALAR && y->text[0] != '\0')
        return y->text;
    if (y->kind == YAML_SCALAR)
        FAULT(r, SB_MISSING, y, "%s: a text is expected, this is empty", what);
    else
        FAULT(r, SB_PARSE, y, "%s: a text is expected, this is a %s", what,
              y->kind == YAML_LIST ? "list" : "map");
    return NULL;
}

bool page_flag(struct reading *r, const struct yaml *y, const char *what)
{
    if (y->kind == YAML_SCALAR && !y->quoted && (str_eq(y->text, "true") || str_eq(y->text, "false")))
        return str_eq(y->text, "true");
    FAULT(r, SB_PARSE, y, "%s: true or false is expected", what);
    return false;
}

int64_t page_duration(struct reading *r, const struct yaml *y, const char *what)
{
    const char *text = page_scalar(r, y, what);
    struct error e;
    int64_t ms = 0;
    if (text != NULL && !duration_parse(text, &ms, &e))
        FAULT(r, e.code, y, "%s: %s", what, e.text);
    return ms;
}

static void drop_json(void *p)
{
    json_decref(p);
}

const json_t *page_keep(struct reading *r, json_t *j)
{
    arena_on_free(r->a, drop_json, j);
    return j;
}

int page_one_of(struct reading *r, const struct yaml *y, const char *what, const char *const *known)
{
    const char *text = page_scalar(r, y, what);
    if (text == NULL)
        return -1;
    for (int i = 0; known[i] != NULL; i++)
        if (strcmp(known[i], text) == 0)
            return i;
    page_unknown(r, y, what, text, known);
    return -1;
}

bool page_only(struct reading *r, const struct yaml *y, const char *what, const char *const *known)
{
    if (y->kind != YAML_MAP) {
        FAULT(r, SB_PARSE, y, "%s: a map is expected (name: value)", what);
        return false;
    }
    for (int i = 0; i < y->n; i++) {
        const char *const *name = known;
        while (*name != NULL && strcmp(*name, y->keys[i]->text) != 0)
            name++;
        if (*name == NULL)
            page_unknown(r, y->keys[i], what, y->keys[i]->text, known);
    }
    return true;
}

void page_text_add(struct reading *r, const struct yaml *y, enum text_kind kind, const char *what)
{
    struct page_text *t = ARENA_NEW(r->a, struct page_text);
    *t = (struct page_text){.y = y, .kind = kind, .what = what};
    *r->texts_end = t;
    r->texts_end = &t->next;
}

/* "sops/hotfix.md" is "hotfix". */
static char *name_of(const char *file, struct arena *a)
{
    const char *slash = strrchr(file, '/');
    const char *base = slash == NULL ? file : slash + 1;
    const char *dot = strrchr(base, '.');
    return arena_strndup(a, base, dot == NULL || dot == base ? strlen(base) : (size_t)(dot - base));
}

static bool bytes_check(struct reading *r, const char *text, size_t n)
{
    if (n > PAGE_MAX_BYTES) {
        page_fault(r, SB_LIMIT, 0, 0, "the page is larger than %d bytes", PAGE_MAX_BYTES);
        return false;
    }
    int line = 1;
    for (size_t at = 0; at < n; line++) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t length = end == NULL ? n - at : (size_t)(end - text) - at + 1;
        if (!str_is_utf8(text + at, length) || memchr(text + at, '\0', length) != NULL) {
            page_fault(r, SB_PARSE, line, 0, "this line is not text in UTF-8");
            return false;
        }
        at += length;
    }
    return true;
}

static void front_matter(struct reading *r, const char *text, size_t n)
{
    struct md_front front = md_front(text, n);
    struct error e;
    if (front.open)
        page_fault(r, SB_PARSE, 1, 1,
                   "front matter begins here and does not end: a second line of --- is expected");
    if (front.yaml == NULL)
        return;
    const struct yaml *y = yaml_parse(front.yaml, front.n, r->p->file, 2, 0, r->a, &e);
    if (y == NULL)
        page_fault_error(r, &e);
    else if (y->kind != YAML_MAP)
        FAULT(r, SB_PARSE, y, "front matter: a map is expected (title: ...)");
    else
        page_front_read(r, y);
}

static void number_steps(struct reading *r)
{
    const char **ids = ARENA_ARRAY(r->a, (size_t)r->n_drafts + 1, const char *);
    for (int i = 0; i < r->n_drafts; i++) {
        struct draft *d = &r->drafts[i];
        ids[i] = d->s.id;
        d->s.index = i;
        d->s.of = d->of == NULL ? -1 : (int)(d->of - r->drafts);
    }
    r->ids = ids;
}

/* The copies are taken last, when nothing about a draft changes any more. */
static void finish(struct reading *r)
{
    r->p->steps = ARENA_ARRAY(r->a, (size_t)r->n_drafts + 1, struct step);
    r->p->n_steps = r->n_drafts;
    for (int i = 0; i < r->n_drafts; i++) {
        r->p->steps[i] = r->drafts[i].s;
        r->p->has_branch[r->drafts[i].s.branch] = true;
    }
}

static void read_all(struct reading *r, const char *text, size_t n)
{
    char hash[SHA256_HEX + 1];
    sha256_hex(text, n, hash);
    r->p->hash = arena_strdup(r->a, hash);
    r->p->source = arena_strndup(r->a, text, n);
    cmark_node *document = md_document(text, n);
    md_read(document, text, n, r->a, &r->md);
    cmark_node_free(document);
    if (r->md.too_many)
        page_fault(r, SB_LIMIT, 0, 0, "a page has at most %d steps and %d headings", STEPS_MAX,
                   MD_HEADINGS_MAX);
    front_matter(r, text, n);
    if (r->p->title == NULL)
        r->p->title = r->md.n_headings > 0 ? r->md.headings[0].text : r->p->name;
    page_steps_read(r);
    number_steps(r);
    page_refs_check(r);
    page_interlocks_read(r);
    page_texts_check(r);
    finish(r);
}

struct procedure *page_parse(const char *text, size_t n, const char *file, struct arena *a,
                             struct page_errors *errors)
{
    struct reading r = {.a = a, .errors = errors, .p = ARENA_NEW(a, struct procedure), .x = expr_new()};
    r.texts_end = &r.texts;
    errors->n = errors->total = 0;
    r.p->file = arena_strdup(a, file);
    r.p->name = name_of(file, a);
    r.p->redo_from = -1;
    if (bytes_check(&r, text, n))
        read_all(&r, text, n);
    expr_free(r.x);
    qsort(errors->list, (size_t)errors->n, sizeof errors->list[0], by_place);
    return errors->total == 0 ? r.p : NULL;
}
