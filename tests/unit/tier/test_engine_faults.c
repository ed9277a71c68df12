/* SPDX-License-Identifier: Apache-2.0
 * What goes wrong in the cycle of one tier, and looks at it. */
#include "engine_world.h"

#include "base/clock.h"

/* ---- failures ---- */

static void test_unreachable_backs_off(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    w.table.observe = TABLE_FAILS;
    w.table.reason = TIER_ERROR_UNREACHABLE;
    world_begin(&w);
    world_run(&w, 0);
    assert_state(&w, TIER_UNREACHABLE);
    assert_string_equal(w.view->error, "told to fail");
    assert_true(w.view->error_since_ms > 0);
    world_run(&w, 15000); /* 0.5 1 2 4 8 */
    assert_in_range(w.table.n_observed, 5, 7);
    uint32_t n = w.table.n_observed;
    world_run(&w, 300000); /* each 30 s at most */
    assert_in_range(w.table.n_observed - n, 10, 16);
    assert_int_equal(w.view->n_errors[TIER_ERROR_UNREACHABLE], w.table.n_observed);
    assert_int_equal(log_count("tier t: told to fail"), 1);
    w.table.observe = TABLE_WELL;
    world_run(&w, 31000);
    assert_table(&w, RIGHT);
    assert_state(&w, TIER_OK);
    assert_string_equal(w.view->error, "");
    assert_int_equal(w.view->error_since_ms, 0);
    assert_int_equal(log_count("in order again"), 1);
    /* The next failure is tried again soon, as the first was. */
    w.table.observe = TABLE_FAILS;
    while (w.view->state == TIER_OK)
        world_run(&w, 100);
    n = w.table.n_observed;
    world_run(&w, 3600);
    assert_true(w.table.n_observed >= n + 2);
    world_close(&w);
}

static void test_a_nudge_ends_a_wait(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    w.table.observe = TABLE_FAILS;
    world_begin(&w);
    world_run(&w, 120000);
    w.table.observe = TABLE_WELL;
    w.table.host->nudge(w.table.host->ctx);
    world_run(&w, ENGINE_NUDGE_MS + 10);
    assert_table(&w, RIGHT);
    world_close(&w);
}

static void test_what_was_read_is_stale(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    w.table.observe = TABLE_FAILS;
    w.table.reason = TIER_ERROR_PROTOCOL;
    world_run(&w, 30000);
    assert_state(&w, TIER_STALE);
    assert_int_equal(w.view->n_rows, 3);
    assert_int_equal(w.view->rows[0].seen.active, -1);
    /* Targets follow the states all the same, for who asks. */
    w.small.states[0].health = HEALTH_DOWN;
    world_change(&w);
    uint32_t n = w.table.n_changed;
    world_run(&w, 100);
    assert_int_equal(w.table.n_changed, n + 1);
    assert_int_equal(w.table.host->table(w.table.host->ctx)->rows.v[0].target.serves, SERVES_DOWN);
    assert_int_equal(w.table.n_applied, 0);
    w.table.reason = TIER_ERROR_DENIED; /* another failure is another line */
    world_run(&w, 60000);
    assert_int_equal(log_count("told to fail"), 2);
    w.table.observe = TABLE_WELL;
    world_run(&w, 31000);
    assert_table(&w, "a=down b=ready 100 c=ready 100");
    world_close(&w);
}

static void test_closes_in_the_middle(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    w.small.states[0].health = w.small.states[1].health = HEALTH_DOWN;
    w.table.apply = TABLE_FAILS;
    w.table.fails_after = 1;
    w.table.n_failures = 1;
    world_change(&w);
    world_run(&w, 100); /* it is looked at and planned anew before that is called a failure */
    assert_table(&w, "a=down b=down c=ready 100");
    assert_int_equal(w.table.n_applied, 2);
    assert_int_equal(w.view->n_drift, 0);
    assert_int_equal(log_count("told to fail"), 0);
    assert_state(&w, TIER_OK);
    w.small.states[0].health = w.small.states[1].health = HEALTH_UP;
    w.table.apply = TABLE_FAILS;
    w.table.fails_after = 0;
    world_change(&w);
    world_run(&w, 100000);
    assert_state(&w, TIER_STALE);
    assert_int_equal(log_count("told to fail"), 1);
    assert_in_range(w.table.n_applied, 7, 14); /* waits are drawn */
    w.table.apply = TABLE_WELL;
    world_run(&w, 31000);
    assert_table(&w, RIGHT);
    assert_int_equal(log_count("in order again"), 1);
    world_close(&w);
}

/* It could not be told again in the cycle in which it failed, and fails all the same. */
static void test_rationed_fails(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    w.table.ration_ms = 2000;
    w.table.apply = TABLE_FAILS;
    w.small.states[0].health = HEALTH_DOWN;
    world_change(&w);
    world_run(&w, 100);
    assert_int_equal(w.table.n_applied, 1);
    assert_state(&w, TIER_STALE);
    assert_int_equal(log_count("told to fail"), 1);
    world_run(&w, 20000);
    assert_in_range(w.table.n_applied, 2, 6);
    assert_state(&w, TIER_STALE);
    w.table.apply = TABLE_WELL;
    world_run(&w, 31000);
    assert_state(&w, TIER_OK);
    assert_table(&w, "a=down b=ready 100 c=ready 100");
    world_close(&w);
}

