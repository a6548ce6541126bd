#include "change/event.h"
#include "base/buf.h"
#include "base/instant.h"
#include <string.h>

const char *const event_names[EV_TYPES] = {
    [EV_PLANNED] = "change.planned",     [EV_STARTED] = "change.started",
    [EV_AMENDED] = "change.amended",     [EV_MOVED] = "change.moved",
    [EV_NOTED] = "change.noted",         [EV_OVERRULED] = "change.overruled",
    [EV_RESTARTED] = "change.restarted", [EV_TROUBLE] = "change.trouble",
    [EV_CANCELLED] = "change.cancelled", [EV_ENDED] = "change.ended",
    [EV_READY] = "step.ready",           [EV_SKIPPED] = "step.skipped",
    [EV_ASKED] = "step.asked",           [EV_ANSWERED] = "step.answered",
    [EV_INTENDED] = "step.intended",     [EV_OBSERVING] = "step.observing",
    [EV_PROGRESS] = "step.progress",     [EV_DONE] = "step.done",
    [EV_RETRY] = "step.retry",           [EV_FAILED] = "step.failed",
    [EV_DOUBT] = "step.doubt",           [EV_FOUND] = "step.found",
    [EV_NOT_FOUND] = "step.not-found",   [EV_UNSURE] = "step.unsure",
    [EV_RESOLVED] = "step.resolved",     [EV_GATE] = "step.gate",
    [EV_GATE_GONE] = "step.gate-gone",   [EV_AGAIN] = "step.again",
};

void event_clear(struct event *e)
{
    json_decref(e->data);
    e->data = NULL;
}

json_t *event_to_json(const struct event *e, const struct procedure *p)
{
    json_t *j = json_pack("{s:I, s:I, s:s}", "n", (json_int_t)e->seq, "at", (json_int_t)e->at, "type",
                          event_names[e->type]);
    if (e->step >= 0) {
        json_object_set_new(j, "step", json_string(p->steps[e->step].id));
        json_object_set_new(j, "run", json_integer(e->run));
    }
    if (e->type == EV_ANSWERED || e->type == EV_RESOLVED)
        json_object_set_new(j, "choice", json_integer(e->choice));
    if (e->by && *e->by)
        json_object_set_new(j, "by", json_string(e->by));
    if (e->data)
        json_object_set(j, "data", e->data);
    return j;
}

bool event_from_json(const json_t *j, const struct procedure *p, struct event *out, struct error *err)
{
    const char *type = json_str(j, "type", "");
    struct event e = {
        .seq = json_int(j, "n", 0), .at = json_int(j, "at", -1), .step = -1, .by = json_str(j, "by", "")};
    int t = 0;
    while (t < EV_TYPES && strcmp(event_names[t], type) != 0)
        t++;
    if (t == EV_TYPES)
        return error_set(err, SB_CORRUPT, "event %lld has the unknown type \"%.64s\"", (long long)e.seq,
                         type);
    e.type = (enum event_type)t;
    if (e.seq < 1 || e.at < 0)
        return error_set(err, SB_CORRUPT, "an event of type %s has no number or no time", type);
    const char *step = json_str(j, "step", NULL);
    if (step) {
        e.step = procedure_step(p, step);
        if (e.step < 0)
            return error_set(err, SB_CORRUPT, "event %lld is about a step \"%.64s\" that %s does not have",
                             (long long)e.seq, step, p->file);
        e.run = (int)json_int(j, "run", 0);
        e.choice = (int)json_int(j, "choice", 0);
    }
    e.data = json_incref(json_object_get(j, "data"));
    *out = e;
    return true;
}

