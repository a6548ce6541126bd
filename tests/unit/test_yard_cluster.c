/* The stand-in cluster and the measures taken of it. */
#include "yard_play.h"

#include <zlib.h>

#define JOB        "/job/multi_deploy_pipeline"
#define HOTFIX     "24-02-05.619-hotfix.627"
#define CLUSTER    "/clusters/tangerine-prod"
#define PODS       CLUSTER "/api/v1/namespaces/prod/pods"
#define DECANTING  PODS "?labelSelector=app%3Ddecanting-service"
#define DEPLOYMENT CLUSTER "/apis/apps/v1/namespaces/prod/deployments/decanting-service"
#define ERRORS                                                                                             \
    "/api/v1/"                                                                                             \
    "query?query=sum(rate(http_requests_total%7Bservice%3D%22decanting-service%22%2Ccode%3D~%225..%22%7D%" \
    "5B1m%5D))%2Fsum(rate(http_requests_total%7Bservice%3D%22decanting-service%22%7D%5B1m%5D))"

static void get(struct play *p, const char *path)
{
    assert_int_equal(ask(p, "kubernetes", "GET", path, NULL), 200);
}

/* Deploys a tag of decanting-service in tangerine/prod, until just after the Deploy stage. */
static void deploy(struct play *p, const char *tag)
{
    char form[256];
    snprintf(form, sizeof form, "CLIENT=tangerine&ENV=prod&SIGNALBOX_KEY=%s&decanting-service=%s", tag, tag);
    assert_int_equal(ask(p, "jenkins", "POST", JOB "/buildWithParameters", form), 201);
    leap(p, 8.1);
}

static int pods_of_tag(struct play *p, const char *tag, bool ready)
{
    int n = 0;
    size_t i;
    json_t *pod;
    get(p, DECANTING);
    json_array_foreach(json_object_get(p->json, "items"), i, pod) {
        const char *image = json_str(pod, "spec.containers.0.image", "");
        bool fits = str_eq(strrchr(image, ':') + 1, tag) && !json_path(pod, "metadata.deletionTimestamp");
        n += fits && (!ready || json_flag(pod, "status.containerStatuses.0.ready", false));
    }
    return n;
}

static double error_ratio(struct play *p)
{
    assert_int_equal(ask(p, "prometheus", "GET", ERRORS, NULL), 200);
    return atof(said(p, "data.result.0.value.1"));
}

static void every_client_has_about_thirty_pods_in_production(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    get(&p, PODS);
    assert_int_equal(json_array_size(json_object_get(p.json, "items")), 30);
    assert_string_equal(said(&p, "kind"), "PodList");
    get(&p, CLUSTER "/api/v1/namespaces/other/pods");
    assert_int_equal(json_array_size(json_object_get(p.json, "items")), 0);
    p.unsigned_in = true;
    assert_int_equal(ask(&p, "kubernetes", "GET", PODS, NULL), 401);
    assert_string_equal(said(&p, "reason"), "Unauthorized");
    play_close(&p);
}

static void pages_of_a_list_show_one_moment(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    char path[256];
    size_t seen = 0;
    play_open(&p, NULL, NULL);
    deploy(&p, HOTFIX);
    get(&p, PODS "?limit=9");
    char version[32];
    snprintf(version, sizeof version, "%s", said(&p, "metadata.resourceVersion"));
    for (;;) {
        seen += json_array_size(json_object_get(p.json, "items"));
        assert_string_equal(said(&p, "metadata.resourceVersion"), version);
        if (!*said(&p, "metadata.continue"))
            break;
        snprintf(path, sizeof path, PODS "?limit=9&continue=%s", said(&p, "metadata.continue"));
        leap(&p, 0.5);
        get(&p, path);
    }
    assert_int_equal(seen, 31); /* one more than wanted, while it rolls */
    get(&p, PODS "?limit=9");
    snprintf(path, sizeof path, PODS "?limit=9&continue=%s", said(&p, "metadata.continue"));
    leap(&p, 301);
    assert_int_equal(ask(&p, "kubernetes", "GET", path, NULL), 410);
    assert_string_equal(said(&p, "reason"), "Expired");
    play_close(&p);
}

/* Selectors, and how many of the 30 pods they leave. */
static const struct {
    const char *query;
    size_t n;
} selectors[] = {
    {"labelSelector=app%3Ddecanting-service", 4},
    {"labelSelector=app%21%3Ddecanting-service", 26},
    {"labelSelector=app+in+%28decanting-service%2Cputaway-service%29", 7},
    {"labelSelector=app+notin+%28decanting-service%2C+putaway-service%29%2Cpod-template-hash", 23},
    {"labelSelector=%21app", 0},
    {"fieldSelector=status.phase%3DRunning", 30},
    {"fieldSelector=status.phase%21%3DRunning", 0},
};

