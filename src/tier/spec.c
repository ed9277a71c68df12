/* SPDX-License-Identifier: Apache-2.0
 * From a model to plain specifications of its tiers. */
#include "tier/spec.h"

#include "base/hash.h"
#include "base/strmap.h"
#include "model/copy.h"

#include <stdlib.h>
#include <string.h>

#define MEMBER_NAME_MAX 60 /* bytes, see tier_member.name */
#define NAME_HASH_LEN 9    /* '-' and 8 digits */

/** What one set is made with. */
struct making {
    const struct model *m;
    struct arena *arena; /* the set's */
    uint32_t *slots;     /* by endpoint of the model; while made: whether it is in the set */
    const char **sites;  /* by site: its name, in the arena */
};

/* What is of the model's indices goes: tier_spec says the same in slots. */
static const struct tier *copy_config(struct arena *arena, const struct tier *from)
{
    struct tier *t = arena_calloc(arena, 1, sizeof *t);
    *t = *from;
    t->name = copy_text(arena, t->name);
    copy_span(arena, &t->span);
    copy_span(arena, &t->site_at);
    t->pool = t->site = MODEL_NONE;
    t->fronts = t->members = NULL;
    t->member_ports = NULL;
    t->member_paths = NULL;
    t->n_fronts = t->n_members = 0;
    t->service.scheduler = copy_text(arena, t->service.scheduler);
    t->haproxy.backend = copy_text(arena, t->haproxy.backend);
    t->socket = copy_text(arena, t->socket);
    copy_span(arena, &t->socket_at);
    copy_span(arena, &t->haproxy.agent.at);
    t->nginx.upstream = copy_text(arena, t->nginx.upstream);
    t->nginx.test = copy_argv(arena, t->nginx.test);
    t->nginx.reload = copy_argv(arena, t->nginx.reload);
    copy_span(arena, &t->nginx.test_at);
    copy_span(arena, &t->nginx.reload_at);
    t->envoy.cluster = copy_text(arena, t->envoy.cluster);
    t->l4.service = copy_text(arena, t->l4.service);
    t->exec.command = copy_argv(arena, t->exec.command);
    copy_span(arena, &t->exec.command_at);
    t->file = copy_text(arena, t->file);
    copy_span(arena, &t->file_at);
    return t;
}

/* ---- names of members ---- */

static void clean(char *text)
{
    for (; *text; text++) {
        char c = *text;
        bool usable = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_' || c == '.';
        if (!usable)
            *text = '_';
    }
}

/* SITE-LABEL; where that is taken or too long its end gives way to a hash of the key, which does
 * not change when others come or go. */
static const char *member_name(struct arena *arena, struct strmap *taken, const char *site,
                               const char *label, const char *key, uint32_t index)
{
    char *name = arena_printf(arena, "%s-%s", site, label);
    size_t n = strlen(name);
    clean(name);
    if (n <= MEMBER_NAME_MAX && strmap_add(taken, slice_str(name), index) == index)
        return name;
    uint64_t hash = hash_bytes(HASH_K0, (const uint8_t *)key, (uint32_t)strlen(key));
    int kept = (int)(n < MEMBER_NAME_MAX - NAME_HASH_LEN ? n : MEMBER_NAME_MAX - NAME_HASH_LEN);
    for (;; hash++) {
        char *other = arena_printf(arena, "%.*s-%08x", kept, name, (uint32_t)hash);
        if (strmap_add(taken, slice_str(other), index) == index)
            return other;
    }
}

static void add_members(const struct making *making, struct tier_spec *spec, const struct tier *t)
{
    const struct model *m = making->m;
    struct tier_member *v = arena_calloc(making->arena, t->n_members, sizeof *v);
    struct strmap taken = {0};
    for (uint32_t i = 0; i < t->n_members; i++) {
        const struct endpoint *e = &m->endpoints[t->members[i]];
        const char *site = making->sites[e->site];
        v[i] = (struct tier_member){.addr = e->addr,
                                    .port = t->member_ports[i],
                                    .slot = making->slots[t->members[i]],
                                    .key = endpoint_key(making->arena, m, t->members[i]),
                                    .site = site,
                                    .label = arena_strdup(making->arena, e->label)};
        v[i].name = member_name(making->arena, &taken, site, v[i].label, v[i].key, i);
        if (t->member_paths)
            v[i].path = t->member_paths[i];
    }
    strmap_free(&taken);
    spec->members = v;
    spec->n_members = t->n_members;
}

/* ---- the set ---- */

static uint32_t largest_weight(const struct model *m, const struct pool *pool)
{
    uint32_t max = 1;
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        const struct pool_site *s = &pool->sites[i];
        for (uint32_t e = s->first_endpoint; e < s->first_endpoint + s->n_endpoints; e++)
            if (m->endpoints[e].weight > max)
                max = m->endpoints[e].weight;
    }
    return max;
}

