/* health.h: the role "health": is the system healthy, before and after.
 *
 * health.snapshot (looks)
 *   arguments  services; client, env (optional): for labels and addresses
 *   result     {"healthy": true, "measures": [MEASURE, ...]}
 *              MEASURE: {"name", "value": 0.02 or null (unknown), "ok": true, "says": "0.02 errors/s, at most
 * 0.1", "unit": "errors/s", "known": true, "max": 0.1, "min": ..., "worse_by": 1.5}    max, min, worse_by
 * only where configured DONE also when it is not healthy: the measuring succeeded. An unknown measure is not
 * ok.
 *
 * health.watch (looks): again and again, for `soak`
 *   arguments  services; before (optional): result of the snapshot; soak (optional, default 5 min); client,
 * env result and progress view
 *              {"healthy", "measures", "worse": [{"name", "says"}], "good_for_ms", "soak_ms", "looks"}
 *   outcome    DONE when every look was good for `soak` in a row; FAILED when the same measure is outside its
 * limits, unknown, or worse than before in two looks in a row. A single bad look starts the soak again.
 *
 * health.mark (effect): marks the deployment on the dashboards
 *   arguments  text; tags (optional)
 *   result     {"id"}. A system without marks answers DONE with an empty id and a "says".
 *   find       by the effect's key, carried as a tag, where the system has marks.
 *
 * health.picture (looks): pictures of dashboards, where the system can (system_can)
 *   arguments  from, to (UTC ms) optional
 *   result     {"url", "pictures": [{"panel", "file"}], "says"}: files stand in pictures/ of the state's folder. A
 *              picture that did not come has "says" instead of a file.
 *
 * health.silence (effect): keeps alarms quiet for the window, where the system can (system_can)
 *   arguments  services, to (UTC ms); client, env, from, text optional
 *   result     {"id", "until"}. A silence of the change that is there already gets the new end instead.
 *   find       by the change and its end, or by the key, in the silence's comment
 * health.unsilence (effect): lifts it
 *   arguments  services; client, env optional: as they were given to health.silence
 *   result     {"lifted": [ids]}
 *   repeatable what is lifted stays lifted */
#ifndef SB_SYSTEMS_HEALTH_H
#define SB_SYSTEMS_HEALTH_H

#include "base/error.h"
#include <jansson.h>
#include <math.h>
#include <stdint.h>

/* Limits of a measure. NAN = none. */
struct health_limits {
    double max, min;
    double worse_by;  /* allowed factor against the snapshot before: 1.5 = half as much again. Worse is up,
                         unless only `min` is set */
    const char *unit; /* or NULL */
};
#define HEALTH_NO_LIMITS ((struct health_limits){.max = NAN, .min = NAN, .worse_by = NAN})

/* A measure with its verdict and sentence. `known` false: nothing was measured, `why` says why. New
 * reference. */
json_t *health_measure(const char *name, bool known, double value, const struct health_limits *limits,
                       const char *why);
/* {"healthy", "measures"}; takes the array. */
json_t *health_snapshot_of(json_t *measures);

/* What is wrong with `now`, against `before` (NULL: only the limits): [{"name", "says"}], empty when all is
 * well. Pure. New reference. */
json_t *health_worse(const json_t *before, const json_t *now);

/* Following a soak. Zeroed but for `soak_ms` at the start. Free with health_soak_free. */
struct health_soak {
    int64_t soak_ms;
    int64_t good_since; /* moment of the first look of the present good row */
    int looks;
    json_t *last_worse; /* of the look before */
    int told_tenth;     /* of the soak, in the last view */
};
enum health_verdict { HEALTH_SOAKING, HEALTH_GOOD, HEALTH_WORSE };
/* One more look, at `at_ms` of any clock that only goes forward (in the same scale as soak_ms). `view` gets
 * the watch's view (new reference) when there is something to tell: the verdict, a change of what is worse,
 * another tenth of the soak; else NULL. */
enum health_verdict health_soak_look(struct health_soak *s, const json_t *before, const json_t *now,
                                     int64_t at_ms, json_t **view);
void health_soak_free(struct health_soak *s);
/* "the error rate of cart is 0.4 errors/s, at most 0.1" and so on: one sentence of a `worse` list, for an
 * outcome's error. */
void health_worse_text(const json_t *worse, char *out, int n);

/* `soak` of a step: milliseconds or text; `fallback` when absent or not a duration. */
int64_t health_soak_arg(const json_t *args, int64_t fallback);

#endif
