/* SPDX-License-Identifier: Apache-2.0
 * Zones that one configuration has and another one has not. */
#pragma once

#include "model/model.h"

/** The zones of `of`, by index and in their order, whose names no zone of `in` has. Returns how
 *  many; *out is for free(). */
uint32_t zones_missing(uint32_t **out, const struct model *of, const struct model *in) ATTR_NONNULL;

/** Judges a reload from `before` to `after`: a warning for each zone that would be gone, and an
 *  error when that is more than after->server.zones_gone_max of them, unless it is meant (`force`).
 *  Returns 0 or E_INVALID. */
int zones_judge_gone(const struct model *before, const struct model *after, bool force,
                     struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
