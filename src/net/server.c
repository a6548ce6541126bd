#include "net/server.h"
#include "base/log.h"
#include "net/alloc.h"
#include "net/server_internal.h"
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    BODY_MAX_DEFAULT = 1 << 20,
    /* A body over the limit is read and dropped up to here: a client that is still sending when we close
     * would see a reset instead of the 413. */
    BODY_DROP_MAX = 8 << 20,
    IDLE_S_DEFAULT = 60,
    CONNECTIONS_DEFAULT = 4096,
    TLS_BREATH_MS = 2,
};

static void on_idle_turn(uv_idle_t *i);

/* Has the daemon run in the next round of the loop. (Not a timer of 0 ms: libuv would fire one that its own
 * callback started again before it looks at any socket.) */
static void run_soon(struct server *s)
{
    uv_idle_start(s->soon, on_idle_turn);
}

/* ---- exchanges ---- */

static void free_handle(uv_handle_t *h)
{
    free(h);
}

static void unwatch(struct exchange *x)
{
    if (x->watch == NULL)
        return;
    uv_poll_stop(x->watch);
    x->watch->data = NULL;
    uv_close((uv_handle_t *)x->watch, free_handle);
    x->watch = NULL;
}

static void on_client_left(uv_poll_t *w, int status, int events)
{
    (void)status;
    (void)events;
    struct exchange *x = w->data;
    if (x == NULL)
        return;
    x->gone = true;
    exchange_resume(x);
}

/* The daemon does not look at a suspended connection, so a client that leaves would go unnoticed until the
 * answer. */
