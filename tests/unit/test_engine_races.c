/* Bad moments: the window moves while a step runs, the clock jumps, the change is cancelled in every state, somebody answers
 * who may not. Two answers to one gate: test_engine_people. */
#include "engine_play.h"

#define FENCE      "```"
#define STEP(text) FENCE "step\n" text FENCE "\n\n"

static const char page[] =
    "---\ntitle: Play\nsignalbox:\n  inputs:\n    - {name: window, type: window, required: true}\n"
    "  branches: {move: moving, trouble: trouble}\n  redo_from: deploy\n"
    "  interlocks:\n    - {id: agreed, step: deploy, answered: {approve: yes}, because: agreed}\n"
    "    - {id: open, step: deploy, needs: [open], because: in its window}\n---\n# Play\n\n" STEP(
        "id: calendar\ndo: calendar.create\nwith: {title: Hotfix, from: \"{{ window.from }}\", to: \"{{ window.to }}\"}\n"
        "undo: {do: calendar.cancel, with: {event: \"{{ steps.calendar.id }}\"}}\n")
        STEP(
            "id: maintenance\ndo: statuspage.schedule\nafter: []\nmoved: again\nwhen: lead_hours >= 4\nwith: {name: n, body: b, from: "
            "\"{{ window.from }}\", to: \"{{ window.to }}\", components: [c]}\n")
            STEP(
                "id: tell\ndo: chat.post\nafter: [calendar, maintenance]\nwith: {channels: [ops], text: \"At {{ window.text }}\"}\n")
                STEP("id: remind\ndo: chat.post\nafter: [tell]\nat: from - 1h\nlate: skip\nwith: {channels: [ops], text: soon}\n") STEP(
                    "id: prepare\ndo: chat.post\nafter: [tell]\nat: from - 24h\nlate: send\nwith: {channels: [ops], text: prepare}\n")
                    STEP(
                        "id: approve\nmoved: again\nafter: [tell]\nask: {question: \"At {{ window.text }}?\", choices: [yes, {id: no, "
                        "label: No, ends: true}]}\n")
                        STEP("id: open\ndo: change.note\nafter: [approve]\nat: from\nwith: {text: open}\n") STEP(
                            "id: deploy\ndo: pipeline.start\nwith: {client: acme, env: prod, services: []}\n")
                            STEP("id: watch\ndo: pipeline.watch\nwith: {build: b1}\n") "## Moving\n\n" STEP(
                                "id: move-calendar\ndo: calendar.update\nafter: []\nwhen: steps.calendar.id ~= nil\nwith: {event: \"{{ "
                                "steps.calendar.id }}\", from: \"{{ window.from }}\", to: \"{{ window.to }}\"}\n")
                                STEP(
                                    "id: move-maintenance\ndo: statuspage.extend\nafter: []\nwhen: steps.maintenance.state == \"done\"\nwith: {maintenance: \"{{ "
                                    "steps.maintenance.id }}\", from: \"{{ window.from }}\", to: \"{{ window.to }}\", body: moved}\n")
                                    STEP(
                                        "id: move-tell\ndo: chat.post\nafter: []\nwhen: count(steps.tell.posts) > 0\nwith: {channels: [ops], text: \"Now {{ "
                                        "window.text }}, it was {{ moved.was }}: {{ moved.reason }}\"}\n") "## Trouble\n\n" STEP("id: decide\nask: {question: \"What now?\", decision: true, choices: [retry, stop]}\n");

static const char config[] =
    "questions:\n  freeze: {blocks: true, overrule: approve}\n"
    "freezes:\n  - {title: Month end, from: 2024-02-12, to: 2024-02-12}\n"
    "clients:\n  acme: {hours: 00:00-24:00, work_week: mon-sun}\n  plum: {}\n"
    "people:\n  ann: {roles: [deploy]}\n  bob: {roles: [approve]}\n  kim: {roles: [see]}\n"
    "  cat: {roles: [{role: deploy, clients: [plum]}]}\n";

