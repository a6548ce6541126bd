/* The built-in drivers over a shelf in memory. */
#include "drive.h"
#include "systems/documents.h"
#include "systems/drivers.h"
#include "systems/freeze.h"

/* --- tickets ---------------------------------------------------------------------------------- */

static void a_ticket_made_twice_is_one_ticket(void **state)
{
    struct drive *d = *state;
    drive_open(d, &builtin_tickets_driver, "url: https://box.example/\n");
    drive_do(d, "create", "HF-7/ticket/1", json_pack("{s:s}", "summary", "Fix the cart"));
    assert_done(d);
    assert_string_equal(drive_str(d, "id"), "HF-7/ticket/1");
    assert_string_equal(drive_str(d, "url"), "https://box.example/changes/HF-7");
    drive_do(d, "create", "HF-7/ticket/1", json_pack("{s:s}", "summary", "Fix the cart"));
    assert_done(d);
    assert_int_equal(json_object_size(json_object_get(d->docs, KEPT_TICKET)), 1);
}

static void a_ticket_moves_takes_comments_and_links_each_once(void **state)
{
    struct drive *d = *state;
    drive_open(d, &builtin_tickets_driver, NULL);
    drive_do(d, "create", "k", json_pack("{s:s}", "summary", "Fix"));
    for (int twice = 0; twice < 2; twice++) {
        drive_do(d, "transition", "k2",
                 json_pack("{s:s, s:s, s:s}", "ticket", "k", "to", "Done", "resolution", "Fixed"));
        assert_string_equal(drive_str(d, "status"), "Done");
        drive_do(d, "comment", "k3", json_pack("{s:s, s:s}", "ticket", "k", "text", "hello"));
        assert_string_equal(drive_str(d, "id"), "k3");
        drive_do(d, "link", "k4",
                 json_pack("{s:s, s:s, s:s}", "ticket", "k", "url", "https://x", "title", "Build"));
        assert_done(d);
    }
    const json_t *doc = json_object_get(json_object_get(d->docs, KEPT_TICKET), "k");
    assert_string_equal(json_str(doc, "resolution", ""), "Fixed");
    assert_int_equal(json_object_size(json_object_get(doc, "comments")), 1);
    assert_string_equal(json_str(doc, "links.k4.title", ""), "Build");
    assert_int_equal(json_int(doc, "history.k2.at", 0), d->now);
}

static void a_ticket_that_is_not_there_fails_and_a_store_that_fails_is_tried_again(void **state)
{
    struct drive *d = *state;
    drive_open(d, &builtin_tickets_driver, NULL);
    drive_do(d, "comment", "k", json_pack("{s:s, s:s}", "ticket", "OPS-1", "text", "x"));
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    assert_non_null(strstr(d->end.error.text, "OPS-1"));
    d->shelf_fails = true;
    drive_do(d, "create", "k", json_pack("{s:s}", "summary", "x"));
    assert_int_equal(d->end.kind, OUTCOME_RETRY);
}

static void a_cancelled_task_and_a_closed_system_are_never_called_back(void **state)
{
    struct drive *d = *state;
    drive_open(d, &builtin_tickets_driver, NULL);
    drive_begin(d, false, "create", "k", json_pack("{s:s}", "summary", "x"));
    task_cancel(d->task);
    drive_begin(d, false, "create", "k2", json_pack("{s:s}", "summary", "x"));
    drive_close(d);
    drive_run(d, 30, NULL);
    assert_false(d->end.over);
}

static void the_built_in_drivers_need_a_store(void **state)
{
    struct drive *d = *state;
    struct error err = ERROR_NONE;
    d->around.shelf = NULL;
    assert_false(drive_try_open(d, &builtin_tickets_driver, NULL, &err));
    assert_int_equal(err.code, SB_STATE);
}

static void doctor_hears_whether_the_store_answers(void **state)
{
    struct drive *d = *state;
    drive_open(d, &builtin_tickets_driver, NULL);
    drive_check(d);
    assert_int_equal(d->end.checks[0].state, CHECK_OK);
    d->shelf_fails = true;
    drive_check(d);
    assert_int_equal(d->end.checks[0].state, CHECK_FAIL);
}

/* --- calendar --------------------------------------------------------------------------------- */

static void make_event(struct drive *d, const char *key, const char *title, int64_t from, int64_t to)
{
    drive_do(d, "create", key,
             json_pack("{s:s, s:I, s:I}", "title", title, "from", (json_int_t)from, "to", (json_int_t)to));
    assert_done(d);
}

