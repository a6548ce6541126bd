#include "yard_play.h"

#include "base/instant.h"

#define PAGE      "/v1/pages/kctbh9vrtdwd"
#define TANGERINE "kct000000001z"

/* A maintenance that begins in two hours and lasts one, with more fields. Its id. */
static const char *schedule(struct play *p, const char *extra)
{
    static char id[32];
    char from[32], until[32], body[1024];
    instant_rfc3339(yard_now(p->yard) + HOURS(2), from);
    instant_rfc3339(yard_now(p->yard) + HOURS(3), until);
    snprintf(body, sizeof body,
             "{\"incident\":{\"name\":\"Hotfix\",\"status\":\"scheduled\",\"scheduled_for\":\"%s\","
             "\"scheduled_until\":\"%s\",\"body\":\"Soon\","
             "\"component_ids\":[\"" TANGERINE "\"],\"metadata\":{\"signalbox\":{\"key\":\"K1\"}}%s}}",
             from, until, extra);
    assert_int_equal(ask(p, "statuspage", "POST", PAGE "/incidents", body), 201);
    snprintf(id, sizeof id, "%s", said(p, "id"));
    return id;
}

static int change(struct play *p, const char *id, const char *fields)
{
    char path[96], body[512];
    snprintf(path, sizeof path, PAGE "/incidents/%s", id);
    snprintf(body, sizeof body, "{\"incident\":{%s}}", fields);
    return ask(p, "statuspage", "PATCH", path, body);
}

static const char *component(struct play *p)
{
    assert_int_equal(ask(p, "statuspage", "GET", PAGE "/components/" TANGERINE, NULL), 200);
    return said(p, "status");
}

static size_t listed(struct play *p, const char *list)
{
    char path[96];
    snprintf(path, sizeof path, PAGE "/incidents/%s", list);
    assert_int_equal(ask(p, "statuspage", "GET", path, NULL), 200);
    return json_array_size(p->json);
}

static void a_maintenance_goes_its_way_from_scheduled_to_completed(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    const char *id = schedule(&p, "");
    assert_string_equal(said(&p, "impact"), "maintenance");
    assert_string_equal(said(&p, "components.0.name"), "Tangerine");
    assert_string_equal(said(&p, "metadata.signalbox.key"), "K1");
    assert_int_equal(listed(&p, "upcoming"), 1);
    assert_int_equal(listed(&p, "active_maintenance"), 0);
    assert_int_equal(change(&p, id,
                            "\"status\":\"in_progress\",\"body\":\"Now\",\"components\":{\"" TANGERINE
                            "\":\"under_maintenance\"}"),
                     200);
    assert_string_equal(said(&p, "incident_updates.0.affected_components.0.new_status"), "under_maintenance");
    assert_string_equal(component(&p), "under_maintenance");
    assert_int_equal(listed(&p, "active_maintenance"), 1);
    assert_int_equal(change(&p, id, "\"status\":\"verifying\",\"body\":\"Looking\""), 200);
    assert_int_equal(change(&p, id,
                            "\"status\":\"completed\",\"body\":\"Done\",\"components\":{\"" TANGERINE
                            "\":\"operational\"}"),
                     200);
    assert_int_equal(json_array_size(json_object_get(p.json, "incident_updates")), 4);
    assert_string_equal(component(&p), "operational");
    assert_int_equal(listed(&p, "scheduled"), 0);
    assert_int_equal(deeds(&p, "?key=K1"), 1);
    assert_int_equal(deeds(&p, ""), 4);
    play_close(&p);
}

static void a_maintenance_can_be_extended_while_it_lasts(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    char fields[128], until[32];
    play_open(&p, NULL, NULL);
    const char *id = schedule(&p, "");
    leap(&p, 2.5 * 3600);
    assert_int_equal(change(&p, id, "\"status\":\"in_progress\""), 200);
    instant_rfc3339(yard_now(p.yard) + HOURS(2), until);
    snprintf(fields, sizeof fields, "\"scheduled_until\":\"%s\",\"body\":\"Longer\"", until);
    assert_int_equal(change(&p, id, fields), 200);
    assert_string_equal(said(&p, "scheduled_until"), until);
    assert_string_equal(said(&p, "status"), "in_progress");
    assert_string_equal(said(&p, "incident_updates.0.body"), "Longer");
    play_close(&p);
}

