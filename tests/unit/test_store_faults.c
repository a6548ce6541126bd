/* Every call that SQLite makes to the disk, and every piece of memory that it asks for, fails once, in turn. Whatever fails: what the store said
 * was durable is there afterwards, nothing else is, the record is whole, and every error says what happened. */
#include "store_kit.h"

#include "base/log.h"
#include "store/recover.h"
#include "store/seal_key.h"
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdatomic.h>

/* --- what fails -------------------------------------------------------------------------------- */

static atomic_long countdown; /* of the calls of the present kind; 0 = none is to fail */
static atomic_bool failed, memory_fails;

static bool fails(void)
{
    if (atomic_load(&countdown) <= 0 || atomic_fetch_sub(&countdown, 1) != 1)
        return false;
    atomic_store(&failed, true);
    return true;
}

static sqlite3_mem_methods real_memory;

static void *memory_or_not(int n)
{
    return atomic_load(&memory_fails) && fails() ? NULL : real_memory.xMalloc(n);
}

static void *more_memory_or_not(void *p, int n)
{
    return atomic_load(&memory_fails) && fails() ? NULL : real_memory.xRealloc(p, n);
}

static int broken; /* errno of a disk that fails */

static ssize_t read_or_not(int fd, void *data, size_t n, off_t at)
{
    if (!atomic_load(&memory_fails) && fails()) {
        errno = broken;
        return -1;
    }
    return pread(fd, data, n, at);
}

static ssize_t write_or_not(int fd, const void *data, size_t n, off_t at)
{
    if (!atomic_load(&memory_fails) && fails()) {
        errno = broken;
        return -1;
    }
    return pwrite(fd, data, n, at);
}

static int open_or_not(const char *path, int flags, int mode)
{
    if (!atomic_load(&memory_fails) && fails()) {
        errno = broken == ENOSPC ? EMFILE : broken;
        return -1;
    }
    return open(path, flags, mode);
}

static int truncate_or_not(int fd, off_t n)
{
    if (!atomic_load(&memory_fails) && fails()) {
        errno = broken;
        return -1;
    }
    return ftruncate(fd, n);
}

static void put_in_the_way(void)
{
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory);
    sqlite3_mem_methods mine = real_memory;
    mine.xMalloc = memory_or_not;
    mine.xRealloc = more_memory_or_not;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &mine), SQLITE_OK);
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    vfs->xSetSystemCall(vfs, "pread", (sqlite3_syscall_ptr)read_or_not);
    vfs->xSetSystemCall(vfs, "pread64", (sqlite3_syscall_ptr)read_or_not);
    vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)write_or_not);
    vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)write_or_not);
    vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr)open_or_not);
    vfs->xSetSystemCall(vfs, "ftruncate", (sqlite3_syscall_ptr)truncate_or_not);
}

/* --- all that is done with a store -------------------------------------------------------------- */

struct said {
    int events[3]; /* durable, of HF-0, HF-1, HF-2 */
    int64_t number;
    bool page, doc, ended;
    int errors;
};

static void note(struct said *s, bool ok, const struct error *err)
{
    if (ok)
        return;
    s->errors++;
    assert_int_not_equal(err->code, SB_OK);
    assert_true(err->text[0] != '\0');
}

static void append_to(struct kit *k, struct said *s, int change, int n)
{
    char id[8], texts[4][40];
    const char *bodies[4];
    struct outcome o = {0};
    snprintf(id, sizeof id, "HF-%d", change);
    for (int i = 0; i < n; i++) {
        snprintf(texts[i], sizeof texts[i], "{\"n\":%d}", s->events[change] + i + 1);
        bodies[i] = texts[i];
    }
    store_append(k->store, id, s->events[change] + 1, bodies, n, on_done, &o);
    wait_for(k->loop, &o, 1);
    note(s, o.err.code == SB_OK, &o.err);
    if (o.err.code == SB_OK)
        s->events[change] += n;
}

static void use_documents(struct kit *k, struct said *s)
{
    _cleanup_json_ json_t *doc = json_pack("{s:i}", "v", 1), *patch = json_pack("{s:i}", "w", 2);
    struct outcome o = {0};
    store_doc_put_new(k->store, "kind", "d", doc, on_doc, &o);
    wait_for(k->loop, &o, 1);
    note(s, o.err.code == SB_OK, &o.err);
    s->doc = o.err.code == SB_OK;
    store_doc_patch(k->store, "kind", "d", patch, on_doc, &o);
    wait_for(k->loop, &o, 2);
    note(s, o.err.code == SB_OK || !s->doc, &o.err);
    store_doc_get(k->store, "kind", "d", on_doc, &o);
    wait_for(k->loop, &o, 3);
    note(s, o.err.code == SB_OK || !s->doc, &o.err);
    store_doc_list(k->store, "kind", 5, on_doc, &o);
    wait_for(k->loop, &o, 4);
    note(s, o.err.code == SB_OK, &o.err);
    json_decref(o.doc);
}

static bool any_head(void *ctx, const struct store_head *h)
{
    (void)h;
    ++*(int *)ctx;
    return true;
}

static bool any_seal(void *ctx, const char *text, const char *signature)
{
    (void)text;
    (void)signature;
    ++*(int *)ctx;
    return true;
}

