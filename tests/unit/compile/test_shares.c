/* SPDX-License-Identifier: Apache-2.0
 * Shares of the answers, from the model's weights, keys and slow starts to the picks. */
#include "tests/unit/compile/world.h"
#include "tests/unit/statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void check_shares(enum pick_kind how, unsigned family)
{
    static const uint32_t weights[] = {1, 5, 10, 3, 1};
    enum { N = ARRAY_LEN(weights) };
    struct world *w = world_new(1);
    struct pool *pool = world_pool(w);
    pool->pick = how;
    world_site(w, 0);
    for (uint32_t i = 0; i < 2 * N; i++)
        world_endpoint(w, i % 2 ? IP_V6 : IP_V4, weights[i / 2]);
    static const uint32_t zero[] = {0};
    static const struct u32_list list[] = {{zero, 1}};
    struct steering s = {.kind = STEER_ORDER, .n_classes = 1, .class_sites = list};
    const struct pool_view *view = verdict_compile(&w->model, &s, 0, w->states);
    const struct pickset *set = &view->verdicts[0].set[family];
    struct rng rng = {family + 10 * how};
    uint64_t seen[N] = {0};
    double share[N];
    for (uint32_t i = 0; i < N; i++)
        share[i] = how == PICK_ALL ? 1.0 / N : weights[i] / 20.0;
    for (uint32_t i = 0; i < 200000; i++) {
        struct ip client = {{(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}, IP_V4};
        uint32_t out[1];
        assert_int_equal(pickset_pick(set, (uint8_t)pool->pick, 1, &rng, &client, 99, out), 1);
        assert_int_equal(set->endpoint[out[0]] % 2, family);
        seen[set->endpoint[out[0]] / 2]++;
    }
    if (how == PICK_ORDERED)
        assert_int_equal(seen[0], 200000);
    else
        assert_true(chi2_fits(seen, share, N));
    arena_free(view->arena);
    world_free(w);
}

/* One address in two sites: each of the two has its own share of sticky clients. */
static void an_address_that_is_there_twice_has_two_shares(void **state)
{
    (void)state;
    struct world *w = world_new(2);
    struct pool *pool = world_pool(w);
    pool->steer = STEER_ALL;
    pool->pick = PICK_STICKY;
    for (uint32_t site = 0; site < 2; site++) {
        world_site(w, site);
        world_endpoint(w, IP_V4, 1);
        w->endpoints[site].key = "192.0.2.1";
        w->endpoints[site].key_nth = site;
    }
    const struct pool_view *view = verdict_compile(&w->model, &by_order, 0, w->states);
    const uint64_t *id = view->verdicts[0].set[0].sticky_id;
    assert_int_equal(view->verdicts[0].set[0].n, 2);
    assert_true(id[0] != id[1]);
    /* The key is all that counts, not the name. */
    uint64_t before = id[1];
    arena_free(view->arena);
    w->endpoints[1].name = w->endpoints[1].label = "web7";
    view = verdict_compile(&w->model, &by_order, 0, w->states);
    assert_true(view->verdicts[0].set[0].sticky_id[1] == before);
    arena_free(view->arena);
    world_free(w);
}

static void every_family_and_pick_has_its_shares(void **state)
{
    (void)state;
    for (unsigned how = PICK_WEIGHTED; how <= PICK_STICKY; how++) {
        check_shares((enum pick_kind)how, 0);
        check_shares((enum pick_kind)how, 1);
    }
}

static const struct pickset *first_set(const struct pool_view *view)
{
    return &view->verdicts[view->class_verdict[0]].set[0];
}

/* What starts slowly, or is busy, has a part of its weight among others, and all of it for its
 * site. */
static void slow_starts_share_in_sixteenths(void **state)
{
    (void)state;
    struct world *w = three_sites();
    w->pools[0].min_up = 1.0;
    const struct pool_view *view = verdict_compile(&w->model, &by_order, 0, w->states);
    const struct pickset *set = first_set(view);
    assert_int_equal(set->n, 2);
    assert_true(set->weight[0] == 1 && set->weight[1] == 9);
    arena_free(view->arena);
    w->states[0].ramp = SHARE_FULL;
    w->states[1].ramp = 5;
    view = verdict_compile(&w->model, &by_order, 0, w->states);
    set = first_set(view);
    assert_int_equal(set->n, 2); /* its site is up as before */
    assert_true(set->weight[0] == 16 && set->weight[1] == 45);
    arena_free(view->arena);
    w->states[1].load = 8; /* so has what is busy; both together are no less than a sixteenth */
    view = verdict_compile(&w->model, &by_order, 0, w->states);
    set = first_set(view);
    assert_true(set->weight[0] == 16 && set->weight[1] == 27);
    arena_free(view->arena);
    w->states[1].ramp = w->states[1].load = 1;
    view = verdict_compile(&w->model, &by_order, 0, w->states);
    set = first_set(view);
    assert_true(set->weight[0] == 16 && set->weight[1] == 9);
    arena_free(view->arena);
    w->states[1].ramp = SHARE_FULL;
    w->states[1].load = 4;
    view = verdict_compile(&w->model, &by_order, 0, w->states);
    set = first_set(view);
    assert_true(set->weight[0] == 16 && set->weight[1] == 36);
    arena_free(view->arena);
    w->states[1].weight_override = 3; /* a weight by order is not lessened */
    view = verdict_compile(&w->model, &by_order, 0, w->states);
    set = first_set(view);
    assert_true(set->weight[0] == 1 && set->weight[1] == 3);
    arena_free(view->arena);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_that_is_there_twice_has_two_shares),
        cmocka_unit_test(every_family_and_pick_has_its_shares),
        cmocka_unit_test(slow_starts_share_in_sixteenths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
