#include "check.h"

#include "base/arena.h"

static void memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 3, 16, 100, 1000, 5000, 70000, 7};
    _cleanup_arena_ struct arena a = arena_make();
    unsigned char *got[COUNT_OF(sizes) * 20];
    size_t n = 0;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            unsigned char *p = arena_alloc(&a, sizes[i]);
            assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
            for (size_t k = 0; k < sizes[i]; k++)
                assert_int_equal(p[k], 0);
            memset(p, (int)n % 251 + 1, sizes[i]);
            got[n++] = p;
        }
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sizes[i % COUNT_OF(sizes)]; k++)
            assert_int_equal(got[i][k], i % 251 + 1);
}

static void an_empty_allocation_is_unique(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = {0};
    assert_ptr_not_equal(arena_alloc(&a, 0), arena_alloc(&a, 0));
}

static void what_was_handed_out_is_counted(void **state)
{
    (void)state;
    struct arena a = arena_make();
    assert_int_equal(a.used, 0);
    arena_alloc(&a, 10);
    (void)ARENA_ARRAY(&a, 5, uint64_t);
    assert_int_equal(a.used, 50);
    arena_free(&a);
    assert_int_equal(a.used, 0);
    arena_free(&a);
}

static void texts_are_copied(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = {0};
    char word[] = "signal";
    char *copy = arena_strdup(&a, word), *part = arena_strndup(&a, word, 4);
    word[0] = 'S';
    assert_string_equal(copy, "signal");
    assert_string_equal(part, "sign");
    assert_null(arena_strdup(&a, NULL));
    assert_string_equal(arena_printf(&a, "%s-%d", "HF", 7), "HF-7");
}

static char released[8];

static void note_release(void *p)
{
    size_t n = strlen(released);
    released[n] = *(const char *)p;
    released[n + 1] = '\0';
}

static void what_an_arena_cannot_hold_is_released_with_it_latest_first(void **state)
{
    (void)state;
    struct arena a = arena_make();
    arena_on_free(&a, note_release, arena_strdup(&a, "1"));
    arena_on_free(&a, note_release, arena_strdup(&a, "2"));
    assert_string_equal(released, "");
    arena_free(&a);
    assert_string_equal(released, "21");
    arena_free(&a);
    assert_string_equal(released, "21");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_arena_cannot_hold_is_released_with_it_latest_first),
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(an_empty_allocation_is_unique),
        cmocka_unit_test(what_was_handed_out_is_counted),
        cmocka_unit_test(texts_are_copied),
    };
    return cmocka_run_group_tests_name("base/arena", tests, NULL, NULL);
}
