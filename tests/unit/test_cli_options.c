/* A command line is read against a command's table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "cli/options.h"
#include <string.h>

static int nothing(struct args *a)
{
    (void)a;
    return 0;
}

static const struct command sample = {
    .name = "sample",
    .usage = "CHANGE [STEP]",
    .words_min = 1,
    .words_max = 2,
    .options = {{"window", 'w', OPTION_VALUE, "WINDOW", "", NULL},
                {"yes", 'y', OPTION_FLAG, NULL, "", NULL},
                {"service", 's', OPTION_LIST, "NAME=TAG", "", NULL}},
    .run = nothing,
};

static bool parse(struct args *a, struct error *e, const char *const *argv)
{
    *a = (struct args){0};
    *e = ERROR_NONE;
    return options_parse(&sample, argv, a, e);
}

static void options_come_in_every_form(void **state)
{
    (void)state;
    struct args a;
    struct error e;
    const char *const argv[] = {"HF-7", "--window", "now for 1h", "-sx=1",  "--service=y=2",
                                "-y",   "--json",   "--",         "--step", NULL};
    assert_true(parse(&a, &e, argv));
    const char *const *list;
    assert_int_equal(opt_list(&a, "service", &list), 2);
    assert_string_equal(list[0], "x=1");
    assert_string_equal(list[1], "y=2");
    assert_string_equal(opt(&a, "window"), "now for 1h");
    assert_true(opt_given(&a, "yes"));
    assert_true(opt_given(&a, "json"));
    assert_int_equal(a.n_words, 2);
    assert_string_equal(a.words[1], "--step");
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *argv[6];
        const char *says;
    } rows[] = {
        {{"HF-7", "--windw", "x", NULL}, "did you mean --window?"},
        {{"HF-7", "--window", NULL}, "--window needs a value"},
        {{"HF-7", "--yes=1", NULL}, "--yes takes no value"},
        {{"HF-7", "-w", "a", "-w", "b", NULL}, "given twice"},
        {{NULL}, "needs CHANGE"},
        {{"a", "b", "c", NULL}, "\"c\" is one argument too many"},
        {{"HF-7", "-q", NULL}, "no option --q"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct args a;
        struct error e;
        if (parse(&a, &e, rows[i].argv) || !strstr(e.text, rows[i].says))
            fail_msg("row %zu: %s", i, e.text);
    }
}

static void help_is_given_before_anything_is_missed(void **state)
{
    (void)state;
    struct args a;
    struct error e;
    const char *const argv[] = {"--help", NULL};
    assert_true(parse(&a, &e, argv));
    assert_true(opt_given(&a, "help"));
}

static void every_command_explains_itself_with_an_example(void **state)
{
    (void)state;
    for (int i = 0; commands[i]; i++) {
        assert_true(strlen(commands[i]->says) > 10);
        assert_non_null(commands[i]->usage);
        assert_non_null(commands[i]->run);
        if (!commands[i]->examples || !strstr(commands[i]->examples, "signalbox"))
            fail_msg("%s has no example", commands[i]->name);
        assert_ptr_equal(command_find(commands[i]->name), commands[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_come_in_every_form),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(help_is_given_before_anything_is_missed),
        cmocka_unit_test(every_command_explains_itself_with_an_example),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
