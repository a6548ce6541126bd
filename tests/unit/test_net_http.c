/* What the client sends, what it makes of answers, when it tries again, and what it never does twice. */
#include "check.h"
#include "net_play.h"
#include <fcntl.h>

static const struct http_peer_options quick = {.connect_ms = 2000, .total_ms = 2000, .tries = 3};

static void a_request_has_what_was_asked_for_and_says_who_we_are(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, quick);
    static const char *const headers[] = {"X-Own: mine", NULL};
    struct got g = play_ask(&p, p.peer,
                            (struct http_request){.method = "PUT",
                                                  .path = "/a%2Fb?c=d",
                                                  .content_type = "text/x",
                                                  .body = "body",
                                                  .body_len = 4,
                                                  .headers = headers});
    assert_int_equal(g.status, 200);
    assert_int_equal(g.error.code, SB_OK);
    assert_string_equal(g.body, "hello");
    assert_int_equal(g.body_len, 5);
    assert_string_equal(g.header, "yes");
    assert_string_equal(g.type, "text/plain; charset=utf-8");
    assert_true(llabs(g.date_ms - loop_wall_ms()) < 5000);
    assert_int_equal(g.tries, 1);
    assert_string_equal(p.seen, "PUT /a%2Fb;");
    assert_string_equal(p.last_body, "body");
    assert_non_null(strstr(p.last_headers, "User-Agent: signalbox/0."));
    assert_non_null(strstr(p.last_headers, "X-Own: mine\n"));
    assert_non_null(strstr(p.last_headers, "Content-Type: text/x\n"));
    g = play_ask(&p, p.peer, (struct http_request){.method = "POST", .path = "/empty"});
    assert_int_equal(g.status, 200);
    assert_null(strstr(p.last_headers, "Content-Type"));
    g = play_ask(&p, p.peer, (struct http_request){.method = "HEAD", .path = "/"});
    assert_int_equal(g.status, 200);
    assert_int_equal(g.body_len, 0);
    g = play_ask(&p, p.peer, (struct http_request){.method = "DELETE", .path = "/d"});
    assert_non_null(strstr(p.seen, "DELETE /d;"));
    play_close(&p);
}

static void a_large_body_goes_without_waiting_for_leave(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, quick);
    static char body[3 << 20];
    memset(body, 'b', sizeof body);
    struct got g =
        play_ask(&p, p.peer,
                 (struct http_request){.method = "POST", .path = "/", .body = body, .body_len = sizeof body});
    assert_int_equal(g.status, 200);
    assert_null(strstr(p.last_headers, "Expect"));
    play_close(&p);
}

