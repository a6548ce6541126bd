#include "check.h"

#include "base/instant.h"

static void durations_are_read_as_people_write_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"90m", MINUTES(90)},
        {"1h30m", MINUTES(90)},
        {"2d", DAYS(2)},
        {"45s", SECONDS(45)},
        {"1.5h", MINUTES(90)},
        {"500ms", 500},
        {"0s", 0},
        {"1w", DAYS(7)},
        {"1h 30m", MINUTES(90)},
        {" 10 min ", MINUTES(10)},
        {"1d2h3m4s5ms", 93784005},
        {"0.25s", 250},
        {"1.005s", 1005},
        {"20 sec", SECONDS(20)},
        {"3660d", DAYS(3660)},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t ms = -1;
        struct error e;
        if (!duration_parse(rows[i].text, &ms, &e))
            fail_msg("%s: %s", rows[i].text, e.text);
        if (ms != rows[i].ms)
            fail_msg("%s: %lld", rows[i].text, (long long)ms);
    }
}

static void other_texts_are_refused_at_their_column(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum error_code code;
        int column;
        const char *says;
    } rows[] = {
        {"", SB_PARSE, 1, "expected a duration such as 90m"},
        {"-5m", SB_PARSE, 1, "expected a duration"},
        {"m", SB_PARSE, 1, "expected a duration"},
        {"90", SB_PARSE, 3, "expected a unit"},
        {"90x", SB_PARSE, 3, "expected a unit"},
        {"90mm", SB_PARSE, 3, "expected a unit"},
        {"1.h", SB_PARSE, 3, "digits after the point"},
        {"1.2345h", SB_PARSE, 3, "digits after the point"},
        {"30m1h", SB_PARSE, 4, "larger units first"},
        {"1m1m", SB_PARSE, 3, "each once"},
        {"5m soon", SB_PARSE, 4, "nothing more"},
        {"9999999999s", SB_PARSE, 1, "expected a duration"},
        {"3661d", SB_RANGE, 1, "ten years"},
        {"999999999w", SB_RANGE, 1, "ten years"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t ms;
        struct error e = ERROR_NONE;
        assert_false(duration_parse(rows[i].text, &ms, &e));
        assert_error(&e, rows[i].code, rows[i].says, rows[i].text);
        if (e.column != rows[i].column)
            fail_msg("%s: column %d", rows[i].text, e.column);
    }
}

static void durations_are_shown_in_two_units_at_most(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text, *cell;
    } rows[] = {
        {0, "0 s", "0.0s"},
        {500, "500 ms", "0.5s"},
        {12300, "12 s", "12.3s"},
        {SECONDS(45), "45 s", "45.0s"},
        {59999, "59 s", "59.9s"},
        {SECONDS(60), "1 min", "1m 00s"},
        {SECONDS(247), "4 min 7 s", "4m 07s"},
        {MINUTES(90), "1 h 30 min", "1h 30m"},
        {MINUTES(62), "1 h 2 min", "1h 02m"},
        {HOURS(2) + 1000, "2 h", "2h 00m"},
        {HOURS(52), "2 d 4 h", "2d 04h"},
        {DAYS(1), "1 d", "1d 00h"},
        {-MINUTES(5), "-5 min", "-5m 00s"},
        {INT64_MIN, "-106751991167 d 7 h", "-106751991167d 07h"},
    };
    _cleanup_arena_ struct arena a = {0};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_string_equal(duration_text(rows[i].ms, &a), rows[i].text);
        assert_string_equal(duration_short(rows[i].ms, &a), rows[i].cell);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read_as_people_write_them),
        cmocka_unit_test(other_texts_are_refused_at_their_column),
        cmocka_unit_test(durations_are_shown_in_two_units_at_most),
    };
    return cmocka_run_group_tests_name("base/duration", tests, NULL, NULL);
}
