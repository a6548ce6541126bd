/* nodes.c: the loop's side: what the thread tells becomes callbacks. */
#include "store/nodes.h"

#include "net/loop.h"
#include "store/backend.h"
#include "store/nodes_thread.h"
#include "store/pg.h"
#include <stdlib.h>

struct nodes {
    struct nodes_thread thread;
    struct loop *loop;
    const struct nodes_fns *fns;
    void *ctx;
    struct inbox inbox; /* from the thread */
    json_t *held;       /* {lease: token}, as was told */
    bool sure;          /* as was told */
    struct timer *alarm;
    struct loop_end *end;
    pthread_mutex_t mutex;
    bool posted; /* guarded by it: the loop will call; one call is enough for all that comes until then */
    bool closed; /* and then the loop's call is the last to know of us */
};

/* Somebody who waits for an answer of the thread. */
struct waiting {
    nodes_taken_fn *taken;
    nodes_answer_fn *answered;
    void *ctx;
};

static struct waiting *waiting_new(struct waiting w)
{
    struct waiting *new = calloc(1, sizeof *new);
    if (new == NULL)
        abort();
    *new = w;
    return new;
}

/* --- what is ours ------------------------------------------------------------------------------ */

bool nodes_sure(const struct nodes *n)
{
    return nodes_clock() < atomic_load(&n->thread.sure_until);
}

void nodes_look(struct nodes *n)
{
    if (!n->sure || nodes_sure(n))
        return;
    n->sure = false;
    n->fns->sure(n->ctx, false);
}

static void on_alarm(void *ctx);

static void set_alarm(struct nodes *n)
{
    int64_t left = atomic_load(&n->thread.sure_until) - nodes_clock();
    timer_cancel(n->alarm);
    n->alarm = left > 0 ? timer_start(n->loop, left + 1, on_alarm, n) : NULL;
}

static void on_alarm(void *ctx)
{
    struct nodes *n = ctx;
    n->alarm = NULL;
    nodes_look(n);
    set_alarm(n);
}

static void gain(struct nodes *n, const char *lease, int64_t token)
{
    int64_t had = json_integer_value(json_object_get(n->held, lease));
    if (had == token)
        return;
    if (had != 0) /* it was somebody else's in between */
        n->fns->lost(n->ctx, lease);
    json_object_set_new(n->held, lease, json_integer(token));
    n->fns->gained(n->ctx, lease, token);
}

static void take_over(struct nodes *n, json_t *now)
{
    const char *lease;
    json_t *token;
    void *next;
    json_object_foreach_safe(n->held, next, lease, token) {
        if (json_object_get(now, lease) != NULL)
            continue;
        n->fns->lost(n->ctx, lease);
        json_object_del(n->held, lease);
    }
    json_object_foreach(now, lease, token)
        gain(n, lease, json_integer_value(token));
    set_alarm(n);
    if (n->sure || !nodes_sure(n))
        return;
    n->sure = true;
    n->fns->sure(n->ctx, true);
}

/* --- notes of the thread ----------------------------------------------------------------------- */

static void read_note(struct nodes *n, struct note *note)
{
    const struct error *err = note->error.code != SB_OK ? &note->error : NULL;
    struct waiting *w = note->of;
    switch (note->kind) {
    case NOTE_HELD:
        take_over(n, note->body);
        break;
    case NOTE_NEWS:
        n->fns->news(n->ctx, note->name, note->number);
        break;
    case NOTE_ASKED:
        n->fns->asked(n->ctx, note->number, note->body);
        break;
    case NOTE_TAKEN:
        if (note->number != 0)
            gain(n, note->name, note->number);
        w->taken(w->ctx, note->number, err);
        break;
    case NOTE_ANSWERED:
        w->answered(w->ctx, note->body, err);
        break;
    case NOTE_TAKE:
    case NOTE_ASK:
    case NOTE_ANSWER:
        break;
    }
    free(w);
    note_free(note);
}

static void destroy(struct nodes *n)
{
    for (struct note *note; (note = inbox_take(&n->inbox)) != NULL; note_free(note))
        free(note->of);
    inbox_free(&n->inbox);
    loop_end_drop(n->end);
    pthread_mutex_destroy(&n->mutex);
    json_decref(n->held);
    free(n);
}

/* The loop goes, and with it the call that was posted to it. */
static void on_loop_end(void *ctx)
{
    struct nodes *n = ctx;
    n->end = NULL;
    if (n->closed)
        destroy(n);
}

static void on_post(void *ctx)
{
    struct nodes *n = ctx;
    pthread_mutex_lock(&n->mutex);
    n->posted = false;
    pthread_mutex_unlock(&n->mutex);
    if (n->closed) {
        destroy(n);
        return;
    }
    for (struct note *note; (note = inbox_take(&n->inbox)) != NULL;)
        read_note(n, note);
}

static void post(void *ctx, struct note *note)
{
    struct nodes *n = ctx;
    inbox_put(&n->inbox, note);
    pthread_mutex_lock(&n->mutex);
    bool first = !n->posted;
    n->posted = true;
    pthread_mutex_unlock(&n->mutex);
    if (first)
        loop_post(n->loop, on_post, n);
}

/* --- opening and closing ----------------------------------------------------------------------- */

struct nodes *nodes_open(struct store *s, const struct nodes_options *o, struct error *err)
{
    struct backend *b = store_backend(s);
    const struct pg_target *target = b->ops->target != NULL ? b->ops->target(b) : NULL;
    if (target == NULL)
        return NULL;
    struct nodes *n = calloc(1, sizeof *n);
    if (n == NULL || pthread_mutex_init(&n->mutex, NULL) != 0)
        abort();
    n->loop = o->loop;
    n->fns = o->fns;
    n->ctx = o->ctx;
    n->held = json_object();
    inbox_init(&n->inbox);
    n->end = loop_at_end(o->loop, on_loop_end, n);
    n->thread.pg.target = target;
    n->thread.id = target->name;
    n->thread.lease_ms = o->lease_ms;
    n->thread.greedy = o->greedy;
    n->thread.post = post;
    n->thread.ctx = n;
    if (nodes_thread_start(&n->thread, err))
        return n;
    destroy(n);
    return NULL;
}

void nodes_close(struct nodes *n)
{
    if (n == NULL)
        return;
    nodes_thread_stop(&n->thread);
    timer_cancel(n->alarm);
    n->closed = true;
    if (!n->posted || n->end == NULL)
        destroy(n);
}

/* --- asking ------------------------------------------------------------------------------------ */

static void order(struct nodes *n, struct note *note)
{
    inbox_put(&n->thread.orders, note);
    nodes_thread_wake(&n->thread);
}

void nodes_take(struct nodes *n, const char *lease, nodes_taken_fn *done, void *ctx)
{
    struct note *note = note_new(NOTE_TAKE, lease, 0, NULL);
    note->of = waiting_new((struct waiting){.taken = done, .ctx = ctx});
    order(n, note);
}

void nodes_ask(struct nodes *n, const char *lease, const json_t *body, nodes_answer_fn *done, void *ctx)
{
    struct note *note = note_new(NOTE_ASK, lease, 0, json_deep_copy(body));
    note->of = waiting_new((struct waiting){.answered = done, .ctx = ctx});
    order(n, note);
}

void nodes_answer(struct nodes *n, int64_t request, const json_t *answer)
{
    order(n, note_new(NOTE_ANSWER, NULL, request, json_deep_copy(answer)));
}
