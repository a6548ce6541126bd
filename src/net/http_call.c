#include "base/hash.h"
#include "base/log.h"
#include "net/http_internal.h"
#include <string.h>
#include <strings.h>

enum { HOPS_MAX = 5 };

/* ---- making ---- */

bool call_text_is_clean(const char *s)
{
    for (; *s != '\0'; s++) {
        if ((unsigned char)*s <= 0x20 || *s == 0x7f)
            return false;
    }
    return true;
}

static bool header_is_clean(const char *h)
{
    return strchr(h, ':') != NULL && strpbrk(h, "\r\n") == NULL;
}

static const char *const *own_headers(struct arena *a, const char *const *headers)
{
    size_t n = 0;
    while (headers != NULL && headers[n] != NULL)
        n++;
    const char **own = ARENA_ARRAY(a, n + 1, const char *);
    for (size_t i = 0; i < n; i++)
        own[i] = arena_strdup(a, headers[i]);
    return own;
}

static void own_request(struct http_call *c, const struct http_request *r)
{
    struct arena *a = &c->arena;
    c->r = *r;
    c->r.method = arena_strdup(a, r->method != NULL ? r->method : "GET");
    c->r.path = arena_strdup(a, r->path != NULL ? r->path : "");
    c->r.content_type = arena_strdup(a, r->content_type);
    c->r.body = r->body != NULL ? arena_strndup(a, r->body, r->body_len) : NULL;
    c->r.headers = own_headers(a, r->headers);
    c->r.what = arena_strdup(a, r->what);
}

static bool request_is_sound(const struct http_call *c, struct error *err)
{
    const struct http_request *r = &c->r;
    bool absolute = strncmp(r->path, "http://", 7) == 0 || strncmp(r->path, "https://", 8) == 0;
    if ((r->path[0] != '/' && !absolute) || !call_text_is_clean(r->path) || r->method[0] == '\0' ||
        !call_text_is_clean(r->method))
        return error_set(err, SB_INTERNAL,
                         "method and path of a request must be encoded, and the path begins with '/'");
    for (const char *const *h = r->headers; *h != NULL; h++) {
        if (!header_is_clean(*h))
            return error_set(err, SB_INTERNAL,
                             "a header of the request is no \"Name: value\" or holds a line break");
    }
    return true;
}

/* An absolute URL of another origin starts away. False when it is none that we speak. */
static bool find_start(struct http_call *c, struct error *err)
{
    if (c->r.path[0] == '/') {
        c->first_url = arena_printf(&c->arena, "%s%s", c->peer->o.base_url, c->r.path);
        return true;
    }
    const char *origin = url_origin(&c->arena, c->r.path);
    if (origin == NULL)
        return error_set(err, SB_INTERNAL, "the address of the request is not a URL like https://host/path");
    c->first_url = c->r.path;
    c->first_away = strcmp(origin, c->peer->origin) != 0;
    return true;
}

/* Where a call begins, and begins again when it is tried again, redirects or not. */
static void aim(struct http_call *c)
{
    c->hops = 0;
    c->url = c->first_url;
    c->away = c->first_away;
    c->method = c->r.method;
    c->without_body = false;
}

static void finish(struct http_call *c)
{
    c->state = CALL_FINISHED;
    TAILQ_INSERT_TAIL(&c->peer->http->finished, c, link);
    c->peer->stats.took_ms += (uint64_t)(loop_mono_ms() - c->began_ms);
    if (c->status == 0 || c->error.code != SB_OK)
        c->peer->stats.failed++;
}

struct http_call *http_send(struct http_peer *p, const struct http_request *r, http_done_fn *done, void *ctx)
{
    struct http_call *c = NET_NEW(struct http_call);
    c->peer = p;
    c->done = done;
    c->ctx = ctx;
    c->arena = arena_make();
    c->began_ms = loop_mono_ms();
    p->references++;
    own_request(c, r);
    if (!request_is_sound(c, &c->error) || !find_start(c, &c->error)) {
        finish(c);
        http_tell_soon(p->http);
        return c;
    }
    aim(c);
    c->state = CALL_QUEUED;
    TAILQ_INSERT_TAIL(&p->queue, c, link);
    p->stats.queued++;
    peer_wake(p);
    return c;
}

/* ---- leaving lists ---- */

