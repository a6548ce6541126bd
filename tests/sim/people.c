/* people.c: those who plan, answer, decide, meddle; and those who look after what was left lying. */
#include "check.h"
#include "node.h"

#define PATROL_MS MINUTES(10)

static const char *const names[] = {"pat@example.com", "kim@example.com", "ada@example.com"};

static void release(void *j)
{
    json_decref(j);
}

/* Takes `data`. */
static struct doing *doing(struct sim *s, enum event_type type, int step, int run, int choice, json_t *data)
{
    struct doing *d = ARENA_NEW(&s->arena, struct doing);
    *d = (struct doing){.type = type,
                        .step = step,
                        .run = run,
                        .choice = choice,
                        .by = names[draw(s, DRAW_PERSON, step, COUNT_OF(names))],
                        .data = data};
    if (data)
        arena_on_free(&s->arena, release, data);
    return d;
}

static void later(struct sim *s, int64_t after, struct doing *d)
{
    happen(s, s->now + after, AT_PERSON, -1, 0, d);
}

/* --- planning and starting
 * -------------------------------------------------------------------------------------------------------- */

static void plan_meddling(struct sim *s)
{
    static const struct {
        enum fault f;
        enum event_type type;
    } kinds[] = {{FAULT_CANCELS, EV_CANCELLED}, {FAULT_RAISES_TROUBLE, EV_TROUBLE},
                 {FAULT_SKIPS, EV_SKIPPED},     {FAULT_SKIPS, EV_SKIPPED},
                 {FAULT_AMENDS, EV_MOVED},      {FAULT_WANTS_AGAIN, EV_AGAIN}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        int64_t at = draw(s, DRAW_PERSON, -1, s->calm - s->now);
        if (fault(s, kinds[i].f, -1))
            later(s, at, doing(s, kinds[i].type, -1, 0, 0, json_pack("{s:s}", "reason", "because")));
    }
}

void people_open(struct sim *s)
{
    struct error err = ERROR_NONE;
    json_t *facts = page_facts(s->page, s->seed, s->now, &err);
    if (!facts) {
        broke(s, "plan", "%s", err.text);
        return;
    }
    json_t *data =
        json_pack("{s:o, s:{s:s, s:s}}", "facts", facts, "sop", "name", s->sop->name, "hash", s->sop->hash);
    later(s, SECONDS(1), doing(s, EV_PLANNED, -1, 0, 0, data));
    plan_meddling(s);
    happen(s, s->calm, AT_PATROL, -1, 0, NULL);
}

/* --- deciding what to say
 * ------------------------------------------------------------------------------------------------------------
 */

static int choice_named(const struct ask *ask, const char *id)
{
    for (int i = 0; i < ask->n_choices; i++)
        if (str_eq(ask->choices[i].id, id))
            return i;
    return 0;
}

/* When all is calm: try again a few times, then stop. */
static int calm_decision(struct sim *s, const struct ask *ask)
{
    return choice_named(ask, s->decisions_in_calm++ < 3 ? "retry" : "stop");
}

static int choose(struct sim *s, int step)
{
    const struct ask *ask = &s->sop->steps[step].ask;
    if (ask->decision)
        return s->now >= s->calm ? calm_decision(s, ask) : (int)draw(s, DRAW_CHOICE, step, ask->n_choices);
    if (fault(s, FAULT_SAYS_NO, step))
        return (int)draw(s, DRAW_CHOICE, step, ask->n_choices);
    int good[CHOICES_MAX], n = 0;
    for (int i = 0; i < ask->n_choices; i++)
        if (!ask->choices[i].fails && !ask->choices[i].ends)
            good[n++] = i;
    return n ? good[draw(s, DRAW_CHOICE, step, n)] : 0;
}

static json_t *patch_tags(struct sim *s)
{
    const struct change *c = check_state(s);
    json_t *tags = json_array(), *one;
    size_t i;
    json_array_foreach(json_object_get(c->facts, "services"), i, one)
        json_array_append_new(tags, json_pack("{s:s, s:s}", "service", json_str(one, "service", ""), "tag",
                                              "24-02-05.619-hotfix.640"));
    return tags;
}

static struct doing *an_answer(struct sim *s, int step, int run)
{
    int choice = choose(s, step);
    const char *id = s->sop->steps[step].ask.choices[choice].id;
    json_t *data = json_pack("{s:s, s:s}", "choice", id, "reason", "because");
    if (str_eq(id, "patch"))
        json_object_set_new(data, "services", patch_tags(s));
    if (str_eq(id, "extend")) {
        json_object_set_new(data, "minutes", json_integer(30));
        json_object_set_new(data, "permitted_by", json_string("the TAM"));
    }
    return doing(s, EV_ANSWERED, step, run, choice, data);
}

