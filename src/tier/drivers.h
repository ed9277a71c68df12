/* SPDX-License-Identifier: Apache-2.0
 * Which driver drives which type of tier. */
#pragma once

#include "tier/driver.h"

const struct driver_type *driver_of(enum tier_type type) ATTR_PURE ATTR_RETURNS_NONNULL;
