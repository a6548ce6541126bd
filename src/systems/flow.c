/* flow.c: see flow.h. */
#include "systems/flow.h"
#include <stdlib.h>
#include <string.h>

static void flow_free(struct task *t)
{
    struct flow *f = (struct flow *)t;
    if (f->call)
        http_cancel(f->call);
    timer_cancel(f->timer);
    if (f->on_free)
        f->on_free(f);
    if (f->ended)
        *f->ended = true;
    json_decref(f->told);
    json_decref((json_t *)f->effect.args);
    json_decref((json_t *)f->effect.parts);
    arena_free(&f->arena);
    free(f);
}

void *flow_new(size_t size, struct system *s, struct http_peer *peer, const struct effect *e,
               outcome_fn *done, progress_fn *progress, void *ctx)
{
    struct flow *f = calloc(1, size);
    if (!f)
        abort();
    task_begin(s, &f->task, flow_free);
    f->system = s;
    f->peer = peer;
    f->arena = arena_make();
    f->done = done;
    f->progress = progress;
    f->ctx = ctx;
    f->effect = *e;
    f->effect.key = arena_strdup(&f->arena, e->key);
    f->effect.verb = arena_strdup(&f->arena, e->verb);
    f->effect.change = arena_strdup(&f->arena, e->change);
    json_incref((json_t *)e->args);
    json_incref((json_t *)e->parts);
    return f;
}

static void replied(void *ctx, const struct http_reply *reply)
{
    struct flow *f = ctx;
    f->call = NULL;
    f->on_reply(f, reply);
}

void flow_send(struct flow *f, const struct http_request *r,
               void (*then)(struct flow *, const struct http_reply *))
{
    f->request = *r;
    f->on_reply = then;
    f->call = http_send(f->peer, r, replied, f);
    f->request.body = NULL; /* the client has its own copy; ours may go */
    f->request.body_len = 0;
}

void flow_get(struct flow *f, const char *what, const char *path,
              void (*then)(struct flow *, const struct http_reply *))
{
    flow_send(f, &(struct http_request){.method = "GET", .what = what, .path = path, .repeatable = true},
              then);
}

void flow_json(struct flow *f, const char *method, const char *what, const char *path, const json_t *body,
               bool repeatable, void (*then)(struct flow *, const struct http_reply *))
{
    char *text = json_dumps(body, JSON_COMPACT);
    struct http_request r = {.method = method,
                             .what = what,
                             .path = path,
                             .content_type = "application/json; charset=utf-8",
                             .body = text,
                             .body_len = text ? strlen(text) : 0,
                             .repeatable = repeatable};
    flow_send(f, &r, then);
    free(text);
}

static void timed(void *ctx)
{
    struct flow *f = ctx;
    f->timer = NULL;
    f->on_time(f);
}

void flow_wait(struct flow *f, int64_t ms, void (*then)(struct flow *))
{
    f->on_time = then;
    f->timer = timer_start(f->system->around->loop, ms, timed, f);
}

int64_t flow_pause(const struct flow *f, int64_t ms, int64_t at_least)
{
    double speed = f->system->around->speed;
    int64_t shorter = speed > 0 ? (int64_t)((double)ms / speed) : ms;
    int64_t floor = at_least < 1 ? 1 : at_least;
    return shorter < floor ? floor : shorter;
}

bool flow_tell(struct flow *f, json_t *view)
{
    if (!f->progress || json_equal(f->told, view))
        return true;
    json_decref(f->told);
    f->told = json_incref(view);
    bool ended = false;
    f->ended = &ended;
    f->progress(f->ctx, view);
    if (!ended)
        f->ended = NULL;
    return !ended;
}

void flow_end(struct flow *f, const struct outcome *o)
{
    task_leave(&f->task);
    f->done(f->ctx, o);
    flow_free(&f->task);
}

void flow_done(struct flow *f, json_t *result)
{
    flow_end(f, &(struct outcome){.kind = OUTCOME_DONE, .result = result});
    json_decref(result);
}

void flow_ends(struct flow *f, enum outcome_kind kind, enum error_code code, const char *fmt, ...)
{
    struct outcome o = {.kind = kind};
    va_list ap;
    va_start(ap, fmt);
    (void)error_vset(&o.error, code, fmt, ap);
    va_end(ap);
    flow_end(f, &o);
}

void flow_failed_send(struct flow *f, const struct http_reply *reply)
{
    struct outcome o = outcome_of_failed_send(f->peer, &f->request, reply);
    flow_end(f, &o);
}

void flow_failed_look(struct flow *f, const struct http_reply *reply)
{
    struct outcome o = outcome_of_failed_look(f->peer, &f->request, reply);
    flow_end(f, &o);
}

void flow_failed_find(struct flow *f, const struct http_reply *reply)
{
    struct outcome o = outcome_of_failed_find(f->peer, &f->request, reply);
    flow_end(f, &o);
}

void *flow_visit(size_t size, struct system *s, struct http_peer *peer, check_fn *checked, void *ctx)
{
    static const struct effect nothing = {.key = "", .verb = "check", .change = ""};
    struct flow *f = flow_new(size, s, peer, &nothing, NULL, NULL, ctx);
    f->checked = checked;
    return f;
}

void flow_checked(struct flow *f, const struct check *checks, int n)
{
    task_leave(&f->task);
    f->checked(f->ctx, checks, n);
    flow_free(&f->task);
}
