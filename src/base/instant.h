/* instant.h: moments and durations as people write them. A moment is UTC milliseconds since 1970 (int64_t); time
 * zones are IANA names, from the system's tzdata. Nothing here reads a clock: `now` is
 * always an argument. Thread-safe. */
#ifndef SB_BASE_INSTANT_H
#define SB_BASE_INSTANT_H

#include "base/arena.h"
#include "base/error.h"
#include <stdint.h>

#define SECONDS(n) (1000 * (int64_t)(n))
#define MINUTES(n) (60000 * (int64_t)(n))
#define HOURS(n)   (3600000 * (int64_t)(n))
#define DAYS(n)    (86400000 * (int64_t)(n))

/* Civil time in some zone. */
struct civil {
    int year, month, day; /* 1-based */
    int hour, minute, second;
    int weekday;  /* 0 = Sunday */
    int offset_s; /* east of UTC */
};

/* Does the zone exist? Fills the error with near names when not. */
MUST_USE bool zone_check(const char *zone, struct error *err);
MUST_USE bool instant_to_civil(int64_t ms, const char *zone, struct civil *out, struct error *err);
/* Fields year .. second of `c`. A time in the hour that a clock change skips: SB_RANGE, saying so. A time that
 * occurs twice means the first, unless `second_fold`. */
MUST_USE bool instant_from_civil(const struct civil *c, const char *zone, bool second_fold, int64_t *out,
                                 struct error *err);

/* RFC 3339 both ways; writing is always UTC with milliseconds when they are not zero ("2024-02-08T19:00:00Z"). */
MUST_USE bool instant_parse_rfc3339(const char *text, int64_t *out, struct error *err);
void instant_rfc3339(int64_t ms, char out[32]);

/* What a person types: RFC 3339, "2024-02-08 14:00", "today 14:00", "tomorrow 9:30", "fri 14:00", "now", "in 5h",
 * each optionally followed by a zone name; `zone` is the default. */
MUST_USE bool instant_parse(const char *text, int64_t now, const char *zone, int64_t *out, struct error *err);
/* "Thu 8 Feb 14:00 EST" in the zone; year only when it is not that of `now`. In the arena. */
char *instant_text(int64_t ms, const char *zone, int64_t now, struct arena *a);

/* "90m", "1h30m", "2d", "45s", "1.5h", "500ms". Non-negative. */
MUST_USE bool duration_parse(const char *text, int64_t *out_ms, struct error *err);
/* "1 h 30 min", "45 s", "2 d 4 h", "0 s": at most two units. */
char *duration_text(int64_t ms, struct arena *a);
/* "4m 07s", "12.3s", "1h 02m": fixed look for tables. */
char *duration_short(int64_t ms, struct arena *a);

#endif
