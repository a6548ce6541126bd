/* The pure helpers of the roles: image references, health compared, calendars, migration paths, ownership
 * tables. */
#include "base/json.h"
#include "check.h"
#include "systems/calendar.h"
#include "systems/cluster.h"
#include "systems/fill.h"
#include "systems/health.h"
#include "systems/owners.h"
#include "systems/releases.h"
#include <string.h>

static const struct {
    const char *image, *repository, *name, *tag, *digest;
} images[] = {
    {"cart", "cart", "cart", "", NULL},
    {"cart:1.4.2", "cart", "cart", "1.4.2", NULL},
    {"registry.example/shop/cart:24-02-05.619-hotfix.627", "registry.example/shop/cart", "cart",
     "24-02-05.619-hotfix.627", NULL},
    {"localhost:5000/cart", "localhost:5000/cart", "cart", "", NULL},
    {"localhost:5000/a/cart:x@sha256:9b1c", "localhost:5000/a/cart", "cart", "x", "sha256:9b1c"},
    {"a/cart@sha256:9b1c", "a/cart", "cart", "", "sha256:9b1c"},
    {"", NULL, NULL, NULL, NULL},
    {"a/", NULL, NULL, NULL, NULL},
    {":tag", NULL, NULL, NULL, NULL},
    {"a b:1", NULL, NULL, NULL, NULL},
};

static void assert_part(const char *at, int n, const char *expected)
{
    assert_int_equal(n, (int)strlen(expected));
    assert_memory_equal(at, expected, (size_t)n);
}

static void an_image_reference_is_taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(images); i++) {
        struct image_ref r;
        bool ok = image_ref_parse(images[i].image, &r);
        assert_int_equal(ok, images[i].repository != NULL);
        if (!ok)
            continue;
        assert_part(r.repository, r.repository_len, images[i].repository);
        assert_part(r.name, r.name_len, images[i].name);
        assert_part(r.tag, r.tag_len, images[i].tag);
        if (images[i].digest)
            assert_string_equal(r.digest, images[i].digest);
        else
            assert_null(r.digest);
    }
}

static void an_image_is_matched_by_its_last_segment_and_its_tag(void **state)
{
    (void)state;
    assert_true(image_name_is("r:5000/shop/cart:1", "cart"));
    assert_false(image_name_is("r:5000/cart/api:1", "cart"));
    assert_false(image_name_is("r/shopping-cart:1", "cart"));
    assert_true(image_tag_is("r/cart:1.4", "1.4"));
    assert_false(image_tag_is("r/cart:1.4.2", "1.4"));
    assert_true(image_tag_is("r/cart@sha256:aa", "sha256:aa"));
}

static void the_table_of_images_is_sorted_counted_and_filtered(void **state)
{
    (void)state;
    _cleanup_json_ json_t *counts =
        json_pack("{s:i, s:i, s:i}", "r/takeoff/b:2", 3, "r/takeoff/a:1", 1, "redis:7", 2);
    _cleanup_json_ json_t *table = image_table(counts, "takeoff");
    _cleanup_json_ json_t *expected = json_pack("[{s:s, s:i}, {s:s, s:i}]", "image", "r/takeoff/a:1", "count",
                                                1, "image", "r/takeoff/b:2", "count", 3);
    assert_true(json_equal(table, expected));
}

static void the_version_of_a_service_is_the_tag_most_of_its_pods_run(void **state)
{
    (void)state;
    _cleanup_json_ json_t *counted =
        json_pack("{s:{s:i, s:i}, s:{s:i}}", "cart", "1", 1, "2", 3, "pay", "7", 2);
    _cleanup_json_ json_t *services = json_object(), *mixed = json_object();
    cluster_versions_of(counted, services, mixed);
    assert_string_equal(json_str(services, "cart", ""), "2");
    assert_string_equal(json_str(services, "pay", ""), "7");
    assert_int_equal(json_array_size(json_object_get(mixed, "cart")), 2);
    assert_null(json_object_get(mixed, "pay"));
}

static json_t *one_measure(double value, double max, double worse_by)
{
    struct health_limits l = HEALTH_NO_LIMITS;
    l.max = max;
    l.worse_by = worse_by;
    json_t *m = health_measure("errors", !isnan(value), value, &l, "no series");
    return health_snapshot_of(json_pack("[o]", m));
}

