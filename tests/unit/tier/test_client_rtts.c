/* SPDX-License-Identifier: Apache-2.0
 * Round-trip times of clients that are kept: the latest of each network, for an hour, the newest of
 * too many; and what is read of loadstar-l4's lines. */
#include "tier/client_rtts.h"
#include "tier/forwarder_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1000000000000)

static struct client_rtt rtt(const char *network, uint32_t us, int64_t seen_ms)
{
    struct client_rtt r = {.rtt_us = us, .min_us = us, .n = 1, .seen_ms = seen_ms};
    assert_int_equal(ip_prefix_parse(&r.network, network), 0);
    return r;
}

static void assert_rtt(const struct client_rtts *all, uint32_t i, const char *network, uint32_t us)
{
    char text[IP_PREFIX_TEXT_MAX];
    assert_true(i < all->n);
    assert_string_equal(ip_prefix_text(text, &all->v[i].network), network);
    assert_int_equal(all->v[i].rtt_us, us);
}

/** Lets go of what was known. */
static struct client_rtts *with(struct client_rtts *before, struct client_rtt *news, uint32_t n,
                                int64_t now_ms)
{
    struct client_rtts *all = client_rtts_with(before, news, n, now_ms);
    client_rtts_release(before);
    return all;
}

static void test_the_latest_of_each(void **state)
{
    (void)state;
    struct client_rtt first[] = {
        rtt("2001:db8::/48", 6, NOW),    rtt("192.0.2.0/24", 2, NOW - 5),
        rtt("10.0.0.0/24", 1, NOW),      rtt("192.0.2.0/24", 3, NOW - 4), /* twice: the newer */
        rtt("192.0.2.0/24", 4, NOW - 6),
    };
    struct client_rtts *all = with(NULL, first, 5, NOW);
    assert_int_equal(all->n, 3);
    assert_rtt(all, 0, "10.0.0.0/24", 1);
    assert_rtt(all, 1, "192.0.2.0/24", 3);
    assert_rtt(all, 2, "2001:db8::/48", 6);
    /* What is told last holds, whatever its time is; the rest stays. */
    struct client_rtt next[] = {rtt("192.0.2.0/24", 9, NOW - 100), rtt("192.0.3.0/24", 8, NOW)};
    all = with(all, next, 2, NOW);
    assert_int_equal(all->n, 4);
    assert_rtt(all, 0, "10.0.0.0/24", 1);
    assert_rtt(all, 1, "192.0.2.0/24", 9);
    assert_rtt(all, 2, "192.0.3.0/24", 8);
    assert_rtt(all, 3, "2001:db8::/48", 6);
    client_rtts_release(all);
}

static void test_held_by_several(void **state)
{
    (void)state;
    struct client_rtt one[] = {rtt("10.0.0.0/24", 1, NOW)};
    struct client_rtts *all = client_rtts_with(NULL, one, 1, NOW), *held = client_rtts_hold(all);
    client_rtts_release(all);
    assert_rtt(held, 0, "10.0.0.0/24", 1);
    client_rtts_release(held);
    assert_null(client_rtts_hold(NULL));
    client_rtts_release(NULL);
}

static void test_forgotten(void **state)
{
    (void)state;
    struct client_rtt first[] = {
        rtt("10.0.0.0/24", 1, NOW - CLIENT_RTTS_FORGET_MS),     /* too old already */
        rtt("10.0.1.0/24", 2, NOW - CLIENT_RTTS_FORGET_MS + 1), /* in a moment */
        rtt("10.0.2.0/24", 3, NOW + 7200000),                   /* not of the time to come */
    };
    struct client_rtts *all = with(NULL, first, 3, NOW);
    assert_int_equal(all->n, 2);
    assert_rtt(all, 0, "10.0.1.0/24", 2);
    assert_int_equal(all->v[1].seen_ms, NOW);
    all = with(all, first, 0, NOW + 1);
    assert_int_equal(all->n, 1);
    assert_rtt(all, 0, "10.0.2.0/24", 3);
    assert_true(client_rtt_is_fresh(&all->v[0], NOW + CLIENT_RTTS_FORGET_MS - 1));
    assert_false(client_rtt_is_fresh(&all->v[0], NOW + CLIENT_RTTS_FORGET_MS));
    /* The clock is set back: it counts from there. */
    all = with(all, first, 0, NOW - 5000);
    assert_int_equal(all->v[0].seen_ms, NOW - 5000);
    all = with(all, first, 0, NOW - 5000 + CLIENT_RTTS_FORGET_MS);
    assert_int_equal(all->n, 0);
    client_rtts_release(all);
}

