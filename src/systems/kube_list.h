/* kube_list.h: one list from the API server, page by page, as a stream. An expired page token (410) begins
 * the list again. */
#ifndef SB_SYSTEMS_KUBE_LIST_H
#define SB_SYSTEMS_KUBE_LIST_H

#include "systems/kube_client.h"

struct kube_list;

struct kube_list_end {
    bool ok;
    const char *resource_version; /* where a watch goes on; "" when the server gave none */
    struct outcome failed;        /* not ok: as of a look */
};

struct kube_list_options {
    const char *what;        /* "list of pods"; must outlive it */
    const char *path;        /* "/api/v1/namespaces/shop/pods"; may have a query */
    const char *const *keep; /* as of systems/sift.h */
    size_t string_max;       /* as of systems/sift.h */
    int page;                /* items a page; 0 = 1,000 */
    bool metadata_only;      /* names and labels are enough: the server need not send the rest */
    void (*on_item)(void *ctx, json_t *item); /* borrowed; nothing may be ended from here */
    void (*on_again)(void *ctx);              /* forget all items: the list begins again; or NULL */
    void (*done)(void *ctx, const struct kube_list_end *end); /* the list is gone after it */
    void *ctx;
};

struct kube_list *kube_list_start(struct kube *k, const struct kube_list_options *o);
void kube_list_cancel(struct kube_list *l); /* NULL is fine */

#endif
