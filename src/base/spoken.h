/* spoken.h: a moment as a person says it ("tomorrow 9:30"), taken apart before anybody knows in which zone it
 * is meant, and the pieces in which one is shown. For instant.c, window.c and their like. Pure. */
#ifndef SB_BASE_SPOKEN_H
#define SB_BASE_SPOKEN_H

#include "base/instant.h"
#include "base/scan.h"
#include "base/tz_rule.h"

enum { ZONE_NAME_MAX = 64 };

struct spoken {
    struct scan begin; /* where it stands, for messages */
    enum { SPOKEN_NOW, SPOKEN_IN, SPOKEN_EXACT, SPOKEN_CIVIL } kind;
    int64_t ms; /* SPOKEN_IN: from now; SPOKEN_EXACT: the moment */
    enum { DAY_UNSAID, DAY_AHEAD, DAY_OF_WEEK, DAY_DATE } day;
    int days;           /* DAY_AHEAD: from today; DAY_OF_WEEK: 0 = Sunday */
    struct civil civil; /* the time; with DAY_DATE the date as well */
};

MUST_USE bool spoken_scan(struct scan *s, struct spoken *out, struct error *err);
/* A day that was not said is today; a weekday is the next one on which the time is still to come. */
MUST_USE bool spoken_resolve(const struct spoken *sp, int64_t now, const char *zone, int64_t *out,
                             struct error *err);
/* Takes a zone when one is next; `out` is empty when none is. Refuses one that does not exist. */
MUST_USE bool spoken_zone(struct scan *s, char out[ZONE_NAME_MAX], struct error *err);
/* "2024-02-08T19:00:00Z" with its offset, all of it required. */
MUST_USE bool rfc3339_scan(struct scan *s, int64_t *out, struct error *err);
MUST_USE bool duration_scan(struct scan *s, int64_t *out_ms, struct error *err);

/* For showing: never fails for a zone (one that does not exist is shown as UTC), false outside the years 1 to
 * 9999. */
bool shown_civil(int64_t ms, const char *zone, struct civil *out, char name[TZ_NAME_MAX]);
/* "Thu 8 Feb", with the year when it is not `this_year`. */
char *day_text(const struct civil *c, int this_year, struct arena *a);

#endif
