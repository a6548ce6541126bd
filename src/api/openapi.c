/* openapi.c: the table of routes as an OpenAPI 3.1 document. Nothing in it is written twice: what the table says is what
 * clients read, and what the tests hold every answer against. */
#include "api/shapes.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* --- schemas ------------------------------------------------------------------------------------ */

static json_t *reference(const struct api_shape *s)
{
    return json_pack("{s:o}", "$ref", json_sprintf("#/components/schemas/%s", s->name));
}

static json_t *object_schema(const struct api_field *fields, json_t *seen);

static void need_shape(const struct api_shape *s, json_t *seen)
{
    if (json_object_get(seen, s->name))
        return;
    json_object_set_new(seen, s->name, json_object()); /* a shape may contain itself */
    json_t *schema = object_schema(s->fields, seen);
    json_object_set_new(schema, "description", json_string(s->says));
    if (s->open)
        json_object_set_new(schema, "additionalProperties", json_true());
    json_object_set_new(seen, s->name, schema);
}

static json_t *typed(const char *type, bool or_null)
{
    return or_null ? json_pack("{s:[s, s]}", "type", type, "null") : json_pack("{s:s}", "type", type);
}

static json_t *field_schema(const struct api_field *f, json_t *seen)
{
    static const char *const types[] = {
        [API_TEXT] = "string", [API_NUMBER] = "integer", [API_FLAG] = "boolean",
        [API_LIST] = "array",  [API_OBJECT] = "object",  [API_TEXTS] = "array",
    };
    if (f->of)
        need_shape(f->of, seen);
    if (f->kind == API_ANY)
        return json_object();
    if (f->kind == API_OBJECT && f->of)
        return f->or_null ? json_pack("{s:[o, {s:s}]}", "anyOf", reference(f->of), "type", "null")
                          : reference(f->of);
    json_t *schema = typed(types[f->kind], f->or_null);
    if (f->kind == API_TEXTS)
        json_object_set_new(schema, "items", json_pack("{s:s}", "type", "string"));
    else if (f->kind == API_LIST)
        json_object_set_new(schema, "items", f->of ? reference(f->of) : json_object());
    return schema;
}

static json_t *object_schema(const struct api_field *fields, json_t *seen)
{
    json_t *properties = json_object(), *required = json_array();
    for (const struct api_field *f = fields; f && f->name; f++) {
        json_t *schema = field_schema(f, seen);
        if (f->says)
            json_object_set_new(schema, "description", json_string(f->says));
        json_object_set_new(properties, f->name, schema);
        if (f->needed)
            json_array_append_new(required, json_string(f->name));
    }
    json_t *schema = json_pack("{s:s, s:o}", "type", "object", "properties", properties);
    if (json_array_size(required) > 0)
        json_object_set_new(schema, "required", required);
    else
        json_decref(required);
    return schema;
}

static json_t *answer_schema(const struct api_route *r, json_t *seen)
{
    if (r->shape) {
        need_shape(r->shape, seen);
        return reference(r->shape);
    }
    return r->gives ? object_schema(r->gives, seen) : json_pack("{s:s}", "type", "object");
}

/* --- operations ---------------------------------------------------------------------------------- */

/* "get_changes_id_events". */
static json_t *operation_id(const struct api_route *r)
{
    _cleanup_buf_ struct buf id = {0};
    const char *path = str_starts(r->path, "/api/v1") ? r->path + strlen("/api/v1") : r->path;
    for (const char *c = r->method; *c; c++)
        buf_addc(&id, (char)tolower((unsigned char)*c));
    bool gap = true;
    for (const char *c = path; *c; c++) {
        bool letter = isalnum((unsigned char)*c) != 0;
        if (letter && gap)
            buf_addc(&id, '_');
        if (letter)
            buf_addc(&id, *c);
        gap = !letter;
    }
    return json_string(buf_str(&id));
}

static json_t *parameter(const char *name, const char *in, bool required, const char *says, json_t *schema)
{
    return json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", name, "in", in, "required", required, "description",
                     says, "schema", schema);
}

static bool is_json(const struct api_route *r)
{
    return r->form == API_JSON || r->form == API_JSON_OR_STREAM;
}

static json_t *parameters(const struct api_route *r, json_t *seen)
{
    json_t *list = json_array();
    for (const char *at = strchr(r->path, '{'); at; at = strchr(at + 1, '{')) {
        _cleanup_buf_ struct buf name = {0};
        buf_add(&name, at + 1, strcspn(at + 1, "}"));
        json_array_append_new(
            list, parameter(buf_str(&name), "path", true, "which one", json_pack("{s:s}", "type", "string")));
    }
    for (const struct api_field *f = r->query; f && f->name; f++) {
        /* A flag in a query is text: 1 or 0. */
        json_t *schema = f->kind == API_FLAG ? json_pack("{s:s, s:[s, s, s, s]}", "type", "string", "enum",
                                                         "1", "0", "true", "false")
                                             : field_schema(f, seen);
        json_array_append_new(list, parameter(f->name, "query", f->needed, f->says, schema));
    }
    if (r->form == API_STREAM || r->form == API_JSON_OR_STREAM)
        json_array_append_new(list, parameter("Last-Event-ID", "header", false,
                                              "the last event that was seen: the stream goes on after it",
                                              json_pack("{s:s}", "type", "string")));
    if (str_eq(r->method, "GET") && is_json(r))
        json_array_append_new(list, parameter("If-None-Match", "header", false,
                                              "ETag of an answer that is at hand: 304 when it is still so",
                                              json_pack("{s:s}", "type", "string")));
    if (str_eq(r->method, "POST") && r->right == API_ACT && !r->looks && !r->secret)
        json_array_append_new(
            list, parameter("Idempotency-Key", "header", false,
                            "the same request with the same key within a day is done once, and answered "
                            "again as the first time",
                            json_pack("{s:s, s:i}", "type", "string", "maxLength", 255)));
    return list;
}

