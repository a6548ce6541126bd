/* wake.c: who is to be carried on, and when: those with news soon, those that wait for a moment by one heap
 * and one timer. */
#include "engine/inside.h"

/* The wall clock may be set: a far moment is looked at again after this long. */
#define ALARM_MOST SECONDS(60)

/* --- soon
 * ----------------------------------------------------------------------------------------------------------
 */

static void tell_replies(struct engine *e)
{
    struct reply *list = e->replies;
    e->replies = NULL;
    e->replies_end = &e->replies;
    for (struct reply *r = list, *next; r; r = next) {
        next = r->next;
        r->done(r->ctx, r->answer, r->failed ? &r->error : NULL);
        json_decref(r->answer);
        free(r);
    }
}

static void drain(void *ctx)
{
    struct engine *e = ctx;
    e->drain = NULL;
    while (e->dirty_first) {
        struct ride *r = e->dirty_first;
        e->dirty_first = r->dirty_next;
        if (!e->dirty_first)
            e->dirty_last = NULL;
        r->dirty_next = NULL;
        carry(r); /* what it records itself needs no further round */
        r->dirty = false;
    }
    tell_replies(e);
    wake_consider_leap(e);
}

void engine_drain_soon(struct engine *e)
{
    if (!e->drain && !e->closing)
        e->drain = timer_start(e->loop, 0, drain, e);
}

void ride_wake(struct ride *r)
{
    struct engine *e = r->e;
    engine_drain_soon(e);
    if (r->dirty)
        return;
    r->dirty = true;
    r->dirty_next = NULL;
    if (e->dirty_last)
        e->dirty_last->dirty_next = r;
    else
        e->dirty_first = r;
    e->dirty_last = r;
}

/* --- by time: a binary heap, the soonest first
 * ------------------------------------------------------------------------ */

static void put_at(struct engine *e, size_t i, struct ride *r)
{
    e->heap[i] = r;
    r->heap_at = i + 1;
}

static void sift_up(struct engine *e, size_t i)
{
    struct ride *r = e->heap[i];
    while (i > 0 && e->heap[(i - 1) / 2]->wake > r->wake) {
        put_at(e, i, e->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put_at(e, i, r);
}

static void sift_down(struct engine *e, size_t i)
{
    struct ride *r = e->heap[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= e->heap_n)
            break;
        if (child + 1 < e->heap_n && e->heap[child + 1]->wake < e->heap[child]->wake)
            child++;
        if (e->heap[child]->wake >= r->wake)
            break;
        put_at(e, i, e->heap[child]);
        i = child;
    }
    put_at(e, i, r);
}

static void heap_add(struct engine *e, struct ride *r)
{
    if (e->heap_n == e->heap_room) {
        e->heap_room = e->heap_room ? e->heap_room * 2 : 64;
        e->heap = realloc(e->heap, e->heap_room * sizeof(struct ride *));
        if (!e->heap)
            abort();
    }
    put_at(e, e->heap_n++, r);
    sift_up(e, e->heap_n - 1);
}

static void heap_drop(struct engine *e, struct ride *r)
{
    size_t i = r->heap_at - 1;
    struct ride *last = e->heap[--e->heap_n];
    r->heap_at = 0;
    if (last == r)
        return;
    put_at(e, i, last);
    sift_up(e, i);
    sift_down(e, last->heap_at - 1);
}

static void set_alarm(struct engine *e);

static void on_alarm(void *ctx)
{
    struct engine *e = ctx;
    e->alarm = NULL;
    int64_t now = engine_now(e);
    while (e->heap_n > 0 && e->heap[0]->wake <= now) {
        struct ride *r = e->heap[0];
        heap_drop(e, r);
        r->wake = 0;
        ride_wake(r);
    }
    set_alarm(e);
}

/* The timer is set anew only when the soonest moment is another. */
static void set_alarm(struct engine *e)
{
    int64_t soonest = e->heap_n ? e->heap[0]->wake : 0;
    if (e->closing || (e->alarm && e->alarm_at == soonest))
        return;
    timer_cancel(e->alarm);
    e->alarm = NULL;
    e->alarm_at = soonest;
    if (!soonest)
        return;
    int64_t wait = soonest - engine_now(e);
    wait = wait < 0 ? 0 : wait > ALARM_MOST ? ALARM_MOST : wait;
    e->alarm = timer_start(e->loop, wait, on_alarm, e);
}

void wake_set(struct ride *r, int64_t at)
{
    struct engine *e = r->e;
    if (r->wake == at)
        return;
    if (r->heap_at)
        heap_drop(e, r);
    r->wake = at;
    if (at)
        heap_add(e, r);
    set_alarm(e);
}

void wake_free(struct engine *e)
{
    timer_cancel(e->alarm);
    timer_cancel(e->drain);
    e->alarm = e->drain = NULL;
    free(e->heap);
    e->heap = NULL;
    e->heap_n = e->heap_room = 0;
    for (struct reply *r = e->replies, *next; r; r = next) {
        next = r->next;
        json_decref(r->answer);
        free(r);
    }
    e->replies = NULL;
    e->replies_end = &e->replies;
}

/* --- a drill's clock
 * --------------------------------------------------------------------------------------------------- */

static bool asks_somebody(const struct change *c)
{
    for (int i = 0; i < c->sop->n_steps; i++) {
        enum step_status s = c->control.steps[i].status;
        if (s == STEP_ASKING || s == STEP_UNSURE)
            return true;
    }
    return false;
}

bool engine_quiet(const struct engine *e)
{
    if (e->tasks > 0 || e->appends > 0 || e->dirty_first || e->replies || e->looks)
        return false;
    for (const struct ride *r = e->rides_first; r; r = r->next)
        if (r->broken)
            return false;
    return true;
}

void wake_consider_leap(struct engine *e)
{
    if (!e->clock.idle || e->heap_n == 0 || !engine_quiet(e))
        return;
    int64_t until = e->heap[0]->wake;
    if (until <= engine_now(e))
        return;
    for (const struct ride *r = e->rides_first; r; r = r->next)
        if (!r->ended && asks_somebody(r->c))
            return;
    if (e->clock.idle(e->clock.ctx, until)) {
        e->alarm_at = 0;
        set_alarm(e);
    }
}

/* Of looks that take the time they take, however the clock leaps. */
static bool just_waits(const struct work *w)
{
    static const char *const patient[] = {"pager.acknowledged", "cluster.verify", "releases.check"};
    const struct verb *v = w->ride->c->sop->steps[w->step].verb;
    for (size_t i = 0; v && w->kind == WORK_OBSERVE && i < COUNT_OF(patient); i++)
        if (str_eq(v->name, patient[i]))
            return true;
    return false;
}

bool engine_only_waits(const struct engine *e, int64_t *until)
{
    if (e->appends > 0 || e->dirty_first || e->replies || e->looks || e->heap_n == 0)
        return false;
    for (const struct ride *r = e->rides_first; r; r = r->next) {
        if (r->broken)
            return false;
        for (const struct work *w = r->works; w; w = w->next)
            if (w->task && !just_waits(w))
                return false;
    }
    *until = e->heap[0]->wake;
    return true;
}

void engine_wake(struct engine *e)
{
    e->alarm_at = 0;
    set_alarm(e);
}
