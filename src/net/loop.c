#include "net/loop.h"
#include "net/alloc.h"
#include <signal.h>
#include <time.h>

struct timer {
    uv_timer_t uv;
    struct loop *loop;
    struct timer *next, *prev; /* in loop->timers until fired or cancelled */
    void (*fn)(void *ctx);
    void *ctx;
};

struct posted {
    struct posted *next;
    void (*fn)(void *ctx);
    void *ctx;
};

struct work {
    uv_work_t uv;
    struct loop *loop;
    void (*drop)(void *ctx); /* or NULL */
    void (*work)(void *ctx);
    void (*done)(void *ctx);
    void *ctx;
};

struct loop_end {
    struct loop *loop;
    struct loop_end *next, *prev;
    void (*fn)(void *ctx);
    void *ctx;
};

struct loop {
    uv_loop_t uv;
    uv_async_t wake;  /* not counted as something to wait for */
    uv_mutex_t mutex; /* guards first, last */
    struct posted *first, *last;
    struct timer *timers;
    struct loop_end *ends;
    uv_signal_t signals[2];
    void (*on_signal)(void *ctx, int signum);
    void *on_signal_ctx;
    bool stopped, ending, in_timer;
};

/* Posted calls, taken as one batch: what they post themselves comes in the next round, so that a call that
 * posts itself again cannot keep sockets from being served. */
static bool run_posted(struct loop *l)
{
    uv_mutex_lock(&l->mutex);
    struct posted *p = l->first;
    l->first = l->last = NULL;
    uv_mutex_unlock(&l->mutex);
    bool any = p != NULL;
    while (p != NULL) {
        struct posted *next = p->next;
        if (!l->ending)
            p->fn(p->ctx);
        free(p);
        p = next;
    }
    return any;
}

static void on_wake(uv_async_t *a)
{
    run_posted(a->data);
}

struct loop *loop_new(void)
{
    /* libuv and OpenSSL write to sockets whose reader may be gone: that is an error value, not the end of us.
     */
    signal(SIGPIPE, SIG_IGN);

    struct loop *l = NET_NEW(struct loop);
    if (uv_loop_init(&l->uv) != 0 || uv_mutex_init(&l->mutex) != 0 ||
        uv_async_init(&l->uv, &l->wake, on_wake) != 0)
        abort();
    l->wake.data = l;
    uv_unref((uv_handle_t *)&l->wake);
    return l;
}

static void free_timer(uv_handle_t *h)
{
    free(h->data);
}

static void unlink_timer(struct timer *t)
{
    if (t->prev != NULL)
        t->prev->next = t->next;
    else
        t->loop->timers = t->next;
    if (t->next != NULL)
        t->next->prev = t->prev;
}

/* Idempotent while the handle is closing: a timer may be cancelled from inside its own call. */
static void close_timer(struct timer *t)
{
    if (uv_is_closing((uv_handle_t *)&t->uv))
        return;
    unlink_timer(t);
    uv_close((uv_handle_t *)&t->uv, free_timer);
}

static void close_leftover(uv_handle_t *h, void *ctx)
{
    (void)ctx;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    l->ending = true;
    while (l->ends != NULL) {
        struct loop_end *e = l->ends;
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): loop_end_drop takes it off the list */
        e->fn(e->ctx);
        loop_end_drop(e);
    }
    while (l->timers != NULL)
        close_timer(l->timers);
    uv_walk(&l->uv, close_leftover, NULL);
    /* Runs what close callbacks are left, and waits for work that the pool has begun. */
    while (uv_run(&l->uv, UV_RUN_DEFAULT) != 0)
        ;
    run_posted(l);
    uv_loop_close(&l->uv);
    uv_mutex_destroy(&l->mutex);
    free(l);
}

uv_loop_t *loop_uv(struct loop *l)
{
    return &l->uv;
}

void loop_run(struct loop *l)
{
    while (!l->stopped) {
        uv_run(&l->uv, UV_RUN_DEFAULT);
        if (!l->stopped && !run_posted(l) && !uv_loop_alive(&l->uv))
            break;
    }
    l->stopped = false;
}

void loop_once(struct loop *l, bool wait)
{
    if (!wait) {
        uv_run(&l->uv, UV_RUN_NOWAIT);
        run_posted(l);
        return;
    }
    /* With nothing else open, libuv would return at once; a post from another thread is worth waiting for. */
    uv_ref((uv_handle_t *)&l->wake);
    uv_run(&l->uv, UV_RUN_ONCE);
    uv_unref((uv_handle_t *)&l->wake);
}