static void each_way_of_signing_in_has_its_header(void **state)
{
    (void)state;
    setenv("SB_TEST_SECRET", "open-sesame", 1);
    static const struct {
        struct http_peer_options o;
        const char *header;
    } rows[] = {
        {{.auth = HTTP_AUTH_BASIC, .user = "ali", .secret = {"env:SB_TEST_SECRET"}},
         "Authorization: Basic YWxpOm9wZW4tc2VzYW1l\n"},
        {{.auth = HTTP_AUTH_BEARER, .secret = {"env:SB_TEST_SECRET"}}, "Authorization: Bearer open-sesame\n"},
        {{.auth = HTTP_AUTH_HEADER, .auth_prefix = "GenieKey ", .secret = {"env:SB_TEST_SECRET"}},
         "Authorization: GenieKey open-sesame\n"},
        {{.auth = HTTP_AUTH_HEADER, .auth_header = "X-Own", .secret = {"env:SB_TEST_SECRET"}},
         "X-Own: open-sesame\n"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct play p;
        play_open(&p, rows[i].o);
        play_ask(&p, p.peer, (struct http_request){.path = "/"});
        assert_non_null(strstr(p.last_headers, rows[i].header));
        http_peer_token(p.peer, HTTP_AUTH_BEARER, "second-token");
        play_ask(&p, p.peer, (struct http_request){.path = "/"});
        assert_non_null(strstr(p.last_headers, "Authorization: Bearer second-token\n"));
        http_peer_token(p.peer, HTTP_AUTH_BEARER, "bad\r\nX-Own: smuggled");
        struct got g = play_ask(&p, p.peer, (struct http_request){.path = "/"});
        assert_int_equal(g.error.code, SB_RANGE);
        assert_null(strstr(g.error.text, "smuggled"));
        play_close(&p);
    }
}

static void a_secret_that_cannot_be_read_ends_the_call_before_anything_is_sent(void **state)
{
    (void)state;
    unsetenv("SB_TEST_NO_SECRET");
    struct play p;
    play_open(&p, (struct http_peer_options){.auth = HTTP_AUTH_BEARER, .secret = {"env:SB_TEST_NO_SECRET"}});
    struct got g = play_ask(&p, p.peer, (struct http_request){.path = "/", .repeatable = true});
    assert_int_equal(g.status, 0);
    assert_false(g.maybe_sent);
    assert_non_null(strstr(g.error.text, "env:SB_TEST_NO_SECRET"));
    assert_int_equal(p.requests, 0);
    play_close(&p);
}

static void an_unsound_request_is_an_error_and_not_sent(void **state)
{
    (void)state;
    static const char *const broken[] = {"X-A: 1\r\nX-B: 2", NULL};
    static const char *const nameless[] = {"no colon", NULL};
    static const struct http_request rows[] = {
        {.path = "no/slash"},
        {.path = "/with space"},
        {.path = "/a\r\nb"},
        {.path = NULL},
        {.path = "/", .method = "GE T"},
        {.path = "ftp://127.0.0.1/"},
        {.path = "http://user:pw@127.0.0.1/"},
        {.path = "/", .headers = broken},
        {.path = "/", .headers = nameless},
    };
    struct play p;
    play_open(&p, quick);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct got g = play_ask(&p, p.peer, rows[i]);
        assert_int_equal(g.status, 0);
        assert_int_equal(g.error.code, SB_INTERNAL);
        assert_false(g.maybe_sent);
    }
    assert_int_equal(p.requests, 0);
    play_close(&p);
}

static void a_bad_base_url_is_refused_without_quoting_its_password(void **state)
{
    (void)state;
    static const char *const urls[] = {"ftp://h/",
                                       "h",
                                       "",
                                       "https://u:hunter22@h/",
                                       "https://h/?a=b",
                                       "https://h/#f",
                                       "file:///etc/passwd",
                                       "https://h/a b"};
    struct play p;
    play_open(&p, quick);
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct error err = ERROR_NONE;
        struct http_peer_options o = {.name = "jenkins", .base_url = urls[i]};
        assert_null(http_peer_new(p.http, &o, &err));
        assert_true(err.code == SB_PARSE || err.code == SB_RANGE);
        assert_non_null(strstr(err.text, "jenkins"));
        assert_null(strstr(err.text, "hunter22"));
    }
    play_close(&p);
}

/* ---- retries ---- */

static const struct {
    const char *path, *method;
    bool repeatable, no_retry;
    const char *retry_after;
    int fails, status, requests;
} retries[] = {
    /* path        method  rep.   no_r.  after  fails status requests */
    {"/flaky/503", "GET", true, false, NULL, 2, 200, 3},
    {"/flaky/502", "POST", true, false, NULL, 1, 200, 2},
    {"/flaky/504", "GET", true, false, NULL, 1, 200, 2},
    {"/flaky/429", "GET", true, false, NULL, 1, 200, 2},
    {"/flaky/503", "GET", true, false, NULL, 9, 503, 3},
    {"/flaky/503", "GET", true, true, NULL, 1, 503, 1},
    {"/flaky/500", "GET", true, false, NULL, 1, 500, 1},
    {"/flaky/404", "GET", true, false, NULL, 1, 404, 1},
    {"/flaky/503", "POST", false, false, NULL, 1, 503, 1},
    {"/flaky/503", "POST", false, false, "0", 1, 200, 2}, /* refused, so it did not act */
    {"/flaky/429", "POST", false, false, "0", 1, 200, 2},
    {"/flaky/502", "POST", false, false, "0", 1, 502, 1}, /* the gateway cannot know */
    {"/flaky/429", "POST", false, true, "0", 1, 429, 1},
    {"/flaky/429", "GET", true, false, "9999", 1, 429, 1}, /* longer than we wait */
};

