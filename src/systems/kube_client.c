/* kube_client.c: see kube_client.h. */
#include "systems/kube_client.h"
#include "base/buf.h"
#include "net/process.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PLUGIN_MS = 60000,       /* gcloud's can take half a minute */
    EXPIRES_EARLY_MS = 10000 /* a token should not die on its way */
};

struct kube_call {
    struct kube_call *prev, *next;
    struct kube *kube;
    struct arena arena;
    struct http_request request;
    http_done_fn *done;
    bool (*on_body)(void *ctx, const char *bytes, size_t n);
    void *ctx;
    struct http_call *http; /* NULL = waits for a credential */
    int credential;         /* the number of the credential it was sent with */
    bool resent;
};

struct kube {
    struct surroundings *around;
    const struct kube_access *access;
    struct http_peer *peer;
    struct kube_call *calls;
    struct arena arena;
    struct process *plugin; /* running, or NULL */
    struct timer *late;     /* on its way: the plugin could not be started, for this reason */
    struct error start_error;
    bool signed_in;
    int credential; /* goes up with every one */
    int64_t expires_ms;
    char *cert_pem; /* that of the plugin, to see whether it changed */
    bool *closed;   /* set when closed from a callback */
};

/* --- calls ------------------------------------------------------------------------------------ */

static void unlink_call(struct kube_call *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        c->kube->calls = c->next;
    if (c->next)
        c->next->prev = c->prev;
}

static void call_free(struct kube_call *c)
{
    unlink_call(c);
    arena_free(&c->arena);
    free(c);
}

static void ensure_signed_in(struct kube *k);

static bool body_came(void *ctx, const char *bytes, size_t n)
{
    struct kube_call *c = ctx;
    return c->on_body(c->ctx, bytes, n);
}

static void replied(void *ctx, const struct http_reply *reply)
{
    struct kube_call *c = ctx;
    struct kube *k = c->kube;
    c->http = NULL;
    if (reply->status == 401 && k->access->exec && !c->resent) {
        c->resent = true;
        /* Only whoever used the present credential has shown that it is no good. */
        if (c->credential == k->credential)
            k->signed_in = false;
        ensure_signed_in(k);
        return;
    }
    http_done_fn *done = c->done;
    void *user = c->ctx;
    call_free(c);
    done(user, reply);
}

static void send_call(struct kube_call *c)
{
    c->credential = c->kube->credential;
    c->http = http_send(c->kube->peer, &c->request, replied, c);
}

static const char *const *joined(struct arena *a, const char *const *ours, const char *const *more)
{
    size_t n = 0, m = 0;
    while (ours && ours[n])
        n++;
    while (more && more[m])
        m++;
    const char **all = ARENA_ARRAY(a, n + m + 1, const char *);
    for (size_t i = 0; i < n; i++)
        all[i] = ours[i];
    for (size_t i = 0; i < m; i++)
        all[n + i] = arena_strdup(a, more[i]);
    return all;
}

struct kube_call *kube_send(struct kube *k, const struct http_request *r, http_done_fn *done, void *ctx)
{
    struct kube_call *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    struct arena *a = &c->arena;
    c->kube = k;
    c->next = k->calls;
    if (c->next)
        c->next->prev = c;
    k->calls = c;
    c->request = *r;
    c->request.method = arena_strdup(a, r->method);
    c->request.path = arena_strdup(a, r->path);
    c->request.what = arena_strdup(a, r->what);
    c->request.content_type = arena_strdup(a, r->content_type);
    c->request.body = r->body ? arena_strndup(a, r->body, r->body_len) : NULL;
    c->request.headers = joined(a, k->access->headers, r->headers);
    c->request.on_body = r->on_body ? body_came : NULL;
    c->on_body = r->on_body;
    c->done = done;
    c->ctx = ctx;
    ensure_signed_in(k);
    return c;
}

void kube_cancel(struct kube_call *c)
{
    if (!c)
        return;
    if (c->http)
        http_cancel(c->http);
    call_free(c);
}

/* --- credentials ------------------------------------------------------------------------------ */

static struct kube_call *waiting(struct kube *k)
{
    struct kube_call *oldest = NULL;
    for (struct kube_call *c = k->calls; c; c = c->next)
        if (!c->http) /* NOLINT(clang-analyzer-unix.Malloc): call_free takes it off the list */
            oldest = c;
    return oldest;
}

static void send_waiting(struct kube *k)
{
    for (struct kube_call *c = waiting(k); c; c = waiting(k))
        send_call(c);
}

/* Everybody who waits hears why; any of them may close the connection meanwhile. */
static void fail_waiting(struct kube *k, const struct error *why)
{
    struct http_reply reply = {.status = 0, .maybe_sent = false};
    bool closed = false;
    k->closed = &closed;
    (void)error_wrap(why, &reply.error, "sign in to the cluster");
    for (struct kube_call *c = waiting(k); c && !closed; c = closed ? NULL : waiting(k)) {
        http_done_fn *done = c->done;
        void *user = c->ctx;
        call_free(c);
        done(user, &reply);
    }
    if (!closed)
        k->closed = NULL;
}

