#include "engine/asker.h"

#include "base/buf.h"
#include "base/json.h"

const char *const asker_scopes[] = {"see", "act", "deploy", "approve", "administer", NULL};

/* Whoever may do something may see it. */
static bool scope_allows(const char *scope, const char *role)
{
    if (str_eq(role, "see") || str_eq(scope, "administer"))
        return true;
    return str_eq(scope, role) || (str_eq(scope, "act") && !str_eq(role, "administer"));
}

static bool any_scope(const json_t *scopes, const char *role)
{
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)scopes, i, one)
        if (scope_allows(json_string_value(one), role))
            return true;
    return false;
}

/* "of any client" is within the bounds of a token for one of them: what it then finds is asked about again. */
static bool any_place(const json_t *places, const char *client, const char *env)
{
    if (json_array_size(places) == 0)
        return true;
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)places, i, one) {
        const char *its_client = json_str(one, "client", ""), *its_env = json_str(one, "env", NULL);
        if ((!client || str_eq(client, its_client)) && (!env || !its_env || str_eq(env, its_env)))
            return true;
    }
    return false;
}

bool asker_within(const struct asker *a, const char *role, const char *client, const char *env)
{
    return !a->only || (any_scope(json_object_get(a->only, "scopes"), role) &&
                        any_place(json_object_get(a->only, "for"), client, env));
}

bool asker_may(const struct config *c, const struct asker *a, const char *role, const char *client,
               const char *env)
{
    return asker_within(a, role, client, env) && config_may(c, a->name, role, client, env);
}
