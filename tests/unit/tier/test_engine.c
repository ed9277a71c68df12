/* SPDX-License-Identifier: Apache-2.0
 * The cycle of one tier, arrow by arrow. */
#include "engine_world.h"

#include "base/clock.h"

/* ---- the cycle ---- */

static void test_absent_is_made(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_begin(&w);
    world_run(&w, 1000);
    assert_true(w.table.exists);
    assert_table(&w, RIGHT);
    assert_state(&w, TIER_OK);
    assert_int_equal(w.table.n_applied, 2); /* made at weight 0, then given its weight */
    assert_int_equal(w.view->n_diff, 0);
    assert_true(w.view->last_sync_ms > 0 && w.view->last_change_ms > 0);
    assert_true(kept("t", NULL, 0));
    assert_true(kept("t", &w.small.members[2].addr, 80));
    assert_int_equal(w.view->n_rows, 3);
    assert_string_equal(w.view->rows[1].seen.name, "b");
    world_close(&w);
}

static void test_what_is_made_is_recorded_before(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    keeper_is_slow(true);
    world_begin(&w);
    world_run(&w, 5000);
    assert_false(w.table.exists);
    assert_true(kept("t", &w.small.members[0].addr, 80));
    assert_true(keeper_written());
    world_run(&w, 1000);
    assert_table(&w, RIGHT);
    /* What makes nothing does not wait. */
    w.small.states[0].health = HEALTH_DOWN;
    world_change(&w);
    world_run(&w, 200);
    assert_table(&w, "a=down b=ready 100 c=ready 100");
    world_close(&w);
}

static void test_closed_while_it_records(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    keeper_is_slow(true);
    world_begin(&w);
    world_run(&w, 1000);
    engine_close(w.engine);
    w.engine = NULL;
    assert_false(keeper_written());
    world_close(&w);
}

static void test_records_that_take_for_ever(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    keeper_is_slow(true);
    world_begin(&w);
    world_run(&w, ENGINE_PATIENCE_MS - 100);
    assert_false(w.table.exists);
    world_run(&w, 1000);
    assert_table(&w, RIGHT);
    assert_false(keeper_written());
    world_close(&w);
}

static void test_right_is_left_alone(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 300000);
    assert_int_equal(w.table.n_applied, 0);
    assert_in_range(w.table.n_observed, 10, 11); /* each 30 s */
    assert_state(&w, TIER_OK);
    assert_int_equal(w.view->n_drift, 0);
    world_close(&w);
}

static void test_changes_settle_and_are_read_back(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    w.small.states[0].health = HEALTH_DOWN;
    world_change(&w);
    world_run(&w, 10);
    w.small.states[1].health = HEALTH_DOWN;
    world_change(&w);
    assert_table(&w, RIGHT);
    world_run(&w, 9);
    assert_int_equal(w.table.n_applied, 0);
    world_run(&w, 1); /* 20 ms after the first, and both at once */
    assert_table(&w, "a=down b=down c=ready 100");
    assert_int_equal(w.table.n_applied, 1);
    assert_int_equal(w.table.n_observed, 2); /* at the start, and read back */
    assert_state(&w, TIER_OK);
    assert_int_equal(count_applied(w.view), 1);
    assert_true(w.view->sum_apply_s > 0.0199 && w.view->sum_apply_s < 0.03);
    assert_int_equal(w.view->n_apply[1], 1); /* at most 25 ms */
    w.small.states[1].health = HEALTH_UP;
    world_change(&w);
    world_run(&w, 49);
    assert_int_equal(w.table.n_applied, 1);
    world_run(&w, 1); /* 50 ms after the one before */
    assert_table(&w, "a=down b=ready 100 c=ready 100");
    world_close(&w);
}

