#include "check.h"

/* How a step stands by what the record says of it, and in which run. */
enum told { TOLD_NOTHING, TOLD_DONE, TOLD_SKIPPED, TOLD_FAILED };
struct told_step {
    enum told how;
    int run;
    int choice;   /* + 1; 0 = none */
    int notes;    /* change.note: in this run */
    int intended; /* run that was intended last */
    int64_t seq;  /* of the event that told it */
};

struct checker {
    struct change *state; /* a fold of the durable record, apart from every node's */
    struct told_step steps[STEPS_MAX];
    bool troubled, repairing, rolled_back;
    int64_t deployed; /* event by which the deployment was intended last */
    json_t *tags;     /* service -> tag that was planned or decided */
};

void check_open(struct sim *s)
{
    s->checker = calloc(1, sizeof *s->checker);
    if (!s->checker)
        abort();
    s->checker->tags = json_object();
}

void check_close(struct sim *s)
{
    change_free(s->checker->state);
    json_decref(s->checker->tags);
    free(s->checker);
    s->checker = NULL;
}

const struct change *check_state(const struct sim *s)
{
    return s->checker->state;
}

static const char *key_of(const struct sim *s, int step, int run, char *out, size_t n)
{
    snprintf(out, n, "HF-1/%s/%d", s->sop->steps[step].id, run);
    return out;
}

/* --- the rules of the page, from what the record tells
 * ---------------------------------------------------------------------------- */

static bool stands(const struct checker *k, int step, enum told how)
{
    const struct told_step *t = &k->steps[step];
    const struct control_step *now = &k->state->control.steps[step];
    /* What a decision lets go of is skipped without an event of its own. */
    if (how == TOLD_SKIPPED && now->status == STEP_SKIPPED)
        return true;
    return t->how == how && t->run == now->run;
}

static bool needs_hold(const struct checker *k, const struct interlock *rule)
{
    for (int i = 0; i < rule->n_needs; i++)
        if (!stands(k, rule->needs[i], TOLD_DONE) &&
            !(rule->skipped_ok && stands(k, rule->needs[i], TOLD_SKIPPED)))
            return false;
    return true;
}

static bool answer_holds(const struct sim *s, const struct checker *k, const struct interlock *rule)
{
    int gate = rule->needs[0], choice = k->steps[gate].choice;
    if (rule->skipped_ok && stands(k, gate, TOLD_SKIPPED))
        return true;
    return stands(k, gate, TOLD_DONE) && choice > 0 &&
           str_eq(s->sop->steps[gate].ask.choices[choice - 1].id, rule->choice);
}

static void check_rules(struct sim *s, const struct event *e)
{
    const struct checker *k = s->checker;
    for (int i = 0; i < s->sop->n_interlocks; i++) {
        const struct interlock *rule = &s->sop->interlocks[i];
        bool end =
            rule->kind == RULE_END_NEEDS && e->type == EV_ENDED && k->state->control.status == CHANGE_RUNNING;
        bool holds = true;
        if (!end && (e->step < 0 || rule->step != e->step))
            continue;
        if (end || rule->kind == RULE_NEEDS)
            holds = needs_hold(k, rule);
        else if (rule->kind == RULE_NOT_TROUBLE)
            holds = !k->troubled;
        else if (rule->kind == RULE_ANSWERED)
            holds = answer_holds(s, k, rule);
        if (!holds)
            broke(s, "interlock", "%s, although rule \"%s\" stands against it: %s",
                  e->step >= 0 ? s->sop->steps[e->step].id : "the change ends", rule->id, rule->because);
    }
}

