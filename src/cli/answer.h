/* answer.h: what answer, proceed, decide and their short forms share. */
#ifndef SB_CLI_ANSWER_H
#define SB_CLI_ANSWER_H

#include "cli/command.h"
#include <jansson.h>

/* Sends an answer and says what came of it. `step` NULL: the only one that asks. Takes `more`. Returns the
 * exit status. */
int send_answer(struct args *a, const char *change, const char *step, const char *choice, json_t *more);

#endif
