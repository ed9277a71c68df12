/* SPDX-License-Identifier: Apache-2.0
 * What a process that takes over gets of sets and orders, what one that was replaced goes by, and
 * counts. */
#include "l4/heritage.h"

#include "control/json.h"
#include "l4/limits.h"
#include "l4/setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct l4_listed listed[] = {
    {.addr = {.family = IP_V4, .b = {192, 0, 2, 1}}, .port = 80, .weight = 3},
    {.addr = {.family = IP_V4, .b = {192, 0, 2, 2}}, .port = 80, .weight = 1},
};
static const struct l4_set sets[] = {
    {.name = "told", .pool = MODEL_NONE, .site = MODEL_NONE},
    {.name = "list", .pool = MODEL_NONE, .site = MODEL_NONE, .listed = listed, .n_listed = 2},
    {.name = "unknown", .pool = MODEL_NONE, .site = MODEL_NONE},
};
static const struct l4_config config = {.sets = sets, .n_sets = 3};

static struct member_set members(uint64_t version, uint32_t n)
{
    struct member_set set = {.version = version, .n = n, .v = xcalloc(n + 1, sizeof *set.v)};
    snprintf(set.name, sizeof set.name, "told");
    for (uint32_t i = 0; i < n; i++) {
        snprintf(set.v[i].key, sizeof set.v[i].key, "k%u", i);
        set.v[i].addr = listed[0].addr;
        set.v[i].port = (uint16_t)(i + 1);
        set.v[i].weight = i;
        set.v[i].state = i == 0 ? MEMBER_UP : i == 1 ? MEMBER_DOWN : MEMBER_DRAIN;
    }
    return set;
}

/* An old process: a set that was told, a list with orders, one of which ends at 1000. */
static struct set_table old_one(void)
{
    struct set_table table = {0};
    struct member_set set = members(7, 3);
    set_table_follow(&table, &config);
    assert_int_equal(set_table_tell(&table, 0, &set, SET_TOLD), SET_TAKEN);
    struct list_order *order = work_set_order(table.v[1], "192.0.2.1:80");
    order->has_state = order->has_weight = true;
    order->state = MEMBER_DRAIN;
    order->state_until_ms = 1000;
    order->weight = 9;
    order->weight_until_ms = INT64_MAX;
    return table;
}

static void taken_over(void **state)
{
    (void)state;
    struct set_table old = old_one(), new = {0};
    json_t *packet = json_object();
    heritage_write_sets(packet, &old);
    set_table_follow(&new, &config);
    for (int twice = 0; twice < 2; twice++) {
        heritage_read_sets(&new, &config, packet);
        assert_int_equal(new.v[0]->origin, SET_TOLD);
        assert_int_equal(new.v[0]->now.version, 7);
        assert_int_equal(new.v[0]->now.n, 3);
        assert_int_equal(new.v[0]->now.v[2].state, MEMBER_DRAIN);
        assert_int_equal(new.v[2]->origin, SET_UNKNOWN);
        assert_int_equal(new.v[1]->orders.v.n, 1);
        struct set_member_now now = work_set_member(new.v[1], 0, 999);
        assert_int_equal(now.state, MEMBER_DRAIN);
        assert_int_equal(now.weight, 9);
        assert_int_equal(work_set_member(new.v[1], 0, 1000).state, MEMBER_UP);
        assert_false(work_set_member(new.v[1], 1, 999).is_ordered);
    }
    work_set_forget_orders(old.v[1]); /* taken away meanwhile */
    json_object_clear(packet);
    heritage_write_sets(packet, &old);
    heritage_read_sets(&new, &config, packet);
    assert_int_equal(new.v[1]->orders.v.n, 0);
    set_table_free(&old);
    set_table_free(&new);
    json_decref(packet);
}

/* Members that are of a list, or of checks, by the new configuration are not taken. */
static void sources_that_changed(void **state)
{
    (void)state;
    struct l4_set other[] = {sets[1], sets[0]};
    other[0].name = "told";
    other[1].name = "list";
    const struct l4_config others = {.sets = other, .n_sets = 2};
    struct set_table old = old_one(), new = {0};
    json_t *packet = json_object();
    heritage_write_sets(packet, &old);
    set_table_follow(&new, &others);
    heritage_read_sets(&new, &others, packet);
    assert_int_equal(new.v[0]->origin, SET_LISTED);
    assert_int_equal(new.v[0]->now.n, 2);
    assert_int_equal(new.v[1]->origin, SET_UNKNOWN);
    set_table_free(&old);
    set_table_free(&new);
    json_decref(packet);
}

static void obeyed(void **state)
{
    (void)state;
    struct set_table old = old_one(), new = old_one();
    json_t *packet = json_object();
    struct member_set set = members(3, 2); /* whatever its version: the other one knows */
    new.v[0]->now.version = 2;
    assert_int_equal(set_table_tell(&new, 0, &set, SET_TOLD), SET_TAKEN);
    work_set_order(new.v[1], "192.0.2.2:80")->has_weight = true;
    work_set_order(new.v[1], "192.0.2.2:80")->weight_until_ms = INT64_MAX;
    heritage_write_members(packet, &new, 999);
    heritage_obey(&old, packet);
    assert_int_equal(old.v[0]->now.n, 2);
    assert_int_equal(old.v[1]->orders.v.n, 0);
    assert_int_equal(work_set_member(old.v[1], 0, 5000).state, MEMBER_DRAIN);
    assert_int_equal(work_set_member(old.v[1], 0, 5000).weight, 9);
    assert_int_equal(work_set_member(old.v[1], 1, 5000).weight, 0);
    assert_int_equal(old.v[1]->origin, SET_LISTED);
    assert_int_equal(old.v[2]->origin, SET_UNKNOWN);
    set_table_free(&old);
    set_table_free(&new);
    json_decref(packet);
}

static void counts(void **state)
{
    (void)state;
    struct registry *registry = registry_new();
    const struct l4_service service = {.limits = {.connections = 10}};
    json_t *packet = json_object();
    struct service_run *run = registry_service(registry, "web");
    registry_service(registry, "dns")->active = 5; /* has no limits yet */
    run->limits = limits_new(16);
    run->active = 3;
    limits_set(run->limits, &service);
    assert_int_equal(limits_enter(run->limits, &listed[0].addr, 1), LIMITS_OK);
    assert_int_equal(limits_enter(run->limits, &listed[0].addr, 1), LIMITS_OK);
    heritage_write_open(packet, registry);
    assert_int_equal(json_get_int(json_object_get(packet, "open"), "web", 0), 2);
    assert_int_equal(json_object_size(json_object_get(packet, "open")), 1);
    assert_int_equal(json_get_int(packet, "flows", 0), 8);
    registry_free(registry);
    json_decref(packet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken_over),
        cmocka_unit_test(sources_that_changed),
        cmocka_unit_test(obeyed),
        cmocka_unit_test(counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
