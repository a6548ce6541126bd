#include "store_kit.h"

#include <pthread.h>

static void events_are_read_as_they_were_appended_in_order(void **state)
{
    struct kit *k = *state;
    static const char *const bodies[] = {"{\"a\":1}", "{\"b\":\"\xc3\xa9\"}", "{\"c\":3}"};
    struct outcome o = {0};
    store_append(k->store, "HF-1", 1, bodies, 2, on_done, &o);
    store_append(k->store, "HF-1", 3, bodies + 2, 1, on_done, &o);
    wait_for(k->loop, &o, 2);
    assert_int_equal(o.err.code, SB_OK);
    for (int round = 0; round < 2; round++) {
        _cleanup_buf_ struct buf all = {0}, tail = {0};
        assert_true(store_read(k->store, "HF-1", 1, list_event, &all, NULL));
        assert_string_equal(buf_str(&all), "1:{\"a\":1} 2:{\"b\":\"\xc3\xa9\"} 3:{\"c\":3} ");
        assert_true(store_read(k->store, "HF-1", 3, list_event, &tail, NULL));
        assert_string_equal(buf_str(&tail), "3:{\"c\":3} ");
        kit_reopen(k);
    }
    assert_int_equal(count_events(k->store, "HF-2"), 0);
}

static bool check_hash(void *ctx, const struct store_event *e)
{
    char joined[300], *prev = ctx;
    snprintf(joined, sizeof joined, "%s%s", prev, e->body);
    sha256_hex(joined, strlen(joined), prev);
    assert_string_equal(e->hash, prev);
    return true;
}

static void each_event_has_the_hash_of_the_one_before_and_its_own_text(void **state)
{
    struct kit *k = *state;
    append_many(k, "HF-1", 1, 3);
    kit_reopen(k);
    append_many(k, "HF-1", 4, 5);
    char hash[SHA256_HEX + 1];
    sha256_hex("HF-1", 4, hash);
    assert_true(store_read(k->store, "HF-1", 1, check_hash, hash, NULL));
}

static bool only_one(void *ctx, const struct store_event *e)
{
    (void)e;
    ++*(int *)ctx;
    return false;
}

static void reading_stops_when_the_caller_has_seen_enough(void **state)
{
    struct kit *k = *state;
    append_many(k, "HF-1", 1, 3);
    int n = 0;
    assert_true(store_read(k->store, "HF-1", 1, only_one, &n, NULL));
    assert_int_equal(n, 1);
}

static void an_append_with_the_wrong_number_is_refused_and_writes_nothing(void **state)
{
    struct kit *k = *state;
    append_many(k, "HF-1", 1, 2);
    static const struct {
        const char *change;
        int64_t first;
    } wrong[] = {{"HF-1", 1}, {"HF-1", 2}, {"HF-1", 4}, {"HF-1", 0}, {"HF-1", -1}, {"HF-2", 2}, {"HF-2", 0}};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(append_one(k, wrong[i].change, wrong[i].first, "{}"), SB_CONFLICT);
    assert_int_equal(count_events(k->store, "HF-1"), 2);
    assert_int_equal(count_events(k->store, "HF-2"), 0);
    struct verdict v;
    assert_true(store_verify(k->store, NULL, &v, NULL));
    assert_true(v.good);
    assert_int_equal(v.changes, 1);
    assert_int_equal(append_one(k, "HF-1", 3, "{}"), SB_OK);
    assert_int_equal(append_one(k, "HF-2", 1, "{}"), SB_OK);
}

