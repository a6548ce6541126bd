/* The pages over sockets: what each answer carries, who gets what, and what a form must bring. */
#include "api_http.h"

#include "web/web.h"

struct site {
    struct play *play;
    struct web *web;
    struct server *server;
};

static void on_page(void *ctx, struct exchange *x)
{
    struct site *s = ctx;
    if (!api_serve(s->play->api, x) && !web_serve(s->web, x))
        answer_text(x, 404, "nobody's\n");
}

static struct site *site_open(const char *config, const char *const *players)
{
    struct site *s = calloc(1, sizeof *s);
    struct error err = ERROR_NONE;
    s->play = play_begin(config);
    const struct web_options o = {.api = s->play->api, .engine = s->play->engine, .players = players};
    s->web = web_new(&o);
    const struct server_options so = {.address = "127.0.0.1:0", .listen_fd = -1};
    s->server = server_new(s->play->loop, &so, on_page, s, &err);
    assert_non_null(s->server);
    return s;
}

static void site_close(struct site *s)
{
    server_free(s->server);
    web_free(s->web);
    play_end(s->play);
    free(s);
}

static int fetch(struct site *s, struct reply *r, const char *request)
{
    raw_connect(&r->raw, server_port(s->server));
    raw_send(&r->raw, request);
    if (!raw_wait(&r->raw, s->play->loop, NULL, 60000))
        fail_msg("the connection did not end: %s", r->raw.in);
    raw_close(&r->raw);
    r->status = 0;
    (void)sscanf(r->raw.in, "HTTP/1.1 %d", &r->status);
    return r->status;
}

static int form(struct site *s, struct reply *r, const char *path, const char *fields)
{
    _cleanup_buf_ struct buf b = {0};
    buf_printf(&b,
               "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
               "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n\r\n%s",
               path, strlen(fields), fields);
    return fetch(s, r, buf_str(&b));
}

/* What stands in the hidden field of the last page's forms. */
static const char *token_of(const struct reply *r, char out[65])
{
    static const char mark[] = "name='csrf' value='";
    const char *at = strstr(r->raw.in, mark);
    assert_non_null(at);
    snprintf(out, 65, "%.64s", at + sizeof mark - 1);
    return out;
}

static const char *const players[] = {"ann", "bob", NULL};
static const char people[] =
    "people: {ann: {roles: [see, deploy]}, bob: {name: Bob, roles: [see, approve]}}\n";

static void every_page_comes_with_a_strict_policy_and_is_not_kept(void **state)
{
    (void)state;
    static const char *const pages[] = {"/",
                                        "/plan",
                                        "/calendar",
                                        "/calendar?view=week",
                                        "/calendar?view=agenda",
                                        "/figures",
                                        "/pages",
                                        "/pages/play",
                                        "/record",
                                        "/drills",
                                        "/sign-in",
                                        "/status",
                                        "/changes/HF-1",
                                        "/changes/HF-1/page",
                                        "/changes/HF-1/messages",
                                        "/changes/HF-1/record",
                                        "/changes/HF-1/replay?at=1",
                                        "/versions"};
    struct site *s = site_open(NULL, NULL);
    struct reply *r = calloc(1, sizeof *r);
    play_start(s->play);
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        char request[256];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                 pages[i]);
        if (fetch(s, r, request) != 200)
            fail_msg("%s: %s", pages[i], r->raw.in);
        assert_non_null(strstr(r->raw.in, "default-src 'none'; script-src 'self'"));
        assert_non_null(strstr(r->raw.in, "Cache-Control: no-store\r\n"));
        assert_non_null(strstr(r->raw.in, "<h1"));
        assert_null(strstr(r->raw.in, "<script>"));
        assert_null(strstr(r->raw.in, " style="));
    }
    free(r);
    site_close(s);
}

static void what_is_not_there_is_said_on_a_page(void **state)
{
    (void)state;
    struct site *s = site_open(NULL, NULL);
    struct reply *r = calloc(1, sizeof *r);
    assert_int_equal(fetch(s, r, GET("/changes/HF-9")), 404);
    assert_non_null(strstr(r->raw.in, "HF-9"));
    assert_int_equal(fetch(s, r, GET("/pages/nothing")), 404);
    assert_int_equal(fetch(s, r, GET("/nowhere")), 404);
    assert_non_null(strstr(r->raw.in, "nobody's"));
    free(r);
    site_close(s);
}

static void an_asset_is_kept_for_ever_by_its_version_and_asked_after_by_its_tag(void **state)
{
    (void)state;
    struct site *s = site_open(NULL, NULL);
    struct reply *r = calloc(1, sizeof *r);
    char path[128], request[512], tag[64];
    assert_int_equal(fetch(s, r, GET("/")), 200);
    assert_int_equal(sscanf(strstr(r->raw.in, "/assets/"), "%127[^']", path), 1);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
             path);
    assert_int_equal(fetch(s, r, request), 200);
    assert_non_null(strstr(r->raw.in, "immutable"));
    assert_non_null(strstr(r->raw.in, "text/css"));
    assert_int_equal(sscanf(strstr(r->raw.in, "ETag: "), "ETag: %63[^\r]", tag), 1);
    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nIf-None-Match: %s\r\n\r\n", path,
             tag);
    assert_int_equal(fetch(s, r, request), 304);
    assert_int_equal(fetch(s, r, GET("/assets/0000000000000000/app.css")), 200);
    assert_null(strstr(r->raw.in, "immutable"));
    assert_int_equal(fetch(s, r, GET("/assets/0000000000000000/nothing.css")), 404);
    free(r);
    site_close(s);
}

