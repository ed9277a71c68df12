/* SPDX-License-Identifier: Apache-2.0
 * Members and services at work: what outlives a plan because connections and counters belong to it.
 *
 * The registry is the main thread's. A member stays while a plan has it or a flow is open
 * (`active`); so does a service's record. What workers change are relaxed atomics, which the main
 * thread reads for what it shows; nothing is decided by more than one of them at a time. */
#pragma once

#include "base/ip.h"
#include "l4/quantiles.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

enum member_state { MEMBER_UP, MEMBER_DOWN, MEMBER_DRAIN };

#define MEMBER_KEY_MAX 256 /* with NUL: POOL/SITE/LABEL, or ADDRESS:PORT of one from a list */
#define MEMBER_NEVER INT64_MAX
#define MEMBER_FAILURES 3       /* connect failures one after the other that take one out .. */
#define MEMBER_ANSWERED_MS 1000 /* how far answered_ms may be behind */
#define MEMBER_EJECT_MS 10000   /* .. for so long */
#define MEMBER_TELL_MS 1000     /* at most so often it is told that connects fail */

struct member {
    const char *set, *key; /* owned */
    struct ip addr;
    uint16_t port;
    uint32_t n_plans; /* that have it; the main thread's */

    alignas(64) _Atomic uint32_t active; /* open flows; with connects under way */
    _Atomic uint32_t failures;           /* one after the other */
    _Atomic int64_t ejected_until_ms;    /* monotonic; 0: it is not */
    _Atomic int64_t close_at_ms;      /* monotonic: flows that are left are closed; MEMBER_NEVER */
    _Atomic int64_t no_port_until_ms; /* monotonic: local ports towards it, for TCP, are used up */
    _Atomic int64_t told_ms;          /* monotonic: that a connect failed, to whoever probes it */
    _Atomic int64_t reset_at_ms; /* those until then were reset, though it may be up again; 0 */
    _Atomic int64_t answered_ms; /* monotonic, of datagrams, to any worker */
    _Atomic uint64_t total, refused,
        timeouts;                         /* begun (with connects); that were refused; too slow */
    _Atomic uint64_t bytes_in, bytes_out; /* from clients; to them */
    struct quantiles connect_us, rtt_us;
};

/** A service's counters. */
enum service_result {
    SERVICE_OK,         /* a flow was opened with a member */
    SERVICE_NO_MEMBER,  /* none is there, or none could be reached */
    SERVICE_LIMITED,    /* by a limit of the service */
    SERVICE_SOURCE,     /* by one of the client's address */
    SERVICE_BAD_HEADER, /* PROXY header, or ClientHello, or a server name that is not listed */
    SERVICE_CLIENT,     /* the client went before there was a member */
    SERVICE_NO_ROOM,    /* descriptors or memory */
    SERVICE_NO_PORT,    /* local ports towards members are used up */
    SERVICE_RESULTS
};
const char *service_result_text(enum service_result result);

/** Flows that found no local port, as the main thread has seen and told it (shortage.h). */
struct service_shortage {
    uint64_t n, n_told;
    int64_t at_ms, told_ms; /* monotonic */
};

struct service_run {
    const char *name; /* owned */
    uint32_t n_plans;
    struct service_shortage shortage;
    struct limits *limits; /* of the service; outlives reloads; owned, NULL at first */
    alignas(64) _Atomic uint32_t active;
    _Atomic uint64_t results[SERVICE_RESULTS];
    _Atomic uint32_t in_kernel; /* of `active`: those that the kernel relays */
    _Atomic uint64_t bytes_in, bytes_out;
    _Atomic uint64_t dropped; /* datagrams that were not sent on: no buffers, way, flow */
};

struct registry;
struct registry *registry_new(void);
void registry_free(struct registry *registry);
/** The member of that set, key, address and port; made if it is not there. One plan more has it. */
struct member *registry_member(struct registry *registry, const char *set, const char *key,
                               const struct ip *addr, uint16_t port);
struct service_run *registry_service(struct registry *registry, const char *name);
/** One plan less has it. It stays until registry_collect() finds it without flows. */
void registry_drop_member(struct registry *registry, struct member *member);
void registry_drop_service(struct registry *registry, struct service_run *service);
/** Frees what no plan has and no flow uses. */
void registry_collect(struct registry *registry);
/** All there are, also those that only flows keep; valid until the next call of any of these. */
struct member *const *registry_members(const struct registry *registry, uint32_t *n);
struct service_run *const *registry_services(const struct registry *registry, uint32_t *n);

/** A flow begins with the member, or a connect; and ends. member_leave() is the last that the flow
 *  does with it: the main thread may free it then. So with services. */
static inline void member_enter(struct member *member)
{
    atomic_fetch_add_explicit(&member->active, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&member->total, 1, memory_order_relaxed);
}

static inline void member_leave(struct member *member)
{
    atomic_fetch_sub_explicit(&member->active, 1, memory_order_release);
}

static inline void service_enter(struct service_run *run)
{
    atomic_fetch_add_explicit(&run->active, 1, memory_order_relaxed);
}

static inline void service_leave(struct service_run *run)
{
    atomic_fetch_sub_explicit(&run->active, 1, memory_order_release);
}

static inline void service_enter_kernel(struct service_run *run)
{
    atomic_fetch_add_explicit(&run->in_kernel, 1, memory_order_relaxed);
}

static inline void service_leave_kernel(struct service_run *run)
{
    atomic_fetch_sub_explicit(&run->in_kernel, 1, memory_order_relaxed);
}

/** A connect failed (refused or too slow) or went well: both are counted here. Returns true when
 *  this failure takes the member out; those that were under way do not lengthen that. The one that
 * is left of a set is never skipped: balance_pick() sees to that. */
bool member_failed(struct member *member, int64_t now_ms, bool timed_out);
/** Whether that a connect failed is to be told: once a second, by whichever worker comes first. */
bool member_tells_failure(struct member *member, int64_t now_ms) ATTR_NONNULL;
void member_connected(struct member *member, uint32_t connect_us);

/** A datagram of the member's came, so failures before it were not one after the other. The line is
 *  shared by all workers, so it is written once a second, and when there is a failure to forget. */
static inline void member_answered(struct member *member, int64_t now_ms)
{
    int64_t before_ms = atomic_load_explicit(&member->answered_ms, memory_order_relaxed);
    if (atomic_load_explicit(&member->failures, memory_order_relaxed) != 0)
        atomic_store_explicit(&member->failures, 0, memory_order_relaxed);
    if (now_ms - before_ms >= MEMBER_ANSWERED_MS)
        atomic_store_explicit(&member->answered_ms, now_ms, memory_order_relaxed);
}

static inline bool member_is_ejected(struct member *member, int64_t now_ms)
{
    return atomic_load_explicit(&member->ejected_until_ms, memory_order_relaxed) > now_ms;
}
