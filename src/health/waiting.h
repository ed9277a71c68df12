/* SPDX-License-Identifier: Apache-2.0
 * Probes that wait for a slot, first in, first out. Links are in the probes: nothing is allocated,
 * and one that is not wanted any more leaves from wherever it stands. */
#pragma once

#include "base/attr.h"

#include <stddef.h>

struct probe;

/** Zeroed: empty. It may not move while it is not empty. */
struct waiting {
    struct probe *first, *last;
};

/** Puts a probe that waits nowhere at the end. */
void waiting_add(struct waiting *waiting, struct probe *probe) ATTR_NONNULL;
/** Puts it before all others. */
void waiting_add_first(struct waiting *waiting, struct probe *probe) ATTR_NONNULL;
/** Takes out one that waits there. */
void waiting_remove(struct waiting *waiting, struct probe *probe) ATTR_NONNULL;
/** Takes the first out; NULL: nobody waits. */
struct probe *waiting_take(struct waiting *waiting) ATTR_NONNULL;
