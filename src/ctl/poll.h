/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: readers that wait until something has another version than the one they know
 * (long polls). How many wait is bounded: when there are too many, whoever has waited longest is
 * told to look, as if its time were over. */
#pragma once

#include "base/attr.h"

#include <stdint.h>
#include <uv.h>

#define POLLS_MAX 64

struct polls;

/** What is waited for. */
struct poll_source {
    void *ctx;
    /** The version of what `name` names now. */
    uint64_t (*version)(void *ctx, const char *name);
};

struct polls *polls_new(uv_loop_t *loop, const struct poll_source *source)
    ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Calls `look` once when the version is another one than `known`, or after `wait_ms`, or when we
 *  stop: before this returns where that is so already. `name` is copied. */
void polls_ask(struct polls *polls, const char *name, uint64_t known, int64_t wait_ms,
               void (*look)(void *arg), void *arg) __attribute__((nonnull(1, 2, 5)));

/** Versions may have changed. */
void polls_changed(struct polls *polls) ATTR_NONNULL;

/** Tells all who wait, and whoever asks from now on, at once; `done` runs on the loop, and then it
 *  may be freed. */
void polls_stop(struct polls *polls, void (*done)(void *arg), void *arg)
    __attribute__((nonnull(1, 2)));
void polls_free(struct polls *polls) ATTR_NONNULL;
