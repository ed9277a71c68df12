/* SPDX-License-Identifier: Apache-2.0
 * Numbers below a bound that wait for work, each at most once, first in, first out: what was done
 * may become due again while the rest is still waiting. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

struct worklist {
    uint32_t *ring;
    bool *waits; /* per number */
    uint32_t size, first, n;
};

#define WORKLIST_NONE UINT32_MAX

/** For numbers below `size`; all of them wait, in order, or none. For worklist_free(). */
void worklist_init(struct worklist *list, uint32_t size, bool all) ATTR_NONNULL;
void worklist_free(struct worklist *list) ATTR_NONNULL;

/** Lets a number wait, unless it does. */
void worklist_add(struct worklist *list, uint32_t number) ATTR_NONNULL;
/** Takes the first out; WORKLIST_NONE: nothing waits. */
uint32_t worklist_take(struct worklist *list) ATTR_NONNULL;
