/* SPDX-License-Identifier: Apache-2.0
 * When the checker suspects itself: the panic guard, and stalls. */
#include "scripted.h"
#include "settable_clock.h"
#include "world.h"

#include "base/clock.h"

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
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    assert_true(world_run(&w, 3000, in_panic, NULL));
    assert_int_equal(count_up(&w), 8);
    assert_true(world_state(&w, 0)->stale);
    world_run(&w, 1500, NULL, NULL);
    assert_int_equal(count_up(&w), 8);
    assert_non_null(
        strstr(world_state(&w, 0)->reason, "frozen by the panic guard; c: connect refused"));
    assert_int_equal(world_count_events(&w, MODEL_NONE, "panic"), 1);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    assert_true(world_run(&w, 3000, not_in_panic, NULL));
    assert_int_equal(count_up(&w), 8);
    assert_false(world_state(&w, 0)->stale);
    assert_int_equal(checker_summary(w.checker).n_panics, 1);
    world_stop(&w);
    world_close(&w);
}

static void test_panic_keeps_states(void **state)
{
    (void)state;
    panic_with_fall(3);
}

/* The first ones fall before it is clear that all do; they are taken back. */
static void test_panic_takes_falls_back(void **state)
{
    (void)state;
    panic_with_fall(1);
}

static void test_no_panic_without_history(void **state)
{
    (void)state;
    struct world w;
    char pools[2048];
    world_open(&w);
    format_eight(pools, sizeof pools, REFUSED_PORT, 1);
    world_configure(&w, NULL, "%s", pools);
    world_start(&w);
    assert_true(world_run(&w, 1000, world_all_tried, NULL));
    assert_int_equal(checker_summary(w.checker).n_down, 8);
    assert_false(checker_summary(w.checker).panic);
    world_stop(&w);
    world_close(&w);
}

/* Four back ends in two sites are too few for panic, also when four more follow them. */
static void test_followers_do_not_count(void **state)
{
    (void)state;
    struct world w;
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    world_open(&w);
    world_configure(&w, NULL,
                    SITES "checks: {c: {type: tcp, " FAST
                          ", port: %u}, p: {type: pool, pool: db}}\n"
                          "pools:\n"
                          "  db: {checks: [c], sites: {ams: [127.0.1.1, 127.0.1.2], iad: "
                          "[127.0.1.3, 127.0.1.4]}}\n"
                          "  www: {checks: [p], sites: {ams: [192.0.2.1, 192.0.2.2], iad: "
                          "[192.0.2.3, 192.0.2.4]}}\n",
                    OPEN_PORT);
    world_start(&w);
    assert_true(world_run(&w, 3000, all_up, NULL));
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    assert_true(world_wait_health(&w, 7, HEALTH_DOWN, 2000));
    assert_int_equal(count_up(&w), 0);
    assert_false(checker_summary(w.checker).panic);
    world_stop(&w);
    world_close(&w);
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
        cmocka_unit_test(test_panic_keeps_states),
        cmocka_unit_test(test_panic_takes_falls_back),
        cmocka_unit_test(test_no_panic_without_history),
        cmocka_unit_test(test_followers_do_not_count),
        cmocka_unit_test(test_stall_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
