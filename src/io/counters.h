/* SPDX-License-Identifier: Apache-2.0
 * Counters that one thread writes and another reads.
 *
 * The owner counts in 64-bit words of its own cache lines by relaxed stores (base/count.h): no
 * locked operation, no copy, not even once a batch (copying all of it to a shared place was a
 * quarter of the transport's instructions). The reader loads each word whole and never writes.
 * Words may be a batch apart from each other, and late by what the owner has in its store buffer:
 * good enough for rates, and no one decides by them. */
#pragma once

#include "base/attr.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/** Adds the n 64-bit counters at `from`, another thread's, to those at `sum`. */
void counters_add(uint64_t *sum, const uint64_t *from, size_t n) ATTR_NONNULL;

/** Likewise for a struct that consists of such counters only. */
#define COUNTERS_ADD(sum, from)                                                                 \
    do {                                                                                        \
        static_assert(sizeof *(sum) % sizeof(uint64_t) == 0 && sizeof *(sum) == sizeof *(from), \
                      "all 64-bit counters");                                                   \
        counters_add((uint64_t *)(sum), (const uint64_t *)(from),                               \
                     sizeof *(sum) / sizeof(uint64_t));                                         \
    } while (0)
