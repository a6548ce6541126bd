/* preview.c: a plan as a dry run: the whole procedure is carried out against a world in which all goes well,
 * by the very core that carries out changes, so that every message is shown word for word with its moment.
 * Nothing is kept, nothing is sent.
 *
 * What only a system can tell (a ticket's id) stands in «guillemets». */
#include "engine/inside.h"
#include "engine/told.h"

enum { DRY_EVENTS_MOST = 4000 };

struct dry {
    struct engine *e;
    struct change *c;
    const struct known_plan *known;
    int64_t now;
    json_t *steps, *asks, *problems;
    struct told *told;
    json_t *entry[STEPS_MAX]; /* of the step's present run; in `steps` */
    bool gate_opened[STEPS_MAX];
};

/* --- results as they might be
 * ------------------------------------------------------------------------------------------------------ */

static json_t *posts(const json_t *channels)
{
    json_t *list = json_array();
    size_t i;
    json_t *ch;
    json_array_foreach((json_t *)channels, i, ch)
        if (json_is_string(ch))
            json_array_append_new(
                list, json_pack("{s:O, s:O, s:s, s:o}", "channel", ch, "name", ch, "ts", "«message»", "url",
                                json_sprintf("«link of the message in %s»", json_string_value(ch))));
    return list;
}

static json_t *tags_of(const struct change *c)
{
    json_t *map = json_object();
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(c->facts, "services"), i, s)
        json_object_set_new(map, json_str(s, "service", "?"), json_string(json_str(s, "tag", "")));
    return map;
}

static json_t *running(const struct dry *d)
{
    json_t *map = json_object();
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(d->c->facts, "services"), i, s) {
        const char *name = json_str(s, "service", "?");
        const json_t *tag = json_object_get(d->known->versions, name);
        json_object_set_new(
            map, name, json_string(json_is_string(tag) ? json_string_value(tag) : "«version that runs»"));
    }
    return map;
}

static json_t *checked_services(const struct dry *d)
{
    json_t *list = json_array();
    size_t i;
    json_t *s;
    if (json_object_get(d->known->releases, "services")) {
        json_decref(list);
        return json_deep_copy(json_object_get(d->known->releases, "services"));
    }
    json_array_foreach(json_object_get(d->c->facts, "services"), i, s)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:b, s:s, s:s, s:[]}", "service",
                                        json_str(s, "service", "?"), "tag", json_str(s, "tag", ""), "exists",
                                        true, "checks", "passed", "url", "«link of the tag»", "schema"));
    return list;
}

static json_t *owners(const struct dry *d)
{
    if (json_array_size(d->known->owners) > 0)
        return json_deep_copy(d->known->owners);
    json_t *list = json_array();
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(d->c->facts, "services"), i, s)
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:[]}", "service", json_str(s, "service", "?"), "team",
                            json_str(s, "team", "«team»"), "channel", "«channel of the team»", "schedule",
                            "«schedule of the team»", "people"));
    return list;
}

/* From the table of verbs: "id, url" gives {"id": "«ticket id»", "url": "«ticket url»"}. */
static json_t *named_fields(const struct verb *v)
{
    json_t *o = json_object();
    const char *dot = strchr(v->name, '.');
    int role = (int)(dot - v->name);
    if (role > 0 && v->name[role - 1] == 's')
        role--;
    for (const char *at = v->result ? v->result : ""; *at;) {
        size_t n = strcspn(at, " ,(");
        if (n > 0) {
            _cleanup_arena_ struct arena a = arena_make();
            json_object_set_new(o, arena_strndup(&a, at, n),
                                json_sprintf("«%.*s %.*s»", role, v->name, (int)n, at));
        }
        at += n;
        int depth = 0;
        while (*at && (depth > 0 || *at != ',')) {
            depth += *at == '(' ? 1 : *at == ')' ? -1 : 0;
            at++;
        }
        at += strspn(at, ", ");
    }
    return o;
}

static json_t *on_call(const struct dry *d)
{
    if (d->known->oncall)
        return json_pack("{s:o}", "people", json_deep_copy(d->known->oncall));
    return json_pack("{s:[{s:s, s:s, s:s}]}", "people", "name", "«who is on call»", "mail",
                     "«mail of who is on call»", "phone", "«phone»");
}