/* Nothing begins before its turn and its moment, nor in a branch that is not carried out. */
static void check_turn(struct sim *s, const struct event *e)
{
    const struct step *step = &s->sop->steps[e->step];
    const struct change *c = s->checker->state;
    for (int i = 0; i < step->n_after; i++)
        if (!step_settled((enum step_status)c->control.steps[step->after[i]].status))
            broke(s, "order", "%s begins before %s is settled", step->id, s->sop->steps[step->after[i]].id);
    if (!control_active(&c->control, s->sop, e->step))
        broke(s, "order", "%s begins while the change is %s", step->id,
              change_status_names[c->control.status]);
    if (!step->at || c->control.steps[e->step].status == STEP_PAUSED || step->unless_done)
        return;
    _cleanup_json_ json_t *names =
        json_pack("{s:o, s:o}", "from", json_integer(json_int(c->facts, "window.from", 0)), "to",
                  json_integer(json_int(c->facts, "window.to", 0)));
    int64_t at;
    if (!c->control.steps[e->step].asked && moment_parse(step->at, names, &at, NULL) && e->at < at)
        broke(s, "early", "%s begins %lld s before its moment (%s)", step->id,
              (long long)((at - e->at) / 1000), step->at);
}

/* --- tags go back by a decision only
 * ------------------------------------------------------------------------------------------------ */

static void take_tags(struct checker *k, const json_t *services)
{
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)services, i, one)
        json_object_set(k->tags, json_str(one, "service", ""), json_object_get(one, "tag"));
}

static void check_tags(struct sim *s, const struct event *e)
{
    const struct step *step = &s->sop->steps[e->step];
    size_t i;
    json_t *one;
    if (!step->verb || !str_eq(step->verb->name, "pipeline.start") || s->checker->rolled_back)
        return;
    json_array_foreach(json_object_get(json_object_get(e->data, "args"), "services"), i, one)
        if (!json_equal(json_object_get(one, "tag"),
                        json_object_get(s->checker->tags, json_str(one, "service", ""))))
            broke(s, "tags", "%s starts %s at %s, which nobody planned or decided", step->id,
                  json_str(one, "service", "?"), json_str(one, "tag", "?"));
}

static void note_decision(struct sim *s, const struct event *e)
{
    struct checker *k = s->checker;
    const char *choice = s->sop->steps[e->step].ask.choices[e->choice].id;
    if (!s->sop->steps[e->step].ask.decision)
        return;
    if (!*e->by)
        broke(s, "decided", "%s: a decision that nobody took", s->sop->steps[e->step].id);
    if (str_eq(choice, "retry"))
        k->troubled = k->repairing = false;
    if (str_eq(choice, "patch")) {
        take_tags(k, json_object_get(e->data, "services"));
        k->rolled_back = false;
    }
    if (str_eq(choice, "rollback"))
        k->rolled_back = true;
    if (str_eq(choice, "patch") || str_eq(choice, "rollback"))
        k->repairing = true;
}

/* --- what is recorded must be so in the world
 * ------------------------------------------------------------------------------------------ */

/* Retried patches after a rollback mix tags that are hard to tell apart from outside; from then on they are
 * not looked at. */
static void check_done(struct sim *s, const struct event *e)
{
    char key[192];
    const struct step *step = &s->sop->steps[e->step];
    if (!step->verb || step->verb->kind != VERB_EFFECT)
        return;
    struct deed *d = deed_find(s, key_of(s, e->step, e->run, key, sizeof key));
    if (d)
        d->recorded = true;
    if (!d || !deed_whole(d))
        broke(s, "lost", "%s is recorded as done, and the world does not know it", key);
}

static bool all_told(const struct deed *d, const json_t *result)
{
    size_t told = json_array_size(json_object_get(result, "posts"));
    int done = 0;
    for (int i = 0; i < d->n_parts; i++)
        done += d->count[i] > 0;
    return (int)told >= done;
}

