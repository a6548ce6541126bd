/* kube_helm.c: see kube_helm.h. */
#include "systems/kube_helm.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "systems/kube_list.h"
#include "systems/kubernetes.h"
#include "systems/sift.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { RELEASES_MAX = 500, SECRET_MAX = 8 << 20 };

/* --- one record ------------------------------------------------------------------------------- */

static void take_record(void *ctx, json_t *item)
{
    json_t **out = ctx;
    if (!*out)
        *out = json_incref(item);
}

static struct sift *record_sift(json_t **out)
{
    static const char *const keep[] = {"name",
                                       "version",
                                       "info.status",
                                       "info.last_deployed",
                                       "info.description",
                                       "chart.metadata.name",
                                       "chart.metadata.version",
                                       "chart.metadata.appVersion",
                                       NULL};
    return sift_new(&(struct sift_options){
        .what = "release", .keep = keep, .on_item = take_record, .ctx = out, .string_max = 512});
}

/* Unpacks piece by piece into the sift, so that a bomb costs time for HELM_RECORD_MAX bytes and memory for
 * none. */
static bool feed_packed(struct sift *s, const uint8_t *data, size_t n, struct error *err)
{
    uint8_t piece[16384];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)n};
    size_t total = 0;
    int state = Z_OK;
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        return error_set(err, SB_INTERNAL, "zlib");
    bool ok = true;
    while (ok && state == Z_OK) {
        z.next_out = piece;
        z.avail_out = sizeof piece;
        state = inflate(&z, Z_NO_FLUSH);
        size_t got = sizeof piece - z.avail_out;
        total += got;
        if (state != Z_OK && state != Z_STREAM_END)
            ok = error_set(err, SB_PARSE, "release: its record is not whole");
        else if (total > HELM_RECORD_MAX)
            ok = error_set(err, SB_LIMIT, "release: its record is larger than 64 MiB");
        else
            ok = sift_feed(s, (const char *)piece, got, err);
    }
    (void)inflateEnd(&z);
    return ok;
}

static bool unpack(struct sift *s, const char *data, struct error *err)
{
    size_t n = 0, m = 0;
    uint8_t *outer = base64_decode(data, strlen(data), false, &n);
    uint8_t *inner = outer ? base64_decode((const char *)outer, n, false, &m) : NULL;
    bool ok = inner != NULL;
    if (!ok)
        (void)error_set(err, SB_PARSE, "release: its record is not base64");
    else if (m >= 3 && memcmp(inner, "\x1f\x8b\x08", 3) == 0)
        ok = feed_packed(s, inner, m, err);
    else /* the oldest records are not packed */
        ok = sift_feed(s, (const char *)inner, m, err);
    free(inner);
    free(outer);
    return ok && sift_end(s, err);
}

json_t *kube_helm_record(const char *data, struct error *err)
{
    json_t *record = NULL;
    struct error why = ERROR_NONE;
    struct sift *s = record_sift(&record);
    bool ok = unpack(s, data, &why);
    sift_free(s);
    if (!ok || !record) {
        /* A parser's words could quote a value. */
        (void)error_set(err, why.code ? why.code : SB_PARSE, "a Helm release cannot be read%s",
                        why.code == SB_LIMIT ? ": it is too large" : "");
        json_decref(record);
        return NULL;
    }
    const char *chart = json_str(record, "chart.metadata.name", "");
    json_t *release = json_pack(
        "{s:s, s:I, s:s, s:o, s:s, s:s, s:s}", "release", json_str(record, "name", ""), "revision",
        (json_int_t)json_int(record, "version", 0), "status", json_str(record, "info.status", ""), "chart",
        json_sprintf("%s-%s", chart, json_str(record, "chart.metadata.version", "")), "app_version",
        json_str(record, "chart.metadata.appVersion", ""), "updated",
        json_str(record, "info.last_deployed", ""), "description", json_str(record, "info.description", ""));
    json_decref(record);
    return release;
}

/* --- all of them ------------------------------------------------------------------------------ */

/* The newest revision of a release. */
struct newest {
    struct kube_helm *helm;
    struct kube_call *call;
    json_t *release;
};

struct kube_helm {
    struct kube *kube;
    struct arena arena;
    char *path;
    kube_helm_fn *done;
    void *ctx;
    struct kube_list *list;
    json_t *labels; /* {release: {"revision", "status", "secret"}} of the newest */
    struct newest *newest;
    int n, pending;
};

static void helm_free(struct kube_helm *h)
{
    for (int i = 0; i < h->n; i++) {
        kube_cancel(h->newest[i].call);
        json_decref(h->newest[i].release);
    }
    json_decref(h->labels);
    arena_free(&h->arena);
    free(h);
}