static size_t conflicts(struct drive *d, int64_t from, int64_t to, const char *client, const char *except)
{
    drive_do(d, "conflicts", "k",
             json_pack("{s:I, s:I, s:s, s:s}", "from", (json_int_t)from, "to", (json_int_t)to, "client",
                       client, "except", except));
    assert_done(d);
    return json_array_size(json_object_get(d->end.result, "conflicts"));
}

static void conflicts_are_the_other_events_of_the_client_in_that_time(void **state)
{
    struct drive *d = *state;
    drive_open(d, &builtin_calendar_driver, NULL);
    make_event(d, "late", "Tangerine: release train", 300, 400);
    make_event(d, "early", "Tangerine/prod hotfix", 100, 200);
    make_event(d, "other", "Plum deploy", 100, 200);
    make_event(d, "frozen", "Holiday freeze", 150, 160);
    assert_int_equal(conflicts(d, 100, 350, "tangerine", ""), 3);
    assert_string_equal(drive_str(d, "conflicts.0.event"), "early");
    assert_string_equal(drive_str(d, "conflicts.1.event"), "frozen");
    assert_true(json_flag(d->end.result, "conflicts.1.freeze", false));
    assert_string_equal(drive_str(d, "conflicts.2.event"), "late");
    assert_int_equal(conflicts(d, 200, 300, "tangerine", ""), 0);
    assert_int_equal(conflicts(d, 160, 350, "tangerine", "early"), 1);
    assert_int_equal(conflicts(d, 160, 350, "", ""), 3);
}

static void an_event_that_moves_or_is_cancelled_conflicts_where_it_is_now(void **state)
{
    struct drive *d = *state;
    drive_open(d, &builtin_calendar_driver, NULL);
    make_event(d, "e", "x", 100, 200);
    drive_do(d, "update", "u", json_pack("{s:s, s:i, s:i}", "event", "e", "from", 500, "to", 600));
    assert_done(d);
    assert_int_equal(conflicts(d, 100, 200, "", ""), 0);
    assert_int_equal(conflicts(d, 550, 560, "", ""), 1);
    drive_do(d, "cancel", "c", json_pack("{s:s}", "event", "e"));
    assert_done(d);
    assert_int_equal(conflicts(d, 550, 560, "", ""), 0);
    drive_do(d, "cancel", "c2", json_pack("{s:s}", "event", "gone"));
    assert_done(d);
}

static int one_freeze(void *ctx, const char *client, const char *env, int64_t from, int64_t to,
                      struct freeze_met *out, int most)
{
    static const struct freeze black_friday = {.title = "Black Friday"};
    (void)ctx;
    if (strcmp(client, "tangerine") != 0 || strcmp(env, "prod") != 0 || from >= 300 || to <= 150 || most < 1)
        return 0;
    out[0] = (struct freeze_met){&black_friday, 150, 300};
    return 1;
}

static void freezes_of_the_configuration_are_conflicts_too(void **state)
{
    struct drive *d = *state;
    drive_open(d, &builtin_calendar_driver, NULL);
    d->around.freezes = one_freeze;
    make_event(d, "early", "Tangerine/prod hotfix", 100, 200);
    make_event(d, "late", "Tangerine/prod hotfix", 200, 300);
    drive_do(d, "conflicts", "c",
             json_pack("{s:i, s:i, s:s, s:s}", "from", 100, "to", 350, "client", "tangerine", "env", "prod"));
    assert_done(d);
    assert_string_equal(drive_str(d, "conflicts.0.event"), "early");
    assert_string_equal(drive_str(d, "conflicts.1.title"), "Black Friday");
    assert_string_equal(drive_str(d, "conflicts.1.event"), "");
    assert_int_equal(json_int(d->end.result, "conflicts.1.to", 0), 300);
    assert_true(json_flag(d->end.result, "conflicts.1.freeze", false));
    assert_string_equal(drive_str(d, "conflicts.2.event"), "late");
    assert_int_equal(conflicts(d, 100, 350, "plum", ""), 0);
}

/* --- status page ------------------------------------------------------------------------------ */

static json_t *maintenance_args(const char *body)
{
    return json_pack("{s:s, s:s, s:[s, s]}", "maintenance", "m", "body", body, "components", "Cart",
                     "Picking");
}

