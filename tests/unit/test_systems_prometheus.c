/* The prometheus driver against a small server that answers queries from a table. */
#include "drive.h"
#include "net/server.h"
#include "systems/drivers.h"

struct play {
    struct drive *d;
    struct server *server;
    const char *answer; /* body; NULL = by value */
    int status;
    double value, later; /* what every query gives; `later` from the n-th on */
    int asked, change_at;
    char query[512];
};

static void serve(void *ctx, struct exchange *x)
{
    struct play *p = ctx;
    if (strcmp(exchange_request(x)->path, "/prom/api/v1/status/buildinfo") == 0) {
        answer_json(x, 200, json_pack("{s:s, s:{s:s}}", "status", "success", "data", "version", "3.1.0"));
        return;
    }
    assert_string_equal(exchange_request(x)->path, "/prom/api/v1/query");
    (void)snprintf(p->query, sizeof p->query, "%s", request_form(x, "query"));
    double value = p->asked++ >= p->change_at && p->change_at ? p->later : p->value;
    if (p->answer)
        answer_bytes(x, p->status ? p->status : 200, "application/json", p->answer, strlen(p->answer));
    else
        answer_json(x, 200,
                    json_pack("{s:s, s:{s:s, s:[{s:{}, s:[f, o]}]}}", "status", "success", "data",
                              "resultType", "vector", "result", "metric", "value", 1790000000.1,
                              json_sprintf("%g", value)));
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

static void open_measure(struct play *p, const char *measure)
{
    drive_open(p->d, &prometheus_driver,
               arena_printf(&p->d->arena, "url: http://127.0.0.1:%d/prom\ntimeout: 2s\nmeasures:\n- %s\n",
                            server_port(p->server), measure));
}

static json_t *asked_for(json_t *before)
{
    json_t *args = json_pack("{s:[s, s], s:s, s:s, s:s}", "services", "cart", "pay.api", "client",
                             "tan\"gerine\\", "env", "prod", "soak", "150ms");
    if (before)
        json_object_set(args, "before", before);
    return args;
}

static void names_are_quoted_and_cannot_leave_their_quotes(void **state)
{
    struct play *p = *state;
    open_measure(p, "{name: errors, query: 'rate(e{c=\"{client}\",s=~\"{services}\"}[1m])', max: 1}");
    drive_do(p->d, "snapshot", "k", asked_for(NULL));
    assert_done(p->d);
    assert_string_equal(p->query, "rate(e{c=\"tan\\\"gerine\\\\\",s=~\"cart|pay\\\\.api\"}[1m])");
}

static void a_query_for_each_service_is_a_measure_a_service(void **state)
{
    struct play *p = *state;
    p->value = 2.5;
    open_measure(p, "{name: 'latency of {service}', query: 'l{s=\"{service}\"}', max: 3, unit: s}");
    drive_do(p->d, "snapshot", "k", asked_for(NULL));
    assert_done(p->d);
    assert_true(json_flag(p->d->end.result, "healthy", false));
    assert_string_equal(drive_str(p->d, "measures.1.name"), "latency of pay.api");
    assert_string_equal(drive_str(p->d, "measures.1.says"), "2.5 s, at most 3");
}

#define VECTOR(values) "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" values "]}}"
#define SERIES(v)      "{\"metric\":{},\"value\":[1,\"" v "\"]}"

static void answers_are_values_or_unknown_never_zero(void **state)
{
    struct play *p = *state;
    static const struct {
        const char *answer;
        int status;
        bool known;
        double value;
        const char *says;
    } rows[] = {
        {VECTOR(SERIES("0.5")), 200, true, 0.5, "0.5"},
        {VECTOR(SERIES("0.2") "," SERIES("0.7") "," SERIES("0.1")), 200, true, 0.7, "0.7"},
        {VECTOR(""), 200, false, 0, "no series"},
        {VECTOR(SERIES("NaN")), 200, false, 0, "no number"},
        {VECTOR(SERIES("+Inf")), 200, false, 0, "no number"},
        {VECTOR("{\"value\":[1,2]}"), 200, false, 0, "no number"},
        {"{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"3\"]}}", 200, true, 3,
         "3"},
        {"{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[]}}", 200, false, 0,
         "neither"},
        {"{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"parse error at char 3\"}", 400, false,
         0, "parse error at char 3"},
        {"{\"status\":\"success\"}", 200, false, 0, "neither"},
    };
    open_measure(p, "{name: errors, query: e, max: 10}");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        p->answer = rows[i].answer;
        p->status = rows[i].status;
        drive_do(p->d, "snapshot", "k", asked_for(NULL));
        assert_done(p->d);
        assert_int_equal(json_flag(p->d->end.result, "measures.0.known", !rows[i].known), rows[i].known);
        assert_int_equal(json_flag(p->d->end.result, "healthy", !rows[i].known), rows[i].known);
        assert_true(json_num(p->d->end.result, "measures.0.value", 0) == rows[i].value);
        if (!strstr(drive_str(p->d, "measures.0.says"), rows[i].says))
            fail_msg("row %zu: %s", i, drive_str(p->d, "measures.0.says"));
    }
}

