#include "web/html.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A `%` and what follows it, as far as templates use it. */
struct conversion {
    int precision; /* -1 = none, -2 = from the arguments */
    int zeros;     /* "%02d": at least so many digits */
    char size;     /* 'l' = long, 'L' = long long, 'z' = size_t, 0 = int */
    char kind;
};

static const char *read_conversion(const char *s, struct conversion *c)
{
    *c = (struct conversion){.precision = -1};
    if (*s == '0' && s[1] >= '1' && s[1] <= '9') {
        c->zeros = s[1] - '0';
        s += 2;
    }
    if (*s == '.' && s[1] == '*') {
        c->precision = -2;
        s += 2;
    } else if (*s == '.') {
        c->precision = 0;
        for (s++; *s >= '0' && *s <= '9'; s++)
            c->precision = c->precision * 10 + (*s - '0');
    }
    if (*s == 'z' || *s == 'l') {
        c->size = *s == 'l' && s[1] == 'l' ? 'L' : *s;
        s += c->size == 'L' ? 2 : 1;
    }
    c->kind = *s;
    return *s ? s + 1 : s;
}

static void put_text(struct html *h, const char *text, int precision)
{
    if (!text)
        return;
    if (precision < 0) {
        buf_add_html(&h->out, text);
        return;
    }
    buf_add_html(&h->out, arena_strndup(h->arena, text, strnlen(text, (size_t)precision)));
}

void html_text(struct html *h, const char *text)
{
    put_text(h, text, -1);
}

void html_put(struct html *h, const char *template, ...)
{
    va_list ap;
    va_start(ap, template);
    for (const char *s = template; *s;) {
        size_t n = strcspn(s, "%");
        buf_add(&h->out, s, n);
        s += n;
        if (!*s)
            break;
        struct conversion c;
        s = read_conversion(s + 1, &c);
        int precision = c.precision == -2 ? va_arg(ap, int) : c.precision;
        switch (c.kind) {
        case 's':
            put_text(h, va_arg(ap, const char *), precision);
            break;
        case 'd':
            if (c.size)
                buf_printf(&h->out, "%lld", c.size == 'L' ? va_arg(ap, long long) : va_arg(ap, long));
            else
                buf_printf(&h->out, "%0*d", c.zeros, va_arg(ap, int));
            break;
        case 'u':
            buf_printf(&h->out, "%zu", c.size == 'z' ? va_arg(ap, size_t) : (size_t)va_arg(ap, unsigned));
            break;
        case 'f':
            buf_printf(&h->out, "%.*f", precision < 0 ? 6 : precision, va_arg(ap, double));
            break;
        case '%':
            buf_addc(&h->out, '%');
            break;
        default: /* a template is a literal: whoever wrote it sees this at once */
            abort();
        }
    }
    va_end(ap);
}

void html_put_safe(struct html *h, struct html_safe safe, size_t n)
{
    buf_add(&h->out, safe.text, n);
}

const char *html_link(const char *url)
{
    if (!url)
        return "#";
    bool ours = url[0] == '/' && url[1] != '/' && url[1] != '\\';
    bool known = str_starts(url, "https://") || str_starts(url, "http://") || str_starts(url, "mailto:");
    return ours || known || url[0] == '#' || url[0] == '?' ? url : "#";
}

const char *html_part(struct html *h, const char *text)
{
    _cleanup_buf_ struct buf out = {0};
    buf_add_url(&out, text ? text : "");
    return arena_strdup(h->arena, buf_str(&out));
}
