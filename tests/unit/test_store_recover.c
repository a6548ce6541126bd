/* Every page of a file is damaged in turn: recovery saves what it can, and names everything that it cannot. */
#include "store_kit.h"

#include "store/recover.h"
#include <sqlite3.h>

enum { CHANGES = 12, EVENTS = 30, PAGE = 4096 };

static int setup(void **state)
{
    kit_setup(state);
    struct kit *k = *state;
    char hash[SHA256_HEX + 1], body[700];
    memset(body, 'x', sizeof body - 1);
    for (int n = 1; n <= EVENTS; n++)
        for (int i = 1; i <= CHANGES; i++) {
            char id[16];
            snprintf(id, sizeof id, "HF-%d", i);
            snprintf(body, sizeof body, "{\"n\":%d,\"of\":%d,\"text\":\"%0*d\"}", n, i,
                     (n * 37 + i) % 600 + 1, n);
            const char *one = body;
            static struct outcome o;
            store_append(k->store, id, n, &one, 1, on_done, &o);
        }
    store_flush(k->store);
    int64_t number;
    for (int i = 0; i < CHANGES; i++)
        assert_true(store_next_number(k->store, &number, NULL));
    sha256_hex("# Page", 6, hash);
    assert_true(store_put_page(k->store, hash, "page", "# Page", NULL));
    kit_close(k);
    return 0;
}

static char *texts_of(const char *path, const char *change)
{
    struct buf text = {0};
    struct error err = ERROR_NONE;
    struct store *s = store_open(&(struct store_options){.path = path, .read_only = true}, &err);
    if (s == NULL || !store_read(s, change, 1, list_event, &text, &err))
        buf_clear(&text);
    store_close(s);
    return buf_steal(&text);
}

static bool is_lost(const json_t *report, const char *change)
{
    size_t i;
    const json_t *l;
    json_array_foreach(json_object_get(report, "lost"), i, l)
        if (str_eq(json_str(l, "change", NULL), change))
            return true;
    return false;
}

static void damage_page(const char *path, long page, unsigned seed)
{
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, page * PAGE, SEEK_SET), 0);
    for (int i = 0; i < PAGE; i++) {
        seed = seed * 1103515245 + 12345;
        fputc((int)(seed >> 16 & 0xff), f);
    }
    assert_int_equal(fclose(f), 0);
}

static struct buf file_of(const char *path)
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

static void put_back(const char *path, const struct buf *b)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(b->data, 1, b->len, f), b->len);
    assert_int_equal(fclose(f), 0);
}

static json_t *recover_to(struct kit *k, const char *to)
{
    struct error err = ERROR_NONE;
    json_t *r = store_recover(k->path, to, &err);
    if (r == NULL)
        assert_int_equal(err.code, SB_CORRUPT);
    return r;
}

static void a_file_that_is_whole_is_said_to_be(void **state)
{
    struct kit *k = *state;
    char to[128];
    snprintf(to, sizeof to, "%s.saved", k->path);
    _cleanup_json_ json_t *r = recover_to(k, to);
    assert_true(json_flag(r, "whole", false));
    assert_int_equal(json_array_size(json_object_get(r, "damage")), 0);
    assert_int_equal(json_int(r, "changes", 0), CHANGES);
    assert_int_equal(json_int(r, "tables.1.rows", 0), CHANGES * EVENTS);
    /* The new file is a store like the old one. */
    struct kit other = {.loop = k->loop};
    strcpy(other.path, to);
    kit_open(&other);
    struct verdict v;
    int64_t number;
    assert_true(store_verify(other.store, NULL, &v, NULL));
    assert_true(v.good);
    assert_true(store_next_number(other.store, &number, NULL));
    assert_int_equal(number, CHANGES + 1);
    append_many(&other, "HF-1", EVENTS + 1, EVENTS + 1);
    kit_close(&other);
}

