/* SPDX-License-Identifier: Apache-2.0
 * model + geo -> everything that is served; reads no file. Runs on a worker thread of the control
 * loop during a reload; needs no health (views are filled afterwards, on the control thread). */
#pragma once

#include "compile/steer.h"
#include "health/credentials.h"
#include "health/state.h"
#include "snapshot/snapshot.h"

#include <stdatomic.h>

/** One generation: owns its model, geo data and steerings. The snapshot is the caller's: it goes to
 *  publish_snapshot(), or to snapshot_free() when it is never published. Its client tables live in
 *  the generation, which therefore outlives it. */
struct generation {
    uint64_t number;
    struct model *model;
    struct geo *geo;
    struct credentials *credentials; /* of the https checks */
    struct arena *arena; /* of the steerings; the client tables in the snapshot live here too */
    struct steerings steerings;
    struct snapshot *snapshot;
    atomic_uint n_holds; /* generation_hold() */
};

/** An empty one, with a snapshot that is empty too. load/load.h fills its model, geo data and
 *  credentials; what is compiled of them it compiles by the functions below. */
struct generation *generation_new(void) ATTR_MUST_USE;

/** Compiles the model's zones, and drops their records. Zones that are as `before` (NULL: none) has
 *  them are taken from there. `lenient`: those that cannot be compiled are broken, and no errors.
 */
int generation_compile_zones(struct generation *generation, const struct generation *before,
                             bool lenient, struct diags *diags) ATTR_MUST_USE;

/** Compiles who is led where, with all that is to say about it, as far as there is memory for it
 *  (steer_compile()). */
int generation_compile_steering(struct generation *generation, struct budget *budget,
                                struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** The last step: pools and the server's part, when nothing was wrong before. */
void generation_compile_rest(struct generation *generation) ATTR_NONNULL;

/** Fills every view from the states (before publishing), or those of the pools that the endpoints
 *  belong to, pools that depend on them included (after publishing, with grace periods). */
void generation_fill_views(struct generation *generation,
                           const struct endpoint_state *states) ATTR_NONNULL;
/** One of them, again where it was filled already. */
void generation_fill_view(struct generation *generation, uint32_t pool,
                          const struct endpoint_state *states) ATTR_NONNULL;
uint32_t generation_refresh_views(struct generation *generation,
                                  const struct endpoint_state *states, const uint32_t *endpoints,
                                  uint32_t n) ATTR_NONNULL;

/** Keeps a generation for one generation_free() more, whatever is in force then: for readers of its
 *  model on other threads. Its snapshot may be gone before it. On the control thread, of the one in
 *  force. */
struct generation *generation_hold(struct generation *generation) ATTR_NONNULL ATTR_MUST_USE;

/** Gives up one hold, generation_new()'s or generation_hold()'s, on any thread; the last frees all
 *  but the snapshot. The former only when no worker can see that any more (publish_barrier()). NULL
 * is allowed. */
void generation_free(struct generation *generation);
