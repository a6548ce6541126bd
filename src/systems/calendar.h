/* calendar.h: the role "calendar": the change calendar.
 *
 * calendar.create (effect)
 *   arguments  title, from, to (UTC ms); description, zone, attendees (mail addresses), meeting (link)
 * optional result     {"id", "url"} find       by the event id, which is derived from the key: exact
 * calendar.update (effect)
 *   arguments  event; title, from, to, description (optional: what changes)
 *   result     {"id"}
 *   repeatable the same values again change nothing
 * calendar.cancel (effect)
 *   arguments  event
 *   result     {"id"}
 *   repeatable an event that is cancelled or gone is DONE
 * calendar.conflicts (looks)
 *   arguments  from, to; client, env (optional: only what concerns them), except (optional: our own event)
 *   result     {"conflicts": [{"event", "title", "from", "to", "freeze": false, "url"}]}, by begin
 *              A time is half-open: an event that ends when another begins is no conflict. Cancelled events
 * are none. A freeze in the calendar concerns every client; those of the configuration (systems/freeze.h) are
 * found as well, and concern the clients and environments that they name. */
#ifndef SB_SYSTEMS_CALENDAR_H
#define SB_SYSTEMS_CALENDAR_H

#include "systems/ical.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct surroundings;

/* Does the event's title name a freeze ("freeze", "frozen", "blackout", "no deploy", as words, any case)? */
bool calendar_is_freeze(const char *title);
/* Does an event concern the client: is it named, as a whole word in any case, in one of the texts (NULLs
 * allowed)? `client` NULL or "": yes. */
bool calendar_concerns(const char *client, const char *title, const char *description);
bool calendar_overlap(int64_t from, int64_t to, int64_t other_from, int64_t other_to);

/* An event as a calendar has it; texts may be NULL but for the id. */
struct calendar_event {
    const char *id, *title, *description, *url;
    int64_t from, to;
};
/* Adds an event to a list of conflicts, kept by begin, when it is one by the arguments of calendar.conflicts. */
void calendar_add_event(json_t *list, const struct calendar_event *e, const json_t *args);
/* As calendar_add_event, of a calendar that holds freezes only: whatever its title says. */
void calendar_add_freeze(json_t *list, const struct calendar_event *e, const json_t *args);
/* Adds the configuration's freezes that the arguments meet. */
void calendar_add_freezes(json_t *list, const struct surroundings *around, const json_t *args);

/* An event of the built-in calendar (a KEPT_EVENT document, systems/documents.h) as iCalendar has it, without the
 * people invited. Borrows from the document. */
struct ical_event calendar_event_of(const json_t *doc, struct arena *a);
/* The built-in calendar as a feed, from an array of such documents: the same text as long as none of them changes,
 * and nobody's mail address in it. In `a`. Pure. */
char *calendar_feed(const json_t *events, const char *name, struct arena *a);

#endif
