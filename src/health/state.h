/* SPDX-License-Identifier: Apache-2.0
 * What is known of each endpoint, as the compiler of verdicts reads it.
 *
 * Three things that are never merged: what probes found (`health`), what the operator ordered
 * (`override`, `weight_override`), and what follows from both (endpoint_serves(),
 * endpoint_weight(); endpoint_share_weight() while it starts slowly, or has much to do). Together
 * they say what the endpoint is wanted to be. What a consumer has made of that is no part of it:
 * each keeps its own record (subscription.h). */
#pragma once

#include "model/model.h"

enum health { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN };
enum override { OVERRIDE_AUTO, OVERRIDE_UP, OVERRIDE_DOWN, OVERRIDE_DRAIN };

#define REASON_MAX 192
#define FLIP_NEVER UINT32_MAX

struct endpoint_state {
    uint8_t health;            /* enum health, all of the pool's checks taken together */
    bool assumed_up;           /* while unknown: the last saved state if fresh, else up */
    bool remembered;           /* `assumed_up` is by a saved state that is fresh, or by what
                                  was found before a reload; not just for want of better */
    bool checked;              /* false: the pool has no checks, health is up for ever */
    bool stale;                /* the checker has stalled: this may be old news */
    bool frozen;               /* panic holds it against what probes say or would say */
    uint8_t override;          /* enum override */
    uint8_t ramp;              /* 1..SHARE_FULL sixteenths of its weight; 0: full as well */
    uint8_t load;              /* likewise, by how much it has to do; checker_give_load() */
    int64_t override_since_ms; /* wall clock, when the operator said so */
    int64_t override_until_s;  /* wall clock; INT64_MAX: until changed */
    int64_t weight_override;   /* -1: none */
    int64_t weight_until_s;    /* wall clock; INT64_MAX */
    uint32_t state_order, weight_order; /* serials of the orders that decide, `auto` too; 0: none */
    uint32_t flip_s;                    /* soonest that probes could flip it, seconds; FLIP_NEVER */
    int64_t since_ms;                   /* wall clock of the last change of health */
    uint32_t latency_us;                /* of the last probe; 0: none yet */
    char reason[REASON_MAX];            /* the last probe result that counted */
    char override_reason[REASON_MAX];   /* the operator's --reason */
};

/** Whether new clients may be sent to it, apart from its weight. */
static inline bool endpoint_serves(const struct endpoint_state *s)
{
    if (s->override != OVERRIDE_AUTO)
        return s->override == OVERRIDE_UP;
    return s->health == HEALTH_UP || (s->health == HEALTH_UNKNOWN && s->assumed_up);
}

static inline uint32_t endpoint_weight(const struct endpoint *e, const struct endpoint_state *s)
{
    return s->weight_override >= 0 ? (uint32_t)s->weight_override : e->weight;
}

#define SHARE_FULL 16

/** How far it has begun to serve, 1..SHARE_FULL. */
static inline uint8_t endpoint_ramp(const struct endpoint_state *s)
{
    return s->ramp ? s->ramp : SHARE_FULL;
}

/** What is left of its weight for what it has to do already, 1..SHARE_FULL. A weight by order is
 * not lessened. */
static inline uint8_t endpoint_load(const struct endpoint_state *s)
{
    return s->load && s->weight_override < 0 ? s->load : SHARE_FULL;
}

/** What it has of its weight, both taken together: 1..SHARE_FULL, never nothing. */
static inline uint8_t endpoint_share(const struct endpoint_state *s)
{
    unsigned share = (endpoint_ramp(s) * endpoint_load(s) + SHARE_FULL / 2) / SHARE_FULL;
    return share ? (uint8_t)share : 1;
}

/** Its weight among others, in sixteenths: what picks and other consumers share clients by. Whether
 *  a site is up goes by the weight alone, as what has a part of it is up. */
static inline uint32_t endpoint_share_weight(const struct endpoint *e,
                                             const struct endpoint_state *s)
{
    return endpoint_weight(e, s) * endpoint_share(s);
}

/** How much of a pool's site serves. What is taken out on purpose, by `drain` or weight 0, leaves
 *  the total, so that it alone never makes a site go down while something serves; what is put down
 *  by order counts as broken, like what probes found down. */
struct site_weight {
    uint64_t up, total;          /* weight */
    uint32_t n_up, n_drained, n; /* endpoints; one of weight 0 never serves, so it is never up */
};
struct site_weight site_weigh(const struct model *model, const struct pool_site *site,
                              const struct endpoint_state *states) ATTR_NONNULL;

/** How many of a pool's site panic has frozen. */
uint32_t site_n_frozen(const struct pool_site *site,
                       const struct endpoint_state *states) ATTR_NONNULL ATTR_PURE;

/** The rule by which a site is up, for verdicts and for checks of type `pool` alike: some weight is
 *  up, and at least the share `min_up` of the total. */
bool site_is_up(const struct site_weight *weight, double min_up) ATTR_NONNULL ATTR_PURE;

/** Whether any site of the pool is up. */
bool pool_is_up(const struct model *model, const struct pool *pool,
                const struct endpoint_state *states) ATTR_NONNULL;

/** States of some endpoints without the room that their texts leave, which is most of a state:
 *  copied in a tenth of the time, for other threads. */
struct packed_states {
    uint32_t first, n; /* endpoints */
    char *p;
};

/** Copies the states of endpoints[first .. first + n). To be freed by packed_states_free(). */
struct packed_states states_pack(const struct endpoint_state *states, uint32_t first,
                                 uint32_t n) ATTR_NONNULL ATTR_MUST_USE;
/** Puts them in their places among `states`. */
void states_unpack(struct endpoint_state *states, const struct packed_states *packed) ATTR_NONNULL;
void packed_states_free(struct packed_states *packed) ATTR_NONNULL;

const char *health_text(enum health health); /* "unknown" "up" "down" */
const char *override_text(enum override o);  /* "auto" "up" "down" "drain" */
/** The one word for tables: "up" "down" "unknown" "drain", with "!" after it for an override. */
const char *endpoint_state_text(const struct endpoint_state *s) ATTR_NONNULL;

/** Makes text from outside fit for logs and JSON: line breaks and tabs become blanks, what else
 * must not be shown is escaped (base/escape.h), cut to what fits. */
void reason_clean(char text[REASON_MAX]) ATTR_NONNULL;
