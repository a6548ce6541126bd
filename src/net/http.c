#include "net/http.h"
#include "net/http_internal.h"
#include <pthread.h>

enum { KEPT_CONNECTIONS = 64 };

struct http_socket {
    uv_poll_t uv;
    LIST_ENTRY(http_socket) link;
    struct http *http;
    curl_socket_t fd;
    int events;
};

static void free_handle(uv_handle_t *h)
{
    free(h);
}

static void free_socket(uv_handle_t *h)
{
    free(h->data);
}

static void close_socket(struct http_socket *s)
{
    LIST_REMOVE(s, link);
    uv_poll_stop(&s->uv);
    uv_close((uv_handle_t *)&s->uv, free_socket);
}

/* Calls the callbacks of finished calls, one after the other; any of them may send, cancel, or free all there
 * is. */
static void tell(struct http *h)
{
    if (h->telling)
        return;
    h->telling = true;
    struct http_call *c;
    while ((c = TAILQ_FIRST(&h->finished)) != NULL) {
        TAILQ_REMOVE(&h->finished, c, link);
        call_tell(c);
    }
    h->telling = false;
    if (h->closed)
        free(h);
}

static void on_soon(void *ctx)
{
    struct http *h = ctx;
    h->soon = NULL;
    tell(h);
}

void http_tell_soon(struct http *h)
{
    if (h->soon == NULL)
        h->soon = timer_start(h->loop, 0, on_soon, h);
}

static void land(struct http *h)
{
    struct http_call *c;
    while ((c = TAILQ_FIRST(&h->cancelled)) != NULL) {
        TAILQ_REMOVE(&h->cancelled, c, link);
        curl_multi_remove_handle(h->multi, c->easy);
        call_free(c);
    }
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(h->multi, &left)) != NULL;) {
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
        call_landed(c, code);
    }
    tell(h);
}

static void act(struct http *h, curl_socket_t fd, int events)
{
    int running;
    if (h->before != NULL)
        h->before(h->before_ctx);
    h->in_curl = true;
    h->in_timeout = fd == CURL_SOCKET_TIMEOUT;
    curl_multi_socket_action(h->multi, fd, events, &running);
    h->in_curl = h->in_timeout = false;
    land(h);
}

static void on_event(uv_poll_t *uv, int status, int events)
{
    struct http_socket *s = uv->data;
    int what = 0;
    if (status < 0) {
        /* A reset may have an answer before it: libcurl is sent to read that and find the error itself. libuv
         * stops watching after an error. */
        what = CURL_CSELECT_IN | CURL_CSELECT_OUT;
        uv_poll_start(uv, s->events, on_event);
    }
    what |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    what |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    act(s->http, s->fd, what);
}

static void on_timeout(uv_timer_t *t)
{
    act(t->data, CURL_SOCKET_TIMEOUT, 0);
}

/* libcurl names a socket to watch, or to watch no more. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *sock)
{
    (void)easy;
    struct http *h = ctx;
    struct http_socket *s = sock;
    if (what == CURL_POLL_REMOVE) {
        if (s != NULL)
            close_socket(s);
        curl_multi_assign(h->multi, fd, NULL);
        return 0;
    }
    if (s == NULL) {
        s = NET_NEW(struct http_socket);
        s->http = h;
        s->fd = fd;
        if (uv_poll_init_socket(loop_uv(h->loop), &s->uv, fd) != 0) {
            free(s);
            return -1;
        }
        s->uv.data = s;
        LIST_INSERT_HEAD(&h->sockets, s, link);
        curl_multi_assign(h->multi, fd, s);
    }
    int events =
        ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) | ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0);
    s->events = events;
    uv_poll_start(&s->uv, events, on_event);
    return 0;
}

static int on_timer_wish(CURLM *multi, long ms, void *ctx)
{
    (void)multi;
    struct http *h = ctx;
    uv_update_time(loop_uv(h->loop));
    /* libuv fires a timer of 0 ms that its own callback started before it looks at any socket. */
    if (ms == 0 && h->in_timeout)
        ms = 1;
    if (ms < 0)
        uv_timer_stop(h->timer);
    else
        uv_timer_start(h->timer, on_timeout, (uint64_t)ms, 0);
    return 0;
}

void http_before(struct http *h, void (*fn)(void *ctx), void *ctx)
{
    h->before = fn;
    h->before_ctx = ctx;
}

static void init_curl(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
}

struct http *http_new(struct loop *l)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);

    struct http *h = NET_NEW(struct http);
    h->loop = l;
    TAILQ_INIT(&h->peers);
    TAILQ_INIT(&h->finished);
    TAILQ_INIT(&h->cancelled);
    h->timer = NET_NEW(uv_timer_t);
    uv_timer_init(loop_uv(l), h->timer);
    h->timer->data = h;
    h->multi = curl_multi_init();
    if (h->multi == NULL)
        abort();
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer_wish);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
    return h;
}

static void cancel_all(struct calls *list)
{
    struct http_call *c;
    while ((c = TAILQ_FIRST(list)) != NULL)
        http_cancel(c);
}

void http_free(struct http *h)
{
    if (h == NULL)
        return;
    timer_cancel(h->soon);
    cancel_all(&h->finished);
    struct http_peer *p;
    while ((p = TAILQ_FIRST(&h->peers)) != NULL) {
        cancel_all(&p->queue);
        cancel_all(&p->resting);
        cancel_all(&p->flying);
        timer_cancel(p->turn);
        p->turn = NULL;
        TAILQ_REMOVE(&h->peers, p, link);
        p->http = NULL;
    }
    curl_multi_cleanup(h->multi);
    while (!LIST_EMPTY(&h->sockets))
        close_socket(LIST_FIRST(&h->sockets));
    uv_timer_stop(h->timer);
    uv_close((uv_handle_t *)h->timer, free_handle);
    if (h->telling)
        h->closed = true; /* by a callback: whoever called that frees it */
    else
        free(h);
}