static int64_t clock_at;

static int64_t told(void *ctx)
{
    (void)ctx;
    return clock_at;
}

static void set_clock(struct play *p, const char *text)
{
    assert_true(instant_parse_rfc3339(text, &clock_at, NULL));
    if (p->e)
        engine_wake(p->e);
}

/* Thursday 8 February 2024, noon; planned for 18:00 and started. */
static struct play *begin(void)
{
    static const struct engine_clock clock = {.now = told};
    struct play *p = play_begin(config, page);
    set_clock(p, "2024-02-08T12:00:00Z");
    p->options.clock = &clock;
    p->options.drivers = all_fakes;
    says(p, (struct line){.verb = "chat.post", .result = "{\"posts\": [{\"channel\": \"ops\"}]}"});
    play_open_engine(p);
    plan_as(p, "{\"sop\": \"play\", \"client\": \"acme\", \"window\": \"today 18:00 for 90m\"}", "ann");
    must(p);
    return p;
}

static void go(struct play *p)
{
    engine_start(p->e, id, "ann", on_answer, p);
    must(p);
}

static void move_to(struct play *p, const char *window, const char *by)
{
    char text[256];
    snprintf(text, sizeof text, "{\"window\": \"%s\", \"reason\": \"the client asked\"}", window);
    act_as(p, id, "move", text, by);
}

static const char *arg(struct play *p, const char *step, const char *name)
{
    struct error err;
    const struct change *c = engine_fold(p->e, id, &err);
    return json_str(c->data[procedure_step(c->sop, step)].args, name, "");
}

static int64_t number(struct play *p, const char *step, const char *name)
{
    struct error err;
    const struct change *c = engine_fold(p->e, id, &err);
    return json_int(c->data[procedure_step(c->sop, step)].args, name, 0);
}

static int64_t at(const char *text)
{
    int64_t ms;
    assert_true(instant_parse_rfc3339(text, &ms, NULL));
    return ms;
}

static void when_the_window_moves_all_that_was_set_up_for_it_follows(void **state)
{
    (void)state;
    struct play *p = begin();
    go(p);
    expect(p, "approve is asking");
    expect(p, "prepare is done"); /* its moment had passed: sent at once */
    expect(p, "remind is ready");
    answer_as(p, id, "{\"step\": \"approve\", \"choice\": \"yes\"}", "ann");
    must(p);
    expect(p, "open is ready");
    set_clock(p, "2024-02-08T17:00:00Z");
    expect(p, "remind is done");
    move_to(p, "today 20:00 for 2h", "ann");
    must(p);
    expect(p, "move-tell is done");
    expect(p, "move-maintenance is done");
    expect(p, "approve is asking"); /* it was agreed to another hour */
    assert_int_equal(number(p, "move-calendar", "from"), at("2024-02-08T20:00:00Z"));
    assert_int_equal(number(p, "move-calendar", "to"), at("2024-02-08T22:00:00Z"));
    assert_int_equal(number(p, "move-maintenance", "from"), at("2024-02-08T20:00:00Z"));
    assert_string_equal(
        arg(p, "move-tell", "text"),
        "Now Thu 8 Feb 20:00-22:00 UTC (120 min), it was Thu 8 Feb 18:00-19:30 UTC (90 min): the client asked");
    expect(p, "remind is ready"); /* once more, an hour before the new one */
    assert_int_equal(count_calls(p, "statuspage.schedule HF-1/maintenance/1"), 1);
    assert_int_equal(count_calls(p, "calendar.create HF-1/calendar/1"), 1);
    answer_as(p, id, "{\"step\": \"approve\", \"choice\": \"yes\", \"run\": 1}", "ann");
    must_not(p, SB_STATE, "asked anew"); /* an old button */
    answer_as(p, id, "{\"step\": \"approve\", \"choice\": \"yes\", \"run\": 2}", "ann");
    must(p);
    set_clock(p, "2024-02-08T18:30:00Z"); /* in the old window */
    expect(p, "open is ready");
    set_clock(p, "2024-02-08T20:00:00Z");
    expect(p, "status is ended");
    assert_int_equal(count_calls(p, "chat.post HF-1/remind/2"), 1);
    play_end(p);
}

