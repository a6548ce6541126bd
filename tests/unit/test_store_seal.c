/* The record under seal: whoever cannot sign cannot change anything that was sealed, however cleverly. */
#include "store_kit.h"

#include "store/seal.h"
#include <sqlite3.h>

/* --- a sealed record --------------------------------------------------------------------------- */

static struct seal_key key;
static struct seal_trust trust;

static void open_sealed(struct kit *k, int64_t seal_ms)
{
    struct error err = ERROR_NONE;
    struct store_options o = kit_options(k, false);
    o.seal_key = &key;
    o.seal_ms = seal_ms;
    k->store = store_open(&o, &err);
    if (k->store == NULL)
        fail_msg("store_open: %s", err.text);
}

static void end_change(struct kit *k, const char *change)
{
    store_mark_ended(k->store, change);
    store_flush(k->store);
}

/* Three changes; HF-1 and HF-3 have ended, HF-1 with a note after its end; the last process closed in good order. */
static void write_record(struct kit *k, const char *second_of_hf1)
{
    open_sealed(k, 0);
    append_many(k, "HF-1", 1, 1);
    assert_int_equal(append_one(k, "HF-1", 2, second_of_hf1), SB_OK);
    append_many(k, "HF-2", 1, 2);
    append_many(k, "HF-1", 3, 3);
    end_change(k, "HF-1");
    append_many(k, "HF-3", 1, 1);
    append_many(k, "HF-1", 4, 4);
    end_change(k, "HF-3");
    char hash[SHA256_HEX + 1];
    sha256_hex("# Page", 6, hash);
    assert_true(store_put_page(k->store, hash, "page", "# Page", NULL));
    kit_close(k);
    open_sealed(k, 0);
    append_many(k, "HF-2", 3, 3);
    kit_close(k);
}

static int setup_empty(void **state)
{
    struct kit *k = calloc(1, sizeof *k);
    assert_non_null(k);
    kit_folder(k);
    k->loop = loop_new();
    assert_true(seal_key_open(k->folder, NULL, &key, NULL));
    _cleanup_buf_ struct buf pem = {0};
    seal_public_pem(key.public, &pem);
    assert_true(seal_trust_parse(pem.data, &trust, NULL));
    *state = k;
    return 0;
}

static int setup(void **state)
{
    setup_empty(state);
    write_record(*state, "{\"n\":2}");
    return 0;
}

static struct verdict verify_with(struct kit *k, const char *change, const struct store_evidence *e)
{
    struct error err = ERROR_NONE;
    struct verdict v = {0};
    const struct store_options o = kit_options(k, true);
    struct store *s = store_open(&o, &err);
    if (s == NULL || !store_verify_with(s, change, e, &v, &err)) {
        v.good = false;
        snprintf(v.text, sizeof v.text, "%.500s", err.text);
    }
    store_close(s);
    return v;
}

static struct verdict verify_trusted(struct kit *k)
{
    return verify_with(k, NULL, &(struct store_evidence){.trust = &trust});
}

static sqlite3 *open_db(const char *path)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

static void run_sql(sqlite3 *db, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
}

static void tamper(const struct kit *k, const char *sql)
{
    sqlite3 *db = open_db(k->path);
    run_sql(db, sql);
    sqlite3_close(db);
}

static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    int64_t n = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : -1;
    sqlite3_finalize(st);
    return n;
}

/* The file, to be brought back after each attack. */
static struct buf copy_of_file(const char *path)
{
    struct buf b = {0};
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;)
        buf_add(&b, part, n);
    fclose(f);
    return b;
}

static void bring_back(const char *path, const struct buf *b)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(b->data, 1, b->len, f), b->len);
    assert_int_equal(fclose(f), 0);
}

/* --- seals -------------------------------------------------------------------------------------- */

static bool collect_seal(void *ctx, const char *text, const char *signature)
{
    assert_int_equal(strlen(signature), 88);
    buf_adds(ctx, text);
    buf_addc(ctx, '\f');
    return true;
}

