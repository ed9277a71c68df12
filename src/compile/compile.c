/* SPDX-License-Identifier: Apache-2.0
 * A generation: from its model and geo data to what is served. */
#include "compile/compile.h"

#include "base/hash.h"
#include "compile/limits.h"
#include "compile/lint.h"
#include "compile/verdict.h"
#include "compile/zones.h"
#include "snapshot/publish.h"

#include <stdlib.h>

/* Not a process seed: a sticky client keeps its endpoint whichever server it asks. */
#define STICKY_SEED UINT64_C(0x4c6f616473746172)

static_assert((int)PICK_WEIGHTED == SLOT_PICK_WEIGHTED && (int)PICK_ALL == SLOT_PICK_ALL &&
                  (int)PICK_ORDERED == SLOT_PICK_ORDERED && (int)PICK_STICKY == SLOT_PICK_STICKY,
              "a slot carries the model's number");

static struct slice text_slice(struct arena *arena, const char *text)
{
    return text ? slice_str(arena_strdup(arena, text)) : (struct slice){NULL, 0};
}

static void compile_pools(struct snapshot *snapshot, const struct generation *g)
{
    const struct model *m = g->model;
    snapshot->n_pools = m->n_pools;
    snapshot->pools = arena_calloc(snapshot->arena, m->n_pools, sizeof *snapshot->pools);
    for (uint32_t i = 0; i < m->n_pools; i++) {
        const struct pool *pool = &m->pools[i];
        struct pool_slot *slot = &snapshot->pools[i];
        struct slice seed = slice_str(pool->seed ? pool->seed : pool->name);
        slot->clients = g->steerings.v[g->steerings.of_pool[i]].clients;
        slot->sticky_seed = hash_bytes(STICKY_SEED, seed.p, seed.n);
        slot->ttl_min_s = pool->ttl.min_s;
        slot->ttl_max_s = pool->ttl.max_s;
        slot->answers = pool->answers;
        slot->pick = (uint8_t)pool->pick;
        slot->is_cname = pool->is_cname;
    }
}

static void compile_server(struct snapshot *snapshot, const struct model *m)
{
    snapshot->ecs = m->ecs;
    snapshot->identity = text_slice(snapshot->arena, m->server.identity);
    snapshot->version = text_slice(snapshot->arena, m->server.version);
    limits_compile(&snapshot->limits, snapshot->arena, &m->server);
}

struct generation *generation_new(void)
{
    struct generation *g = xcalloc(1, sizeof *g);
    g->arena = arena_new();
    atomic_init(&g->n_holds, 1);
    g->snapshot = snapshot_new();
    return g;
}

int generation_compile_zones(struct generation *g, const struct generation *before, bool lenient,
                             struct diags *diags)
{
    int err = lenient
                  ? zones_compile_leniently(g->snapshot, g->model, diags)
                  : zones_compile(g->snapshot, g->model, before ? before->snapshot : NULL, diags);
    model_drop_records(g->model);
    return err;
}

int generation_compile_steering(struct generation *g, struct budget *budget, struct diags *diags)
{
    lint_geo(g->model, g->geo, diags);
    lint_coarse(g->model, g->geo, diags);
    const struct steer_memory memory = {STEER_ALONE_BYTES, budget};
    int err = steer_compile(&g->steerings, g->arena, g->model, g->geo, &memory, diags);
    if (err == 0)
        lint_steer(g->model, &g->steerings, diags);
    return err;
}

void generation_compile_rest(struct generation *g)
{
    compile_pools(g->snapshot, g);
    compile_server(g->snapshot, g->model);
}

static const struct pool_view *make_view(const struct generation *g, uint32_t pool,
                                         const struct endpoint_state *states)
{
    const struct steering *steering = &g->steerings.v[g->steerings.of_pool[pool]];
    return verdict_compile(g->model, steering, pool, states);
}

void generation_fill_view(struct generation *g, uint32_t pool, const struct endpoint_state *states)
{
    struct pool_slot *slot = &g->snapshot->pools[pool];
    const struct pool_view *old = atomic_load_explicit(&slot->view, memory_order_relaxed);
    atomic_store_explicit(&slot->view, make_view(g, pool, states), memory_order_release);
    if (old)
        arena_free(old->arena);
}

void generation_fill_views(struct generation *g, const struct endpoint_state *states)
{
    for (uint32_t i = 0; i < g->snapshot->n_pools; i++)
        generation_fill_view(g, i, states);
}

/* A fallback pool's view is looked up by the query itself, and a check of type pool changes the
 * states of the endpoints that it checks: no pool's view depends on another's endpoints. */
uint32_t generation_refresh_views(struct generation *g, const struct endpoint_state *states,
                                  const uint32_t *endpoints, uint32_t n)
{
    bool *touched = xcalloc(g->model->n_pools, sizeof *touched);
    uint32_t n_touched = 0;
    for (uint32_t i = 0; i < n; i++)
        touched[g->model->endpoints[endpoints[i]].pool] = true;
    for (uint32_t i = 0; i < g->model->n_pools; i++) {
        if (!touched[i])
            continue;
        publish_view(&g->snapshot->pools[i], make_view(g, i, states));
        n_touched++;
    }
    free(touched);
    return n_touched;
}

struct generation *generation_hold(struct generation *g)
{
    atomic_fetch_add_explicit(&g->n_holds, 1, memory_order_relaxed);
    return g;
}

void generation_free(struct generation *g)
{
    if (!g || atomic_fetch_sub_explicit(&g->n_holds, 1, memory_order_acq_rel) > 1)
        return;
    credentials_free(g->credentials);
    if (g->geo)
        geo_free(g->geo);
    if (g->model)
        model_free(g->model);
    arena_free(g->arena);
    free(g);
}
