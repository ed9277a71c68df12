/* SPDX-License-Identifier: Apache-2.0
 * Memory that several threads write to, on cache lines of its own. */
#pragma once

#include <stdlib.h>
#include <string.h>

/** Zeroed; n is a multiple of 64. Aborts when memory is out; freed by free(). */
static inline void *lines_new(size_t n)
{
    void *p = aligned_alloc(64, n);
    if (!p)
        abort();
    return memset(p, 0, n);
}
