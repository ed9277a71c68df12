/* SPDX-License-Identifier: Apache-2.0
 * The tiers of a configuration as plain values that know no model, for the thread that drives them:
 * made on the loading thread, immutable, held by whoever reads it. */
#pragma once

#include "health/state.h"

#include <stdatomic.h>

/** One member of one tier. Texts live as long as the set. */
struct tier_member {
    struct ip addr;
    uint16_t port;
    uint32_t slot;    /* of tier_set.endpoints */
    const char *key;  /* POOL/SITE/LABEL */
    const char *site; /* its name */
    const char *label;
    const char *name; /* SITE-LABEL for the tier: what is not a letter, digit, '-', '_' or '.' is
                         '_'; unique within the tier, at most 60 bytes */
    struct tier_path path; /* TIER_IPVS */
};

struct tier_spec {
    const struct tier *config;      /* a copy: its indices are the model's, and mean nothing here */
    const char *name, *pool, *site; /* site: "" for all */
    uint32_t weight_max;            /* the pool's largest configured weight; >= 1 */
    bool serve_all;                 /* the pool's on_all_down */
    double min_up;
    const struct tier_member *members; /* at least one; by endpoint */
    uint32_t n_members;
    const uint32_t *fronts; /* slots of endpoints that lead clients to this tier */
    uint32_t n_fronts;
};

/** One pool whose weights follow a tier. */
struct tier_follower {
    struct weight_from from; /* from.tier: index into tiers */
    const uint32_t *slots;   /* the pool's endpoints that are members of the tier, or its fronts */
    const char *const *keys; /* of each: POOL/SITE/LABEL */
    const bool *is_front;    /* of each: the sessions of all members count */
    uint32_t n;
};

struct tier_set {
    atomic_uint n_holds;
    struct arena *arena;
    const char *node;      /* "" : not known at load; what the daemon gives to tiers_start() */
    const char *state_dir; /* NULL: none */
    const struct tier_spec *tiers;
    uint32_t n_tiers;
    const uint32_t *endpoints; /* slot -> the model's index, ascending; members and fronts */
    uint32_t n_endpoints;
    const struct tier_follower *followers;
    uint32_t n_followers;
};

/** Held once. NULL when the model has no tiers. */
struct tier_set *tier_set_new(const struct model *model) ATTR_NONNULL ATTR_MUST_USE;
struct tier_set *tier_set_hold(struct tier_set *set) ATTR_NONNULL ATTR_RETURNS_NONNULL;
void tier_set_release(struct tier_set *set);

/** The slot of an endpoint of the model, or MODEL_NONE. */
uint32_t tier_set_slot(const struct tier_set *set, uint32_t endpoint) ATTR_NONNULL ATTR_PURE;

#define TIER_SHARE_FULL 256

/** What is known of one endpoint, as tiers need it; by slot. */
struct member_state {
    uint8_t health;   /* enum health */
    uint8_t override; /* enum override */
    uint16_t share;   /* 1..TIER_SHARE_FULL: 256ths of its weight, for slow start and load */
    bool remembered;  /* unknown, but a fresh saved state says assumed_up */
    bool assumed_up;
    bool stale, frozen;
    bool by_wide_order;  /* the order that decides is not on the members' pool itself, but on a site
                            or on all pools: its drain is staged */
    bool weight_ordered; /* `weight` is by order */
    uint32_t weight;     /* configured or ordered, without share */
    uint32_t
        dns_wait_s; /* how long an answer with it may live after it has left; 0: no name uses it
                     */
    int64_t override_since_ms; /* wall clock */
    int64_t since_ms;          /* of health */
    char reason[REASON_MAX];
};
