/* calls.c: what a node has under way, and what comes of it. */
#include "check.h"
#include "node.h"
#include "planted.h"

#define FIND_PAUSE        1000
#define VIEW_PAUSE        500
#define FIND_PAUSE_MOST   MINUTES(1)
#define LOOK_PAUSE_MOST   SECONDS(30)
#define EFFECT_PAUSE_MOST MINUTES(5)

/* An effect that was performed so often without an answer is a person's to judge. */
enum { ROUNDS_MOST = 8 };

/* --- the list
 * -----------------------------------------------------------------------------------------------------------------
 */

struct call *call_of(const struct node *n, int step)
{
    for (struct call *c = n->calls; c; c = c->next)
        if (c->step == step)
            return c;
    return NULL;
}

static void drop(struct node *n, struct call *c)
{
    struct call **at = &n->calls;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->over = true;
}

void calls_drop(struct node *n)
{
    while (n->calls)
        drop(n, n->calls);
}

void calls_prune(struct node *n)
{
    static const enum step_status during[] = {
        [CALL_PERFORM] = STEP_INTENDED, [CALL_OBSERVE] = STEP_OBSERVING, [CALL_FIND] = STEP_IN_DOUBT};
    for (struct call *c = n->calls, *next; c; c = next) {
        const struct control_step *k = &n->c->control.steps[c->step];
        next = c->next;
        if (k->run != c->run || k->status != during[c->kind])
            drop(n, c);
    }
}

static void release(void *j)
{
    json_decref(j);
}

static json_t *keep(struct sim *s, json_t *j)
{
    if (j)
        arena_on_free(&s->arena, release, json_incref(j));
    return j;
}

void call_start(struct sim *s, struct node *n, enum call_kind kind, int step)
{
    const struct control_step *k = &n->c->control.steps[step];
    const struct step_data *d = &n->c->data[step];
    if (kind == CALL_PERFORM && s->now >= n->lease_until && !PLANTED("acts-without-lease"))
        return;
    struct call *c = ARENA_NEW(&s->arena, struct call);
    *c = (struct call){
        .next = n->calls,
        .kind = kind,
        .node = n->number,
        .step = step,
        .run = k->run,
        .attempt = k->attempt,
        .life = n->life,
        .key = PLANTED("key-without-run") ? arena_printf(&s->arena, "HF-1/%s/1", s->sop->steps[step].id)
                                          : change_key(n->c, step, &s->arena),
        .args = keep(s, d->args),
        .parts = s->sop->steps[step].verb->kind == VERB_EFFECT && !PLANTED("parts-again") ? keep(s, d->result)
                                                                                          : NULL};
    n->calls = c;
    if (kind != CALL_PERFORM) {
        happen(s, s->now + draw_between(s, DRAW_TRAVEL, step, 10, 200), AT_LOOK, n->number, 0, c);
        return;
    }
    say(s, n->number, "  -> %s (attempt %d)", c->key, c->attempt);
    world_send(s, c);
    happen(s, s->now + CALL_LIMIT_MS, AT_GIVE_UP, n->number, 0, c);
    if (fault(s, FAULT_DIES_AFTER_SENDING, step))
        node_dies(s, n);
    else if (fault(s, FAULT_STALLS, step))
        node_stalls(s, n);
}

/* --- what came of it
 * ------------------------------------------------------------------------------------------------------------
 */

static int64_t backoff(struct sim *s, int64_t first, int tries, int64_t most)
{
    int64_t pause = first;
    for (int i = 1; i < tries && pause < most; i++)
        pause *= 2;
    if (pause > most)
        pause = most;
    return pause / 2 + draw(s, DRAW_BACKOFF, -1, pause / 2 + 1);
}

/* The core must take what a call that it still waits for has brought. */
static void record(struct sim *s, struct node *n, const struct call *c, enum event_type type, json_t *data)
{
    struct event e = {.type = type, .step = c->step, .run = c->run, .data = data};
    struct error err = ERROR_NONE;
    if (!node_record(s, n, &e, &err))
        broke(s, "wish", "what came of %s (%s) is refused: %s", c->key, event_names[type], err.text);
}

