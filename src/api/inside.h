/* inside.h: what the files of api/ share; nobody else includes it.
 *
 * A *call* is one request and its answer to be, with a socket or without. A handler ends it with exactly one
 * of respond_json, call_fail, call_problem, call_release, or hands call_told to the engine, which ends it
 * later. When its client has gone meanwhile the answer goes nowhere. */
#ifndef SB_API_INSIDE_H
#define SB_API_INSIDE_H

#include "api/api.h"
#include "api/session.h"
#include "base/buf.h"
#include "base/json.h"

enum {
    API_TEXT_MAX = 16 << 10, /* of one field: reasons and notes are kept for ever */
    API_BODY_MAX = 1 << 20,
    API_ARGS_MAX = 2,
};

#define FEED_PATH "/calendar.ics"

struct entering;
struct guard;
struct metrics;
struct sessions;
struct subscriber;
struct tokens;
struct verification;

struct api {
    struct engine *engine;
    struct tokens *tokens;
    struct sessions *sessions;
    struct guard *guard;
    struct metrics *metrics;
    struct entering *entering; /* those whose session is not yet durable */
    struct call *calls;        /* those not yet answered */
    struct subscriber *subscribers;
    int n_subscribers;
    int listener;
    struct timer *heartbeat;
    int64_t heartbeat_ms; /* 15 s; tests are less patient */
    /* The last events of all changes, so that a reader who was cut off for a moment misses none. */
    struct recent {
        char *change;
        json_t *event;
    } *recent;
    size_t recent_at; /* how many there have been: the newest is at (recent_at - 1) % RECENT_MAX */
};

struct call {
    struct api *api;
    struct call *prev, *next;
    struct arena arena;
    const struct api_route *route;
    const char *args[API_ARGS_MAX]; /* values of the path's {names}, in order */
    const char *raw_query;
    json_t *body; /* an object, checked against the route's fields; empty without one */
    struct visitor visitor;
    const char *by;                                          /* its asker's name */
    struct exchange *x;                                      /* NULL: there is none, or its client has gone */
    void (*done)(void *ctx, int status, const json_t *body); /* without a socket */
    void *ctx;
    struct verification *verification;
    struct stored *stored;
    struct claim *claim; /* of its Idempotency-Key */
};

/* --- call.c ------------------------------------------------------------------------------------------------
 */

struct call *call_new(struct api *a);
/* Ends the call: takes `body`. */
void respond_json(struct call *c, int status, json_t *body);
void call_fail(struct call *c, const struct error *err);
/* With another media type: takes `body`. */
void respond(struct call *c, int status, const char *type, json_t *body);
/* As it is; for what is no JSON. Only with a socket. */
void respond_text(struct call *c, const char *type, const char *text, size_t n);
/* A problem that has no error code of its own. */
void call_problem(struct call *c, int status, const char *code, const char *detail);
/* engine_done_fn with a call as its context: the answer, with 200. */
void call_told(void *ctx, json_t *answer, const struct error *err);
/* For a document that the store is given: call_stored with what call_stores gave is its callback, and answers the call
 * with `answer` (taken) once it is durable. */
struct stored *call_stores(struct call *c, int status, json_t *answer);
/* Likewise; then `then(c, doc)` is called, which goes on with the call. */
struct stored *call_stores_then(struct call *c, void (*then)(struct call *c, json_t *doc));
void call_stored(void *stored, json_t *doc, const struct error *err);
/* Frees it without an answer. */
void call_drop(struct call *c);
/* The exchange is to be a stream: the call is over, and its client is the caller's. */
struct exchange *call_release(struct call *c);

/* Decoded value of the query, or NULL. */
const char *call_query(struct call *c, const char *name);
/* A whole number within bounds; `fallback` when absent. */
MUST_USE bool call_query_int(struct call *c, const char *name, int64_t fallback, int64_t least, int64_t most,
                             int64_t *out, struct error *err);

/* --- caller.c ----------------------------------------------------------------------------------------------
 */

/* Answers the call and returns false when its caller may not ask that. */
MUST_USE bool caller_may_call(struct call *c);
/* The change of {id}, if there is one. */
const struct change *call_change(struct call *c, const char *id, struct error *err);
/* Likewise, if the caller may see it. */
const struct change *caller_change(struct call *c, const char *id, struct error *err);

/* --- router.c ----------------------------------------------------------------------------------------------
 */

/* Is this a path that the API answers, whatever it answers? */
bool router_owns(const char *path);
/* And one that it answers whoever asks? */
bool router_is_open(const char *path);
/* Finds the route, checks right and body, calls the handler. `raw_path` with its escapes, without query. */
void router_dispatch(struct call *c, const char *method, const char *raw_path);
/* Calls the handler, with the caller's rights. */
void router_handle(struct call *c);

/* --- idempotency.c -----------------------------------------------------------------------------------------
 */

/* True: the call's key has to be looked at first; it goes on, or is answered, later. */
bool idempotency_begin(struct call *c);
/* True: the answer is kept first, and given by call_stored. Takes `body` then. */
bool idempotency_keep(struct call *c, int status, json_t *body);

/* --- body.c ------------------------------------------------------------------------------------------------
 */

/* Reads the body of an exchange into the call. Ends the call and returns false when it cannot. */
MUST_USE bool body_read(struct call *c);
/* Is every field of the body one that the route knows, of its kind? */
MUST_USE bool body_check(const json_t *body, const struct api_field *fields, struct error *err);

/* --- problem.c ---------------------------------------------------------------------------------------------
 */

json_t *problem_of(int status, const char *code, const char *title, const char *detail);

/* --- metrics.c ---------------------------------------------------------------------------------------------
 */

struct metrics *metrics_new(struct api *a);
void metrics_free(struct metrics *m);
void metrics_event(struct metrics *m, const char *change, const json_t *event);
void metrics_answer(struct metrics *m, int status);
void metrics_show(struct call *c);

/* --- handlers ----------------------------------------------------------------------------------------------
 */

void self_version(struct call *c);
void self_whoami(struct call *c);
void self_health(struct call *c);
void self_ready(struct call *c);
void self_routes(struct call *c);
void self_document(struct call *c);

void tokens_list(struct call *c);
void tokens_create(struct call *c);
void tokens_revoke(struct call *c);

void changes_list(struct call *c);
void changes_plan(struct call *c);
void changes_preview(struct call *c);
void changes_show(struct call *c);
void changes_start(struct call *c);
void changes_answer(struct call *c);
void changes_resolve(struct call *c);
void changes_act(struct call *c); /* the act is the path's last word */
void changes_report(struct call *c);

void events_of_change(struct call *c);
void events_of_all(struct call *c);
void events_open(struct api *a);
void events_close(struct api *a);

void catalogue_show(struct call *c);
void pages_list(struct call *c);
void pages_show(struct call *c);

void feed_calendar(struct call *c);

void figures_all(struct call *c);
void figures_choices(struct call *c);
void alerts_list(struct call *c);
void alerts_ack(struct call *c);

void look_doctor(struct call *c);
void look_verb(struct call *c);
void verify_record(struct call *c);
void audit_key(struct call *c);
void audit_seal(struct call *c);
void verify_cancel(struct call *c);

#endif
