/* What changes took, what was waited for, and what a decision costs. */
#include "engine_play.h"

#include "base/instant.h"
#include "engine/times.h"

#define FENCE      "```"
#define STEP(text) FENCE "step\n" text FENCE "\n\n"

static const char page[] =
    "---\ntitle: Play\nsignalbox:\n"
    "  inputs:\n    - {name: window, type: window, required: true}\n    - {name: services, type: services, "
    "required: true}\n    - {name: incident, type: instant}\n"
    "  branches: {trouble: trouble, rollback: back}\n  redo_from: build\n---\n# Play\n\n" STEP(
        "id: versions\ndo: cluster.versions\nwith: {client: acme, env: prod}\n")
        STEP("id: go\nask: {question: \"Go?\"}\n") STEP(
            "id: build\ndo: pipeline.start\nwith: {client: acme, env: prod, services: \"{{ services }}\"}\n")
            STEP("id: watch\ndo: pipeline.watch\nwith: {build: \"{{ steps.build.build }}\"}\n") STEP(
                "id: tell\ndo: chat.post\nwith: {channels: [ops], text: \"{{ services[1].tag }} runs\"}\n")
                STEP("id: report\ndo: change.report\n") "## Trouble\n\n" STEP(
                    "id: cry\ndo: chat.post\nafter: []\nwith: {channels: [ops], text: Trouble}\n")
                    STEP("id: evidence\ndo: change.evidence\nafter: []\n") STEP(
                        "id: decide\nask: {question: \"What now?\", decision: true, reason: true, choices: "
                        "[retry, rollback, stop]}\n") "## Back\n\n" STEP("id: back-tell\ndo: chat.post\nwith: {channels: [ops], text: \"Back to {{ "
                                                                         "services[1].tag }}\"}\n");

static const char plan[] =
    "{\"sop\": \"play\", \"client\": \"acme\", \"window\": \"now for 90m\", \"incident\": \"now\","
    " \"services\": [{\"service\": \"cart\", \"tag\": \"24-02-05.619-hotfix.627\"}]}";

static const struct line what_runs = {.verb = "cluster.versions",
                                      .result = "{\"services\": {\"cart\": \"24-02-05.619\"}}"};
static const struct line stage_fails = {.verb = "pipeline.watch",
                                        .kind = OUTCOME_FAILED,
                                        .says = "stage Test failed",
                                        .result = "{\"log\": \"boom\"}"};

/* To the decision. */
static void into_trouble(struct play *p, const char *change)
{
    char what[64];
    says(p, what_runs); /* the plan looks once, and so does the change */
    says(p, what_runs);
    says(p, stage_fails);
    plan_as(p, plan, "ann");
    must(p);
    engine_start(p->e, change, "ann", on_answer, p);
    must(p);
    snprintf(what, sizeof what, "%s: go is asking", change);
    expect(p, what);
    answer_as(p, change, "{\"step\": \"go\", \"choice\": \"yes\"}", "ann");
    must(p);
    snprintf(what, sizeof what, "%s: decide is asking", change);
    expect(p, what);
}

static const json_t *choice_in(const json_t *answer, const char *choice)
{
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(answer, "choices"), i, c)
        if (str_eq(json_str(c, "id", ""), choice))
            return c;
    fail_msg("no choice %s", choice);
    return NULL;
}

static const json_t *step_of_choice(const json_t *choice, const char *step)
{
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(choice, "steps"), i, s)
        if (str_eq(json_str(s, "id", ""), step))
            return s;
    return NULL;
}

