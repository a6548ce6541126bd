#include "base/buf.h"

#include "base/utf8.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_free(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}

/* Room for `more` bytes and the terminator. */
static void grow(struct buf *b, size_t more)
{
    size_t need;
    if (__builtin_add_overflow(b->len, more, &need) || __builtin_add_overflow(need, 1, &need))
        abort();
    if (need <= b->cap)
        return;
    size_t cap = b->cap < 64 ? 64 : b->cap;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    char *data = realloc(b->data, cap);
    if (data == NULL)
        abort();
    b->data = data;
    b->cap = cap;
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
    grow(b, n);
    if (n > 0)
        memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0)
        abort();
    grow(b, (size_t)n);
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
    va_end(again);
    b->len += (size_t)n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data != NULL)
        b->data[0] = '\0';
}

const char *buf_str(const struct buf *b)
{
    return b->data != NULL ? b->data : "";
}

char *buf_steal(struct buf *b)
{
    if (b->data == NULL)
        buf_add(b, "", 0);
    char *data = b->data;
    *b = (struct buf){0};
    return data;
}

void buf_add_html(struct buf *b, const char *s)
{
    for (; *s != '\0'; s++) {
        switch (*s) {
        case '&':
            buf_adds(b, "&amp;");
            break;
        case '<':
            buf_adds(b, "&lt;");
            break;
        case '>':
            buf_adds(b, "&gt;");
            break;
        case '"':
            buf_adds(b, "&quot;");
            break;
        case '\'':
            buf_adds(b, "&#39;");
            break;
        default:
            buf_addc(b, *s);
        }
    }
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void buf_add_url(struct buf *b, const char *s)
{
    for (; *s != '\0'; s++) {
        if (is_unreserved(*s))
            buf_addc(b, *s);
        else
            buf_printf(b, "%%%02X", (unsigned)(unsigned char)*s);
    }
}

static void add_json_ascii(struct buf *b, char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = strchr(from, c);
    if (at != NULL) {
        char escaped[2] = {'\\', to[at - from]};
        buf_add(b, escaped, sizeof escaped);
    } else if ((unsigned char)c < 0x20) {
        buf_printf(b, "\\u%04X", (unsigned)c);
    } else {
        buf_addc(b, c);
    }
}

void buf_add_json(struct buf *b, const char *s)
{
    buf_addc(b, '"');
    size_t left = strlen(s);
    while (left > 0) {
        uint32_t point;
        size_t n = utf8_next(s, left, &point);
        if (n == 1)
            add_json_ascii(b, *s);
        else if (n > 1)
            buf_add(b, s, n);
        else
            buf_adds(b, "\xEF\xBF\xBD"); /* what is not UTF-8 must not make the whole text invalid JSON */
        n = n == 0 ? 1 : n;
        s += n;
        left -= n;
    }
    buf_addc(b, '"');
}
