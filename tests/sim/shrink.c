/* shrink.c: a failing history with as few faults as possible. Faults are drawn by their place, so the others
 * stay where they are when one is left out. */
#include "history.h"

struct trial {
    const struct sim_page *page;
    uint64_t seed;
    struct expr *x;
    const char *invariant;
    struct sim *s;
};

/* Does it still break with these? Then `places` becomes those of them that took place. */
static bool still_breaks(struct trial *t, struct fault_place *places, int *n)
{
    history_run(t->s, t->page, t->seed, t->x, places, *n, NULL);
    bool same = t->s->broke && strcmp(t->s->broke, t->invariant) == 0;
    if (same) {
        memcpy(places, t->s->fired, (size_t)t->s->n_fired * sizeof *places);
        *n = t->s->n_fired;
    }
    history_free(t->s);
    return same;
}

/* Tries without `size` faults from `at` on. */
static bool without(struct trial *t, struct fault_place *places, int *n, int at, int size)
{
    struct fault_place fewer[FIRED_MAX];
    int end = at + size < *n ? at + size : *n, left = *n - (end - at);
    memcpy(fewer, places, (size_t)at * sizeof *fewer);
    memcpy(fewer + at, places + end, (size_t)(*n - end) * sizeof *fewer);
    if (!still_breaks(t, fewer, &left))
        return false;
    memcpy(places, fewer, (size_t)left * sizeof *fewer);
    *n = left;
    return true;
}

int shrink(const struct sim_page *page, uint64_t seed, struct expr *x, const char *invariant,
           struct fault_place *out)
{
    struct trial t = {page, seed, x, invariant, calloc(1, sizeof *t.s)};
    if (!t.s)
        abort();
    history_run(t.s, page, seed, x, NULL, 0, NULL);
    int n = t.s->n_fired;
    memcpy(out, t.s->fired, (size_t)n * sizeof *out);
    history_free(t.s);
    for (int before = n + 1; n < before;) {
        before = n;
        for (int size = n; size >= 1; size /= 2)
            for (int at = 0; at < n;)
                if (!without(&t, out, &n, at, size))
                    at += size;
    }
    free(t.s);
    return n;
}
