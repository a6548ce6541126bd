/* fill.c: see fill.h. */
#include "systems/fill.h"
#include <string.h>

void fill_plain(struct buf *out, const char *value)
{
    buf_adds(out, value);
}

void fill_url(struct buf *out, const char *value)
{
    buf_add_url(out, value);
}

void fill_quoted(struct buf *out, const char *value)
{
    for (const char *p = value; *p; p++) {
        if (*p == '\n') {
            buf_adds(out, "\\n");
            continue;
        }
        if (*p == '\\' || *p == '"')
            buf_addc(out, '\\');
        buf_addc(out, *p);
    }
}

/* The length of "{name}" when `at` begins with it, else 0. */
static size_t braced(const char *at, const char *name)
{
    size_t n = strlen(name);
    return at[0] == '{' && strncmp(at + 1, name, n) == 0 && at[n + 1] == '}' ? n + 2 : 0;
}

char *fill(const char *text, const struct fill *values, fill_escape *escape, struct arena *a)
{
    _cleanup_buf_ struct buf out = {0};
    const char *p = text;
    while (*p) {
        size_t n = 0;
        for (const struct fill *v = values; v->name && n == 0; v++) {
            n = braced(p, v->name);
            if (n > 0 && v->value)
                escape(&out, v->value);
        }
        if (n == 0) {
            buf_addc(&out, *p);
            n = 1;
        }
        p += n;
    }
    return arena_strndup(a, buf_str(&out), out.len);
}

bool fill_uses(const char *text, const char *name)
{
    for (const char *p = text; *p; p++)
        if (braced(p, name) > 0)
            return true;
    return false;
}