/* Recorded as certainly not done: of an effect of several parts, what was done is told. */
static void check_undone(struct sim *s, const struct event *e)
{
    char key[192];
    const struct step *step = &s->sop->steps[e->step];
    const struct control_step *k = &s->checker->state->control.steps[e->step];
    if (!step->verb || step->verb->kind != VERB_EFFECT || !step_in_flight((enum step_status)k->status))
        return;
    struct deed *d = deed_find(s, key_of(s, e->step, e->run, key, sizeof key));
    if (d)
        d->recorded = true; /* as far as it went */
    if (d && d->repeatable) /* nobody looks whether it was done: only of the last try it is known that it was
                               not */
        return;
    const json_t *told = json_object_get(e->data, "result");
    if (!told)
        told = s->checker->state->data[e->step].result;
    if (d && d->count[0] > 0 && !all_told(d, told))
        broke(s, "denied", "%s is recorded as not done (%s), and it took place", key, event_names[e->type]);
}

/* --- one event
 * -------------------------------------------------------------------------------------------------------------------------
 */

static bool begins(enum event_type t)
{
    return t == EV_ASKED || t == EV_INTENDED || t == EV_OBSERVING;
}

static void check_undo(struct sim *s, const struct event *e)
{
    const struct step *step = &s->sop->steps[e->step];
    if (step_in_flight((enum step_status)s->checker->state->control.steps[step->of].status))
        broke(s, "undo", "%s is settled before it is known whether %s took place", step->id,
              s->sop->steps[step->of].id);
}

static void before(struct sim *s, const struct event *e)
{
    if (e->step >= 0 && begins(e->type)) {
        check_rules(s, e);
        check_turn(s, e);
        if (e->type == EV_INTENDED)
            check_tags(s, e);
        if (e->type == EV_INTENDED && e->step == s->sop->redo_from)
            s->checker->deployed = e->seq;
    }
    if (e->type == EV_ENDED)
        check_rules(s, e);
    if (e->step >= 0 && s->sop->steps[e->step].branch == BRANCH_UNDO && !*e->by &&
        (begins(e->type) || e->type == EV_SKIPPED))
        check_undo(s, e);
    if (e->type == EV_CANCELLED && s->checker->deployed)
        broke(s, "cancelled", "the change is cancelled although its deployment has begun");
    if (e->type == EV_DONE || e->type == EV_FOUND || (e->type == EV_RESOLVED && e->choice))
        check_done(s, e);
    if (e->type == EV_FAILED || e->type == EV_RETRY || e->type == EV_NOT_FOUND ||
        (e->type == EV_RESOLVED && !e->choice))
        check_undone(s, e);
}

static void settle(struct sim *s, const struct event *e, enum told how)
{
    struct told_step *t = &s->checker->steps[e->step];
    const struct step *step = &s->sop->steps[e->step];
    const struct control *c = &s->checker->state->control;
    bool matters = step->branch == BRANCH_MAIN && !step->unless_done && !step->optional;
    t->how = how;
    t->run = e->run;
    t->seq = e->seq;
    if (how == TOLD_FAILED && matters && c->status == CHANGE_RUNNING && !c->steps[e->step].reset)
        s->checker->troubled = true;
}

/* Keeps what the record tells of a step; before the event is folded. */
static void hear(struct sim *s, const struct event *e)
{
    struct checker *k = s->checker;
    const struct step *step = e->step >= 0 ? &s->sop->steps[e->step] : NULL;
    switch (e->type) {
    case EV_PLANNED:
        take_tags(k, json_path(e->data, "facts.services"));
        break;
    case EV_TROUBLE:
        k->troubled = true;
        break;
    case EV_DONE:
    case EV_FOUND:
        settle(s, e, TOLD_DONE);
        break;
    case EV_RESOLVED:
        if (e->choice)
            settle(s, e, TOLD_DONE);
        break;
    case EV_SKIPPED:
        settle(s, e, TOLD_SKIPPED);
        break;
    case EV_FAILED:
        settle(s, e, TOLD_FAILED);
        break;
    case EV_ANSWERED:
        k->steps[e->step].choice = e->choice + 1;
        if (step->ask.choices[e->choice].fails)
            settle(s, e, TOLD_FAILED);
        else if (!step->verb || step->ask.choices[e->choice].ends)
            settle(s, e, TOLD_DONE);
        note_decision(s, e);
        break;
    default:
        break;
    }
}

