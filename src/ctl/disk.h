/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: whether the configuration on disk is the one that runs. Files are looked at on a
 * thread of libuv's pool, as a disk may be slow or gone; what changed is read once, not again while
 * it stays as it is. */
#pragma once

#include "control/token.h"
#include "ctl/host.h"

struct disk;

struct disk *disk_new(uv_loop_t *loop,
                      const struct ctl_host *host) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Calls `then` once the files have been looked at by a look that began not more than `max_age_ms`
 *  ago, or DISK_WAIT_MS later: at once where there has been such a look, or the one that runs has
 *  taken longer than that, as on a disk that is gone. One asker at a time. */
void disk_ask(struct disk *disk, int64_t max_age_ms, void (*then)(void *arg), void *arg)
    __attribute__((nonnull(1, 3)));
#define DISK_WAIT_MS 3000

/** Adds what the last look that ended has found, if it was for the generation of the facts. */
void disk_set(const struct disk *disk, struct facts *facts) ATTR_NONNULL;

/** The token in force, for looks that begin from now on: its file is compared with it. */
void disk_watch_token(struct disk *disk, const struct token *token) ATTR_NONNULL;

/** Drops who asks, waits for the look that runs, and frees it. `done` runs on the loop. */
void disk_stop(struct disk *disk, void (*done)(void *arg), void *arg);
