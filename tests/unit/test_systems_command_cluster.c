/* The "command" cluster driver with real child processes. */
#include "drive.h"
#include "systems/drivers.h"
#include <sys/stat.h>
#include <unistd.h>

static void write_script(struct drive *d, const char *body)
{
    char *script = arena_printf(&d->arena, "%s/version.sh", d->state_dir);
    FILE *f = fopen(script, "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\n%s\n", body);
    fclose(f);
    assert_int_equal(chmod(script, 0700), 0);
}

static void open_script(struct drive *d, const char *body)
{
    write_script(d, body);
    drive_open(d, &command_cluster_driver,
               arena_printf(&d->arena, "cwd: %s\nrun: [./version.sh, '{client}', '{env}']\ntimeout: 1s\n",
                            d->state_dir));
}

static json_t *of_env(void)
{
    return json_pack("{s:s, s:s}", "client", "tangerine", "env", "prod");
}

static json_t *of_services(void)
{
    return json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "client", "tangerine", "env", "prod", "services",
                     "service", "cart", "tag", "24-02-05.619-hotfix.627");
}

static bool result_says(struct drive *d, const char *text)
{
    char *all = json_dumps(d->end.result, JSON_COMPACT | JSON_SORT_KEYS);
    bool is = all && strstr(all, text);
    free(all);
    return is;
}

static void versions_are_counted_from_the_scripts_lines(void **state)
{
    struct drive *d = *state;
    open_script(d,
                "echo '# SERVICE VERSION'\necho\necho 'cart 24-02-05.619'\necho 'cart 24-02-05.619 ready'\n"
                "echo 'cart 24-02-05.618 starting'\nprintf 'search\\t24-02-01.1  ready  since noon\\r\\n'");
    drive_do(d, "versions", "k", of_env());
    assert_done(d);
    assert_string_equal(drive_str(d, "services.cart"), "24-02-05.619");
    assert_string_equal(drive_str(d, "services.search"), "24-02-01.1");
    assert_int_equal(json_array_size(json_path(d->end.result, "mixed.cart")), 2);
    assert_true(result_says(d, "{\"count\":2,\"image\":\"cart:24-02-05.619\"}"));
    json_t *only = of_env();
    json_object_set_new(only, "services", json_pack("[s]", "search"));
    drive_do(d, "versions", "k", only);
    assert_done(d);
    assert_string_equal(drive_str(d, "services.cart"), "(none)");
    assert_string_equal(drive_str(d, "services.search"), "24-02-01.1");
}

static void the_script_is_told_whose_versions_are_asked_for(void **state)
{
    struct drive *d = *state;
    open_script(d, "echo \"$1 $2\"; echo \"$SIGNALBOX_CLIENT $SIGNALBOX_ENV\"; echo \"$(basename $PWD) 1\"");
    drive_do(d, "versions", "k", of_env());
    assert_done(d);
    assert_string_equal(drive_str(d, "services.tangerine"), "prod");
    assert_true(result_says(d, strrchr(d->state_dir, '/') + 1));
    assert_true(result_says(d, "\"count\":2,\"image\":\"tangerine:prod\""));
}

static void a_script_that_cannot_look_is_asked_again(void **state)
{
    static const struct {
        const char *body, *says;
    } rows[] = {
        {"echo first >&2; echo 'no route to the hosts' >&2; exit 3", "status 3: no route to the hosts"},
        {"exit 1", "status 1"},
        {"echo cart", "line 1 of ./version.sh: expected SERVICE VERSION"},
        {"echo cart 1; echo search", "line 2"},
        {"printf 'cart \\377\\n'", "not UTF-8"},
        {"sleep 20", "did not end in time"},
    };
    struct drive *d = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        open_script(d, rows[i].body);
        drive_do(d, "versions", "k", of_env());
        assert_int_equal(d->end.kind, OUTCOME_RETRY);
        if (!strstr(d->end.error.text, rows[i].says))
            fail_msg("%s: %s", rows[i].body, d->end.error.text);
        drive_close(d);
    }
}

