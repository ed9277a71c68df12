/* SPDX-License-Identifier: Apache-2.0
 * `weight_from` of pools: read with the pool, and resolved when tiers are known. */
#pragma once

#include "config/parts.h"

extern const struct schema weight_from_schema;

/** A `weight_from` as it stands in a pool. */
struct weight_draft {
    struct weight_from from;
    const struct yaml_node
        *tier; /* its name; NULL: the pool has no `weight_from`, or a wrong one */
};

/** A schema_read_fn into a struct weight_draft. */
void weight_from_read(struct load *load, const struct yaml_node *node, void *field);

/** Finds the tiers of all that pools say; `judge`: tiers are sound, so that members can be asked
 *  for. */
void weights_from_read(struct load *load, bool judge) ATTR_NONNULL;
