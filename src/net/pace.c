#include "net/pace.h"
#include <curl/curl.h>
#include <stddef.h>
#include <string.h>

enum { BACKOFF_FIRST_MS = 500, BACKOFF_MOST_MS = 30000 };

/* Longer waits than a year are somebody's joke; cut so that sums of times stay far from overflow. */
static const int64_t AFTER_MOST_MS = INT64_C(366) * 86400 * 1000;

struct bucket bucket_make(double per_second, int burst, int64_t now_ms)
{
    double most = burst > 0 ? burst : 1;
    return (struct bucket){.per_second = per_second, .burst = most, .tokens = most, .at_ms = now_ms};
}

int64_t bucket_take(struct bucket *b, int64_t now_ms)
{
    if (b->per_second <= 0)
        return 0;
    b->tokens += (double)(now_ms - b->at_ms) * b->per_second / 1000;
    b->tokens = b->tokens < b->burst ? b->tokens : b->burst;
    b->at_ms = now_ms;
    if (b->tokens >= 1) {
        b->tokens -= 1;
        return 0;
    }
    return (int64_t)((1 - b->tokens) * 1000 / b->per_second) + 1;
}

int64_t backoff_ms(int tries, uint64_t chance)
{
    int64_t most = BACKOFF_FIRST_MS;
    for (int i = 1; i < tries && most < BACKOFF_MOST_MS; i++)
        most *= 2;
    most = most < BACKOFF_MOST_MS ? most : BACKOFF_MOST_MS;
    return (int64_t)(chance % (uint64_t)(most + 1));
}

int64_t retry_after_ms(const char *value, int64_t server_now_ms, int64_t wall_now_ms)
{
    if (value == NULL)
        return -1;
    value += strspn(value, " \t");
    size_t digits = strspn(value, "0123456789");
    if (digits > 0 && value[digits + strspn(value + digits, " \t")] == '\0') {
        int64_t s = 0;
        for (size_t i = 0; i < digits && s < AFTER_MOST_MS; i++)
            s = s * 10 + (value[i] - '0');
        return s < AFTER_MOST_MS / 1000 ? s * 1000 : AFTER_MOST_MS;
    }
    time_t when = curl_getdate(value, NULL);
    if (digits > 0 || when < 0)
        return -1;
    int64_t wait = (int64_t)when * 1000 - (server_now_ms > 0 ? server_now_ms : wall_now_ms);
    return wait < 0 ? 0 : wait < AFTER_MOST_MS ? wait : AFTER_MOST_MS;
}