static void a_move_while_a_step_runs_waits_until_it_is_known_what_took_place(void **state)
{
    (void)state;
    struct play *p = begin();
    says(p, (struct line){.verb = "calendar.create", .result = "{\"id\": \"ev1\"}", .after_ms = 300});
    go(p);
    expect(p, "calendar is intended");
    move_to(p, "today 20:00 for 2h", "ann");
    must(p);
    assert_true(it_holds(p, "move-calendar is waiting"));
    expect(p, "move-calendar is done"); /* what was created for 18:00 is moved */
    assert_string_equal(arg(p, "move-calendar", "event"), "ev1");
    expect(p, "approve is asking");
    assert_string_equal(arg(p, "tell", "text"),
                        "At Thu 8 Feb 20:00-22:00 UTC (120 min)"); /* said only now, and so of the new one */
    assert_true(it_holds(p, "move-tell is skipped"));
    play_end(p);
}

static void a_maintenance_is_considered_anew_when_there_is_more_time(void **state)
{
    (void)state;
    struct play *p = begin();
    set_clock(p, "2024-02-08T16:00:00Z");
    move_to(p, "today 18:00 for 90m", "ann"); /* before it is started: lead time is two hours now */
    must(p);
    go(p);
    expect(p, "approve is asking");
    assert_true(it_holds(p, "maintenance is skipped"));
    move_to(p, "today 22:00 for 90m", "ann");
    must(p);
    expect(p, "maintenance is done");
    assert_int_equal(number(p, "maintenance", "from"), at("2024-02-08T22:00:00Z"));
    play_end(p);
}

static void a_move_is_questioned_and_overruled_like_a_plan(void **state)
{
    (void)state;
    struct play *p = begin();
    go(p);
    expect(p, "approve is asking");
    move_to(p, "2024-02-12 10:00 for 90m", "ann");
    must_not(p, SB_STATE, "Month end");
    assert_true(it_holds(p, "approve is asking"));
    act_as(
        p, id, "move",
        "{\"window\": \"2024-02-12 10:00 for 90m\", \"reason\": \"r\", \"overrule\": {\"freeze\": \"agreed\"}}",
        "ann");
    must_not(p, SB_DENIED, "role approve");
    act_as(p, id, "move", "{\"reason\": \"r\"}", "ann");
    must_not(p, SB_MISSING, "where to");
    act_as(p, id, "move", "{\"window\": \"soonish\", \"reason\": \"r\"}", "ann");
    must_not(p, SB_PARSE, "");
    act_as(p, id, "amend",
           "{\"facts\": {\"window\": \"today 20:00 for 1h\", \"risk\": \"low\"}, \"reason\": \"r\"}", "ann");
    must_not(p, SB_PARSE, "by itself");
    act_as(p, id, "amend", "{\"facts\": {\"window\": \"today 20:00 for 1h\"}, \"reason\": \"r\"}",
           "ann"); /* as the pages do */
    must(p);
    assert_int_equal(count_events(p, "change.moved"), 1);
    play_end(p);
}

static void a_window_does_not_move_once_the_deployment_has_begun(void **state)
{
    (void)state;
    struct play *p = begin();
    says(p, (struct line){.verb = "pipeline.watch", .hangs = true});
    go(p);
    expect(p, "approve is asking");
    answer_as(p, id, "{\"step\": \"approve\", \"choice\": \"yes\"}", "ann");
    must(p);
    set_clock(p, "2024-02-08T18:00:00Z");
    expect(p, "watch is observing");
    move_to(p, "today 20:00 for 2h", "ann");
    must_not(p, SB_STATE, "the deployment has begun");
    play_end(p);
}

