/* follow.h: stays with a change until it ends: the live stage view in a terminal, plain lines elsewhere;
 * gates are answered at the keyboard. */
#ifndef SB_CLI_FOLLOW_H
#define SB_CLI_FOLLOW_H

#include "cli/session.h"

struct follow_options {
    bool json;         /* one event a line, as JSON */
    bool ask;          /* offer gates at the keyboard when there is one */
    const char *again; /* the command that goes on after Ctrl-C */
};

/* Returns the exit status: 0 when the change was carried out. */
int follow(struct session *s, const char *change, const struct follow_options *o);

#endif
