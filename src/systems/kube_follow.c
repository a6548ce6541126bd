/* kube_follow.c: see kube_follow.h. */
#include "systems/kube_follow.h"
#include "base/buf.h"
#include "base/json.h"
#include "systems/kube_list.h"
#include "systems/sift.h"
#include "systems/support.h"
#include <stdlib.h>
#include <string.h>

enum {
    NEWS_MS = 20,      /* changes come in bursts */
    WATCH_S = 60,      /* the server ends a watch then; a dead connection is noticed a little later */
    BACK_OFF_MS = 200, /* first pause after a failure; doubles up to */
    BACK_OFF_MAX_MS = 5000,
    UNWATCHABLE = 3, /* refusals in a row after which it only lists */
    KEEP_MAX = 64,
};

struct kube_follow {
    struct surroundings *around;
    struct kube *kube;
    struct kube_follow_options o;
    struct arena arena;
    json_t *items, *fresh; /* fresh: of the list that is under way */
    bool synced;
    struct kube_list *list;
    struct kube_call *watch;
    struct http_request request;
    struct sift *sift;
    struct error broken;
    char version[128];
    int64_t watch_since; /* monotonic */
    bool too_old;        /* the watch said so */
    bool got_something;  /* this watch */
    int refusals, failures;
    struct timer *pause, *news;
    char note[256];
    const char *watch_keep[KEEP_MAX + 6];
};

void kube_follow_stop(struct kube_follow *f)
{
    if (!f)
        return;
    kube_list_cancel(f->list);
    kube_cancel(f->watch);
    timer_cancel(f->pause);
    timer_cancel(f->news);
    sift_free(f->sift);
    json_decref(f->items);
    json_decref(f->fresh);
    arena_free(&f->arena);
    free(f);
}

bool kube_follow_synced(const struct kube_follow *f)
{
    return f->synced;
}

const json_t *kube_follow_items(const struct kube_follow *f)
{
    return f->items;
}

const char *kube_follow_note(const struct kube_follow *f)
{
    return f->note[0] ? f->note : NULL;
}

/* --- news ------------------------------------------------------------------------------------- */

static void tell_news(void *ctx)
{
    struct kube_follow *f = ctx;
    f->news = NULL;
    f->o.on_news(f->o.ctx);
}

static void has_news(struct kube_follow *f)
{
    if (f->synced && !f->news)
        f->news = timer_start(f->around->loop, NEWS_MS, tell_news, f);
}

static void tell_item(struct kube_follow *f, const json_t *was, const json_t *is)
{
    if (f->o.on_item && (was || is))
        f->o.on_item(f->o.ctx, was, is);
}

static void remember(struct kube_follow *f, json_t *into, json_t *item, bool gone)
{
    const char *name = json_str(item, "metadata.name", NULL);
    if (!name)
        return;
    bool is = !gone && (!f->o.wanted || f->o.wanted(f->o.ctx, item));
    if (into == f->items)
        tell_item(f, json_object_get(into, name), is ? item : NULL);
    if (is)
        json_object_set(into, name, item);
    else
        json_object_del(into, name);
}

static void take_note(struct kube_follow *f, const struct error *why)
{
    (void)snprintf(f->note, sizeof f->note, "%s: %.200s", f->o.what, why->text);
    has_news(f);
}

/* --- listing ---------------------------------------------------------------------------------- */

static void start_list(struct kube_follow *f);
static void start_watch(struct kube_follow *f);

static void pause_over_list(void *ctx)
{
    struct kube_follow *f = ctx;
    f->pause = NULL;
    start_list(f);
}

static void pause_over_watch(void *ctx)
{
    struct kube_follow *f = ctx;
    f->pause = NULL;
    start_watch(f);
}

static int64_t back_off(struct kube_follow *f)
{
    int64_t ms = (int64_t)BACK_OFF_MS << (f->failures < 5 ? f->failures : 5);
    f->failures++;
    return ms < BACK_OFF_MAX_MS ? ms : BACK_OFF_MAX_MS;
}

static void listed_item(void *ctx, json_t *item)
{
    struct kube_follow *f = ctx;
    remember(f, f->fresh, item, false);
}

static void list_again(void *ctx)
{
    struct kube_follow *f = ctx;
    json_object_clear(f->fresh);
}

static void list_failed(struct kube_follow *f, const struct outcome *why)
{
    if (!f->synced || why->kind == OUTCOME_FAILED) {
        f->o.on_failed(f->o.ctx, f, why);
        return;
    }
    take_note(f, &why->error);
    int64_t ms = back_off(f);
    f->pause =
        timer_start(f->around->loop, why->retry_after_ms > ms ? why->retry_after_ms : ms, pause_over_list, f);
}

/* What the fresh list changes. */
static void tell_list(struct kube_follow *f)
{
    const char *name;
    json_t *item;
    json_object_foreach(f->items, name, item)
        if (!json_object_get(f->fresh, name))
            tell_item(f, item, NULL);
    json_object_foreach(f->fresh, name, item)
        tell_item(f, json_object_get(f->items, name), item);
}

