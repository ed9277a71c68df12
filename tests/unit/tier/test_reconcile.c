/* SPDX-License-Identifier: Apache-2.0
 * What is done in a tier, cycle by cycle: members made, set, drained, kept while nothing is known.
 */
#include "tier/reconcile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/tier/kept.h"

/* ---- made, and then set ---- */

static void test_made_at_weight_zero(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    k.tier.states[1].health = HEALTH_DOWN;
    assert_string_equal(keeper_cycle(&k),
                        "+ made; + a 10.0.0.1:80 ready 0; + b 10.0.0.2:80 ready 0");
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 ready 0 -> ready 100");
    assert_string_equal(keeper_cycle(&k), "");
    assert_in_tier(1, SERVES_READY, 100);
    assert_true(k.fake.object_recorded && k.fake.n_records == 2);
}

static void test_a_document_in_one_step(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_FILE, 2);
    k.tier.states[1].health = HEALTH_DOWN;
    assert_string_equal(keeper_cycle(&k),
                        "+ made; + a 10.0.0.1:80 ready 100; + b 10.0.0.2:80 down");
    assert_string_equal(keeper_cycle(&k), "");
    assert_int_equal(k.fake.n_written, 1);
}

static void test_states_follow(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_PROXY, 2);
    keeper_settle(&k);
    k.tier.states[0].health = HEALTH_DOWN;
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 ready 100 -> down");
    assert_string_equal(keeper_cycle(&k), "");
    k.tier.states[0].override = OVERRIDE_DOWN;
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 ready 0 -> maint");
    k.tier.states[0].override = OVERRIDE_UP;
    k.tier.states[0].share = 16;
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 maint -> ready 6");
    assert_string_equal(keeper_cycle(&k), "");
}

/* What is to serve does so before what is not to stops. */
static void test_order_of_steps(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    k.tier.states[1].health = HEALTH_DOWN;
    keeper_settle(&k);
    k.tier.states[0].health = HEALTH_DOWN;
    k.tier.states[1].health = HEALTH_UP;
    assert_string_equal(keeper_cycle(&k), "~ b 10.0.0.2:80 ready 0 -> ready 100; "
                                          "~ a 10.0.0.1:80 ready 100 -> down");
}

/* Nothing is planned by guess: not before it was looked at, nor for members that came after. */
static void test_not_before_a_look(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    assert_string_equal(keeper_plan(&k, false), "");
    assert_int_equal(row_of(1)->target.weight, 100); /* agents answer by it all the same */
    k.tier.spec.n_members = 1;
    keeper_settle(&k);
    k.tier.spec.n_members = 2;
    assert_string_equal(keeper_plan(&k, false), "");
    k.tier.states[0].health = HEALTH_DOWN; /* by what was seen before */
    assert_string_equal(keeper_plan(&k, false), "");
    k.tier.states[0] = k.tier.states[1];
    keeper_settle(&k);
    k.tier.states[0].health = HEALTH_DOWN;
    assert_string_equal(keeper_plan(&k, false), "~ a 10.0.0.1:80 ready 100 -> down");
}

/* ---- unknown ---- */

static void test_held_until_known(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 3);
    k.fake.exists = k.fake.object_recorded = true;
    fake_add(&k.fake, small_addr(1), "", zero, true);
    fake_add(&k.fake, small_addr(2), "", ready, true);
    k.tier.states[1].health = k.tier.states[2].health = HEALTH_UNKNOWN;
    assert_string_equal(keeper_cycle(&k), "");
    assert_true(k.plan.held);
    assert_int_equal(reconcile_next_ms(&k.table, k.mono_ms), 35000);
    keeper_wait(&k, RECONCILE_HOLD_MS - 1);
    assert_string_equal(keeper_cycle(&k), "");
    keeper_wait(&k, 1);
    /* What is known is written; what is there stays, what is not is made without clients. */
    assert_string_equal(keeper_cycle(&k),
                        "+ c 10.0.0.3:80 ready 0; ~ a 10.0.0.1:80 ready 0 -> ready 100");
    assert_non_null(strstr(k.plan.note, "2 of 3 members have no result"));
    assert_string_equal(keeper_cycle(&k), "");
    assert_in_tier(2, SERVES_READY, 100);
    k.tier.states[1].health = HEALTH_DOWN;
    k.tier.states[2].health = HEALTH_UP;
    assert_string_equal(keeper_cycle(&k), "~ c 10.0.0.3:80 ready 0 -> ready 100; "
                                          "~ b 10.0.0.2:80 ready 100 -> down");
    assert_string_equal(k.plan.note, "");
}

