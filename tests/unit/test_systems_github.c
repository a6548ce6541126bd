/* Plays with GitHub: a tag is believed when it is there, holds what runs, and all verdicts on it are in. */
#include "systems_play.h"

#include "systems/drivers.h"
#include "systems/github_driver.h"

#define CONFIG                                                                                    \
    "url: %s\ntoken: env:SB_TEST_TOKEN\nper_second: 0\nweb: https://github.example\nrepository: " \
    "works/{service}\nservices: {edge: works/gateway}\n"
#define REPO "/repos/works/decanting"
#define ARGS(before) \
    "{\"services\":[{\"service\":\"decanting\",\"tag\":\"24-02-05.627\",\"before\":\"" before "\"}]}"
#define CHECK(lines, before) stage_play(&s, lines, (struct doing){"check", false, ARGS(before), NULL})

#define NO_RELEASE {"GET " REPO "/releases/tags/24-02-05.627", NULL, 404, "{\"message\":\"Not Found\"}", NULL}
#define REF                                               \
    {"GET " REPO "/git/ref/tags/24-02-05.627", NULL, 200, \
     "{\"object\":{\"sha\":\"c2\",\"type\":\"commit\"}}", NULL}
#define COMPARE(answer) {"GET " REPO "/compare/24-02-05.619...c2", NULL, 200, answer, NULL}
#define AHEAD                                                                                               \
    COMPARE(                                                                                                \
        "{\"status\":\"ahead\",\"commits\":[{\"sha\":\"c2\",\"commit\":{\"committer\":{\"date\":\"2024-02-" \
        "08T18:00:00Z\"}}}],\"files\":[{\"filename\":\"src/a.c\"},{\"filename\":\"db/migrate/017.rb\"},{"   \
        "\"filename\":\"old.txt\",\"previous_filename\":\"x/y.sql\"}]}")
#define RUNS(list)                                                        \
    {"GET " REPO "/commits/c2/check-runs?per_page=100&page=1", NULL, 200, \
     "{\"total_count\":1,\"check_runs\":" list "}", NULL}
#define STATUS(answer) {"GET " REPO "/commits/c2/status", NULL, 200, answer, NULL}
#define NO_STATUS      STATUS("{\"state\":\"pending\",\"total_count\":0,\"statuses\":[]}")
#define PASSED         "[{\"name\":\"build\",\"status\":\"completed\",\"conclusion\":\"success\"}]"
#define RUNNING        "[{\"name\":\"build\",\"status\":\"in_progress\",\"started_at\":\"2024-02-08T19:00:00Z\"}]"

static void a_tag_that_holds_what_runs_and_has_passed_is_good(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &github_driver, CONFIG);
    static const struct line lines[] = {NO_RELEASE, REF, AHEAD, RUNS(PASSED), NO_STATUS, THE_END};
    CHECK(lines, "24-02-05.619");
    assert_outcome(&s, OUTCOME_DONE);
    const json_t *row = json_path(s.result, "services.0");
    assert_true(json_flag(row, "exists", false));
    assert_true(json_flag(row, "descends", false));
    assert_string_equal(json_str(row, "checks", ""), "passed");
    assert_string_equal(json_str(row, "commit", ""), "c2");
    assert_int_equal(json_int(row, "at", 0), 1707415200000);
    assert_string_equal(json_str(row, "schema.0", ""), "db/migrate/017.rb");
    assert_string_equal(json_str(row, "schema.1", ""), "x/y.sql");
    assert_int_equal(json_array_size(json_object_get(row, "schema")), 2);
    assert_string_equal(json_str(row, "url", ""), "https://github.example/works/decanting/tree/24-02-05.627");
    assert_int_equal(json_array_size(json_object_get(s.result, "problems")), 0);
    stage_close(&s);
}

static void an_annotated_tag_is_followed_and_a_release_has_its_page(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &github_driver, CONFIG);
    static const struct line lines[] = {
        {"GET " REPO "/releases/tags/24-02-05.627", NULL, 200, "{\"html_url\":\"https://gh/r/1\"}", NULL},
        {"GET " REPO "/git/ref/tags/24-02-05.627", NULL, 200,
         "{\"object\":{\"sha\":\"t1\",\"type\":\"tag\"}}", NULL},
        {"GET " REPO "/git/tags/t1", NULL, 200, "{\"object\":{\"sha\":\"c2\",\"type\":\"commit\"}}", NULL},
        RUNS("[]"),
        NO_STATUS,
        THE_END};
    CHECK(lines, "");
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "services.0.url", ""), "https://gh/r/1");
    assert_string_equal(json_str(s.result, "services.0.checks", ""), "none");
    assert_true(json_is_null(json_path(s.result, "services.0.descends")));
    stage_close(&s);
}

