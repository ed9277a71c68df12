/* SPDX-License-Identifier: Apache-2.0
 * What reloads carry over. */
#include "scripted.h"
#include "world.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TWO                                                   \
    SITES "checks: {c: {type: tcp, interval: %s, fall: 2}}\n" \
          "pools: {www: {checks: [c], sites: {ams: [{address: 127.0.0.1, port: %u}]%s}}}\n"

static void test_reload_carries_over(void **state)
{
    (void)state;
    struct world w;
    struct probe_info info[4];
    char iad[64];
    world_open(&w);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    snprintf(iad, sizeof iad, ", iad: [{address: 127.0.0.1, port: %u}]", SILENT_PORT);
    world_configure(&w, NULL, TWO, "1h", OPEN_PORT, iad);
    world_start(&w);
    assert_true(world_wait_health(&w, 0, HEALTH_UP, 1000));
    int64_t since_ms = world_state(&w, 0)->since_ms;
    world_reload(&w, NULL, TWO, "2h", OPEN_PORT, iad);
    assert_int_equal(world_state(&w, 0)->health, HEALTH_UP);
    assert_int_equal(world_state(&w, 0)->since_ms, since_ms);
    assert_int_equal(world_state(&w, 0)->flip_s, 14400);
    assert_int_equal(checker_probes(w.checker, info, 4), 2);
    assert_int_equal(info[0].n_ok, 1);
    world_run(&w, 100, NULL, NULL);
    checker_probes(w.checker, info, 4);
    assert_int_equal(info[0].n_ok, 1); /* known: its turn comes when it comes */
    world_stop(&w);
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    world_close(&w);
}

static void test_reload_probes_only_what_is_new(void **state)
{
    (void)state;
    struct world w;
    char more[64];
    world_open(&w);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    world_configure(&w, NULL, TWO, "1h", OPEN_PORT, "");
    world_start(&w);
    assert_true(world_wait_health(&w, 0, HEALTH_UP, 1000));
    snprintf(more, sizeof more, ", iad: [{address: 127.0.0.1, port: %u}]", REFUSED_PORT);
    world_reload(&w, NULL, TWO, "1h", OPEN_PORT, more);
    assert_int_equal(world_state(&w, 1)->health, HEALTH_UNKNOWN);
    assert_true(world_wait_health(&w, 1, HEALTH_DOWN, 1000));
    struct probe_info info[2];
    assert_int_equal(checker_probes(w.checker, info, 2), 2);
    assert_int_equal(info[0].n_ok, 1);
    world_reload(&w, NULL, TWO, "1h", OPEN_PORT, "");
    assert_int_equal(checker_summary(w.checker).n_probes, 1);
    world_stop(&w);
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    world_close(&w);
}

static void format_https(char *out, size_t max, int n)
{
    int at = snprintf(out, max,
                      "sites: {ams: {location: [52, 4]}}\n"
                      "checks: {c: {type: https, tls: {verify: false}}}\n"
                      "pools: {www: {checks: [c], sites: {ams: [");
    for (int i = 0; i < n; i++)
        at += snprintf(out + at, max - (size_t)at, "%s127.1.%d.%d", i ? ", " : "", i / 200,
                       i % 200 + 1);
    snprintf(out + at, max - (size_t)at, "]}}}\n");
}

/* Probes that end where they begin free their slots while a reload drops them: nothing that waits
 * in the queue of the plan before may start in the model after. */
static void test_reload_with_a_queue(void **state)
{
    (void)state;
    static char many[8000], one[256];
    struct world w;
    world_open(&w);
    w.without_credentials = true;
    format_https(many, sizeof many, 300);
    format_https(one, sizeof one, 1);
    world_configure(&w, NULL, "%s", many);
    world_start(&w);
    assert_true(checker_summary(w.checker).n_in_flight > 0);
    assert_true(checker_summary(w.checker).n_in_flight < 300);
    world_reload(&w, NULL, "%s", one);
    assert_true(world_run(&w, 1000, world_all_tried, NULL));
    world_reload(&w, NULL, "%s", many);
    assert_true(checker_summary(w.checker).n_in_flight < 300);
    world_stop(&w); /* likewise with a queue */
    world_close(&w);
}

/* A check with another timeout is another check: its probes start over, and at once. What was
 * published stands until their first results. */
static void test_another_timeout_starts_over(void **state)
{
    (void)state;
    static const char pools[] =
        SITES "checks: {c: {type: tcp, interval: 1h, timeout: %s, fall: 2}}\n"
              "pools: {www: {checks: [c], sites: {ams: [{address: 127.0.0.1, port: %u}]}}}\n";
    struct world w;
    struct probe_info info;
    world_open(&w);
    world_configure(&w, NULL, pools, "50ms", SILENT_PORT);
    world_start(&w);
    assert_true(world_wait_health(&w, 0, HEALTH_DOWN, 2000));
    world_reload(&w, NULL, pools, "1h", SILENT_PORT);
    checker_probes(w.checker, &info, 1);
    assert_int_equal(info.n_failed, 0);
    world_run(&w, 1, NULL, NULL); /* what may start at once starts in the next turn */
    assert_int_equal(checker_summary(w.checker).n_in_flight, 1);
    assert_false(endpoint_serves(world_state(&w, 0)));
    world_reload(&w, NULL, pools, "50ms", SILENT_PORT);
    assert_true(world_wait_health(&w, 0, HEALTH_DOWN, 2000));
    assert_string_equal(world_state(&w, 0)->reason, "c: timeout after 50ms connecting");
    world_stop(&w);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reload_with_a_queue),
        cmocka_unit_test(test_another_timeout_starts_over),
        cmocka_unit_test(test_reload_carries_over),
        cmocka_unit_test(test_reload_probes_only_what_is_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
