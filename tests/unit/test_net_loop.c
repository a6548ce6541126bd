#include "check.h"
#include "net/loop.h"
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

struct seen {
    struct loop *loop;
    struct timer *other;
    char order[32];
    int count;
};

static void note(struct seen *s, char c)
{
    size_t n = strlen(s->order);
    if (n + 1 < sizeof s->order)
        s->order[n] = c;
}

static void note_a(void *ctx)
{
    note(ctx, 'a');
}

static void note_b(void *ctx)
{
    note(ctx, 'b');
}

static void timers_fire_once_in_the_order_of_their_time(void **state)
{
    (void)state;
    struct seen s = {.loop = loop_new()};
    int64_t began = loop_mono_ms();
    timer_start(s.loop, 30, note_b, &s);
    timer_start(s.loop, 5, note_a, &s);
    loop_run(s.loop);
    assert_string_equal(s.order, "ab");
    assert_true(loop_mono_ms() - began >= 30);
    loop_free(s.loop);
}

static void cancel_other(void *ctx)
{
    struct seen *s = ctx;
    note(s, 'c');
    timer_cancel(s->other);
}

static void a_cancelled_timer_never_fires(void **state)
{
    (void)state;
    struct seen s = {.loop = loop_new()};
    timer_cancel(NULL);
    s.other = timer_start(s.loop, 2, note_a, &s);
    timer_start(s.loop, 1, cancel_other, &s);
    loop_run(s.loop);
    assert_string_equal(s.order, "c");
    loop_free(s.loop);
}

static void cancel_self(void *ctx)
{
    struct seen *s = ctx;
    note(s, 'c');
    timer_cancel(s->other);
}

static void a_timer_may_be_cancelled_from_inside_its_own_call(void **state)
{
    (void)state;
    struct seen s = {.loop = loop_new()};
    s.other = timer_start(s.loop, 1, cancel_self, &s);
    loop_run(s.loop);
    assert_string_equal(s.order, "c");
    loop_free(s.loop);
}

static void a_timer_is_not_early_after_a_callback_that_took_long(void **state)
{
    (void)state;
    struct seen s = {.loop = loop_new()};
    loop_once(s.loop, false);
    usleep(40000);
    int64_t began = loop_mono_ms();
    timer_start(s.loop, 30, note_a, &s);
    loop_run(s.loop);
    assert_true(loop_mono_ms() - began >= 29);
    loop_free(s.loop);
}

static void start_again(void *ctx)
{
    struct seen *s = ctx;
    s->count++;
    timer_start(s->loop, 0, start_again, s);
}

static void a_timer_that_starts_itself_again_does_not_keep_the_loop(void **state)
{
    (void)state;
    struct seen s = {.loop = loop_new()};
    timer_start(s.loop, 0, start_again, &s);
    while (s.count < 3)
        loop_once(s.loop, true);
    assert_int_equal(s.count, 3);
    loop_free(s.loop);
}

static void timers_that_are_left_are_freed_with_the_loop(void **state)
{
    (void)state;
    struct seen s = {.loop = loop_new()};
    timer_start(s.loop, 60000, note_a, &s);
    loop_free(s.loop);
    assert_string_equal(s.order, "");
}

enum { POSTS = 2000 };

static void count_one(void *ctx)
{
    struct seen *s = ctx;
    if (++s->count == 2 * POSTS)
        loop_stop(s->loop);
}

static void *post_many(void *ctx)
{
    struct seen *s = ctx;
    for (int i = 0; i < POSTS; i++)
        loop_post(s->loop, count_one, s);
    return NULL;
}

static void posts_from_two_threads_all_arrive(void **state)
{
    (void)state;
    struct seen s = {.loop = loop_new()};
    pthread_t t[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&t[i], NULL, post_many, &s), 0);
    while (s.count < 2 * POSTS)
        loop_once(s.loop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(s.count, 2 * POSTS);
    loop_free(s.loop);
}

static void posts_come_in_order_before_the_loop_runs_out_of_things_to_wait_for(void **state)
{
    (void)state;
    struct seen s = {.loop = loop_new()};
    loop_post(s.loop, note_b, &s);
    loop_post(s.loop, note_a, &s);
    loop_run(s.loop);
    assert_string_equal(s.order, "ba");
    loop_free(s.loop);
}

static void work_here(void *ctx)
{
    struct seen *s = ctx;
    note(s, 'w');
}

static void work_is_done_on_the_pool_and_ends_on_the_loop(void **state)
{
    (void)state;
    struct seen s = {.loop = loop_new()};
    loop_work(s.loop, work_here, note_a, &s);
    loop_run(s.loop);
    assert_string_equal(s.order, "wa");
    loop_free(s.loop);
}

static void stop_now(void *ctx)
{
    struct seen *s = ctx;
    note(s, 's');
    loop_stop(s->loop);
}

static void stop_ends_a_run_that_has_more_to_wait_for(void **state)
{
    (void)state;
    struct seen s = {.loop = loop_new()};
    timer_start(s.loop, 60000, note_a, &s);
    timer_start(s.loop, 1, stop_now, &s);
    loop_run(s.loop);
    assert_string_equal(s.order, "s");
    loop_stop(s.loop); /* before the run: the run returns at once */
    loop_run(s.loop);
    assert_string_equal(s.order, "s");
    loop_free(s.loop);
}

static void signal_seen(void *ctx, int signum)
{
    struct seen *s = ctx;
    s->count = signum;
    loop_stop(s->loop);
}

static void raise_term(void *ctx)
{
    (void)ctx;
    kill(getpid(), SIGTERM);
}

static void sigterm_is_a_call_and_not_the_end_of_the_process(void **state)
{
    (void)state;
    struct seen s = {.loop = loop_new()};
    loop_signals(s.loop, signal_seen, &s);
    timer_start(s.loop, 60000, note_a, &s);
    timer_start(s.loop, 1, raise_term, &s);
    loop_run(s.loop);
    assert_int_equal(s.count, SIGTERM);
    loop_free(s.loop);
}

static void what_is_left_at_the_end_is_told_once(void **state)
{
    (void)state;
    struct seen s = {.loop = loop_new()};
    loop_at_end(s.loop, note_a, &s);
    struct loop_end *dropped = loop_at_end(s.loop, note_b, &s);
    loop_at_end(s.loop, note_a, &s);
    loop_end_drop(dropped);
    loop_free(s.loop);
    assert_string_equal(s.order, "aa");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_once_in_the_order_of_their_time),
        cmocka_unit_test(a_cancelled_timer_never_fires),
        cmocka_unit_test(a_timer_may_be_cancelled_from_inside_its_own_call),
        cmocka_unit_test(a_timer_is_not_early_after_a_callback_that_took_long),
        cmocka_unit_test(a_timer_that_starts_itself_again_does_not_keep_the_loop),
        cmocka_unit_test(timers_that_are_left_are_freed_with_the_loop),
        cmocka_unit_test(posts_from_two_threads_all_arrive),
        cmocka_unit_test(posts_come_in_order_before_the_loop_runs_out_of_things_to_wait_for),
        cmocka_unit_test(work_is_done_on_the_pool_and_ends_on_the_loop),
        cmocka_unit_test(stop_ends_a_run_that_has_more_to_wait_for),
        cmocka_unit_test(sigterm_is_a_call_and_not_the_end_of_the_process),
        cmocka_unit_test(what_is_left_at_the_end_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
