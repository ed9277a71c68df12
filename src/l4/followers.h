/* SPDX-License-Identifier: Apache-2.0
 * Who tells us members over the control socket, and is told in return what becomes of them, on the
 * same connection: each of the sets that it was the last one to tell.
 *
 *   {"event": "failed", "service": SET, "key": KEY, "what": "refused" | "timeout"}
 *       a connect failed: at most once a second of each member
 *   {"event": "sessions", "service": SET, "members": [{"key": KEY, "active": N}]}
 *       open flows, once a second when they have changed
 *   {"event": "rtt", "networks": [{"network": PREFIX, "rtt_ms", "min_ms", "samples", "age_s"}]}
 *       round-trip times of clients, of all services: every 10 s those networks that were seen
 *       since, the newest FOLLOWERS_RTT_MAX, in lines of FOLLOWERS_RTT_LINE at most. Who comes
 *       has those that were seen before as well. Of the connections of one process, that says who
 *       it is, one has them. */
#pragma once

#include "base/strmap.h"
#include "base/vec.h"
#include "control/call.h"
#include "l4/rtt_list.h"
#include "l4/set_table.h"

#define FOLLOWERS_MAX 32 /* whose sets others tell since: the oldest of so many is ended */
#define FOLLOWERS_RTT_MAX 1024
#define FOLLOWERS_RTT_LINE 256 /* about 25 KB */
#define FOLLOWERS_RTT_MS 10000
#define TELLER_NODE_MAX 256

struct plan;
struct follower;
struct followed;

/** Who tells members. One that says who it is holds the sets that it has told, until its connection
 *  ends: two that tell one would undo each other for ever. */
struct teller {
    char node[TELLER_NODE_MAX]; /* of loadstard; "": it does not say, and holds nothing */
    int64_t pid;                /* as the kernel says; 0: not known */
};

struct followers {
    struct follower *first; /* the newest */
    struct page_budget lines;
    uint32_t n;
    VEC(struct followed) sets; /* that were told; as many as there are names of them */
    struct strmap places;      /* by name: index of `sets` */
    int64_t rtt_told_ms;       /* monotonic: when round-trip times were told; 0: never */
    int64_t rtt_since_ms;      /* .. and since when they are news; 0: all are */
};

/** The client of this call, which has told that set, is told of it from now on, until its
 *  connection ends or another one tells the set. So there are no more clients than sets, and
 *  FOLLOWERS_MAX. */
void followers_add(struct followers *followers, struct control_call *call, const struct teller *who,
                   const char *set) ATTR_NONNULL;
/** Who holds the set, NULL: nobody. Valid until control returns to the loop. */
const struct teller *followers_holder(const struct followers *followers,
                                      const char *set) ATTR_NONNULL;
/** Whether the client of this call may tell the set: nobody holds it; or the same connection, or
 *  another one of the same node and process. */
bool followers_may_tell(const struct followers *followers, const struct control_call *call,
                        const struct teller *who, const char *set) ATTR_NONNULL;
/** Sessions of all sets are told anew. */
void followers_renew(struct followers *followers) ATTR_NONNULL;
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
/** Whether it is time to tell round-trip times. */
bool followers_wait_for_rtt(const struct followers *followers, int64_t now_ms) ATTR_NONNULL;
/** `list`: all that were measured; of it is left what was told. */
void followers_tell_rtt(struct followers *followers, struct rtt_list *list,
                        int64_t now_ms) ATTR_NONNULL;
