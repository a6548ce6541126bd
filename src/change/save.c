/* save.c: the folded state as JSON, for snapshots, and back. */
#include "base/buf.h"
#include "change/change.h"
#include <stdlib.h>
#include <string.h>

static void set_text(json_t *o, const char *key, const char *text)
{
    if (text)
        json_object_set_new(o, key, json_string(text));
}

static void set_json(json_t *o, const char *key, json_t *value)
{
    if (value)
        json_object_set(o, key, value);
}

static json_t *save_step(const struct change *c, int i)
{
    const struct control_step *k = &c->control.steps[i];
    const struct step_data *d = &c->data[i];
    json_t *o = json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I}", "id",
                          c->sop->steps[i].id, "status", step_status_names[k->status], "choice", k->choice,
                          "reset", k->reset, "asked", k->asked, "run", k->run, "attempt", k->attempt, "at",
                          (json_int_t)k->at, "since", (json_int_t)k->since, "began", (json_int_t)k->began,
                          "ended", (json_int_t)d->ended, "due", (json_int_t)d->due);
    set_json(o, "args", d->args);
    set_json(o, "result", d->result);
    set_json(o, "view", d->view);
    set_json(o, "gate", d->gate);
    set_json(o, "answer", d->answer);
    set_text(o, "question", d->question);
    set_text(o, "by", d->by);
    set_text(o, "reason", d->reason);
    return o;
}

json_t *change_save(const struct change *c)
{
    const struct control *k = &c->control;
    json_t *steps = json_array();
    for (int i = 0; i < c->sop->n_steps; i++)
        json_array_append_new(steps, save_step(c, i));
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:O, s:O, s:o}", "id",
                  c->id, "page", c->sop->hash, "status", change_status_names[k->status], "outcome",
                  change_outcome_names[k->outcome], "aside", k->aside, "moving", k->moving, "round", k->round,
                  "trouble_step", k->trouble_step, "seq", (json_int_t)k->seq, "at", (json_int_t)k->at,
                  "planned", (json_int_t)c->planned, "started", (json_int_t)c->started, "ended",
                  (json_int_t)c->ended, "facts", c->facts, "decisions", c->decisions, "steps", steps);
    set_text(o, "trouble_reason", c->trouble_reason);
    json_object_set_new(o, "troubled", json_integer(c->troubled));
    return o;
}

/* Place of `name` in a list of names; -1 when it is not there. */
static int place_of(const char *name, const char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        if (names[i] && str_eq(names[i], name))
            return i;
    return -1;
}

static char *get_text(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? strdup(text) : NULL;
}

static json_t *get_json(const json_t *o, const char *key)
{
    return json_incref(json_object_get(o, key));
}

static bool load_step(struct change *c, int i, const json_t *o, struct error *err)
{
    int status = place_of(json_str(o, "status", ""), step_status_names, STEP_STATUSES);
    if (!str_eq(json_str(o, "id", ""), c->sop->steps[i].id) || status < 0)
        return error_set(err, SB_CORRUPT, "snapshot of %s: step %d is not %s of the page", c->id, i,
                         c->sop->steps[i].id);
    c->control.steps[i] = (struct control_step){
        .status = (uint8_t)status,
        .choice = (uint8_t)json_int(o, "choice", 0),
        .reset = (uint8_t)json_int(o, "reset", 0),
        .asked = (uint8_t)json_int(o, "asked", 0),
        .run = (uint16_t)json_int(o, "run", 1),
        .attempt = (uint16_t)json_int(o, "attempt", 0),
        .at = json_int(o, "at", 0),
        .since = json_int(o, "since", 0),
        .began = json_int(o, "began", 0),
    };
    c->data[i] = (struct step_data){
        .args = get_json(o, "args"),
        .result = get_json(o, "result"),
        .view = get_json(o, "view"),
        .gate = get_json(o, "gate"),
        .answer = get_json(o, "answer"),
        .question = get_text(o, "question"),
        .by = get_text(o, "by"),
        .reason = get_text(o, "reason"),
        .ended = json_int(o, "ended", 0),
        .due = json_int(o, "due", 0),
    };
    return true;
}

bool change_load(struct change *c, const json_t *saved, struct error *err)
{
    const json_t *steps = json_object_get(saved, "steps");
    int status = place_of(json_str(saved, "status", ""), change_status_names, CHANGE_ENDED + 1);
    int outcome = place_of(json_str(saved, "outcome", ""), change_outcome_names, OUTCOME_CANCELLED + 1);
    if (c->control.seq != 0)
        return error_set(err, SB_INTERNAL, "a snapshot is loaded into a new change only");
    if (!str_eq(json_str(saved, "page", ""), c->sop->hash) || !str_eq(json_str(saved, "id", ""), c->id))
        return error_set(err, SB_CONFLICT, "the snapshot is of another page or change");
    if (json_array_size(steps) != (size_t)c->sop->n_steps || status < 0 || outcome < 0 ||
        !json_is_object(json_object_get(saved, "facts")) ||
        !json_is_array(json_object_get(saved, "decisions")))
        return error_set(err, SB_CORRUPT, "the snapshot of %s is not whole", c->id);
    for (int i = 0; i < c->sop->n_steps; i++)
        if (!load_step(c, i, json_array_get(steps, (size_t)i), err))
            return false;
    c->control.status = (uint8_t)status;
    c->control.outcome = (uint8_t)outcome;
    c->control.aside = (uint8_t)json_int(saved, "aside", 0);
    c->control.moving = (uint8_t)json_int(saved, "moving", 0);
    c->control.round = (uint8_t)json_int(saved, "round", 0);
    c->control.trouble_step = (int16_t)json_int(saved, "trouble_step", -1);
    c->control.seq = json_int(saved, "seq", 0);
    c->control.at = json_int(saved, "at", 0);
    c->planned = json_int(saved, "planned", 0);
    c->started = json_int(saved, "started", 0);
    c->ended = json_int(saved, "ended", 0);
    json_decref(c->facts);
    json_decref(c->decisions);
    c->facts = json_deep_copy(json_object_get(saved, "facts"));
    c->decisions = json_deep_copy(json_object_get(saved, "decisions"));
    c->trouble_reason = get_text(saved, "trouble_reason");
    c->troubled = json_int(saved, "troubled", 0);
    return true;
}