static void only_what_is_safe_to_repeat_is_tried_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(retries); i++) {
        struct play p;
        play_open(&p, quick);
        p.fail_first = retries[i].fails;
        if (retries[i].retry_after != NULL) {
            strcpy(p.answer_header_name, "Retry-After");
            snprintf(p.answer_header_value, sizeof p.answer_header_value, "%s", retries[i].retry_after);
        }
        struct got g = play_ask(&p, p.peer,
                                (struct http_request){.method = retries[i].method,
                                                      .path = retries[i].path,
                                                      .repeatable = retries[i].repeatable,
                                                      .no_retry = retries[i].no_retry});
        if (g.status != retries[i].status || p.requests != retries[i].requests)
            fail_msg("row %zu: status %d after %d requests", i, g.status, p.requests);
        assert_int_equal(g.tries, retries[i].requests);
        assert_string_equal(g.body, retries[i].status == 200 ? "now" : "not now");
        play_close(&p);
    }
}

static void retry_after_is_waited_for(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, quick);
    p.fail_first = 1;
    strcpy(p.answer_header_name, "Retry-After");
    strcpy(p.answer_header_value, "1");
    struct got g = play_ask(&p, p.peer, (struct http_request){.path = "/flaky/429", .repeatable = true});
    assert_int_equal(g.status, 200);
    assert_true(p.at_ms[1] - p.at_ms[0] >= 1000);
    play_close(&p);
}

static void a_retry_after_date_is_counted_by_the_servers_own_clock(void **state)
{
    (void)state;
    /* the server lives in 1994: by our clock the date is long past */
    static const char *const lines[] = {
        "HTTP/1.1 503 x\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        "Retry-After: Sun, 06 Nov 1994 08:49:38 GMT\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\n", NULL};
    struct play p;
    struct script s;
    play_open(&p, quick);
    script_open(&s, lines);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", s.port);
    struct http_peer *peer = play_peer(&p, (struct http_peer_options){.base_url = url});
    int64_t began = loop_mono_ms();
    struct got g = script_ask(&p, &s, peer, (struct http_request){.path = "/", .repeatable = true});
    assert_int_equal(g.status, 200);
    assert_true(loop_mono_ms() - began >= 1000);
    http_peer_free(peer);
    script_close(&s);
    play_close(&p);
}

/* ---- connections that fail ---- */

/* What the scripted server does with each request, and what must come of it. */
static const struct {
    const char *what, *method;
    bool repeatable;
    const char *lines[6];
    int status, requests;
    enum error_code code;
} torn[] = {
    {"closed without a byte",
     "GET",
     true,
     {"<close>", "HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\nok"},
     200,
     2,
     SB_OK},
    {"reset without a byte",
     "POST",
     true,
     {"<reset>", "HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\nok"},
     200,
     2,
     SB_OK},
    {"closed, not repeatable", "POST", false, {"<close>", "HTTP/1.1 200 x\r\n\r\n"}, 0, 1, SB_NET},
    {"reset, not repeatable", "POST", false, {"<reset>", "HTTP/1.1 200 x\r\n\r\n"}, 0, 1, SB_NET},
    {"cut in the headers", "POST", false, {"HTTP/1.1 201 Created\r\nContent-Le<close>"}, 0, 1, SB_NET},
    {"cut in the body",
     "POST",
     false,
     {"HTTP/1.1 201 x\r\nContent-Length: 100\r\n\r\nhalf<close>"},
     201,
     1,
     SB_NET},
    {"cut in the body, repeatable",
     "GET",
     true,
     {"HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\nhalf<close>",
      "HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\nok"},
     200,
     2,
     SB_OK},
    {"cut in a chunk",
     "POST",
     false,
     {"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab<reset>"},
     200,
     1,
     SB_NET},
    {"no HTTP at all", "POST", false, {"SSH-2.0-OpenSSH_9.2\r\n\r\n<close>"}, 0, 1, SB_NET},
    {"a 100 and then nothing", "POST", false, {"HTTP/1.1 100 Continue\r\n\r\n<close>"}, 0, 1, SB_NET},
};

static void a_torn_answer_is_an_error_and_retried_only_when_repeatable(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(torn); i++) {
        struct play p;
        struct script s;
        play_open(&p, quick);
        script_open(&s, torn[i].lines);
        char url[64];
        snprintf(url, sizeof url, "http://127.0.0.1:%d", s.port);
        struct http_peer *peer = play_peer(&p, (struct http_peer_options){.base_url = url});
        struct got g = script_ask(
            &p, &s, peer,
            (struct http_request){.method = torn[i].method, .path = "/", .repeatable = torn[i].repeatable});
        if (g.status != torn[i].status || s.requests != torn[i].requests || g.error.code != torn[i].code ||
            !g.maybe_sent)
            fail_msg("%s: status %d, %d requests, code %d (%s), sent %d", torn[i].what, g.status, s.requests,
                     (int)g.error.code, g.error.text, g.maybe_sent);
        http_peer_free(peer);
        script_close(&s);
        play_close(&p);
    }
}

