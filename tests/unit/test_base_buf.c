#include "check.h"

#include "base/buf.h"

static void text_is_put_together_in_order(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf b = {0};
    assert_string_equal(buf_str(&b), "");
    buf_adds(&b, "one");
    buf_addc(&b, ' ');
    buf_printf(&b, "%d%%", 100);
    buf_add(&b, "xyz", 0);
    assert_string_equal(buf_str(&b), "one 100%");
    assert_int_equal(b.len, 8);
    for (int i = 0; i < 10000; i++)
        buf_addc(&b, 'x');
    assert_int_equal(b.len, 10008);
    assert_int_equal(b.data[b.len], '\0');
    buf_clear(&b);
    assert_string_equal(buf_str(&b), "");
}

static void stealing_leaves_an_empty_buffer(void **state)
{
    (void)state;
    struct buf b = {0};
    char *nothing = buf_steal(&b);
    assert_string_equal(nothing, "");
    buf_adds(&b, "mine");
    char *text = buf_steal(&b);
    assert_string_equal(text, "mine");
    assert_null(b.data);
    free(text);
    free(nothing);
}

static void text_is_escaped_for_its_destination(void **state)
{
    (void)state;
    static const struct {
        void (*add)(struct buf *, const char *);
        const char *in, *out;
    } rows[] = {
        {buf_add_html, "<a href=\"x\">'&'</a>", "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;"},
        {buf_add_html, "caf\xC3\xA9", "caf\xC3\xA9"},
        {buf_add_url, "a b/c?d=e&f+g~h.i-j_k", "a%20b%2Fc%3Fd%3De%26f%2Bg~h.i-j_k"},
        {buf_add_url, "\xC3\xA9", "%C3%A9"},
        {buf_add_json, "", "\"\""},
        {buf_add_json, "a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
        {buf_add_json, "\b\f\n\r\t\x01\x1F\x7F", "\"\\b\\f\\n\\r\\t\\u0001\\u001F\x7F\""},
        {buf_add_json, "\xF0\x9F\x9A\x86", "\"\xF0\x9F\x9A\x86\""},
        {buf_add_json, "a\xFF\xC3", "\"a\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_buf_ struct buf b = {0};
        rows[i].add(&b, rows[i].in);
        assert_string_equal(buf_str(&b), rows[i].out);
    }
}

static void strings_are_compared_by_their_ends(void **state)
{
    (void)state;
    assert_true(str_eq("a", "a"));
    assert_true(str_eq(NULL, NULL));
    assert_false(str_eq(NULL, ""));
    assert_true(str_starts("hotfix.md", "hot"));
    assert_false(str_starts("ho", "hot"));
    assert_true(str_ends("hotfix.md", ".md"));
    assert_false(str_ends("md", ".md"));
}

static void trimming_keeps_inner_space(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {" \t a b \r\n", "a b"}, {"", ""}, {"  ", ""}, {"x", "x"}, {"x ", "x"}, {" x", "x"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[32];
        strcpy(text, rows[i][0]);
        assert_string_equal(str_trim(text), rows[i][1]);
    }
}

static void only_strict_utf8_passes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        {"", true},
        {"plain", true},
        {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x86", true},
        {"\xF4\x8F\xBF\xBF", true},  /* the last character there is */
        {"\xF4\x90\x80\x80", false}, /* one beyond it */
        {"\xC0\xAF", false},         /* "/" in two bytes */
        {"\xE0\x80\xAF", false},     /* in three */
        {"\xED\xA0\x80", false},     /* half of a surrogate pair */
        {"\xC3", false},             /* cut off */
        {"\xE2\x82", false},
        {"\x80", false}, /* no beginning */
        {"\xFF", false},
        {"\xC3\x28", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (str_is_utf8(rows[i].text, strlen(rows[i].text)) != rows[i].ok)
            fail_msg("row %zu", i);
}

static void a_misspelt_name_finds_the_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"id",  "do",    "with",    "when", "after",         "at", "due",
                                        "ask", "retry", "timeout", "undo", "jenkins.start", NULL};
    static const struct {
        const char *wrong, *near;
    } rows[] = {
        {"whne", "when"},
        {"wit", "with"},
        {"afetr", "after"},
        {"timeuot", "timeout"},
        {"WHEN", "when"},
        {"retrys", "retry"},
        {"jenkins.strat", "jenkins.start"},
        {"di", "id"},
        {"x", NULL},
        {"", NULL},
        {"approvers", NULL},
        {"completely_else", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *near = str_near(rows[i].wrong, names);
        if (!str_eq(near, rows[i].near))
            fail_msg("%s: near %s, not %s", rows[i].wrong, near ? near : "nothing",
                     rows[i].near ? rows[i].near : "nothing");
    }
    char endless[5000];
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_null(str_near(endless, names));
}

static void columns_are_those_of_a_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int columns;
    } rows[] = {
        {"", 0},
        {"abc", 3},
        {"caf\xC3\xA9", 4},
        {"e\xCC\x81", 1},                /* e and a combining accent */
        {"\xE6\x97\xA5\xE6\x9C\xAC", 4}, /* two wide characters */
        {"\xF0\x9F\x9A\x86", 2},         /* a train */
        {"a\xFF"
         "b",
         3}, /* not UTF-8: one replacement mark */
        {"a\tb", 2},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (str_columns(rows[i].text) != rows[i].columns)
            fail_msg("row %zu: %d", i, str_columns(rows[i].text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_put_together_in_order),
        cmocka_unit_test(stealing_leaves_an_empty_buffer),
        cmocka_unit_test(text_is_escaped_for_its_destination),
        cmocka_unit_test(strings_are_compared_by_their_ends),
        cmocka_unit_test(trimming_keeps_inner_space),
        cmocka_unit_test(only_strict_utf8_passes),
        cmocka_unit_test(a_misspelt_name_finds_the_nearest),
        cmocka_unit_test(columns_are_those_of_a_terminal),
    };
    return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
