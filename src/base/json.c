#include "base/json.h"

#include "base/buf.h"
#include "base/locale.h"
#include "base/read.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_drop(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

/* The deepest nesting of brackets outside strings. Jansson's own bound is 2048, too deep for code that
 * recurses. */
static size_t depth_of(const char *text, size_t n)
{
    size_t depth = 0, deepest = 0;
    bool quoted = false;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == '{') && ++depth > deepest)
            deepest = depth;
        else if (!quoted && (c == ']' || c == '}') && depth > 0)
            depth--;
    }
    return deepest;
}

/* Says where and why without jansson's "near '...'": what it quotes there may be a credential. */
static json_t *refuse(struct error *err, const char *file, const char *what, const json_error_t *why)
{
    struct error cause;
    const char *end = strstr(why->text, " near ");
    if (end == NULL)
        end = strstr(why->text, " without JSON_"); /* names its own option, which tells nobody anything */
    int said = end != NULL ? (int)(end - why->text) : (int)strlen(why->text);
    error_at(&cause, SB_PARSE, file, why->line, why->column, "not valid JSON at line %d, column %d: %.*s",
             why->line, why->column, said, why->text);
    error_wrap(&cause, err, "%s", what);
    return NULL;
}

static json_t *read_text(const char *text, size_t n, size_t max_bytes, const char *file, const char *what,
                         struct error *err)
{
    if (n > max_bytes) {
        error_at(err, SB_LIMIT, file, 0, 0, "%s: more than %zu bytes of JSON", what, max_bytes);
        return NULL;
    }
    if (n == 0) {
        error_at(err, SB_PARSE, file, 0, 0, "%s: empty where JSON was expected", what);
        return NULL;
    }
    if (depth_of(text, n) > JSON_MAX_DEPTH) {
        error_at(err, SB_LIMIT, file, 0, 0, "%s: JSON nested deeper than %d", what, JSON_MAX_DEPTH);
        return NULL;
    }
    json_error_t why;
    json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    return j != NULL ? j : refuse(err, file, what, &why);
}

json_t *json_read(const char *text, size_t n, size_t max_bytes, const char *what, struct error *err)
{
    return read_text(text, n, max_bytes, NULL, what, err);
}

json_t *json_read_file(const char *path, size_t max_bytes, struct error *err)
{
    _cleanup_buf_ struct buf text = {0};
    if (!read_file(path, max_bytes, &text, err))
        return NULL;
    return read_text(buf_str(&text), text.len, max_bytes, path, path, err);
}

/* The fewest digits that read back as the same number. Jansson's own form changed between its versions, and a
 * form that is hashed must not. */
static void add_real(struct buf *b, double value)
{
    char text[40];
    locale_t callers = uselocale(locale_ours());
    if (fabs(value) < 1e15 && trunc(value) == value) {
        snprintf(text, sizeof text, "%.1f", value); /* without ".0" it would read back as an integer */
    } else {
        for (int digits = 1; digits <= 17; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, value);
            if (strtod(text, NULL) == value)
                break;
        }
    }
    uselocale(callers);
    buf_adds(b, text);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_canonical(struct buf *b, const json_t *j);

static void add_object(struct buf *b, const json_t *j)
{
    size_t n = json_object_size(j), i = 0;
    const char **keys = calloc(n + 1, sizeof *keys);
    if (keys == NULL)
        abort();
    json_t *object = (json_t *)(uintptr_t)j,
           *value; /* iterating changes nothing, but jansson asks for a non-const */
    const char *key;
    json_object_foreach(object, key, value)
        keys[i++] = key;
    qsort(keys, n, sizeof *keys, by_bytes);
    buf_addc(b, '{');
    for (i = 0; i < n; i++) {
        if (i > 0)
            buf_addc(b, ',');
        buf_add_json(b, keys[i]);
        buf_addc(b, ':');
        add_canonical(b, json_object_get(j, keys[i]));
    }
    buf_addc(b, '}');
    free(keys);
}

