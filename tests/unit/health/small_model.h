/* SPDX-License-Identifier: Apache-2.0
 * Models of pools, sites, endpoints and prefix sets whose names a test changes: each pool has each
 * site, and an endpoint is known by its address whatever it is called. */
#pragma once

#include "health/decide.h"
#include "health/follow.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_POOLS 3
#define SMALL_SITES 3
#define SMALL_IN_SITE 4
#define SMALL_ENDPOINTS (SMALL_POOLS * SMALL_SITES * SMALL_IN_SITE)
#define SMALL_SETS 5 /* two of the first site, the last of none */
#define SMALL_NAME 24

/** What a test turns: an endpoint's number is (pool * sites + site) * SMALL_IN_SITE + place. */
struct small {
    char sites[SMALL_SITES][SMALL_NAME];
    char names[SMALL_ENDPOINTS][SMALL_NAME]; /* "": it goes by its address */
    bool absent[SMALL_ENDPOINTS];
    bool absent_set[SMALL_SETS];
};

static const char *const small_sets[SMALL_SETS] = {"a0", "a1", "b0", "b1", "c"};

/** MODEL_NONE: none. */
static inline uint32_t small_set_site(uint32_t set)
{
    return set == SMALL_SETS - 1 ? MODEL_NONE : set % SMALL_SITES;
}

static inline void small_init(struct small *s)
{
    *s = (struct small){0};
    for (int i = 0; i < SMALL_SITES; i++)
        snprintf(s->sites[i], SMALL_NAME, "s%d", i);
    for (int i = 0; i < SMALL_ENDPOINTS; i += 2)
        snprintf(s->names[i], SMALL_NAME, "w%d", i);
}

static inline const char *small_address(char out[SMALL_NAME], uint32_t number)
{
    if (number % SMALL_IN_SITE == SMALL_IN_SITE - 1)
        snprintf(out, SMALL_NAME, "2001:db8::%x", number + 1);
    else
        snprintf(out, SMALL_NAME, "192.0.2.%u", number + 1);
    return out;
}

static inline int small_fill_site(struct small *s, struct arena *arena, struct endpoint *v,
                                  uint32_t *number, uint32_t pool, uint32_t site)
{
    int n = 0;
    char text[SMALL_NAME];
    for (uint32_t i = 0; i < SMALL_IN_SITE; i++) {
        uint32_t e = (pool * SMALL_SITES + site) * SMALL_IN_SITE + i;
        if (s->absent[e])
            continue;
        struct endpoint *out = &v[n];
        *out = (struct endpoint){.pool = pool, .site = site, .weight = 1};
        int bad = ip_parse(&out->addr, small_address(text, e));
        assert(!bad);
        (void)bad;
        out->name = *s->names[e] ? arena_strdup(arena, s->names[e]) : NULL;
        out->label = out->name ? out->name : arena_strdup(arena, text);
        number[n++] = e;
    }
    return n;
}

static inline void small_fill_sets(struct small *s, struct arena *arena, struct model *m)
{
    struct prefix_set *sets = arena_calloc(arena, SMALL_SETS, sizeof *sets);
    for (uint32_t i = 0; i < SMALL_SETS; i++)
        if (!s->absent_set[i])
            sets[m->n_prefix_sets++] =
                (struct prefix_set){.name = small_sets[i], .site = small_set_site(i)};
    m->prefix_sets = sets;
}

/** The model, in `arena`; numbers[i] is the number of its endpoint i. */
static inline struct model *small_model(struct small *s, struct arena *arena,
                                        uint32_t numbers[SMALL_ENDPOINTS])
{
    struct model *m = arena_calloc(arena, 1, sizeof *m);
    struct site *sites = arena_calloc(arena, SMALL_SITES, sizeof *sites);
    struct pool *pools = arena_calloc(arena, SMALL_POOLS, sizeof *pools);
    struct endpoint *endpoints = arena_calloc(arena, SMALL_ENDPOINTS, sizeof *endpoints);
    for (uint32_t i = 0; i < SMALL_SITES; i++)
        sites[i].name = arena_strdup(arena, s->sites[i]);
    *m = (struct model){.sites = sites,
                        .n_sites = SMALL_SITES,
                        .pools = pools,
                        .n_pools = SMALL_POOLS,
                        .endpoints = endpoints};
    for (uint32_t p = 0; p < SMALL_POOLS; p++) {
        struct pool_site *in = arena_calloc(arena, SMALL_SITES, sizeof *in);
        pools[p] = (struct pool){
            .name = arena_printf(arena, "p%u", p), .sites = in, .n_sites = SMALL_SITES};
        for (uint32_t i = 0; i < SMALL_SITES; i++) {
            in[i] = (struct pool_site){.site = i, .first_endpoint = m->n_endpoints};
            in[i].n_endpoints = (uint32_t)small_fill_site(s, arena, &endpoints[m->n_endpoints],
                                                          &numbers[m->n_endpoints], p, i);
            m->n_endpoints += in[i].n_endpoints;
        }
    }
    small_fill_sets(s, arena, m);
    return m;
}
