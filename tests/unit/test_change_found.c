/* Faults of the core that the prover and the simulator have found, each as the play that shows it. */
#include "play.h"

#define FRONT                                                           \
    "  branches: {trouble: trouble, patch: patching, stop: stopping}\n" \
    "  redo_from: build\n"                                              \
    "  interlocks:\n"                                                   \
    "    - {id: calm, because: never in trouble, step: complete, never_in: trouble}\n"

#define BODY                                                                                                                               \
    "# Main\n\n" STEP("id: first\nask: Go?\n") STEP("id: second\ndo: chat.post\nwith: {channels: [c], "                                    \
                                                    "text: t}\n") STEP("id: build\ndo: "                                                   \
                                                                       "pipeline.start\nwith: {client: c, "                                \
                                                                       "env: e, services: []}\n")                                          \
        STEP(                                                                                                                              \
            "id:"                                                                                                                          \
            " co"                                                                                                                          \
            "mpl"                                                                                                                          \
            "ete"                                                                                                                          \
            "\nd"                                                                                                                          \
            "o: "                                                                                                                          \
            "sta"                                                                                                                          \
            "tus"                                                                                                                          \
            "pag"                                                                                                                          \
            "e."                                                                                                                           \
            "com"                                                                                                                          \
            "ple"                                                                                                                          \
            "te"                                                                                                                           \
            "\nw"                                                                                                                          \
            "ith"                                                                                                                          \
            ": "                                                                                                                           \
            "{ma"                                                                                                                          \
            "int"                                                                                                                          \
            "ena"                                                                                                                          \
            "nce"                                                                                                                          \
            ": "                                                                                                                           \
            "m, "                                                                                                                          \
            "bod"                                                                                                                          \
            "y: "                                                                                                                          \
            "b}"                                                                                                                           \
            "\n") "# Trouble\n\n" STEP("id: decide\nask: {question: What now?, decision: true, choices: "                                  \
                                       "[retry, patch, stop]}\n") "# Patching\n\n" STEP("id: check\ndo: releases.check\nwith: {services: " \
                                                                                        "[]}\n") "# Stopping\n\n" STEP("id: say\ndo: "     \
                                                                                                                       "chat.post\nwith: " \
                                                                                                                       "{channels: [c], "  \
                                                                                                                       "text: t}\n")

static struct play begun(void)
{
    struct play p = play_open(FRONT, BODY);
    play_start(&p, some_facts());
    begin_all(&p);
    return p;
}

/* Up to where `step` has been intended. */
static struct play intended(const char *step)
{
    struct play p = begun();
    assert_true(answers(&p, "first", "yes", NULL));
    for (;;) {
        begin_all(&p);
        if (str_eq(status(&p, step), "intended"))
            return p;
        for (int i = 0; i < p.sop->n_steps; i++)
            if (p.change->control.steps[i].status == STEP_INTENDED)
                assert_true(happens(&p, EV_DONE, p.sop->steps[i].id, NULL));
    }
}

static json_t *patch_tags(void)
{
    return json_pack("{s:s, s:[{s:s, s:s}]}", "reason", "r", "services", "service", "decanting-service",
                     "tag", "24-02-05.619-hotfix.628");
}

static void what_did_not_take_place_is_not_performed_in_trouble(void **state)
{
    (void)state;
    struct play p = intended("complete");
    assert_true(happens(&p, EV_DOUBT, "complete", NULL));
    assert_true(happens_by(&p, EV_TROUBLE, NULL, 0, "pat@example.com", NULL));
    assert_true(happens(&p, EV_NOT_FOUND, "complete", NULL));
    assert_string_equal(status(&p, "complete"), "paused");
    assert_int_equal(begin_all(&p), 1); /* the decision is asked, and nothing else begins */
    assert_true(answers(&p, "decide", "retry", json_pack("{s:s}", "reason", "it is well")));
    begin_all(&p);
    assert_string_equal(status(&p, "complete"), "intended");
    play_close(&p);
}

static void what_a_person_saw_not_to_have_taken_place_waits_for_the_decision_as_well(void **state)
{
    (void)state;
    struct play p = intended("complete");
    assert_true(happens(&p, EV_DOUBT, "complete", NULL));
    assert_true(happens(&p, EV_UNSURE, "complete", NULL));
    assert_true(happens_by(&p, EV_TROUBLE, NULL, 0, "pat@example.com", NULL));
    assert_true(happens_by(&p, EV_RESOLVED, "complete", 0, "pat@example.com", NULL));
    assert_string_equal(status(&p, "complete"), "paused");
    play_close(&p);
}

