/* SPDX-License-Identifier: Apache-2.0
 * maglev and source_hash: shares, what moves when members come and go, and the hashes of clients.
 */
#include "l4/balance.h"

#include "members.h"
#include "tests/unit/statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HASHES 200000

static uint32_t pick(const struct balance *b, uint64_t hash)
{
    struct balance_cursor cursor = {.rng = {1}};
    struct balance_flow flow = {.hash = hash, .now_ms = 1};
    return balance_pick(b, &cursor, &flow);
}

/* Hash i of `n` that lie evenly. */
static uint64_t hash_at(uint64_t i, uint64_t n)
{
    return UINT64_MAX / n * i;
}

static void count(uint64_t *seen, const struct balance *b, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        seen[pick(b, hash_at(i, n))]++;
}

/* How far the share of any member is from its weight's, of its share. */
static double unevenness(struct members *m)
{
    uint64_t *seen = calloc(m->n, sizeof *seen), sum = 0;
    uint64_t n = m->n > 1024 ? 4 * 655373 : 16 * 65537; /* each place as often as any other */
    double most = 0;
    count(seen, members_balance(m, L4_MAGLEV), n);
    for (uint32_t i = 0; i < m->n; i++)
        sum += m->v[i].weight;
    for (uint32_t i = 0; i < m->n; i++) {
        double want = (double)n * m->v[i].weight / (double)sum;
        most = fmax(most, want > 0 ? fabs((double)seen[i] - want) / want : (double)seen[i]);
    }
    free(seen);
    return most;
}

static void shares_are_even(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 10, 100, 1000, 1024, 1025, 5000, 10000};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct members m;
        members_make(&m, sizes[i]);
        assert_true(unevenness(&m) <= 0.02);
        members_free(&m);
    }
}

static void shares_are_by_weight(void **state)
{
    (void)state;
    struct members m;
    members_make(&m, 100);
    for (uint32_t i = 0; i < m.n; i++)
        m.v[i].weight = i % 10 ? 100 + 13 * i : 0;
    assert_true(unevenness(&m) <= 0.02);
    for (uint32_t i = 0; i < m.n; i++)
        m.v[i].weight = i ? 1 : 1000000;
    uint64_t seen[100] = {0};
    count(seen, members_balance(&m, L4_MAGLEV), 1000000);
    assert_true(seen[0] > 997000);
    for (uint32_t i = 1; i < m.n; i++)
        assert_true(seen[i] > 0 && seen[i] < 32);
    members_free(&m);
}

/* Light members have the number of places that is nearest to their share. */
static void shares_are_rounded(void **state)
{
    (void)state;
    static const uint32_t heavy[] = {900, 1200, 2000, 4000};
    for (unsigned k = 0; k < 4; k++) {
        struct members m;
        uint64_t seen[100] = {0};
        members_make(&m, 100);
        for (uint32_t i = 0; i < m.n; i++)
            m.v[i].weight = i % 2 ? 1 : heavy[k];
        count(seen, members_balance(&m, L4_MAGLEV), 65537);
        double share = fmax(65537.0 / (50 * (heavy[k] + 1)), 1);
        for (uint32_t i = 1; i < m.n; i += 2)
            assert_true(fabs((double)seen[i] - share) <= 0.55);
        members_free(&m);
    }
}

static void as_many_as_there_may_be_have_a_place(void **state)
{
    (void)state;
    struct members m;
    members_make(&m, BALANCE_MEMBERS_MAX);
    uint64_t *seen = calloc(m.n, sizeof *seen);
    m.v[5].weight = 1000000;
    count(seen, members_balance(&m, L4_MAGLEV), 3000000);
    for (uint32_t i = 0; i < m.n; i++)
        assert_true(seen[i] > 0);
    free(seen);
    members_free(&m);
}

/* The share of hashes that go elsewhere, but for those of `gone`, by its index in `before`. */
static double moved(const struct balance *before, const struct balance *after, uint32_t gone)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < HASHES; i++) {
        uint64_t h = hash_at(i, HASHES);
        uint32_t was = pick(before, h);
        n += was != gone && pick(after, h) != was;
    }
    return (double)n / HASHES;
}

