/* SPDX-License-Identifier: Apache-2.0
 * Quantiles of durations in bounded memory: counts by logarithm, so that a quantile is known to
 * within 1/16 of it. Old ones fade: counts are halved when the newest 4,096 have come. Writers are
 * many and do not wait (relaxed atomics); a reader may see a value counted and not yet summed up.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define QUANTILES_SUB 8     /* buckets to a power of two */
#define QUANTILES_POWERS 24 /* 1 us .. 16 s */

struct quantiles {
    _Atomic uint64_t n, sum_us; /* of all that came, also the faded */
    _Atomic uint32_t counts[QUANTILES_SUB * QUANTILES_POWERS];
};

void quantiles_add(struct quantiles *q, uint32_t us);
/** The duration that `share` (0.0..1.0) of all are at most, microseconds; 0: there are none. */
uint32_t quantiles_at(const struct quantiles *q, double share);
