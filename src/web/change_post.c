/* change_post.c: forms about a change become calls of the API. */
#include "web/inside.h"
#include <stdlib.h>
#include <string.h>

static void put(struct visit *v, json_t *body, const char *name, const char *field)
{
    const char *value = visit_field(v, field);
    json_t *text = *value ? json_string(value) : NULL;
    if (text)
        json_object_set_new(body, name, text);
}

/* A field that is no number stays text, for the API to refuse with its own words. */
static void put_number(struct visit *v, json_t *body, const char *name)
{
    const char *value = visit_field(v, name);
    char *stop;
    long long n = strtoll(value, &stop, 10);
    if (*value)
        json_object_set_new(body, name, *stop ? json_string(value) : json_integer(n));
}

static json_t *tags_of(struct visit *v)
{
    json_t *list = json_array();
    for (int i = 0; i < 50; i++) {
        const char *service = visit_field(v, arena_printf(&v->arena, "service%d", i));
        const char *tag = visit_field(v, arena_printf(&v->arena, "tag%d", i));
        if (*service && *tag)
            json_array_append_new(list, json_pack("{s:s, s:s}", "service", service, "tag", tag));
    }
    return list;
}

static json_t *answer_of(struct visit *v)
{
    json_t *body = json_object();
    put(v, body, "step", "step");
    put(v, body, "choice", "choice");
    put_number(v, body, "run");
    put(v, body, "reason", *visit_field(v, "reason") ? "reason" : "glass_reason");
    if (*visit_field(v, "break_glass"))
        json_object_set_new(body, "break_glass", json_true());
    if (str_eq(visit_field(v, "choice"), "patch"))
        json_object_set_new(body, "services", tags_of(v));
    if (str_eq(visit_field(v, "choice"), "extend")) {
        put_number(v, body, "minutes");
        put(v, body, "permitted_by", "permitted_by");
    }
    return body;
}

static json_t *resolve_of(struct visit *v)
{
    json_t *body = json_object();
    put(v, body, "step", "step");
    put(v, body, "reason", "reason");
    put_number(v, body, "run");
    json_object_set_new(body, "took_place", json_boolean(str_eq(visit_field(v, "took_place"), "yes")));
    return body;
}

static json_t *amend_of(struct visit *v)
{
    json_t *body = json_object(), *facts = json_object();
    put(v, facts, "window", "window");
    json_object_set_new(body, "facts", facts);
    put(v, body, "reason", "reason");
    return body;
}

static json_t *step_and_reason_of(struct visit *v)
{
    json_t *body = json_object();
    put(v, body, "step", "step");
    put(v, body, "reason", "reason");
    return body;
}

static json_t *text_of(struct visit *v)
{
    json_t *body = json_object();
    put(v, body, "text", "text");
    return body;
}

static json_t *nothing_of(struct visit *v)
{
    (void)v;
    return json_object();
}

static const struct {
    const char *act;
    json_t *(*body)(struct visit *v);
} acts[] = {
    {"start", nothing_of},
    {"answer", answer_of},
    {"resolve", resolve_of},
    {"trouble", step_and_reason_of},
    {"cancel", step_and_reason_of},
    {"skip", step_and_reason_of},
    {"again", step_and_reason_of},
    {"note", text_of},
    {"amend", amend_of},
};

static void done(struct visit *v, int status, const json_t *body)
{
    if (status >= 200 && status < 300)
        visit_lead(v, arena_printf(&v->arena, "/changes/%s", html_part(&v->html, v->args[0])));
    else
        visit_problem(v, status, body);
}

void change_post(struct visit *v)
{
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        if (!str_eq(acts[i].act, v->args[1]))
            continue;
        _cleanup_json_ json_t *body = acts[i].body(v);
        visit_ask(
            v, "POST",
            arena_printf(&v->arena, "/api/v1/changes/%s/%s", html_part(&v->html, v->args[0]), acts[i].act),
            body, done);
        return;
    }
    visit_fail(v, 404, "There is nothing at this path", "A form led here that is none of this Signalbox's.");
}
