/* SPDX-License-Identifier: Apache-2.0
 * The checker as a whole: schedule and states. Real sockets on loopback; back ends that nobody
 * listens on are refused at once. */
#include "scripted.h"
#include "settable_clock.h"
#include "world.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_up_and_down(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    world_configure(&w, NULL, ONE, OPEN_PORT);
    world_start(&w);
    assert_int_equal(world_state(&w, 0)->health, HEALTH_UNKNOWN);
    assert_true(endpoint_serves(world_state(&w, 0)));
    assert_true(world_wait_health(&w, 0, HEALTH_UP, 2000));
    assert_string_equal(world_state(&w, 0)->reason, "c: connected");
    assert_true(world_state(&w, 0)->latency_us > 0);
    assert_true(world_run(&w, 1000, world_all_tried, NULL));
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    int64_t from_ms = clock_mono_ms();
    assert_true(world_wait_health(&w, 0, HEALTH_DOWN, 2000));
    assert_in_range(clock_mono_ms() - from_ms, 100, 200);
    assert_string_equal(world_state(&w, 0)->reason, "c: connect refused");
    assert_int_equal(world_count_events(&w, 0, "up"), 1);
    assert_int_equal(world_count_events(&w, 0, "down"), 1);
    world_run(&w, 60, NULL, NULL);
    assert_true(w.n_changed_calls >= 2);
    struct checker_summary summary = checker_summary(w.checker);
    uint64_t n_delays = 0;
    for (unsigned i = 0; i <= CHECKER_DELAYS; i++)
        n_delays += summary.delays.n[i];
    assert_true(n_delays >= w.n_changed_calls && summary.delays.sum_us < 1000000 * n_delays);
    world_stop(&w);
    world_close(&w);
}

static void test_first_result_decides(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    world_configure(&w, NULL,
                    SITES
                    "checks: {c: {type: tcp, interval: 10s, fall: 5}}\n"
                    "pools: {www: {checks: [c], sites: {ams: [{address: 127.0.0.1, port: %u}]}}}\n",
                    REFUSED_PORT);
    world_start(&w);
    assert_true(world_run(&w, 500, world_all_tried, NULL));
    assert_int_equal(world_state(&w, 0)->health, HEALTH_DOWN);
    assert_int_equal(world_state(&w, 0)->flip_s, 10); /* provisional: one success lifts it */
    world_stop(&w);
    world_close(&w);
}

static void test_unchecked_is_up(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    world_configure(&w, NULL, SITES "pools: {www: {sites: {ams: [192.0.2.1]}}}\n");
    world_start(&w);
    assert_true(checker_ready(w.checker));
    const struct endpoint_state *s = world_state(&w, 0);
    assert_int_equal(s->health, HEALTH_UP);
    assert_false(s->checked);
    assert_int_equal(s->flip_s, FLIP_NEVER);
    world_stop(&w);
    world_close(&w);
}

static void test_same_target_is_probed_once(void **state)
{
    (void)state;
    struct world w;
    struct probe_info info[8];
    world_open(&w);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    world_configure(
        &w, NULL,
        SITES "checks: {c: {type: tcp, interval: 10s, port: %u}, d: {type: tcp, interval: 10s}}\n"
              "pools:\n"
              "  a: {checks: [c], sites: {ams: [127.0.0.1], iad: [127.0.0.1]}}\n"
              "  b: {checks: [c, d], sites: {ams: [{address: 127.0.0.1, port: %u}]}}\n",
        OPEN_PORT, OPEN_PORT);
    world_start(&w);
    assert_int_equal(checker_probes(w.checker, info, 8), 2);
    assert_int_equal(info[0].n_endpoints, 3);
    assert_int_equal(info[1].n_endpoints, 1);
    for (uint32_t e = 0; e < 3; e++)
        assert_true(world_wait_health(&w, e, HEALTH_UP, 1000));
    assert_true(world_run(&w, 1000, world_all_tried, NULL));
    checker_probes(w.checker, info, 8);
    assert_int_equal(info[0].n_ok, 1);
    assert_int_equal(info[0].port, OPEN_PORT);
    world_stop(&w);
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    world_close(&w);
}

/* Another address than the answered one, of a name as well; one address is probed once. */
static void test_probed_elsewhere(void **state)
{
    (void)state;
    struct world w;
    struct probe_info info[8];
    world_open(&w);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    world_configure(&w, NULL,
                    SITES
                    "checks: {c: {type: tcp, interval: 10s}}\n"
                    "pools:\n"
                    "  a: {checks: [c], sites: {ams: [\n"
                    "    {address: 192.0.2.1, port: 9, probe: {address: 127.0.0.1, port: %u}},\n"
                    "    {address: 192.0.2.2, port: %u, probe: {address: 127.0.0.1}}]}}\n"
                    "  n: {checks: [c], sites: {ams: [\n"
                    "    {cname: a.example, probe: {address: 127.0.0.1, port: %u}}]}}\n"
                    "  o: {checks: [c], sites: {ams: [{address: 127.0.0.1, port: 9,\n"
                    "    probe: {port: %u}}]}}\n",
                    OPEN_PORT, OPEN_PORT, OPEN_PORT, OPEN_PORT);
    world_start(&w);
    assert_int_equal(checker_probes(w.checker, info, 8), 1);
    assert_int_equal(info[0].n_endpoints, 4);
    assert_int_equal(info[0].port, OPEN_PORT);
    assert_int_equal(info[0].addr.b[0], 127);
    for (uint32_t e = 0; e < 4; e++)
        assert_true(world_wait_health(&w, e, HEALTH_UP, 1000));
    world_stop(&w);
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    world_close(&w);
}