static void schedule_maintenance(struct drive *d)
{
    drive_open(d, &builtin_statuspage_driver, NULL);
    drive_do(d, "schedule", "m",
             json_pack("{s:s, s:s, s:i, s:i, s:[s, s]}", "name", "Hotfix", "body", "soon", "from", 1, "to", 2,
                       "components", "Cart", "Picking"));
    assert_done(d);
    assert_string_equal(drive_str(d, "id"), "m");
}

static void a_maintenance_goes_from_scheduled_to_completed_and_never_back(void **state)
{
    struct drive *d = *state;
    schedule_maintenance(d);
    drive_do(d, "begin", "b", maintenance_args("now"));
    assert_string_equal(drive_str(d, "status"), "in_progress");
    drive_do(d, "confirm", "k",
             json_pack("{s:[s, s], s:s}", "components", "cart", "Picking", "status", "under_maintenance"));
    assert_done(d);
    drive_do(d, "extend", "x", json_pack("{s:s, s:i, s:s}", "maintenance", "m", "to", 9, "body", "longer"));
    assert_int_equal(json_int(d->end.result, "to", 0), 9);
    drive_do(d, "verify", "v", maintenance_args("looking"));
    assert_string_equal(drive_str(d, "status"), "verifying");
    for (int twice = 0; twice < 2; twice++) {
        drive_do(d, "complete", "c", maintenance_args("done"));
        assert_string_equal(drive_str(d, "status"), "completed");
    }
    drive_do(d, "verify", "v2", maintenance_args("again"));
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    const json_t *doc = json_object_get(json_object_get(d->docs, KEPT_MAINTENANCE), "m");
    assert_int_equal(json_object_size(json_object_get(doc, "updates")), 5);
    assert_string_equal(json_str(doc, "updates.x.body", ""), "longer");
}

static void components_are_set_read_back_and_misspelt_words_refused(void **state)
{
    struct drive *d = *state;
    drive_open(d, &builtin_statuspage_driver, NULL);
    drive_do(d, "confirm", "k", json_pack("{s:[s], s:s}", "components", "Cart", "status", "operational"));
    assert_done(d);
    drive_do(d, "component", "k",
             json_pack("{s:[s], s:s}", "components", "Cart", "status", "partial_outage"));
    assert_string_equal(drive_str(d, "components.0.status"), "partial_outage");
    drive_do(d, "confirm", "k", json_pack("{s:[s], s:s}", "components", "Cart", "status", "operational"));
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    assert_string_equal(drive_str(d, "components.0.status"), "partial_outage");
    drive_do(d, "component", "k", json_pack("{s:[s], s:s}", "components", "Cart", "status", "operationel"));
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    assert_non_null(strstr(d->end.error.text, "did you mean \"operational\""));
    drive_do(d, "component", "k", json_pack("{s:[], s:s}", "components", "status", "operational"));
    assert_done(d);
}

/* --- timeline --------------------------------------------------------------------------------- */

static void posts_open_threads_and_are_edited_in_place(void **state)
{
    struct drive *d = *state;
    drive_open(d, &timeline_driver, NULL);
    drive_do(d, "channel", "c", json_pack("{s:s, s:s}", "name", "HF 7", "topic", "the fix"));
    assert_true(json_flag(d->end.result, "created", false));
    drive_do(d, "channel", "c2", json_pack("{s:s}", "name", "hf-7"));
    assert_false(json_flag(d->end.result, "created", true));

    drive_do(d, "post", "p",
             json_pack("{s:[s, s], s:s}", "channels", "#change-control", "incident", "text", "starting"));
    assert_int_equal(json_array_size(json_object_get(d->end.result, "posts")), 2);
    json_t *opened = json_incref(d->end.result);
    drive_do(d, "post", "p2",
             json_pack("{s:[s], s:s, s:O}", "channels", "change-control", "text", "going", "thread", opened));
    assert_done(d);
    const json_t *posts = json_object_get(d->docs, KEPT_POST);
    assert_string_equal(json_str(json_object_get(posts, "p2#change-control"), "thread", ""),
                        "p#change-control");
    drive_do(d, "edit", "e", json_pack("{s:o, s:s}", "posts", opened, "text", "done"));
    assert_done(d);
    assert_int_equal(json_object_size(posts), 3);
    assert_string_equal(json_str(json_object_get(posts, "p#incident"), "text", ""), "done");
}

