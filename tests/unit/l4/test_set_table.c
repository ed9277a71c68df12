/* SPDX-License-Identifier: Apache-2.0
 * Sets of members by name: whose news counts, what reloads keep, orders of members of lists. */
#include "l4/set_table.h"

#include "l4/setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct l4_listed listed[] = {
    {.addr = {.family = IP_V4, .b = {192, 0, 2, 1}}, .port = 80, .weight = 3},
    {.addr = {.family = IP_V6, .b = {0x20, 1, 0xd, 0xb8}}, .port = 81, .weight = 1},
};

static struct l4_set told_set(const char *name)
{
    return (struct l4_set){.name = name, .pool = MODEL_NONE, .site = MODEL_NONE};
}

static struct l4_set list_set(const char *name)
{
    return (struct l4_set){
        .name = name, .pool = MODEL_NONE, .site = MODEL_NONE, .listed = listed, .n_listed = 2};
}

static void follow(struct set_table *table, const struct l4_set *sets, uint32_t n)
{
    const struct l4_config config = {.sets = sets, .n_sets = n};
    set_table_follow(table, &config);
    assert_int_equal(table->n, n);
    for (uint32_t i = 0; i < n; i++) { /* cursors are of one set each, and few */
        assert_string_equal(table->v[i]->name, sets[i].name);
        assert_true(table->v[i]->cursor < table->n_cursors);
        for (uint32_t k = 0; k < i; k++)
            assert_int_not_equal(table->v[i]->cursor, table->v[k]->cursor);
    }
}

static struct member_set members(uint64_t version, uint32_t n, uint32_t weight)
{
    struct member_set set = {.version = version, .n = n, .v = xcalloc(n + 1, sizeof *set.v)};
    for (uint32_t i = 0; i < n; i++) {
        snprintf(set.v[i].key, sizeof set.v[i].key, "k%u", i);
        set.v[i].addr = listed[0].addr;
        set.v[i].port = (uint16_t)(i + 1);
        set.v[i].weight = weight;
    }
    return set;
}

static enum set_verdict tell(struct set_table *table, uint32_t i, struct member_set set,
                             enum set_origin origin)
{
    return set_table_tell(table, i, &set, origin);
}

static void versions_rise(void **state)
{
    (void)state;
    struct set_table table = {0};
    const struct l4_set sets[] = {told_set("a"), told_set("b")};
    follow(&table, sets, 2);
    assert_int_equal(table.v[0]->origin, SET_UNKNOWN);
    assert_int_equal(tell(&table, 0, members(5, 2, 1), SET_TOLD), SET_TAKEN);
    assert_int_equal(tell(&table, 0, members(5, 2, 1), SET_TOLD), SET_SAME);
    assert_int_equal(tell(&table, 0, members(5, 2, 2), SET_TOLD), SET_OLD);
    assert_int_equal(tell(&table, 0, members(5, 1, 1), SET_TOLD), SET_OLD);
    assert_int_equal(tell(&table, 0, members(4, 2, 1), SET_TOLD), SET_OLD);
    assert_int_equal(table.v[0]->now.n, 2);
    assert_int_equal(tell(&table, 0, members(6, 2, 1), SET_TOLD),
                     SET_SAME); /* but for its number */
    assert_int_equal(table.v[0]->now.version, 6);
    assert_int_equal(tell(&table, 0, members(5, 2, 1), SET_TOLD), SET_OLD);
    assert_int_equal(tell(&table, 0, members(7, 0, 1), SET_TOLD), SET_TAKEN);
    assert_int_equal(table.v[1]->origin, SET_UNKNOWN);
    assert_int_equal(tell(&table, 1, members(0, 1, 1), SET_TOLD), SET_TAKEN); /* the first, any */
    set_table_free(&table);
}

