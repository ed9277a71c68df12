/* SPDX-License-Identifier: Apache-2.0
 * The thread that announces: sets that come, stay, leave and are renamed, by what their speaker was
 * told; draining and the end. */
#include "tests/unit/anycast/anycast_thread_world.h"

static bool was_told(const char *text)
{
    pthread_mutex_lock(&lock);
    bool was = false;
    for (uint32_t i = 0; i < n_told; i++)
        was |= strcmp(told[i], text) == 0;
    pthread_mutex_unlock(&lock);
    return was;
}

/** From the first time that it had it on, the speaker was wanted to have the prefix. */
static void assert_never_without(const char *prefix)
{
    bool had = false;
    static char all[TOLD_MAX][64];
    pthread_mutex_lock(&lock);
    const uint32_t n = n_told;
    memcpy(all, told, sizeof all);
    pthread_mutex_unlock(&lock);
    for (uint32_t i = 0; i < n; i++) {
        bool with = strstr(all[i], prefix) != NULL;
        if (had && !with)
            fail_msg("'%s' is followed by '%s'", all[i - 1], all[i]);
        had |= with;
    }
    assert_true(had);
}

static void test_sets_come_and_leave(void **state)
{
    (void)state;
    put_in_force("dns:53,54 web:55", quick);
    RUN_UNTIL(strcmp(last_told(), "53 54 55") == 0);
    RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED && states[1] == ANNOUNCER_ANNOUNCED);
    put_in_force("web:55", quick);
    RUN_UNTIL(strcmp(last_told(), "55") == 0);
    assert_true(was_told("55 53g 54g")); /* what leaves drains, and comes last */
    assert_never_without("55");
}

static void test_what_stays_is_not_touched(void **state)
{
    (void)state;
    put_in_force("dns:53", quick);
    RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED);
    for (int i = 0; i < 5; i++) {
        put_in_force("web:55 dns:53", slow);
        RUN_UNTIL(states[0] == ANNOUNCER_HOLDING && states[1] == ANNOUNCER_ANNOUNCED);
        put_in_force("dns:53", slow);
        RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED);
    }
    assert_never_without("53");
    assert_string_equal(last_told(), "53");
    assert_true(n_told <= 2); /* nothing, and that */
}

static void test_a_renamed_set_goes_on(void **state)
{
    (void)state;
    put_in_force("dns:53,54", quick);
    RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED);
    put_in_force("name:53,54", slow); /* it would not be announced for an hour by itself */
    RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED);
    put_in_force("name:54 other:53", slow);
    RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED && states[1] == ANNOUNCER_ANNOUNCED);
    assert_never_without("53"); /* what is there is adopted */
    assert_never_without("54");
}

static void test_one_becomes_two_and_two_become_one(void **state)
{
    (void)state;
    put_in_force("dns:53,54", quick);
    RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED);
    put_in_force("a:53 b:54", slow);
    RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED && states[1] == ANNOUNCER_ANNOUNCED);
    put_in_force("c:53,54", slow);
    RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED);
    put_in_force("d:53", slow);
    RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED && strcmp(last_told(), "53") == 0);
    assert_true(was_told("53 54g")); /* what nobody takes over drains */
    assert_never_without("53");
}

static void test_an_heir_waits_for_its_addresses(void **state)
{
    (void)state;
    put_in_force("ls-a:53,54", quick);
    RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED && is_there("53 54"));
    put_in_force("ls-b:53,54", slow);
    RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED);
    put_in_force("ls-a:53 web:54", slow); /* one has its addresses sooner than the other */
    RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED && states[1] == ANNOUNCER_ANNOUNCED);
    put_in_force("ls-b:53,54", slow);
    put_in_force("ls-c:53 ls-d:54", slow); /* and is renamed before it has them */
    put_in_force("ls-e:53,54", slow);
    RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED);
    RUN_UNTIL(is_there("53 54"));
    assert_never_without("53");
    assert_never_without("54");
    for (uint32_t i = 0; i < n_told; i++)
        assert_null(strchr(told[i], 'g')); /* nothing drained */
}

#define NAMES 3 /* sets of them, before they come again */

