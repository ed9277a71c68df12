/* SPDX-License-Identifier: Apache-2.0
 * Buckets: for each power of two QUANTILES_SUB of equal width, told apart by the bits that follow
 * the first. What is told of a bucket is its middle, which is at most half a width, 1/16, off.
 *
 *     us = 0 0 1 s s s x x     power 5, s s s = which of the eight
 *
 * Below 2^3 a bucket is one value, and some are never used. */
#include "l4/quantiles.h"

#define SUB_BITS 3
#define BUCKETS (QUANTILES_SUB * QUANTILES_POWERS)
#define FADE_EVERY 4096

_Static_assert(QUANTILES_SUB == 1 << SUB_BITS, "sub-buckets are bits");

static uint32_t bucket_of(uint32_t us)
{
    if (us == 0)
        us = 1;
    uint32_t power = 31 - (uint32_t)__builtin_clz(us);
    if (power >= QUANTILES_POWERS)
        return BUCKETS - 1;
    uint32_t top = power >= SUB_BITS ? us >> (power - SUB_BITS) : us << (SUB_BITS - power);
    return power * QUANTILES_SUB + (top & (QUANTILES_SUB - 1));
}

static uint32_t middle_of(uint32_t bucket)
{
    uint32_t power = bucket / QUANTILES_SUB;
    uint32_t top = QUANTILES_SUB | bucket % QUANTILES_SUB;
    if (power <= SUB_BITS)
        return top >> (SUB_BITS - power);
    uint32_t shift = power - SUB_BITS;
    return (top << shift) + (1U << shift) / 2;
}

/* Half of an odd count is rounded up in every other bucket, and in the others the next time:
 * rounding down alone would take away the tail, whose buckets hold one or two. */
static void fade(struct quantiles *q, uint32_t nth)
{
    for (uint32_t i = 0; i < BUCKETS; i++) {
        uint32_t up = (i + nth) & 1, c = atomic_load_explicit(&q->counts[i], memory_order_relaxed);
        while (c > 0 &&
               !atomic_compare_exchange_weak_explicit(&q->counts[i], &c, (c + up) / 2,
                                                      memory_order_relaxed, memory_order_relaxed))
            ;
    }
}

void quantiles_add(struct quantiles *q, uint32_t us)
{
    atomic_fetch_add_explicit(&q->counts[bucket_of(us)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&q->sum_us, us, memory_order_relaxed);
    uint64_t n = atomic_fetch_add_explicit(&q->n, 1, memory_order_relaxed) + 1;
    if (n % FADE_EVERY == 0)
        fade(q, (uint32_t)(n / FADE_EVERY));
}

uint32_t quantiles_at(const struct quantiles *q, double share)
{
    uint32_t counts[BUCKETS];
    uint64_t total = 0, sum = 0;
    for (uint32_t i = 0; i < BUCKETS; i++)
        total += counts[i] = atomic_load_explicit(&q->counts[i], memory_order_relaxed);
    double rank = share * (double)total;
    for (uint32_t i = 0; i < BUCKETS; i++) {
        sum += counts[i];
        if (counts[i] > 0 && (double)sum >= rank)
            return middle_of(i);
    }
    return 0;
}
