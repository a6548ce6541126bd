/* The kubernetes driver against a small API server that lists, pages, watches and forgets. */
#include "base/buf.h"
#include "base/hash.h"
#include "drive.h"
#include "net/server.h"
#include "systems/drivers.h"
#include "systems/kube_helm.h"
#include <sys/stat.h>
#include <zlib.h>

enum { WATCHERS = 32 };

struct watcher {
    struct api *api;
    struct exchange *x;
    char resource[32];
};

struct api {
    struct drive *d;
    struct server *server;
    json_t *objects; /* {resource: {name: object}} */
    json_t *past;    /* [{resource, type, version, object}]: what a watch is told that begins before it */
    int version;
    struct watcher watchers[WATCHERS];
    /* faults and what was seen */
    bool no_watch, expire_page, expire_watch, cut_watches, garbage;
    const char *forbidden; /* a resource */
    const char *token;     /* the only one that is accepted; NULL = any */
    int lists, pages, watches, logs, reviews, refused;
    char seen_token[128];
};

/* --- the server ------------------------------------------------------------------------------- */

static void watcher_gone(void *ctx)
{
    ((struct watcher *)ctx)->x = NULL;
}

static void send_event(struct watcher *w, const char *type, json_t *object)
{
    _cleanup_json_ json_t *e = json_pack("{s:s, s:O}", "type", type, "object", object);
    char *text = json_dumps(e, JSON_COMPACT);
    stream_write(w->x, text, strlen(text));
    stream_write(w->x, "\n", 1);
    free(text);
}

static void event(struct api *api, const char *resource, const char *type, json_t *object)
{
    json_array_append_new(api->past, json_pack("{s:s, s:s, s:i, s:o}", "resource", resource, "type", type,
                                               "version", api->version, "object", json_deep_copy(object)));
    for (int i = 0; i < WATCHERS; i++)
        if (api->watchers[i].x && strcmp(api->watchers[i].resource, resource) == 0)
            send_event(&api->watchers[i], type, object);
}

static void tell_past(struct watcher *w, int from)
{
    size_t i;
    json_t *e;
    json_array_foreach(w->api->past, i, e)
        if (json_int(e, "version", 0) > from && strcmp(json_str(e, "resource", ""), w->resource) == 0)
            send_event(w, json_str(e, "type", ""), json_object_get(e, "object"));
}

static json_t *objects_of(struct api *api, const char *resource)
{
    if (!json_object_get(api->objects, resource))
        json_object_set_new(api->objects, resource, json_object());
    return json_object_get(api->objects, resource);
}

/* Puts an object there, and tells those who watch. Takes it. */
static void put(struct api *api, const char *resource, json_t *object)
{
    char version[16];
    json_t *all = objects_of(api, resource);
    const char *name = json_str(object, "metadata.name", "");
    (void)snprintf(version, sizeof version, "%d", ++api->version);
    json_object_set_new(json_object_get(object, "metadata"), "resourceVersion", json_string(version));
    bool known = json_object_get(all, name) != NULL;
    json_object_set(all, name, object);
    event(api, resource, known ? "MODIFIED" : "ADDED", object);
    json_decref(object);
}

static void remove_object(struct api *api, const char *resource, const char *name)
{
    json_t *all = objects_of(api, resource), *object = json_incref(json_object_get(all, name));
    json_object_del(all, name);
    json_object_set_new(json_object_get(object, "metadata"), "resourceVersion",
                        json_sprintf("%d", ++api->version));
    event(api, resource, "DELETED", object);
    json_decref(object);
}

static void status(struct exchange *x, int code, const char *reason)
{
    answer_json(x, code,
                json_pack("{s:s, s:s, s:s, s:i, s:{}}", "kind", "Status", "message", reason, "reason", reason,
                          "code", code, "metadata"));
}

static void answer_list(struct api *api, struct exchange *x, const char *resource)
{
    json_t *all = objects_of(api, resource), *items = json_array(), *object;
    const char *limit = request_query(x, "limit"), *token = request_query(x, "continue"), *name;
    int from = token ? atoi(token) : 0, most = limit ? atoi(limit) : 1000000, at = 0;
    if (token && api->expire_page) {
        api->expire_page = false;
        json_decref(items);
        status(x, 410, "Expired");
        return;
    }
    api->pages++;
    if (strcmp(resource, "secrets") == 0) {
        assert_string_equal(request_query(x, "labelSelector"), "owner=helm");
        assert_non_null(strstr(request_header(x, "Accept"), "PartialObjectMetadataList"));
    }
    json_object_foreach(all, name, object) {
        if (at >= from && at < from + most)
            json_array_append(items, object);
        at++;
    }
    json_t *meta = json_pack("{s:o}", "resourceVersion", json_sprintf("%d", api->version));
    if (at > from + most)
        json_object_set_new(meta, "continue", json_sprintf("%d", from + most));
    answer_json(x, 200,
                json_pack("{s:s, s:s, s:o, s:o}", "kind", "XList", "apiVersion", "v1", "metadata", meta,
                          "items", items));
}

