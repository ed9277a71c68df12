/* SPDX-License-Identifier: Apache-2.0
 * Counting in words that another thread reads while they change.
 *
 * One thread owns each counter; the store is atomic so that readers never see half of it, and
 * relaxed: it costs what a plain one does. */
#pragma once

#include <stdint.h>

/** Adds to a counter of the calling thread's own. */
static inline void count_add(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/** What another thread's counter is now. */
static inline uint64_t count_read(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/** Sets one that goes down, too. */
static inline void count_set(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, n, __ATOMIC_RELAXED);
}
