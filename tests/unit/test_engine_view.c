#include "engine_play.h"

#define FENCE      "```"
#define STEP(text) FENCE "step\n" text FENCE "\n\n"

static const char page[] =
    "---\ntitle: Play\nsignalbox:\n"
    "  inputs:\n    - {name: window, type: window, required: true}\n    - {name: services, type: services, "
    "required: true}\n"
    "  branches: {trouble: trouble}\n  redo_from: build\n---\n# Play\n\n"
    "1. Ticket first.\n\n" STEP(
        "id: ticket\ndo: tickets.create\nwith: {summary: \"Hotfix {{ change.id }}\"}\nrows: [L5]\n")
        STEP("id: versions\ndo: cluster.versions\nwith: {client: acme, env: prod}\n") STEP(
            "id: early\ndo: chat.post\nwhen: lead_hours >= 100\nwith: {channels: [ops], text: never}\n")
            STEP("id: soon\ndo: chat.post\nat: from - 1h\nwith: {channels: [ops, dev], text: \"{{ "
                 "steps.ticket.id }}: {{ services[1].service }} goes to "
                 "{{ services[1].tag }} at {{ window.text }}\"}\n")
                STEP("id: approve\nask: {question: \"Deploy {{ services[1].tag }}?\", role: approve, other: "
                     "true}\n") STEP("id: build\ndo: pipeline.start\nat: from\nwith: {client: acme, env: "
                                     "prod, services: \"{{ services }}\"}\n")
                    STEP("id: watch\ndo: pipeline.watch\nwith: {build: \"{{ steps.build.build }}\"}\ngate: "
                         "{question: \"Proceed?\"}\n")
                        STEP(
                            "id: report\ndo: change.report\nwith: {title: "
                            "\"What we did\"}\n") "## Trouble\n\n" STEP("id: evidence\ndo: change.evidence\n")
                            STEP(
                                "id: decide\nask: {question: \"What now?\", decision: true, choices: [retry, "
                                "rollback, stop]}\n");

static const char plan[] =
    "{\"sop\": \"play\", \"client\": \"acme\", \"window\": \"in 5h for 90m\", \"reason\": \"a bug\","
    " \"services\": [{\"service\": \"cart\", \"tag\": \"24-02-05.619-hotfix.627\"}]}";

/* New reference; NULL with the error. */
static json_t *preview_of(struct play *p, const char *text, struct error *err)
{
    _cleanup_json_ json_t *j = json_loads(text, 0, NULL);
    engine_preview(p->e, j, "ann", on_answer, p);
    bool ok = went_well(p);
    *err = p->error;
    return ok ? json_incref(p->answer) : NULL;
}

static json_t *preview(struct play *p, struct error *err)
{
    return preview_of(p, plan, err);
}

static const json_t *step_in(const json_t *view, const char *step)
{
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(view, "steps"), i, s)
        if (str_eq(json_str(s, "id", ""), step))
            return s;
    return NULL;
}

static void a_plan_is_shown_word_for_word_and_nothing_is_kept(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL, page);
    struct error err = ERROR_NONE;
    play_open_engine(p);
    _cleanup_json_ json_t *v = preview(p, &err);
    if (!v)
        fail_msg("%s", err.text);
    if (json_array_size(json_object_get(v, "problems")) > 0) {
        char *text = json_dumps(json_object_get(v, "problems"), 0);
        fail_msg("%s", text);
    }
    const json_t *soon = step_in(v, "soon"), *build = step_in(v, "build");
    const char *text = json_str(soon, "messages.0.text", "");
    if (!str_starts(text, "«ticket id»: cart goes to 24-02-05.619-hotfix.627 at "))
        fail_msg("%s", text);
    assert_string_equal(json_str(soon, "messages.1.reader", ""), "dev");
    assert_string_equal(json_str(soon, "messages.1.how", ""), "a new message");
    int64_t from = json_int(v, "facts.window.from", 0);
    assert_int_equal(json_int(soon, "at", 0), from - HOURS(1));
    assert_int_equal(json_int(build, "at", 0), from);
    assert_true(json_flag(step_in(v, "early"), "skipped", false));
    assert_non_null(strstr(json_str(step_in(v, "early"), "because", ""), "condition"));
    assert_string_equal(json_str(step_in(v, "approve"), "question", ""), "Deploy 24-02-05.619-hotfix.627?");
    assert_int_equal(json_array_size(json_object_get(v, "asks")), 2);
    assert_non_null(step_in(v, "watch.answer"));
    assert_non_null(step_in(v, "report"));
    assert_null(step_in(v, "decide"));
    assert_int_equal(p->n_calls, 1); /* what runs now was looked at */
    assert_string_equal(p->calls[0], "cluster.versions look");
    _cleanup_json_ json_t *kept = engine_changes(p->e, false, 0, 0);
    const json_t *all = json_object_get(kept, "changes");
    assert_int_equal(json_array_size(all), 0);
    play_end(p);
}

