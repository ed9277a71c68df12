/* SPDX-License-Identifier: Apache-2.0
 * Verdicts: a slow oracle over random pools, states and classes, and cases by hand. */
#include "tests/unit/compile/world.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ROUNDS 20000

/* --- the oracle: the rules of verdict.h, one endpoint at a time --- */

struct expected {
    enum verdict_mode mode;
    uint32_t endpoint[WORLD_ENDPOINTS], n;
};

struct inputs {
    uint32_t flip_s;
    int64_t expires_s;
};

static uint32_t weight_of(const struct world *w, uint32_t e)
{
    const struct endpoint_state *s = &w->states[e];
    return s->weight_override >= 0 ? (uint32_t)s->weight_override : w->endpoints[e].weight;
}

static bool serves(const struct world *w, uint32_t e)
{
    const struct endpoint_state *s = &w->states[e];
    switch ((enum override)s->override) {
    case OVERRIDE_UP:
        return true;
    case OVERRIDE_DOWN:
    case OVERRIDE_DRAIN:
        return false;
    case OVERRIDE_AUTO:
        break;
    }
    return s->health == HEALTH_UNKNOWN ? s->assumed_up : s->health == HEALTH_UP;
}

static bool ordered_off(const struct world *w, uint32_t e)
{
    return w->states[e].override == OVERRIDE_DOWN || w->states[e].override == OVERRIDE_DRAIN;
}

static bool of_family(const struct world *w, uint32_t e, unsigned family)
{
    return (w->endpoints[e].addr.family == IP_V6) == (family == 1);
}

static bool in_site(const struct world *w, uint32_t pool, uint32_t site, uint32_t e)
{
    return w->endpoints[e].pool == pool && w->endpoints[e].site == site;
}

enum sieve { CANDIDATES, ALLOWED, CONFIGURED };

/* Adds the endpoints of one site and family that pass. */
static void gather(const struct world *w, uint32_t pool, uint32_t site, unsigned family,
                   enum sieve sieve, struct expected *out)
{
    for (uint32_t e = 0; e < w->model.n_endpoints; e++) {
        bool pass =
            sieve == CONFIGURED ||
            (weight_of(w, e) > 0 && (sieve == CANDIDATES ? serves(w, e) : !ordered_off(w, e)));
        if (in_site(w, pool, site, e) && of_family(w, e, family) && pass)
            out->endpoint[out->n++] = e;
    }
}

static bool site_has(const struct world *w, uint32_t pool, uint32_t site, unsigned family,
                     enum sieve sieve)
{
    struct expected some = {0};
    gather(w, pool, site, family, sieve, &some);
    return some.n > 0;
}

static bool up(const struct world *w, uint32_t pool, uint32_t site)
{
    double total = 0, serving = 0;
    for (uint32_t e = 0; e < w->model.n_endpoints; e++) {
        if (!in_site(w, pool, site, e) || w->states[e].override == OVERRIDE_DRAIN)
            continue;
        total += weight_of(w, e);
        serving += serves(w, e) ? weight_of(w, e) : 0;
    }
    return serving > 0 && serving / total >= w->pools[pool].min_up - 1e-9;
}

static void consult(const struct world *w, uint32_t pool, uint32_t site, struct inputs *in)
{
    for (uint32_t e = 0; e < w->model.n_endpoints; e++) {
        const struct endpoint_state *s = &w->states[e];
        if (!in_site(w, pool, site, e))
            continue;
        if (s->weight_override >= 0 && s->weight_until_s < in->expires_s)
            in->expires_s = s->weight_until_s;
        if (weight_of(w, e) == 0)
            continue;
        if (s->override != OVERRIDE_AUTO && s->override_until_s < in->expires_s)
            in->expires_s = s->override_until_s;
        if (s->override == OVERRIDE_AUTO && s->checked && s->flip_s < in->flip_s)
            in->flip_s = s->flip_s;
    }
}

static bool exists(const struct pool *pool, unsigned family)
{
    return pool->is_cname ? family == 0 : family == 0 ? pool->has_v4 : pool->has_v6;
}

