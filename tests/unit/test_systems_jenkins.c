/* Plays with a Jenkins: what the driver asks, and what it makes of each answer, lost answer and restart. */
#include "systems_play.h"

#include "systems/drivers.h"
#include "systems/pipeline.h"

#define CONFIG "url: %s\nuser: bot\ntoken: env:SB_TEST_TOKEN\njob: shop/deploy\n"
#define JOB    "/job/shop/job/deploy"
#define START                                                                                                \
    "{\"client\":\"tangerine\",\"env\":\"prod\",\"services\":[{\"service\":\"cart\",\"tag\":\"24-02-05.619-" \
    "hotfix.627\"}]}"
#define DECLARED                                                                                            \
    "{\"buildable\":true,\"property\":[{\"parameterDefinitions\":[{\"name\":\"CLIENT\"},{\"name\":\"ENV\"," \
    "\"choices\":[\"prod\","                                                                                \
    "\"stage\"]},{\"name\":\"SIGNALBOX_KEY\"},{\"name\":\"cart\"}]}]}"
#define KEYED "\"actions\":[{},{\"parameters\":[{\"name\":\"SIGNALBOX_KEY\",\"value\":\"HF-7/step/1\"}]}]"
#define OTHER "\"actions\":[{\"parameters\":[{\"name\":\"SIGNALBOX_KEY\",\"value\":\"HF-6/step/1\"}]}]"

#define THE_JOB     {"GET " JOB "/api/json?tree=", NULL, 200, DECLARED, NULL}
#define EMPTY_QUEUE {"GET /queue/api/json", NULL, 200, "{\"items\":[]}", NULL}
#define OTHER_BUILDS \
    {"GET " JOB "/api/json?tree=builds", NULL, 200, "{\"builds\":[{\"number\":86," OTHER "}]}", NULL}
#define OUR_BUILD                                   \
    {"GET " JOB "/api/json?tree=builds", NULL, 200, \
     "{\"builds\":[{\"number\":88," OTHER "},{\"number\":87," KEYED "}]}", NULL}

static void assert_started(struct stage *s)
{
    assert_outcome(s, OUTCOME_DONE);
    assert_string_equal(json_str(s->result, "build", ""), "shop/deploy#87");
    assert_true(str_ends(json_str(s->result, "url", ""), JOB "/87/"));
}

static void a_start_sends_every_parameter_and_follows_the_queue_to_the_number(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    static const struct line lines[] = {
        THE_JOB,
        {"POST " JOB "/buildWithParameters",
         "CLIENT=tangerine&ENV=prod&SIGNALBOX_KEY=HF-7%2Fstep%2F1&cart=24-02-05.619-hotfix.627", 201, NULL,
         "Location: http://inside.example/queue/item/4711/"},
        {"GET /queue/item/4711/api/json", NULL, 200,
         "{\"id\":4711,\"why\":\"waiting for an executor\",\"stuck\":true}", NULL},
        {"GET /queue/item/4711/api/json", NULL, 502, "<html>", NULL},
        {"GET /queue/item/4711/api/json", NULL, 200, "{\"id\":4711,\"cancelled\":false,\"executable\":null}",
         NULL},
        {"GET /queue/item/4711/api/json", NULL, 200,
         "{\"id\":4711,\"executable\":{\"number\":87,\"url\":\"http://inside/\"}}", NULL},
        THE_END,
    };
    stage_play(&s, lines, (struct doing){"start", false, START, NULL});
    assert_started(&s);
    assert_string_equal(json_str(s.views, "0.note", ""), "waiting for an executor");
    assert_true(json_flag(s.views, "0.stuck", false));
    stage_close(&s);
}

static void an_undeclared_key_or_a_wrong_choice_is_refused_before_anything_is_sent(void **state)
{
    (void)state;
    static const struct {
        const char *job, *says;
    } rows[] = {
        {"{\"buildable\":true,\"property\":[{\"parameterDefinitions\":[{\"name\":\"CLIENT\"},{\"name\":"
         "\"ENV\"}]}]}",
         "SIGNALBOX_KEY"},
        {"{\"buildable\":true}", "CLIENT"},
        {"{\"buildable\":true,\"property\":[{\"parameterDefinitions\":[{\"name\":\"CLIENT\"},{\"name\":"
         "\"SIGNALBOX_KEY\"},"
         "{\"name\":\"cart\"},{\"name\":\"ENV\",\"choices\":[\"stage\"]}]}]}",
         "\"prod\" is not among the choices"},
        {"{\"buildable\":false}", "disabled"},
    };
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct line lines[] = {{"GET " JOB "/api/json", NULL, 200, rows[i].job, NULL}, THE_END};
        stage_play(&s, lines, (struct doing){"start", false, START, NULL});
        assert_outcome(&s, OUTCOME_FAILED);
        assert_says(&s, rows[i].says);
    }
    stage_close(&s);
}

