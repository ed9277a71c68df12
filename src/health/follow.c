/* SPDX-License-Identifier: Apache-2.0
 * Orders and another configuration. */
#include "health/follow.h"

#include "dns/name.h"
#include "health/decide.h"

#include <stdio.h>
#include <stdlib.h>

#define SITES_KNOWN_MAX 4096 /* names; with more, sites that are renamed are not followed */

static char *address_of(const struct endpoint *e)
{
    char text[NAME_TEXT_MAX];
    if (e->addr.family != IP_NONE)
        return xstrdup(ip_text(text, &e->addr));
    name_to_text(text, e->cname);
    text[strlen(text) - 1] = '\0';
    return xstrdup(text);
}

/* ---- anchors ---- */

struct anchoring {
    const struct model *m;
    struct anchor v[ANCHORS_MAX];
    uint32_t n;
};

static bool anchor_one(void *ctx, uint32_t endpoint)
{
    struct anchoring *a = ctx;
    const struct endpoint *e = &a->m->endpoints[endpoint];
    a->v[a->n++] = (struct anchor){xstrdup(a->m->pools[e->pool].name),
                                   xstrdup(a->m->sites[e->site].name), address_of(e)};
    return a->n < ANCHORS_MAX;
}

static void free_anchors(struct anchor *v, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        free(v[i].pool);
        free(v[i].site);
        free(v[i].address);
    }
}

bool order_anchor(struct order *order, const struct model *m)
{
    struct anchoring a = {.m = m};
    target_visit(&order->target, m, anchor_one, &a);
    if (a.n == 0)
        return false;
    free_anchors(order->anchors, order->n_anchors);
    free(order->anchors);
    order->anchors = xcalloc(a.n, sizeof *order->anchors);
    memcpy(order->anchors, a.v, a.n * sizeof *a.v);
    order->n_anchors = a.n;
    return true;
}

static bool same_anchors(const struct order *a, const struct order *b)
{
    bool same = a->n_anchors == b->n_anchors;
    for (uint32_t i = 0; same && i < a->n_anchors; i++)
        same = strcmp(a->anchors[i].pool, b->anchors[i].pool) == 0 &&
               strcmp(a->anchors[i].site, b->anchors[i].site) == 0 &&
               strcmp(a->anchors[i].address, b->anchors[i].address) == 0;
    return same;
}

/* ---- where they are now ---- */

struct names {
    const struct orders *orders; /* of the sites of before */
    const struct model *m;
};

static bool site_is_new(const struct names *n, uint32_t site)
{
    for (uint32_t i = 0; i < n->orders->n_sites; i++)
        if (strcmp(n->orders->sites[i], n->m->sites[site].name) == 0)
            return false;
    return n->orders->n_sites > 0;
}

static bool is_at(const struct endpoint *e, const struct target *address)
{
    return e->addr.family != IP_NONE ? ip_equal(&e->addr, &address->addr)
                                     : target_matches_label(address, e);
}

/* The endpoint of an anchor: in its own site, else in one of the pool's other sites if that is the
 * only one, else in the only one that is new. MODEL_NONE: gone, or nobody can tell which. */
static uint32_t find_anchor(const struct names *n, const struct anchor *a)
{
    uint32_t pool = model_find_pool(n->m, a->pool), here = MODEL_NONE, other = MODEL_NONE,
             in_new = MODEL_NONE, n_other = 0, n_new = 0;
    struct target address;
    char text[NAME_TEXT_MAX + 8];
    snprintf(text, sizeof text, "*/*/%s", a->address);
    if (pool == MODEL_NONE || target_parse(&address, text))
        return MODEL_NONE;
    for (uint32_t i = 0; i < n->m->pools[pool].n_sites; i++) {
        const struct pool_site *s = &n->m->pools[pool].sites[i];
        for (uint32_t e = s->first_endpoint; e < s->first_endpoint + s->n_endpoints; e++) {
            if (!is_at(&n->m->endpoints[e], &address))
                continue;
            if (strcmp(n->m->sites[s->site].name, a->site) == 0)
                here = e;
            else if (site_is_new(n, s->site))
                in_new = e, n_new++;
            other = e, n_other++;
            break;
        }
    }
    target_free(&address);
    return here != MODEL_NONE ? here : n_other == 1 ? other : n_new == 1 ? in_new : MODEL_NONE;
}

/* ---- following ---- */

static char *target_at(const struct order *o, const struct names *n, uint32_t endpoint)
{
    const struct endpoint *e = &n->m->endpoints[endpoint];
    const char *site =
        o->target.site.kind == PATTERN_EXACT ? n->m->sites[e->site].name : o->target.site.text;
    const char *label = target_matches_label(&o->target, e) ? o->target.label.text : e->label;
    size_t size = strlen(o->target.pool.text) + strlen(site) + strlen(label) + 3;
    char *text = xmalloc(size);
    snprintf(text, size, "%s/%s/%s", o->target.pool.text, site, label);
    return text;
}

