/* facts.c: what a plan's inputs come to, and how a step begins: the parts of the core that work out text. */
#include "base/buf.h"
#include "change/change.h"
#include "change/tag.h"
#include <stdlib.h>
#include <string.h>

/* --- beginning a step
 * ---------------------------------------------------------------------------------------------- */

static void fails(struct event *out, const struct change *c, int step, const char *what,
                  const struct error *e)
{
    const struct step *s = &c->sop->steps[step];
    char text[ERROR_TEXT_MAX];
    error_format(e, text, sizeof text);
    out->type = EV_FAILED;
    out->data = json_pack("{s:o}", "error",
                          json_sprintf("%s:%d: step %s: %s: %s", c->sop->file, s->line, s->id, what, text));
}

static void skipped(struct event *out, const char *reason)
{
    out->type = EV_SKIPPED;
    out->data = json_pack("{s:s}", "reason", reason);
}

/* The names that moments on a page may use. */
static json_t *moments(const struct change *c)
{
    json_t *m = json_object();
    const struct {
        const char *name, *path;
    } from[] = {{"from", "window.from"}, {"to", "window.to"}, {"incident", "incident"}};
    for (size_t i = 0; i < COUNT_OF(from); i++) {
        const json_t *v = json_path(c->facts, from[i].path);
        if (json_is_integer(v))
            json_object_set(m, from[i].name, (json_t *)v);
    }
    json_object_set_new(m, "planned", json_integer(c->planned));
    if (c->started)
        json_object_set_new(m, "started", json_integer(c->started));
    if (c->troubled)
        json_object_set_new(m, "trouble", json_integer(c->troubled));
    int64_t decide = change_decide_until(c);
    if (decide)
        json_object_set_new(m, "decide", json_integer(decide));
    return m;
}

/* A moment of the page, whose durations may be settings: "trouble + {{ settings.escalate_after }}". */
static bool moment_of(const char *text, const json_t *names, struct expr *x, int64_t *out, struct error *err)
{
    _cleanup_arena_ struct arena a = arena_make();
    if (strstr(text, "{{") && !(text = expr_fill(x, text, &a, err)))
        return false;
    return moment_parse(text, names, out, err);
}

/* A step settled late by less than this was not late: the step before it took its time. */
#define GRACE_MS (60 * 1000)

enum turn { TURN_NOW, TURN_EVENT };

/* Works out `at` and `due`. TURN_EVENT: `out` says how it goes on instead of beginning. */
static enum turn settle_moment(const struct change *c, int step, int64_t now, struct expr *x,
                               struct event *out)
{
    const struct step *s = &c->sop->steps[step];
    struct error e = ERROR_NONE;
    int64_t at = 0, due = 0;
    _cleanup_json_ json_t *names = moments(c);
    if (s->at && !moment_of(s->at, names, x, &at, &e)) {
        if (s->unless_done)
            skipped(out, "there is no such deadline for this change");
        else
            fails(out, c, step, "at", &e);
        return TURN_EVENT;
    }
    if (s->due && !moment_of(s->due, names, x, &due, &e)) {
        fails(out, c, step, "due", &e);
        return TURN_EVENT;
    }
    if (s->at && s->late == LATE_SKIP && at < now - GRACE_MS) {
        skipped(out, "its moment had passed before the change came to it");
        return TURN_EVENT;
    }
    if (at > now || due != 0) {
        out->type = EV_READY;
        out->data = json_pack("{s:I}", "at", (json_int_t)at);
        if (due)
            json_object_set_new(out->data, "due", json_integer(due));
        return TURN_EVENT;
    }
    return TURN_NOW;
}