static void a_measure_is_judged_by_its_limits(void **state)
{
    (void)state;
    static const struct {
        double value, max, min;
        bool ok;
    } rows[] = {
        {0.5, 1, NAN, true}, {1.5, 1, NAN, false}, {1.5, NAN, 2, false},
        {2.5, NAN, 2, true}, {NAN, 1, NAN, false}, {INFINITY, 1, NAN, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct health_limits l = {.max = rows[i].max, .min = rows[i].min, .worse_by = NAN, .unit = "s"};
        _cleanup_json_ json_t *m = health_measure("m", true, rows[i].value, &l, NULL);
        assert_int_equal(json_flag(m, "ok", !rows[i].ok), rows[i].ok);
    }
}

static void an_unknown_measure_is_not_zero_and_not_healthy(void **state)
{
    (void)state;
    _cleanup_json_ json_t *s = one_measure(NAN, 1, NAN);
    assert_false(json_flag(s, "healthy", true));
    assert_true(json_is_null(json_path(s, "measures.0.value")));
    assert_string_equal(json_str(s, "measures.0.says", ""), "unknown: no series");
}

static void health_within_its_limits_can_still_be_worse_than_before(void **state)
{
    (void)state;
    _cleanup_json_ json_t *before = one_measure(0.10, 1, 1.5), *same = one_measure(0.14, 1, 1.5),
                          *more = one_measure(0.16, 1, 1.5);
    _cleanup_json_ json_t *none = health_worse(before, same), *worse = health_worse(before, more),
                          *alone = health_worse(NULL, more);
    assert_int_equal(json_array_size(none), 0);
    assert_int_equal(json_array_size(worse), 1);
    assert_int_equal(json_array_size(alone), 0);
}

/* One look of a soak: its value, and what should come of it. */
struct soak_row {
    double value;
    int64_t at;
    enum health_verdict verdict;
};

static void assert_soak(const struct soak_row *rows, size_t n)
{
    struct health_soak s = {.soak_ms = 1000};
    for (size_t i = 0; i < n; i++) {
        _cleanup_json_ json_t *now = one_measure(rows[i].value, 1, NAN), *view = NULL;
        assert_int_equal(health_soak_look(&s, NULL, now, rows[i].at, &view), rows[i].verdict);
    }
    health_soak_free(&s);
}

static void a_soak_ends_well_when_every_look_was_good_for_long_enough(void **state)
{
    (void)state;
    static const struct soak_row rows[] = {
        {0, 50, HEALTH_SOAKING}, {0, 600, HEALTH_SOAKING}, {0, 1050, HEALTH_GOOD}};
    assert_soak(rows, COUNT_OF(rows));
}

static void one_bad_look_starts_the_soak_again(void **state)
{
    (void)state;
    static const struct soak_row rows[] = {{0, 0, HEALTH_SOAKING},
                                           {9, 500, HEALTH_SOAKING},
                                           {0, 600, HEALTH_SOAKING},
                                           {0, 1500, HEALTH_SOAKING},
                                           {0, 1600, HEALTH_GOOD}};
    assert_soak(rows, COUNT_OF(rows));
}

static void two_bad_looks_in_a_row_are_worse(void **state)
{
    (void)state;
    static const struct soak_row rows[] = {
        {0, 0, HEALTH_SOAKING}, {9, 500, HEALTH_SOAKING}, {NAN, 600, HEALTH_WORSE}};
    assert_soak(rows, COUNT_OF(rows));
}

static void a_quiet_soak_tells_its_tenths_and_no_more(void **state)
{
    (void)state;
    struct health_soak s = {.soak_ms = 1000};
    int told = 0;
    for (int64_t at = 0; at < 1000; at += 10) {
        _cleanup_json_ json_t *now = one_measure((double)at / 10000, 1, NAN), *view = NULL;
        assert_int_equal(health_soak_look(&s, NULL, now, at, &view), HEALTH_SOAKING);
        told += view != NULL;
    }
    assert_int_equal(told, 10);
    health_soak_free(&s);
}

static void a_soak_is_given_in_milliseconds_or_in_words(void **state)
{
    (void)state;
    _cleanup_json_ json_t *number = json_pack("{s:i}", "soak", 1500),
                          *text = json_pack("{s:s}", "soak", "2m"),
                          *wrong = json_pack("{s:s}", "soak", "long");
    assert_int_equal(health_soak_arg(number, 7), 1500);
    assert_int_equal(health_soak_arg(text, 7), 120000);
    assert_int_equal(health_soak_arg(wrong, 7), 7);
    assert_int_equal(health_soak_arg(NULL, 7), 7);
}

static void a_freeze_and_a_client_are_known_by_whole_words(void **state)
{
    (void)state;
    assert_true(calendar_is_freeze("Holiday FREEZE (all clients)"));
    assert_false(calendar_is_freeze("Move the freezer service"));
    assert_true(calendar_concerns("tangerine", "Deploy of Tangerine/prod", NULL));
    assert_false(calendar_concerns("tan", "Deploy of Tangerine/prod", "tangerines"));
    assert_true(calendar_concerns(NULL, "anything", NULL));
    assert_true(calendar_overlap(0, 10, 9, 20));
    assert_false(calendar_overlap(0, 10, 10, 20));
}

static void migration_paths_match_folders_and_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *path;
        bool matches;
    } rows[] = {
        {"migrations/", "db/migrations/017.sql", true},
        {"migrations/", "migrations/a/b", true},
        {"migrations/", "src/migrations.py", false},
        {"db/*.sql", "db/1.sql", true},
        {"db/*.sql", "db/old/1.sql", false},
        {"db/**/*.sql", "db/old/x/1.sql", true},
        {"db/**/*.sql", "db/1.sql", true},
        {"schema.rb", "db/schema.rb", true},
        {"flyway", "svc/flyway/V1.sql", true},
        {"flyway", "svc/flywayx/V1.sql", false},
        {"**", "a/b", true},
        {"", "a", false},
        {"*a*a*a*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (releases_path_matches(rows[i].pattern, rows[i].path) != rows[i].matches)
            fail_msg("%s against %s", rows[i].pattern, rows[i].path);
}

static const char owners_text[] =
    "\xef\xbb\xbfTeam,Service,People,Notes,channel,schedule\r\n"
    "Chamaeleon,cart,ann@x.example; bob@x.example,\"says \"\"hi\"\",\r\nand more\",#cart,prod-cart\r\n"
    "\r\n"
    "Gecko,pay\r\n";

static void an_ownership_table_is_read_with_quotes_line_breaks_and_missing_fields(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    struct error err = ERROR_NONE;
    struct csv t;
    assert_true(csv_parse(owners_text, sizeof owners_text - 1, "owners.csv", &a, &t, &err));
    assert_int_equal(t.n, 3);
    assert_string_equal(t.rows[1].fields[3], "says \"hi\",\r\nand more");
    _cleanup_json_ json_t *table = owners_table(&t, "owners.csv", &err);
    assert_non_null(table);
    _cleanup_json_ json_t *asked = json_pack("[s, s, s]", "PAY", "nobody", "cart");
    _cleanup_json_ json_t *r = owners_lookup(table, asked);
    assert_string_equal(json_str(r, "owners.0.team", ""), "Gecko");
    assert_string_equal(json_str(r, "owners.1.schedule", ""), "prod-cart");
    assert_string_equal(json_str(r, "owners.1.people.1", ""), "bob@x.example");
    assert_string_equal(json_str(r, "unknown.0", ""), "nobody");
}

static void a_wrong_ownership_table_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum error_code code;
        int line;
    } rows[] = {
        {"", SB_MISSING, 1},
        {"team,people\nx,y\n", SB_MISSING, 1},
        {"service\ncart\nCart\n", SB_PARSE, 3},
        {"service\n\"cart\n\n", SB_PARSE, 2},
        {"service,team\n\"cart\"x,y\n", SB_PARSE, 2},
        {"service,team\nca\"rt,y\n", SB_PARSE, 2},
        {"service\n\xff\n", SB_PARSE, 1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_arena_ struct arena a = arena_make();
        struct error err = ERROR_NONE;
        struct csv t;
        json_t *table = NULL;
        if (csv_parse(rows[i].text, strlen(rows[i].text), "o.csv", &a, &t, &err))
            table = owners_table(&t, "o.csv", &err);
        assert_null(table);
        assert_int_equal(err.code, rows[i].code);
        assert_int_equal(err.line, rows[i].line);
    }
}

