/* SPDX-License-Identifier: Apache-2.0
 * Picks: distributions by chi-squared over a million draws, draws of several against what defines
 * them, and what moves when a sticky candidate leaves. */
#include "compile/alias.h"
#include "snapshot/log2.h"
#include "tests/unit/statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define DRAWS 1000000
#define MAX 64
#define POOL_SEED 42

/* A set of candidates over weights, with everything that any pick needs. */
struct fixture {
    struct arena *arena;
    struct pickset set;
    uint32_t weight[MAX];
    uint64_t id[MAX];
    uint32_t ranked[MAX];
    uint64_t sums[MAX + 1];
    double share[MAX];
};

/* The heaviest first, equal ones in their order. */
static void rank(struct fixture *f, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = i;
        for (; at > 0 && f->weight[f->ranked[at - 1]] < f->weight[i]; at--)
            f->ranked[at] = f->ranked[at - 1];
        f->ranked[at] = i;
    }
    for (uint32_t i = 0; i < n; i++)
        f->sums[i + 1] = f->sums[i] + f->weight[f->ranked[i]];
}

static struct fixture *fixture_new(const uint32_t *weight, uint32_t n)
{
    struct arena *arena = arena_new();
    struct fixture *f = arena_calloc(arena, 1, sizeof *f);
    double total = 0;
    f->arena = arena;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t text = (uint8_t)i;
        f->weight[i] = weight[i];
        f->id[i] = hash_bytes(7, &text, 1);
        total += weight[i];
    }
    for (uint32_t i = 0; i < n; i++)
        f->share[i] = weight[i] / total;
    f->set = (struct pickset){
        .n = n, .weight = f->weight, .sticky_id = f->id, .alias = alias_build(arena, weight, n)};
    rank(f, n);
    f->set.ranked = f->ranked;
    f->set.sums = f->sums;
    return f;
}

static void fixture_free(struct fixture *f)
{
    arena_free(f->arena);
}

static const uint32_t equal[] = {1, 1, 1, 1, 1, 1, 1};
static const uint32_t uneven[] = {1, 2, 3, 10, 50, 7, 1, 1, 26};
static const uint32_t steep[] = {1000000, 1, 2, 3};

static uint32_t pick(const struct fixture *f, enum slot_pick how, uint32_t want, struct rng *rng,
                     const struct ip *client, uint32_t *out)
{
    static const struct ip nobody = {.family = IP_V4};
    return pickset_pick(&f->set, (uint8_t)how, want, rng, client ? client : &nobody, POOL_SEED,
                        out);
}

