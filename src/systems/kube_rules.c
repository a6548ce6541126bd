/* kube_rules.c: see kube_rules.h. */
#include "systems/kube_rules.h"
#include "base/buf.h"
#include "base/json.h"
#include "systems/cluster.h"
#include <stdio.h>
#include <string.h>

const char *const kube_pod_keep[] = {
    "metadata.name",
    "metadata.deletionTimestamp",
    "metadata.labels.pod-template-hash",
    "metadata.ownerReferences.*.kind",
    "metadata.ownerReferences.*.name",
    "metadata.ownerReferences.*.controller",
    "spec.containers.*.name",
    "spec.containers.*.image",
    "status.phase",
    "status.reason",
    "status.conditions.*.type",
    "status.conditions.*.status",
    "status.conditions.*.reason",
    "status.conditions.*.message",
    "status.containerStatuses.*.name",
    "status.containerStatuses.*.ready",
    "status.containerStatuses.*.restartCount",
    "status.containerStatuses.*.state.waiting.reason",
    "status.containerStatuses.*.state.waiting.message",
    "status.containerStatuses.*.state.terminated.reason",
    "status.containerStatuses.*.lastState.terminated.reason",
    "status.containerStatuses.*.lastState.terminated.exitCode",
    "status.initContainerStatuses.*.name",
    "status.initContainerStatuses.*.restartCount",
    "status.initContainerStatuses.*.state.waiting.reason",
    "status.initContainerStatuses.*.state.waiting.message",
    NULL,
};

const char *const kube_count_keep[] = {
    "metadata.name",
    "metadata.labels.pod-template-hash",
    "metadata.ownerReferences.*.kind",
    "metadata.ownerReferences.*.name",
    "metadata.ownerReferences.*.controller",
    "spec.containers.*.name",
    "spec.containers.*.image",
    "status.phase",
    NULL,
};

const char *const kube_workload_keep[] = {
    "metadata.name",
    "metadata.generation",
    "spec.replicas",
    "spec.paused",
    "spec.updateStrategy.type",
    "spec.updateStrategy.rollingUpdate.partition",
    "spec.template.spec.containers.*.name",
    "spec.template.spec.containers.*.image",
    "status",
    NULL,
};

/* --- matching --------------------------------------------------------------------------------- */

/* "cart" and "registry/shop/cart-api:1.4" are akin; a sidecar's image is not. */
static bool akin(const char *image, const char *name)
{
    struct image_ref r;
    char its[256];
    if (!*name || !image_ref_parse(image, &r) || r.name_len >= (int)sizeof its)
        return false;
    (void)snprintf(its, sizeof its, "%.*s", r.name_len, r.name);
    return strstr(its, name) || strstr(name, its);
}

/* The container that is the service: the named one, else the one whose image is called so. In a workload of
 * the service's name it may be less plain: the container's own name, an image akin to it, and in the end the
 * first. */
static const json_t *service_container(const json_t *containers, const struct kube_service *s,
                                       bool by_workload)
{
    size_t i;
    json_t *c;
    if (s->container) {
        json_array_foreach((json_t *)containers, i, c)
            if (str_eq(json_str(c, "name", NULL), s->container))
                return c;
    }
    json_array_foreach((json_t *)containers, i, c)
        if (image_name_is(json_str(c, "image", NULL), s->as))
            return c;
    if (!by_workload)
        return NULL;
    json_array_foreach((json_t *)containers, i, c)
        if (str_eq(json_str(c, "name", NULL), s->as))
            return c;
    json_array_foreach((json_t *)containers, i, c)
        if (akin(json_str(c, "image", NULL), s->as))
            return c;
    return json_array_get(containers, 0);
}

static const char *image_in(const json_t *containers, const struct kube_service *s)
{
    return json_str(service_container(containers, s, true), "image", "");
}

static bool belongs(const json_t *containers, const char *workload, const struct kube_service *s)
{
    return str_eq(workload, s->as) || service_container(containers, s, false) != NULL;
}

/* --- pods ------------------------------------------------------------------------------------- */