static void only_known_names_in_braces_are_filled(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    struct fill values[] = {{"client", "a\"b\\c"}, {"env", NULL}, {NULL, NULL}};
    assert_string_equal(fill("up{c=\"{client}\",e=\"{env}\",x=~\"{other}\"}", values, fill_quoted, &a),
                        "up{c=\"a\\\"b\\\\c\",e=\"\",x=~\"{other}\"}");
    assert_string_equal(fill("https://h/{client}/", values, fill_url, &a), "https://h/a%22b%5Cc/");
    assert_true(fill_uses("x {env}", "env"));
    assert_false(fill_uses("x {envy}", "env"));
}

static void the_built_in_calendar_is_a_feed_that_calendars_read(void **state)
{
    (void)state;
    _cleanup_json_ json_t *events =
        json_pack("[{s:s, s:s, s:s, s:I, s:I, s:s, s:[s, s], s:s}, {s:s, s:s, s:I, s:I, s:s, s:{s:i}}]", "id",
                  "HF-7/calendar/1", "title", "Hotfix; cart, prod\nEND:VEVENT", "description",
                  "line one\nline two", "from", (json_int_t)1707418800000, "to", (json_int_t)1707424200000,
                  "status", "confirmed", "attendees", "tam@x.example", "a b\r\nX: y", "url",
                  "https://box.example/changes/HF-7", "id", "HF-8/calendar/1", "title", "Gone", "from",
                  (json_int_t)0, "to", (json_int_t)1, "status", "cancelled", "changes", "k", 1);
    _cleanup_arena_ struct arena a = arena_make();
    const char *feed = calendar_feed(events, "Changes", &a);
    static const char *const lines[] = {"BEGIN:VCALENDAR\r\n",
                                        "X-WR-CALNAME:Changes\r\n",
                                        "METHOD:PUBLISH\r\n",
                                        "@signalbox\r\n",
                                        "DTSTART:20240208T190000Z\r\n",
                                        "DTEND:20240208T203000Z\r\n",
                                        "SUMMARY:Hotfix\\; cart\\, prod\\nEND:VEVENT\r\n",
                                        "DESCRIPTION:line one\\nline two\r\n",
                                        "URL:https://box.example/changes/HF-7\r\n",
                                        "STATUS:CANCELLED\r\n",
                                        "SEQUENCE:1\r\n",
                                        "END:VCALENDAR\r\n"};
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        if (!strstr(feed, lines[i]))
            fail_msg("no %s in %s", lines[i], feed);
    assert_null(strstr(feed, "tam@x.example"));
    assert_string_equal(feed, calendar_feed(events, "Changes", &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_reference_is_taken_apart),
        cmocka_unit_test(an_image_is_matched_by_its_last_segment_and_its_tag),
        cmocka_unit_test(the_table_of_images_is_sorted_counted_and_filtered),
        cmocka_unit_test(the_version_of_a_service_is_the_tag_most_of_its_pods_run),
        cmocka_unit_test(a_measure_is_judged_by_its_limits),
        cmocka_unit_test(an_unknown_measure_is_not_zero_and_not_healthy),
        cmocka_unit_test(health_within_its_limits_can_still_be_worse_than_before),
        cmocka_unit_test(a_soak_ends_well_when_every_look_was_good_for_long_enough),
        cmocka_unit_test(one_bad_look_starts_the_soak_again),
        cmocka_unit_test(two_bad_looks_in_a_row_are_worse),
        cmocka_unit_test(a_quiet_soak_tells_its_tenths_and_no_more),
        cmocka_unit_test(a_soak_is_given_in_milliseconds_or_in_words),
        cmocka_unit_test(a_freeze_and_a_client_are_known_by_whole_words),
        cmocka_unit_test(the_built_in_calendar_is_a_feed_that_calendars_read),
        cmocka_unit_test(migration_paths_match_folders_and_patterns),
        cmocka_unit_test(an_ownership_table_is_read_with_quotes_line_breaks_and_missing_fields),
        cmocka_unit_test(a_wrong_ownership_table_is_refused_with_its_place),
        cmocka_unit_test(only_known_names_in_braces_are_filled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
