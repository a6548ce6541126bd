/* window.h: the time in which a change may touch production.
 *
 * Half-open [from, to), UTC milliseconds, with the IANA zone in which people speak of it. Pure, thread-safe. */
#ifndef SB_BASE_WINDOW_H
#define SB_BASE_WINDOW_H

#include "base/instant.h"
#include <jansson.h>

struct window {
    int64_t from, to;
    const char *zone;
};

/* "2024-02-08 14:00-15:30 America/New_York", "today 14:00 for 90m", "in 5h for 90m", "now for 90m",
 * "2024-02-08T19:00:00Z/2024-02-08T20:30:00Z". `zone` is the default when none is named. Text lives in `a`.
 * Errors: SB_PARSE with the column; SB_RANGE when it ends before it begins, or touches the hour that a
 * clock change skips, or is longer than 7 days. */
MUST_USE bool window_parse(const char *text, int64_t now, const char *zone, struct arena *a,
                           struct window *out, struct error *err);
/* "Thu 8 Feb 14:00-15:30 EST (90 min)". */
char *window_text(const struct window *w, int64_t now, struct arena *a);
bool window_overlaps(const struct window *a, const struct window *b);

/* A moment relative to a window, as on a page: "from - 24h", "to + 10m", "from", "incident + 24h". Names are looked
 * up in `names` (a JSON object of name -> milliseconds), so a page can use any moment the change knows. */
MUST_USE bool moment_parse(const char *text, const json_t *names, int64_t *out, struct error *err);

#endif
