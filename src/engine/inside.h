/* inside.h: what the files of engine/ share; nobody else includes it.
 *
 * A *ride* is one change on its way: its folded state, what of it is durable, the driver calls under way for
 * it. Its life:
 *
 *   ride_new or ride_load -> ride_wake -> carry (asks the core, records events, starts driver calls) -> ...
 * -> ended, dropped
 *
 * Events are applied to the folded state at once and handed to the store in one batch a pass; nothing is
 * performed for a change while any event of it is not yet durable. A failed append breaks the ride: its state
 * is read again. */
#ifndef SB_ENGINE_INSIDE_H
#define SB_ENGINE_INSIDE_H

#include "base/buf.h"
#include "base/json.h"
#include "engine/engine.h"
#include "engine/names.h"
#include "net/alloc.h"
#include "sop/expr.h"
#include "store/seal_key.h"

struct ride;
struct batch;
struct page_kept;

/* A driver call under way for a step, or the pause before the next look of the same kind. */
enum work_kind { WORK_PERFORM, WORK_OBSERVE, WORK_FIND };
struct work {
    struct work *next;
    struct ride *ride;
    enum work_kind kind;
    int step, run;
    struct task *task;  /* NULL while it pauses */
    int64_t not_before; /* of a pause */
    int looks;          /* find: how often the system did not answer */
    json_t *view;       /* news kept back: at most two a second are recorded */
    int64_t view_at;    /* when it may be recorded; 0 = none kept back */
};

/* Somebody to be told once an event is durable. */
struct waiter {
    struct waiter *next;
    engine_done_fn *done;
    void *ctx;
    json_t *answer;
};

struct ride {
    struct engine *e;
    struct ride *prev, *next; /* in engine.rides_first, newest first */
    char *id;
    int64_t number;           /* 7 of HF-7 */
    struct change *c;         /* NULL while it is parked */
    char *parked;             /* its short form then, as JSON text */
    bool waits;               /* parked behind another */
    int64_t started;          /* 0 = not yet */
    char *plan_hash;          /* in engine.plans while it is open; "" = not known */
    const char *requested_by; /* in the facts */

    int64_t durable; /* last event that is */
    json_t *out;     /* events of this pass, not yet handed to the store */
    struct waiter *out_waiters;
    int appends;      /* handed to the store, not yet answered */
    unsigned epoch;   /* of the folded state: raised when it is read again */
    bool broken;      /* the store failed: nothing is done before the state is read again */
    bool interrupted; /* what was under way was let go of, or not begun, until our leases are sure again */
    char *store_error;
    int store_tries;
    struct timer *again; /* the pause before it is read again */
    char *stuck;         /* the core refused what it wanted itself: a fault of ours, shown */
    int64_t snapshot_at; /* event of the last snapshot */

    struct work *works;
    uint8_t *rounds; /* a step: how often it was performed without an answer and not found, in a row */

    struct lane *lane; /* of its client and env, while it is open */
    struct ride *lane_next;

    bool dirty;
    struct ride *dirty_next;
    int64_t wake;   /* 0 = none */
    size_t heap_at; /* place in the heap + 1; 0 = not in it */
    bool ended;
};

/* The open changes of one client and env: those that were started in the order of their start, then the
 * others. */
struct lane {
    char *name;
    struct ride *first;
};

struct listener {
    struct listener *next;
    int id;
    void (*fn)(void *ctx, const char *change, const json_t *event);
    void *ctx;
    bool gone;
};

/* An answer that comes later, though it is known now. */
struct reply {
    struct reply *next;
    engine_done_fn *done;
    void *ctx;
    json_t *answer;
    bool failed;
    struct error error;
};

struct look;
struct gather;
struct known_plan;
struct figures;

