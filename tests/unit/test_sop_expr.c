#include "base/json.h"
#include "sop/expr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char facts_text[] =
    "{\"client\": {\"name\": \"Tangerine\", \"components\": [\"Tangerine web\", \"Tangerine mobile\"], "
    "\"tam\": {\"name\": \"Ada\"}},"
    " \"change\": {\"severity\": 2, \"risk\": \"high\", \"note\": \"a*b_c\"}, \"lead_hours\": 5.5, "
    "\"nothing\": null, \"yes\": true,"
    " \"services\": [{\"service\": \"decanting\", \"tag\": \"24-02-05.619\", \"n\": 1}, {\"service\": "
    "\"picking\", \"tag\": \"24-02-05.620\"}],"
    " \"steps\": {\"maintenance-open\": {\"state\": \"done\", \"id\": \"m1\"}, \"a\": {\"answer\": \"yes\"}},"
    " \"window\": {\"from\": 1707418800000}}";

struct fixture {
    struct expr *x;
    json_t *facts;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->x = expr_new();
    f->facts = json_loads(facts_text, 0, NULL);
    expr_facts(f->x, f->facts, 1707418800000 - 3600000, "America/New_York");
    *state = f;
    return f->facts == NULL;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    expr_free(f->x);
    json_decref(f->facts);
    free(f);
    return 0;
}

/* The value as JSON text, or "error: ...". */
static const char *value_of(struct expr *x, const char *text)
{
    static char out[1 << 17];
    struct error e = ERROR_NONE;
    json_t *j = expr_eval(x, text, &e);
    if (j == NULL) {
        snprintf(out, sizeof out, "error: %s", e.text);
        return out;
    }
    char *s = json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT);
    snprintf(out, sizeof out, "%s", s);
    free(s);
    json_decref(j);
    return out;
}

static const struct {
    const char *text, *value;
} values[] = {
    {"1 + 2", "3"},
    {"24 / 2", "12"},
    {"7 / 2", "3.5"},
    {"7 // 2", "3"},
    {"lead_hours >= 4", "true"},
    {"change.severity == 2 and change.risk == 'high'", "true"},
    {"change.severity ~= 1", "true"},
    {"nothing", "null"},
    {"nothing.at.all", "null"},
    {"missing", "null"},
    {"missing.deeper[3].still", "null"},
    {"client.name", "\"Tangerine\""},
    {"client.name.length", "null"},
    {"client.tam", "{\"name\":\"Ada\"}"},
    {"client.components[2]", "\"Tangerine mobile\""},
    {"client.components[3]", "null"},
    {"client.components[0]", "null"},
    {"#services", "2"},
    {"services[1].tag", "\"24-02-05.619\""},
    {"steps['maintenance-open'].id", "\"m1\""},
    {"steps.maintenance_open.id", "\"m1\""},
    {"steps.Maintenance_open", "null"},
    {"Client", "null"},
    {"client.components == client.components", "true"},
    {"client.components == {}", "false"},
    {"{b = 1, a = {2, nil, 3}}", "{\"a\":[2,3],\"b\":1}"},
    {"{}", "[]"},
    {"{{1}, client.tam}", "[[1],{\"name\":\"Ada\"}]"},
    {"'a' .. 1 .. 'b'", "\"a1b\""},
    {"min(3, 1, 2)", "1"},
    {"max(3, 1.5)", "3"},
    {"floor(2.7)", "2"},
    {"ceil(lead_hours)", "6"},
    {"len('abc')", "3"},
    {"len(client.components)", "2"},
    {"len(missing)", "0"},
    {"count(services)", "2"},
    {"has(change, 'risk')", "true"},
    {"has(change, 'colour')", "false"},
    {"has(missing, 'x')", "false"},
    {"has(steps, 'maintenance_open')", "true"},
    {"contains(client.components, 'Tangerine web')", "true"},
    {"contains(client.components, 'web')", "false"},
    {"contains(client.name, 'anger')", "true"},
    {"contains(missing, 'x')", "false"},
    {"join(client.components, ' + ')", "\"Tangerine web + Tangerine mobile\""},
    {"join({1, nil, true})", "\"1, true\""},
    {"join(missing)", "\"\""},
    {"lower('ABC-\xC3\x84')", "\"abc-\xC3\x84\""},
    {"upper('abz')", "\"ABZ\""},
    {"starts(client.name, 'Tan')", "true"},
    {"starts(missing, 'Tan')", "false"},
    {"hours(1.5)", "5400000"},
    {"minutes(2)", "120000"},
    {"date(window.from)", "\"Thu 8 Feb 14:00 EST\""},
    {"date(window.from, 'UTC')", "\"Thu 8 Feb 19:00 UTC\""},
    {"date(missing)", "\"\""},
    {"ago(window.from)", "\"in 1 h\""},
    {"ago(now - minutes(90))", "\"1 h 30 min ago\""},
    {"duration(hours(2))", "\"2 h\""},
    {"now == window.from - hours(1)", "true"},
    {"staffing(window.from, window.from + hours(1))", "\"\""},
    {"contains(staffing(window.from + hours(6), window.from + hours(7), 'mon-fri', '08:00-18:00'), 'outside "
     "staffed hours')",
     "true"},
    {"default(missing, 'x')", "\"x\""},
    {"default('', 'x')", "\"x\""},
    {"default(false, 'x')", "false"},
    {"plural(1, 'step', 'steps')", "\"1 step\""},
    {"plural(2, 'step', 'steps')", "\"2 steps\""},
    {"escape(change.note)", "\"a\\\\*b\\\\_c\""},
    {"pluck(services, 'service')", "[\"decanting\",\"picking\"]"},
    {"pluck(services, 'n')", "[1]"},
    {"each(services, '{service} at {tag}')", "[\"decanting at 24-02-05.619\",\"picking at 24-02-05.620\"]"},
    {"each({{a = {'x', 'y'}}}, '{a}!')", "[\"x, y!\"]"},
    {"list(client.components, 'x', nil, '', {'x', 'y'})",
     "[\"Tangerine web\",\"Tangerine mobile\",\"x\",\"y\"]"},
    {"list(nil, client.tam.name)", "[\"Ada\"]"},
};

