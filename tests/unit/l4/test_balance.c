/* SPDX-License-Identifier: Apache-2.0
 * round_robin, least_conn and random2: exact sequences, a slow model, weights by chi-squared; and
 * what all kinds do with members that were tried, are ejected, or have no weight. */
#include "l4/balance.h"

#include "members.h"
#include "tests/unit/statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOW 5000

static const enum l4_balance kinds[] = {L4_ROUND_ROBIN, L4_LEAST_CONN, L4_RANDOM2, L4_MAGLEV,
                                        L4_SOURCE_HASH};

static void set_weights(struct members *m, const uint32_t *weights)
{
    for (uint32_t i = 0; i < m->n; i++)
        m->v[i].weight = weights[i];
}

static void eject(struct members *m, uint32_t i)
{
    for (unsigned k = 0; k < MEMBER_FAILURES; k++)
        member_failed(m->v[i].member, NOW, false);
}

static uint32_t pick(const struct balance *b, struct balance_cursor *cursor)
{
    struct balance_flow flow = {.hash = rng_next(&cursor->rng), .now_ms = NOW};
    return balance_pick(b, cursor, &flow);
}

/* ---- round_robin ---- */

/* A round of picks as letters, begun where it is least in the order of the alphabet. */
static const char *ring_of(const uint32_t *weights, uint32_t n, uint32_t length)
{
    static char out[100];
    char twice[200];
    struct members m;
    struct balance_cursor cursor = {.rng = {3}};
    members_make(&m, n);
    set_weights(&m, weights);
    const struct balance *b = members_balance(&m, L4_ROUND_ROBIN);
    for (uint32_t i = 0; i < 2 * length; i++)
        twice[i] = (char)('a' + pick(b, &cursor));
    assert_memory_equal(twice, twice + length, length);
    uint32_t least = 0;
    for (uint32_t i = 1; i < length; i++)
        if (memcmp(twice + i, twice + least, length) < 0)
            least = i;
    snprintf(out, sizeof out, "%.*s", (int)length, twice + least);
    members_free(&m);
    return out;
}

