/* SPDX-License-Identifier: Apache-2.0
 * Work in pieces: the same as at once, and others get their turn between the pieces. */
#include "base/give_way.h"

#include "base/clock.h"

#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define BLOCKS 9
#define BLOCK ((7u << 20) + 1234) /* several pieces, and no whole number of pages */

static void check(const uint8_t *p, uint8_t value)
{
    for (size_t i = 0; i < BLOCK; i++)
        if (p[i] != value)
            fail_msg("byte %zu is %u, not %u", i, p[i], value);
}

/* Blocks beside each other in malloc's heap, whose pages they share at the ends. */
static void freeing_touches_no_neighbour(void **state)
{
    (void)state;
    uint8_t *blocks[BLOCKS];
    (void)mallopt(M_MMAP_THRESHOLD, 32 << 20);
    for (uint8_t i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(BLOCK);
        assert_non_null(blocks[i]);
        memset(blocks[i], i + 1, BLOCK);
    }
    for (unsigned i = 0; i < BLOCKS; i += 2)
        give_way_free(blocks[i], BLOCK);
    for (uint8_t i = 1; i < BLOCKS; i += 2)
        check(blocks[i], i + 1);
    for (unsigned i = 0; i < BLOCKS; i += 2) { /* their room is used again */
        blocks[i] = malloc(BLOCK);
        assert_non_null(blocks[i]);
        memset(blocks[i], 0xff, BLOCK);
    }
    for (uint8_t i = 1; i < BLOCKS; i += 2)
        check(blocks[i], i + 1);
    for (unsigned i = 0; i < BLOCKS; i++)
        give_way_free(blocks[i], BLOCK);
    give_way_free(NULL, 0);
    give_way_free(malloc(1), 1);
}

static void copies(void **state)
{
    (void)state;
    uint8_t *from = malloc(BLOCK), *to = malloc(BLOCK + 1);
    assert_true(from && to);
    for (size_t i = 0; i < BLOCK; i++)
        from[i] = (uint8_t)(i * 7 + (i >> 8));
    to[BLOCK] = 0x5a;
    give_way_copy(to, from, BLOCK);
    assert_memory_equal(to, from, BLOCK);
    assert_int_equal(to[BLOCK], 0x5a);
    free(from);
    free(to);
}

/* How often this thread has slept of its own accord. */
static long turns(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_THREAD, &usage), 0);
    return usage.ru_nvcsw;
}

/* Work of several kinds, each long enough to have its pauses in it. */
static void work_of_loops(void)
{
    for (int64_t until_us = clock_mono_us() + 2000; clock_mono_us() < until_us;)
        give_way_pause();
}

static void work_of_many_turns(void)
{
    for (int64_t until_us = clock_mono_us() + 2000; clock_mono_us() < until_us;)
        for (unsigned i = 0; i < 4096; i++)
            give_way_often();
}

static void work_of_copying(void)
{
    static uint8_t from[16 << 20], to[16 << 20];
    give_way_copy(to, from, sizeof to);
}

static void work_of_freeing(void)
{
    size_t n = 64 << 20;
    uint8_t *p = malloc(n);
    assert_non_null(p);
    memset(p, 1, n);
    give_way_free(p, n);
}

static void (*const works[])(void) = {work_of_loops, work_of_many_turns, work_of_copying,
                                      work_of_freeing};

struct given {
    int policy, nice;
    unsigned n_gave_way; /* of the works */
};

/* Each work gives way sooner or later; one that never does is given up after a while. */
static void give_all(void *arg)
{
    struct given *given = arg;
    errno = 0;
    given->nice = getpriority(PRIO_PROCESS, 0);
    given->policy = sched_getscheduler(0);
    for (size_t i = 0; i < ARRAY_LEN(works) && given->policy == SCHED_BATCH; i++) {
        long before = turns();
        int64_t until_ms = clock_mono_ms() + 20000;
        while (turns() == before && clock_mono_ms() < until_ms)
            works[i]();
        given->n_gave_way += turns() != before;
    }
}

static void modest_threads_give_way(void **state)
{
    struct given given = {0};
    int before = sched_getscheduler(0);
    (void)state;
    give_way_run(give_all, &given);
    if (given.policy != SCHED_BATCH) {
        print_message("this system lets no thread be modest\n");
        skip();
    }
    assert_int_equal(given.nice, 10);
    assert_int_equal(given.n_gave_way, ARRAY_LEN(works));
    assert_int_equal(sched_getscheduler(0), before); /* the caller is as it was */
}

/* A thread that is not modest never sleeps in the same work. */
static void others_do_not(void **state)
{
    (void)state;
    work_of_loops(); /* all of it is in memory then */
    work_of_many_turns();
    long before = turns();
    for (unsigned i = 0; i < 5; i++) {
        work_of_loops();
        work_of_many_turns();
    }
    assert_int_equal(turns(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freeing_touches_no_neighbour),
        cmocka_unit_test(copies),
        cmocka_unit_test(modest_threads_give_way),
        cmocka_unit_test(others_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
