/* SPDX-License-Identifier: Apache-2.0
 * Why a pool stands as it does, in words. How it does is its level (health/level.h). */
#pragma once

#include "compile/verdict.h"

struct pool_standing {
    const char *why;             /* the sites that are down, with reasons; "" */
    struct site_standing *sites; /* pool->n_sites, in the pool's order */
    uint32_t n_up;               /* endpoints */
};

/** Fills *out; texts and sites live in `arena`. */
void pool_standing(struct pool_standing *out, struct arena *arena, const struct model *model,
                   const struct endpoint_state *states, uint32_t pool) ATTR_NONNULL;
