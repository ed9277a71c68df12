/* SPDX-License-Identifier: Apache-2.0
 * What a change of many pools does to the answers. */
#include "out/impact.h"

#include "base/buf.h"
#include "base/strmap.h"
#include "base/units.h"
#include "base/vec.h"
#include "compile/verdict.h"

#include <stdlib.h>

/* What became of a pool's answers, worst first. */
enum fate {
    FATE_NODATA,
    FATE_SERVFAIL,
    FATE_DOWN, /* endpoints that do not serve are answered */
    FATE_FALLBACK,
    FATE_MOVE,
    FATE_LESS,
    FATE_MORE,
    FATE_WEIGHTS,
    FATE_SAME,
};

struct change {
    enum fate fate;
    bool everybody;    /* FATE_NODATA, FATE_SERVFAIL: no client gets anything else */
    bool loses;        /* some endpoint is answered no more */
    uint32_t fallback; /* FATE_FALLBACK */
    uint8_t *gained;   /* FATE_MOVE: by site */
};

struct compare {
    const struct generation *g;
    const struct endpoint_state *before, *after;
    struct arena *scratch; /* of one pool */
    uint8_t *marks;        /* by endpoint: 1: answered before */
    uint8_t *sites;        /* by site, of one pool */
};

static const struct pool_view *compile(const struct compare *c, uint32_t pool,
                                       const struct endpoint_state *states)
{
    const struct steerings *s = &c->g->steerings;
    return verdict_compile(c->g->model, &s->v[s->of_pool[pool]], pool, states);
}

/* ---- one pool ---- */

static bool gives_something(const struct compare *c, uint32_t pool, int family, unsigned depth);

/* Whether clients get an answer of this family, from here or from where it falls back to. */
static bool verdict_gives(const struct compare *c, const struct verdict *v, int family,
                          unsigned depth)
{
    if (v->mode[family] == VERDICT_FALLBACK)
        return gives_something(c, v->fallback, family, depth + 1);
    return v->mode[family] == VERDICT_ANSWER;
}

static bool gives_something(const struct compare *c, uint32_t pool, int family, unsigned depth)
{
    if (depth > c->g->model->n_pools) /* fallbacks are no circle */
        return false;
    const struct pool_view *view = compile(c, pool, c->after);
    bool gives = false;
    for (uint32_t i = 0; i < view->n_verdicts && !gives; i++)
        gives = verdict_gives(c, &view->verdicts[i], family, depth);
    arena_free(view->arena);
    return gives;
}

static void worse(struct change *change, enum fate fate)
{
    if (fate < change->fate)
        change->fate = fate;
}

static void mark(const struct compare *c, const struct pickset *set, uint8_t value)
{
    for (uint32_t i = 0; i < set->n; i++)
        c->marks[set->endpoint[i]] = value;
}

static bool same_weights(const struct pickset *a, const struct pickset *b)
{
    for (uint32_t i = 0; i < a->n; i++)
        if ((a->weight ? a->weight[i] : 1) != (b->weight ? b->weight[i] : 1))
            return false;
    return true;
}

static bool all_down(const struct compare *c, const struct pickset *set)
{
    for (uint32_t i = 0; i < set->n; i++)
        if (endpoint_serves(&c->after[set->endpoint[i]]))
            return false;
    return set->n > 0;
}

/* Both are answers: which endpoints come and go. */
static void compare_sets(const struct compare *c, struct change *change, const struct pickset *a,
                         const struct pickset *b)
{
    const struct endpoint *endpoints = c->g->model->endpoints;
    uint32_t kept = 0;
    bool moves = false;
    memset(c->sites, 0, c->g->model->n_sites);
    for (uint32_t i = 0; i < a->n; i++)
        c->sites[endpoints[a->endpoint[i]].site] = 1;
    mark(c, a, 1);
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t site = endpoints[b->endpoint[i]].site;
        kept += c->marks[b->endpoint[i]];
        if (!c->sites[site])
            change->gained[site] = moves = true;
    }
    mark(c, a, 0);
    change->loses |= kept < a->n;
    if (kept == a->n && kept == b->n) {
        if (!same_weights(a, b))
            worse(change, FATE_WEIGHTS);
        return;
    }
    if (all_down(c, b))
        worse(change, FATE_DOWN);
    worse(change, moves && kept < a->n ? FATE_MOVE : kept < a->n ? FATE_LESS : FATE_MORE);
}

