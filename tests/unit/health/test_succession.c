/* SPDX-License-Identifier: Apache-2.0
 * Moves to another model in slices, while results, orders and panics go on in between: what comes
 * out is what one go at the end would have made of it, and of what has not changed nothing is lost.
 */
#include "scripted.h"
#include "settable_clock.h"
#include "world.h"

#include "base/rng.h"
#include "health/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PANIC "  panic: {share: 50%, endpoints: 4, sites: 1}"

enum { PORTS = 24, FIRST_PORT = 5000, MOVES = 500 };

/** A configuration drawn at random: pools of endpoints of a few ports, some of which watch others.
 */
static void draw(char *out, size_t max, struct rng *rng)
{
    size_t at =
        (size_t)snprintf(out, max,
                         SITES "checks:\n"
                               "  c: {type: tcp, interval: 400ms, timeout: 100ms, fall: %u}\n"
                               "  d: {type: tcp, interval: 700ms, timeout: %ums, rise: 2}\n"
                               "  w: {type: pool, pool: p0}\n"
                               "  v: {type: pool, pool: p1}\n"
                               "pools:\n",
                         1 + rng_below(rng, 2), 100 + 50 * rng_below(rng, 2));
    unsigned n_pools = 3 + rng_below(rng, 3);
    for (unsigned pool = 0; pool < n_pools; pool++) {
        static const char *const checks[] = {"c", "d", "c, d"};
        const char *watched = pool == 0 ? "" : pool == 1 ? ", w" : pool == 2 ? ", v" : "";
        unsigned n = 1 + rng_below(rng, 6), first = rng_below(rng, PORTS);
        at +=
            (size_t)snprintf(out + at, max - at, "  p%u: {checks: [%s%s], sites: {%s: [", pool,
                             checks[rng_below(rng, 3)], watched, rng_below(rng, 2) ? "ams" : "iad");
        for (unsigned i = 0; i < n; i++)
            at += (size_t)snprintf(out + at, max - at,
                                   "%s{name: e%u, address: 127.0.0.1, port: %u}", i ? ", " : "",
                                   (first + i) % PORTS, FIRST_PORT + (first + i) % PORTS);
        at += (size_t)snprintf(out + at, max - at, "]}}\n");
    }
}

static void shuffle_back_ends(struct rng *rng, unsigned n)
{
    static const enum scripted what[] = {SCRIPTED_OPEN, SCRIPTED_OPEN, SCRIPTED_REFUSED,
                                         SCRIPTED_SILENT, SCRIPTED_LACKING};
    while (n-- > 0)
        scripted_set((uint16_t)(FIRST_PORT + rng_below(rng, PORTS)), what[rng_below(rng, 5)]);
}

static void order(struct world *w, struct rng *rng)
{
    static const char *const targets[] = {"p0/*", "p*/*", "ams", "p1/iad", "*/*/e5"};
    static const enum override what[] = {OVERRIDE_AUTO, OVERRIDE_DRAIN, OVERRIDE_UP};
    const char *target = targets[rng_below(rng, 5)];
    if (rng_below(rng, 3))
        (void)!world_set(w, target, what[rng_below(rng, 3)], 0, "test");
    else
        (void)!world_weigh(w, target, rng_below(rng, 5));
}

/** What the checker did meanwhile. */
static void disturb(struct world *w, struct rng *rng)
{
    if (rng_below(rng, 3) == 0)
        shuffle_back_ends(rng, 3);
    if (rng_below(rng, 12) == 0) /* the network is gone, or is back */
        for (uint16_t port = 0, what = (uint16_t)rng_below(rng, 2); port < PORTS; port++)
            scripted_set(FIRST_PORT + port, what ? SCRIPTED_OPEN : SCRIPTED_REFUSED);
    if (rng_below(rng, 6) == 0)
        order(w, rng);
    if (rng_below(rng, 2))
        world_run(w, (int)rng_below(rng, 120), NULL, NULL);
}

