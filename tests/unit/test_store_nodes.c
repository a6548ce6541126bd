/* Two nodes on one database: who holds a lease, what the other learns, what is refused. */
#include "store_kit.h"

#include "store/nodes.h"

enum { LEASE_MS = 3000 };

/* What a node was told, as text. */
struct told {
    struct store *store;
    struct nodes *nodes;
    struct buf text;
    int64_t token; /* of the last lease that was gained */
    bool sure;
    int asked;
};

static void on_gained(void *ctx, const char *lease, int64_t token)
{
    struct told *t = ctx;
    t->token = token;
    buf_printf(&t->text, "+%s:%d ", lease, (int)token);
}

static void on_lost(void *ctx, const char *lease)
{
    struct told *t = ctx;
    t->token = 0;
    buf_printf(&t->text, "-%s ", lease);
}

static void on_sure(void *ctx, bool sure)
{
    ((struct told *)ctx)->sure = sure;
}

static void on_news(void *ctx, const char *change, int64_t last)
{
    buf_printf(&((struct told *)ctx)->text, "%s:%d ", change, (int)last);
}

static void on_asked(void *ctx, int64_t request, const json_t *body)
{
    struct told *t = ctx;
    t->asked++;
    if (json_flag(body, "silent", false))
        return;
    _cleanup_json_ json_t *answer = json_pack("{s:s}", "did", json_str(body, "what", ""));
    nodes_answer(t->nodes, request, answer);
}

static const struct nodes_fns fns = {
    .gained = on_gained, .lost = on_lost, .sure = on_sure, .news = on_news, .asked = on_asked};

static void join(struct kit *k, struct told *t, bool greedy)
{
    struct error err = ERROR_NONE;
    const struct store_options o = kit_options(k, false);
    *t = (struct told){.store = store_open(&o, NULL)};
    assert_non_null(t->store);
    const struct nodes_options n = {
        .loop = k->loop, .lease_ms = LEASE_MS, .greedy = greedy, .fns = &fns, .ctx = t};
    t->nodes = nodes_open(t->store, &n, &err);
    if (t->nodes == NULL)
        fail_msg("nodes_open: %s", err.text);
    while (!t->sure)
        loop_once(k->loop, true);
}

static void leave(struct told *t)
{
    store_flush(t->store);
    nodes_close(t->nodes);
    store_close(t->store);
    buf_free(&t->text);
}

static void wait_for_text(struct kit *k, struct told *t, const char *text)
{
    for (int i = 0; i < 2000 && strstr(buf_str(&t->text), text) == NULL; i++) {
        loop_once(k->loop, false);
        usleep(10000);
    }
    if (strstr(buf_str(&t->text), text) == NULL)
        fail_msg("told \"%s\", and not \"%s\"", buf_str(&t->text), text);
}

struct got {
    int calls;
    int64_t token;
    enum error_code code;
    json_t *answer;
};

static void on_taken(void *ctx, int64_t token, const struct error *err)
{
    struct got *g = ctx;
    g->calls++;
    g->token = token;
    g->code = err != NULL ? err->code : SB_OK;
}

static void on_answer(void *ctx, json_t *answer, const struct error *err)
{
    struct got *g = ctx;
    on_taken(g, 0, err);
    g->answer = json_incref(answer);
}

static int64_t take(struct kit *k, struct told *t, const char *lease)
{
    struct got g = {0};
    nodes_take(t->nodes, lease, on_taken, &g);
    while (g.calls == 0)
        loop_once(k->loop, true);
    assert_int_equal(g.code, SB_OK);
    return g.token;
}

static enum error_code append_under(struct kit *k, struct told *t, int64_t token, const char *change,
                                    int64_t n)
{
    struct outcome o = {0};
    static const char *const body[] = {"{}"};
    const struct store_lease lease = {"acme/prod", token};
    store_append_held(t->store, &lease, change, n, body, 1, on_done, &o);
    wait_for(k->loop, &o, 1);
    return o.err.code;
}

static void a_lease_is_held_by_one_node_until_it_leaves_and_its_token_grows(void **state)
{
    struct kit *k = *state;
    struct told a, b;
    join(k, &a, false);
    join(k, &b, true);
    assert_int_equal(take(k, &a, "acme/prod"), 1);
    assert_int_equal(take(k, &a, "acme/prod"), 1);
    assert_int_equal(take(k, &b, "acme/prod"), 0);
    assert_int_equal(append_under(k, &a, 1, "HF-1", 1), SB_OK);
    assert_int_equal(append_under(k, &b, 0, "HF-1", 2), SB_CONFLICT);
    assert_int_equal(append_under(k, &b, 2, "HF-1", 2), SB_CONFLICT);
    wait_for_text(k, &b, "HF-1:1 ");
    leave(&a);
    wait_for_text(k, &b, "+acme/prod:2 ");
    assert_int_equal(append_under(k, &b, 1, "HF-1", 2), SB_CONFLICT);
    assert_int_equal(append_under(k, &b, 2, "HF-1", 2), SB_OK);
    leave(&b);
}

