/* Plays with PagerDuty: people are called once, and it is known whether they answered. */
#include "systems_play.h"

#include "systems/drivers.h"

#define CONFIG                                                                                              \
    "url: %s\nevents_url: %s\ntoken: env:SB_TEST_TOKEN\nfrom: bot@works.example\nper_second: 0\nservices: " \
    "{decanting: env:SB_TEST_ROUTE}\n"
#define ALERT "{\"to\":\"decanting\",\"summary\":\"Hotfix\",\"details\":\"Risk\",\"priority\":\"P2\"}"
#define KEY   "HF-7%2Fstep%2F1"

static void an_alert_is_an_event_with_its_key(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &pagerduty_driver, CONFIG);
    static const char *const holds[] = {
        "\"routing_key\":\"route-1\"", "\"event_action\":\"trigger\"", "\"dedup_key\":\"HF-7/step/1\"",
        "\"summary\":\"Hotfix\"",      "\"severity\":\"error\"",       "\"details\":\"Risk\"",
        "\"source\":\"signalbox\"",
    };
    for (size_t i = 0; i < COUNT_OF(holds); i++) {
        const struct line lines[] = {{"POST /v2/enqueue", holds[i], 202,
                                      "{\"status\":\"success\",\"dedup_key\":\"HF-7/step/1\"}", NULL},
                                     THE_END};
        stage_play(&s, lines, (struct doing){"alert", false, ALERT, NULL});
        assert_outcome(&s, OUTCOME_DONE);
        assert_string_equal(json_str(s.result, "alert", ""), "HF-7/step/1");
    }
    static const struct line none[] = {THE_END};
    stage_play(&s, none, (struct doing){"alert", false, "{\"to\":\"decantin\",\"summary\":\"a\"}", NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "did you mean \"decanting\"?");
    stage_play(
        &s, none,
        (struct doing){"alert", false, "{\"to\":\"decanting\",\"summary\":\"a\",\"priority\":\"P0\"}", NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    stage_close(&s);
}

static void what_became_of_an_event_is_told_by_its_answer(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *answer, *header;
        enum outcome_kind kind;
    } rows[] = {
        {CUT, NULL, NULL, OUTCOME_UNKNOWN},
        {500, "oops", NULL, OUTCOME_UNKNOWN},
        {202, "garbage", NULL, OUTCOME_UNKNOWN},
        {202, "{}", NULL, OUTCOME_UNKNOWN},
        {400, "{\"status\":\"invalid event\",\"message\":\"Event object is invalid\"}", NULL, OUTCOME_FAILED},
        {429, NULL, "Retry-After: 600", OUTCOME_RETRY},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct stage s;
        stage_open(&s, &pagerduty_driver, CONFIG);
        const struct line lines[] = {
            {"POST /v2/enqueue", NULL, rows[i].status, rows[i].answer, rows[i].header}, THE_END};
        stage_play(&s, lines, (struct doing){"alert", false, ALERT, NULL});
        assert_outcome(&s, rows[i].kind);
        assert_null(strstr(s.error.text, "route-1"));
        stage_close(&s);
    }
}

#define INCIDENTS(list) {"GET /incidents?incident_key=" KEY, NULL, 200, "{\"incidents\":" list "}", NULL}
#define TRIGGERED       "{\"id\":\"PT4\",\"status\":\"triggered\",\"acknowledgements\":[]}"
#define THE_ALERT       "{\"alert\":\"HF-7/step/1\",\"note\":\"Deployed\"}"

static void after_a_crash_an_alert_is_found_by_its_key(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &pagerduty_driver, CONFIG);
    static const struct line late[] = {INCIDENTS("[]"),
                                       INCIDENTS("[{\"id\":\"PT4\",\"status\":\"resolved\"}]"), THE_END};
    stage_play(&s, late, (struct doing){"alert", true, ALERT, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "alert", ""), "HF-7/step/1");
    static const struct line none[] = {INCIDENTS("[]"), INCIDENTS("[]"), THE_END};
    stage_play(&s, none, (struct doing){"alert", true, ALERT, NULL});
    assert_outcome(&s, OUTCOME_NOT_FOUND);
    static const struct line refused[] = {
        {"GET /incidents", NULL, 403, "{\"error\":{\"message\":\"Access Denied\"}}", NULL}, THE_END};
    stage_play(&s, refused, (struct doing){"alert", true, ALERT, NULL});
    assert_outcome(&s, OUTCOME_CANNOT_TELL);
    static const struct line garbage[] = {{"GET /incidents", NULL, 200, "{\"incidents\":7}", NULL}, THE_END};
    stage_play(&s, garbage, (struct doing){"alert", true, ALERT, NULL});
    assert_outcome(&s, OUTCOME_RETRY);
    stage_close(&s);
}

