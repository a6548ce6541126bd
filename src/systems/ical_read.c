/* ical_read.c: ical.h's reading and editing. */
#include "base/buf.h"
#include "base/instant.h"
#include "systems/ical_parts.h"
#include "systems/recur.h"
#include <string.h>

enum { OCCURRENCES_MAX = 64, SKIPS_MAX = 1000, TZID_MAX = 128 };

static void free_component(icalcomponent **c)
{
    if (*c)
        icalcomponent_free(*c);
}
#define _cleanup_ical_ CLEANUP(free_component)

/* --- parsing ------------------------------------------------------------------------------------ */

/* libical builds what it is given; nesting is bounded here, because it is taken apart by recursion there. */
static bool is_sane(const char *text, size_t n, struct error *err)
{
    enum { DEPTH_MAX = 8 };
    int depth = 0, events = 0;
    for (const char *line = text; line < text + n;) {
        const char *end = memchr(line, '\n', (size_t)(text + n - line));
        size_t left = (size_t)(text + n - line);
        if (left > 6 && strncasecmp(line, "BEGIN:", 6) == 0) {
            events += left > 12 && strncasecmp(line + 6, "VEVENT", 6) == 0;
            if (++depth > DEPTH_MAX || events > ICAL_EVENTS_MAX)
                return error_set(err, SB_LIMIT, "a calendar with more than %d events, or nested too deep",
                                 ICAL_EVENTS_MAX);
        } else if (left > 4 && strncasecmp(line, "END", 3) == 0 && strchr(":;", line[3])) {
            /* libical says so on standard error, which is not its to write to. */
            if (--depth < 0)
                return error_set(err, SB_PARSE, "a calendar that ends before it begins");
        }
        line = end ? end + 1 : text + n;
    }
    return true;
}

static icalcomponent *parse(const char *text, size_t n, struct error *err)
{
    if (n > ICAL_TEXT_MAX || memchr(text, '\0', n)) {
        error_set(err, SB_LIMIT, "a calendar of more than %d bytes, or with NULs", ICAL_TEXT_MAX);
        return NULL;
    }
    if (!is_sane(text, n, err))
        return NULL;
    char *copy = strndup(text, n);
    icalcomponent *calendar = copy ? icalparser_parse_string(copy) : NULL;
    icalerror_clear_errno();
    free(copy);
    if (!calendar || icalcomponent_isa(calendar) != ICAL_VCALENDAR_COMPONENT) {
        error_set(err, SB_PARSE, "this is no calendar");
        if (calendar)
            icalcomponent_free(calendar);
        return NULL;
    }
    return calendar;
}

/* --- times -------------------------------------------------------------------------------------- */

struct when {
    int64_t local;
    char zone[TZID_MAX];
    bool is_date;
};

/* The zone that a property names, if tzdata knows it: "Europe/Berlin", or as the end of a longer name. */
static void find_zone(icalproperty *p, const char *fallback, char out[TZID_MAX])
{
    icalparameter *tzid = icalproperty_get_first_parameter(p, ICAL_TZID_PARAMETER);
    const char *name = tzid ? icalparameter_get_tzid(tzid) : NULL;
    (void)snprintf(out, TZID_MAX, "%s", fallback);
    for (; name && *name; name = strchr(name, '/') ? strchr(name, '/') + 1 : NULL)
        if (strlen(name) < TZID_MAX && zone_check(name, NULL)) {
            (void)snprintf(out, TZID_MAX, "%s", name);
            return;
        }
}

static bool time_of(icalproperty *p, struct icaltimetype t, const char *fallback, struct when *out)
{
    if (!p || icaltime_is_null_time(t) || t.year < 1 || t.year > 9999)
        return false;
    const struct civil c = {
        t.year, t.month, t.day, t.is_date ? 0 : t.hour, t.is_date ? 0 : t.minute, t.is_date ? 0 : t.second,
        0,      0};
    out->local = local_of_civil(&c);
    out->is_date = t.is_date;
    find_zone(p, fallback, out->zone);
    if (icaltime_is_utc(t))
        (void)snprintf(out->zone, TZID_MAX, "UTC");
    return true;
}

