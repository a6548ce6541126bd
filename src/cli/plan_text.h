/* plan_text.h: a plan's dry run as text for people: the questions first, then every step with its time, every message
 * word for word under who reads it, and who is told and why. The same plan gives the same text, so that two looks at
 * it can be compared line by line. */
#ifndef SB_CLI_PLAN_TEXT_H
#define SB_CLI_PLAN_TEXT_H

#include "base/arena.h"
#include "base/buf.h"
#include <jansson.h>

/* `preview`: the API's answer. `zone`: of the reader, shown beside the client's where they differ. */
void plan_text(const json_t *preview, const char *zone, struct buf *out);

/* What is in one text and not in the other, as lines that begin with "-", "+" or " ", with three lines around each
 * change; "" when they are the same. */
void plan_diff(const char *before, const char *after, struct buf *out);

/* The zone of whoever reads: $TZ, else this machine's; "UTC" when neither names one. In `a`. */
const char *reader_zone(struct arena *a);

#endif