static void selectors_leave_what_they_say(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(selectors); i++) {
        char path[256];
        snprintf(path, sizeof path, PODS "?%s", selectors[i].query);
        get(&p, path);
        assert_int_equal(json_array_size(json_object_get(p.json, "items")), selectors[i].n);
    }
    play_close(&p);
}

static void a_deployed_tag_rolls_out_pod_by_pod(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    deploy(&p, HOTFIX);
    leap(&p, 0.9);
    get(&p, DEPLOYMENT);
    assert_int_equal(json_int(p.json, "metadata.generation", 0),
                     json_int(p.json, "status.observedGeneration", 1));
    assert_true(json_int(p.json, "status.updatedReplicas", 0) < 4);
    assert_string_equal(said(&p, "status.conditions.1.reason"), "ReplicaSetUpdated");
    assert_true(pods_of_tag(&p, HOTFIX, true) >= 1);
    assert_true(pods_of_tag(&p, HOTFIX, true) + pods_of_tag(&p, "24-02-05.619", true) >= 4);
    leap(&p, 3);
    assert_int_equal(pods_of_tag(&p, HOTFIX, true), 4);
    assert_int_equal(pods_of_tag(&p, "24-02-05.619", false), 0);
    get(&p, DEPLOYMENT);
    assert_string_equal(said(&p, "status.conditions.1.reason"), "NewReplicaSetAvailable");
    get(&p, CLUSTER "/apis/apps/v1/namespaces/prod/replicasets?labelSelector=app%3Ddecanting-service");
    assert_int_equal(json_array_size(json_object_get(p.json, "items")), 2);
    get(&p, "/clusters/pomelo-prod/api/v1/namespaces/prod/pods?labelSelector=app%3Ddecanting-service");
    assert_string_equal(said(&p, "items.0.spec.containers.0.image"),
                        "registry.example/retail/decanting-service:24-02-05.619");
    play_close(&p);
}

/* What can be wrong with a version, and how its pods show it. */
static const struct {
    const char *kind, *reason;
} ills[] = {
    {"crash_loop", "CrashLoopBackOff"},
    {"image_pull", "ImagePullBackOff"},
};

static void a_bad_version_hangs_and_the_former_one_comes_back(void **ctx)
{
    (void)ctx;
    for (size_t i = 0; i < COUNT_OF(ills); i++) {
        struct play p = {0};
        char scenario[256];
        snprintf(scenario, sizeof scenario,
                 "{\"kubernetes\":{\"%s\":{\"service\":\"decanting-service\",\"tag\":\"" HOTFIX "\"}}}",
                 ills[i].kind);
        play_open(&p, NULL, scenario);
        deploy(&p, HOTFIX);
        leap(&p, 4);
        assert_int_equal(pods_of_tag(&p, HOTFIX, false), 1);
        assert_int_equal(pods_of_tag(&p, "24-02-05.619", true), 4);
        get(&p, DECANTING);
        bool seen = false;
        size_t k;
        json_t *pod;
        json_array_foreach(json_object_get(p.json, "items"), k, pod)
            seen = seen || str_eq(json_str(pod, "status.containerStatuses.0.state.waiting.reason", ""),
                                  ills[i].reason);
        assert_true(seen);
        get(&p, CLUSTER "/api/v1/namespaces/prod/events?fieldSelector=type%3DWarning");
        assert_true(json_array_size(json_object_get(p.json, "items")) >= 1);
        leap(&p, 600);
        get(&p, DEPLOYMENT);
        assert_string_equal(said(&p, "status.conditions.1.reason"), "ProgressDeadlineExceeded");
        deploy(&p, "24-02-05.619");
        leap(&p, 1);
        assert_int_equal(pods_of_tag(&p, HOTFIX, false), 0);
        assert_int_equal(pods_of_tag(&p, "24-02-05.619", true), 4);
        get(&p, DEPLOYMENT);
        assert_string_equal(said(&p, "status.conditions.1.reason"), "NewReplicaSetAvailable");
        play_close(&p);
    }
}

