/* Calls: their order and rate, cancelling at every moment, redirects, and the errors that answers make. */
#include "base/buf.h"
#include "base/log.h"
#include "check.h"
#include "net_play.h"

static const struct http_peer_options plain = {.connect_ms = 2000, .total_ms = 3000};

/* ---- order, rate, concurrency ---- */

static void requests_go_in_order_and_no_faster_than_the_rate(void **state)
{
    (void)state;
    enum { N = 6 };
    struct play p;
    play_open(&p, (struct http_peer_options){.per_second = 25, .burst = 2, .concurrency = 1});
    struct got g[N] = {0};
    int64_t began = loop_mono_ms();
    for (int i = 0; i < N; i++) {
        char path[16];
        snprintf(path, sizeof path, "/%d", i);
        http_send(p.peer, &(struct http_request){.path = path}, got_it, &g[i]);
    }
    assert_true(play_wait(&p, &g[N - 1], 3000));
    assert_string_equal(p.seen, "GET /0;GET /1;GET /2;GET /3;GET /4;GET /5;");
    assert_true(p.at_ms[N - 1] - began >= 4 * 40 - 1); /* two at once, then 25 a second */
    play_close(&p);
}

static void no_more_requests_are_under_way_than_the_peer_takes(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, (struct http_peer_options){.concurrency = 2});
    struct got g[5] = {0};
    for (size_t i = 0; i < COUNT_OF(g); i++)
        http_send(p.peer, &(struct http_request){.path = i < 2 ? "/hold" : "/"}, got_it, &g[i]);
    TURN_UNTIL(p.loop, p.requests == 2);
    turn(p.loop, 30); /* time enough for a third */
    struct http_stats s = http_peer_stats(p.peer);
    assert_int_equal(s.in_flight, 2);
    assert_int_equal(s.queued, 3);
    assert_int_equal(p.requests, 2);
    answer_text(p.held, 200, "go");
    assert_true(play_wait(&p, &g[4], 2000)); /* one place is enough for the rest */
    s = http_peer_stats(p.peer);
    assert_int_equal(s.in_flight, 1);
    assert_int_equal(s.queued, 0);
    assert_int_equal(s.sent, 5);
    assert_int_equal(s.failed, 0);
    assert_int_equal(s.bytes_in, 2 + 3 * 5);
    play_close(&p); /* with one call under way */
}

/* ---- cancelling ---- */

static void a_call_cancelled_in_the_queue_is_never_sent(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, plain);
    struct got g = {0};
    http_cancel(http_send(p.peer, &(struct http_request){.path = "/"}, got_it, &g));
    http_cancel(http_send(p.peer, &(struct http_request){.path = "unsound"}, got_it, &g));
    http_cancel(NULL);
    turn(p.loop, 50);
    assert_int_equal(g.calls, 0);
    assert_int_equal(p.requests, 0);
    play_close(&p);
}

static void a_call_cancelled_under_way_lets_the_server_know(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, plain);
    struct got g = {0};
    struct http_call *c = http_send(p.peer, &(struct http_request){.path = "/hold"}, got_it, &g);
    TURN_UNTIL(p.loop, p.requests == 1);
    http_cancel(c);
    TURN_UNTIL(p.loop, p.ended == 1);
    assert_int_equal(g.calls, 0);
    assert_int_equal(http_peer_stats(p.peer).in_flight, 0);
    play_close(&p);
}

static void a_call_cancelled_while_it_connects_is_gone(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, plain);
    struct http_peer *peer = play_peer(&p, (struct http_peer_options){.base_url = "http://name.invalid"});
    struct got g = {0};
    struct http_call *c = http_send(peer, &(struct http_request){.path = "/"}, got_it, &g);
    loop_once(p.loop, false);
    loop_once(p.loop, false);
    http_cancel(c);
    turn(p.loop, 50);
    assert_int_equal(g.calls, 0);
    http_peer_free(peer);
    play_close(&p);
}

