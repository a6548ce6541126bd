#include "engine_play.h"

#include <signal.h>
#include <sys/resource.h>

#define FENCE      "```"
#define STEP(text) FENCE "step\n" text FENCE "\n\n"
#define PAGE(body) "---\ntitle: Play\n---\n# Play\n\n" body

static const char people[] =
    "clients:\n"
    "  acme: {tam: {name: Tom, mail: tom@acme.example}, envs: {prod: {production: true}, qa: {}}}\n"
    "  plum: {}\n"
    "people:\n"
    "  ann: {roles: [deploy]}\n"
    "  bob: {roles: [{role: deploy, clients: [acme]}, approve]}\n"
    "  cat: {roles: [{role: deploy, clients: [plum]}]}\n"
    "  eve: {roles: [administer]}\n"
    "  kim: {}\n";

static const char asking[] = PAGE(
    STEP("id: approve\nask: {question: \"Deploy for {{ client.name }}?\", role: deploy, other: true, "
         "choices: [yes, {id: no, label: No, ends: true}]}\n")
        STEP("id: permit\nask: {question: \"May we?\", role: tam, reason: true, choices: [yes, {id: no, "
             "label: "
             "No, fails: true}]}\n") STEP("id: tell\ndo: chat.post\nwith: {channels: [ops], text: Hello}\n"));

static void plans_are_for_those_who_may_deploy_there(void **state)
{
    (void)state;
    static const struct {
        const char *by, *plan;
        enum error_code code;
        const char *says;
    } rows[] = {
        {"kim", "{\"sop\": \"play\", \"client\": \"acme\"}", SB_DENIED, "kim may not deploy to acme prod"},
        {"cat", "{\"sop\": \"play\", \"client\": \"acme\"}", SB_DENIED, "cat may not"},
        {"", "{\"sop\": \"play\", \"client\": \"acme\"}", SB_DENIED, "somebody unknown"},
        {"ann", "{\"sop\": \"play\"}", SB_MISSING, "which client"},
        {"ann", "{\"sop\": \"play\", \"client\": \"acne\"}", SB_UNKNOWN, "did you mean \"acme\""},
        {"ann", "{\"sop\": \"play\", \"client\": \"acme\", \"env\": \"prot\"}", SB_UNKNOWN,
         "it has: prod, qa"},
        {"ann", "{\"sop\": \"plya\", \"client\": \"acme\"}", SB_UNKNOWN, "there is no page \"plya\""},
        {"ann", "{\"sop\": \"../x\", \"client\": \"acme\"}", SB_UNKNOWN, "there is no page"},
        {"ann", "{\"sop\": \"play\", \"client\": \"acme\", \"sevrity\": 1}", SB_UNKNOWN,
         "did you mean \"severity\""},
        {"ann", "{\"sop\": \"play\", \"client\": \"acme\", \"inputs\": {\"colour\": 1}}", SB_UNKNOWN,
         "colour"},
        {"ann", "[]", SB_PARSE, "a plan is an object"},
    };
    struct play *p = play_begin(people, asking);
    play_open_engine(p);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        plan_as(p, rows[i].plan, rows[i].by);
        must_not(p, rows[i].code, rows[i].says);
    }
    plan_as(p, "{\"sop\": \"play\", \"client\": \"acme\"}", "bob");
    must(p);
    assert_string_equal(json_str(p->answer, "id", ""), "HF-1");
    engine_start(p->e, id, "cat", on_answer, p);
    must_not(p, SB_DENIED, "role \"deploy\" for acme prod");
    engine_start(p->e, "HF-9", "ann", on_answer, p);
    must_not(p, SB_UNKNOWN, "HF-9");
    engine_start(p->e, id, "eve", on_answer, p);
    must(p);
    engine_start(p->e, id, "eve", on_answer, p);
    must(p);
    assert_true(json_flag(p->answer, "already", false)); /* nothing is started twice */
    play_end(p);
}

