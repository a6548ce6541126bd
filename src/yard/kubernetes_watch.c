/* Watches: what changed between two moments is found by looking at both, since the cluster is a function of
 * time. */
#include "base/json.h"
#include "yard/kubernetes.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 50, HISTORY_MS = 300000, BOOKMARK_MS = 10000, DEFAULT_TIMEOUT_S = 1800 };

struct watch {
    struct yard *y;
    struct exchange *x;
    struct selection what;
    json_t *seen; /* name -> object as last sent */
    struct timer *tick;
    int id;
    bool bookmarks, tables;
    int64_t ends, next_bookmark; /* monotonic */
};

static void send_event(struct watch *w, const char *type, json_t *object)
{
    json_object_set_new(object, "kind", json_string(w->what.kind->name));
    json_object_set_new(object, "apiVersion", json_string(w->what.kind->version));
    json_t *shown = json_incref(object);
    if (w->tables && !str_eq(type, "BOOKMARK"))
        shown = kube_table(
            w->what.kind,
            json_pack("{s:O, s:[o]}", "metadata", json_object_get(object, "metadata"), "items", shown),
            yard_now(w->y));
    json_t *event = json_pack("{s:s, s:o}", "type", type, "object", shown);
    char *line = json_dumps(event, JSON_COMPACT);
    stream_write(w->x, line, strlen(line));
    stream_write(w->x, "\n", 1);
    free(line);
    json_decref(event);
}

static json_t *bare(int64_t version)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)version);
    return json_pack("{s:{s:s}}", "metadata", "resourceVersion", text);
}

static void bookmark(struct watch *w, int64_t t, bool initial_end)
{
    _cleanup_json_ json_t *object = bare(t);
    if (initial_end)
        json_object_set_new(json_object_get(object, "metadata"), "annotations",
                            json_pack("{s:s}", "k8s.io/initial-events-end", "true"));
    send_event(w, "BOOKMARK", object);
}

static int by_version(const void *a, const void *b)
{
    int64_t x = strtoll(json_str(*(json_t *const *)a, "metadata.resourceVersion", "0"), NULL, 10);
    int64_t y = strtoll(json_str(*(json_t *const *)b, "metadata.resourceVersion", "0"), NULL, 10);
    return (x > y) - (x < y);
}

static json_t *by_names(json_t *items)
{
    json_t *all = json_object(), *item;
    size_t i;
    json_array_foreach(items, i, item)
        json_object_set(all, json_str(item, "metadata.name", ""), item);
    json_decref(items);
    return all;
}

static bool same(const json_t *a, const json_t *b)
{
    return str_eq(json_str(a, "metadata.resourceVersion", ""), json_str(b, "metadata.resourceVersion", ""));
}

/* Sends what differs from what was seen; in the order of versions, so that a client that resumes from the
 * last one it got has missed nothing. */
static void send_changes(struct watch *w, int64_t t)
{
    _cleanup_arena_ struct arena a = arena_make();
    json_t *now = by_names(kube_select(w->y, &w->what, t, &a)), *object;
    size_t n = 0;
    json_t **changed = arena_array(&a, json_object_size(now) + 1, sizeof *changed);
    const char *name;
    json_object_foreach(now, name, object)
        if (!same(object, json_object_get(w->seen, name)))
            changed[n++] = object;
    qsort(changed, n, sizeof *changed, by_version);
    for (size_t i = 0; i < n; i++) {
        bool known = json_object_get(w->seen, json_str(changed[i], "metadata.name", "")) != NULL;
        send_event(w, known ? "MODIFIED" : "ADDED", changed[i]);
    }
    json_object_foreach(w->seen, name, object)
        if (!json_object_get(now, name)) {
            _cleanup_json_ json_t *gone = bare(t);
            json_object_update(json_object_get(object, "metadata"), json_object_get(gone, "metadata"));
            send_event(w, "DELETED", object);
        }
    json_decref(w->seen);
    w->seen = now;
}

