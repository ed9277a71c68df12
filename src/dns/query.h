/* SPDX-License-Identifier: Apache-2.0
 * Reading a query packet: header, question, EDNS. A pure function over the packet's bytes, made for
 * the query path: no allocation, no clearing of large buffers, one pass.
 *
 * query_parse() decides what RFC 1035, 6891, 7871, 7873, 8906, 8945 and 9619 say of its form;
 * what the question means (class, zone, type) is for the caller. A packet with a fault is still
 * filled in as far as it was read, so that the error response echoes the question and carries an
 * OPT. */
#pragma once

#include "base/ip.h"
#include "base/slice.h"
#include "dns/name.h"
#include "dns/types.h"

/* A `rcode` for no question at all, but a cookie: asks for a server cookie, or whether the one it
 * has is still good (RFC 7873 5.4). No RCODE has this number. */
#define QUERY_COOKIE_ONLY 0xffff

/* Members before label_at[] are always set. With question_len == 0 nothing of the question is. */
struct query {
    uint16_t flags;        /* header word, host order: opcode, RD, CD, ... */
    uint16_t rcode;        /* extended RCODE to send at once, or RCODE_NOERROR: go and answer;
                            * or QUERY_COOKIE_ONLY */
    uint16_t question_len; /* bytes from DNS_HEADER_LEN on to echo as they are; 0: none usable */
    uint16_t qtype, qclass;
    uint16_t udp_size;  /* the client's UDP limit: as sent, at least 512; 512 without EDNS */
    uint8_t qname_len;  /* of qname[] */
    uint8_t n_labels;   /* the root not counted */
    bool edns;          /* has an OPT, so that the response needs one (RFC 6891 6.1.1) */
    bool dnssec_ok;     /* the DO bit, to be copied */
    bool nsid;          /* asks for it (RFC 5001) */
    bool keepalive;     /* asks for it (RFC 7828); to be ignored over UDP */
    uint8_t cookie_len; /* of a well-formed COOKIE (RFC 7873): 8, or 16 to 40; 0: none */
    uint8_t ecs_source; /* SOURCE PREFIX-LENGTH */
    uint16_t cookie_at; /* place of the client cookie in the packet */
    uint16_t tsig_at;   /* place of a TSIG record (RFC 8945), its owner's name; 0: none */
    uint16_t ecs_at;    /* place in the packet of FAMILY, SOURCE, SCOPE, ADDRESS, to be echoed with
                         * the byte at ecs_at + 3 replaced by the scope (RFC 7871 7.2.1) */
    uint16_t ecs_len;   /* bytes there; 0: the query has no (valid) ECS */
    struct ip ecs_addr; /* bits past ecs_source are zero; IP_NONE for FAMILY 0 */

    /* label_at[i] is the offset in qname[] of label i, the leftmost first; [n_labels] the root's.
     */
    uint8_t label_at[NAME_LABELS_MAX + 1];
    uint8_t slack[16];  /* qname[] is written 16 bytes at a time, from up to 11 before it */
    uint8_t qname[260]; /* lower case; bytes past qname_len are undefined */
};

/** Reads `n` bytes of a packet (n <= 65535) into *q. False: not to be answered at all (a response,
 *  or shorter than a header). Reads nothing outside the packet. */
bool query_parse(struct query *q, const uint8_t *packet, uint32_t n) ATTR_NONNULL ATTR_HOT;

static inline struct slice query_name(const struct query *q)
{
    return (struct slice){q->qname, q->qname_len};
}

static inline unsigned query_opcode(const struct query *q)
{
    return q->flags >> FLAG_OPCODE_SHIFT & 15;
}