static void each_choice_shows_what_it_would_do_and_how_long_it_took_before(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL, page);
    play_open_engine(p);
    engine_choices(p->e, "HF-1", on_answer, p);
    must_not(p, SB_UNKNOWN, "HF-1");
    into_trouble(p, "HF-1");
    engine_choices(p->e, "HF-1", on_answer, p);
    must(p);
    _cleanup_json_ json_t *first = json_incref(p->answer);
    assert_true(json_flag(first, "asked", false));
    const json_t *back = choice_in(first, "rollback"), *retry = choice_in(first, "retry");
    assert_string_equal(json_str(back, "takes_from", ""), "a guess");
    assert_null(json_object_get(back, "usual"));
    assert_string_equal(json_str(step_of_choice(back, "back-tell"), "messages.0.text", ""),
                        "Back to 24-02-05.619");
    assert_string_equal(json_str(step_of_choice(back, "build"), "args.services.0.tag", ""), "24-02-05.619");
    assert_string_equal(json_str(step_of_choice(retry, "build"), "args.services.0.tag", ""),
                        "24-02-05.619-hotfix.627");
    assert_null(step_of_choice(retry, "back-tell"));
    /* A look ahead changes nothing. */
    expect(p, "decide is asking");
    expect(p, "build is done");

    answer_as(p, "HF-1", "{\"choice\": \"rollback\", \"reason\": \"time is short\"}", "bob");
    must(p);
    expect(p, "status is ended");
    engine_choices(p->e, "HF-1", on_answer, p);
    must_not(p, SB_STATE, "nothing to decide");

    into_trouble(p, "HF-2");
    engine_choices(p->e, "HF-2", on_answer, p);
    must(p);
    back = choice_in(p->answer, "rollback");
    assert_int_equal(json_int(back, "usual.n", 0), 1);
    assert_string_equal(json_str(back, "takes_from", ""), "history");
    assert_true(json_flag(back, "fits", false));
    play_end(p);
}

static void figures_tell_how_long_how_often_and_whom_for(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL, page);
    play_open_engine(p);
    into_trouble(p, "HF-1");
    answer_as(p, "HF-1", "{\"choice\": \"rollback\", \"reason\": \"time is short\"}", "bob");
    must(p);
    expect(p, "status is ended");
    for (int round = 0; round < 2; round++) {
        play_restart(p); /* all of it stands in the record */
        engine_figures(p->e, 0, NULL, NULL, NULL, on_answer, p);
        must(p);
        assert_int_equal(json_int(p->answer, "changes", 0), 1);
        assert_int_equal(json_int(p->answer, "deployments", 0), 2);
        assert_int_equal(json_int(p->answer, "failed", 0), 1);
        assert_int_equal(json_int(p->answer, "restore.n", 0), 1);
        assert_int_equal(json_int(p->answer, "decide.n", 0), 1);
        assert_int_equal(json_int(p->answer, "repair.n", 0), 1);
        assert_int_equal(json_int(p->answer, "decisions.rollback.times", 0), 1);
        assert_int_equal(json_int(p->answer, "decisions.rollback.good", 0), 1);
        assert_string_equal(json_str(p->answer, "clients.0.client", ""), "acme");
        assert_string_equal(json_str(p->answer, "services.0.service", ""), "cart");
        bool bob = false;
        size_t i;
        json_t *w;
        json_array_foreach(json_object_get(p->answer, "whom"), i, w)
            bob = bob || (str_eq(json_str(w, "whom", ""), "bob") && json_flag(w, "person", false));
        assert_true(bob);
    }
    engine_figures(p->e, 0, "plum", NULL, NULL, on_answer, p);
    must(p);
    assert_int_equal(json_int(p->answer, "changes", 1), 0);
    play_end(p);
}

/* --- one record
 * ----------------------------------------------------------------------------------------------------------- */