static void what_runs_can_fall_ill_and_recover(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    patch(&p, "kubernetes",
          "{\"crash_loop\":{\"service\":\"decanting-service\",\"target\":\"tangerine/prod\"}}");
    leap(&p, 2);
    assert_int_equal(pods_of_tag(&p, "24-02-05.619", true), 0);
    get(&p, DECANTING);
    assert_true(json_int(p.json, "items.0.status.containerStatuses.0.restartCount", 0) >= 1);
    patch(&p, "kubernetes", "{\"crash_loop\":null}");
    assert_int_equal(pods_of_tag(&p, "24-02-05.619", true), 4);
    play_close(&p);
}

static void helm_has_a_record_of_each_release(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    deploy(&p, HOTFIX);
    get(&p, CLUSTER "/api/v1/namespaces/prod/secrets?labelSelector=owner%3Dhelm%2Cname%3Ddecanting-service");
    assert_int_equal(json_array_size(json_object_get(p.json, "items")), 2);
    assert_string_equal(said(&p, "items.0.metadata.labels.status"), "superseded");
    assert_string_equal(said(&p, "items.1.metadata.labels.status"), "deployed");
    const char *outer = said(&p, "items.1.data.release");
    size_t n, m;
    uint8_t *inner = base64_decode(outer, strlen(outer), false, &n);
    uint8_t *zipped = base64_decode((const char *)inner, n, false, &m);
    static char text[8192];
    z_stream z = {
        .next_in = zipped, .avail_in = (uInt)m, .next_out = (Bytef *)text, .avail_out = sizeof text - 1};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    inflateEnd(&z);
    _cleanup_json_ json_t *record = json_loads(text, 0, NULL);
    assert_string_equal(json_str(record, "config.image.tag", ""), HOTFIX);
    assert_string_equal(json_str(record, "info.status", ""), "deployed");
    free(inner);
    free(zipped);
    play_close(&p);
}

/* --- watches ----------------------------------------------------------------------------------------- */

struct watching {
    char text[1 << 18];
    size_t n;
    bool over;
};

static bool more(void *ctx, const char *bytes, size_t n)
{
    struct watching *w = ctx;
    if (w->n + n >= sizeof w->text)
        return false;
    memcpy(w->text + w->n, bytes, n);
    w->n += n;
    w->text[w->n] = '\0';
    return true;
}

static void watch_over(void *ctx, const struct http_reply *r)
{
    (void)r;
    ((struct watching *)ctx)->over = true;
}

/* The body goes to `on_body`, whose context is that of the callback. */
static struct http_call *watch(struct play *p, const char *path, struct watching *w)
{
    char auth[192];
    sign(p, "kubernetes", auth, sizeof auth);
    const char *headers[] = {auth, NULL};
    *w = (struct watching){0};
    return http_send(play_peer(p, "kubernetes"),
                     &(struct http_request){.method = "GET",
                                            .path = path,
                                            .headers = headers,
                                            .what = "watch",
                                            .total_ms = -1,
                                            .no_retry = true,
                                            .on_body = more},
                     watch_over, w);
}

static int count(const char *text, const char *word)
{
    int n = 0;
    for (; (text = strstr(text, word)) != NULL; text++)
        n++;
    return n;
}

static void wait_for(struct play *p, const struct watching *w, const char *word, int n)
{
    for (int64_t until = loop_mono_ms() + 5000;
         count(w->text, word) < n && !w->over && loop_mono_ms() < until;)
        loop_once(p->loop, true);
    assert_int_equal(count(w->text, word), n);
}

static void a_watch_tells_a_rollout_and_misses_nothing_when_resumed(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    static struct watching first, second;
    char path[512], version[32];
    play_open(&p, NULL, NULL);
    get(&p, DECANTING);
    snprintf(version, sizeof version, "%s", said(&p, "metadata.resourceVersion"));
    snprintf(path, sizeof path, "%s&watch=1&resourceVersion=%s", DECANTING, version);
    struct http_call *call = watch(&p, path, &first);
    deploy(&p, HOTFIX);
    wait_for(&p, &first, "\"type\":\"ADDED\"", 1);
    http_cancel(call);

    leap(&p, 30);
    call = watch(&p, path, &second);
    wait_for(&p, &second, "\"type\":\"ADDED\"", 4);
    wait_for(&p, &second, "\"type\":\"DELETED\"", 4);
    http_cancel(call);
    play_close(&p);
}

