/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: how far the drain of a target has come. Answers that were given before live on in
 * caches for a while; then the tiers that its endpoints are members of, or stand before, let their
 * sessions end. The prefix sets that the target is about are drained at the same time. */
#pragma once

#include "ctl/request.h"
#include "out/facts.h"

#include <jansson.h>

enum drain_stage {
    DRAIN_STAGE_NONE, /* nothing of the target is drained */
    DRAIN_STAGE_DNS,  /* answers with it may still be about */
    DRAIN_STAGE_TIERS,
    DRAIN_STAGE_ANYCAST, /* prefix sets are not withdrawn yet */
    DRAIN_STAGE_DONE     /* nothing is left */
};

/** One tier that it concerns. */
struct drain_tier {
    const struct tier_view *view;
    uint32_t n_members, n_left; /* that are to drain; that are not done */
    uint32_t n_overdue;         /* whose time is over, while sessions are still there */
    int64_t active;             /* sessions; -1: some are not known */
    bool at_most;
    int64_t left_ms; /* until the time of the last one is over; 0: none waits */
};

/** One prefix set that an order drains. */
struct drain_set {
    const char *name;
    const struct anycast_view *view; /* NULL: there is none yet */
    bool is_left;                    /* announced, or still with its speaker */
    int64_t left_ms;                 /* until it is withdrawn; 0: not known, or withdrawn */
};

struct drain {
    enum drain_stage stage;
    uint32_t n_endpoints, n_drained; /* that the target matches; that an order drains */
    bool *drained;                   /* by endpoint; after these by prefix set */
    int64_t dns_left_ms;
    int64_t wait_ms; /* how long it is worth to wait at most, by the tiers' own times */
    struct drain_tier *tiers;
    uint32_t n_tiers;
    struct drain_set *sets; /* drained */
    uint32_t n_sets, n_matched_sets;
    int64_t sets_drain_ms; /* the longest drain_time of them */
};

/** Looks at a target, or at that of an order's id, "@17". Of facts with orders, on the control
 *  thread. All in `arena`. Returns 0; or E_SYNTAX or E_NOTFOUND with the reason in `error`. */
int drain_look(struct drain *drain, struct arena *arena, const struct facts *facts,
               const char *target, char error[CTL_TEXT_MAX]) ATTR_NONNULL ATTR_MUST_USE;

/** {target stage endpoints drained dns_left_s wait_s tiers[] anycast[]}; the caller owns it. */
json_t *drain_document(const struct drain *drain,
                       const char *target) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