static void rings_are_smooth(void **state)
{
    (void)state;
    static const struct {
        uint32_t weights[6], n;
        const char *ring;
    } cases[] = {
        {{1, 1, 1}, 3, "abc"},   {{500, 500}, 2, "ab"},           {{5, 1, 1}, 3, "aaacaab"},
        {{3, 2}, 2, "aabab"},    {{200, 0, 100}, 3, "aac"},       {{2, 2, 1, 1}, 4, "acbadb"},
        {{1, 7}, 2, "abbbbbbb"}, {{4, 3, 2, 1}, 4, "aabcabdacb"}, {{7}, 1, "a"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t length = (uint32_t)strlen(cases[i].ring);
        assert_string_equal(ring_of(cases[i].weights, cases[i].n, length), cases[i].ring);
    }
}

/* In any stretch of a ring a member has what its weight makes of it, to within two turns. */
static void stretches_are_even(void **state)
{
    (void)state;
    enum { N = 50, PICKS = 20000 };
    struct members m;
    struct balance_cursor cursor = {.rng = {1}};
    uint64_t sum = 0, seen[N] = {0};
    members_make(&m, N);
    for (uint32_t i = 0; i < N; i++)
        sum += m.v[i].weight = 1 + i * i % 97;
    const struct balance *b = members_balance(&m, L4_ROUND_ROBIN);
    for (uint32_t k = 1; k <= PICKS; k++) {
        seen[pick(b, &cursor)]++;
        for (uint32_t i = 0; i < N; i++) {
            double want = (double)k * m.v[i].weight / (double)sum;
            assert_true((double)seen[i] < want + 2 && (double)seen[i] > want - 2);
        }
    }
    members_free(&m);
}

static void count_ring(uint64_t *seen, struct members *m, uint32_t picks)
{
    struct balance_cursor cursor = {.rng = {1}};
    const struct balance *b = members_balance(m, L4_ROUND_ROBIN);
    for (uint32_t k = 0; k < picks; k++)
        seen[pick(b, &cursor)]++;
}

/* A ring of weights that do not fit is nearly theirs, and nobody is left out. */
static void great_weights_are_scaled(void **state)
{
    (void)state;
    enum { N = 1000 };
    static uint64_t seen[N];
    struct members m;
    uint64_t sum = 0;
    members_make(&m, N);
    for (uint32_t i = 0; i < N; i++)
        sum += m.v[i].weight = i == 7 ? 1 : 500000 + 499 * i;
    memset(seen, 0, sizeof seen);
    count_ring(seen, &m, 70000 * 10);
    for (uint32_t i = 0; i < N; i++) {
        double want = 700000.0 * m.v[i].weight / (double)sum;
        assert_true(seen[i] > 0);
        assert_true(i == 7 || (double)seen[i] < want * 1.02 + 20);
        assert_true(i == 7 || (double)seen[i] > want * 0.98 - 20);
    }
    members_free(&m);
}

static void more_members_than_places_are_all_in_it(void **state)
{
    (void)state;
    enum { N = BALANCE_MEMBERS_MAX + 100 };
    static uint64_t seen[N];
    struct members m;
    members_make(&m, N);
    memset(seen, 0, sizeof seen);
    m.v[0].weight = 100;
    count_ring(seen, &m, 4 * N);
    for (uint32_t i = 0; i < BALANCE_MEMBERS_MAX; i++)
        assert_true(seen[i] > 0);
    for (uint32_t i = BALANCE_MEMBERS_MAX; i < N; i++)
        assert_int_equal(seen[i], 0);
    m.v[N - 1].weight = 1000000;
    const struct balance *b = members_balance(&m, L4_RANDOM2);
    struct balance_cursor cursor = {.rng = {1}};
    for (unsigned k = 0; k < 1000; k++)
        assert_true(pick(b, &cursor) < BALANCE_MEMBERS_MAX);
    members_free(&m);
}

/* Workers do not begin with the same member, nor where another plan's ring was longer. */
static void workers_begin_anywhere(void **state)
{
    (void)state;
    enum { N = 10 };
    uint64_t seen[2][N] = {{0}};
    double even[N];
    struct members m;
    members_make(&m, N);
    const struct balance *b = members_balance(&m, L4_ROUND_ROBIN);
    for (uint64_t i = 0; i < 10000; i++) {
        struct balance_cursor first = {.rng = {i}}, later = {.at = N + 1, .rng = {i + 77777}};
        seen[0][pick(b, &first)]++;
        seen[1][pick(b, &later)]++;
    }
    for (uint32_t i = 0; i < N; i++)
        even[i] = 1.0 / N;
    assert_true(chi2_fits(seen[0], even, N));
    assert_true(chi2_fits(seen[1], even, N));
    members_free(&m);
}

/* ---- least_conn ---- */

/* The member whose (active + 1) / weight is least, as fractions; the first at or after `from`. */
static uint32_t slow_least(const struct members *m, uint32_t from)
{
    uint32_t best = BALANCE_NONE;
    long double least = 0;
    for (uint32_t k = 0; k < m->n; k++) {
        uint32_t i = (from + k) % m->n;
        if (m->v[i].weight == 0 || member_is_ejected(m->v[i].member, NOW))
            continue;
        long double load = (m->v[i].member->active + 1.0L) / m->v[i].weight;
        if (best == BALANCE_NONE || load < least) {
            best = i;
            least = load;
        }
    }
    return best;
}

static void some_leave(struct members *m, struct rng *rng, uint32_t n)
{
    for (; n > 0; n--) {
        struct member *x = m->v[rng_below(rng, m->n)].member;
        if (x->active > 0)
            member_leave(x);
    }
}

static void least_conn_is_the_slow_models(void **state)
{
    (void)state;
    struct rng rng = {9};
    for (unsigned round = 0; round < 20; round++) {
        struct members m;
        struct balance_cursor cursor = {.rng = {round}};
        members_make(&m, 2 + rng_below(&rng, 255));
        for (uint32_t i = 0; i < m.n; i++)
            m.v[i].weight = 1 + rng_below(&rng, round % 2 ? 1000000 : 3);
        eject(&m, 0);
        const struct balance *b = members_balance(&m, L4_LEAST_CONN);
        uint32_t from = pick(b, &cursor);
        for (unsigned k = 0; k < 2000; k++) {
            uint32_t got = pick(b, &cursor);
            assert_int_equal(got, slow_least(&m, (from + 1) % m.n));
            member_enter(m.v[got].member);
            some_leave(&m, &rng, rng_below(&rng, 2));
            from = got;
        }
        members_free(&m);
    }
}

static void counts_at_the_end_of_their_range_compare(void **state)
{
    (void)state;
    struct members m;
    struct balance_cursor cursor = {.rng = {1}};
    members_make(&m, 2);
    set_weights(&m, (const uint32_t[]){UINT32_MAX, UINT32_MAX - 1});
    m.v[0].member->active = UINT32_MAX;
    m.v[1].member->active = UINT32_MAX - 1;
    const struct balance *b = members_balance(&m, L4_LEAST_CONN);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pick(b, &cursor), slow_least(&m, 0));
    members_free(&m);
}

