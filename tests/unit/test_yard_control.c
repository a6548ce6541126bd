#include "yard_play.h"

#include <signal.h>
#include <sys/wait.h>

#define POST_MESSAGE                                                                                       \
    "{\"channel\":\"C00000001\",\"text\":\"x\",\"metadata\":{\"event_type\":\"signalbox_effect\",\"event_" \
    "payload\":{\"key\":\"K1\"}}}"

static char state[] = "/tmp/signalbox-yard-test-XXXXXX";

static int new_state(void **ctx)
{
    (void)ctx;
    strcpy(state + strlen(state) - 6, "XXXXXX");
    int fd = mkstemp(state);
    if (fd >= 0)
        close(fd);
    unlink(state);
    return fd >= 0 ? 0 : -1;
}

static int no_state(void **ctx)
{
    (void)ctx;
    unlink(state);
    return 0;
}

static void arm(struct play *p, const char *fault)
{
    assert_int_equal(ask(p, "control", "POST", "/faults", fault), 200);
}

static void every_write_is_counted_with_its_key(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    assert_int_equal(ask(&p, "slack", "POST", "/api/chat.postMessage", POST_MESSAGE), 200);
    assert_int_equal(ask(&p, "slack", "GET", "/api/conversations.history?channel=C00000001", NULL), 200);
    assert_int_equal(deeds(&p, ""), 1);
    assert_string_equal(said(&p, "deeds.0.system"), "slack");
    assert_int_equal(deeds(&p, "?key=K1"), 1);
    assert_int_equal(deeds(&p, "?key=K2"), 0);
    play_close(&p);
}

static void the_clock_leaps_forward_only(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    assert_int_equal(ask(&p, "control", "GET", "/clock", NULL), 200);
    int64_t before = json_int(p.json, "now", 0);
    assert_int_equal(ask(&p, "control", "POST", "/clock", "{\"leap\":3600000}"), 200);
    assert_int_equal(json_int(p.json, "leapt", 0), 3600000);
    assert_true(json_int(p.json, "now", 0) >= before + 3600000);
    assert_int_equal(ask(&p, "control", "POST", "/clock", "{\"leap\":-5}"), 400);
    play_close(&p);
}

/* What a client sees of each fault, and whether the system has acted. */
static const struct {
    const char *fault;
    int status;
    bool acts;
} faults[] = {
    {"\"fault\":\"lose_answer\"", 0, true},
    {"\"fault\":\"reset\"", 0, false},
    {"\"fault\":\"status\",\"code\":503,\"body\":{\"error\":\"x\"},\"headers\":{\"Retry-After\":\"7\"}", 503,
     false},
    {"\"fault\":\"delay\",\"ms\":20", 200, true},
    {"\"fault\":\"hang\"", 0, false},
    {"\"fault\":\"garbage\"", 200, true},
    {"\"fault\":\"truncate\"", 0, true},
    {"\"fault\":\"redirect\",\"to\":\"http://127.0.0.1:1/\"", 302, false},
};

static void each_fault_does_what_its_name_says_once(void **ctx)
{
    (void)ctx;
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        struct play p = {0};
        char fault[256];
        play_open(&p, NULL, NULL);
        snprintf(fault, sizeof fault, "{\"system\":\"slack\",\"method\":\"POST\",\"path\":\"/api/chat.\",%s}",
                 faults[i].fault);
        arm(&p, fault);
        assert_int_equal(ask(&p, "slack", "GET", "/api/auth.test", NULL), 200);
        int status = ask(&p, "slack", "POST", "/api/chat.postMessage", POST_MESSAGE);
        if (faults[i].status == 0)
            assert_true(p.error.code != SB_OK);
        else
            assert_int_equal(status, faults[i].status);
        if (status == 503)
            assert_string_equal(p.retry_after, "7");
        if (strstr(faults[i].fault, "garbage"))
            assert_null(p.json);
        if (status == 302)
            assert_string_equal(p.location, "http://127.0.0.1:1/");
        assert_int_equal(deeds(&p, "?key=K1"), faults[i].acts ? 1 : 0);
        assert_int_equal(ask(&p, "slack", "POST", "/api/chat.postMessage", POST_MESSAGE), 200);
        assert_int_equal(deeds(&p, "?key=K1"), faults[i].acts ? 2 : 1);
        play_close(&p);
    }
}

