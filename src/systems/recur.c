/* recur.c: see recur.h. */
#include "systems/recur.h"
#include "base/tz.h"
#include <libical/ical.h>
#include <string.h>
#include <time.h>

/* No zone is further from UTC than this, and no clock change moves further. */
static const int64_t around_s = 26 * INT64_C(3600);

int64_t local_of_civil(const struct civil *c)
{
    struct tm tm = {.tm_year = c->year - 1900,
                    .tm_mon = c->month - 1,
                    .tm_mday = c->day,
                    .tm_hour = c->hour,
                    .tm_min = c->minute,
                    .tm_sec = c->second};
    return (int64_t)timegm(&tm) * 1000;
}

/* The first moment at which the clocks show `local_s` or later, when no moment shows it. */
static int64_t skip_moment(const struct tz *tz, int64_t local_s)
{
    int64_t before = local_s - around_s, after = local_s + around_s;
    while (before + 1 < after) {
        int64_t middle = before + (after - before) / 2;
        if (middle + tz_at(tz, middle).offset_s >= local_s)
            after = middle;
        else
            before = middle;
    }
    return after;
}

bool local_moment(int64_t local, const char *zone, bool is_end, int64_t *out, struct error *err)
{
    const struct tz *tz = tz_find(zone, err);
    if (!tz)
        return false;
    int64_t local_s = local / 1000 - (local % 1000 < 0), found_s = 0;
    bool found = false;
    /* The offset is one of those in force around then: each names a moment, and holds there or not. */
    const int offsets[] = {tz_at(tz, local_s - around_s).offset_s, tz_at(tz, local_s).offset_s,
                           tz_at(tz, local_s + around_s).offset_s};
    for (size_t i = 0; i < COUNT_OF(offsets); i++) {
        int64_t moment = local_s - offsets[i];
        if (tz_at(tz, moment).offset_s != offsets[i])
            continue;
        if (!found || (is_end ? moment > found_s : moment < found_s))
            found_s = moment;
        found = true;
    }
    *out = (found ? found_s : skip_moment(tz, local_s)) * 1000;
    return true;
}

/* --- the rule ---------------------------------------------------------------------------------- */

static struct icaltimetype time_of_local(int64_t local)
{
    struct icaltimetype t = icaltime_from_timet_with_zone((time_t)(local / 1000), 0, NULL);
    t.zone = NULL; /* floating: libical is to count days and nothing else */
    return t;
}

static int64_t local_of_time(struct icaltimetype t)
{
    struct civil c = {t.year, t.month, t.day, t.hour, t.minute, t.second, 0, 0};
    return local_of_civil(&c);
}

static bool read_rule(const struct recur *r, const char *zone, struct icalrecurrencetype *out)
{
    if (strnlen(r->rule, RECUR_RULE_MAX + 1) > RECUR_RULE_MAX)
        return false;
    *out = icalrecurrencetype_from_string(r->rule);
    icalerror_clear_errno();
    if (out->freq < ICAL_DAILY_RECURRENCE || out->freq > ICAL_YEARLY_RECURRENCE)
        return false;
    /* UNTIL may be a moment while the rest is local: it is made local, so that libical compares like with like. */
    if (zone && !icaltime_is_null_time(out->until) && icaltime_is_utc(out->until)) {
        struct civil c;
        int64_t until = (int64_t)icaltime_as_timet(out->until) * 1000;
        if (!instant_to_civil(until, zone, &c, NULL))
            return false;
        out->until = time_of_local(local_of_civil(&c));
    }
    return true;
}

static bool is_skipped(const struct recur *r, int64_t local)
{
    for (int i = 0; i < r->n_skips; i++)
        if (r->skips[i] == local)
            return true;
    return false;
}

bool recur_check(const struct recur *r, struct error *err)
{
    if (r->to <= r->from)
        return error_set(err, SB_RANGE, "it ends before it begins");
    if (r->to - r->from > DAYS(RECUR_LENGTH_DAYS))
        return error_set(err, SB_RANGE, "it is longer than a year");
    if (!r->rule)
        return true;
    struct icalrecurrencetype rule;
    if (!read_rule(r, NULL, &rule))
        return error_set(err, SB_PARSE,
                         "expected a rule of RFC 5545 by days, weeks, months or years, such as "
                         "FREQ=WEEKLY;BYDAY=FR, found \"%.128s\"",
                         r->rule);
    icalrecur_iterator *all = icalrecur_iterator_new(rule, time_of_local(r->from));
    struct icaltimetype first = all ? icalrecur_iterator_next(all) : icaltime_null_time();
    icalrecur_iterator_free(all);
    if (icaltime_is_null_time(first) || local_of_time(first) != r->from)
        return error_set(err, SB_RANGE, "its first begin is not a day of its rule %s", r->rule);
    return true;
}

/* --- occurrences ------------------------------------------------------------------------------- */

struct asked {
    const struct recur *r;
    const char *zone;
    int64_t from, to;
    struct span *out;
    int n, most;
};

/* False: the rest is later than what was asked for. */
static bool meet(struct asked *a, int64_t local)
{
    struct span s;
    const struct recur *r = a->r;
    if (local > a->to + around_s * 1000)
        return false;
    if (local + (r->to - r->from) < a->from - around_s * 1000 || is_skipped(r, local))
        return true;
    if (!local_moment(local, a->zone, false, &s.from, NULL) ||
        !local_moment(local + (r->to - r->from), a->zone, true, &s.to, NULL))
        return false;
    if (s.from < a->to && a->from < s.to && a->n < a->most)
        a->out[a->n++] = s;
    return a->n < a->most;
}

int recur_meets(const struct recur *r, const char *zone, int64_t from, int64_t to, struct span *out, int most)
{
    struct asked a = {.r = r, .zone = zone, .from = from, .to = to, .out = out, .most = most};
    struct icalrecurrencetype rule;
    if (r->to <= r->from || r->to - r->from > DAYS(RECUR_LENGTH_DAYS) || to <= from)
        return 0;
    if (!r->rule) {
        (void)meet(&a, r->from);
        return a.n;
    }
    if (!read_rule(r, zone, &rule))
        return 0;
    icalrecur_iterator *all = icalrecur_iterator_new(rule, time_of_local(r->from));
    for (int i = 0; all && i < RECUR_MOST; i++) {
        struct icaltimetype t = icalrecur_iterator_next(all);
        if (icaltime_is_null_time(t) || !meet(&a, local_of_time(t)))
            break;
    }
    icalrecur_iterator_free(all);
    return a.n;
}
