/* SPDX-License-Identifier: Apache-2.0
 * What has moved and is not told yet: a list, as little moves at a time. */
#include "out/transitions.h"

#include "base/clock.h"
#include "base/units.h"
#include "base/vec.h"

#include <stdio.h>
#include <stdlib.h>

/* One pool or site. */
struct item {
    int64_t moved_ms; /* monotonic, while it waits */
    uint8_t told;     /* enum level; LEVEL_UNUSED: nothing yet */
    bool waits;       /* is in the list */
};

struct waiting {
    enum level_kind kind;
    uint32_t index;
};

struct transitions {
    void (*moved)(void *ctx);
    void *ctx;
    struct item *items[2]; /* by enum level_kind */
    uint32_t n[2];
    VEC(struct waiting) waiting;
};

struct transitions *transitions_new(void (*moved)(void *ctx), void *ctx)
{
    struct transitions *t = xcalloc(1, sizeof *t);
    t->moved = moved;
    t->ctx = ctx;
    return t;
}

void transitions_free(struct transitions *t)
{
    if (!t)
        return;
    free(t->items[LEVEL_OF_POOL]);
    free(t->items[LEVEL_OF_SITE]);
    vec_free(&t->waiting);
    free(t);
}

/* ---- taking note ---- */

static void wait_for(struct transitions *t, enum level_kind kind, uint32_t index, int64_t moved_ms)
{
    struct item *item = &t->items[kind][index];
    item->moved_ms = moved_ms;
    if (item->waits)
        return;
    item->waits = true;
    *vec_push(&t->waiting) = (struct waiting){kind, index};
}

static void on_moved(void *ctx, enum level_kind kind, uint32_t index, enum level from)
{
    struct transitions *t = ctx;
    (void)from;
    wait_for(t, kind, index, clock_mono_ms());
    t->moved(t->ctx);
}

static uint8_t level_now(const struct level_table *levels, enum level_kind kind, uint32_t i)
{
    return kind == LEVEL_OF_POOL ? levels->pools[i].level : levels->sites[i].level;
}

/* What was told of those before goes on; what is new and up is as good as told. */
static void renumber(struct transitions *t, enum level_kind kind, const struct level_table *now,
                     const uint32_t *before, uint32_t n)
{
    struct item *old = t->items[kind];
    t->items[kind] = xcalloc(n + 1u, sizeof *t->items[kind]);
    t->n[kind] = n;
    for (uint32_t i = 0; i < n; i++) {
        struct item *item = &t->items[kind][i];
        uint8_t level = level_now(now, kind, i);
        if (before[i] != MODEL_NONE)
            item->told = old[before[i]].told;
        else if (level == LEVEL_UP)
            item->told = LEVEL_UP;
        if (level != item->told)
            wait_for(t, kind, i,
                     before[i] != MODEL_NONE && old[before[i]].waits ? old[before[i]].moved_ms
                                                                     : clock_mono_ms());
    }
    free(old);
}

static void on_renumbered(void *ctx, const struct level_table *now, const uint32_t *pools,
                          const uint32_t *sites)
{
    struct transitions *t = ctx;
    t->waiting.n = 0;
    renumber(t, LEVEL_OF_POOL, now, pools, now->n_pools);
    renumber(t, LEVEL_OF_SITE, now, sites, now->n_sites);
    t->moved(t->ctx);
}

struct level_watcher transitions_watcher(struct transitions *t)
{
    return (struct level_watcher){t, on_moved, on_renumbered};
}

/* ---- what is due ---- */

static const struct item *item_of(const struct transitions *t, size_t i)
{
    return &t->items[t->waiting.v[i].kind][t->waiting.v[i].index];
}

int64_t transitions_next_ms(const struct transitions *t)
{
    int64_t first_ms = INT64_MAX, last_ms = 0;
    for (size_t i = 0; i < t->waiting.n; i++) {
        int64_t moved_ms = item_of(t, i)->moved_ms;
        first_ms = moved_ms < first_ms ? moved_ms : first_ms;
        last_ms = moved_ms > last_ms ? moved_ms : last_ms;
    }
    if (first_ms == INT64_MAX)
        return INT64_MAX;
    int64_t quiet_ms = last_ms + TRANSITION_HOLD_MS, late_ms = first_ms + TRANSITION_WAVE_MS;
    return quiet_ms < late_ms ? quiet_ms : late_ms;
}