static void a_moved_window_survives_a_crash(void **state)
{
    (void)state;
    struct play *p = begin();
    go(p);
    expect(p, "approve is asking");
    says(p, (struct line){.verb = "calendar.update", .hangs = true});
    move_to(p, "today 20:00 for 2h", "ann");
    must(p);
    expect(p, "move-tell is done"); /* all have been asked to act by then */
    play_restart(p);
    expect(p, "move-calendar is done");
    expect(p, "approve is asking");
    assert_int_equal(number(p, "move-calendar", "from"), at("2024-02-08T20:00:00Z"));
    play_end(p);
}

/* --- the clock
 * ------------------------------------------------------------------------------------------------------------------ */

static void a_clock_that_jumps_ahead_skips_nothing_and_sends_nothing_twice(void **state)
{
    (void)state;
    struct play *p = begin();
    go(p);
    expect(p, "remind is ready");
    set_clock(p, "2024-02-09T09:00:00Z"); /* far behind the window */
    expect(p, "remind is done");          /* it had been settled in time, and is late rather than lost */
    answer_as(p, id, "{\"step\": \"approve\", \"choice\": \"yes\"}", "ann");
    must(p);
    expect(p, "status is ended");
    assert_int_equal(count_calls(p, "chat.post HF-1/remind/1"), 1);
    assert_int_equal(count_calls(p, "pipeline.start HF-1/deploy/1"), 1);
    play_end(p);
}

static void a_clock_that_jumps_back_leaves_the_record_in_order_and_nothing_begins_early(void **state)
{
    (void)state;
    struct play *p = begin();
    go(p);
    expect(p, "approve is asking");
    answer_as(p, id, "{\"step\": \"approve\", \"choice\": \"yes\"}", "ann");
    must(p);
    set_clock(p, "2024-02-08T17:30:00Z");
    expect(p, "remind is done");
    set_clock(p, "2024-02-08T11:00:00Z"); /* an hour before the change was planned */
    act_as(p, id, "note", "{\"text\": \"the clock was set\"}", "ann");
    must(p);
    play_restart(p);
    passes(p, 50);
    assert_true(it_holds(p, "open is ready"));
    struct error err;
    _cleanup_json_ json_t *events = engine_events(p->e, id, 0, 1000, &err);
    for (size_t i = 1; i < json_array_size(events); i++)
        assert_true(json_int(json_array_get(events, i), "at", 0) >=
                    json_int(json_array_get(events, i - 1), "at", 0));
    set_clock(p, "2024-02-08T18:00:00Z");
    expect(p, "status is ended");
    assert_int_equal(count_calls(p, "chat.post HF-1/remind/1"), 1);
    play_end(p);
}

/* --- cancelled in every state
 * ---------------------------------------------------------------------------------------------------- */

enum phase { PLANNED, CREATING, ASKED, READY, DEPLOYING, IN_TROUBLE, ENDED };

static void bring_to(struct play *p, enum phase phase)
{
    if (phase == CREATING)
        says(p, (struct line){.verb = "calendar.create", .result = "{\"id\": \"ev1\"}", .after_ms = 200});
    if (phase == IN_TROUBLE)
        says(p, (struct line){.verb = "calendar.create", .kind = OUTCOME_FAILED, .says = "no such calendar"});
    if (phase == DEPLOYING)
        says(p, (struct line){.verb = "pipeline.watch", .hangs = true});
    if (phase == PLANNED)
        return;
    go(p);
    if (phase == IN_TROUBLE) {
        expect(p, "status is trouble");
        return;
    }
    expect(p, phase == CREATING ? "calendar is intended" : "approve is asking");
    if (phase == CREATING || phase == ASKED)
        return;
    answer_as(p, id, "{\"step\": \"approve\", \"choice\": \"yes\"}", "ann");
    must(p);
    expect(p, "open is ready");
    if (phase == READY)
        return;
    set_clock(p, "2024-02-08T18:00:00Z");
    expect(p, phase == DEPLOYING ? "watch is observing" : "status is ended");
}

