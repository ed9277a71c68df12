/* SPDX-License-Identifier: Apache-2.0
 * Whose members and objects are: what leaves the configuration, is adopted, is somebody else's, has
 * moved to another address or name. */
#include "tier/reconcile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/tier/kept.h"

/* ---- what leaves ---- */

static void test_removed_from_the_configuration(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_PROXY, 2);
    k.tier.config.adopt = true;
    fake_add(&k.fake, small_addr(2), "web2", ready, false);
    keeper_settle(&k);
    fake_find_name(&k.fake, "a")->active = 1;
    /* Made by us: drained, then removed. Adopted: left as it is. */
    k.tier.members[0] = k.tier.members[2];
    k.tier.members[1] = k.tier.members[3];
    keeper_cycle(&k);
    assert_string_equal(keeper_cycle(&k), "~ c 10.0.0.3:80 ready 0 -> ready 100; "
                                          "~ d 10.0.0.4:80 ready 0 -> ready 100; "
                                          "~ a 10.0.0.1:80 ready 100 -> drain");
    keeper_settle(&k);
    assert_int_equal(k.table.rows.n, 3);
    assert_int_equal(row_of(1)->drain.phase, DRAIN_WAIT);
    assert_int_equal(row_of(1)->member, MODEL_NONE);
    fake_find_name(&k.fake, "a")->active = 0;
    keeper_cycle(&k);
    keeper_wait(&k, 1000);
    assert_string_equal(keeper_cycle(&k), "- a 10.0.0.1:80");
    keeper_settle(&k);
    assert_int_equal(k.table.rows.n, 2);
    assert_in_tier(2, SERVES_READY, 100);
    assert_int_equal(k.fake.n, 3);
}

/* It comes back while it drains. */
static void test_configured_again(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 3);
    keeper_settle(&k);
    fake_find(&k.fake, small_addr(3), 80)->active = 1;
    k.tier.spec.n_members = 2;
    keeper_settle(&k);
    assert_int_equal(row_of(3)->drain.phase, DRAIN_WAIT);
    k.tier.spec.n_members = 3;
    assert_string_equal(keeper_cycle(&k), "~ c 10.0.0.3:80 ready 0 -> ready 100");
    assert_int_equal(row_of(3)->member, 2);
}

/* While nobody looked: what we made is known by the records, whatever it is called by now. */
static void test_left_while_stopped(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 3);
    keeper_settle(&k);
    fake_add(&k.fake, small_addr(9), "", ready, false);
    k.tier.spec.n_members = 2;
    keeper_restart(&k);
    assert_string_equal(keeper_cycle(&k), "~ 10.0.0.3 10.0.0.3:80 ready 100 -> drain");
    k.fake.n_records = 0; /* records are lost: then nobody knows, and it is left alone */
    keeper_restart(&k);
    keeper_wait(&k, 60000);
    assert_string_equal(keeper_cycle(&k), "");
    assert_in_tier(9, SERVES_READY, 100);
}

/* Between being made and being seen, and nothing of it is recorded. */
static void test_left_before_it_was_seen(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    keeper_settle(&k);
    k.tier.spec.n_members = 3;
    assert_string_equal(keeper_cycle(&k), "+ c 10.0.0.3:80 ready 0");
    k.tier.spec.n_members = 2;
    k.fake.n_records = 0;
    assert_string_equal(keeper_cycle(&k), "");
    keeper_wait(&k, 1000);
    assert_string_equal(keeper_cycle(&k), "- c 10.0.0.3:80");
}

static void test_on_remove(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    keeper_settle(&k);
    k.tier.config.on_remove = TIER_LEAVE_LEAVE;
    k.tier.spec.n_members = 1;
    assert_string_equal(keeper_cycle(&k), "");
    assert_int_equal(k.table.rows.n, 1);
    keeper_free(&k);

    keeper_init(&k, FAKE_PROXY, 2);
    k.tier.config.adopt = true;
    k.tier.config.on_remove = TIER_LEAVE_DRAIN;
    fake_add(&k.fake, small_addr(2), "web2", ready, false);
    keeper_settle(&k);
    k.tier.spec.n_members = 1;
    assert_string_equal(keeper_cycle(&k), "~ web2 10.0.0.2:80 ready 100 -> drain");
}

/* Of a file that is ours all members are, and the last one never goes. */
static void test_removed_from_a_document(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_FILE, 2);
    keeper_settle(&k);
    k.tier.config.on_remove = TIER_LEAVE_LEAVE;
    k.tier.spec.n_members = 1;
    fake_find(&k.fake, small_addr(2), 80)->active = 1;
    assert_string_equal(keeper_cycle(&k), "~ b 10.0.0.2:80 ready 100 -> drain");
    keeper_wait(&k, 5000);
    assert_string_equal(keeper_cycle(&k), "");
    assert_int_equal(k.fake.n, 2);
    keeper_wait(&k, 10000);
    assert_string_equal(keeper_cycle(&k), "- b 10.0.0.2:80");
    assert_string_equal(keeper_cycle(&k), "");
    assert_int_equal(k.fake.n, 1);
}

