/* problem.c: errors as RFC 9457 problem documents. */
#include "api/inside.h"
#include <string.h>

static const struct {
    int status;
    const char *title;
} kinds[] = {
    [SB_OK] = {500, "A fault of Signalbox"},
    [SB_PARSE] = {422, "It is not in the form that is expected"},
    [SB_RANGE] = {422, "It is not a possible value"},
    [SB_UNKNOWN] = {404, "There is nothing of that name"},
    [SB_MISSING] = {422, "Something is missing"},
    [SB_LIMIT] = {413, "It is too large"},
    [SB_INTERLOCK] = {409, "A rule of the SOP forbids it"},
    [SB_STATE] = {409, "It is not possible now"},
    [SB_DENIED] = {403, "You may not do that"},
    [SB_CONFLICT] = {409, "Somebody else was first"},
    [SB_IO] = {500, "The operating system refused"},
    [SB_NET] = {502, "An outside system did not answer"},
    [SB_REMOTE] = {502, "An outside system answered with an error"},
    [SB_CORRUPT] = {500, "The record is damaged"},
    [SB_INTERNAL] = {500, "A fault of Signalbox"},
};

json_t *problem_of(int status, const char *code, const char *title, const char *detail)
{
    _cleanup_buf_ struct buf type = {0};
    buf_printf(&type, "urn:signalbox:problem:%s", code);
    return json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", buf_str(&type), "title", title, "status", status,
                     "detail", detail, "code", code);
}

json_t *api_problem(const struct error *err, int *status)
{
    size_t kind = (size_t)err->code < COUNT_OF(kinds) ? (size_t)err->code : SB_INTERNAL;
    /* Texts may quote what came from outside, in whatever encoding. */
    const char *detail =
        str_is_utf8(err->text, strlen(err->text)) ? err->text : "the reason cannot be shown: it is not UTF-8";
    *status = kinds[kind].status;
    if (kind == SB_UNKNOWN && err->file[0] != '\0')
        *status = 422; /* a name in a page or configuration, not what was asked for */
    json_t *problem = problem_of(*status, error_code_name((enum error_code)kind), kinds[kind].title, detail);
    if (err->file[0] != '\0') {
        json_object_set_new(problem, "file", json_string(err->file));
        if (err->line > 0)
            json_object_set_new(problem, "line", json_integer(err->line));
        if (err->column > 0)
            json_object_set_new(problem, "column", json_integer(err->column));
    }
    return problem;
}
