/* moment.c: window.h's moments relative to others, as a page writes them. */
#include "base/window.h"

#include "base/buf.h"
#include "base/spoken.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The names, NULL-terminated; heap. */
static const char **names_of(const json_t *names)
{
    const char **list = calloc(json_object_size(names) + 1, sizeof *list);
    if (list == NULL)
        abort();
    json_t *object = (json_t *)(uintptr_t)names, *value; /* iterating changes nothing */
    const char *key;
    size_t n = 0;
    json_object_foreach(object, key, value)
        list[n++] = key;
    return list;
}

static bool refuse_name(const struct scan *at, const char *name, const json_t *names, struct error *err)
{
    const char **list = names_of(names);
    const char *near = str_near(name, list);
    if (near != NULL) {
        scan_fail(at, SB_UNKNOWN, err, "there is no moment \"%s\"; did you mean \"%s\"?", name, near);
    } else {
        _cleanup_buf_ struct buf known = {0};
        for (size_t i = 0; list[i] != NULL && i < 20; i++)
            buf_printf(&known, "%s%s", i == 0 ? "" : ", ", list[i]);
        scan_fail(at, SB_UNKNOWN, err, "there is no moment \"%s\"; there are: %s", name, buf_str(&known));
    }
    free(list);
    return false;
}

static bool take_name(struct scan *s, const json_t *names, int64_t *out, struct error *err)
{
    scan_space(s);
    const struct scan begin = *s;
    size_t n = 0;
    while (isalnum((unsigned char)s->at[n]) || s->at[n] == '_' || s->at[n] == '.')
        n++;
    if (n == 0 || isdigit((unsigned char)*s->at))
        return scan_fail(s, SB_PARSE, err, "expected the name of a moment, as in from - 24h");
    char name[SCAN_TEXT_MAX + 1];
    memcpy(name, s->at, n);
    name[n] = '\0';
    s->at += n;
    const json_t *value = json_object_get(names, name);
    if (value == NULL)
        return refuse_name(&begin, name, names, err);
    if (!json_is_integer(value))
        return scan_fail(&begin, SB_MISSING, err, "the moment \"%s\" is not known yet", name);
    *out = json_integer_value(value);
    return true;
}

bool moment_parse(const char *text, const json_t *names, int64_t *out, struct error *err)
{
    struct scan s;
    int64_t moment = 0, shift = 0;
    if (!scan_begin(&s, text, err) || !take_name(&s, names, &moment, err))
        return false;
    while (!scan_is_end(&s)) {
        const struct scan begin = s;
        bool minus = scan_char(&s, '-');
        if (!minus && !scan_char(&s, '+'))
            return scan_fail(&s, SB_PARSE, err, "expected + or - and a duration, as in from - 24h");
        scan_space(&s);
        if (!duration_scan(&s, &shift, err))
            return false;
        if (__builtin_add_overflow(moment, minus ? -shift : shift, &moment))
            return scan_fail(&begin, SB_RANGE, err, "a moment outside the years 1 to 9999");
    }
    *out = moment;
    return true;
}
