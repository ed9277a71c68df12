/* SPDX-License-Identifier: Apache-2.0
 * Whether a reply shows that this server answers. */
#include "anycast/self_reply.h"

#include "base/cursor.h"
#include "dns/types.h"

#include <stdio.h>

uint32_t self_query_write(uint8_t out[SELF_QUERY_MAX], struct slice name, uint16_t type,
                          uint16_t id)
{
    struct writer w = writer_of(out, SELF_QUERY_MAX);
    writer_u16(&w, id);
    writer_u16(&w, 0); /* a query, without recursion */
    writer_u16(&w, 1);
    writer_u16(&w, 0);
    writer_u32(&w, 0);
    writer_bytes(&w, name.p, name.n);
    writer_u16(&w, type);
    writer_u16(&w, CLASS_IN);
    return w.bad ? 0 : (uint32_t)(w.p - out);
}

enum self_verdict self_reply_judge(struct slice reply, struct slice query,
                                   char reason[SELF_REASON_MAX])
{
    if (query.n < DNS_HEADER_LEN || reply.n < query.n || reply.n < DNS_HEADER_LEN)
        return SELF_FOREIGN;
    const uint16_t flags = load_u16(reply.p + 2);
    /* The id, one question, and it is ours byte by byte: queries are in lower case, and echoed. */
    if (load_u16(reply.p) != load_u16(query.p) || !(flags & FLAG_QR) ||
        load_u16(reply.p + 4) != 1 ||
        memcmp(reply.p + DNS_HEADER_LEN, query.p + DNS_HEADER_LEN, query.n - DNS_HEADER_LEN) != 0)
        return SELF_FOREIGN;
    if ((flags & 15) != RCODE_NOERROR) {
        snprintf(reason, SELF_REASON_MAX, "it answers with RCODE %d", flags & 15);
        return SELF_BAD;
    }
    if (!(flags & FLAG_AA)) {
        snprintf(reason, SELF_REASON_MAX, "its answer is not authoritative");
        return SELF_BAD;
    }
    return SELF_GOOD;
}

bool self_score_add(struct self_score *score, bool good)
{
    const struct self_score before = *score;
    uint8_t *row = good ? &score->n_good : &score->n_bad;
    *(good ? &score->n_bad : &score->n_good) = 0;
    if (*row < SELF_TRIES)
        ++*row;
    if (good && (!score->known || *row == SELF_TRIES))
        score->ok = true;
    if (!good && *row == SELF_TRIES)
        score->ok = false;
    score->known = score->known || good || *row == SELF_TRIES;
    return score->known != before.known || score->ok != before.ok;
}

bool self_is_excused(int64_t good_ms, int64_t now_ms)
{
    return good_ms && now_ms - good_ms < SELF_FLOODED_MS;
}