/* What the systems have told already is taken from there. */
static json_t *imagined(const struct dry *d, int step)
{
    const struct change *c = d->c;
    const struct verb *v = c->sop->steps[step].verb;
    const json_t *args = c->data[step].args;
    if (str_eq(v->name, "chat.post") || str_eq(v->name, "chat.edit"))
        return json_pack("{s:o}", "posts", posts(json_object_get(args, "channels")));
    if (str_eq(v->name, "chat.channel"))
        return json_pack("{s:s, s:s, s:b}", "channel", json_str(args, "name", ""), "name",
                         json_str(args, "name", ""), "created", true);
    if (str_eq(v->name, "chat.joined"))
        return json_pack("{s:O?, s:[]}", "joined", json_object_get(args, "people"), "absent");
    if (str_eq(v->name, "calendar.conflicts"))
        return json_pack("{s:[]}", "conflicts");
    if (str_eq(v->name, "pager.oncall"))
        return on_call(d);
    if (str_eq(v->name, "pipeline.watch"))
        return json_pack("{s:s, s:[], s:i}", "status", "SUCCESS", "stages", "took_ms", 0);
    if (str_starts(v->name, "health.") && v->kind == VERB_OBSERVE)
        return json_pack("{s:b, s:[], s:[]}", "healthy", true, "measures", "worse");
    if (str_eq(v->name, "cluster.versions"))
        return json_pack("{s:o}", "services", running(d));
    if (str_eq(v->name, "cluster.verify"))
        return json_pack("{s:o, s:[], s:[]}", "services", tags_of(c), "pods", "problems");
    if (str_eq(v->name, "releases.check"))
        return json_pack("{s:o, s:[]}", "services", checked_services(d), "problems");
    if (str_eq(v->name, "owners.lookup"))
        return json_pack("{s:o}", "owners", owners(d));
    return named_fields(v);
}

/* --- what is shown
 * --------------------------------------------------------------------------------------------------------------------
 */

static json_t *entry_of(struct dry *d, int step)
{
    if (d->entry[step])
        return d->entry[step];
    const struct step *s = &d->c->sop->steps[step];
    json_t *o = json_pack("{s:s, s:s?, s:s?, s:s?, s:I}", "id", s->id, "title", s->title, "section",
                          s->section, "rows", s->row, "at", (json_int_t)d->now);
    if (s->verb)
        json_object_set_new(o, "does", json_string(s->verb->name));
    json_array_append_new(d->steps, o);
    return d->entry[step] = o;
}

static void show(struct dry *d, const struct event *ev)
{
    const struct step *s = &d->c->sop->steps[ev->step];
    const char *reason = json_str(ev->data, "reason", "");
    if (s->unless_done && ev->type != EV_INTENDED)
        return; /* reminders that are not needed when all goes well */
    if (ev->type == EV_READY && !json_object_get(ev->data, "due"))
        return;
    json_t *o = entry_of(d, ev->step);
    json_object_set_new(o, "at", json_integer(d->now));
    if (ev->type == EV_SKIPPED) {
        json_object_set_new(o, "skipped", json_true());
        json_object_set_new(o, "because", json_string(reason));
    } else if (ev->type == EV_READY) {
        json_object_set(o, "due", json_object_get(ev->data, "due"));
    } else if (ev->type == EV_ASKED) {
        json_t *q =
            json_pack("{s:s, s:O, s:s, s:b, s:I, s:[]}", "step", s->id, "question",
                      json_object_get(ev->data, "question"), "role", s->ask.role ? s->ask.role : "deploy",
                      "other", s->ask.other, "at", (json_int_t)d->now, "choices");
        for (int i = 0; i < s->ask.n_choices; i++)
            json_array_append_new(json_object_get(q, "choices"), json_string(s->ask.choices[i].label));
        json_object_set(o, "question", json_object_get(ev->data, "question"));
        json_array_append_new(d->asks, q);
    } else if (ev->type == EV_INTENDED || ev->type == EV_OBSERVING) {
        json_t *args = json_object_get(ev->data, "args");
        json_object_set(o, "args", args);
        if (ev->type == EV_INTENDED)
            json_object_set_new(o, "messages", messages_of(d->told, s, args, d->now));
    }
}

