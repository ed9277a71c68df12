/* SPDX-License-Identifier: Apache-2.0
 * The levels themselves: of one place from its endpoints, of pools and sites from their places. */
#include "health/level.h"

#include "base/arena.h"
#include "health/level_table.h"

#include <stdlib.h>
#include <string.h>

const char *level_text(enum level level)
{
    static const char *const words[] = {"unused", "down", "degraded", "up"};
    return words[level];
}

/* ---- one allocation ---- */

static size_t table_bytes(const struct level_table *t)
{
    return sizeof *t + t->n_pools * sizeof *t->pools + t->n_sites * sizeof *t->sites +
           t->n_places * sizeof *t->places;
}

/* The arrays follow the table; all of them have the alignment of int64_t. */
static void place_arrays(struct level_table *t)
{
    t->pools = (void *)(t + 1);
    t->sites = (void *)(t->pools + t->n_pools);
    t->places = (void *)(t->sites + t->n_sites);
}

struct level_table *level_table_copy(const struct level_table *table)
{
    struct level_table *t = xmalloc(table_bytes(table));
    memcpy(t, table, table_bytes(table));
    place_arrays(t);
    return t;
}

void level_table_free(struct level_table *table)
{
    free(table);
}

static struct level_table *allot(const struct model *m)
{
    struct level_table size = {.n_pools = m->n_pools, .n_sites = m->n_sites};
    for (uint32_t p = 0; p < m->n_pools; p++)
        size.n_places += m->pools[p].n_sites;
    struct level_table *t = xcalloc(1, table_bytes(&size));
    *t = size;
    place_arrays(t);
    uint32_t place = 0;
    for (uint32_t p = 0; p < m->n_pools; p++) {
        t->pools[p].first_place = place;
        t->pools[p].n_sites = m->pools[p].n_sites;
        for (uint32_t i = 0; i < m->pools[p].n_sites; i++)
            t->places[place++].site = m->pools[p].sites[i].site;
    }
    return t;
}

/* ---- working out ---- */

/* An endpoint that is meant to serve, and does not. */
static bool is_missing(const struct endpoint *e, const struct endpoint_state *s)
{
    return e->weight > 0 && (endpoint_weight(e, s) == 0 || !endpoint_serves(s));
}

static void look_at_endpoints(struct place_level *place, bool *missing, const struct model *m,
                              const struct pool_site *site, const struct endpoint_state *states)
{
    int64_t since_ms = 0;
    *missing = false;
    for (uint32_t e = site->first_endpoint; e < site->first_endpoint + site->n_endpoints; e++) {
        const struct endpoint_state *s = &states[e];
        *missing |= is_missing(&m->endpoints[e], s);
        since_ms = s->since_ms > since_ms ? s->since_ms : since_ms;
        since_ms = s->override_since_ms > since_ms ? s->override_since_ms : since_ms;
    }
    if (place->since_ms == 0)
        place->since_ms = since_ms;
}

static void look_at_place(struct place_level *place, const struct model *m, const struct pool *pool,
                          const struct pool_site *site, const struct endpoint_state *states)
{
    struct site_weight w = site_weigh(m, site, states);
    bool missing;
    look_at_endpoints(place, &missing, m, site, states);
    place->up_weight = w.up;
    place->total_weight = w.total;
    place->n_up = w.n_up;
    place->n = w.n;
    place->level = !site_is_up(&w, pool->min_up) ? LEVEL_DOWN : missing ? LEVEL_DEGRADED : LEVEL_UP;
}

/* What a place contributes to its pool and its site. */
static void add(struct level_table *t, const struct model *m, uint32_t pool,
                const struct place_level *place, uint32_t by)
{
    struct pool_level *p = &t->pools[pool];
    struct site_level *s = &t->sites[place->site];
    uint32_t up = place->level != LEVEL_DOWN;
    p->n += by * place->n;
    p->n_up += by * place->n_up;
    p->n_sites_up += by * up;
    if (m->pools[pool].of_anycast)
        return; /* what is checked for a prefix set is none of the site's */
    s->n += by * place->n;
    s->n_up += by * place->n_up;
    s->n_pools_up += by * up;
    s->n_pools += by;
}

void level_table_refresh_place(struct level_table *t, const struct model *m,
                               const struct endpoint_state *states, uint32_t pool, uint32_t i,
                               int64_t now_ms)
{
    struct place_level *place = &t->places[t->pools[pool].first_place + i];
    uint8_t before = place->level;
    if (before != LEVEL_UNUSED)
        add(t, m, pool, place, UINT32_MAX); /* takes it out: modulo 2^32 this is -1 */
    look_at_place(place, m, &m->pools[pool], &m->pools[pool].sites[i], states);
    if (before != LEVEL_UNUSED && before != place->level)
        place->since_ms = now_ms;
    add(t, m, pool, place, 1);
    if (t->pools[pool].since_ms == 0)
        t->pools[pool].since_ms = place->since_ms;
    if (t->sites[place->site].since_ms == 0 && !m->pools[pool].of_anycast)
        t->sites[place->site].since_ms = place->since_ms;
}

bool level_table_refresh_pool(struct level_table *t, uint32_t pool, int64_t now_ms)
{
    struct pool_level *p = &t->pools[pool];
    uint8_t before = p->level;
    p->level = p->n_up == 0 ? LEVEL_DOWN : p->n_sites_up < p->n_sites ? LEVEL_DEGRADED : LEVEL_UP;
    if (before == LEVEL_UNUSED || before == p->level)
        return false;
    p->since_ms = now_ms;
    return true;
}

bool level_table_refresh_site(struct level_table *t, uint32_t site, int64_t now_ms)
{
    struct site_level *s = &t->sites[site];
    uint8_t before = s->level;
    s->level = s->n_pools == 0              ? LEVEL_UNUSED
               : s->n_pools_up == 0         ? LEVEL_DOWN
               : s->n_pools_up < s->n_pools ? LEVEL_DEGRADED
                                            : LEVEL_UP;
    if (before == LEVEL_UNUSED || before == s->level)
        return false;
    s->since_ms = now_ms;
    return true;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

struct level_table *level_table_new(const struct model *m, const struct endpoint_state *states)
{
    struct level_table *t = allot(m);
    for (uint32_t p = 0; p < m->n_pools; p++) {
        for (uint32_t i = 0; i < m->pools[p].n_sites; i++) {
            level_table_refresh_place(t, m, states, p, i, 0);
            struct place_level *place = &t->places[t->pools[p].first_place + i];
            struct site_level *site = &t->sites[place->site];
            if (!m->pools[p].of_anycast)
                site->since_ms = later(site->since_ms, place->since_ms);
            t->pools[p].since_ms = later(t->pools[p].since_ms, place->since_ms);
        }
        level_table_refresh_pool(t, p, 0);
    }
    for (uint32_t s = 0; s < m->n_sites; s++)
        level_table_refresh_site(t, s, 0);
    return t;
}