static void what_cannot_be_deployed_is_refused_with_its_reason(void **state)
{
    (void)state;
    static const struct line no_tag[] = {
        NO_RELEASE, {"GET " REPO "/git/ref/tags/24-02-05.627", NULL, 404, "{}", NULL}, THE_END};
    static const struct line diverged[] = {NO_RELEASE, REF, COMPARE("{\"status\":\"diverged\"}"), THE_END};
    static const struct line no_before[] = {
        NO_RELEASE, REF, {"GET " REPO "/compare/24-02-05.619...c2", NULL, 404, "{}", NULL}, THE_END};
    static const struct line failed[] = {
        NO_RELEASE, REF,
        AHEAD,      RUNS("[{\"name\":\"lint\",\"status\":\"completed\",\"conclusion\":\"timed_out\"}]"),
        NO_STATUS,  THE_END};
    static const struct line status_failed[] = {
        NO_RELEASE,
        REF,
        AHEAD,
        RUNS(PASSED),
        STATUS("{\"state\":\"failure\",\"total_count\":1,\"statuses\":[{\"context\":\"ci/old\",\"state\":"
               "\"error\"}]}"),
        THE_END};
    static const struct {
        const struct line *lines;
        const char *says;
    } rows[] = {{no_tag, "there is no tag 24-02-05.627 in works/decanting"},
                {diverged, "it would take something away"},
                {no_before, "what runs now, 24-02-05.619, has no tag"},
                {failed, "have failed: lint"},
                {status_failed, "have failed: ci/old"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct stage s;
        stage_open(&s, &github_driver, CONFIG);
        CHECK(rows[i].lines, "24-02-05.619");
        assert_outcome(&s, OUTCOME_FAILED);
        assert_says(&s, rows[i].says);
        assert_int_equal(json_array_size(json_path(s.result, "problems")), 1);
        stage_close(&s);
    }
}

static void running_checks_are_waited_for_with_an_estimate(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &github_driver, CONFIG);
    static const struct line lines[] = {NO_RELEASE,
                                        REF,
                                        AHEAD,
                                        RUNS(RUNNING),
                                        NO_STATUS,
                                        {"GET " REPO "/commits/24-02-05.619/check-runs", NULL, 200,
                                         "{\"check_runs\":[{\"name\":\"build\",\"status\":\"completed\","
                                         "\"started_at\":\"2024-02-05T10:00:00Z\","
                                         "\"completed_at\":\"2024-02-05T10:06:00Z\"}]}",
                                         NULL},
                                        NO_RELEASE,
                                        REF,
                                        AHEAD,
                                        RUNS(RUNNING),
                                        NO_STATUS,
                                        NO_RELEASE,
                                        REF,
                                        AHEAD,
                                        RUNS(PASSED),
                                        STATUS("{\"state\":\"success\",\"total_count\":1,\"statuses\":[]}"),
                                        THE_END};
    CHECK(lines, "24-02-05.619");
    assert_outcome(&s, OUTCOME_DONE);
    assert_int_equal(json_array_size(s.views), 1); /* told once: nothing had changed */
    assert_string_equal(json_str(s.views, "0.services.0.checks", ""), "pending");
    assert_int_equal(json_int(s.views, "0.services.0.ready", 0), stage_intended_ms + 360000);
    assert_non_null(strstr(json_str(s.views, "0.services.0.says", ""), "checks still run: build"));
    assert_string_equal(json_str(s.result, "services.0.checks", ""), "passed");
    stage_close(&s);
}

static void checks_that_must_be_there_are_waited_for(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &github_driver, CONFIG "require_checks: true\n");
    static const struct line lines[] = {NO_RELEASE, REF,          RUNS("[]"), NO_STATUS, NO_RELEASE,
                                        REF,        RUNS(PASSED), NO_STATUS,  THE_END};
    CHECK(lines, "");
    assert_outcome(&s, OUTCOME_DONE);
    assert_non_null(strstr(json_str(s.views, "0.services.0.says", ""), "none has begun yet"));
    stage_close(&s);
}

