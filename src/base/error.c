#include "base/error.h"

#include <stdio.h>
#include <string.h>

/* Copies `text`; what does not fit is cut between characters, and the cut is shown. */
static void copy_cut(char *out, size_t size, const char *text)
{
    static const char mark[] = "...";
    size_t n = strlen(text);
    if (n < size) {
        memcpy(out, text, n + 1);
        return;
    }
    n = size - sizeof mark;
    while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)
        n--;
    memcpy(out, text, n);
    memcpy(out + n, mark, sizeof mark);
}

bool error_vset(struct error *err, enum error_code code, const char *fmt, va_list ap)
{
    if (err == NULL)
        return false;
    char text[ERROR_TEXT_MAX + 1]; /* apart from err, for the arguments may be err's own text */
    vsnprintf(text, sizeof text, fmt, ap);
    *err = (struct error){.code = code};
    copy_cut(err->text, sizeof err->text, text);
    return false;
}

bool error_set(struct error *err, enum error_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    error_vset(err, code, fmt, ap);
    va_end(ap);
    return false;
}

bool error_at(struct error *err, enum error_code code, const char *file, int line, int column,
              const char *fmt, ...)
{
    if (err == NULL)
        return false;
    char place[sizeof err->file] = "";
    if (file != NULL) {
        size_t n = strlen(file);
        size_t skip = n < sizeof place ? 0 : n - (sizeof place - 1);
        while (skip > 0 && ((unsigned char)file[skip] & 0xC0) == 0x80)
            skip++;
        memcpy(place, file + skip, n - skip + 1);
    }
    va_list ap;
    va_start(ap, fmt);
    error_vset(err, code, fmt, ap);
    va_end(ap);
    memcpy(err->file, place, sizeof place);
    err->line = line;
    err->column = column;
    return false;
}

bool error_errno(struct error *err, int errnum, const char *fmt, ...)
{
    if (err == NULL)
        return false;
    char what[ERROR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    char reason[128];
    return error_set(err, SB_IO, "%s: %s", what, strerror_r(errnum, reason, sizeof reason));
}

bool error_wrap(const struct error *inner, struct error *err, const char *fmt, ...)
{
    if (err == NULL)
        return false;
    char why[ERROR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    struct error whole = inner != NULL ? *inner : (struct error){.code = SB_INTERNAL};
    error_set(&whole, whole.code, "%s: %s", why, inner != NULL ? inner->text : "");
    if (inner != NULL) {
        whole.line = inner->line;
        whole.column = inner->column;
        memcpy(whole.file, inner->file, sizeof whole.file);
    }
    *err = whole;
    return false;
}

const char *error_format(const struct error *err, char *out, unsigned long size)
{
    if (size == 0)
        return out;
    char whole[sizeof err->file + ERROR_TEXT_MAX + 32];
    if (err->file[0] == '\0')
        snprintf(whole, sizeof whole, "%s", err->text);
    else if (err->line <= 0)
        snprintf(whole, sizeof whole, "%s: %s", err->file, err->text);
    else if (err->column <= 0)
        snprintf(whole, sizeof whole, "%s:%d: %s", err->file, err->line, err->text);
    else
        snprintf(whole, sizeof whole, "%s:%d:%d: %s", err->file, err->line, err->column, err->text);
    snprintf(out, size, "%s", whole);
    return out;
}

const char *error_code_name(enum error_code code)
{
    static const char *const names[] = {
        [SB_OK] = "ok",
        [SB_PARSE] = "parse",
        [SB_RANGE] = "range",
        [SB_UNKNOWN] = "unknown",
        [SB_MISSING] = "missing",
        [SB_LIMIT] = "limit",
        [SB_INTERLOCK] = "interlock",
        [SB_STATE] = "state",
        [SB_DENIED] = "denied",
        [SB_CONFLICT] = "conflict",
        [SB_IO] = "io",
        [SB_NET] = "net",
        [SB_REMOTE] = "remote",
        [SB_CORRUPT] = "corrupt",
        [SB_INTERNAL] = "internal",
    };
    return (size_t)code < COUNT_OF(names) ? names[code] : "internal";
}
