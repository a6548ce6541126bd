#include "check.h"

#include "base/instant.h"

/* Thu 8 Feb 2024 08:46:40 in New York. */
static const int64_t now = INT64_C(1707400000000);
static const char new_york[] = "America/New_York";

static void rfc_3339_is_read_and_written(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"2024-02-08T19:00:00Z", "2024-02-08T19:00:00Z"},
        {"2024-02-08T14:00:00-05:00", "2024-02-08T19:00:00Z"},
        {"2024-02-08t14:00:00.5+05:30", "2024-02-08T08:30:00.500Z"},
        {"2024-02-08T14:00:00.123456789z", "2024-02-08T14:00:00.123Z"},
        {"1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"},
        {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
        {"2024-02-29T00:00:00+00:00", "2024-02-29T00:00:00Z"},
        {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"},
        {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t ms;
        struct error e;
        char text[32];
        if (!instant_parse_rfc3339(rows[i].in, &ms, &e))
            fail_msg("%s: %s", rows[i].in, e.text);
        instant_rfc3339(ms, text);
        assert_string_equal(text, rows[i].out);
    }
}

static void what_is_not_rfc_3339_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum error_code code;
        int column;
    } rows[] = {
        {"", SB_PARSE, 1},
        {"2024-02-08", SB_PARSE, 11},
        {"2024-02-08 19:00:00Z", SB_PARSE, 11},
        {"2024-02-08T19:00Z", SB_PARSE, 17},
        {"2024-02-08T19:00:00", SB_PARSE, 20},
        {"2024-02-08T19:00:00.Z", SB_PARSE, 21},
        {"2024-02-08T19:00:00+0530", SB_PARSE, 21},
        {"2024-02-08T19:00:00+24:00", SB_PARSE, 26},
        {"2024-02-08T19:00:00Zx", SB_PARSE, 21},
        {"2024-2-08T19:00:00Z", SB_PARSE, 6},
        {"2023-02-29T19:00:00Z", SB_RANGE, 1},
        {"2024-13-01T19:00:00Z", SB_RANGE, 1},
        {"2024-02-08T24:00:00Z", SB_RANGE, 1},
        {"2024-02-08T19:60:00Z", SB_RANGE, 1},
        {"2024-02-08T19:00:61Z", SB_RANGE, 1},
        {"0000-01-01T00:00:00Z", SB_RANGE, 1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t ms;
        struct error e = ERROR_NONE;
        assert_false(instant_parse_rfc3339(rows[i].text, &ms, &e));
        assert_error(&e, rows[i].code, "column", rows[i].text);
        if (e.column != rows[i].column)
            fail_msg("%s: column %d", rows[i].text, e.column);
    }
}

static void a_moment_beyond_the_calendar_does_not_break_its_text(void **state)
{
    (void)state;
    char text[32];
    instant_rfc3339(INT64_MAX, text);
    instant_rfc3339(INT64_MIN, text);
    struct civil c;
    struct error e;
    assert_false(instant_to_civil(INT64_MAX, "UTC", &c, &e));
    assert_int_equal(e.code, SB_RANGE);
    assert_false(instant_to_civil(INT64_MIN, "UTC", &c, &e));
    _cleanup_arena_ struct arena a = {0};
    assert_non_null(instant_text(INT64_MAX, "UTC", now, &a));
}