static void test_known_at_once_is_not_held(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 1);
    k.tier.states[0].health = HEALTH_UNKNOWN;
    k.tier.states[0].remembered = k.tier.states[0].assumed_up = true;
    assert_string_equal(keeper_cycle(&k), "+ made; + a 10.0.0.1:80 ready 0");
    assert_false(k.plan.held);
}

/* What a reload adds is unknown at first, and holds up nobody else. */
static void test_unknown_later_holds_nothing(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    keeper_settle(&k);
    k.tier.spec.n_members = 3;
    k.tier.states[2].health = HEALTH_UNKNOWN;
    k.tier.states[0].health = HEALTH_DOWN;
    assert_string_equal(keeper_cycle(&k),
                        "+ c 10.0.0.3:80 ready 0; ~ a 10.0.0.1:80 ready 100 -> down");
}

/* Whatever is there stays, and is put back when somebody changes it, or the tier forgets. */
static void test_unknown_is_unchanged(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_PROXY, 2);
    k.tier.states[1].health = HEALTH_DOWN;
    keeper_settle(&k);
    k.tier.states[0].frozen = k.tier.states[1].stale = true;
    k.tier.states[0].weight = 0;
    assert_string_equal(keeper_cycle(&k), "");
    fake_find_name(&k.fake, "a")->serving.weight = 7;
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 ready 7 -> ready 100");
    k.fake.n = 0;
    keeper_settle(&k);
    assert_in_tier(1, SERVES_READY, 100);
    assert_int_equal(in_tier(2).weight, 0);
}

/* A weight by order holds over what is not known, as far as it serves. */
static void test_weight_over_unknown(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    k.tier.states[1].health = HEALTH_DOWN;
    keeper_settle(&k);
    for (uint32_t i = 0; i < 2; i++)
        k.tier.states[i] = (struct member_state){.health = k.tier.states[i].health,
                                                 .frozen = true,
                                                 .share = 256,
                                                 .weight_ordered = true,
                                                 .weight = 2};
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 ready 100 -> ready 200");
    k.tier.states[0].weight = 0;
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 ready 200 -> ready 0");
}

/* ---- drains ---- */