static json_t *told(const struct answer *a, int64_t not_before)
{
    json_t *data = json_object();
    if (a->error)
        json_object_set_new(data, "error", json_string(a->error));
    if (a->result)
        json_object_set(data, "result", a->result);
    if (not_before)
        json_object_set_new(data, "not_before", json_integer(not_before));
    return data;
}

static void came_retry(struct sim *s, struct node *n, const struct call *c, const struct answer *a)
{
    const struct step *step = &s->sop->steps[c->step];
    const struct control_step *k = &n->c->control.steps[c->step];
    bool looks = step->verb->kind == VERB_OBSERVE;
    if (!looks && k->attempt >= (step->tries > 0 ? step->tries : 1)) {
        record(s, n, c, EV_FAILED, told(a, 0));
        return;
    }
    int64_t pause = backoff(s, step->retry_ms > 0 ? step->retry_ms : SECONDS(2), k->attempt,
                            looks ? LOOK_PAUSE_MOST : EFFECT_PAUSE_MOST);
    if (a->retry_after > pause)
        pause = a->retry_after;
    record(s, n, c, EV_RETRY, told(a, node_now(s, n) + pause));
}

static void came_unknown(struct sim *s, struct node *n, const struct call *c, const struct answer *a)
{
    if (n->rounds[c->step] < UINT8_MAX)
        n->rounds[c->step]++;
    record(s, n, c, EV_DOUBT,
           told(a, node_now(s, n) + backoff(s, FIND_PAUSE, n->rounds[c->step], FIND_PAUSE_MOST)));
}

static void came_of_act(struct sim *s, struct node *n, const struct call *c, const struct answer *a)
{
    bool looks = s->sop->steps[c->step].verb->kind == VERB_OBSERVE;
    if (a->came != CAME_UNKNOWN)
        n->rounds[c->step] = 0;
    switch (a->came) {
    case CAME_DONE:
        record(s, n, c, EV_DONE, json_pack("{s:O}", "result", a->result));
        break;
    case CAME_RETRY:
        came_retry(s, n, c, a);
        break;
    case CAME_UNKNOWN:
        if (looks || PLANTED("doubt-is-retried"))
            came_retry(s, n, c, a);
        else
            came_unknown(s, n, c, a);
        break;
    default:
        record(s, n, c, EV_FAILED, told(a, 0));
        break;
    }
}

static void came_of_find(struct sim *s, struct node *n, const struct call *c, const struct answer *a)
{
    if (a->came == CAME_DONE) {
        record(s, n, c, EV_FOUND, json_pack("{s:O}", "result", a->result));
    } else if (a->came == CAME_NOT_FOUND && n->rounds[c->step] >= ROUNDS_MOST) {
        n->rounds[c->step] = 0;
        record(s, n, c, EV_UNSURE, told(a, 0));
    } else {
        record(s, n, c, a->came == CAME_NOT_FOUND ? EV_NOT_FOUND : EV_UNSURE, told(a, 0));
    }
}

/* The system does not answer: asked again later. Told once for each reason, not once for each try. */
static void find_again(struct sim *s, struct node *n, struct call *c, const struct answer *a)
{
    int64_t pause = backoff(s, FIND_PAUSE, c->attempt, FIND_PAUSE_MOST);
    c->attempt++;
    c->passes = 0;
    if (a->retry_after > pause)
        pause = a->retry_after;
    happen(s, s->now + pause, AT_LOOK, n->number, 0, c);
    if (!str_eq(n->c->data[c->step].reason, a->error))
        record(s, n, c, EV_DOUBT, told(a, node_now(s, n) + pause));
}

/* --- news
 * ------------------------------------------------------------------------------------------------------------------------
 */

static bool has_gate(const struct procedure *p, int step)
{
    for (int i = 0; i < p->n_steps; i++)
        if (p->steps[i].spawned && p->steps[i].of == step)
            return true;
    return false;
}

