/* SPDX-License-Identifier: Apache-2.0
 * Following the checker: from changed endpoints to places, from these to pools and sites. */
#include "health/level.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/strmap.h"
#include "base/vec.h"
#include "health/level_table.h"

#include <stdlib.h>

/* Once in a list, however often it is added. */
struct touched {
    bool *is;
    VEC(uint32_t) list;
};

struct levels {
    struct checker *checker;
    struct subscription *subscription;
    struct level_watcher watcher;
    struct level_table *table;             /* NULL: nothing was taken yet */
    struct arena *arena;                   /* of all that follows; of one model */
    const char **pool_names, **site_names; /* copies: the model may be gone when the next comes */
    uint32_t *place_of;                    /* endpoint -> place */
    uint32_t *pool_of;                     /* place -> pool */
    struct touched places, pools, sites;
};

static void touch(struct touched *t, uint32_t i)
{
    if (t->is[i])
        return;
    t->is[i] = true;
    *vec_push(&t->list) = i;
}

static void clear(struct touched *t)
{
    for (size_t i = 0; i < t->list.n; i++)
        t->is[t->list.v[i]] = false;
    t->list.n = 0;
}

/* ---- some endpoints ---- */

static void refresh_places(struct levels *l, int64_t now_ms)
{
    const struct model *m = checker_model(l->checker);
    const struct endpoint_state *states = checker_states(l->checker);
    for (size_t i = 0; i < l->places.list.n; i++) {
        uint32_t place = l->places.list.v[i], pool = l->pool_of[place];
        level_table_refresh_place(l->table, m, states, pool,
                                  place - l->table->pools[pool].first_place, now_ms);
        touch(&l->pools, pool);
        touch(&l->sites, l->table->places[place].site);
    }
}

static void tell(const struct levels *l, enum level_kind kind, uint32_t index, uint8_t from)
{
    if (l->watcher.moved)
        l->watcher.moved(l->watcher.ctx, kind, index, (enum level)from);
}

static void follow_some(struct levels *l, const struct changes *changes)
{
    int64_t now_ms = clock_wall_ms();
    for (uint32_t i = 0; i < changes->n; i++)
        touch(&l->places, l->place_of[changes->endpoints[i]]);
    refresh_places(l, now_ms);
    for (size_t i = 0; i < l->pools.list.n; i++) {
        uint32_t pool = l->pools.list.v[i];
        uint8_t from = l->table->pools[pool].level;
        if (level_table_refresh_pool(l->table, pool, now_ms))
            tell(l, LEVEL_OF_POOL, pool, from);
    }
    for (size_t i = 0; i < l->sites.list.n; i++) {
        uint32_t site = l->sites.list.v[i];
        uint8_t from = l->table->sites[site].level;
        if (level_table_refresh_site(l->table, site, now_ms))
            tell(l, LEVEL_OF_SITE, site, from);
    }
    clear(&l->places);
    clear(&l->pools);
    clear(&l->sites);
}

/* ---- another model ---- */

/* For each new name the number of the old one, or MODEL_NONE. */
static uint32_t *match(struct arena *arena, const char *const *old, uint32_t n_old,
                       const char *const *now, uint32_t n)
{
    struct strmap by_name = {0};
    uint32_t *before = arena_calloc(arena, n, sizeof *before);
    for (uint32_t i = 0; i < n_old; i++)
        strmap_add(&by_name, slice_str(old[i]), i);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = strmap_get(&by_name, slice_str(now[i]));
        before[i] = at == STRMAP_NONE ? MODEL_NONE : at;
    }
    strmap_free(&by_name);
    return before;
}

static void carry_places(struct level_table *to, const struct level_table *from, uint32_t pool,
                         uint32_t old_pool, const uint32_t *sites_before, uint32_t *place_of_site)
{
    const struct pool_level *now = &to->pools[pool], *old = &from->pools[old_pool];
    for (uint32_t i = 0; i < old->n_sites; i++)
        place_of_site[from->places[old->first_place + i].site] = old->first_place + i;
    for (uint32_t i = 0; i < now->n_sites; i++) {
        struct place_level *place = &to->places[now->first_place + i];
        uint32_t site = sites_before[place->site];
        uint32_t at = site == MODEL_NONE ? MODEL_NONE : place_of_site[site];
        if (at != MODEL_NONE && from->places[at].level == place->level)
            place->since_ms = from->places[at].since_ms;
    }
    for (uint32_t i = 0; i < old->n_sites; i++)
        place_of_site[from->places[old->first_place + i].site] = MODEL_NONE;
}

