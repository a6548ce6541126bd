/* The API over sockets: who asks, and in what form. */
#include "api_http.h"
#include <pwd.h>

static void the_peer_of_the_local_socket_is_its_login_name(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    struct reply *r = calloc(1, sizeof *r);
    assert_int_equal(send_raw(p, r, true, GET("/api/v1/whoami")), 200);
    char want[128];
    snprintf(want, sizeof want, "\"by\":\"%s\",\"how\":\"socket\"", getpwuid(getuid())->pw_name);
    assert_non_null(strstr(r->raw.in, want));
    assert_int_equal(post(p, r, true, "/api/v1/changes", JSON_TYPE, a_plan), 201);
    assert_non_null(strstr(r->raw.in, "Location: /api/v1/changes/HF-1\r\n"));
    assert_int_equal(send_raw(p, r, true, GET("/api/v1/changes/HF-1/events")), 200);
    snprintf(want, sizeof want, "\"text\":\"planned (%s)\"", getpwuid(getuid())->pw_name);
    assert_non_null(strstr(r->raw.in, want));
    free(r);
    play_end(p);
}

static void without_sign_in_loopback_may_read_and_nothing_else(void **state)
{
    (void)state;
    struct play *p = play_begin("people: {ann: {roles: [deploy]}}\n");
    struct reply *r = calloc(1, sizeof *r);
    play_start(p);
    static const struct {
        const char *request;
        int status;
    } rows[] = {
        {GET("/api/v1/whoami"), 200},
        {GET("/api/v1/changes"), 200},
        {GET("/api/v1/changes/HF-1"), 200},
        {GET("/api/v1/pages"), 200},
        {GET("/healthz"), 200},
        {GET("/readyz"), 200},
        {HEAD_OF("POST /api/v1/changes/HF-1/start") "Content-Length: 0\r\n\r\n", 403},
        {HEAD_OF("POST /api/v1/doctor") "Content-Length: 0\r\n\r\n", 403},
        {HEAD_OF("POST /api/v1/verify") "Content-Length: 0\r\n\r\n", 200},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (send_raw(p, r, false, rows[i].request) != rows[i].status)
            fail_msg("%d instead of %d: %s%s", r->status, rows[i].status, rows[i].request, r->raw.in);
    assert_int_equal(post(p, r, false, "/api/v1/changes", JSON_TYPE, a_plan), 403);
    assert_non_null(strstr(r->raw.in, "sign in first"));
    assert_int_equal(post(p, r, false, "/api/v1/changes/HF-1/note", JSON_TYPE, "{\"text\": \"x\"}"), 403);
    free(r);
    play_end(p);
}

static void another_sites_page_gets_nothing(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    struct reply *r = calloc(1, sizeof *r);
    static const struct {
        const char *host, *origin;
        int status;
    } rows[] = {
        {"127.0.0.1:80", NULL, 200},
        {"localhost", NULL, 200},
        {"LOCALHOST:1", NULL, 200},
        {"[::1]:8080", NULL, 200},
        {"evil.example", NULL, 403},
        {"127.0.0.1.evil.example", NULL, 403},
        {"localhost.evil.example", NULL, 403},
        {"[::1].evil.example", NULL, 403},
        {"localhost:1", "http://localhost:1", 200},
        {"localhost:1", "http://evil.example", 403},
        {"localhost:1", "null", 403},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_buf_ struct buf b = {0};
        buf_printf(&b, "GET /api/v1/version HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", rows[i].host);
        if (rows[i].origin)
            buf_printf(&b, "Origin: %s\r\n", rows[i].origin);
        buf_adds(&b, "\r\n");
        if (send_raw(p, r, false, buf_str(&b)) != rows[i].status)
            fail_msg("%s %s: %d", rows[i].host, rows[i].origin ? rows[i].origin : "", r->status);
    }
    /* A page can make a browser send a form, or text, without asking first; JSON it cannot. */
    assert_int_equal(post(p, r, true, "/api/v1/changes", "Content-Type: text/plain\r\n", a_plan), 415);
    assert_int_equal(post(p, r, true, "/api/v1/changes", "", a_plan), 415);
    assert_int_equal(post(p, r, true, "/api/v1/changes", JSON_TYPE "Origin: http://evil.example\r\n", a_plan),
                     403);
    assert_int_equal(
        post(p, r, true, "/api/v1/changes", "Content-Type: Application/JSON; charset=utf-8\r\n", a_plan),
        201);
    free(r);
    play_end(p);
}

static void what_is_no_json_is_refused_with_its_place(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    struct reply *r = calloc(1, sizeof *r);
    static const struct {
        const char *body;
        int status;
    } rows[] = {
        {"{\"client\": ", 400},
        {"{\"client\": \"a\", \"client\": \"b\"}", 400},
        {"not json", 400},
        {"{\"client\": \"a\\u0000b\"}", 400},
        {"{\"client\": \"\xff\"}", 400},
        {"{} {}", 400},
        {"7", 422},
        {"null", 422},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (post(p, r, true, "/api/v1/changes", JSON_TYPE, rows[i].body) != rows[i].status)
            fail_msg("%s: %d: %s", rows[i].body, r->status, r->raw.in);
        assert_non_null(strstr(r->raw.in, "Content-Type: application/problem+json\r\n"));
        assert_non_null(strstr(r->raw.in, "the request"));
    }
    char deep[512];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    int status = post(p, r, true, "/api/v1/changes", JSON_TYPE, deep);
    assert_true(status == 400 || status == 413);
    free(r);
    play_end(p);
}

static void a_huge_body_is_refused(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    struct reply *r = calloc(1, sizeof *r);
    assert_int_equal(send_raw(p, r, true,
                              HEAD_OF("POST /api/v1/changes") JSON_TYPE
                              "Content-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n"),
                     413);
    free(r);
    play_end(p);
}

static void answers_say_what_they_are_and_are_asked_for_anew(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    struct reply *r = calloc(1, sizeof *r);
    assert_int_equal(send_raw(p, r, true, GET("/api/v1/version")), 200);
    assert_non_null(strstr(r->raw.in, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(r->raw.in, "Cache-Control: private, no-cache\r\n"));
    assert_non_null(strstr(r->raw.in, "X-Content-Type-Options: nosniff\r\n"));
    assert_int_equal(send_raw(p, r, true, HEAD_OF("DELETE /api/v1/changes") "\r\n"), 405);
    assert_non_null(strstr(r->raw.in, "Allow: GET, POST\r\n"));
    assert_int_equal(send_raw(p, r, true, HEAD_OF("HEAD /healthz") "\r\n"), 200);
    assert_null(strstr(r->raw.in, "alive"));
    assert_int_equal(send_raw(p, r, true, GET("/index.html")), 404);
    assert_non_null(strstr(r->raw.in, "not the API's"));
    assert_int_equal(send_raw(p, r, true, GET("/api/v1/pages/a%2Fb")), 404);
    assert_non_null(strstr(r->raw.in, "no page's name"));
    free(r);
    play_end(p);
}

static void what_a_client_asked_for_is_done_although_it_has_gone(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    struct raw *raw = calloc(1, sizeof *raw);
    char request[512];
    snprintf(request, sizeof request,
             HEAD_OF("POST /api/v1/changes") JSON_TYPE "Content-Length: %zu\r\n\r\n%s", strlen(a_plan),
             a_plan);
    raw_connect_unix(raw, p->socket);
    raw_send(raw, request);
    for (int64_t end = loop_mono_ms() + 5000; !p->api->calls && loop_mono_ms() < end;)
        loop_once(p->loop, false);
    raw_close(raw);
    for (int64_t end = loop_mono_ms() + 5000; p->api->calls && loop_mono_ms() < end;)
        one_round(p);
    assert_null(p->api->calls);
    must(p, "GET", "/api/v1/changes/HF-1", NULL, 200);
    free(raw);
    play_end(p);
}

static void the_api_ends_while_a_client_waits(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    struct raw *raw = calloc(1, sizeof *raw);
    raw_connect_unix(raw, p->socket);
    raw_send(raw, HEAD_OF("POST /api/v1/verify") "Content-Length: 0\r\n\r\n");
    for (int64_t end = loop_mono_ms() + 5000; !p->api->calls && loop_mono_ms() < end;)
        loop_once(p->loop, false);
    assert_non_null(p->api->calls);
    play_end(p);
    raw_close(raw);
    free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_peer_of_the_local_socket_is_its_login_name),
        cmocka_unit_test(without_sign_in_loopback_may_read_and_nothing_else),
        cmocka_unit_test(another_sites_page_gets_nothing),
        cmocka_unit_test(what_is_no_json_is_refused_with_its_place),
        cmocka_unit_test(a_huge_body_is_refused),
        cmocka_unit_test(answers_say_what_they_are_and_are_asked_for_anew),
        cmocka_unit_test(what_a_client_asked_for_is_done_although_it_has_gone),
        cmocka_unit_test(the_api_ends_while_a_client_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
