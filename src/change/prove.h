/* prove.h: THE PROVER: shows that no order of events breaks a page's rules, or tells the shortest history
 * that does.
 *
 * It explores every state that a change can come to, with the very functions that carry changes out
 * (control_next, control_apply): every outcome of a step (done, failed, tried again, in doubt and then found,
 * not found or for a person to tell), every answer, waiting that runs out, conditions both ways, moments that
 * come or have passed, a crash and recovery anywhere, the pipeline's pauses, trouble raised by a person,
 * every decision, cancelling, a person who skips a step or wants it after all. Every event is held against
 * laws that share no code with the core's own checks.
 *
 * There is no bound on how often any of this happens: what is counted or timed (runs, tries, rounds, moments)
 * decides nothing, so states are the same without it, and there are finitely many. What makes the search
 * small is that it looks at the page through views, see change/prove_parts.h.
 *
 * Pure, like the rest of change/: no I/O, no clock. Thread-safe on distinct arenas. */
#ifndef SB_CHANGE_PROVE_H
#define SB_CHANGE_PROVE_H

#include "base/arena.h"
#include "sop/procedure.h"

struct proof {
    bool holds;
    int rules, views;
    long states, events; /* of all views: states found, events tried */

    /* When it does not hold. Texts live in the arena that was given, or as long as the procedure. */
    const char *rule;    /* the interlock's id, or the law's name: "dead-end", "can-run", "never-lost", ... */
    const char *because; /* the rule's or the law's sentence */
    const char *says;    /* what is wrong, in a sentence */
    int line;            /* on the page: of the rule, or of the step that it is about; 0 = of none */
    const char **story;  /* the history that shows it: a sentence an event; empty when none is needed */
    int n_story;
};

/* For how much of it a proof holds, to be read after "for". */
extern const char prove_bound[];

/* Proves `p`. The answer depends on the page alone. Returns out->holds. */
bool prove(const struct procedure *p, struct arena *a, struct proof *out);

/* The verdict as one error, for those who refuse a page: its place, the rule, what is wrong, the story. */
void prove_error(const struct procedure *p, const struct proof *proof, struct error *err);

#endif
