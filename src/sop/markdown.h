/* markdown.h: what a page is made of, for the page parser and for the page as HTML: headings with their
 * slugs, and step blocks with the prose around them. Not for others: they use sop/page.h. */
#ifndef SB_SOP_MARKDOWN_H
#define SB_SOP_MARKDOWN_H

#include "sop/procedure.h"
#include <cmark-gfm.h>

enum { MD_HEADINGS_MAX = 1000, MD_LEVELS = 6 };

struct md_heading {
    const char *slug; /* as GitHub makes them: "when-something-goes-wrong" */
    const char *text;
    int level, line;
};

struct md_block {
    const char *yaml;
    size_t n;
    int line;         /* of its fence */
    int column;       /* columns that the page has left of its YAML */
    const char *info; /* the word after the fence */
    const char *title, *section, *prose;
    int within[MD_LEVELS]; /* headings it stands under, outermost first */
    int n_within;
};

struct md_page {
    struct md_heading *headings;
    int n_headings;
    struct md_block *blocks; /* info string `step`, or so near to it that it was meant */
    int n_blocks;
    bool too_many; /* headings or blocks: the rest was not read */
};

/* Front matter: the YAML between two `---` lines at the very beginning. */
struct md_front {
    const char *yaml;
    size_t n;
    size_t end; /* where the page's text begins */
    bool open;  /* begun and never ended */
};
struct md_front md_front(const char *text, size_t n);

/* A cmark document of the text after the front matter, with line numbers of the whole page. cmark_node_free.
 */
cmark_node *md_document(const char *text, size_t n);
/* Everything in `a`; `text` is the whole page. */
void md_read(cmark_node *document, const char *text, size_t n, struct arena *a, struct md_page *out);
/* Is this the node of a step block? */
bool md_is_step(cmark_node *node);
/* The plain text of a paragraph or heading, in `a`. */
char *md_text(cmark_node *node, struct arena *a);
/* The slug of a heading's text, in `a`; `earlier` has those given before it in the page. */
char *md_slug(const char *text, const struct md_heading *earlier, int n_earlier, struct arena *a);

#endif
