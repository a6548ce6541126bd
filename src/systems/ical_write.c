/* ical_write.c: ical.h's writing. */
#include "base/buf.h"
#include "base/json.h"
#include "net/message.h"
#include "systems/ical_parts.h"
#include "systems/support.h"
#include <string.h>

enum { UID_LENGTH = 26 };

char *ical_uid(const char *key, struct arena *a)
{
    char hash[UID_LENGTH + 1];
    key_short(key, hash, UID_LENGTH);
    return arena_printf(a, "%s@signalbox", hash);
}

struct icaltimetype ical_utc(int64_t ms)
{
    return icaltime_from_timet_with_zone((time_t)(ms / 1000), 0, icaltimezone_get_utc_timezone());
}

/* Line breaks are escaped; other controls have no place in iCalendar at all. */
const char *ical_clean(const char *text, struct arena *a)
{
    char *copy = arena_strdup(a, text), *to = copy;
    for (const char *s = copy; *s; s++)
        if (*s != '\r')
            *to++ = (unsigned char)*s < 0x20 && *s != '\n' && *s != '\t' ? ' ' : *s;
    *to = '\0';
    return copy;
}

static void add_text(icalcomponent *e, const char *text, icalproperty *(*make)(const char *), struct arena *a)
{
    if (text && *text)
        icalcomponent_add_property(e, make(ical_clean(text, a)));
}

/* A URL is not escaped, so one with anything in it that ends a line is no URL. */
static void add_url(icalcomponent *e, const char *url)
{
    if (!url || !strstr(url, "://"))
        return;
    for (const char *s = url; *s; s++)
        if ((unsigned char)*s <= 0x20 || *s == '"' || *s == 0x7f)
            return;
    icalcomponent_add_property(e, icalproperty_new_url(url));
}

static void add_key(icalcomponent *e, const char *key, struct arena *a)
{
    if (!key)
        return;
    icalproperty *p = icalproperty_new_x(ical_clean(key, a));
    icalproperty_set_x_name(p, ICAL_KEY);
    icalcomponent_add_property(e, p);
}

static void add_people(icalcomponent *e, const struct ical_event *event, struct arena *a)
{
    if (!mail_address_ok(event->organizer))
        return;
    icalcomponent_add_property(e, icalproperty_new_organizer(arena_printf(a, "mailto:%s", event->organizer)));
    for (size_t i = 0; i < json_array_size(event->attendees) && i < ICAL_ATTENDEES_MAX; i++) {
        const char *mail = json_string_value(json_array_get(event->attendees, i));
        if (!mail_address_ok(mail))
            continue;
        icalproperty *p = icalproperty_new_attendee(arena_printf(a, "mailto:%s", mail));
        icalproperty_add_parameter(p, icalparameter_new_role(ICAL_ROLE_REQPARTICIPANT));
        icalproperty_add_parameter(p, icalparameter_new_partstat(ICAL_PARTSTAT_NEEDSACTION));
        icalproperty_add_parameter(p, icalparameter_new_rsvp(ICAL_RSVP_TRUE));
        if (event->by_client)
            icalproperty_add_parameter(p, icalparameter_new_scheduleagent(ICAL_SCHEDULEAGENT_CLIENT));
        icalcomponent_add_property(e, p);
    }
}

static icalcomponent *component_of(const struct ical_event *event, struct arena *a)
{
    icalcomponent *e = icalcomponent_new_vevent();
    icalcomponent_add_property(e, icalproperty_new_uid(ical_clean(event->uid, a)));
    icalcomponent_add_property(e, icalproperty_new_dtstamp(ical_utc(event->stamp)));
    icalcomponent_add_property(e, icalproperty_new_lastmodified(ical_utc(event->stamp)));
    icalcomponent_add_property(e, icalproperty_new_dtstart(ical_utc(event->from)));
    icalcomponent_add_property(e, icalproperty_new_dtend(ical_utc(event->to)));
    icalcomponent_add_property(e, icalproperty_new_sequence(event->sequence));
    icalcomponent_add_property(
        e, icalproperty_new_status(event->cancelled ? ICAL_STATUS_CANCELLED : ICAL_STATUS_CONFIRMED));
    add_text(e, event->title, icalproperty_new_summary, a);
    add_text(e, event->description, icalproperty_new_description, a);
    add_text(e, event->place, icalproperty_new_location, a);
    add_url(e, event->url);
    add_key(e, event->key, a);
    add_people(e, event, a);
    return e;
}

char *ical_text_of(icalcomponent *calendar, struct arena *a)
{
    char *text = icalcomponent_as_ical_string_r(calendar), *copy = arena_strdup(a, text);
    icalmemory_free_buffer(text);
    return copy;
}

char *ical_text(const struct ical_event *events, size_t n, const char *method, const char *name,
                struct arena *a)
{
    icalcomponent *calendar = icalcomponent_new_vcalendar();
    icalcomponent_add_property(calendar, icalproperty_new_version("2.0"));
    icalcomponent_add_property(calendar, icalproperty_new_prodid("-//Signalbox//Change calendar//EN"));
    if (method)
        icalcomponent_set_method(calendar, icalproperty_string_to_method(method));
    if (name) {
        icalproperty *title = icalproperty_new_x(ical_clean(name, a));
        icalproperty_set_x_name(title, "X-WR-CALNAME");
        icalcomponent_add_property(calendar, title);
    }
    for (size_t i = 0; i < n; i++)
        icalcomponent_add_component(calendar, component_of(&events[i], a));
    char *text = ical_text_of(calendar, a);
    icalcomponent_free(calendar);
    return text;
}
