/* record.c: from an event to the durable record, and to those who wait for it. */
#include "base/log.h"
#include "engine/crashpoint.h"
#include "engine/figures.h"
#include "engine/share.h"

/* A store that fails is tried again after 1 s, 2 s, ... at most this long. */
#define STORE_PAUSE_MOST SECONDS(30)

/* Snapshot after so many events: what a restart folds at most, and more. */
enum { SNAPSHOT_EVERY = 500 };

/* Events on their way to the store. */
struct batch {
    struct batch *prev, *next; /* in engine.batches */
    struct engine *e;
    struct ride *ride; /* NULL once it is gone */
    unsigned epoch;
    int64_t last;
    json_t *events;
    struct waiter *waiters;
    bool counts; /* for crash tests */
};

/* --- telling people
 * ------------------------------------------------------------------------------------------------ */

void reply_later(struct engine *e, engine_done_fn *done, void *ctx, json_t *answer, const struct error *err)
{
    struct reply *r = NET_NEW(struct reply);
    r->done = done;
    r->ctx = ctx;
    r->answer = answer;
    if (err) {
        r->failed = true;
        r->error = *err;
    }
    *e->replies_end = r;
    e->replies_end = &r->next;
    engine_drain_soon(e);
}

static void tell_waiters(struct engine *e, struct waiter *list, const struct error *err)
{
    for (struct waiter *w = list, *next; w; w = next) {
        next = w->next;
        reply_later(e, w->done, w->ctx, err ? NULL : json_incref(w->answer), err);
        json_decref(w->answer);
        free(w);
    }
}

void waiters_drop(struct waiter *list)
{
    for (struct waiter *w = list, *next; w; w = next) {
        next = w->next;
        json_decref(w->answer);
        free(w);
    }
}

/* A listener may leave, or others come, while they are told. */
void listeners_tell(struct engine *e, const char *change, const json_t *events)
{
    size_t i;
    json_t *event;
    e->telling = true;
    json_array_foreach((json_t *)events, i, event)
        for (struct listener *l = e->listeners; l; l = l->next)
            if (!l->gone)
                l->fn(l->ctx, change, event);
    e->telling = false;
    for (struct listener **at = &e->listeners; *at;) {
        struct listener *l = *at;
        if (!l->gone) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        free(l);
    }
}

/* --- after the store has answered
 * ------------------------------------------------------------------------------------ */

static void batch_unlink(struct batch *b)
{
    if (b->prev)
        b->prev->next = b->next;
    else
        b->e->batches = b->next;
    if (b->next)
        b->next->prev = b->prev;
}

static void batch_free(struct batch *b)
{
    json_decref(b->events);
    free(b);
}

void batches_forget(struct ride *r)
{
    for (struct batch *b = r->e->batches; b; b = b->next)
        if (b->ride == r)
            b->ride = NULL;
}

void batches_free(struct engine *e)
{
    while (e->batches) {
        struct batch *b = e->batches;
        e->batches = b->next;
        waiters_drop(b->waiters);
        batch_free(b);
    }
}

static void keep_snapshot(struct ride *r)
{
    if (r->c->control.seq - r->snapshot_at < SNAPSHOT_EVERY || r->durable != r->c->control.seq)
        return;
    r->snapshot_at = r->durable;
    json_t *state = change_save(r->c);
    store_put_snapshot(r->e->store, r->id, r->durable, SB_VERSION, state);
    json_decref(state);
}

static void ignore_doc(void *ctx, json_t *doc, const struct error *err)
{
    (void)ctx, (void)doc;
    if (err)
        log_warn("engine", "the short form of an ended change could not be kept: %s", err->text);
}

