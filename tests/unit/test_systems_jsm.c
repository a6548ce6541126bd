/* Plays with JSM Operations: Opsgenie's promises in its successor's words. */
#include "systems_play.h"

#include "systems/drivers.h"

#define CONFIG                                                                                             \
    "url: %s/ops\nsite: %s\nuser: bot@works.example\ntoken: env:SB_TEST_TOKEN\ncloud_id: c1\nper_second: " \
    "0\n"
#define V1    "/ops/c1/v1"
#define ALIAS "HF-7%2Fstep%2F1"
#define SCHEDULES                                                                             \
    {"GET " V1 "/schedules?size=100&offset=0", NULL, 200,                                     \
     "{\"values\":[{\"id\":\"s1\",\"name\":\"production\"},{\"id\":\"s2\",\"name\":\"Rota\"," \
     "\"teamId\":"                                                                            \
     "\"t1\"}]}",                                                                             \
     NULL}
#define TEAMS                                                                                               \
    {"GET " V1 "/teams", NULL, 200, "{\"platformTeams\":[{\"teamId\":\"t1\",\"teamName\":\"decanting\"}]}", \
     NULL}
#define ACCEPTED  "{\"result\":\"Request will be processed\",\"requestId\":\"r1\"}"
#define ALERT(to) "{\"to\":\"" to "\",\"summary\":\"Hotfix\"}"

static void an_alert_goes_to_a_schedule_or_a_team_by_id(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jsm_driver, CONFIG);
    static const struct line processed = {"GET " V1 "/alerts/requests/r1", NULL, 200,
                                          "{\"isSuccess\":true,\"alertId\":\"a1\"}", NULL};
    const struct line team[] = {
        SCHEDULES,
        TEAMS,
        {"POST " V1 "/alerts", "\"responders\":[{\"type\":\"team\",\"id\":\"t1\"}]", 202, ACCEPTED, NULL},
        processed,
        THE_END};
    stage_play(&s, team, (struct doing){"alert", false, ALERT("decanting"), NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "alert", ""), "a1");
    const struct line schedule[] = {
        SCHEDULES,
        {"POST " V1 "/alerts", "\"responders\":[{\"type\":\"schedule\",\"id\":\"s1\"}]", 202, ACCEPTED, NULL},
        processed,
        THE_END};
    stage_play(&s, schedule, (struct doing){"alert", false, ALERT("production"), NULL});
    assert_outcome(&s, OUTCOME_DONE);
    static const struct line unknown[] = {SCHEDULES, TEAMS, THE_END};
    stage_play(&s, unknown, (struct doing){"alert", false, ALERT("decantign"), NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "did you mean \"decanting\"?");
    static const struct line lost[] = {SCHEDULES, {"POST " V1 "/alerts", NULL, CUT, NULL, NULL}, THE_END};
    stage_play(&s, lost, (struct doing){"alert", false, ALERT("production"), NULL});
    assert_outcome(&s, OUTCOME_UNKNOWN);
    static const struct line throttled[] = {
        SCHEDULES, {"POST " V1 "/alerts", NULL, 429, "{}", "Retry-After: 600"}, THE_END};
    stage_play(&s, throttled, (struct doing){"alert", false, ALERT("production"), NULL});
    assert_outcome(&s, OUTCOME_RETRY);
    stage_close(&s);
}

static void after_a_crash_an_alert_is_found_open_or_closed(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jsm_driver, CONFIG);
    static const struct line not_open = {"GET " V1 "/alerts/alias?alias=" ALIAS, NULL, 404, "{}", NULL};
    static const struct line search = {"GET " V1 "/alerts?query=alias%3A%22" ALIAS "%22&size=100", NULL, 200,
                                       "{\"values\":[]}", NULL};
    static const struct line open[] = {
        {"GET " V1 "/alerts/alias?alias=" ALIAS, NULL, 200, "{\"id\":\"a1\"}", NULL}, THE_END};
    stage_play(&s, open, (struct doing){"alert", true, ALERT("production"), NULL});
    assert_outcome(&s, OUTCOME_DONE);
    const struct line closed[] = {not_open,
                                  {"GET " V1 "/alerts?query=", NULL, 200,
                                   "{\"values\":[{\"id\":\"a1\",\"alias\":\"HF-7/step/1\"}]}", NULL},
                                  THE_END};
    stage_play(&s, closed, (struct doing){"alert", true, ALERT("production"), NULL});
    assert_outcome(&s, OUTCOME_DONE);
    const struct line none[] = {not_open, search, not_open, search, THE_END};
    stage_play(&s, none, (struct doing){"alert", true, ALERT("production"), NULL});
    assert_outcome(&s, OUTCOME_NOT_FOUND);
    static const struct line refused[] = {{"GET " V1 "/alerts/alias", NULL, 403, "{}", NULL}, THE_END};
    stage_play(&s, refused, (struct doing){"alert", true, ALERT("production"), NULL});
    assert_outcome(&s, OUTCOME_CANNOT_TELL);
    static const struct line garbage[] = {{"GET " V1 "/alerts/alias", NULL, 200, "garbage", NULL}, THE_END};
    stage_play(&s, garbage, (struct doing){"alert", true, ALERT("production"), NULL});
    assert_outcome(&s, OUTCOME_RETRY);
    stage_close(&s);
}

