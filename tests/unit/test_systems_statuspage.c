/* Plays with Statuspage: what customers read is written once, and nothing is completed by itself. */
#include "systems_play.h"

#include "systems/drivers.h"

#define CONFIG "url: %s/v1\ntoken: env:SB_TEST_TOKEN\npage: pg1\nper_second: 0\n"
#define PAGE   "/v1/pages/pg1"
#define COMPONENTS                                                                                    \
    {"GET " PAGE "/components?", NULL, 200,                                                           \
     "[{\"id\":\"kct1\",\"name\":\"Tangerine\",\"status\":\"operational\"},{\"id\":\"kct2\","         \
     "\"name\":\"Plum\",\"status\":\"under_maintenance\"},"                                           \
     "{\"id\":\"g1\",\"name\":\"EU\",\"group\":true},{\"id\":\"g2\",\"name\":\"US\",\"group\":true}," \
     "{\"id\":\"k3\",\"name\":\"API\",\"group_id\":\"g1\"},{\"id\":\"k4\",\"name\":\"API\",\"group_"  \
     "id\":\"g2\"}]",                                                                                 \
     NULL}
#define SCHEDULE                                     \
    "{\"name\":\"Hotfix: Tangerine\",\"body\":\"We " \
    "will\",\"from\":1707418800000,\"to\":1707424200000,\"components\":[\"Tangerine\",\"US/API\"]}"

static void a_maintenance_is_scheduled_with_its_key_and_never_completes_itself(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &statuspage_driver, CONFIG);
    static const char *const holds[] = {
        "\"scheduled_for\":\"2024-02-08T19:00:00Z\"",
        "\"scheduled_until\":\"2024-02-08T20:30:00Z\"",
        "\"scheduled_auto_completed\":false",
        "\"auto_transition_to_operational_state\":false",
        "\"component_ids\":[\"kct1\",\"k4\"]",
        "\"metadata\":{\"signalbox\":{\"key\":\"HF-7/step/1\",\"change\":\"HF-7\"}}",
        "\"deliver_notifications\":true",
    };
    for (size_t i = 0; i < COUNT_OF(holds); i++) {
        const struct line first[] = {COMPONENTS,
                                     {"POST " PAGE "/incidents", holds[i], 201,
                                      "{\"id\":\"m1\",\"shortlink\":\"https://st.example/m1\"}", NULL},
                                     THE_END};
        stage_play(&s, i ? first + 1 : first, (struct doing){"schedule", false, SCHEDULE, NULL});
        assert_outcome(&s, OUTCOME_DONE);
        assert_string_equal(json_str(s.result, "id", ""), "m1");
        assert_string_equal(json_str(s.result, "url", ""), "https://st.example/m1");
    }
    stage_close(&s);
}

static void a_component_that_is_not_there_or_not_clear_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *components, *says;
    } rows[] = {{"[\"Tangarine\"]", "did you mean \"Tangerine\"?"},
                {"[\"API\"]", "several components"},
                {"[7]", "names or ids"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct stage s;
        stage_open(&s, &statuspage_driver, CONFIG);
        char *args =
            arena_printf(&s.arena, "{\"name\":\"n\",\"body\":\"b\",\"from\":1,\"to\":2,\"components\":%s}",
                         rows[i].components);
        static const struct line lines[] = {COMPONENTS, THE_END};
        stage_play(&s, lines, (struct doing){"schedule", false, args, NULL});
        assert_outcome(&s, OUTCOME_FAILED);
        assert_says(&s, rows[i].says);
        stage_close(&s);
    }
}