static void answer_watch(struct api *api, struct exchange *x, const char *resource)
{
    int i = 0;
    while (i < WATCHERS && api->watchers[i].x)
        i++;
    assert_true(i < WATCHERS);
    api->watches++;
    struct watcher *w = &api->watchers[i];
    answer_stream(x, 200, "application/json", 1 << 20);
    w->x = x;
    w->api = api;
    (void)snprintf(w->resource, sizeof w->resource, "%s", resource);
    exchange_on_end(x, watcher_gone, w);
    if (api->expire_watch) {
        api->expire_watch = false;
        _cleanup_json_ json_t *gone = json_pack("{s:s, s:s, s:i}", "kind", "Status", "message",
                                                "too old resource version", "code", 410);
        send_event(w, "ERROR", gone);
        stream_end(x);
    } else if (api->cut_watches) {
        stream_end(x);
    } else {
        /* A stream has no headers on the wire before its first bytes. */
        _cleanup_json_ json_t *mark =
            json_pack("{s:{s:s}}", "metadata", "resourceVersion", request_query(x, "resourceVersion"));
        send_event(w, "BOOKMARK", mark);
        tell_past(w, atoi(request_query(x, "resourceVersion")));
    }
}

static bool let_in(struct api *api, struct exchange *x)
{
    const char *header = request_header(x, "Authorization");
    (void)snprintf(api->seen_token, sizeof api->seen_token, "%s", header ? header : "");
    if (!api->token || (header && strcmp(header + 7, api->token) == 0))
        return true;
    api->refused++;
    status(x, 401, "Unauthorized");
    return false;
}

static void serve(void *ctx, struct exchange *x)
{
    struct api *api = ctx;
    const char *path = exchange_request(x)->path, *resource = strrchr(path, '/') + 1;
    if (!let_in(api, x))
        return;
    if (strcmp(path, "/version") == 0) {
        answer_json(x, 200, json_pack("{s:s}", "gitVersion", "v1.34.0"));
    } else if (strstr(path, "selfsubjectaccessreviews")) {
        _cleanup_json_ json_t *asked = json_loads(exchange_request(x)->body, 0, NULL);
        const char *what = json_str(asked, "spec.resourceAttributes.resource", "");
        api->reviews++;
        answer_json(x, 201,
                    json_pack("{s:{s:b}}", "status", "allowed",
                              !(api->forbidden && strcmp(what, api->forbidden) == 0)));
    } else if (strcmp(resource, "log") == 0) {
        api->logs++;
        assert_string_equal(request_query(x, "previous"), "true");
        answer_text(x, 200, "starting\npanic: no database\n");
    } else if (!strstr(path, "/namespaces/shop/")) {
        status(x, 404, "NotFound");
    } else if (api->forbidden && strcmp(resource, api->forbidden) == 0) {
        status(x, 403, "Forbidden");
    } else if (strstr(path, "/secrets/")) {
        answer_json(x, 200, json_incref(json_object_get(objects_of(api, "secrets"), resource)));
    } else if (api->garbage) {
        answer_text(x, 200, "<html>please log in</html>");
    } else if (request_query(x, "watch")) {
        if (api->no_watch)
            status(x, 405, "MethodNotAllowed");
        else
            answer_watch(api, x, resource);
    } else {
        api->lists++;
        answer_list(api, x, resource);
    }
}

/* --- set-up ----------------------------------------------------------------------------------- */

static int up(void **state)
{
    struct api *api = calloc(1, sizeof *api);
    struct error err = ERROR_NONE;
    struct server_options o = {.address = "127.0.0.1:0", .listen_fd = -1};
    api->d = drive_new();
    api->objects = json_object();
    api->past = json_array();
    api->version = 100;
    api->server = server_new(api->d->loop, &o, serve, api, &err);
    assert_non_null(api->server);
    *state = api;
    return 0;
}

static int down(void **state)
{
    struct api *api = *state;
    drive_close(api->d);
    server_free(api->server);
    json_decref(api->objects);
    json_decref(api->past);
    drive_free(api->d);
    free(api);
    return 0;
}