void call_free(struct http_call *c)
{
    timer_cancel(c->timer);
    try_end(c);
    buf_free(&c->body);
    arena_free(&c->arena);
    peer_unref(c->peer);
    free(c);
}

/* Out of the air: it counts no more at its peer, and its place can be taken. */
static void leave_air(struct http_call *c)
{
    TAILQ_REMOVE(&c->peer->flying, c, link);
    c->peer->stats.in_flight--;
    timer_cancel(c->timer);
    c->timer = NULL;
    peer_wake(c->peer);
}

void http_cancel(struct http_call *c)
{
    if (c == NULL)
        return;
    struct http_peer *p = c->peer;
    switch (c->state) {
    case CALL_QUEUED:
        TAILQ_REMOVE(&p->queue, c, link);
        p->stats.queued--;
        break;
    case CALL_RESTING:
        TAILQ_REMOVE(&p->resting, c, link);
        p->stats.queued--;
        break;
    case CALL_FINISHED:
        TAILQ_REMOVE(&p->http->finished, c, link);
        break;
    case CALL_FLYING:
        leave_air(c);
        if (p->http->in_curl) {
            c->state = CALL_CANCELLED;
            TAILQ_INSERT_TAIL(&p->http->cancelled, c, link);
            return;
        }
        curl_multi_remove_handle(p->http->multi, c->easy);
        break;
    case CALL_TELLING:
    case CALL_CANCELLED:
        return;
    }
    call_free(c);
}

/* ---- flying ---- */

static void on_idle(void *ctx)
{
    struct http_call *c = ctx;
    struct http *h = c->peer->http;
    int64_t left = c->last_byte_ms + c->r.idle_ms - loop_mono_ms();
    c->timer = NULL;
    if (left > 0) {
        c->timer = timer_start(h->loop, left, on_idle, c);
        return;
    }
    c->idle = true;
    call_landed(c, CURLE_OPERATION_TIMEDOUT);
    http_tell_soon(h);
}

void call_start(struct http_call *c)
{
    struct http_peer *p = c->peer;
    TAILQ_REMOVE(&p->queue, c, link);
    p->stats.queued--;
    c->tries += c->hops == 0;
    if (!try_begin(c, &c->error)) {
        c->status = 0;
        finish(c);
        http_tell_soon(p->http);
        return;
    }
    c->state = CALL_FLYING;
    TAILQ_INSERT_TAIL(&p->flying, c, link);
    p->stats.in_flight++;
    p->stats.sent++;
    if (c->r.idle_ms > 0)
        c->timer = timer_start(p->http->loop, c->r.idle_ms, on_idle, c);
    curl_multi_add_handle(p->http->multi, c->easy);
}

/* Back to the head of the queue: it has waited longer than those behind it. */
static void queue_first(struct http_call *c)
{
    c->state = CALL_QUEUED;
    TAILQ_INSERT_HEAD(&c->peer->queue, c, link);
    c->peer->stats.queued++;
    peer_wake(c->peer);
}

static void on_rested(void *ctx)
{
    struct http_call *c = ctx;
    c->timer = NULL;
    TAILQ_REMOVE(&c->peer->resting, c, link);
    c->peer->stats.queued--;
    queue_first(c);
}

static void rest(struct http_call *c, int64_t ms)
{
    log_debug("net", "%s: try %d of %s ended with %d; the next is in %lld ms", c->peer->o.name, c->tries,
              c->r.method, c->status, (long long)ms);
    aim(c);
    c->state = CALL_RESTING;
    TAILQ_INSERT_TAIL(&c->peer->resting, c, link);
    c->peer->stats.queued++;
    c->peer->stats.retried++;
    c->timer = timer_start(c->peer->http->loop, ms, on_rested, c);
}

static int64_t server_date_ms(const struct http_call *c)
{
    const char *date = c->easy != NULL ? try_header(c, "Date") : NULL;
    time_t when = date != NULL ? curl_getdate(date, NULL) : -1;
    return when > 0 ? (int64_t)when * 1000 : 0;
}

