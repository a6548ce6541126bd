/* pace.h: how fast and how often an outside system is asked. Pure: time and chance are arguments. */
#ifndef SB_NET_PACE_H
#define SB_NET_PACE_H

#include <stdint.h>

/* A token bucket: `burst` requests at once, `per_second` in the long run. per_second 0 = no limit. */
struct bucket {
    double per_second, burst, tokens;
    int64_t at_ms; /* monotonic; when `tokens` was right */
};

struct bucket bucket_make(double per_second, int burst, int64_t now_ms);
/* Takes a token and returns 0, or returns the ms to wait until there is one. */
int64_t bucket_take(struct bucket *b, int64_t now_ms);

/* The pause after failed try number `tries` (1, 2, ...): exponential with full jitter (anywhere from 0 to the
 * exponential bound, so that many clients that failed together do not come back together). `chance` is any
 * random number. */
int64_t backoff_ms(int tries, uint64_t chance);

/* The pause that a Retry-After header asks for, in ms: seconds or an HTTP date. A date is counted from the
 * server's own Date when there was one (`server_now_ms`, 0 = none), because its clock may differ from ours.
 * -1 = no such wish. */
int64_t retry_after_ms(const char *value, int64_t server_now_ms, int64_t wall_now_ms);

#endif