void kube_helm_cancel(struct kube_helm *h)
{
    if (!h)
        return;
    kube_list_cancel(h->list);
    helm_free(h);
}

static int by_release(const void *a, const void *b)
{
    return strcmp(json_str(((const struct newest *)a)->release, "release", ""),
                  json_str(((const struct newest *)b)->release, "release", ""));
}

static void all_read(struct kube_helm *h)
{
    _cleanup_json_ json_t *list = json_array();
    qsort(h->newest, (size_t)h->n, sizeof *h->newest, by_release);
    for (int i = 0; i < h->n; i++)
        json_array_append(list, h->newest[i].release);
    h->done(h->ctx, list, NULL);
    helm_free(h);
}

static void secret_came(void *ctx, const struct http_reply *reply)
{
    struct newest *n = ctx;
    struct kube_helm *h = n->helm;
    struct error err = ERROR_NONE;
    n->call = NULL;
    _cleanup_json_ json_t *secret =
        reply->status == 200 ? json_read(reply->body, reply->body_len, SECRET_MAX, "secret", &err) : NULL;
    const char *data = json_str(secret, "data.release", NULL);
    json_t *whole = data ? kube_helm_record(data, &err) : NULL;
    /* What its labels say stays when the record cannot be read. */
    if (whole) {
        json_decref(n->release);
        n->release = whole;
    }
    if (--h->pending == 0)
        all_read(h);
}

static void read_newest(struct kube_helm *h)
{
    const char *name;
    json_t *its;
    h->newest = ARENA_ARRAY(&h->arena, RELEASES_MAX, struct newest);
    json_object_foreach(h->labels, name, its) {
        if (h->n == RELEASES_MAX)
            break;
        struct newest *n = &h->newest[h->n++];
        _cleanup_buf_ struct buf path = {0};
        n->helm = h;
        n->release = json_pack("{s:s, s:O, s:O, s:s, s:s, s:s, s:s}", "release", name, "revision",
                               json_object_get(its, "revision"), "status", json_object_get(its, "status"),
                               "chart", "", "app_version", "", "updated", "", "description", "");
        buf_printf(&path, "%s/", h->path);
        buf_add_url(&path, json_str(its, "secret", ""));
        struct http_request r = {.method = "GET",
                                 .path = buf_str(&path),
                                 .what = "release",
                                 .repeatable = true,
                                 .body_max = SECRET_MAX};
        h->pending++;
        n->call = kube_send(h->kube, &r, secret_came, n);
    }
    if (h->n == 0)
        all_read(h);
}

static void take_labels(void *ctx, json_t *item)
{
    struct kube_helm *h = ctx;
    const char *name = json_str(item, "metadata.labels.name", NULL),
               *secret = json_str(item, "metadata.name", NULL);
    int64_t revision = strtoll(json_str(item, "metadata.labels.version", "0"), NULL, 10);
    if (!name || !secret || revision <= json_int(json_object_get(h->labels, name), "revision", 0))
        return;
    json_object_set_new(h->labels, name,
                        json_pack("{s:I, s:s, s:s}", "revision", (json_int_t)revision, "status",
                                  json_str(item, "metadata.labels.status", ""), "secret", secret));
}

static void labels_again(void *ctx)
{
    json_object_clear(((struct kube_helm *)ctx)->labels);
}

static void labels_read(void *ctx, const struct kube_list_end *end)
{
    struct kube_helm *h = ctx;
    h->list = NULL;
    if (end->ok) {
        read_newest(h);
        return;
    }
    h->done(h->ctx, NULL, &end->failed.error);
    helm_free(h);
}

struct kube_helm *kube_helm_start(struct kube *k, const char *namespace_, kube_helm_fn *done, void *ctx)
{
    static const char *const keep[] = {"metadata.name", "metadata.labels.name", "metadata.labels.version",
                                       "metadata.labels.status", NULL};
    struct kube_helm *h = calloc(1, sizeof *h);
    if (!h)
        abort();
    h->kube = k;
    h->done = done;
    h->ctx = ctx;
    h->labels = json_object();
    h->path = kubernetes_path("/api/v1", namespace_, "secrets", &h->arena);
    struct kube_list_options o = {.what = "list of Helm releases",
                                  .path = arena_printf(&h->arena, "%s?labelSelector=owner%%3Dhelm", h->path),
                                  .keep = keep,
                                  .metadata_only = true,
                                  .on_item = take_labels,
                                  .on_again = labels_again,
                                  .done = labels_read,
                                  .ctx = h};
    h->list = kube_list_start(k, &o);
    return h;
}
