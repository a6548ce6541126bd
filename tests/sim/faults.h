/* faults.h: what can go wrong in a history, as one table: a name, how often, a sentence.
 *
 * A fault that takes place has a place in the history: "lost-after@deploy#0" is the first time that an answer
 * about step deploy could get lost. A history with only some of its faults is replayed by naming them
 * (--only). */
#ifndef SB_SIM_FAULTS_H
#define SB_SIM_FAULTS_H

#include "base/buf.h"
#include "base/error.h"
#include "sop/procedure.h"

enum fault {
    /* the process */
    FAULT_DIES_BEFORE_COMMIT,
    FAULT_DIES_AFTER_COMMIT,
    FAULT_DIES_AFTER_SENDING,
    FAULT_DIES_BEFORE_RECORDING,
    FAULT_STALLS,
    FAULT_CLOCK_FORWARD,
    FAULT_CLOCK_BACK,
    /* the store */
    FAULT_DISK_FULL,
    FAULT_DISK_ERROR,
    FAULT_COMMIT_UNCLEAR,
    FAULT_CONFLICT,
    FAULT_CUT_OFF,
    /* outside systems: effects */
    FAULT_UNREACHABLE,
    FAULT_LOST_BEFORE,
    FAULT_LOST_AFTER,
    FAULT_SLOW,
    FAULT_LATE,
    FAULT_DUPLICATE,
    FAULT_REFUSED,
    FAULT_RATE_LIMIT,
    FAULT_BREAKS_BEFORE,
    FAULT_BREAKS_AFTER,
    FAULT_PARTS,
    FAULT_SHOWS_LATE,
    FAULT_FIND_FAILS,
    FAULT_FIND_DENIED,
    /* outside systems: what is looked at */
    FAULT_LOOK_FAILS,
    FAULT_ANSWER_NO,
    FAULT_NO_ANSWER,
    FAULT_VIEW_OLD,
    FAULT_VIEW_TWICE,
    FAULT_BUILD_FAILS,
    FAULT_PAUSE_GONE,
    /* people */
    FAULT_SILENT,
    FAULT_THINKS_LONG,
    FAULT_ANSWERS_TWICE,
    FAULT_ANSWERS_STALE,
    FAULT_SAYS_NO,
    FAULT_SAYS_NONSENSE,
    FAULT_CANCELS,
    FAULT_CANCELS_NOW,
    FAULT_RAISES_TROUBLE,
    FAULT_TROUBLE_NOW,
    FAULT_SKIPS,
    FAULT_AMENDS,
    FAULT_WANTS_AGAIN,
    FAULTS,
};

struct fault_row {
    const char *name;
    int per_mille; /* of the times it could take place, in a history of middling weather that has it at all */
    const char *says;
};
extern const struct fault_row fault_table[FAULTS];

/* A fault that took place. */
struct fault_place {
    uint16_t fault;
    int16_t step; /* -1 = of the change */
    uint16_t nth;
};

void fault_place_text(const struct fault_place *f, const struct procedure *p, struct buf *out);
/* Reads a comma-separated list of them. */
MUST_USE bool fault_places_read(const char *text, const struct procedure *p, struct fault_place *out,
                                int room, int *n, struct error *err);

#endif
