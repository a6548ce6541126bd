/* view.c: a change as JSON, for people and pages. */
#include "base/instant.h"
#include "engine/inside.h"

static void put_text(json_t *o, const char *key, const char *text)
{
    if (text && *text)
        json_object_set_new(o, key, json_string(text));
}

static void put_json(json_t *o, const char *key, json_t *value)
{
    if (value)
        json_object_set(o, key, value);
}

static void put_moment(json_t *o, const char *key, int64_t at)
{
    if (at)
        json_object_set_new(o, key, json_integer(at));
}

/* --- one step
 * ------------------------------------------------------------------------------------------------------------------
 */

static json_t *choices(const struct step *s)
{
    json_t *list = json_array();
    for (int i = 0; i < s->ask.n_choices; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:b}", "id", s->ask.choices[i].id, "label",
                                              s->ask.choices[i].label, "fails", s->ask.choices[i].fails,
                                              "ends", s->ask.choices[i].ends));
    return list;
}

static void put_question(json_t *o, const struct change *c, int i)
{
    const struct step *s = &c->sop->steps[i];
    if (!s->has_ask)
        return;
    put_text(o, "question", c->data[i].question);
    json_object_set_new(o, "choices", choices(s));
    put_text(o, "role", s->ask.role ? s->ask.role : "deploy");
    json_object_set_new(o, "other", json_boolean(s->ask.other));
    json_object_set_new(o, "reason_needed", json_boolean(s->ask.reason));
    json_object_set_new(o, "decision", json_boolean(s->ask.decision));
    if (c->control.steps[i].choice)
        put_text(o, "choice", s->ask.choices[c->control.steps[i].choice - 1].id);
    if (s->ask.limit_ms && c->control.steps[i].status == STEP_ASKING) {
        put_moment(o, "limit_at", c->control.steps[i].since + s->ask.limit_ms);
        put_text(o, "otherwise", s->ask.otherwise);
    }
}

/* Why it stands where it stands: what was told, or the rule that keeps it. */
static void put_because(json_t *o, const struct change *c, int i)
{
    enum step_status status = c->control.steps[i].status;
    put_text(o, "because", c->data[i].reason);
    if (status != STEP_WAITING && status != STEP_READY)
        return;
    const struct interlock *rule = control_forbids(&c->control, c->sop, i);
    if (rule && control_active(&c->control, c->sop, i))
        json_object_set_new(o, "held_by",
                            json_pack("{s:s, s:s}", "rule", rule->id, "because", rule->because));
}

static json_t *step_json(const struct change *c, int i, int64_t now)
{
    const struct step *s = &c->sop->steps[i];
    const struct control_step *k = &c->control.steps[i];
    const struct step_data *d = &c->data[i];
    _cleanup_arena_ struct arena a = arena_make();
    json_t *o = json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:s, s:s, s:b, s:i, s:i, s:i}", "id", s->id, "title",
                          s->title, "prose", s->prose, "section", s->section, "rows", s->row, "branch",
                          branch_names[s->branch], "status", step_status_names[k->status], "active",
                          control_active(&c->control, c->sop, i), "run", k->run, "attempt", k->attempt,
                          "line", s->line);
    put_text(o, "does", s->verb ? s->verb->name : "");
    put_text(o, "says", s->verb ? s->verb->says : "");
    if (s->of >= 0)
        put_text(o, "of", c->sop->steps[s->of].id);
    put_moment(o, "since", k->since);
    put_moment(o, "began", k->began);
    put_moment(o, "ended", d->ended);
    put_moment(o, "at", k->at);
    put_moment(o, "due", d->due);
    if (d->due)
        json_object_set_new(
            o, "late",
            json_boolean(step_settled((enum step_status)k->status) ? d->ended > d->due : now > d->due));
    put_question(o, c, i);
    put_text(o, "waits", change_waits_for(c, i, now, &a));
    put_json(o, "args", d->args);
    put_json(o, "result", d->result);
    put_json(o, "view", d->view);
    put_json(o, "gate", d->gate);
    put_text(o, "by", d->by);
    put_because(o, c, i);
    return o;
}

/* --- trouble: what a rollback would mean
 * -------------------------------------------------------------------------------------- */

/* Files under migration paths that changed, as the check of the releases told. */
static json_t *schema_changes(const struct change *c)
{
    json_t *list = json_array();
    for (int i = 0; i < c->sop->n_steps; i++) {
        const struct verb *v = c->sop->steps[i].verb;
        size_t k, m;
        json_t *service, *file;
        if (!v || !str_eq(v->name, "releases.check"))
            continue;
        json_array_foreach(json_object_get(c->data[i].result, "services"), k, service)
            json_array_foreach(json_object_get(service, "schema"), m, file)
                json_array_append_new(list, json_pack("{s:s, s:O}", "service",
                                                      json_str(service, "service", "?"), "file", file));
    }
    return list;
}

