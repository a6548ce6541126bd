/* choices.c: what one can decide about a change in trouble, and what each of it costs: how long it took before, what it
 * would do step by step, and whether that still fits the window. */
#include "engine/figures.h"
#include "engine/inside.h"

struct asking {
    struct engine *e;
    char *id;
    engine_done_fn *done;
    void *ctx;
};

static int decision_step(const struct change *c)
{
    for (int i = 0; i < c->sop->n_steps; i++)
        if (c->sop->steps[i].branch == BRANCH_TROUBLE && c->sop->steps[i].ask.decision)
            return i;
    return -1;
}

/* An answer as it might be, for a look ahead. */
static json_t *imagined_answer(const struct change *c, const char *choice)
{
    return json_pack("{s:s, s:O?, s:i, s:s, s:s}", "choice", choice, "services",
                     json_object_get(c->facts, "services"), "minutes", 30, "permitted_by",
                     "«whoever permits it»", "reason", "«reason»");
}

static json_t *choice_json(struct engine *e, const struct change *c, int step, int i)
{
    const struct choice *choice = &c->sop->steps[step].ask.choices[i];
    bool here = false;
    struct figures_span usual = figures_usual(e, c, choice->id, &here);
    struct error err = ERROR_NONE;
    json_t *o =
        json_pack("{s:s, s:s}", "id", choice->id, "label", choice->label ? choice->label : choice->id);
    int64_t takes = usual.n ? usual.median : 0;
    if (usual.n)
        json_object_set_new(o, "usual",
                            json_pack("{s:i, s:I, s:I, s:I, s:b}", "n", usual.n, "median_ms",
                                      (json_int_t)usual.median, "low_ms", (json_int_t)usual.low, "high_ms",
                                      (json_int_t)usual.high, "here", here));
    const char *from = "";
    if (!takes && str_eq(choice->id, decision_names[DECISION_ROLLBACK]))
        takes = change_rollback_takes(c, &from);
    int64_t to = json_int(c->facts, "window.to", 0);
    bool deploys = !str_eq(choice->id, decision_names[DECISION_STOP]) &&
                   !str_eq(choice->id, decision_names[DECISION_EXTEND]);
    if (takes) {
        json_object_set_new(o, "takes_ms", json_integer(takes));
        json_object_set_new(o, "takes_from", json_string(usual.n ? "history" : from));
    }
    if (takes && to && deploys)
        json_object_set_new(o, "fits", json_boolean(engine_now(e) + takes <= to));
    json_t *steps = foresee(e, c, step, i, imagined_answer(c, choice->id), &err);
    if (steps)
        json_object_set_new(o, "steps", steps);
    else
        json_object_set_new(o, "impossible", json_string(err.text));
    return o;
}

static json_t *choices_json(struct engine *e, const struct ride *r, int step)
{
    const struct change *c = r->c;
    json_t *list = json_array();
    for (int i = 0; i < c->sop->steps[step].ask.n_choices; i++)
        json_array_append_new(list, choice_json(e, c, step, i));
    return json_pack("{s:s, s:s, s:b, s:s, s:I, s:I, s:s, s:o, s:o}", "id", c->id, "step",
                     c->sop->steps[step].id, "asked", c->control.steps[step].status == STEP_ASKING, "reason",
                     c->trouble_reason ? c->trouble_reason : "", "now", (json_int_t)engine_now(e),
                     "window_to", (json_int_t)json_int(c->facts, "window.to", 0), "zone",
                     json_str(c->facts, "client.zone", "UTC"), "rollback", rollback_json(c, engine_now(e)),
                     "choices", list);
}

static void figures_came(void *ctx)
{
    struct asking *a = ctx;
    struct error err = ERROR_NONE;
    json_t *answer = NULL;
    const struct ride *r = ride_of(a->e, a->id, &err);
    int step = r ? decision_step(r->c) : -1;
    if (r && r->c->control.status != CHANGE_TROUBLE)
        error_set(&err, SB_STATE, "%s is %s: there is nothing to decide", a->id,
                  change_status_names[r->c->control.status]);
    else if (r && step < 0)
        error_set(&err, SB_STATE, "the page of %s asks for no decision", a->id);
    else if (r)
        answer = choices_json(a->e, r, step);
    reply_later(a->e, a->done, a->ctx, answer, answer ? NULL : &err);
    free(a->id);
    free(a);
}

void engine_choices(struct engine *e, const char *id, engine_done_fn *done, void *ctx)
{
    struct asking *a = NET_NEW(struct asking);
    *a = (struct asking){.e = e, .id = net_strdup(id), .done = done, .ctx = ctx};
    figures_refresh(e, figures_came, a);
}

/* --- figures for everybody
 * ------------------------------------------------------------------------------------------------- */

struct figuring {
    struct engine *e;
    char *client, *service;
    int64_t since;
    bool (*sees)(void *ctx, const char *client, const char *env);
    engine_done_fn *done;
    void *ctx;
};

static void tell_figures(void *ctx)
{
    struct figuring *q = ctx;
    const struct figures_scope scope = {
        .since = q->since, .client = q->client, .service = q->service, .sees = q->sees, .ctx = q->ctx};
    reply_later(q->e, q->done, q->ctx, figures_json(q->e, &scope), NULL);
    free(q->client);
    free(q->service);
    free(q);
}

void engine_figures(struct engine *e, int64_t since, const char *client, const char *service,
                    bool (*sees)(void *ctx, const char *client, const char *env), engine_done_fn *done,
                    void *ctx)
{
    struct figuring *q = NET_NEW(struct figuring);
    *q = (struct figuring){.e = e,
                           .client = net_strdup(client),
                           .service = net_strdup(service),
                           .since = since,
                           .sees = sees,
                           .done = done,
                           .ctx = ctx};
    figures_refresh(e, tell_figures, q);
}
