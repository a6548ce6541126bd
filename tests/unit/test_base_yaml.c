#include "check.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/yaml.h"
#include <unistd.h>

static struct yaml *parse_ok(const char *text, struct arena *a)
{
    struct error e = ERROR_NONE;
    struct yaml *y = yaml_parse(text, strlen(text), "page.md", 1, 0, a, &e);
    if (y == NULL)
        fail_msg("%s: %s", text, e.text);
    return y;
}

static void text_becomes_json_by_the_core_schema(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *json;
    } rows[] = {
        {"", "{}"},
        {"# only a remark\n", "{}"},
        {"---\n", "{}"},
        {"\xEF\xBB\xBF"
         "a: 1",
         "{\"a\":1}"},
        {"a: no\nb: yes\nc: on\nd: y", "{\"a\":\"no\",\"b\":\"yes\",\"c\":\"on\",\"d\":\"y\"}"},
        {"[true, True, TRUE, tRue, false]", "[true,true,true,\"tRue\",false]"},
        {"[null, ~, Null, '', \"null\"]", "[null,null,null,\"\",\"null\"]"},
        {"a:\nb: ", "{\"a\":null,\"b\":null}"},
        {"[1, -12, +3, 0, 007, 0x1F, 0o17, 0b1, 1_000]", "[1,-12,3,0,7,31,15,\"0b1\",\"1_000\"]"},
        {"[9223372036854775807, 9223372036854775808]", "[9223372036854775807,\"9223372036854775808\"]"},
        {"[1.5, -.5, 2., 1e3, 1.e-3, .inf, .nan, 1e999]",
         "[1.5,-0.5,2.0,1000.0,0.001,\".inf\",\".nan\",\"1e999\"]"},
        {"[24-02-05.619, 1.2.3, 10:30, -, +, '.', 0x, 0o8, 1e, --1]",
         "[\"24-02-05.619\",\"1.2.3\",\"10:30\",\"-\",\"+\",\".\",\"0x\",\"0o8\",\"1e\",\"--1\"]"},
        {"['1', \"2\", !!str 3, ! 4]", "[\"1\",\"2\",\"3\",\"4\"]"},
        {"t: |\n  one\n  two\n", "{\"t\":\"one\\ntwo\\n\"}"},
        {"t: >-\n  one\n  two\n", "{\"t\":\"one two\"}"},
        {"- a\n- - b\n  - {c: [d]}\n", "[\"a\",[\"b\",{\"c\":[\"d\"]}]]"},
        {"true: x\n1: y", "{\"1\":\"y\",\"true\":\"x\"}"},
        {"name: \"{{ client.name }}\"", "{\"name\":\"{{ client.name }}\"}"},
        {"just text", "\"just text\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_arena_ struct arena a = {0};
        _cleanup_json_ json_t *j = yaml_to_json(parse_ok(rows[i].yaml, &a));
        char *text = json_canonical(j);
        assert_string_equal(text, rows[i].json);
        free(text);
    }
}