static const char ok_kept[] = "HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\nok";

/* The classic: the server closes an idle connection just as the next request goes out on it, or dies after it
 * acted. */
static void a_post_is_never_sent_twice_because_its_connection_died(void **state)
{
    (void)state;
    static const char *const lines[] = {ok_kept, "<close>", ok_kept, ok_kept, NULL};
    struct play p;
    struct script s;
    play_open(&p, quick);
    script_open(&s, lines);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", s.port);
    struct http_peer *peer = play_peer(&p, (struct http_peer_options){.base_url = url});
    struct got g = script_ask(&p, &s, peer, (struct http_request){.path = "/warm-up"});
    assert_int_equal(g.status, 200);
    g = script_ask(&p, &s, peer,
                   (struct http_request){.method = "POST", .path = "/act", .body = "x", .body_len = 1});
    assert_int_equal(g.status, 0);
    assert_true(g.maybe_sent);
    char *first = strstr(s.seen, "POST /act");
    assert_non_null(first);
    assert_null(strstr(first + 1, "POST /act"));
    assert_int_equal(s.requests, 2);
    http_peer_free(peer);
    script_close(&s);
    play_close(&p);
}

static void a_get_survives_a_kept_connection_that_died(void **state)
{
    (void)state;
    static const char *const lines[] = {ok_kept, "<close>", ok_kept, NULL};
    struct play p;
    struct script s;
    play_open(&p, quick);
    script_open(&s, lines);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", s.port);
    struct http_peer *peer = play_peer(&p, (struct http_peer_options){.base_url = url});
    struct got g = script_ask(&p, &s, peer, (struct http_request){.path = "/1"});
    g = script_ask(&p, &s, peer, (struct http_request){.path = "/2"});
    assert_int_equal(g.status, 200);
    assert_int_equal(s.n, 2); /* connections */
    http_peer_free(peer);
    script_close(&s);
    play_close(&p);
}

