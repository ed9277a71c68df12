/* SPDX-License-Identifier: Apache-2.0
 * Building a pool's view: sites are summed up once, classes are walked over the sums, and equal
 * verdicts become one. */
#include "compile/verdict.h"

#include "base/strmap.h"
#include "base/vec.h"
#include "compile/alias.h"
#include "compile/candidates.h"
#include "compile/site_sum.h"

#define NOWHERE UINT32_MAX
#define EVERYWHERE (UINT32_MAX - 1) /* as a source: all sites as one */

/* Where a family's candidates come from, and what the verdict says of it. Compared as bytes: no
 * padding. */
struct origin {
    uint32_t source; /* index into sums; EVERYWHERE, NOWHERE */
    uint16_t mode;
    uint16_t relaxed; /* whatever their health */
};

struct outcome {
    struct origin of[FAMILIES];
    int64_t expires_s;
    uint32_t flip_s, unused;
};
static_assert(sizeof(struct outcome) == FAMILIES * 8 + 16, "compared as bytes");

struct build {
    const struct model *model;
    const struct pool *pool;
    const struct steering *steering;
    const struct endpoint_state *states;
    struct arena *arena;
    struct site_sum *sums; /* pool->n_sites, in the order of the file */
    uint32_t *sum_of;      /* site -> index into sums, NOWHERE */
    struct pickset *sets;  /* memo: see set_of() */
    bool *have_set;
    struct strmap known; /* outcome -> index of its verdict */
    VEC(struct verdict) verdicts;
};

static bool family_exists(const struct pool *pool, unsigned family)
{
    return pool->is_cname ? family == 0 : family == 0 ? pool->has_v4 : pool->has_v6;
}

/* The candidates of one origin, made once: many verdicts differ in their TTL only. A source is
 * relaxed when it has no candidate of the family, so that the two need no separate places. */
static struct pickset set_of(struct build *b, const struct origin *origin, unsigned family)
{
    if (origin->source == NOWHERE)
        return (struct pickset){0};
    bool everywhere = origin->source == EVERYWHERE;
    uint32_t memo = (everywhere ? b->pool->n_sites : origin->source) * FAMILIES + family;
    if (!b->have_set[memo]) {
        b->sets[memo] =
            candidates_of(b->arena, b->model, b->pool, b->states, everywhere ? 0 : origin->source,
                          everywhere ? b->pool->n_sites : 1, family,
                          origin->relaxed ? CANDIDATES_ALLOWED : CANDIDATES_SERVING);
        b->have_set[memo] = true;
    }
    return b->sets[memo];
}

/* --- deciding --- */

/* A list of sites as indices into sums, through either a class or the pool itself. */
struct site_list {
    const struct build *b;
    const struct u32_list *sites; /* NULL: the pool's sites, in the order of the file */
};

static uint32_t list_length(const struct site_list *list)
{
    return list->sites != NULL ? list->sites->n : list->b->pool->n_sites;
}

static uint32_t list_at(const struct site_list *list, uint32_t i)
{
    return list->sites != NULL ? list->b->sum_of[list->sites->v[i]] : i;
}

static void look_at(struct outcome *out, const struct site_sum *sum)
{
    out->flip_s = sum->flip_s < out->flip_s ? sum->flip_s : out->flip_s;
    out->expires_s = site_sum_earlier(out->expires_s, sum->expires_s);
}

/* The site that serves a family, everything that was looked at added to `out`. */
static uint32_t first_serving(const struct site_list *list, unsigned family, struct outcome *out)
{
    uint32_t any = NOWHERE;
    for (uint32_t i = 0; i < list_length(list); i++) {
        uint32_t at = list_at(list, i);
        const struct site_sum *sum = &list->b->sums[at];
        look_at(out, sum);
        if (sum->candidates[family] > 0 && sum->up)
            return at;
        if (sum->candidates[family] > 0 && any == NOWHERE)
            any = at;
    }
    return any;
}

static uint32_t first_allowed(const struct site_list *list, unsigned family)
{
    for (uint32_t i = 0; i < list_length(list); i++) {
        uint32_t at = list_at(list, i);
        if (list->b->sums[at].allowed[family] > 0)
            return at;
    }
    return NOWHERE;
}

static bool fallback_has(const struct build *b, unsigned family)
{
    const struct pool *other = &b->model->pools[b->pool->fallback];
    return other->is_cname || family_exists(other, family);
}