static void a_build_that_was_not_started_is_not_started_with_the_tags_of_before_the_patch(void **state)
{
    (void)state;
    static const enum event_type did_nothing[] = {EV_NOT_FOUND, EV_RETRY};
    for (size_t i = 0; i < COUNT_OF(did_nothing); i++) {
        struct play p = intended("build");
        if (did_nothing[i] == EV_NOT_FOUND)
            assert_true(happens(&p, EV_DOUBT, "build", NULL));
        assert_true(happens_by(&p, EV_TROUBLE, NULL, 0, "pat@example.com", NULL));
        begin_all(&p);
        assert_true(answers(&p, "decide", "patch", patch_tags()));
        begin_all(&p);
        assert_true(happens(&p, EV_DONE, "check", NULL));
        assert_true(happens(&p, did_nothing[i], "build", NULL));
        assert_string_equal(status(&p, "build"), "waiting");
        assert_int_equal(p.change->control.steps[step_of(&p, "build")].run, 2);
        play_close(&p);
    }
}

static void a_step_is_not_wanted_while_a_person_has_one_before_it_carried_out_again(void **state)
{
    (void)state;
    struct play p = begun();
    assert_true(happens_by(&p, EV_SKIPPED, "first", 0, "pat@example.com", NULL));
    begin_all(&p);
    assert_true(happens(&p, EV_RETRY, "second", NULL));
    assert_true(happens_by(&p, EV_AGAIN, "first", 0, "pat@example.com", NULL));
    begin_all(&p); /* fails when a want is refused */
    assert_string_equal(status(&p, "first"), "asking");
    assert_string_equal(status(&p, "second"), "paused");
    play_close(&p);
}

static void a_decision_cannot_be_skipped(void **state)
{
    (void)state;
    struct play p = begun();
    assert_true(happens_by(&p, EV_TROUBLE, NULL, 0, "pat@example.com", NULL));
    begin_all(&p);
    assert_false(happens_by(&p, EV_SKIPPED, "decide", 0, "pat@example.com", NULL));
    assert_int_equal(p.err.code, SB_STATE);
    assert_string_equal(status(&p, "decide"), "asking");
    play_close(&p);
}

static void what_repairs_is_given_up_when_there_is_trouble_again(void **state)
{
    (void)state;
    struct play p = begun();
    assert_true(happens_by(&p, EV_TROUBLE, NULL, 0, "pat@example.com", NULL));
    begin_all(&p);
    assert_true(answers(&p, "decide", "patch", patch_tags()));
    begin_all(&p);
    assert_string_equal(status(&p, "check"), "observing");
    assert_true(happens_by(&p, EV_TROUBLE, NULL, 0, "pat@example.com", NULL));
    assert_string_equal(status(&p, "check"), "skipped");
    play_close(&p);
}

static void a_repair_that_waits_to_try_again_is_not_in_trouble(void **state)
{
    (void)state;
    struct play p = begun();
    assert_true(happens_by(&p, EV_TROUBLE, NULL, 0, "pat@example.com", NULL));
    begin_all(&p);
    assert_true(answers(&p, "decide", "patch", patch_tags()));
    begin_all(&p);
    assert_true(
        happens(&p, EV_RETRY, "check",
                json_pack("{s:s, s:I}", "error", "no answer", "not_before", (json_int_t)(p.now + 2000))));
    struct wants w;
    change_next(p.change, p.now, &w);
    assert_int_equal(w.n, 0);
    assert_int_equal(w.wake, p.now + 2000);
    play_close(&p);
}

