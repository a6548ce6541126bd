#include "yard_play.h"

#define JOB     "/job/multi_deploy_pipeline"
#define HOTFIX  "24-02-05.619-hotfix.627"
#define IN_PROD "CLIENT=tangerine&ENV=prod&SIGNALBOX_KEY=K1&decanting-service=" HOTFIX
#define IN_QA   "CLIENT=tangerine&ENV=qa&SIGNALBOX_KEY=K1&decanting-service=" HOTFIX

static void start(struct play *p, const char *form)
{
    assert_int_equal(ask(p, "jenkins", "POST", JOB "/buildWithParameters", form), 201);
}

/* "SUCCESS SUCCESS IN_PROGRESS" of build 41, as the stage view says it. */
static const char *stages(struct play *p)
{
    static char text[512];
    size_t i, n = 0;
    json_t *s;
    assert_int_equal(ask(p, "jenkins", "GET", JOB "/41/wfapi/describe", NULL), 200);
    text[0] = '\0';
    json_array_foreach(json_object_get(p->json, "stages"), i, s)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s:%s", i ? " " : "", json_str(s, "name", ""),
                              json_str(s, "status", ""));
    return text;
}

static const char *result(struct play *p)
{
    assert_int_equal(ask(p, "jenkins", "GET", JOB "/41/api/json?tree=result,building", NULL), 200);
    return json_flag(p->json, "building", true) ? "building" : json_str(p->json, "result", "none");
}

static void nobody_enters_without_the_right_token(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    p.unsigned_in = true;
    assert_int_equal(ask(&p, "jenkins", "GET", JOB "/api/json", NULL), 403);
    p.unsigned_in = false;
    json_object_set_new(json_object_get(p.urls, "secrets"), "jenkins", json_string("wrong"));
    assert_int_equal(ask(&p, "jenkins", "GET", JOB "/api/json", NULL), 401);
    play_close(&p);
}

static void a_build_waits_in_the_queue_and_leaves_it_once(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    start(&p, IN_PROD);
    assert_non_null(strstr(p.location, "/queue/item/4711/"));
    assert_int_equal(ask(&p, "jenkins", "POST", JOB "/buildWithParameters", IN_PROD), 303);
    assert_non_null(strstr(p.location, "/queue/item/4711/"));
    assert_int_equal(ask(&p, "jenkins", "GET", "/queue/item/4711/api/json", NULL), 200);
    assert_string_equal(said(&p, "_class"), "hudson.model.Queue$WaitingItem");
    assert_non_null(strstr(said(&p, "why"), "quiet period"));
    assert_int_equal(ask(&p, "jenkins", "GET",
                         "/queue/api/json?tree=items[id,task[name],actions[parameters[name,value]]]", NULL),
                     200);
    assert_int_equal(json_int(p.json, "items.0.id", 0), 4711);
    assert_string_equal(said(&p, "items.0.actions.0.parameters.2.value"), "K1");

    leap(&p, 1.2);
    assert_int_equal(ask(&p, "jenkins", "GET", "/queue/item/4711/api/json", NULL), 200);
    assert_string_equal(said(&p, "_class"), "hudson.model.Queue$LeftItem");
    assert_int_equal(json_int(p.json, "executable.number", 0), 41);
    assert_int_equal(ask(&p, "jenkins", "GET", "/queue/api/json", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(p.json, "items")), 0);
    assert_int_equal(deeds(&p, "?key=K1"), 1);

    leap(&p, 301);
    assert_int_equal(ask(&p, "jenkins", "GET", "/queue/item/4711/api/json", NULL), 404);
    start(&p, IN_PROD); /* nothing is merged once it has left the queue */
    assert_int_equal(deeds(&p, "?key=K1"), 2);
    play_close(&p);
}

