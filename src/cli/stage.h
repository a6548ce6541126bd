/* stage.h: the live stage view of a change, as text: a pure function of the change's JSON (engine_change), so
 * that it is tested without a terminal. */
#ifndef SB_CLI_STAGE_H
#define SB_CLI_STAGE_H

#include "base/buf.h"
#include <jansson.h>

struct stage_look {
    int width, height; /* of the terminal; height 0 = as long as it takes */
    bool color;
    bool unicode; /* marks and rules beyond ASCII */
};

/* Draws the change: head, steps with state, time and who is waited for, and the prose of the step now due.
 * When it is taller than the terminal, steps that are settled are folded together, never those that go on.
 * Lines end in '\n'; none is wider than the look. */
void stage_draw(const json_t *change, const struct stage_look *look, struct buf *out);

/* The id of the step a person would look at now: the first one that asks, then that failed, then that goes
 * on, then that waits for its moment. NULL when there is none. Belongs to `change`. */
const char *stage_due(const json_t *change);

/* Text cut to columns, with "..." when something is missing. Appends exactly `columns` columns (padded). */
void stage_cell(struct buf *out, const char *text, int columns);

/* Text filled into lines of at most `width` columns, each behind `indent` blanks; line breaks of the text are kept. At most `lines` of them; then
 * the last one ends in "...". Returns how many it made. */
int stage_wrap(struct buf *out, const char *text, int indent, int width, int lines);

#endif
