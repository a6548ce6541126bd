/* documents.h: what the built-in drivers keep on the shelf (struct shelf in systems/system.h): one document a
 * thing, its id the key of the effect that made it, so that making it twice makes it once. The API and the
 * pages read these forms. Moments are UTC milliseconds. KEY stands for the key of the effect that added an
 * entry. */
#ifndef SB_SYSTEMS_DOCUMENTS_H
#define SB_SYSTEMS_DOCUMENTS_H

/* {"id", "change", "summary", "description", "labels", "type", "status": "Open" at first, "resolution",
 * "created", "url", "history": {KEY: {"to", "at"}}, "comments": {KEY: {"text", "at"}}, "links": {KEY: {"url",
 * "title", "at"}}} */
#define KEPT_TICKET "ticket"

/* {"id", "change", "title", "description", "from", "to", "zone", "attendees", "meeting", "status":
 * "confirmed" or "cancelled", "created", "changes": {KEY: moment}, "url"} */
#define KEPT_EVENT "event"

/* {"id", "change", "name", "from", "to", "components", "notify", "status" (a MAINTENANCE_ word of
 * systems/statuspage.h), "cancelled", "created", "url", "updates": {KEY: {"status", "body", "at"}}} */
#define KEPT_MAINTENANCE "maintenance"

/* id = the name in lower case. {"id", "name", "status", "updated"}. A component without a document is
 * operational. */
#define KEPT_COMPONENT "component"

/* id = the name. {"id", "name", "topic", "change" (that made it), "key" (of the effect that made it),
 * "invited": {mail: true}, "members": {mail: true}}. Whoever serves the timeline adds members as people open
 * it. */
#define KEPT_CHANNEL "channel"

/* id = KEY "#" channel. {"id", "change", "channel", "text", "thread" (id of a post, or ""), "broadcast",
 * "mention", "at", "edited", "url"} */
#define KEPT_POST "post"

/* Whoever answers the alert patches status, by and at.
 * {"id", "change", "to", "summary", "details", "priority", "people": [...], "status": "open", "acknowledged"
 * or "closed", "created", "by", "at", "note", "url"} */
#define KEPT_ALERT "alert"

#endif
