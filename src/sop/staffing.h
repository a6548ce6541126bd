/* staffing.h: does a window fall into a time when people are there, and do they stay long enough after it? A
 * fix that goes out on the last evening of the week leaves nobody to see it fail. Pure, thread-safe. */
#ifndef SB_SOP_STAFFING_H
#define SB_SOP_STAFFING_H

#include "base/arena.h"
#include "base/error.h"
#include <stdint.h>

struct staffing {
    int first_day, last_day; /* of the work week; 0 = Sunday */
    int opens, closes;       /* minutes of the day */
};

enum { STAFFING_MARGIN_MIN = 120 }; /* the last work day should go on for so long after a window */

/* "mon-fri" and "08:00-18:00", as a client has them. Errors: SB_PARSE. */
MUST_USE bool staffing_parse(const char *work_week, const char *hours, struct staffing *out,
                             struct error *err);

/* What is to be said against a window in that zone: "it is on a day off"; NULL = nothing, or the times are none of
 * the calendar's. */
const char *staffing_against(const struct staffing *s, int64_t from, int64_t to, const char *zone);

/* A sentence that questions the window, and names the nearest better one that has not begun; "" when there is
 * nothing to question. In `a`. Errors: SB_RANGE when the times are none of the calendar's. */
const char *staffing_question(const struct staffing *s, int64_t from, int64_t to, const char *zone,
                              int64_t now, struct arena *a, struct error *err);

#endif