static struct ip nth_v4(uint32_t i)
{
    return (struct ip){{(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 77}, IP_V4};
}

static struct ip nth_v6(uint32_t i)
{
    return (struct ip){{0x20, 1, 0x0d, (uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8),
                        (uint8_t)i, 0x99, 1},
                       IP_V6};
}

static void check_weighted(const uint32_t *weight, uint32_t n)
{
    struct fixture *f = fixture_new(weight, n);
    struct rng rng = {1};
    uint64_t seen[MAX] = {0};
    for (unsigned i = 0; i < DRAWS; i++) {
        uint32_t out[MAX];
        assert_int_equal(pick(f, SLOT_PICK_WEIGHTED, 1, &rng, NULL, out), 1);
        seen[out[0]]++;
    }
    assert_true(chi2_fits(seen, f->share, n));
    fixture_free(f);
}

static void weighted_follows_weights(void **state)
{
    (void)state;
    check_weighted(equal, ARRAY_LEN(equal));
    check_weighted(uneven, ARRAY_LEN(uneven));
    check_weighted(steep, ARRAY_LEN(steep));
    check_weighted(uneven, 1);
    check_weighted(uneven, 2);
}

/* The probability of drawing a, then b, then c, without replacement. */
static double successive(const struct fixture *f, const uint32_t *order, uint32_t k)
{
    double left = 1, p = 1;
    for (uint32_t i = 0; i < k; i++) {
        p *= f->share[order[i]] / left;
        left -= f->share[order[i]];
    }
    return p;
}

/* Ordered triples as one number. */
static unsigned triple(const uint32_t *order, uint32_t n)
{
    return (order[0] * n + order[1]) * n + order[2];
}

static void expect_triples(const struct fixture *f, double *expected)
{
    uint32_t n = f->set.n;
    for (uint32_t a = 0; a < n; a++) {
        for (uint32_t b = 0; b < n; b++) {
            for (uint32_t c = 0; c < n; c++) {
                uint32_t order[] = {a, b, c};
                if (a != b && b != c && a != c)
                    expected[triple(order, n)] = successive(f, order, 3);
            }
        }
    }
}

static void check_triples(const uint32_t *weight, uint32_t n, enum slot_pick how)
{
    struct fixture *f = fixture_new(weight, n);
    uint64_t *seen = calloc((size_t)n * n * n, sizeof *seen);
    double *expected = calloc((size_t)n * n * n, sizeof *expected);
    struct rng rng = {2};
    for (uint32_t i = 0; i < DRAWS; i++) {
        uint32_t out[3];
        struct ip client = nth_v4(i);
        assert_int_equal(pick(f, how, 3, &rng, &client, out), 3);
        seen[triple(out, n)]++;
    }
    expect_triples(f, expected);
    assert_true(chi2_fits(seen, expected, n * n * n));
    free(seen);
    free(expected);
    fixture_free(f);
}

/* --- several by weight --- */

/* Inclusion as it is defined: want * weight / sum, those that come to 1 or more taken out. */
static void inclusion(const uint32_t *weight, uint32_t n, uint32_t want, double *out)
{
    double total = 0;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = -1;
        total += weight[i];
    }
    for (bool again = true; again;) {
        again = false;
        for (uint32_t i = 0; i < n && !again; i++) {
            if (out[i] >= 0 || want * (double)weight[i] < total * (1 - 1e-12))
                continue;
            out[i] = 1;
            total -= weight[i];
            want--;
            again = true;
        }
    }
    for (uint32_t i = 0; i < n; i++)
        out[i] = out[i] >= 0 ? 1 : want * (double)weight[i] / total;
}

struct sets {
    uint64_t set[MAX]; /* of candidates, a bit each */
    uint64_t seen[MAX];
    unsigned n;
};

static void count_set(struct sets *sets, uint64_t set)
{
    unsigned i = 0;
    while (i < sets->n && sets->set[i] != set)
        i++;
    assert_true(i < MAX);
    sets->set[i] = set;
    sets->seen[i]++;
    sets->n = i < sets->n ? sets->n : i + 1;
}

/* The count lies where a binomial one does but for once in 10^6. */
static void expect_count(uint64_t seen, double draws, double p)
{
    if (p >= 1)
        assert_true((double)seen == draws);
    else
        assert_true(fabs((double)seen - draws * p) < 5 * sqrt(draws * p * (1 - p)) + 1e-9);
}

static void check_several(const uint32_t *weight, uint32_t n, uint32_t want)
{
    enum { TIMES = 200000 };
    struct fixture *f = fixture_new(weight, n);
    struct rng rng = {2 + want};
    struct sets sets = {.n = 0};
    uint64_t in[MAX] = {0}, first[MAX] = {0};
    double expected[MAX];
    for (uint32_t i = 0; i < TIMES; i++) {
        uint32_t out[MAX];
        uint64_t set = 0;
        assert_int_equal(pick(f, SLOT_PICK_WEIGHTED, want, &rng, NULL, out), want);
        for (uint32_t k = 0; k < want; k++) {
            set |= UINT64_C(1) << out[k];
            in[out[k]]++;
        }
        first[out[0]]++;
        count_set(&sets, set);
    }
    inclusion(weight, n, want, expected);
    for (uint32_t i = 0; i < n; i++)
        expect_count(in[i], TIMES, expected[i]);
    assert_true(sets.n <= n);
    assert_true(chi2_fits(first, f->share, n));
    fixture_free(f);
}

static const uint32_t halves[] = {3, 6,
                                  3}; /* with two wanted, one is just as long as the distance */
