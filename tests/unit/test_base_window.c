#include "check.h"

#include "base/window.h"

/* Thu 8 Feb 2024 08:46:40 in New York. */
static const int64_t now = INT64_C(1707400000000);
static const char new_york[] = "America/New_York";

static void windows_are_read_and_shown(void **state)
{
    (void)state;
    static const struct {
        const char *text, *from;
        int minutes;
        const char *shown;
    } rows[] = {
        {"2024-02-08 14:00-15:30 America/New_York", "2024-02-08T19:00:00Z", 90,
         "Thu 8 Feb 14:00-15:30 EST (90 min)"},
        {"2024-02-08 14:00 - 15:30", "2024-02-08T19:00:00Z", 90, "Thu 8 Feb 14:00-15:30 EST (90 min)"},
        {"2024-02-08 14:00\xE2\x80\x93"
         "15:30",
         "2024-02-08T19:00:00Z", 90, "Thu 8 Feb 14:00-15:30 EST (90 min)"},
        {"today 14:00 for 90m", "2024-02-08T19:00:00Z", 90, "Thu 8 Feb 14:00-15:30 EST (90 min)"},
        {"in 5h for 90m", "2024-02-08T18:46:40Z", 90, "Thu 8 Feb 13:46-15:16 EST (90 min)"},
        {"now for 90m", "2024-02-08T13:46:40Z", 90, "Thu 8 Feb 08:46-10:16 EST (90 min)"},
        {"2024-02-08T19:00:00Z/2024-02-08T20:30:00Z", "2024-02-08T19:00:00Z", 90,
         "Thu 8 Feb 14:00-15:30 EST (90 min)"},
        {"tomorrow 9:30 Europe/Berlin for 1h", "2024-02-09T08:30:00Z", 60,
         "Fri 9 Feb 09:30-10:30 CET (60 min)"},
        {"tomorrow 9:30 for 1h Europe/Berlin", "2024-02-09T08:30:00Z", 60,
         "Fri 9 Feb 09:30-10:30 CET (60 min)"},
        {"2024-02-08 23:00 for 2h", "2024-02-09T04:00:00Z", 120,
         "Thu 8 Feb 23:00 - Fri 9 Feb 01:00 EST (120 min)"},
        {"2024-02-08 23:00-2024-02-09 01:00", "2024-02-09T04:00:00Z", 120,
         "Thu 8 Feb 23:00 - Fri 9 Feb 01:00 EST (120 min)"},
        {"2025-02-08 14:00-15:00", "2025-02-08T19:00:00Z", 60, "Sat 8 Feb 2025 14:00-15:00 EST (60 min)"},
        /* Over a clock change the length is what really passes. */
        {"2024-03-10 01:30-03:30", "2024-03-10T06:30:00Z", 60, "Sun 10 Mar 01:30 EST - 03:30 EDT (60 min)"},
        {"2024-11-03 00:30-02:30", "2024-11-03T04:30:00Z", 180, "Sun 3 Nov 00:30 EDT - 02:30 EST (180 min)"},
        {"2024-02-08 14:00 for 7d", "2024-02-08T19:00:00Z", 7 * 24 * 60,
         "Thu 8 Feb 14:00 - Thu 15 Feb 14:00 EST (7 d)"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_arena_ struct arena a = {0};
        struct window w;
        struct error e;
        char from[32];
        if (!window_parse(rows[i].text, now, new_york, &a, &w, &e))
            fail_msg("%s: %s", rows[i].text, e.text);
        instant_rfc3339(w.from, from);
        assert_string_equal(from, rows[i].from);
        assert_int_equal(w.to - w.from, MINUTES(rows[i].minutes));
        assert_string_equal(window_text(&w, now, &a), rows[i].shown);
    }
}

static void other_windows_are_refused_at_their_column(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum error_code code;
        int column;
        const char *says;
    } rows[] = {
        {"", SB_PARSE, 1, "expected a moment"},
        {"today 14:00", SB_PARSE, 12, "expected the end of the window"},
        {"today 14:00 UTC", SB_PARSE, 16, "expected the end of the window"},
        {"today 14:00-", SB_PARSE, 13, "expected a moment"},
        {"today 14:00-1530", SB_PARSE, 17, "expected a date"},
        {"today 14:00 for", SB_PARSE, 16, "expected a duration"},
        {"today 14:00 for long", SB_PARSE, 17, "expected a duration"},
        {"today 14:00 for 90m please", SB_UNKNOWN, 21, "no time zone \"please\""},
        {"today 14:00 for 90m !", SB_PARSE, 21, "nothing more"},
        {"today 14:00 UTC for 90m UTC", SB_PARSE, 25, "only one time zone"},
        {"today 14:00-15:30 America/New_Yrok", SB_UNKNOWN, 19, "did you mean America/New_York?"},
        {"today 23:00-01:00", SB_RANGE, 13, "ends before it begins; over midnight write 23:00 for 2h"},
        {"today 14:00-14:00", SB_RANGE, 13, "ends before it begins"},
        {"today 14:00 for 0m", SB_RANGE, 1, "ends before it begins"},
        {"today 14:00 for 169h", SB_RANGE, 1, "longer than 7 days"},
        {"2024-03-10 02:30-04:00", SB_RANGE, 1, "does not exist in America/New_York"},
        {"2024-03-10 01:30-02:30", SB_RANGE, 18, "does not exist in America/New_York"},
        {"2024-02-08T19:00:00Z/tomorow", SB_PARSE, 22, "expected a moment"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_arena_ struct arena a = {0};
        struct window w;
        struct error e = ERROR_NONE;
        if (window_parse(rows[i].text, now, new_york, &a, &w, &e))
            fail_msg("%s: accepted", rows[i].text);
        assert_error(&e, rows[i].code, rows[i].says, rows[i].text);
        if (e.column != rows[i].column)
            fail_msg("%s: column %d", rows[i].text, e.column);
    }
}

static void the_zone_named_is_the_zone_kept(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = {0};
    struct window w;
    char zone[] = "Europe/Berlin";
    assert_true(window_parse("today 14:00 for 1h", now, zone, &a, &w, NULL));
    memset(zone, 'x', sizeof zone - 1);
    assert_string_equal(w.zone, "Europe/Berlin");
    assert_true(window_parse("today 14:00 for 1h Asia/Tokyo", now, new_york, &a, &w, NULL));
    assert_string_equal(w.zone, "Asia/Tokyo");
    assert_false(window_parse("today 14:00 for 1h", now, "No/Where", &a, &w, NULL));
}

static void windows_that_only_touch_do_not_overlap(void **state)
{
    (void)state;
    static const struct {
        int64_t from, to;
        bool overlaps; /* with [10, 20) */
    } rows[] = {{0, 10, false}, {20, 30, false}, {0, 11, true},
                {19, 30, true}, {12, 13, true},  {0, 30, true}};
    const struct window w = {10, 20, "UTC"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct window other = {rows[i].from, rows[i].to, "UTC"};
        assert_int_equal(window_overlaps(&w, &other), rows[i].overlaps);
        assert_int_equal(window_overlaps(&other, &w), rows[i].overlaps);
    }
}

static void moments_are_counted_from_names(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
        enum error_code code; /* SB_OK: accepted */
        int column;
        const char *says;
    } rows[] = {
        {"from", 1000, SB_OK, 0, NULL},
        {" to ", 5000, SB_OK, 0, NULL},
        {"from - 24h", 1000 - HOURS(24), SB_OK, 0, NULL},
        {"to+10m", 5000 + MINUTES(10), SB_OK, 0, NULL},
        {"from - 1h + 30m", 1000 - MINUTES(30), SB_OK, 0, NULL},
        {"step.build_done + 1d 2h", 7000 + HOURS(26), SB_OK, 0, NULL},
        {"", 0, SB_PARSE, 1, "expected the name of a moment"},
        {"24h", 0, SB_PARSE, 1, "expected the name of a moment"},
        {"from 24h", 0, SB_PARSE, 6, "expected + or -"},
        {"from -", 0, SB_PARSE, 7, "expected a duration"},
        {"from - - 24h", 0, SB_PARSE, 8, "expected a duration"},
        {"from - 24x", 0, SB_PARSE, 10, "expected a unit"},
        {"form - 24h", 0, SB_UNKNOWN, 1, "did you mean \"from\"?"},
        {"elsewhere", 0, SB_UNKNOWN, 1, "there are: from, to, incident"},
        {"incident + 24h", 0, SB_MISSING, 1, "\"incident\" is not known yet"},
        {"last + 10m", 0, SB_RANGE, 6, "outside the years"},
    };
    json_t *names = json_pack("{s:I, s:I, s:n, s:I, s:I}", "from", (json_int_t)1000, "to", (json_int_t)5000,
                              "incident", "step.build_done", (json_int_t)7000, "last", (json_int_t)INT64_MAX);
    assert_non_null(names);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t ms = 0;
        struct error e = ERROR_NONE;
        bool ok = moment_parse(rows[i].text, names, &ms, &e);
        if (ok != (rows[i].code == SB_OK))
            fail_msg("%s: %s", rows[i].text, e.text);
        if (ok) {
            assert_int_equal(ms, rows[i].ms);
            continue;
        }
        assert_error(&e, rows[i].code, rows[i].says, rows[i].text);
        if (e.column != rows[i].column)
            fail_msg("%s: column %d", rows[i].text, e.column);
    }
    json_decref(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_read_and_shown),
        cmocka_unit_test(other_windows_are_refused_at_their_column),
        cmocka_unit_test(the_zone_named_is_the_zone_kept),
        cmocka_unit_test(windows_that_only_touch_do_not_overlap),
        cmocka_unit_test(moments_are_counted_from_names),
    };
    return cmocka_run_group_tests_name("base/window", tests, NULL, NULL);
}
