/* SPDX-License-Identifier: Apache-2.0
 * Copying blocks into the response, and setting the pointers in them. */
#include "answer/reply.h"

#include "base/count.h"

static inline void point(uint8_t *rr, struct places places, uint16_t pointer)
{
    for (uint16_t i = 0; i < places.n; i++)
        store_u16(rr + places.at[i], pointer);
}

/* Answers deeper in a chain have owners other than the question's name. Every owner in a set's
 * block is a pointer. */
static void set_owners(uint8_t *rr, const uint8_t *end, uint16_t owner)
{
    while (rr < end) {
        store_u16(rr, owner);
        rr += 2 + RR_FIXED_LEN + load_u16(rr + RR_FIXED_LEN);
    }
}

static inline uint8_t *put_block(struct reply *r, const struct block *block)
{
    uint8_t *rr = reply_take(r, block->len);
    if (UNLIKELY(!rr))
        return NULL;
    reply_copy(rr, block->rr, block->len);
    if (UNLIKELY(block->n_rrs & BLOCK_PATCHED))
        point(rr, block_apex_places(block), r->apex_pointer);
    return rr;
}

void reply_put_owned(struct reply *r, const struct block *block, uint16_t owner)
{
    uint8_t *rr = put_block(r, block);
    if (UNLIKELY(!rr))
        return;
    if (UNLIKELY(owner != OWNER_QUESTION))
        set_owners(rr, r->p, owner);
    r->n_answer = (uint16_t)(r->n_answer + BLOCK_RRS(block));
}

void reply_put_set(struct reply *r, const struct block *block)
{
    reply_put_owned(r, block, reply_owner(r));
}

void reply_put_negative(struct reply *r, uint32_t ttl_max_s)
{
    uint8_t *rr = put_block(r, node_negative(r->apex));
    if (UNLIKELY(!rr))
        return;
    uint8_t *ttl = rr + (rr[0] ? 2 : 1) + 4; /* the root zone's owner is no pointer */
    if (UNLIKELY(load_u32(ttl) > ttl_max_s))
        store_u32(ttl, ttl_max_s);
    r->n_authority++;
}

uint16_t reply_ancestor_pointer(const struct reply *r, const struct node *ancestor)
{
    /* Below the apex, the name's own labels hold the ancestor's; at the apex there may be only a
     * pointer. */
    if (ancestor == r->apex)
        return r->apex_pointer;
    return (uint16_t)(DNS_COMPRESS | (r->name_at + r->name.n - ancestor->name_len));
}

void reply_put_referral(struct reply *r, const struct node *cut)
{
    const struct block *block = node_referral(cut);
    uint8_t *rr = put_block(r, block);
    if (UNLIKELY(!rr))
        return;
    uint16_t n_glue;
    point(rr, block_self_places(block, &n_glue), reply_ancestor_pointer(r, cut));
    r->n_authority = (uint16_t)(r->n_authority + BLOCK_RRS(block));
    r->n_additional = (uint16_t)(r->n_additional + n_glue);
}

/* Every owner in the answer section is a pointer. */
static uint16_t count_rrs(const uint8_t *rr, const uint8_t *end)
{
    uint16_t n = 0;
    for (; rr < end; n++)
        rr += 2 + RR_FIXED_LEN + load_u16(rr + RR_FIXED_LEN);
    return n;
}

/* Ends with the alias that led to the name in question. */
static void end_at_alias(struct reply *r)
{
    const uint8_t *name = r->base + r->name_at;
    while (*name && *name < DNS_COMPRESS >> 8)
        name += *name + 1u;
    r->p = r->base + (name - r->base) + (*name ? 2 : 1);
    r->n_answer = count_rrs(r->base + DNS_HEADER_LEN + r->query->question_len, r->p);
    r->ede = 0;
    r->rcode = RCODE_NOERROR;
}

uint16_t reply_cut(struct reply *r)
{
    r->n_authority = r->n_additional = 0;
    if (r->packet->tcp && r->name_at != DNS_HEADER_LEN) {
        end_at_alias(r);
        return 0;
    }
    r->p = r->base + DNS_HEADER_LEN + r->query->question_len;
    r->n_answer = 0;
    count_add(&r->ctx->stats.truncated, 1);
    return FLAG_TC;
}
