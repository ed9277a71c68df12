/* SPDX-License-Identifier: Apache-2.0
 * IP addresses and prefixes as plain values. */
#include "base/ip.h"

#include "base/diag.h"
#include "base/digits.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

int ip_parse(struct ip *ip, const char *text)
{
    *ip = (struct ip){.family = strchr(text, ':') ? IP_V6 : IP_V4};
    return inet_pton(ip->family == IP_V6 ? AF_INET6 : AF_INET, text, ip->b) == 1 ? 0 : E_SYNTAX;
}

/* As ip_parse(), for the first n bytes of `text`. */
static int parse_part(struct ip *ip, const char *text, size_t n)
{
    char part[IP_TEXT_MAX];
    if (n >= sizeof part)
        return E_SYNTAX;
    memcpy(part, text, n);
    part[n] = '\0';
    return ip_parse(ip, part);
}

int ip_prefix_parse(struct ip_prefix *prefix, const char *text)
{
    size_t n = strcspn(text, "/");
    uint64_t len;
    int e = parse_part(&prefix->addr, text, n);
    if (e)
        return e;
    len = ip_bits(&prefix->addr);
    if (text[n] == '/' && !decimal_parse(slice_str(text + n + 1), len, &len))
        return E_SYNTAX;
    struct ip given = prefix->addr;
    ip_mask(&prefix->addr, (unsigned)len);
    prefix->len = (uint8_t)len;
    return ip_equal(&given, &prefix->addr) ? 0 : E_RANGE;
}

int ip_port_parse(struct ip *ip, uint16_t *port, const char *text)
{
    const char *colon = strrchr(text, ':');
    size_t n = strlen(text);
    bool bracketed = text[0] == '[';
    uint64_t number = *port;
    int e;
    if (bracketed) {
        const char *close = strchr(++text, ']');
        if (!close || (close[1] && close[1] != ':'))
            return E_SYNTAX;
        n = (size_t)(close - text);
        colon = close[1] ? close + 1 : NULL;
    } else if (colon && strchr(text, ':') != colon) {
        colon = NULL; /* a bare IPv6 address */
    } else if (colon) {
        n = (size_t)(colon - text);
    }
    e = parse_part(ip, text, n);
    if (!e && bracketed && ip->family != IP_V6)
        e = E_SYNTAX;
    if (!e && colon && !decimal_parse(slice_str(colon + 1), UINT16_MAX, &number))
        e = colon[1] && colon[1 + strspn(colon + 1, "0123456789")] == '\0' ? E_RANGE : E_SYNTAX;
    if (!e)
        *port = (uint16_t)number;
    return e;
}

const char *ip_text(char out[IP_TEXT_MAX], const struct ip *ip)
{
    int af = ip->family == IP_V6 ? AF_INET6 : AF_INET;
    if (ip->family == IP_NONE || !inet_ntop(af, ip->b, out, IP_TEXT_MAX))
        memcpy(out, "none", 5);
    return out;
}

const char *ip_prefix_text(char out[IP_PREFIX_TEXT_MAX], const struct ip_prefix *p)
{
    char addr[IP_TEXT_MAX];
    snprintf(out, IP_PREFIX_TEXT_MAX, "%s/%u", ip_text(addr, &p->addr), p->len);
    return out;
}

const char *ip_port_text(char out[IP_PORT_TEXT_MAX], const struct ip *ip, uint16_t port)
{
    char addr[IP_TEXT_MAX];
    ip_text(addr, ip);
    snprintf(out, IP_PORT_TEXT_MAX, ip->family == IP_V6 ? "[%s]:%u" : "%s:%u", addr,
             (unsigned)port);
    return out;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
    return a->family == b->family && memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool ip_prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b)
{
    return a->len == b->len && ip_equal(&a->addr, &b->addr);
}

void ip_mask(struct ip *ip, unsigned len)
{
    unsigned whole = len / 8;
    if (whole >= sizeof ip->b)
        return;
    ip->b[whole] &= (uint8_t)(0xff00 >> len % 8);
    memset(ip->b + whole + 1, 0, sizeof ip->b - whole - 1);
}

bool ip_in_prefix(const struct ip *ip, const struct ip_prefix *prefix)
{
    unsigned whole = prefix->len / 8, rest = prefix->len % 8;
    if (ip->family != prefix->addr.family || memcmp(ip->b, prefix->addr.b, whole) != 0)
        return false;
    return rest == 0 || ((ip->b[whole] ^ prefix->addr.b[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

struct ip ip_from_sockaddr(const struct sockaddr *sa, uint16_t *port)
{
    struct ip ip = {0};
    *port = 0;
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        ip.family = IP_V4;
        memcpy(ip.b, &in.sin_addr, 4);
        *port = ntohs(in.sin_port);
    } else if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof in6);
        ip.family = IP_V6;
        memcpy(ip.b, &in6.sin6_addr, 16);
        *port = ntohs(in6.sin6_port);
    }
    return ip;
}

socklen_t ip_to_sockaddr(struct sockaddr_storage *out, const struct ip *ip, uint16_t port)
{
    memset(out, 0, sizeof *out);
    if (ip->family == IP_V6) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&in6.sin6_addr, ip->b, 16);
        memcpy(out, &in6, sizeof in6);
        return sizeof in6;
    }
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&in.sin_addr, ip->b, 4);
    memcpy(out, &in, sizeof in);
    return sizeof in;
}

/* The ways in which IPv6 carries an IPv4 address. Teredo has the client's, inverted, in its last 32
 * bits (RFC 4380 4). */
static const struct embedding {
    uint8_t prefix[12];
    uint8_t prefix_bytes, at; /* `at`: where the address is */
    uint8_t invert;
} embeddings[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 12, 12, 0}, /* ::ffff:0:0/96, RFC 4291 2.5.5.2 */
    {{0x20, 0x02}, 2, 2, 0},                                 /* 2002::/16, RFC 3056 */
    {{0x20, 0x01, 0, 0}, 4, 12, 0xff},                       /* 2001::/32, RFC 4380 */
    {{0, 0x64, 0xff, 0x9b}, 12, 12, 0},                      /* 64:ff9b::/96, RFC 6052 */
};

bool ip_embedded_v4(const struct ip *v6, struct ip *v4, unsigned *before)
{
    if (v6->family != IP_V6)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(embeddings); i++) {
        const struct embedding *e = &embeddings[i];
        if (memcmp(v6->b, e->prefix, e->prefix_bytes) != 0)
            continue;
        *v4 = (struct ip){.family = IP_V4};
        for (unsigned j = 0; j < 4; j++)
            v4->b[j] = v6->b[e->at + j] ^ e->invert;
        *before = e->at * 8u;
        return true;
    }
    return false;
}
