/* The control server: what tests and drills say to the yard itself. */
#include "base/json.h"
#include "yard/inside.h"
#include "yard/route.h"

enum { STOP_AFTER_MS = 50 };

static void fail(struct call *c, int status, const char *text)
{
    answer_json(c->x, status, json_pack("{s:s}", "error", text));
}

static void urls(struct call *c)
{
    answer_json(c->x, 200, yard_urls(c->y));
}

static void book(struct call *c)
{
    const char *key = request_query(c->x, "key");
    json_t *deeds = json_array();
    size_t i;
    json_t *deed;
    json_array_foreach(c->y->book, i, deed)
        if (!key || str_eq(key, json_str(deed, "key", "")))
            json_array_append(deeds, deed);
    answer_json(c->x, 200, json_pack("{s:o}", "deeds", deeds));
}

static struct place *named(struct call *c)
{
    struct place *p = yard_place(c->y, c->part[0]);
    if (!p)
        fail(c, 404, "the yard has no such system; GET /urls names them");
    return p;
}

static void world(struct call *c)
{
    struct place *p = named(c);
    if (!p)
        return;
    yard_settle(c->y);
    answer_json(c->x, 200, json_deep_copy(p->world));
}

static void patch_world(struct call *c)
{
    struct place *p = named(c);
    if (!p)
        return;
    _cleanup_json_ json_t *patch = call_json(c);
    if (!patch) {
        fail(c, 400, "the body must be a JSON object: a merge patch of the world");
        return;
    }
    yard_settle(c->y);
    json_merge_patch(p->world, patch);
    json_object_set_new(p->world, "patched", json_integer(yard_now(c->y)));
    yard_settle(c->y);
    yard_save(c->y);
    yard_changed(c->y);
    answer_json(c->x, 200, json_deep_copy(p->world));
}

static void clock_now(struct call *c)
{
    answer_json(c->x, 200,
                json_pack("{s:I, s:I}", "now", (json_int_t)yard_now(c->y), "leapt", (json_int_t)c->y->leapt));
}

static void leap(struct call *c)
{
    _cleanup_json_ json_t *body = call_json(c);
    int64_t ms = json_int(body, "leap", -1);
    if (ms < 0) {
        fail(c, 400, "the body must be {\"leap\": milliseconds}, and time goes only forward");
        return;
    }
    yard_leap(c->y, ms);
    clock_now(c);
}

static void faults(struct call *c)
{
    answer_json(c->x, 200, json_pack("{s:o}", "faults", json_deep_copy(c->y->faults)));
}

static void arm(struct call *c)
{
    _cleanup_json_ json_t *fault = call_json(c);
    struct error e = ERROR_NONE;
    if (!fault_check(fault, &e)) {
        fail(c, 400, e.text);
        return;
    }
    json_array_append(c->y->faults, fault);
    yard_save(c->y);
    faults(c);
}

static void disarm(struct call *c)
{
    json_array_clear(c->y->faults);
    yard_save(c->y);
    faults(c);
}

static void stop_now(void *ctx)
{
    struct yard *y = ctx;
    y->stopping = NULL;
    loop_stop(y->loop);
}

static void stop(struct call *c)
{
    if (!c->y->stopping)
        c->y->stopping = timer_start(c->y->loop, STOP_AFTER_MS, stop_now, c->y);
    answer_json(c->x, 200, json_pack("{s:b}", "stopping", 1));
}

static const struct route routes[] = {
    {"GET", "/urls", urls},
    {"GET", "/book", book},
    {"GET", "/world/*", world},
    {"PATCH", "/world/*", patch_world},
    {"GET", "/clock", clock_now},
    {"POST", "/clock", leap},
    {"GET", "/faults", faults},
    {"POST", "/faults", arm},
    {"DELETE", "/faults", disarm},
    {"POST", "/stop", stop},
    {NULL, NULL, NULL},
};

void control_serve(void *ctx, struct exchange *x)
{
    struct call c = call_of(ctx, NULL, x);
    switch (route_serve(routes, &c)) {
    case ROUTE_SERVED:
        break;
    case ROUTE_OTHER_METHOD:
        fail(&c, 405, "not with this method");
        break;
    case ROUTE_NO_PATH:
        fail(&c, 404, "the control server knows /urls, /book, /world/NAME, /clock, /faults and /stop");
        break;
    }
}
