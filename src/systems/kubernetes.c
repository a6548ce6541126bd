/* kubernetes.c: the role "cluster" by the API server, with the team's own kubeconfig: its configuration and
 * connections. */
#include "systems/kubernetes.h"
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "systems/drivers.h"
#include "systems/fill.h"
#include "systems/kube_standing.h"
#include <stdlib.h>
#include <string.h>

enum { TARGETS_MAX = 2000, OVERRIDES_MAX = 2000 };

/* --- connections ------------------------------------------------------------------------------ */

static bool find_access(struct kubernetes *k, const char *context, struct kube_access *out, struct error *err)
{
    if (k->in_cluster)
        return kube_in_cluster(NULL, &k->arena, out, err);
    return kubeconfig_access(k->config, context, &k->arena, out, err);
}

struct kube_connection *kubernetes_connect(struct kubernetes *k, const char *context, struct error *err)
{
    for (struct kube_connection *c = k->connections; c; c = c->next)
        if (str_eq(c->context, context))
            return c;
    struct kube_connection *c = ARENA_NEW(&k->arena, struct kube_connection);
    if (!find_access(k, context, &c->access, err))
        return NULL;
    c->context = arena_strdup(&k->arena, context);
    c->kube = kube_open(k->system.around, &c->access, &k->tuning, err);
    if (!c->kube)
        return NULL;
    c->next = k->connections;
    k->connections = c;
    return c;
}

static const struct kube_target *target_of(const struct kubernetes *k, const char *key)
{
    const struct kube_target *any = NULL;
    for (int i = 0; i < k->n_targets; i++) {
        if (str_eq(k->targets[i].key, key))
            return &k->targets[i];
        if (str_eq(k->targets[i].key, "*"))
            any = &k->targets[i];
    }
    return any;
}

