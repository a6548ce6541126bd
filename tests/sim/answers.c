/* answers.c: what each verb gives, in the form that its role promises. */
#include "world.h"

static json_t *posts(const struct call *c)
{
    json_t *list = json_array(), *channel;
    size_t i;
    json_array_foreach(json_object_get(c->args, "channels"), i, channel)
        if (i < PARTS_MAX)
            json_array_append_new(list, json_pack("{s:O, s:s}", "channel", channel, "ts", c->key));
    return json_pack("{s:o}", "posts", list);
}

static json_t *people(void)
{
    return json_pack("{s:[{s:s, s:s}]}", "people", "name", "Ada", "mail", "ada@example.com");
}

static json_t *owners(const struct call *c)
{
    (void)c;
    return json_pack("{s:[{s:s, s:s, s:s, s:s, s:[s]}]}", "owners", "service", "cart", "team", "shop",
                     "channel", "shop", "schedule", "shop", "people", "bo@example.com");
}

/* What ran before: for most changes every service is known. */
static json_t *versions(struct sim *s, const struct call *c)
{
    json_t *of = json_object(), *name;
    size_t i;
    json_array_foreach(json_object_get(c->args, "services"), i, name)
        if (json_is_string(name) && draw(s, DRAW_SYSTEM, c->step, 8))
            json_object_set_new(of, json_string_value(name), json_string("24-02-05.618"));
    return json_pack("{s:o}", "services", of);
}

static json_t *conflicts(struct sim *s, const struct call *c)
{
    if (draw(s, DRAW_SYSTEM, c->step, 3))
        return json_pack("{s:[]}", "conflicts");
    return json_pack("{s:[{s:s}]}", "conflicts", "title", "Another hotfix");
}

static json_t *joined(struct sim *s, const struct call *c)
{
    if (draw(s, DRAW_SYSTEM, c->step, 2))
        return json_pack("{s:[s], s:[]}", "joined", "ada@example.com", "absent");
    return json_pack("{s:[], s:[s]}", "joined", "absent", "ada@example.com");
}

json_t *result_of(struct sim *s, const struct call *c)
{
    const char *verb = s->sop->steps[c->step].verb->name;
    if (str_eq(verb, "chat.post"))
        return posts(c);
    if (str_eq(verb, "chat.channel"))
        return json_pack("{s:s, s:s, s:b}", "channel", "C1", "name", json_str(c->args, "name", ""), "created",
                         1);
    if (str_eq(verb, "chat.joined"))
        return joined(s, c);
    if (str_eq(verb, "pager.oncall"))
        return people();
    if (str_eq(verb, "pager.alert"))
        return json_pack("{s:s}", "alert", c->key);
    if (str_eq(verb, "owners.lookup"))
        return owners(c);
    if (str_eq(verb, "cluster.versions"))
        return versions(s, c);
    if (str_eq(verb, "calendar.conflicts"))
        return conflicts(s, c);
    if (str_eq(verb, "pipeline.start"))
        return json_pack("{s:s, s:s}", "build", c->key, "url", "https://builds.example/1");
    if (str_eq(verb, "health.snapshot") || str_eq(verb, "health.watch"))
        return json_pack("{s:b, s:[]}", "healthy", 1, "measures");
    return json_pack("{s:s, s:s}", "id", c->key, "url", "https://systems.example/1");
}
