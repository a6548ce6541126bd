#include "check.h"

#include "base/buf.h"
#include "base/json.h"
#include <stdio.h>
#include <unistd.h>

static json_t *read_ok(const char *text)
{
    struct error e = ERROR_NONE;
    json_t *j = json_read(text, strlen(text), JSON_MAX_BYTES, "test", &e);
    if (j == NULL)
        fail_msg("%s: %s", text, e.text);
    return j;
}

static void hostile_texts_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum error_code code;
        const char *says;
    } rows[] = {
        {"", SB_PARSE, "answer of jenkins: empty"},
        {"{\"a\":1,\"a\":2}", SB_PARSE, "answer of jenkins: not valid JSON at line 1, column 10: duplicate"},
        {"{\n \"a\": [1,\n}", SB_PARSE, "line 3"},
        {"[1] trailing", SB_PARSE, "end of file expected"},
        {"\"\\u0000\"", SB_PARSE, "\\u0000 is not allowed"},
        {"[\"\xFF\"]", SB_PARSE, "not valid JSON"},
        {"[NaN]", SB_PARSE, "invalid token"},
        {"[99999999999999999999]", SB_PARSE, "too big integer"},
        {"[1e999]", SB_PARSE, "real number overflow"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error e = ERROR_NONE;
        assert_null(json_read(rows[i].text, strlen(rows[i].text), 1000, "answer of jenkins", &e));
        assert_error(&e, rows[i].code, rows[i].says, rows[i].text);
    }
}

static void a_fault_does_not_quote_the_text(void **state)
{
    (void)state;
    static const char text[] = "{\"token\": hunter2hunter2}";
    struct error e;
    assert_null(json_read(text, sizeof text - 1, 1000, "token", &e));
    assert_null(strstr(e.text, "hunter"));
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    char text[2 * JSON_MAX_DEPTH + 3];
    memset(text, '[', JSON_MAX_DEPTH);
    memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    text[2 * JSON_MAX_DEPTH] = '\0';
    _cleanup_json_ json_t *deepest = read_ok(text);
    assert_non_null(deepest);

    struct error e;
    memset(text, '[', JSON_MAX_DEPTH + 1);
    memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
    assert_null(json_read(text, sizeof text - 1, 1000, "deep", &e));
    assert_int_equal(e.code, SB_LIMIT);
    _cleanup_json_ json_t *text_only =
        read_ok("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[\"");
    assert_true(json_is_string(text_only));
}

static void size_is_bounded(void **state)
{
    (void)state;
    struct error e;
    assert_null(json_read("[1,2,3]", 7, 6, "list", &e));
    assert_error(&e, SB_LIMIT, "list: more than 6 bytes", "size");
    _cleanup_json_ json_t *j = json_read("[1,2,3]", 7, 7, "list", &e);
    assert_non_null(j);
}

static void a_file_is_named_in_its_fault(void **state)
{
    (void)state;
    char path[] = "/tmp/sb-json-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "{\n1", 3), 3);
    close(fd);
    struct error e;
    char text[512];
    assert_null(json_read_file(path, 100, &e));
    error_format(&e, text, sizeof text);
    assert_true(str_starts(text, path));
    assert_non_null(strstr(text, ":2:"));
    assert_null(json_read_file(path, 2, &e));
    assert_int_equal(e.code, SB_LIMIT);
    unlink(path);
    assert_null(json_read_file(path, 100, &e));
    assert_error(&e, SB_IO, "No such file", path);
}

static void the_canonical_text_of_a_value_is_one(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"{ \"b\": 1, \"a\": [true, false, null] }", "{\"a\":[true,false,null],\"b\":1}"},
        {"{\"Z\":1,\"a\":2,\"\xC3\xA9\":3,\"aa\":4}", "{\"Z\":1,\"a\":2,\"aa\":4,\"\xC3\xA9\":3}"},
        {"\"a\\/b\\u00e9\\u001f\\n\"", "\"a/b\xC3\xA9\\u001F\\n\""},
        {"[0.1, 1.0, 1e300, -2.5, 0.30000000000000004, 100000.0, 1e-7, -0.0]",
         "[0.1,1.0,1e+300,-2.5,0.30000000000000004,100000.0,1e-07,-0.0]"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"{}", "{}"},
        {"[]", "[]"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_json_ json_t *j = read_ok(rows[i].in);
        char *text = json_canonical(j);
        assert_string_equal(text, rows[i].out);
        _cleanup_json_ json_t *again = read_ok(text);
        assert_true(json_equal(j, again));
        free(text);
    }
}

