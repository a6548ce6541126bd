#include "check.h"

#include "store/chain.h"
#include "store/heads.h"
#include "store/ledger.h"
#include <stdio.h>

static void sha(const char *text, char out[SHA256_HEX + 1])
{
    sha256_hex(text, strlen(text), out);
}

static void a_chain_begins_with_the_hash_of_its_name(void **state)
{
    (void)state;
    struct chain c = chain_begin("HF-7");
    assert_int_equal(c.n, 0);
    /* printf HF-7 | sha256sum */
    assert_string_equal(c.hash, "c75f3359e024f136e115e2f49426dfeccfcf33481b6d2d1946a7d9005899cfbf");
}

/* The same links, put together as texts and hashed whole. */
static void each_hash_covers_the_one_before_and_the_text(void **state)
{
    (void)state;
    struct chain c = chain_begin("HF-7");
    char expected[SHA256_HEX + 1], joined[256];
    sha("HF-7", expected);
    static const char *const texts[] = {"{\"n\":1}", "{\"n\":2,\"text\":\"\xc3\xa9\"}", "{}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        snprintf(joined, sizeof joined, "%s%s", expected, texts[i]);
        sha(joined, expected);
        chain_add(&c, texts[i], strlen(texts[i]));
        assert_int_equal(c.n, i + 1);
        assert_string_equal(c.hash, expected);
    }
    /* printf '%s{"n":1}' $(printf HF-7 | sha256sum | cut -c-64) | sha256sum */
    struct chain one = chain_begin("HF-7");
    chain_add(&one, "{\"n\":1}", 7);
    assert_string_equal(one.hash, "34c87cc2125ab394702948cd2d406e6c45957f9dbe2759c3f99feb1995a9926e");
}

static void a_link_is_taken_only_when_it_is_the_next_and_its_hash_follows(void **state)
{
    (void)state;
    static const struct {
        int64_t n;
        const char *text, *hash_of, *says;
    } links[] = {
        {2, "b", "b", NULL},
        {3, "b", "b", "event 2 is missing"},
        {1, "b", "b", "event 1 stands where event 2 should"},
        {2, "B", "b", "event 2: hash does not follow from event 1"},
        {2, "b", "B", "event 2: hash does not follow from event 1"},
    };
    for (size_t i = 0; i < COUNT_OF(links); i++) {
        struct chain c = chain_begin("x");
        chain_add(&c, "a", 1);
        struct chain right = c, before = c;
        chain_add(&right, links[i].hash_of, 1);
        struct error err = ERROR_NONE;
        bool ok = chain_take(&c, "event", links[i].n, links[i].text, 1, right.hash, &err);
        assert_int_equal(ok, links[i].says == NULL);
        if (ok) {
            assert_string_equal(c.hash, right.hash);
        } else {
            assert_int_equal(err.code, SB_CORRUPT);
            assert_non_null(strstr(err.text, links[i].says));
            assert_memory_equal(&c, &before, sizeof c);
        }
    }
}

static void an_entry_says_what_was_appended_and_ended_and_can_be_read_again(void **state)
{
    (void)state;
    _cleanup_entry_ struct entry e = {0};
    assert_true(entry_is_empty(&e));
    struct chain head = chain_begin("HF-3");
    head.n = 41;
    char digest[SHA256_HEX + 1], hashes[2 * SHA256_HEX + 1], expected[600];
    sha("one", hashes);
    sha("two", hashes + SHA256_HEX);
    sha(hashes, digest);
    entry_append(&e, "HF-7", 11, 1);
    entry_hash(&e, hashes);
    entry_append(&e, "HF-\"8", 1, 1);
    entry_hash(&e, hashes + SHA256_HEX);
    entry_end(&e, "HF-3", &head);
    assert_false(entry_is_empty(&e));
    assert_int_equal(e.events, 2);

    _cleanup_buf_ struct buf text = {0};
    entry_text(&e, 57, 1707418800000, &text);
    snprintf(expected, sizeof expected,
             "{\"appends\":[[\"HF-7\",11,1],[\"HF-\\\"8\",1,1]],\"at\":1707418800000,\"digest\":\"%s\","
             "\"ended\":[[\"HF-3\",41,\"%s\"]],\"n\":57}",
             digest, head.hash);
    assert_string_equal(text.data, expected);

    _cleanup_json_ json_t *j = entry_read(text.data, text.len, NULL);
    char *canonical = json_canonical(j);
    assert_string_equal(canonical, expected);
    free(canonical);
    struct entry_append a;
    struct entry_ended ended;
    assert_true(entry_append_read(json_path(j, "appends.1"), &a));
    assert_string_equal(a.change, "HF-\"8");
    assert_int_equal(a.first, 1);
    assert_int_equal(a.n, 1);
    assert_true(entry_ended_read(json_path(j, "ended.0"), &ended));
    assert_int_equal(ended.last, 41);
    assert_string_equal(ended.hash, head.hash);

    entry_clear(&e);
    assert_true(entry_is_empty(&e));
    assert_int_equal(e.events, 0);
}

static void a_text_that_is_no_entry_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"appends\":[],\"ended\":[],\"digest\":\"short\"}",
        "{\"appends\":{},\"ended\":[],\"digest\":"
        "\"0123456789012345678901234567890123456789012345678901234567890123\"}",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct error err = ERROR_NONE;
        assert_null(entry_read(texts[i], strlen(texts[i]), &err));
        assert_int_equal(err.code, SB_CORRUPT);
    }
    static const char *const items[] = {"[]", "[\"a\"]", "[\"a\",0,1]", "[\"a\",1,0]", "[1,1,1]", "{}"};
    for (size_t i = 0; i < COUNT_OF(items); i++) {
        _cleanup_json_ json_t *j = json_loads(items[i], 0, NULL);
        struct entry_append a;
        struct entry_ended e;
        assert_false(entry_append_read(j, &a));
        assert_false(entry_ended_read(j, &e));
    }
}

static void heads_of_many_changes_are_found_dropped_and_added_again(void **state)
{
    (void)state;
    _cleanup_heads_ struct heads h = {0};
    char id[32];
    assert_null(heads_find(&h, "HF-1"));
    heads_drop(&h, "HF-1");
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof id, "HF-%d", i);
        heads_add(&h, id)->no = i;
    }
    for (int i = 0; i < 1000; i += 2) {
        snprintf(id, sizeof id, "HF-%d", i);
        heads_drop(&h, id);
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof id, "HF-%d", i);
        struct head *e = heads_find(&h, id);
        assert_int_equal(e != NULL, i % 2);
        if (e != NULL)
            assert_int_equal(e->no, i);
    }
    assert_int_equal(h.n, 500);
    assert_int_equal(heads_add(&h, "HF-0")->no, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_begins_with_the_hash_of_its_name),
        cmocka_unit_test(each_hash_covers_the_one_before_and_the_text),
        cmocka_unit_test(a_link_is_taken_only_when_it_is_the_next_and_its_hash_follows),
        cmocka_unit_test(an_entry_says_what_was_appended_and_ended_and_can_be_read_again),
        cmocka_unit_test(a_text_that_is_no_entry_is_refused),
        cmocka_unit_test(heads_of_many_changes_are_found_dropped_and_added_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