static void what_waits_in_the_queue_can_be_cancelled(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    start(&p, IN_QA);
    assert_int_equal(ask(&p, "jenkins", "POST", "/queue/cancelItem?id=4711", NULL), 204);
    assert_int_equal(ask(&p, "jenkins", "POST", "/queue/cancelItem?id=4711", NULL), 404);
    assert_int_equal(ask(&p, "jenkins", "GET", "/queue/item/4711/api/json", NULL), 200);
    assert_true(json_flag(p.json, "cancelled", false));
    leap(&p, 5);
    assert_int_equal(ask(&p, "jenkins", "GET", JOB "/41/api/json", NULL), 404);
    play_close(&p);
}

static void a_build_found_by_its_parameters_has_its_queue_id(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    start(&p, IN_PROD);
    leap(&p, 1.2);
    assert_int_equal(ask(&p, "jenkins", "GET",
                         JOB "/api/"
                             "json?tree=nextBuildNumber,builds%5Bnumber,queueId,result,actions%5Bparameters%"
                             "5Bname,value%5D%5D%5D%7B0,2%7D",
                         NULL),
                     200);
    assert_int_equal(json_array_size(json_object_get(p.json, "builds")), 2);
    assert_int_equal(json_int(p.json, "builds.0.queueId", 0), 4711);
    assert_string_equal(said(&p, "builds.0.actions.0.parameters.2.value"), "K1");
    assert_null(json_path(p.json, "builds.0.building"));
    assert_null(json_path(p.json, "name"));
    assert_int_equal(ask(&p, "jenkins", "GET", JOB "/api/json?tree=builds%5Bnumber", NULL), 500);
    play_close(&p);
}

static void stages_follow_each_other_and_pause_at_the_gate_in_production(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    start(&p, IN_PROD "&fulfillment-service=24-02-05.611-hotfix.612");
    leap(&p, 2.7);
    assert_string_equal(stages(&p), "Checkout:SUCCESS Verify images:IN_PROGRESS");
    leap(&p, 2);
    assert_string_equal(stages(&p), "Checkout:SUCCESS Verify images:SUCCESS Deploy "
                                    "decanting-service:IN_PROGRESS Deploy fulfillment-service:IN_PROGRESS");
    leap(&p, 600);
    assert_non_null(strstr(stages(&p), "Deploy fulfillment-service:SUCCESS Promote:PAUSED_PENDING_INPUT"));
    assert_string_equal(said(&p, "status"), "PAUSED_PENDING_INPUT");
    assert_int_equal(ask(&p, "jenkins", "GET", JOB "/41/wfapi/pendingInputActions", NULL), 200);
    assert_string_equal(said(&p, "0.id"), "Promote");
    assert_string_equal(said(&p, "0.message"), "Promote to all sites of tangerine/prod?");
    assert_int_equal(ask(&p, "jenkins", "POST", JOB "/41/input/Other/proceedEmpty", NULL), 404);
    assert_int_equal(ask(&p, "jenkins", "POST", JOB "/41/input/Promote/proceedEmpty", NULL), 200);
    assert_int_equal(ask(&p, "jenkins", "POST", JOB "/41/input/Promote/proceedEmpty", NULL), 404);
    assert_non_null(strstr(stages(&p), "Promote:SUCCESS Smoke test:IN_PROGRESS"));
    leap(&p, 3.1);
    assert_string_equal(result(&p), "SUCCESS");
    play_close(&p);
}

static void there_is_no_gate_outside_production(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    start(&p, IN_QA);
    leap(&p, 60);
    assert_string_equal(
        stages(&p),
        "Checkout:SUCCESS Verify images:SUCCESS Deploy decanting-service:SUCCESS Smoke test:SUCCESS");
    play_close(&p);
}

/* Where a build can be ended by somebody, and what it comes to. */
static const struct {
    const char *path;
    double at;
    int status;
    const char *log;
} endings[] = {
    {JOB "/41/stop", 3, 302, "Aborted by signalbox"},
    {JOB "/41/input/Promote/abort", 60, 200, "Rejected by signalbox"},
    {JOB "/41/input/Promote/submit", 60, 302,
     "Rejected by signalbox"}, /* without "proceed" this one aborts */
};