static bool no_target(const struct kubernetes *k, const char *key, struct arena *a, struct error *err)
{
    const char **keys = ARENA_ARRAY(a, (size_t)k->n_targets + 1, const char *);
    for (int i = 0; i < k->n_targets; i++)
        keys[i] = k->targets[i].key;
    const char *near = str_near(key, keys);
    return error_set(err, SB_UNKNOWN,
                     "kubernetes: no target \"%s\" is configured (systems: cluster: targets)%s%s%s", key,
                     near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

bool kubernetes_place(struct kubernetes *k, const json_t *args, struct arena *a, struct kube_place *out,
                      struct error *err)
{
    const struct fill values[] = {
        {"client", json_str(args, "client", "")}, {"env", json_str(args, "env", "")}, {NULL, NULL}};
    const char *key = arena_printf(a, "%s/%s", values[0].value, values[1].value);
    const struct kube_target *t = target_of(k, key);
    if (!t)
        return no_target(k, key, a, err);
    struct kube_connection *c =
        kubernetes_connect(k, t->context ? fill(t->context, values, fill_plain, a) : NULL, err);
    if (!c)
        return error_wrap(err, err, "kubernetes: %s", key);
    out->kube = c->kube;
    out->namespace_ = t->namespace_ ? fill(t->namespace_, values, fill_plain, a) : c->access.namespace_;
    return true;
}

struct kube_service kubernetes_service(const struct kubernetes *k, const char *name, const char *tag)
{
    struct kube_service s = {.name = name, .tag = tag, .as = name};
    for (const struct kube_service *o = k->services; o && o->name; o++)
        if (str_eq(o->name, name)) {
            s.as = o->as;
            s.container = o->container;
        }
    return s;
}

char *kubernetes_path(const char *group, const char *namespace_, const char *resource, struct arena *a)
{
    _cleanup_buf_ struct buf path = {0};
    buf_printf(&path, "%s/namespaces/", group);
    buf_add_url(&path, namespace_);
    buf_printf(&path, "/%s", resource);
    return arena_strdup(a, buf_str(&path));
}

/* --- configuration ---------------------------------------------------------------------------- */

static const char *copied(struct kubernetes *k, const struct yaml *y, const char *key)
{
    return arena_strdup(&k->arena, yaml_str(y, key));
}

static bool read_target(struct kubernetes *k, const struct yaml *key, const struct yaml *y, const char *file,
                        struct error *err)
{
    static const char *const allowed[] = {"context", "namespace", NULL};
    bool any = str_eq(key->text, "*");
    if (!any && !strchr(key->text, '/'))
        return error_at(err, SB_PARSE, file, key->line, key->column,
                        "targets: expected client/env (or *), found \"%s\"", key->text);
    if (y->kind != YAML_MAP)
        return error_at(err, SB_PARSE, file, y->line, y->column, "targets: %s: expected {context, namespace}",
                        key->text);
    if (!yaml_only(y, file, "a target", allowed, err))
        return false;
    struct kube_target t = {arena_strdup(&k->arena, key->text), copied(k, y, "context"),
                            copied(k, y, "namespace")};
    k->targets[k->n_targets++] = t;
    /* A context by name must be there now: the night of the deployment is too late to learn that it is not.
     */
    struct kube_access access;
    struct error why = ERROR_NONE;
    if (any || k->in_cluster || kubeconfig_access(k->config, t.context, &k->arena, &access, &why))
        return true;
    return error_at(err, why.code, file, y->line, y->column, "targets: %s: %s", key->text, why.text);
}

static bool read_targets(struct kubernetes *k, const struct yaml *config, const char *file, struct error *err)
{
    const struct yaml *map = yaml_get(config, "targets");
    if (!map)
        return error_at(err, SB_MISSING, file, config ? config->line : 0, config ? config->column : 0,
                        "\"targets\" is missing: where each client/env runs, as in tangerine/prod: {context: "
                        "..., namespace: ...}");
    if (map->kind != YAML_MAP || map->n > TARGETS_MAX)
        return error_at(err, SB_PARSE, file, map->line, map->column, "targets: expected a map of at most %d",
                        TARGETS_MAX);
    k->targets = ARENA_ARRAY(&k->arena, (size_t)map->n, struct kube_target);
    for (int i = 0; i < map->n; i++)
        if (!read_target(k, map->keys[i], map->items[i], file, err))
            return false;
    return true;
}

static bool read_override(struct kubernetes *k, const struct yaml *key, const struct yaml *y,
                          const char *file, struct kube_service *out, struct error *err)
{
    static const char *const allowed[] = {"workload", "container", NULL};
    out->name = arena_strdup(&k->arena, key->text);
    if (y->kind == YAML_SCALAR) {
        out->as = arena_strdup(&k->arena, y->text);
        return true;
    }
    if (y->kind != YAML_MAP)
        return error_at(err, SB_PARSE, file, y->line, y->column,
                        "services: %s: expected a workload's name, or {workload, container}", key->text);
    if (!yaml_only(y, file, "a service", allowed, err))
        return false;
    const char *workload = copied(k, y, "workload");
    out->as = workload ? workload : out->name;
    out->container = copied(k, y, "container");
    return true;
}

static bool read_overrides(struct kubernetes *k, const struct yaml *config, const char *file,
                           struct error *err)
{
    const struct yaml *map = yaml_get(config, "services");
    if (!map)
        return true;
    if (map->kind != YAML_MAP || map->n > OVERRIDES_MAX)
        return error_at(err, SB_PARSE, file, map->line, map->column,
                        "services: expected a map of service to workload");
    k->services = ARENA_ARRAY(&k->arena, (size_t)map->n + 1, struct kube_service);
    for (int i = 0; i < map->n; i++)
        if (!read_override(k, map->keys[i], map->items[i], file, &k->services[i], err))
            return false;
    return true;
}

static bool read_flag(const struct yaml *config, const char *file, const char *key, bool *out,
                      struct error *err)
{
    const struct yaml *y = yaml_get(config, key);
    *out = y && str_eq(y->text, "true");
    if (!y || *out || str_eq(y->text, "false"))
        return true;
    return error_at(err, SB_PARSE, file, y->line, y->column, "%s: expected true or false", key);
}

static bool read_kubeconfig(struct kubernetes *k, const struct yaml *config, const char *file,
                            struct error *err)
{
    const struct yaml *y = yaml_get(config, "kubeconfig");
    if (k->in_cluster)
        return true;
    k->kubeconfig = y ? copied(k, config, "kubeconfig") : kubeconfig_default_paths(&k->arena);
    if (!k->kubeconfig)
        return error_at(err, SB_MISSING, file, config ? config->line : 0, 0,
                        "\"kubeconfig\" is missing, and neither $KUBECONFIG nor $HOME is set");
    struct error why = ERROR_NONE;
    k->config = kubeconfig_read(k->kubeconfig, &k->arena, &why);
    if (k->config)
        return true;
    if (why.file[0] || !y)
        return error_wrap(&why, err, "systems: cluster");
    return error_at(err, why.code, file, y->line, y->column, "kubeconfig: %s", why.text);
}

static bool read_config(struct kubernetes *k, const struct yaml *config, const char *file, struct error *err)
{
    int64_t timeout;
    k->images = copied(k, config, "images");
    if (!config_duration(config, file, "settle", SECONDS(3), &k->settle_ms, err) ||
        !config_duration(config, file, "steady", SECONDS(30), &k->steady_ms, err) ||
        !config_duration(config, file, "standing", MINUTES(10), &k->standing_ms, err) ||
        !config_duration(config, file, "timeout", SECONDS(60), &timeout, err) ||
        !config_int(config, file, "page", 1000, 1, 100000, &k->page, err) ||
        !read_flag(config, file, "in_cluster", &k->in_cluster, err) ||
        !read_flag(config, file, "helm", &k->helm, err))
        return false;
    /* Watches hold a connection each, four a verification. */
    k->tuning = (struct http_peer_options){.name = "kubernetes",
                                           .per_second = 20,
                                           .burst = 40,
                                           .concurrency = 200,
                                           .total_ms = timeout < HOURS(1) ? (int)timeout : (int)HOURS(1)};
    return read_kubeconfig(k, config, file, err) && read_targets(k, config, file, err) &&
           read_overrides(k, config, file, err);
}

static void close_system(struct system *s)
{
    struct kubernetes *k = (struct kubernetes *)s;
    tasks_cancel(s);
    kube_standing_end(k);
    for (struct kube_connection *c = k->connections; c; c = c->next)
        kube_close(c->kube);
    arena_free(&k->arena);
    free(k);
}

static struct system *open_system(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    struct kubernetes *k = calloc(1, sizeof *k);
    if (!k)
        abort();
    k->system = (struct system){.driver = d, .name = d->name, .around = around};
    k->arena = arena_make();
    if (read_config(k, config, file, err))
        return &k->system;
    close_system(&k->system);
    return NULL;
}

static const char *const keys[] = {"kubeconfig", "in_cluster", "targets",  "services", "images", "helm",
                                   "settle",     "steady",     "standing", "timeout",  "page",   NULL};

const struct driver kubernetes_driver = {
    .role = ROLE_CLUSTER,
    .name = "kubernetes",
    .says = "reads versions, rollouts and pods from the cluster's API with the team's kubeconfig",
    .keys = keys,
    .open = open_system,
    .close = close_system,
    .check = kubernetes_check,
    .verbs =
        {
            {"versions", kubernetes_versions, NULL, false},
            {"verify", kubernetes_verify, NULL, false},
        },
};