static void what_became_of_a_start_is_told_by_its_answer(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *header;
        enum outcome_kind kind;
    } rows[] = {
        {CUT, NULL, OUTCOME_UNKNOWN},
        {500, NULL, OUTCOME_UNKNOWN},
        {503, NULL, OUTCOME_UNKNOWN},
        {400, NULL, OUTCOME_FAILED},
        {403, NULL, OUTCOME_FAILED},
        {404, NULL, OUTCOME_FAILED},
        {409, NULL, OUTCOME_FAILED},
        {302, "Location: http://inside.example/job/shop/job/deploy/", OUTCOME_FAILED},
        {429, "Retry-After: 7200", OUTCOME_RETRY},
    };
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct line lines[] = {
            THE_JOB,
            {"POST " JOB "/buildWithParameters", NULL, rows[i].status, NULL, rows[i].header},
            THE_END};
        stage_play(&s, lines, (struct doing){"start", false, START, NULL});
        assert_outcome(&s, rows[i].kind);
    }
    stage_close(&s);
}

static void an_equal_item_in_the_queue_is_ours_and_a_forgotten_one_is_found_by_its_number(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    static const struct line lines[] = {
        THE_JOB,
        {"POST " JOB "/buildWithParameters", NULL, 303, NULL, "Location: /queue/item/4690/"},
        {"GET /queue/item/4690/api/json", NULL, 404, "<html>", NULL},
        EMPTY_QUEUE,
        {"GET " JOB "/api/json?tree=builds", NULL, 200,
         "{\"builds\":[{\"number\":87,\"queueId\":4690,\"actions\":[]}]}", NULL},
        THE_END,
    };
    stage_play(&s, lines, (struct doing){"start", false, START, NULL});
    assert_started(&s);
    stage_close(&s);
}

static void a_cancelled_item_is_a_failed_start(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    static const struct line lines[] = {
        THE_JOB,
        {"POST " JOB "/buildWithParameters", NULL, 201, NULL, "Location: /queue/item/5/"},
        {"GET /queue/item/5/api/json", NULL, 200, "{\"id\":5,\"cancelled\":true}", NULL},
        THE_END,
    };
    stage_play(&s, lines, (struct doing){"start", false, START, NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "cancelled");
    stage_close(&s);
}

static void after_a_crash_a_build_is_found_in_the_queue_or_among_the_builds(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    static const struct line queued[] = {
        {"GET /queue/api/json", NULL, 200, "{\"items\":[{\"id\":3," OTHER "},{\"id\":4," KEYED "}]}", NULL},
        {"GET /queue/item/4/api/json", NULL, 200, "{\"id\":4,\"executable\":{\"number\":87}}", NULL},
        THE_END,
    };
    stage_play(&s, queued, (struct doing){"start", true, START, NULL});
    assert_started(&s);
    static const struct line built[] = {EMPTY_QUEUE, OUR_BUILD, THE_END};
    stage_play(&s, built, (struct doing){"start", true, START, NULL});
    assert_started(&s);
    /* In the gap between queue and list the first pass sees nothing. */
    static const struct line late[] = {EMPTY_QUEUE, OTHER_BUILDS, EMPTY_QUEUE, OUR_BUILD, THE_END};
    stage_play(&s, late, (struct doing){"start", true, START, NULL});
    assert_started(&s);
    stage_close(&s);
}

static void only_a_second_empty_pass_says_that_nothing_was_started(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    static const struct line lines[] = {EMPTY_QUEUE, OTHER_BUILDS, EMPTY_QUEUE, OTHER_BUILDS, THE_END};
    stage_play(&s, lines, (struct doing){"start", true, START, NULL});
    assert_outcome(&s, OUTCOME_NOT_FOUND);
    stage_close(&s);
}

static void a_find_that_may_not_look_or_gets_garbage_never_says_not_found(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *answer;
        enum outcome_kind kind;
    } rows[] = {
        {403, "<html>no</html>", OUTCOME_CANNOT_TELL},
        {404, "<html>no</html>", OUTCOME_CANNOT_TELL},
        {302, NULL, OUTCOME_CANNOT_TELL},
        {200, "{\"builds\":7}", OUTCOME_RETRY},
        {200, "<html>starting</html>", OUTCOME_RETRY},
    };
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct line lines[] = {
            EMPTY_QUEUE,
            {"GET " JOB "/api/json?tree=builds", NULL, rows[i].status, rows[i].answer, NULL},
            THE_END};
        stage_play(&s, lines, (struct doing){"start", true, START, NULL});
        assert_outcome(&s, rows[i].kind);
    }
    stage_close(&s);
}

