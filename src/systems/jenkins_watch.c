/* jenkins_watch.c: following a build to its end.
 *
 * One round: the build itself, its stages, its pauses if it has any. A build has ended when it is no longer
 * building: a pipeline may set its result while it goes on. A controller that restarts, or does not answer,
 * is waited for: the build goes on or resumes without us, and nothing is concluded from silence. Only when a
 * signed-in Jenkins says three times in a row that there is no such build is it gone. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/log.h"
#include "systems/jenkins.h"
#include <stdlib.h>
#include <string.h>

enum { REFUSALS_MAX = 3, LOOKS_AT_END = 3 };

/* A running build's stages are worked out anew for every reader, so not at every look when looks are
 * frequent. */
static const int64_t stages_every_ms = 2000;

struct watch {
    struct jenkins_flow t; /* first */
    const char *build_path, *stages_path, *pauses_path, *core_pauses_path;
    json_t *told; /* the last view's shape, without what only counts on */
    json_t *build, *stages, *gate;
    json_t *described; /* at the end: with steps */
    char session[80];  /* of the controller: another one means it has been restarted */
    int restarts, refusals, silences, looks_at_end;
    bool no_stage_view;
    int64_t stages_at; /* monotonic; 0 = never */
    int64_t took_ms, paused_ms;
    char *note; /* why nothing newer is known; heap */
    struct tail {
        char bytes[2 * PIPELINE_LOG_BYTES];
        size_t n;
    } tail; /* end of the console */
};

static void look(struct flow *f);
static void describe_end(struct flow *f);
static void read_console(struct watch *w);

static void watch_free(struct flow *f)
{
    struct watch *w = (struct watch *)f;
    json_decref(w->told);
    json_decref(w->build);
    json_decref(w->stages);
    json_decref(w->gate);
    json_decref(w->described);
    free(w->note);
}

static void replace(json_t **slot, json_t *value)
{
    json_decref(*slot);
    *slot = value;
}

/* --- the view
 * ---------------------------------------------------------------------------------------------------- */

static bool is_building(const struct watch *w)
{
    return json_flag(w->build, "building", true);
}

static const char *status_of(const struct watch *w)
{
    if (!is_building(w))
        return jenkins_status(json_str(w->build, "result", "FAILURE"));
    return w->gate ? STAGE_PAUSED : STAGE_RUNNING;
}

/* Much longer than usual, and not because it waits for a person. */
static bool is_stuck(const struct watch *w)
{
    int64_t usual = json_int(w->build, "estimatedDuration", -1);
    int64_t limit = 2 * usual > usual + MINUTES(1) ? 2 * usual : usual + MINUTES(1);
    return is_building(w) && !w->gate && usual > 0 && w->took_ms - w->paused_ms > limit;
}

static json_t *view_of(const struct watch *w)
{
    json_t *view = json_pack("{s:s, s:O, s:I, s:I, s:I, s:b}", "status", status_of(w), "stages", w->stages,
                             "started_ms", (json_int_t)json_int(w->build, "timestamp", 0), "took_ms",
                             (json_int_t)w->took_ms, "estimated_ms",
                             (json_int_t)json_int(w->build, "estimatedDuration", -1), "stuck", is_stuck(w));
    if (w->restarts)
        json_object_set_new(view, "restarts", json_integer(w->restarts));
    if (w->gate)
        json_object_set(view, "gate", w->gate);
    if (w->note)
        json_object_set_new(view, "note", json_string(w->note));
    return view;
}

/* The view without the times that only count on, to see whether there is news. */
static json_t *shape_of(const json_t *view)
{
    json_t *shape = json_deep_copy(view);
    json_object_del(shape, "took_ms");
    json_t *stages = json_object_get(shape, "stages");
    for (size_t i = 0; i < json_array_size(stages); i++) {
        json_t *stage = json_array_get(stages, i);
        const char *status = json_str(stage, "status", "");
        if (str_eq(status, STAGE_RUNNING) || str_eq(status, STAGE_PAUSED))
            json_object_del(stage, "took_ms");
    }
    return shape;
}

