/* store_kit.h: a store in a folder of its own, or in a database of its own when $STORE is "postgresql": the
 * same tests run on both. And calls that wait for their callback. */
#ifndef SB_TESTS_STORE_KIT_H
#define SB_TESTS_STORE_KIT_H

#include "check.h"
#include "pg_server.h"

#include "base/buf.h"
#include "base/json.h"
#include "store/store.h"
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct kit {
    char folder[64], path[96];
    char url[200]; /* of the database; "" = SQLite */
    struct loop *loop;
    struct store *store;
};

static inline bool on_postgres(void)
{
    const char *store = getenv("STORE");
    return store != NULL && strcmp(store, "postgresql") == 0;
}

static inline int group_setup(void **state)
{
    return on_postgres() ? pg_server_setup(state) : 0;
}

static inline int group_teardown(void **state)
{
    return on_postgres() ? pg_server_teardown(state) : 0;
}

/* The last `of_sqlite` of the tests are about the file alone. */
#define RUN_ON_BOTH(tests, of_sqlite)                                                                   \
    _cmocka_run_group_tests(#tests, tests, COUNT_OF(tests) - (on_postgres() ? (size_t)(of_sqlite) : 0), \
                            group_setup, group_teardown)

static inline struct store_options kit_options(const struct kit *k, bool read_only)
{
    return (struct store_options){.path = *k->url != '\0' ? NULL : k->path,
                                  .url = *k->url != '\0' ? k->url : NULL,
                                  .loop = k->loop,
                                  .read_only = read_only};
}

static inline void kit_open(struct kit *k)
{
    struct error err = ERROR_NONE;
    const struct store_options o = kit_options(k, false);
    k->store = store_open(&o, &err);
    if (k->store == NULL)
        fail_msg("store_open: %s", err.text);
}

static inline void kit_folder(struct kit *k)
{
    strcpy(k->folder, "/tmp/test-store-XXXXXX");
    assert_non_null(mkdtemp(k->folder));
    snprintf(k->path, sizeof k->path, "%s/s.db", k->folder);
    if (on_postgres())
        pg_store(k->url, sizeof k->url);
}

static inline int kit_setup(void **state)
{
    struct kit *k = calloc(1, sizeof *k);
    assert_non_null(k);
    kit_folder(k);
    k->loop = loop_new();
    kit_open(k);
    *state = k;
    return 0;
}

static inline void kit_close(struct kit *k)
{
    store_close(k->store);
    k->store = NULL;
}

static inline void kit_reopen(struct kit *k)
{
    kit_close(k);
    kit_open(k);
}

static inline void remove_folder(const char *folder)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char path[700];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        unlink(path);
    }
    if (d != NULL)
        closedir(d);
    rmdir(folder);
}

static inline int kit_teardown(void **state)
{
    struct kit *k = *state;
    kit_close(k);
    loop_free(k->loop);
    remove_folder(k->folder);
    free(k);
    return 0;
}

struct outcome {
    int calls;
    struct error err;
    json_t *doc;
};

static inline void on_done(void *ctx, const struct error *err)
{
    struct outcome *o = ctx;
    o->calls++;
    o->err = err != NULL ? *err : ERROR_NONE;
}

static inline void on_doc(void *ctx, json_t *doc, const struct error *err)
{
    struct outcome *o = ctx;
    on_done(o, err);
    json_decref(o->doc);
    o->doc = json_incref(doc);
}

static inline void wait_for(struct loop *l, const struct outcome *o, int calls)
{
    while (o->calls < calls)
        loop_once(l, true);
}

/* Appends one event and gives how it ended. */
static inline enum error_code append_one(struct kit *k, const char *change, int64_t n, const char *body)
{
    struct outcome o = {0};
    store_append(k->store, change, n, &body, 1, on_done, &o);
    wait_for(k->loop, &o, 1);
    return o.err.code;
}

/* Events `from` to `to`: {"n":1}, {"n":2}, ... */
static inline void append_many(struct kit *k, const char *change, int from, int to)
{
    for (int n = from; n <= to; n++) {
        char body[64];
        snprintf(body, sizeof body, "{\"n\":%d}", n);
        assert_int_equal(append_one(k, change, n, body), SB_OK);
    }
}

/* "1:{...} 2:{...} " */
static inline bool list_event(void *ctx, const struct store_event *e)
{
    buf_printf(ctx, "%d:%s ", (int)e->seq, e->body);
    return true;
}

static inline int count_events(struct store *s, const char *change)
{
    _cleanup_buf_ struct buf text = {0};
    int n = 0;
    assert_true(store_read(s, change, 1, list_event, &text, NULL));
    for (const char *p = buf_str(&text); (p = strchr(p, ' ')) != NULL; p++)
        n++;
    return n;
}

#endif
