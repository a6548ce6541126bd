/* The pages that ship: they parse, carry every row of the process, and every text on them can be filled in.
 */
#include "base/buf.h"
#include "base/read.h"
#include "base/window.h"
#include "sop/expr.h"
#include "sop/page.h"
#include "sop/page_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct page_errors errors;

static void read_page(const char *name, struct buf *out)
{
    char path[512];
    const char *root = getenv("SOURCE_ROOT");
    struct error e;
    snprintf(path, sizeof path, "%s/%s", root != NULL ? root : ".", name);
    if (!read_file(path, PAGE_MAX_BYTES, out, &e))
        fail_msg("%s", e.text);
}

static const struct procedure *shipped(const char *name, struct arena *a)
{
    _cleanup_buf_ struct buf text = {0};
    char line[2048];
    read_page(name, &text);
    const struct procedure *p = page_parse(buf_str(&text), text.len, name, a, &errors);
    if (p == NULL)
        fail_msg("%s", error_format(&errors.list[0], line, sizeof line));
    return p;
}

static const char *const pages[] = {"sops/hotfix.md", "sops/deploy.md"};

static void the_pages_that_ship_have_no_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        _cleanup_arena_ struct arena a = arena_make();
        const struct procedure *p = shipped(pages[i], &a);
        assert_true(p->n_steps > 10);
        assert_true(p->redo_from >= 0);
        assert_true(p->has_branch[BRANCH_TROUBLE] && p->has_branch[BRANCH_UNDO]);
        for (int s = 0; s < p->n_steps; s++)
            if (p->steps[s].title[0] == '\0' || p->steps[s].prose[0] == '\0')
                fail_msg("%s: step %s has no prose", pages[i], p->steps[s].id);
    }
}

/* Those that are a step's. P4 (access) is doctor's, P5 (read, rehearse) the page's and the drill's, L1 (the
 * clock) every face's. */
static const char *const rows[] = {
    "P1", "P2", "P3", "L2", "L3", "L4",  "L5",  "L5a", "L6",  "L7", "L8", "L9", "D1", "D2", "D3", "D4",
    "D5", "D6", "D7", "D8", "D9", "D10", "D11", "D12", "D13", "W1", "W2", "W3", "W4", "W5", "W6",
};

static bool carries(const char *list, const char *row)
{
    size_t n = strlen(row);
    for (const char *s = strstr(list, row); s != NULL; s = strstr(s + 1, row))
        if ((s == list || s[-1] == ' ') && (s[n] == '\0' || s[n] == ','))
            return true;
    return false;
}

static void every_row_of_the_process_is_carried_by_a_step_of_the_hotfix(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    const struct procedure *p = shipped("sops/hotfix.md", &a);
    for (size_t r = 0; r < COUNT_OF(rows); r++) {
        bool found = false;
        for (int i = 0; i < p->n_steps && !found; i++)
            found = carries(p->steps[i].row, rows[r]);
        if (!found)
            fail_msg("no step carries row %s", rows[r]);
    }
    for (int i = 0; i < p->n_steps; i++)
        if (p->steps[i].row[0] == '\0')
            fail_msg("step %s carries no row", p->steps[i].id);
}

/* --- filling in
 * ----------------------------------------------------------------------------------------------------------------
 */

static const char nothing_yet[] =
    "{\"change\": {\"id\": \"HF-7\", \"client\": \"tangerine\", \"env\": \"prod\", \"severity\": 1, "
    "\"risk\": \"high\", \"outcome\": \"done\","
    " \"requested_by\": \"ada\", \"reason\": \"orders <stuck>\"}, \"client\": {\"id\": \"tangerine\", "
    "\"name\": \"Tangerine\", \"zone\": \"America/New_York\","
    " \"work_week\": \"mon-fri\", \"hours\": \"08:00-18:00\", \"components\": [], \"channels\": {}}, "
    "\"env\": {\"name\": \"prod\", \"production\": true},"
    " \"services\": [{\"service\": \"cart\", \"tag\": \"24-02-05.619-hotfix.627\"}], \"inputs\": "
    "{\"bridge\": \"\", \"predeploy\": \"\", \"incident_link\": \"\"},"
    " \"window\": {\"from\": 1707418800000, \"to\": 1707424200000, \"zone\": \"America/New_York\", \"text\": "
    "\"Thu 8 Feb 14:00-15:30 EST (90 min)\"},"
    " \"lead_hours\": 5.5, \"channels\": {}, \"people\": [], \"oncall\": \"\", \"systems\": {}, \"steps\": "
    "{}}";