static void act(const struct change *c, int step, struct expr *x, struct event *out)
{
    const struct step *s = &c->sop->steps[step];
    struct error e = ERROR_NONE;
    if (!s->verb) { /* an answered question with nothing to perform settles by its answer; not reached */
        skipped(out, "nothing to perform");
        return;
    }
    json_t *args = s->with ? expr_fill_json(x, s->with, &e) : json_object();
    if (!args) {
        fails(out, c, step, "with", &e);
        return;
    }
    if (s->verb->kind == VERB_OBSERVE) {
        out->type = EV_OBSERVING;
        out->data = json_pack("{s:s, s:o}", "does", s->verb->name, "args", args);
        return;
    }
    _cleanup_arena_ struct arena a = arena_make();
    out->type = EV_INTENDED;
    out->data =
        json_pack("{s:s, s:s, s:o}", "key", change_key(c, step, &a), "does", s->verb->name, "args", args);
}

static void ask(const struct change *c, int step, struct expr *x, struct event *out)
{
    const struct step *s = &c->sop->steps[step];
    struct error e = ERROR_NONE;
    _cleanup_arena_ struct arena a = arena_make();
    const char *question = expr_fill(x, s->ask.question ? s->ask.question : "", &a, &e);
    if (!question) {
        fails(out, c, step, "ask", &e);
        return;
    }
    out->type = EV_ASKED;
    out->data = json_pack("{s:s}", "question", question);
    if (s->ask.decision)
        json_object_set_new(out->data, "decision", json_true());
}

void change_begin(const struct change *c, int step, int64_t now, struct expr *x, struct event *out)
{
    const struct step *s = &c->sop->steps[step];
    const struct control_step *k = &c->control.steps[step];
    *out = (struct event){.seq = c->control.seq + 1,
                          .at = now > c->control.at ? now : c->control.at,
                          .step = step,
                          .run = k->run,
                          .by = ""};
    if (s->branch == BRANCH_UNDO && c->control.steps[s->of].status != STEP_DONE) {
        skipped(out, "there is nothing to undo");
        return;
    }
    if (s->unless_done && step_settled((enum step_status)c->control.steps[s->of].status)) {
        skipped(out, "what it watches over was settled in time");
        return;
    }
    expr_facts(x, c->facts, now, json_str(c->facts, "client.zone", "UTC"));
    if (k->status == STEP_PAUSED || k->asked) {
        act(c, step, x, out);
        return;
    }
    struct error e = ERROR_NONE;
    bool wanted = true;
    if (k->status == STEP_WAITING && (s->at || s->due)) {
        /* A condition that already does not hold goes before a moment that perhaps does not exist. */
        if (s->when && expr_test(x, s->when, &wanted, &e) && !wanted) {
            _cleanup_arena_ struct arena a = arena_make();
            skipped(out, arena_printf(&a, "its condition does not hold: %s", s->when));
            return;
        }
        if (settle_moment(c, step, now, x, out) == TURN_EVENT)
            return;
    }
    if (s->when && !expr_test(x, s->when, &wanted, &e)) {
        fails(out, c, step, "when", &e);
        return;
    }
    if (!wanted) {
        _cleanup_arena_ struct arena a = arena_make();
        skipped(out, arena_printf(&a, "its condition does not hold: %s", s->when));
        return;
    }
    if (s->has_ask)
        ask(c, step, x, out);
    else
        act(c, step, x, out);
}

/* --- planning
 * -------------------------------------------------------------------------------------------------------- */

static const char *type_says(enum input_type type)
{
    static const char *const says[] = {
        [INPUT_TEXT] = "text",
        [INPUT_CHOICE] = "one of the choices",
        [INPUT_NUMBER] = "a number",
        [INPUT_FLAG] = "true or false",
        [INPUT_INSTANT] = "a moment, such as \"2024-02-08 14:00\" or \"today 14:00\"",
        [INPUT_WINDOW] = "a time window, such as \"today 14:00 for 90m\"",
        [INPUT_SERVICES] = "a list of services, each with its build tag",
    };
    return says[type];
}

