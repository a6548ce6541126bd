/* Kubernetes: reads of one cluster a client and env, each under /clusters/CLIENT-ENV. Nobody writes here but
 * the pipeline (jenkins.c), as in the SOP. */
#include "yard/kubernetes.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *kube_status(int code, const char *reason, const char *message)
{
    return json_pack("{s:s, s:s, s:{}, s:s, s:s, s:s, s:i}", "kind", "Status", "apiVersion", "v1", "metadata",
                     "status", "Failure", "message", message, "reason", reason, "code", code);
}

static void refuse(struct call *c, int code, const char *reason, const char *message)
{
    call_answer(c, code, kube_status(code, reason, message));
}

/* --- selecting --------------------------------------------------------------------------------------- */

bool kube_at(const struct yard *y, const char *target, int64_t t, struct arena *a, struct kube *out)
{
    const json_t *world = yard_world(y, "kubernetes");
    const json_t *where = json_object_get(json_object_get(world, "targets"), target);
    *out = (struct kube){.cluster = {world, yard_speed(y)}, .target = target, .t = t, .a = a};
    out->ns = json_str(where, "namespace", "default");
    out->services = json_object_get(where, "services");
    return where != NULL;
}

static bool in_list(const char *list, size_t n, const char *value)
{
    size_t len = strlen(value);
    for (size_t i = 0; i < n;) {
        while (i < n && (list[i] == ' ' || list[i] == ','))
            i++;
        size_t word = i;
        while (i < n && list[i] != ' ' && list[i] != ',')
            i++;
        if (i - word == len && memcmp(list + word, value, len) == 0)
            return true;
    }
    return false;
}

/* One term of a label selector: "a=b", "a==b", "a!=b", "a in (b,c)", "a notin (b)", "a", "!a". */
static bool label_fits(const json_t *labels, const char *term, size_t n, struct arena *a)
{
    char *t = str_trim(arena_strndup(a, term, n)), *op;
    if ((op = strstr(t, " notin (")) != NULL || (op = strstr(t, " in (")) != NULL) {
        bool none = op[1] == 'n';
        const char *list = strchr(op, '(') + 1;
        *op = '\0';
        const char *value = json_string_value(json_object_get(labels, str_trim(t)));
        return none != (value && in_list(list, strcspn(list, ")"), value));
    }
    if ((op = strchr(t, '=')) != NULL) {
        bool negated = op > t && op[-1] == '!';
        const char *wanted = op[1] == '=' ? op + 2 : op + 1;
        op[negated ? -1 : 0] = '\0';
        const char *value = json_string_value(json_object_get(labels, str_trim(t)));
        return negated != str_eq(value, str_trim(arena_strdup(a, wanted)));
    }
    return *t == '!' ? !json_object_get(labels, t + 1) : json_object_get(labels, t) != NULL;
}

static bool labels_fit(const json_t *object, const char *selector, struct arena *a)
{
    const json_t *labels = json_path(object, "metadata.labels");
    for (const char *s = selector; s && *s;) {
        size_t n = strcspn(s, ",(");
        if (s[n] == '(')
            n += strcspn(s + n, ")") + 1;
        if (!label_fits(labels, s, n > strlen(s) ? strlen(s) : n, a))
            return false;
        s += n > strlen(s) ? strlen(s) : n;
        s += strspn(s, ", ");
    }
    return true;
}

static bool fields_fit(const json_t *object, const char *selector, struct arena *a)
{
    for (const char *s = selector; s && *s;) {
        size_t n = strcspn(s, ",");
        char *term = arena_strndup(a, s, n), *op = strchr(term, '=');
        if (op) {
            bool negated = op > term && op[-1] == '!';
            const char *wanted = op[1] == '=' ? op + 2 : op + 1;
            op[negated ? -1 : 0] = '\0';
            if (negated == str_eq(json_str(object, term, ""), wanted))
                return false;
        }
        s += n + (s[n] == ',');
    }
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(json_str(*(json_t *const *)a, "metadata.name", ""),
                  json_str(*(json_t *const *)b, "metadata.name", ""));
}

