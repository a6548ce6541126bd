/* command_watch.c: follows a run by its folder: the marks in its log, the gates it waits at, and how it ends.
 */
#include "base/buf.h"
#include "base/json.h"
#include "base/read.h"
#include "systems/command.h"
#include "systems/command_log.h"
#include "systems/pipeline.h"
#include <stdio.h>

enum { FEED_MAX = 1 << 20, LOOK_MS = 200 };

struct watching {
    struct flow flow;
    char *dir, *log_path, *seen_path; /* once: this flow may live for hours */
    struct command_log log;
    int64_t offset;
    int64_t lost_since; /* monotonic; 0 = it is not lost */
};

static void watching_free(struct flow *f)
{
    command_log_free(&((struct watching *)f)->log);
}

/* Stages whose moment is new are noted beside the log, for whoever watches after a restart. */
static void note_stages(struct watching *w)
{
    if (w->log.n <= w->log.noted)
        return;
    FILE *seen = fopen(w->seen_path, "ae");
    if (!seen)
        return;
    for (; w->log.noted < w->log.n; w->log.noted++)
        (void)fprintf(seen, "%lld\n", (long long)w->log.stages[w->log.noted].started_ms);
    (void)fclose(seen);
}

/* Reads what the log has grown by. true when there is more than one round takes. */
static bool read_log(struct watching *w)
{
    FILE *log = fopen(w->log_path, "re");
    if (!log)
        return false;
    char piece[16384];
    size_t n, total = 0;
    int64_t now = w->flow.system->around->now(w->flow.system->around->now_ctx);
    if (fseeko(log, w->offset, SEEK_SET) == 0)
        while (total < FEED_MAX && (n = fread(piece, 1, sizeof piece, log)) > 0) {
            command_log_feed(&w->log, piece, n, now);
            total += n;
        }
    (void)fclose(log);
    w->offset += (int64_t)total;
    note_stages(w);
    return total >= FEED_MAX;
}

/* The end of the log: what a person needs of a failure. */
static char *tail_of_log(struct watching *w)
{
    FILE *log = fopen(w->log_path, "re");
    char *bytes = arena_alloc(&w->flow.arena, 2 * PIPELINE_LOG_BYTES + 1);
    size_t n = 0;
    if (log) {
        if (fseeko(log, 0, SEEK_END) == 0 && ftello(log) > 2 * PIPELINE_LOG_BYTES)
            (void)fseeko(log, -2 * PIPELINE_LOG_BYTES, SEEK_END);
        else
            (void)fseeko(log, 0, SEEK_SET);
        n = fread(bytes, 1, 2 * PIPELINE_LOG_BYTES, log);
        (void)fclose(log);
    }
    return pipeline_log_tail(bytes, n, &w->flow.arena);
}

static json_t *view_of(const struct watching *w, const struct run_look *l, const char *status,
                       const char *last)
{
    json_t *view = json_pack("{s:s, s:o}", "status", status, "stages", command_log_stages(&w->log, last));
    if (l->started_ms)
        json_object_set_new(view, "started_ms", json_integer(l->started_ms));
    return view;
}

static void ended(struct watching *w, const struct run_look *l, const char *status, const char *says)
{
    _cleanup_json_ json_t *result = view_of(w, l, status, status);
    int64_t took = l->ended_ms && l->started_ms ? l->ended_ms - l->started_ms : 0;
    json_object_set_new(result, "took_ms", json_integer(took > 0 ? took : 0));
    if (str_eq(status, STAGE_SUCCESS)) {
        flow_done(&w->flow, json_incref(result));
        return;
    }
    struct outcome o = {.kind = OUTCOME_FAILED, .result = result};
    const char *stage = w->log.n ? w->log.stages[w->log.n - 1].name : "";
    json_object_set_new(result, "failed_stage", json_string(stage));
    json_object_set_new(result, "log", json_string(tail_of_log(w)));
    (void)error_set(&o.error, SB_REMOTE, "the script %s%s%s%s", says, *stage ? " in the stage \"" : "", stage,
                    *stage ? "\"" : "");
    flow_end(&w->flow, &o);
}

