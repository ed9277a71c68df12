/* SPDX-License-Identifier: Apache-2.0
 * Sets of candidates. */
#include "compile/candidates.h"

#include "compile/alias.h"

#include <stdlib.h>

struct builder {
    struct arena *arena;
    const struct model *model;
    uint32_t *endpoint, *weight;
    uint32_t n;
    bool partial; /* one of them has a part of its weight only */
};

/* In sixteenths, for all alike; whole weights where each has all of its own. */
static void weigh_shares(struct builder *b, const struct endpoint_state *states)
{
    for (uint32_t i = 0; b->partial && i < b->n; i++)
        b->weight[i] =
            endpoint_share_weight(&b->model->endpoints[b->endpoint[i]], &states[b->endpoint[i]]);
}

static void collect(struct builder *b, const struct pool_site *site,
                    const struct endpoint_state *states, unsigned family, enum candidate_rule rule)
{
    for (uint32_t i = site->first_endpoint; i < site->first_endpoint + site->n_endpoints; i++) {
        const struct endpoint *e = &b->model->endpoints[i];
        if (endpoint_family(e) != family || !endpoint_is_candidate(e, &states[i], rule))
            continue;
        b->partial |= endpoint_share(&states[i]) < SHARE_FULL;
        b->endpoint[b->n] = i;
        b->weight[b->n++] = endpoint_weight(e, &states[i]);
    }
}

static const uint8_t *addresses(const struct builder *b, unsigned family)
{
    uint32_t len = family == 0 ? 4 : 16;
    uint8_t *rdata = arena_alloc(b->arena, (size_t)b->n * len);
    for (uint32_t i = 0; i < b->n; i++)
        memcpy(rdata + (size_t)i * len, b->model->endpoints[b->endpoint[i]].addr.b, len);
    return rdata;
}

static const struct slice *names(const struct builder *b)
{
    struct slice *name = arena_calloc(b->arena, b->n, sizeof *name);
    for (uint32_t i = 0; i < b->n; i++) {
        struct slice target = b->model->endpoints[b->endpoint[i]].cname;
        name[i] = slice_of(arena_copy(b->arena, target.p, target.n), target.n);
    }
    return name;
}

/* Of what is configured, so that every server has the same; not of names, so that giving one to an
 * endpoint or a site, or grouping sites otherwise, moves nobody. */
static const uint64_t *sticky_ids(const struct builder *b)
{
    uint64_t *ids = arena_calloc(b->arena, b->n, sizeof *ids);
    for (uint32_t i = 0; i < b->n; i++) {
        const struct endpoint *e = &b->model->endpoints[b->endpoint[i]];
        struct slice key = slice_str(e->key);
        ids[i] = hash_bytes(e->key_nth, key.p, key.n);
    }
    return ids;
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* For draws of several: by weight, equal ones in the order of the file. */
static void rank(struct pickset *set, const struct builder *b)
{
    uint64_t *keys = xcalloc(b->n, sizeof *keys);
    uint32_t *ranked = arena_calloc(b->arena, b->n, sizeof *ranked);
    uint64_t *sums = arena_calloc(b->arena, b->n + 1, sizeof *sums);
    for (uint32_t i = 0; i < b->n; i++)
        keys[i] = (uint64_t)~b->weight[i] << 32 | i;
    if (set->alias) /* else they are equal */
        qsort(keys, b->n, sizeof *keys, compare_keys);
    for (uint32_t i = 0; i < b->n; i++) {
        ranked[i] = (uint32_t)keys[i];
        sums[i + 1] = sums[i] + b->weight[ranked[i]];
    }
    free(keys);
    set->ranked = ranked;
    set->sums = sums;
}

struct pickset candidates_of(struct arena *arena, const struct model *model,
                             const struct pool *pool, const struct endpoint_state *states,
                             uint32_t first_site, uint32_t n_sites, unsigned family,
                             enum candidate_rule rule)
{
    uint32_t max = 0;
    for (uint32_t i = first_site; i < first_site + n_sites; i++)
        max += pool->sites[i].n_endpoints;
    struct builder b = {arena,
                        model,
                        arena_calloc(arena, max, sizeof(uint32_t)),
                        arena_calloc(arena, max, sizeof(uint32_t)),
                        0,
                        false};
    for (uint32_t i = first_site; i < first_site + n_sites; i++)
        collect(&b, &pool->sites[i], states, family, rule);
    weigh_shares(&b, states);
    struct pickset set = {.n = b.n, .endpoint = b.endpoint, .weight = b.weight};
    if (pool->is_cname)
        set.name = names(&b);
    else
        set.rdata = addresses(&b, family);
    if (pool->pick == PICK_WEIGHTED)
        set.alias = alias_build(arena, b.weight, b.n);
    if (pool->pick == PICK_WEIGHTED && !pool->is_cname)
        rank(&set, &b);
    if (pool->pick == PICK_STICKY)
        set.sticky_id = sticky_ids(&b);
    return set;
}
