/* SPDX-License-Identifier: Apache-2.0
 * A tier as others may look at it, on any thread: an immutable copy, held. Made by the engine when
 * something has changed. */
#pragma once

#include "tier/driver.h"

enum tier_state {
    TIER_OK,       /* as wanted, by the latest look */
    TIER_APPLYING, /* being changed, or waiting for results */
    TIER_STALE,    /* it could be read before, and cannot now; or does not take what it is told */
    TIER_UNREACHABLE, /* it was never read */
    TIER_REFUSED      /* it must not be written: not ours, not adopted */
};
const char *tier_state_text(enum tier_state state); /* "ok" "applying" "stale" ... */

#define TIER_APPLY_BOUNDS 12
extern const double tier_apply_bound_s[TIER_APPLY_BOUNDS];

struct tier_view {
    atomic_uint n_holds;
    struct arena *arena;  /* all of it, itself included */
    uint64_t version;     /* counts the views of all tiers: rises */
    struct tier_set *set; /* held: spec and its texts */
    const struct tier_spec *spec;
    enum tier_state state;
    bool held;                                            /* waits for results */
    int64_t last_change_ms, last_sync_ms, error_since_ms; /* wall clock; 0: never */
    char error[256], note[256];                           /* "" */
    const struct tier_row *rows;
    uint32_t n_rows;
    const char *const *diff; /* what would be done now, a line each */
    uint32_t n_diff;
    bool all_down;
    int64_t dns_until_ms;
    uint64_t n_drift; /* members that were found changed by somebody else */
    uint64_t n_met;   /* failures of members that its clients met, of those that are handed on */
    uint64_t n_errors[TIER_ERRORS];
    uint64_t n_apply[TIER_APPLY_BOUNDS + 1]; /* durations from a change to its read-back; the last:
                                                above all bounds */
    double sum_apply_s;
    struct client_rtts *clients; /* held; NULL: nothing was measured */
    const char *published;       /* driver_host.publish(); NULL: nothing */
    size_t n_published;
    uint64_t published_version;
};

struct tier_view *tier_view_hold(struct tier_view *view) ATTR_NONNULL ATTR_RETURNS_NONNULL;
void tier_view_release(struct tier_view *view);
