/* net_play.h: the stage for plays with the HTTP client: one of our servers whose paths say what it does, a
 * scripted server of bare sockets for what ours would never say, and a record of what each saw. */
#ifndef SB_TESTS_NET_PLAY_H
#define SB_TESTS_NET_PLAY_H

#include "net/http.h"
#include "net/server.h"
#include "raw.h"

struct play {
    struct loop *loop;
    struct http *http;
    struct server *server, *other; /* two origins */
    struct http_peer *peer;
    char url[64], other_url[64];
    /* what the servers saw */
    int requests, ended;
    char seen[4096]; /* "GET /path;" a request, at the first server */
    char other_seen[1024];
    char last_headers[1024]; /* of the last request at any server: those that tests ask about */
    char last_body[256];
    int64_t at_ms[64];
    struct exchange *held;
    int fail_first; /* so many requests to /flaky fail */
    char answer_header_name[64], answer_header_value[256];
};

/* What came back. */
struct got {
    int calls; /* of the callback */
    int status, tries;
    bool maybe_sent;
    struct error error;
    char body[8192], header[256], type[128];
    size_t body_len, streamed, stream_limit;
    int64_t date_ms;
    struct play *play;
    struct http_call *call;
};

static inline void got_it(void *ctx, const struct http_reply *r)
{
    struct got *g = ctx;
    g->calls++;
    g->status = r->status;
    g->tries = r->tries;
    g->maybe_sent = r->maybe_sent;
    g->error = r->error;
    g->body_len = r->body_len;
    g->date_ms = r->server_date_ms;
    snprintf(g->body, sizeof g->body, "%s", r->body);
    snprintf(g->type, sizeof g->type, "%s", r->content_type != NULL ? r->content_type : "");
    const char *h = http_reply_header(r, "x-answer");
    snprintf(g->header, sizeof g->header, "%s", h != NULL ? h : "");
}

static inline bool got_bytes(void *ctx, const char *bytes, size_t n)
{
    struct got *g = ctx;
    if (g->streamed < sizeof g->body - 1) {
        size_t room = sizeof g->body - 1 - g->streamed;
        memcpy(g->body + g->streamed, bytes, n < room ? n : room);
    }
    g->streamed += n;
    return g->stream_limit == 0 || g->streamed < g->stream_limit;
}

static inline void play_held_ended(void *ctx)
{
    struct play *p = ctx;
    p->ended++;
    p->held = NULL;
}

static inline void play_note(struct play *p, char *seen, size_t size, struct exchange *x)
{
    const struct server_request *r = exchange_request(x);
    size_t n = strlen(seen);
    snprintf(seen + n, size - n, "%s %s;", r->method, r->raw_path);
    static const char *const names[] = {"Authorization", "X-Own", "Cookie", "User-Agent",
                                        "Content-Type",  "Host",  "Expect"};
    p->last_headers[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *v = request_header(x, names[i]);
        n = strlen(p->last_headers);
        if (v != NULL)
            snprintf(p->last_headers + n, sizeof p->last_headers - n, "%s: %s\n", names[i], v);
    }
    snprintf(p->last_body, sizeof p->last_body, "%s", r->body);
    if (p->requests < (int)COUNT_OF(p->at_ms))
        p->at_ms[p->requests] = loop_mono_ms();
    p->requests++;
}

static inline void play_handler(void *ctx, struct exchange *x)
{
    struct play *p = ctx;
    const struct server_request *r = exchange_request(x);
    const char *path = r->path;
    play_note(p, p->seen, sizeof p->seen, x);
    answer_header(x, "X-Answer", "yes");
    if (p->answer_header_name[0] != '\0')
        answer_header(x, p->answer_header_name, p->answer_header_value);
    if (strncmp(path, "/hold", 5) == 0) {
        p->held = x;
        exchange_on_end(x, play_held_ended, p);
    } else if (strcmp(path, "/stream") == 0) {
        p->held = x;
        exchange_on_end(x, play_held_ended, p);
        answer_stream(x, 200, "text/event-stream", 64 << 20);
    } else if (strncmp(path, "/status/", 8) == 0) {
        answer_text(x, atoi(path + 8), "as you wish");
    } else if (strncmp(path, "/flaky/", 7) == 0) {
        if (p->fail_first-- > 0)
            answer_text(x, atoi(path + 7), "not now");
        else
            answer_text(x, 200, "now");
    } else if (strcmp(path, "/reset") == 0) {
        answer_reset(x);
    } else if (strcmp(path, "/big") == 0) {
        static char big[300000];
        memset(big, 'x', sizeof big);
        answer_bytes(x, 200, "text/plain", big, sizeof big);
    } else if (strncmp(path, "/go/", 4) == 0) {
        answer_header(x, "Location", request_query(x, "to"));
        answer_text(x, atoi(path + 4), "elsewhere");
    } else {
        answer_text(x, 200, "hello");
    }
}