static void compare_states(const struct endpoint_state *a, const struct endpoint_state *b,
                           bool exact)
{
    assert_int_equal(a->health, b->health);
    assert_int_equal(a->assumed_up, b->assumed_up);
    assert_int_equal(a->checked, b->checked);
    assert_int_equal(a->stale, b->stale);
    assert_int_equal(a->override, b->override);
    assert_int_equal(a->override_since_ms, b->override_since_ms);
    assert_int_equal(a->override_until_s, b->override_until_s);
    assert_int_equal(a->weight_override, b->weight_override);
    assert_int_equal(a->flip_s, b->flip_s);
    assert_string_equal(a->override_reason, b->override_reason);
    if (!exact)
        return;
    assert_int_equal(a->latency_us, b->latency_us);
    assert_string_equal(a->reason, b->reason);
    if (a->checked && a->health != HEALTH_UNKNOWN)
        assert_int_equal(a->since_ms, b->since_ms);
}

static bool is_derived(const struct plan *plan, uint32_t endpoint)
{
    for (uint32_t i = plan->first[endpoint]; i < plan->first[endpoint + 1]; i++)
        if (probe_is_derived(&plan->probes[plan->of_endpoint[i]]))
            return true;
    return false;
}

/** The one made in slices against one made now, in one go. What is worked out then, of other
 *  endpoints or of no results, has its time of that. */
static void compare(struct world *w, const struct succession *s, struct model *next)
{
    struct succession *now =
        succession_new(next, w->credentials, w->model, checker_present(w->checker));
    assert_true(succession_step(w->checker, now, INT64_MAX));
    struct plan *plan = plan_new(next, w->credentials);
    for (uint32_t e = 0; e < next->n_endpoints; e++)
        compare_states(&succession_states(s)[e], &succession_states(now)[e], !is_derived(plan, e));
    plan_free(plan);
    succession_abandon(w->checker, now);
    succession_free(now);
}

enum { PROBES_MAX = 256 };

static bool asks_the_same(const struct check *a, const struct check *b)
{
    return a->type == CHECK_TCP && b->type == CHECK_TCP && strcmp(a->name, b->name) == 0 &&
           a->timeout_ms == b->timeout_ms;
}

/** What was known of each probe right before the switch is known of the one that asks the same. */
static void compare_probes(const struct checker *c, const struct probe_info *before, uint32_t n,
                           const struct model *model_before, unsigned *n_compared)
{
    struct probe_info now[PROBES_MAX];
    uint32_t n_now = checker_probes(c, now, PROBES_MAX);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n_now; j++) {
            const struct probe_info *a = &before[i], *b = &now[j];
            if (a->port != b->port ||
                !asks_the_same(&model_before->checks[a->check], &c->model->checks[b->check]))
                continue;
            assert_int_equal(a->n_ok, b->n_ok);
            assert_int_equal(a->n_failed, b->n_failed);
            assert_int_equal(a->n_untried, b->n_untried);
            assert_int_equal(a->last_ms, b->last_ms);
            assert_int_equal(a->since_ms, b->since_ms);
            assert_int_equal(a->health, b->health);
            ++*n_compared;
        }
}

/** Every probe waits for exactly one thing, and is counted. */
static void validate_plan(const struct checker *c)
{
    uint32_t n_waiting = 0, n_queued = 0, n_stale = 0, n_untried = 0, n_flying = 0;
    for (const struct probe *p = c->plan->waiting.first; p; p = p->queue_next)
        n_waiting++;
    for (uint32_t i = 0; i < c->plan->n_probes; i++) {
        const struct probe *p = &c->plan->probes[i];
        if (probe_is_derived(p))
            continue;
        n_queued += p->queued;
        n_stale += p->stale;
        n_untried += p->untried != NULL;
        n_flying += p->trial != NULL;
        assert_false(p->queued && p->trial);
        assert_true(p->queued || wheel_started(&p->due));
        if (p->trial)
            assert_ptr_equal(p->trial->subject, p);
    }
    uint32_t n_health[3] = {0}, n_frozen = 0;
    for (uint32_t e = 0; e < c->model->n_endpoints; e++) {
        n_health[c->states[e].health]++;
        n_frozen += c->states[e].frozen;
    }
    assert_int_equal(c->plan->n_frozen, n_frozen);
    assert_memory_equal(c->plan->n_health, n_health, sizeof n_health);
    assert_int_equal(n_waiting, n_queued);
    assert_int_equal(c->plan->n_stale, n_stale);
    assert_int_equal(c->plan->n_untried, n_untried);
    assert_int_equal(c->n_in_flight, n_flying);
}

