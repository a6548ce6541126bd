/* node.h: a node: what the engine does around the core, as simply as its contract allows. The contract:
 *
 *  1. What the core wants is asked of it (change_next, change_begin); every event goes through change_apply
 * before anything else.
 *  2. Events are handed to the store in order, in batches; a batch is durable or not, whole.
 *  3. Nothing is performed, looked at or looked up while an event of the change is not durable yet.
 *  4. A person is told that something is recorded when it is durable, and not before.
 *  5. A batch that fails breaks the state: it is thrown away with all that is under way, and read again.
 *  6. After a start, and after a state was read again, EV_RESTARTED is recorded first: what was intended is
 * in doubt.
 *  7. An effect in doubt is looked up by its key. Only what its system certainly does not know, and what
 * cannot still be on its way, is performed again; where a system cannot tell, a person does.
 *  8. A request without an answer, and one whose system broke, is in doubt; only a refusal, or never having
 * been sent, is not.
 *  9. An answer belongs to the run and the call that it is an answer to; a late one counts only when it says
 * "done".
 * 10. Nothing is performed without the lease; a node that is not sure of it does nothing.
 * 11. A node that a moment is waited for wakes by then, also when its clock was set. */
#ifndef SB_SIM_NODE_H
#define SB_SIM_NODE_H

#include "sim.h"

int64_t node_now(const struct sim *s, const struct node *n);
void node_start(struct sim *s, struct node *n);
void node_lease(struct sim *s, struct node *n);
void node_dies(struct sim *s, struct node *n);
void node_stalls(struct sim *s, struct node *n);
void node_wakes(struct sim *s, struct node *n);
void node_committed(struct sim *s, struct node *n, struct batch *b);
void node_reads_again(struct sim *s, struct node *n);
/* `again`: a view that was kept, because its pause could not be asked about. */
void node_answer(struct sim *s, struct node *n, struct answer *a, bool again);
void node_gives_up(struct sim *s, struct node *n, struct call *c);
/* A person does something. False when it is refused (`err`). */
MUST_USE bool node_person(struct sim *s, struct node *n, const struct doing *d, struct error *err);
/* The clock was set by `ms`. */
void node_clock(struct sim *s, struct node *n, int64_t ms);
void node_free(struct node *n);

/* Fills number and time, applies, keeps it for the store. Takes `data`, also on error. */
MUST_USE bool node_record(struct sim *s, struct node *n, struct event *e, struct error *err);
void node_carry(struct sim *s, struct node *n);

/* --- calls.c: what a node has under way
 * ----------------------------------------------------------------------------------- */

struct call *call_of(const struct node *n, int step);
void call_start(struct sim *s, struct node *n, enum call_kind kind, int step);
/* Forgets the calls whose step is no longer what they are for. */
void calls_prune(struct node *n);
void calls_drop(struct node *n);
/* What came of a call makes an event. */
void call_came(struct sim *s, struct node *n, struct answer *a);

#endif
