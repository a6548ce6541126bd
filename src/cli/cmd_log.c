/* log: the record of a change, event by event. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "cli/session.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void print_line(const json_t *e, const char *zone, bool json)
{
    if (json) {
        char *text = json_dumps(e, JSON_COMPACT);
        puts(text);
        free(text);
        return;
    }
    struct civil c = {0};
    if (!instant_to_civil(json_int(e, "at", 0), zone, &c, NULL))
        return;
    printf("%4" PRId64 "  %04d-%02d-%02d %02d:%02d:%02d  %s\n", json_int(e, "n", 0), c.year, c.month, c.day,
           c.hour, c.minute, c.second, json_str(e, "text", json_str(e, "type", "")));
}

static int print_all(struct session *s, struct args *a, struct error *err)
{
    const char *id = a->words[0];
    _cleanup_json_ json_t *change =
        session_call(s, "GET", arena_printf(a->arena, "/api/v1/changes/%s", id), NULL, err);
    if (!change)
        return complain(err);
    int64_t from = 1;
    for (;;) {
        char *path = arena_printf(a->arena, "/api/v1/changes/%s/events?from=%" PRId64 "&limit=500", id, from);
        _cleanup_json_ json_t *answer = session_call(s, "GET", path, NULL, err);
        if (!answer)
            return complain(err);
        size_t i;
        json_t *e, *events = json_object_get(answer, "events");
        json_array_foreach(events, i, e) {
            print_line(e, json_str(change, "zone", "UTC"), opt_given(a, "json"));
            from = json_int(e, "n", from) + 1;
        }
        if (json_array_size(events) < 500)
            return EXIT_DONE;
    }
}

static int run(struct args *a)
{
    struct error err = ERROR_NONE;
    const struct session_options o = {.carry = false};
    struct session *s = session_open(a, &o, &err);
    int status = s ? print_all(s, a, &err) : complain(&err);
    session_close(s);
    return status;
}

const struct command cmd_log = {
    .name = "log",
    .usage = "CHANGE",
    .says = "the record of a change, event by event",
    .examples = "signalbox log HF-7\tin the client's time zone\nsignalbox log HF-7 --json\tevents with their "
                "hashes, a line each\n",
    .group = 2,
    .words_min = 1,
    .words_max = 1,
    .complete = "changes",
    .options = {{NULL, 0, OPTION_FLAG, NULL, NULL, NULL}},
    .run = run,
};
