/* sim.h: one history of one change, and what the simulator's files share.
 *
 * A history is a discrete-event simulation on a virtual clock around the core that the engine runs (change/):
 * one or two nodes carry the change (node.h), a store keeps the record (disk.c), outside systems act and
 * answer (world.h), persons answer questions (people.c), and a checker looks at every event that becomes
 * durable (check.h). All chance is drawn from the history's seed (draw, fault), so a seed and a page are one
 * exact history.
 *
 * Faults stop at `calm`. From then on nothing fails and everybody answers: the change must come to its end.
 */
#ifndef SB_SIM_SIM_H
#define SB_SIM_SIM_H

#include "change/change.h"
#include "faults.h"
#include "pages.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NODES_MAX = 2,
    FIRED_MAX = 512, /* faults that are remembered; more do not take place */
};

/* How long things take at most. What a system has been sent has arrived within ARRIVE_MOST or never will, and
 * what it has done can be found within SHOW_MOST: a driver that looks twice, SETTLE_MS apart, knows. */
#define CALL_LIMIT_MS   SECONDS(30)
#define ARRIVE_MOST     SECONDS(70)
#define SHOW_MOST       SECONDS(20)
#define SETTLE_MS       (ARRIVE_MOST + SHOW_MOST + SECONDS(1))
#define LEASE_MS        SECONDS(10)
#define STUCK_AFTER     HOURS(24 * 10)
#define EVENTS_MOST     4000
#define HAPPENINGS_MOST 200000

/* --- what happens
 * ---------------------------------------------------------------------------------------------------------
 */

enum what {
    AT_START,     /* a node starts, or tries for the lease */
    AT_LEASE,     /* a node that stood still or was cut off renews its lease, or learns that it is gone */
    AT_WAKE,      /* a moment has come for a node */
    AT_COMMIT,    /* the store commits a batch */
    AT_COMMITTED, /* a node learns what became of it */
    AT_READ,      /* a node whose store failed reads the change again */
    AT_ARRIVE,    /* a request arrives at its system */
    AT_ANSWER,    /* an answer arrives at its node */
    AT_GIVE_UP,   /* a node's call has waited long enough */
    AT_LOOK,      /* a driver looks: a find's pass, an observation's poll */
    AT_PERSON,    /* a person does something */
    AT_TELL,      /* the store tells a person that what they did is recorded */
    AT_PATROL,    /* somebody looks after what was left lying */
    AT_CLOCK,     /* a node's clock is set */
};

struct happening {
    int64_t at;
    uint64_t nth;
    enum what what;
    int node;
    unsigned life; /* of the node: what is meant for an earlier one is dropped */
    int64_t n;
    void *p;
};

/* A call that a node made of a system. Lives in the history's arena. */
enum call_kind { CALL_PERFORM, CALL_OBSERVE, CALL_FIND };
struct call {
    struct call *next;
    enum call_kind kind;
    int node, step, run, attempt;
    unsigned life;
    bool over;           /* the node no longer waits for it */
    int passes;          /* find: looks made; observe: polls made */
    const char *key;     /* "HF-7/deploy/1" */
    json_t *args;        /* as recorded */
    json_t *parts;       /* what is known to have taken place */
    json_t *view;        /* observe: what its driver told last */
    struct answer *news; /* observe: the view that arrived last */
};

enum came { CAME_DONE, CAME_FAILED, CAME_RETRY, CAME_UNKNOWN, CAME_NOT_FOUND, CAME_CANNOT_TELL, CAME_VIEW };
struct answer {
    struct call *call;
    enum came came;
    json_t *result;
    const char *error;
    int64_t retry_after;
};

/* --- the parts
 * -------------------------------------------------------------------------------------------------------------
 */

/* What a person does. Lives in the history's arena. */
struct doing {
    enum event_type type;
    int step, run, choice;
    const char *by;
    json_t *data;
    int tries;
};

/* Somebody to be told when event `seq` is durable. */
struct promise {
    struct promise *next;
    int64_t seq;
    enum event_type type;
    int run; /* of the step it was about, as the person saw it */
    const char *by;
};

struct batch {
    int node;
    unsigned life, epoch, term;
    int64_t first;
    json_t *events; /* list */
    struct promise *promises;
    bool failed;
    const char *error;
};

/* The store: the record of the change, and who may write it. */
struct disk {
    json_t *events;  /* list of objects, or of texts when the history has texts */
    int holder;      /* node with the lease, -1 = none had it yet */
    unsigned term;   /* raised with every new holder: a batch of an earlier one is refused */
    int64_t free_at; /* when the lease can be had; INT64_MAX while it is renewed */
    json_t *snapshot;
    int64_t snapshot_at;
};

