/* SPDX-License-Identifier: Apache-2.0
 * Levels of client networks. */
#include "answer/limiter.h"

#include <stdlib.h>

#define LEVEL_BITS 22
#define TICK_BITS 22
#define TAG_SHIFT (LEVEL_BITS + TICK_BITS)
#define TICK_MASK ((1u << TICK_BITS) - 1)
#define LEVEL_MASK ((1u << LEVEL_BITS) - 1)
static_assert(LEVEL_MAX <= LEVEL_MASK, "a level fits");

/* What is so full is not given up for a network that comes anew. */
#define LEVEL_KEPT (LEVEL_FULL / 2)

struct limiter *limiter_new(void)
{
    struct limiter *l = aligned_alloc(64, sizeof *l);
    if (!l)
        return NULL;
    memset(l, 0, sizeof *l);
    l->seed = hash_mix(hash_seed(), HASH_K1);
    return l;
}

void limiter_free(struct limiter *l)
{
    free(l);
}

struct ip_prefix limiter_prefix(uint64_t network)
{
    struct ip_prefix p = {.addr.family = (uint8_t)(network >> 56)};
    p.len = p.addr.family == IP_V4 ? 24 : 56;
    for (unsigned i = 0; i < p.len / 8u; i++)
        p.addr.b[i] = (uint8_t)(network >> 8 * i);
    return p;
}

uint64_t limiter_decay(uint64_t value, uint32_t ticks)
{
    /* e^(-i/32) and e^(-i), of 2^16. */
    static const uint16_t fine[LEVEL_TICKS] = {65535, 63520, 61565, 59671, 57835, 56056, 54331,
                                               52660, 51039, 49469, 47947, 46472, 45042, 43656,
                                               42313, 41011, 39750, 38527, 37341, 36192, 35079,
                                               34000, 32954, 31940, 30957, 30005, 29081, 28187,
                                               27319, 26479, 25664, 24875};
    static const uint16_t coarse[8] = {65535, 24109, 8869, 3263, 1200, 442, 162, 60};
    if (ticks == 0)
        return value;
    if (ticks >= LEVEL_TICKS * ARRAY_LEN(coarse))
        return 0;
    value = value * fine[ticks % LEVEL_TICKS] >> 16;
    return ticks < LEVEL_TICKS ? value : value * coarse[ticks / LEVEL_TICKS] >> 16;
}

/* --- buckets --- */

struct candidates {
    uint32_t tag, at[2];
};

static inline uint64_t hash_of(const struct limiter *l, uint64_t network)
{
    return hash_mix(network ^ l->seed, HASH_K0);
}

static inline struct candidates candidates_of(uint64_t hash)
{
    return (struct candidates){(uint32_t)(hash >> TAG_SHIFT),
                               {hash & (LIMITER_BUCKETS - 1), hash >> 16 & (LIMITER_BUCKETS - 1)}};
}

static inline uint32_t level_at(uint64_t word, uint32_t tick)
{
    uint32_t passed = (tick - (uint32_t)(word >> LEVEL_BITS)) & TICK_MASK;
    return (uint32_t)limiter_decay(word & LEVEL_MASK, passed);
}

uint64_t limiter_prefetch(const struct limiter *l, uint64_t network)
{
    uint64_t hash = hash_of(l, network);
    struct candidates c = candidates_of(hash);
    __builtin_prefetch((const void *)&l->bucket[c.at[0]]);
    __builtin_prefetch((const void *)&l->bucket[c.at[1]]);
    return hash;
}

uint32_t limiter_level(const struct limiter *l, uint64_t network, uint32_t tick)
{
    struct candidates c = candidates_of(hash_of(l, network));
    for (unsigned i = 0; i < 2; i++) {
        uint64_t word = atomic_load_explicit(&l->bucket[c.at[i]], memory_order_relaxed);
        if (word >> TAG_SHIFT == c.tag)
            return level_at(word, tick);
    }
    return 0;
}