/* Somebody looks at the outside system, whatever Signalbox believes; a person does not err here. */
static struct doing *a_resolution(struct sim *s, int step, int run)
{
    char key[192];
    snprintf(key, sizeof key, "HF-1/%s/%d", s->sop->steps[step].id, run);
    struct deed *d = deed_find(s, key);
    bool took = d && deed_whole(d);
    json_t *data = json_pack("{s:b, s:s}", "took_place", took, "reason", "seen");
    if (took)
        json_object_set(data, "result", d->result);
    else if (d && d->count[0] > 0)
        json_object_set_new(data, "result", deed_parts(d));
    return doing(s, EV_RESOLVED, step, run, took, data);
}

/* --- what people see
 * ---------------------------------------------------------------------------------------------------------------------
 */

static void asked(struct sim *s, int step, int run)
{
    if (fault(s, FAULT_SILENT, step))
        return;
    int64_t after = draw_between(s, DRAW_PERSON, step, SECONDS(5), MINUTES(10));
    if (fault(s, FAULT_THINKS_LONG, step))
        after = draw_between(s, DRAW_PERSON, step, HOURS(1), HOURS(12));
    later(s, after, an_answer(s, step, run));
    if (fault(s, FAULT_ANSWERS_TWICE, step))
        later(s, after + draw(s, DRAW_PERSON, step, SECONDS(30)), an_answer(s, step, run));
    if (fault(s, FAULT_ANSWERS_STALE, step))
        later(s, after + draw_between(s, DRAW_PERSON, step, MINUTES(1), HOURS(3)), an_answer(s, step, run));
    if (fault(s, FAULT_SAYS_NONSENSE, step)) {
        struct doing *d = doing(s, EV_ANSWERED, step, run, (int)draw(s, DRAW_CHOICE, step, 200) - 20, NULL);
        later(s, draw(s, DRAW_PERSON, step, MINUTES(10)), d);
    }
}