/* What on_all_down makes of a family without candidates; `allowed` is where serve_all would go. */
static struct origin all_down(const struct build *b, unsigned family, uint32_t allowed)
{
    switch (b->pool->on_all_down) {
    case ALL_DOWN_NODATA:
        return (struct origin){NOWHERE, VERDICT_NODATA, 0};
    case ALL_DOWN_SERVFAIL:
        return (struct origin){NOWHERE, VERDICT_SERVFAIL, 0};
    case ALL_DOWN_FALLBACK:
        if (fallback_has(b, family))
            return (struct origin){NOWHERE, VERDICT_FALLBACK, 0};
        break;
    case ALL_DOWN_SERVE_ALL:
        break;
    }
    if (allowed == NOWHERE)
        return (struct origin){NOWHERE, VERDICT_NODATA, 0};
    return (struct origin){allowed, VERDICT_ANSWER, 1};
}

static bool list_has(const struct site_list *list, unsigned family)
{
    for (uint32_t i = 0; i < list_length(list); i++) {
        if (list->b->sums[list_at(list, i)].exists[family])
            return true;
    }
    return false;
}

static struct origin decide(const struct build *b, const struct u32_list *class_sites,
                            unsigned family, struct outcome *out)
{
    struct site_list list = {b, class_sites};
    uint32_t source = first_serving(&list, family, out);
    if (source == NOWHERE && !list_has(&list, family)) {
        list.sites = NULL; /* those of the class are in it too, and have nothing */
        source = first_serving(&list, family, out);
    }
    if (source != NOWHERE)
        return (struct origin){source, VERDICT_ANSWER, 0};
    return all_down(b, family, first_allowed(&list, family));
}

static struct origin decide_everywhere(const struct build *b, unsigned family, struct outcome *out)
{
    uint32_t candidates = 0, allowed = 0;
    for (uint32_t i = 0; i < b->pool->n_sites; i++) {
        look_at(out, &b->sums[i]);
        candidates += b->sums[i].candidates[family];
        allowed += b->sums[i].allowed[family];
    }
    if (candidates > 0)
        return (struct origin){EVERYWHERE, VERDICT_ANSWER, 0};
    return all_down(b, family, allowed > 0 ? EVERYWHERE : NOWHERE);
}

/* --- split --- */

/* The site that class `i` of a split stands for. */
static uint32_t split_site(const struct build *b, uint32_t i)
{
    return b->sum_of[b->steering->class_sites[i].v[0]];
}

/* Whether the sites with a weight leave the draw to those of weight 0. */
static bool split_needs_reserve(const struct build *b)
{
    for (uint32_t i = 0; i < b->steering->n_classes; i++) {
        uint32_t at = split_site(b, i);
        if (b->sums[at].up && b->pool->sites[at].split_weight > 0)
            return false;
    }
    return true;
}

/* What a split draws among: the sites with a weight, and the others while none of those is up. */
static void look_at_draw(const struct build *b, struct outcome *out)
{
    bool reserve = split_needs_reserve(b);
    for (uint32_t i = 0; i < b->steering->n_classes; i++) {
        uint32_t at = split_site(b, i);
        if (reserve || b->pool->sites[at].split_weight > 0)
            look_at(out, &b->sums[at]);
    }
}

static struct outcome outcome_of(const struct build *b, uint32_t class_)
{
    struct outcome out = {.flip_s = TTL_NEVER, .expires_s = INT64_MAX};
    const struct u32_list *sites = &b->steering->class_sites[class_];
    for (unsigned family = 0; family < FAMILIES; family++) {
        if (!family_exists(b->pool, family))
            out.of[family] = (struct origin){NOWHERE, VERDICT_NODATA, 0};
        else if (b->pool->steer == STEER_ALL)
            out.of[family] = decide_everywhere(b, family, &out);
        else
            out.of[family] = decide(b, sites, family, &out);
    }
    if (b->pool->steer == STEER_SPLIT)
        look_at_draw(b, &out);
    return out;
}

/* What answers the names that ask for one site alone. */
static struct outcome outcome_of_site(const struct build *b, uint32_t at)
{
    const struct site_sum *sum = &b->sums[at];
    struct outcome out = {.flip_s = sum->flip_s, .expires_s = sum->expires_s};
    for (unsigned family = 0; family < FAMILIES; family++) {
        if (!sum->exists[family])
            out.of[family] = (struct origin){NOWHERE, VERDICT_NODATA, 0};
        else if (sum->candidates[family] > 0)
            out.of[family] = (struct origin){at, VERDICT_ANSWER, 0};
        else
            out.of[family] = all_down(b, family, sum->allowed[family] > 0 ? at : NOWHERE);
    }
    return out;
}

