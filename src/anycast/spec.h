/* SPDX-License-Identifier: Apache-2.0
 * Anycast of a configuration as plain values that know no model, for the thread that drives it:
 * made on the loading thread, immutable, held by whoever reads it. */
#pragma once

#include "anycast/announcer.h"
#include "model/model.h"

#include <stdatomic.h>

/** What of a set has to hold. */
struct anycast_condition {
    const char *name;              /* "pool www/ams", "check uplink 198.51.100.1" */
    bool is_full;                  /* of `full`; else of `when` */
    uint32_t pool, site, endpoint; /* the model's: for the control thread alone. `endpoint` is
                                      MODEL_NONE for a pool */
    double min_up;
};

struct anycast_spec {
    const struct prefix_set *config; /* a copy; its indices mean nothing here */
    const char *name;
    const char *site;                  /* "": none */
    const char *ifname;                /* of the TUN; NULL: it has none */
    const struct ip_prefix *addresses; /* held: on the TUN, or on config->interface. Each is /32 or
                                          /128; none: nothing but a carrier */
    uint32_t n_addresses;
    uint32_t speaker;                           /* index into anycast_set.speakers */
    const struct anycast_condition *conditions; /* of `when`, then of `full`: pools, then checks */
    uint32_t n_conditions;
    struct announcer_config timing;
};

struct anycast_set {
    atomic_uint n_holds;
    struct arena *arena;
    const char *node;      /* "": not known at load */
    const char *state_dir; /* NULL: none */
    const struct anycast_spec *sets;
    uint32_t n_sets;
    const struct speaker *speakers; /* copies */
    uint32_t n_speakers;
};

/** Held once. NULL when the model has no prefix sets. */
struct anycast_set *anycast_set_new(const struct model *model) ATTR_NONNULL ATTR_MUST_USE;
struct anycast_set *anycast_set_hold(struct anycast_set *set) ATTR_NONNULL ATTR_RETURNS_NONNULL;
void anycast_set_release(struct anycast_set *set);