static void what_was_told_to_happen_by_itself_happens_by_itself(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    schedule(&p, ",\"scheduled_auto_in_progress\":true,\"scheduled_auto_completed\":true,\"auto_transition_"
                 "to_maintenance_state\":true,"
                 "\"auto_transition_to_operational_state\":true");
    leap(&p, 2.5 * 3600);
    assert_string_equal(component(&p), "under_maintenance");
    assert_int_equal(listed(&p, "active_maintenance"), 1);
    leap(&p, 3600);
    assert_string_equal(component(&p), "operational");
    assert_int_equal(listed(&p, "scheduled"), 0);
    play_close(&p);
}

static void a_maintenance_waits_for_somebody_unless_told_otherwise(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    schedule(&p, "");
    leap(&p, 10.0 * 3600);
    assert_int_equal(listed(&p, "upcoming"), 1);
    play_close(&p);
}

/* Requests that Statuspage refuses. */
static const struct {
    const char *method, *path, *body;
    int status;
    const char *says;
} refused[] = {
    {"POST", PAGE "/incidents", "{\"incident\":{\"status\":\"scheduled\"}}", 422, "Name can't be blank"},
    {"POST", PAGE "/incidents", "{\"incident\":{\"name\":\"x\",\"status\":\"scheduled\"}}", 422,
     "Scheduled for can't be blank"},
    {"POST", PAGE "/incidents",
     "{\"incident\":{\"name\":\"x\",\"status\":\"scheduled\",\"scheduled_for\":\"2020-01-01T00:00:00Z\","
     "\"scheduled_until\":\"2020-01-01T01:00:00Z\"}}",
     422, "must be in the future"},
    {"POST", PAGE "/incidents", "{\"incident\":{\"name\":\"x\",\"metadata\":{\"a\":\"b\"}}}", 422,
     "must be objects"},
    {"POST", PAGE "/incidents", "{\"incident\":{\"name\":\"x\",\"component_ids\":[\"kct9\"]}}", 422,
     "Component ids"},
    {"POST", PAGE "/incidents", "{}", 400, "incident is missing"},
    {"PATCH", PAGE "/incidents/p1", "{\"incident\":{}}", 404, "Not found"},
    {"PATCH", PAGE "/components/" TANGERINE, "{\"component\":{\"status\":\"fine\"}}", 422, "not included"},
    {"GET", "/v1/pages/other/components", NULL, 404, "Not found"},
    {"GET", "/components", NULL, 404, "Not found"},
};

static void what_statuspage_refuses_is_refused_with_its_words(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        assert_int_equal(ask(&p, "statuspage", refused[i].method, refused[i].path, refused[i].body),
                         refused[i].status);
        assert_non_null(strstr(p.text, refused[i].says));
    }
    p.unsigned_in = true;
    assert_int_equal(ask(&p, "statuspage", "GET", PAGE "/components", NULL), 401);
    assert_int_equal(deeds(&p, ""), 0);
    play_close(&p);
}

static void more_than_sixty_calls_a_minute_are_too_many(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    for (int i = 0; i < 60; i++)
        assert_int_equal(ask(&p, "statuspage", "GET", PAGE "/components?per_page=2&page=2", NULL), 200);
    assert_int_equal(json_array_size(p.json), 1);
    assert_int_equal(ask(&p, "statuspage", "GET", PAGE "/components", NULL), 429);
    leap(&p, 61);
    assert_int_equal(ask(&p, "statuspage", "GET", PAGE "/components", NULL), 200);
    play_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_maintenance_goes_its_way_from_scheduled_to_completed),
        cmocka_unit_test(a_maintenance_can_be_extended_while_it_lasts),
        cmocka_unit_test(what_was_told_to_happen_by_itself_happens_by_itself),
        cmocka_unit_test(a_maintenance_waits_for_somebody_unless_told_otherwise),
        cmocka_unit_test(what_statuspage_refuses_is_refused_with_its_words),
        cmocka_unit_test(more_than_sixty_calls_a_minute_are_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
