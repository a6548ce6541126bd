/* What is asked about a plan before it is kept: what the systems know, what blocks, who overrules it. */
#include "engine_play.h"

#define FENCE      "```"
#define STEP(text) FENCE "step\n" text FENCE "\n\n"

static const char page[] =
    "---\ntitle: Play\nsignalbox:\n  inputs:\n"
    "    - {name: window, type: window, required: true}\n    - {name: services, type: services, required: true}\n"
    "    - {name: risk, type: choice, choices: [low, high], default: low}\n"
    "    - {name: severity, type: choice, choices: ['1', '2'], default: '2'}\n"
    "    - {name: rollback, type: text, default: ''}\n"
    "---\n# Play\n\n" STEP(
        "id: ticket\ndo: tickets.create\nwith: {summary: \"Hotfix {{ client.name }}\", description: \"{{ window.text }}\"}\n")
        STEP(
            "id: oncall\ndo: pager.oncall\nwhen: default(oncall, '') ~= ''\nwith: {schedule: \"{{ oncall }}\"}\n")
            STEP("id: versions\ndo: cluster.versions\nwith: {client: acme, env: prod}\n")
                STEP("id: releases\ndo: releases.check\nwith: {services: \"{{ services }}\"}\n") STEP(
                    "id: calendar\ndo: calendar.create\nwith: {title: Hotfix, from: \"{{ window.from }}\", to: \"{{ window.to "
                    "}}\", attendees: [\"{{ client.tam.mail }}\"]}\n")
                    STEP(
                        "id: conflicts\ndo: calendar.conflicts\nwith: {from: \"{{ window.from }}\", to: \"{{ window.to }}\"}\n")
                        STEP(
                            "id: tell\ndo: chat.post\nwith: {channels: [ops, dev], mention: [\"{{ client.tam.mail }}\"], text: "
                            "\"Hotfix at {{ window.text }}, now {{ services[1].before }}\"}\n")
                            STEP(
                                "id: deploy\ndo: pipeline.start\nat: from\nwith: {client: acme, env: prod, services: \"{{ "
                                "services }}\"}\n");

static const char config[] =
    "zone: UTC\nproduction_oncall: prod\n"
    "clients:\n  acme: {name: Acme, hours: 00:00-24:00, work_week: mon-sun, tam: {name: Tom, mail: tom@acme.example}}\n"
    "people:\n  ann: {roles: [deploy]}\n  bob: {roles: [deploy, approve]}\n";

static int64_t clock_at;

static int64_t stopped(void *ctx)
{
    (void)ctx;
    return clock_at;
}

/* Thursday 8 February 2024, noon. */
static struct play *begin(const char *more)
{
    static const struct engine_clock clock = {.now = stopped};
    _cleanup_buf_ struct buf text = {0};
    buf_printf(&text, "%s%s", config, more);
    struct play *p = play_begin(buf_str(&text), page);
    assert_true(instant_parse_rfc3339("2024-02-08T12:00:00Z", &clock_at, NULL));
    p->options.clock = &clock;
    p->options.drivers = all_fakes;
    play_open_engine(p);
    return p;
}

static void knows(struct play *p, const char *versions, const char *releases, const char *conflicts,
                  const char *oncall)
{
    says(p, (struct line){.verb = "cluster.versions", .result = versions});
    says(p, (struct line){.verb = "releases.check", .result = releases});
    says(p, (struct line){.verb = "calendar.conflicts", .result = conflicts});
    says(p, (struct line){.verb = "pager.oncall", .result = oncall});
}

#define RUNS "{\"services\": {\"cart\": \"24-02-05.619\"}}"
#define CHECKED \
    "{\"services\": [{\"service\": \"cart\", \"exists\": true, \"checks\": \"passed\"}], \"problems\": []}"
#define FREE "{\"conflicts\": []}"
#define CY   "{\"people\": [{\"name\": \"Cy\", \"mail\": \"cy@example.net\"}]}"

static char *a_plan(const char *window, const char *tag, const char *more)
{
    static char text[1024];
    snprintf(
        text, sizeof text,
        "{\"sop\": \"play\", \"client\": \"acme\", \"reason\": \"a bug\", \"window\": \"%s\", \"services\": [{\"service\": "
        "\"cart\", \"tag\": \"%s\"}]%s}",
        window, tag, more);
    return text;
}

#define GOOD "24-02-05.619-hotfix.627"

static void preview(struct play *p, const char *text)
{
    _cleanup_json_ json_t *j = json_loads(text, 0, NULL);
    assert_non_null(j);
    engine_preview(p->e, j, "ann", on_answer, p);
    must(p);
}

