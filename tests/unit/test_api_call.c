#include "api_play.h"

/* --- problems --------------------------------------------------------------------------------- */

static void every_error_has_its_status_and_its_name(void **state)
{
    (void)state;
    static const struct {
        enum error_code code;
        int status;
    } rows[] = {
        {SB_PARSE, 422},     {SB_RANGE, 422},    {SB_UNKNOWN, 404},
        {SB_MISSING, 422},   {SB_LIMIT, 413},    {SB_STATE, 409},
        {SB_INTERLOCK, 409}, {SB_DENIED, 403},   {SB_CONFLICT, 409},
        {SB_IO, 500},        {SB_NET, 502},      {SB_REMOTE, 502},
        {SB_CORRUPT, 500},   {SB_INTERNAL, 500}, {(enum error_code)99, 500},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err = {.code = rows[i].code, .text = "so it is"};
        int status = 0;
        _cleanup_json_ json_t *problem = api_problem(&err, &status);
        assert_int_equal(status, rows[i].status);
        assert_int_equal(json_int(problem, "status", 0), rows[i].status);
        assert_string_equal(json_str(problem, "code", ""), error_code_name(rows[i].code));
        assert_string_equal(json_str(problem, "detail", ""), "so it is");
        assert_true(str_starts(json_str(problem, "type", ""), "urn:signalbox:problem:"));
        assert_true(strlen(json_str(problem, "title", "")) > 0);
        assert_null(json_object_get(problem, "file"));
    }
}

static void a_problem_names_its_place_as_far_as_it_is_known(void **state)
{
    (void)state;
    struct error err;
    int status;
    error_at(&err, SB_PARSE, "play.md", 7, 0, "no such verb");
    _cleanup_json_ json_t *problem = api_problem(&err, &status);
    assert_string_equal(json_str(problem, "file", ""), "play.md");
    assert_int_equal(json_int(problem, "line", 0), 7);
    assert_null(json_object_get(problem, "column"));
}

static void an_unknown_name_in_a_file_is_no_path_that_is_not_there(void **state)
{
    (void)state;
    struct error err;
    int status;
    error_at(&err, SB_UNKNOWN, "play.md", 7, 3, "no such verb");
    _cleanup_json_ json_t *problem = api_problem(&err, &status);
    assert_int_equal(status, 422);
    assert_int_equal(json_int(problem, "status", 0), 422);
}

static void a_problem_whose_text_is_not_utf8_is_told_all_the_same(void **state)
{
    (void)state;
    struct error err = {.code = SB_REMOTE, .text = "it says \xff\xfe"};
    int status;
    _cleanup_json_ json_t *problem = api_problem(&err, &status);
    assert_non_null(problem);
    assert_true(strlen(json_str(problem, "detail", "")) > 0);
}

/* --- routes ------------------------------------------------------------------------------------- */

struct row {
    const char *method, *path, *body;
    int status;
    const char *says; /* in the answer, or NULL */
};

static void play_rows(struct play *p, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int status = ask(p, rows[i].method, rows[i].path, rows[i].body);
        char *text = json_dumps(p->body, JSON_COMPACT | JSON_ENCODE_ANY);
        if (status != rows[i].status || (rows[i].says && !strstr(text, rows[i].says)))
            fail_msg("%s %s %s: %d instead of %d (%s): %.600s", rows[i].method, rows[i].path,
                     rows[i].body ? rows[i].body : "", status, rows[i].status,
                     rows[i].says ? rows[i].says : "", text);
        free(text);
    }
}

