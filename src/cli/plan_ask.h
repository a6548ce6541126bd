/* plan_ask.h: a plan asked for at the keyboard, input by input, as the page declares them. */
#ifndef SB_CLI_PLAN_ASK_H
#define SB_CLI_PLAN_ASK_H

#include "cli/session.h"

/* The plan as engine_plan takes it; and says how the same is written on the command line. New reference; NULL with
 * the error. */
json_t *plan_ask(struct args *a, struct session *s, struct error *err);

#endif
