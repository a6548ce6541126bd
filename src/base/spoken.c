#include "base/spoken.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

static bool take_date(struct scan *s, struct civil *c, struct error *err)
{
    if (!scan_digits(s, 4, 4, &c->year) || !scan_char(s, '-') || !scan_digits(s, 2, 2, &c->month) ||
        !scan_char(s, '-') || !scan_digits(s, 2, 2, &c->day))
        return scan_fail(s, SB_PARSE, err, "expected a date such as 2024-02-08");
    return true;
}

static bool take_fraction(struct scan *s, int *ms)
{
    if (!scan_char(s, '.'))
        return true;
    int weight = 100;
    if (!isdigit((unsigned char)*s->at))
        return false;
    for (; isdigit((unsigned char)*s->at); s->at++, weight /= 10)
        *ms += (*s->at - '0') * weight;
    return true;
}

static bool take_time(struct scan *s, struct civil *c, struct error *err)
{
    if (!scan_digits(s, 1, 2, &c->hour) || !scan_char(s, ':') || !scan_digits(s, 2, 2, &c->minute))
        return scan_fail(s, SB_PARSE, err, "expected a time such as 14:00");
    if (scan_char(s, ':') && !scan_digits(s, 2, 2, &c->second))
        return scan_fail(s, SB_PARSE, err, "expected two digits for the seconds");
    return true;
}

static bool take_offset(struct scan *s, int *offset_s, struct error *err)
{
    *offset_s = 0;
    if (scan_char(s, 'Z') || scan_char(s, 'z'))
        return true;
    bool west = scan_char(s, '-');
    int hours, minutes;
    if ((!west && !scan_char(s, '+')) || !scan_digits(s, 2, 2, &hours) || !scan_char(s, ':') ||
        !scan_digits(s, 2, 2, &minutes) || hours > 23 || minutes > 59)
        return scan_fail(s, SB_PARSE, err, "expected Z or an offset such as -05:00");
    *offset_s = (hours * 60 + minutes) * (west ? -60 : 60);
    return true;
}

/* The moment of UTC fields, an offset and milliseconds; refused at `begin` when it is none. */
static bool exact(const struct scan *begin, struct civil c, int offset_s, int ms, int64_t *out,
                  struct error *err)
{
    int leap =
        c.second == 60; /* RFC 3339 has leap seconds; our milliseconds count them with the second after */
    c.second -= leap;
    struct error e;
    int64_t utc;
    if (!instant_from_civil(&c, "UTC", false, &utc, &e))
        return scan_fail(begin, e.code, err, "%s", e.text);
    *out = utc + ms + (leap - offset_s) * INT64_C(1000);
    return true;
}

bool rfc3339_scan(struct scan *s, int64_t *out, struct error *err)
{
    const struct scan begin = *s;
    struct civil c = {0};
    int offset_s, ms = 0;
    if (!take_date(s, &c, err))
        return false;
    if (!scan_char(s, 'T') && !scan_char(s, 't'))
        return scan_fail(s, SB_PARSE, err, "expected T and a time, as in 2024-02-08T19:00:00Z");
    if (!scan_digits(s, 2, 2, &c.hour) || !scan_char(s, ':') || !scan_digits(s, 2, 2, &c.minute) ||
        !scan_char(s, ':') || !scan_digits(s, 2, 2, &c.second) || !take_fraction(s, &ms))
        return scan_fail(s, SB_PARSE, err, "expected a time with seconds such as 19:00:00");
    return take_offset(s, &offset_s, err) && exact(&begin, c, offset_s, ms, out, err);
}

/* After a date and 'T': a time, with an offset when it is a moment, without when it is civil. */
static bool take_joined_time(struct scan *s, struct spoken *sp, struct error *err)
{
    int offset_s, ms = 0;
    if (!take_time(s, &sp->civil, err))
        return false;
    if (!take_fraction(s, &ms))
        return scan_fail(s, SB_PARSE, err, "expected digits after the point");
    if (*s->at == '\0' || strchr("Zz+-", *s->at) == NULL)
        return true;
    sp->kind = SPOKEN_EXACT;
    return take_offset(s, &offset_s, err) && exact(&sp->begin, sp->civil, offset_s, ms, &sp->ms, err);
}

