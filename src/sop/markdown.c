#include "sop/markdown.h"

#include "base/buf.h"
#include <cmark-gfm-core-extensions.h>
#include <stdlib.h>
#include <string.h>

/* A line of `---` and nothing else; gives where the next line begins. */
static bool dashes(const char *text, size_t n, size_t at, size_t *next)
{
    if (n - at < 3 || memcmp(text + at, "---", 3) != 0)
        return false;
    size_t i = at + 3;
    while (i < n && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r'))
        i++;
    if (i < n && text[i] != '\n')
        return false;
    *next = i < n ? i + 1 : n;
    return true;
}

struct md_front md_front(const char *text, size_t n)
{
    struct md_front f = {0};
    size_t begin, next;
    if (!dashes(text, n, 0, &begin))
        return f;
    for (size_t at = begin; at < n; at = next) {
        if (dashes(text, n, at, &next)) {
            f.yaml = text + begin;
            f.n = at - begin;
            f.end = next;
            return f;
        }
        const char *end = memchr(text + at, '\n', n - at);
        next = end == NULL ? n : (size_t)(end - text) + 1;
    }
    f.open = true;
    return f;
}

cmark_node *md_document(const char *text, size_t n)
{
    cmark_gfm_core_extensions_ensure_registered();
    cmark_parser *p = cmark_parser_new(CMARK_OPT_DEFAULT | CMARK_OPT_VALIDATE_UTF8);
    if (p == NULL)
        abort();
    cmark_syntax_extension *table = cmark_find_syntax_extension("table");
    if (table != NULL)
        cmark_parser_attach_syntax_extension(p, table);
    /* Empty lines instead of the front matter, so that cmark counts the page's own lines. */
    struct md_front front = md_front(text, n);
    for (size_t i = 0; i < front.end; i++)
        if (text[i] == '\n')
            cmark_parser_feed(p, "\n", 1);
    cmark_parser_feed(p, text + front.end, n - front.end);
    cmark_node *document = cmark_parser_finish(p);
    cmark_parser_free(p);
    if (document == NULL)
        abort();
    return document;
}

static const char *first_word(const char *info, struct arena *a)
{
    info += strspn(info, " \t");
    return arena_strndup(a, info, strcspn(info, " \t{"));
}

bool md_is_step(cmark_node *node)
{
    if (cmark_node_get_type(node) != CMARK_NODE_CODE_BLOCK)
        return false;
    const char *info = cmark_node_get_fence_info(node);
    if (info == NULL)
        return false;
    info += strspn(info, " \t");
    return strncmp(info, "step", 4) == 0 && strchr(" \t{", info[4]) != NULL;
}

/* A block that was meant as a step and would be lost in silence. */
static bool nearly_step(cmark_node *node, struct arena *a)
{
    static const char *const names[] = {"step", NULL};
    const char *info =
        cmark_node_get_type(node) == CMARK_NODE_CODE_BLOCK ? cmark_node_get_fence_info(node) : NULL;
    return info != NULL && !md_is_step(node) && str_near(first_word(info, a), names) != NULL;
}

char *md_text(cmark_node *node, struct arena *a)
{
    _cleanup_buf_ struct buf out = {0};
    cmark_iter *iter = cmark_iter_new(node);
    cmark_event_type event;
    while ((event = cmark_iter_next(iter)) != CMARK_EVENT_DONE) {
        cmark_node *n = cmark_iter_get_node(iter);
        cmark_node_type type = cmark_node_get_type(n);
        if (event != CMARK_EVENT_ENTER)
            continue;
        if (type == CMARK_NODE_TEXT || type == CMARK_NODE_CODE)
            buf_adds(&out, cmark_node_get_literal(n));
        else if (type == CMARK_NODE_SOFTBREAK || type == CMARK_NODE_LINEBREAK)
            buf_addc(&out, ' ');
    }
    cmark_iter_free(iter);
    return arena_strndup(a, buf_str(&out), out.len);
}

/* General punctuation (dashes, quotes, bullets, arrows) has three bytes, E2 80 .. E2 8B; letters beyond ASCII
 * stay. */
static size_t punctuation(const char *s)
{
    const unsigned char *u = (const unsigned char *)s;
    if (u[0] == 0xE2 && u[1] >= 0x80 && u[1] <= 0x8B && u[2] != 0)
        return 3;
    if (u[0] == 0xC2 && u[1] >= 0xA0 && u[1] <= 0xBF)
        return 2;
    return 0;
}

static bool taken(const char *slug, const struct md_heading *earlier, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(earlier[i].slug, slug) == 0)
            return true;
    return false;
}

