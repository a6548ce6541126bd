/* session.h: a command's way to the engine: through the socket of the process that holds the store, through
 * --server, or, when nobody holds it, an engine in this very process. The calls are the HTTP API's in all
 * three cases. */
#ifndef SB_CLI_SESSION_H
#define SB_CLI_SESSION_H

#include "api/api.h"
#include "cli/command.h"

struct session;

struct session_options {
    bool carry; /* when we hold the store: carry out the open changes (start, watch, drill); otherwise only
                   record what is said */
    bool yes;   /* gates are answered by themselves */
    const char *yes_as;
    const json_t *yes_except; /* list of steps */
    const struct engine_clock *clock;
    double speed;
    const char *config; /* instead of --config */
    const char *state;  /* instead of --state */
};

/* NULL on error. */
struct session *session_open(const struct args *a, const struct session_options *o, struct error *err);
void session_close(struct session *s);

/* Is the engine in this process? */
bool session_local(const struct session *s);
struct loop *session_loop(struct session *s);
struct engine *session_engine(struct session *s); /* NULL when remote */
struct api *session_api(struct session *s);       /* likewise: one for all places that are listened on */
const char *session_state_dir(const struct session *s);
/* Who we are to the engine: the login name, or what --server says. */
const char *session_by(const struct session *s);
/* Speaks for another configured person from now on. Only where the engine is in this process: in a drill one
 * person plays several. */
void session_speak_as(struct session *s, const char *by);

/* One API call; waits for its end, letting everything else on the loop go on. New reference, or NULL with the
 * problem as an error. `body` is borrowed. */
json_t *session_call(struct session *s, const char *method, const char *path, const json_t *body,
                     struct error *err);

/* Waits until something of the change happened (true), `timeout_ms` passed (false), or a signal or key came
 * (see session_wake). */
bool session_wait(struct session *s, const char *change, int timeout_ms);
/* Ends a session_wait, from callbacks on the loop. */
void session_wake(struct session *s);
/* Lets everything on the loop go on for so long, whatever happens. */
void session_pause(struct session *s, int ms);
/* SIGINT or SIGTERM came (their number), 0 otherwise. */
int session_signal(const struct session *s);

/* ~/.local/state/signalbox or what --state, $SIGNALBOX_STATE say. In `a->arena`. */
const char *state_dir_of(const struct args *a, const struct session_options *o);
/* The configuration's file, or NULL when there is none. In `a->arena`. */
const char *config_file_of(const struct args *a, const struct session_options *o);

#endif