/* Is what the pause before was answered with still on its way? Then this one cannot be asked about yet. */
static bool gate_busy(const struct sim *s, const struct node *n, int step)
{
    for (int i = 0; i < s->sop->n_steps; i++) {
        enum step_status st = (enum step_status)n->c->control.steps[i].status;
        if (s->sop->steps[i].spawned && s->sop->steps[i].of == step && st != STEP_DORMANT &&
            !step_settled(st))
            return true;
    }
    return false;
}

/* A pause of the pipeline came, went, or another came in its place. False when that could not be told yet. */
static bool note_gate(struct sim *s, struct node *n, const struct call *c, const json_t *view)
{
    json_t *gate = json_object_get(view, "gate");
    const char *is = json_str(gate, "id", NULL), *was = json_str(n->c->data[c->step].gate, "id", NULL);
    if (!has_gate(s->sop, c->step) || str_eq(is, was))
        return true;
    if (was)
        record(s, n, c, EV_GATE_GONE, json_pack("{s:s}", "id", was));
    if (!is || s->broke)
        return true;
    if (gate_busy(s, n, c->step) && !PLANTED("pause-told-once"))
        return false;
    if (!gate_busy(s, n, c->step))
        record(s, n, c, EV_GATE, json_incref(gate));
    return true;
}

/* A driver tells a view once: one whose pause could not be asked about is kept until it can. */
static void record_view(struct sim *s, struct node *n, struct call *c, struct answer *a, bool again)
{
    if (again && c->news != a)
        return;
    c->news = a;
    if (!json_equal(a->result, n->c->data[c->step].view))
        record(s, n, c, EV_PROGRESS, json_pack("{s:O}", "view", a->result));
    if (!s->broke && !note_gate(s, n, c, a->result))
        happen(s, s->now + VIEW_PAUSE, AT_ANSWER, n->number, 1, a);
}

/* --- answers
 * ---------------------------------------------------------------------------------------------------------------------
 */

/* Nobody waits for it any more. That it was done is true all the same; that it was not says nothing of what
 * was tried since. */
static void came_late(struct sim *s, struct node *n, const struct call *c, const struct answer *a)
{
    if (c->kind != CALL_PERFORM || (a->came != CAME_DONE && !PLANTED("late-no-counts")))
        return;
    struct event e = {.type = a->came == CAME_DONE ? EV_DONE : EV_FAILED,
                      .step = c->step,
                      .run = PLANTED("late-for-any-run") ? n->c->control.steps[c->step].run : c->run,
                      .data = told(a, 0)};
    struct error err = ERROR_NONE;
    if (!node_record(s, n, &e, &err))
        say(s, n->number, "a late answer about %s is no longer needed: %s", c->key, err.text);
}

void node_answer(struct sim *s, struct node *n, struct answer *a, bool again)
{
    struct call *c = a->call;
    if (!n->up || c->life != n->life || n->broken || !n->c || n->c->control.status == CHANGE_ENDED)
        return;
    if (c->over) {
        came_late(s, n, c, a);
        node_carry(s, n);
        return;
    }
    if (fault(s, FAULT_DIES_BEFORE_RECORDING, c->step)) {
        node_dies(s, n);
        return;
    }
    if (a->came == CAME_VIEW) {
        record_view(s, n, c, a, again);
    } else if (c->kind == CALL_FIND && (a->came == CAME_RETRY || a->came == CAME_UNKNOWN)) {
        find_again(s, n, c, a);
    } else {
        drop(n, c);
        if (c->kind == CALL_FIND)
            came_of_find(s, n, c, a);
        else
            came_of_act(s, n, c, a);
    }
    node_carry(s, n);
}

void node_gives_up(struct sim *s, struct node *n, struct call *c)
{
    struct answer a = {.call = c, .came = CAME_UNKNOWN, .error = "no answer in time"};
    if (!c->over)
        node_answer(s, n, &a, false);
}
