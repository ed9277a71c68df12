/* SPDX-License-Identifier: Apache-2.0
 * Orders of members of long lists: what they cost, counted in comparisons of keys, and that they
 * are found after others have ended. */
#include "l4/set_table.h"

#include "l4/setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N 20000

static unsigned long n_compared;

int __real_strcmp(const char *a, const char *b);
int __real_memcmp(const void *a, const void *b, size_t n);
int __wrap_strcmp(const char *a, const char *b);
int __wrap_memcmp(const void *a, const void *b, size_t n);
int __wrap_bcmp(const void *a, const void *b, size_t n);

int __wrap_strcmp(const char *a, const char *b)
{
    n_compared++;
    return __real_strcmp(a, b);
}

int __wrap_memcmp(const void *a, const void *b, size_t n)
{
    n_compared++;
    return __real_memcmp(a, b, n);
}

/* What clang makes of memcmp() == 0. */
int __wrap_bcmp(const void *a, const void *b, size_t n)
{
    return __wrap_memcmp(a, b, n);
}

/** A list of N members. */
static struct l4_listed *follow_list(struct set_table *table)
{
    struct l4_listed *listed = xcalloc(N, sizeof *listed);
    for (uint32_t i = 0; i < N; i++) {
        listed[i].addr = (struct ip){.family = IP_V4, .b = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}};
        listed[i].port = 80;
        listed[i].weight = 1;
    }
    const struct l4_set set = {
        .name = "l", .pool = MODEL_NONE, .site = MODEL_NONE, .listed = listed, .n_listed = N};
    const struct l4_config config = {.sets = &set, .n_sets = 1};
    set_table_follow(table, &config);
    return listed;
}

static void order_all(struct work_set *set)
{
    for (uint32_t i = 0; i < N; i++) {
        struct list_order *order = work_set_order(set, set->now.v[i].key);
        order->has_state = true;
        order->state = MEMBER_DRAIN;
        order->state_until_ms = i % 2 ? INT64_MAX : 1000;
    }
}

static uint32_t count_drained(const struct work_set *set, int64_t now_ms)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < N; i++)
        n += work_set_member(set, i, now_ms).state == MEMBER_DRAIN;
    return n;
}

static void a_long_list_costs_what_it_is_long(void **state)
{
    (void)state;
    struct set_table table = {0};
    struct l4_listed *listed = follow_list(&table);
    struct work_set *set = table.v[0];
    n_compared = 0;
    order_all(set); /* made */
    order_all(set); /* found */
    assert_in_range(n_compared, 1, 40 * N);
    n_compared = 0;
    assert_int_equal(count_drained(set, 999), N);
    assert_in_range(n_compared, 1, 20 * N);
    n_compared = 0;
    assert_int_equal(set_table_expire(&table, 999), 1000);
    assert_int_equal(n_compared, 0);
    assert_int_equal(set_table_expire(&table, 1000), INT64_MAX);
    assert_int_equal(count_drained(set, 1000), N / 2);
    assert_in_range(n_compared, 1, 40 * N);
    set_table_free(&table);
    free(listed);
}

static void each_is_found_when_others_have_ended(void **state)
{
    (void)state;
    struct set_table table = {0};
    struct l4_listed *listed = follow_list(&table);
    struct work_set *set = table.v[0];
    order_all(set);
    struct list_order *weighed = work_set_find_order(set, set->now.v[8].key); /* its state ends */
    weighed->has_weight = true;
    weighed->weight_until_ms = INT64_MAX;
    set_table_expire(&table, 1000);
    assert_int_equal(set->orders.v.n, N / 2 + 1);
    for (uint32_t i = 0; i < N; i++) {
        struct list_order *order = work_set_find_order(set, set->now.v[i].key);
        assert_int_equal(order != NULL, i % 2 || i == 8);
        if (order)
            assert_string_equal(order->key, set->now.v[i].key);
    }
    assert_null(work_set_find_order(set, "nobody"));
    work_set_forget_orders(set);
    assert_int_equal(count_drained(set, 0), 0);
    work_set_order(set, set->now.v[7].key)->has_state = true; /* and again */
    assert_int_equal(set->orders.v.n, 1);
    set_table_free(&table);
    free(listed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_list_costs_what_it_is_long),
        cmocka_unit_test(each_is_found_when_others_have_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