static void a_call_cancelled_between_two_tries_is_not_tried_again(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, plain);
    p.fail_first = 100;
    strcpy(p.answer_header_name, "Retry-After");
    strcpy(p.answer_header_value, "1");
    struct got g = {0};
    struct http_call *c =
        http_send(p.peer, &(struct http_request){.path = "/flaky/503", .repeatable = true}, got_it, &g);
    TURN_UNTIL(p.loop, p.requests == 1);
    TURN_UNTIL(p.loop, http_peer_stats(p.peer).queued == 1);
    http_cancel(c);
    turn(p.loop, 1200);
    assert_int_equal(p.requests, 1);
    assert_int_equal(g.calls, 0);
    play_close(&p);
}

static void cancel_in_callback(void *ctx, const struct http_reply *r)
{
    struct got *g = ctx;
    got_it(ctx, r);
    http_cancel(g->call);
}

static bool cancel_in_body(void *ctx, const char *bytes, size_t n)
{
    struct got *g = ctx;
    got_bytes(ctx, bytes, n);
    http_cancel(g->call);
    return true;
}

static void a_call_may_be_cancelled_from_inside_its_own_callbacks(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, plain);
    struct got g = {0};
    g.call = http_send(p.peer, &(struct http_request){.path = "/"}, cancel_in_callback, &g);
    assert_true(play_wait(&p, &g, 2000));
    struct got b = {0};
    b.call = http_send(p.peer, &(struct http_request){.path = "/big", .on_body = cancel_in_body}, got_it, &b);
    TURN_UNTIL(p.loop, b.streamed > 0);
    turn(p.loop, 50);
    assert_int_equal(b.calls, 0);
    assert_true(b.streamed > 0 && b.streamed < 300000);
    assert_int_equal(play_ask(&p, p.peer, (struct http_request){.path = "/"}).status, 200);
    play_close(&p);
}

static void free_peer_in_callback(void *ctx, const struct http_reply *r)
{
    struct got *g = ctx;
    http_peer_free(g->play->peer);
    g->play->peer = NULL;
    got_it(ctx, r); /* the reply is still whole */
}

static bool free_peer_in_body(void *ctx, const char *bytes, size_t n)
{
    struct got *g = ctx;
    got_bytes(ctx, bytes, n);
    http_peer_free(g->play->peer);
    g->play->peer = NULL;
    return true;
}

static void free_all_in_callback(void *ctx, const struct http_reply *r)
{
    struct got *g = ctx;
    http_free(g->play->http);
    g->play->http = NULL;
    got_it(ctx, r);
}

static void a_callback_may_free_its_peer_and_even_the_client(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        struct play p;
        play_open(&p, (struct http_peer_options){.session_cookies = true});
        struct got g = {.play = &p}, others[3] = {0};
        struct http_request r = {.path = way == 1 ? "/big" : "/",
                                 .on_body = way == 1 ? free_peer_in_body : NULL};
        http_send(p.peer, &r,
                  way == 0   ? free_peer_in_callback
                  : way == 1 ? got_it
                             : free_all_in_callback,
                  &g);
        for (size_t i = 0; i < COUNT_OF(others); i++)
            http_send(p.peer, &(struct http_request){.path = i == 0 ? "/hold" : "unsound"}, got_it,
                      &others[i]);
        TURN_UNTIL(p.loop, p.peer == NULL || p.http == NULL);
        turn(p.loop, 30);
        assert_int_equal(g.calls, way == 1 ? 0 : 1);
        assert_int_equal(others[0].calls, 0);
        if (way == 0)
            assert_string_equal(g.body, "hello");
        play_close(&p);
    }
}

static void send_another(void *ctx, const struct http_reply *r)
{
    struct got *g = ctx;
    got_it(ctx, r);
    struct got *next = g + 1;
    if (next->play != NULL)
        http_send(next->play->peer, &(struct http_request){.path = "/"}, send_another, next);
}

static void a_callback_may_send_the_next_request(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, plain);
    struct got g[4] = {{.play = &p}, {.play = &p}, {.play = &p}, {.play = NULL}};
    http_send(p.peer, &(struct http_request){.path = "/"}, send_another, &g[0]);
    assert_true(play_wait(&p, &g[2], 2000));
    assert_int_equal(p.requests, 3);
    play_close(&p);
}

/* ---- redirects ---- */

struct redirect {
    const char *what, *method;
    int status;
    const char *to; /* {here} and {there} are the two origins */
    bool follow, away;
    int expected; /* status of the answer */
    const char *seen, *other_seen;
};

