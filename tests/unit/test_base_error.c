#include "check.h"

#include <errno.h>

static void a_failing_function_can_end_in_error_set(void **state)
{
    (void)state;
    struct error e = ERROR_NONE;
    assert_false(error_set(&e, SB_LIMIT, "%d of %s", 3, "things"));
    assert_int_equal(e.code, SB_LIMIT);
    assert_string_equal(e.text, "3 of things");
    assert_false(error_set(NULL, SB_LIMIT, "nobody asks"));
}

static void wrapping_keeps_code_and_place(void **state)
{
    (void)state;
    struct error inner, outer;
    error_at(&inner, SB_PARSE, "hotfix.md", 12, 3, "unknown key");
    assert_false(error_wrap(&inner, &outer, "step %s", "build"));
    char text[256];
    assert_string_equal(error_format(&outer, text, sizeof text), "hotfix.md:12:3: step build: unknown key");
    assert_int_equal(outer.code, SB_PARSE);
}

static void an_error_can_wrap_itself_and_quote_itself(void **state)
{
    (void)state;
    struct error e;
    error_set(&e, SB_NET, "time-out");
    error_wrap(&e, &e, "first %s", e.text);
    assert_string_equal(e.text, "first time-out: time-out");
    error_set(&e, SB_REMOTE, "again %s", e.text);
    assert_string_equal(e.text, "again first time-out: time-out");
}

static void a_text_too_long_is_cut_between_characters(void **state)
{
    (void)state;
    char longer[2 * ERROR_TEXT_MAX];
    for (size_t i = 0; i + 2 < sizeof longer; i += 2)
        memcpy(longer + i, "\xC3\xA9", 3);
    struct error e;
    error_set(&e, SB_PARSE, "x%s", longer);
    size_t n = strlen(e.text);
    assert_in_range(n, ERROR_TEXT_MAX - 3, ERROR_TEXT_MAX - 1);
    assert_string_equal(e.text + n - 3, "...");
    assert_int_equal((unsigned char)e.text[n - 4], 0xA9);
}

static void a_long_file_name_is_cut_from_the_left(void **state)
{
    (void)state;
    char path[400];
    memset(path, 'd', sizeof path);
    memcpy(path + sizeof path - 9, "/page.md", 9);
    struct error e;
    error_at(&e, SB_PARSE, path, 1, 1, "bad");
    assert_int_equal(strlen(e.file), sizeof e.file - 1);
    assert_string_equal(e.file + strlen(e.file) - 8, "/page.md");
}

static void a_place_is_shown_as_far_as_it_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        int line, column;
        const char *says;
    } rows[] = {
        {NULL, 0, 0, "bad"},
        {NULL, 4, 5, "bad"},
        {"a.yaml", 0, 0, "a.yaml: bad"},
        {"a.yaml", 4, 0, "a.yaml:4: bad"},
        {"a.yaml", 4, 5, "a.yaml:4:5: bad"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error e;
        char text[64];
        error_at(&e, SB_PARSE, rows[i].file, rows[i].line, rows[i].column, "bad");
        assert_string_equal(error_format(&e, text, sizeof text), rows[i].says);
    }
}

static void formatting_stays_within_its_buffer(void **state)
{
    (void)state;
    struct error e;
    char text[5] = "....";
    error_at(&e, SB_PARSE, "a.yaml", 1, 1, "bad");
    assert_string_equal(error_format(&e, text, sizeof text), "a.ya");
}

static void the_operating_system_is_quoted(void **state)
{
    (void)state;
    struct error e;
    error_errno(&e, ENOENT, "open %s", "/x");
    assert_int_equal(e.code, SB_IO);
    assert_string_equal(e.text, "open /x: No such file or directory");
}

static void every_code_has_its_own_name(void **state)
{
    (void)state;
    for (int a = SB_OK; a <= SB_INTERNAL; a++)
        for (int b = SB_OK; b < a; b++)
            assert_string_not_equal(error_code_name((enum error_code)a), error_code_name((enum error_code)b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failing_function_can_end_in_error_set),
        cmocka_unit_test(wrapping_keeps_code_and_place),
        cmocka_unit_test(an_error_can_wrap_itself_and_quote_itself),
        cmocka_unit_test(a_text_too_long_is_cut_between_characters),
        cmocka_unit_test(a_long_file_name_is_cut_from_the_left),
        cmocka_unit_test(a_place_is_shown_as_far_as_it_is_known),
        cmocka_unit_test(formatting_stays_within_its_buffer),
        cmocka_unit_test(the_operating_system_is_quoted),
        cmocka_unit_test(every_code_has_its_own_name),
    };
    return cmocka_run_group_tests_name("base/error", tests, NULL, NULL);
}
