/* SPDX-License-Identifier: Apache-2.0
 * Probes before their time: at once, at most one a second besides the interval, and nothing but
 * what they find decides. */
#include "scripted.h"
#include "settable_clock.h"
#include "world.h"

#include <string.h>

enum { OTHER_PORT = 4100 };

/* Two endpoints at one address and port have one probe; the third has its own. */
#define CONFIG                                                                            \
    "sites: {ams: {}}\n"                                                                  \
    "checks: {c: {type: tcp, interval: 1m, timeout: 4s, rise: 1, fall: 3}}\n"             \
    "pools:\n"                                                                            \
    "  www: {steer: all, checks: [c], sites: {ams: [{address: 127.0.0.1, port: %u},\n"    \
    "        {address: 127.0.0.2, port: %u}]}}\n"                                         \
    "  also: {steer: all, checks: [c], sites: {ams: [{address: 127.0.0.1, port: %u}]}}\n" \
    "  bare: {steer: all, sites: {ams: [{address: 127.0.0.1}]}}\n"

static void open_world(struct world *w)
{
    world_open(w);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    scripted_set(OTHER_PORT, SCRIPTED_OPEN);
    world_configure(w, NULL, CONFIG, OPEN_PORT, OTHER_PORT, OPEN_PORT);
    world_start(w);
    assert_true(world_wait_health(w, 0, HEALTH_UP, 2000));
    assert_true(world_wait_health(w, 1, HEALTH_UP, 2000));
    /* To just after a probe of the interval, so that none comes by itself. */
    unsigned n = scripted_count(OPEN_PORT), other = scripted_count(OTHER_PORT);
    for (int i = 0; i < 700 && scripted_count(OPEN_PORT) == n; i++)
        world_run(w, 100, NULL, NULL);
    assert_true(scripted_count(OPEN_PORT) == n + 1 && scripted_count(OTHER_PORT) <= other + 1);
}

static void end_world(struct world *w)
{
    world_stop(w);
    world_close(w);
}

static void test_at_once(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    unsigned n = scripted_count(OPEN_PORT), other = scripted_count(OTHER_PORT);
    checker_hasten(w.checker, 0, "tier t");
    world_run(&w, 20, NULL, NULL);
    assert_int_equal(scripted_count(OPEN_PORT), n + 1);
    assert_int_equal(scripted_count(OTHER_PORT), other);
    assert_int_equal(world_state(&w, 0)->health, HEALTH_UP);
    end_world(&w);
}

/* However many say so, also of another endpoint with the same probe: one a second. */
static void test_at_most_one_a_second(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    unsigned n = scripted_count(OPEN_PORT);
    for (int i = 0; i < 500; i++) {
        checker_hasten(w.checker, i % 2 ? 2 : 0, "tier t");
        world_run(&w, 10, NULL, NULL);
    }
    assert_in_range(scripted_count(OPEN_PORT), n + 5, n + 6);
    /* The last word is heeded, and then no more come. */
    world_run(&w, 1000, NULL, NULL);
    n = scripted_count(OPEN_PORT);
    world_run(&w, 10000, NULL, NULL);
    assert_int_equal(scripted_count(OPEN_PORT), n);
    end_world(&w);
}

/* A second word within the second has one probe more, at its end. */
static void test_put_off(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    unsigned n = scripted_count(OPEN_PORT);
    checker_hasten(w.checker, 0, "tier t");
    world_run(&w, 100, NULL, NULL);
    checker_hasten(w.checker, 0, "tier t");
    checker_hasten(w.checker, 0, "tier t");
    world_run(&w, 800, NULL, NULL);
    assert_int_equal(scripted_count(OPEN_PORT), n + 1);
    world_run(&w, 300, NULL, NULL);
    assert_int_equal(scripted_count(OPEN_PORT), n + 2);
    /* Its interval goes on as before. */
    world_run(&w, 50000, NULL, NULL);
    assert_int_equal(scripted_count(OPEN_PORT), n + 2);
    world_run(&w, 60000, NULL, NULL);
    assert_int_equal(scripted_count(OPEN_PORT), n + 3);
    end_world(&w);
}

/* Words alone change nothing; failures that probes see do. */
static void test_probes_decide(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    for (int i = 0; i < 5; i++) {
        checker_hasten(w.checker, 0, "tier t");
        world_run(&w, 1000, NULL, NULL);
        assert_int_equal(world_state(&w, 0)->health, HEALTH_UP);
    }
    world_run(&w, 1000, NULL, NULL);
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    unsigned n = scripted_count(OPEN_PORT);
    checker_hasten(w.checker, 0, "tier t");
    world_run(&w, 900, NULL, NULL);
    assert_int_equal(world_state(&w, 0)->health, HEALTH_UP);
    assert_int_equal(scripted_count(OPEN_PORT), n + 1);
    /* It goes on of itself until it is down, and no longer. */
    world_run(&w, 1000, NULL, NULL);
    assert_int_equal(scripted_count(OPEN_PORT), n + 2);
    assert_true(world_wait_health(&w, 0, HEALTH_DOWN, 200));
    world_run(&w, 10000, NULL, NULL);
    assert_int_equal(scripted_count(OPEN_PORT), n + 3);
    assert_int_equal(world_state(&w, 1)->health, HEALTH_UP);
    assert_int_equal(world_state(&w, 2)->health, HEALTH_DOWN);
    end_world(&w);
}

