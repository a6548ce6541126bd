/* kubeconfig.c: see kubeconfig.h. */
#include "systems/kubeconfig.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/log.h"
#include "base/read.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES_MAX = 50, PEM_MAX = 1 << 20, ENTRIES_MAX = 5000 };

/* A cluster, user or context, with the file that it stands in: relative paths count from there. */
struct entry {
    const char *name;
    const struct yaml *body;
    const char *file;
};

struct entries {
    struct entry *items;
    int n, room;
};

struct kubeconfig {
    struct arena *arena;
    struct entries clusters, users, contexts;
    const char *current;
    const char *paths;
    const char **names; /* of the contexts */
};

/* --- reading and merging ---------------------------------------------------------------------- */

static const struct entry *find(const struct entries *e, const char *name)
{
    for (int i = 0; name && i < e->n; i++)
        if (str_eq(e->items[i].name, name))
            return &e->items[i];
    return NULL;
}

static void push(struct entries *e, struct entry one, struct arena *a)
{
    if (e->n == e->room) {
        int room = e->room ? 2 * e->room : 16;
        struct entry *more = ARENA_ARRAY(a, (size_t)room, struct entry);
        if (e->n)
            memcpy(more, e->items, (size_t)e->n * sizeof *more);
        e->items = more;
        e->room = room;
    }
    e->items[e->n++] = one;
}

/* The first file that has an entry of a name wins whole: fields are never mixed. */
static bool add_entries(struct kubeconfig *k, struct entries *into, const struct yaml *list,
                        const char *inner, const char *file, struct error *err)
{
    if (!list || (list->kind == YAML_SCALAR && (!*list->text || str_eq(list->text, "null"))))
        return true;
    if (list->kind != YAML_LIST)
        return error_at(err, SB_PARSE, file, list->line, list->column, "expected a list of %ss", inner);
    for (int i = 0; i < list->n; i++) {
        const char *name = yaml_str(list->items[i], "name");
        const struct yaml *body = yaml_get(list->items[i], inner);
        if (!name)
            return error_at(err, SB_PARSE, file, list->items[i]->line, list->items[i]->column,
                            "a %s without a name", inner);
        if (body && body->kind != YAML_MAP)
            body = NULL;
        if (into->n == ENTRIES_MAX)
            return error_at(err, SB_LIMIT, file, list->items[i]->line, 1, "more than %d %ss", ENTRIES_MAX,
                            inner);
        if (!find(into, name))
            push(into, (struct entry){name, body, file}, k->arena);
    }
    return true;
}

static bool add_file(struct kubeconfig *k, const char *path, struct error *err)
{
    struct yaml *y = yaml_parse_file(path, k->arena, err);
    if (!y)
        return false;
    if (y->kind != YAML_MAP)
        return error_at(err, SB_PARSE, path, y->line, y->column,
                        "no kubeconfig: expected clusters, users, contexts");
    const char *current = yaml_str(y, "current-context");
    if (!k->current && current && *current)
        k->current = current;
    return add_entries(k, &k->clusters, yaml_get(y, "clusters"), "cluster", path, err) &&
           add_entries(k, &k->users, yaml_get(y, "users"), "user", path, err) &&
           add_entries(k, &k->contexts, yaml_get(y, "contexts"), "context", path, err);
}

struct kubeconfig *kubeconfig_read(const char *paths, struct arena *a, struct error *err)
{
    struct kubeconfig *k = ARENA_NEW(a, struct kubeconfig);
    int files = 0, read = 0;
    k->arena = a;
    k->paths = arena_strdup(a, paths);
    for (char *p = arena_strdup(a, paths), *save = NULL, *path = strtok_r(p, ":", &save); path;
         path = strtok_r(NULL, ":", &save)) {
        if (++files > FILES_MAX) {
            (void)error_set(err, SB_LIMIT, "more than %d kubeconfig files", FILES_MAX);
            return NULL;
        }
        if (access(path, F_OK) != 0 && errno == ENOENT)
            continue;
        if (!add_file(k, path, err)) {
            (void)error_wrap(err, err, "kubeconfig");
            return NULL;
        }
        read++;
    }
    if (read == 0) {
        (void)error_set(err, SB_MISSING,
                        "no kubeconfig: %s is not there. Name it in \"kubeconfig\" or $KUBECONFIG", paths);
        return NULL;
    }
    k->names = ARENA_ARRAY(a, (size_t)k->contexts.n + 1, const char *);
    for (int i = 0; i < k->contexts.n; i++)
        k->names[i] = k->contexts.items[i].name;
    return k;
}

