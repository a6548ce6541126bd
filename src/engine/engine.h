/* engine.h: takes what the core wants, hands it to systems and store, feeds back what happened.
 *
 * One engine holds one store and carries out all its changes. All on the loop's thread. It decides nothing:
 * change_next does.
 *
 * Order of every effect: change_begin makes `intended`, it is appended and durable, then the driver performs
 * it, then what came of it is appended. An answer of a person is acknowledged when it is durable. */
#ifndef SB_ENGINE_ENGINE_H
#define SB_ENGINE_ENGINE_H

#include "change/change.h"
#include "engine/asker.h"
#include "engine/config.h"
#include "net/http.h"
#include "sop/page.h"
#include "store/store.h"
#include "systems/system.h"

struct engine;

/* The clock of changes. Real by default; a drill's may leap over times in which nothing happens. */
struct engine_clock {
    int64_t (*now)(void *ctx);
    /* Nothing happens before `until` (no call under way, no gate open, no observation): a drill's clock may
     * leap there, and returns true. */
    bool (*idle)(void *ctx, int64_t until);
    void *ctx;
};

struct engine_options {
    struct loop *loop;
    const struct config *config;
    const struct engine_clock *clock; /* NULL = real */
    double speed;                     /* of soak times and polls; 1 normally */
    bool hold; /* record what people say, but carry nothing out: for a command that answers a gate while no
                * server runs, and for those that only look */
    bool yes;  /* gates are answered with their first choice by `yes_as` (drills, `--yes`) */
    const char *yes_as;
    const json_t *yes_except; /* list of steps whose questions are left to people all the same; NULL = none */
    const char *socket_path;  /* told to a second process that wants the store */
    /* NULL-terminated: these fill their roles whatever is configured (tests); or NULL. */
    const struct driver *const *drivers;
    int loaded_most; /* open changes beyond this leave their state in the store while they wait; 0 = 500 */
};

/* Opens store and systems, reads open changes, puts effects in doubt, goes on with them. NULL on error. */
struct engine *engine_open(const struct engine_options *o, struct error *err);
/* Ends all that is under way without recording it (as a crash would, only tidier), flushes, closes. */
void engine_close(struct engine *e);

/* --- what people do. `by` is who asks: checked against the rights of the client and env.
 * --------------------------- */

/* Whoever is called `a->name` has these rights, from now until the next call of this: what
 * a token took away. Borrowed; NULL = nobody in particular asks. Rights are looked at inside the functions below,
 * before they return. */
void engine_asker(struct engine *e, const struct asker *a);

/* answer: as described, borrowed; err NULL = done and durable. Called once, from the loop, never from inside
 * the function that was given it; not at all when the engine is closed first. */
typedef void engine_done_fn(void *ctx, json_t *answer, const struct error *err);

/* Makes a change from a plan. `plan`: {sop, client, env, services: [{service, tag}], window, severity, risk,
 * reason, incident, inputs: {...}, overrule: {QUESTION: why}}. Answer: {id, questions, unknown}. What speaks against it is
 * asked first; a question that blocks, and that nobody who may has overruled, refuses it (SB_STATE, SB_DENIED), saying
 * each. The very same plan while an equal one is open gives that
 * one, with "already": true. */
void engine_plan(struct engine *e, const json_t *plan, const char *by, engine_done_fn *done, void *ctx);
/* The plan as a dry run: {now, facts, steps: [{id, title, at, does, messages: [{reader, text ...}], skipped, because ...}],
 * told: [{who, why}], questions: [{about, says, proposal?, better?, blocks, overrule}], unknown: [{what, says}], blocked}.
 * The systems are only looked at; nothing is kept, nothing is sent. */
void engine_preview(struct engine *e, const json_t *plan, const char *by, engine_done_fn *done, void *ctx);
void engine_start(struct engine *e, const char *change, const char *by, engine_done_fn *done, void *ctx);
/* A gate: `answer`: {step, choice, run?, reason, services?, minutes?, permitted_by?}. The first answer stands; a
 * second is told who and when (SB_STATE). `run`: of the step, as the question was shown: an answer to a question
 * that has been put anew since is refused (SB_STATE). */
void engine_answer(struct engine *e, const char *change, const json_t *answer, const char *by,
                   engine_done_fn *done, void *ctx);
/* An unsure effect: {step, took_place, run?, result?, reason}. */
void engine_resolve(struct engine *e, const char *change, const json_t *answer, const char *by,
                    engine_done_fn *done, void *ctx);
/* "trouble" {reason}; "skip" {step, reason}; "again" {step}; "cancel" {reason}; "note" {text}; "amend"
 * {facts, reason}; "move" {window, reason, overrule?}: its window is questioned as a plan's is, and what was set up for
 * the old one follows as the page says. */
void engine_act(struct engine *e, const char *change, const char *what, const json_t *data, const char *by,
                engine_done_fn *done, void *ctx);

/* Events of the built-in calendar: {events: [...]} (KEPT_EVENT, systems/documents.h). SB_STATE when another calendar is
 * configured. */