static void test_drain_removes_when_idle(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    keeper_settle(&k);
    fake_find(&k.fake, small_addr(1), 80)->active = 1;
    drain(0);
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 ready 100 -> drain");
    assert_int_equal(row_of(1)->drain.phase, DRAIN_QUIESCE);
    assert_int_equal(reconcile_next_ms(&k.table, k.mono_ms), k.mono_ms + 1000);
    for (unsigned i = 0; i < 5; i++, keeper_wait(&k, 1000)) {
        assert_string_equal(keeper_cycle(&k), "");
        assert_int_equal(row_of(1)->drain.phase, DRAIN_WAIT);
        assert_int_equal(row_of(1)->drain.until_ms, k.now_ms + 10000 - i * 1000);
    }
    /* Two readings without a session, a second apart; a session between them begins anew. */
    fake_find(&k.fake, small_addr(1), 80)->active = 0;
    assert_string_equal(keeper_cycle(&k), "");
    keeper_wait(&k, 999);
    assert_string_equal(keeper_cycle(&k), "");
    fake_find(&k.fake, small_addr(1), 80)->active = 1;
    keeper_wait(&k, 1);
    assert_string_equal(keeper_cycle(&k), "");
    fake_find(&k.fake, small_addr(1), 80)->active = 0;
    assert_string_equal(keeper_cycle(&k), "");
    keeper_wait(&k, 1000);
    assert_string_equal(keeper_cycle(&k), "- a 10.0.0.1:80");
    assert_int_equal(row_of(1)->drain.phase, DRAIN_DONE);
    assert_false(row_of(1)->drain.timed_out);
    assert_string_equal(keeper_cycle(&k), "");
    assert_int_equal(row_of(1)->drain.phase, DRAIN_DONE);
    assert_int_equal(reconcile_next_ms(&k.table, k.mono_ms), INT64_MAX);
    assert_int_equal(k.table.n_drift, 0);
    /* It stays away, also when the daemon begins anew, until that is undone. */
    keeper_restart(&k);
    assert_string_equal(keeper_cycle(&k), "");
    undo(0);
    assert_string_equal(keeper_cycle(&k), "+ a 10.0.0.1:80 ready 0");
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 ready 0 -> ready 100");
}

static void test_drain_times_out(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    keeper_settle(&k);
    fake_find(&k.fake, small_addr(1), 80)->active = 3;
    drain(0);
    keeper_settle(&k);
    k.now_ms += 3600000; /* the clock is set, and nothing of it */
    keeper_wait(&k, 9999);
    assert_string_equal(keeper_cycle(&k), "");
    k.now_ms -= 7200000;
    keeper_wait(&k, 1);
    assert_string_equal(keeper_cycle(&k), "- a 10.0.0.1:80");
    assert_true(row_of(1)->drain.timed_out);
}

/* Sessions that are not known are waited for as long as it may take. */
static void test_drain_of_unknown_sessions(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    keeper_settle(&k);
    fake_find(&k.fake, small_addr(1), 80)->active = -1;
    drain(0);
    keeper_settle(&k);
    for (unsigned i = 0; i < 9; i++) {
        keeper_wait(&k, 1000);
        assert_string_equal(keeper_cycle(&k), "");
    }
    keeper_wait(&k, 1000);
    assert_string_equal(keeper_cycle(&k), "- a 10.0.0.1:80");
}

static void test_drain_that_stays(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_PROXY, 2);
    keeper_settle(&k);
    drain(0);
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 ready 100 -> drain");
    keeper_cycle(&k);
    keeper_wait(&k, 1000);
    assert_string_equal(keeper_cycle(&k), "");
    assert_int_equal(row_of(1)->drain.phase, DRAIN_DONE);
    assert_in_tier(1, SERVES_DRAIN, 0);
    /* A client that sticks to it comes back: not done after all. */
    fake_find_name(&k.fake, "a")->active = 1;
    keeper_cycle(&k);
    assert_int_equal(row_of(1)->drain.phase, DRAIN_WAIT);
    fake_find_name(&k.fake, "a")->active = 0;
    keeper_cycle(&k);
    keeper_wait(&k, 1000);
    keeper_cycle(&k);
    assert_int_equal(row_of(1)->drain.phase, DRAIN_DONE);
    /* Somebody lets it serve again: it is told again, and waited for again. */
    fake_find_name(&k.fake, "a")->serving = ready;
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 ready 100 -> drain");
    assert_int_equal(row_of(1)->drain.phase, DRAIN_QUIESCE);
    assert_int_equal(k.table.n_drift, 1);
}