static const json_t *question(const struct play *p, const char *about)
{
    size_t i;
    json_t *q;
    json_array_foreach(json_object_get(p->answer, "questions"), i, q)
        if (str_eq(json_str(q, "about", ""), about))
            return q;
    return NULL;
}

static void a_good_plan_is_asked_nothing_and_shows_what_the_systems_know(void **state)
{
    (void)state;
    struct play *p = begin("");
    knows(p, RUNS, CHECKED, FREE, CY);
    preview(p, a_plan("today 14:00 for 90m", GOOD, ""));
    if (json_array_size(json_object_get(p->answer, "questions")))
        fail_msg("%s", json_str(p->answer, "questions.0.says", "?"));
    assert_false(json_flag(p->answer, "blocked", true));
    assert_int_equal(json_array_size(json_object_get(p->answer, "unknown")), 0);
    size_t i;
    json_t *s, *w;
    const char *tom = "";
    json_array_foreach(json_object_get(p->answer, "steps"), i, s)
        if (str_eq(json_str(s, "id", ""), "tell")) {
            assert_string_equal(json_str(s, "messages.0.reader", ""), "ops");
            assert_string_equal(json_str(s, "messages.1.text", ""),
                                "Hotfix at Thu 8 Feb 14:00-15:30 UTC (90 min), now 24-02-05.619");
            assert_string_equal(json_str(s, "messages.0.mention.0", ""), "tom@acme.example");
        }
    json_array_foreach(json_object_get(p->answer, "told"), i, w)
        if (str_eq(json_str(w, "who", ""), "tom@acme.example"))
            tom = json_str(w, "as", "");
    assert_string_equal(tom, "technical account manager of Acme");
    for (int k = 0; k < p->n_calls; k++)
        assert_non_null(strstr(p->calls[k], " look"));
    play_end(p);
}

static const struct {
    const char *about, *window, *tag, *more, *versions, *releases, *conflicts, *oncall, *says;
    bool blocks;
} rows[] = {
    {"tag", "today 14:00 for 90m", "24-02-05.600", "", RUNS, CHECKED, FREE, CY,
     "is older than 24-02-05.619, which runs now", true},
    {"tag", "today 14:00 for 90m", GOOD, "", RUNS,
     "{\"services\": [{\"service\": \"cart\", \"exists\": false}], \"problems\": [{\"service\": \"cart\", \"says\": \"there is no tag "
     "such\"}]}",
     FREE, CY, "cart: there is no tag such", true},
    {"checks", "today 12:30 for 90m", GOOD, "", RUNS,
     "{\"services\": [{\"service\": \"cart\", \"exists\": true, \"checks\": \"pending\", \"ready\": 1707396300000}], \"problems\": []}",
     FREE, CY, "not have finished before about Thu 8 Feb 12:45 UTC", true},
    {"conflict", "today 14:00 for 90m", GOOD, "", RUNS, CHECKED,
     "{\"conflicts\": [{\"title\": \"Hotfix Acme qa\", \"from\": 1707400800000, \"to\": 1707404400000, \"freeze\": false}]}",
     CY, "In the same time: Hotfix Acme qa (Thu 8 Feb 14:00 UTC to Thu 8 Feb 15:00 UTC)", false},
    {"freeze", "2024-02-09 14:00 for 90m", GOOD, "", RUNS, CHECKED, FREE, CY, "meets a freeze: Month end",
     true},
    {"oncall", "today 14:00 for 90m", GOOD, "", RUNS, CHECKED, FREE, "{\"people\": []}",
     "Nobody is on call for prod now", false},
    {"rollback", "today 14:00 for 90m", GOOD, ", \"risk\": \"high\"", RUNS, CHECKED, FREE, CY,
     "nobody has said how to go back", true},
    {"past", "2024-02-08 10:00-11:00", GOOD, "", RUNS, CHECKED, FREE, CY, "it ended Thu 8 Feb 11:00 UTC",
     true},
};

#define FREEZES "freezes:\n  - {title: Month end, from: 2024-02-09, to: 2024-02-09}\n"

static void what_speaks_against_a_plan_is_asked_with_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct play *p = begin(FREEZES);
        knows(p, rows[i].versions, rows[i].releases, rows[i].conflicts, rows[i].oncall);
        preview(p, a_plan(rows[i].window, rows[i].tag, rows[i].more));
        const json_t *q = question(p, rows[i].about);
        if (!q || !strstr(json_str(q, "says", ""), rows[i].says))
            fail_msg("%s: %s", rows[i].about, q ? json_str(q, "says", "?") : "not asked");
        assert_int_equal(json_flag(q, "blocks", false), rows[i].blocks);
        assert_int_equal(json_flag(p->answer, "blocked", false), rows[i].blocks);
        assert_int_equal(json_array_size(json_object_get(p->answer, "questions")), 1);
        play_end(p);
    }
}