static void configure(struct world *w, struct rng *rng, struct model **next)
{
    static char pools[8000];
    draw(pools, sizeof pools, rng);
    if (next)
        *next = world_load(w, PANIC, "%s", pools);
    else
        world_configure(w, PANIC, "%s", pools);
}

/** Slices until all is moved, with whatever may happen in between; what is undone by that is done.
 */
static void move_in_slices(struct world *w, struct succession *s, struct rng *rng)
{
    do {
        while (!succession_step(w->checker, s, 0))
            disturb(w, rng);
        while (succession_pool(s) != MODEL_NONE)
            ;
        if (rng_below(rng, 4))
            break;
        disturb(w, rng);
    } while (!succession_step(w->checker, s, INT64_MAX));
}

static void test_random_moves(void **state)
{
    (void)state;
    struct world w;
    struct rng rng = {.state = 20};
    unsigned n_compared = 0;
    world_open(&w);
    for (uint16_t port = 0; port < PORTS; port++)
        scripted_set(FIRST_PORT + port, SCRIPTED_OPEN);
    configure(&w, &rng, NULL);
    world_start(&w);
    world_run(&w, 500, NULL, NULL);
    for (int i = 0; i < MOVES; i++) {
        struct model *next, *before = w.model;
        configure(&w, &rng, &next);
        struct succession *s =
            succession_new(next, w.credentials, before, checker_present(w.checker));
        disturb(&w, &rng); /* while it was made */
        move_in_slices(&w, s, &rng);
        while (!succession_step(w.checker, s, INT64_MAX))
            ;
        compare(&w, s, next);
        assert_true(succession_step(w.checker, s, 0));
        if (rng_below(&rng, 5) == 0) { /* given up at the last moment */
            succession_abandon(w.checker, s);
            succession_free(s);
            model_free(next);
            world_run(&w, 50, NULL, NULL);
            validate_plan(w.checker);
            continue;
        }
        struct probe_info infos[PROBES_MAX];
        uint32_t n_infos = checker_probes(w.checker, infos, PROBES_MAX);
        w.model = next;
        succession_finish(w.checker, s);
        compare_probes(w.checker, infos, n_infos, before, &n_compared);
        model_free(before);
        assert_true(succession_clear(w.checker, s, INT64_MAX));
        succession_free(s);
        validate_plan(w.checker);
        world_run(&w, (int)rng_below(&rng, 300), NULL, NULL);
        validate_plan(w.checker);
        disturb(&w, &rng);
    }
    assert_true(n_compared > MOVES);
    world_stop(&w);
    world_close(&w);
}

static const char two[] =
    SITES "checks: {c: {type: tcp, interval: 1h, timeout: 500ms, fall: 1}}\n"
          "pools: {www: {checks: [c], sites: {ams: [{address: 127.0.0.1, port: 4003}], "
          "iad: [{address: 127.0.0.1, port: 4001}]}}}\n";

/* A trial that is in flight at the switch goes on, and its result counts. */
static void test_trials_go_on(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    world_configure(&w, NULL, "%s", two);
    world_start(&w);
    world_run(&w, 100, NULL, NULL);
    assert_int_equal(checker_summary(w.checker).n_in_flight, 1);
    unsigned n_started = scripted_count(SILENT_PORT);
    world_reload(&w, NULL, "%s", two);
    world_run(&w, 1, NULL, NULL);
    assert_int_equal(checker_summary(w.checker).n_in_flight, 1);
    assert_int_equal(scripted_count(SILENT_PORT), n_started);
    assert_true(world_wait_health(&w, 0, HEALTH_DOWN, 500)); /* at its own deadline */
    world_stop(&w);
    world_close(&w);
}

