/* SPDX-License-Identifier: Apache-2.0
 * Pool views: what a pool answers now, per class of clients.
 *
 * A class is the index that a steering's client table gives for an address. For each pool a
 * `struct pool_view` holds one verdict per class with all policy and health applied: a query loads
 * the verdict, picks, and copies. Views are immutable; when health or an override changes, the
 * control thread builds the pool's next view (compile/verdict.h) and swaps the one pointer in
 * `struct pool_slot` (publish.h). A view lives in its own arena, freed after a grace period. */
#pragma once

#include "base/lpm.h"
#include "base/rng.h"

#include <assert.h>
#include <stdatomic.h>

/** How a pool picks: the values of enum pick_kind of model.h, which lies above this. */
enum slot_pick { SLOT_PICK_WEIGHTED, SLOT_PICK_ALL, SLOT_PICK_ORDERED, SLOT_PICK_STICKY };

#define PICKSET_MAX 4096      /* candidates of a set: more A records than a message can hold */
#define STICKY_ANSWERS_MAX 64 /* SLOT_PICK_STICKY gives no more at once */

/** One column of an alias table (Walker; Vose's construction): draw i uniformly, keep i if the
 *  second draw is below `keep`, else take `other`. */
struct alias_slot {
    uint32_t keep; /* of 2^32 */
    uint32_t other;
};

static inline uint32_t alias_draw(const struct alias_slot *columns, uint32_t n, struct rng *rng)
{
    uint64_t r = rng_next(rng);
    uint32_t i = (uint32_t)(((r >> 32) * n) >> 32);
    return (uint32_t)r < columns[i].keep ? i : columns[i].other;
}

/** The candidates of one family, those that may be answered now, in configured order. */
struct pickset {
    uint32_t n;               /* at most PICKSET_MAX; 0: see verdict.mode */
    const uint8_t *rdata;     /* n * rdlen bytes for addresses; for names, see `name` */
    const struct slice *name; /* CNAME pools: n uncompressed targets; NULL otherwise */
    const struct alias_slot
        *alias;             /* n columns; NULL: all weights equal, or pick is not weighted */
    const uint32_t *weight; /* n; never 0 */
    /* SLOT_PICK_WEIGHTED, but for names: the candidates by weight, heaviest first (n), and the
     * weight of all before each of them (n + 1). */
    const uint32_t *ranked;
    const uint64_t *sums;
    const uint64_t
        *sticky_id; /* n hashes that are the same on every server; SLOT_PICK_STICKY only */
    const uint32_t *endpoint; /* n indices into the model, for explain and tests */
};

/* Only VERDICT_ANSWER has candidates, and it has at least one. */
enum verdict_mode { VERDICT_ANSWER, VERDICT_NODATA, VERDICT_SERVFAIL, VERDICT_FALLBACK };

#define TTL_NEVER UINT32_MAX

struct verdict {
    uint8_t mode[2];   /* enum verdict_mode, by family as in `set`: one family can be all down */
    uint32_t fallback; /* pool, for VERDICT_FALLBACK */
    uint32_t flip_s;   /* soonest that any input could flip, unclamped; TTL_NEVER: none can */
    int64_t expires_s; /* wall clock at which an override ends: caps the TTL; INT64_MAX: none */
    struct pickset set[2]; /* [0] A, or the names of a CNAME pool; [1] AAAA */
};

struct pool_view {
    struct arena *arena;         /* owns this view */
    uint32_t n_classes, n_sites; /* n_sites: 0 unless dynamic names ask for sites alone */
    /* n_classes + n_sites: index into verdicts. Those past the classes are for names that ask for
     * one of the pool's sites alone, whoever asks; what no name asks for has 0 there. */
    const uint32_t *class_verdict;
    const struct verdict *verdicts; /* distinct ones; many classes share one */
    uint32_t n_verdicts;
    const struct alias_slot *split; /* STEER_SPLIT: draws the class; NULL otherwise */
};

/* What a client table's value says: the class, and whether nothing was known of the address: it is
 * of a range that is never routed in public (RFC 1918, RFC 6598, RFC 4193, loopback, link-local),
 * and no map, network or database places it. Then the class is what such an address gets when it is
 * the resolver's own; in EDNS client subnet it makes the server use the resolver's address instead
 * (RFC 7871 11.3). Such ranges are leaves of their own, so that no neighbour's depth covers them.
 */
#define CLIENT_UNPLACED (1u << 23)
#define CLIENT_CLASS(value) ((value) & (CLIENT_UNPLACED - 1))

/** The unchanging part of a pool, and the one word of it that changes. */
struct pool_slot {
    _Atomic(const struct pool_view *) view;
    const struct lpm *clients; /* address -> class, CLIENT_*; NULL: the client does not matter */
    uint64_t sticky_seed;      /* from the pool's seed: the same on every server */
    uint32_t ttl_min_s, ttl_max_s;
    uint32_t answers; /* at most; UINT32_MAX: all */
    uint8_t pick;     /* enum slot_pick */
    uint8_t is_cname;
};

#define STICKY_BITS_V4 24
#define STICKY_BITS_V6 56

/** Picks up to `want` distinct candidates into `out` (indices into the set), returns how many.
 *  `client` matters to SLOT_PICK_STICKY only. No allocation, no library call, no division. */
uint32_t pickset_pick(const struct pickset *set, uint8_t pick, uint32_t want, struct rng *rng,
                      const struct ip *client, uint64_t sticky_seed,
                      uint32_t *out) ATTR_NONNULL ATTR_HOT;
