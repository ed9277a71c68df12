/* SPDX-License-Identifier: Apache-2.0
 * Region allocator: many small allocations, freed at once.
 *
 * A configuration, a snapshot, a verdict owns one arena and everything in it. Building either
 * succeeds and publishes the arena, or fails and drops it: there is no partial clean-up code.
 * Allocation never returns NULL; running out of memory aborts with a message. Not thread-safe:
 * one arena has one owner at a time. */
#pragma once

#include "base/attr.h"
#include "base/slice.h"

#include <stdarg.h>
#include <stddef.h>

struct arena;

/** Makes an empty arena. The caller frees it with arena_free(). */
struct arena *arena_new(void) ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Frees the arena and everything allocated from it. NULL is allowed. */
void arena_free(struct arena *arena);

/** Returns `n` bytes, uninitialised, aligned to 16. n may be 0. */
void *arena_alloc(struct arena *arena, size_t n) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** As arena_alloc(), for `count` zeroed elements of `size` bytes; aborts on overflow. */
void *arena_calloc(struct arena *arena, size_t count,
                   size_t size) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Copies `n` bytes, aligned to 1: densely packed, for names and rdata. */
void *arena_copy(struct arena *arena, const void *p, size_t n) ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Copies `n` bytes of text and adds a NUL. */
char *arena_strndup(struct arena *arena, const char *text,
                    size_t n) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
char *arena_strdup(struct arena *arena,
                   const char *text) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;

char *arena_printf(struct arena *arena, const char *fmt, ...) ATTR_NONNULL
    ATTR_PRINTF(2, 3) ATTR_RETURNS_NONNULL ATTR_MUST_USE;
char *arena_vprintf(struct arena *arena, const char *fmt, va_list args)
    ATTR_PRINTF(2, 0) ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Moves all that was allocated from `from` into `to`, and frees `from`. */
void arena_adopt(struct arena *to, struct arena *from) ATTR_NONNULL;

/** Bytes obtained from the system, for memory figures. */
size_t arena_size(const struct arena *arena) ATTR_NONNULL;

/* malloc family for what outlives or has no arena; they abort when memory is out. */
void *xmalloc(size_t n) ATTR_RETURNS_NONNULL ATTR_MUST_USE;
void *xcalloc(size_t count, size_t size) ATTR_RETURNS_NONNULL ATTR_MUST_USE;
void *xrealloc(void *p, size_t n) ATTR_RETURNS_NONNULL ATTR_MUST_USE;
char *xstrdup(const char *text) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