static void what_cannot_be_an_event_is_refused(void **state)
{
    struct kit *k = *state;
    char longest[STORE_ID_MAX + 2] = {0};
    memset(longest, 'x', STORE_ID_MAX + 1);
    assert_int_equal(append_one(k, "", 1, "{}"), SB_MISSING);
    assert_int_equal(append_one(k, longest, 1, "{}"), SB_LIMIT);
    longest[STORE_ID_MAX] = '\0';
    assert_int_equal(append_one(k, longest, 1, "{}"), SB_OK);
    assert_int_equal(append_one(k, "\xff", 1, "{}"), SB_PARSE);
    char *large = malloc(STORE_BODY_MAX + 2);
    memset(large, 'x', STORE_BODY_MAX + 1);
    large[STORE_BODY_MAX + 1] = '\0';
    assert_int_equal(append_one(k, "HF-1", 1, large), SB_LIMIT);
    free(large);
    struct outcome o = {0};
    store_append(k->store, "HF-1", 1, NULL, 0, on_done, &o);
    wait_for(k->loop, &o, 1);
    assert_int_equal(o.err.code, SB_MISSING);
}

struct order {
    char *at;
};
static void note_order(void *ctx, const struct error *err)
{
    struct order **o = ctx;
    *(*o)->at++ = err == NULL ? 'y' : 'n';
}

static void a_refused_append_does_not_touch_the_others_of_its_batch(void **state)
{
    struct kit *k = *state;
    char seen[100] = "";
    struct order order = {seen}, *o = &order;
    static const char *const body[] = {"{}"};
    for (int i = 0; i < 60; i++) {
        char id[16];
        snprintf(id, sizeof id, "HF-%d", i);
        store_append(k->store, id, i % 3 == 1 ? 7 : 1, body, 1, note_order, &o);
    }
    while (strlen(seen) < 60)
        loop_once(k->loop, true);
    for (int i = 0; i < 60; i++)
        assert_int_equal(seen[i], i % 3 == 1 ? 'n' : 'y');
    assert_int_equal(store_stats(k->store).events, 40);
}

static void many_appends_that_wait_are_one_commit(void **state)
{
    struct kit *k = *state;
    struct outcome o = {0};
    static const char *const body[] = {"{\"some\":\"event\"}"};
    append_many(k, "HF-0", 1, 1);
    struct store_stats before = store_stats(k->store);
    for (int change = 0; change < 50; change++)
        for (int n = 1; n <= 20; n++) {
            char id[16];
            snprintf(id, sizeof id, "B-%d", change);
            store_append(k->store, id, n, body, 1, on_done, &o);
        }
    wait_for(k->loop, &o, 1000);
    assert_int_equal(o.err.code, SB_OK);
    struct store_stats s = store_stats(k->store);
    assert_int_equal(s.events - before.events, 1000);
    assert_int_equal(s.bytes - before.bytes, 1000 * strlen(body[0]));
    /* A thousand syncs would be a thousand commits. How many there are is the disk's and the scheduler's
     * doing. */
    assert_true(s.commits - before.commits < 500);
    assert_true(s.batch_mean > 2);
    struct verdict v;
    assert_true(store_verify(k->store, NULL, &v, NULL));
    assert_true(v.good);
    assert_int_equal(v.events, 1001);
    assert_int_equal(v.entries, s.commits);
}

static void what_was_flushed_is_durable_before_its_callback(void **state)
{
    struct kit *k = *state;
    struct outcome o = {0};
    static const char *const body[] = {"{}"};
    store_append(k->store, "HF-1", 1, body, 1, on_done, &o);
    store_flush(k->store);
    assert_int_equal(count_events(k->store, "HF-1"), 1);
    assert_int_equal(o.calls, 0);
    loop_run(k->loop);
    assert_int_equal(o.calls, 1);
}

static void closing_makes_the_callbacks_that_are_still_to_come(void **state)
{
    struct kit *k = *state;
    struct outcome o = {0};
    static const char *const body[] = {"{}"};
    for (int n = 1; n <= 100; n++)
        store_append(k->store, "HF-1", n, body, 1, on_done, &o);
    kit_close(k);
    assert_int_equal(o.calls, 100);
    assert_int_equal(o.err.code, SB_OK);
    loop_once(k->loop, false); /* what the writer posted before finds nothing left to do */
    assert_int_equal(o.calls, 100);
    kit_open(k);
    assert_int_equal(count_events(k->store, "HF-1"), 100);
}