static void problem(struct dry *d, int step, const char *says)
{
    json_array_append_new(d->problems, json_pack("{s:s?, s:s}", "step",
                                                 step >= 0 ? d->c->sop->steps[step].id : NULL, "says", says));
}

/* --- the world in which all goes well
 * ---------------------------------------------------------------------------------------------------- */

static bool happens(struct dry *d, struct event *ev)
{
    struct error err = ERROR_NONE;
    ev->seq = d->c->control.seq + 1;
    ev->at = d->now;
    ev->run = ev->step >= 0 ? d->c->control.steps[ev->step].run : 0;
    if (!ev->by)
        ev->by = "";
    if (ev->step >= 0 && ev->type != EV_FAILED)
        show(d, ev);
    bool ok = change_apply(d->c, ev, &err);
    if (!ok)
        problem(d, ev->step, err.text);
    event_clear(ev);
    return ok;
}

/* What cannot be worked out is told and left out, so that the rest is shown. */
static bool dry_begin(struct dry *d, int step)
{
    struct event ev = {0};
    change_begin(d->c, step, d->now, d->e->expr, &ev);
    if (ev.type != EV_FAILED)
        return happens(d, &ev);
    problem(d, step, json_str(ev.data, "error", ""));
    event_clear(&ev);
    struct event skip = {.type = EV_SKIPPED,
                         .step = step,
                         .by = "preview",
                         .data = json_pack("{s:s}", "reason", "its text cannot be worked out")};
    return happens(d, &skip);
}

static int question_of_gate(const struct procedure *p, int watch)
{
    for (int i = 0; i < p->n_steps; i++)
        if (p->steps[i].spawned && p->steps[i].of == watch && p->steps[i].has_ask)
            return i;
    return -1;
}

static bool gate_is_open(const struct dry *d, int watch)
{
    for (int i = 0; i < d->c->sop->n_steps; i++) {
        enum step_status s = d->c->control.steps[i].status;
        if (d->c->sop->steps[i].spawned && d->c->sop->steps[i].of == watch && s != STEP_DORMANT &&
            !step_settled(s))
            return true;
    }
    return false;
}

/* An observation or effect comes to its good end. False = not yet: its pipeline's pause is being answered. */
static bool dry_end(struct dry *d, int step, bool *ok)
{
    if (question_of_gate(d->c->sop, step) >= 0 && !d->gate_opened[step]) {
        d->gate_opened[step] = true;
        struct event gate = {.type = EV_GATE,
                             .step = step,
                             .data = json_pack("{s:s, s:s, s:s}", "id", "«pause»", "message",
                                               "«what the pipeline asks»", "stage", "«stage»")};
        *ok = happens(d, &gate);
        return true;
    }
    if (gate_is_open(d, step))
        return false;
    struct event done = {
        .type = EV_DONE, .step = step, .data = json_pack("{s:o}", "result", imagined(d, step))};
    *ok = happens(d, &done);
    return true;
}

static bool dry_answer(struct dry *d, bool *ok)
{
    for (int i = 0; i < d->c->sop->n_steps; i++) {
        const struct ask *ask = &d->c->sop->steps[i].ask;
        if (d->c->control.steps[i].status != STEP_ASKING)
            continue;
        int choice = 0;
        while (choice < ask->n_choices - 1 && (ask->choices[choice].fails || ask->choices[choice].ends))
            choice++;
        struct event ev = {.type = EV_ANSWERED,
                           .step = i,
                           .choice = choice,
                           .by = "«whoever answers»",
                           .data = json_object()};
        json_object_set_new(ev.data, "choice", json_string(ask->n_choices ? ask->choices[choice].id : ""));
        *ok = happens(d, &ev);
        return true;
    }
    return false;
}