static void verify_waits_until_every_instance_is_ready_at_its_tag(void **state)
{
    struct drive *d = *state;
    open_script(d,
                "n=$(cat n 2>/dev/null || echo 0); echo $((n + 1)) >n\n"
                "case $n in\n"
                "0) echo cart 24-02-05.619 ready; echo cart 24-02-05.619 ready;;\n"
                "1) exit 1;;\n"
                "2) ;;\n"
                "3) echo cart 24-02-05.619-hotfix.627 starting; echo cart 24-02-05.619 ready;;\n"
                "4) echo cart 24-02-05.619-hotfix.627 ready; echo cart 24-02-05.619-hotfix.627 starting;;\n"
                "*) echo cart 24-02-05.619-hotfix.627; echo cart 24-02-05.619-hotfix.627 ready;;\n"
                "esac");
    drive_do(d, "verify", "k", of_services());
    assert_done(d);
    assert_int_equal(json_int(d->end.result, "services.0.ready", 0), 2);
    assert_int_equal(json_int(d->end.result, "services.0.wanted", 0), 2);
    assert_string_equal(drive_str(d, "services.0.says"), "all ready");
    static const char *const told[] = {"24-02-05.619 still runs", NULL, "no instance runs",
                                       "24-02-05.619 still runs", "1 of 2 ready"};
    assert_int_equal(json_array_size(d->end.views), COUNT_OF(told));
    for (size_t i = 0; i < COUNT_OF(told); i++) {
        const json_t *view = json_array_get(d->end.views, i);
        if (told[i])
            assert_string_equal(json_str(view, "services.0.says", ""), told[i]);
        else
            assert_non_null(strstr(json_str(view, "says", ""), "status 1"));
    }
}

static void an_instance_that_failed_ends_it_when_it_is_seen_twice(void **state)
{
    struct drive *d = *state;
    open_script(d, "n=$(cat n 2>/dev/null || echo 0); echo $((n + 1)) >n\n"
                   "case $n in 1) echo cart 24-02-05.619-hotfix.627 starting;;\n"
                   "*) echo cart 24-02-05.619-hotfix.627 failed it answers 500;; esac");
    drive_do(d, "verify", "k", of_services());
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    assert_non_null(strstr(d->end.error.text, "cart #1 has failed: it answers 500"));
    assert_string_equal(drive_str(d, "problems.0.service"), "cart");
    assert_int_equal(json_array_size(d->end.views), 3);
}

static void a_failed_instance_of_another_version_is_what_is_being_replaced(void **state)
{
    struct drive *d = *state;
    open_script(
        d, "n=$(cat n 2>/dev/null || echo 0); echo $((n + 1)) >n\n"
           "if [ $n -lt 4 ]; then echo cart 24-02-05.619 failed old; else echo cart 24-02-05.619-hotfix.627; "
           "fi");
    drive_do(d, "verify", "k", of_services());
    assert_done(d);
}

static void the_doctor_runs_the_script(void **state)
{
    struct drive *d = *state;
    open_script(d, "echo cart 1; echo cart 1");
    drive_check(d);
    assert_int_equal(d->end.checks[0].state, CHECK_OK);
    assert_non_null(strstr(d->end.texts[0], "./version.sh lists 2 instances"));
    write_script(d, "exit 7");
    drive_check(d);
    assert_int_equal(d->end.checks[0].state, CHECK_FAIL);
    assert_non_null(strstr(d->end.texts[0], "status 7"));
    drive_close(d);
    drive_open(d, &command_cluster_driver, "run: [/nowhere/version.sh]\n");
    drive_check(d);
    assert_int_equal(d->end.checks[0].state, CHECK_FAIL);
    assert_non_null(strstr(d->end.texts[0], "/nowhere/version.sh is not there"));
}

static void a_configuration_without_a_script_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *config, *says;
        enum error_code code;
    } rows[] = {
        {"cwd: /tmp\n", "run: expected the script", SB_MISSING},
        {"run: ./version.sh\n", "as a list", SB_PARSE},
        {"run: []\n", "as a list", SB_PARSE},
        {"run: [a, [b]]\n", "expected a text", SB_PARSE},
        {"run: [a]\ntimeout: soon\n", "timeout", SB_PARSE},
    };
    struct drive *d = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err = ERROR_NONE;
        if (drive_try_open(d, &command_cluster_driver, rows[i].config, &err))
            fail_msg("%s was taken", rows[i].config);
        assert_error(&err, rows[i].code, rows[i].says, rows[i].config);
        assert_true(err.line > 0);
    }
}

static void closing_ends_a_look_that_is_under_way(void **state)
{
    struct drive *d = *state;
    open_script(d, "sleep 20");
    drive_begin(d, false, "versions", "k", of_env());
    drive_run(d, 100, NULL);
    drive_close(d);
    drive_run(d, 50, NULL);
    assert_false(d->end.over);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        drive_test(versions_are_counted_from_the_scripts_lines),
        drive_test(the_script_is_told_whose_versions_are_asked_for),
        drive_test(a_script_that_cannot_look_is_asked_again),
        drive_test(verify_waits_until_every_instance_is_ready_at_its_tag),
        drive_test(an_instance_that_failed_ends_it_when_it_is_seen_twice),
        drive_test(a_failed_instance_of_another_version_is_what_is_being_replaced),
        drive_test(the_doctor_runs_the_script),
        drive_test(a_configuration_without_a_script_is_refused_with_its_place),
        drive_test(closing_ends_a_look_that_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
