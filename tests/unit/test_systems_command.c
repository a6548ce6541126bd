/* The "command" pipeline driver with real child processes. */
#include "drive.h"
#include "systems/command_log.h"
#include "systems/command_run.h"
#include "systems/drivers.h"
#include "systems/pipeline.h"
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static char *path_of(struct drive *d, const char *name)
{
    return arena_printf(&d->arena, "%s/%s", d->state_dir, name);
}

/* Writes the team's script and opens the driver with it; `rest` are more arguments and keys. */
static void open_script(struct drive *d, const char *body, const char *args, const char *rest)
{
    char *script = path_of(d, "deploy.sh");
    FILE *f = fopen(script, "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\ncd %s\n%s\n", d->state_dir, body);
    fclose(f);
    assert_int_equal(chmod(script, 0700), 0);
    drive_open(d, &command_pipeline_driver,
               arena_printf(&d->arena, "run: [%s%s%s]\n%s", script, *args ? ", " : "", args, rest));
}

static json_t *one_service(void)
{
    return json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "client", "tangerine", "env", "prod", "services",
                     "service", "cart", "tag", "24-02-05.619-hotfix.627");
}

static json_t *of_build(const char *build)
{
    return json_pack("{s:s}", "build", build);
}

/* Starts and gives the build. */
static char *start(struct drive *d, const char *key)
{
    drive_do(d, "start", key, one_service());
    assert_done(d);
    return arena_strdup(&d->arena, drive_str(d, "build"));
}

static char *text_of(struct drive *d, const char *name)
{
    FILE *f = fopen(path_of(d, name), "r");
    char *text = arena_alloc(&d->arena, 65536);
    if (!f)
        return text;
    text[fread(text, 1, 65535, f)] = '\0';
    fclose(f);
    return text;
}

static int lines_of(struct drive *d, const char *name)
{
    int n = 0;
    for (const char *p = text_of(d, name); *p; p++)
        n += *p == '\n';
    return n;
}

static void the_script_gets_what_the_change_is_about_and_its_end_is_seen(void **state)
{
    struct drive *d = *state;
    open_script(
        d,
        "echo \"$*\" >args; echo \"$SIGNALBOX_CLIENT $SIGNALBOX_ENV $SIGNALBOX_KEY $SIGNALBOX_CHANGE\" >env\n"
        "echo \"$SIGNALBOX_SERVICE_1 $SIGNALBOX_TAG_1 $SIGNALBOX_SERVICES\" >>env\n",
        "'{client}/{env}', '--image={service}:{tag}', '$HOME; x'", "");
    char *build = start(d, "HF-7/deploy/1");
    drive_do(d, "watch", "k", of_build(build));
    assert_done(d);
    assert_string_equal(drive_str(d, "status"), STAGE_SUCCESS);
    assert_string_equal(text_of(d, "args"), "tangerine/prod --image=cart:24-02-05.619-hotfix.627 $HOME; x\n");
    assert_string_equal(
        text_of(d, "env"),
        "tangerine prod HF-7/deploy/1 HF-7\n"
        "cart 24-02-05.619-hotfix.627 [{\"service\":\"cart\",\"tag\":\"24-02-05.619-hotfix.627\"}]\n");
}

static void a_start_performed_twice_runs_the_script_once(void **state)
{
    struct drive *d = *state;
    open_script(d, "echo ran >>count", "", "");
    char *first = start(d, "k");
    char *second = start(d, "k");
    assert_string_equal(first, second);
    drive_find(d, "start", "k", one_service());
    assert_done(d);
    assert_string_equal(drive_str(d, "build"), first);
    drive_do(d, "watch", "w", of_build(first));
    assert_int_equal(lines_of(d, "count"), 1);
    start(d, "another");
    drive_run(d, 300, NULL);
    assert_int_equal(lines_of(d, "count"), 2);
}

