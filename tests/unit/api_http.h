/* api_http.h: the API asked over sockets, with all that came back as text. */
#ifndef SB_TESTS_API_HTTP_H
#define SB_TESTS_API_HTTP_H

#include "api_play.h"

struct reply {
    struct raw raw;
    int status;
};

/* One request on a connection of its own; `r` keeps all that came back. */
static inline int send_raw(struct play *p, struct reply *r, bool local, const char *text)
{
    if (local)
        raw_connect_unix(&r->raw, p->socket);
    else
        raw_connect(&r->raw, server_port(p->tcp));
    raw_send(&r->raw, text);
    if (!raw_wait(&r->raw, p->loop, NULL, 60000))
        fail_msg("the connection did not end: %s", r->raw.in);
    raw_close(&r->raw);
    r->status = 0;
    (void)sscanf(r->raw.in, "HTTP/1.1 %d", &r->status);
    return r->status;
}

#define HEAD_OF(request) request " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
#define GET(path)        HEAD_OF("GET " path) "\r\n"

/* POST with a body; `headers` besides Host and Content-Length. */
static inline int post(struct play *p, struct reply *r, bool local, const char *path, const char *headers,
                       const char *body)
{
    _cleanup_buf_ struct buf b = {0};
    buf_printf(&b,
               "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n%s",
               path, headers, strlen(body), body);
    return send_raw(p, r, local, buf_str(&b));
}

#define JSON_TYPE "Content-Type: application/json\r\n"

#endif