static json_t *sorted(json_t *list, struct arena *a)
{
    size_t n = json_array_size(list);
    json_t **all = arena_array(a, n + 1, sizeof *all);
    for (size_t i = 0; i < n; i++)
        all[i] = json_array_get(list, i);
    qsort(all, n, sizeof *all, by_name);
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append(out, all[i]);
    json_decref(list);
    return out;
}

json_t *kube_select(const struct yard *y, const struct selection *s, int64_t t, struct arena *a)
{
    struct kube k;
    json_t *out = json_array(), *object;
    if (!kube_at(y, s->target, t, a, &k) || !s->kind->objects ||
        (s->ns && !str_eq(s->ns, k.ns) && !s->kind->cluster_wide))
        return out;
    _cleanup_json_ json_t *all = json_array();
    s->kind->objects(&k, all);
    size_t i;
    json_array_foreach(all, i, object)
        if (labels_fit(object, s->labels, a) && fields_fit(object, s->fields, a))
            json_array_append(out, object);
    return sorted(out, a);
}

void selection_free(struct selection *s)
{
    free(s->target);
    free(s->ns);
    free(s->labels);
    free(s->fields);
    *s = (struct selection){0};
}

static char *copy(const char *s)
{
    return s && *s ? strdup(s) : NULL;
}

/* --- lists ------------------------------------------------------------------------------------------- */

/* A page goes on in the same moment that the first one showed: the token names it, and the last name given.
 */
static bool read_token(const char *token, struct arena *a, int64_t *t, const char **after)
{
    size_t n = 0;
    uint8_t *text = base64_decode(token, strlen(token), true, &n);
    long long when = 0;
    int used = 0;
    char *copied = text ? arena_strndup(a, (const char *)text, n) : NULL;
    free(text);
    if (!copied || sscanf(copied, "%lld/%n", &when, &used) != 1 || used == 0)
        return false;
    *t = when;
    *after = copied + used;
    return true;
}

static void cut_page(struct arena *a, json_t *items, json_t *meta, int64_t t, const char *after, long limit)
{
    while (after && json_array_size(items) > 0 &&
           strcmp(json_str(json_array_get(items, 0), "metadata.name", ""), after) <= 0)
        json_array_remove(items, 0);
    size_t n = json_array_size(items);
    if (limit <= 0 || n <= (size_t)limit)
        return;
    const char *last = json_str(json_array_get(items, (size_t)limit - 1), "metadata.name", "");
    const char *text = arena_printf(a, "%lld/%s", (long long)t, last);
    char *token = base64_encode(text, strlen(text), true);
    json_object_set_new(meta, "continue", json_string(token));
    json_object_set_new(meta, "remainingItemCount", json_integer((json_int_t)n - limit));
    free(token);
    while (json_array_size(items) > (size_t)limit)
        json_array_remove(items, (size_t)limit);
}

static bool accepts(const struct call *c, const char *word)
{
    const char *accept = request_header(c->x, "Accept");
    return accept && strstr(accept, word);
}

static json_t *only_metadata(json_t *list)
{
    json_t *out = json_array(), *item;
    size_t i;
    json_array_foreach(json_object_get(list, "items"), i, item)
        json_array_append_new(out,
                              json_pack("{s:s, s:s, s:O}", "kind", "PartialObjectMetadata", "apiVersion",
                                        "meta.k8s.io/v1", "metadata", json_object_get(item, "metadata")));
    json_t *all = json_pack("{s:s, s:s, s:O, s:o}", "kind", "PartialObjectMetadataList", "apiVersion",
                            "meta.k8s.io/v1", "metadata", json_object_get(list, "metadata"), "items", out);
    json_decref(list);
    return all;
}

static bool expired(const struct call *c, int64_t t)
{
    enum { HISTORY_MS = 300000 };
    return t < json_int(c->world, "patched", 0) || t < c->now - HISTORY_MS;
}

