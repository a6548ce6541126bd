/* opsgenie_driver.h: what the files of the Opsgenie and JSM Operations drivers share. Nobody else includes
 * it.
 *
 * JSM Operations is Opsgenie moved into Jira: the same alerts, the same asynchronous requests, other paths
 * and wrappings. opsgenie_alert.c: alerts, for both, by a dialect. opsgenie.c and jsm.c: each one's dialect,
 * schedules, configuration, doctor. */
#ifndef SB_SYSTEMS_OPSGENIE_DRIVER_H
#define SB_SYSTEMS_OPSGENIE_DRIVER_H

#include "base/json.h"
#include "systems/checks.h"
#include "systems/flow.h"
#include "systems/pager.h"

struct opsgenie_flow;
typedef void opsgenie_next(struct opsgenie_flow *t);

struct opsgenie_dialect {
    const char *says;  /* "Opsgenie" */
    const char *one;   /* under which one thing stands in an answer ("data"), or NULL: it is the answer */
    const char *many;  /* under which a list stands */
    const char *limit; /* the parameter for a list's length */
    /* Paths below the prefix, in the flow's arena. `action` is "" or "/close". */
    char *(*by_alias)(struct flow *f, const char *encoded);
    char *(*by_id)(struct flow *f, const char *encoded, const char *action);
    bool closes_with_note; /* the closing request takes the note; otherwise it is a request of its own */
    /* Fills `responder` from the argument "to", and goes on; or ends the flow. */
    void (*find_responder)(struct opsgenie_flow *t, opsgenie_next *then);
};

struct opsgenie {
    struct system system; /* first */
    struct arena arena;
    struct http_peer *peer;
    const struct opsgenie_dialect *dialect;
    const char *prefix;     /* "/v2" */
    struct http_peer *site; /* JSM: Jira's own, which knows people's names; or NULL */
};

struct opsgenie_flow {
    struct flow f; /* first */
    struct opsgenie *o;
    opsgenie_next *then;
    json_t *responder;   /* {"type", "name" or "id"} */
    const char *request; /* that is being processed */
    int looks, pass;
    /* on call */
    const char *schedule; /* its name */
    json_t *people;       /* found so far */
    /* JSM: what is listed at present, the page of it, and who is still to be named */
    json_t *list, *ids;
    int page;
    size_t next;
    bool is_alert;
};

void *opsgenie_flow_new(size_t size, struct system *s, const struct effect *e, outcome_fn *done,
                        progress_fn *progress, void *ctx);
/* Below the prefix, in the flow's arena. */
char *opsgenie_path(struct flow *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
char *opsgenie_encoded(struct flow *f, const char *text);
/* The one thing or the list of an answer, borrowed, or NULL. */
const json_t *opsgenie_one(const struct opsgenie *o, const json_t *answer);
const json_t *opsgenie_many(const struct opsgenie *o, const json_t *answer);
void opsgenie_add_person(struct opsgenie_flow *t, const char *name, const char *mail);
/* Ends with {"people", "schedule"}. */
void opsgenie_tell_people(struct opsgenie_flow *t);

act_fn opsgenie_act_alert, opsgenie_find_alert, opsgenie_look_acknowledged, opsgenie_act_close;
void opsgenie_close_system(struct system *s);

#endif