static void gets_share_a_connection(void **state)
{
    (void)state;
    static const char *const lines[] = {ok_kept, ok_kept, ok_kept, NULL};
    struct play p;
    struct script s;
    play_open(&p, quick);
    script_open(&s, lines);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", s.port);
    struct http_peer *peer = play_peer(&p, (struct http_peer_options){.base_url = url});
    for (int i = 0; i < 3; i++)
        assert_int_equal(script_ask(&p, &s, peer, (struct http_request){.path = "/"}).status, 200);
    assert_int_equal(s.n, 1);
    http_peer_free(peer);
    script_close(&s);
    play_close(&p);
}

static int closed_port(void)
{
    struct script s;
    script_open(&s, NULL);
    close(s.listener);
    return s.port;
}

static void what_never_connected_was_certainly_not_sent(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, quick);
    char refused[64];
    snprintf(refused, sizeof refused, "http://127.0.0.1:%d", closed_port());
    const struct http_peer_options rows[] = {
        {.base_url = refused},
        {.base_url = "http://name.invalid"},
        {.base_url = "https://127.0.0.1", .unix_socket = "/nonexistent/socket"},
        {.base_url = "http://name.invalid", .proxy = refused},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct http_peer *peer = play_peer(&p, rows[i]);
        struct got g = play_ask(&p, peer, (struct http_request){.method = "POST", .path = "/"});
        assert_int_equal(g.status, 0);
        assert_int_equal(g.error.code, SB_NET);
        assert_false(g.maybe_sent);
        assert_int_equal(g.tries, 1); /* not even this is tried again unless the request says so */
        http_peer_free(peer);
    }
    play_close(&p);
}

static void a_server_that_is_no_tls_server_got_nothing_of_the_request(void **state)
{
    (void)state;
    static const char *const lines[] = {"<close>", NULL};
    struct play p;
    struct script s;
    play_open(&p, quick);
    script_open(&s, lines);
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%d", server_port(p.server));
    struct http_peer *peer = play_peer(&p, (struct http_peer_options){.base_url = url});
    struct got g = play_ask(&p, peer, (struct http_request){.method = "POST", .path = "/"});
    assert_int_equal(g.status, 0);
    assert_false(g.maybe_sent);
    http_peer_free(peer);
    script_close(&s);
    play_close(&p);
}

static void a_proxy_that_refuses_to_connect_passed_nothing_on(void **state)
{
    (void)state;
    static const char *const lines[] = {"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n<close>", NULL};
    struct play p;
    struct script s;
    play_open(&p, quick);
    script_open(&s, lines);
    char proxy[64];
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", s.port);
    struct http_peer *peer =
        play_peer(&p, (struct http_peer_options){.base_url = "https://name.invalid", .proxy = proxy});
    http_peer_token(peer, HTTP_AUTH_BEARER, "for-the-origin");
    struct got g = script_ask(&p, &s, peer, (struct http_request){.method = "POST", .path = "/"});
    assert_int_equal(g.status, 0);
    assert_false(g.maybe_sent);
    assert_non_null(strstr(s.seen, "CONNECT name.invalid:443"));
    assert_null(strstr(s.seen, "for-the-origin"));
    http_peer_free(peer);
    script_close(&s);
    play_close(&p);
}

static void the_environments_proxy_is_not_used_for_loopback(void **state)
{
    (void)state;
    char proxy[64];
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", closed_port());
    setenv("http_proxy", proxy, 1);
    struct play p;
    play_open(&p, quick);
    assert_int_equal(play_ask(&p, p.peer, (struct http_request){.path = "/"}).status, 200);
    unsetenv("http_proxy");
    play_close(&p);
}

/* ---- time ---- */

static void a_server_that_does_not_answer_in_time_leaves_the_effect_in_doubt(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, quick);
    int64_t began = loop_mono_ms();
    struct got g =
        play_ask(&p, p.peer, (struct http_request){.method = "POST", .path = "/hold", .total_ms = 100});
    assert_int_equal(g.status, 0);
    assert_int_equal(g.error.code, SB_NET);
    assert_string_equal(g.error.text, "no answer within 100 ms");
    assert_true(g.maybe_sent);
    assert_int_equal(p.requests, 1);
    assert_true(loop_mono_ms() - began < 2000);
    TURN_UNTIL(p.loop, p.ended == 1); /* the connection was let go */
    play_close(&p);
}

