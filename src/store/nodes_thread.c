#include "store/nodes_thread.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "net/loop.h"
#include "store/ledger.h"
#include "store/store.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CONNECT_S = 3, PAUSE_MS = 300, GATHER_US = 5000 };

/* A request that nobody answers within this is given up. */
enum { ANSWER_MS = 30000 };

struct asking {
    struct asking *next;
    int64_t number, until;
    void *of;
};

int64_t nodes_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void post(struct nodes_thread *t, struct note *n)
{
    t->post(t->ctx, n);
}

static bool run(struct nodes_thread *t, enum pg_statement what, const struct pg_args *a, struct error *err)
{
    PGresult *r = pg_ask(&t->pg, what, a, err);
    PQclear(r);
    return r != NULL;
}

/* Wakes every node, us as well: whoever listens looks at everything. */
static bool wake_others(struct nodes_thread *t, struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, "");
    return run(t, PG_NOTIFY, &a, err);
}

/* --- being heard of ---------------------------------------------------------------------------- */

static bool add_node(struct nodes_thread *t, struct error *err)
{
    char host[100] = "";
    (void)gethostname(host, sizeof host - 1);
    _cleanup_buf_ struct buf name = {0};
    buf_printf(&name, "%s, process %ld", host, (long)getpid());
    struct pg_args a = {0};
    pg_text(&a, t->id);
    pg_text(&a, buf_str(&name));
    pg_number(&a, t->lease_ms);
    return run(t, PG_NODE_ADD, &a, err);
}

/* Who was expelled comes back with nothing. */
static bool renew(struct nodes_thread *t, struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, t->id);
    pg_number(&a, t->lease_ms);
    _cleanup_pg_ PGresult *r = pg_ask(&t->pg, PG_NODE_RENEW, &a, err);
    return r != NULL && (PQntuples(r) == 1 || add_node(t, err));
}

static bool expel(struct nodes_thread *t, const char *id, struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, id);
    log_info("store", "%s has not been heard of for its time: what it carried is free", id);
    return run(t, PG_SESSIONS_END, &a, err) && run(t, PG_NODE_EXPEL, &a, err);
}

static bool expel_overdue(struct nodes_thread *t, struct error *err)
{
    _cleanup_pg_ PGresult *r = pg_ask(&t->pg, PG_NODES_OVERDUE, NULL, err);
    if (r == NULL)
        return false;
    for (int i = 0; i < PQntuples(r); i++)
        if (!expel(t, pg_str(r, i, 0), err))
            return false;
    return true;
}

static bool take_free(struct nodes_thread *t, struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, t->id);
    return !t->greedy || run(t, PG_LEASES_TAKE, &a, err);
}

/* --- news -------------------------------------------------------------------------------------- */

static void tell_entry(struct nodes_thread *t, const json_t *entry)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(entry, "appends"), i, item) {
        struct entry_append a;
        if (entry_append_read(item, &a))
            post(t, note_new(NOTE_NEWS, a.change, a.first + a.n - 1, NULL));
    }
}

static bool tell_news(struct nodes_thread *t, struct error *err)
{
    for (;;) {
        struct pg_args a = {0};
        pg_number(&a, t->seen);
        _cleanup_pg_ PGresult *r = pg_ask(&t->pg, PG_NEWS, &a, err);
        if (r == NULL)
            return false;
        if (PQntuples(r) == 0)
            return true;
        for (int i = 0; i < PQntuples(r); i++) {
            _cleanup_json_ json_t *entry = entry_read(pg_str(r, i, 1), (size_t)PQgetlength(r, i, 1), NULL);
            if (entry != NULL)
                tell_entry(t, entry);
            t->seen = pg_int(r, i, 0);
        }
    }
}

static bool start_at_the_end(struct nodes_thread *t, struct error *err)
{
    _cleanup_pg_ PGresult *r = pg_ask(&t->pg, PG_ENTRY_LAST, NULL, err);
    if (r != NULL)
        t->seen = PQntuples(r) > 0 ? pg_int(r, 0, 0) : 0;
    return r != NULL;
}

