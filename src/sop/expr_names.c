/* expr_names.c: which facts an expression mentions, found by reading its tokens: so that a page with a
 * misspelt fact is refused when it is loaded, not at night when the step comes up. */
#include "sop/expr.h"

#include <string.h>

enum kind { TOKEN_END, TOKEN_NAME, TOKEN_TEXT, TOKEN_OTHER };

struct token {
    enum kind kind;
    const char *s;
    size_t n;
};

struct reader {
    const char *at, *end;
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *past_text(const char *s, const char *end)
{
    char quote = *s++;
    for (; s < end && *s != quote; s++)
        if (*s == '\\' && s + 1 < end)
            s++;
    return s < end ? s + 1 : end;
}

static struct token next_token(struct reader *r)
{
    while (r->at < r->end && strchr(" \t\r\n", *r->at) != NULL)
        r->at++;
    struct token t = {.s = r->at};
    if (r->at == r->end)
        return t;
    const char *s = r->at;
    t.kind = TOKEN_OTHER;
    if (is_letter(*s)) {
        t.kind = TOKEN_NAME;
        while (s < r->end && (is_letter(*s) || is_digit(*s)))
            s++;
    } else if (is_digit(*s)) {
        while (s < r->end && (is_letter(*s) || is_digit(*s) || *s == '.'))
            s++;
    } else if (*s == '"' || *s == '\'') {
        t.kind = TOKEN_TEXT;
        s = past_text(s, r->end);
    } else if (r->end - s >= 2 && (memcmp(s, "..", 2) == 0 || memcmp(s, "==", 2) == 0)) {
        s += 2;
    } else {
        s++;
    }
    t.n = (size_t)(s - r->at);
    r->at = s;
    return t;
}

static bool is(const struct token *t, const char *text)
{
    return t->n == strlen(text) && memcmp(t->s, text, t->n) == 0;
}

static bool keyword(const struct token *t)
{
    static const char *const words[] = {"and", "or", "not", "true", "false", "nil"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (is(t, words[i]))
            return true;
    return false;
}

/* Statements inside `function` bring names of their own; such an expression is left to Lua. A comment or a
 * long text likewise. */
static bool readable(const char *expr, size_t n)
{
    struct reader r = {expr, expr + n};
    for (struct token t = next_token(&r); t.kind != TOKEN_END; t = next_token(&r))
        if ((t.kind == TOKEN_NAME && is(&t, "function")) || (*t.s == '-' && r.at < r.end && *r.at == '-') ||
            (*t.s == '[' && r.at < r.end && (*r.at == '[' || *r.at == '=')))
            return false;
    return true;
}

static void copy(char *to, size_t size, const char *from, size_t n)
{
    if (n >= size)
        n = size - 1;
    memcpy(to, from, n);
    to[n] = '\0';
}

/* `.name` or `["text"]` after a root. */
static void read_member(struct reader r, struct expr_name *name)
{
    struct token t = next_token(&r);
    if (is(&t, ".")) {
        t = next_token(&r);
        if (t.kind == TOKEN_NAME)
            copy(name->member, sizeof name->member, t.s, t.n);
    } else if (is(&t, "[")) {
        t = next_token(&r);
        struct token close = next_token(&r);
        if (t.kind == TOKEN_TEXT && t.n >= 2 && is(&close, "]") && memchr(t.s, '\\', t.n) == NULL)
            copy(name->member, sizeof name->member, t.s + 1, t.n - 2);
    }
}

void expr_names(const char *expr, size_t n, void (*seen)(void *ctx, const struct expr_name *name), void *ctx)
{
    if (!readable(expr, n))
        return;
    struct reader r = {expr, expr + n};
    struct token before = {0};
    for (struct token t = next_token(&r); t.kind != TOKEN_END; before = t, t = next_token(&r)) {
        if (t.kind != TOKEN_NAME || keyword(&t) || is(&before, ".") || is(&before, ":"))
            continue;
        struct reader ahead = r;
        struct token after = next_token(&ahead);
        if (is(&after, "=") && (is(&before, "{") || is(&before, ",") || is(&before, ";")))
            continue; /* a field of a table */
        struct expr_name name = {.offset = (size_t)(t.s - expr)};
        copy(name.root, sizeof name.root, t.s, t.n);
        read_member(r, &name);
        seen(ctx, &name);
    }
}
