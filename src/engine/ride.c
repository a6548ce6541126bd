/* ride.c: one change on its way: made, read from the store, found by its id, queued behind others, let go. */
#include "base/log.h"
#include "engine/share.h"

/* --- reading a change from the store
 * ---------------------------------------------------------------------------------- */

struct reading {
    struct engine *e;
    const char *id;
    struct change *c;
    char *plan_hash;
    struct error error;
};

/* The first event names the page; nothing can be read without it. */
static bool first_event(void *ctx, const struct store_event *ev)
{
    struct reading *r = ctx;
    _cleanup_json_ json_t *j = json_read(ev->body, strlen(ev->body), JSON_MAX_BYTES, r->id, &r->error);
    const char *hash = json_str(j, "data.sop.hash", NULL);
    if (j && !hash)
        error_set(&r->error, SB_CORRUPT, "%s: its first event names no page", r->id);
    if (!hash)
        return false;
    const struct procedure *p = page_by_hash(r->e, hash, json_str(j, "data.sop.name", "page"), &r->error);
    if (p)
        r->c = change_new(r->id, p);
    r->plan_hash = net_strdup(json_str(j, "data.plan_hash", ""));
    return false;
}

static bool next_event(void *ctx, const struct store_event *stored)
{
    struct reading *r = ctx;
    _cleanup_json_ json_t *j =
        json_read(stored->body, strlen(stored->body), JSON_MAX_BYTES, r->id, &r->error);
    struct event ev = {0};
    bool ok = j && event_from_json(j, r->c->sop, &ev, &r->error) && change_apply(r->c, &ev, &r->error);
    event_clear(&ev);
    return ok;
}

/* A snapshot that does not fit is only a cache that is not used. */
static void from_snapshot(struct reading *r, int64_t *at)
{
    int64_t seq = 0;
    _cleanup_json_ json_t *state = store_get_snapshot(r->e->store, r->id, SB_VERSION, &seq);
    struct error err = ERROR_NONE;
    *at = 0;
    if (!state)
        return;
    if (change_load(r->c, state, &err) && r->c->control.seq == seq) {
        *at = seq;
        return;
    }
    log_write(LOG_INFO, "engine", r->id, "its snapshot is not used: %s", err.text);
    const struct procedure *p = r->c->sop;
    change_free(r->c);
    r->c = change_new(r->id, p);
}

struct change *change_read(struct engine *e, const char *id, char **plan_hash, int64_t *snapshot_at,
                           struct error *err)
{
    struct reading r = {.e = e, .id = id, .error = ERROR_NONE};
    int64_t at = 0;
    bool ok = store_read(e->store, id, 1, first_event, &r, &r.error) && r.error.code == SB_OK && r.c;
    if (ok) {
        from_snapshot(&r, &at);
        ok = store_read(e->store, id, at + 1, next_event, &r, &r.error) && r.error.code == SB_OK;
    }
    if (!ok) {
        if (r.error.code == SB_OK)
            error_set(&r.error, SB_UNKNOWN, "there is no change \"%.64s\"", id);
        error_wrap(&r.error, err, "%s", id);
        change_free(r.c);
        free(r.plan_hash);
        return NULL;
    }
    if (plan_hash)
        *plan_hash = r.plan_hash;
    else
        free(r.plan_hash);
    if (snapshot_at)
        *snapshot_at = at;
    return r.c;
}

/* --- the ride
 * ----------------------------------------------------------------------------------------------------------
 */

static void list_add(struct ride *r)
{
    r->next = r->e->rides_first;
    if (r->next)
        r->next->prev = r;
    r->e->rides_first = r;
    names_put(&r->e->rides, r->id, r);
}

static struct ride *ride_around(struct engine *e, struct change *c)
{
    struct ride *r = NET_NEW(struct ride);
    r->e = e;
    r->id = net_strdup(c->id);
    r->number = strncmp(c->id, "HF-", 3) == 0 ? strtoll(c->id + 3, NULL, 10) : 0;
    r->c = c;
    r->started = c->started;
    e->loaded += c->control.status != CHANGE_ENDED;
    list_add(r);
    return r;
}

struct ride *ride_new(struct engine *e, const char *id, const struct procedure *p)
{
    return ride_around(e, change_new(id, p));
}

/* At most so many ended changes are kept folded for those who look at them. */
enum { ENDED_KEPT = 32 };

void rides_forget(struct engine *e)
{
    int n = 0;
    if (e->ended <= 2 * ENDED_KEPT)
        return;
    for (struct ride *r = e->rides_first, *next; r; r = next) {
        next = r->next;
        if (r->ended && !r->dirty && r->appends == 0 && ++n > ENDED_KEPT)
            ride_free(r);
    }
}

