/* SPDX-License-Identifier: Apache-2.0
 * When the checker suspects itself: the panic guard, and stalls. */
#include "scripted.h"
#include "settable_clock.h"
#include "world.h"

#include "base/buf.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Eight endpoints in two sites on one port; `fall` as given. */
static void format_eight(char *out, size_t max, uint16_t port, int fall)
{
    int n =
        snprintf(out, max,
                 SITES
                 "checks: {c: {type: tcp, interval: 200ms, timeout: 100ms, fall: %d, port: %u}}\n"
                 "pools: {www: {checks: [c], sites: {ams: [",
                 fall, port);
    for (int i = 1; i <= 8; i++)
        n += snprintf(out + n, max - (size_t)n, "127.0.1.%d%s", i,
                      i == 4   ? "], iad: ["
                      : i == 8 ? "]}}}\n"
                               : ", ");
}

static bool in_panic(struct world *w, void *arg)
{
    (void)arg;
    return checker_summary(w->checker).panic;
}

static bool not_in_panic(struct world *w, void *arg)
{
    return !in_panic(w, arg);
}

static unsigned count_up(struct world *w)
{
    unsigned n = 0;
    for (uint32_t e = 0; e < w->model->n_endpoints; e++)
        n += world_state(w, e)->health == HEALTH_UP;
    return n;
}

static bool all_up(struct world *w, void *arg)
{
    (void)arg;
    return count_up(w) == w->model->n_endpoints;
}

static void panic_with_fall(int fall)
{
    struct world w;
    char pools[2048];
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    world_open(&w);
    format_eight(pools, sizeof pools, OPEN_PORT, fall);
    world_configure(&w, NULL, "%s", pools);
    world_start(&w);
    assert_true(world_run(&w, 3000, all_up, NULL));
    scripted_set(OPEN_PORT, SCRIPTED_UNREACHABLE);
    assert_true(world_run(&w, 3000, in_panic, NULL));
    assert_int_equal(count_up(&w), 8);
    assert_true(world_state(&w, 0)->frozen);
    world_run(&w, 1500, NULL, NULL);
    assert_int_equal(count_up(&w), 8);
    assert_false(world_state(&w, 0)->stale);
    assert_int_equal(world_state(&w, 0)->flip_s, 1);
    assert_non_null(
        strstr(world_state(&w, 0)->reason, "frozen by the panic guard; c: no route to host"));
    assert_int_equal(world_count_events(&w, MODEL_NONE, "panic"), 1);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    assert_true(world_run(&w, 3000, not_in_panic, NULL));
    assert_int_equal(count_up(&w), 8);
    world_run(&w, 0, NULL, NULL);
    assert_false(world_state(&w, 0)->frozen);
    assert_int_equal(checker_summary(w.checker).n_panics, 1);
    world_stop(&w);
    world_close(&w);
}

static void test_panic_keeps_states(void **state)
{
    (void)state;
    panic_with_fall(3);
}

/* The first ones would fall before it is clear that all do. */
static void test_panic_holds_falls(void **state)
{
    (void)state;
    panic_with_fall(1);
}

/* 3000 endpoints in two pools of two sites, 1500 probes; some die alone. */
static void format_many(struct buf *out, const char *check)
{
    buf_printf(out, SITES "checks: {c: {type: tcp, port: 80, %s}}\npools:\n", check);
    for (int pool = 0; pool < 2; pool++) {
        buf_printf(out, "  p%d: {checks: [c], sites: {", pool);
        for (int site = 1; site <= 2; site++) {
            buf_printf(out, "%s: [", site == 1 ? "ams" : "iad");
            for (int k = 0; k < 750; k++)
                buf_printf(out, "127.%d.%d.%d, ", k % 250 ? 1 : 2, site << 4 | k / 250, k % 250);
            buf_puts(out, site == 1 ? "], " : "]}}\n");
        }
    }
}

