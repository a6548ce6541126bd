/* HTML is put together so that nothing unescaped gets into it. */
#include "check.h"

#include "web/html.h"
#include <string.h>

struct sheet {
    struct arena arena;
    struct html html;
};

static struct html *sheet_open(struct sheet *s)
{
    s->arena = arena_make();
    s->html = (struct html){.arena = &s->arena, .icons = "/icons.svg"};
    return &s->html;
}

static void sheet_close(struct sheet *s)
{
    buf_free(&s->html.out);
    arena_free(&s->arena);
}

static void what_fills_a_template_is_escaped_in_text_and_in_attributes(void **state)
{
    (void)state;
    struct sheet s;
    struct html *h = sheet_open(&s);
    html_put(h, "<a title='%s'>%s</a>", "' onclick='x", "<script>&\"");
    assert_string_equal(buf_str(&h->out), "<a title='&#39; onclick=&#39;x'>&lt;script&gt;&amp;&quot;</a>");
    sheet_close(&s);
}

static void a_template_takes_numbers_and_pieces_of_text(void **state)
{
    (void)state;
    struct sheet s;
    struct html *h = sheet_open(&s);
    const char *volatile nothing = NULL;
    html_put(h, "%d|%02d|%lld|%zu|%.2f|%.*s|%s|100%%", -3, 7, 1LL << 40, (size_t)9, 1.5, 3, "abcdef",
             nothing);
    assert_string_equal(buf_str(&h->out), "-3|07|1099511627776|9|1.50|abc||100%");
    sheet_close(&s);
}

static void only_addresses_that_a_browser_merely_opens_are_links(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool good;
    } rows[] = {
        {"https://example.com/a", true},
        {"http://127.0.0.1:8080/", true},
        {"mailto:a@example.com", true},
        {"/changes/HF-1", true},
        {"#now", true},
        {"?at=3", true},
        {"javascript:alert(1)", false},
        {"JaVaScRiPt:alert(1)", false},
        {"data:text/html,x", false},
        {"//evil.example/", false},
        {"/\\evil.example", false},
        {"", false},
        {NULL, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(html_link(rows[i].url), rows[i].good ? rows[i].url : "#");
}

static void a_piece_of_a_path_stays_one_piece(void **state)
{
    (void)state;
    struct sheet s;
    struct html *h = sheet_open(&s);
    assert_string_equal(html_part(h, "a/b?c#d"), "a%2Fb%3Fc%23d");
    sheet_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fills_a_template_is_escaped_in_text_and_in_attributes),
        cmocka_unit_test(a_template_takes_numbers_and_pieces_of_text),
        cmocka_unit_test(only_addresses_that_a_browser_merely_opens_are_links),
        cmocka_unit_test(a_piece_of_a_path_stays_one_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
