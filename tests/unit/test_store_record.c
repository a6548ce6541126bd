#include "store_kit.h"

#include <sqlite3.h>

/* --- a record to be tampered with -------------------------------------------------------------- */

/* entry 1..3: HF-1 1..3; 4: HF-2 1; 5: HF-3 1 and 2; 6: HF-1 4; 7: HF-3 has ended; 8: HF-4 1 */
static void write_record(struct kit *k)
{
    static const char *const two[] = {"{\"n\":1}", "{\"n\":2}"};
    struct outcome o = {0};
    char hash[SHA256_HEX + 1];
    append_many(k, "HF-1", 1, 3);
    append_many(k, "HF-2", 1, 1);
    store_append(k->store, "HF-3", 1, two, 2, on_done, &o);
    wait_for(k->loop, &o, 1);
    append_many(k, "HF-1", 4, 4);
    store_mark_ended(k->store, "HF-3");
    store_flush(k->store);
    append_many(k, "HF-4", 1, 1);
    sha256_hex("# Page", 6, hash);
    assert_true(store_put_page(k->store, hash, "page", "# Page", NULL));
    kit_close(k);
}

static int record_setup(void **state)
{
    kit_setup(state);
    write_record(*state);
    return 0;
}

static void tamper(const struct kit *k, const char *sql)
{
    if (on_postgres()) {
        pg_run(sql);
        return;
    }
    sqlite3 *db;
    char *why = NULL;
    assert_int_equal(sqlite3_open(k->path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
    sqlite3_close(db);
}

static struct verdict verify_as(struct kit *k, const char *change, enum error_code code)
{
    struct error err = ERROR_NONE;
    struct verdict v = {0};
    struct store_options o = kit_options(k, true);
    o.loop = NULL;
    struct store *s = store_open(&o, &err);
    assert_non_null(s);
    assert_int_equal(store_verify(s, change, &v, &err), code == SB_OK);
    assert_int_equal(err.code, code);
    store_close(s);
    return v;
}

/* --- tests ------------------------------------------------------------------------------------- */

static void an_untouched_record_is_good_as_a_whole_and_change_by_change(void **state)
{
    struct verdict v = verify_as(*state, NULL, SB_OK);
    assert_string_equal(v.text, "");
    assert_true(v.good);
    assert_int_equal(v.changes, 4);
    assert_int_equal(v.events, 8);
    assert_int_equal(v.entries, 8);
    assert_int_equal(strlen(v.head), SHA256_HEX);
    static const struct {
        const char *change;
        int events;
    } each[] = {{"HF-1", 4}, {"HF-2", 1}, {"HF-3", 2}, {"HF-4", 1}};
    for (size_t i = 0; i < COUNT_OF(each); i++) {
        v = verify_as(*state, each[i].change, SB_OK);
        assert_string_equal(v.text, "");
        assert_true(v.good);
        assert_int_equal(v.changes, 1);
        assert_int_equal(v.events, each[i].events);
        assert_string_equal(v.head, "");
    }
    verify_as(*state, "HF-5", SB_UNKNOWN);
    verify_as(*state, "HF", SB_UNKNOWN);
}

#define OF(id) "change = (SELECT n FROM changes WHERE id = '" id "')"

/* What only the tables of the SQLite file have. */
static bool is_of_sqlite(const char *sql)
{
    static const char *const words[] = {"x'00'", "SET last", "SET first", "SET before"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strstr(sql, words[i]) != NULL)
            return true;
    return false;
}

static const struct {
    const char *sql, *says, *change, *change_says; /* change NULL: it cannot be told from one change alone */
} attacks[] = {
    {"UPDATE events SET body = '{\"n\":9}' WHERE seq = 2 AND " OF("HF-1"),
     "HF-1: event 2: hash does not follow from event 1", "HF-1",
     "HF-1: event 2: hash does not follow from event 1"},
    {"UPDATE events SET body = '{\"n\":9}' WHERE " OF("HF-2"),
     "HF-2: event 1: hash does not follow from its beginning", "HF-2", "HF-2: event 1: hash does not follow"},
    {"UPDATE events SET hash = upper(hash) WHERE seq = 4 AND " OF("HF-1"),
     "HF-1: event 4: hash does not follow", "HF-1", "HF-1: event 4: hash does not follow"},
    {"UPDATE events SET hash = '' WHERE seq = 4 AND " OF("HF-1"), "HF-1: event 4: hash does not follow", NULL,
     NULL},
    {"UPDATE events SET body = x'00' WHERE seq = 4 AND " OF("HF-1"), "HF-1: event 4: hash does not follow",
     NULL, NULL},
    {"DELETE FROM events WHERE seq = 2 AND " OF("HF-1"),
     "HF-1: event 2 is missing: the ledger has it in entry 2", "HF-1", "HF-1: event 2 is missing"},
    {"DELETE FROM events WHERE seq = 1 AND " OF("HF-1"),
     "HF-1: the change is missing as a whole, or its first event is", "HF-1",
     "HF-1: the change is missing as a whole, or its first event is"},
    {"DELETE FROM events WHERE seq = 4 AND " OF("HF-1"),
     "HF-1: event 4 is missing: the ledger has it in entry 6", "HF-1", "HF-1: event 4 is missing"},
    {"DELETE FROM events WHERE seq = 2 AND " OF("HF-3"),
     "HF-3: event 2 is missing: the ledger has it in entry 5", "HF-3", "HF-3: event 2 is missing"},
    {"DELETE FROM events WHERE " OF("HF-4"), "HF-4: the change is missing as a whole", "HF-4",
     "HF-4: the change is missing as a whole"},
    {"DELETE FROM events WHERE " OF("HF-2") "; DELETE FROM changes WHERE id = 'HF-2'",
     "HF-2: the change is missing as a whole, or its first event is: the ledger has it made in entry 4",
     "HF-2", "HF-2: the change is missing as a whole"},
    {"DELETE FROM events WHERE " OF(
         "HF-2") "; DELETE FROM changes WHERE id = 'HF-2'; DELETE FROM ledger WHERE n = 4",
     "ledger: entry 4 is missing", NULL, NULL},
    {"DELETE FROM events WHERE " OF(
         "HF-2") "; DELETE FROM changes WHERE id = 'HF-2'; DELETE FROM ledger WHERE n = 4;"
                 "UPDATE ledger SET n = n - 1 WHERE n > 4",
     "ledger: entry 4: hash does not follow from entry 3", NULL, NULL},
    {"UPDATE changes SET id = 'HF-9' WHERE id = 'HF-2'",
     "HF-9: event 1 stands where the ledger's entry 4 has event 1 of HF-2", NULL, NULL},
    {"DELETE FROM changes WHERE id = 'HF-4'",
     "(no change): event 1 is there, but the ledger knows nothing of it", NULL, NULL},
    {"INSERT INTO events (change, seq, entry, body, hash) SELECT change, 5, 8, body, hash FROM events WHERE "
     "n = 7",
     "HF-1: event 5 is there, but the ledger knows nothing of it", "HF-1",
     "HF-1: event 5 is there, but the ledger knows nothing of it"},
    {"UPDATE events SET n = n + 100 WHERE n > 2; UPDATE events SET n = n - 99 WHERE n > 100;"
     "INSERT INTO changes (id) VALUES ('HF-9');"
     "INSERT INTO events (n, change, seq, entry, body, hash) VALUES (3, (SELECT n FROM changes WHERE id = "
     "'HF-9'), 1, 3, '{}', '')",
     "HF-9: event 1 stands where the ledger's entry 3 has event 3 of HF-1", NULL, NULL},
    {"UPDATE events SET n = 100 WHERE n = 1; UPDATE events SET n = 1 WHERE n = 4; UPDATE events SET n = 4 "
     "WHERE n = 100",
     "HF-1: the change is missing as a whole, or its first event is", NULL, NULL},
    {"UPDATE events SET seq = 30 WHERE n = 3; UPDATE events SET seq = 3 WHERE n = 2; UPDATE events SET seq = "
     "2 WHERE n = 3",
     "HF-1: event 3 stands where the ledger's entry 2 has event 2 of HF-1", "HF-1",
     "HF-1: event 3 stands where the ledger's entry 2 has event 2"},
    {"UPDATE events SET entry = 5 WHERE n = 7", "HF-1: event 4 is there, but the ledger knows nothing of it",
     NULL, NULL},
    {"UPDATE ledger SET body = replace(body, 'HF-2', 'HF-9') WHERE n = 4",
     "ledger: entry 4: hash does not follow from entry 3", "HF-2",
     "HF-2: event 1 is there, but the ledger knows nothing of it"},
    {"UPDATE ledger SET body = 'x' WHERE n = 1", "ledger: entry 1: hash does not follow from its beginning",
     NULL, NULL},
    {"DELETE FROM ledger", "HF-1: event 1 is there, but the ledger knows nothing of it", "HF-1",
     "HF-1: event 1 is there, but the ledger knows nothing of it"},
    {"UPDATE changes SET ended = NOT ended WHERE id = 'HF-3'",
     "HF-3: has ended by the ledger, but is not marked so", "HF-3", "HF-3: has ended by the ledger"},
    {"UPDATE changes SET ended = NOT ended WHERE id = 'HF-1'",
     "HF-1: is marked as ended, but the ledger does not have its end", "HF-1", "HF-1: is marked as ended"},
    {"UPDATE changes SET last = 2 WHERE id = 'HF-1'",
     "HF-1: readers would take event 2 for its last, which it is not", "HF-1",
     "HF-1: readers would take event 2"},
    {"UPDATE changes SET last = 4 WHERE id = 'HF-1'", "HF-1: readers would take event 0 for its last", "HF-1",
     "HF-1: readers would take event 0"},
    {"UPDATE changes SET first = 2 WHERE id = 'HF-1'",
     "HF-1: event 1 is there, but a reader would not find it", "HF-1",
     "HF-1: event 1 is there, but a reader would not find it"},
    {"UPDATE events SET before = 1 WHERE n = 3", "HF-1: event 3 is there, but a reader would not find it",
     "HF-1", "HF-1: event 3 is there, but a reader would not find it"},
    {"INSERT INTO changes (id) VALUES ('HF-9')", "HF-9: readers would take event 0 for its last", NULL, NULL},
    {"UPDATE pages SET text = '# Pages'", "its text is not the one that changes began with", NULL, NULL},
};

static void every_attack_on_the_record_is_found_and_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(attacks); i++) {
        void *made;
        if (on_postgres() && is_of_sqlite(attacks[i].sql))
            continue;
        record_setup(&made);
        struct kit *k = made;
        tamper(k, attacks[i].sql);
        struct verdict v = verify_as(k, NULL, SB_OK);
        if (v.good || strstr(v.text, attacks[i].says) == NULL)
            fail_msg("after: %s\nverdict: %s", attacks[i].sql, v.text);
        if (attacks[i].change != NULL) {
            v = verify_as(k, attacks[i].change, SB_OK);
            if (v.good || strstr(v.text, attacks[i].change_says) == NULL)
                fail_msg("after: %s\nverdict of %s: %s", attacks[i].sql, attacks[i].change, v.text);
        }
        kit_teardown(&made);
    }
}

