/* prove_parts.h: what the parts of the prover share. Not for others: they use change/prove.h.
 *
 * Views. A page of a hundred steps that run side by side has more states than anybody can visit. But a rule
 * speaks of a few steps only. A view is the page with all other steps left out: a procedure like any other,
 * which control_next and control_apply carry out as they would the page. What stood between two steps that
 * are kept is an order between them; a branch whose steps are left out is stood for by one step that takes as
 * long as it likes.
 *
 * Why what holds in the view holds on the page. A step that is left out does to those that are kept only what
 * something in the view does as well: it makes them wait (in the view everything may take its time), it fails
 * (in the view a person may raise trouble at any time, with the same consequence), it is answered so that the
 * change is cancelled (a person may cancel), it stands in the way of the end (the view may end sooner), it is
 * tried again with what comes after it (which leads to a state that a slower history comes to). Rules and
 * conditions that speak of what is left out do not bind in the view: it can do more than the page, never
 * less. So a history that breaks a rule on the page breaks it in a view, and a view without one is a proof.
 *
 * What needs more than two steps to go wrong (a condition over several steps, rules that wait for each other)
 * is explored with all of those steps, but in quieter policies: without crashes and interventions. Dead ends
 * are looked for in each view by itself: two rules that only together bar every way to the end are seen when
 * they wait for each other, and otherwise by the core, which then says so to a person.
 *
 * Two views that differ in nothing but names are one: the second is not explored again. */
#ifndef SB_CHANGE_PROVE_PARTS_H
#define SB_CHANGE_PROVE_PARTS_H

#include "base/buf.h"
#include "change/control.h"
#include "change/prove.h"

enum { VIEW_STEPS = 48, VIEW_CHECKS = 96, ATOMS_MAX = 16, MOVES_MAX = 640 };

/* --- conditions: prove_when.c
 * ----------------------------------------------------------------------------------------------------------
 */

/* A page's `when`, as far as the state of the steps decides it; the rest is unknown: true or false as the
 * world likes. What cannot change between two decisions (the facts of client, window, systems, inputs) is the
 * same each time the same text is met in a history, until a decision, trouble, or an amendment changes facts.
 */
enum condition_kind { IS_TRUE, IS_FALSE, EITHER, BOTH, NOT, STATE_IS, ANSWER_IS, ROLLED_BACK, UNKNOWN };
struct condition {
    enum condition_kind kind;
    const struct condition *left, *right;
    int step, value;  /* STATE_IS, ANSWER_IS: step of the page, its status or choice */
    const char *text; /* UNKNOWN: as written, white space evened */
    bool lasting;     /* UNKNOWN: the same until facts change */
};

const struct condition *condition_read(const struct procedure *p, const char *text, struct arena *a);
/* Calls `seen` for each step whose state or answer it reads. */
void condition_steps(const struct condition *c, void (*seen)(void *ctx, int step, bool answer), void *ctx);
void condition_unknowns(const struct condition *c, void (*seen)(void *ctx, const struct condition *leaf),
                        void *ctx);

/* --- views: prove_view.c
 * ----------------------------------------------------------------------------------------------------------
 */

enum policy {
    ALL_WELL,   /* nothing fails, nobody intervenes; every answer and condition */
    NORMAL,     /* also failures, trouble, every decision, cancelling */
    EVERYTHING, /* also doubt, crashes, tries again, skipping, taking back, amendments */
};

/* What a step takes part in. The less, the fewer states; each step has the whole part in a view of its own.
 */
enum part {
    LEFT_OUT,
    AROUND, /* it takes its time, and then it is done or fails */
    NEEDED, /* also skipped, and wanted after all */
    WHOLE,  /* also in doubt, tried again, looked up, refused */
};

/* A rule of the page, for one step and one need of it. */
struct check {
    const struct interlock *rule;
    int step;   /* -1: the end */
    int need;   /* -1: it needs nothing */
    int choice; /* RULE_ANSWERED */
    bool fresh; /* the need must have been met since the deployment last began */
};

struct view {
    const struct procedure *page;
    struct procedure p; /* the view as a procedure: what the core sees */
    enum policy policy;
    int of_page[VIEW_STEPS];  /* index on the page; -1: stands for a branch */
    int subject;              /* whose running is looked for; -1 = none */
    int decision;             /* the step that asks for the decision, or -1 */
    uint8_t part[VIEW_STEPS]; /* enum part */
    bool read[VIEW_STEPS];    /* it matters how it settled */
    bool chosen[VIEW_STEPS];  /* it matters what was answered */
    bool outcome_read;
    bool repairs_alike; /* patching and rolling back make no difference in it */
    const struct condition *when[VIEW_STEPS];
    const char *atoms[ATOMS_MAX]; /* lasting unknowns that several conditions share */
    int n_atoms;
    struct check checks[VIEW_CHECKS];
    int n_checks;
};

