/* The objects of the stand-in cluster, as the API server would describe what cluster.c knows. */
#include "base/buf.h"
#include "base/hash.h"
#include "base/instant.h"
#include "base/json.h"
#include "yard/kubernetes.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define IMAGE "registry.example/retail/%s:%s"

const char *kube_time(struct arena *a, int64_t ms)
{
    char text[32];
    instant_rfc3339(ms / 1000 * 1000, text);
    return arena_strdup(a, text);
}

static const char *uid_of(const struct kube *k, const char *kind, const char *name)
{
    const char *h = stable_id(k->a, 32, "%s/%s/%s", k->target, kind, name);
    return arena_printf(k->a, "%.8s-%.4s-4%.3s-a%.3s-%.12s", h, h + 8, h + 13, h + 17, h + 20);
}

static json_t *metadata(const struct kube *k, const char *kind, const char *name, int64_t created,
                        int64_t touched)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", name, "namespace", k->ns, "uid",
                     uid_of(k, kind, name), "resourceVersion", arena_printf(k->a, "%lld", (long long)touched),
                     "creationTimestamp", kube_time(k->a, created));
}

static json_t *labels_of(const char *service, const char *hash)
{
    json_t *l = json_pack("{s:s, s:s, s:s}", "app", service, "app.kubernetes.io/name", service,
                          "app.kubernetes.io/managed-by", "Helm");
    if (hash)
        json_object_set_new(l, "pod-template-hash", json_string(hash));
    return l;
}

static json_t *owned_by(const struct kube *k, const char *kind, const char *name)
{
    return json_pack("[{s:s, s:s, s:s, s:s, s:b, s:b}]", "apiVersion", "apps/v1", "kind", kind, "name", name,
                     "uid", uid_of(k, kind, name), "controller", 1, "blockOwnerDeletion", 1);
}

static json_t *container(struct arena *a, const char *service, const char *tag)
{
    return json_pack("{s:s, s:s, s:s, s:[{s:i, s:s}], s:{}}", "name", service, "image",
                     arena_printf(a, IMAGE, service, tag), "imagePullPolicy", "IfNotPresent", "ports",
                     "containerPort", 8080, "protocol", "TCP", "resources");
}

static json_t *pod_template(const struct kube *k, const struct app *app, const char *tag, const char *hash)
{
    return json_pack("{s:{s:o}, s:{s:[o], s:s, s:i}}", "metadata", "labels", labels_of(app->service, hash),
                     "spec", "containers", container(k->a, app->service, tag), "restartPolicy", "Always",
                     "terminationGracePeriodSeconds", 30);
}

static void each_app(const struct kube *k, json_t *out,
                     void (*add)(const struct kube *, const struct app *, json_t *))
{
    const char *service;
    json_t *known;
    json_object_foreach((json_t *)k->services, service, known) {
        struct app app;
        if (cluster_app(&k->cluster, k->target, service, k->t, k->a, &app))
            add(k, &app, out);
    }
}

/* --- pods -------------------------------------------------------------------------------------------- */

static json_t *condition(const struct kube *k, const char *type, bool met, const char *reason,
                         const char *message, int64_t at)
{
    json_t *c = json_pack("{s:s, s:s, s:s}", "type", type, "status", met ? "True" : "False",
                          "lastTransitionTime", kube_time(k->a, at));
    if (reason)
        json_object_set_new(c, "reason", json_string(reason));
    if (message)
        json_object_set_new(c, "message", json_string(message));
    return c;
}

static json_t *waiting(const char *reason, const char *message)
{
    json_t *w = json_pack("{s:s}", "reason", reason);
    if (message)
        json_object_set_new(w, "message", json_string(message));
    return json_pack("{s:o}", "waiting", w);
}

static json_t *container_state(const struct kube *k, const struct app *app, const struct pod *p,
                               struct pod_state s)
{
    const char *image = arena_printf(k->a, IMAGE, app->service, p->tag);
    switch (s.phase) {
    case POD_NO_IMAGE:
        return waiting(
            "ErrImagePull",
            arena_printf(
                k->a, "rpc error: code = NotFound desc = failed to pull and unpack image \"%s\": not found",
                image));
    case POD_IMAGE_BACK_OFF:
        return waiting("ImagePullBackOff", arena_printf(k->a, "Back-off pulling image \"%s\"", image));
    case POD_BACK_OFF:
        return waiting("CrashLoopBackOff",
                       arena_printf(k->a, "back-off %ds restarting failed container=%s pod=%s_%s(%s)",
                                    s.restarts > 5 ? 300 : 10 << (s.restarts - 1), app->service, p->name,
                                    k->ns, uid_of(k, "Pod", p->name)));
    case POD_STARTING:
    case POD_READY:
    case POD_CRASHING:
        return json_pack("{s:{s:s}}", "running", "startedAt",
                         kube_time(k->a, s.phase == POD_CRASHING ? s.since : p->started));
    case POD_ABSENT:
    case POD_CREATING:
        break;
    }
    return waiting("ContainerCreating", NULL);
}

