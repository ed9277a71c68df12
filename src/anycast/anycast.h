/* SPDX-License-Identifier: Apache-2.0
 * All prefix sets: the control thread's side. A consumer of the checker, which works out what of
 * each set's conditions holds and gives it to the thread that announces; views come back. No
 * speaker, however dead, is waited for. */
#pragma once

#include "anycast/view.h"
#include "health/checker.h"
#include "health/level.h"

struct anycast;

struct anycast_host {
    void *ctx;
    /** As levels_now(). */
    const struct level_table *(*levels)(void *ctx);
    /** On the loop, at most each 50 ms: views have changed. */
    void (*changed)(void *ctx);
    /** A set has gone from one state to another, or what its speaker really has has: for the event
     *  log. On the loop. */
    void (*moved)(void *ctx, const struct anycast_view *before, const struct anycast_view *after);
    /** Of a speaker: whether it is up, or why not. On the loop. */
    void (*speaker_moved)(void *ctx, const struct speaker_view *before,
                          const struct speaker_view *after);
    /** From the anycast thread, at any time: whether a worker has queries and has not turned for 1
     * s (then the guard is not told that all is well). */
    bool (*stalled)(void *ctx);
    /** Likewise: whether more queries come than sockets hold (self_probe.h). */
    bool (*overflows)(void *ctx);
};

/** Starts the thread, with no sets yet. `guard_fd`: of guard_start(), taken; -1: there is no guard,
 *  and no set may need one. Returns 0, or E_SYSTEM with the reason in `diags`. */
int anycast_start(struct anycast **anycast, uv_loop_t *loop, const struct anycast_host *host,
                  int guard_fd, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
/** Follows a checker from now on, until anycast_stop(); before the first anycast_switch(). */
void anycast_follow(struct anycast *anycast, struct checker *checker) ATTR_NONNULL;
/** In force from now on, with the checker's model. `set` may be NULL: none. Keeps a hold. */
void anycast_switch(struct anycast *anycast, struct anycast_set *set, const struct model *model)
    __attribute__((nonnull(1, 3)));
/** The server answers: `self` may be asked from now on. */
void anycast_serving(struct anycast *anycast) ATTR_NONNULL;

struct anycast_set *anycast_set_now(const struct anycast *anycast) ATTR_NONNULL;
/** The latest view of each set in force, in order, each held; for free() and
 * anycast_view_release().
 */
struct anycast_view **anycast_views(struct anycast *anycast,
                                    uint32_t *n) ATTR_NONNULL ATTR_MUST_USE;
struct speaker_view **anycast_speakers(struct anycast *anycast,
                                       uint32_t *n) ATTR_NONNULL ATTR_MUST_USE;

/** Drains all sets as they are configured (with `keep`: leaves them as they are, for a quick
 * restart) while everything goes on; `done` runs on the loop when nothing is announced any more. */
void anycast_drain(struct anycast *anycast, bool keep, void (*done)(void *ctx), void *ctx)
    __attribute__((nonnull(1, 3)));
/** Ends, withdrawing at once what is still announced unless it was kept. `done` runs on the loop.
 */
void anycast_stop(struct anycast *anycast, void (*done)(void *ctx), void *ctx)
    __attribute__((nonnull(1, 2)));
