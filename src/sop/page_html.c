/* page_html.c: the page for people. Safe by construction: raw HTML of the page is shown as text, so that the
 * only tags are cmark's and ours. */
#include "base/buf.h"
#include "sop/markdown.h"
#include "sop/page.h"
#include "sop/page_parts.h"

#include <stdlib.h>
#include <string.h>

/* The id of a step block, without parsing its YAML: a page with mistakes in it must be readable as well. */
static bool block_id(cmark_node *node, struct buf *out)
{
    for (const char *line = cmark_node_get_literal(node); line != NULL && *line != '\0';) {
        if (str_starts(line, "id:")) {
            const char *id = line + 3 + strspn(line + 3, " \t");
            buf_add(out, id, strcspn(id, " \t\r\n#"));
            return page_id_valid(buf_str(out));
        }
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return false;
}

static void replace(cmark_node *old, cmark_node *new)
{
    if (new == NULL)
        abort();
    if (cmark_node_replace(old, new))
        cmark_node_free(old);
    else
        cmark_node_free(new);
}

static void show_step(cmark_node *node)
{
    _cleanup_buf_ struct buf id = {0}, div = {0};
    if (!block_id(node, &id))
        return;
    buf_printf(&div, "<div class=\"step\" id=\"step-%s\"></div>", buf_str(&id));
    cmark_node *block = cmark_node_new(CMARK_NODE_CUSTOM_BLOCK);
    cmark_node_set_on_enter(block, buf_str(&div));
    replace(node, block);
}

static bool is_comment(const char *html)
{
    html += strspn(html, " \n");
    return str_starts(html, "<!--");
}

static cmark_node *text_node(const char *text)
{
    cmark_node *node = cmark_node_new(CMARK_NODE_TEXT);
    cmark_node_set_literal(node, text);
    return node;
}

static void show_html(cmark_node *node)
{
    const char *html = cmark_node_get_literal(node);
    if (is_comment(html)) {
        cmark_node_unlink(node);
        cmark_node_free(node);
    } else if (cmark_node_get_type(node) == CMARK_NODE_HTML_INLINE) {
        replace(node, text_node(html));
    } else {
        cmark_node *paragraph = cmark_node_new(CMARK_NODE_PARAGRAPH);
        cmark_node_append_child(paragraph, text_node(html));
        replace(node, paragraph);
    }
}

/* The nodes are gathered before any is replaced: an iterator does not survive that. */
static void show_all(cmark_node *document, struct arena *a, struct md_page *page)
{
    cmark_iter *iter = cmark_iter_new(document);
    cmark_event_type event;
    size_t n = 0, room = 0;
    cmark_node **nodes = NULL;
    while ((event = cmark_iter_next(iter)) != CMARK_EVENT_DONE) {
        cmark_node *node = cmark_iter_get_node(iter);
        cmark_node_type type = cmark_node_get_type(node);
        if (event != CMARK_EVENT_ENTER ||
            !(type == CMARK_NODE_HTML_BLOCK || type == CMARK_NODE_HTML_INLINE || md_is_step(node)))
            continue;
        if (n == room) {
            room = room == 0 ? 64 : room * 2;
            nodes = realloc(nodes, room * sizeof *nodes);
            if (nodes == NULL)
                abort();
        }
        nodes[n++] = node;
    }
    cmark_iter_free(iter);
    md_read(document, "", 0, a, page);
    for (size_t i = 0; i < n; i++) {
        if (cmark_node_get_type(nodes[i]) == CMARK_NODE_CODE_BLOCK)
            show_step(nodes[i]);
        else
            show_html(nodes[i]);
    }
    free(nodes);
}

/* cmark gives headings no ids. Its own `<h2>` is the only one in the text, since everything else is escaped.
 */
static void add_ids(const char *html, const struct md_page *page, struct buf *out)
{
    int heading = 0;
    for (const char *s = html; *s != '\0';) {
        const char *tag = strstr(s, "<h");
        if (tag == NULL || heading == page->n_headings) {
            buf_adds(out, s);
            return;
        }
        if (tag[2] < '1' || tag[2] > '6' || tag[3] != '>') {
            buf_add(out, s, (size_t)(tag - s) + 2);
            s = tag + 2;
            continue;
        }
        buf_add(out, s, (size_t)(tag - s) + 3);
        buf_adds(out, " id=\"");
        buf_add_html(out, page->headings[heading++].slug);
        buf_adds(out, "\"");
        s = tag + 3;
    }
}

char *page_html(const char *text, size_t n)
{
    _cleanup_arena_ struct arena a = arena_make();
    struct md_page page;
    struct buf out = {0};
    if (n > PAGE_MAX_BYTES)
        n = 0;
    cmark_node *document = md_document(text, n);
    show_all(document, &a, &page);
    char *html = cmark_render_html(document, CMARK_OPT_DEFAULT, NULL);
    add_ids(html, &page, &out);
    free(html);
    cmark_node_free(document);
    buf_add(&out, "", 0);
    return buf_steal(&out);
}