static void test_tier_removed(void **state)
{
    (void)state;
    for (int kind = FAKE_IPVS; kind <= FAKE_FILE; kind++) {
        keeper_init(&k, kind, 2);
        keeper_settle(&k);
        fake_find(&k.fake, small_addr(2), 80)->active = 1;
        k.leaving = LEAVING_REMOVED;
        keeper_cycle(&k);
        assert_int_equal(k.plan.steps.n, 2);
        for (unsigned i = 0; i < 3; i++, keeper_wait(&k, 1000))
            keeper_settle(&k);
        assert_int_equal(k.fake.n, kind == FAKE_FILE ? 2 : 1);
        assert_true(k.fake.exists);
        fake_find(&k.fake, small_addr(2), 80)->active = 0;
        for (unsigned i = 0; i < 3; i++, keeper_wait(&k, 1000))
            keeper_settle(&k);
        assert_int_equal(k.fake.exists, kind == FAKE_PROXY);
        assert_int_equal(k.fake.n, 0);
        assert_string_equal(keeper_cycle(&k), "");
        keeper_free(&k);
    }
}

/* An object with something of somebody else's in it stays; so does one that was adopted. */
static void test_tier_removed_not_alone(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 1);
    keeper_settle(&k);
    fake_add(&k.fake, small_addr(9), "", ready, false);
    k.leaving = LEAVING_REMOVED;
    for (unsigned i = 0; i < 5; i++, keeper_wait(&k, 1000))
        keeper_settle(&k);
    assert_true(k.fake.exists && k.fake.n == 1);
    keeper_free(&k);

    keeper_init(&k, FAKE_IPVS, 1);
    k.tier.config.adopt = k.fake.exists = true;
    fake_add(&k.fake, small_addr(1), "", zero, false);
    keeper_settle(&k);
    assert_in_tier(1, SERVES_READY, 100);
    k.leaving = LEAVING_REMOVED;
    for (unsigned i = 0; i < 5; i++, keeper_wait(&k, 1000))
        keeper_settle(&k);
    assert_true(k.fake.exists);
    assert_in_tier(1, SERVES_READY, 100);
}

static void test_on_exit(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 2);
    keeper_settle(&k);
    k.leaving = LEAVING_EXIT;
    k.tier.states[0].health = HEALTH_DOWN;
    assert_string_equal(keeper_cycle(&k), ""); /* by default all stays */
    k.tier.config.on_exit = TIER_LEAVE_DRAIN;
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 ready 100 -> drain; "
                                          "~ b 10.0.0.2:80 ready 100 -> drain");
    for (unsigned i = 0; i < 5; i++, keeper_wait(&k, 1000)) /* and what is drained is not removed */
        assert_string_equal(keeper_cycle(&k), "");
    assert_int_equal(row_of(1)->drain.phase, DRAIN_DONE);
}

/* ---- whose it is ---- */

static void test_object_of_others(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 1);
    k.fake.exists = true;
    fake_add(&k.fake, small_addr(1), "", zero, false);
    assert_string_equal(keeper_cycle(&k), "");
    assert_non_null(strstr(k.plan.refused, "the virtual service 192.0.2.80:443 was there before"));
    assert_non_null(strstr(k.plan.refused, "adopt: true"));
    k.tier.config.adopt = true;
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 ready 0 -> ready 100");
    assert_string_equal(k.plan.refused, "");
    assert_false(row_of(1)->created);
    /* What we add to it is ours. */
    k.tier.spec.n_members = 2;
    keeper_settle(&k);
    assert_true(row_of(2)->created && !row_of(1)->created);
    assert_int_equal(k.fake.n_records, 1);
}

static void test_object_of_another_node(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_FILE, 1);
    k.tier.config.adopt = true;
    k.tier.config.file = "/etc/x.conf";
    k.fake.exists = k.fake.foreign = true;
    assert_string_equal(keeper_cycle(&k), "");
    assert_non_null(strstr(k.plan.refused, "the file /etc/x.conf is kept by another node"));
}

static void test_members_of_others(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_PROXY, 3);
    fake_add(&k.fake, small_addr(1), "web1", zero, false);
    fake_add(&k.fake, small_addr(2), "web2", zero, false);
    fake_add(&k.fake, small_addr(9), "other", ready, false);
    assert_string_equal(keeper_cycle(&k), "+ c 10.0.0.3:80 ready 0");
    assert_non_null(strstr(k.plan.note, "web1 10.0.0.1:80 and 1 more were there before"));
    keeper_settle(&k);
    assert_in_tier(1, SERVES_READY, 0);
    k.tier.spec.n_members = 2;
    keeper_cycle(&k);
    assert_non_null(strstr(k.plan.refused, "web1 10.0.0.1:80 and 1 more were there before"));
    k.tier.config.adopt = true;
    assert_string_equal(keeper_cycle(&k), "~ web1 10.0.0.1:80 ready 0 -> ready 100; "
                                          "~ web2 10.0.0.2:80 ready 0 -> ready 100; "
                                          "~ c 10.0.0.3:80 ready 100 -> drain");
    assert_string_equal(k.plan.refused, "");
}

