/* work.c: what drivers are asked to do, and what their answers make of the change. */
#include "base/instant.h"
#include "base/log.h"
#include "engine/crashpoint.h"
#include "engine/share.h"

/* News of one observation are recorded at most so often. */
#define VIEW_PAUSE 500
/* A find waits a little: what was sent may just be arriving. */
#define FIND_PAUSE        1000
#define FIND_PAUSE_MOST   MINUTES(1)
#define LOOK_PAUSE_MOST   SECONDS(30)
#define EFFECT_PAUSE_MOST MINUTES(5)

/* An effect that was performed so often without an answer, and each time had not taken place, is a person's
 * to judge. */
enum { ROUNDS_MOST = 8 };

/* --- small things
 * ---------------------------------------------------------------------------------------------------- */

int64_t backoff(const struct engine *e, int64_t first, int tries, int64_t most)
{
    uint32_t r;
    random_bytes(&r, sizeof r);
    int64_t pause = first;
    for (int i = 1; i < tries && pause < most; i++)
        pause *= 2;
    if (pause > most)
        pause = most;
    pause = pause / 2 + (int64_t)(r % (uint32_t)(pause / 2 + 1));
    return (int64_t)((double)pause / (e->speed > 0 ? e->speed : 1));
}

static bool ticks(const char *key)
{
    return str_ends(key, "_ms");
}

static bool objects_same(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)a, key, v)
        if (!ticks(key) && !view_same(v, json_object_get(b, key)))
            return false;
    json_object_foreach((json_t *)b, key, v)
        if (!ticks(key) && !json_object_get(a, key))
            return false;
    return true;
}

bool view_same(const json_t *a, const json_t *b)
{
    if (!a || !b || json_typeof(a) != json_typeof(b))
        return a == b;
    if (json_is_object(a))
        return objects_same(a, b);
    if (!json_is_array(a))
        return json_equal((json_t *)a, (json_t *)b);
    if (json_array_size(a) != json_array_size(b))
        return false;
    for (size_t i = 0; i < json_array_size(a); i++)
        if (!view_same(json_array_get(a, i), json_array_get(b, i)))
            return false;
    return true;
}

const struct verb_entry *verb_entry_of(const struct engine *e, const struct verb *v, struct system **out,
                                       struct error *err)
{
    const char *dot = strchr(v->name, '.');
    for (int i = 0; dot && i < ROLE_COUNT; i++) {
        if (strlen(role_names[i]) != (size_t)(dot - v->name) || !str_starts(v->name, role_names[i]))
            continue;
        *out = e->systems[i];
        if (!*out) {
            error_set(err, SB_MISSING, "no system for %s is configured: add systems: %s: {driver: ...} to %s",
                      role_names[i], role_names[i], *e->config->file ? e->config->file : "a configuration");
            return NULL;
        }
        const struct verb_entry *entry = driver_verb((*out)->driver, dot + 1);
        if (!entry)
            error_set(err, SB_MISSING, "%s (%s) cannot do \"%s\"", role_names[i], (*out)->driver->name,
                      v->name);
        return entry;
    }
    error_set(err, SB_INTERNAL, "\"%s\" belongs to no system", v->name);
    return NULL;
}

/* --- the list of calls
 * ------------------------------------------------------------------------------------------------ */

struct work *work_of(const struct ride *r, int step)
{
    for (struct work *w = r->works; w; w = w->next)
        if (w->step == step)
            return w;
    return NULL;
}

static void work_drop(struct work *w)
{
    struct work **at = &w->ride->works;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    if (w->task) {
        w->ride->e->tasks--;
        task_cancel(w->task);
    }
    json_decref(w->view);
    free(w);
}

void works_cancel(struct ride *r)
{
    while (r->works)
        work_drop(r->works);
}

