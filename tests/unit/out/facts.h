/* SPDX-License-Identifier: Apache-2.0
 * Facts made by hand: one pool over three sites, steered in order, and what is known of it. */
#pragma once

#include "out/facts.h"
#include "tests/unit/compile/world.h"

#include <stdio.h>

struct scene {
    struct world *world;
    struct generation generation;
    struct snapshot snapshot;
    struct steering steering;
    uint32_t order[3], of_pool[WORLD_POOLS];
    struct u32_list class_sites;
    struct facts facts;
    struct level_table *levels;
    struct zone zone;
};

/* The levels of the states as they are now. */
static inline void scene_levels(struct scene *s)
{
    level_table_free(s->levels);
    s->levels = level_table_new(&s->world->model, s->world->states);
    s->facts.levels = s->levels;
}

/* Pool www: ams with e0 (weight 1) and e1 (weight 3), iad with e2, sin with e3; order ams iad sin.
 */
static inline struct scene *scene_new(void)
{
    struct world *w = world_new(3);
    struct scene *s = arena_calloc(w->arena, 1, sizeof *s);
    s->world = w;
    struct pool *pool = world_pool(w);
    for (uint32_t site = 0; site < 3; site++) {
        world_site(w, site);
        world_endpoint(w, IP_V4, 1);
        if (site == 0)
            world_endpoint(w, IP_V4, 3);
        s->order[site] = site;
    }
    pool->steer = STEER_ORDER;
    pool->order = (struct u32_list){s->order, 3};
    s->class_sites = pool->order;
    s->steering = (struct steering){.n_classes = 1, .class_sites = &s->class_sites};
    w->model.path = "/etc/loadstar/loadstar.yaml";
    w->model.file_hash = 0xabc;
    w->model.zones = &s->zone;
    w->model.n_zones = w->model.server.n_listen = 1;
    w->model.loaded_wall_ms = 1000000;
    s->generation = (struct generation){.number = 7, .model = &w->model};
    s->snapshot = (struct snapshot){.n_read = 2, .n_kept = 3};
    s->generation.snapshot = &s->snapshot;
    s->generation.steerings = (struct steerings){&s->steering, 1, s->of_pool};
    s->facts = (struct facts){.generation = &s->generation,
                              .states = w->states,
                              .rates = {-1, -1, -1},
                              .reload.errors = "",
                              .disk = DISK_SAME,
                              .zones_read = 2,
                              .zones_kept = 3,
                              .now_ms = 1090000,
                              .started_ms = 1000000,
                              .ready = true};
    scene_levels(s);
    return s;
}

static inline void scene_free(struct scene *s)
{
    level_table_free(s->levels);
    world_free(s->world);
}

/* What is checked for a prefix set "dns", in ams: endpoint 4, of pool 1. */
static inline void scene_checks(struct scene *s)
{
    struct pool *pool = world_pool(s->world);
    world_site(s->world, 0);
    world_endpoint(s->world, IP_V4, 1);
    pool->name = "anycast:dns";
    pool->of_anycast = true;
    pool->steer = STEER_ALL;
    pool->on_all_down = ALL_DOWN_NODATA;
    s->of_pool[1] = 1; /* a steering of its own, that no test makes */
    scene_levels(s);
}

static inline void scene_down(struct scene *s, uint32_t endpoint, const char *why)
{
    struct endpoint_state *e = &s->world->states[endpoint];
    e->health = HEALTH_DOWN;
    e->checked = true;
    e->since_ms = 1080000;
    snprintf(e->reason, sizeof e->reason, "%s", why);
    scene_levels(s);
}