struct chatter {
    struct kit *kit;
    int64_t n;
    int calls;
    enum error_code last;
};
static void append_again(void *ctx, const struct error *err)
{
    struct chatter *c = ctx;
    static const char *const body[] = {"{}"};
    c->calls++;
    c->last = err != NULL ? err->code : SB_OK;
    if (err == NULL)
        store_append(c->kit->store, "HF-1", ++c->n, body, 1, append_again, c);
}

static void one_who_appends_from_each_callback_does_not_keep_the_store_from_closing(void **state)
{
    struct kit *k = *state;
    struct chatter c = {.kit = k};
    append_again(&c, NULL);
    store_close(k->store); /* the callback finds it through the kit */
    k->store = NULL;
    assert_int_equal(c.last, SB_STATE);
    kit_open(k);
    assert_int_equal(count_events(k->store, "HF-1"),
                     c.calls - 2); /* all but the first call, and the refusal */
}

static void a_loop_that_ends_first_leaves_nothing_behind(void **state)
{
    struct kit *k = *state;
    struct outcome o = {0};
    static const char *const body[] = {"{}"};
    store_append(k->store, "HF-1", 1, body, 1, on_done, &o);
    kit_close(k); /* a call of the writer's is still with the loop; the sanitizer sees whether it is lost */
    loop_free(k->loop);
    assert_int_equal(o.calls, 1);
    k->loop = loop_new();
}

static bool list_head(void *ctx, const struct store_head *h)
{
    buf_printf(ctx, "%s:%d%s ", h->change, (int)h->seq, h->ended ? "." : "");
    return true;
}

static const char *list_changes(struct kit *k, bool open_only, struct buf *b)
{
    buf_clear(b);
    assert_true(store_changes(k->store, open_only, list_head, b, NULL));
    return buf_str(b);
}

static void changes_are_listed_oldest_first_and_open_ones_alone(void **state)
{
    struct kit *k = *state;
    _cleanup_buf_ struct buf b = {0};
    assert_string_equal(list_changes(k, false, &b), "");
    append_many(k, "HF-9", 1, 2);
    append_many(k, "HF-10", 1, 1);
    append_many(k, "HF-1", 1, 3);
    store_mark_ended(k->store, "HF-10");
    store_mark_ended(k->store, "HF-10");
    store_mark_ended(k->store, "HF-unknown");
    store_flush(k->store);
    assert_string_equal(list_changes(k, false, &b), "HF-9:2 HF-10:1. HF-1:3 ");
    assert_string_equal(list_changes(k, true, &b), "HF-9:2 HF-1:3 ");
    append_many(k, "HF-10", 2, 2); /* a late note */
    kit_reopen(k);
    assert_string_equal(list_changes(k, false, &b), "HF-9:2 HF-10:2. HF-1:3 ");
    struct verdict v;
    assert_true(store_verify(k->store, NULL, &v, NULL));
    assert_string_equal(v.text, "");
    assert_true(v.good);
}

struct nested {
    struct kit *kit;
    struct buf text;
};
static bool read_inside(void *ctx, const struct store_event *e)
{
    struct nested *n = ctx;
    buf_printf(&n->text, "%d(", (int)e->seq);
    assert_true(store_read(n->kit->store, "HF-1", e->seq, list_event, &n->text, NULL));
    buf_adds(&n->text, ")");
    return true;
}

static void a_read_may_be_made_from_inside_another(void **state)
{
    struct kit *k = *state;
    append_many(k, "HF-1", 1, 2);
    struct nested n = {.kit = k};
    assert_true(store_read(k->store, "HF-1", 1, read_inside, &n, NULL));
    assert_string_equal(buf_str(&n.text), "1(1:{\"n\":1} 2:{\"n\":2} )2(2:{\"n\":2} )");
    buf_free(&n.text);
}

static void numbers_go_on_where_they_ended(void **state)
{
    struct kit *k = *state;
    int64_t n = 0;
    for (int i = 1; i <= 6; i++) {
        assert_true(store_next_number(k->store, &n, NULL));
        assert_int_equal(n, i);
        if (i % 2 == 0)
            kit_reopen(k);
    }
}