static char *file_of(struct api *api, const char *name, const char *text)
{
    char *path = arena_printf(&api->d->arena, "%s/%s", api->d->state_dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static char *kubeconfig_of(struct api *api, const char *user)
{
    return file_of(
        api, "kubeconfig",
        arena_printf(
            &api->d->arena,
            "current-context: prod\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:%d'}}]\n"
            "users: [{name: u, user: %s}]\n"
            "contexts: [{name: prod, context: {cluster: c, user: u, namespace: shop}}]\n",
            server_port(api->server), user));
}

static void open_cluster(struct api *api, const char *user, const char *rest)
{
    const char *settle = strstr(rest, "settle") ? "" : "settle: 200ms\n";
    char *config = arena_printf(
        &api->d->arena, "kubeconfig: %s\n%ssteady: 400ms\ntargets:\n  tangerine/prod: {context: prod}\n%s",
        kubeconfig_of(api, user), settle, rest);
    drive_open(api->d, &kubernetes_driver, config);
}

/* --- what is in the cluster ------------------------------------------------------------------- */

static void deployment(struct api *api, const char *name, const char *tag, int replicas, int done)
{
    put(api, "deployments",
        json_pack("{s:{s:s, s:i}, s:{s:i, s:{s:{s:[{s:s, s:o}]}}}, s:{s:i, s:i, s:i, s:i}}", "metadata",
                  "name", name, "generation", 2, "spec", "replicas", replicas, "template", "spec",
                  "containers", "name", "app", "image", json_sprintf("r.example/takeoff/%s:%s", name, tag),
                  "status", "observedGeneration", 2, "replicas", replicas, "updatedReplicas", done,
                  "availableReplicas", done));
}

static json_t *pod_json(const char *service, const char *id, const char *tag, bool ready, int restarts,
                        const char *waiting)
{
    json_t *state = waiting ? json_pack("{s:{s:s, s:s}}", "waiting", "reason", waiting, "message", "because")
                            : json_pack("{s:{}}", "running");
    return json_pack("{s:{s:o, s:{s:s}, s:[{s:s, s:o, s:b}]}, s:{s:[{s:s, s:o}]}, s:{s:s, s:[{s:s, s:s}], "
                     "s:[{s:s, s:b, s:i, s:o}]}}",
                     "metadata", "name", json_sprintf("%s-%s", service, id), "labels", "pod-template-hash",
                     "h", "ownerReferences", "kind", "ReplicaSet", "name", json_sprintf("%s-h", service),
                     "controller", 1, "spec", "containers", "name", "app", "image",
                     json_sprintf("r.example/takeoff/%s:%s", service, tag), "status", "phase", "Running",
                     "conditions", "type", "Ready", "status", ready ? "True" : "False", "containerStatuses",
                     "name", "app", "ready", ready, "restartCount", restarts, "state", state);
}

static void pod(struct api *api, const char *service, const char *id, const char *tag, bool ready,
                int restarts, const char *waiting)
{
    put(api, "pods", pod_json(service, id, tag, ready, restarts, waiting));
}

static json_t *verify_cart(const char *tag)
{
    return json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "client", "tangerine", "env", "prod", "services",
                     "service", "cart", "tag", tag);
}

static const json_t *last_view(struct api *api)
{
    return json_array_get(api->d->end.views, json_array_size(api->d->end.views) - 1);
}

/* Runs until the last view's `path` is the text. */
static void wait_for_view(struct api *api, const char *path, const char *text)
{
    for (int i = 0; i < 500; i++) {
        if (strcmp(json_str(last_view(api), path, ""), text) == 0)
            return;
        if (api->d->end.over)
            fail_msg("over: %s", api->d->end.error.text);
        drive_run(api->d, 10, &api->d->end.over);
    }
    char *view = json_dumps(last_view(api), JSON_INDENT(1));
    fail_msg("never saw %s = %s in %s", path, text, view);
}

/* --- versions --------------------------------------------------------------------------------- */

static json_t *tangerine(void)
{
    return json_pack("{s:s, s:s}", "client", "tangerine", "env", "prod");
}

static void versions_are_counted_over_all_pages(void **state)
{
    struct api *api = *state;
    char id[16];
    for (int i = 0; i < 25; i++) {
        (void)snprintf(id, sizeof id, "h-%d", i);
        pod(api, i % 5 ? "cart" : "pay", id, i == 7 ? "2" : "1", true, 0, NULL);
    }
    open_cluster(api, "{}", "page: 10\nimages: takeoff\n");
    drive_do(api->d, "versions", "k", tangerine());
    assert_done(api->d);
    assert_int_equal(api->pages, 3);
    assert_string_equal(drive_str(api->d, "services.cart"), "1");
    assert_string_equal(drive_str(api->d, "services.pay"), "1");
    assert_string_equal(drive_str(api->d, "mixed.cart.1"), "2");
    assert_string_equal(drive_str(api->d, "images.0.image"), "r.example/takeoff/cart:1");
    assert_int_equal(json_int(api->d->end.result, "images.0.count", 0), 19);
}

static void an_expired_page_begins_the_list_again_and_counts_nothing_twice(void **state)
{
    struct api *api = *state;
    char id[16];
    for (int i = 0; i < 25; i++) {
        (void)snprintf(id, sizeof id, "h-%d", i);
        pod(api, "cart", id, "1", true, 0, NULL);
    }
    api->expire_page = true;
    open_cluster(api, "{}", "page: 10\n");
    drive_do(api->d, "versions", "k", tangerine());
    assert_done(api->d);
    assert_int_equal(json_int(api->d->end.result, "images.0.count", 0), 25);
}

static void what_is_no_list_and_what_is_not_allowed_are_no_empty_versions(void **state)
{
    struct api *api = *state;
    open_cluster(api, "{}", "");
    api->garbage = true;
    drive_do(api->d, "versions", "k", tangerine());
    assert_int_equal(api->d->end.kind, OUTCOME_RETRY);
    api->garbage = false;
    api->forbidden = "pods";
    drive_do(api->d, "versions", "k", tangerine());
    assert_int_equal(api->d->end.kind, OUTCOME_FAILED);
    assert_non_null(strstr(api->d->end.error.text, "Forbidden"));
    drive_do(api->d, "versions", "k", json_pack("{s:s, s:s}", "client", "tangerin", "env", "prod"));
    assert_int_equal(api->d->end.kind, OUTCOME_FAILED);
    assert_non_null(strstr(api->d->end.error.text, "did you mean \"tangerine/prod\""));
}

/* --- Helm ------------------------------------------------------------------------------------- */

/* A record as Helm keeps it: JSON, packed, base64, and base64 once more for Kubernetes. Caller frees. */
static char *packed(const void *json, size_t n, bool pack)
{
    size_t room = n + 1024;
    unsigned char *bytes = malloc(room);
    if (pack) {
        z_stream z = {.next_in = (Bytef *)(uintptr_t)json,
                      .avail_in = (uInt)n,
                      .next_out = bytes,
                      .avail_out = (uInt)room};
        assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        room = z.total_out;
        (void)deflateEnd(&z);
    } else {
        memcpy(bytes, json, n);
        room = n;
    }
    char *inner = base64_encode(bytes, room, false), *outer = base64_encode(inner, strlen(inner), false);
    free(bytes);
    free(inner);
    return outer;
}

static char *record_of(int revision, const char *status)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"name\":\"cart\",\"version\":%d,\"info\":{\"status\":\"%s\",\"last_deployed\":\"2026-"
                   "09-02T10:00:12Z\",\"description\":\"d\"},"
                   "\"config\":{\"password\":\"hunter2\"},\"chart\":{\"metadata\":{\"name\":\"cart\","
                   "\"version\":\"2.3.0\",\"appVersion\":\"1.4.2\"}}}",
                   revision, status);
    return packed(text, strlen(text), true);
}

