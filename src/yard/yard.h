/* yard.h: the practice environment: stand-ins for the outside systems, over real HTTP on loopback.
 *
 * Each stand-in (yard/NAME.c, one const `struct stand_in` at its end) has a port of its own, its real
 * system's paths, sign-in, status codes, errors and limits, and a world of its own that it keeps as one JSON
 * document. What happens by itself in that world (a build's stages, a rollout) is a function of when it began
 * and of the yard's clock, never of a timer, so that a yard that was stopped and started again is just where
 * it would have been. Knows only net/ and base/: it must not share a driver's mistakes.
 *
 * Every write it serves is a deed: appended to the yard's book with system, what, the key found in it, and
 * the time. The tests' "exactly once" is counted there. The book and all worlds are in one file, written
 * before the answer is sent (so even a killed yard has counted). */
#ifndef SB_YARD_YARD_H
#define SB_YARD_YARD_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "net/loop.h"
#include "net/server.h"
#include <jansson.h>

struct yard;

struct yard_options {
    struct loop *loop;
    const char *state_file; /* read when it exists, written after every deed; NULL = memory only */
    const json_t *scenario; /* see docs/drills.md; NULL = all goes well. Merged over the built-in one
                               (yard/scenario.c) */
    bool anew;    /* forget worlds and book of the state file; addresses, credentials and clock stay.
                   * So it is, too, when the scenario is not the one of the state */
    double speed; /* builds, rollouts and pages pass this much faster; default 1 */
    int port;     /* of the control server; 0 = any. Stand-ins get any port each, unless `ports` names them */
    const json_t *ports; /* object name -> port, or NULL */
};

struct yard *yard_open(const struct yard_options *o, struct error *err);
void yard_close(struct yard *y);

/* {"control": "http://127.0.0.1:P", "jenkins": "http://127.0.0.1:P1", "slack": ..., "leapt": ms,
 *  "secrets": {"jenkins": "...", ...}}. New reference. */
json_t *yard_urls(const struct yard *y);
/* A complete configuration for Signalbox against this yard, as YAML text: all systems, clients, services,
 * people. The secrets in it are `file:` references to files written into `secrets_dir` (created, mode 0700).
 * Heap, caller frees. */
char *yard_configuration(struct yard *y, const char *secrets_dir, struct error *err);

/* The yard's clock: real time plus what was leapt over. */
int64_t yard_now(const struct yard *y);
void yard_leap(struct yard *y, int64_t ms); /* forward only */

/* The control server (JSON), for tests and for drills in another process:
 *
 *   GET  /urls          as yard_urls
 *   GET  /book          {"deeds": [{"n", "system", "what", "key", "at"}]}; ?key=K to count one
 *   GET  /world/NAME    a stand-in's world
 *   PATCH /world/NAME   JSON merge patch of it (a pod crash-loops, somebody clicks Proceed ...)
 *   GET  /clock         {"now": ms, "leapt": ms}
 *   POST /clock         {"leap": ms}
 *   GET  /faults        those still armed
 *   POST /faults        arms one, for the requests that fit it:
 *                       {"system": "slack", "method": "POST", "path": "/api/chat." (its beginning),
 *                        "contains": text in the body, "after": 0 (so many are let through first),
 *                        "times": 1 (0 = until deleted), "fault": one of
 *                          "lose_answer"  acts, then cuts the connection
 *                          "reset"        cuts it before acting
 *                          "status"       answers "code", "headers", "body" without acting
 *                          "delay"        acts after "ms", even when the client has left
 *                          "hang"         never answers, does not act
 *                          "garbage"      acts, answers 200 with broken JSON
 *                          "giant"        acts, answers 24 MiB
 *                          "truncate"     acts, cuts the answer in the middle
 *                          "redirect"     sends "to" elsewhere without acting}
 *   DELETE /faults
 *   POST /stop */

/* What a stand-in is made of; for the files in yard/ only. */
struct stand_in {
    const char *name;     /* "jenkins" */
    const char *imitates; /* "Jenkins 2.4xx with Pipeline: Stage View" */
    /* The role it fills in the configuration, or NULL: it only stands beside another ("pipeline"). Of several
     * with one role the first in `stand_ins` is configured, unless the scenario's "systems" names another. */
    const char *role;
    /* The world when new, from the scenario. New reference. */
    json_t *(*world)(const json_t *scenario, int64_t now);
    /* Serves one request. Reads and changes `world`; answers exactly once, now or later (streams), through
     * yard_answer and its like. */
    void (*serve)(struct yard *y, json_t *world, struct exchange *x);
    /* Its part of the configuration (yaml text of the role's keys, four spaces in), appended to `out`. NULL
     * without a role. */
    void (*configure)(const struct yard *y, const char *url, const char *secrets_dir, struct buf *out);
    /* Writes down what has happened by itself up to `now` (a stage has ended, a rollout began): called before
     * every request, patch and look. Only what later requests must not change needs this; the rest is
     * computed when asked for. May be NULL. */
    void (*settle)(struct yard *y, json_t *world, int64_t now);
    /* What its file among the secrets holds, when that is not the credential itself. Heap. May be NULL. */
    char *(*credential)(struct yard *y, json_t *world, const char *url);
    /* Further files among the secrets, for its configuration to refer to: name -> text, put into `files`. May
     * be NULL. */
    void (*secrets)(struct yard *y, const json_t *world, json_t *files);
    bool tls; /* served with the yard's own certificate, where real clients give credentials to nobody without
                 one */
};

/* Every stand-in, NULL-terminated: yard/yard.c. */
extern const struct stand_in *const stand_ins[];

/* For stand-ins: notes a deed; `key` may be "". Saves book and worlds, so it comes after the change and
 * before the answer. */
void yard_deed(struct yard *y, const char *system, const char *what, const char *key);
/* The world was changed without a deed (a settled gate seen, a cursor): saves as well. */
void yard_save(struct yard *y);
double yard_speed(const struct yard *y);
/* `seconds` of a scenario as milliseconds at the yard's speed. */
int64_t yard_pace(const struct yard *y, double seconds);
/* The credential the stand-in accepts; made at random once, kept in the state. */
const char *yard_secret(const struct yard *y, const char *system);
/* Base URL of a stand-in. */
const char *yard_url(const struct yard *y, const char *system);
/* Another stand-in's world: what a deployment does to the cluster, and the cluster to the measures. Borrowed.
 */
json_t *yard_world(const struct yard *y, const char *system);
/* The scenario in force: the built-in one with the caller's merged over it. Borrowed. */
const json_t *yard_scenario(const struct yard *y);
struct loop *yard_loop(const struct yard *y);
/* Lets every world catch up with the clock (before every request it has; for streams). */
void yard_settle(struct yard *y);
/* Calls `fn` whenever a deed, a patch or a leap has changed a world: watches use it. Returns an id for
 * yard_unwatch. */
int yard_watch(struct yard *y, void (*fn)(void *ctx), void *ctx);
void yard_unwatch(struct yard *y, int id);

/* Stand-ins answer only through these: a fault may lose, cut or spoil what they say. */
void yard_answer(struct yard *y, struct exchange *x, int status, json_t *body); /* takes the reference */
void yard_answer_bytes(struct yard *y, struct exchange *x, int status, const char *type, const void *body,
                       size_t n);
void yard_answer_header(struct yard *y, struct exchange *x, const char *name, const char *value);
/* False when a fault has ended the exchange instead: then it is gone. */
MUST_USE bool yard_answer_stream(struct yard *y, struct exchange *x, int status, const char *type);

#endif