/* What was seen was planned for before it came. */
static void test_a_change_between_a_look_and_its_plan(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    w.goes_down_when_seen = true; /* in the first look, by which nothing is to be done */
    world_begin(&w);
    world_run(&w, 1000);
    assert_false(w.goes_down_when_seen);
    assert_table(&w, "a=down b=ready 100 c=ready 100");
    assert_state(&w, TIER_OK);
    world_close(&w);
}

static void test_slow_changes_are_seen_under_way(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    w.table.delay_ms = 2000;
    w.small.states[0].health = HEALTH_DOWN;
    world_change(&w);
    world_run(&w, 160);
    assert_state(&w, TIER_APPLYING);
    w.small.states[1].health = HEALTH_DOWN; /* waits for the read-back */
    world_change(&w);
    world_run(&w, 12000);
    assert_table(&w, "a=down b=down c=ready 100");
    assert_state(&w, TIER_OK);
    assert_int_equal(w.view->n_apply[9], 1); /* 4.1 s: 100 ms, a change, a look */
    assert_int_equal(w.view->n_apply[10], 1);
    world_close(&w);
}

static void test_states_that_never_rest(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    w.table.delay_ms = 30; /* a look, and a change */
    for (int i = 0; i < 1000; i++) {
        uint32_t draw = (uint32_t)i * 2654435761u; /* in no step with the cycle */
        w.small.states[(draw >> 16) % 3].health = draw >> 24 & 1 ? HEALTH_DOWN : HEALTH_UP;
        world_change(&w);
        world_run(&w, 10);
        assert_int_equal(w.view->n_errors[TIER_ERROR_REJECTED], 0);
    }
    assert_in_range(w.table.n_applied, 80, 210); /* in 10 s: one each 50 ms at most */
    assert_in_range(count_applied(w.view), 80, 210);
    assert_true(w.view->sum_apply_s / (double)count_applied(w.view) < 0.25);
    for (int i = 0; i < 3; i++)
        w.small.states[i].health = HEALTH_UP;
    world_change(&w);
    world_run(&w, 1000);
    assert_table(&w, RIGHT);
    assert_state(&w, TIER_OK);
    world_close(&w);
}

static void test_drift_is_set_back(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    table_find(&w.table, "b")->serving.weight = 7;
    world_run(&w, 28000);
    assert_int_equal(w.table.n_applied, 0);
    world_run(&w, 2000);
    assert_table(&w, RIGHT);
    assert_int_equal(w.view->n_drift, 1);
    assert_int_equal(log_count("changed by somebody else"), 1);
    world_close(&w);
}

static void test_nudge_is_looked_into(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    assert_int_equal(w.table.n_pulsed, 1);
    table_find(&w.table, "b")->serving.weight = 7;
    for (int i = 0; i < 5; i++)
        w.table.host->nudge(w.table.host->ctx);
    world_run(&w, ENGINE_NUDGE_MS);
    assert_table(&w, RIGHT);
    /* One that is never still costs a look each 200 ms at most. */
    uint32_t n = w.table.n_observed;
    for (int i = 0; i < 1000; i++) {
        w.table.host->nudge(w.table.host->ctx);
        world_run(&w, 1);
    }
    assert_in_range(w.table.n_observed - n, 3, 6);
    world_close(&w);
}

static void test_answers_at_once(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    w.table.answers_at_once = true;
    world_begin(&w);
    world_run(&w, 1000);
    assert_table(&w, RIGHT);
    assert_state(&w, TIER_OK);
    world_close(&w);
}

static void test_rationed_waits_with_what_comes(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    w.table.ready_ms = clock_mono_ms() + 2000;
    w.small.states[0].health = HEALTH_DOWN;
    world_change(&w);
    world_run(&w, 1500);
    assert_table(&w, RIGHT);
    assert_state(&w, TIER_APPLYING);
    assert_int_equal(w.view->n_diff, 1);
    w.small.states[1].health = HEALTH_DOWN;
    world_change(&w);
    world_run(&w, 499);
    assert_int_equal(w.table.n_applied, 0);
    world_run(&w, 1);
    assert_int_equal(w.table.n_applied, 1);
    assert_table(&w, "a=down b=down c=ready 100");
    world_close(&w);
}

