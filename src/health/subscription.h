/* SPDX-License-Identifier: Apache-2.0
 * Who is told of changed endpoints, and what each has not taken yet.
 *
 * The checker says what an endpoint is wanted to be: its state. What a consumer has made of that (a
 * view compiled, a server drained, a route announced) is the consumer's own record, and only the
 * consumer compares the two. A change is therefore no message: it says "look at this endpoint
 * again", and the state is read when the consumer looks. A consumer that comes late sees the latest
 * state, never a queue of those before.
 *
 * Each subscription has a set of its own, of one bit an endpoint, so that a consumer that never
 * takes costs that and nothing more, and holds up nobody. What is marked stays in the set until it
 * is taken, however many flushes and generations pass. When the checker moves to another model, the
 * numbers of endpoints mean something else: the set becomes everything, under the next epoch, and a
 * consumer's record that is kept by number is void (one kept by endpoint_key() is not).
 *
 * On the checker's thread only. Consumers on other threads are given packed states
 * (states_pack()). */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

struct subscription;

struct subscriber {
    const char *name; /* for whoever looks at it; lent */
    void *ctx;
    /** There is something new to take; called once a flush, from the loop or from within an
     *  operator's order. It need not take at once, and may subscribe, end any subscription, order,
     *  but not move the checker to another model. NULL: never woken, takes when asked. */
    void (*wake)(void *ctx, struct subscription *subscription);
};

/** What has changed since the last time. */
struct changes {
    bool everything; /* at the first time, and in a new epoch: forget what is kept by number */
    uint32_t epoch;  /* counts the checker's models, from 1 */
    uint32_t n;
    const uint32_t *endpoints; /* ascending, distinct; all there are with `everything`. Until the
                                  next subscription_take() or move to another model */
};

/** Empties the set. Costs one look at each 64 endpoints. */
struct changes subscription_take(struct subscription *subscription) ATTR_NONNULL;

/** Whether subscription_take() would yield anything: an endpoint, or a new epoch. */
bool subscription_pending(const struct subscription *subscription) ATTR_NONNULL;

/** From now on it is also woken when the operator's orders have changed, though no endpoint has. */
void subscription_follow_orders(struct subscription *subscription) ATTR_NONNULL;

const char *subscription_name(const struct subscription *subscription) ATTR_NONNULL;

/** Unsubscribes. What is not taken is forgotten. */
void subscription_end(struct subscription *subscription) ATTR_NONNULL;

/* ---- the checker's side ---- */

struct subscriptions {
    struct subscription *first; /* in the order in which they came, and are woken */
    uint32_t n_endpoints, epoch;
    uint32_t waking; /* depth: a consumer's order flushes within a wake */
    bool fresh;      /* somebody is to be woken */
};

/** Everything there is, under the next epoch. To be called before the first is added. */
void subscriptions_reset(struct subscriptions *all, uint32_t n_endpoints) ATTR_NONNULL;

/** Its first take is everything. Lives until subscription_end() or subscriptions_free(). */
struct subscription *subscriptions_add(struct subscriptions *all,
                                       const struct subscriber *subscriber) ATTR_NONNULL;

/** The endpoint's state has changed. */
void subscriptions_mark(struct subscriptions *all, uint32_t endpoint) ATTR_NONNULL;

/** The operator's orders have changed. */
void subscriptions_mark_orders(struct subscriptions *all) ATTR_NONNULL;

/** Wakes each that has something it was not woken for yet. */
void subscriptions_wake(struct subscriptions *all) ATTR_NONNULL;

void subscriptions_free(struct subscriptions *all) ATTR_NONNULL;
