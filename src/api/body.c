/* body.c: what a request carries, checked before anybody looks at it. */
#include "api/inside.h"
#include <string.h>
#include <strings.h>

static bool is_json(const char *type)
{
    static const char json[] = "application/json";
    return type && strncasecmp(type, json, sizeof json - 1) == 0 && strchr(" ;", type[sizeof json - 1]);
}

bool body_read(struct call *c)
{
    const struct server_request *r = exchange_request(c->x);
    struct error err = ERROR_NONE;
    if (r->body_len == 0)
        return true;
    /* A form that another site's page sends cannot be of this type without the browser asking us first. */
    if (!is_json(request_header(c->x, "Content-Type"))) {
        call_problem(c, 415, "content-type", "send JSON, with the header Content-Type: application/json");
        return false;
    }
    c->body = json_read(r->body, r->body_len, API_BODY_MAX, "the request", &err);
    if (c->body)
        return true;
    if (err.code == SB_PARSE)
        call_problem(c, 400, "parse", err.text);
    else
        call_fail(c, &err);
    return false;
}

static bool is_text(const json_t *j)
{
    return json_is_string(j);
}

static bool is_number(const json_t *j)
{
    return json_is_integer(j);
}

static bool is_flag(const json_t *j)
{
    return json_is_boolean(j);
}

static bool is_list(const json_t *j)
{
    return json_is_array(j);
}

static bool is_texts(const json_t *j)
{
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)j, i, one)
        if (!json_is_string(one))
            return false;
    return json_is_array(j);
}

static bool is_object(const json_t *j)
{
    return json_is_object(j);
}

static bool is_any(const json_t *j)
{
    return j != NULL;
}

static const struct {
    const char *expected;
    bool (*is)(const json_t *j);
} kinds[] = {
    [API_TEXT] = {"text", is_text},
    [API_NUMBER] = {"a whole number", is_number},
    [API_FLAG] = {"true or false", is_flag},
    [API_LIST] = {"a list", is_list},
    [API_OBJECT] = {"an object", is_object},
    [API_ANY] = {"a value", is_any},
    [API_TEXTS] = {"a list of texts", is_texts},
};

static const char *found(const json_t *j)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",  [JSON_STRING] = "text",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };
    return names[json_typeof(j)];
}

static const struct api_field *field_named(const struct api_field *fields, const char *name)
{
    for (; fields && fields->name; fields++)
        if (str_eq(fields->name, name))
            return fields;
    return NULL;
}

static bool unknown_field(const struct api_field *fields, const char *name, struct error *err)
{
    const char *names[32] = {0};
    for (size_t i = 0; fields && fields[i].name && i < COUNT_OF(names) - 1; i++)
        names[i] = fields[i].name;
    const char *near = str_near(name, names);
    return error_set(err, SB_PARSE, "the request has a field \"%.64s\" that is not known here%s%s%s", name,
                     near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

bool body_check(const json_t *body, const struct api_field *fields, struct error *err)
{
    const char *name;
    json_t *value;
    if (!json_is_object(body))
        return error_set(err, SB_PARSE, "the request: expected an object, found %s", found(body));
    json_object_foreach((json_t *)body, name, value) {
        const struct api_field *f = field_named(fields, name);
        if (!f)
            return unknown_field(fields, name, err);
        if (json_is_null(value) && !f->needed)
            continue;
        if (!kinds[f->kind].is(value))
            return error_set(err, SB_PARSE, "%s: expected %s, found %s", name, kinds[f->kind].expected,
                             found(value));
        if (json_is_string(value) && json_string_length(value) > API_TEXT_MAX)
            return error_set(err, SB_LIMIT, "%s: has %zu bytes; at most %d are accepted", name,
                             json_string_length(value), API_TEXT_MAX);
    }
    for (const struct api_field *f = fields; f && f->name; f++)
        if (f->needed && !json_object_get(body, f->name))
            return error_set(err, SB_MISSING, "%s is missing: %s", f->name, f->says);
    return true;
}
