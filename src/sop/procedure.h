/* procedure.h: what a page says, as data: the steps, their order, the rules. Made by sop/page.h, run by
 * change/.
 *
 * Immutable once made; everything lives as long as the arena it was parsed into; safe to read from any
 * thread.
 *
 * Branches. The steps under a section that the front matter names (for trouble, for a decision) form a branch
 * of their own; all others are the main branch. Some steps are made by the parser, because one mechanism (a
 * step) then serves for all:
 * - NAME.nag, NAME.escalate, from `due`: steps with a moment and NAME's own condition, that are skipped once
 * NAME is settled and that hold nothing up: no step comes after them.
 * - NAME.proceed, NAME.answer, from `gate` on a pipeline.watch: dormant until the pipeline pauses
 * (STEP_DORMANT).
 * - NAME.undo, from `undo`: in the branch BRANCH_UNDO, in reverse order of the page; skipped unless NAME is
 * done. */
#ifndef SB_SOP_PROCEDURE_H
#define SB_SOP_PROCEDURE_H

#include "base/arena.h"
#include "base/error.h"
#include "sop/verbs.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { STEPS_MAX = 192, INTERLOCKS_MAX = 64, INPUTS_MAX = 64, CHOICES_MAX = 12 };

enum branch {
    BRANCH_MAIN,
    BRANCH_TROUBLE,  /* runs while the change is in trouble, before and beside the decision */
    BRANCH_EXTEND,   /* runs when the decision is to extend; the decision is asked again after it */
    BRANCH_ROLLBACK, /* runs when the decision is to roll back, before the main steps run again with the
                        former tags */
    BRANCH_PATCH,    /* runs when the decision is to patch forward, likewise */
    BRANCH_STOP,     /* runs when the decision is to stop, then the change has ended */
    BRANCH_MOVE, /* runs beside the main steps when the window has moved, once it is known what took place */
    BRANCH_UNDO, /* runs when the change is cancelled */
    BRANCH_COUNT,
};

extern const char *const branch_names[BRANCH_COUNT + 1]; /* "main", "trouble", "extend", ..., NULL */

/* Moments that a page may reckon from, in `at` and `due`: the window's ends ("from", "to"), the "incident", when the
 * change was "planned" and "started", when the present "trouble" began, and until when one must "decide" so that a
 * rollback still fits the window. NULL-terminated. */
extern const char *const moment_names[];

/* Who may be asked: what `role` of a question may be. */
extern const char *const ask_roles[]; /* "deploy", "approve", "administer", "tam", NULL */

/* What an answer to a decision gate makes of the change. The names are those a page writes as choice ids. */
enum decision {
    DECISION_NONE,
    DECISION_RETRY,
    DECISION_PATCH,
    DECISION_EXTEND,
    DECISION_ROLLBACK,
    DECISION_STOP
};
extern const char *const decision_names[]; /* "", "retry", "patch", "extend", "rollback", "stop", NULL */

struct choice {
    const char *id;    /* "yes", "rollback" */
    const char *label; /* what a person reads */
    bool fails;        /* this answer means the step failed: the change is in trouble ("not healthy") */
    bool ends;         /* this answer cancels the change ("do not deploy") */
};

struct ask {
    const char *question; /* template */
    struct choice choices[CHOICES_MAX];
    int n_choices;
    const char *role;      /* who may answer: "deploy", "approve", "tam" ...; NULL = who may deploy */
    bool other;            /* four eyes: not the person who requested the change */
    bool reason;           /* an answer needs a reason */
    bool decision;         /* choices are decisions (see enum decision) */
    int64_t limit_ms;      /* a limit on waiting, 0 = none ... */
    const char *otherwise; /* ... after which this choice is taken, and recorded as taken by nobody */
};

enum late { LATE_SEND, LATE_SKIP };

struct step {
    int index; /* its place in procedure.steps */
    const char *id;
    const char *title;   /* first sentence of the list item or heading the block stands in, as plain text */
    const char *section; /* heading it stands under */
    const char *prose;   /* CommonMark source of the item around the block, without the block; for people */
    const char *row;     /* rows of the SOP it carries ("L7"), or "" */
    int line;            /* of the block in the page */
    enum branch branch;