/* What only the old model had in flight ends in slices after the switch, and holds its slot until
 * then; a stop finds it as well. */
static void test_what_nobody_wants(void **state)
{
    (void)state;
    for (int stops = 0; stops < 2; stops++) {
        struct world w;
        world_open(&w);
        world_configure(&w, NULL, "%s", two);
        world_start(&w);
        world_run(&w, 100, NULL, NULL);
        struct model *before = w.model;
        w.model = world_load(&w, NULL, ONE, OPEN_PORT);
        struct succession *s =
            succession_new(w.model, w.credentials, before, checker_present(w.checker));
        assert_true(succession_step(w.checker, s, INT64_MAX));
        succession_finish(w.checker, s);
        model_free(before);
        assert_int_equal(checker_summary(w.checker).n_in_flight, 1);
        if (!stops) {
            assert_false(succession_clear(w.checker, s, 0));
            assert_true(succession_clear(w.checker, s, INT64_MAX));
            for (const struct trial *t = w.checker->in_flight; t; t = t->next)
                assert_non_null(t->subject);
        }
        succession_free(s);
        world_run(&w, 1000, NULL, NULL);
        world_stop(&w);
        world_close(&w);
    }
}

/* Each pool is given once, and again when something of its endpoints has changed since. */
static void test_pools_to_be_made_again(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    world_configure(&w, NULL, "%s", two);
    world_start(&w);
    world_run(&w, 100, NULL, NULL);
    struct model *next = world_load(&w, NULL, "%s", two);
    struct succession *s = succession_new(next, w.credentials, w.model, checker_present(w.checker));
    assert_true(succession_step(w.checker, s, INT64_MAX));
    assert_int_equal(succession_pool(s), 0);
    assert_int_equal(succession_pool(s), MODEL_NONE);
    assert_int_equal(world_set(&w, "www/ams", OVERRIDE_DRAIN, 0, ""), 0);
    assert_int_equal(succession_states(s)[0].override, OVERRIDE_AUTO);
    assert_true(succession_step(w.checker, s, INT64_MAX));
    assert_int_equal(succession_states(s)[0].override, OVERRIDE_DRAIN);
    assert_int_equal(succession_pool(s), 0);
    assert_int_equal(succession_pool(s), MODEL_NONE);
    succession_abandon(w.checker, s);
    assert_int_equal(world_set(&w, "www/ams", OVERRIDE_AUTO, 0, ""), 0);
    succession_free(s);
    model_free(next);
    world_stop(&w);
    world_close(&w);
}

/* Where there is always more to do, a move ends for all that. */
static void test_patience_ends(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    static char many[9000];
    size_t at = (size_t)snprintf(many, sizeof many, SITES "pools: {www: {sites: {ams: [");
    for (int i = 0; i < 200; i++)
        at += (size_t)snprintf(many + at, sizeof many - at, "%s127.0.1.%d", i ? ", " : "", i + 1);
    snprintf(many + at, sizeof many - at, "]}}}\n");
    world_configure(&w, NULL, "%s", many);
    world_start(&w);
    struct model *next = world_load(&w, NULL, "%s", many);
    struct succession *s = succession_new(next, w.credentials, w.model, checker_present(w.checker));
    int n_slices = 0;
    while (!succession_step(w.checker, s, 0)) {
        assert_int_equal(world_weigh(&w, "www/ams", n_slices % 7), 0);
        settable_clock_advance_ms(50);
        n_slices++;
    }
    assert_int_equal(n_slices, SUCCESSION_PATIENCE_MS / 50);
    succession_abandon(w.checker, s);
    succession_free(s);
    model_free(next);
    world_stop(&w);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_moves),      cmocka_unit_test(test_trials_go_on),
        cmocka_unit_test(test_what_nobody_wants), cmocka_unit_test(test_pools_to_be_made_again),
        cmocka_unit_test(test_patience_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