static void those_who_have_not_opened_the_timeline_are_absent(void **state)
{
    struct drive *d = *state;
    drive_open(d, &timeline_driver, NULL);
    drive_do(d, "channel", "c", json_pack("{s:s}", "name", "bridge"));
    json_object_set_new(json_object_get(json_object_get(d->docs, KEPT_CHANNEL), "bridge"), "members",
                        json_pack("{s:b}", "ann@x.example", 1));
    drive_do(d, "joined", "j",
             json_pack("{s:s, s:[s, s]}", "channel", "#bridge", "people", "ann@x.example", "bob@x.example"));
    assert_string_equal(drive_str(d, "joined.0"), "ann@x.example");
    assert_string_equal(drive_str(d, "absent.0"), "bob@x.example");
}

/* --- roster ----------------------------------------------------------------------------------- */

static const char rota[] = "people:\n"
                           "  ann: {name: Ann, mail: ann@x.example, phone: '+1'}\n"
                           "  bob: {name: Bob}\n"
                           "schedules:\n"
                           "  prod: {rotation: [ann, bob, cy@x.example], every: 7d, from: 2024-03-04 09:00, "
                           "zone: America/New_York}\n"
                           "  sre: [ann, bob]\n";

static void the_roster_hands_over_at_the_same_hour_when_clocks_change(void **state)
{
    struct drive *d = *state;
    static const struct {
        int64_t now;
        const char *who;
    } rows[] = {
        {1709560800000 - 1, "cy@x.example"}, /* just before the first turn, Mon 4 Mar 09:00 EST */
        {1709560800000, "ann@x.example"},
        {1710162000000 - 1, "ann@x.example"}, /* Mon 11 Mar 09:00 EDT: an hour earlier by the sun */
        {1710162000000, ""},
    };
    drive_open(d, &roster_driver, rota);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        d->now = rows[i].now;
        drive_do(d, "oncall", "k", json_pack("{s:s}", "schedule", "prod"));
        assert_string_equal(drive_str(d, "people.0.mail"), rows[i].who);
    }
    assert_string_equal(drive_str(d, "people.0.name"), "Bob");
    assert_int_equal(json_int(d->end.result, "people.0.until", 0), 1710766800000);
    drive_do(d, "oncall", "k", json_pack("{s:s}", "schedule", "sre"));
    assert_int_equal(json_array_size(json_object_get(d->end.result, "people")), 2);
    drive_do(d, "oncall", "k", json_pack("{s:s}", "schedule", "prodd"));
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    assert_non_null(strstr(d->end.error.text, "did you mean \"prod\""));
}

static void an_alert_waits_until_somebody_answers_its_document(void **state)
{
    struct drive *d = *state;
    drive_open(d, &roster_driver, rota);
    drive_do(d, "alert", "a", json_pack("{s:s, s:s}", "to", "sre", "summary", "cart is down"));
    assert_string_equal(drive_str(d, "alert"), "a");
    json_t *doc = json_object_get(json_object_get(d->docs, KEPT_ALERT), "a");
    assert_string_equal(json_str(doc, "priority", ""), "P1");
    drive_begin(d, false, "acknowledged", "k", json_pack("{s:s}", "alert", "a"));
    drive_run(d, 120, NULL);
    assert_false(d->end.over);
    assert_int_equal(json_array_size(d->end.views), 1);
    json_object_set_new(doc, "status", json_string("acknowledged"));
    json_object_set_new(doc, "by", json_string("bob"));
    drive_wait(d);
    assert_string_equal(drive_str(d, "by"), "bob");
    drive_do(d, "close", "c", json_pack("{s:s, s:s}", "alert", "a", "note", "over"));
    assert_done(d);
    assert_string_equal(json_str(doc, "status", ""), "closed");
}

static void a_roster_that_makes_no_sense_is_refused_with_its_place(void **state)
{
    struct drive *d = *state;
    static const struct {
        const char *config;
        int line;
    } rows[] = {
        {"schedules:\n  prod: [nobody]\n", 2},
        {"schedules:\n  prod: {rotation: [a@x], every: 90m, from: 2024-01-01 09:00}\n", 2},
        {"schedules:\n  prod: {rotation: [a@x]}\n", 2},
        {"schedules:\n  prod: {rotation: [a@x], people: [a@x]}\n", 2},
        {"schedules:\n  prod:\n    people: [a@x]\n    zone: Mars/Base\n", 3},
        {"people: [a]\n", 1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err = ERROR_NONE;
        if (drive_try_open(d, &roster_driver, rows[i].config, &err))
            fail_msg("opened: %s", rows[i].config);
        assert_int_equal(err.line, rows[i].line);
    }
}

/* --- none, csv -------------------------------------------------------------------------------- */

static void without_a_cluster_nothing_is_known_and_every_result_says_so(void **state)
{
    struct drive *d = *state;
    drive_open(d, &none_cluster_driver, NULL);
    drive_do(d, "versions", "k", json_pack("{s:s, s:s}", "client", "t", "env", "prod"));
    assert_done(d);
    assert_int_equal(json_object_size(json_object_get(d->end.result, "services")), 0);
    drive_do(d, "verify", "k",
             json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "client", "t", "env", "prod", "services", "service",
                       "cart", "tag", "1"));
    assert_done(d);
    assert_non_null(strstr(drive_str(d, "says"), "nothing was looked at"));
    drive_check(d);
    assert_int_equal(d->end.checks[0].state, CHECK_WARN);
}

