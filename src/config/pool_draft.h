/* SPDX-License-Identifier: Apache-2.0
 * A pool while it is read: values whose meaning depends on others are kept as they stand. */
#pragma once

#include "config/parts.h"
#include "config/weight_from.h"

#define STEER_FORMS "nearest, all, {map: NAME}, {order: [SITE...]} or {split: {SITE: WEIGHT...}}"

struct pool_draft {
    struct pool pool;
    struct pool_site *sites;
    struct weight_draft weight_from;
    const struct yaml_node *sites_node, *steer_node, *all_down_node;
};

/** A schema_read_fn: keeps the node, to be read when the rest is known. */
void node_keep(struct load *load, const struct yaml_node *node, void *field);

/** Reads `steer`, once the pool's sites are known. */
void steer_read(struct load *load, struct pool_draft *d) ATTR_NONNULL;

/** Judges what can be said of `steer` without sites. */
void steer_judge(struct load *load, struct pool_draft *d) ATTR_NONNULL;
