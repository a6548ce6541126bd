#include "base/hash.h"
#include "base/log.h"
#include "net/http_internal.h"
#include <string.h>
#include <strings.h>

enum {
    CONCURRENCY_DEFAULT = 8,
    CONNECT_MS_DEFAULT = 5000,
    TOTAL_MS_DEFAULT = 30000,
    TRIES_DEFAULT = 4,
    RETRY_AFTER_MAX_DEFAULT = 120000,
    BODY_MAX_DEFAULT = 16 << 20,
};

/* A part of a parsed URL in the arena, or NULL when it has none. */
static const char *url_part(CURLU *u, CURLUPart part, unsigned flags, struct arena *a)
{
    char *text = NULL;
    if (curl_url_get(u, part, &text, flags) != CURLUE_OK)
        return NULL;
    const char *copy = arena_strdup(a, text);
    curl_free(text);
    return copy;
}

static bool is_http(const char *scheme)
{
    return scheme != NULL && (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);
}

static const char *lower(struct arena *a, const char *s)
{
    char *out = arena_strdup(a, s);
    for (char *c = out; *c != '\0'; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
    return out;
}

const char *url_origin(struct arena *a, const char *url)
{
    const char *origin = NULL;
    CURLU *u = curl_url();
    if (u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        url_part(u, CURLUPART_USER, 0, a) == NULL) {
        const char *scheme = url_part(u, CURLUPART_SCHEME, 0, a);
        const char *host = url_part(u, CURLUPART_HOST, 0, a);
        const char *port = url_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, a);
        if (is_http(scheme) && host != NULL && port != NULL)
            origin = lower(a, arena_printf(a, "%s://%s:%s", scheme, host, port));
    }
    curl_url_cleanup(u);
    return origin;
}

static bool is_loopback(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0;
}

static bool read_base_url(struct http_peer *p, const char *url, struct error *err)
{
    struct arena *a = &p->arena;
    CURLU *u = curl_url();
    bool parsed = u != NULL && url != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK;
    const char *scheme = parsed ? url_part(u, CURLUPART_SCHEME, 0, a) : NULL;
    bool more = parsed &&
                (url_part(u, CURLUPART_USER, 0, a) != NULL || url_part(u, CURLUPART_PASSWORD, 0, a) != NULL ||
                 url_part(u, CURLUPART_QUERY, 0, a) != NULL || url_part(u, CURLUPART_FRAGMENT, 0, a) != NULL);
    if (parsed) {
        p->host = url_part(u, CURLUPART_HOST, 0, a);
        p->port = arena_strdup(a, url_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, a));
    }
    curl_url_cleanup(u);
    /* The URL itself is not quoted when it has more: that may be a password. */
    if (more)
        return error_set(
            err, SB_RANGE,
            "%s: the URL may have no user, password, query or fragment: a password belongs in a secret",
            p->o.name);
    if (!is_http(scheme) || p->host == NULL || !call_text_is_clean(url))
        return error_set(err, SB_PARSE, "%s: \"%s\" is not a URL like https://host/path", p->o.name,
                         url != NULL ? url : "");

    char *base = arena_strdup(a, url);
    for (size_t n = strlen(base); n > 0 && base[n - 1] == '/'; n--)
        base[n - 1] = '\0';
    p->o.base_url = base;
    p->origin = url_origin(a, base);
    p->own_proxy_rules = is_loopback(p->host);
    return p->origin != NULL ||
           error_set(err, SB_PARSE, "%s: \"%s\" is not a URL like https://host/path", p->o.name, url);
}

static void set_defaults(struct http_peer_options *o)
{
    o->concurrency = o->concurrency > 0 ? o->concurrency : CONCURRENCY_DEFAULT;
    o->connect_ms = o->connect_ms > 0 ? o->connect_ms : CONNECT_MS_DEFAULT;
    o->total_ms = o->total_ms != 0 ? o->total_ms : TOTAL_MS_DEFAULT;
    o->tries = o->tries > 0 ? o->tries : TRIES_DEFAULT;
    o->retry_after_max_ms = o->retry_after_max_ms > 0 ? o->retry_after_max_ms : RETRY_AFTER_MAX_DEFAULT;
    o->body_max = o->body_max > 0 ? o->body_max : BODY_MAX_DEFAULT;
    o->auth_header = o->auth_header != NULL ? o->auth_header : "Authorization";
    o->auth_prefix = o->auth_prefix != NULL ? o->auth_prefix : "";
}

