/* SPDX-License-Identifier: Apache-2.0
 * The panic guard: when it begins, what it takes back, when it ends. */
#include "health/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MAX = 64 };

static uint32_t sites[MAX];

static struct arena *begin(struct guard *g, uint32_t n_endpoints, uint32_t n_sites)
{
    static const struct guard_limits limits = {
        .share = 0.8, .endpoints = 8, .sites = 2, .window_ms = 5000};
    struct arena *arena = arena_new();
    for (uint32_t i = 0; i < n_endpoints; i++)
        sites[i] = i % n_sites;
    guard_init(g, arena, &limits, sites, n_endpoints, n_sites, n_endpoints);
    return arena;
}

static void start_failing(struct guard *g, uint32_t endpoint)
{
    guard_note(g, endpoint, true, false);
}

static void fall(struct guard *g, uint32_t endpoint, int64_t now_ms)
{
    guard_note(g, endpoint, true, true);
    guard_fell(g, endpoint, now_ms);
}

static void test_needs_share_number_and_sites(void **state)
{
    (void)state;
    static const struct {
        uint32_t n, sites, failing;
        bool alarmed;
    } cases[] = {
        {10, 2, 7, false},  {10, 2, 8, true},  {10, 1, 10, false}, /* one site */
        {7, 2, 7, false},                                          /* a small deployment */
        {20, 4, 15, false}, {20, 4, 16, true}, {8, 2, 8, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct guard g;
        struct arena *arena = begin(&g, cases[i].n, cases[i].sites);
        for (uint32_t e = 0; e < cases[i].failing; e++)
            start_failing(&g, e);
        assert_int_equal(guard_alarmed(&g, 1000), cases[i].alarmed);
        arena_free(arena);
    }
}

static void test_falls_count_within_the_window(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 10, 2);
    for (uint32_t e = 0; e < 7; e++)
        fall(&g, e, 1000 + 100 * e);
    start_failing(&g, 7);
    assert_true(guard_alarmed(&g, 6000));
    assert_false(guard_alarmed(&g, 6001)); /* the first fall is older than the window */
    arena_free(arena);
}

static void test_slow_decline_is_no_panic(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 10, 2);
    for (uint32_t e = 0; e < 10; e++) {
        int64_t now_ms = 1000 + 1000 * e;
        start_failing(&g, e);
        assert_false(guard_alarmed(&g, now_ms));
        fall(&g, e, now_ms);
    }
    arena_free(arena);
}

static void test_long_down_do_not_count(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 10, 2);
    for (uint32_t e = 0; e < 5; e++)
        guard_note(&g, e, true, true);
    for (uint32_t e = 5; e < 10; e++)
        start_failing(&g, e);
    assert_false(guard_alarmed(&g, 1000));
    arena_free(arena);
}

static void test_takes_back_what_fell(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 10, 2);
    for (uint32_t e = 0; e < 6; e++)
        fall(&g, e, 1000);
    guard_note(&g, 2, false, false); /* recovered meanwhile */
    start_failing(&g, 6), start_failing(&g, 7), start_failing(&g, 8);
    assert_true(guard_alarmed(&g, 1500));
    guard_enter(&g);
    uint32_t taken = 0;
    for (uint32_t e; (e = guard_take_fall(&g)) != MODEL_NONE;) {
        assert_int_not_equal(e, 2);
        guard_note(&g, e, true, false);
        taken++;
    }
    assert_int_equal(taken, 5);
    assert_int_equal(g.n_counted, 8);
    arena_free(arena);
}

static void test_ends_after_a_calm_window(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 10, 2);
    for (uint32_t e = 0; e < 9; e++)
        start_failing(&g, e);
    assert_true(guard_alarmed(&g, 1000));
    guard_enter(&g);
    assert_false(guard_calm(&g, 100000)); /* as long as it takes */
    guard_note(&g, 0, false, false);
    guard_note(&g, 1, false, false);
    assert_false(guard_calm(&g, 101000));
    assert_false(guard_calm(&g, 105999));
    assert_true(guard_calm(&g, 106000));
    arena_free(arena);
}

static void test_calm_starts_over(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 10, 2);
    for (uint32_t e = 0; e < 8; e++)
        start_failing(&g, e);
    guard_enter(&g);
    guard_note(&g, 0, false, false);
    assert_false(guard_calm(&g, 1000));
    start_failing(&g, 0);
    assert_false(guard_calm(&g, 5000));
    guard_note(&g, 0, false, false);
    assert_false(guard_calm(&g, 6000));
    assert_false(guard_calm(&g, 10000));
    assert_true(guard_calm(&g, 11000));
    arena_free(arena);
}

static void test_ends_at_once_when_all_is_well(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 10, 2);
    for (uint32_t e = 0; e < 10; e++)
        start_failing(&g, e);
    guard_enter(&g);
    for (uint32_t e = 0; e < 10; e++)
        guard_note(&g, e, false, false);
    assert_true(guard_calm(&g, 1000));
    arena_free(arena);
}

/* Endpoints that flap fall more often than the ring has room for. */
static void test_many_falls_of_few(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 3, 2);
    for (int i = 0; i < 100; i++) {
        uint32_t e = (uint32_t)i % 3;
        fall(&g, e, 1000 + i);
        guard_note(&g, e, false, false);
    }
    assert_int_equal(g.n_counted, 0);
    assert_int_equal(g.n_sites_counted, 0);
    arena_free(arena);
}

/* A fall that later ones have pushed out of the ring is forgotten with its place in it: it must not
 * count for ever. */
static void test_falls_that_were_pushed_out(void **state)
{
    (void)state;
    struct guard g;
    struct arena *arena = begin(&g, 3, 2);
    fall(&g, 0, 1000); /* and stays down */
    for (int i = 1; i <= 6; i++) {
        fall(&g, 1, 1000 + i);
        guard_note(&g, 1, false, false);
    }
    assert_false(guard_alarmed(&g, 1000 + 5001));
    assert_int_equal(g.n_counted, 0);
    assert_int_equal(g.endpoints[0].fell_ms, 0);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_needs_share_number_and_sites),
        cmocka_unit_test(test_falls_count_within_the_window),
        cmocka_unit_test(test_slow_decline_is_no_panic),
        cmocka_unit_test(test_long_down_do_not_count),
        cmocka_unit_test(test_takes_back_what_fell),
        cmocka_unit_test(test_ends_after_a_calm_window),
        cmocka_unit_test(test_calm_starts_over),
        cmocka_unit_test(test_ends_at_once_when_all_is_well),
        cmocka_unit_test(test_many_falls_of_few),
        cmocka_unit_test(test_falls_that_were_pushed_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
