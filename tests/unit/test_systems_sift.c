/* Streams of JSON taken apart in constant memory. */
#include "base/json.h"
#include "check.h"
#include "systems/sift.h"

static const char *const keep[] = {"metadata.name", "spec.containers.*.image", "labels", NULL};
static const char *const keep_root[] = {"kind", "metadata.continue", NULL};

static void collect(void *ctx, json_t *item)
{
    json_array_append(ctx, item);
}

static struct sift *sift_of(const char *items, json_t *into)
{
    return sift_new(&(struct sift_options){.what = "list",
                                           .items = items,
                                           .keep = keep,
                                           .keep_root = keep_root,
                                           .on_item = collect,
                                           .ctx = into});
}

static const char list[] =
    "{\"kind\":\"PodList\",\"metadata\":{\"continue\":\"abc\",\"x\":{\"y\":[1,2]}},\"items\":["
    "{\"metadata\":{\"name\":\"a\",\"uid\":\"1\"},\"spec\":{\"containers\":[{\"image\":\"r/"
    "a:1\",\"env\":[{\"image\":0}]},{\"image\":\"r/b:2\"}]},"
    "\"labels\":{\"x\":[1,2.5,null,true,\"\\u00e9\"]}},"
    "7,{\"metadata\":\"no object\",\"spec\":{\"containers\":{\"image\":\"no list\"}}}]}";

static json_t *expected(void)
{
    return json_pack("[{s:{s:s}, s:{s:[{s:s}, {s:s}]}, s:{s:[i, f, n, b, s]}}, {s:{s:{}}}]", "metadata",
                     "name", "a", "spec", "containers", "image", "r/a:1", "image", "r/b:2", "labels", "x", 1,
                     2.5, 1, "\xc3\xa9", "spec", "containers");
}

static void a_list_gives_its_items_of_their_named_paths_however_it_is_cut(void **state)
{
    (void)state;
    _cleanup_json_ json_t *want = expected();
    for (size_t size = 1; size <= sizeof list; size += size < 8 ? 1 : 17) {
        _cleanup_json_ json_t *got = json_array();
        struct sift *s = sift_of("items", got);
        struct error err = ERROR_NONE;
        for (size_t at = 0; at < sizeof list - 1; at += size)
            assert_true(sift_feed(s, list + at, at + size < sizeof list ? size : sizeof list - 1 - at, &err));
        assert_true(sift_end(s, &err));
        if (!json_equal(got, want))
            fail_msg("%s", json_dumps(got, JSON_COMPACT));
        assert_string_equal(json_str(sift_root(s), "kind", ""), "PodList");
        assert_string_equal(json_str(sift_root(s), "metadata.continue", ""), "abc");
        assert_null(json_path(sift_root(s), "metadata.x"));
        assert_int_equal(sift_items(s), 2);
        sift_free(s);
    }
}

static void a_watch_gives_every_object_as_it_is_complete(void **state)
{
    (void)state;
    static const char one[] = "{\"metadata\":{\"name\":\"a\"}}\n{\"metadata\":{\"name\":\"b\"",
                      two[] = "}}{}";
    _cleanup_json_ json_t *got = json_array();
    struct sift *s = sift_of(NULL, got);
    struct error err = ERROR_NONE;
    assert_true(sift_feed(s, one, sizeof one - 1, &err));
    assert_int_equal(json_array_size(got), 1);
    assert_true(sift_feed(s, two, sizeof two - 1, &err));
    assert_int_equal(json_array_size(got), 3);
    assert_string_equal(json_str(got, "1.metadata.name", ""), "b");
    assert_true(sift_end(s, &err));
    sift_free(s);
}

/* Feeds all, then ends: the error, or SB_OK. */
static enum error_code read_all(struct sift *s, const char *text, size_t n)
{
    struct error err = ERROR_NONE;
    bool ok = sift_feed(s, text, n, &err) && sift_end(s, &err);
    assert_int_equal(ok, err.code == SB_OK);
    if (!ok)
        assert_false(sift_feed(s, "{}", 2, &err));
    sift_free(s);
    return err.code;
}