static void revision(struct api *api, int n, const char *status, const char *record)
{
    put(api, "secrets",
        json_pack("{s:{s:o, s:{s:s, s:o, s:s}}, s:{s:s}}", "metadata", "name",
                  json_sprintf("sh.helm.release.v1.cart.v%d", n), "labels", "name", "cart", "version",
                  json_sprintf("%d", n), "status", status, "data", "release", record));
}

static void the_newest_revision_of_each_helm_release_is_told(void **state)
{
    struct api *api = *state;
    char *old = record_of(9, "superseded"), *now = record_of(10, "deployed");
    revision(api, 9, "superseded", old);
    revision(api, 10, "deployed", now);
    pod(api, "cart", "h-a", "1", true, 0, NULL);
    open_cluster(api, "{}", "helm: true\n");
    drive_do(api->d, "versions", "k", tangerine());
    assert_done(api->d);
    assert_int_equal(json_array_size(json_object_get(api->d->end.result, "releases")), 1);
    assert_int_equal(json_int(api->d->end.result, "releases.0.revision", 0), 10);
    assert_string_equal(drive_str(api->d, "releases.0.status"), "deployed");
    assert_string_equal(drive_str(api->d, "releases.0.chart"), "cart-2.3.0");
    assert_string_equal(drive_str(api->d, "releases.0.app_version"), "1.4.2");
    char *all = json_dumps(api->d->end.result, 0);
    assert_null(strstr(all, "hunter2"));
    free(all);
    revision(api, 11, "pending-upgrade", "no record");
    drive_do(api->d, "versions", "k", tangerine());
    assert_int_equal(json_int(api->d->end.result, "releases.0.revision", 0), 11);
    assert_string_equal(drive_str(api->d, "releases.0.status"), "pending-upgrade");
    free(old);
    free(now);
}

static void helm_releases_that_may_not_be_read_leave_the_versions_as_they_are(void **state)
{
    struct api *api = *state;
    pod(api, "cart", "h-a", "1", true, 0, NULL);
    api->forbidden = "secrets";
    open_cluster(api, "{}", "helm: true\n");
    drive_do(api->d, "versions", "k", tangerine());
    assert_done(api->d);
    assert_string_equal(drive_str(api->d, "services.cart"), "1");
    assert_non_null(strstr(drive_str(api->d, "says"), "Forbidden"));
}

static void a_helm_record_is_read_in_all_its_forms_and_bounded(void **state)
{
    (void)state;
    struct error err = ERROR_NONE;
    static const char plain[] = "{\"name\":\"cart\",\"version\":3}";
    char *old = packed(plain, strlen(plain), false);
    json_t *r = kube_helm_record(old, &err);
    assert_int_equal(json_int(r, "revision", 0), 3);
    json_decref(r);
    free(old);
    char *whole = record_of(1, "deployed");
    for (size_t n = 0; n < strlen(whole); n += 5) {
        char *part = strndup(whole, n);
        r = kube_helm_record(part, &err);
        assert_null(r);
        assert_null(strstr(err.text, "hunter2"));
        free(part);
    }
    free(whole);
    size_t big = (size_t)HELM_RECORD_MAX + 100;
    char *blank = malloc(big);
    memset(blank, ' ', big);
    char *bomb = packed(blank, big, true);
    assert_true(strlen(bomb) < 1 << 20);
    assert_null(kube_helm_record(bomb, &err));
    assert_int_equal(err.code, SB_LIMIT);
    free(bomb);
    free(blank);
    assert_null(kube_helm_record("***", &err));
    assert_int_equal(err.code, SB_PARSE);
}

/* --- verify ----------------------------------------------------------------------------------- */

static void a_service_that_runs_at_its_tag_is_verified(void **state)
{
    struct api *api = *state;
    deployment(api, "cart", "2", 2, 2);
    pod(api, "cart", "h-a", "2", true, 5, NULL);
    pod(api, "cart", "h-b", "2", true, 0, NULL);
    pod(api, "pay", "h-c", "9", false, 0, "CrashLoopBackOff");
    open_cluster(api, "{}", "");
    drive_do(api->d, "verify", "k", verify_cart("2"));
    assert_done(api->d);
    assert_int_equal(json_array_size(json_object_get(api->d->end.result, "problems")), 0);
    assert_int_equal(json_array_size(json_object_get(api->d->end.result, "pods")), 2);
    assert_int_equal(json_int(api->d->end.result, "services.0.ready", 0), 2);
    assert_string_equal(drive_str(api->d, "services.0.runs"), "2");
}

static void a_rollout_is_followed_live_to_its_end(void **state)
{
    struct api *api = *state;
    deployment(api, "cart", "1", 1, 1);
    pod(api, "cart", "h-a", "1", true, 0, NULL);
    open_cluster(api, "{}", "");
    drive_begin(api->d, false, "verify", "k", verify_cart("2"));
    wait_for_view(api, "problems.0.reason", "WrongImage");
    deployment(api, "cart", "2", 1, 0);
    pod(api, "cart", "h-b", "2", false, 0, "ContainerCreating");
    wait_for_view(api, "services.0.says", "cart: 0 of 1 pods updated");
    deployment(api, "cart", "2", 1, 1);
    wait_for_view(api, "services.0.says", "1 pods still run another version");
    remove_object(api, "pods", "cart-h-a");
    wait_for_view(api, "services.0.says", "0 of 1 pods ready");
    pod(api, "cart", "h-b", "2", true, 0, NULL);
    drive_wait(api->d);
    assert_done(api->d);
    assert_int_equal(api->lists, 4);
}

