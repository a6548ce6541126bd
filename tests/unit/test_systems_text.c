/* What drivers make of texts: Slack's mark-up, ends of logs, ids, stages. No network. */
#include "check.h"

#include "base/buf.h"
#include "systems/chat.h"
#include "systems/jenkins.h"
#include "systems/pipeline.h"
#include "systems/statuspage.h"
#include "systems/support.h"
#include <stdlib.h>
#include <string.h>

static void markdown_becomes_slack_text(void **state)
{
    (void)state;
    static const struct {
        const char *markdown, *slack;
    } rows[] = {
        {"**Hotfix** for *Tangerine*", "*Hotfix* for _Tangerine_"},
        {"__a__ and _b_ and ~~c~~", "*a* and _b_ and ~c~"},
        {"# Deploy **now** #", "*Deploy now*"},
        {"#not-a-heading", "#not-a-heading"},
        {"- one\n  * two\n+ three", "\xe2\x80\xa2 one\n  \xe2\x80\xa2 two\n\xe2\x80\xa2 three"},
        {"1. first", "1. first"},
        {"> said", "&gt; said"},
        {"[the page](https://x.example/a?b=1&c=2)", "<https://x.example/a?b=1&amp;c=2|the page>"},
        {"[a|b](https://x.example/a|b)", "<https://x.example/a%7Cb|a|b>"},
        {"[here](javascript:alert)", "here (javascript:alert)"},
        {"<https://x.example/>", "<https://x.example/>"},
        {"![plot](https://x.example/p.png)", "<https://x.example/p.png|plot>"},
        {"a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"},
        {"<!channel> <@U1>", "&lt;!channel&gt; &lt;@U1&gt;"},
        {"my_service_name and 2 * 3 * 4", "my_service_name and 2 * 3 * 4"},
        {"`**raw** <x>`", "`**raw** &lt;x&gt;`"},
        {"```sh\n**raw** <x>\n```", "```\n**raw** &lt;x&gt;\n```"},
        {"```\nnever closed", "```\nnever closed\n```"},
        {"\\*not\\* **unclosed", "*not* **unclosed"},
        {"", ""},
        {"[", "["},
        {"**", "**"},
        {"`", "`"},
    };
    _cleanup_arena_ struct arena a = arena_make();
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(chat_mrkdwn(rows[i].markdown, &a), rows[i].slack);
}

static void deep_nesting_ends(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    _cleanup_buf_ struct buf b = {0};
    for (int i = 0; i < 2000; i++)
        buf_adds(&b, "*_~~[x");
    for (int i = 0; i < 2000; i++)
        buf_adds(&b, "](https://x.example)~~_*");
    assert_non_null(chat_mrkdwn(buf_str(&b), &a));
}

static void channel_names_are_made_sane(void **state)
{
    (void)state;
    static const struct {
        const char *given, *made;
    } rows[] = {
        {"#prod-support-tangerine", "prod-support-tangerine"},
        {"HF-7 Tangerine  Prod!", "hf-7-tangerine-prod"},
        {"a_b.c", "a_b-c"},
        {"\xc3\xa9t\xc3\xa9", "t"},
    };
    _cleanup_arena_ struct arena a = arena_make();
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(chat_channel_name(rows[i].given, &a), rows[i].made);
    char longer[200];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(strlen(chat_channel_name(longer, &a)), 80);
}

static void a_post_is_found_by_channel_id_or_name(void **state)
{
    (void)state;
    _cleanup_json_ json_t *result = json_pack("{s:[{s:s,s:s},{s:s,s:s}]}", "posts", "channel", "C1", "name",
                                              "incident", "channel", "C2", "name", "change");
    assert_int_equal(json_array_size(chat_posts(result)), 2);
    assert_string_equal(json_str(chat_post_in(chat_posts(result), "C2"), "name", ""), "change");
    assert_string_equal(json_str(chat_post_in(chat_posts(result), "#incident"), "channel", ""), "C1");
    assert_null(chat_post_in(chat_posts(result), "C3"));
    assert_null(chat_posts(json_object_get(result, "none")));
}

static void a_log_keeps_its_last_hundred_lines(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    _cleanup_buf_ struct buf b = {0};
    for (int i = 1; i <= 250; i++)
        buf_printf(&b, "line %d\n", i);
    char *tail = pipeline_log_tail(buf_str(&b), b.len, &a);
    assert_true(str_starts(tail, "line 151\n"));
    assert_true(str_ends(tail, "line 250"));
}