/* An endpoint's own checks take the place of its pool's; with none it is up, and never flips. */
static void test_own_checks(void **state)
{
    (void)state;
    struct world w;
    struct probe_info info[8];
    world_open(&w);
    world_configure(
        &w, NULL,
        SITES "checks: {c: {type: tcp, " FAST ", port: %u}, d: {type: tcp, " FAST ", port: %u}}\n"
              "pools: {www: {checks: [c], sites: {ams: [192.0.2.1,\n"
              "  {address: 127.0.0.1, checks: [d]}, {address: 192.0.2.2, checks: []}]}}}\n",
        REFUSED_PORT, OPEN_PORT);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    world_start(&w);
    assert_int_equal(checker_probes(w.checker, info, 8), 2);
    assert_true(world_wait_health(&w, 0, HEALTH_DOWN, 1000));
    assert_true(world_wait_health(&w, 1, HEALTH_UP, 1000));
    assert_true(world_state(&w, 1)->checked);
    assert_false(world_state(&w, 2)->checked);
    assert_int_equal(world_state(&w, 2)->health, HEALTH_UP);
    assert_int_equal(world_state(&w, 2)->flip_s, FLIP_NEVER);
    world_stop(&w);
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    world_close(&w);
}

/* What names more than address and port cannot be shared; what is asked differs, neither. */
static void test_what_is_shared(void **state)
{
    (void)state;
    static const struct {
        const char *check;
        uint32_t n_probes;
    } cases[] = {
        {"{type: exec, command: [/bin/true, \"{address}\"]}", 1},
        {"{type: exec, command: [/bin/true, \"{name}\"]}", 2},
        {"{type: exec, command: [/bin/true, \"x{site}\"]}", 2},
        {"{type: tcp, port: 9}", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        world_open(&w);
        world_configure(&w, NULL,
                        SITES
                        "checks: {c: %s}\n"
                        "pools: {www: {checks: [c], sites: {ams: [{address: 127.0.0.1, name: a}], "
                        "iad: [{address: 127.0.0.1, name: b}]}}}\n",
                        cases[i].check);
        world_start(&w);
        assert_int_equal(checker_summary(w.checker).n_probes, cases[i].n_probes);
        assert_true(world_wait(&w, world_all_tried, NULL));
        world_stop(&w);
        world_close(&w);
    }
}

/* A probe starts again only when it is over, however short the interval. */
static void test_never_overlaps_itself(void **state)
{
    (void)state;
    struct world w;
    struct probe_info info;
    world_open(&w);
    world_configure(&w, NULL,
                    SITES
                    "checks: {c: {type: tcp, interval: 100ms, timeout: 100ms}}\n"
                    "pools: {www: {checks: [c], sites: {ams: [{address: 127.0.0.1, port: %u}]}}}\n",
                    SILENT_PORT);
    world_start(&w);
    for (int i = 0; i < 100; i++) {
        world_run(&w, 10, NULL, NULL);
        assert_true(checker_summary(w.checker).n_in_flight <= 1);
    }
    checker_probes(w.checker, &info, 1);
    assert_in_range(info.n_failed, 4, 11);
    world_stop(&w);
    world_close(&w);
}

static void test_all_checks_must_pass(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    world_configure(&w, NULL,
                    SITES "checks: {good: {type: tcp, port: %u}, bad: {type: tcp, port: %u}}\n"
                          "pools: {www: {checks: [good, bad], sites: {ams: [127.0.0.1]}}}\n",
                    OPEN_PORT, REFUSED_PORT);
    world_start(&w);
    assert_true(world_wait_health(&w, 0, HEALTH_DOWN, 1000));
    assert_string_equal(world_state(&w, 0)->reason, "bad: connect refused");
    world_stop(&w);
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    world_close(&w);
}

static void test_timeout(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    world_configure(&w, NULL, ONE, SILENT_PORT);
    world_start(&w);
    assert_true(world_wait_health(&w, 0, HEALTH_DOWN, 2000));
    assert_string_equal(world_state(&w, 0)->reason, "c: timeout after 50ms connecting");
    world_stop(&w);
    world_close(&w);
}

static void test_pool_check(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    world_configure(&w, NULL,
                    SITES "checks: {c: {type: tcp, " FAST
                          "}, p: {type: pool, pool: db}, q: {type: pool, pool: mid}}\n"
                          "pools:\n"
                          "  db: {checks: [c], sites: {ams: [{address: 127.0.0.1, port: %u}]}}\n"
                          "  mid: {checks: [p], sites: {ams: [192.0.2.1]}}\n"
                          "  www: {checks: [q], sites: {ams: [192.0.2.2]}}\n",
                    OPEN_PORT);
    world_start(&w);
    assert_true(world_wait_health(&w, 2, HEALTH_UP, 1000));
    assert_true(world_wait_health(&w, 0, HEALTH_UP, 1000));
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    assert_true(world_wait_health(&w, 0, HEALTH_DOWN, 1000));
    assert_int_equal(world_state(&w, 1)->health, HEALTH_DOWN);
    assert_int_equal(world_state(&w, 2)->health, HEALTH_DOWN);
    assert_string_equal(world_state(&w, 1)->reason, "p: no site of pool db is up");
    assert_int_equal(world_set(&w, "db/ams", OVERRIDE_UP, 0, NULL), 0);
    assert_int_equal(world_state(&w, 2)->health, HEALTH_UP);
    world_stop(&w);
    world_close(&w);
}

/* Two checks that are down: the endpoint is, until the later of them can be up. */
static void test_flip_of_two_that_are_down(void **state)
{
    (void)state;
    static const char *const orders[] = {"a, b", "b, a"};
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct world w;
        world_open(&w);
        world_configure(&w, NULL,
                        SITES "checks:\n"
                              "  a: {type: tcp, port: %u, interval: 10s, rise: 2, fall: 1}\n"
                              "  b: {type: tcp, port: %u, interval: 20s, rise: 3, fall: 1}\n"
                              "pools: {www: {checks: [%s], sites: {ams: [127.0.0.1]}}}\n",
                        REFUSED_PORT, REFUSED_PORT + 100, orders[i]);
        world_start(&w);
        assert_true(world_run(&w, 1000, world_all_tried, NULL));
        assert_int_equal(world_state(&w, 0)->health, HEALTH_DOWN);
        assert_int_equal(world_state(&w, 0)->flip_s, 60);
        world_stop(&w);
        world_close(&w);
    }
}

