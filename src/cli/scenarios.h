/* scenarios.h: what a drill rehearses: documents that ship with the program, by name, or the team's own files.
 *
 * Besides what goes wrong (docs/drills.md) a scenario may have a part "drill" for the drill itself: {says, plan, speed, decide,
 * leave, expect}. */
#ifndef SB_CLI_SCENARIOS_H
#define SB_CLI_SCENARIOS_H

#include "base/arena.h"
#include "base/error.h"
#include <jansson.h>

/* By the name of one that ships ("crash-loop") or the path of a file. New reference, or NULL: SB_UNKNOWN with the nearest name.
 */
json_t *scenario_read(const char *name, struct error *err);
/* [{name, title, says}] of those that ship, in the order of their names. New reference. */
json_t *scenarios_shipped(void);

#endif
