/* server_internal.h: what the files of the server share. server.c owns the daemon and the life of an
 * exchange, answer.c what is sent back, request.c what came in, listen.c the listening socket. */
#ifndef SB_NET_SERVER_INTERNAL_H
#define SB_NET_SERVER_INTERNAL_H

#include "base/buf.h"
#include "net/server.h"
#include <microhttpd.h>

struct server {
    struct loop *loop;
    server_handler *handler;
    void *ctx;
    struct MHD_Daemon *daemon;
    uv_poll_t *poll;   /* on the daemon's epoll descriptor */
    uv_timer_t *timer; /* when the daemon wants to be run without an event */
    uv_idle_t *soon;   /* when it wants that in the next round */
    bool resumed;      /* a connection was resumed since the daemon ran last */
    bool tls;
    size_t body_max;
    struct exchange *exchanges;
    char *unix_path; /* removed at the end; NULL unless the server bound it */
    int port;
    bool is_unix;
};

struct header {
    struct header *next;
    const char *name, *value;
};

struct pair {
    const char *name, *value;
};

struct pairs {
    bool read;
    int n;
    struct pair *at;
};

enum answer_state {
    ANSWER_NONE,   /* the handler has not answered yet */
    ANSWER_WHOLE,  /* answer_bytes and its kin */
    ANSWER_STREAM, /* being fed */
    ANSWER_ENDED,  /* stream whose last byte was given to us */
    ANSWER_RESET,  /* to be cut; a stream is cut after what it was given before */
};

struct exchange {
    struct server *server;
    struct exchange *next, *prev;
    struct MHD_Connection *conn;
    struct arena arena;
    struct server_request request;

    const char *bad; /* why the request is answered 400 */
    bool began;      /* its headers are read */
    bool handled;    /* the handler has seen it */
    bool too_large;
    struct buf body;
    size_t dropped; /* bytes of a body that is too large */
    struct pairs query, form;

    enum answer_state state;
    int status;
    struct header *headers, **headers_end;
    struct MHD_Response *response;
    bool queued; /* the daemon has the response */
    struct buf backlog;
    size_t backlog_sent, backlog_max;

    bool suspended;   /* out of the daemon's hands until resumed */
    bool gone;        /* the client left, or we cut it */
    uv_poll_t *watch; /* tells that the client left while suspended */

    void (*on_end)(void *ctx);
    void *on_end_ctx;
};

/* server.c */
void exchange_suspend(struct exchange *x);
void exchange_resume(struct exchange *x); /* nothing when it is not suspended */

/* request.c: fills path, raw_path and raw_query, or `bad`. */
void request_target(struct exchange *x, const char *target);
void request_peer(struct exchange *x);

/* listen.c: a bound, listening, non-blocking socket, or -1. Sets port, is_unix and unix_path of `s`. */
int listen_open(struct server *s, const struct server_options *o, struct error *err);
/* A whole small file (PEM), for free(); NULL on error. */
char *listen_read_pem(const char *path, struct error *err);

/* answer.c: hands the answer, when there is one, to the daemon; suspends when there is none yet. */
enum MHD_Result answer_settle(struct exchange *x);

#endif
