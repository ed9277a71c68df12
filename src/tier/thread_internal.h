/* SPDX-License-Identifier: Apache-2.0
 * The thread of the tiers from inside:
 *
 *   tiers_thread.c   its start and end, and what it gives back
 *   thread_requests.c  what it is asked
 *   thread_ipvs.c    what IPVS has
 *   thread_sets.c    sets that come into force: which engine goes on, begins, is left
 *   thread_shares.c  sessions into shares of weights */
#pragma once

#include "base/vec.h"
#include "tier/engine.h"
#include "tier/feedback.h"
#include "tier/tiers_thread.h"

/** An engine in its place. */
struct seat {
    struct tiers_thread *thread;
    struct engine *engine;
    uint32_t tier;          /* of the set in force; MODEL_NONE: it is being left */
    bool has_ended;         /* to be closed in the next turn of the loop */
    struct tier_view *view; /* to be given to the control thread; NULL: none */
    bool is_dirty;          /* states of it have come */
};

/** Which tiers an endpoint matters to. */
struct reach {
    uint32_t *first; /* by slot, and one past */
    uint32_t *tiers;
};

struct look_ticket {
    uint32_t n_left; /* engines */
    void *ticket;
};

struct tiers_thread {
    struct drive *drive;
    struct tiers_thread_host host;
    char node[128];
    struct keeper *keeper;
    struct agents *agents;
    struct nginx_gates *nginx_gates;
    VEC(struct seat *) seats;
    uint64_t n_views;

    struct set_states *states,
        *next;     /* of the set in force; of the one that waits for its states */
    bool has_next; /* also when that is none */
    bool reads;    /* the records are not there yet */
    struct reach reach;
    struct seat **by_tier;       /* of the set in force */
    struct feedback **feedbacks; /* by follower, slot of it */
    VEC(struct given_listener) listeners, retired;

    uv_timer_t out, stop, sweep; /* gives views; ends in time; closes what has ended */
    int64_t out_ms;              /* when views were given last, monotonic */
    bool has_told_orphans;
    bool stopping;
};

/* tiers_thread.c */
struct engine_host thread_engine_host(struct seat *seat) ATTR_NONNULL;
void thread_give_share(struct tiers_thread *t, uint32_t slot, uint8_t share) ATTR_NONNULL;
void thread_end_look(struct tiers_thread *t, struct look_ticket *ticket) ATTR_NONNULL;
void thread_stop(struct tiers_thread *t) ATTR_NONNULL;

/* thread_sets.c */
/** Brings the next set into force, if all is there for it. */
void thread_try_next(struct tiers_thread *t) ATTR_NONNULL;
void thread_take_set(struct tiers_thread *t, struct tier_set *set) __attribute__((nonnull(1)));
void thread_take_batch(struct tiers_thread *t, const struct states_batch *batch) ATTR_NONNULL;
/** Closes listeners that no engine uses any more. */
void thread_close_retired(struct tiers_thread *t) ATTR_NONNULL;

/* thread_shares.c */
/** Begins with a set; shares of those that were followed before go on. */
void thread_follow(struct tiers_thread *t, const struct tier_set *before,
                   struct feedback **feedbacks) __attribute__((nonnull(1)));
void thread_free_feedbacks(const struct tier_set *set, struct feedback **feedbacks);
/** A tier was looked at. */
void thread_step_shares(struct tiers_thread *t, const struct seat *seat) ATTR_NONNULL;
