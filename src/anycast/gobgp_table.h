/* SPDX-License-Identifier: Apache-2.0
 * What `gobgp -j` prints, as far as it matters: routes of gobgpd's own, its AS and its sessions.
 * Pure; of untrusted bytes. All return 0, or E_SYNTAX. */
#pragma once

#include "anycast/speaker.h"

/** A route of gobgpd's own. Attributes are compared by their hash, in whichever order they come;
 *  the next hop is beside them, as gobgpd has one of its own for `self`. */
struct gobgp_route {
    struct ip_prefix prefix;
    bool best; /* what neighbours are told */
    struct ip next_hop;
    uint64_t attributes;
};

struct gobgp_table {
    VEC(struct gobgp_route) routes;
};

/** Adds what `gobgp global rib [PREFIX] -a ipv4|ipv6 -j` shows; those of neighbours are left out.
 */
int gobgp_table_read(struct gobgp_table *table, struct slice text) ATTR_NONNULL ATTR_MUST_USE;
/** NULL: there is none. */
struct gobgp_route *gobgp_table_find(const struct gobgp_table *table,
                                     const struct ip_prefix *prefix) ATTR_NONNULL ATTR_PURE;
void gobgp_table_drop(struct gobgp_table *table, const struct ip_prefix *prefix) ATTR_NONNULL;

/** The hash of what is to be announced, with the AS that is prepended. */
uint64_t gobgp_attributes(const struct route_attributes *attributes, uint32_t as) ATTR_NONNULL;
/** Whether the route is as it is to be; `next_hop` NULL: any. */
bool gobgp_route_is(const struct gobgp_route *route, uint64_t attributes, const struct ip *next_hop)
    __attribute__((nonnull(1)));

/** `gobgp global rib summary -j`: how many prefixes it has. */
int gobgp_count_read(uint64_t *count, struct slice text) ATTR_NONNULL ATTR_MUST_USE;
/** `gobgp global -j`: 0 when it is not set up. */
int gobgp_as_read(uint32_t *as, struct slice text) ATTR_NONNULL ATTR_MUST_USE;
/** `gobgp neighbor -j`. */
int gobgp_sessions_read(uint32_t *all, uint32_t *up, struct slice text) ATTR_NONNULL ATTR_MUST_USE;
