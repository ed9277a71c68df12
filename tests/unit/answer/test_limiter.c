/* SPDX-License-Identifier: Apache-2.0
 * Levels of client networks beside an exact model of one; the table when it is crowded. */
#include "answer/limiter.h"

#include "base/rng.h"
#include "compile/limits.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define START_MS INT64_C(1700000000000)

struct fixture {
    struct arena *arena;
    struct limiter *limiter;
    struct limits limits;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->arena = arena_new();
    f->limiter = limiter_new();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    limiter_free(f->limiter);
    arena_free(f->arena);
    free(f);
    return 0;
}

static const struct rate_policy *configure(struct fixture *f, uint32_t rate, uint32_t burst)
{
    struct server_config server = {
        .workers = 1, .rate_limit = {.bytes_per_second = rate, .burst = burst, .slip = 2}};
    limits_compile(&f->limits, f->arena, &server);
    return &f->limits.rate;
}

static uint64_t network_of(const char *text)
{
    struct ip ip;
    assert_int_equal(ip_parse(&ip, text), 0);
    return limiter_network(&ip);
}

static uint32_t charge(struct fixture *f, uint64_t network, uint32_t bytes, int64_t now_ms)
{
    return limiter_charge(f->limiter, &f->limits.rate, limiter_prefetch(f->limiter, network), bytes,
                          limiter_tick(&f->limits.rate, now_ms));
}

static uint32_t level(const struct fixture *f, uint64_t network, int64_t now_ms)
{
    return limiter_level(f->limiter, network, limiter_tick(&f->limits.rate, now_ms));
}

static void test_networks(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } of[] = {
        {"192.0.2.1", "192.0.2.255", true},
        {"192.0.2.1", "192.0.3.1", false},
        {"2001:db8:0:100::1", "2001:db8:0:1ff:ffff::", true},
        {"2001:db8:0:100::1", "2001:db8:0:200::1", false},
        {"192.0.2.1", "c000:200::", false},
        {"0.0.0.0", "::", false},
    };
    char text[IP_PREFIX_TEXT_MAX];
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(of); i++)
        assert_int_equal(network_of(of[i].a) == network_of(of[i].b), of[i].same);
    struct ip_prefix p = limiter_prefix(network_of("198.51.100.7"));
    assert_string_equal(ip_prefix_text(text, &p), "198.51.100.0/24");
    p = limiter_prefix(network_of("2001:db8:1:2ff::1"));
    assert_string_equal(ip_prefix_text(text, &p), "2001:db8:1:200::/56");
}

static void test_decay(void **state)
{
    (void)state;
    for (uint32_t ticks = 0; ticks < 400; ticks++) {
        double exact = LEVEL_MAX * exp(-(double)ticks / LEVEL_TICKS);
        assert_true(fabs((double)limiter_decay(LEVEL_MAX, ticks) - exact) < exact * 0.001 + 800);
    }
    assert_int_equal(limiter_decay(LEVEL_MAX, UINT32_MAX), 0);
}

/* Charges at random times in random amounts, of networks in turn; whatever rate and burst are. */
static void check_against_model(struct fixture *f, struct rng *rng, uint32_t rate, uint32_t burst)
{
    const struct rate_policy *policy = configure(f, rate, burst);
    double exact = 0, span_ms = policy->span_ms, unit = (double)LEVEL_FULL / burst;
    uint64_t network = rng_next(rng) & 0xffffff;
    int64_t now = START_MS + (int64_t)rng_below(rng, 1000000);
    for (unsigned i = 0; i < 400; i++) {
        uint32_t passed =
            rng_below(rng, 4) ? rng_below(rng, 20) : rng_below(rng, policy->span_ms * 2);
        uint32_t bytes = rng_below(rng, burst / 64 + 2);
        now += passed;
        exact = exact * exp(-(double)passed / span_ms) + bytes * unit;
        if (exact > LEVEL_MAX)
            exact = LEVEL_MAX;
        double got = charge(f, network | (uint64_t)IP_V4 << 56, bytes, now);
        /* A tick is a thirty-second of a span, and time counts in whole ones. */
        assert_in_range((uint64_t)(got + 1), (uint64_t)(exact * 0.95),
                        (uint64_t)(exact * 1.05 + 500));
    }
}

static void test_like_the_model(void **state)
{
    static const uint32_t of[][2] = {{65536, 131072},   {1024, 4096},      {1u << 30, 1u << 30},
                                     {1000000, 100000}, {65536, 1u << 30}, {1u << 30, 107374183}};
    struct fixture *f = *state;
    struct rng rng = {7};
    for (unsigned i = 0; i < ARRAY_LEN(of); i++) {
        for (unsigned k = 0; k < 50; k++)
            check_against_model(f, &rng, of[i][0], of[i][1]);
    }
}

