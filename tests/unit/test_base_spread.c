#include "check.h"

#include "base/instant.h"
#include "base/spread.h"

static const struct {
    int64_t took[12];
    int n;
    int64_t median, p90;
    const char *says;
} rows[] = {
    {{0}, 0, 0, 0, "not known"},
    {{MINUTES(7)}, 1, MINUTES(7), MINUTES(7), "7 min (seen once)"},
    {{MINUTES(9), MINUTES(5)}, 2, MINUTES(7), MINUTES(9), "7 min (9 of 10 within 9 min, seen 2 times)"},
    {{3, 1, 2}, 3, 2, 3, "2 ms (9 of 10 within 3 ms, seen 3 times)"},
    {{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 10, 5, 9, NULL},
    {{10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 900}, 11, 6, 10, NULL},
};

static void the_middle_and_what_nine_of_ten_stayed_below_are_told(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct spread s = spread_of(rows[i].took, rows[i].n);
        assert_int_equal(s.n, rows[i].n);
        assert_int_equal(s.median, rows[i].median);
        assert_int_equal(s.p90, rows[i].p90);
        if (rows[i].says)
            assert_string_equal(spread_text(&s, &a), rows[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_middle_and_what_nine_of_ten_stayed_below_are_told)};
    return cmocka_run_group_tests_name("base/spread", tests, NULL, NULL);
}
