/* planted.h: faults planted in the core on purpose, to show that the prover and the simulator find them.
 *
 * In a build with SB_PLANTED_BUGS (meson option planted_bugs) a test names one of them in `planted_fault`,
 * and from then on the core has it. In every other build PLANTED() is false and leaves no trace in the
 * program. */
#ifndef SB_CHANGE_PLANTED_H
#define SB_CHANGE_PLANTED_H

#include "base/buf.h"

struct planted {
    const char *name; /* NULL ends the table */
    const char *says; /* what the core does wrong */
};

#ifdef SB_PLANTED_BUGS
extern const struct planted planted_faults[];
/* One of the names above; NULL = none. Not to be changed while a core runs. */
extern const char *planted_fault;
#define PLANTED(fault) (planted_fault != NULL && str_eq(planted_fault, fault))
#else
#define PLANTED(fault) false
#endif

#endif