static void a_start_that_was_never_claimed_is_not_found(void **state)
{
    struct drive *d = *state;
    open_script(d, "echo ran >>count", "", "");
    drive_find(d, "start", "k", one_service());
    assert_int_equal(d->end.kind, OUTCOME_NOT_FOUND);
    drive_close(d);
    open_script(d, "echo ran >>count", "", "several_machines: true\n");
    drive_find(d, "start", "k", one_service());
    assert_int_equal(d->end.kind, OUTCOME_CANNOT_TELL);
}

/* Runs the wrapper as a child would that was started just before the crash and is late. */
static void late_child(struct drive *d, const char *dir)
{
    char *script = path_of(d, "wrapper.sh");
    FILE *f = fopen(script, "w");
    fputs(run_wrapper, f);
    fclose(f);
    char *command = arena_printf(&d->arena, "sh %s %s %s/deploy.sh 2>/dev/null", script, dir, d->state_dir);
    assert_int_equal(system(command), 0);
}

static void a_child_that_comes_after_the_look_runs_nothing_and_the_next_start_runs_once(void **state)
{
    struct drive *d = *state;
    struct error err = ERROR_NONE;
    open_script(d, "echo ran >>count", "", "");
    _cleanup_json_ json_t *claim = json_object();
    char *root = path_of(d, "commands");
    char *build = run_claim(root, "k", claim, &d->arena, &err);
    assert_non_null(build);
    drive_find(d, "start", "k", one_service());
    assert_int_equal(d->end.kind, OUTCOME_NOT_FOUND);
    late_child(d, run_dir(root, build, &d->arena));
    assert_int_equal(lines_of(d, "count"), 0);
    char *next = start(d, "k");
    assert_string_not_equal(next, build);
    drive_do(d, "watch", "w", of_build(next));
    assert_done(d);
    assert_int_equal(lines_of(d, "count"), 1);
    drive_do(d, "watch", "w", of_build(build));
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
}

static void a_child_that_took_its_turn_is_found_and_not_started_again(void **state)
{
    struct drive *d = *state;
    struct error err = ERROR_NONE;
    open_script(d, "echo ran >>count", "", "");
    _cleanup_json_ json_t *claim = json_object();
    char *root = path_of(d, "commands");
    char *build = run_claim(root, "k", claim, &d->arena, &err);
    late_child(d, run_dir(root, build, &d->arena));
    drive_find(d, "start", "k", one_service());
    assert_done(d);
    assert_string_equal(drive_str(d, "build"), build);
    assert_string_equal(start(d, "k"), build);
    assert_int_equal(lines_of(d, "count"), 1);
}

static void the_script_lives_on_without_us_and_is_followed_by_whoever_comes_next(void **state)
{
    struct drive *d = *state;
    open_script(d, "echo '::stage Build'; sleep 0.6; echo '::stage Roll out'; echo done >>count", "", "");
    char *build = start(d, "k");
    drive_begin(d, false, "watch", "w", of_build(build));
    drive_run(d, 400, NULL);
    drive_close(d);
    open_script(d, "exit 3", "", "");
    drive_do(d, "watch", "w2", of_build(build));
    assert_done(d);
    assert_int_equal(lines_of(d, "count"), 1);
    assert_string_equal(drive_str(d, "stages.1.name"), "Roll out");
    assert_string_equal(drive_str(d, "stages.1.status"), STAGE_SUCCESS);
    assert_true(json_int(d->end.result, "took_ms", 0) >= 500);
}

static void a_script_that_fails_tells_its_stage_its_status_and_the_end_of_its_log(void **state)
{
    struct drive *d = *state;
    open_script(d,
                "echo '::stage Build'\necho fine\necho '::stage Roll out'\necho 'no quota left' >&2\nexit 7",
                "", "");
    drive_do(d, "watch", "w", of_build(start(d, "k")));
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    assert_string_equal(drive_str(d, "status"), STAGE_FAILED);
    assert_string_equal(drive_str(d, "failed_stage"), "Roll out");
    assert_string_equal(drive_str(d, "stages.0.status"), STAGE_SUCCESS);
    assert_string_equal(drive_str(d, "stages.1.status"), STAGE_FAILED);
    assert_non_null(strstr(drive_str(d, "log"), "no quota left"));
    assert_non_null(strstr(d->end.error.text, "status 7 in the stage \"Roll out\""));
}

