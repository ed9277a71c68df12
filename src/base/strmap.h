/* SPDX-License-Identifier: Apache-2.0
 * Hash map from byte strings to 32-bit numbers (indices), for building configurations.
 * Keys are borrowed: they must live as long as the map. */
#pragma once

#include "base/attr.h"
#include "base/slice.h"

struct strmap {
    struct strmap_slot *slots;
    uint32_t n, mask;
};

#define STRMAP_NONE UINT32_MAX

void strmap_free(struct strmap *map) ATTR_NONNULL;
/** The value of `key`, or STRMAP_NONE. */
uint32_t strmap_get(const struct strmap *map, struct slice key) ATTR_NONNULL;
/** Adds `key`; if it is there already, changes nothing. Returns the value now stored. */
uint32_t strmap_add(struct strmap *map, struct slice key, uint32_t value) ATTR_NONNULL;