static void a_crash_loop_of_the_new_version_fails_at_once_with_its_last_words(void **state)
{
    struct api *api = *state;
    deployment(api, "cart", "2", 2, 1);
    pod(api, "cart", "h-a", "1", true, 0, NULL);
    pod(api, "cart", "h-b", "2", false, 3, "CrashLoopBackOff");
    open_cluster(api, "{}", "");
    int64_t before = loop_mono_ms();
    drive_do(api->d, "verify", "k", verify_cart("2"));
    assert_true(loop_mono_ms() - before < 5000);
    assert_int_equal(api->d->end.kind, OUTCOME_FAILED);
    assert_string_equal(drive_str(api->d, "problems.0.pod"), "cart-h-b");
    assert_string_equal(drive_str(api->d, "problems.0.reason"), "CrashLoopBackOff");
    assert_non_null(strstr(drive_str(api->d, "problems.0.log"), "panic: no database"));
    assert_non_null(strstr(api->d->end.error.text, "cart: cart-h-b: CrashLoopBackOff"));
}

static void a_crash_loop_is_not_forgotten_while_the_container_runs_between_two_crashes(void **state)
{
    struct api *api = *state;
    deployment(api, "cart", "2", 1, 0);
    pod(api, "cart", "h-b", "2", false, 1, "CrashLoopBackOff");
    open_cluster(api, "{}", "settle: 500ms\n");
    drive_begin(api->d, false, "verify", "k", verify_cart("2"));
    wait_for_view(api, "problems.0.reason", "CrashLoopBackOff");
    json_t *between = pod_json("cart", "h-b", "2", false, 2, NULL);
    json_t *container =
        json_array_get(json_object_get(json_object_get(between, "status"), "containerStatuses"), 0);
    json_object_set_new(container, "lastState", json_pack("{s:{s:s}}", "terminated", "reason", "OOMKilled"));
    put(api, "pods", between);
    wait_for_view(api, "problems.0.reason", "Crashing");
    drive_wait(api->d);
    assert_int_equal(api->d->end.kind, OUTCOME_FAILED);
    assert_string_equal(drive_str(api->d, "problems.0.message"), "OOMKilled");
    assert_int_equal(api->logs, 1);
}

static void what_passes_within_the_settling_time_is_no_failure(void **state)
{
    struct api *api = *state;
    deployment(api, "cart", "2", 1, 1);
    pod(api, "cart", "h-b", "2", false, 0, "ErrImagePull");
    open_cluster(api, "{}", "settle: 600ms\n");
    drive_begin(api->d, false, "verify", "k", verify_cart("2"));
    wait_for_view(api, "problems.0.reason", "ErrImagePull");
    pod(api, "cart", "h-b", "2", true, 0, NULL);
    drive_wait(api->d);
    assert_done(api->d);
}

static void an_old_pod_that_crashes_does_not_fail_the_fix_for_it(void **state)
{
    struct api *api = *state;
    deployment(api, "cart", "2", 1, 0);
    pod(api, "cart", "h-a", "1", false, 40, "CrashLoopBackOff");
    open_cluster(api, "{}", "");
    drive_begin(api->d, false, "verify", "k", verify_cart("2"));
    drive_run(api->d, 600, NULL);
    assert_false(api->d->end.over);
    assert_string_equal(json_str(last_view(api), "problems.0.reason", ""), "CrashLoopBackOff");
    remove_object(api, "pods", "cart-h-a");
    pod(api, "cart", "h-b", "2", true, 0, NULL);
    deployment(api, "cart", "2", 1, 1);
    drive_wait(api->d);
    assert_done(api->d);
}

static void a_pod_that_restarts_is_waited_for_until_it_stays(void **state)
{
    struct api *api = *state;
    deployment(api, "cart", "2", 1, 1);
    pod(api, "cart", "h-b", "2", true, 1, NULL);
    open_cluster(api, "{}", "settle: 1500ms\n");
    drive_begin(api->d, false, "verify", "k", verify_cart("2"));
    wait_for_view(api, "services.0.says", "runs, 1 of 1 pods ready");
    pod(api, "cart", "h-b", "2", true, 2, NULL);
    wait_for_view(api, "problems.0.reason", "Restarted");
    int64_t restarted = loop_mono_ms();
    drive_wait(api->d);
    assert_done(api->d);
    assert_true(loop_mono_ms() - restarted >= 350);
}

static void a_rollout_over_its_deadline_fails(void **state)
{
    struct api *api = *state;
    json_t *d = json_loads(
        "{\"metadata\":{\"name\":\"cart\",\"generation\":2},\"spec\":{\"replicas\":1,\"template\":{\"spec\":{"
        "\"containers\":["
        "{\"name\":\"app\",\"image\":\"r/"
        "cart:2\"}]}}},\"status\":{\"observedGeneration\":2,\"conditions\":[{\"type\":\"Progressing\","
        "\"status\":\"False\",\"reason\":\"ProgressDeadlineExceeded\",\"message\":\"timed out\"}]}}",
        0, NULL);
    put(api, "deployments", d);
    open_cluster(api, "{}", "");
    drive_do(api->d, "verify", "k", verify_cart("2"));
    assert_int_equal(api->d->end.kind, OUTCOME_FAILED);
    assert_string_equal(drive_str(api->d, "problems.0.reason"), "ProgressDeadlineExceeded");
}

