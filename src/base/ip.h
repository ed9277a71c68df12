/* SPDX-License-Identifier: Apache-2.0
 * IP addresses and prefixes as plain values. */
#pragma once

#include "base/attr.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum ip_family { IP_NONE = 0, IP_V4 = 4, IP_V6 = 6 };

/** An address in network order; IPv4 uses b[0..3], the rest is zero. */
struct ip {
    uint8_t b[16];
    uint8_t family; /* enum ip_family */
};

/** A prefix; bits past `len` are zero. len is 0..32 or 0..128. */
struct ip_prefix {
    struct ip addr;
    uint8_t len;
};

#define IP_TEXT_MAX 46        /* an address, with NUL */
#define IP_PREFIX_TEXT_MAX 50 /* ADDRESS/LEN, with NUL */
#define IP_PORT_TEXT_MAX 54   /* [ADDRESS]:PORT, with NUL */

/** Parses an address (no zone index, no port). Returns 0 or E_SYNTAX. */
int ip_parse(struct ip *ip, const char *text) ATTR_NONNULL ATTR_MUST_USE;

/** Parses ADDRESS/LEN, or a bare address as a host prefix. E_SYNTAX; E_RANGE when bits past LEN
 *  are set (the caller decides whether to mask them: `prefix` is filled, masked). */
int ip_prefix_parse(struct ip_prefix *prefix, const char *text) ATTR_NONNULL ATTR_MUST_USE;

/** Parses ADDRESS, ADDRESS:PORT, [V6]:PORT or a bare V6. `port` keeps its value if none is given.
 */
int ip_port_parse(struct ip *ip, uint16_t *port, const char *text) ATTR_NONNULL ATTR_MUST_USE;

const char *ip_text(char out[IP_TEXT_MAX], const struct ip *ip) ATTR_NONNULL;
const char *ip_prefix_text(char out[IP_PREFIX_TEXT_MAX], const struct ip_prefix *p) ATTR_NONNULL;
const char *ip_port_text(char out[IP_PORT_TEXT_MAX], const struct ip *ip,
                         uint16_t port) ATTR_NONNULL;

bool ip_equal(const struct ip *a, const struct ip *b) ATTR_NONNULL ATTR_PURE;
bool ip_prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b) ATTR_NONNULL ATTR_PURE;
/** Zeroes the bits past `len`. */
void ip_mask(struct ip *ip, unsigned len) ATTR_NONNULL;
bool ip_in_prefix(const struct ip *ip, const struct ip_prefix *prefix) ATTR_NONNULL ATTR_PURE;

static inline unsigned ip_bits(const struct ip *ip)
{
    return ip->family == IP_V4 ? 32 : 128;
}

/** From and to socket addresses; from an unknown family gives IP_NONE. */
struct ip ip_from_sockaddr(const struct sockaddr *sa, uint16_t *port) ATTR_NONNULL;
socklen_t ip_to_sockaddr(struct sockaddr_storage *out, const struct ip *ip,
                         uint16_t port) ATTR_NONNULL;

/** The IPv4 address inside a v4-mapped (::ffff:0:0/96), 6to4 (2002::/16), Teredo (2001::/32) or
 *  NAT64 (64:ff9b::/96) address: returns true, with the length of the IPv6 prefix that comes before
 *  the embedded bits in *before (96 or 16). */
bool ip_embedded_v4(const struct ip *v6, struct ip *v4, unsigned *before) ATTR_NONNULL;
