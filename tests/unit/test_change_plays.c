/* What a change does when things happen: each test is a small play. */
#include "play.h"

#define DEPLOY_FRONT                                                                                         \
    "  branches:\n    trouble: if-something-goes-wrong\n    rollback: rolling-back\n    extend: extending\n" \
    "    stop: stopping\n    patch: patching\n"                                                              \
    "  redo_from: build\n"                                                                                   \
    "  interlocks:\n"                                                                                        \
    "    - id: approved\n      because: nothing is deployed unapproved\n      step: build\n      answered: " \
    "{approve: yes}\n"                                                                                       \
    "    - id: verified\n      because: completed only after health is good\n      step: complete\n      "   \
    "needs: [health]\n"                                                                                      \
    "    - id: calm\n      because: never completed in trouble\n      step: complete\n      never_in: "      \
    "trouble\n"                                                                                              \
    "    - id: whole\n      because: the end needs completion\n      end_needs: [complete]\n"

/* clang-format off */
#define DEPLOY_BODY                                                                                         \
    "# Main\n\n"                                                                                            \
    STEP("id: maintenance\ndo: statuspage.schedule\n"                                                       \
         "with: {name: n, body: b, from: 1, to: 2, components: [c]}\n"                                      \
         "undo: {do: statuspage.cancel, with: {maintenance: m, body: b}}\n")                                \
    STEP("id: versions\ndo: cluster.versions\nwith: {client: c, env: e}\n")                                 \
    STEP("id: approve\n"                                                                                    \
         "ask: {question: \"Deploy {{ services[1].tag }}?\","                                               \
         " choices: [yes, {id: no, label: No, ends: true}]}\n")                                             \
    STEP("id: build\ndo: pipeline.start\nwith: {client: c, env: e, services: \"{{ services }}\"}\n")        \
    STEP("id: watch\ndo: pipeline.watch\nwith: {build: \"{{ steps.build.build }}\"}\n"                      \
         "gate: {question: Proceed?}\n")                                                                    \
    STEP("id: health\ndo: health.watch\nwith: {services: [s]}\n")                                           \
    STEP("id: complete\ndo: statuspage.complete\nwith: {maintenance: m, body: b}\n")                        \
    "# If something goes wrong\n\n"                                                                         \
    STEP("id: tell\ndo: chat.post\nwith: {channels: [c], text: trouble}\nafter: []\n")                      \
    STEP("id: decide\n"                                                                                     \
         "ask: {question: What now?, decision: true, choices: [retry, patch, extend, rollback, stop]}\n")   \
    "# Rolling back\n\n"                                                                                    \
    STEP("id: say-rollback\ndo: chat.post\nwith: {channels: [c], text: back}\n")                            \
    "# Extending\n\n"                                                                                       \
    STEP("id: extend\ndo: statuspage.extend\n"                                                              \
         "with: {maintenance: m, to: \"{{ window.to }}\", body: b}\n")                                      \
    "# Stopping\n\n"                                                                                        \
    STEP("id: say-stop\ndo: chat.post\nwith: {channels: [c], text: stop}\n")                                \
    "# Patching\n\n"                                                                                        \
    STEP("id: check-patch\ndo: releases.check\nwith: {services: \"{{ services }}\"}\n")
/* clang-format on */

/* Up to the build being watched, with the former version known. */
static struct play deploying(void)
{
    struct play p = play_open(DEPLOY_FRONT, DEPLOY_BODY);
    play_start(&p, some_facts());
    begin_all(&p);
    assert_true(happens(&p, EV_DONE, "maintenance", json_pack("{s:{s:s}}", "result", "id", "m1")));
    begin_all(&p);
    assert_true(
        happens(&p, EV_DONE, "versions",
                json_pack("{s:{s:{s:s}}}", "result", "services", "decanting-service", "24-02-05.619")));
    begin_all(&p);
    assert_true(answers(&p, "approve", "yes", NULL));
    begin_all(&p);
    assert_true(happens(&p, EV_DONE, "build", json_pack("{s:{s:s}}", "result", "build", "deploy#7")));
    begin_all(&p);
    assert_string_equal(status(&p, "watch"), "observing");
    return p;
}

