/* SPDX-License-Identifier: Apache-2.0
 * Picking endpoints out of a set: what happens per query once the verdict is known.
 *
 * weighted  successive sampling without replacement: each draw takes a candidate with probability
 *           weight / (sum of the weights not drawn yet). A draw from the whole set that is repeated
 *           while it hits one already drawn has just that distribution, and costs O(1) by the
 *           alias table; after REDRAWS misses the rest is summed up and drawn from exactly.
 * all       everything, from a random start, so that clients which take the first spread.
 * ordered   the first ones.
 * sticky    weighted rendezvous: candidate i scores -log2(u)/weight, where u is uniform and hangs
 *           on (candidate, client prefix) alone; the lowest scores win. The score is exponentially
 *           distributed with rate `weight`, so i wins with probability weight / sum, and taking
 *           one away moves only the clients it had. */
#include "base/hash.h"
#include "snapshot/log2.h"
#include "snapshot/view.h"

/* With the drawn share at 3/4 of the weight, one query in a hundred gets to the exact draw. */
#define REDRAWS 16

/* Which candidates were drawn: a bit each. */
struct drawn {
    uint64_t bits[PICKSET_MAX / 64];
};

static inline bool drawn_has(const struct drawn *drawn, uint32_t i)
{
    return drawn->bits[i / 64] >> (i % 64) & 1;
}

static inline void drawn_add(struct drawn *drawn, uint32_t i)
{
    drawn->bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline uint32_t draw_one(const struct pickset *set, struct rng *rng)
{
    if (set->alias == NULL)
        return rng_below(rng, set->n);
    return alias_draw(set->alias, set->n, rng);
}

static inline uint64_t weight_of(const struct pickset *set, uint32_t i)
{
    return set->alias == NULL ? 1 : set->weight[i];
}

/* A number in [0, n) for n past 32 bits; biased below n / 2^64. */
static inline uint64_t rng_below64(struct rng *rng, uint64_t n)
{
    __extension__ unsigned __int128 r = (unsigned __int128)rng_next(rng) * n;
    return (uint64_t)(r >> 64);
}

/* Draws by weight among the candidates not drawn yet; there is at least one. */
static uint32_t draw_rest(const struct pickset *set, const struct drawn *drawn, struct rng *rng)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < set->n; i++)
        total += drawn_has(drawn, i) ? 0 : weight_of(set, i);
    uint64_t at = rng_below64(rng, total);
    for (uint32_t i = 0;; i++) {
        uint64_t weight = drawn_has(drawn, i) ? 0 : weight_of(set, i);
        if (at < weight)
            return i;
        at -= weight;
    }
}

static uint32_t draw_another(const struct pickset *set, const struct drawn *drawn, struct rng *rng)
{
    for (unsigned redraw = 0; redraw < REDRAWS; redraw++) {
        uint32_t i = draw_one(set, rng);
        if (!drawn_has(drawn, i))
            return i;
    }
    return draw_rest(set, drawn, rng);
}

/* Goes on from the first draw, in out[0]. Not inlined: one draw alone needs no room for marks. */
static __attribute__((noinline)) void draw_others(const struct pickset *set, uint32_t want,
                                                  struct rng *rng, uint32_t *out)
{
    struct drawn drawn;
    for (uint32_t word = 0; word <= (set->n - 1) / 64; word++)
        drawn.bits[word] = 0;
    drawn_add(&drawn, out[0]);
    for (uint32_t k = 1; k < want; k++) {
        out[k] = draw_another(set, &drawn, rng);
        drawn_add(&drawn, out[k]);
    }
}

static inline uint32_t pick_weighted(const struct pickset *set, uint32_t want, struct rng *rng,
                                     uint32_t *out)
{
    out[0] = draw_one(set, rng);
    if (want > 1)
        draw_others(set, want, rng, out);
    return want;
}

static uint32_t pick_from(uint32_t start, uint32_t n, uint32_t want, uint32_t *out)
{
    for (uint32_t k = 0, i = start; k < want; k++) {
        out[k] = i;
        i = i + 1 == n ? 0 : i + 1;
    }
    return want;
}

static inline uint64_t prefix_hash(const struct ip *client, uint64_t seed)
{
    static_assert(STICKY_BITS_V4 % 8 == 0 && STICKY_BITS_V6 % 8 == 0, "whole bytes are hashed");
    return hash_bytes(seed, client->b,
                      client->family == IP_V4 ? STICKY_BITS_V4 / 8 : STICKY_BITS_V6 / 8);
}

/* A candidate with its score as a fraction, so that scores compare without a division. */
struct scored {
    uint64_t log; /* -log2(u), below 2^39 */
    uint32_t weight;
    uint32_t i;
};

/* log < 2^39 and weight < 2^20 (WEIGHT_MAX): the products fit. */
static inline bool scored_before(const struct scored *a, const struct scored *b)
{
    return a->log * b->weight < b->log * a->weight;
}

static inline struct scored score(const struct pickset *set, uint32_t i, uint64_t prefix)
{
    uint64_t u = hash_mix(set->sticky_id[i] ^ HASH_K1, prefix ^ HASH_K0) | 1;
    return (struct scored){log2_neg(u), set->weight[i], i};
}

static inline void sticky_first(const struct pickset *set, uint64_t prefix, uint32_t *out)
{
    struct scored best = score(set, 0, prefix);
    for (uint32_t i = 1; i < set->n; i++) {
        struct scored one = score(set, i, prefix);
        if (scored_before(&one, &best))
            best = one;
    }
    out[0] = best.i;
}

/* Keeps the best so far sorted, best first. */
static __attribute__((noinline)) void sticky_several(const struct pickset *set, uint32_t want,
                                                     uint64_t prefix, uint32_t *out)
{
    struct scored best[STICKY_ANSWERS_MAX];
    uint32_t n = 0;
    for (uint32_t i = 0; i < set->n; i++) {
        struct scored one = score(set, i, prefix);
        uint32_t at = n;
        while (at > 0 && scored_before(&one, &best[at - 1]))
            at--;
        if (at == want)
            continue;
        if (n < want)
            n++;
        for (uint32_t k = n - 1; k > at; k--)
            best[k] = best[k - 1];
        best[at] = one;
    }
    for (uint32_t k = 0; k < n; k++)
        out[k] = best[k].i;
}

static uint32_t pick_sticky(const struct pickset *set, uint32_t want, const struct ip *client,
                            uint64_t seed, uint32_t *out)
{
    uint64_t prefix = prefix_hash(client, seed);
    if (want > STICKY_ANSWERS_MAX)
        want = STICKY_ANSWERS_MAX;
    if (want == 1)
        sticky_first(set, prefix, out);
    else
        sticky_several(set, want, prefix, out);
    return want;
}

uint32_t pickset_pick(const struct pickset *set, uint8_t pick, uint32_t want, struct rng *rng,
                      const struct ip *client, uint64_t sticky_seed, uint32_t *out)
{
    if (want > set->n)
        want = set->n;
    if (want == 0)
        return 0;
    switch ((enum slot_pick)pick) {
    case SLOT_PICK_WEIGHTED:
        return pick_weighted(set, want, rng, out);
    case SLOT_PICK_ALL:
        return pick_from(rng_below(rng, set->n), set->n, want, out);
    case SLOT_PICK_STICKY:
        return pick_sticky(set, want, client, sticky_seed, out);
    case SLOT_PICK_ORDERED:
        break;
    }
    return pick_from(0, set->n, want, out);
}
