/* inside.h: what yard.c, control.c, faults.c share. Stand-ins do not include it. */
#ifndef SB_YARD_INSIDE_H
#define SB_YARD_INSIDE_H

#include "yard/yard.h"
#include <stdio.h>

enum { YARD_PLACES_MAX = 32 };

/* One stand-in at its port. */
struct place {
    struct yard *yard;
    const struct stand_in *kind;
    struct server *server;
    json_t *world;
    char *secret;
    char url[64];
};

struct watcher {
    struct watcher *next;
    int id;
    void (*fn)(void *ctx);
    void *ctx;
};

/* What a fault does to the answer of the request being served. */
enum spoil { SPOIL_NOT, SPOIL_LOSE, SPOIL_GARBAGE, SPOIL_GIANT, SPOIL_TRUNCATE, SPOIL_MUTE };

struct held; /* faults.c: an exchange that is answered later, or never */

struct yard {
    struct loop *loop;
    char *state_file;
    json_t *scenario;
    char *cert_pem, *key_pem; /* for the stand-ins that want TLS */
    double speed;
    bool anew; /* the worlds begin anew */
    int64_t leapt;
    json_t *book;   /* array of deeds */
    json_t *faults; /* array, as posted to the control server */
    struct place places[YARD_PLACES_MAX];
    int n_places;
    struct server *control;
    char control_url[64];
    struct watcher *watchers;
    int next_watch;
    struct held *held;
    FILE *record;             /* all that is asked and answered, a line each; NULL = nobody wants to know */
    const struct place *busy; /* whose request is being served */
    struct exchange *spoiled; /* the exchange that `spoil` is about */
    enum spoil spoil;
    struct timer *stopping;
};

struct place *yard_place(const struct yard *y, const char *system);
/* Tells the watchers. */
void yard_changed(struct yard *y);

/* control.c: the control server's handler; ctx is the yard. */
void control_serve(void *ctx, struct exchange *x);

/* faults.c: serves a request at a place, with whatever fault is armed for it; ctx is the place. */
void place_serve(void *ctx, struct exchange *x);
/* Refuses what no fault can mean, with a sentence. */
MUST_USE bool fault_check(const json_t *fault, struct error *err);
void held_free_all(struct yard *y);

/* scenario.c: the built-in scenario with `over` merged over it; arms the `faults` of its systems. New
 * reference. */
json_t *scenario_make(const json_t *over);
/* The faults that the scenario arms from the beginning. New reference, an array. */
json_t *scenario_faults(const json_t *scenario);

#endif