void loop_stop(struct loop *l)
{
    l->stopped = true;
    uv_stop(&l->uv);
}

static int64_t clock_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t loop_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

int64_t loop_mono_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

static void on_timer(uv_timer_t *uv)
{
    struct timer *t = uv->data;
    struct loop *l = t->loop;
    close_timer(t);
    l->in_timer = true;
    t->fn(t->ctx);
    l->in_timer = false;
}

struct timer *timer_start(struct loop *l, int64_t after_ms, void (*fn)(void *ctx), void *ctx)
{
    struct timer *t = NET_NEW(struct timer);
    t->loop = l;
    t->fn = fn;
    t->ctx = ctx;
    uv_timer_init(&l->uv, &t->uv);
    t->uv.data = t;
    t->next = l->timers;
    if (t->next != NULL)
        t->next->prev = t;
    l->timers = t;
    /* libuv counts from the moment its round began, which a long callback leaves far behind. */
    uv_update_time(&l->uv);
    /* libuv runs all timers that are due before it looks at a socket: one that starts itself again at once
     * would keep it there for ever. */
    int64_t least = l->in_timer ? 1 : 0;
    uv_timer_start(&t->uv, on_timer, (uint64_t)(after_ms > least ? after_ms : least), 0);
    return t;
}

void timer_cancel(struct timer *t)
{
    if (t != NULL)
        close_timer(t);
}

void loop_post(struct loop *l, void (*fn)(void *ctx), void *ctx)
{
    struct posted *p = NET_NEW(struct posted);
    p->fn = fn;
    p->ctx = ctx;
    uv_mutex_lock(&l->mutex);
    if (l->last != NULL)
        l->last->next = p;
    else
        l->first = p;
    l->last = p;
    uv_mutex_unlock(&l->mutex);
    uv_async_send(&l->wake);
}

static void work_run(uv_work_t *uv)
{
    struct work *w = uv->data;
    w->work(w->ctx);
}

static void work_done(uv_work_t *uv, int status)
{
    struct work *w = uv->data;
    if (status == 0 && !w->loop->ending)
        w->done(w->ctx);
    else if (w->drop)
        w->drop(w->ctx);
    free(w);
}

void loop_work(struct loop *l, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx)
{
    loop_work_or_drop(l, work, done, NULL, ctx);
}

void loop_work_or_drop(struct loop *l, void (*work)(void *ctx), void (*done)(void *ctx),
                       void (*drop)(void *ctx), void *ctx)
{
    struct work *w = NET_NEW(struct work);
    *w = (struct work){.loop = l, .work = work, .done = done, .drop = drop, .ctx = ctx};
    w->uv.data = w;
    if (uv_queue_work(&l->uv, &w->uv, work_run, work_done) != 0)
        abort();
}

static void on_uv_signal(uv_signal_t *s, int signum)
{
    struct loop *l = s->data;
    l->on_signal(l->on_signal_ctx, signum);
}

void loop_signals(struct loop *l, void (*fn)(void *ctx, int signum), void *ctx)
{
    static const int which[2] = {SIGINT, SIGTERM};
    bool first = l->on_signal == NULL;
    l->on_signal = fn;
    l->on_signal_ctx = ctx;
    for (int i = 0; first && i < 2; i++) {
        uv_signal_init(&l->uv, &l->signals[i]);
        l->signals[i].data = l;
        uv_signal_start(&l->signals[i], on_uv_signal, which[i]);
        uv_unref((uv_handle_t *)&l->signals[i]);
    }
}

struct loop_end *loop_at_end(struct loop *l, void (*fn)(void *ctx), void *ctx)
{
    struct loop_end *e = NET_NEW(struct loop_end);
    *e = (struct loop_end){.loop = l, .next = l->ends, .fn = fn, .ctx = ctx};
    if (e->next != NULL)
        e->next->prev = e;
    l->ends = e;
    return e;
}

void loop_end_drop(struct loop_end *e)
{
    if (e == NULL)
        return;
    if (e->prev != NULL)
        e->prev->next = e->next;
    else
        e->loop->ends = e->next;
    if (e->next != NULL)
        e->next->prev = e->prev;
    free(e);
}