static void a_hotfix_goes_from_plan_to_end(void **state)
{
    (void)state;
    struct play p = deploying();
    goes_well(&p);
    assert_string_equal(change_status(&p), "ended");
    assert_string_equal(change_outcome_names[p.change->control.outcome], "done");
    play_close(&p);
}

static void what_is_asked_is_filled_from_the_facts(void **state)
{
    (void)state;
    struct play p = play_open("  settings: {x: 1}\n",
                              STEP("id: approve\nask: {question: \"Deploy {{ services[1].tag }}?\"}\n"));
    play_start(&p, some_facts());
    begin_all(&p);
    assert_string_equal(p.change->data[0].question, "Deploy 24-02-05.619-hotfix.627?");
    play_close(&p);
}

static void a_failure_is_told_first_and_then_decided(void **state)
{
    (void)state;
    struct play p = deploying();
    assert_true(happens(&p, EV_FAILED, "watch", json_pack("{s:s}", "error", "stage Deploy failed")));
    assert_string_equal(change_status(&p), "trouble");
    assert_string_equal(p.change->trouble_reason, "stage Deploy failed");
    begin_all(&p);
    assert_string_equal(status(&p, "tell"), "intended");
    assert_string_equal(status(&p, "decide"), "waiting");
    assert_true(happens(&p, EV_DONE, "tell", NULL));
    begin_all(&p);
    assert_string_equal(status(&p, "decide"), "asking");
    assert_string_equal(status(&p, "complete"), "waiting");
    play_close(&p);
}

static struct play in_trouble(void)
{
    struct play p = deploying();
    assert_true(happens(&p, EV_FAILED, "watch", json_pack("{s:s}", "error", "stage Deploy failed")));
    begin_all(&p);
    assert_true(happens(&p, EV_DONE, "tell", NULL));
    begin_all(&p);
    return p;
}

static void trying_again_starts_a_new_build_under_a_new_key(void **state)
{
    (void)state;
    struct play p = in_trouble();
    assert_true(answers(&p, "decide", "retry", NULL));
    assert_string_equal(change_status(&p), "running");
    begin_all(&p);
    assert_string_equal(status(&p, "build"), "intended");
    assert_string_equal(change_key(p.change, step_of(&p, "build"), &p.arena), "HF-1/build/2");
    assert_string_equal(status(&p, "approve"), "done");
    goes_well(&p);
    assert_string_equal(change_outcome_names[p.change->control.outcome], "done");
    play_close(&p);
}

static void rolling_back_deploys_what_ran_before(void **state)
{
    (void)state;
    struct play p = in_trouble();
    assert_true(answers(&p, "decide", "rollback", NULL));
    assert_string_equal(change_status(&p), "repairing");
    begin_all(&p);
    assert_string_equal(status(&p, "say-rollback"), "intended");
    assert_true(happens(&p, EV_DONE, "say-rollback", NULL));
    assert_string_equal(change_status(&p), "running");
    begin_all(&p);
    const json_t *args = p.change->data[step_of(&p, "build")].args;
    assert_string_equal(json_str(args, "services.0.tag", ""), "24-02-05.619");
    goes_well(&p);
    assert_string_equal(change_outcome_names[p.change->control.outcome], "rolled-back");
    play_close(&p);
}

