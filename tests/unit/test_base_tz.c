#include "check.h"

#include "base/instant.h"
#include "base/tz.h"
#include <pthread.h>

static int64_t at(const char *rfc3339)
{
    int64_t ms;
    if (!instant_parse_rfc3339(rfc3339, &ms, NULL))
        fail_msg("%s", rfc3339);
    return ms / 1000;
}

/* The second before a change and the change itself, in each row; from the published rules of each country. */
static void clocks_change_at_the_published_second(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *change;
        int before_min, after_min;
        const char *before, *after;
    } rows[] = {
        {"America/New_York", "2024-03-10T07:00:00Z", -300, -240, "EST", "EDT"},
        {"America/New_York", "2024-11-03T06:00:00Z", -240, -300, "EDT", "EST"},
        {"America/New_York", "1974-01-06T07:00:00Z", -300, -240, "EST", "EDT"}, /* the oil crisis */
        {"America/New_York", "2040-03-11T07:00:00Z", -300, -240, "EST", "EDT"}, /* beyond 32 bits: by rule */
        {"America/New_York", "2099-11-01T06:00:00Z", -240, -300, "EDT", "EST"},
        {"Europe/Berlin", "2024-03-31T01:00:00Z", 60, 120, "CET", "CEST"},
        {"Europe/Berlin", "2024-10-27T01:00:00Z", 120, 60, "CEST", "CET"},
        {"Europe/London", "1971-10-31T02:00:00Z", 60, 0, "BST", "GMT"},
        {"Europe/Dublin", "2026-03-29T01:00:00Z", 0, 60, "GMT", "IST"}, /* summer is its standard time */
        {"Australia/Lord_Howe", "2024-04-06T15:00:00Z", 660, 630, "+11", "+1030"},
        {"Australia/Lord_Howe", "2024-10-05T15:30:00Z", 630, 660, "+1030", "+11"},
        {"Australia/Lord_Howe", "2040-10-06T15:30:00Z", 630, 660, "+1030",
         "+11"}, /* libical 3.0.16 misses it */
        {"Australia/Sydney", "2024-04-06T16:00:00Z", 660, 600, "AEDT", "AEST"},
        {"Australia/Sydney", "2039-10-01T16:00:00Z", 600, 660, "AEST", "AEDT"},
        {"America/St_Johns", "2040-03-11T05:30:00Z", -210, -150, "NST", "NDT"}, /* nor this one */
        {"Pacific/Easter", "2020-09-06T04:00:00Z", -360, -300, "-06", "-05"},   /* nor this one */
        {"Pacific/Apia", "2011-12-30T10:00:00Z", -600, 840, "-10", "+14"},
        {"Pacific/Chatham", "2026-04-04T14:00:00Z", 825, 765, "+1345", "+1245"},
        {"America/Nuuk", "2040-03-25T01:00:00Z", -120, -60, "-02",
         "-01"}, /* its rule changes the day before */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error e;
        const struct tz *tz = tz_find(rows[i].zone, &e);
        if (tz == NULL)
            fail_msg("%s", e.text);
        struct tz_period before = tz_at(tz, at(rows[i].change) - 1), after = tz_at(tz, at(rows[i].change));
        if (before.offset_s != rows[i].before_min * 60 || after.offset_s != rows[i].after_min * 60)
            fail_msg("%s at %s: from %d to %d", rows[i].zone, rows[i].change, before.offset_s / 60,
                     after.offset_s / 60);
        assert_string_equal(before.name, rows[i].before);
        assert_string_equal(after.name, rows[i].after);
    }
}

static void names_that_are_no_zones_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *says;
    } rows[] = {
        {"America/New_Yrok", "did you mean America/New_York?"},
        {"america/new_york", "did you mean America/New_York?"},
        {"New York", "did you mean America/New_York?"},
        {"Berlin", "did you mean Europe/Berlin?"},
        {"Mars/Olympus_Mons", "a zone has a name like America/New_York"},
        {"", "a zone has a name like"},
        {"../../../etc/passwd", "a zone has a name like"},
        {"/etc/localtime", "a zone has a name like"},
        {"America", "there is no time zone"},
        {"America/", "there is no time zone"},
        {"zone.tab", "there is no time zone"},
        {"right/America/New_York", "there is no time zone"},
        {"AmericaXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
         "there is no"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error e = ERROR_NONE;
        assert_null(tz_find(rows[i].zone, &e));
        assert_error(&e, SB_UNKNOWN, rows[i].says, rows[i].zone);
    }
    assert_false(zone_check("Europe/Berlim", NULL));
    assert_true(zone_check("UTC", NULL));
}

