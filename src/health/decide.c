/* SPDX-License-Identifier: Apache-2.0
 * Which order decides which endpoint. */
#include "health/decide.h"

#include "base/strmap.h"
#include "dns/name.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Pairs of exact label and endpoint from which on a hash pays. */
#define HASH_FROM 512

/* What of an order is worked out once. */
struct entry {
    const struct order *order;
    uint32_t pool;  /* PATTERN_EXACT: index, MODEL_NONE if there is none */
    uint32_t site;  /* likewise */
    bool *in_sites; /* PATTERN_GLOB: by site */
};

/* The orders of one kind that can decide in one site of a pool, the newest first, down to `wide`:
 * the newest for all labels. */
struct layers {
    uint32_t wide; /* ORDER_NONE: none */
    uint32_t *globs, *exacts;
    uint32_t n_globs, n_exacts;
};

struct decider {
    struct arena *arena;
    const struct orders *orders;
    const struct model *m;
    struct entry *entries; /* as orders->v */
    uint32_t pool;         /* of which `active` is; MODEL_NONE: none yet */
    uint32_t *active;      /* the newest first */
    uint32_t n_active;
    struct layers layers[2]; /* by kind */
};

static uint32_t find_name(const struct strmap *names, const struct pattern *pattern)
{
    uint32_t i =
        pattern->kind == PATTERN_EXACT ? strmap_get(names, slice_str(pattern->text)) : STRMAP_NONE;
    return i == STRMAP_NONE ? MODEL_NONE : i;
}

static bool *match_sites(struct decider *d, const struct pattern *pattern)
{
    if (pattern->kind != PATTERN_GLOB)
        return NULL;
    bool *in = arena_calloc(d->arena, d->m->n_sites, sizeof *in);
    for (uint32_t i = 0; i < d->m->n_sites; i++)
        in[i] = glob_match(pattern->text, d->m->sites[i].name);
    return in;
}

static void prepare(struct decider *d)
{
    struct strmap pools = {0}, sites = {0};
    for (uint32_t i = 0; i < d->m->n_pools; i++)
        strmap_add(&pools, slice_str(d->m->pools[i].name), i);
    for (uint32_t i = 0; i < d->m->n_sites; i++)
        strmap_add(&sites, slice_str(d->m->sites[i].name), i);
    for (uint32_t i = 0; i < d->orders->n; i++) {
        const struct order *o = d->orders->v[i];
        d->entries[i] =
            (struct entry){o, find_name(&pools, &o->target.pool),
                           find_name(&sites, &o->target.site), match_sites(d, &o->target.site)};
    }
    strmap_free(&pools);
    strmap_free(&sites);
}

struct decider *decider_new(const struct orders *orders, const struct model *m)
{
    struct arena *arena = arena_new();
    struct decider *d = arena_calloc(arena, 1, sizeof *d);
    *d = (struct decider){.arena = arena, .orders = orders, .m = m, .pool = MODEL_NONE};
    d->entries = arena_calloc(arena, orders->n, sizeof *d->entries);
    d->active = arena_calloc(arena, orders->n, sizeof *d->active);
    for (int kind = 0; kind < 2; kind++) {
        d->layers[kind].globs = arena_calloc(arena, orders->n, sizeof(uint32_t));
        d->layers[kind].exacts = arena_calloc(arena, orders->n, sizeof(uint32_t));
    }
    if (orders->n)
        prepare(d);
    return d;
}

void decider_free(struct decider *d)
{
    arena_free(d->arena);
}

static bool in_pool(const struct decider *d, const struct entry *e, uint32_t pool)
{
    const struct pattern *pattern = &e->order->target.pool;
    if (d->m->pools[pool].of_anycast)
        return false;
    if (pattern->kind == PATTERN_EXACT)
        return e->pool == pool;
    return pattern->kind == PATTERN_ANY || glob_match(pattern->text, d->m->pools[pool].name);
}

static bool in_site(const struct entry *e, uint32_t site)
{
    enum pattern_kind kind = e->order->target.site.kind;
    return kind == PATTERN_ANY || (kind == PATTERN_EXACT ? e->site == site : e->in_sites[site]);
}

static void enter_pool(struct decider *d, uint32_t pool)
{
    d->pool = pool;
    d->n_active = 0;
    for (uint32_t i = d->orders->n; i-- > 0;)
        if (in_pool(d, &d->entries[i], pool))
            d->active[d->n_active++] = i;
}

