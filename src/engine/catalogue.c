/* catalogue.c: looking things up in the configuration: clients, envs, services, people and what they may do.
 *
 * A team with nothing configured names clients and services as it likes: they come into being when asked for.
 */
#include "engine/config.h"

#include "base/buf.h"
#include <ctype.h>
#include <string.h>

static bool sane(const char *s)
{
    size_t n = s ? strlen(s) : 0;
    if (n == 0 || n > 64 || !isalnum((unsigned char)*s))
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && *s != '-' && *s != '_' && *s != '.')
            return false;
    return true;
}

static bool nothing_so_called(const struct config *c, const char *what, const char *name,
                              const char *const *names, struct error *err)
{
    const char *near = str_near(name ? name : "", names);
    if (near)
        return error_set(err, SB_UNKNOWN, "there is no %s \"%s\"; did you mean \"%s\"?", what, name, near);
    _cleanup_buf_ struct buf all = {0};
    for (int i = 0; names[i] && all.len < 600; i++)
        buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
    return error_set(err, SB_UNKNOWN, "there is no %s \"%s\"; %s has: %s", what, name ? name : "",
                     *c->file ? c->file : "the catalogue", all.len ? buf_str(&all) : "none");
}

static struct config_made *make(const struct config *c, const char *id)
{
    struct config_made *m = ARENA_NEW(c->arena, struct config_made);
    m->id = arena_strdup(c->arena, id);
    m->next = *c->made;
    *c->made = m;
    return m;
}

static struct config_made *made(const struct config *c, const char *id)
{
    for (struct config_made *m = *c->made; m; m = m->next)
        if (str_eq(m->id, id))
            return m;
    return make(c, id);
}

static const struct config_client *make_client(const struct config *c, const char *id)
{
    struct config_made *m = made(c, id);
    if (m->client.id)
        return &m->client;
    m->env = (struct config_env){"prod", true};
    m->client = (struct config_client){.id = m->id,
                                       .name = m->id,
                                       .zone = c->zone,
                                       .work_week = "mon-fri",
                                       .hours = "08:00-18:00",
                                       .envs = &m->env,
                                       .n_envs = 1};
    m->client.facts =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:[], s:{}}", "id", m->id, "name", m->id, "zone", c->zone,
                  "work_week", "mon-fri", "hours", "08:00-18:00", "components", "channels");
    return &m->client;
}

const struct config_client *config_client(const struct config *c, const char *id, struct error *err)
{
    for (int i = 0; i < c->n_clients; i++)
        if (str_eq(c->clients[i].id, id))
            return &c->clients[i];
    if (c->n_clients == 0) {
        if (sane(id))
            return make_client(c, id);
        error_set(err, SB_RANGE, "client \"%s\": a name is letters, digits, '-', '_' and '.'", id ? id : "");
        return NULL;
    }
    _cleanup_arena_ struct arena a = arena_make();
    const char **names = ARENA_ARRAY(&a, (size_t)c->n_clients + 1, const char *);
    for (int i = 0; i < c->n_clients; i++)
        names[i] = c->clients[i].id;
    nothing_so_called(c, "client", id, names, err);
    return NULL;
}

const struct config_env *config_env(const struct config_client *c, const char *env, struct error *err)
{
    for (int i = 0; i < c->n_envs; i++)
        if (str_eq(c->envs[i].name, env))
            return &c->envs[i];
    _cleanup_buf_ struct buf all = {0};
    for (int i = 0; i < c->n_envs; i++)
        buf_printf(&all, "%s%s", i ? ", " : "", c->envs[i].name);
    error_set(err, SB_UNKNOWN, "client %s has no environment \"%s\"; it has: %s", c->id, env ? env : "",
              buf_str(&all));
    return NULL;
}

const struct config_service *config_service(const struct config *c, const char *id, struct error *err)
{
    for (int i = 0; i < c->n_services; i++)
        if (str_eq(c->services[i].id, id))
            return &c->services[i];
    if (c->n_services == 0 && sane(id)) {
        struct config_made *m = made(c, id);
        if (!m->service.id)
            m->service = (struct config_service){.id = m->id, .facts = json_object()};
        return &m->service;
    }
    _cleanup_arena_ struct arena a = arena_make();
    const char **names = ARENA_ARRAY(&a, (size_t)c->n_services + 1, const char *);
    for (int i = 0; i < c->n_services; i++)
        names[i] = c->services[i].id;
    nothing_so_called(c, "service", id, names, err);
    return NULL;
}

const struct config_person *config_person(const struct config *c, const char *id)
{
    for (int i = 0; i < c->n_people; i++)
        if (str_eq(c->people[i].id, id))
            return &c->people[i];
    return NULL;
}

/* --- rights
 * ------------------------------------------------------------------------------------------------------ */

/* No list = all. */
static bool in_scope(const json_t *list, const char *name)
{
    if (!json_is_array(list) || !name)
        return true;
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)list, i, one)
        if (str_eq(json_string_value(one), name))
            return true;
    return false;
}

/* Whoever may administer may all; whoever has any role may see. */
static bool role_covers(const char *has, const char *wants)
{
    return str_eq(has, wants) || str_eq(has, "administer") || str_eq(wants, "see");
}

static bool roles_allow(const json_t *roles, const char *role, const char *client, const char *env)
{
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)roles, i, one) {
        const json_t *word = json_is_object(one) ? json_object_get(one, "role") : one;
        if (json_is_string(word) && role_covers(json_string_value(word), role) &&
            in_scope(json_object_get(one, "clients"), client) && in_scope(json_object_get(one, "envs"), env))
            return true;
    }
    return false;
}

bool config_is_open(const struct config *c)
{
    return c->n_people == 0;
}

bool config_may(const struct config *c, const char *who, const char *role, const char *client,
                const char *env)
{
    if (config_is_open(c))
        return true;
    const struct config_person *p = config_person(c, who);
    return p && roles_allow(p->roles, role, client, env);
}

/* --- freezes ---------------------------------------------------------------------------------------- */

struct freeze_ask config_freeze_ask(const struct config *c, const char *client, const char *env, int64_t from,
                                    int64_t to)
{
    struct freeze_ask q = {
        .client = client, .client_name = client, .env = env, .zone = c->zone, .from = from, .to = to};
    for (int i = 0; client && i < c->n_clients; i++)
        if (str_eq(c->clients[i].id, client) || str_eq(c->clients[i].name, client)) {
            q.client = c->clients[i].id;
            q.client_name = c->clients[i].name;
            q.zone = c->clients[i].zone;
            break;
        }
    return q;
}

int config_freezes(const struct config *c, const char *client, const char *env, int64_t from, int64_t to,
                   struct freeze_met *out, int most)
{
    struct freeze_ask q = config_freeze_ask(c, client, env, from, to);
    return freezes_meet(&c->freezes, &q, out, most);
}