static void a_better_window_is_given_as_it_can_be_typed(void **state)
{
    (void)state;
    struct play *p = begin(FREEZES);
    knows(p, RUNS, CHECKED, FREE, CY);
    preview(p, a_plan("2024-02-09 01:00 for 90m", GOOD, ""));
    const json_t *better = json_object_get(question(p, "freeze"), "better");
    assert_string_equal(json_str(better, "window", ""), "2024-02-08 22:15 for 90m UTC");
    assert_string_equal(json_str(better, "text", ""), "Thu 8 Feb 22:15-23:45 UTC (90 min)");
    play_end(p);
}

static void a_question_that_blocks_is_overruled_by_who_may_and_that_is_recorded(void **state)
{
    (void)state;
    static const char why[] =
        ", \"risk\": \"high\", \"overrule\": {\"rollback\": \"the versions before are good\"}";
    struct play *p = begin("");
    for (int i = 0; i < 3; i++)
        knows(p, RUNS, CHECKED, FREE, CY);
    plan_as(p, a_plan("today 14:00 for 90m", GOOD, ", \"risk\": \"high\""), "bob");
    must_not(p, SB_STATE, "nobody has said how to go back");
    plan_as(p, a_plan("today 14:00 for 90m", GOOD, why), "ann");
    must_not(p, SB_DENIED, "role approve");
    plan_as(p, a_plan("today 14:00 for 90m", GOOD, why), "bob");
    must(p);
    assert_string_equal(json_str(p->answer, "id", ""),
                        "HF-1"); /* those that were refused have taken no number */
    assert_int_equal(count_events(p, "change.overruled"), 1);
    struct error err;
    const struct change *c = engine_fold(p->e, id, &err);
    assert_string_equal(json_str(c->decisions, "0.choice", ""), "overrule rollback");
    assert_string_equal(json_str(c->decisions, "0.by", ""), "bob");
    assert_string_equal(json_str(c->decisions, "0.reason", ""), "the versions before are good");
    assert_string_equal(json_str(c->facts, "overruled.rollback.by", ""), "bob");
    play_end(p);
}

static void which_questions_block_and_who_overrules_them_is_configured(void **state)
{
    (void)state;
    struct play *p =
        begin("questions:\n  rollback: {blocks: false}\n  oncall: {blocks: true, overrule: nobody}\n");
    for (int i = 0; i < 2; i++)
        knows(p, RUNS, CHECKED, FREE, i ? "{\"people\": []}" : CY);
    plan_as(p, a_plan("today 14:00 for 90m", GOOD, ", \"risk\": \"high\""), "ann");
    must(p);
    assert_string_equal(json_str(p->answer, "questions.0.about", ""), "rollback");
    plan_as(p, a_plan("today 16:00 for 90m", GOOD, ", \"overrule\": {\"oncall\": \"I am\"}"), "bob");
    must_not(p, SB_DENIED, "Nobody may overrule this");
    play_end(p);
}

static const struct {
    const char *yaml, *says;
} wrong[] = {
    {"questions: [hours]\n", "a map such as hours"},
    {"questions: {houres: {}}\n", "did you mean \"hours\""},
    {"questions: {hours: yes}\n", "a map such as {blocks: true"},
    {"questions: {hours: {blocks: maybe}}\n", "true or false"},
    {"questions: {hours: {blocked: true}}\n", "did you mean \"blocks\""},
};

static void a_setting_that_is_wrong_is_refused_with_its_place(void **state)
{
    (void)state;
    struct play *p = play_begin("", page);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        _cleanup_arena_ struct arena a = arena_make();
        char path[128];
        struct error err = ERROR_NONE;
        play_write(p, "wrong.yaml", wrong[i].yaml);
        snprintf(path, sizeof path, "%s/wrong.yaml", p->dir);
        assert_null(config_read(path, &a, &err));
        if (!strstr(err.text, wrong[i].says) || err.line != 1)
            fail_msg("%s: line %d: %s", wrong[i].yaml, err.line, err.text);
    }
    play_end(p);
}

static void an_overruling_names_a_question_and_a_reason(void **state)
{
    (void)state;
    struct play *p = begin("");
    plan_as(p, a_plan("today 14:00 for 90m", GOOD, ", \"overrule\": {\"houres\": \"x\"}"), "bob");
    must_not(p, SB_UNKNOWN, "did you mean \"hours\"");
    plan_as(p, a_plan("today 14:00 for 90m", GOOD, ", \"overrule\": {\"hours\": \"\"}"), "bob");
    must_not(p, SB_MISSING, "say why");
    plan_as(p, a_plan("today 14:00 for 90m", GOOD, ", \"overrule\": [\"hours\"]"), "bob");
    must_not(p, SB_PARSE, "a map");
    play_end(p);
}

