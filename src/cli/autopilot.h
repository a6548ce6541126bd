/* autopilot.h: what happens by itself in a drill: time passes quickly while the program only waits, and with --yes somebody
 * decides as the scenario says.
 *
 * All on the loop. Knows the drill's engine, its clock and nothing else. */
#ifndef SB_CLI_AUTOPILOT_H
#define SB_CLI_AUTOPILOT_H

#include "engine/engine.h"

struct autopilot;

struct autopilot_options {
    struct engine *engine;
    const char *change, *by;
    const json_t *
        decide; /* list of {choice, after (seconds), ...}: answers to the decision, in turn; NULL = people decide */
    const json_t *leave; /* ids of questions that nobody answers: time passes over them */
    /* Lets the drill's clock leap by so much, and answers when it has. False: it is leaping already. */
    bool (*leap)(void *ctx, int64_t ms);
    void *ctx;
};

struct autopilot *autopilot_start(const struct autopilot_options *o);
/* What was refused of what the scenario decided: a list of texts. Borrowed. */
const json_t *autopilot_refused(const struct autopilot *a);
void autopilot_stop(struct autopilot *a);

#endif
