/* answers.h: jobs that are done, on their way from the writer's thread to their callbacks on the loop's. It
 * outlives the store while the loop still holds a call of it. */
#ifndef SB_STORE_ANSWERS_H
#define SB_STORE_ANSWERS_H

#include "store/job.h"

struct answers;

struct answers *answers_new(struct loop *l);
/* Any thread: `first` is a list of jobs in order, each answered and freed on the loop. */
void answers_give(struct answers *a, struct job *first);
/* Loop's thread: makes the callbacks that are still to come; false when there were none. */
bool answers_deliver(struct answers *a);
/* Loop's thread: nothing is given any more. */
void answers_free(struct answers *a);

#endif
