/* SPDX-License-Identifier: Apache-2.0
 * From a name to the RRs that answer for it: the algorithm of RFC 1034 4.3.2 with RFC 4592
 * (wildcards), RFC 6672 (DNAME) and RFC 8020 (what NXDOMAIN means), over the index.
 *
 * An alias (CNAME, DNAME, a pool of names) makes its target the name in question and starts over,
 * as long as the target is in the same zone. */
#include "answer/reply.h"

#include "base/count.h"

#define CHAIN_MAX 16   /* aliases in one response; real chains have 1 to 4 */
#define ANY_TTL 3600   /* of the HINFO of RFC 8482 4.2 */
#define CNAME_RDATA 12 /* from a CNAME's owner pointer to its target */

static void refuse(struct reply *r)
{
    if (r->apex)
        return; /* an alias left what is served here: the answer so far stands */
    r->rcode = RCODE_REFUSED;
    r->ede = EDE_NOT_AUTHORITATIVE;
    r->authoritative = false;
}

/* The first name determines the zone; a chain that leaves it ends. */
static inline bool enter_zone(struct reply *r, uint32_t apex)
{
    const struct node *node = index_node(&r->snapshot->index, apex);
    if (LIKELY(!r->apex)) {
        reply_set_zone(r, node);
        return true;
    }
    return r->apex == node;
}

static void no_data(struct reply *r, uint32_t ttl_max_s)
{
    reply_put_negative(r, ttl_max_s);
    count_add(&r->ctx->stats.nodata, 1);
}

/* The functions below answer for one name, and return where in the response the target of an alias
 * stands that is to be answered next, or NULL: that was all. */

static const uint8_t *answer_cname(struct reply *r, const struct block *block)
{
    const uint8_t *rr = r->p;
    reply_put_set(r, block);
    return r->query->qtype == TYPE_ANY ? NULL : rr + CNAME_RDATA;
}

static const uint8_t *answer_pool(struct reply *r, const struct node *node)
{
    const uint8_t *rr = r->p;
    uint32_t ttl_max_s = UINT32_MAX;
    switch (pool_answer(r, node_dynamic(node), &ttl_max_s)) {
    case POOL_ALIAS:
        return rr + CNAME_RDATA;
    case POOL_NODATA:
        no_data(r, ttl_max_s);
        break;
    case POOL_FAILED:
        r->rcode = RCODE_SERVFAIL;
        r->authoritative = false;
        break;
    case POOL_ANSWERED:
    case POOL_LEFT_OUT:
        break;
    }
    return NULL;
}

static void answer_any(struct reply *r)
{
    static const uint8_t hinfo[] = {
        0, TYPE_HINFO, 0,   CLASS_IN, 0,   0,   ANY_TTL >> 8, ANY_TTL & 255, 0, 9,
        7, 'R',        'F', 'C',      '8', '4', '8',          '2',           0};
    uint8_t *rr = reply_take(r, 2 + sizeof hinfo);
    if (!rr)
        return;
    store_u16(rr, reply_owner(r));
    memcpy(rr + 2, hinfo, sizeof hinfo);
    r->n_answer++;
}

/* The node has no set of the type asked for. */
static const uint8_t *answer_otherwise(struct reply *r, const struct node *node)
{
    uint16_t qtype = r->query->qtype;
    if ((node->flags & NODE_DYNAMIC) && node_dynamic(node)->is_cname)
        return answer_pool(r, node);
    if (node->flags & NODE_CNAME)
        return answer_cname(r, node_at(node, node_sets(node)));
    if (qtype == TYPE_ANY && (node->n_sets || (node->flags & NODE_DYNAMIC)))
        answer_any(r);
    else
        no_data(r, UINT32_MAX);
    return NULL;
}

/* `node` holds the data for the name: it is the name's own, or the wildcard's that covers it. */
static inline const uint8_t *answer_from(struct reply *r, const struct node *node)
{
    uint16_t qtype = r->query->qtype;
    /* A dynamic name has no addresses of its own. */
    if ((node->flags & NODE_DYNAMIC) && (qtype == TYPE_A || qtype == TYPE_AAAA))
        return answer_pool(r, node);
    const struct block *block = node_find(node, qtype);
    if (UNLIKELY(!block))
        return answer_otherwise(r, node);
    reply_put_set(r, block);
    return NULL;
}

