/* kube_rules.h: what pods and workloads say about a service. Pure: objects as kept by the paths below go in,
 * judgements come out.
 *
 * The rules of a complete rollout are those of `kubectl rollout status`; see also systems/cluster.h. */
#ifndef SB_SYSTEMS_KUBE_RULES_H
#define SB_SYSTEMS_KUBE_RULES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* What to keep of each, for systems/sift.h. */
extern const char *const kube_pod_keep[];
extern const char *const kube_workload_keep[];

/* How a service is known in the cluster: the name of a workload, or the last segment of an image's
 * repository. */
struct kube_service {
    const char *name;      /* of the service */
    const char *tag;       /* that is wanted; NULL = any */
    const char *as;        /* the cluster's name of it; usually the same */
    const char *container; /* the container that is the service; NULL = the one whose image or name is `as`,
                              else the first */
};

enum kube_kind { KUBE_DEPLOYMENT, KUBE_STATEFULSET, KUBE_DAEMONSET };

/* --- pods ------------------------------------------------------------------------------------- */

/* The workload a pod belongs to: its controller's name, without the hash that a ReplicaSet adds. Into `out`;
 * "" for a pod without. */
void kube_pod_workload(const json_t *pod, char *out, size_t n);
bool kube_pod_of(const json_t *pod, const struct kube_service *s);
/* Succeeded, failed or evicted: it no longer runs, and counts for nothing. */
bool kube_pod_over(const json_t *pod);
bool kube_pod_leaving(const json_t *pod);
bool kube_pod_ready(const json_t *pod);
/* The image of the service in it (borrowed); "" when there is none. */
const char *kube_pod_image(const json_t *pod, const struct kube_service *s);
int64_t kube_pod_restarts(const json_t *pod);

/* What is wrong with a pod; reason "" = nothing. */
struct kube_problem {
    const char *reason;    /* "CrashLoopBackOff", "ImagePullBackOff", "Unschedulable", ...; borrowed */
    const char *message;   /* borrowed */
    const char *container; /* or NULL */
    bool fatal;            /* does not pass by itself */
    bool crashed;          /* the log of the container's last life tells more */
};
struct kube_problem kube_pod_problem(const json_t *pod);
/* The last end of one of its containers, for a pod that runs between two crashes. */
struct kube_problem kube_pod_last_crash(const json_t *pod);
/* "Running", "CrashLoopBackOff", "ContainerCreating", "Terminating": as kubectl's STATUS column would.
 * Borrowed. */
const char *kube_pod_state(const json_t *pod);

/* --- workloads -------------------------------------------------------------------------------- */

bool kube_workload_of(const json_t *workload, const struct kube_service *s);
const char *kube_workload_image(const json_t *workload,
                                const struct kube_service *s);             /* of its template; "" = none */
int64_t kube_workload_wanted(const json_t *workload, enum kube_kind kind); /* pods */

enum kube_rollout { KUBE_ROLLOUT_WAITS, KUBE_ROLLOUT_DONE, KUBE_ROLLOUT_FAILED };
/* `says` gets a sentence: what is waited for, or what failed. */
enum kube_rollout kube_rollout(const json_t *workload, enum kube_kind kind, char *says, size_t n);

/* --- all that runs ---------------------------------------------------------------------------- */

/* What counting needs of a pod, for systems/sift.h. */
extern const char *const kube_count_keep[];

/* Adds a pod (`by` = 1) to the counts, or takes it away again (-1): `images` {image: count} of every container,
 * `versions` {service: {tag: count}} of the container that is the pod's service. Its name is that of an override
 * (`named`, ends with a NULL name; may be NULL), else the last segment of the image. What counts nothing is not
 * there. */
void kube_count_pod(const json_t *pod, const struct kube_service *named, int by, json_t *images,
                    json_t *versions);

#endif
