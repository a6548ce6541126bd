/* kubernetes.h: the parts of the "kubernetes" driver, among themselves. */
#ifndef SB_SYSTEMS_KUBERNETES_H
#define SB_SYSTEMS_KUBERNETES_H

#include "systems/flow.h"
#include "systems/kube_client.h"
#include "systems/kube_rules.h"

/* Where a client's env runs. "*" is the target of all that have none of their own; there, {client} and {env}
 * are filled in. */
struct kube_target {
    const char *key;        /* "tangerine/prod" or "*" */
    const char *context;    /* NULL = the current one */
    const char *namespace_; /* NULL = the context's */
};

/* One context that is in use. */
struct kube_connection {
    struct kube_connection *next;
    const char *context;
    struct kube_access access;
    struct kube *kube;
};

struct kubernetes {
    struct system system;
    struct arena arena;
    const char *kubeconfig; /* paths; NULL = the usual ones */
    bool in_cluster;
    struct kube_target *targets;
    int n_targets;
    struct kube_service *services; /* overrides; ends with a NULL name */
    struct http_peer_options tuning;
    int64_t settle_ms, steady_ms, standing_ms, page;
    const char *images; /* only images with this text are in the table; NULL = all */
    bool helm;
    struct kubeconfig *config;
    struct kube_connection *connections;
    struct kube_standing *standing; /* kube_standing.c */
};

struct kube_place {
    struct kube *kube;
    const char *namespace_;
};

/* The connection to a context, opened when it is first needed. */
struct kube_connection *kubernetes_connect(struct kubernetes *k, const char *context, struct error *err);
MUST_USE bool kubernetes_place(struct kubernetes *k, const json_t *args, struct arena *a,
                               struct kube_place *out, struct error *err);
/* How a service is known in the cluster. `name` must outlive it. */
struct kube_service kubernetes_service(const struct kubernetes *k, const char *name, const char *tag);
/* "/api/v1/namespaces/NS/pods" and the like; `group` is "/api/v1" or "/apis/apps/v1". */
char *kubernetes_path(const char *group, const char *namespace_, const char *resource, struct arena *a);

act_fn kubernetes_versions;                                         /* kube_versions.c */
act_fn kubernetes_verify;                                           /* kube_verify.c */
void kubernetes_check(struct system *s, check_fn *done, void *ctx); /* kube_check.c */

#endif