static void builds_are_looked_through_as_far_back_as_the_intent(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    _cleanup_buf_ struct buf page = {0};
    buf_adds(&page, "{\"builds\":[");
    for (int i = 0; i < 100; i++)
        buf_printf(&page, "%s{\"number\":%d,\"timestamp\":%lld}", i ? "," : "", 400 - i,
                   (long long)stage_intended_ms + 1000);
    buf_adds(&page, "]}");
    const struct line lines[] = {
        EMPTY_QUEUE,
        {"GET " JOB "/api/json?tree=builds", "%7B0,100%7D", 200, buf_str(&page), NULL},
        {"GET " JOB "/api/json?tree=allBuilds", "%7B100,200%7D", 200,
         "{\"allBuilds\":[{\"number\":87," KEYED "}]}", NULL},
        THE_END,
    };
    stage_play(&s, lines, (struct doing){"start", true, START, NULL});
    assert_started(&s);
    stage_close(&s);
}

static void with_a_password_a_crumb_is_fetched_and_renewed(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, "url: %s\nuser: bot\npassword: env:SB_TEST_TOKEN\njob: shop/deploy\n");
    static const struct line lines[] = {
        THE_JOB,
        {"GET /crumbIssuer/api/json", NULL, 200,
         "{\"crumb\":\"old\",\"crumbRequestField\":\"Jenkins-Crumb\"}", NULL},
        {"POST " JOB "/buildWithParameters", NULL, 201, NULL, "Location: /queue/item/5/"},
        {"GET /queue/item/5/api/json", NULL, 200, "{\"executable\":{\"number\":87}}", NULL},
        THE_END,
    };
    stage_play(&s, lines, (struct doing){"start", false, START, NULL});
    assert_started(&s);
    /* The session has died with a restart. */
    static const struct line again[] = {
        THE_JOB,
        {"POST " JOB "/buildWithParameters", NULL, 403, "No valid crumb", NULL},
        {"GET /crumbIssuer/api/json", NULL, 200,
         "{\"crumb\":\"new\",\"crumbRequestField\":\"Jenkins-Crumb\"}", NULL},
        {"POST " JOB "/buildWithParameters", NULL, 201, NULL, "Location: /queue/item/6/"},
        {"GET /queue/item/6/api/json", NULL, 200, "{\"executable\":{\"number\":87}}", NULL},
        THE_END,
    };
    stage_play(&s, again, (struct doing){"start", false, START, NULL});
    assert_started(&s);
    /* A right that lacks is not taken for an old crumb for ever. */
    static const struct line refused[] = {
        THE_JOB,
        {"POST " JOB "/buildWithParameters", NULL, 403, "no", NULL},
        {"GET /crumbIssuer/api/json", NULL, 200,
         "{\"crumb\":\"newer\",\"crumbRequestField\":\"Jenkins-Crumb\"}", NULL},
        {"POST " JOB "/buildWithParameters", NULL, 403, "no", NULL},
        THE_END,
    };
    stage_play(&s, refused, (struct doing){"start", false, START, NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    stage_close(&s);
}

/* --- watching
 * ---------------------------------------------------------------------------------------------------- */

#define BUILD JOB "/87"
#define WATCH "{\"build\":\"shop/deploy#87\"}"
#define LOOK  "GET " BUILD "/api/json?tree=number,building"
#define BUILDING      \
    {LOOK, NULL, 200, \
     "{\"building\":true,\"result\":null,\"timestamp\":1700000000000,\"estimatedDuration\":-1}", NULL}
#define DESCRIBE "GET " BUILD "/wfapi/describe"
#define PENDING  "GET " BUILD "/wfapi/pendingInputActions"
#define ENDED(result) \
    {LOOK, NULL, 200, \
     "{\"building\":false,\"result\":\"" result "\",\"timestamp\":1700000000000,\"duration\":94000}", NULL}
#define STAGES(one, two)                                                                     \
    "{\"status\":\"" two "\",\"stages\":[{\"id\":\"6\",\"name\":\"Build\",\"status\":\"" one \
    "\",\"startTimeMillis\":1700000001000,\"durationMillis\":61000},"                        \
    "{\"id\":\"21\",\"name\":\"Deploy\",\"status\":\"" two                                   \
    "\",\"durationMillis\":32000,\"stageFlowNodes\":[{\"id\":\"33\",\"status\":\"" two       \
    "\",\"_links\":{\"log\":{\"href\":\"/x\"}}}]}]}"

static void a_build_is_followed_through_its_pause_to_its_end(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    static const struct line lines[] = {
        BUILDING,
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "IN_PROGRESS"), NULL},
        BUILDING,
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "PAUSED_PENDING_INPUT"), NULL},
        {PENDING, NULL, 200, "[{\"id\":\"Canary-ok\",\"message\":\"Canary healthy?\",\"inputs\":[]}]", NULL},
        /* Nothing new: nothing is told. */
        BUILDING,
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "PAUSED_PENDING_INPUT"), NULL},
        {PENDING, NULL, 200, "[{\"id\":\"Canary-ok\",\"message\":\"Canary healthy?\",\"inputs\":[]}]", NULL},
        BUILDING,
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "IN_PROGRESS"), NULL},
        ENDED("SUCCESS"),
        {DESCRIBE "?fullStages=true", NULL, 200, STAGES("SUCCESS", "SUCCESS"), NULL},
        THE_END,
    };
    stage_play(&s, lines, (struct doing){"watch", false, WATCH, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "status", ""), "SUCCESS");
    assert_int_equal(json_int(s.result, "took_ms", 0), 94000);
    assert_string_equal(json_str(s.result, "stages.1.name", ""), "Deploy");
    assert_int_equal(json_array_size(s.views), 4);
    assert_null(json_path(s.views, "0.gate"));
    assert_string_equal(json_str(s.views, "1.gate.id", ""), "Canary-ok@21");
    assert_string_equal(json_str(s.views, "1.gate.message", ""), "Canary healthy?");
    assert_string_equal(json_str(s.views, "1.gate.stage", ""), "Deploy");
    assert_true(json_flag(s.views, "1.stages.1.paused", false));
    assert_string_equal(json_str(s.views, "1.status", ""), "PAUSED_PENDING_INPUT");
    assert_null(json_path(s.views, "2.gate"));
    stage_close(&s);
}

