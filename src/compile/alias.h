/* SPDX-License-Identifier: Apache-2.0
 * Alias tables: a weighted draw in constant time (snapshot/view.h draws). */
#pragma once

#include "snapshot/view.h"

/** The columns for `n` weights, in `arena`; a weight may be 0 (then it is never drawn), but not all
 *  of them. NULL when all are equal: a uniform draw does. */
const struct alias_slot *alias_build(struct arena *arena, const uint32_t *weight,
                                     uint32_t n) ATTR_NONNULL;

/** As alias_build(), but never NULL. */
const struct alias_slot *alias_table(struct arena *arena, const uint32_t *weight,
                                     uint32_t n) ATTR_NONNULL ATTR_RETURNS_NONNULL;
