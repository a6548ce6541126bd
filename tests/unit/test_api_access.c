/* Who gets in over the network: tokens, sessions, and who may do what with them. */
#include "api_http.h"

#include "api/access.h"
#include "base/instant.h"

static const char people[] = "clients: {acme: {envs: {prod: {production: true}, staging: {}}}, other: {}}\n"
                             "people:\n"
                             "  ann: {name: Ann, roles: [deploy, approve]}\n"
                             "  eve: {roles: [see]}\n"
                             "  root: {roles: [administer]}\n";

/* Makes a token as p->by; gives its text (to be freed). */
static char *token_made(struct play *p, const char *body)
{
    must(p, "POST", "/api/v1/tokens", body, 201);
    return strdup(json_str(p->body, "token", ""));
}

/* A request over TCP with extra headers (each with its line break); POST with a JSON body when there is one. */
static int asked(struct play *p, struct reply *r, const char *method, const char *path, const char *headers,
                 const char *body)
{
    _cleanup_buf_ struct buf b = {0};
    buf_printf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", method, path, headers);
    if (body)
        buf_printf(&b, "%sContent-Length: %zu\r\n\r\n%s", *body == '{' ? JSON_TYPE : "", strlen(body), body);
    else
        buf_adds(&b, "\r\n");
    return send_raw(p, r, false, buf_str(&b));
}

static int with_token(struct play *p, struct reply *r, const char *token, const char *method,
                      const char *path, const char *body)
{
    char header[160];
    snprintf(header, sizeof header, "Authorization: Bearer %s\r\n", token);
    return asked(p, r, method, path, header, body);
}

static void a_token_speaks_with_its_owners_name_within_its_scopes(void **state)
{
    (void)state;
    struct play *p = play_begin(people);
    struct reply *r = calloc(1, sizeof *r);
    char *see = token_made(p, "{\"name\": \"board\", \"scopes\": [\"see\"]}");
    char *act = token_made(p, "{\"name\": \"laptop\", \"scopes\": [\"act\"]}");
    assert_int_equal(with_token(p, r, act, "GET", "/api/v1/whoami", NULL), 200);
    assert_non_null(strstr(r->raw.in, "{\"by\":\"ann\",\"how\":\"token\",\"name\":\"ann\","
                                      "\"may\":[\"see\",\"deploy\",\"approve\"]}"));
    assert_int_equal(with_token(p, r, see, "GET", "/api/v1/changes", NULL), 200);
    assert_int_equal(with_token(p, r, see, "POST", "/api/v1/changes", a_plan), 403);
    assert_int_equal(with_token(p, r, act, "POST", "/api/v1/changes", a_plan), 201);
    assert_int_equal(with_token(p, r, see, "POST", "/api/v1/changes/HF-1/start", "{}"), 403);
    assert_int_equal(with_token(p, r, act, "POST", "/api/v1/changes/HF-1/start", "{}"), 200);
    free(see);
    free(act);
    free(r);
    play_end(p);
}

static void the_record_says_which_token_spoke(void **state)
{
    (void)state;
    struct play *p = play_begin(people);
    struct reply *r = calloc(1, sizeof *r);
    char *act = token_made(p, "{\"name\": \"laptop\", \"scopes\": [\"act\"]}");
    assert_int_equal(with_token(p, r, act, "POST", "/api/v1/changes", a_plan), 201);
    assert_int_equal(with_token(p, r, act, "POST", "/api/v1/changes/HF-1/start", "{}"), 200);
    must(p, "POST", "/api/v1/changes/HF-1/note", "{\"text\": \"by hand\"}", 200);
    must(p, "GET", "/api/v1/changes/HF-1/events", NULL, 200);
    const json_t *events = json_object_get(p->body, "events");
    size_t i;
    json_t *event;
    json_array_foreach((json_t *)(uintptr_t)events, i, event) {
        const char *type = json_str(event, "type", ""), *via = json_str(event, "data.via", NULL);
        bool by_token = str_eq(type, "change.planned") || str_eq(type, "change.started");
        if (!str_eq(via, by_token ? "token laptop" : NULL))
            fail_msg("%s via %s", type, via ? via : "nothing");
        if (by_token)
            assert_string_equal(json_str(event, "by", ""), "ann");
    }
    free(act);
    free(r);
    play_end(p);
}

