/* The probes of the "http" health driver against a small server. */
#include "drive.h"
#include "net/server.h"
#include "systems/drivers.h"
#include <unistd.h>

struct play {
    struct drive *d;
    struct server *server;
    int asked;
    int bad_from, bad_to; /* answers with these numbers are 500 */
    char last_path[256];
    const char *authorization;
    bool silent;
};

static void serve(void *ctx, struct exchange *x)
{
    struct play *p = ctx;
    int n = p->asked++;
    (void)snprintf(p->last_path, sizeof p->last_path, "%s", exchange_request(x)->raw_path);
    p->authorization = request_header(x, "Authorization") ? "yes" : "no";
    if (p->silent)
        return;
    if (n >= p->bad_from && n < p->bad_to)
        answer_text(x, 500, "no\n");
    else
        answer_text(x, 200, "status: UP\n");
}

static int up(void **state)
{
    struct play *p = calloc(1, sizeof *p);
    struct error err = ERROR_NONE;
    struct server_options o = {.address = "127.0.0.1:0", .listen_fd = -1};
    p->d = drive_new();
    p->server = server_new(p->d->loop, &o, serve, p, &err);
    assert_non_null(p->server);
    *state = p;
    return 0;
}

static int down(void **state)
{
    struct play *p = *state;
    drive_close(p->d);
    server_free(p->server);
    drive_free(p->d);
    free(p);
    return 0;
}

/* Opens the driver with one probe; `rest` are more of its keys. */
static void open_probe(struct play *p, const char *path, const char *rest)
{
    char config[512];
    (void)snprintf(config, sizeof config, "probes:\n- name: front\n  url: 'http://127.0.0.1:%d%s'\n%s",
                   server_port(p->server), path, rest);
    drive_open(p->d, &http_driver, config);
}

static json_t *asked_for(const char *soak)
{
    return json_pack("{s:[s, s], s:s, s:s}", "services", "cart", "pay", "client", "tan gerine", "soak", soak);
}

static void a_probe_that_answers_as_expected_is_healthy(void **state)
{
    struct play *p = *state;
    open_probe(p, "/{client}/health", "  contains: UP\n");
    drive_do(p->d, "snapshot", "k", asked_for("1s"));
    assert_done(p->d);
    assert_true(json_flag(p->d->end.result, "healthy", false));
    assert_string_equal(drive_str(p->d, "measures.0.name"), "front");
    assert_string_equal(p->last_path, "/tan%20gerine/health");
}

static void a_probe_for_each_service_is_asked_once_a_service(void **state)
{
    struct play *p = *state;
    open_probe(p, "/{service}/health", "");
    drive_do(p->d, "snapshot", "k", asked_for("1s"));
    assert_int_equal(p->asked, 2);
    assert_string_equal(drive_str(p->d, "measures.0.name"), "front cart");
    assert_string_equal(drive_str(p->d, "measures.1.name"), "front pay");
}