static const struct redirect redirects[] = {
    {"not asked to follow", "GET", 302, "/x", false, false, 302, "GET /go/302;", ""},
    {"within the origin", "GET", 302, "/x", true, false, 200, "GET /go/302;GET /x;", ""},
    {"within the origin, absolute", "GET", 308, "{here}/x", true, false, 200, "GET /go/308;GET /x;", ""},
    {"relative", "GET", 301, "../y", true, false, 200, "GET /go/301;GET /y;", ""},
    {"303 turns into GET", "POST", 303, "/x", true, false, 200, "POST /go/303;GET /x;", ""},
    {"302 of a POST too", "POST", 302, "/x", true, false, 200, "POST /go/302;GET /x;", ""},
    {"307 stays a POST", "POST", 307, "/x", true, false, 200, "POST /go/307;POST /x;", ""},
    {"another origin is the answer", "GET", 302, "{there}/x", true, false, 302, "GET /go/302;", ""},
    {"another origin, allowed", "GET", 302, "{there}/x", true, true, 200, "GET /go/302;", "GET /x;"},
    {"a POST does not go away", "POST", 307, "{there}/x", true, true, 307, "POST /go/307;", ""},
    {"away and back again", "GET", 302, "{there}/back?to={here}/x", true, true, 200, "GET /go/302;GET /x;",
     "GET /back;"},
    {"another scheme", "GET", 302, "ftp://127.0.0.1/x", true, true, 302, "GET /go/302;", ""},
    {"a file", "GET", 302, "file:///etc/passwd", true, true, 302, "GET /go/302;", ""},
    {"with user and password", "GET", 302, "http://u:p@127.0.0.1/x", true, true, 302, "GET /go/302;", ""},
};

static void put_origins(const struct play *p, const char *in, char *out, size_t size)
{
    out[0] = '\0';
    while (*in != '\0') {
        size_t n = strlen(out);
        if (strncmp(in, "{here}", 6) == 0 || strncmp(in, "{there}", 7) == 0) {
            snprintf(out + n, size - n, "%s", in[1] == 'h' ? p->url : p->other_url);
            in += in[1] == 'h' ? 6 : 7;
        } else {
            snprintf(out + n, size - n, "%c", *in++);
        }
    }
}

static void a_redirect_is_followed_only_where_it_may_lead(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(redirects); i++) {
        const struct redirect *t = &redirects[i];
        struct play p;
        play_open(&p, plain);
        char to[256], path[600];
        put_origins(&p, t->to, to, sizeof to);
        struct buf query = {0};
        buf_add_url(&query, to);
        snprintf(path, sizeof path, "/go/%d?to=%s", t->status, buf_str(&query));
        buf_free(&query);
        struct got g = play_ask(&p, p.peer,
                                (struct http_request){.method = t->method,
                                                      .path = path,
                                                      .follow = t->follow,
                                                      .follow_away = t->away,
                                                      .body = "b",
                                                      .body_len = 1});
        if (g.status != t->expected || strcmp(p.seen, t->seen) != 0 ||
            strcmp(p.other_seen, t->other_seen) != 0)
            fail_msg("%s: %d, %s, %s", t->what, g.status, p.seen, p.other_seen);
        play_close(&p);
    }
}

