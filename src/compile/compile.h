/* SPDX-License-Identifier: Apache-2.0
 * model + geo -> everything that is served. Runs on a worker thread of the control loop during a
 * reload; needs no health (views are filled afterwards, on the control thread). */
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

/** Whose judgement a load is. All three refuse the same things of the same files and host, but for
 *  what load_options says. */
enum load_purpose {
    LOAD_START,  /* nothing is served yet */
    LOAD_RELOAD, /* `before` is in force and goes on when this is refused */
    LOAD_CHECK,  /* --check: a reload's judgement, without putting anything in force */
};

struct load_options {
    const struct generation *before; /* in force; NULL: none */
    enum load_purpose purpose;
    /** What is checked of the host besides: with the model, on the loading thread. NULL: nothing.
     *  Returns 0, or a code with the reasons in `diags`. */
    int (*check_host)(const struct model *model, const struct load_options *options,
                      struct diags *diags);
    bool force; /* a reload: also what is refused only for its size or for what would vanish */
};

/** Reads, validates, compiles. What has not changed since options->before is taken from there: its
 *  zones are neither read nor compiled. Returns 0 with *out filled, or a negative code with all
 *  errors in `diags`. On a thread of its own during a reload: touches nothing that is in force. */
int generation_load(struct generation **out, const char *path, const struct load_options *options,
                    struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Fills every view from the states (before publishing), or those of the pools that the endpoints
 *  belong to, pools that depend on them included (after publishing, with grace periods). */
void generation_fill_views(struct generation *generation,
                           const struct endpoint_state *states) ATTR_NONNULL;
uint32_t generation_refresh_views(struct generation *generation,
                                  const struct endpoint_state *states, const uint32_t *endpoints,
                                  uint32_t n) ATTR_NONNULL;

/** Keeps a generation for one generation_free() more, whatever is in force then: for readers of its
 *  model on other threads. Its snapshot may be gone before it. On the control thread, of the one in
 *  force. */
struct generation *generation_hold(struct generation *generation) ATTR_NONNULL ATTR_MUST_USE;

/** Gives up one hold, generation_load()'s or generation_hold()'s, on any thread; the last frees all
 *  but the snapshot. The former only when no worker can see that any more (publish_barrier()). NULL
 * is allowed. */
void generation_free(struct generation *generation);