void kube_pod_workload(const json_t *pod, char *out, size_t n)
{
    const json_t *owners = json_path(pod, "metadata.ownerReferences"), *owner = NULL;
    const char *hash = json_str(pod, "metadata.labels.pod-template-hash", "");
    size_t i;
    json_t *o;
    json_array_foreach((json_t *)owners, i, o)
        if (json_flag(o, "controller", false))
            owner = o;
    (void)snprintf(out, n, "%s", json_str(owner, "name", ""));
    if (!str_eq(json_str(owner, "kind", NULL), "ReplicaSet"))
        return;
    size_t len = strlen(out), cut = strlen(hash);
    if (cut && len > cut + 1 && out[len - cut - 1] == '-' && strcmp(out + len - cut, hash) == 0)
        out[len - cut - 1] = '\0';
}

bool kube_pod_of(const json_t *pod, const struct kube_service *s)
{
    char workload[256];
    kube_pod_workload(pod, workload, sizeof workload);
    return belongs(json_path(pod, "spec.containers"), workload, s);
}

bool kube_pod_over(const json_t *pod)
{
    const char *phase = json_str(pod, "status.phase", "");
    return str_eq(phase, "Succeeded") || str_eq(phase, "Failed");
}

bool kube_pod_leaving(const json_t *pod)
{
    return json_path(pod, "metadata.deletionTimestamp") != NULL;
}

static const json_t *condition(const json_t *object, const char *type)
{
    size_t i;
    json_t *c;
    json_array_foreach((json_t *)json_path(object, "status.conditions"), i, c)
        if (str_eq(json_str(c, "type", NULL), type))
            return c;
    return NULL;
}

bool kube_pod_ready(const json_t *pod)
{
    return !kube_pod_leaving(pod) && str_eq(json_str(condition(pod, "Ready"), "status", NULL), "True");
}

const char *kube_pod_image(const json_t *pod, const struct kube_service *s)
{
    return image_in(json_path(pod, "spec.containers"), s);
}

int64_t kube_pod_restarts(const json_t *pod)
{
    static const char *const lists[] = {"status.containerStatuses", "status.initContainerStatuses"};
    int64_t n = 0;
    for (size_t l = 0; l < COUNT_OF(lists); l++) {
        size_t i;
        json_t *c;
        json_array_foreach((json_t *)json_path(pod, lists[l]), i, c)
            n += json_int(c, "restartCount", 0);
    }
    return n;
}

/* Waiting reasons that do not pass by themselves. */
static bool is_fatal(const char *reason)
{
    static const char *const reasons[] = {
        "CrashLoopBackOff",           "ErrImagePull",
        "ImagePullBackOff",           "ErrImageNeverPull",
        "InvalidImageName",           "ImageInspectError",
        "RegistryUnavailable",        "SignatureValidationFailed",
        "CreateContainerConfigError", "CreateContainerError",
        "RunContainerError",          "PreCreateHookError",
        "PreStartHookError",          "PostStartHookError",
    };
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (strcmp(reason, reasons[i]) == 0)
            return true;
    return false;
}

static struct kube_problem problem_in(const json_t *statuses)
{
    size_t i;
    json_t *c;
    json_array_foreach((json_t *)statuses, i, c) {
        const char *reason = json_str(c, "state.waiting.reason", "");
        if (is_fatal(reason))
            return (struct kube_problem){reason, json_str(c, "state.waiting.message", ""),
                                         json_str(c, "name", NULL), true,
                                         strcmp(reason, "CrashLoopBackOff") == 0};
    }
    return (struct kube_problem){"", "", NULL, false, false};
}

struct kube_problem kube_pod_problem(const json_t *pod)
{
    struct kube_problem p = problem_in(json_path(pod, "status.initContainerStatuses"));
    if (!*p.reason)
        p = problem_in(json_path(pod, "status.containerStatuses"));
    const json_t *scheduled = condition(pod, "PodScheduled");
    if (!*p.reason && str_eq(json_str(scheduled, "status", NULL), "False"))
        p = (struct kube_problem){json_str(scheduled, "reason", "Unschedulable"),
                                  json_str(scheduled, "message", ""), NULL, false, false};
    return p;
}

