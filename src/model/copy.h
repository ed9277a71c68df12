/* SPDX-License-Identifier: Apache-2.0
 * Copies of what a model has, for what outlives it. */
#pragma once

#include "base/arena.h"
#include "base/diag.h"

/** NULL stays NULL. */
const char *copy_text(struct arena *arena, const char *text) __attribute__((nonnull(1)));
/** The text of a span that has been copied itself. */
void copy_span(struct arena *arena, struct span *span) ATTR_NONNULL;
/** argv, which ends with NULL. NULL stays NULL. */
const char *const *copy_argv(struct arena *arena, const char *const *argv)
    __attribute__((nonnull(1)));
/** n things of `size` bytes each; NULL: there are none. */
const void *copy_array(struct arena *arena, const void *v, size_t n, size_t size)
    __attribute__((nonnull(1)));