char *kubeconfig_default_paths(struct arena *a)
{
    const char *paths = getenv("KUBECONFIG"), *home = getenv("HOME");
    if (paths && *paths)
        return arena_strdup(a, paths);
    return home && *home ? arena_printf(a, "%s/.kube/config", home) : NULL;
}

const char *const *kubeconfig_contexts(const struct kubeconfig *k)
{
    return k->names;
}

/* --- fields ----------------------------------------------------------------------------------- */

static bool wrong(const struct entry *e, const char *key, struct error *err, const char *says)
{
    const struct yaml *y = yaml_get(e->body, key);
    if (!y)
        y = e->body;
    return error_at(err, SB_PARSE, e->file, y ? y->line : 0, y ? y->column : 0, "%s: %s: %s", e->name, key,
                    says);
}

static const char *field(const struct entry *e, const char *key)
{
    const char *text = e ? yaml_str(e->body, key) : NULL;
    return text && *text ? text : NULL;
}

static char *beside(const struct entry *e, const char *path, struct arena *a)
{
    const char *slash = strrchr(e->file, '/');
    if (path[0] == '/' || !slash)
        return arena_strdup(a, path);
    return arena_printf(a, "%.*s/%s", (int)(slash - e->file), e->file, path);
}

/* PEM from "<key>-data" (base64; it wins) or from the file that "<key>" names. */
static bool read_pem(const struct entry *e, const char *key, struct arena *a, const char **out,
                     struct error *err)
{
    const char *data_key = arena_printf(a, "%s-data", key);
    const char *data = field(e, data_key), *path = field(e, key);
    *out = NULL;
    if (data) {
        size_t n = 0;
        uint8_t *bytes = base64_decode(data, strlen(data), false, &n);
        bool sound = bytes && n > 0 && n <= PEM_MAX && !memchr(bytes, 0, n);
        if (sound)
            *out = arena_strndup(a, (const char *)bytes, n);
        free(bytes);
        return sound || wrong(e, data_key, err, "expected the base64 of a PEM text");
    }
    if (path) {
        _cleanup_buf_ struct buf text = {0};
        struct error why = ERROR_NONE;
        if (!read_file(beside(e, path, a), PEM_MAX, &text, &why))
            return error_at(err, why.code, e->file, yaml_get(e->body, key)->line,
                            yaml_get(e->body, key)->column, "%s: %s", e->name, why.text);
        *out = arena_strdup(a, buf_str(&text));
    }
    return true;
}

/* --- cluster and user ------------------------------------------------------------------------- */

static bool read_cluster(const struct entry *c, struct arena *a, struct kube_access *out, struct error *err)
{
    const char *server = field(c, "server");
    if (!server)
        return wrong(c, "server", err, "missing: the address of the API server");
    size_t n = strlen(server);
    while (n > 0 && server[n - 1] == '/')
        n--;
    out->server = arena_strndup(a, server, n);
    out->tls_server_name = field(c, "tls-server-name");
    out->proxy = field(c, "proxy-url");
    out->insecure = str_eq(field(c, "insecure-skip-tls-verify"), "true");
    return read_pem(c, "certificate-authority", a, &out->ca_pem, err);
}

static const char *const *read_env(const struct yaml *list, struct arena *a)
{
    int n = list && list->kind == YAML_LIST ? list->n : 0, m = 0;
    const char **env = ARENA_ARRAY(a, (size_t)n + 1, const char *);
    for (int i = 0; i < n; i++) {
        const char *name = yaml_str(list->items[i], "name"), *value = yaml_str(list->items[i], "value");
        if (name && *name && !strchr(name, '='))
            env[m++] = arena_printf(a, "%s=%s", name, value ? value : "");
    }
    return env;
}

/* The cluster as a plugin is told of it, when it asks to be. */
static json_t *cluster_info(const struct entry *cluster, const struct kube_access *out)
{
    json_t *info = json_pack("{s:s}", "server", out->server);
    if (out->tls_server_name)
        json_object_set_new(info, "tls-server-name", json_string(out->tls_server_name));
    if (out->proxy)
        json_object_set_new(info, "proxy-url", json_string(out->proxy));
    if (out->insecure)
        json_object_set_new(info, "insecure-skip-tls-verify", json_true());
    if (out->ca_pem) {
        char *data = base64_encode(out->ca_pem, strlen(out->ca_pem), false);
        json_object_set_new(info, "certificate-authority-data", json_string(data));
        free(data);
    }
    const struct yaml *extensions = yaml_get(cluster->body, "extensions");
    for (int i = 0; extensions && extensions->kind == YAML_LIST && i < extensions->n; i++) {
        const struct yaml *body = yaml_get(extensions->items[i], "extension");
        if (body && str_eq(yaml_str(extensions->items[i], "name"), "client.authentication.k8s.io/exec"))
            json_object_set_new(info, "config", yaml_to_json(body));
    }
    return info;
}

