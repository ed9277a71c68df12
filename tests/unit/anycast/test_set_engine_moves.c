/* SPDX-License-Identifier: Apache-2.0
 * Sets that leave, come back, are specified anew, or go on for another one. */
#include "tests/unit/anycast/set_engine_world.h"

static void test_one_that_leaves_drains_first(void **state)
{
    (void)state;
    announce();
    set_engine_leave(engine);
    assert_diary("tell:1");
    set_engine_told(engine);
    pass(29999);
    assert_diary("");
    assert_int_equal(world.n_ended, 0);
    world.settled = false;
    pass(1);
    assert_diary("down tell:0");
    assert_int_equal(world.n_ended, 0); /* the line does not know yet */
    set_engine_told(engine);
    assert_int_equal(world.n_ended, 0); /* the speaker has it yet */
    world.settled = true;
    set_engine_look(engine);
    assert_int_equal(world.n_ended, 1);
    set_engine_look(engine);
    assert_int_equal(world.n_ended, 1);
}

static void test_a_dead_speaker_is_not_waited_for(void **state)
{
    (void)state;
    announce();
    world.settled = false;
    set_engine_leave(engine);
    set_engine_told(engine);
    pass(30000);
    set_engine_told(engine);
    pass(SET_ENGINE_SETTLE_MS - 1);
    assert_int_equal(world.n_ended, 0);
    pass(1);
    assert_int_equal(world.n_ended, 1);
}

static void test_one_that_leaves_is_not_seen_by_others(void **state)
{
    (void)state;
    announce();
    uint32_t before = world.n_views;
    set_engine_leave(engine);
    pass(30000);
    assert_int_equal(world.n_views, before);
}

static void test_one_that_comes_back_stays(void **state)
{
    (void)state;
    announce();
    set_engine_leave(engine);
    set_engine_told(engine);
    struct small_set next = small_set(1);
    set_engine_respecify(engine, next.set, &next.specs[0]);
    give(engine, &next, ALL_WELL);
    assert_int_equal(world.view->state, ANNOUNCER_ANNOUNCED);
    assert_ptr_equal(world.view->set, next.set);
    pass(60000);
    assert_int_equal(world.n_ended, 0);
    assert_false(set_engine_is_leaving(engine));
    anycast_set_release(next.set);
}

static void test_drains_and_withdraws_for_good(void **state)
{
    struct announcement a;
    (void)state;
    announce();
    set_engine_drain(engine);
    assert_diary("tell:1");
    set_engine_announcement(engine, &a);
    assert_int_equal(a.attributes.n_communities, 1);
    assert_false(set_engine_is_quiet(engine));
    set_engine_withdraw(engine);
    assert_diary("down tell:0");
    assert_int_equal(world.view->state, ANNOUNCER_DOWN);
    assert_false(set_engine_is_quiet(engine));
    set_engine_told(engine);
    assert_true(set_engine_is_quiet(engine));
    pass(1000);
    assert_diary("");
}

static void test_reload_withdraws_nothing(void **state)
{
    struct announcement a;
    (void)state;
    announce();
    struct small_set next = small_set(2);
    next.configs[0].degraded.prepend = 3;
    set_engine_respecify(engine, next.set, &next.specs[0]);
    assert_diary("rehold tell:1");
    assert_int_equal(world.n_probes, 1);
    set_engine_look(engine); /* before its conditions are known */
    assert_int_equal(world.view->n_inputs, 3);
    assert_false(world.view->inputs[1].known);
    assert_string_equal(world.view->inputs[1].reason, "not worked out yet");
    pass(2500);
    assert_diary("");
    give(engine, &now, (struct set_inputs){.known = true}); /* of the set before: too late */
    pass(2500);
    assert_diary("");
    give(engine, &next, (struct set_inputs){.known = true, .when_ok = true});
    pass(2000);
    assert_diary("tell:1");
    set_engine_announcement(engine, &a);
    assert_int_equal(a.attributes.prepend, 3);
    anycast_set_release(next.set);
}

static void test_reload_asks_self_anew_where_it_differs(void **state)
{
    (void)state;
    uint32_t n_started = world.n_started;
    struct small_set next = small_set(2);
    next.configs[0].self.port = 5353;
    set_engine_respecify(engine, next.set, &next.specs[0]);
    assert_int_equal(world.n_probes, 1);
    assert_int_equal(world.n_started, n_started + 1);
    anycast_set_release(next.set);
}

/* ---- one for another ---- */