static void a_change_goes_through_its_whole_life(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    static const struct row before[] = {
        {"GET", "/api/v1/changes", NULL, 200, "{\"changes\":[]}"},
        {"POST", "/api/v1/preview", a_plan, 200, "Go on for acme?"},
        {"GET", "/api/v1/changes", NULL, 200, "{\"changes\":[]}"},
        {"POST", "/api/v1/changes", a_plan, 201, "\"id\":\"HF-1\""},
        {"POST", "/api/v1/changes", a_plan, 200, "\"already\":true"},
        {"GET", "/api/v1/changes/HF-1", NULL, 200, "\"status\":\"planned\""},
        {"GET", "/api/v1/changes/HF-1/report", NULL, 404, "no report yet"},
        {"POST", "/api/v1/changes/HF-1/amend",
         "{\"facts\": {\"incident\": \"INC-4\"}, \"reason\": \"it came in\"}", 200, "\"did\":\"amend\""},
        {"POST", "/api/v1/changes/HF-1/start", NULL, 200, "\"id\":\"HF-1\""},
    };
    play_rows(p, before, COUNT_OF(before));
    until(p, "HF-1", "go", "asking");
    static const struct row during[] = {
        {"POST", "/api/v1/changes/HF-1/note", "{\"text\": \"the bridge is open\"}", 200, "\"did\":\"note\""},
        {"POST", "/api/v1/changes/HF-1/answer", "{\"step\": \"go\", \"choice\": \"yes\"}", 200,
         "\"choice\":\"yes\""},
        {"POST", "/api/v1/changes/HF-1/answer", "{\"step\": \"go\", \"choice\": \"no\"}", 409, "by ann"},
        {"GET", "/api/v1/changes?open=1", NULL, 200, "HF-1"},
    };
    play_rows(p, during, COUNT_OF(during));
    until(p, "HF-1", "last", "asking");
    static const struct row after[] = {
        {"POST", "/api/v1/changes/HF-1/answer", "{\"choice\": \"yes\"}", 200, "\"step\":\"last\""},
        {"POST", "/api/v1/changes/HF-1/note", "{\"text\": \"learnt later\"}", 200, NULL},
        {"GET", "/api/v1/changes?open=1", NULL, 200, "{\"changes\":[]}"},
        {"GET", "/api/v1/changes?open=0", NULL, 200, "HF-1"},
        {"GET", "/api/v1/changes/HF-1/report", NULL, 200, "\"text\":\"# HF-1"},
        {"GET", "/api/v1/changes/HF-1/report?format=html", NULL, 200, "<!doctype html>"},
        {"GET", "/api/v1/changes/HF-1/report?format=pdf", NULL, 422, "md or html"},
        {"POST", "/api/v1/verify", NULL, 200, "\"good\":true,\"changes\":1"},
        {"POST", "/api/v1/verify", "{\"change\": \"HF-1\"}", 200, "\"good\":true"},
    };
    play_rows(p, after, COUNT_OF(after));
    play_end(p);
}

