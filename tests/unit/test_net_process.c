#include "check.h"
#include "net/process.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct seen {
    struct loop *loop;
    struct process *process, *free_on_line;
    int ends, lines;
    struct process_end end;
    char out[4096], tail[8192], said[4096], last[20000];
    size_t longest;
};

static void ended(void *ctx, const struct process_end *end)
{
    struct seen *s = ctx;
    s->ends++;
    s->end = *end;
    snprintf(s->out, sizeof s->out, "%s", end->out);
    snprintf(s->tail, sizeof s->tail, "%s", end->err_tail);
    process_free(s->process); /* does nothing here */
}

static void line(void *ctx, bool is_stderr, const char *text)
{
    struct seen *s = ctx;
    s->lines++;
    size_t n = strlen(s->said);
    snprintf(s->said + n, sizeof s->said - n, "%s%s;", is_stderr ? "!" : "",
             strlen(text) < 100 ? text : "long");
    snprintf(s->last, sizeof s->last, "%s", text);
    s->longest = strlen(text) > s->longest ? strlen(text) : s->longest;
    if (s->free_on_line != NULL) {
        process_free(s->free_on_line);
        s->free_on_line = NULL;
    }
}

static void start(struct seen *s, struct process_options o)
{
    struct error err = ERROR_NONE;
    if (s->loop == NULL)
        s->loop = loop_new();
    o.on_line = line;
    s->process = process_start(s->loop, &o, ended, s, &err);
    if (s->process == NULL)
        fail_msg("%s", err.text);
}

static bool wait_end(struct seen *s, int ms)
{
    int64_t until = loop_mono_ms() + ms;
    while (s->ends == 0 && loop_mono_ms() < until) {
        loop_once(s->loop, false);
        usleep(500);
    }
    return s->ends > 0;
}

static void turn(struct loop *l, int ms)
{
    int64_t until = loop_mono_ms() + ms;
    while (loop_mono_ms() < until) {
        loop_once(l, false);
        usleep(500);
    }
}

static void run_shell(struct seen *s, const char *script, struct process_options o)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    memset(s, 0, sizeof *s);
    o.argv = argv;
    start(s, o);
}

static const struct {
    const char *script, *input, *out, *said, *tail;
    int status, signal;
} runs[] = {
    {"true", NULL, "", "", "", 0, 0},
    {"exit 7", NULL, "", "", "", 7, 0},
    {"echo a; echo b >&2; sleep 0.05; echo c", NULL, "a\nc\n", "a;!b;c;", "b\n", 0, 0},
    {"printf 'one\\r\\ntwo'", NULL, "one\r\ntwo", "one;two;", "", 0, 0},
    {"printf 'a\\0b\\n'", NULL, "a", "a?b;", "", 0, 0},
    {"cat", "fed in\n", "fed in\n", "fed in;", "", 0, 0},
    {"cat; echo end", "", "end\n", "end;", "", 0, 0},
    {"cat; echo end", NULL, "end\n", "end;", "", 0, 0},
    {"kill -9 $$", NULL, "", "", "", -1, SIGKILL},
    {"echo x > /dev/stdout", NULL, "x\n", "x;", "", 0, 0},
};

static void a_child_is_run_and_its_output_and_end_are_told(void **state)
{
    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        for (size_t i = 0; i < COUNT_OF(runs); i++) {
            struct seen s;
            run_shell(&s, runs[i].script,
                      (struct process_options){.input = runs[i].input, .keep = keep == 1});
            assert_true(wait_end(&s, 3000));
            assert_int_equal(s.end.status, runs[i].status);
            assert_int_equal(s.end.signal, runs[i].signal);
            assert_false(s.end.timed_out);
            assert_string_equal(s.out, runs[i].out);
            assert_string_equal(s.tail, runs[i].tail);
            if (keep == 0 || strstr(runs[i].script, ">&2") == NULL) /* two files have no common order */
                assert_string_equal(s.said, runs[i].said);
            loop_free(s.loop);
            assert_int_equal(s.ends, 1);
        }
    }
}