static void a_result_set_early_is_not_the_end(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    static const struct line lines[] = {
        {LOOK, NULL, 200, "{\"building\":true,\"result\":\"UNSTABLE\",\"timestamp\":1700000000000}", NULL},
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "IN_PROGRESS"), NULL},
        ENDED("SUCCESS"),
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "SUCCESS"), NULL},
        THE_END,
    };
    stage_play(&s, lines, (struct doing){"watch", false, WATCH, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
}

static void a_failed_build_brings_its_stage_and_the_end_of_the_steps_log(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    static const struct line lines[] = {
        ENDED("FAILURE"),
        {DESCRIBE "?fullStages=true", NULL, 200, STAGES("SUCCESS", "FAILED"), NULL},
        {"GET " BUILD "/execution/node/33/wfapi/log", NULL, 200,
         "{\"text\":\"+ helm upgrade\\nError: &lt;timed out&gt;\\n\"}", NULL},
        THE_END,
    };
    stage_play(&s, lines, (struct doing){"watch", false, WATCH, NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "shop/deploy#87 ended FAILED in the stage \"Deploy\"");
    assert_string_equal(json_str(s.result, "failed_stage", ""), "Deploy");
    assert_string_equal(json_str(s.result, "log", ""), "+ helm upgrade\nError: <timed out>");
    assert_string_equal(json_str(s.result, "status", ""), "FAILED");
    stage_close(&s);
}

static void without_the_stage_view_the_core_tells_pauses_and_the_console_is_the_log(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    _cleanup_buf_ struct buf console = {0};
    for (int i = 1; i <= 20000; i++)
        buf_printf(&console, "line %d\n", i);
    const struct line lines[] = {
        BUILDING,
        {DESCRIBE, NULL, 404, "<html>", NULL},
        {"GET " BUILD "/api/json?tree=building,actions", NULL, 200,
         "{\"actions\":[{\"executions\":[{\"id\":\"Go\",\"settled\":false,\"input\":{\"id\":\"Go\","
         "\"message\":\"Go on?\"}}]}]}",
         NULL},
        ENDED("ABORTED"),
        {DESCRIBE "?fullStages=true", NULL, 404, "<html>", NULL},
        {"GET " BUILD "/consoleText", NULL, 200, buf_str(&console), NULL},
        THE_END,
    };
    stage_play(&s, lines, (struct doing){"watch", false, WATCH, NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_string_equal(json_str(s.views, "0.gate.id", ""), "Go");
    assert_string_equal(json_str(s.result, "status", ""), "ABORTED");
    const char *log = json_str(s.result, "log", "");
    assert_true(str_starts(log, "line 19901\n"));
    assert_true(str_ends(log, "line 20000"));
    stage_close(&s);
}

static void a_restart_of_the_controller_is_ridden_out(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    static const struct line lines[] = {
        {LOOK, NULL, 200, "{\"building\":true,\"timestamp\":1}", "X-Jenkins-Session: one"},
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "IN_PROGRESS"), NULL},
        {LOOK, NULL, 503, "<html>starting", NULL},
        {LOOK, NULL, 503, "<html>starting", NULL},
        {LOOK, NULL, 503, "<html>starting", NULL},
        {LOOK, NULL, 503, "<html>starting", NULL}, /* here the client's own tries end */
        {LOOK, NULL, 404, "<html>not loaded yet", NULL},
        {LOOK, NULL, 200, "{\"building\":true,\"timestamp\":1}", "X-Jenkins-Session: two"},
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "IN_PROGRESS"), NULL},
        ENDED("SUCCESS"),
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "SUCCESS"), NULL},
        THE_END,
    };
    stage_play(&s, lines, (struct doing){"watch", false, WATCH, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_non_null(strstr(json_str(s.views, "1.note", ""), "503"));
    assert_int_equal(json_int(s.views, "2.restarts", 0), 1);
    assert_null(json_path(s.views, "2.note"));
    stage_close(&s);
}

static void a_build_that_is_gone_three_times_over_has_failed(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    static const struct line lines[] = {
        {LOOK, NULL, 404, "<html>", NULL},
        {LOOK, NULL, 404, "<html>", NULL},
        {LOOK, NULL, 404, "<html>", NULL},
        THE_END,
    };
    stage_play(&s, lines, (struct doing){"watch", false, WATCH, NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "no longer has the build");
    /* That we may not look says nothing of the build. */
    static const struct line refused[] = {
        {LOOK, NULL, 403, "no", NULL},
        {LOOK, NULL, 403, "no", NULL},
        {LOOK, NULL, 403, "no", NULL},
        THE_END,
    };
    stage_play(&s, refused, (struct doing){"watch", false, WATCH, NULL});
    assert_outcome(&s, OUTCOME_RETRY);
    stage_close(&s);
}

static void a_build_that_takes_far_longer_than_usual_is_stuck(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    static const struct line lines[] = {
        {LOOK, NULL, 200, "{\"building\":true,\"timestamp\":1700000000000,\"estimatedDuration\":60000}",
         NULL},
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "IN_PROGRESS"), NULL},
        ENDED("SUCCESS"),
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "SUCCESS"), NULL},
        THE_END,
    };
    stage_play(&s, lines, (struct doing){"watch", false, WATCH, NULL});
    assert_true(json_flag(s.views, "0.stuck", false));
    assert_false(json_flag(s.views, "1.stuck", true));
    stage_close(&s);
}

