/* SPDX-License-Identifier: Apache-2.0
 * From the checker's states to what tiers need of them. */
#include "tier/pack.h"

#include <stdio.h>

struct packing packing_begin(const struct checker *checker)
{
    return (struct packing){.model = checker_model(checker),
                            .states = checker_states(checker),
                            .orders = checker_orders(checker)};
}

/* An order over many endpoints is looked up once. */
static bool is_by_wide_order(struct packing *packing, uint32_t serial)
{
    if (serial == 0)
        return false;
    if (serial != packing->serial) {
        const struct order *order = orders_find_serial(packing->orders, serial);
        packing->serial = serial;
        packing->is_wide = order && order->target.pool.kind != PATTERN_EXACT;
    }
    return packing->is_wide;
}

struct member_state member_state_of(struct packing *packing, uint32_t endpoint, uint32_t dns_wait_s)
{
    const struct endpoint *e = &packing->model->endpoints[endpoint];
    const struct endpoint_state *s = &packing->states[endpoint];
    struct member_state out = {
        .health = s->health,
        .override = s->override,
        .share = (uint16_t)(endpoint_share(s) * TIER_SHARE_FULL / SHARE_FULL),
        .remembered = s->remembered,
        .assumed_up = s->assumed_up,
        .stale = s->stale,
        .frozen = s->frozen,
        .by_wide_order = is_by_wide_order(packing, s->state_order),
        .weight_ordered = s->weight_override >= 0,
        .weight = endpoint_weight(e, s),
        .dns_wait_s = dns_wait_s,
        .override_since_ms = s->override_since_ms,
        .since_ms = s->since_ms,
    };
    snprintf(out.reason, sizeof out.reason, "%s", s->reason);
    return out;
}
