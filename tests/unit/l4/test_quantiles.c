/* SPDX-License-Identifier: Apache-2.0
 * Quantiles against sorted samples, fading, and many writers at once. */
#include "l4/quantiles.h"

#include "base/rng.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void none_is_zero(void **state)
{
    (void)state;
    struct quantiles q = {0};
    assert_int_equal(quantiles_at(&q, 0.5), 0);
}

/* Each value by itself, to within 1/16; small ones exactly. */
static void one_value_is_known(void **state)
{
    (void)state;
    for (uint32_t us = 1; us < 1 << 24; us = us < 5000 ? us + 1 : us + us / 97) {
        struct quantiles q = {0};
        quantiles_add(&q, us);
        uint32_t at = quantiles_at(&q, 0.5);
        uint32_t off = at > us ? at - us : us - at;
        assert_true(off <= us / 16);
    }
}

static void the_ends_of_the_range_hold(void **state)
{
    (void)state;
    struct quantiles q = {0};
    quantiles_add(&q, 0);
    assert_int_equal(quantiles_at(&q, 1.0), 1);
    quantiles_add(&q, UINT32_MAX);
    quantiles_add(&q, 1 << 24);
    uint32_t most = quantiles_at(&q, 1.0);
    assert_true(most > 15000000 && most < 1 << 24);
    assert_int_equal(quantiles_at(&q, 0.0), 1);
    assert_int_equal(quantiles_at(&q, 0.33), 1);
    assert_int_equal(quantiles_at(&q, 0.34), most);
}

static int ascending(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void quantiles_are_those_of_the_samples(void **state)
{
    (void)state;
    enum { N = 4000 };
    static uint32_t v[N];
    struct rng rng = {11};
    struct quantiles q = {0};
    for (unsigned i = 0; i < N; i++) {
        v[i] = 1 + rng_below(&rng, 1U << rng_below(&rng, 24));
        quantiles_add(&q, v[i]);
    }
    qsort(v, N, sizeof *v, ascending);
    for (unsigned percent = 1; percent <= 100; percent++) {
        double at = quantiles_at(&q, percent / 100.0), want = v[N * percent / 100 - 1];
        assert_true(at >= want - want / 16 - 1 && at <= want + want / 16 + 1);
    }
}

/* After a change the new values are more than half at once, and soon nearly all. */
static void old_ones_fade(void **state)
{
    (void)state;
    struct quantiles q = {0};
    for (unsigned i = 0; i < 100000; i++)
        quantiles_add(&q, 1000);
    for (unsigned i = 0; i < 6 * 4096; i++)
        quantiles_add(&q, 50000);
    assert_true(quantiles_at(&q, 0.05) > 40000);
    uint64_t sum = 0;
    for (unsigned i = 0; i < QUANTILES_SUB * QUANTILES_POWERS; i++)
        sum += q.counts[i];
    assert_true(sum <= 2 * 4096);
}

/* A tail whose buckets hold one or two keeps its share: 1 in 128. */
static void the_tail_does_not_fade_first(void **state)
{
    (void)state;
    struct quantiles q = {0};
    struct rng rng = {5};
    double tail = 0, all = 0;
    for (unsigned i = 1; i <= 400 * 4096; i++) {
        quantiles_add(&q,
                      i % 128 == 0 ? (8 + rng_below(&rng, 8)) << (9 + rng_below(&rng, 4)) : 100);
        for (unsigned k = 0; i % 4096 == 0 && k < QUANTILES_SUB * QUANTILES_POWERS; k++) {
            tail += k >= 12 * QUANTILES_SUB ? q.counts[k] : 0;
            all += q.counts[k];
        }
    }
    assert_true(tail > all / 128 * 0.9 && tail < all / 128 * 1.1);
}

#define WRITERS 4
#define EACH 200000

static void *write_many(void *arg)
{
    for (unsigned i = 0; i < EACH; i++)
        quantiles_add(arg, 1 + i % 1000);
    return NULL;
}

static void writers_do_not_wait(void **state)
{
    (void)state;
    struct quantiles q = {0};
    pthread_t threads[WRITERS];
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &q), 0);
    for (unsigned i = 0; i < 1000; i++)
        assert_true(quantiles_at(&q, 0.5) <= 1063);
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(q.n, WRITERS * EACH);
    assert_int_equal(q.sum_us, WRITERS * (EACH / 1000) * 500500ULL);
    uint32_t middle = quantiles_at(&q, 0.5);
    assert_true(middle > 400 && middle < 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_is_zero),
        cmocka_unit_test(one_value_is_known),
        cmocka_unit_test(the_ends_of_the_range_hold),
        cmocka_unit_test(quantiles_are_those_of_the_samples),
        cmocka_unit_test(old_ones_fade),
        cmocka_unit_test(the_tail_does_not_fade_first),
        cmocka_unit_test(writers_do_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