/* Those that are back where they were are no news, and hold up nobody. */
static void drop_returned(struct transitions *t, const struct level_table *levels)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->waiting.n; i++) {
        struct waiting w = t->waiting.v[i];
        struct item *item = &t->items[w.kind][w.index];
        item->waits = level_now(levels, w.kind, w.index) != item->told;
        if (item->waits)
            t->waiting.v[kept++] = w;
    }
    t->waiting.n = kept;
}

struct due {
    struct transitions *t;
    const struct causes_of *of;
    struct arena *arena;
    uint32_t *pools, n_pools; /* ascending */
    bool *is_told;            /* of all pools */
    VEC(uint32_t) sites;
    void (*emit)(void *ctx, const struct event *event);
    void *ctx;
};

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void take_due(struct due *d, int64_t now_ms)
{
    struct transitions *t = d->t;
    size_t kept = 0;
    d->pools = arena_calloc(d->arena, t->waiting.n, sizeof *d->pools);
    for (size_t i = 0; i < t->waiting.n; i++) {
        struct waiting w = t->waiting.v[i];
        struct item *item = &t->items[w.kind][w.index];
        if (now_ms - item->moved_ms < TRANSITION_HOLD_MS) {
            t->waiting.v[kept++] = w;
            continue;
        }
        item->waits = false;
        if (w.kind == LEVEL_OF_POOL && d->of->model->pools[w.index].of_anycast)
            item->told = d->of->levels->pools[w.index].level; /* the prefix set tells of it */
        else if (w.kind == LEVEL_OF_POOL)
            d->pools[d->n_pools++] = w.index;
        else
            *vec_push(&d->sites) = w.index;
    }
    t->waiting.n = kept;
    qsort(d->pools, d->n_pools, sizeof *d->pools, compare_numbers);
}

/* ---- telling ---- */

static const char *told_text(uint8_t told)
{
    return told == LEVEL_UNUSED ? "unknown" : level_text((enum level)told);
}

static enum event_severity severity_of(uint8_t level)
{
    return level == LEVEL_DOWN       ? EVENT_ERROR
           : level == LEVEL_DEGRADED ? EVENT_WARNING
                                     : EVENT_NOTICE;
}

/* Tells of one pool or site, and remembers that. */
static void tell(struct due *d, enum level_kind kind, uint32_t index, enum event_severity severity,
                 const char *reason)
{
    const struct model *m = d->of->model;
    struct item *item = &d->t->items[kind][index];
    uint8_t level = level_now(d->of->levels, kind, index);
    struct event event = {.severity = (uint8_t)severity};
    if (kind == LEVEL_OF_POOL)
        snprintf(event.target, sizeof event.target, "pool %s", m->pools[index].name);
    else
        snprintf(event.target, sizeof event.target, "site %s", m->sites[index].name);
    snprintf(event.from, sizeof event.from, "%s", told_text(item->told));
    snprintf(event.to, sizeof event.to, "%s", level_text((enum level)level));
    snprintf(event.reason, sizeof event.reason, "%s", reason);
    item->told = level;
    d->emit(d->ctx, &event);
}

static void mark_told(struct due *d, const uint32_t *pools, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        d->is_told[pools[i]] = true;
        d->t->items[LEVEL_OF_POOL][pools[i]].told = d->of->levels->pools[pools[i]].level;
    }
}

static void tell_causes(struct due *d)
{
    struct causes causes;
    causes_find(&causes, d->arena, d->of, d->pools, d->n_pools, true);
    for (uint32_t i = 0; i < causes.n; i++) {
        const struct cause *c = &causes.v[i];
        if (c->n_pools == 1)
            continue;
        mark_told(d, c->pools, c->n_pools);
        tell(d, LEVEL_OF_SITE, c->site, c->n_down ? EVENT_ERROR : EVENT_WARNING,
             cause_text(d->arena, d->of, c));
    }
}

