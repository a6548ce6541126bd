/* expr_fill.c: templates: text with {{ expressions }} in it. */
#include "base/buf.h"
#include "sop/expr_lua.h"

#include <stdlib.h>
#include <string.h>

/* A template taken apart: text, then perhaps an expression, then the rest. */
struct piece {
    size_t text_n;       /* bytes of plain text */
    bool literal;        /* followed by {{{{ */
    size_t expr, expr_n; /* the expression's place; expr_n == 0 = none */
    size_t next;         /* where the rest begins */
};

/* From a place within an expression to a place within the template that holds it. */
static void place(const char *text, size_t offset, struct error *e)
{
    int line = 1, column = 1;
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)text[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    if (e->line <= 1 && e->column > 0)
        column += e->column - 1;
    else if (e->line > 1)
        column = e->column;
    if (e->line > 1)
        line += e->line - 1;
    e->line = line;
    e->column = column;
}

static bool fault(const char *text, size_t offset, struct error *err, const char *says)
{
    struct error e;
    error_at(&e, SB_PARSE, NULL, 1, 1, "%s", says);
    place(text, offset, &e);
    if (err != NULL)
        *err = e;
    return false;
}

/* The `}}` that ends an expression, past texts in quotes and Lua tables. */
static bool find_end(const char *text, size_t from, size_t *end)
{
    int depth = 0;
    for (size_t i = from; text[i] != '\0'; i++) {
        if (text[i] == '"' || text[i] == '\'') {
            char quote = text[i];
            for (i++; text[i] != '\0' && text[i] != quote; i++)
                if (text[i] == '\\' && text[i + 1] != '\0')
                    i++;
            if (text[i] == '\0')
                return false;
        } else if (text[i] == '{') {
            depth++;
        } else if (text[i] == '}' && depth > 0) {
            depth--;
        } else if (text[i] == '}' && text[i + 1] == '}') {
            *end = i;
            return true;
        }
    }
    return false;
}

static bool next_piece(const char *text, size_t from, struct piece *p, struct error *err)
{
    const char *open = strstr(text + from, "{{");
    memset(p, 0, sizeof *p);
    if (open == NULL) {
        p->text_n = strlen(text + from);
        p->next = from + p->text_n;
        return true;
    }
    p->text_n = (size_t)(open - (text + from));
    size_t at = from + p->text_n;
    if (strncmp(open, "{{{{", 4) == 0) {
        p->literal = true;
        p->next = at + 4;
        return true;
    }
    size_t end = 0;
    if (!find_end(text, at + 2, &end))
        return fault(text, at, err,
                     "{{ is not closed: }} is missing. To write two braces themselves, write {{{{");
    p->expr = at + 2;
    p->expr_n = end - p->expr;
    p->next = end + 2;
    if (strspn(text + p->expr, " \t\r\n") >= p->expr_n)
        return fault(text, at, err, "an expression is expected between {{ and }}");
    return true;
}

/* NULL: the value has no text. Numbers as a person writes them. */
static bool value_text(const json_t *j, struct buf *out)
{
    if (json_is_string(j))
        buf_add(out, json_string_value(j), json_string_length(j));
    else if (json_is_integer(j))
        buf_printf(out, "%lld", (long long)json_integer_value(j));
    else if (json_is_real(j))
        buf_printf(out, "%.14g", json_real_value(j));
    else if (json_is_boolean(j))
        buf_adds(out, json_is_true(j) ? "true" : "false");
    else
        return json_is_null(j);
    return true;
}

static bool list_text(const json_t *j, struct buf *out)
{
    size_t i;
    json_t *item;
    if (!json_is_array(j))
        return value_text(j, out);
    json_array_foreach(j, i, item) {
        if (i > 0)
            buf_adds(out, ", ");
        if (!value_text(item, out))
            return false;
    }
    return true;
}

static bool fill_one(struct expr *x, const char *text, const struct piece *p, struct buf *out,
                     struct error *err)
{
    struct error e = ERROR_NONE;
    char *inner = strndup(text + p->expr, p->expr_n);
    if (inner == NULL)
        abort();
    json_t *value = expr_eval(x, inner, &e);
    bool ok = value != NULL;
    if (ok && !list_text(value, out)) {
        ok = error_at(&e, SB_RANGE, NULL, 1, 1,
                      "a map has no text: name one of its fields, or use each(list, \"{service} {tag}\")");
    }
    if (ok && out->len > EXPR_TEXT_MAX)
        ok = error_at(&e, SB_LIMIT, NULL, 1, 1, "the text is longer than %d bytes", EXPR_TEXT_MAX);
    json_decref(value);
    free(inner);
    if (!ok) {
        place(text, p->expr, &e);
        if (err != NULL)
            *err = e;
    }
    return ok;
}