/* Another time of the same event, on the clock of its begin. */
static int64_t on_clock_of(const struct when *begin, const struct when *other)
{
    int64_t ms;
    struct civil c;
    if (strcmp(begin->zone, other->zone) == 0 || other->is_date ||
        !local_moment(other->local, other->zone, true, &ms, NULL) ||
        !instant_to_civil(ms, begin->zone, &c, NULL))
        return other->local;
    return local_of_civil(&c);
}

static bool read_span(icalcomponent *e, const char *zone, struct when *begin, int64_t *end)
{
    icalproperty *p = icalcomponent_get_first_property(e, ICAL_DTSTART_PROPERTY);
    struct when w;
    if (!p || !time_of(p, icalproperty_get_dtstart(p), zone, begin))
        return false;
    *end = begin->local + (begin->is_date ? DAYS(1) : 0);
    if ((p = icalcomponent_get_first_property(e, ICAL_DTEND_PROPERTY)) != NULL &&
        time_of(p, icalproperty_get_dtend(p), begin->zone, &w))
        *end = on_clock_of(begin, &w);
    else if ((p = icalcomponent_get_first_property(e, ICAL_DURATION_PROPERTY)) != NULL)
        *end = begin->local + (int64_t)icaldurationtype_as_int(icalproperty_get_duration(p)) * 1000;
    return *end > begin->local;
}

/* --- events ------------------------------------------------------------------------------------- */

static const char *text_of(icalcomponent *e, icalproperty_kind kind, const char *(*get)(const icalproperty *))
{
    icalproperty *p = icalcomponent_get_first_property(e, kind);
    const char *text = p ? get(p) : NULL;
    return text ? text : "";
}

static const char *key_of(icalcomponent *e)
{
    for (icalproperty *p = icalcomponent_get_first_property(e, ICAL_X_PROPERTY); p;
         p = icalcomponent_get_next_property(e, ICAL_X_PROPERTY)) {
        const char *name = icalproperty_get_x_name(p), *text = icalproperty_get_x(p);
        if (name && strcmp(name, ICAL_KEY) == 0 && text)
            return text;
    }
    return "";
}

/* Occurrences that do not take place: left out, or told by an event of their own. */
static int read_skips(icalcomponent *calendar, icalcomponent *e, const struct when *begin, int64_t *out)
{
    int n = 0;
    struct when w;
    const char *uid = text_of(e, ICAL_UID_PROPERTY, icalproperty_get_uid);
    for (icalproperty *p = icalcomponent_get_first_property(e, ICAL_EXDATE_PROPERTY); p && n < SKIPS_MAX;
         p = icalcomponent_get_next_property(e, ICAL_EXDATE_PROPERTY))
        if (time_of(p, icalproperty_get_exdate(p), begin->zone, &w))
            out[n++] = on_clock_of(begin, &w);
    icalcompiter others = icalcomponent_begin_component(calendar, ICAL_VEVENT_COMPONENT);
    for (icalcomponent *o; (o = icalcompiter_deref(&others)) != NULL && n < SKIPS_MAX;
         icalcompiter_next(&others)) {
        icalproperty *p = icalcomponent_get_first_property(o, ICAL_RECURRENCEID_PROPERTY);
        if (p && strcmp(uid, text_of(o, ICAL_UID_PROPERTY, icalproperty_get_uid)) == 0 &&
            time_of(p, icalproperty_get_recurrenceid(p), begin->zone, &w))
            out[n++] = on_clock_of(begin, &w);
    }
    return n;
}

struct reading {
    icalcomponent *calendar;
    const char *zone;
    int64_t from, to;
    ical_found_fn *found;
    void *ctx;
};

static void tell(const struct reading *r, icalcomponent *e, const struct span *s)
{
    icalproperty *status = icalcomponent_get_first_property(e, ICAL_STATUS_PROPERTY);
    icalproperty *shows = icalcomponent_get_first_property(e, ICAL_TRANSP_PROPERTY);
    const struct ical_found f = {
        .uid = text_of(e, ICAL_UID_PROPERTY, icalproperty_get_uid),
        .title = text_of(e, ICAL_SUMMARY_PROPERTY, icalproperty_get_summary),
        .description = text_of(e, ICAL_DESCRIPTION_PROPERTY, icalproperty_get_description),
        .url = text_of(e, ICAL_URL_PROPERTY, icalproperty_get_url),
        .key = key_of(e),
        .from = s->from,
        .to = s->to,
        .sequence = icalcomponent_get_sequence(e),
        .cancelled = status && icalproperty_get_status(status) == ICAL_STATUS_CANCELLED,
        .shows_free = shows && icalproperty_get_transp(shows) == ICAL_TRANSP_TRANSPARENT,
    };
    r->found(r->ctx, &f);
}

