/* SPDX-License-Identifier: Apache-2.0
 * The attributes of a route as a speaker prints them, and whether they are those that it was told.
 * Pure; of what an untrusted text said. */
#pragma once

#include "anycast/speaker.h"

#define ROUTE_READ_MAX 80 /* of a list; more is odd, as no set has so many */

/** Zeroed: nothing was read. */
struct route_read {
    bool odd; /* something is there that is never ours */
    bool has_med, has_next_hop;
    uint32_t med;
    struct ip next_hop;
    uint32_t path[ROUTE_READ_MAX], n_path;
    struct community communities[ROUTE_READ_MAX];
    uint32_t n_communities;
    struct large_community large[ROUTE_READ_MAX];
    uint32_t n_large;
};

void route_read_as(struct route_read *read, uint32_t as) ATTR_NONNULL;
void route_read_community(struct route_read *read, uint32_t high, uint32_t low) ATTR_NONNULL;
void route_read_large(struct route_read *read, const uint32_t v[3]) ATTR_NONNULL;

/** Whether it is other than was wanted. `next_hop`: the one it was told; NULL: it has none of its
 * own. `n_path`: how many times `as` is to be in the path, and nothing else. */
bool route_read_differs(const struct route_read *read, const struct route_attributes *wanted,
                        const struct ip *next_hop, uint32_t as, uint32_t n_path)
    __attribute__((nonnull(1, 2)));
