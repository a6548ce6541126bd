/* Freezes and what repeats, around clock changes, skipped hours and the date line. */
#include "check.h"

#include "base/json.h"
#include "systems/freeze.h"

static int64_t at(const char *text)
{
    int64_t ms = 0;
    if (!instant_parse_rfc3339(text, &ms, NULL))
        fail_msg("%s is no moment", text);
    return ms;
}

static void read_yaml(const char *text, struct arena *a, struct freezes *out)
{
    struct error err = ERROR_NONE;
    struct yaml *y = yaml_parse(text, strlen(text), "test.yaml", 1, 0, a, &err);
    if (!y || !freezes_read(y, "test.yaml", a, out, &err))
        fail_msg("%s: %s", text, err.text);
}

/* One freeze, one question in the zone; the occurrence that is met as "FROM TO", or "". */
static const struct {
    const char *about, *freeze, *zone, *from, *to, *met_from, *met_to;
} rows[] = {
    {"once, in the client's own zone", "{title: x, from: 2024-12-20 18:00, to: 2024-12-27 08:00}",
     "America/New_York", "2024-12-20T22:00:00Z", "2024-12-20T23:30:00Z", "2024-12-20T23:00:00Z",
     "2024-12-27T13:00:00Z"},
    {"half-open at its begin", "{title: x, from: 2024-12-20 18:00, to: 2024-12-27 08:00}", "America/New_York",
     "2024-12-20T22:00:00Z", "2024-12-20T23:00:00Z", NULL, NULL},
    {"half-open at its end", "{title: x, from: 2024-12-20 18:00, to: 2024-12-27 08:00}", "America/New_York",
     "2024-12-27T13:00:00Z", "2024-12-27T14:00:00Z", NULL, NULL},
    {"whole days, the last one included", "{title: x, from: 2024-12-24, to: 2024-12-26}", "Europe/Berlin",
     "2024-12-26T22:00:00Z", "2024-12-26T22:30:00Z", "2024-12-23T23:00:00Z", "2024-12-26T23:00:00Z"},
    {"a zone of its own", "{title: x, zone: Asia/Tokyo, from: 2024-12-24, to: 2024-12-24}", "Europe/Berlin",
     "2024-12-23T15:00:00Z", "2024-12-23T15:01:00Z", "2024-12-23T15:00:00Z", "2024-12-24T15:00:00Z"},
    {"a zone with its moments",
     "{title: x, from: \"2024-12-24 00:00 Asia/Tokyo\", to: \"2024-12-25 00:00 Asia/Tokyo\"}",
     "Europe/Berlin", "2024-12-23T15:00:00Z", "2024-12-23T15:01:00Z", "2024-12-23T15:00:00Z",
     "2024-12-24T15:00:00Z"},
    {"exact moments", "{title: x, from: \"2024-12-24T00:00:00+02:00\", to: \"2024-12-24T01:00:00+02:00\"}",
     "Asia/Tokyo", "2024-12-23T22:30:00Z", "2024-12-23T22:31:00Z", "2024-12-23T22:00:00Z",
     "2024-12-23T23:00:00Z"},
    {"every weekend, before the clocks change",
     "{title: x, from: 2024-01-05 18:00, to: 2024-01-08 06:00, repeat: FREQ=WEEKLY}", "America/New_York",
     "2024-03-02T12:00:00Z", "2024-03-02T13:00:00Z", "2024-03-01T23:00:00Z", "2024-03-04T11:00:00Z"},
    {"every weekend, the one in which clocks go forward",
     "{title: x, from: 2024-01-05 18:00, to: 2024-01-08 06:00, repeat: FREQ=WEEKLY}", "America/New_York",
     "2024-03-11T09:59:00Z", "2024-03-11T10:30:00Z", "2024-03-08T23:00:00Z", "2024-03-11T10:00:00Z"},
    {"every weekend, the one in which clocks go back",
     "{title: x, from: 2024-01-05 18:00, to: 2024-01-08 06:00, repeat: FREQ=WEEKLY}", "America/New_York",
     "2024-11-04T10:30:00Z", "2024-11-04T10:45:00Z", "2024-11-01T22:00:00Z", "2024-11-04T11:00:00Z"},
    {"between two of them", "{title: x, from: 2024-01-05 18:00, to: 2024-01-08 06:00, repeat: FREQ=WEEKLY}",
     "America/New_York", "2024-11-04T11:00:00Z", "2024-11-08T23:00:00Z", NULL, NULL},
    {"a begin in the hour that is skipped is the skip",
     "{title: x, from: 2024-03-01 02:30, to: 2024-03-01 05:00, repeat: FREQ=DAILY}", "America/New_York",
     "2024-03-10T06:00:00Z", "2024-03-10T07:30:00Z", "2024-03-10T07:00:00Z", "2024-03-10T09:00:00Z"},
    {"before that skip there is no freeze",
     "{title: x, from: 2024-03-01 02:30, to: 2024-03-01 05:00, repeat: FREQ=DAILY}", "America/New_York",
     "2024-03-10T06:00:00Z", "2024-03-10T07:00:00Z", NULL, NULL},
    {"a begin that occurs twice is the first",
     "{title: x, from: 2024-11-01 01:30, to: 2024-11-01 05:00, repeat: FREQ=DAILY}", "America/New_York",
     "2024-11-03T05:30:00Z", "2024-11-03T05:31:00Z", "2024-11-03T05:30:00Z", "2024-11-03T10:00:00Z"},
    {"an end that occurs twice is the last",
     "{title: x, from: 2024-11-01 00:00, to: 2024-11-01 01:30, repeat: FREQ=DAILY}", "America/New_York",
     "2024-11-03T06:29:00Z", "2024-11-03T06:31:00Z", "2024-11-03T04:00:00Z", "2024-11-03T06:30:00Z"},
    {"the day that Samoa skipped at the date line has no length",
     "{title: x, from: 2011-12-28, to: 2011-12-28, repeat: FREQ=DAILY;COUNT=3}", "Pacific/Apia",
     "2011-12-30T10:00:00Z", "2011-12-30T11:00:00Z", NULL, NULL},
    {"a freeze over that day ends on the other side of the line",
     "{title: x, from: 2011-12-29 12:00, to: 2011-12-31 12:00}", "Pacific/Apia", "2011-12-30T11:00:00Z",
     "2011-12-30T12:00:00Z", "2011-12-29T22:00:00Z", "2011-12-30T22:00:00Z"},
    {"the same date is another moment west of the line", "{title: x, from: 2024-06-01, to: 2024-06-01}",
     "Pacific/Pago_Pago", "2024-06-01T11:00:00Z", "2024-06-01T11:01:00Z", "2024-06-01T11:00:00Z",
     "2024-06-02T11:00:00Z"},
    {"and east of it", "{title: x, from: 2024-06-01, to: 2024-06-01}", "Pacific/Kiritimati",
     "2024-05-31T10:00:00Z", "2024-05-31T10:01:00Z", "2024-05-31T10:00:00Z", "2024-06-01T10:00:00Z"},
    {"half an hour of summer time",
     "{title: x, from: 2024-04-01 12:00, to: 2024-04-01 13:00, repeat: FREQ=DAILY}", "Australia/Lord_Howe",
     "2024-04-08T01:30:00Z", "2024-04-08T01:31:00Z", "2024-04-08T01:30:00Z", "2024-04-08T02:30:00Z"},
    {"Easter Island's clocks in 2020, where libical's own zones are wrong",
     "{title: x, from: 2020-04-01 12:00, to: 2020-04-01 13:00, repeat: FREQ=DAILY}", "Pacific/Easter",
     "2020-04-10T18:00:00Z", "2020-04-10T18:01:00Z", "2020-04-10T18:00:00Z", "2020-04-10T19:00:00Z"},
    {"the day after the fourth Thursday in November",
     "{title: x, from: 2023-11-23, to: 2023-11-27, repeat: \"FREQ=YEARLY;BYMONTH=11;BYDAY=4TH\"}",
     "America/Chicago", "2024-11-29T15:00:00Z", "2024-11-29T16:00:00Z", "2024-11-28T06:00:00Z",
     "2024-12-03T06:00:00Z"},
    {"the last working day of every month",
     "{title: x, from: 2024-01-31, to: 2024-01-31, repeat: \"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1\"}",
     "UTC", "2024-03-29T12:00:00Z", "2024-03-29T13:00:00Z", "2024-03-29T00:00:00Z", "2024-03-30T00:00:00Z"},
    {"not after its last day, which is named as a moment",
     "{title: x, from: 2024-01-01 22:00, to: 2024-01-01 23:00, repeat: \"FREQ=DAILY;UNTIL=20240103T030000Z\"}",
     "America/New_York", "2024-01-03T03:30:00Z", "2024-01-05T03:30:00Z", "2024-01-03T03:00:00Z",
     "2024-01-03T04:00:00Z"},
    {"an exception is no freeze",
     "{title: x, from: 2024-01-01 22:00, to: 2024-01-01 23:00, repeat: FREQ=DAILY, except: [2024-01-03]}",
     "UTC", "2024-01-03T22:30:00Z", "2024-01-03T22:31:00Z", NULL, NULL},
    {"a rule without an end is found in years to come",
     "{title: x, from: 2001-01-01 22:00, to: 2001-01-01 23:00, repeat: FREQ=DAILY}", "UTC",
     "2047-06-03T22:30:00Z", "2047-06-03T22:31:00Z", "2047-06-03T22:00:00Z", "2047-06-03T23:00:00Z"},
};