static json_t *content(const char *type, json_t *schema)
{
    return json_pack("{s:{s:o}}", type, "schema", schema);
}

static json_t *good_answer(const struct api_route *r, json_t *seen)
{
    json_t *c = NULL;
    if (r->form == API_PLAIN || r->form == API_CALENDAR)
        c = content(r->form == API_PLAIN ? "text/plain" : "text/calendar",
                    json_pack("{s:s}", "type", "string"));
    else if (r->form != API_STREAM)
        c = content("application/json", answer_schema(r, seen));
    if (r->form == API_STREAM || r->form == API_JSON_OR_STREAM) {
        json_t *stream =
            content("text/event-stream",
                    json_pack("{s:s, s:s}", "type", "string", "description",
                              "Server-sent events: id CHANGE:N, data an Event. A comment every 15 s."));
        if (c)
            json_object_update(stream, c);
        json_decref(c);
        c = stream;
    }
    return json_pack("{s:s, s:o}", "description", "Done.", "content", c);
}

static json_t *answers(const struct api_route *r, json_t *seen)
{
    json_t *all = json_object();
    json_object_set_new(all, r->makes ? "201" : "200", good_answer(r, seen));
    if (r->makes) /* it was made before */
        json_object_set_new(all, "200", good_answer(r, seen));
    if (str_eq(r->method, "GET") && is_json(r))
        json_object_set_new(all, "304", json_pack("{s:s}", "description", "It is still as at hand."));
    json_object_set_new(all, "default", json_pack("{s:s}", "$ref", "#/components/responses/Problem"));
    return all;
}

static json_t *operation(const struct api_route *r, json_t *seen)
{
    json_t *o = json_pack("{s:o, s:s, s:o, s:o}", "operationId", operation_id(r), "summary", r->says,
                          "parameters", parameters(r, seen), "responses", answers(r, seen));
    if (r->right == API_OPEN)
        json_object_set_new(o, "security", json_array());
    if (!r->fields)
        return o;
    bool needed = false;
    for (const struct api_field *f = r->fields; f->name; f++)
        needed = needed || f->needed;
    json_t *schema = object_schema(r->fields, seen);
    json_object_set_new(schema, "additionalProperties", json_false());
    json_object_set_new(
        o, "requestBody",
        json_pack("{s:b, s:o}", "required", needed, "content", content("application/json", schema)));
    return o;
}

/* --- the document ---------------------------------------------------------------------------------- */

static json_t *paths(json_t *seen)
{
    json_t *all = json_object();
    for (const struct api_route *r = api_routes; r->method; r++) {
        _cleanup_buf_ struct buf method = {0};
        for (const char *c = r->method; *c; c++)
            buf_addc(&method, (char)tolower((unsigned char)*c));
        if (!json_object_get(all, r->path))
            json_object_set_new(all, r->path, json_object());
        json_object_set_new(json_object_get(all, r->path), buf_str(&method), operation(r, seen));
    }
    return all;
}

json_t *api_document(void)
{
    json_t *seen = json_object();
    json_t *all = paths(seen);
    need_shape(&shape_problem, seen);
    need_shape(&shape_event, seen);
    json_t *problem =
        json_pack("{s:{s:s, s:o}}", "Problem", "description", "It was not done; the problem says why.",
                  "content", content("application/problem+json", reference(&shape_problem)));
    json_t *security =
        json_pack("{s:{s:s, s:s, s:s}, s:{s:s, s:s, s:s, s:s}}", "token", "type", "http", "scheme", "bearer",
                  "description", "From signalbox token create.", "session", "type", "apiKey", "in", "cookie",
                  "name", "signalbox", "description",
                  "From POST /sign-in. What changes anything needs the header X-CSRF-Token as well.");
    return json_pack(
        "{s:s, s:{s:s, s:s, s:s, s:{s:s, s:s}}, s:[{s:s}], s:o, s:[{s:[]}, {s:[]}, {}], "
        "s:{s:o, s:o, s:o}}",
        "openapi", "3.1.0", "info", "title", "Signalbox", "version", SB_VERSION, "description",
        "Carries out hotfix deployments by the book. Everything that the command line does goes through "
        "this.",
        "license", "name", "Apache-2.0", "identifier", "Apache-2.0", "servers", "url", "/", "paths", all,
        "security", "token", "session", "components", "schemas", seen, "responses", problem,
        "securitySchemes", security);
}

void self_document(struct call *c)
{
    respond_json(c, 200, api_document());
}
