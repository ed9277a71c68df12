/* SPDX-License-Identifier: Apache-2.0
 * Growable array on the heap. */
#include "base/vec.h"

void *vec_grow(void *v, size_t *cap, size_t need, size_t elem_size)
{
    size_t grown = *cap ? *cap * 2 : 8, bytes;
    if (grown < need)
        grown = need;
    if (__builtin_mul_overflow(grown, elem_size, &bytes))
        bytes = SIZE_MAX; /* which no allocator has: aborts with a message */
    *cap = grown;
    return xrealloc(v, bytes);
}

void *vec_move_to_arena(struct arena *arena, void **v, size_t bytes)
{
    void *copy = arena_alloc(arena, bytes);
    if (bytes)
        memcpy(copy, *v, bytes);
    free(*v);
    *v = NULL;
    return copy;
}
