/* SPDX-License-Identifier: Apache-2.0
 * Whole files: read at once, written so that a reader or a crash sees the old or the new one. */
#pragma once

#include "base/arena.h"

/** Reads a regular file into `arena`, NUL-terminated past the end. Returns 0, E_SYSTEM (errno), or
 *  E_RANGE when it is larger than `max`. */
int file_read(struct slice *out, struct arena *arena, const char *path,
              size_t max) ATTR_NONNULL ATTR_MUST_USE;

/** As file_read(), for a file that only we write: a link in its place is not followed (ELOOP). */
int file_read_own(struct slice *out, struct arena *arena, const char *path,
                  size_t max) ATTR_NONNULL ATTR_MUST_USE;

/** As file_read_own(), of a name in the directory that is open as `dir`. */
int file_read_at(struct slice *out, struct arena *arena, int dir, const char *name,
                 size_t max) ATTR_NONNULL ATTR_MUST_USE;

/** Why file_read_own() failed, in words: of its code, errno, and `max` as text. Lives until the
 *  thread's next call. */
const char *file_error(int code, const char *max) ATTR_NONNULL;

/** Writes PATH.tmp, fsyncs it, renames it over PATH and fsyncs the directory: after 0 is returned
 *  the content survives a power cut. Neither PATH nor PATH.tmp is ever opened or followed: links,
 *  FIFOs and devices in their places are replaced. All of it happens in the directory that PATH
 *  named at the beginning. Returns 0, or E_SYSTEM (errno): PATH is then as it was, unless all that
 *  failed was to make the new one durable. */
int file_replace(const char *path, const void *data, size_t n,
                 unsigned mode) ATTR_NONNULL ATTR_MUST_USE;

/** As file_replace(), of a name in the directory that is open as `dir`. Once the content is on the
 *  disk `go_on` is asked, unless it is NULL: false gives it up, with ECANCELED. */
int file_replace_at(int dir, const char *name, struct slice data, unsigned mode,
                    bool (*go_on)(void *ctx), void *ctx) __attribute__((nonnull(2))) ATTR_MUST_USE;

/** Renames PATH to the first of PATH.SUFFIX, PATH.SUFFIX.2, .. that does not exist: what was put
 *  aside before stays. Returns 0 with *aside the new path, for free(), or E_SYSTEM (errno). */
int file_put_aside(char **aside, const char *path, const char *suffix) ATTR_NONNULL ATTR_MUST_USE;

/** `path` relative to the directory of the file `base`, unless absolute. */
const char *file_resolve(struct arena *arena, const char *base, const char *path) ATTR_NONNULL;