static void a_change_is_sealed_with_its_end_and_the_rest_when_the_store_closes(void **state)
{
    struct kit *k = *state;
    struct verdict v = verify_trusted(k);
    assert_string_equal(v.text, "");
    assert_true(v.good && v.trusted);
    assert_int_equal(v.seals, 4);
    assert_int_equal(v.unsealed, 0);
    _cleanup_buf_ struct buf seals = {0};
    const struct store_options o = kit_options(k, true);
    struct store *s = store_open(&o, NULL);
    assert_true(store_seals(s, collect_seal, &seals, NULL));
    store_close(s);
    static const char *const named[] = {"change HF-2 3 ", "change HF-1 4 ", "change HF-3 1 ",
                                        "change HF-1 3 "};
    char *from = seals.data;
    for (size_t i = 0; i < COUNT_OF(named); i++) {
        char *to = strchr(from, '\f');
        *to = '\0';
        assert_non_null(strstr(from, named[i]));
        from = to + 1;
    }
    assert_null(strstr(from, "HF-2")); /* what has not ended waits for its turn */
}

static void what_is_not_sealed_yet_is_counted_and_is_sealed_after_a_while_though_nothing_happens(void **state)
{
    struct kit *k = *state;
    open_sealed(k, 0);
    append_many(k, "HF-9", 1, 2);
    struct verdict v = verify_trusted(k);
    assert_true(v.good);
    assert_int_equal(v.seals, 0);
    assert_int_equal(v.unsealed, 2);
    kit_close(k);
    open_sealed(k, 20);
    append_many(k, "HF-9", 3, 3);
    do
        v = verify_trusted(k);
    while (v.unsealed > 0);
    assert_true(v.good);
    kit_close(k);
    int64_t seals = verify_trusted(k).seals;
    open_sealed(k, 0); /* opening and closing seals nothing anew */
    kit_close(k);
    assert_int_equal(verify_trusted(k).seals, seals);
}

static void a_commit_that_comes_late_is_sealed_with_itself(void **state)
{
    struct kit *k = *state;
    open_sealed(k, 1);
    struct verdict v = {0};
    for (int n = 1; v.seals < 3; n++) {
        append_many(k, "HF-9", n, n);
        v = verify_trusted(k);
        assert_string_equal(v.text, "");
    }
    kit_close(k);
}

/* --- attacks by those who cannot sign ----------------------------------------------------------- */

static const struct {
    const char *table, *columns[7];
} fields[] = {
    {"events", {"change", "seq", "before", "entry", "body", "hash"}},
    {"changes", {"id", "first", "last", "ended"}},
    {"ledger", {"n", "body", "hash"}},
    {"pages", {"hash", "text"}},
    {"docs", {"kind", "id", "body"}},
};

/* The id and the number of a document say nothing that its text does not, and are not looked at. */
static bool says_nothing(const char *table, const char *column)
{
    return str_eq(table, "docs") && str_eq(column, "id");
}

/* A letter of a text becomes an x, a number another, a mark the other. */
static void edit_text(char sql[400], const char *table, const char *column, int64_t row)
{
    snprintf(
        sql, 400,
        "PRAGMA foreign_keys = OFF; UPDATE %s SET %s = CASE typeof(%s) WHEN 'text' THEN "
        "substr(%s, 1, length(%s) - 3) || 'x' || substr(%s, length(%s) - 1) "
        "WHEN 'null' THEN 1 ELSE %s END WHERE rowid = (SELECT rowid FROM %s ORDER BY rowid LIMIT 1 OFFSET %d)",
        table, column, column, column, column, column, column,
        str_eq(column, "ended") ? "1 - ended" : "100 + rowid", table, (int)row);
}

static void every_field_of_every_row_that_is_edited_is_found(void **state)
{
    struct kit *k = *state;
    _cleanup_buf_ struct buf before = copy_of_file(k->path);
    int attacks = 0;
    for (size_t t = 0; t < COUNT_OF(fields); t++) {
        sqlite3 *db = open_db(k->path);
        char sql[400];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", fields[t].table);
        int64_t rows = number(db, sql);
        sqlite3_close(db);
        assert_true(rows > 0);
        for (int64_t row = 0; row < rows; row++)
            for (int c = 0; fields[t].columns[c] != NULL; c++) {
                const char *column = fields[t].columns[c];
                if (says_nothing(fields[t].table, column))
                    continue;
                edit_text(sql, fields[t].table, column, row);
                tamper(k, sql);
                struct verdict v = verify_trusted(k);
                /* Without its last seal a record is like one that was not sealed to its end. */
                bool hidden = str_eq(column, "kind") && row == rows - 1;
                if (v.good != hidden || v.unsealed != hidden)
                    fail_msg("not found: %s", sql);
                assert_true(hidden || v.text[0] != '\0');
                bring_back(k->path, &before);
                attacks++;
            }
    }
    assert_true(attacks > 80);
    assert_true(verify_trusted(k).good);
}