static void a_window_meets_a_freeze_where_the_clocks_on_the_wall_say_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_arena_ struct arena a = arena_make();
        struct freezes all;
        struct freeze_met met[4];
        char list[512];
        (void)snprintf(list, sizeof list, "- %s\n", rows[i].freeze);
        read_yaml(list, &a, &all);
        struct freeze_ask q = {.zone = rows[i].zone, .from = at(rows[i].from), .to = at(rows[i].to)};
        int n = freezes_meet(&all, &q, met, 4);
        if (!rows[i].met_from && n != 0)
            fail_msg("%s: met", rows[i].about);
        if (!rows[i].met_from)
            continue;
        if (n != 1)
            fail_msg("%s: met %d", rows[i].about, n);
        char from[32], to[32];
        instant_rfc3339(met[0].from, from);
        instant_rfc3339(met[0].to, to);
        if (strcmp(from, rows[i].met_from) != 0 || strcmp(to, rows[i].met_to) != 0)
            fail_msg("%s: from %s to %s", rows[i].about, from, to);
    }
}

static int asked(const struct freezes *all, const char *client, const char *name, const char *env)
{
    struct freeze_met met[8];
    struct freeze_ask q = {.client = client,
                           .client_name = name,
                           .env = env,
                           .zone = "UTC",
                           .from = at("2024-12-24T12:00:00Z"),
                           .to = at("2024-12-24T13:00:00Z")};
    return freezes_meet(all, &q, met, 8);
}

