/* The git driver with real repositories, local ones and ones that are fetched from. */
#include "drive.h"
#include "systems/drivers.h"

/* A repository "cart": release 1 on main; a hotfix of it that adds a migration; and, on main, the next
 * release without the hotfix. */
static const char make[] =
    "set -e; cd %s; export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null\n"
    "git init -q -b main cart; cd cart; git config user.name t; git config user.email t@x; git config "
    "uploadpack.allowFilter true\n"
    "echo a >a; git add .; git commit -qm 1; git tag 24-02-05.619\n"
    "git checkout -q -b fix; mkdir -p db/migrations; echo m >db/migrations/017.sql; echo b >a; git add .; "
    "git commit -qm fix\n"
    "git tag -a -m x 24-02-05.619-hotfix.627\n"
    "git checkout -q main; echo c >a; git add .; git commit -qm 2; git tag 24-02-12.700\n";

static int up(void **state)
{
    struct drive *d = drive_new();
    assert_int_equal(system(arena_printf(&d->arena, make, d->state_dir)), 0);
    *state = d;
    return 0;
}

static void open_git(struct drive *d, bool remote, const char *rest)
{
    drive_open(d, &git_driver,
               arena_printf(&d->arena, "repository: '%s%s/{service}'\n%s", remote ? "file://" : "",
                            d->state_dir, rest));
}

static void check_cart(struct drive *d, const char *tag, const char *before)
{
    drive_do(d, "check", "k",
             json_pack("{s:[{s:s, s:s, s:s}]}", "services", "service", "cart", "tag", tag, "before", before));
}

static void a_hotfix_of_what_runs_is_found_with_its_migrations(void **state)
{
    struct drive *d = *state;
    for (int remote = 0; remote < 2; remote++) {
        open_git(d, remote, "url: 'https://git.example/{service}/releases/tag/{tag}'\n");
        check_cart(d, "24-02-05.619-hotfix.627", "24-02-05.619");
        assert_done(d);
        assert_true(json_flag(d->end.result, "services.0.exists", false));
        assert_true(json_flag(d->end.result, "services.0.descends", false));
        assert_string_equal(drive_str(d, "services.0.checks"), "none");
        assert_string_equal(drive_str(d, "services.0.schema.0"), "db/migrations/017.sql");
        assert_int_equal(json_array_size(json_path(d->end.result, "services.0.schema")), 1);
        assert_string_equal(drive_str(d, "services.0.url"),
                            "https://git.example/cart/releases/tag/24-02-05.619-hotfix.627");
        assert_int_equal(strlen(drive_str(d, "services.0.commit")), 40);
        assert_true(json_int(d->end.result, "services.0.at", 0) > 1700000000000);
        check_cart(d, "24-02-05.619-hotfix.627", "24-02-05.619");
        assert_done(d);
        drive_close(d);
    }
}

static void a_tag_that_lacks_what_runs_fails(void **state)
{
    struct drive *d = *state;
    for (int remote = 0; remote < 2; remote++) {
        open_git(d, remote, "");
        check_cart(d, "24-02-12.700", "24-02-05.619-hotfix.627");
        assert_int_equal(d->end.kind, OUTCOME_FAILED);
        assert_false(json_flag(d->end.result, "services.0.descends", true));
        assert_non_null(strstr(drive_str(d, "problems.0.says"), "does not hold all of"));
        drive_close(d);
    }
}

static void a_tag_that_does_not_exist_fails(void **state)
{
    struct drive *d = *state;
    static const struct {
        const char *tag, *before, *says;
    } rows[] = {
        {"24-02-05.619-hotfix.6", "24-02-05.619", "there is no tag 24-02-05.619-hotfix.6 "},
        {"24-02-12.700", "24-01-01.1", "24-01-01.1, has no tag"},
    };
    for (int remote = 0; remote < 2; remote++) {
        open_git(d, remote, "");
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            check_cart(d, rows[i].tag, rows[i].before);
            assert_int_equal(d->end.kind, OUTCOME_FAILED);
            if (!strstr(drive_str(d, "problems.0.says"), rows[i].says))
                fail_msg("%s", drive_str(d, "problems.0.says"));
        }
        drive_close(d);
    }
}