static void test_goes_on_for_another(void **state)
{
    struct announcement a, b;
    (void)state;
    announce();
    struct set_engine *heir = set_engine_open(&host, now.set, &now.specs[1], line);
    assert_true(set_engine_shares(engine, &now.specs[1]));
    world.diary.n = 0;
    set_engine_inherit(heir, engine);
    assert_diary("up tell:1 tell:1");
    set_engine_announcement(heir, &a);
    set_engine_announcement(engine, &b);
    assert_true(a.announced);
    assert_true(b.announced); /* of the prefix that is left to it */
    assert_int_equal(b.spec->config->n_prefixes, 1);
    assert_memory_equal(&b.spec->config->prefixes[0], &prefixes[0], sizeof prefixes[0]);
    assert_false(set_engine_shares(engine, &now.specs[1]));
    set_engine_look(heir);
    assert_int_equal(world.view->state, ANNOUNCER_ANNOUNCED);
    set_engine_leave(engine);
    set_engine_told(engine);
    pass(30000);
    assert_diary("tell:1 down tell:0");
    set_engine_close(heir, true);
    assert_diary("keep");
}

static void test_one_that_has_given_up_all_ends_without_a_word(void **state)
{
    struct announcement a;
    (void)state;
    now.configs[0].on_withdraw = (struct anycast_hook){.command = argv};
    now.configs[1].prefixes = prefixes;
    announce();
    struct set_engine *heir = set_engine_open(&host, now.set, &now.specs[1], line);
    set_engine_inherit(heir, engine);
    set_engine_told(heir);
    assert_diary(
        "hold up tell:1 tell:0"); /* its carrier is up until the speaker goes by the other's */
    set_engine_announcement(engine, &a);
    assert_int_equal(a.spec->config->n_prefixes, 0);
    set_engine_leave(engine);
    assert_int_equal(world.n_ended, 0);
    world.settled = false;
    set_engine_told(engine);
    assert_int_equal(world.n_ended, 0);
    world.settled = true;
    set_engine_look(engine);
    assert_int_equal(world.n_ended, 1);
    assert_diary("");
    set_engine_announcement(heir, &a);
    assert_true(a.announced);
    set_engine_close(heir, false);
}

static void test_who_waits_for_another_adopts_nothing(void **state)
{
    struct announcement a;
    (void)state;
    announce();
    give(engine, &now, (struct set_inputs){.known = true, .when_ok = true});
    pass(2000);
    struct set_engine *heir = set_engine_open(&host, now.set, &now.specs[1], line);
    set_engine_await(heir);
    set_engine_serving(heir);
    set_engine_look(heir); /* the speaker has its prefixes */
    set_engine_announcement(heir, &a);
    assert_false(a.announced);
    set_engine_inherit(heir, engine);
    set_engine_announcement(heir, &a);
    assert_true(a.announced);
    assert_int_equal(a.attributes.prepend, 2); /* degraded, as the other one was */
    set_engine_close(heir, false);
}

static void test_what_was_withdrawn_counts_for_the_heir(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        give(engine, &now, ALL_WELL);
        pass(60000);
        set_engine_told(engine);
        world.real = REAL_PRESENT;
        set_engine_look(engine);
        assert_int_equal(world.view->state, ANNOUNCER_ANNOUNCED);
        give(engine, &now, (struct set_inputs){.known = true, .full_ok = true});
        pass(2000);
        world.real = REAL_ABSENT;
        set_engine_told(engine);
    }
    struct set_engine *heir = set_engine_open(&host, now.set, &now.specs[1], line);
    set_engine_await(heir);
    set_engine_inherit(heir, engine);
    set_engine_serving(heir);
    give(heir, &now, ALL_WELL);
    pass(now.specs[1].timing.rise_ms);
    set_engine_look(heir);
    assert_int_equal(world.view->state, ANNOUNCER_HOLDING);
    set_engine_close(heir, false);
}

static void test_of_one_that_is_down_nothing_is_inherited(void **state)
{
    struct announcement a;
    (void)state;
    struct set_engine *heir = set_engine_open(&host, now.set, &now.specs[1], line);
    set_engine_inherit(heir, engine);
    set_engine_announcement(heir, &a);
    assert_false(a.announced);
    assert_diary("hold tell:0");
    set_engine_close(heir, false);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_one_that_leaves_drains_first),
        TEST(test_a_dead_speaker_is_not_waited_for),
        TEST(test_one_that_leaves_is_not_seen_by_others),
        TEST(test_one_that_comes_back_stays),
        TEST(test_drains_and_withdraws_for_good),
        TEST(test_reload_withdraws_nothing),
        TEST(test_reload_asks_self_anew_where_it_differs),
        TEST(test_goes_on_for_another),
        TEST(test_one_that_has_given_up_all_ends_without_a_word),
        TEST(test_who_waits_for_another_adopts_nothing),
        TEST(test_what_was_withdrawn_counts_for_the_heir),
        TEST(test_of_one_that_is_down_nothing_is_inherited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
