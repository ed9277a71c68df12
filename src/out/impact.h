/* SPDX-License-Identifier: Apache-2.0
 * What a change of many pools does to the answers: pools whose answers change alike are counted
 * together ("195 pools move to iad or sin; 4 pools answer NODATA: a, b, c, d"). Worked out from the
 * verdicts before and after. Takes up to a second with thousands of pools: not for the control
 * thread. */
#pragma once

#include "compile/compile.h"

struct impact_group {
    const char *text; /* "195 pools move to iad or sin" */
    bool bad;         /* some clients get nothing that serves */
    uint32_t n;       /* pools */
    uint32_t *pools;  /* ascending */
};

struct impact {
    struct arena *arena;
    struct impact_group *groups; /* bad ones first, then by size */
    uint32_t n_groups, n_changed, n_same;
    uint32_t old_s; /* clients may go by answers from before for so long; 0: none lost anything */
};

/** Compares what `pools` answer in `before` with `after`: by endpoint, and right for these pools
 *  and for those that they fall back to. Bad groups name up to `named_max` of their pools. To be
 *  freed by impact_free(). */
struct impact *impact_of(const struct generation *generation, const struct endpoint_state *before,
                         const struct endpoint_state *after, const uint32_t *pools,
                         uint32_t n_pools, uint32_t named_max)
    __attribute__((nonnull(1, 2, 3))) ATTR_RETURNS_NONNULL ATTR_MUST_USE;
void impact_free(struct impact *impact) ATTR_NONNULL;