static void what_is_no_list_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum error_code code;
    } rows[] = {
        {"<html>502 Bad Gateway</html>", SB_PARSE},
        {"{\"items\":[{}", SB_PARSE},
        {"{\"items\":[}", SB_PARSE},
        {"", SB_PARSE},
        {"{\"items\":[]} {}", SB_PARSE},
        {"{\"items\":[{\"metadata\":{\"name\":1e999}}]}", SB_RANGE},
        {"{\"items\":[{\"metadata\":{\"name\":\"\xff\"}}]}", SB_PARSE},
        {"{\"items\":null}", SB_OK},
        {"{\"items\":{\"metadata\":{\"name\":\"x\"}}}", SB_OK},
        {"{}", SB_OK},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_json_ json_t *got = json_array();
        enum error_code code = read_all(sift_of("items", got), rows[i].text, strlen(rows[i].text));
        if (code != rows[i].code)
            fail_msg("%s: %d", rows[i].text, (int)code);
    }
}

static void every_beginning_of_a_list_is_refused_and_nothing_is_lost(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof list - 1; n++) {
        _cleanup_json_ json_t *got = json_array();
        assert_int_equal(read_all(sift_of("items", got), list, n), SB_PARSE);
    }
}

static void depth_size_and_length_are_bounded(void **state)
{
    (void)state;
    _cleanup_json_ json_t *got = json_array();
    struct error err = ERROR_NONE;
    static char deep[1000];
    memset(deep, '[', sizeof deep);
    assert_int_equal(read_all(sift_of("items", got), deep, sizeof deep), SB_LIMIT);

    struct sift *s = sift_of("items", got);
    assert_true(sift_feed(s, "{\"items\":[{\"labels\":[", 21, &err));
    bool ok = true;
    for (int i = 0; i < 200000 && ok; i++)
        ok = sift_feed(s, "1,", 2, &err);
    assert_false(ok);
    assert_int_equal(err.code, SB_LIMIT);
    sift_free(s);

    s = sift_of("items", got);
    ok = sift_feed(s, "{\"junk\":\"", 9, &err);
    static char filler[1 << 16];
    memset(filler, 'x', sizeof filler);
    for (int i = 0; i < 300 && ok; i++)
        ok = sift_feed(s, filler, sizeof filler, &err);
    assert_false(ok);
    assert_int_equal(err.code, SB_LIMIT);
    sift_free(s);
}

static void a_long_string_is_cut_between_characters(void **state)
{
    (void)state;
    _cleanup_json_ json_t *got = json_array();
    struct sift *s = sift_new(&(struct sift_options){
        .what = "list", .items = "items", .keep = keep, .on_item = collect, .ctx = got, .string_max = 4});
    static const char text[] = "{\"items\":[{\"metadata\":{\"name\":\"abc\xc3\xa9"
                               "def\"}}]}";
    assert_int_equal(read_all(s, text, sizeof text - 1), SB_OK);
    assert_string_equal(json_str(got, "0.metadata.name", ""), "abc");
}

static void more_items_than_allowed_are_refused(void **state)
{
    (void)state;
    _cleanup_json_ json_t *got = json_array();
    struct sift *s = sift_new(&(struct sift_options){
        .what = "list", .items = "items", .keep = keep, .on_item = collect, .ctx = got, .items_max = 2});
    assert_int_equal(read_all(s, "{\"items\":[{},{},{}]}", 20), SB_LIMIT);
    assert_int_equal(json_array_size(got), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_gives_its_items_of_their_named_paths_however_it_is_cut),
        cmocka_unit_test(a_watch_gives_every_object_as_it_is_complete),
        cmocka_unit_test(what_is_no_list_is_refused),
        cmocka_unit_test(every_beginning_of_a_list_is_refused_and_nothing_is_lost),
        cmocka_unit_test(depth_size_and_length_are_bounded),
        cmocka_unit_test(a_long_string_is_cut_between_characters),
        cmocka_unit_test(more_items_than_allowed_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
