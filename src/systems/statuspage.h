/* statuspage.h: the role "statuspage": the Scheduled Maintenance that customers read, and the status of components.
 *
 * statuspage.schedule (effect)
 *   arguments  name, body (what customers read), from, to (UTC ms), components (names or ids); notify (optional, default true)
 *   result     {"id", "url"}
 *   find       by the key, kept with the maintenance where customers do not see it: exact
 * statuspage.begin (effect)
 *   arguments  maintenance (id), body, components
 *   result     {"status": "in_progress"}; the components are under maintenance
 *   find       by the maintenance's status: in progress (or further) = done
 * statuspage.verify, .complete, .cancel (effects)
 *   arguments  maintenance, body
 *   result     {"status": "verifying" or "completed"}
 *   find       by the maintenance's status
 * statuspage.extend (effect)
 *   arguments  maintenance, to (UTC ms), body
 *   result     {"to"}
 *   find       by the maintenance's end
 * statuspage.component (effect)
 *   arguments  components, status (a word below)
 *   result     {"components": [{"id", "name", "status"}]}
 *   repeatable setting a status twice is setting it
 * statuspage.confirm (looks, once)
 *   arguments  components, status
 *   result     {"components": [{"id", "name", "status"}]}, read back; FAILED with the same when one has another status
 *
 * Updates look before they write, so that customers never read the same update twice; one that the maintenance has already gone past is
 * DONE, one that it cannot go back to is FAILED. A maintenance is never completed by the system's own clock, but only by statuspage.complete. */
#ifndef SB_SYSTEMS_STATUSPAGE_H
#define SB_SYSTEMS_STATUSPAGE_H

#include <stdbool.h>

#define MAINTENANCE_SCHEDULED   "scheduled"
#define MAINTENANCE_IN_PROGRESS "in_progress"
#define MAINTENANCE_VERIFYING   "verifying"
#define MAINTENANCE_COMPLETED   "completed"

/* How far along a maintenance with that status is: 0 scheduled ... 3 completed; -1 for any other word. */
int maintenance_stage(const char *status);

/* "operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage"; NULL-terminated. */
extern const char *const component_statuses[];

/* An update that wants the maintenance at `wanted` while it is at `is`: write it, nothing to do, or no way back. Pure. */
enum maintenance_step { MAINTENANCE_WRITE, MAINTENANCE_THERE, MAINTENANCE_PAST };
enum maintenance_step maintenance_step(const char *is, const char *wanted);

#endif
