/* SPDX-License-Identifier: Apache-2.0
 * Fronts of tiers: the endpoints, of any pool, that lead clients to them. */
#include "config/tier_draft.h"

#include "model/target.h"

#include <stdlib.h>

static int compare_addr(const struct endpoint *a, const struct endpoint *b)
{
    int by_addr = memcmp(a->addr.b, b->addr.b, sizeof a->addr.b);
    return by_addr ? by_addr : (int)a->addr.family - (int)b->addr.family;
}

static int compare_places(const void *a, const void *b, void *endpoints)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    const struct endpoint *v = endpoints;
    int by_addr = compare_addr(&v[x], &v[y]);
    return by_addr ? by_addr : (x > y) - (x < y);
}

void tier_places_make(struct load *load, struct tier_places *places)
{
    const struct model *m = load->model;
    uint32_t *v = arena_calloc(load->scratch, load->tiers.n ? m->n_endpoints : 0, sizeof *v);
    *places = (struct tier_places){.by_addr = v};
    for (uint32_t i = 0; load->tiers.n && i < m->n_endpoints; i++)
        if (m->endpoints[i].addr.family)
            v[places->n++] = i;
    if (places->n)
        qsort_r(v, places->n, sizeof *v, compare_places, (void *)(uintptr_t)m->endpoints);
}

struct fronts {
    const struct tier *tier;
    VEC(uint32_t) v;
    bool is_member; /* one that was met is a member itself */
};

/* Endpoints with the address of the service, and its port or none of their own. */
static void add_by_address(struct fronts *fronts, const struct model *m,
                           const struct tier_places *places)
{
    const struct tier *t = fronts->tier;
    const struct endpoint at = {.addr = t->service.addr};
    uint32_t lo = 0, hi = places->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (compare_addr(&m->endpoints[places->by_addr[mid]], &at) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < places->n; lo++) {
        uint32_t e = places->by_addr[lo];
        const struct endpoint *endpoint = &m->endpoints[e];
        if (compare_addr(endpoint, &at) != 0)
            return;
        if ((!endpoint->port || !t->service.port || endpoint->port == t->service.port) &&
            tier_list_find(t->members, t->n_members, e) == MODEL_NONE)
            *vec_push(&fronts->v) = e;
    }
}

static bool take_front(void *ctx, uint32_t endpoint)
{
    struct fronts *fronts = ctx;
    const struct tier *t = fronts->tier;
    if (tier_list_find(t->members, t->n_members, endpoint) != MODEL_NONE)
        fronts->is_member = true;
    else
        *vec_push(&fronts->v) = endpoint;
    return true;
}

static void add_behind(struct load *load, struct fronts *fronts, const struct yaml_node *node)
{
    static const char expected[] = "a target: POOL/SITE/LABEL, POOL/SITE or SITE";
    const char *text = schema_scalar(load, node, "'behind'", expected);
    struct target target;
    size_t before = fronts->v.n;
    fronts->is_member = false;
    if (!text)
        return;
    if (target_parse(&target, text) != 0) {
        load_expected(load, node, "'behind'", "%s", expected);
        return;
    }
    target_visit(&target, load->model, take_front, fronts);
    target_free(&target);
    if (fronts->is_member)
        diag_error(load->diags, node->span,
                   "'behind' names members of tier '%s' itself, expected endpoints that lead "
                   "clients to it",
                   fronts->tier->name);
    else if (fronts->v.n == before)
        diag_error(load->diags, node->span, "'%s' matches no endpoint, expected %s", text,
                   strchr(text, '/') ? "one that leads clients to this tier" : expected);
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void tier_fronts_find(struct load *load, struct tier_draft *d, const struct tier_places *places)
{
    const struct yaml_node *behind = yaml_get(d->node, "behind");
    struct fronts fronts = {.tier = &d->tier};
    if (d->tier.service.addr.family)
        add_by_address(&fronts, load->model, places);
    if (behind) {
        struct yaml_items items = yaml_items(&behind);
        for (uint32_t i = 0; i < items.n; i++)
            add_behind(load, &fronts, items.v[i]);
    }
    uint32_t n = 0;
    if (fronts.v.n)
        qsort(fronts.v.v, fronts.v.n, sizeof *fronts.v.v, compare_u32);
    for (size_t i = 0; i < fronts.v.n; i++)
        if (n == 0 || fronts.v.v[n - 1] != fronts.v.v[i])
            fronts.v.v[n++] = fronts.v.v[i];
    fronts.v.n = n;
    d->tier.n_fronts = n;
    d->tier.fronts = vec_to_arena(&fronts.v, load->arena);
    d->tier.has_behind = behind;
}
