/* SPDX-License-Identifier: Apache-2.0
 * What the engine of a prefix set does, and in which order. */
#include "tests/unit/anycast/set_engine_world.h"

static void test_announces_after_the_hold(void **state)
{
    (void)state;
    give(engine, &now, ALL_WELL);
    assert_int_equal(world.view->state, ANNOUNCER_HOLDING);
    pass(9999);
    assert_diary("");
    pass(1);
    assert_diary("up tell:1");
    assert_int_equal(world.view->state, ANNOUNCER_ANNOUNCED);
    pass(1000);
    assert_diary("");
}

static void test_withdraws_at_once_when_self_is_dead(void **state)
{
    (void)state;
    announce();
    world.self.ok = false;
    world.self_changed(world.self_ctx);
    assert_diary("down tell:0");
    assert_int_equal(world.view->state, ANNOUNCER_DOWN);
    assert_false(world.view->inputs[0].ok);
    assert_string_equal(world.view->inputs[0].reason, "no answer");
}

static void test_waits_for_fall_when_pools_fail(void **state)
{
    (void)state;
    announce();
    give(engine, &now, (struct set_inputs){.known = true});
    assert_diary("");
    pass(1999);
    assert_diary("");
    pass(1);
    assert_diary("down tell:0");
}

static void test_is_told_anew_when_attributes_change(void **state)
{
    struct announcement a;
    (void)state;
    announce();
    give(engine, &now, (struct set_inputs){.known = true, .when_ok = true});
    pass(2000);
    assert_diary("tell:1");
    set_engine_announcement(engine, &a);
    assert_int_equal(a.attributes.prepend, 2);
    assert_int_equal(world.view->attributes.prepend, 2);
    assert_int_equal(world.view->state, ANNOUNCER_DEGRADED);
    pass(100);
    assert_diary("");
}

static void test_what_is_not_announced_has_the_attributes_it_would_have(void **state)
{
    struct announcement a;
    struct community community = {1, 2};
    (void)state;
    now.configs[0].communities = &community;
    now.configs[0].n_communities = 1;
    announce();
    set_engine_withdraw(engine);
    assert_diary("down tell:0");
    set_engine_announcement(engine, &a);
    assert_false(a.announced);
    assert_int_equal(a.attributes.n_communities, 1);
}

/* ---- hooks ---- */

static void test_the_speaker_has_attributes_before_the_carrier_is_up(void **state)
{
    struct announcement a;
    struct community community = {1, 2};
    (void)state;
    now.configs[0].communities = &community;
    now.configs[0].n_communities = 1;
    struct set_engine *other = set_engine_open(&host, now.set, &now.specs[0], line);
    set_engine_announcement(other, &a);
    assert_false(a.announced);
    assert_int_equal(a.attributes.n_communities, 1);
    set_engine_close(other, false);
    world.diary.n = 0;
    give(engine, &now, (struct set_inputs){.known = true});
    assert_int_equal(world.view->state, ANNOUNCER_DOWN);
    assert_diary(""); /* a pool that flaps changes nothing at the speaker */
    give(engine, &now, (struct set_inputs){.known = true, .when_ok = true});
    assert_int_equal(world.view->state, ANNOUNCER_HOLDING);
    assert_diary("tell:0");
    set_engine_announcement(engine, &a);
    assert_false(a.announced);
    assert_int_equal(a.attributes.prepend, 2);
    give(engine, &now, ALL_WELL);
    assert_diary("tell:0");
    set_engine_announcement(engine, &a);
    assert_int_equal(a.attributes.prepend, 0);
    give(engine, &now, (struct set_inputs){.known = true, .when_ok = true, .frozen = true});
    set_engine_announcement(engine, &a);
    assert_int_equal(a.attributes.prepend, 0);
}

static void test_hook_comes_before_and_after(void **state)
{
    (void)state;
    now.configs[0].on_announce = (struct anycast_hook){.command = argv};
    now.configs[0].on_withdraw = (struct anycast_hook){.command = argv};
    give(engine, &now, ALL_WELL);
    pass(10000);
    assert_diary("on_announce");
    end_hook("");
    assert_diary("up tell:1");
    set_engine_told(engine);
    world.self.ok = false;
    set_engine_look(engine);
    assert_diary("down tell:0 on_withdraw");
    set_engine_told(engine);
    assert_false(set_engine_is_quiet(engine));
    end_hook("");
    assert_true(set_engine_is_quiet(engine));
    assert_diary("");
}

