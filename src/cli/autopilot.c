/* autopilot.c: see autopilot.h. */
#include "cli/autopilot.h"
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "net/alloc.h"
#include <stdlib.h>
#include <string.h>

/* How often it looks, how long nothing must have happened before time may leap, and by how much at most. */
enum { LOOK_MS = 200, QUIET_MS = 1200, DECIDE_AFTER_LEAP_MS = 700 };
#define LEAP_MOST MINUTES(5)

struct autopilot {
    struct autopilot_options o;
    char *change, *by;
    json_t *decide, *leave, *open, *refused;
    size_t next; /* of `decide` */
    int listener;
    struct timer *timer;
    int64_t last;      /* something happened, monotonic */
    int64_t decide_at; /* monotonic; 0 = nothing is to be decided */
    int64_t to_leap;   /* of the time that passes before the decision */
    bool answering;
};

static bool is_left(const struct autopilot *p, const char *step)
{
    size_t i;
    json_t *one;
    json_array_foreach(p->leave, i, one)
        if (str_eq(json_string_value(one), step))
            return true;
    return false;
}

/* Does anybody at the keyboard have a question before them? */
static bool somebody_thinks(const struct autopilot *p)
{
    const char *step;
    json_t *decision;
    json_object_foreach(p->open, step, decision)
        if (!is_left(p, step) && !(json_is_true(decision) && p->decide))
            return true;
    return false;
}

static void on_event(void *ctx, const char *change, const json_t *event)
{
    struct autopilot *p = ctx;
    const char *type = json_str(event, "type", ""), *step = json_str(event, "step", "");
    if (!str_eq(change, p->change))
        return;
    p->last = loop_mono_ms();
    if (str_eq(type, "step.asked")) {
        bool decision = json_flag(event, "data.decision", false);
        json_object_set_new(p->open, step, json_boolean(decision));
        if (decision && p->decide) {
            const json_t *d = json_array_get(p->decide, p->next);
            p->to_leap = SECONDS(json_int(d, "after", 20));
            p->decide_at = p->last + DECIDE_AFTER_LEAP_MS;
        }
    } else if (str_eq(type, "step.answered") || str_eq(type, "step.skipped")) {
        json_object_del(p->open, step);
    }
}

static void decided(void *ctx, json_t *answer, const struct error *err)
{
    struct autopilot *p = ctx;
    (void)answer;
    p->answering = false;
    if (!err)
        return;
    json_array_append_new(p->refused, json_string(err->text));
    p->decide_at = loop_mono_ms() + DECIDE_AFTER_LEAP_MS; /* then with what comes next in the scenario */
}

static void decide(struct autopilot *p)
{
    json_t *d = json_array_get(p->decide, p->next);
    p->decide_at = 0;
    if (!d) /* the scenario says no more: nothing helps */
        d = json_array_get(p->decide, json_array_size(p->decide) - 1);
    p->next++;
    _cleanup_json_ json_t *answer = d ? json_deep_copy(d) : json_pack("{s:s}", "choice", "stop");
    json_object_del(answer, "after");
    json_object_set_new(answer, "step", json_string("decide"));
    if (!json_object_get(answer, "reason"))
        json_object_set_new(answer, "reason", json_string("practice"));
    p->answering = true;
    engine_answer(p->o.engine, p->change, answer, p->by, decided, p);
}

static void look(void *ctx)
{
    struct autopilot *p = ctx;
    int64_t now = loop_mono_ms(), until = 0;
    p->timer = timer_start(engine_loop(p->o.engine), LOOK_MS, look, p);
    if (p->answering || somebody_thinks(p))
        return;
    bool quiet = now - p->last >= QUIET_MS && engine_only_waits(p->o.engine, &until);
    if (p->decide_at) {
        if (p->to_leap > 0) {
            int64_t by = p->to_leap > LEAP_MOST ? LEAP_MOST : p->to_leap;
            if (quiet && p->o.leap(p->o.ctx, by)) {
                p->last = now;
                p->to_leap -= by;
                p->decide_at = now + DECIDE_AFTER_LEAP_MS;
            }
        } else if (now >= p->decide_at && now - p->last >= LOOK_MS) {
            decide(p);
        }
        return;
    }
    if (!quiet)
        return;
    int64_t by = until - engine_now(p->o.engine);
    if (by > 0 && p->o.leap(p->o.ctx, by > LEAP_MOST ? LEAP_MOST : by))
        p->last = now;
}

struct autopilot *autopilot_start(const struct autopilot_options *o)
{
    struct autopilot *p = NET_NEW(struct autopilot);
    *p = (struct autopilot){.o = *o,
                            .change = net_strdup(o->change),
                            .by = net_strdup(o->by),
                            .decide = o->decide ? json_deep_copy(o->decide) : NULL,
                            .leave = o->leave ? json_deep_copy(o->leave) : json_array(),
                            .open = json_object(),
                            .refused = json_array(),
                            .last = loop_mono_ms()};
    p->listener = engine_listen(o->engine, on_event, p);
    p->timer = timer_start(engine_loop(o->engine), LOOK_MS, look, p);
    return p;
}

const json_t *autopilot_refused(const struct autopilot *p)
{
    return p->refused;
}

void autopilot_stop(struct autopilot *p)
{
    if (!p)
        return;
    timer_cancel(p->timer);
    engine_unlisten(p->o.engine, p->listener);
    json_decref(p->decide);
    json_decref(p->leave);
    json_decref(p->open);
    json_decref(p->refused);
    free(p->change);
    free(p->by);
    free(p);
}