static void lines_come_while_the_child_runs(void **state)
{
    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        struct seen s;
        run_shell(&s, "echo early; exec sleep 30", (struct process_options){.keep = keep == 1});
        while (s.lines == 0)
            turn(s.loop, 5);
        assert_string_equal(s.said, "early;");
        assert_int_equal(s.ends, 0);
        process_stop(s.process, 1000);
        assert_true(wait_end(&s, 3000));
        loop_free(s.loop);
    }
}

static void output_is_bounded(void **state)
{
    (void)state;
    struct seen s;
    run_shell(&s,
              "head -c 100000 /dev/zero | tr '\\0' x; echo; i=0; while [ $i -lt 3000 ]; do echo line $i >&2; "
              "i=$((i+1)); done",
              (struct process_options){.output_max = 1000});
    assert_true(wait_end(&s, 5000));
    assert_int_equal(s.end.out_len, 1000);
    assert_int_equal(s.longest, 16 * 1024);
    assert_int_equal(strlen(s.tail), 4096);
    assert_string_equal(s.tail + strlen(s.tail) - 10, "line 2999\n");
    assert_int_equal(s.lines, 3001);
    loop_free(s.loop);
}

static void the_environment_is_added_to_or_replaced(void **state)
{
    (void)state;
    setenv("SB_TEST_A", "ours", 1);
    setenv("SB_TEST_B", "ours", 1);
    static const char *const added[] = {"SB_TEST_B=theirs", "SB_TEST_C=new", NULL};
    static const char *const only[] = {"SB_TEST_C=only", "PATH=/usr/bin:/bin", NULL};
    static const char script[] = "echo $SB_TEST_A $SB_TEST_B $SB_TEST_C; env | grep -c SB_TEST_B";
    struct seen s;
    run_shell(&s, script, (struct process_options){.env = added});
    assert_true(wait_end(&s, 3000));
    assert_string_equal(s.out, "ours theirs new\n1\n");
    loop_free(s.loop);
    run_shell(&s, script, (struct process_options){.only_env = only});
    assert_true(wait_end(&s, 3000));
    assert_string_equal(s.out, "only\n0\n");
    loop_free(s.loop);
}

static void the_child_works_in_its_folder_and_leads_its_own_group(void **state)
{
    (void)state;
    struct seen s;
    run_shell(&s, "pwd; cut -d' ' -f5 /proc/$$/stat", (struct process_options){.cwd = "/"});
    int pid = process_pid(s.process);
    assert_int_not_equal(pid, getpgrp());
    assert_true(wait_end(&s, 3000));
    char expected[64];
    snprintf(expected, sizeof expected, "/\n%d\n", pid);
    assert_string_equal(s.out, expected);
    loop_free(s.loop);
}

static void what_cannot_be_started_says_why(void **state)
{
    (void)state;
    static const char *const no_such[] = {"no-such-command-anywhere", NULL},
                             *const no_right[] = {"/etc/passwd", NULL}, *const fine[] = {"true", NULL},
                             *const nothing[] = {NULL};
    static const struct {
        struct process_options o;
        const char *says;
    } rows[] = {
        {{.argv = no_such}, "no such command"},
        {{.argv = no_such, .input = "x", .keep = true}, "no such command"},
        {{.argv = no_right}, "permission denied"},
        {{.argv = fine, .cwd = "/no/such/folder"}, "/no/such/folder is no folder"},
        {{.argv = nothing}, "no command"},
        {{0}, "no command"},
    };
    struct seen s = {.loop = loop_new()};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err = ERROR_NONE;
        assert_null(process_start(s.loop, &rows[i].o, ended, &s, &err));
        if (strstr(err.text, rows[i].says) == NULL)
            fail_msg("\"%s\" is not in: %s", rows[i].says, err.text);
    }
    turn(s.loop, 50);
    assert_int_equal(s.ends, 0);
    loop_free(s.loop);
}

/* Is the process gone (or a zombie that nobody waits for)? */
static bool gone(int pid)
{
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return true;
    bool read = fscanf(f, "%*d (%*[^)]) %c", &state) == 1;
    fclose(f);
    return !read || state == 'Z' || state == 'X';
}