static void a_token_for_one_place_is_worth_nothing_elsewhere(void **state)
{
    (void)state;
    struct play *p = play_begin(people);
    struct reply *r = calloc(1, sizeof *r);
    char *t = token_made(p, "{\"name\": \"ci\", \"scopes\": [\"act\"], \"for\": [\"acme/staging\"]}");
    assert_int_equal(with_token(p, r, t, "POST", "/api/v1/changes",
                                "{\"sop\": \"play\", \"client\": \"acme\", \"env\": \"prod\"}"),
                     403);
    assert_int_equal(
        with_token(p, r, t, "POST", "/api/v1/changes", "{\"sop\": \"play\", \"client\": \"other\"}"), 403);
    assert_int_equal(with_token(p, r, t, "POST", "/api/v1/changes",
                                "{\"sop\": \"play\", \"client\": \"acme\", \"env\": \"staging\"}"),
                     201);
    must(p, "POST", "/api/v1/changes", "{\"sop\": \"play\", \"client\": \"acme\", \"env\": \"prod\"}", 201);
    assert_int_equal(with_token(p, r, t, "GET", "/api/v1/changes/HF-1", NULL), 200);
    assert_int_equal(with_token(p, r, t, "GET", "/api/v1/changes/HF-2", NULL), 403);
    assert_int_equal(with_token(p, r, t, "GET", "/api/v1/changes", NULL), 200);
    assert_null(strstr(r->raw.in, "HF-2"));
    free(t);
    free(r);
    play_end(p);
}

static void a_token_gives_nobody_more_than_they_have(void **state)
{
    (void)state;
    struct play *p = play_begin(people);
    struct reply *r = calloc(1, sizeof *r);
    p->by = "eve";
    char *t = token_made(p, "{\"name\": \"greedy\", \"scopes\": [\"administer\"]}");
    assert_int_equal(with_token(p, r, t, "POST", "/api/v1/changes", a_plan), 403);
    must(p, "POST", "/api/v1/tokens", "{\"name\": \"x\", \"scopes\": [\"see\"], \"owner\": \"ann\"}", 403);
    p->by = "root";
    must(p, "POST", "/api/v1/tokens", "{\"name\": \"x\", \"scopes\": [\"see\"], \"owner\": \"ann\"}", 201);
    assert_true(body_says(p, "\"owner\": \"ann\"") || body_says(p, "\"owner\":\"ann\""));
    p->by = "ann";
    char *act = token_made(p, "{\"name\": \"laptop\", \"scopes\": [\"act\"]}");
    assert_int_equal(
        with_token(p, r, act, "POST", "/api/v1/tokens", "{\"name\": \"more\", \"scopes\": [\"see\"]}"), 403);
    free(act);
    free(t);
    free(r);
    play_end(p);
}

static void what_is_no_token_or_over_is_refused(void **state)
{
    (void)state;
    struct play *p = play_begin(people);
    struct reply *r = calloc(1, sizeof *r);
    char *t = token_made(p, "{\"name\": \"ci\", \"scopes\": [\"see\"], \"expires\": \"1h\"}");
    char wrong[80];
    snprintf(wrong, sizeof wrong, "%s", t);
    wrong[strlen(wrong) - 1] = wrong[strlen(wrong) - 1] == 'A' ? 'B' : 'A';
    assert_int_equal(with_token(p, r, wrong, "GET", "/api/v1/changes", NULL), 401);
    assert_non_null(strstr(r->raw.in, "WWW-Authenticate: Bearer"));
    assert_int_equal(with_token(p, r, "sbt_", "GET", "/api/v1/changes", NULL), 401);
    assert_int_equal(with_token(p, r, "", "GET", "/api/v1/changes", NULL), 401);
    assert_int_equal(with_token(p, r, t, "GET", "/api/v1/changes", NULL), 200);
    must(p, "DELETE", "/api/v1/tokens/ci", NULL, 200);
    assert_int_equal(with_token(p, r, t, "GET", "/api/v1/changes", NULL), 401);
    assert_non_null(strstr(r->raw.in, "was revoked"));
    must(p, "POST", "/api/v1/tokens",
         "{\"name\": \"old\", \"scopes\": [\"see\"], \"expires\": \"2001-01-01 00:00\"}", 422);
    must(p, "POST", "/api/v1/tokens", "{\"name\": \"odd\", \"scopes\": [\"deploi\"]}", 404);
    assert_true(body_says(p, "deploy"));
    must(p, "POST", "/api/v1/tokens", "{\"name\": \"none\", \"scopes\": []}", 422);
    must(p, "DELETE", "/api/v1/tokens/nothing", NULL, 404);
    free(t);
    free(r);
    play_end(p);
}