static void look_around(struct store *store, struct said *s, const char *page)
{
    struct error err = ERROR_NONE;
    struct verdict v = {0};
    int n = 0;
    int64_t seq;
    _cleanup_buf_ struct buf text = {0};
    note(s, store_read(store, "HF-1", 1, list_event, &text, &err), &err);
    note(s, store_read(store, "HF-1", 3, list_event, &text, &err), &err);
    note(s, store_changes(store, false, any_head, &n, &err), &err);
    note(s, store_changes(store, true, any_head, &n, &err), &err);
    note(s, store_seals(store, any_seal, &n, &err), &err);
    err = ERROR_NONE;
    char *got = store_get_page(store, page, &err);
    note(s, got != NULL || !s->page, &err);
    free(got);
    json_decref(store_get_snapshot(store, "HF-1", "v", &seq));
    for (int i = 0; i < 2; i++) {
        err = ERROR_NONE;
        if (store_verify(store, i == 0 ? NULL : "HF-1", &v, &err)) {
            if (!v.good)
                fail_msg("not whole: %s", v.text);
        } else {
            note(s, err.code == SB_UNKNOWN, &err);
        }
    }
}

static void do_everything(struct kit *k, const struct seal_key *key, struct said *s)
{
    char page[SHA256_HEX + 1];
    struct error err = ERROR_NONE;
    sha256_hex("# Page", 6, page);
    struct store_options o = {.path = k->path, .loop = k->loop, .seal_key = key};
    k->store = store_open(&o, &err);
    note(s, k->store != NULL, &err);
    if (k->store != NULL) {
        int64_t number;
        bool ok = store_next_number(k->store, &number, &err);
        note(s, ok, &err);
        assert_true(!ok || number > s->number);
        s->number = ok ? number : s->number;
        ok = store_put_page(k->store, page, "page", "# Page", &err);
        note(s, ok, &err);
        s->page = ok;
        for (int i = 0; i < 3; i++)
            append_to(k, s, i, 2);
        append_to(k, s, 1, 4);
        use_documents(k, s);
        _cleanup_json_ json_t *state = json_pack("{s:i}", "s", 1);
        store_put_snapshot(k->store, "HF-1", 2, "v", state);
        store_put_snapshot(k->store, "HF-9", 2, "v", state);
        store_mark_ended(k->store, "HF-2");
        store_mark_ended(k->store, "HF-9");
        store_flush(k->store);
        append_to(k, s, 0, 1);
        look_around(k->store, s, page);
        kit_close(k);
    }
    o = (struct store_options){.path = k->path, .loop = k->loop, .read_only = true};
    struct store *reading = store_open(&o, &err);
    note(s, reading != NULL, &err);
    if (reading != NULL)
        look_around(reading, s, page);
    store_close(reading);
    char to[128];
    snprintf(to, sizeof to, "%s.saved", k->path);
    json_t *report = store_recover(k->path, to, &err);
    note(s, report != NULL, &err);
    json_decref(report);
    unlink(to);
}

static void all_that_was_said_is_so(struct kit *k, const struct said *s)
{
    struct verdict v;
    int64_t number;
    char id[8];
    kit_open(k);
    for (int i = 0; i < 3; i++) {
        snprintf(id, sizeof id, "HF-%d", i);
        assert_int_equal(count_events(k->store, id), s->events[i]);
    }
    assert_true(store_verify(k->store, NULL, &v, NULL));
    if (!v.good)
        fail_msg("not whole: %s", v.text);
    assert_true(store_next_number(k->store, &number, NULL));
    assert_true(number > s->number);
    kit_close(k);
}

static void each_fails_in_turn(const char *what)
{
    struct seal_key key;
    memset(&key, 7, sizeof key);
    ed25519_public(key.seed, key.public);
    int with_errors = 0, runs = 0;
    for (long n = 1;; n += 1 + n / 24, runs++) {
        struct kit k = {0};
        struct said s = {0};
        kit_folder(&k);
        k.loop = loop_new();
        atomic_store(&failed, false);
        atomic_store(&countdown, n);
        do_everything(&k, &key, &s);
        atomic_store(&countdown, 0);
        with_errors += s.errors > 0;
        all_that_was_said_is_so(&k, &s);
        loop_free(k.loop);
        remove_folder(k.folder);
        if (!atomic_load(&failed))
            break;
    }
    if (runs < 40 || with_errors < 20)
        fail_msg("%s: only %d runs, %d with errors", what, runs, with_errors);
}

static void whichever_read_or_write_fails_nothing_said_to_be_durable_is_lost(void **state)
{
    (void)state;
    atomic_store(&memory_fails, false);
    broken = EIO;
    each_fails_in_turn("disk");
}

static void whichever_write_finds_the_disk_full_nothing_said_to_be_durable_is_lost(void **state)
{
    (void)state;
    atomic_store(&memory_fails, false);
    broken = ENOSPC;
    each_fails_in_turn("full disk");
}

static void whichever_piece_of_memory_is_missing_nothing_said_to_be_durable_is_lost(void **state)
{
    (void)state;
    atomic_store(&memory_fails, true);
    each_fails_in_turn("memory");
}

int main(void)
{
    put_in_the_way();
    log_setup(LOG_ERROR, false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whichever_read_or_write_fails_nothing_said_to_be_durable_is_lost),
        cmocka_unit_test(whichever_write_finds_the_disk_full_nothing_said_to_be_durable_is_lost),
        cmocka_unit_test(whichever_piece_of_memory_is_missing_nothing_said_to_be_durable_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