static void check_note(struct sim *s, const struct event *e)
{
    const char *id = json_str(e->data, "step", NULL);
    int step = id && !*e->by ? procedure_step(s->sop, id) : -1;
    if (step < 0)
        return;
    struct told_step *t = &s->checker->steps[step];
    int run = s->checker->state->control.steps[step].run;
    t->notes = t->intended == run ? t->notes + 1 : 1;
    t->intended = run;
    if (t->notes > 1)
        broke(s, "twice", "the note of %s is in the record twice", id);
}

/* Whatever comes after the deployment is done anew when the deployment is. */
static void check_anew(struct sim *s)
{
    const struct checker *k = s->checker;
    bool follows[STEPS_MAX] = {false};
    const struct control *c = &k->state->control;
    if (s->sop->redo_from < 0 || k->deployed == 0 ||
        (c->outcome != OUTCOME_CARRIED_OUT && c->outcome != OUTCOME_ROLLED_BACK))
        return;
    follows[s->sop->redo_from] = true;
    for (int round = 0; round < s->sop->n_steps; round++)
        for (int i = 0; i < s->sop->n_steps; i++)
            for (int a = 0; a < s->sop->steps[i].n_after; a++)
                follows[i] |= follows[s->sop->steps[i].after[a]] && s->sop->steps[i].branch == BRANCH_MAIN;
    for (int i = 0; i < s->sop->n_steps; i++)
        if (follows[i] && i != s->sop->redo_from && stands(k, i, TOLD_DONE) && k->steps[i].seq < k->deployed)
            broke(s, "anew", "%s was done before the last deployment began, and counts after it",
                  s->sop->steps[i].id);
}

/* What was timed by the old window is not taken to be settled for the new one. */
static void check_moved(struct sim *s)
{
    const struct control *c = &s->checker->state->control;
    for (int i = 0; i < s->sop->n_steps; i++) {
        const struct step *step = &s->sop->steps[i];
        const struct control_step *k = &c->steps[i];
        bool anew = k->status == STEP_WAITING || (step_in_flight((enum step_status)k->status) && k->reset);
        if (step->branch == BRANCH_MAIN && step->of < 0 && step->of_window && !anew)
            broke(s, "moved", "the window has moved, and %s, which is timed by it, is still %s", step->id,
                  step_status_names[k->status]);
    }
}

/* Nobody is asked about the pause of a pipeline that is no longer looked at. */
static void check_gate_closed(struct sim *s, int watch)
{
    const struct control *c = &s->checker->state->control;
    for (int i = 0; i < s->sop->n_steps; i++)
        if (s->sop->steps[i].spawned && s->sop->steps[i].of == watch && c->steps[i].status == STEP_ASKING)
            broke(s, "pause", "%s is asked although %s is %s", s->sop->steps[i].id, s->sop->steps[watch].id,
                  step_status_names[c->steps[watch].status]);
}

static void after(struct sim *s, const struct event *e)
{
    struct checker *k = s->checker;
    const struct control *c = &k->state->control;
    if (k->repairing && c->status == CHANGE_RUNNING)
        k->troubled = k->repairing = false;
    if (k->troubled &&
        (c->status == CHANGE_RUNNING || (c->status == CHANGE_ENDED && c->outcome == OUTCOME_CARRIED_OUT)))
        broke(s, "trouble", "after %s the change is %s, though it is in trouble and nobody has decided",
              event_names[e->type], change_status_names[c->status]);
    if (e->step >= 0 && c->steps[e->step].status != STEP_OBSERVING)
        check_gate_closed(s, e->step);
    /* What did not take place may be performed only when it might begin now. */
    if ((e->type == EV_NOT_FOUND || (e->type == EV_RESOLVED && !e->choice)) &&
        c->steps[e->step].status == STEP_INTENDED) {
        check_rules(s, e);
        check_turn(s, e);
    }
    if (e->type == EV_MOVED)
        check_moved(s);
    if (e->type == EV_ENDED) {
        check_anew(s);
        s->ended = true;
    }
}