/* The bucket to charge and what is in it already; NULL: none is to be had. */
static inline _Atomic uint64_t *bucket_for(struct limiter *l, const struct candidates *c,
                                           uint32_t tick, uint64_t more, uint32_t *level)
{
    uint64_t word[2];
    for (unsigned i = 0; i < 2; i++) {
        word[i] = atomic_load_explicit(&l->bucket[c->at[i]], memory_order_relaxed);
        if (word[i] >> TAG_SHIFT == c->tag) {
            *level = level_at(word[i], tick);
            return &l->bucket[c->at[i]];
        }
    }
    uint32_t first = level_at(word[0], tick), second = level_at(word[1], tick);
    uint32_t lower = first < second ? first : second;
    *level = 0;
    if (UNLIKELY(lower >= LEVEL_KEPT && lower >= more))
        return NULL;
    return &l->bucket[c->at[second < first]];
}

uint32_t limiter_charge(struct limiter *l, const struct rate_policy *policy, uint64_t hash,
                        uint32_t bytes, uint32_t tick)
{
    uint32_t before;
    uint64_t more = bytes * policy->levels_per_byte >> 20;
    struct candidates c = candidates_of(hash);
    _Atomic uint64_t *bucket = bucket_for(l, &c, tick, more, &before);
    if (UNLIKELY(!bucket))
        return 0;
    uint64_t level = before + more < LEVEL_MAX ? before + more : LEVEL_MAX;
    uint64_t word =
        (uint64_t)c.tag << TAG_SHIFT | (uint64_t)(tick & TICK_MASK) << LEVEL_BITS | level;
    /* At its end in the same tick: no line is taken from another core for nothing. */
    if (LIKELY(atomic_load_explicit(bucket, memory_order_relaxed) != word))
        atomic_store_explicit(bucket, word, memory_order_relaxed);
    return (uint32_t)level;
}

/* --- pressure --- */

static bool is_wholly_exempt(const struct rate_policy *policy, uint64_t network)
{
    struct ip_prefix prefix = limiter_prefix(network);
    if (!policy->exempt)
        return false;
    struct lpm_leaf leaf = lpm_lookup(policy->exempt, &prefix.addr);
    return leaf.value != 0 && leaf.depth <= prefix.len;
}

/* A level over the burst falls below it within ln 2 = 0.7 spans. */
void limiter_press(struct limiter *l, const struct rate_policy *policy, uint64_t network,
                   int64_t now_ms)
{
    if (is_wholly_exempt(policy, network))
        return;
    int64_t until = now_ms + policy->span_ms;
    int64_t before = atomic_load_explicit(&l->pressed_until_ms, memory_order_relaxed);
    if (until - before > policy->span_ms / 8 || before > until)
        atomic_store_explicit(&l->pressed_until_ms, until, memory_order_relaxed);
}

/* --- notes --- */

/* From here on a network's answers are counted sixteen at a time, by one in sixteen. */
#define NOTED_EXACTLY 64
#define NOTED_SHARE 16

static struct limiter_acting *note_of(struct limiter *l, uint64_t network)
{
    struct limiter_acting *least = &l->acting[0];
    uint64_t least_n = UINT64_MAX;
    for (unsigned i = 0; i < LIMITER_ACTING; i++) {
        struct limiter_acting *a = &l->acting[i];
        uint64_t n = atomic_load_explicit(&a->n, memory_order_relaxed);
        if (atomic_load_explicit(&a->network, memory_order_relaxed) == network)
            return a;
        if (n < least_n) {
            least_n = n;
            least = a;
        }
    }
    return least;
}

void limiter_note(struct limiter *l, uint64_t network, uint64_t draw)
{
    struct limiter_acting *a = note_of(l, network);
    uint64_t n = atomic_load_explicit(&a->n, memory_order_relaxed);
    if (atomic_load_explicit(&a->network, memory_order_relaxed) != network) {
        atomic_store_explicit(&a->network, network, memory_order_relaxed);
        atomic_store_explicit(&a->n, 1, memory_order_relaxed);
    } else if (n < NOTED_EXACTLY) {
        atomic_store_explicit(&a->n, n + 1, memory_order_relaxed);
    } else if (draw % NOTED_SHARE == 0) {
        atomic_store_explicit(&a->n, n + NOTED_SHARE, memory_order_relaxed);
    }
}
