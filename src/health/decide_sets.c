/* SPDX-License-Identifier: Apache-2.0
 * Which order decides which prefix set. Sets are few: each order is tried. */
#include "health/decide.h"

#include <stdlib.h>

/* The newest order of the kind that is about the set; ORDER_NONE. */
static uint32_t newest(const struct orders *orders, enum order_kind kind, const char *set,
                       const char *site)
{
    for (uint32_t i = orders->n; i-- > 0;)
        if (orders->v[i]->kind == kind && target_matches_set(&orders->v[i]->target, set, site))
            return i;
    return ORDER_NONE;
}

static enum announce_order of_site(enum override override)
{
    return override == OVERRIDE_DRAIN  ? ANNOUNCE_DRAIN
           : override == OVERRIDE_DOWN ? ANNOUNCE_WITHDRAW
                                       : ANNOUNCE_AUTO;
}

struct announce_decision orders_decide_set(const struct orders *orders, const char *set,
                                           const char *site)
{
    uint32_t own = newest(orders, ORDER_ANNOUNCE, set, NULL);
    const struct order *o = own == ORDER_NONE ? NULL : orders->v[own];
    if (o && !order_is_auto(o))
        return (struct announce_decision){o->announce, o->forced, o};
    uint32_t wide = newest(orders, ORDER_STATE, set, site);
    if (wide == ORDER_NONE)
        return (struct announce_decision){ANNOUNCE_AUTO, false, o};
    return (struct announce_decision){of_site(orders->v[wide]->override), false, orders->v[wide]};
}

struct asking {
    const struct orders *orders;
    const struct model *m;
    enum order_kind kind;
    bool any;
    uint32_t order; /* whose standing is asked for */
    struct order_standing *out;
    bool *above; /* by order: met as the one that decides a set */
};

static uint32_t decider_of(const struct asking *a, uint32_t set)
{
    const struct prefix_set *s = &a->m->prefix_sets[set];
    return newest(a->orders, a->kind, s->name, model_site_name(a->m, s->site));
}

static bool ask(void *ctx, uint32_t set)
{
    struct asking *a = ctx;
    uint32_t at = decider_of(a, set);
    a->any = at != ORDER_NONE && !order_is_auto(a->orders->v[at]);
    return !a->any;
}

bool orders_decide_any_set(const struct orders *orders, const struct model *m,
                           const struct target *target, enum order_kind kind)
{
    struct asking a = {.orders = orders, .m = m, .kind = kind};
    if (kind != ORDER_WEIGHT)
        target_visit_sets(target, m, ask, &a);
    return a.any;
}

static bool find(void *ctx, uint32_t set)
{
    (void)set;
    *(bool *)ctx = true;
    return false;
}

bool orders_find_any(const struct model *m, const struct target *target, enum order_kind kind)
{
    bool found = target_count(target, m) > 0;
    if (!found && kind == ORDER_STATE)
        target_visit_sets(target, m, find, &found);
    return found;
}

static bool stand_on(void *ctx, uint32_t set)
{
    struct asking *a = ctx;
    uint32_t by = decider_of(a, set);
    a->out->n_matched++;
    if (by == a->order) {
        a->out->n_decided++;
    } else if (!a->above[by]) {
        a->above[by] = true;
        a->out->n_above++;
        if (a->out->above == ORDER_NONE || by > a->out->above)
            a->out->above = by;
    }
    return true;
}

void order_stand_on_sets(struct order_standing *out, const struct orders *orders,
                         const struct model *m, uint32_t order)
{
    struct asking a = {.orders = orders,
                       .m = m,
                       .kind = orders->v[order]->kind,
                       .order = order,
                       .out = out,
                       .above = xcalloc(orders->n, sizeof(bool))};
    target_visit_sets(&orders->v[order]->target, m, stand_on, &a);
    free(a.above);
}
