/* silences.h: keeping expected alarms quiet for a change's window, by an Alertmanager's silences: the one
 * beside Prometheus, or the one inside Grafana.
 *
 * A silence is recognised by its comment, which ends in "[signalbox:KEY]". The key begins with the change's
 * id, so that a change's silence is found by whatever step asks: it is made by the first, moved to another
 * end by a later one, and lifted by the last. An end always stands in it, so that alarms come back even when
 * nobody lifts it. */
#ifndef SB_SYSTEMS_SILENCES_H
#define SB_SYSTEMS_SILENCES_H

#include "systems/checks.h"

struct silence_label {
    const char *name, *value; /* value with {client}, {env}, {service}, {services} */
};

struct silences {
    struct http_peer *peer;     /* borrowed; NULL = none are configured */
    const char *const *headers; /* sent besides, or NULL */
    const char *prefix;         /* of the paths: "/api/v2" */
    const char *says;           /* "Alertmanager" */
    struct silence_label *labels;
    int n;
};

/* Reads "match:", a map of labels to texts. At least one must name the client or the services: a silence of
 * everything is refused. Text lives in `a`. */
MUST_USE bool silences_read(struct silences *s, const struct yaml *config, const char *file, struct arena *a,
                            struct error *err);

/* The verbs health.silence and health.unsilence. `s` lives as long as the system. */
struct task *silences_act(struct system *system, const struct silences *s, const struct effect *e,
                          outcome_fn *done, void *ctx);
struct task *silences_find(struct system *system, const struct silences *s, const struct effect *e,
                           outcome_fn *done, void *ctx);
struct task *silences_lift(struct system *system, const struct silences *s, const struct effect *e,
                           outcome_fn *done, void *ctx);

/* doctor: asks for them; `then` hands the answer to silences_told, which adds the line. */
void silences_ask(struct checks *c, const struct silences *s,
                  void (*then)(struct flow *f, const struct http_reply *reply));
void silences_told(struct checks *c, const struct http_reply *reply);

#endif