/* Somebody who knows the chain edits event 2 of HF-1 and computes all hashes after it anew. */
static void a_chain_that_was_computed_anew_does_not_fit_the_ledger(void **state)
{
    struct kit *k = *state;
    char hash[SHA256_HEX + 1], joined[200], sql[400];
    sha256_hex("HF-1", 4, hash);
    for (int n = 1; n <= 4; n++) {
        char body[32];
        snprintf(body, sizeof body, "{\"n\":%d}", n == 2 ? 99 : n);
        snprintf(joined, sizeof joined, "%s%s", hash, body);
        sha256_hex(joined, strlen(joined), hash);
        snprintf(sql, sizeof sql, "UPDATE events SET body = '%s', hash = '%s' WHERE seq = %d AND " OF("HF-1"),
                 body, hash, n);
        tamper(k, sql);
    }
    struct verdict v = verify_as(k, NULL, SB_OK);
    assert_false(v.good);
    assert_non_null(strstr(v.text, "ledger: entry 2: the events it names are not those it was written with"));
}

/* Nothing in the file can tell that its end was cut off. Whoever kept the head can. */
static void the_head_tells_when_the_end_of_everything_is_cut_off(void **state)
{
    struct kit *k = *state;
    struct verdict before = verify_as(k, NULL, SB_OK);
    tamper(k, "DELETE FROM events WHERE entry = 8; DELETE FROM ledger WHERE n = 8; DELETE FROM changes WHERE "
              "id = 'HF-4'");
    struct verdict after = verify_as(k, NULL, SB_OK);
    assert_true(after.good);
    assert_int_equal(after.entries, before.entries - 1);
    assert_string_not_equal(after.head, before.head);
}

