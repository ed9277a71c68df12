/* SPDX-License-Identifier: Apache-2.0
 * The control thread's side of the tiers from inside:
 *
 *   tiers.c         states that go, views that come, looks
 *   tiers_switch.c  sets that come into force
 *   tiers_stop.c    the end */
#pragma once

#include "base/worklist.h"
#include "tier/dns_memory.h"
#include "tier/pack.h"
#include "tier/tiers.h"
#include "tier/tiers_thread.h"

struct tiers_look {
    uv_timer_t timer;
    void (*done)(void *arg); /* NULL: its time was over */
    void *arg;
};

struct tiers {
    uv_loop_t *loop;
    struct tiers_host host;
    struct checker *checker;
    struct subscription *subscription;
    struct mailbox *mailbox;
    struct tiers_thread *thread;
    struct descriptors *descriptors;
    bool prepared;

    struct tier_set *set;      /* held; in force; NULL: none */
    const struct model *model; /* that it was made of */
    struct tier_view **views;  /* of each tier of the set */
    struct dns_memory dns;

    struct worklist waiting; /* slots whose states are to be sent */
    int64_t waits_since_us;  /* since when one of them waits */
    uv_timer_t slice;
    uv_timer_t changed;
    int64_t told_ms;

    uv_timer_t patience;
    unsigned n_open;
    bool stopping, is_lost; /* the latter: its thread was left behind */
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

/** Sends what waits, as much as a slice takes. */
void tiers_on_slice(uv_timer_t *timer) ATTR_NONNULL;
void tiers_on_stopped(void *tiers) ATTR_NONNULL;