static void what_is_not_right_is_refused_with_what_would_be(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    play_start(p);
    static const struct row rows[] = {
        /* paths and methods */
        {"GET", "/api/v1/chnages", NULL, 404, "GET /api/v1 lists all"},
        {"GET", "/api/v1/changes/", NULL, 404, NULL},
        {"GET", "/api/v1/changes/HF-1/events/3", NULL, 404, NULL},
        {"DELETE", "/api/v1/changes/HF-1", NULL, 405, "only GET"},
        {"PUT", "/api/v1/changes", NULL, 405, "only GET, POST"},
        /* names */
        {"GET", "/api/v1/changes/HF-9", NULL, 404, "did you mean \\\"HF-1\\\"?"},
        {"GET", "/api/v1/changes/hf-1", NULL, 404, "did you mean \\\"HF-1\\\"?"},
        {"GET", "/api/v1/changes/nothing-like-it", NULL, 404, "there is no change"},
        {"GET", "/api/v1/changes/..%2F..%2Fetc%2Fpasswd/report", NULL, 404, NULL},
        {"GET", "/api/v1/changes/HF-9/events", NULL, 404, NULL},
        {"GET", "/api/v1/changes/HF-9/report", NULL, 404, NULL},
        {"POST", "/api/v1/changes/HF-9/start", NULL, 404, NULL},
        {"POST", "/api/v1/changes/HF-9/answer", "{\"choice\": \"yes\"}", 404, NULL},
        {"POST", "/api/v1/changes/HF-9/resolve",
         "{\"step\": \"go\", \"took_place\": true, \"reason\": \"seen\"}", 404, NULL},
        {"POST", "/api/v1/changes/HF-9/note", "{\"text\": \"x\"}", 404, NULL},
        {"POST", "/api/v1/verify", "{\"change\": \"HF-9\"}", 404, NULL},
        {"POST", "/api/v1/changes/HF-1/answer", "{\"step\": \"lats\", \"choice\": \"yes\"}", 404,
         "did you mean \\\"last\\\"?"},
        {"POST", "/api/v1/changes/HF-1/answer", "{\"choice\": \"yse\"}", 404, "did you mean \\\"yes\\\"?"},
        {"POST", "/api/v1/doctor", "{\"role\": \"pipelin\"}", 404, "did you mean \\\"pipeline\\\"?"},
        {"POST", "/api/v1/look", "{\"verb\": \"cluster.version\"}", 404, "cluster.versions"},
        {"POST", "/api/v1/look",
         "{\"verb\": \"cluster.versions\", \"args\": {\"clent\": \"acme\", \"env\": \"prod\"}}", 422,
         "client"},
        {"POST", "/api/v1/changes", "{\"sop\": \"plya\", \"client\": \"acme\"}", 404, NULL},
        {"POST", "/api/v1/preview", "{\"sop\": \"plya\", \"client\": \"acme\"}", 404, NULL},
        /* fields */
        {"POST", "/api/v1/changes", "{}", 422, "client is missing"},
        {"POST", "/api/v1/changes", "[]", 422, "expected an object, found a list"},
        {"POST", "/api/v1/changes", "\"HF-1\"", 422, "expected an object, found text"},
        {"POST", "/api/v1/changes", "{\"client\": 7}", 422, "client: expected text, found a number"},
        {"POST", "/api/v1/changes", "{\"client\": null}", 422, "client: expected text, found null"},
        {"POST", "/api/v1/changes",
         "{\"client\": \"acme\", \"env\": null, \"sop\": \"play\", \"services\": {}}", 422,
         "services: expected a list"},
        {"POST", "/api/v1/changes", "{\"client\": \"acme\", \"inputs\": []}", 422,
         "inputs: expected an object"},
        {"POST", "/api/v1/changes", "{\"client\": \"acme\", \"windw\": \"now\"}", 422,
         "did you mean \\\"window\\\"?"},
        {"POST", "/api/v1/changes",
         "{\"client\": \"acme\", \"sop\": \"play\", \"inputs\": {\"risk\": \"some\"}}", 404,
         "none of low, high"},
        {"POST", "/api/v1/changes/HF-1/start", "{\"now\": true}", 422, "not known here"},
        {"POST", "/api/v1/changes/HF-1/answer", "{}", 422, "choice is missing"},
        {"POST", "/api/v1/changes/HF-1/answer", "{\"choice\": \"yes\", \"minutes\": \"ten\"}", 422,
         "minutes: expected a whole number, found text"},
        {"POST", "/api/v1/changes/HF-1/answer", "{\"choice\": \"yes\", \"minutes\": 1.5}", 422, "minutes"},
        {"POST", "/api/v1/changes/HF-1/resolve",
         "{\"step\": \"go\", \"took_place\": \"yes\", \"reason\": \"x\"}", 422,
         "took_place: expected true or false"},
        {"POST", "/api/v1/changes/HF-1/resolve", "{\"step\": \"go\", \"took_place\": true}", 422,
         "reason is missing"},
        {"POST", "/api/v1/changes/HF-1/trouble", "{}", 422, "reason is missing"},
        {"POST", "/api/v1/changes/HF-1/skip", "{\"step\": \"last\"}", 422, "reason is missing"},
        {"POST", "/api/v1/changes/HF-1/skip", "{\"reason\": \"no\"}", 422, "step is missing"},
        {"POST", "/api/v1/changes/HF-1/again", "{}", 422, "step is missing"},
        {"POST", "/api/v1/changes/HF-1/cancel", "{}", 422, "reason is missing"},
        {"POST", "/api/v1/changes/HF-1/note", "{}", 422, "text is missing"},
        {"POST", "/api/v1/changes/HF-1/note", "{\"text\": \"\"}", 422, NULL},
        {"POST", "/api/v1/changes/HF-1/amend", "{\"facts\": [], \"reason\": \"x\"}", 422,
         "facts: expected an object"},
        {"POST", "/api/v1/look", "{\"verb\": \"cluster.versions\", \"args\": []}", 422,
         "args: expected an object"},
        {"POST", "/api/v1/look", "{}", 422, "verb is missing"},
        {"POST", "/api/v1/verify", "{\"change\": 1}", 422, "change: expected text"},
        /* states */
        {"POST", "/api/v1/changes/HF-1/start", NULL, 200, "\"already\":true"},
        {"POST", "/api/v1/changes/HF-1/answer", "{\"step\": \"last\", \"choice\": \"yes\"}", 409, NULL},
        {"POST", "/api/v1/changes/HF-1/again", "{\"step\": \"go\"}", 409, NULL},
        {"POST", "/api/v1/changes/HF-1/resolve",
         "{\"step\": \"go\", \"took_place\": true, \"reason\": \"seen\"}", 409, NULL},
        /* what only a change may do */
        {"POST", "/api/v1/look", "{\"verb\": \"chat.post\", \"args\": {}}", 403, "only a change may"},
        {"GET", "/api/v1/events", NULL, 406, "needs a socket"},
    };
    play_rows(p, rows, COUNT_OF(rows));
    play_end(p);
}

