#include "check.h"

#include "base/window.h"
#include "change/questions.h"

#define ZONE "America/New_York"

/* A week in February 2024: the 8th is a Thursday. */
struct world {
    struct arena a;
    struct staffing hours;
    struct plan_known k;
    struct question out[QUESTIONS_MAX];
    int n;
};

/* A plan that nothing is to be said against: Thursday 14:00-15:30, planned the day before. */
static void begin(struct world *w, const char *window)
{
    struct window parsed;
    struct error err;
    *w = (struct world){.a = arena_make()};
    assert_true(staffing_parse("mon-fri", "08:00-18:00", &w->hours, NULL));
    w->k = (struct plan_known){.zone = ZONE,
                               .hours = &w->hours,
                               .severity = 2,
                               .client = "tangerine",
                               .oncall = "production",
                               .on_call = KNOWN_YES,
                               .tam = KNOWN_YES};
    assert_true(instant_parse("2024-02-07 12:00", 0, ZONE, &w->k.now, &err));
    assert_true(window_parse(window, w->k.now, ZONE, &w->a, &parsed, &err));
    w->k.from = parsed.from;
    w->k.to = parsed.to;
}

static void ask(struct world *w)
{
    w->n = plan_asks(&w->k, &w->a, w->out);
}

static int64_t at(const char *text)
{
    int64_t ms;
    assert_true(instant_parse(text, 0, ZONE, &ms, NULL));
    return ms;
}

static const struct question *find(const struct world *w, enum about about)
{
    for (int i = 0; i < w->n; i++)
        if (w->out[i].about == about)
            return &w->out[i];
    return NULL;
}

/* The one question there is; with this reason; a better window begins then ("" = none is proposed). */
static void only(const struct world *w, enum about about, const char *says, const char *better)
{
    if (w->n != 1)
        fail_msg("%s: %d questions, the first: %s", says, w->n, w->n ? w->out[0].says : "none");
    assert_int_equal(w->out[0].about, about);
    if (!strstr(w->out[0].says, says))
        fail_msg("says \"%s\", not \"%s\"", w->out[0].says, says);
    _cleanup_arena_ struct arena a = arena_make();
    const char *found = w->out[0].better_from ? instant_text(w->out[0].better_from, ZONE, w->k.now, &a) : "";
    assert_string_equal(found, better);
}

static void a_good_plan_is_not_questioned(void **state)
{
    (void)state;
    static struct world w;
    begin(&w, "2024-02-08 14:00-15:30");
    ask(&w);
    assert_int_equal(w.n, 0);
    arena_free(&w.a);
}

static const struct {
    const char *window;
    int severity;
    const char *says, *better;
} windows[] = {
    {"2024-02-09 16:00-17:30", 2, "late on the last work day", "Fri 9 Feb 14:30 EST"},
    {"2024-02-08 19:00-20:30", 2, "outside staffed hours", "Thu 8 Feb 16:30 EST"},
    {"2024-02-10 09:00-10:30", 2, "day off", "Fri 9 Feb 14:30 EST"},
    {"2024-02-10 09:00-10:30", 1, NULL, NULL}, /* severity 1 does not wait for office hours */
};

static void hours_are_the_clients_and_the_nearest_better_window_is_named(void **state)
{
    (void)state;
    static struct world w;
    for (size_t i = 0; i < COUNT_OF(windows); i++) {
        begin(&w, windows[i].window);
        w.k.severity = windows[i].severity;
        ask(&w);
        if (windows[i].says)
            only(&w, ABOUT_HOURS, windows[i].says, windows[i].better);
        else
            assert_int_equal(w.n, 0);
        arena_free(&w.a);
    }
}

static void what_is_proposed_meets_no_other_question(void **state)
{
    (void)state;
    static struct world w;
    begin(&w, "2024-02-09 16:00-17:30");
    const struct plan_busy busy[] = {
        {at("2024-02-09 08:00"), at("2024-02-09 16:00"), false, "Hotfix Tangerine: cart"},
        {at("2024-02-08 14:00"), at("2024-02-08 18:00"), true, "Month end"},
    };
    w.k.busy = busy;
    w.k.n_busy = 2;
    ask(&w);
    only(&w, ABOUT_HOURS, "late on the last work day", "Thu 8 Feb 12:30 EST");
    arena_free(&w.a);
}

