/* ical.h: events as iCalendar (RFC 5545) has them: written for feeds, invitations and CalDAV, read from CalDAV.
 *
 * Written in UTC, so that no definition of a zone has to travel along. Read with the zone that an event names, by
 * tzdata; libical takes the text apart and counts days (systems/recur.h). Pure; loop's thread. */
#ifndef SB_SYSTEMS_ICAL_H
#define SB_SYSTEMS_ICAL_H

#include "base/arena.h"
#include "base/error.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    ICAL_TEXT_MAX = 4 << 20, /* bytes that are read at once */
    ICAL_EVENTS_MAX = 5000,  /* in them */
    ICAL_ATTENDEES_MAX = 200,
};

/* --- writing ------------------------------------------------------------------------------------ */

struct ical_event {
    const char *uid;
    const char *title, *description, *place, *url; /* NULL or "": left out */
    const char *key;                               /* of the effect that made it: X-SIGNALBOX-KEY; or NULL */
    int64_t from, to;
    int64_t stamp; /* when it was last changed: DTSTAMP */
    int sequence;  /* how often it was changed */
    bool cancelled;
    const char *organizer;   /* mail address; without one there are no attendees */
    bool by_client;          /* SCHEDULE-AGENT=CLIENT: the server is not to send invitations, because we do */
    const json_t *attendees; /* mail addresses; what is none is left out */
};

/* A calendar with CRLF ends, lines folded. `method`: "REQUEST", "CANCEL", "PUBLISH" or NULL; `name` is what people
 * call it, or NULL. In `a`. */
char *ical_text(const struct ical_event *events, size_t n, const char *method, const char *name,
                struct arena *a);
/* The UID of the event that an effect of that key makes. In `a`. */
char *ical_uid(const char *key, struct arena *a);

/* --- reading ------------------------------------------------------------------------------------ */

/* One event, or one occurrence of one that repeats. Valid during the callback. */
struct ical_found {
    const char *uid, *title, *description, *url, *key; /* "" when there is none */
    int64_t from, to;
    int sequence;
    bool cancelled, shows_free; /* TRANSP:TRANSPARENT */
};
typedef void ical_found_fn(void *ctx, const struct ical_found *found);

/* Calls `found` for what meets [from, to), in no order. `zone` is that of times that name none (and of names that
 * nobody knows). Errors: SB_PARSE, SB_LIMIT. */
MUST_USE bool ical_read(const char *text, size_t n, const char *zone, int64_t from, int64_t to,
                        ical_found_fn *found, void *ctx, struct error *err);

/* The first event of a calendar text as it would be written again, its attendees as a new reference. Times that
 * repeat are those of the first one. Texts are in `a`. */
MUST_USE bool ical_first(const char *text, struct arena *a, struct ical_event *out, json_t **attendees,
                         struct error *err);

/* Changes the one event of a calendar text in place of a person who edits it: what is not touched stays as it was.
 * NULL or -1: not changed. `changed` says whether anything was; then SEQUENCE is one more and DTSTAMP `stamp`. In
 * `a`; NULL on error. */
struct ical_edit {
    const char *title, *description;
    int64_t from, to;
    bool cancel;
};
char *ical_edited(const char *text, const struct ical_edit *edit, int64_t stamp, struct arena *a,
                  bool *changed, struct error *err);

#endif