static void add_verdict(struct build *b, const struct outcome *o)
{
    struct verdict *v = vec_push(&b->verdicts);
    *v = (struct verdict){.fallback = b->pool->on_all_down == ALL_DOWN_FALLBACK ? b->pool->fallback
                                                                                : MODEL_NONE,
                          .flip_s = o->flip_s,
                          .expires_s = o->expires_s};
    for (unsigned family = 0; family < FAMILIES; family++) {
        v->mode[family] = (uint8_t)o->of[family].mode;
        v->set[family] = set_of(b, &o->of[family], family);
    }
    if (b->pool->is_cname) {
        v->mode[1] = v->mode[0];
        v->set[1] = v->set[0];
    }
}

static uint32_t intern(struct build *b, const struct outcome *o)
{
    uint32_t known = strmap_get(&b->known, slice_of(o, sizeof *o));
    if (known != STRMAP_NONE)
        return known;
    const void *key = arena_copy(b->arena, o, sizeof *o);
    uint32_t next = (uint32_t)b->verdicts.n;
    add_verdict(b, o);
    return strmap_add(&b->known, slice_of(key, sizeof *o), next);
}

/* Weights for the draw of the class. */
static const struct alias_slot *split_table(const struct build *b)
{
    uint32_t n = b->steering->n_classes, first_any = NOWHERE, n_up = 0;
    uint32_t *up = xcalloc(n, sizeof *up), *all = xcalloc(n, sizeof *all);
    bool reserve = split_needs_reserve(b);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = split_site(b, i);
        const struct site_sum *sum = &b->sums[at];
        all[i] = b->pool->sites[at].split_weight;
        up[i] = !sum->up ? 0 : reserve ? 1 : all[i];
        n_up += up[i] > 0;
        if (first_any == NOWHERE && sum->candidates[0] + sum->candidates[1] > 0)
            first_any = i;
    }
    if (n_up == 0 && first_any != NOWHERE)
        up[first_any] = 1;
    bool none = n_up == 0 && first_any == NOWHERE;
    const struct alias_slot *table = alias_table(b->arena, none ? all : up, n);
    free(up);
    free(all);
    return table;
}

/* --- the view --- */

static void start(struct build *b)
{
    const struct pool *pool = b->pool;
    size_t n_sets = (size_t)(pool->n_sites + 1) * FAMILIES;
    b->sums = xcalloc(pool->n_sites, sizeof *b->sums);
    b->sum_of = xmalloc(b->model->n_sites * sizeof *b->sum_of);
    b->sets = xcalloc(n_sets, sizeof *b->sets);
    b->have_set = xcalloc(n_sets, sizeof *b->have_set);
    memset(b->sum_of, 0xff, b->model->n_sites * sizeof *b->sum_of);
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        b->sums[i] = site_sum_up(b->model, pool, &pool->sites[i], b->states);
        b->sum_of[pool->sites[i].site] = i;
    }
}

static void finish(struct build *b)
{
    strmap_free(&b->known);
    free(b->sums);
    free(b->sum_of);
    free(b->sets);
    free(b->have_set);
}

static bool has_named_sites(const struct pool *pool)
{
    for (uint32_t i = 0; pool->named && i < pool->n_sites; i++) {
        if (pool->named[i])
            return true;
    }
    return false;
}

/* As pool_view.class_verdict. */
static const uint32_t *class_verdicts(struct build *b, uint32_t n_sites)
{
    uint32_t n_classes = b->steering->n_classes;
    uint32_t *of = arena_calloc(b->arena, n_classes + n_sites, sizeof *of);
    for (uint32_t i = 0; i < n_classes; i++) {
        struct outcome outcome = outcome_of(b, i);
        of[i] = intern(b, &outcome);
    }
    for (uint32_t i = 0; i < n_sites; i++) {
        struct outcome outcome = outcome_of_site(b, i);
        if (b->pool->named[i])
            of[n_classes + i] = intern(b, &outcome);
    }
    return of;
}

const struct pool_view *verdict_compile(const struct model *model, const struct steering *steering,
                                        uint32_t pool, const struct endpoint_state *states)
{
    struct build b = {.model = model,
                      .pool = &model->pools[pool],
                      .steering = steering,
                      .states = states,
                      .arena = arena_new()};
    struct pool_view *view = arena_calloc(b.arena, 1, sizeof *view);
    start(&b);
    uint32_t n_sites = has_named_sites(b.pool) ? b.pool->n_sites : 0;
    *view =
        (struct pool_view){.arena = b.arena, .n_classes = steering->n_classes, .n_sites = n_sites};
    view->class_verdict = class_verdicts(&b, n_sites);
    view->n_verdicts = (uint32_t)b.verdicts.n;
    if (b.pool->steer == STEER_SPLIT)
        view->split = split_table(&b);
    view->verdicts = vec_to_arena(&b.verdicts, b.arena);
    finish(&b);
    return view;
}