/* What others wrote under a lease before it was ours is told before it is told that it is ours. */
static bool tell_held(struct nodes_thread *t, struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, t->id);
    _cleanup_pg_ PGresult *r = pg_ask(&t->pg, PG_LEASES_MINE, &a, err);
    if (r == NULL || !tell_news(t, err))
        return false;
    json_t *held = json_object();
    for (int i = 0; i < PQntuples(r); i++)
        json_object_set_new(held, pg_str(r, i, 0), json_integer(pg_int(r, i, 1)));
    post(t, note_new(NOTE_HELD, NULL, 0, held));
    return true;
}

static int64_t pause_of(const struct nodes_thread *t)
{
    return t->lease_ms / 4;
}

/* A quarter of the time is left for what is begun at the last moment. It counts from before the database was
 * asked, so it ends before the database lets anybody take anything. */
static bool tick(struct nodes_thread *t, struct error *err)
{
    int64_t before = nodes_clock();
    t->tick_at = loop_mono_ms() + pause_of(t);
    if (!renew(t, err) || !expel_overdue(t, err) || !take_free(t, err))
        return false;
    atomic_store(&t->sure_until, before + t->lease_ms - pause_of(t));
    return tell_held(t, err);
}

/* --- requests ---------------------------------------------------------------------------------- */

static void answer_asking(struct nodes_thread *t, struct asking *a, json_t *body, const struct error *why)
{
    struct note *n = note_new(NOTE_ANSWERED, NULL, 0, body);
    if (why != NULL)
        n->error = *why;
    n->of = a->of;
    post(t, n);
}

static bool take_requests(struct nodes_thread *t, struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, t->id);
    _cleanup_pg_ PGresult *r = pg_ask(&t->pg, PG_REQUESTS_TAKE, &a, err);
    for (int i = 0; r != NULL && i < PQntuples(r); i++) {
        json_t *body =
            json_read(pg_str(r, i, 1), (size_t)PQgetlength(r, i, 1), STORE_BODY_MAX, "request", NULL);
        if (body != NULL)
            post(t, note_new(NOTE_ASKED, NULL, pg_int(r, i, 0), body));
    }
    return r != NULL;
}

static bool take_answers(struct nodes_thread *t, struct error *err)
{
    if (t->asking == NULL)
        return true;
    struct pg_args a = {0};
    pg_text(&a, t->id);
    _cleanup_pg_ PGresult *r = pg_ask(&t->pg, PG_ANSWERS_TAKE, &a, err);
    for (int i = 0; r != NULL && i < PQntuples(r); i++)
        for (struct asking **at = &t->asking, *one; (one = *at) != NULL; at = &one->next) {
            if (one->number != pg_int(r, i, 0))
                continue;
            struct error why = ERROR_NONE;
            json_t *body = json_read(pg_str(r, i, 1), (size_t)PQgetlength(r, i, 1), STORE_BODY_MAX,
                                     "answer of another node", &why);
            answer_asking(t, one, body, body == NULL ? &why : NULL);
            *at = one->next;
            free(one);
            break;
        }
    return r != NULL;
}

/* Not taken: certainly not done. Taken, and no answer: its node may have died over it. */
static bool give_up(struct nodes_thread *t, struct asking *one, struct error *err)
{
    struct pg_args a = {0};
    struct error why;
    pg_number(&a, one->number);
    _cleanup_pg_ PGresult *r = pg_ask(&t->pg, PG_REQUEST_DROP, &a, err);
    if (r == NULL)
        return false;
    if (PQntuples(r) == 1 && *pg_str(r, 0, 0) == 'f')
        error_set(&why, SB_CONFLICT, "no node carries this change now; nothing was done. Try again");
    else
        error_set(&why, SB_NET,
                  "the node that carries this change has not answered: look whether it was done");
    answer_asking(t, one, NULL, &why);
    return true;
}

