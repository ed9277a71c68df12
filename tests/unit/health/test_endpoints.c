/* SPDX-License-Identifier: Apache-2.0
 * Results -> published states, by random results fed past the sockets, against the rules as written
 * down: after every step all that is kept incrementally is worked out anew and compared. */
#include "health/internal.h"
#include "scripted.h"
#include "settable_clock.h"
#include "world.h"

#include "base/rng.h"

#include <stdio.h>
#include <unistd.h>

/* Three pools over shared and own checks, the last two following others. Nobody listens. */
static const char pools[] =
    "sites: {ams: {location: [52, 4]}, iad: {location: [38, -77]}, sin: {location: [1, 103]}}\n"
    "checks:\n"
    "  a: {type: tcp, port: 9, interval: 1h, rise: 2, fall: 3}\n"
    "  b: {type: tcp, port: 10, interval: 2h, rise: 3, fall: 1}\n"
    "  p: {type: pool, pool: db}\n"
    "  q: {type: pool, pool: web}\n"
    "pools:\n"
    "  db: {checks: [a], min_up: 50%, sites: {ams: [127.0.4.1, 127.0.4.2, 127.0.4.3],\n"
    "       iad: [127.0.4.4, 127.0.4.5, 127.0.4.6], sin: [127.0.4.7, 127.0.4.8]}}\n"
    "  web: {checks: [a, b, p], sites: {ams: [127.0.4.1, 127.0.5.2], iad: [127.0.5.4, "
    "127.0.5.5]}}\n"
    "  top: {checks: [q], sites: {ams: [127.0.6.1]}}\n";

#define PANIC "  panic: {share: 70%, endpoints: 4, sites: 2}"

/* A check of type pool has no rise and fall: it is what the pool is. */
static enum health health_of(const struct checker *c, const struct probe *p)
{
    if (!probe_is_derived(p))
        return p->fsm.health;
    uint32_t pool = c->model->checks[p->check_index].pool;
    return pool_is_up(c->model, &c->model->pools[pool], c->states) ? HEALTH_UP : HEALTH_DOWN;
}

static enum health expected_health(const struct checker *c, uint32_t e)
{
    enum health health = HEALTH_UP;
    for (uint32_t i = c->plan->first[e]; i < c->plan->first[e + 1]; i++) {
        enum health of = health_of(c, &c->plan->probes[c->plan->of_endpoint[i]]);
        if (of == HEALTH_DOWN || (of == HEALTH_UNKNOWN && health == HEALTH_UP))
            health = of;
    }
    return health;
}

static bool expected_failing(const struct checker *c, uint32_t e)
{
    bool failing = false;
    for (uint32_t i = c->plan->first[e]; i < c->plan->first[e + 1]; i++) {
        const struct probe *p = &c->plan->probes[c->plan->of_endpoint[i]];
        failing |= !probe_is_derived(p) && fsm_failing(&p->fsm);
    }
    return failing;
}

static void validate_guard(const struct checker *c)
{
    const struct guard *g = &c->guard;
    uint32_t n = 0, n_sites = 0, at_site[8] = {0};
    for (uint32_t e = 0; e < c->model->n_endpoints; e++) {
        const struct guard_endpoint *ge = &g->endpoints[e];
        assert_int_equal(ge->failing, expected_failing(c, e));
        assert_int_equal(ge->published_down, c->states[e].health == HEALTH_DOWN);
        assert_int_equal(ge->counted, ge->failing && (!ge->published_down || ge->fell_ms));
        n += ge->counted;
        n_sites += ge->counted && at_site[c->model->endpoints[e].site]++ == 0;
    }
    assert_int_equal(g->n_counted, n);
    assert_int_equal(g->n_sites_counted, n_sites);
}