static void every_row_that_is_removed_repeated_or_moved_is_found(void **state)
{
    struct kit *k = *state;
    _cleanup_buf_ struct buf before = copy_of_file(k->path);
    static const char *const attacks[] = {
        "DELETE FROM %s WHERE rowid = (SELECT rowid FROM %s ORDER BY rowid LIMIT 1 OFFSET %d)",
        "CREATE TEMP TABLE one AS SELECT * FROM %s WHERE rowid = (SELECT rowid FROM %s ORDER BY rowid LIMIT 1 "
        "OFFSET %d); UPDATE one SET n = 900; %s",
        "UPDATE %s SET n = 0 - n WHERE rowid = (SELECT rowid FROM %s ORDER BY rowid LIMIT 1 OFFSET %d)",
    };
    static const struct {
        const char *table, *copy;
    } tables[] = {{"events", "INSERT INTO events SELECT * FROM one"},
                  {"ledger", "INSERT INTO ledger SELECT * FROM one"},
                  {"docs", "UPDATE one SET id = 'again'; INSERT INTO docs SELECT * FROM one"}};
    for (size_t t = 0; t < COUNT_OF(tables); t++)
        for (size_t a = 0; a < COUNT_OF(attacks); a++)
            for (int row = 0;; row++) {
                char sql[400], count[64];
                sqlite3 *db = open_db(k->path);
                snprintf(count, sizeof count, "SELECT count(*) FROM %s", tables[t].table);
                int64_t rows = number(db, count);
                sqlite3_close(db);
                /* The first seal may stand before all others: it does. */
                if (row >= rows)
                    break;
                if (str_eq(tables[t].table, "docs") && a == 2 && row == 0)
                    continue;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                snprintf(sql, sizeof sql, attacks[a], tables[t].table, tables[t].table, row, tables[t].copy);
#pragma GCC diagnostic pop
                tamper(k, sql);
                struct verdict v = verify_trusted(k);
                /* The end of the end cannot be told from a record that never had it: but see the next test. */
                bool last = row == rows - 1 && str_eq(tables[t].table, "docs") && a == 0;
                if (v.good != last)
                    fail_msg("%s: %s", last ? "found" : "not found", sql);
                if (last)
                    assert_int_equal(v.unsealed, 1);
                bring_back(k->path, &before);
            }
}

/* The newest seal's text, as somebody keeps it elsewhere. */
static char *newest_seal(const struct kit *k)
{
    _cleanup_buf_ struct buf seals = {0};
    struct store *s = store_open(&(struct store_options){.path = k->path, .read_only = true}, NULL);
    assert_true(store_seals(s, collect_seal, &seals, NULL));
    store_close(s);
    *strchr(seals.data, '\f') = '\0';
    return strdup(seals.data);
}

static void
a_seal_that_was_kept_elsewhere_shows_that_the_end_was_cut_off_or_all_was_written_anew(void **state)
{
    struct kit *k = *state;
    char *kept = newest_seal(k);
    const struct store_evidence e = {.trust = &trust, .seal = kept};
    assert_true(verify_with(k, NULL, &e).good);
    tamper(k, "DELETE FROM docs WHERE kind = 'seal' AND id = '4'");
    struct verdict v = verify_with(k, NULL, &e);
    assert_false(v.good);
    assert_non_null(strstr(v.text, "seal 4, which was kept, is not there"));
    unlink(k->path);
    write_record(k, "{\"n\":2}");
    v = verify_with(k, NULL, &e);
    assert_false(v.good);
    assert_non_null(strstr(v.text, "is not the one that was kept"));
    kept[3] ^= 1;
    assert_non_null(strstr(verify_with(k, NULL, &e).text, "the seal that was kept"));
    free(kept);
}