/* The report is written once more, with the change's end in it. */
static void finish_report(struct ride *r)
{
    char path[512];
    struct error err = ERROR_NONE;
    for (int i = 0; i < r->c->sop->n_steps; i++) {
        const struct verb *v = r->c->sop->steps[i].verb;
        if (!v || !str_eq(v->name, "change.report") || r->c->control.steps[i].status != STEP_DONE)
            continue;
        if (!report_write(r->e, r->c, json_str(r->c->data[i].args, "title", NULL), path, sizeof path, &err))
            log_write(LOG_WARN, "engine", r->id, "the report: %s", err.text);
        return;
    }
}

void ride_finish(struct ride *r)
{
    struct engine *e = r->e;
    r->ended = true;
    e->ended++;
    e->loaded--;
    if (names_get(&e->plans, r->plan_hash) == r) /* the same may have been planned anew */
        names_drop(&e->plans, r->plan_hash);
    works_cancel(r);
    wake_set(r, 0);
    lane_leave(r);
    store_mark_ended(e->store, r->id);
    json_t *summary = summary_json(r, r->c);
    json_decref(names_get(&e->summaries, r->id));
    names_put(&e->summaries, r->id, json_incref(summary));
    store_doc_put_new(e->store, "summary", r->id, summary, ignore_doc, NULL);
    json_decref(summary);
    finish_report(r);
    rides_forget(e);
}

static void on_stored(void *ctx, const struct error *err)
{
    struct batch *b = ctx;
    struct engine *e = b->e;
    struct ride *r = b->ride;
    batch_unlink(b);
    e->appends--;
    if (!err)
        crash_after_append((int)json_array_size(b->events), b->counts);
    tell_waiters(e, b->waiters, err);
    if (r) {
        r->appends--;
        if (!err && b->epoch == r->epoch) {
            r->durable = b->last;
            r->store_tries = 0;
            free(r->store_error);
            r->store_error = NULL;
            keep_snapshot(r);
            if (r->c->control.status == CHANGE_ENDED && r->durable == r->c->control.seq && !r->ended)
                ride_finish(r);
        }
        if (err && b->epoch == r->epoch && !r->broken)
            ride_break(r, err);
        ride_wake(r);
    }
    if (!err && r && r->c)
        history_follow(r, b->events);
    if (!err && r)
        listeners_tell(e, r->id, b->events);
    batch_free(b);
    engine_drain_soon(e);
}

/* --- recording
 * -------------------------------------------------------------------------------------------------------- */

/* A token speaks with its owner's name: that it was the token is part of what happened. */
static void note_via(const struct engine *e, struct event *ev)
{
    const struct asker *a = e->asker;
    if (!a || !a->via || !str_eq(a->name, ev->by))
        return;
    if (!ev->data)
        ev->data = json_object();
    json_object_set_new(ev->data, "via", json_string(a->via));
}

static void nobody_waits(void *ctx)
{
    (void)ctx;
}

bool ride_record(struct ride *r, struct event *ev, struct error *err)
{
    const struct control *k = &r->c->control;
    int64_t now = engine_now(r->e);
    ev->seq = k->seq + 1;
    ev->at = now > k->at ? now : k->at;
    ev->run = ev->step >= 0 ? k->steps[ev->step].run : 0;
    if (!ev->by)
        ev->by = "";
    note_via(r->e, ev);
    const uint8_t round = k->round;
    bool ok = r->broken ? error_set(err, SB_IO, "%s: the record cannot be written: %s", r->id, r->store_error)
              : k->seq > 0 && !ride_held(r)
                  ? error_set(err, SB_CONFLICT, "%s: another node carries it now", r->id)
                  : change_apply(r->c, ev, err);
    if (ok) {
        if (!r->out)
            r->out = json_array();
        json_t *body = event_to_json(ev, r->c->sop);
        if (r->c->control.round != round) /* so that the record tells when trouble began without its page */
            json_object_set_new(body, "round", json_integer(r->c->control.round));
        if (r->c->control.round != round)
            figures_refresh(r->e, nobody_waits, NULL); /* how long decisions took before is asked soon */
        json_array_append_new(r->out, body);
        works_prune(r);
        ride_wake(r);
    }
    event_clear(ev);
    return ok;
}