static void a_log_of_long_lines_is_cut_where_a_line_begins(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    _cleanup_buf_ struct buf b = {0};
    for (int i = 0; i < 99; i++) {
        buf_addc(&b, 'a');
        for (int k = 0; k < 998; k++)
            buf_addc(&b, 'x');
        buf_addc(&b, '\n');
    }
    char *tail = pipeline_log_tail(buf_str(&b), b.len, &a);
    assert_true(strlen(tail) <= PIPELINE_LOG_BYTES);
    assert_true(strlen(tail) > PIPELINE_LOG_BYTES - 1100);
    assert_int_equal(tail[0], 'a');
}

static void a_log_loses_colours_and_what_is_no_text(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    static const char log[] = "\x1b[31mred\x1b[0m\r\n\x07tab\there \xff\xc3\xa9";
    assert_string_equal(pipeline_log_tail(log, sizeof log - 1, &a), "red\ntab\there ?\xc3\xa9");
    assert_string_equal(pipeline_log_tail("", 0, &a), "");
    assert_string_equal(pipeline_log_tail("\x1b", 1, &a), "");
}

static void a_build_id_holds_job_and_number(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    char *job;
    long number;
    assert_true(pipeline_build_split("shop/deploy#87", &a, &job, &number, NULL));
    assert_string_equal(job, "shop/deploy");
    assert_int_equal(number, 87);
    assert_string_equal(pipeline_build_id(job, number, &a), "shop/deploy#87");
    static const char *const wrong[] = {"",         "deploy",    "#87",       "deploy#",
                                        "deploy#x", "deploy#-1", "deploy#1x", "deploy#99999999999999"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_false(pipeline_build_split(wrong[i], &a, &job, &number, NULL));
}

static void a_maintenance_only_goes_forward(void **state)
{
    (void)state;
    static const struct {
        const char *is, *wanted;
        enum maintenance_step step;
    } rows[] = {
        {"scheduled", "in_progress", MAINTENANCE_WRITE}, {"in_progress", "in_progress", MAINTENANCE_THERE},
        {"verifying", "in_progress", MAINTENANCE_THERE}, {"completed", "in_progress", MAINTENANCE_PAST},
        {"in_progress", "verifying", MAINTENANCE_WRITE}, {"completed", "verifying", MAINTENANCE_PAST},
        {"scheduled", "completed", MAINTENANCE_WRITE},   {"completed", "completed", MAINTENANCE_THERE},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(maintenance_step(rows[i].is, rows[i].wanted), rows[i].step);
    assert_int_equal(maintenance_stage("resolved"), -1);
}

static void a_job_path_is_encoded_part_by_part(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    assert_string_equal(jenkins_job_path("shop/multi deploy/x", &a), "/job/shop/job/multi%20deploy/job/x");
    assert_string_equal(jenkins_job_path("app/release%2F1.4", &a), "/job/app/job/release%252F1.4");
    static const char *const wrong[] = {"", "/a", "a//b", "a/", "../a", "a/./b"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_null(jenkins_job_path(wrong[i], &a));
}

static void a_gate_names_pause_and_stage(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    static const struct {
        const char *pause, *stage, *gate;
    } rows[] = {{"Canary-ok", "21", "Canary-ok@21"},
                {"Canary-ok", NULL, "Canary-ok"},
                {"A@b", NULL, "A@b"},
                {"A@b", "3", "A@b@3"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *pause, *stage;
        assert_string_equal(jenkins_gate_id(rows[i].pause, rows[i].stage, &a), rows[i].gate);
        jenkins_gate_split(rows[i].gate, &a, &pause, &stage);
        assert_string_equal(pause, rows[i].pause);
        assert_true(str_eq(stage, rows[i].stage));
    }
}

static json_t *json_of(const char *text)
{
    json_t *j = json_loads(text, 0, NULL);
    assert_non_null(j);
    return j;
}

static void the_failing_step_is_the_cause_not_what_is_skipped_after_it(void **state)
{
    (void)state;
    _cleanup_json_ json_t *d =
        json_of("{\"stages\":["
                "{\"id\":\"1\",\"name\":\"Around\",\"status\":\"FAILED\",\"stageFlowNodes\":[]},"
                "{\"id\":\"2\",\"name\":\"Fine\",\"status\":\"SUCCESS\"},"
                "{\"id\":\"3\",\"name\":\"Deploy\",\"status\":\"FAILED\",\"stageFlowNodes\":["
                "{\"id\":\"31\",\"status\":\"SUCCESS\",\"_links\":{\"log\":{}}},{\"id\":\"32\",\"status\":"
                "\"FAILED\",\"_links\":{\"log\":{}}}]},"
                "{\"id\":\"4\",\"name\":\"Skipped\",\"status\":\"FAILED\",\"stageFlowNodes\":[]}]}");
    struct jenkins_failure f = jenkins_failure(d, STAGE_FAILED);
    assert_string_equal(f.stage, "Deploy");
    assert_string_equal(f.node, "32");
    f = jenkins_failure(d, STAGE_ABORTED);
    assert_null(f.stage);
    f = jenkins_failure(NULL, STAGE_FAILED);
    assert_null(f.stage);
}

static void pauses_are_read_from_either_source(void **state)
{
    (void)state;
    _cleanup_json_ json_t *pending =
        json_of("[{\"id\":\"Canary-ok\",\"message\":\"Healthy?\",\"inputs\":[{\"name\":\"NOTE\","
                "\"definition\":{\"defaultVal\":\"ok\"}},"
                "{\"name\":\"HOW\",\"definition\":{\"choices\":[\"fast\",\"slow\"]}}]},{\"nothing\":1}]");
    _cleanup_json_ json_t *a = jenkins_pauses_of_stage_view(pending);
    assert_int_equal(json_array_size(a), 1);
    assert_string_equal(json_str(a, "0.id", ""), "Canary-ok");
    assert_string_equal(json_str(a, "0.inputs.0.value", ""), "ok");
    assert_string_equal(json_str(a, "0.inputs.1.value", ""), "fast");

    _cleanup_json_ json_t *build = json_of(
        "{\"actions\":[{},{\"executions\":[{\"id\":\"Old\",\"settled\":true,\"input\":{\"id\":\"Old\"}},"
        "{\"id\":\"Canary-ok\",\"settled\":false,\"input\":{\"id\":\"Canary-ok\",\"message\":\"Healthy?\","
        "\"parameters\":[{\"name\":\"N\",\"defaultParameterValue\":{\"value\":7}}]}}]}]}");
    _cleanup_json_ json_t *b = jenkins_pauses_of_core(build);
    assert_int_equal(json_array_size(b), 1);
    assert_string_equal(json_str(b, "0.message", ""), "Healthy?");
    assert_int_equal(json_int(b, "0.inputs.0.value", 0), 7);
}

static void html_of_a_step_log_becomes_plain(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    assert_string_equal(
        jenkins_plain("<span class=\"t\">+ a &amp;&amp; b</span> 1 < 2 &lt;x&gt; &quot;&#39;", &a),
        "+ a && b 1 < 2 <x> \"'");
}

static void declared_parameters_are_found_in_both_places(void **state)
{
    (void)state;
    _cleanup_json_ json_t *job =
        json_of("{\"property\":[{},{\"parameterDefinitions\":[{\"name\":\"ENV\",\"choices\":[\"prod\"]}]}],"
                "\"actions\":[{\"parameterDefinitions\":[{\"name\":\"SIGNALBOX_KEY\"}]},{}]}");
    _cleanup_json_ json_t *declared = jenkins_declared(job);
    assert_non_null(json_object_get(declared, "ENV"));
    assert_non_null(json_object_get(declared, "SIGNALBOX_KEY"));
    assert_int_equal(json_object_size(declared), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markdown_becomes_slack_text),
        cmocka_unit_test(deep_nesting_ends),
        cmocka_unit_test(channel_names_are_made_sane),
        cmocka_unit_test(a_post_is_found_by_channel_id_or_name),
        cmocka_unit_test(a_log_keeps_its_last_hundred_lines),
        cmocka_unit_test(a_log_of_long_lines_is_cut_where_a_line_begins),
        cmocka_unit_test(a_log_loses_colours_and_what_is_no_text),
        cmocka_unit_test(a_build_id_holds_job_and_number),
        cmocka_unit_test(a_maintenance_only_goes_forward),
        cmocka_unit_test(a_job_path_is_encoded_part_by_part),
        cmocka_unit_test(a_gate_names_pause_and_stage),
        cmocka_unit_test(the_failing_step_is_the_cause_not_what_is_skipped_after_it),
        cmocka_unit_test(pauses_are_read_from_either_source),
        cmocka_unit_test(html_of_a_step_log_becomes_plain),
        cmocka_unit_test(declared_parameters_are_found_in_both_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
