/* self.c: what the API says about itself and its caller. */
#include "api/inside.h"
#include <unistd.h>

void self_version(struct call *c)
{
    respond_json(
        c, 200,
        json_pack("{s:s, s:s, s:i}", "name", "signalbox", "version", SB_VERSION, "pid", (int)getpid()));
}

void self_whoami(struct call *c)
{
    static const char *const roles[] = {"see", "deploy", "approve", "administer"};
    json_t *may = json_array();
    for (size_t i = 0; i < COUNT_OF(roles); i++)
        if (i == 0 ? visitor_sees(c->api, &c->visitor, NULL, NULL)
                   : visitor_may(c->api, &c->visitor, roles[i], NULL, NULL))
            json_array_append_new(may, json_string(roles[i]));
    respond_json(c, 200,
                 json_pack("{s:s, s:s, s:s, s:o}", "by", c->by, "how", c->visitor.how, "name",
                           c->visitor.name, "may", may));
}

void self_health(struct call *c)
{
    respond_json(c, 200, json_pack("{s:b}", "alive", 1));
}

void self_ready(struct call *c)
{
    respond_json(c, 200, json_pack("{s:b}", "ready", 1));
}

/* --- the table of routes ---------------------------------------------------------------------- */

static json_t *fields_json(const struct api_field *f)
{
    static const char *const kinds[] = {
        [API_TEXT] = "string",   [API_NUMBER] = "integer", [API_FLAG] = "boolean", [API_LIST] = "array",
        [API_OBJECT] = "object", [API_ANY] = "any",        [API_TEXTS] = "array",
    };
    json_t *list = json_array();
    for (; f && f->name; f++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s}", "name", f->name, "type", kinds[f->kind],
                                              "required", f->needed, "says", f->says));
    return list;
}

void self_routes(struct call *c)
{
    json_t *list = json_array();
    for (const struct api_route *r = api_routes; r->method; r++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "method", r->method, "path",
                                              r->path, "says", r->says, "query", fields_json(r->query),
                                              "fields", fields_json(r->fields), "gives",
                                              fields_json(r->shape ? r->shape->fields : r->gives)));
    respond_json(c, 200, json_pack("{s:o}", "routes", list));
}
