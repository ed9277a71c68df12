/* SPDX-License-Identifier: Apache-2.0
 * An explanation of a dynamic answer while it is put together. Internal to src/ctl. */
#pragma once

#include "ctl/explain_ask.h"
#include "out/facts.h"

/** One pool that was consulted: the name's own, then those it falls back to. */
struct explain_step {
    uint32_t pool;
    struct steer_reason why;
    uint32_t
        *sites; /* all of the pool's, as indices into pool->sites: the class's, then the rest */
    uint32_t n_sites, n_class;
    bool bound; /* the name asks for the one site of its class alone */
};

struct explanation {
    const struct facts *facts;
    const struct asked *asked;
    struct arena *arena;
    struct ip client; /* whose place decided, or would */
    bool given;       /* the question named the resolver's address */
    struct explain_step steps[ANSWER_POOLS_MAX];
    uint32_t n_steps;
};

/** "30s fixed", "derived: check web of www/ams/192.0.2.11 could flip in 10s, clamped to 5s..60s".
 */
const char *explain_ttl(const struct explanation *x) ATTR_NONNULL ATTR_RETURNS_NONNULL;

/** Why the answer is what it is, in words. */
const char *explain_decision(const struct explanation *x) ATTR_NONNULL ATTR_RETURNS_NONNULL;

/** The place of a site among the pool's sites, or MODEL_NONE. */
uint32_t explain_pool_site(const struct pool *pool, uint32_t site) ATTR_NONNULL;
