/* SPDX-License-Identifier: Apache-2.0
 * Queries signed with TSIG (RFC 8945). No keys are configured, so that each is by a key that is not
 * known: the response says so (5.2.1), and is not signed itself (5.3.2). */
#include "answer/reply.h"

/* TYPE, CLASS, TTL, RDLENGTH; of the rdata, behind the algorithm's name: time 6, fudge 2, MAC size
 * 2, and behind the MAC: original ID 2, error 2, length of other data 2. */
#define TSIG_BEFORE_MAC 10
#define TSIG_AFTER_MAC 6
#define CLASS_OF_TSIG CLASS_ANY

/* Copies a name that may end in a pointer to an earlier place. Returns its length; 0: it is none.
 */
static uint32_t copy_name(uint8_t out[NAME_WIRE_MAX], const uint8_t *packet, uint32_t n,
                          uint32_t at)
{
    uint32_t len = 0, limit = n;
    for (;;) {
        if (at >= limit)
            return 0;
        uint32_t label = packet[at];
        if (label > LABEL_MAX) {
            if (label < DNS_COMPRESS >> 8 || at + 2 > limit)
                return 0;
            limit = at; /* so that it comes to an end */
            at = load_u16(packet + at) & (uint16_t)~DNS_COMPRESS;
            continue;
        }
        if (at + 1 + label > limit || len + 1 + label > NAME_WIRE_MAX)
            return 0;
        memcpy(out + len, packet + at, 1 + label);
        len += 1 + label;
        at += 1 + label;
        if (label == 0)
            return len;
    }
}

/* Where the name at `at`, which lies in the packet, ends there. */
static uint32_t skip_name(const uint8_t *packet, uint32_t at)
{
    while (packet[at] && packet[at] <= LABEL_MAX)
        at += 1u + packet[at];
    return packet[at] ? at + 2 : at + 1;
}

/* The TSIG that answers the one at q->tsig_at; 0: that one cannot be read. */
static uint32_t make(uint8_t out[REPLY_TSIG_MAX], const uint8_t *packet, uint32_t n, uint32_t at)
{
    uint8_t algorithm[NAME_WIRE_MAX];
    uint32_t owner_len = copy_name(out, packet, n, at);
    uint32_t fixed = skip_name(packet, at), rdata = fixed + RR_FIXED_LEN;
    uint32_t len = copy_name(algorithm, packet, n, rdata);
    uint32_t rdlen = load_u16(packet + fixed + 8);
    if (!owner_len || !len || rdata + rdlen != n || load_u16(packet + fixed + 2) != CLASS_OF_TSIG)
        return 0;
    const uint8_t *p = packet + skip_name(packet, rdata);
    uint32_t left = (uint32_t)(packet + n - p);
    if (left < TSIG_BEFORE_MAC + TSIG_AFTER_MAC ||
        left - TSIG_BEFORE_MAC - TSIG_AFTER_MAC < load_u16(p + 8))
        return 0;
    uint8_t *to = out + owner_len;
    store_u16(to, TYPE_TSIG);
    store_u16(to + 2, CLASS_OF_TSIG);
    store_u32(to + 4, 0);
    store_u16(to + 8, (uint16_t)(len + TSIG_BEFORE_MAC + TSIG_AFTER_MAC));
    memcpy(to + RR_FIXED_LEN, algorithm, len);
    to += RR_FIXED_LEN + len;
    memcpy(to, p, 8); /* time and fudge, as they came */
    store_u16(to + 8, 0);
    store_u16(to + 10, load_u16(packet)); /* the ID */
    store_u16(to + 12, TSIG_BADKEY);
    store_u16(to + 14, 0);
    return (uint32_t)(to + 16 - out);
}

uint32_t reply_tsig(uint8_t out[REPLY_TSIG_MAX], const struct reply *r)
{
    const struct answer_packet *packet = r->packet;
    return make(out, packet->query, packet->query_len, r->query->tsig_at);
}
