/* SPDX-License-Identifier: Apache-2.0
 * Picking endpoints out of a set: what happens per query once the verdict is known.
 *
 *  - weighted: one is drawn by the alias table. Several by systematic sampling: the candidates lie
 *    on a line, each as long as its weight, and as many points as are wanted, at equal distances
 *    from a random start, fall on them. Each is in with probability want * weight / sum, exactly,
 *    and as a set is settled by where the start lies between two ends of candidates, there are no
 *    more different sets than candidates. What is longer than the distance between points is always
 *    in, and the line is made of the others. Each comes first with probability weight / sum, as if
 *    one had been wanted; the others follow in a ring.
 *  - all: everything, from a random start, so that clients which take the first spread.
 *  - ordered: the first ones.
 *  - sticky: weighted rendezvous. Candidate i scores -log2(u)/weight, where u is uniform and hangs
 *    on (candidate, client prefix) alone; the lowest scores win. The score is exponentially
 *    distributed with rate `weight`, so i wins with probability weight / sum, and taking one away
 *    moves only the clients it had. */
#include "base/hash.h"
#include "snapshot/log2.h"
#include "snapshot/view.h"

static inline uint32_t draw_one(const struct pickset *set, struct rng *rng)
{
    if (set->alias == NULL)
        return rng_below(rng, set->n);
    return alias_draw(set->alias, set->n, rng);
}

static uint32_t pick_from(uint32_t start, uint32_t n, uint32_t want, uint32_t *out)
{
    for (uint32_t k = 0, i = start; k < want; k++) {
        out[k] = i;
        i = i + 1 == n ? 0 : i + 1;
    }
    return want;
}

/* --- several by weight --- */

/* A number in [0, n), n past 32 bits, biased below n / 2^64; *rest is how far it lies towards the
 * next, as a fraction of 2^64. */
static inline uint64_t draw_below(struct rng *rng, uint64_t n, uint64_t *rest)
{
    __extension__ unsigned __int128 r = (unsigned __int128)rng_next(rng) * n;
    *rest = (uint64_t)r;
    return (uint64_t)(r >> 64);
}

static inline uint32_t scale(uint64_t fraction, uint32_t n)
{
    __extension__ unsigned __int128 r = (unsigned __int128)fraction * n;
    return (uint32_t)(r >> 64);
}

/* The line of those that are not always in; lengths are counted in 1/points of the weight, so that
 * the distance between two points is `total`. */
struct line {
    uint32_t first, points; /* ranks below `first` are always in */
    uint64_t before, total; /* their weight, and that of the line */
};

static inline struct line draw_line(const struct pickset *set, uint32_t want)
{
    struct line line = {0, want, 0, set->sums[set->n]};
    const uint64_t *end = set->sums + 1;
    while (line.points * (*end - line.before) >= line.total) {
        line.total -= *end - line.before;
        line.before = *end++;
        line.points--;
        line.first++;
    }
    return line;
}

/* The rank that the point `at` falls on, from rank `low` on. Always as many steps: which way they
 * go cannot be predicted. */
static inline uint32_t rank_at(const struct pickset *set, const struct line *line, uint32_t low,
                               uint64_t at)
{
    const uint64_t *from = set->sums + low;
    for (uint32_t len = set->n - low; len > 1; len -= len / 2)
        from += line->points * (from[len / 2] - line->before) <= at ? len / 2 : 0;
    return (uint32_t)(from - set->sums);
}

/* Which of the picks comes first: one of those that are always in as often as a single draw would
 * take it, else any point. */
static inline uint32_t draw_first(const struct pickset *set, const struct line *line,
                                  uint64_t fraction, struct rng *rng)
{
    if (line->first > 0) {
        uint64_t rest, at = draw_below(rng, set->sums[set->n], &rest);
        for (uint32_t rank = 0; at < line->before; rank++) {
            if (at < set->sums[rank + 1])
                return rank;
        }
    }
    return line->first + scale(fraction, line->points);
}

/* Not all: `want` is below set->n. */
static __attribute__((noinline)) void draw_several(const struct pickset *set, uint32_t want,
                                                   struct rng *rng, uint32_t *out)
{
    struct line line = draw_line(set, want);
    uint64_t fraction, at = draw_below(rng, line.total, &fraction);
    uint32_t first = draw_first(set, &line, fraction, rng);
    uint32_t to = first > 0 ? want - first : 0, rank = line.first;
    for (uint32_t k = 0; k < want; k++) {
        if (LIKELY(k >= line.first)) {
            rank = rank_at(set, &line, rank, at);
            at += line.total;
        }
        out[to] = set->ranked[k < line.first ? k : rank];
        to = to + 1 == want ? 0 : to + 1;
    }
}

static inline uint32_t pick_weighted(const struct pickset *set, uint32_t want, struct rng *rng,
                                     uint32_t *out)
{
    if (LIKELY(want == 1))
        out[0] = draw_one(set, rng);
    else if (want < set->n)
        draw_several(set, want, rng, out);
    else
        (void)pick_from(draw_one(set, rng), want, want, out);
    return want;
}

/* --- sticky --- */

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