static void unstable_fails_unless_the_configuration_lets_it_pass(void **state)
{
    (void)state;
    static const struct line lines[] = {
        ENDED("UNSTABLE"), {DESCRIBE, NULL, 200, STAGES("SUCCESS", "SUCCESS"), NULL}, THE_END};
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG "unstable: passes\n");
    stage_play(&s, lines, (struct doing){"watch", false, WATCH, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
    stage_open(&s, &jenkins_driver, CONFIG);
    static const struct line without_log[] = {ENDED("UNSTABLE"),
                                              {DESCRIBE, NULL, 200, STAGES("SUCCESS", "SUCCESS"), NULL},
                                              {"GET " BUILD "/consoleText", NULL, 500, "broken", NULL},
                                              THE_END};
    stage_play(&s, without_log, (struct doing){"watch", false, WATCH, NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_string_equal(json_str(s.result, "log", "x"), "");
    stage_close(&s);
}

static void a_watch_that_is_cancelled_tells_nothing_more(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    static const struct line lines[] = {
        BUILDING, {DESCRIBE, NULL, 200, STAGES("SUCCESS", "IN_PROGRESS"), NULL}, THE_END};
    s.lines = lines;
    struct task *t = stage_begin(&s, (struct doing){"watch", false, WATCH, NULL});
    while (json_array_size(s.views) == 0)
        loop_once(s.loop, true);
    task_cancel(t);
    assert_null(s.system->tasks);
    assert_int_equal(s.told, 0);
    stage_close(&s); /* and closing a system ends what is left, here nothing */
}

struct impatient {
    struct stage *s;
    struct task *task;
};

static void cancel_at_once(void *ctx, const json_t *view)
{
    struct impatient *i = ctx;
    (void)view;
    i->s->told = 7;
    task_cancel(i->task);
}

static void a_listener_may_cancel_from_inside_a_view(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    static const struct line lines[] = {
        BUILDING, {DESCRIBE, NULL, 200, STAGES("SUCCESS", "IN_PROGRESS"), NULL}, THE_END};
    s.lines = lines;
    struct impatient i = {.s = &s};
    _cleanup_json_ json_t *args = json_loads(WATCH, 0, NULL);
    struct effect e = {.key = "HF-7/step/1", .verb = "watch", .change = "HF-7", .args = args};
    i.task = driver_verb(&jenkins_driver, "watch")->perform(s.system, &e, NULL, cancel_at_once, &i);
    while (s.told != 7)
        loop_once(s.loop, true);
    assert_null(s.system->tasks);
    stage_close(&s);
}

static void closing_ends_what_is_under_way_without_a_word(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    stage_begin(&s, (struct doing){"watch", false, WATCH, NULL});
    stage_begin(&s, (struct doing){"start", false, START, NULL});
    stage_begin(&s, (struct doing){"watch", false, "{\"build\":\"nonsense\"}", NULL});
    stage_close(&s);
    assert_int_equal(s.told, 0);
}

/* --- answering, stopping
 * ------------------------------------------------------------------------------------------------ */

#define ANSWER(go) "{\"build\":\"shop/deploy#87\",\"gate\":\"Canary-ok@21\",\"proceed\":" go "}"
#define WAITS      "[{\"id\":\"Other\"},{\"id\":\"Canary-ok\",\"message\":\"Canary healthy?\",\"inputs\":[]}]"

static void a_pause_is_seen_waiting_before_it_is_answered(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    static const struct line proceed[] = {
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "PAUSED_PENDING_INPUT"), NULL},
        {PENDING, NULL, 200, WAITS, NULL},
        {"POST " BUILD "/input/Canary-ok/proceedEmpty", NULL, 200, NULL, NULL},
        THE_END,
    };
    stage_play(&s, proceed, (struct doing){"answer", false, ANSWER("true"), NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "gate", ""), "Canary-ok@21");
    static const struct line abort_it[] = {
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "PAUSED_PENDING_INPUT"), NULL},
        {PENDING, NULL, 200, WAITS, NULL},
        {"POST " BUILD "/input/Canary-ok/abort", NULL, 200, NULL, NULL},
        THE_END,
    };
    stage_play(&s, abort_it, (struct doing){"answer", false, ANSWER("false"), NULL});
    assert_outcome(&s, OUTCOME_DONE);
    static const struct line with_values[] = {
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "PAUSED_PENDING_INPUT"), NULL},
        {PENDING, NULL, 200,
         "[{\"id\":\"Canary-ok\",\"inputs\":[{\"name\":\"NOTE\",\"definition\":{\"defaultVal\":\"ok\"}}]}]",
         NULL},
        {"POST " BUILD "/input/Canary-ok/proceed",
         "json=%7B%22parameter%22%3A%5B%7B%22name%22%3A%22NOTE%22%2C%22value%22%3A%22ok%22%7D%5D%7D", 200,
         NULL, NULL},
        THE_END,
    };
    stage_play(&s, with_values, (struct doing){"answer", false, ANSWER("true"), NULL});
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
}