static void a_rule_is_read_as_posix_writes_it(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *moment;
        int offset_min;
        const char *name;
    } rows[] = {
        {"UTC0", "2050-01-01T00:00:00Z", 0, "UTC"},
        {"<+0545>-5:45", "2050-01-01T00:00:00Z", 345, "+0545"},
        {"EST5EDT,M3.2.0,M11.1.0", "2050-03-13T06:59:59Z", -300, "EST"},
        {"EST5EDT,M3.2.0,M11.1.0", "2050-03-13T07:00:00Z", -240, "EDT"},
        {"EST5EDT,M3.2.0,M11.1.0", "2050-11-06T06:00:00Z", -300, "EST"},
        {"NZST-12NZDT,M9.5.0,M4.1.0/3", "2050-01-01T00:00:00Z", 780, "NZDT"},
        {"NZST-12NZDT,M9.5.0,M4.1.0/3", "2050-07-01T00:00:00Z", 720, "NZST"},
        {"XXX3YYY4,J60/0,J61/0", "2052-03-01T02:59:59Z", -180, "XXX"}, /* 1 March, in a leap year too */
        {"XXX3YYY4,J60/0,J61/0", "2052-03-01T03:00:00Z", -240, "YYY"},
        {"XXX3YYY4,59/0,60/0", "2052-02-29T03:00:00Z", -240, "YYY"}, /* counts 29 February */
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2050-03-27T00:59:59Z", -120, "-02"},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2050-03-27T01:00:00Z", -60, "-01"},
        {"IST-2IDT,M3.4.4/26,M10.5.0", "2050-03-25T00:00:00Z", 180,
         "IDT"}, /* 02:00 on the day after a Thursday */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct tz_rule rule;
        if (!tz_rule_parse(rows[i].rule, &rule))
            fail_msg("%s", rows[i].rule);
        struct tz_period p = tz_rule_at(&rule, at(rows[i].moment));
        if (p.offset_s != rows[i].offset_min * 60 || strcmp(p.name, rows[i].name) != 0)
            fail_msg("%s at %s: %d %s", rows[i].rule, rows[i].moment, p.offset_s / 60, p.name);
    }
}

static void a_malformed_rule_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"",
                                       "EST",
                                       "5EST",
                                       "EST5EDT",
                                       "EST5EDT,M3.2.0",
                                       "EST5EDT,M13.2.0,M11.1.0",
                                       "EST5EDT,M3.6.0,M11.1.0",
                                       "EST5EDT,M3.2.7,M11.1.0",
                                       "EST5EDT,J0,J100",
                                       "EST5EDT,366,3",
                                       "EST168",
                                       "EST5:60",
                                       "<EST5",
                                       "ABCDEFGHIJKLMNOPQ5",
                                       "EST5EDT,M3.2.0,M11.1.0,x"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct tz_rule rule;
        if (tz_rule_parse(rows[i], &rule))
            fail_msg("%s", rows[i]);
    }
}

static void *look_up(void *arg)
{
    static const char *const zones[] = {"Asia/Tokyo", "Asia/Seoul", "Asia/Dubai", "Africa/Lagos",
                                        "Asia/Kolkata"};
    for (int i = 0; i < 500; i++) {
        const struct tz *tz = tz_find(zones[i % 5], NULL);
        if (tz == NULL || tz_at(tz, 0).offset_s == 1)
            return NULL;
    }
    return arg;
}

static void threads_share_zones(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_up, threads), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_ptr_equal(result, threads);
    }
    assert_ptr_equal(tz_find("Asia/Tokyo", NULL), tz_find("Asia/Tokyo", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_change_at_the_published_second),
        cmocka_unit_test(names_that_are_no_zones_are_refused),
        cmocka_unit_test(a_rule_is_read_as_posix_writes_it),
        cmocka_unit_test(a_malformed_rule_is_refused),
        cmocka_unit_test(threads_share_zones),
    };
    return cmocka_run_group_tests_name("base/tz", tests, NULL, NULL);
}