static void freezes_and_other_changes_are_told_with_their_times(void **state)
{
    (void)state;
    static struct world w;
    begin(&w, "2024-02-08 14:00-15:30");
    const struct plan_busy busy[] = {
        {at("2024-02-08 15:00"), at("2024-02-08 16:00"), true, "Peak season"},
        {at("2024-02-08 15:30"), at("2024-02-08 17:00"), false, "Begins when it ends"},
        {at("2024-02-08 13:00"), at("2024-02-08 14:15"), false, "HF-3"},
    };
    w.k.busy = busy;
    w.k.n_busy = 3;
    ask(&w);
    assert_int_equal(w.n, 2);
    const struct question *freeze = find(&w, ABOUT_FREEZE), *conflict = find(&w, ABOUT_CONFLICT);
    assert_string_equal(
        freeze->says, "The window meets a freeze: Peak season (Thu 8 Feb 15:00 EST to Thu 8 Feb 16:00 EST).");
    assert_string_equal(conflict->says,
                        "In the same time: HF-3 (Thu 8 Feb 13:00 EST to Thu 8 Feb 14:15 EST).");
    assert_int_equal(freeze->better_from, at("2024-02-08 11:30"));
    assert_int_equal(conflict->better_from, freeze->better_from);
    arena_free(&w.a);
}

static void a_window_that_is_over_is_proposed_anew(void **state)
{
    (void)state;
    static struct world w;
    begin(&w, "2024-02-07 09:00-10:00");
    ask(&w);
    only(&w, ABOUT_PAST, "it ended Wed 7 Feb 10:00 EST", "Wed 7 Feb 12:15 EST");
    arena_free(&w.a);
}

static const struct {
    const char *about, *window, *checks;
    enum known exists;
    int in_minutes; /* what the system says; 0 = nothing */
    struct spread took;
    int configured;
    const char *says; /* NULL = no question */
} checks[] = {
    {"passed", "2024-02-07 12:10-13:00", "passed", KNOWN_YES, 0, {5, MINUTES(20), MINUTES(40)}, 60, NULL},
    {"no checks", "2024-02-07 12:10-13:00", "none", KNOWN_YES, 0, {5, MINUTES(20), MINUTES(40)}, 0, NULL},
    {"the system knows",
     "2024-02-07 12:10-13:00",
     "pending",
     KNOWN_YES,
     25,
     {0},
     0,
     "before about Wed 7 Feb 12:25 EST (by what they took"},
    {"in time", "2024-02-07 12:30-13:00", "pending", KNOWN_YES, 25, {0}, 0, NULL},
    {"history, by nine of ten",
     "2024-02-07 12:30-13:15",
     "pending",
     KNOWN_YES,
     0,
     {7, MINUTES(20), MINUTES(40)},
     0,
     "before about Wed 7 Feb 12:40 EST (they usually take 20 min (9 of 10 within 40 min, seen 7 times))"},
    {"nobody knows", "2024-02-07 12:10-13:00", "pending", KNOWN_YES, 0, {0}, 0, NULL},
    {"configured",
     "2024-02-07 12:10-13:00",
     "",
     NOT_KNOWN,
     0,
     {0},
     30,
     "the configuration says that they take 30 min"},
};

static void checks_that_will_not_have_finished_are_told_with_what_the_estimate_is_made_of(void **state)
{
    (void)state;
    static struct world w;
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        begin(&w, checks[i].window);
        const struct plan_service s = {.service = "cart",
                                       .tag = "24-02-05.619-hotfix.627",
                                       .exists = checks[i].exists,
                                       .checks = checks[i].checks,
                                       .took = checks[i].took,
                                       .ready = checks[i].in_minutes ? w.k.now + MINUTES(checks[i].in_minutes)
                                                                     : 0};
        w.k.services = &s;
        w.k.n_services = 1;
        w.k.checks_ms = MINUTES(checks[i].configured);
        ask(&w);
        const struct question *q = find(&w, ABOUT_CHECKS);
        if (!checks[i].says != !q || (q && !strstr(q->says, checks[i].says)))
            fail_msg("%s: %s", checks[i].about, q ? q->says : "no question");
        if (q)
            assert_true(q->better_from >= w.k.now + MINUTES(25) && strstr(q->proposal, "The nearest window"));
        arena_free(&w.a);
    }
}

static const struct {
    const char *tag, *before, *checks;
    enum known exists;
    const char *says, *problem;
} tags[] = {
    {"24-02-05.619-hotfix.627", "24-02-05.619", "passed", KNOWN_YES, NULL},
    {"24-02-05.619-hotfix.627", "24-02-05.619-hotfix.620", "passed", KNOWN_YES, NULL},
    {"24-02-05.619-hotfix.627", NULL, "passed", KNOWN_YES, NULL}, /* what runs is not known */
    {"24-02-05.619-hotfix.627", "no tag of ours", "passed", KNOWN_YES, NULL},
    {"24-02-05.619-hotfix.627", "24-02-05.619-hotfix.627", "passed", KNOWN_YES, "runs already"},
    {"24-02-05.619", "24-02-05.619-hotfix.620", "passed", KNOWN_YES, "is older than 24-02-05.619-hotfix.620"},
    {"24-02-12.700", "24-02-05.619", "passed", KNOWN_YES, "is no hotfix of 24-02-05.619"},
    {"24-02-05.619-hotfix.627", "24-02-05.619", "", KNOWN_NO, "There is no tag 24-02-05.619-hotfix.627"},
    {"24-02-05.619-hotfix.627", "24-02-05.619", "failed", KNOWN_YES,
     "checks of cart 24-02-05.619-hotfix.627 have failed"},
    {"24-02-05.619-hotfix.627", "24-02-05.619", "failed", KNOWN_YES, "cart: lint is red.", "lint is red"},
    {"24-02-05.619-hotfix.627", "24-02-05.619", "passed", KNOWN_YES, "cart: it would take something away.",
     "it would take something away"},
    {"24-02-05.600", "24-02-05.619", "passed", KNOWN_YES, "is older than", "it would take something away"},
};

