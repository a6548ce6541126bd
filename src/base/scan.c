#include "base/scan.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool scan_begin(struct scan *s, const char *text, struct error *err)
{
    if (strnlen(text, SCAN_TEXT_MAX + 1) > SCAN_TEXT_MAX)
        return error_set(err, SB_LIMIT, "longer than %d characters", SCAN_TEXT_MAX);
    *s = (struct scan){.text = text, .at = text};
    return true;
}

void scan_space(struct scan *s)
{
    s->at += strspn(s->at, " \t");
}

bool scan_is_end(struct scan *s)
{
    scan_space(s);
    return *s->at == '\0';
}

bool scan_char(struct scan *s, char c)
{
    if (*s->at != c)
        return false;
    s->at++;
    return true;
}

bool scan_word(struct scan *s, const char *word)
{
    size_t n = strlen(word);
    if (strncasecmp(s->at, word, n) != 0 || isalnum((unsigned char)s->at[n]) || s->at[n] == '_' ||
        s->at[n] == '/')
        return false;
    s->at += n;
    return true;
}

bool scan_digits(struct scan *s, int least, int most, int *out)
{
    int n = 0, value = 0;
    while (isdigit((unsigned char)s->at[n]) && n < most)
        value = value * 10 + (s->at[n++] - '0');
    if (n < least || isdigit((unsigned char)s->at[n]))
        return false;
    s->at += n;
    *out = value;
    return true;
}

size_t scan_name_length(const struct scan *s)
{
    size_t n = 0;
    while (isalnum((unsigned char)s->at[n]) || (s->at[n] != '\0' && strchr("_/+-", s->at[n]) != NULL))
        n++;
    return n;
}

bool scan_fail(const struct scan *s, enum error_code code, struct error *err, const char *fmt, ...)
{
    char says[ERROR_TEXT_MAX / 2];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(says, sizeof says, fmt, ap);
    va_end(ap);
    int column = 1;
    for (const char *p = s->text; p < s->at; p++)
        column += ((unsigned char)*p & 0xC0) != 0x80;
    return error_at(err, code, NULL, 1, column, "column %d of \"%s\": %s", column, s->text, says);
}