static void look(struct flow *f);

static void look_later(struct watching *w, int64_t ms)
{
    flow_wait(&w->flow, ms, look);
}

static void show_running(struct watching *w, const struct run_look *l)
{
    bool paused = w->log.gate[0] && run_gate_ok(w->log.gate) && !run_answered(w->dir, w->log.gate);
    const char *status = paused ? STAGE_PAUSED : STAGE_RUNNING;
    if (!paused)
        w->log.gate[0] = '\0';
    _cleanup_json_ json_t *view = view_of(w, l, status, status);
    const char *stage = w->log.n ? w->log.stages[w->log.n - 1].name : "";
    if (paused)
        json_object_set_new(
            view, "gate",
            json_pack("{s:s, s:s, s:s}", "id", w->log.gate, "message", w->log.message, "stage", stage));
    if (flow_tell(&w->flow, view))
        look_later(w, LOOK_MS);
}

/* Gone without a status: its shell may just be between two steps, so look once more before saying so. */
static void look_lost(struct watching *w, const struct run_look *l)
{
    if (!w->lost_since)
        w->lost_since = loop_mono_ms();
    if (l->stopped)
        ended(w, l, STAGE_ABORTED, "was stopped");
    else if (loop_mono_ms() - w->lost_since > 3 * LOOK_MS)
        ended(w, l, STAGE_FAILED, "is gone without an exit status: it was killed, or the machine went down,");
    else
        look_later(w, LOOK_MS);
}

static void look_ended(struct watching *w, const struct run_look *l)
{
    char says[64];
    (void)snprintf(says, sizeof says, "ended with status %d", l->status);
    if (l->status == 0)
        ended(w, l, STAGE_SUCCESS, "ended well");
    else
        ended(w, l, l->stopped ? STAGE_ABORTED : STAGE_FAILED, l->stopped ? "was stopped" : says);
}

static void look(struct flow *f)
{
    struct watching *w = (struct watching *)f;
    /* The state first, then the log: what a script wrote before it ended is there by then. */
    struct run_look l = run_look(w->dir);
    if (read_log(w)) {
        look_later(w, 1);
        return;
    }
    switch (l.state) {
    case RUN_NONE:
        flow_ends(f, OUTCOME_FAILED, SB_UNKNOWN, "%s: this machine has no such run",
                  json_str(f->effect.args, "build", ""));
        return;
    case RUN_VOID:
        flow_ends(f, OUTCOME_FAILED, SB_STATE, "%s never began", json_str(f->effect.args, "build", ""));
        return;
    case RUN_CLAIMED:
    case RUN_ALIVE:
        show_running(w, &l);
        return;
    case RUN_ENDED:
        look_ended(w, &l);
        return;
    case RUN_LOST:
        look_lost(w, &l);
        return;
    }
}

struct task *command_watch(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                           void *ctx)
{
    _cleanup_arena_ struct arena a = arena_make();
    _cleanup_buf_ struct buf seen = {0};
    char *dir = command_named_run((struct command *)s, e, &a);
    if (!dir)
        return command_no_such_run(s, e, done, ctx);
    struct watching *w = flow_new(sizeof *w, s, NULL, e, done, progress, ctx);
    w->flow.on_free = watching_free;
    w->dir = arena_strdup(&w->flow.arena, dir);
    w->log_path = arena_printf(&w->flow.arena, "%s/log", dir);
    w->seen_path = arena_printf(&w->flow.arena, "%s/seen", dir);
    if (read_file(w->seen_path, 64 << 10, &seen, NULL))
        command_log_known(&w->log, buf_str(&seen));
    flow_wait(&w->flow, 0, look);
    return &w->flow.task;
}