static bool give_up_overdue(struct nodes_thread *t, struct error *err)
{
    int64_t now = loop_mono_ms();
    for (struct asking **at = &t->asking, *one; (one = *at) != NULL;) {
        if (one->until > now) {
            at = &one->next;
            continue;
        }
        if (!give_up(t, one, err))
            return false;
        *at = one->next;
        free(one);
    }
    return true;
}

/* --- orders of the loop ------------------------------------------------------------------------ */

static bool order_take(struct nodes_thread *t, struct note *o, struct error *err)
{
    struct pg_args a = {0};
    pg_text(&a, o->name);
    pg_text(&a, t->id);
    _cleanup_pg_ PGresult *r = pg_ask(&t->pg, PG_LEASE_TAKE, &a, err);
    if (r == NULL || !tell_news(t, err))
        return false;
    struct note *n = note_new(NOTE_TAKEN, o->name, PQntuples(r) > 0 ? pg_int(r, 0, 0) : 0, NULL);
    n->of = o->of;
    post(t, n);
    return true;
}

static bool order_ask(struct nodes_thread *t, struct note *o, struct error *err)
{
    char *text = json_canonical(o->body);
    struct pg_args a = {0};
    pg_text(&a, t->id);
    pg_text(&a, o->name);
    pg_text(&a, text);
    _cleanup_pg_ PGresult *r = pg_ask(&t->pg, PG_REQUEST_ADD, &a, err);
    free(text);
    if (r == NULL)
        return false;
    struct asking *one = calloc(1, sizeof *one);
    if (one == NULL)
        abort();
    *one = (struct asking){t->asking, pg_int(r, 0, 0), loop_mono_ms() + ANSWER_MS, o->of};
    t->asking = one;
    struct error ignored;
    (void)wake_others(t, &ignored); /* whoever does not hear looks every while */
    return true;
}

static bool order_answer(struct nodes_thread *t, struct note *o, struct error *err)
{
    char *text = json_canonical(o->body);
    struct pg_args a = {0};
    pg_number(&a, o->number);
    pg_text(&a, text);
    bool ok = run(t, PG_REQUEST_ANSWER, &a, err) && wake_others(t, err);
    free(text);
    return ok;
}

/* What cannot be asked for now is answered so; an answer that we owe is not put off for ever either. */
static void order_failed(struct nodes_thread *t, struct note *o, const struct error *why)
{
    if (o->kind == NOTE_ANSWER)
        return;
    struct note *n = note_new(o->kind == NOTE_TAKE ? NOTE_TAKEN : NOTE_ANSWERED, o->name, 0, NULL);
    n->error = *why;
    if (n->error.code == SB_NET)
        n->error.code = SB_IO;
    n->of = o->of;
    post(t, n);
}

static bool carry_out_orders(struct nodes_thread *t, struct error *err)
{
    bool ok = true;
    for (struct note *o; ok && (o = inbox_take(&t->orders)) != NULL; note_free(o)) {
        ok = o->kind == NOTE_TAKE  ? order_take(t, o, err)
             : o->kind == NOTE_ASK ? order_ask(t, o, err)
                                   : order_answer(t, o, err);
        if (!ok)
            order_failed(t, o, err);
    }
    return ok;
}

static void fail_orders(struct nodes_thread *t, const struct error *why)
{
    for (struct note *o; (o = inbox_take(&t->orders)) != NULL; note_free(o))
        order_failed(t, o, why);
}

/* --- the thread -------------------------------------------------------------------------------- */

/* A session that waits for long for somebody else's lock is no longer heard of itself. */
static bool join(struct nodes_thread *t, struct error *err)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql, "SET lock_timeout = %d; SET statement_timeout = %d; LISTEN signalbox",
                   (int)(t->lease_ms / 4), (int)(t->lease_ms / 2));
    return pg_open(&t->pg, false, CONNECT_S, err) && pg_exec(&t->pg, sql, err);
}

