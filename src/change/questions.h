/* questions.h: what a careful colleague asks about a plan before it becomes a change, and about a window before it
 * is moved. Pure: from what is known to questions, each with its reason and, where there is one, a better proposal.
 *
 * What is not known is not asked about: whoever gathers says what could not be found out. */
#ifndef SB_CHANGE_QUESTIONS_H
#define SB_CHANGE_QUESTIONS_H

#include "base/spread.h"
#include "sop/staffing.h"
#include <stdbool.h>

enum about {
    ABOUT_PAST,     /* the window is over */
    ABOUT_HOURS,    /* outside staffed hours, or late on the last work day; not asked for severity 1 */
    ABOUT_FREEZE,   /* it meets a freeze or a holiday */
    ABOUT_CONFLICT, /* it meets another change */
    ABOUT_CHECKS,   /* checks or builds will not have finished when it begins */
    ABOUT_LENGTH,   /* it is shorter than deployments usually take */
    ABOUT_TAG, /* a tag that does not exist, is older than what runs, or no hotfix of it; whose checks failed */
    ABOUT_ONCALL,   /* nobody is on call */
    ABOUT_TAM,      /* the client has no technical account manager */
    ABOUT_ROLLBACK, /* the risk is high and nobody has said how to go back */
    ABOUT_QUEUE,    /* another change is open for the same client and env */
    ABOUT_COUNT,
};
extern const char *const about_names[ABOUT_COUNT + 1]; /* "past", "hours", ..., NULL */

enum known { NOT_KNOWN, KNOWN_YES, KNOWN_NO };

/* A time that is taken. */
struct plan_busy {
    int64_t from, to;
    bool freeze;
    const char *title;
};

struct plan_service {
    const char *service, *tag;
    const char *before; /* what runs now; NULL = not known */
    enum known exists;
    const char *problem; /* what the system that keeps the tags holds against it; NULL = nothing */
    const char *checks;  /* "passed", "failed", "pending", "none"; "" = not known */
    int64_t
        ready; /* when checks that still run will have finished, by the system that runs them; 0 = not known */
    struct spread took; /* how long checks of this service took before */
};

/* An open change of the same client and env. */
struct plan_other {
    const char *id, *window;
};

struct plan_known {
    int64_t now, from, to;
    const char *zone;             /* the client's */
    const struct staffing *hours; /* NULL = not known */
    int severity;
    const char *client;
    const struct plan_busy *busy; /* of this client, as far as a better window may lie away (PLAN_REACH) */
    int n_busy;
    const struct plan_service *services;
    int n_services;
    int64_t checks_ms;        /* how long checks and builds take, as configured; 0 = not said */
    struct spread deployment; /* of this client and env */
    const char *oncall;       /* schedule of the production on-call; "" = none is configured */
    enum known on_call;       /* is anybody on call? */
    enum known tam;
    bool high_risk;
    enum known way_back; /* has somebody said how to go back? NOT_KNOWN: the page does not ask for it */
    const struct plan_other *others;
    int n_others;
};

/* How far away a better window is looked for. */
#define PLAN_REACH DAYS(14)

struct question {
    enum about about;
    const char *says;     /* what is questioned, and why */
    const char *proposal; /* what would be better; NULL = nothing is known */
    int64_t better_from,
        better_to; /* the nearest window that meets no question; 0 = none, or it is not about the window */
    struct spread took; /* what an estimate was made of; n 0 = none */
};

enum { QUESTIONS_MAX = 64 };

/* Fills `out` (room for QUESTIONS_MAX) with texts in `a`; returns how many. */
int plan_asks(const struct plan_known *k, struct arena *a, struct question *out);

#endif