/* False when the listener has cancelled the watch: it is gone then. */
MUST_USE static bool tell(struct watch *w)
{
    _cleanup_json_ json_t *view = view_of(w);
    json_t *shape = shape_of(view);
    bool news = !json_equal(shape, w->told);
    replace(&w->told, shape);
    return !news || flow_tell(&w->t.f, view);
}

static void note(struct watch *w, const char *text)
{
    free(w->note);
    w->note = text ? strdup(text) : NULL;
}

/* --- what may go wrong with a look
 * --------------------------------------------------------------------------------- */

static void rest(struct watch *w)
{
    struct flow *f = &w->t.f;
    /* Silence is met with patience: up to eight times the usual pause. */
    int times = w->silences > 3 ? 8 : 1 << w->silences;
    int64_t poll = f->system->around->poll_ms > 0 ? f->system->around->poll_ms : 2000;
    flow_wait(f, flow_pause(f, poll * times, 10), look);
}

static void note_session(struct watch *w, const struct http_reply *reply)
{
    const char *session = http_reply_header(reply, "X-Jenkins-Session");
    size_t n = session ? strlen(session) : 0;
    if (!session || n >= sizeof w->session)
        return;
    if (*w->session && !str_eq(session, w->session)) {
        w->restarts++;
        w->no_stage_view = false;
        log_write(LOG_NOTE, "systems", w->t.f.effect.change,
                  "jenkins: the controller was restarted during %s",
                  json_str(w->t.f.effect.args, "build", "the build"));
    }
    memcpy(w->session, session, n + 1);
}

/* A round that came to nothing. Refusals in a row end the watch; silence does not. */
static void no_answer(struct watch *w, const struct http_reply *reply)
{
    struct flow *f = &w->t.f;
    struct outcome o = outcome_of_failed_look(f->peer, &f->request, reply);
    if (o.kind == OUTCOME_FAILED && ++w->refusals >= REFUSALS_MAX) {
        if (reply->status == 404)
            (void)error_set(&o.error, SB_UNKNOWN,
                            "Jenkins no longer has the build %s: it was deleted, or the user may not see it",
                            json_str(f->effect.args, "build", ""));
        else
            o.kind = OUTCOME_RETRY; /* that we may not look says nothing of the build */
        flow_end(f, &o);
        return;
    }
    if (o.kind != OUTCOME_FAILED)
        w->refusals = 0;
    w->silences++;
    /* Once for a whole silence: its words may differ from try to try, and each view is kept in the record. */
    if (!w->note)
        note(w, o.error.text);
    if (tell(w))
        rest(w);
}

/* --- the end
 * ----------------------------------------------------------------------------------------------------- */

static json_t *result_of(const struct watch *w)
{
    return json_pack("{s:s, s:O, s:I}", "status", status_of(w), "stages", w->stages, "took_ms",
                     (json_int_t)w->took_ms);
}

static void ended_well(struct watch *w)
{
    flow_done(&w->t.f, result_of(w));
}

/* `log` may be any text; only its end is kept. */
static void ended_badly(struct watch *w, const char *log, size_t n)
{
    struct flow *f = &w->t.f;
    struct jenkins_failure failure = jenkins_failure(w->described, status_of(w));
    char *text = pipeline_log_tail(log, n, &f->arena);
    log_redact_text(text);
    _cleanup_json_ json_t *result = result_of(w);
    json_object_set_new(result, "failed_stage", failure.stage ? json_string(failure.stage) : json_null());
    json_object_set_new(result, "log", json_string(text));
    struct outcome o = {.kind = OUTCOME_FAILED, .result = result};
    (void)error_set(&o.error, SB_REMOTE, "the build %s ended %s%s%s%s", json_str(f->effect.args, "build", ""),
                    status_of(w), failure.stage ? " in the stage \"" : "", failure.stage ? failure.stage : "",
                    failure.stage ? "\"" : "");
    flow_end(f, &o);
}

static void on_console(struct flow *f, const struct http_reply *reply)
{
    struct watch *w = (struct watch *)f;
    /* Whatever came of it: how the build ended is known, the log is only to help. */
    if (reply->status < 200 || reply->status > 299)
        w->tail.n = 0;
    ended_badly(w, w->tail.bytes, w->tail.n);
}

