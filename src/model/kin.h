/* SPDX-License-Identifier: Apache-2.0
 * Kin: zones that lie inside each other, which are compiled together.
 *
 * What is served of a zone depends on the zones below it and above it (a name belongs to the
 * deepest; DS at an apex to the zone above) and on no other. A kin is a zone that no other
 * contains, with all that it contains. */
#pragma once

#include "base/attr.h"
#include "model/model.h"

struct kin {
    uint32_t *of_zone; /* by zone: its kin; numbered in the order of their first zones */
    uint32_t *top;     /* by kin: the zone that contains the others */
    uint32_t n;
};

/** Finds them; `zones` may be NULL when there are none. Zones without an origin (that could not be
 * read) are kin of their own. */
void kin_find(struct kin *kin, const struct zone *zones, uint32_t n);
void kin_free(struct kin *kin) ATTR_NONNULL;