static void list(struct call *c, const struct selection *s)
{
    const char *token = request_query(c->x, "continue"), *limit = request_query(c->x, "limit"), *after = NULL;
    const char *version = request_query(c->x, "resourceVersion");
    int64_t t = c->now;
    if (token && *token) {
        if (!read_token(token, c->a, &t, &after) || (version && *version && !str_eq(version, "0"))) {
            refuse(c, 400, "BadRequest", "continue key is not valid: it does not go with these parameters");
            return;
        }
        if (expired(c, t)) {
            refuse(c, 410, "Expired",
                   "The provided continue parameter is too old to display a consistent list result.");
            return;
        }
    }
    json_t *items = kube_select(c->y, s, t, c->a);
    json_t *meta = json_pack("{s:s}", "resourceVersion", arena_printf(c->a, "%lld", (long long)t));
    cut_page(c->a, items, meta, t, after, limit ? strtol(limit, NULL, 10) : 0);
    json_t *all = json_pack("{s:s, s:s, s:o, s:o}", "kind", arena_printf(c->a, "%sList", s->kind->name),
                            "apiVersion", s->kind->version, "metadata", meta, "items", items);
    if (accepts(c, "as=Table"))
        all = kube_table(s->kind, all, c->now);
    else if (accepts(c, "as=PartialObjectMetadataList"))
        all = only_metadata(all);
    call_answer(c, 200, all);
}

static void one(struct call *c, struct selection *s, const char *name)
{
    json_t *items = kube_select(c->y, s, c->now, c->a), *item, *found = NULL;
    size_t i;
    json_array_foreach(items, i, item)
        if (str_eq(json_str(item, "metadata.name", ""), name))
            found = json_incref(item);
    json_decref(items);
    if (!found) {
        json_t *status =
            kube_status(404, "NotFound", arena_printf(c->a, "%s \"%s\" not found", s->kind->plural, name));
        json_object_set_new(status, "details",
                            json_pack("{s:s, s:s}", "name", name, "kind", s->kind->plural));
        call_answer(c, 404, status);
        return;
    }
    json_object_set_new(found, "kind", json_string(s->kind->name));
    json_object_set_new(found, "apiVersion", json_string(s->kind->version));
    if (accepts(c, "as=Table")) {
        json_t *all = json_pack("{s:{s:s}, s:[o]}", "metadata", "resourceVersion",
                                json_str(found, "metadata.resourceVersion", ""), "items", found);
        found = kube_table(s->kind, all, c->now);
    }
    call_answer(c, 200, found);
}

/* --- paths ------------------------------------------------------------------------------------------- */

static const char *target_of(struct call *c, const char *slug)
{
    const char *target;
    json_t *t;
    json_object_foreach(json_object_get(c->world, "targets"), target, t)
        if (str_eq(json_str(t, "slug", ""), slug))
            return target;
    return NULL;
}

/* `plural` in `ns` (NULL = all), and `name` of one or NULL. */
static void read_objects(struct call *c, const char *group, const char *ns, const char *plural,
                         const char *name)
{
    const struct kind *kind = kind_of(group, plural);
    const char *target = target_of(c, c->part[0]);
    const char *watch = request_query(c->x, "watch");
    if (!kind) {
        refuse(c, 404, "NotFound", "the server could not find the requested resource");
        return;
    }
    struct selection s = {.kind = kind,
                          .target = copy(target),
                          .ns = copy(ns),
                          .labels = copy(request_query(c->x, "labelSelector")),
                          .fields = copy(request_query(c->x, "fieldSelector"))};
    if (name)
        one(c, &s, name);
    else if (watch && (str_eq(watch, "1") || str_eq(watch, "true")))
        kube_watch(c, &s);
    else
        list(c, &s);
    selection_free(&s);
}

static void core_all(struct call *c)
{
    read_objects(c, "api/v1", NULL, c->part[1], NULL);
}

static void core_namespace(struct call *c)
{
    read_objects(c, "api/v1", NULL, "namespaces", c->part[1]);
}

static void core_list(struct call *c)
{
    read_objects(c, "api/v1", c->part[1], c->part[2], NULL);
}

static void core_one(struct call *c)
{
    read_objects(c, "api/v1", c->part[1], c->part[2], c->part[3]);
}

static void apps_all(struct call *c)
{
    read_objects(c, "apis/apps/v1", NULL, c->part[1], NULL);
}

static void apps_list(struct call *c)
{
    read_objects(c, "apis/apps/v1", c->part[1], c->part[2], NULL);
}

static void apps_one(struct call *c)
{
    read_objects(c, "apis/apps/v1", c->part[1], c->part[2], c->part[3]);
}