static void compare_family(const struct compare *c, struct change *change, const struct verdict *a,
                           const struct verdict *b, int family)
{
    bool gives = verdict_gives(c, b, family, 0);
    change->everybody &= !gives;
    if (a->mode[family] == VERDICT_ANSWER && b->mode[family] == VERDICT_ANSWER) {
        compare_sets(c, change, &a->set[family], &b->set[family]);
        return;
    }
    if (a->mode[family] == b->mode[family] &&
        (b->mode[family] != VERDICT_FALLBACK || a->fallback == b->fallback))
        return;
    change->loses |= a->mode[family] == VERDICT_ANSWER;
    if (!gives)
        worse(change, b->mode[family] == VERDICT_SERVFAIL ? FATE_SERVFAIL : FATE_NODATA);
    else if (b->mode[family] == VERDICT_FALLBACK)
        worse(change, FATE_FALLBACK);
    else
        worse(change, all_down(c, &b->set[family]) ? FATE_DOWN : FATE_MORE);
    change->fallback = b->fallback;
}

static bool is_drawn(const struct pool_view *view, uint32_t class)
{
    if (!view->split)
        return true;
    for (uint32_t i = 0; i < view->n_classes; i++)
        if ((i == class && view->split[i].keep) ||
            (view->split[i].other == class && view->split[i].keep < UINT32_MAX))
            return true;
    return false;
}

static bool same_draw(const struct pool_view *a, const struct pool_view *b)
{
    return !a->split || !b->split ||
           memcmp(a->split, b->split, a->n_classes * sizeof *a->split) == 0;
}

/* Of a pair of verdicts that many classes share, only the first is compared. */
static bool seen_before(struct strmap *seen, struct arena *arena, uint32_t a, uint32_t b)
{
    const uint32_t pair[2] = {a, b};
    uint32_t n = seen->n;
    strmap_add(seen, slice_of(arena_copy(arena, pair, sizeof pair), sizeof pair), 0);
    return seen->n == n;
}

static void compare_views(const struct compare *c, struct change *change, const struct pool *pool,
                          const struct pool_view *a, const struct pool_view *b)
{
    struct strmap seen = {0};
    for (uint32_t i = 0; i < b->n_classes; i++) {
        if (!is_drawn(b, i) ||
            seen_before(&seen, c->scratch, a->class_verdict[i], b->class_verdict[i]))
            continue;
        const struct verdict *x = &a->verdicts[a->class_verdict[i]],
                             *y = &b->verdicts[b->class_verdict[i]];
        if (pool->is_cname || pool->has_v4)
            compare_family(c, change, x, y, 0);
        if (!pool->is_cname && pool->has_v6)
            compare_family(c, change, x, y, 1);
    }
    strmap_free(&seen);
    if (!same_draw(a, b)) {
        worse(change, FATE_WEIGHTS);
        change->loses = true;
    }
}

static struct change compare_pool(const struct compare *c, uint32_t pool)
{
    const struct model *m = c->g->model;
    struct change change = {.fate = FATE_SAME, .everybody = true};
    change.gained = arena_calloc(c->scratch, m->n_sites, 1);
    const struct pool_view *a = compile(c, pool, c->before), *b = compile(c, pool, c->after);
    compare_views(c, &change, &m->pools[pool], a, b);
    arena_free(a->arena);
    arena_free(b->arena);
    return change;
}

/* ---- words ---- */

/* What the pools of a group do: after "pools " and "pool ". */
static const char *list_gained(const struct compare *c, struct arena *arena,
                               const struct change *change)
{
    const struct model *m = c->g->model;
    const char *text = "";
    uint32_t n = 0, i = 0, left;
    for (uint32_t s = 0; s < m->n_sites; s++)
        n += change->gained[s];
    left = n;
    for (uint32_t s = 0; s < m->n_sites && i < 4; s++)
        if (change->gained[s]) {
            text = arena_printf(arena, "%s%s%s", text,
                                i == 0       ? ""
                                : i + 1 == n ? " or "
                                             : ", ",
                                m->sites[s].name);
            i++, left--;
        }
    return left ? arena_printf(arena, "%s or %u more sites", text, left) : text;
}

/* The verb for many, and for one. */
static const char *fate_text(const struct compare *c, struct arena *arena,
                             const struct change *change, bool one)
{
    const char *s = one ? "s" : "", *whom = change->everybody ? "" : " to some clients";
    switch (change->fate) {
    case FATE_NODATA:
        return arena_printf(arena, "answer%s NODATA%s", s, whom);
    case FATE_SERVFAIL:
        return arena_printf(arena, "answer%s SERVFAIL%s", s, whom);
    case FATE_DOWN:
        return arena_printf(arena, "answer%s endpoints that are down (on_all_down: serve_all)", s);
    case FATE_FALLBACK:
        return arena_printf(arena, "answer%s what pool %s does", s,
                            c->g->model->pools[change->fallback].name);
    case FATE_MOVE:
        return arena_printf(arena, "move%s to %s", s, list_gained(c, arena, change));
    case FATE_LESS:
        return arena_printf(arena, "answer%s fewer endpoints", s);
    case FATE_MORE:
        return arena_printf(arena, "answer%s more endpoints", s);
    case FATE_WEIGHTS:
        return arena_printf(arena, "change%s shares", s);
    case FATE_SAME:
        break;
    }
    return "";
}

