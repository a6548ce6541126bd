/* people.c: what people do to a change: start, answer, say what took place, raise trouble, skip, cancel,
 * note, amend.
 *
 * Each checks who asks, makes one event, and answers when that is durable. */
#include "base/instant.h"
#include "base/log.h"
#include "engine/share.h"

/* --- shared
 * ----------------------------------------------------------------------------------------------------------------
 */

static void refuse(struct engine *e, engine_done_fn *done, void *ctx, const struct error *err)
{
    reply_later(e, done, ctx, NULL, err);
}

/* Records it and has the person told when it is durable. Takes `answer`. */
static void record_for(struct ride *r, struct event *ev, engine_done_fn *done, void *ctx, json_t *answer)
{
    struct error err = ERROR_NONE;
    if (ride_record(r, ev, &err)) {
        ride_tell(r, done, ctx, answer);
        return;
    }
    json_decref(answer);
    refuse(r->e, done, ctx, &err);
}

static int step_named(const struct change *c, const char *id, struct error *err)
{
    int step = id ? procedure_step(c->sop, id) : -1;
    if (step >= 0)
        return step;
    _cleanup_arena_ struct arena a = arena_make();
    const char *near = id ? str_near(id, procedure_ids(c->sop, &a)) : NULL;
    if (!id)
        error_set(err, SB_MISSING, "which step? Give its id");
    else if (near)
        error_set(err, SB_UNKNOWN, "%s has no step \"%.64s\"; did you mean \"%s\"?", c->id, id, near);
    else
        error_set(err, SB_UNKNOWN, "%s has no step \"%.64s\"", c->id, id);
    return -1;
}

static void copy_keys(json_t *to, const json_t *from, const char *const *keys)
{
    for (int i = 0; keys[i]; i++) {
        json_t *v = json_object_get(from, keys[i]);
        if (v && !json_is_null(v))
            json_object_set(to, keys[i], v);
    }
}

/* --- start
 * ------------------------------------------------------------------------------------------------------------------
 */

void engine_start(struct engine *e, const char *change, const char *by, engine_done_fn *done, void *ctx)
{
    struct error err = ERROR_NONE;
    if (share_act(e, "start", change, NULL, by, done, ctx))
        return;
    struct ride *r = ride_open_of(e, change, &err);
    if (!r || !may(e, r->c, by, "deploy", &err)) {
        refuse(e, done, ctx, &err);
        return;
    }
    if (r->c->started && r->c->control.status != CHANGE_ENDED) { /* nothing is started twice */
        reply_later(e, done, ctx, json_pack("{s:s, s:b}", "id", r->id, "already", true), NULL);
        return;
    }
    struct event ev = {.type = EV_STARTED, .step = -1, .by = by};
    if (!ride_record(r, &ev, &err)) {
        refuse(e, done, ctx, &err);
        return;
    }
    lane_join(r);
    const struct ride *behind = ride_behind(r);
    ride_tell(r, done, ctx,
              json_pack("{s:s, s:s?}", "id", r->id, "queue_behind", behind ? behind->id : NULL));
}

/* --- answers
 * ------------------------------------------------------------------------------------------------------------------
 */

/* The step asked about: the one named, or the only one that asks. */
static int asking_step(const struct change *c, const char *id, struct error *err)
{
    if (id)
        return step_named(c, id, err);
    int found = -1;
    for (int i = 0; i < c->sop->n_steps; i++) {
        if (c->control.steps[i].status != STEP_ASKING)
            continue;
        if (found >= 0) {
            error_set(err, SB_MISSING, "%s asks more than one question (%s, %s): say which step you answer",
                      c->id, c->sop->steps[found].id, c->sop->steps[i].id);
            return -1;
        }
        found = i;
    }
    if (found < 0)
        error_set(err, SB_STATE, "%s asks nothing now", c->id);
    return found;
}

/* Somebody was first, or nobody is asked: says who and when. */
static bool is_asked(const struct engine *e, const struct change *c, int step, struct error *err)
{
    const struct step_data *d = &c->data[step];
    const char *id = c->sop->steps[step].id;
    enum step_status status = c->control.steps[step].status;
    if (status == STEP_ASKING)
        return true;
    if (!d->answer)
        return error_set(err, SB_STATE, "step %s asks nothing now: it is %s", id, step_status_names[status]);
    _cleanup_arena_ struct arena a = arena_make();
    int64_t at = json_int(d->answer, "at", d->ended);
    return error_set(err, SB_STATE, "step %s was answered already: \"%s\" by %s%s%s", id,
                     json_str(d->answer, "choice", "?"), d->by ? d->by : "nobody, when its time was up",
                     at ? ", " : "",
                     at ? instant_text(at, json_str(c->facts, "client.zone", "UTC"), engine_now(e), &a) : "");
}

/* Who answers a question that has been put again since means the one before: a button pressed twice, an old
 * message in a chat. Who does not say which run was seen means the one that stands. */