/* The networks i of so many, each a millisecond newer than the one before. */
static void test_too_many(void **state)
{
    enum { N = 1000, ROUNDS = 6 };
    static struct client_rtt news[N];
    struct client_rtts *all = NULL;
    (void)state;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < N; i++) {
            uint32_t nth = round * N + i, bits = nth * 7919 % 8192; /* in no order */
            news[i] = (struct client_rtt){
                .network = {.addr = {.b = {10, (uint8_t)(bits >> 8), (uint8_t)bits},
                                     .family = IP_V4},
                            .len = 24},
                .rtt_us = nth,
                .n = 1,
                .seen_ms = NOW + nth};
        }
        all = with(all, news, N, NOW + N * ROUNDS);
        assert_true(all->n <= CLIENT_RTTS_MAX);
    }
    assert_int_equal(all->n, CLIENT_RTTS_MAX);
    for (uint32_t i = 0; i < all->n; i++) {
        assert_true(all->v[i].rtt_us >= N * ROUNDS - CLIENT_RTTS_MAX);
        assert_true(i == 0 || client_rtt_order(&all->v[i - 1], &all->v[i]) < 0);
    }
    client_rtts_release(all);
}

/* ---- lines of loadstar-l4 ---- */

#define ENTRY(network, rtt_ms, min_ms, samples, age_s)                            \
    "{\"network\": " network ", \"rtt_ms\": " rtt_ms ", \"min_ms\": " min_ms ", " \
    "\"samples\": " samples ", \"age_s\": " age_s "}"
#define GOOD ENTRY("\"192.0.2.0/24\"", "12.3454", "0", "7", "3")

static int take(const char *list, struct client_rtt *out, uint32_t *n, char *error)
{
    struct buf text = {0};
    struct forwarder_line line;
    buf_printf(&text, "{\"event\": \"rtt\", \"networks\": [%s]}", list);
    forwarder_line_read(&line, text.p, text.n);
    assert_int_equal(line.word, FORWARDER_RTT);
    int e = forwarder_rtts_take(out, n, line.networks, NOW, error);
    forwarder_line_free(&line);
    buf_free(&text);
    return e;
}

static void test_lines(void **state)
{
    static struct client_rtt v[FORWARDER_RTTS_MAX];
    char text[IP_PREFIX_TEXT_MAX], error[FORWARDER_ERROR_MAX] = "";
    uint32_t n = 99;
    (void)state;
    assert_int_equal(take("", v, &n, error), 0);
    assert_int_equal(n, 0);
    assert_int_equal(take(GOOD
                          ", " ENTRY("\"2001:db8:7::/48\"", "600000", "0.5", "4294967295", "0"),
                          v, &n, error),
                     0);
    assert_int_equal(n, 2);
    assert_string_equal(ip_prefix_text(text, &v[0].network), "192.0.2.0/24");
    assert_int_equal(v[0].rtt_us, 12345);
    assert_int_equal(v[0].min_us, 0);
    assert_int_equal(v[0].n, 7);
    assert_int_equal(v[0].seen_ms, NOW - 3000);
    assert_string_equal(ip_prefix_text(text, &v[1].network), "2001:db8:7::/48");
    assert_int_equal(v[1].rtt_us, 600000000);
    assert_int_equal(v[1].min_us, 500);
    assert_int_equal(v[1].n, UINT32_MAX);
    assert_string_equal(error, "");
}