static bool comes_to_be_gone(struct loop *l, int pid)
{
    for (int i = 0; i < 100 && !gone(pid); i++)
        turn(l, 10);
    return gone(pid);
}

static void a_child_that_takes_too_long_is_ended_with_its_whole_group(void **state)
{
    (void)state;
    struct seen s;
    run_shell(&s, "sleep 30 & echo $!; echo before; sleep 30; echo never",
              (struct process_options){.timeout_ms = 150});
    int64_t began = loop_mono_ms();
    assert_true(wait_end(&s, 3000));
    assert_true(loop_mono_ms() - began >= 140);
    assert_true(s.end.timed_out);
    assert_int_equal(s.end.status, -1);
    assert_int_equal(s.end.signal, SIGTERM);
    assert_non_null(strstr(s.out, "before"));
    assert_null(strstr(s.out, "never"));
    assert_true(comes_to_be_gone(s.loop, atoi(s.out))); /* the one in the background */
    loop_free(s.loop);
}

static void who_ignores_sigterm_is_killed(void **state)
{
    (void)state;
    struct seen s;
    run_shell(&s, "trap '' TERM; echo ready; while :; do sleep 0.05; done", (struct process_options){0});
    while (s.lines == 0)
        turn(s.loop, 5);
    process_stop(s.process, 500);
    turn(s.loop, 50);
    assert_int_equal(s.ends, 0);
    assert_true(wait_end(&s, 3000));
    assert_int_equal(s.end.signal, SIGKILL);
    assert_false(s.end.timed_out);
    loop_free(s.loop);
}

static void the_group_is_killed_even_when_its_leader_left_obediently(void **state)
{
    (void)state;
    struct seen s;
    run_shell(&s, "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.05; done' & wait",
              (struct process_options){0});
    while (s.lines == 0)
        turn(s.loop, 5);
    int stubborn = atoi(s.said);
    process_stop(s.process, 500);
    turn(s.loop, 60);
    assert_false(gone(stubborn));
    assert_true(wait_end(&s, 3000));
    assert_true(comes_to_be_gone(s.loop, stubborn));
    loop_free(s.loop);
}

static void output_after_sigterm_is_still_read(void **state)
{
    (void)state;
    struct seen s;
    run_shell(&s, "trap 'echo cleaning up; exit 3' TERM; echo ready; while :; do sleep 0.02; done",
              (struct process_options){0});
    while (s.lines == 0)
        turn(s.loop, 5);
    process_stop(s.process, 2000);
    assert_true(wait_end(&s, 3000));
    assert_int_equal(s.end.status, 3);
    assert_non_null(strstr(s.said, "cleaning up;"));
    loop_free(s.loop);
}

static void somebody_left_in_the_background_does_not_hold_the_end_back(void **state)
{
    (void)state;
    struct seen s;
    run_shell(&s, "sleep 3 & echo $!", (struct process_options){0});
    int64_t began = loop_mono_ms();
    assert_true(wait_end(&s, 2500));
    assert_true(loop_mono_ms() - began < 2000);
    assert_int_equal(s.end.status, 0);
    int left = atoi(s.out);
    assert_false(gone(left)); /* its own affair */
    kill(left, SIGKILL);
    loop_free(s.loop);
}

static void a_forgotten_child_is_ended_and_nobody_is_told(void **state)
{
    (void)state;
    struct seen s;
    run_shell(&s, "echo ready; sleep 30", (struct process_options){0});
    int pid = process_pid(s.process);
    while (s.lines == 0)
        turn(s.loop, 5);
    process_free(s.process);
    assert_true(comes_to_be_gone(s.loop, pid));
    turn(s.loop, 50);
    assert_int_equal(s.ends, 0);
    loop_free(s.loop);
}

