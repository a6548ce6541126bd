/* kubernetes.h: what the files of the Kubernetes stand-in share. kubernetes.c: paths, lists, errors;
 * kubernetes_watch.c: watches; kubernetes_objects.c: the objects. */
#ifndef SB_YARD_KUBERNETES_H
#define SB_YARD_KUBERNETES_H

#include "yard/cluster.h"
#include "yard/route.h"

/* One cluster at one moment. */
struct kube {
    struct cluster cluster;
    const char *target; /* "tangerine/prod" */
    const char *ns;     /* its namespace */
    const json_t *services;
    int64_t t;
    struct arena *a;
};

struct kind {
    const char *group;                    /* "api/v1", "apis/apps/v1" */
    const char *version;                  /* apiVersion: "v1", "apps/v1" */
    const char *plural, *singular, *name; /* "pods", "pod", "Pod" */
    const char *short_name;               /* "po", or NULL */
    bool cluster_wide;
    void (*objects)(const struct kube *k, json_t *out); /* appends them all; NULL = there are none */
};

/* Ends with a NULL group. */
extern const struct kind kinds[];
const struct kind *kind_of(const char *group, const char *plural);

/* "2024-02-08T19:00:00Z", in the arena. */
const char *kube_time(struct arena *a, int64_t ms);

/* Which objects a request means. Text is owned by the selection. */
struct selection {
    const struct kind *kind;
    char *target, *ns; /* ns: NULL = all */
    char *labels, *fields;
};
void selection_free(struct selection *s);
/* The kube of a target at `t`; false when the target is unknown. */
bool kube_at(const struct yard *y, const char *target, int64_t t, struct arena *a, struct kube *out);
/* The objects selected, sorted by name. New reference. */
json_t *kube_select(const struct yard *y, const struct selection *s, int64_t t, struct arena *a);

/* A Status object. New reference. */
json_t *kube_status(int code, const char *reason, const char *message);

/* kubernetes_watch.c: answers with a stream; takes the selection. */
void kube_watch(struct call *c, struct selection *s);

/* kubernetes_table.c: what kubectl asks for, to print. Takes the list. */
json_t *kube_table(const struct kind *kind, json_t *list, int64_t now);

#endif