static void a_giant_answer_is_more_than_a_client_should_take(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, "{\"slack\":{\"faults\":[{\"fault\":\"giant\",\"after\":1}]}}");
    assert_int_equal(ask(&p, "slack", "GET", "/api/auth.test", NULL), 200);
    assert_int_equal(p.error.code, SB_OK);
    ask(&p, "slack", "GET", "/api/auth.test", NULL);
    assert_int_equal(p.error.code, SB_LIMIT);
    play_close(&p);
}

static void a_delayed_request_acts_even_when_its_client_has_left(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    arm(&p, "{\"system\":\"slack\",\"fault\":\"delay\",\"ms\":60000}");
    char auth[192];
    sign(&p, "slack", auth, sizeof auth);
    const char *headers[] = {auth, NULL};
    struct http_call *call = http_send(play_peer(&p, "slack"),
                                       &(struct http_request){.method = "POST",
                                                              .path = "/api/chat.postMessage",
                                                              .headers = headers,
                                                              .body = POST_MESSAGE,
                                                              .body_len = strlen(POST_MESSAGE),
                                                              .content_type = "application/json",
                                                              .what = "post",
                                                              .no_retry = true},
                                       answered, &p);
    for (int64_t until = loop_mono_ms() + 5000; loop_mono_ms() < until;) {
        assert_int_equal(ask(&p, "control", "GET", "/faults", NULL), 200);
        if (json_array_size(json_object_get(p.json, "faults")) == 0)
            break;
    }
    http_cancel(call);
    size_t n = 0;
    for (int64_t until = loop_mono_ms() + 5000; n == 0 && loop_mono_ms() < until;)
        n = deeds(&p, "?key=K1");
    assert_int_equal(n, 1);
    play_close(&p);
}

static void a_fault_that_means_nothing_is_refused_with_a_reason(void **ctx)
{
    (void)ctx;
    static const struct {
        const char *fault, *says;
    } wrong[] = {
        {"{\"system\":\"slak\",\"fault\":\"reset\"}", "no system called slak"},
        {"{\"system\":\"slack\",\"fault\":\"rest\"}", "did you mean reset"},
        {"{\"system\":\"slack\",\"fault\":\"status\"}", "needs a code"},
        {"{\"system\":\"slack\",\"fault\":\"redirect\"}", "needs \"to\""},
    };
    struct play p = {0};
    play_open(&p, NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(ask(&p, "control", "POST", "/faults", wrong[i].fault), 400);
        assert_non_null(strstr(said(&p, "error"), wrong[i].says));
    }
    play_close(&p);
}

static void a_restarted_yard_is_just_where_it_would_have_been(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, state, NULL);
    assert_int_equal(
        ask(&p, "jenkins", "POST", "/job/multi_deploy_pipeline/buildWithParameters",
            "CLIENT=tangerine&ENV=prod&SIGNALBOX_KEY=K9&decanting-service=24-02-05.619-hotfix.627"),
        201);
    leap(&p, 5.5);
    assert_int_equal(ask(&p, "jenkins", "GET",
                         "/job/multi_deploy_pipeline/41/api/json?tree=queueId,timestamp,building", NULL),
                     200);
    json_t *before = json_incref(p.json);
    json_t *urls = json_incref(p.urls);
    play_close(&p);

    play_open(&p, state, NULL);
    assert_int_equal(json_int(p.urls, "leapt", 0), 5500);
    json_object_del(p.urls, "leapt");
    json_object_del(urls, "leapt");
    assert_true(json_equal(urls, p.urls));
    assert_int_equal(ask(&p, "jenkins", "GET",
                         "/job/multi_deploy_pipeline/41/api/json?tree=queueId,timestamp,building", NULL),
                     200);
    assert_true(json_equal(before, p.json));
    assert_int_equal(deeds(&p, "?key=K9"), 1);
    leap(&p, 6);
    assert_int_equal(ask(&p, "jenkins", "GET", "/job/multi_deploy_pipeline/41/wfapi/describe", NULL), 200);
    assert_string_equal(said(&p, "status"), "PAUSED_PENDING_INPUT");
    json_decref(before);
    json_decref(urls);
    play_close(&p);
}

static void another_scenario_is_another_night_at_the_same_addresses(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, state, NULL);
    assert_int_equal(ask(&p, "slack", "POST", "/api/chat.postMessage", POST_MESSAGE), 200);
    leap(&p, 3600);
    char *slack = strdup(json_str(p.urls, "slack", ""));
    play_close(&p);
    play_open(&p, state, "{\"jenkins\":{\"job\":\"another\"}}");
    assert_string_equal(json_str(p.urls, "slack", ""), slack);
    assert_int_equal(json_int(p.urls, "leapt", 0), 3600000);
    assert_int_equal(deeds(&p, ""), 0);
    assert_int_equal(ask(&p, "jenkins", "GET", "/job/another/api/json", NULL), 200);
    free(slack);
    play_close(&p);
}

