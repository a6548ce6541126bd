#include "yard/route.h"

#include "base/hash.h"
#include "base/json.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { CALL_BODY_MAX = 8 << 20 };

struct call call_of(struct yard *y, json_t *world, struct exchange *x)
{
    const struct server_request *r = exchange_request(x);
    return (struct call){.y = y, .world = world, .x = x, .r = r, .a = r->arena, .now = yard_now(y)};
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    int l = tolower((unsigned char)c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

static char *decoded(struct arena *a, const char *s, size_t n)
{
    char *out = arena_alloc(a, n + 1), *w = out;
    for (size_t i = 0; i < n; i++) {
        int high = s[i] == '%' && n - i > 2 ? hex_value(s[i + 1]) : -1;
        int low = high >= 0 ? hex_value(s[i + 2]) : -1;
        if (low >= 0 && high + low > 0) {
            *w++ = (char)(high * 16 + low);
            i += 2;
        } else {
            *w++ = s[i];
        }
    }
    return out;
}

/* The next segment of `*at`: its length, and `*at` moved past it. False at the end. */
static bool segment(const char **at, const char **start, size_t *n)
{
    while (**at == '/')
        (*at)++;
    *start = *at;
    *n = strcspn(*at, "/?");
    *at += *n;
    return *n > 0;
}

bool route_fits(struct call *c, const char *pattern)
{
    const char *path = c->r->raw_path, *p, *s;
    size_t pn, sn;
    int parts = 0;
    memset(c->part, 0, sizeof c->part);
    while (segment(&pattern, &p, &pn)) {
        if (pn == 2 && memcmp(p, "**", 2) == 0) {
            while (*path == '/')
                path++;
            c->part[parts] = decoded(c->a, path, strcspn(path, "?"));
            return true;
        }
        if (!segment(&path, &s, &sn))
            return false;
        const char *word = decoded(c->a, s, sn);
        if (pn == 1 && *p == '*') {
            if (parts == ROUTE_PARTS_MAX - 1)
                return false;
            c->part[parts++] = word;
        } else if (strlen(word) != pn || memcmp(word, p, pn) != 0) {
            return false;
        }
    }
    return !segment(&path, &s, &sn);
}

enum route_found route_serve(const struct route *routes, struct call *c)
{
    enum route_found found = ROUTE_NO_PATH;
    for (const struct route *r = routes; r->method; r++) {
        if (!route_fits(c, r->pattern))
            continue;
        if (str_eq(r->method, c->r->method) || (str_eq(r->method, "GET") && str_eq(c->r->method, "HEAD"))) {
            r->serve(c);
            return ROUTE_SERVED;
        }
        found = ROUTE_OTHER_METHOD;
    }
    return found;
}

json_t *call_json(const struct call *c)
{
    json_t *body = json_read(c->r->body, c->r->body_len, CALL_BODY_MAX, "request", NULL);
    if (body && !json_is_object(body)) {
        json_decref(body);
        return NULL;
    }
    return body;
}

const char *call_arg(const struct call *c, const char *name)
{
    const char *v = request_query(c->x, name);
    return v ? v : request_form(c->x, name);
}

void call_answer(struct call *c, int status, json_t *body)
{
    yard_answer(c->y, c->x, status, body);
}

void call_answer_text(struct call *c, int status, const char *type, const char *text)
{
    yard_answer_bytes(c->y, c->x, status, type, text, strlen(text));
}

bool call_signed_in(const struct call *c, const char *scheme, const char *secret)
{
    const char *given = request_header(c->x, "Authorization");
    size_t n = strlen(scheme);
    if (!given || strncasecmp(given, scheme, n) != 0 || given[n] != ' ')
        return false;
    given += n + strspn(given + n, " ");
    return strlen(given) == strlen(secret) && bytes_equal(given, secret, strlen(secret));
}

char *stable_id(struct arena *a, int n, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(a, fmt, ap);
    va_end(ap);
    char hex[SHA256_HEX + 1];
    sha256_hex(text, strlen(text), hex);
    return arena_strndup(a, hex, n > SHA256_HEX ? SHA256_HEX : (size_t)n);
}
