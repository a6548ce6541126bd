#include "base/instant.h"

#include <stdio.h>
#include <time.h>

void instant_rfc3339(int64_t ms, char out[32])
{
    int64_t seconds = ms / 1000, rest = ms % 1000;
    if (rest < 0) {
        rest += 1000;
        seconds--;
    }
    time_t t = (time_t)seconds;
    struct tm tm = {0};
    gmtime_r(&t, &tm);
    size_t n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    if (rest != 0)
        snprintf(out + n, 32 - n, ".%03dZ", (int)rest);
    else
        snprintf(out + n, 32 - n, "Z");
}
