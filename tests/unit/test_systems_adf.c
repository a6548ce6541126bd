/* Markdown as Jira's document format: only what Jira accepts, where it accepts it. */
#include "base/json.h"
#include "check.h"
#include "systems/adf.h"
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *markdown, *content;
} rows[] = {
    {"", "[]"},
    {"Plain text", "[{\"type\":\"paragraph\",\"content\":[{\"type\":\"text\",\"text\":\"Plain text\"}]}]"},
    {"one\ntwo", "[{\"type\":\"paragraph\",\"content\":[{\"type\":\"text\",\"text\":\"one two\"}]}]"},
    {"one\\\ntwo", "[{\"type\":\"paragraph\",\"content\":[{\"type\":\"text\",\"text\":\"one\"},{\"type\":"
                   "\"hardBreak\"},{\"type\":\"text\",\"text\":\"two\"}]}]"},
    {"**Why:** *now*",
     "[{\"type\":\"paragraph\",\"content\":[{\"type\":\"text\",\"text\":\"Why:\",\"marks\":[{\"type\":"
     "\"strong\"}]},{\"type\":\"text\",\"text\":\" \"},{\"type\":\"text\",\"text\":\"now\",\"marks\":[{"
     "\"type\":\"em\"}]}]}]"},
    /* Code takes no mark but a link. */
    {"**`x`**",
     "[{\"type\":\"paragraph\",\"content\":[{\"type\":\"text\",\"text\":\"x\",\"marks\":[{\"type\":"
     "\"code\"}]}]}]"},
    {"[a](https://x.example/)",
     "[{\"type\":\"paragraph\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"marks\":[{\"type\":\"link\","
     "\"attrs\":{\"href\":\"https://x.example/\"}}]}]}]"},
    {"[a](javascript:alert)", "[{\"type\":\"paragraph\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}]"},
    {"## Head", "[{\"type\":\"heading\",\"content\":[{\"type\":\"text\",\"text\":\"Head\"}],\"attrs\":{"
                "\"level\":2}}]"},
    {"- a\n- b",
     "[{\"type\":\"bulletList\",\"content\":[{\"type\":\"listItem\",\"content\":[{\"type\":\"paragraph\","
     "\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}]},{\"type\":\"listItem\",\"content\":[{\"type\":"
     "\"paragraph\",\"content\":[{\"type\":\"text\",\"text\":\"b\"}]}]}]}]"},
    {"3. a", "[{\"type\":\"orderedList\",\"content\":[{\"type\":\"listItem\",\"content\":[{\"type\":"
             "\"paragraph\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}]}],\"attrs\":{\"order\":3}}]"},
    /* An item begins with a paragraph, and holds no heading. */
    {"- - a",
     "[{\"type\":\"bulletList\",\"content\":[{\"type\":\"listItem\",\"content\":[{\"type\":\"paragraph\","
     "\"content\":[]},{\"type\":\"bulletList\",\"content\":[{\"type\":\"listItem\",\"content\":[{\"type\":"
     "\"paragraph\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}]}]}]}]}]"},
    {"- # a",
     "[{\"type\":\"bulletList\",\"content\":[{\"type\":\"listItem\",\"content\":[{\"type\":\"paragraph\","
     "\"content\":[{\"type\":\"text\",\"text\":\"a\",\"marks\":[{\"type\":\"strong\"}]}]}]}]}]"},
    {"```sh\nls\n```",
     "[{\"type\":\"codeBlock\",\"content\":[{\"type\":\"text\",\"text\":\"ls\"}],\"attrs\":{"
     "\"language\":\"sh\"}}]"},
    {"```\n```", "[{\"type\":\"codeBlock\",\"content\":[]}]"},
    {"> a", "[{\"type\":\"blockquote\",\"content\":[{\"type\":\"paragraph\",\"content\":[{\"type\":\"text\","
            "\"text\":\"a\"}]}]}]"},
    {"> > a", "[{\"type\":\"blockquote\",\"content\":[{\"type\":\"paragraph\",\"content\":[{\"type\":"
              "\"text\",\"text\":\"a\"}]}]}]"},
    {"---", "[{\"type\":\"rule\"}]"},
    {"<b>x</b>", "[{\"type\":\"paragraph\",\"content\":[{\"type\":\"text\",\"text\":\"<b>x</b>\"}]}]"},
    {"|a|\n|-|\n|b|",
     "[{\"type\":\"table\",\"content\":[{\"type\":\"tableRow\",\"content\":[{\"type\":\"tableHeader\","
     "\"content\":[{\"type\":\"paragraph\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}]}]},{\"type\":"
     "\"tableRow\",\"content\":[{\"type\":\"tableCell\",\"content\":[{\"type\":\"paragraph\",\"content\":[{"
     "\"type\":\"text\",\"text\":\"b\"}]}]}]}]}]"},
    {"> |a|c|\n> |-|-|",
     "[{\"type\":\"blockquote\",\"content\":[{\"type\":\"paragraph\",\"content\":[{\"type\":\"text\","
     "\"text\":\"a | c\"}]}]}]"},
};

static void markdown_becomes_what_jira_takes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_json_ json_t *doc = adf_of_markdown(rows[i].markdown);
        _cleanup_json_ json_t *wanted = json_loads(rows[i].content, 0, NULL);
        assert_non_null(wanted);
        assert_int_equal(json_int(doc, "version", 0), 1);
        if (!json_equal(json_object_get(doc, "content"), wanted)) {
            char *text = json_dumps(doc, JSON_COMPACT);
            print_error("row %zu: %s\ngave %s\n", i, rows[i].markdown, text);
            free(text);
        }
        assert_true(json_equal(json_object_get(doc, "content"), wanted));
    }
}

static void long_and_deep_texts_are_cut_not_refused(void **state)
{
    (void)state;
    size_t n = 3 * ADF_MARKDOWN_MAX;
    char *text = malloc(n + 1);
    assert_non_null(text);
    for (size_t i = 0; i < n; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    text[n] = '\0';
    _cleanup_json_ json_t *cut = adf_of_markdown(text);
    const char *first = json_str(cut, "content.0.content.0.text", NULL);
    assert_non_null(first);
    assert_true(strlen(first) <= ADF_MARKDOWN_MAX + 4);
    assert_non_null(strstr(first, " ..."));
    for (size_t i = 0; i < n; i += 2)
        memcpy(text + i, "> ", 2);
    text[n - 1] = 'x';
    _cleanup_json_ json_t *deep = adf_of_markdown(text);
    assert_non_null(deep);
    for (size_t i = 0; i < n; i++)
        text[i] = '*';
    _cleanup_json_ json_t *stars = adf_of_markdown(text);
    assert_non_null(stars);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markdown_becomes_what_jira_takes),
        cmocka_unit_test(long_and_deep_texts_are_cut_not_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