static void moments_are_read_as_people_say_them(void **state)
{
    (void)state;
    static const struct {
        const char *text, *utc;
    } rows[] = {
        {"now", "2024-02-08T13:46:40Z"},
        {"in 5h", "2024-02-08T18:46:40Z"},
        {"in 1h 30m", "2024-02-08T15:16:40Z"},
        {"2024-02-08 14:00", "2024-02-08T19:00:00Z"},
        {"2024-02-08T14:00", "2024-02-08T19:00:00Z"},
        {"2024-02-08 14:00:30", "2024-02-08T19:00:30Z"},
        {"2024-02-08T19:00:00Z", "2024-02-08T19:00:00Z"},
        {"2024-02-08T19:00:00.250+01:00", "2024-02-08T18:00:00.250Z"},
        {"today 14:00", "2024-02-08T19:00:00Z"},
        {"Today 07:00", "2024-02-08T12:00:00Z"},
        {"14:00", "2024-02-08T19:00:00Z"},
        {"tomorrow 9:30", "2024-02-09T14:30:00Z"},
        {"fri 14:00", "2024-02-09T19:00:00Z"},
        {"Wednesday 14:00", "2024-02-14T19:00:00Z"},
        {"thu 14:00", "2024-02-08T19:00:00Z"}, /* still to come today */
        {"thu 08:00", "2024-02-15T13:00:00Z"}, /* past, so the next one */
        {"  2024-02-08   14:00   Europe/Berlin ", "2024-02-08T13:00:00Z"},
        {"today 23:00 Asia/Tokyo", "2024-02-08T14:00:00Z"},
        {"tomorrow 00:30 Pacific/Auckland", "2024-02-09T11:30:00Z"}, /* there it is already the 9th */
        {"in 2h UTC", "2024-02-08T15:46:40Z"},
        {"2024-11-03 01:30", "2024-11-03T05:30:00Z"}, /* twice that night: the first */
        {"2024-07-01 14:00", "2024-07-01T18:00:00Z"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t ms;
        struct error e;
        char text[32];
        if (!instant_parse(rows[i].text, now, new_york, &ms, &e))
            fail_msg("%s: %s", rows[i].text, e.text);
        instant_rfc3339(ms, text);
        if (strcmp(text, rows[i].utc) != 0)
            fail_msg("%s: %s, not %s", rows[i].text, text, rows[i].utc);
    }
}

static void what_nobody_says_is_refused_at_its_column(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum error_code code;
        int column;
        const char *says;
    } rows[] = {
        {"", SB_PARSE, 1, "expected a moment such as"},
        {"tomorow 9:30", SB_PARSE, 1, "expected a moment such as"},
        {"tomorrow", SB_PARSE, 9, "expected a time such as 14:00"},
        {"tomorrow noon", SB_PARSE, 10, "expected a time such as 14:00"},
        {"2024-02-08", SB_PARSE, 11, "expected a time such as 14:00"},
        {"2024-2-8 14:00", SB_PARSE, 6, "expected a date such as 2024-02-08"},
        {"08.02.2024 14:00", SB_PARSE, 1, "expected a date such as 2024-02-08"},
        {"2024-02-08 14", SB_PARSE, 14, "expected a time such as 14:00"},
        {"2024-02-08 14:0", SB_PARSE, 15, "expected a time such as 14:00"},
        {"2024-02-08 14:00:5", SB_PARSE, 18, "two digits for the seconds"},
        {"in 5x", SB_PARSE, 5, "expected a unit"},
        {"in", SB_PARSE, 3, "expected a duration"},
        {"2024-02-08 14:00 UTC UTC", SB_PARSE, 22, "a time zone or nothing more"},
        {"2024-02-08 14:00 (", SB_PARSE, 18, "a time zone or nothing more"},
        {"2024-02-08 14:00 Europe/Berlim", SB_UNKNOWN, 18, "did you mean Europe/Berlin?"},
        {"2024-02-30 14:00", SB_RANGE, 1, "day 30: 2024-02 has 29 days"},
        {"2024-02-08 25:00", SB_RANGE, 1, "time 25:00"},
        {"2024-03-10 02:30", SB_RANGE, 1, "does not exist in America/New_York"},
        {"sun 02:30", SB_RANGE, 1, "did you mean 2024-03-10 03:30?"},
        {"now\xC3\xA9", SB_PARSE, 4, "nothing more"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t ms, before_the_change = now + DAYS(26); /* Tue 5 Mar */
        struct error e = ERROR_NONE;
        if (instant_parse(rows[i].text, before_the_change, new_york, &ms, &e))
            fail_msg("%s: accepted", rows[i].text);
        assert_error(&e, rows[i].code, rows[i].says, rows[i].text);
        if (e.column != rows[i].column)
            fail_msg("%s: column %d", rows[i].text, e.column);
    }
    char endless[1000];
    memset(endless, ' ', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    int64_t ms;
    struct error e;
    assert_false(instant_parse(endless, now, new_york, &ms, &e));
    assert_int_equal(e.code, SB_LIMIT);
}

static void the_skipped_hour_is_refused_and_told(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        struct civil last, first,
            next; /* the last time that fails, the first, and the one offered for the first */
        const char *says;
    } rows[] = {
        {"America/New_York",
         {2024, 3, 10, 2, 59, 59},
         {2024, 3, 10, 2, 0, 0},
         {2024, 3, 10, 3, 0, 0},
         "put forward by 60 min there; did you mean 2024-03-10 03:00?"},
        {"Europe/Berlin",
         {2024, 3, 31, 2, 59, 59},
         {2024, 3, 31, 2, 0, 0},
         {2024, 3, 31, 3, 0, 0},
         "put forward by 60 min there; did you mean 2024-03-31 03:00?"},
        {"Europe/Berlin",
         {2045, 3, 26, 2, 59, 59},
         {2045, 3, 26, 2, 0, 0},
         {2045, 3, 26, 3, 0, 0},
         "did you mean 2045-03-26 03:00?"},
        {"Australia/Lord_Howe",
         {2024, 10, 6, 2, 29, 59},
         {2024, 10, 6, 2, 0, 0},
         {2024, 10, 6, 2, 30, 0},
         "put forward by 30 min there; did you mean 2024-10-06 02:30?"},
        {"America/Santiago",
         {2024, 9, 8, 0, 59, 59},
         {2024, 9, 8, 0, 0, 0},
         {2024, 9, 8, 1, 0, 0},
         "did you mean 2024-09-08 01:00?"},
        {"Pacific/Apia",
         {2011, 12, 30, 23, 59, 59},
         {2011, 12, 30, 0, 0, 0},
         {2011, 12, 31, 0, 0, 0},
         "put forward by 1440 min there; did you mean 2011-12-31 00:00?"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t ms;
        struct error e = ERROR_NONE;
        assert_false(instant_from_civil(&rows[i].last, rows[i].zone, false, &ms, &e));
        assert_int_equal(e.code, SB_RANGE);
        assert_false(instant_from_civil(&rows[i].first, rows[i].zone, true, &ms, &e));
        assert_error(&e, SB_RANGE, rows[i].says, rows[i].zone);
        assert_true(instant_from_civil(&rows[i].next, rows[i].zone, false, &ms, &e));
    }
}

static void a_time_that_occurs_twice_is_the_first_unless_asked(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        struct civil civil;
        const char *first, *second;
    } rows[] = {
        {"America/New_York", {2024, 11, 3, 1, 0, 0}, "2024-11-03T05:00:00Z", "2024-11-03T06:00:00Z"},
        {"America/New_York", {2024, 11, 3, 1, 59, 59}, "2024-11-03T05:59:59Z", "2024-11-03T06:59:59Z"},
        {"America/New_York", {2024, 11, 3, 2, 0, 0}, "2024-11-03T07:00:00Z", "2024-11-03T07:00:00Z"},
        {"Europe/Berlin", {2024, 10, 27, 2, 30, 0}, "2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z"},
        {"Australia/Lord_Howe", {2024, 4, 7, 1, 45, 0}, "2024-04-06T14:45:00Z", "2024-04-06T15:15:00Z"},
        {"Australia/Sydney", {2024, 4, 7, 2, 30, 0}, "2024-04-06T15:30:00Z", "2024-04-06T16:30:00Z"},
        {"Europe/Berlin", {2024, 7, 1, 2, 30, 0}, "2024-07-01T00:30:00Z", "2024-07-01T00:30:00Z"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t first, second;
        char text[32];
        assert_true(instant_from_civil(&rows[i].civil, rows[i].zone, false, &first, NULL));
        assert_true(instant_from_civil(&rows[i].civil, rows[i].zone, true, &second, NULL));
        instant_rfc3339(first, text);
        assert_string_equal(text, rows[i].first);
        instant_rfc3339(second, text);
        assert_string_equal(text, rows[i].second);
    }
}

static void civil_time_goes_there_and_back(void **state)
{
    (void)state;
    static const char *const zones[] = {
        "UTC",           "America/New_York", "Europe/Berlin",  "Australia/Lord_Howe",
        "Pacific/Apia",  "America/Santiago", "Asia/Kathmandu", "Africa/Casablanca",
        "Europe/Dublin", "Antarctica/Troll", "Asia/Gaza"};
    for (size_t z = 0; z < COUNT_OF(zones); z++) {
        for (int64_t ms = -DAYS(700); ms < DAYS(29000); ms += 40009000) { /* 1968 to 2049, every 11 hours */
            struct civil c;
            struct error e = ERROR_NONE;
            int64_t first, second;
            if (!instant_to_civil(ms, zones[z], &c, &e) ||
                !instant_from_civil(&c, zones[z], false, &first, &e) ||
                !instant_from_civil(&c, zones[z], true, &second, &e))
                fail_msg("%s %lld: %s", zones[z], (long long)ms, e.text);
            if (ms != first && ms != second)
                fail_msg("%s: %lld became %lld or %lld", zones[z], (long long)ms, (long long)first,
                         (long long)second);
        }
    }
}

static void weekdays_and_offsets_are_told(void **state)
{
    (void)state;
    struct civil c;
    assert_true(instant_to_civil(now, new_york, &c, NULL));
    assert_int_equal(c.weekday, 4);
    assert_int_equal(c.offset_s, -18000);
    assert_int_equal(c.second, 40);
    assert_true(instant_to_civil(-1, "UTC", &c, NULL));
    assert_int_equal(c.year, 1969);
    assert_int_equal(c.second, 59);
    assert_false(instant_to_civil(0, "No/Where", &c, NULL));
}

static void a_moment_is_shown_with_its_zone(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *zone, *text;
    } rows[] = {
        {INT64_C(1707418800000), "America/New_York", "Thu 8 Feb 14:00 EST"},
        {INT64_C(1707418800000), "Europe/Berlin", "Thu 8 Feb 20:00 CET"},
        {INT64_C(1707418800000), "Australia/Lord_Howe", "Fri 9 Feb 06:00 +11"},
        {INT64_C(1719842400000), "America/New_York", "Mon 1 Jul 10:00 EDT"},
        {INT64_C(1735707600000), "America/New_York", "Wed 1 Jan 2025 00:00 EST"},
        {INT64_C(1707418800000), "No/Where", "Thu 8 Feb 19:00 UTC"},
    };
    _cleanup_arena_ struct arena a = {0};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(instant_text(rows[i].ms, rows[i].zone, now, &a), rows[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_3339_is_read_and_written),
        cmocka_unit_test(what_is_not_rfc_3339_is_refused),
        cmocka_unit_test(a_moment_beyond_the_calendar_does_not_break_its_text),
        cmocka_unit_test(moments_are_read_as_people_say_them),
        cmocka_unit_test(what_nobody_says_is_refused_at_its_column),
        cmocka_unit_test(the_skipped_hour_is_refused_and_told),
        cmocka_unit_test(a_time_that_occurs_twice_is_the_first_unless_asked),
        cmocka_unit_test(civil_time_goes_there_and_back),
        cmocka_unit_test(weekdays_and_offsets_are_told),
        cmocka_unit_test(a_moment_is_shown_with_its_zone),
    };
    return cmocka_run_group_tests_name("base/instant", tests, NULL, NULL);
}