static bool keep_tail(void *ctx, const char *bytes, size_t n)
{
    struct tail *tail = &((struct watch *)ctx)->tail;
    size_t room = sizeof tail->bytes;
    if (n >= room) {
        memcpy(tail->bytes, bytes + n - room, room);
        tail->n = room;
        return true;
    }
    if (tail->n + n > room) {
        size_t keep = room - n;
        memmove(tail->bytes, tail->bytes + tail->n - keep, keep);
        tail->n = keep;
    }
    memcpy(tail->bytes + tail->n, bytes, n);
    tail->n += n;
    return true;
}

static void read_console(struct watch *w)
{
    w->tail.n = 0;
    struct http_request r = {
        .method = "GET",
        .what = "read the log",
        .path = arena_printf(&w->t.f.arena, "%s/consoleText", w->t.build_path),
        .on_body = keep_tail,
    };
    flow_send(&w->t.f, &r, on_console);
}

static void on_step_log(struct flow *f, const struct http_reply *reply)
{
    struct watch *w = (struct watch *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const char *html = json_str(answer, "text", "");
    if (!*html) {
        read_console(w);
        return;
    }
    char *text = jenkins_plain(html, &f->arena);
    ended_badly(w, text, strlen(text));
}

static void read_log(struct watch *w)
{
    struct flow *f = &w->t.f;
    struct jenkins_failure failure = jenkins_failure(w->described, status_of(w));
    if (failure.node)
        flow_get(f, "read the log",
                 arena_printf(&f->arena, "%s/execution/node/%s/wfapi/log", w->t.build_path,
                              jenkins_encoded(failure.node, &f->arena)),
                 on_step_log);
    else
        read_console(w);
}

static void ended(struct watch *w)
{
    bool well = str_eq(status_of(w), STAGE_SUCCESS) ||
                (w->t.j->unstable_is_well && str_eq(status_of(w), STAGE_UNSTABLE));
    replace(&w->gate, NULL);
    if (!tell(w))
        return;
    if (well)
        ended_well(w);
    else
        read_log(w);
}

static void on_described_end(struct flow *f, const struct http_reply *reply)
{
    struct watch *w = (struct watch *)f;
    struct error err = ERROR_NONE;
    json_t *answer = http_json(f->peer, &f->request, reply, &err);
    if (json_is_object(answer)) {
        replace(&w->described, answer);
        replace(&w->stages, jenkins_stages(answer));
    } else {
        json_decref(answer);
        if (reply->status != 404 && ++w->looks_at_end < LOOKS_AT_END) {
            flow_wait(f, flow_pause(f, SECONDS(2), 10), describe_end);
            return;
        }
    }
    ended(w);
}

static void describe_end(struct flow *f)
{
    struct watch *w = (struct watch *)f;
    flow_get(f, "read the stages",
             arena_printf(&f->arena, "%s/wfapi/describe?fullStages=true", w->t.build_path), on_described_end);
}

/* --- a round
 * ----------------------------------------------------------------------------------------------------- */

static void round_ends(struct watch *w)
{
    if (tell(w))
        rest(w);
}

static void take_pauses(struct watch *w, json_t *pauses)
{
    const json_t *pause = json_array_get(pauses, 0);
    json_t *gate = NULL;
    if (pause) {
        const json_t *stage = jenkins_paused_stage(w->stages);
        _cleanup_arena_ struct arena a = arena_make();
        char *id = jenkins_gate_id(json_str(pause, "id", ""), json_str(stage, "id", NULL), &a);
        gate = json_pack("{s:s, s:s, s:s}", "id", id, "message", json_str(pause, "message", ""), "stage",
                         json_str(stage, "name", ""));
    }
    replace(&w->gate, gate);
    json_decref(pauses);
    round_ends(w);
}

static void on_core_pauses(struct flow *f, const struct http_reply *reply)
{
    struct watch *w = (struct watch *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *build = http_json(f->peer, &f->request, reply, &err);
    if (json_is_object(build))
        take_pauses(w, jenkins_pauses_of_core(build));
    else
        no_answer(w, reply);
}

static void on_pauses(struct flow *f, const struct http_reply *reply)
{
    struct watch *w = (struct watch *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *pending = http_json(f->peer, &f->request, reply, &err);
    if (json_is_array(pending))
        take_pauses(w, jenkins_pauses_of_stage_view(pending));
    else
        no_answer(w, reply);
}

static void look_for_pauses(struct watch *w)
{
    struct flow *f = &w->t.f;
    if (w->no_stage_view)
        flow_get(f, "read the pauses", w->core_pauses_path, on_core_pauses);
    else
        flow_get(f, "read the pauses", w->pauses_path, on_pauses);
}

static void on_described(struct flow *f, const struct http_reply *reply)
{
    struct watch *w = (struct watch *)f;
    if (reply->status == 404) { /* no stage view here; the build itself was there a moment ago */
        w->no_stage_view = true;
        look_for_pauses(w);
        return;
    }
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    if (!json_is_object(answer)) {
        no_answer(w, reply);
        return;
    }
    w->stages_at = loop_mono_ms();
    replace(&w->stages, jenkins_stages(answer));
    w->paused_ms = 0;
    const json_t *stages = json_object_get(answer, "stages");
    for (size_t i = 0; i < json_array_size(stages); i++)
        w->paused_ms += json_int(json_array_get(stages, i), "pauseDurationMillis", 0);
    if (str_eq(json_str(answer, "status", ""), STAGE_PAUSED) || jenkins_paused_stage(w->stages)) {
        look_for_pauses(w);
    } else {
        replace(&w->gate, NULL);
        round_ends(w);
    }
}

/* By the controller's own clock where it tells it: `timestamp` is of that clock too. */
static int64_t running_for(const struct watch *w, const struct http_reply *reply)
{
    int64_t now = reply->server_date_ms ? reply->server_date_ms : loop_wall_ms();
    int64_t took = now - json_int(w->build, "timestamp", now);
    return took > 0 ? took : 0;
}

static void on_build(struct flow *f, const struct http_reply *reply)
{
    struct watch *w = (struct watch *)f;
    struct error err = ERROR_NONE;
    json_t *build = http_json(f->peer, &f->request, reply, &err);
    if (!json_is_object(build) || !json_is_boolean(json_object_get(build, "building"))) {
        json_decref(build);
        no_answer(w, reply);
        return;
    }
    replace(&w->build, build);
    note_session(w, reply);
    note(w, NULL);
    w->silences = w->refusals = 0;
    int64_t duration = json_int(build, "duration", 0);
    w->took_ms = !is_building(w) && duration > 0 ? duration : running_for(w, reply);
    if (!is_building(w))
        describe_end(f);
    else if (w->no_stage_view)
        look_for_pauses(w);
    else if (!w->stages_at || loop_mono_ms() - w->stages_at >= flow_pause(f, stages_every_ms, 0))
        flow_get(f, "read the stages", w->stages_path, on_described);
    else
        round_ends(w);
}

static void look(struct flow *f)
{
    flow_get(f, "read the build", ((struct watch *)f)->build_path, on_build);
}

struct task *jenkins_watch(struct system *system, const struct effect *e, outcome_fn *done,
                           progress_fn *progress, void *ctx)
{
    struct error err = ERROR_NONE;
    struct watch *w = jenkins_build_flow(sizeof *w, system, e, done, progress, ctx, &err);
    if (!w)
        return task_ends(system, done, ctx, OUTCOME_FAILED, "%s", err.text);
    w->t.f.on_free = watch_free;
    /* Made once: a watch goes round for hours, and its arena only grows. */
    struct arena *a = &w->t.f.arena;
    w->build_path = arena_printf(
        a, "%s/api/json?tree=number,building,inProgress,result,timestamp,duration,estimatedDuration",
        w->t.build_path);
    w->stages_path = arena_printf(a, "%s/wfapi/describe", w->t.build_path);
    w->pauses_path = arena_printf(a, "%s/wfapi/pendingInputActions", w->t.build_path);
    w->core_pauses_path = arena_printf(a, "%s%s", w->t.build_path, JENKINS_PAUSES_TREE);
    w->build = json_object();
    w->stages = json_array();
    look(&w->t.f);
    return &w->t.f.task;
}