/* All but the share of the one that went, or came: at most two points. */
static void few_move(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {2, 3, 10, 50, 100, 300, 1000, 3000};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct members m;
        members_make(&m, sizes[i]);
        const struct balance *all = members_balance(&m, L4_MAGLEV);
        for (uint32_t gone = 0; gone < m.n; gone += 1 + m.n / 4) {
            uint32_t weight = m.v[gone].weight;
            m.v[gone].weight = 0;
            const struct balance *without = members_balance(&m, L4_MAGLEV);
            m.v[gone].weight = weight;
            assert_true(moved(all, without, gone) <= 0.02);
            assert_true(moved(without, all, UINT32_MAX) <= 1.0 / m.n + 0.02);
        }
        members_free(&m);
    }
}

static void few_move_with_weights(void **state)
{
    (void)state;
    struct members m;
    uint32_t sum = 0;
    members_make(&m, 50);
    for (uint32_t i = 0; i < m.n; i++)
        sum += m.v[i].weight = 50 + 7 * i;
    const struct balance *all = members_balance(&m, L4_SOURCE_HASH);
    for (uint32_t gone = 0; gone < m.n; gone += 7) {
        uint32_t weight = m.v[gone].weight;
        m.v[gone].weight = 0;
        assert_true(moved(all, members_balance(&m, L4_SOURCE_HASH), gone) <= 0.02);
        m.v[gone].weight = weight * 9 / 10;
        double share = (double)weight / sum;
        assert_true(moved(all, members_balance(&m, L4_SOURCE_HASH), UINT32_MAX) <=
                    share / 10 + 0.02);
        m.v[gone].weight = weight;
    }
    members_free(&m);
}

/* Members in another order, made by another process: the same member for each hash. */
static void the_order_of_members_does_not_matter(void **state)
{
    (void)state;
    enum { N = 100 };
    struct members m;
    struct balance_input other[N];
    members_make(&m, N);
    for (uint32_t i = 0; i < N; i++) {
        m.v[i].weight = 1 + i % 4;
        other[(i * 37 + 11) % N] = m.v[i];
    }
    const struct balance *a = members_balance(&m, L4_MAGLEV);
    for (uint32_t i = 0; i < N; i++)
        other[(i * 37 + 11) % N].weight = 1 + i % 4;
    const struct balance *b = balance_new(m.arena, L4_MAGLEV, other, N);
    for (uint64_t i = 0; i < HASHES; i++) {
        uint64_t h = hash_at(i, HASHES);
        assert_ptr_equal(m.v[pick(a, h)].member, other[pick(b, h)].member);
    }
    members_free(&m);
}

/* As every forwarder has it: these picks may change with another version's table alone. */
static void tables_are_the_same_everywhere(void **state)
{
    (void)state;
    struct members m;
    char got[33] = "";
    members_make(&m, 8);
    const struct balance *b = members_balance(&m, L4_MAGLEV);
    for (unsigned i = 0; i < 32; i++)
        got[i] = (char)('0' + pick(b, hash_at(i, 32)));
    assert_string_equal(got, "25014153032577473620306041233516");
    members_free(&m);
}

/* When all are ejected clients keep their members. */
static void the_ejected_keep_their_clients(void **state)
{
    (void)state;
    struct members m;
    members_make(&m, 20);
    const struct balance *b = members_balance(&m, L4_SOURCE_HASH);
    for (uint64_t i = 0; i < 2000; i++) {
        uint64_t h = hash_at(i, 2000);
        uint32_t was = pick(b, h);
        for (uint32_t k = 0; k < m.n; k++)
            m.v[k].member->ejected_until_ms = 1000;
        assert_int_equal(pick(b, h), was);
        for (uint32_t k = 0; k < m.n; k++)
            m.v[k].member->ejected_until_ms = 0;
    }
    members_free(&m);
}

/* The next member of a flow that tries on is another one for each place, evenly. */
static void second_tries_are_spread(void **state)
{
    (void)state;
    enum { N = 5 };
    struct members m;
    uint64_t seen[N] = {0};
    members_make(&m, N);
    const struct balance *b = members_balance(&m, L4_MAGLEV);
    for (uint64_t i = 0; i < HASHES; i++) {
        struct balance_cursor cursor = {.rng = {1}};
        struct balance_flow flow = {.hash = hash_at(i, HASHES), .tried = {2}, .n_tried = 1};
        uint32_t got = balance_pick(b, &cursor, &flow);
        if (pick(b, flow.hash) == 2)
            seen[got]++;
        else
            assert_int_equal(got, pick(b, flow.hash));
    }
    for (uint32_t i = 0; i < N; i++)
        assert_true(i == 2 ? seen[i] == 0 : seen[i] > HASHES / 5 / 4 * 0.9);
    members_free(&m);
}

