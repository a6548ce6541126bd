/* local.c: verbs that concern only the change itself: performed here, without a driver. Doing one twice has
 * no second effect: a report is written over, evidence is gathered anew, and a note is recorded in one batch
 * with its own end. */
#include "base/log.h"
#include "engine/figures.h"
#include "engine/inside.h"

static void ends(struct ride *r, int step, enum event_type type, json_t *data)
{
    struct event ev = {.type = type, .step = step, .data = data};
    struct error err = ERROR_NONE;
    if (!ride_record(r, &ev, &err))
        log_write(LOG_WARN, "engine", r->id, "%s", err.text);
}

static void note(struct ride *r, int step)
{
    struct event ev = {.type = EV_NOTED,
                       .step = -1,
                       .data = json_pack("{s:s, s:s}", "text", json_str(r->c->data[step].args, "text", ""),
                                         "step", r->c->sop->steps[step].id)};
    struct error err = ERROR_NONE;
    if (!ride_record(r, &ev, &err)) {
        ends(r, step, EV_FAILED, json_pack("{s:s}", "error", err.text));
        return;
    }
    ends(r, step, EV_DONE, json_pack("{s:{}}", "result"));
}

static void report(struct ride *r, int step)
{
    char path[512];
    struct error err = ERROR_NONE;
    if (!report_write(r->e, r->c, json_str(r->c->data[step].args, "title", NULL), path, sizeof path, &err))
        ends(r, step, EV_FAILED, json_pack("{s:s}", "error", err.text));
    else
        ends(r, step, EV_DONE, json_pack("{s:{s:s}}", "result", "path", path));
}

static void evidence(struct ride *r, int step)
{
    char *text = evidence_text(r->c);
    bool here;
    struct figures_span rollback = figures_usual(r->e, r->c, decision_names[DECISION_ROLLBACK], &here);
    json_t *result = json_pack("{s:s}", "text", text);
    if (rollback.n > 0)
        json_object_set_new(result, "rollback_ms", json_integer(rollback.median));
    ends(r, step, EV_DONE, json_pack("{s:o}", "result", result));
    free(text);
}

void local_perform(struct ride *r, int step)
{
    const char *verb = r->c->sop->steps[step].verb->name;
    if (str_eq(verb, "change.note"))
        note(r, step);
    else if (str_eq(verb, "change.report"))
        report(r, step);
    else if (str_eq(verb, "change.evidence"))
        evidence(r, step);
    else
        ends(r, step, EV_FAILED, json_pack("{s:s}", "error", "there is no such verb of the change"));
}
