/* str.c: the small string helpers of buf.h. */
#include "base/buf.h"
#include "base/locale.h"
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>
#include <wchar.h>

bool str_eq(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

bool str_is_utf8(const char *s, size_t n)
{
    uint32_t point;
    for (size_t i = 0, step; i < n; i += step) {
        step = utf8_next(s + i, n - i, &point);
        if (step == 0)
            return false;
    }
    return true;
}

char *str_trim(char *s)
{
    static const char white[] = " \t\r\n\v\f";
    s += strspn(s, white);
    size_t n = strlen(s);
    while (n > 0 && strchr(white, s[n - 1]) != NULL)
        n--;
    s[n] = '\0';
    return s;
}

enum { NEAR_MAX = 64 }; /* nobody misspells longer names, and the work is bounded by it */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`; case is free. */
static size_t distance(const char *a, size_t an, const char *b, size_t bn)
{
    size_t rows[3][NEAR_MAX + 1];
    for (size_t j = 0; j <= bn; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= an; i++) {
        size_t *now = rows[i % 3];
        const size_t *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= bn; j++) {
            char x = lower(a[i - 1]), y = lower(b[j - 1]);
            now[j] = least(last[j - 1] + (x != y), least(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && x == lower(b[j - 2]) && y == lower(a[i - 2]))
                now[j] = least(now[j], before[j - 2] + 1);
        }
    }
    return rows[an % 3][bn];
}

const char *str_near(const char *wrong, const char *const *names)
{
    size_t n = strlen(wrong), best = NEAR_MAX;
    const char *near = NULL;
    if (n == 0 || n > NEAR_MAX)
        return NULL;
    for (; *names != NULL; names++) {
        size_t m = strlen(*names);
        if (m == 0 || m > NEAR_MAX)
            continue;
        size_t longer = n > m ? n : m;
        size_t allowed = longer < 3 ? longer - 1 : longer / 3;
        size_t d = distance(wrong, n, *names, m);
        if (d <= allowed && d < best) {
            best = d;
            near = *names;
        }
    }
    return near;
}

int str_columns(const char *s)
{
    locale_t callers = uselocale(locale_ours());
    int columns = 0;
    for (size_t left = strlen(s), step; left > 0; s += step, left -= step) {
        uint32_t point;
        step = utf8_next(s, left, &point);
        int width = step == 0 ? 1 : wcwidth((wchar_t)point);
        columns += width > 0 ? width : 0;
        step = step == 0 ? 1 : step;
    }
    uselocale(callers);
    return columns;
}
