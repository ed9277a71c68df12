/* SPDX-License-Identifier: Apache-2.0
 * Connections of clients that a process we have taken over from still has: they count for
 * `per_source` here as if they were ours, until it says that they have ended, or ends itself. */
#pragma once

#include "base/vec.h"
#include "l4/bequest.h"

#include <jansson.h>

struct counted_source {
    struct service_run *run;
    uint64_t client;
    uint32_t open;
};

struct counted {
    VEC(struct counted_source) sources; /* ascending by run and client */
    VEC(struct service_run *) runs;     /* that have some; held */
};

/** Before there are workers: tokens and connections of all clients in *file, for the services of
 *  the configuration, become those of the registry's limits. Those of UDP are none here: their
 *  flows begin anew. *all is of whoever had them together. */
void counted_adopt(struct counted *all, const struct bequest *file, const struct l4_config *config,
                   struct registry *registry, int64_t now_ms) ATTR_NONNULL;
/** Of these, those that process `holder` has: they are in *part from now on. */
void counted_split(struct counted *part, struct counted *all, const struct bequest *file,
                   struct registry *registry, uint32_t holder) ATTR_NONNULL;
/** What remains_look() said of it. */
void counted_follow(struct counted *counted, const json_t *fewer) __attribute__((nonnull(1)));
/** All have ended. */
void counted_end(struct counted *counted) ATTR_NONNULL;
/** Lets go of the services; what counts goes on counting. */
void counted_free(struct counted *counted, struct registry *registry) ATTR_NONNULL;
