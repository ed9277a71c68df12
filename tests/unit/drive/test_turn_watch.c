/* SPDX-License-Identifier: Apache-2.0
 * How long turns of a loop were, also where signals end its waits. */
#include "base/clock.h"
#include "base/turns.h"
#include "drive/turn_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BLOCKED_MS 400

static struct {
    uv_loop_t loop;
    struct turn_watch watch;
    uv_timer_t timer;
} world;

static int set_up(void **state)
{
    (void)state;
    uv_loop_init(&world.loop);
    turn_watch_start(&world.watch, &world.loop);
    uv_timer_init(&world.loop, &world.timer);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    uv_close((uv_handle_t *)&world.timer, NULL);
    turn_watch_stop(&world.watch);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    return uv_loop_close(&world.loop);
}

static int64_t sum_us(void)
{
    struct turns t;
    turns_look(&t, clock_mono_ms());
    return (int64_t)t.sum_us;
}

static void nothing(uv_timer_t *timer)
{
    (void)timer;
}

static void wait_ms(uint64_t ms)
{
    uv_update_time(&world.loop);
    uv_timer_start(&world.timer, nothing, ms, 0);
    uv_run(&world.loop, UV_RUN_DEFAULT);
}

static void block(uv_timer_t *timer)
{
    (void)timer;
    usleep(BLOCKED_MS * 1000);
}

static void what_blocks_counts(void **state)
{
    (void)state;
    wait_ms(1); /* turns count from the first wait on */
    int64_t before_us = sum_us();
    uv_timer_start(&world.timer, block, 0, 0);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    wait_ms(1); /* a turn ends with the next one's wait */
    assert_true(sum_us() - before_us >= BLOCKED_MS * 1000);
}

static void a_wait_that_a_child_ends_does_not(void **state)
{
    (void)state;
    wait_ms(1);
    int64_t before_us = sum_us();
    pid_t child = fork();
    if (child == 0) {
        usleep(3000000);
        _exit(0);
    }
    wait_ms(4500);
    wait_ms(1);
    assert_true(sum_us() - before_us < 2700000);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_blocks_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wait_that_a_child_ends_does_not, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
