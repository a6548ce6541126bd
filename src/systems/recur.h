/* recur.h: what takes place again and again at a local time: "every Friday 18:00 until Monday 06:00".
 *
 * Local times are milliseconds as if the clock on the wall showed UTC. libical counts days by the rule (RFC
 * 5545's RRULE) on such times only; which moment one of them is in a zone, base/tz says, because libical's own
 * zones are wrong in places. So every occurrence begins and ends when the clock on the wall shows it, whatever
 * the clocks did meanwhile. Pure; loop's thread (libical keeps its last error in a global). */
#ifndef SB_SYSTEMS_RECUR_H
#define SB_SYSTEMS_RECUR_H

#include "base/error.h"
#include "base/instant.h"
#include <stdint.h>

enum {
    RECUR_RULE_MAX = 512,   /* bytes of a rule */
    RECUR_MOST = 20000,     /* occurrences looked at: 54 years of every day */
    RECUR_LENGTH_DAYS = 366 /* of one */
};

struct recur {
    int64_t from, to;     /* of the first, local */
    const char *rule;     /* "FREQ=WEEKLY;BYDAY=FR", or NULL: once */
    const int64_t *skips; /* local begins of those that are left out */
    int n_skips;
};

struct span {
    int64_t from, to; /* UTC milliseconds, half-open */
};

/* The civil fields year .. second as a local time. */
int64_t local_of_civil(const struct civil *c);
/* The moment at which a zone's clocks come to a local time. A time that occurs twice is the first moment for a
 * begin and the last for an end; a time that the clocks skip is the moment of the skip. Errors: SB_UNKNOWN zone. */
MUST_USE bool local_moment(int64_t local, const char *zone, bool is_end, int64_t *out, struct error *err);

/* Ends after it begins, at most RECUR_LENGTH_DAYS; the rule is one that libical reads, counts whole days or more,
 * and has `from` as its first. */
MUST_USE bool recur_check(const struct recur *r, struct error *err);
/* Those that meet [from, to), by begin, at most `most`. Returns how many; none when the rule or the zone is no
 * good. */
int recur_meets(const struct recur *r, const char *zone, int64_t from, int64_t to, struct span *out,
                int most);

#endif
