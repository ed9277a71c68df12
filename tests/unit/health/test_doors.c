/* SPDX-License-Identifier: Apache-2.0
 * What others give to the state, and read from it: a share by load; whether what is taken for
 * unknown is remembered. */
#include "scripted.h"
#include "settable_clock.h"
#include "world.h"

#define PAIR                                                                                       \
    "sites: {ams: {}}\nchecks: {c: {type: tcp, interval: 1s, timeout: 500ms, rise: 1, fall: 1}}\n" \
    "pools: {www: {steer: all, checks: [c], sites: {ams: [\n"                                      \
    "  {address: 127.0.0.1, port: %u, weight: 10}, {address: 127.0.0.2, port: %u}]}}}\n"

static void open_world(struct world *w)
{
    world_open(w);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    world_configure(w, NULL, PAIR, OPEN_PORT, OPEN_PORT);
    world_start(w);
    assert_true(world_wait_health(w, 0, HEALTH_UP, 2000));
    world_run(w, 1000, NULL, NULL);
}

static void end_world(struct world *w)
{
    world_stop(w);
    world_close(w);
}

static uint32_t share_weight(struct world *w, uint32_t endpoint)
{
    return endpoint_share_weight(&w->model->endpoints[endpoint], world_state(w, endpoint));
}

/* ---- load ---- */

static void test_load(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    assert_int_equal(endpoint_load(world_state(&w, 0)), SHARE_FULL);
    assert_int_equal(share_weight(&w, 0), 160);
    unsigned n = w.n_changed_calls;
    checker_give_load(w.checker, 0, 5);
    world_run(&w, 100, NULL, NULL);
    assert_int_equal(w.n_changed_calls, n + 1); /* consumers are told, */
    assert_int_equal(share_weight(&w, 0), 50);
    assert_int_equal(share_weight(&w, 1), 16);
    checker_give_load(w.checker, 0, 5);
    world_run(&w, 100, NULL, NULL);
    assert_int_equal(w.n_changed_calls, n + 1); /* and only of what is new */
    assert_int_equal(endpoint_weight(&w.model->endpoints[0], world_state(&w, 0)), 10);
    checker_give_load(w.checker, 0, SHARE_FULL);
    world_run(&w, 100, NULL, NULL);
    assert_int_equal(w.n_changed_calls, n + 2);
    assert_int_equal(share_weight(&w, 0), 160);
    end_world(&w);
}

/* It stays when the endpoint goes down and comes back: who gives it says when it ends. */
static void test_load_stays(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    checker_give_load(w.checker, 1, 7);
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    assert_true(world_wait_health(&w, 1, HEALTH_DOWN, 5000));
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    assert_true(world_wait_health(&w, 1, HEALTH_UP, 5000));
    assert_int_equal(share_weight(&w, 1), 7);
    end_world(&w);
}

static void test_an_ordered_weight_wins(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    checker_give_load(w.checker, 0, 5);
    assert_int_equal(world_weigh(&w, "www/ams/127.0.0.1", 10), 0);
    assert_int_equal(endpoint_load(world_state(&w, 0)), SHARE_FULL);
    assert_int_equal(share_weight(&w, 0), 160);
    checker_give_load(w.checker, 0, 4); /* still given, and in force when the order ends */
    assert_int_equal(share_weight(&w, 0), 160);
    assert_int_equal(world_weigh(&w, "www/ams/127.0.0.1", ORDER_AUTO_WEIGHT), 0);
    assert_int_equal(share_weight(&w, 0), 40);
    end_world(&w);
}

/* A reload carries it over, also what is given while it goes on; what is new has all. */
static void test_load_over_a_reload(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    checker_give_load(w.checker, 1, 3);
    world_reload(&w, NULL,
                 "sites: {ams: {}}\npools: {www: {steer: all, sites: {ams: [\n"
                 "  {address: 127.0.0.9}, {address: 127.0.0.2}, {address: 127.0.0.1}]}}}\n");
    assert_int_equal(endpoint_load(world_state(&w, 0)), SHARE_FULL);
    assert_int_equal(endpoint_load(world_state(&w, 1)), 3);
    assert_int_equal(endpoint_load(world_state(&w, 2)), SHARE_FULL);
    end_world(&w);
}

