/* changes.c: changes: planned, started, answered, looked at. The engine decides; here words are brought to it
 * and its answers back. */
#include "api/inside.h"
#include "base/read.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { REPORT_MAX = 16 << 20 };

/* --- looking ---------------------------------------------------------------------------------- */

static bool sees(const struct call *c, const json_t *shape)
{
    return visitor_sees(c->api, &c->visitor, json_str(shape, "client", ""), json_str(shape, "env", ""));
}

static bool query_flag(struct call *c, const char *name)
{
    const char *v = call_query(c, name);
    return v && !str_eq(v, "0") && !str_eq(v, "false");
}

void changes_list(struct call *c)
{
    struct error err = ERROR_NONE;
    int64_t before, limit;
    if (!call_query_int(c, "before", 0, 0, INT64_MAX, &before, &err) ||
        !call_query_int(c, "limit", CHANGES_MOST, 1, CHANGES_MOST, &limit, &err)) {
        call_fail(c, &err);
        return;
    }
    json_t *page = engine_changes(c->api->engine, query_flag(c, "open"), before, (int)limit),
           *mine = json_array();
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(page, "changes"), i, one)
        if (sees(c, one))
            json_array_append(mine, one);
    json_object_set_new(page, "changes", mine);
    respond_json(c, 200, page);
}

void changes_show(struct call *c)
{
    struct error err = ERROR_NONE;
    json_t *change =
        caller_change(c, c->args[0], &err) ? engine_change(c->api->engine, c->args[0], &err) : NULL;
    if (change)
        respond_json(c, 200, change);
    else
        call_fail(c, &err);
}

void changes_report(struct call *c)
{
    struct error err = ERROR_NONE;
    const char *format = call_query(c, "format");
    format = format ? format : "md";
    const struct change *change = caller_change(c, c->args[0], &err);
    _cleanup_buf_ struct buf text = {0};
    if (change && !str_eq(format, "md") && !str_eq(format, "html"))
        error_set(&err, SB_RANGE, "format: expected md or html, found \"%.40s\"", format);
    if (!change || err.code != SB_OK) {
        call_fail(c, &err);
        return;
    }
    const char *path = arena_printf(&c->arena, "%s/reports/%s.%s", engine_config(c->api->engine)->state_dir,
                                    change->id, format);
    if (access(path, F_OK) != 0 && errno == ENOENT)
        error_set(&err, SB_UNKNOWN,
                  "%s has no report yet: its page writes it with change.report, near the end", change->id);
    else if (read_file(path, REPORT_MAX, &text, &err) && !str_is_utf8(buf_str(&text), text.len))
        error_set(&err, SB_CORRUPT, "%s is not UTF-8", path);
    if (err.code == SB_OK)
        respond_json(c, 200, json_pack("{s:s, s:s}", "path", path, "text", buf_str(&text)));
    else
        call_fail(c, &err);
}

/* --- acting ----------------------------------------------------------------------------------- */

static void planned(void *ctx, json_t *answer, const struct error *err)
{
    struct call *c = ctx;
    if (err) {
        call_fail(c, err);
        return;
    }
    if (c->x)
        answer_header(c->x, "Location",
                      arena_printf(&c->arena, "/api/v1/changes/%s", json_str(answer, "id", "")));
    respond_json(c, json_flag(answer, "already", false) ? 200 : 201, json_incref(answer));
}

void changes_plan(struct call *c)
{
    engine_plan(c->api->engine, c->body, c->by, planned, c);
}

void changes_preview(struct call *c)
{
    engine_preview(c->api->engine, c->body, c->by, call_told, c);
}

/* Whether the caller may act on it is the engine's to say: a TAM may answer who has no role here. */
static bool known_change(struct call *c)
{
    struct error err = ERROR_NONE;
    if (call_change(c, c->args[0], &err))
        return true;
    call_fail(c, &err);
    return false;
}

void changes_start(struct call *c)
{
    if (known_change(c))
        engine_start(c->api->engine, c->args[0], c->by, call_told, c);
}

void changes_answer(struct call *c)
{
    if (known_change(c))
        engine_answer(c->api->engine, c->args[0], c->body, c->by, call_told, c);
}

void changes_resolve(struct call *c)
{
    if (known_change(c))
        engine_resolve(c->api->engine, c->args[0], c->body, c->by, call_told, c);
}

void changes_act(struct call *c)
{
    const char *act = strrchr(c->route->path, '/') + 1;
    if (known_change(c))
        engine_act(c->api->engine, c->args[0], act, c->body, c->by, call_told, c);
}
