/* adf.c: see adf.h. */
#include "systems/adf.h"
#include "base/buf.h"
#include "base/json.h"
#include <cmark-gfm-core-extensions.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DEPTH_MAX = 20 };

/* Where a block stands decides what it may be. */
enum place { AT_TOP, IN_QUOTE, IN_ITEM };

/* --- text
 * ------------------------------------------------------------------------------------------------------ */

/* Texts may not be empty; neighbours with the same marks are one. */
static void add_text(json_t *out, const char *text, json_t *marks)
{
    if (!text || !*text)
        return;
    json_t *last = json_array_get(out, json_array_size(out) - 1);
    json_t *its = json_object_get(last, "marks");
    bool same = str_eq(json_str(last, "type", ""), "text") &&
                (its ? json_equal(its, marks) : json_array_size(marks) == 0);
    if (same) {
        _cleanup_buf_ struct buf both = {0};
        buf_printf(&both, "%s%s", json_str(last, "text", ""), text);
        json_object_set_new(last, "text", json_string(buf_str(&both)));
        return;
    }
    json_t *node = json_pack("{s:s, s:s}", "type", "text", "text", text);
    if (json_array_size(marks) > 0)
        json_object_set_new(node, "marks", json_deep_copy(marks));
    json_array_append_new(out, node);
}

static bool has_mark(const json_t *marks, const char *type)
{
    for (size_t i = 0; i < json_array_size(marks); i++)
        if (str_eq(json_str(json_array_get(marks, i), "type", ""), type))
            return true;
    return false;
}

/* The marks with one more, unless it is there. New reference. */
static json_t *with_mark(const json_t *marks, const char *type)
{
    json_t *more = json_deep_copy(marks);
    if (!has_mark(marks, type))
        json_array_append_new(more, json_pack("{s:s}", "type", type));
    return more;
}

static bool leads_somewhere_safe(const char *url)
{
    static const char *const schemes[] = {"http://", "https://", "mailto:"};
    for (size_t i = 0; i < COUNT_OF(schemes); i++)
        if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0)
            return true;
    return false;
}

static json_t *with_link(const json_t *marks, const char *url)
{
    json_t *more = json_deep_copy(marks);
    if (url && leads_somewhere_safe(url) && !has_mark(marks, "link"))
        json_array_append_new(more, json_pack("{s:s, s:{s:s}}", "type", "link", "attrs", "href", url));
    return more;
}

/* Code goes with a link, but with no other mark. */
static json_t *code_marks(const json_t *marks)
{
    json_t *left = json_array();
    for (size_t i = 0; i < json_array_size(marks); i++)
        if (str_eq(json_str(json_array_get(marks, i), "type", ""), "link"))
            json_array_append(left, json_array_get(marks, i));
    json_array_append_new(left, json_pack("{s:s}", "type", "code"));
    return left;
}

static void add_inlines(cmark_node *parent, json_t *marks, json_t *out, int depth);

static void add_inline(cmark_node *n, json_t *marks, json_t *out, int depth)
{
    _cleanup_json_ json_t *inner = NULL;
    const char *kind = cmark_node_get_type_string(n);
    cmark_node_type type = cmark_node_get_type(n);
    if (type == CMARK_NODE_TEXT || type == CMARK_NODE_HTML_INLINE) {
        add_text(out, cmark_node_get_literal(n), marks);
    } else if (type == CMARK_NODE_SOFTBREAK) {
        add_text(out, " ", marks);
    } else if (type == CMARK_NODE_LINEBREAK) {
        json_array_append_new(out, json_pack("{s:s}", "type", "hardBreak"));
    } else if (type == CMARK_NODE_CODE) {
        inner = code_marks(marks);
        add_text(out, cmark_node_get_literal(n), inner);
    } else {
        if (type == CMARK_NODE_LINK || type == CMARK_NODE_IMAGE)
            inner = with_link(marks, cmark_node_get_url(n));
        else if (type == CMARK_NODE_STRONG)
            inner = with_mark(marks, "strong");
        else if (type == CMARK_NODE_EMPH)
            inner = with_mark(marks, "em");
        else if (str_eq(kind, "strikethrough"))
            inner = with_mark(marks, "strike");
        add_inlines(n, inner ? inner : marks, out, depth + 1);
    }
}

