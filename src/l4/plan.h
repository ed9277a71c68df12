/* SPDX-License-Identifier: Apache-2.0
 * What workers go by: services with their sets as they are now. Immutable, made by the main thread
 * for each change of members or configuration, and given to each worker; the last one to let go of
 * it frees it. */
#pragma once

#include "l4/balance.h"
#include "l4/member.h"

struct plan_member {
    struct member *member;
    uint32_t weight;
    enum member_state state;
    int64_t close_at_ms; /* the member's, when the plan was made: later ones may have changed it */
};

struct plan_set {
    const struct l4_set *config;
    const struct l4_service *service; /* that it belongs to; NULL: none */
    const struct plan_member *members;
    uint32_t n_members;
    const struct balance *balance;
    uint32_t cursor; /* index of the worker's balance_cursor: the same for the set in each plan */
};

struct plan_service {
    const struct l4_service *config;
    struct service_run *run;
    /* listeners[i * n_sockets + k]: a socket at listens[i], or -1; of worker k % n_workers, as
     * there may be more than workers after a change of these. The main thread's, open for as long
     * as a plan has it */
    const int *listeners;
};

struct bound; /* bound.h */

struct plan {
    struct arena *arena;
    _Atomic uint32_t n_holds;
    uint64_t version; /* rises */
    const struct l4_config *config;
    struct plan_service *services;
    struct plan_set *sets; /* as config->sets */
    uint32_t n_workers, n_sockets, n_cursors;
    uint32_t n_ports;          /* local ones that a worker may have for flows of datagrams */
    uint64_t seed;             /* of balance_hash() */
    const struct bound *bound; /* flows that another process had; NULL: none that may go on here */
    /** Runs when nobody holds it any more, on any thread. */
    void (*unheld)(void *ctx, struct plan *plan);
    void *ctx;
};

static inline struct plan *plan_hold(struct plan *plan)
{
    atomic_fetch_add_explicit(&plan->n_holds, 1, memory_order_relaxed);
    return plan;
}

static inline void plan_release(struct plan *plan)
{
    if (atomic_fetch_sub_explicit(&plan->n_holds, 1, memory_order_acq_rel) == 1)
        plan->unheld(plan->ctx, plan);
}

/** The set for a server name, MODEL_NONE when it is refused. `name` is lower case; n may be 0. */
uint32_t plan_route(const struct l4_service *service, const char *name, uint32_t n);