static const struct {
    const char *sql, *says, *only;
} attacks[] = {
    {"DELETE FROM events WHERE n > 5; DELETE FROM ledger WHERE n > 5; DELETE FROM docs; "
     "UPDATE changes SET last = 5, ended = 0 WHERE id = 'HF-1'; DELETE FROM changes WHERE id = 'HF-3'; "
     "UPDATE changes SET last = 4 WHERE id = 'HF-2'",
     "", NULL}, /* all that was sealed is gone, and with it what shows it */
    {"DELETE FROM docs", "HF-1: its end in the ledger's entry 6 has no seal", "HF-1"},
    {"DELETE FROM docs WHERE id IN ('2', '3', '4')", "HF-3: its end in the ledger's entry 9 has no seal",
     "HF-3"},
    {"DELETE FROM docs WHERE id = '2'", "seal 2 is missing", "HF-2"},
    {"UPDATE docs SET body = (SELECT body FROM docs WHERE id = '2') WHERE id = '3'",
     "seal 2 stands where seal 3 should", "HF-1"},
    {"UPDATE docs SET body = '{' WHERE id = '3'", "a seal", "HF-1"},
    {"UPDATE docs SET body = '{\"text\": \"x\", \"signature\": \"\"}' WHERE id = '3'",
     "its signature is not one", "HF-1"},
    {"UPDATE docs SET body = json_set(body, '$.text', 'signalbox seal 2') WHERE id = '3'",
     "its text is not that of a seal", "HF-1"},
    {"UPDATE docs SET body = json_set(body, '$.text', replace(body ->> 'text', 'seal 3', 'seal 4')) WHERE id = '3'",
     "seal 4: its signature is not that of its text", "HF-1"},
    {"DELETE FROM events WHERE n = 8; DELETE FROM ledger WHERE n = 10; UPDATE changes SET last = 4 WHERE id = 'HF-2'",
     "", NULL},
    {"DELETE FROM ledger WHERE n > 6; DELETE FROM events WHERE entry > 6; UPDATE changes SET last = 5 WHERE id = "
     "'HF-1'; DELETE FROM changes WHERE id = 'HF-3'",
     "covers entry", NULL},
};

static void each_attack_is_named_for_what_it_is(void **state)
{
    struct kit *k = *state;
    _cleanup_buf_ struct buf before = copy_of_file(k->path);
    for (size_t i = 0; i < COUNT_OF(attacks); i++) {
        tamper(k, attacks[i].sql);
        struct verdict v = verify_trusted(k);
        if (i > 0 && (v.good || strstr(v.text, attacks[i].says) == NULL))
            fail_msg("%s: %s", attacks[i].sql, v.text);
        if (attacks[i].only != NULL) {
            v = verify_with(k, attacks[i].only, &(struct store_evidence){.trust = &trust});
            if (v.good || strstr(v.text, attacks[i].says) == NULL)
                fail_msg("%s alone: %s: %s", attacks[i].only, attacks[i].sql, v.text);
        }
        bring_back(k->path, &before);
    }
}

/* The strongest attack without the key: another history, each hash of it computed anew, and the true seals. */
static void a_history_that_was_written_anew_does_not_fit_the_seals_of_the_true_one(void **state)
{
    struct kit *k = *state;
    char sql[300], aside[128];
    snprintf(aside, sizeof aside, "%s.true", k->path);
    assert_int_equal(rename(k->path, aside), 0);
    write_record(k, "{\"n\":\"edited\"}");
    assert_true(verify_trusted(k).good); /* written by who has the key */
    snprintf(sql, sizeof sql, "ATTACH '%s' AS t; DELETE FROM docs; INSERT INTO docs SELECT * FROM t.docs",
             aside);
    tamper(k, sql);
    struct verdict v = verify_trusted(k);
    assert_false(v.good);
    assert_non_null(strstr(v.text, "is not the one that seal 1 covers: something up to there was edited"));
    v = verify_with(k, "HF-1", &(struct store_evidence){.trust = &trust});
    assert_false(v.good);
    assert_non_null(strstr(v.text, "HF-1: by seal 1 it stood at event 3"));
    assert_true(verify_with(k, "HF-2", &(struct store_evidence){.trust = &trust}).good);
}

static void seals_by_another_key_are_found_when_one_says_which_key_is_ours(void **state)
{
    struct kit *k = *state;
    struct seal_trust other = trust;
    other.keys[0][0] ^= 1;
    struct verdict v = verify_with(k, NULL, &(struct store_evidence){.trust = &other});
    assert_false(v.good);
    assert_non_null(strstr(v.text, "made by somebody else"));
    v = verify_with(k, NULL, &(struct store_evidence){0});
    assert_true(v.good && !v.trusted);
}

static void a_last_seal_that_was_edited_stops_the_sealing_and_says_so(void **state)
{
    struct kit *k = *state;
    static const char *const edits[] = {"UPDATE docs SET body = '{' WHERE id = '4'",
                                        "UPDATE docs SET body = '{}' WHERE id = '4'"};
    _cleanup_buf_ struct buf before = copy_of_file(k->path);
    for (size_t i = 0; i < COUNT_OF(edits); i++) {
        tamper(k, edits[i]);
        open_sealed(k, 1);
        enum error_code code = SB_OK;
        for (int n = 4; code == SB_OK; n++)
            code = append_one(k, "HF-2", n, "{}");
        assert_int_equal(code, SB_CORRUPT);
        kit_close(k);
        bring_back(k->path, &before);
    }
}

