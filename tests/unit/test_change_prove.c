/* The prover: the pages that ship are proven, pages with one fault each are caught with the rule that they
 * break and a history that shows it, and so is every fault that is planted in the core. */
#include "check.h"

#include "base/read.h"
#include "change/planted.h"
#include "change/prove.h"
#include "sop/page.h"

struct page {
    struct arena arena;
    struct procedure *sop;
    struct proof proof;
};

static void page_free(struct page *p)
{
    arena_free(&p->arena);
}
#define _cleanup_page_ CLEANUP(page_free)

static struct page proven(const char *name)
{
    _cleanup_buf_ struct buf text = {0};
    struct page_errors errors = {0};
    struct page p = {.arena = arena_make()};
    char path[512];
    const char *root = getenv("SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/%s", root != NULL ? root : ".", name);
    assert_true(read_file(path, PAGE_MAX_BYTES, &text, NULL));
    p.sop = page_parse(buf_str(&text), text.len, arena_strdup(&p.arena, name), &p.arena, &errors);
    for (int i = 0; i < errors.n; i++)
        print_message("%s:%d: %s\n", name, errors.list[i].line, errors.list[i].text);
    assert_non_null(p.sop);
    prove(p.sop, &p.arena, &p.proof);
    return p;
}

static void print_proof(const char *about, const struct page *p)
{
    print_message("%s:\n", about);
    print_message("%s (line %d): %s\n", p->proof.rule, p->proof.line, p->proof.says);
    for (int i = 0; i < p->proof.n_story; i++)
        print_message("  %d. %s\n", i + 1, p->proof.story[i]);
}

/* --- good pages
 * -------------------------------------------------------------------------------------------------------------------
 */

static void the_pages_that_ship_are_proven(void **state)
{
    (void)state;
    static const char *const pages[] = {"sops/hotfix.md", "sops/deploy.md", "tests/pages/good.md"};
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        _cleanup_page_ struct page p = proven(pages[i]);
        if (!p.proof.holds)
            print_proof(pages[i], &p);
        assert_true(p.proof.holds);
        assert_int_equal(p.proof.rules, p.sop->n_interlocks);
        assert_true(p.proof.states > 1000);
    }
}

static void a_proof_of_the_hotfix_page_stays_small(void **state)
{
    (void)state;
    _cleanup_page_ struct page p = proven("sops/hotfix.md");
    assert_true(p.proof.states < 300000);
    assert_true(p.proof.events < 2000000);
    assert_true(p.arena.used < (size_t)16 << 20);
}

static void a_page_is_proven_alike_every_time(void **state)
{
    (void)state;
    _cleanup_page_ struct page a = proven("sops/deploy.md"), b = proven("sops/deploy.md");
    assert_int_equal(a.proof.states, b.proof.states);
    assert_int_equal(a.proof.events, b.proof.events);
}

/* --- broken pages
 * ------------------------------------------------------------------------------------------------------------------
 */

static const struct {
    const char *page, *rule;
    const char *says;  /* in what is said of it */
    const char *story; /* in the last sentence of the history; NULL = there is none */
    int sentences;     /* the shortest history has so many */
} broken[] = {
    {"stale-health", "complete-after-health", "before the deployment last began",
     "\"Complete the maintenance\"", 7},
    {"completion-by-another-step", "complete-after-health", "(complete-early): what it needs is not done",
     "(complete-early) begins", 5},
    {"completion-in-trouble", "no-completion-in-trouble", "(tidy): it begins while the change is in trouble",
     "(tidy) begins", 4},
    {"completion-when-stopped", "no-completion-in-trouble",
     "(close): it begins while the change is in trouble", "(close) begins", 6},
    {"end-needs-what-may-be-left-out", "end-after-component", "skipped",
     "(confirm) is left out: its condition", 5},
    {"health-may-be-left-out", "complete-after-health", "skipped", "(health) is left out: its condition", 5},
    {"health-may-fail", "complete-after-health", "is not done", "(health) fails", 6},
    {"approval-after-start", "deploy-after-approval", "is not done", "started", 2},
    {"approval-by-nobody", "deploy-after-approval", "given by nobody",
     "Nobody answers \"Have a second person agree\"", 4},
    {"rules-in-a-circle", "complete-after-report", "is not done", "(deploy) is done", 4},
    {"no-way-out-of-trouble", "dead-end", "cannot come to its end", "(deploy) fails", 4},
    {"only-extended", "dead-end", "cannot come to its end", "(deploy) fails", 4},
    {"decision-left-out", "dead-end", "cannot come to its end", "(decide) is left out: its condition", 5},
    {"condition-never-holds", "can-run", "(mark): there is no history", NULL, 0},
    {"branch-never-decided", "can-run", "(rollback-tell): there is no history", NULL, 0},
    {"rollback-without-decision", "rollback-decided", "nobody has decided it", "(go-back) begins", 4},
    {"waiting-cancels-a-deployment", "may-do-what-it-wants", "the deployment has begun", "Nobody answers", 6},
    {"answer-that-leads-nowhere", "deploy-after-approval", "the answer was another", "(approve): Not now", 4},
    {"never-in-its-own-branch", "can-run",
     "(tidy): there is no history in which it runs; a rule for it is no-tidying-in-trouble", NULL, 0},
    {"undo-forbidden", "dead-end", "rule called-off-when-healthy stands against it", "cancels", 2},
};