/* Appends the CNAME that a DNAME stands for: to the first `prefix` bytes of the name in question,
 * followed by the DNAME's target. Returns where that new name is. */
static uint8_t *put_synthesized(struct reply *r, uint32_t prefix, const uint8_t *ttl,
                                struct slice target)
{
    /* The question's name is there in its own case. */
    const uint8_t *name = r->name_at == DNS_HEADER_LEN ? r->base + DNS_HEADER_LEN : r->name.p;
    uint32_t len = prefix + target.n;
    uint8_t *rr = reply_take(r, CNAME_RDATA + len);
    if (!rr)
        return NULL;
    store_u16(rr, reply_owner(r));
    store_u16(rr + 2, TYPE_CNAME);
    store_u16(rr + 4, CLASS_IN);
    memcpy(rr + 6, ttl, 4);
    store_u16(rr + 10, (uint16_t)len);
    memcpy(rr + CNAME_RDATA, name, prefix);
    memcpy(rr + CNAME_RDATA + prefix, target.p, target.n);
    r->n_answer++;
    return rr + CNAME_RDATA;
}

/* A DNAME goes into the answer once, however often a chain comes by. */
static bool put_dname(struct reply *r, const struct node *owner, const struct block *block)
{
    for (unsigned i = 0; i < r->n_dnames; i++) {
        if (r->dname[i] == owner)
            return true;
    }
    if (r->n_dnames == ARRAY_LEN(r->dname))
        return false;
    r->dname[r->n_dnames++] = owner;
    reply_put_owned(r, block, reply_ancestor_pointer(r, owner));
    return true;
}

static const uint8_t *answer_dname(struct reply *r, const struct node *owner)
{
    const struct block *block = node_find(owner, TYPE_DNAME);
    struct slice target = {block->rr + CNAME_RDATA, block->len - (uint32_t)CNAME_RDATA};
    uint32_t prefix = r->name.n - owner->name_len;
    if (!put_dname(r, owner, block))
        return NULL;
    if (prefix + target.n > NAME_WIRE_MAX) {
        r->rcode = RCODE_YXDOMAIN;
        return NULL;
    }
    const uint8_t *at = put_synthesized(r, prefix, block->rr + 6, target);
    uint16_t qtype = r->query->qtype;
    return qtype == TYPE_CNAME || qtype == TYPE_ANY ? NULL : at;
}

/* Of a zone that could not be loaded nothing is known; but DS at its apex is the parent's. */
static ATTR_COLD const uint8_t *answer_broken(struct reply *r, const struct node *node)
{
    if (node->link && r->query->qtype == TYPE_DS && node->name_len == r->name.n)
        return enter_zone(r, node->link) ? answer_from(r, node) : NULL;
    if (r->apex)
        return NULL; /* as in refuse() */
    r->rcode = RCODE_SERVFAIL;
    r->ede = EDE_NOT_READY;
    r->authoritative = false;
    return NULL;
}

/* The closest thing to the name that exists is no data of a zone: a cut, a DNAME, something below
 * one of them, or above all zones. */
static const uint8_t *answer_elsewhere(struct reply *r, const struct node *node)
{
    if (node->flags & NODE_HIDDEN)
        node = index_node(&r->snapshot->index, node->link);
    if (UNLIKELY(node->flags & (NODE_OUTSIDE | NODE_BROKEN))) {
        if (node->flags & NODE_BROKEN)
            return answer_broken(r, node);
        refuse(r);
        return NULL;
    }
    if (!enter_zone(r, node->apex))
        return NULL;
    if (node->flags & NODE_DNAME)
        return answer_dname(r, node);
    /* The parent has the authority over DS at a cut (RFC 4035 3.1.4.1). */
    if (r->query->qtype == TYPE_DS && node->name_len == r->name.n)
        return answer_from(r, node);
    reply_put_referral(r, node);
    r->authoritative = r->n_answer > 0;
    count_add(&r->ctx->stats.referrals, 1);
    return NULL;
}

