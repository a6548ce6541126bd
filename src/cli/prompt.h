/* prompt.h: one line at the keyboard, with completion by Tab. For commands that ask before they begin; while a change
 * is followed, cli/terminal.h has the keyboard. */
#ifndef SB_CLI_PROMPT_H
#define SB_CLI_PROMPT_H

#include "base/arena.h"
#include "base/error.h"

struct prompt {
    const char *label;
    const char *fallback;       /* what Enter alone means; NULL = something must be entered */
    const char *const *choices; /* NULL-terminated, for Tab; NULL = none */
    bool only_choices;          /* anything else is asked again */
};

/* The line, in `a`. NULL when the person ends it (^D; SB_STATE), or when there is no terminal. */
const char *prompt_line(const struct prompt *p, struct arena *a, struct error *err);

/* What Tab makes of a line: the choices that begin with its last word (behind blank or comma), as far as they agree.
 * `n_found`: how many there are. In `a`. Pure. */
const char *prompt_complete(const char *line, const char *const *choices, int *n_found, struct arena *a);

#endif