static void whichever_page_is_damaged_what_is_not_named_as_lost_is_there_word_for_word(void **state)
{
    struct kit *k = *state;
    _cleanup_buf_ struct buf before = file_of(k->path);
    char *was[CHANGES + 1], id[16], to[128];
    int saved_whole = 0, partly = 0, hopeless = 0;
    snprintf(to, sizeof to, "%s.saved", k->path);
    for (int i = 1; i <= CHANGES; i++) {
        snprintf(id, sizeof id, "HF-%d", i);
        was[i] = texts_of(k->path, id);
    }
    for (long page = 0; page < (long)(before.len / PAGE); page++) {
        damage_page(k->path, page, (unsigned)page + 7);
        json_t *r = recover_to(k, to);
        int lost = 0;
        for (int i = 1; r != NULL && i <= CHANGES; i++) {
            snprintf(id, sizeof id, "HF-%d", i);
            char *is = texts_of(to, id);
            lost += is_lost(r, id);
            /* A change that nothing is known of any more is only covered by what is said of the ledger. */
            bool told = is_lost(r, id) || !json_flag(r, "whole", true);
            if (!told && !str_eq(is, was[i]))
                fail_msg("page %ld: %s is not what it was, and is not named", page, id);
            if (!is_lost(r, id) && is != NULL && *is && !str_eq(is, was[i]))
                fail_msg("page %ld: %s is given as whole, but is not", page, id);
            free(is);
        }
        if (r != NULL && json_flag(r, "whole", false))
            saved_whole++;
        else if (r != NULL && lost < CHANGES)
            partly++;
        else
            hopeless++;
        json_decref(r);
        unlink(to);
        put_back(k->path, &before);
    }
    assert_true(saved_whole > 0);
    assert_true(partly > 10);
    assert_true(hopeless > 0 && hopeless < partly);
    for (int i = 1; i <= CHANGES; i++)
        free(was[i]);
}

static void the_file_itself_is_never_touched_and_a_file_that_is_there_is_not_overwritten(void **state)
{
    struct kit *k = *state;
    char to[128];
    struct error err = ERROR_NONE;
    snprintf(to, sizeof to, "%s.there", k->path);
    damage_page(k->path, 20, 1);
    _cleanup_buf_ struct buf damaged = file_of(k->path), word = {0};
    buf_adds(&word, "something else");
    put_back(to, &word);
    assert_null(store_recover(k->path, to, &err));
    assert_int_equal(err.code, SB_CONFLICT);
    _cleanup_json_ json_t *r = recover_to(k, NULL);
    assert_non_null(r);
    _cleanup_buf_ struct buf after = file_of(k->path), there = file_of(to);
    assert_int_equal(after.len, damaged.len);
    assert_memory_equal(after.data, damaged.data, after.len);
    assert_string_equal(there.data, word.data);
    assert_null(store_recover(k->path, "/nowhere/at/all", &err));
    assert_int_equal(err.code, SB_IO);
}

static void a_number_that_was_lost_is_not_given_twice(void **state)
{
    struct kit *k = *state;
    sqlite3 *db;
    char to[128], *why = NULL;
    assert_int_equal(sqlite3_open(k->path, &db), SQLITE_OK);
    sqlite3_stmt *st;
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'numbers'", -1, &st, NULL),
        0);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int page = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    sqlite3_free(why);
    sqlite3_close(db);
    damage_page(k->path, page - 1, 3);
    snprintf(to, sizeof to, "%s.saved", k->path);
    _cleanup_json_ json_t *r = recover_to(k, to);
    assert_true(json_flag(r, "numbers_guessed", false));
    assert_true(json_flag(r, "whole", false));
    struct kit other = {.loop = k->loop};
    strcpy(other.path, to);
    kit_open(&other);
    int64_t number;
    assert_true(store_next_number(other.store, &number, NULL));
    assert_int_equal(number, 1000 + CHANGES + 1);
    kit_close(&other);
}

static void what_is_no_database_gives_nothing(void **state)
{
    struct kit *k = *state;
    struct error err = ERROR_NONE;
    damage_page(k->path, 0, 9);
    char to[128];
    snprintf(to, sizeof to, "%s.saved", k->path);
    assert_null(store_recover(k->path, to, &err));
    assert_int_equal(err.code, SB_CORRUPT);
    assert_int_not_equal(access(to, F_OK), 0);
}

#define DAMAGED(f) cmocka_unit_test_setup_teardown(f, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DAMAGED(a_file_that_is_whole_is_said_to_be),
        DAMAGED(whichever_page_is_damaged_what_is_not_named_as_lost_is_there_word_for_word),
        DAMAGED(the_file_itself_is_never_touched_and_a_file_that_is_there_is_not_overwritten),
        DAMAGED(a_number_that_was_lost_is_not_given_twice),
        DAMAGED(what_is_no_database_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