/* Whatever was told, there is a later one: numbers go round. */
static void a_later_version_always_is(void **state)
{
    (void)state;
    const uint64_t max = SETS_VERSION_MAX, now_ms = 1800000000000;
    static const uint64_t some[] = {1,
                                    2,
                                    1800000000000,
                                    SETS_VERSION_MAX / 2,
                                    SETS_VERSION_MAX / 2 + 1,
                                    SETS_VERSION_MAX - 1,
                                    SETS_VERSION_MAX};
    for (size_t i = 0; i < ARRAY_LEN(some); i++) {
        assert_true(set_version_is_later(some[i], 0));
        assert_false(set_version_is_later(some[i], some[i]));
        assert_true(set_version_is_later(some[i] == max ? 1 : some[i] + 1, some[i]));
        assert_false(set_version_is_later(some[i], some[i] == max ? 1 : some[i] + 1));
    }
    assert_false(set_version_is_later(1, 2));
    assert_false(set_version_is_later(now_ms, now_ms + 1));
    assert_true(set_version_is_later(now_ms, max)); /* of a clock */
    assert_false(set_version_is_later(max, now_ms));
    struct set_table table = {0};
    const struct l4_set set = told_set("a");
    follow(&table, &set, 1);
    assert_int_equal(tell(&table, 0, members(max, 2, 1), SET_TOLD), SET_TAKEN);
    assert_int_equal(tell(&table, 0, members(max - 1, 2, 2), SET_TOLD), SET_OLD);
    assert_int_equal(tell(&table, 0, members(1, 2, 2), SET_TOLD), SET_TAKEN);
    assert_int_equal(tell(&table, 0, members(max, 2, 1), SET_TOLD), SET_OLD);
    set_table_free(&table);
}

static void what_was_saved_gives_way(void **state)
{
    (void)state;
    struct set_table table = {0};
    const struct l4_set set = told_set("a");
    follow(&table, &set, 1);
    assert_int_equal(tell(&table, 0, members(5, 2, 1), SET_SAVED), SET_TAKEN);
    assert_int_equal(table.v[0]->origin, SET_SAVED);
    assert_int_equal(tell(&table, 0, members(5, 2, 7), SET_TOLD), SET_OLD);
    assert_int_equal(tell(&table, 0, members(5, 2, 1), SET_TOLD), SET_SAME);
    assert_int_equal(table.v[0]->origin, SET_TOLD);
    set_table_free(&table);
}

static void reloads_keep_what_still_holds(void **state)
{
    (void)state;
    struct set_table table = {0};
    const struct l4_set before[] = {told_set("a"), list_set("l"), told_set("gone")};
    const struct l4_set after[] = {list_set("l"), told_set("new"), told_set("a")};
    const struct l4_set other[] = {list_set("a"), told_set("l")};
    follow(&table, before, 3);
    tell(&table, 0, members(5, 2, 1), SET_TOLD);
    uint32_t cursor = table.v[0]->cursor, of_list = table.v[1]->cursor;
    uint32_t of_gone = table.v[2]->cursor;
    uint64_t version = table.v[1]->now.version;
    assert_int_equal(table.v[1]->origin, SET_LISTED);
    assert_string_equal(table.v[1]->now.v[0].key, "192.0.2.1:80");
    assert_string_equal(table.v[1]->now.v[1].key, "[2001:db8::]:81");
    assert_int_equal(table.v[1]->now.v[0].weight, 3);

    follow(&table, after, 3);
    assert_int_equal(table.v[2]->cursor, cursor);
    assert_int_equal(table.v[2]->now.version, 5);
    assert_int_equal(table.v[0]->cursor, of_list);
    assert_int_equal(table.v[0]->now.version, version); /* nothing has changed */
    assert_int_equal(table.v[1]->origin, SET_UNKNOWN);
    assert_int_not_equal(table.v[1]->cursor, of_gone); /* which the plan before has still */
    assert_int_equal(table.n_cursors, 4);

    follow(&table, other, 2); /* from elsewhere now */
    assert_int_equal(table.v[0]->origin, SET_LISTED);
    assert_int_equal(table.v[1]->origin, SET_UNKNOWN);
    assert_int_equal(table.v[1]->now.n, 0);
    assert_int_equal(table.v[0]->cursor, of_gone); /* it is free by now */
    assert_int_equal(table.n_cursors, 5);
    set_table_free(&table);
}