static void pod_log(struct call *c)
{
    const char *pod = c->part[2], *previous = request_query(c->x, "previous");
    struct selection s = {
        .kind = kind_of("api/v1", "pods"), .target = copy(target_of(c, c->part[0])), .ns = copy(c->part[1])};
    json_t *items = kube_select(c->y, &s, c->now, c->a), *item, *found = NULL;
    size_t i;
    json_array_foreach(items, i, item)
        if (str_eq(json_str(item, "metadata.name", ""), pod))
            found = item;
    int64_t restarts = json_int(found, "status.containerStatuses.0.restartCount", 0);
    const char *image = json_str(found, "spec.containers.0.image", "");
    if (!found)
        refuse(c, 404, "NotFound", arena_printf(c->a, "pods \"%s\" not found", pod));
    else if (json_path(found, "status.containerStatuses.0.state.waiting") && !restarts)
        refuse(c, 400, "BadRequest", "container is waiting to start");
    else if (previous && str_eq(previous, "true") && !restarts)
        refuse(c, 400, "BadRequest", "previous terminated container not found");
    else
        call_answer_text(
            c, 200, "text/plain",
            arena_printf(c->a, "starting %s\n%s", image,
                         restarts ? "FATAL cannot read configuration: key \"retail.site\" is missing\n"
                                  : "listening on :8080\n"));
    json_decref(items);
    selection_free(&s);
}

static void version(struct call *c)
{
    call_answer(c, 200,
                json_pack("{s:s, s:s, s:s, s:s, s:s}", "major", "1", "minor", "31", "gitVersion", "v1.31.4",
                          "platform", "linux/amd64", "goVersion", "go1.22.9"));
}

static void api_versions(struct call *c)
{
    call_answer(c, 200,
                json_pack("{s:s, s:[s], s:[]}", "kind", "APIVersions", "versions", "v1",
                          "serverAddressByClientCIDRs"));
}

static void api_groups(struct call *c)
{
    static const char *const groups[] = {"apps", "authorization.k8s.io"};
    json_t *all = json_array();
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        json_t *v =
            json_pack("{s:s, s:s}", "groupVersion", arena_printf(c->a, "%s/v1", groups[i]), "version", "v1");
        json_array_append_new(
            all, json_pack("{s:s, s:[O], s:o}", "name", groups[i], "versions", v, "preferredVersion", v));
    }
    call_answer(c, 200,
                json_pack("{s:s, s:s, s:o}", "kind", "APIGroupList", "apiVersion", "v1", "groups", all));
}

static void resources(struct call *c, const char *group, const char *version_name)
{
    json_t *all = json_array();
    for (const struct kind *k = kinds; k->group; k++) {
        if (!str_eq(k->group, group))
            continue;
        json_t *r =
            json_pack("{s:s, s:s, s:b, s:s, s:[s,s,s]}", "name", k->plural, "singularName", k->singular,
                      "namespaced", !k->cluster_wide, "kind", k->name, "verbs", "get", "list", "watch");
        if (k->short_name)
            json_object_set_new(r, "shortNames", json_pack("[s]", k->short_name));
        json_array_append_new(all, r);
    }
    if (str_eq(group, "api/v1"))
        json_array_append_new(all,
                              json_pack("{s:s, s:s, s:b, s:s, s:[s]}", "name", "pods/log", "singularName", "",
                                        "namespaced", 1, "kind", "Pod", "verbs", "get"));
    if (str_starts(group, "apis/authorization"))
        json_array_append_new(all,
                              json_pack("{s:s, s:s, s:b, s:s, s:[s]}", "name", "selfsubjectaccessreviews",
                                        "singularName", "selfsubjectaccessreview", "namespaced", 0, "kind",
                                        "SelfSubjectAccessReview", "verbs", "create"));
    call_answer(c, 200,
                json_pack("{s:s, s:s, s:s, s:o}", "kind", "APIResourceList", "apiVersion", "v1",
                          "groupVersion", version_name, "resources", all));
}

static void core_resources(struct call *c)
{
    resources(c, "api/v1", "v1");
}

static void apps_resources(struct call *c)
{
    resources(c, "apis/apps/v1", "apps/v1");
}

