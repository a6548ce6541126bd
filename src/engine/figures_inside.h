/* figures_inside.h: what figures.c (reading) and figures_sum.c (counting) share; nobody else includes it. */
#ifndef SB_ENGINE_FIGURES_INSIDE_H
#define SB_ENGINE_FIGURES_INSIDE_H

#include "engine/figures.h"
#include "engine/inside.h"
#include "engine/times.h"

/* Names of steps and of those waited for, each kept once; beyond it they are counted together, as the first. */
enum { FIGURES_NAMES = 2000 };

struct figures_wait {
    uint16_t step, whom;
    bool person;
    int64_t ms;
};

/* What one change gave. */
struct figures_row {
    char *id;
    bool kept; /* it is in the list that is being made */
    struct times t;
    struct figures_wait *waits;
    int n_waits;
};

struct figures_asker {
    struct figures_asker *next;
    void (*then)(void *ctx);
    void *ctx;
};

struct figures {
    struct engine *e;
    struct figures_row **rows; /* newest first */
    int n;
    struct figures_row **next; /* the list being made, as far as `at`; NULL = cannot be read */
    char **ids;                /* that it is made of */
    int n_next, at;
    struct timer *timer;
    struct figures_asker *askers;
    struct names by_id, known;
    char *names[FIGURES_NAMES];
    int n_names;
};

struct figures *figures_of(struct engine *e);

#endif