static void find_layers(struct decider *d, uint32_t site)
{
    for (int kind = 0; kind < 2; kind++) {
        d->layers[kind].wide = ORDER_NONE;
        d->layers[kind].n_globs = d->layers[kind].n_exacts = 0;
    }
    for (uint32_t i = 0; i < d->n_active; i++) {
        const struct entry *e = &d->entries[d->active[i]];
        struct layers *l = &d->layers[e->order->kind];
        if (l->wide != ORDER_NONE || !in_site(e, site))
            continue;
        if (e->order->target.label.kind == PATTERN_ANY)
            l->wide = d->active[i];
        else if (e->order->target.label.kind == PATTERN_GLOB)
            l->globs[l->n_globs++] = d->active[i];
        else
            l->exacts[l->n_exacts++] = d->active[i];
    }
}

/* Exact labels by hash; the newest of those alike. */
struct labels {
    struct strmap by_label, by_address, by_cname;
};

static struct slice address_key(const struct ip *addr)
{
    return slice_of((const uint8_t *)addr, sizeof *addr);
}

static void hash_labels(struct labels *labels, const struct decider *d, const struct layers *l)
{
    for (uint32_t i = 0; i < l->n_exacts; i++) {
        const struct target *t = &d->entries[l->exacts[i]].order->target;
        strmap_add(&labels->by_label, slice_str(t->label.text), l->exacts[i]);
        strmap_add(&labels->by_cname, slice_str(t->folded), l->exacts[i]);
        if (t->addr.family != IP_NONE)
            strmap_add(&labels->by_address, address_key(&t->addr), l->exacts[i]);
    }
}

/* Of two indices or ORDER_NONE, the newer. */
static uint32_t newer(uint32_t a, uint32_t b)
{
    return a == ORDER_NONE ? b : b == ORDER_NONE ? a : a > b ? a : b;
}

static_assert(ORDER_NONE == STRMAP_NONE, "a look-up that finds nothing is no order");

static uint32_t look_up(const struct labels *labels, const struct endpoint *e)
{
    char text[NAME_TEXT_MAX];
    uint32_t found = strmap_get(&labels->by_label, slice_str(e->label));
    if (e->name && e->name != e->label)
        found = newer(found, strmap_get(&labels->by_label, slice_str(e->name)));
    if (e->addr.family != IP_NONE)
        return newer(found, strmap_get(&labels->by_address, address_key(&e->addr)));
    name_to_text(text, e->cname);
    return newer(found,
                 strmap_get(&labels->by_cname, slice_of((const uint8_t *)text, strlen(text) - 1)));
}

static uint32_t first_match(const struct decider *d, const uint32_t *v, uint32_t n,
                            const struct endpoint *e)
{
    for (uint32_t i = 0; i < n; i++)
        if (target_matches_label(&d->entries[v[i]].order->target, e))
            return v[i];
    return ORDER_NONE;
}

static void run_kind(const struct decider *d, const struct pool_site *site, enum order_kind kind,
                     struct decision *out)
{
    const struct layers *l = &d->layers[kind];
    struct labels labels = {0};
    bool hashed = (uint64_t)l->n_exacts * site->n_endpoints >= HASH_FROM;
    if (hashed)
        hash_labels(&labels, d, l);
    for (uint32_t i = 0; i < site->n_endpoints; i++) {
        const struct endpoint *e = &d->m->endpoints[site->first_endpoint + i];
        uint32_t exact = hashed ? look_up(&labels, e) : first_match(d, l->exacts, l->n_exacts, e);
        uint32_t found = newer(newer(l->wide, exact), first_match(d, l->globs, l->n_globs, e));
        *(kind == ORDER_STATE ? &out[i].state : &out[i].weight) = found;
    }
    strmap_free(&labels.by_label);
    strmap_free(&labels.by_address);
    strmap_free(&labels.by_cname);
}

void decider_run(struct decider *d, uint32_t pool, uint32_t pool_site, struct decision *out)
{
    const struct pool_site *site = &d->m->pools[pool].sites[pool_site];
    if (d->pool != pool)
        enter_pool(d, pool);
    find_layers(d, site->site);
    run_kind(d, site, ORDER_STATE, out);
    run_kind(d, site, ORDER_WEIGHT, out);
}

/* ---- into states ---- */

/* Rounded down: a TTL that it caps must not outlive it. */
static int64_t until_s(const struct order *o)
{
    return !o || o->until_ms == ORDER_FOREVER ? INT64_MAX : o->until_ms / 1000;
}

static const struct order *order_at(const struct orders *orders, uint32_t i)
{
    return i == ORDER_NONE ? NULL : orders->v[i];
}

