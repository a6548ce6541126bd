/* invite.h: invitations by mail (iTIP by iMIP: RFC 5546, 6047), for calendars that send none themselves.
 *
 * Each of those invited gets a mail of their own, so that one address that is refused keeps nobody else from being
 * told. Sending one again has no second effect in a calendar: the event's UID and SEQUENCE are the same, and so is
 * the mail's id. */
#ifndef SB_SYSTEMS_INVITE_H
#define SB_SYSTEMS_INVITE_H

#include "systems/ical.h"
#include "systems/postbox.h"

struct invite; /* under way */

struct invite_what {
    const struct ical_event *event; /* organizer and method are filled in */
    const json_t *attendees;        /* mail addresses */
    const char *key;                /* of the effect: mails' ids are made from it */
    const char *change;             /* "HF-7" */
    const char *zone;               /* in which people speak of the time; or NULL */
    bool cancels;                   /* or invites, or tells what changed */
};

/* `missed`: addresses that certainly got none (array, borrowed). `why`: of the last one that was not taken; its kind is
 * OUTCOME_DONE when at least one was taken or there was nobody; OUTCOME_RETRY when the server should be asked again. */
typedef void invite_done_fn(void *ctx, const json_t *missed, const struct outcome *why);
/* Copies all it needs. The callback comes later, on the loop. */
struct invite *invite_send(struct postbox *box, struct loop *l, const struct invite_what *what,
                           invite_done_fn *done, void *ctx);
void invite_cancel(struct invite *i); /* NULL is fine; not after its callback */

/* The block `invitations:` of a calendar's configuration (systems/postbox.h's keys); NULL = none are sent. */
MUST_USE bool invite_config(struct postbox *box, struct loop *l, const struct yaml *config, const char *file,
                            struct arena *a, struct error *err);

#endif