static void patching_needs_tags_and_checks_them_like_the_first(void **state)
{
    (void)state;
    struct play p = in_trouble();
    assert_false(answers(&p, "decide", "patch", NULL));
    assert_int_equal(p.err.code, SB_MISSING);
    assert_false(answers(&p, "decide", "patch",
                         json_pack("{s:[{s:s,s:s}]}", "services", "service", "other", "tag", "24-02-05.1")));
    assert_int_equal(p.err.code, SB_UNKNOWN);
    assert_true(answers(&p, "decide", "patch",
                        json_pack("{s:[{s:s,s:s}]}", "services", "service", "decanting-service", "tag",
                                  "24-02-05.619-hotfix.628")));
    begin_all(&p);
    assert_string_equal(status(&p, "check-patch"), "observing");
    assert_true(happens(&p, EV_DONE, "check-patch", NULL));
    begin_all(&p);
    const json_t *args = p.change->data[step_of(&p, "build")].args;
    assert_string_equal(json_str(args, "services.0.tag", ""), "24-02-05.619-hotfix.628");
    play_close(&p);
}

static void a_patch_that_fails_its_check_is_trouble_again(void **state)
{
    (void)state;
    struct play p = in_trouble();
    assert_true(answers(&p, "decide", "patch",
                        json_pack("{s:[{s:s,s:s}]}", "services", "service", "decanting-service", "tag",
                                  "24-02-05.619-hotfix.628")));
    begin_all(&p);
    assert_true(happens(&p, EV_FAILED, "check-patch", json_pack("{s:s}", "error", "no such tag")));
    assert_string_equal(change_status(&p), "trouble");
    assert_int_equal(p.change->control.round, 2);
    begin_all(&p);
    assert_string_equal(change_key(p.change, step_of(&p, "tell"), &p.arena), "HF-1/tell/2");
    play_close(&p);
}

static void extending_moves_the_end_and_asks_again(void **state)
{
    (void)state;
    struct play p = in_trouble();
    assert_false(answers(&p, "decide", "extend", json_pack("{s:i}", "minutes", 30)));
    assert_int_equal(p.err.code, SB_MISSING);
    assert_true(answers(&p, "decide", "extend",
                        json_pack("{s:i,s:s}", "minutes", 30, "permitted_by", "TAM of Tangerine")));
    assert_string_equal(change_status(&p), "trouble");
    begin_all(&p);
    assert_int_equal(json_int(p.change->data[step_of(&p, "extend")].args, "to", 0),
                     NOON + HOURS(6) + MINUTES(30));
    assert_true(happens(&p, EV_DONE, "extend", NULL));
    begin_all(&p);
    assert_string_equal(status(&p, "decide"), "asking");
    assert_int_equal(p.change->control.steps[step_of(&p, "decide")].run, 2);
    play_close(&p);
}

static void stopping_says_so_and_ends_without_completing(void **state)
{
    (void)state;
    struct play p = in_trouble();
    assert_true(answers(&p, "decide", "stop", NULL));
    goes_well(&p);
    assert_string_equal(change_status(&p), "ended");
    assert_string_equal(change_outcome_names[p.change->control.outcome], "stopped");
    assert_string_equal(status(&p, "say-stop"), "done");
    assert_string_equal(status(&p, "complete"), "waiting");
    play_close(&p);
}

static void an_interlock_refuses_what_nobody_may_do(void **state)
{
    (void)state;
    struct play p = in_trouble();
    assert_false(happens(&p, EV_INTENDED, "complete", NULL));
    int complete = step_of(&p, "complete");
    const struct interlock *rule = control_forbids(&p.change->control, p.sop, complete);
    assert_non_null(rule);
    assert_string_equal(rule->id, "verified");
    play_close(&p);

    p = deploying();
    /* Skipping the health check does not open the way: what a rule needs is done, not left out. */
    assert_true(happens(&p, EV_DONE, "watch", NULL));
    begin_all(&p);
    assert_true(happens_by(&p, EV_SKIPPED, "health", 0, "pat", json_pack("{s:s}", "reason", "in a hurry")));
    begin_all(&p);
    assert_string_equal(status(&p, "complete"), "waiting");
    assert_false(happens(&p, EV_INTENDED, "complete", NULL));
    assert_int_equal(p.err.code, SB_INTERLOCK);
    struct wants w;
    change_next(p.change, p.now, &w);
    assert_int_equal(w.n, 1);
    assert_int_equal(w.list[0].kind, WANT_TROUBLE);
    assert_false(happens(&p, EV_ENDED, NULL, NULL));
    assert_int_equal(p.err.code, SB_INTERLOCK);
    play_close(&p);
}

