/* SPDX-License-Identifier: Apache-2.0
 * The table of flows against a plain array, through what a worker does with it: flows come, are
 * found, go, and the table grows. */
#include "l4/udp.h"

#include "base/arena.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEYS 3000

static struct udp *table_new(uint32_t max)
{
    struct udp *udp = xcalloc(1, sizeof *udp);
    udp->free = UDP_NONE;
    udp->seed = 7;
    udp_table_reserve(udp, max);
    return udp;
}

static void table_free(struct udp *udp)
{
    udp_table_free(udp);
    free(udp);
}

static struct udp_key key_of(uint32_t i)
{
    struct udp_key key = {.listener = (uint16_t)(i & 3), .port_be = (uint16_t)(i >> 2)};
    memcpy(key.client, &i, sizeof i);
    return key;
}

static struct udp_flow *find(struct udp *udp, uint32_t i)
{
    struct udp_key key = key_of(i);
    return udp_table_find(udp, &key, udp_key_hash(udp, &key));
}

static struct udp_flow *add(struct udp *udp, uint32_t i)
{
    struct udp_key key = key_of(i);
    struct udp_flow *flow = udp_table_add(udp, &key, udp_key_hash(udp, &key));
    if (flow)
        flow->peer = (struct udp_peer *)flow; /* anything: in use */
    return flow;
}

/** Each entry is where its search finds it, and the counts agree. */
static void validate(struct udp *udp)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i <= udp->mask; i++) {
        if (!udp->slots[i].flow)
            continue;
        struct udp_flow *flow = udp_flow_at(udp, udp->slots[i].flow - 1);
        assert_ptr_equal(udp_table_find(udp, &flow->key, flow->hash), flow);
        assert_int_equal(flow->at, udp->slots[i].flow - 1);
        n++;
    }
    assert_int_equal(n, udp->n_flows);
    assert_true(udp->n_flows * 2 <= udp->mask + 1);
}

static void test_against_an_array(void **state)
{
    (void)state;
    static struct udp_flow *have[KEYS];
    struct udp *udp = table_new(500);
    struct rng rng = {.state = 1};
    uint32_t n = 0, n_full = 0;
    for (uint32_t step = 0; step < 200000; step++) {
        uint32_t i = rng_below(&rng, KEYS);
        assert_ptr_equal(find(udp, i), have[i]);
        if (have[i]) {
            udp_table_remove(udp, have[i]);
            have[i] = NULL;
            n--;
        } else if ((have[i] = add(udp, i))) {
            n++;
        } else {
            assert_int_equal(n, udp->max_flows);
            n_full++;
        }
        if (step % 5000 == 0)
            validate(udp);
        if (step == 100000)
            udp_table_reserve(udp, 900);
    }
    validate(udp);
    assert_int_equal(n, udp->n_flows);
    assert_true(n_full > 0);
    assert_int_equal(udp->max_flows, 900);
    assert_true(udp->n_made <= 1024);
    table_free(udp);
}

/** Runs that go over the end of the table, of keys that all want the same place. */
static void test_one_place(void **state)
{
    (void)state;
    struct udp *udp = table_new(32);
    struct udp_flow *flows[20];
    for (uint32_t hash = 60; hash < 64; hash++) {
        for (uint32_t i = 0; i < ARRAY_LEN(flows); i++) {
            struct udp_key key = key_of(i);
            flows[i] = udp_table_add(udp, &key, hash + (i % 3) * 64 + i / 10);
        }
        for (uint32_t i = 0; i < ARRAY_LEN(flows); i++) {
            udp_table_remove(udp, flows[(i * 7) % ARRAY_LEN(flows)]);
            validate(udp);
        }
    }
    table_free(udp);
}

/** Equal hashes do not make equal flows. */
static void test_same_hash(void **state)
{
    (void)state;
    struct udp *udp = table_new(8);
    struct udp_key a = key_of(1), b = a, c = a;
    b.local[15] = 1;
    c.listener++;
    struct udp_flow *flow = udp_table_add(udp, &a, 5);
    assert_null(udp_table_find(udp, &b, 5));
    assert_null(udp_table_find(udp, &c, 5));
    assert_ptr_equal(udp_table_find(udp, &a, 5), flow);
    assert_null(udp_table_find(udp, &a, 6));
    table_free(udp);
}

/** None, before a plan has said how many. */
static void test_empty(void **state)
{
    (void)state;
    struct udp *udp = table_new(0);
    assert_null(find(udp, 1));
    assert_null(add(udp, 1));
    table_free(udp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_an_array),
        cmocka_unit_test(test_one_place),
        cmocka_unit_test(test_same_hash),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