static void what_has_not_changed_is_not_sent_again(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &github_driver, CONFIG);
    static const struct line first[] = {NO_RELEASE,
                                        {"GET " REPO "/git/ref/tags/24-02-05.627", NULL, 200,
                                         "{\"object\":{\"sha\":\"c2\",\"type\":\"commit\"}}", "ETag: \"e1\""},
                                        RUNS(PASSED),
                                        NO_STATUS,
                                        THE_END};
    CHECK(first, "");
    assert_outcome(&s, OUTCOME_DONE);
    static const struct line second[] = {NO_RELEASE,
                                         {"GET " REPO "/git/ref/tags/24-02-05.627", NULL, 304, NULL, NULL},
                                         RUNS(PASSED),
                                         NO_STATUS,
                                         THE_END};
    CHECK(second, "");
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "services.0.commit", ""), "c2");
    stage_close(&s);
}

static void a_used_up_limit_is_waited_for_and_a_refusal_is_not(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *answer, *header;
        enum outcome_kind kind;
    } rows[] = {
        {403, "{\"message\":\"API rate limit exceeded for user\"}", "x-ratelimit-remaining: 0",
         OUTCOME_RETRY},
        {403, "{\"message\":\"You have exceeded a secondary rate limit\"}", NULL, OUTCOME_RETRY},
        {403, "{\"message\":\"Resource not accessible by personal access token\"}", NULL, OUTCOME_FAILED},
        {401, "{\"message\":\"Bad credentials\"}", NULL, OUTCOME_FAILED},
        {200, "garbage", NULL, OUTCOME_RETRY},
        {200, "{}", NULL, OUTCOME_RETRY},
        {500, "oops", NULL, OUTCOME_RETRY},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct stage s;
        stage_open(&s, &github_driver, CONFIG);
        const struct line lines[] = {
            NO_RELEASE,
            {"GET " REPO "/git/ref/tags/24-02-05.627", NULL, rows[i].status, rows[i].answer, rows[i].header},
            THE_END};
        CHECK(lines, "");
        assert_outcome(&s, rows[i].kind);
        if (rows[i].status == 403 && rows[i].kind == OUTCOME_RETRY)
            assert_int_equal(s.retry_after_ms, 60000);
        stage_close(&s);
    }
}

