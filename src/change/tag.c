#include "change/tag.h"
#include <stdlib.h>
#include <string.h>

#define FORM "a build tag looks like 24-02-05.619 or 24-02-05.619-hotfix.627"

/* Reads `min` to `max` decimal digits; leaves *p behind them. -1 when there are fewer or more. */
static int digits(const char **p, int min, int max)
{
    int value = 0, n = 0;
    while (n <= max && **p >= '0' && **p <= '9') {
        value = value * 10 + (**p - '0');
        (*p)++;
        n++;
    }
    return n < min || n > max ? -1 : value;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

bool tag_parse(const char *text, struct tag *out, struct error *err)
{
    struct tag t = {0};
    const char *p = text;
    t.year = digits(&p, 2, 2);
    if (t.year < 0 || *p++ != '-')
        return error_set(err, SB_PARSE, "\"%.64s\" is no build tag: " FORM, text);
    t.month = digits(&p, 2, 2);
    if (t.month < 0 || *p++ != '-')
        return error_set(err, SB_PARSE, "\"%.64s\" is no build tag: " FORM, text);
    t.day = digits(&p, 2, 2);
    if (t.day < 0 || *p++ != '.')
        return error_set(err, SB_PARSE, "\"%.64s\" is no build tag: " FORM, text);
    t.build = digits(&p, 1, 8);
    if (t.build < 0)
        return error_set(err, SB_PARSE, "\"%.64s\" is no build tag: " FORM, text);
    if (*p) {
        static const char word[] = "-hotfix.";
        if (strncmp(p, word, sizeof word - 1) != 0)
            return error_set(err, SB_PARSE,
                             "\"%.64s\" is no build tag: after the build comes nothing or -hotfix.N", text);
        p += sizeof word - 1;
        t.hotfix = digits(&p, 1, 8);
        if (t.hotfix <= 0 || *p)
            return error_set(err, SB_PARSE, "\"%.64s\" is no build tag: " FORM, text);
    }
    t.year += 2000;
    if (t.month < 1 || t.month > 12)
        return error_set(err, SB_RANGE, "build tag %s: there is no month %d", text, t.month);
    if (t.day < 1 || t.day > days_in(t.year, t.month))
        return error_set(err, SB_RANGE, "build tag %s: month %d has no day %d", text, t.month, t.day);
    *out = t;
    return true;
}

int tag_compare(const struct tag *a, const struct tag *b)
{
    const int pairs[][2] = {{a->year, b->year},
                            {a->month, b->month},
                            {a->day, b->day},
                            {a->build, b->build},
                            {a->hotfix, b->hotfix}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        if (pairs[i][0] != pairs[i][1])
            return pairs[i][0] < pairs[i][1] ? -1 : 1;
    return 0;
}

bool tag_is_hotfix_of(const struct tag *t, const struct tag *running)
{
    return t->hotfix > running->hotfix && t->year == running->year && t->month == running->month &&
           t->day == running->day && t->build == running->build;
}