/* At any time; what follows is what would have been without. */
static void test_drain_undone(void **state)
{
    static const char *const expected[] = {"", "~ a 10.0.0.1:80 ready 0 -> ready 100",
                                           "~ a 10.0.0.1:80 ready 0 -> ready 100",
                                           "+ a 10.0.0.1:80 ready 0"};
    (void)state;
    for (unsigned when = 0; when < ARRAY_LEN(expected); when++) {
        keeper_init(&k, FAKE_IPVS, 2);
        keeper_settle(&k);
        drain(0);
        for (unsigned i = 0; i < when; i++, keeper_wait(&k, 1000))
            keeper_cycle(&k);
        if (when == 3)
            keeper_cycle(&k);
        undo(0);
        assert_string_equal(keeper_cycle(&k), expected[when]);
        keeper_settle(&k);
        assert_in_tier(1, SERVES_READY, 100);
        assert_int_equal(row_of(1)->drain.phase, DRAIN_NONE);
        keeper_free(&k);
    }
}

/* Between the plan and its end. */
static void test_drain_undone_while_removed(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    keeper_settle(&k);
    drain(0);
    keeper_settle(&k);
    keeper_wait(&k, 1000);
    assert_string_equal(keeper_plan(&k, true), "- a 10.0.0.1:80");
    undo(0);
    k.tier.states[0].frozen = true; /* unknown: what is there is what is kept */
    assert_string_equal(keeper_plan(&k, true), "");
    k.tier.states[0].frozen = false;
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 ready 0 -> ready 100");
}

static void test_staged(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    keeper_settle(&k);
    drain(0);
    k.tier.states[0].by_wide_order = true;
    k.tier.states[0].override_since_ms = k.now_ms;
    k.tier.states[0].dns_wait_s = 35;
    int64_t began_ms = k.now_ms;
    for (unsigned i = 0; i < 7; i++, keeper_wait(&k, 5000)) {
        assert_string_equal(keeper_cycle(&k), "");
        assert_int_equal(row_of(1)->drain.phase, DRAIN_DNS);
        assert_int_equal(row_of(1)->drain.since_ms, began_ms);
        assert_int_equal(row_of(1)->drain.until_ms, began_ms + 35000);
    }
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 ready 100 -> drain");
    assert_int_equal(row_of(1)->drain.phase, DRAIN_QUIESCE);
    undo(0);
    keeper_settle(&k);
    drain(0);
    k.tier.states[0].override_since_ms = k.now_ms;
    assert_string_equal(keeper_cycle(&k), "");
    undo(0);
    assert_string_equal(keeper_cycle(&k), "");
    assert_int_equal(row_of(1)->drain.phase, DRAIN_NONE);
}

/* What was done with a drain that is over is not done with the next one: neither while it was not
 * there, nor what was decided of a state that nobody was told of. */
static void test_drain_begins_anew(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    drain(0);
    keeper_settle(&k);
    assert_int_equal(row_of(1)->drain.phase, DRAIN_DONE); /* it was never there */
    fake_add(&k.fake, small_addr(1), "", zero, false)->active = 1;
    for (unsigned i = 0; i < 9; i++, keeper_wait(&k, 1000))
        assert_string_equal(keeper_cycle(&k), "");
    assert_int_equal(row_of(1)->drain.phase, DRAIN_WAIT);
    fake_find(&k.fake, small_addr(1), 80)->active = 0;
    keeper_cycle(&k);
    keeper_wait(&k, 1000);
    assert_string_equal(keeper_cycle(&k), "- a 10.0.0.1:80");
    keeper_settle(&k);
    fake_add(&k.fake, small_addr(1), "", zero, false);
    assert_string_equal(keeper_cycle(&k), ""); /* it was idle before, which is no reading now */
    assert_int_equal(row_of(1)->drain.phase, DRAIN_WAIT);
}

