/* times.h: what took how long in a change, read from its record alone.
 *
 * One pass over the events, in bounded memory, without the page: the record says of each step what it does, and of the
 * event that led into trouble that it did. Pure. */
#ifndef SB_ENGINE_TIMES_H
#define SB_ENGINE_TIMES_H

#include "base/error.h"
#include "sop/procedure.h"
#include <jansson.h>
#include <stdint.h>

enum { TIMES_TROUBLES = 8, TIMES_DECISIONS = 16, TIMES_WAITS = 200, TIMES_NAME = 64 };

/* A step that was waited for: on a person who answered, or on the system of its role. */
struct times_wait {
    char step[TIMES_NAME], whom[TIMES_NAME];
    bool person;
    int64_t ms;
};

struct times_trouble {
    char step[TIMES_NAME]; /* that failed; "" = somebody said so */
    int64_t looked;        /* when the step that failed had begun: it was noticed within that time */
    int64_t began, told;   /* told: people knew; 0 = not yet */
    int64_t decided;       /* how it goes on: not an extension; 0 = not yet */
    char choice[16], by[TIMES_NAME];
    int64_t repaired; /* verified after that; 0 = not, or not yet */
};

struct times_decision {
    char choice[16];
    int64_t at, until; /* until: verified, the next trouble, or the end */
    bool good;         /* it led to a verified deployment */
};

struct times {
    char client[TIMES_NAME], env[TIMES_NAME], outcome[16];
    char services[8][TIMES_NAME];
    int n_services, severity;
    int64_t incident, planned, started, ended; /* 0 = not known, not yet */
    int64_t restored; /* what was deployed last is verified, and the change did not stop */
    int deployments;
    struct times_trouble troubles[TIMES_TROUBLES];
    int n_troubles; /* those kept; `rounds` counts all */
    int rounds;
    struct times_decision decisions[TIMES_DECISIONS];
    int n_decisions;
};

/* A record being read. Large: on the heap. */
struct times_reading {
    struct times t;
    struct times_wait waits[TIMES_WAITS];
    int n_waits;
    struct {
        char id[TIMES_NAME], does[32];
        int64_t since; /* 0 = not under way */
        bool decision;
    } steps[STEPS_MAX];
    int n_steps;
    bool in_trouble;
    int64_t verified; /* the last good look at what was deployed */
};

/* Takes the next event of the record. */
void times_take(struct times_reading *r, const json_t *event);
/* All events have been taken. */
void times_end(struct times_reading *r);
/* {restore_ms, lead_ms, troubles: [{step, began, notice_ms, tell_ms, decide_ms, choice, by, repair_ms}], deployments}: absent =
 * not known. New reference. */
json_t *times_json(const struct times *t);

#endif
