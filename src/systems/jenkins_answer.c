/* jenkins_answer.c: answering a pause, and stopping a build.
 *
 * Jenkins knows a pause by an id that several pauses of one build may share, and acts on the first that
 * matches. So nothing is sent before the pause has been seen waiting, in the stage in which it was shown.
 * Approving is saved before the pipeline moves on: a lost answer is not a lost approval, and the pause that
 * is gone says that it has been settled. */
#include "base/buf.h"
#include "base/instant.h"
#include "systems/jenkins.h"
#include <stdlib.h>
#include <string.h>

struct answer {
    struct jenkins_flow t; /* first */
    char *pause, *stage;   /* of the gate's id; `stage` NULL when there is no stage view */
    bool performing;       /* otherwise finding */
    int looks;
};

static void look_at_stage(struct flow *f);

/* --- is it still waiting?
 * -------------------------------------------------------------------------------------- */

static void send_answer(struct answer *w, const json_t *pause);

static void failed(struct answer *w, const struct http_reply *reply)
{
    if (w->performing)
        flow_failed_look(&w->t.f, reply); /* nothing was sent yet */
    else
        flow_failed_find(&w->t.f, reply);
}

static const char *gate_of(const struct answer *w)
{
    return json_str(w->t.f.effect.args, "gate", "");
}

/* `pause` NULL: it is not waiting. A find looks twice: an earlier answer may just be on its way, and a
 * controller that has just started may not have its pauses yet. */
static void seen(struct answer *w, const json_t *pause)
{
    struct flow *f = &w->t.f;
    if (w->performing && pause)
        send_answer(w, pause);
    else if (w->performing)
        flow_ends(f, OUTCOME_FAILED, SB_STATE,
                  "the build %s no longer waits at \"%s\": it was answered in Jenkins, or has ended",
                  json_str(f->effect.args, "build", ""), w->pause);
    else if (w->looks++ == 0)
        flow_wait(f, flow_pause(f, SECONDS(2), 10), look_at_stage);
    else if (pause)
        flow_ends(f, OUTCOME_NOT_FOUND, SB_UNKNOWN, "the build still waits at \"%s\"", w->pause);
    else
        flow_done(f, json_pack("{s:s}", "gate", gate_of(w)));
}

static void pick(struct answer *w, json_t *pauses)
{
    _cleanup_json_ json_t *list = pauses;
    const json_t *found = NULL;
    for (size_t i = 0; i < json_array_size(list) && !found; i++)
        if (str_eq(json_str(json_array_get(list, i), "id", ""), w->pause))
            found = json_array_get(list, i);
    seen(w, found);
}

static void on_core(struct flow *f, const struct http_reply *reply)
{
    struct answer *w = (struct answer *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *build = http_json(f->peer, &f->request, reply, &err);
    if (json_is_object(build))
        pick(w, jenkins_pauses_of_core(build));
    else
        failed(w, reply);
}

static void on_pending(struct flow *f, const struct http_reply *reply)
{
    struct answer *w = (struct answer *)f;
    if (reply->status == 404) {
        flow_get(f, "read the pauses", arena_printf(&f->arena, "%s%s", w->t.build_path, JENKINS_PAUSES_TREE),
                 on_core);
        return;
    }
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *pending = http_json(f->peer, &f->request, reply, &err);
    if (json_is_array(pending))
        pick(w, jenkins_pauses_of_stage_view(pending));
    else
        failed(w, reply);
}

static void look_at_pauses(struct answer *w)
{
    struct flow *f = &w->t.f;
    flow_get(f, "read the pauses", arena_printf(&f->arena, "%s/wfapi/pendingInputActions", w->t.build_path),
             on_pending);
}

static bool is_paused(const json_t *describe, const char *stage)
{
    const json_t *stages = json_object_get(describe, "stages");
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const json_t *s = json_array_get(stages, i);
        if (str_eq(json_str(s, "id", ""), stage))
            return str_eq(json_str(s, "status", ""), STAGE_PAUSED);
    }
    return false;
}

static void on_stages(struct flow *f, const struct http_reply *reply)
{
    struct answer *w = (struct answer *)f;
    if (reply->status == 404) {
        look_at_pauses(w);
        return;
    }
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *describe = http_json(f->peer, &f->request, reply, &err);
    if (!json_is_object(describe))
        failed(w, reply);
    else if (is_paused(describe, w->stage))
        look_at_pauses(w);
    else
        seen(w, NULL);
}

static void look_at_stage(struct flow *f)
{
    struct answer *w = (struct answer *)f;
    if (w->stage)
        flow_get(f, "read the stages", arena_printf(&f->arena, "%s/wfapi/describe", w->t.build_path),
                 on_stages);
    else
        look_at_pauses(w);
}

/* --- answering
 * ---------------------------------------------------------------------------------------------------- */

static void on_answered(struct flow *f, const struct http_reply *reply)
{
    struct answer *w = (struct answer *)f;
    bool well =
        (reply->status >= 200 && reply->status <= 299) || reply->status == 302 || reply->status == 303;
    if (well)
        flow_done(f, json_pack("{s:s}", "gate", gate_of(w)));
    else
        jenkins_failed_send(&w->t, reply);
}

