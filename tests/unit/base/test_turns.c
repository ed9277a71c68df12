/* SPDX-License-Identifier: Apache-2.0
 * Turns of a loop: buckets, the worst since the start and of the last minute, what took longest. */
#include "base/clock.h"
#include "base/turns.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Each test counts in a thread of its own, and so from zero. */
static void *run(void *test)
{
    ((void (*)(void))(uintptr_t)test)();
    return NULL;
}

static void in_thread(void (*test)(void))
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run, (void *)(uintptr_t)test), 0);
    pthread_join(thread, NULL);
}

static void buckets_of(void)
{
    struct turns t;
    turns_add(1000, 0, 0);
    turns_add(1000, 1000, 900); /* at the bound: within it */
    turns_add(1000, 1001, 0);
    turns_add(1000, 1000000, 0);
    turns_add(1000, 1000001, 7);
    turns_look(&t, 1000);
    assert_int_equal(t.n[0], 2);
    assert_int_equal(t.n[1], 1);
    assert_int_equal(t.n[TURN_BOUNDS - 1], 1);
    assert_int_equal(t.n[TURN_BOUNDS], 1);
    assert_int_equal(t.sum_us, 2002002);
    assert_int_equal(t.worst_us, 1000001);
    assert_int_equal(t.worst_cpu_us, 900);
    assert_int_equal(t.n_cpu[0], 5); /* all of them ran for less than a millisecond */
    assert_int_equal(t.sum_cpu_us, 907);
}

static void buckets(void **state)
{
    (void)state;
    in_thread(buckets_of);
}

static int64_t minute_at(int64_t now_ms)
{
    struct turns t;
    turns_look(&t, now_ms);
    return t.worst_minute_us;
}

static void minute_of(void)
{
    turns_add(1000, 50, 0);
    turns_add(1999, 40, 0); /* of the same second, and not the worst of it */
    turns_add(30500, 20, 0);
    assert_int_equal(minute_at(30500), 50);
    assert_int_equal(minute_at(60999), 50);
    assert_int_equal(minute_at(61000), 20); /* a minute is 60 whole seconds */
    turns_add(61000, 10, 0);                /* in the slot of second 1 */
    assert_int_equal(minute_at(89999), 20);
    assert_int_equal(minute_at(90000), 20 - 10);
    assert_int_equal(minute_at(500000), 0);
}

static void minute(void **state)
{
    (void)state;
    in_thread(minute_of);
}

static void longest_of(void)
{
    int64_t us, now_us = clock_mono_us();
    assert_null(turns_longest_part(&us));
    turns_part("short", now_us);
    turns_part("long", now_us - 500000000);
    turns_part("middle", now_us - 200000);
    assert_string_equal(turns_longest_part(&us), "long");
    assert_true(us >= 500000000);
    assert_null(turns_longest_part(&us)); /* of a turn, not of all */
    turns_part("next", clock_mono_us());
    assert_string_equal(turns_longest_part(&us), "next");
}

static void longest(void **state)
{
    (void)state;
    in_thread(longest_of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets),
        cmocka_unit_test(minute),
        cmocka_unit_test(longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