static void credentials_never_go_to_another_origin(void **state)
{
    (void)state;
    static const char *const headers[] = {"X-Own: a key of ours", "Accept: text/plain",
                                          "Cookie: session=ours", NULL};
    struct play p;
    play_open(&p, (struct http_peer_options){.session_cookies = true});
    http_peer_token(p.peer, HTTP_AUTH_BEARER, "our-token");
    strcpy(p.answer_header_name, "Set-Cookie");
    strcpy(p.answer_header_value, "jar=sweet; Path=/");
    struct got g = play_ask(&p, p.peer, (struct http_request){.path = "/"});
    g = play_ask(&p, p.peer, (struct http_request){.path = "/", .headers = headers});
    assert_non_null(strstr(p.last_headers, "our-token"));
    assert_non_null(strstr(p.last_headers, "jar=sweet"));
    assert_non_null(strstr(p.last_headers, "X-Own"));

    char path[256];
    snprintf(path, sizeof path, "/go/302?to=%s/x", p.other_url);
    g = play_ask(&p, p.peer, (struct http_request){.path = path, .headers = headers, .follow_away = true});
    assert_string_equal(g.body, "from the other");
    assert_null(strstr(p.last_headers, "our-token"));
    assert_null(strstr(p.last_headers, "X-Own"));
    assert_null(strstr(p.last_headers, "Cookie"));
    /* sent back to us by a stranger: still without, or he could make us act */
    snprintf(path, sizeof path, "/go/302?to=%s/back%%3Fto=%s/x", p.other_url, p.url);
    g = play_ask(&p, p.peer, (struct http_request){.path = path, .headers = headers, .follow_away = true});
    assert_string_equal(g.body, "hello");
    assert_null(strstr(p.last_headers, "our-token"));
    assert_null(strstr(p.last_headers, "Cookie"));
    /* an absolute address, of our origin and of another */
    snprintf(path, sizeof path, "%s/abs", p.url);
    g = play_ask(&p, p.peer, (struct http_request){.path = path, .headers = headers});
    assert_non_null(strstr(p.last_headers, "our-token"));
    snprintf(path, sizeof path, "%s/abs", p.other_url);
    g = play_ask(&p, p.peer, (struct http_request){.path = path, .headers = headers});
    assert_string_equal(g.body, "from the other");
    assert_null(strstr(p.last_headers, "our-token"));
    assert_null(strstr(p.last_headers, "X-Own"));
    assert_null(strstr(p.last_headers, "Cookie"));
    play_close(&p);
}

static void a_circle_of_redirects_ends(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, plain);
    char path[300], to[128];
    snprintf(to, sizeof to, "/go/302%%3Fto%%3D%%252Fgo%%252F302"); /* leads to itself without a target */
    snprintf(path, sizeof path, "/go/302?to=%s", to);
    strcpy(p.answer_header_name, "Location");
    strcpy(p.answer_header_value, "/go/302");
    struct got g = play_ask(&p, p.peer, (struct http_request){.path = path, .follow = true});
    assert_int_equal(g.status, 302);
    assert_int_equal(p.requests, 6);
    assert_int_equal(g.tries, 1);
    play_close(&p);
}

/* ---- other ways to the server ---- */

static void a_unix_socket_is_a_way_to_the_server(void **state)
{
    (void)state;
    char dir[] = "/tmp/sb-net-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s", dir);
    struct play p;
    play_open(&p, plain);
    struct server_options o = {.unix_path = path};
    struct error err = ERROR_NONE;
    struct server *s = server_new(p.loop, &o, play_handler, &p, &err);
    struct http_peer *peer =
        play_peer(&p, (struct http_peer_options){.base_url = "http://signalbox", .unix_socket = path});
    struct got g = play_ask(
        &p, peer, (struct http_request){.method = "POST", .path = "/over", .body = "b", .body_len = 1});
    assert_int_equal(g.status, 200);
    assert_string_equal(p.seen, "POST /over;");
    assert_non_null(strstr(p.last_headers, "Host: signalbox\n"));
    http_peer_free(peer);
    server_free(s);
    play_close(&p);
    rmdir(dir);
}

/* ---- what an answer says ---- */

static const struct {
    int status;
    const char *body, *says;
} words[] = {
    {404, "{\"message\":\"no such build\"}", "jenkins: start build: POST /job/x: 404: \"no such build\""},
    {400, "{\"errorMessages\":[\"Field missing\"],\"errors\":{}}", "400: \"Field missing\""},
    {400, "{\"errorMessages\":[],\"errors\":{\"summary\":\"You must specify a summary\"}}",
     "\"You must specify a summary\""},
    {429, "{\"error\":{\"code\":429,\"message\":\"Rate Limit Exceeded\"}}", "\"Rate Limit Exceeded\""},
    {422, "{\"errors\":[{\"message\":\"is too long\"}]}", "\"is too long\""},
    {500, "{\"title\":\"Oops\"}", "\"Oops\""},
    {500, "{\"nothing\":\"known\"}", "jenkins: start build: POST /job/x: 500"},
    {502, "<html><head><title>502 Bad Gateway</title></head></html>", "502: \"502 Bad Gateway\""},
    {500, "\n  first line\nsecond line", "500: \"first line\""},
    {500, "bell\a and \033[31mred", "500: \"bell  and  [31mred\""},
    {500, "\xff\xfe", "POST /job/x: 500"},
    {500, "", "POST /job/x: 500"},
    {500, "the token tell-no-one is wrong", "500: \"the token *** is wrong\""},
    {403, "", "POST /job/x: 403. Check what it may do with: signalbox doctor jenkins"},
    {302, "", "POST /job/x: 302"},
};