static bool take_weekday(struct scan *s, int *out)
{
    static const char *const names[][2] = {{"sun", "sunday"},    {"mon", "monday"},   {"tue", "tuesday"},
                                           {"wed", "wednesday"}, {"thu", "thursday"}, {"fri", "friday"},
                                           {"sat", "saturday"}};
    for (int i = 0; i < 7; i++) {
        if (scan_word(s, names[i][0]) || scan_word(s, names[i][1])) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* The day before a time, if it is said. */
static bool take_day(struct scan *s, struct spoken *sp, struct error *err)
{
    size_t digits = strspn(s->at, "0123456789");
    if (digits > 0 && s->at[digits] != ':') {
        sp->day = DAY_DATE;
        return take_date(s, &sp->civil, err);
    }
    if (scan_word(s, "today")) {
        sp->day = DAY_AHEAD;
    } else if (scan_word(s, "tomorrow")) {
        sp->day = DAY_AHEAD;
        sp->days = 1;
    } else if (take_weekday(s, &sp->days)) {
        sp->day = DAY_OF_WEEK;
    }
    return true;
}

bool spoken_scan(struct scan *s, struct spoken *out, struct error *err)
{
    scan_space(s);
    *out = (struct spoken){.begin = *s};
    if (scan_word(s, "now")) {
        out->kind = SPOKEN_NOW;
        return true;
    }
    if (scan_word(s, "in")) {
        out->kind = SPOKEN_IN;
        scan_space(s);
        return duration_scan(s, &out->ms, err);
    }
    out->kind = SPOKEN_CIVIL;
    if (!take_day(s, out, err))
        return false;
    if (out->day == DAY_DATE && (scan_char(s, 'T') || scan_char(s, 't')))
        return take_joined_time(s, out, err);
    scan_space(s);
    if (!isdigit((unsigned char)*s->at))
        return scan_fail(s, SB_PARSE, err,
                         out->day == DAY_UNSAID
                             ? "expected a moment such as 2024-02-08 14:00, tomorrow 9:30, in 5h or now"
                             : "expected a time such as 14:00");
    return take_time(s, &out->civil, err);
}

static void add_days(struct civil *c, int days)
{
    struct tm tm = {.tm_year = c->year - 1900, .tm_mon = c->month - 1, .tm_mday = c->day + days};
    timegm(&tm);
    c->year = tm.tm_year + 1900;
    c->month = tm.tm_mon + 1;
    c->day = tm.tm_mday;
}

static bool resolve_civil(const struct spoken *sp, int64_t now, const char *zone, int64_t *out,
                          struct error *err)
{
    if (sp->day == DAY_DATE)
        return instant_from_civil(&sp->civil, zone, false, out, err);
    struct civil today;
    if (!instant_to_civil(now, zone, &today, err))
        return false;
    int ahead = sp->day == DAY_OF_WEEK ? (sp->days - today.weekday + 7) % 7 : sp->days;
    struct civil c = sp->civil;
    c.year = today.year;
    c.month = today.month;
    c.day = today.day;
    add_days(&c, ahead);
    if (!instant_from_civil(&c, zone, false, out, err))
        return false;
    if (sp->day != DAY_OF_WEEK || *out >= now)
        return true;
    add_days(&c, 7);
    return instant_from_civil(&c, zone, false, out, err);
}

bool spoken_resolve(const struct spoken *sp, int64_t now, const char *zone, int64_t *out, struct error *err)
{
    struct error e;
    switch (sp->kind) {
    case SPOKEN_NOW:
        *out = now;
        return true;
    case SPOKEN_IN:
        if (__builtin_add_overflow(now, sp->ms, out))
            return scan_fail(&sp->begin, SB_RANGE, err, "a moment beyond the year 9999");
        return true;
    case SPOKEN_EXACT:
        *out = sp->ms;
        return true;
    case SPOKEN_CIVIL:
    default:
        return resolve_civil(sp, now, zone, out, &e) || scan_fail(&sp->begin, e.code, err, "%s", e.text);
    }
}

bool spoken_zone(struct scan *s, char out[ZONE_NAME_MAX], struct error *err)
{
    scan_space(s);
    out[0] = '\0';
    const struct scan begin = *s;
    if (!isalpha((unsigned char)*s->at))
        return true;
    struct scan ahead = *s;
    if (scan_word(&ahead, "for"))
        return true;
    size_t n = scan_name_length(s);
    if (n >= ZONE_NAME_MAX)
        return scan_fail(&begin, SB_UNKNOWN, err, "expected a time zone such as America/New_York");
    memcpy(out, s->at, n);
    out[n] = '\0';
    s->at += n;
    struct error e;
    return zone_check(out, &e) || scan_fail(&begin, e.code, err, "%s", e.text);
}
