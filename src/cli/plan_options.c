#include "cli/plan_options.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/yaml.h"
#include <string.h>

static const char *const plain[] = {"sop",      "client", "env",    "window",
                                    "severity", "risk",   "reason", "incident"};

bool plan_given(const struct args *a)
{
    return opt(a, "client") || opt(a, "file") || opt_given(a, "service");
}

/* "NAME=VALUE" in two. */
static bool split(struct arena *a, const char *text, const char *option, const char **name,
                  const char **value, struct error *err)
{
    const char *eq = strchr(text, '=');
    if (!eq || eq == text || !eq[1])
        return error_set(err, SB_PARSE, "--%s %s: write NAME=%s", option, text,
                         str_eq(option, "service") ? "TAG" : "VALUE");
    *name = arena_strndup(a, text, (size_t)(eq - text));
    *value = eq + 1;
    return true;
}

static bool add_services(json_t *plan, const struct args *a, struct error *err)
{
    const char *const *list;
    int n = opt_list(a, "service", &list);
    if (n == 0)
        return true;
    json_t *services = json_array();
    json_object_set_new(plan, "services", services);
    for (int i = 0; i < n; i++) {
        const char *name = NULL, *tag = NULL;
        if (!split(a->arena, list[i], "service", &name, &tag, err))
            return false;
        json_array_append_new(services, json_pack("{s:s, s:s}", "service", name, "tag", tag));
    }
    return true;
}

/* NAME=VALUE of an option that may be given several times, into a map of the plan. */
bool plan_pairs(json_t *plan, const struct args *a, const char *option, const char *key, struct error *err)
{
    const char *const *list;
    int n = opt_list(a, option, &list);
    json_t *pairs = json_object_get(plan, key);
    if (n > 0 && !pairs) {
        pairs = json_object();
        json_object_set_new(plan, key, pairs);
    }
    for (int i = 0; i < n; i++) {
        const char *name = NULL, *value = NULL;
        if (!split(a->arena, list[i], option, &name, &value, err))
            return false;
        json_object_set_new(pairs, name, json_string(value));
    }
    return true;
}

static json_t *read_plan(const char *file, struct arena *a, struct error *err)
{
    const struct yaml *y = yaml_parse_file(file, a, err);
    if (!y)
        return NULL;
    static const char *const keys[] = {"sop",    "client",   "env",      "window", "severity", "risk",
                                       "reason", "incident", "services", "inputs", "overrule", NULL};
    if (y->kind != YAML_MAP) {
        error_at(err, SB_PARSE, file, y->line, y->column, "a plan is a map: client, env, services ...");
        return NULL;
    }
    return yaml_only(y, file, "a plan", keys, err) ? yaml_to_json(y) : NULL;
}

json_t *plan_of(const struct args *a, struct error *err)
{
    const char *file = opt(a, "file");
    json_t *plan = file ? read_plan(file, a->arena, err) : json_object();
    if (!plan)
        return NULL;
    for (size_t i = 0; i < COUNT_OF(plain); i++)
        if (opt(a, plain[i]))
            json_object_set_new(plan, plain[i], json_string(opt(a, plain[i])));
    if (!json_object_get(plan, "sop"))
        json_object_set_new(plan, "sop", json_string("hotfix"));
    if (!json_object_get(plan, "env"))
        json_object_set_new(plan, "env", json_string("prod"));
    if (add_services(plan, a, err) && plan_pairs(plan, a, "input", "inputs", err) &&
        plan_pairs(plan, a, "overrule", "overrule", err))
        return plan;
    json_decref(plan);
    return NULL;
}
