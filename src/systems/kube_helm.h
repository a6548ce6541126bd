/* kube_helm.h: the Helm releases of a namespace, as `helm list` shows them: read from the Secrets in which
 * Helm keeps its history.
 *
 * First only the labels of all revisions, then the newest one of each release. A release's values may be
 * secret: only the few fields below are ever kept of it, and nothing of it reaches a log or an error. */
#ifndef SB_SYSTEMS_KUBE_HELM_H
#define SB_SYSTEMS_KUBE_HELM_H

#include "systems/kube_client.h"

struct kube_helm;

/* `releases`: [{"release", "revision", "status", "chart", "app_version", "updated", "description"}] by name,
 * borrowed; NULL when they cannot be read: `why` says so. The struct is gone after it. */
typedef void kube_helm_fn(void *ctx, json_t *releases, const struct error *why);
struct kube_helm *kube_helm_start(struct kube *k, const char *namespace_, kube_helm_fn *done, void *ctx);
void kube_helm_cancel(struct kube_helm *h); /* NULL is fine */

enum { HELM_RECORD_MAX = 64 << 20 };
/* A release from the `data.release` of its Secret: base64 of base64 of (mostly gzip of) JSON; at most
 * HELM_RECORD_MAX unpacked. Pure. New reference, or NULL. */
json_t *kube_helm_record(const char *data, struct error *err);

#endif
