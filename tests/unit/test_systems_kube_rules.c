/* What pods and workloads say: pure judgements over tables of objects. */
#include "base/buf.h"
#include "base/json.h"
#include "check.h"
#include "systems/kube_rules.h"

static json_t *object(const char *text)
{
    json_error_t e;
    json_t *j = json_loads(text, 0, &e);
    if (!j)
        fail_msg("%s: %s", e.text, text);
    return j;
}

static const struct {
    enum kube_kind kind;
    const char *workload;
    enum kube_rollout rollout;
    const char *says;
} rollouts[] = {
#define D(generation, spec, status) \
    "{\"metadata\":{\"name\":\"cart\",\"generation\":" generation "},\"spec\":" spec ",\"status\":" status "}"
#define COND(type, status, reason) \
    "{\"type\":\"" type "\",\"status\":\"" status "\",\"reason\":\"" reason "\",\"message\":\"m\"}"
    {KUBE_DEPLOYMENT,
     D("2", "{\"replicas\":3}",
       "{\"observedGeneration\":2,\"replicas\":3,\"updatedReplicas\":3,\"availableReplicas\":3}"),
     KUBE_ROLLOUT_DONE, ""},
    {KUBE_DEPLOYMENT,
     D("3", "{\"replicas\":3}",
       "{\"observedGeneration\":2,\"replicas\":3,\"updatedReplicas\":3,\"availableReplicas\":3}"),
     KUBE_ROLLOUT_WAITS, "not seen the change"},
    {KUBE_DEPLOYMENT,
     D("2", "{\"replicas\":3}",
       "{\"observedGeneration\":2,\"replicas\":3,\"updatedReplicas\":1,\"availableReplicas\":3}"),
     KUBE_ROLLOUT_WAITS, "1 of 3 pods updated"},
    {KUBE_DEPLOYMENT,
     D("2", "{\"replicas\":3}",
       "{\"observedGeneration\":2,\"replicas\":4,\"updatedReplicas\":3,\"availableReplicas\":3}"),
     KUBE_ROLLOUT_WAITS, "1 old pods"},
    {KUBE_DEPLOYMENT,
     D("2", "{\"replicas\":3}", "{\"observedGeneration\":2,\"replicas\":3,\"updatedReplicas\":3}"),
     KUBE_ROLLOUT_WAITS, "0 of 3 updated pods available"},
    {KUBE_DEPLOYMENT,
     D("2", "{}", "{\"observedGeneration\":2,\"replicas\":1,\"updatedReplicas\":1,\"availableReplicas\":1}"),
     KUBE_ROLLOUT_DONE, ""},
    {KUBE_DEPLOYMENT, D("2", "{\"replicas\":0}", "{\"observedGeneration\":2}"), KUBE_ROLLOUT_WAITS,
     "scaled to 0"},
    {KUBE_DEPLOYMENT,
     D("2", "{\"replicas\":3}",
       "{\"observedGeneration\":2,\"conditions\":[" COND("Progressing", "False",
                                                         "ProgressDeadlineExceeded") "]}"),
     KUBE_ROLLOUT_FAILED, "ProgressDeadlineExceeded"},
    {KUBE_DEPLOYMENT,
     D("3", "{\"replicas\":3}",
       "{\"observedGeneration\":2,\"conditions\":[" COND("Progressing", "False",
                                                         "ProgressDeadlineExceeded") "]}"),
     KUBE_ROLLOUT_WAITS, "not seen the change"},
    {KUBE_DEPLOYMENT, D("2", "{\"replicas\":3,\"paused\":true}", "{\"observedGeneration\":2,\"replicas\":3}"),
     KUBE_ROLLOUT_WAITS, "paused"},
    {KUBE_DEPLOYMENT,
     D("2", "{\"replicas\":3}",
       "{\"observedGeneration\":2,\"conditions\":[" COND("ReplicaFailure", "True", "FailedCreate") "]}"),
     KUBE_ROLLOUT_WAITS, "cannot be made: m"},
    {KUBE_STATEFULSET,
     D("1", "{\"replicas\":2}",
       "{\"observedGeneration\":1,\"readyReplicas\":2,\"updatedReplicas\":2,\"currentRevision\":\"b\","
       "\"updateRevision\":\"b\"}"),
     KUBE_ROLLOUT_DONE, ""},
    {KUBE_STATEFULSET, D("1", "{\"replicas\":2}", "{\"readyReplicas\":2}"), KUBE_ROLLOUT_WAITS, "not seen"},
    {KUBE_STATEFULSET,
     D("1", "{\"replicas\":2}",
       "{\"observedGeneration\":1,\"readyReplicas\":1,\"currentRevision\":\"b\",\"updateRevision\":\"b\"}"),
     KUBE_ROLLOUT_WAITS, "1 of 2 pods ready"},
    {KUBE_STATEFULSET,
     D("1", "{\"replicas\":2}",
       "{\"observedGeneration\":1,\"readyReplicas\":2,\"updatedReplicas\":1,\"currentRevision\":\"a\","
       "\"updateRevision\":\"b\"}"),
     KUBE_ROLLOUT_WAITS, "1 of 2 pods updated"},
    {KUBE_STATEFULSET,
     D("1", "{\"replicas\":3,\"updateStrategy\":{\"rollingUpdate\":{\"partition\":2}}}",
       "{\"observedGeneration\":1,\"readyReplicas\":3,\"updatedReplicas\":1,\"currentRevision\":\"a\","
       "\"updateRevision\":\"b\"}"),
     KUBE_ROLLOUT_DONE, ""},
    {KUBE_STATEFULSET,
     D("1", "{\"replicas\":1,\"updateStrategy\":{\"type\":\"OnDelete\"}}",
       "{\"observedGeneration\":1,\"readyReplicas\":1,\"currentRevision\":\"a\",\"updateRevision\":\"b\"}"),
     KUBE_ROLLOUT_WAITS, "OnDelete"},
    {KUBE_DAEMONSET,
     D("1", "{}",
       "{\"observedGeneration\":1,\"desiredNumberScheduled\":4,\"updatedNumberScheduled\":4,"
       "\"numberAvailable\":4}"),
     KUBE_ROLLOUT_DONE, ""},
    {KUBE_DAEMONSET,
     D("1", "{}",
       "{\"observedGeneration\":1,\"desiredNumberScheduled\":4,\"updatedNumberScheduled\":3,"
       "\"numberAvailable\":4}"),
     KUBE_ROLLOUT_WAITS, "3 of 4 pods updated"},
    {KUBE_DEPLOYMENT, "{\"metadata\":7,\"spec\":[],\"status\":null}", KUBE_ROLLOUT_WAITS, "0 of 1"},
};

