/* SPDX-License-Identifier: Apache-2.0
 * The slow start: who begins slowly, in which steps, and what a reload does to it. */
#include "scripted.h"
#include "settable_clock.h"
#include "world.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define SLOW                                                                                       \
    "sites: {ams: {}}\nchecks: {c: {type: tcp, interval: 1s, timeout: 500ms, rise: 1, fall: 1}}\n" \
    "pools:\n"                                                                                     \
    "  www: {steer: all, slow_start: 30s, sites: {ams: [192.0.2.1, 192.0.2.2]}}\n"                 \
    "  api: {steer: all, sites: {ams: [192.0.2.3]}}\n"                                             \
    "  web: {steer: all, slow_start: 30s, checks: [c],\n"                                          \
    "        sites: {ams: [{address: 127.0.0.1, port: %u}]}}\n"

static uint8_t ramp(struct world *w, uint32_t endpoint)
{
    return world_state(w, endpoint)->ramp;
}

static void order(struct world *w, const char *target, enum override what)
{
    assert_int_equal(world_set(w, target, what, 0, NULL), 0);
}

static void open_world(struct world *w)
{
    world_open(w);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    world_configure(w, NULL, SLOW, OPEN_PORT);
    world_start(w);
    assert_true(world_wait_health(w, 3, HEALTH_UP, 2000));
    world_run(w, 1000, NULL, NULL);
}

static void end_world(struct world *w)
{
    world_stop(w);
    world_close(w);
}

/* Looks every 250 ms: each step comes once, and about when it should. */
static void check_steps(struct world *w, uint32_t endpoint)
{
    int64_t began_ms = clock_mono_ms();
    assert_int_equal(ramp(w, endpoint), 1);
    for (uint8_t before = 1; before < SHARE_FULL;) {
        world_run(w, 250, NULL, NULL);
        uint8_t now = ramp(w, endpoint);
        assert_true(now == before || now == before + 1);
        /* A pool's steps are put off by up to one, and taken by chores. */
        int64_t due_ms = began_ms + now * 2000 - 2000;
        if (now != before)
            assert_in_range(clock_mono_ms(), due_ms, due_ms + 2000 + 500);
        else
            assert_true(clock_mono_ms() <= due_ms + 2000 + 2000 + 500);
        before = now;
    }
}

static void test_steps(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    for (uint32_t e = 0; e < 4; e++)
        assert_int_equal(ramp(&w, e), SHARE_FULL); /* a start is no beginning */
    unsigned n = w.n_changed_calls;
    world_run(&w, 5000, NULL, NULL);
    assert_int_equal(w.n_changed_calls, n);
    order(&w, "www/ams/192.0.2.1", OVERRIDE_DRAIN);
    assert_int_equal(ramp(&w, 0), SHARE_FULL);
    order(&w, "www/ams/192.0.2.1", OVERRIDE_AUTO);
    assert_int_equal(ramp(&w, 1), SHARE_FULL);
    n = w.n_changed_calls;
    check_steps(&w, 0);
    assert_int_equal(w.n_changed_calls, n + 15); /* consumers are told of each */
    world_run(&w, 60000, NULL, NULL);
    assert_int_equal(w.n_changed_calls, n + 15);
    order(&w, "api/ams/192.0.2.3", OVERRIDE_DRAIN);
    order(&w, "api/ams/192.0.2.3", OVERRIDE_AUTO);
    assert_int_equal(ramp(&w, 2), SHARE_FULL); /* its pool starts at once */
    end_world(&w);
}

static void test_by_probes_and_weights(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    assert_true(world_wait_health(&w, 3, HEALTH_DOWN, 5000));
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    assert_true(world_wait_health(&w, 3, HEALTH_UP, 5000));
    world_run(&w, 30, NULL, NULL);
    check_steps(&w, 3);
    assert_int_equal(world_weigh(&w, "www/ams/192.0.2.2", 0), 0);
    assert_int_equal(world_weigh(&w, "www/ams/192.0.2.2", 7), 0);
    assert_int_equal(ramp(&w, 1), 1);
    assert_int_equal(world_weigh(&w, "www/ams/192.0.2.2", 9), 0);
    world_run(&w, 10000, NULL, NULL);
    assert_in_range(ramp(&w, 1), 5, 6);
    order(&w, "www/ams/192.0.2.2", OVERRIDE_DOWN); /* it ends with what serves */
    assert_int_equal(ramp(&w, 1), SHARE_FULL);
    unsigned n = w.n_changed_calls;
    world_run(&w, 10000, NULL, NULL);
    assert_int_equal(ramp(&w, 1), SHARE_FULL);
    assert_int_equal(w.n_changed_calls, n);
    order(&w, "www/ams/192.0.2.2", OVERRIDE_AUTO); /* and begins anew */
    assert_int_equal(ramp(&w, 1), 1);
    end_world(&w);
}

/* Those of a pool that begin together stay together: each keeps its share. */
static void test_together(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    order(&w, "www/*", OVERRIDE_DRAIN);
    world_run(&w, 5000, NULL, NULL);
    order(&w, "www/*", OVERRIDE_AUTO);
    for (unsigned i = 0; i < 160; i++) {
        assert_int_equal(ramp(&w, 0), ramp(&w, 1));
        world_run(&w, 250, NULL, NULL);
    }
    assert_int_equal(ramp(&w, 0), SHARE_FULL);
    end_world(&w);
}

static void test_reload(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    order(&w, "www/ams/192.0.2.2", OVERRIDE_DRAIN);
    order(&w, "www/ams/192.0.2.2", OVERRIDE_AUTO);
    world_run(&w, 11000, NULL, NULL);
    uint8_t before = ramp(&w, 1);
    assert_in_range(before, 5, 6);
    world_reload(&w, NULL,
                 "sites: {ams: {}}\npools:\n"
                 "  api: {steer: all, slow_start: 30s, sites: {ams: [192.0.2.3]}}\n"
                 "  www: {steer: all, slow_start: 30s, sites: {ams: [192.0.2.9, 192.0.2.2]}}\n");
    world_run(&w, 30, NULL, NULL);
    assert_int_equal(ramp(&w, 0), SHARE_FULL); /* has served, in a pool that is slow from now on */
    assert_int_equal(ramp(&w, 1), 1);          /* is new */
    assert_int_equal(ramp(&w, 2), before);
    world_run(&w, 10000, NULL, NULL);
    assert_in_range(ramp(&w, 1), 5, 6);
    assert_in_range(ramp(&w, 2), before + 4, before + 6);
    world_reload(&w, NULL,
                 "sites: {ams: {}}\npools:\n"
                 "  www: {steer: all, sites: {ams: [192.0.2.9, 192.0.2.2]}}\n");
    world_run(&w, 60000, NULL, NULL); /* none is slow any more */
    assert_int_equal(endpoint_ramp(world_state(&w, 0)), SHARE_FULL);
    end_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_by_probes_and_weights),
        cmocka_unit_test(test_together),
        cmocka_unit_test(test_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