/* Of an order for one label. NULL: it stays. */
static char *follow_label(const struct order *o, const struct names *n)
{
    uint32_t to = MODEL_NONE;
    for (uint32_t i = 0; i < o->n_anchors; i++) {
        uint32_t e = find_anchor(n, &o->anchors[i]);
        if (e == MODEL_NONE)
            continue;
        if (target_matches(&o->target, n->m, e))
            return NULL;
        to = to == MODEL_NONE ? e : to;
    }
    return to == MODEL_NONE ? NULL : target_at(o, n, to);
}

/* Of an order for a site, or for some labels in it. NULL: it stays. */
static char *follow_site(const struct order *o, const struct names *n)
{
    uint32_t to = MODEL_NONE;
    if (model_find_site(n->m, o->target.site.text) != MODEL_NONE)
        return NULL;
    for (uint32_t i = 0; i < o->n_anchors; i++) {
        uint32_t e = find_anchor(n, &o->anchors[i]);
        if (e == MODEL_NONE)
            continue;
        uint32_t site = n->m->endpoints[e].site;
        if (!site_is_new(n, site) || (to != MODEL_NONE && to != site))
            return NULL;
        to = site;
    }
    if (to == MODEL_NONE)
        return NULL;
    size_t size = TARGET_MAX + strlen(n->m->sites[to].name) + 8;
    char *text = xmalloc(size);
    if (o->target.label.kind != PATTERN_ANY)
        snprintf(text, size, "%s/%s/%s", o->target.pool.text, n->m->sites[to].name,
                 o->target.label.text);
    else if (o->target.pool.kind != PATTERN_ANY)
        snprintf(text, size, "%s/%s", o->target.pool.text, n->m->sites[to].name);
    else
        snprintf(text, size, "%s", n->m->sites[to].name);
    return text;
}

/* The order as it is from now on, held; the same one when nothing changed. */
static struct order *follow(struct orders *orders, struct order *o, const struct names *n,
                            int64_t now_ms)
{
    struct order *to = order_clone(o);
    char *text = target_is_of_sets(&o->target)           ? NULL
                 : o->target.label.kind == PATTERN_EXACT ? follow_label(o, n)
                 : o->target.site.kind == PATTERN_EXACT  ? follow_site(o, n)
                                                         : NULL;
    struct target target;
    if (text && target_parse(&target, text) == 0) {
        target_free(&to->target);
        to->target = target;
        orders->seen_ms = now_ms > orders->seen_ms ? now_ms : orders->seen_ms + 1;
        to->moved_ms = orders->seen_ms;
    }
    free(text);
    to->is_lost = !order_anchor(to, n->m) && !orders_find_any(n->m, &to->target, to->kind);
    if (to->moved_ms != o->moved_ms || to->is_lost != o->is_lost || !same_anchors(to, o))
        return to;
    order_release(to);
    return order_hold(o);
}

static void tell_of(const struct order *before, const struct order *now, follow_fn *tell, void *ctx)
{
    if (now->moved_ms != before->moved_ms)
        tell(ctx, FOLLOW_MOVED, before, now);
    else if (now->is_lost != before->is_lost)
        tell(ctx, now->is_lost ? FOLLOW_LOST : FOLLOW_BACK, before, now);
}

static bool know_sites(struct orders *orders, const struct model *m)
{
    uint32_t n = m->n_sites <= SITES_KNOWN_MAX ? m->n_sites : 0;
    bool same = n == orders->n_sites;
    for (uint32_t i = 0; same && i < n; i++)
        same = strcmp(orders->sites[i], m->sites[i].name) == 0;
    if (same)
        return false;
    for (uint32_t i = 0; i < orders->n_sites; i++)
        free(orders->sites[i]);
    free(orders->sites);
    orders->sites = xcalloc(n + 1u, sizeof *orders->sites);
    orders->n_sites = n;
    for (uint32_t i = 0; i < n; i++)
        orders->sites[i] = xstrdup(m->sites[i].name);
    return true;
}

bool orders_follow(struct orders *orders, const struct model *m, int64_t now_ms, follow_fn *tell,
                   void *ctx)
{
    const struct names names = {orders, m};
    bool changed = false;
    for (uint32_t i = 0; i < orders->n; i++) {
        struct order *before = orders->v[i];
        orders->v[i] = follow(orders, before, &names, now_ms);
        changed |= orders->v[i] != before;
        if (tell)
            tell_of(before, orders->v[i], tell, ctx);
        order_release(before);
    }
    return know_sites(orders, m) && orders->n ? true : changed;
}