static void the_store_never_sees_a_tokens_secret(void **state)
{
    (void)state;
    struct play *p = play_begin(people);
    char *t = token_made(p, "{\"name\": \"ci\", \"scopes\": [\"see\"]}");
    struct error err = ERROR_NONE;
    json_t *docs = store_docs(engine_store(p->engine), "api.token", &err);
    char *text = json_dumps(docs, 0);
    assert_int_equal(json_array_size(docs), 1);
    assert_null(strstr(text, t + 4 + CREDENTIAL_ID));
    must(p, "GET", "/api/v1/tokens", NULL, 200);
    assert_false(body_says(p, t + 4 + CREDENTIAL_ID));
    assert_false(body_says(p, "hash"));
    free(text);
    json_decref(docs);
    free(t);
    play_end(p);
}

/* --- sessions ----------------------------------------------------------------------------------- */

/* The value of a cookie in an answer, in a static place; "" without one. */
static const char *cookie_of(const struct reply *r)
{
    static char cookie[128];
    cookie[0] = '\0';
    const char *at = strstr(r->raw.in, "Set-Cookie: signalbox=");
    if (at)
        (void)sscanf(at, "Set-Cookie: signalbox=%100[^;]", cookie);
    return cookie;
}

static void session_begun(struct play *p, struct reply *r, const char *token, char header[160], char csrf[64])
{
    char body[160];
    snprintf(body, sizeof body, "{\"token\": \"%s\"}", token);
    assert_int_equal(asked(p, r, "POST", "/sign-in", "", body), 200);
    assert_non_null(strstr(r->raw.in, "HttpOnly; SameSite=Lax; Max-Age=43200"));
    snprintf(header, 160, "Cookie: a=b; signalbox=%s\r\n", cookie_of(r));
    const char *at = strstr(r->raw.in, "\"csrf\":\"");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "\"csrf\":\"%63[^\"]", csrf), 1);
}

static void a_session_changes_things_only_with_its_csrf_token(void **state)
{
    (void)state;
    struct play *p = play_begin(people);
    struct reply *r = calloc(1, sizeof *r);
    char *t = token_made(p, "{\"name\": \"laptop\", \"scopes\": [\"act\"]}");
    char header[160], csrf[64], both[320];
    session_begun(p, r, t, header, csrf);
    assert_int_equal(asked(p, r, "GET", "/api/v1/whoami", header, NULL), 200);
    assert_non_null(strstr(r->raw.in, "\"by\":\"ann\",\"how\":\"session\",\"name\":\"Ann\""));
    assert_int_equal(asked(p, r, "POST", "/api/v1/changes", header, a_plan), 403);
    assert_non_null(strstr(r->raw.in, "X-CSRF-Token"));
    snprintf(both, sizeof both, "%sX-CSRF-Token: %sx\r\n", header, csrf);
    assert_int_equal(asked(p, r, "POST", "/api/v1/changes", both, a_plan), 403);
    snprintf(both, sizeof both, "%sX-CSRF-Token: %s\r\n", header, csrf);
    assert_int_equal(asked(p, r, "POST", "/api/v1/changes", both, a_plan), 201);
    /* Signing out needs it too, and ends the session for good. */
    assert_int_equal(asked(p, r, "POST", "/sign-out", header, "{}"), 403);
    assert_int_equal(asked(p, r, "POST", "/sign-out", both, "{}"), 200);
    assert_int_equal(asked(p, r, "POST", "/api/v1/changes/HF-1/start", both, "{}"), 403);
    assert_int_equal(asked(p, r, "GET", "/api/v1/whoami", header, NULL), 200);
    assert_non_null(strstr(r->raw.in, "\"how\":\"loopback\""));
    free(t);
    free(r);
    play_end(p);
}

static void a_session_ends_with_the_token_it_began_with(void **state)
{
    (void)state;
    struct play *p = play_begin(people);
    struct reply *r = calloc(1, sizeof *r);
    char *t = token_made(p, "{\"name\": \"laptop\", \"scopes\": [\"see\"]}");
    char header[160], csrf[64];
    session_begun(p, r, t, header, csrf);
    assert_int_equal(asked(p, r, "GET", "/api/v1/whoami", header, NULL), 200);
    assert_non_null(strstr(r->raw.in, "\"may\":[\"see\"]")); /* within the token's scopes, too */
    must(p, "DELETE", "/api/v1/tokens/laptop", NULL, 200);
    assert_int_equal(asked(p, r, "GET", "/api/v1/whoami", header, NULL), 200);
    assert_non_null(strstr(r->raw.in, "\"how\":\"loopback\""));
    free(t);
    free(r);
    play_end(p);
}

