#include "base/macros.h"
#include "check.h"
#include "net/pace.h"

static void a_bucket_lets_a_burst_go_and_then_spaces_requests(void **state)
{
    (void)state;
    struct bucket b = bucket_make(10, 3, 1000);
    for (int i = 0; i < 3; i++)
        assert_int_equal(bucket_take(&b, 1000), 0);
    int64_t wait = bucket_take(&b, 1000);
    assert_in_range(wait, 100, 101);
    assert_true(bucket_take(&b, 1050) > 0);
    assert_int_equal(bucket_take(&b, 1000 + wait), 0);
    /* a long pause gives the burst back, not more */
    for (int i = 0; i < 3; i++)
        assert_int_equal(bucket_take(&b, 900000), 0);
    assert_true(bucket_take(&b, 900000) > 0);
}

static void without_a_rate_nothing_waits(void **state)
{
    (void)state;
    struct bucket b = bucket_make(0, 0, 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(bucket_take(&b, 0), 0);
}

static void the_pause_grows_with_each_try_and_is_anywhere_below_its_bound(void **state)
{
    (void)state;
    static const struct {
        int tries;
        int64_t most;
    } rows[] = {{1, 500}, {2, 1000}, {3, 2000}, {6, 16000}, {7, 30000}, {100, 30000}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(backoff_ms(rows[i].tries, 0), 0);
        assert_int_equal(backoff_ms(rows[i].tries, (uint64_t)rows[i].most), rows[i].most);
        assert_in_range(backoff_ms(rows[i].tries, UINT64_MAX), 0, rows[i].most);
    }
}

static void retry_after_is_read_as_seconds_or_as_a_date(void **state)
{
    (void)state;
    enum { NOW = 784111777 }; /* Sun, 06 Nov 1994 08:49:37 GMT */
    static const struct {
        const char *value;
        int64_t server_now_s, ms;
    } rows[] = {
        {"0", 0, 0},
        {"7", 0, 7000},
        {" 7 ", 0, 7000},
        {"Sun, 06 Nov 1994 08:49:40 GMT", 0, 3000},
        {"Sun, 06 Nov 1994 08:49:40 GMT", NOW + 1, 2000}, /* the server's clock counts */
        {"Sun, 06 Nov 1994 08:00:00 GMT", 0, 0},          /* already past */
        {"99999999999999999999999", 0, INT64_C(366) * 86400 * 1000},
        {"-5", 0, -1},
        {"7 apples", 0, -1},
        {"soon", 0, -1},
        {"", 0, -1},
        {NULL, 0, -1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(retry_after_ms(rows[i].value, rows[i].server_now_s * 1000, INT64_C(1000) * NOW),
                         rows[i].ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_lets_a_burst_go_and_then_spaces_requests),
        cmocka_unit_test(without_a_rate_nothing_waits),
        cmocka_unit_test(the_pause_grows_with_each_try_and_is_anywhere_below_its_bound),
        cmocka_unit_test(retry_after_is_read_as_seconds_or_as_a_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
