/* local.c: verbs that concern only the change itself: performed here, without a driver. Doing one twice has
 * no second effect: a report is written over, evidence is gathered anew, and a note is recorded in one batch
 * with its own end. */
#include "base/log.h"
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

/* --- evidence
 * ----------------------------------------------------------------------------------------------------------------
 */

static void add_list(struct buf *b, const char *heading, const json_t *list)
{
    size_t i;
    json_t *one;
    if (json_array_size(list) == 0)
        return;
    buf_printf(b, "%s:\n", heading);
    json_array_foreach((json_t *)list, i, one) {
        if (i == 10) {
            buf_printf(b, "- and %zu more\n", json_array_size(list) - i);
            break;
        }
        const char *name = json_str(one, "service", json_str(one, "name", json_str(one, "pod", "")));
        const char *says = json_is_string(one) ? json_string_value(one)
                                               : json_str(one, "says", json_str(one, "problem", ""));
        buf_printf(b, "- %s%s%s\n", name, *name && *says ? ": " : "", says);
    }
}

/* Words that the results of watching a pipeline, a cluster and health have for what is wrong. */
static void add_evidence(struct buf *b, const struct change *c, int step)
{
    const struct step_data *d = &c->data[step];
    const json_t *result = d->result ? d->result : d->view;
    buf_printf(b, "**%s** failed: %s\n", c->sop->steps[step].title,
               d->reason ? d->reason : "no reason is known");
    const char *stage = json_str(result, "failed_stage", NULL), *log = json_str(result, "log", NULL);
    if (stage)
        buf_printf(b, "Stage: %s\n", stage);
    add_list(b, "Problems", json_object_get(result, "problems"));
    add_list(b, "Worse than before", json_object_get(result, "worse"));
    if (log)
        buf_printf(b, "```\n%s\n```\n", log);
}

static void evidence(struct ride *r, int step)
{
    const struct change *c = r->c;
    _cleanup_buf_ struct buf b = {0};
    bool any = false;
    for (int i = 0; i < c->sop->n_steps; i++)
        if (c->control.steps[i].status == STEP_FAILED && c->sop->steps[i].branch == BRANCH_MAIN) {
            add_evidence(&b, c, i);
            any = true;
        }
    if (!any)
        buf_printf(&b, "%s\n", c->trouble_reason ? c->trouble_reason : "Nothing has failed.");
    ends(r, step, EV_DONE, json_pack("{s:{s:s}}", "result", "text", buf_str(&b)));
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
