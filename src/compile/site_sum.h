/* SPDX-License-Identifier: Apache-2.0
 * One site of a pool, summed up for verdicts. Internal to src/compile. */
#pragma once

#include "compile/candidates.h"

/** Counts are by family. */
struct site_sum {
    uint32_t site;
    bool up, exists[FAMILIES]; /* exists: configured to have endpoints of the family */
    uint32_t candidates[FAMILIES];
    uint32_t allowed[FAMILIES]; /* not put down or drained by order: what serve_all may use */
    uint32_t flip_s;
    int64_t expires_s;
};

struct site_sum site_sum_up(const struct model *model, const struct pool *pool,
                            const struct pool_site *site,
                            const struct endpoint_state *states) ATTR_NONNULL;

static inline int64_t site_sum_earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
