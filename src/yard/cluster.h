/* cluster.h: what runs in the stand-in cluster, as a pure function of its world and a time.
 *
 * The world names what ran when the yard was new, the rollouts since, and what is ill; pods, replica sets and
 * releases follow. A rollout is a rolling update with one pod more than wanted and none less. kubernetes.c
 * shows it as objects, prometheus.c measures it. */
#ifndef SB_YARD_CLUSTER_H
#define SB_YARD_CLUSTER_H

#include "base/arena.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define NEVER INT64_MAX

struct cluster {
    const json_t *world;
    double speed;
};

struct pod {
    const char *name, *tag, *hash;
    int64_t created, started, ready; /* ready: NEVER for one that does not get there */
    int64_t crashes;                 /* first crash, or NEVER */
    int64_t deleted, gone;           /* or NEVER */
    bool image_missing;
};

struct replica_set {
    const char *tag, *hash;
    int revision;
    int64_t created, touched;
};

struct release {
    int revision;
    const char *tag;
    int64_t at;
};

struct app {
    const char *target, *service, *tag; /* tag: what was asked for last */
    int replicas;
    struct pod *pods; /* all that have existed since the yard was new */
    int n_pods;
    struct replica_set *sets;
    int n_sets, current;      /* index of the set that is wanted */
    struct release *releases; /* as Helm counts them, oldest first */
    int n_releases;
    int64_t began; /* when the last rollout did */
};

/* The world when new. New reference. */
json_t *cluster_world(const json_t *scenario, int64_t now);
/* Notes since when the illnesses that were just told of hold. */
void cluster_settle(json_t *world, int64_t now);
/* Begins a rollout at `at`, unless one of this key did. False when target or service are unknown. */
bool cluster_roll_out(json_t *world, const char *key, const char *client, const char *env,
                      const char *service, const char *tag, int64_t at);

/* The app as known at `t`. False when there is none. */
bool cluster_app(const struct cluster *cl, const char *target, const char *service, int64_t t,
                 struct arena *a, struct app *out);

enum pod_phase {
    POD_ABSENT,
    POD_CREATING,
    POD_NO_IMAGE,
    POD_IMAGE_BACK_OFF,
    POD_STARTING,
    POD_READY,
    POD_CRASHING,
    POD_BACK_OFF
};

struct pod_state {
    enum pod_phase phase;
    int restarts;
    int64_t crashed; /* the last crash; 0 = none */
    int64_t since;   /* when it came to be so */
    bool deleting;
};
struct pod_state pod_at(const struct cluster *cl, const struct pod *p, int64_t t);

struct app_counts {
    int replicas, updated, ready, ready_updated; /* without pods that are being deleted */
    int64_t touched;
};
/* Of one replica set (its index), or of all with -1. */
struct app_counts app_count(const struct cluster *cl, const struct app *app, int set, int64_t t);

#endif