struct kube_problem kube_pod_last_crash(const json_t *pod)
{
    size_t i;
    json_t *c;
    json_array_foreach((json_t *)json_path(pod, "status.containerStatuses"), i, c) {
        const char *reason = json_str(c, "lastState.terminated.reason", NULL);
        if (reason)
            return (struct kube_problem){"Crashing", reason, json_str(c, "name", NULL), true, true};
    }
    return (struct kube_problem){"NotReady", "it failed before, and is not ready yet", NULL, true, false};
}

static const char *waiting_state(const json_t *statuses)
{
    size_t i;
    json_t *c;
    json_array_foreach((json_t *)statuses, i, c) {
        const char *reason = json_str(c, "state.waiting.reason", NULL);
        if (!reason)
            reason = json_str(c, "state.terminated.reason", NULL);
        if (reason && strcmp(reason, "Completed") != 0)
            return reason;
    }
    return NULL;
}

const char *kube_pod_state(const json_t *pod)
{
    if (kube_pod_leaving(pod))
        return "Terminating";
    const char *state = json_str(pod, "status.reason", NULL);
    if (!state)
        state = waiting_state(json_path(pod, "status.initContainerStatuses"));
    if (!state)
        state = waiting_state(json_path(pod, "status.containerStatuses"));
    return state ? state : json_str(pod, "status.phase", "Unknown");
}

/* --- workloads -------------------------------------------------------------------------------- */

static const json_t *template_containers(const json_t *workload)
{
    return json_path(workload, "spec.template.spec.containers");
}

bool kube_workload_of(const json_t *workload, const struct kube_service *s)
{
    return belongs(template_containers(workload), json_str(workload, "metadata.name", ""), s);
}

const char *kube_workload_image(const json_t *workload, const struct kube_service *s)
{
    return image_in(template_containers(workload), s);
}

int64_t kube_workload_wanted(const json_t *w, enum kube_kind kind)
{
    return kind == KUBE_DAEMONSET ? json_int(w, "status.desiredNumberScheduled", 0)
                                  : json_int(w, "spec.replicas", 1);
}

static enum kube_rollout waits(char *says, size_t n, const char *what, int64_t have, int64_t of)
{
    (void)snprintf(says, n, "%lld of %lld %s", (long long)have, (long long)of, what);
    return KUBE_ROLLOUT_WAITS;
}

/* The order matters: each look holds only when those before it do. Counters that are zero are left out of the
 * JSON. */
static enum kube_rollout deployment(const json_t *w, char *says, size_t n)
{
    int64_t wanted = json_int(w, "spec.replicas", 1), updated = json_int(w, "status.updatedReplicas", 0);
    int64_t all = json_int(w, "status.replicas", 0), available = json_int(w, "status.availableReplicas", 0);
    const json_t *progress = condition(w, "Progressing"), *failure = condition(w, "ReplicaFailure");
    if (str_eq(json_str(progress, "reason", NULL), "ProgressDeadlineExceeded")) {
        (void)snprintf(says, n, "ProgressDeadlineExceeded: %s", json_str(progress, "message", ""));
        return KUBE_ROLLOUT_FAILED;
    }
    if (json_flag(w, "spec.paused", false) && (updated < wanted || all > updated)) {
        (void)snprintf(says, n, "its rollout is paused: somebody must resume it");
        return KUBE_ROLLOUT_WAITS;
    }
    if (str_eq(json_str(failure, "status", NULL), "True")) {
        (void)snprintf(says, n, "pods cannot be made: %s", json_str(failure, "message", ""));
        return KUBE_ROLLOUT_WAITS;
    }
    if (updated < wanted)
        return waits(says, n, "pods updated", updated, wanted);
    if (all > updated) {
        (void)snprintf(says, n, "%lld old pods still there", (long long)(all - updated));
        return KUBE_ROLLOUT_WAITS;
    }
    return available < updated ? waits(says, n, "updated pods available", available, updated)
                               : KUBE_ROLLOUT_DONE;
}

