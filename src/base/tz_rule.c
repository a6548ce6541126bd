#include "base/tz_rule.h"

#include "base/scan.h"
#include <ctype.h>
#include <string.h>
#include <time.h>

/* "EST" or "<+0530>". */
static bool parse_name(struct scan *s, char out[TZ_NAME_MAX])
{
    bool bracketed = scan_char(s, '<');
    size_t n = 0;
    while (isalpha((unsigned char)s->at[n]) ||
           (bracketed && (isdigit((unsigned char)s->at[n]) || s->at[n] == '+' || s->at[n] == '-')))
        n++;
    if (n == 0 || n >= TZ_NAME_MAX)
        return false;
    memcpy(out, s->at, n);
    out[n] = '\0';
    s->at += n;
    return !bracketed || scan_char(s, '>');
}

/* [+-]h[hh][:mm[:ss]], in seconds. */
static bool parse_time(struct scan *s, int32_t *out)
{
    bool minus = scan_char(s, '-');
    if (!minus)
        scan_char(s, '+');
    int hours, minutes = 0, seconds = 0;
    if (!scan_digits(s, 1, 3, &hours))
        return false;
    if (scan_char(s, ':') && !scan_digits(s, 2, 2, &minutes))
        return false;
    if (scan_char(s, ':') && !scan_digits(s, 2, 2, &seconds))
        return false;
    *out = (hours * 60 + minutes) * 60 + seconds;
    if (minus)
        *out = -*out;
    return hours <= 167 && minutes < 60 && seconds < 60;
}

static bool in(int value, int low, int high)
{
    return value >= low && value <= high;
}

/* "M3.2.0", "J60" or "59", each with "/2:00" or without. */
static bool parse_day(struct scan *s, struct tz_day *d)
{
    *d = (struct tz_day){.kind = TZ_DAY_PLAIN, .time_s = 7200};
    bool ok;
    if (scan_char(s, 'M')) {
        d->kind = TZ_DAY_WEEK;
        ok = scan_digits(s, 1, 2, &d->month) && scan_char(s, '.') && scan_digits(s, 1, 1, &d->week) &&
             scan_char(s, '.') && scan_digits(s, 1, 1, &d->day) && in(d->month, 1, 12) && in(d->week, 1, 5) &&
             in(d->day, 0, 6);
    } else if (scan_char(s, 'J')) {
        d->kind = TZ_DAY_JULIAN;
        ok = scan_digits(s, 1, 3, &d->day) && in(d->day, 1, 365);
    } else {
        ok = scan_digits(s, 1, 3, &d->day) && in(d->day, 0, 365);
    }
    return ok && (!scan_char(s, '/') || parse_time(s, &d->time_s));
}

bool tz_rule_parse(const char *text, struct tz_rule *out)
{
    struct scan scan, *s = &scan;
    *out = (struct tz_rule){0};
    int32_t west;
    if (!scan_begin(s, text, NULL) || !parse_name(s, out->standard.name) || !parse_time(s, &west))
        return false;
    out->standard.offset_s = -west;
    if (*s->at == '\0')
        return true;
    out->summer.is_summer = true;
    out->summer.offset_s = out->standard.offset_s + 3600;
    if (!parse_name(s, out->summer.name))
        return false;
    if (*s->at != ',') {
        if (!parse_time(s, &west))
            return false;
        out->summer.offset_s = -west;
    }
    return scan_char(s, ',') && parse_day(s, &out->summer_from) && scan_char(s, ',') &&
           parse_day(s, &out->summer_to) && *s->at == '\0';
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The local wall-clock second, counted as if it were UTC, at which `d` falls in `year`. */
static int64_t local_second(const struct tz_day *d, int year)
{
    struct tm tm = {.tm_year = year - 1900, .tm_mday = 1};
    if (d->kind == TZ_DAY_WEEK)
        tm.tm_mon = d->month - 1;
    int64_t first = timegm(&tm); /* also fills in the weekday */
    int64_t day = 0;
    if (d->kind == TZ_DAY_PLAIN) {
        day = d->day;
    } else if (d->kind == TZ_DAY_JULIAN) { /* never counts 29 February */
        day = d->day - 1 + (is_leap(year) && d->day >= 60);
    } else {
        static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        int length = lengths[d->month - 1] + (d->month == 2 && is_leap(year));
        day = (d->day - tm.tm_wday + 7) % 7 + (d->week - 1) * 7;
        if (day >= length) /* week 5 means the last one */
            day -= 7;
    }
    return first + day * 86400 + d->time_s;
}

struct tz_period tz_rule_at(const struct tz_rule *rule, int64_t seconds)
{
    if (rule->summer_from.kind == TZ_DAY_NONE)
        return rule->standard;
    time_t local = (time_t)(seconds + rule->standard.offset_s);
    struct tm tm = {0};
    gmtime_r(&local, &tm);
    int64_t from = local_second(&rule->summer_from, tm.tm_year + 1900) - rule->standard.offset_s;
    int64_t to = local_second(&rule->summer_to, tm.tm_year + 1900) - rule->summer.offset_s;
    bool summer = from < to ? seconds >= from && seconds < to : seconds >= from || seconds < to;
    return summer ? rule->summer : rule->standard;
}
