/* SPDX-License-Identifier: Apache-2.0
 * The immutable, compiled form of the zones that workers read: an index over full names, parts
 * with nodes of pre-rendered RR blocks, and the slots of the pools.
 *
 * Layout: see index.h (lookups), part.h (where nodes lie) and node.h (what a name holds). */
#pragma once

#include "base/slice.h"
#include "snapshot/index.h"
#include "snapshot/limits.h"
#include "snapshot/view.h"

struct snapshot {
    struct index index;
    struct part **parts;    /* n_parts, one for each kin of zones, then that of the names above */
    uint32_t *part_of_zone; /* by the model's zones */
    uint32_t n_parts;
    uint32_t n_read,
        n_kept; /* zones that were compiled for it, and those of the generation before */
    uint64_t generation;
    struct pool_slot *pools; /* n_pools; the views in them change, nothing else does */
    uint32_t n_pools;
    bool ecs;              /* answer EDNS client subnet at all */
    struct limits limits;  /* zeroed: none, and no cookies */
    struct slice identity; /* NSID and id.server; empty: not configured */
    struct slice version;  /* version.bind; empty: not configured */
    struct arena *arena;   /* owns everything but index and parts, this struct included */
};

/** A zeroed snapshot in an arena of its own, for a compiler to fill. */
struct snapshot *snapshot_new(void) ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Frees a snapshot that no thread can see any more, the views in its slots included. */
void snapshot_free(struct snapshot *snapshot);