static const char *exec_info(const struct entry *cluster, const struct kube_access *out, const char *version,
                             bool with_cluster, struct arena *a)
{
    json_t *spec = json_pack("{s:b}", "interactive", 0);
    if (with_cluster)
        json_object_set_new(spec, "cluster", cluster_info(cluster, out));
    _cleanup_json_ json_t *info =
        json_pack("{s:s, s:s, s:o}", "kind", "ExecCredential", "apiVersion", version, "spec", spec);
    char *text = json_dumps(info, JSON_COMPACT);
    char *line = arena_printf(a, "KUBERNETES_EXEC_INFO=%s", text);
    free(text);
    return line;
}

static bool read_exec(const struct entry *u, const struct yaml *y, const struct entry *cluster,
                      struct arena *a, struct kube_access *out, struct error *err)
{
    struct kube_exec *x = ARENA_NEW(a, struct kube_exec);
    struct entry in = {u->name, y, u->file};
    const char *command = field(&in, "command"), *version = field(&in, "apiVersion"),
               *mode = field(&in, "interactiveMode");
    const struct yaml *args = yaml_get(y, "args");
    int n = args && args->kind == YAML_LIST ? args->n : 0, m = 0;
    if (!command)
        return wrong(&in, "command", err, "missing: the plugin that signs in");
    if (!str_eq(version, "client.authentication.k8s.io/v1") &&
        !str_eq(version, "client.authentication.k8s.io/v1beta1"))
        return wrong(&in, "apiVersion", err, "expected client.authentication.k8s.io/v1 or /v1beta1");
    if (str_eq(mode, "Always"))
        return wrong(&in, "interactiveMode", err,
                     "the plugin wants a terminal, and Signalbox has none: use IfAvailable or Never");
    const char **argv = ARENA_ARRAY(a, (size_t)n + 2, const char *);
    argv[m++] = strchr(command, '/') ? beside(u, command, a) : command;
    for (int i = 0; i < n; i++)
        if (args->items[i]->kind == YAML_SCALAR)
            argv[m++] = args->items[i]->text;
    x->api_version = version;
    x->argv = argv;
    x->env = read_env(yaml_get(y, "env"), a);
    x->install_hint = field(&in, "installHint");
    x->info = exec_info(cluster, out, version, str_eq(field(&in, "provideClusterInfo"), "true"), a);
    out->exec = x;
    return true;
}

static bool header_value_ok(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20)
            return false;
    return true;
}

static bool read_impersonation(const struct entry *u, struct arena *a, struct kube_access *out,
                               struct error *err)
{
    const char *as = field(u, "as"), *uid = field(u, "as-uid");
    const struct yaml *groups = yaml_get(u->body, "as-groups");
    int n = groups && groups->kind == YAML_LIST ? groups->n : 0, m = 0;
    if (yaml_get(u->body, "as-user-extra"))
        return wrong(u, "as-user-extra", err, "not supported: impersonate with as, as-uid, as-groups");
    if (!as && !uid && n == 0)
        return true;
    const char **headers = ARENA_ARRAY(a, (size_t)n + 3, const char *);
    if (as)
        headers[m++] = arena_printf(a, "Impersonate-User: %s", as);
    if (uid)
        headers[m++] = arena_printf(a, "Impersonate-Uid: %s", uid);
    for (int i = 0; i < n; i++)
        if (groups->items[i]->kind == YAML_SCALAR)
            headers[m++] = arena_printf(a, "Impersonate-Group: %s", groups->items[i]->text);
    for (int i = 0; i < m; i++)
        if (!header_value_ok(headers[i]))
            return wrong(u, "as", err, "expected one line");
    out->headers = headers;
    return true;
}

static bool read_user(const struct entry *u, const struct entry *cluster, struct arena *a,
                      struct kube_access *out, struct error *err)
{
    const char *file = field(u, "tokenFile");
    const struct yaml *exec = yaml_get(u->body, "exec");
    out->token = field(u, "token");
    out->token_file = file ? beside(u, file, a) : NULL;
    out->user = field(u, "username");
    out->password = field(u, "password");
    if (out->token)
        log_redact(out->token);
    if (out->password)
        log_redact(out->password);
    if ((out->token || out->token_file) && out->user)
        return wrong(u, "username", err, "token and basic authentication cannot be combined");
    if (!read_pem(u, "client-certificate", a, &out->cert_pem, err) ||
        !read_pem(u, "client-key", a, &out->key_pem, err) || !read_impersonation(u, a, out, err))
        return false;
    if (!out->cert_pem != !out->key_pem)
        return wrong(u, out->cert_pem ? "client-key" : "client-certificate", err,
                     "missing: certificate and key come together");
    bool signs_in = out->token || out->token_file || out->user || out->cert_pem;
    if (!signs_in && !exec && yaml_get(u->body, "auth-provider"))
        return wrong(u, "auth-provider", err, "kubectl dropped these in 1.26: use an exec plugin");
    return signs_in || !exec || exec->kind != YAML_MAP || read_exec(u, exec, cluster, a, out, err);
}