static bool still_wanted(const struct work *w)
{
    static const enum step_status during[] = {
        [WORK_PERFORM] = STEP_INTENDED, [WORK_OBSERVE] = STEP_OBSERVING, [WORK_FIND] = STEP_IN_DOUBT};
    const struct control_step *k = &w->ride->c->control.steps[w->step];
    return k->run == w->run && k->status == during[w->kind];
}

void works_prune(struct ride *r)
{
    for (struct work *w = r->works, *next; w; w = next) {
        next = w->next;
        if (!still_wanted(w))
            work_drop(w);
    }
}

/* --- what came of it
 * --------------------------------------------------------------------------------------------------- */

static void record(struct ride *r, int step, enum event_type type, json_t *data)
{
    struct event ev = {.type = type, .step = step, .data = data};
    struct error err = ERROR_NONE;
    if (!ride_record(r, &ev, &err))
        log_write(LOG_WARN, "engine", r->id, "step %s: what came of it was refused: %s",
                  r->c->sop->steps[step].id, err.text);
}

/* {error, result?, not_before?}; the parts that did take place are kept for the next try. */
static json_t *told(const char *error, const json_t *result, int64_t not_before)
{
    json_t *data = json_object();
    if (error)
        json_object_set_new(data, "error", json_string(error));
    if (result)
        json_object_set(data, "result", (json_t *)result);
    if (not_before)
        json_object_set_new(data, "not_before", json_integer(not_before));
    return data;
}

static void came_retry(struct ride *r, int step, const struct outcome *o)
{
    const struct step *s = &r->c->sop->steps[step];
    const struct control_step *k = &r->c->control.steps[step];
    bool looks = s->verb->kind == VERB_OBSERVE;
    int tries = s->tries > 0 ? s->tries : 1;
    if (!looks && k->attempt >= tries) {
        _cleanup_arena_ struct arena a = arena_make();
        const char *text =
            tries > 1 ? arena_printf(&a, "%s (tried %d times)", o->error.text, tries) : o->error.text;
        record(r, step, EV_FAILED, told(text, o->result, 0));
        return;
    }
    int64_t pause = backoff(r->e, s->retry_ms > 0 ? s->retry_ms : SECONDS(2), k->attempt,
                            looks ? LOOK_PAUSE_MOST : EFFECT_PAUSE_MOST);
    if (o->retry_after_ms > pause)
        pause = o->retry_after_ms;
    record(r, step, EV_RETRY, told(o->error.text, o->result, engine_now(r->e) + pause));
}

static void came_unknown(struct ride *r, int step, const struct outcome *o)
{
    if (!r->rounds)
        r->rounds = net_alloc((size_t)r->c->sop->n_steps);
    if (r->rounds[step] < UINT8_MAX)
        r->rounds[step]++;
    int64_t pause = backoff(r->e, FIND_PAUSE, r->rounds[step], FIND_PAUSE_MOST);
    record(r, step, EV_DOUBT, told(o->error.text, o->result, engine_now(r->e) + pause));
}

static void came_of_act(struct ride *r, int step, const struct outcome *o)
{
    if (o->kind != OUTCOME_UNKNOWN && r->rounds)
        r->rounds[step] = 0;
    bool looks = r->c->sop->steps[step].verb->kind == VERB_OBSERVE;
    switch (o->kind) {
    case OUTCOME_DONE:
        record(r, step, EV_DONE, json_pack("{s:O?}", "result", o->result));
        return;
    case OUTCOME_RETRY:
        came_retry(r, step, o);
        return;
    case OUTCOME_UNKNOWN:
        if (looks)
            came_retry(r, step, o);
        else
            came_unknown(r, step, o);
        return;
    case OUTCOME_FAILED:
    case OUTCOME_NOT_FOUND:
    case OUTCOME_CANNOT_TELL:
        record(r, step, EV_FAILED, told(o->error.text, o->result, 0));
        return;
    }
}

