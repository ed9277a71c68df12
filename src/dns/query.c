/* SPDX-License-Identifier: Apache-2.0
 * Reading a query packet.
 *
 *     header 12 | QNAME labels 0 | QTYPE QCLASS | ...rarely anything... | OPT
 *                                               ^-- almost every OPT is here, the last of the
 * packet
 */
#include "dns/query.h"

#include "base/cursor.h"

#include <stddef.h>

#define OPT_FIXED_LEN 11 /* root owner, TYPE, CLASS, TTL, RDLENGTH */
#define UDP_SIZE_MIN 512 /* RFC 6891 6.2.3: smaller values mean this */

enum {
    EDNS_FLAG_DO = 0x8000,
    ECS_FAMILY_V4 = 1, /* IANA address family numbers */
    ECS_FAMILY_V6 = 2,
    ECS_FIXED_LEN = 4, /* FAMILY, SOURCE, SCOPE */
};

struct counts {
    unsigned question, answer, authority, additional;
};

static struct counts load_counts(const uint8_t *packet)
{
    return (struct counts){load_u16(packet + 4), load_u16(packet + 6), load_u16(packet + 8),
                           load_u16(packet + 10)};
}

/* The four counts of the common queries as one number. */
#define ONE_QUESTION (UINT64_C(1) << 48)
#define ONE_QUESTION_AND_OPT (ONE_QUESTION | 1)

/* SSE2, NEON or what else the target has for 16 bytes. */
typedef uint8_t bytes16 __attribute__((vector_size(16)));

static inline void fold16(uint8_t *to, const uint8_t *from)
{
    bytes16 x;
    memcpy(&x, from, sizeof x);
    bytes16 is_upper = (bytes16)((x - 'A') < 26);
    x |= is_upper & 0x20;
    memcpy(to, &x, sizeof x);
}

/* Folds the `n` bytes of a question; its type and class are taken along, so that at least 16 bytes
 * of the packet end there, and come out as bytes that are not used. Length bytes are no letters.
 * The last step covers the last 16 bytes, however many were done before: of a short name it takes
 * header bytes along, into the slack before qname[]. */
static inline void lower_qname(struct query *q, const uint8_t *from, uint32_t n)
{
    uint8_t *to = (uint8_t *)q + offsetof(struct query, qname);
    for (uint32_t i = 0; i + sizeof(bytes16) <= n; i += sizeof(bytes16))
        fold16(to + i, from + i);
    fold16(to + n - sizeof(bytes16), from + n - sizeof(bytes16));
}

static bool parse_question(struct query *q, const uint8_t *packet, uint32_t n)
{
    const uint8_t *name = packet + DNS_HEADER_LEN;
    uint32_t room = n - DNS_HEADER_LEN, at = 0, labels = 0;
    uint32_t limit = room < NAME_WIRE_MAX ? room : NAME_WIRE_MAX;
    for (;;) {
        if (UNLIKELY(at >= limit))
            return false;
        uint8_t len = name[at];
        q->label_at[labels] = (uint8_t)at;
        if (len == 0)
            break;
        /* A pointer has nothing to point to: there is no name before the question's. */
        if (UNLIKELY(len > LABEL_MAX))
            return false;
        at += 1u + len;
        labels++;
    }
    at++;
    if (UNLIKELY(room - at < 4))
        return false;
    lower_qname(q, name, at + 4);
    q->qname_len = (uint8_t)at;
    q->n_labels = (uint8_t)labels;
    q->qtype = load_u16(name + at);
    q->qclass = load_u16(name + at + 2);
    q->question_len = (uint16_t)(at + 4);
    return true;
}

