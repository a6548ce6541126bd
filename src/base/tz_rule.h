/* tz_rule.h: the rule after a zone's last listed change, as POSIX writes it: "EST5EDT,M3.2.0,M11.1.0". Pure.
 */
#ifndef SB_BASE_TZ_RULE_H
#define SB_BASE_TZ_RULE_H

#include <stdbool.h>
#include <stdint.h>

enum { TZ_NAME_MAX = 16 };

/* What holds in a zone at some moment. */
struct tz_period {
    int32_t offset_s; /* east of UTC */
    bool is_summer;
    char name[TZ_NAME_MAX]; /* "EST", "+0530" */
};

struct tz_day {
    enum { TZ_DAY_NONE, TZ_DAY_JULIAN, TZ_DAY_PLAIN, TZ_DAY_WEEK } kind;
    int month, week, day;
    int32_t time_s; /* local, from midnight; may be negative or more than a day */
};

struct tz_rule {
    struct tz_period standard, summer;
    struct tz_day summer_from, summer_to; /* TZ_DAY_NONE: no summer time */
};

/* False when `text` is no such rule. */
bool tz_rule_parse(const char *text, struct tz_rule *out);
struct tz_period tz_rule_at(const struct tz_rule *rule, int64_t seconds);

#endif
