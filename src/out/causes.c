/* SPDX-License-Identifier: Apache-2.0
 * Grouping by cause: one look at each place that is down. */
#include "out/causes.h"

#include "base/strmap.h"
#include "base/units.h"
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

#define POOLS_NAMED 3
#define FEW 16

/* ---- what is wrong with one place ---- */

struct fault {
    enum fault_kind kind;
    uint8_t override;
    uint32_t order;
    const char *reason;
    uint32_t n_endpoints; /* that do not serve */
};

/* "web: connect refused" -> "connect refused": whichever check finds it, it is the same. */
static const char *without_check(const char *reason)
{
    const char *colon = strstr(reason, ": ");
    return colon ? colon + 2 : reason;
}

static bool is_missing(const struct endpoint *e, const struct endpoint_state *s)
{
    return !endpoint_serves(s) || endpoint_weight(e, s) == 0;
}

static void set_fault(struct fault *fault, const struct endpoint_state *s)
{
    if (s->override != OVERRIDE_AUTO && !endpoint_serves(s)) {
        fault->kind = FAULT_ORDER;
        fault->override = s->override;
        fault->order = s->state_order;
        fault->reason = s->override_reason;
    } else if (!endpoint_serves(s)) {
        fault->kind = FAULT_PROBES;
        fault->reason = without_check(s->reason);
    } else {
        fault->kind = FAULT_WEIGHT;
        fault->order = s->weight_order;
        fault->reason = "";
    }
}

/* The first endpoint that is meant to serve and does not says why. */
static struct fault fault_of(const struct causes_of *of, const struct pool_site *site)
{
    struct fault fault = {.kind = FAULT_NO_WEIGHT, .reason = ""};
    for (uint32_t i = site->first_endpoint; i < site->first_endpoint + site->n_endpoints; i++) {
        const struct endpoint *e = &of->model->endpoints[i];
        if (e->weight == 0 || !is_missing(e, &of->states[i]))
            continue;
        if (fault.n_endpoints++ == 0)
            set_fault(&fault, &of->states[i]);
    }
    return fault;
}

/* ---- grouping ---- */

struct group {
    struct cause cause;
    VEC(uint32_t) pools;
};

struct finder {
    const struct causes_of *of;
    struct arena *arena;
    struct strmap by_key;
    VEC(struct group) groups;
};

static void add_place(struct finder *f, uint32_t pool, uint32_t place)
{
    const struct level_table *t = f->of->levels;
    const struct pool_level *level = &t->pools[pool];
    const struct pool_site *site = &f->of->model->pools[pool].sites[place - level->first_place];
    struct fault fault = fault_of(f->of, site);
    const char *key = arena_printf(f->arena, "%u %d %u %u %s", site->site, (int)fault.kind,
                                   fault.override, fault.order, fault.reason);
    uint32_t at = strmap_add(&f->by_key, slice_str(key), (uint32_t)f->groups.n);
    if (at == f->groups.n)
        vec_push(&f->groups)->cause = (struct cause){.site = site->site,
                                                     .kind = fault.kind,
                                                     .override = fault.override,
                                                     .order = fault.order,
                                                     .reason = fault.reason};
    struct group *g = &f->groups.v[at];
    *vec_push(&g->pools) = pool;
    g->cause.n_down += level->level == LEVEL_DOWN;
    g->cause.n_endpoints += fault.n_endpoints;
}

uint32_t causes_latest_place(const struct level_table *levels, uint32_t pool, bool down)
{
    const struct pool_level *p = &levels->pools[pool];
    uint32_t latest = MODEL_NONE;
    for (uint32_t place = p->first_place; place < p->first_place + p->n_sites; place++) {
        if (down && levels->places[place].level != LEVEL_DOWN)
            continue;
        if (latest == MODEL_NONE ||
            levels->places[place].since_ms > levels->places[latest].since_ms)
            latest = place;
    }
    return latest;
}

static void add_pool(struct finder *f, uint32_t pool, bool latest)
{
    const struct level_table *t = f->of->levels;
    const struct pool_level *p = &t->pools[pool];
    if (p->level == LEVEL_UP)
        return;
    uint32_t last = latest ? causes_latest_place(t, pool, true) : MODEL_NONE;
    for (uint32_t place = p->first_place; place < p->first_place + p->n_sites; place++)
        if (t->places[place].level == LEVEL_DOWN && (last == MODEL_NONE || place == last))
            add_place(f, pool, place);
}

struct serial {
    uint32_t serial;
    const struct order *order;
};

static int compare_serials(const void *a, const void *b)
{
    uint32_t x = ((const struct serial *)a)->serial, y = ((const struct serial *)b)->serial;
    return (x > y) - (x < y);
}

/* Thousands of causes may each have an order of their own, among thousands; of a few, each looks
 * for itself, which is less than the sorting. */
static void find_orders(struct causes *causes, struct arena *arena, const struct orders *orders)
{
    for (uint32_t i = 0; causes->n <= FEW && i < causes->n; i++)
        causes->v[i].by = orders_find_serial(orders, causes->v[i].order);
    if (causes->n <= FEW)
        return;
    struct serial *sorted = arena_calloc(arena, orders->n, sizeof *sorted);
    for (uint32_t i = 0; i < orders->n; i++)
        sorted[i] = (struct serial){orders->v[i]->serial, orders->v[i]};
    qsort(sorted, orders->n, sizeof *sorted, compare_serials);
    for (uint32_t i = 0; i < causes->n; i++) {
        const struct serial key = {.serial = causes->v[i].order},
                            *found = bsearch(&key, sorted, orders->n, sizeof key, compare_serials);
        causes->v[i].by = found ? found->order : NULL;
    }
}