static const char gated[] = "echo '::stage Canary'\n"
                            "sh \"$SIGNALBOX_GATE\" canary 'Go on with all?' || exit 5\n"
                            "echo '::stage All'\n";

static bool shows_gate(struct drive *d)
{
    size_t n = json_array_size(d->end.views);
    return n > 0 && json_object_get(json_array_get(d->end.views, n - 1), "gate") != NULL;
}

static void wait_for_gate(struct drive *d)
{
    for (int i = 0; i < 200 && !shows_gate(d); i++)
        drive_run(d, 50, &d->end.over);
    assert_true(shows_gate(d));
}

static void a_gate_of_the_script_waits_for_its_answer(void **state)
{
    struct drive *d = *state;
    open_script(d, gated, "", "");
    char *build = start(d, "k");
    drive_begin(d, false, "watch", "w", of_build(build));
    wait_for_gate(d);
    const json_t *view = json_array_get(d->end.views, json_array_size(d->end.views) - 1);
    assert_string_equal(json_str(view, "status", ""), STAGE_PAUSED);
    assert_string_equal(json_str(view, "gate.id", ""), "canary");
    assert_string_equal(json_str(view, "gate.message", ""), "Go on with all?");
    assert_string_equal(json_str(view, "gate.stage", ""), "Canary");
    drive_close(d);
    open_script(d, gated, "", "");
    for (int twice = 0; twice < 2; twice++) {
        drive_do(d, "answer", "a",
                 json_pack("{s:s, s:s, s:b}", "build", build, "gate", "canary", "proceed", 1));
        assert_done(d);
    }
    drive_do(d, "answer", "b", json_pack("{s:s, s:s, s:b}", "build", build, "gate", "canary", "proceed", 0));
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    assert_non_null(strstr(d->end.error.text, "answered by somebody else"));
    drive_do(d, "watch", "w", of_build(build));
    assert_done(d);
    assert_string_equal(drive_str(d, "stages.1.name"), "All");
}

static void an_aborted_gate_ends_the_script_its_own_way(void **state)
{
    struct drive *d = *state;
    open_script(d, gated, "", "");
    char *build = start(d, "k");
    drive_do(d, "answer", "a", json_pack("{s:s, s:s, s:b}", "build", build, "gate", "canary", "proceed", 0));
    drive_do(d, "watch", "w", of_build(build));
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    assert_non_null(strstr(d->end.error.text, "status 5"));
}

static void a_stopped_script_gets_the_chance_to_clean_up(void **state)
{
    struct drive *d = *state;
    open_script(d, "trap 'echo cleaned >>count; exit 9' TERM\necho started\nwhile :; do sleep 0.05; done", "",
                "");
    char *build = start(d, "k");
    drive_run(d, 200, NULL);
    for (int twice = 0; twice < 2; twice++) {
        drive_do(d, "stop", "s", of_build(build));
        assert_done(d);
        assert_string_equal(drive_str(d, "status"), STAGE_ABORTED);
    }
    assert_int_equal(lines_of(d, "count"), 1);
    drive_do(d, "watch", "w", of_build(build));
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    assert_string_equal(drive_str(d, "status"), STAGE_ABORTED);
}

static void a_script_that_will_not_stop_is_killed_after_its_grace(void **state)
{
    struct drive *d = *state;
    open_script(d, "trap '' TERM\nwhile :; do sleep 0.05; done", "", "grace: 300ms\n");
    char *build = start(d, "k");
    drive_run(d, 200, NULL);
    drive_do(d, "stop", "s", of_build(build));
    assert_done(d);
    assert_string_equal(drive_str(d, "status"), STAGE_ABORTED);
    drive_do(d, "watch", "w", of_build(build));
    assert_string_equal(drive_str(d, "status"), STAGE_ABORTED);
}

