/* fuzz_sop.c: pages, expressions and templates from outside. The first byte chooses the reader; what it
 * accepts must keep its promises. Seeds: sops/ with a byte before each. Run: build/tests/fuzz/fuzz_sop
 * -max_total_time=60 */
#include "base/json.h"
#include "sop/expr.h"
#include "sop/page.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void insist(bool promise)
{
    if (!promise)
        abort();
}

static void check_procedure(const struct procedure *p)
{
    for (int i = 0; i < p->n_steps; i++) {
        const struct step *s = &p->steps[i];
        insist(s->index == i && s->id[0] != '\0' && s->title != NULL && s->prose != NULL && s->row != NULL);
        insist(s->verb != NULL || s->has_ask);
        insist(s->of >= -1 && s->of < p->n_steps && s->again >= 0 && s->again < p->n_steps);
        for (int k = 0; k < s->n_after; k++)
            insist(s->after[k] >= 0 && s->after[k] < p->n_steps && p->steps[s->after[k]].branch == s->branch);
        insist(!s->has_ask || s->ask.n_choices > 0);
    }
    for (int i = 0; i < p->n_interlocks; i++)
        for (int k = 0; k < p->interlocks[i].n_needs; k++)
            insist(p->interlocks[i].needs[k] >= 0 && p->interlocks[i].needs[k] < p->n_steps);
}

static void fuzz_page(const char *text, size_t n)
{
    static struct page_errors errors;
    _cleanup_arena_ struct arena a = {0};
    const struct procedure *p = page_parse(text, n, "fuzz.md", &a, &errors);
    insist((p == NULL) == (errors.total > 0) && errors.n <= PAGE_ERRORS_MAX);
    if (p != NULL)
        check_procedure(p);
}

static void fuzz_html(const char *text, size_t n)
{
    char *html = page_html(text, n);
    insist(html != NULL && strstr(html, "<script") == NULL && strstr(html, "<iframe") == NULL);
    free(html);
}

static struct expr *sandbox(void)
{
    static struct expr *x;
    static json_t *facts;
    if (x != NULL)
        return x;
    x = expr_new();
    facts = json_loads("{\"change\": {\"severity\": 2, \"reason\": \"x\"}, \"services\": [{\"service\": "
                       "\"cart\", \"tag\": \"1\"}, {}],"
                       " \"client\": {\"name\": \"Tangerine\", \"components\": [\"a\", \"b\"]}, \"steps\": "
                       "{\"a-b\": {\"state\": \"done\"}}}",
                       0, NULL);
    expr_facts(x, facts, INT64_C(1707400000000), "America/New_York");
    return x;
}

static void fuzz_expr(const char *text, size_t n)
{
    (void)n;
    struct error e = ERROR_NONE;
    json_t *j = expr_eval(sandbox(), text, &e);
    insist(j != NULL || (e.code != SB_OK && e.line >= 1 && e.column >= 1));
    json_decref(j);
}

static void fuzz_template(const char *text, size_t n)
{
    (void)n;
    _cleanup_arena_ struct arena a = {0};
    struct error e = ERROR_NONE;
    char *filled = expr_fill(sandbox(), text, &a, &e);
    insist(filled != NULL || e.code != SB_OK);
    insist(filled == NULL || expr_fill_check(sandbox(), text, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static void (*const readers[])(const char *text, size_t n) = {fuzz_page, fuzz_html, fuzz_expr,
                                                                  fuzz_template};
    if (n == 0)
        return 0;
    char *text = malloc(n); /* of exactly this size, so that the sanitizer sees a read past the end */
    if (text == NULL)
        abort();
    memcpy(text, data + 1, n - 1);
    text[n - 1] = '\0';
    readers[data[0] % COUNT_OF(readers)](text, n - 1);
    free(text);
    return 0;
}