void engine_agenda(struct engine *e, engine_done_fn *done, void *ctx);
/* What one can decide about a change in trouble, and what each of it costs: {asked, window_to, rollback, choices: [{id, label,
 * usual: {n, median_ms, low_ms, high_ms, here}, takes_ms, fits, impossible, steps}]}. */
void engine_choices(struct engine *e, const char *change, engine_done_fn *done, void *ctx);
/* All changes together (engine/figures.h): planned after `since` (0 = all), of a client or service (NULL = any), as far as
 * `sees` lets them be counted. */
void engine_figures(struct engine *e, int64_t since, const char *client, const char *service,
                    bool (*sees)(void *ctx, const char *client, const char *env), engine_done_fn *done,
                    void *ctx);

/* Alerts of the built-in pager, newest first: {alerts: [...]}. SB_STATE when another pager is configured. */
void engine_alerts(struct engine *e, engine_done_fn *done, void *ctx);
/* Takes the open alerts of a change, or the one of that id: {acknowledged: [ids], by, at}. By whoever was called, or may
 * deploy there. */
void engine_acknowledge(struct engine *e, const char *about, const char *by, engine_done_fn *done, void *ctx);

/* --- looking
 * ------------------------------------------------------------------------------------------------------- */

/* The change as JSON for people and pages: {id, sop, status, outcome, client, env, services, window, waits:
 * [...], steps: [{id, title, prose, section, rows, status, since, began, ended, run, attempt, question,
 * choices, waits, result, view, because ...}], trouble, decisions, queue_behind, ...}. New reference. */
json_t *engine_change(struct engine *e, const char *id, struct error *err);
/* The same as it was right after its event `seq`: a fold of the first events. New reference. */
json_t *engine_change_at(struct engine *e, const char *id, int64_t seq, struct error *err);
enum { CHANGES_MOST = 2000 };
/* {changes: short forms, newest first, at most `limit` (0 or more than CHANGES_MOST: that many); next: the number to go on
 * with as `before`, when there are more}. `before`: only changes with a smaller number than this; 0 = all. New
 * reference. */
json_t *engine_changes(struct engine *e, bool open_only, int64_t before, int limit);
/* Events after `from`, as in the record with hash. New reference. */
json_t *engine_events(struct engine *e, const char *id, int64_t from, int limit, struct error *err);
/* Folded state, for rooms above that render (report). NULL when unknown. Borrowed until the
 * loop's next round. */
const struct change *engine_fold(struct engine *e, const char *id, struct error *err);

/* Is nothing under way but looks that only wait for somebody or something (an acknowledgement, a rollout, checks)? Then `until`
 * is the next moment at which something is due by itself. For a drill, whose clock may leap there. */
bool engine_only_waits(const struct engine *e, int64_t *until);
/* A drill's clock has leapt: looks again at what is due. */
void engine_wake(struct engine *e);

/* Called after each event of any change has become durable; returns an id. */
int engine_listen(struct engine *e, void (*fn)(void *ctx, const char *change, const json_t *event),
                  void *ctx);
void engine_unlisten(struct engine *e, int id);
/* Is nothing open that could go on without a person or a far moment? */
bool engine_idle(const struct engine *e);

/* doctor: each system's checks, as {role, driver, checks: [{state, what, says}]} when it has answered. `which`: a
 * role, or a driver's name; NULL = all. */
void engine_doctor(struct engine *e, const char *which, engine_done_fn *done, void *ctx);
/* One verb without a change (versions, on call, owners ...): observations only. Answer: the verb's result. */
void engine_look(struct engine *e, const char *verb, const json_t *args, engine_done_fn *done, void *ctx);

enum { CHANGE_STATUSES = CHANGE_ENDED + 1 };
struct engine_stats {
    int changes[CHANGE_STATUSES]; /* open ones */
    int stuck, store_broken;
    int calls, appends; /* under way */
    struct store_stats store;
};
void engine_stats(const struct engine *e, struct engine_stats *out);
/* Of each outside system that is spoken to over HTTP; one may be named several times. */
void engine_each_peer(struct engine *e, void (*each)(void *ctx, const char *name, const struct http_stats *s),
                      void *ctx);

const struct config *engine_config(const struct engine *e);
struct store *engine_store(struct engine *e);
/* The public keys by which the record's seals are believed, the present one last. */
const struct seal_trust *engine_seal_trust(const struct engine *e);
int64_t engine_now(const struct engine *e);
struct loop *engine_loop(const struct engine *e);
/* Names of the pages that engine_page finds by name: those of page_dirs, then those that ship; each once. New
 * reference: a list of texts. */
json_t *engine_pages(const struct engine *e);
/* Parsed page by name or path ("hotfix", "sops/x.md"): page_dirs, then those that ship. NULL on error, and when
 * its interlocks are not proven (change/prove.h; SB_INTERLOCK with the history that breaks one): the first time that
 * takes a moment, then the verdict is kept. Lives as long as the engine. */
const struct procedure *engine_page(struct engine *e, const char *name, struct page_errors *errors);

#endif
