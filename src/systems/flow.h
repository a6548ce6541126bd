/* flow.h: a task of several requests, one after another. A driver's own task struct begins with a `struct
 * flow`; each step sends or waits and names the step that follows, so a verb reads from top to bottom. Ending
 * a flow in any way frees it.
 *
 * Steps run on the loop, never from inside flow_send or flow_wait. At most one request and one wait are under
 * way. */
#ifndef SB_SYSTEMS_FLOW_H
#define SB_SYSTEMS_FLOW_H

#include "systems/support.h"

struct flow {
    struct task task; /* first: a flow is a task */
    struct system *system;
    struct effect effect; /* our own copy: strings in `arena`, `args` and `parts` referenced */
    struct arena arena;   /* lives as long as the flow */
    outcome_fn *done;
    progress_fn *progress; /* may be NULL */
    void *ctx;
    struct http_peer *peer;
    struct http_request request; /* the last one, for the words of its failure */
    struct http_call *call;
    struct timer *timer;
    void (*on_reply)(struct flow *f, const struct http_reply *reply);
    void (*on_time)(struct flow *f);
    void (*on_free)(struct flow *f); /* drops what the driver's own struct holds besides; or NULL */
    check_fn *checked;               /* of a doctor's visit */
    json_t *told;                    /* the last view told */
    void *helper;                    /* of a helper that sends on the flow's behalf, between its steps */
    bool *ended;                     /* set when the flow is freed while its view is being told */
};

/* `size` is that of the driver's own struct, zeroed but for its flow. */
void *flow_new(size_t size, struct system *s, struct http_peer *peer, const struct effect *e,
               outcome_fn *done, progress_fn *progress, void *ctx);

/* Strings of the request must live in the flow's arena, the configuration or the program; the body is copied.
 */
void flow_send(struct flow *f, const struct http_request *r,
               void (*then)(struct flow *f, const struct http_reply *reply));
/* GET of a path; repeatable. */
void flow_get(struct flow *f, const char *what, const char *path,
              void (*then)(struct flow *f, const struct http_reply *reply));
/* With a JSON body; borrows it. */
void flow_json(struct flow *f, const char *method, const char *what, const char *path, const json_t *body,
               bool repeatable, void (*then)(struct flow *f, const struct http_reply *reply));
void flow_wait(struct flow *f, int64_t ms, void (*then)(struct flow *f));
/* A pause of the outside world: `ms` divided by the surroundings' speed, at least `at_least` (and 1 ms). */
int64_t flow_pause(const struct flow *f, int64_t ms, int64_t at_least);

/* Tells the present view (borrowed) unless it is the one told last. false: the callback ended this flow, so
 * nothing of it may be touched any more. */
MUST_USE bool flow_tell(struct flow *f, json_t *view);

/* The ends. */
void flow_done(struct flow *f, json_t *result);         /* takes the reference */
void flow_end(struct flow *f, const struct outcome *o); /* `o->result` stays the caller's */
void flow_ends(struct flow *f, enum outcome_kind kind, enum error_code code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void flow_failed_send(struct flow *f,
                      const struct http_reply *reply); /* by outcome_of_failed_send, of the last request */
void flow_failed_look(struct flow *f, const struct http_reply *reply);
void flow_failed_find(struct flow *f, const struct http_reply *reply);

/* A doctor's visit is a flow too: of no effect, and ended by flow_checked instead. */
void *flow_visit(size_t size, struct system *s, struct http_peer *peer, check_fn *checked, void *ctx);
void flow_checked(struct flow *f, const struct check *checks, int n);

#endif
