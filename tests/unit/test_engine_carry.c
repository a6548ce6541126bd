#include "engine_play.h"

#include <signal.h>
#include <sys/resource.h>

/* clang-format off */
#define FENCE "```"
#define STEP(text) FENCE "step\n" text FENCE "\n\n"
/* clang-format on */

static const char two_steps[] = "---\ntitle: Play\n---\n# Play\n\n" STEP(
    "id: tell\ndo: chat.post\nwith: {channels: [ops], text: \"Hello {{ client.name }}\"}\n")
    STEP("id: build\ndo: pipeline.start\nwith: {client: acme, env: prod, services: []}\n");

static void a_change_is_carried_to_its_end(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL, two_steps);
    play_open_engine(p);
    start(p);
    expect(p, "status is ended");
    assert_int_equal(p->n_calls, 2);
    assert_string_equal(p->calls[0], "chat.post HF-1/tell/1");
    assert_string_equal(p->calls[1], "pipeline.start HF-1/build/1");
    play_end(p);
}

static bool durable_before_call;
static void note_intended(void *ctx, const char *change, const json_t *event)
{
    struct play *p = ctx;
    (void)change;
    if (str_eq(json_str(event, "type", ""), "step.intended") && str_eq(json_str(event, "step", ""), "tell"))
        durable_before_call = p->n_calls == 0;
}

static void nothing_is_performed_before_its_intention_is_durable(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL, two_steps);
    play_open_engine(p);
    int listener = engine_listen(p->e, note_intended, p);
    start(p);
    expect(p, "tell is done");
    assert_true(durable_before_call);
    engine_unlisten(p->e, listener);
    play_end(p);
}