void causes_find(struct causes *out, struct arena *arena, const struct causes_of *of,
                 const uint32_t *pools, uint32_t n, bool latest)
{
    struct finder f = {.of = of, .arena = arena};
    for (uint32_t i = 0; i < n; i++)
        add_pool(&f, pools[i], latest);
    out->n = (uint32_t)f.groups.n;
    out->v = arena_calloc(arena, f.groups.n, sizeof *out->v);
    for (uint32_t i = 0; i < out->n; i++) {
        out->v[i] = f.groups.v[i].cause;
        out->v[i].n_pools = (uint32_t)f.groups.v[i].pools.n;
        out->v[i].pools = vec_to_arena(&f.groups.v[i].pools, arena);
    }
    if (of->orders && of->orders->n)
        find_orders(out, arena, of->orders);
    vec_free(&f.groups);
    strmap_free(&f.by_key);
}

/* ---- words ---- */

const char *causes_pool_names(struct arena *arena, const struct model *m, const uint32_t *pools,
                              uint32_t n)
{
    const char *text = "";
    for (uint32_t i = 0; i < n && i < POOLS_NAMED; i++)
        text = arena_printf(arena, "%s%s%s", text, i ? ", " : "", m->pools[pools[i]].name);
    return n > POOLS_NAMED ? arena_printf(arena, "%s and %u more", text, n - POOLS_NAMED) : text;
}

/* Those that are down are named first: nobody is served there. */
static const char *names_of(struct arena *arena, const struct causes_of *of, const struct cause *c)
{
    uint32_t *order = arena_calloc(arena, c->n_pools, sizeof *order), n = 0;
    for (int down = 1; down >= 0; down--)
        for (uint32_t i = 0; i < c->n_pools; i++)
            if ((of->levels->pools[c->pools[i]].level == LEVEL_DOWN) == down)
                order[n++] = c->pools[i];
    return causes_pool_names(arena, of->model, order, n);
}

static const char *pools_text(struct arena *arena, const struct cause *c)
{
    uint32_t n = c->n_pools - c->n_down;
    if (c->n_down == 0)
        return arena_printf(arena, "%u pool%s degraded", n, units_plural(n));
    if (n == 0)
        return arena_printf(arena, "%u pool%s down", c->n_down, units_plural(c->n_down));
    return arena_printf(arena, "%u pool%s down, %u degraded", c->n_down, units_plural(c->n_down),
                        n);
}

static const char *ordered_text(const struct cause *c)
{
    if (c->kind == FAULT_WEIGHT)
        return "given weight 0";
    return c->override == OVERRIDE_DRAIN ? "drained" : "put down";
}

/* "order @17 of root (uid 0) (maintenance)", as far as it is known. */
static const char *order_text(struct arena *arena, const struct causes_of *of,
                              const struct cause *c)
{
    const struct order *order = c->by;
    const char *why = c->reason[0] ? arena_printf(arena, " (%s)", c->reason) : "";
    char id[ORDER_ID_MAX];
    if (!order)
        return arena_printf(arena, "order%s", why);
    return arena_printf(arena, "order %s%s%s%s", order_id_text(id, of->orders, order),
                        *order->author ? " of " : "", order->author, why);
}

/* What is wrong, up to the colon. */
static const char *fault_text(struct arena *arena, const struct causes_of *of,
                              const struct cause *c)
{
    const char *site = of->model->sites[c->site].name;
    bool whole = c->n_pools == of->levels->sites[c->site].n_pools;
    if (c->kind == FAULT_PROBES)
        return arena_printf(arena, "site %s: %u endpoint%s of %u pool%s down: %s", site,
                            c->n_endpoints, units_plural(c->n_endpoints), c->n_pools,
                            units_plural(c->n_pools), c->reason);
    if (c->kind == FAULT_NO_WEIGHT)
        return arena_printf(arena, "site %s: no endpoint with a weight", site);
    const char *order = order_text(arena, of, c);
    if (whole)
        return arena_printf(arena, "site %s is %s by %s", site, ordered_text(c), order);
    return arena_printf(arena, "site %s: %u endpoint%s of %u pool%s %s by %s", site, c->n_endpoints,
                        units_plural(c->n_endpoints), c->n_pools, units_plural(c->n_pools),
                        ordered_text(c), order);
}

const char *cause_short(struct arena *arena, const struct causes_of *of, const struct cause *c)
{
    const char *site = of->model->sites[c->site].name;
    if (c->kind == FAULT_NO_WEIGHT)
        return arena_printf(arena, "%s: no endpoint with a weight", site);
    const char *what = arena_printf(arena, "%s: %u endpoint%s", site, c->n_endpoints,
                                    units_plural(c->n_endpoints));
    if (c->kind == FAULT_PROBES)
        return arena_printf(arena, "%s down: %s", what, c->reason);
    return arena_printf(arena, "%s %s by %s", what, ordered_text(c), order_text(arena, of, c));
}

const char *cause_text(struct arena *arena, const struct causes_of *of, const struct cause *c)
{
    return arena_printf(arena, "%s: %s: %s", fault_text(arena, of, c), pools_text(arena, c),
                        names_of(arena, of, c));
}
