#include "check.h"

#include "base/json.h"
#include "cli/plan_text.h"
#include "cli/prompt.h"

static const char preview[] =
    "{\"title\": \"Hotfix\", \"now\": 1707393600000, \"facts\": {\"client\": {\"id\": \"acme\", \"zone\": \"America/New_York\"}, "
    "\"env\": {\"name\": \"prod\"}, \"window\": {\"from\": 1707418800000, \"text\": \"Thu 8 Feb 14:00-15:30 EST (90 min)\"}, "
    "\"services\": [{\"service\": \"cart\", \"tag\": \"24-02-05.619-hotfix.627\"}], \"change\": {\"severity\": 2, \"risk\": \"low\", "
    "\"reason\": \"a bug\"}},"
    " \"questions\": [{\"about\": \"freeze\", \"says\": \"The window meets a freeze.\", \"blocks\": true, \"overrule\": \"approve\", "
    "\"proposal\": \"Later.\", \"better\": {\"window\": \"2024-02-08 16:00 for 90m America/New_York\"}},"
    "   {\"about\": \"tam\", \"says\": \"No TAM.\", \"blocks\": false, \"overrule\": \"deploy\", \"overruled\": \"on leave\"}],"
    " \"unknown\": [{\"what\": \"tags\", \"says\": \"no answer\"}], \"problems\": [],"
    " \"asks\": [{\"step\": \"approve\", \"question\": \"Deploy?\", \"role\": \"approve\", \"other\": true, \"choices\": [\"Yes\", \"No\"]}],"
    " \"steps\": ["
    "   {\"id\": \"tell\", \"title\": \"Say it.\", \"section\": \"Planning\", \"at\": 1707393600000, \"does\": \"chat.post\", \"messages\": ["
    "     {\"reader\": \"ops\", \"how\": \"a new message\", \"text\": \"Hello\\nworld\", \"mention\": [\"tom@acme.example\"]},"
    "     {\"reader\": \"dev\", \"how\": \"a new message\", \"text\": \"Hello\\nworld\"}]},"
    "   {\"id\": \"skip\", \"title\": \"Not this.\", \"section\": \"Planning\", \"skipped\": true, \"because\": \"no need\"},"
    "   {\"id\": \"approve\", \"title\": \"Ask.\", \"section\": \"Deploying\", \"at\": 1707418800000}],"
    " \"told\": [{\"who\": \"tom@acme.example\", \"as\": \"technical account manager of Acme\", \"why\": [\"Say it.\"], \"steps\": [\"tell\"], "
    "\"first\": 1707393600000}]}";

static const char expected[] =
    "Hotfix: acme/prod, window Thu 8 Feb 14:00-15:30 EST (90 min)\n"
    "  begins Thu 8 Feb 14:00 EST (Thu 8 Feb 20:00 CET for you)\n"
    "  cart 24-02-05.619-hotfix.627\n"
    "  severity 2, risk low: a bug\n"
    "\nQuestions\n"
    "  ! freeze    The window meets a freeze.\n"
    "              Later.\n"
    "              --window \"2024-02-08 16:00 for 90m America/New_York\"\n"
    "              It stops the plan, unless somebody with the role approve overrules it: --overrule freeze=REASON\n"
    "  - tam       No TAM.\n"
    "              overruled: on leave\n"
    "\nCould not be found out\n"
    "  tags: no answer\n"
    "\nPlanning\n"
    "  * tell                   Say it.\n"
    "      at once, chat.post\n"
    "      to ops, dev (a new message), mentions tom@acme.example:\n"
    "      | Hello\n"
    "      | world\n"
    "  - skip                   Not this.\n"
    "      left out: no need\n"
    "\nDeploying\n"
    "  * approve                Ask.\n"
    "      Thu 8 Feb 14:00 EST (Thu 8 Feb 20:00 CET for you)\n"
    "      asks who has the role approve, and has not requested the change:\n"
    "      ? Deploy?\n"
    "        Yes / No\n"
    "\nWho is told, and why\n"
    "  tom@acme.example, technical account manager of Acme, first at once\n"
    "      in tell\n"
    "      Say it.\n";

static void a_plan_is_told_in_the_clients_time_and_the_readers(void **state)
{
    (void)state;
    _cleanup_json_ json_t *j = json_loads(preview, 0, NULL);
    _cleanup_buf_ struct buf out = {0};
    assert_non_null(j);
    plan_text(j, "Europe/Berlin", &out);
    assert_string_equal(buf_str(&out), expected);
}

static void a_reader_in_the_clients_zone_sees_each_time_once(void **state)
{
    (void)state;
    _cleanup_json_ json_t *j = json_loads(preview, 0, NULL);
    _cleanup_buf_ struct buf out = {0};
    plan_text(j, "America/Toronto", &out); /* another name, the same clocks */
    assert_null(strstr(buf_str(&out), "for you"));
}

static const struct {
    const char *before, *after, *says;
} diffs[] = {
    {"a\nb\n", "a\nb\n", ""},
    {"", "a\n", "+ a\n"},
    {"a\nb\nc\n", "a\nx\nc\n", "  a\n- b\n+ x\n  c\n"},
    {"1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\n5\n7\n", "  ...\n  3\n  4\n  5\n- 6\n+ 7\n"},
    {"a\n1\n2\n3\n4\n5\n6\n7\n8\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\n8\nB\n",
     "- a\n+ A\n  1\n  2\n  3\n  ...\n  6\n  7\n  8\n- b\n+ B\n"},
    {"a\nb\nc\nd\n", "c\nd\na\nb\n", "- a\n- b\n  c\n  d\n+ a\n+ b\n"},
};

static void what_has_changed_is_told_line_by_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(diffs); i++) {
        _cleanup_buf_ struct buf out = {0};
        plan_diff(diffs[i].before, diffs[i].after, &out);
        assert_string_equal(buf_str(&out), diffs[i].says);
    }
}

static const struct {
    const char *line, *says;
    int found;
} words[] = {
    {"", "", 3},
    {"t", "tangerine", 1},
    {"p", "pl", 2},
    {"pl", "pl", 2},
    {"plu", "plum", 1},
    {"x", "x", 0},
    {"tangerine", "tangerine", 1},
    {"plum ta", "plum tangerine", 1},
};

static void tab_goes_on_as_far_as_the_choices_agree(void **state)
{
    (void)state;
    static const char *const choices[] = {"tangerine", "plum", "plain", NULL};
    _cleanup_arena_ struct arena a = arena_make();
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        int found;
        assert_string_equal(prompt_complete(words[i].line, choices, &found, &a), words[i].says);
        assert_int_equal(found, words[i].found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_told_in_the_clients_time_and_the_readers),
        cmocka_unit_test(a_reader_in_the_clients_zone_sees_each_time_once),
        cmocka_unit_test(what_has_changed_is_told_line_by_line),
        cmocka_unit_test(tab_goes_on_as_far_as_the_choices_agree),
    };
    return cmocka_run_group_tests_name("cli/plan", tests, NULL, NULL);
}
