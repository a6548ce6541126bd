/* Plays with Opsgenie: people are called once, and it is known whether they answered. */
#include "systems_play.h"

#include "systems/drivers.h"

#define CONFIG   "url: %s\ntoken: env:SB_TEST_TOKEN\nper_second: 0\n"
#define ALERT    "{\"to\":\"decanting\",\"summary\":\"Hotfix\",\"details\":\"Risk\",\"priority\":\"P2\"}"
#define ALIAS    "HF-7%2Fstep%2F1"
#define ACCEPTED "{\"result\":\"Request will be processed\",\"requestId\":\"r1\"}"
#define NO_SCHEDULE                                                                           \
    {"GET /v2/schedules/decanting/on-calls?scheduleIdentifierType=name&flat=true", NULL, 404, \
     "{\"message\":\"No schedule exists with name [decanting]\"}", NULL}
#define PROCESSED                                                                               \
    {"GET /v2/alerts/requests/r1", NULL, 200,                                                   \
     "{\"data\":{\"success\":true,\"isSuccess\":true,\"status\":\"Created alert\",\"alertId\":" \
     "\"a1\"}}",                                                                                \
     NULL}
#define NOT_YET {"GET /v2/alerts/requests/r1", NULL, 404, "{\"message\":\"Request not found\"}", NULL}

static void an_alert_carries_its_key_as_alias_and_is_followed_until_it_is_open(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &opsgenie_driver, CONFIG);
    static const char *const holds[] = {
        "\"alias\":\"HF-7/step/1\"", "\"message\":\"Hotfix\"",
        "\"priority\":\"P2\"",       "\"responders\":[{\"type\":\"team\",\"name\":\"decanting\"}]",
        "\"description\":\"Risk\"",  "\"details\":{\"change\":\"HF-7\"}",
    };
    for (size_t i = 0; i < COUNT_OF(holds); i++) {
        const struct line lines[] = {
            NO_SCHEDULE, {"POST /v2/alerts", holds[i], 202, ACCEPTED, NULL}, NOT_YET, PROCESSED, THE_END};
        stage_play(&s, lines, (struct doing){"alert", false, ALERT, NULL});
        assert_outcome(&s, OUTCOME_DONE);
        assert_string_equal(json_str(s.result, "alert", ""), "a1");
    }
    static const struct line schedule[] = {
        {"GET /v2/schedules/decanting/on-calls", NULL, 200, "{\"data\":{\"onCallRecipients\":[]}}", NULL},
        {"POST /v2/alerts", "\"responders\":[{\"type\":\"schedule\",\"name\":\"decanting\"}]", 202, ACCEPTED,
         NULL},
        PROCESSED,
        THE_END};
    stage_play(&s, schedule, (struct doing){"alert", false, ALERT, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    static const struct line not_told[] = {{"GET /v2/schedules/decanting/on-calls", NULL, 500, "oops", NULL},
                                           THE_END};
    stage_play(&s, not_told, (struct doing){"alert", false, ALERT, NULL});
    assert_outcome(&s, OUTCOME_RETRY);
    static const struct line none[] = {THE_END};
    stage_play(&s, none,
               (struct doing){"alert", false, "{\"to\":\"a\",\"summary\":\"b\",\"priority\":\"P9\"}", NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    stage_close(&s);
}

static void a_long_summary_is_cut_and_whole_in_the_description(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &opsgenie_driver, CONFIG);
    char summary[201] = {0};
    memset(summary, 'x', 150);
    char *args = arena_printf(&s.arena, "{\"to\":\"decanting\",\"summary\":\"%s\"}", summary);
    char *whole = arena_printf(&s.arena, "\"description\":\"%s", summary);
    summary[130] = '\0';
    char *cut = arena_printf(&s.arena, "\"message\":\"%s\"", summary);
    const char *const holds[] = {cut, whole, "\"priority\":\"P1\""};
    for (size_t i = 0; i < COUNT_OF(holds); i++) {
        const struct line lines[] = {
            NO_SCHEDULE, {"POST /v2/alerts", holds[i], 202, ACCEPTED, NULL}, PROCESSED, THE_END};
        stage_play(&s, lines, (struct doing){"alert", false, args, NULL});
        assert_outcome(&s, OUTCOME_DONE);
    }
    stage_close(&s);
}

static void what_became_of_an_alert_is_told_by_its_answer(void **state)
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
        {422, "{\"message\":\"Request body is not processable\"}", NULL, OUTCOME_FAILED},
        {403, "{\"message\":\"You are not authorized\"}", NULL, OUTCOME_FAILED},
        {429, "{\"message\":\"You are making too many requests!\"}", "Retry-After: 600", OUTCOME_RETRY},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct stage s;
        stage_open(&s, &opsgenie_driver, CONFIG);
        const struct line lines[] = {
            NO_SCHEDULE, {"POST /v2/alerts", NULL, rows[i].status, rows[i].answer, rows[i].header}, THE_END};
        stage_play(&s, lines, (struct doing){"alert", false, ALERT, NULL});
        assert_outcome(&s, rows[i].kind);
        stage_close(&s);
    }
    struct stage s;
    stage_open(&s, &opsgenie_driver, CONFIG);
    static const struct line refused_later[] = {
        NO_SCHEDULE,
        {"POST /v2/alerts", NULL, 202, ACCEPTED, NULL},
        {"GET /v2/alerts/requests/r1", NULL, 200,
         "{\"data\":{\"success\":false,\"status\":\"Alert is rejected by policy\"}}", NULL},
        THE_END};
    stage_play(&s, refused_later, (struct doing){"alert", false, ALERT, NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "rejected by policy");
    struct line silent[32] = {NO_SCHEDULE, {"POST /v2/alerts", NULL, 202, ACCEPTED, NULL}};
    for (size_t i = 2; i < 23; i++)
        silent[i] = (struct line)NOT_YET;
    stage_play(&s, silent, (struct doing){"alert", false, ALERT, NULL});
    assert_outcome(&s, OUTCOME_UNKNOWN);
    stage_close(&s);
}

/* --- found again
 * ------------------------------------------------------------------------------------------------- */

#define NOT_OPEN \
    {"GET /v2/alerts/" ALIAS "?identifierType=alias", NULL, 404, "{\"message\":\"not found\"}", NULL}
#define SEARCH(list) {"GET /v2/alerts?query=alias%3A%22" ALIAS "%22", NULL, 200, "{\"data\":" list "}", NULL}

static void after_a_crash_an_alert_is_found_open_or_closed(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &opsgenie_driver, CONFIG);
    static const struct line open[] = {{"GET /v2/alerts/" ALIAS "?identifierType=alias", NULL, 200,
                                        "{\"data\":{\"id\":\"a1\",\"status\":\"open\"}}", NULL},
                                       THE_END};
    static const struct line closed[] = {
        NOT_OPEN,
        SEARCH("[{\"id\":\"a0\",\"alias\":\"HF-7/step/10\"},{\"id\":\"a1\",\"alias\":\"HF-7/step/1\","
               "\"status\":\"closed\"}]"),
        THE_END};
    static const struct line late[] = {NOT_OPEN, SEARCH("[]"), open[0], THE_END};
    const struct line *plays[] = {open, closed, late};
    for (size_t i = 0; i < COUNT_OF(plays); i++) {
        stage_play(&s, plays[i], (struct doing){"alert", true, ALERT, NULL});
        assert_outcome(&s, OUTCOME_DONE);
        assert_string_equal(json_str(s.result, "alert", ""), "a1");
    }
    static const struct line none[] = {NOT_OPEN, SEARCH("[]"), NOT_OPEN, SEARCH("[]"), THE_END};
    stage_play(&s, none, (struct doing){"alert", true, ALERT, NULL});
    assert_outcome(&s, OUTCOME_NOT_FOUND);
    static const struct line refused[] = {{"GET /v2/alerts/" ALIAS, NULL, 403, "{\"message\":\"no\"}", NULL},
                                          THE_END};
    stage_play(&s, refused, (struct doing){"alert", true, ALERT, NULL});
    assert_outcome(&s, OUTCOME_CANNOT_TELL);
    static const struct line garbage[] = {NOT_OPEN, {"GET /v2/alerts?", NULL, 200, "[]", NULL}, THE_END};
    stage_play(&s, garbage, (struct doing){"alert", true, ALERT, NULL});
    assert_outcome(&s, OUTCOME_RETRY);
    stage_close(&s);
}