/* Unknown is as it was when it was right, not as it was to be and never told. */
static void test_unknown_is_what_was_told(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    keeper_settle(&k);
    k.tier.states[0].health = HEALTH_DOWN;
    assert_string_equal(keeper_plan(&k, true), "~ a 10.0.0.1:80 ready 100 -> down");
    k.tier.states[0].stale = true;
    assert_string_equal(keeper_plan(&k, true), "");
    k.tier.states[0].stale = false;
    keeper_cycle(&k);
    k.tier.states[0].stale = true; /* told, and not looked at yet */
    assert_string_equal(keeper_cycle(&k), "");
    assert_in_tier(1, SERVES_DOWN, 0);
}

/* A tier that cannot be read has drained nothing. */
static void test_drain_unseen(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 1);
    drain(0);
    keeper_plan(&k, false);
    assert_int_equal(row_of(1)->drain.phase, DRAIN_QUIESCE);
}

static void test_reset_on_down(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    keeper_settle(&k);
    fake_find(&k.fake, small_addr(1), 80)->active = 9;
    k.tier.states[0].override = OVERRIDE_DOWN;
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 ready 100 -> maint");
    assert_string_equal(keeper_cycle(&k), "");
    k.tier.config.reset_on_down = true;
    assert_string_equal(keeper_cycle(&k), "- a 10.0.0.1:80");
    assert_string_equal(keeper_cycle(&k), "");
    undo(0);
    k.tier.states[0].health = HEALTH_DOWN; /* by health it is kept, without clients */
    assert_string_equal(keeper_cycle(&k), "+ a 10.0.0.1:80 ready 0");
    assert_string_equal(keeper_cycle(&k), "");
}

/* ---- what others do ---- */

static void test_drift(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    keeper_settle(&k);
    assert_int_equal(k.table.n_drift, 0);
    k.fake.v[0].serving.weight = 1;
    keeper_plan(&k, true);
    keeper_plan(&k, true); /* once, however often it is seen */
    assert_int_equal(k.table.n_drift, 1);
    assert_true(row_of(1)->drifted);
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 ready 1 -> ready 100");
    keeper_settle(&k);
    assert_false(row_of(1)->drifted);
    fake_remove(&k.fake, fake_find(&k.fake, small_addr(2), 80));
    keeper_settle(&k);
    assert_int_equal(k.table.n_drift, 2);
    assert_in_tier(2, SERVES_READY, 100);
    /* Our own doing is none: neither a plan that failed halfway, ... */
    k.tier.states[0].health = k.tier.states[1].health = HEALTH_DOWN;
    keeper_plan(&k, true);
    keeper_apply(&k, 1);
    keeper_settle(&k);
    assert_int_equal(k.table.n_drift, 2);
    /* ... nor what was there at a start, and is right. */
    keeper_restart(&k);
    keeper_settle(&k);
    assert_int_equal(k.table.n_drift, 0);
    k.fake.v[0].serving = (struct serving){SERVES_READY, 5};
    keeper_plan(&k, true);
    assert_int_equal(k.table.n_drift, 1);
}

/* The tier begins anew, with nothing in it. */
static void test_tier_restarts(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    keeper_settle(&k);
    k.fake.exists = false;
    k.fake.n = 0;
    assert_string_equal(keeper_cycle(&k),
                        "+ made; + a 10.0.0.1:80 ready 0; + b 10.0.0.2:80 ready 0");
    keeper_settle(&k);
    assert_in_tier(2, SERVES_READY, 100);
}

static void test_restart_writes_nothing(void **state)
{
    (void)state;
    for (int kind = FAKE_IPVS; kind <= FAKE_FILE; kind++) {
        keeper_init(&k, kind, 4);
        k.tier.states[1].health = HEALTH_DOWN;
        drain(2);
        k.tier.states[3].override = OVERRIDE_DOWN;
        keeper_settle(&k);
        keeper_restart(&k);
        for (unsigned i = 0; i < 4; i++)
            k.tier.states[i].health = HEALTH_UNKNOWN;
        assert_string_equal(keeper_cycle(&k), "");
        keeper_wait(&k, 5000);
        for (unsigned i = 0; i < 4; i++)
            k.tier.states[i].health = i == 1 ? HEALTH_DOWN : HEALTH_UP;
        assert_string_equal(keeper_cycle(&k), "");
        assert_int_equal(row_of(1)->applied.weight, 100);
        keeper_free(&k);
    }
}

