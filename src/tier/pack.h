/* SPDX-License-Identifier: Apache-2.0
 * From the checker's states to what tiers need of them. On the checker's thread. */
#pragma once

#include "health/checker.h"
#include "tier/spec.h"

/** One run over many endpoints, as of one moment: until the checker's loop runs again. */
struct packing {
    const struct model *model;
    const struct endpoint_state *states;
    const struct orders *orders;
    uint32_t serial; /* of the order that was looked up last; 0: none */
    bool is_wide;    /* that */
};

struct packing packing_begin(const struct checker *checker) ATTR_NONNULL;

/** What is known of an endpoint of the checker's model. `dns_wait_s`: how long an answer with it
 *  may live after it was taken out. */
struct member_state member_state_of(struct packing *packing, uint32_t endpoint,
                                    uint32_t dns_wait_s) ATTR_NONNULL;
