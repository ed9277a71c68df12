/* SPDX-License-Identifier: Apache-2.0
 * From the results of one probe to its health. Pure.
 *
 * - The first result decides at once: a back end that is dead when we start must not be in the
 *   first answer, and one that lives must not wait for `rise` results.
 * - From there on, `fall` failures in a row take it down and `rise` successes in a row bring it up;
 *   any result of the other kind starts the count again.
 * - A `down` of the beginning that fewer than `fall` failures speak for is provisional: the first
 *   success lifts it, so that one lost packet at start does not cost `rise` intervals. */
#pragma once

#include "health/state.h"

struct fsm {
    uint8_t health;   /* enum health */
    bool provisional; /* down, by fewer than `fall` failures since the start */
    uint16_t run;     /* results in a row against `health`; while provisional: those for it */
};

struct fsm_limits {
    uint16_t rise, fall;  /* >= 1 */
    uint32_t interval_ms; /* > 0 */
};

/** Takes one result in. Returns whether the health changed. */
bool fsm_result(struct fsm *fsm, bool ok, const struct fsm_limits *limits) ATTR_NONNULL;

/** Whether the latest result was a failure, or the probe is down. */
bool fsm_failing(const struct fsm *fsm) ATTR_NONNULL ATTR_PURE;

/** Contrary results in a row that would flip it, >= 1. */
uint32_t fsm_needed(const struct fsm *fsm, const struct fsm_limits *limits) ATTR_NONNULL ATTR_PURE;

/** Seconds until it can flip at the soonest: interval x results still needed, rounded down so that
 *  a TTL never outlives it, but at least 1: the smallest TTL that caches at all. */
uint32_t fsm_flip_s(const struct fsm *fsm, const struct fsm_limits *limits) ATTR_NONNULL ATTR_PURE;
