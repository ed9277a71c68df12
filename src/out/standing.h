/* SPDX-License-Identifier: Apache-2.0
 * How a pool stands as a whole: for status, documents and metrics, so that all say the same. */
#pragma once

#include "compile/verdict.h"

struct pool_standing {
    const char *state;           /* "up", "degraded": a site is down, "down": no endpoint serves */
    const char *why;             /* the sites that are down, with reasons; "" */
    struct site_standing *sites; /* pool->n_sites, in the pool's order */
    uint32_t n_sites_up;
    uint32_t n_up, n; /* endpoints */
    int64_t since_ms; /* the last change of health of any endpoint; 0: none yet */
};

/** Fills *out; texts and sites live in `arena`. */
void pool_standing(struct pool_standing *out, struct arena *arena, const struct model *model,
                   const struct endpoint_state *states, uint32_t pool) ATTR_NONNULL;