static void came_of_find(struct ride *r, int step, const struct outcome *o)
{
    switch (o->kind) {
    case OUTCOME_DONE:
        record(r, step, EV_FOUND, json_pack("{s:O?}", "result", o->result));
        return;
    case OUTCOME_NOT_FOUND:
        if (r->rounds && r->rounds[step] >= ROUNDS_MOST) {
            r->rounds[step] = 0;
            record(r, step, EV_UNSURE,
                   told("it was performed again and again without an answer, and each time its system does "
                        "not know it",
                        o->result, 0));
            return;
        }
        record(r, step, EV_NOT_FOUND, told(NULL, o->result, 0));
        return;
    case OUTCOME_CANNOT_TELL:
    case OUTCOME_FAILED:
        record(r, step, EV_UNSURE, told(o->error.text, o->result, 0));
        return;
    case OUTCOME_RETRY:
    case OUTCOME_UNKNOWN:
        return; /* see find_again */
    }
}

/* The system does not answer: asked again later. Told once for each reason, not once for each try. */
static void find_again(struct work *w, const struct outcome *o)
{
    struct ride *r = w->ride;
    const char *last = r->c->data[w->step].reason;
    int64_t pause = backoff(r->e, FIND_PAUSE, ++w->looks, FIND_PAUSE_MOST);
    if (o->retry_after_ms > pause)
        pause = o->retry_after_ms;
    w->not_before = engine_now(r->e) + pause;
    if (!str_eq(last, o->error.text))
        record(r, w->step, EV_DOUBT, told(o->error.text, o->result, w->not_before));
    ride_wake(r);
}

static void on_outcome(void *ctx, const struct outcome *o)
{
    struct work *w = ctx;
    struct ride *r = w->ride;
    int step = w->step;
    w->task = NULL;
    r->e->tasks--;
    crash_before_record(r->c->sop->steps[step].id);
    if (w->kind == WORK_FIND && (o->kind == OUTCOME_RETRY || o->kind == OUTCOME_UNKNOWN)) {
        find_again(w, o);
        return;
    }
    enum work_kind kind = w->kind;
    work_drop(w);
    if (kind == WORK_FIND)
        came_of_find(r, step, o);
    else
        came_of_act(r, step, o);
    ride_wake(r);
}

/* --- news
 * -------------------------------------------------------------------------------------------------------------
 */

/* Does the page say what is asked when the pipeline pauses? */
static bool has_gate(const struct procedure *p, int step)
{
    for (int i = 0; i < p->n_steps; i++)
        if (p->steps[i].spawned && p->steps[i].of == step)
            return true;
    return false;
}

/* Was the step made for this pause that sends the answer performed? */
static bool was_answered_here(const struct change *c, int step)
{
    for (int i = 0; i < c->sop->n_steps; i++) {
        const struct step *s = &c->sop->steps[i];
        enum step_status status = c->control.steps[i].status;
        if (s->spawned && s->of == step && s->verb && (status == STEP_DONE || step_in_flight(status)))
            return true;
    }
    return false;
}

/* Is what the pause before was answered with still on its way? Then this one cannot be asked about yet. */
static bool gate_busy(const struct ride *r, int step)
{
    const struct procedure *p = r->c->sop;
    for (int i = 0; i < p->n_steps; i++) {
        enum step_status s = r->c->control.steps[i].status;
        if (p->steps[i].spawned && p->steps[i].of == step && s != STEP_DORMANT && !step_settled(s))
            return true;
    }
    return false;
}

/* A pause of the pipeline came, went, or another came in its place. False when that could not be told yet. */
static bool note_gate(struct ride *r, int step, const json_t *view)
{
    if (!has_gate(r->c->sop, step))
        return true;
    const json_t *gate = json_object_get(view, "gate");
    const char *is = json_str(gate, "id", NULL), *was = json_str(r->c->data[step].gate, "id", NULL);
    if (json_is_null(gate))
        is = NULL;
    if (str_eq(is, was))
        return true;
    if (was)
        record(r, step, EV_GATE_GONE,
               json_pack("{s:s, s:s?}", "id", was, "reason",
                         was_answered_here(r->c, step) ? "is over: it was answered" : NULL));
    if (is && gate_busy(r, step))
        return false;
    if (is)
        record(r, step, EV_GATE, json_incref((json_t *)gate));
    return true;
}

