/* carry.c: one change is carried on: the core is asked what it wants until it wants nothing more that can be
 * had now.
 *
 *   asks the core -> makes events of what it wants -> hands them to the store -> when durable: asks,
 * performs, looks, finds
 *
 * Nothing here decides: change_next does. */
#include "base/instant.h"
#include "base/log.h"
#include "engine/crashpoint.h"
#include "engine/share.h"

/* No page makes so many events without anything happening outside: beyond it, something of ours is wrong. */
enum { EVENTS_A_PASS = 5000 };

static void set_stuck(struct ride *r, const struct error *err)
{
    if (!r->stuck || !str_eq(r->stuck, err->text))
        log_write(LOG_ERROR, "engine", r->id, "cannot go on: %s", err->text);
    char *text = net_strdup(err->text);
    free(r->stuck);
    r->stuck = text;
}

/* --- wants that are events
 * ------------------------------------------------------------------------------------------- */

/* What the core refuses of its own wishes is a failure of the step, told to people, and not tried for ever.
 */
static bool record_or_fail(struct ride *r, struct event *ev)
{
    struct error err = ERROR_NONE, again = ERROR_NONE;
    int step = ev->step;
    if (ride_record(r, ev, &err))
        return true;
    if (step >= 0) {
        struct event failed = {
            .type = EV_FAILED, .step = step, .data = json_pack("{s:s}", "error", err.text)};
        if (ride_record(r, &failed, &again))
            return true;
    }
    set_stuck(r, &err);
    return false;
}

static bool begin(struct ride *r, int step)
{
    struct event ev = {0};
    change_begin(r->c, step, engine_now(r->e), r->e->expr, &ev);
    return record_or_fail(r, &ev);
}

static bool otherwise(struct ride *r, int step)
{
    const struct ask *ask = &r->c->sop->steps[step].ask;
    struct event ev = {.type = EV_ANSWERED, .step = step};
    for (int i = 0; i < ask->n_choices; i++)
        if (str_eq(ask->choices[i].id, ask->otherwise))
            ev.choice = i;
    _cleanup_arena_ struct arena a = arena_make();
    ev.data = json_pack("{s:s, s:s, s:b}", "choice", ask->otherwise, "reason",
                        arena_printf(&a, "nobody answered within %s", duration_text(ask->limit_ms, &a)),
                        "otherwise", true);
    return record_or_fail(r, &ev);
}

static bool time_is_up(struct ride *r, int step)
{
    const struct step *s = &r->c->sop->steps[step];
    const struct step_data *d = &r->c->data[step];
    _cleanup_arena_ struct arena a = arena_make();
    int64_t took = engine_now(r->e) - r->c->control.steps[step].began;
    const char *text = d->reason
                           ? arena_printf(&a, "its time is up (%s): %s", duration_text(took, &a), d->reason)
                           : arena_printf(&a, "its time is up (%s)",
                                          duration_text(s->timeout_ms ? s->timeout_ms : took, &a));
    json_t *data = json_pack("{s:s}", "error", text);
    if (d->view)
        json_object_set(data, "result", d->view);
    struct event ev = {.type = EV_FAILED, .step = step, .data = data};
    return record_or_fail(r, &ev);
}

static bool trouble(struct ride *r)
{
    const struct interlock *rule = control_forbids_end(&r->c->control, r->c->sop);
    _cleanup_arena_ struct arena a = arena_make();
    const char *why = rule ? arena_printf(&a, "the change may not end: %s (rule %s)", rule->because, rule->id)
                           : "no step can go on: a rule of the page stands against what is left";
    struct event ev = {.type = EV_TROUBLE, .step = -1, .data = json_pack("{s:s}", "reason", why)};
    return record_or_fail(r, &ev);
}

static bool end(struct ride *r)
{
    const struct control *k = &r->c->control;
    enum change_outcome o = k->status == CHANGE_STOPPING     ? OUTCOME_STOPPED
                            : k->status == CHANGE_CANCELLING ? OUTCOME_CANCELLED
                                                             : (enum change_outcome)k->outcome;
    struct event ev = {
        .type = EV_ENDED, .step = -1, .data = json_pack("{s:s}", "outcome", change_outcome_names[o])};
    return record_or_fail(r, &ev);
}

/* An effect in doubt whose system needs no looking: it is performed again without harm, or nobody but a
 * person can tell. */
static bool settle_doubt(struct ride *r, int step)
{
    const struct verb *v = r->c->sop->steps[step].verb;
    struct error err = ERROR_NONE;
    struct system *system;
    struct event ev = {.type = EV_NOT_FOUND, .step = step};
    if (v->kind != VERB_LOCAL) {
        const struct verb_entry *entry = verb_entry_of(r->e, v, &system, &err);
        if (entry && entry->find)
            return false;
        if (!entry || !entry->repeatable) {
            if (entry)
                error_set(&err, SB_STATE, "%s has no way to look up whether \"%s\" took place", system->name,
                          v->name);
            ev.type = EV_UNSURE;
            ev.data = json_pack("{s:s}", "error", err.text);
        }
    }
    return record_or_fail(r, &ev);
}