static void what_we_do_not_accept_is_told_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line, column;
        enum error_code code;
        const char *says;
    } rows[] = {
        {"a: &x 1", 1, 4, SB_PARSE, "anchors"},
        {"a: &x [1]", 1, 4, SB_PARSE, "anchors"},
        {"&x {a: 1}", 1, 1, SB_PARSE, "anchors"},
        {"a: 1\nb: *x", 2, 4, SB_PARSE, "aliases"},
        {"*x : 1", 1, 1, SB_PARSE, "aliases"},
        {"a: 1\nb: 2\n  \na: 3", 4, 1, SB_PARSE, "key \"a\" stands twice: first on line 1"},
        {"{a: 1, 'a': 3}", 1, 8, SB_PARSE, "stands twice"},
        {"x: {{ client }}", 1, 5, SB_PARSE, "needs quotes"},
        {"? [a]\n: b", 1, 3, SB_PARSE, "key must be a text"},
        {"a: !secret x", 1, 4, SB_PARSE, "tags"},
        {"a: !!int 3", 1, 4, SB_PARSE, "tags"},
        {"a: !!python/object:os.system x", 1, 4, SB_PARSE, "tags"},
        {"a:\n\t- b", 2, 1, SB_PARSE, "there is a tab here"},
        {"a: b: c", 1, 5, SB_PARSE, "mapping values are not allowed"},
        {"a: [1\nb: 2", 2, 2, SB_PARSE, "did not find expected"},
        {"a: 'x", 1, 6, SB_PARSE, "quoted scalar"},
        {"---\na: 1\n---\nb: 1", 3, 1, SB_PARSE, "only one YAML document"},
        {"a: \"\\0\"", 1, 4, SB_PARSE, "NUL"},
        {"a: 1\nb: \xFF", 2, 0, SB_PARSE, "not UTF-8"},
        {"a: 1\n\xC3\xA9: \x01", 2, 4, SB_PARSE, "control characters"},
        {"%YAML 9.9\n---\na: 1", 1, 1, SB_PARSE, "incompatible YAML"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_arena_ struct arena a = {0};
        struct error e = ERROR_NONE;
        assert_null(yaml_parse(rows[i].text, strlen(rows[i].text), "page.md", 1, 0, &a, &e));
        assert_error(&e, rows[i].code, rows[i].says, rows[i].text);
        assert_string_equal(e.file, "page.md");
        if (e.line != rows[i].line || e.column != rows[i].column)
            fail_msg("%s: at %d:%d, not %d:%d", rows[i].text, e.line, e.column, rows[i].line, rows[i].column);
    }
}

static void places_are_those_of_the_whole_page(void **state)
{
    (void)state;
    static const char text[] = "id: build\nwith:\n  tag: \"\xC3\xA9\"  \n  \xC3\xA9t\xC3\xA9: x\n";
    _cleanup_arena_ struct arena a = {0};
    struct error e;
    struct yaml *y = yaml_parse(text, sizeof text - 1, "page.md", 40, 3, &a, &e);
    assert_non_null(y);
    assert_int_equal(y->line, 40);
    assert_int_equal(y->column, 4);
    struct yaml *with = yaml_get(y, "with");
    assert_int_equal(with->line, 42);
    assert_int_equal(with->column, 6);
    assert_int_equal(with->items[1]->line, 43);
    assert_int_equal(with->items[1]->column, 11);
    assert_int_equal(with->keys[1]->column, 6);

    static const char bad[] = "id: build\nid: test\n";
    assert_null(yaml_parse(bad, sizeof bad - 1, "page.md", 40, 3, &a, &e));
    char says[256];
    assert_string_equal(error_format(&e, says, sizeof says),
                        "page.md:41:4: key \"id\" stands twice: first on line 40");
}

static void the_tree_is_read_by_key(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = {0};
    struct yaml *y = parse_ok("a: x\nb: [1, 'two']\nc: {d: e}", &a);
    assert_string_equal(yaml_str(y, "a"), "x");
    assert_null(yaml_str(y, "b"));
    assert_null(yaml_str(y, "none"));
    assert_null(yaml_get(NULL, "a"));
    assert_null(yaml_get(yaml_get(y, "b"), "a"));
    assert_string_equal(yaml_str(yaml_get(y, "c"), "d"), "e");
    const struct yaml *list = yaml_get(y, "b");
    assert_int_equal(list->n, 2);
    assert_false(list->items[0]->quoted);
    assert_true(list->items[1]->quoted);
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    for (int depth = YAML_MAX_DEPTH - 1; depth <= YAML_MAX_DEPTH + 1; depth++) {
        _cleanup_arena_ struct arena a = {0};
        _cleanup_buf_ struct buf b = {0};
        struct error e = ERROR_NONE;
        for (int i = 0; i < depth; i++)
            buf_addc(&b, '[');
        for (int i = 0; i < depth; i++)
            buf_addc(&b, ']');
        bool ok = yaml_parse(b.data, b.len, "page.md", 1, 0, &a, &e) != NULL;
        assert_int_equal(ok, depth <= YAML_MAX_DEPTH);
        if (!ok)
            assert_error(&e, SB_LIMIT, "too deeply", "depth");
    }
}