static void answers_are_checked_before_they_stand(void **state)
{
    (void)state;
    static const struct {
        const char *by, *answer;
        enum error_code code;
        const char *says;
    } rows[] = {
        {"ann", "{\"step\": \"approve\", \"choice\": \"yes\"}", SB_DENIED, "needs another person's answer"},
        {"cat", "{\"step\": \"approve\", \"choice\": \"yes\"}", SB_DENIED, "role \"deploy\""},
        {"bob", "{\"step\": \"aprove\", \"choice\": \"yes\"}", SB_UNKNOWN, "did you mean \"approve\""},
        {"bob", "{\"step\": \"approve\", \"choice\": \"yess\"}", SB_UNKNOWN, "did you mean \"yes\""},
        {"bob", "{\"step\": \"approve\"}", SB_MISSING, "one of: yes, no"},
        {"bob", "{\"step\": \"tell\", \"choice\": \"yes\"}", SB_STATE, "asks nothing now: it is waiting"},
        {"ann", "{\"step\": \"approve\", \"choice\": \"yes\", \"break_glass\": true}", SB_MISSING,
         "needs a reason"},
    };
    struct play *p = play_begin(people, asking);
    play_open_engine(p);
    start(p);
    expect(p, "approve is asking");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        answer_as(p, id, rows[i].answer, rows[i].by);
        must_not(p, rows[i].code, rows[i].says);
    }
    answer_as(p, id, "{\"choice\": \"yes\"}", "bob"); /* the only question needs no name */
    must(p);
    expect(p, "permit is asking");
    answer_as(p, id, "{\"step\": \"permit\", \"choice\": \"yes\", \"reason\": \"fine\"}", "bob");
    must_not(p, SB_DENIED, "role \"tam\"");
    answer_as(p, id, "{\"step\": \"permit\", \"choice\": \"yes\"}", "tom@acme.example");
    must_not(p, SB_MISSING, "needs a reason");
    answer_as(p, id, "{\"step\": \"permit\", \"choice\": \"yes\", \"reason\": \"fine\"}", "tom@acme.example");
    must(p);
    expect(p, "status is ended");
    answer_as(p, id, "{\"step\": \"permit\", \"choice\": \"no\", \"reason\": \"late\"}", "tom@acme.example");
    must_not(p, SB_STATE, "HF-1 has ended: done");
    play_end(p);
}

/* Its only rule needs what the page may leave out: the change would come to a stand, and nobody would be
 * asked. */
static void a_page_whose_rules_do_not_hold_is_not_followed(void **state)
{
    (void)state;
    static const char unproven[] =
        "---\ntitle: Play\nsignalbox:\n  interlocks:\n"
        "    - {id: told, because: people are told, step: late, needs: [early]}\n---\n\n"
        "```step\nid: early\ndo: chat.post\nwhen: env.production\nwith: {channels: [c], text: t}\n```\n\n"
        "```step\nid: late\ndo: chat.post\nwith: {channels: [c], text: t}\n```\n";
    struct play *p = play_begin(people, unproven);
    play_open_engine(p);
    for (int i = 0; i < 2; i++) {
        plan_as(p, "{\"sop\": \"play\", \"client\": \"acme\"}", "ann");
        must_not(p, SB_INTERLOCK, "rule told does not hold: people are told");
    }
    play_end(p);
}

static void the_first_of_two_answers_stands_and_the_second_is_told_whose(void **state)
{
    (void)state;
    struct play *p = play_begin(people, asking);
    play_open_engine(p);
    start(p);
    expect(p, "approve is asking");
    answer_as(p, id, "{\"step\": \"approve\", \"choice\": \"yes\"}", "bob");
    /* before the first is durable */
    struct play second = *p;
    second.answered = false;
    second.answer = NULL;
    _cleanup_json_ json_t *no = json_loads("{\"step\": \"approve\", \"choice\": \"no\"}", 0, NULL);
    engine_answer(p->e, id, no, "eve", on_answer, &second);
    must(p);
    assert_true(run_until(&second, has_answer, NULL));
    assert_error(&second.error, SB_STATE, "answered already: \"yes\" by bob", "second");
    assert_int_equal(count_events(p, "step.answered"), 1);
    play_end(p);
}