static inline const uint8_t *answer_found(struct reply *r, const struct node *node)
{
    if (UNLIKELY(node->flags & (NODE_HIDDEN | NODE_CUT | NODE_OUTSIDE)))
        return answer_elsewhere(r, node);
    uint32_t apex = node->apex;
    if (UNLIKELY((node->flags & NODE_PARENT) && r->query->qtype == TYPE_DS))
        apex = node_parent(node)->apex;
    return enter_zone(r, apex) ? answer_from(r, node) : NULL;
}

static const struct node *find_encloser(const struct reply *r)
{
    const struct index *ix = &r->snapshot->index;
    const struct query *q = r->query;
    if (LIKELY(r->name.p == q->qname))
        return index_encloser(ix, r->name, q->label_at, q->n_labels);
    uint8_t label_at[NAME_LABELS_MAX + 1];
    unsigned n = 0, at = 0;
    for (; r->name.p[at]; at += r->name.p[at] + 1u)
        label_at[n++] = (uint8_t)at;
    label_at[n] = (uint8_t)at;
    return index_encloser(ix, r->name, label_at, n);
}

static const uint8_t *answer_missing(struct reply *r)
{
    const struct node *encloser = find_encloser(r);
    if (UNLIKELY(!encloser)) {
        refuse(r);
        return NULL;
    }
    if (encloser->flags & (NODE_HIDDEN | NODE_CUT | NODE_DNAME | NODE_OUTSIDE))
        return answer_elsewhere(r, encloser);
    if (!enter_zone(r, encloser->apex))
        return NULL;
    if (encloser->flags & NODE_WILDCARD)
        return answer_from(r, index_node(&r->snapshot->index, encloser->link));
    r->rcode = RCODE_NXDOMAIN;
    reply_put_negative(r, UINT32_MAX);
    return NULL;
}

static inline const uint8_t *answer_name(struct reply *r, const struct node *node)
{
    return LIKELY(node) ? answer_found(r, node) : answer_missing(r);
}

/* --- chains --- */

/* The aliases followed so far, so that a loop ends before it repeats itself. */
struct chain {
    uint64_t seen[CHAIN_MAX]; /* hashes of the names */
    unsigned n;
    uint8_t name[NAME_WIRE_MAX];
};

/* Makes the target at `at` the name in question. False: it is in another zone, or was followed
 * before. Targets inside the zone end in a pointer to the apex, or are whole (those out of pools
 * and DNAMEs). */
static bool follow(struct reply *r, struct chain *chain, const uint8_t *at)
{
    uint32_t n = 0;
    if (r->truncated || chain->n == CHAIN_MAX)
        return false;
    while (at[n] && at[n] < DNS_COMPRESS >> 8)
        n += at[n] + 1u;
    struct slice tail = at[n] ? node_name(r->apex) : slice_of("", 1);
    struct slice name = {chain->name, n + tail.n};
    chain->seen[chain->n++] = r->hash;
    name_lower(chain->name, slice_of(at, n));
    memcpy(chain->name + n, tail.p, tail.n);
    if (!name_is_within(name, node_name(r->apex)))
        return false;
    r->name = name;
    r->name_at = (uint16_t)(at - r->base);
    r->hash = index_hash(&r->snapshot->index, name);
    for (unsigned i = 0; i < chain->n; i++) {
        if (chain->seen[i] == r->hash)
            return false;
    }
    return true;
}

static __attribute__((noinline)) void answer_chain(struct reply *r, const uint8_t *target)
{
    struct chain chain;
    chain.n = 0;
    while (target && follow(r, &chain, target))
        target = answer_name(r, index_find_hashed(&r->snapshot->index, r->hash, r->name));
}

void resolve(struct reply *r, const struct node *node)
{
    const uint8_t *target = answer_name(r, node);
    if (UNLIKELY(target))
        answer_chain(r, target);
}
