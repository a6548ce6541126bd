/* Plays with the silences of an Alertmanager, through the prometheus driver. */
#include "systems_play.h"

#include "systems/drivers.h"

#define CONFIG                                                                                       \
    "url: %s/prom\nmeasures: []\nsilences:\n  url: %s/am\n  match: {client: \"{client}\", service: " \
    "\"{services}\"}\n"
#define SILENCES "/am/api/v2/silences"
/* 2024-02-08 20:30 UTC */
#define ARGS                                                                                               \
    "{\"services\":[\"cart\",\"pay.api\"],\"client\":\"tangerine\",\"env\":\"prod\",\"to\":1707424200000," \
    "\"text\":\"Hotfix\"}"
#define LIST(all) {"GET " SILENCES "?filter=client%3D%22tangerine%22", NULL, 200, all, NULL}
#define SILENCE(state, ends, comment)                                                                       \
    "{\"id\":\"s1\",\"status\":{\"state\":\"" state "\"},\"startsAt\":\"2024-02-08T19:00:00Z\",\"endsAt\":" \
    "\"" ends "\",\"createdBy\":\"signalbox\",\"comment\":\"" comment                                       \
    "\",\"matchers\":[{\"name\":\"client\",\"value\":\"tangerine\",\"isRegex\":false,\"isEqual\":true}]}"
#define OURS   "Hotfix [signalbox:HF-7/silence/1]"
#define OTHERS "Hotfix [signalbox:HF-77/silence/1]"