/* --- the texts of seals, and keys --------------------------------------------------------------- */

static const char seal_example[] =
    "signalbox seal 1\n"
    "store 0123456789abcdef0123456789abcdef\n"
    "seal 12\n"
    "previous aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
    "at 2024-02-08T19:00:00Z\n"
    "key bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
    "ledger 57 cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\n"
    "change HF-7 41 dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd\n"
    "change a%20%7E 1 eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\n";

static void a_seal_is_lines_of_text_that_read_back_as_what_was_written(void **state)
{
    (void)state;
    struct seal s;
    struct chain head;
    assert_true(seal_parse(seal_example, &s, NULL));
    assert_int_equal(s.n, 12);
    assert_int_equal(s.at, 1707418800000);
    assert_int_equal(s.ledger.n, 57);
    assert_true(seal_has_change(&s, "HF-7", &head));
    assert_int_equal(head.n, 41);
    assert_true(seal_has_change(&s, "a ~", &head));
    assert_false(seal_has_change(&s, "HF-8", &head));
    _cleanup_buf_ struct buf again = {0};
    seal_text(&s, &again);
    assert_int_equal(strncmp(again.data, seal_example, again.len), 0);
    memset(head.hash, 'd', SHA256_HEX);
    head.n = 41;
    seal_text_change("HF-7", &head, &again);
    assert_int_equal(strncmp(again.data, seal_example, again.len), 0);
}

/* Every byte but those within values that may be others: cut, doubled, or made an X. */
static void a_text_that_is_not_exactly_a_seal_is_refused(void **state)
{
    (void)state;
    size_t n = sizeof seal_example - 1;
    struct seal s;
    for (size_t i = 1; i < n; i++) {
        char text[1200];
        bool line_end = seal_example[i - 1] == '\n' && i >= strstr(seal_example, "change") - seal_example;
        snprintf(text, sizeof text, "%.*s", (int)i, seal_example);
        assert_int_equal(seal_parse(text, &s, NULL), line_end);
        bool in_id =
            strchr("HFa-7%20E", seal_example[i]) != NULL && strstr(seal_example + i, "\nchange HF") == NULL;
        snprintf(text, sizeof text, "%.*sX%s", (int)i, seal_example, seal_example + i + 1);
        if (!in_id)
            assert_false(seal_parse(text, &s, NULL));
    }
    assert_false(seal_parse("", &s, NULL));
}