static void a_preview_tells_what_is_missing(void **state)
{
    (void)state;
    static const char odd[] = "---\ntitle: Play\n---\n# Play\n\n" STEP(
        "id: link\ndo: tickets.link\nwith: {ticket: x, url: y, title: z}\n")
        STEP("id: bad\ndo: chat.post\nwith: {channels: [ops], text: \"{{ client.name + 1 }}\"}\n")
            STEP("id: tell\ndo: chat.post\nwith: {channels: [ops], text: Hello}\n");
    struct play *p = play_begin(NULL, odd);
    struct error err = ERROR_NONE;
    play_open_engine(p);
    _cleanup_json_ json_t *v = preview_of(p, "{\"sop\": \"play\", \"client\": \"acme\"}", &err);
    assert_non_null(v);
    assert_string_equal(json_str(v, "problems.0.step", ""), "link");
    assert_non_null(strstr(json_str(v, "problems.0.says", ""), "cannot do \"tickets.link\""));
    assert_string_equal(json_str(v, "problems.1.step", ""), "bad");
    assert_string_equal(json_str(step_in(v, "tell"), "messages.0.text", ""), "Hello");
    play_end(p);
}

static int64_t leapt;
static int64_t drill_now(void *ctx)
{
    (void)ctx;
    return loop_wall_ms() + leapt;
}
static bool drill_idle(void *ctx, int64_t until)
{
    leapt += until - drill_now(ctx);
    return true;
}

