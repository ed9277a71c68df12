/* SPDX-License-Identifier: Apache-2.0
 * The thread that drives all tiers: an engine for each, and what they share. It is given sets,
 * states and questions by the control thread, and gives back views and shares of weights; neither
 * ever waits for the other.
 *
 * A set comes into force here when all of its states have come: until then the one before goes on
 * with what it knew. A tier that is in the next set at the same place goes on; one that is not is
 * left as it is configured for that, however long that takes, and then closed. */
#pragma once

#include "drive/drive.h"
#include "tier/view.h"

struct tiers_thread;

/** Called on the loop of `mailbox`. */
struct tiers_thread_host {
    struct mailbox *mailbox;
    void *ctx;
    /** Given: each view, and the list for free(). */
    void (*views)(void *ctx, struct tier_view **views, uint32_t n);
    /** What the load leaves of the weight of an endpoint; of a slot of that set. */
    void (*share)(void *ctx, const struct tier_set *set, uint32_t slot, uint8_t share);
    /** Clients of a tier met a failure of an endpoint; of a slot of that set. */
    void (*met_failure)(void *ctx, const struct tier_set *set, const char *tier, uint32_t slot);
    void (*looked)(void *ctx, void *ticket);
    void (*stopped)(void *ctx);
};

/** States of endpoints, by slot of a set; made by the control thread, given. */
struct states_batch {
    struct tier_set *set; /* held */
    int64_t arrived_us;   /* monotonic: when the first of them was known */
    uint32_t n;
    uint32_t *slots;
    struct member_state *states;
};

/** A listener for agents, whose descriptor is given. */
struct given_listener {
    char name[80];
    int fd;
};

/** A set that comes into force. */
struct given_set {
    struct tier_set *set; /* held; NULL: none */
    const char *node;     /* copied */
    const struct given_listener *listeners;
    uint32_t n_listeners;
};

/** Returns 0, or E_SYSTEM. Functions below are for the thread that called this one. */
int tiers_thread_start(struct tiers_thread **thread,
                       const struct tiers_thread_host *host) ATTR_NONNULL ATTR_MUST_USE;

void tiers_thread_switch(struct tiers_thread *thread, const struct given_set *given) ATTR_NONNULL;
void tiers_thread_put(struct tiers_thread *thread, struct states_batch *batch) ATTR_NONNULL;
void states_batch_free(struct states_batch *batch);

/** Looks at a tier of the set in force there, or at all of them (MODEL_NONE); then `looked`. */
void tiers_thread_look(struct tiers_thread *thread, uint32_t tier, void *ticket) ATTR_NONNULL;

/** What IPVS has (ipvs_list_document()), whether or not a tier is of that type: `done` gets it for
 *  free(), with 0; or E_SYSTEM and why in words. */
void tiers_thread_ipvs(struct tiers_thread *thread,
                       void (*done)(void *arg, int code, char *text, size_t n), void *arg)
    __attribute__((nonnull(1, 2)));

/** Has the tiers left as is configured for the end, within TIERS_STOP_MS; then `stopped`, and
 *  tiers_thread_join(). */
#define TIERS_STOP_MS 4000
void tiers_thread_stop(struct tiers_thread *thread) ATTR_NONNULL;
void tiers_thread_join(struct tiers_thread *thread) ATTR_NONNULL;

/** The name under which the listener of a tier's agent is kept. */
const char *agent_listener_name(char out[80], const struct tier *tier) ATTR_NONNULL;