/* ---- never empty by our doing ---- */

/* All that were configured leave, and those that come are unknown, or down. */
static void test_last_ones_stay(void **state)
{
    (void)state;
    for (int known = 0; known < 2; known++) {
        keeper_init(&k, FAKE_IPVS, 2);
        keeper_settle(&k);
        k.tier.members[0] = k.tier.members[2];
        k.tier.members[1] = k.tier.members[3];
        for (unsigned i = 2; i < 4; i++)
            k.tier.states[i].health = known ? HEALTH_DOWN : HEALTH_UNKNOWN;
        keeper_settle(&k);
        assert_in_tier(1, SERVES_READY, 100);
        assert_in_tier(2, SERVES_READY, 100);
        assert_true(row_of(1)->kept);
        assert_int_equal(row_of(1)->drain.phase, DRAIN_NONE);
        k.tier.states[3].health = HEALTH_UP;
        keeper_settle(&k);
        assert_int_equal(in_tier(1).weight, 0);
        assert_in_tier(4, SERVES_READY, 100);
        assert_false(row_of(1)->kept);
        keeper_free(&k);
    }
}

/* Unless all are ordered away: then that was wanted. */
static void test_last_ones_ordered_away(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    keeper_settle(&k);
    k.tier.spec.n_members = 1;
    drain(0);
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 ready 100 -> drain; "
                                          "~ b 10.0.0.2:80 ready 100 -> drain");
}

/* `serve_all` ends as one comes that is not known. */
static void test_last_ones_of_serve_all(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 1);
    k.tier.spec.serve_all = true;
    k.tier.states[0].health = HEALTH_DOWN;
    keeper_settle(&k);
    assert_in_tier(1, SERVES_READY, 100);
    k.tier.spec.n_members = 2;
    k.tier.states[1].health = HEALTH_UNKNOWN;
    keeper_settle(&k);
    assert_in_tier(1, SERVES_READY, 100);
    assert_in_tier(2, SERVES_READY, 0);
    k.tier.states[1].health = HEALTH_UP;
    assert_string_equal(keeper_cycle(&k), "~ b 10.0.0.2:80 ready 0 -> ready 100; "
                                          "~ a 10.0.0.1:80 ready 100 -> down");
}

/* By health alone a tier may have no member that serves, as the table says. */
static void test_all_down_by_health(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    keeper_settle(&k);
    k.tier.states[0].health = k.tier.states[1].health = HEALTH_DOWN;
    keeper_settle(&k);
    assert_in_tier(1, SERVES_DOWN, 0);
    assert_in_tier(2, SERVES_DOWN, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, teardown)
        T(test_made_at_weight_zero),
        T(test_a_document_in_one_step),
        T(test_states_follow),
        T(test_order_of_steps),
        T(test_not_before_a_look),
        T(test_held_until_known),
        T(test_known_at_once_is_not_held),
        T(test_unknown_later_holds_nothing),
        T(test_unknown_is_unchanged),
        T(test_weight_over_unknown),
        T(test_drain_removes_when_idle),
        T(test_drain_times_out),
        T(test_drain_of_unknown_sessions),
        T(test_drain_that_stays),
        T(test_drain_undone),
        T(test_drain_undone_while_removed),
        T(test_staged),
        T(test_drain_begins_anew),
        T(test_unknown_is_what_was_told),
        T(test_drain_unseen),
        T(test_reset_on_down),
        T(test_drift),
        T(test_tier_restarts),
        T(test_restart_writes_nothing),
        T(test_last_ones_stay),
        T(test_last_ones_ordered_away),
        T(test_last_ones_of_serve_all),
        T(test_all_down_by_health),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
