/* calendar_feed.c: the built-in calendar as people's own calendars read it (RFC 5545). */
#include "base/json.h"
#include "systems/calendar.h"
#include "systems/ical.h"
#include <string.h>

/* The last moment at which a document changed: a feed that nothing has happened to stays the same. */
static int64_t stamp_of(const json_t *doc)
{
    int64_t last = json_int(doc, "created", 0);
    const char *key;
    json_t *at;
    json_object_foreach(json_object_get(doc, "changes"), key, at)
        last = json_integer_value(at) > last ? json_integer_value(at) : last;
    return last;
}

/* What an event is to whoever subscribed is its UID; a change is seen by a higher SEQUENCE. */
struct ical_event calendar_event_of(const json_t *doc, struct arena *a)
{
    return (struct ical_event){
        .uid = ical_uid(json_str(doc, "id", ""), a),
        .title = json_str(doc, "title", ""),
        .description = json_str(doc, "description", ""),
        .place = json_str(doc, "meeting", ""),
        .url = json_str(doc, "url", ""),
        .from = json_int(doc, "from", 0),
        .to = json_int(doc, "to", 0),
        .stamp = stamp_of(doc),
        .sequence = (int)json_object_size(json_object_get(doc, "changes")),
        .cancelled = strcmp(json_str(doc, "status", ""), "cancelled") == 0,
    };
}

char *calendar_feed(const json_t *events, const char *name, struct arena *a)
{
    size_t n = json_array_size(events);
    struct ical_event *all = ARENA_ARRAY(a, n + 1, struct ical_event);
    for (size_t i = 0; i < n; i++)
        all[i] = calendar_event_of(json_array_get(events, i), a);
    return ical_text(all, n, "PUBLISH", name, a);
}