static enum kube_rollout statefulset(const json_t *w, char *says, size_t n)
{
    int64_t wanted = json_int(w, "spec.replicas", 1),
            partition = json_int(w, "spec.updateStrategy.rollingUpdate.partition", 0);
    int64_t ready = json_int(w, "status.readyReplicas", 0),
            updated = json_int(w, "status.updatedReplicas", 0);
    const char *current = json_str(w, "status.currentRevision", ""),
               *update = json_str(w, "status.updateRevision", "");
    if (str_eq(json_str(w, "spec.updateStrategy.type", NULL), "OnDelete") && strcmp(current, update) != 0) {
        (void)snprintf(says, n, "it updates OnDelete: somebody must delete its old pods");
        return KUBE_ROLLOUT_WAITS;
    }
    if (ready < wanted)
        return waits(says, n, "pods ready", ready, wanted);
    if (partition > 0)
        return updated < wanted - partition ? waits(says, n, "pods updated", updated, wanted - partition)
                                            : KUBE_ROLLOUT_DONE;
    return strcmp(current, update) != 0 ? waits(says, n, "pods updated", updated, wanted) : KUBE_ROLLOUT_DONE;
}

static enum kube_rollout daemonset(const json_t *w, char *says, size_t n)
{
    int64_t wanted = json_int(w, "status.desiredNumberScheduled", 0);
    int64_t updated = json_int(w, "status.updatedNumberScheduled", 0),
            available = json_int(w, "status.numberAvailable", 0);
    if (updated < wanted)
        return waits(says, n, "pods updated", updated, wanted);
    return available < wanted ? waits(says, n, "pods available", available, wanted) : KUBE_ROLLOUT_DONE;
}

enum kube_rollout kube_rollout(const json_t *w, enum kube_kind kind, char *says, size_t n)
{
    int64_t observed = json_int(w, "status.observedGeneration", 0);
    says[0] = '\0';
    if (json_int(w, "metadata.generation", 0) > observed || (kind == KUBE_STATEFULSET && observed == 0)) {
        (void)snprintf(says, n, "its controller has not seen the change yet");
        return KUBE_ROLLOUT_WAITS;
    }
    enum kube_rollout r = kind == KUBE_DEPLOYMENT    ? deployment(w, says, n)
                          : kind == KUBE_STATEFULSET ? statefulset(w, says, n)
                                                     : daemonset(w, says, n);
    if (r == KUBE_ROLLOUT_DONE && kube_workload_wanted(w, kind) == 0) {
        (void)snprintf(says, n, "it is scaled to 0: nothing runs");
        return KUBE_ROLLOUT_WAITS;
    }
    return r;
}

/* --- all that runs ---------------------------------------------------------------------------- */

static void count(json_t *counts, const char *key, int by)
{
    json_int_t n = json_integer_value(json_object_get(counts, key)) + by;
    if (n > 0)
        json_object_set_new(counts, key, json_integer(n));
    else
        json_object_del(counts, key);
}

static void count_version(json_t *versions, const char *service, const char *image, int by)
{
    _cleanup_json_ json_t *tag = image_tag_json(image);
    if (!json_object_get(versions, service))
        json_object_set_new(versions, service, json_object());
    json_t *tags = json_object_get(versions, service);
    count(tags, json_string_value(tag), by);
    if (json_object_size(tags) == 0)
        json_object_del(versions, service);
}

void kube_count_pod(const json_t *pod, const struct kube_service *named, int by, json_t *images,
                    json_t *versions)
{
    const json_t *containers = json_path(pod, "spec.containers");
    char workload[256], service[256];
    size_t i;
    json_t *c;
    if (kube_pod_over(pod))
        return;
    json_array_foreach((json_t *)containers, i, c)
        if (*json_str(c, "image", ""))
            count(images, json_str(c, "image", ""), by);
    for (const struct kube_service *s = named; s && s->name; s++)
        if (kube_pod_of(pod, s)) {
            count_version(versions, s->name, kube_pod_image(pod, s), by);
            return;
        }
    kube_pod_workload(pod, workload, sizeof workload);
    struct kube_service self = {.name = workload, .as = workload};
    struct image_ref r;
    const char *image = kube_pod_image(pod, &self);
    if (!image_ref_parse(image, &r))
        return;
    (void)snprintf(service, sizeof service, "%.*s", r.name_len, r.name);
    count_version(versions, service, image, by);
}
