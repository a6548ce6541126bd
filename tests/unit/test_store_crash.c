/* A process that appends is killed at random instants. What it was told is durable must be there, and the
 * record must be whole. */
#include "store_kit.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>

enum { ROUNDS = 30, CHANGES = 6, LATEST_KILL_US = 20000 };

struct ack {
    int change, seq;
};

/* --- the child --------------------------------------------------------------------------------- */

struct rider {
    struct store *store;
    int to_parent, change, seq, n;
};

static void ride_on(struct rider *r);

static void on_durable(void *ctx, const struct error *err)
{
    struct rider *r = ctx;
    if (err != NULL)
        _exit(1);
    r->seq += r->n;
    struct ack a = {r->change, r->seq};
    if (write(r->to_parent, &a, sizeof a) != sizeof a)
        _exit(2);
    ride_on(r);
}

static void ride_on(struct rider *r)
{
    char id[16], texts[4][600];
    const char *bodies[4];
    snprintf(id, sizeof id, "HF-%d", r->change);
    r->n = 1 + (r->seq + r->change) % 4;
    for (int i = 0; i < r->n; i++) {
        snprintf(texts[i], sizeof texts[i], "{\"n\":%d,\"pad\":\"%0*d\"}", r->seq + 1 + i,
                 1 + (r->seq * 37) % 500, 0);
        bodies[i] = texts[i];
    }
    store_append(r->store, id, r->seq + 1, bodies, r->n, on_durable, r);
}

static bool find_head(void *ctx, const struct store_head *h)
{
    struct rider *riders = ctx;
    riders[atoi(h->change + 3)].seq = (int)h->seq;
    return true;
}

static void ride_until_killed(const struct kit *k, int to_parent)
{
    struct loop *l = loop_new();
    struct rider riders[CHANGES] = {0};
    struct store_options o = kit_options(k, false);
    o.loop = l;
    struct store *s = store_open(&o, NULL);
    if (s == NULL || !store_changes(s, false, find_head, riders, NULL))
        _exit(3);
    for (int i = 0; i < CHANGES; i++) {
        riders[i].store = s;
        riders[i].to_parent = to_parent;
        riders[i].change = i;
        ride_on(&riders[i]);
    }
    for (;;)
        loop_once(l, true);
}

/* --- the parent -------------------------------------------------------------------------------- */

static unsigned random_below(unsigned n)
{
    unsigned r;
    random_bytes(&r, sizeof r);
    return r % n;
}

/* Lets a child append for a moment. `acked` becomes what it was told is durable. */
static void kill_one(const struct kit *k, int acked[CHANGES])
{
    int ends[2];
    struct ack a;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        ride_until_killed(k, ends[1]);
    }
    close(ends[1]);
    /* From its first word on, or most would die before they had begun. */
    bool more = read(ends[0], &a, sizeof a) == sizeof a;
    assert_true(more);
    usleep(random_below(LATEST_KILL_US));
    kill(child, SIGKILL);
    for (; more; more = read(ends[0], &a, sizeof a) == sizeof a)
        acked[a.change] = a.seq;
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

struct expected {
    int next;
};
static bool check_number(void *ctx, const struct store_event *e)
{
    struct expected *x = ctx;
    _cleanup_json_ json_t *j = json_loads(e->body, 0, NULL);
    assert_int_equal(json_int(j, "n", 0), x->next);
    assert_int_equal(e->seq, x->next++);
    return true;
}

static void what_was_acknowledged_is_there_after_the_process_was_killed(void **state)
{
    struct kit *k = *state;
    int acked[CHANGES] = {0};
    kit_close(k);
    for (int round = 0; round < (on_postgres() ? ROUNDS / 3 : ROUNDS); round++) {
        kill_one(k, acked);
        kit_open(k);
        int64_t number; /* behind what a server may still be at for the process that is gone */
        assert_true(store_next_number(k->store, &number, NULL));
        for (int i = 0; i < CHANGES; i++) {
            char id[16];
            struct expected x = {1};
            snprintf(id, sizeof id, "HF-%d", i);
            assert_true(store_read(k->store, id, 1, check_number, &x, NULL));
            assert_true(x.next - 1 >= acked[i]);
        }
        struct verdict v;
        assert_true(store_verify(k->store, NULL, &v, NULL));
        assert_string_equal(v.text, "");
        assert_true(v.good);
        kit_close(k);
    }
    kit_open(k);
}

/* --- a machine that lost its power ------------------------------------------------------------- */

static size_t read_whole(const char *path, char **out)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    *out = malloc((size_t)st.st_size + 1);
    assert_int_equal(read(fd, *out, (size_t)st.st_size), st.st_size);
    close(fd);
    return (size_t)st.st_size;
}

static void write_whole(const char *path, const char *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

/* Only a part of the log has reached the disk: some earlier state of the record is there, whole, and never
 * less with more of the log. */
static void a_log_that_was_cut_anywhere_is_an_earlier_whole_record(void **state)
{
    struct kit *k = *state;
    char log[128], *file_bytes, *log_bytes;
    snprintf(log, sizeof log, "%s-wal", k->path);
    kit_reopen(k); /* so that the tables are in the file */
    append_many(k, "HF-1", 1, 20);
    size_t file_n = read_whole(k->path, &file_bytes), log_n = read_whole(log, &log_bytes);
    kit_close(k);

    int64_t before = 0;
    for (size_t cut = 0; cut <= log_n; cut += log_n / 50) {
        write_whole(k->path, file_bytes, file_n);
        write_whole(log, log_bytes, cut);
        kit_open(k);
        struct verdict v;
        assert_true(store_verify(k->store, NULL, &v, NULL));
        assert_string_equal(v.text, "");
        assert_true(v.good && v.events >= before);
        before = v.events;
        append_many(k, "HF-1", (int)v.events + 1, (int)v.events + 1);
        kit_close(k);
    }
    assert_true(before > 15);
    free(file_bytes);
    free(log_bytes);
    kit_open(k);
}

#define WITH_STORE(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(what_was_acknowledged_is_there_after_the_process_was_killed),
        WITH_STORE(a_log_that_was_cut_anywhere_is_an_earlier_whole_record),
    };
    return RUN_ON_BOTH(tests, 1);
}
