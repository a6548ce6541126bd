#include "change/change.h"
#include "base/buf.h"
#include <stdlib.h>
#include <string.h>

struct change *change_new(const char *id, const struct procedure *sop)
{
    struct change *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->id = strdup(id);
    c->sop = sop;
    control_init(&c->control, sop);
    c->facts = json_pack("{s:{}}", "steps");
    c->decisions = json_array();
    return c;
}

static void drop(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

static void data_clear(struct step_data *d)
{
    drop(&d->args);
    drop(&d->result);
    drop(&d->view);
    drop(&d->gate);
    drop(&d->answer);
    free(d->question);
    free(d->by);
    free(d->reason);
    memset(d, 0, sizeof *d);
}

void change_free(struct change *c)
{
    if (!c)
        return;
    for (int i = 0; i < c->sop->n_steps; i++)
        data_clear(&c->data[i]);
    json_decref(c->facts);
    json_decref(c->decisions);
    free(c->trouble_reason);
    free(c->id);
    free(c);
}

void change_next(const struct change *c, int64_t now, struct wants *out)
{
    control_next(&c->control, c->sop, now, out);
}

char *change_key(const struct change *c, int step, struct arena *a)
{
    return arena_printf(a, "%s/%s/%d", c->id, c->sop->steps[step].id, c->control.steps[step].run);
}

static void keep_text(char **slot, const char *text)
{
    free(*slot);
    *slot = text && *text ? strdup(text) : NULL;
}

static void keep_json(json_t **slot, const json_t *value)
{
    json_decref(*slot);
    *slot = json_incref((json_t *)value);
}

/* --- what a decision makes of the facts
 * ------------------------------------------------------------------------------- */

/* New tags for services of the change: every one must be a service of it. NULL on error. */
static json_t *patched_services(const struct change *c, const json_t *tags, struct error *err)
{
    json_t *services = json_deep_copy(json_object_get(c->facts, "services"));
    size_t i, k;
    json_t *wanted, *have;
    if (!json_is_array(tags) || json_array_size(tags) == 0) {
        error_set(err, SB_MISSING, "to patch forward, give the new build tag of each service that gets one");
        json_decref(services);
        return NULL;
    }
    json_array_foreach(tags, i, wanted) {
        const char *name = json_str(wanted, "service", ""), *tag = json_str(wanted, "tag", "");
        bool found = false;
        json_array_foreach(services, k, have) {
            if (!str_eq(json_str(have, "service", ""), name))
                continue;
            json_object_set_new(have, "tag", json_string(tag));
            found = true;
        }
        if (!found || !*tag) {
            error_set(err, SB_UNKNOWN,
                      "\"%.64s\" is no service of %s, or has no tag: a patch names service and tag", name,
                      c->id);
            json_decref(services);
            return NULL;
        }
    }
    return services;
}

/* The tags that ran before the change began. NULL on error. */
static json_t *former_services(const struct change *c, struct error *err)
{
    json_t *services = json_deep_copy(json_object_get(c->facts, "services"));
    size_t i;
    json_t *s;
    json_array_foreach(services, i, s) {
        const char *before = json_str(s, "before", NULL);
        if (!before) {
            error_set(err, SB_MISSING,
                      "it is not known which version of %s ran before, so it cannot be rolled back by "
                      "Signalbox",
                      json_str(s, "service", "?"));
            json_decref(services);
            return NULL;
        }
        json_object_set_new(s, "tag", json_string(before));
    }
    return services;
}

/* The facts that change with a decision, or NULL with `err` when its data does not do. An empty object: none.
 */
static json_t *decided_facts(const struct change *c, const struct event *e, struct error *err)
{
    const struct choice *choice = &c->sop->steps[e->step].ask.choices[e->choice];
    json_t *services = NULL;
    if (str_eq(choice->id, decision_names[DECISION_PATCH])) {
        services = patched_services(c, json_object_get(e->data, "services"), err);
        return services ? json_pack("{s:o}", "services", services) : NULL;
    }
    if (str_eq(choice->id, decision_names[DECISION_ROLLBACK])) {
        services = former_services(c, err);
        return services
                   ? json_pack("{s:o, s:{s:s}}", "services", services, "change", "outcome", "rolled-back")
                   : NULL;
    }
    if (str_eq(choice->id, decision_names[DECISION_EXTEND])) {
        int64_t minutes = json_int(e->data, "minutes", 0);
        if (minutes < 1 || minutes > 24 * 60 || !*json_str(e->data, "permitted_by", "")) {
            error_set(err, SB_MISSING,
                      "to extend the window, say by how many minutes (1 to 1,440) and who of the client or "
                      "TAM permitted it");
            return NULL;
        }
        int64_t to = json_int(c->facts, "window.to", 0) + MINUTES(minutes);
        return json_pack("{s:{s:I}}", "window", "to", (json_int_t)to);
    }
    return json_object();
}

/* Tags change by a decision only: else a patch of the facts could roll back what nobody decided to. */
static bool amendable(const struct event *e, struct error *err)
{
    const json_t *facts = json_object_get(e->data, "facts");
    if (!json_is_object(facts))
        return error_set(err, SB_MISSING, "an amendment says which facts it changes");
    static const char *const fixed[] = {"services", "steps",     "client", "env",   "decision",
                                        "trouble",  "overruled", "moved",  "window"};
    for (size_t i = 0; i < COUNT_OF(fixed); i++)
        if (json_object_get(facts, fixed[i]))
            return error_set(
                err, SB_DENIED,
                "\"%s\" is not changed by an amendment: move the window, raise trouble and decide, or plan another "
                "change",
                fixed[i]);
    return true;
}

/* A window, and nothing else. */
static bool movable(const struct event *e, struct error *err)
{
    const json_t *facts = json_object_get(e->data, "facts");
    int64_t from = json_int(facts, "window.from", 0), to = json_int(facts, "window.to", 0);
    if (json_object_size(facts) != 1 || from <= 0 || to <= from)
        return error_set(err, SB_MISSING,
                         "a move says the new window, and nothing else: {window: {from, to}}");
    return true;
}

/* --- facts
 * ------------------------------------------------------------------------------------------------------------
 */

/* What expressions see of a step: its result's fields, and how it stands. */
static void refresh_step(struct change *c, int i)
{
    const struct step_data *d = &c->data[i];
    const struct control_step *k = &c->control.steps[i];
    json_t *f = json_is_object(d->result) ? json_copy(d->result) : json_object();
    if (d->result && !json_is_object(d->result))
        json_object_set(f, "result", d->result);
    json_object_set_new(f, "state", json_string(step_status_names[k->status]));
    json_object_set_new(f, "run", json_integer(k->run));
    if (k->choice)
        json_object_set_new(f, "answer", json_string(c->sop->steps[i].ask.choices[k->choice - 1].id));
    if (d->by)
        json_object_set_new(f, "by", json_string(d->by));
    if (d->reason)
        json_object_set_new(f, "reason", json_string(d->reason));
    if (d->gate)
        json_object_set(f, "gate", d->gate);
    if (d->answer && json_object_get(d->answer, "permitted_by"))
        json_object_set(f, "permitted_by", json_object_get(d->answer, "permitted_by"));
    if (d->answer && json_object_get(d->answer, "minutes"))
        json_object_set(f, "minutes", json_object_get(d->answer, "minutes"));
    json_object_set_new(json_object_get(c->facts, "steps"), c->sop->steps[i].id, f);
}

/* Versions that ran before are part of the change as soon as a step has read them, and only then: a second
 * reading, after something was deployed, must not replace them. */
static void remember_before(struct change *c, int step)
{
    const struct step *s = &c->sop->steps[step];
    if (!s->verb || strcmp(s->verb->name, "cluster.versions") != 0 || control_deploying(&c->control, c->sop))
        return;
    const json_t *running = json_object_get(c->data[step].result, "services");
    size_t i;
    json_t *service;
    json_array_foreach(json_object_get(c->facts, "services"), i, service) {
        const json_t *tag = json_object_get(running, json_str(service, "service", ""));
        if (json_is_string(tag))
            json_object_set(service, "before", (json_t *)tag);
    }
}

static void refresh_trouble(struct change *c)
{
    const struct control *k = &c->control;
    json_t *t = json_pack("{s:i, s:b}", "round", k->round, "now", k->status == CHANGE_TROUBLE);
    const struct step *at = k->trouble_step >= 0 ? &c->sop->steps[k->trouble_step] : NULL;
    if (at) {
        json_object_set_new(t, "step", json_string(at->id));
        json_object_set_new(t, "title", json_string(at->title));
    }
    json_object_set_new(t, "reason", json_string(c->trouble_reason ? c->trouble_reason : ""));
    json_object_set_new(t, "at", json_integer(c->troubled));
    if (change_decide_until(c))
        json_object_set_new(t, "decide_until", json_integer(change_decide_until(c)));
    json_object_set_new(c->facts, "trouble", t);
}

/* --- one event
 * ----------------------------------------------------------------------------------------------------- */

static void apply_to_data(struct change *c, const struct event *e)
{
    struct step_data *d = &c->data[e->step];
    const char *reason = json_str(e->data, "reason", NULL);
    switch (e->type) {
    case EV_READY:
        d->due = json_int(e->data, "due", 0);
        break;
    case EV_ASKED:
        keep_text(&d->question, json_str(e->data, "question", ""));
        break;
    case EV_ANSWERED:
        keep_json(&d->answer, e->data);
        keep_text(&d->by, e->by);
        keep_text(&d->reason, reason);
        break;
    case EV_INTENDED:
    case EV_OBSERVING:
        keep_json(&d->args, json_object_get(e->data, "args"));
        break;
    case EV_PROGRESS:
        keep_json(&d->view, json_object_get(e->data, "view"));
        break;
    case EV_DONE:
    case EV_FOUND:
        keep_json(&d->result, json_object_get(e->data, "result"));
        keep_text(&d->reason, NULL);
        break;
    case EV_FAILED:
    case EV_RETRY:
    case EV_DOUBT:
    case EV_UNSURE:
    case EV_NOT_FOUND:
        if (json_object_get(e->data, "result"))
            keep_json(&d->result, json_object_get(e->data, "result"));
        keep_text(&d->reason, json_str(e->data, "error", NULL));
        break;
    case EV_RESOLVED:
        if (json_object_get(e->data, "result"))
            keep_json(&d->result, json_object_get(e->data, "result"));
        keep_text(&d->by, e->by);
        keep_text(&d->reason, reason);
        break;
    case EV_SKIPPED:
        keep_text(&d->by, e->by);
        keep_text(&d->reason, reason);
        break;
    case EV_GATE:
        keep_json(&d->gate, e->data);
        break;
    case EV_GATE_GONE: /* so that the next pause is another, even under the same id */
        keep_json(&d->gate, NULL);
        break;
    default:
        break;
    }
}

static void settle_window(struct change *c, int64_t now)
{
    json_t *w = json_object_get(c->facts, "window");
    if (!json_is_object(w))
        return;
    _cleanup_arena_ struct arena a = arena_make();
    struct window window = {json_int(w, "from", 0), json_int(w, "to", 0), json_str(w, "zone", "UTC")};
    json_object_set_new(w, "text", json_string(window_text(&window, now, &a)));
}

static void note_decision(struct change *c, const struct event *e)
{
    const struct choice *choice = &c->sop->steps[e->step].ask.choices[e->choice];
    json_t *d = e->data ? json_copy(e->data) : json_object();
    json_object_set_new(d, "at", json_integer(e->at));
    json_object_set_new(d, "by", json_string(e->by ? e->by : ""));
    json_object_set_new(d, "choice", json_string(choice->id));
    json_object_set_new(d, "step", json_string(c->sop->steps[e->step].id));
    json_array_append(c->decisions, d);
    json_object_set_new(c->facts, "decision", d);
}

/* Who said so, and why, is seen with the other decisions, and by the page: what was settled when the change was
 * planned need not be asked again. */
static void note_overruling(struct change *c, const struct event *e)
{
    const char *about = json_str(e->data, "about", "?");
    json_t *d = json_copy(e->data);
    json_object_set_new(d, "at", json_integer(e->at));
    json_object_set_new(d, "by", json_string(e->by ? e->by : ""));
    json_object_set_new(d, "choice", json_sprintf("overrule %s", about));
    json_array_append_new(c->decisions, d);
    json_t *all = json_object_get(c->facts, "overruled");
    if (!json_is_object(all)) {
        all = json_object();
        json_object_set_new(c->facts, "overruled", all);
    }
    json_object_set_new(
        all, about,
        json_pack("{s:s, s:s}", "by", e->by ? e->by : "", "reason", json_str(e->data, "reason", "")));
}

/* The new window, how far away it is, and who moved it; what was overruled about the old one says nothing of it. */
static void note_move(struct change *c, const struct event *e)
{
    static const char *const of_window[] = {"past", "hours", "freeze", "conflict", "checks", "length"};
    json_t *was = json_object_get(json_object_get(c->facts, "window"), "text");
    json_t *moved = json_pack("{s:s, s:s, s:O?}", "by", e->by ? e->by : "", "reason",
                              json_str(e->data, "reason", ""), "was", was);
    json_merge_patch(c->facts, json_object_get(e->data, "facts"));
    settle_window(c, e->at);
    json_object_set_new(c->facts, "moved", moved);
    int64_t from = json_int(c->facts, "window.from", e->at);
    json_object_set_new(c->facts, "lead_hours", json_real((double)(from - e->at) / (double)HOURS(1)));
    for (size_t i = 0; i < COUNT_OF(of_window); i++)
        json_object_del(json_object_get(c->facts, "overruled"), of_window[i]);
    json_t *d = json_pack("{s:I, s:s, s:s, s:s, s:s}", "at", (json_int_t)e->at, "by", e->by ? e->by : "",
                          "choice", "move", "reason", json_str(e->data, "reason", ""), "window",
                          json_str(c->facts, "window.text", ""));
    json_array_append_new(c->decisions, d);
}

static void apply_to_whole(struct change *c, const struct event *e)
{
    switch (e->type) {
    case EV_PLANNED:
        c->planned = e->at;
        json_decref(c->facts);
        c->facts = json_deep_copy(json_object_get(e->data, "facts"));
        if (!json_is_object(c->facts)) {
            json_decref(c->facts);
            c->facts = json_object();
        }
        json_object_set_new(c->facts, "steps", json_object());
        break;
    case EV_STARTED:
        c->started = e->at;
        break;
    case EV_OVERRULED:
        note_overruling(c, e);
        break;
    case EV_MOVED:
        note_move(c, e);
        break;
    case EV_AMENDED:
        json_merge_patch(c->facts, json_object_get(e->data, "facts"));
        settle_window(c, e->at);
        break;
    case EV_TROUBLE:
        keep_text(&c->trouble_reason, json_str(e->data, "reason", ""));
        break;
    case EV_ENDED:
        c->ended = e->at;
        break;
    default:
        break;
    }
}

/* Everything that control_apply has moved besides the event's own step: what was reset forgets its former
 * run. */
static void follow_control(struct change *c, const struct control *before, const struct event *e)
{
    for (int i = 0; i < c->sop->n_steps; i++) {
        const struct control_step *was = &before->steps[i], *is = &c->control.steps[i];
        if (memcmp(was, is, sizeof *is) == 0 && i != e->step)
            continue;
        bool anew = is->status == STEP_WAITING || is->status == STEP_DORMANT;
        if (anew && was->status != STEP_READY)
            data_clear(&c->data[i]);
        if (step_settled((enum step_status)is->status) && !step_settled((enum step_status)was->status))
            c->data[i].ended = e->at;
        if (is->status == STEP_SKIPPED && was->status != STEP_SKIPPED && i != e->step)
            keep_text(&c->data[i].reason, "no longer needed");
        refresh_step(c, i);
    }
}

bool change_apply(struct change *c, const struct event *e, struct error *err)
{
    _cleanup_json_ json_t *decided = NULL;
    struct control after = c->control;
    if (!control_apply(&after, c->sop, e, err))
        return false;
    const struct step *s = e->step >= 0 ? &c->sop->steps[e->step] : NULL;
    bool decision = s && e->type == EV_ANSWERED && s->ask.decision;
    if (decision && !(decided = decided_facts(c, e, err)))
        return false;
    if (e->type == EV_AMENDED && !amendable(e, err))
        return false;
    if (e->type == EV_MOVED && !movable(e, err))
        return false;
    struct control before = c->control;
    c->control = after;
    if (s)
        apply_to_data(c, e);
    else
        apply_to_whole(c, e);
    if (before.round != after.round)
        c->troubled = e->at;
    if (before.round != after.round && s)
        keep_text(&c->trouble_reason, json_str(e->data, "error", json_str(e->data, "reason", "")));
    if (decision) {
        json_merge_patch(c->facts, decided);
        settle_window(c, e->at);
        note_decision(c, e);
    }
    follow_control(c, &before, e);
    if (s && (e->type == EV_DONE || e->type == EV_FOUND))
        remember_before(c, e->step);
    bool news = s && (e->type == EV_DONE || decision) && after.status == CHANGE_TROUBLE;
    if (before.status != after.status || before.round != after.round || news)
        refresh_trouble(c);
    return true;
}

char *change_waits_for(const struct change *c, int step, int64_t now, struct arena *a)
{
    const struct control_step *k = &c->control.steps[step];
    const struct step *s = &c->sop->steps[step];
    char *since = duration_text(now > k->since ? now - k->since : 0, a);
    switch ((enum step_status)k->status) {
    case STEP_ASKING:
        return arena_printf(a, "an answer%s%s, for %s", s->ask.role ? " of " : "",
                            s->ask.role ? s->ask.role : "", since);
    case STEP_READY:
        return arena_printf(a, "its moment, in %s", duration_text(k->at > now ? k->at - now : 0, a));
    case STEP_OBSERVING:
    case STEP_INTENDED:
        return arena_printf(a, "%.*s, for %s", (int)strcspn(s->verb->name, "."), s->verb->name, since);
    case STEP_PAUSED:
        return arena_printf(a, "another try, in %s", duration_text(k->at > now ? k->at - now : 0, a));
    case STEP_IN_DOUBT:
        return arena_printf(a, "%.*s to tell whether it took place", (int)strcspn(s->verb->name, "."),
                            s->verb->name);
    case STEP_UNSURE:
        return arena_printf(a, "a person to tell whether it took place, for %s", since);
    default:
        return NULL;
    }
}