/* A steady flow below bytes_per_second is never limited, one above is, and stays so. */
static void test_steady(void **state)
{
    struct fixture *f = *state;
    configure(f, 65536, 131072);
    for (unsigned percent = 50; percent <= 150; percent += 10) {
        uint64_t network = network_of("192.0.2.0") + percent;
        unsigned limited = 0;
        for (int64_t ms = 0; ms < 30000; ms += 10)
            limited += charge(f, network, 655 * percent / 100, START_MS + ms) >= LEVEL_FULL;
        if (percent < 95)
            assert_int_equal(limited, 0);
        if (percent > 105)
            assert_true(limited > 0 &&
                        level(f, network, START_MS + 30000) >= LEVEL_FULL * 95 / 100);
    }
}

static void test_forgets(void **state)
{
    struct fixture *f = *state;
    const struct rate_policy *policy = configure(f, 65536, 131072);
    uint64_t network = network_of("192.0.2.1");
    for (unsigned i = 0; i < 1000; i++)
        charge(f, network, 1000000, START_MS);
    assert_int_equal(level(f, network, START_MS), LEVEL_MAX);
    assert_true(level(f, network, START_MS + policy->span_ms / 2) >= LEVEL_FULL);
    assert_true(level(f, network, START_MS + policy->span_ms * 3 / 4) < LEVEL_FULL);
    assert_int_equal(level(f, network, START_MS + policy->span_ms * 20), 0);
    /* A clock that goes back forgets, too, rather than to keep it for hours. */
    assert_int_equal(level(f, network, START_MS - 3600000), 0);
}

static void test_pressure(void **state)
{
    struct fixture *f = *state;
    const struct rate_policy *policy = configure(f, 65536, 131072);
    assert_false(limiter_is_pressed(f->limiter, START_MS));
    limiter_press(f->limiter, policy, network_of("192.0.2.1"), START_MS);
    assert_true(limiter_is_pressed(f->limiter, START_MS + 1900));
    assert_false(limiter_is_pressed(f->limiter, START_MS + 2100));
    limiter_press(f->limiter, policy, network_of("192.0.2.1"), START_MS + 1000);
    assert_true(limiter_is_pressed(f->limiter, START_MS + 2900));
    limiter_press(f->limiter, policy, network_of("192.0.2.1"), START_MS - 100000);
    assert_false(limiter_is_pressed(f->limiter, START_MS));
}

/* Networks that are exempt as a whole put nobody under pressure; parts of one do. */
static void test_exempt(void **state)
{
    struct fixture *f = *state;
    struct ip_prefix exempt[2], include[1];
    static const struct {
        const char *address;
        bool exempt, pressed;
    } of[] = {
        {"198.51.100.1", true, false}, {"198.51.101.1", false, true}, {"10.0.5.1", true, false},
        {"10.0.7.200", false, true},   {"10.0.7.5", true, true},      {"192.0.2.1", false, true},
    };
    assert_int_equal(ip_prefix_parse(&exempt[0], "198.51.100.0/24"), 0);
    assert_int_equal(ip_prefix_parse(&exempt[1], "10.0.0.0/8"), 0);
    assert_int_equal(ip_prefix_parse(&include[0], "10.0.7.128/25"), 0);
    struct server_config server = {.workers = 1,
                                   .rate_limit = {.bytes_per_second = 65536,
                                                  .burst = 131072,
                                                  .exempt = exempt,
                                                  .n_exempt = 2,
                                                  .include = include,
                                                  .n_include = 1}};
    limits_compile(&f->limits, f->arena, &server);
    for (unsigned i = 0; i < ARRAY_LEN(of); i++) {
        struct ip ip;
        int64_t now = START_MS + i * 100000;
        assert_int_equal(ip_parse(&ip, of[i].address), 0);
        assert_int_equal(limiter_is_exempt(&f->limits.rate, &ip), of[i].exempt);
        limiter_press(f->limiter, &f->limits.rate, limiter_network(&ip), now);
        assert_int_equal(limiter_is_pressed(f->limiter, now), of[i].pressed);
    }
}

/* --- a crowded table --- */

static uint64_t random_network(struct rng *rng)
{
    return (rng_next(rng) & UINT64_C(0xffffffffffffff)) | (uint64_t)IP_V6 << 56;
}