static void add_inlines(cmark_node *parent, json_t *marks, json_t *out, int depth)
{
    if (depth > 2 * DEPTH_MAX)
        return;
    for (cmark_node *n = cmark_node_first_child(parent); n; n = cmark_node_next(n))
        add_inline(n, marks, out, depth);
}

/* The paragraph of a node's text; `mark` on all of it, or NULL. */
static json_t *paragraph(cmark_node *n, const char *mark)
{
    _cleanup_json_ json_t *none = json_array();
    _cleanup_json_ json_t *marks = mark ? with_mark(none, mark) : json_incref(none);
    json_t *content = json_array();
    add_inlines(n, marks, content, 0);
    return json_pack("{s:s, s:o}", "type", "paragraph", "content", content);
}

static json_t *paragraph_of(const char *text)
{
    _cleanup_json_ json_t *none = json_array();
    json_t *content = json_array();
    add_text(content, text, none);
    return json_pack("{s:s, s:o}", "type", "paragraph", "content", content);
}

/* Without the line break at its end. */
static char *literal_of(cmark_node *n)
{
    const char *text = cmark_node_get_literal(n);
    size_t len = text ? strlen(text) : 0;
    while (len > 0 && text[len - 1] == '\n')
        len--;
    char *copy = strndup(text ? text : "", len);
    if (!copy)
        abort();
    return copy;
}

/* --- blocks
 * ---------------------------------------------------------------------------------------------------- */

static void add_blocks(cmark_node *parent, enum place place, json_t *out, int depth);

static json_t *item(cmark_node *n, int depth)
{
    json_t *content = json_array();
    add_blocks(n, IN_ITEM, content, depth + 1);
    if (!str_eq(json_str(json_array_get(content, 0), "type", ""), "paragraph"))
        json_array_insert_new(content, 0, paragraph_of(""));
    return json_pack("{s:s, s:o}", "type", "listItem", "content", content);
}

static json_t *list(cmark_node *n, int depth)
{
    bool ordered = cmark_node_get_list_type(n) == CMARK_ORDERED_LIST;
    json_t *items = json_array();
    for (cmark_node *i = cmark_node_first_child(n); i; i = cmark_node_next(i))
        json_array_append_new(items, item(i, depth));
    json_t *out = json_pack("{s:s, s:o}", "type", ordered ? "orderedList" : "bulletList", "content", items);
    if (ordered)
        json_object_set_new(out, "attrs", json_pack("{s:i}", "order", cmark_node_get_list_start(n)));
    return out;
}

static json_t *code_block(cmark_node *n)
{
    char *text = literal_of(n);
    json_t *content = json_array();
    add_text(content, text, NULL);
    free(text);
    json_t *out = json_pack("{s:s, s:o}", "type", "codeBlock", "content", content);
    const char *info = cmark_node_get_fence_info(n);
    size_t word = info ? strcspn(info, " \t") : 0;
    if (word > 0)
        json_object_set_new(out, "attrs", json_pack("{s:o}", "language", json_stringn(info, word)));
    return out;
}

static json_t *table_row(cmark_node *row)
{
    const char *kind = str_eq(cmark_node_get_type_string(row), "table_header") ? "tableHeader" : "tableCell";
    json_t *cells = json_array();
    for (cmark_node *c = cmark_node_first_child(row); c; c = cmark_node_next(c))
        json_array_append_new(cells, json_pack("{s:s, s:[o]}", "type", kind, "content", paragraph(c, NULL)));
    return json_pack("{s:s, s:o}", "type", "tableRow", "content", cells);
}

static json_t *table(cmark_node *n)
{
    json_t *rows = json_array();
    for (cmark_node *r = cmark_node_first_child(n); r; r = cmark_node_next(r))
        json_array_append_new(rows, table_row(r));
    return json_pack("{s:s, s:o}", "type", "table", "content", rows);
}