/* What on_all_down says; `sites` is where serve_all looks. */
static void all_down(const struct world *w, uint32_t p, const uint32_t *sites, uint32_t n,
                     unsigned family, struct expected *out)
{
    const struct pool *pool = &w->pools[p];
    out->mode = VERDICT_NODATA;
    if (pool->on_all_down == ALL_DOWN_NODATA)
        return;
    if (pool->on_all_down == ALL_DOWN_SERVFAIL) {
        out->mode = VERDICT_SERVFAIL;
        return;
    }
    if (pool->on_all_down == ALL_DOWN_FALLBACK) {
        const struct pool *other = &w->pools[pool->fallback];
        if (other->is_cname || exists(other, family)) {
            out->mode = VERDICT_FALLBACK;
            return;
        }
    }
    for (uint32_t i = 0; i < n && (out->n == 0 || pool->steer == STEER_ALL); i++)
        gather(w, p, sites[i], family, ALLOWED, out);
    if (out->n > 0)
        out->mode = VERDICT_ANSWER;
}

/* Where the family comes from: the first up site that has it, else the first that has it. */
static bool first_to_serve(const struct world *w, uint32_t p, const uint32_t *sites, uint32_t n,
                           unsigned family, struct expected *out, struct inputs *in)
{
    for (uint32_t i = 0; i < n; i++) {
        consult(w, p, sites[i], in);
        if (!up(w, p, sites[i]) || !site_has(w, p, sites[i], family, CANDIDATES))
            continue;
        gather(w, p, sites[i], family, CANDIDATES, out);
        return true;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!site_has(w, p, sites[i], family, CANDIDATES))
            continue;
        gather(w, p, sites[i], family, CANDIDATES, out);
        return true;
    }
    return false;
}

static uint32_t split_weight(const struct pool *pool, uint32_t site)
{
    for (uint32_t i = 0; i < pool->n_sites; i++)
        if (pool->sites[i].site == site)
            return pool->sites[i].split_weight;
    abort();
}

static bool weighted_site_up(const struct world *w, uint32_t p)
{
    const struct pool *pool = &w->pools[p];
    for (uint32_t i = 0; i < pool->n_sites; i++)
        if (pool->sites[i].split_weight > 0 && up(w, p, pool->sites[i].site))
            return true;
    return false;
}

static void oracle(const struct world *w, uint32_t p, const struct u32_list *class_sites,
                   unsigned family, struct expected *out, struct inputs *in)
{
    const struct pool *pool = &w->pools[p];
    uint32_t everything[WORLD_SITES], n = class_sites->n;
    const uint32_t *sites = class_sites->v;
    bool configured = false;
    *out = (struct expected){.mode = VERDICT_NODATA};
    for (uint32_t i = 0; i < pool->n_sites; i++)
        everything[i] = pool->sites[i].site;
    for (uint32_t i = 0; i < n; i++)
        configured = configured || site_has(w, p, sites[i], family, CONFIGURED);
    if (pool->steer == STEER_SPLIT) {
        bool reserve = !weighted_site_up(w, p);
        for (uint32_t i = 0; i < n; i++)
            if (reserve || split_weight(pool, sites[i]) > 0)
                consult(w, p, sites[i], in);
    }
    if (!exists(pool, family))
        return;
    if (pool->steer == STEER_ALL) {
        for (uint32_t i = 0; i < pool->n_sites; i++) {
            consult(w, p, everything[i], in);
            gather(w, p, everything[i], family, CANDIDATES, out);
        }
        out->mode = VERDICT_ANSWER;
        if (out->n == 0)
            all_down(w, p, everything, pool->n_sites, family, out);
        return;
    }
    out->mode = VERDICT_ANSWER;
    if (first_to_serve(w, p, sites, n, family, out, in))
        return;
    if (!configured) {
        sites = everything;
        n = pool->n_sites;
        if (first_to_serve(w, p, sites, n, family, out, in))
            return;
    }
    all_down(w, p, sites, n, family, out);
}

/* As if the pool had no other site, and no min_up. */
static void oracle_site(const struct world *w, uint32_t p, uint32_t site, unsigned family,
                        struct expected *out, struct inputs *in)
{
    *out = (struct expected){.mode = VERDICT_NODATA};
    consult(w, p, site, in);
    if (!site_has(w, p, site, family, CONFIGURED))
        return;
    gather(w, p, site, family, CANDIDATES, out);
    out->mode = VERDICT_ANSWER;
    if (out->n == 0)
        all_down(w, p, &site, 1, family, out);
}

