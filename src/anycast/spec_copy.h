/* SPDX-License-Identifier: Apache-2.0
 * Specifications of several sets of several configurations, copied into one that can be held: for a
 * speaker's line, which may look at what it was told before while a set that leaves is gone. */
#pragma once

#include "anycast/speaker.h"

/** Copies what a driver may look at of each announcement's specification (of its hooks and
 *  conditions there is nothing), and points the announcements to the copies. Held once. */
struct anycast_set *
spec_copy(struct announcement *wanted, uint32_t n,
          const struct anycast_set *like) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
