/* Each role, each action, each face: who may do what, however they come. */
#include "api_http.h"

/* The people are named for what they may do, in acme/prod. */
static const char people[] = "clients: {acme: {envs: {prod: {production: true}}}}\n"
                             "people:\n"
                             "  nobody: {roles: []}\n"
                             "  see: {roles: [{role: see, clients: [acme]}]}\n"
                             "  deploy: {roles: [{role: deploy, clients: [acme], envs: [prod]}]}\n"
                             "  approve: {roles: [{role: approve, clients: [acme]}]}\n"
                             "  administer: {roles: [administer]}\n";

enum { NOBODY, SEE, DEPLOY, APPROVE, ADMINISTER, ROLES };
static const char *const names[ROLES] = {"nobody", "see", "deploy", "approve", "administer"};

/* The very same plan again is no plan, but the answer to the one before. */
static const char another_plan[] = "{\"sop\": \"play\", \"client\": \"acme\", \"reason\": \"another\"}";

/* What each may: a letter a role, in the order above; + = allowed. */
static const struct action {
    const char *method, *path, *body, *may;
} actions[] = {
    {"GET", "/api/v1/whoami", NULL, "+++++"},
    {"GET", "/api/v1/version", NULL, "-++++"},
    {"GET", "/api/v1/changes", NULL, "-++++"},
    {"GET", "/api/v1/changes/HF-1", NULL, "-++++"},
    {"GET", "/api/v1/changes/HF-1/events", NULL, "-++++"},
    {"GET", "/api/v1/pages", NULL, "-++++"},
    {"GET", "/api/v1/pages/play", NULL, "-++++"},
    {"GET", "/metrics", NULL, "-++++"},
    {"GET", "/api/v1/tokens", NULL, "+++++"},
    {"POST", "/api/v1/verify", "{}", "-++++"},
    {"POST", "/api/v1/doctor", "{\"role\": \"owners\"}", "--+-+"},
    {"POST", "/api/v1/preview", a_plan, "--+-+"},
    {"POST", "/api/v1/changes", another_plan, "--+-+"},
    {"POST", "/api/v1/changes/HF-1/start", "{}", "--+-+"},
    {"POST", "/api/v1/changes/HF-1/note", "{\"text\": \"x\"}", "-++++"},
    {"POST", "/api/v1/changes/HF-1/skip", "{\"step\": \"report\", \"reason\": \"x\"}", "--+-+"},
    {"POST", "/api/v1/changes/HF-1/answer", "{\"step\": \"go\", \"choice\": \"yes\"}", "--+-+"},
    {"POST", "/api/v1/changes/HF-1/amend", "{\"facts\": {\"x\": 1}, \"reason\": \"x\"}", "--+-+"},
    {"POST", "/api/v1/changes/HF-1/cancel", "{\"reason\": \"x\"}", "--+-+"},
    {"POST", "/api/v1/changes/HF-1/trouble", "{\"reason\": \"x\"}", "--+-+"},
};

/* Denied, or let through to where it may still be impossible (409) or not make sense (422). */
static void judge(const struct action *a, int role, const char *face, int status)
{
    bool denied = status == 401 || status == 403;
    if (denied == (a->may[role] == '-') && (denied || status < 500))
        return;
    fail_msg("%s %s as %s by %s: %d, and it should be %s", a->method, a->path, names[role], face, status,
             a->may[role] == '-' ? "denied" : "allowed");
}

static void each_role_does_what_it_may_when_the_kernel_says_who_asks(void **state)
{
    (void)state;
    for (int role = 0; role < ROLES; role++) {
        struct play *p = play_begin(people);
        p->by = "administer";
        play_start(p);
        p->by = names[role];
        for (size_t i = 0; i < COUNT_OF(actions); i++)
            if (!str_eq(actions[i].path, "/metrics")) /* which is text, and needs a socket */
                judge(&actions[i], role, "name", ask(p, actions[i].method, actions[i].path, actions[i].body));
        play_end(p);
    }
}

static int over_tcp(struct play *p, struct reply *r, const struct action *a, const char *headers)
{
    _cleanup_buf_ struct buf b = {0};
    buf_printf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", a->method, a->path,
               headers);
    if (a->body)
        buf_printf(&b, JSON_TYPE "Content-Length: %zu\r\n\r\n%s", strlen(a->body), a->body);
    else
        buf_adds(&b, "\r\n");
    return send_raw(p, r, false, buf_str(&b));
}

