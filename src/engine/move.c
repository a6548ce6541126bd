/* move.c: the window of a change moves: the questions that a plan is asked about its window are asked about the new one,
 * and what blocks refuses the move until somebody who may has overruled it. What follows then is the page's: its
 * branch "move". */
#include "base/instant.h"
#include "base/window.h"
#include "engine/inside.h"

struct moving {
    struct engine *e;
    char *id, *by;
    json_t *facts; /* with the new window */
    json_t *reason, *overrules;
    bool may[ABOUT_COUNT];
    engine_done_fn *done;
    void *ctx;
};

static void moving_free(void *ctx)
{
    struct moving *m = ctx;
    json_decref(m->facts);
    json_decref(m->reason);
    json_decref(m->overrules);
    free(m->id);
    free(m->by);
    free(m);
}

static bool is_about_window(const char *about)
{
    static const enum about window[] = {ABOUT_PAST,     ABOUT_HOURS,  ABOUT_FREEZE,
                                        ABOUT_CONFLICT, ABOUT_CHECKS, ABOUT_LENGTH};
    for (size_t i = 0; i < COUNT_OF(window); i++)
        if (str_eq(about_names[window[i]], about))
            return true;
    return false;
}

/* The rest was asked when the change was planned. */
static json_t *questions_about_window(const struct moving *m, const struct known_plan *known)
{
    json_t *list = plan_questions(m->e, m->facts, known);
    for (size_t i = json_array_size(list); i-- > 0;)
        if (!is_about_window(json_str(json_array_get(list, i), "about", "")))
            json_array_remove(list, i);
    return list;
}

static bool record_move(struct ride *r, const struct moving *m, const json_t *questions, struct error *err)
{
    struct event ev = {.type = EV_MOVED,
                       .step = -1,
                       .by = m->by,
                       .data = json_pack("{s:{s:O}, s:O}", "facts", "window",
                                         json_object_get(m->facts, "window"), "reason", m->reason)};
    return ride_record(r, &ev, err) && overruled_record(r, questions, m->by, err);
}

static void move_known(void *ctx, const struct known_plan *known)
{
    struct moving *m = ctx;
    struct error err = ERROR_NONE;
    json_t *questions = questions_about_window(m, known);
    struct ride *r = ride_open_of(m->e, m->id, &err); /* much may have happened to it meanwhile */
    if (r && questions_settle(questions, m->overrules, m->may, &err) && record_move(r, m, questions, &err))
        ride_tell(r, m->done, m->ctx,
                  json_pack("{s:s, s:s, s:O, s:O}", "id", r->id, "did", "move", "questions", questions,
                            "window", json_object_get(m->facts, "window")));
    else
        reply_later(m->e, m->done, m->ctx, NULL, &err);
    json_decref(questions);
    moving_free(m);
}

/* Would the core take it now? Asked before anybody is asked anything else. */
static bool may_move_now(const struct change *c, int64_t now, struct error *err)
{
    struct control trial;
    control_copy(&trial, &c->control, c->sop->n_steps);
    const struct event ev = {
        .seq = trial.seq + 1, .at = now > trial.at ? now : trial.at, .type = EV_MOVED, .step = -1, .by = ""};
    return control_apply(&trial, c->sop, &ev, err);
}

/* The facts as they would be. NULL with the error. */
static json_t *moved_facts(const struct engine *e, const struct change *c, const char *text,
                           struct error *err)
{
    const char *zone = json_str(c->facts, "client.zone", "UTC");
    _cleanup_arena_ struct arena a = arena_make();
    struct window w;
    if (!text || !*text) {
        error_set(err, SB_MISSING, "where to? Say the new window: \"today 16:00 for 90m\"");
        return NULL;
    }
    if (!window_parse(text, engine_now(e), zone, &a, &w, err))
        return NULL;
    json_t *facts = json_copy(c->facts);
    json_object_set_new(facts, "window",
                        json_pack("{s:I, s:I, s:s, s:s}", "from", (json_int_t)w.from, "to", (json_int_t)w.to,
                                  "zone", w.zone ? w.zone : zone, "text",
                                  window_text(&w, engine_now(e), &a)));
    return facts;
}

void engine_move(struct engine *e, struct ride *r, const json_t *data, const char *by, engine_done_fn *done,
                 void *ctx)
{
    struct error err = ERROR_NONE;
    const struct change *c = r->c;
    const char *text = json_str(data, "window", json_str(data, "facts.window", NULL));
    json_t *facts = NULL;
    if (json_object_size(json_object_get(data, "facts")) > 1)
        error_set(&err, SB_PARSE, "move the window by itself, and amend the rest");
    else if (!*json_str(data, "reason", ""))
        error_set(&err, SB_MISSING, "\"move\" needs a reason");
    else if (overrules_check(json_object_get(data, "overrule"), &err) && may_move_now(c, engine_now(e), &err))
        facts = moved_facts(e, c, text, &err);
    if (!facts) {
        reply_later(e, done, ctx, NULL, &err);
        return;
    }
    struct moving *m = NET_NEW(struct moving);
    *m = (struct moving){.e = e,
                         .id = net_strdup(r->id),
                         .by = net_strdup(by),
                         .facts = facts,
                         .reason = json_string(json_str(data, "reason", "")),
                         .overrules = json_deep_copy(json_object_get(data, "overrule")),
                         .done = done,
                         .ctx = ctx};
    overrule_rights(e, by, facts, m->may);
    plan_gather(e, facts, c->sop, json_str(c->facts, "steps.calendar.id", NULL), move_known, moving_free, m);
}