static char *read_report(struct play *p, const char *name)
{
    char path[160];
    static char text[65536];
    snprintf(path, sizeof path, "%s/state/reports/%s", p->dir, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    fclose(f);
    return text;
}

static bool report_says(struct play *p, const char *what)
{
    return strstr(read_report(p, "HF-1.md"), what) != NULL;
}

static const struct engine_clock clock_of_drill = {.now = drill_now, .idle = drill_idle};

static void a_change_in_trouble_shows_what_a_rollback_would_mean_and_its_report_tells_all(void **state)
{
    (void)state;
    static const char people[] = "people:\n  ann: {roles: [deploy]}\n  bob: {roles: [deploy, approve]}\n";
    struct play *p = play_begin(people, page);
    struct error err;
    p->options.clock = &clock_of_drill;
    p->options.yes = true;
    p->options.yes_as = "ann";
    for (int i = 0; i < 2; i++) /* when it is planned, and by its step */
        says(p, (struct line){.verb = "cluster.versions",
                              .result = "{\"services\": {\"cart\": \"24-02-05.619\"}}"});
    says(p, (struct line){.verb = "pipeline.watch",
                          .kind = OUTCOME_FAILED,
                          .says = "stage Test failed",
                          .result = "{\"failed_stage\": \"Test\", \"log\": \"boom | bang\"}"});
    play_open_engine(p);
    plan_as(p, plan, "ann");
    must(p);
    engine_start(p->e, id, "ann", on_answer, p);
    must(p);
    expect(p, "decide is asking");
    _cleanup_json_ json_t *v = engine_change(p->e, id, &err);
    assert_string_equal(json_str(v, "trouble.step", ""), "watch");
    assert_string_equal(json_str(v, "trouble.rollback.to.0.tag", ""), "24-02-05.619");
    assert_int_equal(json_int(v, "trouble.rollback.decide_until", 0),
                     json_int(v, "window.to", 0) - MINUTES(20));
    assert_string_equal(json_str(v, "waits.0.step", ""), "decide");
    assert_non_null(strstr(json_str(step_in(v, "evidence"), "result.text", ""), "boom"));
    assert_string_equal(json_str(step_in(v, "ticket"), "rows", ""), "L5");
    answer_as(p, id, "{\"choice\": \"rollback\", \"reason\": \"time is short\"}", "bob");
    must(p);
    expect(p, "status is ended");
    assert_true(run_until(p, report_says, "rolled-back")); /* written once more at the end */
    char *report = read_report(p, "HF-1.md");
    assert_non_null(strstr(report, "# HF-1: What we did"));
    assert_non_null(strstr(report, "| bob | rollback | time is short |"));
    assert_non_null(strstr(report, "cart goes to 24-02-05.619-hotfix.627"));
    assert_non_null(
        strstr(report, "| cart | 24-02-05.619 | 24-02-05.619-hotfix.627 | 24-02-05.619 | 24-02-05.619 |"));
    assert_non_null(strstr(read_report(p, "HF-1.html"), "<table>"));
    play_end(p);
}

static void lists_hold_open_and_ended_changes_newest_first_and_are_paged_through(void **state)
{
    (void)state;
    static const char ask[] = "---\ntitle: Play\n---\n# Play\n\n" STEP("id: go\nask: {question: \"Go?\"}\n");
    struct play *p = play_begin(NULL, ask);
    struct error err;
    play_open_engine(p);
    start(p);
    expect(p, "go is asking");
    answer_as(p, id, "{\"choice\": \"yes\"}", "ann");
    must(p);
    expect(p, "status is ended");
    plan_as(p, "{\"sop\": \"play\", \"client\": \"plum\"}", "ann");
    must(p);
    for (int round = 0; round < 2; round++) {
        _cleanup_json_ json_t *whole = engine_changes(p->e, false, 0, 0),
                              *open_page = engine_changes(p->e, true, 0, 0);
        const json_t *all = json_object_get(whole, "changes"), *open = json_object_get(open_page, "changes");
        assert_int_equal(json_array_size(all), 2);
        assert_string_equal(json_str(all, "0.id", ""), "HF-2");
        assert_string_equal(json_str(all, "1.outcome", ""), "done");
        assert_string_equal(json_str(all, "1.client", ""), "acme");
        assert_int_equal(json_array_size(open), 1);
        assert_string_equal(json_str(open, "0.id", ""), "HF-2");
        play_restart(p);
    }
    _cleanup_json_ json_t *first = engine_changes(p->e, false, 0, 1);
    assert_string_equal(json_str(first, "changes.0.id", ""), "HF-2");
    assert_int_equal(json_int(first, "next", 0), 2);
    _cleanup_json_ json_t *second = engine_changes(p->e, false, json_int(first, "next", 0), 1);
    assert_string_equal(json_str(second, "changes.0.id", ""), "HF-1");
    assert_int_equal(json_int(second, "next", 0), 0);
    _cleanup_json_ json_t *events = engine_events(p->e, id, 0, 2, &err),
                          *rest = engine_events(p->e, id, 2, 100, &err);
    assert_int_equal(json_array_size(events), 2);
    assert_int_equal(json_int(rest, "0.n", 0), 3);
    assert_int_equal(strlen(json_str(events, "0.hash", "")), 64);
    assert_null(engine_events(p->e, "HF-77", 0, 10, &err));
    assert_int_equal(err.code, SB_UNKNOWN);
    play_end(p);
}

static void look(struct play *p, const char *verb, const char *args)
{
    _cleanup_json_ json_t *j = json_loads(args, 0, NULL);
    engine_look(p->e, verb, j, on_answer, p);
}

static void systems_are_looked_at_without_a_change(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL, page);
    play_open_engine(p);
    says(p, (struct line){.verb = "cluster.versions", .result = "{\"services\": {\"cart\": \"x\"}}"});
    says(p, (struct line){.verb = "cluster.versions", .kind = OUTCOME_FAILED, .says = "no such cluster"});
    look(p, "cluster.versions", "{\"client\": \"acme\", \"env\": \"prod\"}");
    must(p);
    assert_string_equal(json_str(p->answer, "services.cart", ""), "x");
    look(p, "cluster.versions", "{\"client\": \"acme\", \"env\": \"prod\"}");
    must_not(p, SB_REMOTE, "cluster.versions: no such cluster");
    look(p, "cluster.versions", "{\"client\": \"acme\"}");
    must_not(p, SB_MISSING, "needs env");
    look(p, "cluster.versions", "{\"client\": \"acme\", \"env\": \"prod\", \"servces\": []}");
    must_not(p, SB_UNKNOWN, "did you mean \"services\"");
    look(p, "chat.post", "{}");
    must_not(p, SB_DENIED, "changes something");
    look(p, "cluster.version", "{}");
    must_not(p, SB_UNKNOWN, "did you mean \"cluster.versions\"");
    look(p, "health.watch", "{\"services\": []}"); /* under way when the engine is closed */
    play_end(p);
}

static void the_doctor_asks_every_system(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL, page);
    play_open_engine(p);
    engine_doctor(p->e, "chat", on_answer, p);
    must(p);
    assert_int_equal(json_array_size(p->answer), 1);
    assert_string_equal(json_str(p->answer, "0.driver", ""), "fake");
    assert_string_equal(json_str(p->answer, "0.checks.0.state", ""), "ok");
    engine_doctor(p->e, "chta", on_answer, p);
    must_not(p, SB_UNKNOWN, "did you mean \"chat\"");
    engine_doctor(p->e, "fake", on_answer, p); /* the driver of five roles here */
    must(p);
    assert_int_equal(json_array_size(p->answer), 5);
    play_end(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_shown_word_for_word_and_nothing_is_kept),
        cmocka_unit_test(a_preview_tells_what_is_missing),
        cmocka_unit_test(a_change_in_trouble_shows_what_a_rollback_would_mean_and_its_report_tells_all),
        cmocka_unit_test(lists_hold_open_and_ended_changes_newest_first_and_are_paged_through),
        cmocka_unit_test(systems_are_looked_at_without_a_change),
        cmocka_unit_test(the_doctor_asks_every_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
