/* What a plan says becomes facts, of the type that the page wants; and every event has a line for people. */
#include "play.h"

#include "base/instant.h"

static const char front[] = "  inputs:\n"
                            "    - {name: reason, type: text, required: true, says: what is broken}\n"
                            "    - {name: severity, type: choice, choices: [\"1\", \"2\"], default: \"2\"}\n"
                            "    - {name: risk, type: choice, choices: [low, high]}\n"
                            "    - {name: count, type: number}\n"
                            "    - {name: loud, type: flag}\n"
                            "    - {name: incident, type: instant}\n"
                            "    - {name: window, type: window}\n"
                            "    - {name: services, type: services}\n"
                            "  settings: {soak: 5m, most: 3}\n";
static const char body[] =
    "```step\nid: go\nask: {question: Go on?, choices: [yes, {id: no, label: No, ends: true}]}\n```\n\n"
    "```step\nid: send\ndo: chat.post\nwith: {channels: [a], text: t}\n```\n";

static json_t *facts_of(const struct play *p, const char *base, const char *inputs, struct error *err)
{
    _cleanup_json_ json_t *known = base != NULL ? json_loads(base, 0, NULL) : NULL;
    _cleanup_json_ json_t *given = json_loads(inputs, 0, NULL);
    assert_non_null(given);
    *err = ERROR_NONE;
    return change_facts(p->sop, known, given, NOON, "America/New_York", err);
}

static void each_input_becomes_a_fact_of_its_type(void **state)
{
    (void)state;
    static const struct {
        const char *input, *path, *is;
    } rows[] = {
        {"\"risk\": \"low\"", "change.risk", "\"low\""},
        {"\"severity\": 1", "change.severity", "1"},
        {"\"severity\": \"1\"", "change.severity", "1"},
        {"\"severity\": \"1\"", "inputs.severity", "\"1\""},
        {"\"severity\": null", "change.severity", "2"},
        {"\"count\": 3", "inputs.count", "3"},
        {"\"count\": \"31\"", "inputs.count", "31"},
        {"\"count\": 1.5", "inputs.count", "1.5"},
        {"\"loud\": true", "inputs.loud", "true"},
        {"\"loud\": \"yes\"", "inputs.loud", "true"},
        {"\"loud\": \"true\"", "inputs.loud", "true"},
        {"\"loud\": \"no\"", "inputs.loud", "false"},
        {"\"loud\": \"false\"", "inputs.loud", "false"},
        {"\"incident\": 1707418800000", "incident", "1707418800000"},
        {"\"incident\": \"2024-02-08T19:00:00Z\"", "incident", "1707418800000"},
        {"\"window\": \"today 16:00 for 90m\"", "window.from", "1707426000000"},
        {"\"window\": \"today 16:00 for 90m\"", "window.to", "1707431400000"},
        {"\"window\": \"today 16:00 for 90m\"", "window.zone", "\"America/New_York\""},
        {"\"window\": \"today 16:00 for 90m\"", "lead_hours", "2.0"},
        {"\"services\": [{\"service\": \"cart\", \"tag\": \"24-02-05.619\"}]", "services.0",
         "{\"service\":\"cart\",\"tag\":\"24-02-05.619\",\"team\":\"shop\"}"},
        {"\"services\": [{\"service\": \"other\", \"tag\": \"24-02-05.619\"}]", "services.0.team", NULL},
        {"\"count\": null", "inputs.count", NULL},
        {"\"count\": 1", "catalogue", NULL},
        {"\"count\": 1", "settings.soak", "\"5m\""},
        {"\"count\": 1", "settings.most", "7"},
        {"\"count\": 1", "client.name", "\"Tangerine\""},
    };
    struct play p = play_open(front, body);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err;
        char inputs[200];
        snprintf(inputs, sizeof inputs, "{\"reason\": \"r\", %s}", rows[i].input);
        _cleanup_json_ json_t *f = facts_of(
            &p,
            "{\"catalogue\": {\"cart\": {\"team\": \"shop\"}}, \"settings\": {\"most\": 7}, \"client\": "
            "{\"name\": \"Tangerine\"}, \"change\": {\"id\": \"HF-1\"}}",
            inputs, &err);
        if (f == NULL)
            fail_msg("%s: %s", rows[i].input, err.text);
        const json_t *is = json_path(f, rows[i].path);
        char *text = is != NULL ? json_dumps(is, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
        if (!str_eq(text, rows[i].is))
            fail_msg("%s: %s is %s, not %s", rows[i].input, rows[i].path, text, rows[i].is);
        free(text);
        assert_string_equal(json_str(f, "change.reason", ""), "r");
    }
    play_close(&p);
}

