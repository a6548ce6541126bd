/* kube_standing.c: see kube_standing.h. */
#include "systems/kube_standing.h"
#include "systems/kube_follow.h"
#include <stdlib.h>
#include <string.h>

enum { STANDING_MAX = 200 }; /* namespaces that are watched or were asked about lately */

struct kube_standing {
    struct kube_standing *next;
    struct kubernetes *k;
    struct kube_place place;
    struct arena arena;
    struct kube_follow *follow; /* NULL: asked about once, and not watched */
    struct timer *until;        /* nobody asks any more */
    int64_t asked;              /* monotonic */
    json_t *images, *versions;
};

static void standing_free(struct kube_standing *s)
{
    kube_follow_stop(s->follow);
    timer_cancel(s->until);
    json_decref(s->images);
    json_decref(s->versions);
    arena_free(&s->arena);
    free(s);
}

static void drop(struct kube_standing *s)
{
    for (struct kube_standing **at = &s->k->standing; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    standing_free(s);
}

void kube_standing_end(struct kubernetes *k)
{
    while (k->standing)
        drop(k->standing);
}

/* --- following -------------------------------------------------------------------------------- */

static void count_item(void *ctx, const json_t *was, const json_t *is)
{
    struct kube_standing *s = ctx;
    if (was)
        kube_count_pod(was, s->k->services, -1, s->images, s->versions);
    if (is)
        kube_count_pod(is, s->k->services, 1, s->images, s->versions);
}

static void has_news(void *ctx UNUSED)
{
    /* The counts are kept as items come; nobody waits for them. */
}

/* The next look reads a list, and tells why it cannot. */
static void follow_failed(void *ctx, struct kube_follow *f UNUSED, const struct outcome *why UNUSED)
{
    drop(ctx);
}

static void begin(struct kube_standing *s)
{
    struct kube_follow_options o = {.what = "pods",
                                    .path =
                                        kubernetes_path("/api/v1", s->place.namespace_, "pods", &s->arena),
                                    .keep = kube_count_keep,
                                    .page = (int)s->k->page,
                                    .poll_ms = s->k->system.around->poll_ms,
                                    .on_item = count_item,
                                    .on_news = has_news,
                                    .on_failed = follow_failed,
                                    .ctx = s};
    s->images = json_object();
    s->versions = json_object();
    s->follow = kube_follow_start(s->k->system.around, s->place.kube, &o);
}

/* --- asking ----------------------------------------------------------------------------------- */

static void nobody_asks(void *ctx)
{
    struct kube_standing *s = ctx;
    int64_t left = s->asked + s->k->standing_ms - loop_mono_ms();
    s->until = NULL;
    if (left > 0)
        s->until = timer_start(s->k->system.around->loop, left, nobody_asks, s);
    else
        drop(s);
}

static struct kube_standing *find(const struct kubernetes *k, const struct kube_place *place, int *n)
{
    *n = 0;
    for (struct kube_standing *s = k->standing; s; s = s->next, ++*n)
        if (s->place.kube == place->kube && strcmp(s->place.namespace_, place->namespace_) == 0)
            return s;
    return NULL;
}

static void remember(struct kubernetes *k, const struct kube_place *place)
{
    struct kube_standing *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->k = k;
    s->place = (struct kube_place){place->kube, arena_strdup(&s->arena, place->namespace_)};
    s->asked = loop_mono_ms();
    s->until = timer_start(k->system.around->loop, k->standing_ms, nobody_asks, s);
    s->next = k->standing;
    k->standing = s;
}

bool kube_standing_ask(struct kubernetes *k, const struct kube_place *place, struct kube_counts *out)
{
    int n;
    struct kube_standing *s = find(k, place, &n);
    if (!s) {
        if (k->standing_ms > 0 && n < STANDING_MAX)
            remember(k, place);
        return false;
    }
    s->asked = loop_mono_ms();
    if (!s->follow)
        begin(s);
    if (!kube_follow_synced(s->follow) || kube_follow_note(s->follow))
        return false;
    *out = (struct kube_counts){s->images, s->versions};
    return true;
}
