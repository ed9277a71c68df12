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

#define PANIC "  panic: {share: 70%, probes: 4, sites: 2}"

/* A check of type pool has no rise and fall: it is what the pool is. */
static enum health health_of(const struct checker *c, const struct probe *p)
{
    if (!probe_is_derived(p))
        return p->told;
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

static void validate_guard(const struct checker *c)
{
    const struct guard *g = &c->plan->guard;
    uint32_t n_up = 0, n_silent = 0;
    for (uint32_t i = 0; i < c->plan->n_probes; i++) {
        const struct guard_probe *gp = &g->probes[i];
        const struct probe *p = &c->plan->probes[i];
        if (probe_is_derived(p)) {
            assert_false(gp->counted);
            continue;
        }
        assert_int_equal(gp->said == GUARD_SILENT, p->silent);
        assert_true(p->told == HEALTH_UNKNOWN || gp->is_up == (p->told == HEALTH_UP));
        assert_int_equal(gp->counted, gp->is_up || gp->fell_ms);
        n_up += gp->counted;
        n_silent += gp->counted && p->silent;
    }
    assert_int_equal(g->n_up, n_up);
    assert_int_equal(g->n_silent, n_silent);
}

static void validate_probe(const struct checker *c, const struct probe *p)
{
    bool differs = p->told != p->fsm.health;
    if (!c->plan->guard.panic && differs)
        assert_true(p->held);
    if (c->plan->guard.panic)
        assert_false(p->held || (p->fell_silent && p->told != HEALTH_DOWN)); /* undone */
    assert_int_equal(p->doubted, differs || (c->plan->guard.panic && p->silent));
}

static void validate(const struct checker *c)
{
    for (uint32_t i = 0; i < c->plan->n_probes; i++)
        if (!probe_is_derived(&c->plan->probes[i]))
            validate_probe(c, &c->plan->probes[i]);
    for (uint32_t e = 0; e < c->model->n_endpoints; e++) {
        assert_int_equal(c->states[e].health, expected_health(c, e));
        assert_int_equal(c->states[e].frozen, c->plan->guard.panic);
        assert_true(c->states[e].flip_s >= 1);
        for (uint32_t i = c->plan->first[e]; i < c->plan->first[e + 1]; i++)
            if (c->states[e].health == HEALTH_UP &&
                c->plan->probes[c->plan->of_endpoint[i]].doubted)
                assert_int_equal(c->states[e].flip_s, 1);
    }
    assert_int_equal(checker_summary(c).n_frozen, c->plan->guard.panic ? c->model->n_endpoints : 0);
    validate_guard(c);
}

static void take(struct checker *c, struct probe *p, enum trial_outcome outcome)
{
    doubt_asked(c, p);
    doubt_result(c, p, outcome);
    derived_update(c);
}

static void feed(struct checker *c, struct rng *rng, unsigned percent_ok)
{
    struct probe *p = &c->plan->probes[rng_below(rng, c->plan->n_probes)];
    if (probe_is_derived(p))
        return;
    bool ok = rng_below(rng, 100) < percent_ok;
    take(c, p, ok ? TRIAL_UP : rng_below(rng, 20) ? TRIAL_SILENT : TRIAL_DOWN);
}

static void snapshot(const struct checker *c, uint8_t *out)
{
    for (uint32_t e = 0; e < c->model->n_endpoints; e++)
        out[e] = c->states[e].health;
}

/* Weather changes every 60 steps: good, mixed, bad. */
/* Returns how many falls were held, over all steps. */
static unsigned run(struct world *w, uint64_t seed, unsigned *n_panics)
{
    unsigned n_held = 0;
    static const unsigned weather[] = {100, 60, 0, 30, 95};
    struct checker *c = w->checker;
    struct rng rng = {.state = seed};
    uint8_t frozen[64];
    uint64_t n_seen = c->n_panics;
    c->plan->guard.limits.window_ms = seed % 2 ? 1000 : 3600000;
    for (unsigned step = 0; step < 1200; step++) {
        unsigned percent_ok = weather[(step / 60 + seed) % ARRAY_LEN(weather)];
        feed(c, &rng, percent_ok);
        settable_clock_advance_ms(rng_below(&rng, 40));
        doubt_review(c);
        derived_update(c);
        if (n_seen != c->n_panics) {
            *n_panics += (unsigned)(c->n_panics - n_seen);
            n_seen = c->n_panics;
            snapshot(c, frozen);
        } else if (c->plan->guard.panic) {
            uint8_t now[64];
            snapshot(c, now);
            assert_memory_equal(now, frozen, c->model->n_endpoints);
        }
        validate(c);
        n_held += c->plan->n_held;
    }
    return n_held;
}

static void test_random_results(void **state)
{
    (void)state;
    unsigned n_panics = 0, n_held = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world w;
        world_open(&w);
        world_configure(&w, PANIC, "%s", pools);
        world_start(&w);
        assert_true(world_run(&w, 2900, world_all_tried, NULL));
        n_held += run(&w, seed, &n_panics);
        world_stop(&w);
        world_close(&w);
    }
    assert_true(n_panics > 10);
    assert_true(n_held > 100);
}

static void feed_all(struct checker *c, enum trial_outcome outcome, int rounds)
{
    for (int round = 0; round < rounds; round++)
        for (uint32_t i = 0; i < c->plan->n_probes; i++)
            if (!probe_is_derived(&c->plan->probes[i]))
                take(c, &c->plan->probes[i], outcome);
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
    feed_all(c, TRIAL_UP, 3);
    for (uint32_t e = 0; e < c->model->n_endpoints; e++)
        assert_int_equal(c->states[e].health, HEALTH_UP);
    feed_all(c, TRIAL_SILENT, 4);
    assert_true(c->plan->guard.panic);
    for (uint32_t e = 0; e < c->model->n_endpoints; e++)
        assert_int_equal(c->states[e].health, HEALTH_UP);
    validate(c);
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
