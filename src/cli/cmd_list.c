/* list: the changes, newest first. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "cli/ask.h"
#include <inttypes.h>
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

/* All there are, page after page. */
static json_t *all_pages(struct session *s, struct args *a, struct error *err)
{
    json_t *list = json_array();
    int64_t before = 0;
    do {
        _cleanup_json_ json_t *page =
            session_call(s, "GET",
                         arena_printf(a->arena, "/api/v1/changes?before=%" PRId64 "%s", before,
                                      opt_given(a, "all") ? "" : "&open=1"),
                         NULL, err);
        if (!page) {
            json_decref(list);
            return NULL;
        }
        json_array_extend(list, json_object_get(page, "changes"));
        before = json_int(page, "next", 0);
    } while (before > 0);
    return json_pack("{s:o}", "changes", list);
}

static int run(struct args *a)
{
    struct error err = ERROR_NONE;
    const struct session_options o = {.carry = false};
    struct session *s = session_open(a, &o, &err);
    _cleanup_json_ json_t *all = s ? all_pages(s, a, &err) : NULL;
    int status = EXIT_DONE;
    if (!all)
        status = complain(&err);
    else if (opt_given(a, "json"))
        print_json(all);
    else
        status = print(a, all);
    session_close(s);
    return status;
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
