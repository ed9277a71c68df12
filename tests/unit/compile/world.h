/* SPDX-License-Identifier: Apache-2.0
 * Models made by hand for tests of the compiler: sites, pools and states in one arena. */
#pragma once

#include "base/rng.h"
#include "compile/steer.h"
#include "compile/verdict.h"
#include "health/state.h"

#include <stdlib.h>

#define WORLD_SITES 8
#define WORLD_POOLS 5
#define WORLD_ENDPOINTS 256

struct world {
    struct arena *arena;
    struct model model;
    struct site sites[WORLD_SITES];
    struct pool pools[WORLD_POOLS];
    struct pool_site pool_sites[WORLD_POOLS][WORLD_SITES];
    bool named[WORLD_POOLS][WORLD_SITES];
    struct map maps[1];
    struct endpoint endpoints[WORLD_ENDPOINTS];
    struct endpoint_state states[WORLD_ENDPOINTS];
};

static inline struct world *world_new(uint32_t n_sites)
{
    static const struct site places[WORLD_SITES] = {
        {.name = "ams", .located = true, .latitude = 52.31, .longitude = 4.76},
        {.name = "iad", .located = true, .latitude = 38.95, .longitude = -77.45},
        {.name = "sin", .located = true, .latitude = 1.35, .longitude = 103.99},
        {.name = "gru", .located = true, .latitude = -23.43, .longitude = -46.47},
        {.name = "syd", .located = true, .latitude = -33.94, .longitude = 151.18},
        {.name = "nrt", .located = true, .latitude = 35.77, .longitude = 140.39},
        {.name = "lab"},
        {.name = "cab"},
    };
    struct arena *arena = arena_new();
    struct world *w = arena_calloc(arena, 1, sizeof *w);
    w->arena = arena;
    memcpy(w->sites, places, sizeof places);
    w->model = (struct model){.arena = arena,
                              .sites = w->sites,
                              .n_sites = n_sites,
                              .pools = w->pools,
                              .maps = w->maps,
                              .endpoints = w->endpoints};
    w->maps[0].name = "world";
    return w;
}

static inline void world_free(struct world *w)
{
    arena_free(w->arena);
}

/* Adds a pool without sites; the caller changes what differs from the defaults. */
static inline struct pool *world_pool(struct world *w)
{
    static const char *const names[WORLD_POOLS] = {"www", "other", "third", "fourth", "fifth"};
    uint32_t at = w->model.n_pools++;
    w->pools[at] = (struct pool){.name = names[at],
                                 .ttl = {30, 30},
                                 .pick = PICK_WEIGHTED,
                                 .answers = 1,
                                 .fallback = MODEL_NONE,
                                 .sites = w->pool_sites[at],
                                 .named = w->named[at]};
    return &w->pools[at];
}

/* Opens a site in the newest pool; endpoints that follow belong to it. */
static inline struct pool_site *world_site(struct world *w, uint32_t site)
{
    struct pool *pool = &w->pools[w->model.n_pools - 1];
    struct pool_site *at = &w->pool_sites[w->model.n_pools - 1][pool->n_sites++];
    *at = (struct pool_site){.site = site, .first_endpoint = w->model.n_endpoints};
    return at;
}

/* Adds an endpoint, up and without checks; its address is made from its index. */
static inline struct endpoint_state *world_endpoint(struct world *w, uint8_t family,
                                                    uint32_t weight)
{
    uint32_t p = w->model.n_pools - 1, at = w->model.n_endpoints++;
    struct pool *pool = &w->pools[p];
    struct pool_site *site = &w->pool_sites[p][pool->n_sites - 1];
    struct endpoint *e = &w->endpoints[at];
    *e = (struct endpoint){.pool = p, .site = site->site, .weight = weight};
    e->label = e->key = arena_printf(w->arena, "e%u", at);
    if (family == IP_V4)
        e->addr = (struct ip){{192, 0, 2, (uint8_t)at}, IP_V4};
    else if (family == IP_V6)
        e->addr = (struct ip){{0x20, 1, 0x0d, 0xb8, [15] = (uint8_t)at}, IP_V6};
    else
        e->cname = slice_of(arena_printf(w->arena, "%c%s", (char)strlen(e->label), e->label),
                            strlen(e->label) + 2);
    pool->has_v4 = pool->has_v4 || family == IP_V4;
    pool->has_v6 = pool->has_v6 || family == IP_V6;
    pool->is_cname = pool->is_cname || family == IP_NONE;
    site->has_v4 = site->has_v4 || family == IP_V4;
    site->has_v6 = site->has_v6 || family == IP_V6;
    site->n_endpoints++;
    w->states[at] = (struct endpoint_state){.health = HEALTH_UP,
                                            .weight_override = -1,
                                            .override_until_s = INT64_MAX,
                                            .weight_until_s = INT64_MAX,
                                            .flip_s = FLIP_NEVER};
    return &w->states[at];
}

/** The first three sites in their order, for everybody. */
static const uint32_t world_forward[] = {0, 1, 2};
static const struct u32_list world_in_order[] = {{world_forward, 3}};
static const struct steering by_order = {
    .kind = STEER_ORDER, .n_classes = 1, .class_sites = world_in_order};

/** ams: two v4 and one v6; iad: one of each; sin: one v4. */
static inline struct world *three_sites(void)
{
    struct world *w = world_new(3);
    struct pool *pool = world_pool(w);
    pool->steer = STEER_ORDER;
    world_site(w, 0);
    world_endpoint(w, IP_V4, 1);
    world_endpoint(w, IP_V4, 9);
    world_endpoint(w, IP_V6, 1);
    world_site(w, 1);
    world_endpoint(w, IP_V4, 1);
    world_endpoint(w, IP_V6, 1);
    world_site(w, 2);
    world_endpoint(w, IP_V4, 1);
    for (uint32_t e = 0; e < w->model.n_endpoints; e++)
        w->states[e].checked = true;
    return w;
}
