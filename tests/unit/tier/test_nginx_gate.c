/* SPDX-License-Identifier: Apache-2.0
 * Turns and reloads of the tiers of one nginx. */
#include "base/clock.h"
#include "tier/nginx_gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>

#define INTERVAL_MS 60
#define GUESTS 10

struct command {
    void (*done)(void *ctx, const struct command_result *result);
    void *ctx;
};

static uv_loop_t loop;
static struct command running[4];
static unsigned n_running, n_reloads;
static int64_t reloaded_ms[16];

uv_loop_t *drive_loop(struct drive *drive)
{
    (void)drive;
    return &loop;
}
struct command *command_run(struct drive *drive, const struct command_spec *spec,
                            void (*done)(void *ctx, const struct command_result *result), void *ctx)
{
    (void)drive;
    assert_string_equal(spec->argv[0], "nginx");
    assert_true(n_running < 4);
    reloaded_ms[n_reloads++ % 16] = clock_mono_ms();
    running[n_running] = (struct command){done, ctx};
    return &running[n_running++];
}
void command_cancel(struct command *command)
{
    assert_ptr_equal(command, &running[n_running - 1]);
    n_running--;
}

static void end_reload(void)
{
    static const struct command_result ok;
    assert_int_equal(n_running, 1);
    struct command command = running[--n_running];
    command.done(command.ctx, &ok);
}

struct tier {
    struct nginx_guest guest;
    bool has_turn, leaves_when_told;
    unsigned n_turns, n_told;
};

static const char *const one[] = {"nginx", "-s", "reload", NULL};
static const char *const other[] = {"nginx", "-s", "reload -c b", NULL};
static struct nginx_gates *gates;
static struct tier tiers[GUESTS];

static void on_turn(void *ctx)
{
    struct tier *tier = ctx;
    for (unsigned i = 0; i < GUESTS; i++)
        assert_false(tiers[i].has_turn && tiers[i].guest.gate == tier->guest.gate);
    tier->has_turn = true;
    tier->n_turns++;
}

static void on_reloaded(void *ctx, const struct command_result *result)
{
    struct tier *tier = ctx;
    assert_true(command_ok(result));
    tier->n_told++;
    if (tier->leaves_when_told)
        nginx_gate_leave(&tier->guest);
}

static void join(unsigned i, const char *const *argv)
{
    tiers[i] = (struct tier){.guest = {.ctx = &tiers[i], .turn = on_turn, .reloaded = on_reloaded}};
    nginx_gate_join(&tiers[i].guest, gates, argv, INTERVAL_MS);
}

static void pass(unsigned i)
{
    tiers[i].has_turn = false;
    nginx_gate_pass(&tiers[i].guest);
}

/* What is due, and no waiting: in a turn of the loop that waits, nobody could pass. */
static void turn_loop(void)
{
    if (uv_run(&loop, UV_RUN_NOWAIT))
        poll(NULL, 0, 1);
}

/* Whoever has a turn passes, and asks for a reload; until there are `n` reloads. */
static void run_to(unsigned n)
{
    int64_t end_ms = clock_mono_ms() + 60000;
    while (n_reloads < n) {
        assert_true(clock_mono_ms() < end_ms);
        turn_loop();
        for (unsigned i = 0; i < GUESTS; i++) {
            if (!tiers[i].has_turn)
                continue;
            pass(i);
            nginx_gate_reload(&tiers[i].guest);
        }
    }
}

static int set_up(void **state)
{
    (void)state;
    n_running = n_reloads = 0;
    memset(tiers, 0, sizeof tiers);
    uv_loop_init(&loop);
    gates = nginx_gates_new((struct drive *)(void *)&loop);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < GUESTS; i++) {
        if (tiers[i].guest.gate)
            nginx_gate_leave(&tiers[i].guest);
    }
    nginx_gates_free(gates);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(n_running, 0);
    return 0;
}

static void reloads_once_for_all_that_tested(void **state)
{
    (void)state;
    for (unsigned i = 0; i < GUESTS; i++)
        join(i, one);
    for (unsigned i = 0; i < GUESTS; i++)
        nginx_gate_enter(&tiers[i].guest);
    assert_int_equal(tiers[0].n_turns, 0);
    run_to(1);
    for (unsigned i = 0; i < GUESTS; i++) {
        assert_int_equal(tiers[i].n_turns, 1);
        assert_int_equal(tiers[i].n_told, 0);
    }
    end_reload();
    for (unsigned i = 0; i < GUESTS; i++)
        assert_int_equal(tiers[i].n_told, 1);
}

static void rations_reloads(void **state)
{
    (void)state;
    join(0, one);
    join(1, one);
    for (unsigned i = 0; i < 4; i++) {
        nginx_gate_enter(&tiers[i % 2].guest);
        run_to(i + 1);
        assert_true(nginx_gate_ready_ms(&tiers[0].guest) >= reloaded_ms[i] + INTERVAL_MS - 1);
        end_reload();
    }
    for (unsigned i = 1; i < 4; i++)
        assert_true(reloaded_ms[i] - reloaded_ms[i - 1] >= INTERVAL_MS);
}