static void a_page_with_a_fault_is_told_its_rule_and_the_shortest_history_that_breaks_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        char name[128];
        snprintf(name, sizeof name, "tests/pages/broken/%s.md", broken[i].page);
        _cleanup_page_ struct page p = proven(name);
        const struct proof *f = &p.proof;
        if (f->holds)
            fail_msg("%s is proven, and should break %s", broken[i].page, broken[i].rule);
        bool good = str_eq(f->rule, broken[i].rule) && strstr(f->says, broken[i].says) != NULL &&
                    f->n_story == broken[i].sentences &&
                    (broken[i].story == NULL || strstr(f->story[f->n_story - 1], broken[i].story) != NULL);
        if (!good) {
            print_proof(broken[i].page, &p);
            fail_msg("%s breaks %s, and that is not what is told", broken[i].page, broken[i].rule);
        }
    }
}

static void a_refused_page_says_where_and_why_and_tells_the_history(void **state)
{
    (void)state;
    _cleanup_page_ struct page p = proven("tests/pages/broken/completion-in-trouble.md");
    struct error err = ERROR_NONE;
    prove_error(p.sop, &p.proof, &err);
    assert_int_equal(err.code, SB_INTERLOCK);
    assert_string_equal(err.file, "tests/pages/broken/completion-in-trouble.md");
    assert_int_equal(err.line, 19);
    assert_non_null(strstr(err.text, "no-completion-in-trouble"));
    assert_non_null(strstr(err.text, "\n  4. \"Tidy the status page up\" (tidy) begins."));
}

/* --- a broken core
 * -------------------------------------------------------------------------------------------------------------------
 */

/* Some show only on pages that would be refused anyway. */
#define NOWHERE "tests/pages/broken/answer-that-leads-nowhere.md"
#define FORBIDS "tests/pages/broken/never-in-its-own-branch.md"

static const struct {
    const char *fault, *rule;
    const char *page; /* NULL = the hotfix page */
    const char *last; /* in the last sentence of the history */
} caught[] = {
    {"rule-ignored", "deploy-after-agreement", NULL, "(deploy) begins"},
    {"skipped-is-done", "deploy-after-agreement", NULL, "(deploy) begins"},
    {"any-answer", "deploy-after-approval", NOWHERE, "(deploy) begins"},
    {"end-rule-ignored", "end-after-report", NULL, "The change ends"},
    {"trouble-rule-ignored", "no-tidying-in-trouble", FORBIDS, "(tidy) begins"},
    {"doubt-is-done", "never-lost", NULL, "gets no answer"},
    {"restart-forgets", "never-twice", NULL, "Signalbox dies and begins again"},
    {"reset-forgets-flight", "never-lost", NULL, "is patched is over"},
    {"not-found-performs", "no-completion-in-trouble", NULL, "had not taken place"},
    {"trouble-not-entered", "trouble", NULL, "fails"},
    {"retry-unchecked", "no-completion-in-trouble", NULL, "begins"},
    {"undo-in-flight", "undo", NULL, "is left out"},
    {"end-in-flight", "never-lost", NULL, "The change ends"},
    {"redo-one-step", "redo", NULL, ""},
    {"cancel-while-deploying", "cancel", NULL, "cancels"},
    {"move-forgets", "moved", NULL, "moves the window"},
    {"wants-forbidden", "may-do-what-it-wants", NULL, "begins"},
    {"gate-stays", "asked-in-vain", NULL, ""},
};

static void every_fault_planted_in_the_core_is_caught(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(caught); i++) {
        planted_fault = caught[i].fault;
        _cleanup_page_ struct page p = proven(caught[i].page != NULL ? caught[i].page : "sops/hotfix.md");
        planted_fault = NULL;
        if (p.proof.holds)
            fail_msg("the prover does not see %s", caught[i].fault);
        bool good = str_eq(p.proof.rule, caught[i].rule) && p.proof.n_story > 1 &&
                    strstr(p.proof.story[p.proof.n_story - 1], caught[i].last) != NULL;
        if (!good) {
            print_proof(caught[i].fault, &p);
            fail_msg("%s breaks %s, and that is not what is told", caught[i].fault, caught[i].rule);
        }
    }
}

static void every_planted_fault_is_in_the_table(void **state)
{
    (void)state;
    for (const struct planted *f = planted_faults; f->name != NULL; f++) {
        bool found = false;
        for (size_t i = 0; i < COUNT_OF(caught); i++)
            found = found || str_eq(caught[i].fault, f->name);
        if (!found)
            fail_msg("nobody shows that %s is caught", f->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pages_that_ship_are_proven),
        cmocka_unit_test(a_proof_of_the_hotfix_page_stays_small),
        cmocka_unit_test(a_page_is_proven_alike_every_time),
        cmocka_unit_test(a_page_with_a_fault_is_told_its_rule_and_the_shortest_history_that_breaks_it),
        cmocka_unit_test(a_refused_page_says_where_and_why_and_tells_the_history),
        cmocka_unit_test(every_fault_planted_in_the_core_is_caught),
        cmocka_unit_test(every_planted_fault_is_in_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
