/* spread.h: how long something usually takes, from how long it took: the middle, and what nine of ten stayed below.
 * Pure. */
#ifndef SB_BASE_SPREAD_H
#define SB_BASE_SPREAD_H

#include "base/arena.h"
#include <stdint.h>

struct spread {
    int n; /* how often it was seen; 0 = never, and the rest means nothing */
    int64_t median, p90;
};

/* Of `n` durations in milliseconds, in any order. */
struct spread spread_of(const int64_t *took, int n);
/* "12 min (9 of 10 within 18 min, seen 7 times)"; "not known" when it was never seen. In `a`. */
char *spread_text(const struct spread *s, struct arena *a);

#endif