json_t *rollback_json(const struct change *c, int64_t now)
{
    const char *from = "";
    int64_t takes = change_rollback_takes(c, &from), to = json_int(c->facts, "window.to", 0);
    json_t *tags = json_array();
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(c->facts, "services"), i, s)
        json_array_append_new(tags, json_pack("{s:s, s:s?}", "service", json_str(s, "service", "?"), "tag",
                                              json_str(s, "before", NULL)));
    json_t *o = json_pack("{s:o, s:o, s:I, s:s}", "to", tags, "schema", schema_changes(c), "takes_ms",
                          (json_int_t)takes, "takes_from", from);
    if (to) {
        json_object_set_new(o, "decide_until", json_integer(to - takes));
        json_object_set_new(o, "left_ms", json_integer(to - takes - now));
    }
    return o;
}

static json_t *trouble_json(const struct change *c, int64_t now)
{
    const struct control *k = &c->control;
    if (k->round == 0)
        return NULL;
    json_t *o = json_pack("{s:b, s:i, s:s}", "now", k->status == CHANGE_TROUBLE, "round", k->round, "reason",
                          c->trouble_reason ? c->trouble_reason : "");
    if (k->trouble_step >= 0) {
        put_text(o, "step", c->sop->steps[k->trouble_step].id);
        put_text(o, "title", c->sop->steps[k->trouble_step].title);
    }
    if (k->status == CHANGE_TROUBLE)
        json_object_set_new(o, "rollback", rollback_json(c, now));
    return o;
}

/* --- the change
 * ------------------------------------------------------------------------------------------------------------------
 */

json_t *summary_json(const struct ride *r, const struct change *c)
{
    const json_t *f = c->facts;
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", c->id, "sop", c->sop->name, "title",
                          c->sop->title, "status", change_status_names[c->control.status], "outcome",
                          change_outcome_names[c->control.outcome], "client",
                          json_str(f, "change.client", ""), "env", json_str(f, "change.env", ""));
    put_json(o, "services", json_object_get(f, "services"));
    put_json(o, "window", json_object_get(f, "window"));
    put_json(o, "severity", (json_t *)json_path(f, "change.severity"));
    put_text(o, "risk", json_str(f, "change.risk", ""));
    put_text(o, "reason", json_str(f, "change.reason", ""));
    put_text(o, "requested_by", json_str(f, "change.requested_by", ""));
    put_text(o, "rollout_of", json_str(f, "inputs.rollout_of", ""));
    put_json(o, "incident", json_object_get(f, "incident"));
    put_moment(o, "planned", c->planned);
    put_moment(o, "started", c->started);
    put_moment(o, "ended", c->ended);
    json_object_set_new(o, "seq", json_integer(c->control.seq));
    json_object_set_new(o, "rounds", json_integer(c->control.round));
    const struct ride *behind = r ? ride_behind(r) : NULL;
    put_text(o, "queue_behind", behind ? behind->id : NULL);
    put_text(o, "store_error", r ? r->store_error : NULL);
    put_text(o, "stuck", r ? r->stuck : NULL);
    return o;
}

/* How much a wait presses: people first, for only they can end theirs; a moment to come last. */
enum press { PRESS_PERSON, PRESS_SYSTEM, PRESS_RETRY, PRESS_MOMENT, PRESSES };

static enum press press_of(enum step_status s)
{
    return s == STEP_ASKING || s == STEP_UNSURE ? PRESS_PERSON
           : s == STEP_PAUSED                   ? PRESS_RETRY
           : s == STEP_READY                    ? PRESS_MOMENT
                                                : PRESS_SYSTEM;
}

/* One line a step that waits for somebody or something, the most pressing first: a list of changes shows only that
 * one. */
static json_t *waits_json(const struct ride *r, const struct change *c, int64_t now)
{
    _cleanup_arena_ struct arena a = arena_make();
    json_t *list = json_array();
    const struct ride *behind = r ? ride_behind(r) : NULL;
    if (behind)
        json_array_append_new(
            list, json_pack("{s:o}", "what",
                            json_sprintf("%s, which is under way for the same client and environment",
                                         behind->id)));
    for (enum press press = 0; press < PRESSES; press++)
        for (int i = 0; i < c->sop->n_steps; i++) {
            const struct step *s = &c->sop->steps[i];
            const struct control_step *k = &c->control.steps[i];
            if (press_of(k->status) != press)
                continue;
            const char *what = change_waits_for(c, i, now, &a);
            if (what)
                json_array_append_new(list,
                                      json_pack("{s:s, s:s, s:s, s:s, s:I}", "step", s->id, "title",
                                                s->title ? s->title : "", "what", what, "status",
                                                step_status_names[k->status], "since", (json_int_t)k->since));
        }
    return list;
}

