/* The live stage view is a pure function of a change's JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "cli/stage.h"
#include <string.h>

static json_t *step(const char *id, const char *status, const char *section)
{
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:s}", "id", id, "status", status, "section", section,
        "branch", "main", "title",
        "Title of it, which goes on and on, as titles do that are a whole sentence, until it is longer than a terminal is wide, and then some",
        "active", 1, "began", (json_int_t)1000, "ended", (json_int_t)3500, "prose",
        "What the page says about *it*, with a [link](https://x).");
}

static json_t *change_with(json_t *steps)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:[{s:s, s:s}], s:I, s:I, s:{s:s}, s:o}", "id", "HF-7", "client",
                     "tangerine", "env", "prod", "status", "running", "services", "service",
                     "decanting-service", "tag", "24-02-05.619-hotfix.627", "started", (json_int_t)1000,
                     "now", (json_int_t)61000, "window", "text", "Thu 8 Feb 14:00-15:30 EST", "steps", steps);
}

static const char *draw(const json_t *c, int width, int height, struct buf *out)
{
    const struct stage_look look = {.width = width, .height = height, .color = false, .unicode = true};
    buf_clear(out);
    stage_draw(c, &look, out);
    return buf_str(out);
}

static int lines(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static void every_step_has_a_line_with_state_and_time(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf out = {0};
    _cleanup_json_ json_t *c =
        change_with(json_pack("[o, o, o]", step("ticket", "done", "Planning"),
                              step("approve", "asking", "Deploying"), step("build", "waiting", "Deploying")));
    const char *text = draw(c, 100, 0, &out);
    assert_non_null(strstr(text, "✔ ticket"));
    assert_non_null(strstr(text, "2.5s"));
    assert_non_null(strstr(text, "▸ ? approve"));
    assert_non_null(strstr(text, "· build"));
    assert_non_null(strstr(text, "24-02-05.619-hotfix.627"));
    assert_non_null(strstr(text, "Thu 8 Feb 14:00"));
}

static void the_prose_of_the_step_now_due_is_shown_as_plain_text(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf out = {0};
    _cleanup_json_ json_t *c = change_with(json_pack("[o]", step("approve", "asking", "Deploying")));
    assert_non_null(strstr(draw(c, 100, 0, &out), "What the page says about it, with a link."));
}

static void who_needs_a_person_comes_before_what_goes_on(void **state)
{
    (void)state;
    _cleanup_json_ json_t *c = change_with(json_pack("[o, o, o]", step("a", "observing", "S"),
                                                     step("b", "asking", "S"), step("c", "ready", "S")));
    assert_string_equal(stage_due(c), "b");
    json_object_set_new(json_array_get(json_object_get(c, "steps"), 1), "status", json_string("done"));
    assert_string_equal(stage_due(c), "a");
    json_object_set_new(json_array_get(json_object_get(c, "steps"), 0), "status", json_string("done"));
    assert_string_equal(stage_due(c), "c");
    json_object_set_new(json_array_get(json_object_get(c, "steps"), 2), "status", json_string("done"));
    assert_null(stage_due(c));
}

static void no_line_is_wider_and_no_picture_higher_than_the_terminal(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf out = {0};
    json_t *steps = json_array();
    char id[64];
    for (int i = 0; i < 60; i++) {
        snprintf(id, sizeof id, "a-step-with-quite-a-long-name-%d", i);
        json_array_append_new(steps, step(id,
                                          i < 30    ? "done"
                                          : i == 30 ? "observing"
                                                    : "waiting",
                                          i < 20 ? "Planning" : "Deploying"));
    }
    _cleanup_json_ json_t *c = change_with(steps);
    static const int sizes[][2] = {{80, 24}, {120, 40}, {60, 16}, {40, 12}, {200, 60}};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        const char *text = draw(c, sizes[i][0], sizes[i][1], &out);
        if (lines(text) > sizes[i][1])
            fail_msg("%d lines on a terminal of %d:\n%s", lines(text), sizes[i][1], text);
        assert_non_null(strstr(text, "a-step-with")); /* what goes on is never folded away */
        assert_non_null(strstr(text, "▸ ●"));
        char *copy = strdup(text), *save = NULL;
        for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
            if (str_columns(line) > sizes[i][0])
                fail_msg("%d columns on a terminal of %d: %s", str_columns(line), sizes[i][0], line);
        free(copy);
    }
}

static void a_cell_is_cut_at_columns_and_not_at_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int columns;
        const char *cell;
    } rows[] = {{"abc", 5, "abc  "},  {"abcdef", 4, "abc…"},  {"äöüß", 4, "äöüß"},
                {"äöüßx", 4, "äöü…"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日… "}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_buf_ struct buf out = {0};
        stage_cell(&out, rows[i].text, rows[i].columns);
        assert_string_equal(buf_str(&out), rows[i].cell);
    }
}

static void a_pipeline_shows_its_stages(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf out = {0};
    json_t *watch = step("watch", "observing", "Deploying");
    json_object_set_new(watch, "view",
                        json_pack("{s:s, s:[{s:s, s:s, s:i}, {s:s, s:s, s:i}]}", "status", "IN_PROGRESS",
                                  "stages", "name", "Checkout", "status", "SUCCESS", "took_ms", 1500, "name",
                                  "Deploy decanting-service", "status", "IN_PROGRESS", "took_ms", 0));
    _cleanup_json_ json_t *c = change_with(json_pack("[o]", watch));
    const char *text = draw(c, 100, 0, &out);
    assert_non_null(strstr(text, "✔ Checkout 1.5s"));
    assert_non_null(strstr(text, "● Deploy decanting-service"));
}

static void a_view_of_nothing_or_nonsense_is_drawn_all_the_same(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "[]", "{\"steps\": 3}", "{\"steps\": [1, null, {}]}",
                                        "{\"services\": {}, \"window\": 2}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        _cleanup_buf_ struct buf out = {0};
        _cleanup_json_ json_t *c = json_loads(texts[i], 0, NULL);
        assert_true(strlen(draw(c, 80, 24, &out)) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_has_a_line_with_state_and_time),
        cmocka_unit_test(the_prose_of_the_step_now_due_is_shown_as_plain_text),
        cmocka_unit_test(who_needs_a_person_comes_before_what_goes_on),
        cmocka_unit_test(no_line_is_wider_and_no_picture_higher_than_the_terminal),
        cmocka_unit_test(a_cell_is_cut_at_columns_and_not_at_bytes),
        cmocka_unit_test(a_pipeline_shows_its_stages),
        cmocka_unit_test(a_view_of_nothing_or_nonsense_is_drawn_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