static void an_expression_has_the_value_that_its_facts_give(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        const char *value = value_of(f->x, values[i].text);
        if (strcmp(value, values[i].value) != 0)
            fail_msg("%s: expected %s, got %s", values[i].text, values[i].value, value);
    }
}

static const struct {
    const char *text;
    enum error_code code;
    int column;
    const char *says;
} faults[] = {
    {"", SB_MISSING, 1, "expected"},
    {"  ", SB_MISSING, 1, "expected"},
    {"1 +", SB_PARSE, 4, "unexpected symbol near <eof>"},
    {"change.severity = 1", SB_PARSE, 17, "near '='"},
    {"a b", SB_PARSE, 3, "near 'b'"},
    {"client.name ==== 'x'", SB_PARSE, 15, "near '=='"},
    {"'abc", SB_PARSE, 5, "unfinished string"},
    {"1; while true do end", SB_PARSE, 4, "near 'while'"},
    {"1, 2", SB_RANGE, 1, "one value, this has 2"},
    {"missing >= 4", SB_RANGE, 1, "compare"},
    {"2 * change.risky", SB_RANGE, 12, "arithmetic on a nil value (field 'risky')"},
    {"change.severity.x", SB_RANGE, 8, "index a number"},
    {"1 // 0", SB_RANGE, 1, "divide by zero"},
    {"1 / 0", SB_RANGE, 1, "finite"},
    {"min()", SB_RANGE, 1, "number expected"},
    {"join({client.tam})", SB_RANGE, 1, "no text"},
    {"date(1, 'Mars/Base')", SB_RANGE, 1, "Mars/Base"},
    {"staffing(1, 2, 'always')", SB_RANGE, 1, "mon-fri"},
    {"each(services, '{service')", SB_RANGE, 1, "braces"},
    {"{1, a = 2}", SB_RANGE, 1, "not both"},
    {"len", SB_RANGE, 1, "function"},
    {"'\\xff'", SB_RANGE, 1, "UTF-8"},
};

static void a_faulty_expression_says_what_is_wrong_and_at_which_column(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        struct error e = ERROR_NONE;
        json_t *j = expr_eval(f->x, faults[i].text, &e);
        if (j != NULL || e.code == SB_OK || e.column != faults[i].column ||
            strstr(e.text, faults[i].says) == NULL)
            fail_msg("%s: got column %d, code %s: %s", faults[i].text, e.column, error_code_name(e.code),
                     e.text);
        if (strcmp(faults[i].says, "Mars/Base") != 0)
            assert_int_equal(e.code, faults[i].code);
    }
}

static const char *const prisons[] = {
    "os",
    "io",
    "require",
    "load",
    "print",
    "pairs",
    "next",
    "string",
    "table",
    "debug",
    "_G",
    "_ENV.os",
    "pcall",
    "error",
    "setmetatable",
    "getmetatable",
    "rawget",
    "rawset",
    "tostring",
    "coroutine",
    "collectgarbage",
    "select",
    "('x').rep",
    "(nil).x",
    "client.__index",
    "client.__metatable",
    "_ENV.__index",
};