/* The pause until the next try, or -1 when there must be none. */
static int64_t pause_before_next(struct http_call *c, bool may_help)
{
    const struct http_peer *p = c->peer;
    if (c->r.no_retry || c->tries >= p->o.tries || c->delivered)
        return -1;
    bool answered = c->error.code == SB_OK;
    bool refused = answered && (c->status == 429 || c->status == 503);
    bool busy = refused || (answered && (c->status == 502 || c->status == 504));
    int64_t wish =
        refused ? retry_after_ms(try_header(c, "Retry-After"), server_date_ms(c), loop_wall_ms()) : -1;
    bool safe = c->r.repeatable ? may_help || busy : wish >= 0;
    if (!safe || wish > p->o.retry_after_max_ms)
        return -1;
    uint64_t chance;
    random_bytes(&chance, sizeof chance);
    int64_t pause = backoff_ms(c->tries, chance);
    return pause > wish ? pause : wish;
}

/* The absolute URL that a Location names, or NULL. */
static const char *resolve(struct arena *a, const char *base, const char *location)
{
    const char *out = NULL;
    char *text = NULL;
    CURLU *u = curl_url();
    if (u != NULL && curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_URL, location, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_URL, &text, CURLU_URLENCODE) == CURLUE_OK)
        out = arena_strdup(a, text);
    curl_free(text);
    curl_url_cleanup(u);
    return out != NULL && call_text_is_clean(out) ? out : NULL;
}

static bool is_safe_method(const char *m)
{
    return strcmp(m, "GET") == 0 || strcmp(m, "HEAD") == 0;
}

/* Takes the call to where a redirect points, when it may go there. Once away from the peer's origin it gets
 * no credentials again, not even when it is sent back. */
static bool redirected(struct http_call *c)
{
    bool is_redirect = (c->status >= 301 && c->status <= 303) || c->status == 307 || c->status == 308;
    const char *location =
        is_redirect && (c->r.follow || c->r.follow_away) ? try_header(c, "Location") : NULL;
    const char *url = location != NULL && c->hops < HOPS_MAX ? resolve(&c->arena, c->url, location) : NULL;
    const char *origin = url != NULL ? url_origin(&c->arena, url) : NULL;
    if (origin == NULL)
        return false;
    bool to_get = !is_safe_method(c->method) && c->status <= 303 &&
                  (c->status == 303 || strcmp(c->method, "POST") == 0);
    bool away = c->away || strcmp(origin, c->peer->origin) != 0;
    if (away && (!c->r.follow_away || (!is_safe_method(c->method) && !to_get)))
        return false;
    c->hops++;
    c->url = url;
    c->away = away;
    if (to_get) {
        c->method = "GET";
        c->without_body = true;
    }
    return true;
}

/* Did anything of the request leave? Before the connection was there (name, connect, proxy, TLS), nothing
 * did. */
static void note_sent(struct http_call *c)
{
    long request_bytes = 0;
    curl_off_t transfer_us = 0;
    curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    curl_easy_getinfo(c->easy, CURLINFO_PRETRANSFER_TIME_T, &transfer_us);
    c->maybe_sent = c->maybe_sent || (request_bytes > 0 && transfer_us > 0) || c->status > 0;
}

void call_landed(struct http_call *c, CURLcode code)
{
    curl_multi_remove_handle(c->peer->http->multi, c->easy);
    leave_air(c);
    note_sent(c);
    c->error = ERROR_NONE;
    bool may_help = false;
    bool failed = try_failed(c, code, &c->error, &may_help);
    int64_t pause = pause_before_next(c, may_help);
    if (pause >= 0)
        rest(c, pause);
    else if (!failed && redirected(c))
        queue_first(c);
    else
        finish(c);
}

/* ---- the end ---- */

void call_tell(struct http_call *c)
{
    c->state = CALL_TELLING;
    struct http_reply reply = {
        .status = c->status,
        .error = c->error,
        .maybe_sent = c->maybe_sent,
        .body = buf_str(&c->body),
        .body_len = c->body.len,
        .content_type = c->easy != NULL ? try_header(c, "Content-Type") : NULL,
        .server_date_ms = server_date_ms(c),
        .took_ms = loop_mono_ms() - c->began_ms,
        .tries = c->tries,
        .call = c,
    };
    c->done(c->ctx, &reply);
    call_free(c);
}

const char *http_reply_header(const struct http_reply *r, const char *name)
{
    return r->call != NULL && r->call->easy != NULL ? try_header(r->call, name) : NULL;
}
