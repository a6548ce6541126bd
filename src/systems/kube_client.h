/* kube_client.h: one connection to an API server: one context of the kubeconfig, signed in as it says.
 *
 * A credential plugin is run when it is first needed, once for all who wait; what it printed is kept until it
 * expires, and dropped at a 401: then the plugin runs again and the request is sent once more. All requests
 * are reads (or self reviews), so this is always safe. */
#ifndef SB_SYSTEMS_KUBE_CLIENT_H
#define SB_SYSTEMS_KUBE_CLIENT_H

#include "systems/kubeconfig.h"
#include "systems/system.h"

struct kube;
struct kube_call;

/* `access` and its text must outlive it. Of `tuning` the name, time limits, rate and concurrency count. NULL
 * on error. */
struct kube *kube_open(struct surroundings *around, const struct kube_access *access,
                       const struct http_peer_options *tuning, struct error *err);
void kube_close(
    struct kube *k); /* ends all calls without calling back; fine from a call's callback, not from on_body */
struct http_peer *kube_peer(struct kube *k); /* for the words of a failure */
const char *kube_namespace(const struct kube *k);

/* As http_send (the request is copied). A plugin that fails is a reply with
 * status 0. */
struct kube_call *kube_send(struct kube *k, const struct http_request *r, http_done_fn *done, void *ctx);
void kube_cancel(struct kube_call *c); /* NULL is fine */

#endif
