/* html.h: HTML, put together so that nothing unescaped gets into it by accident.
 *
 * A template is a literal in the source: -Wformat=2 refuses any other. What fills it is always escaped, for text
 * and for attributes in quotes alike; an outside address goes through html_link besides, a piece of one of our
 * own paths through html_part. The one way around is struct html_safe, which only who makes HTML that is safe by
 * construction may fill (sop/page.h). */
#ifndef SB_WEB_HTML_H
#define SB_WEB_HTML_H

#include "base/arena.h"
#include "base/buf.h"

struct html {
    struct buf out;
    struct arena *arena; /* of the page */
    const char *icons;   /* path of the file of icons */
};

/* Knows %s (NULL is empty), %.*s, %d, %02d, %u, %ld, %lld, %zu, %.Nf and %%. Attributes stand in single quotes, which
 * keeps templates readable; both kinds are escaped. */
void html_put(struct html *h, const char *template, ...) PRINTF_LIKE(2, 3);
/* Escaped text alone. */
void html_text(struct html *h, const char *text);

struct html_safe {
    const char *text;
};
void html_put_safe(struct html *h, struct html_safe safe, size_t n);

/* An address for href: as it is when it is http, https, mailto or a path of ours; "#" for anything else, such as
 * javascript:. In the page's arena when it is not `url` itself. */
const char *html_link(const char *url);
/* Percent-encoded, for one segment of a path or one value of a query. In the page's arena. */
const char *html_part(struct html *h, const char *text);

#endif
