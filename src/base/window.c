#include "base/window.h"

#include "base/spoken.h"
#include <ctype.h>
#include <string.h>

static const int64_t longest_ms = DAYS(7);

/* '-', '/' or a dash that an editor made of it. */
static bool take_separator(struct scan *s)
{
    static const char dash[] = "\xE2\x80\x93";
    if (scan_char(s, '-') || scan_char(s, '/'))
        return true;
    if (strncmp(s->at, dash, strlen(dash)) != 0)
        return false;
    s->at += strlen(dash);
    return true;
}

/* How a window was said: it ends at a moment, or after a time. */
struct words {
    struct spoken from, to;
    bool has_length;
    int64_t length;
    char zone[ZONE_NAME_MAX];
};

static bool take_end(struct scan *s, struct words *w, struct error *err)
{
    scan_space(s);
    if (scan_word(s, "for")) {
        w->has_length = true;
        scan_space(s);
        return duration_scan(s, &w->length, err);
    }
    if (take_separator(s))
        return spoken_scan(s, &w->to, err);
    return scan_fail(s, SB_PARSE, err, "expected the end of the window, as in 14:00-15:30 or 14:00 for 90m");
}

static bool take_words(struct scan *s, struct words *w, struct error *err)
{
    char again[ZONE_NAME_MAX];
    if (!spoken_scan(s, &w->from, err) || !spoken_zone(s, w->zone, err) || !take_end(s, w, err))
        return false;
    scan_space(s);
    const struct scan zone_at = *s;
    if (!spoken_zone(s, again, err))
        return false;
    if (w->zone[0] != '\0' && again[0] != '\0')
        return scan_fail(&zone_at, SB_PARSE, err, "expected only one time zone");
    if (again[0] != '\0')
        memcpy(w->zone, again, sizeof again);
    return scan_is_end(s) || scan_fail(s, SB_PARSE, err, "expected a time zone or nothing more");
}

/* An end said without a day is on the day of the beginning. */
static bool resolve_end(struct words *w, int64_t from, int64_t now, const char *zone, int64_t *to,
                        struct error *err)
{
    if (w->has_length) {
        *to = from + w->length;
        return true;
    }
    if (w->to.kind == SPOKEN_CIVIL && w->to.day == DAY_UNSAID) {
        struct civil day;
        if (!instant_to_civil(from, zone, &day, err))
            return false;
        w->to.day = DAY_DATE;
        w->to.civil.year = day.year;
        w->to.civil.month = day.month;
        w->to.civil.day = day.day;
    }
    return spoken_resolve(&w->to, now, zone, to, err);
}

bool window_parse(const char *text, int64_t now, const char *zone, struct arena *a, struct window *out,
                  struct error *err)
{
    struct scan s;
    struct words w = {0};
    if (!scan_begin(&s, text, err) || !take_words(&s, &w, err))
        return false;
    if (w.zone[0] != '\0')
        zone = w.zone;
    int64_t from, to;
    if (!zone_check(zone, err) || !spoken_resolve(&w.from, now, zone, &from, err) ||
        !resolve_end(&w, from, now, zone, &to, err))
        return false;
    const struct scan *end_at = w.has_length ? &w.from.begin : &w.to.begin;
    if (to <= from)
        return scan_fail(end_at, SB_RANGE, err,
                         "the window ends before it begins; over midnight write 23:00 for 2h");
    if (to - from > longest_ms)
        return scan_fail(end_at, SB_RANGE, err, "the window is longer than 7 days");
    *out = (struct window){.from = from, .to = to, .zone = arena_strdup(a, zone)};
    return true;
}

static char *length_text(int64_t ms, struct arena *a)
{
    if (ms % MINUTES(1) != 0 || ms >= DAYS(1))
        return duration_text(ms, a);
    return arena_printf(a, "%d min", (int)(ms / MINUTES(1)));
}

char *window_text(const struct window *w, int64_t now, struct arena *a)
{
    struct civil from, to, today = {0};
    char from_name[TZ_NAME_MAX], to_name[TZ_NAME_MAX], today_name[TZ_NAME_MAX];
    if (!shown_civil(w->from, w->zone, &from, from_name) || !shown_civil(w->to, w->zone, &to, to_name))
        return arena_strdup(a, "a window outside the years 1 to 9999");
    (void)shown_civil(now, w->zone, &today, today_name);

    bool same_day = from.year == to.year && from.month == to.month && from.day == to.day;
    bool same_name = strcmp(from_name, to_name) == 0;
    char *begin = arena_printf(a, "%s %02d:%02d%s%s", day_text(&from, today.year, a), from.hour, from.minute,
                               same_name ? "" : " ", same_name ? "" : from_name);
    char *end = arena_printf(a, "%02d:%02d %s", to.hour, to.minute, to_name);
    if (!same_day)
        return arena_printf(a, "%s - %s %s (%s)", begin, day_text(&to, today.year, a), end,
                            length_text(w->to - w->from, a));
    return arena_printf(a, "%s%s%s (%s)", begin, same_name ? "-" : " - ", end,
                        length_text(w->to - w->from, a));
}

bool window_overlaps(const struct window *a, const struct window *b)
{
    return a->from < b->to && b->from < a->to;
}