/* A table where none may be: each row a paragraph. */
static void add_flat_table(cmark_node *n, json_t *out)
{
    _cleanup_json_ json_t *none = json_array();
    for (cmark_node *r = cmark_node_first_child(n); r; r = cmark_node_next(r)) {
        json_t *content = json_array();
        for (cmark_node *c = cmark_node_first_child(r); c; c = cmark_node_next(c)) {
            if (json_array_size(content) > 0)
                add_text(content, " | ", none);
            add_inlines(c, none, content, 0);
        }
        json_array_append_new(out, json_pack("{s:s, s:o}", "type", "paragraph", "content", content));
    }
}

static void add_quote(cmark_node *n, enum place place, json_t *out, int depth)
{
    if (place != AT_TOP) {
        add_blocks(n, place, out, depth + 1);
        return;
    }
    json_t *content = json_array();
    add_blocks(n, IN_QUOTE, content, depth + 1);
    if (json_array_size(content) == 0)
        json_array_append_new(content, paragraph_of(""));
    json_array_append_new(out, json_pack("{s:s, s:o}", "type", "blockquote", "content", content));
}

static void add_heading(cmark_node *n, enum place place, json_t *out)
{
    json_t *node = paragraph(n, place == AT_TOP ? NULL : "strong");
    if (place == AT_TOP) {
        json_object_set_new(node, "type", json_string("heading"));
        json_object_set_new(node, "attrs", json_pack("{s:i}", "level", cmark_node_get_heading_level(n)));
    }
    json_array_append_new(out, node);
}

static void add_block(cmark_node *n, enum place place, json_t *out, int depth)
{
    cmark_node_type type = cmark_node_get_type(n);
    if (type == CMARK_NODE_PARAGRAPH) {
        json_array_append_new(out, paragraph(n, NULL));
    } else if (type == CMARK_NODE_HEADING) {
        add_heading(n, place, out);
    } else if (type == CMARK_NODE_LIST) {
        json_array_append_new(out, list(n, depth));
    } else if (type == CMARK_NODE_BLOCK_QUOTE) {
        add_quote(n, place, out, depth);
    } else if (type == CMARK_NODE_CODE_BLOCK) {
        json_array_append_new(out, code_block(n));
    } else if (type == CMARK_NODE_HTML_BLOCK) {
        char *text = literal_of(n);
        json_array_append_new(out, paragraph_of(text));
        free(text);
    } else if (type == CMARK_NODE_THEMATIC_BREAK) {
        if (place == AT_TOP)
            json_array_append_new(out, json_pack("{s:s}", "type", "rule"));
    } else if (str_eq(cmark_node_get_type_string(n), "table")) {
        if (place == AT_TOP)
            json_array_append_new(out, table(n));
        else
            add_flat_table(n, out);
    }
}

static void add_blocks(cmark_node *parent, enum place place, json_t *out, int depth)
{
    if (depth > DEPTH_MAX)
        return;
    for (cmark_node *n = cmark_node_first_child(parent); n; n = cmark_node_next(n))
        add_block(n, place, out, depth);
}

/* --- the document
 * ---------------------------------------------------------------------------------------------- */

static cmark_node *parsed(const char *markdown)
{
    cmark_gfm_core_extensions_ensure_registered();
    cmark_parser *p = cmark_parser_new(CMARK_OPT_DEFAULT | CMARK_OPT_VALIDATE_UTF8);
    static const char *const names[] = {"table", "strikethrough", "autolink"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        cmark_syntax_extension *x = cmark_find_syntax_extension(names[i]);
        if (x)
            cmark_parser_attach_syntax_extension(p, x);
    }
    size_t n = strlen(markdown);
    bool cut = n > ADF_MARKDOWN_MAX;
    for (n = cut ? ADF_MARKDOWN_MAX : n; cut && n > 0 && ((unsigned char)markdown[n] & 0xc0) == 0x80;)
        n--;
    cmark_parser_feed(p, markdown, n);
    if (cut)
        cmark_parser_feed(p, " ...", 4);
    cmark_node *document = cmark_parser_finish(p);
    cmark_parser_free(p);
    return document;
}

json_t *adf_of_markdown(const char *markdown)
{
    cmark_node *document = parsed(markdown);
    json_t *content = json_array();
    add_blocks(document, AT_TOP, content, 0);
    cmark_node_free(document);
    return json_pack("{s:s, s:i, s:o}", "type", "doc", "version", 1, "content", content);
}