static void use_credential(struct kube *k, const struct kube_credential *got)
{
    k->signed_in = true;
    k->credential++;
    k->expires_ms = got->expires_ms;
    if (got->token)
        http_peer_token(k->peer, HTTP_AUTH_BEARER, got->token);
    if (got->cert_pem && !str_eq(got->cert_pem, k->cert_pem)) {
        http_peer_client_cert(k->peer, got->cert_pem, got->key_pem);
        free(k->cert_pem);
        k->cert_pem = strdup(got->cert_pem);
    }
}

static void plugin_failed(const struct kube *k, const struct process_end *end, struct error *err)
{
    const char *tail = end->err_tail ? end->err_tail : "";
    const char *hint = k->access->exec->install_hint;
    size_t n = strlen(tail);
    if (n > 400)
        tail += n - 400;
    (void)error_set(err, SB_DENIED, "%s %s%s%s%s%s", k->access->exec->argv[0],
                    end->timed_out ? "did not end within a minute" : "failed", *tail ? ": " : "", tail,
                    hint ? " " : "", hint ? hint : "");
}

static void plugin_ended(void *ctx, const struct process_end *end)
{
    struct kube *k = ctx;
    _cleanup_arena_ struct arena a = arena_make();
    struct kube_credential got;
    struct error err = ERROR_NONE;
    k->plugin = NULL;
    if (end->status != 0 || end->timed_out)
        plugin_failed(k, end, &err);
    else if (kube_credential_parse(end->out, end->out_len, k->access->exec, &a, &got, &err)) {
        use_credential(k, &got);
        send_waiting(k);
        return;
    }
    fail_waiting(k, &err);
}

/* A plugin that cannot even be started fails later: a callback must not come from inside kube_send. */
static void start_failed(void *ctx)
{
    struct kube *k = ctx;
    struct error why = k->start_error;
    k->late = NULL;
    fail_waiting(k, &why);
}

static void run_plugin(struct kube *k)
{
    const struct kube_exec *x = k->access->exec;
    _cleanup_arena_ struct arena a = arena_make();
    int n = 0;
    while (x->env[n])
        n++;
    const char **env = ARENA_ARRAY(&a, (size_t)n + 2, const char *);
    if (n)
        memcpy(env, x->env, (size_t)n * sizeof *env);
    env[n] = x->info;
    struct process_options o = {.argv = x->argv, .env = env, .timeout_ms = PLUGIN_MS, .output_max = 1 << 20};
    k->plugin = process_start(k->around->loop, &o, plugin_ended, k, &k->start_error);
    if (!k->plugin)
        k->late = timer_start(k->around->loop, 0, start_failed, k);
}

static void ensure_signed_in(struct kube *k)
{
    bool expired = k->expires_ms && loop_wall_ms() > k->expires_ms - EXPIRES_EARLY_MS;
    if (!k->access->exec || (k->signed_in && !expired))
        send_waiting(k);
    else if (!k->plugin && !k->late)
        run_plugin(k);
}

/* --- the connection --------------------------------------------------------------------------- */

static bool set_token_file(struct kube *k, struct http_peer_options *o, struct error *err)
{
    char folder[4096];
    const char *path = k->access->token_file;
    const char *before = "";
    if (path[0] != '/') {
        if (!getcwd(folder, sizeof folder))
            return error_set(err, SB_IO, "tokenFile: the present folder has no name");
        before = folder;
    }
    o->auth = HTTP_AUTH_BEARER;
    return secret_ref(arena_printf(&k->arena, "file:%s%s%s", before, *before ? "/" : "", path), &k->arena,
                      &o->secret, err);
}

static bool open_peer(struct kube *k, struct http_peer_options o, struct error *err)
{
    const struct kube_access *a = k->access;
    o.base_url = a->server;
    o.tls_server_name = a->tls_server_name;
    o.proxy = a->proxy;
    o.insecure = a->insecure;
    o.ca_pem = a->ca_pem;
    o.client_cert_pem = a->cert_pem;
    o.client_key_pem = a->key_pem;
    o.user = a->user;
    if (a->token_file && !set_token_file(k, &o, err))
        return false;
    k->peer = http_peer_new(k->around->http, &o, err);
    if (!k->peer)
        return false;
    if (a->token && !a->token_file)
        http_peer_token(k->peer, HTTP_AUTH_BEARER, a->token);
    if (a->user && a->password)
        http_peer_token(k->peer, HTTP_AUTH_BASIC, a->password);
    return true;
}

struct kube *kube_open(struct surroundings *around, const struct kube_access *access,
                       const struct http_peer_options *tuning, struct error *err)
{
    struct kube *k = calloc(1, sizeof *k);
    if (!k)
        abort();
    k->around = around;
    k->access = access;
    if (open_peer(k, *tuning, err))
        return k;
    (void)error_wrap(err, err, "context \"%s\"", access->context);
    kube_close(k);
    return NULL;
}

void kube_close(struct kube *k)
{
    if (k->closed)
        *k->closed = true;
    while (k->calls)
        kube_cancel(k->calls); /* NOLINT(clang-analyzer-unix.Malloc): it takes itself off the list */
    process_free(k->plugin);
    timer_cancel(k->late);
    if (k->peer)
        http_peer_free(k->peer);
    free(k->cert_pem);
    arena_free(&k->arena);
    free(k);
}

struct http_peer *kube_peer(struct kube *k)
{
    return k->peer;
}

const char *kube_namespace(const struct kube *k)
{
    return k->access->namespace_;
}
