/* SPDX-License-Identifier: Apache-2.0
 * Zones that could not be read while the others are served all the same: at a start. */
#pragma once

#include "config/load.h"

/** Finds out whose zone a file is that could not be read that far: from its `zone:` or $ORIGIN, or
 *  from what it is called. The origin's wire form, lower case, in `arena`; empty when it cannot be
 *  known. Never the root. */
struct slice zone_guess_origin(struct arena *arena, const char *path) ATTR_NONNULL;

/** Settles what a lenient load (load->lenient) leaves: of `n` zones those whose names are not
 *  known, or that are given twice, go to model->unnamed. Returns how many stay in `zones`. */
uint32_t zones_set_aside(struct load *load, struct zone *zones, uint32_t n) ATTR_NONNULL;