struct engine {
    struct loop *loop;
    const struct config *config;
    const struct asker *asker; /* of engine_asker */
    struct engine_clock clock;
    bool practice; /* the clock is not the real one: a drill */
    double speed;
    bool yes;
    const char *yes_as;
    const json_t *yes_except;
    struct arena arena;
    struct store *store;
    struct nodes *nodes; /* NULL: every change is ours (engine/share.h) */
    struct names leases; /* that we hold, by lane */
    struct handed *handed;
    struct seal_trust seal_trust;
    struct http *http;
    struct shelf shelf;
    struct surroundings around;
    struct system *systems[ROLE_COUNT];
    struct expr *expr;

    struct names pages; /* by hash -> struct page_kept */
    struct page_kept *pages_first;
    struct names rides; /* by id */
    int loaded_most;
    struct names lanes;
    struct names plans; /* open changes by the hash of their plan */
    int ended;          /* how many of the rides have */
    int loaded;         /* how many of the others have their state in memory */
    struct ride *rides_first;
    struct names summaries; /* of ended changes, by id -> json_t */

    struct ride *dirty_first, *dirty_last;
    struct reply *replies, **replies_end;
    struct timer *drain;
    struct ride **heap; /* rides by wake */
    size_t heap_n, heap_room;
    struct timer *alarm;
    int64_t alarm_at;

    struct batch *batches;
    struct look *looks;
    struct gather *gathers;
    struct names history;    /* what -> how long it took */
    struct figures *figures; /* NULL until somebody asks */
    struct listener *listeners;
    int next_listener;
    bool telling;
    int tasks, appends;
    bool closing;
};

/* --- ride.c
 * ------------------------------------------------------------------------------------------------------- */

/* A change that has no event yet. */
struct ride *ride_new(struct engine *e, const char *id, const struct procedure *p);
/* Reads a change from the store: open ones are kept in engine.rides. NULL on error. */
struct ride *ride_load(struct engine *e, const char *id, struct error *err);
/* The folded state of a change from the store, by snapshot and events. NULL on error. */
struct change *change_read(struct engine *e, const char *id, char **plan_hash, int64_t *snapshot_at,
                           struct error *err);
void ride_free(struct ride *r);
/* Ten thousand changes that wait for people need not be in memory: one with nothing under way and nothing
 * soon leaves its state in the store, when there are many. */
void ride_park(struct ride *r);
/* The same for one just read from the store, that has nothing to do. */
void ride_park_unless_wanted(struct ride *r);
MUST_USE bool ride_unpark(struct ride *r, struct error *err);
/* The ride of an open or lately ended change, read from the store when need be. NULL: SB_UNKNOWN or what the
 * store says. */
struct ride *ride_of(struct engine *e, const char *id, struct error *err);
/* As ride_of, and refuses (SB_STATE) a change that has ended, (SB_IO) one whose record cannot be written now.
 */
struct ride *ride_open_of(struct engine *e, const char *id, struct error *err);
/* What is intended and not recorded is in doubt. */
void ride_restarted(struct ride *r);
/* Goes on with a change that somebody else (or a process before) carried until now. */
void ride_resume(struct ride *r);
/* The name of its lane, in the arena or as long as the lane. */
const char *ride_lane(const struct ride *r, struct arena *a);
/* The change that this one waits for, or NULL. */
const struct ride *ride_behind(const struct ride *r);
/* Takes its place in its lane; once more when it is started. */
void lane_join(struct ride *r);
void lane_leave(struct ride *r);
/* The open changes of a client and env, by ride.lane_next. */
const struct ride *lane_first(const struct engine *e, const char *client, const char *env);
/* Lets go of ended changes that nobody has looked at for long. */
void rides_forget(struct engine *e);

/* --- record.c
 * ----------------------------------------------------------------------------------------------------- */

/* Fills number, time and run, applies the event and keeps it for ride_flush. Takes `data` of it, also on
 * error. */
MUST_USE bool ride_record(struct ride *r, struct event *ev, struct error *err);
/* Somebody to be told when what was recorded so far is durable. Takes `answer`. */
void ride_tell(struct ride *r, engine_done_fn *done, void *ctx, json_t *answer);
void ride_flush(struct ride *r);
/* Its end is durable. */
void ride_finish(struct ride *r);
void listeners_tell(struct engine *e, const char *change, const json_t *events);
/* The store failed. */
void ride_break(struct ride *r, const struct error *why);
void batches_free(struct engine *e);
void batches_forget(struct ride *r);
void waiters_drop(struct waiter *list);
/* Tells somebody later, from the loop. Takes `answer`. */
void reply_later(struct engine *e, engine_done_fn *done, void *ctx, json_t *answer, const struct error *err);