/* --- random worlds --- */

static void random_state(struct endpoint_state *s, struct rng *rng)
{
    s->health = (uint8_t)rng_below(rng, 3);
    s->assumed_up = rng_below(rng, 2);
    s->checked = rng_below(rng, 4) > 0;
    s->flip_s = s->checked && rng_below(rng, 4) > 0 ? 1 + rng_below(rng, 30) : FLIP_NEVER;
    if (rng_below(rng, 4) == 0) {
        s->override = (uint8_t)rng_below(rng, 4);
        s->override_until_s = rng_below(rng, 2) ? 1000 + rng_below(rng, 1000) : INT64_MAX;
    }
    if (rng_below(rng, 8) == 0) {
        s->weight_override = rng_below(rng, 4);
        s->weight_until_s = rng_below(rng, 2) ? 1000 + rng_below(rng, 1000) : INT64_MAX;
    }
}

static void random_pool(struct world *w, struct rng *rng, bool names)
{
    static const double shares[] = {0, 0, 0.07, 0.25, 0.5, 0.5, 1};
    static const uint32_t weights[] = {0, 1, 1, 1, 1, 5, 10};
    struct pool *pool = world_pool(w);
    pool->steer = (enum steer_kind)rng_below(rng, 5);
    pool->pick = (enum pick_kind)rng_below(rng, 4);
    pool->min_up = shares[rng_below(rng, ARRAY_LEN(shares))];
    pool->on_all_down = (enum all_down_kind)rng_below(rng, 4);
    if (pool->on_all_down == ALL_DOWN_FALLBACK)
        pool->fallback = 0;
    uint32_t mood = rng_below(rng, 3); /* 0: all down, else mixed */
    for (uint32_t site = 0; site < w->model.n_sites; site++) {
        if (pool->n_sites > 0 && rng_below(rng, 4) == 0)
            continue;
        world_site(w, site)->split_weight = rng_below(rng, 4);
        pool->named[pool->n_sites - 1] = rng_below(rng, 3) == 0;
        uint32_t families = rng_below(rng, 3), n = 1 + rng_below(rng, 4);
        for (uint32_t i = 0; i < n; i++) {
            bool v6 = families == 1 || (families == 2 && rng_below(rng, 2));
            uint32_t weight = weights[rng_below(rng, ARRAY_LEN(weights))];
            struct endpoint_state *s = world_endpoint(w,
                                                      names ? IP_NONE
                                                      : v6  ? IP_V6
                                                            : IP_V4,
                                                      weight);
            random_state(s, rng);
            if (mood == 0 && s->override != OVERRIDE_UP)
                s->health = HEALTH_DOWN;
        }
    }
}

static struct world *random_world(struct rng *rng)
{
    struct world *w = world_new(1 + rng_below(rng, WORLD_SITES));
    random_pool(w, rng, false); /* what others fall back to */
    if (w->pools[0].on_all_down == ALL_DOWN_FALLBACK)
        w->pools[0].on_all_down = ALL_DOWN_SERVE_ALL;
    random_pool(w, rng, rng_below(rng, 8) == 0);
    return w;
}

/* Up to 6 classes: random selections of the pool's sites in random orders. */
static struct steering random_steering(struct world *w, struct rng *rng, uint32_t p)
{
    const struct pool *pool = &w->pools[p];
    struct steering s = {.kind = pool->steer, .n_classes = 1};
    struct u32_list *lists = arena_calloc(w->arena, WORLD_SITES, sizeof *lists);
    if (pool->steer == STEER_SPLIT)
        s.n_classes = pool->n_sites;
    else if (pool->steer == STEER_MAP || pool->steer == STEER_NEAREST)
        s.n_classes = 1 + rng_below(rng, 6);
    for (uint32_t c = 0; c < s.n_classes; c++) {
        uint32_t *sites = arena_calloc(w->arena, WORLD_SITES, sizeof *sites), n = 0;
        for (uint32_t i = 0; i < pool->n_sites; i++) {
            uint32_t at = rng_below(rng, n + 1);
            memmove(&sites[at + 1], &sites[at], (n - at) * sizeof *sites);
            sites[at] = pool->sites[i].site;
            n++;
        }
        for (uint32_t i = 0; pool->steer == STEER_SPLIT && i < n; i++) {
            if (sites[i] == pool->sites[c].site) {
                sites[i] = sites[0];
                sites[0] = pool->sites[c].site;
            }
        }
        bool partly = pool->steer == STEER_MAP || pool->steer == STEER_ORDER;
        lists[c] = (struct u32_list){sites, partly ? 1 + rng_below(rng, n) : n};
    }
    s.class_sites = lists;
    return s;
}

