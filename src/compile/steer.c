/* SPDX-License-Identifier: Apache-2.0
 * Compiling steerings: classes and client tables. */
#include "compile/steer.h"

#include "base/vec.h"
#include "compile/classes.h"
#include "compile/order.h"

#define CLASS_NONE UINT32_MAX
#define CLASSES_MAX CLIENT_UNPLACED /* classes are numbered below it */

/* Ranges that are never routed in public: what is sent from them says nothing of a place. */
static const struct ip_prefix private_ranges[] = {
    {{{10}, IP_V4}, 8},          /* RFC 1918 */
    {{{172, 16}, IP_V4}, 12},    /* RFC 1918 */
    {{{192, 168}, IP_V4}, 16},   /* RFC 1918 */
    {{{100, 64}, IP_V4}, 10},    /* RFC 6598, carrier-grade NAT */
    {{{127}, IP_V4}, 8},         /* RFC 1122 3.2.1.3, loopback */
    {{{169, 254}, IP_V4}, 16},   /* RFC 3927, link-local */
    {{{[15] = 1}, IP_V6}, 128},  /* RFC 4291 2.5.3, loopback */
    {{{0xfc}, IP_V6}, 7},        /* RFC 4193, unique local */
    {{{0xfe, 0x80}, IP_V6}, 10}, /* RFC 4291 2.5.6, link-local */
};

/* One steering being built. Memoises per place: a table has many leaves of one place. */
struct table {
    struct orderer orderer;
    struct classes classes;
    const struct geo *geo;
    uint32_t *class_of; /* n_places: CLASS_NONE until asked for */
    uint32_t *order;    /* room for one order */
    bool overflow;
};

static uint32_t class_of_place(struct table *t, uint32_t place)
{
    if (t->class_of[place] == CLASS_NONE) {
        uint32_t n = orderer_place(&t->orderer, &t->geo->places[place], t->order);
        t->class_of[place] = classes_intern(&t->classes, t->order, n);
    }
    return t->class_of[place];
}

/* Place 0 in a private range is of nobody known. */
static uint32_t place_to_client(void *ctx, uint32_t place, uint32_t is_private)
{
    struct table *t = ctx;
    if (t->overflow)
        return 0;
    uint32_t class_ = class_of_place(t, place);
    t->overflow = class_ >= CLASSES_MAX - 1;
    if (t->overflow)
        return 0;
    return is_private && place == 0 ? class_ | CLIENT_UNPLACED : class_;
}

/* Longer networks are laid over shorter ones. */
static void lay_networks(struct table *t, struct trie *trie, const struct map_entries *networks)
{
    for (unsigned len = 0; len <= 128 && networks->n > 0; len++) {
        for (uint32_t i = 0; i < networks->n; i++) {
            struct ip_prefix at;
            if (!trie_fold(&at, &networks->v[i].network) || at.len != len)
                continue;
            uint32_t n = orderer_network(&t->orderer, &networks->v[i], t->order);
            uint32_t class_ = classes_intern(&t->classes, t->order, n);
            t->overflow = t->overflow || class_ >= CLASSES_MAX - 1;
            trie_set(trie, &at, t->overflow ? 0 : class_);
        }
    }
}

/* One pass over the base, which may have millions of nodes; what comes of it is small. */
static struct trie *client_trie(struct table *t)
{
    struct trie *is_private = trie_new(0);
    for (size_t i = 0; i < ARRAY_LEN(private_ranges); i++)
        trie_set(is_private, &private_ranges[i], 1);
    struct trie *trie = trie_zip(t->geo->base, is_private, place_to_client, t);
    trie_free(is_private);
    if (t->orderer.kind == STEER_MAP)
        lay_networks(t, trie, &t->orderer.map->networks);
    return trie;
}

struct census {
    uint32_t class_; /* the first one met */
    bool many;
};

static void count_class(void *ctx, const struct ip_prefix *prefix, uint32_t value)
{
    struct census *census = ctx;
    (void)prefix;
    if (census->class_ == CLASS_NONE)
        census->class_ = CLIENT_CLASS(value);
    census->many = census->many || census->class_ != CLIENT_CLASS(value);
}

/* Whether two clients differ in their class. Each class came from a leaf, but a map's networks may
 * have hidden all leaves of one. */