static void look(struct watch *w)
{
    yard_settle(w->y);
    int64_t t = yard_now(w->y);
    send_changes(w, t);
    if (w->bookmarks && loop_mono_ms() >= w->next_bookmark) {
        bookmark(w, t, false);
        w->next_bookmark = loop_mono_ms() + BOOKMARK_MS;
    }
}

static void tick(void *ctx);

static void arm(struct watch *w)
{
    w->tick = timer_start(yard_loop(w->y), TICK_MS, tick, w);
}

static void tick(void *ctx)
{
    struct watch *w = ctx;
    w->tick = NULL;
    if (loop_mono_ms() >= w->ends) {
        stream_end(w->x); /* comes back through ended() */
        return;
    }
    arm(w);
    look(w);
}

static void changed(void *ctx)
{
    look(ctx);
}

static void ended(void *ctx)
{
    struct watch *w = ctx;
    yard_unwatch(w->y, w->id);
    timer_cancel(w->tick);
    selection_free(&w->what);
    json_decref(w->seen);
    free(w);
}

static bool asked(const struct call *c, const char *name)
{
    const char *v = request_query(c->x, name);
    return v && (str_eq(v, "1") || str_eq(v, "true"));
}

static void too_old(struct call *c, int64_t from)
{
    if (!yard_answer_stream(c->y, c->x, 200, "application/json"))
        return;
    json_t *event = json_pack("{s:s, s:o}", "type", "ERROR", "object",
                              kube_status(410, "Expired",
                                          arena_printf(c->a, "too old resource version: %lld (%lld)",
                                                       (long long)from, (long long)c->now)));
    char *line = json_dumps(event, JSON_COMPACT);
    stream_write(c->x, line, strlen(line));
    stream_write(c->x, "\n", 1);
    stream_end(c->x);
    free(line);
    json_decref(event);
}

static void too_new(struct call *c, int64_t from)
{
    json_t *status = kube_status(504, "Timeout",
                                 arena_printf(c->a, "Too large resource version: %lld, current: %lld",
                                              (long long)from, (long long)c->now));
    json_object_set_new(status, "details",
                        json_pack("{s:[{s:s, s:s}], s:i}", "causes", "reason", "ResourceVersionTooLarge",
                                  "message", "Too large resource version", "retryAfterSeconds", 1));
    yard_answer_header(c->y, c->x, "Retry-After", "1");
    call_answer(c, 504, status);
}

static struct watch *watch_new(struct call *c, struct selection *s)
{
    struct watch *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    const char *timeout = request_query(c->x, "timeoutSeconds");
    long seconds = timeout ? strtol(timeout, NULL, 10) : 0;
    *w = (struct watch){.y = c->y, .x = c->x, .what = *s, .bookmarks = asked(c, "allowWatchBookmarks")};
    *s = (struct selection){0};
    const char *accept = request_header(c->x, "Accept");
    w->tables = accept && strstr(accept, "as=Table");
    w->ends = loop_mono_ms() +
              1000 * (int64_t)(seconds > 0 && seconds < DEFAULT_TIMEOUT_S ? seconds : DEFAULT_TIMEOUT_S);
    w->next_bookmark = loop_mono_ms() + BOOKMARK_MS;
    return w;
}

void kube_watch(struct call *c, struct selection *s)
{
    const char *version = request_query(c->x, "resourceVersion");
    int64_t from = version ? strtoll(version, NULL, 10) : 0;
    if (from > c->now) {
        too_new(c, from);
        return;
    }
    if (from > 0 && (from < json_int(c->world, "patched", 0) || from < c->now - HISTORY_MS)) {
        too_old(c, from);
        return;
    }
    if (!yard_answer_stream(c->y, c->x, 200, "application/json"))
        return;
    struct watch *w = watch_new(c, s);
    exchange_on_end(w->x, ended, w);
    bool initial = asked(c, "sendInitialEvents");
    w->seen = from > 0 && !initial ? by_names(kube_select(w->y, &w->what, from, c->a)) : json_object();
    w->id = yard_watch(w->y, changed, w);
    arm(w);
    send_changes(w, c->now);
    if (initial && w->bookmarks)
        bookmark(w, c->now, true);
}
