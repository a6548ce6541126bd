#include "check.h"

#include "base/buf.h"
#include "base/json.h"
#include "engine/config.h"
#include <stdio.h>
#include <unistd.h>

static char path[] = "/tmp/signalbox-config-XXXXXX.yaml";

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static struct config *read_text(const char *text, struct arena *a, struct error *err)
{
    write_file(text);
    *err = ERROR_NONE;
    return config_read(path, a, err);
}

static const char whole[] =
    "state: state\n"
    "store: {url: \"postgres://sb@db/sb\", password: env:SB_DB, lease: 5s}\n"
    "zone: Europe/Berlin\n"
    "poll: 500ms\n"
    "pages: [pages, /srv/pages]\n"
    "clients:\n"
    "  tangerine:\n"
    "    name: Tangerine\n"
    "    zone: America/New_York\n"
    "    work_week: sun-thu\n"
    "    hours: 09:00-17:30\n"
    "    tam: {name: Tom, mail: tom@example.com}\n"
    "    components: [Shop, Search]\n"
    "    channels: {support: prod-support-tangerine}\n"
    "    facts: {tier: gold}\n"
    "    envs:\n"
    "      prod: {production: true}\n"
    "      qa: {}\n"
    "  plum: {}\n"
    "services:\n"
    "  cart: {repository: acme/cart, team: shop}\n"
    "channels: {change_control: change-control, incident: [incident, war-room]}\n"
    "people:\n"
    "  ann@example.com: {name: Ann, roles: [deploy]}\n"
    "  bob@example.com: {name: Bob, roles: [{role: approve, clients: [tangerine], envs: [prod]}]}\n"
    "  eve@example.com: {name: Eve, roles: [administer]}\n"
    "  kim@example.com: {}\n"
    "production_oncall: prod-oncall\n"
    "settings: {lead_hours: 4}\n";

static void freezes_are_asked_in_the_zone_of_the_client_by_id_or_by_name(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    struct error err;
    struct freeze_met met[4];
    _cleanup_buf_ struct buf text = {0};
    buf_printf(&text, "%sfreezes:\n  - {title: Quiet day, from: 2024-12-24, to: 2024-12-24, envs: [prod]}\n",
               whole);
    struct config *c = read_text(buf_str(&text), &a, &err);
    if (!c)
        fail_msg("%s:%d:%d: %s", err.file, err.line, err.column, err.text);
    const int64_t new_york = 1735016400000, berlin = 1734994800000; /* where the 24th begins */
    assert_int_equal(config_freezes(c, "tangerine", "prod", berlin, new_york, met, 4), 0);
    assert_int_equal(config_freezes(c, "tangerine", "prod", berlin, new_york + 1, met, 4), 1);
    assert_string_equal(met[0].freeze->title, "Quiet day");
    assert_int_equal(met[0].from, new_york);
    assert_int_equal(met[0].to, new_york + DAYS(1));
    assert_int_equal(config_freezes(c, "Tangerine", "prod", berlin, new_york, met, 4), 0);
    assert_int_equal(config_freezes(c, "plum", "prod", berlin, new_york, met, 4), 1);
    assert_int_equal(config_freezes(c, "tangerine", "qa", new_york, new_york + 1, met, 4), 0);
    struct freeze_ask ask = config_freeze_ask(c, "plum", NULL, berlin, new_york);
    assert_int_equal(freezes_clear(&c->freezes, &ask), berlin + DAYS(1));
    config_free(c);
}