static struct census count_classes(const struct table *t, const struct trie *trie)
{
    struct census census = {.class_ = CLASS_NONE};
    if (t->orderer.kind != STEER_MAP || t->orderer.map->networks.n == 0)
        return (struct census){.many = t->classes.n > 1};
    trie_walk(trie, count_class, &census);
    return census;
}

/* Keeps the classes, and the table of clients if it tells any two of them apart. */
static void keep(struct steering *s, const struct table *t, struct arena *arena,
                 const struct trie *trie)
{
    struct census census = count_classes(t, trie);
    s->class_sites = classes_copy(&t->classes);
    s->n_classes = t->classes.n;
    if (census.many) {
        s->clients = lpm_compile(arena, trie);
        return;
    }
    s->class_sites += census.class_;
    s->n_classes = 1;
}

/* Nearest and map: the classes come from what clients there are. Returns 0 or E_RANGE. */
static int compile_by_client(struct steering *s, struct arena *arena, const struct model *model,
                             const struct geo *geo)
{
    struct table t = {.geo = geo,
                      .class_of = xmalloc(geo->n_places * sizeof(uint32_t)),
                      .order = xcalloc(model->n_sites, sizeof(uint32_t))};
    memset(t.class_of, 0xff, geo->n_places * sizeof *t.class_of);
    orderer_init(&t.orderer, model, s->kind, s->map, s->sites);
    classes_init(&t.classes, arena);
    struct trie *trie = client_trie(&t);
    if (!t.overflow)
        keep(s, &t, arena, trie);
    trie_free(trie);
    classes_free(&t.classes);
    orderer_free(&t.orderer);
    free(t.class_of);
    free(t.order);
    return t.overflow ? E_RANGE : 0;
}

/* A class per site: it first, the others as they stand. */
static void compile_split(struct steering *s, struct arena *arena)
{
    struct u32_list *lists = arena_calloc(arena, s->sites.n, sizeof *lists);
    for (uint32_t i = 0; i < s->sites.n; i++) {
        uint32_t *list = arena_calloc(arena, s->sites.n, sizeof *list);
        uint32_t n = 0;
        list[n++] = s->sites.v[i];
        for (uint32_t k = 0; k < s->sites.n; k++) {
            if (k != i)
                list[n++] = s->sites.v[k];
        }
        lists[i] = (struct u32_list){list, n};
    }
    s->class_sites = lists;
    s->n_classes = s->sites.n;
}

static void compile_one_class(struct steering *s, struct arena *arena)
{
    struct u32_list *list = arena_calloc(arena, 1, sizeof *list);
    *list = s->sites;
    s->n_classes = 1;
    s->class_sites = list;
}

static bool pool_has_site(const struct pool *pool, uint32_t site)
{
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        if (pool->sites[i].site == site)
            return true;
    }
    return false;
}

/* The sites that matter: those of an order that the pool has, those of a split with a weight, else
 * all. Nothing left means all, so that a pool never is without sites. */
static struct u32_list steering_sites(struct arena *arena, const struct pool *pool)
{
    uint32_t max = pool->n_sites > pool->order.n ? pool->n_sites : pool->order.n;
    uint32_t *sites = arena_calloc(arena, max, sizeof *sites), n = 0;
    for (uint32_t i = 0; pool->steer == STEER_ORDER && i < pool->order.n; i++) {
        if (pool_has_site(pool, pool->order.v[i]))
            sites[n++] = pool->order.v[i];
    }
    for (uint32_t i = 0; pool->steer == STEER_SPLIT && i < pool->n_sites; i++) {
        if (pool->sites[i].split_weight > 0)
            sites[n++] = pool->sites[i].site;
    }
    for (uint32_t i = 0; n == 0 && i < pool->n_sites; i++)
        sites[i] = pool->sites[i].site;
    return (struct u32_list){sites, n > 0 ? n : pool->n_sites};
}

static bool list_equal(struct u32_list a, struct u32_list b)
{
    return a.n == b.n && memcmp(a.v, b.v, a.n * sizeof *a.v) == 0;
}

static struct steering steering_of(struct arena *arena, const struct pool *pool)
{
    struct steering s = {.kind = pool->steer,
                         .map = pool->steer == STEER_MAP ? pool->map : MODEL_NONE,
                         .sites = steering_sites(arena, pool)};
    return s;
}