/* Which steps of the page a view keeps. */
struct selection {
    uint8_t part[STEPS_MAX]; /* enum part */
    enum policy policy;
    int subject;
    const struct interlock *rule; /* the one rule that is looked at, or NULL: all that speak of kept steps */
    int deed; /* a step to which `rule` applies as well since it does the same; -1 = none */
};

/* Conditions of all steps of the page, by index. */
const struct condition **view_conditions(const struct procedure *page, struct arena *a);
/* Adds what the kept steps cannot be without, and makes the view. False when that is more than VIEW_STEPS. */
bool view_make(const struct procedure *page, const struct condition *const *whens, struct selection *s,
               struct arena *a, struct view *out);
int view_step(const struct view *v, int of_page);
/* Everything that makes a difference to the search, and no name. */
void view_fingerprint(const struct view *v, struct buf *out);
/* Do both steps do the same to the outside? Then a rule about one is a rule about the other. */
bool same_deed(const struct step *a, const struct step *b);
/* Does `step` come after `other` on the page, directly or not? */
bool comes_after(const struct procedure *p, int step, int other);

/* --- states and moves: prove_moves.c
 * ----------------------------------------------------------------------------------------------------------
 */

/* A state, and what laws and conditions remember beside it. */
struct world {
    struct control c;
    uint64_t stale; /* by step: what it said was before the deployment last began */
    uint32_t atoms; /* two bits each: 0 not known yet, 1 false, 2 true */
};

enum {
    MOVE_WELL = 1,     /* happens while all goes well */
    MOVE_PLAIN = 2,    /* nobody intervenes */
    MOVE_EXIT = 4,     /* may be counted on to come to the end */
    MOVE_WANTED = 8,   /* the core wants it, so it must not refuse */
    MOVE_ADVANCES = 16 /* must lead to another state */
};

/* Why Signalbox leaves a step out: `choice` of its EV_SKIPPED, for the story. */
enum left_out { LEFT_NO_NEED, LEFT_CONDITION, LEFT_LATE };

struct move {
    struct event e;
    uint32_t atoms; /* after it */
    int flags;
};

struct moves {
    struct move list[MOVES_MAX];
    int n;
    bool stands;   /* the core has nothing to do and wants trouble */
    bool too_many; /* more than there is room for */
};

/* The moments of the search: now, a moment to come, and a time when it has come. */
#define PROVE_NOW   1000
#define PROVE_LATER 2000
#define PROVE_LATE  ((int64_t)1 << 60)

/* What a condition can come to in this state. */
struct truth {
    bool holds;
    uint32_t atoms;
};
int condition_truths(const struct view *v, const struct condition *c, const struct world *w,
                     struct truth *out, int room);

void world_begin(const struct view *v, struct world *w);
void world_copy(const struct view *v, struct world *to, const struct world *from);
/* All that can happen in this state. `later` is data of an event with its moment still to come. */
void moves_of(const struct view *v, const struct world *w, json_t *later, struct moves *out);
/* Does this event have the step act or ask? */
bool event_acts(enum event_type t);
/* What is remembered beside the core's state follows the event. */
void world_follow(const struct view *v, const struct world *before, const struct move *m,
                  struct world *after);

/* --- laws: prove_laws.c
 * ----------------------------------------------------------------------------------------------------------
 */

struct law {
    const char *name, *because;
};
extern const struct law law_dead_end, law_stands, law_can_run, law_agrees, law_size;

struct breach {
    const struct law *law;        /* NULL when a rule of the page is broken */
    const struct interlock *rule; /* NULL when a law is broken */
    int step;                     /* of the view, -1 = none */
    const char *says;             /* in the arena, or constant */
};

/* Did this event break a rule of the page or a law? False: no. */
bool laws_broken(const struct view *v, const struct world *before, const struct move *m,
                 const struct world *after, struct breach *out);
/* The rule that stands against a step whose turn has come, or against the end; for the story of a stand. */
bool laws_obstacle(const struct view *v, const struct world *w, struct breach *out);

/* --- search: prove_search.c
 * ----------------------------------------------------------------------------------------------------------
 */

struct search;
struct search *search_new(void);
void search_free(struct search *s);

struct found {
    bool broken;
    struct breach breach;
    bool ran; /* the subject began, with nobody intervening */
    long states, events;
    struct move *path; /* the history, when broken; in the arena */
    int n_path;
};
void search_run(struct search *s, const struct view *v, struct arena *a, struct found *out);

/* --- stories: prove_story.c
 * ----------------------------------------------------------------------------------------------------------
 */

const char **story_tell(const struct view *v, const struct found *f, struct arena *a, int *n);
/* "Complete the maintenance" (step maintenance-complete) */
char *story_step(const struct view *v, int step, struct arena *a);

#endif