static void a_watch_from_too_long_ago_is_told_to_list_again(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    static struct watching w;
    char path[512];
    play_open(&p, NULL, NULL);
    get(&p, DECANTING);
    snprintf(path, sizeof path, "%s&watch=1&resourceVersion=%s", DECANTING,
             said(&p, "metadata.resourceVersion"));
    leap(&p, 301);
    watch(&p, path, &w);
    wait_for(&p, &w, "\"type\":\"ERROR\"", 1);
    assert_int_equal(count(w.text, "\"code\":410"), 1);
    while (!w.over)
        loop_once(p.loop, true);
    assert_int_equal(ask(&p, "kubernetes", "GET", DECANTING "&watch=1&resourceVersion=99999999999999", NULL),
                     504);
    assert_string_equal(p.retry_after, "1");
    play_close(&p);
}

/* --- measures ---------------------------------------------------------------------------------------- */

static void measures_follow_what_runs(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(
        &p, NULL,
        "{\"prometheus\":{\"degrade\":{\"service\":\"decanting-service\",\"after\":10,\"error_rate\":0.4}}}");
    assert_true(error_ratio(&p) < 0.01);
    deploy(&p, HOTFIX);
    leap(&p, 4);
    assert_true(error_ratio(&p) < 0.01);
    leap(&p, 15);
    assert_true(error_ratio(&p) > 0.3);
    assert_int_equal(ask(&p, "prometheus", "GET", "/api/v1/alerts", NULL), 200);
    assert_string_equal(said(&p, "data.alerts.0.labels.service"), "decanting-service");
    assert_string_equal(said(&p, "data.alerts.0.state"), "firing");
    deploy(&p, "24-02-05.619");
    leap(&p, 5);
    assert_true(error_ratio(&p) < 0.01);
    assert_int_equal(ask(&p, "prometheus", "GET", "/api/v1/rules?type=alert", NULL), 200);
    assert_string_equal(said(&p, "data.groups.0.rules.0.state"), "inactive");
    play_close(&p);
}

/* Queries, and what comes of them. */
static const struct {
    const char *query, *type, *value;
    int status;
    size_t n;
} queries[] = {
    {"/api/v1/query?query=1", "scalar", NULL, 200, 2},
    {"/api/v1/query?query=vector(0)", "vector", "0", 200, 1},
    {"/api/v1/query?query=nothing_of_ours", "vector", NULL, 200, 0},
    {"/api/v1/query?query=nothing_of_ours+or+vector(0)", "vector", "0", 200, 1},
    {"/api/v1/query?query=up", "vector", "1", 200, 8},
    {"/api/v1/query?query=up%7Bservice%3D~%22order-service%7Crouting-service%22%7D", "vector", "1", 200, 2},
    {"/api/v1/"
     "query?query=sum(rate(http_requests_total%7Bservice%3D%22order-service%22%2Cclient%3D%22pomelo%22%7D%"
     "5B1m%5D))",
     "vector", "48", 200, 1},
    {"/api/v1/query?query=sum(up", NULL, NULL, 400, 0},
    {"/api/v1/query", NULL, NULL, 400, 0},
    {"/api/v1/query_range?query=up&start=1700000000&end=1700000060&step=15s", "matrix", NULL, 200, 8},
    {"/api/v1/query_range?query=up&start=1700000000&end=1800000000&step=15s", NULL, NULL, 400, 0},
    {"/api/v1/status/buildinfo", NULL, NULL, 200, 0},
    {"/api/v2/nothing", NULL, NULL, 404, 0},
};

static void queries_are_understood_as_far_as_health_checks_go(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        assert_int_equal(ask(&p, "prometheus", "GET", queries[i].query, NULL), queries[i].status);
        if (!queries[i].type)
            continue;
        assert_string_equal(said(&p, "data.resultType"), queries[i].type);
        assert_int_equal(json_array_size(json_path(p.json, "data.result")), queries[i].n);
        if (queries[i].value)
            assert_string_equal(said(&p, "data.result.0.value.1"), queries[i].value);
    }
    play_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_client_has_about_thirty_pods_in_production),
        cmocka_unit_test(pages_of_a_list_show_one_moment),
        cmocka_unit_test(selectors_leave_what_they_say),
        cmocka_unit_test(a_deployed_tag_rolls_out_pod_by_pod),
        cmocka_unit_test(a_bad_version_hangs_and_the_former_one_comes_back),
        cmocka_unit_test(what_runs_can_fall_ill_and_recover),
        cmocka_unit_test(helm_has_a_record_of_each_release),
        cmocka_unit_test(a_watch_tells_a_rollout_and_misses_nothing_when_resumed),
        cmocka_unit_test(a_watch_from_too_long_ago_is_told_to_list_again),
        cmocka_unit_test(measures_follow_what_runs),
        cmocka_unit_test(queries_are_understood_as_far_as_health_checks_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