/* Panic reaches all, a slice in each turn of the loop, and its end does. */
static void test_many_in_slices(void **state)
{
    (void)state;
    struct world w;
    struct buf pools = {0};
    scripted_set_group(1, SCRIPTED_OPEN);
    scripted_set_group(2, SCRIPTED_OPEN);
    world_open(&w);
    format_many(&pools, "interval: 5s, timeout: 1s, fall: 2");
    world_configure(&w, NULL, "%s", pools.p);
    world_start(&w);
    assert_true(world_run(&w, 20000, all_up, NULL));
    struct subscription *s = checker_subscribe(w.checker, &(struct subscriber){.name = "test"});
    subscription_take(s);
    scripted_set_group(1, SCRIPTED_SILENT);
    assert_true(world_run(&w, 20000, in_panic, NULL));
    world_run(&w, 0, NULL, NULL);
    assert_int_equal(checker_summary(w.checker).n_frozen, 3000);
    assert_int_equal(subscription_take(s).n, 3000); /* those that answer as well */
    scripted_set_group(2, SCRIPTED_SILENT);
    world_run(&w, 30000, NULL, NULL);
    assert_int_equal(count_up(&w), 3000);
    subscription_take(s);
    scripted_set_group(1, SCRIPTED_OPEN);
    assert_true(world_run(&w, 20000, not_in_panic, NULL));
    world_run(&w, 0, NULL, NULL);
    assert_int_equal(checker_summary(w.checker).n_frozen, 0);
    assert_int_equal(subscription_take(s).n, 3000);
    world_run(&w, 30000, NULL, NULL);
    assert_int_equal(count_up(&w), 3000 - 2 * 6); /* who is dead is found out now */
    assert_int_equal(checker_summary(w.checker).n_panics, 1);
    world_stop(&w);
    world_close(&w);
    buf_free(&pools);
}

/* With fall: 1, what dies among many that live is published with its timeout, and nobody else is
 * probed for it. */
static void test_lone_deaths_among_many(void **state)
{
    (void)state;
    struct world w;
    struct buf pools = {0};
    scripted_set_group(1, SCRIPTED_OPEN);
    scripted_set_group(2, SCRIPTED_OPEN);
    world_open(&w);
    format_many(&pools, "interval: 5s, timeout: 1s, fall: 1");
    world_configure(&w, NULL, "%s", pools.p);
    world_start(&w);
    assert_true(world_run(&w, 20000, all_up, NULL));
    world_run(&w, 5000, NULL, NULL);
    unsigned before = scripted_count_group(1) + scripted_count_group(2);
    scripted_set_group(2, SCRIPTED_SILENT);
    world_run(&w, 5000 + 1000 + 50, NULL, NULL);
    unsigned n = scripted_count_group(1) + scripted_count_group(2) - before;
    assert_int_equal(count_up(&w), 3000 - 2 * 6);
    assert_true(n >= 1500 && n <= 2 * 1500);
    world_run(&w, 50000, NULL, NULL);
    n = scripted_count_group(1) + scripted_count_group(2) - before;
    assert_in_range(n, 11 * 1500, 12 * 1500 + 20);
    assert_int_equal(checker_summary(w.checker).n_panics, 0);
    world_stop(&w);
    world_close(&w);
    buf_free(&pools);
}

static void test_stall_is_noticed(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    world_configure(&w, NULL, ONE, OPEN_PORT);
    world_start(&w);
    assert_true(world_wait_health(&w, 0, HEALTH_UP, 1000));
    settable_clock_advance_ms(5300);
    world_run(&w, 400, NULL, NULL);
    assert_int_equal(world_count_events(&w, MODEL_NONE, "stale"), 1);
    assert_int_equal(world_count_events(&w, MODEL_NONE, "ok"), 1);
    assert_int_equal(world_state(&w, 0)->health, HEALTH_UP);
    assert_false(world_state(&w, 0)->stale);
    assert_int_equal(world_count_events(&w, 0, "down"), 0);
    world_stop(&w);
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_panic_keeps_states), cmocka_unit_test(test_panic_holds_falls),
        cmocka_unit_test(test_many_in_slices),     cmocka_unit_test(test_lone_deaths_among_many),
        cmocka_unit_test(test_stall_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
