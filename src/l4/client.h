/* SPDX-License-Identifier: Apache-2.0
 * What counts as one client: an IPv4 address, or the /64 of an IPv6 one, as hosts have all of that
 * to themselves. 64 bits hold either exactly. */
#pragma once

#include "base/ip.h"

#include <endian.h>
#include <string.h>

/** The number of the client, never 0. IPv4 (also mapped, RFC 4291 2.5.5.2) is put where ::/32,
 * which nobody has, would be. */
static inline uint64_t client_number(const struct ip *ip)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    uint32_t v4;
    uint64_t v6;
    if (ip->family == IP_V4 || memcmp(ip->b, mapped, sizeof mapped) == 0) {
        memcpy(&v4, ip->family == IP_V4 ? ip->b : ip->b + 12, sizeof v4);
        return UINT64_C(1) << 32 | ntohl(v4);
    }
    memcpy(&v6, ip->b, sizeof v6);
    v6 = be64toh(v6);
    return v6 != 0 ? v6 : UINT64_C(2) << 32;
}
