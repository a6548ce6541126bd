/* event.h: what happened to a change: appended, never edited. The state is a fold of these (change/change.h).
 *
 * As JSON: {"n": 17, "at": 1707418800000, "type": "step.intended", "step": "maintenance", "run": 1, "by":
 * "...", "data": {...}}. */
#ifndef SB_CHANGE_EVENT_H
#define SB_CHANGE_EVENT_H

#include "base/error.h"
#include "base/json.h"
#include "sop/procedure.h"
#include <stdint.h>

enum event_type {
    /* of the change */
    EV_PLANNED,   /* data: sop{name,hash,source}, facts */
    EV_STARTED,   /* by */
    EV_AMENDED,   /* data: patch of the facts (TAM named ...); by, reason */
    EV_MOVED,     /* data: facts {window}, reason; by: the window is another */
    EV_NOTED,     /* data: text; by */
    EV_OVERRULED, /* a question about the plan was overruled; data: about, says, reason; by */
    EV_RESTARTED, /* the process began again: what was intended and not recorded is in doubt */
    EV_TROUBLE,   /* somebody says that something is wrong; data: reason; by */
    EV_CANCELLED, /* data: reason; by */
    EV_ENDED,     /* data: outcome */
    /* of a step */
    EV_READY,     /* data: at, due: moments, settled against the window as it is now */
    EV_SKIPPED,   /* data: reason; by, when a person skipped it */
    EV_ASKED,     /* data: question, as it was put; decision: true when it is one */
    EV_ANSWERED,  /* data: choice, reason, and what a decision needs (services, minutes, permitted_by); by */
    EV_INTENDED,  /* data: key, does (the verb), args */
    EV_OBSERVING, /* data: does, args */
    EV_PROGRESS,  /* data: view */
    EV_DONE,      /* data: result */
    EV_RETRY,     /* a try failed and did certainly nothing; data: error, not_before */
    EV_FAILED,    /* data: error, result */
    EV_DOUBT,     /* nobody knows whether it took place; data: error */
    EV_FOUND,     /* the system knows its key; data: result */
    EV_NOT_FOUND, /* it certainly did not take place; to be performed when it may be; data: result (parts that
                     did) */
    EV_UNSURE,    /* the system cannot tell: a person must; data: error */
    EV_RESOLVED,  /* a person told; data: took_place, result, reason; by */
    EV_GATE,      /* the pipeline pauses (of its watch step); data: id, message, stage */
    EV_GATE_GONE, /* the pause was settled elsewhere; data: reason */
    EV_AGAIN,     /* a person has a failed step of an ending change tried again; by */
    EV_TYPES,
};

/* "change.planned", "step.intended", ... */
extern const char *const event_names[EV_TYPES];

struct event {
    int64_t seq; /* 1, 2, ... within the change */
    int64_t at;  /* UTC ms by the change's clock; never before the event before it */
    enum event_type type;
    int step;       /* index in the procedure, -1 for the change's own */
    int run;        /* of the step */
    int choice;     /* EV_ANSWERED: index among the step's choices; else 0 */
    const char *by; /* person or program; "" = Signalbox itself */
    json_t *data;   /* object or NULL; the event's reference */
};

void event_clear(struct event *e);
#define _cleanup_event_ CLEANUP(event_clear)

/* New reference. */
json_t *event_to_json(const struct event *e, const struct procedure *p);
/* Reads what event_to_json wrote; SB_CORRUPT with the reason otherwise. `by` is borrowed from `j`, which must
 * outlive `out`. */
MUST_USE bool event_from_json(const json_t *j, const struct procedure *p, struct event *out,
                              struct error *err);
/* "maintenance: scheduled on the status page (3.2s)": one line for people. In `a`. */
char *event_text(const struct event *e, const struct procedure *p, struct arena *a);

#endif
