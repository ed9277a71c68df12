/* SPDX-License-Identifier: Apache-2.0
 * The control thread's side of anycast from inside:
 *
 *   anycast.c         its start; what sets go by, and is given to the thread
 *   anycast_views.c   what comes back
 *   anycast_switch.c  sets that come into force
 *   anycast_stop.c    draining, and the end */
#pragma once

#include "anycast/anycast.h"
#include "anycast/anycast_thread.h"

struct anycast {
    uv_loop_t *loop;
    struct anycast_host host;
    struct checker *checker;
    struct subscription *subscription;
    struct mailbox *mailbox;
    struct anycast_thread *thread;

    struct anycast_set *set;   /* held; in force; NULL: none */
    const struct model *model; /* that it was made of */
    struct inputs_batch *sent; /* of it, the latest; NULL: none */
    struct anycast_view **views;
    struct speaker_view **speakers;

    uv_timer_t heartbeat, changed, patience;
    int64_t told_ms;

    unsigned n_open;
    bool stopping, is_lost; /* the latter: its thread was left behind */
    void (*drained)(void *ctx);
    void *drained_ctx;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

/* anycast.c */
/** Works out what holds now, and sends it if it says anything new. */
void anycast_send_inputs(struct anycast *anycast) ATTR_NONNULL;

/* anycast_views.c */
void anycast_on_views(void *anycast, struct anycast_view **views, uint32_t n) ATTR_NONNULL;
void anycast_on_speakers(void *anycast, struct speaker_view **views, uint32_t n) ATTR_NONNULL;
/** Those of the set that comes, as they were seen last where there was one of the name. */
void anycast_follow_views(struct anycast *anycast, struct anycast_set *set)
    __attribute__((nonnull(1)));
void anycast_free_views(struct anycast *anycast) ATTR_NONNULL;

/* anycast_stop.c */
void anycast_on_drained(void *anycast) ATTR_NONNULL;
void anycast_on_stopped(void *anycast) ATTR_NONNULL;