struct recovery {
    uint32_t site, pool;
};

static int compare_recoveries(const void *a, const void *b)
{
    const struct recovery *x = a, *y = b;
    return x->site != y->site ? (x->site > y->site) - (x->site < y->site)
                              : (x->pool > y->pool) - (x->pool < y->pool);
}

static void tell_site_recovered(struct due *d, const struct recovery *v, uint32_t n)
{
    uint32_t *pools = arena_calloc(d->arena, n, sizeof *pools);
    for (uint32_t i = 0; i < n; i++)
        pools[i] = v[i].pool;
    mark_told(d, pools, n);
    tell(d, LEVEL_OF_SITE, v->site, EVENT_NOTICE,
         arena_printf(d->arena, "%u pools are up again: %s", n,
                      causes_pool_names(d->arena, d->of->model, pools, n)));
}

/* Pools that are up again, by the site that brought them back. */
static void tell_recovered(struct due *d)
{
    const struct level_table *t = d->of->levels;
    struct recovery *v = arena_calloc(d->arena, d->n_pools, sizeof *v);
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->n_pools; i++)
        if (t->pools[d->pools[i]].level == LEVEL_UP)
            v[n++] = (struct recovery){t->places[causes_latest_place(t, d->pools[i], false)].site,
                                       d->pools[i]};
    qsort(v, n, sizeof *v, compare_recoveries);
    for (uint32_t i = 0, many; i < n; i += many) {
        for (many = 1; i + many < n && v[i + many].site == v[i].site; many++)
            ;
        if (many > 1)
            tell_site_recovered(d, &v[i], many);
    }
}

static const char *pool_why(struct due *d, uint32_t pool)
{
    struct causes causes;
    const struct pool_level *p = &d->of->levels->pools[pool];
    causes_find(&causes, d->arena, d->of, &pool, 1, false);
    const char *text = "";
    for (uint32_t i = 0; i < causes.n; i++)
        text = arena_printf(d->arena, "%s%s%s", text, i ? "; " : "",
                            cause_short(d->arena, d->of, &causes.v[i]));
    return *text ? text
                 : arena_printf(d->arena, "%u of %u site%s, %u of %u endpoint%s", p->n_sites_up,
                                p->n_sites, units_plural(p->n_sites), p->n_up, p->n,
                                units_plural(p->n));
}

static void tell_pools(struct due *d)
{
    for (uint32_t i = 0; i < d->n_pools; i++)
        if (!d->is_told[d->pools[i]])
            tell(d, LEVEL_OF_POOL, d->pools[i],
                 severity_of(d->of->levels->pools[d->pools[i]].level), pool_why(d, d->pools[i]));
}

static void tell_sites(struct due *d)
{
    for (size_t i = 0; i < d->sites.n; i++) {
        uint32_t site = d->sites.v[i];
        const struct site_level *s = &d->of->levels->sites[site];
        if (s->level != d->t->items[LEVEL_OF_SITE][site].told)
            tell(d, LEVEL_OF_SITE, site, severity_of(s->level),
                 arena_printf(d->arena, "up for %u of %u pool%s", s->n_pools_up, s->n_pools,
                              units_plural(s->n_pools)));
    }
}

void transitions_tell(struct transitions *t, const struct causes_of *of, int64_t now_ms,
                      void (*emit)(void *ctx, const struct event *event), void *ctx)
{
    struct due d = {.t = t, .of = of, .arena = arena_new(), .emit = emit, .ctx = ctx};
    drop_returned(t, of->levels);
    if (transitions_next_ms(t) <= now_ms) {
        d.is_told = arena_calloc(d.arena, of->model->n_pools, sizeof *d.is_told);
        take_due(&d, now_ms);
        tell_causes(&d);
        tell_recovered(&d);
        tell_pools(&d);
        tell_sites(&d);
    }
    vec_free(&d.sites);
    arena_free(d.arena);
}