/* Every text of a page, against facts in which nothing has happened yet: an index into a missing result, or a
 * comparison with one, would be found at night only. */
static void fill_all(const char *name, const char *facts_text, const char *merge)
{
    _cleanup_arena_ struct arena a = arena_make();
    const struct procedure *p = shipped(name, &a);
    struct expr *x = expr_new();
    json_t *facts = json_loads(facts_text, 0, NULL), *more = json_loads(merge, 0, NULL);
    assert_non_null(facts);
    assert_non_null(more);
    json_object_update_recursive(facts, more);
    json_object_set_new(facts, "settings", json_deep_copy(p->settings));
    expr_facts(x, facts, 1707400000000, "America/New_York");
    for (int i = 0; i < p->n_steps; i++) {
        const struct step *s = &p->steps[i];
        struct error e = ERROR_NONE;
        bool truth;
        if (s->when != NULL && !expr_test(x, s->when, &truth, &e))
            fail_msg("%s: step %s: when: %s", name, s->id, e.text);
        if (s->has_ask && expr_fill(x, s->ask.question, &a, &e) == NULL)
            fail_msg("%s: step %s: question: %s", name, s->id, e.text);
        json_t *with = s->with == NULL ? json_object() : expr_fill_json(x, s->with, &e);
        if (with == NULL)
            fail_msg("%s: step %s: %s", name, s->id, e.text);
        json_decref(with);
    }
    json_decref(facts);
    json_decref(more);
    expr_free(x);
}

static void every_text_can_be_filled_in_whatever_has_happened(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        fill_all(pages[i], nothing_yet, "{}");
        fill_all(pages[i], nothing_yet,
                 "{\"oncall\": \"production\", \"incident\": 1707390000000, \"systems\": {\"cluster\": "
                 "\"kubernetes\", \"health\": \"grafana\", \"releases\": \"github\"},"
                 " \"inputs\": {\"bridge\": \"https://meet.example/x\", \"predeploy\": \"Warm the cache\"}, "
                 "\"client\": {\"tam\": {\"name\": \"Bo\", \"mail\": \"bo@example.net\"},"
                 " \"components\": [\"Tangerine\"]}, \"decision\": {\"by\": \"ada\", \"reason\": \"no other "
                 "way\", \"permitted_by\": \"Bo\"},"
                 " \"trouble\": {\"step\": \"watch\", \"title\": \"Follow\", \"reason\": \"stage failed\", "
                 "\"round\": 1},"
                 " \"steps\": {\"announce\": {\"state\": \"done\", \"posts\": [{\"channel\": \"C1\", \"ts\": "
                 "\"1\"}]}, \"owners\": {\"state\": \"done\", \"owners\": [{\"service\": \"cart\","
                 " \"team\": \"Shop\", \"channel\": \"shop\", \"schedule\": \"shop\", \"people\": "
                 "[\"a@b.c\"]}]}, \"releases\": {\"state\": \"done\", \"services\": [{\"service\": \"cart\","
                 " \"schema\": [\"db/1.sql\", \"db/2.sql\"]}, {\"service\": \"x\", \"schema\": null}]}, "
                 "\"conflicts\": {\"conflicts\": [{\"title\": \"Freeze\"}]},"
                 " \"oncall\": {\"people\": [{\"name\": \"Cy\", \"mail\": \"cy@example.net\"}]}}}");
    }
}

static void a_severity_1_change_has_its_notice_due_within_24_hours_of_the_incident(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    const struct procedure *p = shipped("sops/hotfix.md", &a);
    const struct step *notice = &p->steps[procedure_step(p, "notice")], *nag = notice + 1,
                      *escalate = notice + 2;
    json_t *names = json_pack("{s:I}", "incident", (json_int_t)0);
    int64_t due, at;
    assert_string_equal(nag->id, "notice.nag");
    assert_string_equal(escalate->id, "notice.escalate");
    assert_true(moment_parse(notice->due, names, &due, NULL));
    assert_int_equal(due, HOURS(24));
    assert_true(moment_parse(nag->at, names, &at, NULL));
    assert_int_equal(at, HOURS(20));
    assert_true(moment_parse(escalate->at, names, &at, NULL));
    assert_int_equal(at, HOURS(24));
    json_decref(names);
}

