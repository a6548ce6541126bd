#include "engine/advice.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The last hours of the last work day: who would repair it is on the way home. */
enum { LATE_MINUTES = 4 * 60 };

static const char *const day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};

static int day_of(const char *text)
{
    for (int i = 0; i < 7; i++)
        if (strncasecmp(text, day_names[i], 3) == 0)
            return i;
    return 0;
}

struct week {
    int first, last;   /* weekdays */
    int opens, closes; /* minutes of the day */
};

static struct week week_of(const char *work_week, const char *hours)
{
    struct week w = {.first = 1, .last = 5, .opens = 8 * 60, .closes = 18 * 60};
    int h1, m1, h2, m2;
    const char *dash = strchr(work_week, '-');
    if (dash) {
        w.first = day_of(work_week);
        w.last = day_of(dash + 1);
    }
    if (sscanf(hours, "%d:%d-%d:%d", &h1, &m1, &h2, &m2) == 4) {
        w.opens = h1 * 60 + m1;
        w.closes = h2 * 60 + m2;
    }
    return w;
}

/* A work week may run over the weekend: sun-thu. */
static bool works_on(const struct week *w, int day)
{
    return (day - w->first + 7) % 7 <= (w->last - w->first + 7) % 7;
}

const char *advice_window(const char *work_week, const char *hours, const struct window *win, struct arena *a)
{
    struct week w = week_of(work_week, hours);
    struct civil from, to;
    if (!instant_to_civil(win->from, win->zone, &from, NULL) ||
        !instant_to_civil(win->to, win->zone, &to, NULL))
        return NULL;
    int begins = from.hour * 60 + from.minute, ends = to.hour * 60 + to.minute;
    if (!works_on(&w, from.weekday))
        return arena_printf(a, "%s is outside of the client's work week (%s)", day_names[from.weekday],
                            work_week);
    bool same_day = from.day == to.day && from.month == to.month;
    if (begins < w.opens || !same_day || ends > w.closes)
        return arena_printf(a, "%02d:%02d-%02d:%02d is outside of the client's staffed hours (%s)", from.hour,
                            from.minute, to.hour, to.minute, hours);
    if (from.weekday == w.last && begins > w.closes - LATE_MINUTES)
        return arena_printf(a,
                            "%s %02d:%02d is late on the client's last work day: should it go wrong, the "
                            "weekend stands before the repair",
                            day_names[from.weekday], from.hour, from.minute);
    return NULL;
}

bool advice_better(const char *work_week, const char *hours, const struct window *w, int64_t earliest,
                   struct window *out)
{
    const int64_t length = w->to - w->from, stride = MINUTES(30);
    int64_t from = w->from > earliest ? w->from : earliest;
    from = (from + stride - 1) / stride * stride;
    for (const int64_t last = from + DAYS(14); from < last; from += stride) {
        _cleanup_arena_ struct arena a = arena_make();
        *out = (struct window){from, from + length, w->zone};
        if (!advice_window(work_week, hours, out, &a))
            return true;
    }
    return false;
}