/* It may not have read what was written meanwhile. */
static void reloads_again_for_who_comes_while_it_does(void **state)
{
    (void)state;
    join(0, one);
    join(1, one);
    nginx_gate_enter(&tiers[0].guest);
    run_to(1);
    nginx_gate_enter(&tiers[1].guest);
    while (!tiers[1].has_turn)
        turn_loop();
    pass(1);
    nginx_gate_reload(&tiers[1].guest);
    int64_t until_ms = clock_mono_ms() + 2 * INTERVAL_MS;
    while (clock_mono_ms() < until_ms)
        turn_loop();
    assert_int_equal(n_reloads, 1);
    end_reload();
    assert_int_equal(tiers[0].n_told, 1);
    assert_int_equal(tiers[1].n_told, 0);
    run_to(2);
    end_reload();
    assert_int_equal(tiers[1].n_told, 1);
}

/* A test that hangs does not keep from nginx what others have tested. */
static void waits_for_no_test_that_hangs(void **state)
{
    (void)state;
    join(0, one);
    join(1, one);
    join(2, one);
    int64_t from_ms = clock_mono_ms(), end_ms = from_ms + 60000;
    nginx_gate_enter(&tiers[0].guest);
    nginx_gate_enter(&tiers[1].guest);
    while (!tiers[0].has_turn)
        turn_loop();
    pass(0);
    nginx_gate_reload(&tiers[0].guest);
    while (n_reloads == 0) {
        assert_true(clock_mono_ms() < end_ms);
        turn_loop();
    }
    assert_true(tiers[1].has_turn);
    assert_true(clock_mono_ms() - from_ms >= 900);
    nginx_gate_enter(&tiers[2].guest);
    turn_loop();
    turn_loop();
    assert_false(tiers[2].has_turn);
    end_reload();
}

static void knows_an_nginx_by_its_reload(void **state)
{
    (void)state;
    join(0, one);
    join(1, other);
    assert_ptr_not_equal(tiers[0].guest.gate, tiers[1].guest.gate);
    nginx_gate_enter(&tiers[0].guest);
    nginx_gate_enter(&tiers[1].guest);
    while (!tiers[0].has_turn || !tiers[1].has_turn)
        turn_loop();
    pass(0);
    pass(1);
}

static void may_be_left_anywhere(void **state)
{
    (void)state;
    for (unsigned place = 0; place < 5; place++) {
        tear_down(state);
        set_up(state);
        join(0, one);
        join(1, one);
        if (place >= 1)
            nginx_gate_enter(&tiers[0].guest);
        while (place >= 2 && !tiers[0].has_turn)
            turn_loop();
        if (place >= 3) {
            pass(0);
            nginx_gate_reload(&tiers[0].guest);
        }
        if (place >= 4)
            run_to(1);
        nginx_gate_leave(&tiers[0].guest);
        tiers[0].has_turn = false;
        if (place == 4)
            end_reload();
        nginx_gate_enter(&tiers[1].guest);
        run_to(n_reloads + 1);
        end_reload();
        assert_int_equal(tiers[1].n_told, 1);
        assert_int_equal(tiers[0].n_told, 0);
    }
}

static void may_be_left_by_all_when_they_are_told(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        join(i, one);
        tiers[i].leaves_when_told = true;
        nginx_gate_enter(&tiers[i].guest);
    }
    run_to(1);
    end_reload();
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(tiers[i].n_told, 1);
}

static void hears_what_matters_of_what_nginx_says(void **state)
{
    (void)state;
    static const char *const rising[] = {
        "2026/11/26 11:10:43 [notice] 7989#7989: signal process started",
        "nginx: configuration file /etc/nginx/nginx.conf test failed",
        "nginx: [alert] could not open error log file: open() failed (13: Permission denied)",
        "2026/11/26 11:10:43 [error] 7989#7989: invalid PID number \"\" in \"/run/nginx.pid\"",
        "2026/11/26 11:10:42 [emerg] 7961#7961: unknown directive \"foo\" in nginx.conf:7"};
    for (unsigned i = 1; i < 5; i++)
        assert_true(nginx_line_rank(rising[i]) > nginx_line_rank(rising[i - 1]));
    assert_int_equal(nginx_line_rank("nginx: [warn] the \"user\" directive makes sense only"), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reloads_once_for_all_that_tested),
        TEST(rations_reloads),
        TEST(reloads_again_for_who_comes_while_it_does),
        TEST(waits_for_no_test_that_hangs),
        TEST(knows_an_nginx_by_its_reload),
        TEST(may_be_left_anywhere),
        TEST(may_be_left_by_all_when_they_are_told),
        cmocka_unit_test(hears_what_matters_of_what_nginx_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
