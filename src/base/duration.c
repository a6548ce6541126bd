/* duration.c: instant.h's durations. */
#include "base/instant.h"

#include "base/spoken.h"
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static const int64_t longest_ms = DAYS(3660);

static const struct {
    const char *name;
    int64_t ms;
} units[] = {{"w", DAYS(7)},    {"d", DAYS(1)},    {"h", HOURS(1)},     {"min", MINUTES(1)},
             {"m", MINUTES(1)}, {"s", SECONDS(1)}, {"sec", SECONDS(1)}, {"ms", 1}};

static bool take_unit(struct scan *s, int64_t *ms)
{
    size_t n = strspn(s->at, "abcdefghijklmnopqrstuvwxyz");
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (strlen(units[i].name) != n || strncmp(units[i].name, s->at, n) != 0)
            continue;
        *ms = units[i].ms;
        s->at += n;
        return true;
    }
    return false;
}

/* Thousandths after a point: ".5" is 500. */
static bool take_fraction(struct scan *s, int *thousandths)
{
    const char *begin = s->at;
    int value;
    if (!scan_digits(s, 1, 3, &value))
        return false;
    for (size_t n = (size_t)(s->at - begin); n < 3; n++)
        value *= 10;
    *thousandths = value;
    return true;
}

/* One "1.5h", smaller than the one before. */
static bool take_part(struct scan *s, int64_t *total, int64_t *smaller_than, struct error *err)
{
    const struct scan begin = *s;
    int whole, thousandths = 0;
    int64_t unit;
    if (!scan_digits(s, 1, 9, &whole))
        return scan_fail(s, SB_PARSE, err, "expected a duration such as 90m, 1h30m or 2d");
    if (scan_char(s, '.') && !take_fraction(s, &thousandths))
        return scan_fail(s, SB_PARSE, err, "expected one to three digits after the point");
    scan_space(s);
    if (!take_unit(s, &unit))
        return scan_fail(s, SB_PARSE, err, "expected a unit: d, h, m, s or ms");
    if (unit >= *smaller_than)
        return scan_fail(&begin, SB_PARSE, err, "expected larger units first, each once");
    *smaller_than = unit;
    *total += whole * unit + thousandths * unit / 1000;
    if (*total > longest_ms)
        return scan_fail(&begin, SB_RANGE, err, "longer than ten years");
    return true;
}

bool duration_scan(struct scan *s, int64_t *out_ms, struct error *err)
{
    int64_t total = 0, smaller_than = INT64_MAX;
    do {
        if (!take_part(s, &total, &smaller_than, err))
            return false;
        s->at += isdigit((unsigned char)s->at[strspn(s->at, " ")]) ? strspn(s->at, " ") : 0;
    } while (isdigit((unsigned char)*s->at));
    *out_ms = total;
    return true;
}

bool duration_parse(const char *text, int64_t *out_ms, struct error *err)
{
    struct scan scan;
    if (!scan_begin(&scan, text, err))
        return false;
    scan_space(&scan);
    return duration_scan(&scan, out_ms, err) &&
           (scan_is_end(&scan) ||
            scan_fail(&scan, SB_PARSE, err, "expected nothing more after the duration"));
}

char *duration_text(int64_t ms, struct arena *a)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } shown[] = {{"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}};
    const char *sign = ms < 0 ? "-" : "";
    uint64_t left = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
    if (left > 0 && left < 1000)
        return arena_printf(a, "%s%" PRIu64 " ms", sign, left);
    size_t i = 0;
    while (i + 1 < COUNT_OF(shown) && left < shown[i].ms)
        i++;
    uint64_t first = left / shown[i].ms, second = 0;
    if (i + 1 < COUNT_OF(shown))
        second = left % shown[i].ms / shown[i + 1].ms;
    if (second == 0)
        return arena_printf(a, "%s%" PRIu64 " %s", sign, first, shown[i].name);
    return arena_printf(a, "%s%" PRIu64 " %s %" PRIu64 " %s", sign, first, shown[i].name, second,
                        shown[i + 1].name);
}

char *duration_short(int64_t ms, struct arena *a)
{
    const char *sign = ms < 0 ? "-" : "";
    uint64_t left = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
    uint64_t seconds = left / 1000, minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
    if (days > 0)
        return arena_printf(a, "%s%" PRIu64 "d %02" PRIu64 "h", sign, days, hours % 24);
    if (hours > 0)
        return arena_printf(a, "%s%" PRIu64 "h %02" PRIu64 "m", sign, hours, minutes % 60);
    if (minutes > 0)
        return arena_printf(a, "%s%" PRIu64 "m %02" PRIu64 "s", sign, minutes, seconds % 60);
    return arena_printf(a, "%s%" PRIu64 ".%" PRIu64 "s", sign, seconds, left % 1000 / 100);
}
