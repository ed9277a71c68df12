/* SPDX-License-Identifier: Apache-2.0
 * Walker's alias method by Vose's construction, in integers.
 *
 * Weight i is scaled to weight * n, so that the mean is `total`. A column that is short of the mean
 * is filled up from one that is above it: the short one keeps its own part of the column and names
 * the other for the rest. Each step closes one column, and what is left at the end is exactly full.
 * Rounding happens once, when a part becomes a 32-bit fraction: an error below 2^-32 a column. */
#include "compile/alias.h"

#include "base/vec.h"

struct work {
    uint64_t *left;        /* what of weight * n is not placed yet */
    uint32_t *small, *big; /* stacks of columns below and not below the mean */
    uint32_t n_small, n_big;
};

static void put(struct work *work, uint32_t i, uint64_t total)
{
    if (work->left[i] < total)
        work->small[work->n_small++] = i;
    else
        work->big[work->n_big++] = i;
}

/* left / total as a fraction of 2^32; left < total < 2^52. */
static uint32_t share(uint64_t left, uint64_t total)
{
    __extension__ unsigned __int128 scaled = (unsigned __int128)left << 32;
    return (uint32_t)(scaled / total);
}

static void fill(struct work *work, struct alias_slot *columns, uint64_t total)
{
    while (work->n_small > 0 && work->n_big > 0) {
        uint32_t low = work->small[--work->n_small];
        uint32_t high = work->big[--work->n_big];
        columns[low] = (struct alias_slot){share(work->left[low], total), high};
        work->left[high] -= total - work->left[low];
        put(work, high, total);
    }
}

const struct alias_slot *alias_table(struct arena *arena, const uint32_t *weight, uint32_t n)
{
    struct alias_slot *columns = arena_calloc(arena, n, sizeof *columns);
    uint64_t total = 0;
    struct work work = {xcalloc(n, sizeof(uint64_t)), xcalloc(n, sizeof(uint32_t)),
                        xcalloc(n, sizeof(uint32_t)), 0, 0};
    for (uint32_t i = 0; i < n; i++) {
        total += weight[i];
        work.left[i] = (uint64_t)weight[i] * n;
        columns[i] = (struct alias_slot){UINT32_MAX, i};
    }
    for (uint32_t i = 0; i < n; i++)
        put(&work, i, total);
    fill(&work, columns, total);
    free(work.left);
    free(work.small);
    free(work.big);
    return columns;
}

const struct alias_slot *alias_build(struct arena *arena, const uint32_t *weight, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        if (weight[i] != weight[0])
            return alias_table(arena, weight, n);
    }
    return NULL;
}