static void status_body_and_time_are_each_looked_at(void **state)
{
    struct play *p = *state;
    static const struct {
        const char *rest, *says;
    } rows[] = {
        {"  expect: 204\n", "answered 200, expected 204"},
        {"  contains: DOWN\n", "does not contain \"DOWN\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        open_probe(p, "/", rows[i].rest);
        drive_do(p->d, "snapshot", "k", asked_for("1s"));
        assert_done(p->d);
        assert_false(json_flag(p->d->end.result, "healthy", true));
        assert_non_null(strstr(drive_str(p->d, "measures.0.says"), rows[i].says));
        drive_close(p->d);
    }
}

static void a_probe_nobody_answers_is_unhealthy_not_an_error(void **state)
{
    struct play *p = *state;
    p->silent = true;
    open_probe(p, "/", "  timeout: 200ms\n");
    drive_do(p->d, "snapshot", "k", asked_for("1s"));
    assert_done(p->d);
    assert_non_null(strstr(drive_str(p->d, "measures.0.says"), "no answer"));
}

static void a_soak_that_stays_good_is_done(void **state)
{
    struct play *p = *state;
    open_probe(p, "/", "");
    drive_do(p->d, "watch", "k", asked_for("200ms"));
    assert_done(p->d);
    assert_true(p->asked >= 4);
    assert_true(json_int(p->d->end.result, "good_for_ms", 0) >= 200);
}

static void one_bad_answer_is_survived_and_two_in_a_row_are_not(void **state)
{
    struct play *p = *state;
    p->bad_from = 2;
    p->bad_to = 3;
    open_probe(p, "/", "");
    drive_do(p->d, "watch", "k", asked_for("150ms"));
    assert_done(p->d);
    p->bad_from = p->asked + 2;
    p->bad_to = p->asked + 4;
    drive_do(p->d, "watch", "k", asked_for("10s"));
    assert_int_equal(p->d->end.kind, OUTCOME_FAILED);
    assert_string_equal(drive_str(p->d, "worse.0.name"), "front");
    assert_non_null(strstr(p->d->end.error.text, "answered 500"));
}

static void a_watch_that_is_cancelled_or_closed_asks_no_more(void **state)
{
    struct play *p = *state;
    open_probe(p, "/", "");
    drive_begin(p->d, false, "watch", "k", asked_for("10s"));
    drive_run(p->d, 100, NULL);
    task_cancel(p->d->task);
    int asked = p->asked;
    drive_run(p->d, 100, NULL);
    assert_true(p->asked <= asked + 1);
    drive_begin(p->d, false, "watch", "k", asked_for("10s"));
    drive_close(p->d);
    drive_run(p->d, 50, NULL);
    assert_false(p->d->end.over);
}

static void a_token_goes_only_to_a_host_that_is_known(void **state)
{
    struct play *p = *state;
    struct error err = ERROR_NONE;
    setenv("PROBE_TOKEN", "very-secret-token", 1);
    open_probe(p, "/", "  token: env:PROBE_TOKEN\n");
    drive_do(p->d, "snapshot", "k", asked_for("1s"));
    assert_string_equal(p->authorization, "yes");
    drive_close(p->d);
    assert_false(drive_try_open(
        p->d, &http_driver,
        "probes:\n- {name: a, url: 'https://{client}.example/', token: env:PROBE_TOKEN}\n", &err));
    assert_int_equal(err.line, 2);
}

static void wrong_probes_are_refused_with_their_place(void **state)
{
    struct play *p = *state;
    static const char *const wrong[] = {
        "probes: x\n",
        "probes:\n- {name: a}\n",
        "probes:\n- {name: a, url: ftp://x}\n",
        "probes:\n- {name: a, url: 'http://x/', expected: 200}\n",
        "probes:\n- {name: a, url: 'http://x/', expect: 99}\n",
        "probes:\n- {name: a, url: x}\n",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct error err = ERROR_NONE;
        if (drive_try_open(p->d, &http_driver, wrong[i], &err))
            fail_msg("opened: %s", wrong[i]);
        assert_true(err.line >= 1);
    }
}

static void with_no_probes_nothing_is_measured_and_the_result_says_so(void **state)
{
    struct play *p = *state;
    drive_open(p->d, &http_driver, NULL);
    drive_do(p->d, "snapshot", "k", asked_for("1s"));
    assert_done(p->d);
    assert_non_null(strstr(drive_str(p->d, "says"), "nothing was measured"));
    drive_do(p->d, "watch", "k", asked_for("1h"));
    assert_done(p->d);
    drive_do(p->d, "mark", "k", json_pack("{s:s}", "text", "hotfix"));
    assert_done(p->d);
    drive_check(p->d);
    assert_int_equal(p->d->end.checks[0].state, CHECK_WARN);
}

static void doctor_tries_every_probe_it_can(void **state)
{
    struct play *p = *state;
    open_probe(p, "/", "- {name: each, url: 'http://127.0.0.1:1/{service}'}\n");
    drive_check(p->d);
    assert_int_equal(p->d->end.n_checks, 1);
    assert_int_equal(p->d->end.checks[0].state, CHECK_OK);
}

#define play_test(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        play_test(a_probe_that_answers_as_expected_is_healthy),
        play_test(a_probe_for_each_service_is_asked_once_a_service),
        play_test(status_body_and_time_are_each_looked_at),
        play_test(a_probe_nobody_answers_is_unhealthy_not_an_error),
        play_test(a_soak_that_stays_good_is_done),
        play_test(one_bad_answer_is_survived_and_two_in_a_row_are_not),
        play_test(a_watch_that_is_cancelled_or_closed_asks_no_more),
        play_test(a_token_goes_only_to_a_host_that_is_known),
        play_test(wrong_probes_are_refused_with_their_place),
        play_test(with_no_probes_nothing_is_measured_and_the_result_says_so),
        play_test(doctor_tries_every_probe_it_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
