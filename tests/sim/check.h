/* check.h: what must hold after every event, whatever happened. Told of each event that becomes durable, each
 * request that is sent, each deed in the outside world. Rules of the page are checked from the record alone,
 * without change/rules.c. */
#ifndef SB_SIM_CHECK_H
#define SB_SIM_CHECK_H

#include "world.h"

void check_open(struct sim *s);
void check_close(struct sim *s);

/* The state as the durable record gives it: a second, independent fold. NULL before the first event. */
const struct change *check_state(const struct sim *s);

void check_durable(struct sim *s, size_t i);          /* event i of the record */
void check_sent(struct sim *s, const struct call *c); /* a request to act leaves */
void check_deed(struct sim *s, const struct deed *d); /* something was done */
/* The pipeline of this watch step stands at a pause, and has since `since`. */
void check_pause(struct sim *s, int watch, int64_t since);
void check_loaded(struct sim *s, const struct change *c);   /* a node has read the change */
void check_settled(struct sim *s, const struct node *n);    /* a node's state is durable as a whole */
void check_promise(struct sim *s, const struct promise *p); /* a person is told that it is recorded */
void check_end(struct sim *s);

#endif