static json_t *container_status(const struct kube *k, const struct app *app, const struct pod *p,
                                struct pod_state s)
{
    const char *digest = stable_id(k->a, 64, "%s:%s", app->service, p->tag);
    bool pulled = s.phase >= POD_STARTING, running = pulled && s.phase != POD_BACK_OFF;
    json_t *c = json_pack(
        "{s:s, s:b, s:b, s:i, s:s, s:s, s:o, s:{}}", "name", app->service, "ready", s.phase == POD_READY,
        "started", running, "restartCount", s.restarts, "image",
        arena_printf(k->a, IMAGE, app->service, p->tag), "imageID",
        pulled ? arena_printf(k->a, "registry.example/retail/%s@sha256:%s", app->service, digest) : "",
        "state", container_state(k, app, p, s), "lastState");
    const char *id = arena_printf(k->a, "containerd://%s",
                                  stable_id(k->a, 64, "%s/%s/%d", k->target, p->name, s.restarts));
    if (pulled)
        json_object_set_new(c, "containerID", json_string(id));
    if (s.crashed)
        json_object_set_new(json_object_get(c, "lastState"), "terminated",
                            json_pack("{s:i, s:s, s:s, s:s, s:s}", "exitCode", 1, "reason", "Error",
                                      "startedAt", kube_time(k->a, s.crashed - 400), "finishedAt",
                                      kube_time(k->a, s.crashed), "containerID", id));
    return c;
}

static json_t *pod_status(const struct kube *k, const struct app *app, const struct pod *p,
                          struct pod_state s)
{
    bool ready = s.phase == POD_READY;
    const char *why = ready ? NULL : "ContainersNotReady";
    const char *says =
        ready ? NULL : arena_printf(k->a, "containers with unready status: [%s]", app->service);
    int octet = (int)(strtol(stable_id(k->a, 2, "%s", p->name), NULL, 16) % 250 + 2);
    json_t *conditions = json_pack("[o,o,o,o]", condition(k, "Initialized", true, NULL, NULL, p->created),
                                   condition(k, "Ready", ready, why, says, s.since),
                                   condition(k, "ContainersReady", ready, why, says, s.since),
                                   condition(k, "PodScheduled", true, NULL, NULL, p->created));
    json_t *status = json_pack("{s:s, s:o, s:[o], s:s, s:s, s:s}", "phase",
                               s.phase >= POD_STARTING ? "Running" : "Pending", "conditions", conditions,
                               "containerStatuses", container_status(k, app, p, s), "hostIP", "10.128.0.4",
                               "startTime", kube_time(k->a, p->created), "qosClass", "BestEffort");
    if (s.phase != POD_CREATING)
        json_object_set_new(status, "podIP", json_string(arena_printf(k->a, "10.4.1.%d", octet)));
    return status;
}

static json_t *pod_object(const struct kube *k, const struct app *app, const struct pod *p,
                          struct pod_state s)
{
    json_t *meta = metadata(k, "Pod", p->name, p->created, s.since);
    const char *set = arena_printf(k->a, "%s-%s", app->service, p->hash);
    json_object_set_new(meta, "generateName", json_string(arena_printf(k->a, "%s-", set)));
    json_object_set_new(meta, "labels", labels_of(app->service, p->hash));
    json_object_set_new(meta, "ownerReferences", owned_by(k, "ReplicaSet", set));
    if (s.deleting) {
        json_object_set_new(meta, "deletionTimestamp", json_string(kube_time(k->a, p->gone)));
        json_object_set_new(meta, "deletionGracePeriodSeconds", json_integer(30));
    }
    return json_pack("{s:o, s:{s:[o], s:s, s:s, s:s, s:s}, s:o}", "metadata", meta, "spec", "containers",
                     container(k->a, app->service, p->tag), "nodeName", "node-pool-1-a4", "restartPolicy",
                     "Always", "schedulerName", "default-scheduler", "serviceAccountName", "default",
                     "status", pod_status(k, app, p, s));
}