static void whoever_ends_a_build_is_in_its_log(void **ctx)
{
    (void)ctx;
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        struct play p = {0};
        play_open(&p, NULL, NULL);
        start(&p, IN_PROD);
        leap(&p, endings[i].at);
        assert_int_equal(ask(&p, "jenkins", "POST", endings[i].path, "x=y"), endings[i].status);
        assert_string_equal(result(&p), "ABORTED");
        assert_int_equal(ask(&p, "jenkins", "GET", JOB "/41/consoleText", NULL), 200);
        assert_non_null(strstr(p.text, endings[i].log));
        assert_non_null(strstr(p.text, "Finished: ABORTED"));
        play_close(&p);
    }
}

/* What a scenario can make of a stage. */
static const struct {
    const char *scenario, *result, *stage, *log;
} ills[] = {
    {"{\"jenkins\":{\"stages\":{\"Deploy decanting-service\":{\"fail\":true}}}}", "FAILURE",
     "Deploy decanting-service:FAILED", "UPGRADE FAILED"},
    {"{\"jenkins\":{\"stages\":{\"Deploy\":{\"fail\":\"no room\",\"tag\":\"" HOTFIX "\"}}}}", "FAILURE",
     "Deploy decanting-service:FAILED", "no room"},
    {"{\"jenkins\":{\"stages\":{\"Deploy\":{\"fail\":true,\"tag\":\"24-02-05.619\"}}}}", "SUCCESS",
     "Deploy decanting-service:SUCCESS", "Happy Helming"},
    {"{\"jenkins\":{\"stages\":{\"Smoke test\":{\"fail\":true}}}}", "FAILURE", "Smoke test:FAILED",
     "answered 503"},
    {"{\"jenkins\":{\"stages\":{\"Smoke test\":{\"unstable\":true}}}}", "UNSTABLE", "Smoke test:UNSTABLE",
     "Finished: UNSTABLE"},
    {"{\"jenkins\":{\"stages\":{\"Checkout\":{\"duration\":\"hang\"}}}}", "building", "Checkout:IN_PROGRESS",
     "checkout"},
    {"{\"services\":{\"decanting-service\":{\"tags\":[]}}}", "FAILURE", "Verify images:FAILED",
     "manifest unknown"},
};

static void a_scenario_decides_what_becomes_of_a_stage(void **ctx)
{
    (void)ctx;
    for (size_t i = 0; i < COUNT_OF(ills); i++) {
        struct play p = {0};
        play_open(&p, NULL, ills[i].scenario);
        start(&p, IN_QA);
        leap(&p, 60);
        assert_string_equal(result(&p), ills[i].result);
        assert_non_null(strstr(stages(&p), ills[i].stage));
        assert_int_equal(ask(&p, "jenkins", "GET", JOB "/41/consoleText", NULL), 200);
        assert_non_null(strstr(p.text, ills[i].log));
        play_close(&p);
    }
}

static void a_stage_that_fails_once_lets_the_second_try_pass(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL,
              "{\"jenkins\":{\"stages\":{\"Deploy\":{\"fail\":true,\"times\":1},\"Deploy "
              "decanting-service\":{\"duration\":2}}}}");
    start(&p, IN_QA);
    leap(&p, 60);
    assert_string_equal(result(&p), "FAILURE");
    start(&p, IN_QA);
    leap(&p, 60);
    assert_int_equal(ask(&p, "jenkins", "GET", JOB "/lastSuccessfulBuild/api/json", NULL), 200);
    assert_int_equal(json_int(p.json, "number", 0), 42);
    assert_int_equal(ask(&p, "jenkins", "GET", JOB "/41/api/json?tree=result", NULL), 200);
    assert_string_equal(said(&p, "result"), "FAILURE");
    play_close(&p);
}

static void a_patch_changes_what_is_to_come_and_not_what_was(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    start(&p, IN_QA);
    leap(&p, 3);
    patch(&p, "jenkins", "{\"stages\":{\"Checkout\":{\"fail\":true},\"Smoke test\":{\"fail\":true}}}");
    leap(&p, 60);
    assert_string_equal(
        stages(&p),
        "Checkout:SUCCESS Verify images:SUCCESS Deploy decanting-service:SUCCESS Smoke test:FAILED");
    play_close(&p);
}