static void an_acknowledgement_is_waited_for_and_tells_who_and_when(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &pagerduty_driver, CONFIG);
    static const struct line acknowledged[] = {
        INCIDENTS("[]"), INCIDENTS("[" TRIGGERED "]"),
        INCIDENTS(
            "[{\"id\":\"PT4\",\"status\":\"acknowledged\",\"acknowledgements\":[{\"at\":\"2024-02-08T19:"
            "01:00Z\",\"acknowledger\":{\"summary\":\"Ann\"}}]}]"),
        THE_END};
    stage_play(&s, acknowledged, (struct doing){"acknowledged", false, THE_ALERT, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "by", ""), "Ann");
    assert_int_equal(json_int(s.result, "at", 0), 1707418860000);
    assert_int_equal(json_array_size(s.views), 1);
    static const struct line resolved[] = {
        INCIDENTS(
            "[{\"id\":\"PT4\",\"status\":\"resolved\",\"last_status_change_at\":\"2024-02-08T19:01:00Z\","
            "\"last_status_change_by\":{\"summary\":\"Bob\"}}]"),
        THE_END};
    stage_play(&s, resolved, (struct doing){"acknowledged", false, THE_ALERT, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "by", ""), "Bob");
    stage_close(&s);
}

static void an_alert_is_resolved_once_with_its_note(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &pagerduty_driver, CONFIG);
    static const struct line close[] = {
        INCIDENTS("[]"),
        INCIDENTS("[{\"id\":\"PT3\",\"status\":\"resolved\"}," TRIGGERED "]"),
        {"PUT /incidents/PT4", "\"status\":\"resolved\"", 200, "{\"incident\":{\"status\":\"resolved\"}}",
         NULL},
        {"POST /incidents/PT4/notes", "{\"note\":{\"content\":\"Deployed\"}}", 201, "{}", NULL},
        THE_END};
    stage_play(&s, close, (struct doing){"close", false, THE_ALERT, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    static const struct line closed[] = {INCIDENTS("[{\"id\":\"PT4\",\"status\":\"resolved\"}]"), THE_END};
    stage_play(&s, closed, (struct doing){"close", false, THE_ALERT, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    static const struct line lost[] = {
        INCIDENTS("[" TRIGGERED "]"), {"PUT /incidents/PT4", NULL, CUT, NULL, NULL}, THE_END};
    stage_play(&s, lost, (struct doing){"close", false, THE_ALERT, NULL});
    assert_outcome(&s, OUTCOME_UNKNOWN);
    stage_close(&s);
}

#define SCHEDULES                                                                                           \
    "{\"schedules\":[{\"id\":\"PS1\",\"name\":\"production\"},{\"id\":\"PS2\",\"summary\":\"decanting\"}]," \
    "\"more\":false}"

static void who_is_on_call_is_each_person_once(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &pagerduty_driver, CONFIG);
    static const struct line lines[] = {
        {"GET /schedules?query=decanting&", NULL, 200, SCHEDULES, NULL},
        {"GET /oncalls?schedule_ids%5B%5D=PS2&", "include%5B%5D=users", 200,
         "{\"oncalls\":[{\"end\":\"2024-02-08T19:01:00Z\",\"user\":{\"name\":\"Ann\",\"email\":\"ann@x\"}},{"
         "\"user\":{\"name\":\"Ann\",\"email\":\"ann@x\"}}],\"more\":true}",
         NULL},
        {"GET /oncalls?", "offset=100", 200,
         "{\"oncalls\":[{\"end\":null,\"user\":{\"summary\":\"Bob\"}}],\"more\":false}", NULL},
        THE_END};
    stage_play(&s, lines, (struct doing){"oncall", false, "{\"schedule\":\"decanting\"}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_int_equal(json_array_size(json_path(s.result, "people")), 2);
    assert_string_equal(json_str(s.result, "people.0.mail", ""), "ann@x");
    assert_int_equal(json_int(s.result, "people.0.until", 0), 1707418860000);
    assert_string_equal(json_str(s.result, "people.1.name", ""), "Bob");
    static const struct line unknown[] = {
        {"GET /schedules?query=productoin&", NULL, 200, "{\"schedules\":[]}", NULL},
        {"GET /schedules?limit", NULL, 200, SCHEDULES, NULL},
        THE_END};
    stage_play(&s, unknown, (struct doing){"oncall", false, "{\"schedule\":\"productoin\"}", NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "did you mean \"production\"?");
    stage_close(&s);
}

static void doctor_reads_schedules_incidents_and_routing_keys(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &pagerduty_driver, CONFIG);
    static const struct line well[] = {{"GET /schedules?limit=1", NULL, 200, SCHEDULES, NULL},
                                       {"GET /incidents?limit=1", NULL, 200, "{\"incidents\":[]}", NULL},
                                       THE_END};
    stage_doctor(&s, well);
    assert_int_equal(stage_check(&s, "may read schedules", NULL), CHECK_OK);
    assert_int_equal(stage_check(&s, "may read incidents", NULL), CHECK_OK);
    assert_int_equal(stage_check(&s, "routing key of decanting", NULL), CHECK_OK);
    stage_close(&s);
}

static void what_is_wrong_in_the_configuration_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *says;
    } rows[] = {{"token: env:X\n", "from"},
                {"token: env:X\nfrom: bot\n", "mail address"},
                {"from: a@b\n", "token"},
                {"token: env:X\nfrom: a@b\nservices: [1]\n", "services"},
                {"token: env:X\nfrom: a@b\nservices: {a: R0123456789}\n", "a: "}};
    struct surroundings around = {.loop = loop_new()};
    around.http = http_new(around.loop);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_arena_ struct arena a = arena_make();
        struct error err = ERROR_NONE;
        struct yaml *y = yaml_parse(rows[i].yaml, strlen(rows[i].yaml), "s.yaml", 1, 0, &a, &err);
        assert_null(pagerduty_driver.open(&pagerduty_driver, y, "s.yaml", &around, &err));
        assert_non_null(strstr(err.text, rows[i].says));
        assert_null(strstr(err.text, "R0123456789"));
    }
    http_free(around.http);
    loop_free(around.loop);
}

int main(void)
{
    setenv("SB_TEST_TOKEN", "open-sesame", 1);
    setenv("SB_TEST_ROUTE", "route-1", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alert_is_an_event_with_its_key),
        cmocka_unit_test(what_became_of_an_event_is_told_by_its_answer),
        cmocka_unit_test(after_a_crash_an_alert_is_found_by_its_key),
        cmocka_unit_test(an_acknowledgement_is_waited_for_and_tells_who_and_when),
        cmocka_unit_test(an_alert_is_resolved_once_with_its_note),
        cmocka_unit_test(who_is_on_call_is_each_person_once),
        cmocka_unit_test(doctor_reads_schedules_incidents_and_routing_keys),
        cmocka_unit_test(what_is_wrong_in_the_configuration_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
