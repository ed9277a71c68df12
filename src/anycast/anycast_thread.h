/* SPDX-License-Identifier: Apache-2.0
 * The thread that announces: one engine a prefix set, one line a speaker, all that holds addresses.
 * Everything asked of it is posted; everything it gives comes back by the mailbox, on the loop of
 * whoever started it. */
#pragma once

#include "anycast/set_engine.h"

#define ANYCAST_HEARTBEAT_MS 500
#define ANYCAST_STALLED_BEATS 6     /* missed in a row: 3 s */
#define ANYCAST_STOP_MS 3000        /* at most, to withdraw at once */
#define ANYCAST_DRAIN_EXTRA_MS 5000 /* beside the longest drain_time */

struct anycast_thread;

struct anycast_thread_host {
    struct mailbox *mailbox;
    void *ctx;
    /** All given, in the order in which they came about. */
    void (*views)(void *ctx, struct anycast_view **views, uint32_t n);
    void (*speakers)(void *ctx, struct speaker_view **views, uint32_t n);
    void (*drained)(void *ctx);
    void (*stopped)(void *ctx);   /* then anycast_thread_join() */
    bool (*stalled)(void *ctx);   /* on the thread */
    bool (*overflows)(void *ctx); /* likewise; as of self_probe_host */
};

/** Returns 0, or E_SYSTEM (errno). `guard_fd` is taken on success. */
int anycast_thread_start(struct anycast_thread **thread, const struct anycast_thread_host *host,
                         int guard_fd) ATTR_NONNULL ATTR_MUST_USE;
/** `set` (may be NULL) is held by the caller for it: given. `node` is copied. */
void anycast_thread_switch(struct anycast_thread *thread, struct anycast_set *set, const char *node)
    __attribute__((nonnull(1, 3)));
/** Given. */
void anycast_thread_inputs(struct anycast_thread *thread, struct inputs_batch *batch) ATTR_NONNULL;
void anycast_thread_heartbeat(struct anycast_thread *thread) ATTR_NONNULL;
void anycast_thread_serving(struct anycast_thread *thread) ATTR_NONNULL;
void anycast_thread_drain(struct anycast_thread *thread, bool keep) ATTR_NONNULL;
void anycast_thread_stop(struct anycast_thread *thread) ATTR_NONNULL;
/** Frees it; after stopped(). */
void anycast_thread_join(struct anycast_thread *thread) ATTR_NONNULL;