/** The four prefixes over some sets, half of which are held by TUNs. */
static void partition(char out[128], struct rng *rng, int step)
{
    char name[32];
    uint32_t n = 1 + rng_below(rng, 4), of[4];
    for (uint32_t i = 0; i < 4; i++)
        of[i] = rng_below(rng, n);
    out[0] = '\0';
    for (uint32_t k = 0; k < n; k++) {
        bool some = false;
        snprintf(name, sizeof name, "%s%u-%d", rng_below(rng, 2) ? "ls-" : "", k, step % NAMES);
        for (uint32_t i = 0; i < 4; i++) {
            size_t at = strlen(out);
            if (of[i] == k)
                snprintf(out + at, 128 - at, "%s%s%s%u", some || !at ? "" : " ", some ? "," : name,
                         some ? "" : ":", 53 + i);
            some |= of[i] == k;
        }
    }
}

static void test_what_is_configured_throughout_is_announced_throughout(void **state)
{
    char text[128];
    struct rng rng;
    (void)state;
    rng_init(&rng);
    print_message("seed %llu\n", (unsigned long long)rng.state);
    put_in_force("ls-a:53,54,55,56", quick);
    RUN_UNTIL(is_there("53 54 55 56"));
    for (int i = 0; i < 150; i++) {
        partition(text, &rng, i);
        put_in_force(text, slow);
        for (uint32_t k = rng_below(&rng, 3) ? rng_below(&rng, 4) : rng_below(&rng, 100); k > 0;
             k--)
            uv_run(&loop, UV_RUN_ONCE);
    }
    for (uint32_t i = 0; i < in_force->n_sets; i++)
        RUN_UNTIL(states[i] == ANNOUNCER_ANNOUNCED);
    assert_never_without("53");
    assert_never_without("54");
    assert_never_without("55");
    assert_never_without("56");
    for (uint32_t i = 0; i < n_told; i++)
        assert_null(strchr(told[i], 'g')); /* nothing drained */
}

static void test_one_that_comes_back_needs_no_heir(void **state)
{
    (void)state;
    put_in_force("ls-a:53", quick);
    RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED && is_there("53"));
    put_in_force("ls-b:53", quick);
    put_in_force("ls-a:53", quick);
    RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED);
    put_in_force("ls-a:53 web:55", quick);
    RUN_UNTIL(is_there("53 55"));
    assert_never_without("53");
}

static void test_what_a_run_before_left_is_adopted(void **state)
{
    (void)state;
    leftover = "53";
    put_in_force("dns:53 web:55", slow);
    RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED && states[1] == ANNOUNCER_HOLDING);
    RUN_UNTIL(strcmp(last_told(), "53") == 0);
}

static void test_a_drain_ends_when_nothing_is_left(void **state)
{
    (void)state;
    put_in_force("dns:53 web:55", quick);
    RUN_UNTIL(strcmp(last_told(), "53 55") == 0);
    anycast_thread_drain(thread, false);
    RUN_UNTIL(drained);
    assert_true(was_told("53g 55g"));
    assert_string_equal(last_told(), "");
    put_in_force("dns:53 web:55", quick); /* too late */
    for (int i = 0; i < 20; i++)
        uv_run(&loop, UV_RUN_ONCE);
    assert_string_equal(last_told(), "");
}

static void test_an_immediate_drain_announces_nothing_more(void **state)
{
    (void)state;
    put_in_force("dns:53", at_once);
    RUN_UNTIL(strcmp(last_told(), "53") == 0);
    anycast_thread_drain(thread, false);
    RUN_UNTIL(drained);
    assert_false(was_told("53g"));
    assert_string_equal(last_told(), "");
}

static void test_what_is_kept_is_not_withdrawn(void **state)
{
    (void)state;
    put_in_force("dns:53", quick);
    RUN_UNTIL(strcmp(last_told(), "53") == 0);
    anycast_thread_drain(thread, true);
    RUN_UNTIL(drained);
    anycast_thread_stop(thread);
    RUN_UNTIL(stopped);
    assert_string_equal(last_told(), "53");
}

static void test_stop_withdraws_at_once(void **state)
{
    (void)state;
    put_in_force("dns:53", (struct announcer_config){20, 20, 3600000, true});
    RUN_UNTIL(strcmp(last_told(), "53") == 0);
    anycast_thread_drain(thread, false);
    RUN_UNTIL(strcmp(last_told(), "53g") == 0);
    assert_false(drained);
    anycast_thread_stop(thread);
    RUN_UNTIL(stopped);
    assert_string_equal(last_told(), "");
    assert_true(guard_was_told_bye);
}