static void token_of(struct play *p, const char *owner, const char *scope, char header[160])
{
    char body[160];
    p->by = "administer";
    snprintf(body, sizeof body, "{\"name\": \"t\", \"scopes\": [\"%s\"], \"owner\": \"%s\"}", scope, owner);
    must(p, "POST", "/api/v1/tokens", body, 201);
    snprintf(header, 160, "Authorization: Bearer %s\r\n", json_str(p->body, "token", ""));
}

static void each_role_does_what_it_may_with_a_token_of_all_scopes(void **state)
{
    (void)state;
    for (int role = 0; role < ROLES; role++) {
        struct play *p = play_begin(people);
        struct reply *r = calloc(1, sizeof *r);
        char header[160];
        token_of(p, names[role], "administer", header);
        play_start(p);
        for (size_t i = 0; i < COUNT_OF(actions); i++)
            judge(&actions[i], role, "token", over_tcp(p, r, &actions[i], header));
        free(r);
        play_end(p);
    }
}

/* A token that may only look, of somebody who may everything, is as good as somebody who may only look. */
static void a_token_to_look_with_only_looks_whoever_owns_it(void **state)
{
    (void)state;
    struct play *p = play_begin(people);
    struct reply *r = calloc(1, sizeof *r);
    char header[160];
    token_of(p, "administer", "see", header);
    play_start(p);
    for (size_t i = 0; i < COUNT_OF(actions); i++)
        judge(&actions[i], SEE, "token to look", over_tcp(p, r, &actions[i], header));
    free(r);
    play_end(p);
}

static void each_role_does_what_it_may_with_a_session(void **state)
{
    (void)state;
    for (int role = 0; role < ROLES; role++) {
        struct play *p = play_begin(people);
        struct reply *r = calloc(1, sizeof *r);
        char header[160], body[200], cookie[120] = "", csrf[64] = "", both[400];
        token_of(p, names[role], "administer", header);
        play_start(p);
        snprintf(body, sizeof body, "{\"token\": \"%.59s\"}", header + strlen("Authorization: Bearer "));
        const struct action in = {"POST", "/sign-in", body, NULL};
        assert_int_equal(over_tcp(p, r, &in, ""), 200);
        assert_int_equal(sscanf(strstr(r->raw.in, "Set-Cookie: "), "Set-Cookie: %119[^;]", cookie), 1);
        assert_int_equal(sscanf(strstr(r->raw.in, "\"csrf\":\""), "\"csrf\":\"%63[^\"]", csrf), 1);
        snprintf(both, sizeof both, "Cookie: %s\r\nX-CSRF-Token: %s\r\n", cookie, csrf);
        for (size_t i = 0; i < COUNT_OF(actions); i++)
            judge(&actions[i], role, "session", over_tcp(p, r, &actions[i], both));
        free(r);
        play_end(p);
    }
}

static void without_sign_in_only_looking_is_possible_and_through_a_proxy_nothing_is(void **state)
{
    (void)state;
    struct play *p = play_begin(people);
    struct reply *r = calloc(1, sizeof *r);
    p->by = "administer";
    play_start(p);
    for (size_t i = 0; i < COUNT_OF(actions); i++) {
        const struct action *a = &actions[i];
        bool looks =
            (str_eq(a->method, "GET") && !str_eq(a->path, "/api/v1/tokens")) || str_ends(a->path, "/verify");
        int status = over_tcp(p, r, a, "");
        if (looks != (status == 200))
            fail_msg("%s %s without sign-in: %d", a->method, a->path, status);
        status = over_tcp(p, r, a, "X-Forwarded-For: 192.0.2.7\r\n");
        if (status != 401 && !str_eq(a->path, "/api/v1/whoami"))
            fail_msg("%s %s through a proxy: %d", a->method, a->path, status);
    }
    free(r);
    play_end(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_does_what_it_may_when_the_kernel_says_who_asks),
        cmocka_unit_test(each_role_does_what_it_may_with_a_token_of_all_scopes),
        cmocka_unit_test(a_token_to_look_with_only_looks_whoever_owns_it),
        cmocka_unit_test(each_role_does_what_it_may_with_a_session),
        cmocka_unit_test(without_sign_in_only_looking_is_possible_and_through_a_proxy_nothing_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
