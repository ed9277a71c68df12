/* SPDX-License-Identifier: Apache-2.0
 * Which member a flow of datagrams had in the process that we have taken over from: its next
 * datagram begins it anew here, with the same member. Made and freed by the main thread, and held
 * by plans; in between it does not change, and workers look into it. */
#pragma once

#include "l4/bequest.h"

struct bound;

/** Of all flows in *file, which it takes over. Its members are in the registry for as long, and
 *  keep the time that they were given. One hold. */
struct bound *bound_new(struct bequest *file, struct registry *registry) ATTR_NONNULL;
struct bound *bound_hold(struct bound *bound) ATTR_NONNULL;
/** On the main thread. NULL is allowed. */
void bound_release(struct bound *bound, struct registry *registry);

/** The member of a flow that has not been idle for `idle_ms`; NULL: there is no such flow. */
struct member *bound_find(const struct bound *bound, const struct bound_key *key, int64_t now_ms,
                          int64_t idle_ms) ATTR_NONNULL;

/** All flows, as they were handed on: struct bequest.flows and their members. */
const struct bequest_flow *bound_flows(const struct bound *bound, uint32_t *n) ATTR_NONNULL;
struct member *bound_member(const struct bound *bound, uint32_t i) ATTR_NONNULL;