static void people_are_told_of_trouble_before_anything_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        _cleanup_arena_ struct arena a = arena_make();
        const struct procedure *p = shipped(pages[i], &a);
        int tell = procedure_step(p, "trouble-tell"), decide = procedure_step(p, "decide");
        assert_true(tell >= 0 && decide >= 0);
        assert_int_equal(p->steps[tell].n_after, 0);
        assert_null(p->steps[tell].when);
        assert_string_equal(p->steps[tell].verb->name, "chat.post");
        /* The engine begins steps in page order; a chat that hangs must not keep anybody from deciding. */
        for (int k = 0; k < p->n_steps; k++)
            if (p->steps[k].branch == BRANCH_TROUBLE && k != tell)
                assert_true(k > tell);
        for (int k = 0; k < p->steps[decide].n_after; k++)
            assert_true(p->steps[decide].after[k] != tell);
    }
}

/* In the manual as code: `name`, or `name(...)`. */
static void assert_explained(const char *manual, const char *name)
{
    char plain[96], call[96];
    snprintf(plain, sizeof plain, "`%s`", name);
    snprintf(call, sizeof call, "`%s(", name);
    if (strstr(manual, plain) == NULL && strstr(manual, call) == NULL)
        fail_msg("docs/sop-pages.md does not explain %s", name);
}

static void the_manual_explains_every_field_function_moment_and_role(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    _cleanup_buf_ struct buf manual = {0};
    read_page("docs/sop-pages.md", &manual);
    for (int i = 0; step_fields[i].name != NULL; i++)
        assert_explained(buf_str(&manual), step_fields[i].name);
    const char *const *functions = expr_functions(&a);
    for (int i = 0; functions[i] != NULL; i++)
        assert_explained(buf_str(&manual), functions[i]);
    for (int i = 0; moment_names[i] != NULL; i++)
        assert_explained(buf_str(&manual), moment_names[i]);
    for (int i = 0; ask_roles[i] != NULL; i++)
        assert_explained(buf_str(&manual), ask_roles[i]);
    for (int i = 1; decision_names[i] != NULL; i++)
        assert_explained(buf_str(&manual), decision_names[i]);
}

/* docs/sop-coverage.md says which steps carry a row: it must say what the page says. */
static void the_table_of_rows_names_the_steps_that_carry_them(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    _cleanup_buf_ struct buf table = {0};
    const struct procedure *p = shipped("sops/hotfix.md", &a);
    read_page("docs/sop-coverage.md", &table);
    for (size_t r = 0; r < COUNT_OF(rows); r++) {
        char begin[32];
        snprintf(begin, sizeof begin, "\n| %s |", rows[r]);
        const char *line = strstr(buf_str(&table), begin);
        if (line == NULL)
            fail_msg("docs/sop-coverage.md has no row %s", rows[r]);
        char *row = arena_strndup(&a, line + 1, strcspn(line + 1, "\n"));
        for (int i = 0; i < p->n_steps; i++) {
            char id[96];
            snprintf(id, sizeof id, "`%s`", p->steps[i].id);
            if (carries(p->steps[i].row, rows[r]) != (strstr(row, id) != NULL))
                fail_msg("docs/sop-coverage.md: row %s and step %s: table and page differ", rows[r],
                         p->steps[i].id);
        }
    }
}

/* Same bytes on every run. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void a_damaged_hotfix_page_is_read_or_refused_and_never_more(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf text = {0};
    read_page("sops/hotfix.md", &text);
    char *page = malloc(text.len);
    uint32_t seed = 11;
    for (int i = 0; i < 300; i++) {
        size_t n = i % 2 == 0 ? text.len : next_random(&seed) % text.len;
        memcpy(page, text.data, text.len);
        for (int flips = i % 2 == 0 ? 3 : 0; flips > 0; flips--)
            page[next_random(&seed) % n] ^= (char)(1 << next_random(&seed) % 7);
        _cleanup_arena_ struct arena a = arena_make();
        const struct procedure *p = page_parse(page, n, "sops/hotfix.md", &a, &errors);
        assert_int_equal(p == NULL, errors.total > 0);
    }
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pages_that_ship_have_no_mistakes),
        cmocka_unit_test(every_row_of_the_process_is_carried_by_a_step_of_the_hotfix),
        cmocka_unit_test(every_text_can_be_filled_in_whatever_has_happened),
        cmocka_unit_test(a_severity_1_change_has_its_notice_due_within_24_hours_of_the_incident),
        cmocka_unit_test(people_are_told_of_trouble_before_anything_else),
        cmocka_unit_test(the_manual_explains_every_field_function_moment_and_role),
        cmocka_unit_test(the_table_of_rows_names_the_steps_that_carry_them),
        cmocka_unit_test(a_damaged_hotfix_page_is_read_or_refused_and_never_more),
    };
    return cmocka_run_group_tests_name("sop/shipped", tests, NULL, NULL);
}
