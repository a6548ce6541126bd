/* page.h: a Markdown page becomes a procedure.
 *
 * The page is CommonMark with tables (cmark-gfm) and Hugo front matter (YAML between `---` lines; unknown
 * keys are the handbook's and left alone; ours stand under `signalbox:`). A step is a fenced block with the
 * info string `step`, in YAML. docs/sop-pages.md is the manual; the parser's tables are its source. Pure:
 * reads no file. */
#ifndef SB_SOP_PAGE_H
#define SB_SOP_PAGE_H

#include "sop/procedure.h"

enum { PAGE_MAX_BYTES = 1 << 20, PAGE_ERRORS_MAX = 20 };

struct page_errors {
    struct error list[PAGE_ERRORS_MAX];
    int n;     /* kept */
    int total; /* found */
};

/* Parses and checks the whole page: every step's fields, verbs and their arguments, expressions (compiled),
 * templates, moments, references between steps (no circle, none unknown), inputs, interlocks. Finds as many
 * mistakes as it can in one go, each with file, line, column, what was expected, and a near name. NULL when
 * there is any. A page without a single step is a valid handbook page: n_steps is 0. `file` names the page in
 * errors. */
struct procedure *page_parse(const char *text, size_t n, const char *file, struct arena *a,
                             struct page_errors *errors);

/* The page as HTML for people: prose with headings, lists and tables; raw HTML of the page is escaped; step
 * blocks become
 * `<div class="step" id="step-ID"></div>` for the caller to fill. Heap, caller frees. */
char *page_html(const char *text, size_t n);

#endif