static void add_pods(const struct kube *k, const struct app *app, json_t *out)
{
    for (int i = 0; i < app->n_pods; i++) {
        struct pod_state s = pod_at(&k->cluster, &app->pods[i], k->t);
        if (s.phase != POD_ABSENT)
            json_array_append_new(out, pod_object(k, app, &app->pods[i], s));
    }
}

static void pods(const struct kube *k, json_t *out)
{
    each_app(k, out, add_pods);
}

/* --- deployments and replica sets -------------------------------------------------------------------- */

static void set_count(json_t *status, const char *name, int n)
{
    if (n > 0) /* the API server leaves zeros out */
        json_object_set_new(status, name, json_integer(n));
}

static json_t *progressing(const struct kube *k, const struct app *app, struct app_counts n)
{
    const char *set = arena_printf(k->a, "%s-%s", app->service, app->sets[app->current].hash);
    bool done = n.ready_updated >= app->replicas && n.replicas == n.updated;
    int64_t late = app->began + (int64_t)(600000 / k->cluster.speed);
    if (!done && k->t > late && n.touched < late)
        return condition(k, "Progressing", false, "ProgressDeadlineExceeded",
                         arena_printf(k->a, "ReplicaSet \"%s\" has timed out progressing.", set), late);
    return condition(k, "Progressing", true, done ? "NewReplicaSetAvailable" : "ReplicaSetUpdated",
                     arena_printf(k->a,
                                  done ? "ReplicaSet \"%s\" has successfully progressed."
                                       : "ReplicaSet \"%s\" is progressing.",
                                  set),
                     n.touched);
}

static json_t *deployment_status(const struct kube *k, const struct app *app, struct app_counts n,
                                 int generation)
{
    bool available = n.ready >= app->replicas;
    json_t *s = json_pack("{s:i, s:[o,o]}", "observedGeneration", generation, "conditions",
                          condition(k, "Available", available,
                                    available ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                                    available ? "Deployment has minimum availability."
                                              : "Deployment does not have minimum availability.",
                                    n.touched),
                          progressing(k, app, n));
    set_count(s, "replicas", n.replicas);
    set_count(s, "updatedReplicas", n.updated);
    set_count(s, "readyReplicas", n.ready);
    set_count(s, "availableReplicas", n.ready);
    set_count(s, "unavailableReplicas", n.replicas - n.ready);
    return s;
}

static void add_deployment(const struct kube *k, const struct app *app, json_t *out)
{
    struct app_counts n = app_count(&k->cluster, app, -1, k->t);
    int64_t late = app->began + (int64_t)(600000 / k->cluster.speed);
    bool done = n.ready_updated >= app->replicas;
    int64_t touched = !done && k->t > late && n.touched < late ? late : n.touched;
    int generation = app->releases[app->n_releases - 1].revision;
    json_t *meta = metadata(k, "Deployment", app->service, app->releases[0].at, touched);
    json_object_set_new(meta, "generation", json_integer(generation));
    json_object_set_new(meta, "labels", labels_of(app->service, NULL));
    json_object_set_new(meta, "annotations",
                        json_pack("{s:s, s:s, s:s}", "deployment.kubernetes.io/revision",
                                  arena_printf(k->a, "%d", app->sets[app->current].revision),
                                  "meta.helm.sh/release-name", app->service, "meta.helm.sh/release-namespace",
                                  k->ns));
    json_t *spec = json_pack("{s:i, s:{s:{s:s}}, s:o, s:{s:s, s:{s:s, s:i}}, s:i, s:i}", "replicas",
                             app->replicas, "selector", "matchLabels", "app", app->service, "template",
                             pod_template(k, app, app->tag, NULL), "strategy", "type", "RollingUpdate",
                             "rollingUpdate", "maxSurge", "25%", "maxUnavailable", 0, "revisionHistoryLimit",
                             10, "progressDeadlineSeconds", 600);
    json_array_append_new(out, json_pack("{s:o, s:o, s:o}", "metadata", meta, "spec", spec, "status",
                                         deployment_status(k, app, n, generation)));
}

static void deployments(const struct kube *k, json_t *out)
{
    each_app(k, out, add_deployment);
}