    const struct verb *verb; /* NULL for a pure question */
    const json_t *with;      /* arguments: JSON with templates in its strings; object */
    bool has_ask;
    struct ask ask; /* with a verb: asked before the verb is performed */

    const char *when; /* Lua expression or NULL */
    int *after;       /* indices of steps; settled (done or skipped) before this one may begin */
    int n_after;
    const char *at;  /* moment ("from - 24h") or NULL */
    enum late late;  /* what to do when that moment has passed before the step could begin */
    const char *due; /* moment or NULL */
    /* Its moment is reckoned from the window: when that moves, it is carried out anew with all that follows. */
    bool of_window;
    bool pressing; /* it has a deadline: it is carried out in trouble as well */
    bool moved;    /* `moved: again`: likewise, by itself; but an effect that has taken place stays */

    int tries;          /* in all; default 3 for effects that are safe, 1 otherwise */
    int64_t retry_ms;   /* first pause; doubles; default 2 s */
    int64_t timeout_ms; /* the step as a whole; 0 = the default of its verb's kind */
    bool optional;      /* `on_failure: continue`: failing does not mean trouble */
    int again; /* `again: STEP`: from which step a decision to retry runs again when this one failed; by
                * default the step itself, and for pipeline.watch the nearest pipeline.start before it */

    /* Steps that the parser made. */
    int of;           /* index of the step it was made for; -1 = written on the page */
    bool unless_done; /* nag, escalate: skipped once `of` is done */
    bool spawned;     /* proceed, answer: dormant until `of` opens a gate */
};

enum rule_kind {
    RULE_NEEDS, /* `step` may begin only when all `needs` are done in the present round (skipped does not
                 * count unless `skipped_ok`) */
    RULE_NOT_TROUBLE, /* `step` may not begin while the change is in trouble */
    RULE_ANSWERED,    /* `step` may begin only after gate `needs[0]` was answered with `choice` in the present
                         round */
    RULE_END_NEEDS,   /* the change may be done only when all `needs` are done or, if `skipped_ok`, skipped */
    RULE_ROLLBACK_DECIDED, /* tags may go back to the former ones only by a decision of a person */
};

struct interlock {
    enum rule_kind kind;
    const char *id;      /* "complete-after-health" */
    const char *because; /* the SOP's sentence, in our words */
    int step;            /* index, -1 for RULE_END_NEEDS and RULE_ROLLBACK_DECIDED */
    int *needs;
    int n_needs;
    const char *choice; /* RULE_ANSWERED */
    bool skipped_ok;
    int line;
};

enum input_type {
    INPUT_TEXT,
    INPUT_CHOICE,
    INPUT_NUMBER,
    INPUT_FLAG,
    INPUT_INSTANT,
    INPUT_WINDOW,
    INPUT_SERVICES
};

struct input {
    const char *name;
    const char *says;
    enum input_type type;
    bool required;
    const char *const *choices; /* NULL-terminated, for INPUT_CHOICE */
    const json_t *fallback;     /* default, or NULL */
    int line;
};

struct procedure {
    const char *file;   /* as given to the parser */
    const char *name;   /* "hotfix": file name without folder and ending */
    const char *title;  /* front matter */
    const char *hash;   /* SHA-256 of the page's bytes: which page a change followed */
    const char *source; /* the page's text */
    struct step *steps; /* page order; made steps right after theirs, undo steps at the end */
    int n_steps;
    struct interlock *interlocks;
    int n_interlocks;
    struct input *inputs;
    int n_inputs;
    int redo_from; /* main step from which a patch or a rollback runs again; -1 = none */
    bool has_branch[BRANCH_COUNT];
    const json_t *settings; /* numbers and texts that the page's expressions use; an object or NULL */
};

/* Index of the step with this id, or -1. */
int procedure_step(const struct procedure *p, const char *id);
/* NULL-terminated ids, in `a`, for "did you mean". */
const char *const *procedure_ids(const struct procedure *p, struct arena *a);

#endif