static void a_rollout_is_complete_by_the_rules_of_kubectl(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rollouts); i++) {
        char says[300];
        _cleanup_json_ json_t *w = object(rollouts[i].workload);
        enum kube_rollout r = kube_rollout(w, rollouts[i].kind, says, sizeof says);
        if (r != rollouts[i].rollout || !strstr(says, rollouts[i].says))
            fail_msg("row %zu: %d \"%s\"", i, (int)r, says);
    }
}

static const char cart_pod[] =
    "{\"metadata\":{\"name\":\"cart-6d9f7-x2x\",\"labels\":{\"pod-template-hash\":\"6d9f7\"},"
    "\"ownerReferences\":[{\"kind\":\"Node\",\"name\":\"n\"},{\"kind\":\"ReplicaSet\",\"name\":\"cart-"
    "6d9f7\",\"controller\":true}]},"
    "\"spec\":{\"containers\":[{\"name\":\"proxy\",\"image\":\"mesh/"
    "proxy:9\"},{\"name\":\"app\",\"image\":\"r:5000/shop/cart-api:1.4.2\"}]},"
    "\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}";

static void a_pod_is_matched_by_its_workload_or_by_the_name_of_its_image(void **state)
{
    (void)state;
    static const struct {
        const char *as, *container;
        bool matches;
        const char *image;
    } rows[] = {
        {"cart", NULL, true, "r:5000/shop/cart-api:1.4.2"}, /* the workload's name; the image is akin to it */
        {"cart", "app", true, "r:5000/shop/cart-api:1.4.2"},
        {"cart-api", NULL, true, "r:5000/shop/cart-api:1.4.2"},
        {"proxy", NULL, true, "mesh/proxy:9"},
        {"cart-6d9f7", NULL, false, NULL},
        {"shop", NULL, false, NULL},
        {"app", NULL, false, NULL},
    };
    _cleanup_json_ json_t *pod = object(cart_pod);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct kube_service s = {.name = rows[i].as, .as = rows[i].as, .container = rows[i].container};
        assert_int_equal(kube_pod_of(pod, &s), rows[i].matches);
        if (rows[i].matches)
            assert_string_equal(kube_pod_image(pod, &s), rows[i].image);
    }
}

static void a_pod_that_is_leaving_is_not_ready(void **state)
{
    (void)state;
    _cleanup_json_ json_t *pod = object(cart_pod);
    assert_true(kube_pod_ready(pod));
    json_object_set_new(json_object_get(pod, "metadata"), "deletionTimestamp",
                        json_string("2026-09-02T10:00:00Z"));
    assert_false(kube_pod_ready(pod));
    assert_string_equal(kube_pod_state(pod), "Terminating");
}

