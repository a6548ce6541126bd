/* zone.c: instant.h's civil time, both ways. */
#include "base/instant.h"

#include "base/tz.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Years 1 to 9999, so that every text form has its usual width and no sum overflows. */
static const int64_t least_ms = INT64_C(-62135596800000), most_ms = INT64_C(253402300799999);

bool zone_check(const char *zone, struct error *err)
{
    return tz_find(zone, err) != NULL;
}

bool instant_to_civil(int64_t ms, const char *zone, struct civil *out, struct error *err)
{
    if (ms < least_ms + DAYS(2) || ms > most_ms - DAYS(2))
        return error_set(err, SB_RANGE, "a moment outside the years 1 to 9999");
    const struct tz *tz = tz_find(zone, err);
    if (tz == NULL)
        return false;
    int64_t seconds = ms / 1000 - (ms % 1000 < 0);
    int offset = tz_at(tz, seconds).offset_s;
    time_t local = (time_t)(seconds + offset);
    struct tm tm = {0};
    gmtime_r(&local, &tm);
    *out = (struct civil){.year = tm.tm_year + 1900,
                          .month = tm.tm_mon + 1,
                          .day = tm.tm_mday,
                          .hour = tm.tm_hour,
                          .minute = tm.tm_min,
                          .second = tm.tm_sec,
                          .weekday = tm.tm_wday,
                          .offset_s = offset};
    return true;
}

static bool check_fields(const struct civil *c, struct error *err)
{
    static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (c->year < 1 || c->year > 9999)
        return error_set(err, SB_RANGE, "year %d: years go from 1 to 9999", c->year);
    if (c->month < 1 || c->month > 12)
        return error_set(err, SB_RANGE, "month %d: months go from 1 to 12", c->month);
    bool leap = (c->year % 4 == 0 && c->year % 100 != 0) || c->year % 400 == 0;
    int days = lengths[c->month - 1] - (c->month == 2 && !leap);
    if (c->day < 1 || c->day > days)
        return error_set(err, SB_RANGE, "day %d: %04d-%02d has %d days", c->day, c->year, c->month, days);
    if (c->hour < 0 || c->hour > 23 || c->minute < 0 || c->minute > 59 || c->second < 0 || c->second > 59)
        return error_set(err, SB_RANGE, "time %02d:%02d: times go from 00:00 to 23:59", c->hour, c->minute);
    return true;
}

static bool refuse_skipped(const struct civil *c, const char *zone, int64_t local, int64_t skipped_s,
                           struct error *err)
{
    time_t after = (time_t)(local + skipped_s);
    struct tm tm = {0};
    gmtime_r(&after, &tm);
    return error_set(
        err, SB_RANGE,
        "%04d-%02d-%02d %02d:%02d does not exist in %s: the clocks are put forward by %d min there; "
        "did you mean %04d-%02d-%02d %02d:%02d?",
        c->year, c->month, c->day, c->hour, c->minute, zone, (int)(skipped_s / 60), tm.tm_year + 1900,
        tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min);
}

bool instant_from_civil(const struct civil *c, const char *zone, bool second_fold, int64_t *out,
                        struct error *err)
{
    const struct tz *tz = tz_find(zone, err);
    if (tz == NULL || !check_fields(c, err))
        return false;
    struct tm tm = {.tm_year = c->year - 1900,
                    .tm_mon = c->month - 1,
                    .tm_mday = c->day,
                    .tm_hour = c->hour,
                    .tm_min = c->minute,
                    .tm_sec = c->second};
    int64_t local = timegm(&tm);

    /* The offset is one of those in force around then; each says which moment was meant, and holds there or
     * not. */
    const int64_t around = 26 * 3600;
    int before = tz_at(tz, local - around).offset_s, after = tz_at(tz, local + around).offset_s;
    const int offsets[] = {before, tz_at(tz, local).offset_s, after};
    bool found = false;
    int64_t first = INT64_MAX, last = INT64_MIN;
    for (size_t i = 0; i < COUNT_OF(offsets); i++) {
        int64_t moment = local - offsets[i];
        if (tz_at(tz, moment).offset_s != offsets[i])
            continue;
        found = true;
        first = moment < first ? moment : first;
        last = moment > last ? moment : last;
    }
    if (!found)
        return refuse_skipped(c, zone, local, after - before, err);
    *out = (second_fold ? last : first) * 1000;
    return true;
}