static void each_outcome_of_an_effect_leads_where_it_should(void **state)
{
    (void)state;
    static const struct {
        const char *about;
        struct line lines[4];
        const char *ends;
        int performed;
    } rows[] = {
        {"failed", {{"chat.post", OUTCOME_FAILED, NULL, "channel is archived"}}, "tell is failed", 1},
        {"retry", {{"chat.post", OUTCOME_RETRY, NULL, "busy"}}, "status is ended", 2},
        {"retry is used up",
         {{"chat.post", OUTCOME_RETRY, NULL, "busy"},
          {"chat.post", OUTCOME_RETRY, NULL, "busy"},
          {"chat.post", OUTCOME_RETRY, NULL, "busy"}},
         "tell is failed",
         3},
        {"unknown, then found",
         {{"chat.post", OUTCOME_UNKNOWN, NULL, "no answer"},
          {"find chat.post", OUTCOME_DONE, "{\"posts\": []}"}},
         "status is ended",
         1},
        {"unknown, then not found",
         {{"chat.post", OUTCOME_UNKNOWN, NULL, "no answer"},
          {"find chat.post", OUTCOME_NOT_FOUND, NULL, "not there"}},
         "status is ended",
         2},
        {"unknown, and nobody can tell",
         {{"chat.post", OUTCOME_UNKNOWN, NULL, "no answer"},
          {"find chat.post", OUTCOME_CANNOT_TELL, NULL, "may not search"}},
         "tell is unsure",
         1},
        {"unknown, and the system is away for a while",
         {{"chat.post", OUTCOME_UNKNOWN, NULL, "no answer"},
          {"find chat.post", OUTCOME_RETRY, NULL, "down"},
          {"find chat.post", OUTCOME_RETRY, NULL, "down"},
          {"find chat.post", OUTCOME_DONE, "{}"}},
         "status is ended",
         1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct play *p = play_begin(NULL, two_steps);
        for (int k = 0; k < 4 && rows[i].lines[k].verb; k++)
            says(p, rows[i].lines[k]);
        play_open_engine(p);
        start(p);
        print_message("%s\n", rows[i].about);
        expect(p, rows[i].ends);
        assert_int_equal(count_calls(p, "chat.post HF-1/tell/1"), rows[i].performed);
        play_end(p);
    }
}

static void what_was_in_flight_at_a_crash_is_looked_up_and_not_done_twice(void **state)
{
    (void)state;
    static const struct {
        struct line find;
        const char *ends;
        int performed;
    } rows[] = {
        {{"find chat.post", OUTCOME_DONE, "{\"posts\": []}"}, "status is ended", 1},
        {{"find chat.post", OUTCOME_NOT_FOUND, NULL, "not there"}, "status is ended", 2},
        {{"find chat.post", OUTCOME_CANNOT_TELL, NULL, "cannot search"}, "tell is unsure", 1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct play *p = play_begin(NULL, two_steps);
        says(p, (struct line){.verb = "chat.post", .hangs = true});
        says(p, rows[i].find);
        play_open_engine(p);
        start(p);
        expect(p, "tell is intended");
        while (p->n_calls == 0)
            loop_once(p->loop, true);
        play_restart(p);
        expect(p, rows[i].ends);
        assert_int_equal(count_calls(p, "chat.post HF-1/tell/1"), rows[i].performed);
        assert_int_equal(count_calls(p, "find chat.post HF-1/tell/1"), 1);
        assert_int_equal(count_events(p, "change.restarted"), 1);
        play_end(p);
    }
}

static const char repeatable[] =
    "---\ntitle: Play\n---\n# Play\n\n" STEP("id: edit\ndo: chat.edit\nwith: {posts: [], text: x}\n")
        STEP("id: room\ndo: chat.channel\nwith: {name: war-room}\n");

static void an_effect_that_may_be_repeated_is_and_one_that_nobody_can_look_up_asks(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL, repeatable);
    says(p, (struct line){.verb = "chat.edit", .hangs = true});
    says(p, (struct line){.verb = "chat.edit"});
    says(p, (struct line){.verb = "chat.channel", .hangs = true});
    play_open_engine(p);
    start(p);
    while (p->n_calls == 0)
        loop_once(p->loop, true);
    play_restart(p);
    expect(p, "edit is done");
    assert_int_equal(count_calls(p, "chat.edit HF-1/edit/1"), 2);
    expect(p, "room is intended");
    while (p->n_calls < 3)
        loop_once(p->loop, true);
    play_restart(p);
    expect(p, "room is unsure");
    assert_int_equal(count_calls(p, "chat.channel HF-1/room/1"), 1);

    _cleanup_json_ json_t *told =
        json_loads("{\"step\": \"room\", \"took_place\": true, \"reason\": \"I saw it\"}", 0, NULL);
    engine_resolve(p->e, id, told, "ann", on_answer, p);
    must(p);
    expect(p, "status is ended");
    assert_int_equal(count_calls(p, "chat.channel HF-1/room/1"), 1);
    play_end(p);
}

static bool has_store_error(struct play *p, const char *what)
{
    (void)what;
    struct error err;
    _cleanup_json_ json_t *view = engine_change(p->e, id, &err);
    return json_str(view, "store_error", NULL) != NULL;
}

static void what_could_not_be_recorded_is_looked_up_and_not_done_again(void **state)
{
    (void)state;
    struct rlimit old, none;
    struct play *p = play_begin(NULL, two_steps);
    signal(SIGXFSZ, SIG_IGN);
    says(p, (struct line){.verb = "chat.post", .kind = OUTCOME_DONE, .result = "{}", .after_ms = 50});
    says(p, (struct line){.verb = "find chat.post", .kind = OUTCOME_DONE, .result = "{}"});
    play_open_engine(p);
    start(p);
    while (p->n_calls == 0)
        loop_once(p->loop, true);
    getrlimit(RLIMIT_FSIZE, &old);
    none = old;
    none.rlim_cur = 4096;
    setrlimit(RLIMIT_FSIZE, &none);
    bool shown = run_until(p, has_store_error, NULL);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_true(shown);
    expect(p, "status is ended");
    assert_int_equal(count_calls(p, "chat.post HF-1/tell/1"), 1);
    assert_int_equal(count_calls(p, "find chat.post HF-1/tell/1"), 1);
    play_end(p);
}

static const char watching[] = "---\ntitle: Play\n---\n# Play\n\n" STEP(
    "id: build\ndo: pipeline.start\nwith: {client: acme, env: prod, services: []}\n")
    STEP("id: watch\ndo: pipeline.watch\nwith: {build: \"{{ steps.build.build }}\"}\ngate: {question: "
         "\"Proceed?\", role: deploy}\ntimeout: 1h\n");

static void numbers_that_tick_make_no_events(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL, watching);
    says(p,
         (struct line){
             .verb = "pipeline.watch",
             .view = "[{\"status\": \"RUNNING\", \"took_ms\": 1}, {\"status\": \"RUNNING\", \"took_ms\": 2},"
                     " {\"status\": \"RUNNING\", \"took_ms\": 3, \"stages\": [{\"took_ms\": 1}]},"
                     " {\"status\": \"RUNNING\", \"took_ms\": 9, \"stages\": [{\"took_ms\": 5}]}]",
             .hangs = true});
    play_open_engine(p);
    start(p);
    expect(p, "watch is observing");
    passes(p, 900);
    assert_int_equal(count_events(p, "step.progress"), 2);
    play_end(p);
}

