/* SPDX-License-Identifier: Apache-2.0
 * The classes of one steering while it is built: distinct ordered lists of sites, each with a small
 * number, found again by hash. */
#pragma once

#include "model/model.h"

struct classes {
    struct arena *arena; /* lists live here */
    struct u32_list *v;  /* on the heap; classes_copy() keeps it */
    uint32_t n, cap;
    uint32_t *slots; /* open addressing; class + 1, 0 is free */
    uint32_t mask;
};

void classes_init(struct classes *classes, struct arena *arena) ATTR_NONNULL;
void classes_free(struct classes *classes) ATTR_NONNULL;

/** The class of this list; a new one if it was not seen before. */
uint32_t classes_intern(struct classes *classes, const uint32_t *sites, uint32_t n) ATTR_NONNULL;

/** Copies the table of lists into the arena, for a steering to keep. */
const struct u32_list *classes_copy(const struct classes *classes) ATTR_NONNULL;
