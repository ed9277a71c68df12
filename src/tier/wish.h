/* SPDX-License-Identifier: Apache-2.0
 * What a tier is wanted to be as one JSON object: for commands of the operator's. Pure.
 *
 *   {"version": N, "node": TEXT, "tier": TEXT, "pool": TEXT, "site": TEXT ("" for all),
 *    "members": [{"name", "key", "address", "port", "state", "weight"}]}
 *
 * The version rises with every change, also across restarts. `state` is ready, drain, down or
 * maint; `weight` is 0 to 256, 100 being the largest that the pool has configured, and 0 unless
 * ready. What has left the configuration is `drain` as long as it is listed. */
#pragma once

#include "base/buf.h"
#include "tier/reconcile.h"

void wish_render(struct buf *out, const struct tier_spec *spec, const struct tier_table *table,
                 const char *node, uint64_t version) ATTR_NONNULL;

/** One that was rendered before, and kept. Of untrusted bytes: 0, or E_SYNTAX with *seen empty.
 *  Freed by wish_seen_free() either way. */
struct wish_seen {
    char node[128], tier[128];
    uint64_t version;
    VEC(struct observed) members;
};
int wish_read(struct wish_seen *seen, struct slice text) ATTR_NONNULL ATTR_MUST_USE;
void wish_seen_free(struct wish_seen *seen) ATTR_NONNULL;

/** How a target looks in one. */
struct serving wish_shown(struct serving target);
