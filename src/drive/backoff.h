/* SPDX-License-Identifier: Apache-2.0
 * When to try again: doubling from a first to a last wait, with a part of each drawn, so that many
 * that failed together do not come back together. Pure but for the draw. */
#pragma once

#include "base/attr.h"

#include <stdint.h>

struct backoff {
    uint32_t first_ms, last_ms;
    uint32_t n_failed; /* in a row */
    uint64_t draw;     /* state of the draws; any seed */
};

/** It failed: how long to wait, from three quarters of the doubled wait to all of it. */
uint32_t backoff_failed(struct backoff *backoff) ATTR_NONNULL;
static inline void backoff_succeeded(struct backoff *backoff)
{
    backoff->n_failed = 0;
}