/* --- contexts --------------------------------------------------------------------------------- */

static bool no_context(const struct kubeconfig *k, const char *name, struct error *err)
{
    const char *near = str_near(name, k->names);
    return error_set(err, SB_UNKNOWN, "the kubeconfig (%s) has no context \"%s\"%s%s%s", k->paths, name,
                     near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

bool kubeconfig_access(const struct kubeconfig *k, const char *context, struct arena *a,
                       struct kube_access *out, struct error *err)
{
    *out = (struct kube_access){0};
    const char *name = context ? context : k->current;
    if (!name)
        return error_set(err, SB_MISSING, "the kubeconfig (%s) has no current-context: name one", k->paths);
    const struct entry *c = find(&k->contexts, name);
    if (!c)
        return no_context(k, name, err);
    const struct entry *cluster = find(&k->clusters, field(c, "cluster")),
                       *user = find(&k->users, field(c, "user"));
    if (!cluster)
        return wrong(c, "cluster", err, "the kubeconfig has no such cluster");
    if (!user && field(c, "user"))
        return wrong(c, "user", err, "the kubeconfig has no such user");
    out->context = c->name;
    out->namespace_ = field(c, "namespace") ? field(c, "namespace") : "default";
    return read_cluster(cluster, a, out, err) && (!user || read_user(user, cluster, a, out, err));
}

bool kube_in_cluster(const char *folder, struct arena *a, struct kube_access *out, struct error *err)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    _cleanup_buf_ struct buf ca = {0}, space = {0};
    *out = (struct kube_access){.context = "in-cluster"};
    if (!host || !*host || !port || !*port)
        return error_set(err, SB_MISSING, "this is no pod: $KUBERNETES_SERVICE_HOST and _PORT are not set");
    if (!folder)
        folder = "/var/run/secrets/kubernetes.io/serviceaccount";
    if (!read_file(arena_printf(a, "%s/ca.crt", folder), PEM_MAX, &ca, err))
        return false;
    out->server = arena_printf(a, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
    out->ca_pem = arena_strdup(a, buf_str(&ca));
    out->token_file = arena_printf(a, "%s/token", folder);
    out->namespace_ = "default";
    if (read_file(arena_printf(a, "%s/namespace", folder), 1024, &space, NULL) && space.len)
        out->namespace_ = str_trim(arena_strdup(a, buf_str(&space)));
    return true;
}

/* --- what a plugin prints --------------------------------------------------------------------- */

bool kube_credential_parse(const char *text, size_t n, const struct kube_exec *exec, struct arena *a,
                           struct kube_credential *out, struct error *err)
{
    *out = (struct kube_credential){0};
    struct error ignored = ERROR_NONE; /* a parser's words may quote what it read */
    _cleanup_json_ json_t *j = json_read(text, n, PEM_MAX, "plugin", &ignored);
    const char *program = exec->argv[0];
    if (!j || !str_eq(json_str(j, "kind", NULL), "ExecCredential"))
        return error_set(err, SB_PARSE, "%s did not print an ExecCredential", program);
    if (!str_eq(json_str(j, "apiVersion", NULL), exec->api_version))
        return error_set(err, SB_PARSE, "%s printed another apiVersion than %s, which the kubeconfig names",
                         program, exec->api_version);
    out->token = arena_strdup(a, json_str(j, "status.token", NULL));
    out->cert_pem = arena_strdup(a, json_str(j, "status.clientCertificateData", NULL));
    out->key_pem = arena_strdup(a, json_str(j, "status.clientKeyData", NULL));
    if (out->token)
        log_redact(out->token);
    if (!out->token && !out->cert_pem && !out->key_pem)
        return error_set(err, SB_PARSE, "%s printed neither a token nor a certificate", program);
    if (!out->cert_pem != !out->key_pem)
        return error_set(err, SB_PARSE,
                         "%s printed a certificate without its key, or a key without its certificate",
                         program);
    const char *expires = json_str(j, "status.expirationTimestamp", NULL);
    if (expires && !instant_parse_rfc3339(expires, &out->expires_ms, NULL))
        return error_set(err, SB_PARSE, "%s: its expirationTimestamp is no RFC 3339 time", program);
    return true;
}
