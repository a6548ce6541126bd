/* Plays with Grafana: what its answers mean, and how its marks are found again. */
#include "systems_play.h"

#include "systems/drivers.h"

#define HEAD "url: %s/g\ntoken: env:SB_TEST_TOKEN\n"
#define ARGS "{\"services\":[\"cart\"],\"client\":\"tangerine\",\"env\":\"prod\",\"soak\":0}"

static int token(void **state)
{
    (void)state;
    return setenv("SB_TEST_TOKEN", "glsa_secret", 1);
}

/* --- measures --------------------------------------------------------------------------------- */

#define QUERY \
    HEAD      \
        "datasource: prom1\nmeasures:\n- {name: errors, query: 'rate(e{s=\"{service}\"}[1m])', max: 1, unit: e/s}\n"
#define FRAME(values)                                                                                            \
    "{\"schema\":{\"fields\":[{\"name\":\"Time\",\"type\":\"time\"},{\"name\":\"Value\",\"type\":\"number\"}]}," \
    "\"data\":{\"values\":[[1790000000000]," values "]}}"
#define RESULT(frames) "{\"results\":{\"A\":{\"status\":200,\"frames\":[" frames "]}}}"

static void numbers_come_by_column_and_what_is_missing_is_unknown(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        int status;
        bool known;
        double value;
        const char *says;
    } rows[] = {
        {RESULT(FRAME("[0.5]")), 200, true, 0.5, "0.5 e/s, at most 1"},
        {RESULT(FRAME("[0.1]") "," FRAME("[0.7]") "," FRAME("[0.2]")), 200, true, 0.7, "0.7"},
        {RESULT(FRAME("[0.9, 0.3]")), 200, true, 0.3, "0.3"},
        {RESULT(FRAME("[null]")), 200, false, 0, "no number"},
        {RESULT(FRAME("[0.1]") "," FRAME("[null]")), 200, false, 0, "no number"},
        {RESULT(FRAME("[]")), 200, false, 0, "no series"},
        {RESULT(""), 200, false, 0, "no series"},
        {"{\"results\":{\"A\":{\"error\":\"parse error at char 3\",\"status\":400}}}", 400, false, 0,
         "parse error at char 3"},
        {"{\"results\":{\"A\":{\"error\":\"timeout\",\"status\":504}}}", 207, false, 0, "timeout"},
    };
    struct stage s;
    stage_open(&s, &grafana_driver, QUERY);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct line lines[] = {{"POST /g/api/ds/query", "\"expr\":\"rate(e{s=\\\"cart\\\"}[1m])\"",
                                      rows[i].status, rows[i].answer, NULL},
                                     THE_END};
        stage_play(&s, lines, (struct doing){"snapshot", false, ARGS, NULL});
        assert_outcome(&s, OUTCOME_DONE);
        if (json_flag(s.result, "measures.0.known", !rows[i].known) != rows[i].known ||
            json_num(s.result, "measures.0.value", 0) != rows[i].value ||
            !strstr(json_str(s.result, "measures.0.says", ""), rows[i].says))
            fail_msg("row %zu: %s", i, json_str(s.result, "measures.0.says", ""));
    }
    static const struct line refused[] = {
        {"POST /g/api/ds/query", NULL, 403, "{\"message\":\"You need datasources:query\"}", NULL}, THE_END};
    stage_play(&s, refused, (struct doing){"snapshot", false, ARGS, NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "You need datasources:query");
    stage_close(&s);
}

/* --- alert rules ------------------------------------------------------------------------------ */

#define ALERT(state, service) "{\"labels\":{\"service\":\"" service "\"},\"state\":\"" state "\"}"
#define RULE(name, health, labels, alerts)                                                     \
    "{\"name\":\"" name "\",\"type\":\"alerting\",\"state\":\"inactive\",\"health\":\"" health \
    "\",\"lastError\":\"no data source\",\"labels\":{" labels "},\"alerts\":[" alerts "]}"
#define RULES(rules)                                                                                      \
    "{\"status\":\"success\",\"data\":{\"groups\":[{\"name\":\"shop\",\"file\":\"Ops\",\"rules\":[" rules \
    "]}]}}"

