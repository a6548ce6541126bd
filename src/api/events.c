/* events.c: the record of a change, read in pieces. */
#include "api/events.h"
#include "change/event.h"
#include <string.h>

enum { LIMIT_DEFAULT = 200, LIMIT_MAX = 1000 };

void event_explain(const struct change *change, json_t *event)
{
    _cleanup_arena_ struct arena a = arena_make();
    _cleanup_event_ struct event ev = {0};
    const char *text = event_from_json(event, change->sop, &ev, NULL) ? event_text(&ev, change->sop, &a)
                                                                      : json_str(event, "type", "");
    json_t *words = json_string(text);
    json_object_set_new(event, "text", words ? words : json_string(json_str(event, "type", "")));
}

json_t *events_read(struct api *a, const struct change *change, int64_t from, int limit, struct error *err)
{
    json_t *events = engine_events(a->engine, change->id, from - 1, limit, err);
    size_t i;
    json_t *event;
    json_array_foreach(events, i, event)
        event_explain(change, event);
    return events;
}

static bool wants_stream(const struct call *c)
{
    const char *accept = c->x ? request_header(c->x, "Accept") : NULL;
    return accept && strstr(accept, "text/event-stream");
}

void events_of_change(struct call *c)
{
    struct error err = ERROR_NONE;
    int64_t from = 1, limit = 0;
    const struct change *change = caller_change(c, c->args[0], &err);
    if (!change || !call_query_int(c, "from", 1, 1, INT64_MAX - 1, &from, &err) ||
        !call_query_int(c, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX, &limit, &err)) {
        call_fail(c, &err);
        return;
    }
    if (wants_stream(c)) {
        stream_change(c, change, from);
        return;
    }
    json_t *events = events_read(c->api, change, from, (int)limit, &err);
    if (!events) {
        call_fail(c, &err);
        return;
    }
    size_t n = json_array_size(events);
    json_t *answer = json_pack("{s:o}", "events", events);
    if (n == (size_t)limit)
        json_object_set_new(answer, "next",
                            json_integer(json_int(json_array_get(events, n - 1), "n", from) + 1));
    respond_json(c, 200, answer);
}