static void after_a_crash_what_was_intended_is_in_doubt(void **state)
{
    (void)state;
    struct play p = play_open(DEPLOY_FRONT, DEPLOY_BODY);
    play_start(&p, some_facts());
    begin_all(&p);
    assert_true(happens(&p, EV_RESTARTED, NULL, NULL));
    assert_string_equal(status(&p, "maintenance"), "in-doubt");
    struct wants w;
    change_next(p.change, p.now, &w);
    assert_int_equal(w.n, 1);
    assert_int_equal(w.list[0].kind, WANT_FIND);
    assert_true(happens(&p, EV_UNSURE, "maintenance", json_pack("{s:s}", "error", "cannot tell")));
    change_next(p.change, p.now, &w);
    assert_int_equal(w.n, 0);
    assert_true(happens_by(&p, EV_RESOLVED, "maintenance", 0, "pat", NULL));
    assert_string_equal(status(&p, "maintenance"), "intended");
    assert_string_equal(change_key(p.change, 0, &p.arena), "HF-1/maintenance/1");
    assert_true(happens(&p, EV_RESTARTED, NULL, NULL));
    assert_true(happens(&p, EV_FOUND, "maintenance", json_pack("{s:{s:s}}", "result", "id", "m1")));
    assert_string_equal(json_str(p.change->facts, "steps.maintenance.id", ""), "m1");
    play_close(&p);
}

static void a_pause_of_the_pipeline_becomes_a_gate_each_time(void **state)
{
    (void)state;
    struct play p = deploying();
    for (int n = 1; n <= 2; n++) {
        assert_true(
            happens(&p, EV_GATE, "watch", json_pack("{s:s,s:s}", "id", "Promote", "message", "Promote?")));
        begin_all(&p);
        assert_string_equal(status(&p, "watch.proceed"), "asking");
        assert_false(happens(&p, EV_GATE, "watch", json_pack("{s:s}", "id", "Other")));
        assert_true(answers(&p, "watch.proceed", "proceed", NULL));
        begin_all(&p);
        assert_string_equal(status(&p, "watch.answer"), "intended");
        assert_int_equal(p.change->control.steps[step_of(&p, "watch.answer")].run, n);
        assert_string_equal(json_str(p.change->data[step_of(&p, "watch.answer")].args, "gate", ""),
                            "Promote");
        assert_true(happens(&p, EV_DONE, "watch.answer", NULL));
    }
    assert_true(happens(&p, EV_GATE, "watch", json_pack("{s:s,s:s}", "id", "Third", "message", "m")));
    begin_all(&p);
    assert_true(happens(&p, EV_GATE_GONE, "watch", NULL));
    assert_string_equal(status(&p, "watch.proceed"), "skipped");
    goes_well(&p);
    assert_string_equal(change_status(&p), "ended");
    play_close(&p);
}

static void cancelling_undoes_what_took_place_in_reverse(void **state)
{
    (void)state;
    struct play p = play_open(DEPLOY_FRONT, DEPLOY_BODY);
    play_start(&p, some_facts());
    begin_all(&p);
    assert_true(happens_by(&p, EV_CANCELLED, NULL, 0, "pat", json_pack("{s:s}", "reason", "not needed")));
    begin_all(&p);
    /* The maintenance may exist or not: only what is known is undone. */
    assert_string_equal(status(&p, "maintenance.undo"), "waiting");
    assert_true(happens(&p, EV_DONE, "maintenance", NULL));
    begin_all(&p);
    assert_string_equal(status(&p, "maintenance.undo"), "intended");
    goes_well(&p);
    assert_string_equal(change_outcome_names[p.change->control.outcome], "cancelled");
    play_close(&p);
}