/* --- answered, closed
 * -------------------------------------------------------------------------------------------- */

#define READ(body) {"GET /v2/alerts/a1?identifierType=id", NULL, 200, "{\"data\":" body "}", NULL}
#define OPEN       "{\"id\":\"a1\",\"status\":\"open\",\"acknowledged\":false}"

static void an_acknowledgement_is_waited_for_and_tells_who_and_when(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &opsgenie_driver, CONFIG);
    static const struct line acknowledged[] = {
        READ(OPEN), READ(OPEN),
        READ("{\"status\":\"open\",\"acknowledged\":true,\"createdAt\":\"2024-02-08T19:00:00Z\",\"report\":{"
             "\"ackTime\":60000,\"acknowledgedBy\":\"ann@x.example\"}}"),
        THE_END};
    stage_play(&s, acknowledged, (struct doing){"acknowledged", false, "{\"alert\":\"a1\"}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "by", ""), "ann@x.example");
    assert_int_equal(json_int(s.result, "at", 0), 1707418860000);
    assert_int_equal(json_array_size(s.views), 1);
    assert_string_equal(json_str(s.views, "0.status", ""), "open");
    static const struct line closed[] = {
        READ("{\"status\":\"closed\",\"acknowledged\":false,\"updatedAt\":\"2024-02-08T19:05:00Z\","
             "\"report\":{\"closedBy\":\"bob@x.example\"}}"),
        THE_END};
    stage_play(&s, closed, (struct doing){"acknowledged", false, "{\"alert\":\"a1\"}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "by", ""), "bob@x.example");
    assert_int_equal(json_int(s.result, "at", 0), 1707419100000);
    static const struct line gone[] = {
        {"GET /v2/alerts/a1", NULL, 404, "{\"message\":\"Alert does not exist\"}", NULL}, THE_END};
    stage_play(&s, gone, (struct doing){"acknowledged", false, "{\"alert\":\"a1\"}", NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    stage_close(&s);
}

static void an_alert_is_closed_once_with_its_note(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &opsgenie_driver, CONFIG);
    static const struct line close[] = {
        READ(OPEN),
        {"POST /v2/alerts/a1/close?identifierType=id", "\"note\":\"Deployed\"", 202, ACCEPTED, NULL},
        READ(OPEN),
        READ("{\"status\":\"closed\"}"),
        THE_END};
    stage_play(&s, close, (struct doing){"close", false, "{\"alert\":\"a1\",\"note\":\"Deployed\"}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "alert", ""), "a1");
    static const struct line closed[] = {READ("{\"status\":\"closed\"}"), THE_END};
    stage_play(&s, closed, (struct doing){"close", false, "{\"alert\":\"a1\",\"note\":\"Deployed\"}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    static const struct line lost[] = {
        READ(OPEN), {"POST /v2/alerts/a1/close", NULL, CUT, NULL, NULL}, THE_END};
    stage_play(&s, lost, (struct doing){"close", false, "{\"alert\":\"a1\"}", NULL});
    assert_outcome(&s, OUTCOME_UNKNOWN);
    stage_close(&s);
}

/* --- on call
 * ----------------------------------------------------------------------------------------------------- */

#define SCHEDULES                                                                                 \
    {"GET /v2/schedules", NULL, 200,                                                              \
     "{\"data\":[{\"id\":\"s1\",\"name\":\"Decanting_schedule\",\"enabled\":true,\"ownerTeam\":{" \
     "\"name\":\"decanting\"}},{\"id\":\"s2\",\"name\":\"production\"}]}",                        \
     NULL}

static void who_is_on_call_is_asked_by_schedule_or_by_its_team(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &opsgenie_driver, CONFIG);
    static const struct line schedule[] = {{"GET /v2/schedules/production%20eu/on-calls", NULL, 200,
                                            "{\"data\":{\"onCallRecipients\":[\"ann@x.example\"]}}", NULL},
                                           THE_END};
    stage_play(&s, schedule, (struct doing){"oncall", false, "{\"schedule\":\"production eu\"}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "people.0.mail", ""), "ann@x.example");
    assert_string_equal(json_str(s.result, "schedule", ""), "production eu");
    static const struct line team[] = {NO_SCHEDULE,
                                       SCHEDULES,
                                       {"GET /v2/schedules/s1/on-calls?scheduleIdentifierType=id", NULL, 200,
                                        "{\"data\":{\"onCallRecipients\":[]}}", NULL},
                                       THE_END};
    stage_play(&s, team, (struct doing){"oncall", false, "{\"schedule\":\"decanting\"}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_int_equal(json_array_size(json_path(s.result, "people")), 0);
    assert_string_equal(json_str(s.result, "schedule", ""), "Decanting_schedule");
    static const struct line unknown[] = {
        {"GET /v2/schedules/productoin/on-calls", NULL, 404, "{\"message\":\"no\"}", NULL},
        SCHEDULES,
        THE_END};
    stage_play(&s, unknown, (struct doing){"oncall", false, "{\"schedule\":\"productoin\"}", NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "did you mean \"production\"?");
    stage_close(&s);
}

static void doctor_reads_schedules_and_alerts(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &opsgenie_driver, CONFIG);
    static const struct line well[] = {
        SCHEDULES, {"GET /v2/alerts?limit=1", NULL, 200, "{\"data\":[]}", NULL}, THE_END};
    stage_doctor(&s, well);
    assert_int_equal(stage_check(&s, "may read schedules", NULL), CHECK_OK);
    assert_int_equal(stage_check(&s, "may read alerts", NULL), CHECK_OK);
    static const struct line refused[] = {
        {"GET /v2/schedules", NULL, 403, "{\"message\":\"no\"}", NULL},
        {"GET /v2/alerts?limit=1", NULL, 401, "{\"message\":\"Could not authenticate\"}", NULL},
        THE_END};
    stage_doctor(&s, refused);
    assert_int_equal(stage_check(&s, "may read schedules", NULL), CHECK_FAIL);
    assert_int_equal(stage_check(&s, "may read alerts", NULL), CHECK_FAIL);
    stage_close(&s);
}

int main(void)
{
    setenv("SB_TEST_TOKEN", "open-sesame", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alert_carries_its_key_as_alias_and_is_followed_until_it_is_open),
        cmocka_unit_test(a_long_summary_is_cut_and_whole_in_the_description),
        cmocka_unit_test(what_became_of_an_alert_is_told_by_its_answer),
        cmocka_unit_test(after_a_crash_an_alert_is_found_open_or_closed),
        cmocka_unit_test(an_acknowledgement_is_waited_for_and_tells_who_and_when),
        cmocka_unit_test(an_alert_is_closed_once_with_its_note),
        cmocka_unit_test(who_is_on_call_is_asked_by_schedule_or_by_its_team),
        cmocka_unit_test(doctor_reads_schedules_and_alerts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