static void a_service_that_nothing_is_named_after_is_said_to_be_missing(void **state)
{
    struct api *api = *state;
    deployment(api, "trolley", "2", 1, 1);
    pod(api, "trolley", "h-a", "2", true, 0, NULL);
    open_cluster(api, "{}", "");
    drive_begin(api->d, false, "verify", "k", verify_cart("2"));
    wait_for_view(api, "problems.0.reason", "NotFound");
    drive_close(api->d);
    open_cluster(api, "{}", "services: {cart: trolley}\n");
    drive_do(api->d, "verify", "k", verify_cart("2"));
    assert_done(api->d);
}

/* --- versions from a standing watch ------------------------------------------------------------ */

static void look(struct api *api)
{
    drive_do(api->d, "versions", "k", tangerine());
    assert_done(api->d);
}

/* Looks until the version of the service is the tag ("(none)": it does not run). */
static void looks_until(struct api *api, const char *path, const char *tag)
{
    for (int i = 0; i < 500; i++) {
        look(api);
        if (strcmp(drive_str(api->d, path), tag) == 0)
            return;
        drive_run(api->d, 10, NULL);
    }
    fail_msg("%s never became %s but is %s", path, tag, drive_str(api->d, path));
}

/* The place has been asked about so often that a watch stands. */
static void a_watch_stands(struct api *api, const char *rest)
{
    pod(api, "cart", "h-a", "1", true, 0, NULL);
    pod(api, "cart", "h-b", "1", true, 0, NULL);
    pod(api, "pay", "h-a", "7", true, 0, NULL);
    open_cluster(api, "{}", rest);
    api->d->looks = true;
    look(api);
    assert_int_equal(api->lists, 1);
    assert_int_equal(api->watches, 0);
    look(api);
    int lists = strstr(rest, "standing: 0s") ? 2 : 3; /* the watch's own */
    for (int i = 0; i < 500 && (api->lists < lists || api->watches < lists - 2); i++)
        drive_run(api->d, 10, NULL);
    drive_run(api->d, 50, NULL);
}

static void who_looks_again_is_answered_without_a_call_and_sees_what_changes(void **state)
{
    struct api *api = *state;
    a_watch_stands(api, "");
    int lists = api->lists;
    assert_int_equal(api->watches, 1);
    look(api);
    assert_string_equal(drive_str(api->d, "services.cart"), "1");
    assert_int_equal(json_int(api->d->end.result, "images.0.count", 0), 2);
    pod(api, "cart", "h-a", "2", true, 0, NULL);
    looks_until(api, "mixed.cart.1", "2");
    pod(api, "cart", "h-b", "2", true, 0, NULL);
    looks_until(api, "services.cart", "2");
    assert_int_equal(json_array_size(json_object_get(api->d->end.result, "images")), 2);
    remove_object(api, "pods", "pay-h-a");
    looks_until(api, "services.pay", "(none)");
    assert_int_equal(json_array_size(json_object_get(api->d->end.result, "images")), 1);
    assert_int_equal(api->lists, lists);
}

static void a_change_reads_from_the_server_itself_though_a_watch_stands(void **state)
{
    struct api *api = *state;
    a_watch_stands(api, "");
    int lists = api->lists;
    api->d->looks = false;
    look(api);
    assert_int_equal(api->lists, lists + 1);
}

static void a_standing_watch_that_is_too_old_counts_anew(void **state)
{
    struct api *api = *state;
    api->expire_watch = true;
    a_watch_stands(api, "");
    pod(api, "cart", "h-b", "2", true, 0, NULL);
    looks_until(api, "mixed.cart.1", "2");
    assert_int_equal(json_int(api->d->end.result, "images.0.count", 0), 1);
    assert_int_equal(json_int(api->d->end.result, "images.1.count", 0), 1);
}

static void while_a_watch_is_broken_each_look_reads(void **state)
{
    struct api *api = *state;
    a_watch_stands(api, "");
    api->token = "another";
    for (int i = 0; i < WATCHERS; i++)
        if (api->watchers[i].x)
            stream_write(api->watchers[i].x, "<html>", 6);
    drive_run(api->d, 300, NULL);
    drive_do(api->d, "versions", "k", tangerine());
    assert_int_not_equal(api->d->end.kind, OUTCOME_DONE);
}

static void a_watch_that_nobody_asks_about_ends(void **state)
{
    struct api *api = *state;
    a_watch_stands(api, "standing: 1s\n");
    drive_run(api->d, 1500, NULL);
    int lists = api->lists;
    look(api);
    assert_int_equal(api->lists, lists + 1);
    int watched = 0;
    for (int i = 0; i < WATCHERS; i++)
        watched += api->watchers[i].x != NULL;
    assert_int_equal(watched, 0);
}

static void no_watch_stands_where_none_is_wanted(void **state)
{
    struct api *api = *state;
    a_watch_stands(api, "standing: 0s\n");
    look(api);
    assert_int_equal(api->lists, 3);
    assert_int_equal(api->watches, 0);
}

/* --- watching --------------------------------------------------------------------------------- */

static void change_is_noticed(struct api *api)
{
    pod(api, "cart", "h-b", "2", false, 0, "ImagePullBackOff");
    drive_wait(api->d);
    assert_int_equal(api->d->end.kind, OUTCOME_FAILED);
    assert_string_equal(drive_str(api->d, "problems.0.reason"), "ImagePullBackOff");
}

static void begin_waiting(struct api *api)
{
    deployment(api, "cart", "2", 1, 0);
    pod(api, "cart", "h-b", "2", false, 0, "ContainerCreating");
    open_cluster(api, "{}", "");
    drive_begin(api->d, false, "verify", "k", verify_cart("2"));
}

static void a_watch_that_is_too_old_lists_again(void **state)
{
    struct api *api = *state;
    api->expire_watch = true;
    begin_waiting(api);
    drive_run(api->d, 300, NULL);
    assert_int_equal(api->lists, 5);
    change_is_noticed(api);
}