static void a_script_that_was_killed_from_outside_is_a_failure_not_a_success(void **state)
{
    struct drive *d = *state;
    open_script(d, "sleep 20", "", "");
    char *build = start(d, "k");
    struct run_look l = run_look(run_dir(path_of(d, "commands"), build, &d->arena));
    assert_int_equal(l.state, RUN_ALIVE);
    assert_int_equal(kill(-l.pid, SIGKILL), 0);
    drive_do(d, "watch", "w", of_build(build));
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    assert_string_equal(drive_str(d, "status"), STAGE_FAILED);
    assert_non_null(strstr(d->end.error.text, "without an exit status"));
}

static void names_from_outside_never_leave_the_folder_of_runs(void **state)
{
    struct drive *d = *state;
    open_script(d, "true", "", "");
    static const char *const builds[] = {"",
                                         "..",
                                         "../../etc",
                                         "x",
                                         "00000000000000000000-1/..",
                                         "00000000000000000000-",
                                         "00000000000000000000-12345",
                                         "0000000000000000000Z-1"};
    for (size_t i = 0; i < COUNT_OF(builds); i++) {
        assert_false(run_id_ok(builds[i]));
        drive_do(d, "watch", "w", of_build(builds[i]));
        assert_int_equal(d->end.kind, OUTCOME_FAILED);
        drive_do(d, "stop", "s", of_build(builds[i]));
        assert_int_equal(d->end.kind, OUTCOME_FAILED);
    }
    static const char *const gates[] = {"", ".", "../x", "a/b", "a b", ".hidden"};
    for (size_t i = 0; i < COUNT_OF(gates); i++)
        assert_false(run_gate_ok(gates[i]));
    assert_true(run_gate_ok("deploy-b_2.x"));
}

static void what_cannot_be_run_fails_before_anything_is_claimed(void **state)
{
    struct drive *d = *state;
    drive_open(d, &command_pipeline_driver, NULL);
    drive_do(d, "start", "k", one_service());
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    drive_check(d);
    assert_int_equal(d->end.checks[0].state, CHECK_WARN);
    drive_close(d);
    drive_open(d, &command_pipeline_driver, "run: [/no/such/deploy.sh]\n");
    drive_do(d, "start", "k", one_service());
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    assert_non_null(strstr(d->end.error.text, "/no/such/deploy.sh"));
    drive_check(d);
    assert_int_equal(d->end.checks[0].state, CHECK_FAIL);
    drive_close(d);
    open_script(d, "true", "'{service}'", "pipelines: {other: [true]}\n");
    drive_do(d, "start", "k",
             json_pack("{s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}]}", "client", "t", "env", "p", "services",
                       "service", "a", "tag", "1", "service", "b", "tag", "2"));
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    assert_non_null(strstr(d->end.error.text, "$SIGNALBOX_SERVICES"));
    drive_do(
        d, "start", "k",
        json_pack("{s:s, s:s, s:[], s:s}", "client", "t\nx", "env", "p", "services", "pipeline", "other"));
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    assert_null(run_newest(path_of(d, "commands"), "k", &d->arena));
    drive_do(d, "start", "k2",
             json_pack("{s:s, s:s, s:[], s:s}", "client", "t", "env", "p", "services", "pipeline", "other"));
    assert_done(d);
    drive_do(d, "watch", "w", of_build(arena_strdup(&d->arena, drive_str(d, "build"))));
    assert_done(d);
}

static void a_wrong_command_line_is_refused_with_its_place(void **state)
{
    struct drive *d = *state;
    static const char *const wrong[] = {"run: ./deploy.sh\n", "run: []\n", "run: [[a]]\n", "pipelines: [a]\n",
                                        "grace: soon\n"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct error err = ERROR_NONE;
        assert_false(drive_try_open(d, &command_pipeline_driver, wrong[i], &err));
        assert_int_equal(err.line, 1);
    }
}