/* --- carry.c, wake.c
 * ------------------------------------------------------------------------------------------------ */

void carry(struct ride *r);
/* Has carry called soon, from the loop. */
void ride_wake(struct ride *r);
void engine_drain_soon(struct engine *e);
/* Sets when the ride is woken by time (0 = not). */
void wake_set(struct ride *r, int64_t at);
void wake_free(struct engine *e);
/* Lets a drill's clock leap when nothing else can happen. */
void wake_consider_leap(struct engine *e);
bool engine_quiet(const struct engine *e);

/* --- work.c
 * ---------------------------------------------------------------------------------------------------------
 */

void work_start(struct ride *r, enum work_kind kind, int step);
struct work *work_of(const struct ride *r, int step);
/* Cancels calls whose step is no longer what they are for. */
void works_prune(struct ride *r);
void works_cancel(struct ride *r);
/* Records news that were kept back and goes on after pauses. Gives the next moment at which that is due (0 =
 * none). */
int64_t works_due(struct ride *r, int64_t now);
/* What is known of the system for a step: its verb there. NULL with the reason for people. */
const struct verb_entry *verb_entry_of(const struct engine *e, const struct verb *v, struct system **out,
                                       struct error *err);
int64_t backoff(const struct engine *e, int64_t first, int tries, int64_t most);
/* Are two views the same but for numbers that tick (keys ending in _ms)? */
bool view_same(const json_t *a, const json_t *b);

/* --- preview.c, figures.c, view.c
 * ----------------------------------------------------------------------------------------- */

/* What this answer to the decision would lead to when all goes well: steps as in engine_preview. Takes `answer`. NULL: it is
 * not possible now. */
json_t *foresee(struct engine *e, const struct change *c, int step, int choice, json_t *answer,
                struct error *err);
/* {to, schema, takes_ms, takes_from, decide_until, left_ms}: what a rollback returns to, and until when it fits. New reference.
 */
json_t *rollback_json(const struct change *c, int64_t now);
void figures_free(struct engine *e);

/* --- evidence.c
 * ------------------------------------------------------------------------------------------------------ */

/* What is known of the failure, as Markdown. Heap. */
char *evidence_text(const struct change *c);
/* [{name, unit, ok, before, after, max}]: the health that was measured before, and now or while it was watched. New
 * reference. */
json_t *health_compared(const struct change *c);

/* --- local.c, report.c
 * ---------------------------------------------------------------------------------------------- */

/* Performs a verb that concerns only the change. Records what came of it. */
void local_perform(struct ride *r, int step);
/* Writes STATE/reports/ID.md and .html. Gives the path of the HTML in `path`. */
MUST_USE bool report_write(struct engine *e, const struct change *c, const char *title, char *path, size_t n,
                           struct error *err);
/* Bars of [{name, unit, ok, before, after, max}], as SVG. Heap; NULL = there is nothing to show. */
char *report_graph(const json_t *measures);

/* --- pages.c, plan.c, view.c, shelf.c
 * -------------------------------------------------------------------------------- */

/* The page that a change began with, by its hash. NULL on error. */
const struct procedure *page_by_hash(struct engine *e, const char *hash, const char *name, struct error *err);
/* A page of engine_page is kept in the store, once. */
MUST_USE bool page_keep_stored(struct engine *e, const struct procedure *p, struct error *err);
void pages_free(struct engine *e);

/* A plan, checked: page and facts (without the change's id). New reference or NULL. */
json_t *plan_facts(struct engine *e, const json_t *plan, const char *by, const struct procedure **page,
                   struct error *err);
/* The dry run itself, without questions. New reference. */
json_t *plan_preview(struct engine *e, const struct procedure *page, json_t *facts, const char *by,
                     const struct known_plan *known);