static void pages_are_kept_by_their_hash(void **state)
{
    struct kit *k = *state;
    char hash[SHA256_HEX + 1];
    struct error err = ERROR_NONE;
    sha256_hex("# Page", 6, hash);
    assert_null(store_get_page(k->store, hash, &err));
    assert_int_equal(err.code, SB_UNKNOWN);
    assert_true(store_put_page(k->store, hash, "hotfix", "# Page", NULL));
    assert_true(store_put_page(k->store, hash, "again", "# Page", NULL));
    assert_false(store_put_page(k->store, hash, "hotfix", "# Another", &err));
    assert_int_equal(err.code, SB_RANGE);
    kit_reopen(k);
    char *text = store_get_page(k->store, hash, &err);
    assert_string_equal(text, "# Page");
    free(text);
}

static void the_newest_snapshot_of_the_same_version_is_given(void **state)
{
    struct kit *k = *state;
    int64_t seq = -1;
    append_many(k, "HF-1", 1, 3);
    assert_null(store_get_snapshot(k->store, "HF-1", "1.0", &seq));
    for (int i = 1; i <= 2; i++) {
        _cleanup_json_ json_t *in = json_pack("{s:i, s:[s]}", "state", i, "list", "\xc3\xa9");
        store_put_snapshot(k->store, "HF-1", i, "1.0", in);
        store_put_snapshot(k->store, "HF-unknown", i, "1.0", in);
        json_object_set_new(in, "state", json_integer(99)); /* it was copied */
    }
    store_flush(k->store);
    kit_reopen(k);
    _cleanup_json_ json_t *out = store_get_snapshot(k->store, "HF-1", "1.0", &seq);
    assert_int_equal(seq, 2);
    assert_int_equal(json_int(out, "state", 0), 2);
    assert_string_equal(json_str(out, "list.0", ""), "\xc3\xa9");
    assert_null(store_get_snapshot(k->store, "HF-1", "2.0", &seq));
    assert_null(store_get_snapshot(k->store, "HF-unknown", "1.0", &seq));
}

static struct outcome doc_call(struct kit *k, const char *what, const char *id, const char *text)
{
    struct outcome o = {0};
    _cleanup_json_ json_t *j = text != NULL ? json_loads(text, 0, NULL) : NULL;
    if (strcmp(what, "put") == 0)
        store_doc_put_new(k->store, "ticket", id, j, on_doc, &o);
    else if (strcmp(what, "patch") == 0)
        store_doc_patch(k->store, "ticket", id, j, on_doc, &o);
    else if (strcmp(what, "get") == 0)
        store_doc_get(k->store, "ticket", id, on_doc, &o);
    else
        store_doc_list(k->store, "ticket", atoi(id), on_doc, &o);
    wait_for(k->loop, &o, 1);
    return o;
}

static void documents_are_put_once_merged_read_and_listed_newest_first(void **state)
{
    struct kit *k = *state;
    static const struct {
        const char *what, *id, *given;
        enum error_code code;
        const char *gives;
    } calls[] = {
        {"get", "A", NULL, SB_UNKNOWN, NULL},
        {"patch", "A", "{\"x\":1}", SB_UNKNOWN, NULL},
        {"list", "10", NULL, SB_OK, "[]"},
        {"put", "A", "{\"b\":1,\"a\":{\"x\":1}}", SB_OK, "{\"a\":{\"x\":1},\"b\":1}"},
        {"put", "A", "{\"other\":true}", SB_OK, "{\"a\":{\"x\":1},\"b\":1}"},
        {"patch", "A", "{\"a\":{\"y\":2},\"b\":null}", SB_OK, "{\"a\":{\"x\":1,\"y\":2}}"},
        {"get", "A", NULL, SB_OK, "{\"a\":{\"x\":1,\"y\":2}}"},
        {"put", "B", "{}", SB_OK, "{}"},
        {"put", "C", "[]", SB_PARSE, NULL},
        {"patch", "A", "\"text\"", SB_PARSE, NULL},
        {"put", "", "{}", SB_MISSING, NULL},
        {"list", "10", NULL, SB_OK, "[{},{\"a\":{\"x\":1,\"y\":2}}]"},
        {"list", "1", NULL, SB_OK, "[{}]"},
    };
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        struct outcome o = doc_call(k, calls[i].what, calls[i].id, calls[i].given);
        assert_int_equal(o.err.code, calls[i].code);
        char *text = o.doc != NULL ? json_canonical(o.doc) : NULL;
        if (calls[i].gives == NULL)
            assert_null(text);
        else
            assert_string_equal(text, calls[i].gives);
        free(text);
        json_decref(o.doc);
    }
}