static void write_owners(struct drive *d, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/owners.csv", d->state_dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void the_ownership_file_is_read_anew_at_every_look(void **state)
{
    struct drive *d = *state;
    char config[128];
    (void)snprintf(config, sizeof config, "file: %s/owners.csv\n", d->state_dir);
    drive_open(d, &csv_driver, config);
    drive_do(d, "lookup", "k", json_pack("{s:[s]}", "services", "cart"));
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    write_owners(d, "service,team\ncart,Gecko\n");
    drive_do(d, "lookup", "k", json_pack("{s:[s, s]}", "services", "cart", "pay"));
    assert_string_equal(drive_str(d, "owners.0.team"), "Gecko");
    assert_string_equal(drive_str(d, "unknown.0"), "pay");
    write_owners(d, "service,team\ncart,Gecko\ncart,Iguana\n");
    drive_check(d);
    assert_int_equal(d->end.checks[0].state, CHECK_FAIL);
    assert_non_null(strstr(d->end.texts[0], "owners.csv:3"));
    drive_begin(d, false, "lookup", "k", json_pack("{s:[s]}", "services", "cart"));
    drive_close(d);
    drive_run(d, 50, NULL);
    assert_false(d->end.over);
}

static void without_an_ownership_file_every_service_is_unknown(void **state)
{
    struct drive *d = *state;
    drive_open(d, &csv_driver, NULL);
    drive_do(d, "lookup", "k", json_pack("{s:[s]}", "services", "cart"));
    assert_done(d);
    assert_string_equal(drive_str(d, "unknown.0"), "cart");
}

static void every_role_has_a_built_in_driver_that_can_do_its_verbs(void **state)
{
    (void)state;
    for (int role = 0; role < ROLE_COUNT; role++) {
        const struct driver *d = driver_builtin((enum role)role);
        if (!d)
            fail_msg("nothing built in for %s", role_names[role]);
        assert_int_equal(d->role, role);
        assert_non_null(d->verbs[0].verb);
        assert_null(d->verbs[COUNT_OF(d->verbs) - 1].verb);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        drive_test(a_ticket_made_twice_is_one_ticket),
        drive_test(a_ticket_moves_takes_comments_and_links_each_once),
        drive_test(a_ticket_that_is_not_there_fails_and_a_store_that_fails_is_tried_again),
        drive_test(a_cancelled_task_and_a_closed_system_are_never_called_back),
        drive_test(the_built_in_drivers_need_a_store),
        drive_test(doctor_hears_whether_the_store_answers),
        drive_test(conflicts_are_the_other_events_of_the_client_in_that_time),
        drive_test(an_event_that_moves_or_is_cancelled_conflicts_where_it_is_now),
        drive_test(freezes_of_the_configuration_are_conflicts_too),
        drive_test(a_maintenance_goes_from_scheduled_to_completed_and_never_back),
        drive_test(components_are_set_read_back_and_misspelt_words_refused),
        drive_test(posts_open_threads_and_are_edited_in_place),
        drive_test(those_who_have_not_opened_the_timeline_are_absent),
        drive_test(the_roster_hands_over_at_the_same_hour_when_clocks_change),
        drive_test(an_alert_waits_until_somebody_answers_its_document),
        drive_test(a_roster_that_makes_no_sense_is_refused_with_its_place),
        drive_test(without_a_cluster_nothing_is_known_and_every_result_says_so),
        drive_test(the_ownership_file_is_read_anew_at_every_look),
        drive_test(without_an_ownership_file_every_service_is_unknown),
        cmocka_unit_test(every_role_has_a_built_in_driver_that_can_do_its_verbs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
