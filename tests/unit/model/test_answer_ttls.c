/* SPDX-License-Identifier: Apache-2.0
 * TTLs of answers against a slow model: each name walks down the fallbacks of its pool. */
#include "model/answer_ttls.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define POOLS_MAX 12

static void ask(uint32_t *longest, const struct model *m, uint32_t pool, bool own, uint32_t own_s)
{
    for (; pool != MODEL_NONE; pool = m->pools[pool].fallback) {
        uint32_t ttl_s = own ? own_s : m->pools[pool].ttl.max_s;
        if (ttl_s == 0)
            ttl_s = 1;
        if (ttl_s > longest[pool])
            longest[pool] = ttl_s;
    }
}

static void check_one(struct rng *rng)
{
    struct pool pools[POOLS_MAX] = {0};
    struct named_ttl named[3][POOLS_MAX];
    struct zone zones[3] = {0};
    struct model m = {
        .pools = pools, .n_pools = 1 + rng_below(rng, POOLS_MAX), .zones = zones, .n_zones = 3};
    uint32_t expected[POOLS_MAX] = {0}, place[POOLS_MAX];
    /* A fallback is one that comes later in an order of chance: there are no circles. */
    for (uint32_t i = 0; i < m.n_pools; i++) {
        uint32_t k = rng_below(rng, i + 1);
        place[i] = place[k];
        place[k] = i;
    }
    for (uint32_t i = 0; i < m.n_pools; i++) {
        struct pool *p = &pools[place[i]];
        p->ttl.max_s = rng_below(rng, 5);
        p->fallback = MODEL_NONE;
        if (i + 1 < m.n_pools && rng_below(rng, 4)) {
            p->on_all_down = ALL_DOWN_FALLBACK;
            p->fallback = place[i + 1 + rng_below(rng, m.n_pools - i - 1)];
        }
    }
    for (uint32_t z = 0; z < 3; z++) {
        zones[z].named_ttls = named[z];
        for (uint32_t i = 0; i < m.n_pools; i++) {
            struct named_ttl ttl = {i, rng_below(rng, 2) ? rng_below(rng, 9) : 0,
                                    rng_below(rng, 2)};
            if (rng_below(rng, 3))
                continue;
            named[z][zones[z].n_named_ttls++] = ttl;
            ask(expected, &m, i, true, ttl.max_s);
            if (ttl.bare)
                ask(expected, &m, i, false, 0);
        }
    }
    struct arena *arena = arena_new();
    assert_memory_equal(answer_ttls(arena, &m), expected, m.n_pools * sizeof *expected);
    arena_free(arena);
}

static void test_against_a_slow_model(void **state)
{
    (void)state;
    struct rng rng = {.state = 7};
    for (int i = 0; i < 20000; i++)
        check_one(&rng);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_a_slow_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