/* --- comparing --- */

static void expect_set(const struct world *w, const struct pool *pool, const struct pickset *set,
                       const struct expected *want, unsigned family)
{
    assert_int_equal(set->n, want->n);
    for (uint32_t i = 0; i < want->n; i++) {
        const struct endpoint *e = &w->endpoints[want->endpoint[i]];
        assert_int_equal(set->endpoint[i], want->endpoint[i]);
        assert_int_equal(set->weight[i], weight_of(w, want->endpoint[i]));
        if (pool->is_cname)
            assert_true(slice_equal(set->name[i], e->cname));
        else if (family == 0)
            assert_memory_equal(set->rdata + i * 4, e->addr.b, 4);
        else
            assert_memory_equal(set->rdata + (size_t)i * 16, e->addr.b, 16);
        for (uint32_t k = 0; pool->pick == PICK_STICKY && k < i; k++)
            assert_true(set->sticky_id[i] != set->sticky_id[k]);
    }
    bool uneven = false;
    for (uint32_t i = 1; i < want->n; i++)
        uneven = uneven || set->weight[i] != set->weight[0];
    assert_int_equal(set->alias != NULL, uneven && pool->pick == PICK_WEIGHTED);
}

static void expect_split(const struct world *w, uint32_t p, const struct pool_view *view,
                         const struct steering *s)
{
    const struct pool *pool = &w->pools[p];
    double weight[WORLD_SITES] = {0}, total = 0, got[WORLD_SITES] = {0};
    for (uint32_t c = 0; c < s->n_classes; c++)
        total += weight[c] = up(w, p, s->class_sites[c].v[0]) ? pool->sites[c].split_weight : 0;
    for (uint32_t c = 0; c < s->n_classes && !weighted_site_up(w, p); c++)
        total += weight[c] = up(w, p, s->class_sites[c].v[0]);
    for (uint32_t c = 0; c < s->n_classes && total == 0; c++) {
        uint32_t site = s->class_sites[c].v[0];
        if (site_has(w, p, site, 0, CANDIDATES) || site_has(w, p, site, 1, CANDIDATES))
            total = weight[c] = 1;
    }
    for (uint32_t c = 0; c < s->n_classes && total == 0; c++)
        weight[c] = pool->sites[c].split_weight;
    total = 0;
    for (uint32_t c = 0; c < s->n_classes; c++)
        total += weight[c];
    assert_non_null(view->split);
    for (uint32_t c = 0; c < s->n_classes; c++) {
        got[c] += view->split[c].keep / 4294967296.0 / s->n_classes;
        got[view->split[c].other] += (1 - view->split[c].keep / 4294967296.0) / s->n_classes;
    }
    for (uint32_t c = 0; c < s->n_classes && total > 0; c++)
        assert_true(fabs(got[c] - weight[c] / total) < 1e-8);
}

static bool same_verdict(const struct verdict *a, const struct verdict *b)
{
    bool same = a->flip_s == b->flip_s && a->expires_s == b->expires_s;
    for (unsigned f = 0; f < 2; f++) {
        const struct pickset *x = &a->set[f], *y = &b->set[f];
        same = same && a->mode[f] == b->mode[f] && x->n == y->n &&
               (x->n == 0 || memcmp(x->endpoint, y->endpoint, x->n * sizeof *x->endpoint) == 0);
    }
    return same;
}

