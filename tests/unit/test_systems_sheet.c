/* Plays with Google Sheets: the table is read, wherever it leads, and credentials stay at home. */
#include "systems_play.h"

#include "systems/drivers.h"

#define VALUES "url: %s\ntoken: env:SB_TEST_TOKEN\nsheet: s1\nrange: Owners!A:F\nper_second: 0\n"
#define CSV    "csv: %s/d/s1/export?format=csv&gid=7\nper_second: 0\n"
#define LOOKUP "{\"services\":[\"Decanting\",\"nobody\"]}"
#define READ   "GET /v4/spreadsheets/s1/values/Owners%21A%3AF?majorDimension=ROWS"

static void the_values_of_a_sheet_are_a_table(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &sheet_driver, VALUES);
    static const struct line lines[] = {
        {READ, NULL, 200,
         "{\"values\":[[\"Service\",\"Team\",\"Channel\",\"People\"],[\"decanting\",7,\"#d\",\"a@x;b@x\"],[],"
         "[\"short\"]]}",
         NULL},
        THE_END};
    stage_play(&s, lines, (struct doing){"lookup", false, LOOKUP, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "owners.0.team", ""), "7");
    assert_string_equal(json_str(s.result, "owners.0.people.1", ""), "b@x");
    assert_string_equal(json_str(s.result, "unknown.0", ""), "nobody");
    static const struct line still_known[] = {THE_END};
    stage_play(&s, still_known, (struct doing){"lookup", false, "{\"services\":[\"short\"]}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "owners.0.service", ""), "short");
    stage_close(&s);
}

/* The other host of an export. It must see no credentials. */
struct elsewhere {
    struct server *server;
    bool came, with_credentials;
};

static void elsewhere_answers(void *ctx, struct exchange *x)
{
    struct elsewhere *e = ctx;
    e->came = true;
    e->with_credentials = request_header(x, "Authorization") != NULL;
    static const char table[] = "\xef\xbb\xbfservice,team\r\n\"decanting\",\"De, canting\"\r\n";
    answer_bytes(x, 200, "text/csv", table, sizeof table - 1);
}

static void an_export_leads_to_another_host_without_credentials(void **state)
{
    (void)state;
    struct stage s;
    struct error err = ERROR_NONE;
    struct elsewhere e = {0};
    stage_open(&s, &sheet_driver, CSV "token: env:SB_TEST_TOKEN\n");
    struct server_options o = {.address = "127.0.0.1:0", .listen_fd = -1};
    e.server = server_new(s.loop, &o, elsewhere_answers, &e, &err);
    assert_non_null(e.server);
    char *location = arena_printf(&s.arena, "Location: http://127.0.0.1:%d/x.csv", server_port(e.server));
    const struct line lines[] = {{"GET /d/s1/export?format=csv&gid=7", NULL, 307, NULL, location}, THE_END};
    stage_play(&s, lines, (struct doing){"lookup", false, LOOKUP, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "owners.0.team", ""), "De, canting");
    assert_true(e.came);
    assert_false(e.with_credentials);
    server_free(e.server);
    stage_close(&s);
}

static void what_is_no_table_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *config, *expects;
        int status;
        const char *answer, *header;
        enum outcome_kind kind;
        const char *says;
    } rows[] = {
        {VALUES, READ, 403, "{\"error\":{\"code\":403,\"message\":\"The caller does not have permission\"}}",
         NULL, OUTCOME_FAILED, "does not have permission"},
        {VALUES, READ, 429, "{}", "Retry-After: 600", OUTCOME_RETRY, "429"},
        {VALUES, READ, 200, "{\"values\":7}", NULL, OUTCOME_FAILED, "no list"},
        {VALUES, READ, 200, "{}", NULL, OUTCOME_FAILED, "first row names the columns"},
        {VALUES, READ, 200, "{\"values\":[[\"team\"]]}", NULL, OUTCOME_FAILED, "no column \"service\""},
        {VALUES, READ, 200, "{\"values\":[[\"service\"],[\"a\"],[\"A\"]]}", NULL, OUTCOME_FAILED,
         "has an owner already"},
        {CSV, "GET /d/s1/export", 200, "a,\"b", NULL, OUTCOME_FAILED, "never ends"},
        {CSV, "GET /d/s1/export", 404, "no", NULL, OUTCOME_FAILED, "404"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct stage s;
        stage_open(&s, &sheet_driver, rows[i].config);
        const struct line lines[] = {{rows[i].expects, NULL, rows[i].status, rows[i].answer, rows[i].header},
                                     THE_END};
        stage_play(&s, lines, (struct doing){"lookup", false, LOOKUP, NULL});
        assert_outcome(&s, rows[i].kind);
        assert_says(&s, rows[i].says);
        stage_close(&s);
    }
}

