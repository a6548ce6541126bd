#include "store_kit.h"

#include "store/sqlite_check.h"
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

static enum error_code open_fails(struct kit *k, bool read_only, struct error *err)
{
    *err = ERROR_NONE;
    struct store *s =
        store_open(&(struct store_options){.path = k->path, .loop = k->loop, .read_only = read_only}, err);
    assert_null(s);
    return err->code;
}

static void overwrite(const char *path, off_t at, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, at), n);
    close(fd);
}

static off_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : -1;
}

static void run_sql(const struct kit *k, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(k->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* --- files that are not what they should be ---------------------------------------------------- */

static void the_file_and_its_folders_are_made_for_their_owner_alone(void **state)
{
    struct kit *k = *state;
    char path[200];
    struct stat st;
    snprintf(path, sizeof path, "%s/a/b/s.db", k->folder);
    struct store *s = store_open(&(struct store_options){.path = path, .loop = k->loop}, NULL);
    assert_non_null(s);
    static const char *const modes[] = {"/a", "/a/b", "/a/b/s.db", "/a/b/s.db-wal", "/a/b/s.db.lock"};
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        snprintf(path, sizeof path, "%s%s", k->folder, modes[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 077, 0);
    }
    store_close(s);
    snprintf(path, sizeof path, "%s/a/b", k->folder);
    remove_folder(path);
    snprintf(path, sizeof path, "%s/a", k->folder);
    remove_folder(path);
}

static void a_file_of_garbage_is_refused_and_left_alone(void **state)
{
    struct kit *k = *state;
    kit_close(k);
    char garbage[8192];
    memset(garbage, 'g', sizeof garbage);
    overwrite(k->path, 0, garbage, sizeof garbage);
    struct error err;
    for (int read_only = 0; read_only < 2; read_only++) {
        assert_int_equal(open_fails(k, read_only, &err), SB_CORRUPT);
        assert_non_null(strstr(err.text, "restore a backup"));
        assert_non_null(strstr(err.text, k->path));
    }
    char bytes[sizeof garbage];
    int fd = open(k->path, O_RDONLY);
    assert_int_equal(pread(fd, bytes, sizeof bytes, 0), sizeof bytes);
    close(fd);
    assert_memory_equal(bytes, garbage, sizeof bytes);
    unlink(k->path);
}

static void a_file_that_was_cut_is_refused_with_what_to_do(void **state)
{
    struct kit *k = *state;
    append_many(k, "HF-1", 1, 300);
    kit_close(k);
    off_t size = size_of(k->path);
    assert_true(size > 40000);
    static const off_t cuts[] = {8192, 32768 + 100};
    for (size_t i = 0; i < COUNT_OF(cuts); i++) {
        struct error err;
        assert_int_equal(truncate(k->path, size - cuts[i]), 0);
        for (int read_only = 0; read_only < 2; read_only++) {
            assert_int_equal(open_fails(k, read_only, &err), SB_CORRUPT);
            assert_non_null(strstr(err.text, "Stop Signalbox, keep a copy"));
            assert_non_null(strstr(err.text, "signalbox recover"));
        }
    }
    unlink(k->path);
}

static void a_damaged_page_is_found_at_opening_after_an_unclean_end(void **state)
{
    struct kit *k = *state;
    append_many(k, "HF-1", 1, 300);
    kit_close(k);
    char noise[4096], log[128];
    memset(noise, 0x5a, sizeof noise);
    overwrite(k->path, 4096 * 8, noise, sizeof noise);
    snprintf(log, sizeof log, "%s-wal", k->path);
    overwrite(log, 0, noise,
              sizeof noise); /* as after a crash; its contents are no frames, so SQLite ignores it */
    struct error err;
    assert_int_equal(open_fails(k, false, &err), SB_CORRUPT);
    assert_non_null(strstr(err.text, "the database is damaged"));
    unlink(k->path);
}

static void the_check_of_a_large_file_finds_damage_while_the_file_is_in_use(void **state)
{
    struct kit *k = *state;
    append_many(k, "HF-1", 1, 300);
    kit_close(k);
    for (int damaged = 0; damaged < 2; damaged++) {
        char noise[4096];
        memset(noise, 0x5a, sizeof noise);
        if (damaged)
            overwrite(k->path, 4096 * 8, noise, sizeof noise);
        struct check *c = check_start(k->path);
        assert_non_null(c);
        struct error err = ERROR_NONE;
        for (int waited = 0; waited < 10000 && check_so_far(c, &err) && damaged; waited++)
            usleep(1000);
        assert_int_equal(check_so_far(c, &err), !damaged);
        assert_int_equal(err.code, damaged ? SB_CORRUPT : SB_OK);
        check_end(c, true);
    }
    assert_true(check_so_far(NULL, NULL));
    check_end(NULL, true);
}

/* The store finds it while it works: nothing is added to a damaged file. */
static void a_damaged_page_that_is_met_stops_all_writing(void **state)
{
    struct kit *k = *state;
    append_many(k, "HF-1", 1, 300);
    kit_close(k);
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(k->path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'events'", -1, &st, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    off_t root = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    char noise[4096];
    memset(noise, 0x5a, sizeof noise);
    overwrite(k->path, 4096 * (root - 1), noise, sizeof noise);
    kit_open(k);
    assert_int_equal(append_one(k, "HF-1", 301, "{}"), SB_CORRUPT);
    assert_int_equal(append_one(k, "HF-2", 1, "{}"), SB_CORRUPT);
    int64_t n;
    struct error err = ERROR_NONE;
    assert_false(store_next_number(k->store, &n, &err));
    assert_int_equal(err.code, SB_CORRUPT);
    assert_false(store_read(k->store, "HF-1", 1, list_event, &(struct buf){0}, &err));
    assert_int_equal(err.code, SB_CORRUPT);
    assert_false(store_verify(k->store, NULL, &(struct verdict){0}, &err));
}

static void a_file_that_a_newer_program_wrote_is_refused_and_says_so(void **state)
{
    struct kit *k = *state;
    append_many(k, "HF-1", 1, 1);
    kit_close(k);
    run_sql(k, "PRAGMA user_version = 999");
    struct error err;
    for (int read_only = 0; read_only < 2; read_only++) {
        assert_int_equal(open_fails(k, read_only, &err), SB_STATE);
        assert_non_null(strstr(err.text, "written by a newer Signalbox"));
        assert_non_null(strstr(err.text, "999"));
    }
}

static void a_database_of_something_else_is_refused(void **state)
{
    struct kit *k = *state;
    kit_close(k);
    unlink(k->path);
    run_sql(k, "CREATE TABLE bookmarks (url TEXT)");
    struct error err;
    assert_int_equal(open_fails(k, false, &err), SB_PARSE);
    assert_non_null(strstr(err.text, "not one of Signalbox"));
    assert_int_equal(open_fails(k, true, &err), SB_PARSE);
}

static void looking_at_a_record_that_is_not_there_makes_none(void **state)
{
    struct kit *k = *state;
    kit_close(k);
    unlink(k->path);
    struct error err;
    assert_int_equal(open_fails(k, true, &err), SB_IO);
    assert_int_equal(size_of(k->path), -1);
}

static void a_file_that_was_removed_or_replaced_while_in_use_takes_no_more_events(void **state)
{
    struct kit *k = *state;
    char aside[128];
    snprintf(aside, sizeof aside, "%s.aside", k->path);
    append_many(k, "HF-1", 1, 1);
    assert_int_equal(rename(k->path, aside), 0);
    assert_int_equal(append_one(k, "HF-1", 2, "{}"), SB_IO);
    overwrite(k->path, 0, "", 0);
    assert_int_equal(append_one(k, "HF-1", 2, "{}"), SB_IO);
    assert_int_equal(rename(aside, k->path), 0);
    assert_int_equal(append_one(k, "HF-1", 2, "{}"), SB_OK);
}

/* --- a disk that fails ------------------------------------------------------------------------- */

static void limit_files(rlim_t bytes)
{
    struct rlimit l;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
    l.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

enum { FULL_ROUNDS = 3, FULL_CHANGES = 20 };

/* Appends three large events to each of many changes while files may not grow beyond `limit`, and sees that
 * each of them has all or none, as its callback said. Gives how many failed. */
static int append_to_a_full_disk(struct kit *k, int round, rlim_t limit, const char *const bodies[3])
{
    struct outcome o[FULL_CHANGES] = {0};
    char id[32];
    int failed = 0;
    limit_files(limit);
    for (int i = 0; i < FULL_CHANGES; i++) {
        snprintf(id, sizeof id, "D-%d-%d", round, i);
        store_append(k->store, id, 1, bodies, 3, on_done, &o[i]);
    }
    for (int i = 0; i < FULL_CHANGES; i++)
        wait_for(k->loop, &o[i], 1);
    limit_files(RLIM_INFINITY);
    for (int i = 0; i < FULL_CHANGES; i++) {
        snprintf(id, sizeof id, "D-%d-%d", round, i);
        assert_int_equal(count_events(k->store, id), o[i].err.code == SB_OK ? 3 : 0);
        if (o[i].err.code == SB_OK)
            continue;
        assert_int_equal(o[i].err.code, SB_IO);
        assert_non_null(strstr(o[i].err.text, "nothing of this was kept"));
        failed++;
    }
    return failed;
}

static void a_full_disk_fails_whole_batches_and_the_store_goes_on_when_there_is_space(void **state)
{
    struct kit *k = *state;
    char log[128], body[3001];
    const char *const bodies[] = {body, body, body};
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    snprintf(log, sizeof log, "%s-wal", k->path);
    append_many(k, "HF-1", 1, 3);
    for (int round = 0; round < FULL_ROUNDS; round++) {
        int failed = append_to_a_full_disk(k, round, (rlim_t)size_of(log) + (rlim_t)round * 5000, bodies);
        assert_true(round == 0 ? failed == FULL_CHANGES : failed > 0);
        assert_int_equal(count_events(k->store, "HF-1"), 3 + round);
        append_many(k, "HF-1", 4 + round, 4 + round); /* there is space again */
    }
    kit_reopen(k);
    struct verdict v;
    assert_true(store_verify(k->store, NULL, &v, NULL));
    assert_string_equal(v.text, "");
    assert_true(v.good);
}

/* --- other processes --------------------------------------------------------------------------- */

static void a_second_writer_is_refused_and_told_whom_to_talk_to(void **state)
{
    struct kit *k = *state;
    struct error err;
    char expected[64], link[128];
    snprintf(expected, sizeof expected, "in use by process %d", (int)getpid());
    assert_int_equal(open_fails(k, false, &err), SB_CONFLICT); /* in the same process */
    assert_non_null(strstr(err.text, expected));

    kit_close(k);
    k->store = store_open(
        &(struct store_options){.path = k->path, .loop = k->loop, .socket_path = "/run/sb/signalbox.sock"},
        &err);
    assert_non_null(k->store);
    snprintf(link, sizeof link, "%s.link", k->path);
    assert_int_equal(symlink(k->path, link), 0);
    pid_t child = fork();
    if (child == 0) {
        err = ERROR_NONE;
        /* A link is another name of the same file. */
        struct store *s = store_open(&(struct store_options){.path = link, .loop = k->loop}, &err);
        _exit(s == NULL && err.code == SB_CONFLICT && strstr(err.text, expected) != NULL &&
                      strstr(err.text, "answers on /run/sb/signalbox.sock") != NULL
                  ? 0
                  : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    append_many(k, "HF-1", 1, 1);
}

static void a_lock_file_that_was_left_behind_means_nothing(void **state)
{
    struct kit *k = *state;
    kit_close(k);
    char lock[128];
    snprintf(lock, sizeof lock, "%s.lock", k->path);
    overwrite(lock, 0, "1\n/run/old\n", 11);
    kit_open(k);
    append_many(k, "HF-1", 1, 1);
}

static void a_read_only_store_sees_what_another_writes(void **state)
{
    struct kit *k = *state;
    append_many(k, "HF-1", 1, 1);
    struct store *s =
        store_open(&(struct store_options){.path = k->path, .loop = k->loop, .read_only = true}, NULL);
    assert_non_null(s);
    for (int n = 2; n <= 30; n++) {
        struct verdict v;
        append_many(k, "HF-1", n, n);
        assert_int_equal(count_events(s, "HF-1"), n);
        assert_true(store_verify(s, NULL, &v, NULL));
        assert_true(v.good);
        assert_int_equal(v.events, n);
    }
    store_close(s);
    append_many(k, "HF-1", 31, 31);
}

static void a_read_only_store_writes_nothing_and_says_so(void **state)
{
    struct kit *k = *state;
    _cleanup_json_ json_t *doc = json_pack("{s:i}", "v", 1);
    struct outcome o = {0};
    append_many(k, "HF-1", 1, 1);
    store_doc_put_new(k->store, "k", "d", doc, on_doc, &o);
    wait_for(k->loop, &o, 1);
    kit_close(k);
    struct loop *loops[] = {k->loop, NULL}; /* without a loop, callbacks are made at once */
    for (size_t i = 0; i < COUNT_OF(loops); i++) {
        k->store =
            store_open(&(struct store_options){.path = k->path, .loop = loops[i], .read_only = true}, NULL);
        assert_non_null(k->store);
        int64_t n;
        struct error err = ERROR_NONE;
        assert_int_equal(append_one(k, "HF-1", 2, "{}"), SB_STATE);
        assert_false(store_next_number(k->store, &n, &err));
        assert_int_equal(err.code, SB_STATE);
        store_mark_ended(k->store, "HF-1");
        store_flush(k->store);
        o.calls = 0;
        store_doc_patch(k->store, "k", "d", doc, on_doc, &o);
        wait_for(k->loop, &o, 1);
        assert_int_equal(o.err.code, SB_STATE);
        store_doc_get(k->store, "k", "d", on_doc, &o);
        wait_for(k->loop, &o, 2);
        assert_int_equal(json_int(o.doc, "v", 0), 1);
        store_doc_list(k->store, "k", 5, on_doc, &o);
        wait_for(k->loop, &o, 3);
        assert_int_equal(json_array_size(o.doc), 1);
        store_doc_get(k->store, "k", "e", on_doc, &o);
        wait_for(k->loop, &o, 4);
        assert_int_equal(o.err.code, SB_UNKNOWN);
        assert_int_equal(count_events(k->store, "HF-1"), 1);
        kit_close(k);
    }
}

/* As an auditor has it: the file alone, in a folder where nothing may be written. Root may write anywhere, so
 * the look is made by somebody else. */
static void a_copy_of_the_file_can_be_verified_where_nothing_may_be_written(void **state)
{
    struct kit *k = *state;
    append_many(k, "HF-1", 1, 5);
    kit_close(k);
    assert_int_equal(chmod(k->path, 0444), 0);
    assert_int_equal(chmod(k->folder, 0555), 0);
    pid_t child = fork();
    if (child == 0) {
        if (getuid() == 0 && setuid(65534) != 0)
            _exit(2);
        struct verdict v;
        struct store *s = store_open(&(struct store_options){.path = k->path, .read_only = true}, NULL);
        bool ok = s != NULL && store_verify(s, NULL, &v, NULL) && v.good && v.events == 5;
        store_close(s);
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(k->folder, 0755), 0);
    assert_int_equal(status, 0);
}

#define WITH_STORE(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(the_file_and_its_folders_are_made_for_their_owner_alone),
        WITH_STORE(a_file_of_garbage_is_refused_and_left_alone),
        WITH_STORE(a_file_that_was_cut_is_refused_with_what_to_do),
        WITH_STORE(a_damaged_page_is_found_at_opening_after_an_unclean_end),
        WITH_STORE(the_check_of_a_large_file_finds_damage_while_the_file_is_in_use),
        WITH_STORE(a_damaged_page_that_is_met_stops_all_writing),
        WITH_STORE(a_file_that_a_newer_program_wrote_is_refused_and_says_so),
        WITH_STORE(a_database_of_something_else_is_refused),
        WITH_STORE(looking_at_a_record_that_is_not_there_makes_none),
        WITH_STORE(a_file_that_was_removed_or_replaced_while_in_use_takes_no_more_events),
        WITH_STORE(a_full_disk_fails_whole_batches_and_the_store_goes_on_when_there_is_space),
        WITH_STORE(a_second_writer_is_refused_and_told_whom_to_talk_to),
        WITH_STORE(a_lock_file_that_was_left_behind_means_nothing),
        WITH_STORE(a_read_only_store_sees_what_another_writes),
        WITH_STORE(a_read_only_store_writes_nothing_and_says_so),
        WITH_STORE(a_copy_of_the_file_can_be_verified_where_nothing_may_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