static void read_event(const struct reading *r, icalcomponent *e)
{
    struct when begin;
    struct span spans[OCCURRENCES_MAX];
    struct recur recur = {0};
    int64_t skips[SKIPS_MAX];
    if (!read_span(e, r->zone, &begin, &recur.to))
        return;
    recur.from = begin.local;
    icalproperty *rule = icalcomponent_get_first_property(e, ICAL_RRULE_PROPERTY);
    char *text = NULL;
    if (rule && !icalcomponent_get_first_property(e, ICAL_RECURRENCEID_PROPERTY)) {
        struct icalrecurrencetype read = icalproperty_get_rrule(rule);
        recur.rule = text = icalrecurrencetype_as_string_r(&read);
        recur.skips = skips;
        recur.n_skips = read_skips(r->calendar, e, &begin, skips);
    }
    int n = recur_meets(&recur, begin.zone, r->from, r->to, spans, OCCURRENCES_MAX);
    for (int i = 0; i < n; i++)
        tell(r, e, &spans[i]);
    if (text)
        icalmemory_free_buffer(text);
}

bool ical_read(const char *text, size_t n, const char *zone, int64_t from, int64_t to, ical_found_fn *found,
               void *ctx, struct error *err)
{
    _cleanup_ical_ icalcomponent *calendar = parse(text, n, err);
    if (!calendar)
        return false;
    const struct reading r = {calendar, zone, from, to, found, ctx};
    icalcompiter events = icalcomponent_begin_component(calendar, ICAL_VEVENT_COMPONENT);
    for (icalcomponent *e; (e = icalcompiter_deref(&events)) != NULL; icalcompiter_next(&events))
        read_event(&r, e);
    return true;
}

/* --- one event whole ----------------------------------------------------------------------------- */

static const char *mail_of(const char *value)
{
    return value && strncasecmp(value, "mailto:", 7) == 0 ? value + 7 : NULL;
}

static json_t *people_of(icalcomponent *e)
{
    json_t *list = json_array();
    for (icalproperty *p = icalcomponent_get_first_property(e, ICAL_ATTENDEE_PROPERTY);
         p && json_array_size(list) < ICAL_ATTENDEES_MAX;
         p = icalcomponent_get_next_property(e, ICAL_ATTENDEE_PROPERTY)) {
        const char *mail = mail_of(icalproperty_get_attendee(p));
        if (mail)
            json_array_append_new(list, json_string(mail));
    }
    return list;
}

static int64_t stamp_of(icalcomponent *e)
{
    icalproperty *p = icalcomponent_get_first_property(e, ICAL_DTSTAMP_PROPERTY);
    struct when w;
    int64_t ms = 0;
    if (!p || !time_of(p, icalproperty_get_dtstamp(p), "UTC", &w) ||
        !local_moment(w.local, w.zone, false, &ms, NULL))
        return 0;
    return ms;
}

bool ical_first(const char *text, struct arena *a, struct ical_event *out, json_t **attendees,
                struct error *err)
{
    _cleanup_ical_ icalcomponent *calendar = parse(text, strlen(text), err);
    icalcomponent *e = calendar ? icalcomponent_get_first_component(calendar, ICAL_VEVENT_COMPONENT) : NULL;
    struct when begin;
    int64_t end;
    if (!calendar)
        return false;
    *out = (struct ical_event){0};
    if (!e || !read_span(e, "UTC", &begin, &end) ||
        !local_moment(begin.local, begin.zone, false, &out->from, err) ||
        !local_moment(end, begin.zone, true, &out->to, err))
        return error_set(err, SB_PARSE, "the calendar holds no event with a begin and an end");
    icalproperty *status = icalcomponent_get_first_property(e, ICAL_STATUS_PROPERTY);
    out->uid = arena_strdup(a, text_of(e, ICAL_UID_PROPERTY, icalproperty_get_uid));
    out->title = arena_strdup(a, text_of(e, ICAL_SUMMARY_PROPERTY, icalproperty_get_summary));
    out->description = arena_strdup(a, text_of(e, ICAL_DESCRIPTION_PROPERTY, icalproperty_get_description));
    out->place = arena_strdup(a, text_of(e, ICAL_LOCATION_PROPERTY, icalproperty_get_location));
    out->url = arena_strdup(a, text_of(e, ICAL_URL_PROPERTY, icalproperty_get_url));
    out->stamp = stamp_of(e);
    out->sequence = icalcomponent_get_sequence(e);
    out->cancelled = status && icalproperty_get_status(status) == ICAL_STATUS_CANCELLED;
    *attendees = people_of(e);
    return true;
}