static void equal_members_take_turns(void **state)
{
    (void)state;
    struct members m;
    struct balance_cursor cursor = {.rng = {1}};
    members_make(&m, 5);
    const struct balance *b = members_balance(&m, L4_LEAST_CONN);
    uint32_t first = pick(b, &cursor);
    for (uint32_t i = 1; i < 20; i++)
        assert_int_equal(pick(b, &cursor), (first + i) % 5);
    members_free(&m);
}

/* As flows come and stay, counts are as even as the sample promises. */
static uint32_t spread_of(struct members *m, enum l4_balance kind)
{
    struct balance_cursor cursor = {.rng = {21}};
    uint64_t sum = 0, flows = (uint64_t)m->n * 50;
    const struct balance *b = members_balance(m, kind);
    for (uint32_t i = 0; i < m->n; i++)
        sum += m->v[i].weight;
    for (uint64_t k = 0; k < flows; k++)
        member_enter(m->v[pick(b, &cursor)].member);
    double above = 0;
    for (uint32_t i = 0; i < m->n; i++) {
        double even = (double)flows * m->v[i].weight / (double)sum;
        above = fmax(above, m->v[i].member->active - even);
        m->v[i].member->active = 0;
    }
    return (uint32_t)ceil(above);
}

static void samples_are_nearly_as_even(void **state)
{
    (void)state;
    struct members m;
    members_make(&m, 1000);
    for (uint32_t i = 0; i < m.n; i++)
        m.v[i].weight = i % 2 ? 3 : 1;
    uint32_t least = spread_of(&m, L4_LEAST_CONN), two = spread_of(&m, L4_RANDOM2);
    assert_true(least <= 3);
    assert_true(two <= 12 && two > least);
    members_free(&m);
}

/* ---- draws ---- */

static void draws_are_by_weight(void **state)
{
    (void)state;
    static const uint32_t weights[] = {1, 2, 3, 1000, 0, 999999, 500, 77, 12345, 1, 250000, 40000};
    enum { N = sizeof weights / sizeof *weights };
    struct members m;
    struct balance_cursor cursor = {.rng = {17}};
    uint64_t seen[N] = {0}, sum = 0;
    double expected[N];
    members_make(&m, N);
    set_weights(&m, weights);
    for (uint32_t i = 0; i < N; i++)
        sum += weights[i];
    for (uint32_t i = 0; i < N; i++)
        expected[i] = (double)weights[i] / (double)sum;
    const struct balance *b = members_balance(&m, L4_RANDOM2);
    for (unsigned k = 0; k < 2000000; k++)
        seen[pick(b, &cursor)]++;
    assert_true(chi2_fits(seen, expected, N));
    members_free(&m);
}

/* Of members of equal weight with two loads the fuller is taken when it is drawn twice. */
static void the_better_of_two_is_taken(void **state)
{
    (void)state;
    struct members m;
    struct balance_cursor cursor = {.rng = {17}};
    uint64_t seen[2] = {0};
    members_make(&m, 2);
    m.v[0].member->active = 10;
    m.v[1].member->active = 9;
    const struct balance *b = members_balance(&m, L4_RANDOM2);
    for (unsigned k = 0; k < 100000; k++)
        seen[pick(b, &cursor)]++;
    assert_true(chi2_fits(seen, (const double[]){0.25, 0.75}, 2));
    m.v[0].weight = 2;
    memset(seen, 0, sizeof seen);
    b = members_balance(&m, L4_RANDOM2);
    for (unsigned k = 0; k < 100000; k++)
        seen[pick(b, &cursor)]++;
    assert_true(chi2_fits(seen, (const double[]){8 / 9.0, 1 / 9.0}, 2));
    members_free(&m);
}

/* ---- all kinds ---- */

static void check_none(enum l4_balance kind)
{
    struct members m;
    struct balance_cursor cursor = {.rng = {1}};
    members_make(&m, 3);
    set_weights(&m, (const uint32_t[]){0, 0, 0});
    assert_int_equal(pick(members_balance(&m, kind), &cursor), BALANCE_NONE);
    assert_int_equal(pick(balance_new(m.arena, kind, NULL, 0), &cursor), BALANCE_NONE);
    m.v[1].weight = 7;
    const struct balance *b = members_balance(&m, kind);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(pick(b, &cursor), 1);
    members_free(&m);
}