/* A class of the steering, or past them one of the pool's sites alone. */
static void expect_class(const struct world *w, uint32_t p, const struct pool_view *view,
                         const struct steering *s, uint32_t c)
{
    const struct pool *pool = &w->pools[p];
    const struct verdict *v = &view->verdicts[view->class_verdict[c]];
    struct inputs in = {FLIP_NEVER, INT64_MAX};
    struct expected want;
    for (unsigned f = 0; f < (pool->is_cname ? 1 : 2); f++) {
        if (c < s->n_classes)
            oracle(w, p, &s->class_sites[c], f, &want, &in);
        else
            oracle_site(w, p, pool->sites[c - s->n_classes].site, f, &want, &in);
        assert_int_equal(v->mode[f], want.mode);
        expect_set(w, pool, &v->set[f], &want, f);
    }
    assert_int_equal(v->flip_s, in.flip_s);
    assert_true(v->expires_s == in.expires_s);
    if (v->mode[0] == VERDICT_FALLBACK || v->mode[1] == VERDICT_FALLBACK)
        assert_int_equal(v->fallback, pool->fallback);
    if (pool->is_cname)
        assert_true(v->mode[1] == v->mode[0] && v->set[1].n == v->set[0].n);
}

static void check_pool(struct world *w, struct rng *rng, uint32_t p)
{
    const struct pool *pool = &w->pools[p];
    struct steering s = random_steering(w, rng, p);
    const struct pool_view *view = verdict_compile(&w->model, &s, p, w->states);
    assert_int_equal(view->n_classes, s.n_classes);
    for (uint32_t c = 0; c < s.n_classes + pool->n_sites; c++) {
        if (c < s.n_classes || pool->named[c - s.n_classes])
            expect_class(w, p, view, &s, c);
    }
    for (uint32_t i = 0; i < view->n_verdicts && pool->steer != STEER_ALL; i++) {
        for (uint32_t k = 0; k < i; k++)
            assert_false(same_verdict(&view->verdicts[i], &view->verdicts[k]));
    }
    if (pool->steer == STEER_SPLIT)
        expect_split(w, p, view, &s);
    else
        assert_null(view->split);
    arena_free(view->arena);
}

static void verdicts_agree_with_oracle(void **state)
{
    (void)state;
    struct rng rng = {1};
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct world *w = random_world(&rng);
        check_pool(w, &rng, 0);
        check_pool(w, &rng, 1);
        world_free(w);
    }
}

/* --- by hand --- */

static void down(struct world *w, uint32_t first, uint32_t last)
{
    for (uint32_t e = first; e <= last; e++)
        w->states[e].health = HEALTH_DOWN;
}

/* Compiles, and expects a mode and, for answers, these endpoints in a family. */
static void expect(const struct world *w, unsigned family, enum verdict_mode mode, uint32_t n,
                   const uint32_t *endpoints)
{
    const struct pool_view *view = verdict_compile(&w->model, &by_order, 0, w->states);
    const struct verdict *v = &view->verdicts[view->class_verdict[0]];
    assert_int_equal(v->mode[family], mode);
    assert_int_equal(v->set[family].n, n);
    if (n > 0)
        assert_memory_equal(v->set[family].endpoint, endpoints, n * sizeof *endpoints);
    arena_free(view->arena);
}

#define EXPECT(w, family, ...)                                                              \
    expect(w, family, VERDICT_ANSWER, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), \
           (uint32_t[]){__VA_ARGS__})

static void first_site_up_serves(void **state)
{
    (void)state;
    struct world *w = three_sites();
    EXPECT(w, 0, 0, 1);
    EXPECT(w, 1, 2);
    down(w, 1, 1);
    EXPECT(w, 0, 0);
    down(w, 0, 0);
    EXPECT(w, 0, 3); /* ams has a v6 left: it is up, and lends only that */
    EXPECT(w, 1, 2);
    down(w, 2, 3);
    EXPECT(w, 0, 5);
    EXPECT(w, 1, 4);
    world_free(w);
}