static void acts_are_recorded(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    play_start(p);
    static const struct row rows[] = {
        {"POST", "/api/v1/changes/HF-1/skip", "{\"step\": \"last\", \"reason\": \"one question will do\"}",
         200, "\"did\":\"skip\""},
        {"GET", "/api/v1/changes/HF-1/events", NULL, 200, "last: skipped: one question will do (ann)"},
        {"POST", "/api/v1/changes/HF-1/trouble", "{\"reason\": \"smoke\"}", 200, "\"did\":\"trouble\""},
        {"GET", "/api/v1/changes/HF-1/events", NULL, 200, "in trouble: smoke (ann)"},
        {"POST", "/api/v1/changes", "{\"sop\": \"play\", \"client\": \"beta\"}", 201, "HF-2"},
        {"POST", "/api/v1/changes/HF-2/cancel", "{\"reason\": \"not needed\"}", 200, "\"did\":\"cancel\""},
        {"GET", "/api/v1/changes/HF-2/events", NULL, 200, "cancelled: not needed (ann)"},
    };
    play_rows(p, rows, COUNT_OF(rows));
    play_end(p);
}

static void the_record_is_read_in_pieces(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    play_start(p);
    must(p, "GET", "/api/v1/changes/HF-1/events", NULL, 200);
    size_t all = json_array_size(json_object_get(p->body, "events"));
    assert_true(all >= 3);
    const json_t *first = json_path(p->body, "events.0");
    assert_int_equal(json_int(first, "n", 0), 1);
    assert_int_equal(strlen(json_str(first, "hash", "")), 64);
    assert_string_equal(json_str(first, "text", ""), "planned (ann)");
    must(p, "GET", "/api/v1/changes/HF-1/events?from=2&limit=1", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(p->body, "events")), 1);
    assert_int_equal(json_int(p->body, "events.0.n", 0), 2);
    static const struct row rows[] = {
        {"GET", "/api/v1/changes/HF-1/events?from=1000", NULL, 200, "{\"events\":[]}"},
        {"GET", "/api/v1/changes/HF-1/events?from=9223372036854775807", NULL, 422, "from"},
        {"GET", "/api/v1/changes/HF-1/events?from=0", NULL, 422, "from: expected 1 to"},
        {"GET", "/api/v1/changes/HF-1/events?from=-1", NULL, 422, "from"},
        {"GET", "/api/v1/changes/HF-1/events?from=two", NULL, 422, "expected a whole number"},
        {"GET", "/api/v1/changes/HF-1/events?from=", NULL, 422, "expected a whole number"},
        {"GET", "/api/v1/changes/HF-1/events?limit=1001", NULL, 422, "limit: expected 1 to 1000"},
        {"GET", "/api/v1/changes/HF-1/events?limit=1%30", NULL, 200, NULL},
    };
    play_rows(p, rows, COUNT_OF(rows));
    play_end(p);
}