/* --- editing ------------------------------------------------------------------------------------ */

static bool set_text(icalcomponent *e, const char *text, icalproperty_kind kind,
                     const char *(*get)(const icalproperty *), icalproperty *(*make)(const char *),
                     struct arena *a)
{
    if (!text || strcmp(text_of(e, kind, get), ical_clean(text, a)) == 0)
        return false;
    icalproperty *old = icalcomponent_get_first_property(e, kind);
    if (old) {
        icalcomponent_remove_property(e, old);
        icalproperty_free(old);
    }
    icalcomponent_add_property(e, make(ical_clean(text, a)));
    return true;
}

static void drop_all(icalcomponent *e, icalproperty_kind kind)
{
    for (icalproperty *p; (p = icalcomponent_get_first_property(e, kind)) != NULL;) {
        icalcomponent_remove_property(e, p);
        icalproperty_free(p);
    }
}

static bool set_times(icalcomponent *e, const struct ical_edit *edit)
{
    struct when begin;
    int64_t end, from, to;
    if (!read_span(e, "UTC", &begin, &end) || !local_moment(begin.local, begin.zone, false, &from, NULL) ||
        !local_moment(end, begin.zone, true, &to, NULL))
        return false;
    int64_t new_from = edit->from >= 0 ? edit->from : from, new_to = edit->to >= 0 ? edit->to : to;
    if (new_from == from && new_to == to)
        return false;
    drop_all(e, ICAL_DTSTART_PROPERTY);
    drop_all(e, ICAL_DTEND_PROPERTY);
    drop_all(e, ICAL_DURATION_PROPERTY);
    icalcomponent_add_property(e, icalproperty_new_dtstart(ical_utc(new_from)));
    icalcomponent_add_property(e, icalproperty_new_dtend(ical_utc(new_to)));
    return true;
}

static bool set_cancelled(icalcomponent *e)
{
    icalproperty *status = icalcomponent_get_first_property(e, ICAL_STATUS_PROPERTY);
    if (status && icalproperty_get_status(status) == ICAL_STATUS_CANCELLED)
        return false;
    drop_all(e, ICAL_STATUS_PROPERTY);
    icalcomponent_add_property(e, icalproperty_new_status(ICAL_STATUS_CANCELLED));
    return true;
}

char *ical_edited(const char *text, const struct ical_edit *edit, int64_t stamp, struct arena *a,
                  bool *changed, struct error *err)
{
    _cleanup_ical_ icalcomponent *calendar = parse(text, strlen(text), err);
    icalcomponent *e = calendar ? icalcomponent_get_first_component(calendar, ICAL_VEVENT_COMPONENT) : NULL;
    if (!e) {
        if (calendar)
            error_set(err, SB_PARSE, "the calendar holds no event");
        return NULL;
    }
    bool told = set_text(e, edit->title, ICAL_SUMMARY_PROPERTY, icalproperty_get_summary,
                         icalproperty_new_summary, a);
    told |= set_text(e, edit->description, ICAL_DESCRIPTION_PROPERTY, icalproperty_get_description,
                     icalproperty_new_description, a);
    told |= set_times(e, edit);
    told |= edit->cancel && set_cancelled(e);
    *changed = told;
    if (told) {
        icalcomponent_set_sequence(e, icalcomponent_get_sequence(e) + 1);
        drop_all(e, ICAL_DTSTAMP_PROPERTY);
        drop_all(e, ICAL_LASTMODIFIED_PROPERTY);
        icalcomponent_add_property(e, icalproperty_new_dtstamp(ical_utc(stamp)));
        icalcomponent_add_property(e, icalproperty_new_lastmodified(ical_utc(stamp)));
    }
    return ical_text_of(calendar, a);
}
