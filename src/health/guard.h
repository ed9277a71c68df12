/* SPDX-License-Identifier: Apache-2.0
 * Panic guard: tells the fall of the world from a fault of the checker. Pure counting; the checker
 * freezes and thaws the states.
 *
 * An endpoint counts as falling while it is failing (a check of it is down, or its latest result
 * was a failure) and was up, as published, within the window: either it still is, or it went down
 * less than one window ago. One that has long been down does not count, nor one that was never up.
 * The window is the time within which the probes of at least `share` of the checked endpoints have
 * had their turn, timeout included: staggered probes need that long to see one common cause, and a
 * few slow checks do not stretch it.
 *
 * Panic begins when an endpoint is about to fall and the falling ones then are at least `share` of
 * the checked endpoints, and at least `endpoints` in at least `sites`. Because failing ones count
 * before their `fall`th failure, the guard as a rule acts before the first of them is published.
 * Panic ends when the condition has not held for one whole window (so that endpoints which recover
 * one after the other are not published as down in between), or at once when nothing is failing. */
#pragma once

#include "health/state.h"

struct guard_limits {
    double share;
    uint32_t endpoints, sites;
    uint32_t window_ms;
};

/** A fall that was published within the window, as long as it stands. */
struct guard_fall {
    uint32_t endpoint;
    int64_t at_ms;
};

struct guard {
    struct guard_limits limits;
    const uint32_t *site_of;          /* per endpoint */
    struct guard_endpoint *endpoints; /* per endpoint */
    uint32_t *site_counts;            /* per site: endpoints that count */
    uint32_t n_checked, n_counted, n_sites_counted;
    struct guard_fall *falls; /* ring, oldest first */
    uint32_t n_endpoints, fall_first, n_falls;
    bool panic;
    int64_t calm_since_ms; /* while in panic: since when the condition does not hold; else 0 */
};

/** What the guard knows of an endpoint. */
struct guard_endpoint {
    int64_t fell_ms; /* when its fall was published; 0: it was not, or was longer ago */
    bool failing, published_down, counted;
};

/** Starts counting for `n_endpoints`, none failing. Memory comes from `arena`; `site_of` is
 *  borrowed. */
void guard_init(struct guard *guard, struct arena *arena, const struct guard_limits *limits,
                const uint32_t *site_of, uint32_t n_endpoints, uint32_t n_sites,
                uint32_t n_checked) ATTR_NONNULL;

/** Tells how an endpoint stands now. */
void guard_note(struct guard *guard, uint32_t endpoint, bool failing,
                bool published_down) ATTR_NONNULL;

/** Tells that the fall of an endpoint is being published at `now_ms` (monotonic). */
void guard_fell(struct guard *guard, uint32_t endpoint, int64_t now_ms) ATTR_NONNULL;

/** Whether the condition holds at `now_ms`. */
bool guard_alarmed(struct guard *guard, int64_t now_ms) ATTR_NONNULL;

/** Enters panic. */
void guard_enter(struct guard *guard) ATTR_NONNULL;

/** The next endpoint whose fall was published within the window, to be taken back; MODEL_NONE when
 *  there are no more. */
uint32_t guard_take_fall(struct guard *guard) ATTR_NONNULL;

/** While in panic: whether it may end. */
bool guard_calm(struct guard *guard, int64_t now_ms) ATTR_NONNULL;
void guard_leave(struct guard *guard) ATTR_NONNULL;