/* Jenkins fills in no defaults: what is not sent is left out of what the pipeline gets. */
static char *values_form(const json_t *inputs)
{
    _cleanup_json_ json_t *values = json_pack("{s:O}", "parameter", (json_t *)inputs);
    char *text = json_dumps(values, JSON_COMPACT);
    struct buf form = {0};
    buf_adds(&form, "json=");
    buf_add_url(&form, text);
    free(text);
    return buf_steal(&form);
}

static void send_answer(struct answer *w, const json_t *pause)
{
    struct flow *f = &w->t.f;
    bool proceed = json_flag(f->effect.args, "proceed", false);
    const json_t *inputs = json_object_get(pause, "inputs");
    bool plain = !proceed || json_array_size(inputs) == 0;
    char *path =
        arena_printf(&f->arena, "%s/input/%s/%s", w->t.build_path, jenkins_encoded(w->pause, &f->arena),
                     !proceed ? "abort"
                     : plain  ? "proceedEmpty"
                              : "proceed");
    char *form = plain ? NULL : values_form(inputs);
    jenkins_post(&w->t, proceed ? "proceed at the pause" : "abort at the pause", path, form, on_answered);
    free(form);
}

static struct task *answer_new(struct system *system, const struct effect *e, outcome_fn *done, void *ctx,
                               bool performing)
{
    struct error err = ERROR_NONE;
    struct answer *w = jenkins_build_flow(sizeof *w, system, e, done, NULL, ctx, &err);
    if (!w)
        return task_ends(system, done, ctx, performing ? OUTCOME_FAILED : OUTCOME_NOT_FOUND, "%s", err.text);
    w->performing = performing;
    jenkins_gate_split(json_str(e->args, "gate", ""), &w->t.f.arena, &w->pause, &w->stage);
    look_at_stage(&w->t.f);
    return &w->t.f.task;
}

struct task *jenkins_answer(struct system *system, const struct effect *e, outcome_fn *done,
                            UNUSED progress_fn *progress, void *ctx)
{
    return answer_new(system, e, done, ctx, true);
}

struct task *jenkins_answer_find(struct system *system, const struct effect *e, outcome_fn *done,
                                 UNUSED progress_fn *progress, void *ctx)
{
    return answer_new(system, e, done, ctx, false);
}

/* --- stopping
 * ------------------------------------------------------------------------------------------------------ */

/* From the gentle to the last: `stop` lets the pipeline clean up, `kill` does not. All do nothing to a build
 * that has ended. */
static const char *const ways[] = {"stop", "term", "kill"};
enum { LOOKS_A_WAY = 15, LOOK_EVERY_S = 2 };

struct stop {
    struct jenkins_flow t; /* first */
    const char *build_path;
    size_t way;
    int looks;
};

static void stop_this_way(struct stop *w);
static void look_whether_ended(struct flow *f);

static void on_stopping(struct flow *f, const struct http_reply *reply)
{
    struct stop *w = (struct stop *)f;
    if (reply->status == 401 || reply->status == 403 || reply->status == 404) {
        jenkins_failed_send(&w->t, reply);
        return;
    }
    /* A lost answer, a redirect: the build itself tells. */
    w->looks = 0;
    look_whether_ended(f);
}

static void on_build(struct flow *f, const struct http_reply *reply)
{
    struct stop *w = (struct stop *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *build = http_json(f->peer, &f->request, reply, &err);
    const json_t *building = json_object_get(build, "building");
    if (json_is_false(building)) {
        flow_done(f, json_pack("{s:s}", "status", jenkins_status(json_str(build, "result", "ABORTED"))));
    } else if (!building && outcome_of_failed_look(f->peer, &f->request, reply).kind == OUTCOME_FAILED) {
        flow_failed_look(f, reply);
    } else if (++w->looks < LOOKS_A_WAY) {
        flow_wait(f, flow_pause(f, SECONDS(LOOK_EVERY_S), 10), look_whether_ended);
    } else if (w->way + 1 < COUNT_OF(ways)) {
        w->way++;
        stop_this_way(w);
    } else {
        flow_ends(f, OUTCOME_RETRY, SB_STATE, "the build %s goes on although it was stopped and killed",
                  json_str(f->effect.args, "build", ""));
    }
}

static void look_whether_ended(struct flow *f)
{
    flow_get(f, "read the build", ((struct stop *)f)->build_path, on_build);
}

static void stop_this_way(struct stop *w)
{
    struct arena *a = &w->t.f.arena;
    jenkins_post(&w->t, "stop the build", arena_printf(a, "%s/%s", w->t.build_path, ways[w->way]), NULL,
                 on_stopping);
}

struct task *jenkins_stop(struct system *system, const struct effect *e, outcome_fn *done,
                          UNUSED progress_fn *progress, void *ctx)
{
    struct error err = ERROR_NONE;
    struct stop *w = jenkins_build_flow(sizeof *w, system, e, done, NULL, ctx, &err);
    if (!w)
        return task_ends(system, done, ctx, OUTCOME_FAILED, "%s", err.text);
    w->build_path = arena_printf(&w->t.f.arena, "%s/api/json?tree=building,result", w->t.build_path);
    stop_this_way(w);
    return &w->t.f.task;
}