static bool fill(struct expr *x, const char *text, struct buf *out, struct error *err)
{
    for (size_t at = 0; text[at] != '\0';) {
        struct piece p;
        if (!next_piece(text, at, &p, err))
            return false;
        buf_add(out, text + at, p.text_n);
        if (p.literal)
            buf_adds(out, "{{");
        if (p.expr_n > 0 && !fill_one(x, text, &p, out, err))
            return false;
        if (out->len > EXPR_TEXT_MAX)
            return error_set(err, SB_LIMIT, "the text is longer than %d bytes", EXPR_TEXT_MAX);
        at = p.next;
    }
    return true;
}

char *expr_fill(struct expr *x, const char *text, struct arena *a, struct error *err)
{
    _cleanup_buf_ struct buf out = {0};
    if (!fill(x, text, &out, err))
        return NULL;
    return arena_strndup(a, buf_str(&out), out.len);
}

bool expr_fill_check(struct expr *x, const char *text, struct error *err)
{
    for (size_t at = 0; text[at] != '\0';) {
        struct piece p;
        if (!next_piece(text, at, &p, err))
            return false;
        at = p.next;
        if (p.expr_n == 0)
            continue;
        struct error e = ERROR_NONE;
        char *inner = strndup(text + p.expr, p.expr_n);
        if (inner == NULL)
            abort();
        bool ok = expr_check(x, inner, &e);
        free(inner);
        if (!ok) {
            place(text, p.expr, &e);
            if (err != NULL)
                *err = e;
            return false;
        }
    }
    return true;
}

void expr_each(const char *text, void (*seen)(void *ctx, const char *expr, size_t n, size_t offset),
               void *ctx)
{
    for (size_t at = 0; text[at] != '\0';) {
        struct piece p;
        if (!next_piece(text, at, &p, NULL))
            return;
        if (p.expr_n > 0)
            seen(ctx, text + p.expr, p.expr_n, p.expr);
        at = p.next;
    }
}

bool expr_whole(const char *text)
{
    struct piece p;
    return strncmp(text, "{{", 2) == 0 && next_piece(text, 0, &p, NULL) && p.text_n == 0 && p.expr_n > 0 &&
           text[p.next] == '\0';
}

static json_t *fill_string(struct expr *x, const char *text, struct error *err)
{
    if (!expr_whole(text)) {
        _cleanup_buf_ struct buf out = {0};
        if (!fill(x, text, &out, err))
            return NULL;
        json_t *j = json_stringn(buf_str(&out), out.len);
        if (j == NULL)
            error_set(err, SB_RANGE, "the text is not valid UTF-8");
        return j;
    }
    struct piece p;
    struct error e = ERROR_NONE;
    if (!next_piece(text, 0, &p, err))
        return NULL;
    char *inner = strndup(text + p.expr, p.expr_n);
    if (inner == NULL)
        abort();
    json_t *j = expr_eval(x, inner, &e);
    free(inner);
    if (j == NULL) {
        place(text, p.expr, &e);
        if (err != NULL)
            *err = e;
    }
    return j;
}

static json_t *fill_value(struct expr *x, const json_t *value, int depth, struct error *err);

static json_t *fill_array(struct expr *x, const json_t *value, int depth, struct error *err)
{
    json_t *out = json_array();
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item) {
        json_t *filled = fill_value(x, item, depth + 1, err);
        if (filled == NULL) {
            json_decref(out);
            error_wrap(err, err, "[%zu]", i + 1);
            return NULL;
        }
        json_array_append_new(out, filled);
    }
    return out;
}

static json_t *fill_object(struct expr *x, const json_t *value, int depth, struct error *err)
{
    json_t *out = json_object();
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)value, key, item) {
        json_t *filled = fill_value(x, item, depth + 1, err);
        if (filled == NULL) {
            json_decref(out);
            error_wrap(err, err, "%s", key);
            return NULL;
        }
        json_object_set_new(out, key, filled);
    }
    return out;
}

static json_t *fill_value(struct expr *x, const json_t *value, int depth, struct error *err)
{
    if (depth > EXPR_DEPTH_MAX) {
        error_set(err, SB_LIMIT, "the arguments are nested too deeply");
        return NULL;
    }
    if (json_is_string(value))
        return fill_string(x, json_string_value(value), err);
    if (json_is_array(value))
        return fill_array(x, value, depth, err);
    if (json_is_object(value))
        return fill_object(x, value, depth, err);
    return json_deep_copy(value);
}

json_t *expr_fill_json(struct expr *x, const json_t *value, struct error *err)
{
    return fill_value(x, value, 0, err);
}
