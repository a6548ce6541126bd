/* kube_follow.h: a resource followed: listed once, then watched, so that a change is known within a second;
 * the present items are always at hand. A watch that ends is taken up where it was; one that is too old (410)
 * lists again. Where watching is not allowed or does not work, it lists again and again. Memory: the wanted
 * items, of their kept paths. */
#ifndef SB_SYSTEMS_KUBE_FOLLOW_H
#define SB_SYSTEMS_KUBE_FOLLOW_H

#include "systems/kube_client.h"

struct kube_follow;

struct kube_follow_options {
    const char *what;        /* "pods"; must outlive it */
    const char *path;        /* without a query */
    const char *const *keep; /* with "metadata.name"; must outlive it */
    int page, poll_ms;
    bool (*wanted)(void *ctx, const json_t *item); /* NULL = all */
    /* An item comes (was NULL), changes or goes (is NULL), before on_news: for who keeps sums. Or NULL. */
    void (*on_item)(void *ctx, const json_t *was, const json_t *is);
    void (*on_news)(
        void *ctx); /* the items have changed, or are complete for the first time; once for many changes */
    /* It cannot be told what there is: before the first list was complete, or when the server refuses. It is
     * stopped. */
    void (*on_failed)(void *ctx, struct kube_follow *f, const struct outcome *why);
    void *ctx;
};

struct kube_follow *kube_follow_start(struct surroundings *around, struct kube *k,
                                      const struct kube_follow_options *o);
void kube_follow_stop(struct kube_follow *f); /* NULL is fine; fine from its callbacks */

bool kube_follow_synced(const struct kube_follow *f);
const json_t *kube_follow_items(const struct kube_follow *f); /* {name: item}; borrowed */
/* Why nothing newer is known at the moment; NULL when all is well. */
const char *kube_follow_note(const struct kube_follow *f);

#endif
