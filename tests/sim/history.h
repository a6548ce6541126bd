/* history.h: running a history, and finding the fewest faults with which it still breaks. */
#ifndef SB_SIM_HISTORY_H
#define SB_SIM_HISTORY_H

#include "rng.h"
#include "sim.h"

/* Leaves out faults of a history that breaks `invariant`, as long as it still does. Gives how many remain, in
 * `out` (room for FIRED_MAX). */
int shrink(const struct sim_page *page, uint64_t seed, struct expr *x, const char *invariant,
           struct fault_place *out);

#endif