static void a_pause_of_the_same_name_in_another_stage_is_not_answered(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    static const struct line lines[] = {
        {DESCRIBE, NULL, 200,
         "{\"stages\":[{\"id\":\"21\",\"status\":\"SUCCESS\"},{\"id\":\"40\",\"status\":\"PAUSED_PENDING_"
         "INPUT\"}]}",
         NULL},
        THE_END,
    };
    stage_play(&s, lines, (struct doing){"answer", false, ANSWER("true"), NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "no longer waits");
    static const struct line found[] = {
        {DESCRIBE, NULL, 200, "{\"stages\":[{\"id\":\"40\",\"status\":\"PAUSED_PENDING_INPUT\"}]}", NULL},
        {DESCRIBE, NULL, 200, "{\"stages\":[{\"id\":\"40\",\"status\":\"PAUSED_PENDING_INPUT\"}]}", NULL},
        THE_END,
    };
    stage_play(&s, found, (struct doing){"answer", true, ANSWER("true"), NULL});
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
}

static void a_lost_answer_is_in_doubt_and_the_pause_tells(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
    static const struct line lost[] = {
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "PAUSED_PENDING_INPUT"), NULL},
        {PENDING, NULL, 200, WAITS, NULL},
        {"POST " BUILD "/input/Canary-ok/proceedEmpty", NULL, CUT, NULL, NULL},
        THE_END,
    };
    stage_play(&s, lost, (struct doing){"answer", false, ANSWER("true"), NULL});
    assert_outcome(&s, OUTCOME_UNKNOWN);
    static const struct line waits[] = {
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "PAUSED_PENDING_INPUT"), NULL},
        {PENDING, NULL, 200, WAITS, NULL},
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "PAUSED_PENDING_INPUT"), NULL},
        {PENDING, NULL, 200, WAITS, NULL},
        THE_END,
    };
    stage_play(&s, waits, (struct doing){"answer", true, ANSWER("true"), NULL});
    assert_outcome(&s, OUTCOME_NOT_FOUND);
    static const struct line gone[] = {
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "PAUSED_PENDING_INPUT"), NULL},
        {PENDING, NULL, 200, "[]", NULL},
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "SUCCESS"), NULL},
        THE_END,
    };
    stage_play(&s, gone, (struct doing){"answer", true, ANSWER("true"), NULL});
    assert_outcome(&s, OUTCOME_DONE);
    static const struct line no_right[] = {
        {DESCRIBE, NULL, 200, STAGES("SUCCESS", "PAUSED_PENDING_INPUT"), NULL},
        {PENDING, NULL, 200, WAITS, NULL},
        {"POST " BUILD "/input/Canary-ok/proceedEmpty", NULL, 400, "<html>",
         "X-Error: You need to be ali to submit this."},
        THE_END,
    };
    stage_play(&s, no_right, (struct doing){"answer", false, ANSWER("true"), NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "You need to be ali");
    stage_close(&s);
}