/* Both together are never nothing, and never more than either. */
static void test_share(void **state)
{
    (void)state;
    for (uint8_t ramp = 0; ramp <= SHARE_FULL; ramp++)
        for (uint8_t load = 0; load <= SHARE_FULL; load++) {
            const struct endpoint_state s = {.ramp = ramp, .load = load, .weight_override = -1};
            uint8_t share = endpoint_share(&s);
            assert_in_range(share, 1, SHARE_FULL);
            assert_true(share <= endpoint_ramp(&s) && share <= endpoint_load(&s));
            if (!ramp || ramp == SHARE_FULL)
                assert_int_equal(share, endpoint_load(&s));
            if (!load || load == SHARE_FULL)
                assert_int_equal(share, endpoint_ramp(&s));
        }
}

/* ---- remembered ---- */

static void start(struct world *w)
{
    world_configure(w, NULL, PAIR, OPEN_PORT, OPEN_PORT);
    world_start(w);
}

static void test_remembered_across_a_restart(void **state)
{
    static const enum scripted now[] = {SCRIPTED_OPEN, SCRIPTED_REFUSED};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct world w;
        world_open(&w);
        scripted_set(OPEN_PORT, now[i]);
        start(&w);
        assert_false(world_state(&w, 0)->remembered); /* nothing was saved */
        assert_true(world_wait_health(&w, 0, i ? HEALTH_DOWN : HEALTH_UP, 2000));
        assert_true(world_wait_health(&w, 1, i ? HEALTH_DOWN : HEALTH_UP, 2000));
        world_stop(&w);
        start(&w);
        assert_int_equal(world_state(&w, 0)->health, HEALTH_UNKNOWN);
        assert_true(world_state(&w, 0)->remembered && world_state(&w, 1)->remembered);
        assert_int_equal(world_state(&w, 0)->assumed_up, i == 0);
        world_stop(&w);
        settable_clock_advance_ms(600000); /* too old to be of use */
        start(&w);
        assert_false(world_state(&w, 0)->remembered);
        end_world(&w);
    }
}

/* Other probes after a reload: what was found before is what is known until they speak. */
static void test_remembered_over_a_reload(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    scripted_set(SILENT_PORT, SCRIPTED_SILENT);
    world_reload(&w, NULL,
                 "sites: {ams: {}}\nchecks: {d: {type: tcp, interval: 9s, timeout: 5s}}\n"
                 "pools: {www: {steer: all, checks: [d], sites: {ams: [\n"
                 "  {address: 127.0.0.1, port: %u}, {address: 127.0.0.3, port: %u}]}}}\n",
                 SILENT_PORT, SILENT_PORT);
    assert_int_equal(world_state(&w, 0)->health, HEALTH_UNKNOWN);
    assert_true(world_state(&w, 0)->remembered && world_state(&w, 0)->assumed_up);
    assert_int_equal(world_state(&w, 1)->health, HEALTH_UNKNOWN);
    assert_false(world_state(&w, 1)->remembered); /* is new */
    end_world(&w);
}

/* What was not checked is not known for it. */
static void test_unchecked_is_not_remembered(void **state)
{
    struct world w;
    (void)state;
    world_open(&w);
    world_configure(&w, NULL,
                    "sites: {ams: {}}\npools: {www: {steer: all, sites: {ams: [\n"
                    "  {address: 127.0.0.1, port: 9}, {address: 127.0.0.2, port: 9}]}}}\n");
    world_start(&w);
    assert_int_equal(world_state(&w, 0)->health, HEALTH_UP);
    scripted_set(OPEN_PORT, SCRIPTED_SILENT);
    world_reload(&w, NULL, PAIR, OPEN_PORT, OPEN_PORT);
    assert_int_equal(world_state(&w, 0)->health, HEALTH_UNKNOWN);
    assert_false(world_state(&w, 0)->remembered);
    end_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_load_stays),
        cmocka_unit_test(test_an_ordered_weight_wins),
        cmocka_unit_test(test_load_over_a_reload),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_remembered_across_a_restart),
        cmocka_unit_test(test_remembered_over_a_reload),
        cmocka_unit_test(test_unchecked_is_not_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