/* ---- groups ---- */

struct group {
    struct change change; /* of its first pool */
    VEC(uint32_t) pools;
};

struct groups {
    VEC(struct group) v;
    struct strmap by_text;
    struct arena *arena;
};

static void group_add(struct groups *groups, const struct compare *c, uint32_t pool,
                      const struct change *change)
{
    const char *text = fate_text(c, groups->arena, change, false);
    uint32_t at = strmap_add(&groups->by_text, slice_str(text), (uint32_t)groups->v.n);
    if (at == groups->v.n) {
        struct group *group = vec_push(&groups->v);
        group->change = *change;
        group->change.gained = arena_copy(groups->arena, change->gained, c->g->model->n_sites);
    }
    *vec_push(&groups->v.v[at].pools) = pool;
}

static const char *name_pools(struct arena *arena, const struct model *m, const struct group *group,
                              uint32_t named_max)
{
    struct buf names = {0};
    uint32_t n = (uint32_t)group->pools.n;
    for (uint32_t i = 0; i < n && i < named_max; i++)
        buf_printf(&names, "%s%s", i ? ", " : ": ", m->pools[group->pools.v[i]].name);
    if (n > named_max)
        buf_printf(&names, " and %u more", n - named_max);
    const char *text = arena_strdup(arena, names.n ? names.p : "");
    buf_free(&names);
    return text;
}

static void put_in_words(struct impact *impact, const struct compare *c, struct group *group,
                         uint32_t named_max)
{
    struct impact_group *out = &impact->groups[impact->n_groups++];
    uint32_t n = (uint32_t)group->pools.n;
    bool bad = group->change.fate <= FATE_DOWN;
    const char *verb = fate_text(c, impact->arena, &group->change, n == 1);
    *out = (struct impact_group){.bad = bad, .n = n};
    if (n == 1)
        out->text = arena_printf(impact->arena, "pool %s %s",
                                 c->g->model->pools[group->pools.v[0]].name, verb);
    else
        out->text =
            arena_printf(impact->arena, "%u pools %s%s", n, verb,
                         bad ? name_pools(impact->arena, c->g->model, group, named_max) : "");
    out->pools = vec_to_arena(&group->pools, impact->arena);
}

static int compare_groups(const void *x, const void *y)
{
    const struct impact_group *a = x, *b = y;
    return a->bad != b->bad ? (a->bad ? -1 : 1) : (a->n < b->n) - (a->n > b->n);
}

static void add_pool(struct impact *impact, struct groups *groups, struct compare *c, uint32_t pool)
{
    c->scratch = arena_new();
    struct change change = compare_pool(c, pool);
    const struct model *m = c->g->model;
    /* Without zones it is others who answer, by this pool's TTL for all that is known. */
    uint32_t ttl_s = m->answer_ttls ? m->answer_ttls[pool] : m->pools[pool].ttl.max_s;
    if (change.fate == FATE_SAME) {
        impact->n_same++;
    } else {
        impact->n_changed++;
        group_add(groups, c, pool, &change);
    }
    if (change.loses && ttl_s > impact->old_s)
        impact->old_s = ttl_s;
    arena_free(c->scratch);
}

struct impact *impact_of(const struct generation *g, const struct endpoint_state *before,
                         const struct endpoint_state *after, const uint32_t *pools,
                         uint32_t n_pools, uint32_t named_max)
{
    struct arena *arena = arena_new();
    struct impact *impact = arena_calloc(arena, 1, sizeof *impact);
    impact->arena = arena;
    struct compare c = {.g = g, .before = before, .after = after};
    c.marks = xcalloc(g->model->n_endpoints + 1u, 1);
    c.sites = xcalloc(g->model->n_sites + 1u, 1);
    struct groups groups = {.arena = arena};
    for (uint32_t i = 0; i < n_pools; i++)
        add_pool(impact, &groups, &c, pools[i]);
    impact->groups = arena_calloc(arena, groups.v.n, sizeof *impact->groups);
    for (size_t i = 0; i < groups.v.n; i++)
        put_in_words(impact, &c, &groups.v.v[i], named_max);
    if (impact->n_groups)
        qsort(impact->groups, impact->n_groups, sizeof *impact->groups, compare_groups);
    vec_free(&groups.v);
    strmap_free(&groups.by_text);
    free(c.marks);
    free(c.sites);
    return impact;
}

void impact_free(struct impact *impact)
{
    arena_free(impact->arena);
}
