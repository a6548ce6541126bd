/* fill.h: texts with known names in braces, as configurations hold them: "https://{client}.example/health",
 * "--tag={tag}".
 *
 * Only the names given are replaced; every other brace stays as it is (PromQL and JSON use braces of their
 * own). Pure. */
#ifndef SB_SYSTEMS_FILL_H
#define SB_SYSTEMS_FILL_H

#include "base/arena.h"
#include "base/buf.h"

struct fill {
    const char *name;  /* "client" */
    const char *value; /* NULL is filled as "" */
};

/* How a value is escaped for where it goes. */
typedef void fill_escape(struct buf *out, const char *value);
void fill_plain(struct buf *out, const char *value);
void fill_url(struct buf *out, const char *value); /* percent-encoded */
void fill_quoted(
    struct buf *out,
    const char *value); /* inside double quotes: backslash, quote and line break escaped (PromQL) */

/* `values` ends with a NULL name. The text is in the arena. */
char *fill(const char *text, const struct fill *values, fill_escape *escape, struct arena *a);
/* Does the text use {name}? */
bool fill_uses(const char *text, const char *name);

#endif
