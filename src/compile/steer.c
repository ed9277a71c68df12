/* SPDX-License-Identifier: Apache-2.0
 * Compiling steerings: classes and client tables. */
#include "compile/steer.h"

#include "base/vec.h"
#include "compile/client_table.h"

/* A class per site: it first, the others as they stand. */
static void compile_split(struct steering *s, struct arena *arena)
{
    struct u32_list *lists = arena_calloc(arena, s->sites.n, sizeof *lists);
    for (uint32_t i = 0; i < s->sites.n; i++) {
        uint32_t *list = arena_calloc(arena, s->sites.n, sizeof *list);
        uint32_t n = 0;
        list[n++] = s->sites.v[i];
        for (uint32_t k = 0; k < s->sites.n; k++) {
            if (k != i)
                list[n++] = s->sites.v[k];
        }
        lists[i] = (struct u32_list){list, n};
    }
    s->class_sites = lists;
    s->n_classes = s->sites.n;
}

static void compile_one_class(struct steering *s, struct arena *arena)
{
    struct u32_list *list = arena_calloc(arena, 1, sizeof *list);
    *list = s->sites;
    s->n_classes = 1;
    s->class_sites = list;
}

static bool pool_has_site(const struct pool *pool, uint32_t site)
{
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        if (pool->sites[i].site == site)
            return true;
    }
    return false;
}

/* The sites that matter: those of an order that the pool has, those of a split with a weight and
 * then its reserves, else all. Nothing left means all, so that a pool never is without sites. */
static struct u32_list steering_sites(struct arena *arena, const struct pool *pool)
{
    uint32_t max = pool->n_sites > pool->order.n ? pool->n_sites : pool->order.n;
    uint32_t *sites = arena_calloc(arena, max, sizeof *sites), n = 0;
    for (uint32_t i = 0; pool->steer == STEER_ORDER && i < pool->order.n; i++) {
        if (pool_has_site(pool, pool->order.v[i]))
            sites[n++] = pool->order.v[i];
    }
    for (uint32_t i = 0; pool->steer == STEER_SPLIT && i < pool->n_sites; i++) {
        if (pool->sites[i].split_weight > 0)
            sites[n++] = pool->sites[i].site;
    }
    for (uint32_t i = 0; pool->steer == STEER_SPLIT && i < pool->n_sites; i++) {
        if (pool->sites[i].reserve)
            sites[n++] = pool->sites[i].site;
    }
    for (uint32_t i = 0; n == 0 && i < pool->n_sites; i++)
        sites[i] = pool->sites[i].site;
    return (struct u32_list){sites, n > 0 ? n : pool->n_sites};
}

static bool list_equal(struct u32_list a, struct u32_list b)
{
    return a.n == b.n && memcmp(a.v, b.v, a.n * sizeof *a.v) == 0;
}

static struct steering steering_of(struct arena *arena, const struct pool *pool)
{
    struct steering s = {.kind = pool->steer,
                         .map = pool->steer == STEER_MAP ? pool->map : MODEL_NONE,
                         .sites = steering_sites(arena, pool)};
    return s;
}

/* By which tables share a partition: what they see of a place. A map's own networks are in its. */
enum { GROUP_NEAREST, GROUP_CODES, GROUP_MAPS };

static uint32_t group_of(const struct steering *s, const struct model *model)
{
    if (s->sites.n < 2)
        return MODEL_NONE;
    if (s->kind == STEER_NEAREST)
        return GROUP_NEAREST;
    if (s->kind != STEER_MAP)
        return MODEL_NONE;
    return model->maps[s->map].networks.n > 0 ? GROUP_MAPS + s->map : GROUP_CODES;
}

typedef VEC(struct steer_plan) steer_plans;

/* The steering of a pool among those seen. */
static uint32_t plan_pool(steer_plans *plans, struct arena *arena, const struct model *model,
                          uint32_t pool)
{
    struct steering s = steering_of(arena, &model->pools[pool]);
    for (uint32_t i = 0; i < plans->n; i++) {
        const struct steering *other = &plans->v[i].s;
        if (other->kind == s.kind && other->map == s.map && list_equal(other->sites, s.sites))
            return i;
    }
    *vec_push(plans) = (struct steer_plan){s, pool, group_of(&s, model), false};
    return (uint32_t)plans->n - 1;
}

/* What tables are compiled from: maps see codes, distances coordinates, and each has less to do
 * without the rest. Reducing costs as much as one table. */
struct partitions {
    const struct geo *full;
    struct geo *codes, *locations; /* NULL: no need of it */
};

static struct partitions partitions_for(const steer_plans *plans, const struct model *model,
                                        const struct geo *geo)
{
    struct partitions out = {.full = geo};
    struct geo_wants wants = {0};
    uint32_t n_nearest = 0, n_maps = 0;
    for (uint32_t i = 0; i < plans->n; i++) {
        n_nearest += plans->v[i].group == GROUP_NEAREST;
        n_maps += plans->v[i].group != GROUP_NEAREST && plans->v[i].group != MODEL_NONE;
    }
    for (uint32_t i = 0; i < model->n_maps; i++) {
        wants.asn |= model->maps[i].asns.n > 0;
        wants.subdivision |= model->maps[i].subdivisions.n > 0;
    }
    if (n_maps > 1)
        out.codes = geo_reduce(geo, wants);
    if (n_nearest > 1)
        out.locations = geo_reduce(geo, (struct geo_wants){.location = true});
    return out;
}