static void page_answers(void *ctx, struct exchange *x)
{
    (void)ctx;
    static const char page[] = "<!DOCTYPE html><title>Sign in</title>";
    answer_bytes(x, 200, "text/html; charset=utf-8", page, sizeof page - 1);
}

static void a_page_for_signing_in_is_not_taken_for_a_table(void **state)
{
    (void)state;
    struct stage s;
    struct error err = ERROR_NONE;
    stage_open(&s, &sheet_driver, CSV);
    struct server_options o = {.address = "127.0.0.1:0", .listen_fd = -1};
    struct server *other = server_new(s.loop, &o, page_answers, NULL, &err);
    assert_non_null(other);
    char *location = arena_printf(&s.arena, "Location: http://127.0.0.1:%d/signin", server_port(other));
    const struct line lines[] = {{"GET /d/s1/export", NULL, 302, NULL, location}, THE_END};
    stage_play(&s, lines, (struct doing){"lookup", false, LOOKUP, NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "share the sheet");
    server_free(other);
    stage_close(&s);
}

static void doctor_reads_the_table(void **state)
{
    (void)state;
    struct stage s;
    const char *says = "";
    stage_open(&s, &sheet_driver, VALUES);
    static const struct line well[] = {{READ, NULL, 200, "{\"values\":[[\"service\"],[\"a\"]]}", NULL},
                                       THE_END};
    stage_doctor(&s, well);
    assert_int_equal(stage_check(&s, "may read the ownership map", &says), CHECK_OK);
    assert_string_equal(says, "1 services");
    static const struct line refused[] = {{READ, NULL, 401, "{}", NULL}, THE_END};
    stage_doctor(&s, refused);
    assert_int_equal(stage_check(&s, "may read the ownership map", NULL), CHECK_FAIL);
    stage_close(&s);
}

static void what_is_wrong_in_the_configuration_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *says;
    } rows[] = {{"token: env:X\n", "sheet"},
                {"sheet: s1\n", "token"},
                {"csv: docs.google.com/x\n", "expected the address"},
                {"csv: https:///x\n", "expected the address"},
                {"csv: https://h/x\nsheet: s1\n", "not both"}};
    struct surroundings around = {.loop = loop_new()};
    around.http = http_new(around.loop);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_arena_ struct arena a = arena_make();
        struct error err = ERROR_NONE;
        struct yaml *y = yaml_parse(rows[i].yaml, strlen(rows[i].yaml), "s.yaml", 1, 0, &a, &err);
        assert_null(sheet_driver.open(&sheet_driver, y, "s.yaml", &around, &err));
        assert_non_null(strstr(err.text, rows[i].says));
    }
    http_free(around.http);
    loop_free(around.loop);
}

int main(void)
{
    setenv("SB_TEST_TOKEN", "open-sesame", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_values_of_a_sheet_are_a_table),
        cmocka_unit_test(an_export_leads_to_another_host_without_credentials),
        cmocka_unit_test(what_is_no_table_is_said),
        cmocka_unit_test(a_page_for_signing_in_is_not_taken_for_a_table),
        cmocka_unit_test(doctor_reads_the_table),
        cmocka_unit_test(what_is_wrong_in_the_configuration_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
