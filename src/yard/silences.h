/* silences.h: Alertmanager's silences, which Grafana's embedded Alertmanager has as well: alertmanager.c and
 * grafana.c serve them from their own worlds, each at its own paths. */
#ifndef SB_YARD_SILENCES_H
#define SB_YARD_SILENCES_H

#include "yard/route.h"

/* Handlers. The world holds them as "silences"; `system` is whose deed it is; `made` is the status of a POST
 * that was taken (Alertmanager says 200, Grafana 202). */
void yard_silences_list(struct call *c);
void yard_silences_show(struct call *c); /* part 0 is the id */
void yard_silences_post(struct call *c, const char *system, int made);
void yard_silences_delete(struct call *c, const char *system);

/* Ids of the silences that keep these labels quiet now. New reference. */
json_t *yard_silences_of(const json_t *world, const json_t *labels, int64_t now);

#endif