/* Millions of networks do not push out the one that is flooded, nor do they make it be forgotten
 * while it fills; and those that are few and flooded limit no other. */
static void test_hostile(void **state)
{
    struct fixture *f = *state;
    struct rng rng = {3};
    configure(f, 65536, 131072);
    uint64_t victim = network_of("192.0.2.1");
    unsigned n = 0;
    /* A hundred others for each of its own. */
    for (; level(f, victim, START_MS) < LEVEL_FULL; n++) {
        charge(f, victim, 966, START_MS);
        for (unsigned k = 0; k < 100; k++)
            charge(f, random_network(&rng), 966, START_MS);
        assert_true(n < 300);
    }
    assert_in_range(n, 136, 150);
    for (unsigned i = 0; i < 4000000; i++)
        charge(f, random_network(&rng), 1188, START_MS + i / 40000);
    assert_true(level(f, victim, START_MS + 100) >= LEVEL_FULL * 94 / 100);
    unsigned limited = 0;
    for (unsigned i = 0; i < 1000000; i++)
        limited += level(f, random_network(&rng), START_MS + 100) >= LEVEL_FULL;
    assert_int_equal(limited, 0);
}

/* Flooded networks are kept, however many others come, as long as there is room for them. */
static void test_many_victims(void **state)
{
    struct fixture *f = *state;
    struct rng rng = {5};
    enum { VICTIMS = 4000 };
    uint64_t victims[VICTIMS];
    configure(f, 65536, 131072);
    for (unsigned i = 0; i < VICTIMS; i++) {
        victims[i] = random_network(&rng);
        for (unsigned k = 0; k < 300; k++)
            charge(f, victims[i], 966, START_MS);
    }
    for (unsigned i = 0; i < 1000000; i++)
        charge(f, random_network(&rng), 1188, START_MS);
    unsigned kept = 0;
    for (unsigned i = 0; i < VICTIMS; i++)
        kept += level(f, victims[i], START_MS) >= LEVEL_FULL;
    assert_true(kept >= VICTIMS * 99 / 100);
}

/* --- several workers --- */

struct worker {
    struct fixture *f;
    uint64_t network;
    unsigned n;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    for (unsigned i = 0; i < w->n; i++)
        charge(w->f, w->network, 4, START_MS);
    return NULL;
}

/* The level is of all workers together, and what two do in the same instant is not lost but in
 * part. */
static void test_workers(void **state)
{
    struct fixture *f = *state;
    configure(f, 65536, 131072);
    for (unsigned n_workers = 1; n_workers <= 4; n_workers++) {
        struct worker w = {f, network_of("192.0.2.0") + n_workers, 24000 / n_workers};
        pthread_t threads[4];
        for (unsigned i = 0; i < n_workers; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, work, &w), 0);
        for (unsigned i = 0; i < n_workers; i++)
            pthread_join(threads[i], NULL);
        uint32_t sum = level(f, w.network, START_MS), exact = 24000u * 4 * 8;
        assert_true(sum <= exact && sum >= exact / (n_workers + 1));
    }
}

static void test_notes(void **state)
{
    struct fixture *f = *state;
    struct rng rng = {9};
    uint64_t loud = network_of("192.0.2.1"), quiet = network_of("198.51.100.1");
    limiter_note(f->limiter, quiet, rng_next(&rng));
    for (unsigned i = 0; i < 100000; i++)
        limiter_note(f->limiter, loud, rng_next(&rng));
    uint64_t n_loud = 0, n_quiet = 0;
    for (unsigned i = 0; i < LIMITER_ACTING; i++) {
        uint64_t network = atomic_load(&f->limiter->acting[i].network);
        n_loud += network == loud ? atomic_load(&f->limiter->acting[i].n) : 0;
        n_quiet += network == quiet ? atomic_load(&f->limiter->acting[i].n) : 0;
    }
    assert_int_equal(n_quiet, 1);
    assert_in_range(n_loud, 90000, 110000);
    /* More networks than can be told apart: the loud one stays. */
    for (unsigned i = 0; i < 1000; i++)
        limiter_note(f->limiter, random_network(&rng), rng_next(&rng));
    n_loud = 0;
    for (unsigned i = 0; i < LIMITER_ACTING; i++)
        n_loud += atomic_load(&f->limiter->acting[i].network) == loud;
    assert_int_equal(n_loud, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_networks),     TEST(test_decay),    TEST(test_like_the_model), TEST(test_steady),
        TEST(test_forgets),      TEST(test_pressure), TEST(test_exempt),         TEST(test_hostile),
        TEST(test_many_victims), TEST(test_workers),  TEST(test_notes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
