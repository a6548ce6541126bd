/* http_internal.h: what the files of the HTTP client share.
 *
 *   http.c       libcurl's multi handle on the loop: sockets, its timer, finished transfers
 *   http_peer.c  peers: their options, their queue, their rate
 *   http_call.c  one call: its states, redirects, retries, its end
 *   http_try.c   one try of a call: a libcurl handle made from call and peer, and what it reports back
 *   http_words.c an answer as an error text, or as JSON
 *
 * A peer lives until its owner freed it AND its last call is gone, so a callback may free its own peer. */
#ifndef SB_NET_HTTP_INTERNAL_H
#define SB_NET_HTTP_INTERNAL_H

#include "base/buf.h"
#include "net/alloc.h"
#include "net/http.h"
#include "net/pace.h"
#include <curl/curl.h>
#include <sys/queue.h>

enum call_state {
    CALL_QUEUED,    /* waits for its turn at the peer */
    CALL_FLYING,    /* libcurl has it */
    CALL_RESTING,   /* waits for its next try */
    CALL_FINISHED,  /* waits for its callback to be called */
    CALL_TELLING,   /* inside its callback */
    CALL_CANCELLED, /* cancelled inside libcurl, which lets nothing be removed there: waits for it to return
                     */
};

TAILQ_HEAD(calls, http_call);
TAILQ_HEAD(peers, http_peer);
LIST_HEAD(sockets, http_socket);

struct http {
    struct loop *loop;
    CURLM *multi;
    uv_timer_t *timer;  /* libcurl's */
    struct timer *soon; /* finished calls that wait for a moment outside http_send */
    struct peers peers;
    struct sockets sockets;
    struct calls finished, cancelled;
    void (*before)(void *ctx); /* NULL: nobody wants to know */
    void *before_ctx;
    bool in_curl; /* a callback of libcurl is running: handles may not be added or removed */
    bool in_timeout;
    bool telling, closed;
};

struct http_peer {
    struct http *http; /* NULL once the client is gone */
    TAILQ_ENTRY(http_peer) link;
    int references; /* its owner, and each call */
    bool closed;
    struct arena arena; /* of the strings of `o` */
    struct http_peer_options o;
    const char *origin; /* "https://host:443" */
    const char *host;   /* with brackets when it is an IPv6 address */
    char *port;
    bool own_proxy_rules; /* loopback: the environment's proxies are not for it */
    enum http_auth auth;
    char *token; /* given by http_peer_token; NULL = read the secret */
    char *cert_pem, *key_pem;
    CURLSH *cookies;
    struct bucket bucket;
    struct calls queue, flying, resting;
    struct timer *turn; /* looks at the queue then */
    struct http_stats stats;
};

struct http_call {
    TAILQ_ENTRY(http_call) link; /* in the list that belongs to `state` */
    enum call_state state;
    struct http_peer *peer;
    http_done_fn *done;
    void *ctx;
    struct arena arena;
    struct http_request r; /* own copies */
    struct timer *timer;   /* flying: idle; resting: the next try */
    int64_t began_ms;
    int tries;
    bool maybe_sent; /* some try may have reached the server */

    const char *first_url;
    bool first_away;

    /* where it is, after redirects */
    const char *url, *method;
    bool without_body;
    bool away; /* left the peer's origin: no credentials from here on */
    int hops;

    /* the present try */
    CURL *easy;
    struct curl_slist *headers, *connect_to;
    char curl_says[CURL_ERROR_SIZE];
    struct buf body;
    size_t header_bytes;
    int64_t last_byte_ms;
    int status;     /* of complete headers; 0 before */
    bool delivered; /* on_body has had bytes */
    bool too_large, unwanted, idle;

    struct error error;
};

/* http.c */
void http_tell_soon(struct http *h);

/* http_peer.c */
void peer_unref(struct http_peer *p);
void peer_wake(struct http_peer *p); /* has the queue looked at, soon */
/* "https://host:443" of a URL, in the arena; NULL when it is no http(s) URL, or has user info. */
const char *url_origin(struct arena *a, const char *url);

/* http_call.c */
void call_start(struct http_call *c);                 /* from the queue to libcurl */
void call_landed(struct http_call *c, CURLcode code); /* libcurl is through with it */
void call_tell(struct http_call *c);                  /* the callback; frees the call */
void call_free(struct http_call *c);                  /* from no list */
bool call_text_is_clean(const char *s);               /* no spaces, no control characters */

/* http_try.c */
MUST_USE bool try_begin(struct http_call *c, struct error *err);
void try_end(struct http_call *c); /* frees the handle and what hangs on it */
const char *try_header(const struct http_call *c, const char *name);
/* What went wrong with a try that libcurl ended with `code`; false = nothing. `again` = another try may help.
 */
bool try_failed(struct http_call *c, CURLcode code, struct error *err, bool *again);

#endif
