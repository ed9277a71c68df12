/* SPDX-License-Identifier: Apache-2.0
 * Hooks as real commands: what they are told, how they fail, that they end when they are told to.
 */
#include "anycast/hook.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct drive *drive;
static uv_loop_t loop;
static uv_timer_t tick;
static struct mailbox *mailbox;

static char script[1024], error[COMMAND_TEXT_MAX];
static const char *const argv[] = {"/bin/sh", "-c", script, NULL};
static struct ip_prefix prefixes[2] = {{{{192, 0, 2, 53}, IP_V4}, 32},
                                       {{{0x20, 1, 0xd, 0xb8}, IP_V6}, 32}};
static struct prefix_set config = {.prefixes = prefixes,
                                   .n_prefixes = 2,
                                   .on_announce = {.command = argv, .timeout_ms = 60000},
                                   .on_withdraw = {.command = argv, .timeout_ms = 60000}};
static const struct anycast_spec spec = {.config = &config, .name = "dns", .site = "ams"};
static unsigned n_done;
static bool announces;
static struct hook *hook;

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

static void done_here(void *arg)
{
    (void)arg;
    n_done++;
}

static void on_done(void *ctx, const char *text)
{
    assert_ptr_equal(ctx, &hook);
    snprintf(error, sizeof error, "%s", text);
    mailbox_post(mailbox, done_here, NULL);
}

static void do_run(void *arg)
{
    (void)arg;
    hook = hook_run(drive, &spec, announces, on_done, &hook);
}

static void do_cancel(void *arg)
{
    (void)arg;
    hook_cancel(hook);
    mailbox_post(mailbox, done_here, NULL);
}

static void wait_done(void)
{
    const int64_t end_ms = clock_mono_ms() + 60000;
    while (n_done == 0) {
        assert_true(clock_mono_ms() < end_ms);
        uv_run(&loop, UV_RUN_ONCE);
    }
    n_done = 0;
}

static void run(bool announce)
{
    announces = announce;
    drive_post(drive, do_run, NULL);
    wait_done();
}

static int set_up(void **state)
{
    (void)state;
    uv_loop_init(&loop);
    uv_timer_init(&loop, &tick);
    uv_timer_start(&tick, on_tick, 5, 5);
    mailbox = mailbox_open(&loop);
    config.on_announce.timeout_ms = 60000;
    return drive_start(&drive, "hooks");
}

static int tear_down(void **state)
{
    (void)state;
    drive_stop(drive);
    mailbox_close(mailbox);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static void test_is_told_what_of(void **state)
{
    (void)state;
    snprintf(script, sizeof script,
             "[ \"$LOADSTAR_SET $LOADSTAR_CHANGE $LOADSTAR_SITE $LOADSTAR_PREFIXES\" = "
             "'dns announce ams 192.0.2.53/32 2001:db8::/32' ]");
    run(true);
    assert_string_equal(error, "");
    run(false);
    assert_string_equal(error, "exited with 1");
    snprintf(script, sizeof script, "[ \"$LOADSTAR_CHANGE\" = withdraw ]");
    run(false);
    assert_string_equal(error, "");
}

static void test_a_failure_is_told_in_its_words(void **state)
{
    (void)state;
    snprintf(script, sizeof script, "echo 'no such thing' >&2; exit 3");
    run(true);
    assert_string_equal(error, "exited with 3: no such thing");
}

static void test_its_time_is_bounded(void **state)
{
    (void)state;
    config.on_announce.timeout_ms = 50;
    snprintf(script, sizeof script, "sleep 1000");
    run(true);
    assert_non_null(strstr(error, "was killed"));
}

static void test_one_that_is_cancelled_says_nothing(void **state)
{
    (void)state;
    snprintf(script, sizeof script, "sleep 1000");
    snprintf(error, sizeof error, "untouched");
    announces = true;
    drive_post(drive, do_run, NULL);
    drive_post(drive, do_cancel, NULL);
    wait_done();
    assert_string_equal(error, "untouched");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_is_told_what_of),
        TEST(test_a_failure_is_told_in_its_words),
        TEST(test_its_time_is_bounded),
        TEST(test_one_that_is_cancelled_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