static void add_replica_sets(const struct kube *k, const struct app *app, json_t *out)
{
    for (int i = 0; i < app->n_sets; i++) {
        const struct replica_set *set = &app->sets[i];
        struct app_counts n = app_count(&k->cluster, app, i, k->t);
        const char *name = arena_printf(k->a, "%s-%s", app->service, set->hash);
        json_t *meta = metadata(k, "ReplicaSet", name, set->created,
                                n.touched > set->touched ? n.touched : set->touched);
        json_object_set_new(meta, "generation", json_integer(set->revision));
        json_object_set_new(meta, "labels", labels_of(app->service, set->hash));
        json_object_set_new(meta, "ownerReferences", owned_by(k, "Deployment", app->service));
        json_object_set_new(meta, "annotations",
                            json_pack("{s:s, s:s}", "deployment.kubernetes.io/revision",
                                      arena_printf(k->a, "%d", set->revision),
                                      "deployment.kubernetes.io/desired-replicas",
                                      arena_printf(k->a, "%d", app->replicas)));
        json_t *status = json_pack("{s:i, s:i}", "replicas", n.replicas, "observedGeneration", set->revision);
        set_count(status, "fullyLabeledReplicas", n.replicas);
        set_count(status, "readyReplicas", n.ready);
        set_count(status, "availableReplicas", n.ready);
        json_array_append_new(out, json_pack("{s:o, s:{s:i, s:{s:{s:s, s:s}}, s:o}, s:o}", "metadata", meta,
                                             "spec", "replicas", n.replicas, "selector", "matchLabels", "app",
                                             app->service, "pod-template-hash", set->hash, "template",
                                             pod_template(k, app, set->tag, set->hash), "status", status));
    }
}

static void replica_sets(const struct kube *k, json_t *out)
{
    each_app(k, out, add_replica_sets);
}

/* --- Helm's records ---------------------------------------------------------------------------------- */

static char *gzipped_base64(const char *text, size_t n)
{
    z_stream z = {0};
    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    uLong bound = deflateBound(&z, (uLong)n);
    unsigned char *out = malloc(bound);
    if (!out)
        abort();
    z.next_in = (unsigned char *)(uintptr_t)text; /* zlib reads it only */
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)bound;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    char *coded = base64_encode(out, z.total_out, false);
    deflateEnd(&z);
    free(out);
    return coded;
}

/* Kubernetes' base64 around Helm's base64 around gzip. */
static json_t *release_data(const struct kube *k, const struct app *app, const struct release *r,
                            const char *status)
{
    const char *at = kube_time(k->a, r->at);
    _cleanup_json_ json_t *record =
        json_pack("{s:s, s:s, s:i, s:{s:s, s:s, s:s, s:s, s:s}, s:{s:{s:s, s:s, s:s, s:s}, s:[], s:{}}, "
                  "s:{s:{s:s}}, s:s, s:[]}",
                  "name", app->service, "namespace", k->ns, "version", r->revision, "info", "first_deployed",
                  kube_time(k->a, app->releases[0].at), "last_deployed", at, "deleted", "", "description",
                  "Upgrade complete", "status", status, "chart", "metadata", "name", app->service, "version",
                  "1.4.0", "appVersion", r->tag, "apiVersion", "v2", "templates", "values", "config", "image",
                  "tag", r->tag, "manifest",
                  arena_printf(k->a, "---\n# Source: %s/templates/deployment.yaml\n", app->service), "hooks");
    char *text = json_dumps(record, JSON_COMPACT);
    char *inner = gzipped_base64(text, strlen(text));
    char *outer = base64_encode(inner, strlen(inner), false);
    json_t *data = json_string(outer);
    free(text);
    free(inner);
    free(outer);
    return data;
}

static void add_releases(const struct kube *k, const struct app *app, json_t *out)
{
    enum { HISTORY_MAX = 10 };
    int first = app->n_releases > HISTORY_MAX ? app->n_releases - HISTORY_MAX : 0;
    for (int i = first; i < app->n_releases; i++) {
        const struct release *r = &app->releases[i];
        bool last = i == app->n_releases - 1;
        const char *status = last ? "deployed" : "superseded";
        const char *name = arena_printf(k->a, "sh.helm.release.v1.%s.v%d", app->service, r->revision);
        json_t *meta = metadata(k, "Secret", name, r->at, last ? r->at : app->releases[i + 1].at);
        json_object_set_new(meta, "labels",
                            json_pack("{s:s, s:s, s:s, s:s, s:s}", "owner", "helm", "name", app->service,
                                      "version", arena_printf(k->a, "%d", r->revision), "status", status,
                                      "modifiedAt", arena_printf(k->a, "%lld", (long long)(r->at / 1000))));
        json_array_append_new(out,
                              json_pack("{s:o, s:s, s:{s:o}}", "metadata", meta, "type", "helm.sh/release.v1",
                                        "data", "release", release_data(k, app, r, status)));
    }
}

static void secrets(const struct kube *k, json_t *out)
{
    each_app(k, out, add_releases);
}

/* --- events ------------------------------------------------------------------------------------------ */