static void what_was_in_flight_when_trouble_came_again_runs_anew_once_a_try_has_failed(void **state)
{
    (void)state;
    struct play p = play_open(
        "  branches: {trouble: trouble}\n",
        "# Main\n\n" STEP("id: work\nask: Done?\n") "# Trouble\n\n" STEP(
            "id: tell\ndo: chat.post\nwith: {channels: [c], text: t}\nafter: []\n")
            STEP("id: show\ndo: chat.post\nwith: {channels: [c], text: s}\n") STEP(
                "id: decide\nask: {question: What now?, decision: true, choices: [retry, stop]}\nafter: []\n"));
    play_start(&p, some_facts());
    for (int round = 1; round <= 2; round++) {
        assert_true(happens_by(&p, EV_TROUBLE, NULL, 0, "pat", json_pack("{s:s}", "reason", "smoke")));
        begin_all(&p);
        if (round == 1) {
            assert_true(happens(&p, EV_DONE, "tell", NULL));
            begin_all(&p);
            assert_true(answers(&p, "decide", "retry", NULL));
        }
    }
    assert_string_equal(status(&p, "show"), "intended");
    assert_true(happens(&p, EV_RETRY, "show", json_pack("{s:s}", "error", "connection refused")));
    assert_string_equal(status(&p, "show"), "waiting");
    assert_int_equal(p.change->control.steps[step_of(&p, "show")].run, 2);
    begin_all(&p); /* what comes before it runs anew first */
    assert_string_equal(status(&p, "show"), "waiting");
    play_close(&p);
}

static void what_waits_for_its_moment_waits_for_a_step_that_is_done_again_as_well(void **state)
{
    (void)state;
    struct play p =
        play_open("  settings: {x: 1}\n",
                  STEP("id: look\ndo: health.snapshot\nwith: {services: [s]}\non_failure: continue\n")
                      STEP("id: tell\ndo: change.note\nwith: {text: a}\nat: from\n"));
    play_start(&p, some_facts());
    begin_all(&p);
    assert_true(happens(&p, EV_FAILED, "look", json_pack("{s:s}", "error", "no answer")));
    begin_all(&p);
    assert_string_equal(status(&p, "tell"), "ready");
    assert_true(happens_by(&p, EV_AGAIN, "look", 0, "pat", NULL));
    p.now = NOON + HOURS(5);
    begin_all(&p);
    assert_string_equal(status(&p, "tell"), "ready");
    assert_true(happens(&p, EV_DONE, "look", NULL));
    begin_all(&p);
    assert_string_equal(status(&p, "tell"), "intended");
    play_close(&p);
}

static void what_is_skipped_ahead_of_its_turn_lets_nothing_pass_what_comes_before_it(void **state)
{
    (void)state;
    struct play p = play_open("  settings: {x: 1}\n",
                              STEP("id: build\ndo: pipeline.start\nwith: {client: c, env: e, services: []}\n")
                                  STEP("id: watch\ndo: health.watch\nwith: {services: [s]}\n")
                                      STEP("id: look\nask: Healthy?\n"));
    play_start(&p, some_facts());
    begin_all(&p);
    assert_true(
        happens_by(&p, EV_SKIPPED, "watch", 0, "pat@example.com", json_pack("{s:s}", "reason", "no system")));
    begin_all(&p);
    assert_string_equal(status(&p, "build"), "intended");
    assert_string_equal(status(&p, "look"), "waiting");
    assert_false(happens(&p, EV_ASKED, "look", NULL));
    assert_string_equal(p.err.text, "step look comes after watch, which is skipped before its turn");
    assert_true(happens(&p, EV_DONE, "build", NULL));
    begin_all(&p);
    assert_string_equal(status(&p, "look"), "asking");
    play_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_did_not_take_place_is_not_performed_in_trouble),
        cmocka_unit_test(what_a_person_saw_not_to_have_taken_place_waits_for_the_decision_as_well),
        cmocka_unit_test(a_build_that_was_not_started_is_not_started_with_the_tags_of_before_the_patch),
        cmocka_unit_test(a_step_is_not_wanted_while_a_person_has_one_before_it_carried_out_again),
        cmocka_unit_test(a_decision_cannot_be_skipped),
        cmocka_unit_test(what_repairs_is_given_up_when_there_is_trouble_again),
        cmocka_unit_test(a_repair_that_waits_to_try_again_is_not_in_trouble),
        cmocka_unit_test(what_was_in_flight_when_trouble_came_again_runs_anew_once_a_try_has_failed),
        cmocka_unit_test(what_waits_for_its_moment_waits_for_a_step_that_is_done_again_as_well),
        cmocka_unit_test(what_is_skipped_ahead_of_its_turn_lets_nothing_pass_what_comes_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