static void a_system_that_fails_is_told_and_holds_nothing_up(void **state)
{
    (void)state;
    struct play *p = begin("");
    says(p, (struct line){.verb = "cluster.versions", .kind = OUTCOME_FAILED, .says = "no such cluster"});
    says(p,
         (struct line){
             .verb = "releases.check",
             .hangs = true,
             .view =
                 "[{\"services\": [{\"service\": \"cart\", \"exists\": true, \"checks\": \"pending\"}]}]"});
    says(p, (struct line){.verb = "calendar.conflicts", .kind = OUTCOME_RETRY, .says = "busy"});
    says(p, (struct line){.verb = "pager.oncall", .result = CY});
    preview(p, a_plan("today 14:00 for 90m", GOOD, ""));
    assert_int_equal(json_array_size(json_object_get(p->answer, "unknown")), 2);
    assert_string_equal(json_str(p->answer, "unknown.0.what", ""), "versions");
    assert_string_equal(json_str(p->answer, "unknown.1.what", ""), "calendar");
    assert_non_null(strstr(json_str(p->answer, "unknown.0.says", ""), "no such cluster"));
    assert_null(question(p, "tag")); /* checks that still run are waited for by the change, not by its plan */
    play_end(p);
}

static void one_plan_sent_twice_at_once_is_one_change(void **state)
{
    (void)state;
    struct play *p = begin("");
    for (int i = 0; i < 2; i++)
        knows(p, RUNS, CHECKED, FREE, CY);
    plan_as(p, a_plan("today 14:00 for 90m", GOOD, ""), "ann");
    struct play second = *p;
    second.answered = false;
    second.answer = NULL;
    _cleanup_json_ json_t *j = json_loads(a_plan("today 14:00 for 90m", GOOD, ""), 0, NULL);
    engine_plan(p->e, j, "ann", on_answer, &second);
    must(p);
    assert_true(run_until(&second, has_answer, NULL));
    assert_true(json_flag(second.answer, "already", false));
    json_decref(second.answer);
    _cleanup_json_ json_t *all = engine_changes(p->e, false, 0, 0);
    assert_int_equal(json_array_size(json_object_get(all, "changes")), 1);
    play_end(p);
}

static void an_engine_may_be_closed_while_a_plan_is_looked_at(void **state)
{
    (void)state;
    struct play *p = begin("");
    says(p, (struct line){.verb = "cluster.versions", .hangs = true});
    plan_as(p, a_plan("today 14:00 for 90m", GOOD, ""), "ann");
    passes(p, 20);
    play_end(p);
}

static void how_long_deployments_took_is_remembered_over_a_restart(void **state)
{
    (void)state;
    struct play *p = begin("");
    knows(p, RUNS, CHECKED, FREE, CY);
    knows(
        p, RUNS,
        "{\"services\": [{\"service\": \"cart\", \"exists\": true, \"checks\": \"passed\", \"took_ms\": 1500000}], \"problems\": []}",
        FREE, CY);
    plan_as(p, a_plan("now for 90m", GOOD, ""), "ann");
    must(p);
    engine_start(p->e, id, "ann", on_answer, p);
    must(p);
    expect(p, "status is ended");
    play_restart(p);
    knows(
        p, RUNS,
        "{\"services\": [{\"service\": \"cart\", \"exists\": true, \"checks\": \"pending\"}], \"problems\": []}",
        FREE, CY);
    passes(p, 50);
    preview(p, a_plan("today 12:10 for 90m", GOOD, ""));
    const json_t *q = question(p, "checks");
    assert_non_null(q);
    assert_non_null(strstr(json_str(q, "says", ""), "25 min (seen once)"));
    assert_int_equal(json_int(q, "took.n", 0), 1);
    play_end(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_plan_is_asked_nothing_and_shows_what_the_systems_know),
        cmocka_unit_test(what_speaks_against_a_plan_is_asked_with_its_reason),
        cmocka_unit_test(a_better_window_is_given_as_it_can_be_typed),
        cmocka_unit_test(a_question_that_blocks_is_overruled_by_who_may_and_that_is_recorded),
        cmocka_unit_test(which_questions_block_and_who_overrules_them_is_configured),
        cmocka_unit_test(a_setting_that_is_wrong_is_refused_with_its_place),
        cmocka_unit_test(an_overruling_names_a_question_and_a_reason),
        cmocka_unit_test(a_system_that_fails_is_told_and_holds_nothing_up),
        cmocka_unit_test(one_plan_sent_twice_at_once_is_one_change),
        cmocka_unit_test(an_engine_may_be_closed_while_a_plan_is_looked_at),
        cmocka_unit_test(how_long_deployments_took_is_remembered_over_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
