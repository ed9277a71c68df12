/* SPDX-License-Identifier: Apache-2.0
 * Growable array on the heap, for building: `VEC(struct site) sites = {0}; *vec_push(&sites) = x;`
 * Elements move when it grows: keep indices, not pointers. Freed by vec_free(), or copied into an
 * arena by vec_to_arena() when its length is final. */
#pragma once

#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>

#define VEC(type)      \
    struct {           \
        type *v;       \
        size_t n, cap; \
    }

void *vec_grow(void *v, size_t *cap, size_t need, size_t elem_size) ATTR_MUST_USE;

/** Adds one zeroed element and yields its address. */
#define vec_push(vec)                                                                            \
    ((vec)->n == (vec)->cap                                                                      \
         ? ((vec)->v = vec_grow((vec)->v, &(vec)->cap, (vec)->n + 1, sizeof *(vec)->v), (void)0) \
         : (void)0,                                                                              \
     memset(&(vec)->v[(vec)->n], 0, sizeof *(vec)->v), &(vec)->v[(vec)->n++])

#define vec_free(vec) (free((vec)->v), (vec)->v = NULL, (vec)->n = (vec)->cap = 0)

/** Copies the elements into `arena` and frees the vector; yields the copy. */
#define vec_to_arena(vec, arena) \
    vec_move_to_arena((arena), (void **)&(vec)->v, (vec)->n * sizeof *(vec)->v)
void *vec_move_to_arena(struct arena *arena, void **v, size_t bytes) ATTR_NONNULL ATTR_MUST_USE;
