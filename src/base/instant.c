#include "base/instant.h"

#include "base/spoken.h"
#include "base/tz.h"
#include <stdio.h>
#include <time.h>

static int64_t floor_seconds(int64_t ms)
{
    return ms / 1000 - (ms % 1000 < 0);
}

bool instant_parse_rfc3339(const char *text, int64_t *out, struct error *err)
{
    struct scan s;
    if (!scan_begin(&s, text, err) || !rfc3339_scan(&s, out, err))
        return false;
    return *s.at == '\0' || scan_fail(&s, SB_PARSE, err, "expected nothing more after the moment");
}

void instant_rfc3339(int64_t ms, char out[32])
{
    time_t seconds = (time_t)floor_seconds(ms);
    int rest = (int)(ms % 1000 + 1000) % 1000;
    struct tm tm = {0};
    gmtime_r(&seconds, &tm);
    size_t n = 0;
    if (tm.tm_year + 1900 <= 9999)
        n = (size_t)snprintf(out, 32, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
                             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    if (rest != 0)
        snprintf(out + n, 32 - n, ".%03dZ", rest);
    else
        snprintf(out + n, 32 - n, "Z");
}

bool instant_parse(const char *text, int64_t now, const char *zone, int64_t *out, struct error *err)
{
    struct scan s;
    struct spoken moment;
    char named[ZONE_NAME_MAX];
    if (!scan_begin(&s, text, err) || !spoken_scan(&s, &moment, err) || !spoken_zone(&s, named, err))
        return false;
    if (!scan_is_end(&s))
        return scan_fail(&s, SB_PARSE, err, "expected a time zone or nothing more");
    return spoken_resolve(&moment, now, named[0] != '\0' ? named : zone, out, err);
}

char *day_text(const struct civil *c, int this_year, struct arena *a)
{
    static const char *const weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const char *weekday = weekdays[c->weekday], *month = months[c->month - 1];
    if (c->year == this_year)
        return arena_printf(a, "%s %d %s", weekday, c->day, month);
    return arena_printf(a, "%s %d %s %d", weekday, c->day, month, c->year);
}

bool shown_civil(int64_t ms, const char *zone, struct civil *out, char name[TZ_NAME_MAX])
{
    const struct tz *tz = tz_find(zone, NULL);
    if (tz == NULL)
        tz = tz_find(zone = "UTC", NULL);
    if (!instant_to_civil(ms, zone, out, NULL))
        return false;
    snprintf(name, TZ_NAME_MAX, "%s", tz_at(tz, floor_seconds(ms)).name);
    return true;
}

char *instant_text(int64_t ms, const char *zone, int64_t now, struct arena *a)
{
    struct civil c, today = {0};
    char name[TZ_NAME_MAX], today_name[TZ_NAME_MAX];
    if (!shown_civil(ms, zone, &c, name))
        return arena_strdup(a, "a moment outside the years 1 to 9999");
    (void)shown_civil(now, zone, &today, today_name);
    return arena_printf(a, "%s %02d:%02d %s", day_text(&c, today.year, a), c.hour, c.minute, name);
}
