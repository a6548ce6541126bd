/* page_made.c: the steps that a step brings with it. */
#include "base/instant.h"
#include "sop/page_parts.h"

#include <string.h>

/* A step made for `d`: `suffix` is what its id ends in. */
static struct draft made_for(struct reading *r, struct draft *d, const char *suffix, const char *title,
                             const struct yaml *place)
{
    struct draft m = {.place = place, .of = d};
    m.s = (struct step){.title = arena_printf(r->a, "%s: %s", title, d->s.title),
                        .id = arena_printf(r->a, "%s.%s", d->s.id, suffix),
                        .section = d->s.section,
                        .prose = d->s.prose,
                        .row = d->s.row,
                        .line = place->line,
                        .branch = d->s.branch,
                        .tries = 3,
                        .retry_ms = SECONDS(2)};
    return m;
}

/* `nag` comes some time before the deadline, `escalate` some time after it. */
static bool made_due(struct reading *r, struct draft *d, const char *name, const char *shift_name, char sign,
                     const char *title, struct draft *out)
{
    const struct yaml *y = yaml_get(d->due, name);
    if (y == NULL)
        return false;
    const char *what = arena_printf(r->a, "step %s: due: %s", d->s.id, name);
    const char *known[] = {"do", "with", shift_name, NULL};
    if (!page_only(r, y, what, known))
        return false;
    if (yaml_get(y, "do") == NULL) {
        FAULT(r, SB_MISSING, y, "%s: \"do\" is missing", what);
        return false;
    }
    *out = made_for(r, d, name, title, y);
    out->s.when = d->s.when;
    out->s.unless_done = true;
    out->s.optional = true;
    page_action_read(r, out, y, what);
    const struct yaml *shift = yaml_get(y, shift_name);
    out->s.at = d->s.due;
    if (shift != NULL && page_duration(r, shift, arena_printf(r->a, "%s: %s", what, shift_name)) > 0)
        out->s.at = arena_printf(r->a, "%s %c %s", d->s.due == NULL ? "from" : d->s.due, sign, shift->text);
    return true;
}

static json_t *answer_args(struct reading *r, const struct draft *d)
{
    const json_t *build = json_object_get(d->s.with, "build");
    return json_pack("{s:s, s:s, s:s}", "build",
                     build != NULL && json_is_string(build) ? json_string_value(build) : "", "gate",
                     arena_printf(r->a, "{{ steps[\"%s\"].gate.id }}", d->s.id), "proceed",
                     arena_printf(r->a, "{{ steps[\"%s.proceed\"].answer == \"proceed\" }}", d->s.id));
}

static int made_gate(struct reading *r, struct draft *d, struct draft *out)
{
    static const char *const known[] = {"question", "role", "other", "reason", NULL};
    const char *what = arena_printf(r->a, "step %s: gate", d->s.id);
    if (d->gate->kind != YAML_SCALAR && !page_only(r, d->gate, what, known))
        return 0;
    struct draft proceed = made_for(r, d, "proceed", "Proceed", d->gate);
    page_ask_read(r, &proceed, d->gate);
    struct ask *ask = &proceed.s.ask;
    ask->choices[0] = (struct choice){.id = "proceed", .label = "Proceed"};
    ask->choices[1] = (struct choice){.id = "abort", .label = "Abort"};
    ask->n_choices = 2;
    proceed.s.tries = 1;
    proceed.s.spawned = true;

    struct draft answer = made_for(r, d, "answer", "Answer the pipeline", d->gate);
    answer.s.with = page_keep(r, answer_args(r, d));
    answer.s.verb = verb_find("pipeline.answer");
    answer.s.tries = 1;
    answer.s.spawned = true;
    out[0] = proceed;
    out[1] = answer;
    return 2;
}

int page_made(struct reading *r, struct draft *d, struct draft *out, int room)
{
    int n = 0;
    if (room < 4)
        return 0;
    if (d->due != NULL && made_due(r, d, "nag", "before", '-', "Remind", &out[n]))
        n++;
    if (d->due != NULL && made_due(r, d, "escalate", "after", '+', "Escalate", &out[n]))
        n++;
    if (d->gate != NULL && d->s.verb != NULL)
        n += made_gate(r, d, out + n);
    return n;
}

bool page_made_undo(struct reading *r, struct draft *d, struct draft *out)
{
    static const char *const known[] = {"do", "with", "when", NULL};
    if (d->undo == NULL)
        return false;
    const char *what = arena_printf(r->a, "step %s: undo", d->s.id);
    if (!page_only(r, d->undo, what, known))
        return false;
    if (yaml_get(d->undo, "do") == NULL) {
        FAULT(r, SB_MISSING, d->undo, "%s: \"do\" is missing", what);
        return false;
    }
    *out = made_for(r, d, "undo", "Take back", d->undo);
    out->s.branch = BRANCH_UNDO;
    const struct yaml *when = yaml_get(d->undo, "when");
    if (when != NULL && (out->s.when = page_scalar(r, when, what)) != NULL)
        page_text_add(r, when, TEXT_EXPR, what);
    page_action_read(r, out, d->undo, what);
    return true;
}