static void once_the_deployment_began_it_is_decided_and_not_cancelled(void **state)
{
    (void)state;
    struct play p = deploying();
    assert_false(happens_by(&p, EV_CANCELLED, NULL, 0, "pat", NULL));
    assert_int_equal(p.err.code, SB_STATE);
    assert_non_null(strstr(p.err.text, "deployment has begun"));
    play_close(&p);
}

static void nothing_is_rolled_back_that_was_not_deployed(void **state)
{
    (void)state;
    struct play p = play_open(DEPLOY_FRONT, DEPLOY_BODY);
    play_start(&p, some_facts());
    begin_all(&p);
    assert_true(happens(&p, EV_FAILED, "maintenance", json_pack("{s:s}", "error", "403")));
    begin_all(&p);
    assert_true(happens(&p, EV_DONE, "tell", NULL));
    begin_all(&p);
    assert_false(answers(&p, "decide", "rollback", NULL));
    assert_int_equal(p.err.code, SB_STATE);
    play_close(&p);
}

static void the_first_answer_stands(void **state)
{
    (void)state;
    struct play p = play_open("  settings: {x: 1}\n", STEP("id: ok\nask: {question: Go?}\n")
                                                          STEP("id: more\nask: {question: On?}\n"));
    play_start(&p, some_facts());
    begin_all(&p);
    assert_true(answers(&p, "ok", "yes", NULL));
    assert_false(answers(&p, "ok", "no", NULL));
    assert_int_equal(p.err.code, SB_STATE);
    play_close(&p);
}

static void an_answer_from_a_former_run_is_refused(void **state)
{
    (void)state;
    struct play p = in_trouble();
    assert_true(answers(&p, "decide", "retry", NULL));
    struct event late = {.seq = p.change->control.seq + 1,
                         .at = p.now,
                         .type = EV_DONE,
                         .step = step_of(&p, "watch"),
                         .run = 1,
                         .by = ""};
    assert_false(apply(&p, &late));
    assert_int_equal(p.err.code, SB_STATE);
    play_close(&p);
}

static void moments_are_waited_for_and_those_that_passed_are_sent_or_skipped(void **state)
{
    (void)state;
    struct play p = play_open(
        "  settings: {x: 1}\n",
        STEP("id: day-before\ndo: change.note\nwith: {text: a}\nafter: []\nat: from - 24h\n") STEP(
            "id: also-day-before\ndo: change.note\nwith: {text: b}\nafter: []\nat: from - 24h\nlate: skip\n")
            STEP("id: hour-before\ndo: change.note\nwith: {text: c}\nafter: []\nat: from - 1h\n"));
    play_start(&p, some_facts());
    begin_all(&p);
    assert_string_equal(status(&p, "day-before"), "intended");
    assert_string_equal(status(&p, "also-day-before"), "skipped");
    assert_string_equal(status(&p, "hour-before"), "ready");
    assert_true(happens(&p, EV_DONE, "day-before", NULL));
    struct wants w;
    change_next(p.change, p.now, &w);
    assert_int_equal(w.n, 0);
    assert_int_equal(w.wake, NOON + HOURS(4));
    /* The window moves: so does what hangs on it. */
    assert_true(happens_by(&p, EV_MOVED, NULL, 0, "pat",
                           json_pack("{s:{s:{s:I, s:I}}}", "facts", "window", "from",
                                     (json_int_t)(NOON + HOURS(3)), "to", (json_int_t)(NOON + HOURS(4)))));
    begin_all(&p);
    change_next(p.change, p.now, &w);
    assert_int_equal(w.wake, NOON + HOURS(2));
    p.now = NOON + HOURS(2);
    begin_all(&p);
    assert_string_equal(status(&p, "hour-before"), "intended");
    play_close(&p);
}