void check_durable(struct sim *s, size_t i)
{
    struct checker *k = s->checker;
    struct error err = ERROR_NONE;
    json_t *j = disk_event(s, i);
    struct event e = {0};
    if (!k->state)
        k->state = change_new("HF-1", s->sop);
    if (!event_from_json(j, s->sop, &e, &err)) {
        broke(s, "replay", "event %zu cannot be read: %s", i + 1, err.text);
    } else if (!s->broke) {
        before(s, &e);
        if (e.type == EV_NOTED)
            check_note(s, &e);
        if (e.seq == k->state->control.seq + 1)
            hear(s, &e);
        if (!change_apply(k->state, &e, &err))
            broke(s, "replay", "event %zu is refused when it is read back: %s", i + 1, err.text);
        else
            after(s, &e);
        if (!s->broke)
            people_see(s, &e);
    }
    event_clear(&e);
    json_decref(j);
}

/* --- requests and deeds
 * ------------------------------------------------------------------------------------------------------------------
 */

void check_sent(struct sim *s, const struct call *c)
{
    char key[192];
    const struct change *state = s->checker->state;
    const struct control_step *k = &state->control.steps[c->step];
    key_of(s, c->step, c->run, key, sizeof key);
    if (strcmp(key, c->key) != 0)
        broke(s, "key", "%s is performed under the key %s", key, c->key);
    if (k->status != STEP_INTENDED || k->run != c->run)
        broke(s, "undurable", "%s is performed, and by the durable record it is %s in run %d", key,
              step_status_names[k->status], k->run);
}

void check_deed(struct sim *s, const struct deed *d)
{
    for (int i = 0; i < d->n_parts; i++)
        if (d->count[i] > 1)
            broke(s, "twice", "%s has taken place %d times", d->key, d->count[i]);
}

void check_promise(struct sim *s, const struct promise *p)
{
    _cleanup_json_ json_t *e =
        p->seq <= (int64_t)json_array_size(s->disk.events) ? disk_event(s, (size_t)p->seq - 1) : NULL;
    say(s, -1, "  %s is told that event %lld is recorded", p->by, (long long)p->seq);
    if (!e || !str_eq(json_str(e, "type", ""), event_names[p->type]) || !str_eq(json_str(e, "by", ""), p->by))
        broke(s, "acknowledged", "%s was told that %s is recorded as event %lld, and it is not", p->by,
              event_names[p->type], (long long)p->seq);
    else if (p->type == EV_ANSWERED && json_int(e, "run", 0) != p->run)
        broke(s, "answered", "%s's answer to the question of run %d is taken for one of run %d", p->by,
              p->run, (int)json_int(e, "run", 0));
}

/* A pause that nobody is asked about is how a deployment takes an hour. */
void check_pause(struct sim *s, int watch, int64_t since)
{
    const struct control *c = &s->checker->state->control;
    int64_t free_since = since;
    bool asks = false;
    for (int i = 0; i < s->sop->n_steps; i++) {
        const struct control_step *k = &c->steps[i];
        if (s->sop->steps[i].of != watch || !s->sop->steps[i].spawned)
            continue;
        if (k->status != STEP_DORMANT && !step_settled((enum step_status)k->status))
            return;
        asks = true;
        free_since = k->since > free_since ? k->since : free_since;
    }
    if (asks && !s->checker->state->data[watch].gate && c->steps[watch].status == STEP_OBSERVING &&
        s->now - free_since > MINUTES(10) && s->now - c->steps[watch].since > MINUTES(10))
        broke(s, "pause", "the pipeline of %s has paused for %lld min, and nobody is asked",
              s->sop->steps[watch].id, (long long)((s->now - since) / MINUTES(1)));
}