static bool is_the_one_seen(const struct change *c, int step, const json_t *answer, struct error *err)
{
    int64_t run = c->control.steps[step].run, seen = json_int(answer, "run", run);
    if (seen == run)
        return true;
    return error_set(err, SB_STATE,
                     "step %s has been asked anew since: that was question %lld, this is question %lld",
                     c->sop->steps[step].id, (long long)seen, (long long)run);
}

static int choice_named(const struct step *s, const char *id, struct error *err)
{
    const char *ids[CHOICES_MAX + 1] = {0};
    _cleanup_buf_ struct buf all = {0};
    for (int i = 0; i < s->ask.n_choices; i++) {
        if (id && (str_eq(s->ask.choices[i].id, id) || str_eq(s->ask.choices[i].label, id)))
            return i;
        ids[i] = s->ask.choices[i].id;
        buf_printf(&all, "%s%s", i ? ", " : "", ids[i]);
    }
    const char *near = id ? str_near(id, ids) : NULL;
    if (near)
        error_set(err, SB_UNKNOWN, "step %s has no answer \"%.64s\"; did you mean \"%s\"?", s->id, id, near);
    else
        error_set(err, id ? SB_UNKNOWN : SB_MISSING, "step %s is answered with one of: %s", s->id,
                  buf_str(&all));
    return -1;
}

/* What the record keeps of an answer. NULL with the error when a part is missing. */
static json_t *answer_data(const struct engine *e, const struct step *s, int choice, const json_t *answer,
                           struct error *err)
{
    static const char *const keys[] = {"reason",       "services",       "minutes",
                                       "permitted_by", "despite_schema", NULL};
    bool glass = json_flag(answer, "break_glass", false);
    const char *reason = json_str(answer, "reason", "");
    if ((s->ask.reason || glass) && !*reason) {
        error_set(err, SB_MISSING, "step %s: the answer needs a reason", s->id);
        return NULL;
    }
    const json_t *services = json_object_get(answer, "services");
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)services, i, one)
        if (!config_service(e->config, json_str(one, "service", ""), err))
            return NULL;
    json_t *data =
        json_pack("{s:s, s:I}", "choice", s->ask.choices[choice].id, "at", (json_int_t)engine_now(e));
    copy_keys(data, answer, keys);
    if (glass && s->ask.other) {
        json_object_set_new(data, "break_glass", json_true());
        log_warn("engine", "the glass is broken: step %s needs two people and is answered by one: %s", s->id,
                 reason);
    }
    return data;
}

/* Whoever rolls back over a schema change has to have seen that there is one. */
static bool schema_is_seen(const struct engine *e, const struct change *c, int step, int choice,
                           const json_t *answer, struct error *err)
{
    const struct ask *ask = &c->sop->steps[step].ask;
    if (!ask->decision || !str_eq(ask->choices[choice].id, decision_names[DECISION_ROLLBACK]) ||
        json_flag(answer, "despite_schema", false))
        return true;
    _cleanup_json_ json_t *rollback = rollback_json(c, engine_now(e));
    const json_t *schema = json_object_get(rollback, "schema");
    size_t n = json_array_size(schema);
    return n == 0 ||
           error_set(
               err, SB_STATE,
               "the database schema has changed since what a rollback returns to (%s: %s%s): a rollback is slow, or does "
               "not work at all. Patch forward, or say that you have seen it: signalbox rollback %s "
               "--despite-schema --reason ...",
               json_str(schema, "0.service", "?"), json_str(schema, "0.file", "?"),
               n > 1 ? " and others" : "", c->id);
}

void engine_answer(struct engine *e, const char *change, const json_t *answer, const char *by,
                   engine_done_fn *done, void *ctx)
{
    struct error err = ERROR_NONE;
    if (share_act(e, "answer", change, answer, by, done, ctx))
        return;
    struct ride *r = ride_open_of(e, change, &err);
    int step = r ? asking_step(r->c, json_str(answer, "step", NULL), &err) : -1;
    if (step < 0 || !is_asked(e, r->c, step, &err) || !is_the_one_seen(r->c, step, answer, &err) ||
        !may_answer(e, r->c, step, by, json_flag(answer, "break_glass", false), &err)) {
        refuse(e, done, ctx, &err);
        return;
    }
    const struct step *s = &r->c->sop->steps[step];
    int choice = choice_named(s, json_str(answer, "choice", NULL), &err);
    json_t *data = choice >= 0 && schema_is_seen(e, r->c, step, choice, answer, &err)
                       ? answer_data(e, s, choice, answer, &err)
                       : NULL;
    if (!data) {
        refuse(e, done, ctx, &err);
        return;
    }
    struct event ev = {.type = EV_ANSWERED, .step = step, .choice = choice, .by = by, .data = data};
    record_for(r, &ev, done, ctx,
               json_pack("{s:s, s:s, s:s, s:s, s:I}", "id", r->id, "step", s->id, "choice",
                         s->ask.choices[choice].id, "by", by, "at", (json_int_t)engine_now(e)));
}

