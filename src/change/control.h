/* control.h: the state machine: which step may begin, what follows from an answer, a failure, a crash, a
 * decision.
 *
 * Plain data and two pure functions over it. The engine, the simulator and the prover run these very
 * functions; the prover hashes `struct control` as it is, so everything that decides is in it, and nothing
 * else (no text, no result). */
#ifndef SB_CHANGE_CONTROL_H
#define SB_CHANGE_CONTROL_H

#include "change/event.h"
#include "sop/procedure.h"
#include <stddef.h>
#include <string.h>

enum change_status {
    CHANGE_NEW,     /* no event yet */
    CHANGE_PLANNED, /* nothing is sent before it is started */
    CHANGE_RUNNING,
    CHANGE_TROUBLE,    /* something failed; the trouble branch runs and a person must decide */
    CHANGE_REPAIRING,  /* decided: the branch for patching forward or rolling back runs */
    CHANGE_STOPPING,   /* decided to stop: its branch runs */
    CHANGE_CANCELLING, /* what can be undone is being undone */
    CHANGE_ENDED,
};
extern const char *const change_status_names[];

enum change_outcome {
    OUTCOME_OPEN,
    OUTCOME_CARRIED_OUT,
    OUTCOME_ROLLED_BACK,
    OUTCOME_STOPPED,
    OUTCOME_CANCELLED
};
extern const char *const change_outcome_names[]; /* "open", "done", "rolled-back", "stopped", "cancelled" */

enum step_status {
    STEP_DORMANT,   /* waits for its pipeline to pause */
    STEP_WAITING,   /* for the steps before it */
    STEP_READY,     /* for its moment */
    STEP_ASKING,    /* for a person */
    STEP_INTENDED,  /* recorded that it will be performed; being performed */
    STEP_OBSERVING, /* looking at a system */
    STEP_PAUSED,    /* a try failed; waits to try again */
    STEP_IN_DOUBT,  /* nobody knows whether it took place; being looked up */
    STEP_UNSURE,    /* the system cannot tell; a person must */
    STEP_DONE,
    STEP_SKIPPED,
    STEP_FAILED,
    STEP_STATUSES,
};
extern const char *const step_status_names[STEP_STATUSES];

/* One row of the machine: the table is the documentation (`signalbox sop states` prints it). */
struct transition {
    enum step_status from;
    enum event_type event;
    enum step_status to;
    const char *because;
};
extern const struct transition transitions[];
extern const int n_transitions;

struct control_step {
    uint8_t status;
    uint8_t choice;   /* index of the answer + 1; 0 = none */
    uint8_t reset;    /* to be run again once it has settled (a decision came while it was in flight) */
    uint8_t asked;    /* a question before a verb: already answered in this run */
    uint16_t run;     /* 1, 2, ...: part of the effect's key */
    uint16_t attempt; /* within the run */
    int64_t at;       /* READY: its moment; PAUSED: not before */
    int64_t since;    /* when it came into this status */
    int64_t began;    /* when it was asked, intended or observed first in this run; 0 = not yet */
};

struct control {
    uint8_t status; /* enum change_status */
    uint8_t
        outcome;   /* what the end will be called: OUTCOME_CARRIED_OUT or OUTCOME_ROLLED_BACK while running */
    uint8_t aside; /* branch that runs besides: BRANCH_EXTEND in trouble, BRANCH_PATCH or BRANCH_ROLLBACK
                      while repairing */
    uint8_t round; /* how often there was trouble */
    uint8_t moving; /* the window has moved, and the branch for that is not yet carried out to its end */
    int16_t trouble_step; /* the step that failed; -1 = a person raised it, or none */
    int64_t seq, at;      /* of the last event */
    struct control_step steps[STEPS_MAX];
};

/* Copies what a procedure of so many steps uses; most of the struct is room. */
static inline void control_copy(struct control *to, const struct control *from, int n_steps)
{
    memcpy(to, from, offsetof(struct control, steps) + (size_t)n_steps * sizeof from->steps[0]);
}

/* The state before any event. */
void control_init(struct control *c, const struct procedure *p);

/* The only place where a change's state changes. Refuses, leaving `c` as it was, what the machine has no row
 * for (SB_STATE) and what would break an interlock (SB_INTERLOCK names rule and step). Looks only at seq, at,
 * type, step, run, choice and whether `by` is empty; of `data` only at times (at, not_before). */
MUST_USE bool control_apply(struct control *c, const struct procedure *p, const struct event *e,
                            struct error *err);

enum want_kind {
    WANT_BEGIN, /* settle the step's moment and condition, then ask, intend or observe: change_begin makes the
                   event */
    WANT_PERFORM,   /* it is intended: perform it, unless that is under way */
    WANT_OBSERVE,   /* look, unless that is under way */
    WANT_FIND,      /* it is in doubt: look it up, unless that is under way */
    WANT_OTHERWISE, /* its limit on waiting has passed: take the choice named for that */
    WANT_TIMEOUT,   /* its time is up: it has failed */
    WANT_TROUBLE,   /* all is settled and yet it may not end: a rule stands against it */
    WANT_END,       /* all is settled */
};

struct want {
    enum want_kind kind;
    int step; /* -1 for the last two */
};

struct wants {
    struct want list[STEPS_MAX + 2];
    int n;
    int64_t wake; /* nothing more to do before this moment (0 = before an event) */
};

/* What the change wants now. Pure: the same state and time give the same wants, in page order. */
void control_next(const struct control *c, const struct procedure *p, int64_t now, struct wants *out);

/* Would this rule forbid that step to begin now? NULL = it may. For people: why something waits. */
const struct interlock *control_forbids(const struct control *c, const struct procedure *p, int step);
/* The rule that forbids the change to end now, or NULL. */
const struct interlock *control_forbids_end(const struct control *c, const struct procedure *p);
/* Is the branch of this step being carried out now? */
bool control_active(const struct control *c, const struct procedure *p, int step);
bool step_settled(enum step_status s); /* done, skipped or failed */
/* Is it settled, and may what comes after it begin? A step that a person skipped ahead of its turn lets nothing
 * pass what comes before it. */
bool control_passed(const struct control *c, const struct procedure *p, int step);
bool step_in_flight(enum step_status s); /* intended, in doubt or unsure: may have reached its system */
/* After a move: what follows it waits until it is known of every main step in flight what took place; and the main steps wait
 * until that is done, so that nobody is told of the new window twice. */
bool control_held_by_move(const struct control *c, const struct procedure *p, const struct step *s);
/* Has anything of the deployment itself (redo_from and what follows it) been intended? Then it cannot be
 * cancelled, only decided. */
bool control_deploying(const struct control *c, const struct procedure *p);

#endif