static void listed(void *ctx, const struct kube_list_end *end)
{
    struct kube_follow *f = ctx;
    f->list = NULL;
    if (!end->ok) {
        list_failed(f, &end->failed);
        return;
    }
    bool changed = !f->synced || !json_equal(f->items, f->fresh) || f->note[0];
    tell_list(f);
    json_decref(f->items);
    f->items = f->fresh;
    f->fresh = NULL;
    f->synced = true;
    f->note[0] = '\0';
    f->failures = 0;
    (void)snprintf(f->version, sizeof f->version, "%s", end->resource_version);
    if (changed)
        has_news(f);
    if (f->refusals >= UNWATCHABLE || !f->version[0])
        f->pause = timer_start(f->around->loop, f->o.poll_ms > 0 ? f->o.poll_ms : 2000, pause_over_list, f);
    else
        start_watch(f);
}

static void start_list(struct kube_follow *f)
{
    json_decref(f->fresh);
    f->fresh = json_object();
    struct kube_list_options o = {.what = f->o.what,
                                  .path = f->o.path,
                                  .keep = f->o.keep,
                                  .page = f->o.page,
                                  .on_item = listed_item,
                                  .on_again = list_again,
                                  .done = listed,
                                  .ctx = f};
    f->list = kube_list_start(f->kube, &o);
}

/* --- watching --------------------------------------------------------------------------------- */

static void watched_item(void *ctx, json_t *event)
{
    struct kube_follow *f = ctx;
    const char *type = json_str(event, "type", ""),
               *version = json_str(event, "object.metadata.resourceVersion", "");
    if (str_eq(type, "ERROR")) {
        f->too_old = json_int(event, "object.code", 0) == 410;
        (void)error_set(&f->broken, SB_REMOTE, "watch: %.150s",
                        json_str(event, "object.message", "an error"));
        return;
    }
    if (*version && strlen(version) < sizeof f->version)
        (void)snprintf(f->version, sizeof f->version, "%s", version);
    f->got_something = true;
    f->note[0] = '\0';
    if (str_eq(type, "BOOKMARK"))
        return;
    remember(f, f->items, json_object_get(event, "object"), str_eq(type, "DELETED"));
    has_news(f);
}

static bool on_body(void *ctx, const char *bytes, size_t n)
{
    struct kube_follow *f = ctx;
    return sift_feed(f->sift, bytes, n, &f->broken) && f->broken.code == SB_OK;
}

static bool refuses_watching(int status)
{
    return status == 400 || status == 403 || status == 404 || status == 405 || status == 406 || status == 501;
}

static void watch_ended(void *ctx, const struct http_reply *reply)
{
    struct kube_follow *f = ctx;
    f->watch = NULL;
    if (f->too_old || reply->status == 410) {
        start_list(f);
        return;
    }
    if (refuses_watching(reply->status)) {
        f->refusals = UNWATCHABLE;
        f->pause = timer_start(f->around->loop, f->o.poll_ms > 0 ? f->o.poll_ms : 2000, pause_over_list, f);
        return;
    }
    bool well = reply->status == 200 && reply->error.code == SB_OK && f->broken.code == SB_OK;
    if (well && (f->got_something || loop_mono_ms() - f->watch_since > BACK_OFF_MAX_MS)) {
        f->failures = 0;
        f->note[0] = '\0';
        start_watch(f);
        return;
    }
    if (!well)
        take_note(f, f->broken.code != SB_OK ? &f->broken : &reply->error);
    /* What a broken stream said last cannot be relied on: the whole is asked for again. */
    bool doubtful = f->broken.code != SB_OK;
    f->pause = timer_start(f->around->loop, back_off(f), doubtful ? pause_over_list : pause_over_watch, f);
}

static void start_watch(struct kube_follow *f)
{
    struct sift_options s = {
        .what = "watch", .keep = f->watch_keep, .on_item = watched_item, .ctx = f, .items_max = INT64_MAX};
    _cleanup_buf_ struct buf path = {0};
    buf_printf(&path, "%s?watch=1&allowWatchBookmarks=true&timeoutSeconds=%d&resourceVersion=", f->o.path,
               WATCH_S);
    buf_add_url(&path, f->version);
    sift_free(f->sift);
    f->sift = sift_new(&s);
    f->broken = ERROR_NONE;
    f->too_old = f->got_something = false;
    f->watch_since = loop_mono_ms();
    f->request = (struct http_request){.method = "GET",
                                       .path = buf_str(&path),
                                       .what = f->o.what,
                                       .no_retry = true,
                                       .total_ms = -1,
                                       .idle_ms = WATCH_S * 1000 + 15000,
                                       .on_body = on_body};
    f->watch = kube_send(f->kube, &f->request, watch_ended, f);
    f->request.path = f->o.path;
}

struct kube_follow *kube_follow_start(struct surroundings *around, struct kube *k,
                                      const struct kube_follow_options *o)
{
    static const char *const always[] = {
        "type", "object.code", "object.message", "object.metadata.resourceVersion", "object.metadata.name",
        NULL};
    struct kube_follow *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    f->around = around;
    f->kube = k;
    f->o = *o;
    f->o.path = arena_strdup(&f->arena, o->path);
    f->items = json_object();
    int n = 0;
    for (int i = 0; always[i]; i++)
        f->watch_keep[n++] = always[i];
    for (int i = 0; o->keep[i] && n < KEEP_MAX + 5; i++)
        f->watch_keep[n++] = arena_printf(&f->arena, "object.%s", o->keep[i]);
    start_list(f);
    return f;
}