/* A driver tells a view once: one whose pause could not be asked about is kept until it can. */
static void record_view(struct ride *r, int step, json_t *view, int64_t now)
{
    if (!view_same(view, r->c->data[step].view))
        record(r, step, EV_PROGRESS, json_pack("{s:O}", "view", view));
    struct work *w = note_gate(r, step, view) ? NULL : work_of(r, step);
    if (w && !w->view) {
        w->view = json_incref(view);
        w->view_at = now + VIEW_PAUSE;
    }
}

static void on_progress(void *ctx, const json_t *view)
{
    struct work *w = ctx;
    struct ride *r = w->ride;
    if (w->kind != WORK_OBSERVE)
        return;
    int64_t now = engine_now(r->e);
    bool gate_moved = has_gate(r->c->sop, w->step) && !str_eq(json_str(view, "gate.id", NULL),
                                                              json_str(r->c->data[w->step].gate, "id", NULL));
    if (view_same(view, r->c->data[w->step].view) && !gate_moved) {
        json_decref(w->view);
        w->view = NULL;
        return;
    }
    json_decref(w->view);
    w->view = json_deep_copy(view);
    if (w->view_at <= now || gate_moved)
        w->view_at = now;
    ride_wake(r);
}

/* A call whose news or whose pause is due. */
static struct work *due(const struct ride *r, int64_t now)
{
    for (struct work *w = r->works; w; w = w->next)
        if ((w->view && w->view_at <= now) || (w->not_before && w->not_before <= now))
            return w;
    return NULL;
}

int64_t works_due(struct ride *r, int64_t now)
{
    int64_t wake = 0;
    for (struct work *w; (w = due(r, now));) {
        int step = w->step, looks = w->looks;
        if (w->view) {
            _cleanup_json_ json_t *view = w->view;
            w->view = NULL;
            w->view_at = now + VIEW_PAUSE;
            record_view(r, step, view, now);
            continue;
        }
        work_drop(w);
        work_start(r, WORK_FIND, step);
        if ((w = work_of(r, step)))
            w->looks = looks;
    }
    for (const struct work *w = r->works; w; w = w->next) {
        int64_t at = w->view ? w->view_at : w->not_before;
        if (at && (wake == 0 || at < wake))
            wake = at;
    }
    return wake;
}

/* --- beginning
 * ----------------------------------------------------------------------------------------------------------
 */

void work_start(struct ride *r, enum work_kind kind, int step)
{
    struct engine *e = r->e;
    const struct step *s = &r->c->sop->steps[step];
    const struct control_step *k = &r->c->control.steps[step];
    const struct step_data *d = &r->c->data[step];
    struct error err = ERROR_NONE;
    struct system *system = NULL;
    const struct verb_entry *entry = verb_entry_of(e, s->verb, &system, &err);
    act_fn *act = !entry ? NULL : kind == WORK_FIND ? entry->find : entry->perform;
    if (!act) {
        record(r, step, kind == WORK_FIND ? EV_UNSURE : EV_FAILED, json_pack("{s:s}", "error", err.text));
        return;
    }
    _cleanup_arena_ struct arena a = arena_make();
    const struct effect effect = {.key = change_key(r->c, step, &a),
                                  .verb = entry->verb,
                                  .change = r->id,
                                  .args = d->args,
                                  .intended_ms = k->began,
                                  .attempt = k->attempt,
                                  .parts = s->verb->kind == VERB_EFFECT ? d->result : NULL};
    struct work *w = NET_NEW(struct work);
    *w = (struct work){.next = r->works, .ride = r, .kind = kind, .step = step, .run = k->run};
    r->works = w;
    e->tasks++;
    w->task = act(system, &effect, on_outcome, on_progress, w);
    if (kind == WORK_PERFORM)
        crash_after_sent(e->loop, s->id);
}
