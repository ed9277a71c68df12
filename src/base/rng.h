/* SPDX-License-Identifier: Apache-2.0
 * Per-thread generator for weighted picks (wyrand): 64 bits of state, no lock, not for secrets. */
#pragma once

#include "base/hash.h"

struct rng {
    uint64_t state;
};

/** Seeds from the kernel's entropy. Tests assign `state` for a repeatable sequence. */
void rng_init(struct rng *rng) ATTR_NONNULL;

static inline uint64_t rng_next(struct rng *rng)
{
    rng->state += HASH_K0;
    return hash_mix(rng->state, rng->state ^ HASH_K1);
}

/** A number in [0, n), n >= 1. The multiply-shift reduction (Lemire) has a bias below n / 2^32. */
static inline uint32_t rng_below(struct rng *rng, uint32_t n)
{
    return (uint32_t)(((rng_next(rng) >> 32) * n) >> 32);
}
