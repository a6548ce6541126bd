/* health_look.c: see health_look.h. */
#include "systems/health_look.h"
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include <string.h>

/* --- what to ask ------------------------------------------------------------------------------ */

static const char *service_name(const json_t *service)
{
    return json_is_string(service) ? json_string_value(service) : json_str(service, "service", "");
}

char *health_alternatives(const json_t *services, struct arena *a)
{
    _cleanup_buf_ struct buf text = {0};
    size_t i;
    json_t *s;
    json_array_foreach((json_t *)services, i, s) {
        if (i)
            buf_addc(&text, '|');
        for (const char *p = service_name(s); *p; p++) {
            if (strchr("\\.+*?()[]{}|^$", *p))
                buf_addc(&text, '\\');
            buf_addc(&text, *p);
        }
    }
    return arena_strdup(a, buf_str(&text));
}

static void add_one(struct health_look *l, const void *what, const char *name, const char *text,
                    const char *service, fill_escape *escape)
{
    if (l->n == HEALTH_ASKS_MAX)
        return;
    struct arena *a = &l->flow.arena;
    const json_t *args = l->flow.effect.args;
    const struct fill values[] = {{"client", json_str(args, "client", "")},
                                  {"env", json_str(args, "env", "")},
                                  {"service", service},
                                  {"services", health_alternatives(json_object_get(args, "services"), a)},
                                  {NULL, NULL}};
    struct health_ask *q = &l->asks[l->n++];
    q->look = l;
    q->what = what;
    q->service = service;
    q->text = fill(text, values, escape, a);
    q->name = fill(name, values, fill_plain, a);
    if (service && !fill_uses(name, "service"))
        q->name = arena_printf(a, "%s %s", q->name, service);
}

static bool needs_a_change(const char *text)
{
    return fill_uses(text, "client") || fill_uses(text, "env") || fill_uses(text, "service") ||
           fill_uses(text, "services");
}

void health_look_add(struct health_look *l, const void *what, const char *name, const char *text,
                     fill_escape *escape)
{
    if (l->flow.checked && needs_a_change(text))
        return;
    if (!fill_uses(text, "service")) {
        add_one(l, what, name, text, NULL, escape);
        return;
    }
    size_t i;
    json_t *service;
    json_array_foreach(json_object_get(l->flow.effect.args, "services"), i, service)
        add_one(l, what, name, text, service_name(service), escape);
}

/* --- one look --------------------------------------------------------------------------------- */

static void look_free(struct flow *f)
{
    struct health_look *l = (struct health_look *)f;
    for (int i = 0; i < l->n; i++) {
        if (l->asks[i].call)
            http_cancel(l->asks[i].call);
        json_decref(l->asks[i].measure);
    }
    health_soak_free(&l->soak);
}

void health_look_answered(void *ctx, const struct http_reply *reply)
{
    struct health_ask *q = ctx;
    struct health_look *l = q->look;
    struct outcome broken = {0};
    q->call = NULL;
    json_decref(q->measure);
    q->measure = l->ops->judge(q, reply, &broken);
    if (!q->measure && l->broken.kind == OUTCOME_DONE)
        l->broken = broken;
    if (--l->pending == 0)
        l->then(l);
}

static void nothing_to_ask(struct flow *f)
{
    struct health_look *l = (struct health_look *)f;
    l->then(l);
}

static void look(struct health_look *l)
{
    l->pending = l->n;
    l->broken = (struct outcome){.kind = OUTCOME_DONE};
    if (l->n == 0) {
        flow_wait(&l->flow, 0, nothing_to_ask);
        return;
    }
    for (int i = 0; i < l->n; i++)
        l->asks[i].call = l->ops->send(&l->asks[i]);
}

static json_t *measured(const struct health_look *l)
{
    json_t *measures = json_array();
    for (int i = 0; i < l->n; i++)
        json_array_append(measures, l->asks[i].measure);
    json_t *snapshot = health_snapshot_of(measures);
    if (l->n == 0)
        json_object_set_new(snapshot, "says", json_string(l->ops->nothing));
    return snapshot;
}

