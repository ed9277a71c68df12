/* SPDX-License-Identifier: Apache-2.0
 * Reading and turning around Ethernet frames. */
#include "io/ethernet.h"

#include "base/cursor.h"

#include <net/ethernet.h>
#include <netinet/in.h>

enum {
    MAC_LEN = 6,
    TYPE_AT = 12,
    TAG_LEN = 4,
    V4_LEN = 20,
    V6_LEN = 40,
    UDP_LEN = 8,
    V4_DONT_FRAGMENT = 0x4000,
};

/* Ones' complement sums (RFC 1071) of native 32-bit words: their byte order does not matter, if
 * the result is stored as it is. */

static inline uint64_t sum_bytes(uint64_t sum, const uint8_t *p, uint32_t n)
{
    uint32_t word;
    for (; n >= sizeof word; p += sizeof word, n -= (uint32_t)sizeof word) {
        memcpy(&word, p, sizeof word);
        sum += word;
    }
    if (n) {
        word = 0;
        memcpy(&word, p, n);
        sum += word;
    }
    return sum;
}

static inline uint16_t sum_fold(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/** Of the addresses, the protocol and the datagram's length (RFC 768, RFC 8200 8.1). */
static inline uint64_t sum_pseudo(const uint8_t *ip, bool v6, uint32_t udp_len)
{
    uint64_t sum = v6 ? sum_bytes(0, ip + 8, 32) : sum_bytes(0, ip + 12, 8);
    return sum + htons(IPPROTO_UDP) + htons((uint16_t)udp_len);
}

static inline void store_native16(uint8_t *p, uint16_t x)
{
    memcpy(p, &x, sizeof x);
}

static inline uint16_t load_native16(const uint8_t *p)
{
    uint16_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

/* Each returns the length of the datagram's room in the packet; 0: not for us. */

static inline uint32_t parse_v4(const uint8_t *ip, uint32_t n)
{
    if (n < V4_LEN || ip[0] != 0x45 || (load_u16(ip + 6) & ~V4_DONT_FRAGMENT) != 0 ||
        ip[9] != IPPROTO_UDP || sum_fold(sum_bytes(0, ip, V4_LEN)) != 0xffff)
        return 0;
    uint32_t total = load_u16(ip + 2);
    return total > n || total < V4_LEN ? 0 : total - V4_LEN;
}

static inline uint32_t parse_v6(const uint8_t *ip, uint32_t n)
{
    if (n < V6_LEN || ip[0] >> 4 != 6 || ip[6] != IPPROTO_UDP)
        return 0;
    uint32_t len = load_u16(ip + 4);
    return len > n - V6_LEN ? 0 : len;
}

static inline bool checksum_valid(const uint8_t *ip, bool v6, const uint8_t *udp, uint32_t len)
{
    uint16_t stored = load_native16(udp + 6);
    if (stored == 0)
        return !v6; /* RFC 768: not computed; RFC 8200 8.1: not allowed */
    uint64_t pseudo = sum_pseudo(ip, v6, len);
    return sum_fold(sum_bytes(pseudo, udp, len)) == 0xffff || sum_fold(pseudo) == stored;
}

bool ethernet_parse(struct ethernet_query *f, const uint8_t *p, uint32_t n)
{
    if (n < ETHER_HDR_LEN + TAG_LEN)
        return false;
    uint32_t ip_at = ETHER_HDR_LEN;
    uint16_t type = load_u16(p + TYPE_AT);
    if (type == ETHERTYPE_VLAN) {
        ip_at += TAG_LEN;
        type = load_u16(p + TYPE_AT + TAG_LEN);
    }
    if (type != ETHERTYPE_IP && type != ETHERTYPE_IPV6)
        return false;
    bool v6 = type == ETHERTYPE_IPV6;
    const uint8_t *ip = p + ip_at, *udp = ip + (v6 ? V6_LEN : V4_LEN);
    uint32_t room = v6 ? parse_v6(ip, n - ip_at) : parse_v4(ip, n - ip_at);
    if (room < UDP_LEN)
        return false;
    uint32_t len = load_u16(udp + 4);
    if (len < UDP_LEN || len > room || !checksum_valid(ip, v6, udp, len))
        return false;
    f->source = (struct ip){.family = v6 ? IP_V6 : IP_V4};
    if (v6)
        memcpy(f->source.b, ip + 8, 16);
    else
        memcpy(f->source.b, ip + 12, 4);
    f->ip_at = (uint16_t)ip_at;
    f->message_at = (uint16_t)(udp + UDP_LEN - p);
    f->message_len = (uint16_t)(len - UDP_LEN);
    return true;
}

/* Type of service, flow label, identification: zero, as on the sockets' way. RFC 6864 4.1: without
 * fragments the identification means nothing. */

static inline void reply_v4(uint8_t *to, const uint8_t *ip, uint32_t udp_len)
{
    store_u16(to, 0x4500);
    store_u16(to + 2, (uint16_t)(V4_LEN + udp_len));
    store_u32(to + 4, V4_DONT_FRAGMENT);
    to[8] = ETHERNET_HOP_LIMIT;
    to[9] = IPPROTO_UDP;
    store_u16(to + 10, 0);
    memcpy(to + 12, ip + 16, 4);
    memcpy(to + 16, ip + 12, 4);
    store_native16(to + 10, (uint16_t)~sum_fold(sum_bytes(0, to, V4_LEN)));
}

static inline void reply_v6(uint8_t *to, const uint8_t *ip, uint32_t udp_len)
{
    store_u32(to, 0x60000000);
    store_u16(to + 4, (uint16_t)udp_len);
    to[6] = IPPROTO_UDP;
    to[7] = ETHERNET_HOP_LIMIT;
    memcpy(to + 8, ip + 24, 16);
    memcpy(to + 24, ip + 8, 16);
}

uint32_t ethernet_reply(const struct ethernet_query *f, const uint8_t *query, uint8_t *message,
                        uint32_t len)
{
    bool v6 = f->source.family == IP_V6;
    uint8_t *p = message - f->message_at, *ip = p + f->ip_at, *udp = message - UDP_LEN;
    const uint8_t *query_udp = query + f->message_at - UDP_LEN;
    uint32_t udp_len = UDP_LEN + len;
    memcpy(p, query + MAC_LEN, MAC_LEN);
    memcpy(p + MAC_LEN, query, MAC_LEN);
    memcpy(p + TYPE_AT, query + TYPE_AT, f->ip_at - TYPE_AT);
    if (v6)
        reply_v6(ip, query + f->ip_at, udp_len);
    else
        reply_v4(ip, query + f->ip_at, udp_len);
    memcpy(udp, query_udp + 2, 2);
    memcpy(udp + 2, query_udp, 2);
    store_u16(udp + 4, (uint16_t)udp_len);
    store_u16(udp + 6, 0);
    uint16_t sum = (uint16_t)~sum_fold(sum_bytes(sum_pseudo(ip, v6, udp_len), udp, udp_len));
    store_native16(udp + 6, sum ? sum : 0xffff); /* 0 means that there is none */
    return f->message_at + len;
}
