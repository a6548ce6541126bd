/* clock.c: the decision clock: until when one must decide, so that a rollback still fits the window. */
#include "change/change.h"
#include <string.h>

/* How long a rollback takes when nothing is known of it. */
#define ROLLBACK_GUESS MINUTES(20)

static const json_t *result_of(const struct change *c, int step, const char *verb)
{
    const struct verb *v = c->sop->steps[step].verb;
    return v && strcmp(v->name, verb) == 0 ? c->data[step].result : NULL;
}

static int64_t from_history(const struct change *c)
{
    for (int i = 0; i < c->sop->n_steps; i++) {
        int64_t ms = json_int(result_of(c, i, "change.evidence"), "rollback_ms", 0);
        if (ms > 0)
            return ms;
    }
    return 0;
}

/* A pipeline that failed early took less than one that goes through: its usual time tells more. */
static int64_t from_pipeline(const struct change *c)
{
    for (int i = 0; i < c->sop->n_steps; i++) {
        const struct verb *v = c->sop->steps[i].verb;
        if (!v || strcmp(v->name, "pipeline.watch") != 0)
            continue;
        int64_t usual = json_int(c->data[i].view, "estimated_ms", 0);
        int64_t took = json_int(c->data[i].result, "took_ms", 0);
        if (usual > 0 || took > 0)
            return usual > took ? usual : took;
    }
    return 0;
}

int64_t change_rollback_takes(const struct change *c, const char **from)
{
    const struct {
        int64_t ms;
        const char *from;
    } known[] = {{from_history(c), "history"},
                 {from_pipeline(c), "the pipeline"},
                 {MINUTES(json_int(c->facts, "settings.rollback_minutes", 0)), "settings"},
                 {ROLLBACK_GUESS, "a guess"}};
    size_t i = 0;
    while (known[i].ms <= 0)
        i++;
    *from = known[i].from;
    return known[i].ms;
}

int64_t change_decide_until(const struct change *c)
{
    const char *from;
    int64_t to = json_int(c->facts, "window.to", 0);
    return to ? to - change_rollback_takes(c, &from) : 0;
}