static void add_canonical(struct buf *b, const json_t *j)
{
    switch (json_typeof(j)) {
    case JSON_OBJECT:
        add_object(b, j);
        break;
    case JSON_ARRAY:
        buf_addc(b, '[');
        for (size_t i = 0; i < json_array_size(j); i++) {
            if (i > 0)
                buf_addc(b, ',');
            add_canonical(b, json_array_get(j, i));
        }
        buf_addc(b, ']');
        break;
    case JSON_STRING:
        buf_add_json(b, json_string_value(j));
        break;
    case JSON_INTEGER:
        buf_printf(b, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
        break;
    case JSON_REAL:
        add_real(b, json_real_value(j));
        break;
    case JSON_TRUE:
        buf_adds(b, "true");
        break;
    case JSON_FALSE:
        buf_adds(b, "false");
        break;
    case JSON_NULL:
    default:
        buf_adds(b, "null");
        break;
    }
}

char *json_canonical(const json_t *j)
{
    struct buf b = {0};
    if (j == NULL)
        buf_adds(&b, "null");
    else
        add_canonical(&b, j);
    return buf_steal(&b);
}

static const json_t *item(const json_t *j, const char *name, size_t n)
{
    if (json_is_object(j))
        return json_object_getn(j, name, n);
    if (!json_is_array(j) || n == 0 || n > 9 || strspn(name, "0123456789") < n)
        return NULL;
    return json_array_get(j, (size_t)strtoul(name, NULL, 10));
}

const json_t *json_path(const json_t *j, const char *path)
{
    while (j != NULL && *path != '\0') {
        size_t n = strcspn(path, ".");
        j = item(j, path, n);
        path += n;
        path += *path == '.';
    }
    return j;
}

const char *json_str(const json_t *j, const char *path, const char *fallback)
{
    const json_t *v = json_path(j, path);
    return json_is_string(v) ? json_string_value(v) : fallback;
}

int64_t json_int(const json_t *j, const char *path, int64_t fallback)
{
    const json_t *v = json_path(j, path);
    return json_is_integer(v) ? json_integer_value(v) : fallback;
}

double json_num(const json_t *j, const char *path, double fallback)
{
    const json_t *v = json_path(j, path);
    return json_is_number(v) ? json_number_value(v) : fallback;
}

bool json_flag(const json_t *j, const char *path, bool fallback)
{
    const json_t *v = json_path(j, path);
    return json_is_boolean(v) ? json_is_true(v) : fallback;
}

static const char *type_name(const json_t *j)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",    [JSON_STRING] = "a string",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a fraction", [JSON_TRUE] = "a boolean",
        [JSON_FALSE] = "a boolean",  [JSON_NULL] = "null",
    };
    return names[json_typeof(j)];
}

static bool unexpected(const json_t *found, const char *path, const char *what, const char *expected,
                       struct error *err)
{
    if (found == NULL)
        return error_set(err, SB_MISSING, "%s: %s: expected %s, found nothing", what, path, expected);
    return error_set(err, SB_PARSE, "%s: %s: expected %s, found %s", what, path, expected, type_name(found));
}

bool json_need_str(const json_t *j, const char *path, const char *what, const char **out, struct error *err)
{
    const json_t *v = json_path(j, path);
    if (!json_is_string(v))
        return unexpected(v, path, what, "a string", err);
    *out = json_string_value(v);
    return true;
}

bool json_need_int(const json_t *j, const char *path, const char *what, int64_t *out, struct error *err)
{
    const json_t *v = json_path(j, path);
    if (!json_is_integer(v))
        return unexpected(v, path, what, "a number", err);
    *out = json_integer_value(v);
    return true;
}

void json_merge_patch(json_t *target, const json_t *patch)
{
    json_t *from = (json_t *)(uintptr_t)patch, *value; /* iterating changes nothing */
    const char *key;
    json_object_foreach(from, key, value) {
        if (json_is_null(value)) {
            json_object_del(target, key);
        } else if (!json_is_object(value)) {
            if (json_object_set_new(target, key, json_deep_copy(value)) != 0)
                abort();
        } else {
            json_t *inner = json_object_get(target, key);
            if (!json_is_object(inner)) {
                inner = json_object();
                if (json_object_set_new(target, key, inner) != 0)
                    abort();
            }
            json_merge_patch(inner, value);
        }
    }
}
