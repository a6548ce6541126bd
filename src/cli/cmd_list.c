/* list: the changes, newest first. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "cli/ask.h"
#include <stdio.h>

static const char *services_text(const json_t *change, struct arena *a)
{
    _cleanup_buf_ struct buf b = {0};
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(change, "services"), i, s)
        buf_printf(&b, "%s%s %s", i ? ", " : "", json_str(s, "service", "?"), json_str(s, "tag", "?"));
    return arena_strdup(a, buf_str(&b));
}

static int print(const struct args *a, const json_t *answer)
{
    static const char *const head[] = {"CHANGE", "STATE", "WHERE", "SERVICES", "WAITS FOR"};
    const json_t *list = json_object_get(answer, "changes");
    size_t i;
    json_t *c;
    if (json_array_size(list) == 0) {
        puts(opt_given(a, "all") ? "There is no change yet. Plan one with: signalbox plan"
                                 : "No change is open. All there were: signalbox list --all");
        return EXIT_DONE;
    }
    struct table t = {head, 5, ARENA_ARRAY(a->arena, json_array_size(list) * 5, const char *), 0};
    json_array_foreach((json_t *)list, i, c) {
        const char **row = t.cells + t.rows++ * 5;
        bool ended = str_eq(json_str(c, "status", ""), "ended");
        row[0] = json_str(c, "id", "?");
        row[1] = ended ? json_str(c, "outcome", "ended") : json_str(c, "status", "?");
        row[2] = arena_printf(a->arena, "%s/%s", json_str(c, "client", "?"), json_str(c, "env", "?"));
        row[3] = services_text(c, a->arena);
        row[4] = json_str(c, "queue_behind", json_str(c, "waits.0.what", ""));
    }
    table_print(&t);
    return EXIT_DONE;
}

static int run(struct args *a)
{
    return ask_and_print(a, "GET", opt_given(a, "all") ? "/api/v1/changes" : "/api/v1/changes?open=1", NULL,
                         print);
}

const struct command cmd_list = {
    .name = "list",
    .usage = "",
    .says = "the open changes, and what each waits for",
    .examples = "signalbox list\twhat is open\nsignalbox list --all\tand what has ended\n",
    .group = 2,
    .options = {{"all", 'a', OPTION_FLAG, NULL, "those that have ended as well", NULL}},
    .run = run,
};