static const char tree[] =
    "{\"a\":{\"b\":[{\"c\":\"deep\"},2]},\"n\":7,\"r\":1.5,\"t\":true,\"z\":null,\"s\":\"x\"}";

static void getters_follow_a_path_and_fall_back(void **state)
{
    (void)state;
    _cleanup_json_ json_t *j = read_ok(tree);
    assert_string_equal(json_str(j, "a.b.0.c", "-"), "deep");
    assert_string_equal(json_str(j, "a.b.2.c", "-"), "-");
    assert_string_equal(json_str(j, "a.b.x", "-"), "-");
    assert_string_equal(json_str(j, "a.b.-1", "-"), "-");
    assert_string_equal(json_str(j, "n", "-"), "-");
    assert_string_equal(json_str(j, "z", "-"), "-");
    assert_string_equal(json_str(NULL, "s", "-"), "-");
    assert_int_equal(json_int(j, "n", -1), 7);
    assert_int_equal(json_int(j, "a.b.1", -1), 2);
    assert_int_equal(json_int(j, "r", -1), -1);
    assert_true(json_num(j, "r", 0) > 1.4);
    assert_true(json_num(j, "n", 0) > 6.9);
    assert_true(json_flag(j, "t", false));
    assert_true(json_flag(j, "none", true));
    assert_ptr_equal(json_path(j, ""), j);
}

static void getters_that_insist_say_what_they_found(void **state)
{
    (void)state;
    _cleanup_json_ json_t *j = read_ok(tree);
    static const struct {
        const char *path, *says;
        bool number;
        enum error_code code;
    } rows[] = {
        {"s", "queue item: s: expected a number, found a string", true, SB_PARSE},
        {"r", "queue item: r: expected a number, found a fraction", true, SB_PARSE},
        {"a", "queue item: a: expected a string, found an object", false, SB_PARSE},
        {"a.b", "queue item: a.b: expected a string, found a list", false, SB_PARSE},
        {"t", "queue item: t: expected a string, found a boolean", false, SB_PARSE},
        {"z", "queue item: z: expected a string, found null", false, SB_PARSE},
        {"n", "queue item: n: expected a string, found a number", false, SB_PARSE},
        {"q.r", "queue item: q.r: expected a number, found nothing", true, SB_MISSING},
    };
    const char *text;
    int64_t number;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error e = ERROR_NONE;
        bool ok = rows[i].number ? json_need_int(j, rows[i].path, "queue item", &number, &e)
                                 : json_need_str(j, rows[i].path, "queue item", &text, &e);
        assert_false(ok);
        assert_error(&e, rows[i].code, rows[i].says, rows[i].path);
    }
    assert_true(json_need_str(j, "s", "x", &text, NULL));
    assert_string_equal(text, "x");
    assert_true(json_need_int(j, "n", "x", &number, NULL));
    assert_int_equal(number, 7);
}

static void merging_follows_rfc_7386(void **state)
{
    (void)state;
    static const struct {
        const char *target, *patch, *result;
    } rows[] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"e\":null}", "{\"a\":1}", "{\"a\":1,\"e\":null}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        {"{\"a\":1}", "{\"a\":{\"b\":2}}", "{\"a\":{\"b\":2}}"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_json_ json_t *target = read_ok(rows[i].target);
        _cleanup_json_ json_t *patch = read_ok(rows[i].patch);
        json_merge_patch(target, patch);
        char *text = json_canonical(target);
        assert_string_equal(text, rows[i].result);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_texts_are_refused),
        cmocka_unit_test(a_fault_does_not_quote_the_text),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(a_file_is_named_in_its_fault),
        cmocka_unit_test(the_canonical_text_of_a_value_is_one),
        cmocka_unit_test(getters_follow_a_path_and_fall_back),
        cmocka_unit_test(getters_that_insist_say_what_they_found),
        cmocka_unit_test(merging_follows_rfc_7386),
    };
    return cmocka_run_group_tests_name("base/json", tests, NULL, NULL);
}