static void a_form_signs_in_and_goes_on_to_a_page_of_ours(void **state)
{
    (void)state;
    struct play *p = play_begin(people);
    struct reply *r = calloc(1, sizeof *r);
    char *t = token_made(p, "{\"name\": \"laptop\", \"scopes\": [\"act\"]}");
    static const struct {
        const char *next, *place;
    } rows[] = {
        {"%2Fchanges%2FHF-1%3Fa%3Db", "Location: /changes/HF-1?a=b\r\n"},
        {"%2F%2Fevil.example", "Location: /\r\n"},
        {"%2F%5Cevil.example", "Location: /\r\n"},
        {"https%3A%2F%2Fevil.example", "Location: /\r\n"},
        {"%2Fa%0D%0AX%3A+y", "Location: /\r\n"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char body[256];
        snprintf(body, sizeof body, "token=%s&next=%s", t, rows[i].next);
        assert_int_equal(
            asked(p, r, "POST", "/sign-in", "Content-Type: application/x-www-form-urlencoded\r\n", body),
            303);
        assert_non_null(strstr(r->raw.in, rows[i].place));
        assert_true(strlen(cookie_of(r)) > 50);
    }
    assert_int_equal(asked(p, r, "POST", "/sign-in", "Content-Type: application/x-www-form-urlencoded\r\n",
                           "token=wrong&next=%2Fx"),
                     303);
    assert_non_null(strstr(r->raw.in, "Location: /sign-in?why=token&next=%2Fx\r\n"));
    assert_int_equal(asked(p, r, "POST", "/sign-in", "Origin: http://evil.example\r\n", "{\"token\": \"x\"}"),
                     403);
    free(t);
    free(r);
    play_end(p);
}

static void who_fails_too_often_waits_but_a_right_token_still_speaks(void **state)
{
    (void)state;
    struct play *p = play_begin(people);
    struct reply *r = calloc(1, sizeof *r);
    char *t = token_made(p, "{\"name\": \"laptop\", \"scopes\": [\"act\"]}");
    char body[160];
    snprintf(body, sizeof body, "{\"token\": \"%s\"}", t);
    for (int i = 0; i < 5; i++)
        assert_int_equal(asked(p, r, "POST", "/sign-in", "", "{\"token\": \"guess\"}"), 401);
    assert_int_equal(asked(p, r, "POST", "/sign-in", "", body), 429);
    assert_non_null(strstr(r->raw.in, "Retry-After: "));
    assert_int_equal(with_token(p, r, "guess", "GET", "/api/v1/changes", NULL), 429);
    assert_int_equal(with_token(p, r, t, "GET", "/api/v1/changes", NULL), 200);
    free(t);
    free(r);
    play_end(p);
}

static void the_guard_doubles_the_wait_and_forgives_in_time(void **state)
{
    (void)state;
    struct guard *g = guard_new();
    for (int i = 0; i < 4; i++)
        guard_failed(g, "192.0.2.1", 1000);
    assert_int_equal(guard_wait(g, "192.0.2.1", 1000), 0);
    guard_failed(g, "192.0.2.1", 1000);
    assert_int_equal(guard_wait(g, "192.0.2.1", 1000), 31);
    assert_int_equal(guard_wait(g, "192.0.2.2", 1000), 0);
    assert_int_equal(guard_wait(g, "192.0.2.1", SECONDS(32)), 0);
    guard_failed(g, "192.0.2.1", SECONDS(32));
    assert_int_equal(guard_wait(g, "192.0.2.1", SECONDS(32)), 61);
    for (int i = 0; i < 50; i++)
        guard_failed(g, "192.0.2.1", SECONDS(100));
    assert_int_equal(guard_wait(g, "192.0.2.1", SECONDS(100)), 901);
    guard_failed(g, "192.0.2.1", HOURS(3));
    assert_int_equal(guard_wait(g, "192.0.2.1", HOURS(3)), 0);
    /* One network of IPv6 is one guesser. */
    for (int i = 0; i < 5; i++)
        guard_failed(g, i % 2 ? "2001:db8:1:2:aaaa:bbbb:cccc:1" : "2001:db8:1:2:ffff:bbbb:cccc:2", 1000);
    assert_int_equal(guard_wait(g, "2001:db8:1:2:1:2:3:4", 1000), 31);
    assert_int_equal(guard_wait(g, "2001:db8:1:3:1:2:3:4", 1000), 0);
    guard_free(g);
}

static void nothing_done(void *ctx, json_t *doc, const struct error *err)
{
    (void)ctx, (void)doc;
    assert_null(err);
}

static void a_cookie_changes_and_the_one_before_is_good_until_the_new_one_was_seen(void **state)
{
    (void)state;
    struct play *p = play_begin(people);
    struct sessions *all = p->api->sessions;
    char first[COOKIE_MAX], second[COOKIE_MAX], fresh[COOKIE_MAX];
    const struct signed_in who = {.by = "ann", .name = "Ann"};
    struct session *s = sessions_begin(all, &who, first, nothing_done, NULL);
    assert_ptr_equal(sessions_find(all, first, fresh), s);
    assert_string_equal(fresh, "");
    s->rotated -= HOURS(1);
    assert_ptr_equal(sessions_find(all, first, second), s);
    assert_int_equal(strlen(second), COOKIE_MAX - 1);
    assert_ptr_equal(sessions_find(all, first, fresh), s); /* the answer with the new one was lost */
    assert_ptr_equal(sessions_find(all, second, fresh), s);
    assert_ptr_equal(sessions_find(all, first, fresh), s); /* was under way */
    s->confirmed -= HOURS(1);
    assert_null(sessions_find(all, first, fresh)); /* somebody has a copy */
    assert_null(sessions_find(all, second, fresh));
    play_end(p);
}

static void a_session_ends_by_idleness_and_by_age(void **state)
{
    (void)state;
    struct play *p = play_begin("sign_in: {idle: 10m, lasts: 3h}\n");
    struct sessions *all = p->api->sessions;
    char cookie[COOKIE_MAX], fresh[COOKIE_MAX];
    const struct signed_in who = {.by = "ann", .name = "Ann"};
    struct session *s = sessions_begin(all, &who, cookie, nothing_done, NULL);
    s->seen -= MINUTES(9);
    assert_non_null(sessions_find(all, cookie, fresh));
    s->seen -= MINUTES(11);
    assert_null(sessions_find(all, cookie, fresh));
    s = sessions_begin(all, &who, cookie, nothing_done, NULL);
    s->began -= HOURS(4);
    assert_null(sessions_find(all, cookie, fresh));
    play_end(p);
}

static void sessions_outlive_the_process_and_one_person_has_eight_of_them(void **state)
{
    (void)state;
    struct play *p = play_begin(people);
    char cookies[10][COOKIE_MAX], fresh[COOKIE_MAX];
    const struct signed_in who = {.by = "ann", .name = "Ann"};
    for (int i = 0; i < 10; i++)
        sessions_begin(p->api->sessions, &who, cookies[i], nothing_done, NULL)->seen += i;
    store_flush(engine_store(p->engine));
    struct sessions *again = sessions_new(p->api);
    int alive = 0;
    for (int i = 0; i < 10; i++)
        alive += sessions_find(again, cookies[i], fresh) != NULL;
    assert_int_equal(alive, 8);
    assert_non_null(sessions_find(again, cookies[9], fresh));
    sessions_free(again);
    play_end(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_speaks_with_its_owners_name_within_its_scopes),
        cmocka_unit_test(the_record_says_which_token_spoke),
        cmocka_unit_test(a_token_for_one_place_is_worth_nothing_elsewhere),
        cmocka_unit_test(a_token_gives_nobody_more_than_they_have),
        cmocka_unit_test(what_is_no_token_or_over_is_refused),
        cmocka_unit_test(the_store_never_sees_a_tokens_secret),
        cmocka_unit_test(a_session_changes_things_only_with_its_csrf_token),
        cmocka_unit_test(a_session_ends_with_the_token_it_began_with),
        cmocka_unit_test(a_form_signs_in_and_goes_on_to_a_page_of_ours),
        cmocka_unit_test(who_fails_too_often_waits_but_a_right_token_still_speaks),
        cmocka_unit_test(the_guard_doubles_the_wait_and_forgives_in_time),
        cmocka_unit_test(a_session_ends_by_idleness_and_by_age),
        cmocka_unit_test(sessions_outlive_the_process_and_one_person_has_eight_of_them),
        cmocka_unit_test(a_cookie_changes_and_the_one_before_is_good_until_the_new_one_was_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