static void plan(struct health_look *l, const struct health_look_ops *ops, void (*then)(struct health_look *))
{
    l->flow.on_free = look_free;
    l->ops = ops;
    l->then = then;
    l->asks = ARENA_ARRAY(&l->flow.arena, HEALTH_ASKS_MAX, struct health_ask);
    ops->plan(l);
}

/* --- snapshot, watch, visit ------------------------------------------------------------------- */

static void snapshot_taken(struct health_look *l)
{
    if (l->broken.kind != OUTCOME_DONE)
        flow_end(&l->flow, &l->broken);
    else
        flow_done(&l->flow, measured(l));
}

struct task *health_look_snapshot(struct system *s, const struct health_look_ops *ops, const struct effect *e,
                                  outcome_fn *done, progress_fn *progress, void *ctx)
{
    struct health_look *l = flow_new(sizeof *l, s, NULL, e, done, progress, ctx);
    plan(l, ops, snapshot_taken);
    look(l);
    return &l->flow.task;
}

static void look_again(struct flow *f)
{
    look((struct health_look *)f);
}

static void look_later(struct health_look *l)
{
    flow_wait(&l->flow, flow_pause(&l->flow, l->flow.system->around->poll_ms, 10), look_again);
}

/* Nobody knows how it was meanwhile: what was good before does not count on. It is not bad either, so this
 * fails nothing by itself. */
static void looked_in_vain(struct health_look *l)
{
    if (l->broken.kind != OUTCOME_RETRY) {
        flow_end(&l->flow, &l->broken);
        return;
    }
    l->soak.looks = 0;
    _cleanup_json_ json_t *view =
        json_pack("{s:b, s:[], s:[], s:i, s:I, s:s}", "healthy", 0, "measures", "worse", "good_for_ms", 0,
                  "soak_ms", (json_int_t)l->soak.soak_ms, "note", l->broken.error.text);
    if (flow_tell(&l->flow, view))
        look_later(l);
}

static void end_worse(struct health_look *l, json_t *view)
{
    struct outcome o = {.kind = OUTCOME_FAILED, .result = view};
    char text[1024];
    health_worse_text(l->soak.last_worse, text, sizeof text);
    (void)error_set(&o.error, SB_REMOTE, "health is not good, in two looks in a row: %s", text);
    flow_end(&l->flow, &o);
}

static void watched(struct health_look *l)
{
    if (l->broken.kind != OUTCOME_DONE) {
        looked_in_vain(l);
        return;
    }
    _cleanup_json_ json_t *now = measured(l), *view = NULL;
    if (l->n == 0) {
        json_object_set_new(now, "worse", json_array());
        flow_done(&l->flow, json_incref(now));
        return;
    }
    const json_t *before = json_object_get(l->flow.effect.args, "before");
    enum health_verdict verdict = health_soak_look(&l->soak, before, now, loop_mono_ms(), &view);
    if (verdict == HEALTH_GOOD)
        flow_done(&l->flow, json_incref(view));
    else if (verdict == HEALTH_WORSE)
        end_worse(l, view);
    else if (!view || flow_tell(&l->flow, view))
        look_later(l);
}

struct task *health_look_watch(struct system *s, const struct health_look_ops *ops, const struct effect *e,
                               outcome_fn *done, progress_fn *progress, void *ctx)
{
    struct health_look *l = flow_new(sizeof *l, s, NULL, e, done, progress, ctx);
    l->soak.soak_ms = flow_pause(&l->flow, health_soak_arg(e->args, MINUTES(5)), 1);
    plan(l, ops, watched);
    look(l);
    return &l->flow.task;
}

void health_look_visit(struct system *s, const struct health_look_ops *ops, check_fn *done, void *ctx,
                       void (*then)(struct health_look *l))
{
    struct health_look *l = flow_visit(sizeof *l, s, NULL, done, ctx);
    plan(l, ops, then);
    look(l);
}
