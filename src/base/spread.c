#include "base/spread.h"

#include "base/instant.h"
#include <stdlib.h>
#include <string.h>

static int by_length(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

struct spread spread_of(const int64_t *took, int n)
{
    if (n <= 0)
        return (struct spread){0};
    _cleanup_arena_ struct arena a = arena_make();
    int64_t *sorted = ARENA_ARRAY(&a, (size_t)n, int64_t);
    memcpy(sorted, took, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_length);
    /* The smallest that at least nine of ten do not exceed. */
    int nine = (9 * n + 9) / 10 - 1;
    int64_t middle = n % 2 ? sorted[n / 2] : sorted[n / 2 - 1] + (sorted[n / 2] - sorted[n / 2 - 1]) / 2;
    return (struct spread){.n = n, .median = middle, .p90 = sorted[nine]};
}

char *spread_text(const struct spread *s, struct arena *a)
{
    if (s->n == 0)
        return arena_strdup(a, "not known");
    if (s->n == 1)
        return arena_printf(a, "%s (seen once)", duration_text(s->median, a));
    return arena_printf(a, "%s (9 of 10 within %s, seen %d times)", duration_text(s->median, a),
                        duration_text(s->p90, a), s->n);
}