static void nothing_of_the_machine_is_within_reach(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(prisons); i++)
        if (strcmp(value_of(f->x, prisons[i]), "null") != 0)
            fail_msg("%s is within reach: %s", prisons[i], value_of(f->x, prisons[i]));
    assert_non_null(
        strstr(value_of(f->x, "('x'):rep(1000)"), "error: attempt to call a nil value (method 'rep')"));
    assert_non_null(strstr(value_of(f->x, "'10' + 1"), "error: attempt to perform arithmetic on a string"));
    assert_non_null(strstr(value_of(f->x, "\x1bLua"), "error: "));
}

static void facts_cannot_be_changed(void **state)
{
    struct fixture *f = *state;
    assert_non_null(strstr(value_of(f->x, "(function() client.name = 'x' return 1 end)()"), "read-only"));
    assert_non_null(strstr(value_of(f->x, "(function() keep = 'x' return 1 end)()"), "read-only"));
    assert_non_null(strstr(value_of(f->x, "(function() len = 'x' return 1 end)()"), "read-only"));
    assert_string_equal(value_of(f->x, "client.name"), "\"Tangerine\"");
}

static const struct {
    const char *text, *says;
} hogs[] = {
    {"(function() while true do end end)()", "takes too long"},
    {"(function() local s = 'xxxxxxxxxxxxxxxx' while true do s = s .. s end end)()", "too much memory"},
    {"(function() local t = {} for i = 1, 1e9 do t[i] = {} end end)()", "too much memory"},
    {"(function() local function f(x) return 1 + f(x) end return f(1) end)()", "error: "},
    {"(function() local t = {1} for i = 1, 30 do t = {t, t} end return t end)()", "too much data"},
    {"(function() local s = 'xxxxxxxx' for i = 1, 14 do s = s .. s end for i = 1, 40000 do local x = "
     "contains(s, 'y') end end)()",
     "too much data"},
    {"(function() local s = 'xxxxxxxx' for i = 1, 14 do s = s .. s end for i = 1, 40000 do local x = s .. i "
     "end end)()",
     "too much memory"},
    {"(function() local s = 'xxxxxxxx' for i = 1, 14 do s = s .. s end return s end)()",
     "longer than 65536 bytes"},
    {"(function() local t = {} local u = t for i = 1, 100 do u.a = {} u = u.a end return t end)()",
     "nested too deeply"},
};

static void an_expression_that_takes_too_much_is_stopped_and_the_next_one_works(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(hogs); i++) {
        const char *value = value_of(f->x, hogs[i].text);
        if (strstr(value, "error: ") == NULL || strstr(value, hogs[i].says) == NULL)
            fail_msg("%s: %s", hogs[i].text, value);
        assert_string_equal(value_of(f->x, "client.name .. '!'"), "\"Tangerine!\"");
    }
}

static void many_evaluations_do_not_use_up_the_memory_of_one(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3000; i++)
        assert_int_not_equal(
            strlen(value_of(f->x, "join(each(services, '{service} at {tag}'), '\\n') .. client.name")), 0);
    assert_string_equal(value_of(f->x, "client.name"), "\"Tangerine\"");
}

static void truth_is_all_but_false_and_nil(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text;
        bool truth;
    } rows[] = {{"true", true}, {"false", false},   {"nil", false},    {"0", true},
                {"''", true},   {"missing", false}, {"nothing", false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bool truth = !rows[i].truth;
        assert_true(expr_test(f->x, rows[i].text, &truth, NULL));
        assert_int_equal(truth, rows[i].truth);
    }
    bool truth;
    struct error e;
    assert_false(expr_test(f->x, "missing > 1", &truth, &e));
}

static const struct {
    const char *text, *filled;
} templates[] = {
    {"plain", "plain"},
    {"", ""},
    {"Hotfix for {{ client.name }}!", "Hotfix for Tangerine!"},
    {"{{client.name}}{{change.severity}}", "Tangerine2"},
    {"{{ client.components }}", "Tangerine web, Tangerine mobile"},
    {"[{{ missing }}]", "[]"},
    {"{{ 3 / 2 }} {{ 4 / 2 }} {{ yes }}", "1.5 2 true"},
    {"write {{{{ name }} as is", "write {{ name }} as is"},
    {"{{ join({'a', 'b'}, '}}') }}", "a}}b"},
    {"{{ {1, {2}}[1] or client.components }}", NULL},
    {"{{ ({1, 2})[2] }}", "2"},
    {"} }} {", "} }} {"},
};