static void a_connection_that_does_not_come_is_given_up_in_time(void **state)
{
    (void)state;
    /* a full backlog: the kernel drops what asks to connect */
    struct script s;
    script_open(&s, NULL);
    assert_int_equal(listen(s.listener, 0), 0);
    int fill[4];
    for (size_t i = 0; i < COUNT_OF(fill); i++) {
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s.port)};
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fill[i], (struct sockaddr *)&at, sizeof at);
    }
    struct play p;
    play_open(&p, quick);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", s.port);
    struct http_peer *peer = play_peer(&p, (struct http_peer_options){.base_url = url, .connect_ms = 100});
    struct got g = play_ask(&p, peer, (struct http_request){.method = "POST", .path = "/"});
    assert_int_equal(g.status, 0);
    assert_false(g.maybe_sent);
    assert_string_equal(g.error.text, "no connection to 127.0.0.1 within 100 ms");
    for (size_t i = 0; i < COUNT_OF(fill); i++)
        close(fill[i]);
    http_peer_free(peer);
    script_close(&s);
    play_close(&p);
}

static void a_watch_without_a_byte_for_too_long_is_ended(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, quick);
    struct got g = {0};
    struct http_request r = {
        .path = "/stream", .total_ms = -1, .idle_ms = 500, .on_body = got_bytes, .repeatable = true};
    http_send(p.peer, &r, got_it, &g);
    for (int i = 0; i < 8; i++) { /* longer than idle_ms in all, never in one piece */
        turn(p.loop, 80);
        TURN_UNTIL(p.loop, p.held != NULL);
        stream_write(p.held, "beat", 4);
    }
    assert_int_equal(g.calls, 0);
    assert_true(play_wait(&p, &g, 2000));
    assert_int_equal(g.streamed, 32);
    assert_string_equal(g.error.text, "no byte came for 500 ms");
    assert_int_equal(g.tries, 1);
    TURN_UNTIL(p.loop, p.ended == 1);
    play_close(&p);
}

/* ---- size ---- */

static void a_body_over_the_bound_ends_the_call(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, quick);
    struct got g =
        play_ask(&p, p.peer, (struct http_request){.path = "/big", .body_max = 299999, .repeatable = true});
    assert_int_equal(g.error.code, SB_LIMIT);
    assert_int_equal(g.status, 200);
    assert_int_equal(p.requests, 1); /* not tried again: it would be as large */
    g = play_ask(&p, p.peer, (struct http_request){.path = "/big", .body_max = 300000});
    assert_int_equal(g.error.code, SB_OK);
    assert_int_equal(g.body_len, 300000);
    play_close(&p);
}

