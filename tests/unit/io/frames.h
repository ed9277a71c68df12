/* SPDX-License-Identifier: Apache-2.0
 * Frames with queries made by hand, their checksums computed byte by byte. */
#pragma once

#include "base/cursor.h"

static const uint8_t ours[16] = {10, 98, 0, 1}, theirs[16] = {192, 0, 2, 77};
static const uint8_t ours6[16] = {0xfd, 0x98, [15] = 1},
                     theirs6[16] = {0x20, 1, 0xd, 0xb8, [15] = 7};
static const uint8_t our_mac[6] = {2, 1, 1, 1, 1, 1}, their_mac[6] = {2, 2, 2, 2, 2, 2};

struct shape {
    bool v6, vlan, no_checksum, partial_checksum;
    uint32_t len, padding; /* of the message; behind the packet */
};

/* RFC 1071 by the letter. */
static inline uint16_t slow_sum(uint32_t sum, const uint8_t *p, uint32_t n)
{
    for (uint32_t i = 0; i + 1 < n; i += 2)
        sum += load_u16(p + i);
    if (n % 2)
        sum += (uint32_t)p[n - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static inline uint16_t slow_pseudo(const uint8_t *ip, bool v6, uint32_t udp_len)
{
    uint8_t pseudo[40] = {0};
    uint32_t n = v6 ? 32 : 8;
    memcpy(pseudo, v6 ? ip + 8 : ip + 12, n);
    store_u32(pseudo + n, udp_len);
    store_u32(pseudo + n + 4, 17);
    return slow_sum(0, pseudo, n + 8);
}

static inline uint16_t slow_checksum(const uint8_t *ip, bool v6, const uint8_t *udp,
                                     uint32_t udp_len)
{
    return slow_sum(slow_pseudo(ip, v6, udp_len), udp, udp_len);
}

static inline uint8_t *put_ip(uint8_t *p, const struct shape *s, uint32_t udp_len)
{
    if (s->v6) {
        store_u32(p, 0x6ab12345);
        store_u16(p + 4, (uint16_t)udp_len);
        p[6] = 17;
        p[7] = 55;
        memcpy(p + 8, theirs6, 16);
        memcpy(p + 24, ours6, 16);
        return p + 40;
    }
    store_u16(p, 0x45b8);
    store_u16(p + 2, (uint16_t)(20 + udp_len));
    store_u32(p + 4, 0xbeef4000);
    p[8] = 55;
    p[9] = 17;
    store_u16(p + 10, 0);
    memcpy(p + 12, theirs, 4);
    memcpy(p + 16, ours, 4);
    store_u16(p + 10, (uint16_t)~slow_sum(0, p, 20));
    return p + 20;
}

/* Builds a query's frame; returns its length. */
static inline uint32_t build(uint8_t *p, const struct shape *s)
{
    uint32_t udp_len = 8 + s->len;
    uint8_t *at = p + 12;
    memcpy(p, our_mac, 6);
    memcpy(p + 6, their_mac, 6);
    if (s->vlan) {
        store_u32(at, 0x8100a07b);
        at += 4;
    }
    store_u16(at, s->v6 ? 0x86dd : 0x0800);
    uint8_t *ip = at + 2, *udp = put_ip(ip, s, udp_len);
    store_u16(udp, 54321);
    store_u16(udp + 2, 53);
    store_u16(udp + 4, (uint16_t)udp_len);
    store_u16(udp + 6, 0);
    for (uint32_t i = 0; i < s->len; i++)
        udp[8 + i] = (uint8_t)(i * 7 + 3);
    uint16_t sum = (uint16_t)~slow_checksum(ip, s->v6, udp, udp_len);
    if (s->partial_checksum)
        store_u16(udp + 6, slow_pseudo(ip, s->v6, udp_len));
    else if (!s->no_checksum)
        store_u16(udp + 6, sum ? sum : 0xffff);
    memset(udp + udp_len, 0xee, s->padding);
    return (uint32_t)(udp + udp_len + s->padding - p);
}