static const struct {
    enum phase phase;
    enum error_code code; /* SB_OK: it is cancelled, and comes to its end */
    const char *says;
    int taken_back; /* calendar.cancel */
} cancels[] = {
    {PLANNED, SB_OK, NULL, 0},
    {CREATING, SB_OK, NULL, 1}, /* only once it is known that it took place */
    {ASKED, SB_OK, NULL, 1},
    {READY, SB_OK, NULL, 1},
    {IN_TROUBLE, SB_OK, NULL, 0},
    {DEPLOYING, SB_STATE, "the deployment has begun", 0},
    {ENDED, SB_STATE, "has ended", 0},
};

static void a_change_is_cancelled_in_every_state_in_which_it_may_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cancels); i++) {
        struct play *p = begin();
        bring_to(p, cancels[i].phase);
        act_as(p, id, "cancel", "{\"reason\": \"not tonight\"}", "ann");
        if (cancels[i].code == SB_OK) {
            must(p);
            expect(p, "status is ended");
            struct error err;
            assert_int_equal(engine_fold(p->e, id, &err)->control.outcome, OUTCOME_CANCELLED);
            act_as(p, id, "cancel", "{\"reason\": \"again\"}", "ann"); /* once is enough */
            must_not(p, SB_STATE, "has ended");
        } else {
            must_not(p, cancels[i].code, cancels[i].says);
        }
        assert_int_equal(count_calls(p, "calendar.cancel HF-1/calendar.undo/1"), cancels[i].taken_back);
        play_end(p);
    }
}

static void who_has_no_right_changes_nothing_in_any_way(void **state)
{
    (void)state;
    static const struct {
        const char *what, *data;
    } rows[] = {
        {"cancel", "{\"reason\": \"x\"}"},
        {"trouble", "{\"reason\": \"x\"}"},
        {"skip", "{\"step\": \"remind\", \"reason\": \"x\"}"},
        {"again", "{\"step\": \"remind\"}"},
        {"amend", "{\"facts\": {\"bridge\": \"x\"}, \"reason\": \"x\"}"},
        {"move", "{\"window\": \"today 20:00 for 90m\", \"reason\": \"x\"}"},
    };
    static const char *const others[] = {"kim", "cat", "", "mallory@example.net"};
    struct play *p = begin();
    go(p);
    expect(p, "approve is asking");
    expect(p, "remind is ready");
    passes(p, 30);
    struct error err;
    int64_t seq = engine_fold(p->e, id, &err)->control.seq;
    for (size_t who = 0; who < COUNT_OF(others); who++) {
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            act_as(p, id, rows[i].what, rows[i].data, others[who]);
            must_not(p, SB_DENIED, "may not");
        }
        answer_as(p, id, "{\"step\": \"approve\", \"choice\": \"yes\"}", others[who]);
        must_not(p, SB_DENIED, "may not");
        engine_start(p->e, id, others[who], on_answer, p);
        must_not(p, SB_DENIED, "may not");
    }
    assert_int_equal(engine_fold(p->e, id, &err)->control.seq, seq);
    play_end(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when_the_window_moves_all_that_was_set_up_for_it_follows),
        cmocka_unit_test(a_move_while_a_step_runs_waits_until_it_is_known_what_took_place),
        cmocka_unit_test(a_maintenance_is_considered_anew_when_there_is_more_time),
        cmocka_unit_test(a_move_is_questioned_and_overruled_like_a_plan),
        cmocka_unit_test(a_window_does_not_move_once_the_deployment_has_begun),
        cmocka_unit_test(a_moved_window_survives_a_crash),
        cmocka_unit_test(a_clock_that_jumps_ahead_skips_nothing_and_sends_nothing_twice),
        cmocka_unit_test(a_clock_that_jumps_back_leaves_the_record_in_order_and_nothing_begins_early),
        cmocka_unit_test(a_change_is_cancelled_in_every_state_in_which_it_may_be),
        cmocka_unit_test(who_has_no_right_changes_nothing_in_any_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