static void a_freeze_belongs_to_all_or_to_clients_or_to_environments(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    struct freezes all;
    read_yaml("- {title: all, from: 2024-12-24, to: 2024-12-24}\n"
              "- {title: one, from: 2024-12-24, to: 2024-12-24, clients: [tangerine]}\n"
              "- {title: prod, from: 2024-12-24, to: 2024-12-24, envs: [prod]}\n"
              "- {title: both, from: 2024-12-24, to: 2024-12-24, clients: [Plum & Sons], envs: [prod]}\n",
              &a, &all);
    assert_int_equal(asked(&all, "tangerine", "Tangerine", "prod"), 3);
    assert_int_equal(asked(&all, "tangerine", "Tangerine", "qa"), 2);
    assert_int_equal(asked(&all, "plum", "Plum & Sons", "prod"), 3);
    assert_int_equal(asked(&all, "plum", "Plum & Sons", "qa"), 1);
    assert_int_equal(asked(&all, "", NULL, "qa"), 2);
    assert_int_equal(asked(&all, NULL, NULL, NULL), 4);
}

static void the_first_clear_moment_is_behind_all_freezes_that_follow_each_other(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    struct freezes all, always;
    read_yaml("- {title: night, from: 2024-01-01 20:00, to: 2024-01-02 06:00, repeat: FREQ=DAILY}\n"
              "- {title: audit, from: 2024-05-02 06:00, to: 2024-05-02 09:00}\n"
              "- {title: lunch, from: 2024-05-02 10:00, to: 2024-05-02 11:00}\n",
              &a, &all);
    read_yaml("- {title: day, from: 2024-01-01, to: 2024-01-01, repeat: FREQ=DAILY}\n", &a, &always);
    struct freeze_ask q = {
        .zone = "UTC", .from = at("2024-05-01T21:00:00Z"), .to = at("2024-05-01T23:00:00Z")};
    assert_int_equal(freezes_clear(&all, &q), at("2024-05-02T11:00:00Z"));
    q.to = q.from + HOURS(1);
    assert_int_equal(freezes_clear(&all, &q), at("2024-05-02T09:00:00Z"));
    q.from = at("2024-05-02T12:00:00Z");
    q.to = at("2024-05-02T13:00:00Z");
    assert_int_equal(freezes_clear(&all, &q), q.from);
    assert_int_equal(freezes_clear(&always, &q), -1);
}

