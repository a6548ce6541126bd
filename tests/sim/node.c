#include "node.h"
#include "check.h"
#include "planted.h"

#define STORE_PAUSE_MOST SECONDS(30)

/* A clock that was set is noticed within this time: far timers are looked at again. */
#define ALARM_MOST SECONDS(60)

enum { SNAPSHOT_EVERY = 20, EVENTS_A_PASS = 2000 };

int64_t node_now(const struct sim *s, const struct node *n)
{
    return s->now + n->skew;
}

/* --- recording
 * --------------------------------------------------------------------------------------------------------------
 */

static void trace_event(struct sim *s, const struct node *n, const struct event *e)
{
    _cleanup_arena_ struct arena a = arena_make();
    say(s, n->number, "%lld %s%s", (long long)e->seq, event_text(e, s->sop, &a),
        e->type == EV_RESTARTED && n->broken ? " (after its store failed)" : "");
}

bool node_record(struct sim *s, struct node *n, struct event *e, struct error *err)
{
    const struct control *k = &n->c->control;
    int64_t now = node_now(s, n);
    e->seq = k->seq + 1;
    e->at = now > k->at ? now : k->at;
    if (!e->by)
        e->by = "";
    bool ok = n->broken ? error_set(err, SB_IO, "the record cannot be written") : change_apply(n->c, e, err);
    if (ok) {
        if (!n->out)
            n->out = json_array();
        json_array_append_new(n->out, event_to_json(e, s->sop));
        if (s->trace)
            trace_event(s, n, e);
        calls_prune(n);
    }
    event_clear(e);
    return ok;
}

static void release(void *j)
{
    json_decref(j);
}

static void flush(struct sim *s, struct node *n)
{
    size_t count = json_array_size(n->out);
    if (count == 0)
        return;
    struct batch *b = ARENA_NEW(&s->arena, struct batch);
    *b = (struct batch){.node = n->number,
                        .life = n->life,
                        .epoch = n->epoch,
                        .term = n->term,
                        .first = n->c->control.seq - (int64_t)count + 1,
                        .events = n->out,
                        .promises = n->out_promises};
    arena_on_free(&s->arena, release, b->events);
    n->out = NULL;
    n->out_promises = NULL;
    n->appends++;
    if (fault(s, FAULT_CUT_OFF, -1) && s->now >= n->cut_until) {
        n->cut_until = s->now + draw_between(s, DRAW_RESTART, -1, SECONDS(1), SECONDS(60));
        disk_lease_lapses(s, n);
        happen(s, n->cut_until, AT_LEASE, n->number, 0, NULL);
    }
    int64_t at = s->now + draw_between(s, DRAW_COMMIT, -1, 1, 20);
    n->commit_at = at > n->commit_at ? at : n->commit_at;
    happen(s, n->commit_at, AT_COMMIT, n->number, 0, b);
}

/* --- wants that are events
 * ---------------------------------------------------------------------------------------------------- */

/* What the core wants, it must not refuse. */
static void wish(struct sim *s, struct node *n, struct event *e)
{
    struct error err = ERROR_NONE;
    enum event_type type = e->type;
    int step = e->step;
    if (step >= 0)
        e->run = n->c->control.steps[step].run;
    if (!node_record(s, n, e, &err))
        broke(s, "wish", "the core wants %s of %s, and refuses it: %s", event_names[type],
              step >= 0 ? s->sop->steps[step].id : "the change", err.text);
}

static void begin(struct sim *s, struct node *n, int step)
{
    struct event e = {0};
    change_begin(n->c, step, node_now(s, n), s->expr, &e);
    wish(s, n, &e);
}

static void otherwise(struct sim *s, struct node *n, int step)
{
    const struct ask *ask = &s->sop->steps[step].ask;
    struct event e = {.type = EV_ANSWERED, .step = step};
    for (int i = 0; i < ask->n_choices; i++)
        if (str_eq(ask->choices[i].id, ask->otherwise))
            e.choice = i;
    e.data = json_pack("{s:s, s:s}", "choice", ask->otherwise, "reason", "nobody answered in time");
    wish(s, n, &e);
}

static void time_is_up(struct sim *s, struct node *n, int step)
{
    struct event e = {.type = EV_FAILED, .step = step, .data = json_pack("{s:s}", "error", "its time is up")};
    wish(s, n, &e);
}

