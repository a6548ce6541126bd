/* kube_check.c: doctor's visit to every context that a target names: is it reachable, is its clock ours, may
 * we read what we need. */
#include "base/buf.h"
#include "base/json.h"
#include "systems/checks.h"
#include "systems/kubernetes.h"
#include <string.h>

enum { CONTEXTS_MAX = 8 };

/* What must be allowed, and what is only missed. */
static const struct right {
    const char *verb, *group, *resource, *subresource;
    enum check_state without;
} rights[] = {
    {"list", "", "pods", "", CHECK_FAIL},
    {"watch", "", "pods", "", CHECK_WARN},
    {"list", "apps", "deployments", "", CHECK_FAIL},
    {"watch", "apps", "deployments", "", CHECK_WARN},
    {"list", "apps", "statefulsets", "", CHECK_WARN},
    {"list", "apps", "daemonsets", "", CHECK_WARN},
    {"get", "", "pods", "log", CHECK_WARN},
    {"list", "", "secrets", "", CHECK_WARN},
};

struct visit {
    struct checks c;
    struct kube_place places[CONTEXTS_MAX];
    const char *names[CONTEXTS_MAX];
    int n, at;
    size_t right;
    struct http_request request;
    struct kube_call *call;
};

static void visit_free(struct flow *f)
{
    kube_cancel(((struct visit *)f)->call);
}

static bool wants_helm(const struct visit *v)
{
    return ((struct kubernetes *)v->c.f.system)->helm;
}

static void next_context(struct visit *v);
static void next_right(struct visit *v);

static char *about(struct visit *v, const char *what)
{
    return arena_printf(&v->c.f.arena, "%s: %s", v->names[v->at], what);
}

static void ask(struct visit *v, const struct http_request *r, http_done_fn *then)
{
    v->request = *r;
    v->c.f.peer = kube_peer(v->places[v->at].kube);
    v->c.f.request = *r;
    v->call = kube_send(v->places[v->at].kube, r, then, v);
    v->c.f.request.body = NULL;
}

static void reviewed(void *ctx, const struct http_reply *reply)
{
    struct visit *v = ctx;
    const struct right *r = &rights[v->right];
    struct error err = ERROR_NONE;
    v->call = NULL;
    _cleanup_json_ json_t *j = http_json(v->c.f.peer, &v->c.f.request, reply, &err);
    char *what = about(v, arena_printf(&v->c.f.arena, "may %s %s%s%s", r->verb, r->resource,
                                       *r->subresource ? "/" : "", r->subresource));
    if (!j)
        checks_failed(&v->c, CHECK_WARN, what, reply);
    else if (json_flag(j, "status.allowed", false))
        checks_add(&v->c, CHECK_OK, what, "yes");
    else
        checks_add(&v->c, r->without, what, "no: give the right in namespace %s. %s",
                   v->places[v->at].namespace_, json_str(j, "status.reason", ""));
    v->right++;
    next_right(v);
}

static void next_right(struct visit *v)
{
    if (v->right < COUNT_OF(rights) && strcmp(rights[v->right].resource, "secrets") == 0 && !wants_helm(v))
        v->right++;
    if (v->right >= COUNT_OF(rights)) {
        v->at++;
        next_context(v);
        return;
    }
    const struct right *r = &rights[v->right];
    _cleanup_json_ json_t *body = json_pack(
        "{s:s, s:s, s:{s:{s:s, s:s, s:s, s:s, s:s}}}", "apiVersion", "authorization.k8s.io/v1", "kind",
        "SelfSubjectAccessReview", "spec", "resourceAttributes", "namespace", v->places[v->at].namespace_,
        "verb", r->verb, "group", r->group, "resource", r->resource, "subresource", r->subresource);
    char *text = json_dumps(body, JSON_COMPACT);
    ask(v,
        &(struct http_request){.method = "POST",
                               .path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                               .what = "review of our rights",
                               .content_type = "application/json",
                               .body = text,
                               .body_len = strlen(text),
                               .repeatable = true},
        reviewed);
    free(text);
}

static void version_came(void *ctx, const struct http_reply *reply)
{
    struct visit *v = ctx;
    struct error err = ERROR_NONE;
    v->call = NULL;
    _cleanup_json_ json_t *j = http_json(v->c.f.peer, &v->c.f.request, reply, &err);
    if (!j) {
        checks_failed(&v->c, CHECK_FAIL, about(v, "answers"), reply);
        v->at++;
        next_context(v);
        return;
    }
    checks_add(&v->c, CHECK_OK, about(v, "answers"), "Kubernetes %s",
               json_str(j, "gitVersion", "of unknown version"));
    checks_clock(&v->c, reply);
    v->right = 0;
    next_right(v);
}

static void next_context(struct visit *v)
{
    if (v->at >= v->n) {
        checks_end(&v->c);
        return;
    }
    ask(v,
        &(struct http_request){
            .method = "GET", .path = "/version", .what = "version of the API server", .repeatable = true},
        version_came);
}

static void add_place(struct visit *v, const struct kube_target *t)
{
    struct kubernetes *k = (struct kubernetes *)v->c.f.system;
    struct error err = ERROR_NONE;
    for (int i = 0; i < v->n; i++)
        if (str_eq(v->names[i], t->context ? t->context : "current context"))
            return;
    if (v->n == CONTEXTS_MAX)
        return;
    struct kube_connection *c = kubernetes_connect(k, t->context, &err);
    if (!c) {
        checks_add(&v->c, CHECK_FAIL, t->key, "%s", err.text);
        return;
    }
    v->names[v->n] = t->context ? t->context : "current context";
    v->places[v->n++] = (struct kube_place){c->kube, t->namespace_ ? t->namespace_ : c->access.namespace_};
}

static void begin(struct flow *f)
{
    struct visit *v = (struct visit *)f;
    struct kubernetes *k = (struct kubernetes *)f->system;
    for (int i = 0; i < k->n_targets; i++)
        if (!(k->targets[i].context && strchr(k->targets[i].context, '{')))
            add_place(v, &k->targets[i]);
    if (v->n == 0)
        checks_add(&v->c, CHECK_WARN, "targets", "none that can be tried without a client and an env");
    next_context(v);
}

void kubernetes_check(struct system *s, check_fn *done, void *ctx)
{
    struct visit *v = checks_new(sizeof *v, s, NULL, done, ctx);
    v->c.f.on_free = visit_free;
    flow_wait(&v->c.f, 0, begin);
}
