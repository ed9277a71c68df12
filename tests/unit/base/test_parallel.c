/* SPDX-License-Identifier: Apache-2.0
 * Pieces of work on several threads: each once, and by as many threads as were asked for. */
#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#define PIECES 1000

struct tally {
    atomic_uint done[PIECES];
    atomic_uint by[PARALLEL_MAX];
    pthread_barrier_t *meeting; /* every piece waits here for the others */
};

static void count(void *arg, uint32_t piece, uint32_t thread)
{
    struct tally *t = arg;
    atomic_fetch_add(&t->done[piece], 1);
    atomic_fetch_add(&t->by[thread], 1);
    if (t->meeting)
        pthread_barrier_wait(t->meeting);
}

static void test_each_piece_once(void **state)
{
    (void)state;
    static const uint32_t threads[] = {1, 2, 7, PARALLEL_MAX};
    for (unsigned i = 0; i < sizeof threads / sizeof *threads; i++) {
        struct tally t = {0};
        parallel_for(PIECES, threads[i], count, &t);
        for (unsigned p = 0; p < PIECES; p++)
            assert_int_equal(t.done[p], 1);
        unsigned sum = 0;
        for (unsigned w = 0; w < PARALLEL_MAX; w++) {
            sum += t.by[w];
            assert_true(w < threads[i] || t.by[w] == 0);
        }
        assert_int_equal(sum, PIECES);
    }
}

/* As many pieces as threads, none of which ends before all have begun. */
static void test_at_once(void **state)
{
    (void)state;
    pthread_barrier_t meeting;
    struct tally t = {.meeting = &meeting};
    pthread_barrier_init(&meeting, NULL, 5);
    parallel_for(5, 5, count, &t);
    for (unsigned w = 0; w < 5; w++)
        assert_int_equal(t.by[w], 1);
    pthread_barrier_destroy(&meeting);
}

static void test_nothing(void **state)
{
    (void)state;
    struct tally t = {0};
    parallel_for(0, parallel_threads(0), count, &t);
    for (unsigned p = 0; p < PIECES; p++)
        assert_int_equal(t.done[p], 0);
}

static void test_how_many(void **state)
{
    (void)state;
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_int_equal(usable_cores(), CPU_COUNT(&all));
    assert_int_equal(parallel_threads(0), 1);
    assert_int_equal(parallel_threads(1), 1);
    assert_true(parallel_threads(UINT32_MAX) <= PARALLEL_MAX);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(usable_cores(), 1);
    assert_int_equal(parallel_threads(100), 1);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_piece_once),
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_how_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