/* --- history.c, known.c, questions.c
 * ------------------------------------------------------------------------------------------ */

void history_open(struct engine *e);
void history_close(struct engine *e);
/* Of events that have become durable. */
void history_follow(struct ride *r, const json_t *events);
/* How long it took: "checks SERVICE"; "VERB CLIENT/ENV" of what looks, such as "pipeline.watch tangerine/prod". */
struct spread history_of(const struct engine *e, const char *what);

/* What the systems told of a plan. NULL: nothing, for want of a system or of its answer. */
struct known_plan {
    json_t *versions; /* {service: tag that runs} */
    json_t *releases; /* the result of releases.check */
    json_t *oncall;   /* list of people */
    json_t *owners;   /* list of {service, team, channel, schedule, people} */
    json_t *calendar; /* list of conflicts, around the window */
    json_t *unknown;  /* [{what, says}]: what was asked and not answered */
};
typedef void known_fn(void *ctx, const struct known_plan *known);
/* `except`: our own event on the calendar, or NULL. One of the two is called once, later, and has `ctx` then: `done`,
 * or `drop` when the engine is closed first. */
void plan_gather(struct engine *e, const json_t *facts, const struct procedure *page, const char *except,
                 known_fn *done, void (*drop)(void *ctx), void *ctx);
void gathers_drop(struct engine *e);
/* As engine_look, and the first view is answer enough. */
void look_within(struct engine *e, const char *verb, const json_t *args, int64_t most_ms,
                 engine_done_fn *done, void *ctx);

/* What is asked about a plan: [{about, says, proposal?, better? {from, to, text, window}, took? {n, median_ms,
 * p90_ms}, blocks, overrule: role}]. New reference. */
json_t *plan_questions(const struct engine *e, const json_t *facts, const struct known_plan *known);
/* Which questions `by` may overrule, by the rights of this moment. */
void overrule_rights(const struct engine *e, const char *by, const json_t *facts, bool out[ABOUT_COUNT]);
/* {about: reason}: questions that there are, each with a reason. NULL is fine. */
MUST_USE bool overrules_check(const json_t *overrules, struct error *err);
/* Marks what is overruled ("overruled": reason). False while one stands that blocks: the error says each. */
MUST_USE bool questions_settle(json_t *questions, const json_t *overrules, const bool may[ABOUT_COUNT],
                               struct error *err);
/* Records what was overruled among the questions, each with its reason. */
MUST_USE bool overruled_record(struct ride *r, const json_t *questions, const char *by, struct error *err);
/* Moves the window: {window, reason, overrule?}. The change may be moved by `by`. */
void engine_move(struct engine *e, struct ride *r, const json_t *data, const char *by, engine_done_fn *done,
                 void *ctx);
/* Steps whose system is missing, [{step, says}]. New reference. */
json_t *plan_problems(const struct engine *e, const struct procedure *p);
/* May `by` do what `role` names to this change? Fills the error. */
MUST_USE bool may(const struct engine *e, const struct change *c, const char *by, const char *role,
                  struct error *err);
/* Who is meant by a name: the one who asks now, or somebody whom the configuration knows. */
struct asker asker_named(const struct engine *e, const char *by);
MUST_USE bool may_at(const struct engine *e, const char *by, const char *role, const char *client,
                     const char *env);
/* May `by` answer this step's question? */
MUST_USE bool may_answer(const struct engine *e, const struct change *c, int step, const char *by,
                         bool break_glass, struct error *err);
/* Who answers in practice, when `yes` is on: NULL = nobody can. */
const char *yes_person(const struct engine *e, const struct change *c, int step);

/* The short form of a ride, parked or not. New reference. */
json_t *ride_summary(const struct ride *r);
json_t *summary_json(const struct ride *r, const struct change *c);
/* The whole form at that moment; `r` NULL: as it once was. New reference. */
json_t *change_json(const struct ride *r, const struct change *c, int64_t now);
struct shelf shelf_of(struct store *s);

void looks_cancel(struct engine *e);

#endif
