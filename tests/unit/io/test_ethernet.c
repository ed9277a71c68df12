/* SPDX-License-Identifier: Apache-2.0
 * Frames: what is read is what was sent, answers are frames that a stack would take, and whatever
 * is not in order is left alone. */
#include "base/arena.h"
#include "base/rng.h"
#include "io/ethernet.h"
#include "tests/unit/io/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* The packet lies in memory of its exact size, so that a sanitizer sees every byte too far. */
static bool parse(struct ethernet_query *f, const uint8_t *p, uint32_t n)
{
    uint8_t *exact = xmalloc(n ? n : 1);
    memcpy(exact, p, n);
    bool valid = ethernet_parse(f, exact, n);
    free(exact);
    return valid;
}

static void check_read(const struct shape *s)
{
    uint8_t p[2048];
    struct ethernet_query f;
    uint32_t n = build(p, s);
    assert_true(parse(&f, p, n));
    assert_int_equal(f.ip_at, s->vlan ? 18 : 14);
    assert_int_equal(f.message_at, f.ip_at + (s->v6 ? 40 : 20) + 8);
    assert_int_equal(f.message_len, s->len);
    assert_int_equal(f.source.family, s->v6 ? IP_V6 : IP_V4);
    assert_memory_equal(f.source.b, s->v6 ? theirs6 : theirs, s->v6 ? 16 : 4);
}

static void check_reply(const struct shape *s, uint32_t answer_len)
{
    uint8_t query[2048], room[4096];
    struct ethernet_query f;
    assert_true(parse(&f, query, build(query, s)));
    memset(room, 0xcc, sizeof room);
    uint8_t *message = room + 200, *p = message - f.message_at, *ip = p + f.ip_at;
    uint8_t *udp = message - 8;
    for (uint32_t i = 0; i < answer_len; i++)
        message[i] = (uint8_t)(i * 13 + 5);
    assert_int_equal(ethernet_reply(&f, query, message, answer_len), f.message_at + answer_len);
    assert_int_equal(p[-1], 0xcc);
    assert_int_equal(message[answer_len], 0xcc);
    assert_memory_equal(p, their_mac, 6);
    assert_memory_equal(p + 6, our_mac, 6);
    assert_memory_equal(p + 12, query + 12, f.ip_at - 12u);
    if (s->v6) {
        assert_int_equal(load_u32(ip), 0x60000000);
        assert_int_equal(load_u16(ip + 4), 8 + answer_len);
        assert_int_equal(ip[7], ETHERNET_HOP_LIMIT);
        assert_memory_equal(ip + 8, ours6, 16);
        assert_memory_equal(ip + 24, theirs6, 16);
    } else {
        assert_int_equal(load_u16(ip + 2), 28 + answer_len);
        assert_int_equal(ip[8], ETHERNET_HOP_LIMIT);
        assert_int_equal(slow_sum(0, ip, 20), 0xffff);
        assert_memory_equal(ip + 12, ours, 4);
        assert_memory_equal(ip + 16, theirs, 4);
    }
    assert_int_equal(load_u16(udp), 53);
    assert_int_equal(load_u16(udp + 2), 54321);
    assert_int_equal(load_u16(udp + 4), 8 + answer_len);
    assert_int_not_equal(load_u16(udp + 6), 0);
    assert_int_equal(slow_checksum(ip, s->v6, udp, 8 + answer_len), 0xffff);
}

static void each_shape(void (*check)(const struct shape *s))
{
    for (unsigned bits = 0; bits < 32; bits++) {
        struct shape s = {.v6 = bits & 1,
                          .vlan = bits & 2,
                          .no_checksum = bits & 4,
                          .partial_checksum = bits & 8,
                          .padding = bits & 16 ? 18 : 0};
        if (s.no_checksum && (s.v6 || s.partial_checksum))
            continue;
        for (s.len = 12; s.len < 80; s.len++)
            check(&s);
    }
}

static void reads_all_shapes(void **state)
{
    (void)state;
    each_shape(check_read);
}

static void check_replies(const struct shape *s)
{
    check_reply(s, s->len + 16);
    check_reply(s, 1232);
}

