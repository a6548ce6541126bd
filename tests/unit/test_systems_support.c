/* What drivers share: short keys, configuration, and outcomes that come later and can be taken back. */
#include "check.h"
#include <stdio.h>

#include "base/buf.h"
#include "base/instant.h"
#include "systems/support.h"

static void a_short_key_is_the_digest_in_base32hex(void **state)
{
    (void)state;
    char out[64];
    key_short("abc", out, 51);
    assert_string_equal(out, "n9s1dfsf077ukga183f5rbh24eo06od3iobnl75k23vm3sg02mm");
    key_short("HF-7/maintenance/1", out, 26);
    assert_string_equal(out, "paq01m1l3thio89cve30lajnof");
    key_short("abc", out, 0);
    assert_string_equal(out, "");
}

struct seen {
    int told;
    enum outcome_kind kind;
    char text[100];
    json_t *result;
};

static void see(void *ctx, const struct outcome *o)
{
    struct seen *s = ctx;
    s->told++;
    s->kind = o->kind;
    snprintf(s->text, sizeof s->text, "%.99s", o->error.text);
    s->result = json_incref(o->result);
}

static void an_outcome_without_a_request_comes_later_and_once(void **state)
{
    (void)state;
    struct surroundings around = {.loop = loop_new()};
    struct system s = {.around = &around};
    struct seen a = {0}, b = {0}, c = {0};
    task_done(&s, see, &a, json_pack("{s:s}", "id", "1"));
    task_ends(&s, see, &b, OUTCOME_FAILED, "no %s", "luck");
    struct task *t = task_done(&s, see, &c, json_object());
    assert_int_equal(a.told + b.told, 0);
    task_cancel(t);
    loop_run(around.loop);
    assert_int_equal(a.told, 1);
    assert_int_equal(a.kind, OUTCOME_DONE);
    assert_string_equal(json_string_value(json_object_get(a.result, "id")), "1");
    assert_int_equal(b.told, 1);
    assert_int_equal(b.kind, OUTCOME_FAILED);
    assert_string_equal(b.text, "no luck");
    assert_int_equal(c.told, 0);
    assert_null(s.tasks);
    json_decref(a.result);
    loop_free(around.loop);
}

static void closing_takes_every_task_off_the_list(void **state)
{
    (void)state;
    struct surroundings around = {.loop = loop_new()};
    struct system s = {.around = &around};
    struct seen a = {0};
    for (int i = 0; i < 5; i++)
        task_ends(&s, see, &a, OUTCOME_RETRY, "later");
    task_cancel(s.tasks->next->next);
    task_cancel(NULL);
    tasks_cancel(&s);
    assert_null(s.tasks);
    loop_run(around.loop);
    assert_int_equal(a.told, 0);
    loop_free(around.loop);
}

static struct yaml *yaml_of(const char *text, struct arena *a)
{
    struct yaml *y = yaml_parse(text, strlen(text), "s.yaml", 1, 0, a, NULL);
    assert_non_null(y);
    return y;
}

static void numbers_and_durations_are_read_with_their_bounds(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    static const struct {
        const char *yaml, *says;
        int64_t value;
    } rows[] = {
        {"n: 7", NULL, 7},
        {"other: 1", NULL, 5},
        {"n: 11", "between 1 and 10", 0},
        {"n: 3x", "whole number", 0},
        {"n: [1]", "whole number", 0},
        {"n: ''", "whole number", 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err = ERROR_NONE;
        int64_t n = 0;
        bool ok = config_int(yaml_of(rows[i].yaml, &a), "s.yaml", "n", 5, 1, 10, &n, &err);
        assert_int_equal(ok, rows[i].says == NULL);
        if (ok)
            assert_int_equal(n, rows[i].value);
        else
            assert_non_null(strstr(err.text, rows[i].says));
    }
    int64_t ms;
    struct error err = ERROR_NONE;
    assert_true(config_duration(yaml_of("d: 90s", &a), "s.yaml", "d", 1, &ms, NULL));
    assert_int_equal(ms, 90000);
    assert_true(config_duration(NULL, "s.yaml", "d", 1, &ms, NULL));
    assert_int_equal(ms, 1);
    assert_false(config_duration(yaml_of("a: 1\nd: soon", &a), "s.yaml", "d", 1, &ms, &err));
    assert_int_equal(err.line, 2);
}

static void a_peer_is_read_with_the_sign_in_its_driver_wants(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    static const struct {
        enum http_auth wanted;
        const char *yaml, *says;
        enum http_auth auth;
    } rows[] = {
        {HTTP_AUTH_NONE, "url: http://h", NULL, HTTP_AUTH_NONE},
        {HTTP_AUTH_NONE, "url: http://h\ntoken: env:T", NULL, HTTP_AUTH_BEARER},
        {HTTP_AUTH_NONE, "url: http://h\ntoken: env:T\nuser: u", NULL, HTTP_AUTH_BASIC},
        {HTTP_AUTH_BASIC, "url: http://h\ntoken: env:T\nuser: u", NULL, HTTP_AUTH_BASIC},
        {HTTP_AUTH_BASIC, "url: http://h\ntoken: env:T", "user", HTTP_AUTH_NONE},
        {HTTP_AUTH_HEADER, "url: http://h", "token", HTTP_AUTH_NONE},
        {HTTP_AUTH_BEARER, "token: env:T", "url", HTTP_AUTH_NONE},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err = ERROR_NONE;
        struct http_peer_options out, defaults = {.name = "x", .auth = rows[i].wanted, .total_ms = 1000};
        bool ok = config_peer(yaml_of(rows[i].yaml, &a), "s.yaml", &defaults, &a, &out, &err);
        assert_int_equal(ok, rows[i].says == NULL);
        if (ok)
            assert_int_equal(out.auth, rows[i].auth);
        else
            assert_non_null(strstr(err.text, rows[i].says));
    }
    struct http_peer_options out,
        defaults = {.base_url = "https://d.example", .per_second = 1, .total_ms = 1000};
    assert_true(config_peer(NULL, "s.yaml", &defaults, &a, &out, NULL));
    assert_string_equal(out.base_url, "https://d.example");
    assert_true(config_peer(yaml_of("per_second: 2.5\ntimeout: 3s\nproxy: http://p", &a), "s.yaml", &defaults,
                            &a, &out, NULL));
    assert_true(out.per_second > 2.4 && out.per_second < 2.6);
    assert_int_equal(out.total_ms, 3000);
    assert_string_equal(out.proxy, "http://p");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_key_is_the_digest_in_base32hex),
        cmocka_unit_test(an_outcome_without_a_request_comes_later_and_once),
        cmocka_unit_test(closing_takes_every_task_off_the_list),
        cmocka_unit_test(numbers_and_durations_are_read_with_their_bounds),
        cmocka_unit_test(a_peer_is_read_with_the_sign_in_its_driver_wants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