static void somebody_of_the_scenario_comes_by_the_gate(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL,
              "{\"people\":{\"release.lead@example.com\":{\"answers\":{\"promote\":{\"after\":5,\"answer\":"
              "\"proceed\"}}}}}");
    start(&p, IN_PROD);
    leap(&p, 10);
    assert_non_null(strstr(stages(&p), "Promote:PAUSED_PENDING_INPUT"));
    leap(&p, 4);
    assert_non_null(strstr(stages(&p), "Promote:SUCCESS Smoke test:IN_PROGRESS"));
    assert_int_equal(ask(&p, "jenkins", "GET", JOB "/41/consoleText", NULL), 200);
    assert_non_null(strstr(p.text, "Approved by release.lead@example.com"));
    play_close(&p);
}

static void the_log_is_read_piece_by_piece(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    char path[128];
    play_open(&p, NULL, NULL);
    start(&p, IN_QA);
    leap(&p, 3);
    assert_int_equal(ask(&p, "jenkins", "GET", JOB "/41/logText/progressiveText?start=0", NULL), 200);
    assert_string_equal(p.more, "true");
    assert_true(p.length > (size_t)atoi(p.size)); /* line ends were made longer on the way */
    snprintf(path, sizeof path, JOB "/41/logText/progressiveText?start=%s", p.size);
    leap(&p, 60);
    assert_int_equal(ask(&p, "jenkins", "GET", path, NULL), 200);
    assert_string_equal(p.more, "");
    assert_null(strstr(p.text, "Checkout"));
    assert_non_null(strstr(p.text, "Finished: SUCCESS"));
    assert_int_equal(ask(&p, "jenkins", "GET", JOB "/41/execution/node/19/wfapi/log", NULL), 200);
    assert_non_null(strstr(said(&p, "text"), "Release &quot;decanting-service&quot;"));
    play_close(&p);
}

/* Requests that Jenkins refuses. */
static const struct {
    const char *method, *path, *body;
    int status;
} refused[] = {
    {"GET", JOB "/buildWithParameters", NULL, 405},
    {"POST", JOB "/buildWithParameters", "CLIENT=nobody&ENV=prod", 500},
    {"POST", "/job/other/buildWithParameters", "CLIENT=tangerine", 404},
    {"POST", JOB "/build", "x=y", 400},
    {"GET", JOB "/99/api/json", NULL, 404},
    {"GET", "/queue/item/1/api/json", NULL, 404},
    {"POST", JOB "/41/wfapi/inputSubmit?inputId=Promote", "json={}", 404},
};

static void what_jenkins_refuses_is_refused(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        assert_int_equal(ask(&p, "jenkins", refused[i].method, refused[i].path, refused[i].body),
                         refused[i].status);
    patch(&p, "jenkins", "{\"disabled\":true}");
    assert_int_equal(ask(&p, "jenkins", "POST", JOB "/buildWithParameters", IN_QA), 409);
    assert_int_equal(deeds(&p, ""), 0);
    play_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_enters_without_the_right_token),
        cmocka_unit_test(a_build_waits_in_the_queue_and_leaves_it_once),
        cmocka_unit_test(what_waits_in_the_queue_can_be_cancelled),
        cmocka_unit_test(a_build_found_by_its_parameters_has_its_queue_id),
        cmocka_unit_test(stages_follow_each_other_and_pause_at_the_gate_in_production),
        cmocka_unit_test(there_is_no_gate_outside_production),
        cmocka_unit_test(whoever_ends_a_build_is_in_its_log),
        cmocka_unit_test(a_scenario_decides_what_becomes_of_a_stage),
        cmocka_unit_test(a_stage_that_fails_once_lets_the_second_try_pass),
        cmocka_unit_test(a_patch_changes_what_is_to_come_and_not_what_was),
        cmocka_unit_test(somebody_of_the_scenario_comes_by_the_gate),
        cmocka_unit_test(the_log_is_read_piece_by_piece),
        cmocka_unit_test(what_jenkins_refuses_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