/* A question that is left to people even with --yes. */
static bool is_left(const struct ride *r, int step)
{
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)r->e->yes_except, i, one)
        if (str_eq(json_string_value(one), r->c->sop->steps[step].id))
            return true;
    return false;
}

/* In practice, and with --yes: the first choice that goes on. Decisions are never taken so. */
static bool say_yes(struct ride *r)
{
    for (int i = 0; i < r->c->sop->n_steps; i++) {
        const struct ask *ask = &r->c->sop->steps[i].ask;
        if (r->c->control.steps[i].status != STEP_ASKING || ask->decision || is_left(r, i))
            continue;
        int choice = -1;
        for (int k = 0; k < ask->n_choices && choice < 0; k++)
            if (!ask->choices[k].fails && !ask->choices[k].ends)
                choice = k;
        const char *by = yes_person(r->e, r->c, i);
        if (choice < 0 || !by)
            continue;
        struct event ev = {.type = EV_ANSWERED,
                           .step = i,
                           .choice = choice,
                           .by = by,
                           .data = json_pack("{s:s, s:s}", "choice", ask->choices[choice].id, "reason",
                                             r->e->practice ? "practice" : "answered by --yes")};
        struct error err = ERROR_NONE;
        if (ride_record(r, &ev, &err))
            return true;
    }
    return false;
}

/* --- the loop of one change
 * ------------------------------------------------------------------------------------------- */

/* Makes an event of the first want that is one. */
static bool make_event(struct ride *r, const struct wants *w)
{
    for (int i = 0; i < w->n; i++) {
        int step = w->list[i].step;
        switch (w->list[i].kind) {
        case WANT_BEGIN:
            return begin(r, step);
        case WANT_OTHERWISE:
            return otherwise(r, step);
        case WANT_TIMEOUT:
            return time_is_up(r, step);
        case WANT_TROUBLE:
            return trouble(r);
        case WANT_END:
            return end(r);
        case WANT_FIND:
            if (!work_of(r, step) && settle_doubt(r, step))
                return true;
            break;
        case WANT_PERFORM:
        case WANT_OBSERVE:
            break;
        }
        if (r->stuck)
            return false;
    }
    return r->e->yes && say_yes(r);
}

/* True when that made an event: it could not even begin, or it was done here. */
static bool start_work(struct ride *r, const struct wants *w)
{
    for (int i = 0; i < w->n; i++) {
        int step = w->list[i].step;
        enum want_kind kind = w->list[i].kind;
        if (kind != WANT_PERFORM && kind != WANT_OBSERVE && kind != WANT_FIND)
            continue;
        if (work_of(r, step))
            continue;
        if (r->c->sop->steps[step].verb->kind != VERB_LOCAL && !ride_may_act(r))
            continue;
        if (r->c->sop->steps[step].verb->kind == VERB_LOCAL) {
            local_perform(r, step);
            return true;
        }
        work_start(r,
                   kind == WANT_PERFORM   ? WORK_PERFORM
                   : kind == WANT_OBSERVE ? WORK_OBSERVE
                                          : WORK_FIND,
                   step);
        if (json_array_size(r->out) > 0)
            return true;
    }
    return false;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

void carry(struct ride *r)
{
    struct wants w = {.n = 0};
    struct error err = ERROR_NONE;
    if (r->broken || (crash_splits() && r->appends > 0))
        return;
    if (!r->ended && !ride_held(r)) { /* another node does, or nobody yet */
        wake_set(r, 0);
        return;
    }
    if (!r->c && !ride_unpark(r, &err)) {
        ride_break(r, &err);
        return;
    }
    if (r->ended || (crash_splits() && json_array_size(r->out) > 0)) {
        ride_flush(r); /* a late note; or so that the process can die between any two events */
        return;
    }
    free(r->stuck);
    r->stuck = NULL;
    const bool waits = ride_behind(r) != NULL;
    const int64_t wake = works_due(r, engine_now(r->e));
    for (int n = 0; !waits; n++) {
        if (n == EVENTS_A_PASS) {
            error_set(&err, SB_INTERNAL, "%d events and no end: the page goes round in circles", n);
            set_stuck(r, &err);
            break;
        }
        change_next(r->c, engine_now(r->e), &w);
        bool more = make_event(r, &w);
        /* Only what is durable may be acted upon. */
        if (!more && !r->stuck && r->appends == 0 && json_array_size(r->out) == 0)
            more = start_work(r, &w);
        if (!more || crash_splits())
            break;
    }
    ride_flush(r);
    wake_set(r, r->broken || waits ? 0 : sooner(wake, w.wake));
    ride_park(r);
}