static void the_pipelines_pause_is_a_gate_that_is_answered_once(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL, watching);
    says(p, (struct line){
                .verb = "pipeline.watch",
                .view = "[{\"gate\": {\"id\": \"g1\", \"message\": \"Go on?\", \"stage\": \"Deploy\"}}]",
                .hangs = true});
    play_open_engine(p);
    start(p);
    expect(p, "watch.proceed is asking");
    answer_as(p, id, "{\"step\": \"watch.proceed\", \"choice\": \"proceed\"}", "ann");
    must(p);
    answer_as(p, id, "{\"step\": \"watch.proceed\", \"choice\": \"abort\"}", "bob");
    must_not(p, SB_STATE, "\"proceed\" by ann");
    expect(p, "watch.answer is done");
    assert_int_equal(count_calls(p, "pipeline.answer HF-1/watch.answer/1"), 1);
    play_end(p);
}

static void a_pause_that_comes_while_the_answer_to_the_one_before_is_in_doubt_is_asked_about(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL, watching);
    says(p, (struct line){.verb = "pipeline.watch",
                          .view = "[{\"gate\": {\"id\": \"g1\", \"message\": \"Go on?\"}},"
                                  " {\"gate\": {\"id\": \"g2\", \"message\": \"And on?\"}}]",
                          .hangs = true});
    says(p, (struct line){.verb = "pipeline.answer", .kind = OUTCOME_UNKNOWN, .says = "time-out"});
    says(p, (struct line){.verb = "find pipeline.answer", .kind = OUTCOME_DONE, .after_ms = 500});
    p->views_held = true;
    play_open_engine(p);
    start(p);
    expect(p, "watch.proceed is asking");
    answer_as(p, id, "{\"step\": \"watch.proceed\", \"choice\": \"proceed\"}", "ann");
    must(p);
    expect(p, "watch.answer is in-doubt");
    p->views_held = false;
    expect(p, "watch.proceed is asking");
    answer_as(p, id, "{\"step\": \"watch.proceed\", \"choice\": \"proceed\", \"run\": 2}", "ann");
    must(p);
    assert_int_equal(count_events(p, "step.gate"), 2);
    assert_int_equal(count_events(p, "step.found"), 1);
    play_end(p);
}

static void a_pause_that_was_settled_elsewhere_is_withdrawn(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL, watching);
    says(p, (struct line){
                .verb = "pipeline.watch",
                .view = "[{\"gate\": {\"id\": \"g1\", \"message\": \"Go on?\"}}, {\"status\": \"RUNNING\"}]",
                .view_ms = 300});
    play_open_engine(p);
    start(p);
    expect(p, "watch.proceed is asking");
    expect(p, "status is ended");
    assert_int_equal(count_calls(p, "pipeline.answer HF-1/watch.answer/1"), 0);
    assert_int_equal(count_events(p, "step.gate-gone"), 1);
    play_end(p);
}

static void an_observation_is_tried_until_its_time_is_up(void **state)
{
    (void)state;
    static const char page[] = "---\ntitle: Play\n---\n# Play\n\n" STEP(
        "id: health\ndo: health.watch\nwith: {services: [cart]}\ntimeout: 1s\non_failure: continue\n");
    struct play *p = play_begin(NULL, page);
    for (int i = 0; i < 40; i++)
        says(p, (struct line){.verb = "health.watch", .kind = OUTCOME_RETRY, .says = "no answer"});
    play_open_engine(p);
    start(p);
    expect(p, "health is failed");
    assert_true(count_calls(p, "health.watch HF-1/health/1") > 2);
    struct error err;
    assert_non_null(strstr(engine_fold(p->e, id, &err)->data[0].reason, "its time is up"));
    play_end(p);
}