static void watches_that_end_are_taken_up_again(void **state)
{
    struct api *api = *state;
    api->cut_watches = true;
    begin_waiting(api);
    drive_run(api->d, 500, NULL);
    api->cut_watches = false;
    assert_true(api->watches > 4);
    drive_run(api->d, 3000, NULL);
    assert_int_equal(api->lists, 4);
    change_is_noticed(api);
}

static void where_watching_is_not_allowed_it_lists_again_and_again(void **state)
{
    struct api *api = *state;
    api->no_watch = true;
    begin_waiting(api);
    drive_run(api->d, 400, NULL);
    assert_true(api->lists > 4);
    change_is_noticed(api);
}

static void rights_to_daemonsets_are_not_needed(void **state)
{
    struct api *api = *state;
    api->forbidden = "daemonsets";
    deployment(api, "cart", "2", 1, 1);
    pod(api, "cart", "h-b", "2", true, 0, NULL);
    open_cluster(api, "{}", "");
    drive_do(api->d, "verify", "k", verify_cart("2"));
    assert_done(api->d);
}

static void a_verification_that_is_cancelled_or_closed_is_silent(void **state)
{
    struct api *api = *state;
    begin_waiting(api);
    drive_run(api->d, 100, NULL);
    task_cancel(api->d->task);
    drive_run(api->d, 50, NULL);
    drive_begin(api->d, false, "verify", "k", verify_cart("2"));
    drive_run(api->d, 100, NULL);
    drive_close(api->d);
    drive_run(api->d, 100, NULL);
    assert_false(api->d->end.over);
}

/* --- signing in ------------------------------------------------------------------------------- */

static void a_token_and_a_token_file_sign_in(void **state)
{
    struct api *api = *state;
    api->token = "abcdef-token";
    open_cluster(api, "{token: abcdef-token}", "");
    drive_do(api->d, "versions", "k", tangerine());
    assert_done(api->d);
    drive_close(api->d);
    char *file = file_of(api, "tok", "stale-token\n");
    open_cluster(api, "{tokenFile: tok}", "");
    drive_do(api->d, "versions", "k", tangerine());
    assert_int_equal(api->d->end.kind, OUTCOME_FAILED);
    (void)file_of(api, "tok", "abcdef-token\n");
    (void)file;
    drive_do(api->d, "versions", "k", tangerine());
    assert_done(api->d);
}

/* A plugin that counts its runs and prints what is in the file "cred". */
static const char *plugin(struct api *api)
{
    char *script = file_of(
        api, "plugin.sh",
        arena_printf(
            &api->d->arena,
            "#!/bin/sh\necho run >>%s/runs\nprintf "
            "'{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":'\n"
            "cat %s/cred\necho '}'\n",
            api->d->state_dir, api->d->state_dir));
    assert_int_equal(chmod(script, 0700), 0);
    return "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin.sh, interactiveMode: "
           "Never}}";
}

static int plugin_runs(struct api *api)
{
    int n = 0, c;
    FILE *f = fopen(arena_printf(&api->d->arena, "%s/runs", api->d->state_dir), "r");
    while (f && (c = fgetc(f)) != EOF)
        n += c == '\n';
    if (f)
        fclose(f);
    return n;
}

static void a_plugin_runs_once_and_again_when_its_token_is_refused(void **state)
{
    struct api *api = *state;
    const char *user = plugin(api);
    (void)file_of(api, "cred", "{\"token\":\"first-token\"}");
    api->token = "first-token";
    open_cluster(api, user, "");
    for (int i = 0; i < 3; i++) {
        drive_do(api->d, "versions", "k", tangerine());
        assert_done(api->d);
    }
    assert_int_equal(plugin_runs(api), 1);
    (void)file_of(api, "cred", "{\"token\":\"second-token\"}");
    api->token = "second-token";
    drive_do(api->d, "versions", "k", tangerine());
    assert_done(api->d);
    assert_int_equal(plugin_runs(api), 2);
    api->token = "third-token";
    drive_do(api->d, "versions", "k", tangerine());
    assert_int_equal(api->d->end.kind, OUTCOME_FAILED);
    assert_int_equal(plugin_runs(api), 3);
}

static void a_plugin_runs_once_for_all_who_wait_and_anew_when_its_token_has_expired(void **state)
{
    struct api *api = *state;
    const char *user = plugin(api);
    (void)file_of(api, "cred",
                  "{\"token\":\"first-token\",\"expirationTimestamp\":\"2020-01-01T00:00:00Z\"}");
    deployment(api, "cart", "2", 1, 1);
    pod(api, "cart", "h-b", "2", true, 0, NULL);
    open_cluster(api, user, "");
    drive_begin(api->d, false, "verify", "k", verify_cart("2"));
    drive_run(api->d, 150, NULL);
    drive_wait(api->d);
    assert_done(api->d);
    int runs = plugin_runs(api);
    assert_true(runs >= 1);
    drive_do(api->d, "versions", "k", tangerine());
    assert_int_equal(plugin_runs(api), runs + 1);
}

static void a_plugin_that_fails_is_named_with_its_words(void **state)
{
    struct api *api = *state;
    const char *user = plugin(api);
    open_cluster(api, user, "");
    char *script = file_of(api, "plugin.sh", "#!/bin/sh\necho 'reauthentication is needed' >&2\nexit 1\n");
    (void)script;
    drive_do(api->d, "versions", "k", tangerine());
    assert_int_not_equal(api->d->end.kind, OUTCOME_DONE);
    assert_non_null(strstr(api->d->end.error.text, "reauthentication is needed"));
    drive_close(api->d);
    open_cluster(api,
                 "{exec: {apiVersion: client.authentication.k8s.io/v1, command: /no/such/plugin, "
                 "installHint: Install it.}}",
                 "");
    drive_do(api->d, "versions", "k", tangerine());
    assert_int_not_equal(api->d->end.kind, OUTCOME_DONE);
    assert_non_null(strstr(api->d->end.error.text, "/no/such/plugin"));
}

