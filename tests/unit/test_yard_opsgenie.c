#include "yard_play.h"

#define ALERT                         \
    "{\"message\":\"Hotfix "          \
    "failed\",\"alias\":\"HF-7/page/" \
    "1\",\"priority\":\"P1\",\"responders\":[{\"type\":\"team\",\"name\":\"decanting\"}]}"
#define BY_ALIAS "/v2/alerts/HF-7%2Fpage%2F1?identifierType=alias"

static void an_alert_is_there_when_it_was_processed(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    char path[128];
    play_open(&p, NULL, NULL);
    assert_int_equal(ask(&p, "opsgenie", "POST", "/v2/alerts", ALERT), 202);
    snprintf(path, sizeof path, "/v2/alerts/requests/%s", said(&p, "requestId"));
    assert_int_equal(ask(&p, "opsgenie", "GET", path, NULL), 404);
    assert_int_equal(ask(&p, "opsgenie", "GET", BY_ALIAS, NULL), 404);
    leap(&p, 1);
    assert_int_equal(ask(&p, "opsgenie", "GET", path, NULL), 200);
    assert_true(json_flag(p.json, "data.success", false));
    assert_string_equal(said(&p, "data.alias"), "HF-7/page/1");
    assert_int_equal(ask(&p, "opsgenie", "GET", BY_ALIAS, NULL), 200);
    assert_string_equal(said(&p, "data.status"), "open");
    assert_int_equal(deeds(&p, "?key=HF-7/page/1"), 1);
    play_close(&p);
}

static void an_alias_that_is_open_only_counts_up(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(&p, "opsgenie", "POST", "/v2/alerts", ALERT), 202);
        leap(&p, 1);
    }
    assert_int_equal(ask(&p, "opsgenie", "GET", BY_ALIAS, NULL), 200);
    assert_int_equal(json_int(p.json, "data.count", 0), 2);
    assert_int_equal(
        ask(&p, "opsgenie", "POST", "/v2/alerts/HF-7%2Fpage%2F1/close?identifierType=alias", "{}"), 202);
    leap(&p, 1);
    assert_int_equal(ask(&p, "opsgenie", "GET", BY_ALIAS, NULL), 200);
    assert_string_equal(said(&p, "data.status"), "closed");
    assert_int_equal(ask(&p, "opsgenie", "POST", "/v2/alerts", ALERT), 202);
    leap(&p, 1);
    assert_int_equal(ask(&p, "opsgenie", "GET", BY_ALIAS, NULL), 200);
    assert_string_equal(said(&p, "data.status"), "open");
    assert_int_equal(json_int(p.json, "data.count", 0), 1);
    play_close(&p);
}

static void the_person_on_call_acknowledges_when_the_scenario_says_so(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL,
              "{\"people\":{\"on-call.decanting@example.com\":{\"answers\":{\"alert\":{\"after\":20}}}}}");
    assert_int_equal(ask(&p, "opsgenie", "POST", "/v2/alerts", ALERT), 202);
    leap(&p, 10);
    assert_int_equal(ask(&p, "opsgenie", "GET", BY_ALIAS, NULL), 200);
    assert_false(json_flag(p.json, "data.acknowledged", true));
    leap(&p, 11);
    assert_int_equal(ask(&p, "opsgenie", "GET", BY_ALIAS, NULL), 200);
    assert_true(json_flag(p.json, "data.acknowledged", false));
    assert_string_equal(said(&p, "data.owner"), "on-call.decanting@example.com");
    play_close(&p);
}

static void who_is_on_call_is_looked_up_by_schedule(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    assert_int_equal(ask(&p, "opsgenie", "GET",
                         "/v2/schedules/production/on-calls?scheduleIdentifierType=name&flat=true", NULL),
                     200);
    assert_string_equal(said(&p, "data.onCallRecipients.0"), "on-call.production@example.com");
    assert_int_equal(ask(&p, "opsgenie", "GET",
                         "/v2/schedules/nobody/on-calls?scheduleIdentifierType=name&flat=true", NULL),
                     404);
    assert_int_equal(ask(&p, "opsgenie", "POST", "/v2/alerts", "{\"alias\":\"x\"}"), 422);
    assert_int_equal(ask(&p, "opsgenie", "POST", "/v2/alerts", "{\"message\":\"x\",\"priority\":\"P9\"}"),
                     422);
    p.unsigned_in = true;
    assert_int_equal(ask(&p, "opsgenie", "GET", "/v2/schedules", NULL), 401);
    play_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alert_is_there_when_it_was_processed),
        cmocka_unit_test(an_alias_that_is_open_only_counts_up),
        cmocka_unit_test(the_person_on_call_acknowledges_when_the_scenario_says_so),
        cmocka_unit_test(who_is_on_call_is_looked_up_by_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