/* ---- hashes of clients ---- */

static uint64_t hash(enum l4_balance kind, uint64_t seed, const char *text, uint16_t port)
{
    struct ip ip;
    assert_int_equal(ip_parse(&ip, text), 0);
    return balance_hash(kind, seed, &ip, port);
}

static void maglev_goes_by_address_and_port(void **state)
{
    (void)state;
    uint64_t h = hash(L4_MAGLEV, 7, "192.0.2.1", 1000);
    assert_true(h == hash(L4_MAGLEV, 7, "192.0.2.1", 1000));
    assert_true(h != hash(L4_MAGLEV, 7, "192.0.2.1", 1001));
    assert_true(h != hash(L4_MAGLEV, 7, "192.0.2.2", 1000));
    assert_true(h != hash(L4_MAGLEV, 8, "192.0.2.1", 1000));
    assert_true(hash(L4_MAGLEV, 7, "2001:db8::1", 1) != hash(L4_MAGLEV, 7, "2001:db8::2", 1));
    assert_true(hash(L4_MAGLEV, 0, "192.0.2.1", 1) == hash(L4_MAGLEV, 0, "192.0.2.1", 1));
    assert_true(hash(L4_MAGLEV, 0, "192.0.2.1", 1) != hash(L4_MAGLEV, 7, "192.0.2.1", 1));
}

static void source_hash_goes_by_the_client(void **state)
{
    (void)state;
    uint64_t h = hash(L4_SOURCE_HASH, 7, "192.0.2.1", 1000);
    assert_true(h == hash(L4_SOURCE_HASH, 7, "192.0.2.1", 2000));
    assert_true(h == hash(L4_SOURCE_HASH, 7, "::ffff:192.0.2.1", 1));
    assert_true(h != hash(L4_SOURCE_HASH, 7, "192.0.2.2", 1000));
    assert_true(h != hash(L4_SOURCE_HASH, 8, "192.0.2.1", 1000));
    uint64_t six = hash(L4_SOURCE_HASH, 7, "2001:db8:1:2::1", 1);
    assert_true(six == hash(L4_SOURCE_HASH, 7, "2001:db8:1:2:ffff::", 9));
    assert_true(six != hash(L4_SOURCE_HASH, 7, "2001:db8:1:3::1", 1));
    assert_true(hash(L4_SOURCE_HASH, 7, "::1", 1) != hash(L4_SOURCE_HASH, 7, "::2:0:0:0:0", 1));
}

/* Clients that follow one another, as customers of one network do, lie evenly. */
static void neighbours_are_spread(void **state)
{
    (void)state;
    enum { N = 64 };
    static const enum l4_balance both[] = {L4_MAGLEV, L4_SOURCE_HASH};
    double even[N];
    for (uint32_t i = 0; i < N; i++)
        even[i] = 1.0 / N;
    for (unsigned k = 0; k < 4; k++) {
        uint64_t seen[N] = {0};
        for (uint32_t i = 0; i < 1 << 16; i++) {
            struct ip v4 = {.family = IP_V4, .b = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}};
            struct ip v6 = {.family = IP_V6,
                            .b = {0x20, 1, 0xd, 0xb8, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}};
            seen[balance_hash(both[k / 2], 99, k % 2 ? &v6 : &v4, 40000) >> 58]++;
        }
        assert_true(chi2_fits(seen, even, N));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_even),
        cmocka_unit_test(shares_are_by_weight),
        cmocka_unit_test(shares_are_rounded),
        cmocka_unit_test(as_many_as_there_may_be_have_a_place),
        cmocka_unit_test(few_move),
        cmocka_unit_test(few_move_with_weights),
        cmocka_unit_test(the_order_of_members_does_not_matter),
        cmocka_unit_test(tables_are_the_same_everywhere),
        cmocka_unit_test(the_ejected_keep_their_clients),
        cmocka_unit_test(second_tries_are_spread),
        cmocka_unit_test(maglev_goes_by_address_and_port),
        cmocka_unit_test(source_hash_goes_by_the_client),
        cmocka_unit_test(neighbours_are_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
