/* SPDX-License-Identifier: Apache-2.0
 * Keeps the records of what was made in tiers (records.h) in the state directory: read once at the
 * beginning, written at most each KEEPER_PAUSE_MS, at the end, and before something is made. A file
 * that cannot be read or written is logged once and tried again; tiers go on without. On a drive's
 * thread. */
#pragma once

#include "drive/drive.h"
#include "tier/records.h"

#define KEEPER_PAUSE_MS 1000

struct keeper;

/** Without a directory yet. */
struct keeper *keeper_open(struct drive *drive) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Keeps them in this directory from now on; NULL: nowhere. The first one is read, and then
 *  `ready` is called, once, now or on the loop, whatever came of it; another is written to. */
void keeper_move(struct keeper *keeper, const char *state_dir, void (*ready)(void *ctx), void *ctx)
    __attribute__((nonnull(1)));

const struct records *keeper_records(const struct keeper *keeper) ATTR_NONNULL;
/** As records_set(). */
bool keeper_set(struct keeper *keeper, const char *tier, const struct ip *addr, uint16_t port,
                bool created) __attribute__((nonnull(1, 2)));

/** Calls `done`, from the loop, when all that is set is on disk, or cannot be: so that what is made
 *  after it is known as ours whatever happens. Returns false, and calls nothing, when it is there
 *  already, or is kept nowhere. */
bool keeper_sync(struct keeper *keeper, void (*done)(void *ctx), void *ctx)
    __attribute__((nonnull(1, 2))) ATTR_MUST_USE;
/** Who asked with that `ctx` is not called any more. */
void keeper_forget(struct keeper *keeper, const void *ctx) ATTR_NONNULL;

/** Writes what is not written, then `done`, on the loop. Nothing is set any more. */
void keeper_close(struct keeper *keeper, void (*done)(void *ctx), void *ctx)
    __attribute__((nonnull(1, 2)));