struct node {
    int number;
    bool up, broken;
    unsigned life; /* raised when it dies or lets go */
    unsigned
        epoch; /* raised when its store failed: batches of an earlier one concern a state that is no more */
    unsigned term;
    int64_t lease_until; /* by its own reckoning; INT64_MAX while it renews */
    int64_t stalled_until, cut_until;
    bool writer_stalls; /* what it has handed to the store stands still with it */
    int64_t skew;       /* its clock, against the history's */
    struct change *c;
    json_t *out; /* events of this pass, not yet handed to the store */
    struct promise *out_promises;
    int appends; /* handed to the store, not answered */
    int64_t durable, commit_at;
    int store_tries;
    struct call *calls;
    uint8_t rounds[STEPS_MAX];
    uint64_t wake; /* the happening that counts */
    int64_t wake_at;
};

struct deed;
struct build;
struct checker;

struct sim {
    const struct sim_page *page;
    const struct procedure *sop;
    uint64_t seed;
    struct arena arena;
    struct expr *expr;
    int64_t now, began, calm;
    struct happening *heap;
    size_t n_heap, room_heap;
    uint64_t happened; /* how many */

    int n_nodes;
    struct node nodes[NODES_MAX];
    struct disk disk;
    struct deed *deeds;
    struct build *builds;
    struct answer *last_answer[STEPS_MAX]; /* by step: of the attempt that was answered last */
    struct checker *checker;
    bool texts;  /* the record is kept as canonical text, as the real store keeps it */
    bool splits; /* every event is a commit of its own */
    bool snapshots;
    int nature[16]; /* of each system: enum nature */
    int decisions_in_calm;

    int rate[FAULTS]; /* per 100,000, in this history's weather */
    uint16_t faults_asked[FAULTS][STEPS_MAX + 1], drawn[32][STEPS_MAX + 1];
    struct fault_place fired[FIRED_MAX];
    int n_fired;
    const struct fault_place *only; /* of a replay: only these take place; NULL = all */
    int n_only;

    FILE *trace;       /* NULL = none */
    bool ended;        /* the end is durable */
    const char *broke; /* the invariant that did not hold, NULL while all do */
    char says[1024];
};

/* --- chance
 * ----------------------------------------------------------------------------------------------------------------
 */

enum draw {
    DRAW_WEATHER,
    DRAW_NODES,
    DRAW_FACTS,
    DRAW_NATURE,
    DRAW_TRAVEL,
    DRAW_SYSTEM,
    DRAW_BUILD,
    DRAW_COMMIT,
    DRAW_RESTART,
    DRAW_BACKOFF,
    DRAW_PERSON,
    DRAW_CHOICE,
    DRAW_CLOCK,
    DRAW_CHECK,
    DRAWS,
};

/* 0 ... n-1 */
int64_t draw(struct sim *s, enum draw what, int step, int64_t n);
int64_t draw_between(struct sim *s, enum draw what, int step, int64_t from, int64_t to);
/* Does it take place? At most once for each time it is asked. */
bool fault(struct sim *s, enum fault f, int step);

/* --- time
 * -------------------------------------------------------------------------------------------------------------------
 */

uint64_t happen(struct sim *s, int64_t at, enum what what, int node, int64_t n, void *p);
bool next_happening(struct sim *s, struct happening *out);

/* --- the trace, and the end of a history
 * -------------------------------------------------------------------------------------- */

void say(struct sim *s, int node, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* An invariant does not hold: the history ends. The first one counts. */
void broke(struct sim *s, const char *invariant, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* --- disk.c
 * -------------------------------------------------------------------------------------------------------------------
 */

void disk_open(struct sim *s);
void disk_close(struct sim *s);
void disk_commit(struct sim *s, struct batch *b);
/* Gives the lease, when it can be had. */
bool disk_lease(struct sim *s, struct node *n);
/* A node no longer renews its lease. */
void disk_lease_lapses(struct sim *s, struct node *n);
/* An event of the record; borrowed, or new when the record is kept as text: drop it with json_decref. */
json_t *disk_event(const struct sim *s, size_t i);
/* The change as the record has it, from the snapshot on if there is one. NULL when it has no event. */
struct change *disk_read(struct sim *s);
void disk_keep_snapshot(struct sim *s, const struct change *c);

/* --- people.c
 * -----------------------------------------------------------------------------------------------------------------
 */

void people_open(struct sim *s);
void people_do(struct sim *s, struct doing *d);
void people_patrol(struct sim *s);
/* An event is durable: people see it. */
void people_see(struct sim *s, const struct event *e);

/* --- history.c
 * ----------------------------------------------------------------------------------------------------------------
 */

/* Runs the history; `s->broke` says whether something did not hold. */
void history_run(struct sim *s, const struct sim_page *page, uint64_t seed, struct expr *x,
                 const struct fault_place *only, int n_only, FILE *trace);
void history_free(struct sim *s);

#endif