/* The part of a line that follows the step's name. */
static void step_text(struct buf *b, const struct event *e, const struct step *s, struct arena *a)
{
    const char *reason = json_str(e->data, "reason", "");
    const char *error = json_str(e->data, "error", "");
    switch (e->type) {
    case EV_READY:
        buf_adds(b, "waits for its moment");
        break;
    case EV_SKIPPED:
        buf_printf(b, "skipped: %s", reason);
        break;
    case EV_ASKED:
        buf_printf(b, "asked: %s", json_str(e->data, "question", ""));
        break;
    case EV_ANSWERED: {
        const char *choice = e->choice < s->ask.n_choices ? s->ask.choices[e->choice].label : "?";
        buf_printf(b, "answered%s: %s%s%s",
                   json_flag(e->data, "break_glass", false) ? ", breaking the glass" : "", choice,
                   *reason ? ": " : "", reason);
        break;
    }
    case EV_INTENDED:
        buf_printf(b, "%s", e->run > 1 ? "begins again" : "begins");
        break;
    case EV_OBSERVING:
        buf_adds(b, "looking");
        break;
    case EV_PROGRESS:
        buf_printf(b, "%s", json_str(e->data, "view.says", json_str(e->data, "view.status", "goes on")));
        break;
    case EV_DONE:
        buf_adds(b, "done");
        break;
    case EV_RETRY:
        buf_printf(b, "did not work, will try again in %s: %s",
                   duration_text(json_int(e->data, "not_before", e->at) - e->at, a), error);
        break;
    case EV_FAILED:
        buf_printf(b, "failed: %s", error);
        break;
    case EV_DOUBT:
        buf_printf(b, "in doubt, will be looked up: %s", error);
        break;
    case EV_FOUND:
        buf_adds(b, "had taken place");
        break;
    case EV_NOT_FOUND:
        buf_adds(b, "had not taken place, will be performed");
        break;
    case EV_UNSURE:
        buf_printf(b, "cannot be told by its system, a person must: %s", error);
        break;
    case EV_RESOLVED:
        buf_printf(b, "%s%s%s", e->choice ? "took place" : "did not take place", *reason ? ": " : "", reason);
        break;
    case EV_GATE:
        buf_printf(b, "the pipeline pauses: %s", json_str(e->data, "message", ""));
        break;
    case EV_GATE_GONE:
        buf_printf(b, "the pipeline's pause %s", *reason ? reason : "was settled elsewhere");
        break;
    case EV_AGAIN:
        buf_adds(b, "to be tried again");
        break;
    case EV_PLANNED:
    case EV_STARTED:
    case EV_AMENDED:
    case EV_MOVED:
    case EV_NOTED:
    case EV_OVERRULED:
    case EV_RESTARTED:
    case EV_TROUBLE:
    case EV_CANCELLED:
    case EV_ENDED:
    case EV_TYPES:
        break;
    }
}

static void change_text(struct buf *b, const struct event *e)
{
    static const char *const says[EV_TYPES] = {
        [EV_PLANNED] = "planned",
        [EV_STARTED] = "started",
        [EV_AMENDED] = "amended",
        [EV_MOVED] = "the window has moved",
        [EV_RESTARTED] = "Signalbox began again: what was under way is looked up",
        [EV_TROUBLE] = "in trouble",
        [EV_CANCELLED] = "cancelled",
    };
    const char *reason = json_str(e->data, "reason", "");
    if (e->type == EV_NOTED)
        buf_printf(b, "note: %s", json_str(e->data, "text", ""));
    else if (e->type == EV_OVERRULED)
        buf_printf(b, "overruled (%s): %s Because: %s", json_str(e->data, "about", "?"),
                   json_str(e->data, "says", ""), reason);
    else if (e->type == EV_ENDED)
        buf_printf(b, "ended: %s", json_str(e->data, "outcome", ""));
    else
        buf_printf(b, "%s%s%s", says[e->type] ? says[e->type] : event_names[e->type], *reason ? ": " : "",
                   reason);
}

char *event_text(const struct event *e, const struct procedure *p, struct arena *a)
{
    _cleanup_buf_ struct buf b = {0};
    if (e->step >= 0) {
        const struct step *s = &p->steps[e->step];
        buf_printf(&b, "%s: ", s->id);
        step_text(&b, e, s, a);
    } else {
        change_text(&b, e);
    }
    if (e->by && *e->by)
        buf_printf(&b, " (%s)", e->by);
    return arena_strdup(a, buf_str(&b));
}