static bool round_of(struct nodes_thread *t, struct error *err)
{
    if (!pg_is_open(&t->pg) && !join(t, err))
        return false;
    if (loop_mono_ms() >= t->tick_at && !tick(t, err))
        return false;
    return carry_out_orders(t, err) && tell_news(t, err) && take_requests(t, err) && take_answers(t, err) &&
           give_up_overdue(t, err);
}

static void say(struct nodes_thread *t, bool ok, const struct error *why)
{
    if (!ok && !t->silent)
        log_warn("store", "the other nodes cannot be heard of: %s", why->text);
    if (ok && t->silent)
        log_info("store", "the other nodes can be heard of again");
    t->silent = !ok;
}

/* Until somebody says something, or it is time to be heard of. */
static void wait_for_something(struct nodes_thread *t, bool ok)
{
    struct pollfd fds[2] = {{t->wake[0], POLLIN, 0},
                            {pg_is_open(&t->pg) ? PQsocket(t->pg.c) : -1, POLLIN, 0}};
    int64_t wait = ok ? t->tick_at - loop_mono_ms() : PAUSE_MS;
    poll(fds, 2, wait > 0 ? (int)wait : 0);
    char bytes[64];
    while (read(t->wake[0], bytes, sizeof bytes) > 0)
        ;
    if (!pg_is_open(&t->pg) || fds[1].revents == 0)
        return;
    if (fds[0].revents == 0)
        usleep(GATHER_US); /* under load, one look serves many commits */
    if (PQconsumeInput(t->pg.c) != 1)
        pg_close(&t->pg);
    for (PGnotify *n; t->pg.c != NULL && (n = PQnotifies(t->pg.c)) != NULL;)
        PQfreemem(n);
}

static void *thread_main(void *ctx)
{
    struct nodes_thread *t = ctx;
    while (!atomic_load(&t->stop)) {
        struct error err = ERROR_NONE;
        bool ok = round_of(t, &err);
        if (!ok) {
            pg_close(&t->pg);
            fail_orders(t, &err);
        }
        say(t, ok, &err);
        wait_for_something(t, ok);
    }
    return NULL;
}

static bool open_wake(struct nodes_thread *t, struct error *err)
{
    if (pipe2(t->wake, O_CLOEXEC | O_NONBLOCK) == 0)
        return true;
    t->wake[0] = t->wake[1] = -1;
    return error_set(err, SB_IO, "no more files can be opened");
}

/* Signals are the loop's. */
static void start_thread(struct nodes_thread *t)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&t->thread, NULL, thread_main, t) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

bool nodes_thread_start(struct nodes_thread *t, struct error *err)
{
    inbox_init(&t->orders);
    if (open_wake(t, err) && join(t, err) && start_at_the_end(t, err) && renew(t, err)) {
        start_thread(t);
        return true;
    }
    pg_close(&t->pg);
    inbox_free(&t->orders);
    if (t->wake[0] >= 0) {
        close(t->wake[0]);
        close(t->wake[1]);
    }
    return false;
}

void nodes_thread_wake(struct nodes_thread *t)
{
    ssize_t ignored = write(t->wake[1], "", 1); /* full: it is awake */
    (void)ignored;
}

static void leave(struct nodes_thread *t)
{
    struct error err;
    struct pg_args a = {0};
    pg_text(&a, t->id);
    error_set(&err, SB_STATE, "this node is stopping");
    if (pg_is_open(&t->pg) && carry_out_orders(t, &err) && run(t, PG_NODE_LEAVE, &a, &err))
        (void)wake_others(t, &err);
    fail_orders(t, &err);
    pg_close(&t->pg);
}

void nodes_thread_stop(struct nodes_thread *t)
{
    atomic_store(&t->stop, true);
    nodes_thread_wake(t);
    pthread_join(t->thread, NULL);
    leave(t);
    for (struct asking *a; (a = t->asking) != NULL; free(a)) {
        t->asking = a->next;
        free(a->of);
    }
    inbox_free(&t->orders);
    close(t->wake[0]);
    close(t->wake[1]);
}