static void test_required_hook_stops_the_change_and_is_tried_again(void **state)
{
    (void)state;
    now.configs[0].on_announce = (struct anycast_hook){.command = argv, .required = true};
    give(engine, &now, ALL_WELL);
    pass(10000);
    end_hook("exited with 1: no");
    assert_diary("on_announce");
    assert_int_equal(world.view->state, ANNOUNCER_HOLDING);
    assert_string_equal(world.view->problem, "on_announce exited with 1: no");
    assert_true(uv_is_active((uv_handle_t *)&engine->timer));
    assert_in_range(uv_timer_get_due_in(&engine->timer), 700, 1100);
    pass(500); /* sooner than the least wait */
    assert_true(engine->hook_failed);
    pass(1000);
    assert_false(engine->hook_failed);
    assert_diary("");
    pass(20000);
    assert_diary("on_announce");
    end_hook("");
    assert_diary("up tell:1");
    assert_string_equal(world.view->problem, "");
}

static void test_other_hook_is_reported_only(void **state)
{
    (void)state;
    now.configs[0].on_announce = (struct anycast_hook){.command = argv};
    give(engine, &now, ALL_WELL);
    pass(10000);
    end_hook("took longer than 5 s, and was killed");
    assert_diary("on_announce up tell:1");
    assert_string_equal(world.view->problem, "on_announce took longer than 5 s, and was killed");
}

static void test_hook_that_runs_ends_with_its_cause(void **state)
{
    (void)state;
    now.configs[0].on_announce = (struct anycast_hook){.command = argv};
    now.configs[0].on_withdraw = (struct anycast_hook){.command = argv};
    give(engine, &now, ALL_WELL);
    pass(10000);
    world.self.ok = false;
    set_engine_look(engine);
    assert_diary("on_announce cancel on_withdraw");
    world.self.ok = true;
    pass(10000);
    pass(10000);
    assert_int_equal(world.view->state, ANNOUNCER_ANNOUNCED);
    assert_diary(""); /* one at a time */
    end_hook("");
    assert_diary("on_announce");
    end_hook("");
    assert_diary("up tell:1");
}

static void test_adopts_without_a_hook(void **state)
{
    (void)state;
    set_engine_close(engine, false);
    world.diary.n = 0;
    now.configs[0].on_announce = (struct anycast_hook){.command = argv, .required = true};
    world.real = REAL_PRESENT;
    world.self.known = false;
    engine = set_engine_open(&host, now.set, &now.specs[0], line);
    set_engine_look(engine);
    assert_diary("hold up tell:1");
    assert_int_equal(world.view->state, ANNOUNCER_ANNOUNCED);
}

/* ---- self ---- */

static void test_self_is_not_asked_before_the_server_answers(void **state)
{
    (void)state;
    set_engine_close(engine, false);
    world.n_started = 0;
    engine = set_engine_open(&host, now.set, &now.specs[0], line);
    give(engine, &now, ALL_WELL);
    assert_false(world.view->inputs[0].known);
    assert_int_equal(world.n_started, 0);
    set_engine_serving(engine);
    assert_int_equal(world.n_started, 1);
    assert_true(world.view->inputs[0].known);
}

static void test_a_checker_without_life_is_a_dead_self(void **state)
{
    (void)state;
    announce();
    set_engine_stalled(engine, true);
    assert_diary("down tell:0");
    assert_string_equal(world.view->inputs[0].reason, "the checker gives no sign of life");
    set_engine_stalled(engine, false);
    assert_true(world.view->inputs[0].ok);
}

static void test_without_its_addresses_nothing_is_announced(void **state)
{
    (void)state;
    world.held = false;
    give(engine, &now, ALL_WELL);
    assert_false(world.view->inputs[0].known); /* on their way */
    world.hold_error = "ls-dns is there, and not ours";
    set_engine_look(engine);
    assert_true(world.view->inputs[0].known);
    assert_false(world.view->inputs[0].ok);
    assert_int_equal(world.view->state, ANNOUNCER_DOWN);
    assert_string_equal(world.view->problem, "hold: ls-dns is there, and not ours");
    assert_true(set_engine_is_held(engine)); /* as far as it goes */
}

