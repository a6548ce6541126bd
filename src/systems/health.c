/* health.c: see health.h. */
#include "systems/health.h"
#include "base/instant.h"
#include "base/json.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static void set_limit(json_t *measure, const char *key, double value)
{
    if (!isnan(value))
        json_object_set_new(measure, key, json_real(value));
}

static double limit_of(const json_t *measure, const char *key)
{
    return json_num(measure, key, NAN);
}

static void describe(char *out, size_t n, double value, const struct health_limits *l)
{
    const char *unit = l->unit ? l->unit : "";
    int at = snprintf(out, n, "%.4g%s%s", value, *unit ? " " : "", unit);
    if (!isnan(l->max) && at > 0 && (size_t)at < n)
        at += snprintf(out + at, n - (size_t)at, ", at most %.4g", l->max);
    if (!isnan(l->min) && at > 0 && (size_t)at < n)
        (void)snprintf(out + at, n - (size_t)at, ", at least %.4g", l->min);
}

json_t *health_measure(const char *name, bool known, double value, const struct health_limits *l,
                       const char *why)
{
    bool usable = known && isfinite(value);
    bool ok = usable && (isnan(l->max) || value <= l->max) && (isnan(l->min) || value >= l->min);
    char says[256];
    if (usable)
        describe(says, sizeof says, value, l);
    else
        (void)snprintf(says, sizeof says, "unknown: %s", why ? why : "the value is not a number");
    json_t *m = json_pack("{s:s, s:o, s:b, s:b, s:s}", "name", name, "value",
                          usable ? json_real(value) : json_null(), "known", usable, "ok", ok, "says", says);
    if (!m)
        return NULL;
    if (l->unit)
        json_object_set_new(m, "unit", json_string(l->unit));
    set_limit(m, "max", l->max);
    set_limit(m, "min", l->min);
    set_limit(m, "worse_by", l->worse_by);
    return m;
}

json_t *health_snapshot_of(json_t *measures)
{
    bool healthy = true;
    size_t i;
    json_t *m;
    json_array_foreach(measures, i, m)
        if (!json_flag(m, "ok", false))
            healthy = false;
    return json_pack("{s:b, s:o}", "healthy", healthy, "measures", measures);
}

static const json_t *by_name(const json_t *list, const char *name)
{
    size_t i;
    json_t *m;
    json_array_foreach((json_t *)list, i, m) {
        const char *its = json_str(m, "name", NULL);
        if (its && name && strcmp(its, name) == 0)
            return m;
    }
    return NULL;
}

/* Worse than before by more than its factor? Before zero there is no factor to speak of: only the limits
 * count then. */
static bool worse_than(const json_t *was, const json_t *is, char *says, size_t n)
{
    double factor = limit_of(is, "worse_by"), before = json_num(was, "value", NAN),
           now = json_num(is, "value", NAN);
    if (isnan(factor) || factor <= 0 || isnan(before) || isnan(now) || before <= 0)
        return false;
    bool down_is_worse = isnan(limit_of(is, "max")) && !isnan(limit_of(is, "min"));
    bool worse = down_is_worse ? now < before / factor : now > before * factor;
    if (worse)
        (void)snprintf(says, n, "%.4g now, %.4g before: more than the factor %.4g", now, before, factor);
    return worse;
}

json_t *health_worse(const json_t *before, const json_t *now)
{
    json_t *worse = json_array();
    size_t i;
    json_t *m;
    json_array_foreach(json_object_get(now, "measures"), i, m) {
        const char *name = json_str(m, "name", "");
        char says[256];
        const json_t *was = by_name(json_object_get(before, "measures"), name);
        if (!json_flag(m, "ok", false))
            (void)snprintf(says, sizeof says, "%s", json_str(m, "says", "not healthy"));
        else if (!was || !worse_than(was, m, says, sizeof says))
            continue;
        json_array_append_new(worse, json_pack("{s:s, s:s}", "name", name, "says", says));
    }
    return worse;
}

static bool share_a_name(const json_t *a, const json_t *b)
{
    size_t i;
    json_t *m;
    json_array_foreach((json_t *)a, i, m)
        if (by_name(b, json_str(m, "name", NULL)))
            return true;
    return false;
}

static bool same_names(const json_t *a, const json_t *b)
{
    if (json_array_size(a) != json_array_size(b))
        return false;
    size_t i;
    json_t *m;
    json_array_foreach((json_t *)a, i, m)
        if (!by_name(b, json_str(m, "name", NULL)))
            return false;
    return true;
}

enum health_verdict health_soak_look(struct health_soak *s, const json_t *before, const json_t *now,
                                     int64_t at_ms, json_t **view)
{
    json_t *worse = health_worse(before, now);
    bool good = json_array_size(worse) == 0;
    bool bad_twice = share_a_name(worse, s->last_worse);
    bool news = s->looks == 0 || !same_names(worse, s->last_worse);
    if (good && (s->looks == 0 || json_array_size(s->last_worse) > 0))
        s->good_since = at_ms;
    int64_t good_for = good ? at_ms - s->good_since : 0;
    int tenth = s->soak_ms > 0 ? (int)(good_for * 10 / s->soak_ms) : 10;
    enum health_verdict verdict = bad_twice                        ? HEALTH_WORSE
                                  : good && good_for >= s->soak_ms ? HEALTH_GOOD
                                                                   : HEALTH_SOAKING;
    s->looks++;
    *view = NULL;
    if (news || tenth != s->told_tenth || verdict != HEALTH_SOAKING)
        *view = json_pack("{s:b, s:O, s:O, s:I, s:I, s:i}", "healthy", good, "measures",
                          json_object_get(now, "measures"), "worse", worse, "good_for_ms",
                          (json_int_t)good_for, "soak_ms", (json_int_t)s->soak_ms, "looks", s->looks);
    s->told_tenth = tenth;
    json_decref(s->last_worse);
    s->last_worse = worse;
    return verdict;
}

void health_soak_free(struct health_soak *s)
{
    json_decref(s->last_worse);
    s->last_worse = NULL;
}

void health_worse_text(const json_t *worse, char *out, int n)
{
    size_t i;
    json_t *m;
    int at = 0;
    out[0] = '\0';
    json_array_foreach((json_t *)worse, i, m) {
        int wrote = snprintf(out + at, (size_t)(n - at), "%s%s: %s", i ? "; " : "", json_str(m, "name", ""),
                             json_str(m, "says", ""));
        if (wrote < 0 || wrote >= n - at)
            return;
        at += wrote;
    }
}

int64_t health_soak_arg(const json_t *args, int64_t fallback)
{
    const json_t *soak = json_object_get(args, "soak");
    int64_t ms = fallback;
    if (json_is_number(soak))
        ms = (int64_t)json_number_value(soak);
    else if (json_is_string(soak) && !duration_parse(json_string_value(soak), &ms, NULL))
        ms = fallback;
    return ms < 0 ? 0 : ms;
}