static void a_server_that_refuses_or_speaks_something_else_is_no_measure(void **state)
{
    struct play *p = *state;
    open_measure(p, "{name: errors, query: e, max: 10}");
    p->answer = "<html>sign in</html>";
    p->status = 403;
    drive_do(p->d, "snapshot", "k", asked_for(NULL));
    assert_int_equal(p->d->end.kind, OUTCOME_FAILED);
    p->status = 200;
    drive_do(p->d, "snapshot", "k", asked_for(NULL));
    assert_int_equal(p->d->end.kind, OUTCOME_RETRY);
}

static void health_that_stays_near_what_it_was_passes_the_soak(void **state)
{
    struct play *p = *state;
    p->value = 0.2;
    open_measure(p, "{name: errors, query: e, worse_by: 1.5}");
    drive_do(p->d, "snapshot", "k", asked_for(NULL));
    json_t *before = json_incref(p->d->end.result);
    p->change_at = p->asked + 1;
    p->later = 0.29;
    drive_do(p->d, "watch", "k", asked_for(before));
    assert_done(p->d);
    p->change_at = p->asked + 1;
    p->value = 0.29;
    p->later = 0.31;
    drive_do(p->d, "watch", "k", asked_for(before));
    assert_int_equal(p->d->end.kind, OUTCOME_FAILED);
    assert_string_equal(drive_str(p->d, "worse.0.name"), "errors");
    assert_non_null(strstr(p->d->end.error.text, "more than the factor 1.5"));
    json_decref(before);
}

static void a_soak_over_a_gap_begins_again_and_fails_nothing(void **state)
{
    struct play *p = *state;
    p->value = 1;
    open_measure(p, "{name: errors, query: e, max: 10}");
    drive_begin(p->d, false, "watch", "k", asked_for(NULL));
    drive_run(p->d, 60, NULL);
    p->answer = "down";
    drive_run(p->d, 300, NULL);
    assert_false(p->d->end.over);
    p->answer = NULL;
    drive_wait(p->d);
    assert_done(p->d);
}

static void wrong_measures_are_refused_with_their_place(void **state)
{
    struct play *p = *state;
    static const char *const wrong[] = {
        "measures: []\n",
        "url: http://h\n",
        "url: http://h\nmeasures: [x]\n",
        "url: http://h\nmeasures:\n- {name: a, max: 1}\n",
        "url: http://h\nmeasures:\n- {name: a, query: b}\n",
        "url: http://h\nmeasures:\n- {name: a, query: b, max: x}\n",
        "url: http://h\nmeasures:\n- {name: a, query: b, worse_by: 0.5}\n",
        "url: http://h\nmeasures:\n- {name: a, query: b, maximum: 3}\n",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct error err = ERROR_NONE;
        if (drive_try_open(p->d, &prometheus_driver, wrong[i], &err))
            fail_msg("opened: %s", wrong[i]);
        assert_true(err.line > 0);
    }
}

static void doctor_hears_the_version_and_the_number_of_measures(void **state)
{
    struct play *p = *state;
    open_measure(p, "{name: errors, query: e, max: 10}");
    drive_check(p->d);
    assert_int_equal(p->d->end.checks[0].state, CHECK_OK);
    assert_non_null(strstr(p->d->end.texts[0], "3.1.0"));
}

#define play_test(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        play_test(names_are_quoted_and_cannot_leave_their_quotes),
        play_test(a_query_for_each_service_is_a_measure_a_service),
        play_test(answers_are_values_or_unknown_never_zero),
        play_test(a_server_that_refuses_or_speaks_something_else_is_no_measure),
        play_test(health_that_stays_near_what_it_was_passes_the_soak),
        play_test(a_soak_over_a_gap_begins_again_and_fails_nothing),
        play_test(wrong_measures_are_refused_with_their_place),
        play_test(doctor_hears_the_version_and_the_number_of_measures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
