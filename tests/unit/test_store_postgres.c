/* What PostgreSQL does that a file does not: it goes away, comes back, and others write to it as well. */
#include "store_kit.h"

#include "store/copy.h"
#include "store/seal_key.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

/* --- a relay that loses connections ------------------------------------------------------------ */

/* Stands between the store and the server, and cuts a connection at an instant that the test chooses. */
enum cut { CUT_NOTHING, CUT_BEFORE_COMMIT, CUT_BEFORE_ANSWER };

enum { PAIRS = 16 };

struct relay {
    char folder[96];
    int listener, wake[2];
    pthread_t thread;
    _Atomic int cut;
    _Atomic int cuts; /* made */
    int client[PAIRS], server[PAIRS];
};

static int unix_socket(const char *folder, bool listens)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s/.s.PGSQL.5432", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    int code =
        listens ? bind(fd, (struct sockaddr *)&a, sizeof a) : connect(fd, (struct sockaddr *)&a, sizeof a);
    if (code != 0 || (listens && listen(fd, 16) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void drop_pair(struct relay *r, int i)
{
    close(r->client[i]);
    close(r->server[i]);
    r->client[i] = r->server[i] = -1;
}

static void accept_pair(struct relay *r)
{
    int client = accept(r->listener, NULL, NULL), server = unix_socket(pg_server.folder, false);
    for (int i = 0; i < PAIRS; i++)
        if (r->client[i] < 0 && server >= 0) {
            r->client[i] = client;
            r->server[i] = server;
            return;
        }
    close(client);
    close(server);
}

static bool holds(const char *bytes, ssize_t n, const char *word, size_t word_n)
{
    return n > 0 && memmem(bytes, (size_t)n, word, word_n) != NULL;
}

/* In the protocol: the portal is bound to the statement "s2"; the answer is the command's tag. */
static bool is_cut(struct relay *r, const char *bytes, ssize_t n, bool from_client)
{
    int cut = r->cut;
    bool now = (cut == CUT_BEFORE_COMMIT && from_client && holds(bytes, n, "\0s2\0", 4)) ||
               (cut == CUT_BEFORE_ANSWER && !from_client && holds(bytes, n, "COMMIT\0", 7));
    if (now) {
        r->cut = CUT_NOTHING;
        r->cuts++;
    }
    return now;
}

static void pass_on(struct relay *r, int i, bool from_client)
{
    static char bytes[65536]; /* one thread */
    int from = from_client ? r->client[i] : r->server[i], to = from_client ? r->server[i] : r->client[i];
    ssize_t n = read(from, bytes, sizeof bytes);
    if (n <= 0 || is_cut(r, bytes, n, from_client) || send(to, bytes, (size_t)n, MSG_NOSIGNAL) != n)
        drop_pair(r, i);
}

static void *relay_run(void *ctx)
{
    struct relay *r = ctx;
    for (;;) {
        struct pollfd fds[2 + 2 * PAIRS] = {{r->wake[0], POLLIN, 0}, {r->listener, POLLIN, 0}};
        for (int i = 0; i < PAIRS; i++) {
            fds[2 + 2 * i] = (struct pollfd){r->client[i], POLLIN, 0};
            fds[3 + 2 * i] = (struct pollfd){r->server[i], POLLIN, 0};
        }
        poll(fds, COUNT_OF(fds), -1);
        if (fds[0].revents != 0)
            return NULL;
        if (fds[1].revents != 0)
            accept_pair(r);
        for (int i = 0; i < PAIRS; i++) {
            if (fds[2 + 2 * i].revents != 0 && r->client[i] >= 0)
                pass_on(r, i, true);
            if (fds[3 + 2 * i].revents != 0 && r->server[i] >= 0)
                pass_on(r, i, false);
        }
    }
}

static void relay_start(struct relay *r, struct kit *k)
{
    memset(r->client, -1, sizeof r->client);
    memset(r->server, -1, sizeof r->server);
    snprintf(r->folder, sizeof r->folder, "%s/relay", k->folder);
    assert_int_equal(mkdir(r->folder, 0700), 0);
    r->listener = unix_socket(r->folder, true);
    assert_true(r->listener >= 0);
    assert_int_equal(pipe(r->wake), 0);
    assert_int_equal(pthread_create(&r->thread, NULL, relay_run, r), 0);
    kit_close(k);
    pg_url(r->folder, pg_server.stores, k->url, sizeof k->url);
    kit_open(k);
}

static void relay_stop(struct relay *r, struct kit *k)
{
    char path[128];
    kit_close(k);
    assert_int_equal(write(r->wake[1], "x", 1), 1);
    pthread_join(r->thread, NULL);
    for (int i = 0; i < PAIRS; i++)
        if (r->client[i] >= 0)
            drop_pair(r, i);
    close(r->listener);
    close(r->wake[0]);
    close(r->wake[1]);
    snprintf(path, sizeof path, "%s/.s.PGSQL.5432", r->folder);
    unlink(path);
    rmdir(r->folder);
}

static void assert_whole(struct kit *k, int events)
{
    struct verdict v;
    struct error err = ERROR_NONE;
    if (!store_verify(k->store, NULL, &v, &err))
        fail_msg("%s", err.text);
    assert_string_equal(v.text, "");
    assert_true(v.good);
    assert_int_equal(v.events, events);
}

static void a_commit_whose_answer_is_lost_is_looked_up_and_counts_once(void **state)
{
    struct kit *k = *state;
    struct relay r = {0};
    relay_start(&r, k);
    for (int n = 1; n <= 30; n++) {
        r.cut = n % 3 == 0 ? CUT_BEFORE_ANSWER : n % 3 == 1 ? CUT_BEFORE_COMMIT : CUT_NOTHING;
        append_many(k, "HF-1", n, n);
    }
    assert_int_equal(r.cuts, 20);
    assert_whole(k, 30);
    relay_stop(&r, k);
}

static void a_document_of_a_lost_commit_is_there_once(void **state)
{
    struct kit *k = *state;
    struct relay r = {0};
    relay_start(&r, k);
    for (int i = 0; i < 6; i++) {
        struct outcome o = {0};
        char id[8];
        snprintf(id, sizeof id, "d%d", i);
        _cleanup_json_ json_t *doc = json_pack("{s:i}", "v", i);
        r.cut = i % 2 == 0 ? CUT_BEFORE_ANSWER : CUT_BEFORE_COMMIT;
        store_doc_put_new(k->store, "k", id, doc, on_doc, &o);
        wait_for(k->loop, &o, 1);
        assert_int_equal(o.err.code, SB_OK);
        assert_int_equal(json_int(o.doc, "v", -1), i);
        json_decref(o.doc);
    }
    struct outcome all = {0};
    store_doc_list(k->store, "k", 100, on_doc, &all);
    wait_for(k->loop, &all, 1);
    assert_int_equal(json_array_size(all.doc), 6);
    json_decref(all.doc);
    assert_int_equal(r.cuts, 6);
    relay_stop(&r, k);
}

/* --- a server that ends sessions, or itself ---------------------------------------------------- */

struct killer {
    _Atomic bool stop;
    _Atomic int kills;
};

static void *kill_sessions(void *ctx)
{
    struct killer *killer = ctx;
    PGconn *c = pg_connect();
    while (!killer->stop) {
        PGresult *r =
            PQexec(c, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name "
                      "LIKE 'signalbox %' AND backend_type = 'client backend'");
        killer->kills += PQntuples(r);
        PQclear(r);
        unsigned pause;
        random_bytes(&pause, sizeof pause);
        usleep(100000 + pause % 100000);
    }
    PQfinish(c);
    return NULL;
}

static void sessions_that_are_ended_at_any_instant_lose_and_double_nothing(void **state)
{
    struct kit *k = *state;
    struct killer killer = {0};
    pthread_t t;
    int seq[5] = {0}, failed = 0;
    assert_int_equal(pthread_create(&t, NULL, kill_sessions, &killer), 0);
    while (killer.kills < 40) {
        struct outcome o[5] = {0};
        for (int i = 0; i < 5; i++) {
            char id[16];
            const char *const bodies[] = {"{\"a\":1}", "{\"b\":2}"};
            snprintf(id, sizeof id, "HF-%d", i);
            store_append(k->store, id, seq[i] + 1, bodies, 2, on_done, &o[i]);
        }
        for (int i = 0; i < 5; i++) {
            wait_for(k->loop, &o[i], 1);
            seq[i] += o[i].err.code == SB_OK ? 2 : 0;
            failed += o[i].err.code != SB_OK;
        }
    }
    killer.stop = true;
    pthread_join(t, NULL);
    int all = 0;
    for (int i = 0; i < 5; i++) {
        char id[16];
        snprintf(id, sizeof id, "HF-%d", i);
        assert_int_equal(count_events(k->store, id), seq[i]);
        all += seq[i];
    }
    assert_true(all > failed);
    assert_whole(k, all);
}

static void a_server_that_restarts_is_waited_for(void **state)
{
    struct kit *k = *state;
    append_many(k, "HF-1", 1, 3);
    for (int round = 0; round < 2; round++) {
        pg_stop(round == 0 ? SIGINT : SIGQUIT); /* in good order; as in a crash */
        pg_start();
        assert_int_equal(count_events(k->store, "HF-1"), 3 + round);
        append_many(k, "HF-1", 4 + round, 4 + round);
    }
    assert_whole(k, 5);
}

static void a_server_that_is_gone_fails_what_is_asked_and_serves_again_when_it_is_back(void **state)
{
    struct kit *k = *state;
    struct error err = ERROR_NONE;
    append_many(k, "HF-1", 1, 1);
    pg_stop(SIGINT);
    assert_int_equal(append_one(k, "HF-1", 2, "{}"), SB_IO);
    assert_int_equal(append_one(k, "HF-1", 2, "{}"), SB_IO);
    assert_false(store_read(k->store, "HF-1", 1, list_event, &(struct buf){0}, &err));
    assert_int_equal(err.code, SB_IO);
    pg_start();
    append_many(k, "HF-1", 2, 2);
    usleep(1100000); /* readers leave a server alone for a second */
    assert_whole(k, 2);
    assert_int_equal(count_events(k->store, "HF-1"), 2);
}

static void on_done_doc(void *ctx, json_t *doc, const struct error *err)
{
    assert_non_null(doc);
    on_done(ctx, err);
}

/* --- others ------------------------------------------------------------------------------------ */

static void two_stores_write_to_one_database_and_the_ledger_stays_one_chain(void **state)
{
    struct kit *k = *state;
    const struct store_options o = kit_options(k, false);
    struct store *other = store_open(&o, NULL);
    assert_non_null(other);
    struct outcome mine = {0}, others = {0};
    static const char *const body[] = {"{}"};
    for (int n = 1; n <= 50; n++) {
        store_append(k->store, "HF-1", n, body, 1, on_done, &mine);
        store_append(other, "HF-2", n, body, 1, on_done, &others);
        if (n % 10 == 0)
            wait_for(k->loop, &others, n);
    }
    wait_for(k->loop, &mine, 50);
    wait_for(k->loop, &others, 50);
    assert_int_equal(mine.err.code, SB_OK);
    assert_int_equal(others.err.code, SB_OK);
    assert_whole(k, 100);
    /* What one has seen of a change does not keep it from seeing what the other did. */
    store_append(other, "HF-1", 51, body, 1, on_done, &others);
    wait_for(k->loop, &others, 51);
    assert_int_equal(append_one(k, "HF-1", 51, "{}"), SB_CONFLICT);
    assert_int_equal(append_one(k, "HF-1", 52, "{}"), SB_OK);
    store_close(other);
    assert_whole(k, 102);
}

/* One has moved a change and not sealed it yet; the other moves it on; then the first seals all that it moved. */
static void a_seal_says_where_a_change_stands_though_another_has_moved_it_on(void **state)
{
    struct kit *k = *state;
    struct seal_key key;
    assert_true(seal_key_open(k->folder, NULL, &key, NULL));
    struct store_options o = kit_options(k, false);
    o.seal_key = &key;
    o.seal_ms = 60000;
    kit_close(k);
    k->store = store_open(&o, NULL);
    struct store *other = store_open(&o, NULL);
    assert_true(k->store != NULL && other != NULL);
    append_many(k, "HF-1", 1, 3);
    struct outcome done = {0};
    static const char *const body[] = {"{}"};
    for (int n = 4; n <= 6; n++)
        store_append(other, "HF-1", n, body, 1, on_done, &done);
    wait_for(k->loop, &done, 3);
    append_many(k, "HF-2", 1, 1);
    store_close(k->store); /* at a stop in good order, all is sealed */
    store_close(other);
    seal_key_wipe(&key);
    kit_open(k);
    assert_whole(k, 7);
}

static struct store *open_file(struct kit *k, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", k->folder, name);
    struct store *s = store_open(&(struct store_options){.path = path, .loop = k->loop}, NULL);
    assert_non_null(s);
    return s;
}

static void fill(struct kit *k, struct store *s)
{
    static const char *const two[] = {"{\"n\":1}", "{\"n\":\"\xc3\xa9\"}"};
    struct outcome o = {0};
    char hash[SHA256_HEX + 1], id[16];
    int64_t number;
    _cleanup_json_ json_t *doc = json_pack("{s:i}", "v", 1);
    for (int i = 1; i <= 30; i++) {
        snprintf(id, sizeof id, "HF-%d", i);
        store_append(s, id, 1, two, 2, on_done, &o);
        store_append(s, id, 3, two, 1, on_done, &o);
        if (i % 3 == 0)
            store_mark_ended(s, id);
        assert_true(store_next_number(s, &number, NULL));
    }
    wait_for(k->loop, &o, 60);
    sha256_hex("# Page", 6, hash);
    assert_true(store_put_page(s, hash, "page", "# Page", NULL));
    store_doc_put_new(s, "ticket", "A", doc, on_done_doc, &o);
    wait_for(k->loop, &o, 61);
}

static void a_store_is_copied_to_a_database_and_back_text_for_text(void **state)
{
    struct kit *k = *state;
    struct verdict there, back;
    struct error err = ERROR_NONE;
    struct store *from = open_file(k, "from.db"), *to = open_file(k, "to.db");
    fill(k, from);
    if (!store_copy(from, k->store, &there, &err) || !store_copy(k->store, to, &back, &err))
        fail_msg("%s", err.text);
    assert_int_equal(there.events, 90);
    assert_int_equal(there.changes, 30);
    assert_string_equal(there.head, back.head);
    assert_int_equal(count_events(to, "HF-7"), 3);
    int64_t number;
    assert_true(store_next_number(to, &number, NULL));
    assert_int_equal(number, 31);
    /* It goes on where it stood. */
    assert_int_equal(append_one(k, "HF-7", 4, "{}"), SB_OK);
    assert_false(store_copy(from, k->store, &there, &err));
    assert_error(&err, SB_STATE, "not empty", "a second copy");
    assert_whole(k, 91);
    store_close(from);
    store_close(to);
}

static void numbers_of_two_stores_differ(void **state)
{
    struct kit *k = *state;
    const struct store_options o = kit_options(k, false);
    struct store *other = store_open(&o, NULL);
    assert_non_null(other);
    for (int64_t n = 0, want = 1; want <= 10; want++) {
        assert_true(store_next_number(want % 2 == 0 ? other : k->store, &n, NULL));
        assert_int_equal(n, want);
    }
    store_close(other);
}

static void open_fails(struct kit *k, const char *url, const char *password, bool read_only,
                       enum error_code code, const char *says)
{
    struct error err = ERROR_NONE;
    assert_null(store_open(
        &(struct store_options){.url = url, .password = password, .loop = k->loop, .read_only = read_only},
        &err));
    assert_error(&err, code, says, url);
    assert_null(strstr(err.text, "geheim"));
}

static void what_is_no_store_is_refused_and_no_password_is_told(void **state)
{
    struct kit *k = *state;
    char url[256];
    open_fails(k, "postgresql://sb:geheim@localhost/sb", NULL, false, SB_PARSE, "holds a password");
    open_fails(k, "postgresql://localhost/sb?password=geheim", NULL, false, SB_PARSE, "holds a password");
    open_fails(k, "postgresql://sb:%gegeheim@/", NULL, false, SB_PARSE,
               "none that PostgreSQL's library reads");
    open_fails(k, "postgresql:///sb?host=/nowhere", NULL, false, SB_IO, "database sb on /nowhere");
    open_fails(k, k->url, "env:SB_NO_SUCH_PASSWORD", false, SB_MISSING, "SB_NO_SUCH_PASSWORD");
    snprintf(url, sizeof url, "postgresql:///nowhere?host=%s&user=signalbox", pg_server.folder);
    open_fails(k, url, NULL, false, SB_IO, "database \"nowhere\" does not exist");

    pg_run("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
    snprintf(url, sizeof url, "postgresql:///latin?host=%s&user=signalbox", pg_server.folder);
    open_fails(k, url, NULL, false, SB_STATE, "ENCODING 'UTF8'");
    pg_run("UPDATE signalbox SET version = 999");
    open_fails(k, k->url, NULL, false, SB_STATE, "written by a newer Signalbox");
    open_fails(k, k->url, NULL, true, SB_STATE, "written by a newer Signalbox");
    pg_store(url, sizeof url);
    open_fails(k, url, NULL, true, SB_IO, "no tables of Signalbox");
    pg_run("CREATE TABLE events (bookmark text)");
    open_fails(k, url, NULL, false, SB_PARSE, "not those of Signalbox");
}

static void a_read_only_store_writes_nothing_and_sees_what_another_writes(void **state)
{
    struct kit *k = *state;
    const struct store_options o = kit_options(k, true);
    struct store *s = store_open(&o, NULL);
    assert_non_null(s);
    for (int n = 1; n <= 5; n++) {
        append_many(k, "HF-1", n, n);
        assert_int_equal(count_events(s, "HF-1"), n);
    }
    struct outcome out = {0};
    static const char *const body[] = {"{}"};
    store_append(s, "HF-1", 6, body, 1, on_done, &out);
    wait_for(k->loop, &out, 1);
    assert_int_equal(out.err.code, SB_STATE);
    store_close(s);
}

static int pg_kit_setup(void **state)
{
    setenv("STORE", "postgresql", 1);
    return kit_setup(state);
}

#define WITH_STORE(f) cmocka_unit_test_setup_teardown(f, pg_kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_commit_whose_answer_is_lost_is_looked_up_and_counts_once),
        WITH_STORE(a_document_of_a_lost_commit_is_there_once),
        WITH_STORE(sessions_that_are_ended_at_any_instant_lose_and_double_nothing),
        WITH_STORE(a_server_that_restarts_is_waited_for),
        WITH_STORE(a_server_that_is_gone_fails_what_is_asked_and_serves_again_when_it_is_back),
        WITH_STORE(two_stores_write_to_one_database_and_the_ledger_stays_one_chain),
        WITH_STORE(a_seal_says_where_a_change_stands_though_another_has_moved_it_on),
        WITH_STORE(a_store_is_copied_to_a_database_and_back_text_for_text),
        WITH_STORE(numbers_of_two_stores_differ),
        WITH_STORE(what_is_no_store_is_refused_and_no_password_is_told),
        WITH_STORE(a_read_only_store_writes_nothing_and_sees_what_another_writes),
    };
    return cmocka_run_group_tests(tests, pg_server_setup, pg_server_teardown);
}