static bool choice_ok(const struct input *in, const char *text, struct error *err)
{
    _cleanup_buf_ struct buf list = {0};
    for (const char *const *c = in->choices; c && *c; c++) {
        if (str_eq(*c, text))
            return true;
        buf_printf(&list, "%s%s", list.len ? ", " : "", *c);
    }
    return error_set(err, SB_UNKNOWN, "input %s: \"%.64s\" is none of %s", in->name, text, buf_str(&list));
}

static json_t *services_value(const struct input *in, const json_t *given, struct error *err)
{
    size_t i;
    json_t *s, *out = json_array();
    if (!json_is_array(given) || json_array_size(given) == 0 || json_array_size(given) > 100) {
        error_set(err, SB_PARSE, "input %s: expected %s", in->name, type_says(in->type));
        json_decref(out);
        return NULL;
    }
    json_array_foreach((json_t *)given, i, s) {
        const char *name = json_str(s, "service", NULL), *tag = json_str(s, "tag", NULL);
        struct tag parsed;
        struct error e = ERROR_NONE;
        bool ok = name && tag && tag_parse(tag, &parsed, &e);
        for (size_t k = 0; ok && k < i; k++)
            if (str_eq(json_str(json_array_get(out, k), "service", ""), name))
                ok = error_set(&e, SB_RANGE, "service %s is named twice", name);
        if (!ok) {
            if (e.code == SB_OK)
                error_set(&e, SB_PARSE, "each service has a name and a tag");
            error_wrap(&e, err, "input %s", in->name);
            json_decref(out);
            return NULL;
        }
        json_array_append(out, s);
    }
    return out;
}

/* The value of one input, of its type. New reference; NULL on error. */
static json_t *input_value(const struct input *in, const json_t *given, int64_t now, const char *zone,
                           struct error *err)
{
    const char *text = json_string_value(given);
    struct error e = ERROR_NONE;
    switch (in->type) {
    case INPUT_TEXT:
        if (text && strlen(text) <= EXPR_TEXT_MAX)
            return json_incref((json_t *)given);
        break;
    case INPUT_CHOICE: {
        _cleanup_arena_ struct arena a = arena_make();
        if (json_is_integer(given))
            text = arena_printf(&a, "%" JSON_INTEGER_FORMAT, json_integer_value(given));
        if (!text)
            break;
        return choice_ok(in, text, err) ? json_string(text) : NULL;
    }
    case INPUT_NUMBER:
        if (json_is_number(given))
            return json_incref((json_t *)given);
        if (text && *text && strspn(text, "0123456789") == strlen(text) && strlen(text) < 16)
            return json_integer(strtoll(text, NULL, 10));
        break;
    case INPUT_FLAG:
        if (json_is_boolean(given))
            return json_incref((json_t *)given);
        if (text && (str_eq(text, "true") || str_eq(text, "yes")))
            return json_true();
        if (text && (str_eq(text, "false") || str_eq(text, "no")))
            return json_false();
        break;
    case INPUT_INSTANT: {
        int64_t at;
        if (json_is_integer(given))
            return json_incref((json_t *)given);
        if (!text)
            break;
        if (instant_parse(text, now, zone, &at, &e))
            return json_integer(at);
        error_wrap(&e, err, "input %s", in->name);
        return NULL;
    }
    case INPUT_WINDOW: {
        _cleanup_arena_ struct arena a = arena_make();
        struct window w;
        if (!text)
            break;
        if (!window_parse(text, now, zone, &a, &w, &e)) {
            error_wrap(&e, err, "input %s", in->name);
            return NULL;
        }
        return json_pack("{s:I, s:I, s:s, s:s}", "from", (json_int_t)w.from, "to", (json_int_t)w.to, "zone",
                         w.zone ? w.zone : zone, "text", window_text(&w, now, &a));
    }
    case INPUT_SERVICES:
        return services_value(in, given, err);
    }
    error_set(err, SB_PARSE, "input %s (%s): expected %s", in->name, in->says ? in->says : "",
              type_says(in->type));
    return NULL;
}