static void an_alert_is_closed_and_then_noted(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jsm_driver, CONFIG);
    static const struct line close[] = {
        {"GET " V1 "/alerts/a1", NULL, 200, "{\"status\":\"open\"}", NULL},
        {"POST " V1 "/alerts/a1/close", "{}", 202, ACCEPTED, NULL},
        {"GET " V1 "/alerts/a1", NULL, 200, "{\"status\":\"closed\"}", NULL},
        {"POST " V1 "/alerts/a1/notes", "{\"note\":\"Deployed\"}", 403, "{}", NULL},
        THE_END};
    stage_play(&s, close, (struct doing){"close", false, "{\"alert\":\"a1\",\"note\":\"Deployed\"}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    static const struct line acknowledged[] = {{"GET " V1 "/alerts/a1", NULL, 200,
                                                "{\"status\":\"open\",\"acknowledged\":true,\"owner\":"
                                                "\"ann\",\"updatedAt\":\"2024-02-08T19:01:00Z\"}",
                                                NULL},
                                               THE_END};
    stage_play(&s, acknowledged, (struct doing){"acknowledged", false, "{\"alert\":\"a1\"}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "by", ""), "ann");
    stage_close(&s);
}

static void people_on_call_have_names_from_jira(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jsm_driver, CONFIG);
    static const struct line lines[] = {
        SCHEDULES,
        TEAMS,
        {"GET " V1 "/schedules/s2/on-calls?flat=true", NULL, 200,
         "{\"onCallParticipants\":[{\"id\":\"u1\",\"type\":\"user\"},{\"id\":\"t9\",\"type\":\"team\"},"
         "\"u2\"]}",
         NULL},
        {"GET /rest/api/3/user?accountId=u1", NULL, 200,
         "{\"displayName\":\"Ann\",\"emailAddress\":\"ann@x.example\"}", NULL},
        {"GET /rest/api/3/user?accountId=u2", NULL, 404, "{}", NULL},
        THE_END};
    stage_play(&s, lines, (struct doing){"oncall", false, "{\"schedule\":\"decanting\"}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_int_equal(json_array_size(json_path(s.result, "people")), 2);
    assert_string_equal(json_str(s.result, "people.0.name", ""), "Ann");
    assert_string_equal(json_str(s.result, "people.0.mail", ""), "ann@x.example");
    assert_string_equal(json_str(s.result, "people.1.name", ""), "u2");
    assert_string_equal(json_str(s.result, "schedule", ""), "Rota");
    stage_close(&s);
}

static void doctor_reads_schedules_and_alerts(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jsm_driver, CONFIG);
    static const struct line well[] = {{"GET " V1 "/schedules?size=1", NULL, 200, "{\"values\":[{}]}", NULL},
                                       {"GET " V1 "/alerts?size=1", NULL, 401, "{}", NULL},
                                       THE_END};
    stage_doctor(&s, well);
    assert_int_equal(stage_check(&s, "may read schedules", NULL), CHECK_OK);
    assert_int_equal(stage_check(&s, "may read alerts", NULL), CHECK_FAIL);
    stage_close(&s);
}

int main(void)
{
    setenv("SB_TEST_TOKEN", "open-sesame", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alert_goes_to_a_schedule_or_a_team_by_id),
        cmocka_unit_test(after_a_crash_an_alert_is_found_open_or_closed),
        cmocka_unit_test(an_alert_is_closed_and_then_noted),
        cmocka_unit_test(people_on_call_have_names_from_jira),
        cmocka_unit_test(doctor_reads_schedules_and_alerts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
