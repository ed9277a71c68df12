/* SPDX-License-Identifier: Apache-2.0
 * Zones that cannot be served as they are, and are answered with SERVFAIL. */
#pragma once

#include "model/model.h"

/** Takes the zone's records away and adds an error to its notes, which says why. Texts are copied
 *  into `arena`. */
void zone_break(struct arena *arena, struct zone *zone, struct span span, const char *fmt,
                ...) ATTR_NONNULL ATTR_PRINTF(4, 5);

/** The same, for the reasons that its notes tell already. */
void zone_break_silently(struct zone *zone) ATTR_NONNULL;

/** The first error that a broken zone's notes tell. */
const struct diag *zone_fault(const struct zone *zone) ATTR_NONNULL ATTR_RETURNS_NONNULL;