static void make_spec(const struct making *making, struct tier_spec *spec, const struct tier *t)
{
    const struct model *m = making->m;
    const struct pool *pool = &m->pools[t->pool];
    uint32_t *fronts = arena_calloc(making->arena, t->n_fronts, sizeof *fronts);
    for (uint32_t i = 0; i < t->n_fronts; i++)
        fronts[i] = making->slots[t->fronts[i]];
    spec->config = copy_config(making->arena, t);
    spec->name = spec->config->name;
    spec->pool = arena_strdup(making->arena, pool->name);
    spec->site = t->site == MODEL_NONE ? "" : making->sites[t->site];
    spec->weight_max = largest_weight(m, pool);
    spec->serve_all = pool->on_all_down == ALL_DOWN_SERVE_ALL;
    spec->min_up = pool->min_up;
    spec->fronts = fronts;
    spec->n_fronts = t->n_fronts;
    add_members(making, spec, t);
}

/* Slots for everything that a tier has to do with. */
static void give_slots(struct making *making, struct tier_set *set)
{
    const struct model *m = making->m;
    uint32_t n = 0;
    making->slots = xcalloc((size_t)m->n_endpoints + 1, sizeof *making->slots);
    for (uint32_t i = 0; i < m->n_tiers; i++) {
        const struct tier *t = &m->tiers[i];
        for (uint32_t k = 0; k < t->n_members; k++)
            making->slots[t->members[k]] = 1;
        for (uint32_t k = 0; k < t->n_fronts; k++)
            making->slots[t->fronts[k]] = 1;
    }
    for (uint32_t e = 0; e < m->n_endpoints; e++)
        n += making->slots[e];
    uint32_t *endpoints = arena_calloc(making->arena, n, sizeof *endpoints);
    for (uint32_t e = 0; e < m->n_endpoints; e++) {
        if (!making->slots[e])
            continue;
        making->slots[e] = set->n_endpoints;
        endpoints[set->n_endpoints++] = e;
    }
    set->endpoints = endpoints;
}

static void make_follower(const struct making *making, struct tier_follower *out,
                          const struct pool *pool)
{
    const struct model *m = making->m;
    const struct tier *t = &m->tiers[pool->weight_from.tier];
    uint32_t n = 0;
    for (uint32_t i = 0; i < pool->n_sites; i++)
        n += pool->sites[i].n_endpoints;
    uint32_t *slots = arena_calloc(making->arena, n, sizeof *slots);
    bool *is_front = arena_calloc(making->arena, n, sizeof *is_front);
    const char **keys = arena_calloc(making->arena, n, sizeof *keys);
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        const struct pool_site *s = &pool->sites[i];
        for (uint32_t e = s->first_endpoint; e < s->first_endpoint + s->n_endpoints; e++) {
            bool front = tier_list_find(t->fronts, t->n_fronts, e) != MODEL_NONE;
            if (!front && tier_list_find(t->members, t->n_members, e) == MODEL_NONE)
                continue;
            slots[out->n] = making->slots[e];
            keys[out->n] = endpoint_key(making->arena, m, e);
            is_front[out->n++] = front;
        }
    }
    out->from = pool->weight_from;
    copy_span(making->arena, &out->from.span);
    out->slots = slots;
    out->keys = keys;
    out->is_front = is_front;
}

static void make_followers(const struct making *making, struct tier_set *set)
{
    const struct model *m = making->m;
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->n_pools; i++)
        n += m->pools[i].weight_from.tier != MODEL_NONE;
    struct tier_follower *v = arena_calloc(making->arena, n, sizeof *v);
    for (uint32_t i = 0; i < m->n_pools; i++)
        if (m->pools[i].weight_from.tier != MODEL_NONE)
            make_follower(making, &v[set->n_followers++], &m->pools[i]);
    set->followers = v;
}

struct tier_set *tier_set_new(const struct model *model)
{
    if (model->n_tiers == 0)
        return NULL;
    struct making making = {.m = model, .arena = arena_new()};
    struct tier_set *set = arena_calloc(making.arena, 1, sizeof *set);
    struct tier_spec *specs = arena_calloc(making.arena, model->n_tiers, sizeof *specs);
    making.sites = arena_calloc(making.arena, model->n_sites, sizeof *making.sites);
    for (uint32_t i = 0; i < model->n_sites; i++)
        making.sites[i] = arena_strdup(making.arena, model->sites[i].name);
    atomic_init(&set->n_holds, 1);
    set->arena = making.arena;
    set->node = arena_strdup(making.arena, model->server.node ? model->server.node : "");
    set->state_dir = copy_text(making.arena, model->server.state_dir);
    give_slots(&making, set);
    for (uint32_t i = 0; i < model->n_tiers; i++)
        make_spec(&making, &specs[i], &model->tiers[i]);
    set->tiers = specs;
    set->n_tiers = model->n_tiers;
    make_followers(&making, set);
    free(making.slots);
    return set;
}

struct tier_set *tier_set_hold(struct tier_set *set)
{
    atomic_fetch_add_explicit(&set->n_holds, 1, memory_order_relaxed);
    return set;
}

void tier_set_release(struct tier_set *set)
{
    if (set && atomic_fetch_sub_explicit(&set->n_holds, 1, memory_order_acq_rel) == 1)
        arena_free(set->arena); /* the set itself is in there */
}

uint32_t tier_set_slot(const struct tier_set *set, uint32_t endpoint)
{
    return tier_list_find(set->endpoints, set->n_endpoints, endpoint);
}
