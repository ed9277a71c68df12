/* SPDX-License-Identifier: Apache-2.0
 * Limiting, but for the part that every answer goes through. */
#include "answer/limit.h"

#include "base/count.h"

void limit_begin(struct answer_ctx *ctx, const struct rate_policy *policy)
{
    struct limit *l = &ctx->limit;
    l->active = l->limiter && policy->on;
    l->grain = policy->grain;
    if (!l->active)
        return;
    uint32_t tick = limiter_tick(policy, ctx->now_ms);
    l->total = limiter_decay(l->total, tick - l->tick);
    l->tick = tick;
    l->crowded = l->total > policy->ceiling_bytes;
    l->pressed = l->crowded || limiter_is_pressed(l->limiter, ctx->now_ms);
}

void limit_finish(struct answer_ctx *ctx, const struct rate_policy *policy)
{
    struct limit *l = &ctx->limit;
    for (unsigned i = 0; i < l->n_charges; i++)
        l->charge[i].hash = limiter_prefetch(l->limiter, l->charge[i].network);
    for (unsigned i = 0; i < l->n_charges; i++) {
        const struct limit_charge *c = &l->charge[i];
        l->total += c->bytes;
        if (UNLIKELY(limiter_charge(l->limiter, policy, c->hash, c->bytes, l->tick) >= LEVEL_FULL))
            limiter_press(l->limiter, policy, c->network, ctx->now_ms);
    }
    l->n_charges = 0;
}

enum limit_action limit_judge(struct answer_ctx *ctx, const struct rate_policy *policy,
                              const struct ip *client, enum cookie_state cookie)
{
    struct limit *l = &ctx->limit;
    uint64_t network = limiter_network(client), draw = rng_next(&ctx->rng);
    bool over = limiter_level(l->limiter, network, l->tick) >= LEVEL_FULL;
    /* In a flood that many networks share, those who can are asked to show who they are. */
    bool ask = l->crowded && cookie != COOKIE_NONE;
    if ((!over && !ask) || limiter_is_exempt(policy, client))
        return LIMIT_PASS;
    enum limit_action action = cookie == COOKIE_NONE ? LIMIT_TRUNCATE : LIMIT_BADCOOKIE;
    if (over && (policy->slip == 0 || (draw >> 32) * policy->slip >> 32 != 0))
        action = LIMIT_DROP;
    if (policy->log_only) {
        count_add(&ctx->stats.would_limit[action], 1);
        return LIMIT_PASS;
    }
    count_add(&ctx->stats.limited[action], 1);
    limiter_note(l->limiter, network, draw);
    return action;
}
