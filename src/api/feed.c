/* feed.c: the built-in calendar as a feed that people's own calendars subscribe to. */
#include "api/inside.h"
#include "net/server.h"
#include "systems/calendar.h"

/* Those of changes that the caller may see. */
static json_t *seen_by(struct call *c, const json_t *events)
{
    json_t *list = json_array(), *event;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)events, i, event) {
        struct error unseen;
        if (caller_change(c, json_str(event, "change", ""), &unseen))
            json_array_append(list, event);
    }
    return list;
}

static void told_events(void *ctx, json_t *answer, const struct error *err)
{
    struct call *c = ctx;
    if (err) {
        call_fail(c, err);
        return;
    }
    _cleanup_arena_ struct arena a = arena_make();
    _cleanup_json_ json_t *events = seen_by(c, json_object_get(answer, "events"));
    const char *text = calendar_feed(events, "Changes", &a);
    if (!c->x) {
        respond_json(c, 200, json_pack("{s:s}", "text", text));
        return;
    }
    struct exchange *x = call_release(c);
    answer_header(x, "Cache-Control", "no-store");
    answer_header(x, "X-Content-Type-Options", "nosniff");
    answer_bytes(x, 200, "text/calendar; charset=utf-8", text, strlen(text));
}

void feed_calendar(struct call *c)
{
    engine_agenda(c->api->engine, told_events, c);
}
