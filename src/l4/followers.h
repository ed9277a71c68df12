/* SPDX-License-Identifier: Apache-2.0
 * Who tells us members over the control socket, and is told in return what becomes of them, on the
 * same connection:
 *
 *   {"event": "failed", "service": SET, "key": KEY, "what": "refused" | "timeout"}
 *       a connect failed: at most once a second of each member
 *   {"event": "sessions", "service": SET, "members": [{"key": KEY, "active": N}]}
 *       open flows, once a second when they have changed */
#pragma once

#include "base/vec.h"
#include "control/call.h"
#include "l4/set_table.h"

#define FOLLOWERS_MAX \
    8 /* one more ends the oldest: connections are few, and these are never idle */

struct plan;
struct follower;

struct followers {
    struct follower *first; /* the newest */
    struct page_budget lines;
    uint32_t n;
    VEC(uint64_t) sessions; /* digest of what was last told of each set */
};

/** The client of this call is told from now on, until its connection ends. When there are too many
 *  that of the oldest is closed. */
void followers_add(struct followers *followers, struct control_call *call) ATTR_NONNULL;
void followers_free(struct followers *followers) ATTR_NONNULL;

/** How often is the caller's to bound. */
void followers_tell_failed(struct followers *followers, const char *set, const char *key,
                           bool timed_out) ATTR_NONNULL;
/** How many flows of a member another process has, which count as ours. */
typedef uint32_t followers_elsewhere_fn(void *ctx, const char *set, const char *key);
/** To be called once a second. `plan` may be NULL. */
void followers_tell_sessions(struct followers *followers, const struct set_table *sets,
                             const struct plan *plan, followers_elsewhere_fn *elsewhere, void *ctx)
    __attribute__((nonnull(1, 2, 4)));