/* The first entry, by hand. */
static void the_head_is_the_chain_of_the_ledgers_texts(void **state)
{
    struct kit *k = *state;
    sqlite3 *db;
    sqlite3_stmt *st;
    char head[SHA256_HEX + 1];
    sha256_hex("signalbox ledger", 16, head);
    assert_int_equal(sqlite3_open(k->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT body FROM ledger ORDER BY n", -1, &st, NULL), SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW) {
        char joined[1000];
        snprintf(joined, sizeof joined, "%s%s", head, (const char *)sqlite3_column_text(st, 0));
        sha256_hex(joined, strlen(joined), head);
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
    assert_string_equal(verify_as(k, NULL, SB_OK).head, head);
}

static void an_attack_on_one_change_leaves_the_others_good(void **state)
{
    struct kit *k = *state;
    tamper(k, "UPDATE events SET body = '{}' WHERE " OF("HF-1"));
    assert_false(verify_as(k, "HF-1", SB_OK).good);
    assert_true(verify_as(k, "HF-2", SB_OK).good);
    assert_true(verify_as(k, "HF-3", SB_OK).good);
}

static bool ignore_event(void *ctx, const struct store_event *e)
{
    (void)ctx;
    return e->seq > 0;
}

static bool ignore_head(void *ctx, const struct store_head *h)
{
    (void)ctx;
    return h->seq > 0;
}

static void a_record_with_an_event_missing_is_not_read_as_if_it_were_whole(void **state)
{
    struct kit *k = *state;
    struct error err = ERROR_NONE;
    tamper(k, "DELETE FROM events WHERE n = 2; DELETE FROM events WHERE n = 4");
    kit_open(k);
    assert_false(store_read(k->store, "HF-1", 1, ignore_event, NULL, &err));
    assert_int_equal(err.code, SB_CORRUPT);
    assert_non_null(strstr(err.text, "HF-1: event 2 cannot be found"));
    assert_true(store_read(k->store, "HF-1", 3, ignore_event, NULL, &err));
    assert_false(store_changes(k->store, false, ignore_head, NULL, &err));
    assert_non_null(strstr(err.text, "HF-2: its last event cannot be found"));
    assert_int_equal(append_one(k, "HF-2", 1, "{}"), SB_CONFLICT);
    assert_int_equal(append_one(k, "HF-3", 3, "{}"), SB_OK);
}

static void an_edited_page_is_not_given_to_anybody(void **state)
{
    struct kit *k = *state;
    char hash[SHA256_HEX + 1];
    sha256_hex("# Page", 6, hash);
    tamper(k, "UPDATE pages SET text = '# Pages'");
    kit_open(k);
    struct error err = ERROR_NONE;
    assert_null(store_get_page(k->store, hash, &err));
    assert_int_equal(err.code, SB_CORRUPT);
}

static void triggers_and_views_that_somebody_left_in_the_file_are_not_run(void **state)
{
    struct kit *k = *state;
    tamper(k, "CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM events; END;"
              "ALTER TABLE numbers RENAME TO n2; CREATE VIEW numbers AS SELECT 'change' AS name, 1 AS last");
    kit_open(k);
    append_many(k, "HF-1", 5, 6);
    assert_int_equal(count_events(k->store, "HF-1"), 6);
    int64_t n;
    assert_false(store_next_number(k->store, &n, NULL));
}

#define WITH_RECORD(f) cmocka_unit_test_setup_teardown(f, record_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RECORD(an_untouched_record_is_good_as_a_whole_and_change_by_change),
        cmocka_unit_test(every_attack_on_the_record_is_found_and_named),
        WITH_RECORD(a_chain_that_was_computed_anew_does_not_fit_the_ledger),
        WITH_RECORD(the_head_tells_when_the_end_of_everything_is_cut_off),
        WITH_RECORD(an_attack_on_one_change_leaves_the_others_good),
        WITH_RECORD(a_record_with_an_event_missing_is_not_read_as_if_it_were_whole),
        WITH_RECORD(an_edited_page_is_not_given_to_anybody),
        WITH_RECORD(the_head_is_the_chain_of_the_ledgers_texts),
        WITH_RECORD(triggers_and_views_that_somebody_left_in_the_file_are_not_run),
    };
    return RUN_ON_BOTH(tests, 2);
}
