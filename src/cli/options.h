/* options.h: a command line, read against a command's table. */
#ifndef SB_CLI_OPTIONS_H
#define SB_CLI_OPTIONS_H

#include "cli/command.h"

/* `argv` begins behind the command's name and ends with NULL. `a` is zeroed but for its arena. */
MUST_USE bool options_parse(const struct command *c, const char *const *argv, struct args *a,
                            struct error *err);

#endif