static void trouble(struct sim *s, struct node *n)
{
    struct event e = {
        .type = EV_TROUBLE, .step = -1, .data = json_pack("{s:s}", "reason", "it cannot go on")};
    wish(s, n, &e);
}

static void end(struct sim *s, struct node *n)
{
    const struct control *k = &n->c->control;
    int o = k->status == CHANGE_STOPPING     ? OUTCOME_STOPPED
            : k->status == CHANGE_CANCELLING ? OUTCOME_CANCELLED
                                             : k->outcome;
    struct event e = {
        .type = EV_ENDED, .step = -1, .data = json_pack("{s:s}", "outcome", change_outcome_names[o])};
    wish(s, n, &e);
}

/* An effect in doubt that nobody has to look for, or nobody can: true when that made an event. */
static bool settle_doubt(struct sim *s, struct node *n, int step)
{
    const struct verb *v = s->sop->steps[step].verb;
    struct event e = {.type = EV_NOT_FOUND, .step = step};
    enum nature nature = v->kind == VERB_LOCAL ? NATURE_REPEATABLE : world_nature(s, v);
    if (nature == NATURE_KEYED || nature == NATURE_LISTED)
        return false;
    if (nature == NATURE_BLIND && !PLANTED("blind-is-repeated")) {
        e.type = EV_UNSURE;
        e.data = json_pack("{s:s}", "error", "the system has no way to look it up");
    }
    wish(s, n, &e);
    return true;
}

/* Makes an event of the first want that is one. */
static bool make_event(struct sim *s, struct node *n, const struct wants *w)
{
    for (int i = 0; i < w->n; i++) {
        int step = w->list[i].step;
        switch (w->list[i].kind) {
        case WANT_BEGIN:
            begin(s, n, step);
            return true;
        case WANT_OTHERWISE:
            otherwise(s, n, step);
            return true;
        case WANT_TIMEOUT:
            time_is_up(s, n, step);
            return true;
        case WANT_TROUBLE:
            trouble(s, n);
            return true;
        case WANT_END:
            end(s, n);
            return true;
        case WANT_FIND:
            if (!call_of(n, step) && settle_doubt(s, n, step))
                return true;
            break;
        case WANT_PERFORM:
        case WANT_OBSERVE:
            break;
        }
    }
    return false;
}

/* --- wants that are deeds
 * ------------------------------------------------------------------------------------------------------ */

/* A note and the end of its step are one batch. */
static void perform_local(struct sim *s, struct node *n, int step)
{
    const char *verb = s->sop->steps[step].verb->name;
    struct event done = {.type = EV_DONE, .step = step};
    if (str_eq(verb, "change.note")) {
        struct event note = {.type = EV_NOTED,
                             .step = -1,
                             .data =
                                 json_pack("{s:s, s:s}", "text", json_str(n->c->data[step].args, "text", ""),
                                           "step", s->sop->steps[step].id)};
        wish(s, n, &note);
        done.data = json_pack("{s:{}}", "result");
    } else if (str_eq(verb, "change.report")) {
        done.data = json_pack("{s:{s:s}}", "result", "path", "reports/HF-1.html");
    } else {
        done.data = json_pack("{s:{s:s}}", "result", "text", "what is known");
    }
    wish(s, n, &done);
}

/* True when that made an event. */
static bool start_work(struct sim *s, struct node *n, const struct wants *w)
{
    for (int i = 0; i < w->n && !s->broke; i++) {
        int step = w->list[i].step;
        enum want_kind kind = w->list[i].kind;
        if ((kind != WANT_PERFORM && kind != WANT_OBSERVE && kind != WANT_FIND) || call_of(n, step))
            continue;
        bool local = s->sop->steps[step].verb->kind == VERB_LOCAL;
        if (local)
            perform_local(s, n, step);
        else
            call_start(s, n,
                       kind == WANT_PERFORM   ? CALL_PERFORM
                       : kind == WANT_OBSERVE ? CALL_OBSERVE
                                              : CALL_FIND,
                       step);
        if (local || !n->up)
            return local;
    }
    return false;
}

/* --- the loop
 * ------------------------------------------------------------------------------------------------------------------
 */