static void an_error_has_system_purpose_place_status_and_the_servers_own_words(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, (struct http_peer_options){.name = "jenkins"});
    log_redact("tell-no-one");
    const struct http_request r = {
        .method = "POST", .path = "/job/x?token=tell-no-one", .what = "start build"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        struct http_reply reply = {
            .status = words[i].status, .body = words[i].body, .body_len = strlen(words[i].body)};
        struct error err = ERROR_NONE;
        assert_false(http_ok(p.peer, &r, &reply, &err));
        assert_int_equal(err.code, SB_REMOTE);
        const char *end = err.text + strlen(err.text) - strlen(words[i].says);
        if (end < err.text || strcmp(end, words[i].says) != 0)
            fail_msg("row %zu: %s", i, err.text);
    }
    play_close(&p);
}

static void words_of_an_error_are_bounded(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, plain);
    static char text[20000];
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    const struct http_request r = {.path = "/"};
    struct http_reply reply = {.status = 500, .body = text, .body_len = strlen(text)};
    struct error err = ERROR_NONE;
    assert_false(http_ok(p.peer, &r, &reply, &err));
    assert_true(strlen(err.text) < 400);
    assert_true(str_is_utf8(err.text, strlen(err.text)));
    assert_non_null(strstr(err.text, " ...\""));
    play_close(&p);
}

static void an_answer_that_is_no_json_is_an_error_with_its_place(void **state)
{
    (void)state;
    struct play p;
    play_open(&p, (struct http_peer_options){.name = "jira"});
    const struct http_request r = {.path = "/issue", .what = "read ticket"};
    struct error err = ERROR_NONE;
    struct http_reply reply = {.status = 200, .body = "{\"a\":1}", .body_len = 7};
    json_t *j = http_json(p.peer, &r, &reply, &err);
    assert_non_null(j);
    json_decref(j);
    reply.body = "<html>";
    reply.body_len = 6;
    assert_null(http_json(p.peer, &r, &reply, &err));
    assert_non_null(strstr(err.text, "jira: read ticket: GET /issue: "));
    reply = (struct http_reply){.error = {.code = SB_NET, .text = "no answer within 5 ms"}};
    assert_null(http_json(p.peer, &r, &reply, &err));
    assert_string_equal(err.text, "jira: read ticket: GET /issue: no answer within 5 ms");
    assert_int_equal(err.code, SB_NET);
    play_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_go_in_order_and_no_faster_than_the_rate),
        cmocka_unit_test(no_more_requests_are_under_way_than_the_peer_takes),
        cmocka_unit_test(a_call_cancelled_in_the_queue_is_never_sent),
        cmocka_unit_test(a_call_cancelled_under_way_lets_the_server_know),
        cmocka_unit_test(a_call_cancelled_while_it_connects_is_gone),
        cmocka_unit_test(a_call_cancelled_between_two_tries_is_not_tried_again),
        cmocka_unit_test(a_call_may_be_cancelled_from_inside_its_own_callbacks),
        cmocka_unit_test(a_callback_may_free_its_peer_and_even_the_client),
        cmocka_unit_test(a_callback_may_send_the_next_request),
        cmocka_unit_test(a_redirect_is_followed_only_where_it_may_lead),
        cmocka_unit_test(credentials_never_go_to_another_origin),
        cmocka_unit_test(a_circle_of_redirects_ends),
        cmocka_unit_test(a_unix_socket_is_a_way_to_the_server),
        cmocka_unit_test(an_error_has_system_purpose_place_status_and_the_servers_own_words),
        cmocka_unit_test(words_of_an_error_are_bounded),
        cmocka_unit_test(an_answer_that_is_no_json_is_an_error_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
