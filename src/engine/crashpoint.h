/* crashpoint.h: lets the environment kill the process at a named instant, for crash tests. In a build without
 * crashpoints, nothing.
 *
 * SIGNALBOX_CRASH =
 *   append:N      after the Nth event of this process has become durable
 *   every         after each event of this process (each start makes one event of progress)
 *   sent:STEP     a moment after the step's request was handed to its driver
 *   perform:STEP  when the driver has answered, before that is recorded */
#ifndef SB_ENGINE_CRASHPOINT_H
#define SB_ENGINE_CRASHPOINT_H

#include <stdbool.h>

struct loop;

#ifdef SB_CRASHPOINTS
/* `counts`: not what only leads back to where the process died before, which would be all that ever happens
 * with "every". */
void crash_after_append(int n, bool counts);
void crash_after_sent(struct loop *l, const char *step);
void crash_before_record(const char *step);
/* Each event is appended alone, so that the process can die between any two. */
bool crash_splits(void);
#else
static inline void crash_after_append(int n, bool counts)
{
    (void)n, (void)counts;
}
static inline void crash_after_sent(struct loop *l, const char *step)
{
    (void)l, (void)step;
}
static inline void crash_before_record(const char *step)
{
    (void)step;
}
static inline bool crash_splits(void)
{
    return false;
}
#endif

#endif
