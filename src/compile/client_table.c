/* SPDX-License-Identifier: Apache-2.0
 * Compiling client tables, each by itself or over a shared partition. */
#include "compile/client_table.h"

#include "base/give_way.h"
#include "base/lpm_share.h"
#include "compile/classes.h"
#include "compile/order.h"

#include <stdlib.h>

#define CLASS_NONE UINT32_MAX

/* Bytes a node of the partition's trie, rounded up: a table by itself has 7.2 MB of the country
 * database's 864,000 nodes, a shared partition 25 MB, and a table over it a bit for each of 234,000
 * sets. */
enum { BYTES_ALONE = 9, BYTES_SHARED = 32, NODES_A_BYTE = 24 };

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

static void table_init(struct table *t, const struct steering *s, struct arena *arena,
                       const struct model *model, const struct geo *geo)
{
    *t = (struct table){.geo = geo,
                        .class_of = xmalloc(geo->n_places * sizeof(uint32_t)),
                        .order = xcalloc(model->n_sites, sizeof(uint32_t))};
    memset(t->class_of, 0xff, geo->n_places * sizeof *t->class_of);
    orderer_init(&t->orderer, model, s->kind, s->map, s->sites);
    classes_init(&t->classes, arena);
}

static void table_free(struct table *t)
{
    classes_free(&t->classes);
    orderer_free(&t->orderer);
    free(t->class_of);
    free(t->order);
}

/* The class of an order that is in t->order; 0 once there are too many. */
static uint32_t intern(struct table *t, uint32_t n)
{
    uint32_t class_ = classes_intern(&t->classes, t->order, n);
    t->overflow = t->overflow || class_ >= STEER_CLASSES_MAX;
    return t->overflow ? 0 : class_;
}

static uint32_t class_of_place(struct table *t, uint32_t place)
{
    if (t->overflow)
        return 0;
    if (t->class_of[place] == CLASS_NONE)
        t->class_of[place] =
            intern(t, orderer_place(&t->orderer, &t->geo->places[place], t->order));
    return t->class_of[place];
}

static uint32_t class_of_network(struct table *t, const struct map_entry *network)
{
    return t->overflow ? 0 : intern(t, orderer_network(&t->orderer, network, t->order));
}

/* Place 0 in a private range is of nobody known. */
static uint32_t place_to_client(void *ctx, uint32_t place, uint32_t is_private)
{
    uint32_t class_ = class_of_place(ctx, place);
    return is_private && place == 0 ? class_ | CLIENT_UNPLACED : class_;
}

/* One pass over the base, which may have millions of nodes; what comes of it is small. */
static struct trie *zip_private(const struct geo *geo, trie_zip_fn *fn, void *ctx)
{
    struct trie *is_private = trie_new(0);
    for (size_t i = 0; i < ARRAY_LEN(private_ranges); i++)
        trie_set(is_private, &private_ranges[i], 1);
    struct trie *trie = trie_zip(geo->base, is_private, fn, ctx);
    trie_free(is_private);
    return trie;
}

typedef uint32_t network_value_fn(void *ctx, uint32_t network);

/* Longer networks are laid over shorter ones. */
static void lay_networks(struct trie *trie, const struct map_entries *networks,
                         network_value_fn *value, void *ctx)
{
    for (unsigned len = 0; len <= 128 && networks->n > 0; len++) {
        for (uint32_t i = 0; i < networks->n; i++) {
            struct ip_prefix at;
            if (trie_fold(&at, &networks->v[i].network) && at.len == len)
                trie_set(trie, &at, value(ctx, i));
        }
    }
}

static const struct map_entries *networks_of(const struct steering *s, const struct model *model)
{
    static const struct map_entries none = {0};
    return s->kind == STEER_MAP ? &model->maps[s->map].networks : &none;
}

/* --- a table by itself --- */