static void a_whole_configuration_is_read_as_it_says(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    struct error err;
    struct config *c = read_text(whole, &a, &err);
    if (!c)
        fail_msg("%s:%d:%d: %s", err.file, err.line, err.column, err.text);
    assert_string_equal(c->state_dir, "/tmp/state");
    assert_string_equal(c->store.url, "postgres://sb@db/sb");
    assert_string_equal(c->store.password, "env:SB_DB");
    assert_int_equal(c->store.lease_ms, 5000);
    assert_string_equal(c->page_dirs[0], "/tmp/pages");
    assert_string_equal(c->page_dirs[1], "/srv/pages");
    assert_null(c->page_dirs[2]);
    assert_int_equal(c->poll_ms, 500);
    assert_string_equal(c->production_oncall, "prod-oncall");
    assert_int_equal(json_int(c->settings, "lead_hours", 0), 4);
    const struct config_client *t = config_client(c, "tangerine", &err);
    assert_non_null(t);
    assert_string_equal(t->zone, "America/New_York");
    assert_string_equal(json_str(t->facts, "tam.mail", ""), "tom@example.com");
    assert_string_equal(json_str(t->facts, "tier", ""), "gold");
    assert_string_equal(json_str(t->facts, "id", ""), "tangerine");
    assert_true(config_env(t, "prod", &err)->production);
    assert_false(config_env(t, "qa", &err)->production);
    const struct config_client *p = config_client(c, "plum", &err);
    assert_string_equal(p->zone, "Europe/Berlin");
    assert_string_equal(p->envs[0].name, "prod");
    assert_string_equal(json_str(config_service(c, "cart", &err)->facts, "team", ""), "shop");
    config_free(c);
}

static void names_that_are_not_there_are_answered_with_near_ones(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    struct error err;
    struct config *c = read_text(whole, &a, &err);
    assert_null(config_client(c, "tangerin", &err));
    assert_error(&err, SB_UNKNOWN, "did you mean \"tangerine\"?", "client");
    assert_null(config_service(c, "carts", &err));
    assert_error(&err, SB_UNKNOWN, "did you mean \"cart\"?", "service");
    assert_null(config_env(config_client(c, "tangerine", &err), "dev", &err));
    assert_error(&err, SB_UNKNOWN, "it has: prod, qa", "env");
    config_free(c);
}

static void rights_are_by_role_client_and_env(void **state)
{
    (void)state;
    static const struct {
        const char *who, *role, *client, *env;
        bool may;
    } rows[] = {
        {"ann@example.com", "deploy", "tangerine", "prod", true},
        {"ann@example.com", "deploy", "plum", "prod", true},
        {"ann@example.com", "approve", "plum", "prod", false},
        {"ann@example.com", "see", "plum", "prod", true},
        {"bob@example.com", "approve", "tangerine", "prod", true},
        {"bob@example.com", "approve", "tangerine", "qa", false},
        {"bob@example.com", "approve", "plum", "prod", false},
        {"bob@example.com", "deploy", "tangerine", "prod", false},
        {"eve@example.com", "deploy", "plum", "prod", true},
        {"kim@example.com", "see", "plum", "prod", false},
        {"nobody", "see", "plum", "prod", false},
        {"", "deploy", "plum", "prod", false},
    };
    _cleanup_arena_ struct arena a = arena_make();
    struct error err;
    struct config *c = read_text(whole, &a, &err);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (config_may(c, rows[i].who, rows[i].role, rows[i].client, rows[i].env) != rows[i].may)
            fail_msg("%s %s %s %s", rows[i].who, rows[i].role, rows[i].client, rows[i].env);
    config_free(c);
}

