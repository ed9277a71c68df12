/* SPDX-License-Identifier: Apache-2.0
 * The response while it is written. Internal to src/answer.
 *
 *   base                                        p                       end
 *   | header 12 | question | RRs, answer first ->|        free          | room kept for the OPT |
 *
 * Whatever does not fit marks the reply truncated, and the sections are dropped in the end: a
 * response has all of its RRs or none (RFC 2181 9). By TCP there is no more room to be had: then a
 * chain of aliases ends where the rest does not fit. */
#pragma once

#include "answer/answer.h"
#include "base/cursor.h"
#include "dns/query.h"

#define OWNER_QUESTION (DNS_COMPRESS | DNS_HEADER_LEN) /* pointer to the question's name */

/** What was found of a client ahead of the answer. */
struct placed {
    const struct lpm *table; /* looked up in; NULL: nothing was */
    const struct ip *client;
    struct lpm_leaf leaf;
};

struct reply {
    uint8_t *base, *p, *end;
    const struct snapshot *snapshot;
    struct answer_ctx *ctx;
    const struct query *query;
    const struct answer_packet *packet;
    const struct placed *placed;
    struct answer_trace *trace; /* NULL but for explain */

    const struct node *apex; /* of the zone that answers; NULL before it is known */
    struct slice name;       /* the name in question now: the question's, then CNAME targets */
    uint64_t hash;           /* of it */
    uint16_t name_at;        /* where it stands in the response */
    uint16_t apex_pointer;   /* to the apex's name, which the question's name ends in */

    /* Zeroed together. */
    uint16_t n_answer, n_authority, n_additional;
    uint16_t ede; /* INFO-CODE of an extended error (RFC 8914); 0: none */
    bool truncated;
    uint8_t scope; /* to be told in EDNS client subnet */
    uint8_t n_dnames;

    bool by_ecs; /* the client is the one of EDNS client subnet */
    bool authoritative;
    uint16_t rcode;
    struct cookie cookie;        /* of the query, judged */
    const struct node *dname[4]; /* those in the answer section; more make no sense in a chain */
};

/** Copies n >= 1 bytes, 16 at a time where that many are left; touches nothing outside. */
static inline void reply_copy(uint8_t *to, const uint8_t *from, uint32_t n)
{
    if (LIKELY(n >= 16)) {
        for (uint32_t i = 0; i + 16 < n; i += 16)
            memcpy(to + i, from + i, 16);
        memcpy(to + n - 16, from + n - 16, 16);
        return;
    }
    if (n >= 8) {
        uint64_t head, tail;
        memcpy(&head, from, 8);
        memcpy(&tail, from + n - 8, 8);
        memcpy(to, &head, 8);
        memcpy(to + n - 8, &tail, 8);
        return;
    }
    if (n >= 4) {
        uint32_t head, tail;
        memcpy(&head, from, 4);
        memcpy(&tail, from + n - 4, 4);
        memcpy(to, &head, 4);
        memcpy(to + n - 4, &tail, 4);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        to[i] = from[i];
}

/** `n` bytes for the next RRs, or NULL: no room. */
static inline uint8_t *reply_take(struct reply *r, uint32_t n)
{
    uint8_t *at = r->p;
    if (UNLIKELY((size_t)(r->end - at) < n)) {
        r->truncated = true;
        return NULL;
    }
    r->p = at + n;
    return at;
}

static inline uint16_t reply_owner(const struct reply *r)
{
    return (uint16_t)(DNS_COMPRESS | r->name_at);
}

/** Makes `apex` the zone that answers. It encloses the question's name. */
static inline void reply_set_zone(struct reply *r, const struct node *apex)
{
    r->apex = apex;
    r->apex_pointer =
        (uint16_t)(DNS_COMPRESS | (DNS_HEADER_LEN + r->query->qname_len - apex->name_len));
}

/** Appends a block's RRs, those of `r->name`, to the answer section. */
void reply_put_set(struct reply *r, const struct block *block) ATTR_NONNULL ATTR_HOT;

/** As reply_put_set(), for another owner. */
void reply_put_owned(struct reply *r, const struct block *block, uint16_t owner) ATTR_NONNULL;

/** A pointer to the name of `ancestor`, a node of the zone that encloses r->name. */
uint16_t reply_ancestor_pointer(const struct reply *r, const struct node *ancestor) ATTR_NONNULL;

/** Appends the zone's SOA to the authority section; its TTL is at most `ttl_max_s`. */
void reply_put_negative(struct reply *r, uint32_t ttl_max_s) ATTR_NONNULL ATTR_HOT;

/** Appends a referral to `cut`, an ancestor of `r->name` or itself. */
void reply_put_referral(struct reply *r, const struct node *cut) ATTR_NONNULL;

/** Takes back the sections of a response to which something did not fit; returns FLAG_TC. By TCP,
 *  where an alias led to the name in question, only what is behind that alias, and returns 0: the
 *  resolver asks for its target by itself then, with a message's room of its own. */
uint16_t reply_cut(struct reply *r) ATTR_NONNULL ATTR_COLD;

/** Answers r->name, found or not, out of the zones: RFC 1034 4.3.2. `node` is the name's own, NULL
 *  if there is none. */
void resolve(struct reply *r, const struct node *node) ATTR_HOT;

/** What a pool says to A or AAAA, or to any type if it is a pool of names. */
enum pool_outcome {
    POOL_ANSWERED, /* RRs appended */
    POOL_ALIAS,    /* a CNAME appended; its target is to be answered next */
    POOL_NODATA,   /* the type does not exist there */
    POOL_LEFT_OUT, /* nothing appended: RFC 7871 7.2.1 leaves it to the next query */
    POOL_FAILED,   /* SERVFAIL */
};
enum pool_outcome pool_answer(struct reply *r, const struct dynamic *dynamic,
                              uint32_t *nodata_ttl_s) ATTR_NONNULL ATTR_HOT;

#define REPLY_TSIG_MAX (2 * NAME_WIRE_MAX + 26)

/** Makes the TSIG that answers the query's: an unknown key. Returns its length; 0: the query's is
 *  malformed. */
uint32_t reply_tsig(uint8_t out[REPLY_TSIG_MAX], const struct reply *r) ATTR_NONNULL ATTR_COLD;

/** CH TXT: id.server and its like. */
void chaos_answer(struct reply *r) ATTR_NONNULL ATTR_COLD;
