/* SPDX-License-Identifier: Apache-2.0
 * Making what workers go by, and undoing it. */
#pragma once

#include "l4/bound.h"
#include "l4/listeners.h"
#include "l4/plan.h"
#include "l4/set_table.h"
#include "l4/setup.h"

struct plan_parts {
    struct setup *setup;
    struct listeners *listeners;
    const struct set_table *sets;
    const struct plan *before; /* the last one, still held: tables of sets that are as they were
                                * are shared with it; NULL: there is none */
    struct registry *registry;
    struct bound *bound; /* NULL: none */
    uint32_t n_workers;
    uint64_t version, seed;
    int64_t now_ms; /* monotonic */
    void (*unheld)(void *ctx, struct plan *plan);
    void *ctx;
};

/** For each worker, and for the caller, one hold. Members that are drained are to be left in the
 *  drain time of their service, those that are up again are not. */
struct plan *
plan_build(const struct plan_parts *parts) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Members that are in `before` and no more in `now` are to be left as drained ones are. */
void plan_leave_gone(const struct plan *before, const struct plan *now,
                     int64_t now_ms) ATTR_NONNULL;

/** Of a plan that nobody holds: gives back what it has of the registry, and frees it. On the main
 *  thread. */
void plan_unbuild(struct plan *plan, struct registry *registry) ATTR_NONNULL;

/** The record of a service, with limits, as plan_build() takes it from the registry: one hold. */
struct service_run *plan_service_run(struct registry *registry, const struct l4_service *service)
    ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