static void endless_headers_end_the_call(void **state)
{
    (void)state;
    static char line[200000];
    int n = snprintf(line, sizeof line, "HTTP/1.1 200 x\r\n");
    while (n < 190000)
        n += snprintf(line + n, sizeof line - (size_t)n, "X-%d: %0900d\r\n", n, 7);
    const char *const lines[] = {line, NULL};
    struct play p;
    struct script s;
    play_open(&p, quick);
    script_open(&s, lines);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", s.port);
    struct http_peer *peer = play_peer(&p, (struct http_peer_options){.base_url = url});
    struct got g = {0};
    http_send(peer, &(struct http_request){.path = "/"}, got_it, &g);
    int64_t until = loop_mono_ms() + 3000;
    while (g.calls == 0 && loop_mono_ms() < until) {
        loop_once(p.loop, false);
        script_turn(&s);
        if (s.requests > 0 && s.fds[0] >= 0)
            (void)!send(s.fds[0], line + 16, 100000, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    assert_int_equal(g.calls, 1);
    assert_true(g.error.code == SB_LIMIT || g.error.code == SB_NET);
    assert_int_equal(g.status, 0);
    http_peer_free(peer);
    script_close(&s);
    play_close(&p);
}

static void a_stream_goes_to_its_reader_piece_by_piece(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, (struct http_peer_options){.body_max = 10});
    struct got g = {0};
    http_send(p.peer, &(struct http_request){.path = "/stream", .total_ms = -1, .on_body = got_bytes}, got_it,
              &g);
    TURN_UNTIL(p.loop, p.held != NULL);
    for (int i = 1; i <= 3; i++) {
        stream_write(p.held, "data: event\n\n", 13);
        TURN_UNTIL(p.loop, g.streamed == (size_t)(13 * i)); /* each as it came, and over body_max */
    }
    stream_end(p.held);
    assert_true(play_wait(&p, &g, 2000));
    assert_int_equal(g.status, 200);
    assert_int_equal(g.error.code, SB_OK);
    assert_int_equal(g.body_len, 0);
    play_close(&p);
}

static void a_reader_can_end_a_stream(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, quick);
    struct got g = {.stream_limit = 1000};
    http_send(p.peer, &(struct http_request){.path = "/big", .on_body = got_bytes}, got_it, &g);
    assert_true(play_wait(&p, &g, 2000));
    assert_int_equal(g.error.code, SB_LIMIT);
    play_close(&p);
}

static void an_error_to_a_streamed_request_has_its_words(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, quick);
    struct got g = {0};
    http_send(p.peer, &(struct http_request){.path = "/status/410", .on_body = got_bytes}, got_it, &g);
    assert_true(play_wait(&p, &g, 2000));
    assert_int_equal(g.status, 410);
    assert_int_equal(g.streamed, 0);
    assert_string_equal(g.body, "as you wish");
    play_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_has_what_was_asked_for_and_says_who_we_are),
        cmocka_unit_test(a_large_body_goes_without_waiting_for_leave),
        cmocka_unit_test(each_way_of_signing_in_has_its_header),
        cmocka_unit_test(a_secret_that_cannot_be_read_ends_the_call_before_anything_is_sent),
        cmocka_unit_test(an_unsound_request_is_an_error_and_not_sent),
        cmocka_unit_test(a_bad_base_url_is_refused_without_quoting_its_password),
        cmocka_unit_test(only_what_is_safe_to_repeat_is_tried_again),
        cmocka_unit_test(retry_after_is_waited_for),
        cmocka_unit_test(a_retry_after_date_is_counted_by_the_servers_own_clock),
        cmocka_unit_test(a_torn_answer_is_an_error_and_retried_only_when_repeatable),
        cmocka_unit_test(a_post_is_never_sent_twice_because_its_connection_died),
        cmocka_unit_test(a_get_survives_a_kept_connection_that_died),
        cmocka_unit_test(gets_share_a_connection),
        cmocka_unit_test(what_never_connected_was_certainly_not_sent),
        cmocka_unit_test(a_server_that_is_no_tls_server_got_nothing_of_the_request),
        cmocka_unit_test(a_proxy_that_refuses_to_connect_passed_nothing_on),
        cmocka_unit_test(the_environments_proxy_is_not_used_for_loopback),
        cmocka_unit_test(a_server_that_does_not_answer_in_time_leaves_the_effect_in_doubt),
        cmocka_unit_test(a_connection_that_does_not_come_is_given_up_in_time),
        cmocka_unit_test(a_watch_without_a_byte_for_too_long_is_ended),
        cmocka_unit_test(a_body_over_the_bound_ends_the_call),
        cmocka_unit_test(endless_headers_end_the_call),
        cmocka_unit_test(a_stream_goes_to_its_reader_piece_by_piece),
        cmocka_unit_test(a_reader_can_end_a_stream),
        cmocka_unit_test(an_error_to_a_streamed_request_has_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
