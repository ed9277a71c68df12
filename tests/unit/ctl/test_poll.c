/* SPDX-License-Identifier: Apache-2.0
 * Long polls: who is told when, and that they are bounded. */
#include "ctl/poll.h"

#include "base/attr.h"
#include "tests/unit/health/settable_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct scene {
    uv_loop_t loop;
    struct polls *polls;
    uint64_t a, b; /* versions */
    unsigned n_told;
    bool stopping, stopped;
};

static uint64_t version(void *ctx, const char *name)
{
    struct scene *s = ctx;
    return strcmp(name, "b") == 0 ? s->b : strcmp(name, "a") == 0 ? s->a : s->a + s->b;
}

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    uv_loop_init(&s->loop);
    s->a = s->b = 1;
    s->polls = polls_new(&s->loop, &(struct poll_source){s, version});
    *state = s;
    return 0;
}

static void on_stopped(void *arg)
{
    ((struct scene *)arg)->stopped = true;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    s->stopping = true;
    if (!s->stopped)
        polls_stop(s->polls, on_stopped, s);
    while (!s->stopped)
        uv_run(&s->loop, UV_RUN_NOWAIT);
    polls_free(s->polls);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    free(s);
    return 0;
}

static void on_told(void *arg)
{
    ((struct scene *)arg)->n_told++;
}

static void ask(struct scene *s, const char *name, uint64_t known, int64_t wait_ms)
{
    polls_ask(s->polls, name, known, wait_ms, on_told, s);
}

static void after(struct scene *s, int64_t ms)
{
    settable_clock_advance_ms(ms);
    uv_update_time(&s->loop);
    uv_run(&s->loop, UV_RUN_NOWAIT);
}

static void test_at_once(void **state)
{
    struct scene *s = *state;
    ask(s, "a", 0, 60000); /* it has changed */
    assert_int_equal(s->n_told, 1);
    ask(s, "a", 9, 60000); /* of another life of ours */
    assert_int_equal(s->n_told, 2);
    ask(s, "a", 1, 0);
    assert_int_equal(s->n_told, 3);
    ask(s, "a", 1, 1);
    assert_int_equal(s->n_told, 3);
}

static void test_changes(void **state)
{
    struct scene *s = *state;
    ask(s, "a", 1, 60000);
    ask(s, "b", 1, 60000);
    ask(s, "", 2, 60000);
    polls_changed(s->polls);
    assert_int_equal(s->n_told, 0);
    s->b++;
    polls_changed(s->polls);
    assert_int_equal(s->n_told, 2); /* all but who waits for a */
    s->a++;
    polls_changed(s->polls);
    assert_int_equal(s->n_told, 3);
    polls_changed(s->polls);
    assert_int_equal(s->n_told, 3);
}

static void test_times(void **state)
{
    struct scene *s = *state;
    ask(s, "a", 1, 30000);
    ask(s, "a", 1, 10000);
    ask(s, "b", 1, 20000);
    after(s, 9999);
    assert_int_equal(s->n_told, 0);
    after(s, 2);
    assert_int_equal(s->n_told, 1);
    s->b++;
    polls_changed(s->polls);
    assert_int_equal(s->n_told, 2);
    after(s, 19998);
    assert_int_equal(s->n_told, 2);
    after(s, 2);
    assert_int_equal(s->n_told, 3);
}

static void on_told_again(void *arg)
{
    struct scene *s = arg;
    s->n_told++;
    if (!s->stopping)
        polls_ask(s->polls, "a", s->a, 60000, on_told_again, s);
}

/* Whoever asks again as soon as it is told is not told twice of one change. */
static void test_again(void **state)
{
    struct scene *s = *state;
    for (int i = 0; i < 3; i++)
        polls_ask(s->polls, "a", 1, 60000, on_told_again, s);
    s->a++;
    polls_changed(s->polls);
    assert_int_equal(s->n_told, 3);
    after(s, 60001);
    assert_int_equal(s->n_told, 6);
    s->a++;
    polls_changed(s->polls);
    assert_int_equal(s->n_told, 9);
}

static void on_first(void *arg)
{
    *(unsigned *)arg += 1;
}

static void test_too_many(void **state)
{
    struct scene *s = *state;
    unsigned first = 0;
    polls_ask(s->polls, "a", 1, 60000, on_first, &first);
    for (int i = 1; i < POLLS_MAX; i++)
        ask(s, "a", 1, 60000);
    assert_int_equal(first, 0);
    ask(s, "a", 1, 60000); /* who has waited longest makes room */
    assert_int_equal(first, 1);
    assert_int_equal(s->n_told, 0);
    for (int i = 0; i < 10; i++)
        ask(s, "a", 1, 60000);
    assert_int_equal(s->n_told, 10);
    s->a++;
    polls_changed(s->polls);
    assert_int_equal(s->n_told, 10 + POLLS_MAX);
}

/* All places belong to those that come again at once: nobody is told for ever. */
static void test_too_many_that_insist(void **state)
{
    struct scene *s = *state;
    for (int i = 0; i < POLLS_MAX; i++)
        polls_ask(s->polls, "a", 1, 60000, on_told_again, s);
    unsigned first = 0;
    polls_ask(s->polls, "a", 1, 60000, on_first, &first);
    assert_int_equal(s->n_told, 1);
    assert_int_equal(first, 1);
}

static void test_stop(void **state)
{
    struct scene *s = *state;
    ask(s, "a", 1, 60000);
    ask(s, "b", 1, 60000);
    polls_stop(s->polls, on_stopped, s);
    assert_int_equal(s->n_told, 2);
    ask(s, "b", 1, 60000); /* there will be no news any more */
    assert_int_equal(s->n_told, 3);
    while (!s->stopped)
        uv_run(&s->loop, UV_RUN_NOWAIT);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_at_once), TEST(test_changes),  TEST(test_times),
        TEST(test_again),   TEST(test_too_many), TEST(test_too_many_that_insist),
        TEST(test_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