/* A level that is as it was has been so for as long as it had. */
static void carry_since(struct level_table *to, const struct level_table *from,
                        const uint32_t *pools, const uint32_t *sites)
{
    uint32_t *place_of_site = xmalloc((from->n_sites + 1u) * sizeof *place_of_site);
    for (uint32_t s = 0; s < from->n_sites; s++)
        place_of_site[s] = MODEL_NONE;
    for (uint32_t p = 0; p < to->n_pools; p++) {
        if (pools[p] == MODEL_NONE)
            continue;
        if (from->pools[pools[p]].level == to->pools[p].level)
            to->pools[p].since_ms = from->pools[pools[p]].since_ms;
        carry_places(to, from, p, pools[p], sites, place_of_site);
    }
    for (uint32_t s = 0; s < to->n_sites; s++)
        if (sites[s] != MODEL_NONE && from->sites[sites[s]].level == to->sites[s].level)
            to->sites[s].since_ms = from->sites[sites[s]].since_ms;
    free(place_of_site);
}

static void index_model(struct levels *l, const struct model *m)
{
    l->arena = arena_new();
    l->pool_names = arena_calloc(l->arena, m->n_pools, sizeof *l->pool_names);
    l->site_names = arena_calloc(l->arena, m->n_sites, sizeof *l->site_names);
    l->place_of = arena_calloc(l->arena, m->n_endpoints, sizeof *l->place_of);
    l->pool_of = arena_calloc(l->arena, l->table->n_places, sizeof *l->pool_of);
    l->places.is = arena_calloc(l->arena, l->table->n_places, sizeof *l->places.is);
    l->pools.is = arena_calloc(l->arena, m->n_pools, sizeof *l->pools.is);
    l->sites.is = arena_calloc(l->arena, m->n_sites, sizeof *l->sites.is);
    for (uint32_t s = 0; s < m->n_sites; s++)
        l->site_names[s] = arena_strdup(l->arena, m->sites[s].name);
    for (uint32_t p = 0, place = 0; p < m->n_pools; p++) {
        l->pool_names[p] = arena_strdup(l->arena, m->pools[p].name);
        for (uint32_t i = 0; i < m->pools[p].n_sites; i++, place++) {
            const struct pool_site *site = &m->pools[p].sites[i];
            l->pool_of[place] = p;
            for (uint32_t e = 0; e < site->n_endpoints; e++)
                l->place_of[site->first_endpoint + e] = place;
        }
    }
}

static void follow_all(struct levels *l)
{
    const struct model *m = checker_model(l->checker);
    struct level_table *before = l->table;
    struct arena *old = l->arena;
    const char **old_pools = l->pool_names, **old_sites = l->site_names;
    l->table = level_table_new(m, checker_states(l->checker));
    index_model(l, m);
    const uint32_t *pools =
        match(l->arena, old_pools, before ? before->n_pools : 0, l->pool_names, m->n_pools);
    const uint32_t *sites =
        match(l->arena, old_sites, before ? before->n_sites : 0, l->site_names, m->n_sites);
    if (before)
        carry_since(l->table, before, pools, sites);
    if (l->watcher.renumbered)
        l->watcher.renumbered(l->watcher.ctx, l->table, pools, sites);
    if (old)
        arena_free(old);
    level_table_free(before);
}

/* ---- */

static void follow(struct levels *l)
{
    const struct changes changes = subscription_take(l->subscription);
    if (changes.everything)
        follow_all(l);
    else if (changes.n > 0)
        follow_some(l, &changes);
}

static void on_wake(void *ctx, struct subscription *subscription)
{
    (void)subscription;
    follow(ctx);
}

struct levels *levels_new(struct checker *checker, const struct level_watcher *watcher)
{
    struct levels *l = xcalloc(1, sizeof *l);
    const struct subscriber subscriber = {.name = "levels", .ctx = l, .wake = on_wake};
    l->checker = checker;
    if (watcher)
        l->watcher = *watcher;
    l->subscription = checker_subscribe(checker, &subscriber);
    follow(l);
    return l;
}

void levels_free(struct levels *l)
{
    if (!l)
        return;
    subscription_end(l->subscription);
    level_table_free(l->table);
    arena_free(l->arena);
    vec_free(&l->places.list);
    vec_free(&l->pools.list);
    vec_free(&l->sites.list);
    free(l);
}

const struct level_table *levels_now(struct levels *l)
{
    follow(l);
    return l->table;
}