static void without_sign_in_a_page_offers_nothing_and_a_form_is_refused(void **state)
{
    (void)state;
    struct site *s = site_open(people, NULL);
    struct reply *r = calloc(1, sizeof *r);
    play_start(s->play);
    assert_int_equal(fetch(s, r, GET("/changes/HF-1")), 200);
    assert_null(strstr(r->raw.in, "/changes/HF-1/answer"));
    assert_non_null(strstr(r->raw.in, "Sign in to answer"));
    assert_int_equal(form(s, r, "/changes/HF-1/answer", "csrf=&step=go&choice=yes"), 403);
    assert_int_equal(fetch(s, r, "GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"), 403);
    assert_null(strstr(r->raw.in, "acme"));
    free(r);
    site_close(s);
}

static void a_drills_form_acts_only_with_the_token_of_its_page(void **state)
{
    (void)state;
    struct site *s = site_open(people, players);
    struct reply *r = calloc(1, sizeof *r);
    char token[65], fields[256];
    play_start(s->play);
    assert_int_equal(fetch(s, r, GET("/changes/HF-1")), 200);
    token_of(r, token);
    assert_int_equal(form(s, r, "/changes/HF-1/answer", "step=go&choice=yes"), 403);
    assert_int_equal(form(s, r, "/changes/HF-1/answer", "csrf=00&step=go&choice=yes"), 403);
    snprintf(fields, sizeof fields, "csrf=%s&step=go&choice=yes", token);
    assert_int_equal(form(s, r, "/changes/HF-1/answer", fields), 303);
    assert_non_null(strstr(r->raw.in, "Location: /changes/HF-1\r\n"));
    until(s->play, "HF-1", "last", "asking");
    _cleanup_buf_ struct buf ack = {0};
    buf_printf(&ack, "csrf=%s&alert=HF-9", token);
    assert_int_equal(form(s, r, "/alerts/ack", buf_str(&ack)), 404);
    assert_int_equal(form(s, r, "/changes/HF-1/answer", fields), 409);
    assert_non_null(strstr(r->raw.in, "was answered already"));
    free(r);
    site_close(s);
}

static void whom_one_plays_is_remembered_and_nobody_else_can_be_played(void **state)
{
    (void)state;
    struct site *s = site_open(people, players);
    struct reply *r = calloc(1, sizeof *r);
    char token[65], fields[256];
    assert_int_equal(fetch(s, r, GET("/")), 200);
    token_of(r, token);
    snprintf(fields, sizeof fields, "csrf=%s&as=bob&back=/plan", token);
    assert_int_equal(form(s, r, "/play", fields), 303);
    assert_non_null(strstr(r->raw.in, "signalbox-plays=bob; Path=/; HttpOnly; SameSite=Strict"));
    assert_non_null(strstr(r->raw.in, "Location: /plan\r\n"));
    snprintf(fields, sizeof fields, "csrf=%s&as=mallory&back=//evil.example/", token);
    assert_int_equal(form(s, r, "/play", fields), 303);
    assert_null(strstr(r->raw.in, "signalbox-plays"));
    assert_non_null(strstr(r->raw.in, "Location: /\r\n"));
    assert_int_equal(fetch(s, r, HEAD_OF("GET /") "Cookie: signalbox-plays=bob\r\n\r\n"), 200);
    assert_non_null(strstr(r->raw.in, "<option value='bob' selected>Bob</option>"));
    free(r);
    site_close(s);
}

static void the_past_of_a_change_is_what_it_was(void **state)
{
    (void)state;
    struct site *s = site_open(NULL, NULL);
    struct reply *r = calloc(1, sizeof *r);
    play_start(s->play);
    assert_int_equal(fetch(s, r, GET("/changes/HF-1/replay?at=1")), 200);
    assert_non_null(strstr(r->raw.in, "Planned, not started"));
    assert_int_equal(fetch(s, r, GET("/changes/HF-1/replay")), 200);
    assert_null(strstr(r->raw.in, "Planned, not started"));
    assert_non_null(strstr(r->raw.in, "Asked at that time"));
    assert_null(strstr(r->raw.in, "/changes/HF-1/answer"));
    free(r);
    site_close(s);
}

static void the_status_page_and_its_feed_are_for_everybody(void **state)
{
    (void)state;
    struct site *s = site_open(people, NULL);
    struct reply *r = calloc(1, sizeof *r);
    assert_int_equal(fetch(s, r, "GET /status HTTP/1.1\r\nHost: status.example\r\nConnection: close\r\n\r\n"),
                     200);
    assert_non_null(strstr(r->raw.in, "All systems are operational"));
    assert_int_equal(fetch(s, r, GET("/status.atom")), 200);
    assert_non_null(strstr(r->raw.in, "application/atom+xml"));
    assert_non_null(strstr(r->raw.in, "<feed xmlns='http://www.w3.org/2005/Atom'>"));
    free(r);
    site_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_comes_with_a_strict_policy_and_is_not_kept),
        cmocka_unit_test(what_is_not_there_is_said_on_a_page),
        cmocka_unit_test(an_asset_is_kept_for_ever_by_its_version_and_asked_after_by_its_tag),
        cmocka_unit_test(without_sign_in_a_page_offers_nothing_and_a_form_is_refused),
        cmocka_unit_test(a_drills_form_acts_only_with_the_token_of_its_page),
        cmocka_unit_test(whom_one_plays_is_remembered_and_nobody_else_can_be_played),
        cmocka_unit_test(the_past_of_a_change_is_what_it_was),
        cmocka_unit_test(the_status_page_and_its_feed_are_for_everybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