static void replies_to_all_shapes(void **state)
{
    (void)state;
    each_shape(check_replies);
}

/* A sum that comes out as zero is sent as its other form: zero would mean that there is none. */
static void never_sends_a_zero_checksum(void **state)
{
    (void)state;
    uint8_t query[2048], room[512];
    struct ethernet_query f;
    const struct shape s = {.len = 30};
    unsigned seen = 0;
    assert_true(parse(&f, query, build(query, &s)));
    for (uint32_t i = 0; i < 65536; i++) {
        uint8_t *message = room + 100;
        memset(message, 0, 20);
        store_u16(message, (uint16_t)i);
        ethernet_reply(&f, query, message, 20);
        assert_int_not_equal(load_u16(message - 2), 0);
        seen += load_u16(message - 2) == 0xffff;
    }
    assert_true(seen > 0);
}

static void refuses(const struct shape *s, void (*damage)(uint8_t *p, uint32_t *n))
{
    uint8_t p[2048];
    struct ethernet_query f;
    uint32_t n = build(p, s);
    damage(p, &n);
    assert_false(parse(&f, p, n));
}

static void one_bit_of_the_message(uint8_t *p, uint32_t *n)
{
    p[*n - 3] ^= 4;
}
static void one_bit_of_the_address(uint8_t *p, uint32_t *n)
{
    (void)n;
    p[14 + 13] ^= 1;
}
static void options(uint8_t *p, uint32_t *n)
{
    (void)n;
    p[14] = 0x46;
}
static void a_fragment(uint8_t *p, uint32_t *n)
{
    (void)n;
    store_u16(p + 14 + 6, 0x2000);
    store_u16(p + 14 + 10, 0);
    store_u16(p + 14 + 10, (uint16_t)~slow_sum(0, p + 14, 20));
}
static void no_udp(uint8_t *p, uint32_t *n)
{
    (void)n;
    p[14 + 6] = 6;
    p[14 + 9] = 6;
}
static void arp(uint8_t *p, uint32_t *n)
{
    (void)n;
    store_u16(p + 12, 0x0806);
}
static void a_long_length(uint8_t *p, uint32_t *n)
{
    (void)n;
    store_u16(p + 14 + 40 + 4, 8 + 31);
}
static void no_checksum(uint8_t *p, uint32_t *n)
{
    (void)n;
    store_u16(p + 14 + 40 + 6, 0);
}
static void cut(uint8_t *p, uint32_t *n)
{
    (void)p;
    --*n;
}

static void refuses_what_is_not_in_order(void **state)
{
    (void)state;
    const struct shape v4 = {.len = 30}, v6 = {.v6 = true, .len = 30};
    refuses(&v4, one_bit_of_the_message);
    refuses(&v6, one_bit_of_the_message);
    refuses(&v4, one_bit_of_the_address);
    refuses(&v6, one_bit_of_the_address);
    refuses(&v4, options);
    refuses(&v4, a_fragment);
    refuses(&v4, no_udp);
    refuses(&v6, no_udp);
    refuses(&v4, arp);
    refuses(&v6, a_long_length);
    refuses(&v6, no_checksum);
    refuses(&v4, cut);
    refuses(&v6, cut);
}

static void survives_every_cut_and_noise(void **state)
{
    (void)state;
    struct rng rng = {.state = 11};
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t p[2048];
        struct ethernet_query f;
        struct shape s = {.v6 = round & 1, .vlan = round & 2, .len = 12 + round % 40};
        uint32_t n = build(p, &s);
        for (unsigned i = 0; i < 3; i++)
            p[rng_below(&rng, n)] = (uint8_t)rng_next(&rng);
        uint32_t left = rng_below(&rng, n + 1);
        if (parse(&f, p, left))
            assert_true(f.message_at + f.message_len <= left);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_shapes),
        cmocka_unit_test(replies_to_all_shapes),
        cmocka_unit_test(never_sends_a_zero_checksum),
        cmocka_unit_test(refuses_what_is_not_in_order),
        cmocka_unit_test(survives_every_cut_and_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
