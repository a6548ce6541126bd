/* score.h: how a drill went: how long it took to notice, to tell, to decide and to repair, and what was missed. From the record
 * and from what the yard has counted. Pure. */
#ifndef SB_CLI_SCORE_H
#define SB_CLI_SCORE_H

#include "base/arena.h"
#include <jansson.h>
#include <stdbool.h>

struct score_of {
    const json_t *scenario; /* as given; NULL = all goes well */
    const json_t *change;   /* as GET /api/v1/changes/{id} */
    const json_t *events;   /* its whole record */
    const json_t *deeds;    /* the yard's book; NULL = cannot be read */
    const json_t *page;     /* the world of the yard's status page; NULL = likewise */
    const json_t *refused;  /* what was refused of what was decided; may be NULL */
    bool record_good;
};

/* {outcome, expected, notice_ms, tell_ms, decide_ms, repair_ms, restore_ms, checks: [{what, ok, says}], missed: [texts], points,
 * of}. New reference. */
json_t *drill_score(const struct score_of *s);
void drill_score_print(const json_t *score, struct arena *a);

#endif
