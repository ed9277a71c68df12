/* SPDX-License-Identifier: Apache-2.0
 * Sets of members by name. */
#include "l4/set_table.h"

#include "base/clock.h"
#include "l4/setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *set_origin_text(enum set_origin origin)
{
    static const char *const texts[] = {
        [SET_UNKNOWN] = "unknown", [SET_LISTED] = "list", [SET_CHECKED] = "checks",
        [SET_TOLD] = "loadstard",  [SET_SAVED] = "saved",
    };
    return texts[origin];
}

static void work_set_free(struct work_set *set)
{
    if (!set)
        return;
    member_set_free(&set->now);
    member_set_free(&set->saved);
    work_set_forget_orders(set);
    free(set);
}

uint32_t set_table_find(const struct set_table *table, const char *name)
{
    uint32_t i = strmap_get(&table->places, slice_str(name));
    return i == STRMAP_NONE ? MODEL_NONE : i;
}

static bool same_member(const struct set_member *a, const struct set_member *b)
{
    return a->port == b->port && a->weight == b->weight && a->state == b->state &&
           ip_equal(&a->addr, &b->addr) && strcmp(a->key, b->key) == 0;
}

static bool same_members(const struct member_set *a, const struct member_set *b)
{
    bool same = a->n == b->n;
    for (uint32_t i = 0; same && i < a->n; i++)
        same = same_member(&a->v[i], &b->v[i]);
    return same;
}

/** Puts other members in force. Takes over what `next` has. Returns whether they are others. */
static bool take(struct work_set *set, struct member_set *next, enum set_origin origin)
{
    bool same = set->origin == origin && same_members(&set->now, next);
    if (!same)
        set->since_ms = clock_wall_ms();
    else if (origin == SET_LISTED || origin == SET_CHECKED)
        next->version = set->now.version; /* of our own counting */
    member_set_free(&set->now);
    set->now = *next;
    *next = (struct member_set){0};
    set->origin = origin;
    return !same;
}

static void name_set(struct member_set *members, const struct work_set *set)
{
    snprintf(members->name, sizeof members->name, "%s", set->name);
}

static void take_list(struct work_set *set, const struct l4_set *config)
{
    struct member_set next = {.version = set->now.version + 1,
                              .n = config->n_listed,
                              .v = xcalloc(config->n_listed + 1, sizeof *next.v)};
    name_set(&next, set);
    for (uint32_t i = 0; i < config->n_listed; i++) {
        const struct l4_listed *l = &config->listed[i];
        struct set_member *m = &next.v[i];
        char text[IP_PORT_TEXT_MAX];
        snprintf(m->key, sizeof m->key, "%s", ip_port_text(text, &l->addr, l->port));
        m->addr = l->addr;
        m->port = l->port;
        m->weight = l->weight;
        m->state = MEMBER_UP;
    }
    take(set, &next, SET_LISTED);
}

/** Numbers that are free: cursors are few, and workers keep one of each. */
struct cursors {
    bool *taken;   /* as many as there may come to be, and one more */
    uint32_t next; /* those below are taken */
};

static void take_cursors(struct cursors *cursors, const struct set_table *of)
{
    for (uint32_t i = 0; i < of->n; i++)
        if (of->v[i])
            cursors->taken[of->v[i]->cursor] = true;
}

/** The least number that none of them has, nor one that goes now. */
static uint32_t free_cursor(struct cursors *cursors)
{
    while (cursors->taken[cursors->next])
        cursors->next++;
    return cursors->next++;
}

static struct work_set *work_set_new(const char *name)
{
    struct work_set *set = xcalloc(1, sizeof *set);
    snprintf(set->name, sizeof set->name, "%s", name);
    name_set(&set->now, set);
    set->cursor = UINT32_MAX;
    return set;
}

/** Whether what is known of it still comes from where the configuration says. */
static bool still_holds(const struct work_set *set, const struct l4_set *config)
{
    if (setup_is_told(config))
        return set->origin == SET_TOLD || set->origin == SET_SAVED;
    return config->n_listed ? set->origin == SET_LISTED : set->origin == SET_CHECKED;
}