static void pages_are_listed_and_shown(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    play_write(p, "broken.md", "# Broken\n\n" STEP("id: a\ndo: chat.psot\n") STEP("id: b\ndo: chat.pots\n"));
    play_write(p, "prose.md", "# Only to read\n");
    static const struct row rows[] = {
        {"GET", "/api/v1/pages", NULL, 200, "\"name\":\"play\",\"title\":\"A play\""},
        {"GET", "/api/v1/pages/play", NULL, 200, "<div class=\\\"step\\\" id=\\\"step-go\\\">"},
        {"GET", "/api/v1/pages/play", NULL, 200, "\"question\":\"Go on for {{ client.name }}?\""},
        {"GET", "/api/v1/pages/play", NULL, 200, "\"name\":\"risk\""},
        {"GET", "/api/v1/pages/prose", NULL, 200, "\"steps\":[]"},
        {"GET", "/api/v1/pages/broken", NULL, 422, "did you mean"},
        {"GET", "/api/v1/pages/plya", NULL, 404, NULL},
        {"GET", "/api/v1/pages/play.md", NULL, 404, "no page's name"},
        {"GET", "/api/v1/pages/..%2Fplay", NULL, 404, "no page's name"},
        {"GET", "/api/v1/pages/%2Ftmp%2Fx.md", NULL, 404, "no page's name"},
        {"GET", "/api/v1/pages/%00", NULL, 404, NULL},
    };
    play_rows(p, rows, COUNT_OF(rows));
    must(p, "GET", "/api/v1/pages/broken", NULL, 422);
    assert_int_equal(json_array_size(json_object_get(p->body, "errors")), 2);
    assert_true(json_int(p->body, "errors.1.line", 0) > json_int(p->body, "errors.0.line", 0));
    must(p, "GET", "/api/v1/pages", NULL, 200);
    assert_true(body_says(p, "\"name\":\"broken\""));
    assert_true(body_says(p, "\"good\":false"));
    must(p, "GET", "/api/v1/pages/play", NULL, 200);
    assert_null(strstr(json_str(p->body, "html", ""), "<b>"));
    play_end(p);
}

static void the_doctor_and_looks_ask_the_systems(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    static const struct row rows[] = {
        {"POST", "/api/v1/doctor", NULL, 200, "\"role\":\"chat\""},
        {"POST", "/api/v1/doctor", "{\"role\": \"health\"}", 200, "\"driver\":\"http\""},
        {"POST", "/api/v1/look", "{\"verb\": \"health.snapshot\", \"args\": {\"services\": []}}", 200,
         "measures"},
    };
    play_rows(p, rows, COUNT_OF(rows));
    must(p, "POST", "/api/v1/doctor", "{\"role\": \"health\"}", 200);
    assert_int_equal(json_array_size(json_object_get(p->body, "systems")), 1);
    play_end(p);
}

static void the_api_says_what_it_is_and_what_can_be_asked(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    must(p, "GET", "/api/v1/version", NULL, 200);
    assert_string_equal(json_str(p->body, "name", ""), "signalbox");
    assert_int_equal(json_int(p->body, "pid", 0), getpid());
    must(p, "GET", "/api/v1/whoami", NULL, 200);
    assert_string_equal(json_str(p->body, "by", ""), "ann");
    assert_string_equal(json_str(p->body, "how", ""), "local");
    must(p, "GET", "/healthz", NULL, 200);
    must(p, "GET", "/readyz", NULL, 200);
    must(p, "GET", "/api/v1", NULL, 200);
    size_t n = 0;
    while (api_routes[n].method)
        n++;
    assert_int_equal(json_array_size(json_object_get(p->body, "routes")), n);
    play_end(p);
}

static void a_text_may_be_long_but_not_without_end(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    play_start(p);
    static const struct {
        size_t n;
        int status;
    } rows[] = {{API_TEXT_MAX, 200}, {API_TEXT_MAX + 1, 413}, {900000, 413}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *text = malloc(rows[i].n + 32);
        size_t at = (size_t)sprintf(text, "{\"text\": \"");
        memset(text + at, 'x', rows[i].n);
        memcpy(text + at + rows[i].n, "\"}", 3);
        must(p, "POST", "/api/v1/changes/HF-1/note", text, rows[i].status);
        free(text);
    }
    play_end(p);
}

