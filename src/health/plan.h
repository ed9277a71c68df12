/* SPDX-License-Identifier: Apache-2.0
 * What a model wants probed: one probe for each distinct (check, address, port), and which
 * endpoints it speaks for. */
#pragma once

#include "base/wheel.h"
#include "health/check.h"
#include "health/credentials.h"
#include "health/fsm.h"

struct trial;

/** Probes of one exec check for one pool; see lanes.h. */
struct lane {
    struct probe *first, **last; /* that wait for a slot, first in, first out */
    uint32_t n_probes, n_in_flight;
    uint32_t need;    /* slots, should every command run into its timeout */
    uint32_t n_slots; /* of its own */
};

/** One thing to probe, and what is known of it. In flight it has a trial; memory per idle probe is
 *  this struct and its reason. A check of type `pool` is one probe without schedule, worked out
 * from the states of that pool's endpoints. */
struct probe {
    struct wheel_entry due;
    struct probe *queue_next;
    struct trial *trial;          /* in flight; else NULL */
    struct prepared_check *check; /* a reference */
    uint32_t check_index;
    uint32_t subject; /* one of the endpoints: the address or name comes from it */
    struct ip addr;   /* IP_NONE for a name, and for a pool */
    uint16_t port;
    bool queued, stale;
    uint32_t lane; /* MODEL_NONE unless of type exec */
    bool awaited;  /* readiness waits for its first result */
    struct fsm fsm;
    uint32_t derived_flip_s; /* of a pool: seconds until it can flip at the soonest */
    uint32_t latency_us;
    const uint32_t *users; /* endpoints */
    uint32_t n_users;
    uint32_t next_derived; /* chain of the probes that watch one pool; MODEL_NONE ends it */
    uint64_t n_ok, n_failed, n_untried;
    int64_t since_ms, last_ms; /* wall clock: of the last flip, of the last result */
    int64_t last_mono_ms;      /* of the last result, or of the creation */
    char *reason;              /* of the last result; heap; NULL before the first */
    char *untried;             /* why the latest try gave no result; heap; NULL: it gave one */
};

struct plan {
    struct arena *arena;
    struct probe *probes;
    uint32_t n_probes;
    uint32_t *first;       /* per endpoint, and one more: where its probes begin in `of_endpoint` */
    uint32_t *of_endpoint; /* indices of probes, in the order of the pool's checks */
    uint32_t *watchers;    /* per pool: first probe of type `pool` that watches it, or MODEL_NONE */
    uint32_t *site_of;     /* per endpoint */
    struct lane *lanes;
    uint32_t n_lanes;
    uint32_t n_checked; /* endpoints with a check other than of type `pool` */
};

/** `credentials` are the model's; NULL when it has no check of type https. */
struct plan *plan_new(const struct model *model, const struct credentials *credentials)
    __attribute__((nonnull(1))) ATTR_RETURNS_NONNULL;
/** Frees a plan none of whose probes is started, queued or in flight. */
void plan_free(struct plan *plan);

/** Moves what `old` knows to the probes of `plan` that ask the same of the same address and port,
 *  trials in flight included. Afterwards `old` holds only what is not wanted any more. */
void plan_carry_over(struct plan *plan, const struct model *model, struct plan *old,
                     const struct model *old_model) ATTR_NONNULL;

/** The time within which at least `share` of the checked endpoints are probed, each with the
 *  slowest of its checks: interval plus timeout. */
uint32_t plan_window_ms(const struct plan *plan, uint32_t n_endpoints, double share) ATTR_NONNULL;

static inline bool probe_is_derived(const struct probe *p)
{
    return p->check->def.type == CHECK_POOL;
}

static inline struct fsm_limits probe_limits(const struct probe *p)
{
    const struct check *c = &p->check->def;
    return (struct fsm_limits){c->rise, c->fall, c->interval_ms};
}