void engine_resolve(struct engine *e, const char *change, const json_t *answer, const char *by,
                    engine_done_fn *done, void *ctx)
{
    static const char *const keys[] = {"took_place", "result", "reason", NULL};
    struct error err = ERROR_NONE;
    if (share_act(e, "resolve", change, answer, by, done, ctx))
        return;
    struct ride *r = ride_open_of(e, change, &err);
    int step = r ? step_named(r->c, json_str(answer, "step", NULL), &err) : -1;
    const json_t *took = json_object_get(answer, "took_place");
    if (step < 0 || !is_the_one_seen(r->c, step, answer, &err) || !may(e, r->c, by, "deploy", &err)) {
        refuse(e, done, ctx, &err);
        return;
    }
    if (!json_is_boolean(took))
        error_set(&err, SB_MISSING, "did step %s take place? took_place is true or false",
                  r->c->sop->steps[step].id);
    else if (!*json_str(answer, "reason", ""))
        error_set(&err, SB_MISSING, "step %s: say how you know (reason)", r->c->sop->steps[step].id);
    if (err.code != SB_OK) {
        refuse(e, done, ctx, &err);
        return;
    }
    struct event ev = {
        .type = EV_RESOLVED, .step = step, .choice = json_is_true(took), .by = by, .data = json_object()};
    copy_keys(ev.data, answer, keys);
    record_for(r, &ev, done, ctx, json_pack("{s:s, s:s}", "id", r->id, "step", r->c->sop->steps[step].id));
}

/* --- acts
 * ------------------------------------------------------------------------------------------------------------------------
 */

/* What each act needs: who may, which event it makes. */
static const struct act {
    const char *name, *role;
    enum event_type type;
    bool of_step, reason;
} acts[] = {
    {"trouble", "deploy", EV_TROUBLE, false, true}, {"skip", "deploy", EV_SKIPPED, true, true},
    {"again", "deploy", EV_AGAIN, true, false},     {"cancel", "deploy", EV_CANCELLED, false, true},
    {"note", "see", EV_NOTED, false, false},        {"amend", "deploy", EV_AMENDED, false, true},
    {"move", "deploy", EV_MOVED, false, true},
};

static const struct act *act_named(const char *what, struct error *err)
{
    const char *names[COUNT_OF(acts) + 1] = {0};
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        if (str_eq(acts[i].name, what))
            return &acts[i];
        names[i] = acts[i].name;
    }
    const char *near = str_near(what ? what : "", names);
    error_set(err, SB_UNKNOWN, "\"%.64s\" is nothing one can do to a change%s%s%s", what ? what : "",
              near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return NULL;
}

static bool act_event(const struct change *c, const struct act *act, const json_t *data, struct event *ev,
                      struct error *err)
{
    static const char *const keys[] = {"reason", "text", "facts", NULL};
    if (act->of_step && (ev->step = step_named(c, json_str(data, "step", NULL), err)) < 0)
        return false;
    if (act->reason && !*json_str(data, "reason", ""))
        return error_set(err, SB_MISSING, "\"%s\" needs a reason", act->name);
    if (act->type == EV_NOTED && !*json_str(data, "text", ""))
        return error_set(err, SB_MISSING, "a note needs a text");
    ev->type = act->type;
    ev->data = json_object();
    copy_keys(ev->data, data, keys);
    if (act->type == EV_AMENDED)
        json_object_set_new(ev->data, "facts", json_deep_copy(json_object_get(data, "facts")));
    if (act->type != EV_AMENDED || json_is_object(json_object_get(ev->data, "facts")))
        return true;
    event_clear(ev);
    return error_set(err, SB_MISSING, "an amendment says which facts it changes: {facts: {...}, reason}");
}

void engine_act(struct engine *e, const char *change, const char *what, const json_t *data, const char *by,
                engine_done_fn *done, void *ctx)
{
    struct error err = ERROR_NONE;
    if (share_act(e, what, change, data, by, done, ctx))
        return;
    const struct act *act = act_named(what, &err);
    /* A note may be added to a change that has ended: what was learnt later belongs to it. */
    struct ride *r = !act                    ? NULL
                     : act->type == EV_NOTED ? ride_of(e, change, &err)
                                             : ride_open_of(e, change, &err);
    struct event ev = {.step = -1, .by = by};
    bool allowed = r && may(e, r->c, by, act->role, &err);
    if (allowed && (act->type == EV_MOVED || json_path(data, "facts.window"))) {
        engine_move(e, r, data, by, done, ctx);
        return;
    }
    if (!allowed || !act_event(r->c, act, data, &ev, &err)) {
        refuse(e, done, ctx, &err);
        return;
    }
    record_for(r, &ev, done, ctx, json_pack("{s:s, s:s}", "id", r->id, "did", act->name));
}
