/* planted.h: faults in what surrounds the core: each breaks a sentence of the contract in node.h, or what a
 * store promises. They show that the simulator would notice. In a normal build PLANTED() is false and this
 * table is empty. */
#ifndef SB_SIM_PLANTED_H
#define SB_SIM_PLANTED_H

#include "change/planted.h"

#ifdef SB_PLANTED_BUGS
extern const struct planted sim_planted_faults[]; /* ends with a NULL name */
#endif

#endif