/* One event further. False = the end, or it cannot go on. */
static bool dry_step(struct dry *d)
{
    struct wants w;
    bool ok = true;
    if (dry_answer(d, &ok))
        return ok;
    change_next(d->c, d->now, &w);
    for (int i = 0; i < w.n; i++) {
        int step = w.list[i].step;
        switch (w.list[i].kind) {
        case WANT_BEGIN:
            return dry_begin(d, step);
        case WANT_PERFORM:
        case WANT_OBSERVE:
            if (dry_end(d, step, &ok))
                return ok;
            break;
        case WANT_TROUBLE:
            problem(d, -1, "the change could not end: a rule of the page stands against it");
            return false;
        case WANT_FIND: {
            struct event found = {
                .type = EV_FOUND, .step = step, .data = json_pack("{s:o}", "result", imagined(d, step))};
            return happens(d, &found);
        }
        case WANT_OTHERWISE:
        case WANT_TIMEOUT:
        case WANT_END:
            return false;
        }
    }
    if (w.wake <= d->now)
        return false;
    d->now = w.wake;
    return true;
}

/* A missing system is no problem for a step that this plan leaves out. */
static void drop_moot_problems(struct dry *d)
{
    for (size_t i = json_array_size(d->problems); i-- > 0;) {
        int step = procedure_step(d->c->sop, json_str(json_array_get(d->problems, i), "step", ""));
        bool by_itself = step >= 0 && !str_eq(d->c->data[step].by, "preview");
        if (by_itself && d->c->control.steps[step].status == STEP_SKIPPED)
            json_array_remove(d->problems, i);
    }
}

json_t *plan_preview(struct engine *e, const struct procedure *p, json_t *facts, const char *by,
                     const struct known_plan *known)
{
    struct dry *d = NET_NEW(struct dry);
    *d = (struct dry){.e = e,
                      .c = change_new("HF-?", p),
                      .now = engine_now(e),
                      .known = known,
                      .told = told_begin(facts, known),
                      .steps = json_array(),
                      .asks = json_array(),
                      .problems = plan_problems(e, p)};
    struct event planned = {
        .type = EV_PLANNED,
        .step = -1,
        .by = by,
        .data = json_pack("{s:{s:s, s:s}, s:O}", "sop", "name", p->name, "hash", p->hash, "facts", facts)};
    struct event started = {.type = EV_STARTED, .step = -1, .by = by};
    bool ok = happens(d, &planned) && happens(d, &started);
    for (int n = 0; ok && n < DRY_EVENTS_MOST && dry_step(d); n++)
        ;
    json_object_del(facts, "steps");
    json_t *told = told_end(d->told);
    drop_moot_problems(d);
    json_t *out = json_pack("{s:s, s:s, s:I, s:O, s:o, s:o, s:o, s:o}", "sop", p->name, "title",
                            p->title ? p->title : p->name, "now", (json_int_t)engine_now(e), "facts", facts,
                            "steps", d->steps, "asks", d->asks, "problems", d->problems, "told", told);
    change_free(d->c);
    free(d);
    return out;
}

/* --- a decision, looked ahead
 * ---------------------------------------------------------------------------------------------------- */

json_t *foresee(struct engine *e, const struct change *c, int step, int choice, json_t *answer,
                struct error *err)
{
    struct change *copy = change_new(c->id, c->sop);
    _cleanup_json_ json_t *saved = change_save(c);
    struct event decided = {.seq = c->control.seq + 1,
                            .at = engine_now(e) > c->control.at ? engine_now(e) : c->control.at,
                            .type = EV_ANSWERED,
                            .step = step,
                            .run = c->control.steps[step].run,
                            .choice = choice,
                            .by = "«whoever decides»",
                            .data = answer};
    bool ok = change_load(copy, saved, err) && change_apply(copy, &decided, err);
    event_clear(&decided);
    static const struct known_plan nothing;
    struct dry *d = NET_NEW(struct dry);
    *d = (struct dry){.e = e,
                      .c = copy,
                      .known = &nothing,
                      .told = told_begin(copy->facts, &nothing),
                      .now = copy->control.at,
                      .steps = json_array(),
                      .asks = json_array(),
                      .problems = json_array()};
    for (int n = 0; ok && n < DRY_EVENTS_MOST && copy->control.status != CHANGE_ENDED && dry_step(d); n++)
        ;
    json_t *steps = ok ? json_incref(d->steps) : NULL;
    json_decref(d->steps);
    json_decref(d->asks);
    json_decref(d->problems);
    json_decref(told_end(d->told));
    free(d);
    change_free(copy);
    return steps;
}
