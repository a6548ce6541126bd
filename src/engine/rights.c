/* rights.c: who may do what to a change. */
#include "engine/inside.h"

void engine_asker(struct engine *e, const struct asker *a)
{
    e->asker = a;
}

/* Who is meant by a name: the one who asks now, or somebody whom the configuration knows. */
struct asker asker_named(const struct engine *e, const char *by)
{
    return e->asker && str_eq(e->asker->name, by) ? *e->asker : (struct asker){.name = by};
}

bool may_at(const struct engine *e, const char *by, const char *role, const char *client, const char *env)
{
    const struct asker a = asker_named(e, by);
    return asker_may(e->config, &a, role, client, env);
}

/* A page may name the TAM, or another person whom the client's facts name, as the one who answers. */
static bool is_the_clients(const struct change *c, const char *by, const char *role)
{
    _cleanup_arena_ struct arena a = arena_make();
    const char *mail = json_str(c->facts, arena_printf(&a, "client.%s.mail", role), NULL);
    return *by && str_eq(mail, by);
}

bool may(const struct engine *e, const struct change *c, const char *by, const char *role, struct error *err)
{
    const char *client = json_str(c->facts, "change.client", ""), *env = json_str(c->facts, "change.env", "");
    const struct asker a = asker_named(e, by);
    if (asker_may(e->config, &a, role, client, env) ||
        (is_the_clients(c, by, role) && asker_within(&a, role, client, env)))
        return true;
    return error_set(err, SB_DENIED, "%s may not do this: it needs the role \"%s\" for %s %s",
                     *by ? by : "somebody unknown", role, client, env);
}

bool may_answer(const struct engine *e, const struct change *c, int step, const char *by, bool break_glass,
                struct error *err)
{
    const struct ask *ask = &c->sop->steps[step].ask;
    if (!may(e, c, by, ask->role ? ask->role : "deploy", err))
        return false;
    /* One person alone, with nobody configured, has no second pair of eyes to ask. */
    if (!ask->other || break_glass || config_is_open(e->config))
        return true;
    if (!str_eq(by, json_str(c->facts, "change.requested_by", "")))
        return true;
    return error_set(err, SB_DENIED,
                     "%s requested this change: step %s needs another person's answer (in an emergency, "
                     "break the glass with a "
                     "reason: it is recorded)",
                     by, c->sop->steps[step].id);
}

const char *yes_person(const struct engine *e, const struct change *c, int step)
{
    struct error err;
    if (may_answer(e, c, step, e->yes_as, false, &err))
        return e->yes_as;
    for (int i = 0; e->practice && i < e->config->n_people; i++)
        if (may_answer(e, c, step, e->config->people[i].id, false, &err))
            return e->config->people[i].id;
    return NULL;
}