/* One that fails once and is well again is asked no more. */
static void test_a_failure_that_does_not_last(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    unsigned n = scripted_count(OPEN_PORT);
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    checker_hasten(w.checker, 0, "tier t");
    world_run(&w, 20, NULL, NULL);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    world_run(&w, 10000, NULL, NULL);
    assert_int_equal(scripted_count(OPEN_PORT), n + 2);
    assert_int_equal(world_state(&w, 0)->health, HEALTH_UP);
    /* Without a word a failure waits for the interval. */
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    world_run(&w, 55000, NULL, NULL);
    assert_int_equal(scripted_count(OPEN_PORT), n + 3);
    assert_int_equal(world_state(&w, 0)->health, HEALTH_UP);
    end_world(&w);
}

/* A timeout takes longer than a second: what follows it is a second apart all the same. */
static void test_after_a_timeout(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    unsigned n = scripted_count(OPEN_PORT);
    scripted_set(OPEN_PORT, SCRIPTED_SILENT);
    checker_hasten(w.checker, 0, "tier t");
    world_run(&w, 3000, NULL, NULL);
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    world_run(&w, 1500, NULL, NULL);
    assert_int_equal(scripted_count(OPEN_PORT), n + 2);
    assert_true(world_wait_health(&w, 0, HEALTH_DOWN, 700));
    assert_int_equal(scripted_count(OPEN_PORT), n + 3);
    end_world(&w);
}

static unsigned count_words(const struct world *w)
{
    unsigned n = 0;
    for (size_t i = 0; i < w->events.n; i++)
        n += strcmp(w->events.v[i].reason, "tier t met a failure: it is probed now") == 0 &&
             strcmp(w->events.v[i].from, w->events.v[i].to) == 0;
    return n;
}

static void test_events(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    for (int i = 0; i < 39; i++) {
        checker_hasten(w.checker, 0, "tier t");
        world_run(&w, 1500, NULL, NULL);
    }
    assert_int_equal(count_words(&w), 1);
    world_run(&w, 2000, NULL, NULL);
    checker_hasten(w.checker, 0, "tier t");
    checker_hasten(w.checker, 3, "tier t"); /* that nothing is done for */
    world_run(&w, 20, NULL, NULL);
    assert_int_equal(count_words(&w), 2);
    end_world(&w);
}

/* One in flight never runs twice; the next comes a second after the word. */
static void test_in_flight(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    scripted_set(OPEN_PORT, SCRIPTED_SILENT);
    unsigned n = scripted_count(OPEN_PORT);
    checker_hasten(w.checker, 0, "tier t");
    world_run(&w, 20, NULL, NULL);
    assert_int_equal(scripted_count(OPEN_PORT), n + 1);
    for (int i = 0; i < 30; i++) {
        checker_hasten(w.checker, 0, "tier t");
        world_run(&w, 100, NULL, NULL);
        assert_int_equal(checker_summary(w.checker).n_in_flight, 1);
    }
    assert_int_equal(scripted_count(OPEN_PORT), n + 1);
    end_world(&w);
}

static void test_at_the_end_of_one_in_flight(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    scripted_set(OPEN_PORT, SCRIPTED_SILENT);
    unsigned n = scripted_count(OPEN_PORT);
    checker_hasten(w.checker, 0, "tier t");
    world_run(&w, 3700, NULL, NULL);
    checker_hasten(w.checker, 0, "tier t"); /* its timeout is near */
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    world_run(&w, 900, NULL, NULL);
    assert_int_equal(scripted_count(OPEN_PORT), n + 1);
    world_run(&w, 200, NULL, NULL);
    assert_int_equal(scripted_count(OPEN_PORT), n + 2);
    end_world(&w);
}

static void test_others(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    unsigned n = scripted_count(OPEN_PORT);
    checker_hasten(w.checker, 3, "tier t"); /* without a check */
    checker_hasten(w.checker, 4, "tier t"); /* none of the model */
    checker_hasten(w.checker, UINT32_MAX, "tier t");
    world_run(&w, 2000, NULL, NULL);
    assert_int_equal(scripted_count(OPEN_PORT), n);
    end_world(&w);
}

/* A reload does not let it run sooner again. */
static void test_over_a_reload(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    checker_hasten(w.checker, 0, "tier t");
    world_run(&w, 20, NULL, NULL);
    unsigned n = scripted_count(OPEN_PORT);
    world_reload(&w, NULL, CONFIG "# again\n", OPEN_PORT, OTHER_PORT, OPEN_PORT);
    checker_hasten(w.checker, 0, "tier t");
    world_run(&w, 20, NULL, NULL);
    assert_int_equal(scripted_count(OPEN_PORT), n);
    world_run(&w, 1000, NULL, NULL);
    assert_int_equal(scripted_count(OPEN_PORT), n + 1);
    end_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_at_most_one_a_second),
        cmocka_unit_test(test_put_off),
        cmocka_unit_test(test_probes_decide),
        cmocka_unit_test(test_in_flight),
        cmocka_unit_test(test_a_failure_that_does_not_last),
        cmocka_unit_test(test_after_a_timeout),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_at_the_end_of_one_in_flight),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_over_a_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