static bool parse_ecs(struct query *q, const uint8_t *packet, const uint8_t *option, uint32_t len)
{
    if (len < ECS_FIXED_LEN || q->ecs_len)
        return false;
    unsigned family = load_u16(option), source = option[2], scope = option[3];
    unsigned bytes = (source + 7) / 8;
    unsigned bits = family == ECS_FAMILY_V4 ? 32 : family == ECS_FAMILY_V6 ? 128 : 0;
    if (family > ECS_FAMILY_V6 || source > bits || scope != 0 || len != ECS_FIXED_LEN + bytes)
        return false;
    const uint8_t *addr = option + ECS_FIXED_LEN;
    if (source % 8 && addr[bytes - 1] & 0xff >> source % 8)
        return false;
    memcpy(q->ecs_addr.b, addr, bytes);
    q->ecs_addr.family = bits == 32 ? IP_V4 : bits ? IP_V6 : IP_NONE;
    q->ecs_source = (uint8_t)source;
    q->ecs_at = (uint16_t)(option - packet);
    q->ecs_len = (uint16_t)len;
    return true;
}

/* RFC 7873 5.2.2: a client cookie, or one with a server cookie of 8 to 32 bytes behind it. */
static bool cookie_len_valid(uint32_t len)
{
    return len == 8 || (len >= 16 && len <= 40);
}

static bool parse_options(struct query *q, const uint8_t *packet, const uint8_t *p,
                          const uint8_t *end)
{
    while (p < end) {
        if (end - p < 4)
            return false;
        unsigned code = load_u16(p);
        uint32_t len = load_u16(p + 2);
        p += 4;
        if ((uint32_t)(end - p) < len)
            return false;
        if (code == EDNS_CLIENT_SUBNET) {
            if (!parse_ecs(q, packet, p, len))
                return false;
        } else if (code == EDNS_COOKIE) {
            if (!cookie_len_valid(len))
                return false;
            if (!q->cookie_len) { /* RFC 7873 5.2: all but the first are ignored */
                q->cookie_len = (uint8_t)len;
                q->cookie_at = (uint16_t)(p - packet);
            }
        } else if (code == EDNS_NSID) {
            q->nsid = true;
        } else if (code == EDNS_TCP_KEEPALIVE) {
            q->keepalive = true;
        }
        p += len;
    }
    return true;
}

/* `opt` is at the TYPE of an OPT whose RDATA lies inside the packet. */
static unsigned parse_opt(struct query *q, const uint8_t *packet, const uint8_t *opt)
{
    unsigned size = load_u16(opt + 2), version = opt[5];
    q->edns = true;
    q->udp_size = (uint16_t)(size > UDP_SIZE_MIN ? size : UDP_SIZE_MIN);
    q->dnssec_ok = (load_u16(opt + 6) & EDNS_FLAG_DO) != 0;
    if (UNLIKELY(version > 0))
        return RCODE_BADVERS;
    uint32_t len = load_u16(opt + 8);
    if (len == 0)
        return RCODE_NOERROR;
    const uint8_t *options = opt + OPT_FIXED_LEN - 1;
    return parse_options(q, packet, options, options + len) ? RCODE_NOERROR : RCODE_FORMERR;
}

/* Steps over an owner name, which may be compressed. What it points to does not matter here. */
static void skip_name(struct reader *r)
{
    for (;;) {
        uint8_t len = reader_u8(r);
        if (r->bad || len == 0)
            return;
        if (len > LABEL_MAX) {
            r->bad |= len < DNS_COMPRESS >> 8;
            reader_u8(r);
            return;
        }
        reader_take(r, len);
    }
}

/* What follows the question when it is not just an OPT: `authority` records to step over, then
 * `additional` ones, among which an OPT may be anywhere but only once, and a TSIG only the last
 * (RFC 8945 5.1). No key is known here: what is signed is answered BADKEY (5.2.1), not as though it
 * were not. */