static void stopping_goes_from_gentle_to_last(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jenkins_driver, CONFIG);
#define STILL  {"GET " BUILD "/api/json?tree=building", NULL, 200, "{\"building\":true}", NULL}
#define STILL5 STILL, STILL, STILL, STILL, STILL
    static const struct line lines[] = {
        {"POST " BUILD "/stop", NULL, 302, NULL, "Location: /"},
        STILL5,
        STILL5,
        STILL5,
        {"POST " BUILD "/term", NULL, CUT, NULL, NULL},
        STILL5,
        STILL5,
        STILL5,
        {"POST " BUILD "/kill", NULL, 302, NULL, "Location: /"},
        STILL,
        {"GET " BUILD "/api/json?tree=building", NULL, 200, "{\"building\":false,\"result\":\"ABORTED\"}",
         NULL},
        THE_END,
    };
    stage_play(&s, lines, (struct doing){"stop", false, WATCH, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "status", ""), "ABORTED");
    static const struct line refused[] = {{"POST " BUILD "/stop", NULL, 403, "no", NULL}, THE_END};
    stage_play(&s, refused, (struct doing){"stop", false, WATCH, NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    stage_close(&s);
}

/* --- doctor, configuration
 * ------------------------------------------------------------------------------------------------ */

static void doctor_tells_what_is_missing(void **state)
{
    (void)state;
    struct stage s;
    const char *says = "";
    stage_open(&s, &jenkins_driver, CONFIG);
    static const struct line well[] = {
        {"GET /whoAmI/api/json", NULL, 200, "{\"name\":\"bot\",\"anonymous\":false}", "X-Jenkins: 2.452.1"},
        THE_JOB,
        {"GET " JOB "/wfapi/describe", NULL, 200, "{}", NULL},
        THE_END,
    };
    stage_doctor(&s, well);
    assert_int_equal(stage_check(&s, "version", &says), CHECK_OK);
    assert_string_equal(says, "Jenkins 2.452.1");
    assert_int_equal(stage_check(&s, "signed in", &says), CHECK_OK);
    assert_string_equal(says, "as bot");
    assert_int_equal(stage_check(&s, "clock", NULL), CHECK_OK);
    assert_int_equal(stage_check(&s, "shop/deploy declares SIGNALBOX_KEY", NULL), CHECK_OK);
    assert_int_equal(stage_check(&s, "stage view", NULL), CHECK_OK);
    static const struct line ill[] = {
        {"GET /whoAmI/api/json", NULL, 200, "{\"name\":\"anonymous\",\"anonymous\":true}", NULL},
        {"GET " JOB "/api/json", NULL, 200, "{\"buildable\":false}", NULL},
        {"GET " JOB "/wfapi/describe", NULL, 404, NULL, NULL},
        THE_END,
    };
    stage_doctor(&s, ill);
    assert_int_equal(stage_check(&s, "version", NULL), CHECK_WARN);
    assert_int_equal(stage_check(&s, "signed in", NULL), CHECK_WARN);
    assert_int_equal(stage_check(&s, "job shop/deploy", NULL), CHECK_FAIL);
    assert_int_equal(stage_check(&s, "shop/deploy declares SIGNALBOX_KEY", NULL), CHECK_FAIL);
    assert_int_equal(stage_check(&s, "stage view", NULL), CHECK_WARN);
    static const struct line refused[] = {{"GET /whoAmI/api/json", NULL, 401, "no", NULL}, THE_END};
    stage_doctor(&s, refused);
    assert_int_equal(stage_check(&s, "signed in", NULL), CHECK_FAIL);
    stage_close(&s);
}

static void a_wrong_configuration_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *says;
        int line;
    } rows[] = {
        {"job: deploy\n", "url", 1},
        {"url: http://j.example\n", "job", 1},
        {"url: http://j.example\njob: a//b\n", "shop/deploy", 2},
        {"url: http://j.example\njob: a\ntoken: env:X\n", "user", 1},
        {"url: http://j.example\njob: a\nuser: b\ntoken: hunter22\n", "token", 4},
        {"url: http://j.example\njob: a\nuser: b\ntoken: env:X\npassword: env:Y\n", "password", 5},
        {"url: http://j.example\njob: a\nparameters:\n  service: TAG\n", "template", 4},
        {"url: http://j.example\njob: a\nparameters:\n  servise: TAG\n", "service", 4},
        {"url: http://j.example\njob: a\ntimeout: soon\n", "timeout", 3},
        {"url: http://j.example\njob: a\nper_second: -1\n", "per_second", 3},
        {"url: http://j.example\njob: a\nca_file: /nowhere.pem\n", "/nowhere.pem", 3},
        {"url: http://j.example\njob: a\nunstable: maybe\n", "unstable", 3},
    };
    struct surroundings around = {.loop = loop_new()};
    around.http = http_new(around.loop);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_arena_ struct arena a = arena_make();
        struct error err = ERROR_NONE;
        struct yaml *y = yaml_parse(rows[i].yaml, strlen(rows[i].yaml), "s.yaml", 1, 0, &a, &err);
        assert_non_null(y);
        assert_null(jenkins_driver.open(&jenkins_driver, y, "s.yaml", &around, &err));
        if (!strstr(err.text, rows[i].says) || err.line != rows[i].line)
            print_error("row %zu: line %d: %s\n", i, err.line, err.text);
        assert_non_null(strstr(err.text, rows[i].says));
        assert_int_equal(err.line, rows[i].line);
        assert_null(strstr(err.text, "hunter22"));
    }
    http_free(around.http);
    loop_free(around.loop);
}