/* What tables are compiled from. Maps see codes, not coordinates. */
struct partitions {
    const struct geo *full;
    struct geo *codes; /* NULL: no need of it */
};

/* Reducing costs as much as one table. */
static struct geo *partition_by_codes(const struct model *model, const struct geo *geo)
{
    struct geo_wants wants = {0};
    if (model->n_maps < 2)
        return NULL;
    for (uint32_t i = 0; i < model->n_maps; i++) {
        wants.asn |= model->maps[i].asns.n > 0;
        wants.subdivision |= model->maps[i].subdivisions.n > 0;
    }
    return geo_reduce(geo, wants);
}

static int compile_one(struct steering *s, struct arena *arena, const struct model *model,
                       const struct partitions *from)
{
    bool by_map = s->kind == STEER_MAP;
    switch (s->kind) {
    case STEER_NEAREST:
    case STEER_MAP:
        if (s->sites.n > 1)
            return compile_by_client(s, arena, model,
                                     by_map && from->codes ? from->codes : from->full);
        break;
    case STEER_SPLIT:
        compile_split(s, arena);
        return 0;
    case STEER_ALL:
    case STEER_ORDER:
        break;
    }
    compile_one_class(s, arena);
    return 0;
}

typedef VEC(struct steering) steering_vec;

/* The steering of a pool among those seen, compiled if it is new. */
static int intern(uint32_t *index, steering_vec *seen, struct arena *arena,
                  const struct model *model, const struct partitions *from, const struct pool *pool)
{
    struct steering s = steering_of(arena, pool);
    for (*index = 0; *index < seen->n; ++*index) {
        const struct steering *other = &seen->v[*index];
        if (other->kind == s.kind && other->map == s.map && list_equal(other->sites, s.sites))
            return 0;
    }
    int code = compile_one(&s, arena, model, from);
    *vec_push(seen) = s;
    return code;
}

/* The larger family among some endpoints; names count as one. */
static uint32_t largest_family(const struct model *model, uint32_t first, uint32_t n)
{
    uint32_t v6 = 0;
    for (uint32_t i = first; i < first + n; i++)
        v6 += model->endpoints[i].addr.family == IP_V6;
    return v6 > n - v6 ? v6 : n - v6;
}

static int check_sizes(const struct model *model, const struct pool *pool, struct diags *diags)
{
    uint32_t sum = 0, most = 0;
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        const struct pool_site *site = &pool->sites[i];
        uint32_t n = largest_family(model, site->first_endpoint, site->n_endpoints);
        most = n > most ? n : most;
        sum += n;
    }
    uint32_t n = pool->steer == STEER_ALL ? sum : most;
    if (n <= PICKSET_MAX)
        return 0;
    diag_error(diags, pool->span,
               "pool %s has %u endpoints of one family in %s: at most %d can be candidates for an "
               "answer; split the pool",
               pool->name, n, pool->steer == STEER_ALL ? "all sites together" : "one site",
               PICKSET_MAX);
    return E_RANGE;
}

int steer_compile(struct steerings *out, struct arena *arena, const struct model *model,
                  const struct geo *geo, struct diags *diags)
{
    steering_vec seen = {0};
    struct partitions from = {geo, partition_by_codes(model, geo)};
    uint32_t *of_pool = arena_calloc(arena, model->n_pools, sizeof *of_pool);
    int result = 0;
    for (uint32_t i = 0; i < model->n_pools; i++) {
        const struct pool *pool = &model->pools[i];
        if (check_sizes(model, pool, diags) != 0)
            result = E_RANGE;
        if (intern(&of_pool[i], &seen, arena, model, &from, pool) == 0)
            continue;
        diag_error(diags, pool->span,
                   "pool %s: its %u sites make more than %u different orders for clients; use "
                   "fewer sites, or a map instead of nearest",
                   pool->name, pool->n_sites, CLASSES_MAX - 1);
        result = E_RANGE;
    }
    geo_free(from.codes);
    out->n = (uint32_t)seen.n;
    out->v = vec_to_arena(&seen, arena);
    out->of_pool = of_pool;
    return result;
}
