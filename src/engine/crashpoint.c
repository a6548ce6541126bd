#include "engine/crashpoint.h"

#ifdef SB_CRASHPOINTS
#include "base/buf.h"
#include "net/loop.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Long enough for a request on loopback to have reached its system, short enough for its answer not to
 * matter. */
enum { SENT_MS = 40 };

static const char *wanted(void)
{
    const char *text = getenv("SIGNALBOX_CRASH");
    return text ? text : "";
}

static void die(void)
{
    raise(SIGKILL);
}

void crash_after_append(int n, bool counts)
{
    static int appended;
    const char *w = wanted();
    appended += counts ? n : 0;
    if (str_eq(w, "every") && counts)
        die();
    if (str_starts(w, "append:") && appended >= atoi(w + strlen("append:")))
        die();
}

static void on_sent(void *ctx)
{
    (void)ctx;
    die();
}

void crash_after_sent(struct loop *l, const char *step)
{
    if (str_starts(wanted(), "sent:") && str_eq(wanted() + strlen("sent:"), step))
        timer_start(l, SENT_MS, on_sent, NULL);
}

void crash_before_record(const char *step)
{
    if (str_starts(wanted(), "perform:") && str_eq(wanted() + strlen("perform:"), step))
        die();
}

bool crash_splits(void)
{
    return str_eq(wanted(), "every") || str_starts(wanted(), "append:");
}
#endif
