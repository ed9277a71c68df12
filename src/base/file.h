/* SPDX-License-Identifier: Apache-2.0
 * Whole files: read at once, written so that a reader or a crash sees the old or the new one. */
#pragma once

#include "base/arena.h"

/** Reads a regular file into `arena`, NUL-terminated past the end. Returns 0, E_SYSTEM (errno), or
 *  E_RANGE when it is larger than `max`. */
int file_read(struct slice *out, struct arena *arena, const char *path,
              size_t max) ATTR_NONNULL ATTR_MUST_USE;

/** Writes PATH.tmp, fsyncs it, renames it over PATH and fsyncs the directory: after 0 is returned
 *  the content survives a power cut. Returns 0 or E_SYSTEM. */
int file_replace(const char *path, const void *data, size_t n,
                 unsigned mode) ATTR_NONNULL ATTR_MUST_USE;

/** `path` relative to the directory of the file `base`, unless absolute. */
const char *file_resolve(struct arena *arena, const char *base, const char *path) ATTR_NONNULL;