static void test_sessions_are_read_when_wanted(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    engine_want_sessions(w.engine, true);
    table_find(&w.table, "b")->active = 9;
    world_run(&w, 20000);
    assert_in_range(w.table.n_observed, 4, 5);
    assert_int_equal(w.n_looked, w.table.n_observed);
    assert_int_equal(engine_sessions(w.engine, 1), 9);
    assert_true(engine_can_be_read(w.engine));
    w.table.observe = TABLE_FAILS;
    world_run(&w, 6000);
    assert_int_equal(engine_sessions(w.engine, 1), -1);
    assert_false(engine_can_be_read(w.engine));
    assert_true(w.n_looked > 5);
    engine_want_sessions(w.engine, false);
    world_close(&w);
}

static void test_drains_are_looked_at_each_second(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    table_find(&w.table, "a")->active = 3;
    world_run(&w, 1000);
    w.small.states[0].override = OVERRIDE_DRAIN;
    w.small.states[0].override_since_ms = clock_wall_ms();
    world_change(&w);
    world_run(&w, 3000);
    assert_in_range(w.table.n_observed, 4, 5);
    assert_table(&w, "a=drain b=ready 100 c=ready 100");
    assert_int_equal(w.view->rows[0].drain.phase, DRAIN_WAIT);
    table_find(&w.table, "a")->active = 0;
    world_run(&w, 3000);
    assert_table(&w, "b=ready 100 c=ready 100");
    assert_false(kept("t", &w.small.members[0].addr, 80));
    assert_state(&w, TIER_OK);
    uint32_t n = w.table.n_observed;
    world_run(&w, 20000);
    assert_int_equal(w.table.n_observed, n); /* no more */
    world_close(&w);
}

/* ---- waiting for results ---- */

static void test_nothing_is_written_without_results(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    w.small.states[1].health = HEALTH_UNKNOWN;
    world_begin(&w);
    world_run(&w, 10000);
    assert_int_equal(w.table.n_applied, 0);
    assert_state(&w, TIER_APPLYING);
    assert_true(w.view->held);
    w.small.states[1].health = HEALTH_UP;
    world_change(&w);
    world_run(&w, 1000);
    assert_table(&w, RIGHT);
    assert_false(w.view->held);
    world_close(&w);
}

static void test_results_that_never_come(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    w.small.states[1].health = HEALTH_UNKNOWN;
    world_begin(&w);
    world_run(&w, RECONCILE_HOLD_MS - 100);
    assert_int_equal(w.table.n_applied, 0);
    world_run(&w, 1000);
    assert_non_null(table_find(&w.table, "a"));
    assert_int_equal(table_find(&w.table, "a")->serving.weight, 100);
    assert_true(w.view->note[0]);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent_is_made),
        cmocka_unit_test(test_what_is_made_is_recorded_before),
        cmocka_unit_test(test_closed_while_it_records),
        cmocka_unit_test(test_records_that_take_for_ever),
        cmocka_unit_test(test_right_is_left_alone),
        cmocka_unit_test(test_changes_settle_and_are_read_back),
        cmocka_unit_test(test_a_change_between_a_look_and_its_plan),
        cmocka_unit_test(test_slow_changes_are_seen_under_way),
        cmocka_unit_test(test_states_that_never_rest),
        cmocka_unit_test(test_drift_is_set_back),
        cmocka_unit_test(test_nudge_is_looked_into),
        cmocka_unit_test(test_answers_at_once),
        cmocka_unit_test(test_rationed_waits_with_what_comes),
        cmocka_unit_test(test_sessions_are_read_when_wanted),
        cmocka_unit_test(test_drains_are_looked_at_each_second),
        cmocka_unit_test(test_nothing_is_written_without_results),
        cmocka_unit_test(test_results_that_never_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