static void documents_and_events_are_in_the_order_in_which_they_were_given(void **state)
{
    struct kit *k = *state;
    struct outcome event = {0}, put = {0}, patch = {0}, get = {0};
    _cleanup_json_ json_t *one = json_pack("{s:i}", "v", 1), *two = json_pack("{s:i}", "v", 2);
    static const char *const body[] = {"{}"};
    store_doc_put_new(k->store, "k", "d", one, on_doc, &put);
    store_doc_patch(k->store, "k", "d", two, on_doc, &patch);
    store_append(k->store, "HF-1", 1, body, 1, on_done, &event);
    store_doc_get(k->store, "k", "d", on_doc, &get);
    wait_for(k->loop, &get, 1);
    assert_int_equal(put.calls + patch.calls + event.calls, 3);
    assert_int_equal(json_int(put.doc, "v", 0), 1);
    assert_int_equal(json_int(patch.doc, "v", 0), 2);
    assert_int_equal(json_int(get.doc, "v", 0), 2);
    json_decref(put.doc);
    json_decref(patch.doc);
    json_decref(get.doc);
}

static void *read_on_and_on(void *ctx)
{
    struct kit *k = ctx;
    int before = 0;
    for (int i = 0; i < 200; i++) {
        int n = count_events(k->store, "HF-1");
        assert_true(n >= before);
        before = n;
    }
    return NULL;
}

static void another_thread_reads_whole_events_while_appends_go_on(void **state)
{
    struct kit *k = *state;
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, read_on_and_on, k), 0);
    append_many(k, "HF-1", 1, 100);
    pthread_join(t, NULL);
    assert_int_equal(count_events(k->store, "HF-1"), 100);
}

#define WITH_STORE(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(events_are_read_as_they_were_appended_in_order),
        WITH_STORE(each_event_has_the_hash_of_the_one_before_and_its_own_text),
        WITH_STORE(reading_stops_when_the_caller_has_seen_enough),
        WITH_STORE(an_append_with_the_wrong_number_is_refused_and_writes_nothing),
        WITH_STORE(what_cannot_be_an_event_is_refused),
        WITH_STORE(a_refused_append_does_not_touch_the_others_of_its_batch),
        WITH_STORE(many_appends_that_wait_are_one_commit),
        WITH_STORE(what_was_flushed_is_durable_before_its_callback),
        WITH_STORE(closing_makes_the_callbacks_that_are_still_to_come),
        WITH_STORE(one_who_appends_from_each_callback_does_not_keep_the_store_from_closing),
        WITH_STORE(a_loop_that_ends_first_leaves_nothing_behind),
        WITH_STORE(changes_are_listed_oldest_first_and_open_ones_alone),
        WITH_STORE(a_read_may_be_made_from_inside_another),
        WITH_STORE(numbers_go_on_where_they_ended),
        WITH_STORE(pages_are_kept_by_their_hash),
        WITH_STORE(the_newest_snapshot_of_the_same_version_is_given),
        WITH_STORE(documents_are_put_once_merged_read_and_listed_newest_first),
        WITH_STORE(documents_and_events_are_in_the_order_in_which_they_were_given),
        WITH_STORE(another_thread_reads_whole_events_while_appends_go_on),
    };
    return RUN_ON_BOTH(tests, 0);
}
