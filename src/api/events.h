/* events.h: what events.c (the record, read) and stream.c (the record, as it grows) share. */
#ifndef SB_API_EVENTS_H
#define SB_API_EVENTS_H

#include "api/inside.h"

/* Adds "text": the line for people. */
void event_explain(const struct change *change, json_t *event);
/* At most `limit` events from number `from` on, explained. New reference. */
json_t *events_read(struct api *a, const struct change *change, int64_t from, int limit, struct error *err);

/* Makes the call a stream: the record from `from` on (or after Last-Event-ID), then what happens. Ends the
 * call. */
void stream_change(struct call *c, const struct change *change, int64_t from);

#endif