static void a_deadline_nags_then_escalates_unless_it_is_met(void **state)
{
    (void)state;
    static const char body[] = STEP("id: notice\nask: {question: Posted?}\ndue: {by: planned + 24h, nag: "
                                    "{do: change.note, with: {text: due}}, "
                                    "escalate: {after: 1h, do: change.note, with: {text: late}}}\n");
    for (int met = 0; met <= 1; met++) {
        struct play p = play_open("  settings: {x: 1}\n", body);
        play_start(&p, some_facts());
        begin_all(&p);
        assert_string_equal(status(&p, "notice"), "asking");
        assert_string_equal(status(&p, "notice.nag"), "ready");
        if (met)
            assert_true(answers(&p, "notice", "yes", NULL));
        p.now = NOON + HOURS(24);
        begin_all(&p);
        assert_string_equal(status(&p, "notice.nag"), met ? "skipped" : "intended");
        if (!met) {
            assert_true(happens(&p, EV_DONE, "notice.nag", NULL));
            assert_string_equal(status(&p, "notice.escalate"), "ready");
            p.now = NOON + HOURS(25);
            begin_all(&p);
            assert_string_equal(status(&p, "notice.escalate"), "intended");
        }
        play_close(&p);
    }
}

static void waiting_for_a_person_has_a_limit_when_the_page_says_so(void **state)
{
    (void)state;
    struct play p = play_open(
        "  settings: {x: 1}\n",
        STEP(
            "id: bridge\nask: {question: All here?, choices: [yes, go-on], limit: 10m, otherwise: go-on}\n"));
    play_start(&p, some_facts());
    begin_all(&p);
    struct wants w;
    change_next(p.change, p.now, &w);
    assert_int_equal(w.n, 0);
    assert_int_equal(w.wake, NOON + MINUTES(10));
    change_next(p.change, w.wake, &w);
    assert_int_equal(w.n, 1);
    assert_int_equal(w.list[0].kind, WANT_OTHERWISE);
    play_close(&p);
}

static void steps_side_by_side_begin_together(void **state)
{
    (void)state;
    struct play p = play_open("  settings: {x: 1}\n",
                              STEP("id: a\ndo: change.note\nwith: {text: a}\n")
                                  STEP("id: b\ndo: change.note\nwith: {text: b}\nafter: []\n")
                                      STEP("id: c\ndo: change.note\nwith: {text: c}\nafter: [a, b]\n"));
    play_start(&p, some_facts());
    begin_all(&p);
    assert_string_equal(status(&p, "a"), "intended");
    assert_string_equal(status(&p, "b"), "intended");
    assert_true(happens(&p, EV_DONE, "a", NULL));
    begin_all(&p);
    assert_string_equal(status(&p, "c"), "waiting");
    assert_true(happens(&p, EV_DONE, "b", NULL));
    begin_all(&p);
    assert_string_equal(status(&p, "c"), "intended");
    play_close(&p);
}

static void tags_are_not_changed_by_an_amendment(void **state)
{
    (void)state;
    struct play p = deploying();
    assert_false(happens_by(&p, EV_AMENDED, NULL, 0, "pat", json_pack("{s:{s:[]}}", "facts", "services")));
    assert_int_equal(p.err.code, SB_DENIED);
    play_close(&p);
}

static void the_log_folds_to_the_same_state_and_so_does_a_snapshot(void **state)
{
    (void)state;
    struct play p = in_trouble();
    assert_true(answers(&p, "decide", "rollback", NULL));
    goes_well(&p);
    struct change *again = change_new("HF-1", p.sop);
    size_t i;
    json_t *j;
    json_array_foreach(p.log, i, j) {
        struct event e;
        assert_true(event_from_json(j, p.sop, &e, &p.err));
        assert_true(change_apply(again, &e, &p.err));
        event_clear(&e);
        if (i == json_array_size(p.log) / 2) { /* half-way through a snapshot */
            _cleanup_json_ json_t *half = change_save(again);
            change_free(again);
            again = change_new("HF-1", p.sop);
            assert_true(change_load(again, half, &p.err));
        }
    }
    _cleanup_json_ json_t *a = change_save(p.change), *b = change_save(again);
    char *ta = json_canonical(a), *tb = json_canonical(b);
    assert_string_equal(ta, tb);
    free(ta);
    free(tb);
    change_free(again);
    play_close(&p);
}

