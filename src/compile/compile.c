/* SPDX-License-Identifier: Apache-2.0
 * A generation: from files to what is served. */
#include "compile/compile.h"

#include "base/hash.h"
#include "compile/limits.h"
#include "compile/lint.h"
#include "compile/verdict.h"
#include "compile/zones.h"
#include "config/config.h"
#include "health/lanes.h"
#include "health/program.h"
#include "health/state_dir.h"
#include "model/zones_gone.h"
#include "snapshot/part.h"
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
        struct slice name = slice_str(pool->name);
        slot->clients = g->steerings.v[g->steerings.of_pool[i]].clients;
        slot->sticky_seed = hash_bytes(STICKY_SEED, name.p, name.n);
        slot->ttl_min_s = pool->ttl.min_s;
        slot->ttl_max_s = pool->ttl.max_s;
        slot->answers = pool->answers;
        slot->pick = (uint8_t)pool->pick;
        slot->has_v4 = pool->has_v4;
        slot->has_v6 = pool->has_v6;
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

/* What is available is looked at anew: files and databases have been read since. */
static int compile_steerings(struct generation *g, const char *path,
                             const struct config_options *config, struct diags *diags)
{
    struct budget budget;
    budget_begin(&budget, path, config->insist, config->lenient);
    const struct steer_memory memory = {STEER_ALONE_BYTES, &budget};
    return steer_compile(&g->steerings, g->arena, g->model, g->geo, &memory, diags);
}

/* The zones are compiled even when the databases cannot be read: all errors are told at once. */
static int load(struct generation *g, const char *path, const struct load_options *options,
                struct diags *diags)
{
    const struct generation *before = options->before;
    const struct config_options config = {.before = before ? before->model : NULL,
                                          .lenient = options->purpose == LOAD_START,
                                          .insist = options->force};
    (void)!part_reserve(); /* before it is looked how many addresses are left */
    int err = config_reload(&g->model, path, &config, diags);
    if (err == 0 && before)
        err = zones_judge_gone(before->model, g->model, options->force, diags);
    if (err != 0)
        return err;
    int state = state_dir_check(g->model, diags);
    int host = options->check_host ? options->check_host(g->model, options, diags) : 0;
    int zones = config.lenient
                    ? zones_compile_leniently(g->snapshot, g->model, diags)
                    : zones_compile(g->snapshot, g->model, before ? before->snapshot : NULL, diags);
    model_drop_records(g->model);
    int tls =
        credentials_load(&g->credentials, g->model, before ? before->credentials : NULL, diags);
    int programs = programs_check(g->model, diags);
    lanes_warn(g->model, diags);
    err = geo_load(&g->geo, g->model, diags);
    if (err == 0)
        lint_geo(g->model, g->geo, diags);
    if (err == 0)
        err = compile_steerings(g, path, &config, diags);
    if (err == 0)
        lint_steer(g->model, &g->steerings, diags);
    if (err != 0 || zones != 0 || state != 0 || host != 0 || tls != 0 || programs != 0)
        return E_INVALID;
    compile_pools(g->snapshot, g);
    compile_server(g->snapshot, g->model);
    return 0;
}

int generation_load(struct generation **out, const char *path, const struct load_options *options,
                    struct diags *diags)
{
    struct generation *g = xcalloc(1, sizeof *g);
    g->arena = arena_new();
    atomic_init(&g->n_holds, 1);
    g->snapshot = snapshot_new();
    int err = load(g, path, options, diags);
    if (err != 0) {
        snapshot_free(g->snapshot);
        generation_free(g);
        return err;
    }
    *out = g;
    return 0;
}

static const struct pool_view *make_view(const struct generation *g, uint32_t pool,
                                         const struct endpoint_state *states)
{
    const struct steering *steering = &g->steerings.v[g->steerings.of_pool[pool]];
    return verdict_compile(g->model, steering, pool, states);
}

void generation_fill_views(struct generation *g, const struct endpoint_state *states)
{
    for (uint32_t i = 0; i < g->snapshot->n_pools; i++) {
        struct pool_slot *slot = &g->snapshot->pools[i];
        const struct pool_view *old = atomic_load_explicit(&slot->view, memory_order_relaxed);
        atomic_store_explicit(&slot->view, make_view(g, i, states), memory_order_release);
        if (old)
            arena_free(old->arena);
    }
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