static void one_silence_is_made_for_the_window_with_the_key_in_its_comment(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &prometheus_driver, CONFIG);
    const struct line lines[] = {LIST("[" SILENCE("active", "2024-02-08T20:00:00Z", OTHERS) "]"),
                                 {"POST " SILENCES, "\"value\":\"cart|pay\\\\.api\",\"isRegex\":true", 200,
                                  "{\"silenceID\":\"s2\"}", NULL},
                                 THE_END};
    stage_play(&s, lines, (struct doing){"silence", false, ARGS, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "id", ""), "s2");
    const struct line comment[] = {
        LIST("[]"),
        {"POST " SILENCES, "Hotfix [signalbox:HF-7/step/1]", 200, "{\"silenceID\":\"s2\"}", NULL},
        THE_END};
    stage_play(&s, comment, (struct doing){"silence", false, ARGS, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
}

static void the_changes_own_silence_moves_with_the_window_instead_of_a_second_one(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &prometheus_driver, CONFIG);
    const struct line moved[] = {LIST("[" SILENCE("active", "2024-02-08T20:00:00.000Z", OURS) "]"),
                                 {"POST " SILENCES, "\"id\":\"s1\"", 200, "{\"silenceID\":\"s1\"}", NULL},
                                 THE_END};
    stage_play(&s, moved, (struct doing){"silence", false, ARGS, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    const struct line there[] = {LIST("[" SILENCE("active", "2024-02-08T20:30:00.000Z", OURS) "]"), THE_END};
    stage_play(&s, there, (struct doing){"silence", false, ARGS, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    const struct line over[] = {LIST("[" SILENCE("expired", "2024-02-08T20:00:00.000Z", OURS) "]"),
                                {"POST " SILENCES, "HF-7/step/1", 200, "{\"silenceID\":\"s3\"}", NULL},
                                THE_END};
    stage_play(&s, over, (struct doing){"silence", false, ARGS, NULL});
    assert_string_equal(json_str(s.result, "id", ""), "s3");
    stage_close(&s);
}

static void after_a_crash_a_silence_is_found_by_change_and_end_or_by_its_key(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &prometheus_driver, CONFIG);
    const struct line lost[] = {LIST("[]"), {"POST " SILENCES, NULL, CUT, NULL, NULL}, THE_END};
    stage_play(&s, lost, (struct doing){"silence", false, ARGS, NULL});
    assert_outcome(&s, OUTCOME_UNKNOWN);
    const struct line by_end[] = {LIST("[" SILENCE("active", "2024-02-08T20:30:00Z", OURS) "]"), THE_END};
    stage_play(&s, by_end, (struct doing){"silence", true, ARGS, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    const struct line by_key[] = {
        LIST("[" SILENCE("expired", "2024-02-08T19:30:00Z", "[signalbox:HF-7/step/1]") "]"), THE_END};
    stage_play(&s, by_key, (struct doing){"silence", true, ARGS, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    const struct line none[] = {LIST("[" SILENCE("active", "2024-02-08T20:00:00Z", OURS) "]"), LIST("[]"),
                                THE_END};
    stage_play(&s, none, (struct doing){"silence", true, ARGS, NULL});
    assert_outcome(&s, OUTCOME_NOT_FOUND);
    static const struct line refused[] = {{"GET " SILENCES, NULL, 403, "\"no\"", NULL}, THE_END};
    stage_play(&s, refused, (struct doing){"silence", true, ARGS, NULL});
    assert_outcome(&s, OUTCOME_CANNOT_TELL);
    stage_close(&s);
}

static void lifting_takes_the_changes_own_and_no_other(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &prometheus_driver, CONFIG);
    const struct line lines[] = {LIST("[" SILENCE("active", "2024-02-08T20:00:00Z", OTHERS) "," SILENCE(
                                     "active", "2024-02-08T20:00:00Z", OURS) "]"),
                                 {"DELETE /am/api/v2/silence/s1", NULL, 200, NULL, NULL},
                                 THE_END};
    stage_play(&s, lines, (struct doing){"unsilence", false, ARGS, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_int_equal(json_array_size(json_object_get(s.result, "lifted")), 1);
    const struct line gone[] = {LIST("[" SILENCE("expired", "2024-02-08T20:00:00Z", OURS) "]"), THE_END};
    stage_play(&s, gone, (struct doing){"unsilence", false, ARGS, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
}

static void a_step_that_names_no_client_silences_nothing(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &prometheus_driver, CONFIG);
    static const struct line nothing[] = {THE_END};
    stage_play(&s, nothing,
               (struct doing){"silence", false, "{\"services\":[\"cart\"],\"to\":1707424200000}", NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "the label \"client\"");
    stage_close(&s);
}

static void without_an_alertmanager_there_is_nothing_to_silence(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &prometheus_driver, "url: %s\nmeasures: []\n");
    assert_false(system_can(s.system, "silence"));
    assert_true(system_can(s.system, "watch"));
    assert_false(system_can(s.system, "sing"));
    static const struct line nothing[] = {THE_END};
    stage_play(&s, nothing, (struct doing){"silence", false, ARGS, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
}

static void a_silence_of_everything_is_no_configuration(void **state)
{
    (void)state;
    static const struct {
        const char *match, *says;
    } rows[] = {
        {"", "match: expected the labels"},
        {"  match: {}\n", "match: expected the labels"},
        {"  match: {severity: critical}\n", "every client and service"},
        {"  match: {env: \"{env}\"}\n", "every client and service"},
        {"  match: {service: \"{service}\"}\n", "expected a text with {client}, {env} or {services}"},
    };
    struct loop *loop = loop_new();
    struct http *http = http_new(loop);
    struct surroundings around = {.loop = loop, .http = http, .speed = 1};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_arena_ struct arena a = arena_make();
        struct error err = ERROR_NONE;
        const char *text = arena_printf(
            &a, "url: http://127.0.0.1:1\nmeasures: []\nsilences:\n  url: http://127.0.0.1:1\n%s",
            rows[i].match);
        const struct yaml *y = yaml_parse(text, strlen(text), "test.yaml", 1, 0, &a, &err);
        assert_non_null(y);
        assert_null(prometheus_driver.open(&prometheus_driver, y, "test.yaml", &around, &err));
        if (!strstr(err.text, rows[i].says))
            fail_msg("row %zu: %s", i, err.text);
    }
    http_free(http);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_silence_is_made_for_the_window_with_the_key_in_its_comment),
        cmocka_unit_test(the_changes_own_silence_moves_with_the_window_instead_of_a_second_one),
        cmocka_unit_test(after_a_crash_a_silence_is_found_by_change_and_end_or_by_its_key),
        cmocka_unit_test(lifting_takes_the_changes_own_and_no_other),
        cmocka_unit_test(a_step_that_names_no_client_silences_nothing),
        cmocka_unit_test(without_an_alertmanager_there_is_nothing_to_silence),
        cmocka_unit_test(a_silence_of_everything_is_no_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