static void a_first_deployment_has_nothing_to_be_a_fix_of(void **state)
{
    struct drive *d = *state;
    open_git(d, false, "");
    check_cart(d, "24-02-12.700", "");
    assert_done(d);
    assert_true(json_is_null(json_path(d->end.result, "services.0.descends")));
}

static void the_form_of_tags_and_the_migration_paths_are_the_teams_own(void **state)
{
    struct drive *d = *state;
    assert_int_equal(
        system(arena_printf(
            &d->arena,
            "cd %s/cart && git tag cart/v9 24-02-05.619-hotfix.627 && git tag cart/v8 24-02-05.619",
            d->state_dir)),
        0);
    open_git(d, false, "tag: '{service}/v{tag}'\nmigrations: [a]\n");
    check_cart(d, "9", "8");
    assert_done(d);
    assert_string_equal(drive_str(d, "services.0.schema.0"), "a");
}

static void names_that_mean_something_to_git_are_refused(void **state)
{
    struct drive *d = *state;
    static const char *const names[] = {"--upload-pack=x", "../other", "a b",  "x:y",
                                        "a^{commit}",      "ext::sh",  ".git", "/etc"};
    open_git(d, false, "");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        check_cart(d, names[i], "");
        assert_int_equal(d->end.kind, OUTCOME_FAILED);
        drive_do(d, "check", "k", json_pack("{s:[{s:s, s:s}]}", "services", "service", names[i], "tag", "1"));
        assert_int_equal(d->end.kind, OUTCOME_FAILED);
        assert_non_null(strstr(d->end.error.text, "plain names"));
    }
}

static void a_repository_that_cannot_be_reached_is_tried_again(void **state)
{
    struct drive *d = *state;
    open_git(d, true, "services: {pay: 'file:///no/such/repository', evil: 'ext::sh -c true'}\n");
    static const char *const services[] = {"pay", "evil"};
    for (size_t i = 0; i < 2; i++) {
        drive_do(d, "check", "k",
                 json_pack("{s:[{s:s, s:s}]}", "services", "service", services[i], "tag", "1"));
        assert_int_equal(d->end.kind, OUTCOME_RETRY);
    }
}

static void without_a_repository_nothing_is_looked_at_and_it_says_so(void **state)
{
    struct drive *d = *state;
    drive_open(d, &git_driver, NULL);
    check_cart(d, "1", "0");
    assert_done(d);
    assert_non_null(strstr(drive_str(d, "services.0.says"), "nothing was looked at"));
    drive_check(d);
    assert_int_equal(d->end.checks[0].state, CHECK_OK);
    assert_int_equal(d->end.checks[1].state, CHECK_WARN);
}

static void a_password_in_an_address_is_refused_without_repeating_it(void **state)
{
    struct drive *d = *state;
    struct error err = ERROR_NONE;
    assert_false(
        drive_try_open(d, &git_driver, "repository: 'https://me:hunter2@git.example/{service}'\n", &err));
    assert_int_equal(err.line, 1);
    assert_null(strstr(err.text, "hunter2"));
}

static void a_check_that_is_cancelled_is_silent(void **state)
{
    struct drive *d = *state;
    open_git(d, true, "");
    drive_begin(d, false, "check", "k",
                json_pack("{s:[{s:s, s:s}]}", "services", "service", "cart", "tag", "24-02-12.700"));
    drive_run(d, 5, NULL);
    drive_close(d);
    drive_run(d, 100, NULL);
    assert_false(d->end.over);
}

#define git_test(name) cmocka_unit_test_setup_teardown(name, up, drive_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        git_test(a_hotfix_of_what_runs_is_found_with_its_migrations),
        git_test(a_tag_that_lacks_what_runs_fails),
        git_test(a_tag_that_does_not_exist_fails),
        git_test(a_first_deployment_has_nothing_to_be_a_fix_of),
        git_test(the_form_of_tags_and_the_migration_paths_are_the_teams_own),
        git_test(names_that_mean_something_to_git_are_refused),
        git_test(a_repository_that_cannot_be_reached_is_tried_again),
        git_test(without_a_repository_nothing_is_looked_at_and_it_says_so),
        git_test(a_password_in_an_address_is_refused_without_repeating_it),
        git_test(a_check_that_is_cancelled_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
