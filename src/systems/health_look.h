/* health_look.h: what health drivers that ask questions share: one look is all questions at once; a snapshot
 * is one look, a watch is looks for as long as the soak takes. A driver says what to ask, and what an answer
 * means. */
#ifndef SB_SYSTEMS_HEALTH_LOOK_H
#define SB_SYSTEMS_HEALTH_LOOK_H

#include "systems/fill.h"
#include "systems/flow.h"
#include "systems/health.h"

enum { HEALTH_ASKS_MAX = 1000 };

struct health_look;

/* One question of a look. */
struct health_ask {
    struct health_look *look;
    const void *what;    /* the driver's: a probe, a query */
    const char *name;    /* of the measure */
    const char *service; /* or NULL */
    const char *text;    /* filled in: the driver's, for sending */
    struct http_call *call;
    json_t *measure;
};

struct health_look_ops {
    /* Adds the questions, by health_look_add. */
    void (*plan)(struct health_look *l);
    /* Sends it, with health_look_answered as the callback and the ask as its context. */
    struct http_call *(*send)(struct health_ask *q);
    /* The measure. NULL: the system could not be asked at all; `broken` says why. */
    json_t *(*judge)(struct health_ask *q, const struct http_reply *reply, struct outcome *broken);
    const char *nothing; /* said when there is nothing to ask */
};

struct health_look {
    struct flow flow; /* first */
    const struct health_look_ops *ops;
    struct health_ask *asks;
    int n, pending;
    bool watching;
    struct health_soak soak;
    struct outcome broken; /* kind other than DONE: what kept a question from being asked */
    void (*then)(struct health_look *l);
};

struct task *health_look_snapshot(struct system *s, const struct health_look_ops *ops, const struct effect *e,
                                  outcome_fn *done, progress_fn *progress, void *ctx);
struct task *health_look_watch(struct system *s, const struct health_look_ops *ops, const struct effect *e,
                               outcome_fn *done, progress_fn *progress, void *ctx);
/* A doctor's visit: plans and asks; `then` ends it by flow_checked. */
void health_look_visit(struct system *s, const struct health_look_ops *ops, check_fn *done, void *ctx,
                       void (*then)(struct health_look *l));

/* Adds a question for each service when `text` uses {service}, else one. {client}, {env}, {service},
 * {services} are filled in, escaped by `escape`; {services} is the names as alternatives of a regular
 * expression. In a visit, only texts without any of them are asked. */
void health_look_add(struct health_look *l, const void *what, const char *name, const char *text,
                     fill_escape *escape);
/* "cart|pay\\.api": the services' names as alternatives of a regular expression. */
char *health_alternatives(const json_t *services, struct arena *a);
void health_look_answered(void *ctx, const struct http_reply *reply);

#endif