static void orders_of_a_list(void **state)
{
    (void)state;
    struct set_table table = {0};
    const struct l4_set set = list_set("l");
    follow(&table, &set, 1);
    struct list_order *order = work_set_order(table.v[0], "192.0.2.1:80");
    assert_ptr_equal(work_set_order(table.v[0], "192.0.2.1:80"), order);
    *order = (struct list_order){.key = "192.0.2.1:80",
                                 .has_state = true,
                                 .state = MEMBER_DRAIN,
                                 .state_until_ms = 1000,
                                 .has_weight = true,
                                 .weight = 9,
                                 .weight_until_ms = 2000};
    struct set_member_now now = work_set_member(table.v[0], 0, 999);
    assert_int_equal(now.state, MEMBER_DRAIN);
    assert_int_equal(now.weight, 9);
    assert_true(now.is_ordered);
    assert_int_equal(set_table_expire(&table, 999), 1000);
    now = work_set_member(table.v[0], 0, 1000);
    assert_int_equal(now.state, MEMBER_UP);
    assert_int_equal(now.weight, 9);
    assert_int_equal(set_table_expire(&table, 1000), 2000);
    assert_int_equal(table.v[0]->orders.v.n, 1);
    follow(&table, &set, 1); /* a reload keeps them */
    assert_int_equal(work_set_member(table.v[0], 0, 1999).weight, 9);
    assert_int_equal(work_set_member(table.v[0], 0, 2000).weight, 3);
    assert_false(work_set_member(table.v[0], 1, 1999).is_ordered);
    assert_int_equal(set_table_expire(&table, 2000), INT64_MAX);
    assert_int_equal(table.v[0]->orders.v.n, 0);
    set_table_free(&table);
}

/* ---- from the checker ---- */

static const struct site sites[] = {{.name = "ams"}, {.name = "iad"}};
static const struct endpoint endpoints[] = {
    {.site = 0,
     .addr = {.family = IP_V4, .b = {192, 0, 2, 1}},
     .port = 80,
     .weight = 2,
     .label = "a"},
    {.site = 0, .addr = {.family = IP_V4, .b = {192, 0, 2, 2}}, .weight = 4, .label = "b"},
    {.site = 1,
     .addr = {.family = IP_V4, .b = {192, 0, 2, 3}},
     .port = 82,
     .weight = 0,
     .label = "c"},
};
static const struct pool_site places[] = {
    {.site = 0, .first_endpoint = 0, .n_endpoints = 2},
    {.site = 1, .first_endpoint = 2, .n_endpoints = 1},
};
static const struct pool pools[] = {{.name = "web", .sites = places, .n_sites = 2}};
static const struct model model = {.sites = sites,
                                   .n_sites = 2,
                                   .pools = pools,
                                   .n_pools = 1,
                                   .endpoints = endpoints,
                                   .n_endpoints = 3};

static void members_of_a_pool(void **state)
{
    (void)state;
    struct set_table table = {0};
    struct l4_set set = {.name = "s", .pool = 0, .site = MODEL_NONE, .port = 8080};
    struct endpoint_state states[3] = {0};
    for (int i = 0; i < 3; i++)
        states[i] = (struct endpoint_state){.health = HEALTH_UP, .weight_override = -1};
    follow(&table, &set, 1);
    assert_true(set_table_check(&table, 0, &set, &model, states));
    assert_false(set_table_check(&table, 0, &set, &model, states));
    const struct member_set *now = &table.v[0]->now;
    assert_int_equal(table.v[0]->origin, SET_CHECKED);
    assert_int_equal(now->n, 3);
    assert_string_equal(now->v[0].key, "web/ams/a");
    assert_int_equal(now->v[0].port, 80);
    assert_int_equal(now->v[1].port, 8080); /* of the service */
    assert_int_equal(now->v[0].weight, 2);
    assert_int_equal(now->v[2].weight, 0);
    assert_int_equal(now->v[2].state, MEMBER_UP);

    states[0].health = HEALTH_DOWN;
    states[1].override = OVERRIDE_DRAIN;
    states[2].weight_override = 5;
    assert_true(set_table_check(&table, 0, &set, &model, states));
    assert_int_equal(now->v[0].state, MEMBER_DOWN);
    assert_int_equal(now->v[1].state, MEMBER_DRAIN);
    assert_int_equal(now->v[2].weight, 5);

    states[1] = (struct endpoint_state){.health = HEALTH_UP, .weight_override = -1, .ramp = 3};
    assert_true(set_table_check(&table, 0, &set, &model, states)); /* all in sixteenths then */
    assert_int_equal(now->v[0].weight, 2 * 16);
    assert_int_equal(now->v[1].weight, 4 * 3);

    set.site = 1; /* of one site alone */
    assert_true(set_table_check(&table, 0, &set, &model, states));
    assert_int_equal(now->n, 1);
    assert_string_equal(now->v[0].key, "web/iad/c");
    set_table_free(&table);
}

