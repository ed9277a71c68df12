/* SPDX-License-Identifier: Apache-2.0
 * From query packets to response packets: a pure function of the packets, the snapshot, the time
 * and a random generator. All transports call it: UDP in batches, TCP one message at a time,
 * explain with a message of its own making.
 *
 * No allocation, lock, logging, system call or library call happens in here. */
#pragma once

#include "answer/cookie.h"
#include "answer/limiter.h"
#include "base/rng.h"
#include "snapshot/snapshot.h"

#define ANSWER_BATCH 32     /* packets a batch at most: from 16 on, recvmmsg's cost is flat */
#define ANSWER_UDP_MAX 1232 /* largest UDP response (DNS flag day 2020; no fragments) */
#define ANSWER_POOLS_MAX 17 /* consulted for one answer: the name's own, and 16 to fall back to */

/** Counters of one worker. Only the owning thread writes; readers may lag. Widths: 64 bits never
 * wrap. */
struct answer_stats {
    uint64_t queries[2]; /* by transport: UDP, TCP */
    uint64_t rcode[24];  /* responses by extended RCODE; [23] any other */
    uint64_t dropped;    /* not a query, or too short to answer */
    uint64_t truncated;
    uint64_t edns, ecs; /* queries with them */
    uint64_t dynamic;   /* answers out of a pool */
    uint64_t nodata;
    uint64_t referrals;
    /* By enum limit_action; [0] is not used. What was kept back counts among `queries` alone, and
     * with log_only it is not. */
    uint64_t limited[4], would_limit[4];
    uint64_t cookies[COOKIE_STATES]; /* by enum cookie_state; [COOKIE_NONE] is not used */
};

/** What a worker keeps for limiting (limit.h). */
struct limit {
    struct limiter *limiter; /* shared by all workers; NULL: what this one answers is not limited,
                              * as with TCP */
    uint64_t draw;
    uint32_t grain; /* the policy's */
    uint64_t total; /* the level of all networks together, of this worker's answers, in bytes */
    uint32_t tick;  /* that it is of */
    bool active, pressed, crowded; /* during a batch: limits are on; some network may be over its
                                    * allowance; `total` is over its own */
    unsigned n_charges;            /* of the batch so far */
    struct limit_charge {
        uint64_t network, hash;
        uint32_t bytes;
    } charge[ANSWER_BATCH];
};

/** What a worker brings along; one per thread. */
struct answer_ctx {
    struct rng rng;
    struct answer_stats stats;
    int64_t now_s;            /* wall clock, set once a batch: overrides that expire cap the TTL */
    int64_t now_ms;           /* the same */
    uint16_t keepalive_100ms; /* idle time-out told to TCP clients that ask (RFC 7828 3.1) */
    struct limit limit;
};

/** Sets the time of the next batch. */
static inline void answer_set_time(struct answer_ctx *ctx, int64_t wall_ms)
{
    ctx->now_ms = wall_ms;
    ctx->now_s = wall_ms / 1000;
}

struct answer_packet {
    const uint8_t *query;
    uint32_t query_len;
    uint8_t *response;     /* capacity `response_max`; must not overlap the query */
    uint32_t response_max; /* UDP: the buffer's size, >= ANSWER_UDP_MAX; TCP: up to 65535 */
    uint32_t response_len; /* out; 0: do not answer */
    struct ip source;      /* the resolver's address */
    bool tcp;
};

/** Answers n <= ANSWER_BATCH packets. */
void answer_batch(struct answer_ctx *ctx, const struct snapshot *snapshot,
                  struct answer_packet *packets, unsigned n) ATTR_NONNULL ATTR_HOT;

/** What happened to one packet, for explain: filled beside the answer, by the same code. When a
 *  chain of aliases leads through several dynamic names, it tells of the last one. */
struct answer_trace {
    bool dynamic; /* a dynamic name was come to; nothing below counts otherwise */
    struct dynamic
        settings;  /* the name's, and of TTL and answers what the last pool makes of them */
    bool has_type; /* its pool is configured for the type; nothing below counts otherwise */
    uint32_t pool[ANSWER_POOLS_MAX]; /* the pools consulted: the name's own, then fallbacks */
    uint32_t class_[ANSWER_POOLS_MAX];
    uint8_t scope[ANSWER_POOLS_MAX]; /* leaf depth of each look-up */
    uint32_t n_pools;
    enum verdict_mode mode; /* of the last pool's verdict */
    struct ip client;       /* the address that was looked up */
    bool client_from_ecs;
    uint32_t ttl_s;
    uint32_t flip_s;   /* soonest flip among all inputs; TTL_NEVER */
    int64_t expires_s; /* soonest end of an order among them; INT64_MAX */
    uint32_t n_picked;
    uint32_t picked[PICKSET_MAX]; /* endpoints, in answer order */
};

/** As answer_batch() for one packet, and tells how the answer came about. */
void answer_explain(struct answer_ctx *ctx, const struct snapshot *snapshot,
                    struct answer_packet *packet, struct answer_trace *trace) ATTR_NONNULL;
