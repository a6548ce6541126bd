/* kube_versions.c: which versions run: one streamed list of pods, counted as it comes; and the Helm releases,
 * where that is wanted. */
#include "base/json.h"
#include "systems/cluster.h"
#include "systems/kube_helm.h"
#include "systems/kube_list.h"
#include "systems/kubernetes.h"
#include <string.h>

struct versions {
    struct flow flow;
    struct kube_list *list;
    struct kube_helm *helm;
    struct kube_place place;
    json_t *images, *counted;
};

static void versions_free(struct flow *f)
{
    struct versions *v = (struct versions *)f;
    kube_list_cancel(v->list);
    kube_helm_cancel(v->helm);
    json_decref(v->images);
    json_decref(v->counted);
}

static void count_pod(void *ctx, json_t *pod)
{
    struct versions *v = ctx;
    kube_count_pod(pod, ((struct kubernetes *)v->flow.system)->services, v->images, v->counted);
}

static void count_again(void *ctx)
{
    struct versions *v = ctx;
    json_object_clear(v->images);
    json_object_clear(v->counted);
}

/* Leaves only the services that were asked for. */
static void keep_asked(json_t *map, const json_t *asked)
{
    const char *name;
    json_t *value;
    void *next;
    if (json_array_size(asked) == 0)
        return;
    json_object_foreach_safe(map, next, name, value) {
        bool wanted = false;
        size_t i;
        json_t *one;
        json_array_foreach((json_t *)asked, i, one) {
            const char *text = json_is_string(one) ? json_string_value(one) : json_str(one, "service", "");
            wanted |= strcmp(text, name) == 0;
        }
        if (!wanted)
            json_object_del(map, name);
    }
}

/* The result, without the releases. */
static json_t *result_of(const struct versions *v)
{
    const json_t *asked = json_object_get(v->flow.effect.args, "services");
    json_t *services = json_object(), *mixed = json_object();
    cluster_versions_of(v->counted, services, mixed);
    keep_asked(services, asked);
    keep_asked(mixed, asked);
    return json_pack("{s:o, s:o, s:o}", "services", services, "mixed", mixed, "images",
                     image_table(v->images, ((struct kubernetes *)v->flow.system)->images));
}

static void releases_read(void *ctx, json_t *releases, const struct error *why)
{
    struct versions *v = ctx;
    v->helm = NULL;
    json_t *result = result_of(v);
    if (releases)
        json_object_set(result, "releases", releases);
    else
        json_object_set_new(result, "says", json_sprintf("Helm releases cannot be read: %.400s", why->text));
    flow_done(&v->flow, result);
}

static void counted(void *ctx, const struct kube_list_end *end)
{
    struct versions *v = ctx;
    v->list = NULL;
    if (!end->ok)
        flow_end(&v->flow, &end->failed);
    else if (((struct kubernetes *)v->flow.system)->helm)
        v->helm = kube_helm_start(v->place.kube, v->place.namespace_, releases_read, v);
    else
        flow_done(&v->flow, result_of(v));
}

struct task *kubernetes_versions(struct system *s, const struct effect *e, outcome_fn *done,
                                 progress_fn *progress, void *ctx)
{
    struct kubernetes *k = (struct kubernetes *)s;
    _cleanup_arena_ struct arena a = arena_make();
    struct kube_place place;
    struct error err = ERROR_NONE;
    if (!kubernetes_place(k, e->args, &a, &place, &err))
        return task_ends(s, done, ctx, OUTCOME_FAILED, "%s", err.text);
    struct versions *v = flow_new(sizeof *v, s, kube_peer(place.kube), e, done, progress, ctx);
    v->flow.on_free = versions_free;
    v->images = json_object();
    v->counted = json_object();
    v->place = (struct kube_place){place.kube, arena_strdup(&v->flow.arena, place.namespace_)};
    struct kube_list_options o = {.what = "list of pods",
                                  .path = kubernetes_path("/api/v1", place.namespace_, "pods", &a),
                                  .keep = kube_pod_keep,
                                  .page = (int)k->page,
                                  .on_item = count_pod,
                                  .on_again = count_again,
                                  .done = counted,
                                  .ctx = v};
    v->list = kube_list_start(place.kube, &o);
    return &v->flow.task;
}
