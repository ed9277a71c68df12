/* SPDX-License-Identifier: Apache-2.0
 * A file that others follow, written whole and by rename, read back, kept and put back: each of
 * these on a thread that the file has for itself, so that a dead disk or network mount holds up
 * nobody else. After FILE_BUDGET_MS the caller is told ETIMEDOUT, and until the work has come back
 * everything else for this file fails at once with EBUSY.
 *
 * The directory is opened once, links resolved, and all of it happens in there: a link that is put
 * in its place later leads nowhere. Only a directory that was removed is looked for again, where it
 * was and through no link. What is written or removed has to be a regular file: a link is refused
 * (ELOOP), as are a directory (EISDIR) and anything else (EINVAL). */
#pragma once

#include "base/slice.h"
#include "drive/drive.h"

#define FILE_BUDGET_MS 5000
#define FILE_CONTENT_MAX (16u << 20)

struct followed_file;

/** Opens PATH's directory, now: at load, or at the start of what uses it. NULL with errno. Used on
 *  `drive`'s thread from then on. */
struct followed_file *followed_open(struct drive *drive,
                                    const char *path) ATTR_NONNULL ATTR_MUST_USE;
const char *followed_path(const struct followed_file *file) ATTR_NONNULL;

/** Content is borrowed during the call; NUL-terminated past the end. error: errno; ENOENT: there is
 *  none; EFBIG: more than FILE_CONTENT_MAX; ECANCELED: by drive_stop(). */
typedef void followed_read_fn(void *ctx, int error, struct slice content);
typedef void followed_done_fn(void *ctx, int error);

/* One at a time for a file. `suffix` is "" for the file itself, ".good" for what is kept beside it.
 * `done` runs on the loop, not before these return. */

void followed_read(struct followed_file *file, const char *suffix, followed_read_fn *done,
                   void *ctx) __attribute__((nonnull(1, 2, 3)));
/** As file_replace(): the content survives a power cut, readers see the old or the new one. Mode
 *  0644, and the group of the directory where it is setgid. Copies the content. After ETIMEDOUT the
 * file is as it was, unless it is the rename itself that does not come back. */
void followed_write(struct followed_file *file, const char *suffix, struct slice content,
                    followed_done_fn *done, void *ctx) __attribute__((nonnull(1, 2, 4)));
void followed_remove(struct followed_file *file, const char *suffix, followed_done_fn *done,
                     void *ctx) __attribute__((nonnull(1, 2, 3)));

/** `done` of what is on its way is not called any more. */
void followed_close(struct followed_file *file) ATTR_NONNULL;

#define WRITTEN_TEXT_MAX 512

/** Why, in a line that says what to do: "cannot write /etc/nginx/web.conf.good: Read-only file
 *  system: under systemd, ..." */
const char *written_text(char out[WRITTEN_TEXT_MAX], const char *what, const char *path,
                         const char *suffix, int error) ATTR_NONNULL;