/* --- rights ----------------------------------------------------------------------------------------- */

static void people_see_and_do_what_their_roles_say(void **state)
{
    (void)state;
    struct play *p =
        play_begin("clients:\n  acme: {envs: {prod: {}}}\n  beta: {envs: {prod: {}}}\n"
                   "people:\n  ann: {roles: [deploy]}\n  bob: {roles: [{role: see, clients: [beta]}]}\n");
    play_start(p);
    must(p, "POST", "/api/v1/changes", "{\"sop\": \"play\", \"client\": \"beta\"}", 201);
    static const struct {
        const char *by;
        struct row row;
    } rows[] = {
        {"bob", {"GET", "/api/v1/changes/HF-2", NULL, 200, NULL}},
        {"bob", {"GET", "/api/v1/changes/HF-1", NULL, 403, "bob may not see changes of acme"}},
        {"bob", {"GET", "/api/v1/changes/HF-1/events", NULL, 403, NULL}},
        {"bob", {"GET", "/api/v1/changes/HF-1/report", NULL, 403, NULL}},
        {"bob", {"POST", "/api/v1/verify", "{\"change\": \"HF-1\"}", 403, NULL}},
        {"bob", {"POST", "/api/v1/changes/HF-2/start", NULL, 403, "bob may not"}},
        {"bob", {"POST", "/api/v1/changes/HF-1/answer", "{\"choice\": \"yes\"}", 403, "bob may not"}},
        {"bob", {"POST", "/api/v1/changes/HF-2/note", "{\"text\": \"seen\"}", 200, NULL}},
        {"bob", {"POST", "/api/v1/changes", "{\"sop\": \"play\", \"client\": \"beta\"}", 403, "bob may not"}},
        {"bob", {"GET", "/api/v1/whoami", NULL, 200, "\"may\":[\"see\"]"}},
        {"ann", {"GET", "/api/v1/whoami", NULL, 200, "\"may\":[\"see\",\"deploy\"]"}},
        {"eve", {"GET", "/api/v1/changes", NULL, 403, "eve has no role here"}},
        {"eve", {"GET", "/api/v1/pages", NULL, 403, NULL}},
        {"eve", {"POST", "/api/v1/changes/HF-1/answer", "{\"choice\": \"yes\"}", 403, "eve may not"}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        p->by = rows[i].by;
        play_rows(p, &rows[i].row, 1);
    }
    p->by = "bob";
    must(p, "GET", "/api/v1/changes", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(p->body, "changes")), 1);
    assert_true(body_says(p, "HF-2"));
    play_end(p);
}

static void answers_that_nobody_waits_for_any_more_are_dropped(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    p->answered = false;
    _cleanup_json_ json_t *plan = json_loads(a_plan, 0, NULL);
    api_call(p->api, "POST", "/api/v1/changes", plan, "ann", on_answer, p);
    api_call(p->api, "POST", "/api/v1/verify", NULL, "ann", on_answer, p);
    assert_false(p->answered);
    play_end(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_its_status_and_its_name),
        cmocka_unit_test(a_problem_names_its_place_as_far_as_it_is_known),
        cmocka_unit_test(an_unknown_name_in_a_file_is_no_path_that_is_not_there),
        cmocka_unit_test(a_problem_whose_text_is_not_utf8_is_told_all_the_same),
        cmocka_unit_test(a_change_goes_through_its_whole_life),
        cmocka_unit_test(what_is_not_right_is_refused_with_what_would_be),
        cmocka_unit_test(acts_are_recorded),
        cmocka_unit_test(the_record_is_read_in_pieces),
        cmocka_unit_test(pages_are_listed_and_shown),
        cmocka_unit_test(the_doctor_and_looks_ask_the_systems),
        cmocka_unit_test(the_api_says_what_it_is_and_what_can_be_asked),
        cmocka_unit_test(a_text_may_be_long_but_not_without_end),
        cmocka_unit_test(people_see_and_do_what_their_roles_say),
        cmocka_unit_test(answers_that_nobody_waits_for_any_more_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