static const char *const record[] = {
    ("{\"at\": 1000, \"type\": \"change.planned\", \"data\": {\"facts\": {\"incident\": 500, \"change\": {\"client\": "
     "\"acme\", \"env\": \"prod\", \"severity\": 2}, \"services\": [{\"service\": \"cart\"}]}}}"),
    "{\"at\": 2000, \"type\": \"change.started\"}",
    "{\"at\": 3000, \"type\": \"step.asked\", \"step\": \"go\", \"data\": {}}",
    "{\"at\": 9000, \"type\": \"step.answered\", \"step\": \"go\", \"by\": \"ann\", \"data\": {\"choice\": \"yes\"}}",
    "{\"at\": 9000, \"type\": \"step.intended\", \"step\": \"build\", \"data\": {\"does\": \"pipeline.start\"}}",
    "{\"at\": 9500, \"type\": \"step.done\", \"step\": \"build\", \"data\": {}}",
    "{\"at\": 10000, \"type\": \"step.observing\", \"step\": \"watch\", \"data\": {\"does\": \"pipeline.watch\"}}",
    "{\"at\": 20000, \"type\": \"step.failed\", \"step\": \"watch\", \"round\": 1, \"data\": {}}",
    "{\"at\": 20100, \"type\": \"step.intended\", \"step\": \"cry\", \"data\": {\"does\": \"chat.post\"}}",
    "{\"at\": 21000, \"type\": \"step.done\", \"step\": \"cry\", \"data\": {}}",
    "{\"at\": 21000, \"type\": \"step.asked\", \"step\": \"decide\", \"data\": {\"decision\": true}}",
    "{\"at\": 30000, \"type\": \"step.answered\", \"step\": \"decide\", \"by\": \"bob\", \"data\": {\"choice\": \"extend\"}}",
    "{\"at\": 31000, \"type\": \"step.asked\", \"step\": \"decide\", \"data\": {\"decision\": true}}",
    "{\"at\": 50000, \"type\": \"step.answered\", \"step\": \"decide\", \"by\": \"bob\", \"data\": {\"choice\": \"retry\"}}",
    "{\"at\": 51000, \"type\": \"step.observing\", \"step\": \"watch\", \"data\": {\"does\": \"pipeline.watch\"}}",
    "{\"at\": 60000, \"type\": \"step.done\", \"step\": \"watch\", \"data\": {}}",
    "{\"at\": 70000, \"type\": \"change.ended\", \"data\": {\"outcome\": \"done\"}}",
};

static void a_record_tells_when_it_was_noticed_told_decided_and_repaired(void **state)
{
    (void)state;
    struct times_reading *r = calloc(1, sizeof *r);
    for (size_t i = 0; i < COUNT_OF(record); i++) {
        _cleanup_json_ json_t *event = json_loads(record[i], 0, NULL);
        assert_non_null(event);
        times_take(r, event);
    }
    times_end(r);
    const struct times *t = &r->t;
    assert_string_equal(t->client, "acme");
    assert_int_equal(t->rounds, 1);
    assert_int_equal(t->deployments, 1);
    assert_int_equal(t->restored, 60000);
    const struct times_trouble *m = &t->troubles[0];
    assert_string_equal(m->step, "watch");
    assert_int_equal(m->began - m->looked, 10000);
    assert_int_equal(m->told - m->began, 1000);
    assert_int_equal(m->decided - m->began, 30000); /* more time is no decision how it goes on */
    assert_string_equal(m->choice, "retry");
    assert_int_equal(m->repaired - m->decided, 10000);
    assert_int_equal(t->n_decisions, 2);
    assert_string_equal(r->waits[0].whom, "ann");
    assert_int_equal(r->waits[0].ms, 6000);
    free(r);
}

static void hostile_records_stay_within_bounds(void **state)
{
    (void)state;
    struct times_reading *r = calloc(1, sizeof *r);
    for (int i = 0; i < 5000; i++) {
        _cleanup_json_ json_t *event = json_pack(
            "{s:i, s:s, s:o, s:i, s:{s:s, s:s}}", "at", i + 1, "type",
            i % 2 ? "step.failed" : "step.intended", "step",
            json_sprintf("a-step-with-a-name-that-is-much-longer-than-any-page-may-have-it-so-what-%d",
                         i / 2 % 400),
            "round", 1, "data", "does", "a.verb.that.nobody.has.ever.seen.or.written", "choice", "x");
        times_take(r, event);
    }
    times_end(r);
    assert_true(r->n_waits <= TIMES_WAITS && r->t.n_troubles <= TIMES_TROUBLES && r->n_steps <= STEPS_MAX);
    assert_int_equal(r->t.rounds > TIMES_TROUBLES, 1);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_choice_shows_what_it_would_do_and_how_long_it_took_before),
        cmocka_unit_test(figures_tell_how_long_how_often_and_whom_for),
        cmocka_unit_test(a_record_tells_when_it_was_noticed_told_decided_and_repaired),
        cmocka_unit_test(hostile_records_stay_within_bounds),
    };
    return cmocka_run_group_tests_name("engine/figures", tests, NULL, NULL);
}