static void test_never_answers(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    w.table.observe = TABLE_IS_SILENT;
    world_begin(&w);
    world_run(&w, ENGINE_PATIENCE_MS - 10);
    assert_int_equal(w.table.n_opened, 1);
    world_run(&w, 20);
    assert_int_equal(w.table.n_opened, 2);
    assert_int_equal(w.table.n_closed, 1);
    assert_state(&w, TIER_UNREACHABLE);
    assert_int_equal(w.view->n_errors[TIER_ERROR_TIMEOUT], 1);
    w.table.observe = TABLE_WELL;
    world_run(&w, 1000);
    assert_state(&w, TIER_OK);
    w.table.apply = TABLE_IS_SILENT;
    w.small.states[0].health = HEALTH_DOWN;
    world_change(&w);
    world_run(&w, ENGINE_PATIENCE_MS + 200);
    assert_int_equal(w.table.n_opened, 3);
    w.table.apply = TABLE_WELL;
    world_run(&w, 2000);
    assert_table(&w, "a=down b=ready 100 c=ready 100");
    world_close(&w);
}

static void test_does_not_do_what_it_says(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    w.table.apply = TABLE_IS_DEAF;
    w.small.states[0].health = HEALTH_DOWN;
    world_change(&w);
    world_run(&w, 60000);
    assert_state(&w, TIER_STALE);
    assert_in_range(w.table.n_applied, 3, 8); /* with a backoff */
    assert_true(w.view->n_errors[TIER_ERROR_REJECTED] >= 3);
    assert_int_equal(log_count("not as told to be, such as a"), 1);
    assert_int_equal(count_applied(w.view), 0);
    w.table.apply = TABLE_WELL;
    world_run(&w, 31000);
    assert_state(&w, TIER_OK);
    assert_int_equal(count_applied(w.view), 1);
    world_close(&w);
}

static void test_what_is_not_ours_is_refused(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    w.table.is_foreign = true;
    world_begin(&w);
    world_run(&w, 1000);
    assert_state(&w, TIER_REFUSED);
    assert_true(w.view->error[0]);
    w.small.states[0].health = HEALTH_DOWN;
    world_change(&w);
    world_run(&w, 100000);
    assert_int_equal(w.table.n_applied, 0);
    assert_in_range(w.table.n_observed, 3, 5);
    assert_int_equal(w.view->n_errors[TIER_ERROR_FOREIGN], 1);
    w.table.is_foreign = false;
    world_run(&w, 31000);
    assert_table(&w, "a=down b=ready 100 c=ready 100");
    assert_state(&w, TIER_OK);
    world_close(&w);
}

/* ---- looks ---- */

static void test_a_look_changes_nothing(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    table_find(&w.table, "b")->serving.weight = 7;
    engine_look(w.engine, &w);
    world_run(&w, 10);
    assert_int_equal(w.n_tickets, 1);
    assert_int_equal(w.table.n_applied, 0);
    assert_int_equal(w.view->n_diff, 1);
    assert_string_equal(w.view->diff[0], "~ b 10.0.0.2:80 ready 7 -> ready 100");
    assert_state(&w, TIER_APPLYING);
    /* While something is under way: once that is over. */
    w.table.delay_ms = 500;
    engine_look(w.engine, &w);
    world_run(&w, 10);
    engine_look(w.engine, &w);
    world_run(&w, 1000);
    assert_int_equal(w.n_tickets, 3);
    /* What cannot be looked at says so, and before its time to be tried again. Looks take no time:
     * none is under way when it is asked. */
    w.table.delay_ms = 0;
    w.table.observe = TABLE_FAILS;
    world_run(&w, 200000);
    uint32_t n = w.table.n_observed;
    engine_look(w.engine, &w);
    world_run(&w, 10);
    assert_int_equal(w.table.n_observed, n + 1);
    assert_int_equal(w.n_tickets, 4);
    /* At the end. */
    w.table.observe = TABLE_IS_SILENT;
    engine_look(w.engine, &w);
    engine_look(w.engine, &w);
    world_run(&w, 10);
    world_close(&w);
    assert_int_equal(w.n_tickets, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unreachable_backs_off),
        cmocka_unit_test(test_a_nudge_ends_a_wait),
        cmocka_unit_test(test_what_was_read_is_stale),
        cmocka_unit_test(test_closes_in_the_middle),
        cmocka_unit_test(test_rationed_fails),
        cmocka_unit_test(test_never_answers),
        cmocka_unit_test(test_does_not_do_what_it_says),
        cmocka_unit_test(test_what_is_not_ours_is_refused),
        cmocka_unit_test(test_a_look_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
