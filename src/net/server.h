/* server.h: the HTTP server: libmicrohttpd on the loop (external epoll, no thread of its own).
 *
 * A handler gets the whole request (body bounded) and answers at once or later; an answer can also be a
 * stream that is fed piece by piece (server-sent events, watches, logs). All on the loop's thread. */
#ifndef SB_NET_SERVER_H
#define SB_NET_SERVER_H

#include "base/arena.h"
#include "base/error.h"
#include "net/loop.h"
#include <jansson.h>

struct server;
struct exchange; /* one request and its answer to be */

struct server_request {
    const char *method;
    const char *path;      /* percent-decoded, without query; "/" at least; no NUL */
    const char *raw_path;  /* as sent, escapes and all, without query */
    const char *raw_query; /* as sent; "" when there is none */
    const char *body;      /* NUL-terminated */
    size_t body_len;
    uint32_t peer_uid; /* Unix socket: of the process at the other end; else UINT32_MAX */
    bool is_unix;
    const char *peer_address; /* "127.0.0.1", "" for a Unix socket */
    struct arena *arena;      /* lives as long as the exchange */
};

/* Any case; NULL when absent. */
const char *request_header(const struct exchange *x, const char *name);
/* Decoded query value; NULL when absent; "" when it has no value. */
const char *request_query(const struct exchange *x, const char *name);
/* The k-th value of a repeated query argument, or NULL. */
const char *request_query_nth(const struct exchange *x, const char *name, int k);
/* The same for a query that came another way: decoded value, in `a`; NULL when absent. */
const char *query_value(const char *raw_query, const char *name, struct arena *a);
/* Percent-decodes `n` bytes of a path, in `a`; NULL when an escape is broken or hides a NUL. */
char *path_decode(struct arena *a, const char *raw, size_t n);
/* Decoded value of a form body (application/x-www-form-urlencoded), or NULL. */
const char *request_form(const struct exchange *x, const char *name);
const struct server_request *exchange_request(const struct exchange *x);

typedef void server_handler(void *ctx, struct exchange *x);

struct server_options {
    const char *address;   /* "127.0.0.1:0", "[::1]:8080"; or NULL */
    const char *unix_path; /* or NULL; an old socket nobody listens on is replaced; mode 0600 */
    int listen_fd;   /* an open listening socket (systemd); looked at when neither of the two above is set */
    size_t body_max; /* default 1 MiB; more is answered 413 without asking the handler */
    int idle_s;      /* default 60 */
    int connections_max;                      /* default 4,096 */
    int connections_per_ip;                   /* 0 = no limit */
    const char *tls_cert_file, *tls_key_file; /* or NULL */
};

/* Listens at once, on one place. NULL on error. */
struct server *server_new(struct loop *l, const struct server_options *o, server_handler *handler, void *ctx,
                          struct error *err);
int server_port(const struct server *s); /* 0 for a Unix socket */
void server_free(struct server *s);      /* ends all exchanges; not from inside a handler or an on_end */

/* Adds a header to the answer; before answering. Line breaks in values are refused (dropped with a log line).
 */
void answer_header(struct exchange *x, const char *name, const char *value);
/* Ends the exchange: copies the body. Exactly one answer_* an exchange. */
void answer_bytes(struct exchange *x, int status, const char *content_type, const void *body, size_t n);
void answer_text(struct exchange *x, int status, const char *text);
void answer_json(struct exchange *x, int status, json_t *body); /* takes the reference */
/* Cuts the connection without an answer, or in the middle of a stream after what was written to it: the
 * yard's faults. TCP clients see a reset. */
void answer_reset(struct exchange *x);

/* Called when the client has gone or the exchange ended for any reason; the exchange is gone after it. Set by
 * those who answer later or stream. */
void exchange_on_end(struct exchange *x, void (*fn)(void *ctx), void *ctx);

/* A streamed answer. stream_write copies; it returns the bytes that wait to be sent, so a producer can stop
 * for a slow reader (writing 0 bytes only asks). Over `backlog_max` the connection is cut. After the client
 * has gone they do nothing until on_end is called. A stream outlives `idle_s` while it waits for its
 * producer, not while its reader stalls. */
void answer_stream(struct exchange *x, int status, const char *content_type, size_t backlog_max);
size_t stream_write(struct exchange *x, const void *bytes, size_t n);
void stream_end(struct exchange *x);

#endif
