#include "sop/staffing.h"

#include "base/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* February 2024: the 8th is a Thursday. */
static const struct {
    const char *window, *week, *hours, *says;
} rows[] = {
    {"2024-02-08 14:00-15:30", "mon-fri", "08:00-18:00", ""},
    {"2024-02-09 14:00-15:30", "mon-fri", "08:00-18:00", ""},
    {"2024-02-09 14:00-16:00", "mon-fri", "08:00-18:00", ""},
    {"2024-02-09 14:31-16:01", "mon-fri", "08:00-18:00",
     "About the window: it ends late on the last work day, so nobody is there to see it fail. The nearest "
     "better one begins Fri 9 Feb 14:01 EST."},
    {"2024-02-08 18:00-19:00", "mon-fri", "08:00-18:00",
     "About the window: it is outside staffed hours. The nearest better one begins Thu 8 Feb 17:00 EST."},
    {"2024-02-08 07:00-08:00", "mon-fri", "08:00-18:00",
     "About the window: it is outside staffed hours. The nearest better one begins Thu 8 Feb 08:00 EST."},
    {"2024-02-08 23:00-23:59", "mon-fri", "08:00-24:00", ""},
    {"2024-02-10 12:00-13:00", "mon-fri", "08:00-18:00",
     "About the window: it is on a day off. The nearest better one begins Fri 9 Feb 15:00 EST."},
    {"2024-02-11 12:00-13:00", "sun-thu", "08:00-18:00", ""},
    {"2024-02-09 12:00-13:00", "sat-wed", "08:00-18:00",
     "About the window: it is on a day off. The nearest better one begins Sat 10 Feb 08:00 EST."},
    {"2024-02-08 12:00-13:00", "mon-fri", "08:00-08:30", "About the window: it is outside staffed hours."},
};

static void a_window_is_questioned_when_people_are_not_there_and_a_better_one_is_named(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    int64_t now;
    assert_true(instant_parse_rfc3339("2024-02-07T12:00:00Z", &now, NULL));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct window w;
        struct staffing s;
        assert_true(window_parse(rows[i].window, now, "America/New_York", &a, &w, NULL));
        assert_true(staffing_parse(rows[i].week, rows[i].hours, &s, NULL));
        const char *says = staffing_question(&s, w.from, w.to, w.zone, now, &a, NULL);
        if (says == NULL || strcmp(says, rows[i].says) != 0)
            fail_msg("%s: %s", rows[i].window, says);
    }
}

static void a_better_window_lies_ahead(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    struct window w;
    struct staffing s;
    int64_t now;
    assert_true(instant_parse("2024-02-08 18:30", 0, "America/New_York", &now, NULL));
    assert_true(window_parse("2024-02-08 19:00-20:00", now, "America/New_York", &a, &w, NULL));
    assert_true(staffing_parse("mon-fri", "08:00-18:00", &s, NULL));
    assert_string_equal(
        staffing_question(&s, w.from, w.to, w.zone, now, &a, NULL),
        "About the window: it is outside staffed hours. The nearest better one begins Fri 9 Feb 08:00 EST.");
}

static void work_weeks_and_hours_have_a_form(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"monfri", "08:00-18:00"},
        {"mon-fry", "08:00-18:00"},
        {"mon_fri", "08:00-18:00"},
        {"", "08:00-18:00"},
        {"mon-fri", "8-18"},
        {"mon-fri", "18:00-08:00"},
        {"mon-fri", "08:00-25:00"},
        {"mon-fri", "08:60-18:00"},
        {"mon-fri-sat", "08:00-18:00"},
        {"mon-fri", ""},
    };
    struct staffing s;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct error e;
        if (staffing_parse(bad[i][0], bad[i][1], &s, &e))
            fail_msg("%s %s was taken", bad[i][0], bad[i][1]);
        assert_int_equal(e.code, SB_PARSE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_is_questioned_when_people_are_not_there_and_a_better_one_is_named),
        cmocka_unit_test(a_better_window_lies_ahead),
        cmocka_unit_test(work_weeks_and_hours_have_a_form),
    };
    return cmocka_run_group_tests_name("sop/staffing", tests, NULL, NULL);
}