/* --- the log ---------------------------------------------------------------------------------- */

static void marks_are_read_however_the_output_is_cut_in_pieces(void **state)
{
    (void)state;
    static const char text[] =
        "hello\n::stage Build\n x ::stage no\n::gate one Go on?\n::stage B\xc3\xa9ta \x1b[31m\n::gate two\n";
    for (size_t size = 1; size < sizeof text; size++) {
        struct command_log *l = calloc(1, sizeof *l);
        for (size_t at = 0; at < sizeof text - 1; at += size)
            command_log_feed(l, text + at, at + size < sizeof text ? size : sizeof text - 1 - at, 100);
        assert_int_equal(l->n, 2);
        assert_string_equal(l->stages[0].name, "Build");
        assert_true(str_starts(l->stages[1].name, "B\xc3\xa9ta"));
        assert_null(strchr(l->stages[1].name, '\x1b'));
        assert_string_equal(l->gate, "two");
        assert_string_equal(l->message, "Go on with two?");
        command_log_free(l);
        free(l);
    }
}

static void an_endless_line_and_endless_stages_stay_within_bounds(void **state)
{
    (void)state;
    struct command_log *l = calloc(1, sizeof *l);
    char piece[4096];
    memset(piece, 'x', sizeof piece);
    for (int i = 0; i < 1000; i++)
        command_log_feed(l, piece, sizeof piece, 1);
    assert_true(l->line.len <= COMMAND_LINE_MAX);
    command_log_feed(l, "\n", 1, 1);
    for (int i = 0; i < COMMAND_STAGES_MAX + 10; i++)
        command_log_feed(l, "::stage s\n", 10, 1);
    assert_int_equal(l->n, COMMAND_STAGES_MAX);
    command_log_free(l);
    free(l);
}

static void stages_known_from_before_keep_their_moments(void **state)
{
    (void)state;
    struct command_log *l = calloc(1, sizeof *l);
    command_log_known(l, "1000\n2500\nrubbish");
    command_log_feed(l, "::stage a\n::stage b\n::stage c\n", 30, 9000);
    _cleanup_json_ json_t *stages = command_log_stages(l, STAGE_RUNNING);
    assert_int_equal(json_int(stages, "0.took_ms", 0), 1500);
    assert_int_equal(json_int(stages, "1.took_ms", 0), 6500);
    assert_string_equal(json_str(stages, "2.status", ""), STAGE_RUNNING);
    command_log_free(l);
    free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        drive_test(the_script_gets_what_the_change_is_about_and_its_end_is_seen),
        drive_test(a_start_performed_twice_runs_the_script_once),
        drive_test(a_start_that_was_never_claimed_is_not_found),
        drive_test(a_child_that_comes_after_the_look_runs_nothing_and_the_next_start_runs_once),
        drive_test(a_child_that_took_its_turn_is_found_and_not_started_again),
        drive_test(the_script_lives_on_without_us_and_is_followed_by_whoever_comes_next),
        drive_test(a_script_that_fails_tells_its_stage_its_status_and_the_end_of_its_log),
        drive_test(a_gate_of_the_script_waits_for_its_answer),
        drive_test(an_aborted_gate_ends_the_script_its_own_way),
        drive_test(a_stopped_script_gets_the_chance_to_clean_up),
        drive_test(a_script_that_will_not_stop_is_killed_after_its_grace),
        drive_test(a_script_that_was_killed_from_outside_is_a_failure_not_a_success),
        drive_test(names_from_outside_never_leave_the_folder_of_runs),
        drive_test(what_cannot_be_run_fails_before_anything_is_claimed),
        drive_test(a_wrong_command_line_is_refused_with_its_place),
        cmocka_unit_test(marks_are_read_however_the_output_is_cut_in_pieces),
        cmocka_unit_test(an_endless_line_and_endless_stages_stay_within_bounds),
        cmocka_unit_test(stages_known_from_before_keep_their_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
