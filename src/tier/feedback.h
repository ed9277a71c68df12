/* SPDX-License-Identifier: Apache-2.0
 * From sessions to a share of a weight: load shedding. Pure.
 *
 *   share = clamp(target / EWMA over 30 s of sessions, min, 1), in 16 steps, at most one in 5 s;
 *   unchanged while the average is between low and high of the target.
 *
 * Sessions that cannot be read leave the last share, for 60 s; then it is 1. */
#pragma once

#include "base/attr.h"
#include "model/tier.h"

#include <stdbool.h>

#define FEEDBACK_STEPS 16

struct feedback {
    double average;  /* < 0: nothing seen yet */
    int64_t seen_ms; /* monotonic */
    int64_t stepped_ms;
    uint8_t share; /* 1..FEEDBACK_STEPS; 0 before feedback_init(), which is all of it */
};

void feedback_init(struct feedback *feedback) ATTR_NONNULL;
/** sessions: -1: not readable. Returns whether the share has changed. */
bool feedback_step(struct feedback *feedback, const struct weight_from *from, int64_t sessions,
                   int64_t mono_ms) ATTR_NONNULL;