static void rules_that_fire_for_the_services_are_not_healthy(void **state)
{
    (void)state;
    static const struct {
        const char *rules;
        bool ok, known;
        const char *says;
    } rows[] = {
        {RULE("5xx", "ok", "", ""), true, true, "0 firing"},
        {RULE("5xx", "ok", "", ALERT("Normal", "cart")), true, true, "0 firing"},
        {RULE("5xx", "ok", "", ALERT("Pending", "cart")), true, true, "0 firing"},
        {RULE("5xx", "ok", "", ALERT("Alerting", "pay")), true, true, "0 firing"},
        {RULE("5xx", "ok", "", ALERT("Alerting", "cart")), false, true, "5xx fires"},
        {RULE("5xx", "ok", "", ALERT("Alerting (NoData)", "cart")) "," RULE("slow", "ok", "",
                                                                            ALERT("Alerting", "cart")),
         false, true, "5xx, slow fire"},
        {RULE("5xx", "error", "\"service\":\"cart\"", ""), false, false,
         "unknown: the rule 5xx cannot be evaluated: no data source"},
        {RULE("5xx", "error", "\"service\":\"pay\"", ""), true, true, "0 firing"},
        {RULE("5xx", "unknown", "\"service\":\"cart\"", ""), true, true, "0 firing"},
    };
    struct stage s;
    stage_open(&s, &grafana_driver, HEAD "rules:\n- {name: alarms, match: {service: \"{service}\"}}\n");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char answer[1024];
        (void)snprintf(answer, sizeof answer, RULES("%s"), rows[i].rules);
        const struct line lines[] = {{"GET /g/api/prometheus/grafana/api/v1/rules", NULL, 200, answer, NULL},
                                     THE_END};
        stage_play(&s, lines, (struct doing){"snapshot", false, ARGS, NULL});
        assert_outcome(&s, OUTCOME_DONE);
        if (json_flag(s.result, "measures.0.ok", !rows[i].ok) != rows[i].ok ||
            json_flag(s.result, "measures.0.known", !rows[i].known) != rows[i].known ||
            !strstr(json_str(s.result, "measures.0.says", ""), rows[i].says))
            fail_msg("row %zu: %s", i, json_str(s.result, "measures.0.says", ""));
    }
    stage_close(&s);
}

static void a_set_of_rules_may_be_a_folder_or_one_rule(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        bool ok;
    } rows[] = {{"folder: Ops", false},
                {"folder: Shop", true},
                {"group: shop", false},
                {"rule: slow", true},
                {"rule: 5xx", false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct stage s;
        char config[256];
        (void)snprintf(config, sizeof config, HEAD "rules:\n- {name: alarms, %s}\n", "%s", rows[i].set);
        stage_open(&s, &grafana_driver, config);
        static const struct line lines[] = {{"GET /g/api/prometheus/grafana/api/v1/rules", NULL, 200,
                                             RULES(RULE("5xx", "ok", "", ALERT("Alerting", "cart"))), NULL},
                                            THE_END};
        stage_play(&s, lines, (struct doing){"snapshot", false, ARGS, NULL});
        assert_outcome(&s, OUTCOME_DONE);
        assert_int_equal(json_flag(s.result, "healthy", !rows[i].ok), rows[i].ok);
        stage_close(&s);
    }
}

/* --- marks ------------------------------------------------------------------------------------ */

#define MARK   "{\"text\":\"HF-7 cart\",\"tags\":[\"hotfix\"]}"
#define TAGGED "GET /g/api/annotations?type=annotation&limit=10&tags=signalbox%3AHF-7%2Fstep%2F1"

