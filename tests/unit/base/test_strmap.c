/* SPDX-License-Identifier: Apache-2.0
 * Hash map, hash function, random generator. */
#include "base/strmap.h"

#include "base/hash.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void map_keeps_the_first_value(void **state)
{
    (void)state;
    enum { N = 20000 };
    static char keys[N][12];
    struct strmap map = {0};
    assert_int_equal(strmap_get(&map, slice_str("x")), STRMAP_NONE);
    for (uint32_t i = 0; i < N; i++) {
        snprintf(keys[i], sizeof keys[i], "key%u", i);
        assert_int_equal(strmap_add(&map, slice_str(keys[i]), i), i);
        assert_int_equal(strmap_add(&map, slice_str(keys[i]), i + 1), i);
        /* Looking for what is not there ends at a free place, of which there are enough. */
        assert_true(2 * map.n <= map.mask + 1);
        assert_int_equal(strmap_get(&map, slice_str("absent")), STRMAP_NONE);
    }
    assert_int_equal(map.n, N);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(strmap_get(&map, slice_str(keys[i])), i);
    assert_int_equal(strmap_get(&map, slice_str("key20000")), STRMAP_NONE);
    strmap_free(&map);
    assert_int_equal(strmap_get(&map, slice_str("key1")), STRMAP_NONE);
}

static void empty_key_is_a_key(void **state)
{
    (void)state;
    struct strmap map = {0};
    assert_int_equal(strmap_add(&map, slice_of(NULL, 0), 3), 3);
    assert_int_equal(strmap_get(&map, slice_of("", 0)), 3);
    strmap_free(&map);
}

/* All lengths differ from each other and from any one-bit change; nothing outside is read (ASan).
 */
static void hash_depends_on_every_bit(void **state)
{
    (void)state;
    for (uint32_t n = 0; n <= 64; n++) {
        uint8_t *p = calloc(1, n ? n : 1);
        uint64_t base = hash_bytes(1, p, n);
        assert_true(base != hash_bytes(2, p, n));
        for (uint32_t bit = 0; bit < n * 8; bit++) {
            p[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_true(hash_bytes(1, p, n) != base);
            p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        if (n)
            assert_true(hash_bytes(1, p, n - 1) != base);
        free(p);
    }
    assert_true(hash_seed() == hash_seed());
}

/* Chi-squared with 9 degrees of freedom: above 33.7 once in 10,000 for a fair generator, and the
 * sequence is fixed. */
static void rng_is_fair(void **state)
{
    (void)state;
    struct rng rng = {12345};
    unsigned count[10] = {0};
    for (unsigned i = 0; i < 100000; i++)
        count[rng_below(&rng, 10)]++;
    double chi2 = 0;
    for (unsigned i = 0; i < 10; i++)
        chi2 += ((double)count[i] - 10000) * ((double)count[i] - 10000) / 10000;
    assert_true(chi2 < 33.7);
    struct rng a, b;
    rng_init(&a);
    rng_init(&b);
    assert_true(rng_next(&a) != rng_next(&b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_keeps_the_first_value),
        cmocka_unit_test(empty_key_is_a_key),
        cmocka_unit_test(hash_depends_on_every_bit),
        cmocka_unit_test(rng_is_fair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