static uint32_t network_to_client(void *ctx, uint32_t network)
{
    struct table *t = ctx;
    return class_of_network(t, &t->orderer.map->networks.v[network]);
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
static struct census count_classes(const struct table *t, const struct trie *trie,
                                   const struct map_entries *networks)
{
    struct census census = {.class_ = CLASS_NONE};
    if (networks->n == 0)
        return (struct census){.many = t->classes.n > 1};
    trie_walk(trie, count_class, &census);
    return census;
}

/* Keeps the classes; false if no two clients differ in theirs: there is no need of a table. */
static bool keep_classes(struct steering *s, const struct table *t, struct census census)
{
    s->class_sites = classes_copy(&t->classes);
    s->n_classes = t->classes.n;
    if (census.many)
        return true;
    s->class_sites += census.class_;
    s->n_classes = 1;
    return false;
}

static void compile_alone(struct steer_plan *plan, struct arena *arena, const struct model *model,
                          const struct geo *geo)
{
    const struct map_entries *networks = networks_of(&plan->s, model);
    struct table t;
    table_init(&t, &plan->s, arena, model, geo);
    struct trie *trie = zip_private(geo, place_to_client, &t);
    lay_networks(trie, networks, network_to_client, &t);
    plan->overflowed = t.overflow;
    if (!t.overflow && keep_classes(&plan->s, &t, count_classes(&t, trie, networks)))
        plan->s.clients = lpm_compile(arena, trie);
    trie_free(trie);
    table_free(&t);
}

/* --- tables over a shared partition --- */

/* Its values: the places, place 0 in a private range, and the networks of the map. */
struct partition {
    const struct geo *geo;
    const struct map_entries *networks;
    uint32_t n_values;
    uint32_t *used; /* values that some client has: others hide behind networks */
    uint32_t n_used;
    bool *is_used;
    uint32_t *value_of;          /* room: what one steering gives to each value */
    struct sphere_point *points; /* of the places */
};

static uint32_t place_to_value(void *ctx, uint32_t place, uint32_t is_private)
{
    const struct partition *p = ctx;
    return is_private && place == 0 ? p->geo->n_places : place;
}

static uint32_t network_to_value(void *ctx, uint32_t network)
{
    const struct partition *p = ctx;
    return p->geo->n_places + 1 + network;
}

static void use_value(void *ctx, const struct ip_prefix *prefix, uint32_t value)
{
    struct partition *p = ctx;
    (void)prefix;
    if (p->is_used[value])
        return;
    p->is_used[value] = true;
    p->used[p->n_used++] = value;
}

static uint32_t value_class(struct table *t, const struct partition *p, uint32_t value)
{
    if (value < p->geo->n_places)
        return class_of_place(t, value);
    if (value == p->geo->n_places)
        return class_of_place(t, 0) | CLIENT_UNPLACED;
    return class_of_network(t, &p->networks->v[value - p->geo->n_places - 1]);
}

static void compile_shared(struct steer_plan *plan, struct lpm_maker *maker,
                           const struct partition *p, struct arena *arena,
                           const struct model *model)
{
    struct table t;
    table_init(&t, &plan->s, arena, model, p->geo);
    t.orderer.places = p->geo->places;
    t.orderer.place_points = p->points;
    for (uint32_t i = 0; i < p->n_used; i++) {
        give_way_often();
        p->value_of[p->used[i]] = value_class(&t, p, p->used[i]);
    }
    struct census census = {.class_ = 0, .many = t.classes.n > 1};
    plan->overflowed = t.overflow;
    if (!t.overflow && keep_classes(&plan->s, &t, census))
        plan->s.clients = lpm_maker_table(maker, p->value_of);
    table_free(&t);
}

static void partition_init(struct partition *p, const struct model *model, const struct geo *geo,
                           const struct map_entries *networks)
{
    *p = (struct partition){
        .geo = geo, .networks = networks, .n_values = geo->n_places + 1 + networks->n};
    p->used = xcalloc(p->n_values, sizeof *p->used);
    p->is_used = xcalloc(p->n_values, sizeof *p->is_used);
    p->value_of = xcalloc(p->n_values, sizeof *p->value_of);
    p->points = place_points(model, geo);
}

static void partition_free(struct partition *p)
{
    free(p->used);
    free(p->is_used);
    free(p->value_of);
    free(p->points);
}

/* Returns false when the partition has more leaves than are numbered. */
static bool compile_all_shared(const struct client_group *g, struct steer_plan *plans, uint32_t n,
                               struct arena *arena, const struct model *model)
{
    struct partition p;
    uint32_t first = 0;
    while (plans[first].group != g->group)
        first++;
    partition_init(&p, model, g->geo, networks_of(&plans[first].s, model));
    struct trie *trie = zip_private(g->geo, place_to_value, &p);
    lay_networks(trie, p.networks, network_to_value, &p);
    trie_walk(trie, use_value, &p);
    struct lpm_maker *maker = lpm_maker_new(arena, trie, p.n_values);
    for (uint32_t i = first; maker && i < n; i++)
        if (plans[i].group == g->group)
            compile_shared(&plans[i], maker, &p, arena, model);
    lpm_maker_free(maker);
    trie_free(trie);
    partition_free(&p);
    return maker != NULL;
}

uint64_t client_group_bytes(const struct client_group *g, bool share)
{
    uint64_t nodes = g->geo->base->n, each = nodes / NODES_A_BYTE + g->geo->n_places * 4;
    return share ? nodes * BYTES_SHARED + g->n_tables * each : nodes * BYTES_ALONE * g->n_tables;
}

void client_group_compile(const struct client_group *g, struct steer_plan *plans, uint32_t n,
                          struct arena *arena, const struct model *model)
{
    if (g->n_tables == 0 || (g->share && compile_all_shared(g, plans, n, arena, model)))
        return;
    for (uint32_t i = 0; i < n; i++)
        if (plans[i].group == g->group)
            compile_alone(&plans[i], arena, model, g->geo);
}
