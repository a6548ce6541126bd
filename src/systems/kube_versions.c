/* kube_versions.c: which versions run: one streamed list of pods, counted as it comes, or what a standing watch has
 * counted; and the Helm releases, where that is wanted. */
#include "base/json.h"
#include "systems/cluster.h"
#include "systems/kube_helm.h"
#include "systems/kube_list.h"
#include "systems/kube_standing.h"
#include "systems/kubernetes.h"
#include <string.h>

struct versions {
    struct flow flow;
    struct kube_list *list;
    struct kube_helm *helm;
    struct kube_place place;
    struct timer *soon;
    json_t *images, *counted;  /* of the list that is read */
    struct kube_counts counts; /* what is told: those, or a standing watch's */
    json_t *result;
};

static void versions_free(struct flow *f)
{
    struct versions *v = (struct versions *)f;
    kube_list_cancel(v->list);
    kube_helm_cancel(v->helm);
    timer_cancel(v->soon);
    json_decref(v->images);
    json_decref(v->counted);
    json_decref(v->result);
}

static void count_pod(void *ctx, json_t *pod)
{
    struct versions *v = ctx;
    kube_count_pod(pod, ((struct kubernetes *)v->flow.system)->services, 1, v->images, v->counted);
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
    cluster_versions_of(v->counts.versions, services, mixed);
    keep_asked(services, asked);
    keep_asked(mixed, asked);
    return json_pack("{s:o, s:o, s:o}", "services", services, "mixed", mixed, "images",
                     image_table(v->counts.images, ((struct kubernetes *)v->flow.system)->images));
}

static void releases_read(void *ctx, json_t *releases, const struct error *why)
{
    struct versions *v = ctx;
    v->helm = NULL;
    if (releases)
        json_object_set(v->result, "releases", releases);
    else
        json_object_set_new(v->result, "says",
                            json_sprintf("Helm releases cannot be read: %.400s", why->text));
    flow_done(&v->flow, json_incref(v->result));
}

static void tell(struct versions *v)
{
    v->result = result_of(v);
    if (((struct kubernetes *)v->flow.system)->helm)
        v->helm = kube_helm_start(v->place.kube, v->place.namespace_, releases_read, v);
    else
        flow_done(&v->flow, json_incref(v->result));
}

static void counted(void *ctx, const struct kube_list_end *end)
{
    struct versions *v = ctx;
    v->list = NULL;
    v->counts = (struct kube_counts){v->images, v->counted};
    if (end->ok)
        tell(v);
    else
        flow_end(&v->flow, &end->failed);
}

static void read_list(struct versions *v)
{
    struct kubernetes *k = (struct kubernetes *)v->flow.system;
    v->images = json_object();
    v->counted = json_object();
    struct kube_list_options o = {.what = "list of pods",
                                  .path =
                                      kubernetes_path("/api/v1", v->place.namespace_, "pods", &v->flow.arena),
                                  .keep = kube_count_keep,
                                  .page = (int)k->page,
                                  .on_item = count_pod,
                                  .on_again = count_again,
                                  .done = counted,
                                  .ctx = v};
    v->list = kube_list_start(v->place.kube, &o);
}

/* An outcome never comes before its task is known. */
static void tell_standing(void *ctx)
{
    struct versions *v = ctx;
    v->soon = NULL;
    if (kube_standing_ask((struct kubernetes *)v->flow.system, &v->place, &v->counts))
        tell(v);
    else
        read_list(v);
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
    v->place = (struct kube_place){place.kube, arena_strdup(&v->flow.arena, place.namespace_)};
    bool a_look = !e->change || !*e->change;
    if (a_look)
        v->soon = timer_start(s->around->loop, 0, tell_standing, v);
    else
        read_list(v);
    return &v->flow.task;
}