/** Takes those that stay over from `before`. */
static void keep_sets(struct set_table *table, struct set_table *before,
                      const struct l4_config *config)
{
    for (uint32_t i = 0; i < config->n_sets; i++) {
        uint32_t k = set_table_find(before, config->sets[i].name);
        if (k != MODEL_NONE && before->v[k] && still_holds(before->v[k], &config->sets[i])) {
            table->v[i] = before->v[k];
            before->v[k] = NULL;
        }
    }
}

static void make_others(struct set_table *table, const struct set_table *before,
                        const struct l4_config *config)
{
    struct cursors cursors = {
        .taken = xcalloc((size_t)before->n_cursors + config->n_sets + 1, sizeof(bool))};
    take_cursors(&cursors, table);
    take_cursors(&cursors, before);
    for (uint32_t i = 0; i < table->n; i++) {
        if (table->v[i])
            continue;
        table->v[i] = work_set_new(config->sets[i].name);
        table->v[i]->cursor = free_cursor(&cursors);
    }
    free(cursors.taken);
}

void set_table_follow(struct set_table *table, const struct l4_config *config)
{
    struct set_table before = *table;
    *table = (struct set_table){.n = config->n_sets,
                                .n_cursors = before.n_cursors,
                                .v = xcalloc(config->n_sets + 1, sizeof(struct work_set *))};
    keep_sets(table, &before, config);
    make_others(table, &before, config);
    for (uint32_t i = 0; i < table->n; i++) {
        if (config->sets[i].n_listed)
            take_list(table->v[i], &config->sets[i]);
        if (table->n_cursors <= table->v[i]->cursor)
            table->n_cursors = table->v[i]->cursor + 1;
        strmap_add(&table->places, slice_str(table->v[i]->name), i);
    }
    set_table_free(&before);
}

void set_table_free(struct set_table *table)
{
    for (uint32_t i = 0; i < table->n; i++)
        work_set_free(table->v[i]);
    free(table->v);
    strmap_free(&table->places);
    *table = (struct set_table){0};
}

/** What a set that is told is measured by. */
static const struct member_set *last_of(const struct work_set *set)
{
    return set->origin == SET_UNKNOWN ? &set->saved : &set->now;
}

uint64_t work_set_version(const struct work_set *set)
{
    return last_of(set)->version;
}

enum set_verdict set_table_tell(struct set_table *table, uint32_t i, struct member_set *next,
                                enum set_origin origin)
{
    struct work_set *set = table->v[i];
    const struct member_set *last = last_of(set);
    bool has_one = set->origin != SET_UNKNOWN;
    if ((has_one || last->version > 0) && !set_version_is_later(next->version, last->version)) {
        bool same = next->version == last->version && same_members(last, next);
        if (!same || has_one) {
            if (same)
                set->origin = origin;
            member_set_free(next);
            return same ? SET_SAME : SET_OLD;
        }
    }
    member_set_free(&set->saved);
    return take(set, next, origin) ? SET_TAKEN : SET_SAME;
}

bool work_set_adopt(struct work_set *set)
{
    if (set->origin != SET_UNKNOWN || set->saved.version == 0)
        return false;
    take(set, &set->saved, SET_SAVED);
    return true;
}

void set_table_obey(struct set_table *table, uint32_t i, struct member_set *next)
{
    work_set_forget_orders(table->v[i]);
    take(table->v[i], next, table->v[i]->origin);
}

/* ---- from the checker ---- */

/** `all`: serve_all is in force. */
static enum member_state state_of(const struct endpoint_state *s, bool all)
{
    if (s->override == OVERRIDE_DRAIN)
        return MEMBER_DRAIN;
    bool serves = endpoint_serves(s) || (all && s->override == OVERRIDE_AUTO);
    return serves ? MEMBER_UP : MEMBER_DOWN;
}

