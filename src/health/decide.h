/* SPDX-License-Identifier: Apache-2.0
 * Which order decides which endpoint, of a list of orders and a model. Pure.
 *
 * Patterns of sites are matched once per order, those of pools once per pool and order; labels are
 * matched only by orders that are newer than the newest one for all labels, and exact labels are
 * found by hash where there are many. 200 orders over 100,000 endpoints take a few milliseconds. */
#pragma once

#include "health/orders.h"

#define ORDER_NONE UINT32_MAX

/** Indices into orders->v, or ORDER_NONE. An order `auto` decides, too. */
struct decision {
    uint32_t state, weight;
};

struct decider;

/** Borrows both until decider_free(). */
struct decider *decider_new(const struct orders *orders,
                            const struct model *m) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
void decider_free(struct decider *decider) ATTR_NONNULL;
/** Decides the endpoints of one site of a pool, into out[0 .. n_endpoints). Cheapest pool after
 *  pool. */
void decider_run(struct decider *decider, uint32_t pool, uint32_t pool_site,
                 struct decision *out) ATTR_NONNULL;

/** Puts what decides an endpoint into its state: nothing else of it changes. */
void decision_apply(struct endpoint_state *state, const struct orders *orders,
                    const struct decision *decision) ATTR_NONNULL;
/** Puts the orders in force on all states. */
void orders_apply(const struct orders *orders, const struct model *m,
                  struct endpoint_state *states) ATTR_NONNULL;

/** Whether an order of the kind, but for `auto`, decides some endpoint, or some prefix set, that
 * the target is about. */
bool orders_decide_any(const struct orders *orders, const struct model *m,
                       const struct target *target, enum order_kind kind) ATTR_NONNULL;

/** Whether there is anything that an order of the kind would be about: endpoints, or prefix sets.
 */
bool orders_find_any(const struct model *m, const struct target *target,
                     enum order_kind kind) ATTR_NONNULL;

/** How an order stands: for lists of them. */
struct order_standing {
    uint32_t n_matched, n_decided; /* endpoints; of ORDER_ANNOUNCE: prefix sets */
    uint32_t above;   /* of those it matches and does not decide: an order that does; ORDER_NONE */
    uint32_t n_above; /* how many such orders there are */
};
/** Fills out[0 .. orders->n). Not for the control thread: takes the product of orders and the
 *  endpoints that they match. */
void orders_stand(struct order_standing *out, const struct orders *orders,
                  const struct model *m) ATTR_NONNULL;

/* For the module's own files: prefix sets (decide_sets.c). */
bool orders_decide_any_set(const struct orders *orders, const struct model *m,
                           const struct target *target, enum order_kind kind) ATTR_NONNULL;
void order_stand_on_sets(struct order_standing *out, const struct orders *orders,
                         const struct model *m, uint32_t order) ATTR_NONNULL;