static void an_answer_to_a_question_that_was_put_anew_is_refused(void **state)
{
    (void)state;
    struct play *p = play_begin(people, asking);
    play_open_engine(p);
    start(p);
    expect(p, "approve is asking");
    answer_as(p, id, "{\"step\": \"approve\", \"choice\": \"yes\", \"run\": 2}", "bob");
    must_not(p, SB_STATE, "asked anew");
    answer_as(p, id, "{\"step\": \"approve\", \"choice\": \"yes\", \"run\": 1}", "bob");
    must(p);
    play_end(p);
}

static void the_glass_may_be_broken_and_that_is_recorded(void **state)
{
    (void)state;
    struct play *p = play_begin(people, asking);
    play_open_engine(p);
    start(p);
    expect(p, "approve is asking");
    answer_as(p, id, "{\"choice\": \"yes\", \"break_glass\": true, \"reason\": \"nobody else is awake\"}",
              "ann");
    must(p);
    struct error err;
    assert_true(json_flag(engine_fold(p->e, id, &err)->data[0].answer, "break_glass", false));
    play_end(p);
}

static void an_answer_that_a_person_was_told_of_survives_a_restart(void **state)
{
    (void)state;
    struct play *p = play_begin(people, asking);
    play_open_engine(p);
    start(p);
    expect(p, "approve is asking");
    answer_as(p, id, "{\"choice\": \"yes\"}", "bob");
    must(p);
    play_restart(p);
    expect(p, "permit is asking");
    assert_true(it_holds(p, "approve is done"));
    play_end(p);
}

static void yes_answers_all_but_what_needs_another_person(void **state)
{
    (void)state;
    struct play *p = play_begin(people, asking);
    p->options.yes = true;
    p->options.yes_as = "ann";
    play_open_engine(p);
    start(p);
    expect(p, "approve is asking");
    play_end(p);
}

static int64_t practice_now(void *ctx)
{
    (void)ctx;
    return loop_wall_ms();
}

static void in_practice_another_person_of_the_configuration_answers(void **state)
{
    (void)state;
    const struct engine_clock clock = {.now = practice_now};
    struct play *p = play_begin(people, asking);
    p->options.yes = true;
    p->options.yes_as = "ann";
    p->options.clock = &clock;
    play_open_engine(p);
    start(p);
    expect(p, "approve is done");
    struct error err;
    assert_string_equal(engine_fold(p->e, id, &err)->data[0].by, "bob");
    play_end(p);
}

static void acts_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *what, *data, *by;
        enum error_code code;
        const char *says;
    } rows[] = {
        {"troubel", "{}", "ann", SB_UNKNOWN, "did you mean \"trouble\""},
        {"trouble", "{}", "ann", SB_MISSING, "needs a reason"},
        {"trouble", "{\"reason\": \"x\"}", "kim", SB_DENIED, "kim may not"},
        {"skip", "{\"reason\": \"x\"}", "ann", SB_MISSING, "which step"},
        {"skip", "{\"step\": \"approv\", \"reason\": \"x\"}", "ann", SB_UNKNOWN, "did you mean \"approve\""},
        {"note", "{}", "ann", SB_MISSING, "a text"},
        {"amend", "{\"reason\": \"x\"}", "ann", SB_MISSING, "which facts"},
        {"amend", "{\"reason\": \"x\", \"facts\": {\"window\": \"soonish\"}}", "ann", SB_PARSE, ""},
        {"amend", "{\"reason\": \"x\", \"facts\": {\"services\": []}}", "ann", SB_DENIED, "services"},
    };
    struct play *p = play_begin(people, asking);
    play_open_engine(p);
    start(p);
    expect(p, "approve is asking");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        act_as(p, id, rows[i].what, rows[i].data, rows[i].by);
        must_not(p, rows[i].code, rows[i].says);
    }
    act_as(p, id, "amend", "{\"reason\": \"moved\", \"facts\": {\"window\": \"in 2h for 90m\"}}", "ann");
    must(p);
    struct error err;
    const json_t *facts = engine_fold(p->e, id, &err)->facts;
    assert_int_equal(json_int(facts, "window.to", 0) - json_int(facts, "window.from", 0), MINUTES(90));
    act_as(p, id, "skip", "{\"step\": \"approve\", \"reason\": \"agreed by phone\"}", "ann");
    must(p);
    expect(p, "permit is asking");
    act_as(p, id, "cancel", "{\"reason\": \"not tonight\"}", "ann");
    must(p);
    expect(p, "status is ended");
    act_as(p, id, "note", "{\"text\": \"learnt later\"}", "ann");
    must(p);
    assert_int_equal(count_events(p, "change.noted"), 1);
    act_as(p, id, "trouble", "{\"reason\": \"late\"}", "ann");
    must_not(p, SB_STATE, "has ended: cancelled");
    play_end(p);
}

