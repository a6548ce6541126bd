/* look.c: looks at the outside systems, without a change. */
#include "api/inside.h"

static void told_systems(void *ctx, json_t *answer, const struct error *err)
{
    struct call *c = ctx;
    if (err)
        call_fail(c, err);
    else if (json_is_array(answer))
        respond_json(c, 200, json_pack("{s:O}", "systems", answer));
    else
        respond_json(c, 200, answer ? json_incref(answer) : json_object());
}

void look_doctor(struct call *c)
{
    engine_doctor(c->api->engine, json_str(c->body, "role", NULL), told_systems, c);
}

void look_verb(struct call *c)
{
    json_t *args = json_object_get(c->body, "args");
    _cleanup_json_ json_t *own = json_is_object(args) ? json_incref(args) : json_object();
    engine_look(c->api->engine, json_str(c->body, "verb", ""), own, call_told, c);
}
