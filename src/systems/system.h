/* system.h: what a driver is.
 *
 * A driver fills one role ("pipeline", "chat", ...) for one kind of outside system ("jenkins", "slack"). It knows its system's wire; it
 * knows no SOP, no store, no other driver. It is one file that ends in one const `struct driver`. What each verb takes and gives is
 * written in the role's header (systems/pipeline.h, ...), which every driver of the role keeps to.
 *
 * Asynchronous: every function below returns at once and calls its callback exactly once, later, on the loop's thread, unless the
 * system is closed first. A driver that needs several requests is a small state machine in one function.
 *
 * Threads: all on the loop. Memory: arguments are borrowed for the call only (keep your own references); an outcome
 * belongs to the driver and is valid during the callback. */
#ifndef SB_SYSTEMS_SYSTEM_H
#define SB_SYSTEMS_SYSTEM_H

#include "base/arena.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/yaml.h"
#include "net/http.h"
#include "net/loop.h"
#include <jansson.h>
#include <stdint.h>

enum role {
    ROLE_TICKETS,
    ROLE_CALENDAR,
    ROLE_STATUSPAGE,
    ROLE_CHAT,
    ROLE_PAGER,
    ROLE_PIPELINE,
    ROLE_HEALTH,
    ROLE_CLUSTER,
    ROLE_RELEASES,
    ROLE_OWNERS,
    ROLE_COUNT,
};
extern const char *const role_names[ROLE_COUNT]; /* "tickets", ... */

/* Documents of the built-in drivers, kept by the engine in its store: a built-in ticket, event, maintenance, message is one document
 * under its effect's key. Function table, so that systems/ needs no store. All calls are asynchronous and durable before the callback, which
 * always comes. Documents given are borrowed for the call, those called back with for the callback. */
struct shelf {
    void *ctx;
    /* Stores `doc` under (kind, id) unless it is there already; `done` gets the document that stands there now. */
    void (*put_new)(void *ctx, const char *kind, const char *id, json_t *doc,
                    void (*done)(void *, json_t *doc, const struct error *), void *user);
    /* Merges `patch` (RFC 7386) into a document; SB_UNKNOWN when there is none. */
    void (*patch)(void *ctx, const char *kind, const char *id, json_t *patch,
                  void (*done)(void *, json_t *doc, const struct error *), void *user);
    void (*get)(void *ctx, const char *kind, const char *id,
                void (*done)(void *, json_t *doc, const struct error *), void *user);
    /* All documents of a kind, as a JSON array, newest first, at most `limit`. */
    void (*list)(void *ctx, const char *kind, int limit,
                 void (*done)(void *, json_t *docs, const struct error *), void *user);
};

struct freeze_met; /* systems/freeze.h */

/* What a driver may use. Lives longer than all systems. */
struct surroundings {
    struct loop *loop;
    struct http *http;
    const struct shelf *shelf;
    int64_t (*now)(void *ctx); /* the change's clock: real time, or the drill's */
    void *now_ctx;
    const char *state_dir; /* where command logs and the like may go */
    int poll_ms;           /* pause between looks of an observation; default 2,000 */
    /* The configuration's freezes that a time of a client (id or name; "" = any) and env ("" = any) meets, by begin,
     * at most `most`. Returns how many. NULL = there are none. */
    int (*freezes)(void *ctx, const char *client, const char *env, int64_t from, int64_t to,
                   struct freeze_met *out, int most);
    void *freezes_ctx;
    double speed; /* how much faster than real time soak times and polls pass (drills); 1 normally */
};

struct driver;

/* One configured system. A driver embeds it first in a struct of its own. */
struct system {
    const struct driver *driver;
    const char *name; /* as configured: usually the driver's */
    struct surroundings *around;
    struct task *tasks; /* under way: see task_begin in systems/support.h */
};

/* One thing to do. */
struct effect {
    const char *key;    /* "HF-7/maintenance/1": stable over retries and restarts, unique among all effects */
    const char *verb;   /* "schedule" (without the role) */
    const char *change; /* "HF-7" */
    const json_t *args; /* object, filled; checked against sop/verbs.c */
    int64_t intended_ms; /* when it was first intended: where a search may begin */
    int attempt;         /* 1, 2, ... */
    /* Of an effect that is several (a post in three channels): what is known to have taken place already,
     * as an earlier outcome's `result` told; only the rest is to be done. NULL = nothing is. */
    const json_t *parts;
};