json_t *change_json(const struct ride *r, const struct change *c, int64_t now)
{
    json_t *o = summary_json(r, c);
    json_object_set_new(o, "now", json_integer(now));
    json_object_set_new(o, "zone", json_string(json_str(c->facts, "client.zone", "UTC")));
    json_object_set_new(
        o, "page",
        json_pack("{s:s, s:s, s:s}", "file", c->sop->file, "hash", c->sop->hash, "title", c->sop->title));
    json_object_set_new(o, "waits", waits_json(r, c, now));
    json_t *steps = json_array();
    for (int i = 0; i < c->sop->n_steps; i++)
        json_array_append_new(steps, step_json(c, i, now));
    json_object_set_new(o, "steps", steps);
    json_t *trouble = trouble_json(c, now);
    if (trouble)
        json_object_set_new(o, "trouble", trouble);
    json_object_set(o, "decisions", c->decisions);
    json_object_set_new(o, "deploying", json_boolean(control_deploying(&c->control, c->sop)));
    json_t *facts = json_copy(c->facts);
    json_object_del(facts, "steps"); /* they are above, whole */
    json_object_set_new(o, "facts", facts);
    return o;
}

json_t *engine_change(struct engine *e, const char *id, struct error *err)
{
    const struct ride *r = ride_of(e, id, err);
    return r ? change_json(r, r->c, engine_now(e)) : NULL;
}

/* --- lists
 * ------------------------------------------------------------------------------------------------------------------------
 */

/* Short forms are kept; one that died before that is made now. */
static json_t *ended_summary(struct engine *e, const char *id)
{
    json_t *kept = names_get(&e->summaries, id);
    if (kept)
        return json_incref(kept);
    struct error err = ERROR_NONE;
    struct change *c = change_read(e, id, NULL, NULL, &err);
    if (!c)
        return json_pack("{s:s, s:s}", "id", id, "unreadable", err.text);
    json_t *o = summary_json(NULL, c);
    change_free(c);
    names_put(&e->summaries, id, json_incref(o));
    return o;
}

json_t *ride_summary(const struct ride *r)
{
    if (r->c)
        return summary_json(r, r->c);
    json_t *o = json_loads(r->parked, 0, NULL);
    const struct ride *behind = ride_behind(r);
    put_text(o, "queue_behind", behind ? behind->id : NULL);
    put_text(o, "store_error", r->store_error);
    return o;
}

struct listing {
    struct engine *e;
    json_t *heads; /* {id, ended}, oldest first */
};

static bool list_head(void *ctx, const struct store_head *h)
{
    struct listing *l = ctx;
    json_array_append_new(l->heads, json_pack("{s:s, s:b}", "id", h->change, "ended", h->ended));
    return true;
}

static int64_t number_of(const char *id)
{
    const char *dash = strrchr(id, '-');
    return dash ? strtoll(dash + 1, NULL, 10) : 0;
}

json_t *engine_changes(struct engine *e, bool open_only, int64_t before, int limit)
{
    struct listing l = {.e = e, .heads = json_array()};
    struct error err = ERROR_NONE;
    json_t *list = json_array(), *answer = json_pack("{s:o}", "changes", list);
    size_t most = limit > 0 && limit < CHANGES_MOST ? (size_t)limit : CHANGES_MOST;
    if (!store_changes(e->store, open_only, list_head, &l, &err))
        json_array_append_new(list, json_pack("{s:s}", "unreadable", err.text));
    for (size_t i = json_array_size(l.heads); i-- > 0;) {
        const char *id = json_str(json_array_get(l.heads, i), "id", "");
        if (before > 0 && number_of(id) >= before)
            continue;
        if (json_array_size(list) == most) {
            json_object_set_new(answer, "next", json_integer(number_of(id) + 1));
            break;
        }
        const struct ride *r = names_get(&e->rides, id);
        bool shown = r && !(open_only && r->c && r->c->control.status == CHANGE_ENDED);
        if (shown) {
            json_t *o = ride_summary(r);
            if (r->c && r->c->control.status != CHANGE_ENDED)
                json_object_set_new(o, "waits", waits_json(r, r->c, engine_now(e)));
            json_array_append_new(list, o);
        } else if (!r) {
            json_array_append_new(list, ended_summary(e, id));
        }
    }
    json_decref(l.heads);
    return answer;
}

struct reading_events {
    json_t *list;
    int left;
    struct error error;
};

static bool add_event(void *ctx, const struct store_event *ev)
{
    struct reading_events *r = ctx;
    json_t *j = json_read(ev->body, strlen(ev->body), JSON_MAX_BYTES, "event", &r->error);
    if (!j)
        return false;
    json_object_set_new(j, "hash", json_string(ev->hash));
    json_array_append_new(r->list, j);
    return --r->left > 0;
}

json_t *engine_events(struct engine *e, const char *id, int64_t from, int limit, struct error *err)
{
    if (!ride_of(e, id, err))
        return NULL;
    struct reading_events r = {.list = json_array(), .left = limit > 0 ? limit : 1000, .error = ERROR_NONE};
    if (store_read(e->store, id, from + 1, add_event, &r, &r.error) && r.error.code == SB_OK)
        return r.list;
    json_decref(r.list);
    error_wrap(&r.error, err, "%s", id);
    return NULL;
}