void decision_apply(struct endpoint_state *state, const struct orders *orders,
                    const struct decision *decision)
{
    const struct order *s = order_at(orders, decision->state),
                       *w = order_at(orders, decision->weight);
    bool forced = s && s->override != OVERRIDE_AUTO;
    state->state_order = s ? s->serial : 0;
    state->override = (uint8_t)(s ? s->override : OVERRIDE_AUTO);
    state->override_since_ms = forced ? s->set_ms : 0;
    state->override_until_s = until_s(s);
    const char *shown = forced ? s->shown : "";
    memcpy(state->override_reason, shown, strlen(shown) + 1);
    state->weight_order = w ? w->serial : 0;
    state->weight_override = w ? w->weight : ORDER_AUTO_WEIGHT;
    state->weight_until_s = until_s(w);
}

void orders_apply(const struct orders *orders, const struct model *m, struct endpoint_state *states)
{
    struct decider *d = decider_new(orders, m);
    struct decision *out = xcalloc(m->n_endpoints + 1u, sizeof *out);
    for (uint32_t p = 0; p < m->n_pools; p++)
        for (uint32_t i = 0; i < m->pools[p].n_sites; i++) {
            const struct pool_site *site = &m->pools[p].sites[i];
            decider_run(d, p, i, out);
            for (uint32_t k = 0; k < site->n_endpoints; k++)
                decision_apply(&states[site->first_endpoint + k], orders, &out[k]);
        }
    free(out);
    decider_free(d);
}

/* ---- asking ---- */

static bool decides_any_here(const struct decider *d, const struct pool_site *site,
                             const struct target *target, enum order_kind kind,
                             const struct decision *decisions)
{
    for (uint32_t i = 0; i < site->n_endpoints; i++) {
        uint32_t at = kind == ORDER_STATE ? decisions[i].state : decisions[i].weight;
        if (at != ORDER_NONE && !order_is_auto(d->orders->v[at]) &&
            target_matches_label(target, &d->m->endpoints[site->first_endpoint + i]))
            return true;
    }
    return false;
}

static bool decides_any_endpoint(const struct orders *orders, const struct model *m,
                                 const struct target *target, enum order_kind kind)
{
    struct decider *d = decider_new(orders, m);
    struct decision *out = xcalloc(m->n_endpoints + 1u, sizeof *out);
    bool any = false;
    for (uint32_t p = 0; p < m->n_pools && !any; p++)
        for (uint32_t i = 0; i < m->pools[p].n_sites && !any; i++) {
            const struct pool_site *site = &m->pools[p].sites[i];
            if (!pattern_matches(&target->pool, m->pools[p].name) ||
                !pattern_matches(&target->site, m->sites[site->site].name))
                continue;
            decider_run(d, p, i, out);
            any = decides_any_here(d, site, target, kind, out);
        }
    free(out);
    decider_free(d);
    return any;
}

bool orders_decide_any(const struct orders *orders, const struct model *m,
                       const struct target *target, enum order_kind kind)
{
    return (kind != ORDER_ANNOUNCE && decides_any_endpoint(orders, m, target, kind)) ||
           orders_decide_any_set(orders, m, target, kind);
}

struct stand {
    struct order_standing *out;
    const struct orders *orders;
    const struct decision *decisions;
    uint32_t *seen; /* by order: 1 + the order that it was last seen above */
    uint32_t order;
};

static bool stand_on(void *ctx, uint32_t endpoint)
{
    struct stand *s = ctx;
    struct order_standing *out = &s->out[s->order];
    const struct decision *d = &s->decisions[endpoint];
    uint32_t by = s->orders->v[s->order]->kind == ORDER_STATE ? d->state : d->weight;
    out->n_matched++;
    if (by == s->order) {
        out->n_decided++;
    } else if (s->seen[by] != s->order + 1) {
        s->seen[by] = s->order + 1;
        out->n_above++;
        out->above = newer(out->above, by);
    }
    return true;
}

void orders_stand(struct order_standing *out, const struct orders *orders, const struct model *m)
{
    struct decider *d = decider_new(orders, m);
    struct decision *decisions = xcalloc(m->n_endpoints + 1u, sizeof *decisions);
    struct stand s = {out, orders, decisions, xcalloc(orders->n + 1u, sizeof(uint32_t)), 0};
    for (uint32_t p = 0; p < m->n_pools; p++)
        for (uint32_t i = 0; i < m->pools[p].n_sites; i++)
            decider_run(d, p, i, &decisions[m->pools[p].sites[i].first_endpoint]);
    for (; s.order < orders->n; s.order++) {
        out[s.order] = (struct order_standing){.above = ORDER_NONE};
        if (orders->v[s.order]->kind == ORDER_ANNOUNCE)
            order_stand_on_sets(&out[s.order], orders, m, s.order);
        target_visit(&orders->v[s.order]->target, m, stand_on, &s);
    }
    free(s.seen);
    free(decisions);
    decider_free(d);
}
