/* choices.h: what one can decide about a change in trouble, for people. */
#ifndef SB_CLI_CHOICES_H
#define SB_CLI_CHOICES_H

#include "cli/command.h"
#include <jansson.h>

/* Prints the answer of GET /api/v1/changes/{id}/choices. Returns the exit status. */
int choices_print(const struct args *a, const json_t *answer);

#endif