static void two_changes_of_one_client_and_env_go_one_after_the_other(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL, two_steps);
    struct error err;
    says(p, (struct line){.verb = "chat.post", .after_ms = 200});
    play_open_engine(p);
    start(p);
    plan_as(p, "{\"sop\": \"play\", \"client\": \"acme\", \"reason\": \"another\"}", "ann");
    must(p);
    assert_string_equal(json_str(p->answer, "id", ""), "HF-2");
    engine_start(p->e, "HF-2", "ann", on_answer, p);
    must(p);
    assert_string_equal(json_str(p->answer, "queue_behind", ""), "HF-1");
    _cleanup_json_ json_t *view = engine_change(p->e, "HF-2", &err);
    assert_string_equal(json_str(view, "queue_behind", ""), "HF-1");
    assert_true(it_holds(p, "HF-2: tell is waiting"));
    play_restart(p);
    says(p, (struct line){.verb = "find chat.post", .kind = OUTCOME_DONE, .after_ms = 50});
    assert_true(it_holds(p, "HF-2: tell is waiting"));
    expect(p, "HF-2: status is ended");
    assert_true(it_holds(p, "status is ended"));
    int first_of_2 = 0, last_of_1 = 0;
    for (int i = 0; i < p->n_calls; i++) {
        if (strstr(p->calls[i], "HF-1/"))
            last_of_1 = i;
        if (strstr(p->calls[i], "HF-2/") && !first_of_2)
            first_of_2 = i;
    }
    assert_true(first_of_2 > last_of_1);
    play_end(p);
}

static void a_change_that_waits_behind_another_can_be_cancelled(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL, two_steps);
    says(p, (struct line){.verb = "chat.post", .hangs = true});
    play_open_engine(p);
    start(p);
    plan_as(p, "{\"sop\": \"play\", \"client\": \"acme\", \"reason\": \"another\"}", "ann");
    must(p);
    engine_start(p->e, "HF-2", "ann", on_answer, p);
    must(p);
    act_as(p, "HF-2", "cancel", "{\"reason\": \"not needed\"}", "ann");
    must(p);
    expect(p, "HF-2: status is ended");
    assert_true(it_holds(p, "tell is intended"));
    play_end(p);
}

static void the_very_same_plan_gives_the_same_change(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL, two_steps);
    play_open_engine(p);
    for (int i = 0; i < 2; i++) {
        plan_as(p, "{\"sop\": \"play\", \"client\": \"acme\"}", "ann");
        must(p);
        assert_string_equal(json_str(p->answer, "id", ""), id);
        assert_int_equal(json_flag(p->answer, "already", false), i == 1);
    }
    play_restart(p);
    plan_as(p, "{\"sop\": \"play\", \"client\": \"acme\"}", "ann");
    must(p);
    assert_true(json_flag(p->answer, "already", false));
    plan_as(p, "{\"sop\": \"play\", \"client\": \"acme\"}", "bob");
    must(p);
    assert_string_equal(json_str(p->answer, "id", ""), "HF-2");
    play_end(p);
}

static int64_t leapt, idle_until;
static int64_t drill_now(void *ctx)
{
    (void)ctx;
    return loop_wall_ms() + leapt;
}
static bool drill_idle(void *ctx, int64_t until)
{
    idle_until = until;
    leapt += until - drill_now(ctx);
    return true;
}

static void a_drills_clock_leaps_over_times_in_which_nothing_happens(void **state)
{
    (void)state;
    static const char page[] =
        "---\ntitle: Play\nsignalbox:\n  inputs:\n    - {name: window, type: window, required: true}\n---\n# "
        "Play\n\n" STEP("id: tell\ndo: chat.post\nat: from\nwith: {channels: [ops], text: now}\n");
    struct play *p = play_begin(NULL, page);
    const struct engine_clock clock = {.now = drill_now, .idle = drill_idle};
    p->options.clock = &clock;
    leapt = idle_until = 0;
    play_open_engine(p);
    plan_as(p, "{\"sop\": \"play\", \"client\": \"acme\", \"window\": \"in 5h for 90m\"}", "ann");
    must(p);
    engine_start(p->e, id, "ann", on_answer, p);
    must(p);
    expect(p, "status is ended");
    assert_true(leapt > HOURS(4));
    play_end(p);
}