#define WAITING(list, reason)                                                             \
    "{\"status\":{\"phase\":\"Pending\",\"" list                                          \
    "\":[{\"name\":\"c\",\"restartCount\":3,\"state\":{\"waiting\":{\"reason\":\"" reason \
    "\",\"message\":\"m\"}}}]}}"

static void waiting_reasons_are_told_apart_from_those_that_pass(void **state)
{
    (void)state;
    static const struct {
        const char *pod, *reason, *pod_state;
        bool fatal, crashed;
    } rows[] = {
        {WAITING("containerStatuses", "CrashLoopBackOff"), "CrashLoopBackOff", "CrashLoopBackOff", true,
         true},
        {WAITING("initContainerStatuses", "CrashLoopBackOff"), "CrashLoopBackOff", "CrashLoopBackOff", true,
         true},
        {WAITING("containerStatuses", "ImagePullBackOff"), "ImagePullBackOff", "ImagePullBackOff", true,
         false},
        {WAITING("containerStatuses", "ErrImagePull"), "ErrImagePull", "ErrImagePull", true, false},
        {WAITING("containerStatuses", "CreateContainerConfigError"), "CreateContainerConfigError",
         "CreateContainerConfigError", true, false},
        {WAITING("containerStatuses", "ContainerCreating"), "", "ContainerCreating", false, false},
        {WAITING("initContainerStatuses", "PodInitializing"), "", "PodInitializing", false, false},
        {"{\"status\":{\"phase\":\"Pending\",\"conditions\":[" COND("PodScheduled", "False",
                                                                    "Unschedulable") "]}}",
         "Unschedulable", "Pending", false, false},
        {"{\"status\":{\"phase\":\"Failed\",\"reason\":\"Evicted\"}}", "", "Evicted", false, false},
        {"{}", "", "Unknown", false, false},
        {"{\"status\":{\"containerStatuses\":\"x\",\"conditions\":{}}}", "", "Unknown", false, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_json_ json_t *pod = object(rows[i].pod);
        struct kube_problem p = kube_pod_problem(pod);
        assert_string_equal(p.reason, rows[i].reason);
        assert_int_equal(p.fatal, rows[i].fatal);
        assert_int_equal(p.crashed, rows[i].crashed);
        assert_string_equal(kube_pod_state(pod), rows[i].pod_state);
    }
}

static void all_that_runs_is_counted_by_service_and_by_image(void **state)
{
    (void)state;
    static const char *const pods[] = {
        cart_pod,
        "{\"metadata\":{\"ownerReferences\":[{\"kind\":\"StatefulSet\",\"name\":\"redis\",\"controller\":"
        "true}]},\"spec\":{\"containers\":[{\"name\":\"redis\",\"image\":\"redis:7\"}]}}",
        "{\"spec\":{\"containers\":[{\"name\":\"x\",\"image\":\"r/takeoff/pay@sha256:aa\"}]}}",
        "{\"spec\":{\"containers\":[{\"name\":\"x\",\"image\":\"r/"
        "job:1\"}]},\"status\":{\"phase\":\"Succeeded\"}}",
        "{\"spec\":{}}",
    };
    struct kube_service named[] = {{.name = "trolley", .as = "cart", .container = "app"}, {.name = NULL}};
    _cleanup_json_ json_t *images = json_object(), *versions = json_object();
    for (size_t i = 0; i < COUNT_OF(pods); i++) {
        _cleanup_json_ json_t *pod = object(pods[i]);
        kube_count_pod(pod, named, 1, images, versions);
    }
    _cleanup_json_ json_t *expected =
        object("{\"trolley\":{\"1.4.2\":1},\"redis\":{\"7\":1},\"pay\":{\"sha256:aa\":1}}");
    assert_true(json_equal(versions, expected));
    assert_int_equal(json_object_size(images), 4);
    assert_int_equal(json_integer_value(json_object_get(images, "mesh/proxy:9")), 1);
    for (size_t i = 0; i < COUNT_OF(pods); i++) { /* and what goes leaves nothing behind */
        _cleanup_json_ json_t *pod = object(pods[i]);
        kube_count_pod(pod, named, -1, images, versions);
    }
    assert_int_equal(json_object_size(images), 0);
    assert_int_equal(json_object_size(versions), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rollout_is_complete_by_the_rules_of_kubectl),
        cmocka_unit_test(a_pod_is_matched_by_its_workload_or_by_the_name_of_its_image),
        cmocka_unit_test(a_pod_that_is_leaving_is_not_ready),
        cmocka_unit_test(waiting_reasons_are_told_apart_from_those_that_pass),
        cmocka_unit_test(all_that_runs_is_counted_by_service_and_by_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