/** Weights as they are, unless some member has a part of its own only: then in sixteenths. */
static bool has_shares(const struct model *m, const struct pool_site *site,
                       const struct endpoint_state *states)
{
    for (uint32_t k = 0; k < site->n_endpoints; k++) {
        uint32_t e = site->first_endpoint + k;
        if (endpoint_share(&states[e]) != SHARE_FULL &&
            endpoint_weight(&m->endpoints[e], &states[e]) > 0)
            return true;
    }
    return false;
}

static uint32_t share_of(const struct endpoint *e, const struct endpoint_state *s, bool in_shares)
{
    uint64_t weight = in_shares ? endpoint_share_weight(e, s) : endpoint_weight(e, s);
    return weight < WEIGHT_MAX ? (uint32_t)weight : WEIGHT_MAX;
}

/** A set that is taken from the checker. */
struct taking {
    const struct l4_set *config;
    const struct model *model;
    const struct endpoint_state *states;
    uint32_t n_endpoints; /* of the sites that it has */
    bool in_shares;
    bool some; /* one may get clients */
    bool all;  /* as none may, those do that are down by health */
};

static uint16_t port_of(const struct taking *t, const struct endpoint *e)
{
    return e->port ? e->port : t->config->port;
}

static bool is_usable(const struct taking *t, const struct endpoint *e)
{
    return e->addr.family != IP_NONE && port_of(t, e) != 0;
}

static void look_at_site(struct taking *t, const struct pool_site *site)
{
    t->n_endpoints += site->n_endpoints;
    t->in_shares |= has_shares(t->model, site, t->states);
    for (uint32_t k = 0; k < site->n_endpoints; k++) {
        const struct endpoint *e = &t->model->endpoints[site->first_endpoint + k];
        const struct endpoint_state *s = &t->states[site->first_endpoint + k];
        t->some |= is_usable(t, e) && endpoint_serves(s) && endpoint_weight(e, s) > 0;
    }
}

static void add_endpoint(struct member_set *next, struct arena *arena, const struct taking *t,
                         uint32_t e)
{
    const struct endpoint *endpoint = &t->model->endpoints[e];
    const struct endpoint_state *s = &t->states[e];
    struct set_member *member = &next->v[next->n];
    if (!is_usable(t, endpoint) || next->n == SETS_MEMBERS_MAX)
        return;
    member->addr = endpoint->addr;
    member->port = port_of(t, endpoint);
    snprintf(member->key, sizeof member->key, "%s", endpoint_key(arena, t->model, e));
    member->weight = share_of(endpoint, s, t->in_shares);
    member->state = state_of(s, t->all);
    next->n++;
}

static bool wants_site(const struct l4_set *config, const struct pool_site *site)
{
    return config->site == MODEL_NONE || config->site == site->site;
}

bool set_table_check(struct set_table *table, uint32_t i, const struct l4_set *config,
                     const struct model *m, const struct endpoint_state *states)
{
    const struct pool *pool = &m->pools[config->pool];
    struct taking t = {.config = config, .model = m, .states = states};
    struct arena *arena = arena_new();
    struct member_set next = {.version = table->v[i]->now.version + 1};
    for (uint32_t k = 0; k < pool->n_sites; k++)
        if (wants_site(config, &pool->sites[k]))
            look_at_site(&t, &pool->sites[k]);
    t.all = !t.some && pool->on_all_down == ALL_DOWN_SERVE_ALL;
    name_set(&next, table->v[i]);
    next.v = xcalloc(t.n_endpoints + 1, sizeof *next.v);
    for (uint32_t k = 0; k < pool->n_sites; k++)
        for (uint32_t j = 0; wants_site(config, &pool->sites[k]) && j < pool->sites[k].n_endpoints;
             j++)
            add_endpoint(&next, arena, &t, pool->sites[k].first_endpoint + j);
    arena_free(arena);
    table->v[i]->all_down = false;
    for (uint32_t k = 0; k < next.n && t.all; k++)
        table->v[i]->all_down |= next.v[k].state == MEMBER_UP && next.v[k].weight > 0;
    return take(table->v[i], &next, SET_CHECKED);
}
