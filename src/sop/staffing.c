#include "sop/staffing.h"

#include "base/buf.h"
#include "base/instant.h"
#include "base/scan.h"
#include <string.h>
#include <strings.h>

static const char *const day_words[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static bool read_day(const char *text, int *out)
{
    for (int i = 0; i < (int)COUNT_OF(day_words); i++)
        if (strncasecmp(text, day_words[i], 3) == 0) {
            *out = i;
            return true;
        }
    return false;
}

static bool read_clock(const char *text, int *out)
{
    struct scan s;
    int hour, minute;
    if (!scan_begin(&s, text, NULL) || !scan_digits(&s, 2, 2, &hour) || !scan_char(&s, ':') ||
        !scan_digits(&s, 2, 2, &minute) || minute > 59)
        return false;
    *out = hour * 60 + minute;
    return *out <= 24 * 60;
}

bool staffing_parse(const char *work_week, const char *hours, struct staffing *out, struct error *err)
{
    if (strlen(work_week) != 7 || work_week[3] != '-' || !read_day(work_week, &out->first_day) ||
        !read_day(work_week + 4, &out->last_day))
        return error_set(err, SB_PARSE, "a work week is written mon-fri, not \"%s\"", work_week);
    if (strlen(hours) != 11 || hours[5] != '-' || !read_clock(hours, &out->opens) ||
        !read_clock(hours + 6, &out->closes) || out->opens >= out->closes)
        return error_set(err, SB_PARSE, "staffed hours are written 08:00-18:00, not \"%s\"", hours);
    return true;
}

static bool is_work_day(const struct staffing *s, int day)
{
    if (s->first_day <= s->last_day)
        return day >= s->first_day && day <= s->last_day;
    return day >= s->first_day || day <= s->last_day;
}

/* What is to be said against the window, or NULL. */
static const char *objection(const struct staffing *s, const struct civil *from, const struct civil *to)
{
    int begin = from->hour * 60 + from->minute, end = to->hour * 60 + to->minute;
    if (!is_work_day(s, from->weekday))
        return "it is on a day off";
    if (from->day != to->day || begin < s->opens || end > s->closes)
        return "it is outside staffed hours";
    if (from->weekday == s->last_day && end > s->closes - STAFFING_MARGIN_MIN)
        return "it ends late on the last work day, so nobody is there to see it fail";
    return NULL;
}

const char *staffing_against(const struct staffing *s, int64_t from, int64_t to, const char *zone)
{
    struct civil begin, end;
    if (!instant_to_civil(from, zone, &begin, NULL) || !instant_to_civil(to, zone, &end, NULL))
        return NULL;
    return objection(s, &begin, &end);
}

static bool good(const struct staffing *s, int64_t from, int64_t to, const char *zone)
{
    struct civil begin, end;
    return instant_to_civil(from, zone, &begin, NULL) && instant_to_civil(to, zone, &end, NULL) &&
           objection(s, &begin, &end) == NULL;
}

/* The nearest begin, earlier or later, in steps that keep the minute people have agreed on. */
static bool find_better(const struct staffing *s, int64_t from, int64_t to, const char *zone, int64_t now,
                        int64_t *out)
{
    const int64_t step = MINUTES(30), reach = DAYS(14);
    for (int64_t shift = step; shift <= reach; shift += step) {
        if (from - shift > now && good(s, from - shift, to - shift, zone)) {
            *out = from - shift;
            return true;
        }
        if (from + shift > now && good(s, from + shift, to + shift, zone)) {
            *out = from + shift;
            return true;
        }
    }
    return false;
}

const char *staffing_question(const struct staffing *s, int64_t from, int64_t to, const char *zone,
                              int64_t now, struct arena *a, struct error *err)
{
    struct civil begin, end;
    if (!instant_to_civil(from, zone, &begin, err) || !instant_to_civil(to, zone, &end, err))
        return NULL;
    const char *why = objection(s, &begin, &end);
    int64_t better;
    if (why == NULL)
        return "";
    if (!find_better(s, from, to, zone, now, &better))
        return arena_printf(a, "About the window: %s.", why);
    return arena_printf(a, "About the window: %s. The nearest better one begins %s.", why,
                        instant_text(better, zone, now, a));
}
