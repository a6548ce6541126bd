/* opsgenie_alerts.h: what Opsgenie and its successor, JSM Operations, have in common: an alert is taken now and made a
 * moment later, an alias that is open only counts up, and the scenario's people on call answer. opsgenie.c
 * and jsm.c are the two wires to it. */
#ifndef SB_YARD_OPSGENIE_ALERTS_H
#define SB_YARD_OPSGENIE_ALERTS_H

#include "yard/route.h"

/* Whoever of the scenario's people has "on-call.SCHEDULE" for a mail name is on call there. New reference. */
json_t *opsgenie_alerts_world(const json_t *scenario);
void opsgenie_alerts_settle(struct yard *y, json_t *world, int64_t now);

/* Ids of a schedule and of the team that owns it. */
const char *opsgenie_alerts_schedule_id(struct arena *a, const char *name);
const char *opsgenie_alerts_team_id(struct arena *a, const char *name);

/* What is wrong with an alert that is asked for, in the system's words, or NULL. */
const char *opsgenie_alerts_fault(const json_t *asked);

/* Takes a request; it is carried out later. All return the request's id, in the arena. */
const char *opsgenie_alerts_take_create(struct call *c, const char *system, json_t *asked);
/* `type`: what `alert` is: "id", "tiny" or "alias". */
const char *opsgenie_alerts_take_action(struct call *c, const char *system, const char *action,
                                        const char *alert, const char *type);

/* NULL when there is none. By alias: the open one, or else the last closed one. */
json_t *opsgenie_alerts_find(const json_t *world, const char *type, const char *identifier);
/* A request that has been carried out, or NULL. */
const json_t *opsgenie_alerts_request(const json_t *world, const char *id);
/* Those that fit a query (`status:open`, `alias:"..."`), newest first. New reference. */
json_t *opsgenie_alerts_list(const json_t *world, const char *query, size_t offset, size_t most);

#endif