static void values_and_bytes_are_bounded(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = {0};
    _cleanup_buf_ struct buf b = {0};
    struct error e;
    for (int i = 0; i < YAML_MAX_NODES; i++)
        buf_adds(&b, "- x\n");
    assert_null(yaml_parse(b.data, b.len, "page.md", 1, 0, &a, &e));
    assert_error(&e, SB_LIMIT, "too many values", "nodes");
    while (b.len <= YAML_MAX_BYTES)
        buf_adds(&b, "# a remark that only makes the text longer than anybody would write it\n");
    assert_null(yaml_parse(b.data, b.len, "page.md", 1, 0, &a, &e));
    assert_error(&e, SB_LIMIT, "bytes of YAML", "bytes");
}

static void a_large_map_keeps_its_order_and_finds_its_duplicate(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = {0};
    _cleanup_buf_ struct buf b = {0};
    enum { KEYS = 20000 };
    for (int i = 0; i < KEYS; i++)
        buf_printf(&b, "key%d: %d\n", i * 7919 % KEYS, i);
    struct yaml *y = parse_ok(b.data, &a);
    assert_int_equal(y->n, KEYS);
    assert_string_equal(y->keys[1]->text, "key7919");
    buf_adds(&b, "key5: again\n");
    struct error e;
    assert_null(yaml_parse(b.data, b.len, "page.md", 1, 0, &a, &e));
    assert_error(&e, SB_PARSE, "key \"key5\" stands twice", "large");
    assert_int_equal(e.line, KEYS + 1);
}

static void an_unknown_key_is_refused_with_its_neighbour(void **state)
{
    (void)state;
    static const char *const allowed[] = {"id", "when", "with", NULL};
    static const struct {
        const char *text, *says;
        int line, column;
    } rows[] = {
        {"id: x\nwhne: y", "step: unknown key \"whne\"; did you mean \"when\"?", 2, 1},
        {"zzzzzz: 1", "step: unknown key \"zzzzzz\"; known are: id, when, with", 1, 1},
        {"[id]", "step: expected keys and values", 1, 1},
    };
    _cleanup_arena_ struct arena a = {0};
    struct error e;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_false(yaml_only(parse_ok(rows[i].text, &a), "page.md", "step", allowed, &e));
        assert_non_null(strstr(e.text, rows[i].says));
        assert_int_equal(e.line, rows[i].line);
        assert_int_equal(e.column, rows[i].column);
    }
    assert_true(yaml_only(parse_ok("with: 1\nid: 2", &a), "page.md", "step", allowed, &e));
    assert_true(yaml_only(NULL, "page.md", "step", allowed, &e));
}

static void a_file_is_named_in_its_fault(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = {0};
    char path[] = "/tmp/sb-yaml-XXXXXX", text[256];
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "a: 1\na: 2\n", 10), 10);
    close(fd);
    struct error e;
    assert_null(yaml_parse_file(path, &a, &e));
    assert_true(str_starts(error_format(&e, text, sizeof text), path));
    assert_int_equal(e.line, 2);
    unlink(path);
    assert_null(yaml_parse_file(path, &a, &e));
    assert_int_equal(e.code, SB_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_becomes_json_by_the_core_schema),
        cmocka_unit_test(what_we_do_not_accept_is_told_with_its_place),
        cmocka_unit_test(places_are_those_of_the_whole_page),
        cmocka_unit_test(the_tree_is_read_by_key),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(values_and_bytes_are_bounded),
        cmocka_unit_test(a_large_map_keeps_its_order_and_finds_its_duplicate),
        cmocka_unit_test(an_unknown_key_is_refused_with_its_neighbour),
        cmocka_unit_test(a_file_is_named_in_its_fault),
    };
    return cmocka_run_group_tests_name("base/yaml", tests, NULL, NULL);
}