static void test_self_off_needs_nobody(void **state)
{
    (void)state;
    set_engine_close(engine, false);
    now.configs[0].self.off = true;
    engine = set_engine_open(&host, now.set, &now.specs[0], line);
    assert_int_equal(world.n_probes, 0);
    give(engine, &now, ALL_WELL);
    assert_true(world.view->inputs[0].known);
    assert_true(world.view->inputs[0].ok);
}

/* ---- orders and views ---- */

static void test_view_has_all_there_is(void **state)
{
    (void)state;
    struct set_inputs inputs = ALL_WELL;
    inputs.order = ANNOUNCE_DRAIN;
    snprintf(inputs.order_id, sizeof inputs.order_id, "@7");
    announce();
    world.status = (struct speaker_status){.text = "no answer"};
    give(engine, &now, inputs);
    const struct anycast_view *v = world.view;
    assert_int_equal(v->state, ANNOUNCER_DRAINING);
    assert_int_equal(v->order, ANNOUNCE_DRAIN);
    assert_int_equal(v->n_inputs, 4);
    assert_string_equal(v->inputs[0].name, "self");
    assert_string_equal(v->inputs[1].name, "pool www");
    assert_false(v->inputs[1].is_full);
    assert_true(v->inputs[2].is_full);
    assert_string_equal(v->inputs[2].reason, "70 % of the weight is up");
    assert_string_equal(v->inputs[3].name, "order @7");
    assert_string_equal(v->inputs[3].reason, "drain");
    assert_int_equal(v->n_timers, 1);
    assert_int_equal(v->timers[0].timer, ANNOUNCER_TIMER_DRAIN);
    assert_int_equal(v->timers[0].until_ms, WALL_MS + world.now_ms + 30000);
    assert_int_equal(v->since_ms, WALL_MS + world.now_ms);
    assert_string_equal(v->problem, "speaker local: no answer");
    assert_int_equal(v->real, REAL_PRESENT);
    assert_int_equal(v->attributes.n_communities, 1);
    assert_int_equal(v->attributes.communities[0].high, GRACEFUL_SHUTDOWN_HIGH);
}

static void test_view_tells_prefixes_apart(void **state)
{
    (void)state;
    announce();
    world.real = REAL_PRESENT;
    *vec_push(&world.seen.routes) =
        (struct seen_route){.prefix = prefixes[1], .real = REAL_PRESENT, .differs = true};
    *vec_push(&world.seen.routes) = (struct seen_route){.prefix = prefixes[0], .real = REAL_ABSENT};
    set_engine_look(engine);
    assert_int_equal(world.view->prefixes[0].real, REAL_ABSENT);
    assert_int_equal(world.view->prefixes[1].real, REAL_PRESENT);
    assert_true(world.view->prefixes[1].differs);
    assert_false(world.view->prefixes[0].differs);
    assert_int_equal(world.view->real, REAL_ABSENT); /* as one is missing */
    world.seen.routes.n = 1;                         /* what is not listed is not there */
    set_engine_look(engine);
    assert_int_equal(world.view->prefixes[0].real, REAL_ABSENT);
    set_engine_withdraw(engine);
    assert_int_equal(world.view->real, REAL_PRESENT); /* as one is left */
    vec_free(&world.seen.routes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_announces_after_the_hold),
        TEST(test_withdraws_at_once_when_self_is_dead),
        TEST(test_waits_for_fall_when_pools_fail),
        TEST(test_is_told_anew_when_attributes_change),
        TEST(test_what_is_not_announced_has_the_attributes_it_would_have),
        TEST(test_the_speaker_has_attributes_before_the_carrier_is_up),
        TEST(test_hook_comes_before_and_after),
        TEST(test_required_hook_stops_the_change_and_is_tried_again),
        TEST(test_other_hook_is_reported_only),
        TEST(test_hook_that_runs_ends_with_its_cause),
        TEST(test_adopts_without_a_hook),
        TEST(test_self_is_not_asked_before_the_server_answers),
        TEST(test_a_checker_without_life_is_a_dead_self),
        TEST(test_without_its_addresses_nothing_is_announced),
        TEST(test_self_off_needs_nobody),
        TEST(test_view_has_all_there_is),
        TEST(test_view_tells_prefixes_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