static void authorization_resources(struct call *c)
{
    resources(c, "apis/authorization.k8s.io/v1", "authorization.k8s.io/v1");
}

/* The account may read, and nothing else. */
static void access_review(struct call *c)
{
    _cleanup_json_ json_t *body = call_json(c);
    const char *verb = json_str(body, "spec.resourceAttributes.verb", NULL);
    if (!verb) {
        refuse(c, 422, "Invalid", "SelfSubjectAccessReview is invalid: spec.resourceAttributes is required");
        return;
    }
    bool may = str_eq(verb, "get") || str_eq(verb, "list") || str_eq(verb, "watch");
    json_object_set_new(body, "kind", json_string("SelfSubjectAccessReview"));
    json_object_set_new(body, "apiVersion", json_string("authorization.k8s.io/v1"));
    json_object_set_new(body, "status",
                        json_pack("{s:b, s:s}", "allowed", may, "reason",
                                  may ? "RBAC: allowed by ClusterRoleBinding \"view\"" : ""));
    call_answer(c, 201, json_incref(body));
}

static const struct route routes[] = {
    {"GET", "/clusters/*/version", version},
    {"GET", "/clusters/*/api", api_versions},
    {"GET", "/clusters/*/apis", api_groups},
    {"GET", "/clusters/*/api/v1", core_resources},
    {"GET", "/clusters/*/apis/apps/v1", apps_resources},
    {"GET", "/clusters/*/apis/authorization.k8s.io/v1", authorization_resources},
    {"POST", "/clusters/*/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", access_review},
    {"GET", "/clusters/*/api/v1/namespaces/*/pods/*/log", pod_log},
    {"GET", "/clusters/*/api/v1/namespaces/*/*/*", core_one},
    {"GET", "/clusters/*/api/v1/namespaces/*/*", core_list},
    {"GET", "/clusters/*/api/v1/namespaces/*", core_namespace},
    {"GET", "/clusters/*/api/v1/*", core_all},
    {"GET", "/clusters/*/apis/apps/v1/namespaces/*/*/*", apps_one},
    {"GET", "/clusters/*/apis/apps/v1/namespaces/*/*", apps_list},
    {"GET", "/clusters/*/apis/apps/v1/*", apps_all},
    {NULL, NULL, NULL},
};

static void serve(struct yard *y, json_t *world, struct exchange *x)
{
    struct call c = call_of(y, world, x);
    if (!call_signed_in(&c, "Bearer", yard_secret(y, "kubernetes"))) {
        refuse(&c, 401, "Unauthorized", "Unauthorized");
        return;
    }
    if (!route_fits(&c, "/clusters/*/**") || !target_of(&c, c.part[0])) {
        refuse(&c, 404, "NotFound", "the server could not find the requested resource");
        return;
    }
    switch (route_serve(routes, &c)) {
    case ROUTE_SERVED:
        break;
    case ROUTE_OTHER_METHOD:
        refuse(&c, 403, "Forbidden", "this account may get, list and watch only");
        break;
    case ROUTE_NO_PATH:
        refuse(&c, 404, "NotFound", "the server could not find the requested resource");
        break;
    }
}

static void settle(struct yard *y, json_t *world, int64_t now)
{
    (void)y;
    cluster_settle(world, now);
}

static void configure(const struct yard *y, const char *url, const char *secrets_dir, struct buf *out)
{
    (void)url;
    buf_printf(out, "    driver: kubernetes\n    kubeconfig: %s/kubeconfig\n    targets:\n", secrets_dir);
    const char *target;
    json_t *t;
    json_object_foreach(json_object_get(yard_world(y, "kubernetes"), "targets"), target, t)
        buf_printf(out, "      %s: {context: %s, namespace: %s}\n", target, json_str(t, "context", ""),
                   json_str(t, "namespace", ""));
}

const struct stand_in kubernetes_stand_in = {
    .name = "kubernetes",
    .imitates = "Kubernetes 1.31, read only, with Helm 3 releases",
    .role = "cluster",
    .world = cluster_world,
    .serve = serve,
    .configure = configure,
    .settle = settle,
    .tls = true, /* kubectl sends no token over plain HTTP */
};