static const char plain[] = PAGE(STEP("id: go\nask: {question: \"Go?\"}\n")
                                     STEP("id: tell\ndo: chat.post\nwith: {channels: [ops], text: Hello}\n"));

static bool has_store_error(struct play *p, const char *what)
{
    (void)what;
    struct error err;
    _cleanup_json_ json_t *view = engine_change(p->e, id, &err);
    return json_str(view, "store_error", NULL) != NULL;
}

static bool has_no_store_error(struct play *p, const char *what)
{
    return !has_store_error(p, what);
}

static void while_the_disk_is_full_nothing_is_performed_and_afterwards_it_goes_on(void **state)
{
    (void)state;
    struct rlimit old, none;
    struct play *p = play_begin(NULL, plain);
    signal(SIGXFSZ, SIG_IGN);
    play_open_engine(p);
    start(p);
    expect(p, "go is asking");
    getrlimit(RLIMIT_FSIZE, &old);
    none = old;
    none.rlim_cur = 4096;
    setrlimit(RLIMIT_FSIZE, &none);
    answer_as(p, id, "{\"choice\": \"yes\"}", "ann");
    bool ok = went_well(p);
    bool shown = run_until(p, has_store_error, NULL);
    answer_as(p, id, "{\"choice\": \"yes\"}", "bob");
    bool ok_too = went_well(p);
    int calls = p->n_calls;
    setrlimit(RLIMIT_FSIZE, &old);
    assert_false(ok);
    assert_true(shown);
    assert_false(ok_too);
    assert_int_equal(calls, 0);
    assert_true(run_until(p, has_no_store_error, NULL));
    expect(p, "go is asking"); /* the answer that was refused does not count */
    answer_as(p, id, "{\"choice\": \"yes\"}", "ann");
    must(p);
    expect(p, "status is ended");
    assert_int_equal(p->n_calls, 1);
    play_end(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_are_for_those_who_may_deploy_there),
        cmocka_unit_test(answers_are_checked_before_they_stand),
        cmocka_unit_test(the_first_of_two_answers_stands_and_the_second_is_told_whose),
        cmocka_unit_test(an_answer_to_a_question_that_was_put_anew_is_refused),
        cmocka_unit_test(the_glass_may_be_broken_and_that_is_recorded),
        cmocka_unit_test(an_answer_that_a_person_was_told_of_survives_a_restart),
        cmocka_unit_test(yes_answers_all_but_what_needs_another_person),
        cmocka_unit_test(in_practice_another_person_of_the_configuration_answers),
        cmocka_unit_test(acts_are_checked),
        cmocka_unit_test(a_page_whose_rules_do_not_hold_is_not_followed),
        cmocka_unit_test(while_the_disk_is_full_nothing_is_performed_and_afterwards_it_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