struct ride *ride_load(struct engine *e, const char *id, struct error *err)
{
    char *plan_hash = NULL;
    int64_t snapshot_at = 0;
    struct change *c = change_read(e, id, &plan_hash, &snapshot_at, err);
    if (!c)
        return NULL;
    struct ride *r = ride_around(e, c);
    r->plan_hash = plan_hash;
    r->snapshot_at = snapshot_at;
    r->durable = c->control.seq;
    r->ended = c->control.status == CHANGE_ENDED;
    if (r->ended) {
        e->ended++;
        return r;
    }
    lane_join(r);
    names_put(&e->plans, plan_hash, r);
    return r;
}

void ride_free(struct ride *r)
{
    struct engine *e = r->e;
    works_cancel(r);
    wake_set(r, 0);
    lane_leave(r);
    timer_cancel(r->again);
    batches_forget(r);
    if (r->dirty) {
        struct ride **at = &e->dirty_first;
        e->dirty_last = NULL;
        while (*at) {
            if (*at == r)
                *at = r->dirty_next;
            else {
                e->dirty_last = *at;
                at = &(*at)->dirty_next;
            }
        }
    }
    if (r->prev)
        r->prev->next = r->next;
    else
        e->rides_first = r->next;
    if (r->next)
        r->next->prev = r->prev;
    names_drop(&e->rides, r->id);
    e->loaded -= !r->ended && r->c;
    if (r->ended)
        e->ended--;
    else if (r->plan_hash && names_get(&e->plans, r->plan_hash) == r)
        names_drop(&e->plans, r->plan_hash);
    waiters_drop(r->out_waiters);
    json_decref(r->out);
    change_free(r->c);
    free(r->rounds);
    free(r->plan_hash);
    free(r->parked);
    free(r->store_error);
    free(r->stuck);
    free(r->id);
    free(r);
}

/* --- parking ----------------------------------------------------------------------------------------------
 */

/* Moments within this are not worth it. */
#define PARK_FOR MINUTES(1)

static bool is_quiet(const struct ride *r)
{
    const struct engine *e = r->e;
    bool soon = r->wake != 0 && r->wake < engine_now(e) + PARK_FOR;
    return e->loaded > e->loaded_most && !e->clock.idle && r->c && !r->ended && !r->broken && !r->stuck &&
           !r->works && r->appends == 0 && json_array_size(r->out) == 0 && r->durable == r->c->control.seq &&
           !soon;
}

void ride_park(struct ride *r)
{
    if (!is_quiet(r))
        return;
    json_t *summary = summary_json(NULL, r->c);
    r->parked = json_dumps(summary, JSON_COMPACT);
    json_decref(summary);
    r->waits = ride_behind(r) != NULL;
    change_free(r->c);
    r->c = NULL;
    r->e->loaded--;
}

void ride_park_unless_wanted(struct ride *r)
{
    struct wants w;
    if (!is_quiet(r) || r->e->yes)
        return;
    change_next(r->c, engine_now(r->e), &w);
    if (w.n > 0 && ride_held(r))
        return;
    wake_set(r, ride_held(r) ? w.wake : 0);
    ride_park(r);
}

bool ride_unpark(struct ride *r, struct error *err)
{
    struct change *c = change_read(r->e, r->id, NULL, &r->snapshot_at, err);
    if (!c)
        return false;
    r->c = c;
    r->durable = c->control.seq;
    r->e->loaded++;
    free(r->parked);
    r->parked = NULL;
    ride_wake(r); /* which parks it again, if nothing comes of it */
    return true;
}

struct ride *ride_of(struct engine *e, const char *id, struct error *err)
{
    struct ride *r = names_get(&e->rides, id);
    if (r)
        return r->c || ride_unpark(r, err) ? r : NULL;
    rides_forget(e);
    return ride_load(e, id, err);
}

struct ride *ride_open_of(struct engine *e, const char *id, struct error *err)
{
    struct ride *r = ride_of(e, id, err);
    if (!r)
        return NULL;
    if (r->c->control.status == CHANGE_ENDED) {
        error_set(err, SB_STATE, "%s has ended: %s", id, change_outcome_names[r->c->control.outcome]);
        return NULL;
    }
    if (r->broken) {
        error_set(err, SB_IO, "%s: the record cannot be written now: %s", id, r->store_error);
        return NULL;
    }
    return r;
}