static void those_met_come_by_their_begin(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    struct freezes all;
    struct freeze_met met[8];
    read_yaml("- {title: late, from: 2024-05-03, to: 2024-05-03}\n"
              "- {title: nightly, from: 2024-05-01 20:00, to: 2024-05-01 22:00, repeat: FREQ=DAILY}\n"
              "- {title: early, from: 2024-05-01, to: 2024-05-02}\n",
              &a, &all);
    struct freeze_ask q = {
        .zone = "UTC", .from = at("2024-05-01T00:00:00Z"), .to = at("2024-05-04T00:00:00Z")};
    static const char *const order[] = {"early", "nightly", "nightly", "late", "nightly"};
    assert_int_equal(freezes_meet(&all, &q, met, 8), 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(met[i].freeze->title, order[i]);
    assert_int_equal(freezes_meet(&all, &q, met, 2), 2);
}

static const struct {
    const char *yaml;
    enum error_code code;
    const char *says;
} refused[] = {
    {"freezes", SB_PARSE, "expected a list"},
    {"- nothing", SB_PARSE, "title, from and to"},
    {"- {title: x}", SB_MISSING, "a freeze needs from"},
    {"- {from: 2024-12-24, to: 2024-12-25}", SB_MISSING, "a freeze needs title"},
    {"- {title: x, from: 2024-12-24, to: 2024-12-25, until: x}", SB_UNKNOWN, "until"},
    {"- {title: x, from: 2024-12-24, to: 2024-12-23}", SB_RANGE, "ends before it begins"},
    {"- {title: x, from: 2024-02-30, to: 2024-03-23}", SB_RANGE, "2024-02 has 29 days"},
    {"- {title: x, from: tomorrow 14:00, to: 2024-12-23}", SB_PARSE, "expected a date"},
    {"- {title: x, from: 2024-12-24, to: 2024-12-25, zone: Mars/Crater}", SB_UNKNOWN, "Mars/Crater"},
    {"- {title: x, zone: UTC, from: 2024-12-24 10:00 Asia/Tokyo, to: 2024-12-25}", SB_PARSE,
     "in Asia/Tokyo, but the freeze is in UTC"},
    {"- {title: x, from: 2024-12-24, to: 2026-12-25}", SB_RANGE, "longer than a year"},
    {"- {title: x, from: 2024-12-24, to: 2024-12-25, repeat: weekly}", SB_PARSE, "expected a rule"},
    {"- {title: x, from: 2024-12-24, to: 2024-12-25, repeat: FREQ=SECONDLY}", SB_PARSE, "expected a rule"},
    {"- {title: x, from: 2024-12-24, to: 2024-12-25, repeat: FREQ=HOURLY}", SB_PARSE, "expected a rule"},
    {"- {title: x, from: 2024-12-24, to: 2024-12-24, repeat: FREQ=WEEKLY;BYDAY=FR}", SB_RANGE,
     "not a day of its rule"},
    {"- {title: x, from: 2024-12-24, to: 2024-12-24, repeat: \"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\"}",
     SB_RANGE, "not a day of its rule"},
    {"- {title: x, from: 2024-12-24, to: 2024-12-25, clients: tangerine}", SB_PARSE, "a list of names"},
    {"- {title: x, from: 2024-12-24, to: 2024-12-25, except: [soon]}", SB_PARSE, "a date such as"},
};

static void a_freeze_that_makes_no_sense_is_refused_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        _cleanup_arena_ struct arena a = arena_make();
        struct error err = ERROR_NONE;
        struct freezes all;
        const char *text = refused[i].yaml;
        const struct yaml *y = yaml_parse(text, strlen(text), "test.yaml", 1, 0, &a, &err);
        if (!y)
            fail_msg("%s: %s", text, err.text);
        if (freezes_read(y, "test.yaml", &a, &all, &err))
            fail_msg("%s: taken", text);
        assert_error(&err, refused[i].code, refused[i].says, text);
        assert_int_equal(err.line, 1);
    }
}

/* Calendars bring their own rules: none of them may hang or be taken for a time. */
static void rules_that_are_none_give_nothing(void **state)
{
    (void)state;
    static const char *const rules[] = {"",
                                        "FREQ=",
                                        "FREQ=DAILY;INTERVAL=0",
                                        "FREQ=DAILY;COUNT=-1",
                                        "FREQ=SECONDLY",
                                        "x",
                                        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31",
                                        "FREQ=YEARLY;BYWEEKNO=99",
                                        ";;;",
                                        "FREQ=DAILY;UNTIL=never"};
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        struct recur r = {.from = 0, .to = HOURS(1), .rule = rules[i]};
        struct span out[2];
        int n = recur_meets(&r, "UTC", DAYS(20000), DAYS(20000) + HOURS(12), out, 2);
        assert_true(n >= 0 && n <= 1);
    }
    struct recur r = {.from = 0, .to = HOURS(1), .rule = "FREQ=DAILY"};
    struct span out[2];
    assert_int_equal(recur_meets(&r, "Mars/Crater", 0, DAYS(2), out, 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_meets_a_freeze_where_the_clocks_on_the_wall_say_so),
        cmocka_unit_test(a_freeze_belongs_to_all_or_to_clients_or_to_environments),
        cmocka_unit_test(the_first_clear_moment_is_behind_all_freezes_that_follow_each_other),
        cmocka_unit_test(those_met_come_by_their_begin),
        cmocka_unit_test(a_freeze_that_makes_no_sense_is_refused_with_its_place),
        cmocka_unit_test(rules_that_are_none_give_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
