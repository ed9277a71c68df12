/* SPDX-License-Identifier: Apache-2.0
 * Orders and another configuration: an order follows its endpoints by their addresses when only
 * their name, or the name of their site, has changed. Pure.
 *
 *  - An order for one label follows the endpoint that it was about, within its pool.
 *  - An order for a site follows it when the site's name is gone, and all of the order's endpoints
 *    that are left are in one site that is new.
 *  - One for prefix sets stays with their names: a set of another name is another service.
 *  - Another one, or one whose endpoints are gone, stays as it is: it decides again when they are
 *    back. */
#pragma once

#include "health/orders.h"

/** Notes some endpoints that the order matches; those of before when it matches none. Returns
 *  whether it matches any endpoint. */
bool order_anchor(struct order *order, const struct model *m) ATTR_NONNULL;

enum follow_kind {
    FOLLOW_MOVED, /* it follows: its target is another one now */
    FOLLOW_LOST,  /* it matches nothing any more */
    FOLLOW_BACK,  /* it matches again */
};
typedef void follow_fn(void *ctx, enum follow_kind kind, const struct order *before,
                       const struct order *now);

/** Fits the list to `m`, and tells what became of orders. Returns whether anything changed that is
 *  worth saving. */
bool orders_follow(struct orders *orders, const struct model *m, int64_t now_ms, follow_fn *tell,
                   void *ctx) __attribute__((nonnull(1, 2)));