static void min_up_is_a_share_of_weight(void **state)
{
    (void)state;
    struct world *w = three_sites();
    w->pools[0].min_up = 0.5;
    down(w, 1, 1); /* 2 of 11 */
    EXPECT(w, 0, 3);
    EXPECT(w, 1, 4);
    down(w, 3, 5);
    EXPECT(w, 0, 0); /* none is up: the first with any */
    EXPECT(w, 1, 2);
    w->states[1].health = HEALTH_UP;
    w->endpoints[1].weight = 5;
    down(w, 0, 0);
    down(w, 2, 2);
    w->pools[0].min_up = 5.0 / 7.0; /* just enough */
    w->states[3].health = HEALTH_UP;
    EXPECT(w, 0, 1);
    world_free(w);
}

/* ams: 1 + 9 + 1. What is taken out on purpose leaves the total; what is put down does not. */
static void drain_weighs_like_weight_zero(void **state)
{
    (void)state;
    struct world *w = three_sites();
    struct site_standing at;
    w->pools[0].min_up = 0.9;
    w->states[1].override = OVERRIDE_DRAIN;
    EXPECT(w, 0, 0);
    w->states[1].override = OVERRIDE_AUTO;
    w->states[1].weight_override = 0;
    EXPECT(w, 0, 0);
    w->states[1].weight_override = -1;
    w->states[1].override = OVERRIDE_DOWN;
    EXPECT(w, 0, 3);
    w->states[1].override = OVERRIDE_DRAIN;
    down(w, 0, 0); /* 1 of 2 */
    EXPECT(w, 1, 4);
    verdict_site_standing(&at, w->arena, &w->model, 0, 0, w->states);
    assert_string_equal(at.reason, "1 of 3 endpoints up (1 drained), but weight 1 of 2 is below "
                                   "min_up 90%; e0 down");
    w->states[0].override = OVERRIDE_DRAIN;
    EXPECT(w, 1, 2);
    w->states[2].override = OVERRIDE_DRAIN;
    EXPECT(w, 1, 4);
    verdict_site_standing(&at, w->arena, &w->model, 0, 0, w->states);
    assert_false(at.up);
    assert_string_equal(at.reason, "none of 3 endpoints up; e0 drain!");
    assert_true(at.total_weight == 0 && at.n == 3);
    world_free(w);
}

static void weight_zero_never_serves(void **state)
{
    (void)state;
    struct world *w = three_sites();
    w->endpoints[0].weight = 0;
    w->states[1].weight_override = 0;
    w->states[2].weight_override = 0;
    EXPECT(w, 0, 3);
    down(w, 3, 5);
    EXPECT(w, 0, 3); /* serve_all keeps to it */
    EXPECT(w, 1, 4);
    world_free(w);
}

static void orders_win_over_serve_all(void **state)
{
    (void)state;
    struct world *w = three_sites();
    down(w, 0, 5);
    EXPECT(w, 0, 0, 1);
    EXPECT(w, 1, 2);
    w->states[0].override = OVERRIDE_DRAIN;
    EXPECT(w, 0, 1);
    w->states[1].override = OVERRIDE_DOWN;
    EXPECT(w, 0, 3);
    w->states[3].override = OVERRIDE_DOWN;
    EXPECT(w, 0, 5);
    w->states[5].override = OVERRIDE_DRAIN;
    expect(w, 0, VERDICT_NODATA, 0, NULL);
    EXPECT(w, 1, 2);
    w->states[0].override = OVERRIDE_UP;
    EXPECT(w, 0, 0);
    world_free(w);
}

static void on_all_down_counts_by_family(void **state)
{
    (void)state;
    struct world *w = three_sites();
    down(w, 2, 2);
    down(w, 4, 4);
    EXPECT(w, 1, 2); /* AAAA exists whatever the health */
    w->pools[0].on_all_down = ALL_DOWN_NODATA;
    expect(w, 1, VERDICT_NODATA, 0, NULL);
    w->pools[0].on_all_down = ALL_DOWN_SERVFAIL;
    expect(w, 1, VERDICT_SERVFAIL, 0, NULL);
    EXPECT(w, 0, 0, 1);
    world_free(w);
}

