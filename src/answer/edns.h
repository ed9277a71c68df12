/* SPDX-License-Identifier: Apache-2.0
 * The OPT of a response (RFC 6891): what goes into it is settled before the answer, so that room
 * is kept for it, and written behind the answer. Internal to src/answer.
 *
 * Two options have no room of their own and go in where the answer has left some: an extended
 * error, and the NSID, whose length is the operator's choice. */
#pragma once

#include "answer/reply.h"

enum {
    EDNS_WITH_ECS = 1,
    EDNS_WITH_COOKIE = 2, /* these are rare */
    EDNS_WITH_NSID = 4,
    EDNS_WITH_KEEPALIVE = 8,
    EDNS_WITH_ERROR = 16,
};

struct edns_options {
    uint32_t len;  /* of the whole OPT RR, without the NSID; 0: none */
    uint32_t what; /* of the above */
};

/* With the longest of questions, the shortest of limits is not reached. */
static_assert(MESSAGE_REST <= 512, "there is room for the OPT");

/** What few queries ask for, added to what was chosen. */
struct edns_options edns_choose_rare(struct edns_options o, const struct reply *r) ATTR_NONNULL;

struct edns_options edns_add_cookie(struct edns_options o,
                                    const struct cookie *cookie) ATTR_NONNULL ATTR_COLD;

/** Adds the extended error, if there is room left. */
struct edns_options edns_add_error(struct edns_options o,
                                   const struct reply *r) ATTR_NONNULL ATTR_COLD;

/** Writes the rare options at `p`, into the OPT at r->p; returns their end. */
uint8_t *edns_put_rare(const struct reply *r, struct edns_options o, uint8_t *p) ATTR_NONNULL;

static inline struct edns_options edns_choose(const struct reply *r)
{
    const struct query *q = r->query;
    struct edns_options o = {0, 0};
    if (!q->edns)
        return o;
    o.len = EDNS_OPT_LEN;
    if (q->ecs_len && r->snapshot->ecs && LIKELY(q->rcode == RCODE_NOERROR)) {
        o.what = EDNS_WITH_ECS;
        o.len += EDNS_OPTION_LEN + q->ecs_len;
    }
    if (UNLIKELY(q->keepalive | q->nsid | q->cookie_len))
        o = edns_choose_rare(o, r);
    return o;
}

static inline uint8_t *edns_put_option(uint8_t *p, uint16_t code, uint32_t len)
{
    store_u16(p, code);
    store_u16(p + 2, (uint16_t)len);
    return p + EDNS_OPTION_LEN;
}

/** Appends the OPT, for which edns_choose() kept room. */
static inline ATTR_ALWAYS_INLINE void edns_put(struct reply *r, struct edns_options o)
{
    const struct query *q = r->query;
    uint8_t *p = r->p;
    p[0] = 0;
    store_u16(p + 1, TYPE_OPT);
    store_u16(p + 3, ANSWER_UDP_MAX);
    store_u32(p + 5, (uint32_t)r->rcode >> 4 << 24 | (q->dnssec_ok ? 0x8000 : 0));
    store_u16(p + 9, (uint16_t)(o.len - EDNS_OPT_LEN));
    p += EDNS_OPT_LEN;
    if (o.what & EDNS_WITH_ECS) {
        p = edns_put_option(p, EDNS_CLIENT_SUBNET, q->ecs_len);
        reply_copy(p, r->packet->query + q->ecs_at, q->ecs_len);
        p[3] = r->scope;
        p += q->ecs_len;
    }
    if (UNLIKELY(o.what > EDNS_WITH_ECS))
        p = edns_put_rare(r, o, p);
    r->p = p;
    r->n_additional++;
}
