/* terminal.h: the terminal as a picture that is redrawn in place, and a line being typed below it. */
#ifndef SB_CLI_TERMINAL_H
#define SB_CLI_TERMINAL_H

#include "base/buf.h"
#include "net/loop.h"
#include <stdbool.h>

struct terminal;

/* Are standard input and output a terminal that can move its cursor? */
bool terminal_usable(void);
bool terminal_has_color(void); /* of standard output; NO_COLOR is honoured */
bool terminal_has_unicode(void);
int terminal_columns(void); /* 80 when there is no telling */

/* Takes the terminal: keys come one by one (signals still work). `on_key` is called on the loop for each
 * edit; `line` is what is being typed, `done` when Enter was pressed. The terminal is given back by
 * terminal_free, and by exit. */
struct terminal *terminal_new(struct loop *l, void (*on_key)(void *ctx, const char *line, bool done),
                              void *ctx);
void terminal_free(struct terminal *t);
void terminal_size(const struct terminal *t, int *width, int *height);

/* Replaces what the terminal shows by `picture` (lines) and `prompt` with the line being typed behind it.
 * prompt NULL: keys are ignored. */
void terminal_show(struct terminal *t, const char *picture, const char *prompt);
/* Leaves the picture where it is; what is printed next comes below it. */
void terminal_leave(struct terminal *t);

#endif