static struct client_group make_group(const steer_plans *plans, uint32_t group,
                                      const struct partitions *from,
                                      const struct steer_memory *memory)
{
    const struct geo *reduced = group == GROUP_NEAREST ? from->locations : from->codes;
    struct client_group g = {.geo = reduced ? reduced : from->full, .group = group};
    for (uint32_t i = 0; i < plans->n; i++)
        g.n_tables += plans->v[i].group == group;
    uint64_t alone = client_group_bytes(&g, false);
    g.share = memory->alone_bytes == 0 ||
              (alone > memory->alone_bytes && client_group_bytes(&g, true) < alone);
    return g;
}

static bool tables_fit(const struct client_group *groups, uint32_t n, const steer_plans *plans,
                       const struct model *model, const struct steer_memory *memory,
                       struct diags *diags)
{
    uint64_t bytes = 0;
    uint32_t n_tables = 0, first = 0;
    for (uint32_t i = 0; i < n; i++) {
        bytes += client_group_bytes(&groups[i], groups[i].share);
        n_tables += groups[i].n_tables;
    }
    while (first < plans->n && plans->v[first].group == MODEL_NONE)
        first++;
    return n_tables == 0 || !memory->budget ||
           budget_allows_tables(memory->budget, model->pools[plans->v[first].pool].span, bytes,
                                n_tables, diags);
}

static int compile_tables(steer_plans *plans, struct arena *arena, const struct model *model,
                          const struct geo *geo, const struct steer_memory *memory,
                          struct diags *diags)
{
    uint32_t n_groups = GROUP_MAPS + model->n_maps;
    struct partitions from = partitions_for(plans, model, geo);
    struct client_group *groups = xcalloc(n_groups, sizeof *groups);
    for (uint32_t i = 0; i < n_groups; i++)
        groups[i] = make_group(plans, i, &from, memory);
    bool fit = tables_fit(groups, n_groups, plans, model, memory, diags);
    for (uint32_t i = 0; fit && plans->n > 0 && i < n_groups; i++)
        client_group_compile(&groups[i], plans->v, (uint32_t)plans->n, arena, model);
    free(groups);
    geo_free(from.codes);
    geo_free(from.locations);
    return fit ? 0 : E_RANGE;
}

/* What needs no table of clients. */
static void compile_plain(struct steering *s, struct arena *arena)
{
    if (s->kind == STEER_SPLIT)
        compile_split(s, arena);
    else
        compile_one_class(s, arena);
}

/* The larger family among some endpoints; names count as one. */
static uint32_t largest_family(const struct model *model, uint32_t first, uint32_t n)
{
    uint32_t v6 = 0;
    for (uint32_t i = first; i < first + n; i++)
        v6 += model->endpoints[i].addr.family == IP_V6;
    return v6 > n - v6 ? v6 : n - v6;
}

static int check_sizes(const struct model *model, const struct pool *pool, struct diags *diags)
{
    uint32_t sum = 0, most = 0;
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        const struct pool_site *site = &pool->sites[i];
        uint32_t n = largest_family(model, site->first_endpoint, site->n_endpoints);
        most = n > most ? n : most;
        sum += n;
    }
    uint32_t n = pool->steer == STEER_ALL ? sum : most;
    if (n <= PICKSET_MAX)
        return 0;
    diag_error(diags, pool->span,
               "pool %s has %u endpoints of one family in %s: at most %d can be candidates for an "
               "answer; split the pool",
               pool->name, n, pool->steer == STEER_ALL ? "all sites together" : "one site",
               PICKSET_MAX);
    return E_RANGE;
}

/* Keeps the steerings; those with more classes than are numbered are errors. */
static int finish(struct steerings *out, const steer_plans *plans, struct arena *arena,
                  const struct model *model, struct diags *diags)
{
    struct steering *v = arena_calloc(arena, plans->n, sizeof *v);
    int result = 0;
    for (uint32_t i = 0; i < plans->n; i++) {
        const struct pool *pool = &model->pools[plans->v[i].pool];
        v[i] = plans->v[i].s;
        if (!plans->v[i].overflowed)
            continue;
        diag_error(diags, pool->span,
                   "pool %s: its %u sites make more than %u different orders for clients; use "
                   "fewer sites, or a map instead of nearest",
                   pool->name, pool->n_sites, STEER_CLASSES_MAX);
        result = E_RANGE;
    }
    out->v = v;
    out->n = (uint32_t)plans->n;
    return result;
}

int steer_compile(struct steerings *out, struct arena *arena, const struct model *model,
                  const struct geo *geo, const struct steer_memory *memory, struct diags *diags)
{
    steer_plans plans = {0};
    uint32_t *of_pool = arena_calloc(arena, model->n_pools, sizeof *of_pool);
    int sizes = 0;
    for (uint32_t i = 0; i < model->n_pools; i++) {
        if (check_sizes(model, &model->pools[i], diags) != 0)
            sizes = E_RANGE;
        of_pool[i] = plan_pool(&plans, arena, model, i);
    }
    for (uint32_t i = 0; i < plans.n; i++)
        if (plans.v[i].group == MODEL_NONE)
            compile_plain(&plans.v[i].s, arena);
    int tables = compile_tables(&plans, arena, model, geo, memory, diags);
    out->of_pool = of_pool;
    int classes = finish(out, &plans, arena, model, diags);
    vec_free(&plans);
    return sizes != 0 || tables != 0 || classes != 0 ? E_RANGE : 0;
}