static void what_became_of_a_schedule_is_told_by_its_answer(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *answer, *header;
        enum outcome_kind kind;
    } rows[] = {
        {CUT, NULL, NULL, OUTCOME_UNKNOWN},
        {500, "oops", NULL, OUTCOME_UNKNOWN},
        {201, "garbage", NULL, OUTCOME_UNKNOWN},
        {201, "{}", NULL, OUTCOME_UNKNOWN},
        {422, "{\"error\":[\"Scheduled for must be in the future\"]}", NULL, OUTCOME_FAILED},
        {401, "{\"error\":\"Could not authenticate\"}", NULL, OUTCOME_FAILED},
        {420, "{\"error\":\"Enhance your calm\"}", "Retry-After: 60", OUTCOME_RETRY},
        {429, NULL, "Retry-After: 600", OUTCOME_RETRY},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct stage s;
        stage_open(&s, &statuspage_driver, CONFIG);
        const struct line lines[] = {
            COMPONENTS,
            {"POST " PAGE "/incidents", NULL, rows[i].status, rows[i].answer, rows[i].header},
            THE_END};
        stage_play(&s, lines, (struct doing){"schedule", false, SCHEDULE, NULL});
        assert_outcome(&s, rows[i].kind);
        if (rows[i].status == 422)
            assert_says(&s, "Scheduled for must be in the future");
        if (rows[i].status == 420)
            assert_int_equal(s.retry_after_ms, 60000);
        stage_close(&s);
    }
}

#define LIST(name, list) {"GET " PAGE "/incidents" name "?", NULL, 200, list, NULL}
#define OTHER                                                           \
    "[{\"id\":\"m0\",\"metadata\":{\"signalbox\":{\"key\":\"HF-6/step/" \
    "1\"}}},{\"id\":\"i\",\"metadata\":{}},{}]"
#define OURS                                                                                               \
    "[{\"id\":\"m1\",\"shortlink\":\"https://st.example/m1\",\"metadata\":{\"signalbox\":{\"key\":\"HF-7/" \
    "step/1\"}}}]"
#define NOTHING \
    LIST("/scheduled", OTHER), LIST("/active_maintenance", "[]"), LIST("/unresolved", "[]"), LIST("", OTHER)

static void after_a_crash_a_maintenance_is_found_by_its_key(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &statuspage_driver, CONFIG);
    static const struct line waiting[] = {LIST("/scheduled", OURS), THE_END};
    static const struct line active[] = {LIST("/scheduled", "[]"), LIST("/active_maintenance", OURS),
                                         THE_END};
    static const struct line late[] = {NOTHING, LIST("/scheduled", OURS), THE_END};
    const struct line *plays[] = {waiting, active, late};
    for (size_t i = 0; i < COUNT_OF(plays); i++) {
        stage_play(&s, plays[i], (struct doing){"schedule", true, SCHEDULE, NULL});
        assert_outcome(&s, OUTCOME_DONE);
        assert_string_equal(json_str(s.result, "id", ""), "m1");
    }
    static const struct line none[] = {NOTHING, NOTHING, THE_END};
    stage_play(&s, none, (struct doing){"schedule", true, SCHEDULE, NULL});
    assert_outcome(&s, OUTCOME_NOT_FOUND);
    static const struct line refused[] = {{"GET " PAGE "/incidents/scheduled", NULL, 403, "{}", NULL},
                                          THE_END};
    stage_play(&s, refused, (struct doing){"schedule", true, SCHEDULE, NULL});
    assert_outcome(&s, OUTCOME_CANNOT_TELL);
    static const struct line garbage[] = {{"GET " PAGE "/incidents/scheduled", NULL, 200, "{\"a\":1}", NULL},
                                          THE_END};
    stage_play(&s, garbage, (struct doing){"schedule", true, SCHEDULE, NULL});
    assert_outcome(&s, OUTCOME_RETRY);
    stage_close(&s);
}

/* --- updates
 * ------------------------------------------------------------------------------------------------------------
 */

#define READ(status)                         \
    {"GET " PAGE "/incidents/m1", NULL, 200, \
     "{\"id\":\"m1\",\"status\":\"" status "\",\"scheduled_until\":\"2024-02-08T20:30:00.000Z\"}", NULL}
#define UPDATE "{\"maintenance\":\"m1\",\"body\":\"Now\"}"
#define BEGIN  "{\"maintenance\":\"m1\",\"body\":\"Now\",\"components\":[\"Tangerine\"]}"
#define EXTEND "{\"maintenance\":\"m1\",\"body\":\"Longer\",\"to\":1707426000000}"

