/* SPDX-License-Identifier: Apache-2.0
 * From states to what a tier is wanted to be. Pure.
 *
 *   state of an endpoint      serves    weight
 *   up, weight w              READY     w as 1..256, the pool's largest configured weight being 100
 *   up, weight 0              READY     0
 *   drain (order)             DRAIN
 *   down by health            DOWN
 *   down by order             MAINT
 *   unknown, stale, frozen    UNKNOWN
 *
 * Orders win over what is not known. When no member serves, and some are down by health, the
 * pool's `on_all_down: serve_all` has all that are not ordered away serve at their weights.
 *
 * A drain that comes by an order on a site, or on all fronts of the tier, is staged: the members
 * serve on until no answer with them, or with a front, can be alive any more. */
#pragma once

#include "tier/row.h"

struct desired {
    uint32_t n_unknown;   /* members of which nothing is known */
    uint32_t n_ready;     /* with a weight */
    bool all_down;        /* serve_all is in force */
    uint8_t level;        /* enum tier_level; of what serves now, staged members included */
    int64_t next_ms;      /* wall clock: when the outcome changes by itself; INT64_MAX: never */
    int64_t dns_until_ms; /* wall clock: until when staged members serve on; 0: none is staged */
};

/** Fills out[n_members], and staged_ms[n_members]: when a staged drain of that member takes effect
 *  (its `out` then says what it is until then); 0: it is not staged. `states` by slot. */
void desired_compute(struct desired *summary, struct serving *out, int64_t *staged_ms,
                     const struct tier_spec *spec, const struct member_state *states,
                     int64_t now_ms) ATTR_NONNULL;

/** What one endpoint is wanted to be by its own state alone. */
struct serving serving_of(const struct tier_spec *spec,
                          const struct member_state *state) ATTR_NONNULL ATTR_PURE;

/** weight x share, scaled: 0 for 0, else 1..TIER_WEIGHT_MAX. */
uint16_t serving_weight(const struct tier_spec *spec, uint32_t weight,
                        uint16_t share) ATTR_NONNULL ATTR_PURE;