struct all_down {
    struct set_table table;
    struct l4_set set;
    struct pool pool;
    struct model model;
    struct endpoint_state states[3];
};

static void all_down_new(struct all_down *d)
{
    *d = (struct all_down){.set = {.name = "s", .pool = 0, .site = MODEL_NONE, .port = 8080},
                           .pool = pools[0],
                           .model = model};
    d->pool.on_all_down = ALL_DOWN_SERVE_ALL;
    d->model.pools = &d->pool;
    for (int i = 0; i < 3; i++)
        d->states[i] = (struct endpoint_state){.health = HEALTH_DOWN, .weight_override = -1};
    follow(&d->table, &d->set, 1);
}

/** Three states, "u" up, "d" down, "-" drain; and whether serve_all is in force. */
static void assert_states(struct all_down *d, const char *expected, bool all)
{
    static const char letters[] = {[MEMBER_UP] = 'u', [MEMBER_DOWN] = 'd', [MEMBER_DRAIN] = '-'};
    char text[4] = "";
    set_table_check(&d->table, 0, &d->set, &d->model, d->states);
    for (uint32_t i = 0; i < d->table.v[0]->now.n; i++)
        text[i] = letters[d->table.v[0]->now.v[i].state];
    assert_string_equal(text, expected);
    assert_int_equal(d->table.v[0]->all_down, all);
}

/* As a tier does: all that are not ordered away, while none serves. */
static void when_all_are_down(void **state)
{
    struct all_down d;
    (void)state;
    all_down_new(&d);
    assert_states(&d, "uuu", true);
    assert_int_equal(d.table.v[0]->now.v[1].weight, 4);
    d.states[1].health = HEALTH_UP;
    assert_states(&d, "dud", false);
    d.states[1].override = OVERRIDE_DRAIN;
    assert_states(&d, "u-u", true);
    d.states[1].override = OVERRIDE_DOWN;
    assert_states(&d, "udu", true);
    d.states[1].override = OVERRIDE_UP;
    assert_states(&d, "dud", false);
    d.states[1].weight_override = 0; /* gets nobody, so it is not one that serves */
    assert_states(&d, "uuu", true);
    d.states[2].override = d.states[0].override = OVERRIDE_DOWN;
    assert_states(&d, "dud", false); /* orders alone have emptied it */
    static const uint8_t others[] = {ALL_DOWN_NODATA, ALL_DOWN_SERVFAIL, ALL_DOWN_FALLBACK};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        set_table_free(&d.table);
        all_down_new(&d);
        d.pool.on_all_down = others[i];
        assert_states(&d, "ddd", false);
    }
    set_table_free(&d.table);
    all_down_new(&d); /* of the site alone that it has */
    d.set.site = 0;
    d.states[2].health = HEALTH_UP;
    assert_states(&d, "uu", true);
    d.states[0].health = HEALTH_UNKNOWN;
    assert_states(&d, "uu", true);
    d.states[0].assumed_up = true;
    assert_states(&d, "ud", false);
    set_table_free(&d.table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_rise),
        cmocka_unit_test(a_later_version_always_is),
        cmocka_unit_test(what_was_saved_gives_way),
        cmocka_unit_test(reloads_keep_what_still_holds),
        cmocka_unit_test(orders_of_a_list),
        cmocka_unit_test(members_of_a_pool),
        cmocka_unit_test(when_all_are_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