static void a_template_is_filled_with_its_expressions(void **state)
{
    struct fixture *f = *state;
    _cleanup_arena_ struct arena a = arena_make();
    for (size_t i = 0; i < COUNT_OF(templates); i++) {
        struct error e = ERROR_NONE;
        char *filled = expr_fill(f->x, templates[i].text, &a, &e);
        if (templates[i].filled == NULL)
            assert_null(filled);
        else if (filled == NULL || strcmp(filled, templates[i].filled) != 0)
            fail_msg("%s: got %s (%s)", templates[i].text, filled == NULL ? "nothing" : filled, e.text);
    }
}

static const struct {
    const char *text;
    int line, column;
    const char *says;
} template_faults[] = {
    {"Hello {{ client.name", 1, 7, "not closed"},
    {"Hello {{ }}", 1, 7, "expression is expected"},
    {"Hello {{ a b }}", 1, 12, "near 'b'"},
    {"One\ntw\xC3\xB6 {{ a b }}", 2, 10, "near 'b'"},
    {"One {{ a\n b c }}", 2, 2, "end is expected near 'b'"},
};

static void a_faulty_template_says_the_line_and_column_within_it(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(template_faults); i++) {
        struct error e = ERROR_NONE;
        assert_false(expr_fill_check(f->x, template_faults[i].text, &e));
        if (e.line != template_faults[i].line || e.column != template_faults[i].column ||
            strstr(e.text, template_faults[i].says) == NULL)
            fail_msg("%s: got %d:%d: %s", template_faults[i].text, e.line, e.column, e.text);
    }
    assert_true(expr_fill_check(f->x, "fine {{ a + b }} {{{{ also", NULL));
}

static void a_whole_expression_keeps_its_type_in_json_and_a_part_becomes_text(void **state)
{
    struct fixture *f = *state;
    _cleanup_json_ json_t *in = json_loads("{\"n\": \"{{ change.severity }}\", \"t\": \"sev {{ "
                                           "change.severity }}\", \"l\": [\"{{ client.components }}\", 1,"
                                           " true, null], \"deep\": {\"x\": \"{{ missing }}\"}}",
                                           0, NULL);
    assert_non_null(in);
    _cleanup_json_ json_t *out = expr_fill_json(f->x, in, NULL);
    char *s = json_dumps(out, JSON_COMPACT);
    assert_string_equal(s, "{\"n\":2,\"t\":\"sev 2\",\"l\":[[\"Tangerine web\",\"Tangerine "
                           "mobile\"],1,true,null],\"deep\":{\"x\":null}}");
    free(s);
    _cleanup_json_ json_t *bad =
        json_loads("{\"with\": {\"list\": [\"ok\", \"{{ missing + 1 }}\"]}}", 0, NULL);
    struct error e = ERROR_NONE;
    assert_null(expr_fill_json(f->x, bad, &e));
    assert_non_null(strstr(e.text, "with: list: [2]: attempt to perform arithmetic on a nil value"));
}

static void add_name(void *ctx, const struct expr_name *name)
{
    char *out = ctx;
    size_t n = strlen(out);
    snprintf(out + n, 400 - n, "%s.%s@%zu ", name->root, name->member, name->offset);
}

static void the_names_of_an_expression_are_those_it_takes_from_outside(void **state)
{
    (void)state;
    static const struct {
        const char *text, *names;
    } rows[] = {
        {"change.severity == 1 and not nothing", "change.severity@0 nothing.@29 "},
        {"steps['maintenance-open'].id .. steps.a", "steps.maintenance-open@0 steps.a@32 "},
        {"{a = b, ['c'] = d.e}", "b.@5 d.e@16 "},
        {"a == b", "a.@0 b.@5 "},
        {"steps[x]", "steps.@0 x.@6 "},
        {"'a.b' .. 3.5", ""},
        {"(function(q) return q end)(z)", ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char out[400] = "";
        expr_names(rows[i].text, strlen(rows[i].text), add_name, out);
        assert_string_equal(out, rows[i].names);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_expression_has_the_value_that_its_facts_give, setup, teardown),
        cmocka_unit_test_setup_teardown(a_faulty_expression_says_what_is_wrong_and_at_which_column, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nothing_of_the_machine_is_within_reach, setup, teardown),
        cmocka_unit_test_setup_teardown(facts_cannot_be_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(an_expression_that_takes_too_much_is_stopped_and_the_next_one_works,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(many_evaluations_do_not_use_up_the_memory_of_one, setup, teardown),
        cmocka_unit_test_setup_teardown(truth_is_all_but_false_and_nil, setup, teardown),
        cmocka_unit_test_setup_teardown(a_template_is_filled_with_its_expressions, setup, teardown),
        cmocka_unit_test_setup_teardown(a_faulty_template_says_the_line_and_column_within_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_whole_expression_keeps_its_type_in_json_and_a_part_becomes_text,
                                        setup, teardown),
        cmocka_unit_test(the_names_of_an_expression_are_those_it_takes_from_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
