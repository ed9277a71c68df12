/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: the prefix sets that a drain moves. */
#pragma once

#include "ctl/drain.h"

/** Notes in `drain` the prefix sets that the target is about, and how far those that an order
 *  drains have come. */
void drain_look_at_sets(struct drain *drain, struct arena *arena, const struct facts *facts,
                        const struct target *target) ATTR_NONNULL;

/** {name state real left left_s}. */
json_t *drain_set_json(const struct drain_set *set) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