/* Soon after the boot of the machine, when less than an interval has passed on its clock. */
static void test_first_turn_after_a_boot(void **state)
{
    (void)state;
    enum { N = 8, HOUR_MS = 3600000 };
    struct world w;
    struct probe_info info[N];
    int64_t mono_ms = clock_mono_ms();
    char endpoints[256] = "";
    for (int i = 0; i < N; i++)
        snprintf(endpoints + strlen(endpoints), sizeof endpoints - strlen(endpoints),
                 "%s127.0.1.%d", i ? ", " : "", i + 1);
    settable_clock_set_mono_ms(1000);
    world_open(&w);
    world_configure(&w, NULL,
                    SITES "checks: {c: {type: tcp, port: %u, interval: 1h}}\n"
                          "pools: {www: {checks: [c], sites: {ams: [%s]}}}\n",
                    OPEN_PORT, endpoints);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    world_start(&w);
    world_run(&w, HOUR_MS - 1000, NULL, NULL);
    assert_int_equal(checker_probes(w.checker, info, N), N);
    for (int i = 0; i < N; i++)
        assert_int_equal(info[i].n_ok, 2);
    world_run(&w, HOUR_MS, NULL, NULL);
    checker_probes(w.checker, info, N);
    for (int i = 0; i < N; i++)
        assert_int_equal(info[i].n_ok, 3);
    world_stop(&w);
    world_close(&w);
    settable_clock_set_mono_ms(mono_ms);
}

/* The loop that is held up again and again sees a timeout all the same: more time comes once. */
static void test_held_up_twice(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    world_configure(&w, NULL,
                    SITES
                    "checks: {c: {type: tcp, interval: 1h, timeout: 100ms}}\n"
                    "pools: {www: {checks: [c], sites: {ams: [{address: 127.0.0.1, port: %u}]}}}\n",
                    SILENT_PORT);
    world_start(&w);
    world_run(&w, 90, NULL, NULL);
    settable_clock_advance_ms(300);
    assert_false(world_run(&w, 90, world_all_tried, NULL)); /* excused until 100 ms later */
    settable_clock_advance_ms(300);
    assert_true(world_run(&w, 0, world_all_tried, NULL));
    assert_string_equal(world_state(&w, 0)->reason, "c: timeout after 100ms connecting");
    world_stop(&w);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flip_of_two_that_are_down),
        cmocka_unit_test(test_first_turn_after_a_boot),
        cmocka_unit_test(test_held_up_twice),
        cmocka_unit_test(test_up_and_down),
        cmocka_unit_test(test_first_result_decides),
        cmocka_unit_test(test_unchecked_is_up),
        cmocka_unit_test(test_same_target_is_probed_once),
        cmocka_unit_test(test_probed_elsewhere),
        cmocka_unit_test(test_own_checks),
        cmocka_unit_test(test_what_is_shared),
        cmocka_unit_test(test_never_overlaps_itself),
        cmocka_unit_test(test_all_checks_must_pass),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_pool_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