void ride_restarted(struct ride *r)
{
    struct event ev = {.type = EV_RESTARTED, .step = -1};
    struct error err = ERROR_NONE;
    if (!ride_record(r, &ev, &err))
        log_write(LOG_WARN, "engine", r->id, "%s", err.text);
}

/* --- going on where somebody left off
 * ------------------------------------------------------------------------------------ */

/* Steps that were under way when the process ended. A process that dies again and again notes it once. */
static bool was_under_way(const struct ride *r)
{
    for (int i = 0; i < r->c->sop->n_steps; i++)
        if (r->c->control.steps[i].status == STEP_INTENDED || r->c->control.steps[i].status == STEP_OBSERVING)
            return true;
    return false;
}

static bool has_intended(const struct ride *r)
{
    for (int i = 0; i < r->c->sop->n_steps; i++)
        if (r->c->control.steps[i].status == STEP_INTENDED)
            return true;
    return false;
}

struct last_event {
    bool restarted;
};

static bool look_at_last(void *ctx, const struct store_event *ev)
{
    struct last_event *l = ctx;
    _cleanup_json_ json_t *j = json_read(ev->body, strlen(ev->body), JSON_MAX_BYTES, "event", NULL);
    l->restarted = str_eq(json_str(j, "type", ""), event_names[EV_RESTARTED]);
    return true;
}

void ride_resume(struct ride *r)
{
    struct error err = ERROR_NONE;
    struct last_event last = {false};
    if (was_under_way(r) && !store_read(r->e->store, r->id, r->durable, look_at_last, &last, &err))
        log_write(LOG_WARN, "engine", r->id, "%s", err.text);
    if (has_intended(r) || (was_under_way(r) && !last.restarted))
        ride_restarted(r);
    ride_park_unless_wanted(r);
    if (r->c)
        ride_wake(r);
}

/* --- one change at a time for a client and env
 * --------------------------------------------------------------------------- */

const char *ride_lane(const struct ride *r, struct arena *a)
{
    if (r->lane)
        return r->lane->name;
    if (!r->c)
        return "";
    const json_t *f = r->c->facts;
    return arena_printf(a, "%s/%s", json_str(f, "change.client", json_str(f, "client.id", "")),
                        json_str(f, "change.env", json_str(f, "env.name", "")));
}

static bool started_before(const struct ride *a, const struct ride *b)
{
    if (!a->started != !b->started)
        return a->started != 0;
    return a->started != b->started ? a->started < b->started : a->number < b->number;
}

void lane_join(struct ride *r)
{
    _cleanup_arena_ struct arena a = arena_make();
    lane_leave(r);
    const char *name = ride_lane(r, &a);
    r->started = r->c->started;
    struct lane *lane = names_get(&r->e->lanes, name);
    if (!lane) {
        lane = NET_NEW(struct lane);
        lane->name = net_strdup(name);
        names_put(&r->e->lanes, name, lane);
    }
    struct ride **at = &lane->first;
    while (*at && started_before(*at, r))
        at = &(*at)->lane_next;
    r->lane_next = *at;
    *at = r;
    r->lane = lane;
}

void lane_leave(struct ride *r)
{
    struct lane *lane = r->lane;
    if (!lane)
        return;
    struct ride **at = &lane->first;
    while (*at && *at != r)
        at = &(*at)->lane_next;
    if (*at)
        *at = r->lane_next;
    r->lane = NULL;
    r->lane_next = NULL;
    if (lane->first) {
        ride_wake(lane->first);
        return;
    }
    names_drop(&r->e->lanes, lane->name);
    free(lane->name);
    free(lane);
}

const struct ride *lane_first(const struct engine *e, const char *client, const char *env)
{
    _cleanup_arena_ struct arena a = arena_make();
    const struct lane *lane = names_get(&e->lanes, arena_printf(&a, "%s/%s", client, env));
    return lane ? lane->first : NULL;
}

/* Cancelling goes its own way; what has begun goes on. */
static bool waits_its_turn(const struct ride *r)
{
    const struct change *c = r->c;
    if (!c)
        return r->waits; /* as when it was parked */
    if (c->control.status != CHANGE_RUNNING)
        return false;
    for (int i = 0; i < c->sop->n_steps; i++) {
        const struct control_step *k = &c->control.steps[i];
        if (k->began || k->run > 1 || k->status == STEP_DONE)
            return false;
    }
    return true;
}

const struct ride *ride_behind(const struct ride *r)
{
    if (!r->lane || !waits_its_turn(r))
        return NULL;
    const struct ride *before = NULL;
    for (const struct ride *o = r->lane->first; o && o != r; o = o->lane_next)
        before = o;
    return before;
}