static void a_killed_yard_has_counted_what_it_answered(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct loop *l = loop_new();
        struct yard *y = yard_open(&(struct yard_options){.loop = l, .state_file = state}, NULL);
        json_t *urls = yard_urls(y);
        char *text = json_dumps(urls, JSON_COMPACT);
        if (write(ends[1], text, strlen(text) + 1) < 0)
            _exit(1);
        loop_run(l);
        _exit(0);
    }
    char text[4096];
    assert_true(read(ends[0], text, sizeof text) > 0);
    p.loop = loop_new();
    p.http = http_new(p.loop);
    p.urls = json_loads(text, 0, NULL);
    assert_int_equal(ask(&p, "slack", "POST", "/api/chat.postMessage", POST_MESSAGE), 200);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    play_close(&p);
    close(ends[0]);
    close(ends[1]);

    play_open(&p, state, NULL);
    assert_int_equal(deeds(&p, "?key=K1"), 1);
    assert_int_equal(ask(&p, "slack", "GET", "/api/conversations.history?channel=C00000001", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(p.json, "messages")), 1);
    play_close(&p);
}

static void a_state_that_is_none_is_refused(void **ctx)
{
    (void)ctx;
    FILE *f = fopen(state, "w");
    fputs("{\"version\": 1}", f);
    fclose(f);
    struct loop *l = loop_new();
    struct error e = ERROR_NONE;
    assert_null(yard_open(&(struct yard_options){.loop = l, .state_file = state}, &e));
    assert_int_equal(e.code, SB_CORRUPT);
    assert_non_null(strstr(e.text, "remove it"));
    loop_free(l);
}

static void the_configuration_refers_to_secrets_and_holds_none(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    struct error e = ERROR_NONE;
    char dir[] = "/tmp/signalbox-yard-conf-XXXXXX", path[128];
    assert_non_null(mkdtemp(dir));
    play_open(&p, NULL, NULL);
    char *text = yard_configuration(p.yard, dir, &e);
    assert_non_null(text);
    const char *name;
    json_t *secret;
    json_object_foreach(json_object_get(p.urls, "secrets"), name, secret)
        assert_null(strstr(text, json_string_value(secret)));
    _cleanup_arena_ struct arena a = arena_make();
    struct yaml *y = yaml_parse(text, strlen(text), "configuration", 1, 0, &a, &e);
    assert_string_equal(e.text, "");
    _cleanup_json_ json_t *j = yaml_to_json(y);
    assert_string_equal(json_str(j, "systems.pipeline.driver", ""), "jenkins");
    assert_string_equal(json_str(j, "systems.cluster.targets.tangerine/prod.context", ""),
                        "gke_tangerine_prod");
    assert_string_equal(json_str(j, "clients.pomelo.zone", ""), "Asia/Tokyo");
    assert_true(json_flag(j, "clients.tangerine.envs.prod.production", false));
    snprintf(path, sizeof path, "%s/kubeconfig", dir);
    assert_int_equal(access(path, R_OK), 0);
    free(text);
    play_close(&p);
    snprintf(path, sizeof path, "rm -r %s", dir);
    assert_int_equal(system(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_write_is_counted_with_its_key),
        cmocka_unit_test(the_clock_leaps_forward_only),
        cmocka_unit_test(each_fault_does_what_its_name_says_once),
        cmocka_unit_test(a_giant_answer_is_more_than_a_client_should_take),
        cmocka_unit_test(a_delayed_request_acts_even_when_its_client_has_left),
        cmocka_unit_test(a_fault_that_means_nothing_is_refused_with_a_reason),
        cmocka_unit_test_setup_teardown(a_restarted_yard_is_just_where_it_would_have_been, new_state,
                                        no_state),
        cmocka_unit_test_setup_teardown(another_scenario_is_another_night_at_the_same_addresses, new_state,
                                        no_state),
        cmocka_unit_test_setup_teardown(a_killed_yard_has_counted_what_it_answered, new_state, no_state),
        cmocka_unit_test_setup_teardown(a_state_that_is_none_is_refused, new_state, no_state),
        cmocka_unit_test(the_configuration_refers_to_secrets_and_holds_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