static void a_tag_exists_and_is_a_hotfix_of_what_runs(void **state)
{
    (void)state;
    static struct world w;
    for (size_t i = 0; i < COUNT_OF(tags); i++) {
        begin(&w, "2024-02-08 14:00-15:30");
        const struct plan_service s = {.service = "cart",
                                       .tag = tags[i].tag,
                                       .before = tags[i].before,
                                       .exists = tags[i].exists,
                                       .problem = tags[i].problem,
                                       .checks = tags[i].checks};
        w.k.services = &s;
        w.k.n_services = 1;
        ask(&w);
        const struct question *q = find(&w, ABOUT_TAG);
        if (!tags[i].says != !q || (q && !strstr(q->says, tags[i].says)))
            fail_msg("%s over %s: %s", tags[i].tag, tags[i].before ? tags[i].before : "?",
                     q ? q->says : "no question");
        if (q && tags[i].before)
            assert_string_equal(q->proposal, "A hotfix of it is named 24-02-05.619-hotfix.N.");
        arena_free(&w.a);
    }
}

static void people_a_way_back_and_time_enough_are_asked_for(void **state)
{
    (void)state;
    static struct world w;
    const struct plan_other other = {"HF-3", "Thu 8 Feb 16:00-17:00 EST (1 h)"};
    begin(&w, "2024-02-08 14:00-14:20");
    w.k.on_call = KNOWN_NO;
    w.k.tam = KNOWN_NO;
    w.k.high_risk = true;
    w.k.way_back = KNOWN_NO;
    w.k.deployment = (struct spread){.n = 4, .median = MINUTES(20), .p90 = MINUTES(35)};
    w.k.others = &other;
    w.k.n_others = 1;
    ask(&w);
    assert_int_equal(w.n, 5);
    assert_string_equal(find(&w, ABOUT_ONCALL)->says, "Nobody is on call for production now.");
    assert_string_equal(find(&w, ABOUT_TAM)->says,
                        "tangerine has no technical account manager who could be told.");
    assert_non_null(find(&w, ABOUT_ROLLBACK));
    assert_non_null(strstr(find(&w, ABOUT_QUEUE)->says, "HF-3 is open"));
    assert_string_equal(find(&w, ABOUT_LENGTH)->proposal, "A window of 45 min would do.");
    assert_int_equal(find(&w, ABOUT_LENGTH)->took.n, 4);
    w.k.way_back = NOT_KNOWN; /* the page does not ask for it */
    w.k.on_call = NOT_KNOWN;  /* the pager does not answer: that is told elsewhere */
    ask(&w);
    assert_null(find(&w, ABOUT_ROLLBACK));
    assert_null(find(&w, ABOUT_ONCALL));
    w.k.oncall = "";
    ask(&w);
    assert_non_null(strstr(find(&w, ABOUT_ONCALL)->says, "No schedule"));
    arena_free(&w.a);
}

static void so_many_questions_that_nobody_reads_them_are_bounded(void **state)
{
    (void)state;
    static struct world w;
    static struct plan_other others[QUESTIONS_MAX * 2];
    for (size_t i = 0; i < COUNT_OF(others); i++)
        others[i] = (struct plan_other){"HF-3", "no window"};
    begin(&w, "2024-02-08 14:00-15:30");
    w.k.others = others;
    w.k.n_others = COUNT_OF(others);
    ask(&w);
    assert_int_equal(w.n, QUESTIONS_MAX);
    arena_free(&w.a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_plan_is_not_questioned),
        cmocka_unit_test(hours_are_the_clients_and_the_nearest_better_window_is_named),
        cmocka_unit_test(what_is_proposed_meets_no_other_question),
        cmocka_unit_test(freezes_and_other_changes_are_told_with_their_times),
        cmocka_unit_test(a_window_that_is_over_is_proposed_anew),
        cmocka_unit_test(checks_that_will_not_have_finished_are_told_with_what_the_estimate_is_made_of),
        cmocka_unit_test(a_tag_exists_and_is_a_hotfix_of_what_runs),
        cmocka_unit_test(people_a_way_back_and_time_enough_are_asked_for),
        cmocka_unit_test(so_many_questions_that_nobody_reads_them_are_bounded),
    };
    return cmocka_run_group_tests_name("change/questions", tests, NULL, NULL);
}