static void an_input_that_is_wrong_is_named_with_what_it_expects(void **state)
{
    (void)state;
    static const struct {
        const char *input;
        enum error_code code;
        const char *says;
    } rows[] = {
        {"\"risk\": \"medium\"", SB_UNKNOWN, "input risk: \"medium\" is none of low, high"},
        {"\"risk\": true", SB_PARSE, "expected one of the choices"},
        {"\"severity\": 3", SB_UNKNOWN, "\"3\" is none of 1, 2"},
        {"\"reason\": 7", SB_PARSE, "input reason (what is broken): expected text"},
        {"\"count\": \"many\"", SB_PARSE, "expected a number"},
        {"\"count\": \"\"", SB_PARSE, "expected a number"},
        {"\"count\": \"12345678901234567890\"", SB_PARSE, "expected a number"},
        {"\"loud\": \"perhaps\"", SB_PARSE, "expected true or false"},
        {"\"loud\": 1", SB_PARSE, "expected true or false"},
        {"\"incident\": \"soon\"", SB_PARSE, "input incident: "},
        {"\"incident\": []", SB_PARSE, "expected a moment"},
        {"\"window\": \"never\"", SB_PARSE, "input window: "},
        {"\"window\": 7", SB_PARSE, "expected a time window"},
        {"\"services\": \"cart\"", SB_PARSE, "expected a list of services"},
        {"\"services\": []", SB_PARSE, "expected a list of services"},
        {"\"services\": [{\"service\": \"cart\"}]", SB_PARSE, "each service has a name and a tag"},
        {"\"services\": [{\"tag\": \"24-02-05.619\"}]", SB_PARSE, "each service has a name and a tag"},
        {"\"services\": [{\"service\": \"cart\", \"tag\": \"latest\"}]", SB_PARSE, "a build tag looks like"},
        {"\"services\": [{\"service\": \"cart\", \"tag\": \"24-02-05.619\"}, {\"service\": \"cart\", \"tag\": "
         "\"24-02-05.620\"}]",
         SB_RANGE, "service cart is named twice"},
        {"\"sevrity\": 1", SB_UNKNOWN, "has no input \"sevrity\"; did you mean \"severity\"?"},
        {"\"zzzzzzzz\": 1", SB_UNKNOWN, "has no input \"zzzzzzzz\""},
        {"\"reason\": null", SB_MISSING, "input reason is missing (what is broken): expected text"},
    };
    struct play p = play_open(front, body);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err;
        char inputs[300];
        bool reason = strstr(rows[i].input, "\"reason\"") != NULL;
        snprintf(inputs, sizeof inputs, "{%s%s}", reason ? "" : "\"reason\": \"r\", ", rows[i].input);
        assert_null(facts_of(&p, NULL, inputs, &err));
        if (err.code != rows[i].code || strstr(err.text, rows[i].says) == NULL)
            fail_msg("%s: %d: %s", rows[i].input, (int)err.code, err.text);
    }
    struct error err;
    _cleanup_buf_ struct buf many = {0};
    buf_adds(&many, "{\"reason\": \"r\", \"services\": [");
    for (int i = 0; i <= 100; i++)
        buf_printf(&many, "%s{\"service\": \"s%d\", \"tag\": \"24-02-05.619\"}", i > 0 ? ", " : "", i);
    buf_adds(&many, "]}");
    assert_null(facts_of(&p, NULL, many.data, &err));
    assert_int_equal(err.code, SB_PARSE);
    play_close(&p);
}

/* --- events -------------------------------------------------------------------------------------- */

