/* cluster.h: the role "cluster": what runs where, at which version, is it ready. All verbs only look.
 *
 * cluster.versions
 *   arguments  client, env; services (optional): only these
 *   result     {"services": {"cart": "24-02-05.619", ...},      what runs; where several tags of one service run, the most frequent
 *               "mixed": {"cart": ["24-02-05.619", ...]},       only services of which several tags run
 *               "images": [{"image": "registry/cart:24-02-05.619", "count": 4}, ...],  every container, as text sorted
 *               "releases": [{"release", "revision", "status", "chart", "app_version", "updated"}],  Helm, when it may be read
 *               "says": "..."}                                  when there is something a person should know
 *              A service that does not run is not in the map.
 *
 * cluster.verify: waits until every service runs at its tag, its rollout is complete, all its pods are ready and none restarts.
 *   arguments  client, env; services: [{"service", "tag"}]; once (optional): look once, DONE with whatever is found
 *   result and progress view (the same form)
 *              {"services": [{"service", "tag", "runs": "tag found", "ready": 3, "wanted": 4, "done": false, "says": "..."}],
 *               "pods": [{"pod", "service", "tag", "ready", "restarts", "state"}],          at most CLUSTER_PODS_SHOWN
 *               "problems": [{"service", "pod", "reason", "message", "log"}]}               pod, log: "" when there is none
 *   outcome    DONE when all are done. FAILED, at once and with the problems, for what does not pass by itself (a crash loop, an
 *              image that cannot be pulled, a rollout over its deadline), after a few seconds of settling. Everything else is waited
 *              for, until the step's own time limit ends it; the view tells what is missing.
 *
 * There are no effects, so there is nothing to find. */
#ifndef SB_SYSTEMS_CLUSTER_H
#define SB_SYSTEMS_CLUSTER_H

#include "base/macros.h"
#include <jansson.h>
#include <stdbool.h>

enum { CLUSTER_PODS_SHOWN = 200 };

/* An image reference, taken apart in place: "registry.example:5000/shop/cart:1.4.2@sha256:9b1c..". Pointers are into the text. */
struct image_ref {
    const char *repository; /* "registry.example:5000/shop/cart" */
    int repository_len;
    const char *name; /* its last segment: "cart" */
    int name_len;
    const char *tag; /* "1.4.2"; length 0 when there is none */
    int tag_len;
    const char *digest; /* "sha256:9b1c.." or NULL */
};

/* false when the text is no image reference (empty, blanks, no repository). */
MUST_USE bool image_ref_parse(const char *image, struct image_ref *out);
/* The text of the tag; the digest when the image has none; "" for no reference. New reference. */
json_t *image_tag_json(const char *image);
bool image_name_is(const char *image, const char *name);
bool image_tag_is(const char *image, const char *tag);

/* Table of all images from an object {image: count}: [{"image", "count"}], sorted as text; only images whose text contains
 * `only` when that is not NULL. New reference. */
json_t *image_table(const json_t *counts, const char *only);

/* From {service: {tag: count}}: fills `services` {service: most frequent tag} and `mixed` {service: [tags]}. */
void cluster_versions_of(const json_t *counted, json_t *services, json_t *mixed);

#endif