static inline void play_other_handler(void *ctx, struct exchange *x)
{
    struct play *p = ctx;
    play_note(p, p->other_seen, sizeof p->other_seen, x);
    if (strcmp(exchange_request(x)->path, "/back") == 0) {
        answer_header(x, "Location", request_query(x, "to"));
        answer_text(x, 302, "back");
        return;
    }
    answer_text(x, 200, "from the other");
}

static inline struct server *play_server(struct play *p, server_handler *handler, char *url, size_t size)
{
    struct error err = ERROR_NONE;
    struct server_options o = {.address = "127.0.0.1:0", .body_max = 8 << 20};
    struct server *s = server_new(p->loop, &o, handler, p, &err);
    if (s == NULL)
        fail_msg("%s", err.text);
    snprintf(url, size, "http://127.0.0.1:%d", server_port(s));
    return s;
}

static inline struct http_peer *play_peer(struct play *p, struct http_peer_options o)
{
    struct error err = ERROR_NONE;
    o.name = o.name != NULL ? o.name : "stub";
    o.base_url = o.base_url != NULL ? o.base_url : p->url;
    struct http_peer *peer = http_peer_new(p->http, &o, &err);
    if (peer == NULL)
        fail_msg("%s", err.text);
    return peer;
}

static inline void play_open(struct play *p, struct http_peer_options o)
{
    memset(p, 0, sizeof *p);
    p->loop = loop_new();
    p->http = http_new(p->loop);
    p->server = play_server(p, play_handler, p->url, sizeof p->url);
    p->other = play_server(p, play_other_handler, p->other_url, sizeof p->other_url);
    p->peer = play_peer(p, o);
}

static inline void play_close(struct play *p)
{
    http_peer_free(p->peer);
    http_free(p->http);
    server_free(p->server);
    server_free(p->other);
    loop_free(p->loop);
}

/* Turns the loop until the callback came; false after `ms`. */
static inline bool play_wait(struct play *p, struct got *g, int ms)
{
    int64_t until = loop_mono_ms() + ms;
    while (g->calls == 0 && loop_mono_ms() < until) {
        loop_once(p->loop, false);
        usleep(100);
    }
    return g->calls > 0;
}

static inline struct got play_ask(struct play *p, struct http_peer *peer, struct http_request r)
{
    struct got g = {.play = p};
    http_send(peer, &r, got_it, &g);
    assert_int_equal(g.calls, 0);
    if (!play_wait(p, &g, 5000))
        fail_msg("no callback for %s %s", r.method ? r.method : "GET", r.path);
    return g;
}

/* ---- the scripted server ---- */

/* Answers the k-th connection's requests with the next line of its script. A line ending in "<close>" is sent
 * without that word, and the connection is closed after it; "<reset>" resets it. */
struct script {
    int listener, port;
    const char *const *lines; /* NULL-terminated */
    int next;
    int fds[16], n;
    int requests;
    char seen[8192];
};

static inline void script_open(struct script *s, const char *const *lines)
{
    memset(s, 0, sizeof *s);
    s->lines = lines;
    struct sockaddr_in at = {.sin_family = AF_INET};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(s->listener, 16), 0);
    socklen_t n = sizeof at;
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&at, &n), 0);
    s->port = ntohs(at.sin_port);
}

static inline void script_answer(struct script *s, int i)
{
    const char *line = s->lines[s->next];
    if (line == NULL)
        return;
    s->next++;
    size_t n = strlen(line);
    bool ends = n >= 7 && strcmp(line + n - 7, "<close>") == 0,
         resets = n >= 7 && strcmp(line + n - 7, "<reset>") == 0;
    n -= ends || resets ? 7 : 0;
    assert_int_equal(send(s->fds[i], line, n, MSG_NOSIGNAL), (ssize_t)n);
    if (resets)
        setsockopt(s->fds[i], SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    if (ends || resets) {
        close(s->fds[i]);
        s->fds[i] = -1;
    }
}

static inline void script_turn(struct script *s)
{
    int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && s->n < (int)COUNT_OF(s->fds))
        s->fds[s->n++] = fd;
    for (int i = 0; i < s->n; i++) {
        size_t had = strlen(s->seen);
        ssize_t n = s->fds[i] < 0 ? -1 : recv(s->fds[i], s->seen + had, sizeof s->seen - 1 - had, 0);
        if (n > 0 && strstr(s->seen + had, "\r\n\r\n") != NULL) {
            s->requests++;
            script_answer(s, i);
        }
    }
}

static inline void script_close(struct script *s)
{
    for (int i = 0; i < s->n; i++) {
        if (s->fds[i] >= 0)
            close(s->fds[i]);
    }
    close(s->listener);
}

static inline struct got script_ask(struct play *p, struct script *s, struct http_peer *peer,
                                    struct http_request r)
{
    struct got g = {.play = p};
    http_send(peer, &r, got_it, &g);
    int64_t until = loop_mono_ms() + 5000;
    while (g.calls == 0 && loop_mono_ms() < until) {
        loop_once(p->loop, false);
        script_turn(s);
        usleep(100);
    }
    assert_int_equal(g.calls, 1);
    return g;
}

#endif
