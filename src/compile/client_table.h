/* SPDX-License-Identifier: Apache-2.0
 * The client tables of steerings that see the same of a place: all of `nearest`, all of maps
 * without networks, all of one map with networks.
 *
 * A table by itself is compiled for look-ups (lpm_compile()), and takes megabytes. Where that sums
 * up to much, the steerings of a group share its partition (lpm_share.h): a look-up then takes a
 * few steps more, and a table some 30 kB with the country database. */
#pragma once

#include "compile/steer.h"

/** A steering that is being compiled. */
struct steer_plan {
    struct steering s;
    uint32_t pool;   /* the first that has it */
    uint32_t group;  /* by which tables share a partition; MODEL_NONE: it has no table */
    bool overflowed; /* more classes than are numbered */
};

/** Steerings of one group: of plans[0 .. n) those whose group it is. */
struct client_group {
    const struct geo *geo;
    uint32_t group;
    uint32_t n_tables;
    bool share;
};

/** About what the tables of a group take together, by themselves or over a shared partition. */
uint64_t client_group_bytes(const struct client_group *group, bool share) ATTR_NONNULL ATTR_PURE;

/** Compiles them into `arena`. */
void client_group_compile(const struct client_group *group, struct steer_plan *plans, uint32_t n,
                          struct arena *arena, const struct model *model) ATTR_NONNULL;
