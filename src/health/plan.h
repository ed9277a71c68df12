/* SPDX-License-Identifier: Apache-2.0
 * What a model wants probed: one probe for each distinct (check, address, port), and which
 * endpoints it speaks for. */
#pragma once

#include "base/wheel.h"
#include "base/worklist.h"
#include "health/check.h"
#include "health/credentials.h"
#include "health/fsm.h"
#include "health/guard.h"
#include "health/waiting.h"

#include <stdatomic.h>

struct trial;

/** Probes of one exec check for one pool; see lanes.h. */
struct lane {
    struct waiting waiting; /* for a slot */
    uint32_t n_probes, n_in_flight;
    uint32_t need;    /* slots, should every command run into its timeout */
    uint32_t n_slots; /* of its own */
};

/** One thing to probe, and what is known of it. In flight it has a trial; memory per idle probe is
 *  this struct and its reason. A check of type `pool` is one probe without schedule, worked out
 * from the states of that pool's endpoints. */
struct probe {
    struct wheel_entry due;
    struct probe *queue_prev, *queue_next; /* where `queued` */
    struct trial *trial;                   /* in flight; else NULL */
    struct prepared_check *check;          /* a reference */
    uint32_t check_index;
    uint32_t subject; /* one of the endpoints: the address or name comes from it */
    struct ip addr;   /* IP_NONE for a name, and for a pool */
    uint16_t port;
    bool queued, stale;
    uint32_t lane;           /* MODEL_NONE unless of type exec */
    bool awaited;            /* readiness waits for its first result */
    struct fsm fsm;          /* what its results say */
    uint8_t told;            /* enum health: what of it is published */
    uint8_t told_before;     /* before its latest fall */
    bool silent;             /* by its latest result: it failed, and the target said nothing */
    bool fell_silent;        /* it is down, and no target has said so */
    bool held;               /* its fall waits for others' word, unless it is back */
    bool doubted;            /* what its results say is held back: doubt.c */
    uint32_t derived_flip_s; /* of a pool: seconds until it can flip at the soonest */
    uint32_t latency_us;
    const uint32_t *users; /* endpoints */
    uint32_t n_users;
    uint32_t next_derived; /* chain of the probes that watch one pool; MODEL_NONE ends it */
    uint64_t n_ok, n_failed, n_untried;
    int64_t since_ms, last_ms; /* wall clock: of the last flip, of the last result */
    int64_t since_before_ms;   /* since_ms before the last flip */
    int64_t last_mono_ms;      /* of the last result, or of the creation */
    bool in_question;          /* somebody met a failure that no result has settled yet */
    int64_t hastened_ms;       /* monotonic: when it last ran, or will run, for that; 0: long ago */
    int64_t hasten_told_ms;    /* monotonic: when an event last told of it; 0: never */
    int64_t fell_ms;           /* monotonic: when its latest fall was told; 0: never */
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
    const char **keys;     /* per endpoint: endpoint_key() */
    struct lane *lanes;
    uint32_t n_lanes;

    /* The checker's. */
    struct guard guard;
    uint32_t *held, n_held;  /* probes whose falls wait for others' word */
    struct worklist touched; /* pools that changed since what watches them was worked out */
    struct wheel due;        /* probes that wait for their time */
    struct waiting waiting;  /* those that wait for a slot, but for those in lanes */
    uint32_t n_health[3];    /* endpoints, by published enum health */
    uint32_t n_frozen;       /* endpoints */
    uint32_t n_exec_waiting; /* in lanes */
    uint32_t n_stale;        /* probes without a result in time */
    uint32_t n_untried;      /* whose latest try failed of us */
    uint32_t last_untried;   /* the latest of those, unless it was tried since */
    uint32_t n_awaited;      /* whose first results readiness waits for */
    uint32_t n_searched;     /* looked at in the search for starved ones that is under way */
    atomic_uint n_holds;     /* plan_hold() */
};

/** `credentials` are the model's; NULL when it has no check of type https. */
struct plan *plan_new(const struct model *model, const struct credentials *credentials)
    __attribute__((nonnull(1))) ATTR_RETURNS_NONNULL;
/** Keeps a plan for one plan_free() more: for readers, on other threads, of what is the same for
 * all its life: which probes there are, what of, for which endpoints. */
struct plan *plan_hold(struct plan *plan) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** Gives up one hold, plan_new()'s or plan_hold()'s, on any thread; the last frees a plan none of
 *  whose probes is in flight. NULL is allowed. */
void plan_free(struct plan *plan);

/** Which probes of two plans ask the same of the same address and port, one of one; MODEL_NONE:
 * none. Those of type pool never do: they are worked out anew. */
struct plan_match {
    uint32_t *from; /* per probe of the plan: of the one before */
    uint32_t *to;   /* the other way round */
};
/** For plan_match_free(). On any thread: looks only at what plan_hold() speaks of. */
void plan_match(struct plan_match *match, const struct plan *plan, const struct model *model,
                const struct plan *before, const struct model *model_before) ATTR_NONNULL;
void plan_match_free(struct plan_match *match) ATTR_NONNULL;

/** Copies what is known of a probe to one that asks the same. */
void plan_carry(struct probe *to, const struct probe *from) ATTR_NONNULL;

static inline bool probe_is_derived(const struct probe *p)
{
    return p->check->def.type == CHECK_POOL;
}

static inline struct fsm_limits probe_limits(const struct probe *p)
{
    const struct check *c = &p->check->def;
    return (struct fsm_limits){c->rise, c->fall, c->interval_ms};
}