static void test_lines_refused(void **state)
{
    static const struct {
        const char *entry, *error;
    } cases[] = {
        {"7", "rtt: networks[1].network cannot be read"},
        {"{}", "rtt: networks[1].network"},
        {ENTRY("\"192.0.2.0/25\"", "1", "1", "1", "1"), "networks[1].network"},
        {ENTRY("\"192.0.0.0/16\"", "1", "1", "1", "1"), "networks[1].network"},
        {ENTRY("\"192.0.2.1/24\"", "1", "1", "1", "1"), "networks[1].network"},
        {ENTRY("\"192.0.2.0\"", "1", "1", "1", "1"), "networks[1].network"},
        {ENTRY("\"2001:db8::/24\"", "1", "1", "1", "1"), "networks[1].network"},
        {ENTRY("\"2001:db8::/64\"", "1", "1", "1", "1"), "networks[1].network"},
        {ENTRY("\"everybody\"", "1", "1", "1", "1"), "networks[1].network"},
        {ENTRY("\"192.0.2.0/24\"", "-1", "1", "1", "1"), "networks[1].rtt_ms"},
        {ENTRY("\"192.0.2.0/24\"", "600000.1", "1", "1", "1"), "networks[1].rtt_ms"},
        {ENTRY("\"192.0.2.0/24\"", "1e300", "1", "1", "1"), "networks[1].rtt_ms"},
        {ENTRY("\"192.0.2.0/24\"", "\"1\"", "1", "1", "1"), "networks[1].rtt_ms"},
        {ENTRY("\"192.0.2.0/24\"", "1", "-0.1", "1", "1"), "networks[1].min_ms"},
        {ENTRY("\"192.0.2.0/24\"", "1", "null", "1", "1"), "networks[1].min_ms"},
        {ENTRY("\"192.0.2.0/24\"", "1", "1", "0", "1"), "networks[1].samples"},
        {ENTRY("\"192.0.2.0/24\"", "1", "1", "-1", "1"), "networks[1].samples"},
        {ENTRY("\"192.0.2.0/24\"", "1", "1", "1.5", "1"), "networks[1].samples"},
        {ENTRY("\"192.0.2.0/24\"", "1", "1", "4294967296", "1"), "networks[1].samples"},
        {ENTRY("\"192.0.2.0/24\"", "1", "1", "1", "-1"), "networks[1].age_s"},
        {ENTRY("\"192.0.2.0/24\"", "1", "1", "1", "9223372036854775807"), "networks[1].age_s"},
    };
    static struct client_rtt v[FORWARDER_RTTS_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf list = {0};
        char error[FORWARDER_ERROR_MAX] = "";
        uint32_t n = 99;
        buf_printf(&list, GOOD ", %s", cases[i].entry);
        assert_int_equal(take(list.p, v, &n, error), E_SYNTAX);
        assert_int_equal(n, 0);
        if (!strstr(error, cases[i].error))
            fail_msg("\"%s\" instead of \"%s\"", error, cases[i].error);
        buf_free(&list);
    }
}

static void test_lines_of_too_many(void **state)
{
    static struct client_rtt v[FORWARDER_RTTS_MAX];
    char error[FORWARDER_ERROR_MAX] = "";
    struct buf list = {0};
    uint32_t n;
    (void)state;
    for (uint32_t i = 0; i < FORWARDER_RTTS_MAX; i++)
        buf_printf(&list, "%s" GOOD, i ? ", " : "");
    assert_int_equal(take(list.p, v, &n, error), 0);
    assert_int_equal(n, FORWARDER_RTTS_MAX);
    buf_puts(&list, ", " GOOD);
    assert_int_equal(take(list.p, v, &n, error), E_RANGE);
    assert_int_equal(n, 0);
    assert_string_equal(error, "rtt: 1025 networks, 1024 at most");
    buf_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_latest_of_each),
        cmocka_unit_test(test_held_by_several),
        cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_lines_refused),
        cmocka_unit_test(test_lines_of_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