static void a_key_is_made_once_for_its_owner_alone_and_published(void **state)
{
    struct kit *k = *state;
    struct stat st;
    char path[128], pub[128];
    snprintf(path, sizeof path, "%s/seal.key", k->folder);
    snprintf(pub, sizeof pub, "%s/seal.pub", k->folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct seal_key again;
    assert_true(seal_key_open(k->folder, NULL, &again, NULL));
    assert_memory_equal(&again, &key, sizeof key);
    struct seal_trust published;
    assert_true(seal_trust_read(pub, &published, NULL));
    assert_int_equal(published.n, 1);
    assert_true(seal_trust_has(&published, key.public));

    /* A new key joins the old one: what that sealed can still be verified. */
    assert_int_equal(unlink(path), 0);
    assert_true(seal_key_open(k->folder, NULL, &again, NULL));
    assert_memory_not_equal(&again, &key, sizeof key);
    assert_true(seal_trust_read(pub, &published, NULL));
    assert_int_equal(published.n, 2);
    assert_true(seal_trust_has(&published, key.public) && seal_trust_has(&published, again.public));

    struct error err = ERROR_NONE;
    assert_int_equal(chmod(path, 0640), 0);
    assert_false(seal_key_open(k->folder, NULL, &again, &err));
    assert_int_equal(err.code, SB_DENIED);
}

static void a_key_from_elsewhere_is_taken_in_the_form_that_openssl_gives_it(void **state)
{
    struct kit *k = *state;
    _cleanup_arena_ struct arena a = arena_make();
    char path[128], ref[160];
    struct seal_key other;
    struct secret secret;
    struct error err = ERROR_NONE;
    snprintf(path, sizeof path, "%s/other.pem", k->folder);
    snprintf(ref, sizeof ref, "file:%s", path);
    assert_true(secret_ref(ref, &a, &secret, NULL));
    /* The example of RFC 8410, 10.3 */
    struct buf pem = {0};
    buf_adds(&pem, "-----BEGIN PRIVATE KEY-----\n"
                   "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                   "-----END PRIVATE KEY-----\n");
    bring_back(path, &pem);
    assert_true(seal_key_open(k->folder, &secret, &other, NULL));
    _cleanup_buf_ struct buf public = {0};
    seal_public_pem(other.public, &public);
    assert_string_equal(public.data, "-----BEGIN PUBLIC KEY-----\n"
                                     "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
                                     "-----END PUBLIC KEY-----\n");
    static const char *const bad[] = {"nothing", "-----BEGIN PRIVATE KEY-----\n",
                                      "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----",
                                      "-----BEGIN PRIVATE KEY-----\n????\n-----END PRIVATE KEY-----"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        buf_clear(&pem);
        buf_adds(&pem, bad[i]);
        bring_back(path, &pem);
        assert_false(seal_key_open(k->folder, &secret, &other, &err));
        assert_int_equal(err.code, SB_PARSE);
    }
    unlink(path);
    assert_false(seal_key_open(k->folder, &secret, &other, &err));
    assert_int_equal(err.code, SB_IO);
    buf_free(&pem);
}

static void keys_that_cannot_be_used_are_refused_with_the_reason(void **state)
{
    struct kit *k = *state;
    struct seal_trust t;
    struct seal_key other;
    struct error err = ERROR_NONE;
    assert_false(seal_trust_parse("no key", &t, &err));
    assert_int_equal(err.code, SB_PARSE);
    assert_false(seal_trust_parse("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n", &t, &err));
    assert_non_null(strstr(err.text, "public key 1 is no Ed25519 key"));
    _cleanup_buf_ struct buf many = {0};
    for (int i = 0; i <= SEAL_TRUST_MAX; i++)
        seal_public_pem(key.public, &many);
    assert_false(seal_trust_parse(many.data, &t, &err));
    assert_int_equal(err.code, SB_LIMIT);
    assert_false(seal_trust_read("/nowhere/seal.pub", &t, &err));
    assert_int_equal(err.code, SB_IO);
    assert_false(seal_key_open("/nowhere", NULL, &other, &err));
    assert_int_equal(err.code, SB_IO);
    char path[128];
    snprintf(path, sizeof path, "%s/seal.pub", k->folder);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(seal_key_open(k->folder, NULL, &other, &err));
    assert_int_equal(err.code, SB_IO);
    rmdir(path);
    snprintf(path, sizeof path, "%s/seal.key", k->folder);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(seal_key_open(k->folder, NULL, &other, &err));
    assert_int_equal(err.code, SB_IO);
    rmdir(path);
}

#define SEALED(f) cmocka_unit_test_setup_teardown(f, setup, kit_teardown)
#define EMPTY(f)  cmocka_unit_test_setup_teardown(f, setup_empty, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEALED(a_change_is_sealed_with_its_end_and_the_rest_when_the_store_closes),
        EMPTY(what_is_not_sealed_yet_is_counted_and_is_sealed_after_a_while_though_nothing_happens),
        EMPTY(a_commit_that_comes_late_is_sealed_with_itself),
        SEALED(seals_by_another_key_are_found_when_one_says_which_key_is_ours),
        SEALED(every_field_of_every_row_that_is_edited_is_found),
        SEALED(every_row_that_is_removed_repeated_or_moved_is_found),
        SEALED(a_seal_that_was_kept_elsewhere_shows_that_the_end_was_cut_off_or_all_was_written_anew),
        SEALED(each_attack_is_named_for_what_it_is),
        SEALED(a_history_that_was_written_anew_does_not_fit_the_seals_of_the_true_one),
        SEALED(a_last_seal_that_was_edited_stops_the_sealing_and_says_so),
        cmocka_unit_test(a_seal_is_lines_of_text_that_read_back_as_what_was_written),
        cmocka_unit_test(a_text_that_is_not_exactly_a_seal_is_refused),
        EMPTY(a_key_is_made_once_for_its_owner_alone_and_published),
        EMPTY(a_key_from_elsewhere_is_taken_in_the_form_that_openssl_gives_it),
        EMPTY(keys_that_cannot_be_used_are_refused_with_the_reason),
    };
    return RUN_ON_BOTH(tests, 11);
}
