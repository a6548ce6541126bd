/* kube_list.c: see kube_list.h. */
#include "systems/kube_list.h"
#include "base/buf.h"
#include "base/json.h"
#include "systems/sift.h"
#include "systems/support.h"
#include <stdlib.h>
#include <string.h>

enum { PAGE = 1000, PAGES_MAX = 10000, AGAIN_MAX = 3 };

struct kube_list {
    struct kube *kube;
    struct kube_list_options o;
    struct arena arena;
    struct http_request request;
    struct kube_call *call;
    struct sift *sift;
    struct error broken; /* the stream was not what it should be */
    struct buf token;    /* of the next page */
    int pages, again;
};

static void list_free(struct kube_list *l)
{
    sift_free(l->sift);
    buf_free(&l->token);
    arena_free(&l->arena);
    free(l);
}

void kube_list_cancel(struct kube_list *l)
{
    if (!l)
        return;
    kube_cancel(l->call);
    list_free(l);
}

static void tell_and_free(struct kube_list *l, const struct kube_list_end *end)
{
    l->o.done(l->o.ctx, end);
    list_free(l);
}

static void list_failed(struct kube_list *l, enum outcome_kind kind, const struct error *why)
{
    struct kube_list_end end = {.failed = {.kind = kind}};
    (void)error_wrap(why, &end.failed.error, "kubernetes");
    tell_and_free(l, &end);
}

static bool on_body(void *ctx, const char *bytes, size_t n)
{
    struct kube_list *l = ctx;
    return sift_feed(l->sift, bytes, n, &l->broken);
}

static void page_came(void *ctx, const struct http_reply *reply);

static void ask_for_page(struct kube_list *l)
{
    static const char *const root[] = {"kind", "metadata.continue", "metadata.resourceVersion", NULL};
    struct sift_options s = {.what = l->o.what,
                             .items = "items",
                             .keep = l->o.keep,
                             .keep_root = root,
                             .on_item = l->o.on_item,
                             .ctx = l->o.ctx,
                             .string_max = l->o.string_max};
    _cleanup_buf_ struct buf path = {0};
    buf_printf(&path, "%s%climit=%d", l->o.path, strchr(l->o.path, '?') ? '&' : '?',
               l->o.page > 0 ? l->o.page : PAGE);
    if (l->token.len) {
        buf_adds(&path, "&continue=");
        buf_add_url(&path, buf_str(&l->token));
    }
    sift_free(l->sift);
    l->sift = sift_new(&s);
    l->broken = ERROR_NONE;
    static const char *const partial[] = {
        "Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json", NULL};
    l->request = (struct http_request){
        .method = "GET", .path = buf_str(&path), .what = l->o.what, .repeatable = true, .on_body = on_body};
    l->request.headers = l->o.metadata_only ? partial : NULL;
    l->call = kube_send(l->kube, &l->request, page_came, l);
    l->request.path = l->o.path;
}

/* The token is too old (or the page vanished under us): the pages of two lists do not make one. */
static void begin_again(struct kube_list *l)
{
    if (l->o.on_again)
        l->o.on_again(l->o.ctx);
    buf_clear(&l->token);
    l->pages = 0;
    ask_for_page(l);
}

static void page_is_whole(struct kube_list *l)
{
    const json_t *root = sift_root(l->sift);
    const char *next = json_str(root, "metadata.continue", "");
    struct error err = ERROR_NONE;
    if (!root || !str_ends(json_str(root, "kind", ""), "List")) {
        (void)error_set(&err, SB_REMOTE, "%s: the answer is no list but \"%.60s\"", l->o.what,
                        json_str(root, "kind", ""));
        list_failed(l, OUTCOME_RETRY, &err);
        return;
    }
    if (!*next) {
        struct kube_list_end end = {.ok = true,
                                    .resource_version = json_str(root, "metadata.resourceVersion", "")};
        tell_and_free(l, &end);
        return;
    }
    if (++l->pages >= PAGES_MAX || str_eq(next, buf_str(&l->token))) {
        (void)error_set(&err, SB_LIMIT, "%s: its pages never end", l->o.what);
        list_failed(l, OUTCOME_FAILED, &err);
        return;
    }
    buf_clear(&l->token);
    buf_adds(&l->token, next);
    ask_for_page(l);
}

static void page_came(void *ctx, const struct http_reply *reply)
{
    struct kube_list *l = ctx;
    l->call = NULL;
    if (reply->status == 410 && l->again++ < AGAIN_MAX) {
        begin_again(l);
        return;
    }
    if (l->broken.code != SB_OK) {
        list_failed(l, l->broken.code == SB_LIMIT ? OUTCOME_FAILED : OUTCOME_RETRY, &l->broken);
        return;
    }
    if (reply->status != 200 || reply->error.code != SB_OK) {
        struct kube_list_end end = {.failed = outcome_of_failed_look(kube_peer(l->kube), &l->request, reply)};
        tell_and_free(l, &end);
        return;
    }
    if (!sift_end(l->sift, &l->broken))
        list_failed(l, OUTCOME_RETRY, &l->broken);
    else
        page_is_whole(l);
}

struct kube_list *kube_list_start(struct kube *k, const struct kube_list_options *o)
{
    struct kube_list *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    l->kube = k;
    l->o = *o;
    l->o.path = arena_strdup(&l->arena, o->path);
    ask_for_page(l);
    return l;
}