static void all_that_was_written_before_is_told_before_a_lease_is(void **state)
{
    struct kit *k = *state;
    struct told a, b;
    join(k, &a, false);
    join(k, &b, true);
    int64_t token = take(k, &a, "acme/prod");
    for (int n = 1; n <= 20; n++)
        assert_int_equal(append_under(k, &a, token, "HF-1", n), SB_OK);
    leave(&a);
    wait_for_text(k, &b, "+acme/prod:2 ");
    const char *news = strstr(buf_str(&b.text), "HF-1:20 "),
               *lease = strstr(buf_str(&b.text), "+acme/prod:2 ");
    assert_true(news != NULL && news < lease);
    leave(&b);
}

/* Its sessions are ended, what it held is another's, and what it then wants to write is refused. */
static void a_node_that_is_not_heard_of_is_expelled_and_comes_back_with_nothing(void **state)
{
    struct kit *k = *state;
    struct told a, b;
    join(k, &a, false);
    join(k, &b, true);
    assert_int_equal(take(k, &a, "acme/prod"), 1);
    assert_true(nodes_sure(a.nodes));
    pg_run("DELETE FROM nodes WHERE id = (SELECT node FROM leases)"); /* what others do when it is silent */
    wait_for_text(k, &b, "+acme/prod:2 ");
    wait_for_text(k, &a, "-acme/prod ");
    assert_int_equal(append_under(k, &a, 1, "HF-1", 1), SB_CONFLICT);
    assert_int_equal(append_under(k, &b, 2, "HF-1", 1), SB_OK);
    assert_int_equal(take(k, &a, "acme/prod"), 0);
    leave(&b);
    leave(&a);
}

static void without_the_database_a_node_is_soon_no_longer_sure(void **state)
{
    struct kit *k = *state;
    struct told a;
    join(k, &a, false);
    take(k, &a, "acme/prod");
    pg_stop(SIGINT);
    for (int i = 0; i < 1000 && a.sure; i++) {
        loop_once(k->loop, false);
        usleep(10000);
    }
    assert_false(a.sure);
    assert_false(nodes_sure(a.nodes));
    pg_start();
    while (!a.sure)
        loop_once(k->loop, true);
    assert_true(nodes_sure(a.nodes));
    leave(&a);
}

static void what_is_asked_is_done_once_by_the_node_that_holds_the_lease(void **state)
{
    struct kit *k = *state;
    struct told a, b;
    struct got g = {0};
    _cleanup_json_ json_t *body = json_pack("{s:s}", "what", "start");
    join(k, &a, false);
    join(k, &b, false);
    take(k, &a, "acme/prod");
    nodes_ask(b.nodes, "acme/prod", body, on_answer, &g);
    while (g.calls == 0)
        loop_once(k->loop, true);
    assert_int_equal(g.code, SB_OK);
    assert_string_equal(json_str(g.answer, "did", ""), "start");
    assert_int_equal(a.asked, 1);
    assert_int_equal(b.asked, 0);
    json_decref(g.answer);
    leave(&a);
    leave(&b);
}

static void a_store_that_is_a_file_has_no_other_nodes(void **state)
{
    struct kit *k = *state;
    struct error err = ERROR_NONE;
    struct store *s = store_open(&(struct store_options){.path = k->path, .loop = k->loop}, NULL);
    const struct nodes_options n = {.loop = k->loop, .lease_ms = LEASE_MS, .fns = &fns};
    assert_null(nodes_open(s, &n, &err));
    assert_int_equal(err.code, SB_OK);
    nodes_close(NULL);
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
        WITH_STORE(a_lease_is_held_by_one_node_until_it_leaves_and_its_token_grows),
        WITH_STORE(all_that_was_written_before_is_told_before_a_lease_is),
        WITH_STORE(a_node_that_is_not_heard_of_is_expelled_and_comes_back_with_nothing),
        WITH_STORE(without_the_database_a_node_is_soon_no_longer_sure),
        WITH_STORE(what_is_asked_is_done_once_by_the_node_that_holds_the_lease),
        WITH_STORE(a_store_that_is_a_file_has_no_other_nodes),
    };
    return cmocka_run_group_tests(tests, pg_server_setup, pg_server_teardown);
}