static void watch(struct exchange *x)
{
    if (x->watch == NULL) {
        int fd = MHD_get_connection_info(x->conn, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        x->watch = NET_NEW(uv_poll_t);
        if (uv_poll_init(loop_uv(x->server->loop), x->watch, fd) != 0) {
            free(x->watch);
            x->watch = NULL;
            return;
        }
        x->watch->data = x;
    }
    uv_poll_start(x->watch, UV_DISCONNECT, on_client_left);
}

void exchange_suspend(struct exchange *x)
{
    x->suspended = true;
    MHD_suspend_connection(x->conn);
    watch(x);
}

void exchange_resume(struct exchange *x)
{
    if (!x->suspended)
        return;
    x->suspended = false;
    if (x->watch != NULL)
        uv_poll_stop(x->watch);
    MHD_resume_connection(x->conn);
    x->server->resumed = true;
    run_soon(x->server);
}

void exchange_on_end(struct exchange *x, void (*fn)(void *ctx), void *ctx)
{
    x->on_end = fn;
    x->on_end_ctx = ctx;
}

/* Called by the daemon when it has read the request line. What is returned becomes the request's own context.
 */
static void *on_target(void *cls, const char *target, struct MHD_Connection *conn)
{
    struct server *s = cls;
    struct exchange *x = NET_NEW(struct exchange);
    x->server = s;
    x->conn = conn;
    x->arena = arena_make();
    x->request.arena = &x->arena;
    x->request.method = "";
    x->request.body = "";
    x->headers_end = &x->headers;
    x->next = s->exchanges;
    if (x->next != NULL)
        x->next->prev = x;
    s->exchanges = x;
    request_target(x, target);
    return x;
}

static void on_completed(void *cls, struct MHD_Connection *conn, void **context,
                         enum MHD_RequestTerminationCode why)
{
    (void)conn;
    (void)why;
    struct server *s = cls;
    struct exchange *x = *context;
    *context = NULL;
    if (x == NULL)
        return;
    unwatch(x);
    x->suspended = false;
    x->gone = true;
    if (x->on_end != NULL)
        x->on_end(x->on_end_ctx);
    if (x->prev != NULL)
        x->prev->next = x->next;
    else
        s->exchanges = x->next;
    if (x->next != NULL)
        x->next->prev = x->prev;
    if (x->response != NULL)
        MHD_destroy_response(x->response);
    buf_free(&x->body);
    buf_free(&x->backlog);
    arena_free(&x->arena);
    free(x);
}

static enum MHD_Result refuse_body(struct exchange *x)
{
    x->handled = true;
    answer_text(x, 413, "the request is larger than is accepted here\n");
    return answer_settle(x);
}

/* The headers are there. A body that is announced as too large is refused before it is sent, where that is
 * possible without cutting off a client in the middle of sending. */
static enum MHD_Result begin(struct exchange *x, const char *method)
{
    x->began = true;
    x->request.method = arena_strdup(&x->arena, method);
    request_peer(x);
    const char *length = request_header(x, "Content-Length");
    const char *expect = request_header(x, "Expect");
    unsigned long long n = length != NULL ? strtoull(length, NULL, 10) : 0;
    bool asks_first = expect != NULL && strcasecmp(expect, "100-continue") == 0;
    if (n > x->server->body_max && (asks_first || n - x->server->body_max > BODY_DROP_MAX))
        return refuse_body(x);
    return MHD_YES;
}

static enum MHD_Result take_body(struct exchange *x, const char *bytes, size_t *n)
{
    if (x->body.len + *n > x->server->body_max)
        x->too_large = true;
    if (!x->too_large)
        buf_add(&x->body, bytes, *n);
    else
        x->dropped += *n;
    *n = 0;
    return x->dropped > BODY_DROP_MAX ? MHD_NO : MHD_YES;
}

static void handle(struct exchange *x)
{
    x->handled = true;
    x->request.body = buf_str(&x->body);
    x->request.body_len = x->body.len;
    if (x->bad != NULL)
        answer_text(x, 400, x->bad);
    else
        x->server->handler(x->server->ctx, x);
}

/* The daemon calls this once for the headers, once for each piece of the body, once at its end, and again
 * each time the connection was resumed without a queued response. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_n, void **context)
{
    (void)cls;
    (void)conn;
    (void)url;
    (void)version;
    struct exchange *x = *context;
    if (!x->began)
        return begin(x, method);
    if (*upload_n > 0)
        return take_body(x, upload, upload_n);
    if (!x->handled && x->too_large)
        return refuse_body(x);
    if (!x->handled)
        handle(x);
    return answer_settle(x);
}

/* ---- the daemon on the loop ---- */

static void on_due(uv_timer_t *t);

static unsigned connections(const struct server *s)
{
    return MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

/* Without a thread of its own the daemon notices neither a resumed connection nor the end of a wait by
 * itself. Nor that it may accept again: out of descriptors or at its limit it takes its listening socket off
 * the epoll set, and puts it back at the first run after a connection has ended. */
static void run(struct server *s)
{
    s->resumed = false;
    uv_idle_stop(s->soon);
    uv_timer_stop(s->timer);
    unsigned before = connections(s);
    MHD_run(s->daemon);
    bool fewer = connections(s) < before;
    MHD_UNSIGNED_LONG_LONG ms = 0;
    bool waits = MHD_get_timeout(s->daemon, &ms) == MHD_YES;
    /* While it waits for the next word of a TLS handshake the library says "at once", for as long as the
     * client likes. */
    if (waits && ms == 0 && s->tls)
        ms = TLS_BREATH_MS;
    if (s->resumed || fewer || (waits && ms == 0))
        run_soon(s);
    else if (waits)
        uv_timer_start(s->timer, on_due, ms, 0);
}

static void on_due(uv_timer_t *t)
{
    run(t->data);
}

static void on_idle_turn(uv_idle_t *i)
{
    run(i->data);
}

static void on_ready(uv_poll_t *p, int status, int events)
{
    (void)status;
    (void)events;
    run(p->data);
}

PRINTF_LIKE(2, 0) static void on_daemon_log(void *cls, const char *fmt, va_list ap)
{
    (void)cls;
    char text[512];
    vsnprintf(text, sizeof text, fmt, ap);
    text[strcspn(text, "\n")] = '\0';
    log_debug("net", "http server: %s", text);
}

/* Paths and queries are decoded by request.c; the library's own decoding cannot tell where a hidden NUL
 * stood. */
static size_t keep_escapes(void *cls, struct MHD_Connection *conn, char *text)
{
    (void)cls;
    (void)conn;
    return strlen(text);
}

static bool start_daemon(struct server *s, const struct server_options *o, int fd, struct error *err)
{
    bool tls = s->tls = o->tls_cert_file != NULL;
    char *cert = tls ? listen_read_pem(o->tls_cert_file, err) : NULL;
    char *key = cert != NULL
                    ? listen_read_pem(o->tls_key_file != NULL ? o->tls_key_file : o->tls_cert_file, err)
                    : NULL;
    if (tls && key == NULL) {
        free(cert);
        return false;
    }
    unsigned connections = o->connections_max > 0 ? (unsigned)o->connections_max : CONNECTIONS_DEFAULT;
    unsigned idle = o->idle_s > 0 ? (unsigned)o->idle_s : IDLE_S_DEFAULT;
    struct MHD_OptionItem tls_options[] = {
        {tls ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, key},
        {MHD_OPTION_END, 0, NULL},
    };
    unsigned flags =
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (tls ? (unsigned)MHD_USE_TLS : 0);
    s->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_daemon_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->connections_per_ip > 0 ? (unsigned)o->connections_per_ip : 0U,
        MHD_OPTION_CONNECTION_TIMEOUT, idle, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, s, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, tls_options, MHD_OPTION_END);
    if (key != NULL)
        explicit_bzero(key, strlen(key));
    free(key);
    free(cert);
    if (s->daemon == NULL)
        return error_set(err, SB_IO, "start the HTTP server%s",
                         tls ? ": the certificate and its key cannot be used together, or are no PEM" : "");
    return true;
}

struct server *server_new(struct loop *l, const struct server_options *o, server_handler *handler, void *ctx,
                          struct error *err)
{
    struct server *s = NET_NEW(struct server);
    s->loop = l;
    s->handler = handler;
    s->ctx = ctx;
    s->body_max = o->body_max > 0 ? o->body_max : BODY_MAX_DEFAULT;
    int fd = listen_open(s, o, err);
    if (fd < 0 || !start_daemon(s, o, fd, err)) {
        if (fd >= 0)
            close(fd);
        server_free(s);
        return NULL;
    }
    s->poll = NET_NEW(uv_poll_t);
    s->timer = NET_NEW(uv_timer_t);
    uv_timer_init(loop_uv(l), s->timer);
    s->timer->data = s;
    s->soon = NET_NEW(uv_idle_t);
    uv_idle_init(loop_uv(l), s->soon);
    s->soon->data = s;
    int epoll_fd = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    int rc = uv_poll_init(loop_uv(l), s->poll, epoll_fd);
    if (rc != 0) {
        free(s->poll);
        s->poll = NULL;
        server_free(s);
        error_set(err, SB_IO, "watch the HTTP server: %s", uv_strerror(rc));
        return NULL;
    }
    s->poll->data = s;
    uv_poll_start(s->poll, UV_READABLE, on_ready);
    return s;
}

int server_port(const struct server *s)
{
    return s->port;
}

void server_free(struct server *s)
{
    if (s == NULL)
        return;
    if (s->poll != NULL) {
        uv_poll_stop(s->poll);
        uv_close((uv_handle_t *)s->poll, free_handle);
    }
    if (s->daemon != NULL) {
        /* The daemon refuses to stop with suspended connections. */
        for (struct exchange *x = s->exchanges; x != NULL; x = x->next) {
            x->gone = true;
            exchange_resume(x);
        }
        MHD_stop_daemon(s->daemon);
    }
    if (s->timer != NULL)
        uv_close((uv_handle_t *)s->timer, free_handle);
    if (s->soon != NULL)
        uv_close((uv_handle_t *)s->soon, free_handle);
    if (s->unix_path != NULL)
        unlink(s->unix_path);
    free(s->unix_path);
    free(s);
}
