/* verify.c: the record, computed again: a few changes a turn of the loop, so that nobody waits while a long
 * record is read. */
#include "api/inside.h"
#include "net/alloc.h"
#include <stdlib.h>
#include <string.h>

enum { TURN_MS = 10 };

struct verification {
    struct timer *next_turn;
    json_t *ids;
    size_t at;
    struct verdict sum;
};

static void verification_free(struct verification *v)
{
    timer_cancel(v->next_turn);
    json_decref(v->ids);
    free(v);
}

void verify_cancel(struct call *c)
{
    if (c->verification)
        verification_free(c->verification);
    c->verification = NULL;
}

static bool keep_id(void *ctx, const struct store_head *h)
{
    struct verification *v = ctx;
    json_array_append_new(v->ids, json_string(h->change));
    return true;
}

static void add(struct verdict *sum, const struct verdict *one)
{
    sum->changes += one->changes;
    sum->events += one->events;
    if (!one->good && sum->good) /* the first fault is the one to look at */
        memcpy(sum->text, one->text, sizeof sum->text);
    sum->good = sum->good && one->good;
}

static void answer(struct call *c)
{
    const struct verdict *sum = &c->verification->sum;
    respond_json(c, 200,
              json_pack("{s:b, s:I, s:I, s:s}", "good", sum->good, "changes", (json_int_t)sum->changes,
                        "events", (json_int_t)sum->events, "text", sum->text));
}

static void turn(void *ctx)
{
    struct call *c = ctx;
    struct verification *v = c->verification;
    struct error err = ERROR_NONE;
    int64_t began = loop_mono_ms();
    v->next_turn = NULL;
    size_t n = json_array_size(v->ids);
    while (v->at < n && loop_mono_ms() - began < TURN_MS) {
        struct verdict one = {0};
        if (!store_verify(engine_store(c->api->engine), json_string_value(json_array_get(v->ids, v->at++)),
                          &one, &err)) {
            call_fail(c, &err);
            return;
        }
        add(&v->sum, &one);
    }
    if (v->at < n)
        v->next_turn = timer_start(engine_loop(c->api->engine), 0, turn, c);
    else
        answer(c);
}

void verify_record(struct call *c)
{
    struct error err = ERROR_NONE;
    const char *one = json_str(c->body, "change", NULL);
    struct verification *v = c->verification = NET_NEW(struct verification);
    v->sum.good = true;
    v->ids = json_array();
    bool ok = one ? caller_change(c, one, &err) && keep_id(v, &(struct store_head){.change = one})
                  : store_changes(engine_store(c->api->engine), false, keep_id, v, &err);
    if (!ok)
        call_fail(c, &err);
    else
        v->next_turn = timer_start(engine_loop(c->api->engine), 0, turn, c);
}
