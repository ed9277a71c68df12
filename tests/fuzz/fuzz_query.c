/* SPDX-License-Identifier: Apache-2.0
 * Query packets: whatever the bytes, the fields agree with each other and with the packet. */
#include "dns/query.h"

#include "base/cursor.h"
#include "fuzz.h"

#include <stdlib.h>

static void check_question(const struct query *q, const uint8_t *packet, size_t n)
{
    uint8_t lower[NAME_WIRE_MAX];
    CHECK(DNS_HEADER_LEN + q->question_len <= n);
    CHECK(q->question_len == q->qname_len + 4);
    struct slice sent = slice_of(packet + DNS_HEADER_LEN, q->qname_len);
    CHECK(name_check(sent) == q->qname_len);
    name_lower(lower, sent);
    CHECK(memcmp(lower, q->qname, q->qname_len) == 0);
    CHECK(q->n_labels == name_labels(sent));
    unsigned at = 0;
    for (unsigned i = 0; i <= q->n_labels; i++) {
        CHECK(q->label_at[i] == at);
        at += 1u + q->qname[at];
    }
    CHECK(at == q->qname_len);
}

static void check_ecs(const struct query *q, const uint8_t *packet, size_t n)
{
    const uint8_t *option = packet + q->ecs_at;
    CHECK(q->edns && (size_t)q->ecs_at + q->ecs_len <= n);
    CHECK(load_u16(option - 4) == EDNS_CLIENT_SUBNET && load_u16(option - 2) == q->ecs_len);
    CHECK(option[2] == q->ecs_source && option[3] == 0);
    CHECK(q->ecs_len == 4 + (q->ecs_source + 7) / 8);
    CHECK(memcmp(option + 4, q->ecs_addr.b, q->ecs_len - 4u) == 0);
    struct ip masked = q->ecs_addr;
    ip_mask(&masked, q->ecs_source);
    CHECK(ip_equal(&masked, &q->ecs_addr));
}

static void check_cookie(const struct query *q, const uint8_t *packet, size_t n)
{
    const uint8_t *option = packet + q->cookie_at;
    CHECK(q->edns && (size_t)q->cookie_at + q->cookie_len <= n);
    CHECK(load_u16(option - 4) == EDNS_COOKIE && load_u16(option - 2) == q->cookie_len);
    CHECK(q->cookie_len == 8 || (q->cookie_len >= 16 && q->cookie_len <= 40));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct query q; /* not cleared in between, as in a worker */
    if (n > UINT16_MAX || !query_parse(&q, data, (uint32_t)n))
        return 0;
    CHECK(n >= DNS_HEADER_LEN && !(q.flags & FLAG_QR));
    CHECK(q.rcode == RCODE_NOERROR || q.rcode == RCODE_FORMERR || q.rcode == RCODE_NOTIMP ||
          q.rcode == RCODE_BADVERS || q.rcode == RCODE_NOTAUTH || q.rcode == QUERY_COOKIE_ONLY);
    CHECK((q.rcode == RCODE_NOTIMP) == (query_opcode(&q) != OPCODE_QUERY));
    CHECK(q.rcode != RCODE_NOERROR || q.question_len);
    CHECK(q.udp_size >= 512 && (q.edns || q.udp_size == 512));
    CHECK(q.edns || !(q.dnssec_ok || q.nsid || q.keepalive || q.cookie_len || q.ecs_len));
    if (q.question_len)
        check_question(&q, data, n);
    if (q.ecs_len)
        check_ecs(&q, data, n);
    if (q.cookie_len)
        check_cookie(&q, data, n);
    CHECK(q.rcode != QUERY_COOKIE_ONLY || (q.cookie_len && !q.question_len));
    CHECK(q.rcode != RCODE_NOTAUTH ||
          (q.tsig_at >= DNS_HEADER_LEN + q.question_len && q.tsig_at < n));
    return 0;
}