static void add_event(const struct kube *k, const struct pod *p, const char *service, const char *type,
                      const char *reason, const char *message, int count, int64_t first, int64_t last,
                      json_t *out)
{
    const char *name =
        arena_printf(k->a, "%s.%s", p->name, stable_id(k->a, 16, "%s/%s/%s", k->target, p->name, reason));
    json_array_append_new(
        out, json_pack("{s:o, s:{s:s, s:s, s:s, s:s, s:s, s:s}, s:s, s:s, s:s, s:i, s:s, s:s, s:{s:s}, s:s}",
                       "metadata", metadata(k, "Event", name, first, last), "involvedObject", "kind", "Pod",
                       "namespace", k->ns, "name", p->name, "uid", uid_of(k, "Pod", p->name), "apiVersion",
                       "v1", "fieldPath", arena_printf(k->a, "spec.containers{%s}", service), "type", type,
                       "reason", reason, "message", message, "count", count, "firstTimestamp",
                       kube_time(k->a, first), "lastTimestamp", kube_time(k->a, last), "source", "component",
                       "kubelet", "reportingComponent", "kubelet"));
}

static void add_events(const struct kube *k, const struct app *app, json_t *out)
{
    for (int i = 0; i < app->n_pods; i++) {
        const struct pod *p = &app->pods[i];
        struct pod_state s = pod_at(&k->cluster, p, k->t);
        const char *image = arena_printf(k->a, IMAGE, app->service, p->tag);
        if (s.phase == POD_ABSENT)
            continue;
        if (k->t - p->created < HOURS(1) && s.phase >= POD_STARTING) {
            add_event(k, p, app->service, "Normal", "Pulled",
                      arena_printf(k->a, "Successfully pulled image \"%s\"", image), 1, p->started,
                      p->started, out);
            add_event(k, p, app->service, "Normal", "Started",
                      arena_printf(k->a, "Started container %s", app->service), s.restarts + 1, p->started,
                      s.since, out);
        }
        if (s.crashed)
            add_event(k, p, app->service, "Warning", "BackOff",
                      arena_printf(k->a, "Back-off restarting failed container %s in pod %s_%s", app->service,
                                   p->name, k->ns),
                      s.restarts, p->crashes, s.since, out);
        if (s.phase == POD_NO_IMAGE || s.phase == POD_IMAGE_BACK_OFF)
            add_event(k, p, app->service, "Warning", "Failed",
                      arena_printf(k->a, "Failed to pull image \"%s\": not found", image), 1, p->started,
                      s.since, out);
    }
}

static void events(const struct kube *k, json_t *out)
{
    each_app(k, out, add_events);
}

/* --- the rest ---------------------------------------------------------------------------------------- */

static void namespaces(const struct kube *k, json_t *out)
{
    const char *const names[] = {"default", "kube-system", k->ns};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        json_t *meta = metadata(k, "Namespace", names[i], 1700000000000, 1700000000000);
        json_object_del(meta, "namespace");
        json_object_set_new(meta, "labels", json_pack("{s:s}", "kubernetes.io/metadata.name", names[i]));
        json_array_append_new(out, json_pack("{s:o, s:{s:[s]}, s:{s:s}}", "metadata", meta, "spec",
                                             "finalizers", "kubernetes", "status", "phase", "Active"));
    }
}

const struct kind kinds[] = {
    {"api/v1", "v1", "pods", "pod", "Pod", "po", false, pods},
    {"api/v1", "v1", "events", "event", "Event", "ev", false, events},
    {"api/v1", "v1", "secrets", "secret", "Secret", NULL, false, secrets},
    {"api/v1", "v1", "configmaps", "configmap", "ConfigMap", "cm", false, NULL},
    {"api/v1", "v1", "services", "service", "Service", "svc", false, NULL},
    {"api/v1", "v1", "namespaces", "namespace", "Namespace", "ns", true, namespaces},
    {"apis/apps/v1", "apps/v1", "deployments", "deployment", "Deployment", "deploy", false, deployments},
    {"apis/apps/v1", "apps/v1", "replicasets", "replicaset", "ReplicaSet", "rs", false, replica_sets},
    {"apis/apps/v1", "apps/v1", "statefulsets", "statefulset", "StatefulSet", "sts", false, NULL},
    {"apis/apps/v1", "apps/v1", "daemonsets", "daemonset", "DaemonSet", "ds", false, NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL, false, NULL},
};

const struct kind *kind_of(const char *group, const char *plural)
{
    for (const struct kind *k = kinds; k->group; k++)
        if (str_eq(k->group, group) && str_eq(k->plural, plural))
            return k;
    return NULL;
}
