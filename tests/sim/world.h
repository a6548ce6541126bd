/* world.h: the outside systems. Each keeps its effects by key, and counts how often each part of one was
 * done.
 *
 * A system's nature is drawn for every history:
 *   keyed       the caller chooses the id: the same key again is the same thing, and can be found at once
 *   listed      what was done can be found by its key, perhaps only after a while; the same key again is done
 * again repeatable  doing it again has no second effect blind       nobody can look up whether it was done: a
 * person must */
#ifndef SB_SIM_WORLD_H
#define SB_SIM_WORLD_H

#include "sim.h"

enum nature { NATURE_KEYED, NATURE_LISTED, NATURE_REPEATABLE, NATURE_BLIND, NATURES };
enum { PARTS_MAX = 8 };

enum nature world_nature(const struct sim *s, const struct verb *v);

/* What was done under one key. */
struct deed {
    struct deed *next;
    const char *key;
    int n_parts;
    int count[PARTS_MAX];
    int64_t shows_at;
    bool recorded; /* the record says what became of it */
    bool repeatable;
    json_t *result; /* as the system tells it */
};

struct deed *deed_find(const struct sim *s, const char *key);
bool deed_whole(const struct deed *d);
/* What of an effect of several parts has taken place, in the form of its result. New reference; NULL for
 * others. */
json_t *deed_parts(const struct deed *d);

/* A request leaves its node. Answers come as AT_ANSWER, or never. */
void world_send(struct sim *s, struct call *c);
void world_arrive(struct sim *s, struct call *c);
/* A pass of a find, a poll of an observation. */
void world_look(struct sim *s, struct call *c);
void world_free(struct sim *s);

/* --- answers.c
 * -------------------------------------------------------------------------------------------------------------
 */

/* What a verb gives. New reference. */
json_t *result_of(struct sim *s, const struct call *c);

/* --- builds.c: the pipeline
 * ------------------------------------------------------------------------------------------------ */

void build_start(struct sim *s, const char *key);
/* True when the build's pause was still there, or had been answered. */
void build_answer(struct sim *s, const char *build, const char *gate, bool proceed);
void build_stop(struct sim *s, const char *build);
/* How it stands: a view, and in `ended` whether it is over and in `good` how. New reference. */
json_t *build_look(struct sim *s, const char *build, int step, bool *ended, bool *good);
/* Since when it pauses; 0 = it does not. */
int64_t build_pauses(const struct sim *s, const char *build);

#endif
