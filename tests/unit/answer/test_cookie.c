/* SPDX-License-Identifier: Apache-2.0
 * Server cookies: the vectors of RFC 9018 Appendix A, their ages, secrets that change, and whatever
 * was changed in one. */
#include "answer/cookie.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECRET_A "e5e973e5a6b2a43f48e7dc849e37bfcf"
#define SECRET_OLD "dd3bdf9344b678b185a6f5cb60fca715"
#define SECRET_NEW "445536bcd2513298075a5d379663c962"

static uint32_t from_hex(uint8_t *out, const char *text)
{
    uint32_t n = (uint32_t)strlen(text) / 2;
    for (uint32_t i = 0; i < n; i++) {
        char two[3] = {text[2 * i], text[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return n;
}

static struct cookie_policy policy_of(const char *first, const char *second, const char *third)
{
    const char *const of[] = {first, second, third};
    struct cookie_policy policy = {.on = true};
    for (unsigned i = 0; i < 3 && of[i]; i++) {
        uint8_t secret[COOKIE_SECRET_LEN];
        from_hex(secret, of[i]);
        policy.key[policy.n++] = siphash_key(secret);
    }
    return policy;
}

static struct ip address(const char *text)
{
    struct ip ip;
    assert_int_equal(ip_parse(&ip, text), 0);
    return ip;
}

/* Appendix A: what is asked at a time, and what is answered. */
static void test_vectors(void **state)
{
    static const struct {
        const char *secret, *second, *client, *sent, *back;
        int64_t now_s;
        enum cookie_state found;
    } of[] = {
        {SECRET_A, NULL, "198.51.100.100", "2464c4abcf10c957",
         "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985, COOKIE_NEW},
        {SECRET_A, NULL, "198.51.100.100", "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
         "2464c4abcf10c957010000005cf7a871d4a564a1442aca77", 1559734385, COOKIE_VALID},
        /* Reserved bytes that are not zero are hashed as they are; it is old here (A.3 takes it).
         */
        {SECRET_A, NULL, "203.0.113.203", "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
         "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e", 1559734700, COOKIE_EXPIRED},
        {SECRET_A, NULL, "203.0.113.203", "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
         "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", 1559727985, COOKIE_VALID},
        {SECRET_NEW, SECRET_OLD, "2001:db8:220:1:59de:d0f4:8769:82b8",
         "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
         "22681ab97d52c298010000005cf7c609a6bb79d16625507a", 1559741961, COOKIE_VALID},
        {SECRET_NEW, NULL, "2001:db8:220:1:59de:d0f4:8769:82b8",
         "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
         "22681ab97d52c298010000005cf7c609a6bb79d16625507a", 1559741961, COOKIE_INVALID},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(of); i++) {
        uint8_t sent[COOKIE_LEN], back[COOKIE_LEN];
        struct cookie_policy policy = policy_of(of[i].secret, of[i].second, NULL);
        struct ip client = address(of[i].client);
        struct cookie out;
        cookie_judge(&out, &policy, sent, from_hex(sent, of[i].sent), &client, of[i].now_s);
        from_hex(back, of[i].back);
        assert_int_equal(out.state, of[i].found);
        assert_memory_equal(out.bytes, back, COOKIE_LEN);
    }
}

static struct cookie ask(const struct cookie_policy *policy, const struct cookie *sent,
                         uint32_t len, const char *client, int64_t now_s)
{
    struct ip ip = address(client);
    struct cookie out;
    cookie_judge(&out, policy, sent->bytes, len, &ip, now_s);
    return out;
}

static const struct cookie client_cookie = {.bytes = {1, 2, 3, 4, 5, 6, 7, 8}};

static void test_ages(void **state)
{
    static const struct {
        int64_t age_s;
        enum cookie_state found;
        bool same;
    } of[] = {
        {-301, COOKIE_EXPIRED, false}, {-300, COOKIE_VALID, true},     {0, COOKIE_VALID, true},
        {1800, COOKIE_VALID, true},    {1801, COOKIE_VALID, false},    {3600, COOKIE_VALID, false},
        {3601, COOKIE_EXPIRED, false}, {86400, COOKIE_EXPIRED, false},
    };
    /* The last of them near the turn of 32 bits, in 2106. */
    static const int64_t starts[] = {1700000000, 4294966000};
    struct cookie_policy policy = policy_of(SECRET_A, NULL, NULL);
    (void)state;
    for (unsigned k = 0; k < ARRAY_LEN(starts); k++) {
        struct cookie got = ask(&policy, &client_cookie, 8, "192.0.2.1", starts[k]);
        assert_int_equal(got.state, COOKIE_NEW);
        for (unsigned i = 0; i < ARRAY_LEN(of); i++) {
            struct cookie again =
                ask(&policy, &got, COOKIE_LEN, "192.0.2.1", starts[k] + of[i].age_s);
            assert_int_equal(again.state, of[i].found);
            assert_int_equal(memcmp(again.bytes, got.bytes, COOKIE_LEN) == 0, of[i].same);
            /* What comes back is good in any case. */
            again = ask(&policy, &again, COOKIE_LEN, "192.0.2.1", starts[k] + of[i].age_s);
            assert_int_equal(again.state, COOKIE_VALID);
        }
    }
}

/* No bit of the cookie or of the address may be another. */
static void test_tampering(void **state)
{
    static const char *const clients[] = {"192.0.2.1", "2001:db8::1"};
    struct cookie_policy policy = policy_of(SECRET_A, SECRET_OLD, SECRET_NEW);
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        struct cookie got = ask(&policy, &client_cookie, 8, clients[k], 1700000000);
        struct ip client = address(clients[k]);
        for (unsigned bit = 0; bit < 8 * COOKIE_LEN; bit++) {
            struct cookie bad = got;
            bad.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(ask(&policy, &bad, COOKIE_LEN, clients[k], 1700000000).state,
                             COOKIE_INVALID);
        }
        for (unsigned bit = 0; bit < ip_bits(&client); bit++) {
            struct cookie out;
            client.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
            cookie_judge(&out, &policy, got.bytes, COOKIE_LEN, &client, 1700000000);
            assert_int_equal(out.state, COOKIE_INVALID);
            client.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static void test_lengths(void **state)
{
    uint8_t option[40] = {0};
    struct cookie_policy policy = policy_of(SECRET_A, NULL, NULL);
    struct cookie got = ask(&policy, &client_cookie, 8, "192.0.2.1", 1700000000);
    struct ip client = address("192.0.2.1");
    (void)state;
    memcpy(option, got.bytes, COOKIE_LEN);
    for (uint32_t n = 16; n <= 40; n++) {
        struct cookie out;
        cookie_judge(&out, &policy, option, n, &client, 1700000000);
        assert_int_equal(out.state, n == COOKIE_LEN ? COOKIE_VALID : COOKIE_INVALID);
    }
}

/* RFC 9018 5: two servers, each a step ahead of the other in turn, take each other's cookies. */
static void test_rollover(void **state)
{
    const struct cookie_policy steps[] = {
        policy_of(SECRET_OLD, NULL, NULL),
        policy_of(SECRET_OLD, SECRET_NEW, NULL), /* next */
        policy_of(SECRET_NEW, SECRET_OLD, NULL), /* old */
        policy_of(SECRET_NEW, NULL, NULL),
    };
    (void)state;
    for (unsigned i = 0; i + 1 < ARRAY_LEN(steps); i++) {
        for (unsigned k = 0; k < 2; k++) {
            const struct cookie_policy *a = &steps[i + k], *b = &steps[i + 1 - k];
            struct cookie got = ask(a, &client_cookie, 8, "192.0.2.1", 1700000000);
            got = ask(b, &got, COOKIE_LEN, "192.0.2.1", 1700000000);
            assert_int_equal(got.state, COOKIE_VALID);
        }
    }
    /* And the one that is gone is no good. */
    struct cookie got = ask(&steps[0], &client_cookie, 8, "192.0.2.1", 1700000000);
    assert_int_equal(ask(&steps[3], &got, COOKIE_LEN, "192.0.2.1", 1700000000).state,
                     COOKIE_INVALID);
    /* Made with another than the first, it is good, and replaced by one made with that. */
    got = ask(&steps[0], &client_cookie, 8, "192.0.2.1", 1700000000);
    got = ask(&steps[2], &got, COOKIE_LEN, "192.0.2.1", 1700000000);
    assert_int_equal(got.state, COOKIE_VALID);
    assert_int_equal(ask(&steps[3], &got, COOKIE_LEN, "192.0.2.1", 1700000000).state, COOKIE_VALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),   cmocka_unit_test(test_ages),
        cmocka_unit_test(test_tampering), cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_rollover),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
