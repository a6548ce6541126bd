/* calendar_feed.c: the built-in calendar as people's own calendars read it (RFC 5545). */
#include "base/json.h"
#include "systems/calendar.h"
#include <libical/ical.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct icaltimetype utc(int64_t ms)
{
    return icaltime_from_timet_with_zone((time_t)(ms / 1000), 0, icaltimezone_get_utc_timezone());
}

static void add_text(icalcomponent *event, const json_t *doc, const char *key,
                     icalproperty *(*make)(const char *))
{
    const char *text = json_str(doc, key, "");
    if (*text)
        icalcomponent_add_property(event, make(text));
}

static void add_attendees(icalcomponent *event, const json_t *doc)
{
    size_t i;
    json_t *mail;
    json_array_foreach(json_object_get(doc, "attendees"), i, mail) {
        char address[320];
        const char *text = json_string_value(mail);
        if (!text || strpbrk(text, " \r\n") || strlen(text) > 300)
            continue;
        (void)snprintf(address, sizeof address, "mailto:%s", text);
        icalcomponent_add_property(event, icalproperty_new_attendee(address));
    }
}

/* What an event is to whoever subscribed is its UID; a change is seen by a higher SEQUENCE. */
static icalcomponent *event_of(const json_t *doc, int64_t now)
{
    bool cancelled = strcmp(json_str(doc, "status", ""), "cancelled") == 0;
    int changes = (int)json_object_size(json_object_get(doc, "changes"));
    icalcomponent *e = icalcomponent_new_vevent();
    icalcomponent_add_property(e, icalproperty_new_uid(json_str(doc, "id", "")));
    icalcomponent_add_property(e, icalproperty_new_dtstamp(utc(now)));
    icalcomponent_add_property(e, icalproperty_new_dtstart(utc(json_int(doc, "from", 0))));
    icalcomponent_add_property(e, icalproperty_new_dtend(utc(json_int(doc, "to", 0))));
    icalcomponent_add_property(e, icalproperty_new_sequence(changes));
    icalcomponent_add_property(
        e, icalproperty_new_status(cancelled ? ICAL_STATUS_CANCELLED : ICAL_STATUS_CONFIRMED));
    add_text(e, doc, "title", icalproperty_new_summary);
    add_text(e, doc, "description", icalproperty_new_description);
    add_text(e, doc, "meeting", icalproperty_new_location);
    if (strstr(json_str(doc, "url", ""), "://"))
        add_text(e, doc, "url", icalproperty_new_url);
    add_attendees(e, doc);
    return e;
}

char *calendar_feed(const json_t *events, const char *name, int64_t now)
{
    icalcomponent *calendar = icalcomponent_new_vcalendar();
    icalcomponent_add_property(calendar, icalproperty_new_version("2.0"));
    icalcomponent_add_property(calendar, icalproperty_new_prodid("-//Signalbox//Change calendar//EN"));
    icalproperty *title = icalproperty_new_x(name);
    icalproperty_set_x_name(title, "X-WR-CALNAME");
    icalcomponent_add_property(calendar, title);
    size_t i;
    json_t *doc;
    json_array_foreach((json_t *)events, i, doc)
        icalcomponent_add_component(calendar, event_of(doc, now));
    char *text = icalcomponent_as_ical_string_r(calendar), *copy = strdup(text);
    icalmemory_free_buffer(text);
    icalcomponent_free(calendar);
    return copy;
}
