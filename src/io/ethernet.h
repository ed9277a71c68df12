/* SPDX-License-Identifier: Apache-2.0
 * Ethernet frames around DNS queries, for back ends below the kernel's network stack.
 *
 *   Ethernet 14 | 802.1Q tag 4, if any | IPv4 20 or IPv6 40 | UDP 8 | DNS message | padding
 *
 * Pure functions over bytes. What comes in is checked as the stack would check it, checksums
 * included: nothing below has. An answer goes back the way the query came: addresses, ports and
 * MAC addresses change places, the VLAN tag stays. */
#pragma once

#include "base/ip.h"
#include "base/slice.h"

#define ETHERNET_HEADERS_MAX (14 + 4 + 40 + 8)
#define ETHERNET_HOP_LIMIT 64 /* of what we send: Linux's default */

/** A frame that holds a query. */
struct ethernet_query {
    struct ip source;
    uint16_t ip_at;      /* 14, or 18 behind a VLAN tag */
    uint16_t message_at; /* the headers' length: where the DNS message begins */
    uint16_t message_len;
};

/** Reads a frame of `n` bytes. False: it is not one UDP datagram in one IP packet without options
 *  and extension headers, or a length or checksum is wrong. The UDP checksum may also be just the
 *  sum of the pseudo header, as the stack leaves it to hardware, and virtual devices to each other
 *  (CHECKSUM_PARTIAL, linux/skbuff.h). */
bool ethernet_parse(struct ethernet_query *frame, const uint8_t *bytes,
                    uint32_t n) ATTR_NONNULL ATTR_HOT;

/** Writes the headers of an answer right before `message`, where frame->message_at bytes must be
 *  free, for `len` bytes of it. `query` is the frame that was parsed. Returns the length of the
 *  whole frame, which begins at message - frame->message_at. */
uint32_t ethernet_reply(const struct ethernet_query *frame, const uint8_t *query, uint8_t *message,
                        uint32_t len) ATTR_NONNULL ATTR_HOT;