static const uint32_t ramp[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static void several_are_in_by_their_weights(void **state)
{
    (void)state;
    for (uint32_t want = 2; want <= ARRAY_LEN(equal); want++)
        check_several(equal, ARRAY_LEN(equal), want);
    for (uint32_t want = 2; want <= ARRAY_LEN(uneven); want++)
        check_several(uneven, ARRAY_LEN(uneven), want);
    for (uint32_t want = 2; want <= ARRAY_LEN(ramp); want++)
        check_several(ramp, ARRAY_LEN(ramp), want);
    for (uint32_t want = 2; want <= ARRAY_LEN(steep); want++)
        check_several(steep, ARRAY_LEN(steep), want);
    check_several(halves, ARRAY_LEN(halves), 2);
}

/* The sets of systematic sampling, each start by itself: one point after another, by definition. */
static void define_sets(const struct fixture *f, uint32_t want, struct sets *sets)
{
    uint64_t total = f->sums[f->set.n];
    for (uint64_t start = 0; start < total; start++) {
        uint64_t set = 0;
        for (uint32_t k = 0; k < want; k++) {
            uint32_t rank = 0;
            while (want * f->sums[rank + 1] <= start + k * total)
                rank++;
            set |= UINT64_C(1) << f->ranked[rank];
        }
        count_set(sets, set);
    }
}

static void check_sets(const uint32_t *weight, uint32_t n, uint32_t want)
{
    struct fixture *f = fixture_new(weight, n);
    struct rng rng = {70 + want};
    struct sets defined = {.n = 0};
    uint64_t seen[MAX] = {0};
    double expected[MAX];
    define_sets(f, want, &defined);
    for (uint32_t i = 0; i < 200000; i++) {
        uint32_t out[MAX], at = 0;
        uint64_t set = 0;
        (void)pick(f, SLOT_PICK_WEIGHTED, want, &rng, NULL, out);
        for (uint32_t k = 0; k < want; k++)
            set |= UINT64_C(1) << out[k];
        while (at < defined.n && defined.set[at] != set)
            at++;
        assert_true(at < defined.n);
        seen[at]++;
    }
    for (unsigned i = 0; i < defined.n; i++)
        expected[i] = (double)defined.seen[i] / (double)f->sums[n];
    assert_true(defined.n <= n);
    assert_true(chi2_fits(seen, expected, defined.n));
    fixture_free(f);
}

/* None of these is longer than the distance between points. */
static void sets_are_those_of_systematic_sampling(void **state)
{
    (void)state;
    static const uint32_t mixed[] = {100, 97, 50, 31, 30, 29, 28, 13, 7, 5, 3, 2, 1};
    for (uint32_t want = 2; want < ARRAY_LEN(equal); want++)
        check_sets(equal, ARRAY_LEN(equal), want);
    for (uint32_t want = 2; want <= 8; want++)
        check_sets(ramp, ARRAY_LEN(ramp), want);
    for (uint32_t want = 2; want <= 3; want++)
        check_sets(mixed, ARRAY_LEN(mixed), want);
}

/* The order within an answer: a ring that begins anywhere. */
static void several_begin_anywhere(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(equal, 6);
    struct rng rng = {99};
    uint64_t seen[MAX] = {0};
    double expected[MAX];
    for (unsigned i = 0; i < 100000; i++) {
        uint32_t out[3];
        (void)pick(f, SLOT_PICK_WEIGHTED, 3, &rng, NULL, out);
        for (unsigned k = 1; k < 3; k++)
            assert_int_equal(out[k], (out[k - 1] + 2) % 6);
        seen[out[0]]++;
    }
    for (uint32_t i = 0; i < 6; i++)
        expected[i] = 1.0 / 6;
    assert_true(chi2_fits(seen, expected, 6));
    fixture_free(f);
}

static void every_pick_is_distinct_and_bounded(void **state)
{
    (void)state;
    struct rng rng = {3};
    for (unsigned round = 0; round < 20000; round++) {
        uint32_t weight[MAX], out[MAX], n = 1 + rng_below(&rng, MAX), want = rng_below(&rng, 80);
        for (uint32_t i = 0; i < n; i++)
            weight[i] = 1 + rng_below(&rng, round % 2 ? 3 : 1000000);
        struct fixture *f = fixture_new(weight, n);
        enum slot_pick how = (enum slot_pick)rng_below(&rng, 4);
        struct ip client = nth_v6(round);
        uint32_t got = pick(f, how, want, &rng, &client, out);
        uint64_t seen = 0;
        assert_int_equal(got, want < n ? want : n);
        for (uint32_t k = 0; k < got; k++) {
            assert_true(out[k] < n);
            assert_false(seen >> out[k] & 1);
            seen |= UINT64_C(1) << out[k];
        }
        fixture_free(f);
    }
}

static void empty_set_gives_nothing(void **state)
{
    (void)state;
    struct pickset none = {0};
    struct rng rng = {4};
    struct ip client = nth_v4(1);
    uint32_t out[1];
    for (uint8_t how = 0; how < 4; how++)
        assert_int_equal(pickset_pick(&none, how, 1, &rng, &client, 0, out), 0);
}

static void all_starts_anywhere_and_goes_round(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(uneven, ARRAY_LEN(uneven));
    struct rng rng = {5};
    uint64_t seen[MAX] = {0};
    double expected[MAX];
    for (unsigned i = 0; i < DRAWS; i++) {
        uint32_t out[MAX];
        assert_int_equal(pick(f, SLOT_PICK_ALL, 4, &rng, NULL, out), 4);
        for (unsigned k = 1; k < 4; k++)
            assert_int_equal(out[k], (out[k - 1] + 1) % f->set.n);
        seen[out[0]]++;
    }
    for (uint32_t i = 0; i < f->set.n; i++)
        expected[i] = 1.0 / f->set.n;
    assert_true(chi2_fits(seen, expected, f->set.n));
    fixture_free(f);
}

static void ordered_takes_the_first(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(uneven, ARRAY_LEN(uneven));
    struct rng rng = {6};
    uint32_t out[MAX];
    assert_int_equal(pick(f, SLOT_PICK_ORDERED, 3, &rng, NULL, out), 3);
    for (uint32_t k = 0; k < 3; k++)
        assert_int_equal(out[k], k);
    fixture_free(f);
}

static void check_sticky_shares(const uint32_t *weight, uint32_t n, struct ip nth(uint32_t))
{
    struct fixture *f = fixture_new(weight, n);
    uint64_t seen[MAX] = {0};
    struct rng rng = {7};
    for (uint32_t i = 0; i < DRAWS; i++) {
        uint32_t out[1];
        struct ip client = nth(i);
        assert_int_equal(pick(f, SLOT_PICK_STICKY, 1, &rng, &client, out), 1);
        seen[out[0]]++;
    }
    assert_true(chi2_fits(seen, f->share, n));
    fixture_free(f);
}

static void sticky_follows_weights(void **state)
{
    (void)state;
    check_sticky_shares(equal, ARRAY_LEN(equal), nth_v4);
    check_sticky_shares(equal, ARRAY_LEN(equal), nth_v6);
    check_sticky_shares(uneven, ARRAY_LEN(uneven), nth_v4);
    check_sticky_shares(uneven, ARRAY_LEN(uneven), nth_v6);
    check_sticky_shares(steep, ARRAY_LEN(steep), nth_v4);
    check_triples(uneven, ARRAY_LEN(uneven), SLOT_PICK_STICKY);
}

static void sticky_looks_at_the_prefix_alone(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(uneven, ARRAY_LEN(uneven));
    struct rng rng = {8};
    for (uint32_t i = 0; i < 10000; i++) {
        uint32_t a[3], b[3];
        struct ip client = nth_v4(i), neighbour = client;
        neighbour.b[3] = (uint8_t)i;
        pick(f, SLOT_PICK_STICKY, 3, &rng, &client, a);
        pick(f, SLOT_PICK_STICKY, 3, &rng, &neighbour, b);
        assert_memory_equal(a, b, sizeof a);
        client = nth_v6(i);
        neighbour = client;
        neighbour.b[7] = (uint8_t)i;
        neighbour.b[15] = 9;
        pick(f, SLOT_PICK_STICKY, 3, &rng, &client, a);
        pick(f, SLOT_PICK_STICKY, 3, &rng, &neighbour, b);
        assert_memory_equal(a, b, sizeof a);
    }
    fixture_free(f);
}

/* Takes candidate `gone` out: nobody moves but its own clients, and they go to their second. */
static void check_leaving(const uint32_t *weight, uint32_t n, uint32_t gone)
{
    struct fixture *before = fixture_new(weight, n), *after = fixture_new(weight, n);
    struct rng rng = {9};
    uint32_t moved = 0, clients = 200000;
    for (uint32_t i = gone; i + 1 < n; i++) {
        after->weight[i] = weight[i + 1];
        after->id[i] = before->id[i + 1];
    }
    after->set.n = n - 1;
    for (uint32_t i = 0; i < clients; i++) {
        uint32_t old[2], now[1];
        struct ip client = nth_v4(i * 37);
        pick(before, SLOT_PICK_STICKY, 2, &rng, &client, old);
        pick(after, SLOT_PICK_STICKY, 1, &rng, &client, now);
        uint64_t id = after->id[now[0]];
        moved += id != before->id[old[0]];
        assert_true(id == before->id[old[old[0] == gone ? 1 : 0]]);
    }
    assert_true(fabs((double)moved / clients - before->share[gone]) < 0.02);
    fixture_free(before);
    fixture_free(after);
}

static void sticky_moves_only_who_must(void **state)
{
    (void)state;
    for (uint32_t gone = 0; gone < ARRAY_LEN(equal); gone++)
        check_leaving(equal, ARRAY_LEN(equal), gone);
    for (uint32_t gone = 0; gone < ARRAY_LEN(uneven); gone++)
        check_leaving(uneven, ARRAY_LEN(uneven), gone);
}

static void sticky_weight_change_moves_one_way(void **state)
{
    (void)state;
    struct fixture *before = fixture_new(uneven, ARRAY_LEN(uneven));
    struct fixture *after = fixture_new(uneven, ARRAY_LEN(uneven));
    struct rng rng = {10};
    after->weight[4] = uneven[4] / 2;
    for (uint32_t i = 0; i < 200000; i++) {
        uint32_t old[1], now[1];
        struct ip client = nth_v6(i);
        pick(before, SLOT_PICK_STICKY, 1, &rng, &client, old);
        pick(after, SLOT_PICK_STICKY, 1, &rng, &client, now);
        assert_true(now[0] == old[0] || old[0] == 4);
    }
    fixture_free(before);
    fixture_free(after);
}

/* The share of each candidate, read back from the columns, is its weight's to 2^-31. */
static void alias_tables_are_exact(void **state)
{
    (void)state;
    struct rng rng = {11};
    for (unsigned round = 0; round < 2000; round++) {
        struct arena *arena = arena_new();
        uint32_t weight[MAX], n = 1 + rng_below(&rng, MAX);
        double total = 0, got[MAX] = {0};
        for (uint32_t i = 0; i < n; i++) {
            weight[i] = i > 0 && rng_below(&rng, 4) == 0 ? 0 : 1 + rng_below(&rng, 1000000);
            total += weight[i];
        }
        const struct alias_slot *columns = alias_table(arena, weight, n);
        for (uint32_t i = 0; i < n; i++) {
            double keep = columns[i].keep / 4294967296.0;
            got[i] += keep / n;
            got[columns[i].other] += (1 - keep) / n;
        }
        for (uint32_t i = 0; i < n; i++) {
            assert_true(fabs(got[i] - weight[i] / total) < 1.0 / 2147483648.0);
            assert_true(weight[i] > 0 || got[i] == 0);
        }
        arena_free(arena);
    }
}

static void logarithm_is_close_and_monotone(void **state)
{
    (void)state;
    struct rng rng = {12};
    for (unsigned i = 0; i < 1000000; i++) {
        uint64_t u = rng_next(&rng) >> rng_below(&rng, 64) | 1;
        double want = 64.0 - log2((double)u), got = (double)log2_neg(u) / 4294967296.0;
        assert_true(fabs(want - got) < 3e-6);
        if (u > 1)
            assert_true(log2_neg(u - 1) >= log2_neg(u));
    }
    for (unsigned bit = 0; bit < 64; bit++)
        assert_true(log2_neg(UINT64_C(1) << bit) == (uint64_t)(64 - bit) << 32);
    assert_true(log2_neg(UINT64_MAX) >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weighted_follows_weights),
        cmocka_unit_test(several_are_in_by_their_weights),
        cmocka_unit_test(sets_are_those_of_systematic_sampling),
        cmocka_unit_test(several_begin_anywhere),
        cmocka_unit_test(every_pick_is_distinct_and_bounded),
        cmocka_unit_test(empty_set_gives_nothing),
        cmocka_unit_test(all_starts_anywhere_and_goes_round),
        cmocka_unit_test(ordered_takes_the_first),
        cmocka_unit_test(sticky_follows_weights),
        cmocka_unit_test(sticky_looks_at_the_prefix_alone),
        cmocka_unit_test(sticky_moves_only_who_must),
        cmocka_unit_test(sticky_weight_change_moves_one_way),
        cmocka_unit_test(alias_tables_are_exact),
        cmocka_unit_test(logarithm_is_close_and_monotone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