/* --- two folds of one record
 * ----------------------------------------------------------------------------------------------------------------
 */

/* Where two values differ first, for people. */
static void difference(const json_t *a, const json_t *b, char *path, size_t n)
{
    const char *name;
    json_t *v;
    size_t at = strlen(path);
    if (json_is_object(a) && json_is_object(b)) {
        json_object_foreach((json_t *)a, name, v)
            if (!json_equal(v, json_object_get(b, name))) {
                snprintf(path + at, n - at, ".%s", name);
                difference(v, json_object_get(b, name), path, n);
                return;
            }
    } else if (json_is_array(a) && json_is_array(b)) {
        size_t i;
        json_array_foreach((json_t *)a, i, v)
            if (!json_equal(v, json_array_get(b, i))) {
                snprintf(path + at, n - at, ".%zu", i);
                difference(v, json_array_get(b, i), path, n);
                return;
            }
    }
}

static void compare(struct sim *s, const char *invariant, const struct change *a, const struct change *b)
{
    json_t *x = change_save(a), *y = change_save(b);
    if (!json_equal(x, y)) {
        char path[256] = "state";
        difference(x, y, path, sizeof path);
        broke(s, invariant, "two folds of one record differ after event %lld: %s", (long long)a->control.seq,
              path);
    }
    json_decref(x);
    json_decref(y);
}

void check_loaded(struct sim *s, const struct change *c)
{
    compare(s, s->disk.snapshot ? "snapshot" : "replay", c, s->checker->state);
}

static bool same_control(const struct control *a, const struct control *b, int n)
{
    return a->status == b->status && a->outcome == b->outcome && a->aside == b->aside &&
           a->moving == b->moving && a->round == b->round && a->trouble_step == b->trouble_step &&
           a->seq == b->seq && a->at == b->at &&
           memcmp(a->steps, b->steps, (size_t)n * sizeof a->steps[0]) == 0;
}

/* The whole state is compared now and then; what decides, each time. */
void check_settled(struct sim *s, const struct node *n)
{
    const struct change *state = s->checker->state;
    if (n->c->control.seq != state->control.seq)
        broke(s, "replay", "node %c takes event %lld for the last durable one, the store has %lld",
              'A' + n->number, (long long)n->c->control.seq, (long long)state->control.seq);
    else if (!same_control(&n->c->control, &state->control, s->sop->n_steps))
        broke(s, "replay", "node %c and the record differ after event %lld", 'A' + n->number,
              (long long)state->control.seq);
    else if (draw(s, DRAW_CHECK, -1, 64) == 0)
        compare(s, "replay", n->c, state);
}

static void through_a_snapshot(struct sim *s)
{
    struct error err = ERROR_NONE;
    json_t *state = change_save(s->checker->state);
    char *text = json_canonical(state);
    _cleanup_json_ json_t *read = json_read(text, strlen(text), JSON_MAX_BYTES, "snapshot", &err);
    struct change *again = change_new("HF-1", s->sop);
    if (!read || !change_load(again, read, &err))
        broke(s, "snapshot", "%s", err.text);
    else
        compare(s, "snapshot", again, s->checker->state);
    change_free(again);
    json_decref(state);
    free(text);
}

/* Everything that took place is in the record, and the record reads back. */
void check_end(struct sim *s)
{
    for (const struct deed *d = s->deeds; d; d = d->next)
        if (d->count[0] > 0 && !d->recorded && !d->repeatable)
            broke(s, "unrecorded", "%s has taken place, and the change has ended without knowing it", d->key);
    if (draw(s, DRAW_CHECK, -1, 4) == 0)
        through_a_snapshot(s);
}