static bool known_inputs(const struct procedure *p, const json_t *inputs, struct error *err)
{
    _cleanup_arena_ struct arena a = arena_make();
    const char **names = ARENA_ARRAY(&a, (size_t)p->n_inputs + 1, const char *);
    for (int i = 0; i < p->n_inputs; i++)
        names[i] = p->inputs[i].name;
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)inputs, key, v) {
        bool known = false;
        for (int i = 0; i < p->n_inputs; i++)
            known = known || str_eq(names[i], key);
        const char *near = known ? NULL : str_near(key, names);
        if (!known)
            return error_set(err, SB_UNKNOWN, "%s has no input \"%.64s\"%s%s%s", p->name, key,
                             near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    return true;
}

/* Inputs that every change has under a name of their own in the facts, besides `inputs.NAME`. */
static void spread(json_t *facts, const struct input *in, json_t *value, int64_t now)
{
    static const char *const of_change[] = {"severity", "risk", "reason"};
    json_t *change = json_object_get(facts, "change");
    for (size_t i = 0; i < COUNT_OF(of_change); i++)
        if (str_eq(in->name, of_change[i]))
            json_object_set(change, in->name, value);
    if (str_eq(in->name, "severity") && json_is_string(value))
        json_object_set_new(change, "severity", json_integer(strtoll(json_string_value(value), NULL, 10)));
    if (in->type == INPUT_WINDOW) {
        json_object_set(facts, "window", value);
        json_object_set_new(facts, "lead_hours",
                            json_real((double)(json_int(value, "from", now) - now) / (double)HOURS(1)));
    }
    if (str_eq(in->name, "incident"))
        json_object_set(facts, "incident", value);
    if (in->type != INPUT_SERVICES)
        return;
    /* Configuration may have told more of each service; the plan's tag is added to it. */
    size_t i;
    json_t *s, *list = json_array();
    json_array_foreach(value, i, s) {
        json_t *known = json_object_get(json_object_get(facts, "catalogue"), json_str(s, "service", ""));
        json_t *whole = known ? json_copy(known) : json_object();
        json_object_update(whole, s);
        json_array_append_new(list, whole);
    }
    json_object_set_new(facts, "services", list);
}

json_t *change_facts(const struct procedure *p, const json_t *base, const json_t *inputs, int64_t now,
                     const char *zone, struct error *err)
{
    if (!known_inputs(p, inputs, err))
        return NULL;
    json_t *facts = base ? json_deep_copy(base) : json_object();
    if (!json_object_get(facts, "change"))
        json_object_set_new(facts, "change", json_object());
    json_t *values = json_object();
    json_object_set_new(facts, "inputs", values);
    for (int i = 0; i < p->n_inputs; i++) {
        const struct input *in = &p->inputs[i];
        const json_t *given = json_object_get(inputs, in->name);
        if (!given || json_is_null(given))
            given = in->fallback;
        if (!given || json_is_null(given)) {
            if (!in->required)
                continue;
            error_set(err, SB_MISSING, "input %s is missing (%s): expected %s", in->name,
                      in->says ? in->says : "", type_says(in->type));
            json_decref(facts);
            return NULL;
        }
        json_t *value = input_value(in, given, now, zone, err);
        if (!value) {
            json_decref(facts);
            return NULL;
        }
        json_object_set(values, in->name, value);
        spread(facts, in, value, now);
        json_decref(value);
    }
    json_object_del(facts, "catalogue");
    if (p->settings) {
        json_t *settings = json_deep_copy(p->settings);
        json_t *over = json_object_get(facts, "settings");
        if (over)
            json_object_update(settings, over);
        json_object_set_new(facts, "settings", settings);
    }
    json_object_set_new(facts, "steps", json_object());
    return facts;
}