/* Just when something is under way. */
static void meddle(struct sim *s, int step)
{
    static const struct {
        enum fault f;
        enum event_type type;
    } kinds[] = {{FAULT_CANCELS_NOW, EV_CANCELLED}, {FAULT_TROUBLE_NOW, EV_TROUBLE}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (fault(s, kinds[i].f, step))
            later(s, draw(s, DRAW_PERSON, step, 400),
                  doing(s, kinds[i].type, -1, 0, 0, json_pack("{s:s}", "reason", "because")));
}

void people_see(struct sim *s, const struct event *e)
{
    if (e->type == EV_PLANNED)
        later(s, SECONDS(5), doing(s, EV_STARTED, -1, 0, 0, NULL));
    if (e->type == EV_ASKED)
        asked(s, e->step, e->run);
    if (e->type == EV_INTENDED || e->type == EV_OBSERVING)
        meddle(s, e->step);
    /* Whoever looks waits until nothing can be on its way any more. */
    if (e->type == EV_UNSURE && !fault(s, FAULT_SILENT, e->step))
        happen(s, s->now + draw_between(s, DRAW_PERSON, e->step, SETTLE_MS, MINUTES(30)), AT_PERSON, -1, 0,
               doing(s, EV_RESOLVED, e->step, e->run, 0, NULL));
}

/* --- doing it
 * ---------------------------------------------------------------------------------------------------------------------------
 */

/* Whom people talk to: the node that carries the change. */
static struct node *served_by(struct sim *s)
{
    struct node *n = s->disk.holder >= 0 ? &s->nodes[s->disk.holder] : NULL;
    return n && n->up && s->now >= n->stalled_until ? n : NULL;
}

/* A step for a meddler's hand: any that stands so that it may be skipped, or carried out again. */
static int any_step(struct sim *s, enum event_type type)
{
    const struct change *c = check_state(s);
    int fit[STEPS_MAX], n = 0;
    for (int i = 0; c && i < s->sop->n_steps; i++) {
        enum step_status st = (enum step_status)c->control.steps[i].status;
        bool settled = st == STEP_SKIPPED || st == STEP_FAILED;
        bool open = st == STEP_WAITING || st == STEP_READY || st == STEP_ASKING || st == STEP_OBSERVING ||
                    st == STEP_PAUSED;
        if (type == EV_AGAIN ? settled : open)
            fit[n++] = i;
    }
    return n ? fit[draw(s, DRAW_CHOICE, -1, n)] : -1;
}

/* Is it done as far as anybody can see, or no longer to be done? */
static bool moot(const struct sim *s, const struct doing *d)
{
    const struct change *c = check_state(s);
    if (d->type == EV_PLANNED)
        return c != NULL;
    if (d->type == EV_STARTED)
        return c->control.status != CHANGE_PLANNED;
    return d->type == EV_RESOLVED &&
           (c->control.steps[d->step].status != STEP_UNSURE || c->control.steps[d->step].run != d->run);
}

/* What is settled only at the moment of doing: which step, what is true by now. False: nothing to do. */
static bool make_ready(struct sim *s, struct doing **d)
{
    const struct change *c = check_state(s);
    enum event_type type = (*d)->type;
    if (type == EV_RESOLVED) {
        *d = a_resolution(s, (*d)->step, (*d)->run);
        return true;
    }
    if (type == EV_MOVED) {
        int64_t from = c ? json_int(c->facts, "window.from", s->now) : s->now, to = from + HOURS(2);
        from += draw_between(s, DRAW_PERSON, -1, -HOURS(1), HOURS(2));
        *d = doing(s, EV_MOVED, -1, 0, 0,
                   json_pack("{s:s, s:{s:{s:I, s:I}}}", "reason", "because", "facts", "window", "from",
                             (json_int_t)from, "to", (json_int_t)(to > from ? to : from + HOURS(1))));
        return c != NULL;
    }
    if ((type == EV_SKIPPED || type == EV_AGAIN) && (*d)->step < 0) {
        int step = any_step(s, type);
        if (step < 0)
            return false;
        *d = doing(s, type, step, c->control.steps[step].run, 0, json_pack("{s:s}", "reason", "because"));
    }
    return true;
}

static void refused(struct sim *s, struct doing *d, const struct error *err)
{
    const struct change *c = check_state(s);
    say(s, -1, "  %s's %s is refused: %s", d->by, event_names[d->type], err->text);
    bool stands = c && d->type == EV_ANSWERED && c->control.steps[d->step].status == STEP_ASKING &&
                  c->control.steps[d->step].run == d->run;
    if (err->code == SB_IO && d->tries < 20)
        later(s, SECONDS(30), d);
    else if (stands && d->tries < 3) {
        struct doing *other = an_answer(s, d->step, d->run);
        other->tries = d->tries + 1;
        later(s, MINUTES(1), other);
    }
}

void people_do(struct sim *s, struct doing *d)
{
    struct error err = ERROR_NONE;
    struct node *n = served_by(s);
    if (moot(s, d))
        return;
    bool begins = d->type == EV_PLANNED || d->type == EV_STARTED;
    if (!n) {
        if (d->tries++ < 50 || begins)
            later(s, SECONDS(20), d);
        return;
    }
    if (!make_ready(s, &d))
        return;
    d->tries++;
    if (!node_person(s, n, d, &err))
        refused(s, d, &err);
    if (begins) /* until it is seen to be recorded */
        later(s, MINUTES(1), d);
}

/* --- the patrol
 * -------------------------------------------------------------------------------------------------------------------------
 */

static void look_after(struct sim *s, int step)
{
    const struct control *c = &check_state(s)->control;
    const struct control_step *k = &c->steps[step];
    const struct step *p = &s->sop->steps[step];
    bool last_branch = (c->status == CHANGE_STOPPING && p->branch == BRANCH_STOP) ||
                       (c->status == CHANGE_CANCELLING && p->branch == BRANCH_UNDO);
    if (k->status == STEP_ASKING && k->since + MINUTES(5) < s->now)
        later(s, 0, an_answer(s, step, k->run));
    else if (k->status == STEP_UNSURE)
        later(s, SETTLE_MS, doing(s, EV_RESOLVED, step, k->run, 0, NULL));
    else if (k->status == STEP_FAILED && last_branch && !p->optional)
        later(s, 0,
              doing(s, k->run < 3 ? EV_AGAIN : EV_SKIPPED, step, k->run, 0,
                    json_pack("{s:s}", "reason", "because")));
}

void people_patrol(struct sim *s)
{
    if (check_state(s))
        for (int i = 0; i < s->sop->n_steps; i++)
            look_after(s, i);
    if (!s->ended)
        happen(s, s->now + PATROL_MS, AT_PATROL, -1, 0, NULL);
}