static void each_service_has_its_repository(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &github_driver, CONFIG);
    static const struct line lines[] = {{"GET /repos/works/gateway/releases/tags/1", NULL, 404, "{}", NULL},
                                        {"GET /repos/works/gateway/git/ref/tags/1", NULL, 404, "{}", NULL},
                                        THE_END};
    stage_play(
        &s, lines,
        (struct doing){"check", false,
                       "{\"services\":[{\"service\":\"edge\",\"tag\":\"1\"},{\"service\":\"a\",\"tag\":"
                       "\"--upload-pack=x\"}]}",
                       NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_int_equal(json_array_size(json_path(s.result, "problems")), 2);
    stage_close(&s);
}

static void both_kinds_of_verdict_count(void **state)
{
    (void)state;
    static const struct {
        const char *runs, *status, *verdict, *names;
    } rows[] = {
        {"[]", "{\"state\":\"pending\",\"total_count\":0}", "none", ""},
        {"[]", "{\"state\":\"success\",\"total_count\":2}", "passed", ""},
        {"[]",
         "{\"state\":\"pending\",\"total_count\":1,\"statuses\":[{\"context\":\"ci\",\"state\":"
         "\"pending\"}]}",
         "pending", "ci"},
        {PASSED, "{\"state\":\"pending\",\"total_count\":0}", "passed", ""},
        {PASSED, "{\"state\":\"pending\",\"total_count\":1}", "pending", ""},
        {"[{\"name\":\"a\",\"status\":\"completed\",\"conclusion\":\"skipped\"}]", "{\"total_count\":0}",
         "passed", ""},
        {"[{\"name\":\"a\",\"status\":\"waiting\"},{\"name\":\"b\",\"status\":\"completed\",\"conclusion\":"
         "\"cancelled\"}]",
         "{\"total_count\":0}", "failed", "b"},
        {"[{\"name\":\"a\",\"status\":\"completed\",\"conclusion\":null}]", "{}", "failed", "a"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_json_ json_t *runs = json_loads(rows[i].runs, 0, NULL);
        _cleanup_json_ json_t *status = json_loads(rows[i].status, 0, NULL);
        _cleanup_buf_ struct buf names = {0};
        assert_non_null(runs);
        assert_non_null(status);
        assert_string_equal(github_verdict(runs, status, &names), rows[i].verdict);
        assert_string_equal(buf_str(&names), rows[i].names);
    }
}

static void how_long_all_checks_took_is_from_the_first_begin_to_the_last_end(void **state)
{
    (void)state;
    static const struct {
        const char *runs;
        int64_t took;
    } rows[] = {
        {"[]", 0},
        {"[{\"status\":\"in_progress\",\"started_at\":\"2024-02-08T12:00:00Z\"}]", 0},
        {"[{\"status\":\"completed\",\"started_at\":\"2024-02-08T12:00:00Z\",\"completed_at\":\"2024-02-08T12:05:00Z\"},"
         "{\"status\":\"completed\",\"started_at\":\"2024-02-08T12:04:00Z\",\"completed_at\":\"2024-02-08T12:12:30Z\"}]",
         750000},
        {"[{\"status\":\"completed\",\"started_at\":\"2024-02-08T12:05:00Z\",\"completed_at\":\"2024-02-08T12:00:00Z\"}]",
         0},
        {"[{\"status\":\"completed\",\"started_at\":\"soon\",\"completed_at\":7}]", 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_json_ json_t *runs = json_loads(rows[i].runs, 0, NULL);
        assert_non_null(runs);
        assert_int_equal(github_took(runs), rows[i].took);
    }
}

static void doctor_tries_the_limit_and_the_repositories_it_knows(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &github_driver, CONFIG);
    static const struct line well[] = {
        {"GET /rate_limit", NULL, 200, "{\"resources\":{\"core\":{\"limit\":5000,\"remaining\":4999}}}",
         NULL},
        {"GET /repos/works/gateway", NULL, 404, "{\"message\":\"Not Found\"}", NULL},
        THE_END};
    stage_doctor(&s, well);
    assert_int_equal(stage_check(&s, "signs in", NULL), CHECK_OK);
    assert_int_equal(stage_check(&s, "may read works/gateway", NULL), CHECK_FAIL);
    stage_close(&s);
}

static void what_is_wrong_in_the_configuration_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *says;
    } rows[] = {{"repository: gateway\n", "works/{service}"},
                {"services: {a: ../x}\n", "works/{service}"},
                {"require_checks: maybe\n", "true or false"},
                {"migrations: db\n", "migrations"},
                {"token: ghp_0123456789\n", "token"}};
    struct surroundings around = {.loop = loop_new()};
    around.http = http_new(around.loop);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_arena_ struct arena a = arena_make();
        struct error err = ERROR_NONE;
        struct yaml *y = yaml_parse(rows[i].yaml, strlen(rows[i].yaml), "s.yaml", 1, 0, &a, &err);
        assert_null(github_driver.open(&github_driver, y, "s.yaml", &around, &err));
        assert_non_null(strstr(err.text, rows[i].says));
        assert_null(strstr(err.text, "ghp_0123456789"));
    }
    http_free(around.http);
    loop_free(around.loop);
}

int main(void)
{
    setenv("SB_TEST_TOKEN", "open-sesame", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tag_that_holds_what_runs_and_has_passed_is_good),
        cmocka_unit_test(an_annotated_tag_is_followed_and_a_release_has_its_page),
        cmocka_unit_test(what_cannot_be_deployed_is_refused_with_its_reason),
        cmocka_unit_test(running_checks_are_waited_for_with_an_estimate),
        cmocka_unit_test(checks_that_must_be_there_are_waited_for),
        cmocka_unit_test(what_has_not_changed_is_not_sent_again),
        cmocka_unit_test(a_used_up_limit_is_waited_for_and_a_refusal_is_not),
        cmocka_unit_test(each_service_has_its_repository),
        cmocka_unit_test(both_kinds_of_verdict_count),
        cmocka_unit_test(how_long_all_checks_took_is_from_the_first_begin_to_the_last_end),
        cmocka_unit_test(doctor_tries_the_limit_and_the_repositories_it_knows),
        cmocka_unit_test(what_is_wrong_in_the_configuration_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