/* --- configuration, doctor -------------------------------------------------------------------- */

static void wrong_configurations_are_refused_with_their_place(void **state)
{
    struct api *api = *state;
    static const struct {
        const char *rest;
        int line;
    } rows[] = {
        {"", 1},
        {"targets: []\n", 2},
        {"targets:\n  tangerine: {context: prod}\n", 3},
        {"targets:\n  tangerine/prod: {context: prodd}\n", 3},
        {"targets:\n  tangerine/prod: {contextt: prod}\n", 3},
        {"targets:\n  tangerine/prod: prod\n", 3},
        {"targets: {t/p: {}}\nservices: {cart: [a]}\n", 3},
        {"targets: {t/p: {}}\nhelm: maybe\n", 3},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err = ERROR_NONE;
        char *config =
            arena_printf(&api->d->arena, "kubeconfig: %s\n%s", kubeconfig_of(api, "{}"), rows[i].rest);
        if (drive_try_open(api->d, &kubernetes_driver, config, &err))
            fail_msg("opened: %s", rows[i].rest);
        if (err.line != rows[i].line)
            fail_msg("line %d: %s", err.line, err.text);
    }
}

static void one_target_can_stand_for_all_with_names_filled_in(void **state)
{
    struct api *api = *state;
    pod(api, "cart", "h-a", "1", true, 0, NULL);
    drive_open(api->d, &kubernetes_driver,
               arena_printf(&api->d->arena,
                            "kubeconfig: %s\ntargets: {'*': {context: '{env}', namespace: '{client}'}}\n",
                            kubeconfig_of(api, "{}")));
    drive_do(api->d, "versions", "k", json_pack("{s:s, s:s}", "client", "shop", "env", "prod"));
    assert_done(api->d);
    assert_string_equal(drive_str(api->d, "services.cart"), "1");
    drive_do(api->d, "versions", "k", json_pack("{s:s, s:s}", "client", "shop", "env", "stage"));
    assert_int_equal(api->d->end.kind, OUTCOME_FAILED);
}

static void doctor_hears_of_the_server_its_clock_and_every_right(void **state)
{
    struct api *api = *state;
    api->forbidden = "statefulsets";
    open_cluster(api, "{}", "helm: true\n");
    struct ending *end = drive_check(api->d);
    int ok = 0, warn = 0;
    for (int i = 0; i < end->n_checks; i++) {
        ok += end->checks[i].state == CHECK_OK;
        warn += end->checks[i].state == CHECK_WARN;
    }
    assert_int_equal(api->reviews, 8);
    assert_int_equal(warn, 1);
    assert_true(ok >= 8);
    assert_non_null(strstr(end->texts[0], "v1.34.0"));
}

#define api_test(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        api_test(versions_are_counted_over_all_pages),
        api_test(an_expired_page_begins_the_list_again_and_counts_nothing_twice),
        api_test(what_is_no_list_and_what_is_not_allowed_are_no_empty_versions),
        api_test(the_newest_revision_of_each_helm_release_is_told),
        api_test(helm_releases_that_may_not_be_read_leave_the_versions_as_they_are),
        cmocka_unit_test(a_helm_record_is_read_in_all_its_forms_and_bounded),
        api_test(a_service_that_runs_at_its_tag_is_verified),
        api_test(a_rollout_is_followed_live_to_its_end),
        api_test(a_crash_loop_of_the_new_version_fails_at_once_with_its_last_words),
        api_test(a_crash_loop_is_not_forgotten_while_the_container_runs_between_two_crashes),
        api_test(what_passes_within_the_settling_time_is_no_failure),
        api_test(an_old_pod_that_crashes_does_not_fail_the_fix_for_it),
        api_test(a_pod_that_restarts_is_waited_for_until_it_stays),
        api_test(a_rollout_over_its_deadline_fails),
        api_test(a_service_that_nothing_is_named_after_is_said_to_be_missing),
        api_test(who_looks_again_is_answered_without_a_call_and_sees_what_changes),
        api_test(a_change_reads_from_the_server_itself_though_a_watch_stands),
        api_test(a_standing_watch_that_is_too_old_counts_anew),
        api_test(while_a_watch_is_broken_each_look_reads),
        api_test(a_watch_that_nobody_asks_about_ends),
        api_test(no_watch_stands_where_none_is_wanted),
        api_test(a_watch_that_is_too_old_lists_again),
        api_test(watches_that_end_are_taken_up_again),
        api_test(where_watching_is_not_allowed_it_lists_again_and_again),
        api_test(rights_to_daemonsets_are_not_needed),
        api_test(a_verification_that_is_cancelled_or_closed_is_silent),
        api_test(a_token_and_a_token_file_sign_in),
        api_test(a_plugin_runs_once_and_again_when_its_token_is_refused),
        api_test(a_plugin_runs_once_for_all_who_wait_and_anew_when_its_token_has_expired),
        api_test(a_plugin_that_fails_is_named_with_its_words),
        api_test(wrong_configurations_are_refused_with_their_place),
        api_test(one_target_can_stand_for_all_with_names_filled_in),
        api_test(doctor_hears_of_the_server_its_clock_and_every_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