static void a_refused_event_leaves_the_change_as_it_was(void **state)
{
    (void)state;
    struct play p = in_trouble();
    _cleanup_json_ json_t *before = change_save(p.change);
    for (int type = 0; type < EV_TYPES; type++)
        for (int step = -1; step < p.sop->n_steps; step++) {
            struct event e = {.seq = p.change->control.seq + 2,
                              .at = p.now,
                              .type = (enum event_type)type,
                              .step = step,
                              .run = 1,
                              .by = ""};
            assert_false(change_apply(p.change, &e, &p.err));
        }
    assert_false(happens(&p, EV_DONE, "complete", NULL));
    assert_false(happens(&p, EV_DONE, "decide", NULL));
    assert_false(happens(&p, EV_STARTED, NULL, NULL));
    _cleanup_json_ json_t *after = change_save(p.change);
    assert_true(json_equal(before, after));
    play_close(&p);
}

static void every_event_has_a_line_for_people(void **state)
{
    (void)state;
    struct play p = in_trouble();
    assert_true(answers(&p, "decide", "retry", NULL));
    size_t i;
    json_t *j;
    json_array_foreach(p.log, i, j) {
        struct event e;
        assert_true(event_from_json(j, p.sop, &e, &p.err));
        assert_true(strlen(event_text(&e, p.sop, &p.arena)) > 3);
        event_clear(&e);
    }
    play_close(&p);
}

static void the_machine_has_a_sentence_for_each_row_and_no_row_twice(void **state)
{
    (void)state;
    for (int i = 0; i < n_transitions; i++) {
        assert_true(strlen(transitions[i].because) > 10);
        for (int k = 0; k < i; k++)
            assert_false(transitions[i].from == transitions[k].from &&
                         transitions[i].event == transitions[k].event &&
                         transitions[i].to == transitions[k].to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hotfix_goes_from_plan_to_end),
        cmocka_unit_test(what_is_asked_is_filled_from_the_facts),
        cmocka_unit_test(a_failure_is_told_first_and_then_decided),
        cmocka_unit_test(trying_again_starts_a_new_build_under_a_new_key),
        cmocka_unit_test(rolling_back_deploys_what_ran_before),
        cmocka_unit_test(patching_needs_tags_and_checks_them_like_the_first),
        cmocka_unit_test(a_patch_that_fails_its_check_is_trouble_again),
        cmocka_unit_test(extending_moves_the_end_and_asks_again),
        cmocka_unit_test(stopping_says_so_and_ends_without_completing),
        cmocka_unit_test(an_interlock_refuses_what_nobody_may_do),
        cmocka_unit_test(after_a_crash_what_was_intended_is_in_doubt),
        cmocka_unit_test(a_pause_of_the_pipeline_becomes_a_gate_each_time),
        cmocka_unit_test(cancelling_undoes_what_took_place_in_reverse),
        cmocka_unit_test(once_the_deployment_began_it_is_decided_and_not_cancelled),
        cmocka_unit_test(nothing_is_rolled_back_that_was_not_deployed),
        cmocka_unit_test(the_first_answer_stands),
        cmocka_unit_test(an_answer_from_a_former_run_is_refused),
        cmocka_unit_test(moments_are_waited_for_and_those_that_passed_are_sent_or_skipped),
        cmocka_unit_test(a_deadline_nags_then_escalates_unless_it_is_met),
        cmocka_unit_test(waiting_for_a_person_has_a_limit_when_the_page_says_so),
        cmocka_unit_test(steps_side_by_side_begin_together),
        cmocka_unit_test(tags_are_not_changed_by_an_amendment),
        cmocka_unit_test(the_log_folds_to_the_same_state_and_so_does_a_snapshot),
        cmocka_unit_test(a_refused_event_leaves_the_change_as_it_was),
        cmocka_unit_test(every_event_has_a_line_for_people),
        cmocka_unit_test(the_machine_has_a_sentence_for_each_row_and_no_row_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