static void a_child_may_be_forgotten_from_inside_its_own_line(void **state)
{
    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        struct seen s;
        run_shell(&s, "sleep 0.1; printf 'one\\ntwo\\nthree\\n'",
                  (struct process_options){.keep = keep == 1});
        s.free_on_line = s.process;
        while (s.lines == 0)
            turn(s.loop, 5);
        turn(s.loop, 200);
        assert_string_equal(s.said, "one;");
        assert_int_equal(s.ends, 0);
        loop_free(s.loop);
    }
}

static void the_loop_may_end_before_a_forgotten_child_does(void **state)
{
    (void)state;
    struct seen s;
    run_shell(&s, "trap '' TERM; echo ready; exec sleep 2", (struct process_options){.input = "unread"});
    int pid = process_pid(s.process);
    while (s.lines == 0)
        turn(s.loop, 5);
    process_free(s.process);
    loop_free(s.loop);
    assert_false(gone(pid));
    kill(-pid, SIGKILL);
}

static void a_kept_child_lives_on_and_can_still_speak(void **state)
{
    (void)state;
    char path[] = "/tmp/sb-kept-XXXXXX", script[256];
    close(mkstemp(path));
    snprintf(script, sizeof script, "echo ready; sleep 0.3; echo to nobody && echo spoke > %s", path);
    struct seen s;
    run_shell(&s, script, (struct process_options){.keep = true});
    while (s.lines == 0)
        turn(s.loop, 5);
    process_free(s.process);
    loop_free(s.loop);
    char word[16] = "";
    for (int i = 0; i < 100 && word[0] == '\0'; i++) {
        usleep(20000);
        FILE *f = fopen(path, "r");
        (void)!fgets(word, sizeof word, f);
        fclose(f);
    }
    assert_string_equal(word, "spoke\n");
    unlink(path);
}

static void a_large_input_is_fed_as_the_child_reads_it(void **state)
{
    (void)state;
    enum { SIZE = 2000000 };
    char *input = malloc(SIZE + 1);
    memset(input, 'i', SIZE);
    input[SIZE] = '\0';
    struct seen s;
    run_shell(&s, "sleep 0.05; wc -c", (struct process_options){.input = input});
    free(input);
    assert_true(wait_end(&s, 3000));
    assert_string_equal(s.out, "2000000\n");
    loop_free(s.loop);
}

static void many_children_run_side_by_side(void **state)
{
    (void)state;
    enum { MANY = 40 };
    static struct seen all[MANY];
    struct loop *l = loop_new();
    static const char *const argv[] = {"sh", "-c", "echo hello", NULL};
    for (int i = 0; i < MANY; i++) {
        memset(&all[i], 0, sizeof all[i]);
        all[i].loop = l;
        start(&all[i], (struct process_options){.argv = argv});
    }
    for (int i = 0; i < MANY; i++) {
        assert_true(wait_end(&all[i], 5000));
        assert_string_equal(all[i].out, "hello\n");
    }
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_is_run_and_its_output_and_end_are_told),
        cmocka_unit_test(lines_come_while_the_child_runs),
        cmocka_unit_test(output_is_bounded),
        cmocka_unit_test(the_environment_is_added_to_or_replaced),
        cmocka_unit_test(the_child_works_in_its_folder_and_leads_its_own_group),
        cmocka_unit_test(what_cannot_be_started_says_why),
        cmocka_unit_test(a_child_that_takes_too_long_is_ended_with_its_whole_group),
        cmocka_unit_test(who_ignores_sigterm_is_killed),
        cmocka_unit_test(the_group_is_killed_even_when_its_leader_left_obediently),
        cmocka_unit_test(output_after_sigterm_is_still_read),
        cmocka_unit_test(somebody_left_in_the_background_does_not_hold_the_end_back),
        cmocka_unit_test(a_forgotten_child_is_ended_and_nobody_is_told),
        cmocka_unit_test(a_child_may_be_forgotten_from_inside_its_own_line),
        cmocka_unit_test(the_loop_may_end_before_a_forgotten_child_does),
        cmocka_unit_test(a_kept_child_lives_on_and_can_still_speak),
        cmocka_unit_test(a_large_input_is_fed_as_the_child_reads_it),
        cmocka_unit_test(many_children_run_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
