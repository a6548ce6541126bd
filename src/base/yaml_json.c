/* yaml_json.c: scalars of YAML's core schema as JSON. */
#include "base/yaml.h"

#include "base/buf.h"
#include "base/locale.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A value that jansson could not make means no memory: there is nothing sensible to go on with. */
static json_t *made(json_t *j)
{
    if (j == NULL)
        abort();
    return j;
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

/* "0x1F", "0o17", "-12". One too large for 64 bits stays a text, which loses nothing. */
static json_t *integer(const char *text)
{
    const char *digits = text + strspn(text, "+-"), *valid = "0123456789";
    int base = 10;
    if (digits - text > 1)
        return NULL;
    if (digits == text && text[0] == '0' && (text[1] == 'x' || text[1] == 'o')) {
        base = text[1] == 'x' ? 16 : 8;
        valid = base == 16 ? "0123456789abcdefABCDEF" : "01234567";
        digits += 2;
    }
    if (*digits == '\0' || digits[strspn(digits, valid)] != '\0')
        return NULL;
    errno = 0;
    long long value = strtoll(base == 10 ? text : digits, NULL, base);
    return errno == 0 ? made(json_integer(value)) : NULL;
}

/* [-+]? ( "." digits | digits ( "." digits? )? ) ( [eE] [-+]? digits )? */
static bool is_real(const char *s)
{
    static const char digits[] = "0123456789";
    s += *s == '+' || *s == '-';
    size_t before = strspn(s, digits), after = 0;
    s += before;
    if (*s == '.') {
        after = strspn(++s, digits);
        s += after;
    }
    if (before + after == 0)
        return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '+' || *s == '-';
        size_t exponent = strspn(s, digits);
        if (exponent == 0)
            return false;
        s += exponent;
    }
    return *s == '\0';
}

static bool is_integer_form(const char *text)
{
    text += *text == '+' || *text == '-';
    return text[strspn(text, "0123456789")] == '\0';
}

static json_t *real(const char *text)
{
    if (!is_real(text) || is_integer_form(text))
        return NULL;
    double value = strtod_l(text, NULL, locale_ours());
    return isfinite(value) ? made(json_real(value)) : NULL;
}

static json_t *scalar(const struct yaml *y)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    if (y->quoted)
        return made(json_string(y->text));
    if (is_one_of(y->text, nulls))
        return json_null();
    if (is_one_of(y->text, trues))
        return json_true();
    if (is_one_of(y->text, falses))
        return json_false();
    json_t *number = integer(y->text);
    if (number == NULL)
        number = real(y->text);
    return number != NULL ? number : made(json_string(y->text));
}

json_t *yaml_to_json(const struct yaml *y)
{
    if (y->kind == YAML_SCALAR)
        return scalar(y);
    json_t *j = made(y->kind == YAML_LIST ? json_array() : json_object());
    for (int i = 0; i < y->n; i++) {
        json_t *item = yaml_to_json(y->items[i]);
        int failed = y->kind == YAML_LIST ? json_array_append_new(j, item)
                                          : json_object_set_new(j, y->keys[i]->text, item);
        if (failed != 0)
            abort();
    }
    return j;
}
