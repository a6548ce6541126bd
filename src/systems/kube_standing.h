/* kube_standing.h: what runs in a namespace, kept at hand: the pods are followed, and counted as they come and go, so that
 * the question costs no call.
 *
 * Only looks are answered so (a person's, a page's, a rollout's), never a step of a change: what a change relies on is
 * read from the server itself. The first look reads a list, as a command's only one does; the second within the time
 * that a watch stays begins it; it ends when nobody has asked for so long. */
#ifndef SB_SYSTEMS_KUBE_STANDING_H
#define SB_SYSTEMS_KUBE_STANDING_H

#include "systems/kubernetes.h"

struct kube_standing;

/* The counts of this place, when they are known and up to date; else NULL, and the look must read. Either way the look
 * counts as one. Borrowed until the loop's next round: {image: count}, {service: {tag: count}}. */
struct kube_counts {
    const json_t *images, *versions;
};
MUST_USE bool kube_standing_ask(struct kubernetes *k, const struct kube_place *place,
                                struct kube_counts *out);
/* Ends all of them; before their connections are closed. */
void kube_standing_end(struct kubernetes *k);

#endif