static void wake_at(struct sim *s, struct node *n, int64_t at)
{
    if (at == 0 || PLANTED("forgets-its-moment")) {
        n->wake = 0;
        return;
    }
    at = s->now + at - node_now(s, n);
    if (n->wake != 0 && n->wake_at == at)
        return;
    n->wake_at = at;
    n->wake = happen(s, at, AT_WAKE, n->number, 0, NULL);
}

void node_carry(struct sim *s, struct node *n)
{
    struct wants w;
    if (!n->up || n->broken || !n->c || n->c->control.status == CHANGE_ENDED || s->broke)
        return;
    for (int made = 0; n->up && !s->broke; made++) {
        if (made > EVENTS_A_PASS) {
            broke(s, "progress", "%d events in one pass, and no end", made);
            return;
        }
        change_next(n->c, node_now(s, n), &w);
        bool more = make_event(s, n, &w);
        /* Only what is durable may be acted upon. */
        if (!more && ((n->appends == 0 && json_array_size(n->out) == 0) || PLANTED("acts-before-durable")))
            more = start_work(s, n, &w);
        if (s->splits && n->up && !s->broke)
            flush(s, n);
        if (!more)
            break;
    }
    if (!n->up || s->broke)
        return;
    flush(s, n);
    wake_at(s, n, w.wake);
}

void node_wakes(struct sim *s, struct node *n)
{
    n->wake = 0;
    node_carry(s, n);
}

void node_clock(struct sim *s, struct node *n, int64_t ms)
{
    if (s->now >= s->calm)
        return;
    n->skew += ms;
    say(s, n->number, "its clock is set by %lld s", (long long)(ms / 1000));
    if (n->up)
        n->wake = happen(s, s->now + draw(s, DRAW_CLOCK, -1, ALARM_MOST), AT_WAKE, n->number, 0, NULL);
}

/* --- life and death
 * ------------------------------------------------------------------------------------------------------------
 */

/* All that was only in memory is gone. */
static void forget(struct node *n)
{
    calls_drop(n);
    change_free(n->c);
    json_decref(n->out);
    n->c = NULL;
    n->out = NULL;
    n->out_promises = NULL;
    memset(n->rounds, 0, sizeof n->rounds);
}

static void stands_down(struct node *n)
{
    forget(n);
    n->up = n->broken = false;
    n->life++;
    n->appends = 0;
    n->wake = 0;
}

void node_dies(struct sim *s, struct node *n)
{
    stands_down(n);
    disk_lease_lapses(s, n);
    n->stalled_until = n->cut_until = 0;
    happen(s, s->now + draw_between(s, DRAW_RESTART, -1, SECONDS(1), MINUTES(2)), AT_START, n->number, 0,
           NULL);
}

void node_stalls(struct sim *s, struct node *n)
{
    if (s->now < n->stalled_until)
        return;
    n->stalled_until = s->now + draw_between(s, DRAW_RESTART, -1, 100, SECONDS(40));
    n->writer_stalls = draw(s, DRAW_RESTART, -1, 2);
    disk_lease_lapses(s, n);
    /* It goes on where it stood, and looks at its lease after that. */
    n->wake_at = n->stalled_until;
    n->wake = happen(s, n->wake_at, AT_WAKE, n->number, 0, NULL);
    happen(s, n->stalled_until, AT_LEASE, n->number, 0, NULL);
}

void node_lease(struct sim *s, struct node *n)
{
    int64_t until = n->stalled_until > n->cut_until ? n->stalled_until : n->cut_until;
    if (!n->up)
        return;
    if (until > s->now) {
        happen(s, until, AT_LEASE, n->number, 0, NULL);
        return;
    }
    if (s->disk.term != n->term) {
        say(s, n->number, "its lease is gone: it stands down");
        stands_down(n);
        return;
    }
    s->disk.free_at = INT64_MAX;
    n->lease_until = INT64_MAX;
    node_carry(s, n);
}

/* What is intended and not recorded is in doubt. */
static void take_up(struct sim *s, struct node *n)
{
    n->c = disk_read(s);
    if (!n->c || s->broke)
        return;
    n->durable = n->c->control.seq;
    check_loaded(s, n->c);
    struct event e = {.type = EV_RESTARTED, .step = -1};
    if (n->c->control.status != CHANGE_ENDED && !PLANTED("starts-as-if-nothing"))
        wish(s, n, &e);
    node_carry(s, n);
}