enum outcome_kind {
    OUTCOME_DONE, /* it has taken place; `result` says with what */
    /* It has certainly not taken place (or the observation's answer is "no"), and trying again will not help
     * by itself. */
    OUTCOME_FAILED,
    OUTCOME_RETRY, /* it has certainly not taken place; trying again may help; not before `retry_after_ms` */
    OUTCOME_UNKNOWN, /* nobody knows whether it took place: in doubt */
    /* find: it certainly has not taken place, and no earlier request can still be under way. */
    OUTCOME_NOT_FOUND,
    OUTCOME_CANNOT_TELL, /* find: this system cannot tell; a person must */
};

struct outcome {
    enum outcome_kind kind;
    /* DONE: the verb's result; FAILED: what is known (log, problems); otherwise, for an effect that is several:
     * the parts that did take place, in the verb's result form. Borrowed by the callback; may be NULL. */
    json_t *result;
    struct error error; /* all but DONE */
    int64_t retry_after_ms;
};

typedef void outcome_fn(void *ctx, const struct outcome *o);
/* News of something that is not finished: an observation's present view (the same verb's result, as far as known), recorded when it
 * differs from the last. For pipeline.watch a pending pause is `"gate": {"id", "message", "stage"}`. Any number of times, before the outcome. */
typedef void progress_fn(void *ctx, const json_t *view);

/* A verb under way. Returned by perform and find; freed by the driver after its outcome. */
struct task;
/* Ends an observation or effect early, without calling back. What was sent stays sent. */
void task_cancel(struct task *t);

/* The head that every driver's own task struct begins with. */
struct task {
    void (*cancel)(struct task *t); /* frees it; it is off its system's list by then */
    struct system *system;          /* NULL when it is on no list */
    struct task *prev, *next;
};

typedef struct task *act_fn(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                            void *ctx);

struct verb_entry {
    const char *verb; /* without the role */
    act_fn *perform;
    /* Looks the effect up by key after a crash: DONE with the same result, NOT_FOUND, CANNOT_TELL, or RETRY when
     * the system does not answer. NULL for observations, and for effects where performing again has no second
     * effect (`repeatable`). */
    act_fn *find;
    /* Performing it again has no second effect, by the system's own rules: after a crash it is just performed. */
    bool repeatable;
};

/* doctor: one line a right or fact. */
enum check_state { CHECK_OK, CHECK_WARN, CHECK_FAIL };
struct check {
    enum check_state state;
    const char *what; /* "may start multi_deploy" */
    const char *says; /* what was found, and what to do */
};
typedef void check_fn(void *ctx, const struct check *checks, int n);

struct driver {
    enum role role;
    const char *name;
    const char *says;        /* one sentence for `signalbox doctor --list` and the manual */
    const char *const *keys; /* configuration keys it knows, NULL-terminated */
    /* Reads its configuration (`config` may be NULL: built-in drivers) and makes the system. Errors have file and line. */
    struct system *(*open)(const struct driver *d, const struct yaml *config, const char *file,
                           struct surroundings *around, struct error *err);
    void (*close)(struct system *s); /* cancels its tasks without calling back */
    void (*check)(struct system *s, check_fn *done, void *ctx);
    struct verb_entry verbs[16]; /* ends with a NULL verb */
    /* Can it do this verb of its own, as it is configured? NULL = all of them. */
    bool (*can)(const struct system *s, const char *verb);
};

/* Every driver, NULL-terminated: systems/drivers.c. */
extern const struct driver *const drivers[];
const struct driver *driver_find(enum role role, const char *name);
/* The role's built-in driver, used when nothing is configured. */
const struct driver *driver_builtin(enum role role);
/* Has its driver the verb, and is it configured for it? */
bool system_can(const struct system *s, const char *verb);
const struct verb_entry *driver_verb(const struct driver *d, const char *verb);

#endif