static void test_no_backend(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_PROXY, 1);
    k.tier.config.type = TIER_HAPROXY;
    k.tier.config.haproxy.backend = "be_web";
    k.fake.exists = false;
    assert_string_equal(keeper_cycle(&k), "");
    assert_non_null(strstr(k.plan.refused, "the backend be_web is not there"));
}

static void test_driver_refuses(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 1);
    keeper_settle(&k);
    k.tier.states[0].health = HEALTH_DOWN;
    keeper_plan(&k, true);
    snprintf(k.table.refused, sizeof k.table.refused, "no");
    assert_string_equal(keeper_plan(&k, false), "");
    assert_string_equal(k.plan.refused, "no");
}

/* ---- addresses and names ---- */

/* A server that has moved goes on under its name. */
static void test_moved_by_name(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_PROXY, 2);
    keeper_settle(&k);
    k.tier.members[0].addr = small_addr(7);
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 -> 10.0.0.7:80 ready 100");
    assert_string_equal(keeper_cycle(&k), "");
    assert_int_equal(k.fake.n, 2);
    assert_true(row_of(7)->created);
    /* While nobody looked, too: the record of the address before says whose it is. */
    k.tier.members[0].addr = small_addr(8);
    keeper_restart(&k);
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.7:80 -> 10.0.0.8:80 ready 100");
    assert_true(row_of(8)->created);
}

/* Without names another address is another member: the old one leaves when the new one serves. */
static void test_moved_without_names(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 1);
    keeper_settle(&k);
    k.tier.members[0].addr = small_addr(7);
    assert_string_equal(keeper_cycle(&k), "+ a 10.0.0.7:80 ready 0");
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.7:80 ready 0 -> ready 100; "
                                          "~ a 10.0.0.1:80 ready 100 -> drain");
    assert_in_tier(7, SERVES_READY, 100);
}

/* Matched by address first, whatever it is called; a name that is taken is not given again. */
static void test_names_taken(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_PROXY, 2);
    k.tier.config.adopt = true;
    fake_add(&k.fake, small_addr(1), "b", ready, false);
    assert_string_equal(keeper_cycle(&k), "+ b_2 10.0.0.2:80 ready 0");
    keeper_settle(&k);
    assert_string_equal(row_of(1)->name, "b");
    assert_string_equal(row_of(2)->name, "b_2");
}

/* What was to be made, and somebody else was quicker with another one of that name. */
static void test_name_of_others(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_PROXY, 2);
    assert_string_equal(keeper_plan(&k, true), "+ a 10.0.0.1:80 ready 0; + b 10.0.0.2:80 ready 0");
    fake_add(&k.fake, small_addr(9), "a", ready, false);
    reconcile_applied(&k.table, &k.plan, false);
    assert_string_equal(keeper_cycle(&k), "+ b 10.0.0.2:80 ready 0");
    assert_true(row_of(1)->foreign);
    assert_in_tier(9, SERVES_READY, 100);
}

/* Two that have the address of one member: one is it, the other is somebody else's. */
static void test_same_address_twice(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_PROXY, 1);
    keeper_settle(&k);
    fake_add(&k.fake, small_addr(1), "twin", ready, false);
    for (unsigned i = 0; i < 3; i++, keeper_wait(&k, 20000))
        assert_string_equal(keeper_cycle(&k), "");
    assert_int_equal(k.table.n_strangers, 1);
}

static void test_differs(void **state)
{
    (void)state;
    keeper_init(&k, FAKE_IPVS, 1);
    keeper_settle(&k);
    k.fake.v[0].differs = true;
    assert_string_equal(keeper_cycle(&k), "~ a 10.0.0.1:80 ready 100 -> ready 100, as configured");
    assert_string_equal(keeper_cycle(&k), "");
    assert_int_equal(k.table.n_drift, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, teardown)
        T(test_removed_from_the_configuration),
        T(test_configured_again),
        T(test_left_while_stopped),
        T(test_left_before_it_was_seen),
        T(test_on_remove),
        T(test_removed_from_a_document),
        T(test_tier_removed),
        T(test_tier_removed_not_alone),
        T(test_on_exit),
        T(test_object_of_others),
        T(test_object_of_another_node),
        T(test_members_of_others),
        T(test_no_backend),
        T(test_driver_refuses),
        T(test_moved_by_name),
        T(test_moved_without_names),
        T(test_names_taken),
        T(test_name_of_others),
        T(test_same_address_twice),
        T(test_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