static void test_a_dead_speaker_does_not_hold_up_the_end(void **state)
{
    (void)state;
    put_in_force("dns:53", quick);
    RUN_UNTIL(is_there("53"));
    pthread_mutex_lock(&lock);
    is_dead = true;
    pthread_mutex_unlock(&lock);
    const int64_t began_ms = clock_mono_ms();
    anycast_thread_stop(thread);
    RUN_UNTIL(stopped);
    assert_true(clock_mono_ms() - began_ms >= ANYCAST_STOP_MS);
    assert_string_equal(last_told(), "");
    assert_false(guard_was_told_bye); /* which withdraws in our place */
}

/* Those that withdraw at once are not waited for. */
static void test_a_dead_speaker_does_not_hold_up_a_drain(void **state)
{
    (void)state;
    put_in_force("dns:53 long-web:54 api:55 now-x:56", quick);
    RUN_UNTIL(is_there("53 54 55 56"));
    pthread_mutex_lock(&lock);
    is_dead = true;
    pthread_mutex_unlock(&lock);
    const int64_t began_ms = clock_mono_ms();
    anycast_thread_drain(thread, false);
    RUN_UNTIL(drained);
    assert_true(clock_mono_ms() - began_ms >= 1500 + ANYCAST_DRAIN_EXTRA_MS);
    assert_string_equal(last_told(), "");
    assert_true(is_there("53 54 55 56"));
}

static void test_views_that_say_the_same_are_one(void **state)
{
    struct set_inputs last = ALL_WELL;
    (void)state;
    put_in_force("dns:53 web:55", quick);
    RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED && states[1] == ANNOUNCER_ANNOUNCED);
    last.frozen = true;
    for (int i = 0; i < 200; i++)
        give(ALL_WELL);
    give(last); /* the latest of them */
    RUN_UNTIL(frozen[0] && frozen[1]);
    assert_int_equal(n_drains, 0);
}

static void test_what_is_over_soon_is_told_as_well(void **state)
{
    struct set_inputs withdrawn = ALL_WELL, last = ALL_WELL;
    (void)state;
    put_in_force("dns:53", quick);
    RUN_UNTIL(states[0] == ANNOUNCER_ANNOUNCED);
    withdrawn.order = ANNOUNCE_DRAIN;
    last.frozen = true;
    give(ALL_WELL);
    give(withdrawn);
    give(last);
    RUN_UNTIL(frozen[0] && states[0] != ANNOUNCER_DRAINING);
    assert_true(n_drains > 0);
}

static void test_a_checker_without_life_withdraws(void **state)
{
    (void)state;
    put_in_force("dns:53", quick);
    anycast_thread_heartbeat(thread);
    RUN_UNTIL(strcmp(last_told(), "53") == 0);
    RUN_UNTIL(strcmp(last_told(), "") == 0); /* no heartbeat any more */
    assert_false(was_told("53g"));
    RUN_UNTIL(states[0] == ANNOUNCER_DOWN);
    anycast_thread_heartbeat(thread);
    RUN_UNTIL(states[0] != ANNOUNCER_DOWN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_sets_come_and_leave),
        TEST(test_what_stays_is_not_touched),
        TEST(test_a_renamed_set_goes_on),
        TEST(test_one_becomes_two_and_two_become_one),
        TEST(test_an_heir_waits_for_its_addresses),
        TEST(test_what_is_configured_throughout_is_announced_throughout),
        TEST(test_one_that_comes_back_needs_no_heir),
        TEST(test_what_a_run_before_left_is_adopted),
        TEST(test_a_drain_ends_when_nothing_is_left),
        TEST(test_an_immediate_drain_announces_nothing_more),
        TEST(test_what_is_kept_is_not_withdrawn),
        TEST(test_stop_withdraws_at_once),
        TEST(test_a_dead_speaker_does_not_hold_up_the_end),
        TEST(test_a_dead_speaker_does_not_hold_up_a_drain),
        TEST(test_views_that_say_the_same_are_one),
        TEST(test_what_is_over_soon_is_told_as_well),
        TEST(test_a_checker_without_life_withdraws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
