/* rng.h: the simulator's chance. No global state, the same on every machine.
 *
 * - rng_at: a value that depends on its four coordinates alone: the history's seed, what is drawn, for which
 * step, for which time. Leaving one fault out of a history therefore leaves every other draw where it was;
 * that is what lets a failing history be shrunk.
 * - struct rng: a sequence, for inventing pages.
 *
 * The mixing step is the finaliser known as splitmix64, the sequence xoshiro256**; both written from their
 * description. */
#ifndef SB_SIM_RNG_H
#define SB_SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

static inline uint64_t rng_mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static inline uint64_t rng_at(uint64_t seed, unsigned what, int step, unsigned nth)
{
    uint64_t where = (uint64_t)what << 48 | (uint64_t)(uint16_t)step << 32 | nth;
    return rng_mix(rng_mix(seed) ^ where);
}

struct rng {
    uint64_t s[4];
};

static inline struct rng rng_new(uint64_t seed)
{
    struct rng r;
    for (int i = 0; i < 4; i++)
        r.s[i] = seed = rng_mix(seed);
    return r;
}

static inline uint64_t rng_next(struct rng *r)
{
    uint64_t *s = r->s, t = s[1] << 17, x = s[1] * 5, out = (x << 7 | x >> 57) * 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return out;
}

/* 0 ... n-1 */
static inline int rng_below(struct rng *r, int n)
{
    return (int)(rng_next(r) % (uint64_t)n);
}

static inline bool rng_chance(struct rng *r, int percent)
{
    return rng_below(r, 100) < percent;
}

#endif