static void validate(const struct checker *c)
{
    for (uint32_t e = 0; e < c->model->n_endpoints; e++) {
        if (!c->guard.panic)
            assert_int_equal(c->states[e].health, expected_health(c, e));
        assert_int_equal(c->states[e].stale, c->guard.panic);
        if (c->guard.panic && c->states[e].health != expected_health(c, e))
            assert_int_equal(c->states[e].flip_s, 1);
        assert_true(c->states[e].flip_s >= 1);
    }
    validate_guard(c);
}

static void feed(struct checker *c, struct rng *rng, unsigned percent_ok)
{
    struct probe *p = &c->plan->probes[rng_below(rng, c->plan->n_probes)];
    struct fsm_limits limits = probe_limits(p);
    if (probe_is_derived(p))
        return;
    fsm_result(&p->fsm, rng_below(rng, 100) < percent_ok, &limits);
    endpoints_follow(c, p);
}

static void snapshot(const struct checker *c, uint8_t *out)
{
    for (uint32_t e = 0; e < c->model->n_endpoints; e++)
        out[e] = c->states[e].health;
}

/* Weather changes every 60 steps: good, mixed, bad. */
static void run(struct world *w, uint64_t seed, unsigned *n_panics)
{
    static const unsigned weather[] = {100, 60, 0, 30, 95};
    struct checker *c = w->checker;
    struct rng rng = {.state = seed};
    uint8_t frozen[64];
    c->guard.limits.window_ms = seed % 2 ? 1 : 3600000;
    for (unsigned step = 0; step < 1200; step++) {
        bool before = c->guard.panic;
        unsigned percent_ok = weather[(step / 60 + seed) % ARRAY_LEN(weather)];
        feed(c, &rng, percent_ok);
        if (!before && c->guard.panic) {
            ++*n_panics;
            snapshot(c, frozen);
        } else if (c->guard.panic) {
            uint8_t now[64];
            snapshot(c, now);
            assert_memory_equal(now, frozen, c->model->n_endpoints);
        }
        if (seed % 2 && step % 100 == 0)
            settable_clock_advance_ms(2);
        endpoints_review_panic(c);
        validate(c);
    }
}

static void test_random_results(void **state)
{
    (void)state;
    unsigned n_panics = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world w;
        world_open(&w);
        world_configure(&w, PANIC, "%s", pools);
        world_start(&w);
        assert_true(world_run(&w, 2900, world_all_tried, NULL));
        run(&w, seed, &n_panics);
        world_stop(&w);
        world_close(&w);
    }
    assert_true(n_panics > 10);
}

/* A panic that begins while another endpoint's fall is being published takes that fall back. */
static void test_freezes_what_was(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    world_configure(&w, PANIC, "%s", pools);
    world_start(&w);
    assert_true(world_run(&w, 2900, world_all_tried, NULL));
    struct checker *c = w.checker;
    for (int round = 0; round < 3; round++)
        for (uint32_t i = 0; i < c->plan->n_probes; i++) {
            struct fsm_limits limits = probe_limits(&c->plan->probes[i]);
            if (probe_is_derived(&c->plan->probes[i]))
                continue;
            fsm_result(&c->plan->probes[i].fsm, true, &limits);
            endpoints_follow(c, &c->plan->probes[i]);
        }
    for (uint32_t e = 0; e < c->model->n_endpoints; e++)
        assert_int_equal(c->states[e].health, HEALTH_UP);
    for (int round = 0; round < 4; round++)
        for (uint32_t i = 0; i < c->plan->n_probes; i++) {
            struct fsm_limits limits = probe_limits(&c->plan->probes[i]);
            if (probe_is_derived(&c->plan->probes[i]))
                continue;
            fsm_result(&c->plan->probes[i].fsm, false, &limits);
            endpoints_follow(c, &c->plan->probes[i]);
        }
    assert_true(c->guard.panic);
    for (uint32_t e = 0; e < c->model->n_endpoints; e++)
        assert_int_equal(c->states[e].health, HEALTH_UP);
    validate_guard(c);
    world_stop(&w);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_results),
        cmocka_unit_test(test_freezes_what_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