static ATTR_COLD unsigned parse_records(struct query *q, const uint8_t *packet, struct reader r,
                                        unsigned authority, unsigned additional)
{
    const uint8_t *opt = NULL;
    bool valid = true;
    for (unsigned i = 0; i < authority + additional && !r.bad; i++) {
        const uint8_t *owner = r.p, *fixed;
        skip_name(&r);
        bool is_root = r.p - owner == 1;
        fixed = r.p;
        uint16_t type = reader_u16(&r);
        reader_take(&r, 6);
        reader_take(&r, reader_u16(&r));
        if (r.bad)
            break;
        if (type == TYPE_TSIG) {
            valid &= i >= authority && i + 1 == authority + additional;
            q->tsig_at = (uint16_t)(owner - packet);
        } else if (type == TYPE_OPT) {
            valid &= i >= authority && is_root && !opt;
            opt = opt ? opt : fixed;
        }
    }
    unsigned rcode = opt ? parse_opt(q, packet, opt) : RCODE_NOERROR;
    if (!valid || r.bad || reader_left(&r)) {
        q->tsig_at = 0;
        return RCODE_FORMERR;
    }
    return q->tsig_at && rcode == RCODE_NOERROR ? RCODE_NOTAUTH : rcode;
}

/* Another opcode, or not one question: the answer is an error whatever else there is, unless that
 * is a cookie and nothing else; but it echoes a single question and has an OPT if the query has
 * one. */
static ATTR_COLD unsigned parse_unanswerable(struct query *q, const uint8_t *packet, uint32_t n)
{
    struct counts counts = load_counts(packet);
    struct reader r = reader_of(packet + DNS_HEADER_LEN, n - DNS_HEADER_LEN);
    if (counts.question == 1)
        parse_question(q, packet, n);
    for (unsigned i = 0; i < counts.question && !r.bad; i++) {
        skip_name(&r);
        reader_take(&r, 4);
    }
    unsigned records = counts.answer + counts.authority;
    unsigned rcode = parse_records(q, packet, r, records, counts.additional);
    if (query_opcode(q) != OPCODE_QUERY)
        return RCODE_NOTIMP;
    bool only_cookie = counts.question == 0 && records == 0 && q->cookie_len;
    return !only_cookie ? RCODE_FORMERR : rcode == RCODE_NOERROR ? QUERY_COOKIE_ONLY : rcode;
}

/* One question, and not just an OPT after it. */
static ATTR_COLD unsigned parse_unusual(struct query *q, const uint8_t *packet, struct reader rest)
{
    struct counts counts = load_counts(packet);
    unsigned rcode =
        parse_records(q, packet, rest, counts.answer + counts.authority, counts.additional);
    /* Only IXFR has something to say before the additional section (RFC 1995 3). */
    bool misplaced = counts.answer || (counts.authority && q->qtype != TYPE_IXFR);
    return misplaced ? RCODE_FORMERR : rcode;
}

static inline bool is_lone_opt(const uint8_t *p, uint32_t left)
{
    return left >= OPT_FIXED_LEN && p[0] == 0 && load_u16(p + 1) == TYPE_OPT &&
           load_u16(p + 9) == left - OPT_FIXED_LEN;
}

static inline unsigned parse_after_flags(struct query *q, const uint8_t *packet, uint32_t n)
{
    uint64_t counts = (uint64_t)load_u32(packet + 4) << 32 | load_u32(packet + 8);
    if (UNLIKELY(query_opcode(q) != OPCODE_QUERY || counts >> 48 != 1))
        return parse_unanswerable(q, packet, n);
    if (UNLIKELY(!parse_question(q, packet, n)))
        return RCODE_FORMERR;
    const uint8_t *rest = packet + DNS_HEADER_LEN + q->question_len;
    uint32_t left = n - DNS_HEADER_LEN - q->question_len;
    if (LIKELY(counts == ONE_QUESTION_AND_OPT && is_lone_opt(rest, left)))
        return parse_opt(q, packet, rest + 1);
    if (LIKELY(counts == ONE_QUESTION))
        return left == 0 ? RCODE_NOERROR : RCODE_FORMERR;
    return parse_unusual(q, packet, reader_of(rest, left));
}

bool query_parse(struct query *q, const uint8_t *packet, uint32_t n)
{
    if (UNLIKELY(n < DNS_HEADER_LEN))
        return false;
    memset(q, 0, offsetof(struct query, label_at));
    q->flags = load_u16(packet + 2);
    if (UNLIKELY(q->flags & FLAG_QR))
        return false;
    q->udp_size = UDP_SIZE_MIN;
    q->rcode = (uint16_t)parse_after_flags(q, packet, n);
    return true;
}
