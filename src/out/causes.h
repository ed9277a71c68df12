/* SPDX-License-Identifier: Apache-2.0
 * Why pools are not up, told once for each cause: an order, or what probes found, at one site may
 * be the reason for hundreds of pools. */
#pragma once

#include "base/arena.h"
#include "health/level.h"

/** What keeps a pool's site down. */
enum fault_kind {
    FAULT_PROBES,   /* health is down */
    FAULT_ORDER,    /* put down or drained */
    FAULT_WEIGHT,   /* weight 0 by order */
    FAULT_NO_WEIGHT /* no endpoint has one in the configuration */
};

/** The same fault at one site. */
struct cause {
    uint32_t site;
    enum fault_kind kind;
    uint8_t override;       /* FAULT_ORDER: enum override */
    uint32_t order;         /* FAULT_ORDER, FAULT_WEIGHT: serial of the order; 0: not known */
    const struct order *by; /* the order, where it is among those in force; else NULL */
    const char *reason;     /* the probes' words without the name of the check, or the operator's */
    uint32_t *pools, n_pools; /* ascending */
    uint32_t n_down;          /* of these pools: no endpoint serves; the others are degraded */
    uint32_t n_endpoints;     /* at the site, in these pools, that do not serve */
};

struct causes {
    struct cause *v; /* by the first pool of each */
    uint32_t n;
};

/** What a cause is looked for in. */
struct causes_of {
    const struct model *model;
    const struct endpoint_state *states;
    const struct level_table *levels;
    const struct orders *orders; /* in force, for their ids and authors; NULL: these are not told */
};

/** Groups those of the n pools (ascending) that are not up by the faults of their sites: of all
 *  that are down, or with `latest` of the one that changed last. All in `arena`. */
void causes_find(struct causes *out, struct arena *arena, const struct causes_of *of,
                 const uint32_t *pools, uint32_t n, bool latest) ATTR_NONNULL;

/** "site ams is drained by order @17 of root (uid 0) (maintenance): 200 pools degraded: a, b, c and
 *  197 more". */
const char *cause_text(struct arena *arena, const struct causes_of *of,
                       const struct cause *cause) ATTR_NONNULL;

/** "ams: 2 endpoints down: connect refused", for one pool: neither it nor its state is named. */
const char *cause_short(struct arena *arena, const struct causes_of *of,
                        const struct cause *cause) ATTR_NONNULL;

/** The place of a pool whose level changed last, of those that are down or of all. */
uint32_t causes_latest_place(const struct level_table *levels, uint32_t pool,
                             bool down) ATTR_NONNULL;

/** "a, b, c and 197 more". */
const char *causes_pool_names(struct arena *arena, const struct model *model, const uint32_t *pools,
                              uint32_t n) ATTR_NONNULL;
