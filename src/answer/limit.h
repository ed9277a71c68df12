/* SPDX-License-Identifier: Apache-2.0
 * The limit on what spoofed queries can make of this server, as a worker applies it: what an answer
 * costs, and what becomes of it. Internal to src/answer but for struct limit, which is in answer.h.
 *
 * An answer costs what it has more than its query, on the wire: that is what a victim gets beyond
 * what the spoofer had to send himself. The first 32 bytes of it, one address or two, count for a
 * quarter: so much more is in every answer to an honest resolver, of whom one may ask 16,000 times
 * a second for addresses. What is no longer than the query is free.
 *
 * Of a network over its allowance every answer that costs anything is kept back; one of `slip`
 * leaves as an empty one with TC, no longer than the query, so that who is there comes by TCP; or
 * where the query has a client cookie, as BADCOOKIE with a server cookie. What comes by TCP or with
 * a server cookie of ours does not count at all, as its sender is who he says. */
#pragma once

#include "answer/cookie.h"
#include "answer/reply.h"

#define LIMIT_CHEAP 32 /* bytes of which a quarter counts */

/* A linear congruential generator (Knuth, TAOCP 3.3.4) for what is drawn for: of its high bits, and
 * nobody outside sees them. */
#define LIMIT_DRAW_K UINT64_C(6364136223846793005)

/** What becomes of an answer. */
enum limit_action { LIMIT_PASS, LIMIT_DROP, LIMIT_TRUNCATE, LIMIT_BADCOOKIE };

/** What an answer that is `excess` > 0 bytes longer than its query costs. */
static inline uint32_t limit_price(uint32_t excess)
{
    uint32_t quarter = excess >> 2;
    /* The same at LIMIT_CHEAP; wraps below it. */
    return excess <= LIMIT_CHEAP ? quarter : excess - LIMIT_CHEAP * 3 / 4;
}

/** Before a batch: what holds for all of it. */
void limit_begin(struct answer_ctx *ctx, const struct rate_policy *policy) ATTR_NONNULL;

/** After it: enters what its answers cost. */
void limit_finish(struct answer_ctx *ctx, const struct rate_policy *policy) ATTR_NONNULL ATTR_HOT;

/** What becomes of an answer while there are networks over their allowance. */
enum limit_action limit_judge(struct answer_ctx *ctx, const struct rate_policy *policy,
                              const struct ip *client,
                              enum cookie_state cookie) ATTR_NONNULL ATTR_COLD;

/** Enters what an answer costs. */
static inline void limit_charge(struct limit *l, const struct ip *client, uint32_t excess)
{
    uint32_t price = limit_price(excess);
    l->draw = l->draw * LIMIT_DRAW_K + 1;
    if (LIKELY(price < l->grain)) {
        if (LIKELY((l->draw >> 32) * l->grain >> 32 >= price))
            return;
        price = l->grain;
    }
    l->charge[l->n_charges++] =
        (struct limit_charge){.network = limiter_network(client), .bytes = price};
}