static void own_strings(struct http_peer_options *o, struct arena *a)
{
    const char **all[] = {&o->name,        &o->unix_socket, &o->user,    &o->secret.ref,
                          &o->auth_header, &o->auth_prefix, &o->ca_file, &o->tls_server_name,
                          &o->ca_pem,      &o->proxy};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        *all[i] = arena_strdup(a, *all[i]);
}

struct http_peer *http_peer_new(struct http *h, const struct http_peer_options *o, struct error *err)
{
    struct http_peer *p = NET_NEW(struct http_peer);
    p->references = 1;
    p->arena = arena_make();
    p->o = *o;
    p->o.name = o->name != NULL ? o->name : "http";
    set_defaults(&p->o);
    own_strings(&p->o, &p->arena);
    TAILQ_INIT(&p->queue);
    TAILQ_INIT(&p->flying);
    TAILQ_INIT(&p->resting);
    if (!read_base_url(p, o->base_url, err)) {
        peer_unref(p);
        return NULL;
    }
    p->http = h;
    TAILQ_INSERT_TAIL(&h->peers, p, link);
    p->auth = o->auth;
    p->bucket = bucket_make(o->per_second, o->burst, loop_mono_ms());
    http_peer_client_cert(p, o->client_cert_pem, o->client_key_pem);
    p->o.client_cert_pem = p->o.client_key_pem = NULL;
    if (o->session_cookies) {
        p->cookies = curl_share_init();
        curl_share_setopt(p->cookies, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
    }
    return p;
}

void peer_unref(struct http_peer *p)
{
    if (--p->references > 0)
        return;
    secret_wipe(p->token);
    secret_wipe(p->key_pem);
    free(p->cert_pem);
    if (p->cookies != NULL)
        curl_share_cleanup(p->cookies);
    arena_free(&p->arena);
    free(p);
}

/* Finished calls that wait for their callback are the client's list; those of this peer go as well. */
static void drop_finished(struct http_peer *p)
{
    struct http_call *c = TAILQ_FIRST(&p->http->finished);
    while (c != NULL) {
        struct http_call *next = TAILQ_NEXT(c, link);
        if (c->peer == p)
            http_cancel(c);
        c = next;
    }
}

void http_peer_free(struct http_peer *p)
{
    if (p == NULL)
        return;
    struct calls *lists[] = {&p->queue, &p->resting, &p->flying};
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        while (!TAILQ_EMPTY(lists[i]))
            http_cancel(TAILQ_FIRST(lists[i]));
    }
    timer_cancel(p->turn);
    p->turn = NULL;
    p->closed = true;
    if (p->http != NULL) {
        drop_finished(p);
        TAILQ_REMOVE(&p->http->peers, p, link);
        p->http = NULL;
    }
    peer_unref(p);
}

void http_peer_token(struct http_peer *p, enum http_auth kind, const char *value)
{
    secret_wipe(p->token);
    p->auth = kind;
    p->token = net_strdup(value);
    if (value != NULL)
        log_redact(value);
}

/* libcurl uses an open connection again only for the same certificate, so the ones with the old one fall out
 * of use. */
void http_peer_client_cert(struct http_peer *p, const char *cert_pem, const char *key_pem)
{
    secret_wipe(p->key_pem);
    free(p->cert_pem);
    p->cert_pem = net_strdup(cert_pem);
    p->key_pem = net_strdup(key_pem);
}

/* Starts what may start now; comes back when the rate allows the next. */
static void on_turn(void *ctx)
{
    struct http_peer *p = ctx;
    p->turn = NULL;
    while (!TAILQ_EMPTY(&p->queue) && p->stats.in_flight < p->o.concurrency) {
        int64_t wait = bucket_take(&p->bucket, loop_mono_ms());
        if (wait > 0) {
            p->turn = timer_start(p->http->loop, wait, on_turn, p);
            return;
        }
        call_start(TAILQ_FIRST(&p->queue));
    }
}

void peer_wake(struct http_peer *p)
{
    if (p->turn == NULL && !p->closed && p->http != NULL && !TAILQ_EMPTY(&p->queue))
        p->turn = timer_start(p->http->loop, 0, on_turn, p);
}

struct http_stats http_peer_stats(const struct http_peer *p)
{
    return p->stats;
}

void http_each_peer(const struct http *h,
                    void (*each)(void *ctx, const char *name, const struct http_stats *s), void *ctx)
{
    const struct http_peer *p;
    TAILQ_FOREACH(p, &h->peers, link)
    each(ctx, p->o.name, &p->stats);
}
