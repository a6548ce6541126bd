/* http.h: the HTTP client: libcurl's multi interface on the loop.
 *
 * A `peer` is one outside system: base URL, how to sign in, TLS, rate limit, concurrency, time limits. All
 * requests to a system go through its peer, queue there, and end in exactly one callback on the loop's
 * thread, never from inside http_send itself. Bodies from outside are bounded. Redirects are followed only to
 * the same origin (scheme, host, port), so credentials never go elsewhere; a redirect elsewhere without
 * credentials is possible per request (`follow_away`). Credentials are redacted from every log line and
 * error.
 *
 * Retries: only when the request says it is safe (`repeatable`): connection errors, 429, 502, 503, 504, with
 * exponential back-off and full jitter, honouring Retry-After (seconds or date, at most
 * `retry_after_max_ms`). For others a 429/503 with Retry-After is retried too, because the server says it did
 * not act (`refused_is_safe`, on by default). */
#ifndef SB_NET_HTTP_H
#define SB_NET_HTTP_H

#include "base/arena.h"
#include "base/error.h"
#include "base/secret.h"
#include "net/loop.h"
#include <jansson.h>

struct http;      /* one for a loop */
struct http_peer; /* one for an outside system */
struct http_call; /* one request under way */

struct http *http_new(struct loop *l);
/* `fn(ctx)` is called whenever libcurl is about to send or receive something, and may cancel calls: a process that
 * was stopped in between finds out whether it may still send. */
void http_before(struct http *h, void (*fn)(void *ctx), void *ctx);
void http_free(struct http *h); /* drops all calls without calling back; not from inside on_body */

enum http_auth { HTTP_AUTH_NONE, HTTP_AUTH_BASIC, HTTP_AUTH_BEARER, HTTP_AUTH_HEADER };

struct http_peer_options {
    const char *name;        /* "jenkins": in errors and logs */
    const char *base_url;    /* http(s)://host[:port][/path]; no user info, query or fragment */
    const char *unix_socket; /* connect here instead (the CLI to a running server), or NULL */
    enum http_auth auth;
    const char *user;            /* basic */
    struct secret secret;        /* basic password, bearer token, or header value; read for each request */
    const char *auth_header;     /* HTTP_AUTH_HEADER: "Authorization" by default */
    const char *auth_prefix;     /* put before the value: "OAuth ", "GenieKey " */
    const char *ca_file;         /* PEM; NULL = system roots. Verification cannot be switched off ... */
    bool insecure;               /* ... but by this, which doctor complains about */
    const char *tls_server_name; /* verified name when it differs from the host, or NULL */
    const char *ca_pem, *client_cert_pem, *client_key_pem; /* PEM text in memory (kubeconfig), or NULL */
    const char *proxy;          /* or NULL: from the environment (https_proxy, no_proxy) */
    double per_second;          /* rate limit; 0 = none */
    int burst;                  /* requests that may go at once under it; default 1 */
    int concurrency;            /* default 8 */
    int connect_ms, total_ms;   /* default 5,000 and 30,000 */
    int tries;                  /* default 4 */
    int64_t retry_after_max_ms; /* default 120,000 */
    size_t body_max;            /* default 16 MiB */
    bool session_cookies;       /* keep cookies (Jenkins crumbs) */
};

/* Checks the URL. Copies all it needs. NULL on error. */
struct http_peer *http_peer_new(struct http *h, const struct http_peer_options *o, struct error *err);
void http_peer_free(struct http_peer *p); /* cancels its calls without calling back; fine from any callback */
/* Replaces the sign-in (a token that was fetched or refreshed). `value` is copied and wiped later. */
void http_peer_token(struct http_peer *p, enum http_auth kind, const char *value);
/* Replaces a TLS client certificate; open connections are dropped. */
void http_peer_client_cert(struct http_peer *p, const char *cert_pem, const char *key_pem);

struct http_request {
    const char *method;       /* "GET", "POST", ... */
    const char *path;         /* joined to the base URL; begins with '/'; already encoded, with its query.
                               * Or an absolute URL, for which credentials are sent only when it has the peer's origin. */
    const char *content_type; /* of the body */
    const void *body;
    size_t body_len;
    const char *const *headers; /* "Name: value", NULL-terminated, or NULL */
    const char *what;           /* for errors: "start build of deploy" */
    bool repeatable;            /* sending it twice has no second effect: may be retried */
    bool no_retry;              /* never retry, not even a refusal */
    bool follow;                /* follow redirects within the origin (default: the 3xx is the answer) */
    bool follow_away;           /* and, without credentials, to other origins */
    int total_ms;               /* overrides the peer's; -1 = none (watches, long polls) */
    int idle_ms;                /* end it when no byte came for so long; 0 = off */
    size_t body_max;            /* overrides the peer's */
    /* When set, body bytes go here as they come and reply.body stays empty. Return false to end the call
     * (SB_LIMIT). */
    bool (*on_body)(void *ctx, const char *bytes, size_t n);
};

struct http_reply {
    int status;         /* 0 = no answer (see error) */
    struct error error; /* set when status is 0, the body was too large, or the call was cut off */
    bool maybe_sent;  /* with status 0: true unless it is certain that the server never got the whole request
                       * (never connected);  an effect that was maybe sent is in doubt */
    const char *body; /* NUL-terminated; valid during the callback */
    size_t body_len;
    const char *content_type;
    int64_t server_date_ms; /* of the Date header; 0 = none (doctor: clock skew) */
    int64_t took_ms;        /* since http_send, with all waiting */
    int tries;
    const struct http_call *call; /* for http_reply_header */
};

typedef void http_done_fn(void *ctx, const struct http_reply *reply);

/* Copies the request (strings, body). The callback comes once, later, on the loop; unless the call is
 * cancelled. */
struct http_call *http_send(struct http_peer *p, const struct http_request *r, http_done_fn *done, void *ctx);
void http_cancel(struct http_call *c);
/* A header of the answer (any case), or NULL. Valid during the callback. */
const char *http_reply_header(const struct http_reply *r, const char *name);

/* 2xx? Otherwise fills `err` with system, what, method and path, status, and the server's own words
 * (`message`, `error`, `errorMessages`, `title` ... of a JSON body, else the first line of text), bounded and
 * redacted. */
MUST_USE bool http_ok(const struct http_peer *p, const struct http_request *r, const struct http_reply *reply,
                      struct error *err);
/* http_ok and the body as JSON. New reference or NULL. */
json_t *http_json(const struct http_peer *p, const struct http_request *r, const struct http_reply *reply,
                  struct error *err);

/* For tests and /metrics. */
struct http_stats {
    uint64_t sent, retried, failed, bytes_in;
    uint64_t took_ms; /* of the calls that have ended, with all waiting */
    int in_flight, queued;
};
struct http_stats http_peer_stats(const struct http_peer *p);
void http_each_peer(const struct http *h,
                    void (*each)(void *ctx, const char *name, const struct http_stats *s), void *ctx);

#endif