static void a_change_at_a_far_moment_costs_nothing_and_is_idle(void **state)
{
    (void)state;
    static const char page[] =
        "---\ntitle: Play\nsignalbox:\n  inputs:\n    - {name: window, type: window, required: true}\n---\n# "
        "Play\n\n" STEP("id: tell\ndo: chat.post\nat: from\nwith: {channels: [ops], text: now}\n");
    struct play *p = play_begin(NULL, page);
    play_open_engine(p);
    plan_as(p, "{\"sop\": \"play\", \"client\": \"acme\", \"window\": \"in 5h for 90m\"}", "ann");
    must(p);
    engine_start(p->e, id, "ann", on_answer, p);
    must(p);
    expect(p, "tell is ready");
    passes(p, 20);
    assert_true(engine_idle(p->e));
    assert_int_equal(p->n_calls, 0);
    play_end(p);
}

static bool all_ask(struct play *p, const char *n)
{
    _cleanup_json_ json_t *whole = engine_changes(p->e, true, 0, 0);
    const json_t *all = json_object_get(whole, "changes");
    size_t i;
    json_t *c;
    int asking = 0;
    if (json_array_size(all) != (size_t)atoi(n))
        return false;
    json_array_foreach(all, i, c) {
        struct error err;
        const struct change *fold = engine_fold(p->e, json_str(c, "id", ""), &err);
        asking += fold && fold->control.steps[0].status == STEP_ASKING;
    }
    return asking == atoi(n);
}

static void changes_that_wait_in_the_store_go_on_as_if_they_were_in_memory(void **state)
{
    (void)state;
    static const char page[] = "---\ntitle: Play\n---\n# Play\n\n" STEP("id: go\nask: {question: \"Go?\"}\n")
        STEP("id: tell\ndo: chat.post\nwith: {channels: [ops], text: x}\n");
    struct play *p = play_begin(NULL, page);
    p->options.loaded_most = 2;
    play_open_engine(p);
    for (int i = 1; i <= 12; i++) {
        char plan[96], change[16];
        snprintf(plan, sizeof plan, "{\"sop\": \"play\", \"client\": \"client-%d\"}", i);
        plan_as(p, plan, "ann");
        must(p);
        snprintf(change, sizeof change, "HF-%d", i);
        engine_start(p->e, change, "ann", on_answer, p);
        must(p);
    }
    assert_true(run_until(p, all_ask, "12"));
    passes(p, 20);
    for (int i = 1; i <= 12; i++) {
        char change[16], what[40];
        if (i == 6)
            play_restart(p);
        snprintf(change, sizeof change, "HF-%d", i);
        snprintf(what, sizeof what, "HF-%d: status is ended", i);
        answer_as(p, change, "{\"step\": \"go\", \"choice\": \"yes\"}", "ann");
        must(p);
        expect(p, what);
    }
    assert_int_equal(p->n_calls, 12);
    play_end(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_carried_to_its_end),
        cmocka_unit_test(nothing_is_performed_before_its_intention_is_durable),
        cmocka_unit_test(each_outcome_of_an_effect_leads_where_it_should),
        cmocka_unit_test(what_was_in_flight_at_a_crash_is_looked_up_and_not_done_twice),
        cmocka_unit_test(an_effect_that_may_be_repeated_is_and_one_that_nobody_can_look_up_asks),
        cmocka_unit_test(what_could_not_be_recorded_is_looked_up_and_not_done_again),
        cmocka_unit_test(numbers_that_tick_make_no_events),
        cmocka_unit_test(the_pipelines_pause_is_a_gate_that_is_answered_once),
        cmocka_unit_test(a_pause_that_comes_while_the_answer_to_the_one_before_is_in_doubt_is_asked_about),
        cmocka_unit_test(a_pause_that_was_settled_elsewhere_is_withdrawn),
        cmocka_unit_test(an_observation_is_tried_until_its_time_is_up),
        cmocka_unit_test(two_changes_of_one_client_and_env_go_one_after_the_other),
        cmocka_unit_test(a_change_that_waits_behind_another_can_be_cancelled),
        cmocka_unit_test(the_very_same_plan_gives_the_same_change),
        cmocka_unit_test(a_drills_clock_leaps_over_times_in_which_nothing_happens),
        cmocka_unit_test(changes_that_wait_in_the_store_go_on_as_if_they_were_in_memory),
        cmocka_unit_test(a_change_at_a_far_moment_costs_nothing_and_is_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