static void fallback_never_takes_a_family_away(void **state)
{
    (void)state;
    struct world *w = three_sites();
    world_pool(w);
    world_site(w, 0);
    world_endpoint(w, IP_V4, 1);
    w->pools[0].on_all_down = ALL_DOWN_FALLBACK;
    w->pools[0].fallback = 1;
    down(w, 0, 5);
    expect(w, 0, VERDICT_FALLBACK, 0, NULL);
    EXPECT(w, 1, 2);
    for (uint32_t e = 0; e <= 5; e++)
        w->states[e].override = OVERRIDE_DRAIN;
    expect(w, 0, VERDICT_FALLBACK, 0, NULL);
    expect(w, 1, VERDICT_NODATA, 0, NULL);
    world_free(w);
}

static void missing_family_comes_from_sites_outside_the_class(void **state)
{
    (void)state;
    struct world *w = three_sites();
    static const uint32_t only_sin[] = {2};
    static const struct u32_list list[] = {{only_sin, 1}};
    struct steering s = {.kind = STEER_MAP, .n_classes = 1, .class_sites = list};
    const struct pool_view *view = verdict_compile(&w->model, &s, 0, w->states);
    assert_int_equal(view->verdicts[0].set[0].endpoint[0], 5);
    assert_int_equal(view->verdicts[0].set[1].endpoint[0], 2);
    arena_free(view->arena);
    down(w, 5, 5); /* but health sends nobody there */
    view = verdict_compile(&w->model, &s, 0, w->states);
    assert_int_equal(view->verdicts[0].set[0].endpoint[0], 5);
    arena_free(view->arena);
    world_free(w);
}

static void inputs_are_the_sites_looked_at(void **state)
{
    (void)state;
    struct world *w = three_sites();
    w->pools[0].has_v6 = false;
    static const uint32_t flips[] = {15, 12, 20, 9, 30, 4};
    for (uint32_t e = 0; e <= 5; e++)
        w->states[e].flip_s = flips[e];
    const struct {
        uint32_t last_down, flip_s;
    } cases[] = {{0, 12}, {2, 9}, {4, 4}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        down(w, 0, cases[i].last_down);
        const struct pool_view *view = verdict_compile(&w->model, &by_order, 0, w->states);
        assert_int_equal(view->verdicts[0].flip_s, cases[i].flip_s);
        assert_true(view->verdicts[0].expires_s == INT64_MAX);
        arena_free(view->arena);
    }
    w->states[5].override = OVERRIDE_UP;
    w->states[5].override_until_s = 777;
    const struct pool_view *view = verdict_compile(&w->model, &by_order, 0, w->states);
    assert_int_equal(view->verdicts[0].flip_s, 9); /* probes of it do not count under order */
    assert_true(view->verdicts[0].expires_s == 777);
    arena_free(view->arena);
    world_free(w);
}

static void standing_says_why(void **state)
{
    (void)state;
    struct world *w = three_sites();
    struct site_standing at;
    w->pools[0].min_up = 0.5;
    verdict_site_standing(&at, w->arena, &w->model, 0, 0, w->states);
    assert_true(at.up && at.site == 0 && at.up_weight == 11 && at.total_weight == 11);
    assert_string_equal(at.reason, "3 of 3 endpoints up");
    down(w, 1, 1);
    verdict_site_standing(&at, w->arena, &w->model, 0, 0, w->states);
    assert_false(at.up);
    assert_string_equal(at.reason,
                        "2 of 3 endpoints up, but weight 2 of 11 is below min_up 50%; e1 down");
    down(w, 0, 2);
    verdict_site_standing(&at, w->arena, &w->model, 0, 0, w->states);
    assert_string_equal(at.reason, "none of 3 endpoints up; e0 down");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_agree_with_oracle),
        cmocka_unit_test(first_site_up_serves),
        cmocka_unit_test(min_up_is_a_share_of_weight),
        cmocka_unit_test(drain_weighs_like_weight_zero),
        cmocka_unit_test(weight_zero_never_serves),
        cmocka_unit_test(orders_win_over_serve_all),
        cmocka_unit_test(on_all_down_counts_by_family),
        cmocka_unit_test(fallback_never_takes_a_family_away),
        cmocka_unit_test(missing_family_comes_from_sites_outside_the_class),
        cmocka_unit_test(inputs_are_the_sites_looked_at),
        cmocka_unit_test(standing_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
