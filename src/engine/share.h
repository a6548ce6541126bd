/* share.h: the engine as one of several nodes on one database. Used by the files of engine/ alone.
 *
 * The changes of one client and environment go one after another, and so they are carried by one node: the lease
 * is that of their lane. Every node keeps all open changes folded and up to date, for whoever reads; the node
 * that holds the lease records and performs. What a person does at another node is handed to the one that holds
 * it, or makes this one take what nobody holds.
 *
 * With a store that is a file, every change is ours. */
#ifndef SB_ENGINE_SHARE_H
#define SB_ENGINE_SHARE_H

#include "engine/inside.h"
#include "store/nodes.h"

/* After the store, before changes are read. `greedy`: carries what nobody else does. */
MUST_USE bool share_open(struct engine *e, bool greedy, struct error *err);
/* Nothing is under way any more, and what was recorded is durable. */
void share_close(struct engine *e);

/* Is it ours to record events of this change? */
bool ride_held(const struct ride *r);
/* Is it ours to do something about it outside, now? If not, it is woken when it is. */
bool ride_may_act(struct ride *r);
/* Gives the lease that its events are recorded under; false when none is needed. The name lives in `a`. */
bool ride_lease(const struct ride *r, struct arena *a, struct store_lease *out);

/* What a person does. True: it is not ours to do, has been handed on, and `done` is told. */
MUST_USE bool share_act(struct engine *e, const char *what, const char *change, const json_t *data,
                        const char *by, engine_done_fn *done, void *ctx);

#endif
