/* SPDX-License-Identifier: Apache-2.0
 * Who may be answered: the candidates among a pool's endpoints, and the sets to pick them from. */
#pragma once

#include "health/state.h"
#include "snapshot/view.h"

#define FAMILIES 2 /* 0: A, or the names of a CNAME pool; 1: AAAA */

static inline uint32_t endpoint_family(const struct endpoint *e)
{
    return e->addr.family == IP_V6 ? 1 : 0;
}

/** Put down or drained by order. */
static inline bool endpoint_ordered_off(const struct endpoint_state *s)
{
    return s->override == OVERRIDE_DOWN || s->override == OVERRIDE_DRAIN;
}

enum candidate_rule {
    CANDIDATES_SERVING, /* those that serve */
    CANDIDATES_ALLOWED, /* whatever their health, but for those ordered off: serve_all */
};

static inline bool endpoint_is_candidate(const struct endpoint *e, const struct endpoint_state *s,
                                         enum candidate_rule rule)
{
    return endpoint_weight(e, s) > 0 &&
           (rule == CANDIDATES_SERVING ? endpoint_serves(s) : !endpoint_ordered_off(s));
}

/** The candidates of a family in `n_sites` sites of a pool, from `first_site` on, in the order of
 *  the file. Everything that it points to lives in `arena`. */
struct pickset candidates_of(struct arena *arena, const struct model *model,
                             const struct pool *pool, const struct endpoint_state *states,
                             uint32_t first_site, uint32_t n_sites, unsigned family,
                             enum candidate_rule rule) ATTR_NONNULL;
