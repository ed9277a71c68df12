/* SPDX-License-Identifier: Apache-2.0
 * How commands share the slots that `server.exec_concurrency` gives.
 *
 * Probes of one exec check for one pool are a lane. Each lane has slots of its own, dealt out by
 * what it would need if all its commands ran into their timeout, one by one to all that need more.
 * It may take free slots beyond them as long as every other lane can still have all of its own. So
 * scripts that hang hold up nobody but their own lane; and where all needs fit, nobody at all. */
#pragma once

#include "health/plan.h"

/** Makes a plan's lanes and deals `n_slots` out among them. */
void lanes_make(struct plan *plan, const struct model *model, uint32_t n_slots) ATTR_NONNULL;

/** Slots to be kept free for lanes that do not use all of their own. */
uint32_t lanes_reserved(const struct plan *plan, uint32_t n_slots) ATTR_NONNULL ATTR_PURE;

/** Whether a lane may start one command more, when so many slots are free and reserved. */
bool lane_may_start(const struct lane *lane, uint32_t n_free,
                    uint32_t n_reserved) ATTR_NONNULL ATTR_PURE;

/** Warns when the slots cannot keep up with the intervals, should all commands time out. */
void lanes_warn(const struct model *model, struct diags *diags) ATTR_NONNULL;