int main(void)
{
    setenv("SB_TEST_TOKEN", "open-sesame", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_sends_every_parameter_and_follows_the_queue_to_the_number),
        cmocka_unit_test(an_undeclared_key_or_a_wrong_choice_is_refused_before_anything_is_sent),
        cmocka_unit_test(what_became_of_a_start_is_told_by_its_answer),
        cmocka_unit_test(an_equal_item_in_the_queue_is_ours_and_a_forgotten_one_is_found_by_its_number),
        cmocka_unit_test(a_cancelled_item_is_a_failed_start),
        cmocka_unit_test(after_a_crash_a_build_is_found_in_the_queue_or_among_the_builds),
        cmocka_unit_test(only_a_second_empty_pass_says_that_nothing_was_started),
        cmocka_unit_test(a_find_that_may_not_look_or_gets_garbage_never_says_not_found),
        cmocka_unit_test(builds_are_looked_through_as_far_back_as_the_intent),
        cmocka_unit_test(with_a_password_a_crumb_is_fetched_and_renewed),
        cmocka_unit_test(a_build_is_followed_through_its_pause_to_its_end),
        cmocka_unit_test(a_result_set_early_is_not_the_end),
        cmocka_unit_test(a_failed_build_brings_its_stage_and_the_end_of_the_steps_log),
        cmocka_unit_test(without_the_stage_view_the_core_tells_pauses_and_the_console_is_the_log),
        cmocka_unit_test(a_restart_of_the_controller_is_ridden_out),
        cmocka_unit_test(a_build_that_is_gone_three_times_over_has_failed),
        cmocka_unit_test(a_build_that_takes_far_longer_than_usual_is_stuck),
        cmocka_unit_test(unstable_fails_unless_the_configuration_lets_it_pass),
        cmocka_unit_test(a_watch_that_is_cancelled_tells_nothing_more),
        cmocka_unit_test(a_listener_may_cancel_from_inside_a_view),
        cmocka_unit_test(closing_ends_what_is_under_way_without_a_word),
        cmocka_unit_test(a_pause_is_seen_waiting_before_it_is_answered),
        cmocka_unit_test(a_pause_of_the_same_name_in_another_stage_is_not_answered),
        cmocka_unit_test(a_lost_answer_is_in_doubt_and_the_pause_tells),
        cmocka_unit_test(stopping_goes_from_gentle_to_last),
        cmocka_unit_test(doctor_tells_what_is_missing),
        cmocka_unit_test(a_wrong_configuration_is_refused_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