static const struct {
    enum event_type type;
    int step, run, choice;
    const char *by, *data, *says;
} lines[] = {
    {EV_PLANNED, -1, 0, 0, "ann", NULL, "planned (ann)"},
    {EV_STARTED, -1, 0, 0, "ann", NULL, "started (ann)"},
    {EV_AMENDED, -1, 0, 0, "ann", "{\"reason\": \"later\"}", "amended: later (ann)"},
    {EV_MOVED, -1, 0, 0, "ann", "{\"reason\": \"a freeze\"}", "the window has moved: a freeze (ann)"},
    {EV_NOTED, -1, 0, 0, "bob", "{\"text\": \"mind the gap\"}", "note: mind the gap (bob)"},
    {EV_OVERRULED, -1, 0, 0, "bob", "{\"about\": \"late\", \"says\": \"It is late.\", \"reason\": \"must\"}",
     "overruled (late): It is late. Because: must (bob)"},
    {EV_RESTARTED, -1, 0, 0, "", NULL, "Signalbox began again: what was under way is looked up"},
    {EV_TROUBLE, -1, 0, 0, "bob", "{\"reason\": \"smoke\"}", "in trouble: smoke (bob)"},
    {EV_CANCELLED, -1, 0, 0, "bob", "{\"reason\": \"no need\"}", "cancelled: no need (bob)"},
    {EV_ENDED, -1, 0, 0, "", "{\"outcome\": \"done\"}", "ended: done"},
    {EV_READY, 1, 1, 0, "", NULL, "send: waits for its moment"},
    {EV_SKIPPED, 1, 1, 0, "bob", "{\"reason\": \"not today\"}", "send: skipped: not today (bob)"},
    {EV_ASKED, 0, 1, 0, "", "{\"question\": \"Go on?\"}", "go: asked: Go on?"},
    {EV_ANSWERED, 0, 1, 1, "bob", "{\"reason\": \"tired\"}", "go: answered: No: tired (bob)"},
    {EV_ANSWERED, 0, 1, 0, "bob", NULL, "go: answered: Yes (bob)"},
    {EV_ANSWERED, 0, 1, 9, "bob", NULL, "go: answered: ? (bob)"},
    {EV_INTENDED, 1, 1, 0, "", NULL, "send: begins"},
    {EV_INTENDED, 1, 2, 0, "", NULL, "send: begins again"},
    {EV_OBSERVING, 1, 1, 0, "", NULL, "send: looking"},
    {EV_PROGRESS, 1, 1, 0, "", "{\"view\": {\"says\": \"half\"}}", "send: half"},
    {EV_PROGRESS, 1, 1, 0, "", "{\"view\": {\"status\": \"half\"}}", "send: half"},
    {EV_PROGRESS, 1, 1, 0, "", NULL, "send: goes on"},
    {EV_DONE, 1, 1, 0, "", NULL, "send: done"},
    {EV_RETRY, 1, 1, 0, "", "{\"error\": \"busy\", \"not_before\": 1707418805000}",
     "send: did not work, will try again in 5 s: busy"},
    {EV_FAILED, 1, 1, 0, "", "{\"error\": \"no\"}", "send: failed: no"},
    {EV_DOUBT, 1, 1, 0, "", "{\"error\": \"reset\"}", "send: in doubt, will be looked up: reset"},
    {EV_FOUND, 1, 1, 0, "", NULL, "send: had taken place"},
    {EV_NOT_FOUND, 1, 1, 0, "", NULL, "send: had not taken place, will be performed"},
    {EV_UNSURE, 1, 1, 0, "", "{\"error\": \"no search\"}",
     "send: cannot be told by its system, a person must: no search"},
    {EV_RESOLVED, 1, 1, 1, "bob", "{\"reason\": \"I looked\"}", "send: took place: I looked (bob)"},
    {EV_RESOLVED, 1, 1, 0, "bob", NULL, "send: did not take place (bob)"},
    {EV_GATE, 1, 1, 0, "", "{\"message\": \"Promote?\"}", "send: the pipeline pauses: Promote?"},
    {EV_GATE_GONE, 1, 1, 0, "", "{\"reason\": \"was aborted\"}", "send: the pipeline's pause was aborted"},
    {EV_GATE_GONE, 1, 1, 0, "", NULL, "send: the pipeline's pause was settled elsewhere"},
    {EV_AGAIN, 1, 1, 0, "bob", NULL, "send: to be tried again (bob)"},
};

static void every_event_has_a_line_for_people_and_reads_back_as_it_was_written(void **state)
{
    (void)state;
    struct play p = play_open(front, body);
    bool seen[EV_TYPES] = {false};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct event e = {.seq = (int64_t)i + 1,
                          .at = NOON,
                          .type = lines[i].type,
                          .step = lines[i].step,
                          .run = lines[i].run,
                          .choice = lines[i].choice,
                          .by = lines[i].by,
                          .data = lines[i].data != NULL ? json_loads(lines[i].data, 0, NULL) : NULL};
        assert_string_equal(event_text(&e, p.sop, &p.arena), lines[i].says);
        _cleanup_json_ json_t *j = event_to_json(&e, p.sop);
        _cleanup_event_ struct event again = {0};
        assert_true(event_from_json(j, p.sop, &again, NULL));
        assert_true(again.seq == e.seq && again.at == e.at && again.type == e.type && again.step == e.step &&
                    again.run == e.run && again.choice == e.choice);
        assert_string_equal(again.by, e.by);
        assert_true(json_equal(again.data, e.data) || (again.data == NULL && e.data == NULL));
        event_clear(&e);
        seen[lines[i].type] = true;
    }
    for (int t = 0; t < EV_TYPES; t++)
        assert_true(seen[t]);
    play_close(&p);
}

static void a_text_that_is_no_event_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"{}", "unknown type \"\""},
        {"{\"n\": 1, \"at\": 2, \"type\": \"change.vanished\"}", "unknown type \"change.vanished\""},
        {"{\"n\": 0, \"at\": 2, \"type\": \"change.started\"}", "has no number or no time"},
        {"{\"n\": 1, \"at\": -2, \"type\": \"change.started\"}", "has no number or no time"},
        {"{\"n\": 1, \"type\": \"change.started\"}", "has no number or no time"},
        {"{\"n\": 1, \"at\": 2, \"type\": \"step.done\", \"step\": \"nowhere\"}", "step \"nowhere\""},
    };
    struct play p = play_open(front, body);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err = ERROR_NONE;
        struct event e;
        _cleanup_json_ json_t *j = json_loads(rows[i].text, 0, NULL);
        assert_false(event_from_json(j, p.sop, &e, &err));
        assert_int_equal(err.code, SB_CORRUPT);
        if (strstr(err.text, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].text, err.text);
    }
    play_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_input_becomes_a_fact_of_its_type),
        cmocka_unit_test(an_input_that_is_wrong_is_named_with_what_it_expects),
        cmocka_unit_test(every_event_has_a_line_for_people_and_reads_back_as_it_was_written),
        cmocka_unit_test(a_text_that_is_no_event_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
