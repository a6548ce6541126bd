/* figures.h: all changes together: how long, how often, and what was waited for. Computed from the record.
 *
 * The newest FIGURES_CHANGES changes are looked at, one after another with the loop turning in between, so that nobody
 * waits for it; what an ended change gave is kept, since its record stays as it is. Memory is bounded by that number. */
#ifndef SB_ENGINE_FIGURES_H
#define SB_ENGINE_FIGURES_H

#include "change/change.h"

struct engine;
struct figures;

enum { FIGURES_CHANGES = 2000 };

/* Brings the figures up to date and then calls `then`, from the loop; not at all when the engine is closed first. */
void figures_refresh(struct engine *e, void (*then)(void *ctx), void *ctx);
void figures_free(struct engine *e);

/* Which changes count. */
struct figures_scope {
    int64_t since;                                                /* planned after this moment; 0 = all */
    const char *client, *service;                                 /* NULL = any */
    bool (*sees)(void *ctx, const char *client, const char *env); /* NULL = all */
    void *ctx;
};

/* {changes, open, deployments, troubled, failure_rate, restore, lead, notice, tell, decide, repair, decisions, clients, services,
 * steps, whom}, where a span is {n, median_ms, low_ms, high_ms}: low and high hold four fifths of them. New reference. */
json_t *figures_json(struct engine *e, const struct figures_scope *scope);

struct figures_span {
    int n;
    int64_t median, low, high;
};

/* How long this decision took until all was verified, in this client's env when that happened three times, else anywhere. As
 * far as the figures have been refreshed: n = 0 when nothing is known. */
struct figures_span figures_usual(struct engine *e, const struct change *c, const char *choice, bool *here);

#endif