/* A flow that tries on gets each member once, those that are ejected last. */
static void check_tries(enum l4_balance kind, uint32_t n, uint32_t n_ejected)
{
    struct members m;
    struct balance_cursor cursor = {.rng = {n}};
    members_make(&m, n);
    for (uint32_t i = 0; i < n; i++)
        m.v[i].weight = 1 + i * 100;
    for (uint32_t i = 0; i < n_ejected; i++)
        eject(&m, n - 1 - i);
    const struct balance *b = members_balance(&m, kind);
    for (unsigned k = 0; k < 50; k++) {
        struct balance_flow flow = {.hash = rng_next(&cursor.rng), .now_ms = NOW};
        uint64_t seen = 0;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t got = balance_pick(b, &cursor, &flow);
            assert_true(got < n && (seen >> got & 1) == 0);
            assert_int_equal(got >= n - n_ejected, i >= n - n_ejected);
            seen |= UINT64_C(1) << got;
            flow.tried[flow.n_tried++] = got;
        }
        assert_int_equal(balance_pick(b, &cursor, &flow), BALANCE_NONE);
    }
    members_free(&m);
}

/* Of hundreds only one may be taken, and its share of every table is small: it is found. */
static void check_the_last_is_found(enum l4_balance kind, uint32_t n)
{
    struct members m;
    struct balance_cursor cursor = {.rng = {n}};
    members_make(&m, n);
    for (uint32_t i = 0; i < n; i++) {
        m.v[i].weight = i == n / 2 ? 1 : 1000;
        if (i != n / 2)
            eject(&m, i);
    }
    const struct balance *b = members_balance(&m, kind);
    for (unsigned k = 0; k < 100; k++)
        assert_int_equal(pick(b, &cursor), n / 2);
    members_free(&m);
}

/* When all are ejected none is skipped, and flows are spread as ever. */
static void check_all_ejected(enum l4_balance kind, uint32_t n)
{
    struct members m;
    struct balance_cursor cursor = {.rng = {n}};
    uint64_t *seen = calloc(n, sizeof *seen);
    members_make(&m, n);
    for (uint32_t i = 0; i < n; i++)
        eject(&m, i);
    const struct balance *b = members_balance(&m, kind);
    for (uint32_t k = 0; k < 100 * n; k++) {
        uint32_t got = pick(b, &cursor);
        member_enter(m.v[got].member);
        seen[got]++;
    }
    uint64_t off = kind == L4_LEAST_CONN ? 3 : kind == L4_ROUND_ROBIN ? 0 : 60;
    for (uint32_t i = 0; i < n; i++)
        assert_true(seen[i] >= 100 - off && seen[i] <= 100 + off);
    free(seen);
    members_free(&m);
}

static void what_may_not_be_taken_is_stepped_over(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        check_none(kinds[i]);
        for (uint32_t n_ejected = 0; n_ejected <= 5; n_ejected++)
            check_tries(kinds[i], 5, n_ejected);
        check_tries(kinds[i], BALANCE_TRIES_MAX, 8);
        check_the_last_is_found(kinds[i], 100);
        check_the_last_is_found(kinds[i], 700);
        check_all_ejected(kinds[i], 10);
        check_all_ejected(kinds[i], 400);
    }
}

/* One that is out takes part again when its time is over, without another plan. */
static void the_ejected_come_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct members m;
        struct balance_cursor cursor = {.rng = {1}};
        struct balance_flow later = {.now_ms = NOW + MEMBER_EJECT_MS};
        members_make(&m, 3);
        eject(&m, 1);
        const struct balance *b = members_balance(&m, kinds[i]);
        bool back = false;
        for (unsigned k = 0; k < 100; k++)
            assert_int_not_equal(pick(b, &cursor), 1);
        for (unsigned k = 0; k < 100; k++) {
            later.hash = rng_next(&cursor.rng);
            back |= balance_pick(b, &cursor, &later) == 1;
        }
        assert_true(back);
        members_free(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rings_are_smooth),
        cmocka_unit_test(stretches_are_even),
        cmocka_unit_test(great_weights_are_scaled),
        cmocka_unit_test(more_members_than_places_are_all_in_it),
        cmocka_unit_test(workers_begin_anywhere),
        cmocka_unit_test(least_conn_is_the_slow_models),
        cmocka_unit_test(counts_at_the_end_of_their_range_compare),
        cmocka_unit_test(equal_members_take_turns),
        cmocka_unit_test(samples_are_nearly_as_even),
        cmocka_unit_test(draws_are_by_weight),
        cmocka_unit_test(the_better_of_two_is_taken),
        cmocka_unit_test(what_may_not_be_taken_is_stepped_over),
        cmocka_unit_test(the_ejected_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