void ride_tell(struct ride *r, engine_done_fn *done, void *ctx, json_t *answer)
{
    struct waiter *w = NET_NEW(struct waiter);
    *w = (struct waiter){.next = r->out_waiters, .done = done, .ctx = ctx, .answer = answer};
    r->out_waiters = w;
    ride_wake(r);
}

/* Only back to where it was before the process died, or news of an observation that a new process begins anew
 * (a health soak). A process that dies after every event would never get further, if these counted. */
static bool is_progress(const json_t *events)
{
    size_t i;
    json_t *event;
    json_array_foreach((json_t *)events, i, event) {
        const char *type = json_str(event, "type", "");
        if (!str_eq(type, event_names[EV_RESTARTED]) && !str_eq(type, event_names[EV_NOT_FOUND]) &&
            !str_eq(type, event_names[EV_PROGRESS]))
            return true;
    }
    return false;
}

void ride_flush(struct ride *r)
{
    int n = (int)json_array_size(r->out);
    if (n == 0)
        return;
    struct engine *e = r->e;
    struct batch *b = NET_NEW(struct batch);
    *b = (struct batch){.next = e->batches,
                        .e = e,
                        .ride = r,
                        .epoch = r->epoch,
                        .last = r->c->control.seq,
                        .events = r->out,
                        .waiters = r->out_waiters,
                        .counts = is_progress(r->out)};
    if (e->batches)
        e->batches->prev = b;
    e->batches = b;
    r->out = NULL;
    r->out_waiters = NULL;
    r->appends++;
    e->appends++;
    char **bodies = net_alloc((size_t)n * sizeof *bodies);
    for (int i = 0; i < n; i++)
        bodies[i] = json_canonical(json_array_get(b->events, (size_t)i));
    _cleanup_arena_ struct arena a = arena_make();
    struct store_lease lease;
    store_append_held(e->store, ride_lease(r, &a, &lease) ? &lease : NULL, r->id, b->last - n + 1,
                      (const char *const *)bodies, n, on_stored, b);
    for (int i = 0; i < n; i++)
        free(bodies[i]);
    free(bodies);
}

/* --- when the store fails
 * ------------------------------------------------------------------------------------------------ */

/* Reads the change again, as after a crash. */
static void read_again(void *ctx)
{
    struct ride *r = ctx;
    struct error err = ERROR_NONE;
    r->again = NULL;
    if (r->appends > 0) { /* what the store still holds is answered first */
        r->again = timer_start(r->e->loop, 200, read_again, r);
        return;
    }
    struct change *c = change_read(r->e, r->id, NULL, &r->snapshot_at, &err);
    if (!c && err.code == SB_UNKNOWN) {
        ride_free(r); /* not even its plan was kept */
        return;
    }
    if (!c) {
        ride_break(r, &err);
        return;
    }
    r->e->loaded += !r->c;
    change_free(r->c);
    r->c = c;
    r->durable = c->control.seq;
    r->broken = false;
    log_write(LOG_INFO, "engine", r->id, "read again after the store had failed");
    if (c->control.status == CHANGE_ENDED)
        ride_finish(r);
    else if (ride_held(r))
        ride_restarted(r);
    ride_wake(r);
}

void ride_break(struct ride *r, const struct error *why)
{
    if (!r->broken) {
        r->epoch++;
        works_cancel(r);
        json_decref(r->out);
        r->out = NULL;
        tell_waiters(r->e, r->out_waiters, why);
        r->out_waiters = NULL;
    }
    r->broken = true;
    char *text = net_strdup(why->text);
    free(r->store_error);
    r->store_error = text;
    log_write(LOG_ERROR, "engine", r->id, "the record cannot be written: %s", why->text);
    timer_cancel(r->again);
    r->again =
        timer_start(r->e->loop, backoff(r->e, SECONDS(1), ++r->store_tries, STORE_PAUSE_MOST), read_again, r);
    wake_set(r, 0);
}
