/* change.h: THE CORE: a change is a fold of its events.
 *
 *   change_apply(change, event) -> change        the only place where anything changes
 *   change_next(change, now)    -> wants         what to do; does nothing itself
 *   change_begin(change, step)  -> event         settles a step's moment, condition and text
 *
 * Pure: no I/O, no clock. `struct control` is what decides; here the texts and results are added that
 * expressions and people see. One thread at a time for one change. */
#ifndef SB_CHANGE_CHANGE_H
#define SB_CHANGE_CHANGE_H

#include "base/window.h"
#include "change/control.h"
#include "sop/expr.h"

/* What is remembered of a step besides its control state. */
struct step_data {
    json_t *args;   /* as intended or observed */
    json_t *result; /* of this run, or what a failure left */
    json_t *view;   /* last progress */
    json_t *gate;   /* pipeline.watch: the pause */
    json_t *answer; /* data of the answer */
    char *question; /* as it was put */
    char *by;       /* who answered, skipped, resolved */
    char *reason;   /* why skipped, failed, retried */
    int64_t ended;  /* when it settled; 0 = not yet */
    int64_t due;    /* deadline, 0 = none */
};

struct change {
    char *id;                    /* "HF-7" */
    const struct procedure *sop; /* borrowed; outlives the change */
    struct control control;
    struct step_data data[STEPS_MAX];
    json_t *facts; /* what expressions see, but for `now`; kept up to date by change_apply */
    int64_t planned, started, ended; /* moments; 0 = not yet */
    char *trouble_reason;
    int64_t troubled;  /* when the present or last trouble began; 0 = never */
    json_t *decisions; /* list of {at, by, choice, reason, ...} */
};

struct change *change_new(const char *id, const struct procedure *sop);
void change_free(struct change *c);

/* Refuses (leaving the change as it was) what control_apply refuses, and data that does not fit: a decision
 * to patch without tags, to extend without minutes and who permitted it, facts that turn tags back without a
 * decision. */
MUST_USE bool change_apply(struct change *c, const struct event *e, struct error *err);

void change_next(const struct change *c, int64_t now, struct wants *out);

/* Makes the event with which a step that WANT_BEGIN names goes on: EV_READY, EV_SKIPPED, EV_ASKED,
 * EV_INTENDED, EV_OBSERVING; or EV_FAILED when an expression fails (the error names page, line and step).
 * `out->data` is the caller's. `x` must not be shared between threads. */
void change_begin(const struct change *c, int step, int64_t now, struct expr *x, struct event *out);

/* The effect's key: "HF-7/maintenance/1". In `a`. */
char *change_key(const struct change *c, int step, struct arena *a);

/* The facts of a plan from its inputs: fills what is derived (lead_hours, window.text), refuses what is
 * missing or wrong, naming the input and what it expects. `inputs` is an object name -> value. `base` holds
 * what configuration and engine know (client, env, channels, people ...). New reference. */
json_t *change_facts(const struct procedure *p, const json_t *base, const json_t *inputs, int64_t now,
                     const char *zone, struct error *err);

/* How long a rollback takes, as far as is known: from the record's history (as the evidence of this trouble tells), else
 * as the pipeline takes, else the setting rollback_minutes, else a guess. `from` says which. */
int64_t change_rollback_takes(const struct change *c, const char **from);
/* The last moment at which a rollback still fits the window; 0 without a window. */
int64_t change_decide_until(const struct change *c);

/* The whole state as JSON (for snapshots, API and report) and back. */
json_t *change_save(const struct change *c);
MUST_USE bool change_load(struct change *c, const json_t *saved, struct error *err);

/* Who or what is waited for, and since when: one line a waiting step: "the TAM of Tangerine, for 4 min". In
 * `a`; NULL when the step does not wait. */
char *change_waits_for(const struct change *c, int step, int64_t now, struct arena *a);

#endif