static void an_update_looks_before_it_writes(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &statuspage_driver, CONFIG);
    static const struct line begin[] = {
        READ("scheduled"),
        COMPONENTS,
        {"PATCH " PAGE "/incidents/m1",
         "\"status\":\"in_progress\",\"components\":{\"kct1\":\"under_maintenance\"}", 200,
         "{\"status\":\"in_progress\"}", NULL},
        THE_END};
    stage_play(&s, begin, (struct doing){"begin", false, BEGIN, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "status", ""), "in_progress");
    static const struct line verify[] = {
        READ("in_progress"),
        {"PATCH " PAGE "/incidents/m1", "\"status\":\"verifying\"", 200, "{\"status\":\"verifying\"}", NULL},
        THE_END};
    stage_play(&s, verify, (struct doing){"verify", false, UPDATE, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    static const struct line there[] = {READ("completed"), THE_END};
    stage_play(&s, there, (struct doing){"complete", false, UPDATE, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "status", ""), "completed");
    stage_play(&s, there, (struct doing){"verify", false, UPDATE, NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "completed already");
    static const struct line gone[] = {
        {"GET " PAGE "/incidents/m1", NULL, 404, "{\"error\":\"not found\"}", NULL}, THE_END};
    stage_play(&s, gone, (struct doing){"cancel", false, UPDATE, NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    stage_close(&s);
}

static void a_maintenance_begun_by_hand_gets_its_components_all_the_same(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &statuspage_driver, CONFIG);
    static const struct line lines[] = {READ("in_progress"),
                                        COMPONENTS,
                                        {"PATCH " PAGE "/components/kct1",
                                         "{\"component\":{\"status\":\"under_maintenance\"}}", 200,
                                         "{\"id\":\"kct1\",\"status\":\"under_maintenance\"}", NULL},
                                        THE_END};
    stage_play(&s, lines, (struct doing){"begin", false, BEGIN, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
}

static void an_extension_is_done_when_the_end_is_there(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &statuspage_driver, CONFIG);
    static const struct line extend[] = {
        READ("in_progress"),
        {"PATCH " PAGE "/incidents/m1", "\"scheduled_until\":\"2024-02-08T21:00:00Z\"", 200,
         "{\"status\":\"in_progress\",\"scheduled_until\":\"2024-02-08T21:00:00.000Z\"}", NULL},
        THE_END};
    stage_play(&s, extend, (struct doing){"extend", false, EXTEND, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_int_equal(json_int(s.result, "to", 0), 1707426000000);
    /* An answer that shows another end is not taken for success. */
    static const struct line not_taken[] = {
        READ("in_progress"),
        {"PATCH " PAGE "/incidents/m1", NULL, 200, "{\"status\":\"in_progress\"}", NULL},
        THE_END};
    stage_play(&s, not_taken, (struct doing){"extend", false, EXTEND, NULL});
    assert_outcome(&s, OUTCOME_UNKNOWN);
    static const struct line there[] = {
        {"GET " PAGE "/incidents/m1", NULL, 200,
         "{\"status\":\"in_progress\",\"scheduled_until\":\"2024-02-08T16:00:00-05:00\"}", NULL},
        THE_END};
    stage_play(&s, there, (struct doing){"extend", false, EXTEND, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    stage_play(&s, there, (struct doing){"extend", true, EXTEND, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    static const struct line completed[] = {READ("completed"), THE_END};
    stage_play(&s, completed, (struct doing){"extend", false, EXTEND, NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    stage_close(&s);
}

static void a_lost_update_is_in_doubt_and_the_status_tells(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &statuspage_driver, CONFIG);
    static const struct line lost[] = {
        READ("in_progress"), {"PATCH " PAGE "/incidents/m1", NULL, CUT, NULL, NULL}, THE_END};
    stage_play(&s, lost, (struct doing){"complete", false, UPDATE, NULL});
    assert_outcome(&s, OUTCOME_UNKNOWN);
    static const struct line took_place[] = {READ("in_progress"), READ("completed"), THE_END};
    stage_play(&s, took_place, (struct doing){"complete", true, UPDATE, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "status", ""), "completed");
    static const struct line did_not[] = {READ("in_progress"), READ("in_progress"), THE_END};
    stage_play(&s, did_not, (struct doing){"complete", true, UPDATE, NULL});
    assert_outcome(&s, OUTCOME_NOT_FOUND);
    stage_close(&s);
}

/* --- components
 * -----------------------------------------------------------------------------------------------------------
 */

static void only_components_that_differ_are_set(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &statuspage_driver, CONFIG);
    static const struct line lines[] = {COMPONENTS,
                                        {"PATCH " PAGE "/components/kct2", "\"operational\"", 200,
                                         "{\"id\":\"kct2\",\"status\":\"operational\"}", NULL},
                                        THE_END};
    stage_play(&s, lines,
               (struct doing){"component", false,
                              "{\"components\":[\"Tangerine\",\"kct2\"],\"status\":\"operational\"}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "components.1.name", ""), "Plum");
    assert_string_equal(json_str(s.result, "components.1.status", ""), "operational");
    static const struct line none[] = {THE_END};
    stage_play(
        &s, none,
        (struct doing){"component", false, "{\"components\":[\"Plum\"],\"status\":\"operationel\"}", NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "did you mean \"operational\"?");
    stage_close(&s);
}

static void components_are_read_back_and_must_all_agree(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &statuspage_driver, CONFIG);
    static const struct line lines[] = {COMPONENTS, THE_END};
    stage_play(&s, lines,
               (struct doing){"confirm", false, "{\"components\":[\"Tangerine\"],\"status\":\"operational\"}",
                              NULL});
    assert_outcome(&s, OUTCOME_DONE);
    stage_play(&s, lines,
               (struct doing){"confirm", false,
                              "{\"components\":[\"Tangerine\",\"Plum\"],\"status\":\"operational\"}", NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "\"Plum\" is under_maintenance");
    assert_int_equal(json_array_size(json_path(s.result, "components")), 2);
    stage_close(&s);
}

static void doctor_reads_page_and_components(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &statuspage_driver, CONFIG);
    static const struct line well[] = {
        {"GET " PAGE, NULL, 200, "{\"id\":\"pg1\",\"name\":\"Works\"}", NULL}, COMPONENTS, THE_END};
    stage_doctor(&s, well);
    assert_int_equal(stage_check(&s, "page", NULL), CHECK_OK);
    assert_int_equal(stage_check(&s, "components", NULL), CHECK_OK);
    static const struct line refused[] = {
        {"GET " PAGE, NULL, 401, "{\"error\":\"Could not authenticate\"}", NULL}, THE_END};
    stage_doctor(&s, refused);
    assert_int_equal(stage_check(&s, "page", NULL), CHECK_FAIL);
    stage_close(&s);
}

static void a_page_id_is_required_and_a_key(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *says;
    } rows[] = {{"token: env:X\n", "page"}, {"page: pg1\n", "token"}};
    struct surroundings around = {.loop = loop_new()};
    around.http = http_new(around.loop);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_arena_ struct arena a = arena_make();
        struct error err = ERROR_NONE;
        struct yaml *y = yaml_parse(rows[i].yaml, strlen(rows[i].yaml), "s.yaml", 1, 0, &a, &err);
        assert_null(statuspage_driver.open(&statuspage_driver, y, "s.yaml", &around, &err));
        assert_non_null(strstr(err.text, rows[i].says));
    }
    http_free(around.http);
    loop_free(around.loop);
}

int main(void)
{
    setenv("SB_TEST_TOKEN", "open-sesame", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_maintenance_is_scheduled_with_its_key_and_never_completes_itself),
        cmocka_unit_test(a_component_that_is_not_there_or_not_clear_is_refused),
        cmocka_unit_test(what_became_of_a_schedule_is_told_by_its_answer),
        cmocka_unit_test(after_a_crash_a_maintenance_is_found_by_its_key),
        cmocka_unit_test(an_update_looks_before_it_writes),
        cmocka_unit_test(a_maintenance_begun_by_hand_gets_its_components_all_the_same),
        cmocka_unit_test(an_extension_is_done_when_the_end_is_there),
        cmocka_unit_test(a_lost_update_is_in_doubt_and_the_status_tells),
        cmocka_unit_test(only_components_that_differ_are_set),
        cmocka_unit_test(components_are_read_back_and_must_all_agree),
        cmocka_unit_test(doctor_reads_page_and_components),
        cmocka_unit_test(a_page_id_is_required_and_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