static void with_nothing_configured_every_sane_name_is_a_client_with_prod(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    struct error err = ERROR_NONE;
    struct config *c = config_read(NULL, &a, &err);
    assert_non_null(c);
    const struct config_client *one = config_client(c, "acme", &err);
    assert_ptr_equal(one, config_client(c, "acme", &err));
    assert_true(config_env(one, "prod", &err)->production);
    assert_non_null(config_service(c, "cart", &err));
    assert_null(config_client(c, "../acme", &err));
    assert_null(config_client(c, "", &err));
    assert_null(config_client(c, NULL, &err));
    assert_true(config_may(c, "anybody", "administer", "acme", "prod"));
    for (int i = 0; i < ROLE_COUNT; i++)
        if (driver_builtin((enum role)i))
            assert_string_equal(c->systems[i].driver, driver_builtin((enum role)i)->name);
    config_free(c);
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum error_code code;
        int line, column;
        const char *says;
    } rows[] = {
        {"client: {}\n", SB_UNKNOWN, 1, 1, "did you mean \"clients\""},
        {"- a\n", SB_PARSE, 1, 1, "configuration: expected a map"},
        {"zone: Europe/Berln\n", SB_UNKNOWN, 1, 7, "Europe/Berlin"},
        {"zone: [x]\n", SB_PARSE, 1, 7, "zone"},
        {"store: mysql://sb:geheim@db/sb\n", SB_PARSE, 1, 8, "the URL of a PostgreSQL database"},
        {"store: {password: env:X}\n", SB_MISSING, 1, 8, "which database"},
        {"store: {url: \"postgresql:///sb\", password: geheim}\n", SB_PARSE, 1, 44, "store: password:"},
        {"store: {url: \"postgresql:///sb\", lease: soon}\n", SB_PARSE, 1, 41, "a duration such as 15s"},
        {"store: {url: \"postgresql:///sb\", lease: 1h}\n", SB_RANGE, 1, 41, "between 1s and 10m"},
        {"store: {url: \"postgresql:///sb\", leese: 1m}\n", SB_UNKNOWN, 1, 34, "lease"},
        {"poll: often\n", SB_PARSE, 1, 7, "a duration such as 2s"},
        {"poll: 1ms\n", SB_RANGE, 1, 7, "between 50ms and 10m"},
        {"pages: x\n", SB_PARSE, 1, 8, "expected a list"},
        {"state: {}\n", SB_PARSE, 1, 8, "expected text"},
        {"systems: [a]\n", SB_PARSE, 1, 10, "a map of roles"},
        {"systems:\n  pipelin: {driver: x}\n", SB_UNKNOWN, 2, 3, "did you mean \"pipeline\""},
        {"systems:\n  tickets: {}\n", SB_MISSING, 2, 12, "which driver"},
        {"systems:\n  tickets: {driver: builtn}\n", SB_UNKNOWN, 2, 21, "did you mean \"builtin\""},
        {"systems:\n  tickets: {driver: qqqqqq}\n", SB_UNKNOWN, 2, 21, "there are: "},
        {"systems:\n  tickets: {driver: [x]}\n", SB_PARSE, 2, 21, "the name of a driver"},
        {"systems:\n  tickets: {driver: builtin, colour: red}\n", SB_UNKNOWN, 2, 30, "colour"},
        {"clients: [a]\n", SB_PARSE, 1, 10, "a map of clients"},
        {"clients:\n  a/b: {}\n", SB_PARSE, 2, 3, "a name is letters"},
        {"clients:\n  a: x\n", SB_PARSE, 2, 6, "a map that describes"},
        {"clients:\n  a: {naem: x}\n", SB_UNKNOWN, 2, 7, "did you mean \"name\""},
        {"clients:\n  a: {zone: Mars/North}\n", SB_UNKNOWN, 2, 13, "zone"},
        {"clients:\n  a: {work_week: weekdays}\n", SB_PARSE, 2, 18, "mon-fri"},
        {"clients:\n  a: {hours: 9 to 5}\n", SB_PARSE, 2, 14, "08:00-18:00"},
        {"clients:\n  a: {hours: 18:00-08:00}\n", SB_PARSE, 2, 14, "08:00-18:00"},
        {"clients:\n  a: {tam: Tom}\n", SB_PARSE, 2, 12, "{name, mail}"},
        {"clients:\n  a: {tam: {mail: tom}}\n", SB_PARSE, 2, 19, "a mail address"},
        {"clients:\n  a: {components: Shop}\n", SB_PARSE, 2, 19, "a list"},
        {"clients:\n  a: {}\nfreezes:\n  - {title: x, from: 2024-12-24, to: 2024-12-24, clients: [aa]}\n",
         SB_UNKNOWN, 4, 60, "there is no client \"aa\""},
        {"clients:\n  a: {}\nfreezes:\n  - {title: x, from: 2024-12-24, to: 2024-12-24, envs: [qa]}\n",
         SB_UNKNOWN, 4, 57, "no client has an environment \"qa\""},
        {"freezes:\n  - {title: x, from: soon, to: 2024-12-24}\n", SB_PARSE, 2, 22, "a moment such as"},
        {"clients:\n  a: {channels: x}\n", SB_PARSE, 2, 17, "a map of channels"},
        {"clients:\n  a: {channels: {support: {}}}\n", SB_PARSE, 2, 27, "a name or a list"},
        {"clients:\n  a: {envs: {}}\n", SB_PARSE, 2, 13, "at least one environment"},
        {"clients:\n  a: {envs: {prod: yes}}\n", SB_PARSE, 2, 20, "{production: true}"},
        {"clients:\n  a: {envs: {prod: {production: yes}}}\n", SB_PARSE, 2, 33, "true or false"},
        {"clients:\n  a: {envs: {prod: {produktion: true}}}\n", SB_UNKNOWN, 2, 21,
         "did you mean \"production\""},
        {"services:\n  cart: shop\n", SB_PARSE, 2, 9, "{repository: acme/shop"},
        {"services:\n  cart: {repo: acme/cart}\n", SB_UNKNOWN, 2, 10, "repo"},
        {"services:\n  cart: {team: [a]}\n", SB_PARSE, 2, 16, "expected text"},
        {"channels: {a: {}}\n", SB_PARSE, 1, 15, "a name or a list"},
        {"people: [ann]\n", SB_PARSE, 1, 9, "a map of people"},
        {"people:\n  ann: {roles: deploy}\n", SB_PARSE, 2, 16, "a list such as"},
        {"people:\n  ann: {roles: [deplay]}\n", SB_UNKNOWN, 2, 17, "did you mean \"deploy\""},
        {"people:\n  ann: {roles: [{clients: [a]}]}\n", SB_PARSE, 2, 17, "role"},
        {"clients: {acme: {}}\npeople:\n  ann: {roles: [{role: deploy, clients: [acne]}]}\n", SB_UNKNOWN, 3,
         42, "did you mean \"acme\""},
        {"settings: 4\n", SB_PARSE, 1, 11, "a map"},
        {"production_oncall: [a]\n", SB_PARSE, 1, 20, "expected text"},
        {"zone: UTC\nzone: UTC\n", SB_PARSE, 2, 1, "zone"},
        {"zone: \"UTC\n", SB_PARSE, 0, 0, ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_arena_ struct arena a = arena_make();
        struct error err;
        struct config *c = read_text(rows[i].text, &a, &err);
        if (c)
            fail_msg("accepted: %s", rows[i].text);
        assert_error(&err, rows[i].code, rows[i].says, rows[i].text);
        assert_string_equal(err.file, path);
        if (rows[i].line && (err.line != rows[i].line || err.column != rows[i].column))
            fail_msg("%s: at %d:%d instead of %d:%d: %s", rows[i].text, err.line, err.column, rows[i].line,
                     rows[i].column, err.text);
    }
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    struct error err = ERROR_NONE;
    assert_null(config_read("/nowhere/signalbox.yaml", &a, &err));
    assert_error(&err, SB_IO, "/nowhere/signalbox.yaml", "file");
}

int main(void)
{
    int fd = mkstemps(path, 5);
    if (fd < 0)
        return 1;
    close(fd);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_configuration_is_read_as_it_says),
        cmocka_unit_test(freezes_are_asked_in_the_zone_of_the_client_by_id_or_by_name),
        cmocka_unit_test(names_that_are_not_there_are_answered_with_near_ones),
        cmocka_unit_test(rights_are_by_role_client_and_env),
        cmocka_unit_test(with_nothing_configured_every_sane_name_is_a_client_with_prod),
        cmocka_unit_test(what_is_wrong_is_told_with_its_place),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