void node_start(struct sim *s, struct node *n)
{
    if (n->up)
        return;
    if (!disk_lease(s, n)) {
        if (s->disk.free_at != INT64_MAX)
            happen(s, s->disk.free_at, AT_START, n->number, 0, NULL);
        return;
    }
    n->up = true;
    n->durable = 0;
    say(s, n->number, "starts");
    take_up(s, n);
}

/* --- what the store says
 * ----------------------------------------------------------------------------------------------------------
 */

static void breaks(struct sim *s, struct node *n, const char *why)
{
    say(s, n->number, "its store failed: %s", why);
    n->epoch++;
    forget(n);
    n->broken = true;
    int64_t pause = SECONDS(1) << (n->store_tries < 5 ? n->store_tries : 5);
    n->store_tries++;
    happen(s, s->now + (pause < STORE_PAUSE_MOST ? pause : STORE_PAUSE_MOST), AT_READ, n->number, 0, NULL);
}

void node_reads_again(struct sim *s, struct node *n)
{
    if (n->appends > 0) { /* what the store still holds is answered first */
        happen(s, s->now + 200, AT_READ, n->number, 0, NULL);
        return;
    }
    n->broken = false;
    take_up(s, n);
}

static void keep_promises(struct sim *s, const struct batch *b)
{
    for (struct promise *p = b->promises; p; p = p->next)
        happen(s, s->now + 1, AT_TELL, -1, 0, p);
}

void node_committed(struct sim *s, struct node *n, struct batch *b)
{
    int64_t last = b->first + (int64_t)json_array_size(b->events) - 1;
    bool lives = b->life == n->life, counts = lives && b->epoch == n->epoch;
    if (!lives)
        return;
    n->appends--;
    if (b->failed && s->disk.term != n->term && !PLANTED("failed-commit-ignored")) {
        say(s, n->number, "it may no longer write: it stands down");
        stands_down(n);
        return;
    }
    bool good = !b->failed || PLANTED("failed-commit-ignored");
    if (counts && !good)
        breaks(s, n, b->error);
    if (counts && good) {
        n->durable = last;
        n->store_tries = 0;
        keep_promises(s, b);
        if (n->durable == n->c->control.seq || PLANTED("snapshot-too-early")) {
            if (n->durable == n->c->control.seq)
                check_settled(s, n);
            if (s->snapshots && last - s->disk.snapshot_at >= SNAPSHOT_EVERY)
                disk_keep_snapshot(s, n->c);
        }
    }
    if (n->up && fault(s, FAULT_STALLS, -1))
        node_stalls(s, n);
    else
        node_carry(s, n);
}

/* --- people
 * ------------------------------------------------------------------------------------------------------------------------
 */

bool node_person(struct sim *s, struct node *n, const struct doing *d, struct error *err)
{
    struct event e = {.type = d->type,
                      .step = d->step,
                      .run = d->step >= 0 && n->c && PLANTED("answer-for-any-run")
                                 ? n->c->control.steps[d->step].run
                                 : d->run,
                      .choice = d->choice,
                      .by = d->by,
                      .data = json_incref(d->data)};
    if (n->broken) {
        event_clear(&e);
        return error_set(err, SB_IO, "the record cannot be written now");
    }
    bool plan = d->type == EV_PLANNED && !n->c;
    if (plan)
        n->c = change_new("HF-1", s->sop);
    if (!n->c || !node_record(s, n, &e, err)) {
        event_clear(&e);
        return n->c ? false : error_set(err, SB_UNKNOWN, "there is no such change");
    }
    struct promise *p = ARENA_NEW(&s->arena, struct promise);
    *p = (struct promise){
        .next = n->out_promises, .seq = n->c->control.seq, .type = d->type, .run = d->run, .by = d->by};
    n->out_promises = p;
    if (PLANTED("told-before-durable"))
        check_promise(s, p);
    node_carry(s, n);
    if (n->up && n->c && n->c->control.status == CHANGE_PLANNED)
        flush(s, n);
    return true;
}

void node_free(struct node *n)
{
    forget(n);
}