char *md_slug(const char *text, const struct md_heading *earlier, int n_earlier, struct arena *a)
{
    _cleanup_buf_ struct buf out = {0};
    for (const char *s = text; *s != '\0'; s++) {
        size_t skip = punctuation(s);
        if (skip > 0)
            s += skip - 1;
        else if (*s >= 'A' && *s <= 'Z')
            buf_addc(&out, (char)(*s - 'A' + 'a'));
        else if (*s == ' ')
            buf_addc(&out, '-');
        else if ((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '-' || *s == '_' ||
                 (*s & 0x80) != 0)
            buf_addc(&out, *s);
    }
    const char *plain = buf_str(&out);
    if (!taken(plain, earlier, n_earlier))
        return arena_strdup(a, plain);
    for (int i = 1;; i++) {
        char *numbered = arena_printf(a, "%s-%d", plain, i);
        if (!taken(numbered, earlier, n_earlier))
            return numbered;
    }
}

/* Where each line of the page begins. */
struct lines {
    const char *text;
    size_t n;
    size_t *start;
    int count;
};

static struct lines lines_of(const char *text, size_t n)
{
    struct lines l = {.text = text, .n = n};
    size_t count = 1;
    for (size_t i = 0; i < n; i++)
        count += text[i] == '\n';
    l.start = calloc(count + 1, sizeof *l.start);
    if (l.start == NULL)
        abort();
    l.count = (int)count;
    size_t at = 1;
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\n')
            l.start[at++] = i + 1;
    l.start[count] = n;
    return l;
}

/* The source of a node, without the indent that its list item gives it. */
static void add_source(const struct lines *l, cmark_node *node, struct buf *out)
{
    int from = cmark_node_get_start_line(node), to = cmark_node_get_end_line(node);
    int indent = cmark_node_get_start_column(node) - 1;
    if (from < 1 || to < from || to > l->count)
        return;
    if (out->len > 0)
        buf_adds(out, "\n");
    for (int line = from; line <= to; line++) {
        size_t at = l->start[line - 1], end = l->start[line];
        int skip = 0;
        while (skip < indent && at < end && (line == from || l->text[at] == ' ' || l->text[at] == '>')) {
            at++;
            skip++;
        }
        while (end > at && (l->text[end - 1] == '\n' || l->text[end - 1] == '\r'))
            end--;
        buf_add(out, l->text + at, end - at);
        buf_addc(out, '\n');
    }
}

static bool holds_step(cmark_node *node)
{
    bool found = false;
    cmark_iter *iter = cmark_iter_new(node);
    while (!found && cmark_iter_next(iter) != CMARK_EVENT_DONE)
        found = md_is_step(cmark_iter_get_node(iter));
    cmark_iter_free(iter);
    return found;
}

/* Prose of a step does not go past another step or a heading. */
static bool border(cmark_node *node)
{
    return node == NULL || cmark_node_get_type(node) == CMARK_NODE_HEADING || holds_step(node);
}

static bool ends_sentence(const char *text, const char *s)
{
    if (strchr(".?!", *s) == NULL || (s[1] != ' ' && s[1] != '\0'))
        return false;
    /* "e.g." and "i.e." end no sentence. */
    return !(*s == '.' && s - text >= 2 && (s[-2] == '.' || s[-2] == ' '));
}

static const char *first_sentence(const char *text, struct arena *a)
{
    enum { TITLE_MAX = 140 };
    const char *s = text + strspn(text, " ");
    const char *end = s;
    while (*end != '\0' && !ends_sentence(s, end))
        end++;
    size_t n = (size_t)(end - s) + (*end == '?' || *end == '!');
    if (n <= TITLE_MAX)
        return arena_strndup(a, s, n);
    n = TITLE_MAX;
    while (n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80)
        n--;
    return arena_printf(a, "%.*s...", (int)n, s);
}

static cmark_node *first_paragraph(cmark_node *from, cmark_node *until)
{
    for (cmark_node *n = from; n != NULL && n != until; n = cmark_node_next(n))
        if (cmark_node_get_type(n) == CMARK_NODE_PARAGRAPH)
            return n;
    return NULL;
}

/* What stands before the block since the last step, and, after the last step of an item, what follows. A
 * block right behind another one shares the prose of the item. */
static void read_prose(const struct lines *l, cmark_node *node, struct arena *a, struct md_block *b)
{
    _cleanup_buf_ struct buf out = {0};
    cmark_node *first = node, *last = node;
    while (!border(cmark_node_previous(first)))
        first = cmark_node_previous(first);
    cmark_node *next = cmark_node_next(node);
    while (!border(next)) {
        last = next;
        next = cmark_node_next(next);
    }
    if (next != NULL && cmark_node_get_type(next) != CMARK_NODE_HEADING)
        last = node;
    if (first == node && last == node && cmark_node_get_type(cmark_node_parent(node)) == CMARK_NODE_ITEM)
        first = cmark_node_first_child(cmark_node_parent(node));
    for (cmark_node *n = first;; n = cmark_node_next(n)) {
        if (!holds_step(n))
            add_source(l, n, &out);
        if (n == last || n == NULL)
            break;
    }
    b->prose = arena_strndup(a, buf_str(&out), out.len);
    cmark_node *paragraph = first_paragraph(first, cmark_node_next(last));
    b->title = paragraph == NULL ? b->section : first_sentence(md_text(paragraph, a), a);
    if (b->title[0] == '\0')
        b->title = b->section;
}

static void add_heading(struct md_page *page, cmark_node *node, struct arena *a)
{
    struct md_heading *h = &page->headings[page->n_headings];
    h->level = cmark_node_get_heading_level(node);
    h->line = cmark_node_get_start_line(node);
    h->text = md_text(node, a);
    h->slug = md_slug(h->text, page->headings, page->n_headings, a);
    page->n_headings++;
}

/* The headings that a place stands under: the last of each level, unless a higher one came after it. */
static void find_sections(const struct md_page *page, struct md_block *b)
{
    int level = MD_LEVELS + 1;
    b->section = "";
    for (int i = page->n_headings - 1; i >= 0 && level > 1; i--) {
        if (page->headings[i].level >= level)
            continue;
        if (level == MD_LEVELS + 1)
            b->section = page->headings[i].text;
        level = page->headings[i].level;
        memmove(b->within + 1, b->within, (MD_LEVELS - 1) * sizeof b->within[0]);
        b->within[0] = i;
        b->n_within++;
    }
}

static void add_block(struct md_page *page, const struct lines *l, cmark_node *node, struct arena *a)
{
    struct md_block *b = &page->blocks[page->n_blocks++];
    const char *literal = cmark_node_get_literal(node);
    b->n = strlen(literal);
    b->yaml = arena_strndup(a, literal, b->n);
    b->line = cmark_node_get_start_line(node);
    b->column = cmark_node_get_start_column(node) - 1;
    b->info = first_word(cmark_node_get_fence_info(node), a);
    find_sections(page, b);
    read_prose(l, node, a, b);
}

void md_read(cmark_node *document, const char *text, size_t n, struct arena *a, struct md_page *out)
{
    struct lines l = lines_of(text, n);
    cmark_iter *iter = cmark_iter_new(document);
    cmark_event_type event;
    *out = (struct md_page){0};
    out->headings = ARENA_ARRAY(a, MD_HEADINGS_MAX, struct md_heading);
    out->blocks = ARENA_ARRAY(a, STEPS_MAX, struct md_block);
    while (!out->too_many && (event = cmark_iter_next(iter)) != CMARK_EVENT_DONE) {
        cmark_node *node = cmark_iter_get_node(iter);
        bool heading = cmark_node_get_type(node) == CMARK_NODE_HEADING;
        if (event != CMARK_EVENT_ENTER || (!heading && !md_is_step(node) && !nearly_step(node, a)))
            continue;
        out->too_many = heading ? out->n_headings == MD_HEADINGS_MAX : out->n_blocks == STEPS_MAX;
        if (out->too_many)
            break;
        if (heading)
            add_heading(out, node, a);
        else
            add_block(out, &l, node, a);
    }
    cmark_iter_free(iter);
    free(l.start);
}