static void a_mark_carries_its_key_as_a_tag_and_is_found_by_it(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &grafana_driver, HEAD "dashboard: cart1\n");
    static const struct line made[] = {{"POST /g/api/annotations",
                                        "\"tags\":[\"signalbox\",\"signalbox:HF-7/step/1\",\"hotfix\"]", 200,
                                        "{\"message\":\"Annotation added\",\"id\":1124}", NULL},
                                       THE_END};
    stage_play(&s, made, (struct doing){"mark", false, MARK, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "id", ""), "1124");
    assert_non_null(strstr(json_str(s.result, "url", ""), "/g/d/cart1?from="));
    static const struct line lost[] = {
        {"POST /g/api/annotations", "\"dashboardUID\":\"cart1\"", CUT, NULL, NULL}, THE_END};
    stage_play(&s, lost, (struct doing){"mark", false, MARK, NULL});
    assert_outcome(&s, OUTCOME_UNKNOWN);
    static const struct line found[] = {{TAGGED, NULL, 200, "[{\"id\":1124,\"time\":1790000000000}]", NULL},
                                        THE_END};
    stage_play(&s, found, (struct doing){"mark", true, MARK, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    static const struct line none[] = {
        {TAGGED, NULL, 200, "[]", NULL}, {TAGGED, NULL, 200, "[]", NULL}, THE_END};
    stage_play(&s, none, (struct doing){"mark", true, MARK, NULL});
    assert_outcome(&s, OUTCOME_NOT_FOUND);
    static const struct line refused[] = {{TAGGED, NULL, 403, "{\"message\":\"Access denied\"}", NULL},
                                          THE_END};
    stage_play(&s, refused, (struct doing){"mark", true, MARK, NULL});
    assert_outcome(&s, OUTCOME_CANNOT_TELL);
    stage_close(&s);
}

/* --- pictures --------------------------------------------------------------------------------- */

#define SETTINGS(there) {"GET /g/api/frontend/settings", NULL, 200, "{\"rendererAvailable\":" there "}", NULL}

static void pictures_are_taken_only_from_a_renderer_and_their_lack_fails_nothing(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &grafana_driver, HEAD "dashboard: cart1\npanels: [4, 7]\n");
    static const struct line none[] = {SETTINGS("false"), THE_END};
    stage_play(&s, none, (struct doing){"picture", false, "{}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_int_equal(json_array_size(json_object_get(s.result, "pictures")), 0);
    assert_non_null(strstr(json_str(s.result, "says", ""), "no image renderer"));
    static const struct line ill[] = {
        SETTINGS("true"),
        {"GET /g/render/d-solo/cart1/panel?panelId=4", NULL, 500, "timeout", NULL},
        {"GET /g/render/d-solo/cart1/panel?panelId=7", NULL, 200, "<html>", NULL},
        THE_END};
    stage_play(&s, ill, (struct doing){"picture", false, "{}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_non_null(strstr(json_str(s.result, "pictures.0.says", ""), "timeout"));
    assert_non_null(strstr(json_str(s.result, "pictures.1.says", ""), "no PNG"));
    stage_close(&s);
}

/* --- configuration and doctor ----------------------------------------------------------------- */

static void a_configuration_that_cannot_work_says_where_and_why(void **state)
{
    (void)state;
    static const struct {
        const char *more, *says;
    } rows[] = {
        {"measures: [{name: e, query: e, max: 1}]\n", "datasource: the uid"},
        {"rules: [{name: all}]\n", "which rules?"},
        {"panels: [4]\n", "panels of the \"dashboard\""},
        {"dashboard: d\npanels: [x]\n", "expected a panel's id"},
        {"silences: {match: {severity: critical}}\n", "every client and service"},
        {"rules: [{name: r, match: {a: 'b\"c'}}]\n", "a text without quotes"},
    };
    struct loop *loop = loop_new();
    struct http *http = http_new(loop);
    struct surroundings around = {.loop = loop, .http = http, .speed = 1};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_arena_ struct arena a = arena_make();
        struct error err = ERROR_NONE;
        const char *text =
            arena_printf(&a, "url: http://127.0.0.1:1\ntoken: env:SB_TEST_TOKEN\n%s", rows[i].more);
        const struct yaml *y = yaml_parse(text, strlen(text), "test.yaml", 1, 0, &a, &err);
        assert_non_null(y);
        assert_null(grafana_driver.open(&grafana_driver, y, "test.yaml", &around, &err));
        if (!strstr(err.text, rows[i].says))
            fail_msg("row %zu: %s", i, err.text);
    }
    http_free(http);
    loop_free(loop);
}

static void doctor_tries_what_is_configured_and_says_what_is_missing(void **state)
{
    (void)state;
    struct stage s;
    const char *says = NULL;
    stage_open(
        &s, &grafana_driver,
        HEAD
        "datasource: prom1\ndashboard: cart1\nrules: [{name: r, folder: Ops}]\nsilences: {match: {client: "
        "\"{client}\"}}\n");
    static const struct line lines[] = {
        {"GET /g/api/org", NULL, 200, "{\"id\":1,\"name\":\"Retail\"}", NULL},
        {"GET /g/api/datasources/uid/prom1", NULL, 404, "{\"message\":\"Data source not found\"}", NULL},
        {"GET /g/api/prometheus/grafana/api/v1/rules", NULL, 200, RULES(""), NULL},
        {"GET /g/api/dashboards/uid/cart1", NULL, 404, "{\"message\":\"Dashboard not found\"}", NULL},
        {"GET /g/api/annotations?limit=1", NULL, 200, "[]", NULL},
        {"GET /g/api/alertmanager/grafana/api/v2/silences", NULL, 403, "{\"message\":\"Access denied\"}",
         NULL},
        THE_END};
    stage_doctor(&s, lines);
    assert_int_equal(stage_check(&s, "signs in", NULL), CHECK_OK);
    assert_int_equal(stage_check(&s, "data source", &says), CHECK_FAIL);
    assert_non_null(strstr(says, "Data source not found"));
    assert_int_equal(stage_check(&s, "dashboard", NULL), CHECK_FAIL);
    assert_int_equal(stage_check(&s, "may read annotations", NULL), CHECK_OK);
    assert_int_equal(stage_check(&s, "may read silences", NULL), CHECK_FAIL);
    static const struct line signed_out[] = {
        {"GET /g/api/org", NULL, 401, "{\"message\":\"Invalid API key\"}", NULL}, THE_END};
    stage_doctor(&s, signed_out);
    assert_int_equal(stage_check(&s, "signs in", &says), CHECK_FAIL);
    assert_non_null(strstr(says, "Invalid API key"));
    stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_come_by_column_and_what_is_missing_is_unknown),
        cmocka_unit_test(rules_that_fire_for_the_services_are_not_healthy),
        cmocka_unit_test(a_set_of_rules_may_be_a_folder_or_one_rule),
        cmocka_unit_test(a_mark_carries_its_key_as_a_tag_and_is_found_by_it),
        cmocka_unit_test(pictures_are_taken_only_from_a_renderer_and_their_lack_fails_nothing),
        cmocka_unit_test(a_configuration_that_cannot_work_says_where_and_why),
        cmocka_unit_test(doctor_tries_what_is_configured_and_says_what_is_missing),
    };
    return cmocka_run_group_tests(tests, token, NULL);
}
